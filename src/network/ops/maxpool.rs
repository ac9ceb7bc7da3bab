//! Max pooling: the largest value of each window; padding is −∞, so it never wins. As PyTorch's `MaxPool2d`.

use std::ops::Range;

use dfdx::prelude::*;
use rayon::prelude::*;

use super::tape::record;
use super::{Values, count};
use crate::graph::Window;
use crate::network::kernels::simd::widest;
use crate::network::kernels::view;
use crate::network::kernels::windows::inside;
use crate::spec::describe::{Pair, Sides};

/// For the backward pass the place of each window's largest value is kept, 4 bytes an output value. The first wins
/// where several are equal; a NaN always wins.
pub fn maxpool<T: Tape<f32, Cpu>>(input: Values<T>, window: Window, (rows, columns): (usize, usize)) -> Values<T> {
    let (images, channels, height, width) = *input.shape();
    let dims = (images, channels, rows, columns);
    let (input, tape) = input.split_tape();
    let mut values = vec![f32::NEG_INFINITY; count(dims)];
    let x = view::values(&input);
    let planes = values.par_chunks_exact_mut(rows * columns).zip(x.par_chunks_exact(height * width));
    // The usual windows, of which each value is in one.
    let two = Pair::square(2);
    let side_by_side = window.kernel == two && window.stride == two && window.padding == Sides::NONE;
    if !T::OWNS_TAPE {
        let whole = rows <= height / 2 && columns <= width / 2;
        planes.for_each(|(out, plane)| match side_by_side && whole {
            true => pair_by_pair(out, plane, width, columns),
            false => row_by_row(out, plane, (height, width), window, columns),
        });
        drop(x);
        return record(input.put_tape(tape), true, values, dims, &[], |_| ());
    }
    let mut places = vec![0u32; count(dims)];
    planes.zip(places.par_chunks_exact_mut(rows * columns)).for_each(|((out, plane), places)| {
        let (inner_rows, inner_columns) = match side_by_side {
            true => (rows.min(height / 2), columns.min(width / 2)),
            false => (0, 0),
        };
        if inner_rows > 0 && inner_columns > 0 {
            two_by_two(out, places, plane, width, columns);
        }
        if (inner_rows, inner_columns) == (0, 0) {
            rows_with_places(out, places, plane, (height, width), window, columns);
            return;
        }
        for position in 0..rows * columns {
            let (row, column) = (position / columns, position % columns);
            if row >= inner_rows || column >= inner_columns {
                let (place, largest) = largest(plane, (height, width), window, row, column);
                out[position] = largest;
                places[position] = place as u32;
            }
        }
    });
    drop(x);
    record(input.put_tape(tape), true, values, dims, &[], move |pass| {
        let planes = pass.to_input.par_chunks_exact_mut(height * width);
        let planes = planes.zip(pass.upstream.par_chunks_exact(rows * columns));
        planes.zip(places.par_chunks_exact(rows * columns)).for_each(|((to_input, upstream), places)| {
            for (&place, gradient) in places.iter().zip(upstream) {
                to_input[place as usize] += gradient;
            }
        });
    })
}

/// The largest values alone of windows of 2×2 side by side.
fn pair_by_pair(out: &mut [f32], plane: &[f32], width: usize, columns: usize) {
    // Not `max`, which would lose a NaN.
    let larger = |one: f32, other: f32| if other > one || other.is_nan() { other } else { one };
    for (out, lines) in out.chunks_exact_mut(columns).zip(plane.chunks_exact(2 * width)) {
        let (above, below) = lines.split_at(width);
        let windows = above.as_chunks::<2>().0.iter().zip(below.as_chunks::<2>().0);
        for (out, ([a, b], [c, d])) in out.iter_mut().zip(windows) {
            *out = larger(larger(*a, *b), larger(*c, *d));
        }
    }
}

/// Every tap over the outputs of every row that find a value for it: the row, those outputs' columns, and the place of the first
/// of the values, which are a stride apart.
#[inline(always)]
fn each_tap(
    (rows, columns): (usize, usize),
    (height, width): (usize, usize),
    window: Window,
    mut each: impl FnMut(usize, Range<usize>, usize),
) {
    let [kernel, stride, padding] =
        [window.kernel, window.stride, window.padding.before()].map(|pair| pair.to_array().map(|size| size as usize));
    for row in 0..rows {
        // Only taps that can lie inside: a kernel may be far larger than the map.
        let top = row * stride[0];
        for ky in padding[0].saturating_sub(top)..kernel[0].min((height + padding[0]).saturating_sub(top)) {
            let start = (top + ky - padding[0]) * width;
            for kx in padding[1].saturating_sub((columns - 1) * stride[1])..kernel[1].min(width + padding[1]) {
                // The outputs whose tap kx lies inside the row.
                let from = padding[1].saturating_sub(kx).div_ceil(stride[1]).min(columns);
                let to = (width + padding[1]).saturating_sub(kx).div_ceil(stride[1]).min(columns);
                if from < to {
                    each(row, from..to, start + from * stride[1] + kx - padding[1]);
                }
            }
        }
    }
}

/// The largest values alone, tap by tap over whole rows. `out` begins at −∞.
fn row_by_row(out: &mut [f32], plane: &[f32], size: (usize, usize), window: Window, columns: usize) {
    let stride = window.stride.width as usize;
    each_tap((out.len() / columns, columns), size, window, |row, outputs, first| {
        let out = &mut out[row * columns..][outputs];
        for (largest, &value) in out.iter_mut().zip(plane[first..].iter().step_by(stride)) {
            *largest = if value > *largest || value.is_nan() { value } else { *largest };
        }
    });
}

/// The same with the place of each.
fn rows_with_places(
    out: &mut [f32],
    places: &mut [u32],
    plane: &[f32],
    size: (usize, usize),
    window: Window,
    columns: usize,
) {
    let stride = window.stride.width as usize;
    // Of a window in which nothing is larger than −∞, the first place.
    for (at, place) in places.iter_mut().enumerate() {
        let row = inside(at / columns, window.kernel.height, window.stride.height, window.padding.top, size.0).start;
        let column = inside(at % columns, window.kernel.width, window.stride.width, window.padding.left, size.1).start;
        *place = (row * size.1 + column) as u32;
    }
    widest(
        #[inline(always)]
        || {
            each_tap(
                (out.len() / columns, columns),
                size,
                window,
                #[inline(always)]
                |row, outputs, first| {
                    let (out, places) =
                        (&mut out[row * columns..][outputs.clone()], &mut places[row * columns..][outputs]);
                    let own = out.iter_mut().zip(places);
                    // One value further each is apart, so that many are compared at a time.
                    match stride {
                        1 => own
                            .zip(&plane[first..])
                            .enumerate()
                            .for_each(|(at, (own, &value))| keep(own, value, first + at)),
                        _ => {
                            let values = plane[first..].iter().step_by(stride).enumerate();
                            own.zip(values).for_each(|(own, (at, &value))| keep(own, value, first + at * stride));
                        }
                    }
                },
            );
        },
    );
}

/// Puts a value and its place where they are to be kept, if it is larger than what is there.
#[inline(always)]
fn keep((largest, kept): (&mut f32, &mut u32), value: f32, place: usize) {
    let wins = (value > *largest) | value.is_nan();
    *largest = if wins { value } else { *largest };
    *kept = if wins { place as u32 } else { *kept };
}

/// Windows of 2×2 side by side, the usual ones: two rows at a time, without a branch. Windows that reach over the edge
/// (with `ceil`) are left out.
fn two_by_two(out: &mut [f32], places: &mut [u32], plane: &[f32], width: usize, columns: usize) {
    let rows = out.chunks_exact_mut(columns).zip(places.chunks_exact_mut(columns));
    for (row, ((out, places), lines)) in rows.zip(plane.chunks_exact(2 * width)).enumerate() {
        let (above, below) = lines.split_at(width);
        let (above, below) = (above.as_chunks::<2>().0, below.as_chunks::<2>().0);
        let first = (2 * row * width) as u32;
        for (column, ((out, place), (&[a, b], &[c, d]))) in
            out.iter_mut().zip(places.iter_mut()).zip(above.iter().zip(below)).enumerate()
        {
            let (mut at, mut largest) = (0, a);
            for (offset, value) in [(1, b), (width as u32, c), (width as u32 + 1, d)] {
                let wins = value > largest || value.is_nan();
                (at, largest) = if wins { (offset, value) } else { (at, largest) };
            }
            (*out, *place) = (largest, first + 2 * column as u32 + at);
        }
    }
}

/// Place and value of the largest value in the window of output (row, column).
fn largest(plane: &[f32], (height, width): (usize, usize), window: Window, row: usize, column: usize) -> (usize, f32) {
    let ys = inside(row, window.kernel.height, window.stride.height, window.padding.top, height);
    let xs = inside(column, window.kernel.width, window.stride.width, window.padding.left, width);
    let mut place = ys.start * width + xs.start;
    let mut largest = f32::NEG_INFINITY;
    for y in ys {
        for (x, &value) in plane[y * width..][xs.clone()].iter().enumerate() {
            if value > largest || value.is_nan() {
                (place, largest) = (y * width + xs.start + x, value);
            }
        }
    }
    (place, largest)
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;
    use crate::graph::output_size;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn maxima_and_gradients_are_those_of_the_definition(
            (height, width) in (1usize..9, 1usize..9), kernel in 1u64..5, stride in 1u64..4, pad in (0u64..3, 0u64..3),
            ceil in any::<bool>(),
        ) {
            let (padding, after) = (pad.0.min(kernel / 2), pad.1.min(kernel / 2));
            let size = |input: usize| output_size(input as u64, kernel, stride, (padding, after), 1, ceil);
            let (Some(rows), Some(columns)) = (size(height), size(width)) else { return Ok(()) };
            let (rows, columns) = (rows as usize, columns as usize);
            let window = Window { kernel: Pair::square(kernel), stride: Pair::square(stride),
                padding: Sides { top: padding, bottom: after, left: padding, right: after }, dilation: Pair::square(1) };
            let definition = |input: &[f64], _: &[Vec<f64>]| {
                let mut out = Vec::new();
                for plane in input.chunks(height * width) {
                    for position in 0..rows * columns {
                        let (top, left) = (position / columns * stride as usize, position % columns * stride as usize);
                        let mut largest = f64::NEG_INFINITY;
                        for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
                            let within = |at: usize, from: usize| at + padding as usize >= from && at + (padding as usize) < from + kernel as usize;
                            if within(y, top) && within(x, left) {
                                largest = largest.max(plane[y * width + x]);
                            }
                        }
                        out.push(largest);
                    }
                }
                out
            };
            let dims = (2, 2, height, width);
            check::against(dims, &[], |input, _| maxpool(input, window, (rows, columns)), definition);
            // Without a tape the rows are walked another way, to the same values.
            let input: Values = view::tensor(&Cpu::default(), check::numbers(count(dims), 5), dims);
            let with_tape = maxpool(input.leaky_trace(), window, (rows, columns));
            let without = maxpool(input, window, (rows, columns));
            prop_assert_eq!(view::values(&with_tape).to_vec(), view::values(&without).to_vec());
        }
    }

    #[test]
    fn not_a_number_is_not_hidden() {
        let input: Values = view::tensor(&Cpu::default(), vec![1.0, f32::NAN, 3.0, 2.0], (1, 1, 2, 2));
        let pair = Pair::square(2);
        let window =
            Window { kernel: pair, stride: pair, padding: Sides::around(Pair::square(0)), dilation: Pair::square(1) };
        assert!(view::values(&maxpool(input, window, (1, 1)))[0].is_nan());
    }
}
