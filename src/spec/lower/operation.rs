//! One layer's fields, defaults beneath them, read into an [`Operation`].

use std::collections::HashSet;

use super::short::{Out, Short};
use super::values::{self, PaddingWord};
use crate::spec::describe::{Activation, BatchNorm, Conv, Groups, Linear, Lrn, Norm, Operation, Pair, Pool};
use crate::spec::kinds::{ACTIVATIONS, Kind, NORMS};
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

    fn of(&self, kind: &str) -> &'a [Entry] {
        self.kinds.iter().find(|(name, _)| *name == kind).map_or(&[], |(_, fields)| fields)
    }
}

/// What is known of one layer before it is read: its kind and what was written about it.
pub struct Written<'a> {
    pub kind: &'static Kind,
    pub mark: Mark,
    /// Kernel and output of a short form.
    pub short: Option<Short>,
    /// The long form's fields, then those of every `override`; later ones win.
    pub fields: Vec<&'a Entry>,
    /// A long form's single value for the main field.
    pub main: Option<&'a Node>,
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

    /// The operation, and where its fields were written.
    pub fn read(mut self) -> Option<(Operation, Vec<(&'static str, Mark)>)> {
        check_keys(self.written.kind, &self.written.fields, self.problems);
        let operation = match self.written.kind.name {
            "conv" => self.conv().map(Operation::Conv),
            "linear" => self.linear().map(Operation::Linear),
            "maxpool" => Some(Operation::MaxPool(self.pool())),
            "avgpool" => Some(Operation::AvgPool(self.pool())),
            "adaptive_avgpool" => Some(Operation::AdaptiveAvgPool { out: self.pair("out", Pair::square(1)) }),
            "global_avgpool" => Some(Operation::GlobalAvgPool),
            "flatten" => Some(Operation::Flatten),
            "softmax" => Some(Operation::Softmax),
            "batch_norm" => Some(Operation::BatchNorm(self.batch_norm())),
            "lrn" => Some(Operation::Lrn(self.lrn())),
            "dropout" => Some(Operation::Dropout {
                p: self.number("p", 0.5, "a probability from 0 to below 1", |p| (0.0..1.0).contains(&p)),
            }),
            activation => self.activation(activation).map(Operation::Activation),
        }?;
        Some((operation, self.places))
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
            "out" => short.out.is_some(),
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

    fn conv(&mut self) -> Option<Conv> {
        let out = self.out();
        let kernel = self.pair("kernel", self.short_kernel());
        let stride = self.pair("stride", Pair::square(1));
        let dilation = self.pair("dilation", Pair::square(1));
        let padding = self.padding(kernel, dilation);
        let groups =
            self.field("groups").and_then(|node| values::groups(node, self.problems)).unwrap_or(Groups::Count(1));
        let bias = self.boolean("bias", true);
        let norm = self.norm();
        let activation = self.brought_activation();
        Some(Conv { out: out?, kernel, stride, padding: padding?, dilation, groups, bias, norm, activation })
    }

    fn short_kernel(&self) -> Pair {
        let kernel = self.written.short.as_ref().and_then(|short| short.kernel);
        Pair::square(kernel.unwrap_or(3))
    }

    /// `same` is dilation·(kernel − 1)/2 on each side, which must be whole.
    fn padding(&mut self, kernel: Pair, dilation: Pair) -> Option<Pair> {
        let node = self.field("padding");
        let word = match node {
            Some(node) => values::padding(node, self.problems)?,
            None => PaddingWord::Same,
        };
        if let PaddingWord::Zeros(pair) = word {
            return Some(pair);
        }
        let twice = |kernel: u64, dilation: u64| dilation * (kernel - 1);
        let (rows, columns) = (twice(kernel.height, dilation.height), twice(kernel.width, dilation.width));
        if rows % 2 == 0 && columns % 2 == 0 {
            return Some(Pair { height: rows / 2, width: columns / 2 });
        }
        let mark = node.map_or(self.place_of("kernel"), |node| node.mark);
        let odd = if rows % 2 == 1 { rows } else { columns };
        self.problems.push(
            Problem::new(
                mark,
                format!("padding `same` would be dilation·(kernel − 1)/2 = {odd}/2, which is not whole"),
                "expected an odd kernel, an even dilation, or a `padding` in numbers",
            )
            .help(Some(format!("`padding: {}` or `padding: valid` can be written", odd / 2))),
        );
        None
    }

    fn place_of(&self, field: &str) -> Mark {
        let place = self.places.iter().find(|(name, _)| *name == field);
        place.map_or(self.written.mark, |(_, mark)| *mark)
    }

    fn linear(&mut self) -> Option<Linear> {
        let out = self.out();
        let bias = self.boolean("bias", true);
        let activation = self.brought_activation();
        Some(Linear { out: out?, bias, activation })
    }

    /// The output channels or features: a number or, in a linear layer, `classes`.
    fn out(&mut self) -> Option<u64> {
        let is_linear = self.written.kind.name == "linear";
        let Some(node) = self.field("out") else {
            return match self.written.short.as_ref().and_then(|short| short.out.clone()) {
                Some(Out::Number(out)) => Some(out),
                Some(Out::Classes) => self.number_of_classes(self.written.mark),
                None => {
                    let (kind, unit) = match is_linear {
                        true => ("linear", "a number of features, or `classes`"),
                        false => ("conv", "a number of channels"),
                    };
                    self.problems.push(Problem::new(
                        self.written.mark,
                        format!("this {kind} layer has no `out`"),
                        format!("expected `out`: {unit}"),
                    ));
                    None
                }
            };
        };
        match &node.value {
            Value::Text(word) if is_linear && word == "classes" => self.number_of_classes(node.mark),
            Value::Text(word) if is_linear => {
                self.problems.push(
                    Problem::new(
                        node.mark,
                        format!("`{word}` is not a number of features"),
                        "expected a whole number from 1 to 2^24, or `classes`",
                    )
                    .help(self.problems.suggest(word, ["classes"])),
                );
                None
            }
            _ => values::count(node, self.problems),
        }
    }

    fn number_of_classes(&mut self, mark: Mark) -> Option<u64> {
        if self.classes.is_none() {
            self.problems.push(Problem::new(
                mark,
                "`classes` is used here but the file does not set it",
                "expected `classes: 1000` or the like at the top of the file",
            ));
        }
        self.classes
    }

    fn pool(&mut self) -> Pool {
        let kernel = self.pair("kernel", Pair::square(2));
        let stride = self.pair("stride", kernel);
        let padding =
            self.field("padding").and_then(|node| values::pair(node, 0, self.problems)).unwrap_or(Pair::square(0));
        if padding.height > kernel.height / 2 || padding.width > kernel.width / 2 {
            self.problems.push(Problem::new(
                self.place_of("padding"),
                "the padding of a pool is more than half its kernel, so a window would lie wholly outside",
                format!("expected at most [{}, {}]", kernel.height / 2, kernel.width / 2),
            ));
        }
        Pool { kernel, stride, padding, ceil: self.boolean("ceil", false) }
    }

    fn batch_norm(&mut self) -> BatchNorm {
        BatchNorm {
            eps: self.number("eps", 1e-5, "a number above 0", |eps| eps > 0.0),
            momentum: self.number("momentum", 0.1, "a number from 0 to 1", |momentum| (0.0..=1.0).contains(&momentum)),
        }
    }

    fn lrn(&mut self) -> Lrn {
        Lrn {
            size: self.field("size").and_then(|node| values::count(node, self.problems)).unwrap_or(5),
            alpha: self.number("alpha", 1e-4, "a number of at least 0", |alpha| alpha >= 0.0),
            beta: self.number("beta", 0.75, "a number of at least 0", |beta| beta >= 0.0),
            k: self.number("k", 2.0, "a number above 0", |k| k > 0.0),
        }
    }

    fn norm(&mut self) -> Option<Norm> {
        let node = self.field("norm")?;
        match values::word(node, NORMS, self.problems)? {
            "batch" => Some(Norm::Batch(self.brought("batch_norm", |reader| reader.batch_norm()))),
            "lrn" => Some(Norm::Lrn(self.brought("lrn", |reader| reader.lrn()))),
            _ => None,
        }
    }

    fn brought_activation(&mut self) -> Option<Activation> {
        let node = self.field("activation")?;
        let mut words = vec!["none"];
        words.extend(ACTIVATIONS);
        let word = values::word(node, &words, self.problems)?;
        self.brought(word, |reader| reader.activation(word))
    }

    /// Reads what a layer brings along: nothing is written about it but its kind's defaults.
    fn brought<T>(&mut self, kind: &'static str, read: impl FnOnce(&mut Reader<'a, '_>) -> T) -> T {
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
            "leaky_relu" => Activation::LeakyRelu { slope: self.number("slope", 0.01, "a number", |_| true) },
            "elu" => Activation::Elu,
            "gelu" => Activation::Gelu,
            "sigmoid" => Activation::Sigmoid,
            "tanh" => Activation::Tanh,
            "silu" => Activation::Silu,
            _ => return None,
        })
    }
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
