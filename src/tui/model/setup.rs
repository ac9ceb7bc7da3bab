//! What networks are run with: one input, and for each architecture its weights and class names.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::entry::Entry;
use crate::run::labels::{self, LabelFiles};
use crate::run::live::{Input, Request, Weights};
use crate::spec::Origin;

/// Files, each for the architecture it was chosen for.
#[derive(Debug, Clone, Default)]
pub struct Chosen(Vec<(Origin, PathBuf)>);

impl Chosen {
    pub fn of(&self, origin: &Origin) -> Option<&PathBuf> {
        self.0.iter().find(|(own, _)| own == origin).map(|(_, path)| path)
    }

    /// Takes another file for an architecture, or none.
    pub fn set(&mut self, origin: Origin, path: Option<PathBuf>) {
        self.0.retain(|(own, _)| *own != origin);
        self.0.extend(path.map(|path| (origin, path)));
    }
}

#[derive(Debug, Clone)]
pub struct Setup {
    /// Weights of the architectures that have some; the others' are drawn at random.
    pub weights: Chosen,
    /// Class names in place of an architecture's own.
    pub labels: Chosen,
    pub input: Input,
    /// The photos that were chosen together, and which of them is the input.
    pub photos: Vec<PathBuf>,
    pub photo: usize,
    pub batch: usize,
    pub runs: usize,
    pub threads: Option<usize>,
    /// Of random weights and of noise.
    pub seed: u64,
}

impl Default for Setup {
    fn default() -> Self {
        Setup {
            weights: Chosen::default(),
            labels: Chosen::default(),
            input: Input::Noise(0),
            photos: Vec::new(),
            photo: 0,
            batch: 1,
            runs: 3,
            threads: None,
            seed: 0,
        }
    }
}

impl Setup {
    /// The weights that an architecture runs with: those that were chosen, or that its own file holds.
    pub fn weights_of<'s>(&'s self, origin: &'s Origin) -> Option<&'s PathBuf> {
        self.weights.of(origin).or(match origin {
            Origin::Foreign(path) => Some(path),
            _ => None,
        })
    }

    /// A run of an architecture.
    pub fn request(&self, entry: &Entry) -> Option<Request> {
        let network = Arc::clone(entry.shared_network()?);
        let weights = self.weights_of(&entry.origin);
        let file = |labels: &str| match &entry.origin {
            Origin::File(file) | Origin::Foreign(file) => {
                file.parent().map_or_else(|| labels.into(), |folder: &Path| folder.join(labels))
            }
            Origin::Bundled(_) => labels.into(),
        };
        let own = labels::own(&network.architecture, file, weights.is_some());
        let labels = LabelFiles { chosen: self.labels.of(&entry.origin).cloned(), own };
        Some(Request {
            network,
            weights: weights.map_or(Weights::Random(self.seed), |path| Weights::File(path.clone())),
            input: self.input.clone(),
            batch: self.batch,
            runs: self.runs,
            threads: self.threads,
            labels,
        })
    }
}
