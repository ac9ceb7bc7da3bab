//! Values that a file knows: initializers, and what follows from them and from shapes alone.

use half::{bf16, f16};

use super::super::proto::{TensorProto, data_type};
use crate::reason::Reason;

/// Known values with their sizes.
#[derive(Debug, Clone)]
pub struct Constant {
    pub dims: Vec<u64>,
    data: Data,
}

#[derive(Debug, Clone)]
enum Data {
    /// As the file holds them; turned into numbers only where they are needed, since they may be hundreds of megabytes.
    Stored(Box<TensorProto>),
    Floats(Vec<f32>),
    Whole(Vec<i64>),
    /// A graph's input that stands where weights stand.
    Missing,
}

impl Constant {
    /// A tensor of the file, with its sizes checked against its bytes.
    pub fn of(tensor: TensorProto) -> Result<Constant, Reason> {
        let dims = sizes(&tensor.dims)?;
        let count = dims.iter().try_fold(1u64, |product, &size| product.checked_mul(size));
        let count = count.filter(|&count| count <= 1 << 40).ok_or("it would have more than 2^40 values")?;
        if tensor.data_location == 1 || !tensor.external_data.is_empty() {
            let place = tensor.external_data.iter().find(|entry| entry.key == "location");
            let place = place.map_or("another file", |entry| entry.value.as_str());
            return Err(format!(
                "its values lie in `{place}`, and other files are not read; save the model with its data inside \
                 (`onnx.save_model(model, path, save_as_external_data=False)`)"
            )
            .into());
        }
        let width = match tensor.data_type {
            data_type::FLOAT | data_type::INT32 => 4,
            data_type::DOUBLE | data_type::INT64 => 8,
            data_type::FLOAT16 | data_type::BFLOAT16 => 2,
            _ => 1,
        };
        let here = match tensor.raw_data.len() as u64 {
            0 => {
                let counts = [
                    tensor.float_data.len(),
                    tensor.int32_data.len(),
                    tensor.int64_data.len(),
                    tensor.double_data.len(),
                ];
                counts.into_iter().max().unwrap_or(0) as u64
            }
            bytes if bytes % width == 0 => bytes / width,
            bytes => return Err(format!("its {bytes} bytes are no whole number of values").into()),
        };
        match here == count {
            true => Ok(Constant { dims, data: Data::Stored(Box::new(tensor)) }),
            false => Err(format!("its sizes want {count} values, and {here} are there").into()),
        }
    }

    pub fn missing(dims: Vec<u64>) -> Constant {
        Constant { dims, data: Data::Missing }
    }

    pub fn whole(values: Vec<i64>) -> Constant {
        Constant { dims: vec![values.len() as u64], data: Data::Whole(values) }
    }

    pub fn floats_of(dims: Vec<u64>, values: Vec<f32>) -> Constant {
        Constant { dims, data: Data::Floats(values) }
    }

    /// The same values in other sizes.
    pub fn shaped(mut self, dims: Vec<u64>) -> Constant {
        self.dims = dims;
        self
    }

    pub fn count(&self) -> u64 {
        self.dims.iter().product()
    }

    pub fn is_missing(&self) -> bool {
        matches!(self.data, Data::Missing)
    }

    /// Whether the values are whole numbers.
    pub fn is_whole(&self) -> bool {
        match &self.data {
            Data::Whole(_) => true,
            Data::Stored(tensor) => matches!(tensor.data_type, data_type::INT32 | data_type::INT64 | data_type::BOOL),
            Data::Floats(_) | Data::Missing => false,
        }
    }

    /// Whether these are numbers that a network computes with in f32.
    pub fn is_f32(&self) -> bool {
        match &self.data {
            Data::Stored(tensor) => tensor.data_type == data_type::FLOAT,
            Data::Floats(_) | Data::Missing => true,
            Data::Whole(_) => false,
        }
    }

    pub fn floats(&self) -> Option<Vec<f32>> {
        match &self.data {
            Data::Floats(values) => Some(values.clone()),
            Data::Whole(values) => Some(values.iter().map(|&value| value as f32).collect()),
            Data::Missing => None,
            Data::Stored(tensor) => stored_floats(tensor),
        }
    }

    pub fn ints(&self) -> Option<Vec<i64>> {
        match &self.data {
            Data::Whole(values) => Some(values.clone()),
            Data::Floats(_) | Data::Missing => None,
            Data::Stored(tensor) => stored_ints(tensor),
        }
    }

    /// The number, where it is one.
    pub fn scalar(&self) -> Option<f64> {
        if self.count() != 1 {
            return None;
        }
        let whole = || self.ints().map(|values| values[0] as f64);
        self.floats().map(|values| values[0].into()).or_else(whole)
    }

    /// Rows as columns.
    pub fn turned(&self) -> Option<Constant> {
        let [rows, columns] = self.dims[..] else { return None };
        let dims = vec![columns, rows];
        if self.is_missing() {
            return Some(Constant::missing(dims));
        }
        let (rows, columns) = (rows as usize, columns as usize);
        let turned = (0..columns).flat_map(|column| (0..rows).map(move |row| row * columns + column));
        if let Some(values) = self.ints() {
            return Some(Constant::whole(turned.map(|at| values[at]).collect()).shaped(dims));
        }
        let values = self.floats()?;
        Some(Constant::floats_of(dims, turned.map(|at| values[at]).collect()))
    }
}

/// Sizes that are none are refused.
pub fn sizes(dims: &[i64]) -> Result<Vec<u64>, Reason> {
    let size = |&size: &i64| u64::try_from(size).map_err(|_| Reason(format!("a size of it is {size}")));
    dims.iter().map(size).collect()
}

fn stored_floats(tensor: &TensorProto) -> Option<Vec<f32>> {
    let raw = &tensor.raw_data;
    Some(match tensor.data_type {
        data_type::FLOAT if raw.is_empty() => tensor.float_data.clone(),
        data_type::FLOAT => raw.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect(),
        data_type::DOUBLE if raw.is_empty() => tensor.double_data.iter().map(|&value| value as f32).collect(),
        data_type::DOUBLE => raw
            .chunks_exact(8)
            .filter_map(|bytes| bytes.try_into().ok())
            .map(|b| f64::from_le_bytes(b) as f32)
            .collect(),
        data_type::FLOAT16 if raw.is_empty() => {
            tensor.int32_data.iter().map(|&bits| f16::from_bits(bits as u16).to_f32()).collect()
        }
        data_type::FLOAT16 => raw.chunks_exact(2).map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32()).collect(),
        data_type::BFLOAT16 if raw.is_empty() => {
            tensor.int32_data.iter().map(|&bits| bf16::from_bits(bits as u16).to_f32()).collect()
        }
        data_type::BFLOAT16 => raw.chunks_exact(2).map(|b| bf16::from_le_bytes([b[0], b[1]]).to_f32()).collect(),
        _ => return None,
    })
}

fn stored_ints(tensor: &TensorProto) -> Option<Vec<i64>> {
    let raw = &tensor.raw_data;
    Some(match tensor.data_type {
        data_type::INT64 if raw.is_empty() => tensor.int64_data.clone(),
        data_type::INT64 => {
            raw.chunks_exact(8).filter_map(|bytes| bytes.try_into().ok()).map(i64::from_le_bytes).collect()
        }
        data_type::INT32 if raw.is_empty() => tensor.int32_data.iter().map(|&value| value.into()).collect(),
        data_type::INT32 => raw.chunks_exact(4).map(|b| i32::from_le_bytes([b[0], b[1], b[2], b[3]]).into()).collect(),
        data_type::BOOL if raw.is_empty() => tensor.int32_data.iter().map(|&value| value.into()).collect(),
        data_type::BOOL => raw.iter().map(|&value| value.into()).collect(),
        _ => return None,
    })
}
