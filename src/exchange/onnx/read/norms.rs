//! Normalisations.

use super::attributes::{float, int};
use super::constant::Constant;
use super::net::{Part, What};
use super::translate::{Reading, Said};
use crate::graph::Operation;
use crate::spec::describe::{BatchNorm, Lrn, Norm};

impl Reading<'_, '_> {
    fn epsilon(&self) -> f64 {
        float(self.node, "epsilon").unwrap_or(1e-5)
    }

    /// Two parameters with a value for each channel.
    fn affine(&self, channels: u64) -> Result<[Constant; 2], crate::reason::Reason> {
        let (weight, bias) = (self.tensor(1, "scale")?, self.tensor(2, "bias")?);
        match weight.count() == channels && bias.count() == channels {
            true => Ok([weight, bias].map(|own| own.shaped(vec![channels]))),
            false => Err(format!("its parameters are not one for each of {channels} channels").into()),
        }
    }

    pub fn batch_norm(&mut self) -> Said {
        let shape = self.shape();
        let gives_statistics = self.node.output.iter().skip(1).any(|name| !name.is_empty());
        if int(self.node, "training_mode") == Some(1) || gives_statistics {
            return Err("it normalises by the images at hand; export the network in evaluation mode".into());
        }
        let channels = shape.get(1).copied().ok_or("nothing arrives that has channels")?;
        if !matches!(shape.len(), 2 | 4) {
            return Err(format!("it reads a value of {} dimensions", shape.len()).into());
        }
        let [weight, bias] = self.affine(channels)?;
        let (mean, variance) = (self.tensor(3, "mean")?, self.tensor(4, "variance")?);
        if mean.count() != channels || variance.count() != channels {
            return Err(format!("its statistics are not one for each of {channels} channels").into());
        }
        // ONNX's momentum is the share of what was there, ours of what comes.
        let momentum = float(self.node, "momentum").unwrap_or(0.9);
        let momentum = format!("{:.6}", 1.0 - momentum).parse().unwrap_or(0.1);
        let operation = Operation::Norm(Norm::Batch(BatchNorm { eps: self.epsilon(), momentum, affine: true }));
        let tensors = vec![("weight", weight), ("bias", bias), ("running_mean", mean), ("running_var", variance)];
        self.push(What::Is(operation), shape, tensors)
    }

    pub fn instance_norm(&mut self) -> Said {
        let shape = self.shape();
        let channels = shape.get(1).copied().ok_or("nothing arrives that has channels")?;
        let [weight, bias] = self.affine(channels)?;
        let is = |own: &Constant, wanted: f32| own.floats().is_some_and(|values| values.iter().all(|&v| v == wanted));
        // Ones and zeros stand where nothing is learned.
        let affine = !(is(&weight, 1.0) && is(&bias, 0.0));
        let tensors = if affine { vec![("weight", weight), ("bias", bias)] } else { Vec::new() };
        self.push(What::Is(Operation::Norm(Norm::Instance { eps: self.epsilon(), affine })), shape, tensors)
    }

    pub fn group_norm(&mut self) -> Said {
        let shape = self.shape();
        let channels = shape.get(1).copied().ok_or("nothing arrives that has channels")?;
        let groups =
            int(self.node, "num_groups").and_then(|groups| u64::try_from(groups).ok()).filter(|&groups| groups > 0);
        let groups = groups.filter(|&groups| channels.is_multiple_of(groups)).ok_or("its groups do not fit")?;
        let [mut weight, mut bias] = [self.tensor(1, "scale")?, self.tensor(2, "bias")?];
        if self.translator.opset < 21 && weight.count() == groups {
            // Before version 21 there is one for each group.
            let each = |own: Constant| {
                let values = own.floats().unwrap_or_default();
                let each = values.iter().flat_map(|&value| vec![value; (channels / groups) as usize]).collect();
                Constant::floats_of(vec![channels], each)
            };
            [weight, bias] = [each(weight), each(bias)];
        }
        if weight.count() != channels || bias.count() != channels {
            return Err(format!("its parameters are not one for each of {channels} channels").into());
        }
        let operation = Operation::Norm(Norm::Group { groups, eps: self.epsilon() });
        let tensors = vec![("weight", weight.shaped(vec![channels])), ("bias", bias.shaped(vec![channels]))];
        self.push(What::Is(operation), shape, tensors)
    }

    pub fn layer_norm(&mut self) -> Said {
        let shape = self.shape();
        let axis = self.axis(int(self.node, "axis").unwrap_or(-1));
        let last = shape.len() as i64 - 1;
        if axis != last {
            return Err("only norms over the channels of each position are read".into());
        }
        let features = shape[last as usize];
        let weight = self.tensor(1, "scale")?;
        let bias = match self.inputs.get(2) {
            Some(Some(_)) => self.tensor(2, "bias")?,
            _ => Constant::floats_of(vec![features], vec![0.0; features as usize]),
        };
        if weight.count() != features || bias.count() != features {
            return Err("its parameters do not fit".into());
        }
        let tensors = vec![("weight", weight.shaped(vec![features])), ("bias", bias.shaped(vec![features]))];
        let eps = self.epsilon();
        let what = match shape.len() {
            2 => What::Is(Operation::Norm(Norm::Layer { eps })),
            _ => What::Part(Part::LastNorm { eps }),
        };
        self.push(what, shape, tensors)
    }

    pub fn lrn(&mut self) -> Said {
        let value = |name: &str, default: f64| float(self.node, name).unwrap_or(default);
        let (alpha, beta, k) = (value("alpha", 1e-4), value("beta", 0.75), value("bias", 1.0));
        let size = int(self.node, "size").and_then(|size| u64::try_from(size).ok()).filter(|&size| size > 0);
        let size = size.ok_or("it has no size")?;
        self.map()?;
        if size.is_multiple_of(2) {
            return Err(format!("its {size} neighbours are even in number, where ONNX and PyTorch mean others").into());
        }
        self.same(Operation::Norm(Norm::Lrn(Lrn { size, alpha, beta, k })))
    }
}
