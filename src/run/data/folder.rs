//! A folder of images: `train/<class>/*` and `val/<class>/*`, or the classes alone. The images stay on disk and are
//! decoded as mini-batches need them.

use std::path::{Path, PathBuf};

use super::{DataError, DataSet, Images, Read, Wanted, check_channels, entries};

/// The classes are the folders of `train`, in the order of their names.
pub fn open(folder: &Path, wanted: &Wanted) -> Result<Read, DataError> {
    check_channels(wanted)?;
    let inner = folder.join("train");
    let train_folder = if inner.is_dir() { inner } else { folder.to_path_buf() };
    let classes: Vec<(String, PathBuf)> = classes(&train_folder)?;
    if classes.is_empty() {
        let reason =
            "there are no folders of classes; images are looked for in train/<class>/ and val/<class>/, or in \
                      <class>/"
                .to_string();
        return Err(DataError::Absent { path: folder.display().to_string(), reason });
    }
    wanted.check_classes(classes.len())?;
    let train = images(&classes, &classes, wanted)?;
    let second = ["val", "valid", "validation", "test"].map(|name| folder.join(name));
    let second = match second.iter().find(|path| path.is_dir() && train_folder != folder) {
        Some(path) => {
            let own = self::classes(path)?;
            if let Some((name, _)) = own.iter().find(|(name, _)| !classes.iter().any(|(known, _)| known == name)) {
                let reason = format!("`{name}` is no class of {}", train_folder.display());
                return Err(DataError::Absent { path: path.display().to_string(), reason });
            }
            Some(images(&own, &classes, wanted)?)
        }
        None => None,
    };
    Ok(Read { train, second, names: classes.into_iter().map(|(name, _)| name).collect() })
}

fn classes(folder: &Path) -> Result<Vec<(String, PathBuf)>, DataError> {
    let is_hidden = |name: &str| name.starts_with('.');
    let folders = entries(folder)?.into_iter().filter(|path| path.is_dir()).filter_map(|path| {
        let name = path.file_name()?.to_string_lossy().into_owned();
        (!is_hidden(&name)).then_some((name, path))
    });
    Ok(folders.collect())
}

fn images(own: &[(String, PathBuf)], classes: &[(String, PathBuf)], wanted: &Wanted) -> Result<DataSet, DataError> {
    let mut all: Vec<(usize, u32, PathBuf)> = Vec::new();
    for (name, folder) in own {
        let Some(label) = classes.iter().position(|(known, _)| known == name) else { continue };
        let found: Vec<PathBuf> = entries(folder)?.into_iter().filter(|path| is_image(path)).collect();
        if found.is_empty() {
            let reason = "no PNG or JPEG files are here".to_string();
            return Err(DataError::Absent { path: folder.display().to_string(), reason });
        }
        all.extend(found.into_iter().enumerate().map(|(at, file)| (at, label as u32, file)));
    }
    // The first of every class, then the second of every class: so the first images of the set are of all classes.
    all.sort();
    let (labels, files) = all.into_iter().map(|(_, label, file)| (label, file)).unzip();
    Ok(DataSet::new(Images::Files(files), labels, wanted.architecture))
}

fn is_image(path: &Path) -> bool {
    let extension = path.extension().map_or_else(String::new, |extension| extension.to_string_lossy().to_lowercase());
    matches!(extension.as_str(), "png" | "jpg" | "jpeg") && path.is_file()
}
