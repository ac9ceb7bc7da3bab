//! The trained Tiny VGG on its own photos, against PyTorch's softmax.

use serde_json::Value;

use crate::common::{convlens, data, json, stdout};
use image::{Rgb, RgbImage};

#[test]
fn tiny_vgg_gives_pytorchs_probabilities_for_its_photos() {
    let Some(expected) = data("weights/tinyvgg/expected.json") else { return };
    let expected: Value = serde_json::from_str(&std::fs::read_to_string(expected).expect("readable")).expect("JSON");
    let photos = expected["softmax"].as_object().expect("probabilities by photo");
    assert_eq!(photos.len(), 31);
    let weights = data("weights/tinyvgg/tinyvgg.safetensors").expect("the weights beside their expectations");
    for (photo, probabilities) in photos {
        let path = data(photo).expect("a photo");
        let arguments = ["forward", "tinyvgg", "--weights", weights.to_str().expect("UTF-8"), "--logits", "--image"];
        let result = json(&[&arguments[..], &[path.to_str().expect("UTF-8")]].concat());
        let logits = result["logits"][0].as_array().expect("logits");
        let shares: Vec<f64> = logits.iter().map(|logit| logit.as_f64().expect("a number").exp()).collect();
        let sum: f64 = shares.iter().sum();
        for (class, expected) in probabilities.as_array().expect("ten classes").iter().enumerate() {
            let difference = (shares[class] / sum - expected.as_f64().expect("a number")).abs();
            // All are 64×64, so only decoding and the network are between the file and the answer.
            assert!(difference < 1e-5, "{photo}, class {class}: off by {difference:.6}");
        }
    }
}

/// A folder of three photos by name, the one in the middle cut off.
fn photos() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    let photo = RgbImage::from_fn(40, 30, |x, y| Rgb([x as u8 * 6, y as u8 * 8, 90]));
    photo.save(path("a.png")).expect("written");
    photo.save(path("c.png")).expect("written");
    let bytes = std::fs::read(path("a.png")).expect("there");
    std::fs::write(path("b.png"), &bytes[..bytes.len() / 2]).expect("written");
    std::fs::write(path("notes.txt"), "not a picture").expect("written");
    folder
}

#[test]
fn a_folder_is_run_in_order_and_a_broken_image_stops_nothing_but_is_told() {
    let folder = photos();
    let path = folder.path().to_str().expect("UTF-8");
    let output =
        convlens(&["forward", "vgg-mini", "--image", path, "--batch", "2", "--format", "json", "--logits"]).output();
    let output = output.expect("the program starts");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("b.png is not an image that can be read"));
    let value: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let sources = value["source"].as_array().expect("names");
    let ends: Vec<&str> = sources.iter().map(|name| &name.as_str().expect("a name")[path.len()..]).collect();
    assert_eq!(ends, ["/a.png", "/c.png"]);
    // Two equal photos, in two mini-batches, give equal answers.
    assert_eq!(value["logits"][0], value["logits"][1]);
    let empty = tempfile::tempdir().expect("a folder");
    let nothing = convlens(&["forward", "vgg-mini", "--image", empty.path().to_str().expect("UTF-8")]).output();
    let nothing = nothing.expect("the program starts");
    assert!(String::from_utf8_lossy(&nothing.stderr).contains("there is no picture"));
}

#[test]
fn activations_features_and_looks_are_written_with_every_layers_shape() {
    let folder = photos();
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_string();
    let (photo, kept, features, looks) = (path("a.png"), path("kept.safetensors"), path("features"), path("looks"));
    let arguments = [
        "forward",
        "tinyvgg",
        "--image",
        &photo,
        &path("c.png"),
        "--save-activations",
        &kept,
        "--save-features",
        &features,
        "--save-looks",
        &looks,
        "--look-by",
        "gradient-input",
        "-q",
    ];
    stdout(&arguments);
    let bytes = std::fs::read(&kept).expect("written");
    let tensors = safetensors::SafeTensors::deserialize(&bytes).expect("sound");
    let shown = json(&["show", "tinyvgg"]);
    for layer in shown["layers"].as_array().expect("layers") {
        let tensor = tensors.tensor(layer["name"].as_str().expect("a name")).expect("every layer is there");
        let mut shape = vec![2];
        shape.extend(
            layer["output"].as_array().expect("sizes").iter().map(|size| size.as_u64().expect("a size") as usize),
        );
        assert_eq!(tensor.shape(), shape, "{layer}");
    }
    // What the ReLU gives is what the conv gave, where that was above 0.
    let values = |name: &str| -> Vec<f32> {
        let tensor = tensors.tensor(name).expect("there");
        tensor.data().chunks(4).map(|bytes| f32::from_le_bytes(bytes.try_into().expect("four"))).collect()
    };
    let before: Vec<f32> = values("block1.conv1").into_iter().map(|value| value.max(0.0)).collect();
    assert_eq!(before, values("block1.conv1.relu"));
    assert!(folder.path().join("features/c/block2.maxpool1.png").exists());
    let look = image::open(folder.path().join("looks/a.png")).expect("a picture");
    assert_eq!((look.width(), look.height()), (448, 448));
    let refused =
        convlens(&["forward", "tinyvgg", "--image", &photo, "--save-looks", &looks, "--class", "10"]).output();
    let refused = refused.expect("the program starts");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("class 10 is not one of the network's 10 (0 to 9)"));
}

#[test]
fn who_asks_for_several_runs_hears_how_long_it_takes_where_nobody_looks_between_the_layers() {
    let value = json(&["forward", "resnet20-cifar", "--runs", "3"]);
    assert!(value["at_once_ms"].as_f64().is_some_and(|ms| ms > 0.0));
    let text = stdout(&["forward", "resnet20-cifar", "--runs", "3"]);
    assert!(text.contains(" ms at once, as `evaluate` runs it"), "{text}");
    for other in
        [&["forward", "resnet20-cifar"][..], &["forward", "lenet5", "--runs", "3", "--conv-algorithm", "im2col"]]
    {
        assert!(json(other)["at_once_ms"].is_null());
    }
}

#[test]
fn several_networks_are_timed_in_turn_block_by_block() {
    let value = json(&["forward", "vgg-mini", "lenet5", "--runs", "2", "--batch", "2"]);
    let all = value["architectures"].as_array().expect("two");
    assert_eq!((all.len(), value["runs"].as_u64()), (2, Some(2)));
    for own in all {
        let sum: u64 =
            own["blocks"].as_array().expect("blocks").iter().map(|block| block["macs"].as_u64().expect("MACs")).sum();
        assert_eq!(Some(sum), own["macs"].as_u64());
        let (least, median, most) = (own["min_ms"].as_f64(), own["median_ms"].as_f64(), own["max_ms"].as_f64());
        assert!(least <= median && median <= most);
    }
    // No flag is taken and then not followed.
    for flags in [&["--logits"][..], &["--warmup", "2"], &["--conv-algorithm", "im2col"], &["--labels", "labels.txt"]] {
        let refused = convlens(&[&["forward", "vgg-mini", "lenet5"][..], flags].concat()).output();
        let errors = String::from_utf8_lossy(&refused.expect("the program starts").stderr).into_owned();
        assert!(errors.contains(&format!("`{}` is for one network", flags[0])), "{errors}");
    }
}

#[test]
fn the_theoretical_field_contains_the_effective_one() {
    let photos = photos();
    let photo = photos.path().join("a.png");
    let photo = photo.to_str().expect("UTF-8");
    for (arch, layer, unit, more) in [
        ("vgg-mini", "block2.conv2", "6,6", &["--samples", "3"][..]),
        ("vgg-mini", "block2.maxpool1", "0,6", &["--samples", "2"]),
        ("vgg11-cifar", "block3.conv2.relu", "2,7", &["--image", photo]),
        ("lenet5", "f6", "0,0", &["--samples", "2"]),
    ] {
        let value = json(&[&["field", arch, layer, "--unit", unit][..], more].concat());
        let ends = |key: &str| [0, 1].map(|end| value[key][end].as_i64().expect("a place"));
        let (rows, columns) = (ends("rows"), ends("columns"));
        let mut total = 0.0;
        for (y, row) in value["heat"].as_array().expect("rows").iter().enumerate() {
            for (x, heat) in row.as_array().expect("columns").iter().enumerate() {
                let heat = heat.as_f64().expect("a number");
                let inside =
                    (rows[0]..=rows[1]).contains(&(y as i64)) && (columns[0]..=columns[1]).contains(&(x as i64));
                assert!(inside || heat == 0.0, "{arch} {layer}: {heat} at {y},{x} outside");
                total += heat;
            }
        }
        assert!(total > 0.0, "{arch} {layer}");
        for axis in 0..2 {
            assert!(value["box_95"][axis].as_i64() <= value["receptive_field"][axis].as_i64());
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    let picture = convlens(&["field", "vgg-mini", "block2.conv2", "--samples", "1", "--format", "png"]).output();
    let picture = picture.expect("the program starts");
    let path = folder.path().join("field.png");
    std::fs::write(&path, &picture.stdout).expect("written");
    assert_eq!(image::open(&path).expect("a picture").height(), 448);
    let unknown = convlens(&["field", "vgg-mini", "block2.conv3"]).output().expect("the program starts");
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("did you mean"));
}
