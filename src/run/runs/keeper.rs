//! Writing a run's folder: made once, locked while a process trains in it, added to as training goes on.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::checkpoint::{self, Data, State, Texts};
use super::lines;
use super::lock::{contents, is_same, lock, sweep};
use super::summary::{Status, Summary};
use super::unlearned::is_unlearned;
use super::{ARCHITECTURE, BEST, CHECKPOINT, CLASSES, LOCK, METRICS, RECIPE, RunError, STATE, file, unwritable};
use crate::exchange::weights;
use crate::files::name::safe;
use crate::files::write::{self, Links};
use crate::network::Compiled;
use crate::network::average::Average;
use crate::network::optimizer::Optimizer;
use crate::run::evaluate::Evaluation;
use crate::run::train::{Event, Progress};
use crate::spec::recipe::RunRecipe;
use crate::visible::visible;

/// What a run's folder says of it from the start.
#[derive(Debug, Clone)]
pub struct About {
    /// Text of `architecture.yaml`.
    pub architecture: String,
    pub recipe: RunRecipe,
    /// The event that `metrics.jsonl` begins with.
    pub start: Value,
    pub summary: Summary,
    pub data: Data,
    /// Names of the classes, where the data has some.
    pub classes: Vec<String>,
}

impl About {
    fn texts(&self) -> Texts {
        let (architecture, recipe) = (self.architecture.clone(), self.recipe.to_text());
        Texts { architecture, recipe, classes: self.classes.clone() }
    }
}

/// The folder of a run that goes on.
#[derive(Debug)]
pub struct Keeper {
    pub folder: PathBuf,
    pub(super) about: About,
    pub(super) metrics: File,
    /// Locked as long as it lives; the system lets go of it whatever ends the process.
    pub(super) lock: File,
    /// The step of the last checkpoint.
    pub(super) last: Option<u64>,
    /// Whether the recipe is another than the last checkpoint's.
    pub(super) is_changed: bool,
}

/// How long a folder that is being taken away is waited for before it is made once more.
const WAITS: [Duration; 5] = [millis(50), millis(100), millis(200), millis(400), millis(800)];

const fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// What a checkpoint holds.
pub struct Learned<'a> {
    pub network: &'a Compiled,
    pub optimizer: &'a Optimizer,
    pub average: Option<&'a Average>,
    pub progress: &'a Progress,
}

/// Where a run ended, and what was looked at then.
pub struct Closing<'a> {
    pub progress: &'a Progress,
    /// Where it ended within an epoch; otherwise the last epoch's has been told.
    pub validation: Option<Evaluation>,
    pub test: Option<Evaluation>,
}

/// A checkpoint that was written.
pub struct Kept {
    pub path: PathBuf,
    /// What one should know of it.
    pub note: Option<String>,
}

impl Keeper {
    /// Makes `folder`, which must be new or empty, and begins the run in it.
    pub fn create(folder: &Path, about: About) -> Result<Keeper, RunError> {
        let failed = |error: io::Error| unwritable(folder, &error, None);
        fs::create_dir_all(folder).map_err(failed)?;
        let name = || folder.display().to_string();
        let there = contents(folder)?;
        let is_run = there.iter().any(|name| name == RECIPE || name == CHECKPOINT);
        // Asked before there is a lock of our own: what was ended before it had learned anything may begin once more.
        let may_begin = there.is_empty() || is_unlearned(folder);
        // In a folder of something else not even a lock is left behind.
        if !may_begin && !is_run {
            return Err(RunError::NotEmpty(name()));
        }
        if !may_begin && !file(folder, LOCK).exists() {
            return Err(RunError::Taken(name()));
        }
        // Whether somebody trains there is said first.
        let lock = lock(folder)?;
        let now = contents(folder)?;
        if !may_begin || !now.is_empty() && !is_unlearned(folder) {
            return Err(RunError::Taken(name()));
        }
        // What would be taken for this run's is let go; the rest is written anew, so that a kill leaves enough to begin again.
        for path in [METRICS, CLASSES, BEST].map(|name| file(folder, name)) {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(unwritable(&path, &error, None)),
                _ => {}
            }
        }
        sweep(folder);
        Self::begin(folder, about, lock)
    }

    /// Makes the first folder `<parent>/<name>-N` that is not there yet.
    pub fn create_next(parent: &Path, name: &str, about: About) -> Result<Keeper, RunError> {
        let failed = |path: &Path, error: io::Error| unwritable(path, &error, None);
        fs::create_dir_all(parent).map_err(|error| failed(parent, error))?;
        for number in 1.. {
            let folder = parent.join(format!("{}-{number}", safe(name)));
            match fs::create_dir(&folder) {
                Ok(()) => return Self::create(&folder, about),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(&folder, error)),
            }
        }
        Err(RunError::Busy(parent.display().to_string()))
    }

    fn begin(folder: &Path, about: About, lock: File) -> Result<Keeper, RunError> {
        let metrics = write_head(folder, &about, &[])?;
        let mut keeper = Keeper { folder: folder.to_path_buf(), about, metrics, lock, last: None, is_changed: false };
        keeper.summarise(Status::Running, None)?;
        Ok(keeper)
    }

    /// Whether a checkpoint is to be written before the first step: there is none yet, or its recipe is another.
    pub fn owes_checkpoint(&self) -> bool {
        self.last.is_none() || self.is_changed
    }

    /// Adds an event to the metrics.
    pub fn append(&mut self, event: &Event) -> Result<(), RunError> {
        let summary = &mut self.about.summary;
        match event {
            Event::Step(step) => {
                summary.step = step.step;
                summary.epoch = step.epoch;
                // Until the first epoch ends, its last mini-batch has to do.
                if summary.epoch == 1 {
                    (summary.train_loss, summary.train_accuracy) = (Some(step.loss.into()), Some(step.accuracy));
                }
            }
            Event::Epoch(epoch) => {
                (summary.train_loss, summary.train_accuracy) = (Some(epoch.loss), Some(epoch.accuracy));
                summary.val_loss = epoch.validation.map(|own| own.loss);
                summary.val_accuracy = epoch.validation.map(|own| own.accuracy);
            }
            _ => {}
        }
        lines::event(event).map_or(Ok(()), |value| self.append_json(&value))
    }

    pub(super) fn append_json(&mut self, value: &Value) -> Result<(), RunError> {
        let written = append_line(&mut self.metrics, value);
        written.map_err(|error| unwritable(&file(&self.folder, METRICS), &error, self.last))
    }

    /// Writes the state of a run. A folder that was taken away is made again.
    pub fn checkpoint(&mut self, learned: &Learned) -> Result<Kept, RunError> {
        let mut waits = WAITS.into_iter();
        let mut is_new = false;
        loop {
            let kept = self.attempt(learned, &mut is_new);
            // Whoever takes a folder away does so file by file, and takes what is made meanwhile as well.
            let holds = self.is_there() && file(&self.folder, CHECKPOINT).exists();
            if kept.is_ok() && holds && !is_new || matches!(kept, Err(RunError::Busy(_) | RunError::Taken(_))) {
                return kept;
            }
            let Some(wait) = waits.next() else { return kept };
            std::thread::sleep(wait);
            if kept.is_ok() && self.is_there() && file(&self.folder, CHECKPOINT).exists() {
                return kept;
            }
        }
    }

    fn attempt(&mut self, learned: &Learned, is_new: &mut bool) -> Result<Kept, RunError> {
        if !self.is_there() {
            *is_new = true;
            self.make_again()?;
        }
        let path = self.write_checkpoint(learned)?;
        let note = || format!("{} was gone, or a part of it; it is made again", self.folder.display());
        Ok(Kept { path, note: is_new.then(note) })
    }

    /// Refuses to write where another run has been given the name. Asked right before each file: between two of them a
    /// process may be held still for as long as it likes.
    fn hold(&self) -> Result<(), RunError> {
        let gone = || unwritable(&self.folder, &io::Error::other("it was taken away"), None);
        is_same(&self.lock, &file(&self.folder, LOCK)).then_some(()).ok_or_else(gone)
    }

    /// Whether the folder still is what was made at the beginning.
    fn is_there(&self) -> bool {
        let files = [ARCHITECTURE, RECIPE, METRICS].iter().all(|name| file(&self.folder, name).exists());
        files && is_same(&self.lock, &file(&self.folder, LOCK))
    }

    fn write_checkpoint(&mut self, learned: &Learned) -> Result<PathBuf, RunError> {
        let progress = learned.progress;
        let path = file(&self.folder, CHECKPOINT);
        self.metrics.sync_data().map_err(|error| unwritable(&file(&self.folder, METRICS), &error, self.last))?;
        self.hold()?;
        let written = checkpoint::write(&self.folder, learned, self.about.data, self.about.texts());
        let state = written.map_err(|error| checkpoint::unwritable_weights(&path, error, self.last))?;
        self.last = Some(progress.step);
        self.is_changed = false;
        self.hold()?;
        write_state(&self.folder, &state).map_err(|error| unwritable(&file(&self.folder, STATE), &error, self.last))?;
        self.append(&Event::Checkpoint { step: progress.step, path: path.clone() })?;
        let summary = &mut self.about.summary;
        (summary.step, summary.seconds) = (progress.step, progress.seconds);
        (summary.best_val_accuracy, summary.best_epoch) = progress.best.unzip();
        self.summarise(Status::Running, None)?;
        Ok(path)
    }

    /// Writes the weights that were judged best so far, for whoever uses the run.
    pub fn keep_best(&mut self, network: &Compiled) -> Result<(), RunError> {
        // A folder that was taken away is made again with the next checkpoint.
        if !self.is_there() {
            return Ok(());
        }
        self.hold()?;
        let path = file(&self.folder, BEST);
        let named = (!self.about.classes.is_empty()).then(|| checkpoint::class_names(&self.about.classes));
        let texts = named.into_iter().flatten().collect();
        let written = weights::write_with(network, &[], texts, &path, Links::Replaced);
        written.map_err(|error| checkpoint::unwritable_weights(&path, error, self.last))
    }

    /// After the folder was removed under a run.
    fn make_again(&mut self) -> Result<(), RunError> {
        let folder = self.folder.clone();
        fs::create_dir_all(&folder).map_err(|error| unwritable(&folder, &error, None))?;
        self.last = None;
        // Where only a part of it was removed, the lock is still held.
        let held = file(&folder, LOCK);
        if !is_same(&self.lock, &held) {
            // Another run may have been given the name meanwhile.
            let is_anothers = held.exists();
            let lock = lock(&folder)?;
            if is_anothers && !contents(&folder)?.is_empty() {
                return Err(RunError::Taken(folder.display().to_string()));
            }
            self.lock = lock;
        }
        // What was told so far can still be read where its name is gone.
        let mut told = Vec::new();
        let _ = self.metrics.rewind().and_then(|()| self.metrics.read_to_end(&mut told));
        self.metrics = write_head(&folder, &self.about, &told)?;
        self.summarise(Status::Running, None)
    }

    pub(super) fn summarise(&mut self, status: Status, reason: Option<String>) -> Result<(), RunError> {
        self.hold()?;
        let summary = &mut self.about.summary;
        (summary.status, summary.reason) = (status, reason);
        let path = file(&self.folder, super::SUMMARY);
        summary.write(&self.folder).map_err(|error| unwritable(&path, &error, self.last))
    }

    /// Says how the run ended. With what was `learned`, a folder that was taken away is made again even now, and that is noted.
    pub fn end(
        mut self,
        (status, reason): (Status, Option<String>),
        closing: &Closing,
        learned: Option<&Learned>,
    ) -> Result<(Summary, Option<String>), RunError> {
        let mut waits = WAITS.into_iter();
        let mut note = None;
        let finished = status == Status::Finished;
        let line =
            lines::finish(closing.progress.step, finished, reason.as_deref(), [closing.validation, closing.test]);
        // What was told stays readable through the open file, whatever becomes of its name.
        self.append_json(&line)?;
        if learned.is_none() && !is_same(&self.lock, &file(&self.folder, LOCK)) {
            // There is nothing to say it in, or it is another run's by now.
            return Ok((self.about.summary, None));
        }
        loop {
            let closed = self.close(status, reason.clone(), closing);
            let (Some(learned), false) = (learned, self.is_there()) else { break closed? };
            let Some(wait) = waits.next() else { break closed? };
            std::thread::sleep(wait);
            note = self.checkpoint(learned)?.note.or(note);
        }
        Ok((self.about.summary, note))
    }

    fn close(&mut self, status: Status, reason: Option<String>, closing: &Closing) -> Result<(), RunError> {
        let (summary, progress) = (&mut self.about.summary, closing.progress);
        (summary.step, summary.seconds) = (progress.step, progress.seconds);
        if progress.seen > 0 {
            // Within an epoch: the means so far belong to the same steps as the validation below.
            let (loss, accuracy) = progress.means();
            (summary.train_loss, summary.train_accuracy) = (Some(loss), Some(accuracy));
        }
        if let Some(own) = closing.validation {
            (summary.val_loss, summary.val_accuracy) = (Some(own.loss), Some(own.accuracy));
            if summary.best_val_accuracy.is_none_or(|best| own.accuracy > best) {
                (summary.best_val_accuracy, summary.best_epoch) = (Some(own.accuracy), Some(progress.epoch));
            }
        }
        if let Some(own) = closing.test {
            (summary.test_loss, summary.test_accuracy) = (Some(own.loss), Some(own.accuracy));
        }
        self.summarise(status, reason)
    }
}

/// Writes what a run's folder holds from the start, and opens its metrics, with what was `told` before.
fn write_head(folder: &Path, about: &About, told: &[u8]) -> Result<File, RunError> {
    let text = |name: &str, text: &str| {
        let path = file(folder, name);
        write::write_text_unlinked(&path, text).map_err(|error| unwritable(&path, &error, None))
    };
    text(ARCHITECTURE, &about.architecture)?;
    if !about.classes.is_empty() {
        text(CLASSES, &class_lines(&about.classes))?;
    }
    // Last of those that a run needs to begin again: where it is, the others are.
    text(RECIPE, &about.recipe.to_text())?;
    let mut metrics = open_metrics(folder)?;
    let begun = metrics.metadata().is_ok_and(|metadata| metadata.len() > 0);
    let failed = |error: io::Error| unwritable(&file(folder, METRICS), &error, None);
    if begun {
        return Ok(metrics);
    }
    if told.is_empty() {
        append_line(&mut metrics, &about.start).map_err(failed)?;
        return Ok(metrics);
    }
    // Whole or not at all: a part of it would be taken for all.
    let path = file(folder, METRICS);
    write::write_unlinked(&path, |beside| write::fill(beside, told)).map_err(failed)?;
    open_metrics(folder)
}

/// One name a line; a line break in a name is made visible.
pub(super) fn class_lines(classes: &[String]) -> String {
    classes.iter().map(|name| format!("{}\n", visible(name))).collect()
}

pub(super) fn append_line(metrics: &mut File, value: &Value) -> io::Result<()> {
    metrics.write_all((value.to_string() + "\n").as_bytes())
}

pub(super) fn write_state(folder: &Path, state: &State) -> io::Result<()> {
    // The texts stand beside it as files.
    let short = State { texts: None, ..state.clone() };
    write::write_text_unlinked(&file(folder, STATE), &(serde_json::to_string_pretty(&short)? + "\n"))
}

/// Opens the metrics to add to them, after a whole line.
pub(super) fn open_metrics(folder: &Path) -> Result<File, RunError> {
    let path = file(folder, METRICS);
    let open = || -> io::Result<File> {
        let mut metrics = write::open_to_append(&path)?;
        if metrics.seek(SeekFrom::End(0))? > 0 {
            metrics.seek(SeekFrom::End(-1))?;
            let mut last = [0];
            metrics.read_exact(&mut last)?;
            // A kill can cut a line in the middle.
            if last != *b"\n" {
                metrics.write_all(b"\n")?;
            }
        }
        Ok(metrics)
    };
    open().map_err(|error| unwritable(&path, &error, None))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::recipe::Recipe;

    fn about() -> About {
        let summary = serde_json::json!({"version": 1, "architecture": "a", "name": "a", "data": "synthetic", "status": "running",
            "params": 1, "images": 1, "step": 0, "total_steps": 1, "epoch": 1, "seconds": 0.0, "started": 0, "updated": 0});
        let recipe = RunRecipe {
            version: 1,
            architecture: "a".into(),
            data: "synthetic".into(),
            weights: None,
            partial: false,
            train: Recipe::default(),
        };
        About {
            architecture: "input: [1, 2, 2]\n".into(),
            recipe,
            start: serde_json::json!({"event": "start", "version": 1}),
            summary: serde_json::from_value(summary).expect("a summary"),
            data: Data { images: 1, checksum: 0, val_images: 0, val_checksum: 0 },
            classes: vec!["a\nb".into(), "c".into()],
        }
    }

    #[test]
    fn a_run_writes_nothing_where_another_has_its_name_by_now() {
        let parent = tempfile::tempdir().expect("a folder");
        let folder = parent.path().join("run");
        let mut first = Keeper::create(&folder, about()).expect("made");
        assert_eq!(fs::read_to_string(file(&folder, CLASSES)).expect("there"), "a\\nb\nc\n");
        first.summarise(Status::Running, None).expect("its own");
        fs::rename(&folder, parent.path().join("moved")).expect("moved");
        let second = Keeper::create(&folder, about()).expect("made");
        let summary = file(&folder, super::super::SUMMARY);
        let before = fs::read_to_string(&summary).expect("there");
        // Between two files of a checkpoint a process may be held still for as long as it likes.
        assert!(first.hold().is_err());
        assert!(first.summarise(Status::Failed, Some("mine".into())).is_err());
        assert_eq!(fs::read_to_string(&summary).expect("there"), before);
        assert!(second.hold().is_ok());
    }
}
