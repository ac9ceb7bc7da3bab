//! The 36 matrices of a transform, one for each place of a tile, in one buffer.

use rayon::prelude::*;

use super::transforms::PLACES;
use crate::network::kernels::block::Block;
use crate::network::kernels::matmul::Matrix;

/// The size of each of the matrices.
#[derive(Clone, Copy)]
pub struct Matrices {
    pub rows: usize,
    pub columns: usize,
}

impl Matrices {
    fn stride(self) -> usize {
        self.rows * self.columns
    }

    /// Values of a buffer for all of them.
    pub fn len(self) -> usize {
        PLACES * self.stride()
    }

    /// Where a row of the matrix of a place begins.
    pub fn start(self, place: usize, row: usize) -> usize {
        place * self.stride() + row * self.columns
    }

    /// The matrix of one place.
    pub fn at(self, place: usize, values: &[f32]) -> Matrix<'_> {
        Matrix::rows(&values[place * self.stride()..][..self.stride()], self.columns)
    }

    /// The values of the matrix of one place, to be written.
    pub fn at_mut(self, place: usize, values: &mut [f32]) -> &mut [f32] {
        &mut values[place * self.stride()..][..self.stride()]
    }

    /// Every matrix with its place, to be written in parallel.
    pub fn split(self, values: &mut [f32]) -> impl IndexedParallelIterator<Item = (usize, Block<'_>)> {
        let matrices = values[..self.len()].par_chunks_exact_mut(self.stride());
        matrices.map(move |matrix| Block::of(matrix, self.columns)).enumerate()
    }

    /// Blocks of at most `rows` rows of all matrices: the first of the rows, and a block whose rows are the places, each
    /// with its rows one after the other.
    pub fn split_rows(self, values: &mut [f32], rows: usize) -> Vec<(usize, Block<'_>)> {
        let parts = Block::of(&mut values[..self.len()], self.stride()).split(PLACES, rows * self.columns).into_iter();
        parts.map(|(_, left, block)| (left / self.columns, block)).collect()
    }
}
