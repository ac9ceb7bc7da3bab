//! Plots on the command line: below a table in a terminal, and as a picture.

use std::path::Path;

use super::{Failure, output};
use crate::files::{Inputs, Kind, reason, write};
use crate::report::plot::{self, Plot};

/// Rows of a plot in a terminal, and columns where there is none to ask, and at most.
const ROWS: usize = 16;
const COLUMNS: usize = 100;
const MOST_COLUMNS: usize = 120;

/// Whether the picture that is asked for can be written, before any work.
pub fn check(inputs: &Inputs, picture: Option<&Path>, force: bool) -> Result<(), Failure> {
    let Some(path) = picture else { return Ok(()) };
    let kind = Kind::Text { ending: ".svg", begins: plot::MARK };
    inputs.check(path, kind, force).map_err(super::unwritable(path))
}

pub fn write_picture(plot: &Plot, path: &Path) -> Result<(), Failure> {
    let failed =
        |error: std::io::Error| Failure::Message(format!("cannot write {}: {}", path.display(), reason(&error)));
    write::write_text(path, &plot.svg()).map_err(failed)
}

/// A plot below what stands there already.
pub fn print(plot: &Plot) -> Result<(), Failure> {
    output::blank_line()?;
    let mut page = output::page();
    for line in plot.text(output::terminal_width().unwrap_or(COLUMNS).min(MOST_COLUMNS), ROWS) {
        page.line(&line)?;
    }
    Ok(())
}
