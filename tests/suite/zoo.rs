//! Branching networks against torchvision's: every layer that both list, as a multiset, and the totals.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use convlens::exchange::weights::Scheme;
use convlens::exchange::weights::names::{names, slots};
use convlens::exchange::weights::{self, Rest};
use convlens::graph::{Graph, Layer, unit};
use convlens::network::Compiled;
use convlens::network::init::Init;
use convlens::network::kernels::view;
use convlens::run::attention::effective;
use convlens::spec::{Library, Origin};
use safetensors::tensor::{Dtype, TensorView};
use serde_json::Value;

use crate::common::{json, network, project};

/// What the references list.
const LISTED: [&str; 10] = [
    "conv",
    "linear",
    "maxpool",
    "avgpool",
    "adaptive_avgpool",
    "global_avgpool",
    "batch_norm",
    "add",
    "concat",
    "multiply",
];

/// How often each (kind, output, params, macs, receptive field) occurs.
fn counted(layers: &Value) -> BTreeMap<String, i64> {
    let mut counts = BTreeMap::new();
    for layer in layers.as_array().expect("layers") {
        let kind = layer["kind"].as_str().expect("a kind");
        if LISTED.contains(&kind) {
            let mut row = ["output", "params", "macs", "receptive_field"].map(|key| layer[key].to_string());
            // The references give fields of maps only.
            if layer["jump"].is_null() {
                row[3].clear();
            }
            *counts.entry(format!("{kind} {}", row.join(" "))).or_insert(0) += 1;
        }
    }
    counts
}

#[test]
fn every_layer_of_torchvisions_branching_networks_is_there() {
    let mut files = 0;
    for file in std::fs::read_dir(project("tests/zoo")).expect("the references") {
        let path = file.expect("a file").path();
        let id = path.file_stem().expect("a name").to_str().expect("UTF-8").to_string();
        let text = std::fs::read_to_string(&path).expect("a readable reference");
        let reference: Value = serde_json::from_str(&text).expect("JSON");
        let shown = json(&["show", &id]);
        let (mut expected, mut got) = (counted(&reference["layers"]), counted(&shown["layers"]));
        if id == "densenet121" {
            // torchvision's dense layers join all that came before, the first of each block a single map.
            for map in [
                "[64,56,56] 0 0 [11,11]",
                "[128,28,28] 0 0 [63,63]",
                "[256,14,14] 0 0 [263,263]",
                "[512,7,7] 0 0 [1047,1047]",
            ] {
                assert_eq!(expected.remove(&format!("concat {map}")), Some(1), "{map}");
            }
        }
        if id == "shufflenet_v2_x1_0" {
            // torchvision takes the mean by `x.mean`, which is no module.
            assert_eq!(got.remove("global_avgpool [1024,1,1] 0 0 "), Some(1));
        }
        let differs: Vec<String> = expected
            .keys()
            .chain(got.keys())
            .filter(|row| expected.get(*row) != got.get(*row))
            .map(|row| format!("{row}: {:?} there, {:?} here", expected.get(row), got.get(row)))
            .collect();
        assert!(differs.is_empty(), "{id}:\n{}", differs.join("\n"));
        for key in ["params", "buffers", "macs"] {
            assert_eq!(shown["totals"][key], reference["totals"][key], "{id} {key}");
        }
        assert_eq!(shown["totals"]["map_field"], reference["totals"]["receptive_field"], "{id}");
        files += 1;
    }
    assert_eq!(files, 12);
}

#[test]
fn the_tensors_of_torchvisions_resnets_are_known_by_their_names() {
    for id in ["resnet18", "resnet34", "resnet50", "resnet101"] {
        let text = std::fs::read_to_string(project(&format!("tests/zoo/{id}.json"))).expect("the reference");
        let reference: Value = serde_json::from_str(&text).expect("JSON");
        let layers = reference["layers"].as_array().expect("layers");
        let learned = layers.iter().filter(|layer| layer["params"] != 0);
        let mut expected: Vec<String> =
            learned.map(|layer| format!("{}.weight", layer["at"].as_str().expect("a name"))).collect();
        let network = network(id);
        let slots = slots(&network);
        let mut got = names(Scheme::Residual, &network, &slots).expect("residual blocks");
        got.retain(|name| name.ends_with(".weight"));
        expected.sort();
        got.sort();
        assert_eq!(got, expected, "{id}");
    }
}

#[test]
fn googles_table_of_receptive_fields_is_met() {
    // google-research/receptive_field: Inception v3 sees 1311 pixels, 618 of them before the input; MobileNet v1 315; ResNet-50
    // as TF-slim has it, which strides in the last unit of a block, 483. All move by 32.
    let unit = json(&["explain", "inception_v3", "Mixed_7c.concat", "--unit", "0,0"]);
    assert_eq!((&unit["rows"]["first"], &unit["rows"]["last"]), (&Value::from(-618), &Value::from(692)));
    let mobilenet = json(&["show", "mobilenet_v1"]);
    assert_eq!(mobilenet["totals"]["map_field"], serde_json::json!([315, 315]));
    let slim = json(&["show", "tests/architectures/valid/resnet50-slim.yaml"]);
    let last = slim["layers"].as_array().and_then(|layers| layers.last()).expect("layers");
    assert_eq!(
        (&last["receptive_field"], &last["jump"]),
        (&serde_json::json!([483, 483]), &serde_json::json!([32, 32]))
    );
}

#[test]
fn u_nets_output_sees_188_or_204_pixels_and_the_widest_is_given() {
    let unet = json(&["show", "unet"]);
    assert_eq!(unet["totals"]["map_field"], serde_json::json!([204, 204]));
    let sizes = (112..128).map(|column| {
        let unit = json(&["explain", "unet", "dec1.conv2", "--unit", &format!("128,{column}")]);
        let span = unit["columns"]["clipped"].as_array().expect("inside").clone();
        span[1].as_u64().expect("a pixel") + 1 - span[0].as_u64().expect("a pixel")
    });
    let sizes: std::collections::BTreeSet<u64> = sizes.collect();
    assert_eq!(sizes, [188, 204].into());
}

/// The gradient of a unit is nowhere but in the pixels that it is said to read.
#[test]
fn no_gradient_lies_outside_of_what_a_unit_reads() {
    for name in ["residual", "concat", "gate", "shuffle", "unet"] {
        let network = network(&format!("tests/fixtures/{name}.yaml"));
        let mut compiled = Compiled::initialised(&network, Init::Kaiming, 3);
        let values = network.input().elements() as usize;
        let inputs = |sample: usize| convlens::run::forward::noise(values, sample as u64);
        // Behind a gate every unit depends on the whole map.
        let is_plain = |layer: &&Layer| !layer.output.is_flat() && (name != "gate" || layer.index < 6);
        for layer in network.layers.iter().filter(is_plain).step_by(2) {
            let [height, width] = layer.output.sides();
            for (row, column) in [(0, 0), (height / 2, width / 3), (height - 1, width - 1)] {
                let spans = unit::seen(&network, layer, row, column).expect("a unit");
                let place = (row as usize, column as usize);
                let go_on = |_| ControlFlow::Continue(());
                let found = effective(&mut compiled, layer.index, place, spans, 1, inputs, go_on).expect("not stopped");
                let heat = &found.heat;
                for (at, value) in heat.values.iter().enumerate().filter(|(_, value)| **value != 0.0) {
                    let pixel = [at / heat.width, at % heat.width];
                    let inside = (0..2).all(|axis| {
                        spans[axis].read.is_some_and(|(first, last)| (first..=last).contains(&(pixel[axis] as u64)))
                    });
                    assert!(inside, "{name} {} ({row}, {column}): {value} at {pixel:?}", layer.name);
                }
            }
        }
    }
}

#[test]
fn torchvisions_names_that_count_find_their_layers_in_a_file_sorted_by_letters() {
    // Constants, each layer's own, so that a swap would be seen.
    for id in ["resnet18", "mobilenet_v2", "efficientnet_b0", "shufflenet_v2_x1_0", "googlenet", "densenet121"] {
        let text = std::fs::read_to_string(project(&format!("tests/zoo/{id}.json"))).expect("the reference");
        let reference: Value = serde_json::from_str(&text).expect("JSON");
        let layers = reference["layers"].as_array().expect("layers");
        let theirs: Vec<&Value> = layers.iter().filter(|layer| layer["params"] != 0).collect();
        let network = network(id);
        let learned: Vec<&Layer> = network.layers.iter().filter(|layer| layer.params() > 0).collect();
        assert_eq!(theirs.len(), learned.len(), "{id}");
        let slots = slots(&network);
        let mut tensors: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
        for (at, (layer, reference)) in learned.iter().zip(&theirs).enumerate() {
            assert_eq!(reference["params"], layer.params(), "{id} {}: in torchvision's order", layer.name);
            for slot in slots.iter().filter(|slot| slot.layer == layer.index) {
                let name = format!("net.{}.{}", reference["at"].as_str().expect("a name"), slot.part);
                let count = slot.shape.iter().product();
                tensors.push((name, slot.shape.clone(), (at as f32).to_le_bytes().repeat(count)));
            }
        }
        let views = tensors.iter().map(|(name, shape, bytes)| {
            (name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes).expect("a sound tensor"))
        });
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("w.safetensors");
        safetensors::serialize_to_file(views, None, &path).expect("written");
        let read = weights::read(&network, &path, Rest::Refused).unwrap_or_else(|error| panic!("{id}: {error}"));
        for parameter in &read.compiled.parameters {
            let at = learned.iter().position(|layer| layer.index == parameter.layer).expect("it learns");
            assert_eq!(view::values(&parameter.values)[0], at as f32, "{id} {}", parameter.name);
        }
    }
}

#[test]
fn names_that_do_not_say_how_they_mix_are_refused_where_shapes_leave_two_ways() {
    // Convs of one shape under two words: nothing says which comes first.
    let loaded = "input: [4, 8, 8]\nlayers: [conv3-4, conv3-4, conv3-4, conv3-4]\n";
    let network = common_network(loaded);
    let bytes = vec![0u8; 4 * 4 * 9 * 4];
    let small = vec![0u8; 4 * 4];
    let file = |names: [&str; 4]| {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("w.safetensors");
        let views = names.iter().flat_map(|name| {
            let weight = TensorView::new(Dtype::F32, vec![4, 4, 3, 3], &bytes).expect("sound");
            let bias = TensorView::new(Dtype::F32, vec![4], &small).expect("sound");
            [(format!("{name}.weight"), weight), (format!("{name}.bias"), bias)]
        });
        safetensors::serialize_to_file(views, None, &path).expect("written");
        weights::read(&network, &path, Rest::Refused).map(drop)
    };
    assert!(file(["body.0", "body.1", "body.2.a.0", "body.2.a.1"]).is_ok(), "numbers say it all");
    assert!(file(["up.0", "up.1", "down.0", "down.1"]).is_err(), "up or down first?");
    assert!(file(["net.conv1", "net.conv2", "net.mid1", "net.mid2"]).is_err());
}

fn common_network(text: &str) -> Graph {
    let origin = Origin::File("net.yaml".into());
    let loaded = Library::new(None).load_text(&origin, text.to_string(), &[]).expect("sound");
    convlens::graph::analyse(&loaded).expect("fits")
}
