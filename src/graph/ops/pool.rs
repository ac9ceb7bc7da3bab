//! Max and average pooling over sliding windows.

use super::conv::{slide, window};
use super::{Arriving, Operation, Refusal};
use crate::graph::shape::Shape;
use crate::spec::describe::{Padding, Pair, Pool};

pub fn resolve(pool: &Pool, is_max: bool, arriving: &Arriving) -> Result<(Operation, Shape), Refusal> {
    let (channels, height, width) = arriving.map()?;
    let window = window((pool.kernel, pool.stride, Pair::square(1)), pool.padding, [height, width]);
    let side = slide(arriving.path, window, [height, width], pool.ceil)?;
    let operation = match is_max {
        true => Operation::MaxPool { window, ceil: pool.ceil },
        // TensorFlow leaves what lies outside out of the mean.
        false => {
            let counts_padding = pool.padding != Padding::SameUpper;
            Operation::AvgPool { window, ceil: pool.ceil, counts_padding }
        }
    };
    Ok((operation, Shape::Map { channels, height: side[0], width: side[1] }))
}
