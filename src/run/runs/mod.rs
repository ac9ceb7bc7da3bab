//! Run folders: what a training run leaves behind, so that it can go on, be looked at, and be compared.
//!
//! ```text
//! runs/vgg-mini-1/
//!   architecture.yaml        resolved: needs no other file
//!   recipe.yaml              data and recipe, nothing left out
//!   metrics.jsonl            one event a line, only ever appended to
//!   classes.txt              names of the classes, one a line in the order of the outputs, where the data has names
//!   best.safetensors         the weights of the epoch that was judged best, where there is a validation set
//!   checkpoint.safetensors   parameters, running statistics, the optimizer's state; the run's state, recipe and architecture in its header
//!   state.json               that state again, for people and scripts
//!   summary.json             where the run stands, in a few figures
//!   lock                     held while a process trains here
//!   pytorch/                 what PyTorch trains it with, where it does; torchrun.log is all that it said
//! ```
//!
//! The checkpoint is one file, so that it is the whole state of one step whatever happens. Metrics are never cut: when a run
//! goes on from an older step, a `resume` line says so, and what readers saw of later steps before that line does
//! not count.

pub mod checkpoint;
mod events;
mod following;
pub mod history;
mod keeper;
mod lines;
mod list;
pub mod lock;
pub mod norms;
mod reopened;
pub mod series;
mod summary;
pub mod tensorboard;
mod unlearned;

use std::path::{Path, PathBuf};

pub use checkpoint::class_names;
pub use following::{Following, say_failed};
pub use history::History;
pub use keeper::{About, Closing, Keeper, Learned};
pub use lines::{Line, event as event_json, finish as finish_json, rate_words};
pub use list::{Found, find, list};
pub use reopened::Reopened;
pub use summary::{Status, Summary};
pub use unlearned::{recipe_of as recipe, unlearned};

/// The version of `state.json`, `metrics.jsonl` and `summary.json` that is written.
pub const VERSION: u64 = 1;

/// The folder that runs are put in unless `--out` names one.
pub const FOLDER: &str = "runs";

/// Why a run's folder cannot be made, written or read.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("another convlens trains in {0}; a run belongs to one process at a time")]
    Busy(String),
    #[error("{0} holds a run already; `--resume {0}` goes on with it, or choose another `--out`")]
    Taken(String),
    #[error("{0} is not empty and holds no run; choose another `--out`")]
    NotEmpty(String),
    #[error("{path} is no run: {reason}")]
    NoRun { path: String, reason: String },
    #[error("{path} was written by a newer convlens (format {found}; this one knows {VERSION})")]
    Newer { path: String, found: u64 },
    #[error("{path} is damaged: {reason}")]
    Damaged { path: String, reason: String },
    #[error("cannot write {path}: {reason}{}", kept(.last))]
    Unwritable { path: String, reason: String, last: Option<u64> },
}

fn kept(last: &Option<u64>) -> String {
    last.map_or_else(String::new, |step| {
        format!("; the checkpoint of step {step} is whole, and `--resume` goes on from it")
    })
}

fn unwritable(path: &Path, error: &std::io::Error, last: Option<u64>) -> RunError {
    RunError::Unwritable { path: path.display().to_string(), reason: crate::files::reason(error), last }
}

/// A file of a run.
fn file(folder: &Path, name: &str) -> PathBuf {
    folder.join(name)
}

/// The architecture as it was trained, whole.
pub const ARCHITECTURE: &str = "architecture.yaml";
const RECIPE: &str = "recipe.yaml";
const METRICS: &str = "metrics.jsonl";
const CHECKPOINT: &str = "checkpoint.safetensors";
/// The weights of the epoch that was judged best.
const BEST: &str = "best.safetensors";
const STATE: &str = "state.json";
const SUMMARY: &str = "summary.json";
const LOCK: &str = "lock";
const CLASSES: &str = "classes.txt";

/// The names of a run's classes, in the order of the outputs; none where its data had none. The checkpoint has them as they
/// are; before the first one there is the list for people.
pub fn classes(folder: &Path) -> Vec<String> {
    let checkpoint = crate::exchange::weights::TensorFile::open(&file(folder, CHECKPOINT)).ok();
    if let Some(names) = checkpoint.and_then(|file| crate::exchange::weights::classes_of(&file)) {
        return names;
    }
    let text = crate::files::read::text(&file(folder, CLASSES), crate::run::labels::LARGEST).unwrap_or_default();
    text.lines().map(str::to_string).collect()
}

/// The weights of a run, by its name or its folder: the best that it judged, else those of its last checkpoint.
pub fn weights_of(run: &str) -> Result<PathBuf, RunError> {
    let folder = find(Path::new(FOLDER), run)?.folder;
    let found = [BEST, CHECKPOINT].map(|name| file(&folder, name)).into_iter().find(|path| path.is_file());
    let reason = "it has no weights yet: the first checkpoint is still to come".to_string();
    found.ok_or_else(|| RunError::NoRun { path: folder.display().to_string(), reason })
}

/// What `--data` named, with no more of a path than its last part: `idx:…/fashion-mnist`.
pub fn short_data(data: &str) -> String {
    match data.split_once(':') {
        Some((kind, path)) if path.contains('/') => {
            let last = Path::new(path).file_name().map_or_else(String::new, |name| name.to_string_lossy().into());
            format!("{kind}:…/{last}")
        }
        _ => data.to_string(),
    }
}

/// Seconds since 1970.
pub fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}
