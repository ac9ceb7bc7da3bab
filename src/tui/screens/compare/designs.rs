//! Two to four architectures side by side, aligned block by block.

use std::sync::Arc;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
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
    own.sums = sums(own);
    let count = count(own);
    own.cursor = own.cursor.min(count.saturating_sub(1));
    own.offset = scrolled(own.offset, own.cursor, visible_rows(table, 1), count);
}

/// What each block comes to, of what can be added up.
fn sums(own: &Compare) -> Vec<(String, Vec<u64>)> {
    let of = |cell: &Cell| match own.number {
        Number::Params => Some(cell.params),
        Number::Macs => Some(cell.macs),
        Number::Output | Number::Field => None,
    };
    let mut sums: Vec<(String, Vec<u64>)> = Vec::new();
    for row in own.rows.iter().filter(|row| !row.block.is_empty()) {
        let counts: Option<Vec<u64>> = row.cells.iter().map(|cell| cell.as_ref().map_or(Some(0), of)).collect();
        let Some(counts) = counts else { return Vec::new() };
        match sums.last_mut().filter(|(block, _)| *block == row.block) {
            Some((_, all)) => all.iter_mut().zip(counts).for_each(|(sum, own)| *sum += own),
            None => sums.push((row.block.clone(), counts)),
        }
    }
    sums
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
            Line::from(" Press c to mark architectures, in the list (Tab) or on their layers (1)."),
            Line::from(" Two to four of them are compared here, side by side."),
            Line::default(),
            Line::from(" Press v for the kernel study: one large kernel against a stack of 3×3."),
        ];
        canvas
            .frame
            .render_widget(Paragraph::new(words).wrap(Wrap { trim: false }).style(theme.dim).block(block), area);
        return;
    }
    let count = entries.len();
    let room = Room::of(own, usize::from(inside.width) / count);
    let mut heading = Vec::new();
    for (at, id) in names.iter().enumerate() {
        let words = format!(" {}", left(id, room.name.saturating_sub(1)));
        let difference = if at > 0 { "Δ" } else { "" };
        let number = right(column_head(own.number, room.is_brief), room.number);
        heading.push(styled_span(
            left(&format!("{words}{number} {}", right(difference, room.difference)), room.all),
            theme.dim,
        ));
    }
    let mut shown = vec![Line::from(heading)];
    for (at, line) in lines(own).into_iter().enumerate().skip(own.offset).take(visible_rows(area, 1)) {
        let style = theme.row(at == own.cursor, has_keys);
        let y = inside.y + 1 + (at - own.offset) as u16;
        canvas.click(Rect { y, height: 1, ..inside }, Action::Row(at));
        let line = match line {
            ShownLine::Block(name) => block_line(own, view, name, &room),
            ShownLine::Row(row) => {
                let cells = (0..row.cells.len()).flat_map(|at| cell_spans(own, &view.theme, row, at, &room));
                Line::from(cells.collect::<Vec<_>>())
            }
        };
        shown.push(line.style(style));
    }
    canvas.frame.render_widget(Paragraph::new(shown).block(block), area);
}

/// How the room of an architecture's part of a row is shared out.
struct Room {
    all: usize,
    name: usize,
    number: usize,
    bar: usize,
    difference: usize,
    /// Whether counts are in four figures; all of them are, or none.
    is_brief: bool,
    /// The largest number of any cell, which a full bar stands for.
    largest: u128,
}

/// Fewest columns for a name with its kernel.
const NAME: usize = 13;

impl Room {
    fn of(own: &Compare, all: usize) -> Self {
        let cells = || own.rows.iter().flat_map(|row| &row.cells).flatten();
        let largest = cells().map(|cell| value(cell, own.number)).max().unwrap_or(0);
        let widths = |is_brief: bool| {
            let number = cells().map(|cell| value_text(cell, own.number, is_brief).chars().count()).max().unwrap_or(0);
            let sums = own.sums.iter().flat_map(|(_, sums)| sums).map(|sum| count_text(*sum, is_brief).chars().count());
            let number = number.max(sums.max().unwrap_or(0)).max(column_head(own.number, is_brief).chars().count());
            // A gap between name and number, and a sign before the largest difference.
            (number + 1, number + 1)
        };
        let fits = |(number, difference): (usize, usize)| NAME + number + difference + 3 <= all;
        let is_brief = !fits(widths(false));
        let (number, difference) = widths(is_brief);
        let difference = if fits((number, difference)) { difference } else { 0 };
        let between = if difference > 0 { 3 } else { 1 };
        let bar = if all >= NAME + number + difference + 3 + 10 { 8 } else { 0 };
        // One or two columns stand between the parts.
        let name = all.saturating_sub(number + difference + bar + between);
        Room { all, name, number, bar, difference, is_brief, largest }
    }
}

/// What is compared, as a column's head.
fn column_head(number: Number, is_brief: bool) -> &'static str {
    match (number, is_brief) {
        (Number::Params, true) => "params",
        _ => number.name(),
    }
}

fn count_text(count: u64, is_brief: bool) -> String {
    match (count, is_brief) {
        (0, _) => "–".to_string(),
        (_, true) => short(count).replace(' ', ""),
        (_, false) => grouped(count),
    }
}

/// A difference in the format of what is compared.
fn difference_text(difference: i128, is_brief: bool) -> String {
    let text = if is_brief { signed_short(difference).replace(' ', "") } else { signed(difference) };
    if difference == 0 { String::new() } else { text }
}

fn difference_style(difference: i128, theme: &Theme) -> Style {
    if difference > 0 { theme.bad } else { theme.good }
}

/// A block's heading with its sums; once it was timed, with how long each architecture took for it and its ratio to the first.
fn block_line(own: &Compare, view: &View, name: &str, room: &Room) -> Line<'static> {
    let theme = &view.theme;
    let sums = own.sums.iter().find(|(block, _)| block == name).map(|(_, sums)| sums.as_slice()).unwrap_or_default();
    let seconds = |network: &Graph, timing: &Timing| -> Option<f64> {
        let inside = |layer: &Layer| layer.name.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
        let layers = network.layers.iter().zip(&timing.layers).filter(|(layer, _)| inside(layer));
        layers.map(|(_, time)| time.as_secs_f64()).reduce(|sum, time| sum + time)
    };
    let timed: Option<Vec<Option<f64>>> =
        times(own, view).map(|times| own.of.iter().zip(times).map(|(network, own)| seconds(network, own)).collect());
    let cells = (0..own.of.len()).flat_map(|at| {
        let (figure, against, is_more) = match &timed {
            Some(all) => {
                let (taken, first) = (all[at], all[0].filter(|first| at > 0 && *first > 0.0));
                let ratio = taken.zip(first).map_or_else(String::new, |(own, first)| format!("{:.2}×", own / first));
                let time = taken.map_or_else(|| "–".into(), |own| format!("{:.2} ms", 1e3 * own));
                (time, ratio, taken.zip(all[0]).is_some_and(|(own, first)| own > first))
            }
            None => match (sums.get(at), sums.first()) {
                (Some(sum), Some(first)) => {
                    let difference = if at > 0 { i128::from(*sum) - i128::from(*first) } else { 0 };
                    (count_text(*sum, room.is_brief), difference_text(difference, room.is_brief), difference > 0)
                }
                _ => (String::new(), String::new(), false),
            },
        };
        let heading = left(if at == 0 { name } else { "" }, room.name);
        let figure = right(&figure, room.number);
        let rest = if room.difference > 0 { format!(" {}", right(&against, room.difference)) } else { String::new() };
        let used = room.name + room.number + rest.width();
        let style = if is_more { theme.bad } else { theme.good };
        [
            styled_span(heading, theme.accent),
            styled_span(figure, if timed.is_some() { theme.bar } else { theme.accent }),
            styled_span(left(&rest, rest.width() + room.all.saturating_sub(used)), style),
        ]
    });
    Line::from(cells.collect::<Vec<_>>())
}

fn value(cell: &Cell, number: Number) -> u128 {
    match number {
        Number::Params => cell.params.into(),
        Number::Macs => cell.macs.into(),
        Number::Output => cell.output.elements(),
        Number::Field => cell.field.map_or(0, |[rows, columns]| rows.max(columns)),
    }
}

fn value_text(cell: &Cell, number: Number, is_brief: bool) -> String {
    match number {
        Number::Params => count_text(cell.params, is_brief),
        Number::Macs => count_text(cell.macs, is_brief),
        Number::Output => match cell.output {
            Shape::Map { .. } => cell.output.to_string(),
            Shape::Flat(features) => count_text(features, is_brief),
        },
        Number::Field => field_text(cell.field),
    }
}

/// The name inside its block, and the kernel of a conv.
fn cell_name(row: &Row, cell: &Cell) -> String {
    let (own, kernel) = name_parts(row, cell);
    format!("{own}{kernel}")
}

fn name_parts<'a>(row: &Row, cell: &'a Cell) -> (&'a str, String) {
    let own = cell.name.strip_prefix(&format!("{}.", row.block)).unwrap_or(&cell.name);
    match cell.kernel {
        Some([height, width]) if cell.kind == "conv" => (own, format!(" {height}×{width}")),
        _ => (own, String::new()),
    }
}

fn cell_spans(own: &Compare, theme: &Theme, row: &Row, at: usize, room: &Room) -> Vec<Span<'static>> {
    let number = own.number;
    let first = row.cells[0].as_ref();
    let first_value = first.map_or(0, |first| value(first, number));
    let Some(cell) = &row.cells[at] else {
        // What is absent differs by all of it, where it can be added up.
        let counts = matches!(number, Number::Params | Number::Macs);
        let difference = if counts && at > 0 { -(first_value as i128) } else { 0 };
        let words = left("  ·", room.name + room.number);
        let text = right(&difference_text(difference, room.is_brief), room.difference);
        let rest = room.all.saturating_sub(room.name + room.number + 1 + room.difference);
        return vec![
            styled_span(words, theme.dim),
            styled_span(format!(" {text}"), theme.good),
            plain_span(" ".repeat(rest)),
        ];
    };
    let alike = at > 0 && first.is_some_and(|first| first_value == value(cell, number) && first.kernel == cell.kernel);
    let style = if alike || value(cell, number) == 0 { theme.dim } else { theme.text };
    // Where there is little room names are cut, kernels never.
    let (name, kernel) = name_parts(row, cell);
    let indent = if room.name < NAME { " " } else { "  " };
    let name_room = room.name.saturating_sub(kernel.chars().count() + indent.len());
    let shown = format!("{indent}{}", left(name, name_room.min(name.width())));
    let kernel = left(&kernel, room.name.saturating_sub(shown.width()));
    let mut spans = vec![
        styled_span(shown, style),
        styled_span(kernel, theme.kind(cell.family)),
        styled_span(right(&value_text(cell, number, room.is_brief), room.number), style),
    ];
    let mut used = room.name + room.number;
    if room.difference > 0 {
        let difference = if at > 0 { value(cell, number) as i128 - first_value as i128 } else { 0 };
        let text = difference_text(difference, room.is_brief);
        spans.push(styled_span(format!(" {}", right(&text, room.difference)), difference_style(difference, theme)));
        used += room.difference + 1;
    }
    if room.bar > 0 {
        let share = value(cell, number) as f64 / room.largest.max(1) as f64;
        spans.push(styled_span(format!(" {}", bar(share, room.bar)), theme.kind(cell.family)));
        used += room.bar + 1;
    }
    spans.push(plain_span(" ".repeat(room.all.saturating_sub(used))));
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
    let headings = ["", "weight layers", "parameters", "×", "MACs", "×", "field"].map(str::to_string);
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
