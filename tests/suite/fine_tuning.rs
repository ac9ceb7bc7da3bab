//! Networks of others taken up, in part, frozen, judged: PyTorch's own files, layers that stay as they are, the best of a run.

use std::path::Path;

use convlens::exchange::weights::{self, Rest, TensorFile};
use convlens::graph::memory::{self, OptimizerState};
use convlens::graph::{self, Graph};
use convlens::network::kernels::view;
use convlens::spec::{Library, Origin};
use serde_json::Value;

use crate::common::{convlens, data, network, project};

fn of_text(text: &str) -> Graph {
    let loaded = Library::new(None).load_text(&Origin::File("net.yaml".into()), text.to_string(), &[]);
    graph::analyse(&loaded.unwrap_or_else(|error| panic!("{error}"))).unwrap_or_else(|report| panic!("{report}"))
}

/// What a command prints as JSON, and on stderr; in a folder.
fn run(folder: &Path, arguments: &[&str]) -> (bool, String, String) {
    let output = convlens(arguments).current_dir(folder).output().expect("it ends");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

fn parsed((ok, out, err): (bool, String, String)) -> Value {
    assert!(ok, "{err}");
    serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}"))
}

#[test]
fn pytorchs_own_files_give_pytorchs_logits() {
    let file = TensorFile::open(&project("tests/pth/x.safetensors")).expect("the fixture");
    let expected = file.read(file.find("logits").expect("logits")).expect("read");
    for name in ["flat", "legacy", "checkpoint", "deep", "module"] {
        let path = format!("{name}.pth");
        let arguments =
            ["forward", "net.yaml", "--input", "x.safetensors", "--weights", &path, "--logits", "--format", "json"];
        let said = parsed(run(&project("tests/pth"), &arguments));
        let logits = said["logits"].as_array().expect("images").iter().flat_map(|row| row.as_array().expect("classes"));
        let logits: Vec<f64> = logits.filter_map(Value::as_f64).collect();
        assert_eq!(logits.len(), expected.len());
        for (own, expected) in logits.iter().zip(&expected) {
            assert!((own - f64::from(*expected)).abs() < 1e-5, "{name}: {own} for {expected}");
        }
        let matched = said["matched"].as_str().expect("words");
        let place = match name {
            "checkpoint" => "under `model_state_dict`, without `optimizer_state_dict`",
            "deep" => "under `state.net`, without `ema`, `optimizer`",
            _ => "",
        };
        assert!(matched.contains(place), "{name}: {matched}");
    }
}

#[test]
fn pytorchs_files_without_weights_are_refused_by_what_they_hold() {
    let refused = |name: &str| {
        let (ok, _, err) = run(&project("tests/pth"), &["weights", name, "net.yaml"]);
        assert!(!ok);
        err
    };
    assert!(refused("list.pth").contains("found list"));
    let none = refused("none.pth");
    assert!(none.contains("expected tensors by name") && none.contains("`epoch`"), "{none}");
    // Two sets of weights, neither of which is called an average.
    let (ok, out, _) = run(&project("tests/pth"), &["weights", "two.pth", "net.yaml"]);
    assert!(!ok && out.contains("best.0.weight") && out.contains("model.0.weight"), "{out}");
}

#[test]
fn names_are_told_by_rules_of_a_flag_or_of_the_architecture() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::copy(project("tests/pth/flat.pth"), folder.path().join("flat.pth")).expect("copied");
    let net = "input: [3, 8, 8]\nlayers: [conv: {out: 4, kernel: 3, padding: 0, norm: batch, activation: relu}, flatten, linear: {out: 5, activation: none}]\n";
    let with = format!(
        "{net}weights: {{names: {{'^conv(\\d+)\\.batch_norm': '{{1}}', '^conv(\\d+)': '{{1-1}}', '^linear1': '4'}}}}\n"
    );
    std::fs::write(folder.path().join("net.yaml"), net).expect("written");
    std::fs::write(folder.path().join("with.yaml"), with).expect("written");
    let said = parsed(run(folder.path(), &["weights", "flat.pth", "with.yaml", "--format", "json"]));
    assert_eq!(said["fit"]["matched"], "by the rules for names");
    let rules = ["--names", r"^conv1\.batch_norm=1", "--names", "^conv1=0", "--names", "^linear1=4"];
    let arguments = [&["weights", "flat.pth", "net.yaml", "--format", "json"][..], &rules].concat();
    assert_eq!(parsed(run(folder.path(), &arguments))["fit"]["matched"], "by the rules for names");
    let (ok, _, err) = run(folder.path(), &["weights", "flat.pth", "net.yaml", "--names", "(=0"]);
    assert!(!ok && err.contains("not a regular expression"), "{err}");
}

/// Two convs with batch norm, a classifier, stripes to learn.
const NET: &str = "input: [1, 12, 12]\nclasses: 3\ndefaults: {conv: {norm: batch, activation: relu}}\n\
                   layers: [block: {name: body, layers: [conv3-6, conv3-6]}, global_avgpool, flatten, linear: {out: classes, activation: none}]\n";

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("net.yaml"), NET).expect("written");
    folder
}

/// Every tensor of a file by name.
fn tensors(path: &Path) -> Vec<(String, Vec<f32>)> {
    let file = TensorFile::open(path).expect("a sound file");
    file.entries.iter().map(|entry| (entry.name.clone(), file.read(entry).expect("read"))).collect()
}

#[test]
fn what_is_frozen_stays_to_the_last_bit_and_has_no_state() {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    let train = |more: &[&str]| {
        let base = ["train", "net.yaml", "--data", "synthetic", "--batch", "8", "--seed", "4", "-q"];
        let (ok, _, err) = run(folder.path(), &[&base[..], more].concat());
        assert!(ok, "{err}");
    };
    train(&[
        "--lr",
        "1e-30",
        "--steps",
        "3",
        "--weight-decay",
        "0",
        "--no-out",
        "--save",
        "start.safetensors",
        "--freeze",
        "body",
    ]);
    train(&["--steps", "3", "--lr", "0.1", "--out", "run", "--save", "end.safetensors", "--freeze", "body"]);
    let (start, end) = (tensors(&at("start.safetensors")), tensors(&at("end.safetensors")));
    assert_eq!(start.len(), end.len());
    for ((name, before), (_, after)) in start.iter().zip(&end) {
        assert_eq!(before == after, name.starts_with("body"), "{name}");
    }
    let checkpoint = tensors(&at("run/checkpoint.safetensors"));
    let moments: Vec<&str> =
        checkpoint.iter().map(|(name, _)| name.as_str()).filter(|name| name.starts_with("optimizer.")).collect();
    assert_eq!(moments, ["optimizer.moment1.linear1.bias", "optimizer.moment1.linear1.weight"]);
    // What learns learns the same as where the rest is not frozen but is at rest: without batch norms, from the same weights.
    let plain = NET.replace("norm: batch, ", "");
    std::fs::write(at("net.yaml"), plain).expect("written");
    train(&["--steps", "1", "--lr", "0.1", "--no-out", "--save", "all.safetensors"]);
    train(&["--steps", "1", "--lr", "0.1", "--no-out", "--save", "half.safetensors", "--freeze", "body"]);
    let (all, half) = (tensors(&at("all.safetensors")), tensors(&at("half.safetensors")));
    let of =
        |tensors: &[(String, Vec<f32>)], name: &str| tensors.iter().find(|own| own.0 == name).expect("there").1.clone();
    for name in ["linear1.weight", "linear1.bias"] {
        assert_eq!(of(&all, name), of(&half, name), "{name}");
    }
    assert_ne!(of(&all, "body.conv1.weight"), of(&half, "body.conv1.weight"));
    let refused =
        |pattern: &str| run(folder.path(), &["train", "net.yaml", "--no-out", "--steps", "1", "--freeze", pattern]).2;
    assert!(refused("boby").contains("names no layer with parameters"), "{}", refused("boby"));
    assert!(refused("*").contains("keeps every layer as it is"));
}

#[test]
fn memory_knows_what_is_frozen() {
    // conv1: 1·9·2 + 2 parameters, conv2: 2·9·2 + 2, linear: 8·3 + 3; maps of 4×4 and after pooling 2×2.
    let own = of_text("input: [1, 4, 4]\nlayers: [conv3-2, relu, maxpool, conv3-2, flatten, linear: 3]\n");
    let frozen = |names: &[&str]| {
        graph::freeze::frozen(&own, &names.iter().map(|name| name.to_string()).collect::<Vec<_>>()).expect("there")
    };
    let step = |names: &[&str]| memory::training_beside(&own, 1, OptimizerState::Adam, &frozen(names));
    let all = step(&[]);
    assert_eq!(all, memory::training(&own, 1, OptimizerState::Adam));
    let first = step(&["conv1"]);
    assert_eq!(first.weights, 4 * (20 + 38 + 27));
    assert_eq!((first.gradients, first.optimizer), (4 * (38 + 27), 2 * 4 * (38 + 27)));
    // Kept: the input, conv2's input (8 values), the linear layer's (8); nothing of ReLU and the pool before what learns.
    assert_eq!(first.activations, 4 * 16 + 4 * 8 + 4 * 8);
    // The second conv frozen too: of its input nothing is needed.
    assert_eq!(step(&["conv*"]).activations, 4 * 16 + 4 * 8);
    // The first learns through a frozen second: the second keeps no input, but ReLU a bit a value and the pool its places.
    assert_eq!(step(&["conv2"]).activations, 4 * 16 + 32 / 8 + 4 * 8 + 4 * 8);
}

#[test]
fn a_run_ends_early_keeps_its_best_and_is_judged_by_its_name() {
    let folder = folder();
    let recipe = [
        "train",
        "net.yaml",
        "--data",
        "synthetic",
        "--batch",
        "8",
        "--val-split",
        "0.25",
        "--limit",
        "64",
        "--seed",
        "1",
    ];
    let short = [
        "--lr",
        "1e-30",
        "--weight-decay",
        "0",
        "--epochs",
        "9",
        "--patience-stop",
        "2",
        "--out",
        "runs/still",
        "--format",
        "jsonl",
    ];
    let (ok, out, err) = run(folder.path(), &[&recipe[..], &short].concat());
    assert!(ok, "{err}");
    let events: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let epochs = events.iter().filter(|event| event["event"] == "epoch").count();
    assert_eq!(epochs, 3, "the first is the best, and two bring nothing better");
    let finish = events.last().expect("an end");
    assert_eq!(
        (&finish["finished"], &finish["reason"]),
        (&true.into(), &"2 epochs brought no better validation accuracy".into())
    );
    assert!(err.contains("training ended early"), "{err}");
    // A run that learns: its best weights give the accuracy that it says.
    let (ok, _, err) = run(
        folder.path(),
        &[&recipe[..], &["--epochs", "4", "--lr", "0.05", "--ema", "0.8", "--out", "runs/good"]].concat(),
    );
    assert!(ok, "{err}");
    let summary: Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("runs/good/summary.json")).expect("there"))
            .expect("JSON");
    let judged = parsed(run(folder.path(), &["evaluate", "--run", "good", "--format", "json"]));
    assert_eq!(judged["split"], "val");
    assert_eq!(judged["images"], 16);
    assert_eq!(judged["top1"], summary["best_val_accuracy"]);
    let by_weights = parsed(run(folder.path(), &["forward", "net.yaml", "--weights", "run:good", "--format", "json"]));
    assert!(by_weights["weights"].as_str().expect("a path").ends_with("runs/good/best.safetensors"), "{by_weights}");
    // The best are the averages, which the checkpoint holds beside what goes on.
    let best = tensors(&folder.path().join("runs/good/best.safetensors"));
    let checkpoint = tensors(&folder.path().join("runs/good/checkpoint.safetensors"));
    let of = |name: &str| checkpoint.iter().find(|own| own.0 == name).map(|own| own.1.clone());
    let name = "body.conv1.weight";
    assert!(of(name).is_some() && of(&format!("optimizer.average.{name}")).is_some_and(|own| Some(own) != of(name)));
    assert!(best.iter().all(|(name, _)| !name.starts_with("optimizer")));
    let (ok, _, err) = run(folder.path(), &["evaluate", "--run", "godd"]);
    assert!(!ok && err.contains("did you mean `good`?"), "{err}");
    let (ok, _, err) = run(folder.path(), &["evaluate", "net.yaml", "--data", "synthetic"]);
    assert!(!ok && err.contains("drawn weights are worth nothing"), "{err}");
    // The confusion, as a table and as a picture; never over what is read.
    let more = ["--confusion", "c.csv"];
    assert!(run(folder.path(), &[&["evaluate", "--run", "good"][..], &more].concat()).0);
    let table = std::fs::read_to_string(folder.path().join("c.csv")).expect("written");
    assert_eq!(table.lines().next(), Some("true class,class 0,class 1,class 2"));
    let counted: u64 = table
        .lines()
        .skip(1)
        .flat_map(|line| line.split(',').skip(1))
        .map(|own| own.parse::<u64>().expect("a count"))
        .sum();
    assert_eq!(counted, 16);
    assert!(run(folder.path(), &["evaluate", "--run", "good", "--confusion", "c.png"]).0);
    assert_eq!(image::open(folder.path().join("c.png")).expect("a picture").width(), 3 * 49 + 1);
    let (ok, _, err) = run(folder.path(), &["evaluate", "--run", "good", "--confusion", "net.yaml"]);
    assert!(!ok && err.contains("expected a .png or a .csv"), "{err}");
}

#[test]
fn training_ends_with_a_judgement_where_that_is_asked_for() {
    let folder = folder();
    let arguments = [
        "train",
        "net.yaml",
        "--data",
        "synthetic",
        "--batch",
        "8",
        "--limit",
        "32",
        "--val-split",
        "0.25",
        "--epochs",
        "1",
        "--evaluate",
        "--format",
        "jsonl",
    ];
    let (ok, out, err) = run(folder.path(), &arguments);
    assert!(ok, "{err}");
    let last: Value = serde_json::from_str(out.lines().last().expect("a line")).expect("JSON");
    assert_eq!((&last["event"], &last["images"], &last["split"]), (&"evaluation".into(), &8.into(), &"val".into()));
    let (ok, _, err) = run(folder.path(), &["train", "net.yaml", "--steps", "1", "--evaluate", "--format", "csv"]);
    assert!(!ok && err.contains("second table"), "{err}");
}

#[test]
fn a_learning_rate_is_found_by_a_ramp() {
    let folder = folder();
    let said = parsed(run(
        folder.path(),
        &["lr-find", "net.yaml", "--data", "synthetic", "--batch", "8", "--steps", "40", "--format", "json"],
    ));
    let points = said["points"].as_array().expect("points");
    let lr = |at: usize| points[at]["lr"].as_f64().expect("a rate");
    assert!((lr(0) - 1e-6).abs() < 1e-18 && points.len() > 20, "{points:?}");
    assert!((lr(2) / lr(1) - lr(1) / lr(0)).abs() < 1e-9, "by a factor");
    let suggestion = said["suggestion"].as_f64().expect("it fell");
    assert!((1e-5..0.2).contains(&suggestion), "{suggestion}");
    let (ok, _, err) = run(folder.path(), &["lr-find", "net.yaml", "--from", "1", "--to", "0.1"]);
    assert!(!ok && err.contains("`--from` is to be below `--to`"), "{err}");
}

#[test]
fn trained_networks_of_other_people_are_judged_as_their_owners_say() {
    let (Some(weights), Some(labels), Some(images)) =
        (data("weights/tinyvgg/tinyvgg.safetensors"), data("tinyimagenet10/labels.txt"), data("tinyimagenet10/val"))
    else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let (weights, labels) = (weights.display().to_string(), labels.display().to_string());
    let images = format!("folder:{}", images.parent().expect("a folder").display());
    let arguments =
        ["evaluate", "tinyvgg", "--weights", &weights, "--labels", &labels, "--data", &images, "--format", "json"];
    let judged = parsed(run(folder.path(), &arguments));
    // 167 of 250, as the data's own page says.
    assert_eq!(
        (&judged["images"], judged["top1"].as_f64().map(|part| (part * 250.0).round())),
        (&250.into(), Some(167.0))
    );
    // Other classes: what fits is taken, the classifier drawn.
    let network = {
        let loaded = Library::new(None).load("tinyvgg", &[("classes".into(), "3".into())]).expect("bundled");
        graph::analyse(&loaded).expect("fits")
    };
    let rest = Rest::Drawn { init: convlens::network::init::Init::Kaiming, seed: 0 };
    let read = weights::read(&network, Path::new(&weights), rest).expect("in part");
    assert_eq!(read.drawn, ["linear1.weight", "linear1.bias"]);
    assert_eq!(read.unused, ["output.weight", "output.bias"]);
    let file = TensorFile::open(Path::new(&weights)).expect("sound");
    let conv = file.read(file.find("conv_2_1.weight").expect("there")).expect("read");
    let own = read.compiled.parameters.iter().find(|own| own.name == "block2.conv1.weight").expect("there");
    assert_eq!(view::values(&own.values).to_vec(), conv);
}

#[test]
fn bundled_networks_say_where_their_weights_are_published() {
    let hub = |id: &str| network(id).architecture.weights.and_then(|own| own.hub);
    assert_eq!(hub("vgg16").as_deref(), Some("timm/vgg16.tv_in1k"));
    assert_eq!(hub("vgg16_bn").as_deref(), Some("timm/vgg16_bn.tv_in1k"));
    // Another network than what it extends has other weights.
    assert_eq!(hub("vgg13-5x5"), None);
}
