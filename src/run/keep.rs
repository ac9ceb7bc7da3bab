//! What a forward run leaves behind when asked: every layer's output as tensors, feature maps and places looked at as pictures.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, View, serialize_to_file};

use super::attention::{self, LookError, Method};
use super::paint::{self, PaintError};
use super::picture::Picture;
use crate::files::name::safe;
use crate::files::{OutputError, reason, write};
use crate::network::kernels::view;
use crate::network::{Compiled, Mode};

/// Why something could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    #[error(transparent)]
    Paint(#[from] PaintError),
    #[error(transparent)]
    Look(#[from] LookError),
    #[error("cannot write {path}: {reason}")]
    Tensors { path: String, reason: String },
}

/// Every layer's output over all images, by the layer's name. Values wait in a nameless file beside the one that is asked for,
/// so that no more than one layer's is held in memory.
#[derive(Debug)]
pub struct Activations {
    path: PathBuf,
    waiting: File,
    /// Bytes that wait.
    length: u64,
    layers: BTreeMap<String, Spilled>,
}

/// What one layer gave for the images so far.
#[derive(Debug, Default)]
struct Spilled {
    /// Sizes of one image's output, with how many images there are before them.
    shape: Vec<usize>,
    /// Where its bytes wait: from where, and how many, mini-batch by mini-batch.
    parts: Vec<(u64, usize)>,
}

impl Spilled {
    fn bytes(&self) -> usize {
        4 * self.shape.iter().product::<usize>()
    }

    fn read(&self, mut waiting: &File) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; self.bytes()];
        let mut rest = bytes.as_mut_slice();
        for (from, count) in &self.parts {
            let (part, after) = rest.split_at_mut(*count);
            waiting.seek(SeekFrom::Start(*from))?;
            waiting.read_exact(part)?;
            rest = after;
        }
        Ok(bytes)
    }
}

/// A layer as it is written, or why that failed.
struct Written<'a> {
    layer: &'a Spilled,
    waiting: &'a File,
    broken: &'a RefCell<Option<io::Error>>,
}

impl View for Written<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.layer.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.layer.read(self.waiting).unwrap_or_else(|error| {
            self.broken.borrow_mut().get_or_insert(error);
            vec![0; self.layer.bytes()]
        }))
    }

    fn data_len(&self) -> usize {
        self.layer.bytes()
    }
}

fn unwritable(path: &Path, error: &io::Error) -> KeepError {
    KeepError::Tensors { path: path.display().to_string(), reason: reason(error) }
}

impl Activations {
    /// To be written to `path`, a safetensors file.
    pub fn new(path: &Path) -> Result<Self, KeepError> {
        // Beside what is no file, such as /dev/stdout, nothing can wait.
        let beside = path.parent().filter(|_| !path.exists() || path.is_file());
        let waiting = match beside {
            Some(folder) if !folder.as_os_str().is_empty() => tempfile::tempfile_in(folder),
            Some(_) => tempfile::tempfile_in("."),
            None => tempfile::tempfile(),
        };
        let waiting = waiting.map_err(|error| unwritable(path, &error))?;
        Ok(Activations { path: path.to_path_buf(), waiting, length: 0, layers: BTreeMap::new() })
    }

    /// Runs a mini-batch once more and keeps what comes out of each layer.
    pub fn add(&mut self, network: &mut Compiled, inputs: Vec<f32>) -> Result<(), KeepError> {
        let names: Vec<(String, Vec<usize>)> = network
            .layers
            .iter()
            .map(|layer| (layer.name.clone(), layer.output.to_vec().iter().map(|&size| size as usize).collect()))
            .collect();
        let batch = network.batch(inputs);
        let mut broken = None;
        network.forward(batch, Mode::Evaluate, false, |index, output| {
            let (name, sizes) = &names[index];
            let kept = self.spill(name, sizes, &view::values(output));
            broken = kept.err();
            if broken.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        broken.map_or(Ok(()), |error| Err(unwritable(&self.path, &error)))
    }

    fn spill(&mut self, name: &str, sizes: &[usize], values: &[f32]) -> io::Result<()> {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.waiting.write_all(&bytes)?;
        let own = self.layers.entry(name.to_string()).or_default();
        if own.shape.is_empty() {
            own.shape = std::iter::once(0).chain(sizes.iter().copied()).collect();
        }
        own.shape[0] += values.len() / sizes.iter().product::<usize>().max(1);
        own.parts.push((self.length, bytes.len()));
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// A safetensors file with a tensor `[N, C, H, W]` or `[N, features]` for each layer, whole or not at all.
    pub fn write(&self) -> Result<(), KeepError> {
        let broken = RefCell::new(None);
        let written = write::write(&self.path, |beside| {
            let layers = self
                .layers
                .iter()
                .map(|(name, own)| (name.as_str(), Written { layer: own, waiting: &self.waiting, broken: &broken }));
            serialize_to_file(layers.collect::<Vec<_>>(), None, beside).map_err(io::Error::other)?;
            broken.take().map_or(Ok(()), Err)
        });
        written.map_err(|error| unwritable(&self.path, &error))
    }
}

/// Writes the feature maps of one image as grids, `<layer>.png` for each layer that has maps.
/// `spare` refuses what must not be written over.
pub fn features(
    network: &mut Compiled,
    input: Vec<f32>,
    folder: &Path,
    spare: impl Fn(&Path) -> Result<(), OutputError>,
) -> Result<usize, KeepError> {
    let names: Vec<String> = network.layers.iter().map(|layer| layer.name.clone()).collect();
    let batch = network.batch(input);
    let mut failed = None;
    let mut written = 0;
    network.forward(batch, Mode::Evaluate, false, |index, output| {
        let (_, channels, height, width) = *dfdx::shapes::HasShape::shape(output);
        if height * width == 1 {
            return ControlFlow::Continue(());
        }
        let grid = paint::feature_grid(&view::values(output), (channels, height, width));
        let path = folder.join(format!("{}.png", safe(&names[index])));
        let spared = spare(&path)
            .map_err(|error| KeepError::Tensors { path: path.display().to_string(), reason: error.to_string() });
        match spared.and_then(|()| Ok(paint::save(&grid, &path)?)) {
            Ok(()) => {
                written += 1;
                ControlFlow::Continue(())
            }
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        }
    });
    failed.map_or(Ok(written), Err)
}

/// Writes where the network looks in one photo for a class.
pub fn looks(
    network: &mut Compiled,
    input: Vec<f32>,
    photo: &Picture,
    class: usize,
    method: Method,
    path: &Path,
) -> Result<(), KeepError> {
    let heat = attention::look(network, input, class, method)?;
    Ok(paint::save(&paint::heat_over(photo, &heat), path)?)
}

/// A file name of its own for each of several inputs: `koala_1`, and `koala_1-2` where two files are called so.
pub fn distinct_name(path: &str, taken: &mut BTreeMap<String, usize>) -> PathBuf {
    let stem = Path::new(path).file_stem().map_or_else(|| "input".into(), |stem| safe(&stem.to_string_lossy()));
    let count = taken.entry(stem.clone()).or_insert(0);
    *count += 1;
    PathBuf::from(if *count == 1 { stem } else { format!("{stem}-{count}") })
}
