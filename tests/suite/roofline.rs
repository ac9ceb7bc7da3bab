//! Layers against the machine: the figures hold together, whatever the machine.

use std::process::Command;

use serde_json::Value;

use crate::common::json;

#[test]
fn every_layer_stands_below_the_roof_that_its_intensity_gives() {
    let caches = tempfile::tempdir().expect("a folder");
    let picture = caches.path().join("roof.svg");
    let run = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_convlens"));
        let command =
            command.args(["roofline", "lenet5", "--runs", "1", "--batch", "4", "--threads", "1", "--format", "json"]);
        let output = command.arg("--svg").arg(&picture).env("XDG_CACHE_HOME", caches.path()).output().expect("started");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice::<Value>(&output.stdout).expect("JSON")
    };
    let (first, second) = (run(), run());
    let number = |value: &Value| value.as_f64().expect("a number");
    let (peak, bandwidth) = (number(&first["peak_gflops"]), number(&first["bandwidth_gb_s"]));
    assert!(peak > 0.1 && bandwidth > 0.1, "{peak} {bandwidth}");
    assert_eq!(first["peak_gflops"], second["peak_gflops"], "measured once");
    assert_eq!(first["threads"], 1);
    let layers = first["layers"].as_array().expect("layers");
    let shown = json(&["show", "lenet5"]);
    assert_eq!(layers.len(), shown["layers"].as_array().expect("layers").len());
    for layer in layers {
        let (flops, bytes) = (2.0 * 4.0 * number(&layer["macs"]), number(&layer["bytes"]));
        assert!((number(&layer["intensity"]) - flops / bytes).abs() < 1e-9);
        let roof = peak.min(bandwidth * flops / bytes);
        assert!((number(&layer["attainable_gflops"]) - roof).abs() < 1e-9 * roof.max(1.0));
        let least = (flops / peak).max(bytes / bandwidth) / 1e6;
        assert!((number(&layer["least_ms"]) - least).abs() < 1e-9 * least.max(1.0));
        assert_eq!(layer["limit"], if flops / bytes >= peak / bandwidth { "cores" } else { "memory" });
    }
    // c1: 6 maps of 28×28 from 1 of 32×32 by 5×5 kernels, four images: weights, inputs and outputs once each, in f32.
    assert_eq!(layers[0]["bytes"], 4 * (156 + 4 * (32 * 32 + 6 * 28 * 28)));
    let sum: f64 = layers.iter().map(|layer| number(&layer["ms"])).sum();
    assert!((sum - number(&first["ms"])).abs() < 1e-6);
    let svg = std::fs::read_to_string(&picture).expect("written");
    assert!(svg.starts_with("<!-- convlens -->\n<svg ") && svg.contains("<title>c1</title>"), "{svg}");
    assert_eq!(svg.matches("<circle").count(), 5, "the layers that compute");
    // A file of somebody else's stays.
    std::fs::write(&picture, "<svg/>").expect("written");
    let refused =
        Command::new(env!("CARGO_BIN_EXE_convlens")).args(["roofline", "lenet5", "--svg"]).arg(&picture).output();
    assert!(String::from_utf8_lossy(&refused.expect("started").stderr).contains("--force"));
}
