//! Where in a network values stop being numbers, outgrow a format, or vanish: the first layer, and what is known of why.

use std::fmt;
use std::ops::ControlFlow;

use super::forward::{LayerRun, Statistics};
use crate::graph::{Graph, Operation, Source, liveness};
use crate::network::kernels::view;
use crate::network::{Compiled, Mode, Values};

/// The largest number of IEEE 754's half precision.
pub const F16_MOST: f32 = 65_504.0;
/// The smallest one of full precision.
pub const F16_LEAST: f32 = 6.103_515_6e-5;
/// A part of the input's deviation below which a signal has vanished, and its inverse.
const FAR: f64 = 1e-3;

/// What happens first at a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    NotFinite,
    /// Beyond the range of f16.
    Overflow,
    /// All values are 0.
    Dead,
    /// All values are below what f16 holds in full, or differ a thousand times less than the input's.
    Vanished,
    /// They differ a thousand times more than the input's.
    Grown,
}

impl What {
    /// In words, before "at" a layer.
    pub fn phrase(self) -> &'static str {
        match self {
            What::NotFinite => "not finite",
            What::Overflow => "beyond f16",
            What::Dead => "nothing but 0",
            What::Vanished => "vanishing",
            What::Grown => "growing",
        }
    }

    /// For programs.
    pub fn word(self) -> &'static str {
        match self {
            What::NotFinite => "not_finite",
            What::Overflow => "overflow",
            What::Dead => "dead",
            What::Vanished => "vanished",
            What::Grown => "grown",
        }
    }
}

/// The first layer at which something happens.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    pub layer: String,
    pub what: What,
    pub words: String,
}

/// What happens to a mini-batch on its way, each thing where it is first seen. `input` is what the mini-batch itself is like.
pub fn findings(network: &Graph, compiled: &Compiled, runs: &[LayerRun], input: Statistics) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    // What a gate gives is small by design, and probabilities are.
    let leads = liveness::main_path(&network.layers);
    let of = |index: usize| runs.iter().find(|run| run.index == index).map(|run| run.statistics);
    // A variance without end makes zeros of everything, which look sound.
    for own in &compiled.running {
        let values = own.statistics.mean.iter().chain(&own.statistics.variance);
        if values.into_iter().any(|value| !value.is_finite()) {
            let words = "its running statistics are not finite".to_string();
            found.push(Finding { layer: own.name.clone(), what: What::NotFinite, words });
            break;
        }
    }
    for run in runs {
        let (layer, own) = (&network.layers[run.index], run.statistics);
        let mut add = |what: What, words: String| {
            if !found.iter().any(|other| other.what == what) {
                found.push(Finding { layer: layer.name.clone(), what, words });
            }
        };
        if own.non_finite > 0 {
            let cause = cause(network, compiled, run.index, &|source| match source {
                Source::Input => Some(input),
                Source::Layer(from) => of(from),
            });
            add(What::NotFinite, format!("{} not finite{cause}", of_all(own.non_finite, own.count, "values")));
            // All that follows comes from this.
            break;
        }
        let largest = own.max.abs().max(own.min.abs());
        let is_probability = matches!(layer.operation, Operation::Softmax);
        if largest > F16_MOST {
            add(What::Overflow, format!("values reach {largest:.3e}, beyond f16's 65,504"));
        }
        if !leads[run.index] || is_probability {
            continue;
        }
        // An input that is the same everywhere is nothing to compare with.
        let ratio = (input.std > 0.0).then(|| own.std / input.std);
        match ratio {
            _ if largest == 0.0 => add(What::Dead, "every value is 0".into()),
            Some(ratio) if ratio < FAR => {
                let less = if ratio > 0.0 {
                    format!("{} times less than", times(1.0 / ratio))
                } else {
                    "in nothing, unlike".into()
                };
                add(What::Vanished, format!("values reach {largest:.1e} and differ {less} the input's"));
            }
            Some(ratio) if ratio > 1.0 / FAR => {
                let more = times(ratio);
                add(What::Grown, format!("values reach {largest:.1e} and differ {more} times more than the input's"));
            }
            _ if largest < F16_LEAST => add(What::Vanished, format!("values reach no more than {largest:.1e}")),
            _ => {}
        }
    }
    found
}

/// `1 of 8 values is`, `2 of 8 values are`.
fn of_all(count: usize, of: usize, what: &str) -> String {
    format!("{count} of {of} {what} {}", if count == 1 { "is" } else { "are" })
}

/// `20,000`, or `3.6e37` where digits would say nothing.
pub fn times(ratio: f64) -> String {
    match ratio < 1e6 {
        true => crate::graph::figures::grouped(ratio.round() as u64),
        false => format!("{ratio:.1e}"),
    }
}

/// Why a layer gives what is no number, as far as one can see: its parameters, or what it reads.
fn cause(network: &Graph, compiled: &Compiled, index: usize, of: &dyn Fn(Source) -> Option<Statistics>) -> String {
    let bad = |values: &[f32]| values.iter().filter(|value| !value.is_finite()).count();
    for parameter in compiled.parameters.iter().filter(|own| own.layer == index) {
        let count = bad(&view::values(&parameter.values));
        if count > 0 {
            let name = format!("values of `{}`", parameter.name);
            return format!(": {} not finite", of_all(count, parameter.len(), &name));
        }
    }
    if let Some(own) = compiled.running.iter().find(|own| own.layer == index) {
        if bad(&own.statistics.mean) + bad(&own.statistics.variance) > 0 {
            return format!(": running statistics of `{}` are not finite", own.name);
        }
        if own.statistics.variance.iter().any(|own| *own < 0.0) {
            return format!(": a running variance of `{}` is below 0", own.name);
        }
    }
    for source in &network.layers[index].inputs {
        let Some(own) = of(*source) else { continue };
        let name = match source {
            Source::Input => "the input".to_string(),
            Source::Layer(_) => format!("`{}`", network.name_of(*source)),
        };
        if own.non_finite > 0 {
            return format!(": {} not finite", of_all(own.non_finite, own.count, &format!("values of {name}")));
        }
    }
    // All that it reads is sound: its products or sums are beyond f32.
    let largest = |own: Statistics| own.max.abs().max(own.min.abs());
    let read = network.layers[index].inputs.iter().filter_map(|source| of(*source)).map(largest).fold(0.0, f32::max);
    let weights = compiled.parameters.iter().filter(|own| own.layer == index);
    let weight = weights.flat_map(|own| view::values(&own.values).iter().map(|own| own.abs()).reduce(f32::max));
    let weight = weight.fold(0.0, f32::max);
    let weights = if weight > 0.0 { format!(", its weights {weight:.1e}") } else { String::new() };
    format!(": what it reads reaches {read:.1e}{weights}, and f32 ends at 3.4e38")
}

/// The layer at which values of a mini-batch stop being numbers, and how large they were before.
#[derive(Debug, Clone, PartialEq)]
pub struct Broken {
    pub layer: String,
    /// The largest magnitude in the layer before it that was still sound, and that layer.
    before: Option<(String, f32)>,
    /// A parameter of the layer that is none itself.
    parameter: Option<String>,
}

impl fmt::Display for Broken {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "values stop being finite at `{}`", self.layer)?;
        match (&self.parameter, &self.before) {
            (Some(parameter), _) => write!(formatter, ", whose `{parameter}` is not finite"),
            (None, Some((layer, largest))) if *largest > F16_MOST => {
                write!(formatter, "; behind `{layer}` they reached {largest:.1e}")
            }
            _ => Ok(()),
        }
    }
}

/// Follows a mini-batch to where its values stop being numbers.
pub fn broken(network: &mut Compiled, batch: &Values) -> Option<Broken> {
    let (mut found, mut before) = (None, None);
    network.forward(batch.clone(), Mode::Evaluate, false, |index, output| {
        let values = view::values(output);
        if values.iter().all(|value| value.is_finite()) {
            before = Some((index, values.iter().fold(0f32, |most, value| most.max(value.abs()))));
            return ControlFlow::Continue(());
        }
        found = Some(index);
        ControlFlow::Break(())
    });
    let index = found?;
    let name = |index: usize| network.layers[index].name.clone();
    let is_bad = |values: &[f32]| values.iter().any(|value| !value.is_finite());
    let mut own = network.parameters.iter().filter(|own| own.layer == index);
    let parameter = own.find(|own| is_bad(&view::values(&own.values))).map(|own| own.name.clone());
    Some(Broken { layer: name(index), before: before.map(|(index, most)| (name(index), most)), parameter })
}
