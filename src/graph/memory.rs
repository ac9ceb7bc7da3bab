//! What running and training a network takes in memory, counted in f32 values of 4 bytes.
//!
//! Training keeps, for the backward pass, what [`crate::network::ops`] keep: convs, linear, normalisations, learned factors and
//! the smooth activations their input, gates both of theirs (one tensor, however many layers read it), softmax its output,
//! max-pooling 4 bytes an output value, ReLU, ReLU6, leaky ReLU and dropout one bit a value; sums, concatenations, the average
//! pools and whatever only moves values nothing. What the convolutions work in is apart, in [`scratch`], since it belongs to this
//! program and not to the network; what an image decoder takes is not counted.

use super::{Graph, Kept, Layer, Operation, Source, liveness};
use crate::spec::describe::Pair;

/// What an optimizer keeps beside weights and gradients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptimizerState {
    /// Plain SGD: nothing.
    None,
    /// SGD with momentum: one value a parameter.
    Momentum,
    /// Adam: two moments a parameter.
    Adam,
}

impl OptimizerState {
    pub fn per_parameter(self) -> u64 {
        match self {
            OptimizerState::None => 0,
            OptimizerState::Momentum => 1,
            OptimizerState::Adam => 2,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            OptimizerState::None => "SGD without momentum",
            OptimizerState::Momentum => "SGD with momentum",
            OptimizerState::Adam => "Adam",
        }
    }
}

/// Bytes of a training step, part by part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Training {
    pub weights: u64,
    pub gradients: u64,
    pub optimizer: u64,
    pub buffers: u64,
    /// The mini-batch and all that is kept of it for the backward pass.
    pub activations: u64,
    /// The most gradients with respect to values that are held at once.
    pub activation_gradients: u64,
}

impl Training {
    pub fn total(&self) -> u64 {
        let parts = [self.gradients, self.optimizer, self.buffers, self.activations, self.activation_gradients];
        parts.into_iter().fold(self.weights, u64::saturating_add)
    }
}

/// Bytes that one image's input and everything kept of it for the backward pass take.
pub fn kept_bytes(network: &Graph) -> u64 {
    kept_bytes_beside(network, &[])
}

/// As [`kept_bytes`], where some layers are frozen: nothing is kept before the first that learns, and a frozen conv or linear layer
/// does not need its input.
fn kept_bytes_beside(network: &Graph, frozen: &[bool]) -> u64 {
    let learned = liveness::learned(&network.layers, frozen);
    let mut kept = vec![false; network.layers.len()];
    let mut own = 0u64;
    for layer in network.layers.iter().filter(|layer| learned[layer.index]) {
        let values = layer.output.elements() as u64;
        let needs_no_input = frozen.get(layer.index) == Some(&true) && layer.has_weights();
        match layer.operation.keeps() {
            _ if needs_no_input => {}
            Kept::Nothing => {}
            Kept::Output => kept[layer.index] = true,
            Kept::Places => own += 4 * values,
            Kept::Bits => own += values.div_ceil(8),
            Kept::Inputs => {
                for source in &layer.inputs {
                    if let Some(source) = owner(network, *source) {
                        kept[source] = true;
                    }
                }
            }
        }
    }
    let outputs = network.layers.iter().filter(|layer| kept[layer.index]).map(Layer::output_bytes);
    outputs.sum::<u64>() + own + network.input().bytes()
}

/// The layer whose values a layer reads: flatten hands its input on without a copy.
fn owner(network: &Graph, mut source: Source) -> Option<usize> {
    while let Source::Layer(index) = source {
        let layer = network.layers.get(index)?;
        if !matches!(layer.operation, Operation::Flatten) {
            return Some(index);
        }
        source = *layer.inputs.first()?;
    }
    None
}

/// What a training step on `batch` images takes.
pub fn training(network: &Graph, batch: u64, optimizer: OptimizerState) -> Training {
    training_beside(network, batch, optimizer, &[])
}

/// As [`training`], where some layers are frozen, by index: they have no gradients and no optimizer's state.
pub fn training_beside(network: &Graph, batch: u64, optimizer: OptimizerState, frozen: &[bool]) -> Training {
    let is_frozen = |layer: &&Layer| frozen.get(layer.index) == Some(&true);
    let still: u64 = network.layers.iter().filter(is_frozen).map(Layer::params).sum();
    let (parameters, learned) = (4 * network.totals.params, 4 * (network.totals.params - still));
    let gradients = liveness::gradient_peak_bytes(network, &liveness::learned(&network.layers, frozen));
    // What runs without a backward pass is let go as soon as nobody reads it, and is the most before anything is kept.
    let passing = match frozen.contains(&true) {
        true => liveness::peak_bytes(&network.layers, network.input()),
        false => 0,
    };
    Training {
        weights: parameters,
        gradients: learned,
        optimizer: learned * optimizer.per_parameter(),
        buffers: 4 * network.totals.buffers,
        activations: batch.saturating_mul(kept_bytes_beside(network, frozen)),
        activation_gradients: batch.saturating_mul(gradients.max(passing)),
    }
}

/// Bytes of Winograd's tiles, transformed and multiplied, that are held at once, with what else the kernels put in order.
const TILE_BYTES: u64 = 8 << 20;
/// Places of a tile's transform, of 3×3 and of 5×5 kernels.
const PLACES: u64 = 36;

/// What a training step's convolutions work in beside what [`training`] counts: the transformed weights of the largest 3×3 or 5×5 conv
/// with stride 1, or their gradients in the same form, one after the other; and tiles.
pub fn scratch(network: &Graph) -> u64 {
    let transformed = |layer: &Layer| match &layer.operation {
        Operation::Conv { window, groups: 1, .. }
            if window.stride == Pair::square(1) && window.dilation == Pair::square(1) =>
        {
            let Pair { height, width } = window.kernel;
            let is_tiled = height == width && [3, 5].contains(&height);
            if is_tiled { 4 * PLACES * (layer.weights / (height * width)) } else { 0 }
        }
        _ => 0,
    };
    let convs = network.layers.iter().filter(|layer| layer.is_conv());
    convs.map(transformed).max().map_or(0, |largest| largest + TILE_BYTES)
}

/// The largest mini-batch whose training step stays within `bytes`; 0 if not even one image does.
pub fn largest_batch(network: &Graph, bytes: u64, optimizer: OptimizerState) -> u64 {
    let fixed = training(network, 0, optimizer).total();
    let gradients = liveness::gradient_peak_bytes(network, &liveness::learned(&network.layers, &[]));
    let each = kept_bytes(network).saturating_add(gradients).max(1);
    bytes.saturating_sub(fixed) / each
}

/// Memory to run a mini-batch of `batch` images forward: parameters, buffers, the mini-batch itself, and the most values needed at
/// once.
pub fn inference(network: &Graph, batch: u64) -> u64 {
    let fixed = 4 * (network.totals.params + network.totals.buffers);
    let input = network.input();
    let each = input.bytes().saturating_add(liveness::peak_bytes(&network.layers, input));
    fixed.saturating_add(batch.saturating_mul(each))
}

/// FLOPs per byte of all layers together, each moving its own weights, inputs and output.
pub fn total_intensity(network: &Graph) -> f64 {
    let moved: u64 = network.layers.iter().map(|layer| network.bytes_moved(layer, 1)).sum();
    2.0 * network.totals.macs as f64 / moved.max(1) as f64
}

/// FLOPs (2·MACs) per byte that a layer moves for one image: its weights, inputs and output once each.
pub fn intensity(network: &Graph, layer: &Layer) -> f64 {
    2.0 * layer.macs as f64 / network.bytes_moved(layer, 1).max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph;
    use crate::spec::{Library, Origin};

    #[test]
    fn scratch_is_that_of_the_largest_tiled_conv() {
        let of = |layers: &str| {
            let text = format!("input: [16, 32, 32]\nlayers: [{layers}]\n");
            let loaded = Library::new(None).load_text(&Origin::File("net.yaml".into()), text, &[]).expect("sound");
            scratch(&graph::analyse(&loaded).expect("fits"))
        };
        assert_eq!(of("conv3-64, conv3-128, conv5-32, conv3-512/2"), TILE_BYTES + 4 * 36 * 128 * 64);
        assert_eq!(of("conv5-64, conv1-1024, dw3"), TILE_BYTES + 4 * 36 * 64 * 16);
        assert_eq!(of("conv1-64, dw3"), TILE_BYTES);
        assert_eq!(of("flatten, fc-10"), 0);
    }
}
