//! Weight files: names, types, damage.

use std::path::{Path, PathBuf};

use convlens::exchange::weights::{self, Rest, Scheme, WeightsError};
use convlens::network::Compiled;
use convlens::network::init::Init;
use convlens::network::kernels::view;
use proptest::prelude::*;
use safetensors::tensor::{Dtype, TensorView};

use crate::common::{convlens, json, network, project};

/// Name, type, shape, bytes.
type Tensor = (String, Dtype, Vec<usize>, Vec<u8>);

fn save(path: &Path, tensors: &[Tensor]) {
    let views = tensors.iter().map(|(name, dtype, shape, bytes)| {
        (name.as_str(), TensorView::new(*dtype, shape.clone(), bytes).expect("a sound tensor"))
    });
    safetensors::serialize_to_file(views, None, path).expect("written");
}

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("weights.safetensors");
    (folder, path)
}

/// The VGG of three linear layers that timm's names are for, small.
const SMALL: &str = "tests/architectures/valid/small-vgg.yaml";

/// Weights and biases of that network under some names, each tensor filled with its own number.
fn small_tensors(names: [&str; 4], encode: impl Fn(f32) -> Vec<u8>, dtype: Dtype, square: bool) -> Vec<Tensor> {
    let first = if square { vec![5, 4, 7, 7] } else { vec![5, 4 * 49] };
    let shapes = [vec![4, 3, 3, 3], first, vec![5, 5], vec![3, 5]];
    let mut tensors = Vec::new();
    for (at, (name, shape)) in names.iter().zip(shapes).enumerate() {
        let fill = |count: usize, value: f32| (0..count).flat_map(|_| encode(value)).collect::<Vec<u8>>();
        let out = shape[0];
        tensors.push((format!("{name}.weight"), dtype, shape.clone(), fill(shape.iter().product(), at as f32 + 0.5)));
        tensors.push((format!("{name}.bias"), dtype, vec![out], fill(out, -(at as f32) - 0.25)));
    }
    tensors
}

fn assert_filled(compiled: &Compiled) {
    for (at, pair) in compiled.parameters.chunks(2).enumerate() {
        assert!(view::values(&pair[0].values).iter().all(|&value| value == at as f32 + 0.5), "{}", pair[0].name);
        assert!(view::values(&pair[1].values).iter().all(|&value| value == -(at as f32) - 0.25), "{}", pair[1].name);
    }
}

#[test]
fn names_of_torchvision_timm_and_our_own_are_known_in_every_type() {
    let network = network(SMALL);
    let own = ["block1.conv1", "classifier.linear1", "classifier.linear2", "classifier.linear3"];
    let torchvision = ["features.0", "classifier.0", "classifier.3", "classifier.6"];
    let timm = ["features.0", "pre_logits.fc1", "pre_logits.fc2", "head.fc"];
    let f32s = |value: f32| value.to_le_bytes().to_vec();
    let f64s = |value: f32| f64::from(value).to_le_bytes().to_vec();
    let f16s = |value: f32| half::f16::from_f32(value).to_le_bytes().to_vec();
    let bf16s = |value: f32| half::bf16::from_f32(value).to_le_bytes().to_vec();
    let cases = [
        (small_tensors(own, f32s, Dtype::F32, false), Scheme::Own),
        (small_tensors(torchvision, f64s, Dtype::F64, false), Scheme::Torchvision),
        (small_tensors(timm, f16s, Dtype::F16, true), Scheme::Timm),
        (small_tensors(torchvision, bf16s, Dtype::BF16, false), Scheme::Torchvision),
        // Ten comes after nine, whatever the letters say.
        (small_tensors(["layer8", "layer9", "layer10", "layer11"], f32s, Dtype::F32, false), Scheme::Order),
        (
            small_tensors(
                ["module.features.0", "module.classifier.0", "module.classifier.3", "module.classifier.6"],
                f32s,
                Dtype::F32,
                false,
            ),
            Scheme::Torchvision,
        ),
    ];
    for (tensors, expected) in cases {
        let (_folder, path) = folder();
        save(&path, &tensors);
        let read =
            weights::read(&network, &path, Rest::Refused).unwrap_or_else(|error| panic!("{expected:?}: {error}"));
        assert_eq!(read.scheme, expected);
        assert_filled(&read.compiled);
    }
}

#[test]
fn what_is_missing_extra_or_misshapen_is_named_and_nothing_is_loaded() {
    let network = network(SMALL);
    let f32s = |value: f32| value.to_le_bytes().to_vec();
    let mut tensors =
        small_tensors(["features.0", "classifier.0", "classifier.3", "classifier.6"], f32s, Dtype::F32, false);
    tensors.retain(|tensor| tensor.0 != "classifier.3.bias");
    tensors[0].2 = vec![4, 9, 3];
    tensors.push(("surplus".into(), Dtype::F32, vec![1], vec![0; 4]));
    let (_folder, path) = folder();
    save(&path, &tensors);
    let error = weights::read(&network, &path, Rest::Refused).err().expect("it does not fit");
    assert!(matches!(error, WeightsError::Misfit { .. }));
    let words = error.to_string();
    for part in [
        "missing from the file: `classifier.3.bias`",
        "not in the network: `surplus`",
        "`features.0.weight` is 4×9×3",
        "wants 4×3×3×3",
    ] {
        assert!(words.contains(part), "{words}");
    }
    let listed =
        convlens(&["weights", path.to_str().expect("UTF-8"), SMALL, "--format", "json"]).output().expect("started");
    assert_eq!(listed.status.code(), Some(1));
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).expect("JSON");
    assert_eq!(listed["fit"]["missing"], serde_json::json!(["classifier.3.bias"]));
    assert_eq!(listed["fit"]["misshapen"][0]["found"], serde_json::json!([4, 9, 3]));
}

#[test]
fn written_weights_are_read_back_to_the_same_bits() {
    let network = network("vgg11-cifar");
    let drawn = Compiled::initialised(&network, Init::Xavier, 3);
    let (_folder, path) = folder();
    weights::write(&drawn, Default::default(), &path).expect("written");
    let read = weights::read(&network, &path, Rest::Refused).expect("read");
    assert_eq!(read.scheme, Scheme::Own);
    for (one, other) in drawn.parameters.iter().zip(&read.compiled.parameters) {
        assert_eq!(view::values(&one.values), view::values(&other.values), "{}", one.name);
    }
    assert_eq!(json(&["weights", path.to_str().expect("UTF-8"), "vgg11-cifar"])["fit"]["fits"], true);
}

#[test]
fn damaged_and_foreign_files_are_refused_with_the_reason() {
    let sound = std::fs::read(project("tests/fixtures/plain3x3.safetensors")).expect("a fixture");
    let header = |text: &str, data: usize| {
        let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
        bytes.extend(text.as_bytes());
        bytes.extend(vec![0; data]);
        bytes
    };
    let cases: [(&str, Vec<u8>, &str); 9] = [
        ("empty", Vec::new(), "0 bytes"),
        ("cut in the header", sound[..40].to_vec(), "promise a header"),
        ("cut in the values", sound[..sound.len() - 1].to_vec(), "bytes of values"),
        ("longer than it says", [sound.clone(), vec![0]].concat(), "bytes of values"),
        ("a header of no end", u64::MAX.to_le_bytes().to_vec(), "does not begin as one"),
        (
            "overlapping",
            header(
                r#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}"#,
                12,
            ),
            "sound",
        ),
        (
            "a shape that overflows",
            header(r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,8]}}"#, 8),
            "sound",
        ),
        ("a zip", b"PK\x03\x04 and so on, long enough".to_vec(), "cannot be read as PyTorch's"),
        ("a pickle", b"\x80\x02}q\x00(X\x01 and so on".to_vec(), "cannot be read as PyTorch's"),
    ];
    for (what, bytes, says) in cases {
        let (_folder, path) = folder();
        std::fs::write(&path, bytes).expect("written");
        for arguments in [
            vec!["weights", path.to_str().expect("UTF-8")],
            vec!["forward", "tinyvgg", "--weights", path.to_str().expect("UTF-8")],
        ] {
            let output = convlens(&arguments).output().expect("started");
            let errors = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{what}: {errors}");
            assert!(errors.contains(says) && !errors.contains("panicked"), "{what}: {errors}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_flipped_byte_of_a_header_makes_reading_panic(at in 0usize..2000, byte in any::<u8>()) {
        let mut bytes = std::fs::read(project("tests/fixtures/plain3x3.safetensors")).expect("a fixture");
        bytes[at] = byte;
        let (_folder, path) = folder();
        std::fs::write(&path, bytes).expect("written");
        // Either is fine: a sound header, or a refusal.
        let _ = weights::read(&network("tinyvgg"), &path, Rest::Refused);
    }
}
