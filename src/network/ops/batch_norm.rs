//! Batch normalisation per channel: y = γ·(x − μ)/√(σ² + ε) + β, as PyTorch's `BatchNorm2d`.
//!
//! In training μ and σ² are the mini-batch's (σ² biased), and the running statistics move towards them by `momentum`
//! (σ² unbiased there). In evaluation they are the running ones. With x̂ = (x − μ)/√(σ² + ε) and means over the m values
//! of a channel, training's gradient is dx = γ/√(σ² + ε) · (dy − mean dy − x̂·mean(dy·x̂)), dγ = Σ dy·x̂, dβ = Σ dy.

use dfdx::prelude::*;
use rayon::prelude::*;

use super::tape::{Backward, record};
use super::{Row, Values};
use crate::network::kernels::fresh::fresh;
use crate::network::kernels::simd::widest;
use crate::network::kernels::sums::{moments, products};
use crate::network::kernels::view;

/// Mean and variance of each channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistics {
    pub mean: Vec<f32>,
    pub variance: Vec<f32>,
}

impl Statistics {
    /// What PyTorch starts from: mean 0, variance 1.
    pub fn new(channels: usize) -> Self {
        Statistics { mean: vec![0.0; channels], variance: vec![1.0; channels] }
    }

    /// Moves towards a mini-batch of `count` values a channel, whose variance is made unbiased. With one value
    /// there is no unbiased variance, and the biased one stands in.
    fn follow(&mut self, batch: &Statistics, momentum: f64, count: usize) {
        let unbiased = count as f64 / (count.max(2) - 1) as f64;
        let toward = |running: &mut f32, value: f64| {
            *running = ((1.0 - momentum) * f64::from(*running) + momentum * value) as f32;
        };
        for (running, &mean) in self.mean.iter_mut().zip(&batch.mean) {
            toward(running, mean.into());
        }
        for (running, &variance) in self.variance.iter_mut().zip(&batch.variance) {
            toward(running, f64::from(variance) * unbiased);
        }
    }

    /// Of a mini-batch, summed in f64.
    fn of(values: &[f32], images: usize, channels: usize, area: usize) -> Self {
        let count = (images * area) as f64;
        let per_channel = (0..channels).into_par_iter().map(|channel| {
            // From the first value on, so that squares stay small beside what they differ by.
            let origin = values.get(channel * area).copied().unwrap_or_default().into();
            let mut all = [0.0; 2];
            for image in 0..images {
                let [sum, squares] = moments(&values[(image * channels + channel) * area..][..area], origin);
                all = [all[0] + sum, all[1] + squares];
            }
            let beyond = all[0] / count;
            // Not below zero by rounding.
            let variance = all[1] / count - beyond * beyond;
            let (mean, variance) = (origin + beyond, if variance < 0.0 { 0.0 } else { variance });
            (mean as f32, variance as f32)
        });
        let (mean, variance) = per_channel.unzip();
        Statistics { mean, variance }
    }
}

/// `gamma` and `beta` have one value a channel. With `train` (a momentum) the mini-batch's statistics are used and `running`
/// follows them. For the backward pass the input is kept. `wants_parameters` says whether somebody wants gradients of γ and β.
pub fn batch_norm<T: Tape<f32, Cpu>>(
    input: Values<T>,
    (gamma, beta): (&Row, &Row),
    running: &mut Statistics,
    eps: f64,
    train: Option<f64>,
    wants_parameters: bool,
) -> Values<T> {
    let dims @ (images, channels, height, width) = *input.shape();
    let area = height * width;
    let (mut input, tape) = input.split_tape();
    let x = view::values(&input);
    let statistics = match train {
        Some(momentum) => {
            let batch = Statistics::of(&x, images, channels, area);
            running.follow(&batch, momentum, images * area);
            batch
        }
        None => running.clone(),
    };
    let mean = statistics.mean;
    let inverse: Vec<f32> = statistics.variance.iter().map(|&v| (1.0 / (f64::from(v) + eps).sqrt()) as f32).collect();
    let (gammas, betas) = (view::values(gamma), view::values(beta));
    // What a plane's values become: (x − mean)·scale + shift.
    let norm = |plane: usize| {
        let channel = plane % channels;
        let (scale, mean, shift) = (gammas[channel] * inverse[channel], mean[channel], betas[channel]);
        #[inline(always)]
        move |x: f32| (x - mean) * scale + shift
    };
    let normed =
        |x: &[f32]| fresh(x.len(), area, |plane| x[plane * area..][..area].iter().copied().map(norm(plane)), |_| ());
    if !T::OWNS_TAPE {
        drop(x);
        if let Some(values) = view::values_mut(&mut input) {
            // Nobody reads the input again, so its place is taken.
            values.par_chunks_exact_mut(area).enumerate().for_each(|(plane, values)| {
                let norm = norm(plane);
                widest(
                    #[inline(always)]
                    || values.iter_mut().for_each(|x| *x = norm(*x)),
                );
            });
            return input.put_tape(tape);
        }
        let values = normed(&view::values(&input));
        return record(input.put_tape(tape), true, values, dims, &[], |_| ());
    }
    let values = normed(&x);
    drop(x);
    let (kept_input, kept_gamma) = (input.clone(), gamma.clone());
    let training = train.is_some();
    let parameters = [gamma, beta];
    record(
        input.put_tape(tape),
        true,
        values,
        dims,
        if wants_parameters { &parameters } else { &[] },
        move |Backward { upstream, to_input, to_parameters }| {
            let (x, gamma) = (view::values(&kept_input), view::values(&kept_gamma));
            let plane = |image: usize, channel: usize| (image * channels + channel) * area..;
            // Σ dy·x̂ and Σ dy of each channel.
            let sums: Vec<(f64, f64)> = (0..channels)
                .into_par_iter()
                .map(|channel| {
                    let mut sums = (0.0, 0.0);
                    for image in 0..images {
                        let (dy, x) = (&upstream[plane(image, channel)][..area], &x[plane(image, channel)][..area]);
                        let [along, sum] = products(dy, x, mean[channel], inverse[channel]);
                        sums = (sums.0 + along, sums.1 + sum);
                    }
                    sums
                })
                .collect();
            if let [to_gamma, to_beta] = to_parameters {
                for (channel, sums) in sums.iter().enumerate() {
                    to_gamma[channel] += sums.0 as f32;
                    to_beta[channel] += sums.1 as f32;
                }
            }
            let count = (images * area) as f64;
            to_input.par_chunks_exact_mut(area).enumerate().for_each(|(at, to_input)| {
                let channel = at % channels;
                let scale = gamma[channel] * inverse[channel];
                let (along, mean_dy) = match training {
                    true => ((sums[channel].0 / count) as f32, (sums[channel].1 / count) as f32),
                    false => (0.0, 0.0),
                };
                let (upstream, x) = (&upstream[at * area..][..area], &x[at * area..][..area]);
                let (mean, inverse) = (mean[channel], inverse[channel]);
                widest(
                    #[inline(always)]
                    || {
                        for (sum, (dy, x)) in to_input.iter_mut().zip(upstream.iter().zip(x)) {
                            let normed = (x - mean) * inverse;
                            *sum += scale * (dy - mean_dy - normed * along);
                        }
                    },
                );
            });
        },
    )
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    const DIMS: super::super::Dims = (3, 4, 2, 3);

    fn by_definition(input: &[f64], parameters: &[Vec<f64>], of: impl Fn(&[f64]) -> (f64, f64)) -> Vec<f64> {
        let (images, channels, height, width) = DIMS;
        let area = height * width;
        let mut out = vec![0.0; input.len()];
        for (c, (gamma, beta)) in parameters[0].iter().zip(&parameters[1]).enumerate() {
            let places: Vec<usize> =
                (0..images).flat_map(|image| (0..area).map(move |at| (image * channels + c) * area + at)).collect();
            let (mean, variance) = of(&places.iter().map(|&place| input[place]).collect::<Vec<_>>());
            for place in places {
                out[place] = gamma * (input[place] - mean) / (variance + 1e-5).sqrt() + beta;
            }
        }
        out
    }

    #[test]
    fn training_normalises_by_the_mini_batch_with_gradients_through_its_statistics() {
        let definition = |input: &[f64], parameters: &[Vec<f64>]| {
            by_definition(input, parameters, |values| {
                let mean = values.iter().sum::<f64>() / values.len() as f64;
                (mean, values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / values.len() as f64)
            })
        };
        let operation = |input, rows: &[Row]| {
            batch_norm(input, (&rows[0], &rows[1]), &mut Statistics::new(4), 1e-5, Some(0.1), true)
        };
        check::against(DIMS, &[4, 4], operation, definition);
    }

    #[test]
    fn evaluation_uses_the_running_statistics_and_leaves_them() {
        let running = Statistics { mean: vec![0.5; 4], variance: vec![2.0; 4] };
        let operation = |input, rows: &[Row]| {
            let mut used = running.clone();
            let output = batch_norm(input, (&rows[0], &rows[1]), &mut used, 1e-5, None, true);
            assert_eq!(used, running);
            output
        };
        check::against(DIMS, &[4, 4], operation, |input, rows| by_definition(input, rows, |_| (0.5, 2.0)));
    }
}
