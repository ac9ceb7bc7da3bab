//! Evaluation by a plan gives what the layers one by one give.

use std::ops::ControlFlow;

use convlens::graph;
use convlens::network::init::Init;
use convlens::network::kernels::view;
use convlens::network::{Compiled, Mode};
use convlens::run::forward::noise;
use convlens::spec::bundled::BUNDLED;
use convlens::spec::{Library, Origin};

/// The largest difference between both, relative to the largest value.
fn difference(mut compiled: Compiled, images: usize) -> f32 {
    // Statistics as training leaves them, not those of the first step.
    for (at, running) in compiled.running.iter_mut().enumerate() {
        let channels = running.statistics.mean.len();
        running.statistics.mean = noise(channels, at as u64).iter().map(|value| 0.1 * value).collect();
        running.statistics.variance = noise(channels, at as u64 + 1).iter().map(|value| 0.5 + value * value).collect();
    }
    let (channels, height, width) = compiled.input_dims();
    let input = compiled.batch(noise(images * channels * height * width, 1));
    let planned = compiled.predict(input.clone()).expect("a network");
    let walked = compiled.forward(input, Mode::Evaluate, false, |_, _| ControlFlow::Continue(())).expect("not stopped");
    let (planned, walked) = (view::values(&planned), view::values(&walked));
    assert_eq!(planned.len(), walked.len());
    let largest = walked.iter().fold(0.0f32, |most, value| most.max(value.abs()));
    let pairs = planned.iter().zip(walked.iter());
    pairs.fold(0.0f32, |most, (one, other)| most.max((one - other).abs())) / largest
}

#[test]
fn every_bundled_network_gives_the_same_by_its_plan() {
    let mut tried = 0;
    for (id, _) in BUNDLED {
        // Small, so that all can be tried; those that such an input does not fit are as they are.
        let small = [("input".to_string(), "[3, 75, 75]".to_string())];
        let load = |sets: &[(String, String)]| Library::new(None).load(id, sets).ok();
        let small = load(&small).and_then(|loaded| graph::analyse(&loaded).ok());
        let Some(network) = small.or_else(|| graph::analyse(&load(&[])?).ok()) else { continue };
        if network.totals.macs > 2_000_000_000 {
            continue;
        }
        let difference = difference(Compiled::initialised(&network, Init::Kaiming, 0), 2);
        assert!(difference < 3e-5, "{id}: {difference}");
        tried += 1;
    }
    assert!(tried >= 36, "only {tried} of {}", BUNDLED.len());
}

#[test]
fn what_can_be_done_at_once_is_so_only_where_nobody_else_reads_what_lies_between() {
    for (words, layers) in [
        (
            "a sum of two convs and its activation",
            "residual: {layers: [conv3-16 relu, conv3-20 none], shortcut: project, activation: relu}",
        ),
        ("a conv read twice", "conv3-20 none, concat: [[relu], [conv3-20]]"),
        ("a norm read twice", "batch_norm, concat: [identity, [relu, conv1-16]]"),
        ("a norm and its activation before a conv", "conv3-20, batch_norm, relu6, conv1-33"),
        ("a norm before a conv of few channels", "batch_norm, relu, conv1-16, batch_norm, relu, conv3-8"),
        (
            "a norm before a conv of groups",
            "conv3-32, batch_norm, relu, conv: {out: 32, kernel: 1, groups: 32}, batch_norm, relu",
        ),
        ("a norm with an activation that is no bound", "conv3-20, maxpool, batch_norm, silu, conv1-33 gelu"),
        ("a sum of a thing with itself", "conv3-16, residual: {layers: [dropout], activation: relu}"),
        ("channels that begin inside a block", "conv3-20, concat: [[conv1-7], [conv3-9], [conv1-16]], conv3-40"),
        ("channels of whole blocks", "concat: [[conv1-16], [conv3-32], [conv1-5]], conv3-40"),
        ("shares of whole blocks, and not", "conv3-32, split: [identity, [conv3-20]], split: [identity, [conv3-2]]"),
        (
            "gates of channels and of positions",
            "conv3-24, squeeze_excite: /4, gate: [conv: {out: 1, kernel: 3, activation: sigmoid}]",
        ),
        (
            "groups",
            "conv3-32, conv: {out: 64, kernel: 3, groups: 2}, conv: {out: 64, kernel: 3, groups: 16}, conv: {out: 66, kernel: 3, groups: 2}",
        ),
        ("depthwise, every second", "conv3-24, dw5/2 relu6, conv1-8"),
        (
            "pools",
            "conv3-24, maxpool: {kernel: 3, stride: 2, padding: 1}, avgpool: {kernel: 3, stride: 1, padding: 1}, adaptive_avgpool: [3, 4]",
        ),
        ("one position all through", "global_avgpool, conv1-20, dropout, flatten, fc-30, fc-7"),
    ] {
        let text = format!("input: [3, 19, 23]\nlayers: [{layers}]\n");
        let loaded = Library::new(None).load_text(&Origin::File("net.yaml".into()), text, &[]);
        let loaded = loaded.unwrap_or_else(|error| panic!("{words}: {error}"));
        let network = graph::analyse(&loaded).unwrap_or_else(|report| panic!("{words}: {report}"));
        let difference = difference(Compiled::initialised(&network, Init::Kaiming, 0), 3);
        assert!(difference < 1e-5, "{words}: {difference}");
    }
}
