//! Convolution by its definition, row by row: the right way for depthwise layers, where a matrix product would have a
//! single row, and the plain answer to hold the other algorithms against.

use rayon::prelude::*;

use super::im2col::Plane;
use super::pitched::Pitched;
use super::simd::widest;

/// The sizes of a convolution over a batch, as [`super::conv::Convolution`].
#[derive(Clone, Copy)]
pub struct Direct {
    pub images: usize,
    pub groups: usize,
    pub plane: Plane,
    /// Output channels of one group.
    pub out_channels: usize,
}

impl Direct {
    fn area(&self) -> usize {
        self.plane.height * self.plane.width
    }

    /// Every tap (ky, kx) with its index in a kernel.
    fn taps(&self) -> impl Iterator<Item = (usize, usize, usize)> + use<> {
        let (height, width) = (self.plane.window.kernel.height as usize, self.plane.window.kernel.width as usize);
        (0..height * width).map(move |tap| (tap, tap / width, tap % width))
    }

    /// For tap (ky, kx): runs `each` over every output row with its input row and the range of output columns that read
    /// inside the input, and the input column that the first of them reads.
    #[inline(always)]
    fn rows(&self, ky: usize, kx: usize, mut each: impl FnMut(usize, usize, std::ops::Range<usize>, usize)) {
        let window = self.plane.window;
        let (stride_y, stride_x) = (window.stride.height as usize, window.stride.width as usize);
        let (pad_y, pad_x) = (window.padding.top as usize, window.padding.left as usize);
        let (dy, dx) = (ky * window.dilation.height as usize, kx * window.dilation.width as usize);
        let from = pad_x.saturating_sub(dx).div_ceil(stride_x).min(self.plane.out_width);
        let to = (self.plane.width + pad_x).saturating_sub(dx).div_ceil(stride_x).min(self.plane.out_width);
        if from >= to {
            return;
        }
        for oy in 0..self.plane.out_height {
            let Some(y) = (oy * stride_y + dy).checked_sub(pad_y).filter(|&y| y < self.plane.height) else { continue };
            each(oy, y, from..to, from * stride_x + dx - pad_x);
        }
    }

    /// A plane of a depthwise convolution as one long row, where that can be done.
    fn pitched(&self) -> Option<Pitched> {
        Pitched::of(&self.plane).filter(|_| self.plane.channels == 1 && self.out_channels == 1)
    }

    /// Y = W∗X + b.
    pub fn forward(&self, input: &[f32], weight: &[f32], bias: Option<&[f32]>, out: &mut [f32]) {
        if let Some(pitched) = self.pitched() {
            let planes = out.par_chunks_exact_mut(self.plane.positions()).zip(input.par_chunks_exact(self.area()));
            return planes.enumerate().for_each_init(Default::default, |buffers, (at, (out, plane))| {
                let channel = at % self.groups;
                let (start, taps) = (bias.map_or(0.0, |bias| bias[channel]), self.plane.depth());
                let kernel = weight[channel * taps..][..taps].iter().copied();
                pitched.convolve(plane, kernel, start, buffers, |first, made| {
                    out[first..first + made.len()].copy_from_slice(made);
                });
            });
        }
        let (positions, channels, depth) = (self.plane.positions(), self.plane.channels, self.plane.depth());
        let outputs = self.groups * self.out_channels;
        let stride = self.plane.window.stride.width as usize;
        out.par_chunks_exact_mut(positions).enumerate().for_each(|(at, out)| {
            let (image, output) = (at / outputs, at % outputs);
            out.fill(bias.map_or(0.0, |bias| bias[output]));
            for channel in 0..channels {
                let place = image * self.groups * channels + output / self.out_channels * channels + channel;
                let plane = &input[place * self.area()..][..self.area()];
                let kernel = &weight[output * depth + channel * depth / channels..];
                widest(
                    #[inline(always)]
                    || {
                        for (tap, ky, kx) in self.taps() {
                            let factor = kernel[tap];
                            self.rows(ky, kx, |oy, y, columns, x| {
                                let row = &plane[y * self.plane.width + x..];
                                let out = &mut out[oy * self.plane.out_width..][columns];
                                match stride {
                                    1 => out.iter_mut().zip(row).for_each(|(sum, value)| *sum += factor * value),
                                    _ => {
                                        let row = row.iter().step_by(stride);
                                        out.iter_mut().zip(row).for_each(|(sum, value)| *sum += factor * value);
                                    }
                                }
                            });
                        }
                    },
                );
            }
        });
    }

    /// Adds dX to `to_input`.
    pub fn backward_input(&self, upstream: &[f32], weight: &[f32], to_input: &mut [f32]) {
        if let Some(turned) = self.pitched().and_then(|pitched| pitched.turned()) {
            let planes = to_input.par_chunks_exact_mut(self.area());
            let planes = planes.zip(upstream.par_chunks_exact(self.plane.positions())).enumerate();
            return planes.for_each_init(Default::default, |buffers, (at, (to_input, upstream))| {
                let (channel, taps) = (at % self.groups, self.plane.depth());
                let kernel = weight[channel * taps..][..taps].iter().rev().copied();
                turned.convolve(upstream, kernel, 0.0, buffers, |first, made| {
                    to_input[first..].iter_mut().zip(made).for_each(|(sum, value)| *sum += value);
                });
            });
        }
        let (positions, channels, depth) = (self.plane.positions(), self.plane.channels, self.plane.depth());
        let inputs = self.groups * channels;
        let stride = self.plane.window.stride.width as usize;
        to_input.par_chunks_exact_mut(self.area()).enumerate().for_each(|(at, to_input)| {
            let (image, group, channel) = (at / inputs, at % inputs / channels, at % channels);
            for output in 0..self.out_channels {
                let output = group * self.out_channels + output;
                let plane = &upstream[(image * self.groups * self.out_channels + output) * positions..][..positions];
                let kernel = &weight[output * depth + channel * depth / channels..];
                widest(
                    #[inline(always)]
                    || {
                        for (tap, ky, kx) in self.taps() {
                            let factor = kernel[tap];
                            self.rows(ky, kx, |oy, y, columns, x| {
                                let row = &mut to_input[y * self.plane.width + x..];
                                let gradients = &plane[oy * self.plane.out_width..][columns];
                                match stride {
                                    1 => row.iter_mut().zip(gradients).for_each(|(sum, value)| *sum += factor * value),
                                    _ => {
                                        let row = row.iter_mut().step_by(stride);
                                        row.zip(gradients).for_each(|(sum, value)| *sum += factor * value);
                                    }
                                }
                            });
                        }
                    },
                );
            }
        });
    }

    /// Adds dW to `to_weight`.
    pub fn backward_weight(&self, upstream: &[f32], input: &[f32], to_weight: &mut [f32]) {
        if let Some(pitched) = self.pitched() {
            let kernels = to_weight.par_chunks_exact_mut(self.plane.depth()).enumerate();
            return kernels.for_each_init(Default::default, |buffers, (channel, to_taps)| {
                for image in 0..self.images {
                    let at = image * self.groups + channel;
                    let upstream = &upstream[at * self.plane.positions()..][..self.plane.positions()];
                    pitched.weight_gradient(&input[at * self.area()..][..self.area()], upstream, buffers, to_taps);
                }
            });
        }
        let (positions, channels, depth) = (self.plane.positions(), self.plane.channels, self.plane.depth());
        let taps = depth / channels;
        let stride = self.plane.window.stride.width as usize;
        to_weight.par_chunks_exact_mut(taps).enumerate().for_each(|(at, to_kernel)| {
            let (output, channel) = (at / channels, at % channels);
            for image in 0..self.images {
                let place = image * self.groups * channels + output / self.out_channels * channels + channel;
                let plane = &input[place * self.area()..][..self.area()];
                let gradients =
                    &upstream[(image * self.groups * self.out_channels + output) * positions..][..positions];
                for (tap, ky, kx) in self.taps() {
                    let mut sum = 0.0;
                    widest(
                        #[inline(always)]
                        || {
                            self.rows(ky, kx, |oy, y, columns, x| {
                                let row = &plane[y * self.plane.width + x..];
                                let gradients = &gradients[oy * self.plane.out_width..][columns];
                                sum += match stride {
                                    1 => dot(row, gradients),
                                    _ => row.iter().step_by(stride).zip(gradients).map(|(x, dy)| x * dy).sum(),
                                };
                            });
                        },
                    );
                    to_kernel[tap] += sum;
                }
            }
        });
    }
}

/// Σ x·y over the shorter of both, in sixteen sums side by side.
#[inline(always)]
fn dot(one: &[f32], other: &[f32]) -> f32 {
    let length = one.len().min(other.len());
    let (chunks, rest) = one[..length].as_chunks::<16>();
    let (other_chunks, other_rest) = other[..length].as_chunks::<16>();
    let mut sums = [0.0f32; 16];
    for (x, y) in chunks.iter().zip(other_chunks) {
        for lane in 0..16 {
            sums[lane] += x[lane] * y[lane];
        }
    }
    sums.iter().sum::<f32>() + rest.iter().zip(other_rest).map(|(x, y)| x * y).sum::<f32>()
}
