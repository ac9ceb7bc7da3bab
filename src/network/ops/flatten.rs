//! Flatten: `[N, C, H, W]` becomes `[N, C·H·W, 1, 1]`. dfdx does it without a copy; the gradient is shared too.

use dfdx::prelude::*;

use super::Values;

pub fn flatten<T: Tape<f32, Cpu>>(input: Values<T>) -> Values<T> {
    let (images, channels, height, width) = *input.shape();
    input.reshape_like(&(images, channels * height * width, 1, 1))
}
