//! Pools on blocks of channels.

use std::ops::Range;

use rayon::prelude::*;

use super::map::Map;
use crate::graph::Window;
use crate::network::kernels::lanes::{LANES, Lanes};
use crate::network::kernels::scratch::Scratch;
use crate::network::kernels::simd::widest;
use crate::network::kernels::windows::{counted, inside, share};

/// The rows (or columns) of the input that an output's window covers, cut to the map, and how many it covers with padding.
type Covered = (Range<usize>, usize);

/// Each output of `kind` from the values that its window covers.
fn windows(input: &Map, rows: &[Covered], columns: &[Covered], kind: Kind) -> Map {
    let (blocks, positions) = (input.blocks(), rows.len() * columns.len());
    let mut buffer = Scratch::of_lanes(input.images * blocks * positions);
    let planes = buffer.lanes_mut()[..input.images * blocks * positions].par_chunks_exact_mut(positions).enumerate();
    planes.for_each(|(plane, out)| {
        let plane = input.plane(plane / blocks, plane % blocks);
        widest(
            #[inline(always)]
            || match kind {
                Kind::Max => largest(plane, input.width, rows, columns, out),
                Kind::Mean => means(plane, input.width, rows, columns, out),
            },
        );
    });
    Map::of(buffer, input.images, input.channels, (rows.len(), columns.len()))
}

#[derive(Clone, Copy)]
enum Kind {
    Max,
    Mean,
}

#[inline(always)]
fn largest(plane: &[Lanes], width: usize, rows: &[Covered], columns: &[Covered], out: &mut [Lanes]) {
    for (out, (rows, _)) in out.chunks_exact_mut(columns.len()).zip(rows) {
        for (out, (columns, _)) in out.iter_mut().zip(columns) {
            let mut most = [f32::NEG_INFINITY; LANES];
            for row in rows.clone() {
                for value in &plane[row * width..][columns.clone()] {
                    for (most, &value) in most.iter_mut().zip(&value.0) {
                        // Not `max`, which would lose a NaN: nothing is larger than one.
                        *most = if value > *most || value.is_nan() { value } else { *most };
                    }
                }
            }
            out.0 = most;
        }
    }
}

#[inline(always)]
fn means(plane: &[Lanes], width: usize, rows: &[Covered], columns: &[Covered], out: &mut [Lanes]) {
    for (out, (rows, tall)) in out.chunks_exact_mut(columns.len()).zip(rows) {
        for (out, (columns, wide)) in out.iter_mut().zip(columns) {
            let mut sums = [0.0; LANES];
            for row in rows.clone() {
                for value in &plane[row * width..][columns.clone()] {
                    sums.iter_mut().zip(&value.0).for_each(|(sum, value)| *sum += value);
                }
            }
            let share = 1.0 / (tall * wide) as f32;
            sums.iter_mut().for_each(|sum| *sum *= share);
            out.0 = sums;
        }
    }
}

/// The largest value of each window.
pub fn max(input: &Map, window: Window, (rows, columns): (usize, usize)) -> Map {
    let [rows, columns] = both(input, window, (rows, columns), false);
    windows(input, &rows, &columns, Kind::Max)
}

/// The mean of each window, zeros of the padding counted or not.
pub fn mean(input: &Map, window: Window, out: (usize, usize), counts_padding: bool) -> Map {
    let [rows, columns] = both(input, window, out, counts_padding);
    windows(input, &rows, &columns, Kind::Mean)
}

fn both(input: &Map, window: Window, (rows, columns): (usize, usize), counts_padding: bool) -> [Vec<Covered>; 2] {
    let Window { kernel, stride, padding, .. } = window;
    let along = |count: usize, kernel: u64, stride: u64, padding: (u64, u64), size: usize| -> Vec<Covered> {
        let of = |at: usize| {
            let inside = inside(at, kernel, stride, padding.0, size);
            let count = if counts_padding { counted(at, kernel, stride, padding, size) as usize } else { inside.len() };
            (inside, count)
        };
        (0..count).map(of).collect()
    };
    [
        along(rows, kernel.height, stride.height, (padding.top, padding.bottom), input.height),
        along(columns, kernel.width, stride.width, (padding.left, padding.right), input.width),
    ]
}

/// The mean of each of rows × columns equal shares, as PyTorch's adaptive pool cuts them.
pub fn adaptive_mean(input: &Map, (rows, columns): (usize, usize)) -> Map {
    let shares = |count: usize, size: usize| -> Vec<Covered> {
        (0..count).map(|at| share(at, count, size)).map(|share| (share.clone(), share.len())).collect()
    };
    windows(input, &shares(rows, input.height), &shares(columns, input.width), Kind::Mean)
}
