//! Loss and accuracy of a network on images it does not learn from.

use super::accuracy::best_class;
use crate::network::Compiled;
use crate::network::kernels::view;
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
    mut go_on: impl FnMut(usize) -> bool,
) -> Option<Looked> {
    let width = network.input_dims().2;
    let (mut loss, mut right, mut seen) = (0.0, 0.0, 0.0);
    let mut looked = Looked::default();
    let shown = shown(set.len(), samples);
    let places: Vec<usize> = (0..set.len()).collect();
    for places in places.chunks(batch.max(1)) {
        if !go_on(places[0]) {
            return None;
        }
        let mut read: Vec<(usize, Vec<f32>)> = Vec::with_capacity(places.len());
        for &at in places {
            match set.sample(at, None) {
                Ok(values) => read.push((at, values)),
                Err(why) => looked.broken.push(why),
            }
        }
        let inputs: Vec<f32> = read.iter().flat_map(|(_, values)| values).copied().collect();
        if read.is_empty() {
            continue;
        }
        let mirrored = flip.then(|| {
            let mut mirrored = inputs.clone();
            mirrored.chunks_mut(width.max(1)).for_each(<[f32]>::reverse);
            log_probabilities(network, mirrored, read.len())
        });
        let mut rows = log_probabilities(network, inputs, read.len());
        for (row, other) in rows.iter_mut().zip(mirrored.iter().flatten()) {
            row.iter_mut().zip(other).for_each(|(own, other)| *own = log_mean(*own, *other));
        }
        for ((at, _), row) in read.iter().zip(&rows) {
            let (label, class) = (set.label(*at), best_class(row));
            loss -= row[label];
            right += f64::from(u8::from(class == label));
            seen += 1.0;
            if shown.binary_search(at).is_ok() {
                let pixels = set.plain(*at).unwrap_or_default();
                looked.judged.push(Judged { pixels, label, class, probability: row[class].exp() });
            }
        }
    }
    looked.evaluation = (seen > 0.0).then(|| Evaluation { loss: loss / seen, accuracy: right / seen });
    Some(looked)
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
