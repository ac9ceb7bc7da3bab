//! Networks read from ONNX: an architecture file as a person would write it, and its weights.
//!
//! Nodes become steps (`translate`), steps that ONNX says in several become one (`simplify`), their graph is taken apart into
//! containers (`blocks`) and these are written (`text`).

mod activations;
mod arithmetic;
mod attributes;
mod blocks;
mod check;
mod constant;
mod fold;
mod folding;
mod layers;
mod net;
mod norms;
mod shapes;
mod simplify;
mod text;
mod translate;
mod turned;
mod usual;
mod windows;
mod yaml;

use std::path::Path;

use prost::Message;
use prost::bytes::Bytes;

use super::proto::ModelProto;
use crate::exchange::weights::foreign::recognise;
use crate::exchange::weights::names::{Target, slots};
use crate::files::read;
use crate::graph::{self, Graph};
use crate::network::Compiled;
use crate::reason::Reason;
use crate::spec::{Library, Origin};
use crate::visible::{visible, visible_name};
use blocks::Join;
use net::{Net, Value, What};
use text::Written;

/// Largest file that is read: what protobuf allows.
const MOST_BYTES: u64 = i32::MAX as u64;

/// A node that no layer or container says, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsaid {
    pub node: String,
    pub reason: String,
}

/// Why a file is not read. The words go on after "cannot read PATH: ".
#[derive(Debug, thiserror::Error)]
pub enum OnnxReadError {
    #[error("{0}")]
    Unreadable(#[from] read::ReadError),
    #[error("{}", visible(.reason))]
    Broken { reason: String },
    #[error("its input leaves sizes open; give them with `--set input=[{}, HEIGHT, WIDTH]`", .channels.as_deref().unwrap_or("CHANNELS"))]
    OpenSizes { channels: Option<String> },
    #[error("it takes a second input, `{}`, and networks here take one", visible(.name))]
    SecondInput { name: String },
    #[error("some of it has no words here:\n{}", lines(.0))]
    Unsaid(Vec<Unsaid>),
}

/// A line for each node.
pub fn lines(unsaid: &[Unsaid]) -> String {
    const MOST: usize = 20;
    let line = |own: &Unsaid| format!("  {}: {}", visible_name(&own.node), visible_name(&own.reason));
    let mut lines: Vec<String> = unsaid.iter().take(MOST).map(line).collect();
    if unsaid.len() > MOST {
        lines.push(format!("  … and {} more", unsaid.len() - MOST));
    }
    lines.join("\n")
}

/// A network that was read.
pub struct Imported {
    /// The architecture file.
    pub text: String,
    /// Nodes that were passed by.
    pub left_out: Vec<Unsaid>,
    net: Net,
    /// Values with parameters, in the order of the file's rows.
    order: Vec<Value>,
}

/// Reads a file, for images of these sizes (channels, rows, columns) where it leaves them open. With `partial` what has no words
/// is passed by.
pub fn open(path: &Path, input: Option<[u64; 3]>, partial: bool) -> Result<Imported, OnnxReadError> {
    let bytes = Bytes::from(read::bytes(path, MOST_BYTES)?);
    let known = match bytes.is_empty() {
        true => Some(("empty", "export it again")),
        false => recognise(&bytes[..bytes.len().min(512)]).filter(|(what, _)| !what.contains("ONNX")),
    };
    if let Some((what, way)) = known {
        return Err(OnnxReadError::Broken { reason: format!("it is {what}; {way}") });
    }
    let model = ModelProto::decode(bytes).map_err(|error| OnnxReadError::Broken {
        reason: format!(
            "it is not ONNX, or it is damaged: {}",
            error.to_string().trim_start_matches("failed to decode Protobuf message: ")
        ),
    })?;
    let stem = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    let given = model.metadata_props.iter().find(|own| own.key == "name" && model.producer_name == "convlens");
    let name = given.map_or(stem.as_str(), |own| own.value.as_str());
    let name: String = name.chars().filter(|letter| !letter.is_control()).take(100).collect();
    let (mut net, unsaid, left) = translate::translate(&model, input, partial)?;
    let told = |mut unsaid: Vec<Unsaid>, more: Option<Unsaid>| {
        unsaid.extend(more);
        OnnxReadError::Unsaid(unsaid)
    };
    if !partial && !unsaid.is_empty() {
        return Err(told(unsaid, None));
    }
    if net.output == 0 {
        let reason = "nothing that can be said leads from its input to its output".to_string();
        return Err(OnnxReadError::Broken { reason });
    }
    simplify::simplify(&mut net);
    let needed = net.needed();
    let parts = net.steps.iter().zip(needed).filter(|(step, needed)| *needed && matches!(step.what, What::Part(_)));
    let no_layer = |node: &str| Unsaid { node: node.to_string(), reason: "there is no layer for it".into() };
    let parts: Vec<Unsaid> = parts.map(|(step, _)| no_layer(&step.node)).collect();
    if !parts.is_empty() {
        return Err(OnnxReadError::Unsaid(unsaid.into_iter().chain(parts).collect()));
    }
    let items = blocks::blocks(&mut net).map_err(|more| told(unsaid.clone(), Some(more)))?;
    let Written { text, rows } = text::write(&net, &items, &name).map_err(|value| {
        let node = net.step(value).map_or_else(|| "the input".to_string(), |step| step.node.clone());
        told(
            Vec::new(),
            Some(Unsaid { node, reason: "it is read before it has a name; no container says that".into() }),
        )
    })?;
    // What is written is read again: nobody is to learn from other numbers that a structure was not understood.
    let differs =
        |reason: String| OnnxReadError::Broken { reason: format!("its structure could not be said: {reason}") };
    let origin = Origin::Foreign(path.to_path_buf());
    let loaded =
        Library::new(None).load_text(&origin, text.clone(), &[]).map_err(|error| differs(error.to_string()))?;
    let network = graph::analyse(&loaded).map_err(|report| differs(report.to_string()))?;
    if let Some(difference) = check::difference(&net, &rows, &network) {
        return Err(differs(difference));
    }
    let has_tensors = |row: &Join| net.step(row.value).is_some_and(|step| !step.tensors.is_empty());
    let order = rows.iter().filter(|row| has_tensors(row)).map(|row| row.value).collect();
    Ok(Imported { text, left_out: unsaid.into_iter().chain(left).collect(), net, order })
}

/// The architecture that a file says.
pub fn text(path: &Path, input: Option<[u64; 3]>) -> Result<String, Reason> {
    open(path, input, false).map(|imported| imported.text).map_err(Reason::of)
}

impl Imported {
    /// Whether the file holds weights, and not their places alone.
    pub fn has_weights(&self) -> bool {
        let tensors = || self.order.iter().filter_map(|&value| self.net.step(value)).flat_map(|step| &step.tensors);
        !tensors().any(|(_, tensor)| tensor.is_missing())
    }

    /// The network of the text with the weights of the file.
    pub fn compiled(&self, network: &Graph) -> Result<Compiled, OnnxReadError> {
        let differ = |what: String| OnnxReadError::Broken {
            reason: format!("its weights do not fit what was read of it: {what}"),
        };
        let mut compiled = Compiled::zeroed(network);
        let slots = slots(network);
        let groups: Vec<_> = slots.chunk_by(|one, other| one.layer == other.layer).collect();
        if groups.len() != self.order.len() {
            return Err(differ(format!("{} layers with weights, and {} in the text", self.order.len(), groups.len())));
        }
        for (group, &value) in groups.into_iter().zip(&self.order) {
            let Some(step) = self.net.step(value) else { continue };
            for slot in group {
                let layer = &network.layers[slot.layer].name;
                let found = step.tensors.iter().find(|(part, _)| *part == slot.part);
                let shape: Vec<u64> = slot.shape.iter().map(|&size| size as u64).collect();
                let found = found.map(|(_, tensor)| tensor).filter(|tensor| tensor.dims == shape);
                let values = found.and_then(constant::Constant::floats);
                let values =
                    values.ok_or_else(|| differ(format!("{} of `{layer}` and of {}", slot.part, step.node)))?;
                match slot.target {
                    Target::Parameter(at) => compiled.set_parameter(at, values),
                    Target::Mean(at) => compiled.running[at].statistics.mean = values,
                    Target::Variance(at) => compiled.running[at].statistics.variance = values,
                }
            }
        }
        Ok(compiled)
    }
}
