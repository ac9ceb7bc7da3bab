//! What each screen remembers of how it is looked at.

use std::path::PathBuf;
use std::sync::Arc;

use crate::model::Network;
use crate::model::compare::Row;
use crate::model::kernel_study::Study;
use crate::run::measure::Timing;
use crate::run::picture::Picture;
use crate::spec::Origin;
use crate::tui::columns::{Column, Sort, USUAL};

/// The layer table.
#[derive(Debug, Clone)]
pub struct TableView {
    pub columns: Vec<Column>,
    pub sort: Option<Sort>,
}

impl Default for TableView {
    fn default() -> Self {
        TableView { columns: USUAL.to_vec(), sort: None }
    }
}

/// The field of a unit.
#[derive(Debug, Clone)]
pub struct FieldView {
    /// The unit that the field is shown of.
    pub place: Place,
    /// The photo it is shown on.
    pub photo: Option<Photo>,
    /// The photo as the network's input takes it.
    pub fitted: Option<Fitted>,
    /// The path of the last photo, to start from when asked again.
    pub last_photo: String,
}

impl Default for FieldView {
    fn default() -> Self {
        FieldView { place: Place::MIDDLE, photo: None, fitted: None, last_photo: String::new() }
    }
}

#[derive(Debug, Clone)]
pub struct Photo {
    pub path: PathBuf,
    pub picture: Arc<Picture>,
}

/// A photo scaled and cropped to a network's input.
#[derive(Debug, Clone)]
pub struct Fitted {
    pub network: Arc<Network>,
    pub of: Arc<Picture>,
    pub picture: Arc<Picture>,
}

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

/// The number that the cells of compared architectures show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Number {
    Params,
    Macs,
    Output,
    Field,
}

impl Number {
    pub const ALL: [Number; 4] = [Number::Params, Number::Macs, Number::Output, Number::Field];

    pub fn name(self) -> &'static str {
        match self {
            Number::Params => "parameters",
            Number::Macs => "MACs",
            Number::Output => "output",
            Number::Field => "field",
        }
    }

    pub fn next(self) -> Self {
        let at = Number::ALL.iter().position(|number| *number == self).unwrap_or(0);
        Number::ALL[(at + 1) % Number::ALL.len()]
    }
}

/// Architectures side by side, and the kernel study.
#[derive(Debug, Clone)]
pub struct CompareView {
    /// Marked to be compared, in the order of the columns.
    pub marked: Vec<Origin>,
    pub number: Number,
    pub only_changes: bool,
    /// Whether the kernel study is shown.
    pub kernels: bool,
    pub cursor: usize,
    pub offset: usize,
    /// The networks that are compared, and their aligned rows.
    pub of: Vec<Arc<Network>>,
    pub rows: Arc<Vec<Row>>,
    pub study: Study,
    /// Which of the study's four numbers the keys change.
    pub slider: usize,
    /// What was timed, and its times.
    pub times: Option<(Timed, Vec<Timing>)>,
}

/// What times belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Timed {
    Designs(Vec<Origin>),
    Study(Study),
}

impl Default for CompareView {
    fn default() -> Self {
        CompareView {
            marked: Vec::new(),
            number: Number::Params,
            only_changes: false,
            kernels: false,
            cursor: 0,
            offset: 0,
            of: Vec::new(),
            rows: Arc::default(),
            study: Study { field: 5, in_channels: 256, channels: 256, size: 56 },
            slider: 0,
            times: None,
        }
    }
}
