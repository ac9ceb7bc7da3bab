//! Nodes, tensors and shapes put together into an ONNX graph.

use prost::bytes::Bytes;

use super::proto::{
    AttributeProto, Dimension, GraphProto, NodeProto, Size, TensorProto, TensorShapeProto, TensorTypeProto, TypeProto,
    ValueInfoProto, attribute_type, data_type,
};
use crate::graph::Shape;

/// A graph that grows.
#[derive(Default)]
pub struct Builder {
    pub graph: GraphProto,
}

/// An operator's setting.
pub fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto { name: name.into(), i: value, r#type: attribute_type::INT, ..Default::default() }
}

pub fn ints(name: &str, values: impl IntoIterator<Item = u64>) -> AttributeProto {
    let ints = values.into_iter().map(|value| value as i64).collect();
    AttributeProto { name: name.into(), ints, r#type: attribute_type::INTS, ..Default::default() }
}

pub fn float(name: &str, value: f64) -> AttributeProto {
    AttributeProto { name: name.into(), f: value as f32, r#type: attribute_type::FLOAT, ..Default::default() }
}

pub fn text(name: &str, value: &'static str) -> AttributeProto {
    let s = Bytes::from_static(value.as_bytes());
    AttributeProto { name: name.into(), s, r#type: attribute_type::STRING, ..Default::default() }
}

/// A value of type f32 with its sizes; the first is the number of images and stays open.
pub fn batch_of(name: &str, shape: Shape) -> ValueInfoProto {
    let known = shape.to_vec().into_iter().map(|size| Size::Known(size as i64));
    value(name, std::iter::once(Size::Named("batch".into())).chain(known))
}

/// A value of type f32 of these sizes.
pub fn value(name: &str, sizes: impl IntoIterator<Item = Size>) -> ValueInfoProto {
    let dim = sizes.into_iter().map(|size| Dimension { value: Some(size) }).collect();
    let tensor = TensorTypeProto { elem_type: data_type::FLOAT, shape: Some(TensorShapeProto { dim }) };
    ValueInfoProto { name: name.into(), r#type: Some(TypeProto { tensor_type: Some(tensor) }) }
}

impl Builder {
    /// Adds an operator whose output is called as it is.
    pub fn node(&mut self, op_type: &str, inputs: &[&str], name: &str, attribute: Vec<AttributeProto>) -> String {
        self.graph.node.push(NodeProto {
            input: inputs.iter().map(|input| input.to_string()).collect(),
            output: vec![name.into()],
            name: name.into(),
            op_type: op_type.into(),
            attribute,
            domain: String::new(),
        });
        name.into()
    }

    /// Adds values that are known. Gives their name.
    pub fn floats(&mut self, name: &str, dims: &[u64], values: impl IntoIterator<Item = f32>) -> String {
        let raw: Vec<u8> = values.into_iter().flat_map(f32::to_le_bytes).collect();
        self.tensor(name, dims, data_type::FLOAT, raw)
    }

    /// Adds a row of whole numbers.
    pub fn whole(&mut self, name: &str, values: &[i64]) -> String {
        let raw = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.tensor(name, &[values.len() as u64], data_type::INT64, raw)
    }

    /// Adds one number, of no dimension.
    pub fn scalar(&mut self, name: &str, value: f64) -> String {
        self.floats(name, &[], [value as f32])
    }

    fn tensor(&mut self, name: &str, dims: &[u64], data_type: i32, raw: Vec<u8>) -> String {
        self.graph.initializer.push(TensorProto {
            name: name.into(),
            dims: dims.iter().map(|&size| size as i64).collect(),
            data_type,
            raw_data: raw.into(),
            ..Default::default()
        });
        name.into()
    }
}
