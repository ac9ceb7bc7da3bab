//! Budgets: what `check` says of a network that takes too much, for people, for scripts and for GitHub, and what the explorer shows.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use convlens::tui::shell::{Msg, State, update};
use convlens::tui::theme;
use serde_json::Value;

use crate::common::{convlens, stdout};
use crate::explorer::{file, painted, press, text};

const BUDGETED: &str =
    "extends: vgg16\nbudget: {params: 150M, macs: 5G, train_memory: 40GB, batch: 32, field: 100..224}\n";

fn said(arguments: &[&str], code: i32) -> String {
    let ended = convlens(arguments).assert().code(code);
    String::from_utf8_lossy(&ended.get_output().stdout).into_owned()
}

fn files(folder: &Path) -> impl Fn(&str) -> String {
    std::fs::write(folder.join("budgeted.yaml"), BUDGETED).expect("written");
    std::fs::write(folder.join("sound.yml"), "extends: lenet5\n").expect("written");
    std::fs::write(folder.join("bad.yaml"), "input: [3, 8, 8]\nlayers: [konv3-4]\n").expect("written");
    std::fs::write(folder.join("notes.txt"), "nothing").expect("written");
    let folder = folder.to_path_buf();
    move |name| folder.join(name).to_str().expect("UTF-8").to_string()
}

#[test]
fn a_network_over_its_budget_fails_with_where_it_goes_and_what_would_help() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = files(folder.path());
    let file = at("budgeted.yaml");
    let expected = format!(
        "{file}: over its budget\n  macs: 15,470,264,320 MACs of 5,000,000,000 allowed: 10,470,264,320 too many, 3.1 times as much\n    \
         most of it: block1.conv2 1,849,688,064 (12.0%), block2.conv2 1,849,688,064 (12.0%), block3.conv2 1,849,688,064 (12.0%)\n    \
         at an input of 3×127×127 it would be 4,714,936,000 MACs\n"
    );
    assert_eq!(said(&["check", &file], 1), expected);
    // What the command line says goes before the file; the rest of the file's still counts.
    assert!(said(&["check", &file, "--max-macs", "16G"], 0).contains("within its budget"));
    assert!(
        said(&["check", &file, "--max-macs", "16G", "--field", "224.."], 1)
            .contains("field: 212 pixels of at least 224")
    );
    assert!(
        said(&["check", "resnet18", "--max-params", "11.6M"], 1)
            .contains("11,689,512 parameters of 11,600,000 allowed")
    );
    assert!(said(&["check", "resnet18", "--max-train-memory", "1GB", "--batch", "64"], 1).contains("a mini-batch of "));
    assert!(said(&["check", "lenet5", "--max-ms", "60000"], 0).contains("within its budget"));
    assert!(said(&["check", "lenet5", "--max-ms", "0.000001"], 1).contains("ms of 0.000001 allowed"));
    let wrong = convlens(&["check", "lenet5", "--max-params", "some"]).assert().code(2);
    assert!(String::from_utf8_lossy(&wrong.get_output().stderr).contains("such as `20M`"));
    let json: Value = serde_json::from_str(&said(&["check", &file, "--format", "json"], 1)).expect("JSON");
    let budget = &json["files"][0]["budget"];
    assert_eq!(json["files"][0]["ok"], false);
    let keys: Vec<_> =
        budget.as_array().expect("a list").iter().map(|own| (own["key"].as_str(), own["ok"].as_bool())).collect();
    let keys: Vec<_> = keys.into_iter().map(|(key, ok)| (key.expect("a key"), ok.expect("a word"))).collect();
    assert_eq!(keys, [("params", true), ("macs", false), ("train_memory", true), ("field", true)]);
    assert_eq!((budget[1]["taken"].as_u64(), budget[1]["most"].as_u64()), (Some(15_470_264_320), Some(5_000_000_000)));
}

#[test]
fn folders_standard_input_quiet_and_github() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = files(folder.path());
    let all = said(&["check", folder.path().to_str().expect("UTF-8")], 1);
    let files: Vec<&str> = all.lines().filter(|line| !line.starts_with(' ')).collect();
    assert_eq!(files.len(), 3, "{all}");
    assert!(files[0].ends_with("bad.yaml: 1 problem") && files[1].ends_with("budgeted.yaml: over its budget"));
    assert!(files[2].ends_with("sound.yml: ok, 12 layers, 61,706 parameters"), "{}", files[2]);
    let quiet = said(&["check", folder.path().to_str().expect("UTF-8"), "-q"], 1);
    assert!(!quiet.contains("sound.yml") && quiet.contains("bad.yaml"));
    let github = said(&["check", folder.path().to_str().expect("UTF-8"), "--format", "github"], 1);
    let lines: Vec<&str> = github.lines().collect();
    assert_eq!(lines.len(), 2, "{github}");
    assert!(
        lines[0].starts_with(&format!("::error file={},line=2,col=10::there is no layer kind", at("bad.yaml"))),
        "{github}"
    );
    assert!(
        lines[1].contains(",title=over budget::macs: ") && lines[1].contains("(12.0%25)") && lines[1].contains("%0A")
    );
    let mut check = Command::new(env!("CARGO_BIN_EXE_convlens"));
    let mut check = check.args(["check", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("started");
    check.stdin.take().expect("piped").write_all(b"extends: lenet5\nbudget: {params: 10k}\n").expect("read");
    let output = check.wait_with_output().expect("ended");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("-: over its budget"));
    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).expect("made");
    let refused = convlens(&["check", empty.to_str().expect("UTF-8")]).assert().code(1);
    assert!(String::from_utf8_lossy(&refused.get_output().stderr).contains("there is no .yaml file in"));
    let misused = convlens(&["show", "lenet5", "--format", "github"]).assert().code(2);
    assert!(String::from_utf8_lossy(&misused.get_output().stderr).contains("`--format github` is for `check`"));
    stdout(&["check", &at("sound.yml")]);
}

#[test]
fn the_explorer_shows_what_is_taken_of_a_budget() {
    let mut state = State::new(vec![file("budgeted.yaml", BUDGETED)], 0, theme::dark());
    update(&mut state, Msg::Resize(120, 40));
    for screen in ["1", "4"] {
        press(&mut state, screen);
        let shown = text(&painted(&state));
        let line = shown.lines().find(|line| line.contains("train memory")).unwrap_or_else(|| panic!("{shown}"));
        assert!(
            line.contains("params ████▋ 92%") && line.contains("macs █████ 309%!") && line.contains("field 212 "),
            "{line}"
        );
    }
}
