//! Networks read from ONNX: ours again as they were, and ONNX's own conformance data.

use std::ops::ControlFlow;
use std::path::Path;
use std::process::Command;

use convlens::exchange::onnx::read::{self, OnnxReadError};
use convlens::exchange::onnx::write;
use convlens::graph::{self, Graph};
use convlens::network::Compiled;
use convlens::run::forward;
use convlens::spec::{Library, Origin};

use crate::common::{convlens, project, python, stdout};
use crate::onnx::{FILES, bundled, changed, drawn};

fn network_of(text: &str) -> Graph {
    let origin = Origin::File("read.yaml".into());
    let loaded = Library::new(None).load_text(&origin, text.to_string(), &[]);
    let loaded = loaded.unwrap_or_else(|error| panic!("{error}\n{text}"));
    graph::analyse(&loaded).unwrap_or_else(|report| panic!("{report}\n{text}"))
}

fn logits(compiled: &mut Compiled, values: Vec<f32>) -> Vec<f32> {
    let batch = compiled.batch(values);
    let run = forward::forward(compiled, &batch, 1, |_| ControlFlow::Continue(())).expect("not interrupted");
    run.logits.concat()
}

fn error_of(own: &[f32], other: &[f32]) -> f32 {
    assert_eq!(own.len(), other.len());
    let largest = other.iter().fold(1e-6f32, |most, value| most.max(value.abs()));
    own.iter().zip(other).map(|(a, b)| (a - b).abs() / largest).fold(0.0, f32::max)
}

#[test]
fn what_we_hand_out_comes_back_with_the_same_numbers_and_the_same_structure() {
    let folder = tempfile::tempdir().expect("a folder");
    let files =
        FILES.iter().filter(|path| !path.contains("corners")).map(|path| (path.to_string(), changed(path, &[])));
    for (name, network) in files.chain(bundled()) {
        let path = folder.path().join("net.onnx");
        let mut compiled = drawn(&network);
        write::write(&network, Some(&compiled), &path).expect("written");
        let imported = read::open(&path, None, false).unwrap_or_else(|error| panic!("{name}: {error}"));
        let again = network_of(&imported.text);
        let kinds =
            |graph: &Graph| graph.layers.iter().map(|own| (own.operation.kind(), own.output)).collect::<Vec<_>>();
        let mut expected = kinds(&network);
        let mut found = kinds(&again);
        // Branches may stand in another order than they were written in; what they are may not change.
        // An adaptive pool over windows that are all alike is an ordinary one.
        let words = |all: &mut Vec<(&str, graph::Shape)>| {
            let mut words: Vec<String> =
                all.iter().map(|(kind, shape)| format!("{} {shape}", kind.trim_start_matches("adaptive_"))).collect();
            words.sort();
            words
        };
        assert_eq!(words(&mut found), words(&mut expected), "{name}:\n{}", imported.text);
        assert_eq!(again.totals.macs, network.totals.macs, "{name}");
        let mut read = imported.compiled(&again).unwrap_or_else(|error| panic!("{name}: {error}\n{}", imported.text));
        let values = forward::noise(network.input().elements() as usize, 5);
        let error = error_of(&logits(&mut read, values.clone()), &logits(&mut compiled, values));
        assert!(error < 1e-5, "{name}: {error:e}\n{}", imported.text);
    }
}

#[test]
fn what_is_read_is_written_as_a_person_would() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_string();
    stdout(&["export", "resnet18", "--to", "onnx", "--out", &at("resnet18.onnx")]);
    let written = stdout(&["import", &at("resnet18.onnx"), "--out", &at("in")]);
    assert_eq!(written.trim(), at("in/resnet18.yaml"));
    let text = std::fs::read_to_string(at("in/resnet18.yaml")).expect("there");
    insta::assert_snapshot!("onnx_resnet18", text);
    // Directly too, and never over what is there.
    assert_eq!(
        stdout(&["show", &at("resnet18.onnx"), "--format", "csv"]).lines().count(),
        stdout(&["show", "resnet18", "--format", "csv"]).lines().count()
    );
    let again =
        convlens(&["import", &at("resnet18.onnx"), "--out", &at("in")]).assert().failure().get_output().stderr.clone();
    assert!(String::from_utf8_lossy(&again).contains("is there already; `--force` replaces it"));
}

#[test]
fn a_file_with_weights_runs_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_string();
    stdout(&["export", "lenet5", "--to", "onnx", "--seed", "4", "--out", &at("net.onnx")]);
    let json = |arguments: &[&str]| -> serde_json::Value { crate::common::json(arguments) };
    let ours = json(&["forward", "lenet5", "--seed", "4", "--logits"]);
    stdout(&["import", &at("net.onnx"), "--out", &at("")]);
    let direct = json(&["forward", &at("net.onnx"), "--seed", "4", "--logits"]);
    let weights = at("net.safetensors");
    let imported = json(&["forward", &at("net.yaml"), "--weights", &weights, "--seed", "4", "--logits"]);
    assert_eq!(direct["logits"], imported["logits"]);
    let values = |told: &serde_json::Value| -> Vec<f32> {
        told["logits"][0].as_array().expect("logits").iter().map(|own| own.as_f64().expect("a number") as f32).collect()
    };
    assert!(error_of(&values(&direct), &values(&ours)) < 1e-6);
    assert!(direct["weights"].as_str().expect("a file").contains("net.onnx"), "{}", direct["weights"]);
}

/// Why a conformance model is not run: it was refused, or is of something else than one image in, one value out.
enum Outcome {
    Same,
    Refused(String),
    Elsewhere,
}

fn conforms(folder: &Path) -> Outcome {
    let model = folder.join("model.onnx");
    let imported = match read::open(&model, None, false) {
        Ok(imported) => imported,
        Err(OnnxReadError::Unsaid(unsaid)) => {
            return Outcome::Refused(format!("{} {}", unsaid[0].node, unsaid[0].reason));
        }
        Err(error) => return Outcome::Refused(error.to_string()),
    };
    if !imported.has_weights() {
        return Outcome::Elsewhere;
    }
    let network = network_of(&imported.text);
    let mut compiled = imported.compiled(&network).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let values = |name: &str| -> Vec<f32> {
        let bytes = std::fs::read(folder.join(name)).expect("there");
        bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
    };
    let (input, expected) = (values("input.f32"), values("output.f32"));
    let error = error_of(&logits(&mut compiled, input), &expected);
    // ONNX's own runner allows as much: some outputs are written with few digits.
    assert!(error < 1e-3, "{}: {error:e}\n{}", folder.display(), imported.text);
    Outcome::Same
}

#[test]
fn onnxs_own_conformance_data_gives_its_outputs() {
    let Some(python) = python("onnx, onnxruntime") else { return };
    let root = tempfile::tempdir().expect("a folder");
    let made =
        Command::new(python).arg(project("tests/peers/onnx_cases.py")).arg(root.path()).status().expect("Python");
    assert!(made.success());
    let (mut same, mut refused, mut elsewhere): (Vec<String>, Vec<String>, usize) = Default::default();
    for folder in std::fs::read_dir(root.path()).expect("cases").map(|own| own.expect("a folder").path()) {
        let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
        match conforms(&folder) {
            Outcome::Same => same.push(name),
            Outcome::Refused(why) => refused.push(format!("{name}: {why}")),
            Outcome::Elsewhere => elsewhere += 1,
        }
    }
    same.sort();
    // Of every operator on images that is read there is one at least.
    let read = [
        "conv",
        "convtranspose",
        "maxpool",
        "averagepool",
        "globalaveragepool",
        "globalmaxpool",
        "batchnorm",
        "instancenorm",
        "group_normalization",
        "lrn",
        "flatten",
        "resize_upsample",
        "relu",
        "leakyrelu",
        "elu",
        "sigmoid",
        "tanh",
        "hardswish",
        "gelu",
    ];
    for operator in read {
        let is_there = same
            .iter()
            .any(|name| name.contains(&format!("test_{operator}")) || name.contains(&format!("_{operator}_")));
        assert!(
            is_there,
            "{operator} is not read as ONNX means it: {:?}",
            refused.iter().find(|own| own.contains(operator))
        );
    }
    assert!(same.len() >= 55, "{} cases gave their outputs, {elsewhere} have no weights", same.len());
}

#[test]
fn damaged_files_are_refused_in_place_and_never_panic() {
    use rand::{RngExt, SeedableRng};
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("net.onnx");
    let sources = [changed("lenet5", &[]), changed("tests/architectures/valid/branches.yaml", &[])];
    let mut random = rand_xoshiro::Xoshiro256PlusPlus::seed_from_u64(11);
    let (mut refused, mut read_again) = (0, 0);
    for network in sources {
        write::write(&network, None, &path).expect("written");
        let whole = std::fs::read(&path).expect("there");
        for _ in 0..400 {
            let mut bytes = whole.clone();
            for _ in 0..random.random_range(1..4) {
                let at = random.random_range(0..bytes.len());
                match random.random_range(0..4) {
                    0 => bytes[at] = random.random(),
                    1 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][random.random_range(0..5)],
                    2 => {
                        bytes.remove(at);
                    }
                    _ => bytes.truncate(at.max(1)),
                }
            }
            std::fs::write(&path, bytes).expect("written");
            match read::open(&path, None, random.random()) {
                // What is read of it is an architecture file like any other, sound or not.
                Ok(imported) => {
                    let origin = Origin::File("read.yaml".into());
                    let loaded = Library::new(None).load_text(&origin, imported.text.clone(), &[]);
                    let _ =
                        loaded.map(|loaded| graph::analyse(&loaded).map(|network| imported.compiled(&network).is_ok()));
                    read_again += 1;
                }
                Err(error) => {
                    assert!(!error.to_string().is_empty());
                    refused += 1;
                }
            }
        }
    }
    assert!(refused > 100 && read_again > 20, "{refused} refused, {read_again} read");
}

#[test]
fn what_cannot_be_said_is_listed_by_node_and_what_is_missing_is_named() {
    use convlens::exchange::onnx::proto::{ModelProto, TensorProto};
    use prost::Message;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("net.onnx");
    let model = || write::model(&changed("lenet5", &[]), Some(&drawn(&changed("lenet5", &[]))));
    let refused = |change: &dyn Fn(&mut ModelProto)| {
        let mut model = model();
        change(&mut model);
        std::fs::write(&path, model.encode_to_vec()).expect("written");
        read::open(&path, None, false).err().expect("refused").to_string()
    };
    let node = |model: &mut ModelProto, op: &str| -> usize {
        model.graph.as_ref().expect("a graph").node.iter().position(|node| node.op_type == op).expect("there")
    };
    let unknown = refused(&|model| {
        let at = node(model, "Tanh");
        model.graph.as_mut().expect("a graph").node[at].op_type = "Sin\u{1b}".into();
    });
    assert!(unknown.contains("c1.tanh (Sin\\u{1b}): there is no layer for `Sin\\u{1b}`"), "{unknown}");
    let cycle = refused(&|model| {
        let graph = model.graph.as_mut().expect("a graph");
        let last = graph.node.last().expect("nodes").output[0].clone();
        graph.node[0].input[0] = last;
    });
    assert!(cycle.contains("reads `output`, which nothing before it gives"), "{cycle}");
    let missing = refused(&|model| {
        model.graph.as_mut().expect("a graph").initializer.remove(0);
    });
    assert!(missing.contains("c1.weight`, which nothing before it gives"), "{missing}");
    let tensor = |change: &dyn Fn(&mut TensorProto)| {
        refused(&|model| change(&mut model.graph.as_mut().expect("a graph").initializer[0]))
    };
    let sizes = tensor(&|tensor| tensor.dims = vec![i64::MAX, i64::MAX]);
    assert!(sizes.contains("it would have more than 2^40 values"), "{sizes}");
    let short = tensor(&|tensor| tensor.raw_data = tensor.raw_data.slice(..40));
    assert!(short.contains("its sizes want 150 values, and 10 are there"), "{short}");
    let half = tensor(&|tensor| {
        tensor.data_type = 10;
        tensor.raw_data = vec![0; 300].into();
    });
    assert!(half.contains("not stored in f32"), "{half}");
    let outside = tensor(&|tensor| tensor.data_location = 1);
    assert!(outside.contains("other files are not read; save the model with its data inside"), "{outside}");
    let open = refused(&|model| {
        let input = &mut model.graph.as_mut().expect("a graph").input[0];
        let shape = input.r#type.as_mut().and_then(|own| own.tensor_type.as_mut()).and_then(|own| own.shape.as_mut());
        shape.expect("a shape").dim[2].value = None;
    });
    assert!(open.contains("its input leaves sizes open; give them with `--set input=[1, HEIGHT, WIDTH]`"), "{open}");
}

#[test]
fn in_the_explorer_a_file_of_others_runs_with_its_weights_and_is_saved_as_yaml() {
    use convlens::run::live::Weights;
    use convlens::spec::foreign;
    use convlens::tui::model::{Entry, Opened, open};
    use convlens::tui::shell::{Msg, State};
    use convlens::tui::theme;
    foreign::read_by(read::text);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("net.onnx");
    let lenet = changed("lenet5", &[]);
    write::write(&lenet, Some(&drawn(&lenet)), &path).expect("written");
    let library = Library::new(Some(folder.path().to_path_buf()));
    let origin = Origin::Foreign(path.clone());
    assert!(library.list().contains(&origin), "it stands in the list");
    assert_eq!(library.find("net.onnx").expect("by its id"), origin);
    let (text, opened) = open::open(&library, &origin, &[]);
    assert!(matches!(opened, Opened::Graph(_)));
    assert!(text.as_ref().is_some_and(|text| text.starts_with("name: LeNet-5\n")), "{text:?}");
    let mut state = State::new(vec![Entry::new(origin, text, opened)], 0, theme::dark());
    crate::explorer::update(&mut state, Msg::Resize(120, 40));
    let request = state.request().expect("it can run");
    assert!(matches!(request.weights, Weights::File(file) if file == path), "with the weights that it holds");
    // Saving asks for another file: this one is never written.
    crate::explorer::press(&mut state, "4<ctrl-s>");
    let painted = crate::explorer::text(&crate::explorer::painted(&state));
    assert!(
        painted.contains("Save as") && painted.contains("net.yaml") && !painted.contains("net.onnx.yaml"),
        "{painted}"
    );
    // From the command line by its id, where its folder is looked in.
    let folder = folder.path().to_str().expect("UTF-8");
    assert!(stdout(&["list", "--dir", folder, "--format", "csv"]).contains("net.onnx"));
    assert!(stdout(&["show", "net.onnx", "--dir", folder]).contains("LeNet-5"));
    // And trained: the run keeps the architecture as YAML.
    let run = format!("{folder}/run");
    stdout(&["train", &format!("{folder}/net.onnx"), "--steps", "1", "--batch", "2", "--out", &run]);
    let kept = std::fs::read_to_string(format!("{run}/architecture.yaml")).expect("kept");
    assert!(kept.contains("conv"), "{kept}");
}

#[test]
fn channels_that_come_last_are_put_first_as_keras_files_want_it() {
    use convlens::exchange::onnx::proto::{AttributeProto, NodeProto};
    use prost::Message;
    let text = "input: [3, 8, 6]\nclasses: 5\nlayers: [conv: {out: 4, activation: relu}, maxpool, flatten, fc-classes, softmax]\n";
    let network = network_of(text);
    let mut compiled = drawn(&network);
    let mut model = write::model(&network, Some(&compiled));
    let graph = model.graph.as_mut().expect("a graph");
    let turn = |name: &str, from: &str, perm: [i64; 4]| NodeProto {
        op_type: "Transpose".into(),
        input: vec![from.into()],
        output: vec![name.into()],
        name: name.into(),
        attribute: vec![AttributeProto { name: "perm".into(), ints: perm.to_vec(), r#type: 7, ..Default::default() }],
        ..Default::default()
    };
    // Images come as rows, columns, channels, and the map is made flat in that order.
    let dims =
        graph.input[0].r#type.as_mut().and_then(|own| own.tensor_type.as_mut()).and_then(|own| own.shape.as_mut());
    dims.expect("a shape").dim[1..].rotate_left(1);
    graph.node[0].input[0] = "first".into();
    graph.node.insert(0, turn("first", "input", [0, 3, 1, 2]));
    let flat = graph.node.iter().position(|node| node.op_type == "Flatten").expect("there");
    let pooled = std::mem::replace(&mut graph.node[flat].input[0], "last".into());
    graph.node.insert(flat, turn("last", &pooled, [0, 2, 3, 1]));
    let matrix = graph.initializer.iter_mut().find(|own| own.name == "linear1.weight").expect("a matrix");
    let values: Vec<f32> =
        matrix.raw_data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    let (channels, positions) = (4, 4 * 3);
    let last = |row: &[f32]| -> Vec<f32> {
        (0..positions).flat_map(|at| (0..channels).map(move |channel| row[channel * positions + at])).collect()
    };
    let turned: Vec<u8> = values.chunks_exact(channels * positions).flat_map(last).flat_map(f32::to_le_bytes).collect();
    matrix.raw_data = turned.into();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("net.onnx");
    std::fs::write(&path, model.encode_to_vec()).expect("written");
    let imported = read::open(&path, None, false).unwrap_or_else(|error| panic!("{error}"));
    let again = network_of(&imported.text);
    let kinds: Vec<&str> = again.layers.iter().map(|layer| layer.operation.kind()).collect();
    assert_eq!(kinds, ["conv", "relu", "maxpool", "flatten", "linear", "softmax"]);
    let values = forward::noise(3 * 8 * 6, 5);
    let mut read = imported.compiled(&again).expect("its weights");
    let error = error_of(&logits(&mut read, values.clone()), &logits(&mut compiled, values));
    assert!(error < 1e-6, "{error:e}");
}

/// A graph of a few convs, activations, sums, products and concats that read what they like.
fn any_graph(seed: u64) -> convlens::exchange::onnx::proto::ModelProto {
    use convlens::exchange::onnx::proto::{NodeProto, TensorProto};
    use rand::{RngExt, SeedableRng};
    let mut random = rand_xoshiro::Xoshiro256PlusPlus::seed_from_u64(seed);
    let net = "input: [3, 4, 4]\nlayers: [relu]\n";
    let mut model = write::model(&network_of(net), None);
    let graph = model.graph.as_mut().expect("a graph");
    graph.node.clear();
    let mut values: Vec<(String, u64)> = vec![("input".into(), 3)];
    let count = random.random_range(3..9);
    for at in 0..count {
        let recent = |random: &mut rand_xoshiro::Xoshiro256PlusPlus| {
            let back = random.random_range(1..=values.len().min(4));
            values[values.len() - back].clone()
        };
        let name = if at + 1 == count { "output".to_string() } else { format!("v{at}") };
        let node = |op: &str, input: Vec<String>| NodeProto {
            op_type: op.into(),
            name: name.clone(),
            input,
            output: vec![name.clone()],
            ..Default::default()
        };
        let (x, channels) = recent(&mut random);
        let (y, others) = recent(&mut random);
        let (made, out) = match random.random_range(0..6) {
            0 if at > 0 => (node("Relu", vec![x]), channels),
            1 if others == channels && x != y => (node("Add", vec![x, y]), channels),
            2 if others == channels && x != y => (node("Mul", vec![x, y]), channels),
            3 if at > 0 => {
                let mut join = node("Concat", vec![x, y]);
                join.attribute.push(convlens::exchange::onnx::proto::AttributeProto {
                    name: "axis".into(),
                    i: 1,
                    r#type: 2,
                    ..Default::default()
                });
                (join, channels + others)
            }
            _ => {
                let out = random.random_range(2..4);
                let values = (0..out * channels).flat_map(|_| random.random_range(-0.5f32..0.5).to_le_bytes());
                graph.initializer.push(TensorProto {
                    name: format!("w{at}"),
                    dims: vec![out as i64, channels as i64, 1, 1],
                    data_type: 1,
                    raw_data: values.collect::<Vec<u8>>().into(),
                    ..Default::default()
                });
                (node("Conv", vec![x, format!("w{at}")]), out)
            }
        };
        graph.node.push(made);
        values.push((name, out));
    }
    let channels = values.last().expect("values").1;
    let shape =
        graph.output[0].r#type.as_mut().and_then(|own| own.tensor_type.as_mut()).and_then(|own| own.shape.as_mut());
    shape.expect("a shape").dim[1].value = Some(convlens::exchange::onnx::proto::Size::Known(channels as i64));
    model
}

#[test]
fn whatever_hangs_together_is_read_with_its_numbers_or_refused() {
    use prost::Message;
    let Some(python) = python("onnx, onnxruntime") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let (path, input) = (folder.path().join("net.onnx"), folder.path().join("input.f32"));
    let values = forward::noise(3 * 16, 5);
    std::fs::write(&input, values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>()).expect("written");
    let mut peer = crate::onnx::Peer::new(&python);
    let (mut same, mut refused) = (0, 0);
    for seed in 0..400 {
        std::fs::write(&path, any_graph(seed).encode_to_vec()).expect("written");
        let imported = match read::open(&path, None, false) {
            Ok(imported) => imported,
            Err(error) => {
                // What is refused is so for a reason that is its own, not for a text that came out wrong.
                assert!(!error.to_string().contains("could not be said"), "{seed}: {error}");
                refused += 1;
                continue;
            }
        };
        let told = peer.ask(&serde_json::json!({"model": path, "input": input, "shape": [1, 3, 4, 4]}));
        let theirs: Vec<f32> = told["output"]
            .as_array()
            .unwrap_or_else(|| panic!("{seed}: {told}"))
            .iter()
            .map(|own| own.as_f64().expect("a number") as f32)
            .collect();
        let network = network_of(&imported.text);
        let mut compiled = imported.compiled(&network).unwrap_or_else(|error| panic!("{seed}: {error}"));
        let error = error_of(&logits(&mut compiled, values.clone()), &theirs);
        assert!(error < 1e-5, "{seed}: {error:e}\n{}", imported.text);
        same += 1;
    }
    assert!(same > 200, "{same} read, {refused} refused");
}

#[test]
fn a_norm_over_channels_comes_back_on_a_map_of_one_position_too() {
    let text = "input: [6, 4, 4]\nclasses: 3\nlayers: [layer_norm, global_avgpool, layer_norm, flatten, fc-classes]\n";
    let network = network_of(text);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("net.onnx");
    let mut compiled = drawn(&network);
    write::write(&network, Some(&compiled), &path).expect("written");
    let imported = read::open(&path, None, false).unwrap_or_else(|error| panic!("{error}"));
    let again = network_of(&imported.text);
    let kinds: Vec<&str> = again.layers.iter().map(|layer| layer.operation.kind()).collect();
    assert_eq!(kinds, ["layer_norm", "global_avgpool", "layer_norm", "flatten", "linear"]);
    let values = forward::noise(6 * 16, 5);
    let mut read = imported.compiled(&again).expect("its weights");
    assert!(error_of(&logits(&mut read, values.clone()), &logits(&mut compiled, values)) < 1e-6);
}

#[test]
fn long_sums_are_read_in_a_moment_or_refused() {
    use convlens::exchange::onnx::proto::{NodeProto, TensorProto};
    use prost::Message;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("net.onnx");
    let refused = |ways: usize| {
        let mut model = write::model(&network_of("input: [2, 4, 4]\nlayers: [relu]\n"), None);
        let graph = model.graph.as_mut().expect("a graph");
        graph.node.clear();
        let node = |op: &str, input: Vec<String>, output: &str| NodeProto {
            op_type: op.into(),
            input,
            output: vec![output.into()],
            ..Default::default()
        };
        for way in 0..ways {
            graph.initializer.push(TensorProto {
                name: format!("w{way}"),
                dims: vec![2, 2, 1, 1],
                data_type: 1,
                raw_data: [0.1f32, 0.2, 0.3, 0.4]
                    .iter()
                    .flat_map(|value| value.to_le_bytes())
                    .collect::<Vec<u8>>()
                    .into(),
                ..Default::default()
            });
            graph.node.push(node("Conv", vec!["input".into(), format!("w{way}")], &format!("v{way}")));
        }
        graph.node.push(node("Sum", (0..ways).map(|way| format!("v{way}")).collect(), "output"));
        std::fs::write(&path, model.encode_to_vec()).expect("written");
        read::open(&path, None, false).err().map(|error| error.to_string())
    };
    assert_eq!(refused(16), None);
    assert!(refused(2000).expect("too many").contains("more ways are added up than blocks can be nested"));
}

#[test]
fn a_shift_goes_into_a_conv_only_where_nobody_else_reads_it() {
    use convlens::exchange::onnx::proto::{AttributeProto, NodeProto, Size, TensorProto};
    use prost::Message;
    let mut model = write::model(&network_of("input: [2, 3, 3]\nlayers: [relu]\n"), None);
    let graph = model.graph.as_mut().expect("a graph");
    let tensor = |name: &str, dims: Vec<i64>, values: &[f32]| TensorProto {
        name: name.into(),
        dims,
        data_type: 1,
        raw_data: values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>().into(),
        ..Default::default()
    };
    graph.initializer =
        vec![tensor("w", vec![2, 2, 1, 1], &[0.5, -0.25, 1.0, 2.0]), tensor("shift", vec![2, 1, 1], &[3.0, -7.0])];
    let node = |op: &str, input: [&str; 2], output: &str, attribute| NodeProto {
        op_type: op.into(),
        input: input.map(String::from).to_vec(),
        output: vec![output.into()],
        attribute,
        ..Default::default()
    };
    let axis = AttributeProto { name: "axis".into(), i: 1, r#type: 2, ..Default::default() };
    graph.node = vec![
        node("Conv", ["input", "w"], "plain", vec![]),
        node("Add", ["plain", "shift"], "shifted", vec![]),
        node("Concat", ["plain", "shifted"], "output", vec![axis]),
    ];
    let shape =
        graph.output[0].r#type.as_mut().and_then(|own| own.tensor_type.as_mut()).and_then(|own| own.shape.as_mut());
    shape.expect("a shape").dim[1].value = Some(Size::Known(4));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("net.onnx");
    std::fs::write(&path, model.encode_to_vec()).expect("written");
    let imported = read::open(&path, None, false).unwrap_or_else(|error| panic!("{error}"));
    let network = network_of(&imported.text);
    let mut compiled = imported.compiled(&network).expect("its weights");
    let given = logits(&mut compiled, forward::noise(18, 5));
    let convs = network.layers.iter().filter(|layer| layer.is_conv()).count();
    assert_eq!(convs, 1, "its weights are there once:\n{}", imported.text);
    let (plain, shifted) = given.split_at(18);
    for (at, (plain, shifted)) in plain.iter().zip(shifted).enumerate() {
        let shift = if at < 9 { 3.0 } else { -7.0 };
        assert!((shifted - plain - shift).abs() < 1e-4, "{at}: {plain} and {shifted}");
    }
}
