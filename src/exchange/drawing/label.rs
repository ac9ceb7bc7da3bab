//! What stands in a box of a picture.

use std::ops::Range;

use crate::graph::family::Family;
use crate::graph::figures::{pair, short};
use crate::graph::{Graph, Layer, Operation};
use crate::spec::describe::{Norm, Pair};

/// The texts of a box.
#[derive(Debug, Clone, PartialEq)]
pub struct Label {
    pub family: Family,
    /// `3×3 conv, 64, /2`, as papers write it.
    pub head: String,
    /// What it brings along: `batch norm · relu`.
    pub brings: String,
    /// `64×112×112 · 9,408`.
    pub foot: String,
}

impl Label {
    /// Of a layer and those that it brings along.
    pub fn of(network: &Graph, layers: Range<usize>) -> Label {
        let own = &network.layers[layers.clone()];
        let brings: Vec<String> = own[1..].iter().map(|layer| words(layer.operation.kind())).collect();
        let params: u64 = own.iter().map(Layer::params).sum();
        let output = own.last().map_or(own[0].output, |layer| layer.output);
        let params = if params > 0 { format!(" · {}", short(params)) } else { String::new() };
        Label {
            family: Family::of(&own[0].operation),
            head: head(&own[0]),
            brings: brings.join(" · "),
            foot: format!("{output}{params}"),
        }
    }
}

/// A kind as words: `batch norm`, `max pool`.
fn words(kind: &str) -> String {
    match kind {
        "maxpool" => "max pool".into(),
        "avgpool" => "avg pool".into(),
        "adaptive_avgpool" => "adaptive avg pool".into(),
        "global_avgpool" => "global avg pool".into(),
        kind => kind.replace('_', " "),
    }
}

fn head(layer: &Layer) -> String {
    let out = layer.output.channels();
    let kernel = |kernel: Pair| format!("{}×{}", kernel.height, kernel.width);
    let stride = |stride: Pair| if stride == Pair::square(1) { String::new() } else { format!(", /{}", pair(stride)) };
    match &layer.operation {
        Operation::Conv { window, groups, .. } => {
            let depthwise = *groups == layer.input.channels() && *groups > 1;
            let kind = if depthwise { "depthwise" } else { "conv" };
            let groups = if *groups > 1 && !depthwise { format!(", {groups} groups") } else { String::new() };
            let apart = if window.dilation == Pair::square(1) {
                String::new()
            } else {
                format!(", dilation {}", pair(window.dilation))
            };
            format!("{} {kind}, {out}{groups}{}{apart}", kernel(window.kernel), stride(window.stride))
        }
        Operation::ConvTranspose { window, .. } => {
            format!("{} up-conv, {out}{}", kernel(window.kernel), stride(window.stride))
        }
        Operation::Linear { .. } => format!("linear, {out}"),
        Operation::MaxPool { window, .. } | Operation::AvgPool { window, .. } => {
            format!("{} {}{}", kernel(window.kernel), words(layer.operation.kind()), stride(window.stride))
        }
        Operation::Upsample { scale, mode } => {
            format!("{} upsample ×{}", format!("{mode:?}").to_lowercase(), pair(*scale))
        }
        Operation::ChannelShuffle { groups } => format!("channel shuffle, {groups}"),
        Operation::Dropout { p } => format!("dropout {p}"),
        Operation::Norm(Norm::Group { groups, .. }) => format!("group norm, {groups}"),
        operation => words(operation.kind()),
    }
}
