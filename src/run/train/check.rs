//! What cannot be trained, said before anything is written.

use super::{Recipe, Schedule, TrainError};
use crate::graph::Operation;
use crate::network::Compiled;
use crate::run::data::Sets;
use crate::spec::describe::Norm;

/// Refuses what could not be trained before anything is written.
pub fn check(network: &Compiled, sets: &Sets, recipe: &Recipe) -> Result<(), TrainError> {
    if network.parameters.is_empty() {
        return Err(TrainError::NoParameters);
    }
    if !network.parameters.iter().any(|parameter| network.learns(parameter)) {
        return Err(TrainError::AllFrozen);
    }
    if network.layers.last().is_none_or(|layer| !layer.output.is_flat()) {
        return Err(TrainError::NoClasses);
    }
    if network.layers.last().is_some_and(|layer| matches!(layer.operation, Operation::Softmax)) {
        return Err(TrainError::Softmax);
    }
    if matches!(recipe.schedule, Schedule::Plateau { .. }) && sets.validation.is_none() {
        return Err(TrainError::NoValidation);
    }
    if recipe.patience_stop.is_some() && sets.validation.is_none() {
        return Err(TrainError::NothingToStopBy);
    }
    let smallest = smallest_part(sets.train.len(), recipe);
    for layer in &network.layers {
        // The place of each largest value is kept in 32 bits.
        let plane = layer.input.elements() / u128::from(layer.input.to_vec()[0].max(1));
        if matches!(layer.operation, Operation::MaxPool { .. }) && plane > u128::from(u32::MAX) {
            return Err(TrainError::LargePlane { layer: layer.name.clone() });
        }
        let alone = layer.output.sides() == [1, 1];
        if matches!(layer.operation, Operation::Norm(Norm::Batch(_))) && smallest == 1 && alone {
            return Err(TrainError::SingleValue { layer: layer.name.clone(), batch: smallest });
        }
    }
    Ok(())
}

/// The fewest images that go through the network at once. The last mini-batch of an epoch is as small as what is left, if
/// training gets there, and the last part of a mini-batch likewise.
fn smallest_part(images: usize, recipe: &Recipe) -> usize {
    let (batch, micro) = (recipe.batch.clamp(1, images.max(1)), recipe.micro_batch.max(1));
    let rest = images % batch;
    let whole = (images / batch) as u64;
    let reached = rest != 0 && recipe.steps.is_none_or(|steps| steps > whole);
    let least = |images: usize| match images % micro {
        0 => micro.min(images),
        left => left,
    };
    if reached { least(batch).min(least(rest)) } else { least(batch) }
}
