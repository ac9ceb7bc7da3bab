//! How an operation of ours takes its place on dfdx's tape.

use dfdx::prelude::*;

use super::{Dims, Row, Values};
use crate::network::kernels::view;

/// Which gradients somebody wants of an operation with parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wants {
    pub input: bool,
    pub parameters: bool,
}

impl Wants {
    pub const ALL: Wants = Wants { input: true, parameters: true };

    /// The parameters, if theirs are wanted.
    pub fn of<'a>(self, weight: &'a Row, bias: Option<&'a Row>) -> Vec<&'a Row> {
        std::iter::once(weight).chain(bias).filter(|_| self.parameters).collect()
    }
}

/// What an operation's backward pass gets and fills.
pub struct Backward<'a> {
    /// The gradient of the loss with respect to the output.
    pub upstream: &'a [f32],
    /// Where the gradient with respect to the input is added; empty where nobody wants it.
    pub to_input: &'a mut [f32],
    /// Where the gradients with respect to the parameters are added, in the order they were recorded.
    pub to_parameters: &'a mut [Vec<f32>],
}

/// Puts `values` behind `input`. `backward` is kept only when a tape records; it must own what it needs, since the
/// input's values are let go here.
pub fn record<T: Tape<f32, Cpu>>(
    input: Values<T>,
    wants_input_gradient: bool,
    values: Vec<f32>,
    dims: Dims,
    parameters: &[&Row],
    backward: impl FnOnce(Backward) + 'static,
) -> Values<T> {
    let (input, mut tape) = input.split_tape();
    let output = view::tensor(input.device(), values, dims);
    if T::OWNS_TAPE {
        let (from, to) = (output.ghost(), input.ghost());
        let parameters: Vec<_> = parameters.iter().map(|parameter| parameter.ghost()).collect();
        tape.add_backward_op(move |gradients| {
            // Taken out, not copied: nothing reads it after this operation, and taking it frees it at once.
            let upstream = std::mem::take(&mut **gradients.get_or_alloc_mut(&from)?);
            let mut to_input = match wants_input_gradient {
                true => std::mem::take(&mut **gradients.get_or_alloc_mut(&to)?),
                false => Vec::new(),
            };
            let mut to_parameters = Vec::with_capacity(parameters.len());
            for parameter in &parameters {
                to_parameters.push(std::mem::take(&mut **gradients.get_or_alloc_mut(parameter)?));
            }
            let (to_input_slice, to_parameters_slice) = (&mut to_input[..], &mut to_parameters[..]);
            backward(Backward { upstream: &upstream, to_input: to_input_slice, to_parameters: to_parameters_slice });
            if wants_input_gradient {
                **gradients.get_or_alloc_mut(&to)? = to_input;
            }
            for (parameter, gradient) in parameters.iter().zip(to_parameters) {
                **gradients.get_or_alloc_mut(parameter)? = gradient;
            }
            Ok(())
        });
    }
    output.put_tape(tape)
}

/// Puts `values` behind several inputs. `backward` adds to the gradient of the input of an index, one after the other; it must own
/// what it needs. An input that stands twice gets its gradient twice.
pub fn record_joined<T: Tape<f32, Cpu>>(
    inputs: Vec<Values>,
    mut tape: T,
    values: Vec<f32>,
    dims: Dims,
    backward: impl Fn(usize, &[f32], &mut [f32]) + 'static,
) -> Values<T> {
    let output = view::tensor(inputs[0].device(), values, dims);
    if T::OWNS_TAPE {
        let from = output.ghost();
        let to: Vec<_> = inputs.iter().map(|input| input.ghost()).collect();
        tape.add_backward_op(move |gradients| {
            let upstream = std::mem::take(&mut **gradients.get_or_alloc_mut(&from)?);
            for (index, to) in to.iter().enumerate() {
                backward(index, &upstream, &mut gradients.get_or_alloc_mut(to)?[..]);
            }
            Ok(())
        });
    }
    output.put_tape(tape)
}
