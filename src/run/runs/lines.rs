//! Events as lines of JSON: on stdout for scripts, and in a run's `metrics.jsonl`.

use serde::Serialize;
use serde_json::{Value, json};

use crate::run::evaluate::Evaluation;
use crate::run::train::{Epoch, Event, LayerNorms, Step};

/// An event as JSON; none for what is only shown.
pub fn event(event: &Event) -> Option<Value> {
    Some(match event {
        Event::Step(step) => tagged("step", &StepLine::from(step)),
        Event::Epoch(epoch) => tagged("epoch", &EpochLine::from(epoch)),
        Event::Checkpoint { step, path } => {
            json!({"event": "checkpoint", "step": step, "path": path.display().to_string()})
        }
        Event::Rate { step, rate, by } => json!({"event": "rate", "step": step, "rate": rate, "by": by}),
        Event::Warning { step, text } => json!({"event": "warning", "step": step, "text": text}),
        Event::Norms { step, layers } => json!({"event": "norms", "step": step, "layers": layers}),
        Event::Samples { .. } | Event::Paused(_) | Event::Validating { .. } => return None,
    })
}

/// What a learning rate that was divided is told in.
pub fn rate_words(rate: f64, by: &str) -> String {
    // A multiple of ten that was divided out and in again has rounded.
    let share = (rate * 1e12).round() / 1e12;
    let who = if by == "user" { "by you" } else { by };
    match share {
        1.0 => format!("learning rate back to the schedule's ({who})"),
        _ => format!("learning rate now {share} of the schedule's ({who})"),
    }
}

/// How a run ended, on stdout and in its metrics.
pub fn finish(steps: u64, finished: bool, reason: Option<&str>, [validation, test]: [Option<Evaluation>; 2]) -> Value {
    json!({"event": "finish", "steps": steps, "finished": finished, "reason": reason,
        "val_loss": validation.map(|own| own.loss), "val_accuracy": validation.map(|own| own.accuracy),
        "test_loss": test.map(|own| own.loss), "test_accuracy": test.map(|own| own.accuracy)})
}

/// A line's figures under the name of its event.
fn tagged(event: &str, figures: &impl Serialize) -> Value {
    let mut line = json!({ "event": event });
    if let (Value::Object(line), Ok(Value::Object(figures))) = (&mut line, serde_json::to_value(figures)) {
        line.extend(figures);
    }
    line
}

/// What a line of `metrics.jsonl` tells that is drawn or listed.
#[derive(Debug, Clone, PartialEq)]
pub enum Line {
    Start(Value),
    /// The run went on from this step; later ones that came before do not count.
    Resume {
        step: u64,
    },
    Step(StepLine),
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
    Norms {
        step: u64,
        layers: Vec<LayerNorms>,
    },
    Checkpoint {
        step: u64,
    },
    /// An end, with what was looked at then: the validation and the test set.
    Finish {
        looked: [Option<Evaluation>; 2],
    },
    /// What a later version writes.
    Other,
}

/// One step as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct StepLine {
    pub step: u64,
    pub epoch: u64,
    pub loss: f64,
    pub accuracy: f64,
    pub lr: f64,
    pub images_per_second: f64,
}

impl From<&Step> for StepLine {
    fn from(step: &Step) -> Self {
        StepLine {
            step: step.step,
            epoch: step.epoch,
            loss: step.loss.into(),
            accuracy: step.accuracy,
            lr: step.lr,
            images_per_second: step.images as f64 / step.time.as_secs_f64().max(1e-9),
        }
    }
}

/// An epoch as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
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

fn norms(value: &Value) -> Option<LayerNorms> {
    let norm = |key: &str| value[key].as_f64().unwrap_or(f64::NAN);
    let layer = value["layer"].as_str()?.to_string();
    Some(LayerNorms { layer, weight: norm("weight"), gradient: norm("gradient"), update: norm("update") })
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
        "step" => Line::Step(StepLine {
            step: whole("step")?,
            epoch: whole("epoch")?,
            loss: number("loss"),
            accuracy: number("accuracy"),
            lr: number("lr"),
            images_per_second: number("images_per_second"),
        }),
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
        "norms" => Line::Norms {
            step: whole("step")?,
            layers: value["layers"].as_array()?.iter().map(norms).collect::<Option<_>>()?,
        },
        "checkpoint" => Line::Checkpoint { step: whole("step")? },
        "finish" => Line::Finish {
            looked: ["val", "test"].map(|part| {
                let of = |what: &str| value[format!("{part}_{what}")].as_f64();
                Some(Evaluation { loss: of("loss")?, accuracy: of("accuracy")? })
            }),
        },
        "warning" => Line::Warning { step: whole("step")?, text: value["text"].as_str().unwrap_or("").into() },
        _ => Line::Other,
    })
}
