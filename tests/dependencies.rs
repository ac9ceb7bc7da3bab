//! What is built in: from where, under which licences, and what must be there once only. `deny.toml` says the same to
//! `cargo deny`, which takes minutes to install; here it is held wherever the tests run.

#![allow(clippy::disallowed_methods, reason = "tests read the files of the project")]

use std::collections::BTreeSet;

use serde_json::Value;

/// `deny.toml`'s list of licences.
fn allowed() -> Vec<String> {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/deny.toml")).expect("the list");
    let list = text.split_once("allow = [").and_then(|(_, rest)| rest.split_once(']')).expect("a list").0;
    list.split(',').map(|word| word.trim().trim_matches('"').to_string()).filter(|word| !word.is_empty()).collect()
}

/// Whether a licence expression can be met: one of its alternatives with all its parts. No expression here nests deeper.
fn is_met(expression: &str, allowed: &[String]) -> bool {
    let plain = |part: &str| part.trim().trim_matches(['(', ')']).trim().to_string();
    // `(MIT OR Apache-2.0) AND Unicode-3.0`: each part by itself; `A OR B AND C` does not occur.
    let parts: Vec<&str> = expression.split(" AND ").collect();
    parts.iter().all(|part| {
        part.split(" OR ").flat_map(|one| one.split('/')).any(|one| allowed.iter().any(|known| *known == plain(one)))
    })
}

/// What `Cargo.lock` pins for every platform: each line `KEY = "VALUE"`'s value.
fn locked(key: &str) -> Vec<String> {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock")).expect("the lock file");
    let start = format!("{key} = \"");
    text.lines().filter_map(|line| Some(line.strip_prefix(&start)?.strip_suffix('"')?.to_string())).collect()
}

#[test]
fn every_package_comes_from_the_registry() {
    let (names, sources) = (locked("name"), locked("source"));
    assert!(names.len() > 100, "the whole tree");
    assert_eq!(sources.len(), names.len() - 1, "only convlens itself has no source");
    for source in sources {
        assert!(source.starts_with("registry+"), "{source}");
    }
    assert_eq!(locked("checksum").len(), names.len() - 1);
}

#[test]
fn what_must_be_there_once_is_and_what_was_left_behind_is_not() {
    let names = locked("name");
    let versions = |name: &str| names.iter().filter(|known| *known == name).count();
    for once in ["crossterm", "ratatui", "ratatui-core"] {
        assert_eq!(versions(once), 1, "{once} is there more than once");
    }
    // Archived, and what was below it has a defect that stays (RUSTSEC-2024-0449).
    for gone in ["serde_yaml", "unsafe-libyaml"] {
        assert_eq!(versions(gone), 0, "{gone} came back");
    }
}

/// Of this platform's packages: what others need was not downloaded to build here.
#[test]
fn every_package_has_a_licence_under_which_it_may_be_built_in() {
    let version = std::process::Command::new("rustc").arg("-vV").output().expect("rustc");
    let version = String::from_utf8(version.stdout).expect("UTF-8");
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).expect("a platform");
    let cargo = std::process::Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", host])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo");
    assert!(cargo.status.success(), "{}", String::from_utf8_lossy(&cargo.stderr));
    let metadata: Value = serde_json::from_slice(&cargo.stdout).expect("JSON");
    let allowed = allowed();
    let packages = metadata["packages"].as_array().expect("packages");
    assert!(packages.len() > 100, "the whole tree");
    for package in packages {
        let licence = package["license"].as_str().unwrap_or_default();
        assert!(is_met(licence, &allowed), "{} {}: {licence}", package["name"], package["version"]);
    }
}

/// Cargo gives a package the features that all ask for who are built with it. Where the tests' tools ask for more, what stands on the
/// package is another than in the program, and `cargo test` builds nearly all of it again.
#[test]
fn the_tests_are_built_on_the_packages_of_the_program() {
    let packages = |edges: &str| -> BTreeSet<String> {
        let cargo = std::process::Command::new(env!("CARGO"))
            .args(["tree", "--locked", "--offline", "--prefix", "none", "--format", "{p} {f}", "--edges", edges])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .expect("cargo");
        assert!(cargo.status.success(), "{}", String::from_utf8_lossy(&cargo.stderr));
        let text = String::from_utf8(cargo.stdout).expect("UTF-8");
        text.lines().map(|line| line.trim_end_matches(" (*)").to_string()).collect()
    };
    let (program, tests) = (packages("normal,build"), packages("normal,build,dev"));
    assert!(program.len() > 100 && tests.len() > program.len(), "the whole tree");
    let other: Vec<&String> = program.difference(&tests).collect();
    assert!(other.is_empty(), "built once more for the tests, with other features: {other:#?}");
}

#[test]
fn a_licence_is_met_by_one_of_its_alternatives_with_all_their_parts() {
    let allowed = ["MIT".to_string(), "ISC".into(), "Unicode-3.0".into()];
    for (expression, met) in [
        ("MIT OR Apache-2.0", true),
        ("Apache-2.0/MIT", true),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", true),
        ("Apache-2.0 AND ISC", false),
        ("GPL-3.0-only", false),
        ("", false),
    ] {
        assert_eq!(is_met(expression, &allowed), met, "{expression}");
    }
}
