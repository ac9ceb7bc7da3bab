//! The input plane: what part of it and its surroundings is shown, where a click leads, and a photo on it.

use std::ops::Range;

use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;
use ratatui::style::Color;

use super::state::Action;
use super::unit::units;
use crate::graph::{Graph, Layer, unit};
use crate::run::attention::Heat;
use crate::run::paint::heat_colour;
use crate::run::picture::Picture;
use crate::tui::screen::Canvas;
use crate::tui::widgets::theme::{Theme, Tones};

/// Most of the picture's side that may lie outside the input, as a multiple of it: a field far larger than the input would
/// make a dot of it.
const MOST_OUTSIDE: f64 = 1.5;

/// The part of the input's plane that is shown: its corner and side lengths in pixels of the input, y downwards.
pub struct Section {
    pub left: f64,
    pub top: f64,
    pub width: f64,
    pub height: f64,
}

impl Section {
    pub fn of(network: &Graph, spans: Option<&[unit::Span; 2]>) -> Self {
        let input = network.architecture.input;
        let axis = |length: u64, span: Option<&unit::Span>| {
            let length = length as f64;
            let (first, last) = span.map_or((0.0, length), |span| (span.first as f64, span.last as f64 + 1.0));
            (first.min(0.0).max(-MOST_OUTSIDE * length), last.max(length).min((1.0 + MOST_OUTSIDE) * length))
        };
        let (top, bottom) = axis(input.height, spans.map(|spans| &spans[0]));
        let (left, right) = axis(input.width, spans.map(|spans| &spans[1]));
        Section { left, top, width: right - left, height: bottom - top }
    }
}

impl Section {
    /// Rows and columns of the input that a half cell of `area` shows.
    fn part(&self, area: Rect, x: u16, half: u16) -> (Range<f64>, Range<f64>) {
        let (down, across) = (self.height / (2.0 * f64::from(area.height)), self.width / f64::from(area.width));
        let (top, left) = (self.top + f64::from(half) * down, self.left + f64::from(x) * across);
        (top..top + down, left..left + across)
    }
}

/// The largest part of `area` in which dots of braille, two by four to a cell, show the view without distortion.
pub fn fitting(area: Rect, view: &Section) -> Rect {
    let (dots_across, dots_down) = (2.0 * f64::from(area.width), 4.0 * f64::from(area.height));
    let scale = (dots_across / view.width).min(dots_down / view.height);
    let width = ((scale * view.width / 2.0).ceil() as u16).clamp(1, area.width.max(1));
    let height = ((scale * view.height / 4.0).ceil() as u16).clamp(1, area.height.max(1));
    Rect { x: area.x + (area.width - width.min(area.width)) / 2, y: area.y, width, height }
}

/// A click on the picture takes the unit whose place in its map is the pixel's in the input.
pub fn click_places(layer: &Layer, network: &Graph, view: &Section, plane: Rect, canvas: &mut Canvas<Action>) {
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
            let unit = Action::Unit(unit(row, input.height, rows), unit(column, input.width, columns));
            canvas.click(Rect::new(plane.x + x, plane.y + y, 1, 1), unit);
        }
    }
}

/// The mean heat of a part of the input; none where it lies outside.
fn mean(heat: &Heat, rows: &Range<f64>, columns: &Range<f64>) -> Option<f64> {
    let clip = |part: &Range<f64>, most: usize| {
        let first = part.start.floor().max(0.0) as usize;
        let end = (part.end.ceil().max(0.0) as usize).min(most);
        (first < end).then_some(first..end)
    };
    let (rows, columns) = (clip(rows, heat.height)?, clip(columns, heat.width)?);
    let count = rows.len() * columns.len();
    let sum: f64 = rows.map(|row| heat.values[row * heat.width..][columns.clone()].iter().sum::<f64>()).sum();
    Some(sum / count as f64)
}

/// Whether the outline of a field runs through a part of the plane.
fn is_edge([rows, columns]: &[unit::Span; 2], down: &Range<f64>, across: &Range<f64>) -> bool {
    let axis = |span: &unit::Span, part: &Range<f64>| {
        let (first, end) = (span.first as f64, span.last as f64 + 1.0);
        let crosses = |at: f64| part.start <= at && at < part.end;
        (part.end > first && part.start <= end, crosses(first) || crosses(end))
    };
    let ((in_rows, on_row), (in_columns, on_column)) = (axis(rows, down), axis(columns, across));
    in_rows && on_column || in_columns && on_row
}

/// From nothing to everything, where there are no colours.
const SHADES: [&str; 5] = [" ", "░", "▒", "▓", "█"];

/// How bright what is not seen is left.
const UNSEEN: f64 = 0.5;

/// What the field is drawn on: a photo of the input's size, a measured gradient, or the gradient over the photo.
pub struct Ground<'a> {
    pub photo: Option<&'a Picture>,
    pub heat: Option<&'a Heat>,
}

/// What is at half a cell.
struct Half {
    pixel: Option<[f64; 3]>,
    /// How hot it is, from 0 to 1.
    heat: Option<f64>,
    seen: bool,
    edge: bool,
}

/// Paints it in half blocks, two places to a cell: bright what the unit sees, the rest dark, the hotter the more it changes the unit,
/// hatched where the field lies in the padding, with the outline of the field. Where there are no colours, five shades stand for it.
pub fn paint(
    ground: &Ground,
    section: &Section,
    spans: Option<&[unit::Span; 2]>,
    area: Rect,
    buffer: &mut Buffer,
    theme: &Theme,
) {
    let largest = ground.heat.map_or(1.0, |heat| heat.largest().max(f64::MIN_POSITIVE));
    let sees = |row: f64, column: f64| {
        let within = |at: f64, span: &unit::Span| at >= span.first as f64 && at < span.last as f64 + 1.0;
        spans.is_none_or(|[rows, columns]| within(row, rows) && within(column, columns))
    };
    let pixel = |picture: &Picture, row: f64, column: f64| -> Option<[f64; 3]> {
        let inside =
            row >= 0.0 && column >= 0.0 && (row as usize) < picture.height && (column as usize) < picture.width;
        let at = 3 * (row as usize * picture.width + column as usize);
        let values = inside.then(|| picture.values.get(at..at + 3)).flatten()?;
        Some([0, 1, 2].map(|part| f64::from(values[part]).clamp(0.0, 1.0)))
    };
    let half = |x: u16, half: u16| {
        let (rows, columns) = section.part(area, x, half);
        let (row, column) = ((rows.start + rows.end) / 2.0, (columns.start + columns.end) / 2.0);
        let edge = spans.is_some_and(|spans| is_edge(spans, &rows, &columns));
        let heat = ground.heat.and_then(|heat| mean(heat, &rows, &columns)).map(|mean| (mean / largest).sqrt());
        Half { pixel: ground.photo.and_then(|own| pixel(own, row, column)), heat, seen: sees(row, column), edge }
    };
    for y in 0..area.height {
        for x in 0..area.width {
            let Some(cell) = buffer.cell_mut((area.x + x, area.y + y)) else { continue };
            let halves = [half(x, 2 * y), half(x, 2 * y + 1)];
            match theme.tones {
                Tones::All => paint_cell(cell, &halves, (x, y), theme),
                Tones::Few => {
                    cell.set_symbol(shade(&halves));
                }
            }
        }
    }
}

fn paint_cell(cell: &mut Cell, halves: &[Half; 2], (x, y): (u16, u16), theme: &Theme) {
    let outline = theme.warn.fg.unwrap_or(Color::Reset);
    let is_outside = |half: &Half| half.pixel.is_none() && half.heat.is_none();
    if halves.iter().all(|half| is_outside(half) && !half.edge) {
        // The part of the field that lies in the padding is hatched; beyond it is nothing.
        let is_hatched = halves.iter().any(|half| half.seen) && (x + y) % 2 == 0;
        cell.set_symbol(if is_hatched { "╱" } else { " " }).set_fg(outline);
        return;
    }
    let colour = |half: &Half| -> Color {
        if half.edge {
            return outline;
        }
        let light = if half.seen { 1.0 } else { UNSEEN };
        let of = |parts: [f64; 3]| {
            let [red, green, blue] = parts.map(|part| (part.clamp(0.0, 1.0) * 255.0) as u8);
            Color::Rgb(red, green, blue)
        };
        match (half.pixel, half.heat) {
            (Some(pixel), None) => of(pixel.map(|part| part * light)),
            (None, Some(heat)) => of(heat_colour(heat).map(|part| f64::from(part) / 255.0)),
            // Over a photo in grey, so that what is hot is not taken for its colours.
            (Some([red, green, blue]), Some(heat)) => {
                let grey = 0.6 * light * (0.299 * red + 0.587 * green + 0.114 * blue);
                let hot = heat_colour(heat).map(|part| f64::from(part) / 255.0);
                of(hot.map(|part| grey * (1.0 - heat) + part * heat))
            }
            (None, None) => Color::Reset,
        }
    };
    cell.set_symbol("▀").set_fg(colour(&halves[0])).set_bg(colour(&halves[1]));
}

/// A cell without colours.
fn shade(halves: &[Half; 2]) -> &'static str {
    let light = |[red, green, blue]: [f64; 3]| 0.299 * red + 0.587 * green + 0.114 * blue;
    let level = |value: f64| SHADES[((value * 5.0) as usize).min(4)];
    let half = &halves[0];
    match (half.pixel, half.heat, half.seen) {
        _ if halves.iter().any(|half| half.edge) => "+",
        (_, Some(heat), _) => level(heat),
        (Some(pixel), None, true) => level(light(pixel)),
        (Some(pixel), None, false) => [" ", "·", "░"][((light(pixel) * 3.0) as usize).min(2)],
        (None, None, true) => "x",
        (None, None, false) => " ",
    }
}
