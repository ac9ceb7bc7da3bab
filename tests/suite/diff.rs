//! What changed between two networks, on the disk or in git's past, for people, for scripts and for git itself.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::common::{convlens, json, stdout};

fn git(folder: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    let who = ["-c", "user.name=Someone", "-c", "user.email=someone@example.org", "-c", "commit.gpgsign=false"];
    let output = command.args(who).args(arguments).current_dir(folder).output().expect("git is there");
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_convlens"));
    command.args(arguments).current_dir(folder).output().expect("the program starts")
}

/// A repository whose last commit made a base wider, and a file that extends it.
fn repository() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let base = "input: [3, 32, 32]\nclasses: 10\nlayers: [conv3-8, relu, maxpool, flatten, linear: classes]\n";
    git(at, &["init", "-q", "-b", "main"]);
    std::fs::create_dir(at.join("nets")).expect("made");
    std::fs::write(at.join("nets/base.yaml"), base).expect("written");
    std::fs::write(at.join("nets/own.yaml"), "extends: base\nclasses: 4\n").expect("written");
    git(at, &["add", "."]);
    git(at, &["commit", "-q", "-m", "first"]);
    std::fs::write(at.join("nets/base.yaml"), base.replace("conv3-8", "conv3-16")).expect("written");
    git(at, &["commit", "-q", "-a", "-m", "wider"]);
    folder
}

#[test]
fn the_papers_own_step_is_three_layers_more() {
    let found = json(&["diff", "vgg16", "vgg19"]);
    let rows = found["rows"].as_array().expect("rows");
    let own: Vec<&Value> = rows.iter().filter(|row| row["follows"] == false).collect();
    let names: Vec<&str> = own.iter().map(|row| row["layer"].as_str().expect("a name")).collect();
    assert_eq!(names, ["block3.conv4", "block4.conv4", "block5.conv4"]);
    assert!(own.iter().all(|row| row["kind"] == "added" && row["before"].is_null()));
    // Table 2 of the paper: 138 and 144 million.
    assert_eq!(found["before"]["totals"]["params"], 138_357_544);
    assert_eq!(found["after"]["totals"]["params"], 143_667_240);
    let grown: u64 = own.iter().map(|row| row["after"]["params"].as_u64().expect("a count")).sum();
    assert_eq!(grown, 143_667_240 - 138_357_544);
    assert!(stdout(&["diff", "vgg16", "vgg16"]).contains("nothing differs"));
    convlens(&["diff", "vgg16", "vgg16", "--exit-code"]).assert().code(0);
    convlens(&["diff", "vgg16", "vgg19", "--exit-code"]).assert().code(1);
}

#[test]
fn a_revision_is_read_with_all_that_it_extended_then() {
    let folder = repository();
    let told = run(folder.path(), &["diff", "HEAD~1:nets/own.yaml", "nets/own.yaml"]);
    let text = String::from_utf8_lossy(&told.stdout).into_owned();
    // 3·3·3·8 + 8 of a conv with eight channels, twice with sixteen; the base of then is not the base of now.
    assert!(
        text.contains("~ conv1\n    out 8 → 16\n    output 8×32×32 → 16×32×32\n    parameters 224 → 448 (+224)"),
        "{text}"
    );
    let from_inside = run(&folder.path().join("nets"), &["diff", "HEAD~1:own.yaml", "own.yaml", "--format", "json"]);
    let found: Value = serde_json::from_slice(&from_inside.stdout).expect("JSON");
    assert_eq!(found["before"]["totals"]["params"], 224 + 2048 * 4 + 4);
    // Both at a revision, and for the other commands that only count.
    let same = run(folder.path(), &["diff", "HEAD:nets/own.yaml", "nets/own.yaml"]);
    assert!(String::from_utf8_lossy(&same.stdout).contains("nothing differs"));
    let shown = run(folder.path(), &["show", "HEAD~1:nets/base.yaml"]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains("conv1"));
    for (name, words) in [
        ("NOPE:nets/own.yaml", "error: git knows no revision `NOPE` here: Needed a single revision\n"),
        ("HEAD:nets/none.yaml", "error: nets/none.yaml is not there at `HEAD`\n"),
        ("--upload-pack:x", ""),
    ] {
        let refused = run(folder.path(), &["diff", name, "nets/own.yaml"]);
        assert!(!refused.status.success());
        let errors = String::from_utf8_lossy(&refused.stderr);
        assert!(words.is_empty() || errors == words, "{errors}");
    }
    let outside = run(tempfile::tempdir().expect("a folder").path(), &["diff", "HEAD:a.yaml", "vgg16"]);
    assert!(String::from_utf8_lossy(&outside.stderr).contains("not a git repository"));
    // From a folder inside, a path may count from the top too, as git's own do.
    let top = run(&folder.path().join("nets"), &["show", "HEAD:nets/base.yaml"]);
    assert!(top.status.success(), "{}", String::from_utf8_lossy(&top.stderr));
}

#[test]
fn gits_own_diff_shows_layers_and_survives_a_file_with_mistakes() {
    let folder = repository();
    let at = folder.path();
    let textconv = format!("{} diff --textconv", env!("CARGO_BIN_EXE_convlens"));
    git(at, &["config", "diff.convlens.textconv", &textconv]);
    std::fs::write(at.join(".gitattributes"), "*.yaml diff=convlens\n").expect("written");
    let diff = git(at, &["diff", "HEAD~1", "HEAD"]);
    let line =
        "+conv1  conv, out 16, kernel 3, stride 1, padding 1  output 16×32×32, parameters 448, MACs 442,368, field 3";
    assert!(diff.contains(line), "{diff}");
    assert!(diff.contains("-parameters "), "{diff}");
    std::fs::write(at.join("nets/base.yaml"), "layers: [konv]\n").expect("written");
    assert!(git(at, &["diff"]).contains("+layers: [konv]"));
    std::fs::write(at.join("nets/base.yaml"), [b'#', 0xff, 0xfe, b'\n']).expect("written");
    git(at, &["diff"]);
    std::fs::write(at.join("nets/base.yaml"), "# large\n".repeat(200_000)).expect("written");
    assert!(git(at, &["diff"]).contains("+# large"));
}

#[test]
fn a_pull_request_gets_markdown() {
    let text = stdout(&["diff", "vgg13", "vgg13-5x5", "--format", "markdown"]);
    assert!(text.starts_with("### VGG-13 (vgg13) → VGG-13 with 5x5 (vgg13-5x5)\n"), "{text}");
    assert!(text.contains("| changed | block1.conv1 | kernel 3 → 5; padding 1 → 2; parameters 1,792 → 4,864 (+3,072)"));
    assert!(text.contains("| parameters | 133,047,848 | 134,503,528 | +1,455,680 (1.01×) |"));
}
