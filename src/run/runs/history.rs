//! What a run's `metrics.jsonl` tells, read back: curves, epochs, and what happened on the way.

use std::io::BufReader;
use std::path::Path;

use super::lines::{EpochLine, Line, StepLine, rate_words, read_line};
use super::norms::NormLines;
use super::series::Series;
use super::{METRICS, RunError, file};
use crate::files::read;
use crate::run::train::{Event, LayerNorms};

/// Largest file of metrics that is read, in bytes: some ten million steps.
const LARGEST: u64 = 2 << 30;
/// Longest line that is read whole, in bytes; the norms of ten thousand layers take about one million.
const LONGEST_LINE: u64 = 1 << 24;

/// The curves of a run and its epochs.
#[derive(Debug, Clone, Default)]
pub struct History {
    pub loss: Series,
    pub accuracy: Series,
    pub lr: Series,
    pub images_per_second: Series,
    pub epochs: Vec<EpochLine>,
    /// Step and words: warnings, and learning rates that were divided.
    pub notes: Vec<(u64, String)>,
    pub norms: NormLines,
    pub epoch: u64,
}

/// What is drawn over steps, in training and validation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Curve {
    Loss,
    Accuracy,
}

/// What curves run along.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Along {
    #[default]
    Steps,
    /// Passes over the training data.
    Epochs,
    /// Seconds of training and validation.
    Time,
}

impl History {
    /// Where a step stands along an axis. An epoch's steps count as equally long, those of one under way as long as those of the last
    /// one that ended; before that only steps are known, and there is no answer.
    pub fn place(&self, step: f64, along: Along) -> Option<f64> {
        let mut from = (0.0, 0.0);
        let mut spent = 0.0;
        let mut pace = None;
        for epoch in self.epochs.iter().filter(|epoch| epoch.step > 0) {
            spent += epoch.seconds;
            let to = match along {
                Along::Steps => return Some(step),
                Along::Epochs => (epoch.step as f64, epoch.epoch as f64),
                Along::Time => (epoch.step as f64, spent),
            };
            if to.0 > from.0 {
                pace = Some((from, (to.1 - from.1) / (to.0 - from.0)));
                if step <= to.0 {
                    break;
                }
            }
            from = to;
        }
        match along {
            Along::Steps => Some(step),
            _ => pace.map(|((start, value), pace)| value + (step - start) * pace),
        }
    }

    /// Reads a run's metrics.
    pub fn read(folder: &Path) -> Result<History, RunError> {
        read_all(folder).map(Whole::drawn)
    }

    pub fn series(&self, curve: Curve) -> &Series {
        match curve {
            Curve::Loss => &self.loss,
            Curve::Accuracy => &self.accuracy,
        }
    }

    /// The validation's values, each at its epoch's last step.
    pub fn validation(&self, curve: Curve) -> impl Iterator<Item = (u64, f64)> {
        self.epochs.iter().filter_map(move |epoch| {
            let value = match curve {
                Curve::Loss => epoch.val_loss,
                Curve::Accuracy => epoch.val_accuracy,
            };
            Some((epoch.step, value?))
        })
    }

    fn step(&mut self, own: &StepLine) {
        self.loss.push(own.step, own.loss);
        self.accuracy.push(own.step, own.accuracy);
        self.lr.push(own.step, own.lr);
        self.images_per_second.push(own.step, own.images_per_second);
        self.epoch = own.epoch;
    }

    /// Follows a run that goes on.
    pub fn take(&mut self, event: &Event) {
        match event {
            Event::Step(own) => self.step(&own.into()),
            Event::Epoch(own) => self.epochs.push(own.into()),
            Event::Rate { step, rate, by } => self.notes.push((*step, rate_words(*rate, by))),
            Event::Warning { step, text } => self.notes.push((*step, text.clone())),
            Event::Norms { layers, .. } => self.norms.push(layers),
            _ => {}
        }
    }
}

/// All that counts of a run's metrics, with nothing thinned.
#[derive(Debug, Default)]
pub struct Whole {
    pub steps: Vec<StepLine>,
    /// The norms of the layers at some steps.
    pub norms: Vec<(u64, Vec<LayerNorms>)>,
    history: History,
}

impl Whole {
    pub fn epochs(&self) -> &[EpochLine] {
        &self.history.epochs
    }

    /// As it is drawn.
    pub fn drawn(self) -> History {
        let mut history = self.history;
        self.steps.iter().for_each(|step| history.step(step));
        self.norms.iter().for_each(|(_, layers)| history.norms.push(layers));
        history
    }
}

/// Refuses metrics that a newer convlens began. Missing ones say nothing.
pub fn check_version(folder: &Path) -> Result<(), RunError> {
    let path = file(folder, METRICS);
    let opened = read::open(&path).ok().map(BufReader::new);
    let first = opened.and_then(|metrics| read::lines(metrics, LONGEST_LINE).next()?.ok());
    match first.and_then(|first| read_line(std::str::from_utf8(&first).ok()?)) {
        Some(Line::Start(value)) => known_version(&value, &path),
        _ => Ok(()),
    }
}

fn known_version(start: &serde_json::Value, path: &Path) -> Result<(), RunError> {
    match start["version"].as_u64() {
        Some(found) if found > super::VERSION => Err(RunError::Newer { path: path.display().to_string(), found }),
        _ => Ok(()),
    }
}

/// Reads every line of a run's metrics.
pub fn read_all(folder: &Path) -> Result<Whole, RunError> {
    let path = file(folder, METRICS);
    let failed =
        |reason: String| RunError::NoRun { path: folder.display().to_string(), reason: format!("{METRICS}: {reason}") };
    let opened = read::open(&path).map_err(|error| failed(error.to_string()))?;
    if opened.metadata().is_ok_and(|metadata| metadata.len() > LARGEST) {
        return Err(failed(format!("it has more than {} MiB", LARGEST >> 20)));
    }
    let reader = BufReader::new(opened);
    let Whole { mut steps, mut norms, mut history } = Whole::default();
    let mut unreadable = 0;
    for line in read::lines(reader, LONGEST_LINE) {
        let line = line.map_err(|error| failed(crate::files::reason(&error)))?;
        let Some(line) = std::str::from_utf8(&line).ok().and_then(read_line) else {
            unreadable += u64::from(!line.is_empty());
            continue;
        };
        match line {
            Line::Start(value) => known_version(&value, &path)?,
            Line::Resume { step: kept } => {
                steps.truncate(steps.partition_point(|step| step.step <= kept));
                history.epochs.retain(|epoch| epoch.step <= kept);
                history.notes.retain(|(step, _)| *step <= kept);
                norms.retain(|(step, _)| *step <= kept);
            }
            Line::Step(step) => steps.push(step),
            Line::Epoch(epoch) => {
                // Validation that was done again after a resume at the epoch's last step.
                if history.epochs.last().is_some_and(|last| last.epoch >= epoch.epoch) {
                    history.epochs.retain(|own| own.epoch != epoch.epoch);
                }
                history.epochs.push(epoch);
            }
            Line::Rate { step, rate, by } => history.notes.push((step, rate_words(rate, &by))),
            Line::Warning { step, text } => history.notes.push((step, text)),
            Line::Norms { step, layers } => norms.push((step, layers)),
            Line::Checkpoint { .. } | Line::Finish { .. } | Line::Other => {}
        }
    }
    // Each kill may have cut one line in the middle.
    if unreadable > 0 {
        let lines = if unreadable == 1 { "line" } else { "lines" };
        let words = format!("{unreadable} {lines} of {METRICS} cannot be read; a kill cuts one at most");
        history.notes.push((steps.last().map_or(0, |step| step.step), words));
    }
    Ok(Whole { steps, norms, history })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_stands_where_its_epoch_does() {
        let epoch = |epoch, step, seconds| EpochLine {
            epoch,
            step,
            train_loss: 0.0,
            train_accuracy: 0.0,
            val_loss: None,
            val_accuracy: None,
            seconds,
        };
        let mut history = History::default();
        assert_eq!((history.place(7.0, Along::Steps), history.place(7.0, Along::Epochs)), (Some(7.0), None));
        // The second epoch took twice as long.
        history.epochs = vec![epoch(1, 100, 10.0), epoch(2, 200, 20.0)];
        for (step, epochs, seconds) in [(50.0, 0.5, 5.0), (100.0, 1.0, 10.0), (150.0, 1.5, 20.0), (250.0, 2.5, 40.0)] {
            assert_eq!(history.place(step, Along::Epochs), Some(epochs), "{step}");
            assert_eq!(history.place(step, Along::Time), Some(seconds), "{step}");
        }
    }
}
