//! The schema's layer kinds as a table. Checks of keys, "did you mean" and the printed schema come from it.

/// What a field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// A whole number of at least 1.
    Count,
    /// A whole number, or the word `classes`.
    CountOrClasses,
    /// A whole number of at least 1, or `[height, width]`.
    Pair,
    /// A whole number from 0, or `[height, width]`.
    PaddingPair,
    /// As [`Takes::PaddingPair`], or `same` or `valid`.
    Padding,
    /// A whole number of at least 1, or `depthwise`.
    Groups,
    Bool,
    Number,
    /// One of `none`, `batch`, `lrn`.
    Norm,
    /// `none`, or the name of an activation.
    Activation,
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
    field("padding", Takes::PaddingPair, "0"),
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
            field("out", Takes::Count, ""),
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
        name: "linear",
        main: Some("out"),
        fields: &[
            field("out", Takes::CountOrClasses, ""),
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
        about: "mean of each window, padding counted as PyTorch counts it",
    },
    Kind {
        name: "adaptive_avgpool",
        main: Some("out"),
        fields: &[field("out", Takes::Pair, "1")],
        about: "mean pooling to a given output size, windows as PyTorch's",
    },
    plain("global_avgpool", "mean of each channel, down to 1×1"),
    plain("flatten", "channels, rows and columns in one row of features"),
    plain("softmax", "probabilities over features or channels"),
    Kind {
        name: "batch_norm",
        main: None,
        fields: &[field("eps", Takes::Number, "1e-5"), field("momentum", Takes::Number, "0.1")],
        about: "batch normalisation per channel or feature",
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
        name: "dropout",
        main: Some("p"),
        fields: &[field("p", Takes::Number, "0.5")],
        about: "zeroes values at random while training",
    },
    plain("relu", "max(x, 0)"),
    Kind {
        name: "leaky_relu",
        main: Some("slope"),
        fields: &[field("slope", Takes::Number, "0.01")],
        about: "x, or slope·x below 0",
    },
    plain("elu", "x, or exp(x) − 1 below 0"),
    plain("gelu", "x·Φ(x), exact"),
    plain("sigmoid", "1/(1 + exp(−x))"),
    plain("tanh", "hyperbolic tangent"),
    plain("silu", "x·sigmoid(x)"),
];

/// The kinds that a layer's `activation` may name.
pub const ACTIVATIONS: &[&str] = &["relu", "leaky_relu", "elu", "gelu", "sigmoid", "tanh", "silu"];

/// The norms that a conv's `norm` may name.
pub const NORMS: &[&str] = &["none", "batch", "lrn"];

/// The keys at the top of a file.
pub const TOP_LEVEL: &[&str] = &[
    "name",
    "summary",
    "source",
    "extends",
    "aliases",
    "input",
    "classes",
    "defaults",
    "layers",
    "override",
    "preprocess",
    "labels",
    "train",
];

/// The keys of `preprocess`.
pub const PREPROCESS: &[&str] = &["resize", "mean", "std", "scale", "channels"];

pub fn kind(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

impl Kind {
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}
