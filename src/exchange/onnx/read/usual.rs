//! What most layers of a network are, which is said once, and what a conv or linear layer brings along.

use std::collections::HashSet;

use super::blocks::{Branch, Item, Shortcut};
use super::net::{Net, Value};
use super::yaml::Yaml;
use crate::graph::Operation;
use crate::spec::describe::{Activation, BatchNorm, Norm, Pair, Sides};

/// What a conv brings along.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Brings {
    pub bias: bool,
    pub norm: bool,
    pub activation: Option<&'static str>,
}

const NOTHING: Brings = Brings { bias: true, norm: false, activation: None };

/// What most layers are, said once.
pub struct Usual {
    pub conv: Brings,
    pub norm: BatchNorm,
    pub linear: Option<&'static str>,
    pub residual: Option<&'static str>,
    /// Whether shortcuts project where nothing else is said.
    pub projects: bool,
    pub classes: Option<u64>,
}

const PLAIN_NORM: BatchNorm = BatchNorm { eps: 1e-5, momentum: 0.1, affine: true };

/// The name of an activation that needs no more words.
pub fn word(activation: Activation) -> Option<&'static str> {
    match activation {
        Activation::GeluTanh => None,
        Activation::LeakyRelu { slope } if slope != 0.01 => None,
        other => Some(other.kind()),
    }
}

/// The kind that there is most of; of equals the first.
fn most<T: PartialEq + Copy>(all: &[T]) -> Option<T> {
    let count = |one: &T| all.iter().filter(|other| *other == one).count();
    let largest = all.iter().map(count).max()?;
    all.iter().find(|one| count(one) == largest).copied()
}

impl Usual {
    pub fn of(net: &Net, items: &[Item], read_by_name: &HashSet<Value>) -> Usual {
        let mut found = Found { read_by_name: read_by_name.clone(), ..Found::default() };
        found.items(net, items);
        let norm = most(&found.norms).unwrap_or(PLAIN_NORM);
        let convs: Vec<Brings> = found.convs;
        // Said once for all where it is said more than once.
        let count = |own: &Brings| convs.iter().filter(|other| *other == own).count();
        let most_convs = most(&convs);
        // What has an activation is the rule and what has none the exception, unless there is much more of it.
        let active: Vec<Brings> = convs.iter().copied().filter(|own| own.activation.is_some()).collect();
        let active = most(&active).filter(|own| most_convs.is_some_and(|other| 2 * count(own) >= count(&other)));
        let conv = active.or(most_convs).filter(|own| count(own) > 1).unwrap_or(NOTHING);
        let last = |value: Value| match net.operation(value) {
            Some(Operation::Softmax) => net.only_input(value),
            _ => Some(value),
        };
        let ends = last(net.output).filter(|&value| matches!(net.operation(value), Some(Operation::Linear { .. })));
        Usual {
            conv,
            norm,
            linear: most(&found.linears).flatten().filter(|_| found.linears.len() > 2),
            residual: most(&found.residuals).flatten().filter(|_| found.residuals.len() > 1),
            projects: found.projections > 1,
            classes: ends.map(|value| net.shape(value)[1]),
        }
    }

    pub fn defaults(&self) -> Option<Yaml> {
        let mut kinds = Vec::new();
        let mut conv = Vec::new();
        if !self.conv.bias {
            conv.push(("bias".to_string(), Yaml::text(false)));
        }
        if self.conv.norm {
            conv.push(("norm".to_string(), Yaml::text("batch")));
        }
        conv.extend(self.conv.activation.map(|name| ("activation".to_string(), Yaml::text(name))));
        if !conv.is_empty() {
            kinds.push(("conv".to_string(), Yaml::Map(conv)));
        }
        kinds.extend(
            self.linear.map(|name| ("linear".to_string(), Yaml::Map(vec![("activation".into(), Yaml::text(name))]))),
        );
        let norm = norm_fields(self.norm, PLAIN_NORM);
        if !norm.is_empty() {
            kinds.push(("batch_norm".into(), Yaml::Map(norm)));
        }
        let mut residual = Vec::new();
        if self.projects {
            residual.push(("shortcut".to_string(), Yaml::text("project")));
        }
        residual.extend(self.residual.map(|name| ("activation".to_string(), Yaml::text(name))));
        if !residual.is_empty() {
            kinds.push(("residual".into(), Yaml::Map(residual)));
        }
        (!kinds.is_empty()).then_some(Yaml::Map(kinds))
    }
}

/// What of each kind stands in a network.
#[derive(Default)]
struct Found {
    convs: Vec<Brings>,
    linears: Vec<Option<&'static str>>,
    norms: Vec<BatchNorm>,
    residuals: Vec<Option<&'static str>>,
    /// Shortcuts that may be projections.
    projections: usize,
    read_by_name: HashSet<Value>,
}

impl Found {
    fn items(&mut self, net: &Net, items: &[Item]) {
        let mut at = 0;
        while at < items.len() {
            if let Item::Layer(value) = items[at] {
                let unit = Unit::of(net, items, at, None, &self.read_by_name);
                match net.operation(value) {
                    Some(Operation::Conv { bias, .. }) => {
                        self.convs.push(Brings { bias: *bias, norm: unit.norm.is_some(), activation: unit.activation });
                    }
                    Some(Operation::Linear { .. }) => self.linears.push(unit.activation),
                    Some(Operation::Norm(Norm::Batch(norm))) => self.norms.push(*norm),
                    _ => {}
                }
                if let Some(norm) = unit.norm {
                    self.norms.push(norm);
                }
                at += unit.length;
                continue;
            }
            match &items[at] {
                Item::Residual { layers, shortcut, .. } => {
                    self.items(net, layers);
                    if let Shortcut::Layers(own) = shortcut {
                        self.items(net, own);
                        self.projections += usize::from(own.len() <= 2);
                    }
                    let following = match items.get(at + 1) {
                        Some(Item::Layer(value)) => activation_word(net, *value),
                        _ => None,
                    };
                    self.residuals.push(following);
                }
                Item::Concat { branches, .. } => {
                    for branch in branches {
                        let (Branch::Items(own) | Branch::From(_, own)) = branch;
                        self.items(net, own);
                    }
                }
                Item::Split { branches, .. } => branches.iter().for_each(|own| self.items(net, own)),
                // Its own words say what it is made of.
                Item::Gate { layers: own, .. } if squeeze(net, own).is_some() => {}
                Item::Gate { layers: own, .. } => self.items(net, own),
                Item::Layer(_) => {}
            }
            at += 1;
        }
    }
}

/// A gate that squeezes all positions into one and weighs channels by two 1×1 convs (Hu et al. 2017).
pub struct Squeeze {
    pub out: u64,
    pub activation: &'static str,
    pub gate: &'static str,
}

/// Whether a gate's layers are that.
pub fn squeeze(net: &Net, layers: &[Item]) -> Option<Squeeze> {
    let value = |at: usize| match layers.get(at)? {
        Item::Layer(value) => Some(*value),
        _ => None,
    };
    let is_conv = |at: usize| match net.operation(value(at)?)? {
        Operation::Conv { window, groups: 1, bias: true } if window.kernel == Pair::square(1) => {
            (window.stride == Pair::square(1) && window.padding == Sides::NONE).then_some(())
        }
        _ => None,
    };
    let pools = matches!(net.operation(value(0)?)?, Operation::GlobalAvgPool);
    (pools && layers.len() == 5).then_some(())?;
    is_conv(1)?;
    is_conv(3)?;
    let [activation, gate] = [activation_word(net, value(2)?)?, activation_word(net, value(4)?)?];
    let arrive = net.shape(net.only_input(value(0)?)?);
    (net.shape(value(3)?)[1] == arrive[1]).then(|| Squeeze {
        out: net.shape(value(1).unwrap_or(0))[1],
        activation,
        gate,
    })
}

pub fn activation_word(net: &Net, value: Value) -> Option<&'static str> {
    match net.operation(value)? {
        Operation::Activation(own) => word(*own),
        _ => None,
    }
}

/// A conv or linear layer with what it brings along.
pub struct Unit {
    pub norm: Option<BatchNorm>,
    pub activation: Option<&'static str>,
    /// How many items it takes.
    pub length: usize,
}

impl Unit {
    /// The unit that begins at an item. A norm counts only if it is the usual one, where that is known.
    pub fn of(net: &Net, items: &[Item], at: usize, usual: Option<BatchNorm>, read_by_name: &HashSet<Value>) -> Unit {
        let operation = |at: usize| match items.get(at) {
            Some(Item::Layer(value)) => net.operation(*value),
            _ => None,
        };
        let is_conv = match operation(at) {
            Some(Operation::Conv { .. }) => true,
            Some(Operation::Linear { .. }) => false,
            _ => return Unit { norm: None, activation: None, length: 1 },
        };
        let mut length = 1;
        // What is read by name ends its unit.
        let is_read = |at: usize| matches!(items.get(at), Some(Item::Layer(value)) if read_by_name.contains(value));
        let norm = match operation(at + 1) {
            Some(Operation::Norm(Norm::Batch(norm)))
                if !is_read(at) && is_conv && usual.is_none_or(|usual| usual == *norm) =>
            {
                Some(*norm)
            }
            _ => None,
        };
        length += usize::from(norm.is_some());
        let activation = match operation(at + length) {
            Some(Operation::Activation(own)) if !is_read(at + length - 1) => word(*own),
            _ => None,
        };
        length += usize::from(activation.is_some());
        Unit { norm, activation, length }
    }
}

/// What a batch norm has otherwise than is usual.
pub fn norm_fields(own: BatchNorm, usual: BatchNorm) -> Vec<(String, Yaml)> {
    let numbers = [("eps", own.eps, usual.eps), ("momentum", own.momentum, usual.momentum)];
    let changed = numbers.into_iter().filter(|(_, own, usual)| own != usual);
    changed.map(|(key, own, _)| (key.to_string(), Yaml::text(number(own)))).collect()
}

/// A number as a person writes it: `1e-5`, `0.1`.
pub fn number(value: f64) -> String {
    if value != 0.0 && value.abs() < 1e-2 { format!("{value:e}") } else { value.to_string() }
}
