//! Whether the network that a text says is the one that was read: row by row, what each is, what it reads, what it gives.

use super::blocks::Join;
use super::net::{Net, Value};
use crate::graph::{Graph, Operation, Source};

/// The first row that is not what was read, in words.
pub fn difference(net: &Net, rows: &[Join], network: &Graph) -> Option<String> {
    if rows.len() != network.layers.len() {
        return Some(format!("it has {} rows, and {} were read", network.layers.len(), rows.len()));
    }
    let value = |source: &Source| match source {
        Source::Input => Some(0),
        Source::Layer(at) => rows.get(*at).map(|row| row.value),
    };
    network.layers.iter().zip(rows).find_map(|(layer, row)| {
        let step = net.step(row.value)?;
        let reads: Option<Vec<Value>> = layer.inputs.iter().map(value).collect();
        let (mut reads, mut wanted) = (reads?, row.inputs.clone());
        if matches!(layer.operation, Operation::Add) {
            reads.sort_unstable();
            wanted.sort_unstable();
        }
        let shape = layer.output.to_vec();
        let is_same = net.operation(row.value).is_some_and(|own| same(own, &layer.operation));
        let fits = is_same && reads == wanted && step.shape.get(1..) == Some(shape.as_slice());
        (!fits).then(|| format!("`{}` is not what {} is", layer.name, step.node))
    })
}

/// Whether two operations are one but for what parameters begin with.
fn same(one: &Operation, other: &Operation) -> bool {
    match (one, other) {
        (Operation::Scale { .. }, Operation::Scale { .. }) => true,
        (Operation::Prelu { per_channel, .. }, Operation::Prelu { per_channel: other, .. }) => per_channel == other,
        (one, other) => one == other,
    }
}
