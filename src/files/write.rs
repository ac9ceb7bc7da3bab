//! Files written whole or not at all.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempPath;

use super::read;

/// What the name of a file begins with that is not whole yet, or of the folder that it is made in.
pub const PREFIX: &str = ".convlens-";

/// What becomes of a link that stands where a file is to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// Where a user says: the file that it leads to is written.
    Followed,
    /// In a folder of our own: nothing elsewhere is touched.
    Replaced,
}

/// Lets `fill` write a file beside `path`, makes sure that it is on the disk, and renames it. Killed at any instant, what
/// stood there before stays whole, and so it does where the disk is full. A link is followed, permissions stay. What is no
/// file (a pipe, a device such as `/dev/stdout`) is written through and stays what it is.
pub fn write(path: &Path, fill: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    write_as(path, Links::Followed, fill)
}

/// As [`fn@write`], in a folder of our own: whatever link stands there is replaced, not followed, and what is neither a link
/// nor a file is refused.
pub fn write_unlinked(path: &Path, fill: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    write_as(path, Links::Replaced, fill)
}

/// Writes a text.
pub fn write_text(path: &Path, text: &str) -> io::Result<()> {
    write(path, |beside| fs::write(beside, text))
}

/// Writes a text in a folder of our own.
pub fn write_text_unlinked(path: &Path, text: &str) -> io::Result<()> {
    write_unlinked(path, |beside| fs::write(beside, text))
}

/// Writes bytes in a folder of our own, whole or not at all for whoever reads, without waiting for the disk.
pub fn write_unsynced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = beside(path)?;
    fs::write(&beside, bytes)?;
    beside.persist(path).map_err(|error| error.error)
}

/// Puts bytes into a file that is nobody's yet: one that is about to be renamed, or in a folder made for it.
pub fn fill(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::write(path, bytes)
}

/// Gives its name to a file that became whole under another, maybe over several runs of the program; on the disk first.
pub fn finish(grown: &Path, path: &Path) -> io::Result<()> {
    read::open(grown).map_err(|error| io::Error::other(error.to_string()))?.sync_all()?;
    fs::rename(grown, path)
}

/// Opens a file that is there to be locked, and makes it where it is missing. A link is refused: what it leads to would be made.
pub fn open_lock(path: &Path) -> io::Result<File> {
    open_unlinked(File::options().create(true).truncate(false).write(true), path)
}

/// Opens a file to add to it, and makes it where it is missing. A link is refused: what it leads to would be written to.
///
/// Where the file has another name elsewhere (a hard link), it gets a copy of its own first.
pub fn open_to_append(path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        if fs::symlink_metadata(path).is_ok_and(|there| there.is_file() && there.nlink() > 1) {
            let beside = beside(path)?;
            fs::copy(path, &beside)?;
            beside.persist(path).map_err(|error| error.error)?;
        }
    }
    open_unlinked(File::options().create(true).read(true).append(true), path)
}

fn open_unlinked(options: &mut fs::OpenOptions, path: &Path) -> io::Result<File> {
    let refuse = |what: &str| io::Error::other(format!("it is {what}, not a file"));
    match fs::symlink_metadata(path) {
        Ok(there) if there.is_symlink() => return Err(refuse("a link")),
        Ok(there) => read::kind_of(&there).map_or(Ok(()), |kind| Err(refuse(kind)))?,
        Err(_) => {}
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // It may have become a link since.
        options.custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    }
    options.open(path)
}

/// Whether a file could be written there now. Leaves what is there as it is.
pub fn check(path: &Path) -> io::Result<()> {
    let target = target_of(path)?;
    refuse_read_only(&target)?;
    let folder = folder_of(&target);
    if !folder.is_dir() {
        return Err(io::Error::other(format!("there is no folder {}", folder.display())));
    }
    beside(&target).map(drop)
}

/// As [`fn@write`], saying what becomes of a link.
pub fn write_as(path: &Path, links: Links, fill: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let there = match links {
        Links::Followed => fs::metadata(path),
        Links::Replaced => fs::symlink_metadata(path),
    };
    let is_link = there.as_ref().is_ok_and(|there| there.is_symlink());
    if let Ok(other) = there.as_ref()
        && !other.is_file()
        && !is_link
    {
        return match links {
            Links::Followed if !other.is_dir() => write_through(path, fill),
            _ => Err(io::Error::other("it is not a file")),
        };
    }
    let target = match links {
        Links::Followed => target_of(path)?,
        Links::Replaced => path.to_path_buf(),
    };
    if !is_link {
        refuse_read_only(&target)?;
    }
    // In a folder of its own: whoever fills it may write beside it first, and a kill leaves nothing with other names.
    let private = tempfile::Builder::new().prefix(PREFIX).tempdir_in(folder_of(&target))?;
    let beside = private.path().join("whole");
    // It may be made anew with rights of its own.
    let ordinary = File::create_new(&beside)?.metadata()?.permissions();
    let rights = there.ok().filter(|_| !is_link).map_or(ordinary, |there| there.permissions());
    fill(&beside)?;
    let file = File::options().read(true).write(true).open(&beside)?;
    file.set_permissions(rights)?;
    file.sync_all()?;
    fs::rename(&beside, &target)?;
    // The new name is on the disk once its folder is; not every system lets a folder be opened for that.
    if let Ok(folder) = File::open(folder_of(&target)) {
        let _ = folder.sync_all();
    }
    Ok(())
}

/// The file that a path leads to, and that may take another's place.
fn target_of(path: &Path) -> io::Result<PathBuf> {
    let leads_nowhere = fs::symlink_metadata(path).is_ok_and(|there| there.is_symlink()) && fs::metadata(path).is_err();
    if leads_nowhere {
        return Err(io::Error::other("it is a link that leads nowhere"));
    }
    if is_where_we_print(path) {
        return Err(io::Error::other("it is where the results are printed; choose another file"));
    }
    Ok(fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf()))
}

/// Whether a path is the file that stdout or stderr goes to: renamed away, what is printed after it would be lost.
#[cfg(unix)]
fn is_where_we_print(path: &Path) -> bool {
    use std::os::fd::AsFd;
    use std::os::unix::fs::MetadataExt;
    let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    let own = |stream: std::os::fd::BorrowedFd| {
        stream.try_clone_to_owned().and_then(|stream| File::from(stream).metadata()).ok().map(identity)
    };
    let there = fs::metadata(path).ok().map(identity);
    there.is_some() && (there == own(io::stdout().as_fd()) || there == own(io::stderr().as_fd()))
}

#[cfg(not(unix))]
fn is_where_we_print(_: &Path) -> bool {
    false
}

/// Renaming would write over a file that its owner has closed to writing.
fn refuse_read_only(target: &Path) -> io::Result<()> {
    match fs::metadata(target) {
        Ok(there) if there.permissions().readonly() => {
            Err(io::Error::new(io::ErrorKind::PermissionDenied, "the file is read-only"))
        }
        _ => Ok(()),
    }
}

fn folder_of(target: &Path) -> PathBuf {
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new(".")).to_path_buf()
}

/// A new file in the folder of another, with the rights that the umask leaves.
fn beside(target: &Path) -> io::Result<TempPath> {
    let mut beside = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // A temporary file is its owner's alone; this one becomes an ordinary file.
        beside.permissions(fs::Permissions::from_mode(0o666));
    }
    Ok(beside.prefix(PREFIX).tempfile_in(folder_of(target))?.into_temp_path())
}

/// To a device or a pipe: all of it is made first, so that nothing half done is sent.
fn write_through(path: &Path, fill: impl FnOnce(&Path) -> io::Result<()>) -> io::Result<()> {
    let waiting = tempfile::NamedTempFile::new()?.into_temp_path();
    fill(&waiting)?;
    io::copy(&mut File::open(&waiting)?, &mut open_through(path)?).map(drop)
}

/// Opens what is no file to write to it. A pipe that nobody reads would be waited for for ever, so it is opened without waiting,
/// and waits only when it is written to.
#[cfg(unix)]
fn open_through(path: &Path) -> io::Result<File> {
    use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
    use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
    if fs::metadata(path)?.file_type().is_socket() {
        return Err(io::Error::other("it is a socket, not a file"));
    }
    let opened = File::options().write(true).custom_flags(libc::O_NONBLOCK).open(path);
    let through = opened.map_err(|error| match error.raw_os_error() {
        Some(libc::ENXIO) => io::Error::other("nobody reads from this pipe"),
        _ => error,
    })?;
    fcntl_setfl(&through, fcntl_getfl(&through)? - OFlags::NONBLOCK)?;
    Ok(through)
}

#[cfg(not(unix))]
fn open_through(path: &Path) -> io::Result<File> {
    File::options().write(true).open(path)
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

    /// As libraries do that write a file of their own and rename it: a device in its place would be gone.
    #[cfg(unix)]
    fn replacing(beside: &Path) -> io::Result<()> {
        use std::io::Write;
        let folder = beside.parent().unwrap_or(Path::new("."));
        let mut own = tempfile::NamedTempFile::new_in(folder)?;
        own.write_all(b"new")?;
        own.persist(beside).map(drop).map_err(|error| error.error)
    }

    #[cfg(unix)]
    #[test]
    fn a_device_stays_a_device_and_a_file_gets_the_umasks_rights() {
        use std::os::unix::fs::{FileTypeExt, PermissionsExt};
        let folder = tempfile::tempdir().expect("a folder");
        // Of the kind of /dev/null, but none that others need: a pipe with a reader.
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
        let unread = write(&pipe, replacing).expect_err("no reader").to_string();
        assert_eq!(unread, "nobody reads from this pipe");
        let reader = std::process::Command::new("cat").arg(&pipe).stdout(std::process::Stdio::piped()).spawn();
        let reader = reader.expect("cat");
        // It may take a moment until cat has opened it.
        let begun = std::time::Instant::now();
        while let Err(error) = write(&pipe, replacing) {
            assert!(begun.elapsed().as_secs() < 10, "{error}");
            std::thread::yield_now();
        }
        assert_eq!(reader.wait_with_output().expect("read").stdout, b"new");
        assert!(fs::symlink_metadata(&pipe).expect("there").file_type().is_fifo());
        let file = folder.path().join("a.safetensors");
        write(&file, replacing).expect("written");
        let plain = folder.path().join("plain");
        File::create(&plain).expect("made");
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode(&file), mode(&plain));
    }

    #[cfg(unix)]
    #[test]
    fn in_a_folder_of_our_own_no_link_is_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (elsewhere, link) = (folder.path().join("elsewhere"), folder.path().join("state.json"));
        fs::write(&elsewhere, "theirs").expect("written");
        std::os::unix::fs::symlink(&elsewhere, &link).expect("linked");
        write_unlinked(&link, |beside| fs::write(beside, "ours")).expect("written");
        assert_eq!(fs::read_to_string(&elsewhere).expect("there"), "theirs");
        assert_eq!(fs::read_to_string(&link).expect("there"), "ours");
        assert!(!fs::symlink_metadata(&link).expect("there").is_symlink());
        write(&link, |beside| fs::write(beside, "more")).expect("written");
        assert!(write_unlinked(folder.path(), |_| Ok(())).is_err());
        // Whatever it leads to.
        let device = folder.path().join("device");
        std::os::unix::fs::symlink("/dev/null", &device).expect("linked");
        write_unlinked(&device, |beside| fs::write(beside, "ours")).expect("written");
        assert_eq!(fs::read_to_string(&device).expect("there"), "ours");
    }
}
