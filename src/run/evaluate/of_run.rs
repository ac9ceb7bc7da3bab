//! A run judged: its best weights on the part of its data that it did not learn from.

use std::path::{Path, PathBuf};

use super::figures::{Figures, Judging, judge};
use crate::exchange::weights::{self, Rest};
use crate::graph::{self, Graph};
use crate::reason::Reason;
use crate::run::data::{self, Source, Wanted};
use crate::run::runs;
use crate::run::train::Recipe;
use crate::spec::{Library, LoadError, Loaded, Origin};

/// What a run's folder says of the network, its weights and its data.
pub struct RunToJudge {
    pub loaded: Loaded,
    pub network: Graph,
    pub weights: PathBuf,
    pub data: Source,
    pub recipe: Recipe,
    /// Names of the classes, in the order of the outputs.
    pub classes: Vec<String>,
}

impl RunToJudge {
    /// A run by its name or its folder. The error is a sentence, or the problems of its architecture.
    pub fn open(run: &str) -> Result<RunToJudge, LoadOrReason> {
        let weights = runs::weights_of(run).map_err(|error| LoadOrReason::Reason(error.to_string()))?;
        let folder = weights.parent().unwrap_or(Path::new(".")).to_path_buf();
        let own = runs::recipe(&folder).map_err(|error| LoadOrReason::Reason(error.to_string()))?;
        let loaded = Library::new(None).load_origin(&Origin::File(folder.join(runs::ARCHITECTURE)), &[])?;
        let mut network = graph::analyse(&loaded).map_err(LoadError::Invalid)?;
        network.architecture.id = own.architecture;
        let data = own.data.parse().map_err(|reason: Reason| LoadOrReason::Reason(reason.0))?;
        let (recipe, classes) = (Recipe::new(&own.train), runs::classes(&folder));
        Ok(RunToJudge { loaded, network, weights, data, recipe, classes })
    }
}

/// Why a run cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum LoadOrReason {
    #[error("{0}")]
    Load(#[from] LoadError),
    #[error("{0}")]
    Reason(String),
}

/// Images that go through the network at once.
const BATCH: usize = 32;

/// What a run is worth, on what it kept aside or its data's second part; on all of it where there is none. `None` if `go_on` says
/// no, which hears how many images are done, and of how many.
pub fn judge_run(folder: &Path, mut go_on: impl FnMut(usize, usize) -> bool) -> Result<Option<Figures>, Reason> {
    let run = RunToJudge::open(&folder.display().to_string()).map_err(|error| error.to_string())?;
    let read = weights::read(&run.network, &run.weights, Rest::Refused).map_err(|error| error.to_string())?;
    let mut compiled = read.compiled;
    let wanted = Wanted {
        architecture: &run.network.architecture,
        classes: compiled.outputs(),
        known: (!run.classes.is_empty()).then_some(&run.classes),
        seed: run.recipe.seed,
        // The part kept aside is one of the images that it was given.
        limit: run.recipe.limit,
        val_split: run.recipe.val_split,
    };
    let sets = data::open(&run.data, &wanted).map_err(|error| error.to_string())?;
    let set = sets.validation.as_ref().unwrap_or(&sets.train);
    let how = Judging { batch: BATCH, flip: run.recipe.flip_test, top: 5 };
    Ok(judge(&mut compiled, set, how, |done| go_on(done, set.len())))
}
