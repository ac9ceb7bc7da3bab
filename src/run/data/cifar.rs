//! CIFAR-10's binary files: for each image a label byte, then 32×32 bytes of red, of green, of blue
//! (Krizhevsky's description at cs.toronto.edu/~kriz/cifar.html).

use std::path::{Path, PathBuf};

use super::{DataError, DataSet, Images, Read, Wanted, check_channels, entries, read_bytes};
use crate::files::read;

const SIDE: usize = 32;
const IMAGE: usize = 3 * SIDE * SIDE;
const CLASSES: usize = 10;

/// `data_batch_*.bin` for training, `test_batch.bin` for testing, in the folder or in `cifar-10-batches-bin` inside it.
pub fn open(folder: &Path, wanted: &Wanted) -> Result<Read, DataError> {
    check_channels(wanted)?;
    let inner = folder.join("cifar-10-batches-bin");
    let folder = if inner.is_dir() { inner.as_path() } else { folder };
    let name = |path: &PathBuf| path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let batches: Vec<PathBuf> = entries(folder)?
        .into_iter()
        .filter(|path| name(path).starts_with("data_batch_") && name(path).ends_with(".bin"))
        .collect();
    if batches.is_empty() {
        let reason = "no `data_batch_*.bin` files are here; the binary version of CIFAR-10 has them".to_string();
        return Err(DataError::Absent { path: folder.display().to_string(), reason });
    }
    wanted.check_classes(CLASSES)?;
    let train = read_batches(&batches, wanted)?;
    let test = folder.join("test_batch.bin");
    let second = if test.exists() { Some(read_batches(&[test], wanted)?) } else { None };
    let names = read::text(&folder.join("batches.meta.txt"), read::SMALL).unwrap_or_default();
    let names: Vec<String> = names.lines().map(str::trim).filter(|line| !line.is_empty()).map(String::from).collect();
    Ok(Read { train, second, names: if names.len() == CLASSES { names } else { Vec::new() }, notes: Vec::new() })
}

fn read_batches(paths: &[PathBuf], wanted: &Wanted) -> Result<DataSet, DataError> {
    let (mut labels, mut bytes) = (Vec::new(), Vec::new());
    for path in paths {
        let damaged = |reason: String| DataError::Damaged { path: path.display().to_string(), reason };
        let file = read_bytes(path)?;
        let (whole, rest) = (file.len() / (IMAGE + 1), file.len() % (IMAGE + 1));
        if rest != 0 || whole == 0 {
            return Err(damaged(format!(
                "is cut or no CIFAR-10 file: {} bytes are {whole} images of {} bytes and {rest} bytes more",
                file.len(),
                IMAGE + 1
            )));
        }
        for (at, record) in file.chunks_exact(IMAGE + 1).enumerate() {
            if usize::from(record[0]) >= CLASSES {
                return Err(damaged(format!(
                    "is damaged: the label of image {at} is {}, and there are 0 to 9",
                    record[0]
                )));
            }
            labels.push(u32::from(record[0]));
            bytes.extend_from_slice(&record[1..]);
        }
    }
    let images = Images::Bytes { bytes, channels: 3, height: SIDE, width: SIDE };
    Ok(DataSet::new(images, labels, wanted.architecture))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph;
    use crate::spec::Library;

    #[test]
    fn cut_files_and_labels_out_of_range_are_refused() {
        let network = graph::analyse(&Library::new(None).load("vgg11-cifar", &[]).expect("bundled")).expect("bundled");
        let architecture = &network.architecture;
        let wanted = Wanted { architecture, classes: 10, known: None, seed: 0, limit: None, val_split: 0.0 };
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("data_batch_1.bin");
        let mut bytes = vec![9; 2 * (IMAGE + 1)];
        std::fs::write(&path, &bytes).expect("written");
        assert_eq!(open(folder.path(), &wanted).expect("sound").train.len(), 2);
        std::fs::write(&path, &bytes[..5000]).expect("written");
        let cut = open(folder.path(), &wanted).err().expect("cut").to_string();
        assert!(cut.contains("5000 bytes are 1 images of 3073 bytes and 1927 bytes more"), "{cut}");
        bytes[IMAGE + 1] = 10;
        std::fs::write(&path, &bytes).expect("written");
        let label = open(folder.path(), &wanted).err().expect("a label too large").to_string();
        assert!(label.contains("label of image 1 is 10"), "{label}");
    }
}
