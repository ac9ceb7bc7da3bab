//! Each of our operations in PyTorch's words: the module that holds its parameters, and the expression that applies it.

use crate::graph::{Layer, Operation, Window};
use crate::spec::describe::{Activation, BatchNorm, Lrn, Norm, Pair, Sides, UpsampleMode};

/// `3` or `(1, 7)`.
fn pair(own: Pair) -> String {
    if own.height == own.width { own.height.to_string() } else { format!("({}, {})", own.height, own.width) }
}

/// A number in Python.
fn number(value: f64) -> String {
    if value != 0.0 && value.abs() < 1e-3 { format!("{value:e}") } else { value.to_string() }
}

/// What stands around a number of channels until it is known whether it is a parameter of the class.
pub const MARKS: [char; 2] = ['⟨', '⟩'];

fn marked(channels: u64) -> String {
    format!("{}{channels}{}", MARKS[0], MARKS[1])
}

/// Arguments that say more than PyTorch's defaults.
fn named(arguments: &[(&str, Option<String>)]) -> String {
    arguments.iter().filter_map(|(name, value)| Some(format!(", {name}={}", value.as_ref()?))).collect()
}

/// Rows and columns of zeros as `F.pad` takes them: left, right, top, bottom.
fn sides(own: Sides) -> String {
    format!("({}, {}, {}, {})", own.left, own.right, own.top, own.bottom)
}

/// The module of a layer that has parameters. Its numbers of channels are marked, so that blocks that differ in nothing else can
/// share a class.
pub fn module(layer: &Layer) -> Option<String> {
    let (inputs, outputs) = (marked(layer.input.channels()), marked(layer.output.channels()));
    let unless = |value: Pair, usual: u64| (value != Pair::square(usual)).then(|| pair(value));
    let no_bias = |bias: bool| (!bias).then(|| "False".to_string());
    let eps = |eps: f64| (eps != 1e-5).then(|| number(eps));
    Some(match &layer.operation {
        Operation::Conv { window, groups, bias } => {
            let padding = window.padding.symmetric().unwrap_or(Pair::square(0));
            let more = named(&[
                ("stride", unless(window.stride, 1)),
                ("padding", unless(padding, 0)),
                ("dilation", unless(window.dilation, 1)),
                ("groups", (*groups != 1).then(|| marked(*groups))),
                ("bias", no_bias(*bias)),
            ]);
            format!("nn.Conv2d({inputs}, {outputs}, {}{more})", pair(window.kernel))
        }
        Operation::ConvTranspose { window, output_padding, groups, bias } => {
            let more = named(&[
                ("stride", unless(window.stride, 1)),
                ("padding", unless(window.padding.before(), 0)),
                ("output_padding", unless(*output_padding, 0)),
                ("groups", (*groups != 1).then(|| marked(*groups))),
                ("bias", no_bias(*bias)),
                ("dilation", unless(window.dilation, 1)),
            ]);
            format!("nn.ConvTranspose2d({inputs}, {outputs}, {}{more})", pair(window.kernel))
        }
        Operation::Linear { bias } => {
            format!("nn.Linear({inputs}, {outputs}{})", named(&[("bias", no_bias(*bias))]))
        }
        Operation::Norm(Norm::Batch(BatchNorm { eps: own, momentum, affine })) => {
            let more = named(&[
                ("eps", eps(*own)),
                ("momentum", (*momentum != 0.1).then(|| number(*momentum))),
                ("affine", (!affine).then(|| "False".to_string())),
            ]);
            let dimensions = if layer.input.is_flat() { "1d" } else { "2d" };
            format!("nn.BatchNorm{dimensions}({inputs}{more})")
        }
        Operation::Norm(Norm::Group { groups, eps: own }) => {
            format!("nn.GroupNorm({groups}, {inputs}{})", named(&[("eps", eps(*own))]))
        }
        Operation::Norm(Norm::Layer { eps: own }) => {
            let class = if layer.input.is_flat() { "nn.LayerNorm" } else { "ChannelNorm" };
            format!("{class}({inputs}{})", named(&[("eps", eps(*own))]))
        }
        Operation::Norm(Norm::Instance { eps: own, affine }) => {
            let more = named(&[("eps", eps(*own)), ("affine", affine.then(|| "True".to_string()))]);
            format!("nn.InstanceNorm2d({inputs}{more})")
        }
        Operation::Scale { init } => format!("Scale({inputs}, {})", number(*init)),
        Operation::Prelu { init, per_channel } => {
            let count = if *per_channel { inputs } else { "1".into() };
            format!("nn.PReLU({count}{})", named(&[("init", (*init != 0.25).then(|| number(*init)))]))
        }
        _ => return None,
    })
}

/// The layer applied to what arrives, where `own` is its module.
pub fn expression(layer: &Layer, own: &str, arrive: &[String]) -> String {
    let x = arrive.first().map_or("x", String::as_str);
    let applied = |x: &str| format!("self.{own}({x})");
    match &layer.operation {
        Operation::Conv { window, .. } if window.padding.symmetric().is_none() => {
            applied(&format!("F.pad({x}, {})", sides(window.padding)))
        }
        Operation::MaxPool { window, ceil } => max_pool(x, *window, *ceil),
        Operation::AvgPool { window, ceil, counts_padding } => avg_pool(x, *window, *ceil, *counts_padding),
        Operation::AdaptiveAvgPool => {
            let [height, width] = layer.output.sides();
            format!("F.adaptive_avg_pool2d({x}, {})", pair(Pair { height, width }))
        }
        Operation::GlobalAvgPool => format!("F.adaptive_avg_pool2d({x}, 1)"),
        Operation::Upsample { scale, mode } => {
            let more = match mode {
                UpsampleMode::Nearest => "",
                UpsampleMode::Bilinear => ", mode=\"bilinear\"",
            };
            format!("F.interpolate({x}, scale_factor={}{more})", pair(*scale))
        }
        Operation::ChannelShuffle { groups } => format!("F.channel_shuffle({x}, {groups})"),
        Operation::Flatten => format!("{x}.flatten(1)"),
        Operation::Softmax => format!("F.softmax({x}, dim=1)"),
        Operation::Norm(Norm::Lrn(Lrn { size, alpha, beta, k })) => {
            let [alpha, beta, k] = [*alpha, *beta, *k].map(number);
            format!("F.local_response_norm({x}, {size}, alpha={alpha}, beta={beta}, k={k})")
        }
        Operation::Dropout { p } => format!("F.dropout({x}, {}, self.training)", number(*p)),
        Operation::Activation(activation) => activated(x, *activation),
        Operation::Slice { first: 0 } => format!("{x}[:, :{}]", marked(layer.output.channels())),
        Operation::Slice { first } => {
            format!("{x}[:, {}:{}]", marked(*first), marked(first + layer.output.channels()))
        }
        Operation::PadChannels { stride, before } => {
            let behind = layer.output.channels() - layer.input.channels() - before;
            let step = |step: u64| if step == 1 { ":".to_string() } else { format!("::{step}") };
            let (rows, columns) = (step(stride.height), step(stride.width));
            format!("F.pad({x}[:, :, {rows}, {columns}], (0, 0, 0, 0, {}, {}))", marked(*before), marked(behind))
        }
        Operation::Add => arrive.join(" + "),
        Operation::Concat => format!("torch.cat([{}], dim=1)", arrive.join(", ")),
        Operation::Multiply => arrive.join(" * "),
        Operation::Conv { .. }
        | Operation::ConvTranspose { .. }
        | Operation::Linear { .. }
        | Operation::Norm(_)
        | Operation::Scale { .. }
        | Operation::Prelu { .. } => applied(x),
    }
}

fn max_pool(x: &str, window: Window, ceil: bool) -> String {
    let stride = (window.stride != window.kernel).then(|| pair(window.stride));
    let ceil = ceil.then(|| "True".to_string());
    match window.padding.symmetric() {
        Some(own) => {
            let padding = (own != Pair::square(0)).then(|| pair(own));
            let more = named(&[("stride", stride), ("padding", padding), ("ceil_mode", ceil)]);
            format!("F.max_pool2d({x}, {}{more})", pair(window.kernel))
        }
        None => {
            let more = named(&[("stride", stride), ("ceil_mode", ceil)]);
            let padded = format!("F.pad({x}, {}, value=float(\"-inf\"))", sides(window.padding));
            format!("F.max_pool2d({padded}, {}{more})", pair(window.kernel))
        }
    }
}

fn avg_pool(x: &str, window: Window, ceil: bool, counts: bool) -> String {
    let stride = || (window.stride != window.kernel).then(|| pair(window.stride));
    let ceil = || ceil.then(|| "True".to_string());
    let kernel = pair(window.kernel);
    match (window.padding.symmetric(), counts) {
        (Some(own), _) => {
            let padding = (own != Pair::square(0)).then(|| pair(own));
            let leaves = (!counts && padding.is_some()).then(|| "False".to_string());
            let more = named(&[
                ("stride", stride()),
                ("padding", padding),
                ("ceil_mode", ceil()),
                ("count_include_pad", leaves),
            ]);
            format!("F.avg_pool2d({x}, {kernel}{more})")
        }
        (None, counts) => {
            let more = named(&[("stride", stride()), ("ceil_mode", ceil())]);
            let mean = |x: &str| format!("F.avg_pool2d(F.pad({x}, {}), {kernel}{more})", sides(window.padding));
            match counts {
                true => mean(x),
                // The share of each window that lies inside the map.
                false => format!("{} / {}", mean(x), mean(&format!("torch.ones_like({x}[:1, :1])"))),
            }
        }
    }
}

fn activated(x: &str, activation: Activation) -> String {
    match activation {
        Activation::Relu => format!("F.relu({x})"),
        Activation::Relu6 => format!("F.relu6({x})"),
        Activation::LeakyRelu { slope } => format!("F.leaky_relu({x}, {})", number(slope)),
        Activation::Elu => format!("F.elu({x})"),
        Activation::Gelu => format!("F.gelu({x})"),
        Activation::GeluTanh => format!("F.gelu({x}, approximate=\"tanh\")"),
        Activation::Sigmoid => format!("torch.sigmoid({x})"),
        Activation::Tanh => format!("torch.tanh({x})"),
        Activation::Silu => format!("F.silu({x})"),
        Activation::Mish => format!("F.mish({x})"),
        Activation::HardSwish => format!("F.hardswish({x})"),
        Activation::HardSigmoid => format!("F.hardsigmoid({x})"),
    }
}
