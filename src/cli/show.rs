//! `convlens show ARCH`: the layer table.

use serde_json::{Value, json};

use super::output::{self, Rows};
use super::{Context, Failure};
use crate::model::formulas::{self, grouped};
use crate::model::{Layer, Network, Operation};
use crate::spec::describe::Pair;

pub fn run(context: &Context, arch: &str) -> Result<(), Failure> {
    let network = context.network(arch)?;
    let headers = vec![
        ("name", false),
        ("kind", false),
        ("output", false),
        ("k", true),
        ("s", true),
        ("p", true),
        ("params", true),
        ("MACs", true),
        ("field", true),
    ];
    let rows = network.layers.iter().map(cells).collect();
    let totals = network.totals;
    let footer = [
        String::new(),
        format!(
            "{} ({}): {} layers, {} with weights",
            network.architecture.name, network.architecture.id, totals.layers, totals.weight_layers
        ),
        format!(
            "parameters {}   buffers {}   MACs {}   FLOPs {}",
            grouped(totals.params),
            grouped(totals.buffers),
            grouped(totals.macs),
            grouped(2 * totals.macs)
        ),
    ];
    output::print(context, &Rows { headers, rows }, || json(&network), &footer)
}

fn cells(layer: &Layer) -> Vec<String> {
    let window = layer.operation.window();
    let pair =
        |pick: fn(crate::model::Window) -> Pair| window.map_or_else(String::new, |window| formulas::pair(pick(window)));
    let count = |count: u64| if count == 0 { "–".to_string() } else { grouped(count) };
    vec![
        layer.name.clone(),
        layer.operation.kind().to_string(),
        layer.output.to_string(),
        pair(|window| window.kernel),
        pair(|window| window.stride),
        pair(|window| window.padding),
        count(layer.params()),
        count(layer.macs),
        formulas::field(layer),
    ]
}

fn json(network: &Network) -> Value {
    let architecture = &network.architecture;
    let totals = network.totals;
    json!({
        "id": architecture.id, "name": architecture.name, "summary": architecture.summary, "source": architecture.source,
        "input": [architecture.input.channels, architecture.input.height, architecture.input.width],
        "classes": architecture.classes,
        "layers": network.layers.iter().map(layer_json).collect::<Vec<_>>(),
        "totals": {
            "layers": totals.layers, "weight_layers": totals.weight_layers, "params": totals.params,
            "buffers": totals.buffers, "macs": totals.macs, "flops": 2 * totals.macs, "param_bytes": 4 * totals.params,
            "activation_bytes": totals.activation_bytes, "inference_peak_bytes": totals.inference_peak_bytes,
            "training_bytes": totals.training_bytes, "receptive_field": network.receptive_field().map(whole),
        },
    })
}

/// JSON numbers hold 64 bits; a field beyond that is printed as its nearest float.
fn whole(pair: [u128; 2]) -> Value {
    json!(pair.map(|size| u64::try_from(size).map_or_else(|_| json!(size as f64), |size| json!(size))))
}

pub fn layer_json(layer: &Layer) -> Value {
    let mut value = json!({
        "index": layer.index, "name": layer.name, "kind": layer.operation.kind(), "block": layer.block(),
        "input": layer.input.to_vec(), "output": layer.output.to_vec(),
    });
    if let Some(window) = layer.operation.window() {
        value["kernel"] = json!(window.kernel.to_array());
        value["stride"] = json!(window.stride.to_array());
        value["padding"] = json!(window.padding.to_array());
    }
    if let Operation::Conv { window, groups, .. } = &layer.operation {
        value["dilation"] = json!(window.dilation.to_array());
        value["groups"] = json!(groups);
    }
    value["params"] = json!(layer.params());
    value["buffers"] = json!(layer.buffers);
    value["macs"] = json!(layer.macs);
    value["output_bytes"] = json!(layer.output_bytes());
    value["receptive_field"] = layer.field.map_or(Value::Null, |field| whole(field.map(|axis| axis.size)));
    let both = |pick: fn(crate::model::Axis) -> Option<u128>| {
        let [rows, columns] = layer.field?.map(pick);
        Some([rows?, columns?])
    };
    value["jump"] = both(|axis| axis.jump).map_or(Value::Null, whole);
    let center = layer.field.and_then(|[rows, columns]| Some([rows.twice_center?, columns.twice_center?]));
    value["center"] = json!(center.map(|center| center.map(|twice| twice as f64 / 2.0)));
    value["formulas"] = json!(formulas::of(layer));
    value
}
