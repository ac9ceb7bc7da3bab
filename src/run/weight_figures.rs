//! Tensors of a weights file looked into: what their values are like, which filters are dead, what is no number.

use super::forward::Statistics;
use crate::exchange::weights::{Entry, TensorFile, WeightsError};
use crate::network::compress::Precision;

/// Bars of a histogram.
pub const BARS: usize = 16;

/// One tensor's values.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorFigures {
    pub statistics: Statistics,
    pub not_numbers: u64,
    pub infinite: u64,
    /// How many values lie in each of equally wide parts from the least to the most.
    pub histogram: [u64; BARS],
    /// Output channels whose weights are all 0, or a millionth of what is usual in this tensor.
    pub dead: Vec<usize>,
}

/// Below this part of the median channel's length one is dead.
const DEAD: f64 = 1e-6;

impl TensorFigures {
    /// Of a tensor that is there. A file's own first axis is that of output channels.
    pub fn read(file: &TensorFile, entry: &Entry) -> Result<TensorFigures, WeightsError> {
        Ok(TensorFigures::of(&file.read(entry)?, &entry.shape))
    }

    fn of(values: &[f32], shape: &[usize]) -> TensorFigures {
        let statistics = Statistics::of(values);
        let not_numbers = values.iter().filter(|value| value.is_nan()).count() as u64;
        let mut histogram = [0; BARS];
        let (least, most) = (f64::from(statistics.min), f64::from(statistics.max));
        let width = (most - least) / BARS as f64;
        for value in values.iter().filter(|value| value.is_finite()) {
            let bar = if width > 0.0 { ((f64::from(*value) - least) / width) as usize } else { BARS / 2 };
            histogram[bar.min(BARS - 1)] += 1;
        }
        let infinite = statistics.non_finite as u64 - not_numbers;
        TensorFigures { statistics, not_numbers, infinite, histogram, dead: dead(values, shape) }
    }
}

fn dead(values: &[f32], shape: &[usize]) -> Vec<usize> {
    let channels = shape.first().copied().unwrap_or(0);
    if shape.len() < 2 || channels < 2 || values.len() < channels {
        return Vec::new();
    }
    let length = |channel: &[f32]| channel.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
    let lengths: Vec<f64> = values.chunks(values.len() / channels).map(length).collect();
    let mut sorted: Vec<f64> = lengths.iter().copied().filter(|own| own.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let usual = sorted.get(sorted.len() / 2).copied().unwrap_or(0.0);
    let is_dead = |own: &f64| *own == 0.0 || *own < DEAD * usual;
    lengths.iter().enumerate().filter(|(_, own)| is_dead(own)).map(|(channel, _)| channel).collect()
}

/// Bytes of a file's weights in a format; what is not a weight is left out.
pub fn bytes_in(file: &TensorFile, precision: Option<Precision>) -> u64 {
    let floats = file.entries.iter().filter(|entry| entry.is_float());
    let bytes = floats.map(|entry| {
        let values = entry.elements() as u64;
        let channels = if entry.shape.len() < 2 { values } else { entry.shape[0] as u64 };
        precision.map_or(4 * values, |own| own.bytes(channels, values / channels.max(1)))
    });
    bytes.sum()
}

/// The convs of a file that may read a picture: four axes, of which the second has three channels or one; the likeliest first.
pub fn picture_filters(file: &TensorFile) -> Vec<&Entry> {
    let reads_picture = |entry: &&Entry| {
        entry.is_float()
            && matches!(entry.shape.as_slice(), [outputs, 1 | 3, height, width] if outputs * height * width > 0)
    };
    let mut found: Vec<&Entry> = file.entries.iter().filter(reads_picture).collect();
    // Depthwise convs have one input channel each and come one after another; a conv on colours goes before them, and of several
    // the one that goes by the least number, as first ones do. Upsampling stands at the end of networks.
    let numbers = |name: &str| -> Vec<u64> {
        name.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
    };
    let is_late = |name: &str| ["up", "dec", "dw", "depthwise"].iter().any(|word| name.to_lowercase().contains(word));
    found.sort_by_key(|entry| {
        (std::cmp::Reverse(entry.shape[1]), is_late(&entry.name), entry.name.matches('.').count(), numbers(&entry.name))
    });
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tensor_is_told_by_its_values_and_its_dead_channels() {
        let mut values = vec![0.5f32; 40];
        values[..10].fill(0.0);
        values[20..30].fill(1e-9);
        values[0] = f32::NAN;
        values[1] = f32::INFINITY;
        values[39] = -1.1;
        let own = TensorFigures::of(&values, &[4, 10]);
        assert_eq!((own.not_numbers, own.infinite, own.dead.as_slice()), (1, 1, &[2][..]));
        assert_eq!(own.histogram.iter().sum::<u64>(), 38);
        // From −1.1 to 0.5 in steps of 0.1: zeros in the twelfth, halves in the last.
        assert_eq!((own.histogram[0], own.histogram[15]), (1, 19));
        let zeros = TensorFigures::of(&[0.0; 8], &[2, 4]);
        assert_eq!((zeros.dead.as_slice(), zeros.histogram[8]), (&[0, 1][..], 8));
        assert!(TensorFigures::of(&[0.0, 1.0], &[2]).dead.is_empty(), "a bias has no channels");
    }
}
