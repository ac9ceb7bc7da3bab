//! Files that people take for safetensors, told by their first bytes, each with what to do about it.

/// Bytes that are looked at.
pub const START: usize = 512;

/// What a file is that is not safetensors, and the way on. `path` is how the user wrote it.
pub fn recognise(start: &[u8], path: &str) -> Option<(&'static str, String)> {
    let lower = String::from_utf8_lossy(&start[..start.len().min(64)]).trim_start().to_lowercase();
    let known = |kind, way: &str| Some((kind, way.to_string()));
    match start {
        _ if start.starts_with(b"version https://git-lfs") => {
            known("a Git LFS pointer, not the file itself", "fetch it with `git lfs pull`, or download it again")
        }
        _ if start.starts_with(b"\x89HDF\r\n\x1a\n") => known(
            "an HDF5 file, as Keras writes (.h5)",
            "save its weights in Python as safetensors, with convs as (out, in, height, width)",
        ),
        _ if start.starts_with(b"\x93NUMPY") => known(
            "a NumPy array (.npy)",
            "weights are several tensors; save them by name with `safetensors.numpy.save_file`",
        ),
        _ if start.starts_with(b"PK\x03\x04") => Some(zip(start, path)),
        [0x80, 2..=5, ..] => Some(("a Python pickle, as PyTorch wrote before 1.6", pickle(path))),
        _ if ["<!doctype", "<html", "<?xml"].iter().any(|tag| lower.starts_with(tag)) => {
            known("a web page saved under this name", "download the file itself")
        }
        // Protocol buffers: ONNX's first field is the version of its format, the next a text.
        [0x08, 1..=20, 0x12 | 0x1a | 0x22 | 0x28 | 0x32 | 0x3a | 0x42, ..] => {
            known("an ONNX model", "its initializers can be saved in Python as safetensors")
        }
        [0x1f, 0x8b, ..] => known("packed with gzip", "unpack it first: `gunzip`"),
        [b'{', ..] => known(
            "a JSON text",
            "an index names the parts that the weights are split into; join them into one file in Python first",
        ),
        _ => None,
    }
}

/// What a zip archive holds, by the name of its first file.
fn zip(start: &[u8], path: &str) -> (&'static str, String) {
    let length = start.get(26..28).map_or(0, |bytes| usize::from(u16::from_le_bytes([bytes[0], bytes[1]])));
    let name = String::from_utf8_lossy(start.get(30..30 + length).unwrap_or_default()).into_owned();
    if name.ends_with(".npy") {
        let way = "save its arrays by name with `safetensors.numpy.save_file`".to_string();
        return ("a NumPy archive (.npz)", way);
    }
    if name.ends_with("metadata.json") || name.ends_with("config.json") {
        let way = "save its weights in Python as safetensors, with convs as (out, in, height, width)".to_string();
        return ("a Keras archive (.keras)", way);
    }
    ("a zip archive such as PyTorch's", pickle(path))
}

/// PyTorch's pickles can hold code, so they are converted once where PyTorch is. The line finds the tensors in a training
/// checkpoint, and keeps their order, which safetensors sorts away.
fn pickle(path: &str) -> String {
    let path = serde_json::Value::from(path).to_string();
    format!(
        "it can hold code; convert it once with Python:\n\n\
         python3 - <<'END'\n\
         import json, torch\n\
         from safetensors.torch import save_file\n\
         def parts(d):\n    \
             if isinstance(d, dict):\n        \
                 yield {{k: v for k, v in d.items() if torch.is_tensor(v)}}\n        \
                 for v in d.values(): yield from parts(v)\n\
         d = torch.load({path}, map_location=\"cpu\", weights_only=True)\n\
         t = max(parts(d), key=len, default={{}})\n\
         assert t, \"there are no tensors by name in it\"\n\
         t = {{k: v.clone().contiguous() for k, v in t.items()}}\n\
         save_file(t, \"weights.safetensors\", metadata={{\"order\": json.dumps(list(t))}})\n\
         END\n"
    )
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
        let cases: [(Vec<u8>, &str); 9] = [
            (b"version https://git-lfs.github.com/spec/v1\noid sha256:1".to_vec(), "Git LFS"),
            (b"\x89HDF\r\n\x1a\n\0".to_vec(), "HDF5"),
            (archive("arr_0.npy"), ".npz"),
            (archive("archive/data.pkl"), "PyTorch"),
            (archive("metadata.json"), "Keras"),
            (b"\x80\x02}q\0".to_vec(), "pickle"),
            (b"\n<!DOCTYPE html>".to_vec(), "web page"),
            (b"\x08\x07\x12\x07pytorch\x1a".to_vec(), "ONNX"),
            (b"{\"metadata\": {}}".to_vec(), "JSON"),
        ];
        for (start, words) in cases {
            let (kind, _) = recognise(&start, "w").unwrap_or_else(|| panic!("{words}"));
            assert!(kind.contains(words), "{kind}: {words}");
        }
        assert_eq!(recognise(b"\x10\0\0\0\0\0\0\0{}", "w"), None);
    }
}
