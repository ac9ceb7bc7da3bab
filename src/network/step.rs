//! What a layer does, with all that it needs for it, and its doing on dfdx tensors.

use std::sync::{Arc, OnceLock};

use dfdx::prelude::*;

use super::kernels::conv::Algorithm;
use super::kernels::winograd::Transformed;
use super::ops::Values;
use super::ops::activation::activate;
use super::ops::adaptive_avgpool::adaptive_avgpool;
use super::ops::avgpool::avgpool;
use super::ops::batch_norm::batch_norm;
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
use super::parameters::{Parameter, Running};
use super::random::mix;
use crate::graph::{Layer, Operation, Shape, Window};
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

/// Channels, rows and columns; flat features are channels of a 1×1 map.
pub fn dims(shape: Shape) -> (usize, usize, usize) {
    match shape {
        Shape::Map { channels, height, width } => (channels as usize, height as usize, width as usize),
        Shape::Flat(features) => (features as usize, 1, 1),
    }
}

pub fn conv_shape(layer: &Layer, algorithm: Option<Algorithm>) -> Option<ConvShape> {
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
pub enum Step {
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
    pub fn of(layer: &Layer, parameter: usize, running: usize) -> Step {
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

    pub fn has_parameters(&self) -> bool {
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
pub struct Extras<'a> {
    pub mode: Mode,
    pub wants: Wants,
    pub algorithm: Option<Algorithm>,
    pub transformed: Option<&'a OnceLock<Arc<Transformed>>>,
    pub finite: Option<&'a OnceLock<bool>>,
}

pub fn apply<T: Tape<f32, Cpu>>(
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
