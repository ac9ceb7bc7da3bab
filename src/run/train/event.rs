//! What a run tells while it goes on, and what it can be told.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::run::evaluate::{Evaluation, Judged};

/// One update: the mini-batch's loss and accuracy before it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// From 1, over the whole run.
    pub step: u64,
    /// From 1.
    pub epoch: u64,
    pub loss: f32,
    pub accuracy: f64,
    pub lr: f64,
    pub images: usize,
    pub time: Duration,
}

/// One pass over the data; means over its images.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Epoch {
    pub epoch: u64,
    /// The last step of it.
    pub step: u64,
    /// Of its mini-batches, each before its update.
    pub loss: f64,
    pub accuracy: f64,
    /// Of the validation set after the epoch.
    pub validation: Option<Evaluation>,
    pub time: Duration,
}

/// Euclidean norms of a layer's parameters at a step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LayerNorms {
    pub layer: String,
    pub weight: f64,
    pub gradient: f64,
    /// Of what the step changed.
    pub update: f64,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    Step(Step),
    Epoch(Epoch),
    Norms {
        step: u64,
        layers: Vec<LayerNorms>,
    },
    /// Images of the validation set with what the network takes them for.
    Samples {
        step: u64,
        images: Vec<Judged>,
    },
    /// The state at a step was written.
    Checkpoint {
        step: u64,
        path: PathBuf,
    },
    /// The learning rate was divided by 10, by a plateau or by the user: it is this times the schedule's from now on.
    Rate {
        step: u64,
        rate: f64,
        by: &'static str,
    },
    Warning {
        step: u64,
        text: String,
    },
    Paused(bool),
    /// Images of the validation set that have been looked at.
    Validating {
        done: usize,
        of: usize,
    },
}

/// What a run can be told between two steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    Pause,
    Resume,
    /// One step, then pause.
    Step,
    /// Divides the learning rate by 10.
    LowerRate,
    /// Takes a division back: ten times the rate, up to the schedule's own.
    RaiseRate,
    Checkpoint,
}

/// How a run is stopped and steered from outside.
#[derive(Debug, Default)]
pub struct Control {
    /// Ends training after the step that is under way.
    pub stop: Arc<AtomicBool>,
    pub commands: Option<Receiver<Command>>,
    pub until: Option<Instant>,
}

/// When work must end that may take so many minutes; never where that is beyond what a clock counts.
pub fn until(minutes: Option<f64>) -> Option<Instant> {
    let limit = Duration::try_from_secs_f64(60.0 * minutes?).ok()?;
    Instant::now().checked_add(limit)
}

impl Control {
    pub fn stops(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    pub fn is_late(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() >= until)
    }
}

/// What is told beside losses, for those who look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Observed {
    pub norms: bool,
    /// Images of the validation set to show after each epoch.
    pub samples: usize,
}

/// Why a run came to an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Finished,
    /// So many epochs as the recipe's patience brought nothing better.
    Early,
    /// Told to stop.
    Stopped,
    /// The time it was given is over.
    Late,
}

impl End {
    /// Whether the recipe came to its end.
    pub fn is_finished(self) -> bool {
        matches!(self, End::Finished | End::Early)
    }
}
