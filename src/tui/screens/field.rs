//! Screen 2: what one unit of the selected layer sees, drawn to scale on the input, and how the field grows with depth.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::canvas::{Canvas, Points, Rectangle};
use ratatui::widgets::{Paragraph, Wrap};

use super::text::{bar, fitting_title, frame, left, right};
use crate::model::figures::{self, grouped};
use crate::model::unit::{self, seen};
use crate::model::{Layer, Network, Shape, formulas};
use crate::tui::layout::{SizeClass, visible_rows};
use crate::tui::msg::{Region, Target};
use crate::tui::state::{Entry, Pane, Place, State};
use crate::tui::theme::Theme;

/// Columns of the growth chart beside the plane.
const CHART_WIDTH: u16 = 46;
/// Most of the picture's side that may lie outside the input, as a multiple of it: a field far larger than the input would
/// make a dot of it.
const MOST_OUTSIDE: f64 = 1.5;

/// Draws the screen for a network; what cannot be read is drawn by the layer screen.
pub fn draw(
    state: &State,
    (entry, network): (&Entry, &Network),
    frame_: &mut Frame,
    (upper, below): (Rect, Rect),
    regions: &mut Vec<Region>,
) {
    let Some(layer) = entry.layer() else { return };
    let tiny = state.panes().class == SizeClass::Tiny;
    let chart_width = if tiny || upper.width < 2 * CHART_WIDTH - 20 { 0 } else { CHART_WIDTH.min(upper.width / 2) };
    let plane = Rect { width: upper.width - chart_width, ..upper };
    let chart = Rect { x: upper.x + plane.width, width: chart_width, ..upper };
    draw_plane(state, network, layer, frame_, plane, regions);
    draw_growth(state, network, layer, frame_, chart, regions);
    draw_numbers(state, network, layer, frame_, below);
}

/// Rows and columns of units of a layer.
pub fn units(layer: &Layer) -> (u64, u64) {
    match layer.output {
        Shape::Map { height, width, .. } => (height, width),
        Shape::Flat(_) => (1, 1),
    }
}

/// The unit that is looked at: row and column.
fn unit_at(place: Place, layer: &Layer) -> (u64, u64) {
    let (rows, columns) = units(layer);
    (place.row.of(rows), place.column.of(columns))
}

/// The picture's corner and side lengths in pixels of the input, y downwards.
struct View {
    left: f64,
    top: f64,
    width: f64,
    height: f64,
}

impl View {
    fn of(network: &Network, spans: Option<&[unit::Span; 2]>) -> Self {
        let input = network.architecture.input;
        let axis = |length: u64, span: Option<&unit::Span>| {
            let length = length as f64;
            let (first, last) = span.map_or((0.0, length), |span| (span.first as f64, span.last as f64 + 1.0));
            (first.min(0.0).max(-MOST_OUTSIDE * length), last.max(length).min((1.0 + MOST_OUTSIDE) * length))
        };
        let (top, bottom) = axis(input.height, spans.map(|spans| &spans[0]));
        let (left, right) = axis(input.width, spans.map(|spans| &spans[1]));
        View { left, top, width: right - left, height: bottom - top }
    }
}

/// The largest part of `area` in which dots of braille, two by four to a cell, show the view without distortion.
fn fitting(area: Rect, view: &View) -> Rect {
    let (dots_across, dots_down) = (2.0 * f64::from(area.width), 4.0 * f64::from(area.height));
    let scale = (dots_across / view.width).min(dots_down / view.height);
    let width = ((scale * view.width / 2.0).ceil() as u16).clamp(1, area.width.max(1));
    let height = ((scale * view.height / 4.0).ceil() as u16).clamp(1, area.height.max(1));
    Rect { x: area.x + (area.width - width.min(area.width)) / 2, y: area.y, width, height }
}

fn colour(style: Style) -> Color {
    style.fg.unwrap_or(Color::Reset)
}

fn draw_plane(
    state: &State,
    network: &Network,
    layer: &Layer,
    frame_: &mut Frame,
    area: Rect,
    regions: &mut Vec<Region>,
) {
    let theme = &state.theme;
    let (y, x) = unit_at(state.place, layer);
    let spans = seen(network, layer, y, x).ok();
    let input = network.architecture.input;
    let title = format!(" What {} sees of {}×{} pixels ", layer.name, input.height, input.width);
    let block = frame(fitting_title(&title, area), theme, state.pane == Pane::Layers);
    let inside = block.inner(area);
    frame_.render_widget(block, area);
    if inside.is_empty() {
        return;
    }
    let view = View::of(network, spans.as_ref());
    let plane = fitting(inside, &view);
    let dot = (view.width / (2.0 * f64::from(plane.width)), view.height / (4.0 * f64::from(plane.height)));
    // The canvas counts upwards, pictures downwards.
    let rectangle = |top: f64, left: f64, bottom: f64, right: f64, color: Color| Rectangle {
        x: left,
        y: -bottom,
        width: (right - left - dot.0).max(0.0),
        height: (bottom - top - dot.1).max(0.0),
        color,
    };
    let canvas = Canvas::default()
        .marker(Marker::Braille)
        .x_bounds([view.left, view.left + view.width])
        .y_bounds([-(view.top + view.height), -view.top])
        .paint(|context| {
            if let Some([rows, columns]) = &spans {
                if let (Some(own_rows), Some(own_columns)) = (rows.clipped(), columns.clipped()) {
                    let points = grid(own_rows, own_columns, dot);
                    context.draw(&Points { coords: &points, color: colour(theme.bar) });
                }
                let (top, bottom) = (rows.first as f64, rows.last as f64 + 1.0);
                let (left, right) = (columns.first as f64, columns.last as f64 + 1.0);
                let color = if rows.is_inside() && columns.is_inside() { theme.bar } else { theme.warn };
                context.draw(&rectangle(top, left, bottom, right, colour(color)));
            }
            context.draw(&rectangle(0.0, 0.0, input.height as f64, input.width as f64, colour(theme.dim)));
        });
    frame_.render_widget(canvas, plane);
    click_places(layer, network, &view, plane, regions);
}

/// Every second dot of what is seen inside the input, so that it shows without colour too.
fn grid(rows: (u64, u64), columns: (u64, u64), dot: (f64, f64)) -> Vec<(f64, f64)> {
    let axis = |(first, last): (u64, u64), dot: f64| {
        let count = ((last + 1 - first) as f64 / (2.0 * dot)) as usize;
        (0..count.min(500)).map(move |at| first as f64 + (2.0 * at as f64 + 1.0) * dot)
    };
    axis(rows, dot.1).flat_map(|y| axis(columns, dot.0).map(move |x| (x, -y))).collect()
}

/// A click on the picture takes the unit whose place in its map is the pixel's in the input.
fn click_places(layer: &Layer, network: &Network, view: &View, plane: Rect, regions: &mut Vec<Region>) {
    let (rows, columns) = units(layer);
    let input = network.architecture.input;
    let unit = |at: f64, length: u64, units: u64| {
        let share = (at / length as f64).clamp(0.0, 1.0);
        ((share * units as f64) as u64).min(units - 1)
    };
    for y in 0..plane.height {
        for x in 0..plane.width {
            let row = view.top + (f64::from(y) + 0.5) / f64::from(plane.height) * view.height;
            let column = view.left + (f64::from(x) + 0.5) / f64::from(plane.width) * view.width;
            let target = Target::Unit(unit(row, input.height, rows), unit(column, input.width, columns));
            regions.push(Region { area: Rect::new(plane.x + x, plane.y + y, 1, 1), target });
        }
    }
}

/// The layers at which the field grows, by index.
fn growing(network: &Network) -> Vec<usize> {
    let size = |layer: &Layer| layer.field.map(|field| field.map(|axis| axis.size));
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

fn draw_growth(
    state: &State,
    network: &Network,
    layer: &Layer,
    frame_: &mut Frame,
    area: Rect,
    regions: &mut Vec<Region>,
) {
    if area.is_empty() {
        return;
    }
    let theme = &state.theme;
    let input = network.architecture.input;
    let block = frame(format!(" Field by depth, input {} ", input.height.max(input.width)), theme, false);
    let inside = block.inner(area);
    let growing = growing(network);
    let here = growing.iter().rposition(|&index| index <= layer.index);
    let size = |layer: &Layer| layer.field.map(|field| field[0].size.max(field[1].size) as f64);
    // The input's length is the measure, unless a field is longer.
    let longest = growing.iter().filter_map(|&index| size(&network.layers[index])).fold(1.0, f64::max);
    let longest = longest.max(input.height.max(input.width) as f64);
    let rows = visible_rows(area, 0);
    let first = here.unwrap_or(0).saturating_sub(rows / 2).min(growing.len().saturating_sub(rows));
    let name_width = 17.min(usize::from(inside.width) / 2);
    let bar_width = usize::from(inside.width).saturating_sub(name_width + 9);
    let mut lines = Vec::new();
    for (at, &index) in growing.iter().enumerate().skip(first).take(rows) {
        let own = &network.layers[index];
        let style = if Some(at) == here { theme.selected } else { Style::new() };
        let share = size(own).unwrap_or(0.0) / longest;
        lines.push(
            Line::from(vec![
                Span::styled(left(&own.name, name_width), theme.text),
                Span::styled(right(&figures::field(own), 8), theme.text),
                Span::raw(" "),
                Span::styled(bar(share, bar_width), theme.bar),
            ])
            .style(style),
        );
        let line = Rect { y: inside.y + (at - first) as u16, height: 1, ..inside };
        regions.push(Region { area: line, target: Target::Layer(index) });
    }
    frame_.render_widget(Paragraph::new(lines).block(block), area);
}

/// `rows 95 to 110`, or that there are none.
fn range(what: &str, span: &unit::Span) -> String {
    match span.clipped() {
        Some((first, last)) => format!("{what} {first} to {last}"),
        None => format!("no {what}"),
    }
}

/// What of a field lies outside the input, side by side.
fn outside([rows, columns]: &[unit::Span; 2]) -> Vec<String> {
    let beyond = |span: &unit::Span| ((-span.first).max(0), (span.last + 1 - i128::from(span.input)).max(0));
    let ((above, below), (before, after)) = (beyond(rows), beyond(columns));
    let sides = [(above, "above"), (below, "below"), (before, "left"), (after, "right")];
    sides
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, side)| format!("{} {side}", grouped(count.unsigned_abs())))
        .collect()
}

/// One decimal, or as many as show that it is not nothing.
fn percent(share: f64) -> String {
    let decimals = if share > 0.0 && share < 0.1 { 3 } else { 1 };
    format!("{share:.decimals$}")
}

/// Label and text of every line about the unit.
pub fn numbers(network: &Network, layer: &Layer, place: Place) -> Vec<(&'static str, String)> {
    let (rows, columns) = units(layer);
    let (y, x) = unit_at(place, layer);
    let mut lines = vec![("unit", format!("row {y}, column {x} of {rows}×{columns}"))];
    match seen(network, layer, y, x) {
        Ok(spans) => {
            let pixels = |span: &unit::Span| span.clipped().map_or(0, |(first, last)| last - first + 1);
            let all = u128::from(network.architecture.input.height) * u128::from(network.architecture.input.width);
            let seen = u128::from(pixels(&spans[0])) * u128::from(pixels(&spans[1]));
            let share = 100.0 * seen as f64 / all.max(1) as f64;
            let ranges = [range("rows", &spans[0]), range("columns", &spans[1])].join(", ");
            lines
                .push(("sees", format!("{ranges}: {} of {} pixels, {}%", grouped(seen), grouped(all), percent(share))));
            let outside = outside(&spans);
            let text = if outside.is_empty() { "nothing".to_string() } else { outside.join(", ") };
            lines.push(("outside", format!("{text}{}", if outside.is_empty() { "" } else { ", padding there" })));
        }
        Err(error) => lines.push(("sees", error.to_string())),
    }
    let own = formulas::of(layer);
    lines.push(("field", own.receptive_field));
    lines.push(("jump", format!("{}   centre of unit 0: {}", own.jump, own.center)));
    lines
}

fn draw_numbers(state: &State, network: &Network, layer: &Layer, frame_: &mut Frame, area: Rect) {
    if area.is_empty() {
        return;
    }
    let theme: &Theme = &state.theme;
    let block = frame(format!(" {} · {} ", layer.name, layer.operation.kind()), theme, false);
    let lines: Vec<Line> = numbers(network, layer, state.place)
        .into_iter()
        .map(|(label, text)| {
            Line::from(vec![Span::styled(left(&format!(" {label}"), 10), theme.dim), Span::styled(text, theme.text)])
        })
        .collect();
    frame_.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }).block(block), area);
}

/// What is copied: the layer and the numbers of its unit.
pub fn as_text(state: &State) -> Option<String> {
    let entry = state.entry().filter(|_| state.pane == Pane::Layers)?;
    let (network, layer) = (entry.network()?, entry.layer()?);
    let mut lines = vec![layer.name.clone()];
    lines.extend(numbers(network, layer, state.place).into_iter().map(|(label, text)| format!("{label}  {text}")));
    Some(lines.join("\n"))
}
