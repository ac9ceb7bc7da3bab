//! Files that people take for safetensors, told by their first bytes, each with what to do about it.

/// Bytes that are looked at.
pub const START: usize = 512;

/// Whether a file is one that PyTorch writes: a zip archive with a pickle in it, or before 1.6 a pickle or a tar archive.
pub fn is_pytorch(start: &[u8]) -> bool {
    match start {
        _ if start.starts_with(b"PK\x03\x04") => zip(start).is_none(),
        [0x80, 2..=5, ..] => true,
        _ => start.get(257..262) == Some(b"ustar"),
    }
}

/// What a file is that no weights are read from, and the way on.
pub fn recognise(start: &[u8]) -> Option<(&'static str, &'static str)> {
    let lower = String::from_utf8_lossy(&start[..start.len().min(64)]).trim_start().to_lowercase();
    match start {
        _ if start.starts_with(b"version https://git-lfs") => {
            Some(("a Git LFS pointer, not the file itself", "fetch it with `git lfs pull`, or download it again"))
        }
        _ if start.starts_with(b"\x89HDF\r\n\x1a\n") => Some((
            "an HDF5 file, as Keras writes (.h5)",
            "save its weights in Python as safetensors, with convs as (out, in, height, width)",
        )),
        _ if start.starts_with(b"\x93NUMPY") => Some((
            "a NumPy array (.npy)",
            "weights are several tensors; save them by name with `safetensors.numpy.save_file`",
        )),
        _ if start.starts_with(b"PK\x03\x04") => zip(start),
        _ if ["<!doctype", "<html", "<?xml"].iter().any(|tag| lower.starts_with(tag)) => {
            Some(("a web page saved under this name", "download the file itself"))
        }
        // Protocol buffers: ONNX's first field is the version of its format, the next a text.
        [0x08, 1..=20, 0x12 | 0x1a | 0x22 | 0x28 | 0x32 | 0x3a | 0x42, ..] => {
            Some(("an ONNX model", "called NAME.onnx its weights are read; `convlens import` takes all of it"))
        }
        [0x1f, 0x8b, ..] => Some(("packed with gzip", "unpack it first: `gunzip`")),
        [b'{', ..] => Some((
            "a JSON text",
            "an index names the parts that the weights are split into; join them into one file in Python first",
        )),
        _ => None,
    }
}

/// What a zip archive holds that PyTorch did not write, by the name of its first file.
fn zip(start: &[u8]) -> Option<(&'static str, &'static str)> {
    let length = start.get(26..28).map_or(0, |bytes| usize::from(u16::from_le_bytes([bytes[0], bytes[1]])));
    let name = String::from_utf8_lossy(start.get(30..30 + length).unwrap_or_default()).into_owned();
    if name.ends_with(".npy") {
        return Some(("a NumPy archive (.npz)", "save its arrays by name with `safetensors.numpy.save_file`"));
    }
    if name.ends_with("metadata.json") || name.ends_with("config.json") {
        let way = "save its weights in Python as safetensors, with convs as (out, in, height, width)";
        return Some(("a Keras archive (.keras)", way));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_known_by_its_first_bytes() {
        let archive = |name: &str| {
            let mut bytes = b"PK\x03\x04".to_vec();
            bytes.resize(26, 0);
            bytes.extend((name.len() as u16).to_le_bytes());
            bytes.extend([0, 0]);
            bytes.extend(name.as_bytes());
            bytes
        };
        let cases: [(Vec<u8>, &str); 7] = [
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:1".to_vec(), "Git LFS"),
            (b"\x89HDF\r\n\x1a\n\0".to_vec(), "HDF5"),
            (archive("arr_0.npy"), ".npz"),
            (archive("metadata.json"), "Keras"),
            (b"\n<!DOCTYPE html>".to_vec(), "web page"),
            (b"\x08\x07\x12\x07pytorch\x1a".to_vec(), "ONNX"),
            (b"{\"metadata\": {}}".to_vec(), "JSON"),
        ];
        for (start, words) in cases {
            let (kind, _) = recognise(&start).unwrap_or_else(|| panic!("{words}"));
            assert!(kind.contains(words) && !is_pytorch(&start), "{kind}: {words}");
        }
        assert!(is_pytorch(&archive("archive/data.pkl")) && is_pytorch(b"\x80\x02}q\0"));
        let sound = b"\x10\0\0\0\0\0\0\0{}";
        assert!(recognise(sound).is_none() && !is_pytorch(sound));
    }
}
