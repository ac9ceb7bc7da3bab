//! The checked description of an architecture: what the YAML says, with defaults filled in and names given.

use super::budget::Budget;
use super::node::Mark;
use super::recipe::Recipe;
use super::renaming::Renaming;

/// An architecture as described. It has not been checked whether its shapes fit: that is [`crate::graph`]'s work.
#[derive(Debug, Clone)]
pub struct Architecture {
    /// The file's stem, what the command line calls it by.
    pub id: String,
    pub name: String,
    pub summary: Option<String>,
    pub source: Option<String>,
    /// What it is listed under: `ResNet`.
    pub family: Option<String>,
    pub aliases: Vec<String>,
    pub input: Input,
    /// What `classes` in a linear layer stands for.
    pub classes: Option<u64>,
    pub items: Vec<Item>,
    pub preprocess: Preprocess,
    /// A text file with one class a line, as written; relative to the file that says so.
    pub labels: Option<String>,
    /// Where `labels` was said.
    pub labels_mark: Option<Mark>,
    /// Published weights, where some are known.
    pub weights: Option<Published>,
    pub train: Recipe,
    pub budget: Budget,
}

impl Architecture {
    /// Whether both say the same, wherever it is said.
    pub fn says_the_same(&self, other: &Architecture) -> bool {
        let of = |own: &Architecture| {
            let words = [Some(&own.name), own.summary.as_ref(), own.source.as_ref(), own.family.as_ref()];
            (words.map(|word| word.cloned()), own.input, own.classes, own.labels.clone())
        };
        of(self) == of(other)
            && self.preprocess == other.preprocess
            && self.train == other.train
            && self.budget == other.budget
            && self.weights == other.weights
            && same_items(&self.items, &other.items)
    }
}

fn same_items(own: &[Item], other: &[Item]) -> bool {
    own.len() == other.len() && own.iter().zip(other).all(|(own, other)| own.says_the_same(other))
}

/// Weights that are published for an architecture, and how their names follow from ours.
#[derive(Debug, Clone, PartialEq)]
pub struct Published {
    /// A repository on the hub, `timm/resnet18.tv_in1k`; none where only names are given.
    pub hub: Option<String>,
    /// A commit, so that what is fetched stays the same; or a branch or tag.
    pub revision: String,
    pub file: String,
    /// The file's SHA-256 in hexadecimal digits; without it the hub's word is taken.
    pub sha256: Option<String>,
    pub names: Renaming,
}

/// The size of one input, in values: channels, rows, columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Input {
    pub channels: u64,
    pub height: u64,
    pub width: u64,
}

/// A node of the description's tree.
#[derive(Debug, Clone)]
pub enum Item {
    Layer(Layer),
    Block(Block),
}

impl Item {
    fn says_the_same(&self, other: &Item) -> bool {
        match (self, other) {
            (Item::Layer(own), Item::Layer(other)) => own.says_the_same(other),
            (Item::Block(own), Item::Block(other)) => own.name == other.name && own.wiring.says_the_same(&other.wiring),
            _ => false,
        }
    }
}

/// Layers under a name, and how they are wired.
#[derive(Debug, Clone)]
pub struct Block {
    /// Its own name, without those of the blocks around it.
    pub name: String,
    pub mark: Mark,
    pub wiring: Wiring,
}

/// What becomes of what arrives at a block, x.
#[derive(Debug, Clone)]
pub enum Wiring {
    /// One after the other.
    Sequence(Vec<Item>),
    /// layers(x) + shortcut(x), then the activation.
    Residual { layers: Vec<Item>, shortcut: Shortcut, shortcut_mark: Mark, activation: Option<Box<Layer>> },
    /// Every branch sees x; their channels come one after the other.
    Concat(Vec<Branch>),
    /// As [`Wiring::Concat`], each branch seeing its share of x's channels.
    Split(Vec<Branch>),
    /// x · layers(x).
    Gate(Vec<Item>),
}

impl Wiring {
    fn says_the_same(&self, other: &Wiring) -> bool {
        let branches = |own: &[Branch], other: &[Branch]| {
            own.len() == other.len()
                && own.iter().zip(other).all(|(own, other)| {
                    own.from.as_ref().map(|from| &from.path) == other.from.as_ref().map(|from| &from.path)
                        && same_items(&own.items, &other.items)
                })
        };
        match (self, other) {
            (Wiring::Sequence(own), Wiring::Sequence(other)) | (Wiring::Gate(own), Wiring::Gate(other)) => {
                same_items(own, other)
            }
            (Wiring::Concat(own), Wiring::Concat(other)) | (Wiring::Split(own), Wiring::Split(other)) => {
                branches(own, other)
            }
            (
                Wiring::Residual { layers, shortcut, activation, .. },
                Wiring::Residual {
                    layers: other_layers, shortcut: other_shortcut, activation: other_activation, ..
                },
            ) => {
                let activations = match (activation, other_activation) {
                    (Some(own), Some(other)) => own.says_the_same(other),
                    (None, None) => true,
                    _ => false,
                };
                same_items(layers, other_layers) && shortcut.says_the_same(other_shortcut) && activations
            }
            _ => false,
        }
    }
}

/// One way through a block.
#[derive(Debug, Clone)]
pub struct Branch {
    /// `branch1`, `branch2`, …
    pub name: String,
    pub mark: Mark,
    /// What it begins with instead of what arrives at its block.
    pub from: Option<Reference>,
    /// None for the identity.
    pub items: Vec<Item>,
}

/// The output of a layer or block before, by its whole path.
#[derive(Debug, Clone)]
pub struct Reference {
    pub path: String,
    pub mark: Mark,
}

/// What a residual adds to the output of its layers.
#[derive(Debug, Clone)]
pub enum Shortcut {
    /// What arrived; its shape must be that of the output.
    Identity,
    /// Where shapes differ, a 1×1 conv to the output's channels, and the norm after it.
    Project(Vec<Layer>),
    /// Where shapes differ, nothing.
    Drop,
    /// Where shapes differ, every so many rows and columns with channels of zeros before and behind (He et al. 2015,
    /// option A).
    Pad,
    Layers(Vec<Item>),
}

impl Shortcut {
    fn says_the_same(&self, other: &Shortcut) -> bool {
        match (self, other) {
            (Shortcut::Identity, Shortcut::Identity)
            | (Shortcut::Drop, Shortcut::Drop)
            | (Shortcut::Pad, Shortcut::Pad) => true,
            (Shortcut::Project(own), Shortcut::Project(other)) => {
                own.len() == other.len() && own.iter().zip(other).all(|(own, other)| own.says_the_same(other))
            }
            (Shortcut::Layers(own), Shortcut::Layers(other)) => same_items(own, other),
            _ => false,
        }
    }
}

/// One operation. What a conv or linear layer brings along (norm, activation) are layers after it.
#[derive(Debug, Clone)]
pub struct Layer {
    /// Its own name, without those of the blocks around it: `conv2`, `conv2.relu` for what `conv2` brings along.
    pub name: String,
    pub operation: Operation,
    /// Whether the layer before it brought it along.
    pub brought: bool,
    pub mark: Mark,
    /// Where its fields were set, so that a shape that does not fit can point at the field to blame.
    pub fields: Vec<(&'static str, Mark)>,
}

impl Layer {
    fn says_the_same(&self, other: &Layer) -> bool {
        self.name == other.name && self.operation == other.operation
    }

    /// The place of a field if it was written, else that of the layer.
    pub fn mark_of(&self, field: &str) -> Mark {
        self.fields.iter().find(|(name, _)| *name == field).map_or(self.mark, |(_, mark)| *mark)
    }
}

/// A value for rows and one for columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pair {
    pub height: u64,
    pub width: u64,
}

impl Pair {
    pub const fn square(value: u64) -> Self {
        Pair { height: value, width: value }
    }

    pub fn to_array(self) -> [u64; 2] {
        [self.height, self.width]
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    Conv(Conv),
    ConvTranspose(ConvTranspose),
    Linear {
        out: Width,
        bias: bool,
    },
    MaxPool(Pool),
    AvgPool(Pool),
    AdaptiveAvgPool {
        out: Pair,
    },
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
    Scale {
        init: f64,
    },
    Dropout {
        p: f64,
    },
    Activation(Activation),
    /// `max(x, 0) + slope·min(x, 0)` with a slope that is learned.
    Prelu {
        init: f64,
        per_channel: bool,
    },
}

/// How many channels or features come out of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    Count(u64),
    /// `x6`: so many times what arrives.
    Times(u64),
    /// `/4`: a whole part of what arrives.
    Part(u64),
    /// As many as arrive.
    Arriving,
    /// As many as arrive at the gate around it.
    OfGate,
    /// As many as the residual's layers give.
    OfJoin,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Conv {
    pub out: Width,
    pub kernel: Pair,
    pub stride: Pair,
    pub padding: Padding,
    pub dilation: Pair,
    pub groups: Groups,
    pub bias: bool,
}

/// Rows and columns of zeros around a map; `same` and `valid` are resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    Sides(Sides),
    /// TensorFlow's `same`: ⌈n/stride⌉ outputs, an odd row or column at the end.
    SameUpper,
}

/// Rows above and below, columns on the left and right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sides {
    pub top: u64,
    pub bottom: u64,
    pub left: u64,
    pub right: u64,
}

impl Sides {
    pub const NONE: Sides = Sides::around(Pair::square(0));

    /// As much above as below, on the left as on the right.
    pub const fn around(pair: Pair) -> Self {
        Sides { top: pair.height, bottom: pair.height, left: pair.width, right: pair.width }
    }

    /// Before the first row and column.
    pub const fn before(self) -> Pair {
        Pair { height: self.top, width: self.left }
    }

    /// Behind the last row and column.
    pub const fn after(self) -> Pair {
        Pair { height: self.bottom, width: self.right }
    }

    /// The padding on each side, where both sides of an axis have the same.
    pub fn symmetric(self) -> Option<Pair> {
        (self.before() == self.after()).then_some(self.before())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Groups {
    Count(u64),
    /// As many groups as input channels.
    Depthwise,
}

/// PyTorch's `ConvTranspose2d`: the map grows to (n − 1)·stride − 2·padding + dilation·(kernel − 1) + output_padding + 1.
#[derive(Debug, Clone, PartialEq)]
pub struct ConvTranspose {
    pub out: Width,
    pub kernel: Pair,
    pub stride: Pair,
    pub padding: Pair,
    pub output_padding: Pair,
    pub dilation: Pair,
    pub groups: Groups,
    pub bias: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool {
    pub kernel: Pair,
    pub stride: Pair,
    pub padding: Padding,
    /// Whether a last window that does not fit whole still counts (PyTorch's `ceil_mode`).
    pub ceil: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UpsampleMode {
    /// Each value repeated.
    Nearest,
    /// Between the four nearest values; PyTorch's, with align_corners off.
    Bilinear,
}

/// A normalisation, with its settings.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Norm {
    Batch(BatchNorm),
    /// Over groups of channels of one image (Wu & He 2018).
    Group {
        groups: u64,
        eps: f64,
    },
    /// Over the channels at each position.
    Layer {
        eps: f64,
    },
    /// Over each channel of each image (Ulyanov et al. 2016).
    Instance {
        eps: f64,
        affine: bool,
    },
    Lrn(Lrn),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchNorm {
    pub eps: f64,
    pub momentum: f64,
    /// Whether it learns a factor and a shift for each channel.
    pub affine: bool,
}

/// Local response normalisation across channels, PyTorch's: x / (k + alpha/size · Σ x²)^beta.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lrn {
    pub size: u64,
    pub alpha: f64,
    pub beta: f64,
    pub k: f64,
}

impl Norm {
    pub fn kind(self) -> &'static str {
        match self {
            Norm::Batch(_) => "batch_norm",
            Norm::Group { .. } => "group_norm",
            Norm::Layer { .. } => "layer_norm",
            Norm::Instance { .. } => "instance_norm",
            Norm::Lrn(_) => "lrn",
        }
    }
}

/// An activation without parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Activation {
    Relu,
    Relu6,
    LeakyRelu {
        slope: f64,
    },
    Elu,
    Gelu,
    /// GELU by the hyperbolic tangent (Hendrycks & Gimpel 2016, section 2).
    GeluTanh,
    Sigmoid,
    Tanh,
    Silu,
    Mish,
    HardSwish,
    HardSigmoid,
}

impl Activation {
    pub fn kind(self) -> &'static str {
        match self {
            Activation::Relu => "relu",
            Activation::Relu6 => "relu6",
            Activation::LeakyRelu { .. } => "leaky_relu",
            Activation::Elu => "elu",
            Activation::Gelu | Activation::GeluTanh => "gelu",
            Activation::Sigmoid => "sigmoid",
            Activation::Tanh => "tanh",
            Activation::Silu => "silu",
            Activation::Mish => "mish",
            Activation::HardSwish => "hardswish",
            Activation::HardSigmoid => "hardsigmoid",
        }
    }
}

impl Operation {
    pub fn kind(&self) -> &'static str {
        match self {
            Operation::Conv(_) => "conv",
            Operation::ConvTranspose(_) => "conv_transpose",
            Operation::Linear { .. } => "linear",
            Operation::MaxPool(_) => "maxpool",
            Operation::AvgPool(_) => "avgpool",
            Operation::AdaptiveAvgPool { .. } => "adaptive_avgpool",
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
        }
    }
}

impl Input {
    /// Whether this looks like `[height, width, channels]`: a map one, three or four pixels wide of many channels, whose number is
    /// about that of its rows.
    pub fn looks_channels_last(self) -> bool {
        let (channels, height) = (self.channels, self.height);
        matches!(self.width, 1 | 3 | 4)
            && channels > 4
            && height > 4
            && channels.abs_diff(height) * 4 <= height.max(channels)
    }
}

/// How an image becomes the network's input: a value is (pixel/255·scale − mean)/std, mean and std in the order of the network's
/// channels.
#[derive(Debug, Clone, PartialEq)]
pub struct Preprocess {
    /// Scale the shorter side to this and crop the centre; without it, scale to the input's size.
    pub resize: Option<u64>,
    /// One value, or one per channel.
    pub mean: Vec<f64>,
    /// One value, or one per channel.
    pub std: Vec<f64>,
    pub scale: f64,
    pub channels: ChannelOrder,
}

/// Which colour a network's first channel is. Networks from Caffe, the VGG authors' own among them, take blue first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ChannelOrder {
    #[default]
    Rgb,
    Bgr,
}

impl Default for Preprocess {
    fn default() -> Self {
        Preprocess { resize: None, mean: vec![0.0], std: vec![1.0], scale: 1.0, channels: ChannelOrder::Rgb }
    }
}
