//! What a command may write: never over what it reads, and not over a file of another kind unless it is told to.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::read;
use super::write;

/// Why nothing is written there. The words go on after "cannot write PATH: ".
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    #[error("`-` is standard input, and nothing is written there; name a file (`./-` is one)")]
    Dash,
    #[error("it is {0}, which this reads; choose another place")]
    IsRead(&'static str),
    #[error("it holds something else than {}; choose another file, or `--force` replaces it", .0.words())]
    AnotherKind(Kind),
    #[error("what is written is {}; call it {}", .0.words(), .0.example())]
    AnotherName(Kind),
    #[error("it is {0}, not a file")]
    NotAFile(&'static str),
    #[error("{0}")]
    Failed(String),
}

/// Bytes of a file that is there that are looked at.
const START: usize = 16;

/// What is written to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Safetensors,
    Png,
    /// A table that begins with what its first column is called.
    Csv(&'static str),
    Onnx,
    /// A text of ours for people, which ends so and begins with one of these.
    Text {
        ending: &'static str,
        begins: &'static str,
    },
}

impl Kind {
    fn words(self) -> &'static str {
        match self {
            Kind::Safetensors => "safetensors",
            Kind::Png => "a PNG picture",
            Kind::Csv(_) => "a table of ours (.csv)",
            Kind::Onnx => "ONNX",
            Kind::Text { ending: ".svg", .. } => "an SVG picture of ours",
            Kind::Text { ending: ".html", .. } => "a page of ours (.html)",
            Kind::Text { ending: ".tex", .. } => "LaTeX of ours",
            Kind::Text { ending: ".1", .. } => "a page of ours for man",
            Kind::Text { .. } => "a graph of ours for Graphviz",
        }
    }

    fn example(self) -> &'static str {
        match self {
            Kind::Safetensors => "NAME.safetensors",
            Kind::Png => "NAME.png",
            Kind::Csv(_) => "NAME.csv",
            Kind::Onnx => "NAME.onnx",
            Kind::Text { ending: ".svg", .. } => "NAME.svg",
            Kind::Text { ending: ".html", .. } => "NAME.html",
            Kind::Text { ending: ".tex", .. } => "NAME.tex",
            Kind::Text { ending: ".1", .. } => "NAME.1",
            Kind::Text { .. } => "NAME.dot",
        }
    }

    /// Endings by which others would take the file for what it is not.
    fn foreign(self) -> &'static [&'static str] {
        match self {
            Kind::Safetensors => &["pth", "pt", "bin", "npy", "npz", "h5", "onnx", "yaml", "yml", "json", "png", "jpg"],
            Kind::Png => &["jpg", "jpeg", "gif", "webp", "bmp", "tif", "tiff", "yaml", "yml", "json", "safetensors"],
            Kind::Csv(_) => &["png", "jpg", "yaml", "yml", "json", "safetensors", "pth"],
            Kind::Text { ending: ".svg", .. } => {
                &["html", "htm", "tex", "dot", "gv", "png", "jpg", "pdf", "yaml", "yml", "json"]
            }
            Kind::Text { ending: ".html", .. } => {
                &["svg", "tex", "dot", "gv", "png", "jpg", "pdf", "yaml", "yml", "json"]
            }
            Kind::Text { ending: ".tex", .. } => {
                &["svg", "html", "htm", "dot", "gv", "png", "pdf", "yaml", "yml", "json"]
            }
            Kind::Text { .. } => &["svg", "html", "htm", "tex", "png", "jpg", "pdf", "yaml", "yml", "json"],
            Kind::Onnx => &["pth", "pt", "png", "jpg", "yaml", "yml", "json", "safetensors", "csv", "h5"],
        }
    }

    /// Whether a file begins as this kind does. An empty one may become any.
    fn fits(self, start: &[u8], length: u64) -> bool {
        start.is_empty()
            || match self {
                Kind::Safetensors => {
                    let header = start.first_chunk().map_or(u64::MAX, |bytes| u64::from_le_bytes(*bytes));
                    start.get(8) == Some(&b'{') && header <= length.saturating_sub(8)
                }
                Kind::Png => start.starts_with(b"\x89PNG\r\n\x1a\n"),
                // The file format's version stands first.
                Kind::Onnx => start[0] == 8,
                Kind::Text { begins, .. } => start.starts_with(&begins.as_bytes()[..begins.len().min(START)]),
                Kind::Csv(first) => start.starts_with(&first.as_bytes()[..first.len().min(START)]),
            }
    }
}

/// What a command reads.
#[derive(Debug, Clone, Default)]
pub struct Inputs(Vec<(PathBuf, &'static str)>);

impl Inputs {
    /// `what` says what it is: "the weights". A folder stands for all that is in it. What is not there cannot be overwritten.
    pub fn add(&mut self, path: &Path, what: &'static str) {
        if let Ok(path) = fs::canonicalize(path) {
            self.0.push((path, what));
        }
    }

    /// What a path is of what is read.
    fn which(&self, path: &Path) -> Option<&'static str> {
        let target = fs::canonicalize(path).ok()?;
        let same = |input: &Path| target.starts_with(input) || is_same_file(&target, input);
        self.0.iter().find(|(input, _)| same(input)).map(|(_, what)| *what)
    }

    /// Refuses a file that is read, and what as an input would be standard input.
    pub fn spare(&self, path: &Path) -> Result<(), OutputError> {
        if read::is_standard_input(path) {
            return Err(OutputError::Dash);
        }
        self.which(path).map_or(Ok(()), |what| Err(OutputError::IsRead(what)))
    }

    /// Refuses a folder, there or not, within one that is read: it would be read with the rest.
    pub fn spare_folder(&self, folder: &Path) -> Result<(), OutputError> {
        if read::is_standard_input(folder) {
            return Err(OutputError::Dash);
        }
        let whole = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
        let there = whole.ancestors().find_map(|folder| fs::canonicalize(folder).ok());
        there.map_or(Ok(()), |there| self.spare(&there))
    }

    /// As [`Inputs::check`], where the folder may be made only when something is written.
    pub fn check_in_folder(&self, path: &Path, kind: Kind, force: bool) -> Result<(), OutputError> {
        if path.starts_with("-") {
            return Err(OutputError::Dash);
        }
        match fs::symlink_metadata(path) {
            Ok(_) => self.check(path, kind, force),
            Err(_) => Ok(()),
        }
    }

    /// Whether a file of a kind can be written there, so that nobody learns it only after the work. Leaves what is there alone.
    pub fn check(&self, path: &Path, kind: Kind, force: bool) -> Result<(), OutputError> {
        self.spare(path)?;
        if path.extension().is_some_and(|own| kind.foreign().iter().any(|known| own.eq_ignore_ascii_case(known))) {
            return Err(OutputError::AnotherName(kind));
        }
        let failed = |error: std::io::Error| OutputError::Failed(read::reason(&error));
        match fs::metadata(path) {
            Ok(there) if there.is_dir() => Err(OutputError::NotAFile("a folder")),
            // What is written through, such as /dev/stdout, holds nothing.
            Ok(there) if !there.is_file() => Ok(()),
            Ok(there) => {
                let mut start = Vec::new();
                let file = fs::File::open(path).map_err(failed)?;
                file.take(START as u64).read_to_end(&mut start).map_err(failed)?;
                if !kind.fits(&start, there.len()) && !force {
                    return Err(OutputError::AnotherKind(kind));
                }
                write::check(path).map_err(failed)
            }
            Err(_) => write::check(path).map_err(failed),
        }
    }
}

/// Two names of one file: hard links.
#[cfg(unix)]
fn is_same_file(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |path: &Path| fs::metadata(path).ok().filter(|own| own.is_file()).map(|own| (own.dev(), own.ino()));
    identity(one).is_some_and(|own| identity(other) == Some(own))
}

#[cfg(not(unix))]
fn is_same_file(_: &Path, _: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_never_written_over() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::write(at("w.safetensors"), "").expect("written");
        fs::create_dir(at("photos")).expect("made");
        fs::write(at("photos/a.png"), "").expect("written");
        fs::hard_link(at("w.safetensors"), at("same.safetensors")).expect("linked");
        let mut inputs = Inputs::default();
        inputs.add(&at("w.safetensors"), "the weights");
        inputs.add(&at("photos"), "the images");
        let words = |name: &str, kind| inputs.check(&at(name), kind, true).err().map(|error| error.to_string());
        let is_read = "it is the weights, which this reads; choose another place".to_string();
        assert_eq!(words("w.safetensors", Kind::Safetensors), Some(is_read.clone()));
        assert_eq!(words("same.safetensors", Kind::Safetensors), Some(is_read));
        assert!(words("photos/a.png", Kind::Png).is_some_and(|words| words.contains("the images")));
        assert_eq!(words("photos/b.png", Kind::Png), None, "a new file takes no one's place");
    }

    #[test]
    fn another_kind_of_file_is_replaced_only_by_force() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::write(at("notes"), "what I have learned so far").expect("written");
        let inputs = Inputs::default();
        let refused = inputs.check(&at("notes"), Kind::Safetensors, false).expect_err("notes").to_string();
        assert_eq!(refused, "it holds something else than safetensors; choose another file, or `--force` replaces it");
        inputs.check(&at("notes"), Kind::Safetensors, true).expect("forced");
        let named = inputs.check(&at("net.pth"), Kind::Safetensors, true).expect_err("a name").to_string();
        assert_eq!(named, "what is written is safetensors; call it NAME.safetensors");
        assert!(matches!(inputs.check(folder.path(), Kind::Png, true), Err(OutputError::NotAFile("a folder"))));
        assert!(inputs.check(&at("no/such/folder.png"), Kind::Png, false).is_err());
        inputs.check(&at("new.png"), Kind::Png, false).expect("a new one");
        assert!(!at("new.png").exists(), "looking leaves nothing behind");
    }
}
