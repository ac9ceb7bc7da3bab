//! Colours of boxes: by kind, or by what a layer costs.

use super::label::Family;
use super::parts::Node;
use crate::graph::{Graph, Layer};

/// What a picture's colours say.
#[derive(Debug, Clone, PartialEq)]
pub enum Shade {
    Kind,
    /// A share of the whole, by layer.
    Cost {
        measure: Measure,
        shares: Vec<f64>,
    },
}

/// What a layer costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    Macs,
    Params,
    /// Of its output.
    Memory,
    /// Measured.
    Time,
}

impl Measure {
    pub fn word(self) -> &'static str {
        match self {
            Measure::Macs => "MACs",
            Measure::Params => "parameters",
            Measure::Memory => "activation memory",
            Measure::Time => "measured time",
        }
    }
}

impl Shade {
    /// By what the graph knows.
    pub fn counted(network: &Graph, measure: Measure) -> Shade {
        let count = |layer: &Layer| match measure {
            Measure::Macs => layer.macs,
            Measure::Params => layer.params(),
            Measure::Memory | Measure::Time => layer.output_bytes(),
        };
        Shade::costs(measure, network.layers.iter().map(|layer| count(layer) as f64).collect())
    }

    /// By a cost of each layer.
    pub fn costs(measure: Measure, costs: Vec<f64>) -> Shade {
        let sum: f64 = costs.iter().sum();
        Shade::Cost { measure, shares: costs.into_iter().map(|cost| cost / sum.max(f64::MIN_POSITIVE)).collect() }
    }

    /// A node's share of the whole, `times` over; nothing where colours say the kind.
    pub fn share(&self, node: &Node) -> Option<f64> {
        match self {
            Shade::Kind => None,
            Shade::Cost { shares, .. } => Some(shares.get(node.layers.clone()).map_or(0.0, |own| own.iter().sum())),
        }
    }

    /// The largest share of a node, which has the strongest colour.
    pub fn most(&self) -> f64 {
        match self {
            Shade::Kind => 0.0,
            Shade::Cost { shares, .. } => shares.iter().copied().fold(0.0, f64::max),
        }
    }

    /// A box's colour, as `#rrggbb`.
    pub fn fill(&self, node: &Node) -> String {
        match self.share(node) {
            None => colour(node.label.family).to_string(),
            Some(share) => heat((share / self.most().max(f64::MIN_POSITIVE)).min(1.0)),
        }
    }
}

/// Light, so that black text is read on it: with a contrast of 10 to 1 at the least.
pub fn colour(family: Family) -> &'static str {
    match family {
        Family::Conv => "#bcd7f5",
        Family::Linear => "#d9c9f2",
        Family::Pool => "#bfe5c4",
        Family::Norm => "#d5dde5",
        Family::Activation => "#f9dfa8",
        Family::Join => "#f6c6d0",
        Family::Other => "#e6e6e6",
    }
}

/// From white to orange; the root lets small shares be told apart.
pub fn heat(part: f64) -> String {
    let part = part.max(0.0).sqrt();
    let between = |from: f64, to: f64| (from + (to - from) * part).round() as u8;
    format!("#{:02x}{:02x}{:02x}", between(255.0, 245.0), between(255.0, 148.0), between(255.0, 66.0))
}
