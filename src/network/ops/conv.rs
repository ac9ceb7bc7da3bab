//! Convolution: `y[o] = b[o] + Σ w[o, i, ky, kx] · x[i, y·s + ky·d − p, x·s + kx·d − p]`, as PyTorch's `Conv2d`.

use std::sync::{Arc, OnceLock};

use dfdx::prelude::*;

use super::tape::{Backward, Wants, record};
use super::{Dims, Row, Values, count};
use crate::graph::Window;
use crate::network::kernels::conv::{Algorithm, Convolution};
use crate::network::kernels::fresh::zeros;
use crate::network::kernels::im2col::Plane;
use crate::network::kernels::view;
use crate::network::kernels::winograd::Transformed;

/// What is fixed about a conv layer.
#[derive(Debug, Clone, Copy)]
pub struct ConvShape {
    pub window: Window,
    pub groups: usize,
    pub out_channels: usize,
    pub out_height: usize,
    pub out_width: usize,
    /// How to compute it; the cheapest way without it.
    pub algorithm: Option<Algorithm>,
}

impl ConvShape {
    /// The sizes over a mini-batch.
    pub fn over(&self, (images, channels, height, width): Dims) -> Convolution {
        let (out_height, out_width) = (self.out_height, self.out_width);
        let plane =
            Plane { channels: channels / self.groups, height, width, out_height, out_width, window: self.window };
        Convolution { images, groups: self.groups, plane, out_channels: self.out_channels / self.groups }
    }
}

/// `weight` is `[out, in/groups, kernel height, kernel width]`, `bias` `[out]`. For the backward pass the input is kept.
/// Weights transformed for Winograd are made once and kept in `transformed`, if there is such a place.
pub fn conv<T: Tape<f32, Cpu>>(
    input: Values<T>,
    weight: &Row,
    bias: Option<&Row>,
    shape: &ConvShape,
    wants: Wants,
    transformed: Option<&OnceLock<Arc<Transformed>>>,
) -> Values<T> {
    let sizes = shape.over(*input.shape());
    let dims = (sizes.images, shape.out_channels, shape.out_height, shape.out_width);
    let (input, tape) = input.split_tape();
    let mut values = zeros(count(dims));
    let bias_values = bias.map(view::values);
    let algorithm = sizes.algorithm(shape.algorithm);
    let weights = view::values(weight);
    let transformed = match (algorithm, sizes.winograd(), transformed) {
        (Algorithm::Winograd, Some(winograd), Some(place)) if winograd.keeps_transformed() => {
            Some(place.get_or_init(|| Arc::new(winograd.transform(&weights))).as_ref())
        }
        _ => None,
    };
    sizes.forward(algorithm, &view::values(&input), &weights, transformed, bias_values.as_deref(), &mut values);
    drop(weights);
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
                sizes.backward_weight(algorithm, upstream, &view::values(kept_input), to_weight);
                if let [to_bias] = to_bias {
                    sizes.backward_bias(upstream, to_bias);
                }
            }
            if let Some(kept_weight) = &kept_weight {
                sizes.backward_input(algorithm, upstream, &view::values(kept_weight), to_input);
            }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;
    use crate::graph::output_size;
    use crate::spec::describe::{Pair, Sides};
    use proptest::prelude::*;

    /// The definition, in f64, one product at a time.
    fn by_definition(input: &[f64], weight: &[f64], bias: &[f64], dims: Dims, shape: &ConvShape) -> Vec<f64> {
        let (images, channels, height, width) = dims;
        let (inputs, outputs) = (channels / shape.groups, shape.out_channels / shape.groups);
        let window = shape.window;
        let [kernel, stride, padding, dilation] =
            [window.kernel, window.stride, window.padding.before(), window.dilation]
                .map(|pair| pair.to_array().map(|v| v as usize));
        let mut out = Vec::new();
        for image in 0..images {
            for o in 0..shape.out_channels {
                for position in 0..shape.out_height * shape.out_width {
                    let (oy, ox) = (position / shape.out_width, position % shape.out_width);
                    let mut sum = bias[o];
                    for i in 0..inputs {
                        for (ky, kx) in (0..kernel[0]).flat_map(|ky| (0..kernel[1]).map(move |kx| (ky, kx))) {
                            let y = (oy * stride[0] + ky * dilation[0]).wrapping_sub(padding[0]);
                            let x = (ox * stride[1] + kx * dilation[1]).wrapping_sub(padding[1]);
                            if y < height && x < width {
                                let channel = o / outputs * inputs + i;
                                sum += weight[((o * inputs + i) * kernel[0] + ky) * kernel[1] + kx]
                                    * input[((image * channels + channel) * height + y) * width + x];
                            }
                        }
                    }
                    out.push(sum);
                }
            }
        }
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn forward_and_gradients_are_those_of_the_definition(
            images in 1usize..3, groups in 1usize..4, (inputs, outputs) in (1usize..4, 1usize..5),
            (height, width) in (1usize..12, 1usize..40), kernel in (1u64..5, 1u64..5), stride in (1u64..4, 1u64..3),
            padding in (0u64..4, 0u64..3), after in (0u64..3, 0u64..4), dilation in (1u64..3, 1u64..3), direct in any::<bool>(),
        ) {
            let algorithm = if direct { Algorithm::Direct } else { Algorithm::Im2col };
            let pair = |(height, width)| Pair { height, width };
            let sides = Sides { top: padding.0, bottom: after.0, left: padding.1, right: after.1 };
            let window = Window { kernel: pair(kernel), stride: pair(stride), padding: sides, dilation: pair(dilation) };
            let rows = output_size(height as u64, kernel.0, stride.0, (padding.0, after.0), dilation.0, false);
            let columns = output_size(width as u64, kernel.1, stride.1, (padding.1, after.1), dilation.1, false);
            let (Some(rows), Some(columns)) = (rows, columns) else { return Ok(()) };
            let shape = ConvShape { window, groups, out_channels: groups * outputs, out_height: rows as usize, out_width: columns as usize, algorithm: Some(algorithm) };
            let dims = (images, groups * inputs, height, width);
            let weights = shape.out_channels * inputs * (kernel.0 * kernel.1) as usize;
            check::against(
                dims,
                &[weights, shape.out_channels],
                |input, parameters| conv(input, &parameters[0], Some(&parameters[1]), &shape, Wants::ALL, None),
                |input, parameters| by_definition(input, &parameters[0], &parameters[1], dims, &shape),
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn winograds_tiles_give_the_definition_and_its_gradients(
            images in 1usize..4, (inputs, outputs) in (1usize..5, 1usize..5), (height, width) in (1usize..12, 1usize..20),
            padding in (0u64..3, 0u64..3), five in any::<bool>(),
        ) {
            let kernel = if five { 5 } else { 3 };
            let pair = |(height, width)| Pair { height, width };
            let window = Window { kernel: Pair::square(kernel), stride: Pair::square(1), padding: Sides::around(pair(padding)), dilation: Pair::square(1) };
            let rows = output_size(height as u64, kernel, 1, (padding.0, padding.0), 1, false);
            let columns = output_size(width as u64, kernel, 1, (padding.1, padding.1), 1, false);
            let (Some(rows), Some(columns)) = (rows, columns) else { return Ok(()) };
            let shape = ConvShape { window, groups: 1, out_channels: outputs, out_height: rows as usize, out_width: columns as usize,
                algorithm: Some(Algorithm::Winograd) };
            let dims = (images, inputs, height, width);
            prop_assert_eq!(shape.over(dims).algorithm(shape.algorithm), Algorithm::Winograd);
            check::against(
                dims,
                &[outputs * inputs * (kernel * kernel) as usize, outputs],
                |input, parameters| conv(input, &parameters[0], Some(&parameters[1]), &shape, Wants::ALL, None),
                |input, parameters| by_definition(input, &parameters[0], &parameters[1], dims, &shape),
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn a_depthwise_convolution_as_one_long_row_gives_the_definition_and_its_gradients(
            images in 1usize..3, groups in 1usize..4, (height, width) in (1usize..12, 1usize..40), kernel in (1u64..6, 1u64..6),
            padding in (0u64..4, 0u64..4), after in (0u64..4, 0u64..4),
        ) {
            let pair = |(height, width)| Pair { height, width };
            let sides = Sides { top: padding.0, bottom: after.0, left: padding.1, right: after.1 };
            let one = Pair::square(1);
            let window = Window { kernel: pair(kernel), stride: one, padding: sides, dilation: one };
            let rows = output_size(height as u64, kernel.0, 1, (padding.0, after.0), 1, false);
            let columns = output_size(width as u64, kernel.1, 1, (padding.1, after.1), 1, false);
            let (Some(rows), Some(columns)) = (rows, columns) else { return Ok(()) };
            let shape = ConvShape { window, groups, out_channels: groups, out_height: rows as usize, out_width: columns as usize,
                algorithm: Some(Algorithm::Direct) };
            let dims = (images, groups, height, width);
            check::against(
                dims,
                &[groups * (kernel.0 * kernel.1) as usize, groups],
                |input, parameters| conv(input, &parameters[0], Some(&parameters[1]), &shape, Wants::ALL, None),
                |input, parameters| by_definition(input, &parameters[0], &parameters[1], dims, &shape),
            );
        }
    }

    #[test]
    fn over_many_channels_and_tiles_the_algorithms_agree_to_the_error_that_is_stated() {
        for kernel in [3, 5] {
            let dims = (3, 40, 37, 29);
            let window = Window {
                kernel: Pair::square(kernel),
                stride: Pair::square(1),
                padding: Sides::around(Pair::square(kernel / 2)),
                dilation: Pair::square(1),
            };
            let taps = (kernel * kernel) as usize;
            let device = Cpu::default();
            let input: Values = view::tensor(&device, check::numbers(count(dims), 1), dims);
            // As large as He et al. draw them, so that outputs are near 1.
            let scale = (2.0f32 / (40.0 * taps as f32)).sqrt() * 1.7;
            let weight: Vec<f32> = check::numbers(50 * 40 * taps, 2).into_iter().map(|value| value * scale).collect();
            let weight: Row = view::tensor(&device, weight, (50 * 40 * taps,));
            let run = |algorithm| {
                let shape = ConvShape {
                    window,
                    groups: 1,
                    out_channels: 50,
                    out_height: 37,
                    out_width: 29,
                    algorithm: Some(algorithm),
                };
                view::values(&conv(input.clone(), &weight, None, &shape, Wants::ALL, None)).to_vec()
            };
            let direct = run(Algorithm::Direct);
            for algorithm in [Algorithm::Winograd, Algorithm::Im2col] {
                for (value, exact) in run(algorithm).iter().zip(&direct) {
                    assert!((value - exact).abs() < 3e-5, "{algorithm:?}: {value} for {exact}");
                }
            }
        }
    }
}
