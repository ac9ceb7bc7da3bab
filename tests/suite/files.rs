//! Architecture files, good and bad: every bad one with its message.

use assert_cmd::Command;

use crate::common::{json, project};

fn check(folder: &str, file: &str) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_convlens"));
    command.args(["check", file]).current_dir(project("tests/architectures").join(folder)).env_remove("NO_COLOR");
    command.output().expect("the program starts")
}

#[test]
fn every_bad_file_is_refused_with_a_message_that_says_where_and_what_would_be_right() {
    let mut files: Vec<String> = std::fs::read_dir(project("tests/architectures/invalid"))
        .expect("the bad files")
        .map(|file| file.expect("a file").file_name().to_string_lossy().into_owned())
        .collect();
    files.sort();
    assert!(files.len() >= 30);
    for file in files {
        let output = check("invalid", &file);
        assert_eq!(output.status.code(), Some(1), "{file}");
        insta::assert_snapshot!(file.trim_end_matches(".yaml"), String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_file_above_the_limit_of_size_is_not_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("large.yaml");
    std::fs::write(&path, "# ".repeat(600_000)).expect("written");
    let output = check("invalid", path.to_str().expect("UTF-8"));
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("more than 1024 KiB"));
}

#[test]
fn every_kind_of_layer_is_sized_as_pytorch_sizes_it() {
    // Shapes and parameters as PyTorch 2 gives them for the same modules.
    let shown = json(&["show", "tests/architectures/valid/every-kind.yaml"]);
    let layers = shown["layers"].as_array().expect("layers");
    let find = |name: &str| layers.iter().find(|layer| layer["name"] == name).unwrap_or_else(|| panic!("no {name}"));
    for (name, output, params) in [
        ("conv1", vec![8, 33, 47], 296),
        ("conv2", vec![8, 16, 43], 968),
        ("conv2.batch_norm", vec![8, 16, 43], 16),
        ("grouped", vec![16, 16, 43], 576),
        ("conv4", vec![16, 16, 43], 160),
        ("conv5", vec![12, 17, 42], 780),
        ("maxpool1", vec![12, 9, 22], 0),
        ("avgpool1", vec![12, 5, 8], 0),
        ("conv6", vec![16, 5, 8], 1744),
        ("twice_2.conv2", vec![20, 1, 2], 420),
        ("global_avgpool1", vec![20, 1, 1], 0),
        ("linear1", vec![9], 189),
        ("linear3", vec![7], 63),
    ] {
        assert_eq!(find(name)["output"], serde_json::json!(output), "{name}");
        assert_eq!(find(name)["params"], params, "{name}");
    }
    assert_eq!(shown["totals"]["params"], 9_486);
    assert_eq!(shown["totals"]["buffers"], 40);
}

#[test]
fn three_lines_extend_a_file_beside_them() {
    let shown = json(&["show", "tests/architectures/valid/three-lines.yaml"]);
    let names: Vec<&str> =
        shown["layers"].as_array().expect("layers").iter().filter_map(|l| l["name"].as_str()).collect();
    assert_eq!(names, ["conv1", "conv1.tanh", "conv2", "conv2.tanh", "flatten1", "linear1"]);
    assert_eq!(shown["layers"][2]["output"], serde_json::json!([8, 14, 14]));
}
