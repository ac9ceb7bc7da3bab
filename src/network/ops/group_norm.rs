//! Normalisation of each image by itself: over groups of channels (Wu & He 2018), over each channel (Ulyanov et al. 2016), or
//! over the channels at each position (ConvNeXt's layer norm).
//!
//! With x̂ = (x − μ)/√(σ² + ε) over the m values of a set (σ² biased), y = γ·x̂ + β, and g = γ·dy: dx = (g − mean g − x̂·mean(g·x̂))/
//! √(σ² + ε), dγ = Σ dy·x̂, dβ = Σ dy.

use dfdx::prelude::*;
use rayon::prelude::*;

use super::tape::{Backward, record};
use super::{Row, Values};
use crate::network::kernels::view;

/// Which values of an image are normalised together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// So many groups of neighbouring channels, at all positions.
    Groups(usize),
    /// All channels, at each position.
    Channels,
}

/// A set of values of one image: where it begins, how far apart its values are, how many there are.
#[derive(Clone, Copy)]
struct Set {
    first: usize,
    step: usize,
    count: usize,
}

impl Over {
    fn sets(self, channels: usize, area: usize) -> Vec<Set> {
        match self {
            Over::Groups(groups) => {
                let count = channels / groups * area;
                (0..groups).map(|group| Set { first: group * count, step: 1, count }).collect()
            }
            Over::Channels => (0..area).map(|first| Set { first, step: area, count: channels }).collect(),
        }
    }
}

impl Set {
    fn places(self) -> impl Iterator<Item = usize> {
        (0..self.count).map(move |at| self.first + at * self.step)
    }

    /// Mean and 1/√(σ² + ε).
    fn moments(self, image: &[f32], eps: f64) -> (f32, f32) {
        let count = self.count as f64;
        let mean = self.places().map(|at| f64::from(image[at])).sum::<f64>() / count;
        let variance = self.places().map(|at| (f64::from(image[at]) - mean).powi(2)).sum::<f64>() / count;
        (mean as f32, (1.0 / (variance + eps).sqrt()) as f32)
    }
}

/// γ and β have one value a channel, and may both be absent. For the backward pass the input is kept.
pub fn group_norm<T: Tape<f32, Cpu>>(
    input: Values<T>,
    affine: Option<(&Row, &Row)>,
    over: Over,
    eps: f64,
    wants_parameters: bool,
) -> Values<T> {
    let dims @ (images, channels, height, width) = *input.shape();
    let area = height * width;
    let (input, tape) = input.split_tape();
    let mut values = view::values(&input).to_vec();
    let sets = over.sets(channels, area);
    let rows = affine.map(|(gamma, beta)| (gamma.clone(), beta.clone()));
    {
        let gamma = rows.as_ref().map(|(gamma, beta)| (view::values(gamma), view::values(beta)));
        values.par_chunks_exact_mut(channels * area).for_each(|image| {
            for set in &sets {
                let (mean, inverse) = set.moments(image, eps);
                for at in set.places() {
                    let normed = (image[at] - mean) * inverse;
                    image[at] = match &gamma {
                        Some((gamma, beta)) => gamma[at / area] * normed + beta[at / area],
                        None => normed,
                    };
                }
            }
        });
    }
    let kept = input.clone();
    let wanted = affine.filter(|_| wants_parameters);
    let parameters: Vec<&Row> = wanted.into_iter().flat_map(|(gamma, beta)| [gamma, beta]).collect();
    record(
        input.put_tape(tape),
        true,
        values,
        dims,
        &parameters,
        move |Backward { upstream, to_input, to_parameters }| {
            let x = view::values(&kept);
            let gamma = rows.as_ref().map(|(gamma, _)| view::values(gamma));
            let factor = |at: usize| gamma.as_ref().map_or(1.0, |gamma| gamma[at / area]);
            let length = channels * area;
            // x̂ of each image once, for the parameters' gradients and the input's.
            let parts: Vec<Vec<(f32, f32)>> = (0..images)
                .into_par_iter()
                .map(|image| sets.iter().map(|set| set.moments(&x[image * length..][..length], eps)).collect())
                .collect();
            let set_of = |at: usize| match over {
                Over::Groups(groups) => at / (channels / groups * area),
                Over::Channels => at % area,
            };
            let normed = |image: usize, at: usize| {
                let (mean, inverse) = parts[image][set_of(at)];
                (x[image * length + at] - mean) * inverse
            };
            if let [to_gamma, to_beta] = to_parameters {
                let sums: Vec<(f64, f64)> = (0..channels)
                    .into_par_iter()
                    .map(|channel| {
                        let mut sums = (0.0, 0.0);
                        for image in 0..images {
                            for at in channel * area..(channel + 1) * area {
                                let dy = f64::from(upstream[image * length + at]);
                                sums.0 += dy * f64::from(normed(image, at));
                                sums.1 += dy;
                            }
                        }
                        sums
                    })
                    .collect();
                for (channel, sums) in sums.iter().enumerate() {
                    to_gamma[channel] += sums.0 as f32;
                    to_beta[channel] += sums.1 as f32;
                }
            }
            to_input.par_chunks_exact_mut(length).enumerate().for_each(|(image, to_input)| {
                let upstream = &upstream[image * length..][..length];
                for (set, (_, inverse)) in sets.iter().zip(&parts[image]) {
                    let (mut mean, mut along) = (0.0, 0.0);
                    for at in set.places() {
                        let gradient = f64::from(factor(at) * upstream[at]);
                        mean += gradient;
                        along += gradient * f64::from(normed(image, at));
                    }
                    let (mean, along) = ((mean / set.count as f64) as f32, (along / set.count as f64) as f32);
                    for at in set.places() {
                        to_input[at] += inverse * (factor(at) * upstream[at] - mean - normed(image, at) * along);
                    }
                }
            });
        },
    )
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    const DIMS: super::super::Dims = (2, 6, 2, 3);

    /// Normalises each set of `same(at)` of an image's values, then scales and shifts by channel.
    fn by_definition(input: &[f64], rows: &[Vec<f64>], same: impl Fn(usize) -> usize) -> Vec<f64> {
        let image = |image: &[f64]| {
            let of = |at: usize| {
                let set: Vec<f64> =
                    (0..36).filter(|&other| same(other) == same(at)).map(|other| image[other]).collect();
                let mean = set.iter().sum::<f64>() / set.len() as f64;
                let variance = set.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / set.len() as f64;
                let normed = (image[at] - mean) / (variance + 1e-5).sqrt();
                match rows {
                    [gamma, beta] => gamma[at / 6] * normed + beta[at / 6],
                    _ => normed,
                }
            };
            (0..36).map(of).collect::<Vec<_>>()
        };
        input.chunks(36).flat_map(image).collect()
    }

    #[test]
    fn groups_channels_and_positions_are_normalised_as_defined() {
        let affine = |rows: &'_ [Row]| (rows[0].clone(), rows[1].clone());
        let run = |over| {
            move |input, rows: &[Row]| {
                let (gamma, beta) = affine(rows);
                group_norm(input, Some((&gamma, &beta)), over, 1e-5, true)
            }
        };
        check::against(DIMS, &[6, 6], run(Over::Groups(2)), |input, rows| by_definition(input, rows, |at| at / 18));
        check::against(DIMS, &[6, 6], run(Over::Groups(6)), |input, rows| by_definition(input, rows, |at| at / 6));
        check::against(DIMS, &[6, 6], run(Over::Channels), |input, rows| by_definition(input, rows, |at| at % 6));
        let plain = |input, _: &[Row]| group_norm(input, None, Over::Groups(6), 1e-5, true);
        check::against(DIMS, &[], plain, |input, rows| by_definition(input, rows, |at| at / 6));
    }
}
