//! A network with what is worth a look in it.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use crate::graph::Graph;
use crate::graph::lints::{Lint, lints};

/// A network with what is worth a look in it.
#[derive(Debug, Clone)]
pub struct Shown {
    pub network: Arc<Graph>,
    pub lints: Vec<Lint>,
    /// For each layer with lints of its own its index, in order.
    at: Vec<usize>,
    /// For each lint the layer it is about; none if it is about a block.
    pub layers: Vec<Option<usize>>,
}

impl Shown {
    pub fn of(network: Arc<Graph>) -> Self {
        let lints = lints(&network);
        let names: std::collections::HashSet<&str> = lints.iter().map(|lint| lint.layer.as_str()).collect();
        let at = network.layers.iter().filter(|layer| names.contains(layer.name.as_str()));
        let at: Vec<usize> = at.map(|layer| layer.index).collect();
        let by_name: HashMap<&str, usize> = at.iter().map(|&at| (network.layers[at].name.as_str(), at)).collect();
        let layers = lints.iter().map(|lint| by_name.get(lint.layer.as_str()).copied()).collect();
        Shown { network, lints, at, layers }
    }

    pub fn has_lints(&self, layers: Range<usize>) -> bool {
        let first = self.at.partition_point(|&index| index < layers.start);
        self.at.get(first).is_some_and(|&index| index < layers.end)
    }
}
