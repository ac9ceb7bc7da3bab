//! The network that runs: a description's layers with their parameters, walked on dfdx tensors.

use std::ops::{ControlFlow, Range};
use std::sync::{Arc, OnceLock};

use dfdx::prelude::*;

use super::init::{self, Init};
use super::kernels::conv::Algorithm;
use super::kernels::heap::keep_memory;
use super::kernels::winograd::Transformed;
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
use super::ops::{Row, Values};
use super::parameters::{Parameter, Role, Running, row, shapes_of};
use super::random::mix;
use crate::model::{Layer, Network, Operation, Shape, Source};

/// Whether dropout drops and batch norms use the mini-batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Evaluate,
    /// `dropout_seed` says what is dropped: the same seed, the same values. `None` drops nothing.
    Train {
        dropout_seed: Option<u64>,
    },
}

/// A network with parameters. Its layers are those of the [`Network`] it was compiled from.
#[derive(Clone)]
pub struct Compiled {
    pub layers: Vec<Layer>,
    /// Weight, then bias, layer by layer.
    pub parameters: Vec<Parameter>,
    pub running: Vec<Running>,
    pub device: Cpu,
    /// How convolutions are computed; each the cheapest way without it.
    pub conv_algorithm: Option<Algorithm>,
    /// Whether no gradients of convs' and linears' parameters are worked out: only the input's are wanted.
    pub frozen: bool,
    /// Weights transformed for Winograd, by layer; made by the first evaluation and kept until parameters change.
    transforms: Vec<OnceLock<Arc<Transformed>>>,
    /// Whether all weights are finite, by layer; found out and kept likewise.
    finite: Vec<OnceLock<bool>>,
}

impl Compiled {
    /// Draws every parameter.
    pub fn initialised(network: &Network, init: Init, seed: u64) -> Self {
        Self::filled(network, |index, layer, role, shape| {
            init::values(init, &layer.operation, role, shape, seed, index as u64)
        })
    }

    /// Every parameter 0, for a weights file to fill.
    pub(super) fn zeroed(network: &Network) -> Self {
        Self::filled(network, |_, _, _, shape| vec![0.0; shape.iter().product()])
    }

    fn filled(network: &Network, values: impl Fn(usize, &Layer, Role, &[usize]) -> Vec<f32>) -> Self {
        keep_memory();
        let device = Cpu::default();
        // Freed buffers go back to the system: dfdx's cache would keep every intermediate of the largest run.
        device.disable_cache();
        let mut parameters = Vec::new();
        let mut running = Vec::new();
        for layer in &network.layers {
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
        Compiled { layers, parameters, running, device, conv_algorithm: None, frozen: false, transforms, finite }
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
        self.device.tensor_from_vec(values, (images, channels, height, width))
    }

    fn parameters_of(&self, layer: usize) -> (Option<&Row>, Option<&Row>) {
        let of = |role| {
            let index = self.parameters.partition_point(|parameter| parameter.layer < layer);
            let own = self.parameters[index..].iter().take_while(|parameter| parameter.layer == layer);
            own.into_iter().find(|parameter| parameter.role == role).map(|parameter| &parameter.values)
        };
        (of(Role::Weight), of(Role::Bias))
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
        self.forward_between(0..self.layers.len(), input, mode, wants_input_gradient, after)
    }

    /// As [`Compiled::forward`] through some of the layers only: `input` is what the layer before the first of them gave.
    pub fn forward_between<T: Tape<f32, Cpu>>(
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
                Source::Layer(from) if from >= range.start => (outputs[from].clone()?, wanted[from]),
                Source::Input | Source::Layer(_) => (input.clone(), wants_input_gradient),
            };
            if let Source::Layer(from) = source
                && last_use[from] == index
            {
                outputs[from] = None;
            }
            drop(current.take());
            let (weight, bias) = self.parameters_of(index);
            wanted[index] = wants || weight.is_some() && !self.frozen;
            let own = running.iter_mut().find(|running| running.layer == index).map(|own| &mut own.statistics);
            let extras = Extras {
                mode,
                wants: Wants { input: wants, parameters: !self.frozen },
                algorithm: self.conv_algorithm,
                transformed: (!T::OWNS_TAPE).then(|| &self.transforms[index]),
                finite: (!T::OWNS_TAPE).then(|| &self.finite[index]),
            };
            let output = apply(&self.layers[index], input.put_tape(tape), weight, bias, own, extras);
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
    layer: &Layer,
    input: Values<T>,
    weight: Option<&Row>,
    bias: Option<&Row>,
    running: Option<&mut Statistics>,
    extras: Extras,
) -> Values<T> {
    let (channels, rows, columns) = dims(layer.output);
    let Extras { mode, wants, algorithm, transformed, finite } = extras;
    match (&layer.operation, weight) {
        (Operation::Conv { .. }, Some(weight)) => match conv_shape(layer, algorithm) {
            Some(shape) => conv(input, weight, bias, &shape, wants, transformed),
            None => input,
        },
        (Operation::Linear { .. }, Some(weight)) => linear(input, weight, bias, channels, wants, finite),
        (Operation::BatchNorm(norm), Some(weight)) => match (bias, running) {
            (Some(bias), Some(running)) => {
                let momentum = matches!(mode, Mode::Train { .. }).then_some(norm.momentum);
                batch_norm(input, (weight, bias), running, norm.eps, momentum)
            }
            _ => input,
        },
        (Operation::MaxPool { window, .. }, _) => maxpool(input, *window, (rows, columns)),
        (Operation::AvgPool { window, .. }, _) => avgpool(input, *window, (rows, columns)),
        (Operation::AdaptiveAvgPool | Operation::GlobalAvgPool, _) => adaptive_avgpool(input, (rows, columns)),
        (Operation::Flatten, _) => flatten(input),
        (Operation::Softmax, _) => softmax(input),
        (Operation::Lrn(settings), _) => lrn(input, *settings),
        (Operation::Dropout { p }, _) => match mode {
            Mode::Train { dropout_seed: Some(seed) } if *p > 0.0 => dropout(input, *p, mix(seed, layer.index as u64)),
            _ => input,
        },
        (Operation::Activation(activation), _) => activate(input, *activation),
        // Conv, linear and batch norm always have their weight: `filled` makes it from the same layers.
        (Operation::Conv { .. } | Operation::Linear { .. } | Operation::BatchNorm(_), None) => input,
    }
}
