//! The explorer's own files: texts that are not saved yet, what is remembered, the user's keys; and writing a text so that
//! it is there whole or not at all.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use serde::{Deserialize, Serialize};

use super::remembered::Remembered;
use crate::files::name::safe;
use crate::files::{read, write};
use crate::spec::Origin;
use crate::tui::model::LeftOver;
use crate::tui::screen::{Expected, SaveError, Standing};
use crate::tui::widgets::theme::{self, Theme};

/// A text that was not saved, as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// The file it is of, or the id of a bundled one.
    of: String,
    bundled: bool,
    text: String,
    /// What it was typed on top of.
    base: String,
}

/// The folder of kept texts, in that of the explorer's state.
const UNSAVED: &str = "unsaved";

/// The folder of the explorer's state, and what this process holds in it.
pub struct Disk {
    folder: Option<PathBuf>,
    /// The files of kept texts that this process writes, with their locks.
    held: Vec<(Origin, PathBuf, File)>,
}

impl Disk {
    /// In the user's state folder; where there is none, nothing is kept.
    pub fn of_user() -> Self {
        let base = etcetera::choose_base_strategy().ok();
        let folder = base.map(|base| base.state_dir().unwrap_or_else(|| base.data_dir()).join("convlens"));
        Disk { folder, held: Vec::new() }
    }

    /// Whether the explorer was here before.
    pub fn is_known(&self) -> bool {
        self.folder.as_ref().is_some_and(|folder| folder.join("explorer.json").exists())
    }

    pub fn remembered(&self) -> Remembered {
        let text = self.folder.as_ref().and_then(|folder| read::text(&folder.join("explorer.json"), read::SMALL).ok());
        // What cannot be read is forgotten: it is a convenience.
        text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
    }

    pub fn remember(&self, remembered: &Remembered) {
        if let (Some(folder), Ok(text)) = (&self.folder, serde_json::to_string_pretty(remembered)) {
            let _ = fs::create_dir_all(folder).and_then(|()| write::write_text(&folder.join("explorer.json"), &text));
        }
    }

    /// Keeps a text that is not saved, or forgets it. The file is locked while this process runs, so that another one does
    /// not offer it as left over.
    pub fn keep(&mut self, origin: &Origin, text: Option<&LeftOver>) -> io::Result<()> {
        let at = self.held.iter().position(|(own, ..)| own == origin);
        let Some(text) = text else {
            if let Some((_, path, lock)) = at.map(|at| self.held.swap_remove(at)) {
                let _ = fs::remove_file(&path);
                let _ = fs::remove_file(lock_of(&path));
                drop(lock);
            } else if let Some((path, _lock)) = self.free_file(origin, Path::exists) {
                // One that an earlier run left and that was not wanted.
                let _ = fs::remove_file(&path);
                let _ = fs::remove_file(lock_of(&path));
            }
            return Ok(());
        };
        let path = match at {
            Some(at) => self.held[at].1.clone(),
            None => {
                let unwritable = || io::Error::other("the user's state folder cannot be written");
                let folder = self.folder.as_ref().ok_or_else(unwritable)?;
                fs::create_dir_all(folder.join(UNSAVED)).map_err(|_| unwritable())?;
                let (path, lock) = self.free_file(origin, |_| true).ok_or_else(unwritable)?;
                self.held.push((origin.clone(), path.clone(), lock));
                path
            }
        };
        let (of, bundled) = match origin {
            Origin::Bundled(id) => (id.to_string(), true),
            Origin::File(path) | Origin::Foreign(path) => (std::path::absolute(path)?.display().to_string(), false),
        };
        let kept = Kept { of, bundled, text: text.text.clone(), base: text.base.clone() };
        // No fsync for each letter: a crash of the program leaves what was written.
        write::write_unsynced(&path, &serde_json::to_vec(&kept)?)
    }

    /// The first file for a text of `origin` that no process holds, of those that `fits`; locked.
    fn free_file(&self, origin: &Origin, fits: impl Fn(&Path) -> bool) -> Option<(PathBuf, File)> {
        let (folder, name) = (self.folder.as_ref()?.join(UNSAVED), name_of(origin));
        let mut paths = (1..100).map(|count| folder.join(format!("{name}-{count}.json")));
        paths.find_map(|path| {
            if !fits(&path) {
                return None;
            }
            let lock = write::open_lock(&lock_of(&path)).ok()?;
            lock.try_lock().is_ok().then_some((path, lock))
        })
    }

    /// The texts that earlier runs left of architectures, in their order.
    pub fn left_over(&self, origins: &[Origin]) -> Vec<Option<LeftOver>> {
        // Read once: to ask for each name that there might be takes as long as the rest of the start.
        let entries = self.folder.as_ref().and_then(|folder| fs::read_dir(folder.join(UNSAVED)).ok());
        let there: HashSet<PathBuf> = entries.into_iter().flatten().filter_map(|own| Some(own.ok()?.path())).collect();
        let of = |origin: &Origin| {
            let (path, _lock) = self.free_file(origin, |path| there.contains(path))?;
            let kept: Kept = serde_json::from_str(&read::text(&path, 8 * read::SMALL).ok()?).ok()?;
            Some(LeftOver { text: kept.text, base: kept.base })
        };
        origins.iter().map(|origin| if there.is_empty() { None } else { of(origin) }).collect()
    }
}

fn lock_of(path: &Path) -> PathBuf {
    path.with_extension("lock")
}

/// A file name for the texts of an origin: its id, and a number that tells files of the same id apart.
fn name_of(origin: &Origin) -> String {
    let place = match origin {
        Origin::Bundled(id) => id.to_string(),
        Origin::File(path) | Origin::Foreign(path) => {
            std::path::absolute(path).unwrap_or_else(|_| path.clone()).display().to_string()
        }
    };
    // FNV-1a: the same in every version of the program.
    let hash = place.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    format!("{}-{hash:08x}", safe(&origin.id()))
}

/// What stands at a path, behind links.
pub fn what_stands_at(path: &Path) -> Standing {
    match fs::metadata(path) {
        Ok(there) if there.is_dir() => Standing::Folder,
        Ok(_) => Standing::File,
        Err(_) => Standing::Nothing,
    }
}

/// Where the user's own keys are, there or not.
pub fn keys_file() -> Option<PathBuf> {
    let base = etcetera::choose_base_strategy().ok()?;
    Some(base.config_dir().join("convlens").join("keys.yaml"))
}

/// The user's own themes, in the order of their names; each changes the dark one.
pub fn themes() -> Vec<(String, Result<Theme, String>)> {
    let Some(folder) = keys_file().and_then(|file| Some(file.parent()?.join("themes"))) else { return Vec::new() };
    let mut paths: Vec<PathBuf> =
        fs::read_dir(&folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|own| own == "yaml" || own == "yml"));
    paths.sort();
    let name = |path: &PathBuf| path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    paths.iter().take(MOST_THEMES).map(|path| (name(path), theme_of(path))).collect()
}

/// Most themes of the user's that are read.
const MOST_THEMES: usize = 50;

fn theme_of(path: &Path) -> Result<Theme, String> {
    let place = path.display().to_string();
    let text = read::text(path, read::SMALL).map_err(|error| format!("cannot read the theme {place}: {error}"))?;
    let name = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    // Names live as long as the program; there are few.
    let name: &'static str = Box::leak(name.into_boxed_str());
    theme::read(&text, name, &place, theme::dark(), theme::bundled)
        .map_err(|report| format!("the theme {place} has problems\n{report}"))
}

/// Writes a text where the file holds what is expected.
pub fn save(path: &Path, text: &str, expected: &Expected) -> Result<(), SaveError> {
    let name = path.display().to_string();
    let there = read::text(path, crate::spec::limits::FILE_BYTES).ok();
    match (expected, &there) {
        (Expected::Text(expected), Some(there)) if there != expected => return Err(SaveError::Changed(name)),
        (Expected::Text(_), None) => return Err(SaveError::Changed(name)),
        (Expected::Nothing, _) if path.exists() => return Err(SaveError::Exists(name)),
        _ => {}
    }
    let failed = |error: io::Error| SaveError::Failed { path: name.clone(), reason: read::reason(&error) };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    write::write_text(path, text).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_saved_only_over_what_was_expected() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("new/net.yaml");
        save(&path, "a: 1\n", &Expected::Nothing).expect("saved");
        assert!(matches!(save(&path, "b", &Expected::Nothing), Err(SaveError::Exists(_))));
        assert!(matches!(save(&path, "b", &Expected::Text("other".into())), Err(SaveError::Changed(_))));
        save(&path, "a: 2\n", &Expected::Text("a: 1\n".into())).expect("saved");
        save(&path, "a: 3\n", &Expected::Anything).expect("saved");
        assert_eq!(fs::read_to_string(&path).expect("there"), "a: 3\n");
        assert_eq!(fs::read_dir(folder.path().join("new")).expect("a folder").count(), 1, "nothing is left beside it");
    }

    #[test]
    fn what_cannot_be_written_is_said_and_leaves_the_file_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let failed = save(folder.path(), "a", &Expected::Anything);
        assert!(matches!(failed, Err(SaveError::Failed { .. })), "{failed:?}");
        let under_a_file = folder.path().join("file");
        fs::write(&under_a_file, "").expect("written");
        assert!(matches!(save(&under_a_file.join("net.yaml"), "a", &Expected::Nothing), Err(SaveError::Failed { .. })));
    }

    #[test]
    fn a_kept_text_is_left_over_only_once_its_process_is_gone() {
        let folder = tempfile::tempdir().expect("a folder");
        let disk = || Disk { folder: Some(folder.path().to_path_buf()), held: Vec::new() };
        let origin = Origin::File("mine.yaml".into());
        let mut first = disk();
        let left = |text: &str| LeftOver { text: text.into(), base: "base".into() };
        first.keep(&origin, Some(&left("one"))).expect("kept");
        first.keep(&origin, Some(&left("two"))).expect("kept");
        let left_over = |origin: &Origin| disk().left_over(std::slice::from_ref(origin)).remove(0);
        assert_eq!(left_over(&origin), None, "held by the first");
        // A second process keeps its own beside it.
        let mut second = disk();
        second.keep(&origin, Some(&left("three"))).expect("kept");
        second.keep(&origin, None).expect("forgotten");
        drop(first);
        assert_eq!(left_over(&origin), Some(left("two")));
        assert_eq!(left_over(&Origin::Bundled("vgg16")), None);
        disk().keep(&origin, None).expect("forgotten");
        assert_eq!(left_over(&origin), None);
    }
}
