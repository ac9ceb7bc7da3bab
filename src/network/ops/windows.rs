//! What the pools share: means over windows.

use std::ops::Range;

use dfdx::prelude::*;
use rayon::prelude::*;

use super::tape::record;
use super::{Values, count};
use crate::network::kernels::view;

/// Rows and columns of the input that one output value averages, and what each value counts for.
pub type Share = (Range<usize>, Range<usize>, f32);

/// Σ share·x over the window of each output (row, column). Keeps nothing for the backward pass.
pub fn mean_pool<T: Tape<f32, Cpu>>(
    input: Values<T>,
    (rows, columns): (usize, usize),
    window: impl Fn(usize, usize) -> Share + Sync + 'static,
) -> Values<T> {
    let (images, channels, height, width) = *input.shape();
    let dims = (images, channels, rows, columns);
    let (input, tape) = input.split_tape();
    let mut values = vec![0.0; count(dims)];
    let planes = values.par_chunks_exact_mut(rows * columns);
    planes.zip(view::values(&input).par_chunks_exact(height * width)).for_each(|(out, plane)| {
        for (position, out) in out.iter_mut().enumerate() {
            let (ys, xs, share) = window(position / columns, position % columns);
            *out = ys.map(|y| plane[y * width..][xs.clone()].iter().sum::<f32>()).sum::<f32>() * share;
        }
    });
    record(input.put_tape(tape), true, values, dims, &[], move |pass| {
        let planes = pass.to_input.par_chunks_exact_mut(height * width);
        planes.zip(pass.upstream.par_chunks_exact(rows * columns)).for_each(|(to_input, upstream)| {
            for (position, gradient) in upstream.iter().enumerate() {
                let (ys, xs, share) = window(position / columns, position % columns);
                for y in ys {
                    to_input[y * width..][xs.clone()].iter_mut().for_each(|sum| *sum += gradient * share);
                }
            }
        });
    })
}
