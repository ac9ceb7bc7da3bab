//! Training: mini-batches through the network and back, reported step by step, kept in a run's folder.
//!
//! [`Training`] holds all that changes; [`Training::run`] goes on from where its [`Progress`] stands. Everything random follows
//! from the recipe's seed, so a run that is stopped and goes on gives the bits of one that was never stopped.

mod batches;
mod check;
pub mod diagnose;
pub mod event;
mod progress;
pub mod rate_finder;
mod recipe;
mod step;

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use dfdx::prelude::*;

pub use check::check;
pub use event::{Command, Control, End, Epoch, Event, LayerNorms, Observed, Step, until};
pub use progress::Progress;
use rate_finder::{Curve, Ramp};
pub use recipe::{Recipe, Schedule};
pub use step::not_finite;

use super::data::{Augment, DataSet, Sets};
use super::evaluate::{Evaluation, Looked, evaluate};
use super::runs::{Keeper, Learned, RunError};
use super::trace::Broken;
use crate::network::Compiled;
use crate::network::average::Average;
use crate::network::optimizer::Optimizer;
use batches::{Batch, with_batches};
use diagnose::Watch;

/// Why training could not begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    #[error("there is nothing to train: the network has no parameters")]
    NoParameters,
    #[error("there is nothing to train: `--freeze` keeps every layer as it is")]
    AllFrozen,
    #[error("`--freeze {pattern}` names no layer with parameters; the network has {layers}")]
    NothingToFreeze { pattern: String, layers: String },
    #[error("the network ends in a map, not in classes; put `flatten` and `linear` at its end")]
    NoClasses,
    #[error(
        "the network ends in softmax, which the loss applies itself; leave it out to train (weights stay the same)"
    )]
    Softmax,
    #[error("`patience_stop` follows the validation accuracy, and there is no validation set; add `--val-split 0.1`")]
    NothingToStopBy,
    #[error(
        "the schedule `plateau` follows the validation accuracy, and there is no validation set; add `--val-split 0.1`"
    )]
    NoValidation,
    #[error("`{layer}` would normalise a single value a channel in a mini-batch of {batch}; use a larger `--batch`")]
    SingleValue { layer: String, batch: usize },
    #[error("`{layer}` pools a map of more than 2^32 values a channel, too large to train")]
    LargePlane { layer: String },
    #[error("the loss is {loss} at step {step}{}; try a lower `--lr`, or gradient clipping (`--clip 1`)", began(.place))]
    NotFinite { step: u64, loss: f32, place: Option<Broken> },
    #[error(
        "`{layer}` has parameters that are not finite after step {step}, which are not kept; try a lower `--lr`, or `--clip 1`"
    )]
    Rubbish { step: u64, layer: String },
    #[error("{path}: the weights of `{layer}` hold values that are no numbers, from which nothing can be learned")]
    Unsound { path: String, layer: String },
    #[error("no image could be read; the first: {0}")]
    NoImages(String),
    #[error("the thread that reads images broke off")]
    Reader,
    #[error("out of memory: {0}")]
    Memory(#[from] CpuError),
    #[error("{0}")]
    Run(#[from] RunError),
}

fn began(place: &Option<Broken>) -> String {
    place.as_ref().map_or_else(String::new, |place| format!(" ({place})"))
}

/// A run: what it learns, from what, and where it stands.
pub struct Training<'a> {
    pub network: Compiled,
    pub optimizer: Optimizer,
    /// Averages of what is learned, which are judged and kept as the best in its place.
    pub average: Option<Average>,
    pub recipe: &'a Recipe,
    pub sets: &'a Sets,
    pub augment: Augment,
    pub progress: Progress,
    /// The run's folder; none for a run that leaves nothing behind.
    pub keeper: Option<Keeper>,
    pub observed: Observed,
}

/// Steps along a ramp of learning rates, and what they come to. `go_on` hears each point, and may end it.
pub fn find_rate(
    network: &mut Compiled,
    optimizer: &mut Optimizer,
    (set, augment): (&DataSet, &Augment),
    recipe: &Recipe,
    ramp: Ramp,
    mut go_on: impl FnMut(&Curve) -> bool,
) -> Result<Curve, TrainError> {
    // As many passes as the ramp takes.
    let recipe = Recipe { epochs: u64::MAX, ..recipe.clone() };
    let mut curve = Curve::default();
    let mut first_broken = None;
    with_batches(set, &recipe, augment, &Progress::default(), |batches| {
        let mut empty = 0;
        while (curve.points.len() as u64) < ramp.steps {
            let Some(batch) = batches.next() else { return Err(TrainError::Reader) };
            if batch.labels.is_empty() {
                first_broken = first_broken.take().or(batch.broken.into_iter().next());
                empty += batch.place.max(1);
                if empty > set.len() as u64 * 2 {
                    return Err(TrainError::NoImages(first_broken.take().unwrap_or_default()));
                }
                continue;
            }
            let step = curve.points.len() as u64;
            let lr = ramp.rate(step);
            let taken = step::take(network, optimizer, &batch, &recipe, (step + 1, lr), false, || true);
            let loss = match taken {
                Ok(Some(taken)) => f64::from(taken.loss),
                // The end of what can be learned with.
                Ok(None) | Err(TrainError::NotFinite { .. }) => f64::NAN,
                Err(error) => return Err(error),
            };
            if !curve.take(lr, loss) || !go_on(&curve) {
                break;
            }
        }
        Ok(())
    })?;
    Ok(curve)
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ended {
    pub end: End,
    /// Of the last epoch, or where training ended within one.
    pub validation: Option<Evaluation>,
    /// Of the data's own test set, where validation is part of the training images.
    pub test: Option<Evaluation>,
    /// Training images that could not be read.
    pub left_out: usize,
}

/// At the least so long between two checkpoints that nobody asked for.
const BETWEEN_EPOCHS: Duration = Duration::from_secs(5);
const WITHIN_EPOCHS: Duration = Duration::from_secs(30);
/// At the least so long between two lines of norms in the metrics.
const BETWEEN_NORMS: Duration = Duration::from_secs(2);
/// Values of the largest parameter whose norms are kept: 64 MiB.
const LARGEST_OBSERVED: usize = 1 << 24;
/// A checkpoint or the norms take no more than one part in so many of the time.
const SHARE: u32 = 100;

/// What a run remembers while it goes on and does not keep.
struct Session<'c> {
    control: &'c Control,
    /// Up to when time has been counted.
    counted: Instant,
    kept: Instant,
    keeping_took: Duration,
    next_norms: Instant,
    /// When norms are written to the metrics next.
    next_kept_norms: Instant,
    /// Whether no parameter is so large that the copy its change is told by would be a burden.
    can_keep_norms: bool,
    watch: Watch,
    /// Of the last epoch.
    validation: Option<Evaluation>,
    broken: HashSet<String>,
    /// Training images among them.
    left_out: usize,
    paused: bool,
}

impl Training<'_> {
    /// Trains until the recipe's end, or until `control` or `on` says to stop. The state is kept at the end, too.
    pub fn run(
        &mut self,
        control: &Control,
        on: &mut dyn FnMut(Event) -> ControlFlow<()>,
    ) -> Result<Ended, TrainError> {
        let now = Instant::now();
        let mut session = Session {
            control,
            counted: now,
            kept: now,
            keeping_took: Duration::ZERO,
            next_norms: now,
            next_kept_norms: now,
            can_keep_norms: self.network.parameters.iter().all(|parameter| parameter.len() <= LARGEST_OBSERVED),
            watch: Watch::default(),
            validation: None,
            broken: HashSet::new(),
            left_out: 0,
            paused: false,
        };
        self.progress.finished = false;
        if self.progress.step == 0 || self.keeper.as_ref().is_some_and(Keeper::owes_checkpoint) {
            // That it can be written at all is known before the work.
            self.keep(&mut session, on)?;
        }
        let sets = self.sets;
        let (recipe, augment, progress) = (self.recipe, self.augment.clone(), self.progress.clone());
        let ended =
            with_batches(&sets.train, recipe, &augment, &progress, |batches| self.epochs(batches, &mut session, on));
        self.count_time(&mut session);
        let end = ended?;
        if end.is_finished() && (sets.test.is_some() || self.progress.place > 0) {
            // What is looked at now may take long; the last step is kept before.
            self.keep(&mut session, on)?;
        }
        let ends = end.is_finished();
        let mut validation = session.validation;
        if let Some(set) = sets.validation.as_ref().filter(|_| ends && self.progress.place > 0) {
            validation = self.look(set, 0, &mut session, on)?.and_then(|looked| looked.evaluation);
        }
        if let Some(validation) = validation.filter(|_| ends && self.progress.place > 0) {
            self.judge(validation)?;
        }
        let test = match sets.test.as_ref().filter(|_| ends) {
            Some(set) => self.look(set, 0, &mut session, on)?.and_then(|looked| looked.evaluation),
            None => None,
        };
        // A look that was cut short is taken again when the run goes on.
        let end = if ends && control.stops() { End::Stopped } else { end };
        self.progress.finished = end.is_finished();
        self.keep(&mut session, on)?;
        Ok(Ended { end, validation, test, left_out: session.left_out })
    }

    fn epochs(
        &mut self,
        batches: &mut dyn Iterator<Item = Batch>,
        session: &mut Session,
        on: &mut dyn FnMut(Event) -> ControlFlow<()>,
    ) -> Result<End, TrainError> {
        let images = self.sets.train.len() as u64;
        let total = self.recipe.total_steps(images as usize);
        // Stopped between an epoch's last step and its validation.
        if self.progress.place == images {
            if !self.end_epoch(session, on)? {
                return Ok(End::Stopped);
            }
            if self.is_stuck() {
                return Ok(End::Early);
            }
        }
        while self.progress.step < total && self.progress.epoch <= self.recipe.epochs {
            if self.obey(session, on)? {
                return Ok(End::Stopped);
            }
            if session.control.is_late() {
                return Ok(End::Late);
            }
            let began = Instant::now();
            // As many batches are made as the steps that are wanted.
            let Some(batch) = batches.next() else { return Err(TrainError::Reader) };
            let (place, is_last) = (batch.place, batch.is_last);
            for why in &batch.broken {
                session.left_out += usize::from(self.leave_out(why, session, on)?);
            }
            let stops = match batch.labels.is_empty() {
                true => {
                    self.progress.place = place;
                    ControlFlow::Continue(())
                }
                false => self.take_step(batch, began, total, session, on)?,
            };
            if session.paused {
                self.count_time(session);
            }
            if stops.is_break() {
                return Ok(End::Stopped);
            }
            if is_last {
                if self.progress.seen == 0 {
                    let first = session.broken.iter().next().cloned().unwrap_or_default();
                    return Err(TrainError::NoImages(first));
                }
                if !self.end_epoch(session, on)? {
                    return Ok(End::Stopped);
                }
                if self.is_stuck() {
                    return Ok(End::Early);
                }
            } else if self.is_due(session) {
                self.keep(session, on)?;
            }
        }
        Ok(End::Finished)
    }

    /// Says, once for each image, that it cannot be read. Whether this was the first time.
    fn leave_out(
        &mut self,
        why: &str,
        session: &mut Session,
        on: &mut dyn FnMut(Event) -> ControlFlow<()>,
    ) -> Result<bool, TrainError> {
        let is_new = session.broken.insert(why.to_string());
        if is_new {
            let event = Event::Warning { step: self.progress.step, text: format!("{why}; it is left out") };
            let _ = self.tell(event, on)?;
        }
        Ok(is_new)
    }

    /// Does what a run was told between two steps, and waits while it is paused. True if it is to stop.
    fn obey(
        &mut self,
        session: &mut Session,
        on: &mut dyn FnMut(Event) -> ControlFlow<()>,
    ) -> Result<bool, TrainError> {
        loop {
            if session.control.stops() {
                return Ok(true);
            }
            let Some(commands) = &session.control.commands else { return Ok(false) };
            // A paused run looks up now and then whether it is to stop.
            if session.paused {
                // What passes while it is paused is no training.
                session.counted = Instant::now();
            }
            let command = match session.paused {
                true => commands.recv_timeout(Duration::from_millis(50)).ok(),
                false => commands.try_recv().ok(),
            };
            let step = self.progress.step;
            match command {
                Some(Command::Pause) => {
                    self.count_time(session);
                    session.paused = true;
                    let _ = on(Event::Paused(true));
                }
                Some(Command::Resume) => {
                    session.paused = false;
                    let _ = on(Event::Paused(false));
                }
                Some(Command::Step) => {
                    if session.paused {
                        session.counted = Instant::now();
                    }
                    session.paused = true;
                    let _ = on(Event::Paused(true));
                    return Ok(false);
                }
                Some(command @ (Command::LowerRate | Command::RaiseRate)) => {
                    self.progress.rate = match command {
                        Command::LowerRate => self.progress.rate / 10.0,
                        _ => (self.progress.rate * 10.0).min(1.0),
                    };
                    self.tell_rate(step, "user", on)?;
                    // What was asked for by hand is not to be asked for again after a kill.
                    self.keep(session, on)?;
                }
                Some(Command::Checkpoint) => self.keep(session, on)?,
                None if session.paused => {}
                None => return Ok(false),
            }
        }
    }

    /// Keeps an event in the metrics, and tells it.
    fn tell(
        &mut self,
        event: Event,
        on: &mut dyn FnMut(Event) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, TrainError> {
        if let Some(keeper) = &mut self.keeper {
            keeper.append(&event)?;
        }
        Ok(on(event))
    }

    fn tell_rate(
        &mut self,
        step: u64,
        by: &'static str,
        on: &mut dyn FnMut(Event) -> ControlFlow<()>,
    ) -> Result<(), TrainError> {
        let event = Event::Rate { step, rate: self.progress.rate, by };
        self.tell(event, on).map(drop)
    }

    fn take_step(
        &mut self,
        batch: Batch,
        began: Instant,
        total: u64,
        session: &mut Session,
        on: &mut dyn FnMut(Event) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, TrainError> {
        let (step, epoch) = (self.progress.step + 1, self.progress.epoch);
        let lr = self.recipe.rate(step, total) * self.progress.rate;
        let keeps_norms = self.keeper.is_some() && session.can_keep_norms && began >= session.next_kept_norms;
        let observes = keeps_norms || self.observed.norms && began >= session.next_norms;
        let go_on = || !session.control.stops();
        let (network, optimizer) = (&mut self.network, &mut self.optimizer);
        let Some(taken) = step::take(network, optimizer, &batch, self.recipe, (step, lr), observes, go_on)? else {
            return Ok(ControlFlow::Break(()));
        };
        if let Some(average) = &mut self.average {
            average.follow(&self.network);
        }
        self.progress.place = batch.place;
        self.progress.step = step;
        self.progress.count(taken.loss, taken.accuracy, batch.labels.len());
        if observes {
            let pause = taken.observing * SHARE;
            session.next_norms = Instant::now() + pause;
            let event = Event::Norms { step, layers: taken.norms };
            if keeps_norms {
                session.next_kept_norms = Instant::now() + BETWEEN_NORMS.max(pause);
                let _ = self.tell(event, on)?;
            } else {
                let _ = on(event);
            }
        }
        let classes = self.network.outputs();
        let after_warmup = step.saturating_sub(self.recipe.warmup);
        let trouble = session.watch.step(after_warmup, taken.loss.into(), classes, step == total);
        if let Some(trouble) = trouble {
            let values = self.network.batch(step::first_part(&batch, self.recipe).to_vec());
            let place = diagnose::trace(&mut self.network, &values);
            let text = diagnose::describe(trouble, place, classes, self.recipe);
            let event = Event::Warning { step, text };
            let _ = self.tell(event, on)?;
        }
        let (loss, accuracy, images) = (taken.loss, taken.accuracy, batch.labels.len());
        let event = Event::Step(Step { step, epoch, loss, accuracy, lr, images, time: began.elapsed() });
        self.tell(event, on)
    }

    /// Judges a set, and says what of it cannot be read. `None` if it is stopped meanwhile.
    fn look(
        &mut self,
        set: &DataSet,
        samples: usize,
        session: &mut Session,
        on: &mut dyn FnMut(Event) -> ControlFlow<()>,
    ) -> Result<Option<Looked>, TrainError> {
        let (recipe, control) = (self.recipe, session.control);
        let go_on = |done: usize| {
            let _ = on(Event::Validating { done, of: set.len() });
            !control.stops()
        };
        let looked =
            self.judged(|network| evaluate(network, set, recipe.micro_batch, recipe.flip_test, samples, go_on));
        for why in looked.iter().flat_map(|looked| &looked.broken) {
            self.leave_out(why, session, on)?;
        }
        Ok(looked)
    }

    /// Looks at the validation set, and begins the next epoch. False if it was stopped before that was done.
    fn end_epoch(
        &mut self,
        session: &mut Session,
        on: &mut dyn FnMut(Event) -> ControlFlow<()>,
    ) -> Result<bool, TrainError> {
        let (sets, recipe) = (self.sets, self.recipe);
        let (loss, accuracy) = self.progress.means();
        let (step, epoch) = (self.progress.step, self.progress.epoch);
        let validation = match &sets.validation {
            Some(set) => {
                let Some(looked) = self.look(set, self.observed.samples, session, on)? else { return Ok(false) };
                if !looked.judged.is_empty() {
                    let _ = on(Event::Samples { step, images: looked.judged });
                }
                looked.evaluation
            }
            None => None,
        };
        self.count_time(session);
        let time = Duration::try_from_secs_f64(self.progress.epoch_seconds).unwrap_or_default();
        let event = Event::Epoch(Epoch { epoch, step, loss, accuracy, validation, time });
        let stops = self.tell(event, on)?.is_break();
        let patience = match recipe.schedule {
            Schedule::Plateau { patience } => Some(patience),
            _ => None,
        };
        if let Some(validation) = validation {
            let is_best = self.progress.is_best(validation);
            if self.progress.judge(validation.accuracy, patience) {
                self.tell_rate(step, "plateau", on)?;
            }
            if is_best {
                self.keep_best()?;
            }
        }
        session.validation = validation;
        self.progress.next_epoch();
        if self.is_asked() || session.kept.elapsed() > BETWEEN_EPOCHS.max(session.keeping_took * SHARE) {
            self.keep(session, on)?;
        }
        Ok(!stops)
    }

    /// Work with the network that is judged: the averages of what was learned, if there are some.
    pub fn judged<R>(&mut self, work: impl FnOnce(&mut Compiled) -> R) -> R {
        let Some(average) = &mut self.average else { return work(&mut self.network) };
        average.swap(&mut self.network);
        let done = work(&mut self.network);
        average.swap(&mut self.network);
        done
    }

    /// Takes a validation where training ended within an epoch.
    fn judge(&mut self, own: Evaluation) -> Result<(), TrainError> {
        let is_best = self.progress.is_best(own);
        if self.progress.best.is_none_or(|(best, _)| own.accuracy > best) {
            self.progress.best = Some((own.accuracy, self.progress.epoch));
        }
        if is_best { self.keep_best() } else { Ok(()) }
    }

    /// Keeps the weights that were judged best so far.
    fn keep_best(&mut self) -> Result<(), TrainError> {
        let Some(mut keeper) = self.keeper.take() else { return Ok(()) };
        let kept = self.judged(|network| keeper.keep_best(network));
        self.keeper = Some(keeper);
        Ok(kept?)
    }

    /// Whether the last epochs, as many as the recipe's patience, brought nothing better.
    fn is_stuck(&self) -> bool {
        let best = self.progress.best.map_or(0, |(_, epoch)| epoch);
        // The epoch under way is the one after the last that was judged.
        let waited = (self.progress.epoch - 1).saturating_sub(best);
        self.sets.validation.is_some() && self.recipe.patience_stop.is_some_and(|patience| waited >= patience)
    }

    /// Whether the recipe wants a checkpoint after this step.
    fn is_asked(&self) -> bool {
        self.recipe.checkpoint_every.is_some_and(|every| self.progress.step.is_multiple_of(every.max(1)))
    }

    /// Whether a checkpoint is due within an epoch.
    fn is_due(&self, session: &Session) -> bool {
        self.is_asked() || session.kept.elapsed() > WITHIN_EPOCHS.max(session.keeping_took * SHARE)
    }

    /// Counts the time since it was last counted as training.
    fn count_time(&mut self, session: &mut Session) {
        let seconds = session.counted.elapsed().as_secs_f64();
        session.counted = Instant::now();
        self.progress.seconds += seconds;
        self.progress.epoch_seconds += seconds;
    }

    /// Writes the state, if the run has a folder. What is not finite is not kept.
    fn keep(&mut self, session: &mut Session, on: &mut dyn FnMut(Event) -> ControlFlow<()>) -> Result<(), TrainError> {
        self.count_time(session);
        let began = Instant::now();
        if let Some(layer) = step::not_finite(&self.network) {
            return Err(TrainError::Rubbish { step: self.progress.step, layer });
        }
        let Some(keeper) = &mut self.keeper else { return Ok(()) };
        let kept = keeper.checkpoint(&Learned {
            network: &self.network,
            optimizer: &self.optimizer,
            average: self.average.as_ref(),
            progress: &self.progress,
        })?;
        session.kept = Instant::now();
        session.keeping_took = began.elapsed();
        let step = self.progress.step;
        if let Some(text) = kept.note {
            let event = Event::Warning { step, text };
            let _ = self.tell(event, on)?;
        }
        let _ = on(Event::Checkpoint { step, path: kept.path });
        Ok(())
    }
}
