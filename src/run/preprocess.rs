//! From a picture to a network's input: scaled, cropped, normalised as the architecture's `preprocess` says.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use super::picture::Picture;
use crate::spec::describe::{Input, Preprocess};

/// Why a picture cannot become an input.
#[derive(Debug, thiserror::Error)]
pub enum PreprocessError {
    #[error("the network takes {0} channels; a picture has 3, or 1 as gray")]
    Channels(u64),
    #[error("`preprocess.resize` is {resize}, smaller than the input's {height}×{width}, so no crop fits")]
    Crop { resize: u64, height: u64, width: u64 },
    #[error("cannot scale a {width}×{height} picture: {reason}")]
    Scale { width: usize, height: usize, reason: String },
}

/// The input's values, channel by channel: (pixel/255·scale − mean)/std.
pub fn preprocess(picture: &Picture, input: Input, how: &Preprocess) -> Result<Vec<f32>, PreprocessError> {
    if input.channels != 1 && input.channels != 3 {
        return Err(PreprocessError::Channels(input.channels));
    }
    let (height, width) = (input.height as usize, input.width as usize);
    let fitted = match how.resize {
        None => scale(picture, width, height)?,
        Some(resize) if resize < input.height.min(input.width) => {
            return Err(PreprocessError::Crop { resize, height: input.height, width: input.width });
        }
        Some(resize) => {
            // torchvision's Resize: the shorter side exactly, the longer one rounded down.
            let (resize, short) = (resize as usize, picture.width.min(picture.height));
            let side = |length: usize| (length * resize / short).max(resize);
            let scaled = scale(picture, side(picture.width), side(picture.height))?;
            if scaled.width < width || scaled.height < height {
                return Err(PreprocessError::Crop { resize: resize as u64, height: input.height, width: input.width });
            }
            crop(&scaled, width, height)
        }
    };
    let area = width * height;
    let per_channel = |values: &[f64], channel: usize| values.get(channel).or(values.first()).copied().unwrap_or(0.0);
    let mut values = Vec::with_capacity(input.channels as usize * area);
    for channel in 0..input.channels as usize {
        let (mean, std) = (per_channel(&how.mean, channel) as f32, per_channel(&how.std, channel) as f32);
        let scale = how.scale as f32;
        values.extend(fitted.values.chunks_exact(3).map(|pixel| {
            let value = match input.channels {
                // ITU-R 601 luma, as PIL's `convert("L")`.
                1 => 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2],
                _ => pixel[channel],
            };
            (value * scale - mean) / std
        }));
    }
    Ok(values)
}

/// Bilinear, antialiased; a picture that has the size already is left as it is.
fn scale(picture: &Picture, width: usize, height: usize) -> Result<Picture, PreprocessError> {
    if (picture.width, picture.height) == (width, height) {
        return Ok(picture.clone());
    }
    let failed = |reason: String| PreprocessError::Scale { width: picture.width, height: picture.height, reason };
    let bytes: Vec<u8> = picture.values.iter().flat_map(|value| value.to_ne_bytes()).collect();
    let source = ImageRef::new(picture.width as u32, picture.height as u32, &bytes, PixelType::F32x3)
        .map_err(|error| failed(error.to_string()))?;
    let mut target = Image::new(width as u32, height as u32, PixelType::F32x3);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    Resizer::new().resize(&source, &mut target, &options).map_err(|error| failed(error.to_string()))?;
    let (chunks, _) = target.buffer().as_chunks::<4>();
    let values = chunks.iter().map(|&bytes| f32::from_ne_bytes(bytes)).collect();
    Ok(Picture { width, height, values })
}

/// The middle of a picture, rounded as torchvision's CenterCrop rounds.
fn crop(picture: &Picture, width: usize, height: usize) -> Picture {
    let middle = |outer: usize, inner: usize| ((outer - inner) as f64 / 2.0).round_ties_even() as usize;
    let (left, top) = (middle(picture.width, width), middle(picture.height, height));
    let rows = (top..top + height).flat_map(|y| {
        let start = (y * picture.width + left) * 3;
        picture.values[start..start + width * 3].iter().copied()
    });
    Picture { width, height, values: rows.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(width: usize, height: usize) -> Picture {
        let values = (0..width * height * 3).map(|at| at as f32 / 255.0).collect();
        Picture { width, height, values }
    }

    const fn input(channels: u64, height: u64, width: u64) -> Input {
        Input { channels, height, width }
    }

    #[test]
    fn a_picture_of_the_right_size_is_only_normalised() {
        let how = Preprocess { mean: vec![0.5, 0.25, 0.0], std: vec![2.0], ..Preprocess::default() };
        let values = preprocess(&ramp(2, 1), input(3, 1, 2), &how).unwrap();
        // Pixels (0, 1, 2) and (3, 4, 5), each /255, minus the channel's mean, halved; channel by channel.
        let expected = [(0.0, 0.5), (3.0, 0.5), (1.0, 0.25), (4.0, 0.25), (2.0, 0.0), (5.0, 0.0)];
        for (value, (pixel, mean)) in values.iter().zip(expected) {
            assert!((value - (pixel / 255.0 - mean) / 2.0).abs() < 1e-6);
        }
    }

    #[test]
    fn the_shorter_side_is_scaled_and_the_middle_cut_out() {
        let how = Preprocess { resize: Some(4), ..Preprocess::default() };
        let gray = Picture { width: 12, height: 8, values: vec![0.5; 12 * 8 * 3] };
        let values = preprocess(&gray, input(1, 4, 4), &how).unwrap();
        assert_eq!(values.len(), 16);
        assert!(values.iter().all(|value| (value - 0.5).abs() < 1e-5));
    }

    #[test]
    fn what_cannot_be_done_is_said() {
        let how = Preprocess { resize: Some(3), ..Preprocess::default() };
        assert!(matches!(preprocess(&ramp(9, 9), input(3, 4, 4), &how), Err(PreprocessError::Crop { .. })));
        let plain = Preprocess::default();
        assert!(matches!(preprocess(&ramp(9, 9), input(2, 4, 4), &plain), Err(PreprocessError::Channels(2))));
    }
}
