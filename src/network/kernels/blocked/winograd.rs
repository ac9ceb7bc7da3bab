//! Winograd's tiles on blocks of channels: a tile's place of sixteen channels is a register, so nothing is gathered.
//!
//! See [`crate::network::kernels::winograd`] for the filterings. V(f) stands block by block, place by place, tile by tile; the
//! products U(f)·V(f) are those of a 1×1 convolution over the tiles, and are turned into outputs while they are in the cache.

use rayon::prelude::*;

use pulp::{Arch, Simd, WithSimd};

use super::map::Map;
use super::strip::{Places, Strips, group};
use super::{Bound, Finish, bounded};
use crate::network::kernels::lanes::{LANES, Lanes, flat_mut};
use crate::network::kernels::scratch::Scratch;
use crate::network::kernels::winograd::Winograd;
use crate::network::kernels::winograd::transforms::{Axis, IN, Input, Output, PLACES};

/// Bytes of transformed inputs to hold at once: they are read once for each group of output channels.
const HELD_BYTES: usize = 4 << 20;
/// Tiles of a task at most, where a row has no more: their products stay in the second-level cache.
const TASK: usize = 56;

/// A convolution with its weights transformed and packed: by group of output blocks, place by place.
pub struct Tiled {
    sizes: Winograd,
    weights: Vec<Lanes>,
    bias: Option<Vec<Lanes>>,
}

impl Tiled {
    /// Packs `[outputs, inputs, kernel, kernel]`.
    pub fn new(sizes: Winograd, weight: &[f32], bias: Option<&[f32]>) -> Tiled {
        let transformed = sizes.transform(weight);
        let blocks = sizes.outputs.div_ceil(LANES);
        let mut weights = vec![Lanes::ZERO; PLACES * sizes.inputs * blocks];
        let own = PLACES * sizes.inputs * group();
        weights.par_chunks_mut(own).enumerate().for_each(|(at, packed)| {
            let first = at * group();
            let wide = group().min(blocks - first);
            for place in 0..PLACES {
                for (block, lane) in (0..wide).flat_map(|block| (0..LANES).map(move |lane| (block, lane))) {
                    let output = (first + block) * LANES + lane;
                    if output < sizes.outputs {
                        let row = transformed.row(place, output, sizes);
                        for (input, value) in row.iter().enumerate() {
                            packed[(place * sizes.inputs + input) * wide + block].0[lane] = *value;
                        }
                    }
                }
            }
        });
        Tiled { sizes, weights, bias: bias.map(Lanes::of) }
    }

    /// Y = W∗X + b (+ `add`, a map of the output's size), bounded, finished. `input` may have any number of images.
    pub fn run(&self, input: &Map, add: Option<&Map>, bound: Bound, finish: Finish) -> Map {
        let sizes = Winograd { images: input.images, ..self.sizes };
        let (side, height, width) = (sizes.side(), sizes.out_height(), sizes.out_width());
        let (down, across) = (height.div_ceil(side), width.div_ceil(side));
        let (in_blocks, blocks) = (input.blocks(), sizes.outputs.div_ceil(LANES));
        let mut buffer = Scratch::of_lanes(sizes.images * blocks * height * width);
        let lanes = &mut buffer.lanes_mut()[..sizes.images * blocks * height * width];
        // Rows of tiles, of all images one after the other, as many at a time as may be held.
        let rows = sizes.images * down;
        let held = (HELD_BYTES / (4 * PLACES * LANES * in_blocks * across)).clamp(1, rows);
        let held = rows.div_ceil(rows.div_ceil(held));
        let mut transformed = Scratch::of_lanes(held * across * PLACES * in_blocks);
        // Each row of tiles of each output block, by row of tiles.
        let mut outs: Vec<Vec<&mut [Lanes]>> = (0..rows).map(|_| Vec::with_capacity(blocks)).collect();
        for (plane, lanes) in lanes.chunks_exact_mut(height * width).enumerate() {
            for (row, lanes) in lanes.chunks_mut(side * width).enumerate() {
                outs[plane / blocks * down + row].push(lanes);
            }
        }
        let mut outs = outs.into_iter();
        for first in (0..rows).step_by(held) {
            let count = held.min(rows - first);
            let tiles = count * across;
            let parts = transformed.lanes_mut()[..tiles * PLACES * in_blocks].par_chunks_exact_mut(tiles * PLACES);
            parts.enumerate().for_each(|(block, out)| {
                Arch::new().dispatch(Inputs { sizes, input, block, first, across, down, tiles, out });
            });
            let places: &[Lanes] = &transformed.lanes()[..tiles * PLACES * in_blocks];
            // Tasks of a few rows of tiles and one group of output blocks.
            let each = (TASK / across).clamp(1, count);
            let mut tasks = Vec::new();
            for start in (0..count).step_by(each) {
                let rows = each.min(count - start);
                let mut by_group: Vec<Vec<Vec<&mut [Lanes]>>> =
                    (0..blocks.div_ceil(group())).map(|_| Vec::new()).collect();
                for row in outs.by_ref().take(rows) {
                    let mut row = row.into_iter();
                    for own in &mut by_group {
                        own.push(row.by_ref().take(group()).collect());
                    }
                }
                let numbered = by_group.into_iter().enumerate();
                tasks.extend(numbered.map(|(group, outs)| (group, first + start, start * across, outs)));
            }
            tasks.into_par_iter().for_each(|(at, row, tile, outs)| {
                let first_block = at * group();
                let wide = group().min(blocks - first_block);
                let count = outs.len() * across;
                let mut products = Scratch::of_lanes(PLACES * wide * count);
                let own = sizes.inputs * wide;
                let weights = &self.weights[PLACES * sizes.inputs * first_block..][..PLACES * own];
                let last = sizes.inputs - (in_blocks - 1) * LANES;
                let mut planes: Vec<&[Lanes]> = Vec::with_capacity(in_blocks);
                let products_lanes = &mut products.lanes_mut()[..PLACES * wide * count];
                for (place, out) in products_lanes.chunks_exact_mut(wide * count).enumerate() {
                    planes.clear();
                    planes.extend((0..in_blocks).map(|block| &places[(block * PLACES + place) * tiles..][..tiles]));
                    let mut out: Vec<&mut [Lanes]> = out.chunks_exact_mut(count).collect();
                    let strips = Strips {
                        inputs: &planes,
                        last,
                        places: Places::Straight(tile),
                        taps: 1,
                        weights: &weights[place * own..][..own],
                        bias: None,
                        add: None,
                        bound: Bound::Open,
                        out: &mut out,
                    };
                    strips.run();
                }
                for (line, mut outs) in outs.into_iter().enumerate() {
                    for (block, out) in outs.iter_mut().enumerate() {
                        let index = row + line;
                        let add = add.map(|add| {
                            let plane = add.plane(index / down, first_block + block);
                            &plane[index % down * side * width..][..out.len()]
                        });
                        let bias = self.bias.as_ref().map(|bias| &bias[first_block + block]);
                        let from = &products.lanes()[block * count + line * across..];
                        let step = wide * count;
                        let job = Outputs { from, step, across, width, bias, add, bound, out };
                        match side {
                            4 => Arch::new().dispatch(Sided::<4>(job)),
                            _ => Arch::new().dispatch(Sided::<2>(job)),
                        }
                        if let Some(finish) = finish {
                            finish(flat_mut(out));
                        }
                    }
                }
            });
        }
        Map::of(buffer, sizes.images, sizes.outputs, (height, width))
    }
}

/// V(f) = Bᵀ·d·B of the tiles of some rows, of one block of channels.
struct Inputs<'a> {
    sizes: Winograd,
    input: &'a Map,
    block: usize,
    /// The first row of tiles, of all images one after the other.
    first: usize,
    across: usize,
    down: usize,
    tiles: usize,
    out: &'a mut [Lanes],
}

// Plain loops: closures would be compiled apart, for the plain registers.
#[allow(clippy::needless_range_loop)]
impl WithSimd for Inputs<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Inputs { sizes, input, block, first, across, down, tiles, out } = self;
        let side = sizes.side();
        let nothing = simd.splat_f32s(0.0);
        for tile in 0..tiles {
            let (row, column) = (first + tile / across, tile % across);
            let plane = input.plane(row / down, block);
            let top = (row % down * side).wrapping_sub(sizes.padding.0);
            let left = (column * side).wrapping_sub(sizes.padding.1);
            for register in 0..LANES / S::F32_LANES {
                let mut half = [[nothing; IN]; IN];
                for x in 0..IN {
                    let mut values = [nothing; IN];
                    let from_x = left.wrapping_add(x);
                    if from_x < sizes.width {
                        for y in 0..IN {
                            let from_y = top.wrapping_add(y);
                            if from_y < sizes.height {
                                values[y] = S::as_simd_f32s(&plane[from_y * sizes.width + from_x].0).0[register];
                            }
                        }
                    }
                    let values = Input::apply(simd, values);
                    for y in 0..IN {
                        half[y][x] = values[y];
                    }
                }
                for y in 0..IN {
                    let values = Input::apply(simd, half[y]);
                    for x in 0..IN {
                        let place = &mut out[(y * IN + x) * tiles + tile];
                        S::as_mut_simd_f32s(&mut place.0).0[register] = values[x];
                    }
                }
            }
        }
    }
}

/// A row of tiles of one output block.
struct Outputs<'a> {
    /// The products of the first place, tile by tile; those of the next are `step` further.
    from: &'a [Lanes],
    step: usize,
    across: usize,
    width: usize,
    bias: Option<&'a Lanes>,
    add: Option<&'a [Lanes]>,
    bound: Bound,
    /// As many rows of the map as a tile has outputs, or what is left of them.
    out: &'a mut [Lanes],
}

/// [`Outputs`] with tiles of a known size.
struct Sided<'a, const SIDE: usize>(Outputs<'a>);

#[allow(clippy::needless_range_loop)]
impl<const SIDE: usize> WithSimd for Sided<'_, SIDE>
where
    Output: Axis<IN, SIDE>,
{
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Outputs { from, step, across, width, bias, add, bound, out } = self.0;
        let nothing = simd.splat_f32s(0.0);
        let rows = out.len() / width;
        for tile in 0..across {
            for register in 0..LANES / S::F32_LANES {
                let bias = bias.map_or(nothing, |bias| S::as_simd_f32s(&bias.0).0[register]);
                let mut half = [[nothing; IN]; SIDE];
                for x in 0..IN {
                    let mut values = [nothing; IN];
                    for y in 0..IN {
                        values[y] = S::as_simd_f32s(&from[(y * IN + x) * step + tile].0).0[register];
                    }
                    let values = <Output as Axis<IN, SIDE>>::apply(simd, values);
                    for y in 0..SIDE {
                        half[y][x] = values[y];
                    }
                }
                for y in 0..rows.min(SIDE) {
                    let values = <Output as Axis<IN, SIDE>>::apply(simd, half[y]);
                    for x in 0..SIDE.min(width - tile * SIDE) {
                        let at = y * width + tile * SIDE + x;
                        let mut sum = simd.add_f32s(values[x], bias);
                        if let Some(add) = add {
                            sum = simd.add_f32s(sum, S::as_simd_f32s(&add[at].0).0[register]);
                        }
                        let sum = bounded(simd, sum, bound);
                        S::as_mut_simd_f32s(&mut out[at].0).0[register] = sum;
                    }
                }
            }
        }
    }
}
