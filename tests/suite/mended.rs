//! Things that once went wrong.

use safetensors::tensor::{Dtype, TensorView};

use crate::common::{convlens, json, stdout};

fn file(folder: &tempfile::TempDir, name: &str, content: impl AsRef<[u8]>) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, content).expect("written");
    path.to_str().expect("UTF-8").to_string()
}

fn fails(arguments: &[&str], code: i32, says: &str) {
    let output = convlens(arguments).output().expect("started");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {errors}");
    assert!(errors.contains(says) && !errors.contains("panicked"), "{arguments:?}: {errors}");
}

#[test]
fn a_header_whose_length_looks_like_a_pickle_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    // A header of 640 bytes begins with 80 02, as a pickle of protocol 2 does.
    for length in [640usize, 896, 1152, 1408] {
        let entry = r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
        let mut bytes = (length as u64).to_le_bytes().to_vec();
        bytes.extend(format!("{entry:<length$}").bytes());
        bytes.extend([0; 4]);
        let path = file(&folder, "sound.safetensors", bytes);
        assert_eq!(json(&["weights", &path])["tensors"][0]["name"], "a", "a header of {length} bytes");
    }
}

#[test]
fn tensors_without_dots_are_matched_in_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let net = file(&folder, "net.yaml", "input: [1, 1, 1]\nlayers: [flatten, linear: 2]\n");
    let path = folder.path().join("plain.safetensors");
    let (weight, bias) = ([1f32, 2.0].map(f32::to_le_bytes).concat(), [0f32, 0.0].map(f32::to_le_bytes).concat());
    let views = [
        ("0", TensorView::new(Dtype::F32, vec![2, 1], &weight).expect("sound")),
        ("1", TensorView::new(Dtype::F32, vec![2], &bias).expect("sound")),
    ];
    safetensors::serialize_to_file(views, None, &path).expect("written");
    assert_eq!(json(&["weights", path.to_str().expect("UTF-8"), &net])["fit"]["fits"], true);
}

#[test]
fn blocks_in_blocks_are_summed_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let net = file(
        &folder,
        "nest.yaml",
        "input: [3, 8, 8]\nlayers:\n  - block: {name: o, layers: [block: {name: i, layers: [conv3-4, maxpool]}, conv3-5]}\n  - block: {name: p, layers: [block: {layers: [conv1-2]}]}\n",
    );
    let text = stdout(&["explain", &net]);
    // 3·9·4 + 4 = 112 and 4·9·5 + 5 = 185; the pool between them forbids one formula for the side.
    assert!(text.contains("o together") && text.contains("(3·3·3·4) + 4 + (3·3·4·5) + 5 = 297"), "{text}");
    assert!(text.contains("p together") && !text.contains("2·3 + 2·2·1"), "{text}");
    let blocks = &json(&["explain", &net])["blocks"];
    assert_eq!((&blocks[0]["name"], &blocks[0]["params"]), (&"o".into(), &297.into()));
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_yaml_and_names_are_shown_not_obeyed() {
    let folder = tempfile::tempdir().expect("a folder");
    let net =
        file(&folder, "net.yaml", "\u{feff}name: \"a\\e[31mb\\u202ec\\td\"\ninput: [3, 8, 8]\nlayers: [conv3-4]\n");
    assert_eq!(json(&["show", &net])["name"], "a\u{1b}[31mb\u{202e}c\td", "JSON keeps what the file says");
    for format in ["table", "markdown", "json"] {
        let text = stdout(&["show", &net, "--format", format]);
        assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{feff}']), "{format}: {text:?}");
    }
    assert!(stdout(&["show", &net]).contains("a\\u{1b}[31mb\\u{202e}c"), "{}", stdout(&["show", &net]));
}

#[test]
fn empty_stacks_long_lines_and_missing_folders_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let net = file(&folder, "net.yaml", "input: [3, 8, 8]\nlayers: [stack: []]\n");
    fails(&["check", &net], 1, "the stack is empty");
    let net = file(&folder, "pad.yaml", "input: [1, 1, 1]\nlayers: [conv: {out: 1, padding: [16777216, 1]}]\n");
    fails(&["check", &net], 1, "at most 2^24");
    let net = file(
        &folder,
        "two.yaml",
        "input: [3, 8, 8]\nlayers: [conv: {out: 8, groups: 5}, conv: {out: 8, groups: 3}, fc-4, relu]\n",
    );
    fails(&["check", &net], 1, "3 groups");
    fails(&["--dir", "/nonexistent", "list"], 1, "no such folder");
    fails(&["check", "."], 1, "there is no .yaml file in .");
    fails(&["show", "."], 1, "it is a folder");
    fails(&["list", "--format", "jsonl"], 2, "for `train`");
    fails(&["train", "tinyvgg", "--lr", "-1"], 2, "above 0");
    // A picture of one column scaled to 256 on its shorter side would be five million rows long.
    let picture = folder.path().join("line.png");
    image::GrayImage::new(1, 20_000).save(&picture).expect("written");
    let picture = picture.to_str().expect("UTF-8");
    stdout(&["forward", "vgg11-cifar", "--set", "preprocess.resize=256", "--image", picture]);
}

#[test]
fn training_is_never_lost_to_what_could_be_known_before() {
    let folder = tempfile::tempdir().expect("a folder");
    let save = folder.path().join("kept.safetensors");
    let save = save.to_str().expect("UTF-8");
    fails(
        &["train", "tinyvgg", "--steps", "1", "--save", "/nonexistent/x.safetensors"],
        1,
        "/nonexistent/x.safetensors",
    );
    fails(&["train", "tinyvgg", "--set", "input=[3,20000,20000]", "--steps", "1"], 1, "of memory");
    // A reader that goes away ends training, and what was learned is kept.
    let program = env!("CARGO_BIN_EXE_convlens");
    let script =
        format!("'{program}' train tinyvgg --no-out --epochs 100 --batch 8 --save '{save}' | head -n 3 > /dev/null");
    assert!(std::process::Command::new("bash").args(["-c", &script]).status().expect("bash").success());
    assert_eq!(json(&["weights", save, "tinyvgg"])["fit"]["fits"], true);
    // A length on the command line replaces the file's.
    let net = file(
        &folder,
        "net.yaml",
        "input: [1, 8, 8]\nclasses: 2\ntrain: {steps: 2, batch: 256}\nlayers: [flatten, fc-classes]\n",
    );
    let steps = |arguments: &[&str]| {
        stdout(&[&["train", &net, "--no-out", "--format", "csv"], arguments].concat()).lines().count() - 1
    };
    assert_eq!(steps(&[]), 2);
    assert_eq!(steps(&["--epochs", "3"]), 6);
    fails(&["train", &net, "--set", "layers=[flatten,fc-classes,softmax]"], 1, "leave it out");
}

#[test]
fn ctrl_c_ends_training_after_its_step_and_keeps_the_weights() {
    let folder = tempfile::tempdir().expect("a folder");
    let save = folder.path().join("kept.safetensors");
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_convlens"))
        .args(["train", "tinyvgg", "--no-out", "--epochs", "1000", "--batch", "8", "--format", "jsonl", "--save"])
        .arg(&save)
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("started");
    // The first event says that it has begun.
    let mut first = [0; 1];
    let mut output = child.stdout.take().expect("piped");
    std::io::Read::read_exact(&mut output, &mut first).expect("an event");
    let interrupt = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(interrupt.expect("kill").success());
    std::io::copy(&mut output, &mut std::io::sink()).expect("read to the end");
    assert_eq!(child.wait().expect("ended").code(), Some(130));
    assert!(save.exists());
}

#[test]
fn csv_holds_numbers_that_programs_read() {
    let text = stdout(&["compare", "vgg13", "vgg13-5x5", "--format", "csv"]);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let names = reader.headers().expect("names").clone();
    let mut sorted: Vec<&str> = names.iter().collect();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), names.len(), "{names:?}");
    let place = names.iter().position(|name| name == "vgg13-5x5 params").expect("a column");
    let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.expect("a row")).collect();
    let values: Vec<u64> = rows.iter().filter_map(|row| row[place].parse().ok()).collect();
    let (total, parts) = values.split_last().expect("rows");
    assert_eq!((*total, parts.iter().sum::<u64>()), (134_503_528, 134_503_528));
    assert!(rows.iter().any(|row| row.iter().any(|cell| cell == "-36928")));
}
