//! The operations that dfdx 0.13 lacks on stable Rust, one file each: forward, and backward on dfdx's tape.
//!
//! An operation takes its input with the tape `T` it carries and gives its output with the same tape. With
//! `NoneTape` nothing is recorded and nothing is kept.

pub mod activation;
pub mod adaptive_avgpool;
pub mod avgpool;
pub mod batch_norm;
pub mod channels;
pub mod conv;
pub mod conv_transpose;
pub mod cross_entropy;
pub mod dropout;
pub mod flatten;
pub mod group_norm;
pub mod join;
pub mod linear;
pub mod lrn;
pub mod maxpool;
pub mod scale;
pub mod softmax;
pub mod tape;
pub mod upsample;
mod windows;

#[cfg(test)]
pub mod check;

use dfdx::prelude::*;

/// Batch, channels, rows, columns. Flat features are channels of a 1×1 map.
pub type Dims = (usize, usize, usize, usize);
pub type Values<T = NoneTape> = Tensor<Dims, f32, Cpu, T>;
/// A parameter: one long row, its layout known to the operation that owns it.
pub type Row = Tensor<(usize,), f32, Cpu>;

/// How many values the dimensions hold.
pub fn count((images, channels, height, width): Dims) -> usize {
    images * channels * height * width
}
