//! A training run from its beginning, or from its last checkpoint, to its end: for the command line and for the explorer.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::data::{self, Augment, DataError, Sets, Source, Wanted};
use super::evaluate::Evaluation;
use super::machine::{self, TooLarge};
use super::runs::checkpoint::{Data, How};
use super::runs::{self, About, Closing, Keeper, Learned, Reopened, RunError, Status, Summary};
use super::torchrun::error::EngineError;
use super::train::rate_finder::{Curve, Ramp};
use super::train::{Control, End, Event, Observed, Progress, Recipe, TrainError, Training};
use crate::exchange::weights::{self, Rest, WeightsError};
use crate::graph::figures::grouped;
use crate::graph::memory::{self, OptimizerState};
use crate::graph::{self, Graph, freeze};
use crate::network::Compiled;
use crate::network::average::Average;
use crate::network::optimizer::Optimizer;
use crate::reason::Reason;
use crate::spec::recipe::{Recipe as Given, RunRecipe};
use crate::spec::{Library, LoadError, Origin};
use crate::visible::visible_names;

/// Why a run could not begin, go on, or be kept.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    #[error("{0}")]
    Load(#[from] LoadError),
    #[error("{0}")]
    Data(#[from] DataError),
    #[error("{0}")]
    TooLarge(#[from] TooLarge),
    #[error("{0}")]
    Weights(#[from] WeightsError),
    #[error("{0}")]
    Run(#[from] RunError),
    #[error("{0}")]
    Train(#[from] TrainError),
    #[error("{0}")]
    Engine(#[from] EngineError),
    #[error(
        "the {part} data is not what {folder} was trained with: {now} images (checksum {now_checksum:08x}), {then} ({then_checksum:08x}) then"
    )]
    OtherData { folder: String, part: &'static str, now: u64, now_checksum: u32, then: u64, then_checksum: u32 },
    #[error("{folder} has finished its {steps} steps; more epochs or steps (`--epochs N`, `--steps N`) make it longer")]
    Finished { folder: String, steps: u64 },
    #[error("{folder} is at step {step} already, and {wanted} steps are all that is wanted; ask for more")]
    Beyond { folder: String, step: u64, wanted: u64 },
}

/// Where a run is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Out {
    /// In a new folder of this one, called after the architecture.
    Next(PathBuf),
    Folder(PathBuf),
    Nowhere,
}

/// A run that is wanted.
#[derive(Debug, Clone)]
pub struct Begin {
    pub origin: Origin,
    pub sets: Vec<(String, String)>,
    pub data: Source,
    /// Flags and file together.
    pub recipe: Given,
    pub weights: Option<PathBuf>,
    /// Whether what the weights do not have is drawn.
    pub partial: bool,
    pub out: Out,
    /// What the network is called where its file has another name: the one in a run's folder.
    pub id: Option<String>,
    /// Go on although memory may not suffice.
    pub force: bool,
    /// Processes that share each mini-batch.
    pub processes: usize,
}

/// What may be changed of a run that goes on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Change {
    pub epochs: Option<u64>,
    pub steps: Option<u64>,
    pub checkpoint_every: Option<u64>,
    /// The learning rate from here on.
    pub lr: Option<f64>,
    /// The same data at another place.
    pub data: Option<Source>,
    /// Go on although memory may not suffice.
    pub force: bool,
    /// Processes that share each mini-batch; none is one.
    pub processes: usize,
}

/// A run that can start.
pub struct Session {
    pub network: Graph,
    pub sets: Sets,
    pub recipe: Recipe,
    /// What one should know before it starts, as sentences.
    pub notes: Vec<String>,
    /// The event it starts with.
    pub start: Value,
    /// Memory that a step was estimated to take.
    pub estimate: u64,
    source: Source,
    /// The text of its architecture, which needs no other file.
    architecture: String,
    augment: Augment,
    compiled: Compiled,
    optimizer: Optimizer,
    average: Option<Average>,
    progress: Progress,
    keeper: Option<Keeper>,
}

/// A run that ended.
#[derive(Debug, Clone)]
pub struct Over {
    pub end: End,
    /// Epochs after which training ends without a better validation accuracy.
    pub patience: Option<u64>,
    pub steps: u64,
    pub validation: Option<Evaluation>,
    pub test: Option<Evaluation>,
    /// Training images that could not be read.
    pub left_out: usize,
    pub folder: Option<PathBuf>,
    pub summary: Option<Summary>,
}

impl Over {
    /// As a run's folder tells it.
    pub fn of(
        summary: Summary,
        patience: Option<u64>,
        [validation, test]: [Option<Evaluation>; 2],
        folder: Option<PathBuf>,
    ) -> Over {
        let end = match (summary.status, &summary.reason) {
            (Status::Finished, Some(_)) => End::Early,
            (Status::Finished, None) => End::Finished,
            (_, Some(_)) => End::Late,
            (_, None) => End::Stopped,
        };
        Over { end, patience, steps: summary.step, validation, test, left_out: 0, folder, summary: Some(summary) }
    }

    /// Of a run that another machine keeps.
    pub fn elsewhere() -> Over {
        let (end, steps) = (End::Finished, 0);
        Over { end, patience: None, steps, validation: None, test: None, left_out: 0, folder: None, summary: None }
    }

    /// Why it ended before its last step, if that was neither asked for nor a matter of time.
    pub fn reason(&self) -> Option<String> {
        self.patience.filter(|_| self.end == End::Early).map(stopped_early)
    }
}

/// Reads data and weights, makes the run's folder; nothing is written before all of the rest is known to be sound.
pub fn begin(library: &Library, wanted: &Begin) -> Result<Session, SessionError> {
    let text = wanted.origin.read_with(&wanted.sets)?;
    begin_text(library, wanted, text)
}

/// As [`begin`], of a text that stands, or would, at the origin.
pub fn begin_text(library: &Library, wanted: &Begin, text: String) -> Result<Session, SessionError> {
    let loaded = library.load_text(&wanted.origin, text.clone(), &wanted.sets)?;
    let mut network = graph::analyse(&loaded).map_err(LoadError::Invalid)?;
    if let Some(id) = &wanted.id {
        network.architecture.id.clone_from(id);
    }
    let mut recipe = Recipe::new(&wanted.recipe);
    let mut notes = Vec::new();
    let plateau = matches!(recipe.schedule, super::train::Schedule::Plateau { .. });
    if plateau && wanted.recipe.val_split.is_none() && matches!(wanted.data, Source::Tensors(_)) {
        recipe.val_split = 0.1;
        notes.push("a tenth of the images is kept aside, for the plateaus that the schedule follows".into());
    }
    if !wanted.force {
        // What not even one image fits into is known before any data is read.
        let least = memory::training_beside(&network, 1, state_of(&recipe), &frozen(&network, &recipe)?).total();
        machine::check(least)?;
    }
    let sets = open_data(&network, &wanted.data, &recipe)?;
    notes.extend(sets.notes.iter().cloned());
    let estimate = fit_to_memory(&network, &sets, &mut recipe, &wanted.recipe, wanted.force, &mut notes)?;
    if recipe.batch > sets.train.len() {
        notes.push(format!("there are only {} images, so a mini-batch has no more", sets.train.len()));
    }
    let (augment, note) = Augment::new(&recipe.augment, &sets.train);
    notes.extend(note);
    notes.extend(left_unused(wanted, &recipe, &sets));
    let mut compiled = match &wanted.weights {
        Some(path) => {
            let rest = match wanted.partial {
                true => Rest::Drawn { init: recipe.init, seed: recipe.seed },
                false => Rest::Refused,
            };
            let read = weights::read(&network, path, rest)?;
            notes.push(format!("weights {} matched {}", path.display(), read.matched));
            let parts = read.in_part();
            let in_vain = [(wanted.partial, "partial"), (wanted.recipe.init.is_some(), "init")];
            for (_, word) in in_vain.into_iter().filter(|(is_given, _)| *is_given && parts.is_empty()) {
                notes.push(format!("`{word}` changes nothing: all of the weights are in the file"));
            }
            notes.extend(parts);
            if let Some(layer) = super::train::not_finite(&read.compiled) {
                return Err(TrainError::Unsound { path: path.display().to_string(), layer }.into());
            }
            read.compiled
        }
        None => Compiled::initialised(&network, recipe.init, recipe.seed),
    };
    compiled.frozen = frozen(&network, &recipe)?;
    notes.extend(frozen_words(&network, &compiled.frozen));
    let optimizer = Optimizer::new(recipe.algorithm, recipe.weight_decay, &compiled).map_err(TrainError::from)?;
    let start = start_event(&network, &sets, &recipe, &wanted.data.absolute(), estimate);
    super::train::check(&compiled, &sets, &recipe, wanted.processes)?;
    let architecture = library.resolved_text(&wanted.origin, text, &wanted.sets)?;
    let about = || -> Result<About, SessionError> {
        Ok(About {
            architecture: architecture.clone(),
            recipe: run_recipe(&network, wanted, &recipe),
            start: start.clone(),
            summary: summary(&network, &wanted.data.absolute(), &sets, &recipe),
            data: Data::of(&sets),
            classes: sets.names.clone(),
        })
    };
    let keeper = match &wanted.out {
        Out::Nowhere => None,
        Out::Next(parent) => Some(Keeper::create_next(parent, &network.architecture.id, about()?)?),
        Out::Folder(folder) => Some(Keeper::create(folder, about()?)?),
    };
    let progress = Progress::default();
    let average = recipe.ema.map(|decay| Average::new(decay, &compiled));
    Ok(Session {
        network,
        sets,
        recipe,
        notes,
        start,
        estimate,
        source: wanted.data.absolute(),
        architecture,
        augment,
        compiled,
        optimizer,
        average,
        progress,
        keeper,
    })
}

/// A run that was ended before its first checkpoint begins anew in its folder, from its recipe and seed.
fn begin_anew(folder: &Path, own: RunRecipe, change: &Change) -> Result<Session, SessionError> {
    let damaged = |reason: String| {
        SessionError::Run(RunError::Damaged { path: folder.join("recipe.yaml").display().to_string(), reason })
    };
    let wanted = Begin {
        origin: Origin::File(folder.join("architecture.yaml")),
        sets: Vec::new(),
        data: match &change.data {
            Some(source) => source.clone(),
            None => own.data.parse().map_err(|reason: Reason| damaged(reason.0))?,
        },
        recipe: change.of(own.train),
        weights: own.weights.map(PathBuf::from),
        partial: own.partial,
        out: Out::Folder(folder.to_path_buf()),
        id: Some(own.architecture),
        force: change.force,
        processes: change.processes,
    };
    let mut session = begin(&Library::new(None), &wanted)?;
    let words = format!("{} had learned nothing yet; it begins anew from its recipe and seed", folder.display());
    session.notes.insert(0, words);
    Ok(session)
}

impl Change {
    /// A recipe with the change made.
    fn of(&self, mut own: Given) -> Given {
        if self.epochs.is_some() || self.steps.is_some() {
            (own.epochs, own.steps) = (self.epochs, self.steps);
        }
        own.checkpoint_every = self.checkpoint_every.or(own.checkpoint_every);
        own.lr = self.lr.or(own.lr);
        own
    }
}

/// Takes a run up again where its last checkpoint left it.
pub fn resume(folder: &Path, change: &Change) -> Result<Session, SessionError> {
    if let Some(recipe) = runs::unlearned(folder)? {
        return begin_anew(folder, recipe, change);
    }
    let reopened = Reopened::open(folder)?;
    let library = Library::new(None);
    let origin = Origin::File(folder.join("architecture.yaml"));
    let loaded = library.load_text(&origin, reopened.architecture.clone(), &[])?;
    let mut network = graph::analyse(&loaded).map_err(LoadError::Invalid)?;
    // The file in the folder is called `architecture`; the run goes on under its own name.
    network.architecture.id = reopened.recipe.architecture.clone();
    let damaged = |reason: String| {
        SessionError::Run(RunError::Damaged { path: folder.join("recipe.yaml").display().to_string(), reason })
    };
    let mut own = reopened.recipe.clone();
    own.train = change.of(own.train);
    let source: Source = match &change.data {
        Some(source) => source.absolute(),
        None => own.data.parse().map_err(|reason: Reason| damaged(reason.0))?,
    };
    own.data = source.to_string();
    let recipe = Recipe::new(&own.train);
    let sets = open_data(&network, &source, &recipe)?;
    let (now, then) = (Data::of(&sets), reopened.checkpoint.state.data);
    let parts = [
        ("training", (now.images, now.checksum), (then.images, then.checksum)),
        ("validation", (now.val_images, now.val_checksum), (then.val_images, then.val_checksum)),
    ];
    // A run of a convlens that did not count its validation images has 0 there.
    let changed = parts.into_iter().find(|(_, now, then)| now != then && then.0 > 0);
    if let Some((part, (now, now_checksum), (then, then_checksum))) = changed {
        let folder = folder.display().to_string();
        return Err(SessionError::OtherData { folder, part, now, now_checksum, then, then_checksum });
    }
    let progress = reopened.checkpoint.state.progress.clone();
    let total = recipe.total_steps(sets.train.len());
    // A run may have been ended between its last step and what is looked at after it.
    if progress.step > total || progress.step == total && progress.finished {
        let (folder, step) = (folder.display().to_string(), progress.step);
        return Err(match change.epochs.or(change.steps) {
            None => SessionError::Finished { folder, steps: step },
            Some(_) => SessionError::Beyond { folder, step, wanted: total },
        });
    }
    let mut notes =
        vec![format!("{} goes on from step {} of {total}, epoch {}", folder.display(), progress.step, progress.epoch)];
    notes.extend(reopened.notes.iter().cloned());
    if change.lr.is_some() {
        let divided = match progress.rate == 1.0 {
            true => String::new(),
            false => format!(" times {}, as it was divided so far", progress.rate),
        };
        notes.push(format!("the learning rate is {}{divided} from here on", recipe.lr));
    }
    let other_end = Recipe::new(&reopened.recipe.train).total_steps(sets.train.len()) != total;
    if other_end && matches!(recipe.schedule, super::train::Schedule::Cosine | super::train::Schedule::Step) {
        notes.push("the schedule follows the new length from here on".into());
    }
    let (augment, _) = Augment::new(&recipe.augment, &sets.train);
    let how = how(&network, &recipe)?;
    let (compiled, optimizer, average) = reopened.checkpoint.restore(folder, &network, how)?;
    super::train::check(&compiled, &sets, &recipe, change.processes)?;
    let estimate = needed(&network, &sets, &recipe, recipe.micro_batch);
    if !change.force {
        machine::check(estimate)?;
    }
    let mut start = start_event(&network, &sets, &recipe, &source, estimate);
    start["resumed_from_step"] = progress.step.into();
    let mut summary = reopened.summary().cloned().unwrap_or_else(|| {
        notes.push("its summary.json is missing or damaged, and is made again".into());
        summary(&network, &source, &sets, &recipe)
    });
    (summary.total_steps, summary.epochs) = (total, own.train.epochs);
    (summary.step, summary.epoch, summary.seconds) = (progress.step, progress.epoch, progress.seconds);
    (summary.best_val_accuracy, summary.best_epoch) = progress.best.unzip();
    summary.data = own.data.clone();
    let architecture = reopened.architecture.clone();
    let keeper = Some(reopened.go_on(own, summary)?);
    Ok(Session {
        network,
        sets,
        recipe,
        notes,
        start,
        estimate,
        source,
        architecture,
        augment,
        compiled,
        optimizer,
        average,
        progress,
        keeper,
    })
}

fn open_data(network: &Graph, source: &Source, recipe: &Recipe) -> Result<Sets, SessionError> {
    let classes = network.layers.last().map_or(0, |layer| layer.output.elements() as usize);
    let architecture = &network.architecture;
    if network.layers.last().is_none_or(|layer| !layer.output.is_flat()) {
        return Err(TrainError::NoClasses.into());
    }
    let (limit, val_split) = (recipe.limit, recipe.val_split);
    let wanted = Wanted { architecture, classes, known: None, seed: recipe.seed, limit, val_split };
    Ok(data::open(source, &wanted)?)
}

/// Which layers the recipe keeps still.
fn frozen(network: &Graph, recipe: &Recipe) -> Result<Vec<bool>, TrainError> {
    freeze::frozen(network, &recipe.freeze).map_err(|freeze::NamesNone(pattern)| {
        let layers = network.layers.iter().filter(|layer| layer.params() > 0).map(|layer| layer.name.clone());
        TrainError::NothingToFreeze { pattern, layers: visible_names(&layers.collect::<Vec<_>>()) }
    })
}

/// What a recipe's checkpoints hold state of.
fn how(network: &Graph, recipe: &Recipe) -> Result<How, TrainError> {
    let frozen = frozen(network, recipe)?;
    Ok(How { algorithm: recipe.algorithm, weight_decay: recipe.weight_decay, frozen, ema: recipe.ema })
}

/// Why a run ended before its last epoch.
pub fn stopped_early(epochs: u64) -> String {
    match epochs {
        1 => "the last epoch brought no better validation accuracy".to_string(),
        epochs => format!("{epochs} epochs brought no better validation accuracy"),
    }
}

fn frozen_words(network: &Graph, frozen: &[bool]) -> Option<String> {
    let still = network.layers.iter().filter(|layer| frozen[layer.index]);
    let (count, params) = still.fold((0, 0), |(count, params), layer| (count + 1, params + layer.params()));
    let all = network.totals.params;
    (count > 0).then(|| {
        format!("{count} layers stay as they are: {} of {} parameters are learned", grouped(all - params), grouped(all))
    })
}

fn state_of(recipe: &Recipe) -> OptimizerState {
    match recipe.algorithm.moments() {
        2 => OptimizerState::Adam,
        _ => OptimizerState::Momentum,
    }
}

/// Words of a recipe that mean nothing beside its others.
fn left_unused(wanted: &Begin, recipe: &Recipe, sets: &Sets) -> Option<String> {
    let given = &wanted.recipe;
    use super::train::Schedule;
    use crate::network::optimizer::Algorithm;
    let is_sgd = matches!(recipe.algorithm, Algorithm::Sgd { .. });
    let follows = matches!(recipe.schedule, Schedule::Plateau { .. });
    let words = [
        (!is_sgd && given.momentum.is_some(), "momentum (sgd's alone)"),
        (!is_sgd && given.nesterov == Some(true), "nesterov (sgd's alone)"),
        (!follows && given.patience.is_some(), "patience (the schedule `plateau`'s alone)"),
        (
            recipe.algorithm == (Algorithm::Sgd { momentum: 0.0, nesterov: true }) && given.nesterov == Some(true),
            "nesterov (there is no momentum)",
        ),
        (wanted.out == Out::Nowhere && given.checkpoint_every.is_some(), "checkpoint_every (the run is not kept)"),
        (sets.validation.is_none() && given.flip_test == Some(true), "flip_test (nothing is judged)"),
        (
            given.limit.is_some_and(|limit| limit > sets.train.len() as u64 && recipe.val_split == 0.0),
            "limit (there are fewer images)",
        ),
        (
            recipe.warmup > 0 && recipe.warmup >= recipe.total_steps(sets.train.len()),
            "warmup's end (the run is shorter)",
        ),
    ];
    let unused: Vec<&str> = words.into_iter().filter(|(is_unused, _)| *is_unused).map(|(_, word)| word).collect();
    (!unused.is_empty()).then(|| format!("not used by this recipe: {}", unused.join(", ")))
}

/// Memory that a step takes with so many images going through the network at once.
fn needed(network: &Graph, sets: &Sets, recipe: &Recipe, micro: usize) -> u64 {
    // One mini-batch is worked on, two wait, and one is being made.
    let input = network.layers.first().map_or(0, |layer| layer.input.elements() as u64 * 4);
    let ahead = 4 * input.saturating_mul(recipe.batch.min(sets.train.len()) as u64);
    let frozen = frozen(network, recipe).unwrap_or_default();
    let step = memory::training_beside(network, micro as u64, state_of(recipe), &frozen).total();
    step.saturating_add(memory::scratch(network)).saturating_add(ahead)
}

/// Lets a mini-batch go through the network in parts where memory is short; refuses where one image does not fit.
fn fit_to_memory(
    network: &Graph,
    sets: &Sets,
    recipe: &mut Recipe,
    given: &Given,
    force: bool,
    notes: &mut Vec<String>,
) -> Result<u64, SessionError> {
    let largest = recipe.micro_batch.min(sets.train.len());
    recipe.micro_batch = largest;
    let wanted = recipe.clone();
    let own = |micro: usize| needed(network, sets, &wanted, micro);
    if force || machine::check(own(largest)).is_ok() {
        return Ok(own(largest));
    }
    if given.micro_batch.is_some() {
        machine::check(own(largest))?;
    }
    let mut micro = largest;
    while micro > 1 && machine::check(own(micro)).is_err() {
        micro = micro.div_ceil(2);
    }
    machine::check(own(micro))?;
    let (batch, estimate) = (recipe.batch, own(micro));
    recipe.micro_batch = micro;
    notes.push(format!(
        "to fit memory, a mini-batch of {batch} goes through the network {micro} images at a time; gradients are added up"
    ));
    if network.totals.buffers > 0 {
        notes.push(format!("batch norms then see {micro} images at a time"));
    }
    Ok(estimate)
}

fn run_recipe(network: &Graph, wanted: &Begin, recipe: &Recipe) -> RunRecipe {
    let whole = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone()).display().to_string();
    RunRecipe {
        version: crate::spec::recipe::VERSION,
        architecture: network.architecture.id.clone(),
        data: wanted.data.absolute().to_string(),
        weights: wanted.weights.as_ref().map(whole),
        partial: wanted.partial,
        train: recipe.given(),
    }
}

fn start_event(network: &Graph, sets: &Sets, recipe: &Recipe, data: &Source, estimate: u64) -> Value {
    json!({"event": "start", "version": runs::VERSION, "arch": network.architecture.id, "data": data.to_string(),
        "images": sets.train.len(), "val_images": sets.validation.as_ref().map(|set| set.len()),
        "classes": network.layers.last().map_or(0, |layer| layer.output.elements() as u64),
        "params": network.totals.params, "batch": recipe.batch, "micro_batch": recipe.micro_batch, "lr": recipe.lr,
        "weight_decay": recipe.weight_decay, "seed": recipe.seed, "shuffle": recipe.shuffle,
        "total_steps": recipe.total_steps(sets.train.len()), "threads": rayon::current_num_threads(),
        "estimated_bytes": estimate})
}

fn summary(network: &Graph, data: &Source, sets: &Sets, recipe: &Recipe) -> Summary {
    Summary {
        version: runs::VERSION,
        architecture: network.architecture.id.clone(),
        name: network.architecture.name.clone(),
        data: data.to_string(),
        status: Status::Running,
        reason: None,
        params: network.totals.params,
        images: sets.train.len() as u64,
        step: 0,
        total_steps: recipe.total_steps(sets.train.len()),
        epoch: 1,
        epochs: recipe.given().epochs,
        train_loss: None,
        train_accuracy: None,
        val_loss: None,
        val_accuracy: None,
        best_val_accuracy: None,
        best_epoch: None,
        test_loss: None,
        test_accuracy: None,
        seconds: 0.0,
        started: runs::now(),
        updated: runs::now(),
    }
}

/// A run whose last state is in its folder, for another engine to go on with it.
pub struct HandedOver {
    /// None where another machine keeps it.
    pub folder: Option<PathBuf>,
    pub network: Graph,
    pub sets: Sets,
    pub recipe: Recipe,
    pub source: Source,
    /// The text of its architecture, which needs no other file.
    pub architecture: String,
}

impl HandedOver {
    /// What its checkpoints hold state of.
    pub fn how(&self) -> Result<How, TrainError> {
        how(&self.network, &self.recipe)
    }
}

impl Session {
    /// Writes where the run stands into its folder and lets go of that.
    pub fn hand_over(self) -> Result<HandedOver, SessionError> {
        let Session {
            network, sets, recipe, source, architecture, compiled, optimizer, average, progress, keeper, ..
        } = self;
        let folder = match keeper {
            Some(mut keeper) => {
                let (network, optimizer, average) = (&compiled, &optimizer, average.as_ref());
                keeper.checkpoint(&Learned { network, optimizer, average, progress: &progress })?;
                Some(keeper.folder.clone())
            }
            None => None,
        };
        Ok(HandedOver { folder, network, sets, recipe, source, architecture })
    }

    /// The run's folder.
    pub fn folder(&self) -> Option<&Path> {
        self.keeper.as_ref().map(|keeper| keeper.folder.as_path())
    }

    /// Steps done before.
    pub fn done(&self) -> u64 {
        self.progress.step
    }

    pub fn total_steps(&self) -> u64 {
        self.recipe.total_steps(self.sets.train.len())
    }

    /// Tries learning rates along a ramp instead of training.
    pub fn find_rate(mut self, ramp: Ramp, go_on: impl FnMut(&Curve) -> bool) -> Result<Curve, SessionError> {
        let (network, optimizer, data) = (&mut self.compiled, &mut self.optimizer, (&self.sets.train, &self.augment));
        Ok(super::train::find_rate(network, optimizer, data, &self.recipe, ramp, go_on)?)
    }

    /// Trains to the end, or until it is told to stop, and says in the folder how it ended. `trained` gets the network.
    pub fn run(
        self,
        control: &Control,
        observed: Observed,
        on: &mut dyn FnMut(Event) -> ControlFlow<()>,
        trained: &mut dyn FnMut(&Compiled) -> Result<(), SessionError>,
    ) -> Result<Over, SessionError> {
        let mut training = Training {
            network: self.compiled,
            optimizer: self.optimizer,
            average: self.average,
            recipe: &self.recipe,
            sets: &self.sets,
            augment: self.augment,
            progress: self.progress,
            keeper: self.keeper,
            observed,
        };
        let ended = training.run(control, on);
        let folder = training.keeper.as_ref().map(|keeper| keeper.folder.clone());
        let keeper = training.keeper.take();
        match ended {
            Ok(ended) => {
                // What cannot be written elsewhere does not keep the folder from being closed.
                let saved = training.judged(|network| trained(network));
                let closing = Closing { progress: &training.progress, validation: ended.validation, test: ended.test };
                let status = if ended.end.is_finished() { Status::Finished } else { Status::Stopped };
                let reason = match ended.end {
                    End::Late => Some("its time was over".to_string()),
                    End::Early => self.recipe.patience_stop.map(stopped_early),
                    End::Finished | End::Stopped => None,
                };
                let Training { network, optimizer, average, progress, .. } = &training;
                let learned = Learned { network, optimizer, average: average.as_ref(), progress };
                let closed = keeper.map(|keeper| keeper.end((status, reason), &closing, Some(&learned))).transpose();
                saved?;
                let (summary, note) = closed?.unzip();
                if let Some(text) = note.flatten() {
                    let _ = on(Event::Warning { step: training.progress.step, text });
                }
                Ok(Over {
                    end: ended.end,
                    patience: self.recipe.patience_stop,
                    steps: training.progress.step,
                    validation: ended.validation,
                    test: ended.test,
                    left_out: ended.left_out,
                    folder,
                    summary,
                })
            }
            Err(error) => {
                // The reason goes first; that it could not be written down too is no news on a full disk.
                let closing = Closing { progress: &training.progress, validation: None, test: None };
                let _ = keeper.map(|keeper| keeper.end((Status::Failed, Some(error.to_string())), &closing, None));
                Err(error.into())
            }
        }
    }
}
