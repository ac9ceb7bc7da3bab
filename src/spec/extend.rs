//! `extends`, `override` and `--set`: several texts merged into one tree.

use std::collections::HashSet;

use super::kinds::TOP_LEVEL;
use super::node::{Entry, Mark, Node, Value, shorten};
use super::problem::{Problem, Problems};

/// A file with everything it extends merged in.
#[derive(Debug)]
pub struct Document {
    /// The file's own root, for problems about what is absent.
    pub root: Mark,
    pub entries: Vec<Entry>,
    /// Changes of single layers by path, in the order they apply: the base's first.
    pub overrides: Vec<Entry>,
    /// Whether a part could not be read, so that what seems absent may stand there.
    pub incomplete: bool,
}

impl Document {
    pub fn find(&self, key: &str) -> Option<&Node> {
        let entry = self.entries.iter().find(|entry| entry.key == key);
        entry.map(|entry| &entry.value)
    }

    /// One file alone; its `extends` is left for the caller to follow.
    pub fn new(node: Node, problems: &mut Problems) -> Self {
        let mut document = Document { root: node.mark, entries: Vec::new(), overrides: Vec::new(), incomplete: false };
        let entries = match node.value {
            Value::Map(entries) => entries,
            other => {
                let message = match other {
                    Value::Null => "the file is empty".to_string(),
                    other => format!("the file is {}, not an architecture", other.describe()),
                };
                problems.push(Problem::new(node.mark, message, "expected keys such as `input` and `layers`"));
                document.incomplete = true;
                return document;
            }
        };
        let mut seen = HashSet::new();
        for entry in entries {
            if !seen.insert(entry.key.clone()) {
                if !problems.wants() {
                    continue;
                }
                problems.push(Problem::new(
                    entry.key_mark,
                    format!("`{}` stands here a second time", shorten(&entry.key)),
                    "expected each key once",
                ));
            } else if entry.key == "override" {
                document.overrides = changes(entry.value, problems);
            } else {
                document.entries.push(entry);
            }
        }
        document
    }

    /// Puts this file on top of `base`: `defaults` field by field, changes of layers after the base's, every other
    /// key instead of the base's. The base keeps its aliases to itself, and its published weights from a file with other layers.
    pub fn on_top_of(self, base: Document) -> Document {
        let mut merged = Document {
            root: self.root,
            entries: base.entries,
            overrides: base.overrides,
            incomplete: self.incomplete || base.incomplete,
        };
        let has_other_layers =
            !self.overrides.is_empty() || ["layers", "defaults"].iter().any(|key| self.find(key).is_some());
        merged.entries.retain(|entry| entry.key != "aliases" && !(has_other_layers && entry.key == "weights"));
        if self.find("layers").is_some() {
            // The base's changes were about layers that are gone.
            merged.overrides.clear();
        }
        for entry in self.entries {
            if entry.key == "extends" {
                continue;
            }
            let same = merged.entries.iter_mut().find(|other| other.key == entry.key);
            match same {
                Some(old) if entry.key == "defaults" => merge_defaults(old, entry),
                Some(old) => *old = entry,
                None => merged.entries.push(entry),
            }
        }
        merged.entries.retain(|entry| entry.key != "extends");
        merged.overrides.extend(self.overrides);
        merged
    }

    /// The document as YAML text that stands alone: nothing is left that extends another file.
    pub fn to_text(&self) -> String {
        let mut map: serde_yaml::Mapping =
            self.entries.iter().map(|entry| (entry.key.as_str().into(), plain(&entry.value))).collect();
        let mut overrides = serde_yaml::Mapping::new();
        for change in &self.overrides {
            // Later changes of a layer are laid over earlier ones, field by field.
            let fields =
                overrides.entry(change.key.as_str().into()).or_insert_with(|| serde_yaml::Mapping::new().into());
            match (fields, plain(&change.value)) {
                (serde_yaml::Value::Mapping(fields), serde_yaml::Value::Mapping(new)) => fields.extend(new),
                (fields, other) => *fields = other,
            }
        }
        if !overrides.is_empty() {
            map.insert("override".into(), overrides.into());
        }
        // A tree of plain values always has a text.
        serde_yaml::to_string(&map).unwrap_or_default()
    }

    /// Applies `--set KEY=VALUE`. The key is a dotted path from the top of the file (`defaults.conv.kernel`), or a
    /// layer's path and a field (`block3.conv3.out`).
    pub fn set(&mut self, key: &str, value: Node, problems: &mut Problems) {
        let mark = value.mark;
        let segments: Vec<&str> = key.split('.').collect();
        if let Some(path) = key.strip_prefix("override.") {
            return self.set_layer(path, value, problems);
        }
        if !TOP_LEVEL.contains(&segments[0]) && segments.len() > 1 {
            return self.set_layer(key, value, problems);
        }
        if !TOP_LEVEL.contains(&segments[0]) || segments[0] == "extends" {
            problems.push(
                Problem::new(
                    mark,
                    format!("nothing called `{}` can be set", shorten(key)),
                    "expected a key of the file, or a layer's path and a field, such as `classes` or `block1.conv1.out`",
                )
                .help(problems.suggest(key, TOP_LEVEL)),
            );
            return;
        }
        if key == "override" {
            self.overrides.extend(changes(value, problems));
            return;
        }
        if key == "layers" {
            // The file's changes were about layers that are gone.
            self.overrides.clear();
        }
        let entries = &mut self.entries;
        if !set_in(entries, &segments, value) {
            problems.push(Problem::new(
                mark,
                format!("`{}` leads through something that is not a map or list", shorten(key)),
                "expected a path such as `defaults.conv.kernel`",
            ));
        }
    }

    fn set_layer(&mut self, path: &str, value: Node, problems: &mut Problems) {
        let mark = value.mark;
        if matches!(value.value, Value::Map(_)) {
            self.overrides.push(entry(path, value));
        } else if let Some((layer, field)) = path.rsplit_once('.') {
            let fields = Node { mark, value: Value::Map(vec![entry(field, value)]) };
            self.overrides.push(entry(layer, fields));
        } else {
            problems.push(Problem::new(
                mark,
                format!("`{}` names no field", shorten(path)),
                "expected a layer's path and a field, such as `block1.conv1.out`",
            ));
        }
    }
}

/// The changes of an `override`, by path.
fn changes(node: Node, problems: &mut Problems) -> Vec<Entry> {
    match node.value {
        Value::Map(changes) => changes,
        other => {
            problems.push(Problem::new(
                node.mark,
                format!("{} does not fit `override`", other.describe()),
                "expected changes by path: `{block3.conv3: {out: 128}}`",
            ));
            Vec::new()
        }
    }
}

/// A node without its place.
fn plain(node: &Node) -> serde_yaml::Value {
    match &node.value {
        Value::Null => serde_yaml::Value::Null,
        Value::Bool(value) => (*value).into(),
        // The reader takes no integer that fits neither.
        Value::Integer(value) => u64::try_from(*value).map_or_else(|_| (*value as i64).into(), Into::into),
        Value::Float(value) => (*value).into(),
        Value::Text(value) => value.as_str().into(),
        Value::List(items) => items.iter().map(plain).collect::<Vec<_>>().into(),
        Value::Map(entries) => {
            let map = entries.iter().map(|entry| (entry.key.as_str().into(), plain(&entry.value)));
            serde_yaml::Value::Mapping(map.collect())
        }
    }
}

fn entry(key: &str, value: Node) -> Entry {
    Entry { key: key.to_string(), key_mark: value.mark, value }
}

fn merge_defaults(old: &mut Entry, new: Entry) {
    let Value::Map(kinds) = new.value.value else {
        old.value = new.value;
        return;
    };
    let Value::Map(old_kinds) = &mut old.value.value else {
        old.value.value = Value::Map(kinds);
        return;
    };
    for kind in kinds {
        let same = old_kinds.iter_mut().find(|other| other.key == kind.key);
        match (same, kind) {
            (
                Some(Entry { value: Node { value: Value::Map(old_fields), .. }, .. }),
                Entry { value: Node { value: Value::Map(fields), .. }, .. },
            ) => {
                for field in fields {
                    old_fields.retain(|other| other.key != field.key);
                    old_fields.push(field);
                }
            }
            (Some(old_kind), kind) => *old_kind = kind,
            (None, kind) => old_kinds.push(kind),
        }
    }
}

/// Sets the value at `segments`, making maps on the way. False if something else stands in the way.
fn set_in(entries: &mut Vec<Entry>, segments: &[&str], value: Node) -> bool {
    let Some((first, rest)) = segments.split_first() else {
        return false;
    };
    let at = entries.iter().position(|entry| entry.key == *first);
    let at = at.unwrap_or_else(|| {
        let empty = Node { mark: value.mark, value: Value::Map(Vec::new()) };
        entries.push(entry(first, empty));
        entries.len() - 1
    });
    let target = &mut entries[at].value;
    set_at(target, rest, value)
}

fn set_at(target: &mut Node, rest: &[&str], value: Node) -> bool {
    let Some((next, after)) = rest.split_first() else {
        *target = value;
        return true;
    };
    match &mut target.value {
        Value::Map(entries) => set_in(entries, rest, value),
        Value::List(items) => match next.parse::<usize>().ok().and_then(|index| items.get_mut(index)) {
            Some(item) => set_at(item, after, value),
            None => false,
        },
        _ => false,
    }
}
