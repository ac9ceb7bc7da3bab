//! What editors and shells are told: the schema, the pages of `man`, and what completes.

use std::path::Path;
use std::process::Command;

use convlens::spec::{Library, Origin};
use serde_json::Value;

use crate::common::{convlens, project, python, stdout};

/// A file as the values that an editor's reader makes of it; none where it is no YAML.
fn as_json(path: &Path) -> Option<Value> {
    let text = std::fs::read_to_string(path).ok()?;
    // YAML 1.2's numbers, which serde_yaml reads as texts where they have no dot, stay texts here.
    let value: serde_yaml::Value = serde_yaml::from_str(&text).ok()?;
    serde_json::to_value(value).ok()
}

fn yaml_files(folder: &str) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(project(folder)).expect("a folder");
    let mut all: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    all.retain(|path| path.extension().is_some_and(|own| own == "yaml"));
    all.sort();
    all
}

/// What no schema of single values can see: shapes, sums, other files, what stands twice, what is no YAML at all.
const BEYOND: [&str; 27] = [
    "alias-bomb",
    "concat-shapes",
    "conv-after-flatten",
    "cycle-a",
    "cycle-b",
    "duplicate-keys",
    "even-kernel",
    "from-nothing",
    "gate-shape",
    "groups",
    "hidden-names",
    "linear-before-flatten",
    "missing-out",
    "nested-too-deeply",
    "not-utf8",
    "not-yaml",
    "pool-padding",
    "residual-shapes",
    "split-uneven",
    "too-large-layer",
    "too-large-product",
    "too-many-layers",
    "transposed",
    "unknown-base",
    "unknown-override",
    "widths-not-whole",
    "window-too-large",
];

const FORMS: [&str; 54] = [
    "conv3-8",
    "conv3-8/2 relu x2",
    "CONV3-8 X2",
    "conv1-x2",
    "conv3-0",
    "conv0-8",
    "conv3-8/0",
    "conv3-8 x0",
    "conv3-8 foo",
    "maxpool3/2",
    "maxpool3/2 relu",
    "dw3/2 none",
    "dw3-8",
    "up2-4",
    "fc3-8",
    "relu x2",
    "group_norm: 4",
    "batch_norm relu",
    "conv: {out: 8, norm: batch_norm}",
    "conv: {out: 8, norm: batch, activation: silu}",
    "conv: {out: 8, norm: {group: 2}}",
    "conv: {out: x0}",
    "conv: {out: x2, name: a}",
    "conv: {out: 8, name: \"a b\"}",
    "conv: {out: 8, name: a/b}",
    "conv: {out: 8, name: é-1_}",
    "conv: {out: 8, kernel: [3, 1], padding: [1, 1, 0, 0]}",
    "conv: {out: 8, kernel: [3]}",
    "conv: {out: 8, padding: full}",
    "conv: {out: 8, groups: depthwise}",
    "conv: {out: 8, bias: 1}",
    "dropout: {p: \"0.5\"}",
    "dropout: 0.2",
    "relu:",
    "relu: {}",
    "relu: 3",
    "{block: [conv3-8], name: b}",
    "block",
    "gate",
    "block: {name: b}",
    "residual: [conv3-8]",
    "residual: {layers: [conv3-8], repeat: 2, first: {conv1: {kernel: 1}}}",
    "residual: {layers: [conv3-8], repeat: 2, first: {conv1: 4}}",
    "residual: {layers: [conv3-8], shortcut: drop}",
    "residual: {layers: [conv3-8], shortcut: none}",
    "residual: {layers: [conv3-8], repeat: 0}",
    "concat: [identity, conv1-8, [conv1-8, conv3-8]]",
    "concat: [[], conv1-8]",
    "concat: [[from: conv1, conv3-8]]",
    "split: [identity, conv3-2]",
    "squeeze_excite: /4",
    "squeeze_excite: {out: /0}",
    "{conv: 8, linear: 4}",
    "upsample: {scale: 2, mode: bicubic}",
];

#[test]
fn the_schema_takes_every_sound_file_and_sees_the_faults_that_a_schema_can() {
    let Some(python) = python("jsonschema") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let mut files = serde_json::Map::new();
    let mut sound = 0;
    for path in yaml_files("architectures").into_iter().chain(yaml_files("tests/architectures/valid")) {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        files.insert(format!("valid/{name}"), as_json(&path).expect("YAML"));
        sound += 1;
    }
    assert!(sound > 45, "{sound}");
    // Layers in every form: what the program takes the schema takes, and what it refuses so does the schema.
    let network = |layer: &str| format!("input: [3, 32, 32]\nlayers:\n  - conv3-8\n  - {layer}\n");
    let is_sound = |text: &str| {
        let origin = Origin::File("net.yaml".into());
        let loaded = Library::new(None).load_text(&origin, text.to_string(), &[]);
        loaded.is_ok_and(|loaded| convlens::graph::analyse(&loaded).is_ok())
    };
    for (at, layer) in FORMS.iter().enumerate() {
        let text = network(layer);
        let folder = if is_sound(&text) { "valid" } else { "invalid" };
        let value: serde_yaml::Value = serde_yaml::from_str(&text).expect("YAML");
        let value = serde_json::to_value(value).expect("JSON");
        files.insert(format!("{folder}/form {at}: {layer}"), value);
    }
    assert!(files.keys().filter(|name| name.contains("/form ")).filter(|name| name.starts_with("valid")).count() > 20);
    for path in yaml_files("tests/architectures/invalid") {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        if let Some(value) = as_json(&path) {
            files.insert(format!("invalid/{name}"), value);
        }
    }
    std::fs::write(folder.path().join("files.json"), Value::Object(files.clone()).to_string()).expect("written");
    std::fs::write(folder.path().join("schema.json"), stdout(&["schema"])).expect("written");
    let script = "import json, jsonschema\n\
        schema = json.load(open('schema.json'))\n\
        jsonschema.Draft7Validator.check_schema(schema)\n\
        validator = jsonschema.Draft7Validator(schema)\n\
        files = json.load(open('files.json'))\n\
        print(json.dumps({name: [e.message[:200] for e in validator.iter_errors(value)][:1] for name, value in files.items()}))\n";
    let output = Command::new(python).args(["-c", script]).current_dir(folder.path()).output().expect("Python starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let judged: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let mut unseen = Vec::new();
    for (name, errors) in judged.as_object().expect("files") {
        let is_refused = errors.as_array().is_some_and(|errors| !errors.is_empty());
        if name.starts_with("valid/") {
            assert!(!is_refused, "{name}: {errors}");
        } else if !is_refused {
            unseen.push(name.trim_start_matches("invalid/").to_string());
        }
    }
    let surprising: Vec<&String> = unseen.iter().filter(|name| !BEYOND.contains(&name.as_str())).collect();
    assert!(surprising.is_empty(), "the schema does not see: {surprising:?}");
    let needless: Vec<&&str> = (BEYOND.iter())
        .filter(|name| files.contains_key(&format!("invalid/{name}")) && !unseen.iter().any(|own| own == *name))
        .collect();
    assert!(needless.is_empty(), "the schema does see: {needless:?}");
}

#[test]
fn pages_are_written_for_every_command() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path().to_str().expect("UTF-8");
    let written = stdout(&["man", "--out", at]);
    let help = stdout(&["--help"]);
    let commands: Vec<&str> = help
        .lines()
        .skip_while(|line| !line.starts_with("Commands:"))
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next())
        .filter(|name| *name != "help" && help.contains(&format!("\n  {name} ")))
        .collect();
    assert!(commands.len() > 20, "{commands:?}");
    for command in commands {
        let page = std::fs::read_to_string(folder.path().join(format!("convlens-{command}.1"))).expect(command);
        assert!(page.contains(&format!(".TH convlens-{command} 1")) && page.contains(".SH SYNOPSIS"), "{page}");
    }
    assert!(written.contains("convlens.1\n") && written.contains("convlens-runs-list.1\n"), "{written}");
    assert!(stdout(&["man", "runs show"]).contains(".TH convlens-runs-show 1"));
    assert!(stdout(&["man", "show"]).contains("torchinfo"), "what values mean stands there too");
    convlens(&["man", "nothing"]).assert().code(1);
    // Again over its own pages, and not over somebody else's.
    stdout(&["man", "--out", at]);
    std::fs::write(folder.path().join("convlens-show.1"), "mine").expect("written");
    let refused = convlens(&["man", "--out", at]).assert().failure();
    assert!(String::from_utf8_lossy(&refused.get_output().stderr).contains("--force"));
}

/// What a shell is offered behind words.
fn offered(folder: &Path, words: &[&str]) -> Vec<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_convlens"))
        .arg("--")
        .arg("convlens")
        .args(words)
        .current_dir(folder)
        .env("CONVLENS_COMPLETE", "bash")
        .env("_CLAP_COMPLETE_INDEX", words.len().to_string())
        .env("_CLAP_COMPLETE_COMP_TYPE", "9")
        .env("_CLAP_IFS", "\n")
        .output()
        .expect("started");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    text.lines().map(|line| line.trim().to_string()).collect()
}

#[test]
fn shells_are_offered_architectures_layers_and_runs() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(stdout(&["completions", shell]).contains("CONVLENS_COMPLETE"), "{shell}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    std::fs::create_dir(at.join("architectures")).expect("made");
    std::fs::write(at.join("architectures/vgg-own.yaml"), "extends: lenet5\n").expect("written");
    std::fs::write(at.join("architectures/vgg-\u{1b}[2J.yaml"), "extends: lenet5\n").expect("written");
    std::fs::write(at.join("mine.yaml"), "extends: lenet5\n").expect("written");
    let shown = offered(at, &["show", "vgg"]);
    assert!(shown.contains(&"vgg16".to_string()) && shown.contains(&"vgg-own".to_string()), "{shown:?}");
    assert!(!shown.iter().any(|own| own.contains('\u{1b}') || own.contains("2J")), "{shown:?}");
    std::fs::write(at.join("min\u{9b}2J.yaml"), "extends: lenet5\n").expect("written");
    assert!(!offered(at, &["check", "mi"]).iter().any(|own| own.contains("2J")), "a file's name is text of others too");
    assert!(offered(at, &["check", "mi"]).contains(&"mine.yaml".to_string()));
    assert_eq!(offered(at, &["explain", "lenet5", "f"]), ["flatten1", "f6", "f6.tanh"]);
    let wide = offered(at, &["explain", "vgg16", "block3"]);
    assert!(wide.contains(&"block3".to_string()) && wide.contains(&"block3.conv2".to_string()), "{wide:?}");
    let train = ["train", "mine.yaml", "--steps", "1", "--batch", "2", "-q"];
    let status =
        Command::new(env!("CARGO_BIN_EXE_convlens")).args(train).current_dir(at).output().expect("started").status;
    assert!(status.success());
    assert_eq!(offered(at, &["runs", "show", ""])[..1], ["mine-1"]);
    assert_eq!(offered(at, &["evaluate", "--run", "mi"]), ["mine-1"]);
    let commands = offered(at, &["s"]);
    assert!(["show", "sweep", "schema"].iter().all(|own| commands.contains(&own.to_string())), "{commands:?}");
}

#[test]
fn a_command_shows_the_flags_that_it_understands() {
    let help = |command: &str| stdout(&[command, "--help"]);
    for command in ["kinds", "keys", "kernels", "runs", "completions", "schema", "man"] {
        assert!(!help(command).contains("--set ") && !help(command).contains("--dir "), "{command}");
    }
    for command in ["explore", "export", "import", "completions", "schema", "man"] {
        assert!(!help(command).contains("--format "), "{command}");
    }
    assert!(help("show").contains("--set ") && help("show").contains("[possible values: table, json, csv, markdown]"));
    for (command, format) in [("train", "`jsonl`"), ("field", "`png`"), ("check", "`github`")] {
        assert!(help(command).contains(format), "{command}");
    }
    assert!(!help("show").contains("github"));
    // Before the command or behind it, they are read the same.
    assert_eq!(stdout(&["--format", "json", "kinds"]), stdout(&["kinds", "--format", "json"]));
    assert_eq!(stdout(&["--set", "classes=3", "list"]), stdout(&["list", "--set", "classes=3"]));
    convlens(&["kinds", "--set", "classes=3"]).assert().code(2);
}
