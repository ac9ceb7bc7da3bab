//! The reference tables, cell by cell, through `show --format json`.

use serde_json::Value;

use crate::common::{json, project};

fn assert_same(id: &str, layer: &str, key: &str, got: &Value, expected: &Value) {
    let same = match (got.as_f64(), expected.as_f64()) {
        (Some(got), Some(expected)) => got == expected,
        _ => match (got.as_array(), expected.as_array()) {
            (Some(got), Some(expected)) => {
                let numbers = |list: &[Value]| list.iter().map(Value::as_f64).collect::<Vec<_>>();
                numbers(got) == numbers(expected)
            }
            _ => got == expected,
        },
    };
    assert!(same, "{id} {layer} {key}: {got}, the reference has {expected}");
}

#[test]
fn every_cell_of_the_reference_tables_agrees() {
    let mut files = 0;
    for file in std::fs::read_dir(project("tests/reference")).expect("the references") {
        let path = file.expect("a file").path();
        let id = path.file_stem().expect("a name").to_str().expect("UTF-8").to_string();
        let text = std::fs::read_to_string(&path).expect("a readable reference");
        let reference: Value = serde_json::from_str(&text).expect("JSON");
        let shown = json(&["show", &id]);
        let (expected, got) = (reference["layers"].as_array().expect("layers"), &shown["layers"]);
        assert_eq!(got.as_array().expect("layers").len(), expected.len(), "{id}: number of layers");
        for (index, layer) in expected.iter().enumerate() {
            let name = layer["name"].as_str().expect("a name");
            for (key, value) in layer.as_object().expect("a layer") {
                assert_same(&id, name, key, &got[index][key], value);
            }
        }
        for (key, value) in reference["totals"].as_object().expect("totals") {
            assert_same(&id, "totals", key, &shown["totals"][key], value);
        }
        assert_same(&id, "", "name", &shown["name"], &reference["name"]);
        assert_same(&id, "", "input", &shown["input"], &reference["input"]);
        files += 1;
    }
    assert_eq!(files, 12);
}
