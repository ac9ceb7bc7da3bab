//! Times of several networks on the same work, run in turn so that a machine's moods fall on all alike.

use std::time::{Duration, Instant};

use super::forward::noise;
use crate::model::Network;
use crate::network::init::Init;
use crate::network::{Compiled, Mode};

/// Median and fastest forward pass of one network.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Timing {
    pub median: Duration,
    pub fastest: Duration,
}

/// Runs every network `runs` times on one image of noise, interleaved, after one run each that does not count.
pub fn interleaved(networks: &[Network], runs: usize, seed: u64) -> Vec<Timing> {
    let mut compiled: Vec<Compiled> =
        networks.iter().map(|network| Compiled::initialised(network, Init::Kaiming, seed)).collect();
    let mut times = vec![Vec::new(); networks.len()];
    for run in 0..=runs.max(1) {
        for (network, times) in compiled.iter_mut().zip(&mut times) {
            let (channels, height, width) = network.input_dims();
            let batch = network.batch(noise(channels * height * width, seed));
            let started = Instant::now();
            let output = network.forward(batch, Mode::Evaluate, false, |_, _| std::ops::ControlFlow::Continue(()));
            let elapsed = started.elapsed();
            drop(output);
            if run > 0 {
                times.push(elapsed);
            }
        }
    }
    times
        .into_iter()
        .map(|mut times| {
            times.sort();
            Timing { median: times[(times.len() - 1) / 2], fastest: times[0] }
        })
        .collect()
}
