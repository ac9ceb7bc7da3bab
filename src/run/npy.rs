//! NumPy's `.npy` (`numpy.lib.format`, versions 1.0 to 3.0): a line of Python that says the type, the order and the shape, and
//! behind it the values.

use std::io::Read;

use crate::reason::Reason;

/// Longest header that is read; NumPy itself asks before it reads a longer one.
const HEADER_BYTES: usize = 10_000;

/// What the first line says.
#[derive(Debug, PartialEq)]
pub struct Header {
    /// Such as `<f4`: the byte order, the kind and the bytes of a value.
    dtype: String,
    pub is_fortran: bool,
    pub shape: Vec<usize>,
}

impl Header {
    /// Reads the header and leaves `file` at the first value.
    pub fn read(file: &mut impl Read) -> Result<Header, Reason> {
        let ended = |_| "it ends within its header";
        let mut start = [0; 8];
        file.read_exact(&mut start).map_err(ended)?;
        let (magic, version) = start.split_at(6);
        if magic != b"\x93NUMPY" {
            return Err("it does not begin as a NumPy array does".into());
        }
        let length = match version {
            [1, _] => {
                let mut length = [0; 2];
                file.read_exact(&mut length).map_err(ended)?;
                usize::from(u16::from_le_bytes(length))
            }
            [2 | 3, _] => {
                let mut length = [0; 4];
                file.read_exact(&mut length).map_err(ended)?;
                u32::from_le_bytes(length) as usize
            }
            _ => return Err(format!("its format is version {}; 1 to 3 can be read", version[0]).into()),
        };
        if length > HEADER_BYTES {
            return Err(format!("its header has {length} bytes; up to {HEADER_BYTES} are read").into());
        }
        let mut text = vec![0; length];
        file.read_exact(&mut text).map_err(ended)?;
        Header::of(&String::from_utf8_lossy(&text))
    }

    /// The dictionary's three keys, in any order.
    fn of(text: &str) -> Result<Header, Reason> {
        let (mut dtype, mut is_fortran, mut shape) = (None, None, None);
        let mut entries = || -> Option<()> {
            let mut rest = text.trim().strip_prefix('{')?.strip_suffix('}')?.trim();
            while !rest.is_empty() {
                let (key, value) = quoted(rest)?;
                let value = value.trim_start().strip_prefix(':')?.trim_start();
                rest = match key {
                    // Records have a list of names and types there.
                    "descr" if value.starts_with('[') => {
                        dtype = Some(None);
                        return Some(());
                    }
                    "descr" => {
                        let (name, rest) = quoted(value)?;
                        dtype = Some(Some(name.to_string()));
                        rest
                    }
                    "fortran_order" => {
                        let rest = value.strip_prefix("True").or_else(|| value.strip_prefix("False"))?;
                        is_fortran = Some(value.starts_with("True"));
                        rest
                    }
                    "shape" => {
                        let (sizes, rest) = value.strip_prefix('(')?.split_once(')')?;
                        // Python 2 marks a long number.
                        let size = |size: &str| size.trim().trim_end_matches('L').parse().ok();
                        shape = Some(sizes.split_terminator(',').map(size).collect::<Option<_>>()?);
                        rest
                    }
                    _ => return None,
                };
                rest = rest.trim_start();
                rest = rest.strip_prefix(',').unwrap_or(rest).trim_start();
            }
            Some(())
        };
        match (entries(), dtype, is_fortran, shape) {
            (Some(()), Some(None), ..) => Err("it holds records, not numbers".into()),
            (Some(()), Some(Some(dtype)), Some(is_fortran), Some(shape)) => Ok(Header { dtype, is_fortran, shape }),
            _ => Err("its header says no type, order and shape".into()),
        }
    }

    /// How many values there are, where that can be counted.
    pub fn count(&self) -> Option<u64> {
        self.shape.iter().try_fold(1, |product: u64, &size| product.checked_mul(size as u64))
    }

    /// Bytes of a value.
    pub fn width(&self) -> Result<u64, Reason> {
        match self.dtype.trim_start_matches(['<', '>', '|', '=']) {
            "u1" => Ok(1),
            "f4" => Ok(4),
            "f8" => Ok(8),
            _ => Err(format!("it holds {} values; float32, float64 and uint8 can be read", self.dtype).into()),
        }
    }

    /// The values behind the header.
    pub fn values(&self, file: &mut impl Read) -> Result<Vec<f32>, Reason> {
        let count = self.count().unwrap_or(u64::MAX);
        let read = match (self.width()?, self.dtype.starts_with('>')) {
            (1, _) => each(file, count, |[byte]| f32::from(byte)),
            (4, false) => each(file, count, f32::from_le_bytes),
            (4, true) => each(file, count, f32::from_be_bytes),
            (_, false) => each(file, count, |bytes| f64::from_le_bytes(bytes) as f32),
            (_, true) => each(file, count, |bytes| f64::from_be_bytes(bytes) as f32),
        };
        read.map_err(Reason::of)
    }
}

/// What stands in the quotes that a text begins with, and what comes behind them.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|first| ['\'', '"'].contains(first))?;
    text[1..].split_once(quote)
}

fn each<const N: usize>(file: &mut impl Read, count: u64, value: fn([u8; N]) -> f32) -> std::io::Result<Vec<f32>> {
    let mut bytes = [0; N];
    (0..count).map(|_| file.read_exact(&mut bytes).map(|()| value(bytes))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As NumPy 2.4 saves it: the length of the dictionary with the spaces that make the start a multiple of 64 bytes.
    fn saved(version: u8, dictionary: &str, values: &[u8]) -> Vec<u8> {
        let before = if version == 1 { 10 } else { 12 };
        let length = (before + dictionary.len() + 1).next_multiple_of(64) - before;
        let bytes = (length as u32).to_le_bytes();
        let padded = format!("{dictionary:<width$}\n", width = length - 1);
        [b"\x93NUMPY", &[version, 0][..], &bytes[..before - 8], padded.as_bytes(), values].concat()
    }

    fn read(bytes: &[u8]) -> Result<(Header, Vec<f32>), Reason> {
        let mut rest = bytes;
        let header = Header::read(&mut rest)?;
        let values = header.values(&mut rest)?;
        Ok((header, values))
    }

    #[test]
    fn what_numpy_saves_is_read_in_each_type_order_of_bytes_and_version() {
        // numpy.save of `arange(6, dtype='<f4').reshape(1, 2, 3) / 4`, byte by byte.
        let bytes = b"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2, 3), }                                                       \n\x00\x00\x00\x00\x00\x00\x80>\x00\x00\x00?\x00\x00@?\x00\x00\x80?\x00\x00\xa0?";
        let (header, values) = read(bytes).expect("sound");
        assert_eq!((header.is_fortran, header.shape), (false, vec![1, 2, 3]));
        assert_eq!(values, [0.0, 0.25, 0.5, 0.75, 1.0, 1.25]);
        let dictionary = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2, 3), }";
        assert_eq!(saved(1, dictionary, &bytes[128..]), bytes, "as `saved` says it");

        // numpy.save of array([1.5, -2.0], dtype='>f8').
        let values = b"?\xf8\x00\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00\x00";
        let bytes = saved(1, "{'descr': '>f8', 'fortran_order': False, 'shape': (2,), }", values);
        assert_eq!(read(&bytes).expect("sound").1, [1.5, -2.0]);
        // numpy.lib.format.write_array of array([7, 255], dtype='u1') with version=(3, 0), where it is 128 bytes long, too.
        let bytes = saved(3, "{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }", b"\x07\xff");
        assert_eq!((bytes.len(), bytes[8]), (130, b't'));
        assert_eq!(read(&bytes).expect("sound").1, [7.0, 255.0]);
    }

    #[test]
    fn a_reader_must_not_depend_on_the_order_of_the_keys() {
        let header = Header::of(r#"{"shape": (2L, 3L), 'fortran_order':True,'descr':"<f4"}"#).expect("sound");
        assert_eq!((header.is_fortran, header.shape), (true, vec![2, 3]));
        let header = Header::of("{'descr': '<f8', 'fortran_order': False, 'shape': (), }").expect("sound");
        assert_eq!((header.count(), header.width().ok()), (Some(1), Some(8)), "a single value");
    }

    #[test]
    fn what_is_no_array_is_refused_with_the_reason() {
        let refused = |bytes: &[u8]| read(bytes).expect_err("refused").0;
        let float = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }";
        assert!(refused(b"\x93NUMPZ\x01\0v\0").contains("does not begin"));
        assert!(refused(&saved(4, float, b"")).contains("version 4"));
        assert!(refused(b"\x93NUMPY\x02\0\xff\xff\xff\xff").contains("4294967295 bytes"));
        assert!(refused(&saved(1, float, b"")[..40]).contains("ends within"));
        assert!(refused(&saved(1, float, &[0; 7])).contains("fill whole buffer"));
        let of = |text: &str| refused(&saved(1, text, b""));
        assert!(of("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }").contains("records"));
        assert!(of("{'descr': '<i8', 'fortran_order': False, 'shape': (), }").contains("<i8 values; float32"));
        for text in
            ["", "{", "{}", "{'descr'}", "{'descr': '<f4', 'fortran_order': False}", "{'shape': (-1,)}", "{'é': 1}"]
        {
            assert!(of(text).contains("no type, order and shape"), "{text}");
        }
        let most =
            Header::of(&format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({0}, {0}), }}", usize::MAX));
        assert_eq!(most.expect("sound").count(), None);
    }
}
