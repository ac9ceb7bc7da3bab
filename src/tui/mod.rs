//! The explorer.

use crate::spec::Library;

pub fn run(_: &Library, _: Option<&str>, _: &[(String, String)]) -> Result<(), String> {
    Err("not yet".into())
}
