//! Convolution of each channel by itself, on blocks of channels.

// Plain loops: closures of `from_fn` and `map` would be compiled apart, for the plain registers.
#![allow(clippy::needless_range_loop)]

use std::ops::Range;

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::conv::{MOST_TAPS, Sizes};
use super::map::{Map, pieces};
use super::{Bound, Finish, bounded};
use crate::network::kernels::lanes::{LANES, Lanes, flat_mut};
use crate::network::kernels::scratch::Scratch;

/// A depthwise convolution with its weights packed: block by block, tap by tap.
pub struct Depthwise {
    sizes: Sizes,
    weights: Vec<Lanes>,
    bias: Vec<Lanes>,
}

/// Multiplications of a task at least: fewer are done before another thread is awake.
const TASK: usize = 1 << 13;
/// Outputs that are made side by side, so that a weight is read once for all of them.
const ABREAST: usize = 7;

impl Depthwise {
    /// Packs `[channels, 1, kernel height, kernel width]`. `None` where it is not one output for each input, or of a kernel too large.
    pub fn new(sizes: Sizes, weight: &[f32], bias: Option<&[f32]>) -> Option<Depthwise> {
        if sizes.groups != sizes.inputs || sizes.outputs != sizes.inputs || sizes.taps() > MOST_TAPS {
            return None;
        }
        let (taps, blocks) = (sizes.taps(), sizes.inputs.div_ceil(LANES));
        let mut weights = vec![Lanes::ZERO; blocks * taps];
        for (channel, kernel) in weight.chunks_exact(taps).enumerate() {
            for (tap, value) in kernel.iter().enumerate() {
                weights[channel / LANES * taps + tap].0[channel % LANES] = *value;
            }
        }
        let bias = bias.map_or_else(|| vec![Lanes::ZERO; blocks], Lanes::of);
        Some(Depthwise { sizes, weights, bias })
    }

    /// Y = W∗X + b, bounded, finished.
    pub fn run(&self, input: &Map, bound: Bound, finish: Finish) -> Map {
        let (sizes, blocks) = (&self.sizes, self.bias.len());
        let (positions, taps) = (sizes.positions(), sizes.taps());
        let mut buffer = Scratch::of_lanes(input.images * blocks * positions);
        let lanes = &mut buffer.lanes_mut()[..input.images * blocks * positions];
        let rows = (TASK / (taps * sizes.out_width)).clamp(1, sizes.out_height);
        let mut tasks = Vec::new();
        for (image, own) in pieces(lanes, input.images, positions, rows * sizes.out_width).into_iter().enumerate() {
            for (piece, own) in own.into_iter().enumerate() {
                tasks.extend(own.into_iter().enumerate().map(|(block, out)| (image, piece * rows, block, out)));
            }
        }
        let together = (TASK / (taps * rows * sizes.out_width)).max(1);
        tasks.into_par_iter().with_min_len(together).for_each(|(image, first, block, out)| {
            let weights = &self.weights[block * taps..][..taps];
            let input = input.plane(image, block);
            let (bias, out_lanes) = (&self.bias[block], &mut *out);
            Arch::new().dispatch(Rows { sizes, first, input, weights, bias, bound, out: out_lanes });
            if let Some(finish) = finish {
                finish(flat_mut(out));
            }
        });
        Map::of(buffer, input.images, sizes.outputs, (sizes.out_height, sizes.out_width))
    }
}

/// Output rows from `first` on, of one block.
struct Rows<'a> {
    sizes: &'a Sizes,
    first: usize,
    input: &'a [Lanes],
    weights: &'a [Lanes],
    bias: &'a Lanes,
    bound: Bound,
    out: &'a mut [Lanes],
}

/// The taps of an axis that find a value for the output that begins at `start`, `before` values of padding in front.
fn inside(start: usize, taps: usize, step: usize, before: usize, size: usize) -> Range<usize> {
    let from = before.saturating_sub(start).div_ceil(step).min(taps);
    from..(size + before).saturating_sub(start).div_ceil(step).clamp(from, taps)
}

impl WithSimd for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Rows { sizes, first, input, weights, bias, bound, out } = self;
        let Sizes { window, height, width, out_width, .. } = *sizes;
        let (kernel_height, kernel_width) = (window.kernel.height as usize, window.kernel.width as usize);
        let (stride_y, stride_x) = (window.stride.height as usize, window.stride.width as usize);
        let (step_y, step_x) = (window.dilation.height as usize, window.dilation.width as usize);
        let (top, left) = (window.padding.top as usize, window.padding.left as usize);
        // The columns of which every tap is inside.
        let reach = (kernel_width - 1) * step_x;
        let from = left.div_ceil(stride_x).min(out_width);
        let to = ((width + left).saturating_sub(reach).div_ceil(stride_x)).clamp(from, out_width);
        for (row, out) in out.chunks_exact_mut(out_width).enumerate() {
            let y = (first + row) * stride_y;
            let rows = inside(y, kernel_height, step_y, top, height);
            let mut column = 0;
            while column < out_width {
                let is_inner = column >= from && column + ABREAST <= to;
                let count = if is_inner { ABREAST } else { 1 };
                for register in 0..LANES / S::F32_LANES {
                    let bias = S::as_simd_f32s(&bias.0).0[register];
                    if is_inner {
                        let mut sums = [bias; ABREAST];
                        for ky in rows.clone() {
                            let line = &input[(y + ky * step_y - top) * width..][..width];
                            for kx in 0..kernel_width {
                                let factor = S::as_simd_f32s(&weights[ky * kernel_width + kx].0).0[register];
                                let line = &line[column * stride_x + kx * step_x - left..];
                                let line = &line[..(ABREAST - 1) * stride_x + 1];
                                for at in 0..ABREAST {
                                    let value = S::as_simd_f32s(&line[at * stride_x].0).0[register];
                                    sums[at] = simd.mul_add_e_f32s(value, factor, sums[at]);
                                }
                            }
                        }
                        for at in 0..ABREAST {
                            let sum = bounded(simd, sums[at], bound);
                            S::as_mut_simd_f32s(&mut out[column + at].0).0[register] = sum;
                        }
                    } else {
                        let x = column * stride_x;
                        let mut sum = bias;
                        for ky in rows.clone() {
                            let line = &input[(y + ky * step_y - top) * width..][..width];
                            for kx in inside(x, kernel_width, step_x, left, width) {
                                let factor = S::as_simd_f32s(&weights[ky * kernel_width + kx].0).0[register];
                                let value = S::as_simd_f32s(&line[x + kx * step_x - left].0).0[register];
                                sum = simd.mul_add_e_f32s(value, factor, sum);
                            }
                        }
                        S::as_mut_simd_f32s(&mut out[column].0).0[register] = bounded(simd, sum, bound);
                    }
                }
                column += count;
            }
        }
    }
}
