//! Training: mini-batches through the network and back, reported step by step.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use dfdx::prelude::*;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::data::Labelled;
use crate::model::Operation;
use crate::network::kernels::view;
use crate::network::ops::cross_entropy::cross_entropy;
use crate::network::optimizer::{Algorithm, Optimizer, clip_gradients};
use crate::network::random::mix;
use crate::network::{Compiled, Mode};

/// How a network is trained.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    pub epochs: u64,
    /// Ends training even within an epoch.
    pub steps: Option<u64>,
    pub batch: usize,
    pub algorithm: Algorithm,
    pub lr: f64,
    pub weight_decay: f64,
    /// Largest norm of all gradients together.
    pub clip: Option<f64>,
    pub shuffle: bool,
    pub seed: u64,
}

/// One mini-batch: its loss and accuracy before its update.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// From 1, over the whole run.
    pub step: u64,
    /// From 1.
    pub epoch: u64,
    pub loss: f32,
    pub accuracy: f64,
    pub lr: f64,
    pub images: usize,
    pub time: Duration,
}

/// One pass over the data; means over its images.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Epoch {
    pub epoch: u64,
    pub loss: f64,
    pub accuracy: f64,
    pub time: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Event {
    Step(Step),
    Epoch(Epoch),
}

/// Why training could not begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    #[error("there is nothing to train: the network has no parameters")]
    NoParameters,
    #[error("the network ends in a map, not in classes; put `flatten` and `linear` at its end")]
    NoClasses,
    #[error("there are no images")]
    NoImages,
    #[error("`{layer}` would normalise a single value a channel in a mini-batch of {batch}; use a larger `--batch`")]
    SingleValue { layer: String, batch: usize },
    #[error("`{layer}` pools a map of more than 2^32 values a channel, too large to train")]
    LargePlane { layer: String },
    #[error("the loss is {loss} at step {step}{}; try a lower `--lr`, or gradient clipping", began(.layer))]
    NotFinite { step: u64, loss: f32, layer: Option<String> },
    #[error("out of memory: {0}")]
    Memory(#[from] CpuError),
}

fn began(layer: &Option<String>) -> String {
    layer.as_ref().map_or_else(String::new, |layer| format!(" (values stop being finite at `{layer}`)"))
}

/// Trains until the recipe's end, or until `on` says to stop. Gives the number of steps taken.
pub fn train(
    network: &mut Compiled,
    data: &Labelled,
    recipe: &Recipe,
    mut on: impl FnMut(Event) -> ControlFlow<()>,
) -> Result<u64, TrainError> {
    check(network, data, recipe)?;
    let mut optimizer = Optimizer::new(recipe.algorithm, recipe.weight_decay, network)?;
    let mut step = 0;
    for epoch in 1..=recipe.epochs {
        let started = Instant::now();
        let (mut loss_sum, mut right, mut seen) = (0.0, 0.0, 0);
        let order = order(data.len(), epoch, recipe);
        for places in order.chunks(recipe.batch.max(1)) {
            if recipe.steps.is_some_and(|steps| step >= steps) {
                return Ok(step);
            }
            step += 1;
            let began = Instant::now();
            let (inputs, labels) = data.batch(places);
            let (loss, accuracy) = take_step(network, &mut optimizer, inputs, &labels, recipe, step)?;
            loss_sum += f64::from(loss) * labels.len() as f64;
            right += accuracy * labels.len() as f64;
            seen += labels.len();
            let (lr, images, time) = (recipe.lr, labels.len(), began.elapsed());
            if on(Event::Step(Step { step, epoch, loss, accuracy, lr, images, time })).is_break() {
                return Ok(step);
            }
        }
        let (loss, accuracy) = (loss_sum / seen as f64, right / seen as f64);
        if on(Event::Epoch(Epoch { epoch, loss, accuracy, time: started.elapsed() })).is_break() {
            break;
        }
    }
    Ok(step)
}

fn check(network: &Compiled, data: &Labelled, recipe: &Recipe) -> Result<(), TrainError> {
    if network.parameters.is_empty() {
        return Err(TrainError::NoParameters);
    }
    if network.layers.last().is_none_or(|layer| !layer.output.is_flat()) {
        return Err(TrainError::NoClasses);
    }
    if data.is_empty() {
        return Err(TrainError::NoImages);
    }
    let batch = recipe.batch.min(data.len());
    // The last mini-batch of an epoch is as small as what is left, if training gets there.
    let rest = data.len() % batch.max(1);
    let whole = (data.len() / batch.max(1)) as u64;
    let smallest = if rest == 0 || recipe.steps.is_some_and(|steps| steps <= whole) { batch } else { rest };
    for layer in &network.layers {
        // The place of each largest value is kept in 32 bits.
        let plane = layer.input.elements() / u128::from(layer.input.to_vec()[0].max(1));
        if matches!(layer.operation, Operation::MaxPool { .. }) && plane > u128::from(u32::MAX) {
            return Err(TrainError::LargePlane { layer: layer.name.clone() });
        }
        let channels = layer.weights.max(1);
        let alone = layer.output.elements() as u64 == channels;
        if matches!(layer.operation, Operation::BatchNorm(_)) && smallest == 1 && alone {
            return Err(TrainError::SingleValue { layer: layer.name.clone(), batch: smallest });
        }
    }
    Ok(())
}

/// The order of the images in an epoch: theirs, or shuffled by the seed and the epoch.
fn order(images: usize, epoch: u64, recipe: &Recipe) -> Vec<usize> {
    let mut order: Vec<usize> = (0..images).collect();
    if recipe.shuffle {
        order.shuffle(&mut Xoshiro256PlusPlus::seed_from_u64(mix(recipe.seed, epoch)));
    }
    order
}

/// Forward, backward, update. Gives the loss and accuracy before the update.
fn take_step(
    network: &mut Compiled,
    optimizer: &mut Optimizer,
    inputs: Vec<f32>,
    labels: &[usize],
    recipe: &Recipe,
    step: u64,
) -> Result<(f32, f64), TrainError> {
    let batch = network.batch(inputs);
    let mode = Mode::Train { dropout_seed: Some(mix(mix(recipe.seed, u64::MAX), step)) };
    let go_on = |_: usize, _: &_| ControlFlow::Continue(());
    let Some(logits) = network.forward(batch.leaky_trace(), mode, false, go_on) else {
        return Err(TrainError::NoClasses);
    };
    let accuracy = accuracy(&view::values(&logits), labels);
    let loss = cross_entropy(logits, labels);
    let value = loss.array();
    if !value.is_finite() {
        let layer = first_not_finite(network, &batch);
        return Err(TrainError::NotFinite { step, loss: value, layer });
    }
    let mut gradients = loss.backward();
    if let Some(limit) = recipe.clip {
        clip_gradients(network, &mut gradients, limit)?;
    }
    optimizer.step(network, &mut gradients, recipe.lr)?;
    Ok((value, accuracy))
}

/// Part of the images whose largest logit is their label's; the first of equal logits counts.
fn accuracy(logits: &[f32], labels: &[usize]) -> f64 {
    let classes = logits.len() / labels.len().max(1);
    let right = logits.chunks(classes.max(1)).zip(labels).filter(|(logits, label)| {
        let best =
            logits.iter().enumerate().fold(0, |best, (class, logit)| if *logit > logits[best] { class } else { best });
        best == **label
    });
    right.count() as f64 / labels.len().max(1) as f64
}

/// The first layer whose output is not finite any more.
fn first_not_finite(network: &mut Compiled, batch: &crate::network::Values) -> Option<String> {
    let mut found = None;
    network.forward(batch.clone(), Mode::Evaluate, false, |index, output| {
        if view::values(output).iter().all(|value| value.is_finite()) {
            return ControlFlow::Continue(());
        }
        found = Some(index);
        ControlFlow::Break(())
    });
    found.map(|index| network.layers[index].name.clone())
}
