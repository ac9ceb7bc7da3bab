//! What each screen remembers of how it is looked at.

use std::path::PathBuf;
use std::sync::Arc;

use image::RgbImage;
use ratatui_image::protocol::Protocol;

use crate::graph::Graph;
use crate::graph::compare::Row;
use crate::graph::kernel_study::Study;
use crate::run::LayerRun;
use crate::run::attention::{Effective, Heat, Method};
use crate::run::live::{Input, Ran};
use crate::run::measure::Timing;
use crate::run::picture::Picture;
use crate::run::sweep::Sweep;
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
    /// The effective field that was measured last.
    pub effective: Option<Measured>,
    /// The path of the last photo, to start from when asked again.
    pub last_photo: String,
}

impl Default for FieldView {
    fn default() -> Self {
        FieldView { place: Place::MIDDLE, photo: None, fitted: None, effective: None, last_photo: String::new() }
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
    pub network: Arc<Graph>,
    pub of: Arc<Picture>,
    pub picture: Arc<Picture>,
}

/// An effective field, and what it is of.
#[derive(Debug, Clone)]
pub struct Measured {
    pub network: Arc<Graph>,
    pub layer: usize,
    pub unit: (u64, u64),
    pub effective: Arc<Effective>,
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

/// The forward run.
#[derive(Debug, Clone)]
pub struct ForwardView {
    /// Files of weights, each for the architecture it was chosen for; the others are drawn at random.
    pub weights: Vec<(Origin, PathBuf)>,
    pub input: Input,
    pub batch: usize,
    pub runs: usize,
    pub threads: Option<usize>,
    /// Of random weights and of noise.
    pub seed: u64,
    /// Files of class names, each for the architecture it was chosen for, in place of its own.
    pub labels: Vec<(Origin, PathBuf)>,
    /// The photos that were chosen together, and which of them is the input.
    pub photos: Vec<PathBuf>,
    pub photo: usize,
    /// Layers of the run under way, as they end.
    pub ending: Vec<LayerRun>,
    /// The network of the run under way.
    pub running: Option<Arc<Graph>>,
    /// The last run of each network, the newest last.
    pub rans: Vec<Arc<Ran>>,
    pub shows: Shows,
    /// Whether pictures were turned to where only one pane has room.
    pub turned: bool,
    pub page: usize,
    /// Whether the most active maps come first.
    pub by_activation: bool,
    /// Whether one map takes the whole pane.
    pub enlarged: bool,
    /// Where runs look for classes, by each method.
    pub looks: Vec<Look>,
    /// The class that is looked for; the most probable without it.
    pub class: Option<usize>,
    /// Where it is being worked out how the run looks, and for which class.
    pub looking: Option<(Method, usize)>,
    /// What the pane's picture was made of, and the picture.
    pub picture: Option<Drawn>,
}

impl Default for ForwardView {
    fn default() -> Self {
        ForwardView {
            weights: Vec::new(),
            input: Input::Noise(0),
            batch: 1,
            runs: 3,
            threads: None,
            seed: 0,
            labels: Vec::new(),
            photos: Vec::new(),
            photo: 0,
            ending: Vec::new(),
            running: None,
            rans: Vec::new(),
            shows: Shows::Maps,
            turned: false,
            page: 0,
            by_activation: false,
            enlarged: false,
            looks: Vec::new(),
            class: None,
            looking: None,
            picture: None,
        }
    }
}

/// Where a run looks for a class.
#[derive(Debug, Clone)]
pub struct Look {
    /// The run, by where it is kept.
    pub run: u64,
    pub method: Method,
    pub class: usize,
    pub heat: Heat,
}

/// What the forward screen's pane of pictures shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shows {
    Maps,
    Filters,
    /// The input as the network takes it.
    Input,
    Looks(Method),
}

impl Shows {
    pub const ALL: [Shows; 5] =
        [Shows::Maps, Shows::Filters, Shows::Input, Shows::Looks(Method::GradCam), Shows::Looks(Method::GradientInput)];

    pub fn next(self) -> Self {
        let at = Shows::ALL.iter().position(|own| *own == self).unwrap_or(0);
        Shows::ALL[(at + 1) % Shows::ALL.len()]
    }
}

/// What a picture is made of: another means that it is made anew.
#[derive(Debug, Clone, PartialEq)]
pub struct Subject {
    /// The run, by where it is kept.
    pub run: u64,
    pub layer: usize,
    pub shows: Shows,
    pub page: usize,
    pub by_activation: bool,
    pub enlarged: bool,
    pub class: usize,
    pub size: (u16, u16),
    pub theme: &'static str,
    pub looked: usize,
}

/// A picture ready for the terminal.
#[derive(Clone)]
pub struct Drawn {
    pub subject: Subject,
    pub image: Arc<RgbImage>,
    /// As the terminal shows pictures; none where it has shades only.
    pub protocol: Option<Arc<Protocol>>,
    /// What stands above it.
    pub title: String,
    /// How many pages there are.
    pub pages: usize,
}

impl std::fmt::Debug for Drawn {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(formatter, "{} ({:?})", self.title, self.subject)
    }
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
    pub of: Vec<Arc<Graph>>,
    pub rows: Arc<Vec<Row>>,
    pub study: Study,
    /// Which of the study's four numbers the keys change.
    pub slider: usize,
    /// What was timed, and its times.
    pub times: Option<(Timed, Vec<Timing>)>,
    pub sweep: SweepView,
}

/// Variants of an architecture, walked through.
#[derive(Debug, Clone, Default)]
pub struct SweepView {
    pub is_shown: bool,
    /// What is varied, as it was typed.
    pub typed: String,
    pub of: Option<Arc<Sweep>>,
    /// The text that it is of, and the one that the next was asked of.
    pub of_text: String,
    pub asked_of: String,
    /// Which two figures the front is of.
    pub pair: usize,
    pub only_front: bool,
    /// Of each variant whether it is on the front.
    pub front: Vec<bool>,
    /// The variants that are shown, in the order of the horizontal figure.
    pub order: Vec<usize>,
    pub cursor: usize,
    pub offset: usize,
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
            sweep: SweepView::default(),
        }
    }
}
