//! The house's rooms, as the imports of `src` have them: arrows go one way, and no two files need each other.

#![allow(clippy::disallowed_methods, reason = "tests read the files of the project")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Rooms from the ground up: each may know those before it.
const ROOMS: [&str; 9] = ["visible", "reason", "files", "spec", "graph", "report", "network", "exchange", "run"];

/// Every module's path (`graph::ops::conv`) with its text, without comments and tests.
fn modules() -> BTreeMap<String, String> {
    fn walk(folder: &Path, into: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(&path, into);
            } else if path.extension().is_some_and(|end| end == "rs") {
                into.push(path);
            }
        }
    }
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src"));
    let mut files = Vec::new();
    walk(root, &mut files);
    let module = |path: &std::path::PathBuf| {
        let relative = path.strip_prefix(root).expect("inside").with_extension("");
        let parts: Vec<String> = relative.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        let name = parts.join("::");
        let text = std::fs::read_to_string(path).expect("a source file");
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        (name.strip_suffix("::mod").unwrap_or(&name).to_string(), lines.collect::<Vec<_>>().join("\n"))
    };
    files.iter().map(module).filter(|(name, _)| !matches!(name.as_str(), "lib" | "main")).collect()
}

/// `a::{b, c::{d, e}}` as `a::b`, `a::c::d`, `a::c::e`.
fn spread(path: &str) -> Vec<String> {
    let Some((before, rest)) = path.split_once('{') else {
        return vec![path.split(" as ").next().unwrap_or(path).trim().to_string()];
    };
    let inside = rest.rsplit_once('}').map_or(rest, |(inside, _)| inside);
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (at, letter) in inside.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&inside[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&inside[start..]);
    let parts = parts.into_iter().map(str::trim).filter(|part| !part.is_empty());
    parts.flat_map(|part| spread(&format!("{}{part}", before.trim()))).collect()
}

/// What a module names of the crate, as whole paths.
fn named(module: &str, text: &str) -> Vec<String> {
    let mut paths: Vec<String> = Vec::new();
    for import in text.split("use ").skip(1) {
        paths.extend(spread(import.split(';').next().unwrap_or_default()));
    }
    for start in ["crate::", "super::"] {
        for (at, _) in text.match_indices(start) {
            let word = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':';
            let before = text[..at].chars().next_back();
            if !before.is_some_and(word) {
                paths.push(text[at..].chars().take_while(|letter| word(*letter)).collect());
            }
        }
    }
    let whole = |path: String| {
        let mut around: Vec<&str> = module.split("::").collect();
        let mut rest = path.as_str();
        if let Some(path) = rest.strip_prefix("crate::") {
            return Some(path.to_string());
        }
        if !rest.starts_with("super::") {
            return None;
        }
        while let Some(path) = rest.strip_prefix("super::") {
            around.pop();
            rest = path;
        }
        around.push(rest);
        Some(around.join("::"))
    };
    paths.into_iter().filter_map(whole).collect()
}

/// The modules that each module needs.
fn needs(modules: &BTreeMap<String, String>) -> BTreeMap<String, BTreeSet<String>> {
    let longest = |path: &str| {
        let mut path = path.to_string();
        loop {
            if modules.contains_key(&path) {
                return Some(path);
            }
            path = path.rsplit_once("::")?.0.to_string();
        }
    };
    let of = |(name, text): (&String, &String)| {
        let own = named(name, text).into_iter().filter_map(|path| longest(&path)).filter(|other| other != name);
        (name.clone(), own.collect())
    };
    modules.iter().map(of).collect()
}

fn room(module: &str) -> &str {
    module.split("::").next().unwrap_or(module)
}

#[test]
fn arrows_go_one_way() {
    let modules = modules();
    assert!(modules.len() > 200, "the whole house");
    let mut wrong = Vec::new();
    for (module, others) in needs(&modules) {
        let own = room(&module);
        for other in others.iter().filter(|other| room(other) != own) {
            let allowed = match ROOMS.iter().position(|name| *name == own) {
                Some(floor) => ROOMS[..floor].contains(&room(other)),
                // The command line opens the explorer; the explorer knows nothing of the command line.
                None => ROOMS.contains(&room(other)) || own == "cli" && room(other) == "tui",
            };
            if !allowed {
                wrong.push(format!("{module} needs {other}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_belongs_to_one_room_is_known_in_no_other() {
    for (name, text) in modules() {
        for (package, home) in [("ratatui", "tui"), ("serde_yaml", "spec"), ("clap", "cli")] {
            let named = text.contains(&format!("{package}::"));
            assert!(!named || room(&name) == home, "{name} knows {package}");
        }
    }
}

#[test]
fn no_two_files_need_each_other() {
    let needs = needs(&modules());
    // All that a module leads to.
    let reach = |start: &str| {
        let mut reached: BTreeSet<&str> = BTreeSet::new();
        let mut next: Vec<&str> = needs[start].iter().map(String::as_str).collect();
        while let Some(module) = next.pop() {
            if reached.insert(module) {
                next.extend(needs[module].iter().map(String::as_str));
            }
        }
        reached
    };
    let circles = needs.keys().filter(|module| reach(module).contains(module.as_str()));
    let circles: Vec<&String> = circles.collect();
    assert!(circles.is_empty(), "in a circle: {circles:?}");
}
