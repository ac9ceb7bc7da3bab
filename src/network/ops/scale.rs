//! Learned factors: one a channel, or slopes below zero.

use dfdx::prelude::*;
use rayon::prelude::*;

use super::tape::{Backward, record};
use super::{Row, Values};
use crate::network::kernels::view;

/// y = s·x with one factor a channel. For the backward pass the input is kept.
pub fn scale<T: Tape<f32, Cpu>>(input: Values<T>, factors: &Row, wants_parameters: bool) -> Values<T> {
    let of = |factor: f32, x: f32| factor * x;
    by_channel(input, (factors, wants_parameters), of, |factor, _| factor, |_, x| x)
}

/// y = x, or a·x below 0, with one slope a or one a channel (He et al. 2015). For the backward pass the input is kept.
pub fn prelu<T: Tape<f32, Cpu>>(input: Values<T>, slopes: &Row, wants_parameters: bool) -> Values<T> {
    // Comparisons that let NaN through.
    let of = |slope: f32, x: f32| if x < 0.0 { slope * x } else { x };
    let parameters = (slopes, wants_parameters);
    by_channel(
        input,
        parameters,
        of,
        |slope, x| if x > 0.0 { 1.0 } else { slope },
        |_, x| if x < 0.0 { x } else { 0.0 },
    )
}

/// y = f(p, x) value by value, p being the channel's parameter (or the only one), with ∂f/∂x and ∂f/∂p.
fn by_channel<T: Tape<f32, Cpu>>(
    input: Values<T>,
    (parameters, wants_parameters): (&Row, bool),
    of: fn(f32, f32) -> f32,
    by_input: fn(f32, f32) -> f32,
    by_parameter: fn(f32, f32) -> f32,
) -> Values<T> {
    let dims @ (images, channels, height, width) = *input.shape();
    let area = height * width;
    let (input, tape) = input.split_tape();
    let mut values = view::values(&input).to_vec();
    {
        let parameters = view::values(parameters);
        values.par_chunks_exact_mut(area).enumerate().for_each(|(plane, values)| {
            let parameter = parameters[plane % channels % parameters.len()];
            values.iter_mut().for_each(|value| *value = of(parameter, *value));
        });
    }
    let (kept, row) = (input.clone(), parameters.clone());
    let wanted = [parameters];
    record(
        input.put_tape(tape),
        true,
        values,
        dims,
        if wants_parameters { &wanted } else { &[] },
        move |Backward { upstream, to_input, to_parameters }| {
            let (x, parameters) = (view::values(&kept), view::values(&row));
            let parameter = |channel: usize| parameters[channel % parameters.len()];
            if let [to_parameter] = to_parameters {
                let sums: Vec<f64> = (0..channels)
                    .into_par_iter()
                    .map(|channel| {
                        let planes = (0..images).map(|image| (image * channels + channel) * area);
                        let of_plane = |start: usize| {
                            let pairs = upstream[start..][..area].iter().zip(&x[start..]);
                            pairs.map(|(dy, x)| f64::from(dy * by_parameter(parameter(channel), *x))).sum::<f64>()
                        };
                        planes.map(of_plane).sum()
                    })
                    .collect();
                for (channel, sum) in sums.iter().enumerate() {
                    to_parameter[channel % parameters.len()] += *sum as f32;
                }
            }
            to_input.par_chunks_exact_mut(area).enumerate().for_each(|(plane, sums)| {
                let parameter = parameter(plane % channels);
                let values = upstream[plane * area..].iter().zip(&x[plane * area..]);
                sums.iter_mut().zip(values).for_each(|(sum, (dy, x))| *sum += dy * by_input(parameter, *x));
            });
        },
    )
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    #[test]
    fn factors_and_slopes_and_their_gradients_are_those_of_the_definition() {
        let dims = (2, 3, 2, 2);
        let channel = |at: usize| at / 4 % 3;
        check::against(
            dims,
            &[3],
            |input, rows| scale(input, &rows[0], true),
            |input, rows| input.iter().enumerate().map(|(at, x)| rows[0][channel(at)] * x).collect(),
        );
        let slope = |a: f64, x: f64| if x < 0.0 { a * x } else { x };
        check::against(
            dims,
            &[3],
            |input, rows| prelu(input, &rows[0], true),
            |input, rows| input.iter().enumerate().map(|(at, &x)| slope(rows[0][channel(at)], x)).collect(),
        );
        check::against(
            dims,
            &[1],
            |input, rows| prelu(input, &rows[0], true),
            |input, rows| input.iter().map(|&x| slope(rows[0][0], x)).collect(),
        );
    }
}
