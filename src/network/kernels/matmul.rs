//! Matrix products through the gemm crate, with slices checked against their strides.

use gemm_common::Parallelism;
use gemm_f32::gemm::f32::get_gemm_fn;
use rayon::prelude::*;

use super::block::Block;

/// A matrix in a slice: element (i, j) stands at `i·row_stride + j·column_stride`.
#[derive(Clone, Copy)]
pub struct Matrix<'a> {
    pub values: &'a [f32],
    pub row_stride: usize,
    pub column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// Rows one after the other, `columns` values each.
    pub fn rows(values: &'a [f32], columns: usize) -> Self {
        Matrix { values, row_stride: columns, column_stride: 1 }
    }

    pub fn transposed(self) -> Self {
        Matrix { row_stride: self.column_stride, column_stride: self.row_stride, ..self }
    }

    /// The matrix from row `row` and column `column` on.
    pub fn from(self, row: usize, column: usize) -> Self {
        let start = row * self.row_stride + column * self.column_stride;
        Matrix { values: &self.values[start.min(self.values.len())..], ..self }
    }

    fn holds(&self, rows: usize, columns: usize) -> bool {
        rows == 0
            || columns == 0
            || (rows - 1) * self.row_stride + (columns - 1) * self.column_stride < self.values.len()
    }
}

/// `out (m×n) = left (m×depth) · right (depth×n)`, added to `out` if `add`. On the calling thread alone, so that the
/// order of additions never depends on the number of threads.
pub fn matmul(out: &mut Block, depth: usize, left: Matrix, right: Matrix, add: bool) {
    let (m, n) = (out.rows(), out.columns());
    assert!(left.holds(m, depth) && right.holds(depth, n), "a matrix is smaller than its size says");
    let (first, row_stride) = out.raw();
    // gemm's blocks are columns; rows next to each other are those of the transposed product: outᵀ = rightᵀ · leftᵀ.
    let (m, n, column_stride, row_stride, left, right) = match row_stride > 1 {
        true => (n, m, row_stride, 1, right.transposed(), left.transposed()),
        false => (m, n, 1, row_stride, left, right),
    };
    // SAFETY: the assertion holds every index that gemm reads (i < m, j < n, l < depth, with these strides) inside the
    // slices; the block owns the m×n elements that gemm writes, and being borrowed mutably overlaps neither.
    unsafe {
        get_gemm_fn()(
            m,
            n,
            depth,
            first,
            column_stride as isize,
            row_stride as isize,
            add,
            left.values.as_ptr(),
            left.column_stride as isize,
            left.row_stride as isize,
            right.values.as_ptr(),
            right.column_stride as isize,
            right.row_stride as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

/// Rows of `left` up to which a product reads `right` once, row by row, instead of packing it.
const FEW_ROWS: usize = 4;
/// Columns of the output that one task makes. Fixed, so that the number of threads changes nothing.
const STRIP: usize = 512;

/// `out (rows×columns) = left (rows×depth) · right (depth×columns)`, added to `out` if `add`, over all cores.
pub fn product(out: &mut [f32], columns: usize, depth: usize, left: Matrix, right: Matrix, add: bool) {
    multiply(out, columns, depth, left, right, add, false);
}

/// As [`product`], where every value of `right` is known to be finite: what a zero is multiplied with is then not read.
/// Behind a ReLU that is half of `right` and more.
pub fn product_of_finite(out: &mut [f32], columns: usize, depth: usize, left: Matrix, right: Matrix, add: bool) {
    multiply(out, columns, depth, left, right, add, true);
}

fn multiply(
    out: &mut [f32],
    columns: usize,
    depth: usize,
    left: Matrix,
    right: Matrix,
    add: bool,
    without_zeros: bool,
) {
    if columns > 0 && out.len() / columns <= FEW_ROWS && right.column_stride == 1 {
        return few_rows(out, columns, depth, left, right, add, without_zeros);
    }
    let strips = Block::of(out, columns).split(usize::MAX, STRIP);
    strips.into_par_iter().for_each(|(_, from, mut strip)| {
        matmul(&mut strip, depth, left, right.from(0, from), add);
    });
}

/// Tasks into which the depth is cut; each sums a part of it. Fixed, as [`STRIP`].
const PARTS: usize = 16;

/// A few rows against a large matrix are bound by reading it, so it is read once, from end to end.
fn few_rows(
    out: &mut [f32],
    columns: usize,
    depth: usize,
    left: Matrix,
    right: Matrix,
    add: bool,
    without_zeros: bool,
) {
    assert!(right.holds(depth, columns), "a matrix is smaller than its size says");
    let rows = out.len() / columns;
    let length = depth.div_ceil(PARTS).max(64);
    let firsts: Vec<usize> = (0..depth).step_by(length).collect();
    let parts: Vec<Vec<f32>> = firsts
        .into_par_iter()
        .map(|first| {
            let mut sums = vec![0.0; rows * columns];
            let factor = |row: usize, l: usize| left.values[row * left.row_stride + l * left.column_stride];
            let line = |l: usize| &right.values[l * right.row_stride..][..columns];
            let matters = |l: &usize| !without_zeros || (0..rows).any(|row| factor(row, *l) != 0.0);
            let used: Vec<usize> = (first..(first + length).min(depth)).filter(matters).collect();
            let (fours, rest) = used.as_chunks::<4>();
            for &at in fours {
                // Four rows of `right` to each pass over the sums.
                let lines = at.map(line);
                for (row, sums) in sums.chunks_exact_mut(columns).enumerate() {
                    let factors = at.map(|l| factor(row, l));
                    for (at, sum) in sums.iter_mut().enumerate() {
                        *sum += (factors[0] * lines[0][at] + factors[1] * lines[1][at])
                            + (factors[2] * lines[2][at] + factors[3] * lines[3][at]);
                    }
                }
            }
            for &l in rest {
                for (row, sums) in sums.chunks_exact_mut(columns).enumerate() {
                    let factor = factor(row, l);
                    sums.iter_mut().zip(line(l)).for_each(|(sum, value)| *sum += factor * value);
                }
            }
            sums
        })
        .collect();
    if !add {
        out.fill(0.0);
    }
    for part in parts {
        out.iter_mut().zip(part).for_each(|(sum, value)| *sum += value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Small whole numbers, so that sums are exact in any order.
    fn numbers(count: usize, seed: usize) -> Vec<f32> {
        (0..count).map(|at| ((at * 7 + seed * 13) % 11) as f32 - 5.0).collect()
    }

    #[test]
    fn a_product_is_what_the_definition_says_for_few_and_many_rows() {
        for (m, n, k) in [(2, 4, 3), (1, 600, 17), (4, 5, 1), (3, 7, 1100), (9, 530, 33)] {
            let (left, right) = (numbers(m * k, 1), numbers(k * n, 2));
            for add in [false, true] {
                let mut out = vec![1.0; m * n];
                product(&mut out, n, k, Matrix::rows(&left, k), Matrix::rows(&right, n), add);
                let mut other = vec![1.0; m * n];
                product_of_finite(&mut other, n, k, Matrix::rows(&left, k), Matrix::rows(&right, n), add);
                assert_eq!(out, other);
                for i in 0..m {
                    for j in 0..n {
                        let sum: f32 = (0..k).map(|l| left[i * k + l] * right[l * n + j]).sum();
                        assert_eq!(out[i * n + j], sum + if add { 1.0 } else { 0.0 }, "({i}, {j}) of {m}×{n}×{k}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_block_inside_a_matrix_leaves_the_rest_alone() {
        let (left, right) = (numbers(6, 3), numbers(12, 4)); // 2×3 · 3×4
        let mut out = vec![9.0; 2 * 10];
        let mut parts = Block::of(&mut out, 10).split(2, 4);
        matmul(&mut parts[1].2, 3, Matrix::rows(&left, 3), Matrix::rows(&right, 4), false);
        for i in 0..2 {
            for j in 0..10 {
                let inside = (4..8).contains(&j);
                let sum: f32 = (0..3).map(|l| left[i * 3 + l] * right[l * 4 + j % 4]).sum();
                assert_eq!(out[i * 10 + j], if inside { sum } else { 9.0 });
            }
        }
    }

    #[test]
    #[should_panic(expected = "smaller than its size")]
    fn a_slice_too_short_is_refused_before_gemm_reads_past_it() {
        let mut out = [0.0; 4];
        matmul(&mut Block::of(&mut out, 2), 2, Matrix::rows(&[1.0; 3], 2), Matrix::rows(&[1.0; 4], 2), false);
    }
}
