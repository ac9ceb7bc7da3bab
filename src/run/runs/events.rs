//! TensorBoard's event files: records of TensorFlow's `tensorboard/compat/proto/event.proto`, framed as its
//! `record_writer.py` frames them.

use std::io::{self, Write};

use crc::{CRC_32_ISCSI, Crc};
use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    pub wall_time: f64,
    #[prost(int64, tag = "2")]
    pub step: i64,
    /// `brain.Event:2`, in the first record of a file.
    #[prost(string, optional, tag = "3")]
    pub file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    pub summary: Option<Summary>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Summary {
    #[prost(message, repeated, tag = "1")]
    pub value: Vec<Scalar>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Scalar {
    #[prost(string, tag = "1")]
    pub tag: String,
    /// One of several kinds of value, and written also where it is 0.
    #[prost(float, optional, tag = "2")]
    pub simple_value: Option<f32>,
}

const CASTAGNOLI: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);

/// TFRecord's checksum: CRC-32C turned by 15 bits, plus a constant.
fn checksum(bytes: &[u8]) -> [u8; 4] {
    CASTAGNOLI.checksum(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

/// Writes one record: its length, the length's checksum, itself, its checksum.
pub fn write(file: &mut impl Write, event: &Event) -> io::Result<()> {
    let bytes = event.encode_to_vec();
    let length = (bytes.len() as u64).to_le_bytes();
    file.write_all(&length)?;
    file.write_all(&checksum(&length))?;
    file.write_all(&bytes)?;
    file.write_all(&checksum(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_framed_as_tensorboards_writer_frames_them() {
        // `EventFileWriter` of TensorBoard begins every file with these bytes, here of an event at second 0.
        let mut written = Vec::new();
        let first = Event { file_version: Some("brain.Event:2".into()), ..Event::default() };
        write(&mut written, &first).expect("into memory");
        assert_eq!(&written[..8], 15u64.to_le_bytes());
        assert_eq!(&written[12..27], b"\x1a\x0dbrain.Event:2");
        // CRC-32C of "123456789" is e3069283, as RFC 3720's polynomial gives it.
        assert_eq!(CASTAGNOLI.checksum(b"123456789"), 0xe306_9283);
        assert_eq!(written.len(), 8 + 4 + 15 + 4);
        // The files that TensorFlow writes begin with a record of 24 bytes, whose length is followed by these.
        assert_eq!(checksum(&24u64.to_le_bytes()), [0xa3, 0x7f, 0x4b, 0x22]);
    }
}
