//! What every operator is written with: the graph that grows, the names of values, the parameters.

use super::build::{Builder, value};
use super::proto::Size;
use crate::graph::{Graph, Layer, Source};
use crate::network::Compiled;
use crate::network::parameters::Role;

pub const INPUT: &str = "input";
const OUTPUT: &str = "output";

pub struct Writer<'a> {
    pub builder: Builder,
    network: &'a Graph,
    parameters: Option<&'a Compiled>,
}

impl<'a> Writer<'a> {
    pub fn new(network: &'a Graph, parameters: Option<&'a Compiled>) -> Self {
        Writer { builder: Builder::default(), network, parameters }
    }

    /// What a value is called: as its layer, but the first and the last.
    pub fn name_of(&self, source: Source) -> String {
        match source {
            Source::Input => INPUT.into(),
            Source::Layer(index) if index + 1 == self.network.layers.len() => OUTPUT.into(),
            Source::Layer(index) => self.network.layers[index].name.clone(),
        }
    }

    /// A parameter of a layer, in these sizes.
    pub fn parameter(&mut self, layer: &Layer, role: Role, dims: &[u64]) -> String {
        let values = self.parameters.and_then(|compiled| {
            let own = compiled.parameters.iter().find(|own| own.layer == layer.index && own.role == role)?;
            Some(own.in_pytorchs_order().into_owned())
        });
        self.values_or_input(&format!("{}.{}", layer.name, role.name()), dims, values)
    }

    /// The running mean and variance of a batch norm.
    pub fn statistics(&mut self, layer: &Layer, channels: u64) -> [String; 2] {
        let running = self.parameters.and_then(|compiled| {
            let running = compiled.running.iter().find(|running| running.layer == layer.index)?;
            Some([running.statistics.mean.clone(), running.statistics.variance.clone()])
        });
        let [mean, variance] = running.map_or([None, None], |both| both.map(Some));
        [("running_mean", mean), ("running_var", variance)]
            .map(|(part, values)| self.values_or_input(&format!("{}.{part}", layer.name), &[channels], values))
    }

    fn values_or_input(&mut self, name: &str, dims: &[u64], values: Option<Vec<f32>>) -> String {
        match values {
            Some(values) => self.builder.floats(name, dims, values),
            None => {
                let sizes = dims.iter().map(|&size| Size::Known(size as i64));
                self.builder.graph.input.push(value(name, sizes));
                name.into()
            }
        }
    }
}
