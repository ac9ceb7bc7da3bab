//! Images of a mini-batch mixed with one another, and their labels with them.
//!
//! * mixup (Zhang et al. 2017, equation 1 and its reference code): λ is drawn from Beta(α, α) once for a mini-batch, and image i
//!   becomes λ·x_i + (1 − λ)·x_j, j running through the mini-batch in a drawn order.
//! * CutMix (Yun et al. 2019, equations 1 and 2): a box of height H·√(1 − λ) and width W·√(1 − λ) around a drawn place, clipped to
//!   the image, is taken from x_j; λ then is the part that stayed.
//!
//! Where both are wanted, each mini-batch draws one of them. The loss is λ times that of label i and 1 − λ times that of label j.

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_distr::{Beta, Distribution};
use rand_xoshiro::Xoshiro256PlusPlus;

/// The other labels of a mini-batch that was mixed.
#[derive(Debug, Clone, PartialEq)]
pub struct Mixed {
    pub partners: Vec<usize>,
    /// How much the images' own labels count, 0 to 1.
    pub own: f64,
}

/// Rows from one up to before another, and columns.
type Box = [(usize, usize); 2];

/// Mixes a mini-batch, `[N, C, H, W]` with `sides` H and W, by α of mixup and of CutMix. None where neither is wanted.
pub fn mix(
    inputs: &mut [f32],
    labels: &[usize],
    sides: (usize, usize),
    (mixup, cutmix): (Option<f64>, Option<f64>),
    seed: u64,
) -> Option<Mixed> {
    let mut generator = Xoshiro256PlusPlus::seed_from_u64(seed);
    let (alpha, cuts) = match (mixup, cutmix) {
        (Some(mixup), Some(cutmix)) => match generator.random::<bool>() {
            true => (cutmix, true),
            false => (mixup, false),
        },
        (Some(alpha), None) => (alpha, false),
        (None, Some(alpha)) => (alpha, true),
        (None, None) => return None,
    };
    let lambda = Beta::new(alpha, alpha).ok()?.sample(&mut generator).clamp(0.0, 1.0);
    let mut order: Vec<usize> = (0..labels.len()).collect();
    order.shuffle(&mut generator);
    let partners = order.iter().map(|&at| labels[at]).collect();
    if !cuts {
        blend(inputs, &order, lambda);
        return Some(Mixed { partners, own: lambda });
    }
    let (height, width) = sides;
    let centre = (generator.random_range(0..height.max(1)), generator.random_range(0..width.max(1)));
    let part = cut(sides, centre, lambda);
    paste(inputs, &order, sides, part);
    let [rows, columns] = part.map(|(from, to)| (to - from) as f64);
    Some(Mixed { partners, own: 1.0 - rows * columns / ((height * width).max(1) as f64) })
}

/// Image i becomes λ·x_i + (1 − λ)·x_order[i].
fn blend(inputs: &mut [f32], order: &[usize], lambda: f64) {
    let before = inputs.to_vec();
    let one = inputs.len() / order.len().max(1);
    for (image, &other) in inputs.chunks_mut(one.max(1)).zip(order) {
        for (value, other) in image.iter_mut().zip(&before[other * one..]) {
            *value = (lambda * f64::from(*value) + (1.0 - lambda) * f64::from(*other)) as f32;
        }
    }
}

/// The box around a place, clipped to the image, as the paper's reference code rounds it.
fn cut((height, width): (usize, usize), (row, column): (usize, usize), lambda: f64) -> Box {
    let share = (1.0 - lambda).sqrt();
    let axis = |at: usize, length: usize| {
        let half = (length as f64 * share) as usize / 2;
        (at.saturating_sub(half), (at + half).min(length))
    };
    [axis(row, height), axis(column, width)]
}

/// Puts the box of x_order[i] into image i.
fn paste(inputs: &mut [f32], order: &[usize], (height, width): (usize, usize), [rows, columns]: Box) {
    let before = inputs.to_vec();
    let (one, area) = (inputs.len() / order.len().max(1), (height * width).max(1));
    for (image, &other) in inputs.chunks_mut(one.max(1)).zip(order) {
        let other = &before[other * one..][..one];
        for (plane, other) in image.chunks_mut(area).zip(other.chunks(area)) {
            for row in rows.0..rows.1 {
                let part = row * width + columns.0..row * width + columns.1;
                plane[part.clone()].copy_from_slice(&other[part]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_blended_by_hand() {
        let mut inputs = vec![1.0, 2.0, 10.0, 20.0];
        blend(&mut inputs, &[1, 0], 0.75);
        assert_eq!(inputs, [0.75 + 2.5, 1.5 + 5.0, 7.5 + 0.25, 15.0 + 0.5]);
    }

    #[test]
    fn a_box_is_as_large_as_the_paper_says_and_clipped() {
        // λ = 3/4: half of each side, 4 of 8 rows and 3 of 6 columns, of which one half on each side is whole pixels.
        assert_eq!(cut((8, 6), (4, 3), 0.75), [(2, 6), (2, 4)]);
        assert_eq!(cut((8, 6), (0, 5), 0.75), [(0, 2), (4, 6)]);
        assert_eq!(cut((8, 6), (4, 3), 1.0), [(4, 4), (3, 3)]);
        let mut inputs: Vec<f32> = (0..2 * 2 * 4).map(|at| at as f32).collect();
        // Two images of two channels of 2×2: the right column of each comes from the other.
        paste(&mut inputs, &[1, 0], (2, 2), [(0, 2), (1, 2)]);
        assert_eq!(inputs, [0., 9., 2., 11., 4., 13., 6., 15., 8., 1., 10., 3., 12., 5., 14., 7.]);
    }

    #[test]
    fn what_is_mixed_follows_from_the_seed_and_the_labels_count_as_much_as_the_pixels() {
        let labels: Vec<usize> = (0..8).collect();
        let fresh = || (0..8).flat_map(|image| vec![image as f32; 256]).collect::<Vec<f32>>();
        for alphas in [(Some(0.4), None), (None, Some(1.0)), (Some(0.4), Some(1.0))] {
            let (mut seen, mut sum) = (0.0, 0.0);
            for seed in 0..400 {
                let (mut one, mut other) = (fresh(), fresh());
                let mixed = mix(&mut one, &labels, (16, 16), alphas, seed).expect("mixed");
                assert_eq!(Some(&mixed), mix(&mut other, &labels, (16, 16), alphas, seed).as_ref());
                assert_eq!(one, other);
                for (image, (label, partner)) in labels.iter().zip(&mixed.partners).enumerate() {
                    let mean = one[image * 256..][..256].iter().sum::<f32>() / 256.0;
                    let expected = mixed.own * *label as f64 + (1.0 - mixed.own) * *partner as f64;
                    assert!((f64::from(mean) - expected).abs() < 1e-4, "{alphas:?}: {mean} for {expected}");
                }
                (seen, sum) = (seen + 1.0, sum + mixed.own);
            }
            // Beta(α, α) has mean ½; clipped boxes leave more.
            let mean: f64 = sum / seen;
            assert!(if alphas.1.is_none() { (mean - 0.5).abs() < 0.08 } else { (0.45..0.8).contains(&mean) }, "{mean}");
        }
        assert_eq!(mix(&mut fresh(), &labels, (16, 16), (None, None), 1), None);
    }
}
