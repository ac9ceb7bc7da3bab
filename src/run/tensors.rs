//! Ready-made inputs: `.npy` and `.safetensors` files, [N, C, H, W], used as they are.

use std::io::BufReader;
use std::path::Path;

use super::machine;
use crate::exchange::weights::{TensorFile, WeightsError, dims};
use crate::spec::describe::Input;

/// Why a tensor file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TensorError {
    #[error("{0}")]
    File(#[from] WeightsError),
    #[error("cannot read {path}: {reason}")]
    Unreadable { path: String, reason: String },
    #[error("{path} has no tensor `{name}`; it has {}", .found.join(", "))]
    Absent { path: String, name: &'static str, found: Vec<String> },
    #[error("{path} holds {found}, but the network takes N×{wanted}")]
    Shape { path: String, found: String, wanted: String },
    #[error("{path}: a value of image {image} of `input` is {value}, which nothing can be learned from")]
    NotFinite { path: String, image: usize, value: f32 },
    #[error("{path}: {reason}")]
    Labels { path: String, reason: String },
}

/// Values in the order [N, C, H, W], a whole number of the network's inputs.
pub fn read(path: &Path, input: Input) -> Result<Vec<f32>, TensorError> {
    // What arrives has no name to go by.
    let is_numpy = match crate::files::read::is_standard_input(path) {
        true => begins_as_numpy(path)?,
        false => path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npy")),
    };
    let (values, shape) = if is_numpy { read_numpy(path)? } else { read_safetensors(path)? };
    let sizes = [input.channels, input.height, input.width].map(|size| size as usize);
    // One image alone may come without N; flat features are a 1×1 map.
    let fits = shape.len() == 4 && shape[1..] == sizes && shape[0] > 0 || shape == sizes;
    if !fits {
        return Err(TensorError::Shape { path: path.display().to_string(), found: dims(&shape), wanted: dims(&sizes) });
    }
    Ok(values)
}

/// Whether the first bytes are those of a `.npy`.
fn begins_as_numpy(path: &Path) -> Result<bool, TensorError> {
    use std::io::Read;
    let unreadable = |reason: String| TensorError::Unreadable { path: path.display().to_string(), reason };
    let file = crate::files::read::open(path).map_err(|error| unreadable(error.to_string()))?;
    let mut start = Vec::new();
    file.take(6).read_to_end(&mut start).map_err(|error| unreadable(error.to_string()))?;
    Ok(start == b"\x93NUMPY")
}

fn read_safetensors(path: &Path) -> Result<(Vec<f32>, Vec<usize>), TensorError> {
    let file = TensorFile::open(path)?;
    let Some(entry) = file.find("input") else {
        let found = file.entries.iter().take(8).map(|entry| format!("`{}`", entry.name)).collect();
        return Err(TensorError::Absent { path: file.path, name: "input", found });
    };
    let unreadable = |reason: String| TensorError::Unreadable { path: file.path.clone(), reason };
    machine::check(4 * entry.elements() as u64).map_err(|error| unreadable(error.to_string()))?;
    Ok((file.read(entry)?, entry.shape.clone()))
}

fn read_numpy(path: &Path) -> Result<(Vec<f32>, Vec<usize>), TensorError> {
    let unreadable = |reason: String| TensorError::Unreadable { path: path.display().to_string(), reason };
    let file = crate::files::read::open(path).map_err(|error| unreadable(error.to_string()))?;
    let length = file.metadata().map_err(|error| unreadable(error.to_string()))?.len();
    let numpy = npyz::NpyFile::new(BufReader::new(file)).map_err(|error| unreadable(error.to_string()))?;
    if numpy.order() != npyz::Order::C {
        return Err(unreadable("its values are in Fortran order; save it with `np.ascontiguousarray`".into()));
    }
    let shape: Vec<usize> = numpy.shape().iter().map(|&size| size as usize).collect();
    let npyz::DType::Plain(dtype) = numpy.dtype() else {
        return Err(unreadable("it holds records, not numbers".into()));
    };
    // A header may promise more than the file holds: nothing is allocated for that.
    let count = numpy.shape().iter().try_fold(1u64, |product, &size| product.checked_mul(size));
    let bytes = count.and_then(|count| count.checked_mul(dtype.num_bytes().unwrap_or(1) as u64));
    if bytes.is_none_or(|bytes| bytes > length) {
        return Err(unreadable(format!("its header promises {} values, more than its {length} bytes", dims(&shape))));
    }
    machine::check(count.unwrap_or(u64::MAX).saturating_mul(8)).map_err(|error| unreadable(error.to_string()))?;
    let failed = |error: std::io::Error| unreadable(error.to_string());
    let values = match (dtype.type_char(), dtype.num_bytes()) {
        (npyz::TypeChar::Float, Some(4)) => numpy.into_vec::<f32>().map_err(failed)?,
        (npyz::TypeChar::Float, Some(8)) => {
            numpy.into_vec::<f64>().map_err(failed)?.into_iter().map(|value| value as f32).collect()
        }
        (npyz::TypeChar::Uint, Some(1)) => numpy.into_vec::<u8>().map_err(failed)?.into_iter().map(f32::from).collect(),
        _ => return Err(unreadable(format!("it holds {} values; float32, float64 and uint8 can be read", dtype))),
    };
    Ok((values, shape))
}
