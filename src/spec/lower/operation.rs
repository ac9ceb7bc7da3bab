//! One layer's fields, defaults beneath them, read into an [`Operation`].

use std::collections::HashSet;

use super::short::{Out, Short};
use super::values::{self, PaddingWord};
use crate::spec::describe::{
    Activation, BatchNorm, Conv, ConvTranspose, Groups, Lrn, Norm, Operation, Padding, Pair, Pool, Sides, UpsampleMode,
    Width,
};
use crate::spec::kinds::{ACTIVATIONS, Kind, NORMS, UPSAMPLE_MODES};
use crate::spec::node::shorten;
use crate::spec::node::{Entry, Mark, Node, Value};
use crate::spec::problem::{Problem, Problems};

/// The `defaults:` of a file, kind by kind.
#[derive(Default)]
pub struct Defaults<'a> {
    kinds: Vec<(&'static str, &'a [Entry])>,
}

impl<'a> Defaults<'a> {
    pub fn add(&mut self, kind: &'static str, fields: &'a [Entry]) {
        self.kinds.push((kind, fields));
    }

    pub fn of(&self, kind: &str) -> &'a [Entry] {
        self.kinds.iter().find(|(name, _)| *name == kind).map_or(&[], |(_, fields)| fields)
    }
}

/// What is known of one layer before it is read: its kind and what was written about it.
pub struct Written<'a> {
    pub kind: &'static Kind,
    pub mark: Mark,
    /// What a short form says.
    pub short: Option<Short>,
    /// The long form's fields, then those of every `override`; later ones win.
    pub fields: Vec<&'a Entry>,
    /// A long form's single value for the main field.
    pub main: Option<&'a Node>,
}

/// A layer as it was read.
pub struct Read {
    pub operation: Operation,
    /// Its norm and activation, which are layers after it.
    pub brought: Vec<Operation>,
    /// Where its fields were written.
    pub fields: Vec<(&'static str, Mark)>,
}

/// Reads the operation. Problems are pushed; `None` when the layer cannot be said at all.
pub struct Reader<'a, 'p> {
    written: Written<'a>,
    defaults: &'p Defaults<'a>,
    classes: Option<u64>,
    problems: &'p mut Problems,
    /// Places of the fields that were found, for messages about shapes.
    places: Vec<(&'static str, Mark)>,
}

impl<'a, 'p> Reader<'a, 'p> {
    pub fn new(
        written: Written<'a>,
        defaults: &'p Defaults<'a>,
        classes: Option<u64>,
        problems: &'p mut Problems,
    ) -> Self {
        Reader { written, defaults, classes, problems, places: Vec::new() }
    }

    pub fn read(mut self) -> Option<Read> {
        check_keys(self.written.kind, &self.written.fields, self.problems);
        let operation = self.operation(self.written.kind.name)?;
        let mut brought = Vec::new();
        if self.written.kind.field("norm").is_some() {
            brought.extend(self.norm());
        }
        if self.written.kind.field("activation").is_some() {
            brought.extend(self.brought_activation());
        }
        Some(Read { operation, brought, fields: self.places })
    }

    /// As [`Reader::read`] for a conv whose width and stride the shapes will say.
    pub fn read_projection(mut self) -> Option<Read> {
        check_keys(self.written.kind, &self.written.fields, self.problems);
        let changed = |reader: &Self, name: &str| reader.written.fields.iter().any(|entry| entry.key == name);
        for name in ["out", "kernel", "stride", "padding", "dilation", "groups", "activation"] {
            if changed(&self, name) {
                let entry = self.written.fields.iter().find(|entry| entry.key == name);
                let mark = entry.map_or(self.written.mark, |entry| entry.key_mark);
                self.problems.push(Problem::new(
                    mark,
                    format!("`{name}` of a projecting shortcut follows from the shapes"),
                    "expected the shortcut as a list of layers where it is to be another",
                ));
            }
        }
        let bias = self.boolean("bias", true);
        let (one, padding) = (Pair::square(1), Padding::Sides(Sides::NONE));
        let (out, groups) = (Width::OfJoin, Groups::Count(1));
        let operation = Operation::Conv(Conv { out, kernel: one, stride: one, padding, dilation: one, groups, bias });
        let brought = self.norm().into_iter().collect();
        Some(Read { operation, brought, fields: self.places })
    }

    fn operation(&mut self, kind: &'static str) -> Option<Operation> {
        let at_least_one = "a whole number of at least 1";
        Some(match kind {
            "conv" => Operation::Conv(self.conv()?),
            "conv_transpose" => Operation::ConvTranspose(self.conv_transpose()?),
            "linear" => {
                let out = self.out("features");
                let bias = self.boolean("bias", true);
                Operation::Linear { out: out?, bias }
            }
            "maxpool" => Operation::MaxPool(self.pool()?),
            "avgpool" => Operation::AvgPool(self.pool()?),
            "adaptive_avgpool" => Operation::AdaptiveAvgPool { out: self.pair("out", Pair::square(1)) },
            "global_avgpool" => Operation::GlobalAvgPool,
            "upsample" => {
                let scale = self.pair("scale", Pair::square(2));
                let mode = match self.word("mode", UPSAMPLE_MODES) {
                    Some("bilinear") => UpsampleMode::Bilinear,
                    _ => UpsampleMode::Nearest,
                };
                Operation::Upsample { scale, mode }
            }
            "channel_shuffle" => {
                let Some(node) = self.field("groups") else {
                    self.problems.push(Problem::new(
                        self.written.mark,
                        "this channel_shuffle has no `groups`",
                        format!("expected `groups`: {at_least_one}"),
                    ));
                    return None;
                };
                Operation::ChannelShuffle { groups: values::count(node, self.problems)? }
            }
            "flatten" => Operation::Flatten,
            "softmax" => Operation::Softmax,
            "batch_norm" | "group_norm" | "layer_norm" | "instance_norm" | "lrn" => {
                Operation::Norm(self.norm_of_kind(kind))
            }
            "scale" => Operation::Scale { init: self.number("init", 1.0, "a number that f32 holds", fits_f32) },
            "dropout" => Operation::Dropout {
                p: self.number("p", 0.5, "a probability from 0 to below 1", |p| (0.0..1.0).contains(&p)),
            },
            "prelu" => Operation::Prelu {
                init: self.number("init", 0.25, "a number that f32 holds", fits_f32),
                per_channel: self.boolean("per_channel", false),
            },
            activation => Operation::Activation(self.activation(activation)?),
        })
    }

    /// The node that sets a field: override or long form, then the main value, then the defaults.
    fn field(&mut self, name: &'static str) -> Option<&'a Node> {
        let written = self.written.fields.iter().rev();
        let own = written
            .copied()
            .find(|entry| entry.key == name)
            .map(|entry| &entry.value)
            .or_else(|| self.written.main.filter(|_| self.written.kind.main == Some(name)));
        let short = self.written.short.as_ref().is_some_and(|short| match name {
            "kernel" => short.kernel.is_some(),
            "stride" => short.stride.is_some(),
            "out" => short.out.is_some() || short.depthwise,
            "groups" => short.depthwise,
            "activation" => short.activation.is_some(),
            _ => false,
        });
        let node = match own {
            Some(node) => Some(node),
            None if short => None,
            None => default_of(self.defaults, self.written.kind.name, name),
        };
        if let Some(node) = node {
            self.places.push((name, node.mark));
        }
        node
    }

    fn pair(&mut self, name: &'static str, default: Pair) -> Pair {
        self.optional_pair(name).unwrap_or(default)
    }

    fn optional_pair(&mut self, name: &'static str) -> Option<Pair> {
        let node = self.field(name)?;
        values::pair(node, 1, self.problems)
    }

    fn boolean(&mut self, name: &'static str, default: bool) -> bool {
        self.field(name).and_then(|node| values::boolean(node, self.problems)).unwrap_or(default)
    }

    fn number(&mut self, name: &'static str, default: f64, expected: &str, fits: impl Fn(f64) -> bool) -> f64 {
        self.field(name).and_then(|node| values::number(node, expected, fits, self.problems)).unwrap_or(default)
    }

    fn word(&mut self, name: &'static str, words: &[&'static str]) -> Option<&'static str> {
        self.field(name).and_then(|node| values::word(node, words, self.problems))
    }

    fn short(&self, part: impl Fn(&Short) -> Option<u64>) -> Option<Pair> {
        self.written.short.as_ref().and_then(part).map(Pair::square)
    }

    fn groups(&mut self) -> Groups {
        let without = match self.written.short.as_ref().is_some_and(|short| short.depthwise) {
            true => Groups::Depthwise,
            false => Groups::Count(1),
        };
        self.field("groups").and_then(|node| values::groups(node, self.problems)).unwrap_or(without)
    }

    fn conv(&mut self) -> Option<Conv> {
        let out = self.out("channels");
        let kernel = self.pair("kernel", self.short(|short| short.kernel).unwrap_or(Pair::square(3)));
        let stride = self.pair("stride", self.short(|short| short.stride).unwrap_or(Pair::square(1)));
        let dilation = self.pair("dilation", Pair::square(1));
        let padding = self.padding(kernel, dilation, PaddingWord::Same);
        let groups = self.groups();
        let bias = self.boolean("bias", true);
        Some(Conv { out: out?, kernel, stride, padding: padding?, dilation, groups, bias })
    }

    fn conv_transpose(&mut self) -> Option<ConvTranspose> {
        let out = self.out("channels");
        let kernel = self.pair("kernel", self.short(|short| short.kernel).unwrap_or(Pair::square(2)));
        let stride = self.pair("stride", self.short(|short| short.stride).unwrap_or(kernel));
        let dilation = self.pair("dilation", Pair::square(1));
        let from_zero = |reader: &mut Self, name| {
            let node = reader.field(name)?;
            values::pair(node, 0, reader.problems)
        };
        let padding = from_zero(self, "padding").unwrap_or(Pair::square(0));
        let output_padding = from_zero(self, "output_padding").unwrap_or(Pair::square(0));
        let fits = |own: u64, stride: u64, dilation: u64| own < stride.max(dilation);
        if !fits(output_padding.height, stride.height, dilation.height)
            || !fits(output_padding.width, stride.width, dilation.width)
        {
            self.problems.push(Problem::new(
                self.place_of("output_padding"),
                "the output padding is not smaller than the stride",
                "expected less than the stride or the dilation, as PyTorch wants it",
            ));
        }
        let groups = self.groups();
        let bias = self.boolean("bias", true);
        Some(ConvTranspose { out: out?, kernel, stride, padding, output_padding, dilation, groups, bias })
    }

    /// `same` is dilation·(kernel − 1)/2 on each side, which must be whole.
    fn padding(&mut self, kernel: Pair, dilation: Pair, without: PaddingWord) -> Option<Padding> {
        let node = self.field("padding");
        let word = match node {
            Some(node) => values::padding(node, self.problems)?,
            None => without,
        };
        if let PaddingWord::Known(padding) = word {
            return Some(padding);
        }
        let twice = |kernel: u64, dilation: u64| dilation * (kernel - 1);
        let (rows, columns) = (twice(kernel.height, dilation.height), twice(kernel.width, dilation.width));
        if rows % 2 == 0 && columns % 2 == 0 {
            return Some(Padding::Sides(Sides::around(Pair { height: rows / 2, width: columns / 2 })));
        }
        let mark = node.map_or(self.place_of("kernel"), |node| node.mark);
        let odd = if rows % 2 == 1 { rows } else { columns };
        self.problems.push(
            Problem::new(
                mark,
                format!("padding `same` would be dilation·(kernel − 1)/2 = {odd}/2, which is not whole"),
                "expected an odd kernel, an even dilation, `same_upper`, or a `padding` in numbers",
            )
            .help(Some(format!("`padding: {}`, `padding: same_upper` or `padding: valid` can be written", odd / 2))),
        );
        None
    }

    fn place_of(&self, field: &str) -> Mark {
        let place = self.places.iter().find(|(name, _)| *name == field);
        place.map_or(self.written.mark, |(_, mark)| *mark)
    }

    /// The output channels or features.
    fn out(&mut self, unit: &str) -> Option<Width> {
        let Some(node) = self.field("out") else {
            let short = self.written.short.as_ref();
            return match short.map(|short| (short.out, short.depthwise)) {
                Some((Some(Out::Number(out)), _)) => Some(Width::Count(out)),
                Some((Some(Out::Times(times)), _)) => Some(Width::Times(times)),
                Some((Some(Out::Classes), _)) => self.number_of_classes(self.written.mark),
                Some((None, true)) => Some(Width::Arriving),
                _ => {
                    self.problems.push(Problem::new(
                        self.written.mark,
                        format!("this {} layer has no `out`", self.written.kind.name),
                        format!("expected `out`: a number of {unit}, or `classes`"),
                    ));
                    None
                }
            };
        };
        match &node.value {
            Value::Text(word) if word == "classes" => self.number_of_classes(node.mark),
            _ => values::width(node, unit, &["classes"], self.problems),
        }
    }

    fn number_of_classes(&mut self, mark: Mark) -> Option<Width> {
        if self.classes.is_none() {
            self.problems.push(Problem::new(
                mark,
                "`classes` is used here but the file does not set it",
                "expected `classes: 1000` or the like at the top of the file",
            ));
        }
        self.classes.map(Width::Count)
    }

    fn pool(&mut self) -> Option<Pool> {
        let kernel = self.pair("kernel", self.short(|short| short.kernel).unwrap_or(Pair::square(2)));
        let stride = self.pair("stride", self.short(|short| short.stride).unwrap_or(kernel));
        let none = PaddingWord::Known(Padding::Sides(Sides::NONE));
        let padding = self.padding(kernel, Pair::square(1), none)?;
        if let Padding::Sides(sides) = padding {
            let (before, after) = (sides.before(), sides.after());
            if before.height.max(after.height) > kernel.height / 2 || before.width.max(after.width) > kernel.width / 2 {
                self.problems.push(Problem::new(
                    self.place_of("padding"),
                    "the padding of a pool is more than half its kernel, which PyTorch refuses",
                    format!("expected at most [{}, {}]", kernel.height / 2, kernel.width / 2),
                ));
            }
        }
        let ceil = self.boolean("ceil", false);
        if ceil && padding == Padding::SameUpper {
            self.problems.push(Problem::new(
                self.place_of("ceil"),
                "`ceil` says nothing beside `padding: same_upper`, which rounds up by itself",
                "expected one of them",
            ));
        }
        Some(Pool { kernel, stride, padding, ceil })
    }

    fn norm_of_kind(&mut self, kind: &str) -> Norm {
        let above_zero = "a number above 0";
        match kind {
            "batch_norm" => {
                let from_zero_to_one = "a number from 0 to 1";
                Norm::Batch(BatchNorm {
                    eps: self.number("eps", 1e-5, above_zero, |eps| eps > 0.0),
                    momentum: self.number("momentum", 0.1, from_zero_to_one, |own| (0.0..=1.0).contains(&own)),
                    affine: self.boolean("affine", true),
                })
            }
            "group_norm" => Norm::Group {
                groups: self.field("groups").and_then(|node| values::count(node, self.problems)).unwrap_or(32),
                eps: self.number("eps", 1e-5, above_zero, |eps| eps > 0.0),
            },
            "layer_norm" => Norm::Layer { eps: self.number("eps", 1e-5, above_zero, |eps| eps > 0.0) },
            "instance_norm" => Norm::Instance {
                eps: self.number("eps", 1e-5, above_zero, |eps| eps > 0.0),
                affine: self.boolean("affine", false),
            },
            _ => Norm::Lrn(Lrn {
                size: self.field("size").and_then(|node| values::count(node, self.problems)).unwrap_or(5),
                alpha: self.number("alpha", 1e-4, "a number of at least 0", |alpha| alpha >= 0.0),
                beta: self.number("beta", 0.75, "a number of at least 0", |beta| beta >= 0.0),
                k: self.number("k", 2.0, above_zero, |k| k > 0.0),
            }),
        }
    }

    fn norm(&mut self) -> Option<Operation> {
        let node = self.field("norm")?;
        let words: Vec<&str> = std::iter::once("none").chain(NORMS.iter().map(|(word, _)| *word)).collect();
        // Its kind's own name is understood too.
        let by_kind = NORMS.iter().find(|(_, kind)| matches!(&node.value, Value::Text(text) if text == kind));
        let (_, kind) = match by_kind {
            Some(norm) => norm,
            None => {
                let word = values::word(node, &words, self.problems)?;
                NORMS.iter().find(|(name, _)| *name == word)?
            }
        };
        self.brought(kind, |reader| Some(Operation::Norm(reader.norm_of_kind(kind))))
    }

    fn brought_activation(&mut self) -> Option<Operation> {
        let word = match self.field("activation") {
            Some(node) => {
                let words: Vec<&str> = ["none"].iter().chain(ACTIVATIONS).copied().collect();
                values::word(node, &words, self.problems)?
            }
            None => self.written.short.as_ref()?.activation?,
        };
        self.activation_layer(word)
    }

    /// The activation of a name, with the settings of `defaults`; none of the name `none`.
    pub fn activation_layer(&mut self, word: &'static str) -> Option<Operation> {
        match word {
            "none" => None,
            word => self.brought(word, |reader| reader.operation(word)),
        }
    }

    /// Reads what a layer brings along: nothing is written about it but its kind's defaults.
    fn brought<T>(&mut self, kind: &'static str, read: impl FnOnce(&mut Reader<'a, '_>) -> Option<T>) -> Option<T> {
        let written = Written {
            kind: crate::spec::kinds::kind(kind).unwrap_or(self.written.kind),
            mark: self.written.mark,
            short: None,
            fields: Vec::new(),
            main: None,
        };
        read(&mut Reader::new(written, self.defaults, self.classes, self.problems))
    }

    fn activation(&mut self, kind: &str) -> Option<Activation> {
        Some(match kind {
            "relu" => Activation::Relu,
            "relu6" => Activation::Relu6,
            "leaky_relu" => {
                Activation::LeakyRelu { slope: self.number("slope", 0.01, "a number that f32 holds", fits_f32) }
            }
            "elu" => Activation::Elu,
            "gelu" => match self.word("approximate", &["none", "tanh"]) {
                Some("tanh") => Activation::GeluTanh,
                _ => Activation::Gelu,
            },
            "sigmoid" => Activation::Sigmoid,
            "tanh" => Activation::Tanh,
            "silu" => Activation::Silu,
            "mish" => Activation::Mish,
            "hardswish" => Activation::HardSwish,
            "hardsigmoid" => Activation::HardSigmoid,
            _ => return None,
        })
    }
}

fn fits_f32(number: f64) -> bool {
    number.abs() <= f64::from(f32::MAX)
}

fn default_of<'a>(defaults: &Defaults<'a>, kind: &str, field: &str) -> Option<&'a Node> {
    let fields = defaults.of(kind).iter().rev();
    fields.into_iter().find(|entry| entry.key == field).map(|entry| &entry.value)
}

/// Unknown and doubled fields of one kind.
pub fn check_keys(kind: &Kind, fields: &[&Entry], problems: &mut Problems) {
    let names: Vec<&str> = kind.fields.iter().map(|field| field.name).collect();
    for entry in fields {
        if kind.field(&entry.key).is_none() && problems.wants() {
            let expected = match names.is_empty() {
                true => format!("`{}` takes no fields", kind.name),
                false => format!("expected {}", values::one_of(&names)),
            };
            problems.push(
                Problem::new(
                    entry.key_mark,
                    format!("`{}` has no field `{}`", kind.name, shorten(&entry.key)),
                    expected,
                )
                .help(problems.suggest(&entry.key, &names)),
            );
        }
    }
}

/// A key that stands twice in one map.
pub fn check_doubles(entries: &[Entry], problems: &mut Problems) {
    let mut seen = HashSet::new();
    for entry in entries {
        if !seen.insert(entry.key.as_str()) && problems.wants() {
            problems.push(Problem::new(
                entry.key_mark,
                format!("`{}` stands here a second time", shorten(&entry.key)),
                "expected each key once",
            ));
        }
    }
}
