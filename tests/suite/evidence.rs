//! What a file says is not guessed at: weights go where something says they go, images and classes are told of, outputs spare
//! inputs.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use convlens::exchange::weights::{self, LoadedWeights, Rest, Scheme, WeightsError};
use convlens::graph::{self, Graph};
use convlens::network::Compiled;
use convlens::network::init::Init;
use convlens::network::kernels::view;
use convlens::spec::{Library, Origin};
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};

fn network(text: &str) -> Graph {
    let origin = Origin::File("net.yaml".into());
    let loaded = Library::new(None).load_text(&origin, text.to_string(), &[]);
    graph::analyse(&loaded.unwrap_or_else(|error| panic!("{error}"))).unwrap_or_else(|report| panic!("{report}"))
}

/// Three convs of which the first two and the last take the same shape, and a linear layer.
const NET: &str = "input: [4, 8, 8]\nlayers: [conv3-4, conv3-4, conv3-4, global_avgpool, flatten, linear: 3]\n";

/// A file with the layers of that network under some names, each filled with its own number.
fn saved(folder: &Path, names: [&str; 4], order: Option<&[&str]>) -> PathBuf {
    let mut tensors: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let shape = if at < 3 { vec![4, 4, 3, 3] } else { vec![3, 4] };
        let (out, fill) = (shape[0], (at as f32 + 1.0).to_le_bytes());
        tensors.push((format!("{name}.weight"), shape.clone(), fill.repeat(shape.iter().product())));
        tensors.push((format!("{name}.bias"), vec![out], fill.repeat(out)));
    }
    let views = tensors
        .iter()
        .map(|(name, shape, bytes)| (name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes).expect("sound")));
    let texts = order.map(|order| [("order".to_string(), json!(order).to_string())].into_iter().collect());
    let path = folder.join("w.safetensors");
    safetensors::serialize_to_file(views, texts, &path).expect("written");
    path
}

fn read(names: [&str; 4], order: Option<&[&str]>) -> Result<LoadedWeights, WeightsError> {
    let folder = tempfile::tempdir().expect("a folder");
    weights::read(&network(NET), &saved(folder.path(), names, order), Rest::Refused)
}

fn in_order(names: [&str; 4], order: Option<&[&str]>) -> LoadedWeights {
    let read = read(names, order).unwrap_or_else(|error| panic!("{names:?}: {error}"));
    let firsts: Vec<f32> = read.compiled.parameters.iter().map(|own| view::values(&own.values)[0]).collect();
    assert_eq!(firsts, [1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0], "{names:?}");
    read
}

#[test]
fn names_that_only_the_alphabet_orders_are_refused_with_both_lists() {
    let refused = read(["stem", "mid", "conv_in", "head"], None).err().expect("a guess").to_string();
    for part in [
        "have the same shapes",
        "in the file",
        "in the network",
        "stem.weight 4×4×3×3",
        "conv1.weight 4×4×3×3",
        "name: ",
    ] {
        assert!(refused.contains(part), "{part}: {refused}");
    }
}

#[test]
fn names_that_count_and_shapes_that_leave_one_way_are_believed() {
    assert_eq!(in_order(["0", "2", "10", "head"], None).scheme, Scheme::Order);
    in_order(["body.layer2", "body.layer10", "body.layer11", "out"], None);
    in_order(["c1_1", "c1_2", "c2_1", "z"], None);
    // Whatever counts the other way round does not count these layers.
    assert!(read(["conv3", "conv2", "conv2b", "head"], None).is_err());
    let order = ["stem.weight", "stem.bias", "mid.weight", "mid.bias", "end.weight", "end.bias", "a.weight", "a.bias"];
    // An order in the header is the one in which somebody defined layers, which need not be the one in which they run.
    assert!(read(["stem", "mid", "end", "a"], Some(&order)).is_err());
    let sorted =
        ["end.bias", "end.weight", "head.bias", "head.weight", "mid.bias", "mid.weight", "stem.bias", "stem.weight"];
    assert!(read(["stem", "mid", "end", "head"], Some(&sorted)).is_err());
    let against = ["c3.weight", "c3.bias", "c1.weight", "c1.bias", "c2.weight", "c2.bias", "z.weight", "z.bias"];
    assert_eq!(in_order(["c1", "c2", "c3", "z"], Some(&against)).scheme, Scheme::Order);
    // Shapes of their own need neither.
    let own = network("input: [3, 8, 8]\nlayers: [conv3-4, conv3-5, global_avgpool, flatten, linear: 2]\n");
    let drawn = Compiled::initialised(&own, Init::Kaiming, 1);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("w.safetensors");
    weights::write(&drawn, Default::default(), &path).expect("written");
    let bytes = std::fs::read(&path).expect("read");
    let (header, rest) = bytes[8..].split_at(u64::from_le_bytes(*bytes.first_chunk().expect("a length")) as usize);
    let renamed = String::from_utf8_lossy(header)
        .replace("conv1", "zebra")
        .replace("conv2", "apple")
        .replace("linear1", "minimum");
    let renamed = [&(renamed.len() as u64).to_le_bytes()[..], renamed.as_bytes(), rest].concat();
    std::fs::write(&path, renamed).expect("written");
    let read = weights::read(&own, &path, Rest::Refused).expect("one way");
    for (one, other) in drawn.parameters.iter().zip(&read.compiled.parameters) {
        assert_eq!(view::values(&one.values), view::values(&other.values), "{}", one.name);
    }
}

#[test]
fn a_prefix_that_all_share_is_taken_off_and_told_and_similar_names_are_known() {
    let read = in_order(["_orig_mod.conv1", "_orig_mod.conv2", "_orig_mod.conv3", "_orig_mod.linear1"], None);
    assert_eq!(read.matched, "by layer names, without the prefix `_orig_mod.`");
    let several = in_order(["a.b.conv1", "a.b.conv2", "a.b.conv3", "a.b.fc"], None);
    assert!(
        several.matched.contains("similar layer names") && several.matched.contains("`a.b.`"),
        "{}",
        several.matched
    );
    assert_eq!(in_order(["Conv_1", "Conv_2", "Conv_3", "fc1"], None).scheme, Scheme::Similar);
    // Counted from zero, or as Keras counts.
    assert_eq!(in_order(["conv0", "conv1", "conv2", "fc0"], None).scheme, Scheme::Similar);
    assert_eq!(in_order(["conv2d", "conv2d_1", "conv2d_2", "dense"], None).scheme, Scheme::Similar);
    // Some names fit and the rest do not: numbers still say where all of them go.
    assert_eq!(in_order(["conv1", "conv2", "conv3", "head"], None).scheme, Scheme::Order);
}

#[test]
fn what_is_called_or_stored_as_no_weights_are_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let own = network("input: [1, 2, 2]\nlayers: [flatten, linear: {out: 4, bias: false}]\n");
    let read = |name: &str, dtype: Dtype, bytes: usize| {
        let data = vec![0; bytes];
        let view = TensorView::new(dtype, vec![4, 4], &data).expect("sound");
        let path = folder.path().join("w.safetensors");
        safetensors::serialize_to_file([(name, view)], None, &path).expect("written");
        weights::read(&own, &path, Rest::Refused).err().map(|error| error.to_string())
    };
    assert_eq!(read("linear1.weight", Dtype::F32, 64), None);
    // A square matrix does not show that Keras keeps it the other way round.
    assert!(read("dense.kernel", Dtype::F32, 64).is_some_and(|words| words.contains("Keras")));
    assert!(read("linear1.weight", Dtype::U8, 16).is_some_and(|words| words.contains("U8 values")));
}

#[test]
fn what_a_checkpoint_holds_beside_weights_is_told_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    let own = network(NET);
    let drawn = Compiled::initialised(&own, Init::Kaiming, 1);
    let mut tensors: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
    for parameter in &drawn.parameters {
        let values: Vec<u8> = view::values(&parameter.values).iter().flat_map(|value| value.to_le_bytes()).collect();
        for start in ["model.", "ema.", "optimizer.state."] {
            let other = if start == "model." { values.clone() } else { vec![0; values.len()] };
            tensors.push((format!("{start}{}", parameter.name), parameter.shape.clone(), other));
        }
    }
    let views = tensors
        .iter()
        .map(|(name, shape, bytes)| (name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes).expect("sound")));
    let path = folder.path().join("w.safetensors");
    safetensors::serialize_to_file(views, None, &path).expect("written");
    let read = weights::read(&own, &path, Rest::Refused).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(view::values(&read.compiled.parameters[0].values), view::values(&drawn.parameters[0].values));
}

#[test]
fn copies_are_weights_where_there_is_nothing_else_and_else_are_not() {
    // All of a file's tensors called as averages are: they are what it has.
    in_order(["ema.conv1", "ema.conv2", "ema.conv3", "ema.linear1"], None);
    // Names that are known but for one on each side may be the same under another name: nothing is guessed.
    let error = read(["conv1", "conv2", "other", "linear1"], None).err().expect("refused").to_string();
    assert!(error.contains("which of the other tensors goes where cannot be told"), "{error}");
    // Layers that cannot be told apart are both named.
    let error = read(["one", "two", "three", "linear1"], None).err().expect("refused").to_string();
    assert!(error.contains("`one` and `t"), "{error}");
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_convlens"));
    command.args(arguments).current_dir(folder).output().expect("started")
}

fn words(output: &Output) -> String {
    let (out, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!errors.contains("panicked"), "{errors}");
    format!("{out}{errors}")
}

fn refused(folder: &Path, arguments: &[&str], says: &str) {
    let output = run(folder, arguments);
    let words = words(&output);
    assert!(!output.status.success() && words.contains(says), "{arguments:?}: {words}");
}

fn sound(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    let words = words(&output);
    assert!(output.status.success(), "{arguments:?}: {words}");
    words
}

/// A network of three classes that learns from 8×8 pictures in folders `1`, `2` and `10`.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let net = "input: [3, 8, 8]\nclasses: 3\nlayers: [conv3-6, relu, maxpool, flatten, linear: classes]\n";
    std::fs::write(at.join("net.yaml"), net).expect("written");
    for (class, colour) in [("1", [250, 0, 0]), ("2", [0, 250, 0]), ("10", [0, 0, 250])] {
        std::fs::create_dir_all(at.join("data").join(class)).expect("made");
        for image in 0..4u8 {
            let pixel = |x: u32, y: u32| image::Rgb(colour.map(|c: u8| c.saturating_sub((x + y) as u8 * image)));
            let path = at.join(format!("data/{class}/{image}.png"));
            image::RgbImage::from_fn(8, 8, pixel).save(path).expect("written");
        }
    }
    folder
}

#[test]
fn a_run_keeps_the_names_of_its_classes_and_forward_uses_them() {
    let folder = folder();
    let at = folder.path();
    let train = ["train", "net.yaml", "--data", "folder:data", "--epochs", "40", "--lr", "0.1", "--batch", "12"];
    sound(at, &[&train[..], &["--out", "run", "--save", "trained.safetensors"]].concat());
    assert_eq!(std::fs::read_to_string(at.join("run/classes.txt")).expect("read"), "1\n2\n10\n");
    let shown: Value =
        serde_json::from_slice(&run(at, &["runs", "show", "run", "--format", "json"]).stdout).expect("JSON");
    assert_eq!(shown["classes"], json!(["1", "2", "10"]));
    for weights in ["run/checkpoint.safetensors", "trained.safetensors"] {
        for class in ["1", "2", "10"] {
            let photo = format!("data/{class}/0.png");
            let forward = ["forward", "net.yaml", "--image", &photo, "--weights", weights, "--format", "json"];
            let value: Value = serde_json::from_slice(&run(at, &forward).stdout).expect("JSON");
            assert_eq!(value["top"][0][0]["label"], *class, "{weights}");
        }
    }
    // What a person names counts before what the weights carry.
    std::fs::write(at.join("mine.txt"), "a\nb\nc\n").expect("written");
    let chosen =
        ["forward", "net.yaml", "--image", "data/1/0.png", "--weights", "trained.safetensors", "--labels", "mine.txt"];
    assert!(sound(at, &chosen).contains("  a\n"));
}

#[test]
fn weights_for_another_number_of_classes_are_read_in_part_where_that_is_asked_for() {
    let folder = folder();
    let at = folder.path();
    let train = ["train", "net.yaml", "--data", "folder:data", "--steps", "1", "--no-out"];
    sound(at, &[&train[..], &["--save", "three.safetensors"]].concat());
    let five = ["forward", "net.yaml", "--set", "classes=5", "--weights", "three.safetensors"];
    refused(at, &five, "`linear1.weight` is 3×96");
    let told = sound(at, &[&five[..], &["--partial"]].concat());
    assert!(told.contains("drawn at random") && told.contains("`linear1.weight`"), "{told}");
    let tuned = sound(at, &[&train[..], &["--weights", "three.safetensors", "--partial"]].concat());
    assert!(!tuned.contains("drawn"), "all of it fits: {tuned}");
    // A file of nothing that fits is no weights in part.
    std::fs::write(at.join("other.yaml"), "input: [3, 8, 8]\nlayers: [conv5-9, flatten, linear: 4]\n")
        .expect("written");
    let other = ["forward", "other.yaml", "--weights", "three.safetensors", "--partial"];
    refused(at, &other, "do not fit");
}

#[test]
fn what_is_read_is_never_written_over_and_a_failure_leaves_what_was_there() {
    let folder = folder();
    let at = folder.path();
    sound(
        at,
        &["train", "net.yaml", "--data", "folder:data", "--steps", "1", "--out", "run", "--save", "w.safetensors"],
    );
    let before = |name: &str| std::fs::read(at.join(name)).expect("there");
    let (weights, photo, checkpoint) =
        (before("w.safetensors"), before("data/1/0.png"), before("run/checkpoint.safetensors"));
    std::fs::write(at.join("notes"), "all that I know").expect("written");
    let forward = ["forward", "net.yaml", "--weights", "w.safetensors", "--image", "data/1"];
    let train = ["train", "net.yaml", "--data", "folder:data", "--steps", "1", "--no-out"];
    let cases: [(&[&str], &[&str], &str); 9] = [
        (&forward, &["--save-activations", "w.safetensors"], "the weights, which this reads"),
        (&forward, &["--save-activations", "net.yaml"], "which this reads"),
        (&forward, &["--save-activations", "notes"], "something else than safetensors"),
        (&forward, &["--save-looks", "data/1"], "an image, which this reads"),
        (&train, &["--save", "net.yaml"], "the architecture, which this reads"),
        (&train, &["--save", "data/1/0.png"], "which this reads"),
        (&train, &["--weights", "w.safetensors", "--save", "w.safetensors"], "the weights, which this reads"),
        (
            &["train", "--resume", "run", "--steps", "3"],
            &["--save", "run/checkpoint.safetensors"],
            "the run, which this reads",
        ),
        (
            &["field", "net.yaml", "conv1", "--image", "data/1/0.png"],
            &["--out", "data/1/0.png"],
            "the image, which this reads",
        ),
    ];
    for (arguments, more, says) in cases {
        refused(at, &[arguments, more].concat(), says);
    }
    sound(at, &[&forward[..], &["--save-activations", "notes", "--force"]].concat());
    assert_ne!(before("notes"), b"all that I know");
    // No image could be read: what was kept before stays.
    std::fs::create_dir(at.join("broken")).expect("made");
    std::fs::write(at.join("broken/a.png"), "no picture").expect("written");
    let kept = before("notes");
    refused(at, &["forward", "net.yaml", "--image", "broken", "--save-activations", "notes"], "is not an image");
    assert_eq!(before("notes"), kept);
    assert_eq!(
        (before("w.safetensors"), before("data/1/0.png"), before("run/checkpoint.safetensors")),
        (weights, photo, checkpoint)
    );
}

#[cfg(unix)]
#[test]
fn pipes_devices_and_links_are_what_they_are() {
    use std::os::unix::fs::{FileTypeExt, PermissionsExt};
    let folder = folder();
    let at = folder.path();
    let pipe = at.join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
    let reads: [&[&str]; 8] = [
        &["check", "./pipe"],
        &["forward", "net.yaml", "--labels", "pipe"],
        &["forward", "net.yaml", "--weights", "pipe"],
        &["forward", "net.yaml", "--input", "pipe"],
        &["forward", "net.yaml", "--image", "pipe"],
        &["forward", "net.yaml", "--labels", "/dev/zero"],
        &["weights", "/dev/zero"],
        &["check", "/dev/zero"],
    ];
    for arguments in reads {
        refused(at, arguments, if arguments.contains(&"/dev/zero") { "a device" } else { "a pipe" });
    }
    // A pipe that is read gets the weights and stays one.
    let reader = Command::new("cat").arg(&pipe).stdout(std::process::Stdio::piped()).spawn().expect("cat");
    sound(at, &["train", "net.yaml", "--data", "folder:data", "--steps", "1", "--no-out", "--save", "pipe"]);
    let bytes = reader.wait_with_output().expect("read").stdout;
    assert!(safetensors::SafeTensors::deserialize(&bytes).is_ok());
    assert!(std::fs::symlink_metadata(&pipe).expect("there").file_type().is_fifo());
    sound(at, &["train", "net.yaml", "--data", "folder:data", "--steps", "1", "--no-out", "--save", "w.safetensors"]);
    std::fs::write(at.join("plain"), "").expect("written");
    let mode = |name: &str| std::fs::metadata(at.join(name)).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode("w.safetensors"), mode("plain"));
}

#[test]
fn every_key_that_set_takes_works_or_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let params = |set: &str| {
        let value: Value =
            serde_json::from_slice(&run(folder.path(), &["show", "vgg16", "--set", set, "--format", "json"]).stdout)
                .unwrap_or_else(|error| panic!("{set}: {error}"));
        value["totals"]["params"].as_u64().expect("a count")
    };
    // block3.conv3 and what reads it: 256·3·3·(256 + 512) fall to 128·3·3·(…), by hand.
    let whole = 138_357_544;
    let change = (256 - 128) * 9 * 256 + 128 + (256 - 128) * 9 * 512;
    for set in ["override={block3.conv3: {out: 128}}", "override.block3.conv3={out: 128}", "block3.conv3.out=128"] {
        assert_eq!(params(set), whole - change, "{set}");
    }
    for (set, says) in [
        ("override=3", "does not fit `override`"),
        ("override={nothing: {out: 1}}", "there is no layer `nothing`"),
        ("extends=vgg11", "nothing called `extends` can be set"),
        ("input=[224,224,3]", "channels come first"),
        ("block3={out: 1}", "nothing called `block3` can be set"),
        ("block3.out=1", "`block3` is a block"),
        ("name={a: 1}", "name"),
    ] {
        refused(folder.path(), &["show", "vgg16", "--set", set], says);
    }
    // What does not fit then is blamed on the likeliest cause, and what fits is warned of.
    refused(
        folder.path(),
        &["show", "vgg-mini", "--set", "input=[28,28,1]"],
        "channels come first: did you mean `input: [1, 28, 28]`?",
    );
    std::fs::write(folder.path().join("net.yaml"), "input: [28, 28, 1]\nlayers: [conv3-4, relu]\n").expect("written");
    for command in ["show", "check", "forward"] {
        let slip = sound(folder.path(), &[command, "net.yaml"]);
        assert!(slip.contains("28 channels of 28×1 pixels; channels come first here"), "{slip}");
    }
}

#[test]
fn a_picture_that_promises_too_much_is_refused_before_it_is_decoded() {
    let folder = folder();
    let at = folder.path();
    // A PNG of 20,000 × 20,000 white pixels, gray and packed: about 49 kB.
    let mut file = Vec::new();
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    let row = vec![0u8; 20_001];
    (0..20_000).for_each(|_| std::io::Write::write_all(&mut encoder, &row).expect("packed"));
    let data = encoder.finish().expect("packed");
    let mut chunk = |kind: &[u8; 4], data: &[u8]| {
        file.extend((data.len() as u32).to_be_bytes());
        let start = file.len();
        file.extend(kind);
        file.extend(data);
        let checksum = crc32fast::hash(&file[start..]);
        file.extend(checksum.to_be_bytes());
    };
    let size = 20_000u32.to_be_bytes();
    chunk(b"IHDR", &[&size[..], &size, &[8, 0, 0, 0, 0]].concat());
    chunk(b"IDAT", &data);
    chunk(b"IEND", &[]);
    let file = [b"\x89PNG\r\n\x1a\n".to_vec(), file].concat();
    assert!(file.len() < 1 << 20);
    std::fs::write(at.join("white.png"), file).expect("written");
    refused(at, &["forward", "net.yaml", "--image", "white.png"], "more than 89 million");
}

#[test]
fn what_a_folder_of_photos_holds_beside_is_told_by_number() {
    let folder = folder();
    let at = folder.path();
    std::fs::write(at.join("data/1/notes.txt"), "").expect("written");
    let told = sound(at, &["forward", "net.yaml", "--image", "data/1"]);
    assert!(told.contains("left out: 1 file that is no picture (.txt 1)"), "{told}");
    refused(at, &["forward", "net.yaml", "--image", "data"], "left out: 3 folders");
}
