//! A larger map of the same channels.

use super::{Arriving, Operation, Refusal};
use crate::graph::reach::Reach;
use crate::graph::shape::Shape;
use crate::spec::describe::{Pair, UpsampleMode};
use crate::spec::limits;

pub fn resolve(scale: Pair, mode: UpsampleMode, arriving: &Arriving) -> Result<(Operation, Shape), Refusal> {
    let (channels, height, width) = arriving.map()?;
    let (height, width) = (height * scale.height, width * scale.width);
    if height.max(width) > limits::DIMENSION {
        let message = format!("`{}` makes a map of {height}×{width}", arriving.path);
        return Err(Refusal::new("scale", message, "expected at most 2^24 rows and columns"));
    }
    Ok((Operation::Upsample { scale, mode }, Shape::Map { channels, height, width }))
}

pub fn reach(scale: Pair, mode: UpsampleMode) -> [Reach; 2] {
    scale.to_array().map(|scale| match mode {
        UpsampleMode::Nearest => Reach::Nearest { scale },
        UpsampleMode::Bilinear => Reach::Bilinear { scale },
    })
}
