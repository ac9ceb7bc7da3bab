//! Tiles: gathered from maps and transformed, and their outputs put back.

use rayon::prelude::*;

use super::TASKS;
use super::places::Matrices;
use super::transforms::{ABREAST, EMPTY, Transform, Values};

/// Where a tile begins: its image, and the row and column of its first output.
#[derive(Clone, Copy)]
pub struct Tile {
    pub image: usize,
    pub row: usize,
    pub column: usize,
}

/// Where a tile's outputs go.
pub struct Put<'a> {
    /// The output from the tile's first value on.
    pub plane: &'a mut [f32],
    pub width: usize,
    /// Rows and columns that are left of the output.
    pub rows: usize,
    pub columns: usize,
    pub bias: f32,
    pub add: bool,
}

impl Put<'_> {
    #[inline(always)]
    pub fn tile<const OUT: usize>(self, outputs: &Values, lane: usize) {
        for y in 0..self.rows.min(OUT) {
            let row = &mut self.plane[y * self.width..][..self.columns.min(OUT)];
            let values: [f32; OUT] = std::array::from_fn(|x| outputs[y * OUT + x][lane] + self.bias);
            match (row.first_chunk_mut(), self.add) {
                (Some(row), false) => *row = values,
                (_, false) => row.iter_mut().zip(values).for_each(|(target, value)| *target = value),
                (_, true) => row.iter_mut().zip(values).for_each(|(target, value)| *target += value),
            }
        }
    }
}

/// Gathers tiles of each channel, transforms them, and writes them place by place, channels × tiles.
pub fn transform_tiles(
    matrices: Matrices,
    tiles: &[Tile],
    transformed: &mut [f32],
    gather: impl Fn(usize, &Tile, usize, &mut Values) + Sync,
    transform: Transform,
) {
    let width = matrices.columns;
    let tasks = matrices.split_rows(transformed, matrices.rows.div_ceil(TASKS));
    tasks.into_par_iter().for_each(|(first, mut task)| {
        let (mut gathered, mut places) = (EMPTY, EMPTY);
        for (at, channel) in (first..).take(task.columns() / width).enumerate() {
            for (group, tiles) in tiles.chunks(ABREAST).enumerate() {
                for (lane, tile) in tiles.iter().enumerate() {
                    gather(channel, tile, lane, &mut gathered);
                }
                transform(&gathered, &mut places, tiles.len());
                for (place, values) in places.iter().enumerate() {
                    let start = at * width + group * ABREAST;
                    task.row(place)[start..start + tiles.len()].copy_from_slice(&values[..tiles.len()]);
                }
            }
        }
    });
}
