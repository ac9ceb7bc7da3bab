//! How each layer's norms went over a run.

use crate::run::train::LayerNorms;

/// Norms of a layer that are kept at most; from twice as many on, every second goes, so that what is left spans the run.
const KEPT: usize = 64;

/// One layer's norms, in the order of the steps.
#[derive(Debug, Clone, Default)]
pub struct Line {
    pub layer: String,
    pub norms: Vec<LayerNorms>,
    /// Of so many that come, one is taken.
    every: usize,
    /// How many came since the last that was taken.
    passed: usize,
}

impl Line {
    fn push(&mut self, norms: LayerNorms) {
        // The newest is always there to be read off; the one before it stays if its turn has come.
        if self.passed > 0 {
            self.norms.pop();
        }
        self.passed = (self.passed + 1) % self.every.max(1);
        self.norms.push(norms);
        if self.norms.len() >= 2 * KEPT {
            let mut at = 0;
            self.norms.retain(|_| {
                at += 1;
                at % 2 == 0
            });
            self.every = 2 * self.every.max(1);
        }
    }
}

/// The norms of all layers that have parameters, in the network's order.
#[derive(Debug, Clone, Default)]
pub struct NormLines(pub Vec<Line>);

impl NormLines {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn push(&mut self, layers: &[LayerNorms]) {
        for (place, own) in layers.iter().enumerate() {
            let is_own = |line: &Line| line.layer == own.layer;
            // They come in the same order every time.
            let found = match self.0.get(place) {
                Some(line) if is_own(line) => Some(place),
                _ => self.0.iter().position(is_own),
            };
            let at = found.unwrap_or_else(|| {
                self.0.push(Line { layer: own.layer.clone(), ..Line::default() });
                self.0.len() - 1
            });
            self.0[at].push(own.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_spans_its_run_and_ends_with_the_newest() {
        let mut lines = NormLines::default();
        for step in 1..=10_000 {
            let own =
                |layer: &str| LayerNorms { layer: layer.into(), weight: f64::from(step), gradient: 1.0, update: 0.1 };
            lines.push(&[own("conv1"), own("linear1")]);
        }
        assert_eq!(lines.0.iter().map(|line| line.layer.as_str()).collect::<Vec<_>>(), ["conv1", "linear1"]);
        let weights: Vec<f64> = lines.0[0].norms.iter().map(|own| own.weight).collect();
        assert!((KEPT..2 * KEPT).contains(&weights.len()), "{}", weights.len());
        assert_eq!(weights.last(), Some(&10_000.0));
        assert!(weights[0] < 300.0 && weights.is_sorted(), "{weights:?}");
        let widest = weights.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max);
        assert!(widest <= 256.0, "{widest}");
    }
}
