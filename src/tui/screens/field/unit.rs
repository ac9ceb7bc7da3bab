//! The unit whose field is shown: where it is in any map, and what it sees in numbers.

use crate::graph::figures::grouped;
use crate::graph::unit::{self, seen};
use crate::graph::{Graph, Layer, Shape, formulas};
use crate::run::attention::Effective;

/// A place along one axis of any map: unit `at` of `of`, so that it stays where it is from layer to layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Along {
    at: u64,
    of: u64,
}

impl Along {
    const MIDDLE: Along = Along { at: 0, of: 1 };

    /// The unit at this place of a map with `units` units: where the middle of unit `at` of `of` falls.
    pub fn of(self, units: u64) -> u64 {
        let at = (2 * u128::from(self.at) + 1) * u128::from(units) / (2 * u128::from(self.of.max(1)));
        u64::try_from(at).unwrap_or(u64::MAX).min(units.saturating_sub(1))
    }

    /// Moved by units of a map with so many.
    pub fn moved(self, by: i64, units: u64) -> Self {
        Along { at: self.of(units).saturating_add_signed(by).min(units.saturating_sub(1)), of: units }
    }
}

/// Which unit of a map the field is shown of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub row: Along,
    pub column: Along,
}

impl Place {
    pub const MIDDLE: Place = Place { row: Along::MIDDLE, column: Along::MIDDLE };
}

/// Rows and columns of units of a layer.
pub fn units(layer: &Layer) -> (u64, u64) {
    match layer.output {
        Shape::Map { height, width, .. } => (height, width),
        Shape::Flat(_) => (1, 1),
    }
}

/// The unit that is looked at: row and column.
pub fn unit_at(place: Place, layer: &Layer) -> (u64, u64) {
    let (rows, columns) = units(layer);
    (place.row.of(rows), place.column.of(columns))
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
pub fn in_words(effective: &Effective) -> String {
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
