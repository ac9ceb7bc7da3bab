//! The train command: real losses, real refusals.

use convlens::graph::memory::OptimizerState;
use convlens::graph::{self, memory};
use convlens::spec::Library;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::Value;

use crate::common::{convlens, project, stdout};

fn events(arguments: &[&str]) -> Vec<Value> {
    let mut all = arguments.to_vec();
    all.extend(["--format", "jsonl", "--quiet", "--no-out"]);
    stdout(&all).lines().map(|line| serde_json::from_str(line).expect("an event")).collect()
}

fn losses(events: &[Value]) -> Vec<f64> {
    let steps = events.iter().filter(|event| event["event"] == "step");
    steps.map(|step| step["loss"].as_f64().expect("a loss")).collect()
}

/// A fixture's batch as a data file, and its first parameters as weights under torchvision's names.
fn fixture(name: &str, folder: &std::path::Path) -> (String, String, Vec<f64>) {
    let bytes = std::fs::read(project(&format!("tests/fixtures/{name}.safetensors"))).expect("a fixture");
    let file = safetensors::SafeTensors::deserialize(&bytes).expect("sound");
    let save = |path: &std::path::Path, views: Vec<(String, TensorView)>| {
        safetensors::serialize_to_file(views, None, path).expect("written");
        path.to_str().expect("UTF-8").to_string()
    };
    let weights =
        file.tensors().into_iter().filter_map(|(key, view)| Some((key.strip_prefix("param.")?.to_string(), view)));
    let data = ["input", "labels"].map(|key| (key.to_string(), file.tensor(key).expect("there")));
    let weights = save(&folder.join("weights.safetensors"), weights.collect());
    let data = save(&folder.join("data.safetensors"), data.into());
    let losses = file
        .tensor("step_losses")
        .expect("there")
        .data()
        .as_chunks::<4>()
        .0
        .iter()
        .map(|&b| f32::from_le_bytes(b).into())
        .collect();
    (data, weights, losses)
}

#[test]
fn the_first_losses_are_pytorchs() {
    // No dropout in these, so that the command's own training mode can be compared.
    let branching = ["residual", "concat", "gate", "shuffle", "unet"];
    for name in ["batchnorm", "deep3x3", "kernels", "lrn", "strided"].into_iter().chain(branching) {
        let folder = tempfile::tempdir().expect("a folder");
        let (data, weights, expected) = fixture(name, folder.path());
        let arch = format!("tests/fixtures/{name}.yaml");
        let data = format!("tensors:{data}");
        let arguments = [
            "train",
            &arch,
            "--data",
            &data,
            "--weights",
            &weights,
            "--no-shuffle",
            "--steps",
            "3",
            "--lr",
            "0.01",
            "--momentum",
            "0.9",
            "--weight-decay",
            "5e-4",
        ];
        // In parts whose gradients are added up the steps are the same; batch norms alone see their part only.
        let normed = ["batchnorm", "residual", "concat", "gate", "shuffle"].contains(&name);
        let in_parts: &[&str] = if normed { &[] } else { &["--micro-batch", "1"] };
        for more in [&[][..], in_parts] {
            let got = losses(&events(&[&arguments[..], more].concat()));
            assert_eq!(got.len(), 3);
            for (got, expected) in got.iter().zip(&expected) {
                assert!((got / expected - 1.0).abs() < 1e-4, "{name} {more:?}: {got} for {expected}");
            }
        }
    }
}

#[test]
fn generated_patterns_are_learned_and_the_result_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let save = folder.path().join("trained.safetensors");
    let save = save.to_str().expect("UTF-8");
    let arguments = [
        "train",
        "tinyvgg",
        "--set",
        "input=[3,24,24]",
        "--epochs",
        "4",
        "--batch",
        "16",
        "--optimizer",
        "adam",
        "--lr",
        "0.003",
        "--save",
        save,
    ];
    let events = events(&arguments);
    assert_eq!(events[0]["event"], "start");
    assert_eq!(events.last().expect("events")["event"], "finish");
    let steps = losses(&events).len() as u64;
    assert_eq!(steps, 128);
    let epochs: Vec<&Value> = events.iter().filter(|event| event["event"] == "epoch").collect();
    assert_eq!(epochs.len(), 4);
    assert!(epochs[3]["train_accuracy"].as_f64().expect("a number") > 0.8, "{}", epochs[3]);
    assert!(stdout(&["weights", save, "tinyvgg", "--set", "input=[3,24,24]"]).contains("matched by layer names"));
}

#[test]
fn the_number_of_threads_changes_no_loss() {
    let run = |threads: &str| {
        losses(&events(&["train", "vgg-mini", "--steps", "3", "--batch", "8", "--seed", "4", "--threads", threads]))
    };
    let one = run("1");
    assert_eq!(one.len(), 3);
    assert_eq!(one, run("2"));
    assert_eq!(one, run("8"));
}

#[test]
fn the_estimate_counts_what_convolutions_work_in_and_the_batches_that_wait() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("net.yaml");
    let text = "input: [3, 8, 8]\nlayers: [conv3-64, relu, conv3-64, flatten, linear: 10]\n";
    std::fs::write(&path, text).expect("written");
    let arguments = [
        "train",
        path.to_str().expect("UTF-8"),
        "--data",
        "synthetic",
        "--limit",
        "64",
        "--batch",
        "8",
        "--steps",
        "1",
    ];
    let events = events(&arguments);
    let loaded = Library::new(None).load(path.to_str().expect("UTF-8"), &[]).expect("sound");
    let network = graph::analyse(&loaded).expect("sound");
    let step = memory::training(&network, 8, OptimizerState::Momentum).total();
    // 36 places for each pair of channels of the larger conv, and tiles.
    let scratch = memory::scratch(&network);
    assert!(scratch > 4 * 36 * 64 * 64, "{scratch}");
    let batches = 4 * 8 * 3 * 8 * 8 * 4;
    assert_eq!(events[0]["estimated_bytes"], step + scratch + batches);
}

#[test]
fn what_cannot_be_trained_is_refused_before_it_starts() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("data.safetensors");
    let write = |labels: &[i64], images: usize| {
        let inputs: Vec<u8> = vec![0; 4 * images * 3 * 64 * 64];
        let labels_bytes: Vec<u8> = labels.iter().flat_map(|label| label.to_le_bytes()).collect();
        let views = vec![
            ("input", TensorView::new(Dtype::F32, vec![images, 3, 64, 64], &inputs).expect("sound")),
            ("labels", TensorView::new(Dtype::I64, vec![labels.len()], &labels_bytes).expect("sound")),
        ];
        safetensors::serialize_to_file(views, None, &path).expect("written");
    };
    let data = format!("tensors:{}", path.display());
    let refused = |arguments: &[&str], says: &str| {
        let output = convlens(&[arguments, &["--no-out"]].concat()).output().expect("started");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && errors.contains(says) && !errors.contains("panicked"),
            "{arguments:?}: {errors}"
        );
    };
    write(&[0, 10], 2);
    refused(&["train", "tinyvgg", "--data", &data], "label 1 is 10");
    write(&[0, -1], 2);
    refused(&["train", "tinyvgg", "--data", &data], "label 1 is -1");
    write(&[0], 2);
    refused(&["train", "tinyvgg", "--data", &data], "1 labels for 2 images");
    refused(&["train", "vgg-mini", "--data", &data], "1×28×28");
    refused(&["train", "tinyvgg", "--data", "synthetic:7"], "--set classes=7");
    refused(&["train", "tinyvgg", "--data", "mnist"], "expected `synthetic`");
    refused(&["train", "tinyvgg", "--lr", "0"], "above 0");
    refused(&["train", "tinyvgg", "--lr", "1e9", "--steps", "20"], "try a lower `--lr`");
    refused(
        &["train", "vgg16", "--batch", "1000000", "--micro-batch", "1000000", "--set", "input=[3,2000,2000]"],
        "of memory",
    );
}
