//! A file of weights: its header read and checked, its tensors read in pieces. Safetensors, or PyTorch's own (`pickled`).

use std::collections::HashMap;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, Metadata};

use super::entry::Entry;
use super::pickled::Pickled;
use super::{TENSORS_CRC32, WeightsError, foreign};
use crate::files::{read, reason};
use crate::visible::{visible, visible_name};

/// An opened file with its checked header, tensors in the order of their bytes; those of PyTorch's files by name.
#[derive(Debug)]
pub struct TensorFile {
    /// As it is shown; a name need not be text.
    pub path: String,
    on_disk: PathBuf,
    pub entries: Vec<Entry>,
    /// Texts that the header carries beside the tensors.
    pub texts: HashMap<String, String>,
    /// CRC-32 of tensors by name, where the header has them.
    sums: HashMap<String, u32>,
    /// Of PyTorch's files, what the values are read from.
    pickled: Option<Pickled>,
}

/// Longest header read; the format's own limit.
const HEADER_BYTES: u64 = 100_000_000;
/// Bytes read at a time.
const PIECE: usize = 4 << 20;

impl TensorFile {
    /// Reads the header alone, and checks that it tiles the file's bytes exactly. Of PyTorch's files, which have none, it reads
    /// the names and shapes.
    pub fn open(path: &Path) -> Result<Self, WeightsError> {
        let name = visible(&path.display().to_string()).into_owned();
        let unreadable =
            |error: std::io::Error| WeightsError::Unreadable { path: name.clone(), reason: reason(&error) };
        let damaged = |reason: String| WeightsError::Damaged { path: name.clone(), reason: visible_name(&reason) };
        let mut file = read::open(path)
            .map_err(|error| WeightsError::Unreadable { path: name.clone(), reason: error.to_string() })?;
        let length = file.metadata().map_err(unreadable)?.len();
        let mut start = Vec::new();
        file.by_ref().take(foreign::START as u64).read_to_end(&mut start).map_err(unreadable)?;
        // A header's length may look like anything, but its text begins with a brace.
        if start.get(8) != Some(&b'{') {
            if foreign::is_pytorch(&start) {
                if read::is_standard_input(path) {
                    let reason = "PyTorch's files are read from a disk, not from standard input".into();
                    return Err(WeightsError::Unreadable { path: name, reason });
                }
                let (pickled, entries) = Pickled::open(path, &name)?;
                let (on_disk, texts) = (path.to_path_buf(), HashMap::new());
                return Ok(TensorFile {
                    path: name,
                    on_disk,
                    entries,
                    texts,
                    sums: HashMap::new(),
                    pickled: Some(pickled),
                });
            }
            if let Some((what, way)) = foreign::recognise(&start) {
                return Err(WeightsError::Foreign { path: name, what, way });
            }
        }
        let Some(first) = start.first_chunk::<8>() else {
            return Err(damaged(format!("it has {length} bytes, too few for a header")));
        };
        file.seek(SeekFrom::Start(8)).map_err(unreadable)?;
        let header = u64::from_le_bytes(*first);
        if header > HEADER_BYTES || header > length - 8 {
            return Err(damaged(match start[8..].first() {
                Some(b'{') => format!("its first bytes promise a header of {header} bytes, but it has {length}"),
                _ => "it does not begin as one".into(),
            }));
        }
        let mut text = vec![0; header as usize];
        file.read_exact(&mut text).map_err(unreadable)?;
        // Reading it checks that shapes, types and offsets agree, without gaps, overlaps or overflow.
        let metadata: Metadata = serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
        let data = 8 + header;
        if data.checked_add(metadata.data_len() as u64) != Some(length) {
            let promised = metadata.data_len();
            return Err(damaged(format!(
                "its header describes {promised} bytes of values, but {} follow",
                length - data
            )));
        }
        let mut entries = Vec::new();
        for name in metadata.offset_keys() {
            let Some(info) = metadata.info(&name) else { continue };
            let (from, to) = info.data_offsets;
            let (dtype, shape) = (info.dtype, info.shape.clone());
            entries.push(Entry { name, dtype, shape, start: data + from as u64, bytes: to - from });
        }
        let texts = metadata.metadata().clone().unwrap_or_default();
        let sums = texts.get(TENSORS_CRC32).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        Ok(TensorFile { path: name, on_disk: path.to_path_buf(), entries, texts, sums, pickled: None })
    }

    /// Where in a file of PyTorch's the weights were found, if it holds more: ``under `state_dict` ``.
    pub fn place(&self) -> Option<String> {
        self.pickled.as_ref().and_then(Pickled::place)
    }

    pub fn find(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    /// All values of a tensor as f32, in the file's order.
    pub fn read(&self, entry: &Entry) -> Result<Vec<f32>, WeightsError> {
        let mut values = Vec::with_capacity(entry.elements());
        self.pieces(entry, PIECE, |piece| values.extend_from_slice(piece))?;
        Ok(values)
    }

    /// All values of an (outputs, inputs) matrix, as (inputs, outputs). Takes the memory of one matrix, not of two.
    pub fn read_transposed(&self, entry: &Entry, outputs: usize, inputs: usize) -> Result<Vec<f32>, WeightsError> {
        let mut values = vec![0.0; outputs * inputs];
        let width = entry.width().unwrap_or(4);
        // Whole rows at a time, several, so that neighbouring values are written together.
        let rows = (PIECE / (inputs * width).max(1)).max(16);
        let mut output = 0;
        self.pieces(entry, rows * inputs * width, |piece| {
            let rows = piece.len() / inputs;
            for input in 0..inputs {
                let target = &mut values[input * outputs + output..][..rows];
                for (row, value) in target.iter_mut().enumerate() {
                    *value = piece[row * inputs + input];
                }
            }
            output += rows;
        })?;
        Ok(values)
    }

    /// The values in pieces of at most `piece` bytes.
    fn pieces(&self, entry: &Entry, piece: usize, mut take: impl FnMut(&[f32])) -> Result<(), WeightsError> {
        let unreadable =
            |error: std::io::Error| WeightsError::Unreadable { path: self.path.clone(), reason: error.to_string() };
        let width = entry.width().ok_or_else(|| WeightsError::Damaged {
            path: self.path.clone(),
            reason: format!(
                "`{}` holds {:?} values; weights are F32, F16, BF16 or F64, labels I64 or U8",
                entry.name, entry.dtype
            ),
        })?;
        let piece = (piece / width * width).max(width);
        if let Some(pickled) = &self.pickled {
            let mut values = Vec::with_capacity(piece.min(entry.bytes) / width);
            for bytes in pickled.read(entry).map_err(unreadable)?.chunks(piece) {
                values.clear();
                decode(entry.dtype, bytes, &mut values);
                take(&values);
            }
            return Ok(());
        }
        let mut file = read::open(&self.on_disk)
            .map_err(|error| WeightsError::Unreadable { path: self.path.clone(), reason: error.to_string() })?;
        file.seek(SeekFrom::Start(entry.start)).map_err(unreadable)?;
        let mut bytes = vec![0; piece.min(entry.bytes)];
        let mut values = Vec::with_capacity(bytes.len() / width);
        let mut left = entry.bytes;
        let mut sum = crc32fast::Hasher::new();
        while left > 0 {
            let now = left.min(piece);
            file.read_exact(&mut bytes[..now]).map_err(unreadable)?;
            sum.update(&bytes[..now]);
            values.clear();
            decode(entry.dtype, &bytes[..now], &mut values);
            take(&values);
            left -= now;
        }
        // Files of ours say what was written.
        if self.sums.get(&entry.name).is_some_and(|written| *written != sum.finalize()) {
            let reason = format!("`{}` is not what was written (its checksum differs)", visible_name(&entry.name));
            return Err(WeightsError::Damaged { path: self.path.clone(), reason });
        }
        Ok(())
    }
}

fn decode(dtype: Dtype, bytes: &[u8], values: &mut Vec<f32>) {
    fn each<const WIDTH: usize>(bytes: &[u8], values: &mut Vec<f32>, decode: impl Fn([u8; WIDTH]) -> f32) {
        let (chunks, _) = bytes.as_chunks::<WIDTH>();
        values.extend(chunks.iter().map(|&chunk| decode(chunk)));
    }
    match dtype {
        Dtype::F64 => each(bytes, values, |chunk| f64::from_le_bytes(chunk) as f32),
        Dtype::I64 => each(bytes, values, |chunk| i64::from_le_bytes(chunk) as f32),
        Dtype::I32 => each(bytes, values, |chunk| i32::from_le_bytes(chunk) as f32),
        Dtype::F32 => each(bytes, values, f32::from_le_bytes),
        Dtype::F16 => each(bytes, values, |chunk| half::f16::from_le_bytes(chunk).to_f32()),
        Dtype::BF16 => each(bytes, values, |chunk| half::bf16::from_le_bytes(chunk).to_f32()),
        Dtype::U8 => each(bytes, values, |[byte]| f32::from(byte)),
        _ => {}
    }
}
