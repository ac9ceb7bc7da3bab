//! What the compare screen knows, and what its keys stand for.

use std::sync::Arc;

use crate::graph::Graph;
use crate::graph::compare::Row;
use crate::graph::kernel_study::Study;
use crate::run::measure::Timing;
use crate::run::sweep::Sweep;
use crate::spec::Origin;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Architectures, the kernel study, the sweep.
    Switch,
    /// Another number in the cells.
    Number,
    /// Only rows that differ, or all.
    Changes,
    Mark,
    /// Asks before it takes every mark away.
    Clear,
    ClearNow,
    Time,
    Less,
    More,
    MuchLess,
    MuchMore,
    /// Say what is varied in a sweep.
    Vary,
    /// Open a variant.
    Open,
    Copy,
    CopyTable,
    /// A row that was clicked, or a number of the kernel study.
    Row(usize),
}

#[derive(Debug)]
pub enum News {
    Timed(Timed, Vec<Timing>),
    /// Variants were worked out.
    Swept(Arc<Sweep>),
}

/// What a line is typed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// What is varied in a sweep.
    Vary,
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

/// What times belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Timed {
    Designs(Vec<Origin>),
    Study(Study),
}

/// Which of its views is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shows {
    #[default]
    Designs,
    Kernels,
    Sweep,
}

/// Architectures side by side, the kernel study, and a sweep.
#[derive(Debug, Clone)]
pub struct Compare {
    pub shows: Shows,
    pub number: Number,
    pub only_changes: bool,
    pub cursor: usize,
    pub offset: usize,
    /// The networks that are compared, and their aligned rows.
    pub of: Vec<Arc<Graph>>,
    pub rows: Arc<Vec<Row>>,
    /// What each block comes to, in each of the networks.
    pub sums: Vec<(String, Vec<u64>)>,
    pub study: Study,
    /// Which of the study's four numbers the keys change.
    pub slider: usize,
    /// What was timed, and its times.
    pub times: Option<(Timed, Vec<Timing>)>,
    pub sweep: SweepView,
}

impl Default for Compare {
    fn default() -> Self {
        Compare {
            shows: Shows::Designs,
            number: Number::Params,
            only_changes: false,
            cursor: 0,
            offset: 0,
            of: Vec::new(),
            rows: Arc::default(),
            sums: Vec::new(),
            study: Study { field: 5, in_channels: 256, channels: 256, size: 56 },
            slider: 0,
            times: None,
            sweep: SweepView::default(),
        }
    }
}

/// Variants of an architecture, walked through.
#[derive(Debug, Clone, Default)]
pub struct SweepView {
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
