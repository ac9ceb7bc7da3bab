//! The pictures of a forward run, made when what they are of changes: feature maps, filters, the input, where it looks.

use std::sync::Arc;

use image::{DynamicImage, Rgb, RgbImage};
use ratatui::Frame;
use ratatui::layout::{Rect, Size};
use ratatui_image::Resize;
use ratatui_image::picker::ProtocolType;

use super::areas::areas;
use super::state::{Drawn, Forward, Look, Shows, Subject};
use crate::graph::unit;
use crate::run::attention::{Heat, Method};
use crate::run::live::Ran;
use crate::run::paint::{grays, heat_colour, heat_on};
use crate::tui::model::Model;
use crate::tui::widgets::panes::Panes;
use crate::tui::widgets::theme::Tones;

/// Makes the picture anew when it is of something else.
pub fn refresh(forward: &mut Forward, model: &Model, panes: &Panes) {
    let area = areas(panes, forward.turned).pictures;
    let size = (area.width.saturating_sub(2), area.height.saturating_sub(2));
    let drawn = forward.ran(model).filter(|_| size.0 > 0 && size.1 > 0).and_then(|ran| {
        let layer = model.entry()?.last_layer()?.index;
        let subject = Subject {
            run: ran.number,
            layer,
            shows: forward.shows,
            page: forward.page,
            by_activation: forward.by_activation,
            enlarged: forward.enlarged,
            class: forward.class(ran).unwrap_or(0),
            size,
            theme: model.theme.name,
            looked: forward.looks.len(),
            dreamed: forward.dreams.len(),
            protocol: model.picker.protocol_type(),
        };
        match &forward.picture {
            Some(drawn) if drawn.subject == subject => Some(drawn.clone()),
            _ => paint(forward, model, ran, subject),
        }
    });
    forward.picture = drawn;
}

/// The pixels of a cell: two by two make square ones of a character twice as tall as wide.
const CELL: (u32, u32) = (1, 2);

fn paint(forward: &Forward, model: &Model, ran: &Ran, subject: Subject) -> Option<Drawn> {
    let font = model.picker.font_size();
    let is_real = model.picker.protocol_type() != ProtocolType::Halfblocks;
    let cell = if is_real { (u32::from(font.width), u32::from(font.height)) } else { CELL };
    let room = (u32::from(subject.size.0) * cell.0, u32::from(subject.size.1) * cell.1);
    // What can still be made out: real pixels are smaller than half cells.
    let least = if is_real { 48 } else { 8 };
    let (image, title, pages) = match subject.shows {
        Shows::Maps => maps(ran, &subject, room, least)?,
        Shows::Filters => filters(ran, &subject, room, least)?,
        Shows::Patches => patches(ran, &subject, room, least)?,
        Shows::Dream => dream(forward, ran, &subject, room)?,
        Shows::Input => {
            let sizes = ran.outputs.first().map(|_| ran.network.architecture.input)?;
            let (channels, height, width) = (sizes.channels as usize, sizes.height as usize, sizes.width as usize);
            let image = colour_plane(&ran.input, (channels, height, width))?;
            (fitted(&image, room), "input as the network takes it".to_string(), 1)
        }
        Shows::Looks(method) => looks(forward, ran, method, &subject, room)?,
    };
    let protocol = (is_real || model.theme.tones == Tones::All).then(|| {
        // Half blocks take an image of ten by twenty pixels a cell.
        let scale = if is_real { (1, 1) } else { (u32::from(font.width), u32::from(font.height) / 2) };
        let large = image::imageops::resize(
            &image,
            image.width() * scale.0,
            image.height() * scale.1,
            image::imageops::FilterType::Nearest,
        );
        let size = Size::new(subject.size.0, subject.size.1);
        model.picker.new_protocol(DynamicImage::ImageRgb8(large), size, Resize::Fit(None)).ok().map(Arc::new)
    });
    Some(Drawn { subject, image: Arc::new(image), protocol: protocol.flatten(), title, pages })
}

/// What lies between and behind tiles: neither black, which a map of zeros is, nor as bright as what is looked at.
const GAP: [u8; 3] = [48, 52, 64];

/// Tiles of one shape in rows, as many as are on a page.
#[derive(Debug, PartialEq)]
struct Tiles {
    /// Pixels of one, across and down.
    tile: (u32, u32),
    across: u32,
    on_page: usize,
}

impl Tiles {
    /// The largest tiles with which all `count` find room at once, yet none narrower than `least`: what then finds no room
    /// comes on further pages.
    fn over(room: (u32, u32), (width, height): (u32, u32), count: usize, least: u32) -> Tiles {
        let of = |across: u32| {
            let mut tile_width = ((room.0 + 1) / across).saturating_sub(1).max(1);
            // Not taller than the room either.
            let widest = u64::from(room.1) * u64::from(width) / u64::from(height);
            tile_width = tile_width.min(u32::try_from(widest).unwrap_or(u32::MAX).max(1));
            // Up to twice the size whole multiples keep pixels equal; above it nobody sees the difference.
            tile_width -= if (width..2 * width).contains(&tile_width) { tile_width % width } else { 0 };
            let tall = u64::from(tile_width) * u64::from(height) / u64::from(width);
            let tile = (tile_width, u32::try_from(tall).unwrap_or(u32::MAX).clamp(1, room.1.max(1)));
            let across = ((room.0 + 1) / (tile.0 + 1)).max(1);
            let down = ((room.1 + 1) / (tile.1 + 1)).max(1);
            Tiles { tile, across, on_page: (across * down) as usize }
        };
        let mut tiles = of(1);
        for across in 2..=room.0.max(2) {
            let smaller = of(across);
            if tiles.on_page >= count || smaller.tile.0 < least {
                break;
            }
            tiles = smaller;
        }
        tiles
    }

    /// A picture for so many, without room for more.
    fn canvas(&self, count: usize) -> RgbImage {
        let count = count.max(1) as u32;
        let (across, down) = (count.min(self.across), count.div_ceil(self.across));
        RgbImage::from_pixel(across * (self.tile.0 + 1) - 1, down * (self.tile.1 + 1) - 1, Rgb(GAP))
    }

    /// Paints the tile at a place; `pixel` is asked for each of its pixels.
    fn place(&self, image: &mut RgbImage, at: usize, pixel: impl Fn(u32, u32) -> [u8; 3]) {
        let at = at as u32;
        let (left, top) = (at % self.across * (self.tile.0 + 1), at / self.across * (self.tile.1 + 1));
        for (row, column) in (0..self.tile.1).flat_map(|row| (0..self.tile.0).map(move |column| (row, column))) {
            if left + column < image.width() && top + row < image.height() {
                image.put_pixel(left + column, top + row, Rgb(pixel(column, row)));
            }
        }
    }
}

fn maps(ran: &Ran, subject: &Subject, room: (u32, u32), least: u32) -> Option<(RgbImage, String, usize)> {
    let output = ran.outputs.get(subject.layer)?;
    let (channels, height, width) = output.sizes;
    let name = &ran.network.layers[subject.layer].name;
    let mut order: Vec<usize> = (0..channels).collect();
    if subject.by_activation {
        order.sort_by(|one, other| output.means[*other].total_cmp(&output.means[*one]));
    }
    if height * width == 1 {
        // Features are drawn as one plane, as near to a square as can be.
        let across = (channels as f64).sqrt().ceil() as usize;
        let gray = &output.grays;
        let image = RgbImage::from_fn(across as u32, channels.div_ceil(across) as u32, |x, y| {
            let at = y as usize * across + x as usize;
            Rgb([gray.get(at).copied().unwrap_or(0); 3])
        });
        return Some((fitted(&image, room), format!("{name}: {channels} features"), 1));
    }
    let size = (width as u32, height as u32);
    let tiles = match subject.enlarged {
        true => Tiles { on_page: 1, ..Tiles::over(room, size, 1, room.0) },
        false => Tiles::over(room, size, channels, least.max(size.0.min(((room.0 + 1) / 4).saturating_sub(1)))),
    };
    let on_page = tiles.on_page;
    let pages = channels.div_ceil(on_page).max(1);
    let first = subject.page.min(pages - 1) * on_page;
    let mut image = tiles.canvas(on_page.min(channels - first));
    let area = height * width;
    for (at, &channel) in order.iter().skip(first).take(on_page).enumerate() {
        let gray = &output.grays[channel * area..(channel + 1) * area];
        tiles.place(&mut image, at, |column, row| {
            let (column, row) = (column * size.0 / tiles.tile.0, row * size.1 / tiles.tile.1);
            [gray[row as usize * width + column as usize]; 3]
        });
    }
    let last = (first + on_page).min(channels);
    let which = match subject.enlarged {
        true => format!("map {} of {channels}, {height}×{width}", order.get(first)?),
        false => format!("maps {first} to {} of {channels}, {height}×{width}", last.saturating_sub(1)),
    };
    let by = if subject.by_activation { ", most active first" } else { "" };
    Some((image, format!("{name}: {which}{by}"), pages))
}

/// `[C, H, W]` as colours, from the smallest value of all to the largest; of other than three channels the first in gray.
fn colour_plane(values: &[f32], (channels, height, width): (usize, usize, usize)) -> Option<RgbImage> {
    let area = height * width;
    let parts = if channels == 3 { 3 } else { 1 };
    let gray = grays(values.get(..parts * area)?);
    Some(RgbImage::from_fn(width as u32, height as u32, |x, y| {
        let at = y as usize * width + x as usize;
        Rgb([0, 1, 2].map(|part| gray[if parts == 3 { part * area + at } else { at }]))
    }))
}

fn filters(ran: &Ran, subject: &Subject, room: (u32, u32), least: u32) -> Option<(RgbImage, String, usize)> {
    let filters = ran.filters.as_ref()?;
    let [outputs, inputs, height, width] = filters.sizes;
    let tiles = Tiles::over(room, (width as u32, height as u32), outputs, least);
    let on_page = tiles.on_page;
    let pages = outputs.div_ceil(on_page).max(1);
    let first = subject.page.min(pages - 1) * on_page;
    let mut image = tiles.canvas(on_page.min(outputs - first));
    let one = inputs * height * width;
    for (at, kernel) in filters.values.chunks(one).skip(first).take(on_page).enumerate() {
        let picture = colour_plane(kernel, (inputs, height, width))?;
        tiles.place(&mut image, at, |column, row| {
            picture.get_pixel(column * width as u32 / tiles.tile.0, row * height as u32 / tiles.tile.1).0
        });
    }
    let last = (first + on_page).min(outputs);
    Some((image, format!("{}: filters {first} to {} of {outputs}", filters.layer, last.saturating_sub(1)), pages))
}

/// Of each channel the part of the photo, or of the input, that the unit sees which answers most.
fn patches(ran: &Ran, subject: &Subject, room: (u32, u32), least: u32) -> Option<(RgbImage, String, usize)> {
    let (output, layer) = (ran.outputs.get(subject.layer)?, ran.network.layers.get(subject.layer)?);
    let (channels, height, width) = output.sizes;
    let input = ran.network.architecture.input;
    let sides = (input.channels as usize, input.height as usize, input.width as usize);
    let ground = match &ran.photo {
        Some(photo) => {
            let values: Vec<f32> = (0..3)
                .flat_map(|part| photo.values.iter().skip(part).step_by(3).copied().collect::<Vec<f32>>())
                .collect();
            colour_plane(&values, (3, photo.height, photo.width))?
        }
        None => colour_plane(&ran.input, sides)?,
    };
    let area = height * width;
    let strongest = |channel: usize| {
        let gray = &output.grays[channel * area..(channel + 1) * area];
        let at =
            gray.iter().enumerate().max_by_key(|(at, gray)| (**gray, std::cmp::Reverse(*at))).map_or(0, |(at, _)| at);
        (at / width.max(1), at % width.max(1))
    };
    let seen = |channel: usize| -> Option<[(u64, u64); 2]> {
        let (row, column) = strongest(channel);
        let [rows, columns] = unit::seen(&ran.network, layer, row as u64, column as u64).ok()?;
        Some([rows.clipped()?, columns.clipped()?])
    };
    // All are as large as the largest.
    let all: Vec<Option<[(u64, u64); 2]>> = (0..channels).map(seen).collect();
    let side = |axis: usize| all.iter().flatten().map(|own| own[axis].1 - own[axis].0 + 1).max().unwrap_or(1) as u32;
    let (tall, wide) = (side(0), side(1));
    let tiles = Tiles::over(room, (wide, tall), channels, least.max(((room.0 + 1) / 6).saturating_sub(1)));
    let on_page = tiles.on_page;
    let pages = channels.div_ceil(on_page).max(1);
    let first = subject.page.min(pages - 1) * on_page;
    let mut order: Vec<usize> = (0..channels).collect();
    if subject.by_activation {
        order.sort_by(|one, other| output.means[*other].total_cmp(&output.means[*one]));
    }
    let mut image = tiles.canvas(on_page.min(channels - first));
    for (at, channel) in order.iter().skip(first).take(on_page).enumerate() {
        let Some([rows, columns]) = all[*channel] else { continue };
        tiles.place(&mut image, at, |column, row| {
            let x = columns.0 as u32 + column * wide / tiles.tile.0.max(1);
            let y = rows.0 as u32 + row * tall / tiles.tile.1.max(1);
            match x <= columns.1 as u32 && y <= rows.1 as u32 && x < ground.width() && y < ground.height() {
                true => ground.get_pixel(x, y).0,
                false => GAP,
            }
        });
    }
    let last = (first + on_page).min(channels).saturating_sub(1);
    let name = &layer.name;
    Some((image, format!("{name}: strongest patches {first} to {last} of {channels}, {tall}×{wide}"), pages))
}

/// An input made for a channel.
fn dream(forward: &Forward, ran: &Ran, subject: &Subject, room: (u32, u32)) -> Option<(RgbImage, String, usize)> {
    let channels = ran.outputs.get(subject.layer)?.sizes.0;
    let channel = subject.page.min(channels.saturating_sub(1));
    let wanted = (subject.run, subject.layer, channel);
    let own = forward.dreams.iter().find(|own| (own.run, own.layer, own.channel) == wanted)?;
    let input = ran.network.architecture.input;
    let sides = (input.channels as usize, input.height as usize, input.width as usize);
    let image = colour_plane(&own.dream.values, sides)?;
    let name = &ran.network.layers[subject.layer].name;
    let (before, after) = (own.dream.before, own.dream.after);
    Some((fitted(&image, room), format!("{name}: maximises channel {channel}, {before:.2} → {after:.2}"), channels))
}

fn looks(
    forward: &Forward,
    ran: &Ran,
    method: Method,
    subject: &Subject,
    room: (u32, u32),
) -> Option<(RgbImage, String, usize)> {
    let class = subject.class;
    let own = |look: &&Look| (look.run, look.method, look.class) == (subject.run, method, class);
    let known = forward.looks.iter().find(own)?;
    let label = label(ran, class);
    let over = faded(&heat_on(ran.photo.as_ref(), &known.heat), ran, &known.heat);
    // The photo beside it, where there is room for both.
    let beside = ran.photo.as_ref().filter(|_| room.0 >= room.1).map(|photo| {
        RgbImage::from_fn(photo.width as u32, photo.height as u32, |x, y| {
            let at = 3 * (y as usize * photo.width + x as usize);
            Rgb([0, 1, 2].map(|part| (photo.values[at + part].clamp(0.0, 1.0) * 255.0) as u8))
        })
    });
    let legend = format!("{} for {label}: dark 0, violet, red, yellow most", method.name());
    let image = match beside {
        Some(photo) => {
            let half = (room.0.saturating_sub(1) / 2, room.1);
            let (one, other) = (fitted(&photo, half), fitted(&over, half));
            let height = one.height().max(other.height());
            let mut both = RgbImage::from_pixel(one.width() + 1 + other.width(), height, Rgb(GAP));
            image::imageops::replace(&mut both, &one, 0, 0);
            image::imageops::replace(&mut both, &other, i64::from(one.width()) + 1, 0);
            both
        }
        None => fitted(&over, room),
    };
    Some((image, legend, 1))
}

/// Heat over the photo without its colours, so that what is hot is not taken for them.
fn faded(plain: &RgbImage, ran: &Ran, heat: &Heat) -> RgbImage {
    let Some(photo) = &ran.photo else { return plain.clone() };
    let largest = heat.largest().max(f64::MIN_POSITIVE);
    RgbImage::from_fn(heat.width as u32, heat.height as u32, |x, y| {
        let at = y as usize * heat.width + x as usize;
        let share = (heat.values[at] / largest).sqrt();
        let pixel = photo.values.get(3 * at..3 * at + 3).unwrap_or(&[0.0; 3]);
        let grey = 0.7 * 255.0 * (0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2]).clamp(0.0, 1.0);
        Rgb(heat_colour(share).map(|part| (f64::from(grey) * (1.0 - share) + f64::from(part) * share) as u8))
    })
}

pub(super) fn label(ran: &Ran, class: usize) -> String {
    let label = ran.labels.as_ref().and_then(|labels| labels.get(class));
    label.map_or_else(|| format!("class {class}"), Clone::clone)
}

/// As large as the room allows, with its proportions.
fn fitted(image: &RgbImage, room: (u32, u32)) -> RgbImage {
    let scale = (f64::from(room.0) / f64::from(image.width())).min(f64::from(room.1) / f64::from(image.height()));
    let size = |length: u32| ((f64::from(length) * scale) as u32).max(1);
    let filter = if scale > 1.0 { image::imageops::FilterType::Nearest } else { image::imageops::FilterType::Triangle };
    image::imageops::resize(image, size(image.width()), size(image.height()), filter)
}

/// A picture in five shades, where there are no colours.
pub(super) fn shades(image: &RgbImage, area: Rect, frame_: &mut Frame) {
    for y in 0..area.height {
        for x in 0..area.width {
            let at = (u32::from(x) * CELL.0, u32::from(y) * CELL.1);
            if at.0 >= image.width() || at.1 >= image.height() {
                continue;
            }
            let both = [at.1, (at.1 + 1).min(image.height() - 1)].map(|y| image.get_pixel(at.0, y).0);
            let light: f32 = both.iter().flatten().map(|value| f32::from(*value)).sum::<f32>() / (6.0 * 255.0);
            let shade = [" ", "░", "▒", "▓", "█"][((light * 5.0) as usize).min(4)];
            if let Some(cell) = frame_.buffer_mut().cell_mut((area.x + x, area.y + y)) {
                cell.set_symbol(shade);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_are_as_large_as_all_have_room_for() {
        // Four of 10×10 in 41×41: two by two at twice their size, a pixel between them.
        let tiles = Tiles::over((41, 41), (10, 10), 4, 8);
        assert_eq!(tiles, Tiles { tile: (20, 20), across: 2, on_page: 4 });
        assert_eq!(tiles.canvas(4).dimensions(), (41, 41));
        assert_eq!(tiles.canvas(3).dimensions(), (41, 41));
        assert_eq!(tiles.canvas(1).dimensions(), (20, 20));
        // A hundred have no room at 8 pixels: the rest is for other pages.
        let many = Tiles::over((41, 41), (10, 10), 100, 8);
        assert_eq!(many, Tiles { tile: (9, 9), across: 4, on_page: 16 });
    }

    #[test]
    fn tiles_have_their_shape_whatever_the_room() {
        assert_eq!(Tiles::over((100, 30), (10, 20), 1, 8).tile, (10, 20));
        assert_eq!(Tiles::over((100, 10), (40, 40), 1, 8).tile, (10, 10));
        for room in [(1, 1), (1, 50), (50, 1), (3, 2)] {
            for size in [(1, 1), (224, 1), (1, 224), (7, 5)] {
                let tiles = Tiles::over(room, size, 512, 8);
                assert!(tiles.on_page >= 1 && tiles.tile.0 >= 1 && tiles.tile.1 >= 1, "{room:?} {size:?} {tiles:?}");
                let canvas = tiles.canvas(tiles.on_page);
                assert!(
                    canvas.width() <= room.0.max(1) && canvas.height() <= room.1.max(1),
                    "{room:?} {size:?} {tiles:?}"
                );
            }
        }
    }
}
