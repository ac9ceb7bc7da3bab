//! Times of several networks on the same work, run in turn so that a machine's moods fall on all alike.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use super::forward::noise;
use super::machine::{self, TooLarge};
use crate::model::kernel_study::{Candidate, Kernel, Study};
use crate::model::{self, Network};
use crate::network::init::Init;
use crate::network::{Compiled, Mode};
use crate::spec::{Library, LoadError, Origin};

/// Median and fastest forward pass of one network.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Timing {
    pub median: Duration,
    pub fastest: Duration,
}

/// Runs every network `runs` times on one image of noise, interleaved, after one run each that does not count. `after`
/// hears after every layer how many runs are done, and may stop the work, which then gives `None`.
pub fn interleaved(
    networks: &[&Network],
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
    let mut times = vec![Vec::new(); networks.len()];
    let mut done = 0;
    for run in 0..=runs.max(1) {
        for (network, times) in compiled.iter_mut().zip(&mut times) {
            let (channels, height, width) = network.input_dims();
            let batch = network.batch(noise(channels * height * width, seed));
            let started = Instant::now();
            let output = network.forward(batch, Mode::Evaluate, false, |_, _| after(done));
            let elapsed = started.elapsed();
            output?;
            done += 1;
            if run > 0 {
                times.push(elapsed);
            }
        }
    }
    let timings = times
        .into_iter()
        .map(|mut times| {
            times.sort();
            Timing { median: times[(times.len() - 1) / 2], fastest: times[0] }
        })
        .collect();
    Some(timings)
}

/// The runs that [`interleaved`] makes, those that do not count included.
pub fn total_runs(networks: usize, runs: usize) -> usize {
    networks * (runs.max(1) + 1)
}

/// The ways of a kernel study as networks that can be run: their convs with a ReLU behind each.
pub fn of_study(study: &Study, candidates: &[Candidate]) -> Result<Vec<Network>, LoadError> {
    let library = Library::new(None);
    let networks = candidates.iter().map(|candidate| {
        let layers: Vec<String> = candidate.kernels.iter().map(layer).collect();
        let (channels, size) = (study.in_channels, study.size);
        let text = format!("input: [{channels}, {size}, {size}]\nlayers: [{}]\n", layers.join(", "));
        let loaded = library.load_text(&Origin::File("kernels.yaml".into()), text, &[])?;
        model::analyse(&loaded).map_err(LoadError::Invalid)
    });
    networks.collect()
}

fn layer(kernel: &Kernel) -> String {
    let Kernel { height, width, output, groups, .. } = kernel;
    format!("conv: {{out: {output}, kernel: [{height}, {width}], groups: {groups}, bias: false, activation: relu}}")
}

/// Refuses networks that would not fit into memory side by side.
pub fn check_memory(networks: &[&Network]) -> Result<(), TooLarge> {
    machine::check(networks.iter().map(|network| model::memory::inference(network, 1)).sum())
}
