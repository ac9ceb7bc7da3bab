//! Loss and accuracy of a network on images it does not learn from.

use std::ops::ControlFlow;

use super::accuracy::best_class;
use crate::network::kernels::view;
use crate::network::{Compiled, Mode};
use crate::run::data::DataSet;

/// Means over the images of a set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evaluation {
    pub loss: f64,
    pub accuracy: f64,
}

/// An image of the validation set with what the network made of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Judged {
    /// Pixels in 0 to 1, `[C, H, W]`; ready values as they are.
    pub pixels: Vec<f32>,
    pub label: usize,
    pub class: usize,
    pub probability: f64,
}

/// Runs a set through the network, `batch` images at a time. With `flip` an image's probabilities are the mean of its own
/// and its mirror image's. `samples` images, spread over the set, are given back. Images that cannot be read do
/// not count. `go_on` hears before each batch how many images are done; `None` if it says no.
pub fn evaluate(
    network: &mut Compiled,
    set: &DataSet,
    batch: usize,
    flip: bool,
    samples: usize,
    mut go_on: impl FnMut(usize) -> bool,
) -> Option<(Evaluation, Vec<Judged>)> {
    let width = network.input_dims().2;
    let (mut loss, mut right, mut seen) = (0.0, 0.0, 0.0);
    let mut judged = Vec::new();
    let shown = shown(set.len(), samples);
    let places: Vec<usize> = (0..set.len()).collect();
    for places in places.chunks(batch.max(1)) {
        if !go_on(places[0]) {
            return None;
        }
        let read: Vec<(usize, Vec<f32>)> =
            places.iter().filter_map(|&at| Some((at, set.sample(at, None).ok()?))).collect();
        let inputs: Vec<f32> = read.iter().flat_map(|(_, values)| values).copied().collect();
        if read.is_empty() {
            continue;
        }
        let mirrored = flip.then(|| {
            let mut mirrored = inputs.clone();
            mirrored.chunks_mut(width.max(1)).for_each(<[f32]>::reverse);
            probabilities(network, mirrored, read.len())
        });
        let mut rows = probabilities(network, inputs, read.len());
        for (row, other) in rows.iter_mut().zip(mirrored.iter().flatten()) {
            row.iter_mut().zip(other).for_each(|(own, other)| *own = (*own + other) / 2.0);
        }
        for ((at, _), row) in read.iter().zip(&rows) {
            let (label, class) = (set.label(*at), best_class(row));
            // A probability too small for f64 would make the mean infinite.
            loss -= row[label].max(f64::MIN_POSITIVE).ln();
            right += f64::from(u8::from(class == label));
            seen += 1.0;
            if shown.binary_search(at).is_ok() {
                let pixels = set.plain(*at).unwrap_or_default();
                judged.push(Judged { pixels, label, class, probability: row[class] });
            }
        }
    }
    let seen = f64::max(seen, 1.0);
    Some((Evaluation { loss: loss / seen, accuracy: right / seen }, judged))
}

/// So many places of a set, spread over it by a stride that shares no rhythm with classes in turn.
fn shown(images: usize, samples: usize) -> Vec<usize> {
    const STRIDE: usize = 7919;
    let mut places: Vec<usize> = (0..samples).map(|at| at * STRIDE % images.max(1)).collect();
    places.sort_unstable();
    places.dedup();
    places
}

fn probabilities(network: &mut Compiled, inputs: Vec<f32>, images: usize) -> Vec<Vec<f64>> {
    let batch = network.batch(inputs);
    let logits = network.forward(batch, Mode::Evaluate, false, |_, _| ControlFlow::Continue(()));
    let logits = logits.map_or_else(Vec::new, |logits| view::values(&logits).into_owned());
    let classes = (logits.len() / images.max(1)).max(1);
    logits.chunks(classes).map(crate::run::forward::probabilities).collect()
}
