//! What-ifs on trained weights: as fewer bits would hold them, and without the smallest. Arithmetic stays in f32; the weights take
//! the values that the smaller format can hold.

use half::{bf16, f16};

use super::compiled::Compiled;
use super::parameters::Role;
use crate::graph::Operation;

/// A format for weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// IEEE 754's half precision: 10 bits of fraction, up to 65,504.
    F16,
    /// f32 without the lower half of its bits.
    Bf16,
    /// Whole numbers from −127 to 127 times a factor for each output channel: its largest weight over 127 (symmetric and per
    /// channel, as ONNX Runtime quantises weights).
    Int8,
}

impl Precision {
    pub const ALL: [Precision; 3] = [Precision::F16, Precision::Bf16, Precision::Int8];

    pub fn name(self) -> &'static str {
        match self {
            Precision::F16 => "f16",
            Precision::Bf16 => "bf16",
            Precision::Int8 => "int8",
        }
    }

    /// Bytes of a tensor of so many output channels with so many values each; what has one axis stays in f32 beside int8.
    pub fn bytes(self, channels: u64, each: u64) -> u64 {
        let values = channels.saturating_mul(each);
        match self {
            Precision::F16 | Precision::Bf16 => 2 * values,
            Precision::Int8 if each > 1 => values + 4 * channels,
            Precision::Int8 => 4 * values,
        }
    }

    /// The nearest values that the format holds, of one output channel. What is not finite stays.
    pub fn round(self, channel: &mut [f32]) {
        match self {
            Precision::F16 => channel.iter_mut().for_each(|value| *value = f16::from_f32(*value).to_f32()),
            Precision::Bf16 => channel.iter_mut().for_each(|value| *value = bf16::from_f32(*value).to_f32()),
            Precision::Int8 => {
                let largest =
                    channel.iter().filter(|value| value.is_finite()).fold(0f32, |most, own| most.max(own.abs()));
                let step = largest / 127.0;
                if step > 0.0 {
                    for value in channel.iter_mut().filter(|value| value.is_finite()) {
                        // Ties to even, as the processor's own conversion rounds.
                        *value = (*value / step).round_ties_even().clamp(-127.0, 127.0) * step;
                    }
                }
            }
        }
    }
}

/// What a change did to the weights of convs and linear layers.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Changed {
    /// Weights that were looked at: biases and normalisations are not.
    pub weights: u64,
    /// Those of them that are 0 now.
    pub zeros: u64,
    /// √(Σ(after − before)² / Σ before²).
    pub relative_error: f64,
}

impl Changed {
    /// This change made after `before`, which set weights to 0 that this one left there: their errors lie in different weights.
    pub fn after(self, before: Changed) -> Changed {
        let left = 1.0 - before.relative_error.powi(2);
        let relative_error = (before.relative_error.powi(2) + self.relative_error.powi(2) * left).sqrt();
        Changed { relative_error, ..self }
    }
}

/// Rounds the weights of convs and linear layers to what a format holds.
pub fn quantise(network: &mut Compiled, precision: Precision) -> Changed {
    change(network, |values, shape, layout| match layout {
        Layout::OutputsFirst => {
            let each = values.len() / shape[0].max(1);
            values.chunks_mut(each.max(1)).for_each(|channel| precision.round(channel));
        }
        Layout::InputsFirst { groups } => {
            // [in, out/groups, …]: an output channel of a group lies apart, over the inputs of that group alone.
            let (inputs, outputs, inside) = (shape[0], shape[1], shape[2..].iter().product::<usize>());
            let each = inputs / groups.max(1);
            let mut channel = Vec::with_capacity(each * inside);
            for (group, output) in (0..groups).flat_map(|group| (0..outputs).map(move |output| (group, output))) {
                let places = || {
                    (group * each..(group + 1) * each).flat_map(move |input| {
                        let start = (input * outputs + output) * inside;
                        start..start + inside
                    })
                };
                channel.clear();
                channel.extend(places().map(|at| values[at]));
                precision.round(&mut channel);
                places().zip(&channel).for_each(|(at, value)| values[at] = *value);
            }
        }
    })
}

/// Sets the smallest weights of convs and linear layers to 0, the given part of all of them together (by magnitude, as Han et al.
/// 2015 and PyTorch's `global_unstructured` with `L1Unstructured` do).
pub fn prune(network: &mut Compiled, part: f64) -> Changed {
    let mut counts = Counts::default();
    for index in prunable(network) {
        network.parameters[index].in_pytorchs_order().iter().for_each(|value| counts.first(*value));
    }
    let wanted = (part.clamp(0.0, 1.0) * counts.all as f64).round() as u64;
    counts.choose(wanted);
    for index in prunable(network) {
        network.parameters[index].in_pytorchs_order().iter().for_each(|value| counts.second(*value));
    }
    let (limit, mut at_limit) = counts.limit(wanted);
    change(network, |values, _, _| {
        for value in values {
            let size = magnitude(*value);
            // Of those as large as the limit the first go, as many as are wanted.
            let goes = size < limit || size == limit && at_limit > 0;
            if size == limit && at_limit > 0 {
                at_limit -= 1;
            }
            if goes {
                *value = 0.0;
            }
        }
    })
}

/// Magnitudes in the order of their size. What is no number is the largest of all.
fn magnitude(value: f32) -> u32 {
    value.to_bits() & 0x7fff_ffff
}

/// How many weights have which magnitude, without a copy of them: first by the upper half of the bits, then by the lower half
/// where the limit lies.
#[derive(Default)]
struct Counts {
    all: u64,
    upper: Vec<u64>,
    lower: Vec<u64>,
    chosen: u32,
    /// Weights of smaller upper halves than the chosen one.
    below: u64,
}

impl Counts {
    fn first(&mut self, value: f32) {
        self.upper.resize(1 << 15, 0);
        self.upper[(magnitude(value) >> 16) as usize] += 1;
        self.all += 1;
    }

    fn choose(&mut self, wanted: u64) {
        self.lower = vec![0; 1 << 16];
        for (half, count) in self.upper.iter().enumerate() {
            self.chosen = half as u32;
            if self.below + count >= wanted {
                break;
            }
            self.below += count;
        }
    }

    fn second(&mut self, value: f32) {
        let size = magnitude(value);
        if size >> 16 == self.chosen {
            self.lower[(size & 0xffff) as usize] += 1;
        }
    }

    /// The largest magnitude that goes, and how many of that size do.
    fn limit(&self, wanted: u64) -> (u32, u64) {
        let mut below = self.below;
        for (half, count) in self.lower.iter().enumerate() {
            if below + count >= wanted {
                return (self.chosen << 16 | half as u32, wanted - below);
            }
            below += count;
        }
        (self.chosen << 16 | 0xffff, wanted.saturating_sub(below))
    }
}

/// The places of the weights of convs and linear layers.
fn prunable(network: &Compiled) -> Vec<usize> {
    let has_weights = |layer: usize| network.layers[layer].has_weights();
    let all = network.parameters.iter().enumerate();
    all.filter(|(_, own)| own.role == Role::Weight && has_weights(own.layer)).map(|(index, _)| index).collect()
}

/// Where a weight's output channels are.
#[derive(Clone, Copy)]
enum Layout {
    OutputsFirst,
    /// Of a transposed conv.
    InputsFirst {
        groups: usize,
    },
}

/// Changes weights in PyTorch's order; the closure gets them with their shape and layout.
fn change(network: &mut Compiled, mut with: impl FnMut(&mut [f32], &[usize], Layout)) -> Changed {
    let mut changed = Changed::default();
    let (mut apart, mut all) = (0f64, 0f64);
    for index in prunable(network) {
        let parameter = &network.parameters[index];
        let layout = match network.layers[parameter.layer].operation {
            Operation::ConvTranspose { groups, .. } => Layout::InputsFirst { groups: groups as usize },
            _ => Layout::OutputsFirst,
        };
        let before = parameter.in_pytorchs_order().into_owned();
        let (shape, mut after) = (parameter.shape.clone(), before.clone());
        with(&mut after, &shape, layout);
        for (before, after) in before.iter().zip(&after) {
            apart += (f64::from(*after) - f64::from(*before)).powi(2);
            all += f64::from(*before).powi(2);
        }
        changed.weights += after.len() as u64;
        changed.zeros += after.iter().filter(|value| **value == 0.0).count() as u64;
        network.set_parameter(index, after);
    }
    network.parameters_changed();
    changed.relative_error = if all > 0.0 { (apart / all).sqrt() } else { 0.0 };
    changed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph;
    use crate::network::init::Init;
    use crate::spec::{Library, Origin};

    fn network() -> Compiled {
        let text = "input: [3, 8, 8]\nlayers: [conv3-4 relu, conv_transpose: {out: 4, kernel: 2, groups: 2}, flatten, linear: 3]\n";
        let loaded = Library::new(None).load_text(&Origin::File("a.yaml".into()), text.into(), &[]).expect("sound");
        Compiled::initialised(&graph::analyse(&loaded).expect("fits"), Init::Kaiming, 3)
    }

    fn weights(network: &Compiled) -> Vec<Vec<f32>> {
        prunable(network).iter().map(|index| network.parameters[*index].in_pytorchs_order().into_owned()).collect()
    }

    #[test]
    fn formats_hold_what_their_definitions_say() {
        let rounded = |precision: Precision, values: &[f32]| {
            let mut values = values.to_vec();
            precision.round(&mut values);
            values
        };
        // The nearest of 1 + k/1024 and of 1 + k/128; 65,520 is beyond f16.
        assert_eq!(rounded(Precision::F16, &[1.0 + 0.4 / 1024.0, 65_520.0]), [1.0, f32::INFINITY]);
        assert_eq!(rounded(Precision::Bf16, &[1.0 + 0.6 / 128.0]), [1.0 + 1.0 / 128.0]);
        // Steps of 2/127: 1 is 63.5 of them, and 64 is even.
        assert_eq!(rounded(Precision::Int8, &[2.0, 1.0, -2.0, 0.0]), [2.0, 64.0 * (2.0 / 127.0), -2.0, 0.0]);
        assert_eq!(rounded(Precision::Int8, &[0.0, 0.0]), [0.0, 0.0]);
        assert!(rounded(Precision::Int8, &[f32::NAN, 1.0])[0].is_nan());
        assert_eq!(Precision::Int8.bytes(64, 27), 64 * 27 + 4 * 64);
        assert_eq!(Precision::F16.bytes(64, 27), 2 * 64 * 27);
    }

    #[test]
    fn each_output_channel_has_its_own_step() {
        let (before, mut network) = (weights(&network()), network());
        let changed = quantise(&mut network, Precision::Int8);
        let after = weights(&network);
        assert_eq!(changed.weights, 3 * 4 * 9 + 4 * 2 * 4 + 3 * 4 * 16 * 16);
        assert!(changed.relative_error > 1e-4 && changed.relative_error < 0.01, "{changed:?}");
        for (before, after, channels) in [(&before[0], &after[0], 4), (&before[2], &after[2], 3)] {
            for (before, after) in before.chunks(before.len() / channels).zip(after.chunks(after.len() / channels)) {
                let step = before.iter().fold(0f32, |most, own| most.max(own.abs())) / 127.0;
                for (before, after) in before.iter().zip(after) {
                    assert!((before - after).abs() <= 0.5001 * step, "{before} {after}");
                    assert!((after / step - (after / step).round()).abs() < 1e-3);
                }
            }
        }
        // [4, 2, 2, 2] of a transposed conv in two groups: inputs 0 and 1 make the first two outputs, 2 and 3 the others.
        for (group, output) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            let own = |values: &[f32]| -> Vec<f32> {
                (2 * group..2 * group + 2).flat_map(|input| values[(input * 2 + output) * 4..][..4].to_vec()).collect()
            };
            let (before, after) = (own(&before[1]), own(&after[1]));
            let step = before.iter().fold(0f32, |most, own| most.max(own.abs())) / 127.0;
            assert!(before.iter().zip(&after).all(|(before, after)| (before - after).abs() <= 0.5001 * step));
            let largest = after.iter().fold(0f32, |most, own| most.max(own.abs()));
            assert!((largest / step - 127.0).abs() < 1e-3, "its own largest fills the range");
        }
    }

    #[test]
    fn the_smallest_weights_of_all_layers_go() {
        let before = weights(&network()).concat();
        for part in [0.0, 0.1, 0.5, 0.937, 1.0] {
            let mut network = network();
            let changed = prune(&mut network, part);
            let after = weights(&network).concat();
            let wanted = (part * before.len() as f64).round() as usize;
            assert_eq!(after.iter().filter(|value| **value == 0.0).count(), wanted, "{part}");
            assert_eq!(changed.zeros, wanted as u64);
            let gone = before.iter().zip(&after).filter(|(_, after)| **after == 0.0).map(|(before, _)| before.abs());
            let kept = before.iter().zip(&after).filter(|(_, after)| **after != 0.0);
            let smallest_kept = kept.clone().map(|(before, _)| before.abs()).fold(f32::INFINITY, f32::min);
            assert!(gone.fold(0f32, f32::max) <= smallest_kept);
            assert!(kept.clone().all(|(before, after)| before == after));
        }
    }
}
