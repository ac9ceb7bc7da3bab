//! What a network may cost: `budget:` in a file, and the same words on the command line.

use serde::{Deserialize, Serialize};

/// Allowances; what is not said is not looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// Parameters at most.
    pub params: Option<u64>,
    /// Multiply-adds for one image at most.
    pub macs: Option<u64>,
    /// Bytes of a training step at most, for a mini-batch of `batch` images.
    pub train_memory: Option<u64>,
    /// 1 where it is not said.
    pub batch: Option<u64>,
    /// Pixels that a unit of the last map sees, along the axis on which it sees fewer.
    pub field: Option<Bounds>,
    /// Milliseconds of a forward run of one image at most, measured.
    pub ms: Option<f64>,
}

/// From the least to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bounds {
    pub least: Option<u64>,
    pub most: Option<u64>,
}

/// The keys of `budget`.
pub const KEYS: &[&str] = &["params", "macs", "train_memory", "batch", "field", "ms"];

/// What an amount may look like, for whoever typed another.
pub const AMOUNT: &str = "an amount such as `20M`, `1.5G`, `16GB` or `512MiB`";
/// What bounds may look like.
pub const BOUNDS: &str = "bounds such as `100..224`, `100..` or `..224`";

impl Budget {
    /// What is said here, and else what `other` says.
    pub fn over(self, other: Budget) -> Budget {
        Budget {
            params: self.params.or(other.params),
            macs: self.macs.or(other.macs),
            train_memory: self.train_memory.or(other.train_memory),
            batch: self.batch.or(other.batch),
            field: self.field.or(other.field),
            ms: self.ms.or(other.ms),
        }
    }

    pub fn is_empty(&self) -> bool {
        *self == Budget { batch: self.batch, ..Budget::default() }
    }
}

/// `20M`, `1.5G`, `16GB` (10⁹ each), `16GiB` (2³⁰ each), `138357544`.
pub fn amount(text: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 13] = [
        ("kib", 1 << 10),
        ("mib", 1 << 20),
        ("gib", 1 << 30),
        ("tib", 1 << 40),
        ("kb", 1000),
        ("mb", 1_000_000),
        ("gb", 1_000_000_000),
        ("tb", 1_000_000_000_000),
        ("k", 1000),
        ("m", 1_000_000),
        ("g", 1_000_000_000),
        ("t", 1_000_000_000_000),
        ("b", 1),
    ];
    let lower = text.trim().to_lowercase();
    let unit = UNITS.iter().find_map(|(name, size)| lower.strip_suffix(name).map(|number| (number, *size)));
    let (number, size) = unit.unwrap_or((&lower, 1));
    let value: f64 = number.trim().parse().ok()?;
    (value.is_finite() && value >= 0.0 && value * size as f64 <= 1e18).then_some((value * size as f64).round() as u64)
}

/// `100..224`, `100..`, `..224`; both ends are allowed themselves.
pub fn bounds(text: &str) -> Option<Bounds> {
    let (least, most) = text.trim().split_once("..")?;
    let end = |text: &str| match text.trim() {
        "" => Some(None),
        text => text.parse().ok().map(Some),
    };
    let bounds = Bounds { least: end(least)?, most: end(most)? };
    let in_order = bounds.least.zip(bounds.most).is_none_or(|(least, most)| least <= most);
    (in_order && bounds != Bounds { least: None, most: None }).then_some(bounds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_and_bounds_are_what_people_write() {
        let read = ["20M", "1.5G", "16GB", "16 GiB", "512MiB", "138357544", "0.5k", "7b"].map(amount);
        let expected = [20_000_000, 1_500_000_000, 16_000_000_000, 16 << 30, 512 << 20, 138_357_544, 500, 7].map(Some);
        assert_eq!(read, expected);
        for wrong in ["", "M", "-1M", "1e30G", "nan", "12 apples", "1,000"] {
            assert_eq!(amount(wrong), None, "{wrong}");
        }
        let of = |least, most| Some(Bounds { least, most });
        assert_eq!(
            ["100..224", "100..", " .. 224"].map(bounds),
            [of(Some(100), Some(224)), of(Some(100), None), of(None, Some(224))]
        );
        for wrong in ["", "..", "224", "224..100", "a..b", "1..2..3"] {
            assert_eq!(bounds(wrong), None, "{wrong}");
        }
    }
}
