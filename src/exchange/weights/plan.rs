//! Which tensor of a file goes where.

use std::collections::{HashMap, HashSet};

use super::entry::{Entry, dims};
use super::file::TensorFile;
use super::names::{self, Slot, normalised, shape_fits};
use super::order;
use super::parts::{skeleton, split};
use super::scheme::Scheme;
use crate::graph::Graph;
use crate::reason::Reason;
use crate::spec::renaming::Renaming;
use crate::visible::{visible_name, visible_names};

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
    /// Where in the file the tensors stand, if it holds more.
    pub place: Option<String>,
    /// Layers that nothing but the numbers in names tells from others of their shapes.
    pub counted: usize,
    /// Averaged copies of the weights in the file, which are not used.
    pub averaged: usize,
    /// Tensors of heads that only training uses, which are left where they are.
    pub auxiliary: usize,
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
        if self.counted > 0 {
            words += &format!(" ({} layers of equal shapes by the numbers in their names alone)", self.counted);
        }
        if let Some(place) = &self.place {
            words += &format!(", {place}");
        }
        if !self.prefix.is_empty() {
            words += &format!(", without the prefix `{}`", visible_name(&self.prefix));
        }
        if self.averaged > 0 {
            words += &format!(", without {} averaged copies (EMA)", self.averaged);
        }
        if self.auxiliary > 0 {
            words += &format!(", without {} tensors of auxiliary heads", self.auxiliary);
        }
        words
    }

    /// Everything that does not fit, a line each.
    pub fn problems(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.disorder.iter().flat_map(|text| text.lines()).map(str::to_string).collect();
        lines.extend(self.misshapen.iter().map(|tensor| {
            format!(
                "`{}` is {}, but {} wants {}",
                visible_name(&tensor.name),
                dims(&tensor.found),
                tensor.layer,
                dims(&tensor.wanted)
            )
        }));
        let mut named = |what: &str, names: &[String]| {
            if !names.is_empty() {
                lines.push(format!("{what}: {}", visible_names(names)));
            }
        };
        named("missing from the file", &self.missing);
        named("in the file but not in the network", &self.extra);
        lines
    }
}

impl Plan {
    /// What of the file can be taken where the rest is drawn: whole layers only, and nothing where names count otherwise than the
    /// network's, so that what is called the same need not be the same. The error is the reason.
    pub fn in_part(&mut self, slots: &[Slot], file: &TensorFile) -> Result<(), Reason> {
        let mut found: HashMap<usize, usize> = HashMap::new();
        self.pairs.iter().for_each(|(slot, _)| *found.entry(slots[*slot].layer).or_default() += 1);
        let wanted = |layer: usize| slots.iter().filter(|slot| slot.layer == layer).count();
        self.pairs.retain(|(slot, _)| found.get(&slots[*slot].layer) == Some(&wanted(slots[*slot].layer)));
        let count = |name: &str| {
            let (words, numbers) = skeleton(split(name.strip_prefix(&self.prefix).unwrap_or(name)).0);
            (!numbers.is_empty()).then_some((words, numbers))
        };
        let mut last: HashMap<Vec<String>, (Vec<u64>, &str)> = HashMap::new();
        for (_, entry) in &self.pairs {
            let name = file.entries[*entry].name.as_str();
            if let Some((words, numbers)) = count(name) {
                let own = last.entry(words).or_insert_with(|| (numbers.clone(), name));
                if numbers > own.0 {
                    *own = (numbers, name);
                }
            }
        }
        let between = self.extra.iter().chain(&self.missing).find_map(|name| {
            let (words, numbers) = count(name)?;
            let (most, taken) = last.get(&words)?;
            (numbers < *most).then_some((name, *taken))
        });
        match between {
            Some((name, taken)) => Err(format!(
                "`{}` is only on one side, so from there on `{}` and what counts with it may be other layers",
                visible_name(name),
                visible_name(taken)
            )
            .into()),
            None => Ok(()),
        }
    }
}

/// A plan without the network's last layer with parameters, for a file of a network with another classifier or none: what fits no
/// other layer is left over, and the rest is told apart by numbers and shapes.
pub fn without_last(network: &Graph, slots: &[Slot], file: &TensorFile) -> Option<Plan> {
    let last = slots.last()?.layer;
    if unreadable_name(file).is_some() {
        return None;
    }
    let before = slots.iter().take_while(|slot| slot.layer != last).count();
    let entries: Vec<&Entry> = file.entries.iter().filter(|entry| counts(entry)).collect();
    let (pairs, counted) =
        order::by_evidence(network, &slots[..before], &order::fitting(&slots[..before], &entries)).ok()?;
    let place = |entry: &Entry| file.entries.iter().position(|own| own.name == entry.name);
    let pairs: Vec<(usize, usize)> =
        pairs.into_iter().filter_map(|(slot, entry)| Some((slot, place(entry)?))).collect();
    let used: HashSet<usize> = pairs.iter().map(|(_, entry)| *entry).collect();
    let left = file.entries.iter().enumerate().filter(|(at, entry)| !used.contains(at) && counts(entry));
    Some(Plan {
        extra: left.map(|(_, entry)| entry.name.clone()).collect(),
        missing: slots[before..].iter().map(|slot| slot.name_in(network)).collect(),
        pairs,
        counted,
        place: file.place(),
        ..Plan::empty(Scheme::Order)
    })
}

/// By names where a scheme's names are all there; else by what numbers and shapes leave, where that does not speak against the
/// names that are there; else by the scheme that has most of them, with what is missing.
pub fn plan(network: &Graph, slots: &[Slot], file: &TensorFile, rules: Option<&Renaming>) -> Plan {
    let of_architecture = network.architecture.weights.as_ref().map(|published| &published.names);
    let rules = rules.or(of_architecture).filter(|rules| !rules.is_empty());
    // What is called as the network's own is its own, whatever that sounds like.
    let mut own: HashSet<String> = slots.iter().map(|slot| slot.name_in(network)).collect();
    if let Some(rules) = rules {
        own.extend(slots.iter().map(|slot| rules.apply(&slot.name_in(network))));
    }
    let copies = if unreadable_name(file).is_some() { HashSet::new() } else { averages(&file.entries) };
    let counted = file.entries.iter().filter(|entry| own.contains(&entry.name) || counts(entry));
    let (averaged, entries): (Vec<&Entry>, Vec<&Entry>) =
        counted.partition(|entry| !own.contains(&entry.name) && copies.contains(&entry.name.as_str()));
    let (auxiliary, entries): (Vec<&Entry>, Vec<&Entry>) =
        entries.into_iter().partition(|entry| !own.contains(&entry.name) && is_auxiliary(&entry.name));
    let mut plan = match unreadable_name(file) {
        Some(reason) => Plan { disorder: Some(reason), ..Plan::empty(Scheme::Order) },
        None => plan_of(network, slots, file, &entries, rules),
    };
    plan.averaged = averaged.len();
    plan.auxiliary = auxiliary.len();
    plan.place = file.place();
    // Whole numbers are labels, or weights that were quantised and need their scales.
    let whole = plan.pairs.iter().map(|&(_, index)| &file.entries[index]).find(|entry| !entry.is_float());
    if let Some(entry) = whole {
        let reason = format!(
            "`{}` holds {:?} values; weights are F32, F16, BF16 or F64",
            visible_name(&entry.name),
            entry.dtype
        );
        plan.disorder = Some(reason);
        plan.pairs.clear();
    }
    plan
}

fn plan_of(network: &Graph, slots: &[Slot], file: &TensorFile, entries: &[&Entry], rules: Option<&Renaming>) -> Plan {
    let named = by_names(network, slots, file, entries, rules);
    match named {
        Some(plan) if plan.fits() => plan,
        named => match order::by_evidence(network, slots, entries) {
            Ok((pairs, counted)) if agrees(&pairs, named.as_ref(), file) => {
                let index: HashMap<&str, usize> =
                    file.entries.iter().enumerate().map(|(at, entry)| (entry.name.as_str(), at)).collect();
                let pairs =
                    pairs.into_iter().filter_map(|(slot, entry)| Some((slot, *index.get(entry.name.as_str())?)));
                Plan { pairs: pairs.collect(), counted, ..Plan::empty(Scheme::Order) }
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
                    None => Plan {
                        disorder: Some(in_vain(network, slots, entries, &reason.0)),
                        ..Plan::empty(Scheme::Order)
                    },
                }
            }
        },
    }
}

/// Why nothing is looked for in a file: a name that is none. What looks for prefixes and counts goes through its parts one by one.
fn unreadable_name(file: &TensorFile) -> Option<String> {
    const LONGEST: usize = 1024;
    const MOST_PARTS: usize = 64;
    let is_none = |entry: &&Entry| entry.name.len() > LONGEST || entry.name.matches('.').count() >= MOST_PARTS;
    let name = file.entries.iter().find(is_none)?;
    Some(format!(
        "`{}` is no layer's name: it has more than {LONGEST} bytes or {MOST_PARTS} parts",
        visible_name(&name.name)
    ))
}

const WAY_OUT: &str =
    "give the layers the file's names (`name: …` in the architecture, or rules: `--names PATTERN=REPLACEMENT`)";

impl Plan {
    fn empty(scheme: Scheme) -> Plan {
        let (pairs, missing, extra, misshapen) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Plan {
            scheme,
            prefix: String::new(),
            pairs,
            missing,
            extra,
            misshapen,
            place: None,
            counted: 0,
            averaged: 0,
            auxiliary: 0,
            disorder: None,
        }
    }
}

/// Whether a tensor is one that a network needs; PyTorch's batch norms also count their batches, and checkpoints hold the
/// optimizer's state too.
fn counts(entry: &Entry) -> bool {
    const STATE: [&str; 4] = ["exp_avg", "exp_avg_sq", "max_exp_avg_sq", "momentum_buffer"];
    let (first, last) =
        (entry.name.split('.').next().unwrap_or_default(), entry.name.rsplit('.').next().unwrap_or_default());
    let is_state = first.len() < entry.name.len() && first.starts_with("optim") || STATE.contains(&last);
    // Steps, epochs and the like are whole numbers by themselves.
    let is_count = last == "num_batches_tracked" || !entry.is_float() && entry.elements() == 1;
    !is_state && !is_count
}

/// Whether a tensor belongs to a head beside the network that training alone uses: torchvision's `aux1` and `aux2` of GoogLeNet,
/// `AuxLogits` of Inception v3, `aux_classifier` of its segmentation networks.
fn is_auxiliary(name: &str) -> bool {
    const HEADS: [&str; 5] = ["aux", "auxlogits", "aux_classifier", "aux_head", "auxiliary_head"];
    name.split('.').any(|part| HEADS.contains(&part.to_lowercase().trim_end_matches(|c: char| c.is_ascii_digit())))
}

/// The names of running averages of the weights that stand beside the weights themselves, with what counts them.
fn averages(entries: &[Entry]) -> HashSet<&str> {
    const AVERAGES: [&str; 6] = ["ema.", "model_ema.", "ema_model.", "ema_shadow.", "swa_model.", "averaged_model."];
    let rest = |name: &'_ str| AVERAGES.iter().find_map(|start| name.strip_prefix(start)).map(str::len);
    let behind_dots = |name: &str| -> Vec<String> {
        // Some write their copies' names without dots.
        let ends = std::iter::once(0).chain(name.match_indices('.').map(|(at, _)| at + 1));
        ends.map(|at| name[at..].replace('.', "")).collect()
    };
    // Every ending of the others' names behind a dot: `model.conv1.weight` is `conv1.weight` too.
    let mut endings: HashSet<String> = HashSet::new();
    for entry in entries.iter().filter(|entry| rest(&entry.name).is_none() && counts(entry)) {
        endings.extend(behind_dots(&entry.name));
    }
    let is_copy = |name: &str| {
        rest(name)
            .is_some_and(|length| behind_dots(&name[name.len() - length..]).iter().any(|own| endings.contains(own)))
    };
    if !entries.iter().any(|entry| is_copy(&entry.name)) {
        return HashSet::new();
    }
    let is_count = |entry: &Entry| rest(&entry.name).is_some() && entry.elements() == 1;
    let averaged = entries.iter().filter(|entry| is_copy(&entry.name) || is_count(entry));
    averaged.map(|entry| entry.name.as_str()).collect()
}

/// What names begin with, up to a mark between words, of all of them or of more than half: nothing, `module.`, `module.net_`, …
fn prefixes<'a>(entries: &[&'a Entry]) -> Vec<&'a str> {
    let mut found: Vec<&str> = vec![""];
    loop {
        let last = *found.last().unwrap_or(&"");
        let mut longer: HashMap<&str, usize> = HashMap::new();
        for entry in entries.iter().filter(|entry| entry.name.starts_with(last)) {
            if let Some(at) = entry.name[last.len()..].find(['.', '_', '/', ':']) {
                *longer.entry(&entry.name[..last.len() + at + 1]).or_default() += 1;
            }
        }
        let most = longer.into_iter().max_by_key(|(prefix, count)| (*count, std::cmp::Reverse(*prefix)));
        match most.filter(|(_, count)| 2 * count > entries.len()) {
            Some((prefix, _)) => found.push(prefix),
            None => return found,
        }
    }
}

/// The scheme, and the prefix to be taken off, by which most tensors find their place; none where no name is known.
fn by_names(
    network: &Graph,
    slots: &[Slot],
    file: &TensorFile,
    entries: &[&Entry],
    rules: Option<&Renaming>,
) -> Option<Plan> {
    let schemes = [
        (Scheme::Renamed, false),
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
            let Some(own) = named(scheme, network, slots, rules) else { continue };
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

fn named(scheme: Scheme, network: &Graph, slots: &[Slot], rules: Option<&Renaming>) -> Option<Vec<String>> {
    match scheme {
        Scheme::Renamed => Some(
            slots.iter().map(|slot| rules.map(|rules| rules.apply(&slot.name_in(network)))).collect::<Option<_>>()?,
        ),
        Scheme::Similar => Some(slots.iter().map(|slot| normalised(&slot.name_in(network), false)).collect()),
        scheme => names::names(scheme, network, slots),
    }
}

fn matched(
    network: &Graph,
    slots: &[Slot],
    file: &TensorFile,
    entries: &[&Entry],
    (scheme, prefix, from_zero): (Scheme, &str, bool),
    names: &[String],
) -> Plan {
    // What begins otherwise stands beside the network.
    let known = |entry: &Entry| {
        let rest = entry.name.strip_prefix(prefix)?;
        Some(if scheme == Scheme::Similar { normalised(rest, from_zero) } else { rest.to_string() })
    };
    let of_file: HashSet<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
    let mut by_name: HashMap<String, Option<usize>> = HashMap::new();
    for (index, entry) in file.entries.iter().enumerate().filter(|(_, entry)| of_file.contains(entry.name.as_str())) {
        // Two names that become one are none.
        if let Some(name) = known(entry) {
            by_name.entry(name).and_modify(|other| *other = None).or_insert(Some(index));
        }
    }
    let mut plan = Plan { prefix: prefix.to_string(), ..Plan::empty(scheme) };
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
    const LONGEST: usize = 60;
    let cut = |text: String| text.chars().take(LONGEST).collect::<String>();
    let of_file = entries.iter().map(|entry| format!("{} {}", visible_name(&entry.name), dims(&entry.shape)));
    let left: Vec<String> = of_file.map(cut).collect();
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
