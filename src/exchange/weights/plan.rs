//! Which tensor of a file goes where.

use std::collections::{HashMap, HashSet};

use super::file::{Entry, TensorFile, dims};
use super::names::{self, Slot, normalised, shape_fits};
use super::order;
use super::scheme::Scheme;
use crate::graph::Graph;
use crate::visible::visible;

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
    /// What all names of the file begin with and the network's do not: `module.`; empty where there is no such thing.
    pub prefix: String,
    /// Index of the slot, index of the file's entry.
    pub pairs: Vec<(usize, usize)>,
    /// Names that the file should have under this scheme.
    pub missing: Vec<String>,
    /// Names that the network has no place for.
    pub extra: Vec<String>,
    pub misshapen: Vec<Misshapen>,
    /// Averaged copies of the weights in the file, which are not used.
    pub averaged: usize,
    /// Why the tensors do not fit in order, where that was all that was left.
    pub disorder: Option<String>,
}

impl Plan {
    pub fn fits(&self) -> bool {
        self.missing.is_empty() && self.extra.is_empty() && self.misshapen.is_empty() && self.disorder.is_none()
    }

    /// How the tensors were matched, as a sentence goes on after "matched".
    pub fn describe(&self) -> String {
        let mut words = self.scheme.describe().to_string();
        if !self.prefix.is_empty() {
            words += &format!(", without the prefix `{}` that all names share", visible(&self.prefix));
        }
        if self.averaged > 0 {
            words += &format!(", without {} averaged copies (EMA)", self.averaged);
        }
        words
    }

    /// Everything that does not fit, a line each.
    pub fn problems(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.disorder.iter().flat_map(|text| text.lines()).map(str::to_string).collect();
        lines.extend(self.misshapen.iter().map(|tensor| {
            format!(
                "`{}` is {}, but {} wants {}",
                visible(&tensor.name),
                dims(&tensor.found),
                tensor.layer,
                dims(&tensor.wanted)
            )
        }));
        let mut named = |what: &str, names: &[String]| {
            if !names.is_empty() {
                lines.push(format!("{what}: {}", listed(names)));
            }
        };
        named("missing from the file", &self.missing);
        named("in the file but not in the network", &self.extra);
        lines
    }
}

/// The first of some names, and how many more there are.
pub fn listed(names: &[String]) -> String {
    const MOST: usize = 8;
    let shown: Vec<String> = names.iter().take(MOST).map(|name| format!("`{}`", visible(name))).collect();
    match names.len().saturating_sub(MOST) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// By names where a scheme's names are all there; else by what numbers and shapes leave, where that does not speak against the
/// names that are there; else by the scheme that has most of them, with what is missing.
pub fn plan(network: &Graph, slots: &[Slot], file: &TensorFile) -> Plan {
    let copies = averages(&file.entries);
    let counted = file.entries.iter().filter(|entry| counts(entry));
    let (averaged, entries): (Vec<&Entry>, Vec<&Entry>) =
        counted.partition(|entry| copies.contains(&entry.name.as_str()));
    let mut plan = plan_of(network, slots, file, &entries);
    plan.averaged = averaged.len();
    // Whole numbers are labels, or weights that were quantised and need their scales.
    let whole = plan.pairs.iter().map(|&(_, index)| &file.entries[index]).find(|entry| !entry.is_float());
    if let Some(entry) = whole {
        let reason =
            format!("`{}` holds {:?} values; weights are F32, F16, BF16 or F64", visible(&entry.name), entry.dtype);
        plan.disorder = Some(reason);
        plan.pairs.clear();
    }
    plan
}

fn plan_of(network: &Graph, slots: &[Slot], file: &TensorFile, entries: &[&Entry]) -> Plan {
    let named = by_names(network, slots, file, entries);
    match named {
        Some(plan) if plan.fits() => plan,
        named => match order::by_evidence(network, slots, entries, file.texts.get(ORDER).map(String::as_str)) {
            Ok((pairs, is_given)) if agrees(&pairs, named.as_ref(), file) => {
                let index: HashMap<&str, usize> =
                    file.entries.iter().enumerate().map(|(at, entry)| (entry.name.as_str(), at)).collect();
                let pairs =
                    pairs.into_iter().filter_map(|(slot, entry)| Some((slot, *index.get(entry.name.as_str())?)));
                let scheme = if is_given { Scheme::Given } else { Scheme::Order };
                Plan { pairs: pairs.collect(), ..Plan::empty(scheme) }
            }
            evidence => {
                let reason = evidence.err().unwrap_or_else(|| "the names that are known say something else".into());
                match named {
                    Some(mut plan) => {
                        // Where something is left on both sides, it may be the same under other names.
                        if !plan.missing.is_empty() && !plan.extra.is_empty() {
                            plan.disorder = Some(format!(
                                "which of the other tensors goes where cannot be told: {reason}; {WAY_OUT}"
                            ));
                        }
                        plan
                    }
                    None => {
                        Plan { disorder: Some(in_vain(network, slots, entries, &reason)), ..Plan::empty(Scheme::Order) }
                    }
                }
            }
        },
    }
}

const WAY_OUT: &str = "give the layers the file's names (`name: …` in the architecture), or the file the network's";

/// The key in a file's header under which an order of its tensors may stand, as a JSON list of their names.
pub const ORDER: &str = "order";

impl Plan {
    fn empty(scheme: Scheme) -> Plan {
        let (pairs, missing, extra, misshapen) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Plan { scheme, prefix: String::new(), pairs, missing, extra, misshapen, averaged: 0, disorder: None }
    }
}

/// Whether a tensor is one that a network needs; PyTorch's batch norms also count their batches, and checkpoints hold the
/// optimizer's state too.
fn counts(entry: &Entry) -> bool {
    const STATE: [&str; 4] = ["exp_avg", "exp_avg_sq", "max_exp_avg_sq", "momentum_buffer"];
    let last = entry.name.rsplit('.').next().unwrap_or_default();
    last != "num_batches_tracked" && !entry.name.starts_with("optimizer.") && !STATE.contains(&last)
}

/// The names of running averages of the weights that stand beside the weights themselves, with what counts them.
fn averages(entries: &[Entry]) -> HashSet<&str> {
    const AVERAGES: [&str; 5] = ["ema.", "model_ema.", "ema_model.", "swa_model.", "averaged_model."];
    let rest = |name: &'_ str| AVERAGES.iter().find_map(|start| name.strip_prefix(start)).map(str::len);
    // Every ending of the others' names behind a dot: `model.conv1.weight` is `conv1.weight` too.
    let mut endings: HashSet<&str> = HashSet::new();
    for entry in entries.iter().filter(|entry| rest(&entry.name).is_none() && counts(entry)) {
        endings.insert(&entry.name);
        endings.extend(entry.name.match_indices('.').map(|(at, _)| &entry.name[at + 1..]));
    }
    let is_copy = |name: &str| rest(name).is_some_and(|length| endings.contains(&name[name.len() - length..]));
    if !entries.iter().any(|entry| is_copy(&entry.name)) {
        return HashSet::new();
    }
    let is_count = |entry: &Entry| rest(&entry.name).is_some() && entry.elements() == 1;
    let averaged = entries.iter().filter(|entry| is_copy(&entry.name) || is_count(entry));
    averaged.map(|entry| entry.name.as_str()).collect()
}

/// Lengths of what all names begin with, up to a mark between words: none, `module.`, `module.net_`, …
fn prefixes(entries: &[&Entry]) -> Vec<usize> {
    let Some(first) = entries.first() else { return vec![0] };
    let ends = first.name.match_indices(['.', '_', '/', ':']).map(|(at, _)| at + 1);
    let shared = ends.take_while(|&end| entries.iter().all(|entry| entry.name.starts_with(&first.name[..end])));
    std::iter::once(0).chain(shared).collect()
}

/// The scheme, and the prefix to be taken off, by which most tensors find their place; none where no name is known.
fn by_names(network: &Graph, slots: &[Slot], file: &TensorFile, entries: &[&Entry]) -> Option<Plan> {
    let schemes = [
        (Scheme::Own, false),
        (Scheme::Torchvision, false),
        (Scheme::Timm, false),
        (Scheme::Residual, false),
        (Scheme::Similar, false),
        (Scheme::Similar, true),
    ];
    let mut best: Option<Plan> = None;
    for prefix in prefixes(entries) {
        for (scheme, from_zero) in schemes {
            let Some(own) = named(scheme, network, slots) else { continue };
            let plan = matched(network, slots, file, entries, (scheme, prefix, from_zero), &own);
            let (found, fits) = (plan.pairs.len() + plan.misshapen.len(), plan.pairs.len());
            // Similar names count where no others do, and only all together.
            let is_known = found > 0 && (scheme != Scheme::Similar || plan.fits()) || slots.is_empty();
            let is_better = best
                .as_ref()
                .is_none_or(|best| (fits, found) > (best.pairs.len(), best.pairs.len() + best.misshapen.len()));
            if is_known && is_better {
                best = Some(plan);
            }
        }
    }
    best
}

fn named(scheme: Scheme, network: &Graph, slots: &[Slot]) -> Option<Vec<String>> {
    match scheme {
        Scheme::Similar => Some(slots.iter().map(|slot| normalised(&slot.name_in(network), false)).collect()),
        scheme => names::names(scheme, network, slots),
    }
}

fn matched(
    network: &Graph,
    slots: &[Slot],
    file: &TensorFile,
    entries: &[&Entry],
    (scheme, prefix, from_zero): (Scheme, usize, bool),
    names: &[String],
) -> Plan {
    let known = |entry: &Entry| match scheme {
        Scheme::Similar => normalised(&entry.name[prefix..], from_zero),
        _ => entry.name[prefix..].to_string(),
    };
    let of_file: HashSet<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
    let mut by_name: HashMap<String, Option<usize>> = HashMap::new();
    for (index, entry) in file.entries.iter().enumerate().filter(|(_, entry)| of_file.contains(entry.name.as_str())) {
        // Two names that become one are none.
        by_name.entry(known(entry)).and_modify(|other| *other = None).or_insert(Some(index));
    }
    let shared = entries.first().map_or("", |entry| &entry.name[..prefix]).to_string();
    let mut plan = Plan { prefix: shared, ..Plan::empty(scheme) };
    let mut used = HashSet::new();
    for (index, (slot, name)) in slots.iter().zip(names).enumerate() {
        let Some(&Some(found)) = by_name.get(name) else {
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
    let is_extra = |(index, entry): &(usize, &Entry)| !used.contains(index) && of_file.contains(entry.name.as_str());
    plan.extra = file.entries.iter().enumerate().filter(is_extra).map(|(_, entry)| entry.name.clone()).collect();
    plan
}

/// Whether what numbers and shapes say is what the names that are known say, too.
fn agrees(pairs: &[(usize, &Entry)], named: Option<&Plan>, file: &TensorFile) -> bool {
    let said: HashMap<usize, &str> = pairs.iter().map(|(slot, entry)| (*slot, entry.name.as_str())).collect();
    named.is_none_or(|plan| {
        plan.pairs.iter().all(|(slot, index)| said.get(slot) == Some(&file.entries[*index].name.as_str()))
    })
}

/// Why no assignment is believed: both lists side by side, and the way out.
fn in_vain(network: &Graph, slots: &[Slot], entries: &[&Entry], reason: &str) -> String {
    const MOST: usize = 16;
    let left: Vec<String> =
        entries.iter().map(|entry| format!("{} {}", visible(&entry.name), dims(&entry.shape))).collect();
    let right: Vec<String> =
        slots.iter().map(|slot| format!("{} {}", slot.name_in(network), dims(&slot.shape))).collect();
    let width = left.iter().take(MOST).map(|text| text.chars().count()).max().unwrap_or(0).max(12);
    let empty = String::new();
    let mut lines = vec![
        format!("no name is known, and which tensor goes where cannot be told: {reason}"),
        format!("  {:width$}    {}", "in the file", "in the network"),
    ];
    for at in 0..left.len().max(right.len()).min(MOST) {
        let (one, other) = (left.get(at).unwrap_or(&empty), right.get(at).unwrap_or(&empty));
        lines.push(format!("  {one:width$}    {other}").trim_end().to_string());
    }
    let more = left.len().max(right.len()).saturating_sub(MOST);
    if more > 0 {
        lines.push(format!("  … and {more} more"));
    }
    lines.push(WAY_OUT.into());
    lines.join("\n")
}
