//! Weight files: safetensors read and written, PyTorch's own read, their tensors matched to a network's by name or by order.
//!
//! A file's header is read and checked first ([`mod@file`]), then every tensor of the network is given one of the file
//! ([`plan`]), and only if all fit are values read, a few megabytes at a time. Nothing is ever half loaded.

mod entry;
pub mod file;
pub mod foreign;
pub mod names;
mod order;
mod parts;
mod pickled;
pub mod plan;
mod scheme;
mod tree;
mod write;

use std::path::Path;

pub use entry::{Entry, dims};
pub use file::TensorFile;
pub use plan::{Misshapen, Plan};
pub use scheme::Scheme;
pub use write::{Extra, write, write_renamed, write_with};

use super::onnx::read::{self as onnx, OnnxReadError};
use crate::graph::Graph;
use crate::network::Compiled;
use crate::network::init::Init;
use crate::network::parameters::row;
use crate::spec::renaming::Renaming;
use crate::visible::{visible, visible_names};
use names::Target;

/// What the names of an optimizer's state begin with, in a file that holds more than weights: `optimizer.moment1.` and the
/// parameter's name.
pub const MOMENT: &str = "optimizer.moment";

/// What the names of averaged weights begin with, beside the weights themselves.
pub const AVERAGED: &str = "optimizer.average.";

/// The key in a file's header under which the CRC-32 of each tensor's bytes stands, as a JSON map from names to numbers.
pub const TENSORS_CRC32: &str = "tensors_crc32";

/// The key in a file's header under which the names of the classes stand, as a JSON list.
pub const CLASSES: &str = "classes";
/// The key of the CRC-32 of that list, in hexadecimal digits. Files of others have none.
pub const CLASSES_CRC32: &str = "classes_crc32";

/// Why a weights file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    #[error("cannot read {path}: {reason}")]
    Unreadable { path: String, reason: String },
    #[error("{path} is not a sound safetensors file: {reason}")]
    Damaged { path: String, reason: String },
    #[error("{path} cannot be read as PyTorch's: {reason}")]
    Pickle { path: String, reason: String },
    #[error("{path} is {what}; {way}")]
    Foreign { path: String, what: &'static str, way: &'static str },
    #[error("the weights {path} do not fit {network}:\n{}", .problems.join("\n"))]
    Misfit { path: String, network: String, problems: Vec<String> },
    #[error("cannot read {path}: {reason}")]
    Onnx { path: String, reason: String },
    #[error("cannot write {path}: {reason}")]
    Unwritable { path: String, reason: String },
}

impl WeightsError {
    /// What is wrong, for a sentence that names the file itself.
    pub fn reason(&self) -> String {
        match self {
            WeightsError::Unreadable { reason, .. }
            | WeightsError::Damaged { reason, .. }
            | WeightsError::Pickle { reason, .. } => reason.clone(),
            other => other.to_string(),
        }
    }
}

/// What was read of a file.
pub struct LoadedWeights {
    pub compiled: Compiled,
    pub scheme: Scheme,
    /// How tensors were matched, as a sentence goes on after "matched".
    pub matched: String,
    /// The names of the classes that the file carries.
    pub classes: Option<Vec<String>>,
    /// Of a file read in part: the tensors that were drawn, as they would be called, and those that have no place.
    pub drawn: Vec<String>,
    pub unused: Vec<String>,
}

/// What becomes of a network whose weights a file has only in part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// It is refused.
    Refused,
    /// What the file does not have, or has in another shape, is drawn.
    Drawn { init: Init, seed: u64 },
}

/// A network with the weights of a file, and how they were matched.
pub fn read(network: &Graph, path: &Path, rest: Rest) -> Result<LoadedWeights, WeightsError> {
    read_by(network, path, rest, None)
}

/// As [`read`], with rules for names that count before the architecture's own.
pub fn read_by(
    network: &Graph,
    path: &Path,
    rest: Rest,
    rules: Option<&Renaming>,
) -> Result<LoadedWeights, WeightsError> {
    if path.extension().is_some_and(|own| own.eq_ignore_ascii_case("onnx")) {
        return of_onnx(network, path);
    }
    let file = TensorFile::open(path)?;
    let slots = names::slots(network);
    let mut plan = plan::plan(network, &slots, &file, rules);
    let misfit = |problems| WeightsError::Misfit {
        path: file.path.clone(),
        network: visible(&network.architecture.name).into_owned(),
        problems,
    };
    let problems = plan.problems();
    if matches!(rest, Rest::Drawn { .. })
        && plan.pairs.is_empty()
        && let Some(without_last) = plan::without_last(network, &slots, &file)
    {
        plan = without_last;
    }
    let planned = plan.pairs.clone();
    if matches!(rest, Rest::Drawn { .. }) && !problems.is_empty() {
        plan.in_part(&slots, &file).map_err(|reason| misfit(vec![reason.0]))?;
    }
    let mut compiled = match rest {
        Rest::Refused if !problems.is_empty() => return Err(misfit(problems)),
        Rest::Drawn { .. } if plan.pairs.is_empty() => return Err(misfit(problems)),
        Rest::Drawn { init, seed } if !problems.is_empty() => Compiled::initialised(network, init, seed),
        _ => Compiled::zeroed(network),
    };
    for (slot, entry) in plan.pairs.iter().map(|&(slot, entry)| (&slots[slot], &file.entries[entry])) {
        match slot.target {
            Target::Parameter(index) => {
                let parameter = &compiled.parameters[index];
                let values = match parameter.transposed {
                    true => file.read_transposed(entry, parameter.shape[0], parameter.shape[1])?,
                    false => file.read(entry)?,
                };
                compiled.parameters[index].values = row(&compiled.device, values);
            }
            Target::Mean(index) => compiled.running[index].statistics.mean = file.read(entry)?,
            Target::Variance(index) => compiled.running[index].statistics.variance = file.read(entry)?,
        }
    }
    let given: std::collections::HashSet<usize> = plan.pairs.iter().map(|(slot, _)| *slot).collect();
    let drawn = slots.iter().enumerate().filter(|(at, _)| !given.contains(at)).map(|(_, slot)| slot.name_in(network));
    let used: std::collections::HashSet<usize> = plan.pairs.iter().map(|(_, entry)| *entry).collect();
    let of_plan = plan.extra.iter().cloned().chain(plan.misshapen.iter().map(|own| own.name.clone()));
    let halves = slots.iter().enumerate().filter(|(at, _)| !given.contains(at)).flat_map(|(_, slot)| {
        // Parts of a layer that the file does not have whole.
        planned.iter().filter(|(own, entry)| slots[*own].layer == slot.layer && !used.contains(entry))
    });
    let halves: std::collections::BTreeSet<&str> =
        halves.map(|(_, entry)| file.entries[*entry].name.as_str()).collect();
    let unused = of_plan.chain(halves.into_iter().map(str::to_string)).collect();
    // Names of classes belong to the layer that tells them apart.
    let last = slots.last().map(|slot| slot.layer);
    let is_last_given = slots.iter().enumerate().all(|(at, slot)| Some(slot.layer) != last || given.contains(&at));
    Ok(LoadedWeights {
        compiled,
        scheme: plan.scheme,
        matched: plan.describe(),
        classes: classes_of(&file).filter(|_| is_last_given),
        drawn: drawn.collect(),
        unused,
    })
}

/// The weights of a whole network of others, which go where the network that is read of it has them.
fn of_onnx(network: &Graph, path: &Path) -> Result<LoadedWeights, WeightsError> {
    let input = network.architecture.input;
    let sizes = [input.channels, input.height, input.width];
    let name = || visible(&path.display().to_string()).into_owned();
    let failed = |error: OnnxReadError| WeightsError::Onnx { path: name(), reason: error.to_string() };
    let imported = onnx::open(path, Some(sizes), false).map_err(failed)?;
    if !imported.has_weights() {
        return Err(failed(OnnxReadError::Broken { reason: "it holds no weights, only their places".into() }));
    }
    Ok(LoadedWeights {
        compiled: imported.compiled(network).map_err(failed)?,
        scheme: Scheme::Order,
        matched: "node by node".into(),
        classes: None,
        drawn: Vec::new(),
        unused: Vec::new(),
    })
}

impl LoadedWeights {
    /// What of a file read in part went where, as sentences; none where all of it fits.
    pub fn in_part(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if !self.drawn.is_empty() {
            lines.push(format!("drawn at random, since the file does not fit: {}", visible_names(&self.drawn)));
        }
        if !self.unused.is_empty() {
            lines.push(format!("not used of the file: {}", visible_names(&self.unused)));
        }
        lines
    }
}

/// The names of the classes in a file's header.
pub fn classes_of(file: &TensorFile) -> Option<Vec<String>> {
    let names = file.texts.get(CLASSES)?;
    // Names that a bit was lost of are no names.
    let is_sound = |sum: &String| *sum == format!("{:08x}", crc32fast::hash(names.as_bytes()));
    file.texts.get(CLASSES_CRC32).is_none_or(is_sound).then(|| serde_json::from_str(names).ok()).flatten()
}
