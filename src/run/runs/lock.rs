//! Whose a run's folder is: the lock that a process holds while it trains there, and what else lies in it.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;
use std::time::Duration;

use super::{LOCK, RunError, file, unwritable};
use crate::files::write;

/// Locks a folder for this process; the system lets go of it whatever ends the process.
pub fn lock(folder: &Path) -> Result<File, RunError> {
    let path = file(folder, LOCK);
    let failed = |error: io::Error| unwritable(&path, &error, None);
    let lock = write::open_lock(&path).map_err(failed)?;
    // Whoever only asks whether a run goes on holds the lock for a moment, too.
    for _ in 0..10 {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(20)),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
    }
    Err(RunError::Busy(folder.display().to_string()))
}

/// Whether a path still is the file that was opened.
#[cfg(unix)]
pub fn is_same(opened: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    opened
        .metadata()
        .map(identity)
        .ok()
        .is_some_and(|own| fs::metadata(path).map(identity).is_ok_and(|there| there == own))
}

#[cfg(not(unix))]
pub fn is_same(_: &File, path: &Path) -> bool {
    path.exists()
}

/// What a folder holds beside a lock, and what a kill has left half written.
pub fn contents(folder: &Path) -> Result<Vec<std::ffi::OsString>, RunError> {
    let entries = fs::read_dir(folder).map_err(|error| unwritable(folder, &error, None))?;
    let names = entries.filter_map(Result::ok).map(|entry| entry.file_name());
    Ok(names.filter(|name| name != LOCK && !name.to_string_lossy().starts_with(write::PREFIX)).collect())
}

/// Removes what a kill left of a checkpoint that was being written.
pub fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(write::PREFIX) {
            let path = entry.path();
            let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        }
    }
}

/// Whether a process trains in a folder.
pub fn is_busy(folder: &Path) -> bool {
    let Ok(lock) = crate::files::read::open(&file(folder, LOCK)) else { return false };
    matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock))
}
