//! The checked description of an architecture: what the YAML says, with defaults filled in and names given.

use super::node::Mark;
use super::recipe::Recipe;

/// An architecture as described. It has not been checked whether its shapes fit: that is [`crate::graph`]'s work.
#[derive(Debug, Clone)]
pub struct Architecture {
    /// The file's stem, what the command line calls it by.
    pub id: String,
    pub name: String,
    pub summary: Option<String>,
    pub source: Option<String>,
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
    pub train: Recipe,
}

impl Architecture {
    /// Whether both say the same, wherever it is said.
    pub fn says_the_same(&self, other: &Architecture) -> bool {
        let of = |own: &Architecture| {
            (own.name.clone(), own.summary.clone(), own.source.clone(), own.input, own.classes, own.labels.clone())
        };
        of(self) == of(other)
            && self.preprocess == other.preprocess
            && self.train == other.train
            && same_items(&self.items, &other.items)
    }
}

fn same_items(own: &[Item], other: &[Item]) -> bool {
    own.len() == other.len()
        && own.iter().zip(other).all(|pair| match pair {
            (Item::Layer(own), Item::Layer(other)) => own.name == other.name && own.operation == other.operation,
            (Item::Block(own), Item::Block(other)) => own.name == other.name && same_items(&own.items, &other.items),
            _ => false,
        })
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

#[derive(Debug, Clone)]
pub struct Block {
    /// Its own name, without those of the blocks around it.
    pub name: String,
    pub items: Vec<Item>,
}

#[derive(Debug, Clone)]
pub struct Layer {
    /// Its own name, without those of the blocks around it.
    pub name: String,
    pub operation: Operation,
    pub mark: Mark,
    /// Where its fields were set, so that a shape that does not fit can point at the field to blame.
    pub fields: Vec<(&'static str, Mark)>,
}

impl Layer {
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
    Linear(Linear),
    MaxPool(Pool),
    AvgPool(Pool),
    AdaptiveAvgPool { out: Pair },
    GlobalAvgPool,
    Flatten,
    Softmax,
    BatchNorm(BatchNorm),
    Lrn(Lrn),
    Dropout { p: f64 },
    Activation(Activation),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Conv {
    pub out: u64,
    pub kernel: Pair,
    pub stride: Pair,
    /// Rows and columns of zeros on each side; `same` and `valid` are resolved.
    pub padding: Pair,
    pub dilation: Pair,
    pub groups: Groups,
    pub bias: bool,
    pub norm: Option<Norm>,
    pub activation: Option<Activation>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Groups {
    Count(u64),
    /// As many groups as input channels.
    Depthwise,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Linear {
    pub out: u64,
    pub bias: bool,
    pub activation: Option<Activation>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool {
    pub kernel: Pair,
    pub stride: Pair,
    pub padding: Pair,
    /// Whether a last window that does not fit whole still counts (PyTorch's `ceil_mode`).
    pub ceil: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchNorm {
    pub eps: f64,
    pub momentum: f64,
}

/// Local response normalisation across channels, PyTorch's: x / (k + alpha/size · Σ x²)^beta.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lrn {
    pub size: u64,
    pub alpha: f64,
    pub beta: f64,
    pub k: f64,
}

/// The normalisation that a conv brings along.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Norm {
    Batch(BatchNorm),
    Lrn(Lrn),
}

impl Norm {
    pub fn kind(self) -> &'static str {
        match self {
            Norm::Batch(_) => "batch_norm",
            Norm::Lrn(_) => "lrn",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Activation {
    Relu,
    LeakyRelu { slope: f64 },
    Elu,
    Gelu,
    Sigmoid,
    Tanh,
    Silu,
}

impl Activation {
    pub fn kind(self) -> &'static str {
        match self {
            Activation::Relu => "relu",
            Activation::LeakyRelu { .. } => "leaky_relu",
            Activation::Elu => "elu",
            Activation::Gelu => "gelu",
            Activation::Sigmoid => "sigmoid",
            Activation::Tanh => "tanh",
            Activation::Silu => "silu",
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
