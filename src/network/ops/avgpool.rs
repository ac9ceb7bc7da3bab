//! Average pooling: the mean of each window, zeros of the padding counted, as PyTorch's `AvgPool2d`.

use dfdx::prelude::*;

use super::Values;
use super::windows::{inside, mean_pool};
use crate::graph::Window;

/// How many rows (or columns) a window has for the divisor: those of the input and of the padding, but not what a
/// last window in ceil mode reaches beyond the padding.
fn counted(index: usize, kernel: u64, stride: u64, padding: u64, size: usize) -> u64 {
    let start = index as u64 * stride;
    (start + kernel).min(size as u64 + 2 * padding) - start
}

pub fn avgpool<T: Tape<f32, Cpu>>(input: Values<T>, window: Window, output: (usize, usize)) -> Values<T> {
    let (_, _, height, width) = *input.shape();
    let Window { kernel, stride, padding, .. } = window;
    mean_pool(input, output, move |row, column| {
        let ys = inside(row, kernel.height, stride.height, padding.height, height);
        let xs = inside(column, kernel.width, stride.width, padding.width, width);
        let area = counted(row, kernel.height, stride.height, padding.height, height)
            * counted(column, kernel.width, stride.width, padding.width, width);
        (ys, xs, 1.0 / area as f32)
    })
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;
    use crate::network::kernels::view;
    use crate::spec::describe::Pair;

    #[test]
    fn means_count_the_padding_but_not_what_lies_beyond_it() {
        // PyTorch 2: AvgPool2d(3, stride=2, padding=1, ceil_mode=True) on ones of 6×6 gives rows (and columns)
        // with factors 2/3, 1, 1, 1/2: the last window starts at 5 and has one row of input and one of padding.
        let pair = Pair::square;
        let window = Window { kernel: pair(3), stride: pair(2), padding: pair(1), dilation: pair(1) };
        let ones: Values = view::tensor(&Cpu::default(), vec![1.0; 36], (1, 1, 6, 6));
        let output = avgpool(ones, window, (4, 4));
        let factors = [2.0 / 3.0, 1.0, 1.0, 0.5];
        for (position, &value) in view::values(&output).iter().enumerate() {
            assert!((value - factors[position / 4] * factors[position % 4]).abs() < 1e-6, "position {position}");
        }
    }

    #[test]
    fn gradients_are_those_of_the_definition() {
        let pair = Pair::square;
        let window = Window { kernel: pair(3), stride: pair(2), padding: pair(1), dilation: pair(1) };
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
        check::against((2, 3, 7, 5), &[], |input, _| avgpool(input, window, (4, 3)), definition);
    }
}
