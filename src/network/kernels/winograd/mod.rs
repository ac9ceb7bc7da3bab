//! 3×3 convolution with stride 1 by Winograd's minimal filtering F(4×4, 3×3) (Lavin & Gray 2016).
//!
//! The output is cut into tiles of 4×4, each made from 6×6 inputs d and a kernel g as
//! Y = Aᵀ[(G·g·Gᵀ) ⊙ (Bᵀ·d·B)]A: 36 products for 16 outputs instead of 144. Over channels the products are 36 matrix
//! products, U(f) · V(f), one for each of the 36 places f of a tile. The input's gradient is the same convolution with the
//! kernel turned and its channels exchanged; the weights' gradient is Gᵀ[Σ tiles (A·dY·Aᵀ) ⊙ (Bᵀ·d·B)]G.
//!
//! Sixteen tiles (or kernels) are transformed at a time, side by side in lanes that one 512-bit register holds. In
//! f32 the result differs from the direct sum by about 1e-5 of the values' size.

mod transforms;

use rayon::prelude::*;

use super::block::Block;
use super::matmul::{Matrix, matmul};
use super::scratch::Scratch;
use transforms::{
    IN, LANES, Lanes, OUT, PLACES, gradient_both, input_both, kernel_both, kernel_gradient_both, load, output_both,
    store,
};

/// Bytes of transformed inputs and products to hold at once, well within a third-level cache.
const HELD_BYTES: usize = 8 << 20;

/// The sizes of a 3×3, stride 1 convolution over a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Winograd {
    pub images: usize,
    pub inputs: usize,
    pub outputs: usize,
    pub height: usize,
    pub width: usize,
    /// Rows and columns of zeros on each side.
    pub padding: (usize, usize),
}

/// Where a tile begins: its image, and the row and column of its first output.
#[derive(Clone, Copy)]
struct Tile {
    image: usize,
    row: usize,
    column: usize,
}

/// Weights as the 36 matrices U(f), each rows × columns.
pub struct Transformed(Vec<f32>);

impl Transformed {
    pub fn bytes(&self) -> usize {
        4 * self.0.len()
    }
}

impl Winograd {
    pub fn out_height(&self) -> usize {
        self.height + 2 * self.padding.0 - 2
    }

    pub fn out_width(&self) -> usize {
        self.width + 2 * self.padding.1 - 2
    }

    pub fn tiles(&self) -> usize {
        self.images * self.out_height().div_ceil(OUT) * self.out_width().div_ceil(OUT)
    }

    /// The convolution that gives the input's gradient: from output channels back to input channels.
    fn turned(&self) -> Winograd {
        Winograd {
            images: self.images,
            inputs: self.outputs,
            outputs: self.inputs,
            height: self.out_height(),
            width: self.out_width(),
            // A padding of more than 2 adds outputs that no input reaches; they are cropped by a negative padding,
            // which `applies` rules out.
            padding: (2 - self.padding.0, 2 - self.padding.1),
        }
    }

    /// Whether both directions can be done this way.
    pub fn applies(&self) -> bool {
        self.padding.0 <= 2 && self.padding.1 <= 2
    }

    fn tile(&self, index: usize) -> Tile {
        let (down, across) = (self.out_height().div_ceil(OUT), self.out_width().div_ceil(OUT));
        let (image, rest) = (index / (down * across), index % (down * across));
        Tile { image, row: rest / across * OUT, column: rest % across * OUT }
    }

    /// First tile and number of tiles of each part of the work; `channels` are held at once for each tile.
    fn parts(&self, channels: usize, held: usize) -> Vec<(usize, usize)> {
        let tiles = self.tiles();
        // A multiple of 48, the rows of gemm's register block with AVX-512.
        let most = (held / (4 * PLACES * channels)).max(48) / 48 * 48;
        let parts = ((tiles + most / 2) / most).max(1);
        let size = tiles.div_ceil(parts).next_multiple_of(LANES);
        (0..tiles).step_by(size).map(|first| (first, size.min(tiles - first))).collect()
    }

    /// U(f) = G·g·Gᵀ, place by place, outputs × inputs.
    pub fn transform(&self, weight: &[f32]) -> Transformed {
        let mut transformed = vec![0.0; PLACES * self.outputs * self.inputs];
        self.transform_into(weight, &mut transformed);
        Transformed(transformed)
    }

    /// As [`Winograd::transform`] and [`Winograd::forward`], for weights that change before the next call.
    pub fn forward_once(&self, input: &[f32], weight: &[f32], bias: Option<&[f32]>, out: &mut [f32]) {
        let mut transformed = Scratch::new(PLACES * self.outputs * self.inputs);
        self.transform_into(weight, &mut transformed[..PLACES * self.outputs * self.inputs]);
        self.convolve(input, &transformed, bias, out, false);
    }

    fn transform_into(&self, weight: &[f32], transformed: &mut [f32]) {
        transform_kernels(
            transformed,
            self.outputs,
            self.inputs,
            |output, input| &weight[(output * self.inputs + input) * 9..][..9],
            false,
        )
    }

    /// U(f) of the kernels turned by half a turn, inputs × outputs.
    fn transform_turned_into(&self, weight: &[f32], transformed: &mut [f32]) {
        let kernel = |input: usize, output: usize| &weight[(output * self.inputs + input) * 9..][..9];
        transform_kernels(transformed, self.inputs, self.outputs, kernel, true);
    }

    /// Y. `out` is `[images, outputs, out height, out width]`.
    pub fn forward(&self, input: &[f32], weight: &Transformed, bias: Option<&[f32]>, out: &mut [f32]) {
        self.convolve(input, &weight.0, bias, out, false);
    }

    /// Adds dX to `to_input`.
    pub fn backward_input(&self, upstream: &[f32], weight: &[f32], to_input: &mut [f32]) {
        let mut transformed = Scratch::new(PLACES * self.outputs * self.inputs);
        self.transform_turned_into(weight, &mut transformed[..PLACES * self.outputs * self.inputs]);
        self.turned().convolve(upstream, &transformed, None, to_input, true);
    }

    fn convolve(&self, input: &[f32], weight: &[f32], bias: Option<&[f32]>, out: &mut [f32], add: bool) {
        let parts = self.parts(self.inputs + self.outputs, HELD_BYTES);
        let widest = parts.first().map_or(0, |(_, count)| count.next_multiple_of(LANES));
        let mut inputs = Scratch::new(PLACES * self.inputs * widest);
        let mut products = Scratch::new(PLACES * self.outputs * widest);
        for (first, count) in parts {
            let width = count.next_multiple_of(LANES);
            let tiles: Vec<Tile> = (first..first + count).map(|index| self.tile(index)).collect();
            self.transform_inputs(input, &tiles, width, &mut inputs[..PLACES * self.inputs * width]);
            let products = &mut products[..PLACES * self.outputs * width];
            products.par_chunks_exact_mut(self.outputs * width).enumerate().for_each(|(place, product)| {
                let weight = &weight[place * self.outputs * self.inputs..][..self.outputs * self.inputs];
                let right = &inputs[place * self.inputs * width..][..self.inputs * width];
                let (left, right) = (Matrix::rows(weight, self.inputs), Matrix::rows(right, width));
                matmul(&mut Block::of(product, width), self.inputs, left, right, false);
            });
            self.untransform(products, &tiles, width, bias, out, add);
        }
    }

    /// V(f) = Bᵀ·d·B, place by place, channels × tiles.
    fn transform_inputs(&self, input: &[f32], tiles: &[Tile], width: usize, transformed: &mut [f32]) {
        let area = self.height * self.width;
        let gather = |channel: usize, tile: &Tile, lane: usize, values: &mut [Lanes; PLACES]| {
            self.gather(&input[(tile.image * self.inputs + channel) * area..][..area], tile, lane, values);
        };
        transform_tiles(self.inputs, tiles, width, transformed, gather, input_both);
    }

    /// The 6×6 inputs of one tile, zeros outside.
    #[inline(always)]
    fn gather(&self, plane: &[f32], tile: &Tile, lane: usize, values: &mut [Lanes; PLACES]) {
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
        let (out_height, out_width) = (self.out_height(), self.out_width());
        let area = out_height * out_width;
        let block = self.outputs.div_ceil(TASKS);
        let tasks = Block::of(out, self.outputs * area).split(self.images, block * area);
        tasks.into_par_iter().for_each(|(_, left, mut task)| {
            let channels = left / area..left / area + task.columns() / area;
            pulp::Arch::new().dispatch(
                #[inline(always)]
                || {
                    for (at, channel) in channels.clone().enumerate() {
                        let bias = bias.map_or(0.0, |bias| bias[channel]);
                        for (group, tiles) in tiles.chunks(LANES).enumerate() {
                            let mut values = [[0.0; LANES]; PLACES];
                            for (place, values) in values.iter_mut().enumerate() {
                                let start = (place * self.outputs + channel) * width + group * LANES;
                                *values = load(&products[start..]);
                            }
                            let values = output_both(&values);
                            for (lane, tile) in tiles.iter().enumerate() {
                                let plane = &mut task.row(tile.image)[at * area..][..area];
                                let rows = OUT.min(out_height - tile.row);
                                let columns = OUT.min(out_width - tile.column);
                                for y in 0..rows {
                                    let row = &mut plane[(tile.row + y) * out_width + tile.column..][..columns];
                                    for (x, target) in row.iter_mut().enumerate() {
                                        let value = values[y * OUT + x][lane] + bias;
                                        *target = if add { *target + value } else { value };
                                    }
                                }
                            }
                        }
                    }
                },
            );
        });
    }

    /// Adds dW to `to_weight`, `[outputs, inputs, 3, 3]`.
    pub fn backward_weight(&self, upstream: &[f32], input: &[f32], to_weight: &mut [f32]) {
        let parts = self.parts(self.inputs + self.outputs, 3 * HELD_BYTES);
        let widest = parts.first().map_or(0, |(_, count)| count.next_multiple_of(LANES));
        let mut inputs = Scratch::new(PLACES * self.inputs * widest);
        let mut gradients = Scratch::new(PLACES * self.outputs * widest);
        let mut sums = Scratch::new(PLACES * self.outputs * self.inputs);
        for (part, (first, count)) in parts.into_iter().enumerate() {
            let width = count.next_multiple_of(LANES);
            let tiles: Vec<Tile> = (first..first + count).map(|index| self.tile(index)).collect();
            self.transform_inputs(input, &tiles, width, &mut inputs[..PLACES * self.inputs * width]);
            self.transform_gradients(upstream, &tiles, width, &mut gradients[..PLACES * self.outputs * width]);
            let sums = &mut sums[..PLACES * self.outputs * self.inputs];
            sums.par_chunks_exact_mut(self.outputs * self.inputs).enumerate().for_each(|(place, sum)| {
                let left = &gradients[place * self.outputs * width..][..self.outputs * width];
                let right = &inputs[place * self.inputs * width..][..self.inputs * width];
                let (left, right) = (Matrix::rows(left, width), Matrix::rows(right, width).transposed());
                // The first part overwrites what was left in the buffer.
                matmul(&mut Block::of(sum, self.inputs), width, left, right, part > 0);
            });
        }
        to_weight.par_chunks_exact_mut(self.inputs * 9).enumerate().for_each(|(output, to_weight)| {
            pulp::Arch::new().dispatch(
                #[inline(always)]
                || {
                    for (group, to_weight) in to_weight.chunks_mut(LANES * 9).enumerate() {
                        let lanes = to_weight.len() / 9;
                        let mut values = [[0.0; LANES]; PLACES];
                        for (place, values) in values.iter_mut().enumerate() {
                            let start = (place * self.outputs + output) * self.inputs + group * LANES;
                            values[..lanes].copy_from_slice(&sums[start..start + lanes]);
                        }
                        let values = kernel_gradient_both(&values);
                        for (lane, to_weight) in to_weight.chunks_exact_mut(9).enumerate() {
                            for (tap, sum) in to_weight.iter_mut().enumerate() {
                                *sum += values[tap][lane];
                            }
                        }
                    }
                },
            );
        });
    }

    /// A·dY·Aᵀ, place by place, output channels × tiles.
    fn transform_gradients(&self, upstream: &[f32], tiles: &[Tile], width: usize, transformed: &mut [f32]) {
        let (out_height, out_width) = (self.out_height(), self.out_width());
        let area = out_height * out_width;
        let gather = |channel: usize, tile: &Tile, lane: usize, values: &mut [Lanes; OUT * OUT]| {
            let plane = &upstream[(tile.image * self.outputs + channel) * area..][..area];
            let (rows, columns) = (OUT.min(out_height - tile.row), OUT.min(out_width - tile.column));
            for y in 0..rows {
                let row = &plane[(tile.row + y) * out_width + tile.column..][..columns];
                for (x, value) in row.iter().enumerate() {
                    values[y * OUT + x][lane] = *value;
                }
            }
        };
        transform_tiles(self.outputs, tiles, width, transformed, gather, gradient_both);
    }
}

/// Gathers sixteen tiles of each channel at a time, transforms them, and writes them place by place, channels × tiles.
fn transform_tiles<const N: usize>(
    channels: usize,
    tiles: &[Tile],
    width: usize,
    transformed: &mut [f32],
    gather: impl Fn(usize, &Tile, usize, &mut [Lanes; N]) + Sync,
    transform: impl Fn(&[Lanes; N]) -> [Lanes; PLACES] + Sync,
) {
    let block = channels.div_ceil(TASKS);
    let tasks = Block::of(transformed, channels * width).split(PLACES, block * width);
    tasks.into_par_iter().for_each(|(_, left, mut task)| {
        let channels = left / width..left / width + task.columns() / width;
        pulp::Arch::new().dispatch(
            #[inline(always)]
            || {
                for (at, channel) in channels.clone().enumerate() {
                    for (group, tiles) in tiles.chunks(LANES).enumerate() {
                        let mut values = [[0.0; LANES]; N];
                        for (lane, tile) in tiles.iter().enumerate() {
                            gather(channel, tile, lane, &mut values);
                        }
                        let values = transform(&values);
                        for (place, values) in values.iter().enumerate() {
                            store(&mut task.row(place)[at * width + group * LANES..], values);
                        }
                    }
                }
            },
        );
    });
}

/// Tasks into which channels are cut. Fixed, so that the number of threads changes nothing.
const TASKS: usize = 16;

fn transform_kernels<'w>(
    transformed: &mut [f32],
    rows: usize,
    columns: usize,
    kernel: impl Fn(usize, usize) -> &'w [f32] + Sync,
    turned: bool,
) {
    let tasks = Block::of(transformed, rows * columns).split(PLACES, rows.div_ceil(4 * TASKS) * columns);
    tasks.into_par_iter().for_each(|(_, left, mut task)| {
        let first = left / columns;
        let count = task.columns() / columns;
        pulp::Arch::new().dispatch(
            #[inline(always)]
            || {
                for row in 0..count {
                    for from in (0..columns).step_by(LANES) {
                        let lanes = LANES.min(columns - from);
                        let mut values = [[0.0; LANES]; 9];
                        for lane in 0..lanes {
                            let taps = kernel(first + row, from + lane);
                            for (tap, values) in values.iter_mut().enumerate() {
                                values[lane] = taps[if turned { 8 - tap } else { tap }];
                            }
                        }
                        let values = kernel_both(&values);
                        for (place, values) in values.iter().enumerate() {
                            let start = row * columns + from;
                            task.row(place)[start..start + lanes].copy_from_slice(&values[..lanes]);
                        }
                    }
                }
            },
        );
    });
}
