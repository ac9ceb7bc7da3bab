//! Each layer of a network against what the machine could do: its intensity, the time that it would take at least, the time that
//! it took.

use std::ops::ControlFlow;

use super::measure::{self, Timing};
use super::peak::Peak;
use crate::graph::{Graph, Layer};

/// One layer on a mini-batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Reached {
    pub index: usize,
    pub flops: f64,
    pub bytes: f64,
    /// Seconds that the machine needs at least, see [`Peak::least_seconds`].
    pub least: f64,
    /// Seconds that it took: the median of the runs.
    pub taken: f64,
}

impl Reached {
    fn of(network: &Graph, layer: &Layer, images: u64, taken: f64, peak: &Peak) -> Reached {
        let flops = 2.0 * layer.macs as f64 * images as f64;
        let bytes = network.bytes_moved(layer, images) as f64;
        Reached { index: layer.index, flops, bytes, least: peak.least_seconds(flops, bytes), taken }
    }

    /// FLOPs per byte.
    pub fn intensity(&self) -> f64 {
        self.flops / self.bytes.max(1.0)
    }

    /// 10⁹ FLOP/s.
    pub fn gflops(&self) -> f64 {
        self.flops / self.taken.max(1e-9) / 1e9
    }

    /// Part of what the machine could do: above 1 where an algorithm needs fewer multiplications than are counted.
    pub fn part(&self) -> f64 {
        self.least / self.taken.max(1e-9)
    }

    /// Seconds that might be gained.
    pub fn lost(&self) -> f64 {
        (self.taken - self.least).max(0.0)
    }
}

/// Runs a network on noise, and sets each layer against the machine; none where `after` stops it.
pub fn roofline(
    network: &Graph,
    images: usize,
    runs: usize,
    peak: &Peak,
    after: impl FnMut(usize) -> ControlFlow<()>,
) -> Option<Vec<Reached>> {
    let timings = measure::interleaved(&[network], images, runs, 0, after)?;
    let Timing { layers, .. } = timings.into_iter().next()?;
    let reached = network.layers.iter().zip(layers);
    let reached = reached.map(|(layer, time)| Reached::of(network, layer, images as u64, time.as_secs_f64(), peak));
    Some(reached.collect())
}
