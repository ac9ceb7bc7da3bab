//! A network run forward, layer by layer, with times and statistics.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use dfdx::shapes::HasShape;

use crate::network::kernels::view;
use crate::network::{Compiled, Mode, Values};

/// What a layer's output looks like over the mini-batch. Non-finite values count in `non_finite` alone.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Statistics {
    /// How many values there are.
    pub count: usize,
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
            return Statistics { count: values.len(), mean, std, min, max, zero_fraction, non_finite: values.len() };
        }
        let mean = finite().map(f64::from).sum::<f64>() / count as f64;
        let variance = finite().map(|value| (f64::from(value) - mean).powi(2)).sum::<f64>() / count as f64;
        Statistics {
            count: values.len(),
            mean,
            std: variance.sqrt(),
            min: finite().fold(f32::INFINITY, f32::min),
            max: finite().fold(f32::NEG_INFINITY, f32::max),
            zero_fraction: finite().filter(|&value| value == 0.0).count() as f64 / values.len() as f64,
            non_finite: values.len() - count,
        }
    }

    /// Of the values of both, after Chan, Golub and LeVeque (1983).
    pub fn merged(&self, other: &Statistics) -> Statistics {
        let finite = |own: &Statistics| (own.count - own.non_finite) as f64;
        let (ours, theirs) = (finite(self), finite(other));
        let all = Statistics {
            count: self.count + other.count,
            non_finite: self.non_finite + other.non_finite,
            ..if ours > 0.0 { *self } else { *other }
        };
        if ours == 0.0 || theirs == 0.0 {
            let zeros = all.zero_fraction * if ours > 0.0 { self.count } else { other.count } as f64;
            return Statistics { zero_fraction: zeros / all.count as f64, ..all };
        }
        let apart = other.mean - self.mean;
        let squares =
            self.std.powi(2) * ours + other.std.powi(2) * theirs + apart.powi(2) * ours * theirs / (ours + theirs);
        let zeros = self.zero_fraction * self.count as f64 + other.zero_fraction * other.count as f64;
        Statistics {
            mean: self.mean + apart * theirs / (ours + theirs),
            std: (squares / (ours + theirs)).sqrt(),
            min: self.min.min(other.min),
            max: self.max.max(other.max),
            zero_fraction: zeros / all.count as f64,
            ..all
        }
    }
}

/// Which channels of `[N, C, H, W]` are not 0 everywhere.
fn alive(values: &[f32], channels: usize, area: usize) -> Vec<bool> {
    let mut alive = vec![false; channels];
    for (at, plane) in values.chunks(area.max(1)).enumerate() {
        alive[at % channels.max(1)] |= plane.iter().any(|value| *value != 0.0);
    }
    alive
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
    /// Of each layer, which channels are not 0 everywhere.
    pub alive: Vec<Vec<bool>>,
    /// Total of the layers' times, run by run.
    pub times: Vec<Duration>,
    /// The last layer's output, image by image.
    pub logits: Vec<Vec<f32>>,
}

impl Forward {
    /// Total of the layers' times.
    pub fn time(&self) -> Duration {
        self.layers.iter().map(|layer| layer.time).sum()
    }

    pub fn fastest(&self) -> Duration {
        self.times.iter().min().copied().unwrap_or_default()
    }
}

/// The median time of `runs` evaluations of a mini-batch at once, by [`Compiled::predict`], after one that does not count; `None`
/// where `goes_on` says no between them.
pub fn at_once(
    network: &mut Compiled,
    batch: &Values,
    runs: usize,
    mut goes_on: impl FnMut() -> bool,
) -> Option<Duration> {
    // What walking kept of its weights would be held beside what this keeps.
    network.parameters_changed();
    let mut times = Vec::with_capacity(runs);
    for run in 0..=runs {
        if !goes_on() {
            return None;
        }
        let started = Instant::now();
        network.predict(batch.clone())?;
        if run > 0 {
            times.push(started.elapsed());
        }
    }
    times.sort();
    times.get(times.len().saturating_sub(1) / 2).copied()
}

/// Runs a mini-batch `runs` times. `after` sees each layer as it ends and may stop the work, which then gives what the runs
/// came to that are whole, or `None`.
pub fn forward(
    network: &mut Compiled,
    batch: &Values,
    runs: usize,
    mut after: impl FnMut(&LayerRun) -> ControlFlow<()>,
) -> Option<Forward> {
    let images = batch.shape().0;
    let mut all: Vec<Vec<LayerRun>> = Vec::new();
    let (mut logits, mut living) = (Vec::new(), Vec::new());
    for run in 0..runs.max(1) {
        let mut layers: Vec<LayerRun> = Vec::with_capacity(network.layers.len());
        let mut started = Instant::now();
        let output = network.forward(batch.clone(), Mode::Evaluate, false, |index, output| {
            let time = started.elapsed();
            // The values are the same in every run, so only the first one looks at them.
            let statistics = match all.first() {
                None => {
                    let (values, (_, channels, height, width)) = (view::values(output), *output.shape());
                    living.push(alive(&values, channels, height * width));
                    Statistics::of(&values)
                }
                Some(first) => first[index].statistics,
            };
            let layer = LayerRun { index, time, statistics };
            layers.push(layer);
            let go_on = after(&layer);
            started = Instant::now();
            go_on
        });
        let Some(output) = output else { break };
        if run == 0 {
            let values = view::values(&output);
            logits = values.chunks(network.outputs().max(1)).map(<[f32]>::to_vec).collect();
        }
        all.push(layers);
    }
    let total = |layers: &[LayerRun]| layers.iter().map(|layer| layer.time).sum::<Duration>();
    let times: Vec<Duration> = all.iter().map(|layers| total(layers)).collect();
    if all.is_empty() {
        return None;
    }
    all.sort_by_key(|layers| total(layers));
    let layers = all.swap_remove((all.len() - 1) / 2);
    Some(Forward { images, layers, alive: living, times, logits })
}

/// How many mini-batches' times are kept: enough for a median.
const TIMED: usize = 512;

/// What many mini-batches came to, one after the other.
#[derive(Debug, Default)]
pub struct Gathered {
    timed: Vec<Forward>,
    statistics: Vec<Statistics>,
    alive: Vec<Vec<bool>>,
    batches: usize,
}

impl Gathered {
    pub fn is_empty(&self) -> bool {
        self.batches == 0
    }

    pub fn add(&mut self, mut done: Forward) {
        self.batches += 1;
        done.logits.clear();
        if self.statistics.is_empty() {
            self.statistics = done.layers.iter().map(|layer| layer.statistics).collect();
            self.alive = std::mem::take(&mut done.alive);
        } else {
            for (own, layer) in self.statistics.iter_mut().zip(&done.layers) {
                *own = own.merged(&layer.statistics);
            }
            for (own, other) in self.alive.iter_mut().flatten().zip(done.alive.drain(..).flatten()) {
                *own |= other;
            }
        }
        if self.timed.len() < TIMED {
            self.timed.push(done);
        }
    }

    /// Statistics over all mini-batches, and the times of the one that took the median of those that are full. The first is
    /// slower than all that follow, so it only counts alone, or where it `is_warm`. With how many times count.
    pub fn whole(mut self, is_warm: bool) -> Option<(Forward, usize)> {
        let full = self.timed.iter().map(|done| done.images).max()?;
        let mut counting: Vec<Forward> = std::mem::take(&mut self.timed);
        let is_alone = counting.iter().filter(|done| done.images == full).count() == 1;
        if !is_warm && !is_alone {
            counting.remove(0);
        }
        counting.retain(|done| done.images == full);
        counting.sort_by_key(Forward::time);
        let times: Vec<Duration> = counting.iter().flat_map(|done| done.times.iter().copied()).collect();
        let count = counting.len();
        let mut median = counting.swap_remove((count - 1) / 2);
        for (layer, statistics) in median.layers.iter_mut().zip(self.statistics) {
            layer.statistics = statistics;
        }
        Some((Forward { alive: self.alive, times, ..median }, count))
    }
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
    fn statistics_of_parts_are_those_of_the_whole() {
        let values: Vec<f32> = (0..100).map(|at| ((at * 37 % 29) as f32 - 9.0).max(0.0) * 0.3).collect();
        let whole = Statistics::of(&values);
        for cut in [1, 40, 99] {
            let merged = Statistics::of(&values[..cut]).merged(&Statistics::of(&values[cut..]));
            assert!((merged.mean - whole.mean).abs() < 1e-12 && (merged.std - whole.std).abs() < 1e-12, "{merged:?}");
            assert_eq!((merged.min, merged.max, merged.count), (whole.min, whole.max, 100));
            assert!((merged.zero_fraction - whole.zero_fraction).abs() < 1e-12);
        }
        let none = Statistics::of(&[f32::NAN, f32::NAN]);
        let merged = none.merged(&Statistics::of(&[0.0, 2.0]));
        assert_eq!((merged.mean, merged.non_finite, merged.zero_fraction), (1.0, 2, 0.25));
    }

    #[test]
    fn mini_batches_are_timed_without_the_first_and_judged_together() {
        let batch = |images: usize, ms: u64, value: f32| Forward {
            images,
            layers: vec![LayerRun {
                index: 0,
                time: Duration::from_millis(ms),
                statistics: Statistics::of(&vec![value; images]),
            }],
            alive: vec![vec![value > 0.0, false]],
            times: vec![Duration::from_millis(ms)],
            logits: vec![vec![0.0]; images],
        };
        let mut gathered = Gathered::default();
        // Cold, three as they are, and a smaller rest.
        for own in [batch(4, 90, 0.0), batch(4, 12, 1.0), batch(4, 10, 1.0), batch(4, 11, 2.0), batch(1, 3, 2.0)] {
            gathered.add(own);
        }
        let (whole, counted) = gathered.whole(false).expect("some");
        assert_eq!((counted, whole.images, whole.time()), (3, 4, Duration::from_millis(11)));
        assert_eq!(whole.layers[0].time, whole.time(), "the layers' times add up to the total");
        assert!((whole.layers[0].statistics.mean - 18.0 / 17.0).abs() < 1e-12);
        assert_eq!(whole.alive, [[true, false]]);
    }

    #[test]
    fn the_most_probable_come_first_and_equals_in_class_order() {
        assert_eq!(top(&[0.1, 0.4, 0.1, 0.4], 3), [(1, 0.4), (3, 0.4), (0, 0.1)]);
        let even = probabilities(&[1000.0, 1000.0]);
        assert_eq!(even, [0.5, 0.5]);
    }
}
