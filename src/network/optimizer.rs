//! Optimizer steps through dfdx's own updates, one parameter at a time, with state that can be saved and restored.

use dfdx::optim::{AdamConfig, Momentum, SgdConfig, WeightDecay};
use dfdx::prelude::*;
use rayon::prelude::*;

use super::compiled::Compiled;
use super::kernels::view;
use super::ops::Row;

/// How a step follows from gradients.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Algorithm {
    /// v ← μ·v + g, p ← p − lr·v; with Nesterov p ← p − lr·(g + μ·v). Weight decay is added to g (L2).
    Sgd { momentum: f64, nesterov: bool },
    /// Kingma & Ba 2014. Weight decay is added to g (L2), as PyTorch's `Adam`.
    Adam { betas: [f64; 2], eps: f64 },
    /// Loshchilov & Hutter 2017: as Adam, but p also shrinks by lr·decay·p, as PyTorch's `AdamW`.
    AdamW { betas: [f64; 2], eps: f64 },
}

impl Algorithm {
    /// How many values of state it keeps for each parameter.
    pub fn moments(self) -> usize {
        match self {
            Algorithm::Sgd { .. } => 1,
            Algorithm::Adam { .. } | Algorithm::AdamW { .. } => 2,
        }
    }
}

/// Squared Euclidean norms of one parameter at a step.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Squares {
    /// Before the step.
    pub weight: f64,
    /// As the algorithm was given it: after clipping, before weight decay.
    pub gradient: f64,
    /// What the step changed.
    pub update: f64,
}

type Buffer = <Cpu as Storage<f32>>::Vec;

/// An algorithm with its state for one network.
pub struct Optimizer {
    pub algorithm: Algorithm,
    pub weight_decay: f64,
    /// Steps taken.
    steps: i32,
    /// Momentum, or Adam's two moments, of each parameter; of frozen ones nothing.
    moments: Vec<Vec<Buffer>>,
}

/// Why saved state cannot be taken over.
#[derive(Debug, thiserror::Error)]
#[error("the optimizer's saved state is not that of this network: {0}")]
pub struct StateError(String);

impl Optimizer {
    /// With all state 0.
    pub fn new(algorithm: Algorithm, weight_decay: f64, network: &Compiled) -> Result<Self, CpuError> {
        let mut moments = Vec::with_capacity(network.parameters.len());
        for parameter in &network.parameters {
            let count = if network.learns(parameter) { algorithm.moments() } else { 0 };
            let of_one = (0..count).map(|_| network.device.try_alloc_len(parameter.len()));
            moments.push(of_one.collect::<Result<Vec<_>, _>>()?);
        }
        Ok(Optimizer { algorithm, weight_decay, steps: 0, moments })
    }

    /// One step against `gradients`, at a learning rate.
    pub fn step(
        &mut self,
        network: &mut Compiled,
        gradients: &mut Gradients<f32, Cpu>,
        lr: f64,
    ) -> Result<(), CpuError> {
        self.take(network, gradients, lr, false).map(drop)
    }

    /// As [`Optimizer::step`], and the squared norms of each parameter, its gradient and its change.
    pub fn step_observed(
        &mut self,
        network: &mut Compiled,
        gradients: &mut Gradients<f32, Cpu>,
        lr: f64,
    ) -> Result<Vec<Squares>, CpuError> {
        self.take(network, gradients, lr, true)
    }

    fn take(
        &mut self,
        network: &mut Compiled,
        gradients: &mut Gradients<f32, Cpu>,
        lr: f64,
        observed: bool,
    ) -> Result<Vec<Squares>, CpuError> {
        self.steps += 1;
        network.parameters_changed();
        // Each parameter with its gradient, so that all cores can work; dfdx updates one tensor on one core.
        let mut buffers = Vec::with_capacity(network.parameters.len());
        for parameter in &network.parameters {
            let mut buffer = network.device.try_alloc_len(0)?;
            if !network.learns(parameter) {
                buffers.push(buffer);
                continue;
            }
            std::mem::swap(&mut *buffer, &mut **gradients.get_or_alloc_mut(&parameter.values)?);
            buffers.push(buffer);
        }
        let parameters = network.parameters.par_iter_mut().zip(&mut self.moments).zip(&mut buffers);
        let (algorithm, weight_decay, steps) = (self.algorithm, self.weight_decay, self.steps);
        let frozen = &network.frozen;
        let squares = parameters.with_max_len(1).map(|((parameter, moments), gradient)| {
            if frozen[parameter.layer] {
                return Ok(Squares::default());
            }
            let before = observed.then(|| view::values(&parameter.values).to_vec());
            let place = view::place_of(&parameter.values);
            update(algorithm, weight_decay, steps, lr, &mut parameter.values, moments, gradient)?;
            view::keep_exposed(&mut parameter.values, place);
            let (before, after) = (before.unwrap_or_default(), view::values(&parameter.values));
            Ok(Squares {
                weight: before.iter().map(|&w| f64::from(w).powi(2)).sum(),
                gradient: if observed { gradient.iter().map(|&g| f64::from(g).powi(2)).sum() } else { 0.0 },
                update: before.iter().zip(&*after).map(|(&w, &new)| (f64::from(new) - f64::from(w)).powi(2)).sum(),
            })
        });
        let squares = squares.collect::<Result<Vec<_>, CpuError>>()?;
        for (parameter, mut buffer) in network.parameters.iter().zip(buffers) {
            if !network.learns(parameter) {
                continue;
            }
            std::mem::swap(&mut *buffer, &mut **gradients.get_or_alloc_mut(&parameter.values)?);
        }
        Ok(squares)
    }

    /// Steps taken and every moment, parameter by parameter.
    pub fn state(&self) -> (i32, Vec<Vec<&[f32]>>) {
        (self.steps, self.moments.iter().map(|own| own.iter().map(|moment| moment.as_slice()).collect()).collect())
    }

    /// Goes on from what [`Optimizer::state`] gave.
    pub fn restore(&mut self, steps: i32, moments: &[Vec<Vec<f32>>]) -> Result<(), StateError> {
        let fits = moments.len() == self.moments.len()
            && moments.iter().zip(&self.moments).all(|(saved, own)| {
                saved.len() == own.len() && saved.iter().zip(own).all(|(saved, own)| saved.len() == own.len())
            });
        if !fits {
            return Err(StateError(format!("{} parameters, {} expected", moments.len(), self.moments.len())));
        }
        self.steps = steps;
        for (own, saved) in self.moments.iter_mut().flatten().zip(moments.iter().flatten()) {
            own.copy_from_slice(saved);
        }
        Ok(())
    }
}

/// One parameter's step.
fn update(
    algorithm: Algorithm,
    weight_decay: f64,
    steps: i32,
    lr: f64,
    values: &mut Row,
    moments: &mut [Buffer],
    gradient: &Buffer,
) -> Result<(), CpuError> {
    let decay = |kind: fn(f64) -> WeightDecay| (weight_decay != 0.0).then(|| kind(weight_decay));
    match (algorithm, moments) {
        (Algorithm::Sgd { momentum, nesterov }, [velocity]) => {
            let momentum = match (momentum != 0.0, nesterov) {
                (false, _) => None,
                (true, false) => Some(Momentum::Classic(momentum)),
                (true, true) => Some(Momentum::Nesterov(momentum)),
            };
            let config = SgdConfig { lr, momentum, weight_decay: decay(WeightDecay::L2) };
            config.try_update(values, velocity, gradient)
        }
        (Algorithm::Adam { betas, eps }, [first, second]) => {
            let config = AdamConfig { lr, betas, eps, weight_decay: decay(WeightDecay::L2) };
            config.try_update(steps, values, first, second, gradient)
        }
        (Algorithm::AdamW { betas, eps }, [first, second]) => {
            let config = AdamConfig { lr, betas, eps, weight_decay: decay(WeightDecay::Decoupled) };
            config.try_update(steps, values, first, second, gradient)
        }
        // `new` makes as many buffers as the algorithm has moments.
        _ => Ok(()),
    }
}

/// Adds other gradients to some, parameter by parameter.
pub fn add_gradients(
    network: &Compiled,
    sum: &mut Gradients<f32, Cpu>,
    mut other: Gradients<f32, Cpu>,
) -> Result<(), CpuError> {
    for parameter in network.parameters.iter().filter(|parameter| network.learns(parameter)) {
        let more = std::mem::take(&mut **other.get_or_alloc_mut(&parameter.values)?);
        let sum = sum.get_or_alloc_mut(&parameter.values)?;
        sum.par_iter_mut().zip(&more).for_each(|(sum, more)| *sum += more);
    }
    Ok(())
}

/// The Euclidean norm of all gradients together, summed in f64 in a fixed order.
pub fn gradient_norm(network: &Compiled, gradients: &mut Gradients<f32, Cpu>) -> Result<f64, CpuError> {
    let mut sum = 0.0;
    for parameter in network.parameters.iter().filter(|parameter| network.learns(parameter)) {
        let gradient = gradients.get_or_alloc_mut(&parameter.values)?;
        let parts: Vec<f64> =
            gradient.par_chunks(1 << 16).map(|part| part.iter().map(|&g| f64::from(g) * f64::from(g)).sum()).collect();
        sum += parts.iter().sum::<f64>();
    }
    Ok(sum.sqrt())
}

/// Scales all gradients down to a norm of at most `limit`, as PyTorch's `clip_grad_norm_`. Gives the norm before.
pub fn clip_gradients(network: &Compiled, gradients: &mut Gradients<f32, Cpu>, limit: f64) -> Result<f64, CpuError> {
    let norm = gradient_norm(network, gradients)?;
    let scale = (limit / (norm + 1e-6)) as f32;
    if scale < 1.0 {
        for parameter in network.parameters.iter().filter(|parameter| network.learns(parameter)) {
            gradients.get_or_alloc_mut(&parameter.values)?.par_iter_mut().for_each(|gradient| *gradient *= scale);
        }
    }
    Ok(norm)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph;
    use crate::network::init::Init;
    use crate::spec::{Library, Origin};

    const LR: f64 = 0.05;
    const DECAY: f64 = 0.1;

    /// Four steps with made-up gradients, and what `follow` (in f64) makes of the same.
    fn assert_follows(algorithm: Algorithm, follow: impl Fn(i32, f64, f64, &mut [f64; 2]) -> f64) {
        let text = "input: [2, 1, 1]\nlayers: [flatten, linear: {out: 3, bias: false}]".to_string();
        let loaded = Library::new(None).load_text(&Origin::File("small.yaml".into()), text, &[]).expect("sound");
        let mut network = Compiled::initialised(&graph::analyse(&loaded).expect("fits"), Init::Xavier, 1);
        let mut expected: Vec<(f64, [f64; 2])> =
            view::values(&network.parameters[0].values).iter().map(|&p| (f64::from(p), [0.0; 2])).collect();
        let mut optimizer = Optimizer::new(algorithm, DECAY, &network).expect("memory");
        for step in 1..=4 {
            let gradient = |at: usize| ((at as f64 + 1.0) * f64::from(step)).sin() as f32;
            let mut gradients = Gradients::leaky();
            let slots = gradients.get_or_alloc_mut(&network.parameters[0].values).expect("memory");
            slots.iter_mut().enumerate().for_each(|(at, slot)| *slot = gradient(at));
            optimizer.step(&mut network, &mut gradients, LR).expect("memory");
            for (at, (value, moments)) in expected.iter_mut().enumerate() {
                *value = follow(step, *value, gradient(at).into(), moments);
            }
        }
        for (value, (expected, _)) in view::values(&network.parameters[0].values).iter().zip(expected) {
            assert!((f64::from(*value) - expected).abs() < 2e-5, "{algorithm:?}: {value} for {expected}");
        }
    }

    #[test]
    fn every_algorithm_steps_as_pytorchs_documentation_defines_it() {
        for nesterov in [false, true] {
            assert_follows(Algorithm::Sgd { momentum: 0.9, nesterov }, |_, value, gradient, moments| {
                let gradient = gradient + DECAY * value;
                moments[0] = 0.9 * moments[0] + gradient;
                value - LR * if nesterov { gradient + 0.9 * moments[0] } else { moments[0] }
            });
        }
        let (betas, eps) = ([0.9, 0.99], 1e-6);
        let adam = |step: i32, gradient: f64, moments: &mut [f64; 2]| {
            moments[0] = betas[0] * moments[0] + (1.0 - betas[0]) * gradient;
            moments[1] = betas[1] * moments[1] + (1.0 - betas[1]) * gradient * gradient;
            let (mean, square) = (moments[0] / (1.0 - betas[0].powi(step)), moments[1] / (1.0 - betas[1].powi(step)));
            LR * mean / (square.sqrt() + eps)
        };
        assert_follows(Algorithm::Adam { betas, eps }, |step, value, gradient, moments| {
            value - adam(step, gradient + DECAY * value, moments)
        });
        assert_follows(Algorithm::AdamW { betas, eps }, |step, value, gradient, moments| {
            value - LR * DECAY * value - adam(step, gradient, moments)
        });
    }
}
