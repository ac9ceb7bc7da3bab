//! Screen 1: the layer table as a tree, and the working of the selected row below it.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

use super::text::{bar, fitting_title, frame, left, right};
use crate::model::figures::{self, bytes, grouped, short};
use crate::model::formulas;
use crate::model::{Layer, Network};
use crate::tui::layout::visible_rows;
use crate::tui::msg::{Region, Target};
use crate::tui::state::{Entry, Opened, Pane, State};
use crate::tui::tree::{Row, RowKind};

/// A column: its heading, width, whether numbers stand in it, and what it shows.
struct Column {
    heading: &'static str,
    width: usize,
    number: bool,
    kind: ColumnKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ColumnKind {
    Kind,
    Output,
    Window,
    Params,
    Macs,
    Bar,
    Share,
    Field,
}

const COLUMNS: [Column; 8] = [
    Column { heading: "kind", width: 9, number: false, kind: ColumnKind::Kind },
    Column { heading: "output", width: 11, number: false, kind: ColumnKind::Output },
    Column { heading: "k s p", width: 7, number: false, kind: ColumnKind::Window },
    Column { heading: "params", width: 11, number: true, kind: ColumnKind::Params },
    Column { heading: "MACs", width: 7, number: true, kind: ColumnKind::Macs },
    Column { heading: "", width: 8, number: false, kind: ColumnKind::Bar },
    Column { heading: "share", width: 5, number: true, kind: ColumnKind::Share },
    Column { heading: "field", width: 5, number: true, kind: ColumnKind::Field },
];

/// What goes first where there is no room.
const GIVEN_UP: [ColumnKind; 6] =
    [ColumnKind::Bar, ColumnKind::Kind, ColumnKind::Window, ColumnKind::Share, ColumnKind::Output, ColumnKind::Field];
const NAME_WIDTH: usize = 20;

/// The columns that fit beside a readable name, and what is left for the name.
fn columns(width: usize) -> (usize, Vec<&'static Column>) {
    let mut shown: Vec<&Column> = COLUMNS.iter().collect();
    let taken = |shown: &[&Column]| shown.iter().map(|column| column.width + 1).sum::<usize>();
    for kind in GIVEN_UP {
        if taken(&shown) + NAME_WIDTH <= width {
            break;
        }
        shown.retain(|column| column.kind != kind);
    }
    while taken(&shown) + 10 > width && shown.pop().is_some() {}
    (width.saturating_sub(taken(&shown)), shown)
}

pub fn draw(state: &State, frame_: &mut Frame, table: Rect, working: Rect, regions: &mut Vec<Region>) {
    let Some(entry) = state.entry() else {
        frame_.render_widget(Paragraph::new("no architectures").style(state.theme.dim), table);
        return;
    };
    // Words take the place of the working too, but leave the list beside the table alone.
    let words = Rect { height: table.height + working.height, ..table };
    match &entry.opened {
        Opened::Network(network) => {
            draw_table(state, entry, network, frame_, table, regions);
            draw_working(state, entry, network, frame_, working);
        }
        Opened::Problems(report) => {
            let mut lines = vec![Line::styled(
                format!(
                    "{} problem{}; mend the file and press r",
                    report.count(),
                    if report.count() == 1 { "" } else { "s" }
                ),
                state.theme.bad,
            )];
            for diagnostic in &report.diagnostics {
                lines.push(Line::default());
                lines.push(Line::from(diagnostic.to_string()));
                lines.push(Line::styled(format!("    {}", diagnostic.source_line.trim_end()), state.theme.dim));
                let caret = " ".repeat(diagnostic.place.column.saturating_sub(1)) + &"^".repeat(diagnostic.width);
                lines.push(Line::styled(format!("    {caret}"), state.theme.bad));
            }
            draw_words(state, &entry.id, lines, frame_, words);
        }
        Opened::Unreadable(reason) => {
            let lines = vec![Line::styled(reason.clone(), state.theme.bad)];
            draw_words(state, &entry.id, lines, frame_, words);
        }
    }
}

fn draw_words(state: &State, title: &str, lines: Vec<Line>, frame_: &mut Frame, area: Rect) {
    if area.is_empty() {
        return;
    }
    let block = frame(format!(" {title} "), &state.theme, state.pane == Pane::Layers);
    frame_.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }).block(block), area);
}

fn draw_table(
    state: &State,
    entry: &Entry,
    network: &Network,
    frame_: &mut Frame,
    area: Rect,
    regions: &mut Vec<Region>,
) {
    if area.is_empty() {
        return;
    }
    let theme = &state.theme;
    let has_keys = state.pane == Pane::Layers;
    let title = match &network.architecture.summary {
        Some(summary) => format!(" {} — {} ", network.architecture.name, summary.trim_end_matches('.')),
        None => format!(" {} ", network.architecture.name),
    };
    let block = frame(fitting_title(&title, area), theme, has_keys);
    let inside = block.inner(area);
    let (name_width, columns) = columns(usize::from(inside.width).saturating_sub(1));
    let mut heading = left("  name", name_width);
    for column in &columns {
        let align = if column.number { right } else { left };
        heading += &format!(" {}", align(column.heading, column.width));
    }
    let mut lines = vec![Line::styled(heading, theme.dim)];
    let rows = entry.rows();
    for (at, row) in rows.iter().enumerate().skip(entry.offset).take(visible_rows(area, 1)) {
        let style = match (at == entry.cursor, has_keys) {
            (true, true) => theme.selected,
            (true, false) => theme.marked,
            (false, _) => Style::new(),
        };
        lines.push(table_line(state, entry, network, row, name_width, &columns).style(style));
        let y = inside.y + (at - entry.offset) as u16 + 1;
        regions.push(Region { area: Rect { y, height: 1, ..inside }, target: Target::Row(at) });
    }
    frame_.render_widget(Paragraph::new(lines).block(block), area);
}

/// The numbers of a row: of one layer, or summed over a block or a layer with what it brings along.
struct Figures<'a> {
    last: &'a Layer,
    params: u64,
    macs: u64,
    share: f64,
}

fn figures<'a>(network: &'a Network, row: &Row) -> Option<Figures<'a>> {
    let layers = network.layers.get(row.layers())?;
    let last = layers.last()?;
    let (params, macs) = (layers.iter().map(Layer::params).sum(), layers.iter().map(|layer| layer.macs).sum());
    let share = if network.totals.macs == 0 { 0.0 } else { macs as f64 / network.totals.macs as f64 };
    Some(Figures { last, params, macs, share })
}

fn table_line(
    state: &State,
    entry: &Entry,
    network: &Network,
    row: &Row,
    name_width: usize,
    columns: &[&Column],
) -> Line<'static> {
    let theme = &state.theme;
    let Some(figures) = figures(network, row) else { return Line::default() };
    let path = row.path(network);
    let own = path.rsplit('.').next().unwrap_or(path);
    let (mark, name_style) = match &row.kind {
        RowKind::Block { open: true, .. } => ("▾", theme.accent),
        RowKind::Block { open: false, .. } => ("▸", theme.accent),
        RowKind::Layer { folds: true, open: true, .. } => ("▾", theme.text),
        RowKind::Layer { folds: true, open: false, .. } => ("▸", theme.text),
        RowKind::Layer { .. } => (" ", if figures.params == 0 { theme.dim } else { theme.text }),
    };
    let mut name = format!("{}{mark} {own}", "  ".repeat(row.depth));
    if let RowKind::Layer { layers, folds: true, open: false } = &row.kind {
        let brought = network.layers[layers.start + 1..layers.end].iter();
        name += &brought.map(|layer| format!(" +{}", tag(layer.operation.kind()))).collect::<String>();
    }
    // Beside the name, where it is seen without colour too.
    let has_lint = entry.lints_at(network, row).next().is_some();
    let mut spans = match has_lint {
        true => {
            vec![Span::styled(left(&name, name_width.saturating_sub(2)), name_style), Span::styled("! ", theme.warn)]
        }
        false => vec![Span::styled(left(&name, name_width), name_style)],
    };
    let is_layer = matches!(row.kind, RowKind::Layer { .. });
    let first = &network.layers[row.layers().start];
    let window = first.operation.window().filter(|_| is_layer);
    for column in columns {
        let (text, style) = match column.kind {
            ColumnKind::Kind if is_layer => (short_kind(first.operation.kind()).to_string(), theme.dim),
            ColumnKind::Kind => (String::new(), theme.dim),
            ColumnKind::Output => (figures.last.output.to_string(), theme.text),
            ColumnKind::Window => match window {
                Some(window) => {
                    let side = figures::pair;
                    let sizes = [window.kernel, window.stride, window.padding].map(side);
                    (sizes.join(" "), theme.dim)
                }
                None => (String::new(), theme.dim),
            },
            ColumnKind::Params if figures.params == 0 => ("–".into(), theme.dim),
            ColumnKind::Params => (fitting(figures.params, column.width), theme.text),
            ColumnKind::Macs if figures.macs == 0 => ("–".into(), theme.dim),
            ColumnKind::Macs => (short(figures.macs), theme.text),
            ColumnKind::Bar => (bar(figures.share, column.width), theme.bar),
            ColumnKind::Share if figures.macs == 0 => ("–".into(), theme.dim),
            ColumnKind::Share => (format!("{:.0}%", 100.0 * figures.share), theme.text),
            ColumnKind::Field => (figures::field(figures.last), theme.text),
        };
        let align = if column.number { right } else { left };
        spans.push(Span::raw(" "));
        spans.push(Span::styled(align(&text, column.width), style));
    }
    Line::from(spans)
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
        "adaptive_avgpool" => "adaptive",
        "global_avgpool" => "global",
        "leaky_relu" => "leaky",
        "batch_norm" => "batchnorm",
        other => other,
    }
}

/// Label and text of every line of working.
fn working(network: &Network, row: &Row) -> Vec<(&'static str, String)> {
    let layers = &network.layers[row.layers()];
    let (Some(first), Some(figures)) = (layers.first(), figures(network, row)) else { return Vec::new() };
    let share = format!("{:.1}% of all MACs", 100.0 * figures.share);
    let of_params = 100.0 * figures.params as f64 / network.totals.params.max(1) as f64;
    if let RowKind::Block { .. } = row.kind {
        let all: Vec<&Layer> = layers.iter().collect();
        let size: u64 = layers.iter().map(Layer::output_bytes).sum();
        let convs = formulas::block_output(&all).map_or_else(String::new, |convs| format!("   convs {convs}"));
        return vec![
            ("output", format!("{} → {}{convs}", first.input, figures.last.output)),
            ("params", formulas::block_params(&all)),
            ("MACs", format!("{}   {share}, {of_params:.1}% of all parameters", grouped(figures.macs))),
            ("field", formulas::of(figures.last).receptive_field),
            ("memory", format!("{} of activations", bytes(size))),
        ];
    }
    let own = formulas::of(first);
    let mut params = own.params;
    for brought in &layers[1..] {
        if brought.params() > 0 {
            params += &format!("   {} {}", brought.operation.kind(), formulas::of(brought).params);
        }
    }
    let mut lines = vec![("output", format!("{}   {} → {}", own.output, first.input, first.output))];
    if figures.params > 0 {
        lines.push(("params", format!("{params}   {of_params:.1}% of all")));
    }
    if figures.macs > 0 {
        lines.push(("MACs", format!("{}   {share}", own.macs)));
    }
    lines.push(("field", own.receptive_field));
    lines.push((
        "memory",
        format!(
            "{} of output{}",
            bytes(first.output_bytes()),
            match first.buffers {
                0 => String::new(),
                buffers => format!(", {} buffers", grouped(buffers)),
            }
        ),
    ));
    lines
}

fn draw_working(state: &State, entry: &Entry, network: &Network, frame_: &mut Frame, area: Rect) {
    if area.is_empty() {
        return;
    }
    let rows = entry.rows();
    let Some(row) = rows.get(entry.cursor) else { return };
    let theme = &state.theme;
    let kind = match &row.kind {
        RowKind::Block { .. } => "block",
        RowKind::Layer { layers, .. } => network.layers[layers.start].operation.kind(),
    };
    let title = format!(" {} · {kind} ", row.path(network));
    let block = frame(title, theme, false);
    let lints = entry.lints_at(network, row).map(|lint| {
        let text = format!("{}; try {}", lint.message, lint.advice);
        Line::from(vec![Span::styled(left(" !", 9), theme.warn), Span::styled(text, theme.warn)])
    });
    let lines: Vec<Line> = lints
        .chain(working(network, row).into_iter().map(|(label, text)| {
            Line::from(vec![Span::styled(left(&format!(" {label}"), 9), theme.dim), Span::styled(text, theme.text)])
        }))
        .collect();
    frame_.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }).block(block), area);
}

/// What is copied: the row and its working, or the architecture's name and totals.
pub fn as_text(state: &State) -> String {
    let Some(entry) = state.entry() else { return String::new() };
    let Some(network) = entry.network() else { return entry.id.clone() };
    let rows = entry.rows();
    match (state.pane, rows.get(entry.cursor)) {
        (Pane::Layers, Some(row)) => {
            let mut lines = vec![row.path(network).to_string()];
            lines.extend(working(network, row).into_iter().map(|(label, text)| format!("{label}  {text}")));
            lines.join("\n")
        }
        _ => {
            let totals = network.totals;
            let name = &network.architecture.name;
            format!("{name}: {} parameters, {} MACs", grouped(totals.params), grouped(totals.macs))
        }
    }
}

/// The table as it is folded, in full numbers, as Markdown.
pub fn as_markdown(state: &State) -> Option<String> {
    let entry = state.entry()?;
    let network = entry.network()?;
    let mut lines = vec![
        "| name | kind | output | params | MACs | field |".to_string(),
        "|---|---|---|---:|---:|---:|".to_string(),
    ];
    for row in entry.rows() {
        let Some(figures) = figures(network, &row) else { continue };
        let kind = match &row.kind {
            RowKind::Block { .. } => "block",
            RowKind::Layer { layers, .. } => network.layers[layers.start].operation.kind(),
        };
        let cells = [
            row.path(network).to_string(),
            kind.to_string(),
            figures.last.output.to_string(),
            grouped(figures.params),
            grouped(figures.macs),
            figures::field(figures.last),
        ];
        lines.push(format!("| {} |", cells.join(" | ")));
    }
    let totals = network.totals;
    lines.push(format!("| total | | | {} | {} | |", grouped(totals.params), grouped(totals.macs)));
    Some(lines.join("\n") + "\n")
}
