//! Kernels, transformed or about to be.

use rayon::prelude::*;

use super::TASKS;
use super::places::Matrices;
use super::transforms::{ABREAST, EMPTY, Filtering};
use crate::network::kernels::block::Block;

/// Kernels as a convolution gets them.
#[derive(Clone, Copy)]
pub enum Kernels<'a> {
    /// U(f), place by place.
    Transformed(&'a [f32]),
    Plain(Plain<'a>),
}

/// Kernels as a layer keeps them, `[outputs, inputs, kernel, kernel]`.
#[derive(Clone, Copy)]
pub struct Plain<'a> {
    pub weight: &'a [f32],
    pub filtering: &'static Filtering,
    /// Outputs × inputs; turned, inputs × outputs.
    pub matrices: Matrices,
    /// Each kernel turned by half a turn, and channels exchanged, as for the input's gradient.
    pub turned: bool,
}

impl Plain<'_> {
    fn kernel(&self, row: usize, column: usize) -> &[f32] {
        let Matrices { rows, columns } = self.matrices;
        let index = if self.turned { column * rows + row } else { row * columns + column };
        let taps = self.filtering.kernel * self.filtering.kernel;
        &self.weight[index * taps..][..taps]
    }

    /// U(f) = G·g·Gᵀ of all kernels.
    pub fn transform(&self, transformed: &mut [f32]) {
        let tasks = self.matrices.split_rows(transformed, self.matrices.rows.div_ceil(4 * TASKS));
        tasks.into_par_iter().for_each(|(first, mut task)| self.transform_rows(first, &mut task));
    }

    /// U(f) of the rows from `first` on, as many as the block has; its rows are the places.
    pub fn transform_rows(&self, first: usize, block: &mut Block) {
        let columns = self.matrices.columns;
        let (mut gathered, mut places) = (EMPTY, EMPTY);
        for at in 0..block.columns() / columns {
            for from in (0..columns).step_by(ABREAST) {
                let count = ABREAST.min(columns - from);
                for lane in 0..count {
                    let taps = self.kernel(first + at, from + lane);
                    let gathered = gathered[..taps.len()].iter_mut();
                    match self.turned {
                        true => gathered.zip(taps.iter().rev()).for_each(|(values, tap)| values[lane] = *tap),
                        false => gathered.zip(taps).for_each(|(values, tap)| values[lane] = *tap),
                    }
                }
                (self.filtering.taps)(&gathered, &mut places, count);
                for (place, values) in places.iter().enumerate() {
                    block.row(place)[at * columns + from..][..count].copy_from_slice(&values[..count]);
                }
            }
        }
    }
}
