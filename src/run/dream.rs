//! What a channel answers to most: an input that gradient ascent makes for it (Erhan et al. 2009), kept natural by the usual means
//! (Yosinski et al. 2015, Mordvintsev et al. 2015): it decays, is blurred now and then, and is shifted a little before each step.

use std::ops::ControlFlow;

use dfdx::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::forward::noise;
use crate::network::kernels::view;
use crate::network::{Compiled, Mode};

/// An input made for a channel, and the channel's mean before and after.
#[derive(Debug, Clone, PartialEq)]
pub struct Dream {
    /// `[C, H, W]`, in the units of a preprocessed input.
    pub values: Vec<f32>,
    pub before: f32,
    pub after: f32,
}

/// How natural it is kept.
#[derive(Debug, Clone, Copy)]
pub struct Regularisers {
    pub steps: usize,
    /// How far a step goes, in root mean squares of the gradient.
    pub rate: f32,
    /// What stays of the input at each step.
    pub decay: f32,
    /// Steps between two blurs with 1 2 1; none with 0.
    pub blur_every: usize,
    /// Most pixels that it is shifted by.
    pub jitter: usize,
}

impl Default for Regularisers {
    fn default() -> Self {
        Regularisers { steps: 48, rate: 0.1, decay: 0.99, blur_every: 4, jitter: 4 }
    }
}

/// Climbs from noise towards what maximises the mean of a channel of a layer's output. `after` hears which step is done and may stop the
/// work, which then gives `None`.
pub fn maximise(
    network: &mut Compiled,
    layer: usize,
    channel: usize,
    regularisers: Regularisers,
    seed: u64,
    mut after: impl FnMut(usize) -> ControlFlow<()>,
) -> Option<Dream> {
    let (channels, height, width) = network.input_dims();
    let mut dice = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut values: Vec<f32> = noise(channels * height * width, seed).into_iter().map(|value| 0.2 * value).collect();
    // No gradients of parameters.
    let all = vec![true; network.layers.len()];
    let frozen = std::mem::replace(&mut network.frozen, all);
    let (mut first, mut last) = (f32::NAN, f32::NAN);
    let whole = (0..=regularisers.steps).try_for_each(|step| {
        let most = regularisers.jitter.min(height / 8).min(width / 8) as i64;
        let shift = [0, 1].map(|_| if most > 0 { dice.random_range(-most..=most) } else { 0 });
        let shifted = rolled(&values, (channels, height, width), shift);
        let input = network.batch(shifted);
        let go_on = |_: usize, _: &_| ControlFlow::Continue(());
        let output = network.forward_to(layer + 1, input.leaky_trace(), Mode::Evaluate, true, go_on)?;
        let (_, maps, rows, columns) = *output.shape();
        let area = rows * columns;
        let mut chosen = vec![0.0; maps * area];
        chosen[channel * area..(channel + 1) * area].fill(1.0 / area as f32);
        let shape = *output.shape();
        let weights = view::tensor(output.device(), chosen, shape);
        let mean = (output * weights).sum::<Rank0, _>();
        last = mean.array();
        if step == 0 {
            first = last;
        }
        // The last turn only measures.
        if step == regularisers.steps {
            return Some(());
        }
        let gradient = mean.backward().get(&input).as_vec();
        let gradient = rolled(&gradient, (channels, height, width), shift.map(|by| -by));
        let square: f32 = gradient.iter().map(|value| value * value).sum::<f32>() / gradient.len().max(1) as f32;
        let scale = regularisers.rate / square.sqrt().max(1e-12);
        if square > 0.0 && square.is_finite() {
            for (value, slope) in values.iter_mut().zip(&gradient) {
                *value = regularisers.decay * *value + scale * slope;
            }
        }
        let blurs = regularisers.blur_every > 0 && (step + 1) % regularisers.blur_every == 0;
        if blurs && step + 1 < regularisers.steps {
            blur(&mut values, (height, width));
        }
        match after(step + 1) {
            ControlFlow::Continue(()) => Some(()),
            ControlFlow::Break(()) => None,
        }
    });
    network.frozen = frozen;
    whole?;
    Some(Dream { values, before: first, after: last })
}

/// Shifted by rows and columns; what leaves on one side comes in on the other.
fn rolled(values: &[f32], (channels, height, width): (usize, usize, usize), [down, right]: [i64; 2]) -> Vec<f32> {
    let from = |at: usize, by: i64, length: usize| (at as i64 - by).rem_euclid(length as i64) as usize;
    let mut moved = Vec::with_capacity(values.len());
    for plane in values.chunks(height * width).take(channels) {
        for row in 0..height {
            let line = &plane[from(row, down, height) * width..][..width];
            moved.extend((0..width).map(|column| line[from(column, right, width)]));
        }
    }
    moved
}

/// Each plane with 1 2 1 over 4, along rows and columns; the edges repeat.
fn blur(values: &mut [f32], (height, width): (usize, usize)) {
    let smooth = |line: &mut [f32]| {
        let before = line.to_vec();
        for at in 0..line.len() {
            let (left, right) = (before[at.saturating_sub(1)], before[(at + 1).min(before.len() - 1)]);
            line[at] = (left + 2.0 * before[at] + right) / 4.0;
        }
    };
    for plane in values.chunks_mut(height * width) {
        plane.chunks_mut(width).for_each(smooth);
        for column in 0..width {
            let mut line: Vec<f32> = (0..height).map(|row| plane[row * width + column]).collect();
            smooth(&mut line);
            line.into_iter().enumerate().for_each(|(row, value)| plane[row * width + column] = value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph;
    use crate::network::init::Init;
    use crate::spec::{Library, Origin};

    fn compiled(text: &str) -> Compiled {
        let loaded = Library::new(None).load_text(&Origin::File("net.yaml".into()), text.into(), &[]).expect("sound");
        Compiled::initialised(&graph::analyse(&loaded).expect("fits"), Init::Kaiming, 7)
    }

    #[test]
    fn what_a_filter_answers_to_most_is_itself() {
        // One window over the whole input: the best input of a given length is the filter (Cauchy and Schwarz).
        let mut network =
            compiled("input: [3, 9, 9]\nlayers:\n  - conv: {out: 4, kernel: 9, padding: 0, bias: false}\n");
        let bare = Regularisers { steps: 60, rate: 0.5, decay: 0.9, blur_every: 0, jitter: 0 };
        let made = maximise(&mut network, 0, 2, bare, 1, |_| ControlFlow::Continue(())).expect("not stopped");
        let filter: Vec<f32> = {
            let one = |at: usize| {
                let mut input = vec![0.0; 3 * 81];
                input[at] = 1.0;
                let input = network.batch(input);
                let go_on = |_: usize, _: &_| ControlFlow::Continue(());
                let output = network.forward_to(1, input.leaky_trace(), Mode::Evaluate, true, go_on).expect("ran");
                output.as_vec()[2]
            };
            (0..3 * 81).map(one).collect()
        };
        let dot = |one: &[f32], other: &[f32]| one.iter().zip(other).map(|(one, other)| one * other).sum::<f32>();
        let cosine = dot(&made.values, &filter) / (dot(&made.values, &made.values) * dot(&filter, &filter)).sqrt();
        assert!(cosine > 0.99, "{cosine}");
        assert!(made.after > made.before);
    }

    #[test]
    fn a_channel_deep_inside_rises_and_the_work_can_be_stopped() {
        let text = "input: [3, 32, 32]\nlayers: [conv3-8, relu, maxpool, conv3-16, relu]\n";
        let mut network = compiled(text);
        let go_on = |_| ControlFlow::Continue(());
        let made = maximise(&mut network, 4, 3, Regularisers::default(), 1, go_on).expect("not stopped");
        assert!(made.after > 2.0 * made.before.max(0.01), "{} to {}", made.before, made.after);
        let stopped = maximise(&mut network, 4, 3, Regularisers::default(), 1, |_| ControlFlow::Break(()));
        assert_eq!(stopped, None);
    }

    #[test]
    fn rolling_there_and_back_changes_nothing() {
        let values: Vec<f32> = (0..2 * 3 * 5).map(|at| at as f32).collect();
        let there = rolled(&values, (2, 3, 5), [1, -2]);
        assert_ne!(there, values);
        assert_eq!(rolled(&there, (2, 3, 5), [-1, 2]), values);
    }
}
