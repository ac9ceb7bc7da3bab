//! Small networks against what PyTorch computes for them: logits, loss, gradients, three optimizer steps.

use std::collections::HashMap;
use std::ops::ControlFlow;

use convlens::exchange::weights::{self, TensorFile};
use convlens::network::kernels::view;
use convlens::network::ops::cross_entropy::cross_entropy;
use convlens::network::optimizer::{Algorithm, Optimizer, clip_gradients, gradient_norm};
use convlens::network::{Compiled, Mode};
use dfdx::prelude::*;
use safetensors::tensor::{Dtype, TensorView};

use crate::common::{network, project};

const ALL: [&str; 11] =
    ["batchnorm", "deep3x3", "kernels", "lrn", "plain3x3", "strided", "residual", "concat", "gate", "shuffle", "unet"];
/// Those with branches, whose tensors are called as the network's own.
const BRANCHING: [&str; 5] = ["residual", "concat", "gate", "shuffle", "unet"];
const TRAIN: Mode = Mode::Train { dropout_seed: None };

/// A fixture's tensors and the network with its first parameters.
struct Fixture {
    file: TensorFile,
    compiled: Compiled,
}

impl Fixture {
    fn open(name: &str) -> Self {
        let file = TensorFile::open(&project(&format!("tests/fixtures/{name}.safetensors"))).expect("a fixture");
        let compiled = load(name, &file, "param.");
        Fixture { file, compiled }
    }

    fn values(&self, name: &str) -> Vec<f32> {
        self.file.read(self.file.find(name).unwrap_or_else(|| panic!("no {name}"))).expect("values")
    }

    fn labels(&self) -> Vec<usize> {
        self.values("labels").into_iter().map(|label| label as usize).collect()
    }
}

/// The network with the fixture's tensors under `prefix`, written out under their plain names and read as any
/// weights file is.
fn load(name: &str, file: &TensorFile, prefix: &str) -> Compiled {
    let tensors: Vec<(String, Vec<usize>, Vec<u8>)> = (file.entries.iter())
        .filter_map(|entry| {
            let key = entry.name.strip_prefix(prefix)?;
            let values = file.read(entry).expect("values");
            Some((key.to_string(), entry.shape.clone(), values.iter().flat_map(|v| v.to_le_bytes()).collect()))
        })
        .collect();
    let views: HashMap<&str, TensorView> = (tensors.iter())
        .map(|(key, shape, bytes)| {
            (key.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes).expect("a sound tensor"))
        })
        .collect();
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("weights.safetensors");
    safetensors::serialize_to_file(views, None, &path).expect("written");
    let network = network(&format!("tests/fixtures/{name}.yaml"));
    let read = weights::read(&network, &path, weights::Rest::Refused).expect("weights");
    assert_eq!(read.scheme, scheme(name));
    read.compiled
}

fn scheme(name: &str) -> weights::Scheme {
    if BRANCHING.contains(&name) { weights::Scheme::Own } else { weights::Scheme::Torchvision }
}

/// Norm of the difference over the norm of the reference.
fn relative_error(got: &[f32], expected: &[f32]) -> f64 {
    assert_eq!(got.len(), expected.len());
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    let difference = norm(&mut got.iter().zip(expected).map(|(a, b)| f64::from(*a) - f64::from(*b)));
    // A bias right before a batch norm has gradient 0; against that only the difference itself can be small.
    difference / norm(&mut expected.iter().map(|&v| f64::from(v))).max(1e-2)
}

fn assert_close(fixture: &str, what: &str, got: &[f32], expected: &[f32], allowed: f64) {
    let error = relative_error(got, expected);
    assert!(error < allowed, "{fixture}: {what} is off by {error:.2e}");
}

fn go_on(_: usize, _: &convlens::network::Values) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// The fixtures' keys of every parameter and statistic, in the network's order.
fn keys(name: &str) -> Vec<String> {
    let network = network(&format!("tests/fixtures/{name}.yaml"));
    let slots = weights::names::slots(&network);
    weights::names::names(scheme(name), &network, &slots).expect("names")
}

/// Parameters and statistics in PyTorch's layout, in the order of [`keys`].
fn state(compiled: &Compiled) -> Vec<Vec<f32>> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state.safetensors");
    weights::write(compiled, Default::default(), &path).expect("written");
    let file = TensorFile::open(&path).expect("sound");
    let mut state = Vec::new();
    for layer in &compiled.layers {
        for part in ["weight", "bias", "running_mean", "running_var"] {
            if let Some(entry) = file.find(&format!("{}.{part}", layer.name)) {
                state.push(file.read(entry).expect("values"));
            }
        }
    }
    state
}

#[test]
fn evaluation_gives_pytorchs_logits() {
    for name in ALL {
        let mut fixture = Fixture::open(name);
        let input = fixture.compiled.batch(fixture.values("input"));
        let logits = fixture.compiled.forward(input, Mode::Evaluate, false, go_on).expect("not stopped");
        assert_close(name, "eval_logits", &view::values(&logits), &fixture.values("eval_logits"), 1e-4);
    }
}

#[test]
fn with_norms_folded_into_convs_the_logits_are_pytorchs_before_and_behind_a_step() {
    for name in ALL {
        let mut fixture = Fixture::open(name);
        let input = fixture.compiled.batch(fixture.values("input"));
        let logits = fixture.compiled.predict(input.clone()).expect("a network");
        assert_close(name, "eval_logits", &view::values(&logits), &fixture.values("eval_logits"), 1e-4);
        let mut optimizer =
            Optimizer::new(Algorithm::Sgd { momentum: 0.0, nesterov: false }, 0.0, &fixture.compiled).expect("memory");
        let training = fixture.compiled.forward(input.leaky_trace(), TRAIN, false, go_on).expect("not stopped");
        let loss = cross_entropy(training, &fixture.labels(), None, 0.0);
        optimizer.step(&mut fixture.compiled, &mut loss.backward(), 0.1).expect("memory");
        let predicted = fixture.compiled.predict(input.clone()).expect("a network");
        let walked = fixture.compiled.forward(input, Mode::Evaluate, false, go_on).expect("not stopped");
        assert_close(name, "behind a step", &view::values(&predicted), &view::values(&walked), 1e-5);
        assert!(
            relative_error(&view::values(&predicted), &view::values(&logits)) > 1e-4,
            "{name}: nothing was learned"
        );
    }
}

#[test]
fn training_gives_pytorchs_loss_and_every_gradient() {
    for name in ALL {
        let mut fixture = Fixture::open(name);
        let input = fixture.compiled.batch(fixture.values("input"));
        let logits = fixture.compiled.forward(input.leaky_trace(), TRAIN, true, go_on).expect("not stopped");
        assert_close(name, "train_logits", &view::values(&logits), &fixture.values("train_logits"), 1e-4);
        let loss = cross_entropy(logits, &fixture.labels(), None, 0.0);
        assert_close(name, "loss", &[loss.array()], &fixture.values("loss"), 1e-4);
        let mut gradients = loss.backward();
        let to_input = gradients.get_or_alloc_mut(&input).expect("a gradient").to_vec();
        assert_close(name, "grad.input", &to_input, &fixture.values("grad.input"), 1e-3);
        let keys = keys(name);
        let trained: Vec<&String> = keys.iter().filter(|key| !key.contains("running")).collect();
        assert_eq!(trained.len(), fixture.compiled.parameters.len());
        for (parameter, key) in fixture.compiled.parameters.iter().zip(trained) {
            let gradient = gradients.get_or_alloc_mut(&parameter.values).expect("a gradient").to_vec();
            let gradient = match parameter.transposed {
                true => {
                    let (outputs, inputs) = (parameter.shape[0], parameter.shape[1]);
                    (0..outputs * inputs).map(|at| gradient[at % inputs * outputs + at / inputs]).collect()
                }
                false => gradient,
            };
            assert_close(name, key, &gradient, &fixture.values(&format!("grad.{key}")), 1e-3);
        }
    }
}

#[test]
fn three_steps_of_sgd_end_at_pytorchs_parameters() {
    for name in ALL {
        let mut fixture = Fixture::open(name);
        let algorithm = Algorithm::Sgd { momentum: 0.9, nesterov: false };
        let mut optimizer = Optimizer::new(algorithm, 5e-4, &fixture.compiled).expect("memory");
        let input = fixture.compiled.batch(fixture.values("input"));
        let mut losses = Vec::new();
        for _ in 0..3 {
            let logits = fixture.compiled.forward(input.leaky_trace(), TRAIN, false, go_on).expect("not stopped");
            let loss = cross_entropy(logits, &fixture.labels(), None, 0.0);
            losses.push(loss.array());
            optimizer.step(&mut fixture.compiled, &mut loss.backward(), 0.01).expect("memory");
        }
        assert_close(name, "step_losses", &losses, &fixture.values("step_losses"), 1e-4);
        let state = state(&fixture.compiled);
        let keys = keys(name);
        assert_eq!(state.len(), keys.len());
        for (values, key) in state.iter().zip(keys) {
            assert_close(name, &key, values, &fixture.values(&format!("after.{key}")), 1e-4);
        }
    }
}

#[test]
fn the_number_of_threads_changes_no_bit_of_a_training_step() {
    let with = |name: &str, threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
        pool.install(|| {
            let mut fixture = Fixture::open(name);
            let algorithm = Algorithm::Adam { betas: [0.9, 0.999], eps: 1e-8 };
            let mut optimizer = Optimizer::new(algorithm, 1e-2, &fixture.compiled).expect("memory");
            let input = fixture.compiled.batch(fixture.values("input"));
            for seed in 0..2 {
                let mode = Mode::Train { dropout_seed: Some(seed) };
                let logits = fixture.compiled.forward(input.leaky_trace(), mode, false, go_on).expect("not stopped");
                let mut gradients = cross_entropy(logits, &fixture.labels(), None, 0.0).backward();
                clip_gradients(&fixture.compiled, &mut gradients, 0.5).expect("memory");
                optimizer.step(&mut fixture.compiled, &mut gradients, 1e-3).expect("memory");
            }
            state(&fixture.compiled)
        })
    };
    for name in ["batchnorm", "concat", "gate", "unet"] {
        let one = with(name, 1);
        assert_eq!(one, with(name, 2), "{name}");
        assert_eq!(one, with(name, 8), "{name}");
    }
}

#[test]
fn an_optimizer_goes_on_from_its_saved_state_to_the_same_bits() {
    let mut whole = Fixture::open("plain3x3");
    let algorithm = Algorithm::AdamW { betas: [0.9, 0.999], eps: 1e-8 };
    let input = whole.compiled.batch(whole.values("input"));
    let labels = whole.labels();
    let step = |compiled: &mut Compiled, optimizer: &mut Optimizer| {
        let logits = compiled.forward(input.leaky_trace(), TRAIN, false, go_on).expect("not stopped");
        let mut gradients = cross_entropy(logits, &labels, None, 0.0).backward();
        optimizer.step(compiled, &mut gradients, 1e-3).expect("memory");
    };
    let mut optimizer = Optimizer::new(algorithm, 0.1, &whole.compiled).expect("memory");
    step(&mut whole.compiled, &mut optimizer);
    let mut resumed = whole.compiled.clone();
    let (steps, moments) = optimizer.state();
    let saved: Vec<Vec<Vec<f32>>> = moments.iter().map(|own| own.iter().map(|m| m.to_vec()).collect()).collect();
    let mut restored = Optimizer::new(algorithm, 0.1, &resumed).expect("memory");
    restored.restore(steps, &saved).expect("the same network");
    step(&mut whole.compiled, &mut optimizer);
    step(&mut resumed, &mut restored);
    assert_eq!(state(&whole.compiled), state(&resumed));
    assert!(restored.restore(steps, &saved[1..]).is_err());
}

#[test]
fn clipped_gradients_have_the_norm_that_was_asked_for() {
    let mut fixture = Fixture::open("plain3x3");
    let input = fixture.compiled.batch(fixture.values("input"));
    let logits = fixture.compiled.forward(input.leaky_trace(), TRAIN, false, go_on).expect("not stopped");
    let mut gradients = cross_entropy(logits, &fixture.labels(), None, 0.0).backward();
    let before = clip_gradients(&fixture.compiled, &mut gradients, 0.1).expect("memory");
    assert!(before > 0.1);
    let after = gradient_norm(&fixture.compiled, &mut gradients).expect("memory");
    assert!((after - 0.1).abs() < 1e-5, "{after}");
}
