//! Which values are needed at once, and which lead to the output.

use super::layer::{Layer, Source};
use super::{Graph, Operation, Shape};

/// The index of the last layer that reads each layer's output, and of the last that reads the input. What nobody reads is needed
/// when it is made.
pub fn last_uses(layers: &[Layer]) -> (Vec<usize>, usize) {
    let mut last: Vec<usize> = (0..layers.len()).collect();
    let mut of_input = 0;
    for layer in layers {
        for source in &layer.inputs {
            match source {
                Source::Layer(from) => last[*from] = layer.index,
                Source::Input => of_input = layer.index,
            }
        }
    }
    (last, of_input)
}

/// Most bytes of one image that are needed at once while the layers run one after the other: what is made, what is read, and what
/// a later layer will read.
pub fn peak_bytes(layers: &[Layer], input: Shape) -> u64 {
    let (last, of_input) = last_uses(layers);
    let mut live = input.bytes();
    let mut peak = live;
    // What is freed behind each layer.
    let mut freed: Vec<Vec<u64>> = vec![Vec::new(); layers.len()];
    if let Some(freed) = freed.get_mut(of_input) {
        freed.push(input.bytes());
    }
    for layer in layers {
        freed[last[layer.index]].push(layer.output_bytes());
    }
    for layer in layers {
        live = live.saturating_add(layer.output_bytes());
        peak = peak.max(live);
        for bytes in &freed[layer.index] {
            live = live.saturating_sub(*bytes);
        }
    }
    peak
}

/// Whether the backward pass goes through each layer: it is learned, or what it reads depends on a layer that is. `frozen` are the
/// layers that are not learned.
pub fn learned(layers: &[Layer], frozen: &[bool]) -> Vec<bool> {
    let mut learned = vec![false; layers.len()];
    for layer in layers {
        let reads = |source: &Source| matches!(source, Source::Layer(from) if learned[*from]);
        let is_frozen = frozen.get(layer.index).copied().unwrap_or(false);
        learned[layer.index] = layer.params() > 0 && !is_frozen || layer.inputs.iter().any(reads);
    }
    learned
}

/// Most bytes of gradients with respect to values of one image that the backward pass holds at once. A value's gradient is there
/// from the last layer that reads it until the one that made it is done. `learned` says through which layers it goes.
pub fn gradient_peak_bytes(graph: &Graph, learned: &[bool]) -> u64 {
    let layers = &graph.layers;
    let bytes = |source: Source| graph.shape_of(source).bytes();
    let mut held: std::collections::HashMap<Source, u64> = std::collections::HashMap::new();
    let (mut live, mut peak) = (0u64, 0u64);
    let needs = |source: &Source| matches!(source, Source::Layer(from) if learned[*from]);
    for layer in layers.iter().rev().filter(|layer| learned[layer.index]) {
        let own = Source::Layer(layer.index);
        for source in std::iter::once(own).chain(layer.inputs.iter().copied().filter(needs)) {
            held.entry(source).or_insert_with(|| {
                live = live.saturating_add(bytes(source));
                bytes(source)
            });
        }
        peak = peak.max(live);
        live = live.saturating_sub(held.remove(&own).unwrap_or(0));
    }
    peak
}

/// Whether each layer's values reach the output other than through a gate.
pub fn main_path(layers: &[Layer]) -> Vec<bool> {
    let mut reached = vec![false; layers.len()];
    if let Some(last) = reached.last_mut() {
        *last = true;
    }
    for layer in layers.iter().rev() {
        if !reached[layer.index] {
            continue;
        }
        let inputs = match layer.operation {
            Operation::Multiply => &layer.inputs[..1],
            _ => &layer.inputs[..],
        };
        for source in inputs {
            if let Source::Layer(index) = source {
                reached[*index] = true;
            }
        }
    }
    reached
}
