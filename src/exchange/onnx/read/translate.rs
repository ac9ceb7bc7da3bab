//! From nodes to steps: what every operator of the file is, with every size known.

use std::collections::HashMap;

use super::super::proto::{GraphProto, ModelProto, NodeProto, Size, ValueInfoProto, data_type};
use super::attributes::{called, float, int, ints};
use super::constant::Constant;
use super::fold;
use super::net::{Net, Part, Step, Value, What};
use super::{OnnxReadError, Unsaid};
use crate::graph::Operation;
use crate::reason::Reason;
use crate::spec::describe::Activation;

/// What a name of the file stands for.
#[derive(Debug, Clone)]
pub enum Known {
    Value(Value),
    Constant(Constant),
    /// What could not be said has been told of; so what reads it is not told of too.
    Untold,
}

/// What becomes of a node: its outputs, or why it cannot be said.
pub type Said = Result<Vec<Known>, Reason>;

pub struct Translator<'a> {
    pub net: Net,
    known: HashMap<&'a str, Known>,
    pub opset: i64,
    /// What could not be said, in the file's order.
    pub unsaid: Vec<Unsaid>,
    /// What is left out without harm to the rest.
    told: Vec<Unsaid>,
    partial: bool,
    /// What turns images whose channels come last gives.
    turned: Option<String>,
}

/// Most nodes of a file.
const MOST_NODES: usize = 20_000;
/// Most values that a node gives.
const MOST_VALUES: u64 = 1 << 40;

/// Reads a model, for images of these sizes where it leaves them open. With `partial` nodes that cannot be said are passed by.
pub fn translate(
    model: &ModelProto,
    input: Option<[u64; 3]>,
    partial: bool,
) -> Result<(Net, Vec<Unsaid>, Vec<Unsaid>), OnnxReadError> {
    let broken = |reason: String| OnnxReadError::Broken { reason };
    let graph = model.graph.as_ref().ok_or_else(|| broken("it holds no graph".into()))?;
    if graph.node.len() > MOST_NODES {
        return Err(broken(format!("it has {} nodes, and at most {MOST_NODES} are read", graph.node.len())));
    }
    let version = |domain: &str| model.opset_import.iter().find(|set| set.domain == domain).map(|set| set.version);
    let opset = version("").or_else(|| version("ai.onnx")).unwrap_or(1);
    if !(7..=64).contains(&opset) {
        return Err(broken(format!("its operators are of version {opset}; versions 7 to 64 are read")));
    }
    let mut known = HashMap::new();
    for tensor in &graph.initializer {
        let constant = Constant::of(tensor.clone());
        let constant = constant.map_err(|reason| broken(format!("tensor `{}`: {reason}", tensor.name)))?;
        known.insert(tensor.name.as_str(), Known::Constant(constant));
    }
    let mut open = graph.input.iter().filter(|input| !known.contains_key(input.name.as_str()));
    let image = open.next().ok_or_else(|| broken("its graph has no input".into()))?;
    let turned = channels_last(graph, image);
    let shape = input_shape(image, input, turned.is_some())?;
    let weights: Vec<&ValueInfoProto> = open.collect();
    for weight in weights {
        let dims = fixed_dims(weight).ok_or_else(|| OnnxReadError::SecondInput { name: weight.name.clone() })?;
        known.insert(&weight.name, Known::Constant(Constant::missing(dims)));
    }
    known.insert(&image.name, Known::Value(0));
    // Images come with their channels first; whoever turns them first gets them as they are.
    known.extend(turned.map(|node| (node.output[0].as_str(), Known::Value(0))));
    let net = Net { input: shape, ..Net::default() };
    let turned = turned.map(|node| node.output[0].clone());
    let mut translator = Translator { net, known, opset, unsaid: Vec::new(), told: Vec::new(), partial, turned };
    translator.nodes(graph, model)?;
    let outputs: Vec<&str> = graph.output.iter().map(|output| output.name.as_str()).collect();
    translator.ends(&outputs)?;
    Ok((translator.net, translator.unsaid, translator.told))
}

fn dims_of(value: &ValueInfoProto) -> Option<Vec<Option<u64>>> {
    let tensor = value.r#type.as_ref()?.tensor_type.as_ref()?;
    let size = |size: &Option<Size>| match size {
        Some(Size::Known(size)) => u64::try_from(*size).ok().filter(|&size| size > 0),
        _ => None,
    };
    Some(tensor.shape.as_ref()?.dim.iter().map(|dim| size(&dim.value)).collect())
}

fn fixed_dims(value: &ValueInfoProto) -> Option<Vec<u64>> {
    let float = value.r#type.as_ref()?.tensor_type.as_ref()?.elem_type == data_type::FLOAT;
    let dims = dims_of(value)?.into_iter().collect::<Option<Vec<u64>>>()?;
    let count = dims.iter().try_fold(1u64, |product, &size| product.checked_mul(size));
    (float && count.is_some_and(|count| count <= MOST_VALUES)).then_some(dims)
}

/// The node that turns images whose channels come last, as Keras' and TensorFlow's do, if all that reads them does.
fn channels_last<'a>(graph: &'a GraphProto, image: &ValueInfoProto) -> Option<&'a NodeProto> {
    let mut readers = graph.node.iter().filter(|node| node.input.contains(&image.name));
    let (first, None) = (readers.next()?, readers.next()) else { return None };
    let turns = first.op_type == "Transpose" && ints(first, "perm") == Some(&[0, 3, 1, 2]) && first.output.len() == 1;
    (turns && dims_of(image).is_some_and(|dims| dims.len() == 4)).then_some(first)
}

/// Images, channels, rows, columns. How many images is one where the file leaves it open.
fn input_shape(image: &ValueInfoProto, wanted: Option<[u64; 3]>, is_last: bool) -> Result<Vec<u64>, OnnxReadError> {
    let broken = |reason: String| OnnxReadError::Broken { reason };
    let kind = image.r#type.as_ref().and_then(|own| own.tensor_type.as_ref()).map_or(0, |tensor| tensor.elem_type);
    if kind != data_type::FLOAT {
        let what = match kind {
            data_type::FLOAT16 => "16-bit floats",
            data_type::DOUBLE => "64-bit floats",
            _ => "something else than f32",
        };
        return Err(broken(format!("its input `{}` holds {what}; export the network in f32", image.name)));
    }
    let mut dims = dims_of(image).unwrap_or_else(|| vec![None; 4]);
    if is_last && dims.len() == 4 {
        dims[1..].rotate_right(1);
    }
    let [images, rest @ ..] = dims.as_slice() else {
        return Err(broken(format!("its input `{}` is a single number", image.name)));
    };
    if rest.len() != 3 {
        return Err(broken(format!(
            "its input `{}` has {} dimensions; a network here takes images: number, channels, rows, columns",
            image.name,
            dims.len()
        )));
    }
    let mut shape = vec![images.unwrap_or(1)];
    for (at, size) in rest.iter().enumerate() {
        match (size, wanted) {
            (Some(size), Some(wanted)) if at == 0 && *size != wanted[0] => {
                return Err(broken(format!("its input has {size} channels, and `--set input` says {}", wanted[0])));
            }
            (_, Some(wanted)) => shape.push(wanted[at]),
            (Some(size), None) => shape.push(*size),
            (None, None) => {
                return Err(OnnxReadError::OpenSizes { channels: rest[0].map(|size| size.to_string()) });
            }
        }
    }
    let fits = |&size: &u64| size <= crate::spec::limits::DIMENSION;
    match shape.iter().all(fits) {
        true => Ok(shape),
        false => Err(broken("its input is larger than 2^24 on a side".into())),
    }
}

impl<'a> Translator<'a> {
    fn nodes(&mut self, graph: &'a GraphProto, model: &ModelProto) -> Result<(), OnnxReadError> {
        for node in &graph.node {
            if let Some(unknown) =
                node.input.iter().find(|name| !name.is_empty() && !self.known.contains_key(name.as_str()))
            {
                return Err(OnnxReadError::Broken {
                    reason: format!("node {} reads `{unknown}`, which nothing before it gives", called(node)),
                });
            }
            let is_first_turn = node.op_type == "Transpose"
                && node.output.first().is_some_and(|name| self.turned.as_deref() == Some(name));
            if is_first_turn {
                continue;
            }
            if let Some(again) = node.output.iter().find(|name| self.known.contains_key(name.as_str())) {
                return Err(OnnxReadError::Broken {
                    reason: format!("`{again}` is given twice, the second time by {}", called(node)),
                });
            }
            let inputs: Vec<Option<Known>> =
                node.input.iter().map(|name| self.known.get(name.as_str()).cloned()).collect();
            let said = match inputs.iter().flatten().any(|input| matches!(input, Known::Untold)) {
                true => Ok(Vec::new()),
                false => self.node(node, &inputs, model),
            };
            let given = match said {
                Ok(given) => given,
                Err(reason) => {
                    self.unsaid.push(Unsaid { node: called(node), reason: reason.0 });
                    let value = inputs.iter().flatten().find(|own| matches!(own, Known::Value(_)));
                    value.filter(|_| self.partial).cloned().into_iter().collect()
                }
            };
            let mut given = given.into_iter();
            for output in node.output.iter().filter(|name| !name.is_empty()) {
                self.known.insert(output, given.next().unwrap_or(Known::Untold));
            }
        }
        Ok(())
    }

    /// The first output is what the network gives; others are told of.
    fn ends(&mut self, outputs: &[&str]) -> Result<(), OnnxReadError> {
        let broken = |reason: String| OnnxReadError::Broken { reason };
        let [first, others @ ..] = outputs else { return Err(broken("its graph gives nothing".into())) };
        match self.known.get(first) {
            Some(Known::Value(value)) => self.net.output = *value,
            Some(Known::Untold) => {}
            Some(Known::Constant(_)) => return Err(broken(format!("its output `{first}` depends on no input"))),
            None => return Err(broken(format!("nothing gives its output `{first}`"))),
        }
        for other in others {
            let reason = "a network here gives one value, and the first is taken".to_string();
            self.told.push(Unsaid { node: format!("output `{other}`"), reason });
        }
        Ok(())
    }

    fn node(&mut self, node: &NodeProto, inputs: &[Option<Known>], model: &ModelProto) -> Said {
        let is_ours = matches!(node.domain.as_str(), "" | "ai.onnx");
        if !is_ours {
            let inside = model.functions.iter().any(|own| own.name == node.op_type && own.domain == node.domain);
            return Err(match inside {
                true => "it is a function of the file; export with functions inlined".into(),
                false => format!("it is an operator of `{}`, not of ONNX", node.domain).into(),
            });
        }
        let constants: Vec<Option<&Constant>> = (inputs.iter())
            .map(|input| match input {
                Some(Known::Constant(own)) => Some(own),
                _ => None,
            })
            .collect();
        let all_known = inputs.iter().flatten().all(|input| matches!(input, Known::Constant(_)));
        if all_known && let Some(folded) = fold::fold(node, &constants) {
            return folded.map(|own| vec![Known::Constant(own)]);
        }
        let Some(Known::Value(x)) = inputs.iter().flatten().find(|own| matches!(own, Known::Value(_))) else {
            return Err("it is not worked out for values that are known".into());
        };
        let mut read = Reading { translator: self, node, inputs, x: *x };
        read.said()
    }
}

/// One node that reads values.
pub struct Reading<'r, 'a> {
    pub translator: &'r mut Translator<'a>,
    pub node: &'r NodeProto,
    pub inputs: &'r [Option<Known>],
    /// The first value that it reads.
    pub x: Value,
}

impl Reading<'_, '_> {
    pub fn shape(&self) -> Vec<u64> {
        self.translator.net.shape(self.x).to_vec()
    }

    /// Channels, rows and columns of the map that it reads.
    pub fn map(&self) -> Result<[u64; 3], Reason> {
        match self.shape()[..] {
            [_, channels, height, width] => Ok([channels, height, width]),
            ref other => Err(format!("it reads a value of {} dimensions, not a map", other.len()).into()),
        }
    }

    /// A known input.
    pub fn constant(&self, at: usize) -> Option<&Constant> {
        match self.inputs.get(at)?.as_ref()? {
            Known::Constant(own) => Some(own),
            _ => None,
        }
    }

    /// Values of a known input or, of older versions, of an attribute.
    pub fn whole(&self, at: usize, name: &str) -> Option<Vec<i64>> {
        self.constant(at).and_then(Constant::ints).or_else(|| ints(self.node, name).map(<[i64]>::to_vec))
    }

    /// A parameter that must be there, in f32.
    pub fn tensor(&self, at: usize, what: &str) -> Result<Constant, Reason> {
        let own = self.constant(at).ok_or_else(|| format!("its {what} is computed, not stored"))?;
        match own.is_f32() {
            true => Ok(own.clone()),
            false => Err(format!("its {what} is not stored in f32").into()),
        }
    }

    /// What the file calls the weights of this node, without what is behind the last dot.
    fn weights_called(&self) -> Option<String> {
        let name = self.node.input.get(1)?;
        name.rsplit_once('.').map(|(layer, _)| layer.to_string())
    }

    pub fn push(&mut self, what: What, shape: Vec<u64>, tensors: Vec<(&'static str, Constant)>) -> Said {
        let (inputs, called_by) = (vec![self.x], self.weights_called().filter(|_| !tensors.is_empty()));
        Ok(vec![self.push_of(what, inputs, shape, tensors, called_by)?])
    }

    pub fn push_of(
        &mut self,
        what: What,
        inputs: Vec<Value>,
        shape: Vec<u64>,
        tensors: Vec<(&'static str, Constant)>,
        called_by: Option<String>,
    ) -> Result<Known, Reason> {
        let count = shape.iter().try_fold(1u64, |product, &size| product.checked_mul(size));
        let fits = shape.iter().all(|&size| size <= crate::spec::limits::DIMENSION);
        if !fits || count.is_none_or(|count| count == 0 || count > MOST_VALUES) {
            return Err("it gives no value, or more than 2^40, or more than 2^24 on a side".into());
        }
        let node = called(self.node);
        Ok(Known::Value(self.translator.net.push(Step { node, what, inputs, shape, tensors, called: called_by })))
    }

    /// An operation that keeps sizes.
    pub fn same(&mut self, operation: Operation) -> Said {
        let shape = self.shape();
        self.push(What::Is(operation), shape, Vec::new())
    }

    pub fn part(&mut self, part: Part, shape: Vec<u64>) -> Said {
        self.push(What::Part(part), shape, Vec::new())
    }

    fn same_part(&mut self, part: Part) -> Said {
        let shape = self.shape();
        self.part(part, shape)
    }

    pub fn passed(&self) -> Said {
        Ok(vec![Known::Value(self.x)])
    }

    /// An axis counted from the front.
    pub fn axis(&self, axis: i64) -> i64 {
        if axis < 0 { axis + self.shape().len() as i64 } else { axis }
    }

    fn said(&mut self) -> Said {
        let node = self.node;
        let activation = |own: Activation| Operation::Activation(own);
        match node.op_type.as_str() {
            "Conv" => self.conv(),
            "ConvTranspose" => self.conv_transpose(),
            "MaxPool" => self.pool(true),
            "AveragePool" => self.pool(false),
            "GlobalMaxPool" => self.global_max(),
            "GlobalAveragePool" => self.global_average(true),
            "ReduceMean" => self.reduce_mean(),
            "Resize" | "Upsample" => self.resize(),
            "Pad" => self.pad(),
            "Gemm" => self.gemm(),
            "MatMul" => self.matmul(),
            "Add" | "Sub" | "Mul" | "Div" | "Sum" => self.arithmetic(),
            "Concat" => self.concat(),
            "Split" => self.split(),
            "Slice" => self.slice(),
            "Shape" => self.shape_known(),
            "Flatten" | "Reshape" | "Squeeze" | "Unsqueeze" => self.reshape(),
            "Transpose" => self.transpose(),
            "Expand" => self.expand(),
            "BatchNormalization" => self.batch_norm(),
            "InstanceNormalization" => self.instance_norm(),
            "GroupNormalization" => self.group_norm(),
            "LayerNormalization" => self.layer_norm(),
            "LRN" => self.lrn(),
            "Softmax" => self.softmax(),
            "Dropout" => {
                let p = self.constant(1).and_then(Constant::floats).and_then(|values| values.first().copied());
                let p = p.map(super::attributes::shortest).or_else(|| float(node, "ratio")).unwrap_or(0.5);
                self.same(Operation::Dropout { p })
            }
            "Identity" => self.passed(),
            "Cast" if int(node, "to") == Some(data_type::FLOAT.into()) => self.passed(),
            "Relu" => self.same(activation(Activation::Relu)),
            "LeakyRelu" => {
                let slope = float(node, "alpha").unwrap_or(0.01);
                self.same(activation(Activation::LeakyRelu { slope }))
            }
            "Elu" if float(node, "alpha").unwrap_or(1.0) == 1.0 => self.same(activation(Activation::Elu)),
            "Sigmoid" => self.same(activation(Activation::Sigmoid)),
            "Tanh" => self.same(activation(Activation::Tanh)),
            "HardSwish" => self.same(activation(Activation::HardSwish)),
            "HardSigmoid" => self.hard_sigmoid(),
            "Mish" => self.same(activation(Activation::Mish)),
            "Gelu" => match super::attributes::text(node, "approximate").unwrap_or("none") {
                "tanh" => self.same(activation(Activation::GeluTanh)),
                _ => self.same(activation(Activation::Gelu)),
            },
            "Clip" => self.clip(),
            "PRelu" => self.prelu(),
            "Erf" => self.same_part(Part::Erf),
            "Softplus" => self.same_part(Part::Softplus),
            "Pow" => match self.constant(1).and_then(Constant::scalar) {
                Some(exponent) if self.inputs.len() == 2 => self.same_part(Part::Power(exponent)),
                _ => Err("only powers by a known number are read".into()),
            },
            other => Err(format!("there is no layer for `{other}`").into()),
        }
    }

    fn hard_sigmoid(&mut self) -> Said {
        let (alpha, beta) = (float(self.node, "alpha").unwrap_or(0.2), float(self.node, "beta").unwrap_or(0.5));
        match (alpha - 1.0 / 6.0).abs() < 1e-4 && (beta - 0.5).abs() < 1e-6 {
            true => self.same(Operation::Activation(Activation::HardSigmoid)),
            false => Err(format!("a hard sigmoid here is x/6 + 1/2, and this one {alpha}·x + {beta}").into()),
        }
    }

    fn clip(&mut self) -> Said {
        let bound = |at: usize, name: &str, open: f64| {
            let given = self.inputs.get(at).is_some_and(Option::is_some);
            match (given, self.constant(at).and_then(Constant::scalar)) {
                (true, None) => Err("its bounds are computed".to_string()),
                (true, Some(bound)) => Ok(bound),
                (false, _) => Ok(float(self.node, name).unwrap_or(open)),
            }
        };
        let (least, most) = (bound(1, "min", f64::NEG_INFINITY)?, bound(2, "max", f64::INFINITY)?);
        // What bounds nothing may be written as the largest number.
        match (least, most >= f64::from(f32::MAX)) {
            (0.0, true) => self.same(Operation::Activation(Activation::Relu)),
            (0.0, false) if most == 6.0 => self.same(Operation::Activation(Activation::Relu6)),
            _ => self.same_part(Part::Clip),
        }
    }

    fn prelu(&mut self) -> Said {
        let (slopes, shape) = (self.tensor(1, "slope")?, self.shape());
        let channels = shape.get(1).copied().unwrap_or(0);
        let per_channel = slopes.count() != 1;
        let behind = slopes.dims.iter().rev().take(shape.len().saturating_sub(2)).product::<u64>();
        if per_channel && (slopes.count() != channels || behind != 1 && shape.len() > 2) {
            return Err("its slopes are neither one nor one for each channel".into());
        }
        let operation = Operation::Prelu { init: 0.25, per_channel };
        let count = slopes.count();
        self.push(What::Is(operation), shape, vec![("weight", slopes.shaped(vec![count]))])
    }

    fn softmax(&mut self) -> Said {
        let rank = self.shape().len();
        let default = if self.translator.opset < 13 { 1 } else { -1 };
        let axis = self.axis(int(self.node, "axis").unwrap_or(default));
        // Before version 13 it went over all that comes behind the axis too.
        let is_one_position = self.shape().iter().skip(2).all(|&size| size == 1);
        match axis == 1 && (rank == 2 || is_one_position || self.translator.opset >= 13) {
            true => self.same(Operation::Softmax),
            false => Err("only a softmax over channels is read".into()),
        }
    }
}
