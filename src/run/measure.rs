//! Times of several networks on the same work, run in turn so that a machine's moods fall on all alike.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::forward::noise;
use super::machine::{self, TooLarge};
use crate::graph::kernel_study::{Candidate, Kernel, Study};
use crate::graph::{self, Graph};
use crate::network::init::Init;
use crate::network::{Compiled, Mode};
use crate::spec::{Library, LoadError, Origin};

/// Forward passes of one network.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Timing {
    pub median: Duration,
    pub fastest: Duration,
    pub slowest: Duration,
    /// Median time of each layer.
    pub layers: Vec<Duration>,
}

/// Runs every network `runs` times on one mini-batch of noise, interleaved, after one run each that does not count. `after`
/// hears after every layer how many runs are done, and may stop the work, which then gives `None`.
pub fn interleaved(
    networks: &[&Graph],
    images: usize,
    runs: usize,
    seed: u64,
    mut after: impl FnMut(usize) -> ControlFlow<()>,
) -> Option<Vec<Timing>> {
    let mut compiled = Vec::with_capacity(networks.len());
    for network in networks {
        if after(0).is_break() {
            return None;
        }
        compiled.push(Compiled::initialised(network, Init::Kaiming, seed));
    }
    // For every network, run by run, the time of each layer.
    let mut times: Vec<Vec<Vec<Duration>>> = vec![Vec::new(); networks.len()];
    let mut done = 0;
    for run in 0..=runs.max(1) {
        for (network, times) in compiled.iter_mut().zip(&mut times) {
            let (channels, height, width) = network.input_dims();
            let batch = network.batch(noise(images * channels * height * width, seed));
            let mut layers = Vec::with_capacity(network.layers.len());
            let mut started = Instant::now();
            network.forward(batch, Mode::Evaluate, false, |_, _| {
                layers.push(started.elapsed());
                let go_on = after(done);
                started = Instant::now();
                go_on
            })?;
            done += 1;
            if run > 0 {
                times.push(layers);
            }
        }
    }
    Some(times.iter().map(|runs| timing(runs)).collect())
}

fn timing(runs: &[Vec<Duration>]) -> Timing {
    let median = |mut times: Vec<Duration>| {
        times.sort();
        times.get(times.len().saturating_sub(1) / 2).copied().unwrap_or_default()
    };
    let totals: Vec<Duration> = runs.iter().map(|layers| layers.iter().sum()).collect();
    let layers = (0..runs.first().map_or(0, Vec::len)).map(|layer| median(runs.iter().map(|run| run[layer]).collect()));
    Timing {
        layers: layers.collect(),
        fastest: totals.iter().min().copied().unwrap_or_default(),
        slowest: totals.iter().max().copied().unwrap_or_default(),
        median: median(totals),
    }
}

/// The runs that [`interleaved`] makes, those that do not count included.
pub fn total_runs(networks: usize, runs: usize) -> usize {
    networks * (runs.max(1) + 1)
}

/// The ways of a kernel study as networks that can be run: their convs with a ReLU behind each.
pub fn of_study(study: &Study, candidates: &[Candidate]) -> Result<Vec<Graph>, LoadError> {
    let library = Library::new(None);
    let networks = candidates.iter().map(|candidate| {
        let layers: Vec<String> = candidate.kernels.iter().map(layer).collect();
        let (channels, size) = (study.in_channels, study.size);
        let text = format!("input: [{channels}, {size}, {size}]\nlayers: [{}]\n", layers.join(", "));
        let loaded = library.load_text(&Origin::File("kernels.yaml".into()), text, &[])?;
        graph::analyse(&loaded).map_err(LoadError::Invalid)
    });
    networks.collect()
}

fn layer(kernel: &Kernel) -> String {
    let Kernel { height, width, output, groups, .. } = kernel;
    format!("conv: {{out: {output}, kernel: [{height}, {width}], groups: {groups}, bias: false, activation: relu}}")
}

/// Refuses networks that would not fit into memory side by side.
pub fn check_memory(networks: &[&Graph], images: u64) -> Result<(), TooLarge> {
    machine::check(networks.iter().map(|network| graph::memory::inference(network, images)).sum())
}
