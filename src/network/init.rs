//! Initial values of parameters: seeded per parameter and per chunk of values, so that the same seed gives the same
//! bits for any number of threads.

use rand::{RngExt, SeedableRng};
use rand_distr::StandardNormal;
use rand_xoshiro::Xoshiro256PlusPlus;
use rayon::prelude::*;

use super::parameters::Role;
use super::random::mix;
use crate::graph::Operation;

/// How weights are drawn. Biases start at 0, normalisations at γ = 1, β = 0, factors and slopes
/// at what the description says in all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Init {
    /// torchvision's VGG: conv N(0, 2/(out·taps)) (He et al. 2015, fan-out), linear N(0, 0.01²).
    #[default]
    Kaiming,
    /// Simonyan & Zisserman 2014, section 3.1: N(0, variance 0.01).
    Paper,
    /// Glorot & Bengio 2010: uniform in ±√(6/(fan-in + fan-out)).
    Xavier,
}

enum Draw {
    Constant(f32),
    /// Normal around 0 with this standard deviation.
    Normal(f64),
    /// Uniform between plus and minus this.
    Uniform(f64),
}

/// Values that share one generator.
const CHUNK: usize = 1 << 16;

/// The values of one parameter. `shape` is PyTorch's; `stream` tells the parameters of a network apart.
pub fn values(init: Init, operation: &Operation, role: Role, shape: &[usize], seed: u64, stream: u64) -> Vec<f32> {
    let length = shape.iter().product();
    let draw = draw(init, operation, role, shape);
    if let Draw::Constant(value) = draw {
        return vec![value; length];
    }
    let mut values = vec![0.0; length];
    let stream_seed = mix(seed, stream);
    values.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, values)| {
        let mut generator = Xoshiro256PlusPlus::seed_from_u64(mix(stream_seed, chunk as u64));
        match draw {
            Draw::Constant(_) => {}
            Draw::Normal(deviation) => {
                let deviation = deviation as f32;
                values.iter_mut().for_each(|value| *value = generator.sample::<f32, _>(StandardNormal) * deviation);
            }
            Draw::Uniform(bound) => {
                let bound = bound as f32;
                values.iter_mut().for_each(|value| *value = (generator.random::<f32>() * 2.0 - 1.0) * bound);
            }
        }
    });
    values
}

fn draw(init: Init, operation: &Operation, role: Role, shape: &[usize]) -> Draw {
    let taps: usize = shape.iter().skip(2).product();
    match (operation, role) {
        (Operation::Norm(_), Role::Weight) => Draw::Constant(1.0),
        (Operation::Scale { init } | Operation::Prelu { init, .. }, Role::Weight) => Draw::Constant(*init as f32),
        (_, Role::Bias) => Draw::Constant(0.0),
        (operation, Role::Weight) => match init {
            Init::Paper => Draw::Normal(0.1),
            Init::Kaiming if matches!(operation, Operation::Linear { .. }) => Draw::Normal(0.01),
            Init::Kaiming => Draw::Normal((2.0 / (shape[0] * taps) as f64).sqrt()),
            Init::Xavier => {
                let fans = (shape[0] + shape[1]) * taps;
                Draw::Uniform((6.0 / fans as f64).sqrt())
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINEAR: Operation = Operation::Linear { bias: true };

    fn moments(values: &[f32]) -> (f64, f64) {
        let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / values.len() as f64;
        let variance = values.iter().map(|&v| (f64::from(v) - mean).powi(2)).sum::<f64>() / values.len() as f64;
        (mean, variance)
    }

    #[test]
    fn each_scheme_has_the_variance_its_paper_gives() {
        let conv = crate::graph::analyse(&crate::spec::Library::new(None).load("vgg16", &[]).expect("bundled"))
            .expect("bundled")
            .layers[2]
            .operation
            .clone();
        let (conv_shape, linear_shape) = ([64, 64, 3, 3], [300, 200]);
        let cases = [
            (Init::Kaiming, &conv, &conv_shape[..], 2.0 / (64.0 * 9.0)),
            (Init::Kaiming, &LINEAR, &linear_shape[..], 1e-4),
            (Init::Paper, &conv, &conv_shape[..], 0.01),
            (Init::Paper, &LINEAR, &linear_shape[..], 0.01),
            // A uniform distribution in ±b has variance b²/3.
            (Init::Xavier, &conv, &conv_shape[..], 6.0 / (128.0 * 9.0) / 3.0),
            (Init::Xavier, &LINEAR, &linear_shape[..], 6.0 / 500.0 / 3.0),
        ];
        for (init, operation, shape, expected) in cases {
            let values = values(init, operation, Role::Weight, shape, 3, 0);
            let (mean, variance) = moments(&values);
            assert!(mean.abs() < 5.0 * (expected / values.len() as f64).sqrt(), "{init:?}: mean {mean}");
            // The sample variance of n normal values strays by √(2/n); five of those.
            let allowed = 5.0 * (2.0 / values.len() as f64).sqrt();
            assert!((variance / expected - 1.0).abs() < allowed, "{init:?}: variance {variance} for {expected}");
        }
    }

    #[test]
    fn the_number_of_threads_changes_no_bit() {
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("a pool");
            pool.install(|| values(Init::Kaiming, &LINEAR, Role::Weight, &[500, 400], 11, 5))
        };
        let one = with(1);
        assert_eq!(one, with(2));
        assert_eq!(one, with(8));
    }
}
