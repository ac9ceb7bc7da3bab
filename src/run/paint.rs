//! Pictures of what was computed: heat maps, fields on photos, feature maps in grids.

use std::path::Path;

use image::{Rgb, RgbImage};

use super::attention::Heat;
use super::picture::Picture;
use crate::files::{reason, write};
use crate::graph::unit::Span;

/// Why a picture could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {path}: {reason}")]
pub struct PaintError {
    pub path: String,
    pub reason: String,
}

/// Dark to bright through violet, red and yellow, after matplotlib's inferno: dark stays dark where there is nothing.
const STOPS: [[f32; 3]; 6] = [
    [0.0, 0.0, 4.0],
    [66.0, 10.0, 104.0],
    [147.0, 38.0, 103.0],
    [221.0, 81.0, 58.0],
    [252.0, 165.0, 10.0],
    [252.0, 255.0, 164.0],
];

/// The colour of a share of the largest value, 0 to 1.
pub fn heat_colour(share: f64) -> [u8; 3] {
    let place = (share.clamp(0.0, 1.0) as f32) * (STOPS.len() - 1) as f32;
    let low = (place as usize).min(STOPS.len() - 2);
    let between = place - low as f32;
    [0, 1, 2].map(|part| (STOPS[low][part] * (1.0 - between) + STOPS[low + 1][part] * between).round() as u8)
}

/// Gradients fall off fast: the root shows the faint ones too.
fn shown(heat: &Heat, at: usize) -> f64 {
    (heat.values[at] / heat.largest().max(f64::MIN_POSITIVE)).sqrt()
}

fn bytes(pixel: [f32; 3]) -> [u8; 3] {
    pixel.map(|value| (value.clamp(0.0, 1.0) * 255.0).round() as u8)
}

/// A picture of the input's size; gray where there is none.
fn ground(picture: Option<&Picture>, height: usize, width: usize) -> RgbImage {
    RgbImage::from_fn(width as u32, height as u32, |x, y| {
        let at = 3 * (y as usize * width + x as usize);
        let pixel = picture.and_then(|picture| picture.values.get(at..at + 3)?.try_into().ok());
        Rgb(pixel.map_or([40, 40, 40], bytes))
    })
}

fn heat_alone(heat: &Heat) -> RgbImage {
    RgbImage::from_fn(heat.width as u32, heat.height as u32, |x, y| {
        Rgb(heat_colour(shown(heat, y as usize * heat.width + x as usize)))
    })
}

/// Heat over a photo of the input's size, enlarged to be looked at.
pub fn heat_over(picture: &Picture, heat: &Heat) -> RgbImage {
    enlarged(&heat_on(Some(picture), heat), 448)
}

/// Heat on a photo, a pixel for each of the input's: the hotter, the more of its colour. Alone where there is no photo.
pub fn heat_on(picture: Option<&Picture>, heat: &Heat) -> RgbImage {
    let mut image = ground(picture, heat.height, heat.width);
    for (x, y, pixel) in image.enumerate_pixels_mut() {
        let share = heat.values[y as usize * heat.width + x as usize] / heat.largest().max(f64::MIN_POSITIVE);
        let (colour, part) = (heat_colour(share), if picture.is_some() { 0.65 * share as f32 } else { 1.0 });
        for (own, over) in pixel.0.iter_mut().zip(colour) {
            *own = (f32::from(*own) * (1.0 - part) + f32::from(over) * part) as u8;
        }
    }
    image
}

/// The theoretical field, drawn on the input (or the photo), beside the effective one with the same square.
pub fn fields(picture: Option<&Picture>, heat: &Heat, spans: &[Span; 2]) -> RgbImage {
    let mut left = ground(picture, heat.height, heat.width);
    if let (Some(rows), Some(columns)) = (spans[0].clipped(), spans[1].clipped()) {
        for (x, y, pixel) in left.enumerate_pixels_mut() {
            let seen = (rows.0..=rows.1).contains(&y.into()) && (columns.0..=columns.1).contains(&x.into());
            pixel.0 = match (seen, picture) {
                (true, None) => [110, 110, 110],
                (true, Some(_)) => pixel.0,
                (false, _) => pixel.0.map(|value| value / 3),
            };
        }
    }
    let panels = [left, heat_alone(heat)].map(|panel| {
        let mut panel = enlarged(&panel, 448);
        outline(&mut panel, spans, heat);
        panel
    });
    let gap = 8;
    let (width, height) = panels[0].dimensions();
    let mut both = RgbImage::from_pixel(2 * width + gap, height, Rgb([16, 16, 16]));
    for (at, panel) in panels.iter().enumerate() {
        image::imageops::replace(&mut both, panel, i64::from(at as u32 * (width + gap)), 0);
    }
    both
}

/// The square of the field, as far as it lies in the picture.
fn outline(panel: &mut RgbImage, spans: &[Span; 2], heat: &Heat) {
    let scale = panel.width() as f64 / heat.width as f64;
    let edge = |span: &Span, last: bool| ((if last { span.last + 1 } else { span.first }) as f64 * scale) as i64;
    let (top, bottom) = (edge(&spans[0], false), edge(&spans[0], true) - 1);
    let (left, right) = (edge(&spans[1], false), edge(&spans[1], true) - 1);
    let mut dot = |x: i64, y: i64| {
        if let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y))
            && x < panel.width()
            && y < panel.height()
        {
            panel.put_pixel(x, y, Rgb([90, 220, 240]));
        }
    };
    let (far_x, far_y) = (i64::from(u16::MAX), i64::from(u16::MAX));
    for x in left.max(0)..=right.min(far_x) {
        dot(x, top);
        dot(x, bottom);
    }
    for y in top.max(0)..=bottom.min(far_y) {
        dot(left, y);
        dot(right, y);
    }
}

/// By a whole factor, so that the shorter side has at least `least` pixels.
fn enlarged(image: &RgbImage, least: u32) -> RgbImage {
    let factor = least.div_ceil(image.width().min(image.height()).max(1)).clamp(1, 64);
    RgbImage::from_fn(image.width() * factor, image.height() * factor, |x, y| *image.get_pixel(x / factor, y / factor))
}

/// The largest side of a grid of feature maps.
const LARGEST_GRID: u32 = 8192;

/// Channels of a map `[C, H, W]` side by side, each in gray from its smallest to its largest value.
pub fn feature_grid(values: &[f32], (channels, height, width): (usize, usize, usize)) -> RgbImage {
    // Small maps are drawn larger, so that they can be looked at.
    let factor = 32u32.div_ceil(height.max(width).max(1) as u32).max(1);
    let (tile_width, tile_height) = (width as u32 * factor + 1, height as u32 * factor + 1);
    let across = ((channels as f64 * f64::from(tile_height) / f64::from(tile_width)).sqrt().ceil() as u32).max(1);
    let across = across.min((LARGEST_GRID / tile_width).max(1));
    let down = (channels as u32).div_ceil(across).min((LARGEST_GRID / tile_height).max(1));
    let mut grid = RgbImage::from_pixel(across * tile_width + 1, down * tile_height + 1, Rgb([24, 24, 48]));
    for (channel, plane) in values.chunks(height * width).take((across * down) as usize).enumerate() {
        let gray = grays(plane);
        let (left, top) = (channel as u32 % across * tile_width + 1, channel as u32 / across * tile_height + 1);
        for y in 0..height as u32 * factor {
            for x in 0..width as u32 * factor {
                let value = gray[(y / factor) as usize * width + (x / factor) as usize];
                grid.put_pixel(left + x, top + y, Rgb([value; 3]));
            }
        }
    }
    grid
}

/// Filters `[outputs, 1 or 3, H, W]` side by side, each in its own colours (one channel: in gray) from its smallest to its largest value.
pub fn filter_grid(values: &[f32], [outputs, inputs, height, width]: [usize; 4]) -> RgbImage {
    let (rows, columns) = (height.max(1) as u32, width.max(1) as u32);
    let factor = 48u32.div_ceil(rows.max(columns)).max(1);
    let (tile_width, tile_height) = (columns * factor + 2, rows * factor + 2);
    let across = ((outputs as f64).sqrt().ceil() as u32).clamp(1, (LARGEST_GRID / tile_width).max(1));
    let down = (outputs as u32).div_ceil(across).min((LARGEST_GRID / tile_height).max(1));
    let mut grid = RgbImage::from_pixel(across * tile_width + 2, down * tile_height + 2, Rgb([24, 24, 48]));
    let area = height * width;
    for (at, filter) in values.chunks((inputs * area).max(1)).take((across * down) as usize).enumerate() {
        // One range for all channels, so that a colour is what the filter looks for.
        let shades = grays(filter);
        let (left, top) = (at as u32 % across * tile_width + 2, at as u32 / across * tile_height + 2);
        for (y, x) in (0..rows * factor).flat_map(|y| (0..columns * factor).map(move |x| (y, x))) {
            let place = (y / factor) as usize * width + (x / factor) as usize;
            let pixel = [0, 1, 2].map(|part| shades.get((if inputs == 3 { part * area } else { 0 }) + place));
            grid.put_pixel(left + x, top + y, Rgb(pixel.map(|shade| shade.copied().unwrap_or(0))));
        }
    }
    grid
}

/// A plane from black, its smallest value, to white, its largest; an even plane is black, what is not finite too.
pub fn grays(plane: &[f32]) -> Vec<u8> {
    let finite = || plane.iter().copied().filter(|value| value.is_finite());
    let (least, most) =
        finite().fold((f32::INFINITY, f32::NEG_INFINITY), |(least, most), value| (least.min(value), most.max(value)));
    let range = most - least;
    let gray = |value: &f32| match value.is_finite() && range > 0.0 {
        true => ((value - least) / range * 255.0).round() as u8,
        false => 0,
    };
    plane.iter().map(gray).collect()
}

/// PNG bytes.
pub fn png(image: &RgbImage) -> Result<Vec<u8>, image::ImageError> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, image::ImageFormat::Png)?;
    Ok(bytes.into_inner())
}

pub fn save(image: &RgbImage, path: &Path) -> Result<(), PaintError> {
    let failed = |reason: String| PaintError { path: path.display().to_string(), reason };
    let bytes = png(image).map_err(|error| failed(error.to_string()))?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|error| failed(reason(&error)))?;
    }
    write::write(path, |beside| write::fill(beside, &bytes)).map_err(|error| failed(reason(&error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_go_from_black_to_white() {
        assert_eq!(grays(&[-1.0, 0.0, 1.0, f32::NAN]), [0, 128, 255, 0]);
        assert_eq!(grays(&[2.0, 2.0]), [0, 0]);
        assert_eq!((heat_colour(0.0), heat_colour(1.0)), ([0, 0, 4], [252, 255, 164]));
    }

    #[test]
    fn a_grid_holds_every_channel_at_its_place() {
        let (channels, side) = (5, 40);
        let values: Vec<f32> = (0..channels * side * side).map(|at| (at % (side * side)) as f32).collect();
        let grid = feature_grid(&values, (channels, side, side));
        // Three across, two down, with lines of one pixel between.
        assert_eq!(grid.dimensions(), (3 * 41 + 1, 2 * 41 + 1));
        assert_eq!(grid.get_pixel(1, 1).0, [0; 3]);
        assert_eq!(grid.get_pixel(40, 40).0, [255; 3]);
        assert_eq!(grid.get_pixel(41 + 40, 41 + 40).0, [255; 3]);
        assert_eq!(grid.get_pixel(2 * 41 + 1, 41 + 1).0, [24, 24, 48], "there is no sixth");
    }

    #[test]
    fn filters_stand_in_their_colours() {
        // Two filters of 3×1×2: red at the left, blue at the right; and all even.
        let grid = filter_grid(&[1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0], [2, 3, 1, 2]);
        assert_eq!(grid.dimensions(), (2 * 50 + 2, 26 + 2));
        assert_eq!((grid.get_pixel(2, 2).0, grid.get_pixel(49, 25).0), ([255, 0, 0], [0, 0, 255]));
        assert_eq!((grid.get_pixel(1, 1).0, grid.get_pixel(60, 9).0), ([24, 24, 48], [0; 3]));
    }

    #[test]
    fn the_square_of_the_field_is_drawn_where_it_is() {
        let span = Span { first: -2, last: 1, read: Some((0, 1)), input: 4 };
        let heat = Heat { height: 4, width: 4, values: vec![1.0; 16] };
        let both = fields(None, &heat, &[span, span]);
        assert_eq!(both.dimensions(), (2 * 256 + 8, 256));
        // Factor 64: the square ends behind pixel 1.
        assert_eq!(both.get_pixel(127, 10).0, [90, 220, 240]);
        assert_eq!(both.get_pixel(128, 10).0, [13; 3]);
        assert_eq!(both.get_pixel(264 + 200, 200).0, heat_colour(1.0));
    }
}
