//! How the field screen looks: the plane, the growth of the field beside it, the unit's numbers below.

use ratatui::layout::Rect;
use ratatui::style::{Color, Style};
use ratatui::symbols::Marker;
use ratatui::text::Line;
use ratatui::widgets::canvas::{Canvas as Drawing, Points, Rectangle};
use ratatui::widgets::{Paragraph, Wrap};

use super::plane::{self, Ground, Section, click_places, fitting};
use super::state::{Action, Field};
use super::unit::{in_words, numbers, unit_at};
use crate::graph::figures;
use crate::graph::unit::{self, seen};
use crate::graph::{Graph, Layer, Operation, Source};
use crate::tui::screen::{Canvas, View};
use crate::tui::screens::unreadable;
use crate::tui::widgets::panes::{SizeClass, visible_rows};
use crate::tui::widgets::text::{bar, fitting_title, frame, left, plain_span, right, styled_span};

/// Columns of the growth chart beside the plane.
const CHART_WIDTH: u16 = 46;

/// Draws the screen for a network, or what is wrong with the architecture.
pub fn draw(field: &Field, view: &View, canvas: &mut Canvas<Action>) {
    let shown = view.entry().and_then(|entry| Some((entry.network()?, entry.layer()?)));
    let Some(shown) = shown else {
        unreadable::draw(view, canvas.frame);
        return;
    };
    let (upper, below) = (view.panes.table, view.panes.working);
    let tiny = view.panes.class == SizeClass::Tiny;
    let chart_width = if tiny || upper.width < 2 * CHART_WIDTH - 20 { 0 } else { CHART_WIDTH.min(upper.width / 2) };
    let plane = Rect { width: upper.width.saturating_sub(chart_width), ..upper };
    let chart = Rect { x: upper.x + plane.width, width: chart_width, ..upper };
    draw_plane(field, view, shown, canvas, view.panes.given(0, plane));
    draw_growth(view, shown, canvas, view.panes.given(1, chart));
    draw_numbers(field, view, shown, canvas, below);
}

fn colour(style: Style) -> Color {
    style.fg.unwrap_or(Color::Reset)
}

fn draw_plane(field: &Field, view: &View, (network, layer): (&Graph, &Layer), canvas: &mut Canvas<Action>, area: Rect) {
    let theme = &view.theme;
    let (y, x) = unit_at(field.place, layer);
    let spans = seen(network, layer, y, x).ok();
    let input = network.architecture.input;
    let title = format!(" What {} sees of {}×{} pixels ", layer.name, input.height, input.width);
    let block = frame(fitting_title(&title, area), theme, view.has_keys);
    let inside = block.inner(area);
    canvas.frame.render_widget(block, area);
    if inside.is_empty() {
        return;
    }
    let section = Section::of(network, spans.as_ref());
    let plane = fitting(inside, &section);
    let photo = field.fitted.as_ref().filter(|_| field.photo.is_some() && !field.is_bare);
    let heat = field.measured(network, layer).map(|effective| &effective.heat);
    if photo.is_some() || heat.is_some() {
        let ground = Ground { photo: photo.map(|fitted| &*fitted.picture), heat };
        plane::paint(&ground, &section, spans.as_ref(), plane, canvas.frame.buffer_mut(), theme);
        click_places(layer, network, &section, plane, canvas);
        return;
    }
    let dot = (section.width / (2.0 * f64::from(plane.width)), section.height / (4.0 * f64::from(plane.height)));
    // The canvas counts upwards, pictures downwards.
    let rectangle = |top: f64, left: f64, bottom: f64, right: f64, color: Color| Rectangle {
        x: left,
        y: -bottom,
        width: (right - left - dot.0).max(0.0),
        height: (bottom - top - dot.1).max(0.0),
        color,
    };
    // Of a join, what each way into it sees by itself; the whole is their hull.
    let ways: Vec<[unit::Span; 2]> = match layer.operation {
        Operation::Add | Operation::Concat => {
            let before = layer.inputs.iter().filter_map(|source| match source {
                Source::Layer(index) => network.layers.get(*index),
                Source::Input => None,
            });
            before.filter_map(|before| seen(network, before, y, x).ok()).collect()
        }
        _ => Vec::new(),
    };
    let drawing = Drawing::default()
        .marker(Marker::Braille)
        .x_bounds([section.left, section.left + section.width])
        .y_bounds([-(section.top + section.height), -section.top])
        .paint(|context| {
            if let Some([rows, columns]) = &spans {
                if let (Some(own_rows), Some(own_columns)) = (rows.clipped(), columns.clipped()) {
                    let points = grid(own_rows, own_columns, dot);
                    context.draw(&Points { coords: &points, color: colour(theme.bar) });
                }
                for [rows, columns] in &ways {
                    let (top, bottom) = (rows.first as f64, rows.last as f64 + 1.0);
                    let (left, right) = (columns.first as f64, columns.last as f64 + 1.0);
                    context.draw(&rectangle(top, left, bottom, right, colour(theme.accent)));
                }
                let (top, bottom) = (rows.first as f64, rows.last as f64 + 1.0);
                let (left, right) = (columns.first as f64, columns.last as f64 + 1.0);
                let color = if rows.is_inside() && columns.is_inside() { theme.bar } else { theme.warn };
                context.draw(&rectangle(top, left, bottom, right, colour(color)));
            }
            context.draw(&rectangle(0.0, 0.0, input.height as f64, input.width as f64, colour(theme.dim)));
        });
    canvas.frame.render_widget(drawing, plane);
    click_places(layer, network, &section, plane, canvas);
}

/// Every second dot of what is seen inside the input, so that it shows without colour too.
fn grid(rows: (u64, u64), columns: (u64, u64), dot: (f64, f64)) -> Vec<(f64, f64)> {
    let axis = |(first, last): (u64, u64), dot: f64| {
        let count = ((last + 1 - first) as f64 / (2.0 * dot)) as usize;
        (0..count.min(500)).map(move |at| first as f64 + (2.0 * at as f64 + 1.0) * dot)
    };
    axis(rows, dot.1).flat_map(|y| axis(columns, dot.0).map(move |x| (x, -y))).collect()
}

/// The layers at which the field grows, by index.
fn growing(network: &Graph) -> Vec<usize> {
    let size = Layer::field_size;
    let mut before = Some([1, 1]);
    let mut found = Vec::new();
    for layer in &network.layers {
        if size(layer) != before {
            found.push(layer.index);
        }
        before = size(layer);
    }
    found
}

fn draw_growth(view: &View, (network, layer): (&Graph, &Layer), canvas: &mut Canvas<Action>, area: Rect) {
    if area.is_empty() {
        return;
    }
    let theme = &view.theme;
    let input = network.architecture.input;
    let block = frame(format!(" Field by depth, │ the input's {} ", input.height.max(input.width)), theme, false);
    let inside = block.inner(area);
    let growing = growing(network);
    let here = growing.iter().rposition(|&index| index <= layer.index);
    let size = |layer: &Layer| layer.field_size().map(|[rows, columns]| rows.max(columns) as f64);
    // The input's length is the measure, unless a field is longer.
    let longest = growing.iter().filter_map(|&index| size(&network.layers[index])).fold(1.0, f64::max);
    let input_side = input.height.max(input.width) as f64;
    let longest = longest.max(input_side);
    let rows = visible_rows(area, 0);
    let first = here.unwrap_or(0).saturating_sub(rows / 2).min(growing.len().saturating_sub(rows));
    let name_width = 17.min(usize::from(inside.width) / 2);
    let bar_width = usize::from(inside.width).saturating_sub(name_width + 9);
    let mut lines = Vec::new();
    for (at, &index) in growing.iter().enumerate().skip(first).take(rows) {
        let own = &network.layers[index];
        let style = theme.row(Some(at) == here, true);
        let share = size(own).unwrap_or(0.0) / longest;
        // Where the field has grown as large as the input.
        let mark = (input_side / longest * bar_width as f64).round() as usize;
        let length = bar(share, bar_width);
        let head: String = length.chars().take(mark.saturating_sub(1)).collect();
        let tail: String = length.chars().skip(mark.max(1)).collect();
        let is_over = share * longest > input_side;
        lines.push(
            Line::from(vec![
                styled_span(left(&own.name, name_width), theme.text),
                styled_span(right(&figures::field(own), 8), theme.text),
                plain_span(" "),
                styled_span(head, theme.bar),
                styled_span(if mark > 0 { "│" } else { "" }, theme.dim),
                styled_span(tail, if is_over { theme.warn } else { theme.bar }),
            ])
            .style(style),
        );
        let line = Rect { y: inside.y + (at - first) as u16, height: 1, ..inside };
        canvas.click(line, Action::Layer(index));
    }
    canvas.frame.render_widget(Paragraph::new(lines).block(block), area);
}

fn draw_numbers(
    field: &Field,
    view: &View,
    (network, layer): (&Graph, &Layer),
    canvas: &mut Canvas<Action>,
    area: Rect,
) {
    if area.is_empty() {
        return;
    }
    let theme = &view.theme;
    let block = frame(format!(" {} · {} ", layer.name, layer.operation.kind()), theme, false);
    let mut lines = numbers(network, layer, field.place);
    if let Some(effective) = field.measured(network, layer) {
        lines.truncate(4);
        lines.push(("effective", in_words(effective)));
    }
    let lines: Vec<Line> = lines
        .into_iter()
        .map(|(label, text)| {
            Line::from(vec![styled_span(left(&format!(" {label}"), 11), theme.dim), styled_span(text, theme.text)])
        })
        .collect();
    canvas.frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }).block(block), area);
}
