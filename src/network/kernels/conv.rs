//! Convolution and its two gradients on plain slices: by Winograd's tiles, directly, or as matrix products over im2col
//! columns, whichever a small cost model takes for the shape.
//!
//! The matrix products: with weights W (out × depth, depth = channels·taps) and columns X (depth × positions) of one image and group:
//! Y = W·X, dX = Wᵀ·dY put back by col2im, dW = Σ images dY·Xᵀ. The work is cut into tasks by shape alone, so the
//! number of threads changes no bit of the result.

use rayon::prelude::*;

use super::block::Block;
use super::direct::Direct;
use super::im2col::{Plane, col2im, im2col};
use super::joined::Joined;
use super::matmul::{Matrix, matmul};
use super::winograd::{Transformed, Winograd};
use crate::spec::describe::Pair;

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

/// How a convolution is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// Tiles of 4×4 outputs with 36 products instead of 144; only 3×3 with stride 1.
    Winograd,
    /// The windows side by side as columns, then one matrix product.
    Im2col,
    /// The definition, row by row.
    Direct,
}

impl Algorithm {
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Winograd => "winograd",
            Algorithm::Im2col => "im2col",
            Algorithm::Direct => "direct",
        }
    }
}

/// Channels on either side below which the tiles' transforms cost more than their products save.
const WINOGRAD_CHANNELS: usize = 16;

/// Values of a column matrix to aim for: 1 MiB, about the second-level cache.
const COLUMN_VALUES: usize = 1 << 18;
/// Fewest positions per product, so that packing the weights is paid back.
const FEWEST_POSITIONS: usize = 512;
/// Values of a column matrix at most, whatever the kernel: 16 MiB for each thread.
const MOST_COLUMN_VALUES: usize = 1 << 22;
/// Positions of a map below which the maps of a mini-batch are joined.
const SMALL_MAP: usize = 64;
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
        let most = (MOST_COLUMN_VALUES / self.plane.depth()).max(1);
        (COLUMN_VALUES / self.plane.depth()).max(FEWEST_POSITIONS).min(most).min(self.plane.positions())
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

    /// The same sizes for Winograd's tiles, where these can be used: 3×3, stride and dilation 1, one group.
    pub fn winograd(&self) -> Option<Winograd> {
        let window = self.plane.window;
        let plain =
            window.kernel == Pair::square(3) && window.stride == Pair::square(1) && window.dilation == Pair::square(1);
        let winograd = Winograd {
            images: self.images,
            inputs: self.plane.channels,
            outputs: self.out_channels,
            height: self.plane.height,
            width: self.plane.width,
            padding: (window.padding.height as usize, window.padding.width as usize),
        };
        (plain && self.groups == 1 && winograd.applies()).then_some(winograd)
    }

    fn direct(&self) -> Direct {
        let Convolution { images, groups, plane, out_channels } = *self;
        Direct { images, groups, plane, out_channels }
    }

    /// The same sizes joined over the batch, where the maps are too small for a product each.
    fn joined(&self) -> Option<Joined> {
        let Convolution { images, groups, plane, out_channels } = *self;
        let total = images * plane.positions();
        let small = plane.positions() < SMALL_MAP && total * plane.depth() <= MOST_COLUMN_VALUES;
        (groups == 1 && images > 1 && small).then_some(Joined { images, plane, out_channels })
    }

    /// What is used: what is wanted where it can be, else the cheapest by multiplications. Tiles are made sixteen at a
    /// time and reach over the map's edge, so small maps in small batches are better off with columns; a fifth is
    /// added for the transforms.
    pub fn algorithm(&self, wanted: Option<Algorithm>) -> Algorithm {
        let winograd = self.winograd();
        match (wanted, winograd) {
            (Some(Algorithm::Winograd), None) => Algorithm::Im2col,
            (Some(wanted), _) => wanted,
            (None, _) if self.plane.channels == 1 && self.out_channels == 1 => Algorithm::Direct,
            (None, Some(winograd)) => {
                let products = 36 * winograd.tiles().next_multiple_of(16);
                let direct = 9 * self.images * self.plane.positions();
                let wide = self.plane.channels.min(self.out_channels) >= WINOGRAD_CHANNELS;
                if wide && 6 * products < 5 * direct { Algorithm::Winograd } else { Algorithm::Im2col }
            }
            (None, None) => Algorithm::Im2col,
        }
    }

    /// Y = W∗X + b. `out` is `[images, groups·out_channels, positions]`. Transformed weights, if there are any, are those
    /// of `weight`.
    pub fn forward(
        &self,
        algorithm: Algorithm,
        input: &[f32],
        weight: &[f32],
        transformed: Option<&Transformed>,
        bias: Option<&[f32]>,
        out: &mut [f32],
    ) {
        match (algorithm, self.winograd(), transformed) {
            (Algorithm::Winograd, Some(winograd), Some(weight)) => winograd.forward(input, weight, bias, out),
            (Algorithm::Winograd, Some(winograd), None) => winograd.forward_once(input, weight, bias, out),
            (Algorithm::Direct, ..) => self.direct().forward(input, weight, bias, out),
            _ => self.forward_im2col(input, weight, bias, out),
        }
    }

    /// Adds dX to `to_input`, which has the input's layout.
    pub fn backward_input(&self, algorithm: Algorithm, upstream: &[f32], weight: &[f32], to_input: &mut [f32]) {
        match (algorithm, self.winograd()) {
            (Algorithm::Winograd, Some(winograd)) => winograd.backward_input(upstream, weight, to_input),
            (Algorithm::Direct, _) => self.direct().backward_input(upstream, weight, to_input),
            _ => self.backward_input_im2col(upstream, weight, to_input),
        }
    }

    /// Adds dW to `to_weight`.
    pub fn backward_weight(&self, algorithm: Algorithm, upstream: &[f32], input: &[f32], to_weight: &mut [f32]) {
        match (algorithm, self.winograd()) {
            (Algorithm::Winograd, Some(winograd)) => winograd.backward_weight(upstream, input, to_weight),
            (Algorithm::Direct, _) => self.direct().backward_weight(upstream, input, to_weight),
            _ => self.backward_weight_im2col(upstream, input, to_weight),
        }
    }

    fn forward_im2col(&self, input: &[f32], weight: &[f32], bias: Option<&[f32]>, out: &mut [f32]) {
        if let Some(joined) = self.joined() {
            return joined.forward(input, weight, bias, out);
        }
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
                im2col(self.input_of(input, unit), &self.plane, first, count, columns, count);
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
                    im2col(input, &self.part(channels), first, count, columns, count);
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

    fn backward_input_im2col(&self, upstream: &[f32], weight: &[f32], to_input: &mut [f32]) {
        if let Some(joined) = self.joined() {
            return joined.backward_input(upstream, weight, to_input);
        }
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
                col2im(columns, &plane, first, count, to_input, count);
            }
        });
    }

    fn backward_weight_im2col(&self, upstream: &[f32], input: &[f32], to_weight: &mut [f32]) {
        if let Some(joined) = self.joined() {
            return joined.backward_weight(upstream, input, to_weight);
        }
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
                    im2col(input, &plane, first, count, columns, count);
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
