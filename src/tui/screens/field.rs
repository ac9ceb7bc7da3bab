//! Screen 2: what one unit of the selected layer sees, drawn to scale on the input, and how the field grows with depth.

use std::sync::Arc;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};
use ratatui::symbols::Marker;
use ratatui::text::Line;
use ratatui::widgets::canvas::{Canvas, Points, Rectangle};
use ratatui::widgets::{Paragraph, Wrap};

use super::plane::{self, View, click_places, fitting};
use super::text::{bar, fitting_title, frame, left, plain_span, right, styled_span};
use super::{Screen, forward, layers};
use crate::graph::figures::{self, grouped};
use crate::graph::unit::{self, seen};
use crate::graph::{Graph, Layer, Operation, Shape, Source, formulas};
use crate::run::attention::Effective;
use crate::run::live;
use crate::run::preprocess::fitted;
use crate::spec::describe::Input;
use crate::tui::keys::Action;
use crate::tui::keys::table::{Unit, Window};
use crate::tui::layout::{Panes, SizeClass, visible_rows};
use crate::tui::msg::{Effect, Region, Target};
use crate::tui::overlays;
use crate::tui::state::overlay::Purpose;
use crate::tui::state::views::Fitted;
use crate::tui::state::{Along, Entry, Pane, Place, State};
use crate::tui::theme::Theme;

/// Largest input that a photo is scaled to while keys wait.
const MOST_PIXELS: u64 = 1 << 22;
/// Columns of the growth chart beside the plane.
const CHART_WIDTH: u16 = 46;
pub fn act(state: &mut State, action: Action) -> Option<Vec<Effect>> {
    match action {
        Action::Unit(Unit::By(rows, columns)) => move_unit(state, rows.into(), columns.into()),
        Action::Unit(Unit::Middle) => state.field.place = Place::MIDDLE,
        Action::Unit(Unit::Photo) => match state.field.photo.take() {
            Some(_) => state.tell("without the photo"),
            None => overlays::ask_path(state, Purpose::Photo, state.field.last_photo.clone()),
        },
        Action::Unit(Unit::Effective) => return Some(measure(state)),
        // With nothing to stop, what was measured is taken away.
        Action::Window(Window::Stop) if state.working.is_none() => state.field.effective = None,
        Action::Copy => return as_text(state).map(|text| vec![Effect::Copy(text)]),
        _ => return None,
    }
    Some(Vec::new())
}

/// Asks for the effective field of the unit, with the weights of the forward screen.
fn measure(state: &State) -> Vec<Effect> {
    let shown = state.entry().and_then(Entry::layer).zip(forward::request(state));
    let Some((layer, mut request)) = shown else { return Vec::new() };
    // On the photo that is shown, else on noise.
    request.input = match &state.field.photo {
        Some(photo) => live::Input::Photo(photo.path.clone()),
        None => live::Input::Noise(0),
    };
    vec![Effect::Effective { request, layer: layer.index, unit: unit_at(state.field.place, layer) }]
}

/// The effective field of the unit that is shown, if it was measured.
fn measured<'a>(state: &'a State, network: &Graph, layer: &Layer) -> Option<&'a Effective> {
    let own = state.field.effective.as_ref()?;
    let is_same = std::ptr::eq(&*own.network, network) && own.layer == layer.index;
    (is_same && own.unit == unit_at(state.field.place, layer)).then_some(&*own.effective)
}

fn move_unit(state: &mut State, rows: i64, columns: i64) {
    let Some(layer) = state.entry().and_then(Entry::layer) else { return };
    let (height, width) = units(layer);
    let place = &mut state.field.place;
    place.row = place.row.moved(rows, height);
    place.column = place.column.moved(columns, width);
}

/// Takes the unit at a row and column of the selected layer.
pub fn go_to_unit(state: &mut State, row: u64, column: u64) {
    let Some(layer) = state.entry().and_then(Entry::layer) else { return };
    let (height, width) = units(layer);
    let unit = |along: Along, to: u64, units: u64| along.moved(to as i64 - along.of(units) as i64, units);
    let place = &mut state.field.place;
    place.row = unit(place.row, row, height);
    place.column = unit(place.column, column, width);
    state.pane = Pane::Main;
}

/// Scales the photo to the network's input when either is another.
pub fn refresh(state: &mut State) {
    let (Some(photo), Some(entry)) = (&state.field.photo, state.entries.get(state.selected)) else { return };
    let Some(network) = entry.shared_network().filter(|_| state.screen == Screen::Field) else { return };
    let same = |fitted: &Fitted| Arc::ptr_eq(&fitted.network, network) && Arc::ptr_eq(&fitted.of, &photo.picture);
    if state.field.fitted.as_ref().is_some_and(same) {
        return;
    }
    let architecture = &network.architecture;
    if architecture.input.height * architecture.input.width > MOST_PIXELS {
        state.field.photo = None;
        state.complain("the input is too large for a photo to be scaled to it here");
        return;
    }
    // Only how it is cropped counts here: a picture has three channels whatever the network takes.
    let input = Input { channels: 3, ..architecture.input };
    match fitted(&photo.picture, input, &architecture.preprocess) {
        Ok(picture) => {
            let (network, of) = (Arc::clone(network), Arc::clone(&photo.picture));
            state.field.fitted = Some(Fitted { network, of, picture: Arc::new(picture) });
        }
        Err(error) => {
            state.field.photo = None;
            state.complain(error.to_string());
        }
    }
}

/// Draws the screen for a network; what cannot be read is drawn by the layer screen.
pub fn draw(state: &State, frame_: &mut Frame, panes: &Panes, regions: &mut Vec<Region>) {
    let shown = state.entry().and_then(|entry| Some((entry.network()?, entry.layer()?)));
    let Some((network, layer)) = shown else {
        layers::draw(state, frame_, panes, regions);
        return;
    };
    let (upper, below) = (panes.table, panes.working);
    let tiny = panes.class == SizeClass::Tiny;
    let chart_width = if tiny || upper.width < 2 * CHART_WIDTH - 20 { 0 } else { CHART_WIDTH.min(upper.width / 2) };
    let plane = Rect { width: upper.width.saturating_sub(chart_width), ..upper };
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

fn colour(style: Style) -> Color {
    style.fg.unwrap_or(Color::Reset)
}

fn draw_plane(
    state: &State,
    network: &Graph,
    layer: &Layer,
    frame_: &mut Frame,
    area: Rect,
    regions: &mut Vec<Region>,
) {
    let theme = &state.theme;
    let (y, x) = unit_at(state.field.place, layer);
    let spans = seen(network, layer, y, x).ok();
    let input = network.architecture.input;
    let title = format!(" What {} sees of {}×{} pixels ", layer.name, input.height, input.width);
    let block = frame(fitting_title(&title, area), theme, state.pane == Pane::Main);
    let inside = block.inner(area);
    frame_.render_widget(block, area);
    if inside.is_empty() {
        return;
    }
    let view = View::of(network, spans.as_ref());
    let plane = fitting(inside, &view);
    if let Some(fitted) = state.field.fitted.as_ref().filter(|_| state.field.photo.is_some()) {
        plane::paint_photo(&fitted.picture, &view, spans.as_ref(), plane, frame_.buffer_mut(), theme);
        click_places(layer, network, &view, plane, regions);
        return;
    }
    if let Some(effective) = measured(state, network, layer) {
        plane::paint_heat(&effective.heat, &view, spans.as_ref(), plane, frame_.buffer_mut(), theme);
        click_places(layer, network, &view, plane, regions);
        return;
    }
    let dot = (view.width / (2.0 * f64::from(plane.width)), view.height / (4.0 * f64::from(plane.height)));
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

fn draw_growth(
    state: &State,
    network: &Graph,
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
    let size = |layer: &Layer| layer.field_size().map(|[rows, columns]| rows.max(columns) as f64);
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
        let style = theme.row(Some(at) == here, true);
        let share = size(own).unwrap_or(0.0) / longest;
        lines.push(
            Line::from(vec![
                styled_span(left(&own.name, name_width), theme.text),
                styled_span(right(&figures::field(own), 8), theme.text),
                plain_span(" "),
                styled_span(bar(share, bar_width), theme.bar),
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
pub fn numbers(network: &Graph, layer: &Layer, place: Place) -> Vec<(&'static str, String)> {
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
    let own = formulas::of(network, layer);
    lines.push(("field", own.receptive_field));
    lines.push(("jump", format!("{}   centre of unit 0: {}", own.jump, own.center)));
    lines
}

/// What was measured, in one line.
fn in_words(effective: &Effective) -> String {
    let Some([rows, columns]) = effective.box_that_holds(0.95) else {
        return "the gradient is 0 everywhere, or not finite".to_string();
    };
    let share = 100.0 * effective.share_in_central_half();
    let on = match effective.samples {
        1 => "on the photo".to_string(),
        samples => format!("{samples} inputs of noise"),
    };
    format!("{rows}×{columns} hold 95% of the gradient, {share:.1}% is in the middle half ({on})")
}

fn draw_numbers(state: &State, network: &Graph, layer: &Layer, frame_: &mut Frame, area: Rect) {
    if area.is_empty() {
        return;
    }
    let theme: &Theme = &state.theme;
    let block = frame(format!(" {} · {} ", layer.name, layer.operation.kind()), theme, false);
    let mut lines = numbers(network, layer, state.field.place);
    if let Some(effective) = measured(state, network, layer) {
        lines.truncate(4);
        lines.push(("effective", in_words(effective)));
    }
    let lines: Vec<Line> = lines
        .into_iter()
        .map(|(label, text)| {
            Line::from(vec![styled_span(left(&format!(" {label}"), 11), theme.dim), styled_span(text, theme.text)])
        })
        .collect();
    frame_.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }).block(block), area);
}

/// What is copied: the layer and the numbers of its unit.
pub fn as_text(state: &State) -> Option<String> {
    let entry = state.entry().filter(|_| state.pane == Pane::Main)?;
    let (network, layer) = (entry.network()?, entry.layer()?);
    let mut lines = vec![layer.name.clone()];
    lines
        .extend(numbers(network, layer, state.field.place).into_iter().map(|(label, text)| format!("{label}  {text}")));
    lines.extend(measured(state, network, layer).map(|effective| format!("effective  {}", in_words(effective))));
    Some(lines.join("\n"))
}
