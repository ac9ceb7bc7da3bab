//! What a network is worth on images it does not learn from: loss and accuracy, and all that can be said of single classes and
//! images ([`figures`]).

pub mod accuracy;
pub mod figures;
pub mod of_run;

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::sync_channel;

use crate::network::Compiled;
use crate::network::kernels::view;
use crate::run::data::DataSet;
use accuracy::best_class;

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

/// What came of looking at a set.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Looked {
    /// None where no image could be read.
    pub evaluation: Option<Evaluation>,
    pub judged: Vec<Judged>,
    /// Why images were left out.
    pub broken: Vec<String>,
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
    go_on: impl FnMut(usize) -> bool,
) -> Option<Looked> {
    let (mut loss, mut right, mut seen) = (0.0, 0.0, 0.0);
    let mut judged = Vec::new();
    let shown = shown(set.len(), samples);
    let row = |at: usize, row: &[f64]| {
        let (label, class) = (set.label(at), best_class(row));
        loss -= row[label];
        right += f64::from(u8::from(class == label));
        seen += 1.0;
        if shown.binary_search(&at).is_ok() {
            let pixels = set.plain(at).unwrap_or_default();
            judged.push(Judged { pixels, label, class, probability: row[class].exp() });
        }
    };
    let broken = each(network, set, batch, flip, row, go_on)?;
    let evaluation = (seen > 0.0).then(|| Evaluation { loss: loss / seen, accuracy: right / seen });
    Some(Looked { evaluation, judged, broken })
}

/// Mini-batches that are ready before they are asked for.
const AHEAD: usize = 2;

/// Images that were read, by place, and why others were not.
type Read = (Vec<(usize, Vec<f32>)>, Vec<String>);

/// Runs a set through the network; `row` gets every image's place and the logarithms of its classes' probabilities. The next
/// mini-batch is read while the network works on one. Gives why images were left out; `None` if `go_on` says no, which hears before
/// each mini-batch how many images are done.
pub fn each(
    network: &mut Compiled,
    set: &DataSet,
    batch: usize,
    flip: bool,
    mut row: impl FnMut(usize, &[f64]),
    mut go_on: impl FnMut(usize) -> bool,
) -> Option<Vec<String>> {
    let (batch, width) = (batch.max(1), network.input_dims().2);
    let (sender, parts) = sync_channel::<Read>(AHEAD);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for start in (0..set.len()).step_by(batch) {
                // The receiver goes with the work, which ends the thread.
                if sender.send(read(set, start..(start + batch).min(set.len()))).is_err() {
                    return;
                }
            }
        });
        let mut left_out = Vec::new();
        let mut done = 0;
        // Owned here, so that it is gone before the thread is waited for.
        let parts = parts;
        for start in (0..set.len()).step_by(batch) {
            if !go_on(done) {
                return None;
            }
            let Ok((read, broken)) = parts.recv() else { break };
            done = (start + batch).min(set.len());
            left_out.extend(broken);
            if read.is_empty() {
                continue;
            }
            let inputs: Vec<f32> = read.iter().flat_map(|(_, values)| values).copied().collect();
            let mirrored = flip.then(|| {
                let mut mirrored = inputs.clone();
                mirrored.chunks_mut(width.max(1)).for_each(<[f32]>::reverse);
                log_probabilities(network, mirrored, read.len())
            });
            let mut rows = log_probabilities(network, inputs, read.len());
            for (row, other) in rows.iter_mut().zip(mirrored.iter().flatten()) {
                row.iter_mut().zip(other).for_each(|(own, other)| *own = log_mean(*own, *other));
            }
            for ((at, _), own) in read.iter().zip(&rows) {
                row(*at, own);
            }
        }
        Some(left_out)
    })
}

/// Some images of a set. A decoder that panics on a broken file loses that file, not the work.
fn read(set: &DataSet, places: Range<usize>) -> Read {
    let (mut read, mut broken) = (Vec::with_capacity(places.len()), Vec::new());
    for at in places {
        let sample = catch_unwind(AssertUnwindSafe(|| set.sample(at, None)));
        match sample.unwrap_or_else(|_| Err(format!("{} cannot be decoded", set.name(at)).into())) {
            Ok(values) => read.push((at, values)),
            Err(why) => broken.push(why.0),
        }
    }
    (read, broken)
}

/// So many places of a set, spread over it by a stride that shares no rhythm with classes in turn.
fn shown(images: usize, samples: usize) -> Vec<usize> {
    const STRIDE: usize = 7919;
    let mut places: Vec<usize> = (0..samples).map(|at| at * STRIDE % images.max(1)).collect();
    places.sort_unstable();
    places.dedup();
    places
}

/// ln((eᵃ + eᵇ)/2).
fn log_mean(a: f64, b: f64) -> f64 {
    a.max(b) + (1.0 + (-(a - b).abs()).exp()).ln() - std::f64::consts::LN_2
}

/// Log softmax: x − ln Σ eˣ, with the largest taken out first, so that no confident mistake becomes infinite.
fn log_softmax(logits: &[f32]) -> Vec<f64> {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = logits.iter().map(|&x| (f64::from(x) - f64::from(most)).exp()).sum();
    logits.iter().map(|&x| f64::from(x) - f64::from(most) - sum.ln()).collect()
}

fn log_probabilities(network: &mut Compiled, inputs: Vec<f32>, images: usize) -> Vec<Vec<f64>> {
    let batch = network.batch(inputs);
    let logits = network.predict(batch);
    let logits = logits.map_or_else(Vec::new, |logits| view::values(&logits).into_owned());
    let classes = (logits.len() / images.max(1)).max(1);
    logits.chunks(classes).map(log_softmax).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_confident_mistake_costs_its_whole_gap_and_what_is_no_number_stays_none() {
        let row = log_softmax(&[2000.0, 0.0]);
        assert_eq!((row[0], row[1]), (0.0, -2000.0));
        assert!(log_softmax(&[f32::NAN, 0.0]).iter().all(|value| value.is_nan()));
        assert!((log_mean(0.5f64.ln(), 0.1f64.ln()) - 0.3f64.ln()).abs() < 1e-12);
    }
}
