//! What goes wrong in training, said with the layer where it begins and what to try.

use std::ops::ControlFlow;

use dfdx::shapes::HasShape;

use super::Recipe;
use crate::graph::liveness;
use crate::network::kernels::view;
use crate::network::{Compiled, Mode, Values};

/// Steps whose mean loss is looked at together.
const WINDOW: usize = 50;
/// Steps after warming up at which a loss that has not moved is called stuck. Plain networks with small linear weights
/// take up to a hundred to begin.
const PATIENCE: [u64; 2] = [200, 2000];
/// Steps after which a run that ends is told that it has learned nothing.
const AT_THE_END: usize = 20;
/// A loss is as good as guessing from so much less than ln(classes) on.
const NEAR: f64 = 0.99;
/// A loss falls if it is less than this part of what it was.
const STAYS: f64 = 0.98;
/// A loss so many times that of guessing has exploded.
const EXPLODED: f64 = 10.0;

/// Watches the losses of a run.
#[derive(Debug, Default)]
pub struct Watch {
    last: std::collections::VecDeque<f64>,
    /// The steps of [`PATIENCE`] that are behind.
    looked: usize,
    said_stuck: bool,
    said_exploding: bool,
}

/// What a loss looks like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Trouble {
    /// As good as guessing.
    Stuck {
        loss: f64,
    },
    Exploding {
        loss: f64,
    },
}

impl Watch {
    /// Takes the loss of a step, from 1 after warming up, and says what is wrong, each thing when it is first seen. A run that
    /// goes on in the middle is watched from there.
    pub fn step(&mut self, step: u64, loss: f64, classes: usize, is_last: bool) -> Option<Trouble> {
        let guessing = (classes.max(2) as f64).ln();
        self.last.push_back(loss);
        if self.last.len() > WINDOW {
            self.last.pop_front();
        }
        if loss > EXPLODED * guessing && !self.said_exploding {
            self.said_exploding = true;
            return Some(Trouble::Exploding { loss });
        }
        let mean = self.last.iter().sum::<f64>() / self.last.len() as f64;
        let waited = PATIENCE.get(self.looked).is_some_and(|patience| step >= *patience) && self.last.len() == WINDOW;
        if waited {
            self.looked += PATIENCE[self.looked..].iter().take_while(|patience| step >= **patience).count();
        }
        let is_due = waited || is_last && !self.said_stuck && self.last.len() >= AT_THE_END;
        // A loss that is still exploded has been told of; one that falls is on its way, however high it is.
        let half = self.last.len() / 2;
        let part = |from: usize, to: usize| self.last.range(from..to).sum::<f64>() / (to - from).max(1) as f64;
        let (before, lately) = (part(0, half), part(half, self.last.len()));
        let stays = lately >= NEAR * guessing && lately >= STAYS * before && lately <= EXPLODED * guessing;
        let is_stuck = is_due && stays;
        self.said_stuck |= is_stuck;
        is_stuck.then_some(Trouble::Stuck { loss: mean })
    }
}

/// How much the images of a mini-batch differ behind a layer: the standard deviation over the images, as the root of its
/// mean square over all values.
fn variation(values: &[f32], images: usize) -> f64 {
    let one = values.len() / images.max(1);
    let mut sum = 0.0;
    for at in 0..one {
        let own = || (0..images).map(|image| f64::from(values[image * one + at]));
        let mean = own().sum::<f64>() / images as f64;
        sum += own().map(|value| (value - mean).powi(2)).sum::<f64>() / images as f64;
    }
    (sum / one.max(1) as f64).sqrt()
}

/// What happened to a mini-batch on its way through the network.
#[derive(Debug, Clone, PartialEq)]
pub enum Where {
    /// All values behind this layer are 0.
    Dead(String),
    /// Behind this layer the images differ so many times less than at the input.
    Vanished(String, f64),
    /// Behind this layer the images differ so many times more than at the input.
    Grown(String, f64),
    /// The layer whose output differs least from image to image, and how many times less than the input.
    Least(String, f64),
}

/// A factor by which differences have vanished or grown.
const FAR: f64 = 1e-2;

/// Follows a mini-batch through the network, as in training but without dropout, and finds where its signal is lost.
pub fn trace(network: &mut Compiled, batch: &Values) -> Option<Where> {
    let images = batch.shape().0;
    let at_input = variation(&view::values(batch), images);
    // Batch norms follow every training batch; this one is not to be learned from.
    let running = network.running.clone();
    let (mut found, mut least) = (None, (1.0, String::new()));
    let names: Vec<String> = network.layers.iter().map(|layer| layer.name.clone()).collect();
    // Images may well differ little in what a gate lets through.
    let leads = liveness::main_path(&network.layers);
    network.forward(batch.clone(), Mode::Train { dropout_seed: None }, false, |index, output| {
        if !leads[index] {
            return ControlFlow::Continue(());
        }
        let values = view::values(output);
        let ratio = variation(&values, images) / at_input.max(f64::MIN_POSITIVE);
        let name = || names[index].clone();
        if values.iter().all(|&value| value == 0.0) {
            found = Some(Where::Dead(name()));
        } else if ratio < FAR {
            found = Some(Where::Vanished(name(), ratio));
        } else if ratio > 1.0 / FAR {
            found = Some(Where::Grown(name(), ratio));
        } else if ratio < least.0 {
            least = (ratio, name());
        }
        if found.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    network.running = running;
    found.or_else(|| (!least.1.is_empty()).then_some(Where::Least(least.1, least.0)))
}

/// The trouble in words.
pub fn describe(trouble: Trouble, place: Option<Where>, classes: usize, recipe: &Recipe) -> String {
    let mut words = match trouble {
        Trouble::Stuck { loss } => {
            format!(
                "the loss stays at {loss:.3}, and guessing gives ln({classes}) = {:.3}: no better than guessing",
                (classes as f64).ln()
            )
        }
        Trouble::Exploding { loss } => {
            format!("the loss is {loss:.3e}, far above the {:.2} of guessing", (classes as f64).ln())
        }
    };
    let more = match place {
        Some(Where::Dead(layer)) => format!("; behind `{layer}` every value is 0"),
        Some(Where::Vanished(layer, ratio)) => {
            format!("; from `{layer}` on images differ {} times less than at the input", whole(1.0 / ratio))
        }
        Some(Where::Grown(layer, ratio)) => {
            format!("; from `{layer}` on images differ {} times more than at the input", whole(ratio))
        }
        Some(Where::Least(layer, ratio)) => {
            format!("; images differ least behind `{layer}`, {ratio:.2} of the input's")
        }
        None => String::new(),
    };
    words += &more;
    words += match trouble {
        Trouble::Stuck { .. } if recipe.init != crate::network::init::Init::Kaiming => {
            ". Try `--init kaiming`, `norm: batch` on the convs, or another `--lr`"
        }
        Trouble::Stuck { .. } => ". Try `norm: batch` on the convs, fewer layers, or another `--lr`",
        Trouble::Exploding { .. } => ". Try a lower `--lr`, `--warmup`, `--clip 1`, or `--init kaiming`",
    };
    words
}

fn whole(number: f64) -> String {
    crate::run::trace::times(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_that_stays_at_guessing_is_stuck_and_one_that_falls_is_not() {
        let (mut stuck, mut falls) = (Watch::default(), Watch::default());
        let mut said = Vec::new();
        for step in 1..=3000 {
            if stuck.step(step, 10f64.ln() + if step % 2 == 0 { 0.01 } else { -0.01 }, 10, step == 3000).is_some() {
                said.push(step);
            }
            assert_eq!(falls.step(step, 2.3 / (1.0 + step as f64 / 50.0), 10, step == 3000), None);
        }
        assert_eq!(said, [200, 2000]);
    }

    #[test]
    fn a_short_run_and_one_that_goes_on_are_told_too() {
        let said = |from: u64, to: u64, loss: f64| -> Vec<u64> {
            let mut watch = Watch::default();
            (from..=to).filter(|&step| watch.step(step, loss, 10, step == to).is_some()).collect()
        };
        assert_eq!(said(1, 48, 2.304), [48], "at the end of a run of one epoch");
        assert_eq!(said(1, 10, 2.304), [0u64; 0], "too early to tell");
        assert_eq!(said(191, 400, 2.304), [240], "when there are enough losses again");
        assert_eq!(said(1, 400, 3.1), [200], "worse than guessing is no better");
        assert_eq!(said(1, 400, 2.1), [0u64; 0]);
        // High, but on its way down.
        let mut falls = Watch::default();
        assert!((1..=48).all(|step| falls.step(step, 6.0 - step as f64 / 12.0, 10, step == 48).is_none()));
        // It exploded, and lies dead since.
        let mut dead = Watch::default();
        assert!(matches!(dead.step(1, 30.0, 10, false), Some(Trouble::Exploding { .. })));
        let told: Vec<u64> = (2..=400).filter(|&step| dead.step(step, 2.303, 10, false).is_some()).collect();
        assert_eq!(told, [200]);
    }

    #[test]
    fn an_exploding_loss_is_said_once() {
        let mut watch = Watch::default();
        assert_eq!(watch.step(1, 2.3, 10, false), None);
        assert_eq!(watch.step(2, 50.0, 10, false), Some(Trouble::Exploding { loss: 50.0 }));
        assert_eq!(watch.step(3, 60.0, 10, false), None);
    }

    #[test]
    fn images_that_are_equal_do_not_vary() {
        assert_eq!(variation(&[1.0, 2.0, 1.0, 2.0], 2), 0.0);
        // Two images of one value each, 0 and 2: mean 1, deviation 1.
        assert_eq!(variation(&[0.0, 2.0], 2), 1.0);
    }
}
