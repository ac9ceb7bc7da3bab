//! The list of layers, item by item: short forms, long forms, stacks and blocks, with names given as they come.

use std::collections::{HashMap, HashSet};

use super::operation::{Defaults, Reader, Written, check_doubles};
use super::short::{self, Out, Short, ShortError};
use super::values;
use crate::spec::describe::{Block, Item, Layer, Operation};
use crate::spec::kinds::{self, KINDS, Kind};
use crate::spec::limits;
use crate::spec::node::{Entry, Mark, Node, Value, shorten};
use crate::spec::problem::{Problem, Problems};

/// What reading the layers needs from the rest of the file.
pub struct LayerReader<'a, 'p> {
    pub defaults: Defaults<'a>,
    pub classes: Option<u64>,
    /// `override` entries by layer path, in the order they apply.
    pub overrides: &'a [Entry],
    pub problems: &'p mut Problems,
    /// Which of them are about a path.
    changes: HashMap<&'a str, Vec<usize>>,
    used_overrides: HashSet<usize>,
    layers: usize,
    too_many: bool,
    paths: HashSet<String>,
    block_paths: HashSet<String>,
}

/// One block while it is read: its path and how often each kind has come.
struct Scope {
    path: String,
    depth: usize,
    counts: HashMap<&'static str, u64>,
}

impl Scope {
    fn new(path: String, depth: usize) -> Self {
        Scope { path, depth, counts: HashMap::new() }
    }

    fn count(&mut self, kind: &'static str) -> u64 {
        let count = self.counts.entry(kind).or_insert(0);
        *count += 1;
        *count
    }

    fn join(&self, name: &str) -> String {
        match self.path.as_str() {
            "" => name.to_string(),
            path => format!("{path}.{name}"),
        }
    }
}

const ITEM: &str =
    "expected a layer such as `conv3-64`, `maxpool`, `conv: {out: 64}`, `stack: [64, M]` or `block: {layers: [...]}`";

impl<'a, 'p> LayerReader<'a, 'p> {
    pub fn new(
        defaults: Defaults<'a>,
        classes: Option<u64>,
        overrides: &'a [Entry],
        problems: &'p mut Problems,
    ) -> Self {
        let mut changes: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, entry) in overrides.iter().enumerate() {
            changes.entry(&entry.key).or_default().push(index);
        }
        LayerReader {
            changes,
            defaults,
            classes,
            overrides,
            problems,
            used_overrides: HashSet::new(),
            layers: 0,
            too_many: false,
            paths: HashSet::new(),
            block_paths: HashSet::new(),
        }
    }

    /// Reads the whole `layers:` list.
    pub fn read(mut self, node: &'a Node) -> Vec<Item> {
        let items = self.list(node, &mut Scope::new(String::new(), 0));
        self.check_overrides();
        items
    }

    fn list(&mut self, node: &'a Node, scope: &mut Scope) -> Vec<Item> {
        let Value::List(nodes) = &node.value else {
            self.problems.push(Problem::new(
                node.mark,
                format!("{} is not a list of layers", node.value.describe()),
                "expected a list: `[conv3-64, maxpool]`, or one layer a line after `-`",
            ));
            return Vec::new();
        };
        if nodes.is_empty() {
            self.problems.push(Problem::new(node.mark, "the list of layers is empty", "expected at least one layer"));
        }
        let mut items = Vec::new();
        for node in nodes {
            if self.too_many {
                break;
            }
            match &node.value {
                Value::Text(text) => self.short(text, node.mark, scope, &mut items),
                Value::Map(entries) => self.long(node, entries, scope, &mut items),
                other => {
                    self.problems.push(Problem::new(node.mark, format!("{} is not a layer", other.describe()), ITEM))
                }
            }
        }
        items
    }

    fn short(&mut self, text: &str, mark: Mark, scope: &mut Scope, items: &mut Vec<Item>) {
        match short::parse(text) {
            Ok(short) => {
                let Some(kind) = kinds::kind(short.kind) else {
                    return;
                };
                for _ in 0..short.repeat {
                    let written = Written { kind, mark, short: Some(short.clone()), fields: Vec::new(), main: None };
                    self.layer(written, None, scope, items);
                    if self.too_many {
                        break;
                    }
                }
            }
            Err(ShortError::Form(form)) => {
                self.problems.push(Problem::new(mark, format!("`{}` cannot be read as a layer", shorten(text)), form))
            }
            Err(ShortError::Kind(kind)) => self.unknown_kind(&kind, mark),
        }
    }

    fn unknown_kind(&mut self, kind: &str, mark: Mark) {
        let known = KINDS.iter().map(|kind| kind.name).chain(["block", "stack"]);
        let help = match kind {
            "fc" | "dense" => Some("did you mean `linear`?".to_string()),
            "bn" | "batchnorm" => Some("did you mean `batch_norm`?".to_string()),
            _ => self.problems.suggest(kind, known),
        };
        let message = format!("there is no layer kind `{}`", shorten(kind));
        self.problems.push(Problem::new(mark, message, ITEM).help(help));
    }

    fn long(&mut self, node: &'a Node, entries: &'a [Entry], scope: &mut Scope, items: &mut Vec<Item>) {
        check_doubles(entries, self.problems);
        let mut kinds = entries.iter().filter(|entry| entry.key != "name");
        let (Some(entry), None) = (kinds.next(), kinds.next()) else {
            self.problems.push(Problem::new(node.mark, "a layer is a map with exactly one kind", ITEM));
            return;
        };
        let name = entries.iter().find(|entry| entry.key == "name");
        match entry.key.as_str() {
            "block" => self.block(&entry.value, name, scope, items),
            "stack" => self.stack(&entry.value, name, scope, items),
            key => match kinds::kind(key) {
                Some(kind) => self.long_layer(kind, entry, name, scope, items),
                None => self.unknown_kind(key, entry.key_mark),
            },
        }
    }

    fn long_layer(
        &mut self,
        kind: &'static Kind,
        entry: &'a Entry,
        name: Option<&'a Entry>,
        scope: &mut Scope,
        items: &mut Vec<Item>,
    ) {
        let mut written = Written { kind, mark: entry.value.mark, short: None, fields: Vec::new(), main: None };
        let mut name = name;
        match &entry.value.value {
            Value::Map(fields) => {
                check_doubles(fields, self.problems);
                name = name.or(fields.iter().find(|field| field.key == "name"));
                written.fields = fields.iter().filter(|field| field.key != "name").collect();
            }
            Value::Null => written.mark = entry.key_mark,
            _ if kind.main.is_some() => written.main = Some(&entry.value),
            other => {
                self.problems.push(Problem::new(
                    entry.value.mark,
                    format!("{} does not fit `{}`", other.describe(), kind.name),
                    "expected its fields as a map, or nothing",
                ));
                return;
            }
        }
        self.layer(written, name, scope, items);
    }

    fn layer(&mut self, mut written: Written<'a>, name: Option<&'a Entry>, scope: &mut Scope, items: &mut Vec<Item>) {
        self.layers += 1;
        if self.layers > limits::LAYERS {
            self.too_many = true;
            self.problems.push(Problem::new(
                written.mark,
                format!("this makes more than {} layers", limits::LAYERS),
                "expected fewer; check `repeat` and ` xN`",
            ));
            return;
        }
        let count = scope.count(written.kind.name);
        let mark = written.mark;
        let name = match name {
            Some(entry) => self.given_name(&entry.value),
            None => None,
        }
        .unwrap_or_else(|| format!("{}{count}", written.kind.name));
        let path = scope.join(&name);
        self.claim(&path, mark);
        for &index in self.changes.get(path.as_str()).into_iter().flatten() {
            let entry = &self.overrides[index];
            self.used_overrides.insert(index);
            match &entry.value.value {
                Value::Map(fields) => written.fields.extend(fields),
                other => self.problems.push(Problem::new(
                    entry.value.mark,
                    format!("{} does not change a layer", other.describe()),
                    "expected fields: `{out: 128, kernel: 1}`",
                )),
            }
        }
        let read = Reader::new(written, &self.defaults, self.classes, self.problems).read();
        let Some((operation, fields)) = read else {
            return;
        };
        for brought in brought_names(&operation) {
            self.claim(&format!("{path}.{brought}"), mark);
        }
        items.push(Item::Layer(Layer { name, operation, mark, fields }));
    }

    fn given_name(&mut self, node: &Node) -> Option<String> {
        let name = values::text(node, self.problems)?;
        let fits = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
        if !name.is_empty() && name.chars().count() <= 64 && name.chars().all(fits) {
            return Some(name);
        }
        self.problems.push(Problem::new(
            node.mark,
            format!("`{}` cannot be a name", shorten(&name)),
            "expected up to 64 letters, digits, `_` and `-`",
        ));
        None
    }

    /// Takes a path for one layer or block; paths are unique.
    fn claim(&mut self, path: &str, mark: Mark) {
        if !self.paths.insert(path.to_string()) {
            self.problems.push(Problem::new(
                mark,
                format!("two layers or blocks are called `{path}`"),
                "expected another `name` for one of them",
            ));
        }
    }

    fn stack(&mut self, node: &'a Node, name: Option<&Entry>, scope: &mut Scope, items: &mut Vec<Item>) {
        if let Some(name) = name {
            self.problems.push(Problem::new(
                name.key_mark,
                "a stack has no name",
                "expected a `block` with a name around it",
            ));
        }
        let Value::List(nodes) = &node.value else {
            self.problems.push(Problem::new(
                node.mark,
                format!("{} is not a stack", node.value.describe()),
                "expected a list such as `[64, 64, M, 128, A]`",
            ));
            return;
        };
        if nodes.is_empty() {
            self.problems.push(Problem::new(node.mark, "the stack is empty", "expected at least one conv or pool"));
        }
        for node in nodes {
            if self.too_many {
                return;
            }
            let kind = match &node.value {
                Value::Integer(_) => "conv",
                Value::Text(word) if word.eq_ignore_ascii_case("m") => "maxpool",
                Value::Text(word) if word.eq_ignore_ascii_case("a") => "avgpool",
                other => {
                    self.problems.push(Problem::new(
                        node.mark,
                        format!("{} is not part of a stack", other.describe()),
                        "expected a conv's channels, `M` for max-pooling or `A` for average pooling",
                    ));
                    continue;
                }
            };
            let short = match kind {
                "conv" => match values::count(node, self.problems) {
                    Some(out) => Some(Short { kind, kernel: None, out: Some(Out::Number(out)), repeat: 1 }),
                    None => continue,
                },
                _ => None,
            };
            let Some(kind) = kinds::kind(kind) else {
                continue;
            };
            let written = Written { kind, mark: node.mark, short, fields: Vec::new(), main: None };
            self.layer(written, None, scope, items);
        }
    }

    fn block(&mut self, node: &'a Node, outer_name: Option<&'a Entry>, scope: &mut Scope, items: &mut Vec<Item>) {
        let Value::Map(entries) = &node.value else {
            self.problems.push(Problem::new(
                node.mark,
                format!("{} is not a block", node.value.describe()),
                "expected `{name: block1, layers: [conv3-64, maxpool]}`",
            ));
            return;
        };
        check_doubles(entries, self.problems);
        const KEYS: &[&str] = &["name", "repeat", "layers"];
        for entry in entries {
            if !KEYS.contains(&entry.key.as_str()) {
                self.problems.push(
                    Problem::new(
                        entry.key_mark,
                        format!("a block has no key `{}`", shorten(&entry.key)),
                        format!("expected {}", values::one_of(KEYS)),
                    )
                    .help(self.problems.suggest(&entry.key, KEYS)),
                );
            }
        }
        let find = |key: &str| entries.iter().find(|entry| entry.key == key);
        if scope.depth >= limits::NESTING {
            self.problems.push(Problem::new(
                node.mark,
                format!("blocks are nested more than {} deep", limits::NESTING),
                "expected a flatter file",
            ));
            return;
        }
        let repeat = find("repeat").map(|entry| values::whole(&entry.value, 1..=u64::MAX, self.problems));
        let times = repeat.flatten().unwrap_or(1);
        let count = scope.count("block");
        let name = outer_name
            .or_else(|| find("name"))
            .and_then(|entry| self.given_name(&entry.value))
            .unwrap_or_else(|| format!("block{count}"));
        let Some(layers) = find("layers") else {
            self.problems.push(Problem::new(node.mark, "this block has no layers", "expected `layers: [...]`"));
            return;
        };
        for time in 1..=times {
            let name = match repeat {
                Some(_) => format!("{name}_{time}"),
                None => name.clone(),
            };
            let path = scope.join(&name);
            self.claim(&path, node.mark);
            self.block_paths.insert(path.clone());
            let before = self.layers;
            let inner = self.list(&layers.value, &mut Scope::new(path, scope.depth + 1));
            items.push(Item::Block(Block { name, items: inner }));
            // A block that holds nothing could be repeated for ever without reaching the limit of layers.
            if self.too_many || self.layers == before {
                return;
            }
        }
    }

    fn check_overrides(&mut self) {
        for (index, entry) in self.overrides.iter().enumerate() {
            if self.used_overrides.contains(&index) || self.too_many || !self.problems.wants() {
                continue;
            }
            let (message, help) = match entry.key.rsplit_once('.') {
                _ if self.block_paths.contains(&entry.key) => (format!("`{}` is a block", shorten(&entry.key)), None),
                Some((layer, brought)) if self.paths.contains(&entry.key) => {
                    (format!("`{brought}` comes with `{layer}`; change it there"), None)
                }
                _ => (
                    format!("there is no layer `{}`", shorten(&entry.key)),
                    self.problems.suggest(&entry.key, &self.paths),
                ),
            };
            self.problems.push(
                Problem::new(entry.key_mark, message, "expected the path of one layer, such as `block3.conv3`")
                    .help(help),
            );
        }
    }
}

/// The last part of the paths of what a layer brings along.
fn brought_names(operation: &Operation) -> Vec<&'static str> {
    let (norm, activation) = match operation {
        Operation::Conv(conv) => (conv.norm, conv.activation),
        Operation::Linear(linear) => (None, linear.activation),
        _ => (None, None),
    };
    let norm = norm.map(|norm| norm.kind());
    norm.into_iter().chain(activation.map(|activation| activation.kind())).collect()
}
