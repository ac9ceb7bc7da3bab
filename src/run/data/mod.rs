//! Labelled images for training: where they come from, which are kept aside, and how one becomes the network's input.
//!
//! A [`Source`] is what `--data` names. [`open`] reads it (`idx`, `cifar`, `folder`, tensor files) or makes it
//! (`synthetic`), checks it, and splits it into [`Sets`]. A [`DataSet`] then gives single samples, which depend on the
//! seed, the epoch and the image only, never on which other images are in a mini-batch (`sample`).

pub mod augment;
mod cifar;
mod folder;
mod idx;
pub mod mixing;
mod sample;
mod synthetic;

use std::path::{Path, PathBuf};

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_xoshiro::Xoshiro256PlusPlus;

pub use augment::Augment;
pub use sample::{DataSet, Images};

use super::tensors::{self, TensorError};
use crate::exchange::weights::TensorFile;
use crate::files;
use crate::network::random::mix;
use crate::reason::Reason;
use crate::spec::describe::{Architecture, Input};
use crate::visible::visible;

/// What `--data` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Generated, of so many classes; as many as the network has without a number.
    Synthetic(Option<usize>),
    /// A safetensors file with `input` and `labels`.
    Tensors(PathBuf),
    /// A folder with the MNIST family's files.
    Idx(PathBuf),
    /// A folder with CIFAR-10's binary files.
    Cifar10(PathBuf),
    /// A folder with a folder of images for each class.
    Folder(PathBuf),
}

/// What may be written after `--data`.
pub const FORMS: &str =
    "`synthetic`, `synthetic:CLASSES`, `idx:DIR`, `cifar10:DIR`, `folder:DIR` or `tensors:FILE.safetensors`";

impl std::str::FromStr for Source {
    type Err = Reason;

    fn from_str(text: &str) -> Result<Self, Reason> {
        let (kind, rest) = text.split_once(':').map_or((text, None), |(kind, rest)| (kind, Some(rest)));
        if rest == Some("-") {
            return Err("data is read again and again, and so from a disk, not from standard input".into());
        }
        let path = rest.filter(|rest| !rest.is_empty()).map(PathBuf::from);
        match (kind, rest, path) {
            ("synthetic", None, _) => Ok(Source::Synthetic(None)),
            ("synthetic", Some(classes), _) => match classes.parse() {
                Ok(classes @ 2..=1_000_000) => Ok(Source::Synthetic(Some(classes))),
                _ => Err(format!("`{classes}` is not a number of classes from 2 to 1,000,000").into()),
            },
            ("tensors", _, Some(path)) => Ok(Source::Tensors(path)),
            ("idx", _, Some(path)) => Ok(Source::Idx(path)),
            ("cifar10", _, Some(path)) => Ok(Source::Cifar10(path)),
            ("folder", _, Some(path)) => Ok(Source::Folder(path)),
            _ if Path::new(text).is_dir() => Err(format!(
                "a folder needs its kind before it, such as `idx:{text}` or `folder:{text}`; expected {FORMS}"
            )
            .into()),
            _ => Err(format!("expected {FORMS}").into()),
        }
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Source::Synthetic(None) => write!(formatter, "synthetic"),
            Source::Synthetic(Some(classes)) => write!(formatter, "synthetic:{classes}"),
            Source::Tensors(path) => write!(formatter, "tensors:{}", path.display()),
            Source::Idx(path) => write!(formatter, "idx:{}", path.display()),
            Source::Cifar10(path) => write!(formatter, "cifar10:{}", path.display()),
            Source::Folder(path) => write!(formatter, "folder:{}", path.display()),
        }
    }
}

impl Source {
    /// The file or folder it is read from.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Source::Synthetic(_) => None,
            Source::Tensors(path) | Source::Idx(path) | Source::Cifar10(path) | Source::Folder(path) => Some(path),
        }
    }

    /// The same data, found from any folder.
    pub fn absolute(&self) -> Source {
        let whole = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        match self {
            Source::Synthetic(classes) => Source::Synthetic(*classes),
            Source::Tensors(path) => Source::Tensors(whole(path)),
            Source::Idx(path) => Source::Idx(whole(path)),
            Source::Cifar10(path) => Source::Cifar10(whole(path)),
            Source::Folder(path) => Source::Folder(whole(path)),
        }
    }
}

/// Why data cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    #[error("{0}")]
    Tensors(#[from] TensorError),
    #[error("the data has {data} class{}{}, but the network {network}; {way_out}", if *.data == 1 { "" } else { "es" }, listed_in_brackets(.names))]
    Classes { data: usize, names: Vec<String>, network: usize, way_out: String },
    #[error("{path}: label {at} is {label}, but the network has {classes} classes (0 to {}); {way_out}", .classes - 1)]
    Label { path: String, at: usize, label: f32, classes: usize, way_out: String },
    #[error("cannot read {path}: {reason}")]
    Unreadable { path: String, reason: String },
    /// A file that is there and is not what it should be.
    #[error("{path} {reason}")]
    Damaged { path: String, reason: String },
    #[error("{path}: {reason}")]
    Absent { path: String, reason: String },
    #[error("the network takes {} channels; images have 3, or 1 as gray{}", .0.channels, channels_last(.0))]
    Channels(Input),
    #[error("nothing is left to train on: {0}")]
    Nothing(String),
    #[error("{0}")]
    Memory(#[from] super::machine::TooLarge),
}

fn channels_last(input: &Input) -> String {
    match (input.channels, input.height, input.width) {
        // One of the others is what images have.
        (_, 1 | 3, _) | (_, _, 1 | 3) => {
            "; `input` is [channels, height, width], and another of its numbers looks like the channels".into()
        }
        _ => String::new(),
    }
}

fn listed_in_brackets(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!(" ({})", listed(names)) }
}

/// A class's name without what folders spell otherwise: `bell_pepper` is `Bell pepper`.
fn spelled(name: &str) -> String {
    name.to_lowercase().replace(['_', '-'], " ")
}

/// The first of some names, and how many more there are.
fn listed(names: &[String]) -> String {
    const MOST: usize = 12;
    let shown: Vec<_> = names.iter().take(MOST).map(|name| visible(name)).collect();
    match names.len().saturating_sub(MOST) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// What a network and a recipe want of data.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    pub architecture: &'a Architecture,
    /// Outputs of the network.
    pub classes: usize,
    /// Names of the network's classes, where they are known: data whose names are among them is labelled by name.
    pub known: Option<&'a [String]>,
    pub seed: u64,
    /// Only the first so many training images.
    pub limit: Option<u64>,
    /// Part of the training images kept aside, 0 to below 1.
    pub val_split: f64,
}

impl Wanted<'_> {
    fn input(&self) -> Input {
        self.architecture.input
    }

    /// How the network would get `data` classes.
    fn way_out(&self, data: usize) -> String {
        match self.architecture.classes == Some(self.classes as u64) {
            true => format!("`--set classes={data}` makes them fit"),
            false => format!("give the network's last layer `out: {data}`"),
        }
    }

    /// Refuses labels that the network has no output for.
    fn check_labels(&self, path: &Path, labels: &[u32]) -> Result<(), DataError> {
        let Some(at) = labels.iter().position(|&label| label as usize >= self.classes) else { return Ok(()) };
        let data = labels.iter().max().map_or(0, |&label| label as usize + 1);
        let (label, path) = (labels[at] as f32, path.display().to_string());
        let mut way_out = self.way_out(data);
        // EMNIST's letters are 1 to 26.
        if labels.iter().min() == Some(&1) {
            way_out = format!("its labels count from 1 to {}, and class 0 would stay empty: {way_out}", data - 1);
        }
        Err(DataError::Label { path, at, label, classes: self.classes, way_out })
    }

    fn check_classes(&self, data: usize) -> Result<(), DataError> {
        match data == self.classes {
            true => Ok(()),
            false => self.other_classes(data, Vec::new()),
        }
    }

    fn check_named_classes(&self, names: &[String]) -> Result<(), DataError> {
        match names.len() == self.classes {
            true => Ok(()),
            false => self.other_classes(names.len(), names.to_vec()),
        }
    }

    /// For each of the data's classes the network's of that name; none unless all are known.
    fn by_name(&self, names: &[String]) -> Option<Vec<usize>> {
        let known: Vec<String> = self.known?.iter().map(|name| spelled(name)).collect();
        let places = names.iter().map(|name| known.iter().position(|own| *own == spelled(name)));
        places.collect::<Option<Vec<usize>>>().filter(|places| {
            // One class of the network is no two of the data.
            places.iter().collect::<std::collections::HashSet<_>>().len() == places.len()
        })
    }

    fn other_classes(&self, data: usize, names: Vec<String>) -> Result<(), DataError> {
        Err(DataError::Classes { data, names, network: self.classes, way_out: self.way_out(data) })
    }
}

/// Data read and split.
#[derive(Debug, Clone)]
pub struct Sets {
    pub train: DataSet,
    /// Looked at after every epoch.
    pub validation: Option<DataSet>,
    /// Looked at once, when training ends: the data's own second part, where validation is part of the first.
    pub test: Option<DataSet>,
    /// Names of the classes, where the data has some.
    pub names: Vec<String>,
    /// What was done to the images that one might not expect, as sentences.
    pub notes: Vec<String>,
}

/// What a reader of a format gives.
struct Read {
    train: DataSet,
    second: Option<DataSet>,
    names: Vec<String>,
    /// What was done or left out, as sentences.
    notes: Vec<String>,
}

/// Reads or makes the data and splits it.
pub fn open(source: &Source, wanted: &Wanted) -> Result<Sets, DataError> {
    let Read { train, second, names, notes: read } = match source {
        Source::Synthetic(classes) => {
            if let Some(data) = classes {
                wanted.check_classes(*data)?;
            }
            synthetic::make(wanted)?
        }
        Source::Tensors(path) => from_tensors(path, wanted)?,
        Source::Idx(path) => idx::open(path, wanted)?,
        Source::Cifar10(path) => cifar::open(path, wanted)?,
        Source::Folder(path) => folder::open(path, wanted)?,
    };
    let mut notes = train.adaptation();
    notes.extend(read);
    let limit = wanted.limit.map_or(train.len(), |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let train = train.first(limit);
    let aside = (train.len() as f64 * wanted.val_split).round() as usize;
    let (train, validation, test) = match wanted.val_split > 0.0 {
        true => {
            let aside = aside.max(1);
            if aside >= train.len() {
                let reason = format!("`val_split` keeps {aside} of {} images aside", train.len());
                return Err(DataError::Nothing(reason));
            }
            let mut order: Vec<usize> = (0..train.len()).collect();
            order.shuffle(&mut Xoshiro256PlusPlus::seed_from_u64(mix(wanted.seed, u64::MAX - 2)));
            let mut parts = [order.split_off(aside), order];
            parts.iter_mut().for_each(|part| part.sort_unstable());
            let [train_part, validation_part] = parts;
            (train.only(&train_part), Some(train.only(&validation_part)), second)
        }
        false => (train, second, None),
    };
    if train.is_empty() {
        return Err(DataError::Nothing(format!("{source} has no images")));
    }
    if validation.is_none() {
        notes.push("there is no validation set; `--val-split 0.1` keeps a tenth of the images aside for one".into());
    }
    Ok(Sets { train, validation, test, names, notes })
}

fn from_tensors(path: &Path, wanted: &Wanted) -> Result<Read, DataError> {
    let input = wanted.input();
    let inputs = tensors::read(path, input)?;
    let name = path.display().to_string();
    let file = TensorFile::open(path).map_err(TensorError::from)?;
    let Some(entry) = file.find("labels") else {
        let found = file.entries.iter().take(8).map(|entry| format!("`{}`", entry.name)).collect();
        return Err(TensorError::Absent { path: name, name: "labels", found }.into());
    };
    let read = file.read(entry).map_err(TensorError::from)?;
    let one = (input.channels * input.height * input.width) as usize;
    if read.len() * one != inputs.len() {
        let reason = format!("{} labels for {} images", read.len(), inputs.len() / one);
        return Err(TensorError::Labels { path: name, reason }.into());
    }
    if let Some(at) = inputs.iter().position(|value| !value.is_finite()) {
        return Err(TensorError::NotFinite { path: name, image: at / one, value: inputs[at] }.into());
    }
    let mut labels = Vec::with_capacity(read.len());
    for (at, &label) in read.iter().enumerate() {
        if !(label >= 0.0 && label < wanted.classes as f32 && label.fract() == 0.0) {
            let most = read.iter().copied().fold(0.0, f32::max) as usize + 1;
            let way_out = match label >= 0.0 && label.fract() == 0.0 {
                true => wanted.way_out(most),
                false => "labels count from 0".into(),
            };
            return Err(DataError::Label { path: name, at, label, classes: wanted.classes, way_out });
        }
        labels.push(label as u32);
    }
    let train = DataSet::new(Images::Ready(inputs), labels, wanted.architecture);
    Ok(Read { train, second: None, names: Vec::new(), notes: Vec::new() })
}

/// Bytes of a file that fits into memory.
fn read_bytes(path: &Path) -> Result<Vec<u8>, DataError> {
    let unreadable = |reason: String| DataError::Unreadable { path: path.display().to_string(), reason };
    let length = std::fs::metadata(path).map_err(|error| unreadable(files::reason(&error)))?.len();
    super::machine::check(length)?;
    files::read::bytes(path, length).map_err(|error| unreadable(error.to_string()))
}

/// The names in a folder, in order.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let unreadable = |error: std::io::Error| DataError::Unreadable {
        path: folder.display().to_string(),
        reason: files::reason(&error),
    };
    if folder.is_file() {
        let reason = "it is a file; the folder it stands in is wanted".into();
        return Err(DataError::Absent { path: folder.display().to_string(), reason });
    }
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        paths.push(entry.map_err(unreadable)?.path());
    }
    paths.sort();
    Ok(paths)
}

/// Only the images' own channels can be shown to a network.
fn check_channels(wanted: &Wanted) -> Result<(), DataError> {
    match wanted.input().channels {
        1 | 3 => Ok(()),
        _ => Err(DataError::Channels(wanted.input())),
    }
}
