//! The schema's layer kinds as a table. Checks of keys, "did you mean" and the printed schema come from it.

/// What a field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// A whole number of at least 1.
    Count,
    /// A whole number, or one that follows from what arrives: `x6`, `/4`.
    Width,
    /// As [`Takes::Width`], or the word `classes`.
    WidthOrClasses,
    /// A whole number of at least 1, or `[height, width]`.
    Pair,
    /// A whole number from 0, or `[height, width]`.
    PaddingPair,
    /// A whole number from 0, `[height, width]` or `[top, bottom, left, right]`, or `same`, `same_upper` or `valid`.
    Padding,
    /// A whole number of at least 1, or `depthwise`.
    Groups,
    Bool,
    Number,
    /// One of a few words.
    Word(&'static [&'static str]),
    /// `none`, or one of [`NORMS`].
    Norm,
    /// `none`, or the name of an activation.
    Activation,
    /// One of [`SHORTCUTS`], or a list of layers.
    Shortcut,
}

impl Takes {
    /// The words that may stand for a number, or that are all it takes. Activations are left out: they are kinds.
    pub fn words(self) -> Vec<&'static str> {
        match self {
            Takes::Width => vec!["x6", "/4"],
            Takes::WidthOrClasses => vec!["x6", "/4", "classes"],
            Takes::Padding => vec!["same", "same_upper", "valid"],
            Takes::Groups => vec!["depthwise"],
            Takes::Word(words) => words.to_vec(),
            Takes::Norm => std::iter::once("none").chain(NORMS.iter().map(|(word, _)| *word)).collect(),
            Takes::Shortcut => SHORTCUTS.iter().copied().chain(["a list of layers"]).collect(),
            Takes::Count | Takes::Pair | Takes::PaddingPair | Takes::Bool | Takes::Number | Takes::Activation => {
                Vec::new()
            }
        }
    }
}

#[derive(Debug)]
pub struct Field {
    pub name: &'static str,
    pub takes: Takes,
    /// As the schema prints it; empty where the field must be given.
    pub default: &'static str,
}

#[derive(Debug)]
pub struct Kind {
    pub name: &'static str,
    /// The field that a bare value sets: `maxpool: 3`.
    pub main: Option<&'static str>,
    pub fields: &'static [Field],
    pub about: &'static str,
}

const fn field(name: &'static str, takes: Takes, default: &'static str) -> Field {
    Field { name, takes, default }
}

const POOL: &[Field] = &[
    field("kernel", Takes::Pair, "2"),
    field("stride", Takes::Pair, "kernel"),
    field("padding", Takes::Padding, "0"),
    field("ceil", Takes::Bool, "false"),
];

const fn plain(name: &'static str, about: &'static str) -> Kind {
    Kind { name, main: None, fields: &[], about }
}

/// Every kind of layer, in the order of the schema.
pub const KINDS: &[Kind] = &[
    Kind {
        name: "conv",
        main: Some("out"),
        fields: &[
            field("out", Takes::WidthOrClasses, ""),
            field("kernel", Takes::Pair, "3"),
            field("stride", Takes::Pair, "1"),
            field("padding", Takes::Padding, "same"),
            field("dilation", Takes::Pair, "1"),
            field("groups", Takes::Groups, "1"),
            field("bias", Takes::Bool, "true"),
            field("norm", Takes::Norm, "none"),
            field("activation", Takes::Activation, "none"),
        ],
        about: "convolution; its norm and activation follow as layers of their own",
    },
    Kind {
        name: "conv_transpose",
        main: Some("out"),
        fields: &[
            field("out", Takes::WidthOrClasses, ""),
            field("kernel", Takes::Pair, "2"),
            field("stride", Takes::Pair, "kernel"),
            field("padding", Takes::PaddingPair, "0"),
            field("output_padding", Takes::PaddingPair, "0"),
            field("dilation", Takes::Pair, "1"),
            field("groups", Takes::Groups, "1"),
            field("bias", Takes::Bool, "true"),
            field("norm", Takes::Norm, "none"),
            field("activation", Takes::Activation, "none"),
        ],
        about: "transposed convolution, PyTorch's: the map grows by the stride",
    },
    Kind {
        name: "linear",
        main: Some("out"),
        fields: &[
            field("out", Takes::WidthOrClasses, ""),
            field("bias", Takes::Bool, "true"),
            field("activation", Takes::Activation, "none"),
        ],
        about: "fully connected layer; needs a flat input",
    },
    Kind { name: "maxpool", main: Some("kernel"), fields: POOL, about: "maximum of each window" },
    Kind {
        name: "avgpool",
        main: Some("kernel"),
        fields: POOL,
        about: "mean of each window, padding counted as PyTorch counts it (that of `same_upper` is not, as in TensorFlow)",
    },
    Kind {
        name: "adaptive_avgpool",
        main: Some("out"),
        fields: &[field("out", Takes::Pair, "1")],
        about: "mean pooling to a given output size, windows as PyTorch's",
    },
    plain("global_avgpool", "mean of each channel, down to 1×1"),
    Kind {
        name: "upsample",
        main: Some("scale"),
        fields: &[field("scale", Takes::Pair, "2"), field("mode", Takes::Word(UPSAMPLE_MODES), "nearest")],
        about: "a larger map: each value repeated, or between its neighbours (PyTorch's, align_corners off)",
    },
    Kind {
        name: "channel_shuffle",
        main: Some("groups"),
        fields: &[field("groups", Takes::Count, "")],
        about: "channels dealt out from so many groups in turn",
    },
    plain("flatten", "channels, rows and columns in one row of features"),
    plain("softmax", "probabilities over features or channels"),
    Kind {
        name: "batch_norm",
        main: None,
        fields: &[
            field("eps", Takes::Number, "1e-5"),
            field("momentum", Takes::Number, "0.1"),
            field("affine", Takes::Bool, "true"),
        ],
        about: "batch normalisation per channel or feature",
    },
    Kind {
        name: "group_norm",
        main: Some("groups"),
        fields: &[field("groups", Takes::Count, "32"), field("eps", Takes::Number, "1e-5")],
        about: "normalisation of each image over groups of channels",
    },
    Kind {
        name: "layer_norm",
        main: None,
        fields: &[field("eps", Takes::Number, "1e-5")],
        about: "normalisation over the channels at each position, as ConvNeXt has it",
    },
    Kind {
        name: "instance_norm",
        main: None,
        fields: &[field("eps", Takes::Number, "1e-5"), field("affine", Takes::Bool, "false")],
        about: "normalisation of each channel of each image",
    },
    Kind {
        name: "lrn",
        main: Some("size"),
        fields: &[
            field("size", Takes::Count, "5"),
            field("alpha", Takes::Number, "1e-4"),
            field("beta", Takes::Number, "0.75"),
            field("k", Takes::Number, "2"),
        ],
        about: "local response normalisation, PyTorch's: alpha is divided by size",
    },
    Kind {
        name: "scale",
        main: Some("init"),
        fields: &[field("init", Takes::Number, "1")],
        about: "each channel times a factor that is learned",
    },
    Kind {
        name: "dropout",
        main: Some("p"),
        fields: &[field("p", Takes::Number, "0.5")],
        about: "zeroes values at random while training",
    },
    plain("relu", "max(x, 0)"),
    plain("relu6", "min(max(x, 0), 6)"),
    Kind {
        name: "leaky_relu",
        main: Some("slope"),
        fields: &[field("slope", Takes::Number, "0.01")],
        about: "x, or slope·x below 0",
    },
    Kind {
        name: "prelu",
        main: Some("init"),
        fields: &[field("init", Takes::Number, "0.25"), field("per_channel", Takes::Bool, "false")],
        about: "x, or a slope that is learned times x below 0; one slope, or one a channel",
    },
    plain("elu", "x, or exp(x) − 1 below 0"),
    Kind {
        name: "gelu",
        main: Some("approximate"),
        fields: &[field("approximate", Takes::Word(&["none", "tanh"]), "none")],
        about: "x·Φ(x), exact or by the hyperbolic tangent",
    },
    plain("sigmoid", "1/(1 + exp(−x))"),
    plain("tanh", "hyperbolic tangent"),
    plain("silu", "x·sigmoid(x)"),
    plain("mish", "x·tanh(ln(1 + exp(x)))"),
    plain("hardswish", "x·min(max(x + 3, 0), 6)/6"),
    plain("hardsigmoid", "min(max(x + 3, 0), 6)/6"),
];

/// The kinds that a layer's `activation` may name.
pub const ACTIVATIONS: &[&str] = &[
    "relu",
    "relu6",
    "leaky_relu",
    "prelu",
    "elu",
    "gelu",
    "sigmoid",
    "tanh",
    "silu",
    "mish",
    "hardswish",
    "hardsigmoid",
];

/// The norms that a conv's `norm` may name, with the kinds that they are.
pub const NORMS: &[(&str, &str)] = &[
    ("batch", "batch_norm"),
    ("group", "group_norm"),
    ("layer", "layer_norm"),
    ("instance", "instance_norm"),
    ("lrn", "lrn"),
];

/// How values between others are found when a map grows.
pub const UPSAMPLE_MODES: &[&str] = &["nearest", "bilinear"];

/// What a residual's `shortcut` may be, besides a list of layers.
pub const SHORTCUTS: &[&str] = &["identity", "project", "drop", "pad"];

/// Every container: a block with a wiring. What stands in all of them is [`CONTAINER_KEYS`].
pub const CONTAINERS: &[Kind] = &[
    Kind { name: "block", main: Some("layers"), fields: &[], about: "layers under a name, one after the other" },
    Kind {
        name: "residual",
        main: Some("layers"),
        fields: &[field("shortcut", Takes::Shortcut, "identity"), field("activation", Takes::Activation, "none")],
        about: "layers(x) + shortcut(x), then the activation",
    },
    Kind {
        name: "concat",
        main: Some("branches"),
        fields: &[],
        about: "every branch sees x; their channels one after the other",
    },
    Kind {
        name: "split",
        main: Some("branches"),
        fields: &[],
        about: "x's channels shared out evenly among the branches, then as concat",
    },
    Kind {
        name: "gate",
        main: Some("layers"),
        fields: &[],
        about: "x·layers(x), over 1×1 maps or one channel as well",
    },
    Kind {
        name: "squeeze_excite",
        main: Some("out"),
        fields: &[
            field("out", Takes::Width, ""),
            field("activation", Takes::Activation, "relu"),
            field("gate", Takes::Activation, "sigmoid"),
        ],
        about: "a gate of global_avgpool, a 1×1 conv to `out` channels, activation, a 1×1 conv back, gate",
    },
];

/// The keys that every container takes beside its own.
pub const CONTAINER_KEYS: &[&str] = &["name", "repeat", "first", "last"];

pub fn container(name: &str) -> Option<&'static Kind> {
    CONTAINERS.iter().find(|kind| kind.name == name)
}

/// The keys at the top of a file.
pub const TOP_LEVEL: &[&str] = &[
    "name",
    "summary",
    "source",
    "family",
    "extends",
    "aliases",
    "input",
    "classes",
    "defaults",
    "layers",
    "override",
    "preprocess",
    "labels",
    "weights",
    "train",
    "budget",
];

/// What `labels` calls the names of ImageNet's thousand classes, which come with the program.
pub const IMAGENET_LABELS: &str = "imagenet-1k";

/// The keys of `preprocess`.
pub const PREPROCESS: &[&str] = &["resize", "mean", "std", "scale", "channels"];

/// The keys of `weights`.
pub const WEIGHTS: &[&str] = &["hub", "revision", "file", "sha256", "names"];

pub fn kind(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

impl Kind {
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}
