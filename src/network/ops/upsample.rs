//! Larger maps: each value repeated, or between its neighbours, as PyTorch's `Upsample` (align_corners off).

use dfdx::prelude::*;
use rayon::prelude::*;

use super::tape::record;
use super::{Dims, Values, count};
use crate::network::kernels::view;
use crate::spec::describe::UpsampleMode;

/// What a row (or column) of the output is made of: two of the input and the share of the second.
#[derive(Clone, Copy)]
struct Between {
    first: usize,
    second: usize,
    share: f32,
}

/// For `outputs` rows of `size` rows of input.
fn places(size: usize, outputs: usize, mode: UpsampleMode) -> Vec<Between> {
    let scale = (outputs / size) as f64;
    let place = |output: usize| match mode {
        UpsampleMode::Nearest => {
            let first = output * size / outputs;
            Between { first, second: first, share: 0.0 }
        }
        UpsampleMode::Bilinear => {
            let at = ((output as f64 + 0.5) / scale - 0.5).max(0.0);
            let first = (at as usize).min(size - 1);
            Between { first, second: (first + 1).min(size - 1), share: (at - first as f64) as f32 }
        }
    };
    (0..outputs).map(place).collect()
}

pub fn upsample<T: Tape<f32, Cpu>>(input: Values<T>, (rows, columns): (usize, usize), mode: UpsampleMode) -> Values<T> {
    let (images, channels, height, width) = *input.shape();
    let dims: Dims = (images, channels, rows, columns);
    let (input, tape) = input.split_tape();
    let (ys, xs) = (places(height, rows, mode), places(width, columns, mode));
    let mut values = vec![0.0; count(dims)];
    {
        let x = view::values(&input);
        let planes = values.par_chunks_exact_mut(rows * columns).zip(x.par_chunks_exact(height * width));
        planes.for_each(|(out, plane)| {
            for (line, y) in out.chunks_exact_mut(columns).zip(&ys) {
                let (above, below) = (&plane[y.first * width..][..width], &plane[y.second * width..][..width]);
                for (out, x) in line.iter_mut().zip(&xs) {
                    let along = |row: &[f32]| row[x.first] + x.share * (row[x.second] - row[x.first]);
                    *out = match mode {
                        UpsampleMode::Nearest => above[x.first],
                        UpsampleMode::Bilinear => along(above) * (1.0 - y.share) + along(below) * y.share,
                    };
                }
            }
        });
    }
    record(input.put_tape(tape), true, values, dims, &[], move |pass| {
        let planes = pass.to_input.par_chunks_exact_mut(height * width);
        planes.zip(pass.upstream.par_chunks_exact(rows * columns)).for_each(|(sums, upstream)| {
            for (line, y) in upstream.chunks_exact(columns).zip(&ys) {
                for (dy, x) in line.iter().zip(&xs) {
                    for (row, part) in [(y.first, 1.0 - y.share), (y.second, y.share)] {
                        sums[row * width + x.first] += dy * part * (1.0 - x.share);
                        sums[row * width + x.second] += dy * part * x.share;
                    }
                }
            }
        });
    })
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn repeated_values_and_their_gradients_are_those_of_the_definition() {
        check::against(
            (2, 2, 2, 3),
            &[],
            |input, _| upsample(input, (4, 9), UpsampleMode::Nearest),
            |input, _| {
                let plane = |plane: &[f64]| (0..36).map(|at| plane[at / 9 / 2 * 3 + at % 9 / 3]).collect::<Vec<_>>();
                input.chunks(6).flat_map(plane).collect()
            },
        );
    }

    #[test]
    fn values_between_are_pytorchs() {
        // F.interpolate(torch.tensor([[[[0., 1., 4.]]]]), scale_factor=(1, 2), mode="bilinear").
        let input: Values = view::tensor(&Cpu::default(), vec![0.0, 1.0, 4.0], (1, 1, 1, 3));
        let output = upsample(input, (1, 6), UpsampleMode::Bilinear);
        assert_eq!(view::values(&output).as_ref(), [0.0, 0.25, 0.75, 1.75, 3.25, 4.0]);
        let weights = |output: usize, size: usize, scale: usize| {
            let at = ((output as f64 + 0.5) / scale as f64 - 0.5).max(0.0);
            let first = at.floor() as usize;
            (first, (first + 1).min(size - 1), at - first as f64)
        };
        check::against(
            (2, 1, 3, 2),
            &[],
            |input, _| upsample(input, (6, 6), UpsampleMode::Bilinear),
            |input, _| {
                let at = |plane: &[f64], row: usize, column: usize| {
                    let ((y0, y1, dy), (x0, x1, dx)) = (weights(row, 3, 2), weights(column, 2, 3));
                    let value = |y: usize, x: usize| plane[y * 2 + x];
                    let (above, below) = (
                        value(y0, x0) * (1.0 - dx) + value(y0, x1) * dx,
                        value(y1, x0) * (1.0 - dx) + value(y1, x1) * dx,
                    );
                    above * (1.0 - dy) + below * dy
                };
                input.chunks(6).flat_map(|plane| (0..36).map(move |i| at(plane, i / 6, i % 6))).collect()
            },
        );
    }
}
