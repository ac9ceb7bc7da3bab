//! Transposed convolution, as PyTorch's `ConvTranspose2d`: each input value spreads a kernel over the output. It is a
//! convolution's gradient with respect to its input, and its own gradient with respect to the input is that convolution.

use dfdx::prelude::*;
use rayon::prelude::*;

use super::conv::ConvShape;
use super::tape::{Backward, Wants, record};
use super::{Row, Values, count};
use crate::network::kernels::conv::{Convolution, add_channel_sums};
use crate::network::kernels::im2col::Plane;
use crate::network::kernels::view;

/// `weight` is `[in, out/groups, kernel height, kernel width]`, `bias` `[out]`. For the backward pass the input is kept.
pub fn conv_transpose<T: Tape<f32, Cpu>>(
    input: Values<T>,
    weight: &Row,
    bias: Option<&Row>,
    shape: &ConvShape,
    wants: Wants,
) -> Values<T> {
    let (images, channels, height, width) = *input.shape();
    let (out_height, out_width) = (shape.out_height, shape.out_width);
    let dims = (images, shape.out_channels, out_height, out_width);
    // The convolution that leads from the output back to the input.
    let plane = Plane {
        channels: shape.out_channels / shape.groups,
        height: out_height,
        width: out_width,
        out_height: height,
        out_width: width,
        window: shape.window,
    };
    let back = Convolution { images, groups: shape.groups, plane, out_channels: channels / shape.groups };
    let algorithm = back.algorithm(shape.algorithm);
    let area = out_height * out_width;
    let (input, tape) = input.split_tape();
    let mut values = vec![0.0; count(dims)];
    if let Some(bias) = bias.map(view::values) {
        let planes = values.par_chunks_exact_mut(area).enumerate();
        planes.for_each(|(plane, values)| values.fill(bias[plane % shape.out_channels]));
    }
    back.backward_input(algorithm, &view::values(&input), &view::values(weight), &mut values);
    let kept_input = wants.parameters.then(|| input.clone());
    let kept_weight = wants.input.then(|| weight.clone());
    record(
        input.put_tape(tape),
        wants.input,
        values,
        dims,
        &wants.of(weight, bias),
        move |Backward { upstream, to_input, to_parameters }| {
            if let (Some(kept_input), [to_weight, to_bias @ ..]) = (&kept_input, to_parameters) {
                back.backward_weight(algorithm, &view::values(kept_input), upstream, to_weight);
                for to_bias in to_bias {
                    add_channel_sums(upstream, area, to_bias);
                }
            }
            if let Some(kept_weight) = &kept_weight {
                let mut gradient = vec![0.0; to_input.len()];
                back.forward(algorithm, upstream, &view::values(kept_weight), None, None, &mut gradient);
                to_input.par_iter_mut().zip(gradient).with_min_len(1 << 14).for_each(|(sum, value)| *sum += value);
            }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;
    use crate::graph::Window;
    use crate::spec::describe::{Pair, Sides};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn kernels_spread_as_defined_and_gradients_follow(
            images in 1usize..3, groups in 1usize..3, (inputs, outputs) in (1usize..4, 1usize..4),
            (height, width) in (1usize..6, 1usize..7), kernel in (1u64..5, 1u64..5), stride in (1u64..4, 1u64..4),
            padding in (0u64..2, 0u64..2), dilation in (1u64..3, 1u64..3), more in 0u64..3,
        ) {
            let pair = |(height, width)| Pair { height, width };
            let window = Window { kernel: pair(kernel), stride: pair(stride), padding: Sides::around(pair(padding)),
                dilation: pair(dilation) };
            let size = |n: usize, k: u64, s: u64, p: u64, d: u64| {
                let grown = (n as u64 - 1) * s + d * (k - 1) + 1 + more.min(s.max(d) - 1);
                grown.checked_sub(2 * p).filter(|&size| size > 0).map(|size| size as usize)
            };
            let rows = size(height, kernel.0, stride.0, padding.0, dilation.0);
            let columns = size(width, kernel.1, stride.1, padding.1, dilation.1);
            let (Some(rows), Some(columns)) = (rows, columns) else { return Ok(()) };
            let (ins, outs) = (groups * inputs, groups * outputs);
            let shape = ConvShape { window, groups, out_channels: outs, out_height: rows, out_width: columns, algorithm: None };
            let taps = (kernel.0 * kernel.1) as usize;
            let definition = |input: &[f64], parameters: &[Vec<f64>]| {
                let mut out = vec![0.0; images * outs * rows * columns];
                for (at, value) in out.iter_mut().enumerate() {
                    *value = parameters[1][at / (rows * columns) % outs];
                }
                for (at, x) in input.iter().enumerate() {
                    let (image, channel) = (at / (ins * height * width), at / (height * width) % ins);
                    let (y, x_at) = (at / width % height, at % width);
                    for o in 0..outputs {
                        for tap in 0..taps {
                            let (ky, kx) = (tap as u64 / kernel.1, tap as u64 % kernel.1);
                            let row = (y as u64 * stride.0 + ky * dilation.0).wrapping_sub(padding.0) as usize;
                            let column = (x_at as u64 * stride.1 + kx * dilation.1).wrapping_sub(padding.1) as usize;
                            if row < rows && column < columns {
                                let output = channel / inputs * outputs + o;
                                out[((image * outs + output) * rows + row) * columns + column] +=
                                    x * parameters[0][(channel * outputs + o) * taps + tap];
                            }
                        }
                    }
                }
                out
            };
            check::against(
                (images, ins, height, width),
                &[ins * outputs * taps, outs],
                |input, parameters| conv_transpose(input, &parameters[0], Some(&parameters[1]), &shape, Wants::ALL),
                definition,
            );
        }
    }
}
