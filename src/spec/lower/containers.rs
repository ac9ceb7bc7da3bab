//! Containers: blocks with a wiring, repeated, with what `first` and `last` change of a repetition.

use std::collections::HashMap;

use super::layers::{Change, LayerReader, Scope, outward};
use super::operation::{Reader, Written, check_doubles};
use super::values;
use crate::spec::describe::{Block, Branch, Item, Layer, Operation, Pair, Reference, Shortcut, Wiring};
use crate::spec::kinds::{self, ACTIVATIONS, CONTAINER_KEYS, Kind, SHORTCUTS};
use crate::spec::limits;
use crate::spec::node::{Entry, Mark, Node, Value, shorten};
use crate::spec::problem::Problem;

/// A container as it is written: its kind, and its fields as far as they are not about all containers.
struct Container<'a> {
    kind: &'static Kind,
    mark: Mark,
    /// Its layers or branches, or a squeeze's width.
    body: Option<&'a Node>,
    /// In the order they apply.
    fields: Vec<&'a Entry>,
}

impl<'a> LayerReader<'a, '_> {
    pub(super) fn container(
        &mut self,
        kind: &'static Kind,
        mark: Mark,
        node: Option<&'a Node>,
        outer_name: Option<&'a Entry>,
        scope: &mut Scope,
        items: &mut Vec<Item>,
    ) {
        let main = kind.main.unwrap_or("layers");
        let (entries, short): (&'a [Entry], Option<&'a Node>) = match node.map(|node| &node.value) {
            Some(Value::Map(entries)) => (entries, None),
            None | Some(Value::Null) => (&[], None),
            _ => (&[], node),
        };
        if let Some(node) = short
            && kind.name != "squeeze_excite"
            && !matches!(node.value, Value::List(_))
        {
            let form = match main {
                "branches" => "expected its branches: `[conv1-64, [conv1-96, conv3-128]]`",
                _ => "expected `{name: block1, layers: [conv3-64, maxpool]}`",
            };
            let message = format!("{} is not a {}", node.value.describe(), kind.name);
            self.problems.push(Problem::new(node.mark, message, form));
            return;
        }
        check_doubles(entries, self.problems);
        self.check_container_keys(kind, entries);
        let find = |key: &str| entries.iter().find(|entry| entry.key == key);
        if scope.depth >= limits::NESTING {
            self.problems.push(Problem::new(
                mark,
                format!("blocks are nested more than {} deep", limits::NESTING),
                "expected a flatter file",
            ));
            return;
        }
        let repeat = find("repeat").map(|entry| values::whole(&entry.value, 1..=u64::MAX, self.problems));
        let times = repeat.flatten().unwrap_or(1);
        let count = scope.count(kind.name);
        let name = outer_name
            .or_else(|| find("name"))
            .and_then(|entry| self.given_name(&entry.value))
            .unwrap_or_else(|| format!("{}{count}", kind.name));
        let body = short.or_else(|| find(main).map(|entry| &entry.value));
        if body.is_none() && kind.name != "squeeze_excite" {
            let (what, form) = match main {
                "branches" => ("branches", "expected `branches: [...]`"),
                _ => ("layers", "expected `layers: [...]`"),
            };
            self.problems.push(Problem::new(mark, format!("this {} has no {what}", kind.name), form));
            return;
        }
        let is_own = |entry: &&Entry| kind.field(&entry.key).is_some() && Some(entry.key.as_str()) != kind.main;
        let fields: Vec<&'a Entry> = entries.iter().filter(is_own).collect();
        for time in 1..=times {
            let name = match repeat {
                Some(_) => format!("{name}_{time}"),
                None => name.clone(),
            };
            let path = scope.join(&name);
            self.claim(&path, mark);
            self.block_paths.insert(path.clone());
            let before = self.layers();
            let mut container = Container { kind, mark, body, fields: fields.clone() };
            let outer = self.changes_of(&path);
            self.check_changed_keys(kind, &path, &outer);
            container.fields.extend(outer);
            let frames = self.repetition_changes.len();
            for (key, is_its) in [("first", time == 1), ("last", time == times)] {
                if let Some(entry) = find(key).filter(|_| is_its) {
                    container.fields.extend(self.change_repetition(kind, &path, entry));
                }
            }
            let wiring = self.wiring(&container, path.clone(), scope.depth + 1);
            self.end_repetition(kind, frames, &path);
            self.ended.insert(path);
            if let Some(wiring) = wiring {
                items.push(Item::Block(Block { name, mark, wiring }));
            }
            // A block that holds nothing could be repeated for ever without reaching the limit of layers.
            if self.too_many || self.layers() == before {
                return;
            }
        }
    }

    fn check_container_keys(&mut self, kind: &'static Kind, entries: &[Entry]) {
        let mut keys: Vec<&str> = kind.main.into_iter().chain(kind.fields.iter().map(|field| field.name)).collect();
        keys.dedup();
        keys.extend(CONTAINER_KEYS);
        for entry in entries {
            if !keys.contains(&entry.key.as_str()) && self.problems.wants() {
                self.problems.push(
                    Problem::new(
                        entry.key_mark,
                        format!("a {} has no key `{}`", kind.name, shorten(&entry.key)),
                        format!("expected {}", values::one_of(&keys)),
                    )
                    .help(self.problems.suggest(&entry.key, &keys)),
                );
            }
        }
    }

    /// What `override` may change of a container is what it says itself, not what it holds.
    fn check_changed_keys(&mut self, kind: &'static Kind, path: &str, fields: &[&'a Entry]) {
        let names: Vec<&str> = kind.fields.iter().map(|field| field.name).collect();
        for entry in fields {
            if !names.contains(&entry.key.as_str()) && self.problems.wants() {
                let expected = match names.is_empty() {
                    true => format!("nothing of a {} itself can be changed, only the layers in it", kind.name),
                    false => format!("expected {}, or the path of a layer in it", values::one_of(&names)),
                };
                let key = shorten(&entry.key);
                let message = format!("`{path}` is a {}, whose `{key}` cannot be changed", kind.name);
                self.problems.push(Problem::new(entry.key_mark, message, expected));
            }
        }
    }

    /// `first: {conv2: {stride: 2}}`: changes by path inside the container at `path`, until [`Self::end_repetition`]. Given back are
    /// those of the container itself: `first: {shortcut: project}`.
    fn change_repetition(&mut self, kind: &'static Kind, path: &str, entry: &'a Entry) -> Vec<&'a Entry> {
        let Value::Map(changes) = &entry.value.value else {
            self.problems.push(Problem::new(
                entry.value.mark,
                format!("{} does not fit `{}`", entry.value.value.describe(), entry.key),
                "expected changes by path: `{conv2: {stride: 2}}`",
            ));
            return Vec::new();
        };
        check_doubles(changes, self.problems);
        let is_own = |entry: &&Entry| kind.field(&entry.key).is_some() && !matches!(entry.value.value, Value::Map(_));
        let (own, inside): (Vec<&Entry>, Vec<&Entry>) = changes.iter().partition(is_own);
        let by_path =
            inside.into_iter().map(|entry| (format!("{path}.{}", entry.key), Change { entry, is_used: false }));
        self.repetition_changes.push(by_path.collect::<HashMap<_, _>>());
        own
    }

    fn end_repetition(&mut self, kind: &'static Kind, frames: usize, path: &str) {
        for frame in self.repetition_changes.split_off(frames) {
            for (changed, change) in frame {
                let mark = change.entry.key_mark;
                if change.is_used || self.too_many || !self.is_first("change", mark) || !self.problems.wants() {
                    continue;
                }
                let (message, help) = self.not_found(&changed, &change.entry.key);
                // Paths are given as they are written here, without those of the blocks around.
                let help = help.map(|help| help.replace(&format!("`{path}."), "`"));
                let own: Vec<&str> = kind.fields.iter().map(|field| field.name).collect();
                let or_own = if own.is_empty() { String::new() } else { format!(", or {}", values::one_of(&own)) };
                let expected = format!("expected the path of one layer in it, such as `conv2`{or_own}");
                self.problems.push(Problem::new(change.entry.key_mark, message, expected).help(help));
            }
        }
    }

    fn wiring(&mut self, container: &Container<'a>, path: String, depth: usize) -> Option<Wiring> {
        let mut scope = Scope::new(path.clone(), depth);
        match (container.kind.name, container.body) {
            ("block", Some(body)) => Some(Wiring::Sequence(self.list(body, &mut scope))),
            ("residual", Some(body)) => self.residual(container, body, &mut scope),
            ("concat", Some(body)) => {
                let branches = self.branches(body, &path, depth)?;
                self.join("concat", container.mark, &mut scope).then_some(Wiring::Concat(branches))
            }
            ("split", Some(body)) => {
                let branches = self.branches(body, &path, depth)?;
                for branch in branches.iter().filter(|branch| branch.from.is_none()) {
                    self.claim_row(&format!("{path}.{}.slice", branch.name), branch.mark);
                }
                self.join("concat", container.mark, &mut scope).then_some(Wiring::Split(branches))
            }
            ("gate", Some(body)) => {
                let layers = self.list(body, &mut scope);
                self.join("multiply", container.mark, &mut scope).then_some(Wiring::Gate(layers))
            }
            ("squeeze_excite", body) => self.squeeze_excite(container, body, &mut scope),
            _ => None,
        }
    }

    /// Takes the path of the row that joins branches.
    fn join(&mut self, name: &str, mark: Mark, scope: &mut Scope) -> bool {
        self.claim_row(&scope.join(name), mark);
        self.counts(mark)
    }

    fn residual(&mut self, container: &Container<'a>, body: &'a Node, scope: &mut Scope) -> Option<Wiring> {
        let layers = self.list(body, scope);
        let field = self.field(container, "shortcut");
        let shortcut_mark = field.map_or(container.mark, |node| node.mark);
        let shortcut = match field {
            None => Shortcut::Identity,
            Some(node) => self.shortcut(node, container.mark, scope)?,
        };
        if !self.join("add", container.mark, scope) {
            return None;
        }
        let activation = self.activation_of(container, "activation", None);
        let activation = activation.map(|operation| {
            let name = operation.kind().to_string();
            self.claim_row(&scope.join(&name), container.mark);
            Box::new(Layer { name, operation, brought: true, mark: container.mark, fields: Vec::new() })
        });
        Some(Wiring::Residual { layers, shortcut, shortcut_mark, activation })
    }

    fn shortcut(&mut self, node: &'a Node, mark: Mark, scope: &Scope) -> Option<Shortcut> {
        let path = scope.join("shortcut");
        if let Value::List(_) = &node.value {
            self.claim_row(&path, mark);
            self.block_paths.insert(path.clone());
            return Some(Shortcut::Layers(self.list(node, &mut Scope::new(path, scope.depth + 1))));
        }
        if !matches!(node.value, Value::Text(_)) {
            self.problems.push(Problem::new(
                node.mark,
                format!("{} is not a shortcut", node.value.describe()),
                format!("expected {}, or a list of layers", values::one_of(SHORTCUTS)),
            ));
            return None;
        }
        if let Value::Text(word) = &node.value
            && !SHORTCUTS.contains(&word.as_str())
        {
            self.problems.push(
                Problem::new(
                    node.mark,
                    format!("no shortcut is called `{}`", shorten(word)),
                    format!("expected {}, or a list of layers: `[conv1-64/2]`", values::one_of(SHORTCUTS)),
                )
                .help(self.problems.suggest(word, SHORTCUTS)),
            );
            return None;
        }
        Some(match values::word(node, SHORTCUTS, self.problems)? {
            "project" => {
                self.claim_row(&path, mark);
                Shortcut::Project(self.projection(mark, &path)?)
            }
            "drop" => Shortcut::Drop,
            "pad" => {
                self.claim_row(&path, mark);
                self.claim_row(&format!("{path}.pad_channels1"), mark);
                Shortcut::Pad
            }
            _ => Shortcut::Identity,
        })
    }

    /// A 1×1 conv, with the norm that `defaults` give a conv; the shapes say how wide and with which stride.
    fn projection(&mut self, mark: Mark, path: &str) -> Option<Vec<Layer>> {
        let path = format!("{path}.conv1");
        self.claim_row(&path, mark);
        let fields = self.changes_of(&path);
        let written = Written { kind: kinds::kind("conv")?, mark, short: None, fields, main: None };
        let read = Reader::new(written, &self.defaults, self.classes, self.problems).read_projection()?;
        let (operation, fields) = (read.operation, read.fields);
        let mut layers = vec![Layer { name: "conv1".into(), operation, brought: false, mark, fields }];
        for operation in read.brought {
            let name = format!("conv1.{}", operation.kind());
            self.claim_row(&format!("{path}.{}", operation.kind()), mark);
            layers.push(Layer { name, operation, brought: true, mark, fields: Vec::new() });
        }
        Some(layers)
    }

    fn branches(&mut self, body: &'a Node, path: &str, depth: usize) -> Option<Vec<Branch>> {
        let Value::List(nodes) = &body.value else {
            self.problems.push(Problem::new(
                body.mark,
                format!("{} is not a list of branches", body.value.describe()),
                "expected a list: `[conv1-64, [conv1-96, conv3-128], identity]`",
            ));
            return None;
        };
        if nodes.is_empty() {
            self.problems.push(Problem::new(body.mark, "the list of branches is empty", "expected at least one"));
            return None;
        }
        let mut branches = Vec::new();
        for (index, node) in nodes.iter().enumerate() {
            if self.too_many {
                break;
            }
            let name = format!("branch{}", index + 1);
            let branch_path = format!("{path}.{name}");
            self.claim(&branch_path, node.mark);
            self.block_paths.insert(branch_path.clone());
            let mut scope = Scope::new(branch_path.clone(), depth + 1);
            let nodes = match &node.value {
                Value::List(nodes) => nodes.as_slice(),
                _ => std::slice::from_ref(node),
            };
            if let Value::Map(entries) = &node.value
                && entries.len() > 1
                && let Some(from) = entries.iter().find(|entry| entry.key == "from")
            {
                self.problems.push(Problem::new(
                    from.key_mark,
                    "`from` stands beside a layer",
                    "expected a list: `[from: enc4, conv3-64]`",
                ));
                continue;
            }
            let (from, rest) = match nodes.split_first() {
                Some((first, rest)) => match &first.value {
                    Value::Map(entries) if entries.len() == 1 && entries[0].key == "from" => {
                        (self.reference(&entries[0].value, &branch_path), rest)
                    }
                    Value::Text(word) if rest.is_empty() && word.eq_ignore_ascii_case("identity") => (None, rest),
                    _ => (None, nodes),
                },
                None => {
                    self.problems.push(Problem::new(
                        node.mark,
                        "this branch is empty",
                        "expected layers, or `identity` for what arrives as it is",
                    ));
                    (None, nodes)
                }
            };
            let mut items = Vec::new();
            self.items(rest, &mut scope, &mut items);
            self.ended.insert(branch_path);
            branches.push(Branch { name, mark: node.mark, from, items });
        }
        Some(branches)
    }

    /// The layer or block before that a name means: in this block, or in those around it.
    fn reference(&mut self, node: &Node, around: &str) -> Option<Reference> {
        let name = values::text(node, self.problems)?;
        let path = outward(around, &name).find(|path| self.ended.contains(path));
        if path.is_none() && self.is_first("reference", node.mark) {
            self.unknown_references.push((name, node.mark, around.to_string()));
        }
        path.map(|path| Reference { path, mark: node.mark })
    }

    /// A field of a container: changed, written, or of `defaults`.
    fn field(&self, container: &Container<'a>, name: &str) -> Option<&'a Node> {
        let defaults = || self.defaults.of(container.kind.name).iter().rev().find(|entry| entry.key == name);
        let own = container.fields.iter().rev().find(|entry| entry.key == name).copied();
        own.or_else(defaults).map(|entry| &entry.value)
    }

    /// The activation that a field of a container names.
    fn activation_of(
        &mut self,
        container: &Container<'a>,
        field: &str,
        without: Option<&'static str>,
    ) -> Option<Operation> {
        let word = match self.field(container, field) {
            Some(node) => {
                let words: Vec<&'static str> = ["none"].iter().chain(ACTIVATIONS).copied().collect();
                values::word(node, &words, self.problems)?
            }
            None => without?,
        };
        let kind = kinds::kind(if word == "none" { "relu" } else { word })?;
        let written = Written { kind, mark: container.mark, short: None, fields: Vec::new(), main: None };
        Reader::new(written, &self.defaults, self.classes, self.problems).activation_layer(word)
    }

    /// Hu et al. 2018: a gate of the mean of each channel through two 1×1 convs with biases.
    fn squeeze_excite(
        &mut self,
        container: &Container<'a>,
        body: Option<&'a Node>,
        scope: &mut Scope,
    ) -> Option<Wiring> {
        use crate::spec::describe::{Conv, Groups, Padding, Sides, Width};
        let changed = container.fields.iter().rev().find(|entry| entry.key == "out").map(|entry| &entry.value);
        let Some(node) = changed.or(body).or_else(|| self.field(container, "out")) else {
            self.problems.push(Problem::new(
                container.mark,
                "this squeeze_excite has no `out`",
                "expected `out`: a number of channels, or a part of what arrives such as `/16`",
            ));
            return None;
        };
        let out = values::width(node, "channels", &[], self.problems);
        let squeeze = self.activation_of(container, "activation", Some("relu"));
        let gate = self.activation_of(container, "gate", Some("sigmoid"));
        let conv = |out| {
            Operation::Conv(Conv {
                out,
                kernel: Pair::square(1),
                stride: Pair::square(1),
                padding: Padding::Sides(Sides::NONE),
                dilation: Pair::square(1),
                groups: Groups::Count(1),
                bias: true,
            })
        };
        let mut rows = vec![("global_avgpool1".to_string(), Operation::GlobalAvgPool, false)];
        for (name, operation, brought) in [("conv1", conv(out?), squeeze), ("conv2", conv(Width::OfGate), gate)] {
            rows.push((name.to_string(), operation, false));
            rows.extend(brought.map(|operation| (format!("{name}.{}", operation.kind()), operation, true)));
        }
        let mut items = Vec::new();
        for (name, operation, brought) in rows {
            let path = scope.join(&name);
            self.claim(&path, container.mark);
            self.ended.insert(path);
            if !brought && !self.counts(container.mark) {
                return None;
            }
            // What is wrong with its width is wrong with `out`.
            let fields = vec![("out", node.mark)];
            items.push(Item::Layer(Layer { name, operation, brought, mark: container.mark, fields }));
        }
        self.join("multiply", container.mark, scope).then_some(Wiring::Gate(items))
    }
}
