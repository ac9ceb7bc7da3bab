//! Networks written as PyTorch code: the text, its names, and that Python reads it. `tests/peers/run` runs it with torch.

use std::collections::HashSet;
use std::process::Command;

use convlens::exchange::pytorch;
use convlens::exchange::weights::TensorFile;
use convlens::spec::{Library, Origin};

use crate::common::{convlens, network, project, python, stdout};

#[test]
fn blocks_become_classes_that_a_person_would_write() {
    for id in ["resnet18", "googlenet", "unet", "mobilenet_v3_small"] {
        insta::assert_snapshot!(format!("pytorch_{id}"), pytorch::model(&network(id)).0);
    }
}

#[test]
fn python_reads_every_bundled_network_and_every_layer_has_a_name_of_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    for origin in Library::new(None).list().into_iter().filter(|own| matches!(own, Origin::Bundled(_))) {
        let network = network(&origin.id());
        let (text, keys) = pytorch::model(&network);
        std::fs::write(folder.path().join(format!("{}.py", origin.id())), &text).expect("written");
        let weighed: Vec<&str> = (network.layers.iter())
            .filter(|layer| layer.params() > 0 || layer.buffers > 0)
            .map(|layer| layer.name.as_str())
            .collect();
        assert_eq!(keys.len(), weighed.len(), "{}", origin.id());
        assert!(weighed.iter().all(|name| keys.contains_key(*name)), "{}", origin.id());
        assert_eq!(keys.values().collect::<HashSet<_>>().len(), keys.len(), "{}: two layers share a name", origin.id());
        assert!(!text.contains(['⟨', '⟦', '⟪']), "{}: a mark was left", origin.id());
    }
    for name in ["train.py", "data.py", "draw.py", "run.py"] {
        let path = project(&format!("src/exchange/pytorch/python/{name}"));
        std::fs::copy(path, folder.path().join(name)).expect("copied");
    }
    let Some(python) = python("ast") else { return };
    let parse = "import ast, pathlib, sys\nfor path in pathlib.Path(sys.argv[1]).glob('*.py'): ast.parse(path.read_text(), str(path))";
    let parsed = Command::new(python).args(["-c", parse]).arg(folder.path()).output().expect("Python");
    assert!(parsed.status.success(), "{}", String::from_utf8_lossy(&parsed.stderr));
}

#[test]
fn names_that_mean_something_in_python_and_texts_with_quotes_do_no_harm() {
    let text = "name: 'a\"\"\"; import os; \"\"\"'\nsummary: 'ends in \\'\ninput: [3, 8, 8]\nlayers:\n  - conv: {out: 4, name: lambda}\n  - block: {name: train, layers: [conv3-4]}\n";
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_string();
    std::fs::write(at("net.yaml"), text).expect("written");
    stdout(&["export", &at("net.yaml"), "--to", "pytorch", "--seed", "1", "--out", &at("out")]);
    let model = std::fs::read_to_string(at("out/model.py")).expect("there");
    assert!(model.contains("self.lambda_ = nn.Conv2d(3, 4, 3, padding=1)"), "{model}");
    assert!(model.contains("self.train_ = Train()"), "{model}");
    assert_eq!(model.matches("\"\"\"").count() % 2, 0, "{model}");
    let names: Vec<String> = TensorFile::open(at("out/weights.safetensors").as_ref())
        .expect("sound")
        .entries
        .into_iter()
        .map(|own| own.name)
        .collect();
    assert!(names.contains(&"train_.conv1.weight".to_string()), "{names:?}");
    // Nothing that is there is written over.
    let again = convlens(&["export", &at("net.yaml"), "--to", "pytorch", "--out", &at("out")]).assert().failure();
    let words = String::from_utf8_lossy(&again.get_output().stderr).into_owned();
    assert!(words.contains("model.py is there already; `--force` replaces it"), "{words}");
}

/// `train.py` and what it stands on, as they lie in an exported folder.
fn code(name: &str) -> String {
    std::fs::read_to_string(project(&format!("src/exchange/pytorch/python/{name}"))).expect("there")
}

#[test]
fn python_draws_the_numbers_that_we_draw() {
    use rand::seq::SliceRandom;
    use rand::{RngExt, SeedableRng};
    use rand_xoshiro::Xoshiro256PlusPlus;
    let Some(python) = python("math") else { return };
    let ask = "import json, sys; sys.path.insert(0, sys.argv[1])
from draw import Generator, mix
told = []
for seed in range(12):
    draw = Generator(mix(seed, 7))
    order = draw.shuffled(seed * seed * 40)
    told.append([order, [draw.coin() for _ in range(9)], [draw.real() for _ in range(9)], [draw.below(9, 64) - 4 for _ in range(9)],
                 [draw.below(seed * 1000 + 3) for _ in range(9)], draw.below((1 << 31) + 11)])
print(json.dumps(told))";
    let folder = project("src/exchange/pytorch/python");
    let told = Command::new(python).args(["-B", "-c", ask]).arg(folder).output().expect("Python");
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).expect("JSON");
    for seed in 0..12_u64 {
        let mut draw = Xoshiro256PlusPlus::seed_from_u64(convlens::network::random::mix(seed, 7));
        let mut order: Vec<usize> = (0..seed as usize * seed as usize * 40).collect();
        order.shuffle(&mut draw);
        let coins = [(); 9].map(|()| draw.random::<bool>());
        let reals = [(); 9].map(|()| draw.random::<f64>());
        let shifts = [(); 9].map(|()| draw.random_range(-4_i64..=4));
        let places = [(); 9].map(|()| draw.random_range(0..=seed as usize * 1000 + 2));
        let last = draw.random_range(0..(1_usize << 31) + 11);
        let own = serde_json::json!([order, coins, reals, shifts, places, last]);
        assert_eq!(told[seed as usize], own, "seed {seed}");
    }
}

#[test]
fn what_a_recipe_may_say_is_what_python_knows() {
    use convlens::spec::recipe::Recipe;
    // Every field by name: one that is added is missed here.
    let recipe = Recipe {
        epochs: Some(1),
        steps: Some(1),
        batch: Some(1),
        micro_batch: Some(1),
        optimizer: Some("sgd".into()),
        lr: Some(1.0),
        momentum: Some(0.5),
        nesterov: Some(true),
        weight_decay: Some(0.1),
        clip: Some(1.0),
        schedule: Some("step".into()),
        patience: Some(1),
        warmup: Some(1),
        label_smoothing: Some(0.1),
        init: Some("paper".into()),
        augment: Some(vec!["flip".into()]),
        shuffle: Some(true),
        val_split: Some(0.1),
        flip_test: Some(true),
        seed: Some(1),
        limit: Some(1),
        checkpoint_every: Some(1),
        freeze: Some(vec!["a".into()]),
        patience_stop: Some(1),
        ema: Some(0.9),
        mixup: Some(0.2),
        cutmix: Some(1.0),
    };
    let all = serde_json::to_value(recipe).expect("JSON");
    let text = code("train.py");
    let fields = text.split_once("FIELDS = {").and_then(|(_, rest)| rest.split_once('}')).expect("a table").0;
    let known: HashSet<&str> = fields.split('"').skip(1).step_by(2).collect();
    assert_eq!(known, all.as_object().expect("a map").keys().map(String::as_str).collect());
}

#[test]
fn several_processes_are_asked_for_in_ways_that_mean_something() {
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("run");
    let refused = |flags: &[&str]| {
        let all = [&["train", "vgg-mini", "--out", out.to_str().expect("UTF-8")], flags].concat();
        let refused = convlens(&all).assert().code(1);
        String::from_utf8_lossy(&refused.get_output().stderr).into_owned()
    };
    let torch = |flags: &[&str]| refused(&[&["--engine", "torchrun"], flags].concat());
    assert!(refused(&["--nproc", "2"]).contains("`--nproc` means something with `--engine torchrun` alone"));
    assert!(torch(&["--nnodes", "2"]).contains("`--rdzv HOST:PORT`"));
    assert!(torch(&["--nnodes", "2", "--rdzv", "a:1", "--node-rank", "2"]).contains("numbered 0 to 1"));
    assert!(torch(&["--node-rank", "1"]).contains("`--nnodes N` says how many"));
    let absent = torch(&["--python", "/no/such/python"]);
    assert!(absent.contains("cannot run `/no/such/python`") && absent.contains("`--python PATH`"), "{absent}");
    assert!(torch(&["--python", "true"]).contains("it does not answer as a Python does"));
    let wrong = convlens(&["train", "vgg-mini", "--engine", "torchrun", "--rdzv", "here"]).assert().code(2);
    assert!(String::from_utf8_lossy(&wrong.get_output().stderr).contains("such as `node0:29500`"));
    assert!(!out.exists(), "nothing was begun");
    // A Python without PyTorch is told how to get it.
    let Some(python) = python("math") else { return };
    let has = Command::new(&python).args(["-c", "import torch"]).output().expect("Python").status.success();
    let python = python.to_str().expect("UTF-8").to_string();
    if !has {
        let missing = torch(&["--python", &python]);
        assert!(missing.contains("has no torch") && missing.contains("-m pip install torch"), "{missing}");
    }
}

#[test]
fn a_checkpoint_that_python_wrote_is_read_and_a_bit_that_changed_is_noticed() {
    use safetensors::tensor::{SafeTensors, serialize_to_file};
    let folder = tempfile::tempdir().expect("a folder");
    let run = folder.path().join("run").to_str().expect("UTF-8").to_string();
    stdout(&["train", "vgg-mini", "--steps", "2", "--batch", "4", "--out", &run, "-q"]);
    let path = folder.path().join("run/checkpoint.safetensors");
    let bytes = std::fs::read(&path).expect("there");
    let (_, metadata) = SafeTensors::read_metadata(&bytes).expect("sound");
    let mut texts = metadata.metadata().clone().expect("texts");
    // As `run.py` writes it: no checksum inside, one of the text beside it.
    let mut state: serde_json::Value = serde_json::from_str(&texts["convlens"]).expect("JSON");
    state.as_object_mut().expect("a map").remove("checksum");
    let text = serde_json::to_string_pretty(&state).expect("JSON");
    let write = |texts: &std::collections::HashMap<String, String>| {
        let tensors = SafeTensors::deserialize(&bytes).expect("sound");
        serialize_to_file(tensors.iter(), Some(texts.clone()), &path).expect("written");
    };
    texts.insert("convlens_crc32".into(), format!("{:08x}", crc32fast::hash(text.as_bytes())));
    texts.insert("convlens".into(), text.replacen("\"seen\": 8", "\"seen\": 9", 1));
    write(&texts);
    let damaged = convlens(&["train", "--resume", &run, "--steps", "4"]).assert().code(1);
    let words = String::from_utf8_lossy(&damaged.get_output().stderr).into_owned();
    assert!(words.contains("its state is not what was written (its checksum differs)"), "{words}");
    texts.insert("convlens".into(), text);
    write(&texts);
    stdout(&["train", "--resume", &run, "--steps", "4", "-q"]);
}
