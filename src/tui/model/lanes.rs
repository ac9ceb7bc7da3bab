//! Which row of the layer table feeds which, drawn beside the names as a git graph draws its branches.
//!
//! A row that feeds the one below it needs no line. Any other feed runs in a lane: it begins beside the row that gives (`╭`), passes
//! the rows between (`│`), has a branch beside each row that reads (`├`) and ends beside the last of them (`╰`).

use super::tree::{Row, RowKind};
use crate::graph::{Graph, Source};

/// Most lanes side by side; what finds no place is not drawn.
const MOST: usize = 6;

/// Lanes of all rows of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lanes {
    /// What stands beside each row, `width` characters.
    beside: Vec<String>,
    /// Rows that each row reads.
    feeds: Vec<Vec<usize>>,
    pub width: usize,
}

/// Directions in which a line leaves a cell.
const UP: u8 = 1;
const DOWN: u8 = 2;
const LEFT: u8 = 4;
const RIGHT: u8 = 8;

/// A feed on its way.
struct Lane {
    from: usize,
    /// The last row that reads it.
    to: usize,
}

impl Lanes {
    /// What stands beside a row; empty where no row feeds another but the next.
    pub fn beside(&self, row: usize) -> &str {
        self.beside.get(row).map_or("", String::as_str)
    }

    /// The rows whose output a row reads.
    pub fn feeds(&self, row: usize) -> &[usize] {
        self.feeds.get(row).map_or(&[], Vec::as_slice)
    }

    /// Of rows in the network's order.
    pub fn of(network: &Graph, rows: &[Row]) -> Lanes {
        if !network.has_branches() {
            return Lanes::default();
        }
        // Rows count from 1 here: 0 is the input.
        let mut owner = vec![0usize; network.layers.len()];
        let stands_for = |row: &Row| match row.kind {
            RowKind::Block { open: true, .. } => 0..0,
            _ => row.layers(),
        };
        for (at, row) in rows.iter().enumerate() {
            owner[stands_for(row)].fill(at + 1);
        }
        let mut feeds: Vec<Vec<usize>> = vec![Vec::new(); rows.len() + 1];
        for layer in &network.layers {
            let row = owner[layer.index];
            for source in &layer.inputs {
                let from = match source {
                    Source::Input => 0,
                    Source::Layer(index) => owner[*index],
                };
                if from != row && !feeds[row].contains(&from) {
                    feeds[row].push(from);
                }
            }
        }
        // The row that stands for layers right behind each such row.
        let mut next = vec![usize::MAX; rows.len() + 1];
        let mut before = 0;
        for (at, row) in rows.iter().enumerate().filter(|(_, row)| !stands_for(row).is_empty()) {
            debug_assert!(!row.layers().is_empty());
            next[before] = at + 1;
            before = at + 1;
        }
        let mut last = vec![0usize; rows.len() + 1];
        for (row, from) in feeds.iter().enumerate().flat_map(|(row, from)| from.iter().map(move |from| (row, *from))) {
            if next[from] != row {
                last[from] = last[from].max(row);
            }
        }
        let cells = drawn(&feeds, &next, &last);
        let width = cells.iter().map(Vec::len).max().unwrap_or(0);
        // The innermost lane stands next to the names.
        let line = |cells: &Vec<u8>| -> String {
            (0..width).rev().map(|slot| character(cells.get(slot).copied().unwrap_or(0))).collect()
        };
        let beside = cells[1..].iter().map(line).collect();
        let feeds = feeds[1..].iter().map(|from| from.iter().filter_map(|row| row.checked_sub(1)).collect()).collect();
        Lanes { beside, feeds, width }
    }
}

/// The cells beside each row, the innermost first.
fn drawn(feeds: &[Vec<usize>], next: &[usize], last: &[usize]) -> Vec<Vec<u8>> {
    let mut lanes: Vec<Option<Lane>> = Vec::new();
    let mut cells = Vec::with_capacity(feeds.len());
    for row in 0..feeds.len() {
        let mut own = vec![0u8; lanes.len()];
        for (slot, lane) in lanes.iter().enumerate() {
            let Some(lane) = lane else { continue };
            let reads = feeds[row].contains(&lane.from) && next[lane.from] != row;
            own[slot] |= UP | if lane.to > row { DOWN } else { 0 } | if reads { RIGHT } else { 0 };
        }
        if last[row] > 0 {
            let free = lanes.iter().position(Option::is_none).unwrap_or(lanes.len());
            if free < MOST {
                if free == lanes.len() {
                    lanes.push(None);
                    own.push(0);
                }
                own[free] |= DOWN | RIGHT;
                lanes[free] = Some(Lane { from: row, to: last[row] });
            }
        }
        for lane in &mut lanes {
            if lane.as_ref().is_some_and(|lane| lane.to <= row) {
                *lane = None;
            }
        }
        // A line to the row crosses the lanes inside of it.
        if let Some(outermost) = own.iter().rposition(|cell| cell & RIGHT != 0) {
            own[..outermost].iter_mut().for_each(|cell| *cell |= LEFT | RIGHT);
        }
        cells.push(own);
    }
    cells
}

fn character(cell: u8) -> char {
    const ACROSS: u8 = LEFT | RIGHT;
    match cell {
        0 => ' ',
        ACROSS => '─',
        cell if cell & ACROSS == 0 => '│',
        cell if cell & LEFT == 0 => match (cell & UP != 0, cell & DOWN != 0) {
            (true, true) => '├',
            (true, false) => '╰',
            _ => '╭',
        },
        cell => match (cell & UP != 0, cell & DOWN != 0) {
            (true, true) => '┼',
            (true, false) => '┴',
            _ => '┬',
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph;
    use crate::spec::{Library, Origin};
    use crate::tui::model::tree::{self, Folds};

    fn picture(layers: &str) -> Vec<String> {
        let text = format!("input: [4, 8, 8]\ndefaults: {{conv: {{activation: none}}}}\nlayers: {layers}\n");
        let loaded = Library::new(None).load_text(&Origin::File("a.yaml".into()), text, &[]).expect("sound");
        let network = graph::analyse(&loaded).expect("fits");
        let rows = tree::rows(&network, &Folds::default());
        let lanes = Lanes::of(&network, &rows);
        let name = |row: &Row| row.path(&network).rsplit('.').next().unwrap_or_default().to_string();
        rows.iter().enumerate().map(|(at, row)| format!("{} {}", lanes.beside(at), name(row))).collect()
    }

    #[test]
    fn a_chain_needs_no_lane() {
        assert_eq!(picture("[conv3-4, relu]"), [" conv1", " relu1"]);
    }

    #[test]
    fn a_shortcut_runs_beside_what_it_skips() {
        assert_eq!(
            picture("[conv3-4, residual: [conv3-4, conv3-4], conv3-8]"),
            ["╭ conv1", "│ residual1", "│ conv1", "│ conv2", "╰ add", "  conv2"]
        );
    }

    #[test]
    fn one_shortcut_begins_where_another_ends() {
        assert_eq!(
            picture("[relu, residual: [conv3-4], residual: [conv3-4]]"),
            [" ╭ relu1", " │ residual1", " │ conv1", "╭┴ add", "│  residual2", "│  conv1", "╰─ add"]
        );
    }

    #[test]
    fn branches_leave_and_meet() {
        assert_eq!(
            picture("[relu, concat: [conv1-2, conv1-3, conv1-4]]"),
            [
                "  ╭ relu1",
                "  │ concat1",
                "  │ branch1",
                " ╭┼ conv1",
                " ││ branch2",
                "╭┼┼ conv1",
                "│││ branch3",
                "││╰ conv1",
                "╰┴─ concat",
            ]
        );
    }

    #[test]
    fn what_the_input_feeds_comes_from_above() {
        assert_eq!(picture("[residual: [conv3-4]]"), ["│ residual1", "│ conv1", "╰ add"]);
    }
}
