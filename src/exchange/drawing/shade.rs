//! Colours of boxes: by kind, or by what a layer costs.

use super::parts::{Group, Node, Part};
use crate::graph::family::Family;
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

    /// The same with what the strongest colour stands for.
    pub fn over<'s>(&'s self, parts: &[Part]) -> Painter<'s> {
        let mut painter = Painter { shade: self, most: 0.0, repeats: Vec::new() };
        painter.most = painter.largest(parts);
        painter
    }
}

/// Gives boxes their colours and shares: those of folded repetitions together.
#[derive(Clone)]
pub struct Painter<'s> {
    pub shade: &'s Shade,
    /// The largest share of a box.
    pub most: f64,
    /// Of the blocks around, from the outside: layers of one repetition, and how many there are.
    repeats: Vec<(usize, usize)>,
}

impl Painter<'_> {
    /// For what stands in a block.
    pub fn inside(&self, group: &Group) -> Self {
        let mut own = self.clone();
        if group.times > 1 {
            own.repeats.push((group.layers.len() / group.times, group.times));
        }
        own
    }

    fn largest(&self, parts: &[Part]) -> f64 {
        let of = |part: &Part| match part {
            Part::Node(node) => self.share(node).unwrap_or(0.0),
            Part::Group(group) => self.inside(group).largest(&group.parts),
            Part::Fork(fork) => {
                let ways = fork.ways.iter().map(|way| self.largest(&way.parts));
                ways.fold(self.share(&fork.join).unwrap_or(0.0), f64::max)
            }
        };
        parts.iter().map(of).fold(0.0, f64::max)
    }

    /// A node's share of the whole, with all that it stands for; nothing where colours say the kind.
    pub fn share(&self, node: &Node) -> Option<f64> {
        let Shade::Cost { shares, .. } = self.shade else { return None };
        let mut starts = vec![node.layers.start];
        for (layers, times) in &self.repeats {
            starts = (0..*times).flat_map(|time| starts.iter().map(move |start| start + time * layers)).collect();
        }
        let of = |start: usize| shares.get(start..start + node.layers.len()).map_or(0.0, |own| own.iter().sum());
        Some(starts.into_iter().map(of).sum())
    }

    /// A box's colour, as `#rrggbb`.
    pub fn fill(&self, node: &Node) -> String {
        match self.share(node) {
            None => colour(node.label.family).to_string(),
            Some(share) => heat((share / self.most.max(f64::MIN_POSITIVE)).min(1.0)),
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
