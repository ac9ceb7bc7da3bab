//! The columns of the layer table: which there are, which fit, and the order they can put the rows in.

use crate::graph::{Graph, Layer};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Column {
    Kind,
    Input,
    Output,
    Window,
    Params,
    ParamShare,
    Macs,
    Bar,
    Share,
    Memory,
    Field,
    Jump,
}

/// How a column looks.
pub struct Look {
    pub column: Column,
    pub heading: &'static str,
    pub words: &'static str,
    pub width: usize,
    /// Whether numbers stand in it.
    pub number: bool,
}

const fn look(column: Column, heading: &'static str, words: &'static str, width: usize, number: bool) -> Look {
    Look { column, heading, words, width, number }
}

/// Every column, left to right.
pub const COLUMNS: [Look; 12] = [
    look(Column::Kind, "kind", "kind of layer", 9, false),
    look(Column::Input, "input", "shape that goes in", 11, false),
    look(Column::Output, "output", "shape that comes out", 11, false),
    look(Column::Window, "k s p", "kernel, stride, padding", 7, false),
    look(Column::Params, "params", "parameters", 11, true),
    look(Column::ParamShare, "of all", "share of all parameters", 6, true),
    look(Column::Macs, "MACs", "multiply-adds", 7, true),
    look(Column::Bar, "", "share of all MACs as a bar, or of what is sorted by", 8, false),
    look(Column::Share, "share", "share of all MACs", 5, true),
    look(Column::Memory, "memory", "bytes of the output", 8, true),
    look(Column::Field, "field", "receptive field", 5, true),
    look(Column::Jump, "jump", "pixels from one unit's field to the next", 5, true),
];

/// Shown unless others are chosen.
pub const USUAL: [Column; 8] = [
    Column::Kind,
    Column::Output,
    Column::Window,
    Column::Params,
    Column::Macs,
    Column::Bar,
    Column::Share,
    Column::Field,
];

/// Shown too where there is much room and nothing else was chosen.
const MORE: [Column; 3] = [Column::Input, Column::ParamShare, Column::Memory];
/// Columns of a window from which on there is much room.
const MUCH: usize = 125;

/// What goes first where there is no room.
const GIVEN_UP: [Column; 10] = [
    Column::Bar,
    Column::Input,
    Column::Kind,
    Column::Window,
    Column::Jump,
    Column::ParamShare,
    Column::Share,
    Column::Memory,
    Column::Output,
    Column::Field,
];
const NAME_WIDTH: usize = 20;

/// The columns of `chosen` that fit beside a readable name, and what is left for the name.
pub fn fitting(chosen: &[Column], width: usize) -> (usize, Vec<&'static Look>) {
    let is_usual = chosen.len() == USUAL.len() && USUAL.iter().all(|column| chosen.contains(column));
    let more = if is_usual && width >= MUCH { &MORE[..] } else { &[] };
    let is_shown = |column| chosen.contains(column) || more.contains(column);
    let mut shown: Vec<&Look> = COLUMNS.iter().filter(|look| is_shown(&look.column)).collect();
    let taken = |shown: &[&Look]| shown.iter().map(|look| look.width + 1).sum::<usize>();
    for column in GIVEN_UP {
        if taken(&shown) + NAME_WIDTH <= width {
            break;
        }
        shown.retain(|look| look.column != column);
    }
    while taken(&shown) + 10 > width && shown.pop().is_some() {}
    (width.saturating_sub(taken(&shown)), shown)
}

/// An order of the rows other than the network's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Sort {
    pub column: Column,
    pub smallest_first: bool,
}

/// The columns that rows can be sorted by, in the order in which they are offered.
const SORTED_BY: [Column; 5] = [Column::Params, Column::Macs, Column::Memory, Column::Output, Column::Field];

/// The order by a column that is chosen: its largest first, then its smallest, then as built. Only numbers sort.
pub fn by(sort: Option<Sort>, column: Column) -> Option<Sort> {
    let column = match column {
        Column::Bar | Column::Share => Column::Macs,
        Column::ParamShare => Column::Params,
        other => other,
    };
    match sort {
        _ if !SORTED_BY.contains(&column) => sort,
        Some(own) if own.column == column && own.smallest_first => None,
        Some(own) if own.column == column => Some(Sort { column, smallest_first: true }),
        _ => Some(Sort { column, smallest_first: false }),
    }
}

/// The next order: through the columns that are shown, then the network's own.
pub fn next(sort: Option<Sort>, chosen: &[Column]) -> Option<Sort> {
    let offered: Vec<Column> = SORTED_BY.into_iter().filter(|column| chosen.contains(column)).collect();
    let at = sort.and_then(|sort| offered.iter().position(|column| *column == sort.column));
    let column = offered.get(at.map_or(0, |at| at + 1));
    column.map(|column| Sort { column: *column, smallest_first: false })
}

impl Sort {
    /// The number that a layer, with what it brings along, stands by; larger first unless turned round.
    pub fn key(self, network: &Graph, layers: std::ops::Range<usize>) -> u128 {
        let layers = &network.layers[layers];
        let last = layers.last();
        match self.column {
            Column::Params | Column::ParamShare => layers.iter().map(|layer| u128::from(layer.params())).sum(),
            Column::Memory => layers.iter().map(|layer| u128::from(layer.output_bytes())).sum(),
            Column::Output => last.map_or(0, |layer| layer.output.elements()),
            Column::Field => last.and_then(Layer::field_size).map_or(0, |[rows, columns]| rows.max(columns)),
            _ => layers.iter().map(|layer: &Layer| u128::from(layer.macs)).sum(),
        }
    }

    /// The share of all that a row has, from 0 to 1; for shapes and fields of the largest.
    pub fn share(self, network: &Graph, layers: std::ops::Range<usize>) -> f64 {
        let all = match self.column {
            Column::Params | Column::ParamShare => u128::from(network.totals.params),
            Column::Memory => network.layers.iter().map(|layer| u128::from(layer.output_bytes())).sum(),
            Column::Output | Column::Field => {
                (0..network.layers.len()).map(|at| self.key(network, at..at + 1)).max().unwrap_or(0)
            }
            _ => u128::from(network.totals.macs),
        };
        self.key(network, layers) as f64 / all.max(1) as f64
    }

    /// The column's heading.
    pub fn heading(self) -> &'static str {
        COLUMNS.iter().find(|look| look.column == self.column).map_or("", |look| look.heading)
    }

    /// `MACs ↓`.
    pub fn words(self) -> String {
        format!("{} {}", self.heading(), if self.smallest_first { "↑" } else { "↓" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_fit_whatever_the_width() {
        let all: Vec<Column> = COLUMNS.iter().map(|look| look.column).collect();
        for chosen in [&USUAL[..], &all, &[]] {
            for width in 0..200 {
                let (name, shown) = fitting(chosen, width);
                let taken: usize = shown.iter().map(|look| look.width + 1).sum();
                assert!(name + taken <= width.max(name), "{width}");
                assert!(name >= 10.min(width), "{width}: {name} for the name");
            }
        }
    }

    #[test]
    fn sorting_goes_round_to_the_networks_own_order() {
        let mut sort = None;
        let mut seen = Vec::new();
        loop {
            sort = next(sort, &USUAL);
            let Some(sort) = sort else { break };
            seen.push(sort.column);
        }
        assert_eq!(seen, [Column::Params, Column::Macs, Column::Output, Column::Field]);
    }
}
