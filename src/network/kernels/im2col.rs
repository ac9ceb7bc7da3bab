//! Convolution as a matrix product: the input's windows side by side as columns.

use crate::graph::Window;

/// The sizes of one group of one image.
#[derive(Clone, Copy)]
pub struct Plane {
    pub channels: usize,
    pub height: usize,
    pub width: usize,
    pub out_height: usize,
    pub out_width: usize,
    pub window: Window,
}

/// Whether an output reads its own place and no other.
pub fn is_straight(window: Window) -> bool {
    let Window { kernel, stride, padding, .. } = window;
    let ones = [kernel.height, kernel.width, stride.height, stride.width];
    ones == [1; 4] && [padding.top, padding.bottom, padding.left, padding.right] == [0; 4]
}

/// A run of neighbouring output positions and the input row they read, for one row of the column matrix.
struct Run {
    /// First of the positions, counted from the first wanted.
    at: usize,
    length: usize,
    /// Start of the input row within the channels' values; `None` in the padding.
    row: Option<usize>,
    /// Input column of the run's first position, plus the padding.
    padded_x: usize,
}

impl Plane {
    fn taps(&self) -> usize {
        (self.window.kernel.height * self.window.kernel.width) as usize
    }

    /// Whether the input is its own column matrix.
    pub fn is_straight(&self) -> bool {
        is_straight(self.window)
    }

    /// Rows of the column matrix: channels·kernel height·kernel width.
    pub fn depth(&self) -> usize {
        self.channels * self.taps()
    }

    pub fn positions(&self) -> usize {
        self.out_height * self.out_width
    }

    /// Values of the input: channels·height·width.
    pub fn values(&self) -> usize {
        self.channels * self.height * self.width
    }

    fn stride_x(&self) -> usize {
        self.window.stride.width as usize
    }

    /// The place in a channel's map that each tap reads at each output position, tap by tap; `None` in the padding.
    pub fn sources(&self) -> Vec<Option<usize>> {
        let mut sources = vec![None; self.taps() * self.positions()];
        for (tap, line) in sources.chunks_exact_mut(self.positions()).enumerate() {
            for run in self.runs(tap, 0, self.positions()) {
                let Some(row) = run.row else { continue };
                for at in self.inside(&run) {
                    let column = run.padded_x + at * self.stride_x() - self.window.padding.left as usize;
                    line[run.at + at] = Some(row + column);
                }
            }
        }
        sources
    }

    /// The runs of `count` positions from `first` on, for row `row` of the column matrix.
    fn runs(&self, row: usize, first: usize, count: usize) -> impl Iterator<Item = Run> + use<> {
        let plane = *self;
        let window = self.window;
        let (kernel_height, kernel_width) = (window.kernel.height as usize, window.kernel.width as usize);
        let (ky, kx) = (row / kernel_width % kernel_height, row % kernel_width);
        let (dy, dx) = (ky * window.dilation.height as usize, kx * window.dilation.width as usize);
        let channel = row / plane.taps();
        let mut at = 0;
        std::iter::from_fn(move || {
            if at >= count {
                return None;
            }
            let (oy, ox) = ((first + at) / plane.out_width, (first + at) % plane.out_width);
            let length = (plane.out_width - ox).min(count - at);
            let y = (oy * window.stride.height as usize + dy).checked_sub(window.padding.top as usize);
            let y = y.filter(|&y| y < plane.height);
            let run = Run {
                at,
                length,
                row: y.map(|y| (channel * plane.height + y) * plane.width),
                padded_x: ox * plane.stride_x() + dx,
            };
            at += length;
            Some(run)
        })
    }

    /// Which positions of a run lie inside the input row, as a range; the rest are padding.
    fn inside(&self, run: &Run) -> std::ops::Range<usize> {
        let (stride, padding) = (self.stride_x(), self.window.padding.left as usize);
        let from = padding.saturating_sub(run.padded_x).div_ceil(stride).min(run.length);
        let to = (self.width + padding).saturating_sub(run.padded_x).div_ceil(stride).min(run.length);
        from..to.max(from)
    }
}

/// Fills `columns` (depth × count) with the windows of `count` positions from `first` on.
pub fn im2col(input: &[f32], plane: &Plane, first: usize, count: usize, columns: &mut [f32]) {
    for (row, line) in columns.chunks_mut(count).take(plane.depth()).enumerate() {
        for run in plane.runs(row, first, count) {
            let target = &mut line[run.at..run.at + run.length];
            let Some(start) = run.row else {
                target.fill(0.0);
                continue;
            };
            let inside = plane.inside(&run);
            target[..inside.start].fill(0.0);
            target[inside.end..].fill(0.0);
            if inside.is_empty() {
                continue;
            }
            let stride = plane.stride_x();
            let from = start + run.padded_x + inside.start * stride - plane.window.padding.left as usize;
            let target = &mut target[inside];
            if stride == 1 {
                target.copy_from_slice(&input[from..from + target.len()]);
            } else {
                for (value, source) in target.iter_mut().zip(input[from..].iter().step_by(stride)) {
                    *value = *source;
                }
            }
        }
    }
}

/// The transpose of [`im2col`]: adds every column value back to the input value it came from.
pub fn col2im(columns: &[f32], plane: &Plane, first: usize, count: usize, input: &mut [f32]) {
    for (row, line) in columns.chunks(count).take(plane.depth()).enumerate() {
        for run in plane.runs(row, first, count) {
            let (Some(start), inside) = (run.row, plane.inside(&run)) else {
                continue;
            };
            if inside.is_empty() {
                continue;
            }
            let stride = plane.stride_x();
            let from = start + run.padded_x + inside.start * stride - plane.window.padding.left as usize;
            let source = &line[run.at..run.at + run.length][inside];
            for (sum, value) in input[from..].iter_mut().step_by(stride).zip(source) {
                *sum += value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::output_size;
    use crate::spec::describe::{Pair, Sides};
    use proptest::prelude::*;

    /// The input index that row `row` of the column matrix reads at `position`, by the definition of convolution.
    fn by_definition(plane: &Plane, row: usize, position: usize) -> Option<usize> {
        let window = plane.window;
        let (kernel_height, kernel_width) = (window.kernel.height as usize, window.kernel.width as usize);
        let (channel, tap) = (row / (kernel_height * kernel_width), row % (kernel_height * kernel_width));
        let (oy, ox) = (position / plane.out_width, position % plane.out_width);
        let y = (oy * window.stride.height as usize + tap / kernel_width * window.dilation.height as usize)
            .checked_sub(window.padding.top as usize)?;
        let x = (ox * window.stride.width as usize + tap % kernel_width * window.dilation.width as usize)
            .checked_sub(window.padding.left as usize)?;
        (y < plane.height && x < plane.width).then_some((channel * plane.height + y) * plane.width + x)
    }

    proptest! {
        #[test]
        fn columns_hold_what_the_definition_reads_and_col2im_puts_it_back(
            (height, width) in (1usize..9, 1usize..9), (kernel, stride) in (1u64..4, 1u64..4),
            (padding, dilation) in (0u64..6, 1u64..3), first in 0usize..3,
        ) {
            let window = Window { kernel: Pair { height: kernel, width: 1 + kernel % 3 }, stride: Pair::square(stride),
                padding: Sides::around(Pair::square(padding)), dilation: Pair::square(dilation) };
            let size = |input: usize, kernel| output_size(input as u64, kernel, stride, (padding, padding), dilation, false);
            let (rows, columns) = (size(height, window.kernel.height), size(width, window.kernel.width));
            let (Some(out_height), Some(out_width)) = (rows, columns) else {
                return Ok(());
            };
            let (out_height, out_width) = (out_height as usize, out_width as usize);
            let plane = Plane { channels: 2, height, width, out_height, out_width, window };
            let input: Vec<f32> = (0..plane.values()).map(|value| value as f32 + 1.0).collect();
            let first = first.min(plane.positions() - 1);
            let count = plane.positions() - first;
            let mut columns = vec![f32::NAN; plane.depth() * count];
            im2col(&input, &plane, first, count, &mut columns);
            let mut back = vec![0.0; plane.values()];
            for row in 0..plane.depth() {
                for at in 0..count {
                    let index = by_definition(&plane, row, first + at);
                    prop_assert_eq!(columns[row * count + at], index.map_or(0.0, |index| input[index]));
                    if let Some(index) = index {
                        back[index] += input[index];
                    }
                }
            }
            let mut sums = vec![0.0; plane.values()];
            col2im(&columns, &plane, first, count, &mut sums);
            prop_assert_eq!(sums, back);
        }
    }
}
