//! Convolution with stride 1 by Winograd's minimal filtering (Lavin & Gray 2016): F(4×4, 3×3), and F(2×2, 5×5).
//!
//! The output is cut into tiles of 4×4 (2×2), each made from 6×6 inputs d and a kernel g as
//! Y = Aᵀ[(G·g·Gᵀ) ⊙ (Bᵀ·d·B)]A: 36 products instead of 144 (100). Over channels the products are 36 matrix
//! products, U(f) · V(f), one for each of the 36 places f of a tile. The input's gradient is the same convolution with the
//! kernel turned and its channels exchanged; the weights' gradient is Gᵀ[Σ tiles (A·dY·Aᵀ) ⊙ (Bᵀ·d·B)]G.
//!
//! Tiles (or kernels) are gathered, transformed side by side, and put away. In f32 the result differs from the direct
//! sum by about 1e-5 of the values' size.

mod kernels;
mod places;
mod tiles;
pub mod transforms;

use rayon::prelude::*;

use super::block::Block;
use super::matmul::matmul;
use super::scratch::Scratch;
use kernels::{Kernels, Plain};
use places::Matrices;
use tiles::{Put, Tile, transform_tiles};
use transforms::{ABREAST, EMPTY, F2X2_5X5, F4X4_3X3, Filtering, IN, INPUT, PLACES, Values};

/// Widths of the matrices of tiles are multiples of this, the values of a 512-bit register.
const TILES: usize = 16;

/// Multiplications in the time of transforming one tile of one channel, and one kernel.
const TILE_COST: usize = 1150;
const KERNEL_COST: usize = 800;

/// Bytes of transformed kernels that a task makes to use them at once, well within a second-level cache.
const U_BYTES: usize = 900 << 10;

/// As [`U_BYTES`], of sums for the kernels' gradient; more, as each task brings all inputs into gemm's order.
const SUM_BYTES: usize = 4 << 20;

/// Tiles up to which it is quicker to sum the weights' gradient for a few outputs at a time.
const FEW_TILES: usize = 64;

/// Tiles from which on weights that do not change are kept transformed: with fewer, reading four times as many from memory takes
/// about as long as transforming them on the way, and keeping them takes four times the room.
const KEPT_TILES: usize = 257;

/// Bytes of transformed inputs and products to hold at once, well within a third-level cache.
const HELD_BYTES: usize = 4 << 20;

/// The sizes of a convolution with stride 1 over a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Winograd {
    pub images: usize,
    pub inputs: usize,
    pub outputs: usize,
    /// 3 or 5, for kernels of 3×3 and 5×5.
    pub kernel: usize,
    pub height: usize,
    pub width: usize,
    /// Rows and columns of zeros on each side.
    pub padding: (usize, usize),
}

/// Weights as the 36 matrices U(f), each rows × columns.
pub struct Transformed(Vec<f32>);

impl Transformed {
    /// What an output has for each input at a place.
    pub fn row(&self, place: usize, output: usize, sizes: Winograd) -> &[f32] {
        &self.0[sizes.kernels().start(place, output)..][..sizes.inputs]
    }
}

impl Winograd {
    pub fn out_height(&self) -> usize {
        self.height + 2 * self.padding.0 + 1 - self.kernel
    }

    pub fn out_width(&self) -> usize {
        self.width + 2 * self.padding.1 + 1 - self.kernel
    }

    fn filtering(&self) -> &'static Filtering {
        if self.kernel == F4X4_3X3.kernel { &F4X4_3X3 } else { &F2X2_5X5 }
    }

    /// Outputs of a tile along one axis.
    pub fn side(&self) -> usize {
        self.filtering().out
    }

    /// Taps of a kernel.
    fn taps(&self) -> usize {
        self.kernel * self.kernel
    }

    pub fn tiles(&self) -> usize {
        let out = self.filtering().out;
        self.images * self.out_height().div_ceil(out) * self.out_width().div_ceil(out)
    }

    /// Whether weights that do not change are better kept transformed.
    pub fn keeps_transformed(&self) -> bool {
        self.tiles() >= KEPT_TILES
    }

    /// Places of a tile's transform.
    pub fn places(&self) -> usize {
        PLACES
    }

    /// Multiplications and what takes as long: the products, tiles being made sixteen at a time; the transforms of tiles
    /// and of kernels, by how long these were measured to take beside the products.
    pub fn cost(&self) -> usize {
        let products = PLACES * self.tiles().next_multiple_of(TILES) * self.inputs * self.outputs;
        products + TILE_COST * self.tiles() * (self.inputs + self.outputs) + KERNEL_COST * self.inputs * self.outputs
    }

    /// The convolution that gives the input's gradient: from output channels back to input channels.
    fn turned(&self) -> Winograd {
        Winograd {
            images: self.images,
            inputs: self.outputs,
            outputs: self.inputs,
            kernel: self.kernel,
            height: self.out_height(),
            width: self.out_width(),
            // A padding wider than the kernel reaches adds outputs that no input reaches; they are cropped by a negative
            // padding, which `applies` rules out.
            padding: (self.kernel - 1 - self.padding.0, self.kernel - 1 - self.padding.1),
        }
    }

    /// Whether both directions can be done this way.
    pub fn applies(&self) -> bool {
        let known = [F4X4_3X3.kernel, F2X2_5X5.kernel].contains(&self.kernel);
        known && self.padding.0 < self.kernel && self.padding.1 < self.kernel
    }

    fn tile(&self, index: usize) -> Tile {
        let out = self.filtering().out;
        let (down, across) = (self.out_height().div_ceil(out), self.out_width().div_ceil(out));
        let (image, rest) = (index / (down * across), index % (down * across));
        Tile { image, row: rest / across * out, column: rest % across * out }
    }

    /// First tile and number of tiles of each part of the work; `channels` are held at once for each tile.
    fn parts(&self, channels: usize, held: usize) -> Vec<(usize, usize)> {
        let tiles = self.tiles();
        // A multiple of 48, the rows of gemm's register block with AVX-512.
        let most = (held / (4 * PLACES * channels)).max(48) / 48 * 48;
        let parts = ((tiles + most / 2) / most).max(1);
        let size = tiles.div_ceil(parts).next_multiple_of(TILES);
        (0..tiles).step_by(size).map(|first| (first, size.min(tiles - first))).collect()
    }

    /// The matrices of the kernels.
    fn kernels(&self) -> Matrices {
        Matrices { rows: self.outputs, columns: self.inputs }
    }

    /// The matrices of `tiles` tiles of the input.
    fn inputs_of(&self, tiles: usize) -> Matrices {
        Matrices { rows: self.inputs, columns: tiles }
    }

    /// The matrices of `tiles` tiles of the output.
    fn outputs_of(&self, tiles: usize) -> Matrices {
        Matrices { rows: self.outputs, columns: tiles }
    }

    /// The kernels as this convolution has them, or those of [`Winograd::turned`].
    fn plain<'w>(&self, weight: &'w [f32], turned: bool) -> Plain<'w> {
        let matrices = if turned { self.turned().kernels() } else { self.kernels() };
        Plain { weight, filtering: self.filtering(), matrices, turned }
    }

    /// U(f) = G·g·Gᵀ, place by place, outputs × inputs.
    pub fn transform(&self, weight: &[f32]) -> Transformed {
        let mut transformed = vec![0.0; self.kernels().len()];
        self.plain(weight, false).transform(&mut transformed);
        Transformed(transformed)
    }

    /// Y. `out` is `[images, outputs, out height, out width]`.
    pub fn forward(&self, input: &[f32], weight: &Transformed, bias: Option<&[f32]>, out: &mut [f32]) {
        self.convolve(input, Kernels::Transformed(&weight.0), bias, out, false);
    }

    /// As [`Winograd::transform`] and [`Winograd::forward`], for weights that change before the next call.
    pub fn forward_once(&self, input: &[f32], weight: &[f32], bias: Option<&[f32]>, out: &mut [f32]) {
        self.convolve(input, Kernels::Plain(self.plain(weight, false)), bias, out, false);
    }

    /// Adds dX to `to_input`.
    pub fn backward_input(&self, upstream: &[f32], weight: &[f32], to_input: &mut [f32]) {
        self.turned().convolve(upstream, Kernels::Plain(self.plain(weight, true)), None, to_input, true);
    }

    fn convolve(&self, input: &[f32], kernels: Kernels, bias: Option<&[f32]>, out: &mut [f32], add: bool) {
        let parts = self.parts(self.inputs + self.outputs, HELD_BYTES);
        if let (Kernels::Plain(plain), 2..) = (kernels, parts.len()) {
            // Used for every part, so made for all.
            let mut transformed = Scratch::new(plain.matrices.len());
            plain.transform(&mut transformed);
            return self.convolve(input, Kernels::Transformed(&transformed), bias, out, add);
        }
        let most_tiles = parts.first().map_or(0, |(_, count)| count.next_multiple_of(TILES));
        let mut inputs = Scratch::new(self.inputs_of(most_tiles).len());
        let mut products = Scratch::new(self.outputs_of(most_tiles).len());
        for (first, count) in parts {
            let width = count.next_multiple_of(TILES);
            let tiles: Vec<Tile> = (first..first + count).map(|index| self.tile(index)).collect();
            self.transform_inputs(input, &tiles, width, &mut inputs);
            let right = self.inputs_of(width);
            match kernels {
                Kernels::Transformed(kernels) => {
                    let left = self.kernels();
                    self.outputs_of(width).split(&mut products).for_each(|(place, mut product)| {
                        matmul(&mut product, self.inputs, left.at(place, kernels), right.at(place, &inputs), false);
                    });
                }
                Kernels::Plain(plain) => self.multiply_at_once(plain, right, &inputs, &mut products),
            }
            self.untransform(&products, &tiles, width, bias, out, add);
        }
    }

    /// U(f) · V(f) with U(f) made for a few outputs at a time, so that it is read while still in the cache: where tiles
    /// are few, writing all of U(f) to memory and reading it again takes longer than the products.
    fn multiply_at_once(&self, plain: Plain, right: Matrices, inputs: &[f32], products: &mut [f32]) {
        let rows = (U_BYTES / (4 * PLACES * self.inputs)).max(6) / 6 * 6;
        let tasks = self.outputs_of(right.columns).split_rows(products, rows);
        tasks.into_par_iter().for_each(|(first, mut task)| {
            let left = Matrices { rows: rows.min(self.outputs - first), columns: self.inputs };
            let mut kernels = Scratch::new(left.len());
            let mut all = left.split_rows(&mut kernels, left.rows);
            all.iter_mut().for_each(|(_, block)| plain.transform_rows(first, block));
            for place in 0..PLACES {
                let mut product = Block::of(task.row(place), right.columns);
                matmul(&mut product, self.inputs, left.at(place, &kernels), right.at(place, inputs), false);
            }
        });
    }

    /// V(f) = Bᵀ·d·B, place by place, channels × tiles.
    fn transform_inputs(&self, input: &[f32], tiles: &[Tile], width: usize, transformed: &mut [f32]) {
        let area = self.height * self.width;
        let gather = |channel: usize, tile: &Tile, lane: usize, values: &mut Values| {
            self.gather(&input[(tile.image * self.inputs + channel) * area..][..area], tile, lane, values);
        };
        transform_tiles(self.inputs_of(width), tiles, transformed, gather, INPUT);
    }

    /// The 6×6 inputs of one tile, zeros outside.
    #[inline(always)]
    fn gather(&self, plane: &[f32], tile: &Tile, lane: usize, values: &mut Values) {
        let (top, left) = (tile.row.wrapping_sub(self.padding.0), tile.column.wrapping_sub(self.padding.1));
        let inside = top < self.height && left < self.width && top + IN <= self.height && left + IN <= self.width;
        if inside {
            for y in 0..IN {
                let row = &plane[(top + y) * self.width + left..][..IN];
                for x in 0..IN {
                    values[y * IN + x][lane] = row[x];
                }
            }
            return;
        }
        for y in 0..IN {
            for x in 0..IN {
                let (row, column) = (top.wrapping_add(y), left.wrapping_add(x));
                let covered = row < self.height && column < self.width;
                values[y * IN + x][lane] = if covered { plane[row * self.width + column] } else { 0.0 };
            }
        }
    }

    /// Aᵀ·m·A of every product, put where the tile belongs.
    fn untransform(
        &self,
        products: &[f32],
        tiles: &[Tile],
        width: usize,
        bias: Option<&[f32]>,
        out: &mut [f32],
        add: bool,
    ) {
        let (side, out_height, out_width) = (self.filtering().out, self.out_height(), self.out_width());
        let area = out_height * out_width;
        let block = self.outputs.div_ceil(TASKS);
        let tasks = Block::of(out, self.outputs * area).split(self.images, block * area);
        tasks.into_par_iter().for_each(|(_, left, mut task)| {
            let (mut gathered, mut outputs) = (EMPTY, EMPTY);
            for (at, channel) in (left / area..).take(task.columns() / area).enumerate() {
                let bias = bias.map_or(0.0, |bias| bias[channel]);
                for (group, tiles) in tiles.chunks(ABREAST).enumerate() {
                    for (place, values) in gathered.iter_mut().enumerate() {
                        let start = self.outputs_of(width).start(place, channel) + group * ABREAST;
                        values[..tiles.len()].copy_from_slice(&products[start..start + tiles.len()]);
                    }
                    (self.filtering().output)(&gathered, &mut outputs, tiles.len());
                    for (lane, tile) in tiles.iter().enumerate() {
                        let plane = &mut task.row(tile.image)[at * area..][..area];
                        let from = tile.row * out_width + tile.column;
                        let (rows, columns) = (out_height - tile.row, out_width - tile.column);
                        let put = Put { plane: &mut plane[from..], width: out_width, rows, columns, bias, add };
                        match side {
                            4 => put.tile::<4>(&outputs, lane),
                            _ => put.tile::<2>(&outputs, lane),
                        }
                    }
                }
            }
        });
    }

    /// Adds dW to `to_weight`, `[outputs, inputs, kernel, kernel]`.
    pub fn backward_weight(&self, upstream: &[f32], input: &[f32], to_weight: &mut [f32]) {
        let parts = self.parts(self.inputs + self.outputs, 3 * HELD_BYTES);
        let most_tiles = parts.first().map_or(0, |(_, count)| count.next_multiple_of(TILES));
        let mut inputs = Scratch::new(self.inputs_of(most_tiles).len());
        let mut gradients = Scratch::new(self.outputs_of(most_tiles).len());
        let few = self.tiles() <= FEW_TILES;
        let mut sums = Scratch::new(if few { 0 } else { self.kernels().len() });
        for (part, (first, count)) in parts.into_iter().enumerate() {
            let width = count.next_multiple_of(TILES);
            let tiles: Vec<Tile> = (first..first + count).map(|index| self.tile(index)).collect();
            self.transform_inputs(input, &tiles, width, &mut inputs);
            self.transform_gradients(upstream, &tiles, width, &mut gradients);
            let (left, right) = (self.outputs_of(width), self.inputs_of(width));
            if few {
                return self.add_gradients_at_once(count, (left, &gradients), (right, &inputs), to_weight);
            }
            self.kernels().split(&mut sums).for_each(|(place, mut sum)| {
                let (left, right) = (left.at(place, &gradients), right.at(place, &inputs).transposed());
                // Summed over the tiles there are; what fills up their number was never written. The first part
                // overwrites what was left in the buffer.
                matmul(&mut sum, count, left, right, part > 0);
            });
        }
        to_weight.par_chunks_exact_mut(self.inputs * self.taps()).enumerate().for_each(|(output, to_weight)| {
            self.add_kernels(self.kernels(), output, &sums, to_weight);
        });
    }

    /// The weights' gradient for a few outputs at a time, so that their sums are read while still in the cache.
    fn add_gradients_at_once(
        &self,
        tiles: usize,
        (left, gradients): (Matrices, &[f32]),
        (right, inputs): (Matrices, &[f32]),
        to_weight: &mut [f32],
    ) {
        let rows = (SUM_BYTES / (4 * PLACES * self.inputs)).max(TILES);
        to_weight.par_chunks_mut(rows * self.inputs * self.taps()).enumerate().for_each(|(task, to_weight)| {
            let first = task * rows;
            let own = Matrices { rows: rows.min(self.outputs - first), columns: self.inputs };
            let mut sums = Scratch::new(own.len());
            for place in 0..PLACES {
                let mut sum = Block::of(own.at_mut(place, &mut sums), self.inputs);
                let left = left.at(place, gradients).from(first, 0);
                matmul(&mut sum, tiles, left, right.at(place, inputs).transposed(), false);
            }
            self.add_kernels(own, 0, &sums, to_weight);
        });
    }

    /// Adds Gᵀ·u·G of the sums from row `first` on.
    fn add_kernels(&self, matrices: Matrices, first: usize, sums: &[f32], to_weight: &mut [f32]) {
        let taps = self.taps();
        let (mut gathered, mut kernels) = (EMPTY, EMPTY);
        for (row, to_weight) in to_weight.chunks_mut(self.inputs * taps).enumerate() {
            for (group, to_weight) in to_weight.chunks_mut(ABREAST * taps).enumerate() {
                let count = to_weight.len() / taps;
                for (place, values) in gathered.iter_mut().enumerate() {
                    let start = matrices.start(place, first + row) + group * ABREAST;
                    values[..count].copy_from_slice(&sums[start..start + count]);
                }
                (self.filtering().taps_gradient)(&gathered, &mut kernels, count);
                for (lane, to_weight) in to_weight.chunks_exact_mut(taps).enumerate() {
                    for (sum, values) in to_weight.iter_mut().zip(&kernels) {
                        *sum += values[lane];
                    }
                }
            }
        }
    }

    /// A·dY·Aᵀ, place by place, output channels × tiles.
    fn transform_gradients(&self, upstream: &[f32], tiles: &[Tile], width: usize, transformed: &mut [f32]) {
        let (out, out_height, out_width) = (self.filtering().out, self.out_height(), self.out_width());
        let area = out_height * out_width;
        let gather = |channel: usize, tile: &Tile, lane: usize, values: &mut Values| {
            let plane = &upstream[(tile.image * self.outputs + channel) * area..][..area];
            let rows = (out_height - tile.row).min(out);
            let columns = (out_width - tile.column).min(out);
            for y in 0..out {
                let row = if y < rows { &plane[(tile.row + y) * out_width + tile.column..][..columns] } else { &[] };
                for x in 0..out {
                    values[y * out + x][lane] = row.get(x).copied().unwrap_or(0.0);
                }
            }
        };
        transform_tiles(self.outputs_of(width), tiles, transformed, gather, self.filtering().gradient);
    }
}

/// Tasks into which channels are cut. Fixed, so that the number of threads changes nothing.
const TASKS: usize = 16;
