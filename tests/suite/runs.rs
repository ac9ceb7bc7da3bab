//! Run folders: a run that is killed, stopped, or robbed of its disk goes on to the same bits; data that is damaged is refused.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use crate::common::data;

/// Batch norm, dropout, and odd sizes, so that every kind of state counts.
const NET: &str = "name: Small\ninput: [1, 12, 12]\nclasses: 3\ndefaults:\n  conv: {norm: batch, activation: relu}\n\
                   layers: [conv3-6, maxpool, conv3-8, flatten, dropout: 0.3, fc-classes]\n";
/// Shuffling, augmentation, mixing, averages, a layer that stays, momentum, a schedule, validation, gradients added up: all that a resume must find again.
const RECIPE: &[&str] = &[
    "--data",
    "idx:idx",
    "--batch",
    "10",
    "--micro-batch",
    "4",
    "--schedule",
    "cosine",
    "--warmup",
    "5",
    "--augment",
    "flip,crop,erase",
    "--mixup",
    "0.4",
    "--cutmix",
    "1",
    "--ema",
    "0.9",
    "--freeze",
    "conv2",
    "--val-split",
    "0.2",
    "--label-smoothing",
    "0.1",
    "--checkpoint-every",
    "2",
    "--seed",
    "3",
];

fn idx(sizes: &[u32], bytes: &[u8]) -> Vec<u8> {
    let sizes_bytes = sizes.iter().flat_map(|size| size.to_be_bytes());
    [0, 0, 8, sizes.len() as u8].into_iter().chain(sizes_bytes).chain(bytes.iter().copied()).collect()
}

/// A folder with the network and an IDX data set: three classes of stripes in 90 images of 10×10.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fill(folder.path());
    folder
}

fn fill(folder: &Path) {
    let at = |name: &str| folder.join(name);
    std::fs::write(at("net.yaml"), NET).expect("written");
    std::fs::create_dir(at("idx")).expect("made");
    let images = |count: usize| -> (Vec<u8>, Vec<u8>) {
        let pixel = |image: usize, at: usize| {
            let (y, x) = (at / 10, at % 10);
            let stripe = match image % 3 {
                0 => y % 2,
                1 => x % 2,
                _ => (x + y) % 2,
            };
            (stripe * 180 + (image * 7 + at * 13) % 60) as u8
        };
        let bytes = (0..count * 100).map(|at| pixel(at / 100, at % 100)).collect();
        (bytes, (0..count).map(|image| (image % 3) as u8).collect())
    };
    let (bytes, labels) = images(90);
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&idx(&[90, 10, 10], &bytes)).expect("packed");
    std::fs::write(at("idx/train-images-idx3-ubyte.gz"), packed.finish().expect("packed")).expect("written");
    std::fs::write(at("idx/train-labels-idx1-ubyte"), idx(&[90], &labels)).expect("written");
    let (bytes, labels) = images(30);
    std::fs::write(at("idx/t10k-images-idx3-ubyte"), idx(&[30, 10, 10], &bytes)).expect("written");
    std::fs::write(at("idx/t10k-labels-idx1-ubyte"), idx(&[30], &labels)).expect("written");
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_convlens"));
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    command(folder, arguments).output().expect("the program starts")
}

fn sound(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn refused(folder: &Path, arguments: &[&str], says: &str) {
    let output = run(folder, arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && errors.contains(says) && !errors.contains("panicked"),
        "{arguments:?}: {errors}"
    );
}

fn train<'a>(out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let length: &[&str] = if more.contains(&"--epochs") { &[] } else { &["--epochs", "6"] };
    [&["train", "net.yaml", "--out", out], RECIPE, length, more].concat()
}

/// All that a run has learned: every tensor's bytes, and its state but for the time it took.
fn learned(run: &Path) -> (Vec<(String, Vec<u8>)>, Value) {
    let bytes = std::fs::read(run.join("checkpoint.safetensors")).expect("a checkpoint");
    let file = safetensors::SafeTensors::deserialize(&bytes).expect("whole");
    let mut tensors: Vec<(String, Vec<u8>)> =
        file.tensors().into_iter().map(|(name, view)| (name, view.data().to_vec())).collect();
    tensors.sort();
    let state = std::fs::read_to_string(run.join("state.json")).expect("a state");
    let mut state: Value = serde_json::from_str(&state).expect("JSON");
    state["progress"]["seconds"] = Value::Null;
    // It is of the time, too.
    state["checksum"] = Value::Null;
    state["progress"]["epoch_seconds"] = Value::Null;
    (tensors, state)
}

/// Loss of every step as `runs show --steps` tells it.
fn losses(folder: &Path, run: &str) -> Vec<(u64, f64)> {
    let text = sound(folder, &["runs", "show", run, "--steps", "--format", "json"]);
    let steps: Value = serde_json::from_str(&text).expect("JSON");
    let steps = steps["steps"].as_array().expect("steps");
    steps.iter().map(|step| (step["step"].as_u64().expect("a step"), step["loss"].as_f64().expect("a loss"))).collect()
}

fn summary(folder: &Path, run: &str) -> Value {
    let text = std::fs::read_to_string(folder.join(run).join("summary.json")).expect("a summary");
    serde_json::from_str(&text).expect("JSON")
}

fn assert_same(folder: &Path, run: &str) {
    let (tensors, state) = learned(&folder.join(run));
    let (expected, expected_state) = learned(&folder.join("whole"));
    assert_eq!(state, expected_state);
    for ((name, bytes), (_, expected)) in tensors.iter().zip(&expected) {
        assert!(bytes == expected, "{name} differs in {run}");
    }
    assert_eq!(tensors.len(), expected.len());
    assert_eq!(losses(folder, run), losses(folder, "whole"));
}

fn wait_for(path: &Path) {
    let began = Instant::now();
    while !path.exists() {
        assert!(began.elapsed() < Duration::from_secs(60), "{} does not appear", path.display());
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn kill(child: &mut Child) {
    child.kill().expect("killed");
    child.wait().expect("gone");
}

#[test]
fn a_run_killed_at_any_instant_goes_on_to_the_same_bits() {
    let folder = folder();
    let at = folder.path();
    sound(at, &train("whole", &[]));
    let whole = losses(at, "whole");
    // 72 images in mini-batches of 10, six times; 18 are kept aside.
    assert_eq!(whole.len(), 6 * 8);
    assert!(whole[47].1 < 0.8 * whole[0].1, "it learns: {whole:?}");
    let mut kills = 0;
    for round in 0..4u64 {
        let name = format!("killed{round}");
        let mut child = command(at, &train(&name, &[])).spawn().expect("started");
        wait_for(&at.join(&name).join("summary.json"));
        for attempt in 0..40u64 {
            // Ever other instants, from a few microseconds to the time of some steps.
            std::thread::sleep(Duration::from_micros((round * 7919 + attempt * 3571) % 20_000));
            if child.try_wait().expect("asked").is_some() {
                break;
            }
            kill(&mut child);
            kills += 1;
            let checkpoint = at.join(&name).join("checkpoint.safetensors");
            if checkpoint.exists() {
                learned_parts(&checkpoint);
                let threads = if attempt % 2 == 0 { "1" } else { "2" };
                let resume = ["train", "--resume", &name, "--threads", threads];
                child = command(at, &resume).spawn().expect("started");
            } else {
                // Before its first checkpoint it begins anew, in its folder: by its recipe, or as a run of that name.
                let again = if attempt % 2 == 0 { vec!["train", "--resume", &name] } else { train(&name, &[]) };
                child = command(at, &again).spawn().expect("started");
            }
        }
        child.wait().expect("ended");
        let resumed = run(at, &["train", "--resume", &name]);
        let words = String::from_utf8_lossy(&resumed.stderr).into_owned();
        let there: Vec<_> =
            std::fs::read_dir(at.join(&name)).expect("a folder").flatten().map(|entry| entry.path()).collect();
        assert!(resumed.status.success() || words.contains("has finished"), "{words}{there:?}");
        assert_same(at, &name);
    }
    assert!(kills >= 20, "only {kills} kills hit a run");
}

/// A checkpoint is whole whenever it is looked at.
fn learned_parts(checkpoint: &Path) {
    let bytes = std::fs::read(checkpoint).expect("there");
    let file = safetensors::SafeTensors::deserialize(&bytes).expect("whole");
    assert!(file.tensors().iter().any(|(name, _)| name.starts_with("optimizer.moment1.")));
}

#[test]
#[cfg(unix)]
fn a_signal_ends_a_run_after_its_step_and_it_goes_on_to_the_same_bits() {
    let folder = folder();
    let at = folder.path();
    sound(at, &train("whole", &[]));
    for signal in ["TERM", "INT", "HUP"] {
        let name = format!("signal{signal}");
        let child = command(at, &train(&name, &[])).spawn().expect("started");
        wait_for(&at.join(&name).join("state.json"));
        let sent = Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status();
        assert!(sent.expect("kill").success());
        let output = child.wait_with_output().expect("ended");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(130), "{errors}");
        assert!(errors.contains("goes on"), "{errors}");
        let listed = sound(at, &["runs", "list", "--runs", "."]);
        assert!(listed.lines().any(|line| line.contains(&name) && line.contains("stopped")), "{listed}");
        sound(at, &["train", "--resume", &name]);
        assert_same(at, &name);
    }
}

#[test]
fn a_run_ends_when_its_time_is_over_and_goes_on_later() {
    let folder = folder();
    let at = folder.path();
    let output = run(at, &train("late", &["--epochs", "100000", "--max-minutes", "0.005"]));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.contains("goes on"), "{errors}");
    let (_, state) = learned(&at.join("late"));
    let step = state["progress"]["step"].as_u64().expect("a step");
    assert!(step > 0 && state["progress"]["finished"] == false);
    sound(at, &["train", "--resume", "late", "--steps", &(step + 2).to_string()]);
    refused(at, &["train", "--resume", "late", "--steps", "1"], "already");
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_ends_a_run_with_its_last_checkpoint_whole() {
    let folder = folder();
    let at = folder.path();
    sound(at, &train("whole", &[]));
    let small = at.join("small");
    std::fs::create_dir(&small).expect("made");
    let mount = |options: &str| {
        let arguments = ["-t", "tmpfs", "-o", options, "tmpfs", small.to_str().expect("UTF-8")];
        Command::new("mount").args(arguments).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    if !mount("size=44k") {
        let _ = writeln!(std::io::stderr(), "SKIPPED: needs the right to mount a tmpfs");
        return;
    }
    struct Unmount(PathBuf);
    impl Drop for Unmount {
        fn drop(&mut self) {
            let _ = Command::new("umount").arg(&self.0).status();
        }
    }
    let _unmount = Unmount(small.clone());
    // One checkpoint of 16 KB fits with the small files, of a page each; a second beside it does not.
    let output = run(at, &train("small/run", &[]));
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("No space left") && errors.contains("is whole"), "{errors}");
    learned_parts(&small.join("run/checkpoint.safetensors"));
    let still = run(at, &["train", "--resume", "small/run"]);
    assert_eq!(still.status.code(), Some(1));
    learned_parts(&small.join("run/checkpoint.safetensors"));
    assert!(mount("remount,size=8m"));
    sound(at, &["train", "--resume", "small/run"]);
    assert_same(at, "small/run");
}

#[test]
fn a_folder_that_is_removed_is_made_again_every_time() {
    let folder = folder();
    let at = folder.path();
    let long = ["--epochs", "60"];
    sound(at, &train("whole", &long));
    let mut child = command(at, &train("gone", &long)).spawn().expect("started");
    for _ in 0..3 {
        wait_for(&at.join("gone/state.json"));
        // Where it is written to while it is emptied, it is emptied again, as whoever wants it gone would.
        while std::fs::remove_dir_all(at.join("gone")).is_err() && at.join("gone").exists() {}
        assert!(child.try_wait().expect("asked").is_none(), "it was to be removed while it was trained in");
    }
    let output = child.wait_with_output().expect("ended");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    assert_eq!(learned(&at.join("gone")).0, learned(&at.join("whole")).0);
    let shown = sound(at, &["runs", "show", "gone"]);
    assert!(shown.contains("finished"), "{shown}");
}

#[test]
fn a_part_of_a_folder_that_is_removed_is_made_again() {
    let folder = folder();
    let at = folder.path();
    sound(at, &train("whole", &[]));
    let child = command(at, &train("part", &[])).spawn().expect("started");
    wait_for(&at.join("part/state.json"));
    for name in ["recipe.yaml", "metrics.jsonl"] {
        std::fs::remove_file(at.join("part").join(name)).expect("removed");
    }
    let output = child.wait_with_output().expect("ended");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(learned(&at.join("part")).0, learned(&at.join("whole")).0);
    sound(at, &["train", "--resume", "part", "--epochs", "7"]);
}

#[test]
fn a_run_leaves_alone_what_another_has_put_in_its_place() {
    let folder = folder();
    let at = folder.path();
    let child = command(at, &train("name", &["--epochs", "100000"])).spawn().expect("started");
    wait_for(&at.join("name/state.json"));
    // Held still, so that it cannot make its folder again before another run has the name.
    let signal = |name: &str| {
        let process = child.id().to_string();
        assert!(Command::new("kill").args([name, &process]).status().expect("kill").success());
    };
    signal("-STOP");
    // A thread of it may still write a file until it stands still.
    let begun = std::time::Instant::now();
    while let Err(error) = std::fs::remove_dir_all(at.join("name")) {
        assert!(begun.elapsed().as_secs() < 10, "{error}");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    sound(at, &train("name", &["--epochs", "2"]));
    signal("-CONT");
    let before = learned(&at.join("name"));
    let output = child.wait_with_output().expect("ended");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(errors.contains("holds a run already"), "{errors}");
    assert_eq!(learned(&at.join("name")), before);
    assert_eq!(summary(at, "name")["status"], "finished");
}

#[test]
fn what_the_rest_says_too_is_made_again() {
    let folder = folder();
    let at = folder.path();
    sound(at, &train("whole", &["--epochs", "3"]));
    sound(at, &train("part", &["--epochs", "2"]));
    std::fs::write(at.join("part/summary.json"), "garbage").expect("written");
    let output = run(at, &["train", "--resume", "part", "--epochs", "3"]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.contains("summary.json"), "{errors}");
    assert_eq!(summary(at, "part")["status"], "finished");
    assert_eq!(summary(at, "part")["step"], summary(at, "whole")["step"]);
    assert!(summary(at, "part")["best_val_accuracy"].is_number());
    // A learning rate can be lowered where a run goes on; it is written down.
    let output = run(at, &["train", "--resume", "part", "--epochs", "4", "--lr", "0.002"]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.contains("the learning rate is 0.002"), "{errors}");
    let recipe = std::fs::read_to_string(at.join("part/recipe.yaml")).expect("a recipe");
    assert!(recipe.contains("lr: 0.002"), "{recipe}");
    // A kill before anything was written leaves a folder that can be used.
    std::fs::create_dir(at.join("early")).expect("made");
    for name in ["lock", ".convlens-abc"] {
        std::fs::write(at.join("early").join(name), "").expect("written");
    }
    sound(at, &train("early", &["--epochs", "1"]));
    assert!(!at.join("early/.convlens-abc").exists());
}

#[test]
fn a_checkpoint_that_lost_a_bit_and_metrics_of_another_version_are_refused() {
    let folder = folder();
    let at = folder.path();
    sound(at, &train("bit", &["--epochs", "2"]));
    let path = at.join("bit/checkpoint.safetensors");
    let whole = std::fs::read(&path).expect("a checkpoint");
    for part in [2, 3, 5] {
        let mut bytes = whole.clone();
        let place = bytes.len() - bytes.len() / part;
        bytes[place] ^= 1;
        std::fs::write(&path, bytes).expect("written");
        let output = run(at, &["train", "--resume", "bit", "--epochs", "3"]);
        assert_eq!(output.status.code(), Some(1), "byte {place} of {}", whole.len());
        assert!(String::from_utf8_lossy(&output.stderr).contains("is damaged"));
    }
    std::fs::write(&path, whole).expect("written");
    let metrics = at.join("bit/metrics.jsonl");
    let text = std::fs::read_to_string(&metrics).expect("metrics");
    std::fs::write(&metrics, text.replacen("\"version\":1", "\"version\":9", 1)).expect("written");
    refused(at, &["train", "--resume", "bit", "--epochs", "3"], "newer convlens (format 9");
    std::fs::write(&metrics, text).expect("written");
    sound(at, &["train", "--resume", "bit", "--epochs", "3"]);
}

#[test]
fn scripts_hear_why_a_run_failed() {
    let folder = folder();
    let at = folder.path();
    let failing = train("failed", &["--epochs", "3", "--lr", "1e30", "--format", "jsonl"]);
    let output = run(at, &failing);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let last: Value = serde_json::from_str(text.lines().last().expect("lines")).expect("JSON");
    assert_eq!((&last["event"], &last["finished"]), (&"finish".into(), &false.into()));
    assert!(last["reason"].as_str().is_some_and(|reason| reason.contains("finite")), "{last}");
    let metrics = std::fs::read_to_string(at.join("failed/metrics.jsonl")).expect("metrics");
    let norms: Vec<Value> = metrics
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .filter(|line: &Value| line["event"] == "norms")
        .collect();
    assert_eq!(norms[0]["layers"][0]["layer"], "conv1", "{norms:?}");
    // A value that is none is found before anything is written.
    let tensor = |shape: Vec<usize>, values: &[f32]| {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        (shape, bytes)
    };
    let mut pixels = vec![0.5; 4 * 144];
    pixels[300] = f32::NAN;
    let parts = [("input", tensor(vec![4, 1, 12, 12], &pixels)), ("labels", tensor(vec![4], &[0.0, 1.0, 2.0, 0.0]))];
    let views = parts.iter().map(|(name, (shape, bytes))| {
        let view = safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.clone(), bytes).expect("sound");
        (name.to_string(), view)
    });
    let bytes = safetensors::serialize(views.collect::<Vec<_>>(), None).expect("written");
    std::fs::write(at.join("nan.safetensors"), bytes).expect("written");
    refused(
        at,
        &["train", "net.yaml", "--data", "tensors:nan.safetensors", "--out", "none"],
        "image 2 of `input` is NaN",
    );
    assert!(!at.join("none").exists());
}

#[test]
fn a_run_belongs_to_one_process_at_a_time() {
    let folder = folder();
    let at = folder.path();
    let mut child = command(at, &train("busy", &["--epochs", "100000"])[..]).spawn().expect("started");
    wait_for(&at.join("busy/state.json"));
    refused(at, &["train", "--resume", "busy"], "another convlens trains in busy");
    refused(at, &train("busy", &[]), "another convlens trains in busy");
    let listed = sound(at, &["runs", "list", "--runs", "."]);
    assert!(listed.lines().any(|line| line.contains("busy") && line.contains("running")), "{listed}");
    kill(&mut child);
    let listed = sound(at, &["runs", "list", "--runs", "."]);
    assert!(listed.lines().any(|line| line.contains("busy") && line.contains("killed")), "{listed}");
    refused(at, &train("busy", &[]), "holds a run already");
    sound(at, &["train", "--resume", "busy", "--steps", "400"]);
}

#[test]
fn runs_are_listed_shown_compared_and_exported() {
    let folder = folder();
    let at = folder.path();
    for lr in ["0.01", "0.02"] {
        sound(at, &["train", "net.yaml", "--data", "idx:idx", "--epochs", "2", "--lr", lr]);
    }
    let list: Value = serde_json::from_str(&sound(at, &["runs", "list", "--format", "json"])).expect("JSON");
    let ids: Vec<&str> = list["runs"].as_array().expect("runs").iter().filter_map(|run| run["id"].as_str()).collect();
    assert_eq!(ids.len(), 2);
    assert!(ids.contains(&"net-1") && ids.contains(&"net-2"));
    assert_eq!(list["runs"][0]["status"], "finished");
    let shown: Value = serde_json::from_str(&sound(at, &["runs", "show", "net-2", "--format", "json"])).expect("JSON");
    assert_eq!(shown["recipe"]["train"]["lr"], 0.02);
    assert_eq!(shown["epochs_done"].as_array().expect("epochs").len(), 2);
    assert!(shown["epochs_done"][1]["seconds"].as_f64().expect("a time") > 0.0);
    assert!(shown["seconds"].as_f64() >= shown["epochs_done"][1]["seconds"].as_f64());
    let csv = sound(at, &["runs", "show", "net-1", "--steps", "--format", "csv"]);
    assert_eq!(csv.lines().count(), 1 + 2 * 3);
    let compared = sound(at, &["runs", "compare", "net-1", "net-2"]);
    assert!(
        compared
            .lines()
            .any(|line| line.trim_start().starts_with("lr ") && line.contains("0.01") && line.contains("0.02"))
    );
    assert!(!compared.contains("momentum"), "what is the same is left out: {compared}");
    let listed = sound(at, &["runs", "list", "--format", "csv"]);
    assert!(listed.starts_with("id,architecture,data,status,step,total_steps,"), "{listed}");
    assert!(listed.lines().all(|line| !line.contains('%') && !line.contains('–')), "{listed}");
    let written = sound(at, &["runs", "tensorboard", "net-1"]);
    assert_eq!(scalars(&at.join(written.trim())), losses(at, "net-1"));
    refused(at, &["runs", "show", "net-3"], "did you mean");
    // A run that is over can be made longer.
    refused(at, &["train", "--resume", "runs/net-1"], "make it longer");
    sound(at, &["train", "--resume", "runs/net-1", "--epochs", "3"]);
    assert_eq!(losses(at, "net-1").len(), 9);
    // Its checkpoint is a weights file like any other.
    sound(at, &["forward", "runs/net-1/architecture.yaml", "--weights", "runs/net-1/checkpoint.safetensors"]);
}

/// Steps and values under the tag `train/loss`, read from the event file's bytes as TFRecord and protobuf define them.
fn scalars(path: &Path) -> Vec<(u64, f64)> {
    let mut bytes = std::fs::read(path).expect("an event file").into_iter().collect::<Vec<u8>>();
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let length = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes")) as usize;
        let record: Vec<u8> = bytes[12..12 + length].to_vec();
        bytes.drain(..12 + length + 4);
        let tag = b"train/loss";
        let Some(place) = record.windows(tag.len()).position(|part| part == tag) else { continue };
        // Field 2 of the event is its step; after the tag, field 2 of the value (0x15) is the float.
        let step_at = record.iter().skip(9).position(|&byte| byte == 0x10).expect("a step") + 10;
        let value_at = place + tag.len() + 1;
        let value = f32::from_le_bytes(record[value_at..value_at + 4].try_into().expect("four bytes"));
        found.push((u64::from(record[step_at]), f64::from(value)));
    }
    found
}

#[test]
fn data_that_does_not_fit_is_refused_before_anything_is_written() {
    let folder = folder();
    let at = folder.path();
    let classes = ["train", "net.yaml", "--data", "idx:idx", "--set", "classes=5"];
    refused(at, &classes, "the data has 3 classes, but the network 5; `--set classes=3` makes them fit");
    refused(at, &["train", "net.yaml", "--data", "idx:nowhere"], "nowhere");
    refused(at, &["train", "net.yaml", "--data", "cifar10:idx"], "data_batch_");
    refused(at, &["train", "net.yaml", "--data", "folder:idx"], "no folders of classes");
    refused(at, &["train", "net.yaml", "--data", "mnist:idx"], "expected `synthetic`");
    refused(at, &["train", "net.yaml", "--data", "idx:idx", "--val-split", "0.999"], "nothing is left");
    refused(at, &["train", "net.yaml", "--resume", "x"], "cannot be used with");
    refused(at, &["train", "--resume", "x", "--batch", "1"], "cannot be used with");
    refused(at, &["train", "--resume", "idx"], "is no run");
    let labels = at.join("idx/t10k-labels-idx1-ubyte");
    std::fs::write(&labels, idx(&[29], &[0; 29])).expect("written");
    refused(at, &["train", "net.yaml", "--data", "idx:idx"], "29 labels for the 30 images");
    std::fs::write(&labels, idx(&[30], &[7; 30])).expect("written");
    refused(at, &["train", "net.yaml", "--data", "idx:idx"], "is 7, but the network has 3 classes");
    assert!(!at.join("runs").exists(), "nothing was begun");
    // Another data set under the same name is not what the run was trained on.
    std::fs::write(&labels, idx(&[30], &[2; 30])).expect("written");
    sound(at, &["train", "net.yaml", "--data", "idx:idx", "--steps", "2", "--out", "run"]);
    std::fs::write(at.join("idx/train-labels-idx1-ubyte"), idx(&[90], &[1; 90])).expect("written");
    refused(
        at,
        &["train", "--resume", "run", "--steps", "4", "--data", "idx:idx"],
        "training data is not what run was trained with",
    );
}

#[test]
fn damaged_files_of_others_are_refused() {
    let Some(odd) = data("odd/idx") else { return };
    let Some(sound_files) = data("fashion-mnist") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let link = |from: &Path, name: &str| {
        let _ = std::fs::remove_file(folder.path().join(name));
        std::fs::copy(from, folder.path().join(name)).expect("copied");
    };
    for name in ["train-labels-idx1-ubyte.gz", "t10k-labels-idx1-ubyte.gz", "train-images-idx3-ubyte.gz"] {
        link(&sound_files.join(name), name);
    }
    let arguments = ["train", "vgg-mini", "--data", "idx:.", "--steps", "1"];
    for name in ["truncated-t10k-images-idx3-ubyte", "truncated-t10k-images-idx3-ubyte.gz"] {
        let own = name.trim_start_matches("truncated-");
        link(&odd.join(name), own);
        refused(folder.path(), &arguments, "is cut short");
        std::fs::remove_file(folder.path().join(own)).expect("removed");
    }
    link(&sound_files.join("t10k-images-idx3-ubyte.gz"), "t10k-images-idx3-ubyte.gz");
    link(&odd.join("html-saved-as-train-images-idx3-ubyte.gz"), "train-images-idx3-ubyte.gz");
    refused(folder.path(), &arguments, "a web page");
}

#[test]
fn a_folder_of_images_is_trained_on_and_a_broken_image_is_left_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    std::fs::write(at.join("net.yaml"), NET.replace("[1, 12, 12]", "[3, 12, 12]")).expect("written");
    for (class, name) in ["blue", "green", "red"].iter().enumerate() {
        for part in ["train", "val"] {
            std::fs::create_dir_all(at.join("images").join(part).join(name)).expect("made");
            for image in 0..8u8 {
                let mut pixel = [image * 9; 3];
                pixel[2 - class] = 200;
                let picture = image::RgbImage::from_pixel(14, 11, image::Rgb(pixel));
                picture.save(at.join("images").join(part).join(name).join(format!("{image}.png"))).expect("saved");
            }
        }
    }
    std::fs::write(at.join("images/train/red/broken.png"), b"no picture").expect("written");
    let arguments =
        ["train", "net.yaml", "--data", "folder:images", "--epochs", "12", "--batch", "8", "--format", "jsonl"];
    let output = run(at, &[&arguments[..], &["--augment", "flip,jitter,colour"]].concat());
    let (errors, text) = (String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
    assert!(output.status.success(), "{errors}");
    assert_eq!(errors.matches("broken.png").count(), 1, "{errors}");
    let epochs: Vec<Value> = text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(|event: &Value| event["event"] == "epoch")
        .collect();
    assert_eq!(epochs.len(), 12);
    assert!(epochs[11]["val_accuracy"].as_f64().expect("a number") > 0.9, "{}", epochs[11]);
}

#[test]
fn a_network_that_cannot_learn_is_said_to_with_the_layer() {
    let folder = folder();
    let at = folder.path();
    let deep = "input: [1, 12, 12]\nclasses: 3\ndefaults:\n  conv: {activation: relu}\n\
                layers: [conv3-4 x24, flatten, fc-classes]\n";
    std::fs::write(at.join("deep.yaml"), deep).expect("written");
    let arguments =
        ["train", "deep.yaml", "--data", "idx:idx", "--steps", "260", "--init", "paper", "--batch", "9", "--no-out"];
    let output = run(at, &arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let warning = errors.lines().find(|line| line.starts_with("warning")).unwrap_or_else(|| panic!("{errors}"));
    assert!(warning.contains("ln(3)") && warning.contains("conv") && warning.contains("--init kaiming"), "{warning}");
}
