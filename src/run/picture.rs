//! Photographs read from files: PNG and JPEG of any depth and colour, turned as their EXIF orientation says.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use image::{DynamicImage, ImageDecoder, ImageReader, Limits};

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

/// Largest side of a picture.
const SIDE: u32 = 20_000;
/// Most memory a decoder may take: about a hundred megapixels.
const DECODER_BYTES: u64 = 512 << 20;

/// Reads a picture. Transparency is dropped, as PIL's `convert("RGB")` does; gray counts as equal red, green and blue.
pub fn read(path: &Path) -> Result<Picture, PictureError> {
    let name = || path.display().to_string();
    let unreadable = |reason: String| PictureError::Unreadable { path: name(), reason };
    let undecodable = |reason: String| PictureError::Undecodable { path: name(), reason };
    if path.is_dir() {
        return Err(unreadable("it is a folder".into()));
    }
    let file = File::open(path).map_err(|error| unreadable(error.to_string()))?;
    let mut reader =
        ImageReader::new(BufReader::new(file)).with_guessed_format().map_err(|error| unreadable(error.to_string()))?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE);
    limits.max_image_height = Some(SIDE);
    limits.max_alloc = Some(DECODER_BYTES);
    reader.limits(limits.clone());
    let decode = || -> Result<DynamicImage, image::ImageError> {
        let mut decoder = reader.into_decoder()?;
        limits.check_dimensions(decoder.dimensions().0, decoder.dimensions().1)?;
        limits.reserve(decoder.total_bytes())?;
        let orientation = decoder.orientation()?;
        let mut picture = DynamicImage::from_decoder(decoder)?;
        picture.apply_orientation(orientation);
        Ok(picture)
    };
    let picture = decode().map_err(|error| undecodable(error.to_string()))?;
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let values = match picture {
        // Eight bits divided by 255 exactly as PyTorch's ToTensor does.
        DynamicImage::ImageLuma16(_) | DynamicImage::ImageLumaA16(_) => picture.to_rgb32f().into_raw(),
        DynamicImage::ImageRgb16(_) | DynamicImage::ImageRgba16(_) => picture.to_rgb32f().into_raw(),
        _ => picture.to_rgb8().into_raw().into_iter().map(|byte| f32::from(byte) / 255.0).collect(),
    };
    Ok(Picture { width, height, values })
}
