//! What is varied: keys of an architecture with the values that each takes, as they are typed.

use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::SweepError;
use crate::graph::{Graph, Layer, freeze};
use crate::spec::kinds::{self, TOP_LEVEL};

/// `block3.conv1.out+block3.conv2.out=64..256/64`: keys that take the same value at a time, and the values in turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vary {
    pub keys: Vec<String>,
    /// As YAML.
    pub values: Vec<String>,
}

/// Most values that one key takes.
const MOST_VALUES: usize = 10_000;

impl fmt::Display for Vary {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{}={}", self.name(), self.values.join(","))
    }
}

impl Vary {
    /// What the keys are called together.
    pub fn name(&self) -> String {
        self.keys.join("+")
    }
}

impl FromStr for Vary {
    type Err = SweepError;

    fn from_str(text: &str) -> Result<Vary, SweepError> {
        let wrong = |reason: &str| SweepError::Vary { text: text.to_string(), reason: reason.to_string() };
        let (keys, values) = text.split_once('=').ok_or_else(|| wrong("there is no `=`"))?;
        let keys: Vec<String> = keys.split('+').map(|key| key.trim().to_string()).collect();
        if keys.iter().any(String::is_empty) {
            return Err(wrong("a key is missing before `=`"));
        }
        let mut all = Vec::new();
        for value in parts(values) {
            match range(value) {
                Some(Ok(values)) => all.extend(values),
                Some(Err(reason)) => return Err(wrong(reason)),
                None if value.is_empty() => return Err(wrong("a value is missing")),
                None => all.push(value.to_string()),
            }
        }
        let mut seen = HashSet::new();
        all.retain(|value| seen.insert(value.clone()));
        if all.len() > MOST_VALUES {
            return Err(wrong("there are more than 10,000 values"));
        }
        Ok(Vary { keys, values: all })
    }
}

/// What stands between commas that no bracket or quote holds.
fn parts(text: &str) -> Vec<&str> {
    let (mut depth, mut quote, mut start, mut parts) = (0usize, None, 0, Vec::new());
    for (at, letter) in text.char_indices() {
        match (letter, quote) {
            ('"' | '\'', None) => quote = Some(letter),
            (_, Some(open)) if letter == open => quote = None,
            ('[' | '{', None) => depth += 1,
            (']' | '}', None) => depth = depth.saturating_sub(1),
            (',', None) if depth == 0 => {
                parts.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text[start..].trim());
    parts
}

/// `64..256/64` and `32..256*2` as their values, `3..7` in steps of one; none where it is no range.
fn range(text: &str) -> Option<Result<Vec<String>, &'static str>> {
    let (from, rest) = text.split_once("..")?;
    let at = rest.find(['/', '*']);
    let (to, step) = at.map_or((rest, None), |at| (&rest[..at], Some((&rest[at..=at], &rest[at + 1..]))));
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|value| value.is_finite());
    let (from_value, to_value) = (number(from)?, number(to)?);
    let (sign, size) = step.unwrap_or(("/", "1"));
    let Some(size_value) = number(size) else { return Some(Err("a range is FROM..TO/STEP or FROM..TO*TIMES")) };
    let grows = if sign == "*" { size_value > 1.0 && from_value > 0.0 } else { size_value > 0.0 };
    if !grows || from_value > to_value {
        return Some(Err("a range goes from the smaller to the larger, by a step above 0 or times more than 1"));
    }
    // Whole numbers stay whole, also where they grow by a part: 8, 12, 18 are 8 times 1.5 again and again.
    let is_whole = |text: &str| text.trim().parse::<i64>().is_ok();
    let stays_whole = is_whole(from) && (is_whole(size) || sign == "*");
    let mut values: Vec<String> = Vec::new();
    for at in 0..=MOST_VALUES {
        let value =
            if sign == "*" { from_value * size_value.powi(at as i32) } else { from_value + at as f64 * size_value };
        if value > to_value * (1.0 + 1e-12) || !value.is_finite() {
            break;
        }
        let text = if stays_whole { format!("{value:.0}") } else { rounded(value) };
        if values.last() != Some(&text) {
            values.push(text);
        }
    }
    Some(Ok(values))
}

/// Twelve digits, so that 0.1 three times over is 0.3.
fn rounded(value: f64) -> String {
    format!("{value:.11e}").parse::<f64>().unwrap_or(value).to_string()
}

/// What a key of `--vary` stands for on a network: keys that `--set` knows. A kind's field is that of every layer of the kind,
/// `conv.kernel`; a path may hold `*` for any text, `block*.conv1.out`.
pub fn expanded(network: &Graph, key: &str) -> Result<Vec<String>, SweepError> {
    let first = key.split('.').next().unwrap_or(key);
    let Some((head, field)) = key.rsplit_once('.').filter(|_| !TOP_LEVEL.contains(&first)) else {
        return Ok(vec![key.to_string()]);
    };
    let written = |layer: &&Layer| !layer.brought;
    let has_field = |layer: &&Layer| kinds::kind(layer.operation.kind()).is_some_and(|own| own.field(field).is_some());
    let is_path = network.layers.iter().any(|layer| layer.name == head);
    let chosen: Vec<&Layer> = if head.contains(['*', '?']) {
        let fits = |layer: &&Layer| freeze::fits(head, &layer.name);
        network.layers.iter().filter(written).filter(fits).filter(has_field).collect()
    } else if kinds::kind(head).is_some() && !is_path {
        network.layers.iter().filter(written).filter(|layer| layer.operation.kind() == head).filter(has_field).collect()
    } else {
        return Ok(vec![key.to_string()]);
    };
    if chosen.is_empty() {
        let network = network.architecture.id.clone();
        return Err(SweepError::NoLayer { key: key.to_string(), network });
    }
    Ok(chosen.iter().map(|layer| format!("{}.{field}", layer.name)).collect())
}

/// The place of a variant among all, as the place of each value: the last key turns fastest.
pub fn places(number: u64, counts: &[usize]) -> Vec<usize> {
    let mut rest = number;
    let mut places: Vec<usize> = counts
        .iter()
        .rev()
        .map(|count| {
            let place = rest % (*count).max(1) as u64;
            rest /= (*count).max(1) as u64;
            place as usize
        })
        .collect();
    places.reverse();
    places
}

/// `count` different numbers below `all`, in order; the same for the same seed.
pub fn drawn(all: u64, count: u64, seed: u64) -> Vec<u64> {
    if count >= all {
        return (0..all).collect();
    }
    // Floyd's: each number is drawn once, however many there are.
    let mut generator = Xoshiro256PlusPlus::seed_from_u64(crate::network::random::mix(seed, 0x5eed));
    let mut chosen = HashSet::new();
    for last in all - count..all {
        let one = generator.random_range(0..=last);
        chosen.insert(if chosen.contains(&one) { last } else { one });
    }
    let mut chosen: Vec<u64> = chosen.into_iter().collect();
    chosen.sort_unstable();
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph;
    use crate::spec::Library;

    fn values(text: &str) -> Vec<String> {
        text.parse::<Vary>().expect("sound").values
    }

    #[test]
    fn values_are_listed_or_ranges() {
        assert_eq!(values("conv.kernel=3,5,7"), ["3", "5", "7"]);
        assert_eq!(values("a.out=64..256/64"), ["64", "128", "192", "256"]);
        assert_eq!(values("a.out=32..256*2,8"), ["32", "64", "128", "256", "8"]);
        assert_eq!(values("a.p=0.1..0.3/0.1"), ["0.1", "0.2", "0.3"]);
        assert_eq!(values("a.out=3..5"), ["3", "4", "5"]);
        assert_eq!(values("train.lr=1e-3..1e-1*10"), ["0.001", "0.01", "0.1"]);
        assert_eq!(values("train.lr=0.001..0.002*1.2"), ["0.001", "0.0012", "0.00144", "0.001728"]);
        assert_eq!(values("a.out=8..30*1.5"), ["8", "12", "18", "27"]);
        assert_eq!(values("input=[3,32,32],[3, 64, 64]"), ["[3,32,32]", "[3, 64, 64]"]);
        assert_eq!(values("a.activation=relu,'a,b',relu"), ["relu", "'a,b'"]);
        let vary: Vary = "a.out + b.out=1".parse().expect("sound");
        assert_eq!(
            (vary.keys.as_slice(), vary.name().as_str()),
            (&["a.out".to_string(), "b.out".into()][..], "a.out+b.out")
        );
        for (text, words) in [
            ("a.out", "there is no `=`"),
            ("=3", "a key is missing"),
            ("a.out=3,,5", "a value is missing"),
            ("a.out=9..3", "from the smaller"),
            ("a.out=1..3/0", "by a step"),
            ("a.out=1..3*1", "times more than 1"),
            ("a.out=1..3/x", "FROM..TO/STEP"),
            ("a.out=1..1000000", "more than 10,000 values"),
        ] {
            let told = text.parse::<Vary>().expect_err(text).to_string();
            assert!(told.contains(words), "{text}: {told}");
        }
    }

    #[test]
    fn a_key_stands_for_every_layer_that_it_means() {
        let loaded = Library::new(None).load("vgg11", &[]).expect("bundled");
        let network = graph::analyse(&loaded).expect("fits");
        let keys = |key: &str| expanded(&network, key).expect("layers");
        assert_eq!(keys("conv.kernel").len(), 8, "the paper's eight convs");
        assert_eq!(keys("block3.*.out"), ["block3.conv1.out", "block3.conv2.out"], "a pool has no `out`");
        assert_eq!(keys("block1.conv1.out"), ["block1.conv1.out"]);
        assert_eq!(keys("train.lr"), ["train.lr"]);
        assert_eq!(keys("defaults.conv.kernel"), ["defaults.conv.kernel"]);
        assert!(expanded(&network, "block9*.out").is_err());
        assert!(expanded(&network, "lrn.size").is_err());
    }

    #[test]
    fn variants_are_numbered_as_an_odometer_turns() {
        let all: Vec<Vec<usize>> = (0..6).map(|number| places(number, &[2, 3])).collect();
        assert_eq!(all, [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2]]);
        assert_eq!(drawn(5, 9, 0), [0, 1, 2, 3, 4]);
        let some = drawn(1 << 40, 1000, 7);
        assert_eq!((some.len(), &some), (1000, &drawn(1 << 40, 1000, 7)));
        assert!(some.windows(2).all(|pair| pair[0] < pair[1]));
        assert_ne!(some, drawn(1 << 40, 1000, 8));
    }
}
