//! Counting questions: against the paper, against what other tools print, and against brute force.

use convlens::graph::kernel_study::{Study, StudyError};
use convlens::graph::memory::{self, OptimizerState};
use convlens::graph::{self, Graph, compare, lints, unit};
use convlens::spec::{Library, Origin};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::common::{convlens, json, network, stdout};

fn of_text(text: &str) -> Graph {
    let library = Library::new(None);
    let loaded = library.load_text(&Origin::File("test.yaml".into()), text.to_string(), &[]);
    let loaded = loaded.unwrap_or_else(|error| panic!("{error}"));
    graph::analyse(&loaded).unwrap_or_else(|report| panic!("{report}"))
}

#[test]
fn each_tools_convention_gives_the_total_that_the_tool_prints() {
    // Run on 2026-11-24: fvcore 0.1.5, thop 0.1.1, torchinfo 1.8.0, ptflops 0.7.5, PyTorch 2.15; torchvision's models.
    let mini = "tests/architectures/valid/all-tools.yaml";
    let printed: [(&str, [(&str, u64); 6]); 4] = [
        (
            "vgg16",
            [
                ("plain", 15_470_264_320),
                ("fvcore", 15_470_289_408),
                ("thop", 15_470_314_496),
                ("torchinfo", 15_483_821_032),
                ("ptflops", 15_523_225_576),
                ("torch-flops", 30_940_528_640),
            ],
        ),
        (
            "vgg16_bn",
            [
                ("plain", 15_470_264_320),
                ("fvcore", 15_497_384_448),
                ("thop", 15_524_504_576),
                ("torchinfo", 15_483_829_480),
                ("ptflops", 15_550_320_616),
                ("torch-flops", 30_940_528_640),
            ],
        ),
        (
            "alexnet",
            [
                ("plain", 714_188_480),
                ("fvcore", 714_197_696),
                ("thop", 714_206_912),
                ("torchinfo", 714_682_664),
                ("ptflops", 716_441_128),
                ("torch-flops", 1_428_376_960),
            ],
        ),
        (
            mini,
            [
                ("plain", 259_058),
                ("fvcore", 261_466),
                ("thop", 265_352),
                ("torchinfo", 265_799),
                ("ptflops", 292_572),
                ("torch-flops", 518_116),
            ],
        ),
    ];
    for (arch, totals) in printed {
        for (convention, expected) in totals {
            let shown = json(&["show", arch, "--convention", convention]);
            if convention == "plain" {
                assert_eq!(shown["totals"]["macs"], expected, "{arch}");
                continue;
            }
            assert_eq!(shown["totals"]["operations"]["count"], expected, "{arch} as {convention}");
            let rows = shown["layers"].as_array().expect("layers");
            let sum: u64 = rows.iter().filter_map(|row| row["operations"].as_u64()).sum();
            assert_eq!(sum, expected, "the rows of {arch} as {convention}");
            let unknown = rows.iter().filter(|row| row["operations"].is_null()).count();
            assert_eq!(shown["totals"]["operations"]["unknown_layers"], unknown);
        }
    }
    assert!(stdout(&["show", "vgg16", "--convention", "fvcore"]).contains("unknown"));
}

#[test]
fn a_unit_sees_the_pixels_that_the_recurrence_gives() {
    let pool = json(&["explain", "vgg16", "block5.maxpool1", "--unit", "3,3"]);
    assert_eq!(pool["rows"], json!({"first": 6, "last": 217, "clipped": [6, 217]}));
    assert_eq!(pool["inside"], true);
    // It is the only one of the seven that lies wholly inside 224.
    for row in [0, 1, 2, 4, 5, 6] {
        assert_eq!(json(&["explain", "vgg16", "block5.maxpool1", "--unit", &format!("{row},3")])["inside"], false);
    }
    let corner = json(&["explain", "vgg16", "block1.conv2", "--unit", "0,223"]);
    assert_eq!(corner["rows"], json!({"first": -2, "last": 2, "clipped": [0, 2]}));
    assert_eq!(corner["columns"], json!({"first": 221, "last": 225, "clipped": [221, 223]}));
    let output = convlens(&["explain", "vgg16", "block5.maxpool1", "--unit", "7,0"]).output().expect("started");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("7×7 units"));
    assert_eq!(
        convlens(&["explain", "vgg16", "block1.conv1", "--unit", "3"]).output().expect("started").status.code(),
        Some(2)
    );
}

#[test]
fn the_papers_own_experiment_comes_out_as_the_paper_has_it() {
    let compared = json(&["compare", "vgg13", "vgg13-5x5"]);
    let totals = |index: usize, key: &str| compared["architectures"][index]["totals"][key].clone();
    assert_eq!((totals(0, "conv_params"), totals(1, "conv_params")), (json!(9_404_992), json!(10_860_672)));
    assert_eq!((totals(0, "conv_macs"), totals(1, "conv_macs")), (json!(11_184_832_512u64), json!(9_232_384_000u64)));
    assert_eq!((totals(0, "map_field"), totals(1, "map_field")), (json!([156, 156]), json!([156, 156])));
    let text = stdout(&["compare", "vgg13", "vgg13-5x5"]);
    assert!(text.contains("see equally far: 156"), "{text}");
}

#[test]
fn an_inserted_layer_shifts_nothing_else() {
    let one = of_text(
        "input: [3, 16, 16]\nlayers: [block: {name: a, layers: [conv3-8, conv3-16, maxpool]}, block: {name: b, layers: [conv3-32 x2]}, flatten, linear: 10]",
    );
    let two = of_text(
        "input: [3, 16, 16]\nlayers: [block: {name: a, layers: [conv3-8, conv1-8, conv3-16, maxpool]}, block: {name: c, layers: [avgpool: 1]}, block: {name: b, layers: [conv3-32 x2]}, flatten, linear: 10]",
    );
    let rows = compare::rows(&[&one, &two]);
    let names: Vec<(Option<&str>, Option<&str>)> = (rows.iter())
        .map(|row| {
            let name = |index: usize| row.cells[index].as_ref().map(|cell| cell.name.as_str());
            (name(0), name(1))
        })
        .collect();
    let expected = [
        (Some("a.conv1"), Some("a.conv1")),
        (None, Some("a.conv2")),
        (Some("a.conv2"), Some("a.conv3")),
        (Some("a.maxpool1"), Some("a.maxpool1")),
        (None, Some("c.avgpool1")),
        (Some("b.conv1"), Some("b.conv1")),
        (Some("b.conv2"), Some("b.conv2")),
        (Some("flatten1"), Some("flatten1")),
        (Some("linear1"), Some("linear1")),
    ];
    assert_eq!(names, expected);
    // Rows add up to the totals on both sides.
    for (index, network) in [&one, &two].into_iter().enumerate() {
        let sum: u64 = rows.iter().filter_map(|row| row.cells[index].as_ref()).map(|cell| cell.params).sum();
        assert_eq!(sum, network.totals.params);
    }
}

#[test]
fn stacks_of_small_kernels_cost_what_section_2_3_of_the_paper_says() {
    let study = |field, channels, in_channels| Study { field, channels, in_channels, size: 56 };
    let candidates = study(7, 64, 64).candidates().expect("a study");
    let of = |label: &str| candidates.iter().find(|candidate| candidate.label == label).expect(label).clone();
    assert_eq!(of("1 × 7×7").params, 49 * 64 * 64);
    assert_eq!(of("3 × 3×3").params, 27 * 64 * 64);
    assert_eq!(of("3 × 3×3").relu_layers, 3);
    assert!(candidates.iter().all(|candidate| candidate.receptive_field == 7));
    assert!(study(7, 64, 64).sentence().expect("words").contains("49C² weights, three 3×3 have 27C²: 81% more"));
    assert!(study(5, 64, 64).sentence().expect("words").contains("25C² weights, two 3×3 have 18C²"));
    assert_eq!(study(5, 64, 64).break_even(), Some(0.5625));
    assert_eq!(study(7, 64, 64).break_even(), Some(0.45));
    // At the break-even itself both cost the same: C0 = 9, C = 16.
    let even = study(5, 16, 9).candidates().expect("a study");
    assert_eq!(even[0].macs, even[1].macs);
    assert_eq!(study(4, 1, 1).candidates(), Err(StudyError::Field(4)));
    assert!(study(5, 0, 1).candidates().is_err());
    for field in [3, 5, 7, 9, 11, 13, 15] {
        let candidates = study(field, 8, 3).candidates().expect("a study");
        assert!(candidates.iter().all(|candidate| candidate.receptive_field == field), "{field}");
    }
    let measured = json(&["kernels", "--field", "5", "--channels", "8", "--size", "12", "--measure", "--runs", "2"]);
    assert!(
        measured["rows"]
            .as_array()
            .expect("rows")
            .iter()
            .all(|row| row["forward_ms"].as_f64().is_some_and(|ms| ms > 0.0))
    );
}

#[test]
fn every_lint_speaks_where_it_applies_and_is_silent_where_not() {
    let codes = |text: &str| -> Vec<(String, String)> {
        lints::lints(&of_text(text)).into_iter().map(|lint| (lint.code.to_string(), lint.layer)).collect()
    };
    let has = |text: &str, code: &str, layer: &str| {
        let found = codes(text);
        assert!(found.contains(&(code.to_string(), layer.to_string())), "{code} at {layer} in {text}: {found:?}");
    };
    has("input: [1, 8, 8]\nlayers: [flatten, linear: {out: 3, activation: relu}]", "relu-on-logits", "linear1.relu");
    has(
        "input: [1, 4, 4]\nlayers: [adaptive_avgpool: 7, flatten, linear: 3]",
        "adaptive-pool-copies",
        "adaptive_avgpool1",
    );
    has("input: [1, 7, 8]\nlayers: [maxpool]", "pool-drops-rows", "maxpool1");
    has("input: [1, 8, 8]\nlayers: [conv3-4, conv3-64, conv3-4]\n", "most-parameters-in-one-layer", "conv2");
    has("input: [1, 8, 8]\nlayers: [conv: {out: 4, norm: batch}]", "bias-before-batch-norm", "conv1");
    has("input: [1, 8, 8]\nlayers: [block: {name: down, layers: [maxpool, relu]}]", "block-only-shrinks", "down");
    has("input: [1, 4, 4]\nlayers: [conv3-4, conv3-4]", "field-outgrows-input", "conv2");
    let deep = "input: [1, 64, 64]\ntrain: {init: paper}\nlayers: [conv3-4 x12]\n";
    has(deep, "deep-plain-stack", "conv1");
    let quiet = "input: [8, 64, 64]\ntrain: {init: kaiming}\nlayers: [conv: {out: 4, norm: batch, bias: false, activation: relu}, maxpool, conv3-8, global_avgpool, flatten, linear: 3]";
    assert_eq!(codes(quiet), []);
    assert!(codes(&deep.replace("paper", "kaiming")).iter().all(|(code, _)| code != "deep-plain-stack"));
    // VGG-16 on a CIFAR image sees more than there is from its third block on.
    let small = json(&["show", "vgg16", "--set", "input=[3,32,32]"]);
    let lints: &Vec<Value> = small["lints"].as_array().expect("lints");
    let outgrown = lints.iter().find(|lint| lint["code"] == "field-outgrows-input").expect("a lint");
    assert_eq!(outgrown["layer"], "block3.conv3");
    let share = lints.iter().find(|lint| lint["code"] == "most-parameters-in-one-layer").expect("a lint");
    assert!(share["message"].as_str().expect("words").starts_with("74%"));
}

#[test]
fn memory_of_training_follows_batch_and_optimizer() {
    let vgg16 = network("vgg16");
    let of = |batch, optimizer| memory::training(&vgg16, batch, optimizer);
    let parameters = 4 * 138_357_544;
    assert_eq!(of(1, OptimizerState::None).optimizer, 0);
    assert_eq!(of(1, OptimizerState::Momentum).optimizer, parameters);
    assert_eq!(of(1, OptimizerState::Adam).optimizer, 2 * parameters);
    assert_eq!(of(8, OptimizerState::None).activations, 8 * of(1, OptimizerState::None).activations);
    // Kept of one image: the input; the input of every conv and linear layer (block1.conv1 reads the input itself);
    // a bit for each ReLU and dropout value; 4 bytes for each value of a max-pool.
    let mut kept = 4 * 3 * 224 * 224u64;
    for layer in &vgg16.layers {
        let values = layer.output.elements() as u64;
        kept += match layer.operation.kind() {
            "relu" | "dropout" => values.div_ceil(8),
            "maxpool" => 4 * values,
            _ => 0,
        };
        if layer.has_weights() && layer.index > 0 {
            kept += 4 * layer.input.elements() as u64;
        }
    }
    assert_eq!(memory::kept_bytes(&vgg16), kept);
    let batch = memory::largest_batch(&vgg16, 16_000_000_000, OptimizerState::Momentum);
    assert!(of(batch, OptimizerState::Momentum).total() <= 16_000_000_000);
    assert!(of(batch + 1, OptimizerState::Momentum).total() > 16_000_000_000);
    assert_eq!(memory::largest_batch(&vgg16, 1_000_000, OptimizerState::Momentum), 0);
    let shown = json(&["show", "vgg16", "--memory", "16GB", "--batch", "8", "--optimizer", "adam"]);
    assert_eq!(shown["training"]["batch"], 8);
    assert!(stdout(&["show", "tinyvgg", "--memory", "1kB"]).contains("not even one image"));
    assert_eq!(convlens(&["show", "vgg16", "--memory", "lots"]).output().expect("started").status.code(), Some(2));
}

/// One axis of a layer: kernel, stride, padding, dilation.
type Layer1d = (u64, u64, u64, u64);

fn layers_1d() -> impl Strategy<Value = Vec<Layer1d>> {
    prop::collection::vec((1u64..5, 1u64..4, 0u64..3, 1u64..3), 1..5)
}

proptest! {
    #[test]
    fn the_recurrence_agrees_with_brute_force_over_which_pixels_change_a_unit(layers in layers_1d(), unit_at in 0u64..64) {
        let convs: Vec<String> = layers.iter()
            .map(|(kernel, stride, padding, dilation)| {
                format!("conv: {{out: 1, kernel: [{kernel}, 1], stride: [{stride}, 1], padding: [{padding}, 0], dilation: [{dilation}, 1]}}")
            })
            .collect();
        let network = of_text(&format!("input: [1, 400, 1]\nlayers: [{}]", convs.join(", ")));
        let last = network.layers.last().expect("layers");
        let height = last.output.to_vec()[1];
        let unit_at = unit_at % height;
        let [rows, _] = unit::seen(&network, last, unit_at, 0).expect("a field");
        // Without borders: the pixels that a path of taps leads to.
        let mut reached = vec![i64::try_from(unit_at).expect("small")];
        // With borders: paths through padding end there, since padding is no pixel.
        let mut inside = reached.clone();
        for (layer, (kernel, stride, padding, dilation)) in network.layers.iter().zip(&layers).rev() {
            let input = layer.input.to_vec()[1] as i64;
            let taps = |units: &[i64]| -> Vec<i64> {
                let mut all: Vec<i64> = units.iter()
                    .flat_map(|unit| (0..*kernel).map(move |tap| unit * *stride as i64 - *padding as i64 + (tap * dilation) as i64))
                    .collect();
                all.sort_unstable();
                all.dedup();
                all
            };
            reached = taps(&reached);
            inside = taps(&inside).into_iter().filter(|at| (0..input).contains(at)).collect();
        }
        prop_assert_eq!(rows.first, i128::from(reached[0]));
        prop_assert_eq!(rows.last, i128::from(*reached.last().expect("taps")));
        if let (Some(first), Some(last)) = (inside.first(), inside.last()) {
            let (from, to) = rows.clipped().expect("a path inside");
            prop_assert!(from as i64 <= *first && *last <= to as i64);
        }
    }
}
