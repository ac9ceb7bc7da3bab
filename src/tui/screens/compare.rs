//! Screen 3: two to four architectures side by side, aligned block by block; or the kernel study ([`super::kernels`]).

use std::sync::Arc;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};
use unicode_width::UnicodeWidthStr;

use super::text::{bar, fitting_title, frame, left, plain_span, right, styled_line, styled_span};
use super::{kernels, sweep};
use crate::graph::compare::{self, Cell, Row};
use crate::graph::figures::{self, field_text, grouped, short, signed, signed_short};
use crate::graph::{Graph, Layer, Shape};
use crate::run::measure::Timing;
use crate::tui::keys::table::Compare;
use crate::tui::keys::{Action, Context};
use crate::tui::layout::{Panes, visible_rows};
use crate::tui::msg::{Effect, Region, Target};
use crate::tui::state::views::{Number, Timed};
use crate::tui::state::{Entry, Pane, State};
use crate::tui::update::{moved, scrolled};
use crate::visible::visible;

/// Most architectures side by side.
const MOST: usize = 4;

pub fn context(state: &State) -> Context {
    match () {
        _ if state.compare.sweep.is_shown => Context::Sweep,
        _ if state.compare.kernels => Context::Kernels,
        _ => Context::Designs,
    }
}

/// The architectures that are compared: the marked ones, and the selected one after them.
pub fn compared(state: &State) -> Vec<&Entry> {
    let marked = state.compare.marked.iter().filter_map(|origin| state.position(origin)).map(|at| &state.entries[at]);
    let mut all: Vec<&Entry> = marked.collect();
    if let Some(selected) = state.entry()
        && all.len() < MOST
        && !all.iter().any(|entry| entry.origin == selected.origin)
    {
        all.push(selected);
    }
    all.retain(|entry| entry.network().is_some());
    all
}

fn networks(state: &State) -> Vec<&Graph> {
    compared(state).into_iter().filter_map(Entry::network).collect()
}

/// Works the rows out again when other networks are compared.
pub fn refresh(state: &mut State) {
    if state.screen != super::Screen::Compare || state.compare.kernels || state.compare.sweep.is_shown {
        return;
    }
    let now: Vec<Arc<Graph>> =
        compared(state).into_iter().filter_map(|entry| entry.shared_network().cloned()).collect();
    let before = &state.compare.of;
    let same = before.len() == now.len() && before.iter().zip(&now).all(|(before, now)| Arc::ptr_eq(before, now));
    if !same {
        // Times belong to the networks that were timed.
        if matches!(state.compare.times, Some((Timed::Designs(_), _))) {
            state.compare.times = None;
        }
        let networks: Vec<&Graph> = now.iter().map(|network| &**network).collect();
        state.compare.rows = Arc::new(compare::rows(&networks));
        state.compare.of = now;
    }
}

/// Adds the selected architecture to those compared, or takes it away.
pub fn mark(state: &mut State) {
    let Some(entry) = state.entry() else { return };
    let (origin, id) = (entry.origin.clone(), entry.id.clone());
    let marked = &mut state.compare.marked;
    let words = match marked.iter().position(|own| *own == origin) {
        Some(at) => {
            marked.remove(at);
            format!("{id} is no longer marked")
        }
        None if marked.len() == MOST => format!("{MOST} are marked already; take one away first"),
        None => {
            marked.push(origin);
            match marked.len() {
                1 => format!("{id} is marked; mark another, then 3 compares them"),
                count => format!("{id} is marked, {count} in all; 3 compares them"),
            }
        }
    };
    state.tell(words);
}

/// A line of the table: a block's heading, or a row by its index.
enum ShownLine<'a> {
    Block(&'a str),
    Row(&'a Row),
}

fn lines(state: &State) -> Vec<ShownLine<'_>> {
    let mut lines = Vec::new();
    let mut block = None;
    for row in state.compare.rows.iter().filter(|row| !state.compare.only_changes || !row.is_same()) {
        if block != Some(&row.block) {
            block = Some(&row.block);
            if !row.block.is_empty() {
                lines.push(ShownLine::Block(&row.block));
            }
        }
        lines.push(ShownLine::Row(row));
    }
    lines
}

pub fn step(state: &mut State, by: isize) {
    if state.compare.sweep.is_shown {
        sweep::step(state, by);
    } else if state.compare.kernels {
        state.compare.slider = moved(state.compare.slider, by, kernels::SLIDERS);
    } else {
        let count = lines(state).len();
        state.compare.cursor = moved(state.compare.cursor, by, count);
    }
}

pub fn keep_in_view(state: &mut State, table: Rect) {
    sweep::keep_in_view(state, table);
    let count = lines(state).len();
    let view = &mut state.compare;
    view.cursor = view.cursor.min(count.saturating_sub(1));
    view.offset = scrolled(view.offset, view.cursor, visible_rows(table, 1), count);
}

pub fn act(state: &mut State, action: Action) -> Option<Vec<Effect>> {
    match action {
        // Architectures, the kernel study, the sweep, and round again.
        Action::Compare(Compare::Switch) => {
            let view = &mut state.compare;
            (view.kernels, view.sweep.is_shown) = match (view.kernels, view.sweep.is_shown) {
                (_, true) => (false, false),
                (true, false) => (false, true),
                (false, false) => (true, false),
            };
        }
        Action::Compare(_) | Action::Copy if state.compare.sweep.is_shown => return sweep::act(state, action),
        Action::Compare(Compare::Number) => state.compare.number = state.compare.number.next(),
        Action::Compare(Compare::Changes) => state.compare.only_changes = !state.compare.only_changes,
        Action::Compare(Compare::Clear) => state.compare.marked.clear(),
        Action::Compare(_) | Action::Copy if state.compare.kernels => return kernels::act(state, action),
        Action::Compare(Compare::Time) => {
            let shown = compared(state);
            if shown.len() < 2 {
                state.tell("mark another architecture with c first");
                return Some(Vec::new());
            }
            let what = Timed::Designs(shown.iter().map(|entry| entry.origin.clone()).collect());
            let networks = shown.iter().filter_map(|entry| entry.shared_network().cloned());
            return Some(vec![Effect::Time(what, networks.collect())]);
        }
        Action::Copy => return as_text(state).map(|text| vec![Effect::Copy(text)]),
        Action::CopyTable => return Some(vec![Effect::Copy(as_markdown(state))]),
        _ => return None,
    }
    Some(Vec::new())
}

pub fn draw(state: &State, frame_: &mut Frame, panes: &Panes, regions: &mut Vec<Region>) {
    if state.compare.sweep.is_shown {
        sweep::draw(state, frame_, panes, regions);
        return;
    }
    if state.compare.kernels {
        kernels::draw(state, frame_, panes, regions);
        return;
    }
    draw_table(state, frame_, panes.table, regions);
    draw_totals(state, frame_, panes.working);
}

fn draw_table(state: &State, frame_: &mut Frame, area: Rect, regions: &mut Vec<Region>) {
    if area.is_empty() {
        return;
    }
    let theme = &state.theme;
    let entries = compared(state);
    let names: Vec<&str> = entries.iter().map(|entry| entry.id.as_str()).collect();
    let only = if state.compare.only_changes { ", only what differs" } else { "" };
    let title = format!(" {} by {}{only} ", names.join(" · "), state.compare.number.name());
    let has_keys = state.pane == Pane::Main;
    let block = frame(fitting_title(&title, area), theme, has_keys);
    let inside = block.inner(area);
    if entries.len() < 2 {
        let words = vec![
            Line::default(),
            Line::from(" Mark architectures with c, in the list (Tab) or at their layers (1);"),
            Line::from(" two to four of them stand side by side here."),
            Line::default(),
            Line::from(" v opens the kernel study: one large kernel against a stack of 3×3."),
        ];
        frame_.render_widget(Paragraph::new(words).wrap(Wrap { trim: false }).style(theme.dim).block(block), area);
        return;
    }
    let width = usize::from(inside.width) / entries.len();
    let largest = largest(&state.compare.rows, state.compare.number);
    let mut heading = Vec::new();
    for (at, id) in names.iter().enumerate() {
        let own = Columns::of(width, at > 0);
        let words = format!(" {}", left(id, own.name.saturating_sub(1)));
        let difference = if at > 0 { "Δ" } else { "" };
        let number = right(state.compare.number.name(), own.number);
        heading.push(styled_span(
            left(&format!("{words}{number} {}", right(difference, own.difference)), width),
            theme.dim,
        ));
    }
    let mut shown = vec![Line::from(heading)];
    for (at, line) in lines(state).into_iter().enumerate().skip(state.compare.offset).take(visible_rows(area, 1)) {
        let style = theme.row(at == state.compare.cursor, has_keys);
        let y = inside.y + 1 + (at - state.compare.offset) as u16;
        regions.push(Region { area: Rect { y, height: 1, ..inside }, target: Target::Compared(at) });
        let line = match line {
            ShownLine::Block(name) => block_line(state, name, width),
            ShownLine::Row(row) => {
                let cells = (0..row.cells.len()).flat_map(|at| cell_spans(state, row, at, width, largest));
                Line::from(cells.collect::<Vec<_>>())
            }
        };
        shown.push(line.style(style));
    }
    frame_.render_widget(Paragraph::new(shown).block(block), area);
}

/// Widths of an architecture's part of a row.
struct Columns {
    name: usize,
    number: usize,
    bar: usize,
    difference: usize,
}

impl Columns {
    fn of(width: usize, has_difference: bool) -> Self {
        let number = 11.min(width / 2);
        let difference = if has_difference && width >= 28 { 9 } else { 0 };
        let bar = if width >= 40 + difference { 8 } else { 0 };
        // Two columns stand between the parts.
        let name = width.saturating_sub(number + difference + bar + 3);
        Columns { name, number, bar, difference }
    }
}

/// A block's heading; once it was timed, with how long each architecture took for it and its ratio to the first.
fn block_line(state: &State, name: &str, width: usize) -> Line<'static> {
    let theme = &state.theme;
    let Some(times) = times(state) else { return styled_line(name.to_string(), theme.accent) };
    let seconds = |network: &Graph, timing: &Timing| -> Option<f64> {
        let inside = |layer: &Layer| layer.name.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
        let own = network.layers.iter().zip(&timing.layers).filter(|(layer, _)| inside(layer));
        own.map(|(_, time)| time.as_secs_f64()).reduce(|sum, time| sum + time)
    };
    let all: Vec<Option<f64>> =
        state.compare.of.iter().zip(times).map(|(network, timing)| seconds(network, timing)).collect();
    let cells = all.iter().enumerate().flat_map(|(at, own)| {
        let columns = Columns::of(width, at > 0);
        let first = all[0].filter(|first| at > 0 && columns.difference > 0 && *first > 0.0);
        let ratio = own.zip(first).map_or_else(String::new, |(own, first)| format!("{:.2}×", own / first));
        let heading = left(if at == 0 { name } else { "" }, columns.name);
        let time = own.map_or_else(|| "–".into(), |own| format!("{:.2} ms", 1e3 * own));
        let time = right(&time, columns.number);
        let is_slower = own.zip(all[0]).is_some_and(|(own, first)| own > first);
        let style = if is_slower { theme.bad } else { theme.good };
        let rest = format!(" {}", right(&ratio, columns.difference));
        let used = columns.name + columns.number + columns.difference + 1;
        [
            styled_span(heading, theme.accent),
            styled_span(time, theme.bar),
            styled_span(left(&rest, rest.width() + width.saturating_sub(used)), style),
        ]
    });
    Line::from(cells.collect::<Vec<_>>())
}

/// The largest number of any cell, which a full bar stands for.
fn largest(rows: &[Row], number: Number) -> u128 {
    let cells = rows.iter().flat_map(|row| &row.cells).flatten();
    cells.map(|cell| value(cell, number)).max().unwrap_or(0)
}

fn value(cell: &Cell, number: Number) -> u128 {
    match number {
        Number::Params => cell.params.into(),
        Number::Macs => cell.macs.into(),
        Number::Output => cell.output.elements(),
        Number::Field => cell.field.map_or(0, |[rows, columns]| rows.max(columns)),
    }
}

fn value_text(cell: &Cell, number: Number, width: usize) -> String {
    let fitting = |count: u64| {
        let whole = grouped(count);
        if count == 0 {
            "–".to_string()
        } else if whole.chars().count() <= width {
            whole
        } else {
            short(count)
        }
    };
    match number {
        Number::Params => fitting(cell.params),
        Number::Macs => fitting(cell.macs),
        Number::Output => match cell.output {
            Shape::Map { .. } => cell.output.to_string(),
            Shape::Flat(features) => fitting(features),
        },
        Number::Field => field_text(cell.field),
    }
}

/// The name inside its block, and the kernel of a conv.
fn cell_name(row: &Row, cell: &Cell) -> String {
    let own = cell.name.strip_prefix(&format!("{}.", row.block)).unwrap_or(&cell.name);
    match cell.kernel {
        Some([height, width]) if cell.kind == "conv" => format!("{own} {height}×{width}"),
        _ => own.to_string(),
    }
}

fn cell_spans(state: &State, row: &Row, at: usize, width: usize, largest: u128) -> Vec<Span<'static>> {
    let theme = &state.theme;
    let number = state.compare.number;
    let columns = Columns::of(width, at > 0);
    let Some(cell) = &row.cells[at] else {
        let words = left("  ·", width);
        return vec![styled_span(words, theme.dim)];
    };
    let first = row.cells[0].as_ref();
    let alike =
        at > 0 && first.is_some_and(|first| value(first, number) == value(cell, number) && first.kernel == cell.kernel);
    let style = if alike || value(cell, number) == 0 { theme.dim } else { theme.text };
    let mut spans = vec![
        styled_span(left(&format!("  {}", cell_name(row, cell)), columns.name), style),
        styled_span(right(&value_text(cell, number, columns.number), columns.number), style),
    ];
    let mut used = columns.name + columns.number;
    if columns.difference > 0 {
        let difference = value(cell, number) as i128 - first.map_or(0, |first| value(first, number) as i128);
        let style = if difference > 0 { theme.bad } else { theme.good };
        let text = signed_short(difference).replace(' ', "");
        spans.push(styled_span(format!(" {}", right(&text, columns.difference)), style));
        used += columns.difference + 1;
    }
    if columns.bar > 0 {
        let share = value(cell, number) as f64 / largest.max(1) as f64;
        spans.push(styled_span(format!(" {}", bar(share, columns.bar)), theme.bar));
        used += columns.bar + 1;
    }
    spans.push(plain_span(" ".repeat(width.saturating_sub(used))));
    spans
}

/// The times of what is compared now, if it was timed.
fn times(state: &State) -> Option<&[Timing]> {
    let (what, times) = state.compare.times.as_ref()?;
    let shown: Vec<_> = compared(state).into_iter().map(|entry| entry.origin.clone()).collect();
    (*what == Timed::Designs(shown)).then_some(times)
}

/// Cells of the totals: a heading, then a row for each architecture.
fn totals(state: &State) -> Vec<Vec<String>> {
    let networks = networks(state);
    let times = times(state);
    let headings = ["", "weight layers", "parameters", "Δ", "MACs", "Δ", "field"].map(str::to_string);
    let mut table = vec![headings.to_vec()];
    if times.is_some() {
        table[0].extend(["ms", "from … to"].map(str::to_string));
    }
    let ratio = |own: u64, first: u64| format!("{:.2}×", own as f64 / first.max(1) as f64);
    for (at, network) in networks.iter().enumerate() {
        let (own, first) = (network.totals, networks[0].totals);
        let against = |own: u64, first: u64| if at == 0 { String::new() } else { ratio(own, first) };
        let mut row = vec![
            network.architecture.id.clone(),
            own.weight_layers.to_string(),
            grouped(own.params),
            against(own.params, first.params),
            short(own.macs),
            against(own.macs, first.macs),
            field_text(network.map_field()),
        ];
        if let Some(timing) = times.and_then(|times| times.get(at)) {
            let [median, fastest, slowest] =
                [timing.median, timing.fastest, timing.slowest].map(|time| format!("{:.1}", time.as_secs_f64() * 1e3));
            row.extend([median, format!("{fastest} … {slowest}")]);
        }
        table.push(row);
    }
    table
}

fn draw_totals(state: &State, frame_: &mut Frame, area: Rect) {
    if area.is_empty() {
        return;
    }
    let theme = &state.theme;
    let networks = networks(state);
    let block = frame(" Totals ", theme, false);
    if networks.len() < 2 {
        frame_.render_widget(block, area);
        return;
    }
    const WIDTHS: [usize; 9] = [13, 14, 13, 7, 9, 7, 7, 8, 16];
    let mut table = totals(state);
    // Where the spread of times has no room it is left out; a line that wraps would push another out.
    let room = usize::from(area.width.saturating_sub(2));
    if WIDTHS.iter().sum::<usize>() > room {
        table.iter_mut().for_each(|row| row.truncate(WIDTHS.len() - 1));
    }
    let mut lines: Vec<Line> = table
        .iter()
        .enumerate()
        .map(|(at, row)| {
            let cells = row.iter().zip(WIDTHS).enumerate();
            let text: String = cells
                .map(|(at, (cell, width))| if at == 0 { left(&format!(" {cell}"), width) } else { right(cell, width) })
                .collect();
            styled_line(text, if at == 0 { theme.dim } else { theme.text })
        })
        .collect();
    let room = usize::from(area.height.saturating_sub(2));
    let left_over = room.saturating_sub(lines.len());
    let words = compare::verdict(&networks).into_iter().take(left_over);
    lines.extend(words.map(|words| styled_line(format!(" {words}"), theme.dim)));
    frame_.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }).block(block), area);
}

/// The row under the cursor, every number of every architecture.
fn as_text(state: &State) -> Option<String> {
    let lines = lines(state);
    let ShownLine::Row(row) = lines.get(state.compare.cursor)? else { return None };
    let networks = networks(state);
    let cells = row.cells.iter().zip(&networks).enumerate().map(|(at, (cell, network))| {
        let id = visible(&network.architecture.id);
        match cell {
            None => format!("{id}: nothing here"),
            Some(cell) => {
                let more =
                    [signed(row.difference(at, |cell| cell.params)), signed(row.difference(at, |cell| cell.macs))];
                let more = if at == 0 || more.concat().is_empty() {
                    String::new()
                } else {
                    format!(" ({} parameters, {} MACs)", more[0], more[1])
                };
                format!(
                    "{id}: {} {} {} parameters, {} MACs, field {}{more}",
                    cell.name,
                    cell.output,
                    grouped(cell.params),
                    grouped(cell.macs),
                    field_text(cell.field)
                )
            }
        }
    });
    Some(cells.collect::<Vec<_>>().join("\n"))
}

fn as_markdown(state: &State) -> String {
    let networks = networks(state);
    let mut header = vec!["block".to_string()];
    for network in &networks {
        let id = visible(&network.architecture.id);
        header.extend([id.to_string(), format!("{id} params"), format!("{id} MACs")]);
    }
    let mut text = format!("| {} |\n|{}\n", header.join(" | "), "---|".repeat(header.len()));
    for row in state.compare.rows.iter().filter(|row| !state.compare.only_changes || !row.is_same()) {
        let mut cells = vec![row.block.clone()];
        for cell in &row.cells {
            match cell {
                None => cells.extend([String::new(), String::new(), String::new()]),
                Some(cell) => cells.extend([cell_name(row, cell), grouped(cell.params), grouped(cell.macs)]),
            }
        }
        text += &format!("| {} |\n", cells.join(" | "));
    }
    let mut last = vec!["total".to_string()];
    for network in &networks {
        let totals = network.totals;
        last.extend([figures::field_text(network.map_field()), grouped(totals.params), grouped(totals.macs)]);
    }
    text + &format!("| {} |\n", last.join(" | "))
}
