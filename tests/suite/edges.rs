//! One where there are usually many: one channel, one class, one way that is read twice. The numbers are worked out by hand.

use std::process::Command;

use convlens::exchange::weights::{self, Rest, names::slots};
use convlens::graph;
use convlens::network::kernels::view;
use convlens::spec::{Library, Origin};
use convlens::tui::screens::Which;
use convlens::tui::shell::Msg;
use convlens::tui::theme;
use convlens::tui::work::{Done, Lane};
use safetensors::tensor::{Dtype, TensorView};
use serde_json::Value;

use crate::explorer::{painted, press, state, text, update};

fn folder(net: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("net.yaml"), net).expect("written");
    folder
}

fn run(folder: &tempfile::TempDir, arguments: &[&str]) -> (bool, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_convlens"));
    let output = command.args(arguments).current_dir(folder.path()).output().expect("started");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

fn json(folder: &tempfile::TempDir, arguments: &[&str]) -> Value {
    let (ok, out, err) = run(folder, &[arguments, &["--format", "json"]].concat());
    assert!(ok, "{arguments:?}: {err}");
    serde_json::from_str(&out).expect("JSON")
}

/// What a network with these values, tensor after tensor in its own order, makes of an input.
fn predicted(net: &str, values: &[&[f32]], input: &[f32]) -> Vec<f32> {
    let loaded = Library::new(None).load_text(&Origin::File("net.yaml".into()), net.to_string(), &[]).expect("sound");
    let network = graph::analyse(&loaded).expect("fits");
    let own = slots(&network);
    assert_eq!(own.len(), values.len());
    let names: Vec<String> = own.iter().map(|slot| slot.name_in(&network)).collect();
    let bytes: Vec<Vec<u8>> =
        values.iter().map(|own| own.iter().flat_map(|value| value.to_le_bytes()).collect()).collect();
    let views = own.iter().zip(&names).zip(&bytes).map(|((slot, name), bytes)| {
        (name.as_str(), TensorView::new(Dtype::F32, slot.shape.clone(), bytes).expect("sound"))
    });
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("w.safetensors");
    safetensors::serialize_to_file(views, None, &path).expect("written");
    let mut read = weights::read(&network, &path, Rest::Refused).unwrap_or_else(|error| panic!("{error}"));
    let batch = read.compiled.batch(input.to_vec());
    view::values(&read.compiled.predict(batch).expect("it ran")).into_owned()
}

#[test]
fn batch_norm_is_folded_into_a_conv_that_nobody_else_reads() {
    // conv: 2·1 = 2; beside relu(2) = 2 stands (2 − 1)/√(3 + 1) = 0.5.
    let net = "input: [1, 1, 1]\nlayers: [conv1-1, concat: [[relu], [batch_norm: {eps: 1}]], flatten]\n";
    assert_eq!(predicted(net, &[&[2.0], &[0.0], &[1.0], &[0.0], &[1.0], &[3.0]], &[1.0]), [2.0, 0.5]);
    // One channel: (2 + 3 − 1)/√(3 + 1)·4 + 5 = 13.
    let net = "input: [2, 1, 1]\nlayers: [conv: {out: 1, kernel: 1, bias: false}, batch_norm: {eps: 1}, flatten]\n";
    assert_eq!(predicted(net, &[&[2.0, 3.0], &[4.0], &[5.0], &[1.0], &[3.0]], &[1.0, 1.0]), [13.0]);
}

#[test]
fn what_is_written_later_wins_and_projections_have_biases() {
    let net = "input: [3, 8, 8]\nlayers: [conv: {out: 8, kernel: 3}]\noverride: {conv1: {kernel: 5}}\n";
    let own = folder(net);
    assert_eq!(json(&own, &["show", "net.yaml"])["totals"]["params"], 3 * 8 * 25 + 8);
    let set = ["show", "net.yaml", "--set", "override.conv1.kernel=1"];
    assert_eq!(json(&own, &set)["totals"]["params"], 3 * 8 + 8);
    let own = folder("input: [16, 8, 8]\nlayers: [residual: {shortcut: project, layers: [conv3-32]}]\n");
    assert_eq!(json(&own, &["show", "net.yaml"])["totals"]["params"], (16 * 32 * 9 + 32) + (16 * 32 + 32));
}

#[test]
fn a_branch_from_elsewhere_takes_no_slice_of_what_is_split() {
    let own = folder("input: [4, 8, 8]\nlayers: [conv1-4, conv1-4, split: [[from: conv1, conv1-3], identity]]\n");
    let shown = json(&own, &["show", "net.yaml"]);
    assert_eq!(shown["totals"]["params"], 20 + 20 + (4 * 3 + 3));
    let kinds: Vec<&str> = shown["layers"]
        .as_array()
        .expect("layers")
        .iter()
        .map(|layer| layer["kind"].as_str().expect("a kind"))
        .collect();
    assert_eq!(kinds, ["conv", "conv", "conv", "slice", "concat"]);
    assert_eq!(shown["layers"][4]["output"], serde_json::json!([5, 8, 8]));
}

#[test]
fn windows_of_an_adaptive_pool_are_pytorchs() {
    // ⌊i·7/3⌋ to ⌈(i + 1)·7/3⌉ − 1.
    let own = folder("input: [2, 7, 7]\nlayers: [adaptive_avgpool: 3, flatten]\n");
    for (unit, rows) in [("0,0", "0 to 2"), ("1,0", "2 to 4"), ("2,0", "4 to 6")] {
        let (_, out, _) = run(&own, &["explain", "net.yaml", "adaptive_avgpool1", "--unit", unit]);
        assert!(out.lines().any(|line| line.starts_with(" rows") && line.contains(rows)), "{unit}: {out}");
    }
}

#[test]
fn a_block_that_learns_a_single_number_is_no_block_that_only_shrinks() {
    let own = folder("input: [2, 8, 8]\nlayers: [block: {name: down, layers: [maxpool, prelu]}, conv3-8]\n");
    let (_, out, _) = run(&own, &["show", "net.yaml"]);
    assert!(!out.contains("block-only-shrinks") && !out.contains("only shrinks"), "{out}");
}

#[test]
fn the_smallest_numbers_that_mean_something_are_taken() {
    for (micro, is_sound) in [(1, true), (0, false)] {
        let own = folder(&format!("input: [1, 4, 4]\nlayers: [flatten, linear: 2]\ntrain: {{micro_batch: {micro}}}\n"));
        assert_eq!(run(&own, &["check", "net.yaml"]).0, is_sound, "{micro}");
    }
    // A batch norm on single values learns as long as no part is a single image.
    let own =
        folder("input: [1, 4, 4]\nclasses: 2\nlayers: [conv3-4, global_avgpool, batch_norm, flatten, fc-classes]\n");
    let train = |images: &str| {
        let rest = ["--batch", "8", "--epochs", "1", "--no-out", "--limit", images];
        run(&own, &[&["train", "net.yaml"][..], &rest].concat())
    };
    let (ok, _, err) = train("16");
    assert!(ok, "{err}");
    let (ok, _, err) = train("17");
    assert!(!ok && err.contains("batch_norm1"), "{err}");
}

/// Six 4×4 images of two classes, in two parts.
fn pictures(own: &tempfile::TempDir, classes: &[&str]) {
    for part in ["train", "val"] {
        for (at, class) in classes.iter().enumerate() {
            let inside = own.path().join("images").join(part).join(class);
            std::fs::create_dir_all(&inside).expect("made");
            for image in 0..8u8 {
                let pixel = image::Rgb([at as u8 * 200, image * 9, 40]);
                image::RgbImage::from_pixel(4, 4, pixel).save(inside.join(format!("{image}.png"))).expect("written");
            }
        }
    }
}

#[test]
fn a_single_class_is_always_right() {
    let own = folder("input: [3, 4, 4]\nclasses: 1\nlayers: [flatten, fc-classes]\n");
    pictures(&own, &["only"]);
    let (ok, _, err) = run(&own, &["train", "net.yaml", "--data", "folder:images", "--steps", "1", "--out", "run"]);
    assert!(ok, "{err}");
    let judged = json(&own, &["evaluate", "--run", "run"]);
    assert_eq!((&judged["images"], &judged["top1"]), (&8.into(), &1.0.into()));
    assert!(judged["loss"].as_f64().expect("a number").abs() < 1e-12);
}

#[test]
fn the_test_set_is_looked_at_when_training_has_finished() {
    let own = folder("input: [3, 4, 4]\nclasses: 2\nlayers: [flatten, fc-classes]\n");
    pictures(&own, &["a", "b"]);
    let train =
        ["train", "net.yaml", "--data", "folder:images", "--val-split", "0.25", "--batch", "4", "--epochs", "2"];
    let rest = ["--out", "run", "--save", "w.safetensors", "--format", "jsonl"];
    let (ok, out, err) = run(&own, &[&train[..], &rest].concat());
    assert!(ok, "{err}");
    let events: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let end = events.iter().find(|event| event["event"] == "finish").expect("an end");
    let judged = json(&own, &["evaluate", "net.yaml", "--weights", "w.safetensors", "--data", "folder:images"]);
    assert_eq!((&judged["images"], &judged["top1"]), (&16.into(), &end["test_accuracy"]), "{end}");
    // What was kept is told in the run's own lines too.
    let lines = std::fs::read_to_string(own.path().join("run/metrics.jsonl")).expect("there");
    let mut kept = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let last = kept.rfind(|event| event["event"] == "checkpoint").expect("a checkpoint");
    // 12 images in mini-batches of 4, twice.
    assert_eq!(last["step"], 6);
}

#[test]
fn the_explorer_says_a_thing_once_and_that_work_was_stopped() {
    let mut state = state(120, 40, theme::dark());
    let stopped = || Msg::Ended { of: Some(Which::Compare), lane: Lane::Work, ended: Ok(Done::Stopped) };
    update(&mut state, stopped());
    update(&mut state, stopped());
    assert_eq!(text(&painted(&state)).matches("Stopped.").count(), 1);
    assert_eq!(state.toasts.len(), 1);
    // Hits are gone through in turn, and back.
    press(&mut state, "/block5.conv<enter>");
    let first = state.entry().expect("selected").cursor;
    press(&mut state, "n");
    let second = state.entry().expect("selected").cursor;
    press(&mut state, "N");
    assert_eq!((second > first, state.entry().expect("selected").cursor), (true, first));
}
