//! `docs/json.md` is the JSON: every key that a command prints stands there, and every key that stands there is printed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::common::project;

/// The keys of each section, with what a link to another section brings. `recipe.*` stands for all below it.
fn documented() -> BTreeMap<String, BTreeSet<String>> {
    let page = std::fs::read_to_string(project("docs/json.md")).expect("the page");
    let mut sections: BTreeMap<String, String> = BTreeMap::new();
    let mut name = String::new();
    for line in page.lines() {
        match line.strip_prefix("## ") {
            Some(own) => name = own.to_lowercase(),
            None => *sections.entry(name.clone()).or_default() += &format!("{line}\n"),
        }
    }
    let is_key = |word: &str| {
        !word.starts_with('-') && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '*'))
    };
    let words = |text: &str| -> Vec<String> {
        text.split('`').skip(1).step_by(2).filter(|word| is_key(word)).map(str::to_string).collect()
    };
    let anchor = |name: &str| name.replace(' ', "-");
    let mut all = BTreeMap::new();
    for (name, text) in &sections {
        let mut keys: BTreeSet<String> = BTreeSet::new();
        for bullet in text.split("\n- ").skip(1) {
            let bullet = bullet.split("\n\n").next().unwrap_or_default();
            keys.extend(words(bullet));
            // The key right before a link is what the other section's keys stand below.
            for (before, after) in bullet.match_indices("](#").map(|(at, _)| (&bullet[..at], &bullet[at + 3..])) {
                let target = after.split(')').next().unwrap_or_default();
                let own = words(before).last().cloned().expect("a key before a link");
                let (_, other) = sections.iter().find(|(name, _)| anchor(name) == target).expect("a section");
                for key in words(other) {
                    // Keys that a section has below its own top, such as `runs.id`, are that list's.
                    let key = key.strip_prefix("runs.").unwrap_or(&key).to_string();
                    keys.insert(format!("{own}.{key}"));
                }
            }
        }
        all.insert(name.clone(), keys);
    }
    all
}

fn flattened(value: &Value, path: &str, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                into.insert(path.clone());
                flattened(value, &path, into);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| flattened(item, path, into)),
        _ => {}
    }
}

/// Commands by section; between them they print every key.
const COMMANDS: [&[&str]; 33] = [
    &["list"],
    &["show", "lenet5", "--convention", "thop", "--memory", "1GB"],
    &["show", "unet"],
    &["show", "-"],
    &["check", "tinyvgg", "bad.yaml", "--max-params", "1k"],
    &["explain", "vgg16"],
    &["explain", "unet"],
    &["explain", "vgg16", "block1.maxpool1", "--unit", "3,3"],
    &["compare", "vgg11", "lenet5"],
    &["diff", "vgg11", "vgg13", "--set", "train.lr=0.1"],
    &["sweep", "lenet5", "--vary", "c1.out=2,999999999"],
    &["kernels", "--measure", "--size", "8", "--channels", "4", "--runs", "1"],
    &["field", "tinyvgg", "block1.conv1", "--samples", "1"],
    &["forward", "lenet5", "--logits"],
    &["forward", "lenet5", "--trace", "--weights", "broken.safetensors"],
    &["forward", "lenet5", "tinyvgg", "--runs", "1"],
    &["roofline", "lenet5", "--runs", "1"],
    &["evaluate", "--run", "lenet5-1", "--quantise", "int8"],
    &["train", "lenet5", "--epochs", "1", "--batch", "256", "--no-out"],
    &["lr-find", "lenet5", "--steps", "8"],
    &["runs", "list"],
    &["runs", "show", "lenet5-1"],
    &["runs", "show", "lenet5-2"],
    &["runs", "show", "lenet5-1", "--steps"],
    &["runs", "compare", "lenet5-1", "lenet5-2"],
    &["weights", "runs/lenet5-1/best.safetensors"],
    &["weights", "runs/lenet5-1/best.safetensors", "lenet5"],
    &["weights", "runs/lenet5-1/best.safetensors", "other.yaml"],
    &["weights", "runs/lenet5-1/best.safetensors", "--stats"],
    &["kinds"],
    &["keys"],
    &["diff", "lenet5", "lenet5"],
    &["sweep", "one-5x5", "two-3x3"],
];

fn run(folder: &Path, arguments: &[&str]) -> std::process::Output {
    use std::io::Write;
    let mut command = Command::new(env!("CARGO_BIN_EXE_convlens"));
    command.args(arguments).current_dir(folder).env("XDG_CACHE_HOME", folder);
    command
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let mut child = command.spawn().expect("started");
    // What `show -` reads: a layer that adds one of everything else.
    let text = b"input: [3, 8, 8]\nlayers: [conv3-4, conv_transpose: {out: 2, output_padding: 1}]\n";
    child.stdin.take().expect("piped").write_all(text).ok();
    child.wait_with_output().expect("ended")
}

#[test]
fn every_key_is_described_and_every_description_is_of_a_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    std::fs::write(at.join("bad.yaml"), "layers: [konv]\n").expect("written");
    std::fs::write(at.join("other.yaml"), "extends: lenet5\noverride: {c1: {out: 7}}\n").expect("written");
    for (seed, lr) in [("0", "0.01"), ("1", "1e9")] {
        let ended = run(at, &["train", "lenet5", "--epochs", "1", "--seed", seed, "--lr", lr, "-q"]);
        assert!(ended.status.success() || lr == "1e9", "{}", String::from_utf8_lossy(&ended.stderr));
    }
    let weights = std::fs::read(at.join("runs/lenet5-1/best.safetensors")).expect("weights");
    // The last value of a file that says nothing of its checksums is made none.
    let tensors = safetensors::SafeTensors::deserialize(&weights).expect("sound");
    let mut views: Vec<_> =
        tensors.tensors().into_iter().map(|(name, own)| (name, own.shape().to_vec(), own.data().to_vec())).collect();
    views
        .iter_mut()
        .filter(|own| own.0 == "c3.weight")
        .for_each(|own| own.2[..4].copy_from_slice(&f32::NAN.to_le_bytes()));
    let views = views.iter().map(|(name, shape, data)| {
        (
            name.as_str(),
            safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.clone(), data).expect("sound"),
        )
    });
    safetensors::serialize_to_file(views, None, &at.join("broken.safetensors")).expect("written");
    let documented = documented();
    let mut printed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for arguments in COMMANDS {
        let output = run(at, &[arguments, &["--format", "json"][..]].concat());
        let value: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{arguments:?}: {error}: {}", String::from_utf8_lossy(&output.stderr)));
        assert_eq!(value["convlens"], 1, "{arguments:?}");
        let name = value["command"].as_str().expect("a name").to_string();
        assert!(arguments.join(" ").starts_with(&name), "{arguments:?}: {name}");
        let mut keys = BTreeSet::new();
        flattened(&value, "", &mut keys);
        keys.retain(|key| key != "convlens" && key != "command");
        printed.entry(name).or_default().extend(keys);
    }
    let mut wrong = Vec::new();
    for (name, keys) in &printed {
        let told = documented.get(name).unwrap_or_else(|| panic!("{name} has no section"));
        let covers = |key: &String| {
            let below = |own: &String| own.strip_suffix(".*").is_some_and(|own| key.starts_with(&format!("{own}.")));
            let above = |own: &String| own.starts_with(&format!("{key}."));
            told.contains(key) || told.iter().any(|own| below(own) || above(own))
        };
        let untold: Vec<&String> = keys.iter().filter(|key| !covers(key)).collect();
        if !untold.is_empty() {
            wrong.push(format!("{name} prints what docs/json.md does not tell: {untold:?}"));
        }
        let is_printed = |own: &String| match own.strip_suffix(".*") {
            Some(own) => keys.iter().any(|key| key.starts_with(own)),
            None => keys.contains(own),
        };
        let unseen: Vec<&String> = told.iter().filter(|own| !is_printed(own)).collect();
        if !unseen.is_empty() {
            wrong.push(format!("docs/json.md tells of {name} what it does not print: {unseen:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // What is published cannot be fetched here.
    let others = ["", "totals", "layer", "weights get"];
    let unrun: Vec<&String> =
        documented.keys().filter(|name| !others.contains(&name.as_str()) && !printed.contains_key(*name)).collect();
    assert!(unrun.is_empty(), "sections of no command: {unrun:?}");
}
