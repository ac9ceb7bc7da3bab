//! Files written whole or not at all, for every room.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// What the name of a file begins with that is not whole yet.
pub const PREFIX: &str = ".convlens-";

/// Lets `fill` write a file beside `path`, makes sure that it is on the disk, and renames it. Killed at any instant, what
/// stood there before stays whole, and so it does where the disk is full. A link is followed, permissions stay.
pub fn write(path: &Path, fill: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    // What is no file, such as /dev/stdout, cannot be replaced.
    if path.exists() && !path.is_file() {
        return fill(path);
    }
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let there = fs::metadata(&target);
    // Renaming would write over a file that its owner has closed to writing.
    if there.as_ref().is_ok_and(|metadata| metadata.permissions().readonly()) {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "the file is read-only"));
    }
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut beside = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // A temporary file is its owner's alone; this one becomes an ordinary file, less what the umask takes.
        beside.permissions(fs::Permissions::from_mode(0o666));
    }
    let beside = beside.prefix(PREFIX).tempfile_in(folder)?.into_temp_path();
    let ordinary = fs::metadata(&beside)?;
    fill(&beside)?;
    let file = File::options().read(true).write(true).open(&beside)?;
    // Whoever fills it may have made it anew with rights of its own.
    file.set_permissions(there.unwrap_or(ordinary).permissions())?;
    file.sync_all()?;
    beside.persist(&target).map_err(|error| error.error)?;
    // The new name is on the disk once its folder is; not every system lets a folder be opened for that.
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(())
}

/// Writes a text.
pub fn write_text(path: &Path, text: &str) -> io::Result<()> {
    write(path, |beside| fs::write(beside, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_filled_leaves_the_old_file_and_nothing_beside_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.txt");
        write_text(&path, "old").expect("written");
        let failed = write(&path, |beside| {
            fs::write(beside, "half")?;
            Err(io::Error::other("no space"))
        });
        assert!(failed.is_err());
        assert_eq!(fs::read_to_string(&path).expect("there"), "old");
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
    }
}
