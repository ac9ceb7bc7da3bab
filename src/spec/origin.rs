//! Where one architecture's text is.

use std::path::PathBuf;

use crate::files::read::is_standard_input;

/// Where one architecture's text is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Origin {
    File(PathBuf),
    /// A file of another format, from which a text is made; it is read and never written.
    Foreign(PathBuf),
    Bundled(&'static str),
}

impl Origin {
    pub fn id(&self) -> String {
        match self {
            Origin::Bundled(id) => id.to_string(),
            // With its ending, so that it is nobody else's id.
            Origin::Foreign(path) => {
                path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
            }
            Origin::File(path) if is_standard_input(path) => "stdin".into(),
            Origin::File(path) => path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned()),
        }
    }

    pub fn display(&self) -> String {
        match self {
            Origin::Bundled(id) => format!("{id}.yaml (bundled)"),
            Origin::File(path) if is_standard_input(path) => "standard input".into(),
            Origin::File(path) | Origin::Foreign(path) => path.display().to_string(),
        }
    }
}
