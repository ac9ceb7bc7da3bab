//! Convolution and its two gradients on plain slices, as matrix products over im2col columns.
//!
//! With weights W (out × depth, depth = channels·taps) and columns X (depth × positions) of one image and group:
//! Y = W·X, dX = Wᵀ·dY put back by col2im, dW = Σ images dY·Xᵀ. The work is cut into tasks by shape alone, so the
//! number of threads changes no bit of the result.

use rayon::prelude::*;

use super::block::Block;
use super::im2col::{Plane, col2im, im2col};
use super::matmul::{Matrix, matmul};

/// The sizes of a convolution over a batch.
#[derive(Clone, Copy)]
pub struct Convolution {
    pub images: usize,
    pub groups: usize,
    /// One group of one image.
    pub plane: Plane,
    /// Output channels of one group.
    pub out_channels: usize,
}

/// Values of a column matrix to aim for: 1 MiB, about the second-level cache.
const COLUMN_VALUES: usize = 1 << 18;
/// Fewest positions per product, so that packing the weights is paid back.
const FEWEST_POSITIONS: usize = 512;
/// With fewer chunks of positions than this, the output channels are divided among tasks instead.
const FEW_CHUNKS: usize = 8;

impl Convolution {
    fn weights_per_group(&self) -> usize {
        self.out_channels * self.plane.depth()
    }

    fn outputs_per_group(&self) -> usize {
        self.out_channels * self.plane.positions()
    }

    /// How many positions one product covers.
    fn chunk(&self) -> usize {
        (COLUMN_VALUES / self.plane.depth()).max(FEWEST_POSITIONS).min(self.plane.positions())
    }

    fn chunks(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let (positions, chunk) = (self.plane.positions(), self.chunk());
        (0..positions).step_by(chunk).map(move |first| (first, chunk.min(positions - first)))
    }

    /// Channels that one task of the backward pass works on.
    fn channel_block(&self) -> usize {
        self.plane.channels.div_ceil(8)
    }

    /// Those channels alone, as a plane of their own.
    fn part(&self, channels: usize) -> Plane {
        Plane { channels, ..self.plane }
    }

    /// Y = W·X + b. `out` is `[images, groups·out_channels, positions]`.
    pub fn forward(&self, input: &[f32], weight: &[f32], bias: Option<&[f32]>, out: &mut [f32]) {
        let positions = self.plane.positions();
        let matrices = out.chunks_exact_mut(self.outputs_per_group()).enumerate();
        if self.images * self.groups * self.chunks().count() >= FEW_CHUNKS {
            let strips = matrices.flat_map(|(unit, matrix)| {
                let strips = Block::of(matrix, positions).split(usize::MAX, self.chunk());
                strips.into_iter().map(move |(_, first, strip)| (unit, first, strip))
            });
            strips.collect::<Vec<_>>().into_par_iter().for_each_init(Vec::new, |columns, (unit, first, mut strip)| {
                let count = strip.columns();
                columns.resize(self.plane.depth() * count, 0.0);
                im2col(self.input_of(input, unit), &self.plane, first, count, columns);
                self.multiply(&mut strip, 0, unit % self.groups, weight, bias, columns);
            });
            return;
        }
        // Few positions, many channels: the columns are made once, by all, and the output rows shared out.
        let mut columns = Vec::new();
        let rows = (self.out_channels / 2).clamp(32, 128);
        for (unit, matrix) in matrices {
            let input = self.input_of(input, unit);
            for (_, first, strip) in Block::of(matrix, positions).split(usize::MAX, self.chunk()) {
                let count = strip.columns();
                columns.resize(self.plane.depth() * count, 0.0);
                let block = self.plane.channels.div_ceil(16);
                let taps = self.plane.depth() / self.plane.channels;
                columns.par_chunks_mut(block * taps * count).enumerate().for_each(|(at, columns)| {
                    let channels = columns.len() / (taps * count);
                    let input = &input[at * block * self.plane.height * self.plane.width..];
                    im2col(input, &self.part(channels), first, count, columns);
                });
                let blocks = strip.split(rows, usize::MAX);
                blocks.into_par_iter().for_each(|(top, _, mut block)| {
                    self.multiply(&mut block, top, unit % self.groups, weight, bias, &columns);
                });
            }
        }
    }

    /// One block of Y, from output channel `top` of the group on.
    fn multiply(
        &self,
        out: &mut Block,
        top: usize,
        group: usize,
        weight: &[f32],
        bias: Option<&[f32]>,
        columns: &[f32],
    ) {
        let depth = self.plane.depth();
        if let Some(bias) = bias {
            let bias = &bias[group * self.out_channels + top..];
            for (row, bias) in (0..out.rows()).zip(bias) {
                out.row(row).fill(*bias);
            }
        }
        let weight = Matrix::rows(&weight[group * self.weights_per_group()..], depth).from(top, 0);
        let count = out.columns();
        matmul(out, depth, weight, Matrix::rows(columns, count), bias.is_some());
    }

    fn input_of<'a>(&self, input: &'a [f32], unit: usize) -> &'a [f32] {
        &input[unit * self.plane.values()..][..self.plane.values()]
    }

    /// Adds dX to `to_input`, which has the input's layout.
    pub fn backward_input(&self, upstream: &[f32], weight: &[f32], to_input: &mut [f32]) {
        let (positions, depth) = (self.plane.positions(), self.plane.depth());
        let taps = depth / self.plane.channels;
        let area = self.plane.height * self.plane.width;
        let block = self.channel_block();
        let units = to_input.chunks_exact_mut(self.plane.values()).enumerate();
        let tasks = units.flat_map(|(unit, input)| {
            input.chunks_mut(block * area).enumerate().map(move |(at, input)| (unit, at * block, input))
        });
        tasks.collect::<Vec<_>>().into_par_iter().for_each_init(Vec::new, |columns, (unit, channel, to_input)| {
            let plane = self.part(to_input.len() / area);
            let weight = &weight[unit % self.groups * self.weights_per_group()..];
            let weight = Matrix::rows(weight, depth).from(0, channel * taps).transposed();
            let upstream = Matrix::rows(&upstream[unit * self.outputs_per_group()..], positions);
            for (first, count) in self.chunks() {
                columns.resize(plane.depth() * count, 0.0);
                let mut product = Block::of(columns, count);
                matmul(&mut product, self.out_channels, weight, upstream.from(0, first), false);
                col2im(columns, &plane, first, count, to_input);
            }
        });
    }

    /// Adds dW to `to_weight`.
    pub fn backward_weight(&self, upstream: &[f32], input: &[f32], to_weight: &mut [f32]) {
        let (positions, depth) = (self.plane.positions(), self.plane.depth());
        let taps = depth / self.plane.channels;
        let area = self.plane.height * self.plane.width;
        let groups = to_weight.chunks_exact_mut(self.weights_per_group()).enumerate();
        let tasks = groups.flat_map(|(group, weights)| {
            let blocks = Block::of(weights, depth).split(usize::MAX, self.channel_block() * taps);
            blocks.into_iter().map(move |(_, left, block)| (group, left / taps, block))
        });
        tasks.collect::<Vec<_>>().into_par_iter().for_each_init(Vec::new, |columns, (group, channel, mut block)| {
            let plane = self.part(block.columns() / taps);
            for unit in (group..self.images * self.groups).step_by(self.groups) {
                let input = &self.input_of(input, unit)[channel * area..];
                let upstream = Matrix::rows(&upstream[unit * self.outputs_per_group()..], positions);
                for (first, count) in self.chunks() {
                    columns.resize(plane.depth() * count, 0.0);
                    im2col(input, &plane, first, count, columns);
                    let columns = Matrix::rows(columns, count).transposed();
                    matmul(&mut block, count, upstream.from(0, first), columns, true);
                }
            }
        });
    }

    /// Adds db, the upstream gradient summed over images and positions.
    pub fn backward_bias(&self, upstream: &[f32], to_bias: &mut [f32]) {
        let (positions, channels) = (self.plane.positions(), self.groups * self.out_channels);
        to_bias.par_iter_mut().enumerate().for_each(|(channel, sum)| {
            for image in 0..self.images {
                let values = &upstream[(image * channels + channel) * positions..][..positions];
                *sum += values.iter().map(|&value| f64::from(value)).sum::<f64>() as f32;
            }
        });
    }
}
