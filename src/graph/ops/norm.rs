//! Normalisations.

use super::{Arriving, Cost, Operation, Refusal};
use crate::graph::shape::Shape;
use crate::spec::describe::Norm;

pub fn resolve(norm: Norm, arriving: &Arriving) -> Result<(Operation, Shape), Refusal> {
    let shape = arriving.shape;
    match norm {
        Norm::Lrn(_) | Norm::Instance { .. } => {
            arriving.map()?;
        }
        Norm::Group { groups, .. } if !shape.channels().is_multiple_of(groups) => {
            return Err(Refusal::new(
                "groups",
                format!("`{}` has {groups} groups, which do not divide {} channels", arriving.path, shape.channels()),
                "expected a number that divides them, such as `group_norm: 8`, or one in `defaults`",
            ));
        }
        Norm::Batch(_) | Norm::Layer { .. } | Norm::Group { .. } => {}
    }
    Ok((Operation::Norm(norm), shape))
}

/// A factor and a shift for each channel; batch norm keeps a running mean and variance beside them.
pub fn cost(norm: Norm, input: Shape) -> Cost {
    let channels = input.channels();
    let affine = |affine: bool| Cost {
        weights: if affine { channels.into() } else { 0 },
        biases: if affine { channels } else { 0 },
        ..Cost::default()
    };
    match norm {
        Norm::Batch(norm) => Cost { buffers: 2 * channels, ..affine(norm.affine) },
        Norm::Group { .. } | Norm::Layer { .. } => affine(true),
        Norm::Instance { affine: has, .. } => affine(has),
        Norm::Lrn(_) => Cost::default(),
    }
}
