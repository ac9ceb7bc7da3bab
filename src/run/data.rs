//! Labelled images for training: tensor files, and generated ones that need no file.

use std::path::Path;

use rand::{RngExt, SeedableRng};
use rand_distr::StandardNormal;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::tensors::{self, TensorError};
use crate::network::random::mix;
use crate::network::weights::TensorFile;
use crate::spec::describe::Input;

/// Images as the network takes them, with their classes.
#[derive(Debug, Clone, PartialEq)]
pub struct Labelled {
    /// `[N, C, H, W]`.
    pub inputs: Vec<f32>,
    pub labels: Vec<usize>,
}

impl Labelled {
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The inputs and labels at some places, one after the other.
    pub fn batch(&self, places: &[usize]) -> (Vec<f32>, Vec<usize>) {
        let one = self.inputs.len() / self.labels.len().max(1);
        let inputs = places.iter().flat_map(|&at| &self.inputs[at * one..(at + 1) * one]).copied().collect();
        (inputs, places.iter().map(|&at| self.labels[at]).collect())
    }
}

/// What `--data` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Generated, of so many classes; as many as the network has without a number.
    Synthetic(Option<usize>),
    /// A safetensors file with `input` and `labels`.
    Tensors(String),
}

impl std::str::FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "synthetic" => Ok(Source::Synthetic(None)),
            Some(("synthetic", classes)) => match classes.parse() {
                Ok(classes @ 2..=1_000_000) => Ok(Source::Synthetic(Some(classes))),
                _ => Err(format!("`{classes}` is not a number of classes of at least 2")),
            },
            Some(("tensors", path)) if !path.is_empty() => Ok(Source::Tensors(path.to_string())),
            _ => Err("expected `synthetic`, `synthetic:CLASSES` or `tensors:FILE.safetensors`".to_string()),
        }
    }
}

/// Why data cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    #[error("{0}")]
    Tensors(#[from] TensorError),
    #[error("the data has {data} classes, but the network {network}; `--set classes={data}` makes them fit")]
    Classes { data: usize, network: usize },
    #[error("{path}: label {at} is {label}, but the network has {classes} classes (0 to {})", .classes - 1)]
    Label { path: String, at: usize, label: f32, classes: usize },
}

/// Images of a generated data set, fewer where they are large.
const GENERATED: u64 = 512;
/// Most values of a generated data set: 64 MiB.
const GENERATED_VALUES: u64 = 16 << 20;

/// How many images there are, and how many bytes they take, without reading or making them.
pub fn size(source: &Source, input: Input) -> Result<(u64, u64), DataError> {
    let one = input.channels.saturating_mul(input.height).saturating_mul(input.width);
    match source {
        Source::Synthetic(_) => {
            let images = generated_images(one);
            Ok((images, images.saturating_mul(8).saturating_mul(one)))
        }
        Source::Tensors(path) => {
            let file = TensorFile::open(Path::new(path)).map_err(TensorError::from)?;
            let values = file.find("input").map_or(0, |entry| entry.elements() as u64);
            Ok((values / one.max(1), 4 * values))
        }
    }
}

fn generated_images(values_of_one: u64) -> u64 {
    (GENERATED_VALUES / values_of_one.max(1)).clamp(16, GENERATED)
}

/// Reads or makes the data for a network with this input and so many classes.
pub fn load(source: &Source, input: Input, classes: usize, seed: u64) -> Result<Labelled, DataError> {
    match source {
        Source::Synthetic(Some(data)) if *data != classes => Err(DataError::Classes { data: *data, network: classes }),
        Source::Synthetic(_) => Ok(synthetic(input, classes, seed)),
        Source::Tensors(path) => from_tensors(Path::new(path), input, classes),
    }
}

fn from_tensors(path: &Path, input: Input, classes: usize) -> Result<Labelled, DataError> {
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
    let mut labels = Vec::with_capacity(read.len());
    for (at, &label) in read.iter().enumerate() {
        if !(label >= 0.0 && label < classes as f32 && label.fract() == 0.0) {
            return Err(DataError::Label { path: name, at, label, classes });
        }
        labels.push(label as usize);
    }
    Ok(Labelled { inputs, labels })
}

/// Every class has a pattern of its own, a sum of a few waves; an image is its class's pattern with noise over it.
fn synthetic(input: Input, classes: usize, seed: u64) -> Labelled {
    let (height, width) = (input.height as usize, input.width as usize);
    let one = input.channels as usize * height * width;
    let pattern = |class: usize| -> Vec<f32> {
        let mut generator = Xoshiro256PlusPlus::seed_from_u64(mix(seed, class as u64));
        let mut values = Vec::with_capacity(one);
        for _ in 0..input.channels {
            let waves: Vec<[f32; 3]> =
                (0..3).map(|_| [0, 1, 2].map(|_| generator.random::<f32>() * std::f32::consts::TAU)).collect();
            for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
                let (v, u) = (y as f32 / height as f32, x as f32 / width as f32);
                values.push(waves.iter().map(|[a, b, phase]| (a * 2.0 * v + b * 2.0 * u + phase).sin()).sum());
            }
        }
        values
    };
    let images = generated_images(one as u64) as usize;
    let patterns: Vec<Vec<f32>> = (0..classes.min(images)).map(pattern).collect();
    let mut generator = Xoshiro256PlusPlus::seed_from_u64(mix(seed, u64::MAX - 1));
    let mut inputs = Vec::with_capacity(images * one);
    let labels: Vec<usize> = (0..images).map(|image| image % patterns.len().max(1)).collect();
    for &label in &labels {
        inputs.extend(patterns[label].iter().map(|value| value + generator.sample::<f32, _>(StandardNormal)));
    }
    Labelled { inputs, labels }
}
