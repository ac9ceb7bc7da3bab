//! Notices that files changed on disk. Folders are watched, not files: an editor that saves through a new name and renames
//! it makes another file of it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use crate::spec::Library;
use crate::tui::work::Worker;

/// Watches the folders of the library and of the files opened, until it is dropped.
pub fn start(library: &Library, files: Vec<PathBuf>, listing: Worker<()>) -> notify::Result<RecommendedWatcher> {
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        let about_yaml = |path: &PathBuf| path.extension().is_some_and(|own| own == "yaml" || own == "yml");
        if let Ok(event) = event
            && !matches!(event.kind, EventKind::Access(_))
            && event.paths.iter().any(about_yaml)
        {
            listing.give(());
        }
    })?;
    let parents = files.iter().filter_map(|file| file.parent()).map(|parent| match parent.as_os_str().is_empty() {
        true => Path::new(".").to_path_buf(),
        false => parent.to_path_buf(),
    });
    let folders: BTreeSet<PathBuf> = library.folders().iter().cloned().chain(parents).collect();
    for folder in folders.iter().filter(|folder| folder.is_dir()) {
        watcher.watch(folder, RecursiveMode::NonRecursive)?;
    }
    Ok(watcher)
}
