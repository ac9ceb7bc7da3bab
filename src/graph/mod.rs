//! From a description to layers with every number. Pure and exact: integers, no files, no clock, no tensors.

pub mod compare;
pub mod conventions;
mod field;
pub mod figures;
pub mod formulas;
pub mod kernel_study;
mod layer;
pub mod lints;
pub mod memory;
mod resolve;
pub mod unit;

pub use layer::{Axis, Field, Layer, Operation, Shape, Source, Window};
pub use resolve::output_size;

use crate::spec::node::Mark;
use crate::spec::problem::{Problems, Report};
use crate::spec::{Architecture, Loaded};

/// A network whose shapes fit, with its numbers.
#[derive(Debug, Clone)]
pub struct Graph {
    pub architecture: Architecture,
    pub layers: Vec<Layer>,
    pub totals: Totals,
}

/// Sums over all layers. Bytes are of f32 values and one image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    pub layers: u64,
    /// Conv and linear layers, as the paper counts.
    pub weight_layers: u64,
    pub params: u64,
    pub buffers: u64,
    pub macs: u64,
    /// Every layer's output, added up.
    pub activation_bytes: u64,
    /// Parameters, buffers, and the largest input and output that are needed at once.
    pub inference_peak_bytes: u64,
    /// A training step on one image with SGD and momentum, see [`memory`].
    pub training_bytes: u64,
    /// Parameters of conv layers alone.
    pub conv_params: u64,
    pub conv_macs: u64,
}

impl Totals {
    fn of(layers: &[Layer]) -> Self {
        let sum = |count: fn(&Layer) -> u64| layers.iter().map(count).sum::<u64>();
        let (params, buffers) = (sum(Layer::params), sum(|layer| layer.buffers));
        let activation_bytes = sum(Layer::output_bytes);
        let at_once = layers.iter().map(|layer| layer.input.elements() as u64 * 4 + layer.output_bytes()).max();
        Totals {
            layers: layers.len() as u64,
            weight_layers: layers.iter().filter(|layer| layer.has_weights()).count() as u64,
            params,
            buffers,
            macs: sum(|layer| layer.macs),
            activation_bytes,
            inference_peak_bytes: 4 * (params + buffers) + at_once.unwrap_or(0),
            training_bytes: 0,
            conv_params: layers.iter().filter(|layer| layer.is_conv()).map(Layer::params).sum(),
            conv_macs: layers.iter().filter(|layer| layer.is_conv()).map(|layer| layer.macs).sum(),
        }
    }
}

/// Works out every layer, or says what does not fit and where.
pub fn analyse(loaded: &Loaded) -> Result<Graph, Report> {
    let mut problems = Problems::default();
    let root = Mark { source: 0, node: 0 };
    let architecture = loaded.architecture.clone();
    let layers = resolve::resolve(&architecture, root, &mut problems);
    if !problems.is_empty() {
        let mut report = problems.into_report(&loaded.sources);
        let input = architecture.input;
        // The likeliest cause stands beside the first thing that does not fit.
        if let Some(first) = report.diagnostics.first_mut().filter(|_| input.looks_channels_last()) {
            let (height, width, channels) = (input.channels, input.height, input.width);
            first.help = Some(format!("channels come first: did you mean `input: [{channels}, {height}, {width}]`?"));
        }
        return Err(report);
    }
    let totals = Totals::of(&layers);
    let mut network = Graph { architecture, layers, totals };
    network.totals.training_bytes = memory::training(&network, 1, memory::OptimizerState::Momentum).total();
    Ok(network)
}

impl Graph {
    /// What a unit of the last map sees, before anything is flattened or pooled over the whole map.
    pub fn map_field(&self) -> Option<[u128; 2]> {
        let last = self.layers.iter().rev().find(|layer| layer.field.is_none_or(|field| field[0].jump.is_some()))?;
        last.field.map(|field| field.map(|axis| axis.size))
    }

    /// What the last layer's units see of the input.
    pub fn receptive_field(&self) -> Option<[u128; 2]> {
        let field = self.layers.last()?.field?;
        Some([field[0].size, field[1].size])
    }
}
