//! Where branches come together: sums, channels one after the other, products with a gate.

use dfdx::prelude::*;
use rayon::prelude::*;

use super::tape::record_joined;
use super::{Dims, Values, count};
use crate::network::kernels::fresh::fresh;
use crate::network::kernels::simd::widest;
use crate::network::kernels::view;

/// Values that one task works on.
const TASK: usize = 1 << 14;

/// The sum of inputs of one shape. Without a tape the first input is taken for the sum, where nobody else reads it.
pub fn add<T: Tape<f32, Cpu>>(mut inputs: Vec<Values>, tape: T) -> Values<T> {
    if !T::OWNS_TAPE {
        let mut sum = inputs.swap_remove(0);
        if let Some(sums) = view::values_mut(&mut sum) {
            inputs.iter().for_each(|input| add_to(sums, &view::values(input)));
            return sum.put_tape(tape);
        }
        inputs.push(sum);
    }
    let dims = *inputs[0].shape();
    let values = match &inputs[..] {
        [first, second, others @ ..] => {
            let (first, second) = (view::values(first), view::values(second));
            let pairs = |at: usize| first[at * TASK..].iter().zip(&second[at * TASK..]);
            let mut sums = fresh(first.len(), TASK, |at| pairs(at).map(|(first, second)| first + second), |_| ());
            others.iter().for_each(|input| add_to(&mut sums, &view::values(input)));
            sums
        }
        alone => alone.iter().flat_map(|input| view::values(input).into_owned()).collect(),
    };
    record_joined(inputs, tape, values, dims, |_, upstream, to_input| add_to(to_input, upstream))
}

fn add_to(sums: &mut [f32], values: &[f32]) {
    let tasks = sums.par_chunks_mut(TASK).zip(values.par_chunks(TASK));
    tasks.for_each(|(sums, values)| {
        widest(
            #[inline(always)]
            || sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value),
        );
    });
}

/// The inputs' channels one after the other.
pub fn concat<T: Tape<f32, Cpu>>(inputs: Vec<Values>, tape: T) -> Values<T> {
    let (images, _, height, width) = *inputs[0].shape();
    let area = height * width;
    let channels: Vec<usize> = inputs.iter().map(|input| input.shape().1).collect();
    let total: usize = channels.iter().sum();
    let dims: Dims = (images, total, height, width);
    // Where each input's channels begin.
    let starts: Vec<usize> = channels.iter().scan(0, |next, own| Some(std::mem::replace(next, *next + own))).collect();
    let values = {
        let parts: Vec<_> = inputs.iter().map(view::values).collect();
        let plane = |at: usize| {
            let (image, channel) = (at / total, at % total);
            let from = starts.partition_point(|&start| start <= channel) - 1;
            let own = image * channels[from] + channel - starts[from];
            parts[from][own * area..][..area].iter().copied()
        };
        fresh(count(dims), area, plane, |_| ())
    };
    record_joined(inputs, tape, values, dims, move |index, upstream, to_input| {
        let own = channels[index] * area;
        let images = to_input.par_chunks_exact_mut(own.max(1)).zip(upstream.par_chunks_exact(total * area));
        images.for_each(|(to_input, upstream)| {
            let part = &upstream[starts[index] * area..][..own];
            to_input.iter_mut().zip(part).for_each(|(sum, value)| *sum += value);
        });
    })
}

/// How a gate's values lie over those that they scale.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spread {
    /// One for each value.
    Values,
    /// One for each channel.
    Channels,
    /// One for each position.
    Positions,
    /// One for each image.
    Images,
}

/// The first input times the second, which has its shape, 1×1 maps, one channel, or both.
pub fn multiply<T: Tape<f32, Cpu>>(inputs: Vec<Values>, tape: T) -> Values<T> {
    let [input, gate] = &inputs[..] else { unreachable!("a gate has one value to scale and one factor") };
    let dims = *input.shape();
    let (_, channels, height, width) = dims;
    let area = height * width;
    let spread = match *gate.shape() {
        shape if shape == dims => Spread::Values,
        (_, own, 1, 1) if own == channels => Spread::Channels,
        (_, _, 1, 1) if area > 1 => Spread::Images,
        _ => Spread::Positions,
    };
    let mut values = view::values(input).to_vec();
    {
        let gate = view::values(gate);
        values.par_chunks_exact_mut(area).enumerate().for_each(|(plane, values)| match spread {
            Spread::Channels => values.iter_mut().for_each(|value| *value *= gate[plane]),
            Spread::Images => values.iter_mut().for_each(|value| *value *= gate[plane / channels]),
            Spread::Values => values.iter_mut().zip(&gate[plane * area..]).for_each(|(value, gate)| *value *= gate),
            Spread::Positions => {
                let gate = &gate[plane / channels * area..];
                values.iter_mut().zip(gate).for_each(|(value, gate)| *value *= gate);
            }
        });
    }
    let kept = (input.clone(), gate.clone());
    record_joined(inputs, tape, values, dims, move |index, upstream, to_input| {
        let (value, gate) = (view::values(&kept.0), view::values(&kept.1));
        match (index, spread) {
            (0, _) => to_input.par_chunks_exact_mut(area).enumerate().for_each(|(plane, sums)| {
                let pairs = sums.iter_mut().zip(&upstream[plane * area..]);
                match spread {
                    Spread::Channels => pairs.for_each(|(sum, dy)| *sum += dy * gate[plane]),
                    Spread::Images => pairs.for_each(|(sum, dy)| *sum += dy * gate[plane / channels]),
                    Spread::Values => pairs.zip(&gate[plane * area..]).for_each(|((sum, dy), g)| *sum += dy * g),
                    Spread::Positions => {
                        let gate = &gate[plane / channels * area..];
                        pairs.zip(gate).for_each(|((sum, dy), g)| *sum += dy * g);
                    }
                }
            }),
            (_, Spread::Values) => {
                let all = to_input.par_iter_mut().zip(upstream).zip(value.par_iter());
                all.with_min_len(TASK).for_each(|((sum, dy), x)| *sum += dy * x);
            }
            (_, Spread::Channels | Spread::Images) => to_input.par_iter_mut().enumerate().for_each(|(at, sum)| {
                // A gate's value scales a plane, or all planes of an image.
                let own = if spread == Spread::Images { channels * area } else { area };
                let pairs = upstream[at * own..][..own].iter().zip(&value[at * own..]);
                *sum += pairs.map(|(dy, x)| f64::from(*dy) * f64::from(*x)).sum::<f64>() as f32;
            }),
            (_, Spread::Positions) => to_input.par_chunks_exact_mut(area).enumerate().for_each(|(image, sums)| {
                for plane in image * channels..(image + 1) * channels {
                    let pairs = upstream[plane * area..].iter().zip(&value[plane * area..]);
                    sums.iter_mut().zip(pairs).for_each(|(sum, (dy, x))| *sum += dy * x);
                }
            }),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::check;
    use super::*;

    /// Holds a join of the parts of one input against a definition: `parts` says how many channels each has.
    fn split(input: Values<OwnedTape<f32, Cpu>>, parts: &[usize]) -> (Vec<Values>, OwnedTape<f32, Cpu>) {
        let mut first = 0;
        let (input, mut tape) = input.split_tape();
        let mut values = Vec::new();
        for &channels in parts {
            let part = super::super::channels::slice(input.clone().put_tape(tape), first, channels);
            let (part, next) = part.split_tape();
            (tape, first) = (next, first + channels);
            values.push(part);
        }
        (values, tape)
    }

    #[test]
    fn sums_and_their_gradients_are_those_of_the_definition() {
        check::against(
            (2, 6, 3, 2),
            &[],
            |input, _| {
                let (parts, tape) = split(input, &[2, 2, 2]);
                add(parts, tape)
            },
            |input, _| {
                let at = |image: usize, c: usize, p: usize| input[(image * 6 + c) * 6 + p];
                (0..24)
                    .map(|i| (i / 12, i / 6 % 2, i % 6))
                    .map(|(n, c, p)| at(n, c, p) + at(n, c + 2, p) + at(n, c + 4, p))
                    .collect()
            },
        );
    }

    #[test]
    fn a_value_that_is_read_twice_gets_both_gradients() {
        check::against(
            (2, 2, 3, 2),
            &[],
            |input, _| {
                let (input, tape) = input.split_tape();
                let (twice, tape) = add(vec![input.clone(), input.clone()], tape).split_tape();
                concat(vec![twice, input], tape)
            },
            |input, _| {
                let images = input
                    .chunks(12)
                    .flat_map(|image| image.iter().map(|x| 2.0 * x).chain(image.iter().copied()).collect::<Vec<_>>());
                images.collect()
            },
        );
    }

    #[test]
    fn channels_come_one_after_the_other_in_the_order_of_the_inputs() {
        check::against(
            (3, 5, 2, 2),
            &[],
            |input, _| {
                let (mut parts, tape) = split(input, &[1, 3, 1]);
                parts.reverse();
                concat(parts, tape)
            },
            |input, _| {
                let image = |image: &[f64]| [&image[16..20], &image[4..16], &image[..4]].concat();
                input.chunks(20).flat_map(image).collect()
            },
        );
        // Single values.
        check::against(
            (2, 2, 1, 1),
            &[],
            |input, _| {
                let (mut parts, tape) = split(input, &[1, 1]);
                parts.reverse();
                concat(parts, tape)
            },
            |input, _| input.chunks(2).flat_map(|image| [image[1], image[0]]).collect(),
        );
    }

    #[test]
    fn products_with_each_kind_of_gate_are_those_of_the_definition() {
        let dims = (2, 4, 3, 3);
        // The gate is what a mean over positions, one channel, or two channels give.
        check::against(
            dims,
            &[],
            |input, _| {
                let (input, tape) = input.split_tape();
                let gate = super::super::adaptive_avgpool::adaptive_avgpool(input.clone().put_tape(tape), (1, 1));
                let (gate, tape) = gate.split_tape();
                multiply(vec![input, gate], tape)
            },
            |input, _| {
                let plane = |plane: &[f64]| {
                    let mean = plane.iter().sum::<f64>() / 9.0;
                    plane.iter().map(|x| x * mean).collect::<Vec<_>>()
                };
                input.chunks(9).flat_map(plane).collect()
            },
        );
        check::against(
            dims,
            &[],
            |input, _| {
                let (parts, tape) = split(input, &[3, 1]);
                let (gate, input) = (parts[1].clone(), parts[0].clone());
                let gate = super::super::adaptive_avgpool::adaptive_avgpool(gate.put_tape(tape), (1, 1));
                let (gate, tape) = gate.split_tape();
                multiply(vec![input, gate], tape)
            },
            |input, _| {
                let image = |image: &[f64]| {
                    let mean = image[27..].iter().sum::<f64>() / 9.0;
                    image[..27].iter().map(|x| x * mean).collect::<Vec<_>>()
                };
                input.chunks(36).flat_map(image).collect()
            },
        );
        check::against(
            dims,
            &[],
            |input, _| {
                let (parts, tape) = split(input, &[3, 1]);
                multiply(parts, tape)
            },
            |input, _| {
                let product = |image: &[f64]| (0..27).map(|at| image[at] * image[27 + at % 9]).collect::<Vec<_>>();
                input.chunks(36).flat_map(product).collect()
            },
        );
        check::against(
            dims,
            &[],
            |input, _| {
                let (parts, tape) = split(input, &[2, 2]);
                multiply(parts, tape)
            },
            |input, _| {
                let product = |image: &[f64]| (0..18).map(|at| image[at] * image[18 + at]).collect::<Vec<_>>();
                input.chunks(36).flat_map(product).collect()
            },
        );
    }

    #[test]
    fn without_a_tape_a_value_that_somebody_else_reads_is_left_alone() {
        let device = Cpu::default();
        let one: Values = view::tensor(&device, vec![1.0, 2.0], (1, 2, 1, 1));
        let other: Values = view::tensor(&device, vec![3.0, 4.0], (1, 2, 1, 1));
        let kept = one.clone();
        let sum = add(vec![one, other.clone()], NoneTape);
        assert_eq!((view::values(&sum).as_ref(), view::values(&kept).as_ref()), (&[4.0, 6.0][..], &[1.0, 2.0][..]));
        drop(kept);
        // Now nobody else does, and its place is taken.
        let place = view::place_of(&sum);
        assert_eq!(view::place_of(&add(vec![sum, other], NoneTape)), place);
    }
}
