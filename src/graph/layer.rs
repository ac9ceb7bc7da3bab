//! The resolved layer: one row of every table.

use crate::spec::describe::{Activation, BatchNorm, Lrn, Pair};
use crate::spec::node::Mark;

/// The size of one value map or feature row, without the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Map { channels: u64, height: u64, width: u64 },
    Flat(u64),
}

impl Shape {
    /// How many values it holds; at most 2^72, so it needs u128 until the limits are checked.
    pub fn elements(self) -> u128 {
        match self {
            Shape::Map { channels, height, width } => u128::from(channels) * u128::from(height) * u128::from(width),
            Shape::Flat(features) => features.into(),
        }
    }

    /// Whether it is a row of features.
    pub fn is_flat(self) -> bool {
        matches!(self, Shape::Flat(_))
    }

    pub fn to_vec(self) -> Vec<u64> {
        match self {
            Shape::Map { channels, height, width } => vec![channels, height, width],
            Shape::Flat(features) => vec![features],
        }
    }
}

impl std::fmt::Display for Shape {
    /// `64×224×224`, or `4096`.
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        let sizes: Vec<String> = self.to_vec().iter().map(u64::to_string).collect();
        formatter.pad(&sizes.join("×"))
    }
}

/// What a layer does, with every size known.
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    Conv { window: Window, groups: u64, bias: bool },
    Linear { bias: bool },
    MaxPool { window: Window, ceil: bool },
    AvgPool { window: Window, ceil: bool },
    AdaptiveAvgPool,
    GlobalAvgPool,
    Flatten,
    Softmax,
    BatchNorm(BatchNorm),
    Lrn(Lrn),
    Dropout { p: f64 },
    Activation(Activation),
}

/// A sliding window. Pools have dilation 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub kernel: Pair,
    pub stride: Pair,
    pub padding: Pair,
    pub dilation: Pair,
}

impl Operation {
    pub fn kind(&self) -> &'static str {
        match self {
            Operation::Conv { .. } => "conv",
            Operation::Linear { .. } => "linear",
            Operation::MaxPool { .. } => "maxpool",
            Operation::AvgPool { .. } => "avgpool",
            Operation::AdaptiveAvgPool => "adaptive_avgpool",
            Operation::GlobalAvgPool => "global_avgpool",
            Operation::Flatten => "flatten",
            Operation::Softmax => "softmax",
            Operation::BatchNorm(_) => "batch_norm",
            Operation::Lrn(_) => "lrn",
            Operation::Dropout { .. } => "dropout",
            Operation::Activation(activation) => activation.kind(),
        }
    }

    pub fn window(&self) -> Option<Window> {
        match self {
            Operation::Conv { window, .. } | Operation::MaxPool { window, .. } | Operation::AvgPool { window, .. } => {
                Some(*window)
            }
            _ => None,
        }
    }
}

/// What one unit sees of the input, along one axis, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Axis {
    /// How many pixels.
    pub size: u128,
    /// How far apart the fields of neighbouring units are; unknown from `flatten` on.
    pub jump: Option<u128>,
    /// Twice the centre of unit 0's field (pixel 0's centre is 0), so that halves stay whole numbers.
    pub twice_center: Option<i128>,
}

/// The receptive field: rows, then columns.
pub type Field = [Axis; 2];

/// Where a layer's input comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Input,
    Layer(usize),
}

#[derive(Debug, Clone)]
pub struct Layer {
    pub index: usize,
    /// The whole path: `block1.conv2.relu`.
    pub name: String,
    pub operation: Operation,
    /// Paths of the blocks around it, outermost first.
    pub blocks: Vec<String>,
    /// Whether a conv or linear brought it along (its norm or activation).
    pub brought: bool,
    pub inputs: Vec<Source>,
    pub input: Shape,
    pub output: Shape,
    pub weights: u64,
    pub biases: u64,
    /// Values kept that are not trained: batch norm's running mean and variance.
    pub buffers: u64,
    pub macs: u64,
    /// Unknown behind an adaptive pool whose output does not divide its input.
    pub field: Option<Field>,
    /// The field before this layer, for the working.
    pub field_before: Option<Field>,
    pub mark: Mark,
}

impl Layer {
    pub fn params(&self) -> u64 {
        self.weights + self.biases
    }

    /// Bytes of the output in f32.
    pub fn output_bytes(&self) -> u64 {
        self.output.elements() as u64 * 4
    }

    /// Bytes of weights, inputs and outputs for so many images, each moved once.
    pub fn bytes_moved(&self, images: u64) -> u64 {
        let of_an_image = self.output_bytes().saturating_add(self.input.elements() as u64 * 4);
        (4 * self.params()).saturating_add(of_an_image.saturating_mul(images))
    }

    pub fn block(&self) -> Option<&str> {
        self.blocks.last().map(String::as_str)
    }

    pub fn is_conv(&self) -> bool {
        matches!(self.operation, Operation::Conv { .. })
    }

    /// Whether it counts as a weight layer, as the paper counts: conv and linear.
    pub fn has_weights(&self) -> bool {
        matches!(self.operation, Operation::Conv { .. } | Operation::Linear { .. })
    }
}
