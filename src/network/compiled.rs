//! The network that runs: a description's layers with their parameters, walked on dfdx tensors.

use std::ops::{ControlFlow, Range};
use std::sync::{Arc, OnceLock};

use dfdx::prelude::*;

use super::init::{self, Init};
use super::kernels::conv::Algorithm;
use super::kernels::heap::keep_memory;
use super::kernels::view;
use super::kernels::winograd::Transformed;
use super::ops::Values;
use super::ops::batch_norm::Statistics;
use super::ops::tape::Wants;
use super::parameters::{Parameter, Role, Running, row, shapes_of};
use super::plan::Plan;
use super::step::{Extras, Mode, Step, apply, conv_shape, dims};
use crate::graph::{Graph, Layer, Source, liveness};

/// A network with parameters. Its layers are those of the [`Graph`] it was compiled from.
#[derive(Clone)]
pub struct Compiled {
    pub layers: Vec<Layer>,
    /// Weight, then bias, layer by layer.
    pub parameters: Vec<Parameter>,
    pub running: Vec<Running>,
    pub device: Cpu,
    /// How convolutions are computed; each the cheapest way without it.
    pub conv_algorithm: Option<Algorithm>,
    /// What each layer does, with the places of its parameters.
    steps: Vec<Step>,
    /// Layers whose parameters and statistics stay as they are, by layer: no gradient of theirs is worked out, and batch norms take
    /// their running statistics.
    pub frozen: Vec<bool>,
    /// Weights transformed for Winograd, by layer; made by the first evaluation and kept until parameters change.
    transforms: Vec<OnceLock<Arc<Transformed>>>,
    /// Whether all weights are finite, by layer; found out and kept likewise.
    finite: Vec<OnceLock<bool>>,
    /// How to evaluate it where nobody looks at what lies between; made and kept likewise.
    plan: OnceLock<Arc<Plan>>,
}

impl Compiled {
    /// Draws every parameter.
    pub fn initialised(network: &Graph, init: Init, seed: u64) -> Self {
        Self::filled(network, |index, layer, role, shape| {
            init::values(init, &layer.operation, role, shape, seed, index as u64)
        })
    }

    /// Every parameter 0, for a weights file to fill.
    pub fn zeroed(network: &Graph) -> Self {
        Self::filled(network, |_, _, _, shape| vec![0.0; shape.iter().product()])
    }

    /// Puts values, in PyTorch's order, in the place of a parameter's. For a network that has not run yet.
    pub fn set_parameter(&mut self, index: usize, values: Vec<f32>) {
        let parameter = &mut self.parameters[index];
        let values = match parameter.transposed {
            true => {
                let (outputs, inputs) = (parameter.shape[0], parameter.shape[1]);
                let turned = (0..inputs).flat_map(|input| (0..outputs).map(move |output| output * inputs + input));
                turned.map(|at| values[at]).collect()
            }
            false => values,
        };
        parameter.values = row(&self.device, values);
    }

    fn filled(network: &Graph, values: impl Fn(usize, &Layer, Role, &[usize]) -> Vec<f32>) -> Self {
        keep_memory();
        let device = Cpu::default();
        // Freed buffers go back to the system: dfdx's cache would keep every intermediate of the largest run.
        device.disable_cache();
        let mut parameters: Vec<Parameter> = Vec::new();
        let mut running = Vec::new();
        let mut steps = Vec::new();
        for layer in &network.layers {
            steps.push(Step::of(layer, parameters.len(), running.len()));
            for (role, shape) in shapes_of(layer) {
                parameters.push(Parameter {
                    layer: layer.index,
                    role,
                    name: format!("{}.{}", layer.name, role.name()),
                    values: row(&device, values(parameters.len(), layer, role, &shape)),
                    transposed: shape.len() == 2,
                    shape,
                });
            }
            if layer.buffers > 0 {
                let statistics = Statistics::new(layer.buffers as usize / 2);
                running.push(Running { layer: layer.index, name: layer.name.clone(), statistics });
            }
        }
        let transforms = vec![OnceLock::new(); network.layers.len()];
        let finite = vec![OnceLock::new(); network.layers.len()];
        let layers = network.layers.clone();
        Compiled {
            layers,
            parameters,
            running,
            device,
            conv_algorithm: None,
            steps,
            frozen: vec![false; network.layers.len()],
            transforms,
            finite,
            plan: OnceLock::new(),
        }
    }

    /// To be called when parameters have changed: what was worked out from them is forgotten.
    pub fn parameters_changed(&mut self) {
        for index in (0..self.layers.len()).filter(|&index| !self.frozen[index]) {
            self.transforms[index].take();
            self.finite[index].take();
        }
        self.plan.take();
    }

    /// Whether a parameter is learned: its layer is not frozen.
    pub fn learns(&self, parameter: &Parameter) -> bool {
        !self.frozen[parameter.layer]
    }

    /// How a conv layer is computed for a mini-batch of `images`.
    pub fn algorithm_of(&self, layer: &Layer, images: usize) -> Option<Algorithm> {
        let (channels, height, width) = dims(layer.input);
        let shape = conv_shape(layer, self.conv_algorithm)?;
        Some(shape.over((images, channels, height, width)).algorithm(self.conv_algorithm))
    }

    /// Channels, rows and columns of the input.
    pub fn input_dims(&self) -> (usize, usize, usize) {
        self.layers.first().map_or((0, 0, 0), |layer| dims(layer.input))
    }

    /// Classes, or values of whatever the last layer gives, of one image.
    pub fn outputs(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.output.elements() as usize)
    }

    /// A mini-batch from values in the order [N, C, H, W].
    pub fn batch(&self, values: Vec<f32>) -> Values {
        let (channels, height, width) = self.input_dims();
        let images = values.len() / (channels * height * width).max(1);
        view::tensor(&self.device, values, (images, channels, height, width))
    }

    /// Runs every layer. `after` sees each output as it is made and may end the run, which then gives `None`.
    ///
    /// With a tape, a layer that nothing learned lies before works out its input's gradient only if `wants_input_gradient`.
    pub fn forward<T: Tape<f32, Cpu>>(
        &mut self,
        input: Values<T>,
        mode: Mode,
        wants_input_gradient: bool,
        after: impl FnMut(usize, &Values) -> ControlFlow<()>,
    ) -> Option<Values<T>> {
        self.forward_to(self.layers.len(), input, mode, wants_input_gradient, after)
    }

    /// What the network gives in evaluation, faster than by [`Compiled::forward`]: by a plan, so what lies between is not there
    /// to be seen, and values differ by rounding. With a [`Compiled::conv_algorithm`], and where blocks would take far more memory, layer by layer.
    pub fn predict(&mut self, input: Values) -> Option<Values> {
        let images = input.shape().0;
        if self.conv_algorithm.is_some()
            || self.layers.is_empty()
            || images == 0
            || !Plan::is_thrifty(&self.layers, images)
        {
            return self.forward(input, Mode::Evaluate, false, |_, _| ControlFlow::Continue(()));
        }
        if self.plan.get().is_some_and(|plan| !plan.suits(images)) {
            self.plan.take();
        }
        let make = || Arc::new(Plan::new(&self.layers, &self.steps, &self.parameters, &self.running, images));
        let plan = self.plan.get_or_init(make).clone();
        Some(plan.run(input, &self.steps, &self.parameters, &self.device))
    }

    /// As [`Compiled::forward`] through the layers before `end` only.
    pub fn forward_to<T: Tape<f32, Cpu>>(
        &mut self,
        end: usize,
        input: Values<T>,
        mode: Mode,
        wants_input_gradient: bool,
        after: impl FnMut(usize, &Values) -> ControlFlow<()>,
    ) -> Option<Values<T>> {
        let (input, tape) = input.split_tape();
        let Some(last) = end.checked_sub(1) else { return Some(input.put_tape(tape)) };
        let mut given = Given::new(input, self.layers.len(), wants_input_gradient);
        let tape = self.walk(0..end, &mut given, tape, mode, after)?;
        Some(given.outputs[last].take()?.put_tape(tape))
    }

    /// As [`Compiled::forward_to`], with a tape that begins behind layer `from`: what that layer gave, and what the layers before
    /// `end` made of it. Gradients lead back to it, over all ways, and no further.
    pub fn forward_from(
        &mut self,
        from: usize,
        end: usize,
        input: Values,
        mode: Mode,
        mut after: impl FnMut(usize, &Values) -> ControlFlow<()>,
    ) -> Option<(Values, Values<OwnedTape<f32, Cpu>>)> {
        let mut given = Given::new(input, self.layers.len(), false);
        self.walk(0..from + 1, &mut given, NoneTape, mode, &mut after)?;
        let start = given.outputs[from].clone()?;
        let (_, tape) = start.leaky_trace().split_tape();
        given.wanted[from] = true;
        if end <= from + 1 {
            return Some((start.clone(), start.put_tape(tape)));
        }
        let tape = self.walk(from + 1..end, &mut given, tape, mode, &mut after)?;
        Some((start, given.outputs[end - 1].take()?.put_tape(tape)))
    }

    /// Layers one after the other, from what is given on. What no later layer reads is let go, except what the last of them gives.
    fn walk<T: Tape<f32, Cpu>>(
        &mut self,
        range: Range<usize>,
        given: &mut Given,
        mut tape: T,
        mode: Mode,
        mut after: impl FnMut(usize, &Values) -> ControlFlow<()>,
    ) -> Option<T> {
        if mode != Mode::Evaluate {
            // Its running statistics will be others.
            self.plan.take();
        }
        let (last_use, _) = liveness::last_uses(&self.layers);
        let mut running = std::mem::take(&mut self.running);
        for index in range.clone() {
            let layer = &self.layers[index];
            let (mut reads, mut wants) = (Vec::with_capacity(layer.inputs.len()), false);
            for source in &layer.inputs {
                match source {
                    Source::Layer(from) => {
                        wants |= given.wanted[*from];
                        reads.push(given.outputs[*from].clone().expect("kept until its last reader"));
                    }
                    Source::Input => {
                        wants |= given.wants_input_gradient;
                        reads.push(given.input.clone());
                    }
                }
            }
            // What nobody reads again may be changed in place.
            for source in &layer.inputs {
                if let Source::Layer(from) = source
                    && last_use[*from] == index
                {
                    given.outputs[*from] = None;
                }
            }
            let (step, frozen) = (&self.steps[index], self.frozen[index]);
            given.wanted[index] = wants || step.has_parameters() && !frozen;
            // Of what no gradient is wanted nothing is recorded, and nothing kept.
            let records = T::OWNS_TAPE && given.wanted[index];
            let extras = Extras {
                mode: if frozen { Mode::Evaluate } else { mode },
                wants: Wants { input: wants, parameters: !frozen },
                algorithm: self.conv_algorithm,
                transformed: (!records).then(|| &self.transforms[index]),
                finite: (!records).then(|| &self.finite[index]),
            };
            if T::OWNS_TAPE && !records {
                let output = apply(step, reads, NoneTape, &self.parameters, &mut running, extras);
                if after(index, &output).is_break() {
                    self.running = running;
                    return None;
                }
                given.outputs[index] = Some(output);
                continue;
            }
            let output = apply(step, reads, tape, &self.parameters, &mut running, extras);
            let (output, new_tape) = output.split_tape();
            tape = new_tape;
            if after(index, &output).is_break() {
                self.running = running;
                return None;
            }
            given.outputs[index] = Some(output);
        }
        self.running = running;
        Some(tape)
    }
}

/// What layers may read: the network's input and the outputs of the layers before, as far as a later one reads them.
struct Given {
    input: Values,
    wants_input_gradient: bool,
    outputs: Vec<Option<Values>>,
    /// Whether a layer's output depends on what a gradient is wanted of.
    wanted: Vec<bool>,
}

impl Given {
    fn new(input: Values, layers: usize, wants_input_gradient: bool) -> Self {
        let (outputs, wanted) = (vec![None; layers], vec![false; layers]);
        Given { input, wants_input_gradient, outputs, wanted }
    }
}
