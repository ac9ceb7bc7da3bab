//! Convolution by im2col: with weights W (out × depth, depth = channels·taps) and columns X (depth × positions) of one image and
//! group, Y = W·X, dX = Wᵀ·dY put back by col2im (at stride 1 a convolution of dY with the turned kernels, which is
//! quicker), dW = Σ images dY·Xᵀ.

use rayon::prelude::*;

use super::block::Block;
use super::conv::Convolution;
use super::im2col::{Plane, col2im, im2col};
use super::joined::Joined;
use super::matmul::{Matrix, matmul};
use super::scratch::Scratch;
use super::start::Start;
use crate::graph::Window;
use crate::spec::describe::{Pair, Sides};

/// Values of a column matrix to aim for: 1 MiB, about the second-level cache.
const COLUMN_VALUES: usize = 1 << 18;
/// Fewest positions per product, so that packing the weights is paid back.
const FEWEST_POSITIONS: usize = 256;
/// As few as this where there would be less work to share out otherwise.
const FEWEST_SHARED: usize = 128;
/// Values of a column matrix at most, whatever the kernel: 16 MiB for each thread.
const MOST_COLUMN_VALUES: usize = 1 << 22;
/// Positions of a map below which the maps of a mini-batch are joined.
const SMALL_MAP: usize = 64;
/// With fewer chunks of positions than this, the output channels are divided among tasks instead.
const FEW_CHUNKS: usize = 8;

/// Tasks to make of a backward pass, if its sizes allow it.
const TASKS: usize = 8;
/// Rows of a column matrix from which on a product with it is worth its preparation.
const DEEP_ENOUGH: usize = 64;

/// The columns of some positions, put together in `columns`; of a plane that is its own columns, that plane.
fn made<'c>(plane: &Plane, input: &'c [f32], first: usize, count: usize, columns: &'c mut Columns) -> Matrix<'c> {
    if plane.is_straight() {
        return Matrix::rows(input, plane.positions()).from(0, first);
    }
    let columns = columns.of(plane.depth() * count);
    im2col(input, plane, first, count, columns);
    Matrix::rows(columns, count)
}

/// Room of a task for its columns, made once there are some.
#[derive(Default)]
struct Columns(Option<Scratch>);

impl Columns {
    /// Room for so many values, with whatever was left in it.
    fn of(&mut self, length: usize) -> &mut [f32] {
        if self.0.as_ref().is_none_or(|room| room.len() < length) {
            self.0 = Some(Scratch::new(length));
        }
        self.0.as_deref_mut().map_or(&mut [], |room| &mut room[..length])
    }
}

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
        let share = (self.images * self.groups * self.plane.positions() / FEW_CHUNKS).max(FEWEST_SHARED);
        let share = share.min(FEWEST_POSITIONS).next_multiple_of(16);
        (COLUMN_VALUES / self.plane.depth()).max(share).min(most).min(self.plane.positions())
    }

    fn chunks(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let (positions, chunk) = (self.plane.positions(), self.chunk());
        (0..positions).step_by(chunk).map(move |first| (first, chunk.min(positions - first)))
    }

    /// Those channels alone, as a plane of their own.
    fn part(&self, channels: usize) -> Plane {
        Plane { channels, ..self.plane }
    }

    /// The same sizes joined over the batch, where the maps are too small for a product each.
    fn joined(&self) -> Option<Joined> {
        let Convolution { images, groups, plane, out_channels } = *self;
        let total = images * plane.positions();
        let small = plane.positions() < SMALL_MAP && total * plane.depth() <= MOST_COLUMN_VALUES;
        (groups == 1 && images > 1 && small).then_some(Joined { images, plane, out_channels })
    }

    pub(super) fn forward_im2col(&self, input: &[f32], weight: &[f32], start: Start, out: &mut [f32]) {
        if let (Some(joined), Start::Bias(_) | Start::Nothing) = (self.joined(), start) {
            return joined.forward(input, weight, start.bias(), out);
        }
        let positions = self.plane.positions();
        let matrices = out.chunks_exact_mut(self.outputs_per_group()).enumerate();
        if self.images * self.groups * self.chunks().count() >= FEW_CHUNKS {
            let strips = matrices.flat_map(|(unit, matrix)| {
                let strips = Block::of(matrix, positions).split(usize::MAX, self.chunk());
                strips.into_iter().map(move |(_, first, strip)| (unit, first, strip))
            });
            strips.collect::<Vec<_>>().into_par_iter().for_each_init(
                Columns::default,
                |columns, (unit, first, mut strip)| {
                    let columns = made(&self.plane, self.input_of(input, unit), first, strip.columns(), columns);
                    self.multiply(&mut strip, 0, unit % self.groups, weight, start, columns);
                },
            );
            return;
        }
        // Few positions, many channels: the columns are made once, by all, and the output rows shared out.
        let mut columns = Columns::default();
        let rows = (self.out_channels / 2).clamp(32, 128);
        for (unit, matrix) in matrices {
            let input = self.input_of(input, unit);
            for (_, first, strip) in Block::of(matrix, positions).split(usize::MAX, self.chunk()) {
                let count = strip.columns();
                let columns = match self.plane.is_straight() {
                    true => made(&self.plane, input, first, count, &mut columns),
                    false => {
                        let columns = columns.of(self.plane.depth() * count);
                        let block = self.plane.channels.div_ceil(16);
                        let taps = self.plane.depth() / self.plane.channels;
                        columns.par_chunks_mut(block * taps * count).enumerate().for_each(|(at, columns)| {
                            let channels = columns.len() / (taps * count);
                            let input = &input[at * block * self.plane.height * self.plane.width..];
                            im2col(input, &self.part(channels), first, count, columns);
                        });
                        Matrix::rows(columns, count)
                    }
                };
                let blocks = strip.split(rows, usize::MAX);
                blocks.into_par_iter().for_each(|(top, _, mut block)| {
                    self.multiply(&mut block, top, unit % self.groups, weight, start, columns);
                });
            }
        }
    }

    /// One block of Y, from output channel `top` of the group on.
    fn multiply(&self, out: &mut Block, top: usize, group: usize, weight: &[f32], start: Start, columns: Matrix) {
        let depth = self.plane.depth();
        if let Start::Bias(bias) = start {
            let bias = &bias[group * self.out_channels + top..];
            for (row, bias) in (0..out.rows()).zip(bias) {
                out.row(row).fill(*bias);
            }
        }
        let weight = Matrix::rows(&weight[group * self.weights_per_group()..], depth).from(top, 0);
        matmul(out, depth, weight, columns, !matches!(start, Start::Nothing));
    }

    fn input_of<'a>(&self, input: &'a [f32], unit: usize) -> &'a [f32] {
        &input[unit * self.plane.values()..][..self.plane.values()]
    }

    pub(super) fn backward_input_im2col(&self, upstream: &[f32], weight: &[f32], to_input: &mut [f32]) {
        if let Some(joined) = self.joined() {
            return joined.backward_input(upstream, weight, to_input);
        }
        // With few input channels, turned kernels would read many columns for little.
        if let Some(turned) = self.turned().filter(|_| 4 * self.plane.channels >= self.out_channels) {
            let mut kernels = Scratch::new(weight.len());
            self.turn(weight, &mut kernels[..weight.len()]);
            return turned.forward_im2col(upstream, &kernels, Start::Sum, to_input);
        }
        let (positions, depth) = (self.plane.positions(), self.plane.depth());
        let taps = depth / self.plane.channels;
        let area = self.plane.height * self.plane.width;
        let block = self.plane.channels.div_ceil(TASKS);
        let units = to_input.chunks_exact_mut(self.plane.values()).enumerate();
        let tasks = units.flat_map(|(unit, input)| {
            input.chunks_mut(block * area).enumerate().map(move |(at, input)| (unit, at * block, input))
        });
        tasks.collect::<Vec<_>>().into_par_iter().for_each_init(
            Columns::default,
            |columns, (unit, channel, to_input)| {
                let plane = self.part(to_input.len() / area);
                let weight = &weight[unit % self.groups * self.weights_per_group()..];
                let weight = Matrix::rows(weight, depth).from(0, channel * taps).transposed();
                let upstream = Matrix::rows(&upstream[unit * self.outputs_per_group()..], positions);
                for (first, count) in self.chunks() {
                    let columns = columns.of(plane.depth() * count);
                    let mut product = Block::of(columns, count);
                    matmul(&mut product, self.out_channels, weight, upstream.from(0, first), false);
                    col2im(columns, &plane, first, count, to_input);
                }
            },
        );
    }

    /// The convolution that gives the input's gradient at stride 1: from output channels back to input channels.
    fn turned(&self) -> Option<Convolution> {
        let window = self.plane.window;
        let reach = |kernel: u64, dilation: u64, padding: u64| (dilation * (kernel - 1)).checked_sub(padding);
        let padding = Pair {
            height: reach(window.kernel.height, window.dilation.height, window.padding.top)?,
            width: reach(window.kernel.width, window.dilation.width, window.padding.left)?,
        };
        // Only what lies before the first row and column moves anything; the sizes say where the map ends.
        let padding = Sides::around(padding);
        let plane = Plane {
            channels: self.out_channels,
            height: self.plane.out_height,
            width: self.plane.out_width,
            out_height: self.plane.height,
            out_width: self.plane.width,
            window: Window { padding, ..window },
        };
        (window.stride == Pair::square(1)).then_some(Convolution { plane, out_channels: self.plane.channels, ..*self })
    }

    /// Kernels turned by half a turn, their channels exchanged within each group.
    fn turn(&self, weight: &[f32], turned: &mut [f32]) {
        let (inputs, outputs) = (self.plane.channels, self.out_channels);
        let taps = self.plane.depth() / inputs;
        turned.par_chunks_exact_mut(outputs * taps).enumerate().for_each(|(at, kernels)| {
            let (group, input) = (at / inputs, at % inputs);
            for (output, kernel) in kernels.chunks_exact_mut(taps).enumerate() {
                let source = &weight[((group * outputs + output) * inputs + input) * taps..][..taps];
                kernel.iter_mut().zip(source.iter().rev()).for_each(|(tap, source)| *tap = *source);
            }
        });
    }

    pub(super) fn backward_weight_im2col(&self, upstream: &[f32], input: &[f32], to_weight: &mut [f32]) {
        if let Some(joined) = self.joined() {
            return joined.backward_weight(upstream, input, to_weight);
        }
        let (positions, taps) = (self.plane.positions(), self.plane.depth() / self.plane.channels);
        let area = self.plane.height * self.plane.width;
        // Enough channels to a task that bringing dY into gemm's order is paid back; and where that makes few tasks, the
        // positions are divided among several, each with sums of its own.
        let block = self.plane.channels.div_ceil(TASKS).max(DEEP_ENOUGH.div_ceil(taps)).min(self.plane.channels);
        let blocks = self.plane.channels.div_ceil(block);
        let units = (0..self.images).flat_map(|image| self.chunks().map(move |(first, count)| (image, first, count)));
        let pieces: Vec<(usize, usize, usize)> = units.collect();
        let parts: Vec<&[_]> =
            pieces.chunks(pieces.len().div_ceil(TASKS.div_ceil(self.groups * blocks)).max(1)).collect();
        let tasks = (0..self.groups * blocks * parts.len()).into_par_iter().with_max_len(1);
        let sums: Vec<Vec<f32>> = tasks
            .map_init(Columns::default, |columns, task| {
                let (part, at) = (task % parts.len(), task / parts.len());
                let (group, channel) = (at / blocks, at % blocks * block);
                let plane = self.part(block.min(self.plane.channels - channel));
                let mut sums = vec![0.0; plane.depth() * self.out_channels];
                for &(image, first, count) in parts[part] {
                    let unit = image * self.groups + group;
                    let upstream = Matrix::rows(&upstream[unit * self.outputs_per_group()..], positions).from(0, first);
                    let columns = made(&plane, &self.input_of(input, unit)[channel * area..], first, count, columns);
                    // dY·Xᵀ or, transposed, X·dYᵀ: gemm puts the right one in its own order, so that is the smaller.
                    match self.sums_transposed(&plane) {
                        true => {
                            let mut sums = Block::of(&mut sums, self.out_channels);
                            matmul(&mut sums, count, columns, upstream.transposed(), true);
                        }
                        false => {
                            let mut sums = Block::of(&mut sums, plane.depth());
                            matmul(&mut sums, count, upstream, columns.transposed(), true);
                        }
                    }
                }
                sums
            })
            .collect();
        to_weight.par_chunks_exact_mut(self.plane.depth()).enumerate().for_each(|(at, to_weight)| {
            let (group, output) = (at / self.out_channels, at % self.out_channels);
            for (at, to_weight) in to_weight.chunks_mut(block * taps).enumerate() {
                let plane = self.part(to_weight.len() / taps);
                let (start, stride) = match self.sums_transposed(&plane) {
                    true => (output, self.out_channels),
                    false => (output * plane.depth(), 1),
                };
                for sums in &sums[(group * blocks + at) * parts.len()..][..parts.len()] {
                    let sums = sums[start..].iter().step_by(stride);
                    to_weight.iter_mut().zip(sums).for_each(|(weight, sum)| *weight += sum);
                }
            }
        });
    }

    /// Whether the sums of the weights' gradient are made channels·taps × outputs.
    fn sums_transposed(&self, plane: &Plane) -> bool {
        plane.depth() >= self.out_channels
    }
}
