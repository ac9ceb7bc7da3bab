//! Fully connected: y = x·W + b, dx = dy·Wᵀ, dW = xᵀ·dy, db = Σ dy.
//!
//! W is stored (in, out): a batch of one then reads it row by row at the speed of memory.

use std::sync::OnceLock;

use dfdx::prelude::*;
use rayon::prelude::*;

use super::tape::{Wants, record};
use super::{Row, Values};
use crate::network::kernels::matmul::{Matrix, product, product_of_finite};
use crate::network::kernels::view;

/// `input` is `[N, in, 1, 1]`, `weight` `[in, out]`, `bias` `[out]`. For the backward pass the input is kept. Whether all
/// weights are finite is found out once and kept in `finite`, if there is such a place: only then may those that meet
/// a zero go unread, as 0·∞ is not 0.
pub fn linear<T: Tape<f32, Cpu>>(
    input: Values<T>,
    weight: &Row,
    bias: Option<&Row>,
    outputs: usize,
    wants: Wants,
    finite: Option<&OnceLock<bool>>,
) -> Values<T> {
    let (images, inputs, _, _) = *input.shape();
    let (input, tape) = input.split_tape();
    let mut values = match bias {
        Some(bias) => view::values(bias).repeat(images),
        None => vec![0.0; images * outputs],
    };
    {
        let (x, weights) = (view::values(&input), view::values(weight));
        let all_finite = || weights.par_iter().with_min_len(1 << 16).all(|weight| weight.is_finite());
        let product = match finite.is_some_and(|place| *place.get_or_init(all_finite)) {
            true => product_of_finite,
            false => product,
        };
        product(&mut values, outputs, inputs, Matrix::rows(&x, inputs), Matrix::rows(&weights, outputs), true);
    }
    let kept_input = wants.parameters.then(|| input.clone());
    let kept_weight = wants.input.then(|| weight.clone());
    let dims = (images, outputs, 1, 1);
    record(input.put_tape(tape), wants.input, values, dims, &wants.of(weight, bias), move |pass| {
        let upstream = Matrix::rows(pass.upstream, outputs);
        if let (Some(kept_input), [to_weight, to_bias @ ..]) = (&kept_input, pass.to_parameters) {
            let x = view::values(kept_input);
            // dW row by row of W, so that each task writes whole rows.
            let x = Matrix::rows(&x, inputs).transposed();
            outer_product(to_weight, outputs, images, x, upstream);
            for to_bias in to_bias {
                for image in pass.upstream.chunks_exact(outputs) {
                    to_bias.iter_mut().zip(image).for_each(|(sum, gradient)| *sum += gradient);
                }
            }
        }
        if let Some(kept_weight) = &kept_weight {
            let weights = view::values(kept_weight);
            let weights = Matrix::rows(&weights, outputs).transposed();
            product(pass.to_input, inputs, outputs, upstream, weights, true);
        }
    })
}

/// Rows of dW that one task adds to.
const ROWS: usize = 64;

/// `out += left (rows × depth) · right (depth × columns)` for a small depth, the mini-batch.
fn outer_product(out: &mut [f32], columns: usize, depth: usize, left: Matrix, right: Matrix) {
    out.par_chunks_mut(ROWS * columns).enumerate().for_each(|(at, rows)| {
        for (row, line) in rows.chunks_exact_mut(columns).enumerate() {
            for image in 0..depth {
                let factor = left.values[(at * ROWS + row) * left.row_stride + image * left.column_stride];
                // Half of all inputs are zero behind a ReLU.
                if factor != 0.0 {
                    let source = &right.values[image * right.row_stride..][..columns];
                    line.iter_mut().zip(source).for_each(|(sum, value)| *sum += factor * value);
                }
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn a_weight_that_is_not_finite_is_not_hidden_behind_a_zero() {
        let device = Cpu::default();
        let input: Values = view::tensor(&device, vec![0.0, 1.0], (1, 2, 1, 1));
        for (first, infinite) in [(1.0, false), (f32::INFINITY, true)] {
            let weight: Row = view::tensor(&device, vec![first, 2.0], (2,));
            let output = linear(input.clone(), &weight, None, 1, Wants::ALL, Some(&OnceLock::new()));
            assert_eq!(view::values(&output)[0].is_nan(), infinite);
        }
    }

    #[test]
    fn output_and_gradients_are_those_of_the_definition() {
        for (images, inputs, outputs) in [(1, 7, 5), (3, 4, 600), (6, 70, 3)] {
            let definition = |input: &[f64], parameters: &[Vec<f64>]| {
                let at = |image: usize, o: usize| {
                    let dot = |i: usize| input[image * inputs + i] * parameters[0][i * outputs + o];
                    parameters[1][o] + (0..inputs).map(dot).sum::<f64>()
                };
                (0..images * outputs).map(|index| at(index / outputs, index % outputs)).collect()
            };
            check::against(
                (images, inputs, 1, 1),
                &[inputs * outputs, outputs],
                |input, parameters| linear(input, &parameters[0], Some(&parameters[1]), outputs, Wants::ALL, None),
                definition,
            );
        }
    }
}
