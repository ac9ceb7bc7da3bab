//! What a network's tensors are called: under our own layer paths, in torchvision's numbering, in timm's.

use super::plan::Scheme;
use crate::model::{Layer, Network, Operation};
use crate::network::parameters::shapes_of;

/// Which value of the network a tensor goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Index into the compiled network's parameters.
    Parameter(usize),
    /// Index into its running statistics.
    Mean(usize),
    Variance(usize),
}

/// A place for a tensor: parameters and running statistics, layer by layer.
#[derive(Debug, Clone)]
pub struct Slot {
    pub target: Target,
    pub layer: usize,
    /// `weight`, `bias`, `running_mean` or `running_var`.
    pub part: &'static str,
    /// PyTorch's shape.
    pub shape: Vec<usize>,
}

/// The slots of a network, numbered as its compiled form numbers parameters and running statistics.
pub fn slots(network: &Network) -> Vec<Slot> {
    let mut slots: Vec<Slot> = Vec::new();
    let (mut parameters, mut running) = (0, 0);
    for layer in &network.layers {
        for (role, shape) in shapes_of(layer) {
            slots.push(Slot { target: Target::Parameter(parameters), layer: layer.index, part: role.name(), shape });
            parameters += 1;
        }
        if layer.buffers > 0 {
            let shape = vec![layer.weights as usize];
            let slot = |target, part| Slot { target, layer: layer.index, part, shape: shape.clone() };
            slots.push(slot(Target::Mean(running), "running_mean"));
            slots.push(slot(Target::Variance(running), "running_var"));
            running += 1;
        }
    }
    slots
}

/// The name of every slot under a scheme, or nothing where the scheme has no name for the network.
pub fn names(scheme: Scheme, network: &Network, slots: &[Slot]) -> Option<Vec<String>> {
    let layers: Vec<String> = match scheme {
        Scheme::Own => network.layers.iter().map(|layer| layer.name.clone()).collect(),
        Scheme::Torchvision => torchvision(&network.layers),
        Scheme::Timm => timm(&network.layers)?,
        Scheme::Order => return None,
    };
    Some(slots.iter().map(|slot| format!("{}.{}", layers[slot.layer], slot.part)).collect())
}

/// `features.N` counts every layer before `flatten` but adaptive and global pools, `classifier.M` every one after it.
fn torchvision(layers: &[Layer]) -> Vec<String> {
    let (mut part, mut next) = ("features", 0);
    let mut names = Vec::new();
    for layer in layers {
        names.push(format!("{part}.{next}"));
        match layer.operation {
            Operation::Flatten => (part, next) = ("classifier", 0),
            Operation::AdaptiveAvgPool | Operation::GlobalAvgPool => {}
            _ => next += 1,
        }
    }
    names
}

/// timm's VGG: torchvision's features, then `pre_logits.fc1`, `pre_logits.fc2` and `head.fc` for three linear layers.
fn timm(layers: &[Layer]) -> Option<Vec<String>> {
    let linear: Vec<usize> = (layers.iter())
        .filter(|layer| matches!(layer.operation, Operation::Linear { .. }))
        .map(|layer| layer.index)
        .collect();
    let [first, second, head] = linear[..] else { return None };
    let mut names = torchvision(layers);
    names[first] = "pre_logits.fc1".into();
    names[second] = "pre_logits.fc2".into();
    names[head] = "head.fc".into();
    Some(names)
}
