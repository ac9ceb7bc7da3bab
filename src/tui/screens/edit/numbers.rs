//! The layer table beside the text: unchanged numbers dim, changed ones old → new against the saved file.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::{Paragraph, Wrap};
use unicode_width::UnicodeWidthStr;

use crate::graph::compare::{Cell, Row};
use crate::graph::figures::{self, field_text, grouped, short};
use crate::graph::memory::{self, OptimizerState};
use crate::graph::{Graph, Shape};
use crate::tui::model::{Editor, Entry, Model};
use crate::tui::screen::View;
use crate::tui::widgets::gauges;
use crate::tui::widgets::text::{fitting_title, frame, left, right, styled_span, tail};
use crate::tui::widgets::theme::Theme;
use crate::visible::visible;

/// Fewest columns for a layer's name.
const LEAST_NAME: usize = 15;

/// The saved and the new cell of a row; a row without a saved network has only the new one.
fn pair(row: &Row) -> (Option<&Cell>, Option<&Cell>) {
    match row.cells.as_slice() {
        [now] => (now.as_ref(), now.as_ref()),
        [before, now, ..] => (before.as_ref(), now.as_ref()),
        [] => (None, None),
    }
}

fn is_changed(row: &Row) -> bool {
    row.cells.len() > 1 && !row.is_same()
}

pub fn draw(view: &View, entry: &Entry, editor: &Editor, frame_: &mut Frame, area: Rect) {
    if area.is_empty() {
        return;
    }
    let theme = &view.theme;
    let title = match (editor.is_sound(), &editor.network) {
        (true, Some(network)) => format!(" {} ", network.architecture.name),
        (false, Some(_)) => " Last valid version ".to_string(),
        (_, None) => format!(" {} ", entry.id),
    };
    let has_keys = view.has_keys && !editor.typing && editor.is_sound();
    let block = frame(fitting_title(&title, area), theme, has_keys);
    let inside = block.inner(area);
    if editor.network.is_none() {
        let words = match editor.is_sound() {
            true => " …",
            false => " No layers to show until the problems are fixed.",
        };
        frame_.render_widget(Paragraph::new(words).wrap(Wrap { trim: false }).style(theme.dim).block(block), area);
        return;
    }
    let room = usize::from(inside.height).saturating_sub(1);
    // The first row that changed is what the user wants to see.
    let first = editor.rows.iter().position(is_changed).map_or(0, |at| at.saturating_sub(room / 3));
    let offset = (first + editor.scroll).min(editor.rows.len().saturating_sub(room));
    let cells: Vec<Cells> = editor.rows.iter().skip(offset).take(room).filter_map(|row| cells(row, theme)).collect();
    // Each column takes what its widest cell needs; the name has the rest.
    let widest = |text: fn(&Cells) -> &str, least: usize| {
        cells.iter().map(|cells| text(cells).width()).max().unwrap_or(0).max(least) + 1
    };
    let (params, macs) = (widest(|cells| &cells.params.0, 6), widest(|cells| &cells.macs.0, 6));
    let output = widest(|cells| &cells.output.0, 6);
    let width = usize::from(inside.width);
    let output = if width >= 20 + params + macs + output { output } else { 0 };
    // Where both do not fit beside a name, the one that changed stays.
    let (params, macs) = match width >= LEAST_NAME + params + macs {
        true => (params, macs),
        false if cells.iter().any(|cells| cells.params.0.contains('→')) => (params, 0),
        false => (0, macs),
    };
    let name = width.saturating_sub(params + macs + output);
    let line = |texts: [(&str, Style); 4]| {
        let [own, shape, weights, work] = texts;
        Line::from(vec![
            styled_span(left(own.0, name), own.1),
            styled_span(if output > 0 { left(&format!(" {}", shape.0), output) } else { String::new() }, shape.1),
            styled_span(right(weights.0, params), weights.1),
            styled_span(right(work.0, macs), work.1),
        ])
    };
    let mut lines = vec![line(["  name", "output", "params", "MACs"].map(|text| (text, theme.dim)))];
    for cells in &cells {
        let own = format!("{} {}", cells.mark, tail(&cells.name.0, name.saturating_sub(2)));
        let texts = [&cells.output, &cells.params, &cells.macs].map(|(text, style)| (text.as_str(), *style));
        lines.push(line([(own.as_str(), cells.name.1), texts[0], texts[1], texts[2]]));
    }
    let style = if editor.is_sound() { Style::new() } else { theme.dim };
    frame_.render_widget(Paragraph::new(lines).style(style).block(block), area);
}

/// What a row shows, with the style of each.
struct Cells {
    mark: &'static str,
    name: (String, Style),
    output: (String, Style),
    params: (String, Style),
    macs: (String, Style),
}

fn cells(row: &Row, theme: &Theme) -> Option<Cells> {
    let (before, now) = pair(row);
    let cell = now.or(before)?;
    let compact = |count: u64| if count == 0 { "–".to_string() } else { short(count).replace(' ', "") };
    let number = |of: fn(&Cell) -> u64| {
        let (old, new) = (before.map(of), now.map(of));
        match (old, new) {
            (Some(old), Some(new)) if old == new => (compact(new), theme.dim),
            (Some(old), Some(new)) => {
                (format!("{}→{}", compact(old), compact(new)), if new > old { theme.bad } else { theme.good })
            }
            (None, Some(new)) => (format!("+{}", compact(new)), theme.warn),
            (Some(old), None) => (format!("−{}", compact(old)), theme.good),
            (None, None) => (String::new(), theme.dim),
        }
    };
    let (mark, style) = match (is_changed(row), before, now) {
        (false, ..) => (" ", theme.dim),
        (true, None, Some(_)) => ("+", theme.warn),
        (true, Some(_), None) => ("−", theme.good),
        _ => ("~", theme.text),
    };
    let kernel = match cell.kernel {
        Some([height, width]) if cell.kind == "conv" => format!(" {height}×{width}"),
        _ => String::new(),
    };
    let same = before.map(|cell| cell.output) == now.map(|cell| cell.output);
    let output = if same || !is_changed(row) { theme.dim } else { theme.text };
    Some(Cells {
        mark,
        name: (format!("{}{kernel}", cell.name), style),
        output: (cell.output.to_string(), output),
        params: number(|cell| cell.params),
        macs: number(|cell| cell.macs),
    })
}

/// How a total is read off a network.
type Total<'a> = &'a dyn Fn(&Graph) -> String;

/// Label, saved value and new value of every total.
fn totals(saved: Option<&Graph>, now: &Graph) -> Vec<(&'static str, Option<String>, String)> {
    let change = |of: Total| {
        let new = of(now);
        (saved.map(of).filter(|old| *old != new), new)
    };
    let training = |network: &Graph| figures::bytes(memory::training(network, 1, OptimizerState::Momentum).total());
    let last = |network: &Graph| network.layers.last().map_or(Shape::Flat(0), |layer| layer.output).to_string();
    let lines: [(&'static str, Total); 5] = [
        ("params", &|network| grouped(network.totals.params)),
        ("MACs", &|network| grouped(network.totals.macs)),
        ("field", &|network| field_text(network.map_field())),
        ("output", &last),
        ("memory", &|network| format!("{} to train on one image", training(network))),
    ];
    lines
        .into_iter()
        .map(|(label, of)| {
            let (old, new) = change(of);
            (label, old, new)
        })
        .collect()
}

/// The totals against the saved ones.
pub fn draw_totals(view: &View, editor: &Editor, frame_: &mut Frame, area: Rect) {
    let theme = &view.theme;
    let block = frame(" Totals ", theme, false);
    let saved = view.entry().and_then(Entry::saved_network);
    let Some(now) = &editor.network else {
        frame_.render_widget(block, area);
        return;
    };
    let block = gauges::line(now, theme).map_or(block.clone(), |gauges| block.title_bottom(gauges));
    let percent = |old: u64, new: u64| {
        if old == 0 || old == new {
            String::new()
        } else {
            format!("   {:+.1}%", 100.0 * (new as f64 / old as f64 - 1.0))
        }
    };
    let more = |label: &str| match (label, saved) {
        ("params", Some(saved)) => percent(saved.totals.params, now.totals.params),
        ("MACs", Some(saved)) => percent(saved.totals.macs, now.totals.macs),
        _ => String::new(),
    };
    let lines = totals(saved.map(|network| &**network), now).into_iter().map(|(label, old, new)| {
        let mut spans = vec![styled_span(left(&format!(" {label}"), 10), theme.dim)];
        match old {
            Some(old) => spans.extend([
                styled_span(format!("{old} → "), theme.dim),
                styled_span(new, theme.text),
                styled_span(more(label), theme.text),
            ]),
            None => spans.push(styled_span(new, theme.dim)),
        }
        Line::from(spans)
    });
    frame_.render_widget(Paragraph::new(lines.collect::<Vec<_>>()).block(block), area);
}

/// What is copied: the totals and every row that changed, old → new.
pub fn as_text(model: &Model) -> String {
    let Some((entry, editor)) = model.entry().zip(model.editor()) else { return String::new() };
    let Some(now) = &editor.network else { return String::new() };
    let arrow = |old: Option<String>, new: String| old.map_or(new.clone(), |old| format!("{old} → {new}"));
    let saved = entry.saved_network().map(|network| &**network);
    let mut lines = vec![visible(&now.architecture.name).into_owned()];
    lines.extend(totals(saved, now).into_iter().map(|(label, old, new)| format!("{label}  {}", arrow(old, new))));
    for row in editor.rows.iter().filter(|row| is_changed(row)) {
        let (before, now) = pair(row);
        let Some(cell) = now.or(before) else { continue };
        let values = |of: fn(&Cell) -> u64| {
            let text = |cell: Option<&Cell>| cell.map_or("none".to_string(), |cell| grouped(of(cell)));
            format!("{} → {}", text(before), text(now))
        };
        lines.push(format!("{}  params {}  MACs {}", cell.name, values(|cell| cell.params), values(|cell| cell.macs)));
    }
    lines.join("\n")
}
