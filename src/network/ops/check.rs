//! Holds an operation against its definition written as f64 loops: the output, and every gradient by central
//! differences of the definition.

use dfdx::prelude::*;

use super::{Dims, Row, Values, count};
use crate::network::kernels::view;

/// Numbers in −1..1 without a pattern that a stride could hit; none within 0.02 of zero, where a corner of an
/// activation would spoil the differences.
pub fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..count)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let value = (state >> 40) as f32 / (1 << 24) as f32 * 1.96 - 0.98;
            value + value.signum() * 0.02
        })
        .collect()
}

/// Checks `operation` against `definition` on an input of `dims` and parameters of the given lengths.
pub fn against(
    dims: Dims,
    parameters: &[usize],
    operation: impl Fn(Values<OwnedTape<f32, Cpu>>, &[Row]) -> Values<OwnedTape<f32, Cpu>>,
    definition: impl Fn(&[f64], &[Vec<f64>]) -> Vec<f64>,
) {
    let device = Cpu::default();
    let input: Values = view::tensor(&device, numbers(count(dims), 1), dims);
    let rows: Vec<Row> = (parameters.iter().enumerate())
        .map(|(at, &length)| view::tensor(&device, numbers(length, at as u64 + 2), (length,)))
        .collect();
    let wide = |values: &[f32]| values.iter().map(|&value| f64::from(value)).collect::<Vec<f64>>();
    let output = operation(input.leaky_trace(), &rows);
    let exact_input = wide(&view::values(&input));
    let exact_rows: Vec<Vec<f64>> = rows.iter().map(|row| wide(&view::values(row))).collect();
    let expected = definition(&exact_input, &exact_rows);
    close(&wide(&view::values(&output)), &expected, "the output");

    // The loss is Σ w·y with fixed weights w, so that every output counts differently.
    let weights = numbers(expected.len(), 99);
    let factors: Values = view::tensor(&device, weights.clone(), *output.shape());
    let mut gradients = (output * factors).sum::<Rank0, _>().backward();
    let loss = |output: Vec<f64>| -> f64 { output.iter().zip(&weights).map(|(y, &w)| y * f64::from(w)).sum() };
    let differences = |length: usize, at: &dyn Fn(usize, f64) -> f64| -> Vec<f64> {
        const STEP: f64 = 1e-5;
        (0..length).map(|index| (at(index, STEP) - at(index, -STEP)) / (2.0 * STEP)).collect()
    };
    let to_input = gradients.get_or_alloc_mut(&input).unwrap().to_vec();
    let numeric = differences(exact_input.len(), &|index, step| {
        let mut moved = exact_input.clone();
        moved[index] += step;
        loss(definition(&moved, &exact_rows))
    });
    close(&wide(&to_input), &numeric, "the input's gradient");
    for (at, row) in rows.iter().enumerate() {
        let numeric = differences(exact_rows[at].len(), &|index, step| {
            let mut moved = exact_rows.clone();
            moved[at][index] += step;
            loss(definition(&exact_input, &moved))
        });
        let gradient = gradients.get_or_alloc_mut(row).unwrap().to_vec();
        close(&wide(&gradient), &numeric, &format!("the gradient of parameter {at}"));
    }
}

fn close(got: &[f64], expected: &[f64], what: &str) {
    assert_eq!(got.len(), expected.len(), "length of {what}");
    for (index, (got, expected)) in got.iter().zip(expected).enumerate() {
        let allowed = 2e-4 * (1.0 + expected.abs());
        assert!((got - expected).abs() <= allowed, "{what} at {index}: {got}, by definition {expected}");
    }
}
