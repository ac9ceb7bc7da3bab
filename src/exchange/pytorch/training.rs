//! What goes beside a network's module so that PyTorch can train it as we do: `train.py` and what it stands on, the same for
//! every network, and `network.json`, which says what is this one's own.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::names::class;
use crate::graph::{Graph, Operation, freeze};
use crate::network::parameters::{Role, shapes_of};
use crate::spec::describe::{ChannelOrder, Norm};
use crate::spec::recipe::Recipe;

/// Files by name.
pub const CODE: [(&str, &str); 4] = [
    ("train.py", include_str!("python/train.py")),
    ("data.py", include_str!("python/data.py")),
    ("draw.py", include_str!("python/draw.py")),
    ("run.py", include_str!("python/run.py")),
];

/// What `train.py` reads.
pub const NETWORK: &str = "network.json";

/// What a run is made of beside the network.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    /// The text of an architecture that needs no other file.
    pub architecture: &'a str,
    /// With nothing left out that counts.
    pub recipe: &'a Recipe,
}

/// The text of `network.json`; `keys` are the modules' names by our layers'.
pub fn network_json(network: &Graph, keys: &HashMap<String, String>, told: Told) -> String {
    let architecture = &network.architecture;
    let key = |layer: &str| keys.get(layer).map_or(layer, String::as_str).to_string();
    let how = &architecture.preprocess;
    let layers = network.layers.iter().filter(|layer| layer.params() > 0 || layer.buffers > 0);
    let parameters = network.layers.iter().flat_map(|layer| {
        shapes_of(layer).into_iter().map(move |(role, _)| {
            let transposed = matches!(layer.operation, Operation::Linear { .. }) && role == Role::Weight;
            let name = |layer: &str| format!("{layer}.{}", role.name());
            json!({"name": name(&layer.name), "key": name(&key(&layer.name)), "transposed": transposed})
        })
    });
    let running = network.layers.iter().filter(|layer| matches!(layer.operation, Operation::Norm(Norm::Batch(_))));
    let value: Value = json!({
        "version": 1,
        "id": architecture.id,
        "name": architecture.name,
        "class": class(&architecture.name),
        "input": network.input().to_vec(),
        "classes": network.layers.last().map_or(0, |layer| layer.output.elements() as u64),
        "params": network.totals.params,
        "preprocess": {"resize": how.resize, "mean": how.mean, "std": how.std, "scale": how.scale,
            "channels": match how.channels { ChannelOrder::Rgb => "rgb", ChannelOrder::Bgr => "bgr" }},
        "layers": layers.map(|layer| json!({"key": key(&layer.name), "paths": freeze::paths(layer)})).collect::<Vec<_>>(),
        "parameters": parameters.collect::<Vec<_>>(),
        "running": running.map(|layer| json!({"name": layer.name, "key": key(&layer.name)})).collect::<Vec<_>>(),
        "recipe": told.recipe,
        "architecture": told.architecture,
    });
    serde_json::to_string_pretty(&value).unwrap_or_default() + "\n"
}
