//! A batch norm in evaluation is x·s + t for each channel, s = γ/√(σ² + ε), t = β − μ·s; behind a conv it is folded into it:
//! γ·(w∗x + b − μ)/√(σ² + ε) + β is a conv with weights w·s and biases b·s + t.

use super::ops::batch_norm::Statistics;

/// s and t of each channel, in f64 so that folding rounds once.
pub struct Affine {
    pub scale: Vec<f64>,
    pub shift: Vec<f64>,
}

impl Affine {
    /// Of a norm with running statistics; `affine` is its γ and β, where it has them.
    pub fn of(affine: Option<(&[f32], &[f32])>, running: &Statistics, eps: f64) -> Affine {
        let (mut scale, mut shift) = (Vec::new(), Vec::new());
        for (channel, (mean, variance)) in running.mean.iter().zip(&running.variance).enumerate() {
            let (gamma, beta) = affine.map_or((1.0, 0.0), |(gamma, beta)| (gamma[channel], beta[channel]));
            let factor = f64::from(gamma) / (f64::from(*variance) + eps).sqrt();
            scale.push(factor);
            shift.push(f64::from(beta) - f64::from(*mean) * factor);
        }
        Affine { scale, shift }
    }

    /// Weights, output by output, and biases of a conv with this behind it.
    pub fn folded(&self, weight: &[f32], bias: Option<&[f32]>) -> (Vec<f32>, Vec<f32>) {
        let mut weights = weight.to_vec();
        let each = weights.len() / self.scale.len().max(1);
        for (kernel, scale) in weights.chunks_exact_mut(each.max(1)).zip(&self.scale) {
            kernel.iter_mut().for_each(|value| *value = (f64::from(*value) * scale) as f32);
        }
        let both = self.scale.iter().zip(&self.shift).enumerate();
        let biases = both.map(|(channel, (scale, shift))| {
            let bias = bias.map_or(0.0, |bias| f64::from(bias[channel]));
            (bias * scale + shift) as f32
        });
        (weights, biases.collect())
    }
}
