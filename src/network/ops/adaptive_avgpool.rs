//! Adaptive average pooling: output i averages input rows ⌊i·n/m⌋ to ⌈(i+1)·n/m⌉ − 1, as PyTorch's
//! `AdaptiveAvgPool2d`. With a 1×1 output it is global average pooling.

use dfdx::prelude::*;

use super::Values;
use super::windows::mean_pool;
use crate::network::kernels::windows::share;

pub fn adaptive_avgpool<T: Tape<f32, Cpu>>(input: Values<T>, (rows, columns): (usize, usize)) -> Values<T> {
    let (_, _, height, width) = *input.shape();
    mean_pool(input, (rows, columns), move |row, column| {
        let (ys, xs) = (share(row, rows, height), share(column, columns, width));
        let each = 1.0 / (ys.len() * xs.len()) as f32;
        (ys, xs, each)
    })
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn windows_overlap_where_the_sizes_do_not_divide_and_repeat_where_the_output_is_larger() {
        // PyTorch's documented rule, worked by hand: 5 to 3 gives 0..2, 1..4, 3..5; 2 to 3 gives 0..1, 0..2, 1..2.
        assert_eq!([0, 1, 2].map(|index| share(index, 3, 5)), [0..2, 1..4, 3..5]);
        assert_eq!([0, 1, 2].map(|index| share(index, 3, 2)), [0..1, 0..2, 1..2]);
    }

    #[test]
    fn means_and_gradients_are_those_of_the_definition() {
        for (height, width, rows, columns) in [(7, 5, 3, 2), (2, 3, 4, 3), (4, 4, 1, 1)] {
            let definition = |input: &[f64], _: &[Vec<f64>]| {
                let mut out = Vec::new();
                for plane in input.chunks(height * width) {
                    for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
                        let (ys, xs) = (share(row, rows, height), share(column, columns, width));
                        let area = (ys.len() * xs.len()) as f64;
                        let sum: f64 = ys.flat_map(|y| xs.clone().map(move |x| plane[y * width + x])).sum();
                        out.push(sum / area);
                    }
                }
                out
            };
            check::against((2, 2, height, width), &[], |input, _| adaptive_avgpool(input, (rows, columns)), definition);
        }
    }
}
