//! From a description to layers with every number. Pure and exact: integers, no files, no clock, no tensors.

mod field;
pub mod formulas;
mod layer;
mod resolve;

pub use layer::{Axis, Field, Layer, Operation, Shape, Source, Window};
pub use resolve::output_size;

use crate::spec::node::Mark;
use crate::spec::problem::{Problems, Report};
use crate::spec::{Architecture, Loaded};

/// A network whose shapes fit, with its numbers.
#[derive(Debug, Clone)]
pub struct Network {
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
    /// Parameters three times (weights, gradients, momentum), buffers, the input and every layer's output.
    pub training_bytes: u64,
}

impl Totals {
    fn of(layers: &[Layer], input: Shape) -> Self {
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
            training_bytes: 12 * params + 4 * buffers + input.elements() as u64 * 4 + activation_bytes,
        }
    }
}

/// Works out every layer, or says what does not fit and where.
pub fn analyse(loaded: &Loaded) -> Result<Network, Report> {
    let mut problems = Problems::default();
    let root = Mark { source: 0, node: 0 };
    let architecture = loaded.architecture.clone();
    let layers = resolve::resolve(&architecture, root, &mut problems);
    if !problems.is_empty() {
        return Err(problems.into_report(&loaded.sources));
    }
    let input = architecture.input;
    let input = Shape::Map { channels: input.channels, height: input.height, width: input.width };
    let totals = Totals::of(&layers, input);
    Ok(Network { architecture, layers, totals })
}

impl Network {
    /// Memory to run a mini-batch of `batch` images forward: parameters, buffers, the mini-batch itself, and the
    /// largest input and output needed at once.
    pub fn inference_bytes(&self, batch: u64) -> u64 {
        let input = self.layers.first().map_or(0, |layer| layer.input.elements() as u64 * 4);
        let at_once = self.totals.inference_peak_bytes - 4 * (self.totals.params + self.totals.buffers);
        let fixed = 4 * (self.totals.params + self.totals.buffers);
        fixed.saturating_add(batch.saturating_mul(input + at_once))
    }

    /// What the last layer's units see of the input.
    pub fn receptive_field(&self) -> Option<[u128; 2]> {
        let field = self.layers.last()?.field?;
        Some([field[0].size, field[1].size])
    }
}
