//! Text of others that a terminal would obey: whatever holds it, nothing that is printed or drawn does.

use std::path::Path;
use std::process::{Command, Output};

use convlens::exchange::onnx;
use convlens::files::name::safe;
use convlens::run::runs::History;
use convlens::run::train::Event;
use convlens::spec::Origin;
use convlens::tui::model::{Entry, Opened};
use convlens::tui::screens::News;
use convlens::tui::screens::forward::Shows;
use convlens::tui::screens::train::{self, About, Shown};
use convlens::tui::shell::Msg;
use convlens::tui::theme;
use convlens::visible::visible;
use proptest::prelude::*;
use prost::Message;
use safetensors::tensor::{Dtype, TensorView};

use crate::common::network;
use crate::explorer::{file, painted, press, state, text, update};

/// What a terminal obeys or a reader cannot see, by Unicode's tables rather than by the program's own: C0, DEL, C1, separators of
/// lines and paragraphs, marks of direction.
fn must_be_escaped(c: char) -> bool {
    matches!(u32::from(c), 0..0x20 | 0x7f..0xa0 | 0x61c | 0x200b | 0x200e..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0xfeff)
}

/// Sequences that write to the clipboard, retitle the window and clear the screen, C1 controls, marks of direction.
const HOSTILE: &str =
    "x\u{1b}[5mblink\u{1b}[0m\u{1b}]52;c;aGk=\u{7}\u{1b}[2J\u{9b}2J\u{9d}0;t\u{9c}\u{202e}\u{7f}\u{200f}y";

/// A text as a double-quoted scalar of YAML and JSON alike.
fn quoted(text: &str) -> String {
    let escaped = |c: char| match c {
        '"' | '\\' => format!("\\{c}"),
        c if c.is_ascii_graphic() || c == ' ' => c.to_string(),
        c => c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect(),
    };
    format!("\"{}\"", text.chars().map(escaped).collect::<String>())
}

/// A name that a file can have.
fn file_name(text: &str) -> String {
    text.replace(['/', '\0', '\n'], "_")
}

/// A folder whose every file says `text` wherever it can.
fn folder_of(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let write = |name: &str, content: &str| {
        let path = at(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, content).expect("written");
    };
    let (own, named) = (quoted(text), file_name(text));
    let net = format!(
        "name: {own}\nsummary: {own}\nsource: {own}\naliases: [{own}]\ninput: [3, 8, 8]\nlabels: labels.txt\n\
         layers: [conv: {{out: 2, activation: relu}}, global_avgpool, flatten, linear: 2]\n"
    );
    write("net.yaml", &net);
    write("other.yaml", &net.replace("out: 2", "out: 3"));
    write(&format!("architectures/{named}.yaml"), &net);
    write(&format!("architectures/bad-{named}.yaml"), "layers: 3");
    write("labels.txt", &format!("{}\n{}\n", text.replace('\n', " "), "second"));
    let bad = [
        format!("{own}: 1"),
        format!("input: {own}"),
        format!("layers: [conv: {{{own}: 3}}]"),
        format!("layers: [{own}]"),
        format!("layers: [conv: {{out: 2, name: {own}}}]"),
        format!("extends: {own}"),
        format!("layers: [conv3-2]\noverride: {{{own}: {{out: 1}}}}"),
        format!("train: {{{own}: 1}}"),
        format!("# {}\nlayers: 3", text.replace('\n', " ")),
        text.to_string(),
    ];
    for (at, content) in bad.iter().enumerate() {
        write(&format!("bad{at}.yaml"), content);
    }
    let values = [0u8; 4 * 2 * 3 * 3 * 3];
    let tensor = |shape: Vec<usize>| {
        let bytes = 4 * shape.iter().product::<usize>();
        TensorView::new(Dtype::F32, shape, &values[..bytes]).expect("sound")
    };
    let tensors = [(format!("{text}.weight"), tensor(vec![2, 3, 3, 3])), (format!("{text}.bias"), tensor(vec![2]))];
    let texts = std::collections::HashMap::from([("classes".to_string(), serde_json::json!([text]).to_string())]);
    safetensors::serialize_to_file(tensors, Some(texts), &at("w.safetensors")).expect("written");
    for class in [named.clone(), format!("{named}2")] {
        std::fs::create_dir_all(at(&format!("data/{class}"))).expect("made");
        for image in 0..2u8 {
            let picture = image::RgbImage::from_pixel(8, 8, image::Rgb([100 * image, 0, 0]));
            picture.save(at(&format!("data/{class}/{image}.png"))).expect("written");
        }
        write(&format!("data/{class}/note.{named}"), "");
    }
    std::fs::copy(at(&format!("data/{named}/0.png")), at(&format!("{named}.png"))).expect("copied");
    write("no-image.png", text);
    write("config/convlens/keys.yaml", &format!("{own}: {{{own}: {own}}}"));
    folder
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_convlens"));
    let command = command.args(arguments).current_dir(folder).env("XDG_CONFIG_HOME", folder.join("none"));
    command.output().expect("started")
}

/// What was printed, with nothing in it that a terminal obeys.
fn clean(arguments: &[&str], output: &Output) -> String {
    let mut all = String::new();
    for stream in [&output.stdout, &output.stderr] {
        let text = String::from_utf8(stream.clone()).expect("UTF-8");
        let bad = text.chars().find(|&c| c != '\n' && must_be_escaped(c));
        assert!(bad.is_none(), "{arguments:?} prints {bad:?}: {text:?}");
        assert!(!text.contains("panicked"), "{arguments:?}: {text}");
        all += &text;
    }
    all
}

/// Every command on every field that `text` stands in.
fn all_commands_are_clean(text: &str) {
    let folder = folder_of(text);
    let (at, named) = (folder.path(), file_name(text));
    let photo = format!("{named}.png");
    let set = format!("{named}=1");
    let of_run = format!("run:{text}");
    let train = ["train", "net.yaml", "--data", "folder:data", "--epochs", "1", "--batch", "2"];
    let first = run(at, &[&train[..], &["--save", "trained.safetensors"]].concat());
    let told = clean(&train, &first);
    assert!(first.status.success(), "{told}");
    // A run is called after its file.
    let file = format!("architectures/{named}.yaml");
    let named_run = ["train", file.as_str(), "--data", "folder:data", "--steps", "1", "--set", "labels=../labels.txt"];
    clean(&named_run, &run(at, &named_run));
    for entry in std::fs::read_dir(at.join("runs")).expect("runs") {
        let name = entry.expect("read").file_name().into_string().expect("UTF-8");
        assert!(!name.chars().any(must_be_escaped), "{name:?}");
    }
    // What a run's folder says of itself is text of others too.
    let (run_folder, id) = (at.join("runs/net-1"), "net-1");
    let summary = run_folder.join("summary.json");
    let mut value: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&summary).expect("read")).expect("JSON");
    for key in ["architecture", "name", "data", "reason"] {
        value[key] = text.into();
    }
    std::fs::write(&summary, value.to_string()).expect("written");
    let metrics = run_folder.join("metrics.jsonl");
    let told = std::fs::read_to_string(&metrics).expect("read");
    let warning = serde_json::json!({"event": "warning", "step": 1, "text": text});
    std::fs::write(&metrics, told + &warning.to_string() + "\n").expect("written");
    // A network of others, whose nodes are called so.
    let mut others = onnx::write::model(&network("lenet5"), None);
    if let Some(graph) = others.graph.as_mut() {
        graph.name = text.into();
        graph.node[1].op_type = text.into();
        graph.node[1].name = text.into();
    }
    std::fs::write(at.join("others.onnx"), others.encode_to_vec()).expect("written");
    let mut commands: Vec<Vec<&str>> = vec![
        vec!["show", "net.yaml"],
        vec!["explain", "net.yaml"],
        vec!["explain", "net.yaml", text],
        vec!["compare", "net.yaml", "other.yaml"],
        vec!["diff", "net.yaml", "other.yaml"],
        vec!["sweep", "net.yaml", "other.yaml", "--vary", set.as_str()],
        vec!["sweep", "net.yaml", "other.yaml", "--set", set.as_str(), "--all"],
        vec!["weights", "w.safetensors", "--stats", "--filters", "filters.png"],
        vec!["forward", "net.yaml", "--trace", "--weights", "trained.safetensors"],
        vec!["roofline", "net.yaml", "--runs", "1", "--svg", "roof.svg"],
        vec!["diff", "--textconv", "bad9.yaml"],
        vec!["list"],
        vec!["check", "net.yaml", "architectures"],
        vec!["show", text],
        vec!["show", "net.yaml", "--set", &set],
        vec!["show", "net.yaml", text],
        vec!["--dir", text, "list"],
        vec!["forward", "net.yaml", "--image", &photo],
        vec!["forward", "net.yaml", "--image", &photo, "--labels", "labels.txt"],
        vec!["forward", "net.yaml", "--image", &photo, "--weights", "trained.safetensors"],
        vec!["forward", "net.yaml", "--image", "no-image.png"],
        vec!["forward", "net.yaml", "--image", "."],
        vec!["forward", "net.yaml", "--weights", "w.safetensors"],
        vec!["forward", "net.yaml", "--image", &photo, "--save-features", "maps"],
        vec!["weights", "w.safetensors"],
        vec!["weights", "w.safetensors", "net.yaml"],
        vec!["weights", "trained.safetensors", "net.yaml"],
        vec!["field", "net.yaml", text],
        vec!["runs", "list"],
        vec!["runs", "show", id],
        vec!["runs", "compare", id, "net-1"],
        vec!["runs", "show", text],
        vec!["train", "net.yaml", "--data", "folder:data", "--set", "classes=7", "--no-out"],
        vec!["train", "--resume", text],
        vec!["train", "net.yaml", "--data", "folder:data", "--steps", "1", "--no-out", "--freeze", text],
        vec!["evaluate", "--run", id],
        vec!["evaluate", "--run", text],
        vec!["evaluate", "net.yaml", "--weights", "trained.safetensors", "--data", "folder:data"],
        vec!["evaluate", "net.yaml", "--weights", "trained.safetensors", "--data", "folder:data", "--confusion", text],
        vec!["forward", "net.yaml", "--weights", &of_run],
        vec!["weights", "w.safetensors", "net.yaml", "--names", text],
        vec!["weights", "get", "net.yaml"],
        vec!["weights", "get", text],
        vec!["lr-find", "net.yaml", "--data", "folder:data", "--steps", "3"],
        vec!["lr-find", text],
        vec!["kernels", "--kernel", text],
        vec!["kinds"],
        vec!["completions", text],
        vec!["export", "net.yaml", "--to", "onnx", "--out", text],
        vec!["export", "net.yaml", "--to", "pytorch", "--out", "as-code", "--force"],
        vec!["export", text, "--to", text],
        vec!["import", "others.onnx"],
        vec!["import", "others.onnx", "--partial", "--force"],
        vec!["import", text],
        vec!["show", "others.onnx"],
        vec!["forward", "net.yaml", "--weights", "others.onnx"],
    ];
    // None of the commands is forgotten; the explorer has its own test, and keys are asked for below.
    let help = String::from_utf8(run(at, &["--help"]).stdout).expect("UTF-8");
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    for line in listed.filter(|line| !line.starts_with("   ")) {
        let name = line.split_whitespace().next().expect("a name");
        let is_run = commands.iter().any(|arguments| arguments.contains(&name));
        assert!(
            is_run || ["explore", "keys", "help", "schema", "man"].contains(&name),
            "{name} is run on nobody's text"
        );
    }
    let bad: Vec<String> = (0..10).map(|at| format!("bad{at}.yaml")).collect();
    commands.extend(bad.iter().map(|file| vec!["check", file.as_str()]));
    for arguments in &commands {
        for format in ["table", "csv", "markdown", "json"] {
            let all = [&arguments[..], &["--format", format]].concat();
            let output = run(at, &all);
            clean(&all, &output);
            if format == "json" && output.status.success() {
                let printed: Result<serde_json::Value, _> = serde_json::from_slice(&output.stdout);
                assert!(printed.is_ok(), "{all:?}");
            }
        }
        let coloured = [&arguments[..], &["--color", "always"]].concat();
        let output = run(at, &coloured);
        let errors = String::from_utf8_lossy(&output.stderr);
        // Only what sets colours is left, and of that nothing that stood in the text: nobody blinks here.
        assert_eq!(convlens::visible::visible_styled(&errors), errors, "{coloured:?}");
        assert!(!errors.contains("\u{1b}[5m"), "{coloured:?}: {errors:?}");
    }
    let mut keys = Command::new(env!("CARGO_BIN_EXE_convlens"));
    let keys = keys.arg("keys").env("XDG_CONFIG_HOME", at.join("config")).output().expect("started");
    clean(&["keys"], &keys);
    // Pictures are called after layers and photos.
    for entry in std::fs::read_dir(at.join("maps")).into_iter().flatten().flatten() {
        let name = entry.file_name().into_string().expect("UTF-8");
        assert_eq!(name, safe(&name));
    }
}

#[test]
fn no_command_lets_a_sequence_of_others_reach_the_terminal() {
    all_commands_are_clean(HOSTILE);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3, max_shrink_iters: 0, ..ProptestConfig::default() })]
    #[test]
    fn no_text_at_all_reaches_the_terminal_raw(text in "[\\x01-\\x09\\x0b-\\x1f\\x7f-\\u{9f}\\u{200b}-\\u{202e}am\\[0-9;\\\\\"]{6,24}") {
        all_commands_are_clean(&text);
    }
}

#[test]
fn a_line_break_of_others_makes_no_line_of_its_own() {
    let forged = "x\nFORGED: all is well";
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let net = format!("name: {}\ninput: [3, 8, 8]\nlayers: [conv3-2, flatten, linear: 2]\n", quoted(forged));
    std::fs::write(at("net.yaml"), &net).expect("written");
    std::fs::write(at(&format!("{forged}.yaml")), "layers: 3").expect("written");
    for class in ["a", forged] {
        std::fs::create_dir_all(at(&format!("data/{class}"))).expect("made");
        image::RgbImage::new(8, 8).save(at(&format!("data/{class}/0.png"))).expect("written");
        std::fs::write(at(&format!("data/{class}/1.png")), "no picture").expect("written");
    }
    let tensor = TensorView::new(Dtype::F32, vec![1], &[0; 4]).expect("sound");
    safetensors::serialize_to_file([(forged, tensor)], None, &at("w.safetensors")).expect("written");
    let named = format!("{forged}.yaml");
    let commands: [&[&str]; 16] = [
        &["show", "net.yaml"],
        &["explain", "net.yaml"],
        &["check", "net.yaml", &named],
        &["list", "--dir", "."],
        &["list", "--dir", forged],
        &["show", forged],
        &["forward", "net.yaml"],
        &["forward", "net.yaml", "--image", forged],
        &["forward", "net.yaml", "--labels", forged],
        &["forward", "net.yaml", "--weights", forged],
        &["forward", "net.yaml", "--weights", "w.safetensors"],
        &["weights", "w.safetensors", "net.yaml"],
        &["field", "net.yaml", forged],
        &["runs", "show", forged],
        &["train", "--resume", forged],
        &["train", "net.yaml", "--data", "folder:data", "--steps", "2", "--batch", "1"],
    ];
    for arguments in commands {
        for format in ["table", "csv", "markdown"] {
            let all = [arguments, &["--format", format]].concat();
            let told = clean(&all, &run(folder.path(), &all));
            assert!(!told.lines().any(|line| line.trim_start().starts_with("FORGED")), "{all:?}: {told}");
        }
    }
    let csv = run(folder.path(), &["weights", "w.safetensors", "--format", "csv"]);
    assert_eq!(String::from_utf8_lossy(&csv.stdout).lines().count(), 2, "a header and a tensor");
}

#[test]
fn a_file_with_letters_that_cannot_be_seen_is_refused_where_they_stand() {
    let text = "input: [3, 8, 8]\nname: \"a\u{202e}b\"\nlayers: [conv3-2]\n";
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("net.yaml"), text).expect("written");
    let told = clean(&["check"], &run(folder.path(), &["check", "net.yaml"]));
    assert!(told.contains("net.yaml:2:9") && told.contains("cannot be seen, U+202E"), "{told}");
    // Where it is edited, too.
    let mut state = state(120, 40, theme::dark());
    state.entries.push(file("net.yaml", text));
    state.selected = state.entries.len() - 1;
    press(&mut state, "4");
    assert!(self::text(&painted(&state)).contains("U+202E"), "{}", self::text(&painted(&state)));
}

#[test]
fn json_gives_the_text_as_it_is() {
    let folder = folder_of(HOSTILE);
    let shown = run(folder.path(), &["show", "net.yaml", "--format", "json"]);
    let value: serde_json::Value = serde_json::from_slice(&shown.stdout).expect("JSON");
    assert_eq!((value["name"].as_str(), value["summary"].as_str()), (Some(HOSTILE), Some(HOSTILE)));
    let output = run(folder.path(), &["weights", "w.safetensors", "--format", "json"]);
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let mut names: Vec<&str> =
        value["tensors"].as_array().expect("tensors").iter().filter_map(|tensor| tensor["name"].as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, [format!("{HOSTILE}.bias"), format!("{HOSTILE}.weight")]);
    // A person sees it, and sees that it is there.
    let shown = run(folder.path(), &["weights", "w.safetensors", "--format", "csv"]);
    assert!(String::from_utf8_lossy(&shown.stdout).contains(&*visible(HOSTILE)));
}

/// Architectures whose names, titles and mistakes are hostile.
fn hostile_entries() -> Vec<Entry> {
    let own = quoted(HOSTILE);
    let net = format!("name: {own}\nsummary: {own}\ninput: [3, 8, 8]\nlayers: [conv3-2, relu, flatten, linear: 2]\n");
    let bad = format!("input: [3, 8, 8]\nlayers: [conv: {{{own}: 3}}, {own}]\n");
    let unreadable = Opened::Unreadable(format!("cannot read {HOSTILE}"));
    let files = [(format!("{HOSTILE}.yaml"), net), (format!("bad {HOSTILE}.yaml"), bad)];
    let mut entries: Vec<Entry> = files.iter().map(|(name, text)| file(name, text)).collect();
    entries.push(Entry::new(Origin::File(format!("gone {HOSTILE}.yaml").into()), None, unreadable));
    entries
}

/// A run of a data set whose folder, classes, notes and end are hostile.
fn hostile_run() -> train::News {
    let text = || HOSTILE.to_string();
    let about =
        About { data: text(), recipe: text(), names: vec![text(), text()], notes: vec![text()], ..About::default() };
    let mut history = History::default();
    history.take(&Event::Warning { step: 1, text: text() });
    let shown = Shown { ended: Some(text()), ..Shown::new(format!("runs/{HOSTILE}").into(), history, about) };
    train::News::Read { shown: Box::new(shown), over: false }
}

#[test]
fn the_explorer_shows_text_of_others_as_escapes() {
    for (width, height) in [(120, 40), (80, 24), (40, 12)] {
        let mut state = state(width, height, theme::dark());
        let bundled = state.entries.len();
        state.entries.extend(hostile_entries());
        for entry in 0..3 {
            state.selected = bundled + entry;
            for key in ["1", "2", "3", "4", "5", "6", "<tab>", "?<esc>", ":<end>", "<esc>4i", "<esc>/x"] {
                press(&mut state, key);
                update(&mut state, Msg::News(News::Train(hostile_run())));
                for view in 0..4 {
                    let buffer = painted(&state);
                    let bad = buffer.content().iter().find(|cell| cell.symbol().chars().any(must_be_escaped));
                    assert!(bad.is_none(), "{key} {view}: {bad:?}");
                    press(&mut state, "v");
                }
                press(&mut state, "<esc>");
            }
        }
        update(&mut state, Msg::Complain(HOSTILE.into()));
        for screen in 1..=6 {
            press(&mut state, &screen.to_string());
            state.screens.forward.shows = Shows::Maps;
            let buffer = painted(&state);
            for cell in buffer.content() {
                assert!(!cell.symbol().chars().any(must_be_escaped), "screen {screen}: {:?}", cell.symbol());
            }
        }
        update(&mut state, Msg::Complain(HOSTILE.into()));
        assert!(text(&painted(&state)).contains("\\u{1b}"), "{}", text(&painted(&state)));
    }
}
