//! The network that runs: a description's layers with their parameters, walked on dfdx tensors.

use std::ops::{ControlFlow, Range};
use std::sync::{Arc, OnceLock};

use dfdx::prelude::*;

use super::fold::{self, Folded};
use super::init::{self, Init};
use super::kernels::conv::Algorithm;
use super::kernels::heap::keep_memory;
use super::kernels::view;
use super::kernels::winograd::Transformed;
use super::ops::Values;
use super::ops::activation::activate;
use super::ops::adaptive_avgpool::adaptive_avgpool;
use super::ops::avgpool::avgpool;
use super::ops::batch_norm::{Statistics, batch_norm};
use super::ops::channels::{channel_shuffle, pad_channels, slice};
use super::ops::conv::{ConvShape, conv};
use super::ops::conv_transpose::conv_transpose;
use super::ops::dropout::dropout;
use super::ops::flatten::flatten;
use super::ops::group_norm::{Over, group_norm};
use super::ops::join::{add, concat, multiply};
use super::ops::linear::linear;
use super::ops::lrn::lrn;
use super::ops::maxpool::maxpool;
use super::ops::scale::{prelu, scale};
use super::ops::softmax::softmax;
use super::ops::tape::Wants;
use super::ops::upsample::upsample;
use super::parameters::{Parameter, Role, Running, row, shapes_of};
use super::random::mix;
use crate::graph::{Graph, Layer, Operation, Shape, Source, Window, liveness};
use crate::spec::describe::{Activation, BatchNorm, Lrn, Norm, UpsampleMode};

/// Whether dropout drops and batch norms use the mini-batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Evaluate,
    /// `dropout_seed` says what is dropped: the same seed, the same values. `None` drops nothing.
    Train {
        dropout_seed: Option<u64>,
    },
}

/// A network with parameters. Its layers are those of the [`Graph`] it was compiled from.
#[derive(Clone)]
pub struct Compiled {
    pub layers: Vec<Layer>,
    /// Weight, then bias, layer by layer.
    pub parameters: Vec<Parameter>,
    pub running: Vec<Running>,
    pub device: Cpu,
    /// How convolutions are computed; each the cheapest way without it.
    pub conv_algorithm: Option<Algorithm>,
    /// What each layer does, with the places of its parameters.
    steps: Vec<Step>,
    /// Layers whose parameters and statistics stay as they are, by layer: no gradient of theirs is worked out, and batch norms take
    /// their running statistics.
    pub frozen: Vec<bool>,
    /// Weights transformed for Winograd, by layer; made by the first evaluation and kept until parameters change.
    transforms: Vec<OnceLock<Arc<Transformed>>>,
    /// Whether all weights are finite, by layer; found out and kept likewise.
    finite: Vec<OnceLock<bool>>,
    /// For each conv the batch norm that can be folded into it.
    norm_behind: Vec<Option<usize>>,
    /// Convs with those in them, by layer; made and kept likewise.
    folded: Vec<OnceLock<Folded>>,
}

impl Compiled {
    /// Draws every parameter.
    pub fn initialised(network: &Graph, init: Init, seed: u64) -> Self {
        Self::filled(network, |index, layer, role, shape| {
            init::values(init, &layer.operation, role, shape, seed, index as u64)
        })
    }

    /// Every parameter 0, for a weights file to fill.
    pub fn zeroed(network: &Graph) -> Self {
        Self::filled(network, |_, _, _, shape| vec![0.0; shape.iter().product()])
    }

    /// Puts values, in PyTorch's order, in the place of a parameter's. For a network that has not run yet.
    pub fn set_parameter(&mut self, index: usize, values: Vec<f32>) {
        let parameter = &mut self.parameters[index];
        let values = match parameter.transposed {
            true => {
                let (outputs, inputs) = (parameter.shape[0], parameter.shape[1]);
                let turned = (0..inputs).flat_map(|input| (0..outputs).map(move |output| output * inputs + input));
                turned.map(|at| values[at]).collect()
            }
            false => values,
        };
        parameter.values = row(&self.device, values);
    }

    fn filled(network: &Graph, values: impl Fn(usize, &Layer, Role, &[usize]) -> Vec<f32>) -> Self {
        keep_memory();
        let device = Cpu::default();
        // Freed buffers go back to the system: dfdx's cache would keep every intermediate of the largest run.
        device.disable_cache();
        let mut parameters: Vec<Parameter> = Vec::new();
        let mut running = Vec::new();
        let mut steps = Vec::new();
        for layer in &network.layers {
            steps.push(Step::of(layer, parameters.len(), running.len()));
            for (role, shape) in shapes_of(layer) {
                parameters.push(Parameter {
                    layer: layer.index,
                    role,
                    name: format!("{}.{}", layer.name, role.name()),
                    values: row(&device, values(parameters.len(), layer, role, &shape)),
                    transposed: shape.len() == 2,
                    shape,
                });
            }
            if layer.buffers > 0 {
                let statistics = Statistics::new(layer.buffers as usize / 2);
                running.push(Running { layer: layer.index, name: layer.name.clone(), statistics });
            }
        }
        let transforms = vec![OnceLock::new(); network.layers.len()];
        let finite = vec![OnceLock::new(); network.layers.len()];
        let layers = network.layers.clone();
        let norm_behind = fold::pairs(&layers);
        let folded = vec![OnceLock::new(); layers.len()];
        Compiled {
            layers,
            parameters,
            running,
            device,
            conv_algorithm: None,
            steps,
            frozen: vec![false; network.layers.len()],
            transforms,
            finite,
            norm_behind,
            folded,
        }
    }

    /// To be called when parameters have changed: what was worked out from them is forgotten.
    pub fn parameters_changed(&mut self) {
        for index in (0..self.layers.len()).filter(|&index| !self.frozen[index]) {
            self.transforms[index].take();
            self.finite[index].take();
            self.folded[index].take();
        }
    }

    /// Whether a parameter is learned: its layer is not frozen.
    pub fn learns(&self, parameter: &Parameter) -> bool {
        !self.frozen[parameter.layer]
    }

    /// How a conv layer is computed for a mini-batch of `images`.
    pub fn algorithm_of(&self, layer: &Layer, images: usize) -> Option<Algorithm> {
        let (channels, height, width) = dims(layer.input);
        let shape = conv_shape(layer, self.conv_algorithm)?;
        Some(shape.over((images, channels, height, width)).algorithm(self.conv_algorithm))
    }

    /// Channels, rows and columns of the input.
    pub fn input_dims(&self) -> (usize, usize, usize) {
        self.layers.first().map_or((0, 0, 0), |layer| dims(layer.input))
    }

    /// Classes, or values of whatever the last layer gives, of one image.
    pub fn outputs(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.output.elements() as usize)
    }

    /// A mini-batch from values in the order [N, C, H, W].
    pub fn batch(&self, values: Vec<f32>) -> Values {
        let (channels, height, width) = self.input_dims();
        let images = values.len() / (channels * height * width).max(1);
        view::tensor(&self.device, values, (images, channels, height, width))
    }

    /// Runs every layer. `after` sees each output as it is made and may end the run, which then gives `None`.
    ///
    /// With a tape, a layer that nothing learned lies before works out its input's gradient only if `wants_input_gradient`.
    pub fn forward<T: Tape<f32, Cpu>>(
        &mut self,
        input: Values<T>,
        mode: Mode,
        wants_input_gradient: bool,
        after: impl FnMut(usize, &Values) -> ControlFlow<()>,
    ) -> Option<Values<T>> {
        self.forward_to(self.layers.len(), input, mode, wants_input_gradient, after)
    }

    /// What the network gives in evaluation, faster than by [`Compiled::forward`]: batch norms are folded into the convs before
    /// them, so what lies between is not there to be seen, and values differ by rounding.
    pub fn predict(&mut self, input: Values) -> Option<Values> {
        let last = self.layers.len().checked_sub(1)?;
        let mut given = Given { folds: true, ..Given::new(input, self.layers.len(), false) };
        self.walk(0..last + 1, &mut given, NoneTape, Mode::Evaluate, |_, _| ControlFlow::Continue(()))?;
        given.outputs[last].take()
    }

    /// As [`Compiled::forward`] through the layers before `end` only.
    pub fn forward_to<T: Tape<f32, Cpu>>(
        &mut self,
        end: usize,
        input: Values<T>,
        mode: Mode,
        wants_input_gradient: bool,
        after: impl FnMut(usize, &Values) -> ControlFlow<()>,
    ) -> Option<Values<T>> {
        let (input, tape) = input.split_tape();
        let Some(last) = end.checked_sub(1) else { return Some(input.put_tape(tape)) };
        let mut given = Given::new(input, self.layers.len(), wants_input_gradient);
        let tape = self.walk(0..end, &mut given, tape, mode, after)?;
        Some(given.outputs[last].take()?.put_tape(tape))
    }

    /// As [`Compiled::forward_to`], with a tape that begins behind layer `from`: what that layer gave, and what the layers before
    /// `end` made of it. Gradients lead back to it, over all ways, and no further.
    pub fn forward_from(
        &mut self,
        from: usize,
        end: usize,
        input: Values,
        mode: Mode,
        mut after: impl FnMut(usize, &Values) -> ControlFlow<()>,
    ) -> Option<(Values, Values<OwnedTape<f32, Cpu>>)> {
        let mut given = Given::new(input, self.layers.len(), false);
        self.walk(0..from + 1, &mut given, NoneTape, mode, &mut after)?;
        let start = given.outputs[from].clone()?;
        let (_, tape) = start.leaky_trace().split_tape();
        given.wanted[from] = true;
        if end <= from + 1 {
            return Some((start.clone(), start.put_tape(tape)));
        }
        let tape = self.walk(from + 1..end, &mut given, tape, mode, &mut after)?;
        Some((start, given.outputs[end - 1].take()?.put_tape(tape)))
    }

    /// Layers one after the other, from what is given on. What no later layer reads is let go, except what the last of them gives.
    fn walk<T: Tape<f32, Cpu>>(
        &mut self,
        range: Range<usize>,
        given: &mut Given,
        mut tape: T,
        mode: Mode,
        mut after: impl FnMut(usize, &Values) -> ControlFlow<()>,
    ) -> Option<T> {
        let (last_use, _) = liveness::last_uses(&self.layers);
        let mut running = std::mem::take(&mut self.running);
        for index in range.clone() {
            let layer = &self.layers[index];
            let (mut reads, mut wants) = (Vec::with_capacity(layer.inputs.len()), false);
            for source in &layer.inputs {
                match source {
                    Source::Layer(from) => {
                        wants |= given.wanted[*from];
                        reads.push(given.outputs[*from].clone().expect("kept until its last reader"));
                    }
                    Source::Input => {
                        wants |= given.wants_input_gradient;
                        reads.push(given.input.clone());
                    }
                }
            }
            // What nobody reads again may be changed in place.
            for source in &layer.inputs {
                if let Source::Layer(from) = source
                    && last_use[*from] == index
                {
                    given.outputs[*from] = None;
                }
            }
            let (step, frozen) = (&self.steps[index], self.frozen[index]);
            given.wanted[index] = wants || step.has_parameters() && !frozen;
            // Of what no gradient is wanted nothing is recorded, and nothing kept.
            let records = T::OWNS_TAPE && given.wanted[index];
            let extras = Extras {
                mode: if frozen { Mode::Evaluate } else { mode },
                wants: Wants { input: wants, parameters: !frozen },
                algorithm: self.conv_algorithm,
                transformed: (!records).then(|| &self.transforms[index]),
                finite: (!records).then(|| &self.finite[index]),
            };
            if T::OWNS_TAPE && !records {
                let output = apply(step, reads, NoneTape, &self.parameters, &mut running, extras);
                if after(index, &output).is_break() {
                    self.running = running;
                    return None;
                }
                given.outputs[index] = Some(output);
                continue;
            }
            let norm = self.norm_behind[index].filter(|_| given.folds);
            let output = match (step, norm.map(|norm| &self.steps[norm])) {
                (Step::Conv { weight, bias, shape }, Some(Step::BatchNorm { affine, running: at, norm, .. })) => {
                    let row = |index: usize| &self.parameters[index].values;
                    let folded = self.folded[index].get_or_init(|| {
                        let affine = affine.map(|(gamma, beta)| (row(gamma), row(beta)));
                        fold::fold(
                            &self.device,
                            row(*weight),
                            bias.map(row),
                            affine,
                            &running[*at].statistics,
                            norm.eps,
                        )
                    });
                    let shape = ConvShape { algorithm: self.conv_algorithm, ..*shape };
                    let (input, bias) = (reads.swap_remove(0).put_tape(tape), Some(&folded.bias));
                    conv(input, &folded.weight, bias, &shape, extras.wants, Some(&folded.transformed))
                }
                (Step::BatchNorm { .. }, _) if given.folds && self.is_folded(index) => {
                    reads.swap_remove(0).put_tape(tape)
                }
                _ => apply(step, reads, tape, &self.parameters, &mut running, extras),
            };
            let (output, new_tape) = output.split_tape();
            tape = new_tape;
            if after(index, &output).is_break() {
                self.running = running;
                return None;
            }
            given.outputs[index] = Some(output);
        }
        self.running = running;
        Some(tape)
    }
}

impl Compiled {
    /// Whether a batch norm is folded into the conv before it.
    fn is_folded(&self, norm: usize) -> bool {
        let reads = self.layers[norm].inputs.first();
        matches!(reads, Some(Source::Layer(conv)) if self.norm_behind[*conv] == Some(norm))
    }
}

/// What layers may read: the network's input and the outputs of the layers before, as far as a later one reads them.
struct Given {
    input: Values,
    wants_input_gradient: bool,
    outputs: Vec<Option<Values>>,
    /// Whether a layer's output depends on what a gradient is wanted of.
    wanted: Vec<bool>,
    /// Whether batch norms are folded into convs.
    folds: bool,
}

impl Given {
    fn new(input: Values, layers: usize, wants_input_gradient: bool) -> Self {
        let (outputs, wanted) = (vec![None; layers], vec![false; layers]);
        Given { input, wants_input_gradient, outputs, wanted, folds: false }
    }
}

/// Channels, rows and columns; flat features are channels of a 1×1 map.
pub(super) fn dims(shape: Shape) -> (usize, usize, usize) {
    match shape {
        Shape::Map { channels, height, width } => (channels as usize, height as usize, width as usize),
        Shape::Flat(features) => (features as usize, 1, 1),
    }
}

fn conv_shape(layer: &Layer, algorithm: Option<Algorithm>) -> Option<ConvShape> {
    let Operation::Conv { window, groups, .. } = &layer.operation else { return None };
    Some(ConvShape { algorithm, ..shape_of(layer, *window, *groups) })
}

fn shape_of(layer: &Layer, window: Window, groups: u64) -> ConvShape {
    let (out_channels, out_height, out_width) = dims(layer.output);
    ConvShape { window, groups: groups as usize, out_channels, out_height, out_width, algorithm: None }
}

/// What a layer does, with all that it needs for it: parameters and running statistics by their places, sizes. A layer with
/// parameters that are not there cannot be said.
#[derive(Debug, Clone)]
enum Step {
    Conv {
        weight: usize,
        bias: Option<usize>,
        shape: ConvShape,
    },
    ConvTranspose {
        weight: usize,
        bias: Option<usize>,
        shape: ConvShape,
    },
    Linear {
        weight: usize,
        bias: Option<usize>,
        out: usize,
    },
    /// γ and β are absent where it is not affine.
    BatchNorm {
        affine: Option<(usize, usize)>,
        running: usize,
        norm: BatchNorm,
        channels: usize,
    },
    GroupNorm {
        affine: Option<(usize, usize)>,
        over: Over,
        eps: f64,
    },
    Lrn(Lrn),
    Scale {
        factors: usize,
    },
    Prelu {
        slopes: usize,
    },
    MaxPool {
        window: Window,
        out: (usize, usize),
    },
    AvgPool {
        window: Window,
        out: (usize, usize),
        counts_padding: bool,
    },
    AdaptiveAvgPool {
        out: (usize, usize),
    },
    Upsample {
        out: (usize, usize),
        mode: UpsampleMode,
    },
    ChannelShuffle {
        groups: usize,
    },
    Slice {
        first: usize,
        channels: usize,
    },
    PadChannels {
        out: (usize, usize, usize),
        stride: (usize, usize),
        before: usize,
    },
    Flatten,
    Softmax,
    Dropout {
        p: f64,
        layer: u64,
    },
    Activation(Activation),
    Add,
    Concat,
    Multiply,
}

impl Step {
    /// What a layer does whose parameters come from `parameter` on, in the order of [`shapes_of`], and its running statistics
    /// at `running`.
    fn of(layer: &Layer, parameter: usize, running: usize) -> Step {
        let (channels, rows, columns) = dims(layer.output);
        let (weight, out) = (parameter, (rows, columns));
        let bias = (layer.biases > 0).then_some(parameter + 1);
        let affine = bias.map(|bias| (weight, bias));
        match &layer.operation {
            Operation::Conv { window, groups, .. } => {
                Step::Conv { weight, bias, shape: shape_of(layer, *window, *groups) }
            }
            Operation::ConvTranspose { window, groups, .. } => {
                Step::ConvTranspose { weight, bias, shape: shape_of(layer, *window, *groups) }
            }
            Operation::Linear { .. } => Step::Linear { weight, bias, out: channels },
            Operation::Norm(Norm::Batch(norm)) => Step::BatchNorm { affine, running, norm: *norm, channels },
            Operation::Norm(Norm::Group { groups, eps }) => {
                Step::GroupNorm { affine, over: Over::Groups(*groups as usize), eps: *eps }
            }
            Operation::Norm(Norm::Instance { eps, .. }) => {
                Step::GroupNorm { affine, over: Over::Groups(channels), eps: *eps }
            }
            Operation::Norm(Norm::Layer { eps }) => Step::GroupNorm { affine, over: Over::Channels, eps: *eps },
            Operation::Norm(Norm::Lrn(settings)) => Step::Lrn(*settings),
            Operation::Scale { .. } => Step::Scale { factors: parameter },
            Operation::Prelu { .. } => Step::Prelu { slopes: parameter },
            Operation::MaxPool { window, .. } => Step::MaxPool { window: *window, out },
            Operation::AvgPool { window, counts_padding, .. } => {
                Step::AvgPool { window: *window, out, counts_padding: *counts_padding }
            }
            Operation::AdaptiveAvgPool | Operation::GlobalAvgPool => Step::AdaptiveAvgPool { out },
            Operation::Upsample { mode, .. } => Step::Upsample { out, mode: *mode },
            Operation::ChannelShuffle { groups } => Step::ChannelShuffle { groups: *groups as usize },
            Operation::Slice { first } => Step::Slice { first: *first as usize, channels },
            Operation::PadChannels { stride, before } => Step::PadChannels {
                out: (channels, rows, columns),
                stride: (stride.height as usize, stride.width as usize),
                before: *before as usize,
            },
            Operation::Flatten => Step::Flatten,
            Operation::Softmax => Step::Softmax,
            Operation::Dropout { p } => Step::Dropout { p: *p, layer: layer.index as u64 },
            Operation::Activation(activation) => Step::Activation(*activation),
            Operation::Add => Step::Add,
            Operation::Concat => Step::Concat,
            Operation::Multiply => Step::Multiply,
        }
    }

    fn has_parameters(&self) -> bool {
        match self {
            Step::Conv { .. }
            | Step::ConvTranspose { .. }
            | Step::Linear { .. }
            | Step::Scale { .. }
            | Step::Prelu { .. } => true,
            Step::BatchNorm { affine, .. } | Step::GroupNorm { affine, .. } => affine.is_some(),
            _ => false,
        }
    }
}

/// What a layer needs to know beside its inputs and parameters.
#[derive(Clone, Copy)]
struct Extras<'a> {
    mode: Mode,
    wants: Wants,
    algorithm: Option<Algorithm>,
    transformed: Option<&'a OnceLock<Arc<Transformed>>>,
    finite: Option<&'a OnceLock<bool>>,
}

fn apply<T: Tape<f32, Cpu>>(
    step: &Step,
    mut inputs: Vec<Values>,
    tape: T,
    parameters: &[Parameter],
    running: &mut [Running],
    extras: Extras,
) -> Values<T> {
    match step {
        Step::Add => return add(inputs, tape),
        Step::Concat => return concat(inputs, tape),
        Step::Multiply => return multiply(inputs, tape),
        _ => {}
    }
    let input = inputs.swap_remove(0).put_tape(tape);
    let Extras { mode, wants, algorithm, transformed, finite } = extras;
    let row = |index: usize| &parameters[index].values;
    match *step {
        Step::Conv { weight, bias, shape } => {
            conv(input, row(weight), bias.map(row), &ConvShape { algorithm, ..shape }, wants, transformed)
        }
        Step::ConvTranspose { weight, bias, shape } => {
            conv_transpose(input, row(weight), bias.map(row), &ConvShape { algorithm, ..shape }, wants)
        }
        Step::Linear { weight, bias, out } => linear(input, row(weight), bias.map(row), out, wants, finite),
        Step::BatchNorm { affine, running: at, norm, channels } => {
            let momentum = matches!(mode, Mode::Train { .. }).then_some(norm.momentum);
            let statistics = &mut running[at].statistics;
            match affine {
                Some((gamma, beta)) => {
                    let affine = (row(gamma), row(beta));
                    batch_norm(input, affine, statistics, norm.eps, momentum, wants.parameters)
                }
                None => {
                    let constant = |value: f32| super::parameters::row(input.device(), vec![value; channels]);
                    let (gamma, beta) = (constant(1.0), constant(0.0));
                    batch_norm(input, (&gamma, &beta), statistics, norm.eps, momentum, false)
                }
            }
        }
        Step::GroupNorm { affine, over, eps } => {
            let affine = affine.map(|(gamma, beta)| (row(gamma), row(beta)));
            group_norm(input, affine, over, eps, wants.parameters)
        }
        Step::Lrn(settings) => lrn(input, settings),
        Step::Scale { factors } => scale(input, row(factors), wants.parameters),
        Step::Prelu { slopes } => prelu(input, row(slopes), wants.parameters),
        Step::MaxPool { window, out } => maxpool(input, window, out),
        Step::AvgPool { window, out, counts_padding } => avgpool(input, window, out, counts_padding),
        Step::AdaptiveAvgPool { out } => adaptive_avgpool(input, out),
        Step::Upsample { out, mode } => upsample(input, out, mode),
        Step::ChannelShuffle { groups } => channel_shuffle(input, groups),
        Step::Slice { first, channels } => slice(input, first, channels),
        Step::PadChannels { out, stride, before } => pad_channels(input, out, stride, before),
        Step::Flatten => flatten(input),
        Step::Softmax => softmax(input),
        Step::Dropout { p, layer } => match mode {
            Mode::Train { dropout_seed: Some(seed) } if p > 0.0 => dropout(input, p, mix(seed, layer)),
            _ => input,
        },
        Step::Activation(activation) => activate(input, activation),
        // Done above.
        Step::Add | Step::Concat | Step::Multiply => input,
    }
}
