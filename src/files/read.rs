//! Opening and reading: regular files only, and never more than a limit. A named pipe would be waited for for ever, and a
//! device may never end.

use std::fs::{self, File, Metadata};
use std::io::{self, BufRead, Read, Seek};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Largest file of settings, recipes and the like, in bytes.
pub const SMALL: u64 = 1 << 20;

/// Why a file could not be read. The words go on after "cannot read PATH: ".
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// What stands there is no file.
    #[error("it is {0}, not a file")]
    NotAFile(&'static str),
    #[error("it has more than {}", size(*.limit))]
    TooLarge { limit: u64 },
    #[error("it is not UTF-8 text (byte {at})")]
    NotText { at: usize },
    #[error("{}", reason(.0))]
    Failed(#[from] io::Error),
}

fn size(bytes: u64) -> String {
    match bytes {
        0..0x10_0000 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", bytes >> 20),
    }
}

/// A system's error in words, without its number.
pub fn reason(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::NotFound && error.raw_os_error().is_some() {
        return "no such file or folder".into();
    }
    let text = error.to_string();
    text.rsplit_once(" (os error ").map_or(text.as_str(), |(words, _)| words).to_string()
}

/// What stands at a path, where it is neither a file nor a link to one.
pub fn kind_of(metadata: &Metadata) -> Option<&'static str> {
    if metadata.is_file() {
        return None;
    }
    if metadata.is_dir() {
        return Some("a folder");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        let kind = metadata.file_type();
        if kind.is_fifo() {
            return Some("a pipe");
        }
        if kind.is_socket() {
            return Some("a socket");
        }
    }
    Some("a device")
}

/// Whether a name means what arrives on standard input: `-`. A file that is called so is `./-`.
pub fn is_standard_input(path: &Path) -> bool {
    path == Path::new("-")
}

/// What has arrived on standard input, in a file without a name: it is read once, and may be opened as often as a file.
static ARRIVED: Mutex<Option<File>> = Mutex::new(None);

/// Most of standard input that is taken in.
const MOST_ARRIVED: u64 = 4 << 30;

/// Standard input as a file that is read from its beginning.
fn arrived(limit: u64) -> Result<File, ReadError> {
    let mut kept = ARRIVED.lock().unwrap_or_else(PoisonError::into_inner);
    let file = match &mut *kept {
        Some(file) => file,
        none => {
            let mut file = tempfile::tempfile()?;
            let most = limit.min(MOST_ARRIVED);
            if io::copy(&mut io::stdin().lock().take(most.saturating_add(1)), &mut file)? > most {
                return Err(ReadError::TooLarge { limit: most });
            }
            none.insert(file)
        }
    };
    #[cfg(target_os = "linux")]
    {
        use std::os::fd::AsRawFd;
        // With a place of its own to read at, which a duplicate would share.
        if let Ok(own) = File::open(format!("/proc/self/fd/{}", file.as_raw_fd())) {
            return Ok(own);
        }
    }
    let mut own = tempfile::tempfile()?;
    file.rewind()?;
    io::copy(file, &mut own)?;
    own.rewind()?;
    Ok(own)
}

/// Opens a regular file, or what arrives on standard input.
pub fn open(path: &Path) -> Result<File, ReadError> {
    open_within(path, u64::MAX)
}

fn open_within(path: &Path, limit: u64) -> Result<File, ReadError> {
    if is_standard_input(path) {
        return arrived(limit);
    }
    let check = |metadata: Metadata| kind_of(&metadata).map_or(Ok(()), |kind| Err(ReadError::NotAFile(kind)));
    check(fs::metadata(path)?)?;
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        // Something else may stand there by now, and must not be waited for.
        options.custom_flags(libc::O_NONBLOCK);
    }
    let file = options.open(path)?;
    check(file.metadata()?)?;
    Ok(file)
}

/// All bytes of a file that has no more than `limit` of them.
pub fn bytes(path: &Path, limit: u64) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    open_within(path, limit)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > limit {
        true => Err(ReadError::TooLarge { limit }),
        false => Ok(bytes),
    }
}

/// The text of a file that has no more than `limit` bytes, without the byte order mark that some editors begin it with.
pub fn text(path: &Path, limit: u64) -> Result<String, ReadError> {
    as_text(bytes(path, limit)?)
}

fn as_text(bytes: Vec<u8>) -> Result<String, ReadError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").map(<[u8]>::to_vec).unwrap_or(bytes);
    String::from_utf8(bytes).map_err(|error| ReadError::NotText { at: error.utf8_error().valid_up_to() })
}

/// The lines of a file, without their breaks. One that is longer than `limit` comes cut, so that a file without line breaks
/// does not fill the memory.
pub fn lines(reader: impl BufRead, limit: u64) -> impl Iterator<Item = io::Result<Vec<u8>>> {
    let mut reader = Some(reader);
    std::iter::from_fn(move || {
        let read = next_line(reader.as_mut()?, limit);
        if !matches!(read, Ok(Some(_))) {
            reader = None;
        }
        read.transpose()
    })
}

fn next_line(reader: &mut impl BufRead, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    reader.by_ref().take(limit).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    } else {
        // The rest of it, or nothing at the end of the file.
        reader.skip_until(b'\n')?;
    }
    Ok(Some(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_up_to_its_limit_and_no_further() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.txt");
        fs::write(&path, "\u{feff}four").expect("written");
        assert_eq!(text(&path, 7).expect("read"), "four");
        assert!(matches!(text(&path, 6), Err(ReadError::TooLarge { limit: 6 })));
        fs::write(&path, [b'a', 0xff]).expect("written");
        assert!(matches!(text(&path, 7), Err(ReadError::NotText { at: 1 })));
        assert_eq!(text(folder.path(), 7).expect_err("a folder").to_string(), "it is a folder, not a file");
        assert_eq!(text(&folder.path().join("b"), 7).expect_err("nothing").to_string(), "no such file or folder");
    }

    #[test]
    fn a_line_without_an_end_is_cut() {
        let text = "one\n\na very long line\nlast";
        let read: Vec<String> =
            lines(text.as_bytes(), 5).map(|line| String::from_utf8(line.expect("read")).expect("text")).collect();
        assert_eq!(read, ["one", "", "a ver", "last"]);
    }

    #[cfg(unix)]
    #[test]
    fn pipes_and_devices_are_refused_at_once() {
        let folder = tempfile::tempdir().expect("a folder");
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
        assert!(made.success());
        assert_eq!(bytes(&pipe, 10).expect_err("a pipe").to_string(), "it is a pipe, not a file");
        let zero = bytes(Path::new("/dev/zero"), 10).expect_err("endless");
        assert_eq!(zero.to_string(), "it is a device, not a file");
        // A link is as good as what it leads to.
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/dev/zero", &link).expect("linked");
        assert!(matches!(open(&link), Err(ReadError::NotAFile("a device"))));
    }
}
