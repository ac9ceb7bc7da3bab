//! What a network learns and what it keeps: parameters and running statistics, with their names and shapes.

use std::borrow::Cow;

use dfdx::prelude::*;

use super::kernels::view;
use super::ops::Row;
use super::ops::batch_norm::Statistics;
use crate::graph::{Layer, Operation};

/// What a parameter is to its layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The kernels of a conv, the matrix of a linear layer, the γ of a normalisation, the factors of a scale, the slopes of a
    /// PReLU.
    Weight,
    /// The bias of a conv or linear layer, the β of a normalisation.
    Bias,
}

impl Role {
    /// PyTorch's word for it.
    pub fn name(self) -> &'static str {
        match self {
            Role::Weight => "weight",
            Role::Bias => "bias",
        }
    }
}

/// One trainable tensor.
#[derive(Clone)]
pub struct Parameter {
    /// Index of its layer.
    pub layer: usize,
    pub role: Role,
    /// The layer's path and the role: `block1.conv1.weight`.
    pub name: String,
    /// As PyTorch lays it out: conv [out, in/groups, kernel height, kernel width], transposed conv [in, out/groups, kernel
    /// height, kernel width], linear [out, in].
    pub shape: Vec<usize>,
    /// Whether `values` stand transposed, as (in, out): those of a linear layer's matrix do.
    pub transposed: bool,
    pub values: Row,
}

impl Parameter {
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values in the order of `shape`, as PyTorch lays them out.
    pub fn in_pytorchs_order(&self) -> Cow<'_, [f32]> {
        let values = view::values(&self.values);
        if !self.transposed {
            return values;
        }
        let (outputs, inputs) = (self.shape[0], self.shape[1]);
        let turned = (0..outputs).flat_map(|output| (0..inputs).map(move |input| input * outputs + output));
        Cow::Owned(turned.map(|at| values[at]).collect())
    }
}

/// The running statistics of one batch norm.
#[derive(Clone, Debug)]
pub struct Running {
    /// Index of its layer.
    pub layer: usize,
    /// The layer's path.
    pub name: String,
    pub statistics: Statistics,
}

/// Role and PyTorch's shape of each parameter that a layer has.
pub fn shapes_of(layer: &Layer) -> Vec<(Role, Vec<usize>)> {
    let with_bias = |weight: Vec<usize>, outputs: u64| {
        let bias = (layer.biases > 0).then(|| (Role::Bias, vec![outputs as usize]));
        std::iter::once((Role::Weight, weight)).chain(bias).collect()
    };
    let (inputs, out) = (layer.input.channels(), layer.output.channels());
    match &layer.operation {
        Operation::Conv { window, groups, .. } => {
            let sizes = [out, inputs / groups, window.kernel.height, window.kernel.width];
            with_bias(sizes.map(|size| size as usize).to_vec(), out)
        }
        Operation::ConvTranspose { window, groups, .. } => {
            let sizes = [inputs, out / groups, window.kernel.height, window.kernel.width];
            with_bias(sizes.map(|size| size as usize).to_vec(), out)
        }
        Operation::Linear { .. } => with_bias(vec![out as usize, inputs as usize], out),
        Operation::Norm(_) | Operation::Scale { .. } | Operation::Prelu { .. } if layer.weights > 0 => {
            with_bias(vec![layer.weights as usize], layer.weights)
        }
        _ => Vec::new(),
    }
}

/// A parameter filled with `values` in storage order.
pub fn row(device: &Cpu, values: Vec<f32>) -> Row {
    let length = values.len();
    view::tensor(device, values, (length,))
}
