//! What a network takes of its budget, and where that goes.

use super::figures::{bytes, grouped};
use super::memory::{self, OptimizerState};
use super::{Graph, Layer};
use crate::spec::budget::{Bounds, Budget};

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    Params,
    Macs,
    TrainMemory,
    Field,
}

impl Measure {
    /// Its key in a file.
    pub fn key(self) -> &'static str {
        match self {
            Measure::Params => "params",
            Measure::Macs => "macs",
            Measure::TrainMemory => "train_memory",
            Measure::Field => "field",
        }
    }

    /// What is counted, behind its number.
    fn unit(self) -> &'static str {
        match self {
            Measure::Params => " parameters",
            Measure::Macs => " MACs",
            Measure::TrainMemory => "",
            Measure::Field => " pixels",
        }
    }

    fn amount(self, count: u64) -> String {
        if self == Measure::TrainMemory { bytes(count) } else { grouped(count) }
    }
}

/// One allowance and what the network takes of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Gauge {
    pub measure: Measure,
    pub taken: u64,
    pub allowed: Bounds,
    /// The layers that cost most, where that can be said and was asked for.
    pub costs: Vec<(String, u64)>,
    /// What would bring it in, likewise.
    pub way: Option<String>,
}

impl Gauge {
    pub fn is_kept(&self) -> bool {
        self.allowed.least.is_none_or(|least| self.taken >= least)
            && self.allowed.most.is_none_or(|most| self.taken <= most)
    }

    /// By how much it is out; nothing where it is kept.
    pub fn sentence(&self) -> Option<String> {
        let own = |count| self.measure.amount(count);
        let taken = format!("{}{}", own(self.taken), self.measure.unit());
        if let Some(most) = self.allowed.most.filter(|most| self.taken > *most) {
            let times = self.taken as f64 / most.max(1) as f64;
            let times = if times >= 2.0 { format!(", {times:.1} times as much") } else { String::new() };
            return Some(format!("{taken} of {} allowed: {} too many{times}", own(most), own(self.taken - most)));
        }
        let least = self.allowed.least.filter(|least| self.taken < *least)?;
        Some(format!("{taken} of at least {}: {} too few", own(least), own(least - self.taken)))
    }

    /// The layers that cost most, in words.
    pub fn costs_in_words(&self) -> Option<String> {
        let total = self.taken.max(1) as f64;
        let words = self.costs.iter().map(|(layer, count)| {
            let share = 100.0 * *count as f64 / total;
            format!("{layer} {} ({share:.1}%)", self.measure.amount(*count))
        });
        (!self.costs.is_empty()).then(|| words.collect::<Vec<_>>().join(", "))
    }
}

/// Layers that are named as the most costly.
const NAMED: usize = 3;

/// Every allowance of a budget that can be counted.
pub fn gauges(network: &Graph, budget: &Budget) -> Vec<Gauge> {
    let most = |count: Option<u64>| count.map(|count| Bounds { least: None, most: Some(count) });
    let of = |measure: Measure| {
        let (allowed, taken): (Option<Bounds>, &dyn Fn() -> u64) = match measure {
            Measure::Params => (most(budget.params), &|| network.totals.params),
            Measure::Macs => (most(budget.macs), &|| network.totals.macs),
            Measure::TrainMemory => (most(budget.train_memory), &|| {
                memory::training(network, budget.batch.unwrap_or(1), optimizer(network)).total()
            }),
            Measure::Field => (budget.field, &|| {
                network.map_field().map_or(0, |[rows, columns]| u64::try_from(rows.min(columns)).unwrap_or(u64::MAX))
            }),
        };
        Some(Gauge { measure, allowed: allowed?, taken: taken(), costs: Vec::new(), way: None })
    };
    [Measure::Params, Measure::Macs, Measure::TrainMemory, Measure::Field].into_iter().filter_map(of).collect()
}

fn optimizer(network: &Graph) -> OptimizerState {
    match network.architecture.train.optimizer.as_deref() {
        Some("adam" | "adamw") => OptimizerState::Adam,
        _ => OptimizerState::Momentum,
    }
}

impl Gauge {
    /// With the layers that cost most and what would bring it in, where it is out. `at` works the network out at another input of so many
    /// rows and columns.
    pub fn explained(self, network: &Graph, at: &dyn Fn(u64, u64) -> Option<Graph>) -> Gauge {
        if self.is_kept() {
            return self;
        }
        let costs = match self.measure {
            Measure::Params => most_costly(network, Layer::params),
            Measure::Macs => most_costly(network, |layer| layer.macs),
            Measure::TrainMemory | Measure::Field => Vec::new(),
        };
        let own = Gauge { costs, ..self };
        let way = match own.measure {
            Measure::Params => fewer_parameters(&own),
            Measure::Macs => smaller_input(network, &own, at),
            Measure::TrainMemory => smaller_batch(network, &own, optimizer(network)),
            Measure::Field => further(network, &own),
        };
        Gauge { way, ..own }
    }
}

fn most_costly(network: &Graph, cost: fn(&Layer) -> u64) -> Vec<(String, u64)> {
    let mut all: Vec<(String, u64)> = network.layers.iter().map(|layer| (layer.name.clone(), cost(layer))).collect();
    all.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    all.truncate(NAMED);
    all.retain(|(_, count)| *count > 0);
    all
}

fn fewer_parameters(gauge: &Gauge) -> Option<String> {
    let (layer, count) = gauge.costs.first()?;
    let excess = gauge.taken - gauge.allowed.most?;
    Some(match count.checked_sub(excess) {
        Some(left) => format!("with no more than {} in `{layer}` it would fit", grouped(left)),
        None => format!("even without `{layer}` it would be too many"),
    })
}

/// The largest input of the same proportions that fits.
fn smaller_input(network: &Graph, gauge: &Gauge, at: &dyn Fn(u64, u64) -> Option<Graph>) -> Option<String> {
    let (most, input) = (gauge.allowed.most?, network.architecture.input);
    let side = |own: u64, part: u64| own * part / input.height.max(input.width);
    let sized = |part: u64| at(side(input.height, part).max(1), side(input.width, part).max(1));
    let (mut fits, mut large) = (0, input.height.max(input.width));
    // Costs grow with the input; sizes that cannot be worked out are too small.
    while fits + 1 < large {
        let middle = (fits + large) / 2;
        match sized(middle) {
            Some(other) if other.totals.macs > most => large = middle,
            _ => fits = middle,
        }
    }
    let other = sized(fits).filter(|other| other.totals.macs <= most)?;
    Some(format!("at an input of {} it would be {} MACs", other.input(), grouped(other.totals.macs)))
}

fn smaller_batch(network: &Graph, gauge: &Gauge, optimizer: OptimizerState) -> Option<String> {
    Some(match memory::largest_batch(network, gauge.allowed.most?, optimizer) {
        0 => "not even one image fits".to_string(),
        batch => format!("a mini-batch of {} fits", grouped(batch)),
    })
}

/// How many 3×3 convs more would see far enough.
fn further(network: &Graph, gauge: &Gauge) -> Option<String> {
    let missing = gauge.allowed.least?.checked_sub(gauge.taken).filter(|missing| *missing > 0)?;
    let jumps = network.last_map()?.field.as_ref()?.each_ref().map(|axis| axis.jump());
    let jump = jumps.into_iter().flatten().filter(|jump| jump.units == 1).map(|jump| jump.pixels as u64).min()?;
    let convs = missing.div_ceil(2 * jump.max(1));
    Some(format!("each 3×3 conv more at the last map adds 2·{jump} = {}; {convs} would do", 2 * jump))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph;
    use crate::spec::Library;

    /// Gauges of a bundled network, which may be worked out at other inputs.
    fn of(id: &str, budget: Budget) -> Vec<Gauge> {
        let library = Library::new(None);
        let at = |height: u64, width: u64| {
            let sets = [("input".to_string(), format!("[3,{height},{width}]"))];
            graph::analyse(&library.load(id, &sets).ok()?).ok()
        };
        let network = graph::analyse(&library.load(id, &[]).expect("bundled")).expect("bundled");
        gauges(&network, &budget).into_iter().map(|own| own.explained(&network, &at)).collect()
    }

    #[test]
    fn what_is_out_is_said_with_where_it_goes_and_what_would_help() {
        let budget = Budget { params: Some(40_000_000), macs: Some(5_000_000_000), ..Budget::default() };
        let gauges = of("vgg16", budget);
        let [params, macs] = gauges.as_slice() else { panic!("{gauges:?}") };
        assert_eq!(
            params.sentence().as_deref(),
            Some("138,357,544 parameters of 40,000,000 allowed: 98,357,544 too many, 3.5 times as much")
        );
        assert_eq!(params.costs[0], ("classifier.linear1".to_string(), 102_764_544));
        assert_eq!(params.way.as_deref(), Some("with no more than 4,407,000 in `classifier.linear1` it would fit"));
        // The next larger input does not fit any more.
        assert_eq!(macs.way.as_deref(), Some("at an input of 3×127×127 it would be 4,714,936,000 MACs"));
        let next = Library::new(None).load("vgg16", &[("input".into(), "[3,128,128]".into())]).expect("bundled");
        assert!(graph::analyse(&next).expect("fits").totals.macs > 5_000_000_000);
        let memory = of("vgg11", Budget { train_memory: Some(4_000_000_000), batch: Some(64), ..Budget::default() });
        assert!(memory[0].way.as_ref().is_some_and(|way| way.starts_with("a mini-batch of ")), "{memory:?}");
    }

    #[test]
    fn ends_are_allowed_themselves_and_a_field_may_be_too_small() {
        let of_params = |most| of("vgg16", Budget { params: Some(most), ..Budget::default() })[0].is_kept();
        assert_eq!((of_params(138_357_544), of_params(138_357_543)), (true, false));
        let field = |least, most| of("vgg16", Budget { field: Some(Bounds { least, most }), ..Budget::default() });
        assert!(field(Some(212), Some(212))[0].is_kept());
        let small = field(Some(224), None);
        assert_eq!(small[0].sentence().as_deref(), Some("212 pixels of at least 224: 12 too few"));
        assert_eq!(small[0].way.as_deref(), Some("each 3×3 conv more at the last map adds 2·32 = 64; 1 would do"));
        assert_eq!(field(None, Some(200))[0].sentence().as_deref(), Some("212 pixels of 200 allowed: 12 too many"));
        assert!(of("vgg16", Budget::default()).is_empty());
    }
}
