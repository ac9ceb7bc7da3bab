//! A node's settings by name.

use super::super::proto::{AttributeProto, NodeProto, TensorProto};

/// How a node is named in messages: `/layer1/conv1/Conv (Conv)`.
pub fn called(node: &NodeProto) -> String {
    let name = if node.name.is_empty() { node.output.first().map_or("", String::as_str) } else { &node.name };
    format!("{name} ({})", node.op_type)
}

pub fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|own| own.name == name)
}

pub fn int(node: &NodeProto, name: &str) -> Option<i64> {
    attribute(node, name).map(|own| own.i)
}

pub fn float(node: &NodeProto, name: &str) -> Option<f64> {
    // As a person wrote it: the shortest decimal that is this f32.
    attribute(node, name).map(|own| shortest(own.f))
}

pub fn ints<'a>(node: &'a NodeProto, name: &str) -> Option<&'a [i64]> {
    attribute(node, name).map(|own| own.ints.as_slice())
}

pub fn text<'a>(node: &'a NodeProto, name: &str) -> Option<&'a str> {
    attribute(node, name).and_then(|own| std::str::from_utf8(&own.s).ok())
}

pub fn tensor<'a>(node: &'a NodeProto, name: &str) -> Option<&'a TensorProto> {
    attribute(node, name).and_then(|own| own.t.as_ref())
}

/// 1e-5 for the f32 that is nearest to it.
pub fn shortest(value: f32) -> f64 {
    value.to_string().parse().unwrap_or_else(|_| value.into())
}
