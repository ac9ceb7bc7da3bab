//! Weights looked into, and what they would be worth in fewer bits or without the smallest.

use std::path::Path;
use std::process::Command;

use safetensors::tensor::{Dtype, TensorView};
use serde_json::Value;

const NET: &str = "input: [3, 8, 8]\nclasses: 3\nlayers: [conv3-4 relu, flatten, linear: classes]\n";

/// Name, shape, values.
type Tensor = (&'static str, Vec<usize>, Vec<f32>);

fn wave(count: usize, step: f32) -> Vec<f32> {
    (0..count).map(|at| (at as f32 * step).sin() * 0.5).collect()
}

fn write(path: &Path, tensors: &[Tensor]) {
    let bytes: Vec<Vec<u8>> =
        tensors.iter().map(|(_, _, values)| values.iter().flat_map(|value| value.to_le_bytes()).collect()).collect();
    let views = tensors
        .iter()
        .zip(&bytes)
        .map(|((name, shape, _), bytes)| (*name, TensorView::new(Dtype::F32, shape.clone(), bytes).expect("sound")));
    safetensors::serialize_to_file(views, None, path).expect("written");
}

/// A network with weights and labelled images; its first conv's third filter is dead.
fn folder() -> (tempfile::TempDir, Vec<Tensor>) {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("net.yaml"), NET).expect("written");
    let mut conv = wave(4 * 27, 0.7);
    conv[2 * 27..3 * 27].fill(0.0);
    let tensors = vec![
        ("conv1.weight", vec![4, 3, 3, 3], conv),
        ("conv1.bias", vec![4], wave(4, 1.1)),
        ("linear1.weight", vec![3, 256], wave(3 * 256, 0.37)),
        ("linear1.bias", vec![3], wave(3, 0.9)),
    ];
    write(&at("weights.safetensors"), &tensors);
    let labels: Vec<u8> = (0..12i64).flat_map(|own| (own % 3).to_le_bytes()).collect();
    let inputs: Vec<u8> = wave(12 * 192, 0.013).iter().flat_map(|value| value.to_le_bytes()).collect();
    let data = [
        ("input", TensorView::new(Dtype::F32, vec![12, 3, 8, 8], &inputs).expect("sound")),
        ("labels", TensorView::new(Dtype::I64, vec![12], &labels).expect("sound")),
    ];
    safetensors::serialize_to_file(data, None, &at("data.safetensors")).expect("written");
    (folder, tensors)
}

fn run(folder: &Path, arguments: &[&str]) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_convlens"));
    let output = command.args(arguments).args(["--format", "json"]).current_dir(folder).output().expect("started");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn loss(folder: &Path, weights: &str, more: &[&str]) -> (f64, Value) {
    let judge = ["evaluate", "net.yaml", "--weights", weights, "--data", "tensors:data.safetensors"];
    let found = run(folder, &[&judge[..], more].concat());
    (found["loss"].as_f64().expect("a loss"), found)
}

#[test]
fn weights_in_a_format_are_worth_what_a_file_of_such_weights_is() {
    let (folder, tensors) = folder();
    let at = folder.path();
    // By the definitions: int8 in steps of a channel's largest over 127, bf16 without the lower 16 bits, rounded.
    let int8 = |values: &[f32]| -> Vec<f32> {
        let largest = values.iter().fold(0f32, |most, own| most.max(own.abs()));
        let step = largest / 127.0;
        values.iter().map(|own| if largest == 0.0 { 0.0 } else { (own / step).round_ties_even() * step }).collect()
    };
    let by_channel = |values: &[f32], channels: usize, with: &dyn Fn(&[f32]) -> Vec<f32>| -> Vec<f32> {
        values.chunks(values.len() / channels).flat_map(with).collect()
    };
    let bf16 = |values: &[f32]| -> Vec<f32> {
        let round = |bits: u32| f32::from_bits(bits.wrapping_add(0x7fff + (bits >> 16 & 1)) & 0xffff_0000);
        values.iter().map(|own| round(own.to_bits())).collect()
    };
    for (format, with) in [("int8", &int8 as &dyn Fn(&[f32]) -> Vec<f32>), ("bf16", &bf16)] {
        let mut rounded = tensors.clone();
        for own in rounded.iter_mut().filter(|own| own.1.len() > 1) {
            own.2 = by_channel(&own.2, own.1[0], with);
        }
        write(&at.join("rounded.safetensors"), &rounded);
        let (plain, _) = loss(at, "rounded.safetensors", &[]);
        let (whole, found) = loss(at, "weights.safetensors", &["--quantise", format]);
        let own = &found["what_ifs"][0];
        assert!((own["loss"].as_f64().expect("a loss") - plain).abs() < 1e-6, "{format}: {own} {plain}");
        assert_ne!(whole, plain, "{format} changes something");
        assert_eq!(own["weights"], 4 * 27 + 3 * 256);
    }
    // Half of all weights together, the smallest; biases stay.
    let mut all: Vec<f32> = tensors.iter().filter(|own| own.1.len() > 1).flat_map(|own| own.2.clone()).collect();
    all.sort_by(|one, other| one.abs().total_cmp(&other.abs()));
    let limit = all[all.len() / 2 - 1].abs();
    let mut pruned = tensors.clone();
    for own in pruned.iter_mut().filter(|own| own.1.len() > 1) {
        own.2.iter_mut().filter(|value| value.abs() <= limit).for_each(|value| *value = 0.0);
    }
    write(&at.join("pruned.safetensors"), &pruned);
    let (plain, _) = loss(at, "pruned.safetensors", &[]);
    let (_, found) = loss(at, "weights.safetensors", &["--prune", "0.5", "--quantise", "f16"]);
    assert_eq!(found["what_ifs"][0]["what"], "in f16");
    let own = &found["what_ifs"][1];
    assert_eq!(own["zeros"], (4 * 27 + 3 * 256) / 2);
    assert!((own["loss"].as_f64().expect("a loss") - plain).abs() < 1e-6, "{own} {plain}");
    assert_eq!(found["what_ifs"][2]["what"], "0.5 pruned, in f16");
}

#[test]
fn a_file_is_looked_into() {
    let (folder, tensors) = folder();
    let at = folder.path();
    let found = run(at, &["weights", "weights.safetensors", "--stats", "--filters", "filters.png"]);
    let own = |name: &str| {
        let all = found["tensors"].as_array().expect("tensors");
        all.iter().find(|own| own["name"] == name).expect("there").clone()
    };
    for (name, _, values) in &tensors {
        let (told, count) = (own(name), values.len() as f64);
        let mean = values.iter().map(|value| f64::from(*value)).sum::<f64>() / count;
        let variance = values.iter().map(|value| (f64::from(*value) - mean).powi(2)).sum::<f64>() / count;
        assert!((told["mean"].as_f64().expect("a mean") - mean).abs() < 1e-9, "{name}");
        assert!((told["std"].as_f64().expect("a deviation") - variance.sqrt()).abs() < 1e-9, "{name}");
        let bars: u64 =
            told["histogram"].as_array().expect("bars").iter().map(|bar| bar.as_u64().expect("a count")).sum();
        assert_eq!(bars, values.len() as u64);
    }
    assert_eq!(own("conv1.weight")["dead"], serde_json::json!([2]));
    assert_eq!(found["bytes"]["f32"], 4 * (4 * 27 + 4 + 3 * 256 + 3));
    // A byte a weight, four for each output channel's factor, biases as they are.
    assert_eq!(found["bytes"]["int8"], 4 * 27 + 4 * 4 + 4 * 4 + 3 * 256 + 3 * 4 + 3 * 4);
    let picture = image::open(at.join("filters.png")).expect("a picture").to_rgb8();
    // Two by two filters, each pixel of 3×3 sixteen wide, two between.
    assert_eq!(picture.dimensions(), (2 * 50 + 2, 2 * 50 + 2));
    assert_eq!(picture.get_pixel(10, 60).0, [0; 3], "the third is even");
    assert_ne!(picture.get_pixel(10, 10).0, picture.get_pixel(40, 10).0);
    let mut broken = tensors.clone();
    (broken[2].2[5], broken[2].2[6]) = (f32::NAN, f32::INFINITY);
    write(&at.join("broken.safetensors"), &broken);
    let mut command = Command::new(env!("CARGO_BIN_EXE_convlens"));
    let told = command.args(["weights", "broken.safetensors", "--stats"]).current_dir(at).output().expect("started");
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(told.contains("1 NaN, 1 infinite") && told.contains("1 dead: 2"), "{told}");
}
