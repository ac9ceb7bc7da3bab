//! The MNIST family's IDX files, plain or gzip: a magic number with type and number of sizes, the sizes as big-endian
//! 32-bit numbers, then the bytes (LeCun's description at yann.lecun.com/exdb/mnist).

use std::io::Read as _;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::{DataError, DataSet, Images, Read, Wanted, check_channels, entries, read_bytes};

/// Unsigned bytes, the only type the family uses.
const BYTES: u8 = 0x08;

/// The pair of files for training, and the pair for testing where there is one.
pub fn open(folder: &Path, wanted: &Wanted) -> Result<Read, DataError> {
    check_channels(wanted)?;
    let paths = entries(folder)?;
    let (images, labels) = (find(folder, &paths, TRAIN, "images")?, find(folder, &paths, TRAIN, "labels")?);
    let (Some(images), Some(labels)) = (images, labels) else {
        let reason = "no `train-images…` and `train-labels…` files are here, as MNIST's are called; \
                      they are read plain or as .gz"
            .to_string();
        return Err(DataError::Absent { path: folder.display().to_string(), reason });
    };
    let train = pair(&images, &labels, wanted)?;
    let second = match (find(folder, &paths, TEST, "images")?, find(folder, &paths, TEST, "labels")?) {
        (Some(images), Some(labels)) => Some(pair(&images, &labels, wanted)?),
        (None, None) => None,
        (images, labels) => {
            let there = images.or(labels).unwrap_or_default();
            let reason = "stands alone: test images and labels come as two files".to_string();
            return Err(DataError::Damaged { path: there.display().to_string(), reason });
        }
    };
    let classes = train.classes().max(second.as_ref().map_or(0, DataSet::classes));
    wanted.check_classes(classes)?;
    let mut notes = Vec::new();
    if train.labels().min() == Some(1) {
        notes.push(format!("no image has label 0: the labels count from 1 to {}", classes - 1));
    }
    Ok(Read { train, second, names: Vec::new(), notes })
}

const TRAIN: &[&str] = &["train"];
const TEST: &[&str] = &["t10k", "test"];

/// The file whose name holds one of `parts` and `what`; a plain one before its .gz.
fn find(folder: &Path, paths: &[PathBuf], parts: &[&str], what: &str) -> Result<Option<PathBuf>, DataError> {
    let named = |path: &PathBuf| {
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().to_lowercase());
        parts.iter().any(|part| name.contains(part)) && name.contains(what)
    };
    let is_packed = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "gz");
    let mut found: Vec<&PathBuf> = paths.iter().filter(|path| named(path)).collect();
    if found.iter().any(|path| !is_packed(path)) {
        found.retain(|path| !is_packed(path));
    }
    match found.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some((*one).clone())),
        [one, other, ..] => Err(DataError::Absent {
            path: folder.display().to_string(),
            reason: format!(
                "both `{}` and `{}` could be meant; keep one data set in a folder",
                one.file_name().unwrap_or_default().to_string_lossy(),
                other.file_name().unwrap_or_default().to_string_lossy()
            ),
        }),
    }
}

fn pair(images_path: &Path, labels_path: &Path, wanted: &Wanted) -> Result<DataSet, DataError> {
    let (sizes, bytes) = read(images_path, 3, "images")?;
    let (label_sizes, labels) = read(labels_path, 1, "labels")?;
    if sizes[0] != label_sizes[0] {
        let reason = format!("has {} labels for the {} images of {}", label_sizes[0], sizes[0], images_path.display());
        return Err(DataError::Damaged { path: labels_path.display().to_string(), reason });
    }
    let labels: Vec<u32> = labels.into_iter().map(u32::from).collect();
    wanted.check_labels(labels_path, &labels)?;
    let images = Images::Bytes { bytes, channels: 1, height: sizes[1], width: sizes[2] };
    Ok(DataSet::new(images, labels, wanted.architecture))
}

/// The sizes and the bytes of a file.
fn read(path: &Path, dimensions: usize, what: &str) -> Result<(Vec<usize>, Vec<u8>), DataError> {
    let damaged = |reason: String| DataError::Damaged { path: path.display().to_string(), reason };
    let raw = read_bytes(path)?;
    if let Some(page) = web_page(&raw) {
        return Err(damaged(format!("is {page} saved under this name, not IDX data; download the file itself")));
    }
    let is_packed = raw.starts_with(&[0x1f, 0x8b]);
    let header = 4 + 4 * dimensions;
    let mut start = Vec::new();
    // What comes out is bounded by what the header promises, whatever a small file may unfold to.
    let mut packed = MultiGzDecoder::new(raw.as_slice());
    let mut plain = raw.as_slice();
    let stream: &mut dyn std::io::Read = if is_packed { &mut packed } else { &mut plain };
    let broken = |error: std::io::Error| damaged(format!("cannot be unpacked: {error}; download it again"));
    stream.take(header as u64).read_to_end(&mut start).map_err(broken)?;
    let (magic, rest) = start.split_at_checked(4).ok_or_else(|| damaged("is too short to be IDX data".into()))?;
    if magic[..2] != [0, 0] || rest.len() < 4 * dimensions {
        return Err(damaged(format!("does not begin as IDX data does (0 0 8 {dimensions}), but with {magic:?}")));
    }
    if magic[2] != BYTES || usize::from(magic[3]) != dimensions {
        return Err(damaged(format!(
            "holds data of type {:#04x} in {} dimensions; {what} are bytes (0x08) in {dimensions}",
            magic[2], magic[3]
        )));
    }
    let sizes: Vec<usize> = rest.as_chunks::<4>().0.iter().map(|&size| u32::from_be_bytes(size) as usize).collect();
    let promised = sizes.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
    let words = sizes.iter().map(usize::to_string).collect::<Vec<_>>().join("×");
    let promised = promised
        .filter(|&bytes| bytes > 0 && bytes < 1 << 40)
        .ok_or_else(|| damaged(format!("promises {words} bytes in its header, which no data set has")))?;
    super::super::machine::check(promised as u64)?;
    let mut bytes = Vec::new();
    let ended = stream.take(promised as u64 + 1).read_to_end(&mut bytes);
    if bytes.len() < promised {
        let why = ended.err().map_or_else(String::new, |error| format!(" ({error})"));
        let held = bytes.len();
        return Err(damaged(format!(
            "is cut short: its header promises {words} = {promised} bytes of {what}, but {held} follow{why}"
        )));
    }
    ended.map_err(broken)?;
    if bytes.len() > promised {
        return Err(damaged(format!("holds more than the {words} = {promised} bytes of {what} its header promises")));
    }
    Ok((sizes, bytes))
}

/// What a saved web page begins with.
fn web_page(bytes: &[u8]) -> Option<&'static str> {
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(64)]).trim_start().to_lowercase();
    (start.starts_with("<!doctype") || start.starts_with("<html") || start.starts_with("<?xml")).then_some("a web page")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), bytes).expect("written");
        file
    }

    fn refused(bytes: &[u8], dimensions: usize) -> String {
        read(file(bytes).path(), dimensions, "images").expect_err("damaged").to_string()
    }

    #[test]
    fn a_file_is_what_its_header_says_or_it_is_refused() {
        let sound = [0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2, 3, 4];
        assert_eq!(read(file(&sound).path(), 3, "images").expect("sound"), (vec![2, 1, 2], vec![1, 2, 3, 4]));
        assert!(refused(&sound[..19], 3).contains("promises 2×1×2 = 4 bytes of images, but 3 follow"));
        assert!(refused(&[&sound[..], &[5]].concat(), 3).contains("more than"));
        assert!(refused(&sound, 1).contains("in 3 dimensions; images are bytes (0x08) in 1"));
        assert!(refused(b"<!DOCTYPE html><html>", 3).contains("web page"));
        assert!(refused(&[0, 0], 3).contains("too short"));
        let huge = [0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255];
        assert!(refused(&huge, 3).contains("no data set has"));
        assert!(refused(&[0x1f, 0x8b, 8, 0, 1, 2], 3).contains("unpacked"));
    }

    #[test]
    fn labels_that_count_from_one_are_told_whether_they_fit_or_not() {
        use crate::graph;
        use crate::spec::Library;
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        let images = [&[0u8, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 2][..], &[7; 12]].concat();
        std::fs::write(at("train-images-idx3-ubyte"), images).expect("written");
        std::fs::write(at("train-labels-idx1-ubyte"), [0, 0, 8, 1, 0, 0, 0, 3, 1, 3, 2]).expect("written");
        let network = graph::analyse(&Library::new(None).load("vgg-mini", &[]).expect("bundled")).expect("bundled");
        let wanted = |classes| Wanted {
            architecture: &network.architecture,
            classes,
            known: None,
            seed: 0,
            limit: None,
            val_split: 0.0,
        };
        let refused = open(folder.path(), &wanted(3)).err().expect("label 3 of 0 to 2").to_string();
        assert!(refused.contains("count from 1 to 3, and class 0 would stay empty"), "{refused}");
        let read = open(folder.path(), &wanted(4)).expect("room for all");
        assert_eq!(read.notes, ["no image has label 0: the labels count from 1 to 3"]);
    }
}
