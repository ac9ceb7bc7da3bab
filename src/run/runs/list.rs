//! The runs of a folder.

use std::path::{Path, PathBuf};

use super::lines::{Line, read_line};
use super::lock::is_busy;
use super::summary::{Status, Summary};
use super::{METRICS, RECIPE, RunError};
use crate::reason::Reason;

/// A run that was found.
#[derive(Debug, Clone)]
pub struct Found {
    pub folder: PathBuf,
    /// The folder's own name.
    pub id: String,
    /// What its summary says, or why that cannot be read.
    pub summary: Result<Summary, Reason>,
    /// Whether a process trains in it now.
    pub is_live: bool,
}

impl Found {
    pub fn open(folder: &Path) -> Found {
        let id = folder.file_name().map_or_else(|| folder.display().to_string(), |name| name.to_string_lossy().into());
        let mut summary = Summary::read(folder).map_err(Reason::of);
        if let Ok(own) = &mut summary
            && own.status == Status::Running
        {
            bring_up_to_date(own, folder);
        }
        Found { folder: folder.to_path_buf(), id, summary, is_live: is_busy(folder) }
    }

    /// One word for how it stands.
    pub fn status(&self) -> &'static str {
        match &self.summary {
            _ if self.is_live => "running",
            Err(_) => "unreadable",
            Ok(summary) => match summary.status {
                Status::Running => "killed",
                Status::Finished => "finished",
                Status::Stopped => "stopped",
                Status::Failed => "failed",
            },
        }
    }
}

/// Bytes at the end of the metrics that hold some steps.
const TAIL: u64 = 1 << 16;

/// A run that goes on, or was killed, is further than its last checkpoint; the end of its metrics says how far.
fn bring_up_to_date(summary: &mut Summary, folder: &Path) {
    use std::io::{Read, Seek, SeekFrom};
    let Ok(mut metrics) = crate::files::read::open(&folder.join(METRICS)) else { return };
    let Ok(metadata) = metrics.metadata() else { return };
    let mut bytes = Vec::new();
    let from = SeekFrom::Start(metadata.len().saturating_sub(TAIL));
    if metrics.seek(from).and_then(|_| metrics.take(TAIL).read_to_end(&mut bytes)).is_err() {
        return;
    }
    for line in bytes.split(|byte| *byte == b'\n').filter_map(|line| read_line(std::str::from_utf8(line).ok()?)) {
        match line {
            Line::Resume { step } => summary.step = step,
            Line::Step(own) => (summary.step, summary.epoch) = (own.step, own.epoch),
            Line::Epoch(epoch) => {
                (summary.train_loss, summary.train_accuracy) = (Some(epoch.train_loss), Some(epoch.train_accuracy));
                (summary.val_loss, summary.val_accuracy) = (epoch.val_loss, epoch.val_accuracy);
                if let Some(accuracy) = epoch.val_accuracy
                    && summary.best_val_accuracy.is_none_or(|best| accuracy > best)
                {
                    (summary.best_val_accuracy, summary.best_epoch) = (Some(accuracy), Some(epoch.epoch));
                }
            }
            _ => {}
        }
    }
    let written = metadata.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    if let Some(written) = written.map(|written| written.as_secs()).filter(|&written| written > summary.updated) {
        summary.seconds += (written - summary.updated) as f64;
        summary.updated = written;
    }
}

/// Every run in a folder, the one written to last first. A folder that is not there has none.
pub fn list(parent: &Path) -> Vec<Found> {
    let folders = std::fs::read_dir(parent).into_iter().flatten().flatten().map(|entry| entry.path());
    let runs = folders.filter(|path| path.join(RECIPE).is_file()).map(|path| Found::open(&path));
    let mut runs: Vec<Found> = runs.collect();
    runs.sort_by_key(|run| {
        let updated = run.summary.as_ref().map_or(0, |summary| summary.updated);
        (std::cmp::Reverse(updated), run.id.clone())
    });
    runs
}

/// The run that a name means: a folder, or one in `parent`.
pub fn find(parent: &Path, name: &str) -> Result<Found, RunError> {
    let paths = [PathBuf::from(name), parent.join(name)];
    if let Some(path) = paths.iter().find(|path| path.join(RECIPE).is_file()) {
        return Ok(Found::open(path));
    }
    let ids: Vec<String> = list(parent).into_iter().map(|run| run.id).collect();
    let near = crate::spec::problem::nearest(name, ids.clone());
    let reason = match (near, ids.is_empty()) {
        (Some(near), _) => format!("did you mean `{near}`?"),
        (None, true) => format!("there are no runs in {}", parent.display()),
        (None, false) => "`convlens runs list` shows all".to_string(),
    };
    Err(RunError::NoRun { path: name.to_string(), reason })
}
