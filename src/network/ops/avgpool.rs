//! Average pooling: the mean of each window, zeros of the padding counted as PyTorch's `AvgPool2d` counts them, or not, as
//! TensorFlow's.

use dfdx::prelude::*;

use super::Values;
use super::windows::mean_pool;
use crate::graph::Window;
use crate::network::kernels::windows::{counted, inside};

pub fn avgpool<T: Tape<f32, Cpu>>(
    input: Values<T>,
    window: Window,
    output: (usize, usize),
    counts_padding: bool,
) -> Values<T> {
    let (_, _, height, width) = *input.shape();
    let Window { kernel, stride, padding, .. } = window;
    mean_pool(input, output, move |row, column| {
        let ys = inside(row, kernel.height, stride.height, padding.top, height);
        let xs = inside(column, kernel.width, stride.width, padding.left, width);
        let area = match counts_padding {
            true => {
                counted(row, kernel.height, stride.height, (padding.top, padding.bottom), height)
                    * counted(column, kernel.width, stride.width, (padding.left, padding.right), width)
            }
            false => (ys.len() * xs.len()) as u64,
        };
        (ys, xs, 1.0 / area as f32)
    })
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;
    use crate::network::kernels::view;
    use crate::spec::describe::{Pair, Sides};

    #[test]
    fn means_count_the_padding_but_not_what_lies_beyond_it() {
        // PyTorch 2: AvgPool2d(3, stride=2, padding=1, ceil_mode=True) on ones of 6×6 gives rows (and columns)
        // with factors 2/3, 1, 1, 1/2: the last window starts at 5 and has one row of input and one of padding.
        let pair = Pair::square;
        let window = Window { kernel: pair(3), stride: pair(2), padding: Sides::around(pair(1)), dilation: pair(1) };
        let ones: Values = view::tensor(&Cpu::default(), vec![1.0; 36], (1, 1, 6, 6));
        let output = avgpool(ones, window, (4, 4), true);
        let factors = [2.0 / 3.0, 1.0, 1.0, 0.5];
        for (position, &value) in view::values(&output).iter().enumerate() {
            assert!((value - factors[position / 4] * factors[position % 4]).abs() < 1e-6, "position {position}");
        }
    }

    #[test]
    fn gradients_are_those_of_the_definition() {
        let pair = Pair::square;
        let window = Window { kernel: pair(3), stride: pair(2), padding: Sides::around(pair(1)), dilation: pair(1) };
        let definition = |input: &[f64], _: &[Vec<f64>]| {
            let mut out = Vec::new();
            for plane in input.chunks(7 * 5) {
                for (row, column) in (0..4).flat_map(|row| (0..3).map(move |column| (row, column))) {
                    let mut sum = 0.0;
                    for (ky, kx) in (0..3).flat_map(|ky| (0..3).map(move |kx| (ky, kx))) {
                        let (y, x) = (2 * row + ky - 1, 2 * column + kx - 1);
                        if (0..7).contains(&y) && (0..5).contains(&x) {
                            sum += plane[(y * 5 + x) as usize];
                        }
                    }
                    out.push(sum / 9.0);
                }
            }
            out
        };
        check::against((2, 3, 7, 5), &[], |input, _| avgpool(input, window, (4, 3), true), definition);
    }

    #[test]
    fn padding_that_is_not_counted_leaves_ones_as_they_are() {
        // TensorFlow's AveragePooling2D(3, 2, padding="same") on ones gives ones.
        let window = Window {
            kernel: Pair::square(3),
            stride: Pair::square(2),
            padding: Sides { top: 0, bottom: 1, left: 0, right: 1 },
            dilation: Pair::square(1),
        };
        let ones: Values = view::tensor(&Cpu::default(), vec![1.0; 36], (1, 1, 6, 6));
        let values = view::values(&avgpool(ones.clone(), window, (3, 3), false)).to_vec();
        assert!(values.iter().all(|value| (value - 1.0).abs() < 1e-6), "{values:?}");
        let counted = view::values(&avgpool(ones, window, (3, 3), true)).to_vec();
        assert!((counted[8] - 4.0 / 9.0).abs() < 1e-6, "a corner of four values and five zeros: {}", counted[8]);
    }
}
