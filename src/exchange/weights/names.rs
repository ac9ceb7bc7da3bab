//! What a network's tensors are called: under our own layer paths, in torchvision's numbering, in timm's.

use super::entry::Entry;
use super::scheme::Scheme;
use crate::graph::{Graph, Layer, Operation, Wiring};
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

impl Slot {
    /// `block1.conv1.weight`, under our own names.
    pub fn name_in(&self, network: &Graph) -> String {
        format!("{}.{}", network.layers[self.layer].name, self.part)
    }
}

/// Whether a tensor of a file can stand in a slot.
pub fn shape_fits(entry: &Entry, slot: &Slot) -> bool {
    // timm keeps its first fully connected layer as a 7×7 convolution; its values stand in the same order.
    let flattened = |shape: &[usize]| match shape {
        [out, rest @ ..] => vec![*out, rest.iter().product()],
        [] => Vec::new(),
    };
    entry.shape == slot.shape
        || slot.part == "weight"
            && slot.shape.len() == 2
            && entry.shape.len() == 4
            && flattened(&entry.shape) == slot.shape
}

/// The slots of each layer together.
pub fn layer_groups(slots: &[Slot]) -> impl Iterator<Item = &[Slot]> {
    slots.chunk_by(|one, other| one.layer == other.layer)
}

/// A name in the form under which different habits meet: `fc1`, `Dense_1` and `linear` are all `linear1`, `bn` is
/// `batchnorm1`. Of names that count `from_zero`, `conv0` and `conv` are `conv1` and `conv_1` is `conv2`.
pub fn normalised(name: &str, from_zero: bool) -> String {
    let segment = |segment: &str| -> String {
        let plain: String = segment.chars().filter(|c| *c != '_').flat_map(char::to_lowercase).collect();
        let digits = plain.len() - plain.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        let (word, number) = plain.split_at(plain.len() - digits);
        let word = match word {
            "fc" | "dense" => "linear",
            "bn" | "norm" => "batchnorm",
            "conv2d" => "conv",
            word => word,
        };
        match (word, number) {
            ("weight" | "bias" | "runningmean" | "runningvar", "") => word.to_string(),
            (word, "") => format!("{word}1"),
            (word, number) => match number.parse::<u64>() {
                Ok(number) => format!("{word}{}", number.saturating_add(from_zero.into())),
                Err(_) => plain.clone(),
            },
        }
    };
    name.split('.').map(segment).collect::<Vec<_>>().join(".")
}

/// The slots of a network, numbered as its compiled form numbers parameters and running statistics.
pub fn slots(network: &Graph) -> Vec<Slot> {
    let mut slots: Vec<Slot> = Vec::new();
    let (mut parameters, mut running) = (0, 0);
    for layer in &network.layers {
        for (role, shape) in shapes_of(layer) {
            slots.push(Slot { target: Target::Parameter(parameters), layer: layer.index, part: role.name(), shape });
            parameters += 1;
        }
        if layer.buffers > 0 {
            let shape = vec![layer.buffers as usize / 2];
            let slot = |target, part| Slot { target, layer: layer.index, part, shape: shape.clone() };
            slots.push(slot(Target::Mean(running), "running_mean"));
            slots.push(slot(Target::Variance(running), "running_var"));
            running += 1;
        }
    }
    slots
}

/// The name of every slot under a scheme, or nothing where the scheme has no name for the network.
pub fn names(scheme: Scheme, network: &Graph, slots: &[Slot]) -> Option<Vec<String>> {
    let layers: Vec<String> = match scheme {
        Scheme::Own => network.layers.iter().map(|layer| layer.name.clone()).collect(),
        Scheme::Torchvision => torchvision(&network.layers),
        Scheme::Timm => timm(&network.layers)?,
        Scheme::Residual => residual(network)?,
        Scheme::Renamed | Scheme::Similar | Scheme::Order => return None,
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

/// torchvision's ResNets: `layer2_1.conv1` is `layer2.0.conv1`, its batch norm `layer2.0.bn1`, a projecting shortcut
/// `downsample.0` and `downsample.1`, the linear layer `fc`; and timm's `se.fc1` for what squeezes.
fn residual(network: &Graph) -> Option<Vec<String>> {
    let residuals: std::collections::HashSet<&str> = network
        .blocks
        .iter()
        .filter(|block| block.wiring == Wiring::Residual)
        .map(|block| block.path.as_str())
        .collect();
    let own = |layer: &Layer| {
        let (mut name, mut path) = (Vec::new(), String::new());
        let segments: Vec<&str> = layer.name.split('.').collect();
        for (at, segment) in segments.iter().enumerate() {
            path = if path.is_empty() { segment.to_string() } else { format!("{path}.{segment}") };
            let numbered =
                segment.rsplit_once('_').and_then(|(base, number)| Some((base, number.parse::<u64>().ok()?)));
            let before = at.checked_sub(1).map_or("", |before| segments[before]);
            let number = before.strip_prefix("conv").unwrap_or_default();
            match (*segment, numbered) {
                (_, Some((base, number))) if residuals.contains(path.as_str()) => {
                    name.push(format!("{base}.{}", number.saturating_sub(1)));
                }
                (segment, None) if residuals.contains(path.as_str()) => name.push(format!("{segment}.0")),
                ("shortcut", _) => name.push("downsample".into()),
                ("conv1", _) if before == "shortcut" => name.push("0".into()),
                ("squeeze_excite1", _) => name.push("se".into()),
                (segment, _) if before == "squeeze_excite1" => name.push(segment.replace("conv", "fc")),
                ("batch_norm", _) => {
                    name.pop();
                    let in_shortcut = name.last().is_some_and(|last| last == "downsample");
                    name.push(if in_shortcut { "1".into() } else { format!("bn{number}") });
                }
                ("linear1", _) => name.push("fc".into()),
                (segment, _) => name.push(segment.into()),
            }
        }
        name.join(".")
    };
    (!residuals.is_empty()).then(|| network.layers.iter().map(own).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_habits_meet_in_one_form() {
        for name in ["fc1.weight", "linear1.weight", "FC.weight", "dense_1.weight"] {
            assert_eq!(normalised(name, false), "linear1.weight");
        }
        let form = |name: &str| normalised(name, false);
        assert_eq!(form("block1.conv1.batch_norm.running_var"), form("block_1.Conv2d_1.bn.running_var"));
        assert_ne!(form("conv1.weight"), form("conv10.weight"));
        let keras = ["conv2d.weight", "conv2d_1.weight", "conv0.weight"].map(|name| normalised(name, true));
        assert_eq!(keras, ["conv1.weight", "conv2.weight", "conv1.weight"]);
    }
}
