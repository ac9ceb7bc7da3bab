//! Runs after the suite (targets run in the order of their names) and tells which of its tests had nothing to test.

#![allow(clippy::disallowed_methods, reason = "the list is the tests' own")]

use std::io::Write;
use std::path::Path;

#[test]
fn no_test_was_skipped_where_none_may_be() {
    let list = Path::new(env!("CARGO_TARGET_TMPDIR")).join("skipped.txt");
    let mut skipped: Vec<String> =
        std::fs::read_to_string(&list).unwrap_or_default().lines().map(str::to_string).collect();
    let _ = std::fs::remove_file(list);
    skipped.sort();
    skipped.dedup();
    for line in &skipped {
        // Not captured by the test harness, so that it is seen.
        let _ = writeln!(std::io::stderr(), "SKIPPED: {line}");
    }
    let all = std::env::var_os("CONVLENS_TEST_ALL").is_some();
    // What a machine cannot have is told above and wanted no more.
    let without = std::env::var("CONVLENS_TEST_WITHOUT").ok().filter(|words| !words.is_empty());
    skipped.retain(|line| without.as_ref().is_none_or(|words| !line.contains(&format!("needs {words}"))));
    assert!(skipped.is_empty() || !all, "{} tests had no data, and CONVLENS_TEST_ALL is set", skipped.len());
}
