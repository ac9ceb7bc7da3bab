//! Networks as pictures and papers: what a reader is shown of them outside of this program.
//!
//! `scene` takes it apart into what is drawn: layers with what they bring along, blocks around them, ways beside one
//! another, repetitions folded. `dot`, `svg` and `latex` each write it in their language; `html` is a page with the picture, the
//! numbers and their working.

mod dot;
mod fold;
mod html;
mod label;
mod latex;
mod layout;
mod parts;
mod scene;
mod shade;
mod svg;

use std::path::Path;

pub use shade::{Measure, Shade};

use crate::files::{Kind, reason, write};
use crate::graph::Graph;
use crate::reason::Reason;

/// What a network can be written as, for people to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Dot,
    Svg,
    Latex,
    Html,
}

impl Format {
    pub const ALL: [Format; 4] = [Format::Dot, Format::Svg, Format::Latex, Format::Html];

    /// The format's name, on the command line too.
    pub fn name(self) -> &'static str {
        match self {
            Format::Dot => "dot",
            Format::Svg => "svg",
            Format::Latex => "latex",
            Format::Html => "html",
        }
    }

    /// What a file's ending stands for.
    pub fn of(path: &Path) -> Option<Format> {
        let name = path.file_name()?.to_str()?.to_lowercase();
        Format::ALL.into_iter().find(|format| name.len() > format.ending().len() && name.ends_with(format.ending()))
    }

    /// What our files begin with, by which they are told from others' of the same kind.
    fn mark(self) -> &'static str {
        match self {
            Format::Dot => "// convlens\n",
            Format::Latex => "% convlens\n",
            Format::Svg | Format::Html => "<!-- convlens -->\n",
        }
    }

    /// What is written, for whoever asks before a file is replaced.
    pub fn kind(self) -> Kind {
        Kind::Text { ending: self.ending(), begins: self.mark() }
    }

    /// What its files end in.
    pub fn ending(self) -> &'static str {
        match self {
            Format::Latex => ".tex",
            Format::Dot => ".dot",
            Format::Svg => ".svg",
            Format::Html => ".html",
        }
    }
}

/// A network in a format's language.
pub fn text(network: &Graph, format: Format, shade: &Shade) -> String {
    let parts = scene::of(network);
    let text = match format {
        Format::Dot => dot::text(network, &parts, shade),
        Format::Svg => svg::text(network, &parts, shade),
        Format::Latex => latex::text(network, &parts),
        Format::Html => html::text(network, &parts, shade),
    };
    format!("{}{text}", format.mark())
}

/// Writes a network to a file; the error says why not.
pub fn write(network: &Graph, format: Format, shade: &Shade, path: &Path) -> Result<(), Reason> {
    let written = write::write_text(path, &text(network, format, shade));
    written.map_err(|error| format!("cannot write {}: {}", path.display(), reason(&error)).into())
}
