//! The list of layers, item by item: short forms, long forms, stacks and containers, with names given as they come.

use std::collections::{HashMap, HashSet};

use super::operation::{Defaults, Reader, Written, check_doubles};
use super::short::{self, Out, Short, ShortError};
use super::values;
use crate::spec::describe::{Item, Layer};
use crate::spec::kinds::{self, CONTAINERS, KINDS, Kind};
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
    /// Changes that hold for the repetition that is being read, those of the outermost block first.
    pub(super) repetition_changes: Vec<HashMap<String, Change<'a>>>,
    layers: usize,
    pub(super) too_many: bool,
    /// Of all layers and blocks so far.
    paths: HashSet<String>,
    pub(super) block_paths: HashSet<String>,
    /// Of those that have been read to their end, whose output may be named.
    pub(super) ended: HashSet<String>,
    /// Names behind `from` that nothing before them has: the name, its place, the path of the block around it.
    pub(super) unknown_references: Vec<(String, Mark, String)>,
    /// Places that something was told of which every repetition would tell again.
    told: HashSet<(Mark, String)>,
}

/// What `first` or `last` changes of a layer.
pub(super) struct Change<'a> {
    pub entry: &'a Entry,
    pub is_used: bool,
}

/// One block while it is read: its path and how often each kind has come.
pub(super) struct Scope {
    pub path: String,
    pub depth: usize,
    counts: HashMap<&'static str, u64>,
}

impl Scope {
    pub fn new(path: String, depth: usize) -> Self {
        Scope { path, depth, counts: HashMap::new() }
    }

    pub fn count(&mut self, kind: &'static str) -> u64 {
        let count = self.counts.entry(kind).or_insert(0);
        *count += 1;
        *count
    }

    pub fn join(&self, name: &str) -> String {
        match self.path.as_str() {
            "" => name.to_string(),
            path => format!("{path}.{name}"),
        }
    }
}

const ITEM: &str = "expected a layer such as `conv3-64`, `maxpool`, `conv: {out: 64}`, `stack: [64, M]`, `block: {layers: [...]}` or `residual: [...]`";

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
            repetition_changes: Vec::new(),
            layers: 0,
            too_many: false,
            paths: HashSet::new(),
            block_paths: HashSet::new(),
            ended: HashSet::new(),
            unknown_references: Vec::new(),
            told: HashSet::new(),
        }
    }

    /// Reads the whole `layers:` list.
    pub fn read(mut self, node: &'a Node) -> Vec<Item> {
        let items = self.list(node, &mut Scope::new(String::new(), 0));
        self.check_overrides();
        self.check_references();
        items
    }

    pub(super) fn list(&mut self, node: &'a Node, scope: &mut Scope) -> Vec<Item> {
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
        self.items(nodes, scope, &mut items);
        items
    }

    pub(super) fn items(&mut self, nodes: &'a [Node], scope: &mut Scope, items: &mut Vec<Item>) {
        for node in nodes {
            if self.too_many {
                break;
            }
            self.item(node, scope, items);
        }
    }

    pub(super) fn item(&mut self, node: &'a Node, scope: &mut Scope, items: &mut Vec<Item>) {
        match &node.value {
            Value::Text(text) => self.short(text, node.mark, scope, items),
            Value::Map(entries) => self.long(node, entries, scope, items),
            other => self.problems.push(Problem::new(node.mark, format!("{} is not a layer", other.describe()), ITEM)),
        }
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
            Err(ShortError::Kind(kind)) => match kinds::container(&kind).filter(|_| !text.contains(' ')) {
                Some(container) => self.container(container, mark, None, None, scope, items),
                None => self.unknown_kind(&kind, mark),
            },
        }
    }

    fn unknown_kind(&mut self, kind: &str, mark: Mark) {
        let known = KINDS.iter().chain(CONTAINERS).map(|kind| kind.name).chain(["stack"]);
        let help = match kind {
            "fc" | "dense" => Some("did you mean `linear`?".to_string()),
            "bn" | "batchnorm" => Some("did you mean `batch_norm`?".to_string()),
            "se" => Some("did you mean `squeeze_excite`?".to_string()),
            "swish" => Some("did you mean `silu`?".to_string()),
            "deconv" => Some("did you mean `conv_transpose`?".to_string()),
            "from" | "identity" => {
                Some(format!("`{kind}` begins a branch of `concat` or `split`; `identity` stands there alone"))
            }
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
        if let Some(container) = kinds::container(&entry.key) {
            self.container(container, entry.value.mark, Some(&entry.value), name, scope, items);
            return;
        }
        match entry.key.as_str() {
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

    /// Whether something is told of a place for the first time: repetitions read the same place again.
    pub(super) fn is_first(&mut self, what: &str, mark: Mark) -> bool {
        self.told.insert((mark, what.to_string()))
    }

    /// Takes a path for a row that nobody wrote; its output may be named.
    pub(super) fn claim_row(&mut self, path: &str, mark: Mark) {
        self.claim(path, mark);
        self.ended.insert(path.to_string());
    }

    /// Counts one more layer; false, with a problem, where there are too many.
    pub(super) fn counts(&mut self, mark: Mark) -> bool {
        self.layers += 1;
        if self.layers > limits::LAYERS && !self.too_many {
            self.too_many = true;
            self.problems.push(Problem::new(
                mark,
                format!("this makes more than {} layers", limits::LAYERS),
                "expected fewer; check `repeat` and ` xN`",
            ));
        }
        !self.too_many
    }

    /// How many layers there are so far.
    pub(super) fn layers(&self) -> usize {
        self.layers
    }

    fn layer(&mut self, mut written: Written<'a>, name: Option<&'a Entry>, scope: &mut Scope, items: &mut Vec<Item>) {
        if !self.counts(written.mark) {
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
        written.fields.extend(self.changes_of(&path));
        let read = Reader::new(written, &self.defaults, self.classes, self.problems).read();
        self.ended.insert(path);
        let Some(read) = read else {
            return;
        };
        items.push(Item::Layer(Layer {
            name: name.clone(),
            operation: read.operation,
            brought: false,
            mark,
            fields: read.fields.clone(),
        }));
        // What is wrong with a norm is wrong where it was asked for.
        let norm = read.fields.iter().find(|(name, _)| *name == "norm").map(|(_, mark)| ("groups", *mark));
        for operation in read.brought {
            let name = format!("{name}.{}", operation.kind());
            let path = scope.join(&name);
            self.claim(&path, mark);
            self.ended.insert(path);
            let fields = norm.into_iter().collect();
            items.push(Item::Layer(Layer { name, operation, brought: true, mark, fields }));
        }
    }

    /// What `override`, `first` and `last` change of a layer or block, in the order they apply.
    pub(super) fn changes_of(&mut self, path: &str) -> Vec<&'a Entry> {
        let mut fields = Vec::new();
        let mut nodes: Vec<&'a Node> = Vec::new();
        for frame in &mut self.repetition_changes {
            if let Some(change) = frame.get_mut(path) {
                change.is_used = true;
                nodes.push(&change.entry.value);
            }
        }
        for &index in self.changes.get(path).into_iter().flatten() {
            self.used_overrides.insert(index);
            nodes.push(&self.overrides[index].value);
        }
        for node in nodes {
            match &node.value {
                Value::Map(entries) => fields.extend(entries),
                other => self.problems.push(Problem::new(
                    node.mark,
                    format!("{} does not change a layer", other.describe()),
                    "expected fields: `{out: 128, kernel: 1}`",
                )),
            }
        }
        fields
    }

    pub(super) fn given_name(&mut self, node: &Node) -> Option<String> {
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
    pub(super) fn claim(&mut self, path: &str, mark: Mark) {
        if !self.paths.insert(path.to_string()) && self.is_first("claim", mark) {
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
                    Some(out) => Some(Short { out: Some(Out::Number(out)), ..Short::plain(kind) }),
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

    fn check_overrides(&mut self) {
        for (index, entry) in self.overrides.iter().enumerate() {
            if self.used_overrides.contains(&index) || self.too_many || !self.problems.wants() {
                continue;
            }
            let (message, help) = self.not_found(&entry.key, &entry.key);
            self.problems.push(
                Problem::new(entry.key_mark, message, "expected the path of one layer, such as `block3.conv3`")
                    .help(help),
            );
        }
    }

    /// Why nothing is changed at a path, which is written as `key`.
    pub(super) fn not_found(&self, path: &str, key: &str) -> (String, Option<String>) {
        let again = |path: &str| self.block_paths.contains(&format!("{path}_1"));
        match path.rsplit_once('.') {
            _ if again(path) => {
                let key = shorten(key);
                (format!("`{key}` is repeated: its blocks are `{key}_1` and so on"), None)
            }
            _ if self.block_paths.contains(path) => (format!("`{}` is a block", shorten(key)), None),
            Some((layer, brought)) if self.paths.contains(path) => {
                (format!("`{brought}` comes with `{layer}`; change it there"), None)
            }
            // A field where a layer's path was wanted.
            Some((layer, field)) if self.paths.contains(layer) && is_field(field) => {
                let written = key.strip_suffix(&format!(".{field}")).unwrap_or(layer);
                let help = format!("`{}: {{{field}: …}}` changes a field", shorten(written));
                (format!("there is no layer `{}`", shorten(key)), Some(help))
            }
            _ => (format!("there is no layer `{}`", shorten(key)), self.problems.suggest(path, &self.paths)),
        }
    }

    /// Says of every name behind `from` that is nobody's what it may have been meant to be.
    fn check_references(&mut self) {
        for (name, mark, around) in std::mem::take(&mut self.unknown_references) {
            if !self.problems.wants() {
                return;
            }
            let places = outward(&around, &name);
            let expected = "expected the name of a layer or block before this one";
            let later = places.clone().find(|path| self.paths.contains(path));
            let (message, help) = match later {
                Some(path) if around == path || around.starts_with(&format!("{path}.")) => {
                    (format!("`{}` has not ended here", shorten(&name)), None)
                }
                Some(_) => (format!("`{}` comes later than this branch", shorten(&name)), None),
                None => {
                    // Of something that is repeated the last is the likeliest to be meant.
                    let repeated =
                        |number: usize| places.clone().any(|path| self.ended.contains(&format!("{path}_{number}")));
                    let last = (1..).take_while(|number| repeated(*number)).last();
                    let help = match last {
                        Some(last) => Some(format!("did you mean `{}_{last}`, the last repetition?", shorten(&name))),
                        None => self.problems.suggest(&name, &self.ended),
                    };
                    (format!("there is no layer or block `{}`", shorten(&name)), help)
                }
            };
            self.problems.push(Problem::new(mark, message, expected).help(help));
        }
    }
}

fn is_field(name: &str) -> bool {
    KINDS.iter().any(|kind| kind.field(name).is_some())
}

/// Where a name may stand that is used inside a block: in the block itself, in those around it, at the top.
pub(super) fn outward<'n>(around: &'n str, name: &'n str) -> impl Iterator<Item = String> + Clone + 'n {
    let ends = around.match_indices('.').map(|(at, _)| at).chain((!around.is_empty()).then_some(around.len()));
    let ends: Vec<usize> = ends.collect();
    let inside = ends.into_iter().rev().map(move |end| format!("{}.{name}", &around[..end]));
    inside.chain(std::iter::once(name.to_string()))
}
