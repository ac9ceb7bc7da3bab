//! `summary.json`: where a run stands, in a few figures, so that a list of runs reads one small file each.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{RunError, SUMMARY, VERSION, file, now};
use crate::files::{read, write};

/// What became of a run, as its folder says. Whether a process trains in it right now, its lock says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// A process began or went on with it, and has not ended it. Without that process it was killed.
    Running,
    Finished,
    /// By a user, a signal or a time limit.
    Stopped,
    /// By an error.
    Failed,
}

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    pub version: u64,
    pub architecture: String,
    pub name: String,
    pub data: String,
    pub status: Status,
    /// Why it failed.
    pub reason: Option<String>,
    pub params: u64,
    pub images: u64,
    pub step: u64,
    pub total_steps: u64,
    pub epoch: u64,
    pub epochs: Option<u64>,
    pub train_loss: Option<f64>,
    pub train_accuracy: Option<f64>,
    pub val_loss: Option<f64>,
    pub val_accuracy: Option<f64>,
    pub best_val_accuracy: Option<f64>,
    pub best_epoch: Option<u64>,
    pub test_loss: Option<f64>,
    pub test_accuracy: Option<f64>,
    /// Of training, without pauses between processes.
    pub seconds: f64,
    /// Seconds since 1970.
    pub started: u64,
    pub updated: u64,
}

impl Summary {
    pub fn write(&mut self, folder: &Path) -> std::io::Result<()> {
        self.updated = now();
        let text = serde_json::to_string_pretty(self)?;
        write::write_text_unlinked(&file(folder, SUMMARY), &(text + "\n"))
    }

    pub fn read(folder: &Path) -> Result<Summary, RunError> {
        let path = file(folder, SUMMARY);
        let name = folder.display().to_string();
        let text = read::text(&path, read::SMALL)
            .map_err(|error| RunError::NoRun { path: name.clone(), reason: format!("{SUMMARY}: {error}") })?;
        let value: serde_json::Value = serde_json::from_str(&text)
            .map_err(|error| RunError::Damaged { path: path.display().to_string(), reason: error.to_string() })?;
        if let Some(found) = value["version"].as_u64().filter(|&found| found > VERSION) {
            return Err(RunError::Newer { path: path.display().to_string(), found });
        }
        serde_json::from_value(value)
            .map_err(|error| RunError::Damaged { path: path.display().to_string(), reason: error.to_string() })
    }
}
