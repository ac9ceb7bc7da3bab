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
fn branches_are_wired_and_sized_as_written() {
    let shown = json(&["show", "tests/architectures/valid/branches.yaml"]);
    let layers = shown["layers"].as_array().expect("layers");
    let find = |name: &str| layers.iter().find(|layer| layer["name"] == name).unwrap_or_else(|| panic!("no {name}"));
    for (name, output, inputs) in [
        // ⌈24/2⌉ × ⌈20/2⌉.
        ("conv1", vec![16, 12, 10], vec![None]),
        ("stage1_1.conv1", vec![32, 12, 10], vec![Some("conv1.relu")]),
        ("stage1_1.conv2", vec![32, 6, 5], vec![Some("stage1_1.conv1.relu")]),
        ("stage1_1.squeeze_excite1.conv1", vec![8, 1, 1], vec![Some("stage1_1.squeeze_excite1.global_avgpool1")]),
        (
            "stage1_1.squeeze_excite1.multiply",
            vec![32, 6, 5],
            vec![Some("stage1_1.conv2.hardswish"), Some("stage1_1.squeeze_excite1.conv2.sigmoid")],
        ),
        ("stage1_1.shortcut.conv1", vec![16, 6, 5], vec![Some("conv1.relu")]),
        (
            "stage1_1.add",
            vec![16, 6, 5],
            vec![Some("stage1_1.conv3.batch_norm"), Some("stage1_1.shortcut.conv1.batch_norm")],
        ),
        // The identity is no row and no copy.
        ("stage1_2.add", vec![16, 6, 5], vec![Some("stage1_2.conv3.batch_norm"), Some("stage1_1.add")]),
        ("stage1_3.conv1", vec![48, 6, 5], vec![Some("stage1_2.add")]),
        // 16 as they come, 8, half of 16 with 4 for the other half, 48 of a layer before, with its activation.
        (
            "mixed_1.concat",
            vec![84, 6, 5],
            vec![
                Some("stage1_3.add"),
                Some("mixed_1.branch2.conv3.relu"),
                Some("mixed_1.branch3.split1.concat"),
                Some("stage1_3.conv2.hardswish"),
            ],
        ),
        // As many rows as arrive and one behind, two columns before and one behind, less two of the kernel.
        ("conv2", vec![8, 5, 6], vec![Some("gate1.multiply")]),
        (
            "residual2.add",
            vec![12, 3, 3],
            vec![Some("residual2.conv1.batch_norm"), Some("residual2.shortcut.pad_channels1")],
        ),
        // Shapes differ, and nothing is added.
        ("residual3.relu6", vec![16, 3, 3], vec![Some("residual3.conv1.batch_norm")]),
        ("conv_transpose1", vec![8, 6, 6], vec![Some("residual3.relu6")]),
        ("upsample1", vec![8, 6, 12], vec![Some("conv_transpose1")]),
    ] {
        assert_eq!(find(name)["output"], serde_json::json!(output), "{name}");
        assert_eq!(find(name)["inputs"], serde_json::json!(inputs), "{name}");
    }
}

#[test]
fn the_first_repetition_may_have_another_shortcut() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("net.yaml");
    let text = "input: [4, 8, 8]\nlayers:\n  - residual: {name: r, repeat: 2, layers: [conv3-8], first: {shortcut: project}}\n";
    std::fs::write(&path, text).expect("written");
    let shown = json(&["show", path.to_str().expect("UTF-8")]);
    let names: Vec<&str> =
        shown["layers"].as_array().expect("layers").iter().filter_map(|own| own["name"].as_str()).collect();
    assert_eq!(names, ["r_1.conv1", "r_1.shortcut.conv1", "r_1.add", "r_2.conv1", "r_2.add"]);
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
