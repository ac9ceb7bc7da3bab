//! Class names from a text file, one a line.

use std::path::{Path, PathBuf};

use crate::spec::{Loaded, Origin};

/// Why labels cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LabelsError {
    #[error("cannot read the labels {path}: {reason}")]
    Unreadable { path: String, reason: String },
    #[error("{path} has {found} labels, but the network has {wanted} classes")]
    Count { path: String, found: usize, wanted: usize },
}

/// Reads one label a line; blank lines at the end do not count.
pub fn read(path: &Path, classes: usize) -> Result<Vec<String>, LabelsError> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|error| LabelsError::Unreadable { path: name.clone(), reason: error.to_string() })?;
    let labels: Vec<String> = text.trim_end().lines().map(|line| line.trim().to_string()).collect();
    match labels.len() == classes {
        true => Ok(labels),
        false => Err(LabelsError::Count { path: name, found: labels.len(), wanted: classes }),
    }
}

/// Where an architecture's own `labels:` are: beside the file that says so, or from here if a flag did.
pub fn path_of(loaded: &Loaded) -> Option<PathBuf> {
    let labels = loaded.architecture.labels.as_ref()?;
    let source = loaded.architecture.labels_mark.and_then(|mark| loaded.sources.0.get(usize::from(mark.source)));
    Some(match source.and_then(|source| source.origin.as_ref()) {
        Some(Origin::File(file)) => file.parent().unwrap_or(Path::new("")).join(labels),
        Some(Origin::Bundled(_)) | None => PathBuf::from(labels),
    })
}
