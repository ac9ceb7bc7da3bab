//! From a description to layers with every number. Pure and exact: integers, no files, no clock, no tensors.

mod align;
pub mod budget;
mod build;
pub mod compare;
pub mod conventions;
pub mod diff;
pub mod family;
pub mod field;
pub mod figures;
pub mod formulas;
pub mod freeze;
pub mod kernel_study;
mod layer;
pub mod lints;
pub mod liveness;
pub mod memory;
mod ops;
mod reach;
mod shape;
pub mod unit;

use std::ops::Range;

pub use field::{Axis, Field, Jump};
pub use layer::{Layer, Source};
pub use ops::{Kept, Operation, Window, output_size};
pub use reach::Reach;
pub use shape::Shape;

use crate::spec::node::Mark;
use crate::spec::problem::{Problems, Report};
use crate::spec::{Architecture, Loaded};

/// A network whose shapes fit, with its numbers.
#[derive(Debug, Clone)]
pub struct Graph {
    pub architecture: Architecture,
    /// In an order in which each comes after all that it reads.
    pub layers: Vec<Layer>,
    /// Outer blocks before those in them.
    pub blocks: Vec<Block>,
    pub totals: Totals,
}

/// Layers under a name: a contiguous part of the order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    pub path: String,
    pub wiring: Wiring,
    pub layers: Range<usize>,
}

/// How the layers of a block hang together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wiring {
    Sequence,
    /// One way through the block around it.
    Branch,
    Residual,
    Concat,
    Split,
    Gate,
}

impl Wiring {
    pub fn word(self) -> &'static str {
        match self {
            Wiring::Sequence => "block",
            Wiring::Branch => "branch",
            Wiring::Residual => "residual",
            Wiring::Concat => "concat",
            Wiring::Split => "split",
            Wiring::Gate => "gate",
        }
    }
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
    /// Parameters, buffers, and the most values that are needed at once, see [`liveness`].
    pub inference_peak_bytes: u64,
    /// A training step on one image with SGD and momentum, see [`memory`].
    pub training_bytes: u64,
    /// Parameters of conv layers alone.
    pub conv_params: u64,
    pub conv_macs: u64,
}

impl Totals {
    fn of(layers: &[Layer], input: Shape) -> Self {
        let sum = |count: fn(&Layer) -> u64| layers.iter().map(count).sum::<u64>();
        let (params, buffers) = (sum(Layer::params), sum(|layer| layer.buffers));
        let activation_bytes = sum(Layer::output_bytes);
        Totals {
            layers: layers.len() as u64,
            weight_layers: layers.iter().filter(|layer| layer.has_weights()).count() as u64,
            params,
            buffers,
            macs: sum(|layer| layer.macs),
            activation_bytes,
            inference_peak_bytes: 4 * (params + buffers) + liveness::peak_bytes(layers, input),
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
    let (layers, blocks) = build::build(&architecture, root, &mut problems);
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
    let input = input_shape(&architecture);
    let totals = Totals::of(&layers, input);
    let mut network = Graph { architecture, layers, blocks, totals };
    network.totals.training_bytes = memory::training(&network, 1, memory::OptimizerState::Momentum).total();
    Ok(network)
}

fn input_shape(architecture: &Architecture) -> Shape {
    let input = architecture.input;
    Shape::Map { channels: input.channels, height: input.height, width: input.width }
}

impl Graph {
    pub fn input(&self) -> Shape {
        input_shape(&self.architecture)
    }

    /// The shape of what a layer reads.
    pub fn shape_of(&self, source: Source) -> Shape {
        match source {
            Source::Input => self.input(),
            Source::Layer(index) => self.layers[index].output,
        }
    }

    /// The field of what a layer reads.
    pub fn field_of(&self, source: Source) -> Option<Field> {
        match source {
            Source::Input => Some(field::pixel()),
            Source::Layer(index) => self.layers[index].field.clone(),
        }
    }

    /// What a layer reads, by name.
    pub fn name_of(&self, source: Source) -> &str {
        match source {
            Source::Input => "the input",
            Source::Layer(index) => &self.layers[index].name,
        }
    }

    /// The layers that read a layer's output, in order.
    pub fn readers(&self, index: usize) -> impl Iterator<Item = &Layer> {
        let reads = move |layer: &&Layer| layer.inputs.contains(&Source::Layer(index));
        self.layers[index + 1..].iter().filter(reads)
    }

    /// The only layer that reads a layer's output.
    pub fn only_reader(&self, index: usize) -> Option<&Layer> {
        let mut readers = self.readers(index);
        readers.next().filter(|_| readers.next().is_none())
    }

    /// Bytes of weights, inputs and outputs of a layer for so many images, each moved once.
    pub fn bytes_moved(&self, layer: &Layer, images: u64) -> u64 {
        let read: u64 = layer.inputs.iter().map(|source| self.shape_of(*source).bytes()).fold(0, u64::saturating_add);
        let of_an_image = layer.output_bytes().saturating_add(read);
        (4 * layer.params()).saturating_add(of_an_image.saturating_mul(images))
    }

    /// Whether the last layer gives probabilities.
    pub fn ends_in_softmax(&self) -> bool {
        self.layers.last().is_some_and(|layer| matches!(layer.operation, Operation::Softmax))
    }

    /// What the network gives before a softmax at its end.
    pub fn logits(&self) -> Option<&Layer> {
        self.layers.iter().rev().find(|layer| !matches!(layer.operation, Operation::Softmax))
    }

    /// The last map before anything is flattened or pooled over the whole map.
    pub fn last_map(&self) -> Option<&Layer> {
        let is_map = |layer: &&Layer| match &layer.field {
            Some(field) => field[0].jump().is_some(),
            None => !layer.output.is_flat() && !matches!(layer.operation, Operation::GlobalAvgPool),
        };
        // A gate's maps are not on the way to the output.
        let on_the_way = liveness::main_path(&self.layers);
        self.layers.iter().rev().filter(|layer| on_the_way[layer.index]).find(is_map)
    }

    /// What a unit of the last map sees, before anything is flattened or pooled over the whole map.
    pub fn map_field(&self) -> Option<[u128; 2]> {
        self.last_map()?.field_size()
    }

    /// What the last layer's units see of the input.
    pub fn receptive_field(&self) -> Option<[u128; 2]> {
        self.layers.last()?.field_size()
    }

    /// Whether the input's values flow through branches.
    pub fn has_branches(&self) -> bool {
        self.layers.iter().any(|layer| layer.inputs.len() > 1)
    }
}
