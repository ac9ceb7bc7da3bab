//! The sweep of screen 3: variants of the selected architecture as points over two figures, walked through with the arrows.

use std::str::FromStr;
use std::sync::Arc;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::symbols::Marker;
use ratatui::text::Line;
use ratatui::widgets::{Axis, Chart, Dataset, GraphType, Paragraph, Wrap};

use super::text::{fitting_title, frame, left, right, styled_line};
use crate::graph::figures::{grouped, short};
use crate::report::plot::{Axis as Along, Scale};
use crate::report::sweep::amount;
use crate::run::sweep::{Figure, Figures, Sweep, Variant, Vary, front};
use crate::spec::kinds::TOP_LEVEL;
use crate::tui::keys::Action;
use crate::tui::keys::table::Compare;
use crate::tui::layout::{Panes, visible_rows};
use crate::tui::msg::{Effect, Region, Target};
use crate::tui::state::overlay::Purpose;
use crate::tui::state::views::SweepView;
use crate::tui::state::{Pane, State};
use crate::tui::update::{moved, scrolled};
use crate::tui::{overlays, screens};

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

/// Takes what was typed and has it worked out.
pub fn ask(state: &mut State, text: &str) -> Result<Vec<Effect>, String> {
    let varies = varies(text)?;
    let Some(entry) = state.entry() else { return Err("there is no architecture".into()) };
    let edited = entry.editor.as_ref().filter(|editor| editor.is_changed()).map(|editor| editor.text());
    let base = edited.or_else(|| entry.text.clone()).ok_or("it cannot be read")?;
    let origin = entry.origin.clone();
    (state.compare.sweep.typed, state.compare.sweep.asked_of) = (text.to_string(), base.clone());
    Ok(vec![Effect::Sweep { origin, text: base, varies }])
}

/// Takes variants that were worked out; where none is a network, what was there stays.
pub fn take(state: &mut State, sweep: Arc<Sweep>) {
    let bad = sweep.variants.iter().filter(|own| own.result.is_err()).count();
    let why =
        sweep.variants.iter().find_map(|own| own.result.as_ref().err()).map_or_else(String::new, |why| why.to_string());
    if bad == sweep.variants.len() {
        state.complain(format!("none of the variants is a network: {why}"));
        return;
    }
    let view = &mut state.compare.sweep;
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
        1 => format!("; 1 is no network: {why}"),
        bad => format!("; {bad} are no networks: {why}"),
    };
    state.tell(format!("{count} on the front{rest}"));
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

pub fn step(state: &mut State, by: isize) {
    let view = &mut state.compare.sweep;
    view.cursor = moved(view.cursor, by, view.order.len());
}

pub fn keep_in_view(state: &mut State, table: Rect) {
    let view = &mut state.compare.sweep;
    view.offset = scrolled(view.offset, view.cursor, visible_rows(table, 1), view.order.len());
}

pub fn act(state: &mut State, action: Action) -> Option<Vec<Effect>> {
    match action {
        Action::Compare(Compare::Vary) => {
            let typed = state.compare.sweep.typed.clone();
            overlays::ask_path(state, Purpose::Vary, typed);
        }
        Action::Compare(Compare::Number) => {
            let view = &mut state.compare.sweep;
            view.pair = (view.pair + 1) % PAIRS.len();
            sort(view);
        }
        Action::Compare(Compare::Changes) => {
            let view = &mut state.compare.sweep;
            view.only_front = !view.only_front;
            sort(view);
        }
        Action::Compare(Compare::Open) => return Some(open(state)),
        Action::Copy => {
            let view = &state.compare.sweep;
            let text = view.selected().and_then(|own| view.of.as_ref()?.yaml(own).ok());
            return Some(text.map(Effect::Copy).into_iter().collect());
        }
        _ => return None,
    }
    Some(Vec::new())
}

/// The variant in the editor: its changes stand behind the architecture's own text, which stays with its comments.
fn open(state: &mut State) -> Vec<Effect> {
    let view = &state.compare.sweep;
    let Some((variant, sweep)) = view.selected().zip(view.of.as_ref()) else {
        state.tell("say first what is varied: a");
        return Vec::new();
    };
    let (origin, number, of_text) =
        (sweep.plan.bases[variant.base].origin.clone(), variant.number, view.of_text.clone());
    let sets = sweep.sets(variant);
    let Some(at) = state.position(&origin) else {
        state.tell("its architecture is no longer in the list");
        return Vec::new();
    };
    let entry = &state.entries[at];
    if entry.is_edited() {
        let id = entry.id.clone();
        state.complain(format!("{id} has changes that are not saved; save or undo them first"));
        return Vec::new();
    }
    if entry.text.as_ref() != Some(&of_text) {
        let id = entry.id.clone();
        state.complain(format!("{id} has changed since; a sweeps it anew"));
        return Vec::new();
    }
    let Some(text) = changed_text(&of_text, &sets) else {
        state.tell("these changes cannot be put behind the text; y copies the variant as a file");
        return Vec::new();
    };
    state.selected = at;
    state.screen = screens::Screen::Edit;
    let mut effects = screens::edit::enter(state);
    effects.extend(screens::edit::edited_outside(state, &origin, &text));
    state
        .tell(format!("variant {number}: its changes stand at the end; ^T saves it as a variant in a file of its own"));
    effects
}

/// A text with `override:` at its end; nothing where it has one, or where other keys are changed.
fn changed_text(text: &str, sets: &[(String, String)]) -> Option<String> {
    let is_of_layer = |key: &str| !TOP_LEVEL.contains(&key.split('.').next().unwrap_or(key));
    if text.lines().any(|line| line.starts_with("override:")) || !sets.iter().all(|(key, _)| is_of_layer(key)) {
        return None;
    }
    let mut layers: Vec<(&str, Vec<String>)> = Vec::new();
    for (key, value) in sets {
        let (layer, field) = key.rsplit_once('.')?;
        let change = format!("{field}: {value}");
        match layers.iter_mut().find(|(own, _)| *own == layer) {
            Some((_, changes)) => changes.push(change),
            None => layers.push((layer, vec![change])),
        }
    }
    let lines = layers.iter().map(|(layer, changes)| format!("  {layer}: {{{}}}\n", changes.join(", ")));
    Some(format!("{}\noverride:\n{}", text.trim_end(), lines.collect::<String>()))
}

pub fn draw(state: &State, frame_: &mut Frame, panes: &Panes, regions: &mut Vec<Region>) {
    if panes.table.is_empty() {
        return;
    }
    let (theme, view) = (&state.theme, &state.compare.sweep);
    let [x, y] = view.pair();
    let title = match &view.of {
        Some(sweep) => {
            let only = if view.only_front { ", the front alone" } else { "" };
            format!(" {}: {} over {}{only} ", sweep.plan.bases[0].id, y.words(), x.words())
        }
        None => " Sweep ".to_string(),
    };
    let block = frame(fitting_title(&title, panes.table), theme, state.pane == Pane::Main);
    let inside = block.inner(panes.table);
    frame_.render_widget(block, panes.table);
    if view.of.is_none() || view.order.is_empty() {
        let words = [
            "",
            " a asks what is varied: conv.kernel=3,5 block3.*.out=64..256/64",
            " Every combination of the selected architecture is counted, and stands here as a point;",
            " the arrows walk through them, and ⏎ opens one in the editor.",
            "",
            " Timed and trained they are on the command line: convlens sweep --measure, --train.",
        ];
        let words: Vec<Line> = words.into_iter().map(Line::from).collect();
        frame_.render_widget(Paragraph::new(words).wrap(Wrap { trim: false }).style(theme.dim), inside);
        return;
    }
    let is_wide = inside.width >= WIDE;
    let list = if is_wide { LIST } else { 0 };
    let [chart, list] = Layout::horizontal([Constraint::Min(20), Constraint::Length(list)]).areas(inside);
    draw_chart(state, frame_, chart);
    if is_wide {
        draw_list(state, frame_, list, regions);
    }
    draw_variant(state, frame_, panes.working);
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
fn draw_chart(state: &State, frame_: &mut Frame, area: Rect) {
    let (theme, view) = (&state.theme, &state.compare.sweep);
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

fn draw_list(state: &State, frame_: &mut Frame, area: Rect, regions: &mut Vec<Region>) {
    let (theme, view) = (&state.theme, &state.compare.sweep);
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
        regions.push(Region { area: Rect { y, height: 1, ..area }, target: Target::Compared(at) });
        let line = styled_line(left(&text, usize::from(area.width)), theme.text);
        lines.push(line.style(theme.row(at == view.cursor, state.pane == Pane::Main)));
    }
    frame_.render_widget(Paragraph::new(lines), area);
}

/// What the variant under the cursor is, and what it costs and sees.
fn draw_variant(state: &State, frame_: &mut Frame, area: Rect) {
    if area.is_empty() {
        return;
    }
    let (theme, view) = (&state.theme, &state.compare.sweep);
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
