//! One update: forward, backward, and what the optimizer makes of it.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use dfdx::prelude::*;

use super::batches::Batch;
use super::{LayerNorms, Recipe, TrainError};
use crate::network::kernels::view;
use crate::network::ops::cross_entropy::cross_entropy;
use crate::network::optimizer::{Optimizer, Squares, add_gradients, clip_gradients};
use crate::network::random::mix;
use crate::network::{Compiled, Mode};
use crate::run::evaluate::accuracy::accuracy;
use crate::run::trace::broken;

/// What a step came to, before its update.
pub struct Taken {
    pub loss: f32,
    pub accuracy: f64,
    /// If they were asked for.
    pub norms: Vec<LayerNorms>,
    /// How long they took.
    pub observing: Duration,
}

/// Takes a step, from 1, at a learning rate. The loss and its gradient are means over the batch, however many parts it
/// goes through the network in. `None` if `go_on`
/// says no between two parts; nothing has changed then.
pub fn take(
    network: &mut Compiled,
    optimizer: &mut Optimizer,
    batch: &Batch,
    recipe: &Recipe,
    (step, lr): (u64, f64),
    observes: bool,
    go_on: impl Fn() -> bool,
) -> Result<Option<Taken>, TrainError> {
    let images = batch.labels.len();
    let one = batch.inputs.len() / images.max(1);
    let micro = recipe.micro_batch.max(1);
    let (mut loss, mut right) = (0.0, 0.0);
    let mut gradients: Option<Gradients<f32, Cpu>> = None;
    // Batch norms follow every part, also of a step that is given up.
    let running = (images > micro).then(|| network.running.clone());
    for (part, labels) in batch.labels.chunks(micro).enumerate() {
        if part > 0 && !go_on() {
            network.running = running.unwrap_or_default();
            return Ok(None);
        }
        let inputs = batch.inputs[part * micro * one..][..labels.len() * one].to_vec();
        let of_step = mix(mix(recipe.seed, u64::MAX), step);
        let seed = if part == 0 { of_step } else { mix(of_step, part as u64) };
        let share = labels.len() as f64 / images as f64;
        let mixed = batch.mixed.as_ref().map(|mixed| (&mixed.partners[part * micro..][..labels.len()], mixed.own));
        let passed = pass(network, inputs, (labels, mixed), (recipe.label_smoothing, share), seed)?;
        if !passed.loss.is_finite() {
            let inputs = network.batch(batch.inputs[part * micro * one..][..labels.len() * one].to_vec());
            let place = broken(network, &inputs);
            return Err(TrainError::NotFinite { step, loss: passed.loss, place });
        }
        loss += f64::from(passed.loss) * share;
        right += passed.accuracy * share;
        match &mut gradients {
            None => gradients = Some(passed.gradients),
            Some(sum) => add_gradients(network, sum, passed.gradients)?,
        }
    }
    let Some(mut gradients) = gradients else {
        return Ok(None);
    };
    if let Some(limit) = recipe.clip {
        clip_gradients(network, &mut gradients, limit)?;
    }
    let (loss, accuracy) = (loss as f32, right);
    if !observes {
        optimizer.step(network, &mut gradients, lr)?;
        return Ok(Some(Taken { loss, accuracy, norms: Vec::new(), observing: Duration::ZERO }));
    }
    let began = Instant::now();
    let squares = optimizer.step_observed(network, &mut gradients, lr)?;
    Ok(Some(Taken { loss, accuracy, norms: by_layer(network, &squares), observing: began.elapsed() }))
}

struct Passed {
    loss: f32,
    accuracy: f64,
    gradients: Gradients<f32, Cpu>,
}

/// Forward and back. The loss is the mean over these images; its gradient is multiplied by their share of the batch.
fn pass(
    network: &mut Compiled,
    inputs: Vec<f32>,
    (labels, mixed): (&[usize], Option<(&[usize], f64)>),
    (smoothing, share): (f64, f64),
    dropout_seed: u64,
) -> Result<Passed, TrainError> {
    let mode = Mode::Train { dropout_seed: Some(dropout_seed) };
    let batch = network.batch(inputs);
    let go_on = |_: usize, _: &_| ControlFlow::Continue(());
    let Some(logits) = network.forward(batch.leaky_trace(), mode, false, go_on) else {
        return Err(TrainError::NoClasses);
    };
    let accuracy = {
        let logits = view::values(&logits);
        // Of mixed images each label counts as much as its pixels do.
        let of_partners = mixed.map(|(partners, own)| (1.0 - own) * accuracy(&logits, partners));
        accuracy(&logits, labels) * mixed.map_or(1.0, |(_, own)| own) + of_partners.unwrap_or(0.0)
    };
    let loss = cross_entropy(logits, labels, mixed, smoothing);
    let value = loss.array();
    let gradients = match share == 1.0 {
        true => loss.backward(),
        false => (loss * share as f32).backward(),
    };
    Ok(Passed { loss: value, accuracy, gradients })
}

/// The images of a batch that go through the network first.
pub fn first_part<'a>(batch: &'a Batch, recipe: &Recipe) -> &'a [f32] {
    let one = batch.inputs.len() / batch.labels.len().max(1);
    &batch.inputs[..one * recipe.micro_batch.clamp(1, batch.labels.len().max(1))]
}

fn by_layer(network: &Compiled, squares: &[Squares]) -> Vec<LayerNorms> {
    let mut norms: Vec<LayerNorms> = Vec::new();
    let learned = network.parameters.iter().zip(squares).filter(|(parameter, _)| network.learns(parameter));
    for (parameter, squares) in learned {
        let layer = &network.layers[parameter.layer].name;
        if norms.last().is_none_or(|last| last.layer != *layer) {
            norms.push(LayerNorms { layer: layer.clone(), weight: 0.0, gradient: 0.0, update: 0.0 });
        }
        if let Some(last) = norms.last_mut() {
            last.weight += squares.weight;
            last.gradient += squares.gradient;
            last.update += squares.update;
        }
    }
    for norm in &mut norms {
        (norm.weight, norm.gradient, norm.update) = (norm.weight.sqrt(), norm.gradient.sqrt(), norm.update.sqrt());
    }
    norms
}

/// The first layer with a parameter or a running statistic that is not finite.
pub fn not_finite(network: &Compiled) -> Option<String> {
    let sound = |values: &[f32]| values.iter().all(|value| value.is_finite());
    let parameter = network.parameters.iter().find(|parameter| !sound(&view::values(&parameter.values)));
    let running = || {
        let own = &network.running;
        own.iter().find(|own| !sound(&own.statistics.mean) || !sound(&own.statistics.variance))
    };
    let layer = parameter.map(|parameter| parameter.layer).or_else(|| running().map(|running| running.layer))?;
    Some(network.layers[layer].name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::train::Recipe;

    #[test]
    fn the_first_part_of_a_mini_batch_is_no_longer_than_the_mini_batch() {
        let batch = Batch {
            inputs: (0..8).map(|at| at as f32).collect(),
            labels: vec![0; 4],
            mixed: None,
            place: 4,
            is_last: true,
            broken: Vec::new(),
        };
        for (micro_batch, values) in [(1, 2), (3, 6), (9, 8)] {
            let recipe = Recipe { micro_batch, ..Recipe::new(&Default::default()) };
            assert_eq!(first_part(&batch, &recipe).len(), values);
        }
    }
}
