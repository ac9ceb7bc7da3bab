//! A run that another process trains, followed line by line as its metrics grow.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

use super::lines::{Line, read_line};
use super::{METRICS, RunError, file, unwritable};
use crate::files::read;
use crate::run::evaluate::Evaluation;
use crate::run::train::{Epoch, Event, Step};

/// The end of a run's metrics, as far as it has been read.
#[derive(Debug)]
pub struct Following {
    metrics: File,
    /// The beginning of a line whose end is still to come.
    begun: Vec<u8>,
    folder: std::path::PathBuf,
}

impl Following {
    /// From what is told next on.
    pub fn from_end(folder: &Path) -> Result<Following, RunError> {
        let path = file(folder, METRICS);
        let unreadable = |reason: String| RunError::Damaged { path: path.display().to_string(), reason };
        let mut metrics = read::open(&path).map_err(|error| unreadable(error.to_string()))?;
        metrics.seek(SeekFrom::End(0)).map_err(|error| unwritable(&path, &error, None))?;
        Ok(Following { metrics, begun: Vec::new(), folder: folder.to_path_buf() })
    }

    /// The lines that have come since.
    pub fn more(&mut self) -> Vec<Line> {
        let mut bytes = std::mem::take(&mut self.begun);
        // What cannot be read now is read the next time.
        let _ = self.metrics.read_to_end(&mut bytes);
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        self.begun = bytes.split_off(whole);
        bytes.split(|byte| *byte == b'\n').filter_map(|line| read_line(std::str::from_utf8(line).ok()?)).collect()
    }

    /// What a line tells as an event; `batch` images are in a mini-batch.
    pub fn event(&self, line: Line, batch: usize) -> Option<Event> {
        let seconds = |seconds: f64| Duration::try_from_secs_f64(seconds).unwrap_or_default();
        Some(match line {
            Line::Step(own) => Event::Step(Step {
                step: own.step,
                epoch: own.epoch,
                loss: own.loss as f32,
                accuracy: own.accuracy,
                lr: own.lr,
                images: batch,
                time: seconds(batch as f64 / own.images_per_second),
            }),
            Line::Epoch(own) => Event::Epoch(Epoch {
                epoch: own.epoch,
                step: own.step,
                loss: own.train_loss,
                accuracy: own.train_accuracy,
                validation: own.val_loss.zip(own.val_accuracy).map(|(loss, accuracy)| Evaluation { loss, accuracy }),
                time: seconds(own.seconds),
            }),
            Line::Rate { step, rate, by } => {
                Event::Rate { step, rate, by: if by == "plateau" { "plateau" } else { "user" } }
            }
            Line::Warning { step, text } => Event::Warning { step, text },
            Line::Norms { step, layers } => Event::Norms { step, layers },
            Line::Checkpoint { step } => Event::Checkpoint { step, path: file(&self.folder, super::CHECKPOINT) },
            Line::Start(_) | Line::Resume { .. } | Line::Finish { .. } | Line::Other => return None,
        })
    }
}

/// Says in the folder of a run whose processes have ended that it failed, where they could not say so themselves.
pub fn say_failed(folder: &Path, reason: &str) -> Result<(), RunError> {
    use super::summary::{Status, Summary};
    // Processes that have lost the one that started them end after their step.
    let mut waits = 0..100;
    let _lock = loop {
        match super::lock::lock(folder) {
            Err(RunError::Busy(_)) if waits.next().is_some() => std::thread::sleep(Duration::from_millis(100)),
            other => break other?,
        }
    };
    let mut summary = Summary::read(folder)?;
    if summary.status == Status::Running {
        let mut metrics = super::keeper::open_metrics(folder)?;
        let line = super::lines::finish(summary.step, false, Some(reason), [None, None]);
        super::keeper::append_line(&mut metrics, &line)
            .map_err(|error| unwritable(&file(folder, METRICS), &error, None))?;
    }
    (summary.status, summary.reason) = (Status::Failed, Some(reason.to_string()));
    summary.write(folder).map_err(|error| unwritable(&file(folder, super::SUMMARY), &error, None))
}
