//! Softmax over channels at each position: y = exp(x − max x) / Σ exp(x − max x), dx = y·(dy − Σ y·dy).

use dfdx::prelude::*;

use super::Values;
use super::tape::record;
use crate::network::kernels::view;

/// For the backward pass the output is kept.
pub fn softmax<T: Tape<f32, Cpu>>(input: Values<T>) -> Values<T> {
    let dims @ (_, channels, height, width) = *input.shape();
    let (input, tape) = input.split_tape();
    let area = height * width;
    let mut values = view::values(&input).to_vec();
    for image in values.chunks_exact_mut(channels * area) {
        for position in 0..area {
            let channel = |c: usize| c * area + position;
            let largest = (0..channels).map(|c| image[channel(c)]).fold(f32::NEG_INFINITY, f32::max);
            let mut sum = 0.0;
            for c in 0..channels {
                let value = (image[channel(c)] - largest).exp();
                image[channel(c)] = value;
                sum += value;
            }
            for c in 0..channels {
                image[channel(c)] /= sum;
            }
        }
    }
    let kept = if T::OWNS_TAPE { values.clone() } else { Vec::new() };
    record(input.put_tape(tape), true, values, dims, &[], move |pass| {
        for start in (0..pass.upstream.len()).step_by(channels * area) {
            for position in 0..area {
                let at = |c: usize| start + c * area + position;
                let dot: f32 = (0..channels).map(|c| pass.upstream[at(c)] * kept[at(c)]).sum();
                for c in 0..channels {
                    pass.to_input[at(c)] += kept[at(c)] * (pass.upstream[at(c)] - dot);
                }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn probabilities_and_gradients_are_those_of_the_definition() {
        let dims = (2, 5, 2, 3);
        let definition = |input: &[f64], _: &[Vec<f64>]| {
            let (channels, area) = (dims.1, dims.2 * dims.3);
            let sum = |at: usize| {
                let start = at / (channels * area) * channels * area + at % area;
                (0..channels).map(|c| input[start + c * area].exp()).sum::<f64>()
            };
            (0..input.len()).map(|at| input[at].exp() / sum(at)).collect()
        };
        check::against(dims, &[], |input, _| softmax(input), definition);
    }

    #[test]
    fn large_logits_do_not_overflow() {
        let input: Values = view::tensor(&Cpu::default(), vec![1000.0, 999.0], (1, 2, 1, 1));
        let output = softmax(input);
        // 1/(1 + e⁻¹)
        assert!((view::values(&output)[0] - 0.731_058_6).abs() < 1e-6);
    }
}
