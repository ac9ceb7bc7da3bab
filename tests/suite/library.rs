//! The library as others use it: the examples do what they say, and nothing of dfdx stands in what is offered.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::{project, skipped};

/// An example's program, which `cargo test` builds beside the tests.
fn example(name: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_BIN_EXE_convlens")).parent().expect("a folder").join("examples").join(name);
    // One that was built before its source was changed says nothing.
    let changed = |path: &Path| std::fs::metadata(path).and_then(|own| own.modified()).ok();
    let is_current = changed(&beside) >= changed(&project(&format!("examples/{name}.rs")));
    if !beside.exists() || !is_current {
        skipped(&format!("the example {name} (`cargo build --examples`)"));
    }
    Some(beside).filter(|path| path.exists() && is_current)
}

fn printed(name: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(example(name)?).args(arguments).current_dir(project("")).output().expect("started");
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).expect("UTF-8"))
}

#[test]
fn the_examples_count_run_and_train() {
    if let Some(counted) = printed("count", &["vgg16"]) {
        assert!(counted.contains("block1.conv2                    36928  3·3·64·64 + 64 = 36,928"), "{counted}");
        assert!(counted.ends_with("VGG-16: 138357544 parameters, 15470264320 MACs\n"), "{counted}");
    }
    if let Some(ran) = printed("run", &["lenet5"]) {
        assert_eq!(ran.lines().count(), 10, "a value for each digit: {ran}");
    }
    if let Some(trained) = printed("train", &["tinyvgg"]) {
        assert!(trained.contains("64 steps, accuracy "), "{trained}");
        let percent = trained.rsplit("accuracy ").next().expect("a figure").trim().trim_end_matches('%');
        assert!(percent.parse::<f64>().expect("a number") > 60.0, "generated patterns are learned: {trained}");
    }
}

#[test]
fn what_is_offered_speaks_of_no_other_package() {
    let api = std::fs::read_to_string(project("src/api.rs")).expect("the file");
    let signatures = api.lines().filter(|line| line.trim_start().starts_with("pub "));
    for line in signatures {
        let is_own = ["dfdx", "graph::", "spec::", "Graph", "Compiled", "Library", "Origin", "Source", "serde"];
        assert!(!is_own.iter().any(|word| line.contains(word)), "{line}");
    }
    let lib = std::fs::read_to_string(project("src/lib.rs")).expect("the file");
    let modules = lib.lines().filter(|line| line.starts_with("pub mod ")).count();
    assert_eq!(lib.matches("#[cfg_attr(not(doc_all), doc(hidden))]\npub mod ").count(), modules);
}
