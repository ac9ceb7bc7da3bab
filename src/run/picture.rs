//! Photographs read from files: PNG and JPEG of any depth and colour, turned as their EXIF orientation says.

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageReader, Limits, RgbImage};
use libjpeg_turbo_rs::{DecodeLimits, Decoder, PixelFormat};

use super::machine;

/// Red, green and blue in 0..1, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    pub width: usize,
    pub height: usize,
    /// `[r, g, b, r, g, b, …]`.
    pub values: Vec<f32>,
}

/// Why a picture could not be read.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    #[error("cannot read the image {path}: {reason}")]
    Unreadable { path: String, reason: String },
    #[error("{path} is not an image that can be read (PNG or JPEG): {reason}")]
    Undecodable { path: String, reason: String },
}

/// Largest file read.
const FILE_BYTES: u64 = 256 << 20;
/// Largest side of a picture.
const SIDE: u32 = 20_000;
/// Most memory a decoder may take: about a hundred megapixels.
const DECODER_BYTES: u64 = 512 << 20;

/// Bytes that a picture of 44 megapixels takes.
const LARGE: u64 = 1 << 30;

/// Why there are no pictures to be read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NoPictures(String);

/// The files that are meant: of a folder its pictures by name, not those of folders in it.
pub fn found(paths: &[PathBuf]) -> Result<Vec<PathBuf>, NoPictures> {
    let mut files = Vec::new();
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let failed = |error: std::io::Error| NoPictures(format!("cannot read {}: {error}", path.display()));
        let (mut found, mut has_folders) = (Vec::new(), false);
        for entry in std::fs::read_dir(path).map_err(failed)? {
            let file = entry.map_err(failed)?.path();
            has_folders |= file.is_dir();
            let is_picture = file
                .extension()
                .is_some_and(|own| ["png", "jpg", "jpeg"].iter().any(|known| own.eq_ignore_ascii_case(known)));
            if is_picture && file.is_file() {
                found.push(file);
            }
        }
        if found.is_empty() {
            let within = if has_folders { ", only folders, which are not looked into" } else { "" };
            return Err(NoPictures(format!("there is no picture (PNG or JPEG) in {}{within}", path.display())));
        }
        found.sort();
        files.extend(found);
    }
    Ok(files)
}

/// Reads a picture. Transparency is dropped, as PIL's `convert("RGB")` does; gray counts as equal red, green and blue.
pub fn read(path: &Path) -> Result<Picture, PictureError> {
    let name = || path.display().to_string();
    let unreadable = |reason: String| PictureError::Unreadable { path: name(), reason };
    if path.is_dir() {
        return Err(unreadable("it is a folder".into()));
    }
    let file = File::open(path).map_err(|error| unreadable(error.to_string()))?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES + 1).read_to_end(&mut bytes).map_err(|error| unreadable(error.to_string()))?;
    if bytes.len() as u64 > FILE_BYTES {
        return Err(unreadable(format!("it has more than {} MiB", FILE_BYTES >> 20)));
    }
    let decoded = match bytes.starts_with(&[0xFF, 0xD8]) {
        true => jpeg(&bytes),
        false => png(bytes),
    };
    let picture = decoded.map_err(|reason| PictureError::Undecodable { path: name(), reason })?;
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    if width == 0 || height == 0 {
        let reason = format!("it has no pixels ({width}×{height})");
        return Err(PictureError::Undecodable { path: name(), reason });
    }
    // The values, and what scaling makes of them on the way. Only what is large for any machine is asked about: whether an
    // ordinary image is read must not hang on what else is running.
    let needed = 2 * 3 * 4 * (width * height) as u64;
    let fits = if needed > LARGE { machine::check(needed) } else { Ok(()) };
    fits.map_err(|error| unreadable(format!("{width}×{height} pixels: {error}")))?;
    let values = match picture {
        DynamicImage::ImageLuma16(_)
        | DynamicImage::ImageLumaA16(_)
        | DynamicImage::ImageRgb16(_)
        | DynamicImage::ImageRgba16(_) => picture.into_rgb32f().into_raw(),
        // Eight bits divided by 255 exactly as PyTorch's ToTensor does.
        _ => picture.into_rgb8().into_raw().into_iter().map(|byte| f32::from(byte) / 255.0).collect(),
    };
    Ok(Picture { width, height, values })
}

/// A decoder that gives libjpeg-turbo's bytes: the ones that PIL, and so the training of nearly every published
/// network, saw. Others differ by up to 3 of 255, which is enough to move a probability by one in a hundred.
fn jpeg(bytes: &[u8]) -> Result<DynamicImage, String> {
    let limits = DecodeLimits {
        max_width: SIDE as usize,
        max_height: SIDE as usize,
        max_memory: Some(DECODER_BYTES),
        ..DecodeLimits::default()
    };
    let decode = || {
        let mut decoder = Decoder::new_with_limits(bytes, limits)?;
        decoder.set_output_format(PixelFormat::Rgb);
        decoder.decode_image()
    };
    let decoded = decode().map_err(|error| error.to_string())?;
    let orientation = decoded.exif_data.as_deref().and_then(Orientation::from_exif_chunk);
    let pixels = RgbImage::from_raw(decoded.width as u32, decoded.height as u32, decoded.data);
    let mut picture = DynamicImage::ImageRgb8(pixels.ok_or("it holds fewer pixels than it promises")?);
    picture.apply_orientation(orientation.unwrap_or(Orientation::NoTransforms));
    Ok(picture)
}

fn png(bytes: Vec<u8>) -> Result<DynamicImage, String> {
    let decode = || -> Result<DynamicImage, image::ImageError> {
        let mut limits = Limits::default();
        limits.max_image_width = Some(SIDE);
        limits.max_image_height = Some(SIDE);
        limits.max_alloc = Some(DECODER_BYTES);
        let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
        reader.limits(limits.clone());
        let mut decoder = reader.into_decoder()?;
        let (width, height) = decoder.dimensions();
        limits.check_dimensions(width, height)?;
        limits.reserve(decoder.total_bytes())?;
        let orientation = decoder.orientation()?;
        let mut picture = DynamicImage::from_decoder(decoder)?;
        picture.apply_orientation(orientation);
        Ok(picture)
    };
    decode().map_err(|error| error.to_string())
}
