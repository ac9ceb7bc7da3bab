//! Screen 1: the layer table as a tree, and the working of the selected row below it.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Paragraph, Wrap};

use super::gauges;
use super::text::{bar, fitting_title, frame, left, plain_line, plain_span, right, styled_line, styled_span};
use crate::graph::figures::{self, bytes, grouped, short};
use crate::graph::formulas;
use crate::graph::{Graph, Layer};
use crate::tui::columns::{self, Column, Look};
use crate::tui::keys::Action;
use crate::tui::keys::table::{Fold, Table};
use crate::tui::layout::{Panes, visible_rows};
use crate::tui::msg::{Effect, Region, Target};
use crate::tui::state::{Entry, Opened, Overlay, Pane, State};
use crate::tui::tree::{Row, RowKind};
use crate::tui::update::moved;
use crate::visible::visible;

pub fn step(state: &mut State, by: isize) {
    if let Some(entry) = state.entry_mut() {
        entry.cursor = moved(entry.cursor, by, entry.rows().len());
    }
}

pub fn act(state: &mut State, action: Action) -> Option<Vec<Effect>> {
    match action {
        Action::Fold(fold) => act_on_folds(state, fold),
        Action::Table(Table::Columns) => state.overlay = Some(Overlay::Columns(0)),
        Action::Table(Table::Sort) => state.table.sort = columns::next(state.table.sort, &state.table.columns),
        Action::Table(Table::Reverse) => match &mut state.table.sort {
            Some(sort) => sort.smallest_first = !sort.smallest_first,
            None => state.tell("s sorts the table first"),
        },
        Action::Copy => return Some(vec![Effect::Copy(as_text(state))]),
        Action::CopyCell => return number_as_text(state).map(|text| vec![Effect::Copy(text)]),
        _ => return None,
    }
    Some(Vec::new())
}

fn act_on_folds(state: &mut State, fold: Fold) {
    if let (Fold::CloseAll | Fold::OpenAll, Some(_)) = (fold, state.table.sort) {
        state.tell("sorted, the table has no blocks; s goes on to the order as built");
        return;
    }
    let Some(entry) = state.entry_mut() else { return };
    let Some(row) = entry.row().cloned() else { return };
    match fold {
        Fold::Toggle => entry.fold(|folds, network| folds.set(&row, network, row.can_open())),
        Fold::Open => entry.fold(|folds, network| folds.set(&row, network, true)),
        // Closes the row, or goes to the block around it, or from the outermost rows to the list.
        Fold::Close if row.can_close() => entry.fold(|folds, network| folds.set(&row, network, false)),
        Fold::Close if row.depth > 0 => {
            let above = entry.rows()[..entry.cursor].iter().rposition(|other| other.depth < row.depth);
            entry.cursor = above.unwrap_or(entry.cursor);
        }
        Fold::Close => state.pane = Pane::Architectures,
        Fold::CloseAll | Fold::OpenAll => {
            entry.fold(|folds, network| match fold {
                Fold::CloseAll => folds.close_all(network),
                _ => folds.open_all(network),
            });
            // The cursor stays at the same layer, or at the block that now hides it.
            entry.stay_at(row.layers().start);
        }
    }
}

pub fn draw(state: &State, frame_: &mut Frame, panes: &Panes, regions: &mut Vec<Region>) {
    let (table, below) = (panes.table, panes.working);
    let Some(entry) = state.entry() else {
        frame_.render_widget(Paragraph::new("no architectures").style(state.theme.dim), table);
        return;
    };
    // A file that broke while it was looked at: its last sound table stays, its problems stand below.
    let is_broken = entry.is_broken() && !entry.is_edited();
    match (entry.network(), is_broken, below.is_empty()) {
        (Some(network), false, _) => {
            draw_table(state, entry, network, frame_, table, regions);
            draw_working(state, entry, network, frame_, below);
        }
        (Some(network), true, false) => {
            draw_table(state, entry, network, frame_, table, regions);
            draw_words(state, &entry.id, words(state, entry), frame_, below);
        }
        _ => {
            // Words take the place of the working too, but leave the list beside the table alone.
            let area = match below.width == table.width {
                true => Rect { height: table.height + below.height, ..table },
                false => table,
            };
            draw_words(state, &entry.id, words(state, entry), frame_, area);
        }
    }
}

/// What is wrong with a file.
fn words(state: &State, entry: &Entry) -> Vec<Line<'static>> {
    let theme = &state.theme;
    match &entry.opened {
        Opened::Graph(_) => Vec::new(),
        Opened::Unreadable(reason) => vec![styled_line(reason.clone(), theme.bad)],
        Opened::Problems(report) => {
            let plural = if report.count() == 1 { "" } else { "s" };
            let count = format!("{} problem{plural}; e mends the file here", report.count());
            let mut lines = vec![styled_line(count, theme.bad)];
            for diagnostic in &report.diagnostics {
                lines.push(Line::default());
                lines.push(plain_line(diagnostic.to_string()));
                lines.push(styled_line(format!("    {}", diagnostic.source_line.trim_end()), theme.dim));
                let caret = " ".repeat(diagnostic.place.column.saturating_sub(1)) + &"^".repeat(diagnostic.width);
                lines.push(styled_line(format!("    {caret}"), theme.bad));
            }
            lines
        }
    }
}

fn draw_words(state: &State, title: &str, lines: Vec<Line>, frame_: &mut Frame, area: Rect) {
    if area.is_empty() {
        return;
    }
    let block = frame(format!(" {title} "), &state.theme, state.pane == Pane::Main);
    frame_.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }).block(block), area);
}

fn draw_table(
    state: &State,
    entry: &Entry,
    network: &Graph,
    frame_: &mut Frame,
    area: Rect,
    regions: &mut Vec<Region>,
) {
    if area.is_empty() {
        return;
    }
    let theme = &state.theme;
    let has_keys = state.pane == Pane::Main;
    let name = &network.architecture.name;
    let title = match (&network.architecture.summary, state.table.sort) {
        _ if entry.is_edited() => format!(" {name} — not saved yet "),
        _ if entry.is_broken() => format!(" {name} — as it was last sound "),
        (_, Some(sort)) => format!(" {name} by {} ", sort.words()),
        (Some(summary), None) => format!(" {name} — {} ", summary.trim_end_matches('.')),
        (None, None) => format!(" {name} "),
    };
    let block = frame(fitting_title(&title, area), theme, has_keys);
    let block = gauges::line(network, theme).map_or(block.clone(), |gauges| block.title_bottom(gauges));
    let inside = block.inner(area);
    let lanes = entry.lanes();
    // The lanes, and a place for the mark of what feeds the selected row.
    let gutter = if lanes.width == 0 { 0 } else { lanes.width + 1 };
    let room = usize::from(inside.width).saturating_sub(1 + gutter);
    let (name_width, columns) = columns::fitting(&state.table.columns, room);
    let feeding: &[usize] = if lanes.feeds(entry.cursor).len() > 1 { lanes.feeds(entry.cursor) } else { &[] };
    let mut heading = " ".repeat(gutter) + &left("  name", name_width);
    for column in &columns {
        let align = if column.number { right } else { left };
        heading += &format!(" {}", align(column.heading, column.width));
    }
    let mut lines = vec![styled_line(heading, theme.dim)];
    let rows = entry.rows();
    for (at, row) in rows.iter().enumerate().skip(entry.offset).take(visible_rows(area, 1)) {
        let style = theme.row(at == entry.cursor, has_keys);
        let mut line = table_line(state, entry, network, row, name_width, &columns);
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
        regions.push(Region { area: Rect { y, height: 1, ..inside }, target: Target::Row(at) });
    }
    frame_.render_widget(Paragraph::new(lines).block(block), area);
}

/// The numbers of a row: of one layer, or summed over a block or a layer with what it brings along.
struct Figures<'a> {
    last: &'a Layer,
    params: u64,
    macs: u64,
    bytes: u64,
    share: f64,
}

fn figures<'a>(network: &'a Graph, row: &Row) -> Option<Figures<'a>> {
    let layers = network.layers.get(row.layers())?;
    let last = layers.last()?;
    let (params, macs) = (layers.iter().map(Layer::params).sum(), layers.iter().map(|layer| layer.macs).sum());
    let share = if network.totals.macs == 0 { 0.0 } else { macs as f64 / network.totals.macs as f64 };
    let bytes = layers.iter().map(Layer::output_bytes).sum();
    Some(Figures { last, params, macs, bytes, share })
}

fn table_line(
    state: &State,
    entry: &Entry,
    network: &Graph,
    row: &Row,
    name_width: usize,
    columns: &[&Look],
) -> Line<'static> {
    let theme = &state.theme;
    let Some(figures) = figures(network, row) else { return Line::default() };
    let path = row.path(network);
    // Out of its block a layer needs its whole name.
    let own = if state.table.sort.is_some() { path } else { path.rsplit('.').next().unwrap_or(path) };
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
            Column::Kind if is_layer => (short_kind(first.operation.kind()).to_string(), theme.dim),
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
            Column::Bar => (bar(figures.share, column.width), theme.bar),
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
        "adaptive_avgpool" => "adaptive",
        "global_avgpool" => "global",
        "leaky_relu" => "leaky",
        "batch_norm" => "batchnorm",
        other => other,
    }
}

/// Label and text of every line of working.
fn working(network: &Graph, row: &Row) -> Vec<(&'static str, String)> {
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
            ("field", formulas::of(network, figures.last).receptive_field),
            ("memory", format!("{} of activations", bytes(size))),
        ];
    }
    let own = formulas::of(network, first);
    let mut params = own.params;
    for brought in &layers[1..] {
        if brought.params() > 0 {
            params += &format!("   {} {}", brought.operation.kind(), formulas::of(network, brought).params);
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

fn draw_working(state: &State, entry: &Entry, network: &Graph, frame_: &mut Frame, area: Rect) {
    if area.is_empty() {
        return;
    }
    let Some(row) = entry.row() else { return };
    let theme = &state.theme;
    let times = match &row.kind {
        RowKind::Block { repeats: Some(count), .. } => format!(" ×{count}"),
        _ => String::new(),
    };
    let title = format!(" {}{times} · {} ", row.path(network), kind(network, row));
    let block = frame(title, theme, false);
    // No more than can be seen: a closed block may hide thousands.
    let lints = entry.lints_at(row).take(usize::from(area.height)).map(|lint| {
        let text = format!("{}; try {}", lint.message, lint.advice);
        Line::from(vec![styled_span(left(" !", 9), theme.warn), styled_span(text, theme.warn)])
    });
    let lines: Vec<Line> = lints
        .chain(working(network, row).into_iter().map(|(label, text)| {
            Line::from(vec![styled_span(left(&format!(" {label}"), 9), theme.dim), styled_span(text, theme.text)])
        }))
        .collect();
    frame_.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }).block(block), area);
}

/// What a row is: a layer's kind, or how a block is wired.
fn kind(network: &Graph, row: &Row) -> &'static str {
    match &row.kind {
        RowKind::Layer { layers, .. } => network.layers[layers.start].operation.kind(),
        RowKind::Block { path, layers, repeats, .. } => {
            // Repetitions are what the first of them is.
            let first = repeats.map_or_else(|| path.clone(), |_| format!("{path}_1"));
            let block = network.blocks.iter().find(|block| block.path == first && block.layers.start == layers.start);
            block.map_or("block", |block| block.wiring.word())
        }
    }
}

/// What is copied: the row and its working.
fn as_text(state: &State) -> String {
    let row = state.entry().and_then(|entry| Some((entry.network()?, entry.row()?)));
    let Some((network, row)) = row else { return totals_as_text(state) };
    let mut lines = vec![row.path(network).to_string()];
    lines.extend(working(network, row).into_iter().map(|(label, text)| format!("{label}  {text}")));
    lines.join("\n")
}

/// The row's number in the column that the table is sorted by, or its parameters.
fn number_as_text(state: &State) -> Option<String> {
    let entry = state.entry()?;
    let (network, row) = (entry.network()?, entry.row()?);
    let sort = state.table.sort.unwrap_or(columns::Sort { column: Column::Params, smallest_first: false });
    Some(sort.key(network, row.layers()).to_string())
}

/// The architecture's name and totals.
pub fn totals_as_text(state: &State) -> String {
    let Some(entry) = state.entry() else { return String::new() };
    let Some(network) = entry.network() else { return visible(&entry.id).into_owned() };
    let (name, totals) = (visible(&network.architecture.name), network.totals);
    format!("{name}: {} parameters, {} MACs", grouped(totals.params), grouped(totals.macs))
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
        let Some(figures) = figures(network, row) else { continue };
        let cells = [
            row.path(network).to_string(),
            kind(network, row).to_string(),
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
