//! A run's folder opened to go on with it.

use std::fs::File;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::checkpoint::{Checkpoint, Texts};
use super::keeper::{About, Keeper, class_lines, open_metrics, write_state};
use super::lock::{lock, sweep};
use super::summary::{Status, Summary};
use super::unlearned::recipe_of;
use super::{ARCHITECTURE, CHECKPOINT, CLASSES, RECIPE, RunError, STATE, VERSION, file, history, unwritable};
use crate::files::{read, write};
use crate::spec::limits;
use crate::spec::recipe::RunRecipe;

/// A run taken up again.
pub struct Reopened {
    pub folder: PathBuf,
    pub recipe: RunRecipe,
    /// Text of its architecture, which needs no other file.
    pub architecture: String,
    pub checkpoint: Checkpoint,
    /// What was not as it should be in its folder, as sentences.
    pub notes: Vec<String>,
    classes: Vec<String>,
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
        if !file(folder, CHECKPOINT).exists() {
            // What is missing first is said first.
            recipe_of(folder)?;
            return Err(no_run(format!("there is no {CHECKPOINT} in it")));
        }
        let lock = lock(folder)?;
        sweep(folder);
        history::check_version(folder)?;
        let checkpoint = Checkpoint::open(folder)?;
        let path = file(folder, ARCHITECTURE);
        let architecture = read::text(&path, limits::FILE_BYTES).map_err(|error| RunError::NoRun {
            path: folder.display().to_string(),
            reason: format!("{ARCHITECTURE}: {error}"),
        });
        let mut notes = Vec::new();
        let (recipe, architecture, classes) = match &checkpoint.state.texts {
            Some(texts) => {
                notes = differences(folder, texts);
                let damaged =
                    |reason| RunError::Damaged { path: file(folder, CHECKPOINT).display().to_string(), reason };
                (
                    RunRecipe::read(&texts.recipe).map_err(|reason| damaged(reason.0))?,
                    texts.architecture.clone(),
                    texts.classes.clone(),
                )
            }
            None => (recipe_of(folder)?, architecture?, Vec::new()),
        };
        // A kill between the two leaves the copy behind.
        write_state(folder, &checkpoint.state).map_err(|error| unwritable(&file(folder, STATE), &error, None))?;
        let summary = match Summary::read(folder) {
            Err(newer @ RunError::Newer { .. }) => return Err(newer),
            summary => summary.ok(),
        };
        Ok(Reopened { folder: folder.to_path_buf(), recipe, architecture, checkpoint, notes, classes, lock, summary })
    }

    pub fn summary(&self) -> Option<&Summary> {
        self.summary.as_ref()
    }

    /// Goes on with the run; `recipe` is its own, or its own made longer.
    pub fn go_on(self, recipe: RunRecipe, summary: Summary) -> Result<Keeper, RunError> {
        let step = self.checkpoint.state.progress.step;
        let is_changed = recipe != self.recipe;
        let texts = Texts { architecture: self.architecture, recipe: recipe.to_text(), classes: self.classes };
        put_back(&self.folder, &texts, step)?;
        let metrics = open_metrics(&self.folder)?;
        let start = json!({"event": "start", "version": VERSION, "arch": recipe.architecture});
        let (data, Texts { architecture, classes, .. }) = (self.checkpoint.state.data, texts);
        let about = About { architecture, recipe, start, summary, data, classes };
        let mut keeper = Keeper { folder: self.folder, about, metrics, lock: self.lock, last: Some(step), is_changed };
        keeper.append_json(&json!({"event": "resume", "step": step}))?;
        keeper.summarise(Status::Running, None)?;
        Ok(keeper)
    }
}

/// The files of a folder with the texts that they should hold.
fn files_of(folder: &Path, texts: &Texts) -> Vec<(&'static str, PathBuf, String)> {
    let mut files = vec![(ARCHITECTURE, texts.architecture.clone()), (RECIPE, texts.recipe.clone())];
    if !texts.classes.is_empty() {
        files.push((CLASSES, class_lines(&texts.classes)));
    }
    files.into_iter().map(|(name, text)| (name, file(folder, name), text)).collect()
}

fn holds(path: &Path, text: &str) -> bool {
    read::text(path, limits::FILE_BYTES.max(crate::run::labels::LARGEST)).is_ok_and(|own| own == text)
}

/// Says which files are not what the run was made of.
fn differences(folder: &Path, texts: &Texts) -> Vec<String> {
    let changed = files_of(folder, texts).into_iter().filter(|(_, path, text)| !holds(path, text));
    changed
        .map(|(name, path, _)| {
            let what = if path.exists() { "differs from what the last checkpoint holds" } else { "is missing" };
            format!("{name} {what}; the run goes on with the checkpoint's, and {name} is written again")
        })
        .collect()
}

/// Writes the files that do not hold what they should.
fn put_back(folder: &Path, texts: &Texts, step: u64) -> Result<(), RunError> {
    for (_, path, text) in files_of(folder, texts) {
        if !holds(&path, &text) {
            write::write_text_unlinked(&path, &text).map_err(|error| unwritable(&path, &error, Some(step)))?;
        }
    }
    if texts.classes.is_empty() {
        // Names of another run's.
        let _ = std::fs::remove_file(file(folder, CLASSES));
    }
    Ok(())
}
