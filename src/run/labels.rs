//! Names of classes: from a text file, one a line; from a JSON list, or ImageNet's class index; from the weights themselves; or
//! ImageNet's, which come with the program.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::files::read;
use crate::reason::Reason;
use crate::spec::kinds::IMAGENET_LABELS;
use crate::spec::{Architecture, Loaded, Origin};

/// The thousand classes of ILSVRC 2012 in the order of their WordNet ids, each by the first of its words, a line each.
const IMAGENET: &str = include_str!("labels/imagenet-1k.txt");

/// Largest file of names, in bytes; ImageNet-21k's has half a million.
pub const LARGEST: u64 = 16 << 20;

/// Why labels cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LabelsError {
    #[error("cannot read the labels {path}: {reason}")]
    Unreadable { path: String, reason: String },
    #[error("{path} has {found} labels, but the network has {wanted} classes")]
    Count { path: String, found: usize, wanted: usize },
}

/// Files that name classes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LabelFiles {
    /// By a flag or in the explorer.
    pub chosen: Option<PathBuf>,
    /// The architecture's own.
    pub own: Option<OwnLabels>,
}

/// What an architecture's `labels:` say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnLabels {
    File(PathBuf),
    /// ImageNet's, for a network of a thousand classes.
    ImageNet,
}

impl LabelFiles {
    /// The files that are read.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let own = self.own.as_ref().and_then(|own| match own {
            OwnLabels::File(path) => Some(path),
            OwnLabels::ImageNet => None,
        });
        self.chosen.iter().chain(own)
    }
}

/// An architecture's own names. Of a network whose weights were drawn at random ImageNet's would promise what is not there.
pub fn own(architecture: &Architecture, file: impl FnOnce(&str) -> PathBuf, is_trained: bool) -> Option<OwnLabels> {
    match architecture.labels.as_deref()? {
        IMAGENET_LABELS => is_trained.then_some(OwnLabels::ImageNet),
        labels => Some(OwnLabels::File(file(labels))),
    }
}

/// The names that count: those of the file that was chosen, else those that the weights carry, which know what they were
/// trained on, else those that the architecture names.
pub fn names(
    files: &LabelFiles,
    of_weights: Option<&[String]>,
    classes: usize,
) -> Result<Option<Vec<String>>, LabelsError> {
    match (&files.chosen, of_weights.filter(|names| names.len() == classes), &files.own) {
        (Some(path), ..) | (None, None, Some(OwnLabels::File(path))) => read(path, classes).map(Some),
        (None, Some(names), _) => Ok(Some(names.to_vec())),
        (None, None, Some(OwnLabels::ImageNet)) => Ok(Some(imagenet()).filter(|names| names.len() == classes)),
        (None, None, None) => Ok(None),
    }
}

fn imagenet() -> Vec<String> {
    IMAGENET.lines().map(str::to_string).collect()
}

/// Reads a file of names: lines, of which empty ones at the end do not count; a JSON list of texts; or a JSON map from numbers
/// to texts, or to ImageNet's pairs of id and name (Keras' `imagenet_class_index.json`).
pub fn read(path: &Path, classes: usize) -> Result<Vec<String>, LabelsError> {
    let name = path.display().to_string();
    let unreadable = |reason: String| LabelsError::Unreadable { path: name.clone(), reason };
    let text = read::text(path, LARGEST).map_err(|error| unreadable(error.to_string()))?;
    let labels = match text.trim_start().starts_with(['[', '{']) {
        true => match serde_json::from_str::<Value>(&text) {
            Ok(value) => from_json(&value).map_err(|reason| unreadable(reason.0))?,
            // A class may be called `[none]`.
            Err(_) if text.trim_start().starts_with('[') && !is_json(path) => from_lines(&text),
            Err(error) => return Err(unreadable(format!("it is not JSON: {error}"))),
        },
        false => from_lines(&text),
    };
    match labels.len() == classes {
        true => Ok(labels),
        false => Err(LabelsError::Count { path: name, found: labels.len(), wanted: classes }),
    }
}

fn is_json(path: &Path) -> bool {
    path.extension().is_some_and(|own| own.eq_ignore_ascii_case("json"))
}

fn from_lines(text: &str) -> Vec<String> {
    text.trim_end().lines().map(|line| line.trim().to_string()).collect()
}

fn from_json(value: &Value) -> Result<Vec<String>, Reason> {
    let word = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        // `["n01440764", "tench"]`
        Value::Array(parts) => parts.last().and_then(Value::as_str).map(str::to_string),
        _ => None,
    };
    match value {
        Value::Array(items) => {
            let words = items
                .iter()
                .enumerate()
                .map(|(at, item)| word(item).ok_or_else(|| format!("entry {at} is no text").into()));
            words.collect()
        }
        Value::Object(entries) => (0..entries.len())
            .map(|class| {
                let entry = entries.get(&class.to_string()).ok_or_else(|| format!("it has no class `{class}`"))?;
                word(entry).ok_or_else(|| format!("class `{class}` has no text as its name").into())
            })
            .collect(),
        _ => Err("it is neither a list of names nor a map from numbers to names".into()),
    }
}

/// An architecture's own `labels:`: a file beside the one that says so, or from here if a flag did; or ImageNet's.
pub fn of(loaded: &Loaded, is_trained: bool) -> Option<OwnLabels> {
    let source = loaded.architecture.labels_mark.and_then(|mark| loaded.sources.texts.get(usize::from(mark.source)));
    let file = |labels: &str| match source.and_then(|source| source.origin.as_ref()) {
        Some(Origin::File(file) | Origin::Foreign(file)) => file.parent().unwrap_or(Path::new("")).join(labels),
        Some(Origin::Bundled(_)) | None => PathBuf::from(labels),
    };
    own(&loaded.architecture, file, is_trained)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Vec<String>, LabelsError> {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("written");
        read(file.path(), 2)
    }

    #[test]
    fn names_are_read_from_lines_lists_and_the_class_index() {
        let cats = ["cat", "dog"];
        assert_eq!(read_text("\u{feff}cat\r\ndog\r\n\n").expect("lines"), cats);
        assert_eq!(read_text(r#"["cat", "dog"]"#).expect("a list"), cats);
        assert_eq!(read_text(r#"{"1": ["n02", "dog"], "0": ["n01", "cat"]}"#).expect("the index"), cats);
        assert_eq!(read_text(r#"{"0": "cat", "1": "dog"}"#).expect("a map"), cats);
        assert_eq!(read_text("[none]\ndog").expect("lines"), ["[none]", "dog"]);
        assert!(read_text(r#"{"1": "cat", "2": "dog"}"#).unwrap_err().to_string().contains("no class `0`"));
        assert!(read_text(r#"{"0": "cat", "1": "dog",}"#).unwrap_err().to_string().contains("not JSON"));
        assert!(read_text("cat").unwrap_err().to_string().contains("1 labels, but the network has 2"));
    }

    #[test]
    fn what_was_chosen_counts_before_the_weights_and_they_before_the_architecture() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "a\nb\n").expect("written");
        let path = Some(file.path().to_path_buf());
        let of_weights = ["c".to_string(), "d".to_string()];
        let names = |chosen: &Option<PathBuf>, own: &Option<PathBuf>, classes| {
            let files = LabelFiles { chosen: chosen.clone(), own: own.clone().map(OwnLabels::File) };
            names(&files, Some(&of_weights), classes).expect("names")
        };
        assert_eq!(names(&path, &None, 2).expect("chosen"), ["a", "b"]);
        assert_eq!(names(&None, &path, 2).expect("the weights'"), of_weights);
        // Names of another number of classes are not these classes'.
        assert_eq!(names(&None, &None, 3), None);
    }

    #[test]
    fn imagenets_names_are_for_a_thousand_classes() {
        let files = LabelFiles { chosen: None, own: Some(OwnLabels::ImageNet) };
        let all = names(&files, None, 1000).expect("names").expect("a thousand");
        // Their places in the challenge: n01440764, n02123045, n15075141.
        assert_eq!((all.len(), &*all[0], &*all[281], &*all[999]), (1000, "tench", "tabby", "toilet tissue"));
        assert_eq!(names(&files, None, 10).expect("none"), None);
    }
}
