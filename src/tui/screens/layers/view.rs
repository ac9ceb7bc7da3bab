//! How the layer screen looks: the table as a tree, and the working of the selected row below it.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Clear, Paragraph};

use super::rows::{figures, kind, total, working};
use super::state::{Action, Layers, TOTALS};
use crate::graph::Graph;
use crate::graph::family::Family;
use crate::graph::figures::{self, bytes, grouped, short};
use crate::tui::model::Entry;
use crate::tui::model::columns::{self, Column, Look};
use crate::tui::model::tree::{Row, RowKind};
use crate::tui::screen::{Canvas, View};
use crate::tui::screens::unreadable;
use crate::tui::widgets::gauges;
use crate::tui::widgets::panes::visible_rows;
use crate::tui::widgets::text::{
    bar, fitting_title, frame, left, plain_span, right, styled_line, styled_span, wrapped,
};

/// Columns of the labels before working.
const LABEL: usize = 9;

pub fn draw(layers: &Layers, view: &View, canvas: &mut Canvas<Action>) {
    let (table, below) = (view.panes.table, view.panes.working);
    let Some(entry) = view.entry() else {
        canvas.frame.render_widget(Paragraph::new("no architectures").style(view.theme.dim), table);
        return;
    };
    // A file that broke while it was looked at: its last sound table stays, its problems stand below.
    let is_broken = entry.is_broken() && !entry.is_edited();
    match (entry.network(), is_broken, below.is_empty()) {
        (Some(network), false, _) => {
            draw_table(layers, view, entry, network, canvas, table);
            draw_working(layers, view, entry, network, canvas.frame, below);
        }
        (Some(network), true, false) => {
            draw_table(layers, view, entry, network, canvas, table);
            unreadable::draw_in(view, canvas.frame, below);
        }
        _ => unreadable::draw(view, canvas.frame),
    }
}

fn draw_table(layers: &Layers, view: &View, entry: &Entry, network: &Graph, canvas: &mut Canvas<Action>, area: Rect) {
    if area.is_empty() {
        return;
    }
    let theme = &view.theme;
    let has_keys = view.has_keys;
    let name = &network.architecture.name;
    let title = match (&network.architecture.summary, layers.sort) {
        _ if entry.is_edited() => format!(" {name} — unsaved edits "),
        _ if entry.is_broken() => format!(" {name} — last valid version "),
        (_, Some(sort)) => format!(" {name} by {} ", sort.words()),
        (Some(summary), None) => format!(" {name} — {} ", summary.trim_end_matches('.')),
        (None, None) => format!(" {name} "),
    };
    let block = frame(fitting_title(&title, area), theme, has_keys);
    let gauges = gauges::line(network, theme);
    let taken = gauges.as_ref().map_or(0, Line::width);
    let block = gauges.map_or(block.clone(), |gauges| block.title_bottom(gauges));
    let block = match legend(usize::from(area.width).saturating_sub(taken + 3)) {
        Some(words) => block.title_bottom(styled_line(words, theme.dim).right_aligned()),
        None => block,
    };
    let inside = block.inner(area);
    let lanes = entry.lanes();
    // The lanes, and a place for the mark of what feeds the selected row.
    let gutter = if lanes.width == 0 { 0 } else { lanes.width + 1 };
    let room = usize::from(inside.width).saturating_sub(1 + gutter);
    let (name_width, columns) = columns::fitting(&layers.columns, room);
    let feeding: &[usize] = if lanes.feeds(entry.cursor).len() > 1 { lanes.feeds(entry.cursor) } else { &[] };
    let mut heading = vec![styled_span(" ".repeat(gutter) + &left("  name", name_width), theme.dim)];
    let mut x = inside.x + (gutter + name_width) as u16;
    for column in &columns {
        let align = if column.number { right } else { left };
        let sorts = layers.sort.filter(|sort| sort.column == column.column);
        let words = match (column.column, sorts, layers.sort) {
            (Column::Bar, _, Some(sort)) => format!("of {}", sort.heading()),
            (_, Some(sort), _) => format!("{}{}", if sort.smallest_first { "↑" } else { "↓" }, column.heading),
            _ => column.heading.to_string(),
        };
        let style = if sorts.is_some() { theme.accent } else { theme.dim };
        heading.extend([plain_span(" "), styled_span(align(&words, column.width), style)]);
        let place = Rect { x: x + 1, width: column.width as u16, height: 1, ..inside }.intersection(inside);
        canvas.click(place, Action::SortBy(column.column));
        x += 1 + column.width as u16;
    }
    let mut lines = vec![Line::from(heading)];
    let rows = entry.rows();
    for (at, row) in rows.iter().enumerate().skip(entry.offset).take(visible_rows(area, 1 + TOTALS)) {
        let style = theme.row(at == entry.cursor, has_keys);
        let mut line = table_line(layers, view, entry, network, row, name_width, &columns);
        if gutter > 0 {
            let beside = lanes.beside(at);
            let feeds = feeding.contains(&at);
            let end = match (feeds, beside.ends_with(['─', '╭', '├', '╰', '┼', '┬', '┴'])) {
                (true, _) => "●",
                (false, true) => "─",
                (false, false) => " ",
            };
            let lit = if feeds || at == entry.cursor && !feeding.is_empty() { theme.warn } else { theme.dim };
            line.spans.insert(0, styled_span(format!("{beside}{end}"), lit));
            if feeds && let Some(name) = line.spans.get_mut(1) {
                name.style = theme.warn;
            }
        }
        lines.push(line.style(style));
        let y = inside.y + (at - entry.offset) as u16 + 1;
        canvas.click(Rect { y, height: 1, ..inside }, Action::Row(at));
    }
    canvas.frame.render_widget(Paragraph::new(lines).block(block), area);
    draw_total(layers, view, network, canvas.frame, inside);
}

/// What heads and marks mean, on the lower border; as much as there is room for.
fn legend(room: usize) -> Option<String> {
    let forms = [
        " k s p kernel stride padding · share of all MACs · field pixels a unit sees · ! worth a look · ? more ",
        " k s p kernel stride padding · field pixels seen · ! worth a look · ? more ",
        " k s p kernel stride padding · ? more ",
    ];
    forms.into_iter().find(|form| form.chars().count() <= room).map(str::to_string)
}

/// The network's total with its working, in the last line of the table.
fn draw_total(layers: &Layers, view: &View, network: &Graph, frame_: &mut Frame, inside: Rect) {
    let Some(y) = inside.bottom().checked_sub(1).filter(|y| *y > inside.y + 1) else { return };
    let theme = &view.theme;
    let area = Rect { y, height: 1, ..inside };
    let width = usize::from(inside.width);
    let head = "  total ";
    let room = width.saturating_sub(head.len());
    let (what, sum) = total(network, layers.sort, room);
    // A longer sum says more than what it is of, which the numbers above it tell.
    let unit = if sum.chars().count() + what.len() < room { format!(" {what}") } else { String::new() };
    let line =
        Line::from(vec![styled_span(head, theme.accent), styled_span(sum, theme.text), styled_span(unit, theme.dim)]);
    frame_.render_widget(Clear, area);
    frame_.render_widget(Paragraph::new(line), area);
}

fn table_line(
    layers: &Layers,
    view: &View,
    entry: &Entry,
    network: &Graph,
    row: &Row,
    name_width: usize,
    columns: &[&Look],
) -> Line<'static> {
    let theme = &view.theme;
    let Some(figures) = figures(network, row) else { return Line::default() };
    let path = row.path(network);
    // Out of its block a layer needs its whole name.
    let own = if layers.sort.is_some() { path } else { path.rsplit('.').next().unwrap_or(path) };
    let (mark, name_style) = match &row.kind {
        RowKind::Block { open: true, .. } => ("▾", theme.accent),
        RowKind::Block { open: false, .. } => ("▸", theme.accent),
        RowKind::Layer { folds: true, open: true, .. } => ("▾", theme.text),
        RowKind::Layer { folds: true, open: false, .. } => ("▸", theme.text),
        RowKind::Layer { .. } => (" ", if figures.params == 0 { theme.dim } else { theme.text }),
    };
    let mut name = format!("{}{mark} {own}", "  ".repeat(row.depth));
    if let RowKind::Block { repeats: Some(count), .. } = &row.kind {
        name += &format!(" ×{count}");
    }
    if let RowKind::Layer { layers, folds: true, open: false } = &row.kind {
        let brought = network.layers[layers.start + 1..layers.end].iter();
        name += &brought.map(|layer| format!(" +{}", tag(layer.operation.kind()))).collect::<String>();
    }
    // Beside the name, where it is seen without colour too.
    let has_lint = entry.has_lints(row);
    let mut spans = match has_lint {
        true => {
            vec![styled_span(left(&name, name_width.saturating_sub(2)), name_style), styled_span("! ", theme.warn)]
        }
        false => vec![styled_span(left(&name, name_width), name_style)],
    };
    let is_layer = matches!(row.kind, RowKind::Layer { .. });
    let first = &network.layers[row.layers().start];
    let window = first.operation.window().filter(|_| is_layer);
    for column in columns {
        let (text, style) = match column.column {
            Column::Kind if is_layer => {
                (short_kind(first.operation.kind()).to_string(), theme.kind(Family::of(&first.operation)))
            }
            Column::Kind => (String::new(), theme.dim),
            Column::Input => (first.input.to_string(), theme.dim),
            Column::Output => (figures.last.output.to_string(), theme.text),
            Column::Window => match window {
                Some(window) => {
                    let [kernel, stride] = [window.kernel, window.stride].map(figures::pair);
                    ([kernel, stride, figures::padding(window.padding)].join(" "), theme.dim)
                }
                None => (String::new(), theme.dim),
            },
            Column::Params | Column::ParamShare if figures.params == 0 => ("–".into(), theme.dim),
            Column::Params => (fitting(figures.params, column.width), theme.text),
            Column::ParamShare => (percent(figures.params, network.totals.params), theme.text),
            Column::Macs | Column::Share if figures.macs == 0 => ("–".into(), theme.dim),
            Column::Macs => (short(figures.macs), theme.text),
            Column::Bar => {
                let share = layers.sort.map_or(figures.share, |sort| sort.share(network, row.layers()));
                let style = if is_layer { theme.kind(Family::of(&first.operation)) } else { theme.bar };
                (bar(share, column.width), style)
            }
            Column::Share => (format!("{:.0}%", 100.0 * figures.share), theme.text),
            Column::Memory => (bytes(figures.bytes), theme.text),
            Column::Field => (figures::field(figures.last), theme.text),
            Column::Jump => {
                let jump = figures.last.field.as_ref().and_then(|[rows, _]| rows.jump());
                (jump.map_or("?".to_string(), |jump| jump.to_string()), theme.dim)
            }
        };
        let align = if column.number { right } else { left };
        spans.push(plain_span(" "));
        spans.push(styled_span(align(&text, column.width), style));
    }
    Line::from(spans)
}

fn percent(part: u64, all: u64) -> String {
    format!("{:.1}%", 100.0 * part as f64 / all.max(1) as f64)
}

fn fitting(count: u64, width: usize) -> String {
    let full = grouped(count);
    if full.chars().count() <= width { full } else { short(count) }
}

/// What a conv brings along, beside its name.
fn tag(kind: &str) -> &str {
    match kind {
        "batch_norm" => "bn",
        other => other,
    }
}

/// The kind in nine columns.
fn short_kind(kind: &str) -> &str {
    match kind {
        "adaptive_avgpool" | "global_avgpool" => "avgpool",
        "conv_transpose" => "transpose",
        "channel_shuffle" => "shuffle",
        "group_norm" => "groupnorm",
        "layer_norm" => "layernorm",
        "instance_norm" => "instnorm",
        "hardsigmoid" => "hardsigm.",
        "leaky_relu" => "leaky",
        "batch_norm" => "batchnorm",
        other => other,
    }
}

fn draw_working(layers: &Layers, view: &View, entry: &Entry, network: &Graph, frame_: &mut Frame, area: Rect) {
    if area.is_empty() {
        return;
    }
    let Some(row) = entry.row() else { return };
    let theme = &view.theme;
    let times = match &row.kind {
        RowKind::Block { repeats: Some(count), .. } => format!(" ×{count}"),
        _ => String::new(),
    };
    let crumbs = row.path(network).replace('.', " › ");
    let title = format!(" {} › {crumbs}{times} · {} ", entry.id, kind(network, row));
    let room = usize::from(area.width).saturating_sub(2 + LABEL);
    // No more than can be scrolled to: a closed block may hide thousands.
    let lints = entry.lints_at(row).take(50).map(|lint| ("!", format!("{}; try {}", lint.message, lint.advice)));
    let workings = working(network, row).into_iter().map(|own| (own.label, own.text(room)));
    let mut lines = Vec::new();
    for (label, text) in lints.chain(workings) {
        let styles = if label == "!" { (theme.warn, theme.warn) } else { (theme.dim, theme.text) };
        for (at, part) in wrapped(&text, room as u16).into_iter().enumerate() {
            let label = if at == 0 { format!(" {label}") } else { String::new() };
            let part = part.spans.into_iter().map(|span| span.content.into_owned()).collect::<String>();
            lines.push(Line::from(vec![styled_span(left(&label, LABEL), styles.0), styled_span(part, styles.1)]));
        }
    }
    let visible = visible_rows(area, 0);
    let offset = layers.scrolled.min(lines.len().saturating_sub(visible));
    let below = lines.len().saturating_sub(offset + visible);
    let block = frame(fitting_title(&title, area), theme, false);
    let block = match (offset, below) {
        (0, 0) => block,
        (_, 0) => block.title_bottom(styled_line(" K up ", theme.dim).right_aligned()),
        (_, below) => block.title_bottom(styled_line(format!(" J {below} more "), theme.dim).right_aligned()),
    };
    let shown: Vec<Line> = lines.into_iter().skip(offset).take(visible).collect();
    frame_.render_widget(Paragraph::new(shown).block(block), area);
}
