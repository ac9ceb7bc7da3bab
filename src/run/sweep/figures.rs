//! What is known of a variant, and which of two is better.

use crate::graph::budget::{Measure, gauges};
use crate::graph::{Graph, memory};
use crate::spec::budget::Budget;

/// A figure that variants are compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    Params,
    Macs,
    TrainMemory,
    Field,
    Ms,
    Accuracy,
}

impl Figure {
    pub const ALL: [Figure; 6] =
        [Figure::Params, Figure::Macs, Figure::TrainMemory, Figure::Field, Figure::Ms, Figure::Accuracy];

    /// Its name, in JSON and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Figure::Params => "params",
            Figure::Macs => "macs",
            Figure::TrainMemory => "train_memory",
            Figure::Field => "field",
            Figure::Ms => "ms",
            Figure::Accuracy => "accuracy",
        }
    }

    /// In words, for an axis.
    pub fn words(self) -> &'static str {
        match self {
            Figure::Params => "parameters",
            Figure::Macs => "MACs",
            Figure::TrainMemory => "training memory",
            Figure::Field => "field of the last map",
            Figure::Ms => "ms, measured",
            Figure::Accuracy => "accuracy",
        }
    }

    /// Whether more of it is better.
    pub fn is_gain(self) -> bool {
        matches!(self, Figure::Field | Figure::Accuracy)
    }

    /// Whether it is better to have `one` than `other`.
    fn is_better(self, one: f64, other: f64) -> bool {
        if self.is_gain() { one > other } else { one < other }
    }
}

/// What a variant comes to.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Figures {
    pub params: u64,
    pub macs: u64,
    /// Bytes of a training step.
    pub train_memory: u64,
    /// Pixels that a unit of the last map sees, along the axis on which it sees fewer; none where that is undefined.
    pub field: Option<u64>,
    /// Milliseconds of a forward run of one image.
    pub ms: Option<f64>,
    /// Of what the data keeps for validation, else of its test images; part of 1.
    pub accuracy: Option<f64>,
    /// Whether all of the budget is kept that can be counted.
    pub is_within: bool,
}

impl Figures {
    pub fn of(network: &Graph, budget: &Budget) -> Figures {
        let field = network.map_field().map(|[rows, columns]| u64::try_from(rows.min(columns)).unwrap_or(u64::MAX));
        let batch = budget.batch.unwrap_or(1);
        let gauges = gauges(network, budget);
        // What a budget looks at is counted once.
        let memory = gauges.iter().find(|own| own.measure == Measure::TrainMemory).map(|own| own.taken);
        Figures {
            params: network.totals.params,
            macs: network.totals.macs,
            train_memory: memory
                .unwrap_or_else(|| memory::training(network, batch, memory::OptimizerState::Momentum).total()),
            field,
            ms: None,
            accuracy: None,
            is_within: gauges.iter().all(|own| own.is_kept()),
        }
    }

    pub fn get(&self, figure: Figure) -> Option<f64> {
        match figure {
            Figure::Params => Some(self.params as f64),
            Figure::Macs => Some(self.macs as f64),
            Figure::TrainMemory => Some(self.train_memory as f64),
            Figure::Field => self.field.map(|field| field as f64),
            Figure::Ms => self.ms,
            Figure::Accuracy => self.accuracy,
        }
    }
}

/// Which of them no other betters in one figure without losing in the other (Pareto's). What lacks a figure is never one.
pub fn front(all: &[Option<Figures>], [first, second]: [Figure; 2]) -> Vec<bool> {
    let mut sorted: Vec<(usize, f64, f64)> = Vec::new();
    for (at, own) in all.iter().enumerate() {
        let Some(own) = own.filter(|own| own.is_within) else { continue };
        if let (Some(one), Some(two)) = (own.get(first), own.get(second)) {
            sorted.push((at, one, two));
        }
    }
    let order = |figure: Figure, one: f64, other: f64| match figure.is_gain() {
        true => other.total_cmp(&one),
        false => one.total_cmp(&other),
    };
    sorted.sort_by(|one, other| order(first, one.1, other.1).then(order(second, one.2, other.2)));
    let mut on_front = vec![false; all.len()];
    let mut best: Option<(f64, f64)> = None;
    for (at, one, two) in sorted {
        // Alike in both figures, each is as good as the other.
        if best.is_none_or(|best| second.is_better(two, best.1) || (one, two) == best) {
            on_front[at] = true;
            best = Some((one, two));
        }
    }
    on_front
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn own(params: u64, accuracy: Option<f64>) -> Option<Figures> {
        Some(Figures { params, accuracy, is_within: true, ..Figures::default() })
    }

    #[test]
    fn the_front_is_what_nothing_betters() {
        let all = [
            own(10, Some(0.5)),
            own(20, Some(0.5)),
            own(20, Some(0.7)),
            own(30, Some(0.6)),
            own(10, Some(0.5)),
            own(5, None),
            None,
            own(40, Some(0.9)).map(|own| Figures { is_within: false, ..own }),
        ];
        let front = front(&all, [Figure::Params, Figure::Accuracy]);
        assert_eq!(front, [true, false, true, false, true, false, false, false]);
    }

    proptest! {
        #[test]
        fn the_front_is_its_definition(pairs in prop::collection::vec((0u64..8, 0u32..8), 0..40)) {
            let all: Vec<_> = pairs.iter().map(|(params, part)| own(*params, Some(f64::from(*part)))).collect();
            let found = front(&all, [Figure::Params, Figure::Accuracy]);
            for (at, (params, part)) in pairs.iter().enumerate() {
                let is_bettered = pairs.iter().any(|(own, other)| {
                    own <= params && other >= part && (own < params || other > part)
                });
                prop_assert_eq!(found[at], !is_bettered);
            }
        }
    }
}
