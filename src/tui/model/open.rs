//! Reading architectures, and working out what a text comes to that is being edited.

use std::sync::Arc;

use super::editor::Analysis;
use super::entry::Opened;
use super::shown::Shown;
use crate::graph::{self, Graph, compare};
use crate::spec::{Library, LoadError, Loaded, Origin};

/// An architecture's text and what it comes to.
pub fn open(library: &Library, origin: &Origin, sets: &[(String, String)]) -> (Option<String>, Opened) {
    opened(origin.read_with(sets), |text| library.load_text(origin, text, sets))
}

/// As [`open`], where others wait for it: one that would take longer than a moment is not read yet.
pub fn open_quickly(library: &Library, origin: &Origin, sets: &[(String, String)]) -> (Option<String>, Opened) {
    opened(origin.read_quickly(sets), |text| library.load_listed(origin, text, sets))
}

fn opened(
    text: Result<String, LoadError>,
    load: impl FnOnce(String) -> Result<Loaded, LoadError>,
) -> (Option<String>, Opened) {
    let text = match text {
        Ok(text) => text,
        Err(LoadError::Large { .. }) => return (None, Opened::Unread { is_coming: true }),
        Err(error) => return (None, Opened::Unreadable(error.to_string())),
    };
    let opened = match analysed(load(text.clone())) {
        Ok(network) => Opened::Graph(Arc::new(network)),
        Err(LoadError::Invalid(report)) => Opened::Problems(report),
        Err(LoadError::Large { .. }) => return (None, Opened::Unread { is_coming: true }),
        Err(error) => Opened::Unreadable(error.to_string()),
    };
    (Some(text), opened)
}

fn analysed(loaded: Result<Loaded, LoadError>) -> Result<Graph, LoadError> {
    loaded.and_then(|loaded| graph::analyse(&loaded).map_err(LoadError::Invalid))
}

/// A text to analyse, and the network that is saved.
pub struct Analyse {
    pub origin: Origin,
    pub version: u64,
    pub text: String,
    pub saved: Option<Arc<Graph>>,
}

/// What a text comes to, beside what is saved.
pub fn analyse(library: &Library, sets: &[(String, String)], work: &Analyse) -> Analysis {
    match analysed(library.load_text(&work.origin, work.text.clone(), sets)) {
        Ok(network) => {
            let network = Arc::new(network);
            let rows = match &work.saved {
                Some(saved) => compare::rows(&[saved, &network]),
                None => compare::rows(&[&network]),
            };
            let (shown, rows) = (Some(Shown::of(network)), Arc::new(rows));
            Analysis { shown, problems: Vec::new(), unreadable: None, rows }
        }
        Err(error) => {
            let (problems, unreadable) = match error {
                LoadError::Invalid(report) => (report.diagnostics, None),
                other => (Vec::new(), Some(other.to_string())),
            };
            Analysis { shown: None, problems, unreadable, rows: Arc::default() }
        }
    }
}
