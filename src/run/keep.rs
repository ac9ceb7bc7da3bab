//! What a forward run leaves behind when asked: every layer's output as tensors, feature maps and places looked at as pictures.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, TensorView, serialize_to_file};

use super::attention::{self, LookError, Method};
use super::paint::{self, PaintError};
use super::picture::Picture;
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

/// Every layer's output over all images, by the layer's name.
#[derive(Debug, Default)]
pub struct Activations {
    /// Sizes of one image's output, and the values image by image.
    layers: BTreeMap<String, (Vec<usize>, Vec<f32>)>,
}

impl Activations {
    /// Runs a mini-batch once more and keeps what comes out of each layer.
    pub fn add(&mut self, network: &mut Compiled, inputs: Vec<f32>) {
        let names: Vec<(String, Vec<usize>)> = network
            .layers
            .iter()
            .map(|layer| (layer.name.clone(), layer.output.to_vec().iter().map(|&size| size as usize).collect()))
            .collect();
        let batch = network.batch(inputs);
        network.forward(batch, Mode::Evaluate, false, |index, output| {
            let (name, sizes) = &names[index];
            let kept = self.layers.entry(name.clone()).or_insert_with(|| (sizes.clone(), Vec::new()));
            kept.1.extend_from_slice(&view::values(output));
            ControlFlow::Continue(())
        });
    }

    /// A safetensors file with a tensor `[N, C, H, W]` or `[N, features]` for each layer.
    pub fn write(&self, path: &Path) -> Result<(), KeepError> {
        let failed = |reason: String| KeepError::Tensors { path: path.display().to_string(), reason };
        let bytes: Vec<(&String, Vec<usize>, Vec<u8>)> = self
            .layers
            .iter()
            .map(|(name, (sizes, values))| {
                let images = values.len() / sizes.iter().product::<usize>().max(1);
                let shape = std::iter::once(images).chain(sizes.iter().copied()).collect();
                (name, shape, values.iter().flat_map(|value| value.to_le_bytes()).collect())
            })
            .collect();
        let views = bytes.iter().map(|(name, shape, bytes)| {
            TensorView::new(Dtype::F32, shape.clone(), bytes).map(|view| (name.as_str(), view))
        });
        let views = views.collect::<Result<Vec<_>, _>>().map_err(|error| failed(error.to_string()))?;
        serialize_to_file(views, None, path).map_err(|error| failed(error.to_string()))
    }
}

/// Writes the feature maps of one image as grids, `<layer>.png` for each layer that has maps.
pub fn features(network: &mut Compiled, input: Vec<f32>, folder: &Path) -> Result<usize, KeepError> {
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
        match paint::save(&grid, &folder.join(format!("{}.png", names[index]))) {
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
    failed.map_or(Ok(written), |error| Err(error.into()))
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
    let stem = Path::new(path).file_stem().map_or_else(|| "input".into(), |stem| stem.to_string_lossy().into_owned());
    let count = taken.entry(stem.clone()).or_insert(0);
    *count += 1;
    PathBuf::from(if *count == 1 { stem } else { format!("{stem}-{count}") })
}
