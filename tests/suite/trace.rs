//! The first layer at which values stop being numbers, outgrow a format or vanish, and why.

use std::path::Path;
use std::process::Command;

use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};

use crate::common::convlens;

const NET: &str = "input: [2, 4, 4]\nlayers:\n  - conv: {out: 2, kernel: 1, bias: false}\n  - conv: {out: 2, kernel: 1, bias: false}\n  - relu\n  - conv: {out: 2, kernel: 1, bias: false}\n";

/// Each conv multiplies both channels by its factor; then what is found on ones of both signs.
fn traced(folder: &Path, factors: [f32; 3], input: f32) -> Value {
    let at = |name: &str| folder.join(name);
    std::fs::write(at("net.yaml"), NET).expect("written");
    let bytes = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    let weights = factors.map(|factor| bytes(&[factor, 0.0, 0.0, factor]));
    let names = ["conv1.weight", "conv2.weight", "conv3.weight"];
    let tensor = |bytes| TensorView::new(Dtype::F32, vec![2, 2, 1, 1], bytes).expect("sound");
    let tensors = names.iter().zip(&weights).map(|(name, bytes)| (*name, tensor(bytes)));
    safetensors::serialize_to_file(tensors, None, &at("weights.safetensors")).expect("written");
    let values: Vec<f32> = (0..32).map(|at| if at % 2 == 0 { input } else { -input }).collect();
    let bytes = bytes(&values);
    let input = TensorView::new(Dtype::F32, vec![1, 2, 4, 4], &bytes).expect("sound");
    safetensors::serialize_to_file([("input", input)], None, &at("input.safetensors")).expect("written");
    let arguments =
        ["forward", "net.yaml", "--weights", "weights.safetensors", "--input", "input.safetensors", "--trace"];
    let mut command = Command::new(env!("CARGO_BIN_EXE_convlens"));
    let output = command.args(arguments).args(["--format", "json"]).current_dir(folder).output().expect("started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice::<Value>(&output.stdout).expect("JSON")["trace"].clone()
}

#[test]
fn each_trouble_is_named_where_it_is_first_seen() {
    let folder = tempfile::tempdir().expect("a folder");
    let found = |factors, input| -> Vec<(String, String, String)> {
        let text = |own: &Value, key: &str| own[key].as_str().expect("a text").to_string();
        let all = traced(folder.path(), factors, input);
        all.as_array()
            .expect("a list")
            .iter()
            .map(|own| (text(own, "what"), text(own, "layer"), text(own, "words")))
            .collect()
    };
    assert_eq!(found([1.0, 1.0, 1.0], 1.0), []);
    let overflow = found([1.0, 70_000.0, 1.0], 1.0);
    assert_eq!((overflow[0].0.as_str(), overflow[0].1.as_str()), ("overflow", "conv2"));
    assert_eq!((overflow[1].0.as_str(), overflow[1].1.as_str()), ("grown", "conv2"), "seventy thousand times");
    let vanished = found([0.5, 1e-4, 1.0], 1.0);
    assert_eq!((vanished[0].0.as_str(), vanished[0].1.as_str()), ("vanished", "conv2"));
    assert!(vanished[0].2.contains("20,000 times less"), "{vanished:?}");
    let dead = found([1.0, 0.0, 1.0], 1.0);
    assert_eq!((dead[0].0.as_str(), dead[0].1.as_str(), dead[0].2.as_str()), ("dead", "conv2", "every value is 0"));
    // 10^30 times 10^30 is beyond f32: said at the layer where it is, with what it read.
    let infinite = found([1e30, 1e30, 1.0], 1.0);
    let (what, layer, words) = infinite.last().expect("found");
    assert_eq!((what.as_str(), layer.as_str()), ("not_finite", "conv2"));
    assert!(
        words.contains("32 of 32 values are not finite: what it reads reaches 1.0e30, its weights 1.0e30"),
        "{words}"
    );
    let weights = found([1.0, f32::NAN, 1.0], 1.0);
    assert_eq!(weights[0].1, "conv2");
    assert!(weights[0].2.contains("2 of 4 values of `conv2.weight` are not finite"), "{weights:?}");
    let read = found([1.0, 1.0, 1.0], f32::INFINITY);
    assert!(read[0].1 == "conv1" && read[0].2.contains("32 of 32 values of the input are not finite"), "{read:?}");
}

#[test]
fn a_run_that_stops_names_the_layer() {
    let arguments = ["train", "tinyvgg", "--steps", "40", "--batch", "8", "--lr", "1e12", "--no-out", "--seed", "1"];
    let ended = convlens(&arguments).assert().failure();
    let errors = String::from_utf8_lossy(&ended.get_output().stderr).into_owned();
    let named = ["block1.", "block2.", "linear1", "flatten"].iter().any(|layer| errors.contains(&format!("`{layer}")));
    assert!(errors.contains("finite") && named, "{errors}");
    let sound = convlens(&["forward", "lenet5", "--trace", "--set", "layers=[conv3-4, relu]"]).assert().success();
    let printed = String::from_utf8_lossy(&sound.get_output().stdout).into_owned();
    assert!(printed.contains("trace: every value is finite and within f16's range (largest "), "{printed}");
    assert_eq!(json!(printed.matches("trace: ").count()), json!(1));
}
