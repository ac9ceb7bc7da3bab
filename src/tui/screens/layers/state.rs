//! What the layer screen remembers of how it is looked at, and what its keys stand for.

use crate::spec::Origin;
use crate::tui::model::Fold;
use crate::tui::model::columns::{Column, Sort, USUAL};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Fold(Fold),
    Columns,
    Sort,
    /// By a column that was clicked.
    SortBy(Column),
    Reverse,
    /// Scrolls the working.
    Details(isize),
    /// Asks for other fields of the layer.
    Change,
    Mark,
    /// Copies the row with its working.
    Copy,
    CopyTable,
    /// Copies one number: the value of the column the table is sorted by, or the parameters.
    CopyCell,
    /// A row that was clicked.
    Row(usize),
    Choose(Choose),
}

/// In the list of columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choose {
    Up,
    Down,
    Switch,
    Close,
    /// One that was clicked.
    At(usize),
}

#[derive(Debug, Clone)]
pub struct Layers {
    pub columns: Vec<Column>,
    pub sort: Option<Sort>,
    /// The column the cursor is at, while columns are chosen.
    pub choosing: Option<usize>,
    /// Lines that the working is scrolled by, and the row it is of.
    pub scrolled: usize,
    pub scrolled_at: (usize, usize),
}

/// Lines below the rows, with the totals.
pub const TOTALS: u16 = 1;

/// A text with other fields of a layer, which gives a network.
#[derive(Debug)]
pub struct News {
    pub origin: Origin,
    pub layer: String,
    pub text: String,
}

/// What a line is typed for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// Other fields of a layer, by its name.
    Change(String),
}

impl Default for Layers {
    fn default() -> Self {
        Layers { columns: USUAL.to_vec(), sort: None, choosing: None, scrolled: 0, scrolled_at: (0, 0) }
    }
}
