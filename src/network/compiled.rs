//! The network that runs: a description's layers with their parameters, walked on dfdx tensors.

use std::ops::{ControlFlow, Range};
use std::sync::{Arc, OnceLock};

use dfdx::prelude::*;

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
use super::ops::conv::{ConvShape, conv};
use super::ops::dropout::dropout;
use super::ops::flatten::flatten;
use super::ops::linear::linear;
use super::ops::lrn::lrn;
use super::ops::maxpool::maxpool;
use super::ops::softmax::softmax;
use super::ops::tape::Wants;
use super::parameters::{Parameter, Role, Running, row, shapes_of};
use super::random::mix;
use crate::graph::{Graph, Layer, Operation, Shape, Source, Window};
use crate::spec::describe::{Activation, BatchNorm, Lrn};

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
    /// Whether no gradients of convs' and linears' parameters are worked out: only the input's are wanted.
    pub frozen: bool,
    /// Weights transformed for Winograd, by layer; made by the first evaluation and kept until parameters change.
    transforms: Vec<OnceLock<Arc<Transformed>>>,
    /// Whether all weights are finite, by layer; found out and kept likewise.
    finite: Vec<OnceLock<bool>>,
}

impl Compiled {
    /// Draws every parameter.
    pub fn initialised(network: &Graph, init: Init, seed: u64) -> Self {
        Self::filled(network, |index, layer, role, shape| {
            init::values(init, &layer.operation, role, shape, seed, index as u64)
        })
    }

    /// Every parameter 0, for a weights file to fill.
    pub(super) fn zeroed(network: &Graph) -> Self {
        Self::filled(network, |_, _, _, shape| vec![0.0; shape.iter().product()])
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
                let statistics = Statistics::new(layer.weights as usize);
                running.push(Running { layer: layer.index, name: layer.name.clone(), statistics });
            }
        }
        let transforms = vec![OnceLock::new(); network.layers.len()];
        let finite = vec![OnceLock::new(); network.layers.len()];
        let layers = network.layers.clone();
        Compiled { layers, parameters, running, device, conv_algorithm: None, steps, frozen: false, transforms, finite }
    }

    /// To be called when parameters have changed: what was worked out from them is forgotten.
    pub fn parameters_changed(&mut self) {
        self.transforms.iter_mut().for_each(|place| drop(place.take()));
        self.finite.iter_mut().for_each(|place| *place = OnceLock::new());
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
    /// With a tape, the first conv or linear layer works out its input's gradient only if `wants_input_gradient`.
    pub fn forward<T: Tape<f32, Cpu>>(
        &mut self,
        input: Values<T>,
        mode: Mode,
        wants_input_gradient: bool,
        after: impl FnMut(usize, &Values) -> ControlFlow<()>,
    ) -> Option<Values<T>> {
        self.walk(0..self.layers.len(), input, mode, wants_input_gradient, after)
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
        self.walk(0..end, input, mode, wants_input_gradient, after)
    }

    /// As [`Compiled::forward`] through some of the layers only: `input` is what the layer before the first of them gave.
    ///
    /// # Errors
    ///
    /// Where one of them reads what another layer before them gave, which then is not there.
    pub fn forward_between<T: Tape<f32, Cpu>>(
        &mut self,
        range: Range<usize>,
        input: Values<T>,
        mode: Mode,
        wants_input_gradient: bool,
        after: impl FnMut(usize, &Values) -> ControlFlow<()>,
    ) -> Result<Option<Values<T>>, CutError> {
        let given = range.start.checked_sub(1).map_or(Source::Input, Source::Layer);
        for layer in &self.layers[range.clone()] {
            let inside = |source: &Source| matches!(source, Source::Layer(from) if range.contains(from));
            if let Some(source) = layer.inputs.iter().find(|source| **source != given && !inside(source)) {
                let reads = match source {
                    Source::Layer(from) => self.layers[*from].name.clone(),
                    Source::Input => "the input".into(),
                };
                return Err(CutError { layer: layer.name.clone(), reads });
            }
        }
        Ok(self.walk(range, input, mode, wants_input_gradient, after))
    }

    /// Layers one after the other. What those of `range` read is `input`, or comes from one of them.
    fn walk<T: Tape<f32, Cpu>>(
        &mut self,
        range: Range<usize>,
        input: Values<T>,
        mode: Mode,
        wants_input_gradient: bool,
        mut after: impl FnMut(usize, &Values) -> ControlFlow<()>,
    ) -> Option<Values<T>> {
        let last_use = self.last_uses();
        let mut running = std::mem::take(&mut self.running);
        let (input, mut tape) = input.split_tape();
        let mut outputs: Vec<Option<Values>> = vec![None; self.layers.len()];
        let mut current = Some(input.clone());
        // Whether a layer's input depends on a parameter, so that its gradient leads somewhere.
        let mut wanted = vec![false; self.layers.len()];
        for index in range.clone() {
            let source = self.layers[index].inputs.first().copied().unwrap_or(Source::Input);
            let (input, wants) = match source {
                Source::Layer(from) if from >= range.start => {
                    (outputs[from].clone().expect("kept until its last reader"), wanted[from])
                }
                Source::Input | Source::Layer(_) => (input.clone(), wants_input_gradient),
            };
            if let Source::Layer(from) = source
                && last_use[from] == index
            {
                outputs[from] = None;
            }
            drop(current.take());
            let step = &self.steps[index];
            wanted[index] = wants || step.has_parameters() && !self.frozen;
            let extras = Extras {
                mode,
                wants: Wants { input: wants, parameters: !self.frozen },
                algorithm: self.conv_algorithm,
                transformed: (!T::OWNS_TAPE).then(|| &self.transforms[index]),
                finite: (!T::OWNS_TAPE).then(|| &self.finite[index]),
            };
            let output = apply(step, input.put_tape(tape), &self.parameters, &mut running, extras);
            let (output, new_tape) = output.split_tape();
            tape = new_tape;
            if after(index, &output).is_break() {
                self.running = running;
                return None;
            }
            outputs[index] = Some(output.clone());
            current = Some(output);
        }
        self.running = running;
        current.map(|output| output.put_tape(tape))
    }

    /// The index of the last layer that reads each layer's output.
    fn last_uses(&self) -> Vec<usize> {
        let mut last = vec![usize::MAX; self.layers.len()];
        for layer in &self.layers {
            for source in &layer.inputs {
                if let Source::Layer(from) = source {
                    last[*from] = layer.index;
                }
            }
        }
        last
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
    let (out_channels, out_height, out_width) = dims(layer.output);
    Some(ConvShape { window: *window, groups: *groups as usize, out_channels, out_height, out_width, algorithm })
}

/// A part of a network that cannot be run by itself.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{layer}` reads {reads}, so the network cannot be cut between them")]
pub struct CutError {
    pub layer: String,
    pub reads: String,
}

/// What a layer does, with all that it needs for it: parameters and running statistics by their places, sizes. A layer with
/// parameters that are not there cannot be said.
#[derive(Debug, Clone)]
enum Step {
    Conv { weight: usize, bias: Option<usize>, shape: ConvShape },
    Linear { weight: usize, bias: Option<usize>, out: usize },
    BatchNorm { weight: usize, bias: usize, running: usize, norm: BatchNorm },
    MaxPool { window: Window, out: (usize, usize) },
    AvgPool { window: Window, out: (usize, usize) },
    AdaptiveAvgPool { out: (usize, usize) },
    Flatten,
    Softmax,
    Lrn(Lrn),
    Dropout { p: f64, layer: u64 },
    Activation(Activation),
}

impl Step {
    /// What a layer does whose parameters come from `parameter` on, in the order of [`shapes_of`], and its running statistics
    /// at `running`.
    fn of(layer: &Layer, parameter: usize, running: usize) -> Step {
        let (channels, rows, columns) = dims(layer.output);
        let (weight, out) = (parameter, (rows, columns));
        let bias = (layer.biases > 0).then_some(parameter + 1);
        match &layer.operation {
            Operation::Conv { window, groups, .. } => {
                let (window, groups) = (*window, *groups as usize);
                let (out_channels, out_height, out_width) = (channels, rows, columns);
                let shape = ConvShape { window, groups, out_channels, out_height, out_width, algorithm: None };
                Step::Conv { weight, bias, shape }
            }
            Operation::Linear { .. } => Step::Linear { weight, bias, out: channels },
            Operation::BatchNorm(norm) => Step::BatchNorm { weight, bias: parameter + 1, running, norm: *norm },
            Operation::MaxPool { window, .. } => Step::MaxPool { window: *window, out },
            Operation::AvgPool { window, .. } => Step::AvgPool { window: *window, out },
            Operation::AdaptiveAvgPool | Operation::GlobalAvgPool => Step::AdaptiveAvgPool { out },
            Operation::Flatten => Step::Flatten,
            Operation::Softmax => Step::Softmax,
            Operation::Lrn(settings) => Step::Lrn(*settings),
            Operation::Dropout { p } => Step::Dropout { p: *p, layer: layer.index as u64 },
            Operation::Activation(activation) => Step::Activation(*activation),
        }
    }

    fn has_parameters(&self) -> bool {
        matches!(self, Step::Conv { .. } | Step::Linear { .. } | Step::BatchNorm { .. })
    }
}

/// What a layer needs to know beside its input and parameters.
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
    input: Values<T>,
    parameters: &[Parameter],
    running: &mut [Running],
    extras: Extras,
) -> Values<T> {
    let Extras { mode, wants, algorithm, transformed, finite } = extras;
    let row = |index: usize| &parameters[index].values;
    match *step {
        Step::Conv { weight, bias, shape } => {
            conv(input, row(weight), bias.map(row), &ConvShape { algorithm, ..shape }, wants, transformed)
        }
        Step::Linear { weight, bias, out } => linear(input, row(weight), bias.map(row), out, wants, finite),
        Step::BatchNorm { weight, bias, running: at, norm } => {
            let momentum = matches!(mode, Mode::Train { .. }).then_some(norm.momentum);
            batch_norm(input, (row(weight), row(bias)), &mut running[at].statistics, norm.eps, momentum)
        }
        Step::MaxPool { window, out } => maxpool(input, window, out),
        Step::AvgPool { window, out } => avgpool(input, window, out),
        Step::AdaptiveAvgPool { out } => adaptive_avgpool(input, out),
        Step::Flatten => flatten(input),
        Step::Softmax => softmax(input),
        Step::Lrn(settings) => lrn(input, settings),
        Step::Dropout { p, layer } => match mode {
            Mode::Train { dropout_seed: Some(seed) } if p > 0.0 => dropout(input, p, mix(seed, layer)),
            _ => input,
        },
        Step::Activation(activation) => activate(input, activation),
    }
}
