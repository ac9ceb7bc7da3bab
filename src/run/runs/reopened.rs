//! A run's folder opened to go on with it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use serde_json::json;

use super::checkpoint::Checkpoint;
use super::keeper::{About, Keeper, open_metrics, write_state};
use super::lock::{lock, sweep};
use super::summary::{Status, Summary};
use super::{ARCHITECTURE, RECIPE, RunError, STATE, VERSION, file, history, unwritable};
use crate::atomic;
use crate::spec::recipe::RunRecipe;

/// A run taken up again.
pub struct Reopened {
    pub folder: PathBuf,
    pub recipe: RunRecipe,
    pub architecture: PathBuf,
    pub checkpoint: Checkpoint,
    lock: File,
    /// None where it is missing or damaged: nothing that was learned is in it.
    summary: Option<Summary>,
}

impl Reopened {
    /// Locks a run's folder and reads where it stands.
    pub fn open(folder: &Path) -> Result<Reopened, RunError> {
        let no_run = |reason: String| RunError::NoRun { path: folder.display().to_string(), reason };
        if !folder.is_dir() {
            return Err(no_run("there is no such folder".into()));
        }
        let path = file(folder, RECIPE);
        let text = fs::read_to_string(&path).map_err(|error| no_run(format!("{RECIPE}: {error}")))?;
        let recipe =
            RunRecipe::read(&text).map_err(|reason| RunError::Damaged { path: path.display().to_string(), reason })?;
        let lock = lock(folder)?;
        sweep(folder);
        history::check_version(folder)?;
        let checkpoint = Checkpoint::open(folder)?;
        // A kill between the two leaves the copy behind.
        write_state(folder, &checkpoint.state).map_err(|error| unwritable(&file(folder, STATE), &error, None))?;
        let summary = match Summary::read(folder) {
            Err(newer @ RunError::Newer { .. }) => return Err(newer),
            summary => summary.ok(),
        };
        Ok(Reopened {
            folder: folder.to_path_buf(),
            recipe,
            architecture: file(folder, ARCHITECTURE),
            checkpoint,
            lock,
            summary,
        })
    }

    pub fn summary(&self) -> Option<&Summary> {
        self.summary.as_ref()
    }

    /// Goes on with the run; `recipe` is its own, or its own made longer.
    pub fn go_on(self, recipe: RunRecipe, summary: Summary) -> Result<Keeper, RunError> {
        let path = &self.architecture;
        let architecture = fs::read_to_string(path)
            .map_err(|error| RunError::NoRun { path: path.display().to_string(), reason: error.to_string() })?;
        let step = self.checkpoint.state.progress.step;
        let metrics = open_metrics(&self.folder)?;
        if recipe != self.recipe {
            let path = file(&self.folder, RECIPE);
            atomic::write_text(&path, &recipe.to_text()).map_err(|error| unwritable(&path, &error, Some(step)))?;
        }
        let start = json!({"event": "start", "version": VERSION, "arch": recipe.architecture});
        let data = self.checkpoint.state.data;
        let about = About { architecture, recipe, start, summary, data };
        let mut keeper = Keeper { folder: self.folder, about, metrics, lock: self.lock, last: Some(step) };
        keeper.append_json(&json!({"event": "resume", "step": step}))?;
        keeper.summarise(Status::Running, None)?;
        Ok(keeper)
    }
}
