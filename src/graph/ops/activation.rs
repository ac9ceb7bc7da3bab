//! Activations, value by value.

use super::{Cost, Kept};
use crate::graph::shape::Shape;
use crate::spec::describe::Activation;

/// A bit says all about a value where the derivative has two values.
pub fn keeps(activation: Activation) -> Kept {
    match activation {
        Activation::Relu | Activation::Relu6 | Activation::LeakyRelu { .. } => Kept::Bits,
        _ => Kept::Inputs,
    }
}

pub fn prelu_cost(per_channel: bool, input: Shape) -> Cost {
    Cost { weights: if per_channel { input.channels().into() } else { 1 }, ..Cost::default() }
}
