//! What cannot be trained, said before anything is written.

use super::{Recipe, Schedule, TrainError};
use crate::graph::Operation;
use crate::network::Compiled;
use crate::run::data::Sets;
use crate::spec::describe::Norm;

/// Refuses what could not be trained, by so many processes, before anything is written.
pub fn check(network: &Compiled, sets: &Sets, recipe: &Recipe, processes: usize) -> Result<(), TrainError> {
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
    let smallest = smallest_part(recipe, sets.train.len(), processes);
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

/// The fewest images that go through the network at once: the last mini-batch of an epoch is as small as what is left, if training gets
/// there, the last part of a mini-batch likewise, and of several processes (as `train.py` deals images out) one without images does not
/// count.
fn smallest_part(recipe: &Recipe, images: usize, processes: usize) -> usize {
    let (batch, processes) = (recipe.batch.clamp(1, images.max(1)), processes.max(1));
    let (whole, rest) = ((images / batch) as u64, images % batch);
    let reached = rest > 0 && recipe.steps.is_none_or(|steps| steps > whole);
    let batches = [Some(batch), reached.then_some(rest)].into_iter().flatten();
    let shares = batches.flat_map(|batch| {
        (0..processes).map(move |rank| ((rank + 1) * batch).div_ceil(processes) - (rank * batch).div_ceil(processes))
    });
    let parts = shares.filter(|share| *share > 0).map(|share| {
        let micro = recipe.micro_batch.clamp(1, share);
        if share % micro == 0 { micro } else { share % micro }
    });
    parts.min().unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::recipe::Recipe as Given;

    #[test]
    fn the_smallest_part_is_that_of_the_last_process_and_the_last_mini_batch() {
        let of = |batch, micro, images, processes| {
            let given = Given { batch: Some(batch), micro_batch: Some(micro), epochs: Some(1), ..Given::default() };
            smallest_part(&Recipe::new(&given), images, processes)
        };
        assert_eq!(of(8, 8, 16, 2), 4);
        assert_eq!(of(8, 8, 18, 2), 1, "two images are left for two processes");
        assert_eq!(of(8, 3, 24, 2), 1, "four images in threes");
        assert_eq!(of(2, 2, 8, 3), 1, "two processes have one each, the third has none");
        assert_eq!(of(32, 32, 320, 4), 8);
        let given = Given { batch: Some(8), steps: Some(2), ..Given::default() };
        assert_eq!(smallest_part(&Recipe::new(&given), 18, 2), 4, "the rest is never reached");
    }
}
