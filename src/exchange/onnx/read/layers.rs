//! A layer in the words of an architecture file, in the paper's notation where that says it.

use super::net::{Net, Value};
use super::usual::{Unit, Usual, norm_fields, number, word};
use super::yaml::Yaml;
use crate::graph::{Operation, Window};
use crate::spec::describe::{Activation, Lrn, Norm, Pair, Sides, UpsampleMode};

/// What layers are written with.
#[derive(Clone, Copy)]
pub struct Layers<'n> {
    pub net: &'n Net,
    pub usual: &'n Usual,
}

impl Layers<'_> {
    pub fn layer(&self, value: Value, unit: &Unit) -> Yaml {
        let net = self.net;
        let out = net.shape(value).get(1).copied().unwrap_or(0);
        let Some(operation) = net.operation(value) else { return Yaml::text("identity") };
        match operation {
            Operation::Conv { window, groups, bias } => self.conv(value, *window, *groups, *bias, unit),
            Operation::ConvTranspose { window, output_padding, groups, bias } => {
                let padding = window.padding.before();
                let plain = *bias && *groups == 1 && window.dilation == Pair::square(1) && padding == Pair::square(0);
                if plain
                    && window.kernel == window.stride
                    && is_square(window.kernel)
                    && *output_padding == Pair::square(0)
                {
                    return Yaml::text(format!("up{}-{out}", window.kernel.height));
                }
                let mut fields = vec![("out".to_string(), Yaml::text(out)), ("kernel".into(), pair(window.kernel))];
                fields.push(("stride".into(), pair(window.stride)));
                let more = [("padding", padding), ("output_padding", *output_padding)];
                fields.extend(
                    more.into_iter()
                        .filter(|(_, own)| *own != Pair::square(0))
                        .map(|(key, own)| (key.to_string(), pair(own))),
                );
                if window.dilation != Pair::square(1) {
                    fields.push(("dilation".into(), pair(window.dilation)));
                }
                if *groups != 1 {
                    fields.push(("groups".into(), Yaml::text(groups)));
                }
                if !bias {
                    fields.push(("bias".into(), Yaml::text(false)));
                }
                Yaml::one("conv_transpose", Yaml::Map(fields))
            }
            Operation::Linear { bias } => {
                let is_last = self.usual.classes == Some(out) && self.ends_the_network(value);
                let out = if is_last { "classes".to_string() } else { out.to_string() };
                let activation = match (unit.activation, self.usual.linear) {
                    (own, usual) if own == usual => None,
                    (own, _) => Some(own.unwrap_or("none")),
                };
                match bias {
                    true => {
                        Yaml::text(format!("fc-{out}{}", activation.map_or(String::new(), |own| format!(" {own}"))))
                    }
                    false => {
                        let mut fields = vec![("out".to_string(), Yaml::text(out)), ("bias".into(), Yaml::text(false))];
                        fields.extend(activation.map(|own| ("activation".to_string(), Yaml::text(own))));
                        Yaml::one("linear", Yaml::Map(fields))
                    }
                }
            }
            Operation::MaxPool { window, ceil } => pool("maxpool", *window, *ceil, true),
            Operation::AvgPool { window, ceil, counts_padding } => pool("avgpool", *window, *ceil, *counts_padding),
            Operation::AdaptiveAvgPool => {
                let shape = net.shape(value);
                let out = Pair { height: shape[2], width: shape[3] };
                Yaml::one("adaptive_avgpool", pair(out))
            }
            Operation::GlobalAvgPool => Yaml::text("global_avgpool"),
            Operation::Upsample { scale, mode: UpsampleMode::Nearest } => Yaml::one("upsample", pair(*scale)),
            Operation::Upsample { scale, mode: UpsampleMode::Bilinear } => {
                let fields = vec![("scale".to_string(), pair(*scale)), ("mode".into(), Yaml::text("bilinear"))];
                Yaml::one("upsample", Yaml::Map(fields))
            }
            Operation::ChannelShuffle { groups } => Yaml::one("channel_shuffle", Yaml::text(groups)),
            Operation::Flatten => Yaml::text("flatten"),
            Operation::Softmax => Yaml::text("softmax"),
            Operation::Norm(norm) => self.norm(*norm),
            Operation::Scale { .. } => Yaml::text("scale"),
            Operation::Dropout { p } if *p == 0.5 => Yaml::text("dropout"),
            Operation::Dropout { p } => Yaml::one("dropout", Yaml::text(number(*p))),
            Operation::Activation(activation) => match (activation, word(*activation)) {
                (_, Some(word)) => Yaml::text(word),
                (Activation::LeakyRelu { slope }, None) => Yaml::one("leaky_relu", Yaml::text(number(*slope))),
                (_, None) => Yaml::one("gelu", Yaml::text("tanh")),
            },
            Operation::Prelu { per_channel: false, .. } => Yaml::text("prelu"),
            Operation::Prelu { per_channel: true, .. } => {
                Yaml::one("prelu", Yaml::Map(vec![("per_channel".into(), Yaml::text(true))]))
            }
            // Blocks say these.
            Operation::Slice { .. }
            | Operation::PadChannels { .. }
            | Operation::Add
            | Operation::Concat
            | Operation::Multiply => Yaml::text("identity"),
        }
    }

    fn ends_the_network(&self, value: Value) -> bool {
        let output = self.net.output;
        value == output
            || matches!(self.net.operation(output), Some(Operation::Softmax))
                && self.net.only_input(output) == Some(value)
    }

    pub fn conv(&self, value: Value, window: Window, groups: u64, bias: bool, unit: &Unit) -> Yaml {
        let net = self.net;
        let out = net.shape(value)[1];
        let arrive = net.step(value).and_then(|step| step.inputs.first()).map_or(0, |&input| net.shape(input)[1]);
        let usual = self.usual.conv;
        let is_depthwise = groups > 1 && groups == arrive;
        let same = |axis: fn(Pair) -> u64| {
            let reach = axis(window.dilation) * (axis(window.kernel) - 1);
            reach.is_multiple_of(2).then_some(reach / 2)
        };
        let same = match (same(|pair| pair.height), same(|pair| pair.width)) {
            (Some(height), Some(width)) => window.padding == Sides::around(Pair { height, width }),
            _ => false,
        };
        let is_short = is_square(window.kernel)
            && is_square(window.stride)
            && same
            && window.dilation == Pair::square(1)
            && unit.norm.is_some() == usual.norm
            && bias == usual.bias
            && (groups == 1 || is_depthwise && out == arrive);
        let activation = match (unit.activation, usual.activation) {
            (own, usual) if own == usual => None,
            (own, _) => Some(own.unwrap_or("none")),
        };
        if is_short {
            let (kernel, stride) = (window.kernel.height, window.stride.height);
            let stride = if stride == 1 { String::new() } else { format!("/{stride}") };
            let words = activation.map_or(String::new(), |own| format!(" {own}"));
            return Yaml::text(match is_depthwise {
                true => format!("dw{kernel}{stride}{words}"),
                false => format!("conv{kernel}-{out}{stride}{words}"),
            });
        }
        let mut fields = vec![("out".to_string(), Yaml::text(out)), ("kernel".into(), pair(window.kernel))];
        if window.stride != Pair::square(1) {
            fields.push(("stride".into(), pair(window.stride)));
        }
        if !same {
            fields.push(("padding".into(), padding(window.padding, true)));
        }
        if window.dilation != Pair::square(1) {
            fields.push(("dilation".into(), pair(window.dilation)));
        }
        match groups {
            1 => {}
            _ if is_depthwise => fields.push(("groups".into(), Yaml::text("depthwise"))),
            groups => fields.push(("groups".into(), Yaml::text(groups))),
        }
        if bias != usual.bias {
            fields.push(("bias".into(), Yaml::text(bias)));
        }
        if unit.norm.is_some() != usual.norm {
            fields.push(("norm".into(), Yaml::text(if unit.norm.is_some() { "batch" } else { "none" })));
        }
        fields.extend(activation.map(|own| ("activation".to_string(), Yaml::text(own))));
        Yaml::one("conv", Yaml::Map(fields))
    }

    fn norm(&self, norm: Norm) -> Yaml {
        let with = |kind: &str, fields: Vec<(String, Yaml)>| match fields.is_empty() {
            true => Yaml::text(kind),
            false => Yaml::one(kind, Yaml::Map(fields)),
        };
        let eps = |eps: f64| (eps != 1e-5).then(|| ("eps".to_string(), Yaml::text(number(eps))));
        match norm {
            Norm::Batch(own) => with("batch_norm", norm_fields(own, self.usual.norm)),
            Norm::Group { groups, eps: own } => {
                let fields = std::iter::once(("groups".to_string(), Yaml::text(groups))).chain(eps(own)).collect();
                with("group_norm", fields)
            }
            Norm::Layer { eps: own } => with("layer_norm", eps(own).into_iter().collect()),
            Norm::Instance { eps: own, affine } => {
                let affine = affine.then(|| ("affine".to_string(), Yaml::text(true)));
                with("instance_norm", eps(own).into_iter().chain(affine).collect())
            }
            Norm::Lrn(Lrn { size, alpha, beta, k }) => {
                let known = [("alpha", alpha, 1e-4), ("beta", beta, 0.75), ("k", k, 2.0)];
                let fields = known.into_iter().filter(|(_, own, usual)| own != usual);
                let fields: Vec<_> = fields.map(|(key, own, _)| (key.to_string(), Yaml::text(number(own)))).collect();
                let size = ("size".to_string(), Yaml::text(size));
                Yaml::one("lrn", Yaml::Map(std::iter::once(size).chain(fields).collect()))
            }
        }
    }
}

fn is_square(pair: Pair) -> bool {
    pair.height == pair.width
}

pub fn pair(own: Pair) -> Yaml {
    match is_square(own) {
        true => Yaml::text(own.height),
        false => Yaml::List(vec![Yaml::text(own.height), Yaml::text(own.width)]),
    }
}

fn padding(sides: Sides, counts: bool) -> Yaml {
    match sides.symmetric() {
        _ if !counts => Yaml::text("same_upper"),
        Some(own) if own == Pair::square(0) => Yaml::text("valid"),
        Some(own) => pair(own),
        None => Yaml::List([sides.top, sides.bottom, sides.left, sides.right].map(Yaml::text).to_vec()),
    }
}

fn pool(kind: &str, window: Window, ceil: bool, counts: bool) -> Yaml {
    let (kernel, stride) = (window.kernel, window.stride);
    let is_plain = window.padding == Sides::NONE && counts && !ceil;
    if is_plain && is_square(kernel) && is_square(stride) {
        return Yaml::text(match (kernel.height, stride.height) {
            (2, 2) => kind.to_string(),
            (kernel, stride) if kernel == stride => format!("{kind}{kernel}"),
            (kernel, stride) => format!("{kind}{kernel}/{stride}"),
        });
    }
    let mut fields = vec![("kernel".to_string(), pair(kernel))];
    if stride != kernel {
        fields.push(("stride".into(), pair(stride)));
    }
    if window.padding != Sides::NONE || !counts {
        fields.push(("padding".into(), padding(window.padding, counts)));
    }
    if ceil {
        fields.push(("ceil".into(), Yaml::text(true)));
    }
    Yaml::one(kind, Yaml::Map(fields))
}
