//! Local response normalisation across channels, PyTorch's `LocalResponseNorm`: y = x·d^−β with
//! d = k + α/n · Σ x², over the n channels from c − ⌊n/2⌋ on.
//!
//! dx_i = dy_i·d_i^−β − 2αβ/n · x_i · Σ_j dy_j·x_j·d_j^(−β−1), over the channels j whose window holds i.

use dfdx::prelude::*;
use rayon::prelude::*;

use super::Values;
use super::tape::record;
use crate::network::kernels::view;
use crate::spec::describe::Lrn;

/// The channels in the window of channel `c`.
fn window(c: usize, size: usize, channels: usize) -> std::ops::Range<usize> {
    c.saturating_sub(size / 2)..(c + (size - 1) / 2 + 1).min(channels)
}

/// d at every value of one image.
fn denominators(image: &[f32], channels: usize, area: usize, lrn: Lrn) -> Vec<f32> {
    let share = (lrn.alpha / lrn.size as f64) as f32;
    let mut sums = vec![lrn.k as f32; image.len()];
    for c in 0..channels {
        for other in window(c, lrn.size as usize, channels) {
            let source = &image[other * area..][..area];
            sums[c * area..][..area].iter_mut().zip(source).for_each(|(sum, x)| *sum += share * x * x);
        }
    }
    sums
}

/// For the backward pass the input is kept; d is worked out again.
pub fn lrn<T: Tape<f32, Cpu>>(input: Values<T>, lrn: Lrn) -> Values<T> {
    let dims @ (_, channels, height, width) = *input.shape();
    let (area, beta) = (height * width, lrn.beta as f32);
    let (input, tape) = input.split_tape();
    let mut values = view::values(&input).to_vec();
    values.par_chunks_exact_mut(channels * area).for_each(|image| {
        let denominators = denominators(image, channels, area, lrn);
        image.iter_mut().zip(denominators).for_each(|(x, d)| *x *= d.powf(-beta));
    });
    let kept = input.clone();
    record(input.put_tape(tape), true, values, dims, &[], move |pass| {
        let x = view::values(&kept);
        let images = pass.to_input.par_chunks_exact_mut(channels * area);
        let images = images.zip(pass.upstream.par_chunks_exact(channels * area));
        images.zip(x.par_chunks_exact(channels * area)).for_each(|((to_input, upstream), x)| {
            let denominators = denominators(x, channels, area, lrn);
            let factor = (2.0 * lrn.alpha * lrn.beta / lrn.size as f64) as f32;
            for (at, sum) in to_input.iter_mut().enumerate() {
                *sum += upstream[at] * denominators[at].powf(-beta);
            }
            for j in 0..channels {
                // dy·x·d^(−β−1) of channel j goes to every channel in its window.
                let at = j * area..(j + 1) * area;
                let spread: Vec<f32> =
                    at.map(|at| factor * upstream[at] * x[at] * denominators[at].powf(-beta - 1.0)).collect();
                for i in window(j, lrn.size as usize, channels) {
                    for (position, spread) in spread.iter().enumerate() {
                        to_input[i * area + position] -= spread * x[i * area + position];
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
    fn values_and_gradients_are_those_of_the_definition() {
        for size in [1usize, 2, 3, 5, 9] {
            let settings = Lrn { size: size as u64, alpha: 0.7, beta: 0.75, k: 1.5 };
            let definition = |input: &[f64], _: &[Vec<f64>]| {
                let (channels, area) = (6, 4);
                let at = |index: usize| {
                    let (image, c, position) = (index / (channels * area), index / area % channels, index % area);
                    // PyTorch pads n/2 zero channels in front and (n − 1)/2 behind, then averages n neighbours.
                    let neighbours = (0..size).map(|n| (c + n).wrapping_sub(size / 2)).filter(|&n| n < channels);
                    let squares: f64 =
                        neighbours.map(|n| input[image * channels * area + n * area + position].powi(2)).sum();
                    input[index] / (1.5 + 0.7 * squares / size as f64).powf(0.75)
                };
                (0..input.len()).map(at).collect()
            };
            check::against((2, 6, 2, 2), &[], |input, _| lrn(input, settings), definition);
        }
    }
}
