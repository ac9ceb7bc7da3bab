//! The mini-batches of a run, made beside the training step: images are read, changed and normalised in a thread of their
//! own while the network works on the batch before.

use std::sync::mpsc::{SyncSender, sync_channel};

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::{Progress, Recipe};
use crate::network::random::mix;
use crate::run::data::mixing::{self, Mixed};
use crate::run::data::{Augment, DataSet};

/// Images of one update.
pub struct Batch {
    /// `[N, C, H, W]`.
    pub inputs: Vec<f32>,
    pub labels: Vec<usize>,
    /// The labels of what its images were mixed with.
    pub mixed: Option<Mixed>,
    /// Images of the epoch's order taken when this batch is.
    pub place: u64,
    /// Whether it is the epoch's last.
    pub is_last: bool,
    /// Why images were left out of it.
    pub broken: Vec<String>,
}

/// Batches that are ready before they are asked for.
const AHEAD: usize = 2;

/// Gives `work` the batches from where `progress` stands, epoch after epoch.
pub fn with_batches<R>(
    set: &DataSet,
    recipe: &Recipe,
    augment: &Augment,
    progress: &Progress,
    work: impl FnOnce(&mut dyn Iterator<Item = Batch>) -> R,
) -> R {
    let from = (progress.epoch, progress.place as usize);
    let (sender, batches) = sync_channel(AHEAD);
    std::thread::scope(|scope| {
        scope.spawn(move || make(set, recipe, augment, from, &sender));
        // The receiver goes with the iterator, which ends the thread.
        work(&mut batches.into_iter())
    })
}

fn make(set: &DataSet, recipe: &Recipe, augment: &Augment, from: (u64, usize), sender: &SyncSender<Batch>) {
    let mut start = from.1;
    for epoch in from.0..=recipe.epochs {
        let order = order(set.len(), epoch, recipe);
        let seed = mix(mix(recipe.seed, u64::MAX - 4), epoch);
        while start < order.len() {
            let places = &order[start..(start + recipe.batch.max(1)).min(order.len())];
            start += places.len();
            let mut batch = Batch {
                inputs: Vec::new(),
                labels: Vec::with_capacity(places.len()),
                mixed: None,
                place: start as u64,
                is_last: start == order.len(),
                broken: Vec::new(),
            };
            for &at in places {
                // A decoder that panics on a broken file loses that file, not the run.
                let sample = || set.sample(at, (!augment.is_nothing()).then_some((augment, seed)));
                let sampled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(sample));
                match sampled.unwrap_or_else(|_| Err(format!("image {at} cannot be decoded").into())) {
                    Ok(values) => {
                        batch.inputs.extend(values);
                        batch.labels.push(set.label(at));
                    }
                    Err(why) => batch.broken.push(why.0),
                }
            }
            let seed = mix(mix(mix(recipe.seed, u64::MAX - 5), epoch), start as u64);
            let alphas = (recipe.mixup, recipe.cutmix);
            batch.mixed = mixing::mix(&mut batch.inputs, &batch.labels, set.sides(), alphas, seed);
            if sender.send(batch).is_err() {
                return;
            }
        }
        start = 0;
    }
}

/// The order of the images in an epoch: theirs, or shuffled by the seed and the epoch.
fn order(images: usize, epoch: u64, recipe: &Recipe) -> Vec<usize> {
    let mut order: Vec<usize> = (0..images).collect();
    if recipe.shuffle {
        order.shuffle(&mut Xoshiro256PlusPlus::seed_from_u64(mix(recipe.seed, epoch)));
    }
    order
}
