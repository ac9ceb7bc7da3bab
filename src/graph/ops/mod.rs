//! Operations with every size known, a file each: the shape they give, what they cost, what of their input a unit sees, what
//! they keep for the backward pass.

mod activation;
mod conv;
mod conv_transpose;
mod join;
mod linear;
mod norm;
mod pool;
mod reshape;
mod upsample;

pub use conv::output_size;

use super::reach::Reach;
use super::shape::Shape;
use crate::spec::describe::{self, Activation, Norm, Pair, Sides, UpsampleMode, Width};

/// What a layer does, with every size known.
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    Conv {
        window: Window,
        groups: u64,
        bias: bool,
    },
    ConvTranspose {
        window: Window,
        output_padding: Pair,
        groups: u64,
        bias: bool,
    },
    Linear {
        bias: bool,
    },
    MaxPool {
        window: Window,
        ceil: bool,
    },
    /// With `counts_padding` zeros of the padding are part of the mean.
    AvgPool {
        window: Window,
        ceil: bool,
        counts_padding: bool,
    },
    AdaptiveAvgPool,
    GlobalAvgPool,
    Upsample {
        scale: Pair,
        mode: UpsampleMode,
    },
    ChannelShuffle {
        groups: u64,
    },
    Flatten,
    Softmax,
    Norm(Norm),
    /// Each channel times a learned factor that begins at `init`.
    Scale {
        init: f64,
    },
    Dropout {
        p: f64,
    },
    Activation(Activation),
    /// Slope(s) below 0 that begin at `init`.
    Prelu {
        init: f64,
        per_channel: bool,
    },
    /// Some channels of what arrives, from `first` on: a branch's share of a split.
    Slice {
        first: u64,
    },
    /// Every `stride`th row and column, with `before` channels of zeros in front and the rest behind (He et al. 2015,
    /// option A).
    PadChannels {
        stride: Pair,
        before: u64,
    },
    /// The sum of all inputs.
    Add,
    /// The inputs' channels one after the other.
    Concat,
    /// The first input times the second, which may be 1×1 or have one channel.
    Multiply,
}

/// A sliding window. Pools have dilation 1. Of a transposed conv it is that of the conv it is the transpose of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub kernel: Pair,
    pub stride: Pair,
    pub padding: Sides,
    pub dilation: Pair,
}

/// Weights, biases, buffers and multiply-adds of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cost {
    pub weights: u128,
    pub biases: u64,
    pub buffers: u64,
    pub macs: u128,
}

/// Why an operation cannot run on what arrives.
pub struct Refusal {
    /// The field to blame.
    pub field: &'static str,
    pub message: String,
    pub expected: String,
    /// What it gives all the same, where that is known, so that what follows can be judged too.
    pub gives: Option<Box<(Operation, Shape)>>,
}

impl Refusal {
    fn new(field: &'static str, message: String, expected: impl Into<String>) -> Self {
        Refusal { field, message, expected: expected.into(), gives: None }
    }
}

/// What an operation keeps of a mini-batch for the backward pass, beside its parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    Nothing,
    /// All that it reads.
    Inputs,
    Output,
    /// A bit for each value of its output.
    Bits,
    /// Four bytes for each value of its output.
    Places,
}

/// What is known around a described operation: what arrives, and what a relative width refers to.
#[derive(Debug, Clone, Copy)]
pub struct Arriving<'a> {
    pub path: &'a str,
    pub shape: Shape,
    /// Channels at the gate around it.
    pub gate: Option<u64>,
    /// Channels of the sum it is to be added to, and the stride that leads to its rows and columns.
    pub join: Option<(u64, Pair)>,
}

impl Arriving<'_> {
    /// Channels or features that come out.
    fn width(&self, width: Width) -> Result<u64, Refusal> {
        let arrive = self.shape.channels();
        let wrong = |message: String, expected: &str| Refusal::new("out", message, expected);
        let out = match width {
            Width::Count(count) => Some(count),
            Width::Arriving => Some(arrive),
            Width::Times(times) => arrive.checked_mul(times),
            Width::Part(part) if arrive.is_multiple_of(part) => Some(arrive / part),
            Width::Part(part) => {
                let message = format!("1/{part} of the {arrive} channels that arrive at `{}` is not whole", self.path);
                return Err(wrong(message, "expected a number that divides what arrives, or a number of channels"));
            }
            Width::OfGate => self.gate,
            Width::OfJoin => self.join.map(|(channels, _)| channels),
        };
        let fits = out.filter(|out| (1..=crate::spec::limits::DIMENSION).contains(out));
        fits.ok_or_else(|| {
            let message = format!("`{}` would have more than 2^24 channels", self.path);
            wrong(message, "expected a smaller width")
        })
    }

    /// Channels, rows and columns, where a map arrives.
    fn map(&self) -> Result<(u64, u64, u64), Refusal> {
        match self.shape {
            Shape::Map { channels, height, width } => Ok((channels, height, width)),
            Shape::Flat(features) => Err(Refusal::new(
                "",
                format!("`{}` needs channels, rows and columns, but {features} flat features arrive", self.path),
                "expected it before `flatten`",
            )),
        }
    }
}

/// The operation with its sizes known, and the shape it makes.
pub fn resolve(operation: &describe::Operation, arriving: &Arriving) -> Result<(Operation, Shape), Refusal> {
    use describe::Operation as Described;
    let shape = arriving.shape;
    match operation {
        Described::Conv(conv) => conv::resolve(conv, arriving),
        Described::ConvTranspose(conv) => conv_transpose::resolve(conv, arriving),
        Described::Linear { out, bias } => linear::resolve(*out, *bias, arriving),
        Described::MaxPool(pool) => pool::resolve(pool, true, arriving),
        Described::AvgPool(pool) => pool::resolve(pool, false, arriving),
        Described::AdaptiveAvgPool { out } => {
            let (channels, _, _) = arriving.map()?;
            Ok((Operation::AdaptiveAvgPool, Shape::Map { channels, height: out.height, width: out.width }))
        }
        Described::GlobalAvgPool => {
            let (channels, _, _) = arriving.map()?;
            Ok((Operation::GlobalAvgPool, Shape::Map { channels, height: 1, width: 1 }))
        }
        Described::Upsample { scale, mode } => upsample::resolve(*scale, *mode, arriving),
        Described::ChannelShuffle { groups } => reshape::shuffle(*groups, arriving),
        Described::Flatten => {
            Ok((Operation::Flatten, Shape::Flat(u64::try_from(shape.elements()).unwrap_or(u64::MAX))))
        }
        Described::Softmax => Ok((Operation::Softmax, shape)),
        Described::Norm(norm) => norm::resolve(*norm, arriving),
        Described::Scale { init } => Ok((Operation::Scale { init: *init }, shape)),
        Described::Dropout { p } => Ok((Operation::Dropout { p: *p }, shape)),
        Described::Activation(activation) => Ok((Operation::Activation(*activation), shape)),
        Described::Prelu { init, per_channel } => {
            Ok((Operation::Prelu { init: *init, per_channel: *per_channel }, shape))
        }
    }
}

impl Operation {
    pub fn kind(&self) -> &'static str {
        match self {
            Operation::Conv { .. } => "conv",
            Operation::ConvTranspose { .. } => "conv_transpose",
            Operation::Linear { .. } => "linear",
            Operation::MaxPool { .. } => "maxpool",
            Operation::AvgPool { .. } => "avgpool",
            Operation::AdaptiveAvgPool => "adaptive_avgpool",
            Operation::GlobalAvgPool => "global_avgpool",
            Operation::Upsample { .. } => "upsample",
            Operation::ChannelShuffle { .. } => "channel_shuffle",
            Operation::Flatten => "flatten",
            Operation::Softmax => "softmax",
            Operation::Norm(norm) => norm.kind(),
            Operation::Scale { .. } => "scale",
            Operation::Dropout { .. } => "dropout",
            Operation::Activation(activation) => activation.kind(),
            Operation::Prelu { .. } => "prelu",
            Operation::Slice { .. } => "slice",
            Operation::PadChannels { .. } => "pad_channels",
            Operation::Add => "add",
            Operation::Concat => "concat",
            Operation::Multiply => "multiply",
        }
    }

    /// The window that slides over the input, of convs and pools.
    pub fn window(&self) -> Option<Window> {
        match self {
            Operation::Conv { window, .. }
            | Operation::ConvTranspose { window, .. }
            | Operation::MaxPool { window, .. }
            | Operation::AvgPool { window, .. } => Some(*window),
            _ => None,
        }
    }

    pub fn groups(&self) -> Option<u64> {
        match self {
            Operation::Conv { groups, .. } | Operation::ConvTranspose { groups, .. } => Some(*groups),
            _ => None,
        }
    }

    /// Whether several branches end in it.
    pub fn is_join(&self) -> bool {
        matches!(self, Operation::Add | Operation::Concat | Operation::Multiply)
    }

    /// Whether it counts as a weight layer, as the paper counts: conv and linear.
    pub fn has_weights(&self) -> bool {
        matches!(self, Operation::Conv { .. } | Operation::ConvTranspose { .. } | Operation::Linear { .. })
    }

    /// The cheapest layers that a table can fold into the one before: elementwise, of no size of their own.
    pub fn is_activation(&self) -> bool {
        matches!(self, Operation::Activation(_) | Operation::Prelu { .. })
    }

    pub fn cost(&self, input: Shape, output: Shape) -> Cost {
        match self {
            Operation::Conv { window, groups, bias } => conv::cost(window, *groups, *bias, input, output),
            Operation::ConvTranspose { window, groups, bias, .. } => {
                conv_transpose::cost(window, *groups, *bias, input, output)
            }
            Operation::Linear { bias } => linear::cost(*bias, input, output),
            Operation::Norm(norm) => norm::cost(*norm, input),
            Operation::Scale { .. } => Cost { weights: input.channels().into(), ..Cost::default() },
            Operation::Prelu { per_channel, .. } => activation::prelu_cost(*per_channel, input),
            _ => Cost::default(),
        }
    }

    /// What of its input a unit sees, along rows and columns.
    pub fn reach(&self, input: Shape, output: Shape) -> [Reach; 2] {
        let (Shape::Map { height, width, .. }, [rows, columns]) = (input, output.sides()) else {
            return [Reach::Same; 2];
        };
        match self {
            Operation::ConvTranspose { window, .. } => conv_transpose::reach(window),
            Operation::Upsample { scale, mode } => upsample::reach(*scale, *mode),
            Operation::PadChannels { stride, .. } => {
                stride.to_array().map(|stride| Reach::Window { kernel: 1, stride, before: 0, dilation: 1 })
            }
            Operation::AdaptiveAvgPool => {
                [Reach::Adaptive { from: height, to: rows }, Reach::Adaptive { from: width, to: columns }]
            }
            Operation::GlobalAvgPool | Operation::Flatten => [Reach::All { size: height }, Reach::All { size: width }],
            operation => operation.window().map_or([Reach::Same; 2], |window| {
                let Window { kernel, stride, padding, dilation } = window;
                let [kernel, stride, before, dilation] =
                    [kernel, stride, padding.before(), dilation].map(Pair::to_array);
                [0, 1].map(|axis| Reach::Window {
                    kernel: kernel[axis],
                    stride: stride[axis],
                    before: before[axis],
                    dilation: dilation[axis],
                })
            }),
        }
    }

    /// What is kept for the backward pass; [`crate::network::ops`] keep the same.
    pub fn keeps(&self) -> Kept {
        match self {
            Operation::Conv { .. }
            | Operation::ConvTranspose { .. }
            | Operation::Linear { .. }
            | Operation::Norm(_)
            | Operation::Scale { .. }
            | Operation::Prelu { .. }
            | Operation::Multiply => Kept::Inputs,
            Operation::Softmax => Kept::Output,
            Operation::MaxPool { .. } => Kept::Places,
            Operation::Dropout { .. } => Kept::Bits,
            Operation::Activation(activation) => activation::keeps(*activation),
            Operation::AvgPool { .. }
            | Operation::AdaptiveAvgPool
            | Operation::GlobalAvgPool
            | Operation::Upsample { .. }
            | Operation::ChannelShuffle { .. }
            | Operation::Flatten
            | Operation::Slice { .. }
            | Operation::PadChannels { .. }
            | Operation::Add
            | Operation::Concat => Kept::Nothing,
        }
    }
}

/// The shape of a join, or why its inputs do not fit together.
pub use join::{added, concatenated, multiplied};
