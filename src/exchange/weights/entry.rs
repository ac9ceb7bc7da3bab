//! What a file says of one of its tensors.

use safetensors::tensor::Dtype;

/// One tensor as the header gives it.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub name: String,
    pub dtype: Dtype,
    pub shape: Vec<usize>,
    /// First byte in the file; of PyTorch's files the place among the tensors.
    pub(super) start: u64,
    pub(super) bytes: usize,
}

impl Entry {
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether its values are fractions, as weights are.
    pub fn is_float(&self) -> bool {
        matches!(self.dtype, Dtype::F64 | Dtype::F32 | Dtype::F16 | Dtype::BF16)
    }

    /// Whether its values have more digits than are read.
    pub fn is_double(&self) -> bool {
        self.dtype == Dtype::F64
    }

    /// Bytes of one value, for the types that are read as numbers.
    pub(super) fn width(&self) -> Option<usize> {
        match self.dtype {
            Dtype::F64 | Dtype::I64 => Some(8),
            Dtype::F32 | Dtype::I32 => Some(4),
            Dtype::F16 | Dtype::BF16 => Some(2),
            Dtype::U8 => Some(1),
            _ => None,
        }
    }
}

/// Axes of a shape that are written down.
const MOST_AXES: usize = 16;

/// `64×3×3×3`.
pub fn dims(shape: &[usize]) -> String {
    match shape {
        [] => "a single value".to_string(),
        _ if shape.len() > MOST_AXES => format!("{} axes", shape.len()),
        _ => shape.iter().map(usize::to_string).collect::<Vec<_>>().join("×"),
    }
}
