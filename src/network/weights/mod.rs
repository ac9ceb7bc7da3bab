//! Weight files: safetensors read and written, their tensors matched to a network's by name or by order.
//!
//! A file's header is read and checked first ([`mod@file`]), then every tensor of the network is given one of the file
//! ([`plan`]), and only if all fit are values read, a few megabytes at a time. Nothing is ever half loaded.

pub mod file;
pub mod names;
pub mod plan;
mod write;

use std::path::Path;

pub use file::{Entry, TensorFile};
pub use plan::{Misshapen, Plan, Scheme};
pub use write::{Extra, check_writable, write, write_with};

use super::compiled::Compiled;
use super::parameters::row;
use crate::model::Network;
use names::Target;

/// What the names of an optimizer's state begin with, in a file that holds more than weights: `optimizer.moment1.` and the
/// parameter's name.
pub const MOMENT: &str = "optimizer.moment";

/// Why a weights file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    #[error("cannot read {path}: {reason}")]
    Unreadable { path: String, reason: String },
    #[error("{path} is not a sound safetensors file: {reason}")]
    Damaged { path: String, reason: String },
    #[error(
        "{path} is {what}, which can hold code; convert it once in Python: `from safetensors.torch import save_file; \
             save_file(torch.load(\"{path}\", weights_only=True), \"weights.safetensors\")`"
    )]
    Pickle { path: String, what: &'static str },
    #[error("the weights {path} do not fit {network}:\n{}", .problems.join("\n"))]
    Misfit { path: String, network: String, problems: Vec<String> },
    #[error("cannot write {path}: {reason}")]
    Unwritable { path: String, reason: String },
}

/// A network with the weights of a file, and how they were matched.
pub fn read(network: &Network, path: &Path) -> Result<(Compiled, Scheme), WeightsError> {
    let file = TensorFile::open(path)?;
    let slots = names::slots(network);
    let plan = plan::plan(network, &slots, &file);
    let problems = plan.problems();
    if !problems.is_empty() {
        return Err(WeightsError::Misfit {
            path: file.path.clone(),
            network: network.architecture.name.clone(),
            problems,
        });
    }
    let mut compiled = Compiled::zeroed(network);
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
    Ok((compiled, plan.scheme))
}
