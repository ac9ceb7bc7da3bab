//! Photographs read from files: PNG, JPEG and what else is usual, of any depth and colour, turned as their EXIF orientation
//! says. Of a moving picture it is the first image.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageReader, Limits, RgbImage};
use libjpeg_turbo_rs::{DecodeLimits, Decoder, PixelFormat};

use super::machine;
use crate::files;
use crate::reason::Reason;

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
    #[error("{path} is not an image that can be read ({KINDS}): {reason}")]
    Undecodable { path: String, reason: String },
}

/// Largest file read.
const FILE_BYTES: u64 = 256 << 20;
/// Largest side of a picture.
const SIDE: u32 = 20_000;
/// Most memory a decoder may take: about a hundred megapixels.
const DECODER_BYTES: u64 = 512 << 20;

/// Pixels of a picture that is scaled from all of them; more than nearly every camera makes.
const WHOLE: usize = 24_000_000;
/// How many times larger than what is asked for a reduced picture stays at the least.
const MORE: usize = 8;

/// Most scans of a progressive JPEG; encoders make about ten, and each goes over all pixels.
const SCANS: usize = 128;

/// Bytes that a picture of 44 megapixels takes.
const LARGE: u64 = 1 << 30;

/// Most pixels of a picture: Pillow's own bound (`MAX_IMAGE_PIXELS`), above which it speaks of a decompression bomb. A file of
/// some kilobytes can promise many more.
const PIXELS: u64 = 89_478_485;

/// Why there are no pictures to be read.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct NoPictures(String);

/// What a folder holds beside what is taken from it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Files that are no pictures by their endings, with how many there are of each.
    endings: BTreeMap<String, usize>,
    hidden: usize,
    folders: usize,
    /// Files beside the folders of classes.
    loose: usize,
    /// What is neither a file nor a folder.
    special: usize,
}

impl LeftOut {
    pub fn file(&mut self, path: &Path) {
        let ending = path.extension().map_or_else(String::new, |own| own.to_string_lossy().to_lowercase());
        *self.endings.entry(ending).or_default() += 1;
    }

    /// A pipe, a device, or a link that leads nowhere.
    pub fn special(&mut self) {
        self.special += 1;
    }

    pub fn loose(&mut self) {
        self.loose += 1;
    }

    pub fn hidden(&mut self) {
        self.hidden += 1;
    }

    pub fn folder(&mut self) {
        self.folders += 1;
    }

    pub fn add(&mut self, other: LeftOut) {
        for (ending, count) in other.endings {
            *self.endings.entry(ending).or_default() += count;
        }
        self.hidden += other.hidden;
        self.loose += other.loose;
        self.special += other.special;
        self.folders += other.folders;
    }

    /// `left out: 3 files that are no pictures (.txt 2, .csv 1), 2 folders`; nothing where nothing was.
    pub fn words(&self) -> Option<String> {
        let files: usize = self.endings.values().sum();
        let many = |count: usize, one: &str| format!("{count} {one}{}", if count == 1 { "" } else { "s" });
        let mut parts = Vec::new();
        if files > 0 {
            let mut kinds: Vec<(&String, &usize)> = self.endings.iter().collect();
            kinds.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
            let name = |ending: &str| if ending.is_empty() { "no ending".into() } else { format!(".{ending}") };
            let listed: Vec<String> =
                kinds.iter().take(5).map(|(ending, count)| format!("{} {count}", name(ending))).collect();
            let more = if kinds.len() > 5 { ", …" } else { "" };
            let are = if files == 1 { "that is no picture" } else { "that are no pictures" };
            parts.push(format!("{} {are} ({}{more})", many(files, "file"), listed.join(", ")));
        }
        if self.special > 0 {
            parts.push(format!("{} that {} no file", self.special, if self.special == 1 { "is" } else { "are" }));
        }
        if self.loose > 0 {
            parts.push(format!("{} in no class's folder", many(self.loose, "file")));
        }
        if self.hidden > 0 {
            parts.push(if self.hidden == 1 {
                "1 hidden file or folder".into()
            } else {
                format!("{} hidden files or folders", self.hidden)
            });
        }
        if self.folders > 0 {
            parts.push(many(self.folders, "folder"));
        }
        (!parts.is_empty()).then(|| format!("left out: {}", parts.join(", ")))
    }
}

/// Endings of the files that can be read.
const ENDINGS: [&str; 15] =
    ["png", "jpg", "jpeg", "jpe", "jfif", "webp", "bmp", "gif", "tif", "tiff", "pnm", "ppm", "pgm", "pbm", "qoi"];

/// Whether a file is a picture that can be read, by its name.
pub fn is_picture(path: &Path) -> bool {
    path.extension().is_some_and(|own| ENDINGS.iter().any(|known| own.eq_ignore_ascii_case(known)))
}

/// Whether a file or folder is hidden, or made by a system beside what a person put there.
pub fn is_hidden(path: &Path) -> bool {
    let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    name.starts_with('.')
        || ["__MACOSX", "Thumbs.db", "desktop.ini", "@eaDir", "lost+found"]
            .iter()
            .any(|own| name.eq_ignore_ascii_case(own))
}

/// The files that are meant: of a folder its pictures by name, not those of folders in it. And what was left out.
pub fn found(paths: &[PathBuf]) -> Result<(Vec<PathBuf>, LeftOut), NoPictures> {
    let (mut files, mut left_out) = (Vec::new(), LeftOut::default());
    for path in paths {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let failed =
            |error: std::io::Error| NoPictures(format!("cannot read {}: {}", path.display(), files::reason(&error)));
        let (mut found, mut own) = (Vec::new(), LeftOut::default());
        for entry in std::fs::read_dir(path).map_err(failed)? {
            let file = entry.map_err(failed)?.path();
            match () {
                _ if is_hidden(&file) => own.hidden(),
                _ if file.is_dir() => own.folder(),
                _ if !file.is_file() => own.special(),
                _ if is_picture(&file) => found.push(file),
                _ => own.file(&file),
            }
        }
        if found.is_empty() {
            let within = own.words().map_or_else(String::new, |words| format!("; {words}"));
            return Err(NoPictures(format!("there is no picture ({KINDS}) in {}{within}", path.display())));
        }
        found.sort();
        files.extend(found);
        left_out.add(own);
    }
    Ok((files, left_out))
}

/// The kinds of pictures that can be read, in words.
pub const KINDS: &str = "PNG, JPEG, WebP, GIF, BMP, TIFF, PNM, QOI";

/// Reads a picture of which a shorter side of `asked` pixels is made. Transparency is dropped, as PIL's `convert("RGB")` does;
/// gray counts as equal red, green and blue. One of more than 24 million pixels is first reduced to eight times what is asked
/// for or more, as Pillow's `reducing_gap` does, so that a small file does not take gigabytes.
pub fn read(path: &Path, asked: u64) -> Result<Picture, PictureError> {
    let name = || path.display().to_string();
    let unreadable = |reason: String| PictureError::Unreadable { path: name(), reason };
    let bytes = files::read::bytes(path, FILE_BYTES).map_err(|error| unreadable(error.to_string()))?;
    let decoded = match bytes.starts_with(&[0xFF, 0xD8]) {
        true => jpeg(&bytes),
        false => other(bytes),
    };
    let picture = decoded.map_err(|reason| PictureError::Undecodable { path: name(), reason: reason.0 })?;
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    if width == 0 || height == 0 {
        let reason = format!("it has no pixels ({width}×{height})");
        return Err(PictureError::Undecodable { path: name(), reason });
    }
    let factor = width.min(height) / (MORE * asked.max(1) as usize);
    if width * height > WHOLE && factor > 1 {
        return Ok(reduced(picture, factor));
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

/// Means over blocks of `factor` by `factor` pixels; those at the right and lower edges may be smaller.
fn reduced(picture: DynamicImage, factor: usize) -> Picture {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let (columns, rows) = (width.div_ceil(factor), height.div_ceil(factor));
    // One byte a pixel stays one: a picture of a few kilobytes may be as large as this.
    let (channels, bytes) = match picture {
        DynamicImage::ImageLuma8(gray) => (1, gray.into_raw()),
        other => (3, other.into_rgb8().into_raw()),
    };
    let mut values = Vec::with_capacity(3 * columns * rows);
    for row in 0..rows {
        let mut sums = vec![0u64; 3 * columns];
        let lines = row * factor..((row + 1) * factor).min(height);
        for line in lines.clone() {
            for (at, pixel) in bytes[line * width * channels..][..width * channels].chunks_exact(channels).enumerate() {
                let sum = &mut sums[3 * (at / factor)..][..3];
                (0..3).for_each(|channel| sum[channel] += u64::from(pixel[channel % channels]));
            }
        }
        for (column, sum) in sums.chunks_exact(3).enumerate() {
            let across = ((column + 1) * factor).min(width) - column * factor;
            let count = (across * lines.len()) as f32 * 255.0;
            values.extend(sum.iter().map(|&sum| sum as f32 / count));
        }
    }
    Picture { width: columns, height: rows, values }
}

/// A decoder that gives libjpeg-turbo's bytes: the ones that PIL, and so the training of nearly every published
/// network, saw. Others differ by up to 3 of 255, which is enough to move a probability by one in a hundred.
fn jpeg(bytes: &[u8]) -> Result<DynamicImage, Reason> {
    let limits = DecodeLimits {
        max_width: SIDE as usize,
        max_height: SIDE as usize,
        max_pixels: PIXELS,
        max_scans: SCANS,
        max_memory: Some(2 * DECODER_BYTES),
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

fn other(bytes: Vec<u8>) -> Result<DynamicImage, Reason> {
    let decode = || -> Result<Result<DynamicImage, Reason>, image::ImageError> {
        let mut limits = Limits::default();
        limits.max_image_width = Some(SIDE);
        limits.max_image_height = Some(SIDE);
        limits.max_alloc = Some(DECODER_BYTES);
        let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
        reader.limits(limits.clone());
        let mut decoder = reader.into_decoder()?;
        let (width, height) = decoder.dimensions();
        limits.check_dimensions(width, height)?;
        if let Err(reason) = within(width.into(), height.into()) {
            return Ok(Err(reason));
        }
        limits.reserve(decoder.total_bytes())?;
        let orientation = decoder.orientation()?;
        let mut picture = DynamicImage::from_decoder(decoder)?;
        picture.apply_orientation(orientation);
        Ok(Ok(picture))
    };
    decode().map_err(|error| error.to_string())?
}

/// Refuses more pixels than a picture may have.
fn within(width: u64, height: u64) -> Result<(), Reason> {
    match width * height <= PIXELS {
        true => Ok(()),
        false => {
            Err(format!("{width}×{height} pixels are more than {} million; scale it down first", PIXELS / 1_000_000)
                .into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{GrayImage, Luma, Rgb};

    #[test]
    fn a_reduced_picture_is_the_mean_of_its_blocks() {
        let own = GrayImage::from_fn(5, 3, |x, y| Luma([(10 * x + y) as u8]));
        let small = reduced(DynamicImage::ImageLuma8(own), 2);
        assert_eq!((small.width, small.height), (3, 2));
        // Columns 0 1 | 2 3 | 4 of rows 0 and 1; row 2 alone.
        let expected = [5.5, 25.5, 40.5, 7.0, 27.0, 42.0];
        for (pixel, expected) in small.values.chunks(3).zip(expected) {
            assert!(pixel.iter().all(|value| (value * 255.0 - expected).abs() < 1e-3), "{small:?}");
        }
        let colours = RgbImage::from_fn(2, 2, |x, _| Rgb([x as u8 * 100, 7, 9]));
        let one = reduced(DynamicImage::ImageRgb8(colours), 2);
        assert!((one.values[0] * 255.0 - 50.0).abs() < 1e-3 && (one.values[2] * 255.0 - 9.0).abs() < 1e-3);
    }

    #[test]
    fn only_a_picture_far_larger_than_what_is_asked_for_is_reduced() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.png");
        GrayImage::new(6000, 4100).save(&path).expect("written");
        let sides = |asked| read(&path, asked).map(|picture| (picture.width, picture.height)).expect("read");
        assert_eq!(sides(256), (3000, 2050));
        assert_eq!(sides(512), (6000, 4100));
    }
}
