//! Networks written as ONNX: checked in full by ONNX's own checker, run by ONNX Runtime.

use std::io::{BufRead, BufReader, Lines, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use convlens::exchange::onnx::write;
use convlens::graph::{self, Graph};
use convlens::network::Compiled;
use convlens::network::init::Init;
use convlens::network::kernels::view;
use convlens::run::forward;
use convlens::spec::{Library, Origin};
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use serde_json::{Value, json};

use crate::common::{convlens, network, project, python, stdout};

/// A network with parameters of which none is trivial: statistics, factors and shifts are drawn too.
pub fn drawn(network: &Graph) -> Compiled {
    let mut compiled = Compiled::initialised(network, Init::Kaiming, 3);
    let mut random = Xoshiro256PlusPlus::seed_from_u64(7);
    for parameter in compiled.parameters.iter_mut().filter(|own| own.shape.len() == 1) {
        let values = view::values_mut(&mut parameter.values).expect("a row");
        values.iter_mut().for_each(|value| *value += random.random_range(-0.2..0.2));
    }
    for running in &mut compiled.running {
        running.statistics.mean.iter_mut().for_each(|mean| *mean = random.random_range(-0.3..0.3));
        running.statistics.variance.iter_mut().for_each(|variance| *variance = random.random_range(0.5..1.5));
    }
    compiled
}

pub fn changed(name: &str, sets: &[(&str, &str)]) -> Graph {
    let sets: Vec<(String, String)> = sets.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    let library = Library::new(None);
    let loaded = match name.ends_with("yaml") {
        true => library.load_origin(&Origin::File(project(name)), &sets),
        false => library.load(name, &sets),
    };
    graph::analyse(&loaded.unwrap_or_else(|error| panic!("{name}: {error}")))
        .unwrap_or_else(|why| panic!("{name}: {why}"))
}

/// ONNX Runtime, in a Python of its own.
pub struct Peer {
    child: Child,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Peer {
    pub fn new(python: &Path) -> Peer {
        let mut command = Command::new(python);
        command.arg(project("tests/peers/onnx_run.py")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("Python starts");
        let answers = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        Peer { child, answers }
    }

    /// What it makes of a job.
    pub fn ask(&mut self, job: &Value) -> Value {
        writeln!(self.child.stdin.as_mut().expect("a pipe"), "{job}").expect("written");
        serde_json::from_str(&self.answers.next().expect("an answer").expect("UTF-8")).expect("JSON")
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// Two images: the batch stays open.
const IMAGES: usize = 2;

/// Writes the network, its input and what it gives by us. The job for the peer, and our values.
fn handed_on(folder: &Path, name: &str, network: &Graph) -> (Value, Vec<f32>) {
    let mut compiled = drawn(network);
    let (model, input) = (folder.join(format!("{name}.onnx")), folder.join(format!("{name}.f32")));
    write::write(network, Some(&compiled), &model).expect("written");
    let values = forward::noise(IMAGES * network.input().elements() as usize, 5);
    std::fs::write(&input, values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>()).expect("written");
    let batch = compiled.batch(values);
    let run = forward::forward(&mut compiled, &batch, 1, |_| ControlFlow::Continue(())).expect("not interrupted");
    let mut shape = vec![IMAGES as u64];
    shape.extend(network.input().to_vec());
    (json!({"model": model, "input": input, "shape": shape}), run.logits.concat())
}

/// Every operation, and what formats differ in.
pub const FILES: [&str; 5] = [
    "tests/architectures/valid/every-kind.yaml",
    "tests/architectures/valid/branches.yaml",
    "tests/architectures/formats/corners.yaml",
    "tests/fixtures/unet.yaml",
    "tests/fixtures/lrn.yaml",
];

/// Bundled networks as they are run here: made small where only their size is large.
pub fn bundled() -> Vec<(String, Graph)> {
    let ids = Library::new(None).list().into_iter().filter(|origin| matches!(origin, Origin::Bundled(_)));
    let small = |id: String| {
        let graph = network(&id);
        let mut sets: Vec<(&str, &str)> = Vec::new();
        if graph.input().sides()[0] > 200 {
            sets.push(("input", "[3, 96, 96]"));
        }
        let is_vgg =
            graph.layers.iter().any(|layer| layer.name == "classifier.linear1") && graph.totals.params > 90_000_000;
        if is_vgg {
            sets.extend([("classifier.linear1.out", "24"), ("classifier.linear2.out", "16")]);
        }
        (id.clone(), changed(&id, &sets))
    };
    ids.map(|origin| small(origin.id())).collect()
}

#[test]
fn onnx_runtime_gives_what_we_give() {
    let Some(python) = python("onnx, onnxruntime") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let files = FILES.iter().map(|path| (path.replace('/', "_"), changed(path, &[])));
    let networks: Vec<(String, Graph)> = files.chain(bundled()).collect();
    assert!(networks.len() > 35, "every bundled network");
    let (mut wrong, mut peer) = (Vec::new(), Peer::new(&python));
    for (name, network) in &networks {
        let (job, ours) = handed_on(folder.path(), name, network);
        let told = peer.ask(&job);
        let _ = std::fs::remove_file(folder.path().join(format!("{name}.onnx")));
        let Some(theirs) = told["output"].as_array() else {
            wrong.push(format!("{name}: {}", told["error"]));
            continue;
        };
        let largest = ours.iter().fold(1e-6f32, |most, value| most.max(value.abs()));
        let differ = |(own, other): (&f32, &Value)| (f64::from(*own) - other.as_f64().expect("a number")).abs();
        let error = ours.iter().zip(theirs).map(differ).fold(0.0, f64::max) / f64::from(largest);
        if theirs.len() != ours.len() || error > 1e-5 || !error.is_finite() {
            wrong.push(format!("{name}: {error:.1e} of the largest value"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn without_weights_every_bundled_network_is_a_sound_graph_of_its_true_size() {
    let Some(python) = python("onnx, onnxruntime") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let ids: Vec<String> = Library::new(None)
        .list()
        .into_iter()
        .filter(|own| matches!(own, Origin::Bundled(_)))
        .map(|own| own.id())
        .collect();
    let path = |id: &str| folder.path().join(format!("{id}.onnx"));
    let mut peer = Peer::new(&python);
    for id in &ids {
        write::write(&network(id), None, &path(id)).expect("written");
        let told = peer.ask(&json!({"model": path(id), "input": null}));
        assert_eq!(told["error"], Value::Null, "{id}");
        let mut dims = vec![json!("batch")];
        dims.extend(network(id).layers.last().expect("layers").output.to_vec().into_iter().map(Value::from));
        assert_eq!(told["dims"], Value::Array(dims), "{id}");
        assert!(std::fs::metadata(path(id)).expect("there").len() < 300_000, "{id}: weights are not in it");
    }
}

#[test]
fn a_network_is_exported_by_name_and_nothing_is_lost_by_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    let text = |path: &PathBuf| path.to_str().expect("UTF-8").to_string();
    let out = text(&at("net.onnx"));
    assert_eq!(stdout(&["export", "lenet5", "--to", "onnx", "--seed", "1", "--out", &out]).trim(), out);
    let drawn = std::fs::metadata(at("net.onnx")).expect("there").len();
    assert!(drawn > 4 * network("lenet5").totals.params, "weights are in it");
    // Over itself, but over nothing else.
    stdout(&["export", "lenet5", "--to", "onnx", "--out", &out]);
    assert!(std::fs::metadata(at("net.onnx")).expect("there").len() < 20_000);
    std::fs::write(at("notes.txt"), "mine").expect("written");
    let refused = |arguments: &[&str]| {
        let output = convlens(arguments).assert().failure().get_output().stderr.clone();
        String::from_utf8(output).expect("UTF-8")
    };
    let words = refused(&["export", "lenet5", "--to", "onnx", "--out", &text(&at("notes.txt"))]);
    assert!(words.contains("it holds something else than ONNX"), "{words}");
    assert_eq!(std::fs::read_to_string(at("notes.txt")).expect("there"), "mine");
    let words = refused(&["export", "lenet5", "--to", "onnx", "--out", &text(&at("net.safetensors"))]);
    assert!(words.contains("what is written is ONNX; call it NAME.onnx"), "{words}");
    let words = refused(&["export", "lenet5", "--to", "keras"]);
    assert!(words.contains("[possible values: onnx"), "{words}");
}
