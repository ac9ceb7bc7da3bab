//! Many variants: their numbers, their front, and that a sweep which was killed ends as one that never was.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use std::sync::Arc;

use convlens::run::sweep::{Plan, Sweep};
use convlens::spec::Library;
use convlens::tui::screens::{News, Which, compare};
use convlens::tui::shell::State;
use convlens::tui::theme;
use serde_json::Value;

use crate::common::{convlens, json, stdout};
use crate::explorer::{news, painted, press, run as work, spawned, state, text};

fn run(folder: &Path, arguments: &[&str]) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_convlens"));
    let output =
        command.args(arguments).args(["--format", "json", "-q"]).current_dir(folder).output().expect("started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn every_variant_counts_what_show_counts() {
    let found = json(&[
        "sweep",
        "vgg11",
        "--vary",
        "conv.kernel=3,5",
        "--vary",
        "block3.*.out=128..256*2",
        "--set",
        "classes=10",
    ]);
    let rows = found["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 4);
    for row in rows {
        let (kernel, out) = (&row["set"]["conv.kernel"], &row["set"]["block3.*.out"]);
        let mut arguments: Vec<String> = vec!["show".into(), "vgg11".into(), "--set".into(), "classes=10".into()];
        let convs = ["block1.conv1", "block2.conv1", "block3.conv1", "block3.conv2", "block4.conv1", "block4.conv2"];
        for conv in convs.iter().chain(&["block5.conv1", "block5.conv2"]) {
            arguments.extend(["--set".into(), format!("{conv}.kernel={kernel}")]);
        }
        for conv in ["block3.conv1", "block3.conv2"] {
            arguments.extend(["--set".into(), format!("{conv}.out={out}")]);
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let shown = json(&arguments);
        for key in ["params", "macs"] {
            assert_eq!(row[key], shown["totals"][key], "{arguments:?}");
        }
        assert_eq!(row["train_memory"], shown["totals"]["training_bytes"]);
        assert_eq!(row["receptive_field"], shown["totals"]["map_field"][0]);
        // As a file it is the same network.
        let folder = tempfile::tempdir().expect("a folder");
        let number = row["id"].to_string();
        let varied = ["--vary", "conv.kernel=3,5", "--vary", "block3.*.out=128..256*2", "--set", "classes=10"];
        let yaml = stdout(&[&["sweep", "vgg11", "--yaml", &number][..], &varied].concat());
        std::fs::write(folder.path().join("own.yaml"), yaml).expect("written");
        let own = run(folder.path(), &["show", "own.yaml"]);
        assert_eq!((&own["totals"]["params"], &own["totals"]["macs"]), (&row["params"], &row["macs"]));
    }
}

#[test]
fn the_front_and_the_budget_say_what_is_worth_having() {
    let arguments = ["sweep", "one-5x5", "two-3x3", "--vary", "input.0=32..128*2", "--front", "macs,field"];
    let found = json(&arguments);
    let front: Vec<&Value> =
        found["rows"].as_array().expect("rows").iter().filter(|row| row["pareto"] == true).collect();
    // They see equally far, so the cheapest is all that is worth having: 2·9·C² against 25·C² weights, section 2.3.
    assert_eq!(front.len(), 1);
    assert_eq!((&front[0]["arch"], &front[0]["set"]["input.0"]), (&"two-3x3".into(), &32.into()));
    let small = json(&[&arguments[..], &["--max-params", "50k"]].concat());
    let within = small["rows"].as_array().expect("rows").iter().filter(|row| row["within_budget"] == true).count();
    assert_eq!(within, 2, "25·32² + 32 and 2·(9·32² + 32)");
    let bad = json(&["sweep", "lenet5", "--vary", "c1.kernel=5,99"]);
    assert!(bad["rows"][1]["problem"].as_str().expect("a reason").contains("99"), "{bad}");
    for (arguments, words) in [
        (vec!["sweep", "lenet5"], "there is nothing to vary"),
        (vec!["sweep", "lenet5", "--vary", "conv.kernel"], "there is no `=`"),
        (vec!["sweep", "lenet5", "--vary", "c9*.out=1,2"], "names no layer of lenet5"),
        (vec!["sweep", "lenet5", "--vary", "c1.out=1,2", "--vary", "c1.out=3,4"], "is varied twice"),
        (vec!["sweep", "lenet5", "--vary", "c1.out=1..9999", "--vary", "c3.out=1..9999"], "`--random N` takes some"),
        (vec!["sweep", "lenet5", "--vary", "c1.out=1,2", "--yaml", "3"], "there is no variant 3"),
    ] {
        let ended = convlens(&arguments).assert().failure();
        let errors = String::from_utf8_lossy(&ended.get_output().stderr).into_owned();
        assert!(errors.contains(words), "{arguments:?}: {errors}");
    }
    let idle = convlens(&["sweep", "vgg11", "--vary", "defaults.conv.kernel=3,5"]).assert().success();
    assert!(String::from_utf8_lossy(&idle.get_output().stderr).contains("`conv.kernel` sets it at every layer"));
}

#[test]
fn ten_thousand_variants_are_drawn_and_counted() {
    let vary = ["--vary", "c1.out=1..100", "--vary", "c3.out=1..100", "--vary", "c5.out=1..1000"];
    let found = json(&[&["sweep", "lenet5", "--random", "10000", "--seed", "3"][..], &vary].concat());
    let rows = found["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 10_000);
    let numbers: std::collections::HashSet<u64> =
        rows.iter().map(|row| row["id"].as_u64().expect("a number")).collect();
    assert_eq!(numbers.len(), 10_000, "each once");
    // c1: 25·a + a; c3: 25·a·b + b; c5: 25·b·c + c; f6: 84·c + 84; output: 850.
    for row in rows.iter().step_by(997) {
        let [a, b, c] = ["c1.out", "c3.out", "c5.out"].map(|key| row["set"][key].as_u64().expect("a number"));
        let params = 26 * a + 25 * a * b + b + 25 * b * c + c + 84 * c + 84 + 850;
        assert_eq!(row["params"], params);
    }
}

/// Trained on generated digits of 16×16, few steps each.
const TRAINED: [&str; 12] = [
    "sweep",
    "net.yaml",
    "--vary",
    "conv1.out=2,3,4,5",
    "--train",
    "--steps",
    "6",
    "--seed",
    "5",
    "--recipe",
    "batch=8",
    "--out",
];

#[test]
fn a_sweep_that_was_killed_ends_as_one_that_never_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let net = "input: [1, 16, 16]\nclasses: 4\nlayers: [conv3-4 relu, maxpool, flatten, linear: classes]\n";
    std::fs::write(at.join("net.yaml"), net).expect("written");
    let whole = run(at, &[&TRAINED[..], &["whole"]].concat());
    let accuracies = |found: &Value| -> Vec<f64> {
        let rows = found["rows"].as_array().expect("rows");
        rows.iter().map(|row| row["accuracy"].as_f64().expect("trained")).collect()
    };
    assert_eq!(accuracies(&whole).len(), 4);
    // Two at a time learn the same bits.
    let beside = run(at, &[&TRAINED[..], &["beside", "--jobs", "2"]].concat());
    assert_eq!(accuracies(&beside), accuracies(&whole));
    let mut child = Command::new(env!("CARGO_BIN_EXE_convlens"))
        .args([&TRAINED[..], &["killed"]].concat())
        .current_dir(at)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("started");
    let results = at.join("killed/results.jsonl");
    let until = Instant::now() + Duration::from_secs(60);
    while std::fs::read_to_string(&results).unwrap_or_default().lines().count() < 2 {
        assert!(Instant::now() < until && child.try_wait().expect("asked").is_none_or(|status| status.success()));
        std::thread::yield_now();
    }
    child.kill().expect("killed");
    child.wait().expect("gone");
    // As a kill leaves it: half a line.
    let mut text = std::fs::read_to_string(&results).expect("results");
    text += "{\"number\":4,\"ms\":nu";
    std::fs::write(&results, text).expect("written");
    // The network may be another by now; the sweep has its own.
    std::fs::write(at.join("net.yaml"), "layers: [").expect("written");
    let resumed = run(at, &["sweep", "--resume", "killed"]);
    assert_eq!(accuracies(&resumed), accuracies(&whole));
    let lines = std::fs::read_to_string(&results).expect("results");
    assert_eq!(lines.lines().count(), 4, "each once: {lines}");
    // Nothing stands behind the half line that was left: it is gone.
    assert!(lines.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{lines}");
    // A variant's run is a run like any other.
    let shown = run(at, &["runs", "show", "killed/runs/2"]);
    assert_eq!(shown["status"], "finished");
    for (arguments, words) in [
        (vec!["sweep", "--resume", "killed", "--set", "classes=3"], "`--set` cannot change a sweep that goes on"),
        (vec!["sweep", "--resume", "nothing"], "nothing is no sweep"),
        (vec!["sweep", "--resume", "killed/runs"], "is no sweep: sweep.json"),
    ] {
        let refused =
            Command::new(env!("CARGO_BIN_EXE_convlens")).args(&arguments).current_dir(at).output().expect("started");
        let errors = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && errors.contains(words), "{arguments:?}: {errors}");
    }
}

#[cfg(unix)]
#[test]
fn one_that_is_stopped_says_how_it_goes_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let arguments = ["sweep", "lenet5", "--vary", "c1.out=1..5000", "--measure", "--runs", "1"];
    let mut child = Command::new(env!("CARGO_BIN_EXE_convlens"))
        .args(arguments)
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    let results = folder.path().join("sweeps/lenet5-1/results.jsonl");
    let until = Instant::now() + Duration::from_secs(60);
    while std::fs::read_to_string(&results).unwrap_or_default().is_empty() {
        assert!(Instant::now() < until && child.try_wait().expect("asked").is_none());
        std::thread::yield_now();
    }
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().expect("kill").success());
    let mut errors = String::new();
    child.stderr.take().expect("piped").read_to_string(&mut errors).expect("UTF-8");
    assert_eq!(child.wait().expect("ended").code(), Some(130), "{errors}");
    assert!(errors.contains("`convlens sweep --resume sweeps/lenet5-1` goes on"), "{errors}");
}

#[test]
fn what_is_varied_is_what_is_trained_and_one_that_fails_stops_no_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let train = ["--train", "--data", "synthetic", "--out"];
    let varied = ["sweep", "lenet5", "--vary", "train.lr=0.05,1e30,0.1", "--vary", "train.steps=3,4"];
    let found = run(at, &[&varied[..], &train, &["lr"]].concat());
    let rows = found["rows"].as_array().expect("rows");
    for (number, (lr, steps)) in (1..).zip([(0.05, 3), (0.05, 4), (1e30, 3), (1e30, 4), (0.1, 3), (0.1, 4)]) {
        let lines = std::fs::read_to_string(at.join(format!("lr/runs/{number}/metrics.jsonl"))).expect("metrics");
        let start: Value = serde_json::from_str(lines.lines().next().expect("a line")).expect("JSON");
        assert_eq!((start["lr"].as_f64(), start["total_steps"].as_u64()), (Some(lr), Some(steps)));
        let row = &rows[number - 1];
        assert_eq!(row["accuracy"].is_null(), lr == 1e30, "{row}");
        assert_eq!(row["problem"].as_str().is_some_and(|why| why.contains("finite")), lr == 1e30, "{row}");
    }
    // It is known that they fail: going on has nothing to do, and looking needs no right to write.
    let looked = run(at, &["sweep", "--resume", "lr"]);
    assert_eq!(looked["rows"], found["rows"]);
    // The network's own recipe counts where nothing else is said.
    std::fs::write(at.join("own.yaml"), "extends: lenet5\ntrain: {epochs: 2, batch: 256}\n").expect("written");
    run(at, &["sweep", "own.yaml", "--vary", "c1.out=6", "--train", "--out", "own"]);
    let lines = std::fs::read_to_string(at.join("own/runs/1/metrics.jsonl")).expect("metrics");
    assert_eq!(lines.lines().filter(|line| line.contains("\"event\":\"epoch\"")).count(), 2);
    for (arguments, words) in [
        (
            vec!["sweep", "lenet5", "--vary", "train.lr=1,2", "--train", "--recipe", "lr=3"],
            "`train.lr` is varied, and the recipe",
        ),
        (vec!["sweep", "lenet5", "--vary", "train.epochs=1,2", "--train", "--steps", "3"], "`train.epochs` is varied"),
        (vec!["sweep", "lenet5", "--vary", "c1.out=1,2", "--set", "c1.out=3"], "`c1.out` is varied, and `--set`"),
        (vec!["sweep", "lenet5", "--vary", "c1.out=1,2", "--front", "ms,macs"], "needs `--measure`"),
        (vec!["sweep", "lenet5", "--vary", "foo.bar=1,2"], "none of the variants is a network"),
        (vec!["sweep", "lenet5", "--vary", "c1.out=1,2", "--jobs", "2"], "`--jobs` is for trainings"),
        (vec!["sweep", "--resume", "lr", "--steps", "9"], "cannot be used with"),
    ] {
        let refused =
            Command::new(env!("CARGO_BIN_EXE_convlens")).args(&arguments).current_dir(at).output().expect("started");
        let errors = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && errors.contains(words), "{arguments:?}: {errors}");
    }
}

fn text_of(state: &State) -> String {
    text(&painted(state))
}

#[test]
fn the_explorer_walks_through_variants_and_opens_one() {
    for (width, height) in [(120, 40), (80, 24)] {
        let mut state = state(width, height, theme::dark());
        state.selected = state.entries.iter().position(|entry| entry.id == "vgg11").expect("bundled");
        press(&mut state, "3vv");
        assert!(text(&painted(&state)).contains("i asks what to vary"), "{}", text(&painted(&state)));
        // What cannot be read is told in the prompt, and stays there to be changed.
        press(&mut state, "iconv<enter>");
        assert!(text(&painted(&state)).contains("there is no `=`"), "{}", text(&painted(&state)));
        let spawn = spawned(press(&mut state, "<ctrl-u>conv.kernel=3,5 block3.*.out=128,256<enter>"));
        work(&mut state, spawn);
        let shown = text(&painted(&state));
        assert!(shown.contains("Variant 1, 1 of 4") && shown.contains("● one of 2 on the front"), "{shown}");
        // The third along the costs is the first with 5×5: 268 pixels of the last map, as `show` has them.
        press(&mut state, "jj");
        let shown = text(&painted(&state));
        assert!(shown.contains("conv.kernel 5   block3.*.out 128") && shown.contains("field 268"), "{shown}");
        press(&mut state, "d");
        assert!(text(&painted(&state)).contains("of 2 "), "the front alone");
        // Opened, it is the architecture with its text changed, which undo has.
        press(&mut state, "G<enter>");
        assert_eq!(state.screen, Which::Edit);
        let entry = state.entry().expect("selected");
        assert!(entry.id == "vgg11" && entry.is_edited());
        let text = entry.editor.as_ref().expect("an editor").text();
        assert!(
            text.contains("override:\n  block1.conv1: {kernel: 5}\n") && text.starts_with("name: VGG-11"),
            "{text}"
        );
        // A change that is not saved is not written over.
        press(&mut state, "3<enter>");
        assert_eq!(state.screen, Which::Compare);
        assert!(text_of(&state).contains("has unsaved changes"), "{}", text_of(&state));
        // Where no variant is a network the reason is told, and what was there stays.
        let before = state.screens.compare.sweep.of.as_ref().map(|own| own.variants.len());
        let base = state.screens.compare.sweep.of.as_ref().expect("swept").plan.bases.clone();
        let varies = vec!["conv.kernel=400,500".parse().expect("sound")];
        let plan =
            Plan { bases: base, varies, random: None, seed: 0, budget: Default::default(), measure: None, train: None };
        let none = Sweep::new(&Library::new(None), plan, |_| true).expect("sound").expect("not stopped");
        news(&mut state, News::Compare(compare::News::Swept(Arc::new(none))));
        assert!(text_of(&state).contains("None of the variants is valid"), "{}", text_of(&state));
        assert_eq!(state.screens.compare.sweep.of.as_ref().map(|own| own.variants.len()), before);
        // What was changed on the disk since is told, and not taken back.
        let at = state.selected;
        state.entries[at].close_editor();
        state.entries[at].text = Some("name: other\n".into());
        press(&mut state, "<enter>");
        assert_eq!(state.screen, Which::Compare);
        assert!(text_of(&state).contains("has changed since"), "{}", text_of(&state));
    }
}
