//! Fully connected layers.

use super::{Arriving, Cost, Operation, Refusal};
use crate::graph::shape::Shape;
use crate::spec::describe::Width;

pub fn resolve(out: Width, bias: bool, arriving: &Arriving) -> Result<(Operation, Shape), Refusal> {
    let gives = (Operation::Linear { bias }, Shape::Flat(arriving.width(out)?));
    match arriving.shape {
        Shape::Flat(_) => Ok(gives),
        Shape::Map { .. } => Err(Refusal {
            gives: Some(Box::new(gives)),
            ..Refusal::new(
                "",
                format!("`{}` needs a flat input, but {} arrives", arriving.path, arriving.shape),
                "expected `flatten` (or `global_avgpool` and `flatten`) before it",
            )
        }),
    }
}

pub fn cost(bias: bool, input: Shape, output: Shape) -> Cost {
    let out = output.channels();
    let weights = input.elements() * u128::from(out);
    Cost { weights, biases: if bias { out } else { 0 }, buffers: 0, macs: weights }
}
