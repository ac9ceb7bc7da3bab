//! The trained Tiny VGG on its own photos, against PyTorch's softmax.

use serde_json::Value;

use crate::common::{data, json};

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
