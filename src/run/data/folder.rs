//! A folder of images: `train/<class>/*` and `val/<class>/*`, or the classes alone. The images stay on disk and are
//! decoded as mini-batches need them.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::{DataError, DataSet, Images, Read, Wanted, check_channels, entries};
use crate::run::picture::{self, LeftOut};

/// What the folder of training images is called, in any case.
const TRAIN: [&str; 3] = ["train", "training", "trainset"];
/// What the folder of the other images is called; the first that is there is taken.
const SECOND: [&str; 4] = ["val", "valid", "validation", "test"];
/// Folders in one another that are looked into below a class.
const DEEPEST: usize = 16;

/// A class: its name and its folder.
type Class = (String, PathBuf);

/// The classes are the folders of `train`, in the order of their names; where all are numbers, in theirs.
pub fn open(folder: &Path, wanted: &Wanted) -> Result<Read, DataError> {
    check_channels(wanted)?;
    let part = |names: &[&str]| -> Result<Option<PathBuf>, DataError> {
        let there: Vec<PathBuf> = entries(folder)?.into_iter().filter(|path| path.is_dir()).collect();
        let called = |path: &PathBuf, name: &str| {
            path.file_name().is_some_and(|own| own.to_string_lossy().eq_ignore_ascii_case(name))
        };
        Ok(names.iter().find_map(|name| there.iter().find(|path| called(path, name)).cloned()))
    };
    let absent = |reason: String| DataError::Absent { path: folder.display().to_string(), reason };
    // A class may be called `train`: the part has folders of classes in it.
    let has_classes =
        |path: &PathBuf| -> Result<bool, DataError> { Ok(entries(path)?.iter().any(|path| path.is_dir())) };
    let (train, second) = (part(&TRAIN)?, part(&SECOND)?);
    let train = match train {
        Some(path) if has_classes(&path)? => Some(path),
        _ => None,
    };
    let train_folder = train.clone().unwrap_or_else(|| folder.to_path_buf());
    let mut left_out = LeftOut::default();
    let classes = classes(&train_folder, &mut left_out)?;
    if let (None, Some(second)) = (&train, &second)
        && classes.iter().all(|(name, _)| SECOND.iter().any(|part| name.eq_ignore_ascii_case(part)))
    {
        let name = second.file_name().unwrap_or_default().to_string_lossy();
        return Err(absent(format!("there is `{name}` but no `train` beside it")));
    }
    if classes.is_empty() {
        return Err(absent(
            "there are no folders of classes; images are looked for in train/<class>/ and val/<class>/, or in <class>/"
                .into(),
        ));
    }
    let names: Vec<String> = classes.iter().map(|(name, _)| name.clone()).collect();
    let by_name = wanted.by_name(&names);
    if by_name.is_none() {
        wanted.check_named_classes(&names)?;
    }
    let train_set = images(&classes, &classes, wanted, &mut left_out)?;
    let mut notes = Vec::new();
    if let (None, Some(second)) = (&train, &second) {
        let name = second.file_name().unwrap_or_default().to_string_lossy();
        notes.push(format!("`{name}` is taken for a class, since there is no `train` beside it"));
    }
    let name_of = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    if let Some(train) = &train {
        // What lies beside the parts is told.
        let others = entries(folder)?.into_iter().filter(|path| path.is_dir() && !picture::is_hidden(path));
        let is_part = |path: &PathBuf| path == train || Some(path) == second.as_ref();
        let others: Vec<String> = others.filter(|path| !is_part(path)).map(|path| name_of(&path)).collect();
        if !others.is_empty() {
            notes.push(format!("not looked at: {}", super::listed(&others)));
        }
    }
    let second = match second.filter(|_| train.is_some()) {
        Some(path) => {
            let own = self::classes(&path, &mut left_out)?;
            if let Some((name, _)) = own.iter().find(|(name, _)| !names.contains(name)) {
                let reason = format!("`{name}` is no class of {}: {}", train_folder.display(), super::listed(&names));
                return Err(DataError::Absent { path: path.display().to_string(), reason });
            }
            let without: Vec<String> =
                names.iter().filter(|name| !own.iter().any(|(own, _)| own == *name)).cloned().collect();
            if !without.is_empty() {
                notes.push(format!("validation has no images of {}", super::listed(&without)));
            }
            let own_name = name_of(&path);
            if !own_name.to_lowercase().starts_with("val") {
                notes.push(format!("validation is `{own_name}`"));
            }
            Some(images(&own, &classes, wanted, &mut left_out)?)
        }
        None => None,
    };
    notes.extend(left_out.words());
    Ok(match (by_name, wanted.known) {
        (Some(places), Some(known)) => Read {
            train: train_set.relabelled(&places),
            second: second.map(|second| second.relabelled(&places)),
            names: known.to_vec(),
            notes,
        },
        _ => Read { train: train_set, second, names, notes },
    })
}

/// The folders in a folder that hold a class each. What lies beside them is counted.
fn classes(folder: &Path, left_out: &mut LeftOut) -> Result<Vec<Class>, DataError> {
    let mut classes = Vec::new();
    for path in entries(folder)? {
        if picture::is_hidden(&path) {
            left_out.hidden();
            continue;
        }
        if !path.is_dir() {
            left_out.loose();
            continue;
        }
        let name = path.file_name().unwrap_or_default().to_os_string();
        let name = name.into_string().map_err(|name| DataError::Absent {
            path: folder.display().to_string(),
            reason: format!("the name of the class `{}` is not UTF-8", name.to_string_lossy()),
        })?;
        classes.push((name, path));
    }
    // `2` before `10`, as whoever numbered them counts. Other names keep the order that torchvision's ImageFolder gives them.
    if classes.iter().all(|(name, _)| !name.is_empty() && name.chars().all(|c| c.is_ascii_digit())) {
        classes.sort_by_key(|(name, _)| {
            (name.trim_start_matches('0').len(), name.trim_start_matches('0').to_string(), name.clone())
        });
    }
    Ok(classes)
}

fn images(own: &[Class], classes: &[Class], wanted: &Wanted, left_out: &mut LeftOut) -> Result<DataSet, DataError> {
    let mut all: Vec<(usize, u32, PathBuf)> = Vec::new();
    for (name, folder) in own {
        let Some(label) = classes.iter().position(|(known, _)| known == name) else { continue };
        let (mut found, mut own) = (Vec::new(), LeftOut::default());
        let top = folder.canonicalize().unwrap_or_else(|_| folder.clone());
        collect(folder, &top, 0, &mut HashSet::new(), &mut found, &mut own)?;
        if found.is_empty() {
            let beside = own.words().map_or_else(String::new, |words| format!("; {words}"));
            let reason = format!("no images ({}) are here{beside}", picture::KINDS);
            return Err(DataError::Absent { path: folder.display().to_string(), reason });
        }
        left_out.add(own);
        all.extend(found.into_iter().enumerate().map(|(at, file)| (at, label as u32, file)));
    }
    // The first of every class, then the second of every class: so the first images of the set are of all classes.
    all.sort();
    let (labels, files) = all.into_iter().map(|(_, label, file)| (label, file)).unzip();
    Ok(DataSet::new(Images::Files(files), labels, wanted.architecture))
}

/// The images of the class whose folder is `top`, also those in folders below it. A link that leads back up, to other classes, is
/// left out, and each folder is looked into once.
fn collect(
    folder: &Path,
    top: &Path,
    depth: usize,
    seen: &mut HashSet<PathBuf>,
    found: &mut Vec<PathBuf>,
    left_out: &mut LeftOut,
) -> Result<(), DataError> {
    let place = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
    let leads_up = depth > 0 && top.starts_with(&place);
    if depth > DEEPEST || leads_up || !seen.insert(place) {
        left_out.folder();
        return Ok(());
    }
    for path in entries(folder)? {
        match () {
            _ if picture::is_hidden(&path) => left_out.hidden(),
            _ if path.is_dir() => collect(&path, top, depth + 1, seen, found, left_out)?,
            _ if picture::is_picture(&path) && path.is_file() => found.push(path),
            _ if path.is_file() => left_out.file(&path),
            _ => left_out.special(),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph;
    use crate::spec::Library;

    /// Reads a folder with these files in it, for a network of so many classes.
    fn opened(files: &[&str], classes: usize) -> Result<Read, String> {
        let folder = tempfile::tempdir().expect("a folder");
        for file in files {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(path, "").expect("written");
        }
        let network = graph::analyse(&Library::new(None).load("vgg11-cifar", &[]).expect("bundled")).expect("bundled");
        let architecture = &network.architecture;
        open(folder.path(), &Wanted { architecture, classes, known: None, seed: 0, limit: None, val_split: 0.0 })
            .map_err(|error| error.to_string())
    }

    #[test]
    fn nested_images_of_all_kinds_are_found_and_the_rest_is_counted() {
        let files =
            ["a/1.png", "a/more/2.WEBP", "a/more/deep/3.tif", "a/notes.txt", "a/.DS_Store", "b/1.gif", "b/2.heic"];
        let read = opened(&files, 2).expect("read");
        assert_eq!((read.train.len(), read.names.join(" ")), (4, "a b".into()));
        let told = "left out: 2 files that are no pictures (.heic 1, .txt 1), 1 hidden file or folder";
        assert_eq!(read.notes, [told]);
    }

    #[test]
    fn parts_are_known_in_any_case_and_what_is_no_class_is_none() {
        let beside = opened(&["train/a/1.png", "train/loose.png", "train/.hidden/x.png"], 1).expect("read");
        assert_eq!(beside.notes, ["left out: 1 file in no class's folder, 1 hidden file or folder"]);
        let read = opened(&["Train/cat/1.png", "Train/dog/1.png", "Valid/cat/1.png", "__MACOSX/x/1.png"], 2);
        let read = read.expect("read");
        assert_eq!((read.train.len(), read.second.map(|set| set.len())), (2, Some(1)));
        let both = opened(&["train/a/1.png", "val/a/1.png", "test/a/1.png"], 1).expect("read");
        assert_eq!(both.notes, ["not looked at: test"]);
        let only = opened(&["VAL/a/1.png", "test/a/1.png"], 2).err().expect("no training images");
        assert!(only.contains("there is `VAL` but no `train`"), "{only}");
    }

    #[test]
    fn classes_that_are_numbers_are_in_their_order_and_all_are_listed_where_they_do_not_fit() {
        let numbers = opened(&["1/a.png", "10/a.png", "2/a.png"], 3).expect("read");
        assert_eq!(numbers.names, ["1", "2", "10"]);
        assert_eq!((0..3).map(|at| numbers.train.label(at)).collect::<Vec<_>>(), [0, 1, 2]);
        let words = opened(&["c1/a.png", "c10/a.png", "c2/a.png"], 3).expect("read");
        assert_eq!(words.names, ["c1", "c10", "c2"], "as torchvision orders them");
        let refused = opened(&["cat/a.png", "dog/a.png"], 3).err().expect("two classes for three");
        assert!(refused.contains("2 classes (cat, dog)"), "{refused}");
    }
}
