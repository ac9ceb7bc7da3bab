//! Values of the network in blocks of sixteen channels.

use std::sync::Arc;

use rayon::prelude::*;

use crate::network::kernels::lanes::{LANES, Lanes};
use crate::network::kernels::scratch::Scratch;

/// Images of maps. Block b of image n is a plane of height·width lanes; lanes behind the last channel hold anything.
///
/// Planes are shared, so several maps put one behind the other, or a part of one, are no copy.
#[derive(Clone)]
pub struct Map {
    pub images: usize,
    pub channels: usize,
    pub height: usize,
    pub width: usize,
    blocks: Vec<Block>,
}

/// Where the planes of a block are: that of image n is plane `first + n·step` of the buffer.
#[derive(Clone)]
struct Block {
    buffer: Arc<Scratch>,
    first: usize,
    step: usize,
}

impl Map {
    /// Of planes image by image, block by block.
    pub fn of(buffer: Scratch, images: usize, channels: usize, (height, width): (usize, usize)) -> Map {
        let (buffer, step) = (Arc::new(buffer), channels.div_ceil(LANES));
        let blocks = (0..step).map(|first| Block { buffer: buffer.clone(), first, step }).collect();
        Map { images, channels, height, width, blocks }
    }

    pub fn area(&self) -> usize {
        self.height * self.width
    }

    pub fn blocks(&self) -> usize {
        self.blocks.len()
    }

    /// How many channels a block has.
    pub fn channels_of(&self, block: usize) -> usize {
        (self.channels - block * LANES).min(LANES)
    }

    pub fn plane(&self, image: usize, block: usize) -> &[Lanes] {
        let Block { buffer, first, step } = &self.blocks[block];
        &buffer.lanes()[(first + image * step) * self.area()..][..self.area()]
    }

    /// The planes of an image, block by block.
    pub fn planes(&self, image: usize) -> Vec<&[Lanes]> {
        (0..self.blocks()).map(|block| self.plane(image, block)).collect()
    }

    /// Maps of one size, their channels one behind the other; `None` where a block would begin inside another.
    pub fn joined(maps: &[Map]) -> Option<Map> {
        let (first, last) = (maps.first()?, maps.len() - 1);
        if maps[..last].iter().any(|map| !map.channels.is_multiple_of(LANES)) {
            return None;
        }
        let blocks = maps.iter().flat_map(|map| map.blocks.iter().cloned()).collect();
        Some(Map { channels: maps.iter().map(|map| map.channels).sum(), blocks, ..*first })
    }

    /// `channels` channels from `first` on; `None` where they begin inside a block.
    pub fn part(&self, first: usize, channels: usize) -> Option<Map> {
        if !first.is_multiple_of(LANES) {
            return None;
        }
        let blocks = self.blocks.get(first / LANES..(first + channels).div_ceil(LANES))?.to_vec();
        Some(Map { channels, blocks, ..*self })
    }

    /// From values in the order [N, C, H, W].
    pub fn from_values(values: &[f32], (images, channels, height, width): (usize, usize, usize, usize)) -> Map {
        let (area, blocks) = (height * width, channels.div_ceil(LANES));
        let mut buffer = Scratch::of_lanes(images * blocks * area);
        let planes = buffer.lanes_mut()[..images * blocks * area].par_chunks_exact_mut(area.max(1)).enumerate();
        planes.for_each(|(at, plane)| {
            let (image, first) = (at / blocks, at % blocks * LANES);
            for lane in 0..LANES {
                if first + lane < channels {
                    let source = &values[(image * channels + first + lane) * area..][..area];
                    plane.iter_mut().zip(source).for_each(|(lanes, value)| lanes.0[lane] = *value);
                } else {
                    plane.iter_mut().for_each(|lanes| lanes.0[lane] = 0.0);
                }
            }
        });
        Map::of(buffer, images, channels, (height, width))
    }

    /// In the order [N, C, H, W].
    pub fn to_values(&self) -> Vec<f32> {
        let area = self.area();
        let mut values = vec![0.0; self.images * self.channels * area];
        values.par_chunks_exact_mut(area.max(1)).enumerate().for_each(|(at, values)| {
            let (image, channel) = (at / self.channels, at % self.channels);
            let plane = self.plane(image, channel / LANES);
            values.iter_mut().zip(plane).for_each(|(value, lanes)| *value = lanes.0[channel % LANES]);
        });
        values
    }
}

/// A fresh map's planes cut into pieces of at most `length` lanes: by image, then by piece of a plane, then by block.
pub fn pieces(lanes: &mut [Lanes], images: usize, area: usize, length: usize) -> Vec<Vec<Vec<&mut [Lanes]>>> {
    let blocks = lanes.len() / (images * area).max(1);
    let count = area.div_ceil(length);
    let mut all: Vec<Vec<Vec<&mut [Lanes]>>> = Vec::with_capacity(images);
    for planes in lanes.chunks_exact_mut((blocks * area).max(1)) {
        let mut own: Vec<Vec<&mut [Lanes]>> = (0..count).map(|_| Vec::with_capacity(blocks)).collect();
        for plane in planes.chunks_exact_mut(area) {
            plane.chunks_mut(length).zip(&mut own).for_each(|(piece, own)| own.push(piece));
        }
        all.push(own);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_as_they_were_whole_joined_and_in_part() {
        let dims = (2, 37, 3, 5);
        let values: Vec<f32> = (0..2 * 37 * 15).map(|value| value as f32).collect();
        let map = Map::from_values(&values, dims);
        assert_eq!(map.to_values(), values);
        let part = map.part(16, 20).expect("at a block");
        assert_eq!(part.to_values()[..15], values[16 * 15..17 * 15]);
        assert_eq!(part.to_values()[20 * 15..][..15], values[(37 + 16) * 15..][..15]);
        assert!(map.part(8, 3).is_none());
        let joined = Map::joined(&[map.part(16, 16).expect("at a block"), map.clone()]).expect("whole blocks");
        assert_eq!((joined.channels, joined.blocks()), (53, 4));
        assert_eq!(joined.to_values()[16 * 15..53 * 15], values[..37 * 15]);
        assert!(Map::joined(&[map.clone(), map]).is_none());
    }

    #[test]
    fn pieces_are_every_lane_once() {
        let mut lanes = vec![Lanes::ZERO; 2 * 3 * 10];
        for (image, own) in pieces(&mut lanes, 2, 10, 4).into_iter().enumerate() {
            assert_eq!(own.len(), 3);
            for (piece, blocks) in own.into_iter().enumerate() {
                assert_eq!(blocks.len(), 3);
                for (block, lanes) in blocks.into_iter().enumerate() {
                    for (at, lanes) in lanes.iter_mut().enumerate() {
                        lanes.0[0] += ((image * 3 + block) * 10 + piece * 4 + at + 1) as f32;
                    }
                }
            }
        }
        lanes.iter().enumerate().for_each(|(at, lanes)| assert_eq!(lanes.0[0], (at + 1) as f32));
    }
}
