//! One image as the network takes it, from wherever it stands.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;

use super::augment::{Augment, Cut};
use crate::network::random::mix;
use crate::reason::Reason;
use crate::run::picture::{self, Picture};
use crate::run::preprocess;
use crate::spec::describe::{Architecture, Input, Preprocess};

const GRAY: &str = "colours are turned into gray (0.299 R + 0.587 G + 0.114 B, rounded to a byte as Pillow does)";

/// Where the images of a set stand.
#[derive(Debug, Clone)]
pub enum Images {
    /// Values as the network takes them, `[N, C, H, W]`; nothing is done to them.
    Ready(Vec<f32>),
    /// `[N, C, H, W]`, one or three channels of 0 to 255.
    Bytes { bytes: Vec<u8>, channels: usize, height: usize, width: usize },
    /// Decoded when they are needed.
    Files(Vec<PathBuf>),
}

/// Labelled images, or some of them.
#[derive(Debug, Clone)]
pub struct DataSet {
    store: Arc<Store>,
    /// Which of the store's images are in this set.
    places: Vec<u32>,
}

#[derive(Debug)]
struct Store {
    images: Images,
    labels: Vec<u32>,
    input: Input,
    how: Preprocess,
}

impl DataSet {
    /// All of some images, shown to a network as its architecture says.
    pub fn new(images: Images, labels: Vec<u32>, architecture: &Architecture) -> Self {
        let places = (0..labels.len() as u32).collect();
        let (input, how) = (architecture.input, architecture.preprocess.clone());
        DataSet { store: Arc::new(Store { images, labels, input, how }), places }
    }

    pub fn len(&self) -> usize {
        self.places.len()
    }

    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    pub fn label(&self, at: usize) -> usize {
        self.store.labels[self.places[at] as usize] as usize
    }

    /// What an image is called: its file, or its number.
    pub fn name(&self, at: usize) -> String {
        let place = self.places[at] as usize;
        match &self.store.images {
            Images::Files(files) => files[place].display().to_string(),
            _ => format!("image {place}"),
        }
    }

    /// The same images with other labels: each class becomes `classes[class]`.
    pub fn relabelled(&self, classes: &[usize]) -> Self {
        let Store { images, labels, input, how } = &*self.store;
        let labels = labels.iter().map(|&label| classes.get(label as usize).map_or(label, |&own| own as u32));
        let store = Store { images: images.clone(), labels: labels.collect(), input: *input, how: how.clone() };
        DataSet { store: Arc::new(store), places: self.places.clone() }
    }

    /// The labels of all images.
    pub fn labels(&self) -> impl Iterator<Item = u32> {
        self.places.iter().map(|&place| self.store.labels[place as usize])
    }

    /// One more than the largest label of all images.
    pub fn classes(&self) -> usize {
        self.store.labels.iter().max().map_or(0, |&label| label as usize + 1)
    }

    /// The first `count` images.
    pub fn first(mut self, count: usize) -> Self {
        self.places.truncate(count);
        self
    }

    /// The images at some places.
    pub fn only(&self, places: &[usize]) -> Self {
        DataSet { store: Arc::clone(&self.store), places: places.iter().map(|&at| self.places[at]).collect() }
    }

    /// Rows and columns of an image as the network takes it.
    pub fn sides(&self) -> (usize, usize) {
        (self.store.input.height as usize, self.store.input.width as usize)
    }

    /// For each channel the pixel that becomes 0 for the network: the mean that is taken off.
    pub fn mean_pixel(&self) -> Vec<f32> {
        let Store { input, how, .. } = &*self.store;
        let of = |channel: usize| match how.mean.as_slice() {
            _ if self.is_ready() => 0.0,
            [] => 0.0,
            means => (means[channel % means.len()] / how.scale) as f32,
        };
        (0..input.channels as usize).map(of).collect()
    }

    /// Memory that the images take.
    pub fn bytes(&self) -> u64 {
        match &self.store.images {
            Images::Ready(values) => 4 * values.len() as u64,
            Images::Bytes { bytes, .. } => bytes.len() as u64,
            Images::Files(files) => 200 * files.len() as u64,
        }
    }

    /// Whether the values are the network's own already.
    pub fn is_ready(&self) -> bool {
        matches!(self.store.images, Images::Ready(_))
    }

    /// Values of all images that are the network's own already, their labels, and one image's sizes, whatever part of them is in
    /// this set.
    pub fn ready(&self) -> Option<(&[f32], &[u32], [usize; 3])> {
        let Store { images: Images::Ready(values), labels, input, .. } = &*self.store else { return None };
        Some((values, labels, [input.channels, input.height, input.width].map(|side| side as usize)))
    }

    /// A number that tells whether a run goes on with the data it began with: a checksum of labels, and of the values or
    /// the files' names.
    pub fn fingerprint(&self) -> u32 {
        let mut checksum = crc32fast::Hasher::new();
        self.places.iter().for_each(|place| checksum.update(&place.to_le_bytes()));
        self.store.labels.iter().for_each(|label| checksum.update(&label.to_le_bytes()));
        match &self.store.images {
            Images::Ready(values) => values.iter().for_each(|value| checksum.update(&value.to_le_bytes())),
            Images::Bytes { bytes, .. } => checksum.update(bytes),
            Images::Files(files) => {
                for name in files.iter().filter_map(|file| file.file_name()) {
                    checksum.update(name.as_encoded_bytes());
                }
            }
        }
        checksum.finalize()
    }

    /// What is done to the images so that the network can take them, as sentences.
    pub fn adaptation(&self) -> Vec<String> {
        let input = self.store.input;
        let mut notes = Vec::new();
        if let Images::Bytes { channels, height, width, .. } = self.store.images {
            match (channels, input.channels) {
                (1, 3) => notes.push("gray images are shown to the network as equal red, green and blue".into()),
                (3, 1) => notes.push(GRAY.into()),
                _ => {}
            }
            if (height as u64, width as u64) != (input.height, input.width) {
                notes.push(format!("images of {height}×{width} are scaled to {}×{}", input.height, input.width));
            }
        }
        if matches!(self.store.images, Images::Files(_)) {
            if input.channels == 1 {
                notes.push(GRAY.into());
            }
            notes.push(format!("images are scaled to {}×{}", input.height, input.width));
        }
        notes
    }

    /// The values of one image, `[C, H, W]`. The same `augment` seed draws the same changes for the same image.
    pub fn sample(&self, at: usize, augment: Option<(&Augment, u64)>) -> Result<Vec<f32>, Reason> {
        let index = self.places[at] as usize;
        let Store { input, how, .. } = &*self.store;
        let mut draw = augment.map(|(augment, seed)| augment.draw(mix(seed, index as u64)));
        let cut = draw.as_mut().and_then(|draw| draw.cut());
        let mut values = self.pixels(index, cut)?;
        if let Some(draw) = &mut draw {
            draw.apply(&mut values, *input);
        }
        if !self.is_ready() {
            preprocess::normalise(&mut values, *input, how);
        }
        Ok(values)
    }

    /// The channels of one image's values.
    pub fn planes<'a>(&self, values: &'a [f32]) -> Vec<&'a [f32]> {
        let area = (self.store.input.height * self.store.input.width) as usize;
        values.chunks(area.max(1)).collect()
    }

    /// One image's pixels in 0 to 1 at the input's size, `[C, H, W]`; ready values as they are.
    pub fn plain(&self, at: usize) -> Result<Vec<f32>, Reason> {
        self.pixels(self.places[at] as usize, None)
    }

    fn pixels(&self, index: usize, cut: Option<Cut>) -> Result<Vec<f32>, Reason> {
        let Store { images, input, how, .. } = &*self.store;
        let own = match images {
            Images::Ready(values) => {
                let one = values.len() / self.store.labels.len().max(1);
                return Ok(values[index * one..][..one].to_vec());
            }
            Images::Bytes { bytes, channels, height, width } => {
                let one = channels * height * width;
                let bytes = &bytes[index * one..][..one];
                let is_fit = [*channels as u64, *height as u64, *width as u64]
                    == [input.channels, input.height, input.width]
                    && how.resize.is_none_or(|resize| resize == input.height && resize == input.width);
                if is_fit && cut.is_none() {
                    return Ok(bytes.iter().map(|&byte| f32::from(byte) / 255.0).collect());
                }
                let area = height * width;
                let at = |channel: usize, pixel: usize| f32::from(bytes[channel % channels * area + pixel]) / 255.0;
                let values = (0..area).flat_map(|pixel| [0, 1, 2].map(|channel| at(channel, pixel))).collect();
                Picture { width: *width, height: *height, values }
            }
            Images::Files(files) => {
                picture::read(&files[index], preprocess::asked_side(*input, how)).map_err(|error| error.to_string())?
            }
        };
        let own = preprocess::in_channels(Cow::Owned(own), input.channels);
        let fitted = match cut {
            Some(Cut { side, down, right }) => preprocess::cut(&own, *input, side, (down, right)),
            None => preprocess::fitted(&own, *input, how),
        };
        let fitted = fitted.map_err(|error| error.to_string())?;
        Ok(preprocess::planes(&fitted, input.channels as usize))
    }
}
