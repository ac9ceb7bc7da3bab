//! The resolved layer: one row of every table.

use super::field::Field;
use super::ops::Operation;
use super::shape::Shape;
use crate::spec::node::Mark;

/// Where a layer's input comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
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
    /// Whether it follows from the layer or join before it (its norm or activation).
    pub brought: bool,
    /// What it reads; a join reads several.
    pub inputs: Vec<Source>,
    /// The shape of the first of them.
    pub input: Shape,
    pub output: Shape,
    pub weights: u64,
    pub biases: u64,
    /// Values kept that are not trained: batch norm's running mean and variance.
    pub buffers: u64,
    pub macs: u64,
    /// Unknown behind an adaptive pool whose output does not divide its input, and behind a join of paths whose strides differ.
    pub field: Option<Field>,
    pub mark: Mark,
}

impl Layer {
    pub fn params(&self) -> u64 {
        self.weights + self.biases
    }

    /// Bytes of the output in f32.
    pub fn output_bytes(&self) -> u64 {
        self.output.bytes()
    }

    pub fn block(&self) -> Option<&str> {
        self.blocks.last().map(String::as_str)
    }

    pub fn is_conv(&self) -> bool {
        matches!(self.operation, Operation::Conv { .. } | Operation::ConvTranspose { .. })
    }

    /// Whether it counts as a weight layer, as the paper counts: conv and linear.
    pub fn has_weights(&self) -> bool {
        self.operation.has_weights()
    }

    /// Pixels that a unit sees, rows and columns.
    pub fn field_size(&self) -> Option<[u128; 2]> {
        self.field.as_ref().map(|field| field.each_ref().map(|axis| axis.size()))
    }
}
