//! Dropout while training: each value is zeroed with probability p, the rest divided by 1 − p.

use dfdx::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use rayon::prelude::*;

use super::Values;
use super::tape::record;
use crate::network::kernels::view;
use crate::network::random;

/// Values that share one generator. Fixed, so that the number of threads changes nothing.
const TASK: usize = 1 << 14;

/// The same `seed` drops the same values. For the backward pass one bit a value is kept.
pub fn dropout<T: Tape<f32, Cpu>>(input: Values<T>, p: f64, seed: u64) -> Values<T> {
    let dims = *input.shape();
    let (input, tape) = input.split_tape();
    let scale = (1.0 / (1.0 - p)) as f32;
    let mut values = view::values(&input).to_vec();
    let kept: Vec<Vec<u64>> = values
        .par_chunks_mut(TASK)
        .enumerate()
        .map(|(task, values)| {
            let mut generator = Xoshiro256PlusPlus::seed_from_u64(random::mix(seed, task as u64));
            let words = values.chunks_mut(64).map(|values| {
                let mut word = 0u64;
                for (at, value) in values.iter_mut().enumerate() {
                    let keep = generator.random::<f64>() >= p;
                    *value = if keep { *value * scale } else { 0.0 };
                    word |= u64::from(keep) << at;
                }
                word
            });
            words.collect()
        })
        .collect();
    record(input.put_tape(tape), true, values, dims, &[], move |pass| {
        let tasks = pass.to_input.par_chunks_mut(TASK).zip(pass.upstream.par_chunks(TASK)).zip(&kept);
        tasks.for_each(|((to_input, upstream), words)| {
            for (at, (sum, gradient)) in to_input.iter_mut().zip(upstream).enumerate() {
                if words[at / 64] >> (at % 64) & 1 == 1 {
                    *sum += gradient * scale;
                }
            }
        });
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dropped_values_get_no_gradient_and_the_rest_is_scaled() {
        let ones: Values = view::tensor(&Cpu::default(), vec![1.0; 100_000], (10, 100, 10, 10));
        let output = dropout(ones.leaky_trace(), 0.3, 7);
        let values = view::values(&output).to_vec();
        let scale = (1.0f64 / 0.7) as f32;
        assert!(values.iter().all(|&value| value == 0.0 || value == scale));
        let dropped = values.iter().filter(|&&value| value == 0.0).count() as f64;
        // Five standard deviations of a binomial with n = 100,000, p = 0.3.
        assert!((dropped - 30_000.0).abs() < 5.0 * (100_000.0f64 * 0.3 * 0.7).sqrt(), "{dropped}");
        let mut gradients = output.sum::<Rank0, _>().backward();
        assert_eq!(gradients.get_or_alloc_mut(&ones).unwrap().to_vec(), values);
    }

    #[test]
    fn another_seed_drops_other_values() {
        let ones: Values = view::tensor(&Cpu::default(), vec![1.0; 1000], (1, 1000, 1, 1));
        let of = |seed| view::values(&dropout(ones.clone(), 0.5, seed)).to_vec();
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
    }
}
