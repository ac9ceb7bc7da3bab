//! Max pooling: the largest value of each window; padding is −∞, so it never wins. As PyTorch's `MaxPool2d`.

use dfdx::prelude::*;
use rayon::prelude::*;

use super::tape::record;
use super::windows::inside;
use super::{Values, count};
use crate::model::Window;
use crate::network::kernels::view;

/// For the backward pass the place of each window's largest value is kept, 4 bytes an output value. The first wins
/// where several are equal; a NaN always wins.
pub fn maxpool<T: Tape<f32, Cpu>>(input: Values<T>, window: Window, (rows, columns): (usize, usize)) -> Values<T> {
    let (images, channels, height, width) = *input.shape();
    let dims = (images, channels, rows, columns);
    let (input, tape) = input.split_tape();
    let mut values = vec![0.0; count(dims)];
    let mut places = vec![0u32; if T::OWNS_TAPE { values.len() } else { 0 }];
    {
        let x = view::values(&input);
        let keep = T::OWNS_TAPE;
        // Without a tape there is nothing to keep places in; every plane then gets an empty slice.
        let mut kept: Vec<&mut [u32]> = match keep {
            true => places.chunks_exact_mut(rows * columns).collect(),
            false => (0..images * channels).map(|_| Default::default()).collect(),
        };
        let planes = values.par_chunks_exact_mut(rows * columns).zip(x.par_chunks_exact(height * width));
        planes.zip(kept.par_iter_mut()).for_each(|((out, plane), places)| {
            for position in 0..rows * columns {
                let (place, largest) = largest(plane, (height, width), window, position / columns, position % columns);
                out[position] = largest;
                if keep {
                    places[position] = place as u32;
                }
            }
        });
    }
    record(input.put_tape(tape), true, values, dims, &[], move |pass| {
        let planes = pass.to_input.par_chunks_exact_mut(height * width);
        let planes = planes.zip(pass.upstream.par_chunks_exact(rows * columns));
        planes.zip(places.par_chunks_exact(rows * columns)).for_each(|((to_input, upstream), places)| {
            for (&place, gradient) in places.iter().zip(upstream) {
                to_input[place as usize] += gradient;
            }
        });
    })
}

/// Place and value of the largest value in the window of output (row, column).
fn largest(plane: &[f32], (height, width): (usize, usize), window: Window, row: usize, column: usize) -> (usize, f32) {
    let ys = inside(row, window.kernel.height, window.stride.height, window.padding.height, height);
    let xs = inside(column, window.kernel.width, window.stride.width, window.padding.width, width);
    let mut place = ys.start * width + xs.start;
    let mut largest = f32::NEG_INFINITY;
    for y in ys {
        for (x, &value) in plane[y * width..][xs.clone()].iter().enumerate() {
            if value > largest || value.is_nan() {
                (place, largest) = (y * width + xs.start + x, value);
            }
        }
    }
    (place, largest)
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;
    use crate::model::output_size;
    use crate::spec::describe::Pair;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn maxima_and_gradients_are_those_of_the_definition(
            (height, width) in (1usize..9, 1usize..9), kernel in 1u64..5, stride in 1u64..4, pad in 0u64..3, ceil in any::<bool>(),
        ) {
            let padding = pad.min(kernel / 2);
            let size = |input: usize| output_size(input as u64, kernel, stride, padding, 1, ceil);
            let (Some(rows), Some(columns)) = (size(height), size(width)) else { return Ok(()) };
            let (rows, columns) = (rows as usize, columns as usize);
            let window = Window { kernel: Pair::square(kernel), stride: Pair::square(stride),
                padding: Pair::square(padding), dilation: Pair::square(1) };
            let definition = |input: &[f64], _: &[Vec<f64>]| {
                let mut out = Vec::new();
                for plane in input.chunks(height * width) {
                    for position in 0..rows * columns {
                        let (top, left) = (position / columns * stride as usize, position % columns * stride as usize);
                        let mut largest = f64::NEG_INFINITY;
                        for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
                            let within = |at: usize, from: usize| at + padding as usize >= from && at + (padding as usize) < from + kernel as usize;
                            if within(y, top) && within(x, left) {
                                largest = largest.max(plane[y * width + x]);
                            }
                        }
                        out.push(largest);
                    }
                }
                out
            };
            check::against((2, 2, height, width), &[], |input, _| maxpool(input, window, (rows, columns)), definition);
        }
    }

    #[test]
    fn not_a_number_is_not_hidden() {
        let input: Values = Cpu::default().tensor_from_vec(vec![1.0, f32::NAN, 3.0, 2.0], (1, 1, 2, 2));
        let pair = Pair::square(2);
        let window = Window { kernel: pair, stride: pair, padding: Pair::square(0), dilation: Pair::square(1) };
        assert!(view::values(&maxpool(input, window, (1, 1)))[0].is_nan());
    }
}
