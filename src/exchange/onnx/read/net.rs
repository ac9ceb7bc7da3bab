//! What an ONNX graph computes, step by step, on its way to our operations.

use super::constant::Constant;
use crate::graph::Operation;

/// A value that is computed: 0 is the network's input, n + 1 what step n gives.
pub type Value = usize;

/// One operation on values.
#[derive(Debug, Clone)]
pub struct Step {
    /// The node that it was read from, by name and operator.
    pub node: String,
    pub what: What,
    pub inputs: Vec<Value>,
    /// With the number of images.
    pub shape: Vec<u64>,
    /// Parameters and statistics by their parts' names, in PyTorch's layouts.
    pub tensors: Vec<(&'static str, Constant)>,
    /// What the file calls its weights, without `.weight`.
    pub called: Option<String>,
}

#[derive(Debug, Clone)]
pub enum What {
    /// One of ours.
    Is(Operation),
    /// Part of something that may become one of ours.
    Part(Part),
}

/// What ONNX says in several nodes and we in one, or not at all.
#[derive(Debug, Clone)]
pub enum Part {
    /// Rows above, columns on the left, rows below, columns on the right; and channels before and behind.
    Pad {
        sides: [u64; 4],
        channels: [u64; 2],
        value: f64,
    },
    /// x · matrix, each row of a map by itself.
    Columns(Constant),
    /// matrix · x.
    Rows(Constant),
    Add(Constant),
    Multiply(Constant),
    Power(f64),
    Erf,
    Softplus,
    /// Bounds that no activation has.
    Clip,
    /// The same values in other sizes.
    Reshape,
    Transpose(Vec<usize>),
    /// Every so many rows and columns.
    Strided([u64; 2]),
    /// The same value at every position.
    Expand,
    /// Over the last axis.
    LastNorm {
        eps: f64,
    },
}

/// Steps, each after those that it reads. Those that became part of others are left where they are, unused.
#[derive(Debug, Default)]
pub struct Net {
    pub input: Vec<u64>,
    pub steps: Vec<Step>,
    pub output: Value,
}

impl Net {
    pub fn shape(&self, value: Value) -> &[u64] {
        match value.checked_sub(1) {
            None => &self.input,
            Some(step) => &self.steps[step].shape,
        }
    }

    pub fn push(&mut self, step: Step) -> Value {
        self.steps.push(step);
        self.steps.len()
    }

    /// The step that gives a value.
    pub fn step(&self, value: Value) -> Option<&Step> {
        value.checked_sub(1).map(|step| &self.steps[step])
    }

    pub fn operation(&self, value: Value) -> Option<&Operation> {
        match &self.step(value)?.what {
            What::Is(operation) => Some(operation),
            What::Part(_) => None,
        }
    }

    pub fn part(&self, value: Value) -> Option<&Part> {
        match &self.step(value)?.what {
            What::Is(_) => None,
            What::Part(part) => Some(part),
        }
    }

    /// What a step with one input reads.
    pub fn only_input(&self, value: Value) -> Option<Value> {
        match self.step(value)?.inputs[..] {
            [input] => Some(input),
            _ => None,
        }
    }

    /// Whether each step leads to the output.
    pub fn needed(&self) -> Vec<bool> {
        let mut needed = vec![false; self.steps.len()];
        if let Some(last) = self.output.checked_sub(1) {
            needed[last] = true;
        }
        for at in (0..self.steps.len()).rev() {
            if needed[at] {
                self.steps[at]
                    .inputs
                    .iter()
                    .filter_map(|input| input.checked_sub(1))
                    .for_each(|own| needed[own] = true);
            }
        }
        needed
    }

    /// The values that read each value, among the steps that lead to the output.
    pub fn users(&self) -> Vec<Vec<Value>> {
        let needed = self.needed();
        let mut users = vec![Vec::new(); self.steps.len() + 1];
        for (at, step) in self.steps.iter().enumerate().filter(|(at, _)| needed[*at]) {
            for input in &step.inputs {
                if users[*input].last() != Some(&(at + 1)) {
                    users[*input].push(at + 1);
                }
            }
        }
        users
    }

    /// Lets everybody who reads one value read another.
    pub fn replace(&mut self, value: Value, other: Value) {
        for step in &mut self.steps {
            step.inputs.iter_mut().filter(|input| **input == value).for_each(|input| *input = other);
        }
        if self.output == value {
            self.output = other;
        }
    }
}
