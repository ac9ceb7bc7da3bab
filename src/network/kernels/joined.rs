//! Convolution of many small maps: the columns of a whole mini-batch side by side, since a product with the four positions
//! of one 2×2 map would spend its time on reading the weights.

use rayon::prelude::*;

use super::block::Block;
use super::im2col::Plane;
use super::matmul::{Matrix, matmul};
use super::scratch::Scratch;

/// A convolution of one group over a batch of small maps.
#[derive(Clone, Copy)]
pub struct Joined {
    pub images: usize,
    pub plane: Plane,
    pub out_channels: usize,
}

/// Tasks into which channels are cut. Fixed, so that the number of threads changes nothing.
const TASKS: usize = 16;
/// As [`TASKS`], for the weights' gradient, where each task brings all columns into gemm's order.
const WEIGHT_TASKS: usize = 4;

impl Joined {
    /// Columns of the whole batch.
    fn total(&self) -> usize {
        self.images * self.plane.positions()
    }

    fn taps(&self) -> usize {
        self.plane.depth() / self.plane.channels
    }

    /// X, depth × total.
    fn columns(&self, input: &[f32], columns: &mut [f32]) {
        let (total, positions) = (self.total(), self.plane.positions());
        let (area, sources) = (self.plane.height * self.plane.width, self.plane.sources());
        columns.par_chunks_exact_mut(self.taps() * total).enumerate().for_each(|(channel, columns)| {
            for (line, sources) in columns.chunks_exact_mut(total).zip(sources.chunks_exact(positions)) {
                for (image, line) in line.chunks_exact_mut(positions).enumerate() {
                    let map = &input[(image * self.plane.channels + channel) * area..][..area];
                    for (value, source) in line.iter_mut().zip(sources) {
                        *value = source.map_or(0.0, |source| map[source]);
                    }
                }
            }
        });
    }

    /// `[images, channels, positions]` as channels × (images·positions).
    fn gathered(&self, values: &[f32], gathered: &mut [f32]) {
        let (total, positions) = (self.total(), self.plane.positions());
        gathered.par_chunks_mut(total).enumerate().for_each(|(channel, row)| {
            for (image, target) in row.chunks_exact_mut(positions).enumerate() {
                target.copy_from_slice(&values[(image * self.out_channels + channel) * positions..][..positions]);
            }
        });
    }

    /// Y = W·X + b.
    pub fn forward(&self, input: &[f32], weight: &[f32], bias: Option<&[f32]>, out: &mut [f32]) {
        let (total, positions, depth) = (self.total(), self.plane.positions(), self.plane.depth());
        let mut columns = Scratch::new(depth * total);
        self.columns(input, &mut columns[..depth * total]);
        let columns = Matrix::rows(&columns[..depth * total], total);
        let mut products = Scratch::new(self.out_channels * total);
        let products = &mut products[..self.out_channels * total];
        let blocks = Block::of(products, total).split(self.out_channels.div_ceil(TASKS), usize::MAX);
        blocks.into_par_iter().for_each(|(top, _, mut block)| {
            matmul(&mut block, depth, Matrix::rows(weight, depth).from(top, 0), columns, false);
        });
        let products = &*products;
        out.par_chunks_exact_mut(positions).enumerate().for_each(|(at, out)| {
            let (image, channel) = (at / self.out_channels, at % self.out_channels);
            let bias = bias.map_or(0.0, |bias| bias[channel]);
            let source = &products[channel * total + image * positions..][..positions];
            out.iter_mut().zip(source).for_each(|(out, value)| *out = value + bias);
        });
    }

    /// Adds dX = Wᵀ·dY to `to_input`.
    pub fn backward_input(&self, upstream: &[f32], weight: &[f32], to_input: &mut [f32]) {
        let (total, positions, depth) = (self.total(), self.plane.positions(), self.plane.depth());
        let mut gathered = Scratch::new(self.out_channels * total);
        let gathered = &mut gathered[..self.out_channels * total];
        self.gathered(upstream, gathered);
        let gathered = Matrix::rows(gathered, total);
        let mut columns = Scratch::new(depth * total);
        let columns = &mut columns[..depth * total];
        let rows = self.plane.channels.div_ceil(TASKS) * self.taps();
        Block::of(columns, total).split(rows, usize::MAX).into_par_iter().for_each(|(top, _, mut block)| {
            let weight = Matrix::rows(weight, depth).from(0, top).transposed();
            matmul(&mut block, self.out_channels, weight, gathered, false);
        });
        let (columns, area, sources) = (&*columns, self.plane.height * self.plane.width, self.plane.sources());
        to_input.par_chunks_exact_mut(area).with_min_len(64).enumerate().for_each(|(at, to_input)| {
            let (image, channel) = (at / self.plane.channels, at % self.plane.channels);
            let lines = columns[channel * self.taps() * total..].chunks_exact(total);
            for (line, sources) in lines.zip(sources.chunks_exact(positions)) {
                for (value, source) in line[image * positions..][..positions].iter().zip(sources) {
                    if let Some(source) = *source {
                        to_input[source] += value;
                    }
                }
            }
        });
    }

    /// Adds dW = dY·Xᵀ to `to_weight`.
    pub fn backward_weight(&self, upstream: &[f32], input: &[f32], to_weight: &mut [f32]) {
        let (total, depth) = (self.total(), self.plane.depth());
        let mut gathered = Scratch::new(self.out_channels * total);
        let gathered = &mut gathered[..self.out_channels * total];
        self.gathered(upstream, gathered);
        let gathered = Matrix::rows(gathered, total);
        let mut columns = Scratch::new(depth * total);
        self.columns(input, &mut columns[..depth * total]);
        let columns = Matrix::rows(&columns[..depth * total], total).transposed();
        let blocks = Block::of(to_weight, depth).split(self.out_channels.div_ceil(WEIGHT_TASKS), usize::MAX);
        blocks.into_par_iter().for_each(|(top, _, mut block)| {
            matmul(&mut block, total, gathered.from(top, 0), columns, true);
        });
    }
}
