//! Which tensor of a file goes where.

use std::collections::{HashMap, HashSet};

use super::file::{Entry, TensorFile};
use super::names::{self, Slot};
use crate::model::Network;

/// How tensors are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Our own layer paths: `block1.conv1.weight`.
    Own,
    /// `features.0.weight`, `classifier.6.bias`.
    Torchvision,
    /// timm's VGG: `features.0.weight`, `pre_logits.fc1.weight`, `head.fc.bias`.
    Timm,
    /// One layer after the other, where count and shapes fit.
    Order,
}

impl Scheme {
    /// As a sentence goes on after "matched".
    pub fn describe(self) -> &'static str {
        match self {
            Scheme::Own => "by layer names",
            Scheme::Torchvision => "by torchvision's numbering",
            Scheme::Timm => "by timm's names",
            Scheme::Order => "in order, by shape",
        }
    }
}

/// A tensor that has another shape than the network wants.
#[derive(Debug, Clone, PartialEq)]
pub struct Misshapen {
    pub name: String,
    pub layer: String,
    pub found: Vec<usize>,
    pub wanted: Vec<usize>,
}

/// What goes where and what does not fit.
#[derive(Debug)]
pub struct Plan {
    pub scheme: Scheme,
    /// Index of the slot, index of the file's entry.
    pub pairs: Vec<(usize, usize)>,
    /// Names that the file should have under this scheme.
    pub missing: Vec<String>,
    /// Names that the network has no place for.
    pub extra: Vec<String>,
    pub misshapen: Vec<Misshapen>,
    /// Why the tensors do not fit in order, where that was all that was left.
    pub disorder: Option<String>,
}

impl Plan {
    pub fn fits(&self) -> bool {
        self.missing.is_empty() && self.extra.is_empty() && self.misshapen.is_empty() && self.disorder.is_none()
    }

    /// Everything that does not fit, a line each.
    pub fn problems(&self) -> Vec<String> {
        const MOST: usize = 8;
        let mut lines: Vec<String> = self.disorder.iter().cloned().collect();
        lines.extend(self.misshapen.iter().map(|tensor| {
            format!("`{}` is {}, but {} wants {}", tensor.name, dims(&tensor.found), tensor.layer, dims(&tensor.wanted))
        }));
        let mut named = |what: &str, names: &[String]| {
            let shown = names.iter().take(MOST).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
            match names.len() {
                0 => {}
                count if count > MOST => lines.push(format!("{what}: {shown} and {} more", count - MOST)),
                _ => lines.push(format!("{what}: {shown}")),
            }
        };
        named("missing from the file", &self.missing);
        named("in the file but not in the network", &self.extra);
        lines
    }
}

/// `64×3×3×3`.
pub fn dims(shape: &[usize]) -> String {
    match shape {
        [] => "a single value".to_string(),
        _ => shape.iter().map(usize::to_string).collect::<Vec<_>>().join("×"),
    }
}

/// By the scheme whose names the file has most of; where it has none at all, in order.
pub fn plan(network: &Network, slots: &[Slot], file: &TensorFile) -> Plan {
    let entries: Vec<&Entry> = file.entries.iter().filter(|entry| counts(entry)).collect();
    let prefix = common_prefix(&entries);
    let by_name: HashMap<&str, usize> = (file.entries.iter().enumerate())
        .map(|(index, entry)| (entry.name.strip_prefix(prefix).unwrap_or(&entry.name), index))
        .collect();
    let schemes = [Scheme::Own, Scheme::Torchvision, Scheme::Timm];
    let named = schemes.into_iter().filter_map(|scheme| Some((scheme, names::names(scheme, network, slots)?)));
    let counted = named.map(|(scheme, names)| {
        let found = names.iter().filter(|name| by_name.contains_key(name.as_str())).count();
        (found, scheme, names)
    });
    // The first of the best: our own names before others.
    let best = counted.reduce(|best, next| if next.0 > best.0 { next } else { best });
    match best {
        Some((found, scheme, names)) if found > 0 || slots.is_empty() => {
            by_names(network, slots, file, scheme, &names, &by_name)
        }
        _ => in_order(network, slots, file, &entries),
    }
}

/// Whether a tensor is one that a network needs; PyTorch's batch norms also count their batches, and a run's checkpoint
/// holds the optimizer's state too.
fn counts(entry: &Entry) -> bool {
    !entry.name.ends_with("num_batches_tracked") && !entry.name.starts_with(super::MOMENT)
}

/// `module.` or the like, where every name begins with it and it is not one of the schemes' own.
fn common_prefix<'a>(entries: &[&'a Entry]) -> &'a str {
    const WRAPPERS: [&str; 4] = ["module.", "model.", "net.", "state_dict."];
    let Some(first) = entries.first() else { return "" };
    let Some(wrapper) = WRAPPERS.into_iter().find(|wrapper| first.name.starts_with(wrapper)) else { return "" };
    match entries.iter().all(|entry| entry.name.starts_with(wrapper)) {
        true => &first.name[..wrapper.len()],
        false => "",
    }
}

fn shape_fits(entry: &Entry, slot: &Slot) -> bool {
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

fn by_names(
    network: &Network,
    slots: &[Slot],
    file: &TensorFile,
    scheme: Scheme,
    names: &[String],
    by_name: &HashMap<&str, usize>,
) -> Plan {
    let mut plan = Plan {
        scheme,
        pairs: Vec::new(),
        missing: Vec::new(),
        extra: Vec::new(),
        misshapen: Vec::new(),
        disorder: None,
    };
    let mut used = HashSet::new();
    for (index, (slot, name)) in slots.iter().zip(names).enumerate() {
        let Some(&found) = by_name.get(name.as_str()) else {
            plan.missing.push(name.clone());
            continue;
        };
        used.insert(found);
        let entry = &file.entries[found];
        if shape_fits(entry, slot) {
            plan.pairs.push((index, found));
        } else {
            plan.misshapen.push(Misshapen {
                name: entry.name.clone(),
                layer: network.layers[slot.layer].name.clone(),
                found: entry.shape.clone(),
                wanted: slot.shape.clone(),
            });
        }
    }
    let unused = file.entries.iter().enumerate().filter(|(index, entry)| !used.contains(index) && counts(entry));
    plan.extra = unused.map(|(_, entry)| entry.name.clone()).collect();
    plan
}

/// A file's tensors grouped by what stands before the last dot, in a given order of their names.
fn grouped<'a>(entries: &[&'a Entry]) -> Vec<Vec<&'a Entry>> {
    let layer_of = |entry: &Entry| entry.name.rsplit_once('.').map(|(layer, _)| layer.to_string());
    let mut groups: Vec<(Option<String>, Vec<&Entry>)> = Vec::new();
    for entry in entries {
        let layer = layer_of(entry);
        match groups.iter_mut().find(|(name, _)| layer.is_some() && *name == layer) {
            Some((_, group)) => group.push(entry),
            None => groups.push((layer, vec![entry])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// Layers of the file given to layers of the network one after the other: in the order of their names (numbers by
/// value), or else of their bytes, whichever fits.
fn in_order(network: &Network, slots: &[Slot], file: &TensorFile, entries: &[&Entry]) -> Plan {
    let mut by_name = entries.to_vec();
    by_name.sort_by_key(|entry| natural(&entry.name));
    let mut disorder = None;
    for order in [by_name, entries.to_vec()] {
        let paired = pair_up(network, slots, &grouped(&order));
        match paired.or_else(|reason| one_by_one(slots, &order).ok_or(reason)) {
            Ok(pairs) => {
                let index = |entry: &Entry| file.entries.iter().position(|other| other.name == entry.name);
                let pairs = pairs.into_iter().filter_map(|(slot, entry)| Some((slot, index(entry)?))).collect();
                return Plan {
                    scheme: Scheme::Order,
                    pairs,
                    missing: Vec::new(),
                    extra: Vec::new(),
                    misshapen: Vec::new(),
                    disorder: None,
                };
            }
            Err(reason) => disorder = disorder.or(Some(reason)),
        }
    }
    let names = entries.iter().take(3).map(|entry| format!("`{}`", entry.name)).collect::<Vec<_>>().join(", ");
    let reason = disorder.unwrap_or_default();
    Plan {
        scheme: Scheme::Order,
        pairs: Vec::new(),
        missing: Vec::new(),
        extra: Vec::new(),
        misshapen: Vec::new(),
        disorder: Some(format!("no name is known (the file has {names}, …), and in order they do not fit: {reason}")),
    }
}

/// Tensor by tensor, for names that do not say which belong to one layer.
fn one_by_one<'a>(slots: &[Slot], entries: &[&'a Entry]) -> Option<Vec<(usize, &'a Entry)>> {
    let fit = slots.len() == entries.len() && slots.iter().zip(entries).all(|(slot, entry)| shape_fits(entry, slot));
    fit.then(|| entries.iter().copied().enumerate().collect())
}

/// Splits digits from letters, so that `conv10` comes after `conv2`.
fn natural(name: &str) -> Vec<(u64, String)> {
    let mut parts = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let text = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let (word, after) = rest.split_at(text);
        let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        let (number, after) = after.split_at(digits);
        parts.push((0, word.to_string()));
        parts.push((number.parse().unwrap_or(u64::MAX), String::new()));
        rest = after;
    }
    parts
}

fn pair_up<'a>(
    network: &Network,
    slots: &[Slot],
    groups: &[Vec<&'a Entry>],
) -> Result<Vec<(usize, &'a Entry)>, String> {
    let layers: Vec<&[Slot]> = slots.chunk_by(|one, other| one.layer == other.layer).collect();
    if layers.len() != groups.len() {
        return Err(format!("{} layers in the file, {} with parameters in the network", groups.len(), layers.len()));
    }
    let mut pairs = Vec::new();
    let mut next = 0;
    for (own, group) in layers.iter().zip(groups) {
        for slot in *own {
            let same_part = group.iter().find(|entry| entry.name.rsplit('.').next() == Some(slot.part));
            let entry = same_part.or_else(|| group.iter().find(|entry| shape_fits(entry, slot)));
            let layer = &network.layers[slot.layer].name;
            match entry {
                Some(entry) if shape_fits(entry, slot) => pairs.push((next, *entry)),
                Some(entry) => {
                    let (found, wanted) = (dims(&entry.shape), dims(&slot.shape));
                    return Err(format!("`{}` is {found}, but {layer} wants {wanted}", entry.name));
                }
                None => return Err(format!("`{}` has no {} for {layer}", group[0].name, slot.part)),
            }
            next += 1;
        }
        if group.len() != own.len() {
            let layer = &network.layers[own[0].layer].name;
            return Err(format!("{layer} has {} tensors, the file's `{}` {}", own.len(), group[0].name, group.len()));
        }
    }
    Ok(pairs)
}
