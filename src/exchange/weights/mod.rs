//! Weight files: safetensors read and written, their tensors matched to a network's by name or by order.
//!
//! A file's header is read and checked first ([`mod@file`]), then every tensor of the network is given one of the file
//! ([`plan`]), and only if all fit are values read, a few megabytes at a time. Nothing is ever half loaded.

pub mod file;
mod foreign;
pub mod names;
mod order;
mod parts;
pub mod plan;
mod scheme;
mod tree;
mod write;

use std::path::Path;

pub use file::{Entry, TensorFile, dims};
pub use plan::{Misshapen, Plan};
pub use scheme::Scheme;
pub use write::{Extra, write, write_with};

use crate::graph::Graph;
use crate::network::Compiled;
use crate::network::init::Init;
use crate::network::parameters::row;
use crate::visible::visible;
use names::Target;

/// What the names of an optimizer's state begin with, in a file that holds more than weights: `optimizer.moment1.` and the
/// parameter's name.
pub const MOMENT: &str = "optimizer.moment";

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
    #[error("{path} is {what}; {way}")]
    Foreign { path: String, what: &'static str, way: String },
    #[error("the weights {path} do not fit {network}:\n{}", .problems.join("\n"))]
    Misfit { path: String, network: String, problems: Vec<String> },
    #[error("cannot write {path}: {reason}")]
    Unwritable { path: String, reason: String },
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
    let file = TensorFile::open(path)?;
    let slots = names::slots(network);
    let plan = plan::plan(network, &slots, &file);
    let misfit = |problems| WeightsError::Misfit {
        path: file.path.clone(),
        network: visible(&network.architecture.name).into_owned(),
        problems,
    };
    let problems = plan.problems();
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
    let unused = plan.extra.iter().cloned().chain(plan.misshapen.iter().map(|own| own.name.clone()));
    Ok(LoadedWeights {
        compiled,
        scheme: plan.scheme,
        matched: plan.describe(),
        classes: classes_of(&file),
        drawn: drawn.collect(),
        unused: unused.collect(),
    })
}

impl LoadedWeights {
    /// What of a file read in part went where, as sentences; none where all of it fits.
    pub fn in_part(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if !self.drawn.is_empty() {
            lines.push(format!("drawn at random, since the file does not fit: {}", plan::listed(&self.drawn)));
        }
        if !self.unused.is_empty() {
            lines.push(format!("not used of the file: {}", plan::listed(&self.unused)));
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
