//! Networks written as ONNX, so that ONNX Runtime, TensorRT, Netron and the like open them.

use std::path::Path;

use prost::Message;

use super::build::batch_of;
use super::operators;
use super::proto::{ModelProto, OperatorSetIdProto, StringStringEntryProto};
use super::writer::{INPUT, Writer};
use crate::files::{reason, write};
use crate::graph::{Graph, Source};
use crate::network::Compiled;

/// The operators' version: old enough for what runs ONNX today, new enough for all of ours but the youngest.
pub const OPSET: i64 = 17;
/// The file format's version that goes with it.
const IR_VERSION: i64 = 8;
/// Most bytes of a protobuf message.
const MOST_BYTES: usize = i32::MAX as usize;

#[derive(Debug, thiserror::Error)]
pub enum OnnxError {
    #[error("cannot write {path}: {reason}")]
    Unwritable { path: String, reason: String },
    #[error("the network takes {0} bytes as ONNX, and a file without external data holds at most 2,147,483,647")]
    TooLarge(usize),
}

/// Writes a network to a file. Without parameters its weights are inputs of the graph: their shapes are there, their values are
/// not.
pub fn write(network: &Graph, parameters: Option<&Compiled>, path: &Path) -> Result<(), OnnxError> {
    let model = model(network, parameters);
    let size = model.encoded_len();
    if size > MOST_BYTES {
        return Err(OnnxError::TooLarge(size));
    }
    let written = write::write(path, |beside| write::fill(beside, &model.encode_to_vec()));
    written.map_err(|error| OnnxError::Unwritable { path: path.display().to_string(), reason: reason(&error) })
}

/// The network as an ONNX model, each node under its layer's path.
pub fn model(network: &Graph, parameters: Option<&Compiled>) -> ModelProto {
    let mut writer = Writer::new(network, parameters);
    writer.builder.graph.name = network.architecture.name.clone();
    writer.builder.graph.input.push(batch_of(INPUT, network.input()));
    for layer in &network.layers {
        operators::write(&mut writer, layer);
        let output = batch_of(&writer.name_of(Source::Layer(layer.index)), layer.output);
        match layer.index + 1 == network.layers.len() {
            true => writer.builder.graph.output.push(output),
            false => writer.builder.graph.value_info.push(output),
        }
    }
    let architecture = &network.architecture;
    let texts = [("name", Some(&architecture.name)), ("source", architecture.source.as_ref())];
    let entry = |(key, text): (&str, Option<&String>)| {
        text.map(|text| StringStringEntryProto { key: key.into(), value: text.clone() })
    };
    ModelProto {
        ir_version: IR_VERSION,
        producer_name: "convlens".into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        doc_string: architecture.summary.clone().unwrap_or_default(),
        graph: Some(writer.builder.graph),
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: OPSET }],
        metadata_props: texts.into_iter().filter_map(entry).collect(),
        functions: Vec::new(),
    }
}
