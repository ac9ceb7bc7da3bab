//! How long it takes from YAML text to every number.

use std::hint::black_box;

use convlens::graph;
use convlens::spec::{Library, Origin, bundled};
use criterion::{Criterion, criterion_group, criterion_main};

fn analyse(library: &Library, text: &str) -> usize {
    let loaded = library.load_text(&Origin::Bundled("vgg16"), text.to_string(), &[]).expect("a sound file");
    graph::analyse(&loaded).expect("shapes that fit").layers.len()
}

fn benches(criterion: &mut Criterion) {
    let library = Library::new(None);
    let vgg16 = bundled::text("vgg16").expect("bundled");
    criterion.bench_function("parse and analyse VGG-16", |bench| bench.iter(|| analyse(&library, black_box(vgg16))));

    let convs = "  - {conv: {out: 16, kernel: 3, activation: relu}}\n".repeat(10_000);
    let long = format!("input: [16, 32, 32]\nlayers:\n{convs}");
    let mut group = criterion.benchmark_group("large");
    group.sample_size(20);
    group.bench_function("parse and analyse 10,000 layers", |bench| bench.iter(|| analyse(&library, black_box(&long))));
    group.finish();
}

criterion_group!(all, benches);
criterion_main!(all);
