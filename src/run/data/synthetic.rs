//! Generated images that need no file and can be learned: every class has a pattern of its own, a sum of a few waves; an
//! image is its class's pattern with noise over it.

use rand::{RngExt, SeedableRng};
use rand_distr::StandardNormal;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::{DataError, DataSet, Images, Read, Wanted};
use crate::network::random::mix;
use crate::run::machine;

/// Images of a generated data set, fewer where they are large.
const IMAGES: u64 = 512;
/// Most values of a generated data set: 64 MiB.
const VALUES: u64 = 16 << 20;

/// A training set, and a validation set a quarter as large with the same patterns under other noise.
pub fn make(wanted: &Wanted) -> Result<Read, DataError> {
    let input = wanted.input();
    let (height, width) = (input.height as usize, input.width as usize);
    let one = input.channels as usize * height * width;
    let images = (VALUES / (one as u64).max(1)).clamp(16, IMAGES) as usize;
    let patterns = wanted.classes.min(images);
    machine::check(4 * one as u64 * (images + images / 4 + patterns) as u64)?;
    let pattern = |class: usize| -> Vec<f32> {
        let mut generator = Xoshiro256PlusPlus::seed_from_u64(mix(wanted.seed, class as u64));
        let mut values = Vec::with_capacity(one);
        for _ in 0..input.channels {
            let waves: Vec<[f32; 3]> =
                (0..3).map(|_| [0, 1, 2].map(|_| generator.random::<f32>() * std::f32::consts::TAU)).collect();
            for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
                let (v, u) = (y as f32 / height as f32, x as f32 / width as f32);
                values.push(waves.iter().map(|[a, b, phase]| (a * 2.0 * v + b * 2.0 * u + phase).sin()).sum());
            }
        }
        values
    };
    let patterns: Vec<Vec<f32>> = (0..patterns).map(pattern).collect();
    let noisy = |images: usize, stream: u64| {
        let mut generator = Xoshiro256PlusPlus::seed_from_u64(mix(wanted.seed, stream));
        let mut inputs = Vec::with_capacity(images * one);
        let labels: Vec<u32> = (0..images).map(|image| (image % patterns.len().max(1)) as u32).collect();
        for &label in &labels {
            let values = patterns[label as usize].iter();
            inputs.extend(values.map(|value| value + generator.sample::<f32, _>(StandardNormal)));
        }
        DataSet::new(Images::Ready(inputs), labels, wanted.architecture)
    };
    Ok(Read {
        train: noisy(images, u64::MAX - 1),
        second: Some(noisy(images / 4, u64::MAX - 3)),
        names: Vec::new(),
        notes: Vec::new(),
    })
}
