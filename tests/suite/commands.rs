//! The commands as scripts and people call them: results, messages, exit codes.

use serde_json::Value;

use crate::common::{convlens, data, json, project, stdout};

fn fails(arguments: &[&str], code: i32, says: &[&str]) {
    let output = convlens(arguments).output().expect("the program starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {errors}");
    for words in says {
        assert!(errors.contains(words), "{arguments:?} says {errors:?}, not {words:?}");
    }
    assert!(!errors.contains("panicked"), "{errors}");
}

#[test]
fn list_has_every_bundled_architecture_with_its_totals() {
    let listed = json(&["list"]);
    let all = listed["architectures"].as_array().expect("a list");
    let of = |id: &str| all.iter().find(|item| item["id"] == id).unwrap_or_else(|| panic!("{id} is missing"));
    // torchvision's published parameter counts.
    for (id, params) in [
        ("vgg11", 132_863_336u64),
        ("vgg13", 133_047_848),
        ("vgg16", 138_357_544),
        ("vgg19", 143_667_240),
        ("alexnet", 61_100_840),
    ] {
        assert_eq!(of(id)["params"], params, "{id}");
        assert!(of(id)["summary"].is_string() && of(id)["source"].is_string(), "{id}");
    }
    // LeCun et al. 1998 with full connections: 156 + 2,416 + 48,120 + 10,164 + 850.
    assert_eq!(of("lenet5")["params"], 61_706);
    for id in ["vgg11-lrn", "vgg16-c", "vgg16-7x7", "vgg13-5x5", "vgg11-cifar", "vgg-mini", "tinyvgg", "vgg19_bn"] {
        of(id);
    }
}

#[test]
fn letters_of_the_paper_name_its_configurations() {
    for (letter, id) in
        [("A", "vgg11"), ("A-LRN", "vgg11-lrn"), ("B", "vgg13"), ("C", "vgg16-c"), ("d", "vgg16"), ("E", "vgg19")]
    {
        assert_eq!(json(&["show", letter])["id"], id);
    }
}

#[test]
fn tables_come_in_four_formats_without_colour_or_cuts() {
    let csv = stdout(&["show", "vgg16", "--format", "csv"]);
    assert_eq!(csv.lines().count(), 41);
    let markdown = stdout(&["show", "vgg16", "--format", "markdown"]);
    assert!(markdown.lines().all(|line| line.starts_with("| ") && line.ends_with(" |")), "{markdown}");
    let table = stdout(&["show", "vgg16"]);
    assert!(table.contains("102,764,544") && table.contains("138,357,544") && table.contains("15,470,264,320"));
    for text in [csv, markdown, table] {
        assert!(!text.contains('\x1b'), "colour in a pipe");
        assert!(!text.contains('…'), "cut in a pipe");
    }
}

#[test]
fn set_changes_any_key_of_the_file_or_of_a_layer() {
    let small =
        json(&["show", "vgg16", "--set", "input=[3,32,32]", "--set", "classes=10", "--set", "defaults.conv.kernel=5"]);
    assert_eq!(small["input"], serde_json::json!([3, 32, 32]));
    // The short form `conv3-64` says its kernel itself; a default stands below it.
    assert_eq!(small["layers"][0]["kernel"], serde_json::json!([3, 3]));
    assert_eq!(
        small["layers"].as_array().and_then(|layers| layers.last()).expect("layers")["output"],
        serde_json::json!([10])
    );
    let wide = json(&["show", "vgg16", "--set", "block1.conv1.out=32"]);
    assert_eq!(wide["layers"][0]["params"], 3 * 3 * 3 * 32 + 32);
    fails(&["show", "vgg16", "--set", "clases=10"], 1, &["clases", "did you mean `classes`"]);
    fails(&["show", "vgg16", "--set", "block1.conv7.out=1"], 1, &["block1.conv7"]);
    fails(&["show", "vgg16", "--set", "input=[3"], 1, &["--set input"]);
    fails(&["show", "vgg16", "--set", "input"], 2, &["KEY=VALUE"]);
}

#[test]
fn explain_walks_the_network_in_the_order_of_a_lecture() {
    let text = stdout(&["explain", "vgg16"]);
    let mut from = 0;
    let blocks = [
        "38,720",
        "221,440",
        "1,475,328",
        "5,899,776",
        "7,079,424",
        "102,764,544",
        "16,781,312",
        "4,097,000",
        "138,357,544",
    ];
    for figure in blocks {
        let found = text[from..].find(figure).unwrap_or_else(|| panic!("{figure} is missing or out of order"));
        from += found;
    }
    assert!(text.contains("(3·3·3·64) + 64 + (3·3·64·64) + 64 = 38,720"));
    let one = stdout(&["explain", "vgg16", "block3.conv2"]);
    assert!(one.contains("(56 − 3 + 2·1)/1 + 1 = 56") && one.contains("24 + (3−1)·4 = 32"), "{one}");
    fails(&["explain", "vgg16", "block1.conv3"], 1, &["block1.conv3", "did you mean"]);
}

#[test]
fn check_tells_good_files_from_bad_ones() {
    let good = project("architectures/vgg16.yaml");
    let text = stdout(&["check", good.to_str().expect("UTF-8")]);
    assert!(text.contains("ok") && text.contains("138,357,544"), "{text}");
    let folder = tempfile::tempdir().expect("a folder");
    let bad = folder.path().join("bad.yaml");
    std::fs::write(&bad, "input: [3, 8, 8]\nlayers: [conv3-8, maxpol]\n").expect("written");
    let bad = bad.to_str().expect("UTF-8");
    fails(&["check", good.to_str().expect("UTF-8"), bad], 1, &["maxpol", "did you mean `maxpool`", ":2:19"]);
    let output = convlens(&["check", bad, "--format", "json"]).output().expect("started");
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["files"][0]["problems"][0]["line"], 2);
    assert_eq!(report["files"][0]["problems"][0]["path"], "layers[1]");
}

#[test]
fn what_is_not_there_is_said_with_the_nearest_name() {
    fails(&["show", "vggg16"], 1, &["no architecture is called `vggg16`", "did you mean `vgg16`"]);
    fails(&["show", "./absent.yaml"], 1, &["absent.yaml"]);
    fails(&["show"], 2, &["ARCH"]);
    fails(&["shwo"], 2, &["show"]);
    fails(&["forward", "tinyvgg", "--weights", "absent.safetensors"], 1, &["absent.safetensors"]);
    fails(&["forward", "tinyvgg", "--image", "absent.png"], 1, &["absent.png"]);
    fails(&["forward", "tinyvgg", "--image", "Cargo.toml"], 1, &["Cargo.toml", "PNG, JPEG"]);
    fails(&["forward", "tinyvgg", "--weights", "Cargo.toml"], 1, &["not a sound safetensors file"]);
    fails(&["forward", "tinyvgg", "--labels", "rustfmt.toml"], 1, &["2 labels", "10 classes"]);
    fails(&["explore"], 1, &["needs a terminal"]);
    fails(&[], 1, &["needs a terminal"]);
}

#[test]
fn what_stands_where_a_command_does_is_an_architecture_or_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("mine.yaml"), "input: [3, 8, 8]\nlayers: [conv3-8]\n").expect("written");
    let dir = folder.path().display().to_string();
    let opens = ["the explorer needs a terminal"];
    fails(&["vgg16"], 1, &opens);
    fails(&["mine", "--dir", &dir], 1, &opens);
    fails(&["mine", &format!("--dir={dir}")], 1, &opens);
    fails(&["--theme", "light", "vgg16"], 1, &opens);
    fails(&["mine"], 2, &["unrecognized subcommand 'mine'"]);
    fails(&["vgg61"], 1, &["did you mean `vgg16`?"]);
    fails(&["./nosuch.yaml"], 1, &["cannot read ./nosuch.yaml"]);
    fails(&["shwo", "vgg16"], 2, &["'show'"]);
}

#[test]
fn weights_that_do_not_fit_are_named_tensor_by_tensor() {
    let weights = project("tests/fixtures/plain3x3.safetensors");
    let weights = weights.to_str().expect("UTF-8");
    fails(
        &["forward", "tests/fixtures/plain3x3.yaml", "--weights", weights],
        1,
        &["do not fit", "cannot be told", "in the network", "conv1.weight 8×3×3×3"],
    );
}

#[test]
fn a_shell_that_is_not_known_is_refused() {
    fails(&["completions", "tcsh"], 2, &["bash"]);
}

#[test]
fn a_closed_pipe_is_no_error() {
    let program = env!("CARGO_BIN_EXE_convlens");
    let script = format!("'{program}' explain vgg19; echo \"code $?\" >&2");
    let output = std::process::Command::new("bash")
        .args(["-c", &format!("({script}) | head -n 1 > /dev/null")])
        .output()
        .expect("bash");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("code 0") && !errors.contains("panicked"), "{errors}");
}

#[test]
fn forward_on_noise_gives_the_same_bits_for_any_number_of_threads() {
    let run = |threads: &str| {
        json(&["forward", "vgg11-cifar", "--batch", "3", "--seed", "5", "--threads", threads, "--logits"])["logits"]
            .clone()
    };
    let one = run("1");
    assert_eq!(one.as_array().expect("logits").len(), 3);
    assert_eq!(one, run("2"));
    assert_eq!(one, run("8"));
}

#[test]
fn a_broken_image_among_good_ones_is_said_and_the_rest_go_on() {
    let Some(photo) = data("weights/tinyvgg/images/koala_1.jpeg") else { return };
    let photo = photo.to_str().expect("UTF-8");
    let output = convlens(&["forward", "tinyvgg", "--format", "json", "--image", photo, "Cargo.toml", photo])
        .output()
        .expect("started");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("Cargo.toml"));
    let result: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(result["top"].as_array().expect("answers").len(), 2);
    assert_eq!(result["input"], serde_json::json!([2, 3, 64, 64]));
}

#[test]
fn damaged_pictures_are_refused_and_unusual_ones_read() {
    let Some(folder) = data("odd") else { return };
    let run = |path: &std::path::Path| {
        convlens(&["forward", "tinyvgg", "--quiet", "--image", path.to_str().expect("UTF-8")])
            .output()
            .expect("started")
    };
    let mut refused = 0;
    for kind in ["png", "jpeg"] {
        for file in std::fs::read_dir(folder.join(kind)).expect("pictures") {
            let path = file.expect("a file").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            if name.contains("LICENSE") {
                continue;
            }
            let output = run(&path);
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(matches!(output.status.code(), Some(0 | 1)) && !errors.contains("panicked"), "{name}: {errors}");
            // PngSuite: every file that begins with x is corrupt.
            if kind == "png" {
                assert_eq!(output.status.success(), !name.starts_with('x'), "{name}: {errors}");
            }
            if ["ycck.jpg", "grayscale_square.jpg", "progressive3.jpg", "extraneous-data.jpg"].contains(&name.as_str())
            {
                assert!(output.status.success(), "{name}: {errors}");
            }
            refused += usize::from(!output.status.success());
        }
    }
    assert!(refused > 8, "only {refused} were refused");
}

#[test]
fn keys_are_listed_by_the_names_that_change_them() {
    let keys = json(&["keys"]);
    let quit = keys["keys"]
        .as_array()
        .expect("keys")
        .iter()
        .find(|key| key["name"] == "quit" && key["context"] == "everywhere");
    assert_eq!(quit.expect("listed")["keys"], serde_json::json!(["q", "ctrl-c"]));
    assert!(stdout(&["keys"]).contains("keys.yaml changes them"));
}

#[test]
fn a_dash_is_standard_input_wherever_a_file_is_read() {
    let text = std::fs::read(project("architectures/lenet5.yaml")).expect("a file");
    let with = |arguments: &[&str], input: &[u8]| {
        let mut command = convlens(arguments);
        let output = command.write_stdin(input.to_vec()).output().expect("started");
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned(), output.stderr)
    };
    let shown = with(&["show", "-"], &text);
    assert!(shown.0 && shown.1.contains("parameters 61,706"), "{}", shown.1);
    for arguments in [
        &["explain", "-", "c1"][..],
        &["check", "-"],
        &["compare", "-", "tinyvgg"],
        &["diff", "lenet5", "-"],
        &["sweep", "-", "--vary", "c1.out=2,3"],
        &["forward", "-"],
        &["train", "-", "--steps", "1", "--no-out"],
    ] {
        assert!(with(arguments, &text).0, "{arguments:?}");
    }
    let wrong = with(&["show", "-"], b"input: [3, 8, 8]\nlayers: [konv]\n");
    assert!(String::from_utf8_lossy(&wrong.2).contains("--> standard input:2:10"));
    let weights = std::fs::read(project("tests/fixtures/plain3x3.safetensors")).expect("a file");
    let stats = with(&["weights", "-", "--stats"], &weights);
    assert!(stats.0 && stats.1.contains("in int8"), "{}", stats.1);
    assert!(!with(&["explore", "-"], &text).0);
}
