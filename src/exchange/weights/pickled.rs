//! PyTorch's own files (`.pth`, `.pt`): zip archives, older pickles, tar archives. A pickle can hold code; it is read as data here,
//! and nothing of it is run.
//!
//! A training checkpoint holds more than weights: the optimizer's state, averaged copies, numbers. What is called so is set aside,
//! and the weights are looked for where the only other tensors are.

use std::io;
use std::path::Path;

use pytorch_reader::{DType, PickleValue, PytorchReader, Tensor};
use safetensors::tensor::Dtype;

use super::WeightsError;
use super::entry::Entry;
use crate::visible::{visible, visible_names};

/// The tensors of a file.
#[derive(Debug)]
pub struct Pickled {
    tensors: Vec<Tensor>,
    /// The keys under which they stand: `model.state_dict`; empty at the top.
    within: String,
    /// Keys beside them whose tensors are no weights: `optimizer`.
    aside: Vec<String>,
}

impl Pickled {
    /// Reads names, types and shapes, in the order of the names. `shown` is what the file is called in what is said about it.
    pub fn open(path: &Path, shown: &str) -> Result<(Pickled, Vec<Entry>), WeightsError> {
        let failed =
            |reason: String| WeightsError::Pickle { path: shown.to_string(), reason: visible(&reason).into_owned() };
        let reader = PytorchReader::new(path).map_err(|error| failed(error.to_string()))?;
        let content = PytorchReader::read_pickle_data(path, None).map_err(|error| failed(error.to_string()))?;
        let (within, aside) = weights_in(&content);
        let start = if within.is_empty() { String::new() } else { format!("{within}.") };
        let mut tensors: Vec<(String, Tensor)> = (reader.into_tensors().into_iter())
            .filter_map(|(name, tensor)| Some((name.strip_prefix(&start)?.to_string(), tensor)))
            .collect();
        tensors.sort_by(|(one, _), (other, _)| one.cmp(other));
        if tensors.is_empty() {
            let keys = match content {
                PickleValue::Dict(keys) => keys.into_keys().collect(),
                _ => Vec::new(),
            };
            let has = if keys.is_empty() {
                "it holds none".into()
            } else {
                format!("it has {}", visible_names(&sorted(keys)))
            };
            return Err(failed(format!(
                "expected tensors by name, as `torch.save(model.state_dict(), …)` writes; {has}"
            )));
        }
        let entries = tensors.iter().enumerate().map(|(at, (name, tensor))| Entry {
            name: name.clone(),
            dtype: dtype(tensor.dtype()),
            shape: tensor.shape().to_vec(),
            start: at as u64,
            bytes: tensor.byte_len(),
        });
        let entries = entries.collect();
        Ok((Pickled { tensors: tensors.into_iter().map(|(_, tensor)| tensor).collect(), within, aside }, entries))
    }

    /// Where the weights were found, if the file holds more.
    pub fn place(&self) -> Option<String> {
        let aside = match self.aside.as_slice() {
            [] => String::new(),
            keys => format!(", without {}", visible_names(keys)),
        };
        (!self.within.is_empty()).then(|| format!("under `{}`{aside}", visible(&self.within)))
    }

    /// The bytes of a tensor, little-endian, in the order of its shape.
    pub fn read(&self, entry: &Entry) -> io::Result<Vec<u8>> {
        let tensor = self.tensors.get(entry.start as usize);
        let bytes = tensor.ok_or_else(|| io::Error::other("there is no such tensor"))?.read()?;
        match bytes.len() == entry.bytes {
            true => Ok(bytes),
            false => Err(io::Error::other(format!("`{}` has {} bytes of {}", entry.name, bytes.len(), entry.bytes))),
        }
    }
}

fn sorted(mut keys: Vec<String>) -> Vec<String> {
    keys.sort();
    keys
}

fn dtype(of: DType) -> Dtype {
    match of {
        DType::F64 => Dtype::F64,
        DType::F32 => Dtype::F32,
        DType::F16 => Dtype::F16,
        DType::BF16 => Dtype::BF16,
        DType::I64 => Dtype::I64,
        DType::I32 => Dtype::I32,
        DType::I16 => Dtype::I16,
        DType::I8 => Dtype::I8,
        DType::U64 => Dtype::U64,
        DType::U32 => Dtype::U32,
        DType::U16 => Dtype::U16,
        DType::U8 => Dtype::U8,
        DType::Bool => Dtype::BOOL,
    }
}

/// What stands beside weights in a checkpoint, by a part of its key.
const BESIDE: [&str; 9] = ["optim", "sched", "scaler", "ema", "swa", "averag", "teacher", "criterion", "loss"];

/// The keys, joined by dots, of the dictionary that holds the weights, and the keys with tensors that were set aside on the way.
fn weights_in(content: &PickleValue) -> (String, Vec<String>) {
    let (mut path, mut aside) = (Vec::new(), Vec::new());
    let mut here = content;
    while let PickleValue::Dict(keys) = here {
        if keys.values().any(is_tensor) {
            break;
        }
        let mut inside: Vec<&String> =
            keys.iter().filter(|(_, value)| has_tensors(value)).map(|(key, _)| key).collect();
        inside.sort();
        let (beside, weights): (Vec<&String>, Vec<&String>) = inside.into_iter().partition(|key| is_beside(key));
        let (only, set_aside) = match (weights.as_slice(), beside.as_slice()) {
            ([only], _) => (*only, beside),
            // A file of averaged weights alone.
            ([], [only]) => (*only, Vec::new()),
            _ => break,
        };
        aside.extend(set_aside.into_iter().cloned());
        path.push(only.clone());
        here = &keys[only];
    }
    (path.join("."), aside)
}

fn is_beside(key: &str) -> bool {
    let key = key.to_lowercase();
    BESIDE.iter().any(|word| key.contains(word))
}

fn is_tensor(value: &PickleValue) -> bool {
    matches!(value, PickleValue::Unsupported(kind) if kind == "torch.Tensor")
}

fn has_tensors(value: &PickleValue) -> bool {
    match value {
        PickleValue::Dict(keys) => keys.values().any(has_tensors),
        other => is_tensor(other),
    }
}
