//! Events as lines of JSON: on stdout for scripts, and in a run's `metrics.jsonl`.

use serde_json::{Value, json};

use crate::run::train::evaluate::Evaluation;
use crate::run::train::{Epoch, Event, Step};

/// An event as JSON; none for what is only shown.
pub fn event(event: &Event) -> Option<Value> {
    Some(match event {
        Event::Step(step) => step_json(step),
        Event::Epoch(epoch) => epoch_json(epoch),
        Event::Checkpoint { step, path } => {
            json!({"event": "checkpoint", "step": step, "path": path.display().to_string()})
        }
        Event::Rate { step, rate, by } => json!({"event": "rate", "step": step, "rate": rate, "by": by}),
        Event::Warning { step, text } => json!({"event": "warning", "step": step, "text": text}),
        Event::Norms { .. } | Event::Samples { .. } | Event::Paused(_) | Event::Validating { .. } => return None,
    })
}

fn step_json(step: &Step) -> Value {
    json!({"event": "step", "step": step.step, "epoch": step.epoch, "loss": step.loss, "accuracy": step.accuracy,
        "lr": step.lr, "images_per_second": step.images as f64 / step.time.as_secs_f64().max(1e-9)})
}

fn epoch_json(epoch: &Epoch) -> Value {
    let of = |figure: fn(&Evaluation) -> f64| epoch.validation.as_ref().map(figure);
    json!({"event": "epoch", "epoch": epoch.epoch, "step": epoch.step, "train_loss": epoch.loss,
        "train_accuracy": epoch.accuracy, "val_loss": of(|own| own.loss), "val_accuracy": of(|own| own.accuracy),
        "seconds": epoch.time.as_secs_f64()})
}

/// What a line of `metrics.jsonl` tells that is drawn or listed.
#[derive(Debug, Clone, PartialEq)]
pub enum Line {
    Start(Value),
    /// The run went on from this step; later ones that came before do not count.
    Resume {
        step: u64,
    },
    Step {
        step: u64,
        epoch: u64,
        loss: f64,
        accuracy: f64,
        lr: f64,
        images_per_second: f64,
    },
    Epoch(EpochLine),
    Rate {
        step: u64,
        rate: f64,
        by: String,
    },
    Warning {
        step: u64,
        text: String,
    },
    /// A checkpoint, an end, or what a later version writes.
    Other,
}

/// An epoch as it was written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EpochLine {
    pub epoch: u64,
    pub step: u64,
    pub train_loss: f64,
    pub train_accuracy: f64,
    /// Absent without a validation set.
    pub val_loss: Option<f64>,
    pub val_accuracy: Option<f64>,
    pub seconds: f64,
}

impl From<&Epoch> for EpochLine {
    fn from(epoch: &Epoch) -> Self {
        EpochLine {
            epoch: epoch.epoch,
            step: epoch.step,
            train_loss: epoch.loss,
            train_accuracy: epoch.accuracy,
            val_loss: epoch.validation.map(|own| own.loss),
            val_accuracy: epoch.validation.map(|own| own.accuracy),
            seconds: epoch.time.as_secs_f64(),
        }
    }
}

/// Reads a line. A line that a kill cut in the middle is no line.
pub fn read_line(line: &str) -> Option<Line> {
    let value: Value = serde_json::from_str(line).ok()?;
    let whole = |key: &str| value[key].as_u64();
    // What was not finite is written as null.
    let number = |key: &str| value[key].as_f64().unwrap_or(f64::NAN);
    Some(match value["event"].as_str()? {
        "start" => Line::Start(value),
        "resume" => Line::Resume { step: whole("step")? },
        "step" => Line::Step {
            step: whole("step")?,
            epoch: whole("epoch")?,
            loss: number("loss"),
            accuracy: number("accuracy"),
            lr: number("lr"),
            images_per_second: number("images_per_second"),
        },
        "epoch" => Line::Epoch(EpochLine {
            epoch: whole("epoch")?,
            step: whole("step")?,
            train_loss: number("train_loss"),
            train_accuracy: number("train_accuracy"),
            val_loss: value["val_loss"].as_f64(),
            val_accuracy: value["val_accuracy"].as_f64(),
            seconds: number("seconds"),
        }),
        "rate" => {
            Line::Rate { step: whole("step")?, rate: number("rate"), by: value["by"].as_str().unwrap_or("").into() }
        }
        "warning" => Line::Warning { step: whole("step")?, text: value["text"].as_str().unwrap_or("").into() },
        _ => Line::Other,
    })
}
