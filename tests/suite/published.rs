//! Files as torchvision and timm publish them: every tensor goes where their own order of modules says.
//!
//! `tests/names` lists torchvision's `state_dict()`s in their order (whose layers are built in the order of our rows), and timm's
//! names for the same tensors in that order. The values do not matter here: the files are full of zeros that take no disk.

use std::io::Write;
use std::path::Path;

use serde_json::json;

use crate::common::{convlens, json, network, project, stdout};
use convlens::exchange::weights::names::slots;

/// The tensors of a list: names and shapes.
fn listed(architecture: &str) -> Vec<(String, Vec<usize>)> {
    let text = std::fs::read_to_string(project(&format!("tests/names/{architecture}.txt"))).expect("a list");
    let line = |line: &str| {
        let (name, shape) = line.split_once(' ').expect("name and shape");
        (name.to_string(), shape.split('×').map(|size| size.parse().expect("a size")).collect())
    };
    text.lines().map(line).collect()
}

/// A safetensors file of zeros in bfloat16, whose names stand in the alphabet's order as in any such file.
fn file_of_zeros(path: &Path, tensors: &[(String, Vec<usize>)]) {
    let mut offset = 0;
    let mut header = serde_json::Map::new();
    for (name, shape) in tensors {
        let end = offset + 2 * shape.iter().product::<usize>();
        header.insert(name.clone(), json!({"dtype": "BF16", "shape": shape, "data_offsets": [offset, end]}));
        offset = end;
    }
    let header = serde_json::Value::Object(header).to_string();
    let mut file = std::fs::File::create(path).expect("created");
    file.write_all(&(header.len() as u64).to_le_bytes()).expect("written");
    file.write_all(header.as_bytes()).expect("written");
    file.set_len((8 + header.len() + offset) as u64).expect("as long as it says");
}

#[test]
fn every_tensor_of_torchvision_and_timm_goes_where_the_order_of_their_modules_says() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["googlenet", "inception_v3", "mobilenet_v2", "efficientnet_b0", "mobilenet_v3_small"] {
        let path = folder.path().join(format!("{name}.safetensors"));
        let tensors = listed(name);
        file_of_zeros(&path, &tensors);
        let told = json(&["weights", path.to_str().expect("UTF-8"), name]);
        let network = network(name);
        // Auxiliary heads stand last or in between; they are nobody's.
        let kept = tensors.iter().filter(|(name, _)| !name.to_lowercase().starts_with("aux"));
        let slots = slots(&network);
        assert_eq!(kept.clone().count(), slots.len(), "{name}");
        for ((theirs, _), slot) in kept.zip(&slots) {
            let told = told["tensors"].as_array().expect("tensors").iter().find(|told| told["name"] == *theirs);
            assert_eq!(told.expect("told")["goes_to"], slot.name_in(&network), "{name}: {theirs}");
        }
    }
}

#[test]
fn auxiliary_heads_are_left_and_told_of() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("googlenet.safetensors");
    let path = path.to_str().expect("UTF-8");
    let mut tensors = listed("googlenet");
    file_of_zeros(Path::new(path), &tensors);
    let told = stdout(&["weights", path, "googlenet"]);
    assert!(
        told.contains("all of googlenet is there, matched by the rules for names, without 18 tensors of auxiliary"),
        "{told}"
    );
    // What only sounds like it is not passed over.
    tensors.push(("auxin.weight".into(), vec![4]));
    file_of_zeros(Path::new(path), &tensors);
    let refused = convlens(&["weights", path, "googlenet"]).assert().failure().get_output().clone();
    let refused = String::from_utf8_lossy(&refused.stdout).into_owned() + &String::from_utf8_lossy(&refused.stderr);
    assert!(refused.contains("in the file but not in the network: `auxin.weight`"), "{refused}");
}
