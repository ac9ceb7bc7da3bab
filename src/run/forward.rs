//! A network run forward, layer by layer, with times and statistics.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use dfdx::shapes::HasShape;

use crate::network::kernels::view;
use crate::network::{Compiled, Mode, Values};

/// What a layer's output looks like over the mini-batch. Non-finite values count in `non_finite` alone.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Statistics {
    pub mean: f64,
    pub std: f64,
    pub min: f32,
    pub max: f32,
    /// Part of the values that are exactly 0.
    pub zero_fraction: f64,
    pub non_finite: usize,
}

impl Statistics {
    pub fn of(values: &[f32]) -> Self {
        let finite = || values.iter().copied().filter(|value| value.is_finite());
        let count = finite().count();
        if count == 0 {
            let (mean, std, zero_fraction) = (f64::NAN, f64::NAN, f64::NAN);
            let (min, max) = (f32::NAN, f32::NAN);
            return Statistics { mean, std, min, max, zero_fraction, non_finite: values.len() };
        }
        let mean = finite().map(f64::from).sum::<f64>() / count as f64;
        let variance = finite().map(|value| (f64::from(value) - mean).powi(2)).sum::<f64>() / count as f64;
        Statistics {
            mean,
            std: variance.sqrt(),
            min: finite().fold(f32::INFINITY, f32::min),
            max: finite().fold(f32::NEG_INFINITY, f32::max),
            zero_fraction: finite().filter(|&value| value == 0.0).count() as f64 / values.len() as f64,
            non_finite: values.len() - count,
        }
    }
}

/// One layer's turn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LayerRun {
    pub index: usize,
    pub time: Duration,
    pub statistics: Statistics,
}

/// A mini-batch that went through the network.
#[derive(Debug, Clone, PartialEq)]
pub struct Forward {
    pub images: usize,
    /// Of the run whose total time is the median, so that the times add up to it.
    pub layers: Vec<LayerRun>,
    /// Total of the layers' times, run by run.
    pub times: Vec<Duration>,
    /// The last layer's output, image by image.
    pub logits: Vec<Vec<f32>>,
}

impl Forward {
    pub fn median(&self) -> Duration {
        let mut sorted = self.times.clone();
        sorted.sort();
        sorted.get((sorted.len().max(1) - 1) / 2).copied().unwrap_or_default()
    }

    pub fn fastest(&self) -> Duration {
        self.times.iter().min().copied().unwrap_or_default()
    }
}

/// Runs a mini-batch `runs` times. `after` sees each layer as it ends and may stop the work, which then gives `None`.
pub fn forward(
    network: &mut Compiled,
    batch: &Values,
    runs: usize,
    mut after: impl FnMut(&LayerRun) -> ControlFlow<()>,
) -> Option<Forward> {
    let images = batch.shape().0;
    let mut all: Vec<Vec<LayerRun>> = Vec::new();
    let mut logits = Vec::new();
    for run in 0..runs.max(1) {
        let mut layers: Vec<LayerRun> = Vec::with_capacity(network.layers.len());
        let mut started = Instant::now();
        let output = network.forward(batch.clone(), Mode::Evaluate, false, |index, output| {
            let time = started.elapsed();
            // The values are the same in every run, so only the first one looks at them.
            let statistics = match all.first() {
                None => Statistics::of(&view::values(output)),
                Some(first) => first[index].statistics,
            };
            let layer = LayerRun { index, time, statistics };
            layers.push(layer);
            let go_on = after(&layer);
            started = Instant::now();
            go_on
        })?;
        if run == 0 {
            let values = view::values(&output);
            logits = values.chunks(network.outputs().max(1)).map(<[f32]>::to_vec).collect();
        }
        all.push(layers);
    }
    let total = |layers: &[LayerRun]| layers.iter().map(|layer| layer.time).sum::<Duration>();
    let times: Vec<Duration> = all.iter().map(|layers| total(layers)).collect();
    all.sort_by_key(|layers| total(layers));
    let layers = all.swap_remove((all.len() - 1) / 2);
    Some(Forward { images, layers, times, logits })
}

/// exp(x − max x) / Σ, for logits that a network's last layer left as they are.
pub fn probabilities(logits: &[f32]) -> Vec<f64> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let shares: Vec<f64> = logits.iter().map(|&logit| (f64::from(logit) - f64::from(largest)).exp()).collect();
    let sum: f64 = shares.iter().sum();
    shares.into_iter().map(|share| share / sum).collect()
}

/// The `count` most probable classes with their probabilities, the first first.
pub fn top(probabilities: &[f64], count: usize) -> Vec<(usize, f64)> {
    let mut ranked: Vec<(usize, f64)> = probabilities.iter().copied().enumerate().collect();
    ranked.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
    ranked.truncate(count);
    ranked
}

/// Noise as input: N(0, 1), the same for the same seed.
pub fn noise(values: usize, seed: u64) -> Vec<f32> {
    use rand::{RngExt, SeedableRng};
    let mut generator = rand_xoshiro::Xoshiro256PlusPlus::seed_from_u64(crate::network::random::mix(seed, u64::MAX));
    (0..values).map(|_| generator.sample::<f32, _>(rand_distr::StandardNormal)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_leave_out_what_is_not_finite_and_count_it() {
        let statistics = Statistics::of(&[0.0, 2.0, f32::NAN, f32::INFINITY]);
        assert_eq!((statistics.mean, statistics.std), (1.0, 1.0));
        assert_eq!((statistics.min, statistics.max, statistics.non_finite), (0.0, 2.0, 2));
        assert_eq!(statistics.zero_fraction, 0.25);
    }

    #[test]
    fn the_most_probable_come_first_and_equals_in_class_order() {
        assert_eq!(top(&[0.1, 0.4, 0.1, 0.4], 3), [(1, 0.4), (3, 0.4), (0, 0.1)]);
        let even = probabilities(&[1000.0, 1000.0]);
        assert_eq!(even, [0.5, 0.5]);
    }
}
