//! Ready-made inputs: `.npy` and `.safetensors` files, [N, C, H, W], used as they are.

use std::io::BufReader;
use std::path::Path;

use super::machine;
use super::npy::Header;
use crate::exchange::weights::{TensorFile, WeightsError, dims};
use crate::reason::Reason;
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
    let mut file = BufReader::new(file);
    let header = Header::read(&mut file).map_err(|Reason(reason)| unreadable(reason))?;
    if header.is_fortran {
        return Err(unreadable("its values are in Fortran order; save it with `np.ascontiguousarray`".into()));
    }
    // A header may promise more than the file holds: nothing is allocated for that.
    let width = header.width().map_err(|Reason(reason)| unreadable(reason))?;
    let count = header.count().filter(|count| count.checked_mul(width).is_some_and(|bytes| bytes <= length));
    let Some(count) = count else {
        let promised = dims(&header.shape);
        return Err(unreadable(format!("its header promises {promised} values, more than its {length} bytes")));
    };
    machine::check(count.saturating_mul(8)).map_err(|error| unreadable(error.to_string()))?;
    let values = header.values(&mut file).map_err(|Reason(reason)| unreadable(reason))?;
    Ok((values, header.shape))
}
