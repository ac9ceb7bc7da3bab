//! Two to four architectures side by side, aligned block by block.

use std::sync::Arc;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};
use unicode_width::UnicodeWidthStr;

use super::state::{Action, Compare, Number, Timed};
use crate::graph::compare::{self, Cell, Row};
use crate::graph::figures::{self, field_text, grouped, short, signed, signed_short};
use crate::graph::{Graph, Layer, Shape};
use crate::run::measure::Timing;
use crate::tui::input::scrolled;
use crate::tui::model::{Entry, MOST_MARKED, Model};
use crate::tui::screen::{Canvas, View};
use crate::tui::widgets::panes::visible_rows;
use crate::tui::widgets::text::{bar, fitting_title, frame, left, plain_span, right, styled_line, styled_span};
use crate::tui::widgets::theme::Theme;
use crate::visible::visible;

/// The architectures that are compared: the marked ones, and the selected one after them.
pub fn compared(model: &Model) -> Vec<&Entry> {
    let marked = model.marked.iter().filter_map(|origin| model.position(origin)).map(|at| &model.entries[at]);
    let mut all: Vec<&Entry> = marked.collect();
    if let Some(selected) = model.entry()
        && all.len() < MOST_MARKED
        && !all.iter().any(|entry| entry.origin == selected.origin)
    {
        all.push(selected);
    }
    all.retain(|entry| entry.network().is_some());
    all
}

fn networks(model: &Model) -> Vec<&Graph> {
    compared(model).into_iter().filter_map(Entry::network).collect()
}

/// Works the rows out again when other networks are compared, and scrolls to the cursor.
pub fn refresh(own: &mut Compare, model: &Model, table: Rect) {
    let now: Vec<Arc<Graph>> =
        compared(model).into_iter().filter_map(|entry| entry.shared_network().cloned()).collect();
    let same = own.of.len() == now.len() && own.of.iter().zip(&now).all(|(before, now)| Arc::ptr_eq(before, now));
    if !same {
        // Times belong to the networks that were timed.
        if matches!(own.times, Some((Timed::Designs(_), _))) {
            own.times = None;
        }
        let networks: Vec<&Graph> = now.iter().map(|network| &**network).collect();
        own.rows = Arc::new(compare::rows(&networks));
        own.of = now;
    }
    let count = count(own);
    own.cursor = own.cursor.min(count.saturating_sub(1));
    own.offset = scrolled(own.offset, own.cursor, visible_rows(table, 1), count);
}

/// Lines of the table.
pub fn count(own: &Compare) -> usize {
    lines(own).len()
}

/// A line of the table: a block's heading, or a row by its index.
enum ShownLine<'a> {
    Block(&'a str),
    Row(&'a Row),
}

fn lines(own: &Compare) -> Vec<ShownLine<'_>> {
    let mut lines = Vec::new();
    let mut block = None;
    for row in own.rows.iter().filter(|row| !own.only_changes || !row.is_same()) {
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

pub fn draw(own: &Compare, view: &View, canvas: &mut Canvas<Action>) {
    draw_table(own, view, canvas, view.panes.table);
    draw_totals(own, view, canvas.frame, view.panes.working);
}

fn draw_table(own: &Compare, view: &View, canvas: &mut Canvas<Action>, area: Rect) {
    if area.is_empty() {
        return;
    }
    let theme = &view.theme;
    let entries = compared(view);
    let names: Vec<&str> = entries.iter().map(|entry| entry.id.as_str()).collect();
    let only = if own.only_changes { ", only what differs" } else { "" };
    let title = format!(" {} by {}{only} ", names.join(" · "), own.number.name());
    let has_keys = view.has_keys;
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
        canvas
            .frame
            .render_widget(Paragraph::new(words).wrap(Wrap { trim: false }).style(theme.dim).block(block), area);
        return;
    }
    let width = usize::from(inside.width) / entries.len();
    let largest = largest(&own.rows, own.number);
    let mut heading = Vec::new();
    for (at, id) in names.iter().enumerate() {
        let columns = Columns::of(width, at > 0);
        let words = format!(" {}", left(id, columns.name.saturating_sub(1)));
        let difference = if at > 0 { "Δ" } else { "" };
        let number = right(own.number.name(), columns.number);
        heading.push(styled_span(
            left(&format!("{words}{number} {}", right(difference, columns.difference)), width),
            theme.dim,
        ));
    }
    let mut shown = vec![Line::from(heading)];
    for (at, line) in lines(own).into_iter().enumerate().skip(own.offset).take(visible_rows(area, 1)) {
        let style = theme.row(at == own.cursor, has_keys);
        let y = inside.y + 1 + (at - own.offset) as u16;
        canvas.click(Rect { y, height: 1, ..inside }, Action::Row(at));
        let line = match line {
            ShownLine::Block(name) => block_line(own, view, name, width),
            ShownLine::Row(row) => {
                let cells = (0..row.cells.len()).flat_map(|at| cell_spans(own, &view.theme, row, at, width, largest));
                Line::from(cells.collect::<Vec<_>>())
            }
        };
        shown.push(line.style(style));
    }
    canvas.frame.render_widget(Paragraph::new(shown).block(block), area);
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
fn block_line(own: &Compare, view: &View, name: &str, width: usize) -> Line<'static> {
    let theme = &view.theme;
    let Some(times) = times(own, view) else { return styled_line(name.to_string(), theme.accent) };
    let seconds = |network: &Graph, timing: &Timing| -> Option<f64> {
        let inside = |layer: &Layer| layer.name.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
        let layers = network.layers.iter().zip(&timing.layers).filter(|(layer, _)| inside(layer));
        layers.map(|(_, time)| time.as_secs_f64()).reduce(|sum, time| sum + time)
    };
    let all: Vec<Option<f64>> = own.of.iter().zip(times).map(|(network, timing)| seconds(network, timing)).collect();
    let cells = all.iter().enumerate().flat_map(|(at, taken)| {
        let columns = Columns::of(width, at > 0);
        let first = all[0].filter(|first| at > 0 && columns.difference > 0 && *first > 0.0);
        let ratio = taken.zip(first).map_or_else(String::new, |(own, first)| format!("{:.2}×", own / first));
        let heading = left(if at == 0 { name } else { "" }, columns.name);
        let time = taken.map_or_else(|| "–".into(), |own| format!("{:.2} ms", 1e3 * own));
        let time = right(&time, columns.number);
        let is_slower = taken.zip(all[0]).is_some_and(|(own, first)| own > first);
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

fn cell_spans(own: &Compare, theme: &Theme, row: &Row, at: usize, width: usize, largest: u128) -> Vec<Span<'static>> {
    let number = own.number;
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
fn times<'a>(own: &'a Compare, model: &Model) -> Option<&'a [Timing]> {
    let (what, times) = own.times.as_ref()?;
    let shown: Vec<_> = compared(model).into_iter().map(|entry| entry.origin.clone()).collect();
    (*what == Timed::Designs(shown)).then_some(times)
}

/// Cells of the totals: a heading, then a row for each architecture.
fn totals(compare: &Compare, model: &Model) -> Vec<Vec<String>> {
    let networks = networks(model);
    let times = times(compare, model);
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

fn draw_totals(own: &Compare, view: &View, frame_: &mut Frame, area: Rect) {
    if area.is_empty() {
        return;
    }
    let theme = &view.theme;
    let networks = networks(view);
    let block = frame(" Totals ", theme, false);
    if networks.len() < 2 {
        frame_.render_widget(block, area);
        return;
    }
    const WIDTHS: [usize; 9] = [13, 14, 13, 7, 9, 7, 7, 8, 16];
    let mut table = totals(own, view);
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
pub fn as_text(own: &Compare, model: &Model) -> Option<String> {
    let lines = lines(own);
    let ShownLine::Row(row) = lines.get(own.cursor)? else { return None };
    let networks = networks(model);
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

pub fn as_markdown(own: &Compare, model: &Model) -> String {
    let networks = networks(model);
    let mut header = vec!["block".to_string()];
    for network in &networks {
        let id = visible(&network.architecture.id);
        header.extend([id.to_string(), format!("{id} params"), format!("{id} MACs")]);
    }
    let mut text = format!("| {} |\n|{}\n", header.join(" | "), "---|".repeat(header.len()));
    for row in own.rows.iter().filter(|row| !own.only_changes || !row.is_same()) {
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
