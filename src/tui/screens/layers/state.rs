//! What the layer screen remembers of how it is looked at, and what its keys stand for.

use crate::tui::model::Fold;
use crate::tui::model::columns::{Column, Sort, USUAL};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Fold(Fold),
    Columns,
    Sort,
    Reverse,
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
}

impl Default for Layers {
    fn default() -> Self {
        Layers { columns: USUAL.to_vec(), sort: None, choosing: None }
    }
}
