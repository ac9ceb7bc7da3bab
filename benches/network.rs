//! How long networks take: drawing parameters, a forward pass, a training step.

use std::ops::ControlFlow;

use convlens::graph::{self, Graph};
use convlens::network::init::Init;
use convlens::network::ops::cross_entropy::cross_entropy;
use convlens::network::optimizer::{Algorithm, Optimizer};
use convlens::network::{Compiled, Mode};
use convlens::run::forward::noise;
use convlens::spec::Library;
use criterion::{Criterion, criterion_group, criterion_main};
use dfdx::prelude::*;

fn network(id: &str) -> Graph {
    let loaded = Library::new(None).load(id, &[]).expect("bundled");
    graph::analyse(&loaded).expect("bundled")
}

fn batch(compiled: &Compiled, images: usize) -> convlens::network::Values {
    let (channels, height, width) = compiled.input_dims();
    compiled.batch(noise(images * channels * height * width, 1))
}

fn go_on(_: usize, _: &convlens::network::Values) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// A training step on labels that are there in turn.
fn step(compiled: &mut Compiled, optimizer: &mut Optimizer, input: &convlens::network::Values, images: usize) {
    let labels: Vec<usize> = (0..images).map(|image| image % 10).collect();
    let mode = Mode::Train { dropout_seed: Some(1) };
    let logits = compiled.forward(input.leaky_trace(), mode, false, go_on).expect("not stopped");
    let mut gradients = cross_entropy(logits, &labels, None, 0.0).backward();
    optimizer.step(compiled, &mut gradients, 0.01).expect("memory");
}

fn benches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("network");
    group.sample_size(10);
    let vgg16 = network("vgg16");
    group.bench_function("draw the parameters of VGG-16", |bench| {
        bench.iter(|| Compiled::initialised(&vgg16, Init::Kaiming, 0).parameters.len());
    });
    let mut compiled = Compiled::initialised(&vgg16, Init::Kaiming, 0);
    for images in [1, 8] {
        let input = batch(&compiled, images);
        group.bench_function(format!("VGG-16 forward, batch {images}"), |bench| {
            bench.iter(|| compiled.forward(input.clone(), Mode::Evaluate, false, go_on).is_some());
        });
    }
    drop(compiled);
    // Beside benches/networks.py.
    for id in ["vgg16", "resnet18", "resnet50", "mobilenet_v2", "squeezenet1_1", "googlenet", "densenet121"] {
        let mut compiled = Compiled::initialised(&network(id), Init::Kaiming, 0);
        let input = batch(&compiled, 1);
        group.bench_function(format!("{id} evaluated, batch 1"), |bench| {
            bench.iter(|| compiled.predict(input.clone()).is_some());
        });
        let mut optimizer =
            Optimizer::new(Algorithm::Sgd { momentum: 0.9, nesterov: false }, 5e-4, &compiled).expect("memory");
        let input = batch(&compiled, 8);
        group.bench_function(format!("{id}, training step, batch 8"), |bench| {
            bench.iter(|| step(&mut compiled, &mut optimizer, &input, 8));
        });
    }
    let mut compiled = Compiled::initialised(&network("vgg11-cifar"), Init::Kaiming, 0);
    let mut optimizer =
        Optimizer::new(Algorithm::Sgd { momentum: 0.9, nesterov: false }, 5e-4, &compiled).expect("memory");
    let input = batch(&compiled, 32);
    group.bench_function("VGG-11 for CIFAR, training step, batch 32", |bench| {
        bench.iter(|| step(&mut compiled, &mut optimizer, &input, 32));
    });
    group.finish();
}

criterion_group!(all, benches);
criterion_main!(all);
