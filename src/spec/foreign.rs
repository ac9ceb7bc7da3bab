//! Files of other formats that stand where an architecture may: what reads them lies in a room above, and says so at the start.

use crate::reason::Reason;
use std::path::Path;
use std::sync::OnceLock;

/// Makes an architecture's text of a file, for inputs of these sizes (channels, rows, columns) where it leaves them open. The error
/// is the reason, with nothing in it that a terminal obeys.
pub type Reader = fn(&Path, Option<[u64; 3]>) -> Result<String, Reason>;

static READER: OnceLock<Reader> = OnceLock::new();

/// Largest file that is read while others wait, in bytes.
const LISTED: u64 = 4 << 20;

/// Says what reads files of other formats. The first who says it is heard.
pub fn read_by(reader: Reader) {
    let _ = READER.set(reader);
}

/// Whether a file is of another format, by its name.
pub fn is_foreign(path: &Path) -> bool {
    path.extension().is_some_and(|own| own.eq_ignore_ascii_case("onnx"))
}

/// Whether it takes longer than a moment to read.
pub fn is_large(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|there| there.len() > LISTED)
}

/// The text of such a file, or why there is none.
pub fn read(path: &Path, sets: &[(String, String)]) -> Result<String, Reason> {
    match READER.get() {
        Some(reader) => reader(path, sizes(sets)),
        None => Err("it is of a format that is not read here".into()),
    }
}

/// The sizes that `--set input=[3,32,32]` gives.
pub fn sizes(sets: &[(String, String)]) -> Option<[u64; 3]> {
    let (_, value) = sets.iter().rev().find(|(key, _)| key == "input")?;
    let inside = value.trim().strip_prefix('[')?.strip_suffix(']')?;
    let sizes: Vec<u64> = inside.split(',').map(|size| size.trim().parse().ok()).collect::<Option<_>>()?;
    sizes.try_into().ok()
}
