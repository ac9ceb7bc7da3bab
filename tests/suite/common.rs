//! Helpers that several tests share.

use std::path::{Path, PathBuf};

use convlens::graph::{self, Graph};
use convlens::spec::{Library, Origin};

/// A file of the project.
pub fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A file of the shared real datasets, photos and weights; where they are missing the test says that it was skipped.
pub fn data(path: &str) -> Option<PathBuf> {
    let file = project("../shared/data").join(path);
    if file.exists() {
        return Some(file);
    }
    skipped(&format!("../shared/data/{path}"));
    None
}

/// Notes that a test had nothing to test: told by name at the end of the run, where it is seen, by the target `zz_skipped`.
pub fn skipped(wanting: &str) {
    use std::io::Write;
    let list = Path::new(env!("CARGO_TARGET_TMPDIR")).join("skipped.txt");
    let test = std::thread::current().name().unwrap_or("a test").to_string();
    let list = std::fs::File::options().create(true).append(true).open(list);
    list.and_then(|mut list| writeln!(list, "{test} needs {wanting}")).expect("the list of skipped tests");
}

/// A Python with these modules: the one that `CONVLENS_PYTHON` names, or `python3`. Where they are missing the test says that it
/// was skipped.
pub fn python(modules: &str) -> Option<PathBuf> {
    let python = std::env::var_os("CONVLENS_PYTHON").map_or_else(|| PathBuf::from("python3"), PathBuf::from);
    let import = std::process::Command::new(&python).args(["-c", &format!("import {modules}")]).output();
    if import.is_ok_and(|import| import.status.success()) {
        return Some(python);
    }
    skipped(&format!("a Python with {modules} (CONVLENS_PYTHON says which)"));
    None
}

/// The network of an architecture file, or of a bundled id.
pub fn network(name: &str) -> Graph {
    let library = Library::new(None);
    let loaded = match name.ends_with(".yaml") {
        true => library.load_origin(&Origin::File(project(name)), &[]),
        false => library.load(name, &[]),
    };
    let loaded = loaded.unwrap_or_else(|error| panic!("{name}: {error}"));
    graph::analyse(&loaded).unwrap_or_else(|report| panic!("{name}: {report}"))
}

/// The program, with a clean environment.
pub fn convlens(arguments: &[&str]) -> assert_cmd::Command {
    let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_convlens"));
    command.args(arguments).current_dir(project("")).env_remove("NO_COLOR").env("COLUMNS", "120");
    command
}

/// What the program prints when it succeeds.
pub fn stdout(arguments: &[&str]) -> String {
    let output = convlens(arguments).output().expect("the program starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?} failed: {errors}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// What the program prints with `--format json`.
pub fn json(arguments: &[&str]) -> serde_json::Value {
    let mut all = arguments.to_vec();
    all.extend(["--format", "json"]);
    serde_json::from_str(&stdout(&all)).expect("JSON")
}
