//! Branching networks against torchvision's: every layer that both list, as a multiset, and the totals.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::common::{json, project};

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
