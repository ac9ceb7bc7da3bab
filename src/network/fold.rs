//! A batch norm folded into the conv before it, for evaluation where nobody looks at what lies between:
//! γ·(w∗x + b − μ)/√(σ² + ε) + β is a conv with weights w·s and biases (b − μ)·s + β, s = γ/√(σ² + ε).

use std::sync::{Arc, OnceLock};

use dfdx::prelude::Cpu;

use super::kernels::view;
use super::kernels::winograd::Transformed;
use super::ops::Row;
use super::ops::batch_norm::Statistics;
use super::parameters::row;
use crate::graph::{Layer, Operation, Source};
use crate::spec::describe::Norm;

/// A conv's weights and biases with the batch norm behind it in them.
#[derive(Clone)]
pub struct Folded {
    pub weight: Row,
    pub bias: Row,
    pub transformed: OnceLock<Arc<Transformed>>,
}

/// For each conv the batch norm that alone reads it, by index.
pub fn pairs(layers: &[Layer]) -> Vec<Option<usize>> {
    let mut readers: Vec<(usize, usize)> = vec![(0, 0); layers.len()];
    for layer in layers {
        for source in &layer.inputs {
            if let Source::Layer(from) = source {
                readers[*from] = (readers[*from].0 + 1, layer.index);
            }
        }
    }
    let pair = |layer: &Layer| {
        let (count, reader) = readers[layer.index];
        let is_conv = matches!(layer.operation, Operation::Conv { .. });
        let is_norm = |index: usize| matches!(layers[index].operation, Operation::Norm(Norm::Batch(_)));
        (is_conv && count == 1 && is_norm(reader)).then_some(reader)
    };
    layers.iter().map(pair).collect()
}

/// Folds; `affine` is the norm's γ and β, where it has them.
pub fn fold(
    device: &Cpu,
    weight: &Row,
    bias: Option<&Row>,
    affine: Option<(&Row, &Row)>,
    running: &Statistics,
    eps: f64,
) -> Folded {
    let channels = running.mean.len();
    let own =
        |row: Option<&Row>, without: f32| row.map_or(vec![without; channels], |row| view::values(row).into_owned());
    let (gamma, beta) = (own(affine.map(|(gamma, _)| gamma), 1.0), own(affine.map(|(_, beta)| beta), 0.0));
    let bias = own(bias, 0.0);
    let scale: Vec<f64> = (0..channels)
        .map(|channel| f64::from(gamma[channel]) / (f64::from(running.variance[channel]) + eps).sqrt())
        .collect();
    let mut weights = view::values(weight).into_owned();
    let each = weights.len() / channels.max(1);
    for (kernel, scale) in weights.chunks_exact_mut(each.max(1)).zip(&scale) {
        kernel.iter_mut().for_each(|value| *value = (f64::from(*value) * scale) as f32);
    }
    let biases = (0..channels).map(|channel| {
        let moved = f64::from(bias[channel]) - f64::from(running.mean[channel]);
        (moved * scale[channel] + f64::from(beta[channel])) as f32
    });
    Folded { bias: row(device, biases.collect()), weight: row(device, weights), transformed: OnceLock::new() }
}
