//! `convlens schema`: the architecture file for editors.

use std::io::Write;

use super::{Failure, output};
use crate::spec::schema::schema;

pub fn run() -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(&schema()).map_err(Failure::because)?;
    Ok(output::page().write_all((text + "\n").as_bytes())?)
}
