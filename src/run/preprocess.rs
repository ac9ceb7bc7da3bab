//! From a picture to a network's input: scaled, cropped, normalised as the architecture's `preprocess` says.

use std::borrow::Cow;

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::F32x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};

use super::picture::Picture;
use crate::spec::describe::{ChannelOrder, Input, Preprocess};

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

/// The shorter side that pictures are scaled to for a network.
pub fn asked_side(input: Input, how: &Preprocess) -> u64 {
    how.resize.unwrap_or(0).max(input.height.min(input.width))
}

/// The input's values, channel by channel: (pixel/255·scale − mean)/std.
pub fn preprocess(picture: &Picture, input: Input, how: &Preprocess) -> Result<Vec<f32>, PreprocessError> {
    if input.channels != 1 && input.channels != 3 {
        return Err(PreprocessError::Channels(input.channels));
    }
    let picture = in_channels(Cow::Borrowed(picture), input.channels);
    let fitted = fitted(&picture, input, how)?;
    let mut values = planes(&fitted, input.channels as usize);
    normalise(&mut values, input, how);
    Ok(values)
}

/// A picture with the colours that a network of so many channels sees: gray for one. Gray is made before anything is scaled,
/// byte by byte, so that a network gets what it was trained on in PyTorch (`Image.convert("L")`).
pub fn in_channels(picture: Cow<Picture>, channels: u64) -> Cow<Picture> {
    if channels != 1 {
        return picture;
    }
    let mut own = picture.into_owned();
    for pixel in own.values.chunks_exact_mut(3) {
        let gray = gray([pixel[0], pixel[1], pixel[2]]);
        pixel.fill(gray);
    }
    Cow::Owned(own)
}

/// ITU-R 601 luma. Of bytes as Pillow computes it, in integers (libImaging/Convert.c): (19595 R + 38470 G + 7471 B + 2¹⁵) >> 16.
fn gray(pixel: [f32; 3]) -> f32 {
    let bytes = pixel.map(|value| (value * 255.0).round());
    // Deeper pictures have values between the bytes.
    let are_bytes = pixel.iter().zip(bytes).all(|(value, byte)| (value * 255.0 - byte).abs() < 1e-3);
    match are_bytes {
        true => {
            let [red, green, blue] = bytes.map(|byte| byte as u32);
            ((19_595 * red + 38_470 * green + 7_471 * blue + 0x8000) >> 16) as f32 / 255.0
        }
        false => 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2],
    }
}

/// Pixels in 0 to 1, `[C, H, W]` with red first, to what the network takes.
pub fn normalise(values: &mut [f32], input: Input, how: &Preprocess) {
    let area = (input.width * input.height) as usize;
    if how.channels == ChannelOrder::Bgr && input.channels == 3 {
        let (red, rest) = values.split_at_mut(area);
        red.swap_with_slice(&mut rest[area..]);
    }
    for (channel, plane) in values.chunks_mut(area.max(1)).enumerate() {
        let of = |values: &[f64]| values.get(channel).or(values.first()).copied().unwrap_or(0.0) as f32;
        let (mean, std, scale) = (of(&how.mean), of(&how.std), how.scale as f32);
        plane.iter_mut().for_each(|value| *value = (*value * scale - mean) / std);
    }
}

/// A picture's red, green and blue one after the other, or the first alone of one that is gray.
pub fn planes(picture: &Picture, channels: usize) -> Vec<f32> {
    let pixels = || picture.values.chunks_exact(3);
    (0..channels).flat_map(|channel| pixels().map(move |pixel| pixel[channel])).collect()
}

/// The picture with its shorter side scaled to `side` times the input's shorter one (no less than the input needs), and
/// a window of the input's size cut out at a part of what is left over below and to the right.
pub fn cut(picture: &Picture, input: Input, side: f64, (down, right): (f64, f64)) -> Result<Picture, PreprocessError> {
    let (height, width) = (input.height as f64, input.width as f64);
    let short = picture.width.min(picture.height) as f64;
    let needed = (height / picture.height as f64).max(width / picture.width as f64);
    let scaled = (side * height.min(width) / short).max(needed);
    let part = Part {
        left: (picture.width as f64 - width / scaled).max(0.0) * right,
        top: (picture.height as f64 - height / scaled).max(0.0) * down,
        width: (width / scaled).min(picture.width as f64),
        height: (height / scaled).min(picture.height as f64),
    };
    scale(picture, part, input.width as usize, input.height as usize)
}

/// The picture scaled and cropped to the input's rows and columns, not yet normalised.
pub fn fitted(picture: &Picture, input: Input, how: &Preprocess) -> Result<Picture, PreprocessError> {
    let (height, width) = (input.height as usize, input.width as usize);
    match how.resize {
        None => scale(
            picture,
            Part { left: 0.0, top: 0.0, width: picture.width as f64, height: picture.height as f64 },
            width,
            height,
        ),
        Some(resize) if resize < input.height.min(input.width) => {
            Err(PreprocessError::Crop { resize, height: input.height, width: input.width })
        }
        Some(resize) => {
            // torchvision's Resize: the shorter side exactly, the longer one rounded down. Only what the crop keeps of
            // the scaled picture is made, whatever the rest would have measured.
            let short = picture.width.min(picture.height) as u64;
            let side = |length: usize| (length as u64 * resize / short).max(resize);
            let (scaled_width, scaled_height) = (side(picture.width), side(picture.height));
            if scaled_width < input.width || scaled_height < input.height {
                return Err(PreprocessError::Crop { resize, height: input.height, width: input.width });
            }
            let middle = |outer: u64, inner: u64| ((outer - inner) as f64 / 2.0).round_ties_even();
            let (left, top) = (middle(scaled_width, input.width), middle(scaled_height, input.height));
            let (x_step, y_step) =
                (picture.width as f64 / scaled_width as f64, picture.height as f64 / scaled_height as f64);
            let part = Part {
                left: left * x_step,
                top: top * y_step,
                width: width as f64 * x_step,
                height: height as f64 * y_step,
            };
            scale(picture, part, width, height)
        }
    }
}

/// A rectangle of a picture, in pixels.
struct Part {
    left: f64,
    top: f64,
    width: f64,
    height: f64,
}

/// A part of a picture at another size: bilinear, antialiased. A whole picture that has the size already stays as it is.
fn scale(picture: &Picture, part: Part, width: usize, height: usize) -> Result<Picture, PreprocessError> {
    let whole = (picture.width as f64, picture.height as f64);
    if (picture.width, picture.height) == (width, height) && (part.width, part.height) == whole {
        return Ok(picture.clone());
    }
    let failed = |reason: String| PreprocessError::Scale { width: picture.width, height: picture.height, reason };
    let pixels: Vec<F32x3> = picture.values.as_chunks::<3>().0.iter().map(|&pixel| F32x3::new(pixel)).collect();
    let source = TypedImageRef::new(picture.width as u32, picture.height as u32, &pixels)
        .map_err(|error| failed(error.to_string()))?;
    let mut target = TypedImage::<F32x3>::new(width as u32, height as u32);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear)).crop(
        part.left,
        part.top,
        part.width,
        part.height,
    );
    // Said with its type: `resize` would build the filters of twelve others, a fifth of all that is compiled here.
    Resizer::new().resize_typed(&source, &mut target, &options).map_err(|error| failed(error.to_string()))?;
    let values = target.pixels().iter().flat_map(|pixel| pixel.0).collect();
    Ok(Picture { width, height, values })
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
    fn gray_is_pillows_and_blue_comes_first_where_that_is_wanted() {
        // Pillow 13: Image.new("RGB", (1, 1), colour).convert("L").getpixel((0, 0))
        let cases = [([255, 0, 0], 76), ([0, 255, 0], 150), ([0, 0, 255], 29), ([1, 1, 1], 1), ([12, 200, 99], 132)];
        for (colour, expected) in cases {
            let values = colour.map(|byte: u8| f32::from(byte) / 255.0).to_vec();
            let picture = Picture { width: 1, height: 1, values };
            let own = preprocess(&picture, input(1, 1, 1), &Preprocess::default()).unwrap();
            assert_eq!((own[0] * 255.0).round(), expected as f32, "{colour:?}");
        }
        let how = Preprocess { channels: ChannelOrder::Bgr, mean: vec![0.5, 0.0, 0.0], ..Preprocess::default() };
        let picture = Picture { width: 1, height: 1, values: vec![0.1, 0.2, 0.9] };
        let own = preprocess(&picture, input(3, 1, 1), &how).unwrap();
        for (value, expected) in own.iter().zip([0.4, 0.2, 0.1]) {
            assert!((value - expected).abs() < 1e-6, "the first mean is blue's: {own:?}");
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
    fn cutting_before_scaling_gives_what_cutting_after_it_gives() {
        let values = (0..50 * 30 * 3).map(|at| ((at * 7919) % 256) as f32 / 255.0).collect();
        let picture = Picture { width: 50, height: 30, values };
        let how = Preprocess { resize: Some(16), ..Preprocess::default() };
        let cut = preprocess(&picture, input(3, 12, 12), &how).unwrap();
        // Scaled to 26×16 as a whole, then the middle: columns 7 to 18, rows 2 to 13.
        let all = Part { left: 0.0, top: 0.0, width: 50.0, height: 30.0 };
        let whole = scale(&picture, all, 26, 16).unwrap();
        for (at, value) in cut.iter().enumerate() {
            let (channel, y, x) = (at / 144, at / 12 % 12, at % 12);
            let expected = whole.values[((y + 2) * 26 + x + 7) * 3 + channel];
            assert!((value - expected).abs() < 1e-4, "{value} for {expected} at {channel}, {y}, {x}");
        }
    }

    #[test]
    fn a_line_of_pixels_needs_no_more_memory_than_the_input() {
        let line = Picture { width: 1, height: 20_000, values: vec![0.5; 60_000] };
        let how = Preprocess { resize: Some(256), ..Preprocess::default() };
        assert_eq!(preprocess(&line, input(3, 224, 224), &how).unwrap().len(), 3 * 224 * 224);
    }

    #[test]
    fn what_cannot_be_done_is_said() {
        let how = Preprocess { resize: Some(3), ..Preprocess::default() };
        assert!(matches!(preprocess(&ramp(9, 9), input(3, 4, 4), &how), Err(PreprocessError::Crop { .. })));
        let plain = Preprocess::default();
        assert!(matches!(preprocess(&ramp(9, 9), input(2, 4, 4), &plain), Err(PreprocessError::Channels(2))));
    }
}
