//! What a sweep has found out so far, in a folder:
//!
//! ```text
//! sweeps/vgg16-1/
//!   sweep.json       what was asked for
//!   recipe.yaml      how variants are trained, where they are
//!   vgg16.yaml       each network that is varied, whole
//!   results.jsonl    a line for each variant that was measured or trained, only ever appended to
//!   runs/12/         the run of variant 12
//!   lock             held while a process works here
//! ```

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Base, Measuring, Plan, SweepError, Variant, Vary};
use crate::files::name::safe;
use crate::files::{read, reason, write};
use crate::run::runs::{RunError, lock};
use crate::spec::Origin;
use crate::spec::budget::Budget;
use crate::spec::recipe::RunRecipe;

/// What was found out of a variant by work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Known {
    number: u64,
    pub ms: Option<f64>,
    pub accuracy: Option<f64>,
    /// Why it could not be trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// Where results are kept; nowhere but in memory without a folder.
pub struct Book {
    known: HashMap<u64, Known>,
    kept: Option<Kept>,
}

struct Kept {
    folder: PathBuf,
    results: File,
    _lock: File,
}

/// The folder that sweeps are put in unless `--out` names one.
pub const FOLDER: &str = "sweeps";
const PLAN: &str = "sweep.json";
const RECIPE: &str = "recipe.yaml";
const RESULTS: &str = "results.jsonl";
const VERSION: u32 = 1;
/// Longest list of results that is read: a line for each of the most variants, and room.
const RESULT_BYTES: u64 = 256 << 20;

#[derive(Serialize, Deserialize)]
struct Asked {
    version: u32,
    networks: Vec<String>,
    vary: Vec<String>,
    random: Option<u64>,
    seed: u64,
    budget: Budget,
    measure: Option<Measuring>,
    train: bool,
}

impl Book {
    /// One that is forgotten.
    pub fn in_memory() -> Book {
        Book { known: HashMap::new(), kept: None }
    }

    /// A new one in a folder that is not there, or empty.
    pub fn create(folder: &Path, plan: &Plan) -> Result<Book, SweepError> {
        let failed = |error: io::Error| unwritable(folder, &error);
        fs::create_dir_all(folder).map_err(failed)?;
        let is_free = || -> Result<(), SweepError> {
            let there = lock::contents(folder)?;
            if there.iter().any(|name| name == PLAN) {
                return Err(SweepError::Taken { folder: folder.display().to_string() });
            }
            match there.is_empty() {
                true => Ok(()),
                false => Err(SweepError::NotEmpty { folder: folder.display().to_string() }),
            }
        };
        // In a folder of something else not even a lock is left behind; and another sweep may have begun since.
        is_free()?;
        let held = locked(folder)?;
        is_free()?;
        let put = |name: &str, text: &str| {
            let path = folder.join(name);
            write::write_text(&path, text).map_err(|error| unwritable(&path, &error))
        };
        for base in &plan.bases {
            put(&format!("{}.yaml", safe(&base.id)), &base.text)?;
        }
        if let Some(recipe) = &plan.train {
            put(RECIPE, &recipe.to_text())?;
        }
        let asked = Asked {
            version: VERSION,
            networks: plan.bases.iter().map(|base| base.id.clone()).collect(),
            vary: plan.varies.iter().map(Vary::to_string).collect(),
            random: plan.random,
            seed: plan.seed,
            budget: plan.budget,
            measure: plan.measure,
            train: plan.train.is_some(),
        };
        // Last: with it the folder is a sweep's.
        put(PLAN, &(serde_json::to_string_pretty(&asked).unwrap_or_default() + "\n"))?;
        Book::open_results(folder, held)
    }

    /// A new one in a new folder of `parent`, called after the first network.
    pub fn create_next(parent: &Path, plan: &Plan) -> Result<Book, SweepError> {
        fs::create_dir_all(parent).map_err(|error| unwritable(parent, &error))?;
        let name = plan.bases.first().map_or_else(String::new, |base| safe(&base.id));
        let mut number = 1u64;
        loop {
            let folder = parent.join(format!("{name}-{number}"));
            match fs::create_dir(&folder) {
                Ok(()) => return Book::create(&folder, plan),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(unwritable(&folder, &error)),
            }
        }
    }

    /// One that was begun, with what it was asked for.
    pub fn reopen(folder: &Path) -> Result<(Book, Plan), SweepError> {
        let plan = Book::plan(folder)?;
        let held = locked(folder)?;
        Ok((Book::open_results(folder, held)?, plan))
    }

    /// What a sweep has found out and was asked for, to be looked at: it may go on meanwhile, and nothing is written.
    pub fn look(folder: &Path) -> Result<(HashMap<u64, Known>, Plan), SweepError> {
        let plan = Book::plan(folder)?;
        let text = read::bytes(&folder.join(RESULTS), RESULT_BYTES).unwrap_or_default();
        Ok((known(&text), plan))
    }

    fn plan(folder: &Path) -> Result<Plan, SweepError> {
        let no_sweep = |reason: String| SweepError::NoSweep { folder: folder.display().to_string(), reason };
        let text = |name: &str| {
            read::text(&folder.join(name), read::SMALL).map_err(|error| no_sweep(format!("{name}: {error}")))
        };
        let asked: Asked = serde_json::from_str(&text(PLAN)?).map_err(|error| no_sweep(format!("{PLAN}: {error}")))?;
        if asked.version != VERSION {
            let (path, found) = (folder.display().to_string(), asked.version.into());
            return Err(RunError::Newer { path, found }.into());
        }
        let bases = asked.networks.iter().map(|id| {
            let name = format!("{}.yaml", safe(id));
            Ok(Base { id: id.clone(), origin: Origin::File(folder.join(&name)), text: text(&name)? })
        });
        let train = match asked.train {
            true => Some(RunRecipe::read(&text(RECIPE)?).map_err(|reason| no_sweep(format!("{RECIPE}: {reason}")))?),
            false => None,
        };
        let plan = Plan {
            bases: bases.collect::<Result<_, SweepError>>()?,
            varies: asked.vary.iter().map(|own| own.parse()).collect::<Result<_, _>>()?,
            random: asked.random,
            seed: asked.seed,
            budget: asked.budget,
            measure: asked.measure,
            train,
        };
        Ok(plan)
    }

    /// Reads what is there; a line that a kill left half is cut off.
    fn open_results(folder: &Path, held: File) -> Result<Book, SweepError> {
        let path = folder.join(RESULTS);
        let failed = |error: io::Error| unwritable(&path, &error);
        let mut results = write::open_to_append(&path).map_err(failed)?;
        let mut text = Vec::new();
        Read::by_ref(&mut results).take(RESULT_BYTES).read_to_end(&mut text).map_err(failed)?;
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        if whole < text.len() {
            results.set_len(whole as u64).map_err(failed)?;
        }
        let known = known(&text[..whole]);
        Ok(Book { known, kept: Some(Kept { folder: folder.to_path_buf(), results, _lock: held }) })
    }

    pub fn folder(&self) -> Option<&Path> {
        self.kept.as_ref().map(|kept| kept.folder.as_path())
    }

    pub fn known(&self) -> &HashMap<u64, Known> {
        &self.known
    }

    /// Keeps what a variant came to.
    pub fn add(&mut self, variant: &Variant) -> Result<(), SweepError> {
        let Ok(figures) = &variant.result else { return Ok(()) };
        let trouble = variant.trouble.clone();
        let own = Known { number: variant.number, ms: figures.ms, accuracy: figures.accuracy, trouble };
        self.known.insert(own.number, own.clone());
        if let Some(kept) = &mut self.kept {
            let line = serde_json::to_string(&own).unwrap_or_default() + "\n";
            // At once, so that no more than one variant's work is ever lost.
            let written = kept.results.write_all(line.as_bytes()).and_then(|()| kept.results.sync_data());
            written.map_err(|error| unwritable(&kept.folder.join(RESULTS), &error))?;
        }
        Ok(())
    }
}

fn locked(folder: &Path) -> Result<File, SweepError> {
    lock::lock(folder).map_err(|error| match error {
        RunError::Busy(folder) => SweepError::Busy { folder },
        other => other.into(),
    })
}

/// A line of a newer convlens, a damaged one or half a one costs that variant's work once more.
fn known(text: &[u8]) -> HashMap<u64, Known> {
    let lines = text.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Known>(line).ok());
    lines.map(|own| (own.number, own)).collect()
}

fn unwritable(path: &Path, error: &io::Error) -> SweepError {
    RunError::Unwritable { path: path.display().to_string(), reason: reason(error), last: None }.into()
}
