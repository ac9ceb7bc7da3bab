//! A rectangle of a row-major matrix that one task may write, so that several tasks can fill one matrix in place.

use std::marker::PhantomData;

/// Rows of `columns` values, `row_stride` apart. Blocks made by splitting never share an element.
pub struct Block<'a> {
    first: *mut f32,
    rows: usize,
    columns: usize,
    row_stride: usize,
    matrix: PhantomData<&'a mut [f32]>,
}

// SAFETY: a block is the only way to reach its elements while it lives (it borrows the matrix mutably, and splitting
// gives every element to exactly one part), so handing it to another thread hands over exclusive access.
unsafe impl Send for Block<'_> {}

impl<'a> Block<'a> {
    /// The whole of a matrix with rows of `columns` values.
    pub fn of(values: &'a mut [f32], columns: usize) -> Self {
        let rows = values.len().checked_div(columns).unwrap_or(0);
        Block { first: values.as_mut_ptr(), rows, columns, row_stride: columns, matrix: PhantomData }
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    pub fn columns(&self) -> usize {
        self.columns
    }

    pub(super) fn raw(&mut self) -> (*mut f32, usize) {
        (self.first, self.row_stride)
    }

    /// Cuts into blocks of at most `rows` × `columns`, row by row of blocks; each comes with its first row and column.
    pub fn split(self, rows: usize, columns: usize) -> Vec<(usize, usize, Block<'a>)> {
        let mut parts = Vec::new();
        for top in (0..self.rows).step_by(rows.max(1)) {
            for left in (0..self.columns).step_by(columns.max(1)) {
                // SAFETY: top < rows and left < columns, so the element is inside the matrix.
                let first = unsafe { self.first.add(top * self.row_stride + left) };
                let (rows, columns) = (rows.max(1).min(self.rows - top), columns.max(1).min(self.columns - left));
                parts.push((top, left, Block { first, rows, columns, ..self }));
            }
        }
        parts
    }

    /// One row of the block.
    pub fn row(&mut self, row: usize) -> &mut [f32] {
        assert!(row < self.rows, "row {row} of {}", self.rows);
        // SAFETY: the row's elements belong to this block alone and lie within the matrix it was made from; the
        // returned slice borrows the block mutably, so no second one exists at the same time.
        unsafe { std::slice::from_raw_parts_mut(self.first.add(row * self.row_stride), self.columns) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rayon::prelude::*;

    #[test]
    fn parts_cover_every_element_once() {
        for (rows, columns, tall, wide) in [(1, 1, 1, 1), (5, 7, 2, 3), (4, 6, 9, 2), (3, 8, 1, 100)] {
            let mut matrix = vec![0.0; rows * columns];
            let parts = Block::of(&mut matrix, columns).split(tall, wide);
            parts.into_par_iter().for_each(|(top, left, mut part)| {
                for row in 0..part.rows() {
                    for (column, value) in part.row(row).iter_mut().enumerate() {
                        *value += ((top + row) * 1000 + left + column + 1) as f32;
                    }
                }
            });
            for row in 0..rows {
                for column in 0..columns {
                    assert_eq!(matrix[row * columns + column], (row * 1000 + column + 1) as f32);
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "row 2 of 2")]
    fn a_row_outside_the_block_is_refused() {
        Block::of(&mut [0.0; 4], 2).row(2);
    }
}
