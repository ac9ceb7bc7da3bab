//! Convolution by its definition, on blocks of channels.

use std::ops::Range;

use rayon::prelude::*;

use super::map::{Map, pieces};
use super::pointwise::Affine;
use super::strip::{Places, Strips, group};
use super::{Bound, Finish};
use crate::graph::Window;
use crate::network::kernels::im2col::is_straight;
use crate::network::kernels::lanes::{LANES, Lanes, flat_mut};
use crate::network::kernels::scratch::Scratch;

/// The sizes of a convolution, of one image.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    pub window: Window,
    pub groups: usize,
    pub inputs: usize,
    pub outputs: usize,
    pub height: usize,
    pub width: usize,
    pub out_height: usize,
    pub out_width: usize,
}

impl Sizes {
    pub fn taps(&self) -> usize {
        (self.window.kernel.height * self.window.kernel.width) as usize
    }

    pub fn positions(&self) -> usize {
        self.out_height * self.out_width
    }

    /// Whether each output reads its own place and no other.
    pub fn is_straight(&self) -> bool {
        is_straight(self.window)
    }

    /// The windows of `outputs` side by side, of an image in the order [C, H, W]: block by block of channels·taps, output by output.
    fn columns(&self, image: &[f32], outputs: Range<usize>) -> Scratch {
        let Window { kernel, stride, padding, .. } = self.window;
        let (tall, wide) = (kernel.height as usize, kernel.width as usize);
        let (depth, count) = (self.inputs * self.taps(), outputs.len());
        let blocks = depth.div_ceil(LANES);
        let mut columns = Scratch::of_lanes(blocks * count);
        let mut window = vec![Lanes::ZERO; blocks];
        for (at, output) in outputs.enumerate() {
            let (row, column) = (output / self.out_width, output % self.out_width);
            let top = (row * stride.height as usize).wrapping_sub(padding.top as usize);
            let left = (column * stride.width as usize).wrapping_sub(padding.left as usize);
            let values = &mut flat_mut(&mut window)[..depth];
            for (line, values) in values.chunks_exact_mut(wide).enumerate() {
                let (channel, y) = (line / tall, top.wrapping_add(line % tall));
                if y >= self.height {
                    values.fill(0.0);
                    continue;
                }
                let row = &image[(channel * self.height + y) * self.width..][..self.width];
                // Of the usual sizes as one piece.
                let whole = row.get(left..).unwrap_or_default();
                match wide {
                    3 if whole.len() >= 3 => copy::<3>(whole, values),
                    5 if whole.len() >= 5 => copy::<5>(whole, values),
                    7 if whole.len() >= 7 => copy::<7>(whole, values),
                    11 if whole.len() >= 11 => copy::<11>(whole, values),
                    _ => {
                        for (x, value) in values.iter_mut().enumerate() {
                            *value = row.get(left.wrapping_add(x)).copied().unwrap_or(0.0);
                        }
                    }
                }
            }
            for (block, lanes) in window.iter().enumerate() {
                columns.lanes_mut()[block * count + at] = *lanes;
            }
        }
        columns
    }

    /// For each tap and each of `outputs`, the place that it reads; `u32::MAX` in the padding.
    fn places(&self, outputs: Range<usize>) -> Vec<u32> {
        let Window { kernel, stride, padding, dilation } = self.window;
        let mut places = Vec::with_capacity(self.taps() * outputs.len());
        for ky in 0..kernel.height {
            for kx in 0..kernel.width {
                let (mut row, mut column) = (outputs.start / self.out_width, outputs.start % self.out_width);
                for _ in outputs.clone() {
                    let y = (row as u64 * stride.height + ky * dilation.height).wrapping_sub(padding.top);
                    let x = (column as u64 * stride.width + kx * dilation.width).wrapping_sub(padding.left);
                    let inside = y < self.height as u64 && x < self.width as u64;
                    places.push(if inside { (y * self.width as u64 + x) as u32 } else { u32::MAX });
                    column += 1;
                    if column == self.out_width {
                        (row, column) = (row + 1, 0);
                    }
                }
            }
        }
        places
    }
}

/// The first `N` values.
#[inline(always)]
fn copy<const N: usize>(from: &[f32], to: &mut [f32]) {
    if let (Some(from), Some(to)) = (from.first_chunk::<N>(), to.first_chunk_mut::<N>()) {
        *to = *from;
    }
}

/// What a convolution reads.
#[derive(Clone, Copy)]
pub enum Feed<'a> {
    Blocks(&'a Map),
    /// Images in the order [N, C, H, W].
    Plain(&'a [f32]),
}

/// Blocks of outputs with the blocks of inputs that they read, and their weights.
struct Unit {
    inputs: Range<usize>,
    /// How many channels the last of them has.
    last: usize,
    outputs: Range<usize>,
    weights: Range<usize>,
}

/// Taps up to which convolutions are done on blocks: where each tap reads is kept for every position of a task.
pub const MOST_TAPS: usize = 1024;

/// Channels up to which a conv's windows are put side by side, value by value: a block would be mostly empty.
const FEW: usize = 8;

/// A convolution with its weights packed.
pub struct Conv {
    sizes: Sizes,
    /// Whether an output's whole window stands in its input blocks, as a matrix product's columns do.
    in_columns: bool,
    units: Vec<Unit>,
    weights: Vec<Lanes>,
    bias: Option<Vec<Lanes>>,
    /// What is done to its inputs, and how that is bounded; only of one that is straight.
    pub before: Option<(Affine, Bound)>,
}

/// Positions of a task at most: their inputs stay in the second-level cache while all outputs are made of them.
const TASK: usize = 432;
/// Tasks into which a map is cut at least, where it has as many strips.
const TASKS: usize = 8;
/// Positions of a strip with AVX-512; tasks are a multiple of it.
const STRIP: usize = 12;

impl Conv {
    /// Packs `[outputs, inputs/groups, kernel height, kernel width]`. `None` where groups are not whole blocks, nor blocks whole
    /// groups.
    pub fn new(sizes: Sizes, weight: &[f32], bias: Option<&[f32]>) -> Option<Conv> {
        let in_columns = sizes.groups == 1
            && sizes.inputs <= FEW
            && (sizes.window.dilation.height, sizes.window.dilation.width) == (1, 1);
        let (inputs, taps) = match in_columns {
            true => (sizes.inputs * sizes.taps(), 1),
            false => (sizes.inputs, sizes.taps()),
        };
        let Sizes { groups, outputs, .. } = sizes;
        let (own_inputs, own_outputs) = (inputs / groups, outputs / groups);
        let whole_blocks = groups == 1 || own_inputs.is_multiple_of(LANES) && own_outputs.is_multiple_of(LANES);
        let whole_groups = own_inputs == own_outputs && LANES.is_multiple_of(own_inputs);
        if sizes.taps() > MOST_TAPS || !whole_blocks && !whole_groups || sizes.height * sizes.width >= u32::MAX as usize
        {
            return None;
        }
        // Of blocks of whole groups each output block reads the input block of its index, most of it times zero.
        let (parts, blocks, step) = match whole_blocks {
            true => (groups, own_outputs.div_ceil(LANES), group()),
            false => (1, outputs.div_ceil(LANES), 1),
        };
        let (mut units, mut total) = (Vec::new(), 0);
        for part in 0..parts {
            for first in (0..blocks).step_by(step) {
                let outputs = part * blocks + first..part * blocks + (first + step).min(blocks);
                let (inputs, depth) = match whole_blocks {
                    true => {
                        let own = own_inputs.div_ceil(LANES);
                        (part * own..(part + 1) * own, own_inputs)
                    }
                    false => (first..first + 1, (inputs - first * LANES).min(LANES)),
                };
                let last = depth - (inputs.len() - 1) * LANES;
                let length = depth * taps * outputs.len();
                units.push(Unit { inputs, last, outputs, weights: total..total + length });
                total += length;
            }
        }
        let mut weights = vec![Lanes::ZERO; total];
        let mut rest = &mut weights[..];
        let mut tasks = Vec::new();
        for unit in &units {
            let (own, others) = std::mem::take(&mut rest).split_at_mut(unit.weights.len());
            rest = others;
            tasks.push((unit, own));
        }
        tasks.into_par_iter().for_each(|(unit, packed)| {
            let (wide, depth) = (unit.outputs.len(), packed.len() / (taps * unit.outputs.len()));
            for (block, lane) in (0..wide).flat_map(|block| (0..LANES).map(move |lane| (block, lane))) {
                let output = (unit.outputs.start + block) * LANES + lane;
                let Some(row) = weight.get(output * own_inputs * taps..).filter(|_| output < outputs) else { continue };
                // Of blocks of whole groups only the inputs of the output's own group count.
                let first =
                    if whole_blocks { 0 } else { output / own_outputs * own_inputs - unit.inputs.start * LANES };
                for (at, value) in row[..own_inputs.min(depth) * taps].iter().enumerate() {
                    let (input, tap) = (first + at / taps, at % taps);
                    let in_block = (depth - input / LANES * LANES).min(LANES);
                    let line = input / LANES * LANES * taps + tap * in_block + input % LANES;
                    packed[line * wide + block].0[lane] = *value;
                }
            }
        });
        Some(Conv { sizes, in_columns, units, weights, bias: bias.map(Lanes::of), before: None })
    }

    /// Whether it reads plain values.
    pub fn reads_plain(&self) -> bool {
        self.in_columns
    }

    /// Y = W∗X + b (+ `add`, a map of the output's size), bounded, finished.
    pub fn run(&self, input: Feed, add: Option<&Map>, bound: Bound, finish: Finish) -> Map {
        let (sizes, positions) = (&self.sizes, self.sizes.positions());
        let area = sizes.height * sizes.width;
        let images = match input {
            Feed::Blocks(map) => map.images,
            Feed::Plain(values) => values.len() / (sizes.inputs * area).max(1),
        };
        let blocks = sizes.outputs.div_ceil(LANES);
        // Where weights are more than inputs, each share of them is read once, for the whole map.
        let length = match self.weights.len() > sizes.inputs.div_ceil(LANES) * area && positions <= TASK {
            true => positions,
            false => positions.div_ceil(TASKS).next_multiple_of(STRIP).min(TASK),
        };
        let mut buffer = Scratch::of_lanes(images * blocks * positions);
        let lanes = &mut buffer.lanes_mut()[..images * blocks * positions];
        let planes_of = |image| match input {
            Feed::Blocks(map) => map.planes(image),
            Feed::Plain(_) => Vec::new(),
        };
        let inputs: Vec<Vec<&[Lanes]>> = (0..images).map(planes_of).collect();
        // Few pieces are shared out by channels, too.
        let pieces = pieces(lanes, images, positions, length);
        let shares = TASKS.div_ceil(images * positions.div_ceil(length)).min(self.units.len());
        let each = self.units.len().div_ceil(shares);
        let mut tasks = Vec::new();
        for (image, pieces) in pieces.into_iter().enumerate() {
            for (piece, outs) in pieces.into_iter().enumerate() {
                let mut outs = outs.into_iter();
                for units in self.units.chunks(each) {
                    let count = units.iter().map(|unit| unit.outputs.len()).sum();
                    tasks.push((image, piece * length, units, outs.by_ref().take(count).collect::<Vec<_>>()));
                }
            }
        }
        tasks.into_par_iter().for_each(|(image, first, units, mut outs)| {
            let count = outs[0].len();
            let is_straight = self.in_columns || sizes.is_straight();
            let table = if is_straight { Vec::new() } else { sizes.places(first..first + count) };
            let columns = match (input, &self.before) {
                (Feed::Plain(values), _) => {
                    let image = &values[image * sizes.inputs * area..][..sizes.inputs * area];
                    Some(sizes.columns(image, first..first + count))
                }
                (Feed::Blocks(_), Some((affine, bound))) => {
                    let mut scaled = Scratch::of_lanes(inputs[image].len() * count);
                    for (block, (plane, out)) in
                        inputs[image].iter().zip(scaled.lanes_mut().chunks_exact_mut(count)).enumerate()
                    {
                        affine.apply(block, &plane[first..][..count], *bound, out);
                    }
                    Some(scaled)
                }
                _ => None,
            };
            let columns: Option<Vec<&[Lanes]>> = columns.as_ref().map(|all| all.lanes().chunks_exact(count).collect());
            let (inputs, places) = match &columns {
                Some(columns) => (&columns[..], Places::Straight(0)),
                None if is_straight => (&inputs[image][..], Places::Straight(first)),
                None => (&inputs[image][..], Places::Table(&table)),
            };
            let mut outs = &mut outs[..];
            for unit in units {
                let (out, rest) = std::mem::take(&mut outs).split_at_mut(unit.outputs.len());
                outs = rest;
                let added: Option<Vec<&[Lanes]>> = add
                    .map(|add| unit.outputs.clone().map(|block| &add.plane(image, block)[first..][..count]).collect());
                let strips = Strips {
                    inputs: &inputs[unit.inputs.clone()],
                    last: unit.last,
                    places,
                    taps: if self.in_columns { 1 } else { sizes.taps() },
                    weights: &self.weights[unit.weights.clone()],
                    bias: self.bias.as_ref().map(|bias| &bias[unit.outputs.clone()]),
                    add: added.as_deref(),
                    bound,
                    out: &mut *out,
                };
                strips.run();
                if let Some(finish) = finish {
                    out.iter_mut().for_each(|out| finish(flat_mut(out)));
                }
            }
        });
        Map::of(buffer, images, sizes.outputs, (sizes.out_height, sizes.out_width))
    }
}
