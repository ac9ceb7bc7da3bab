//! Activations, element by element: y = f(x), dx = f′(x)·dy.

use dfdx::prelude::*;
use rayon::prelude::*;

use super::Values;
use super::tape::record;
use crate::network::kernels::exp::sigmoid;
use crate::network::kernels::fresh::fresh;
use crate::network::kernels::simd::widest;
use crate::network::kernels::view;
use crate::spec::describe::Activation;

/// f(x).
#[inline(always)]
fn apply(activation: Activation, x: f32) -> f32 {
    match activation {
        // Not `max`, which would turn NaN into 0 and hide it.
        Activation::Relu if x < 0.0 => 0.0,
        Activation::Relu => x,
        Activation::Relu6 => relu6(x),
        Activation::LeakyRelu { slope } if x < 0.0 => slope as f32 * x,
        Activation::LeakyRelu { .. } => x,
        Activation::Elu if x < 0.0 => x.exp_m1(),
        Activation::Elu => x,
        Activation::Gelu => x * normal_cdf(x),
        Activation::Sigmoid => sigmoid(x),
        Activation::Tanh => x.tanh(),
        Activation::Silu => x * sigmoid(x),
        Activation::GeluTanh => 0.5 * x * (1.0 + gelu_argument(x).tanh()),
        Activation::Mish => x * softplus(x).tanh(),
        Activation::HardSwish => x * hard_sigmoid(x),
        Activation::HardSigmoid => hard_sigmoid(x),
    }
}

/// f′(x); at a corner the value that PyTorch gives it.
fn derivative(activation: Activation, x: f32) -> f32 {
    match activation {
        Activation::Relu if x > 0.0 => 1.0,
        Activation::Relu => 0.0,
        Activation::Relu6 if x > 0.0 && x < 6.0 => 1.0,
        Activation::Relu6 => 0.0,
        Activation::LeakyRelu { slope } if x <= 0.0 => slope as f32,
        Activation::LeakyRelu { .. } => 1.0,
        Activation::Elu if x <= 0.0 => x.exp(),
        Activation::Elu => 1.0,
        Activation::Gelu => normal_cdf(x) + x * normal_density(x),
        Activation::Sigmoid => sigmoid(x) * (1.0 - sigmoid(x)),
        Activation::Tanh => 1.0 - x.tanh() * x.tanh(),
        Activation::Silu => sigmoid(x) * (1.0 + x * (1.0 - sigmoid(x))),
        Activation::GeluTanh => {
            let tanh = gelu_argument(x).tanh();
            let inner = GELU_FACTOR * (1.0 + 3.0 * GELU_CUBE * x * x);
            0.5 * (1.0 + tanh) + 0.5 * x * (1.0 - tanh * tanh) * inner
        }
        Activation::Mish => {
            let tanh = softplus(x).tanh();
            tanh + x * (1.0 - tanh * tanh) * sigmoid(x)
        }
        Activation::HardSwish if x <= -3.0 => 0.0,
        Activation::HardSwish if x >= 3.0 => 1.0,
        Activation::HardSwish => (2.0 * x + 3.0) / 6.0,
        Activation::HardSigmoid if x > -3.0 && x < 3.0 => 1.0 / 6.0,
        Activation::HardSigmoid => 0.0,
    }
}

/// √(2/π) and the cube's factor of GELU by the hyperbolic tangent (Hendrycks & Gimpel 2016, section 2).
const GELU_FACTOR: f32 = 0.797_884_6;
const GELU_CUBE: f32 = 0.044_715;

fn gelu_argument(x: f32) -> f32 {
    GELU_FACTOR * (x + GELU_CUBE * x * x * x)
}

/// ln(1 + exp(x)), which above 20 is x in f32 (PyTorch's threshold).
fn softplus(x: f32) -> f32 {
    if x > 20.0 { x } else { x.exp().ln_1p() }
}

/// min(max(x, 0), 6), by two choices one after the other, which are taken for many values at a time; NaN stays.
#[inline(always)]
fn relu6(x: f32) -> f32 {
    let above = if x < 0.0 { 0.0 } else { x };
    if above > 6.0 { 6.0 } else { above }
}

/// min(max(x + 3, 0), 6)/6; NaN stays.
#[inline(always)]
fn hard_sigmoid(x: f32) -> f32 {
    relu6(x + 3.0) / 6.0
}

/// Φ(x) = erfc(−x/√2)/2, computed in f64 so that its f32 value is exact to the last places.
fn normal_cdf(x: f32) -> f32 {
    (0.5 * libm::erfc(-f64::from(x) * std::f64::consts::FRAC_1_SQRT_2)) as f32
}

/// exp(−x²/2)/√(2π).
fn normal_density(x: f32) -> f32 {
    (-0.5 * x * x).exp() * 0.398_942_3
}

/// Values that one task works on.
const TASK: usize = 1 << 14;

/// Any input shape. For the backward pass ReLU, ReLU6 and leaky ReLU keep one bit a value, the others their input.
pub fn activate<T: Tape<f32, Cpu>>(input: Values<T>, activation: Activation) -> Values<T> {
    let dims = *input.shape();
    let (mut input, tape) = input.split_tape();
    if !T::OWNS_TAPE
        && let Some(values) = view::values_mut(&mut input)
    {
        // Nobody reads the input again, so its place is taken.
        values.par_chunks_mut(TASK).for_each(|values| in_place(activation, values));
        return input.put_tape(tape);
    }
    let x = view::values(&input);
    let below = match activation {
        Activation::Relu | Activation::Relu6 => Some(0.0),
        Activation::LeakyRelu { slope } => Some(slope as f32),
        _ => None,
    };
    let values = fresh(x.len(), TASK, |at| x[at * TASK..].iter().copied(), |values| in_place(activation, values));
    if !T::OWNS_TAPE {
        drop(x);
        return record(input.put_tape(tape), true, values, dims, &[], |_| ());
    }
    if let Some(below) = below {
        // Apart, so that many values are compared at a time.
        let signs = match activation {
            Activation::Relu6 => bits(&x, |x| (x > 0.0) & (x < 6.0)),
            _ => bits(&x, |x| x > 0.0),
        };
        drop(x);
        return record(input.put_tape(tape), true, values, dims, &[], move |pass| {
            let tasks = pass.to_input.par_chunks_mut(TASK).zip(pass.upstream.par_chunks(TASK));
            tasks.zip(signs.par_chunks(TASK / 64)).for_each(|((to_input, upstream), signs)| {
                add_where(to_input, upstream, signs, below);
            });
        });
    }
    drop(x);
    let kept = input.clone();
    record(input.put_tape(tape), true, values, dims, &[], move |pass| {
        let x = view::values(&kept);
        let tasks = pass.to_input.par_chunks_mut(TASK).zip(pass.upstream.par_chunks(TASK)).zip(x.par_chunks(TASK));
        tasks.for_each(|((sums, upstream), x)| add_derivative(activation, sums, upstream, x));
    })
}

/// f of each value. Those that networks have most are apart, so that many values are taken at a time.
pub fn in_place(activation: Activation, values: &mut [f32]) {
    match activation {
        Activation::Relu => values.iter_mut().for_each(|x| *x = if *x < 0.0 { 0.0 } else { *x }),
        Activation::Silu => widest(
            #[inline(always)]
            || values.iter_mut().for_each(|x| *x *= sigmoid(*x)),
        ),
        Activation::Sigmoid => widest(
            #[inline(always)]
            || values.iter_mut().for_each(|x| *x = sigmoid(*x)),
        ),
        Activation::HardSwish => widest(
            #[inline(always)]
            || values.iter_mut().for_each(|x| *x *= hard_sigmoid(*x)),
        ),
        Activation::Relu6 => widest(
            #[inline(always)]
            || values.iter_mut().for_each(|x| *x = relu6(*x)),
        ),
        Activation::HardSigmoid => widest(
            #[inline(always)]
            || values.iter_mut().for_each(|x| *x = hard_sigmoid(*x)),
        ),
        _ => values.iter_mut().for_each(|x| *x = apply(activation, *x)),
    }
}

/// Adds dy·f′(x) of each value.
fn add_derivative(activation: Activation, sums: &mut [f32], upstream: &[f32], x: &[f32]) {
    let mut values = sums.iter_mut().zip(upstream).zip(x);
    match activation {
        Activation::Silu => widest(
            #[inline(always)]
            || {
                values.by_ref().for_each(|((sum, dy), &x)| {
                    let part = sigmoid(x);
                    *sum += dy * part * (1.0 + x * (1.0 - part));
                });
            },
        ),
        _ => values.for_each(|((sum, dy), &x)| *sum += dy * derivative(activation, x)),
    }
}

/// A bit for each value: whether it is such a one.
fn bits(values: &[f32], is_such: impl Fn(f32) -> bool + Sync) -> Vec<u64> {
    let words = values.par_chunks(64).with_min_len(TASK / 64);
    words
        .map(|values| match values.try_into() {
            Ok(values) => word(values, &is_such),
            Err(_) => {
                let mut filled = [0.0; 64];
                filled[..values.len()].copy_from_slice(values);
                word(&filled, &is_such)
            }
        })
        .collect()
}

/// Of a known number of values, so that they are compared side by side.
fn word(values: &[f32; 64], is_such: impl Fn(f32) -> bool) -> u64 {
    let mut word = 0;
    for (at, &x) in values.iter().enumerate() {
        word |= u64::from(is_such(x)) << at;
    }
    word
}

/// Adds the gradients, times `below` where the bit is not set.
fn add_where(sums: &mut [f32], gradients: &[f32], bits: &[u64], below: f32) {
    for ((sums, gradients), &word) in sums.chunks_mut(64).zip(gradients.chunks(64)).zip(bits) {
        let factor = |at: usize| if word >> at & 1 == 1 { 1.0 } else { below };
        match (<&mut [f32; 64]>::try_from(&mut *sums), <&[f32; 64]>::try_from(gradients)) {
            (Ok(sums), Ok(gradients)) => (0..64).for_each(|at| sums[at] += gradients[at] * factor(at)),
            _ => sums.iter_mut().zip(gradients).enumerate().for_each(|(at, (sum, dy))| *sum += dy * factor(at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    /// erf by its Taylor series, good to 1e-12 for the |x| < 1 used here.
    fn erf(x: f64) -> f64 {
        let (mut term, mut sum) = (x, x);
        for n in 1..40 {
            term *= -x * x / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        sum * 2.0 / std::f64::consts::PI.sqrt()
    }

    #[test]
    fn every_activation_and_its_gradient_are_those_of_the_definition() {
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        let hard = |x: f64| (x + 3.0).clamp(0.0, 6.0) / 6.0;
        let cases: [(Activation, &dyn Fn(f64) -> f64); 12] = [
            (Activation::Relu, &|x| x.max(0.0)),
            (Activation::LeakyRelu { slope: 0.1 }, &|x| if x > 0.0 { x } else { f64::from(0.1f32) * x }),
            (Activation::Elu, &|x| if x > 0.0 { x } else { x.exp() - 1.0 }),
            (Activation::Gelu, &|x| x * 0.5 * (1.0 + erf(x / 2f64.sqrt()))),
            (Activation::Sigmoid, &sigmoid),
            (Activation::Tanh, &|x| x.tanh()),
            (Activation::Silu, &|x| x * sigmoid(x)),
            (Activation::Relu6, &|x| x.clamp(0.0, 6.0)),
            (Activation::GeluTanh, &|x| {
                0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3))).tanh())
            }),
            (Activation::Mish, &|x| x * x.exp().ln_1p().tanh()),
            (Activation::HardSwish, &|x| x * hard(x)),
            (Activation::HardSigmoid, &hard),
        ];
        for (activation, definition) in cases {
            // Beyond the corners at ±3 and 6 too, for those that have them.
            let spread = matches!(activation, Activation::Relu6 | Activation::HardSwish | Activation::HardSigmoid);
            let factor = if spread { 9.0 } else { 1.0 };
            check::against(
                (2, 3, 5, 7),
                &[],
                |input, _| activate(input * factor as f32, activation),
                |input, _| input.iter().map(|&x| definition(x * factor)).collect(),
            );
        }
    }

    #[test]
    fn relu_lets_not_a_number_through_and_its_gradient_at_zero_is_zero() {
        let device = Cpu::default();
        let input: Values = view::tensor(&device, vec![f32::NAN, 0.0, -0.0, 1.0], (1, 4, 1, 1));
        let output = activate(input.leaky_trace(), Activation::Relu);
        assert!(view::values(&output)[0].is_nan());
        let mut gradients = output.sum::<Rank0, _>().backward();
        assert_eq!(gradients.get_or_alloc_mut(&input).unwrap().to_vec()[1..], [0.0, 0.0, 1.0]);
    }
}
