//! Depthwise convolution with stride 1 on a plane with its padding around it: then every tap reads at one distance from every
//! output, so the whole plane is one long row, whatever its width.
//!
//! Between two rows lie outputs that are none, as many as the kernel is wider than 1; they are made and left out.

use super::im2col::Plane;
use super::simd::widest;

/// Outputs made at a time.
const ABREAST: usize = 16;

/// The sizes of one plane.
#[derive(Clone, Copy)]
pub struct Pitched {
    height: usize,
    width: usize,
    out_height: usize,
    out_width: usize,
    kernel: (usize, usize),
    /// Rows above and columns before.
    padding: (usize, usize),
    /// From a row to the next.
    pitch: usize,
}

impl Pitched {
    /// `None` where the stride is not 1, taps are not next to each other, or there is far more padding than plane.
    pub fn of(plane: &Plane) -> Option<Pitched> {
        let window = plane.window;
        let ones = [window.stride.height, window.stride.width, window.dilation.height, window.dilation.width];
        let kernel = (window.kernel.height as usize, window.kernel.width as usize);
        let pitched = Pitched {
            height: plane.height,
            width: plane.width,
            out_height: plane.out_height,
            out_width: plane.out_width,
            kernel,
            padding: (window.padding.top as usize, window.padding.left as usize),
            pitch: plane.out_width + kernel.1 - 1,
        };
        (ones == [1; 4]).then_some(pitched).filter(Pitched::is_thrifty)
    }

    /// Whether the padding does not make far more of the plane than it is.
    fn is_thrifty(&self) -> bool {
        let padded = (self.out_height + self.kernel.0).saturating_mul(self.pitch);
        padded <= 4 * (self.height * self.width + self.out_height * self.out_width) + (1 << 16)
    }

    /// The sizes of the convolution that gives the input's gradient; `None` where the padding is wider than the kernel reaches.
    pub fn turned(&self) -> Option<Pitched> {
        let padding =
            ((self.kernel.0 - 1).checked_sub(self.padding.0)?, (self.kernel.1 - 1).checked_sub(self.padding.1)?);
        let turned = Pitched {
            height: self.out_height,
            width: self.out_width,
            out_height: self.height,
            out_width: self.width,
            padding,
            pitch: self.width + self.kernel.1 - 1,
            ..*self
        };
        turned.is_thrifty().then_some(turned)
    }

    /// From the first output to the last, those between rows with them.
    fn outputs(&self) -> usize {
        (self.out_height - 1) * self.pitch + self.out_width
    }

    /// How far from an output each tap reads.
    fn distances(&self) -> Vec<usize> {
        let (rows, columns) = self.kernel;
        (0..rows * columns).map(|tap| tap / columns * self.pitch + tap % columns).collect()
    }

    /// The plane with its padding, and zeros behind it for what is made a few at a time. A padding may also cut rows off below, and
    /// columns behind: no output reads them.
    fn padded(&self, plane: &[f32], padded: &mut Vec<f32>) {
        padded.clear();
        padded.resize((self.out_height + self.kernel.0) * self.pitch + ABREAST, 0.0);
        let (top, left) = self.padding;
        let count = self.width.min(self.pitch - left);
        let rows = self.height.min(self.out_height + self.kernel.0 - 1 - top);
        for (row, line) in plane.chunks_exact(self.width).take(rows).enumerate() {
            padded[(top + row) * self.pitch + left..][..count].copy_from_slice(&line[..count]);
        }
    }

    /// Y = start + w∗X, each output handed to `put` with its place. `weight` gives the taps in their order.
    pub fn convolve(
        &self,
        plane: &[f32],
        weight: impl Iterator<Item = f32>,
        start: f32,
        buffers: &mut [Vec<f32>; 2],
        mut put: impl FnMut(usize, &[f32]),
    ) {
        let [padded, made] = buffers;
        self.padded(plane, padded);
        let taps: Vec<(usize, f32)> = self.distances().into_iter().zip(weight).collect();
        made.resize(self.out_height * self.pitch + ABREAST, 0.0);
        let count = self.outputs().div_ceil(ABREAST);
        widest(
            #[inline(always)]
            || {
                for (at, made) in made.as_chunks_mut::<ABREAST>().0.iter_mut().enumerate().take(count) {
                    let mut sums = [start; ABREAST];
                    for &(distance, factor) in &taps {
                        let values = &padded[at * ABREAST + distance..][..ABREAST];
                        sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += factor * value);
                    }
                    *made = sums;
                }
            },
        );
        for row in 0..self.out_height {
            put(row * self.out_width, &made[row * self.pitch..][..self.out_width]);
        }
    }

    /// Adds Σ dY·X of each tap.
    pub fn weight_gradient(&self, plane: &[f32], upstream: &[f32], buffers: &mut [Vec<f32>; 2], to_taps: &mut [f32]) {
        let [padded, spread] = buffers;
        self.padded(plane, padded);
        // Zero between the rows, where nothing was made.
        spread.clear();
        spread.resize(self.out_height * self.pitch + ABREAST, 0.0);
        for (row, line) in upstream.chunks_exact(self.out_width).enumerate() {
            spread[row * self.pitch..][..self.out_width].copy_from_slice(line);
        }
        let count = self.outputs().div_ceil(ABREAST);
        for (to_tap, distance) in to_taps.iter_mut().zip(self.distances()) {
            let mut sums = [0.0f32; ABREAST];
            widest(
                #[inline(always)]
                || {
                    for (at, upstream) in spread.as_chunks::<ABREAST>().0.iter().enumerate().take(count) {
                        let values = &padded[at * ABREAST + distance..][..ABREAST];
                        let pairs = upstream.iter().zip(values);
                        sums.iter_mut().zip(pairs).for_each(|(sum, (dy, x))| *sum += dy * x);
                    }
                },
            );
            *to_tap += sums.iter().sum::<f32>();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Window;
    use crate::spec::describe::{Pair, Sides};

    #[test]
    fn a_kernel_far_larger_than_the_map_is_left_to_the_definition() {
        let plane = |kernel: u64, size: usize| {
            let (one, padding) = (Pair::square(1), Sides::around(Pair::square(kernel / 2)));
            let window = Window { kernel: Pair::square(kernel), stride: one, padding, dilation: one };
            Plane { channels: 1, height: size, width: size, out_height: size, out_width: size, window }
        };
        assert!(Pitched::of(&plane(5, 7)).is_some_and(|pitched| pitched.turned().is_some()));
        assert!(Pitched::of(&plane(3, 112)).is_some());
        // It would be a gigabyte for a single value.
        assert!(Pitched::of(&plane(16_385, 1)).is_none());
    }
}
