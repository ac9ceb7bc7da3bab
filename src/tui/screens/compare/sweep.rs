//! Variants of the selected architecture as points over two figures, walked through with the arrows.

use std::str::FromStr;
use std::sync::Arc;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::symbols::Marker;
use ratatui::text::Line;
use ratatui::widgets::{Axis, Chart, Dataset, GraphType, Paragraph, Wrap};

use super::state::{Action, SweepView};
use crate::graph::figures::{grouped, short};
use crate::report::plot::{Axis as Along, Scale};
use crate::report::sweep::amount;
use crate::run::sweep::{Figure, Figures, Sweep, Variant, Vary, front};
use crate::spec::{Origin, amend};
use crate::tui::input::scrolled;
use crate::tui::model::Model;
use crate::tui::screen::{Canvas, View};
use crate::tui::widgets::panes::visible_rows;
use crate::tui::widgets::text::{fitting_title, frame, left, right, styled_line};
use crate::tui::widgets::theme::Theme;

/// Pairs of figures that a front can be of: what it costs, and what it sees or costs beside.
const PAIRS: [[Figure; 2]; 4] = [
    [Figure::Macs, Figure::Field],
    [Figure::Params, Figure::Field],
    [Figure::Params, Figure::Macs],
    [Figure::TrainMemory, Figure::Macs],
];
/// Columns from which on the variants stand in a list beside their points.
const WIDE: u16 = 84;
const LIST: u16 = 44;

impl SweepView {
    fn pair(&self) -> [Figure; 2] {
        PAIRS[self.pair % PAIRS.len()]
    }

    /// The variant under the cursor.
    pub fn selected(&self) -> Option<&Variant> {
        self.of.as_ref()?.variants.get(*self.order.get(self.cursor)?)
    }
}

/// What is varied, from what was typed.
pub fn varies(text: &str) -> Result<Vec<Vary>, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    if words.is_empty() {
        return Err("expected KEY=VALUES, such as `conv.kernel=3,5 block3.*.out=64..256/64`".into());
    }
    words.into_iter().map(|word| Vary::from_str(word).map_err(|why| why.to_string())).collect()
}

/// Takes what was typed: the architecture, its text, and what is varied of it.
pub fn ask(view: &mut SweepView, model: &Model, text: &str) -> Result<(Origin, String, Vec<Vary>), String> {
    let varies = varies(text)?;
    let Some(entry) = model.entry() else { return Err("there is no architecture".into()) };
    let edited = entry.editor.as_ref().filter(|editor| editor.is_changed()).map(|editor| editor.text());
    let base = edited.or_else(|| entry.text.clone()).ok_or("it cannot be read")?;
    (view.typed, view.asked_of) = (text.to_string(), base.clone());
    Ok((entry.origin.clone(), base, varies))
}

/// Takes variants that were worked out; where none is a network, what was there stays.
pub fn take(view: &mut SweepView, model: &mut Model, sweep: Arc<Sweep>) {
    let bad = sweep.variants.iter().filter(|own| own.result.is_err()).count();
    let why =
        sweep.variants.iter().find_map(|own| own.result.as_ref().err()).map_or_else(String::new, |why| why.to_string());
    if bad == sweep.variants.len() {
        model.complain(format!("None of the variants is valid: {why}"));
        return;
    }
    (view.of_text, view.cursor, view.only_front) = (view.asked_of.clone(), 0, false);
    // Two figures of which neither is the same for all.
    let varies = |figure: Figure| {
        let mut values = sweep.variants.iter().filter_map(|own| own.result.as_ref().ok()?.get(figure));
        let first = values.next();
        values.any(|own| Some(own) != first)
    };
    view.pair = PAIRS.iter().position(|pair| pair.iter().all(|figure| varies(*figure))).unwrap_or(0);
    view.of = Some(sweep);
    sort(view);
    let count = view.front.iter().filter(|own| **own).count();
    let rest = match bad {
        0 => String::new(),
        1 => format!("; 1 is not valid: {why}"),
        bad => format!("; {bad} are not valid: {why}"),
    };
    model.tell(format!("{count} on the front{rest}"));
}

/// In the order of the horizontal figure, so that the arrows walk along the front.
fn sort(view: &mut SweepView) {
    let Some(sweep) = &view.of else { return };
    let pair = view.pair();
    let figures: Vec<Option<Figures>> = sweep.variants.iter().map(|own| own.result.as_ref().ok().copied()).collect();
    view.front = front(&figures, pair);
    let place = |at: usize| pair.map(|figure| figures[at].and_then(|own| own.get(figure)));
    let mut order: Vec<usize> = (0..figures.len())
        .filter(|at| place(*at).iter().all(Option::is_some) && (!view.only_front || view.front[*at]))
        .collect();
    order.sort_by(|one, other| {
        let ([x, y], [other_x, other_y]) = (place(*one), place(*other));
        let least = |value: Option<f64>| value.unwrap_or(f64::INFINITY);
        least(x).total_cmp(&least(other_x)).then(least(y).total_cmp(&least(other_y))).then(one.cmp(other))
    });
    view.order = order;
    view.cursor = view.cursor.min(view.order.len().saturating_sub(1));
}

/// Another two figures.
pub fn next_pair(view: &mut SweepView) {
    view.pair = (view.pair + 1) % PAIRS.len();
    sort(view);
}

/// The front alone, or all.
pub fn narrow(view: &mut SweepView) {
    view.only_front = !view.only_front;
    sort(view);
}

/// The variant under the cursor as an architecture file.
pub fn as_text(view: &SweepView) -> Option<String> {
    let own = view.selected()?;
    view.of.as_ref()?.yaml(own).ok()
}

pub fn refresh(view: &mut SweepView, table: Rect) {
    view.offset = scrolled(view.offset, view.cursor, visible_rows(table, 1), view.order.len());
}

/// The text of the variant under the cursor, for the editor: its changes stand behind the architecture's own text, which stays with
/// its comments. Its architecture is selected; the error says why it cannot be opened.
pub fn open(view: &SweepView, model: &mut Model) -> Result<(u64, String), String> {
    let found = view.selected().zip(view.of.as_ref());
    let (variant, sweep) = found.ok_or("Press i first to say what to vary.")?;
    let origin = &sweep.plan.bases[variant.base].origin;
    let sets = sweep.sets(variant);
    let at = model.position(origin).ok_or("The architecture is no longer in the list.")?;
    let (entry, of_text) = (&model.entries[at], &view.of_text);
    if entry.is_edited() {
        return Err(format!("{} has unsaved changes. Save or undo them first.", entry.id));
    }
    if entry.text.as_ref() != Some(of_text) {
        return Err(format!("{} has changed since. Press i to sweep it again.", entry.id));
    }
    let text = amend::of_sets(&sets)
        .and_then(|changes| amend::with(of_text, &changes))
        .ok_or("These changes cannot be added to the text. Press y to copy the variant as a file.")?;
    model.selected = at;
    Ok((variant.number, text))
}

pub fn draw(sweep_view: &SweepView, view: &View, canvas: &mut Canvas<Action>) {
    let table = view.panes.table;
    if table.is_empty() {
        return;
    }
    let (theme, own) = (&view.theme, sweep_view);
    let [x, y] = own.pair();
    let title = match &own.of {
        Some(sweep) => {
            let only = if own.only_front { ", the front alone" } else { "" };
            format!(" {}: {} over {}{only} ", sweep.plan.bases[0].id, y.words(), x.words())
        }
        None => " Sweep ".to_string(),
    };
    let block = frame(fitting_title(&title, table), theme, view.has_keys);
    let inside = block.inner(table);
    canvas.frame.render_widget(block, table);
    if own.of.is_none() || own.order.is_empty() {
        let words = [
            "",
            " i asks what to vary: conv.kernel=3,5 block3.*.out=64..256/64",
            " Every combination is worked out and stands here as a point;",
            " arrows walk through them, ⏎ opens one in the editor.",
            "",
            " To time or train them: convlens sweep --measure, --train.",
        ];
        let words: Vec<Line> = words.into_iter().map(Line::from).collect();
        canvas.frame.render_widget(Paragraph::new(words).wrap(Wrap { trim: false }).style(theme.dim), inside);
        return;
    }
    let is_wide = inside.width >= WIDE;
    let list = if is_wide { LIST } else { 0 };
    let [chart, list] = Layout::horizontal([Constraint::Min(20), Constraint::Length(list)]).areas(inside);
    draw_chart(own, theme, canvas.frame, chart);
    if is_wide {
        draw_list(own, view, canvas, list);
    }
    draw_variant(own, theme, canvas.frame, view.panes.working);
}

fn along(figure: Figure, values: &[f64]) -> Option<(Along, Scale)> {
    let (least, most) =
        values.iter().fold((f64::INFINITY, 0.0f64), |(least, most), own| (least.min(*own), most.max(*own)));
    let is_logarithmic = least > 0.0 && most / least > 20.0;
    let axis = Along { name: figure.words().into(), is_logarithmic, write: amount };
    let scale = axis.scale(values.iter().copied())?;
    Some((axis, scale))
}

/// Points in parts of the axes, so that powers of ten stand as far apart as they are.
fn draw_chart(view: &SweepView, theme: &Theme, frame_: &mut Frame, area: Rect) {
    let Some(sweep) = &view.of else { return };
    let pair = view.pair();
    let figures = |at: usize| sweep.variants[at].result.as_ref().ok();
    let value = |at: usize, axis: usize| figures(at).and_then(|own| own.get(pair[axis])).unwrap_or(f64::NAN);
    let values = |axis: usize| view.order.iter().map(|at| value(*at, axis)).collect::<Vec<f64>>();
    let (Some((x_axis, x)), Some((y_axis, y))) = (along(pair[0], &values(0)), along(pair[1], &values(1))) else {
        return;
    };
    let point = |at: usize| (x.place(value(at, 0)), y.place(value(at, 1)));
    let of = |on_front: bool| -> Vec<(f64, f64)> {
        view.order.iter().filter(|at| view.front[**at] == on_front).map(|at| point(*at)).collect()
    };
    let (rest, best) = (of(false), of(true));
    let here: Vec<(f64, f64)> = view.order.get(view.cursor).map(|at| point(*at)).into_iter().collect();
    let points = |data, marker: Marker, style| {
        Dataset::default().marker(marker).graph_type(GraphType::Scatter).style(style).data(data)
    };
    let datasets = vec![
        points(&rest[..], Marker::Braille, theme.dim),
        points(&best[..], Marker::Dot, theme.good),
        points(&here[..], Marker::Block, theme.accent),
    ];
    let ends = |axis: &Along, scale: &Scale| {
        let [first, last] = scale.ends();
        [(axis.write)(first), (axis.write)(last)]
    };
    let drawn = |axis: &Along, scale: &Scale| {
        Axis::default().title(axis.name.clone()).style(theme.dim).bounds([0.0, 1.0]).labels(ends(axis, scale))
    };
    frame_.render_widget(Chart::new(datasets).x_axis(drawn(&x_axis, &x)).y_axis(drawn(&y_axis, &y)), area);
}

/// The figures of a pair, short.
fn figure(own: &Figures, figure: Figure) -> String {
    own.get(figure).map_or_else(|| "–".into(), |value| short(value as u64))
}

fn draw_list(sweep_view: &SweepView, view: &View, canvas: &mut Canvas<Action>, area: Rect) {
    let (theme, has_keys, view) = (&view.theme, view.has_keys, sweep_view);
    let Some(sweep) = &view.of else { return };
    let pair = view.pair();
    let heading = format!("   {}{}{}", left("values", 18), right(pair[0].name(), 11), right(pair[1].name(), 11));
    let mut lines = vec![styled_line(heading, theme.dim)];
    let rows = usize::from(area.height).saturating_sub(1);
    for (at, index) in view.order.iter().enumerate().skip(view.offset).take(rows) {
        let variant = &sweep.variants[*index];
        let Ok(own) = &variant.result else { continue };
        let mark = if view.front[*index] { "●" } else { " " };
        let values = left(&variant.values.join(", "), 18);
        let text = format!(" {mark} {values}{}{}", right(&figure(own, pair[0]), 11), right(&figure(own, pair[1]), 11));
        let y = area.y + lines.len() as u16;
        canvas.click(Rect { y, height: 1, ..area }, Action::Row(at));
        let line = styled_line(left(&text, usize::from(area.width)), theme.text);
        lines.push(line.style(theme.row(at == view.cursor, has_keys)));
    }
    canvas.frame.render_widget(Paragraph::new(lines), area);
}

/// What the variant under the cursor is, and what it costs and sees.
fn draw_variant(view: &SweepView, theme: &Theme, frame_: &mut Frame, area: Rect) {
    if area.is_empty() {
        return;
    }
    let (Some(variant), Some(sweep)) = (view.selected(), &view.of) else { return };
    let Ok(own) = &variant.result else { return };
    let place = format!(" Variant {}, {} of {} ", variant.number, view.cursor + 1, grouped(view.order.len() as u64));
    let set = sweep.plan.varies.iter().zip(&variant.values).map(|(vary, value)| format!("{} {value}", vary.name()));
    let on_front = view.order.get(view.cursor).is_some_and(|at| view.front[*at]);
    let count = view.front.iter().filter(|own| **own).count();
    let front = match (on_front, own.is_within) {
        (true, _) if count == 1 => " ● alone on the front: none is better in both".to_string(),
        (true, _) => format!(" ● one of {count} on the front: none is better in both"),
        (false, true) => {
            " not on the front: another is better in both, or in one and no worse in the other".to_string()
        }
        (false, false) => " over the budget, and left out of the front".to_string(),
    };
    let field = own.field.map_or_else(|| "?".into(), grouped);
    let lines = vec![
        styled_line(format!(" {}", set.collect::<Vec<_>>().join("   ")), theme.text),
        styled_line(
            format!(" params {}   MACs {}   field {field}", grouped(own.params), grouped(own.macs)),
            theme.text,
        ),
        styled_line(format!(" training {}", crate::graph::figures::bytes(own.train_memory)), theme.text),
        styled_line(front, if on_front { theme.good } else { theme.dim }),
    ];
    let block = frame(fitting_title(&place, area), theme, false);
    frame_.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }).block(block), area);
}
