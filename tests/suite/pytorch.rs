//! Networks written as PyTorch code: the text, its names, and that Python reads it. `tests/peers/run` runs it with torch.

use std::collections::HashSet;
use std::process::Command;

use convlens::exchange::pytorch;
use convlens::exchange::weights::TensorFile;
use convlens::spec::{Library, Origin};

use crate::common::{convlens, network, python, stdout};

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
