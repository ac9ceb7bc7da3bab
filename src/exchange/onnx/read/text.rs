//! A network's blocks as the text of an architecture file, in the words that a person would take.

use std::collections::{HashMap, HashSet};

use super::blocks::{Branch, Item, Shortcut};
use super::folding::{Entry, begins_later, common, is_container, period, repeated, taken_by_kinds, varied};
use super::layers::{Layers, pair};
use super::net::{Net, Value};
use super::usual::{Squeeze, Unit, Usual, activation_word, squeeze};
use super::yaml::Yaml;
use crate::graph::{Operation, Window};
use crate::spec::describe::{Pair, Sides};

/// The text, and the values with parameters in the order of its rows.
pub fn write(net: &Net, items: &[Item], name: &str) -> (String, Vec<Value>) {
    let mut read_by_name = HashSet::new();
    gather(items, &mut read_by_name);
    let usual = Usual::of(net, items, &read_by_name);
    let (names, paths) = (HashMap::new(), HashMap::new());
    let mut writer = Writer { net, usual, order: Vec::new(), names, read_by_name, paths, here: Vec::new() };
    let layers = writer.list(items, true);
    let mut entries = vec![("name".to_string(), Yaml::text(quoted(name)))];
    entries.push(("input".into(), Yaml::List(net.input[1..].iter().map(Yaml::text).collect())));
    entries.extend(writer.usual.classes.map(|classes| ("classes".to_string(), Yaml::text(classes))));
    entries.extend(writer.usual.defaults().map(|defaults| ("defaults".to_string(), defaults)));
    entries.push(("layers".into(), layers));
    (Yaml::lines(&entries, 0), writer.order)
}

/// The values that concats read by name.
fn gather(items: &[Item], into: &mut HashSet<Value>) {
    for item in items {
        match item {
            Item::Layer(_) => {}
            Item::Residual { layers, shortcut, .. } => {
                gather(layers, into);
                if let Shortcut::Layers(own) = shortcut {
                    gather(own, into);
                }
            }
            Item::Concat(branches) => {
                for branch in branches {
                    match branch {
                        Branch::Items(own) => gather(own, into),
                        Branch::From(value) => {
                            into.insert(*value);
                        }
                    }
                }
            }
            Item::Split(branches) => branches.iter().for_each(|own| gather(own, into)),
            Item::Gate(own) => gather(own, into),
        }
    }
}

/// A text that YAML would take for something else, in quotes.
fn quoted(text: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || " _-.".contains(letter);
    let plain = text.chars().all(is_plain) && text.chars().next().is_some_and(|first| first.is_ascii_alphabetic());
    let means_else = ["true", "false", "null", "yes", "no", "on", "off"].contains(&text.to_lowercase().as_str());
    if plain && !means_else && text.trim() == text {
        text.to_string()
    } else {
        serde_json::Value::from(text).to_string()
    }
}

struct Writer<'n> {
    net: &'n Net,
    usual: Usual,
    /// Values with parameters, in the order of their rows.
    order: Vec<Value>,
    /// Names that blocks have been given.
    names: HashMap<String, usize>,
    /// Values that concats read by name, the paths that they have, and that of the blocks around what is written.
    read_by_name: HashSet<Value>,
    paths: HashMap<Value, String>,
    here: Vec<String>,
}

impl Writer<'_> {
    fn layers(&self) -> Layers<'_> {
        Layers { net: self.net, usual: &self.usual }
    }

    fn list(&mut self, items: &[Item], named: bool) -> Yaml {
        let mut entries = Vec::new();
        let mut at = 0;
        while at < items.len() {
            let (entry, length) = self.entry(items, at);
            entries.push(entry);
            at += length;
        }
        Yaml::List(self.folded(entries, named))
    }

    fn entry(&mut self, items: &[Item], at: usize) -> (Entry, usize) {
        // What holds a value that is read by name gets a block of its own around it, and so a path that is known.
        let mut inside = HashSet::new();
        let holds = !matches!(items[at], Item::Layer(_)) && {
            values_in(&items[at..=at], &mut inside);
            inside.iter().any(|value| self.read_by_name.contains(value))
        };
        let depth = self.here.len();
        if holds {
            self.enter();
            self.here.push(format!("{}1", kind_of(&items[at])));
        }
        let (mut entry, length) = self.bare_entry(items, at);
        let last = match (&items[at], length) {
            (_, length) if length > 1 => match &items[at + length - 1] {
                Item::Layer(value) => Some(*value),
                _ => None,
            },
            (Item::Layer(value), _) => Some(*value),
            (other, _) => self.end_of(other, items.get(at + 1)),
        };
        self.here.truncate(depth + usize::from(holds));
        let read = last.filter(|value| self.read_by_name.contains(value));
        if let Some(value) = read {
            if !holds {
                self.enter();
            }
            self.paths.insert(value, self.here.join("."));
        }
        if holds || read.is_some() {
            let name = self.here.last().cloned().unwrap_or_default();
            let fields =
                vec![("name".to_string(), Yaml::text(name)), ("layers".to_string(), Yaml::List(vec![entry.yaml]))];
            entry = Entry { yaml: Yaml::one("block", Yaml::Map(fields)), called: None, even: None, projected: false };
        }
        self.here.truncate(depth);
        (entry, length)
    }

    /// Goes into a block with a name of its own.
    fn enter(&mut self) {
        let count = self.names.entry(String::new()).or_default();
        *count += 1;
        self.here.push(format!("part{count}"));
    }

    /// The value that a container gives, where nothing stands behind it that it takes in.
    fn end_of(&self, item: &Item, next: Option<&Item>) -> Option<Value> {
        // The value that the next layer reads.
        let mut inside = HashSet::new();
        values_in(std::slice::from_ref(item), &mut inside);
        let largest = inside.iter().copied().max().unwrap_or(0);
        let first = match next {
            Some(Item::Layer(value)) => self.net.only_input(*value),
            _ => None,
        };
        first.or_else(|| {
            self.read_by_name.iter().copied().filter(|&value| value > largest && self.joins(value, &inside)).min()
        })
    }

    /// Whether a value is the join of values in a container.
    fn joins(&self, value: Value, inside: &HashSet<Value>) -> bool {
        let is_join =
            matches!(self.net.operation(value), Some(Operation::Add | Operation::Concat | Operation::Multiply));
        is_join && self.net.step(value).is_some_and(|step| step.inputs.iter().any(|input| inside.contains(input)))
    }

    fn bare_entry(&mut self, items: &[Item], at: usize) -> (Entry, usize) {
        let (net, usual) = (self.net, self.usual.norm);
        let first = self.order.len();
        let mut projected = false;
        let (yaml, even, length) = match &items[at] {
            Item::Layer(value) => {
                let unit = Unit::of(net, items, at, Some(usual), &self.read_by_name);
                let values = items[at..at + unit.length].iter().filter_map(|item| match item {
                    Item::Layer(value) => Some(*value),
                    _ => None,
                });
                self.order.extend(values.filter(|&value| net.step(value).is_some_and(|step| !step.tensors.is_empty())));
                (self.layers().layer(*value, &unit), None, unit.length)
            }
            Item::Residual { layers, shortcut, activation } => {
                let mut fields = Vec::new();
                let layers_yaml = self.list(layers, false);
                let even = self.evened(layers);
                let shortcut = match shortcut {
                    Shortcut::Identity => None,
                    Shortcut::Pad => Some(Yaml::text("pad")),
                    Shortcut::Layers(own) => match self.is_projection(own) {
                        true => {
                            self.list(own, false);
                            Some(Yaml::text("project"))
                        }
                        false => {
                            self.here.push("shortcut".into());
                            let list = self.list(own, false);
                            self.here.pop();
                            Some(list)
                        }
                    },
                };
                let is_text = shortcut.as_ref().is_none_or(|own| matches!(own, Yaml::Text(_)));
                // Said once for all.
                let project = Yaml::text("project");
                let shortcut = shortcut.filter(|own| !(self.usual.projects && *own == project));
                let is_projected = !matches!(&items[at], Item::Residual { shortcut: Shortcut::Identity, .. });
                fields.extend(shortcut.map(|own| ("shortcut".to_string(), own)));
                let mut length = 1;
                let following = match items.get(at + 1) {
                    Some(Item::Layer(value)) => activation_word(net, *value),
                    _ => None,
                };
                let activation = activation.and_then(|value| activation_word(net, value)).or_else(|| {
                    length += usize::from(following.is_some());
                    following
                });
                match (activation, self.usual.residual) {
                    (own, usual) if own == usual => {}
                    (Some(own), _) => fields.push(("activation".into(), Yaml::text(own))),
                    (None, _) => fields.push(("activation".into(), Yaml::text("none"))),
                }
                let whole = |layers: Yaml, mut fields: Vec<(String, Yaml)>| match fields.is_empty() {
                    true => Yaml::one("residual", layers),
                    false => {
                        fields.insert(0, ("layers".into(), layers));
                        Yaml::one("residual", Yaml::Map(fields))
                    }
                };
                let even = even.filter(|_| is_text).map(|(layers, strides)| {
                    projected = is_projected;
                    let fields = fields.iter().filter(|(key, _)| key != "shortcut").cloned().collect();
                    (whole(layers, fields), strides)
                });
                (whole(layers_yaml, fields), even, length)
            }
            Item::Concat(branches) => (Yaml::one("concat", self.branches(branches)), None, 1),
            Item::Split(branches) => {
                let branches: Vec<Branch> = branches.iter().cloned().map(Branch::Items).collect();
                (Yaml::one("split", self.branches(&branches)), None, 1)
            }
            Item::Gate(layers) => (self.gate(layers), None, 1),
        };
        let called =
            common(self.order[first..].iter().map(|&value| net.step(value).and_then(|step| step.called.as_deref())));
        (Entry { yaml, called, even, projected }, length)
    }

    /// `squeeze_excite` where the gate is one, as its own words say it.
    fn gate(&mut self, layers: &[Item]) -> Yaml {
        // Written in any case, so that its values are counted.
        let list = self.list(layers, false);
        let Some(Squeeze { out, activation, gate }) = squeeze(self.net, layers) else { return Yaml::one("gate", list) };
        let mut fields = vec![("out".to_string(), Yaml::text(out))];
        let others = [("activation", activation, "relu"), ("gate", gate, "sigmoid")];
        let others = others.into_iter().filter(|(_, own, usual)| own != usual);
        fields.extend(others.map(|(key, own, _)| (key.to_string(), Yaml::text(own))));
        match fields.len() {
            1 => Yaml::one("squeeze_excite", Yaml::text(out)),
            _ => Yaml::one("squeeze_excite", Yaml::Map(fields)),
        }
    }

    fn branches(&mut self, branches: &[Branch]) -> Yaml {
        let mut all = Vec::new();
        for (at, branch) in branches.iter().enumerate() {
            let branch = match branch {
                Branch::Items(items) => items,
                Branch::From(value) => {
                    let path = self.paths.get(value).cloned().unwrap_or_default();
                    all.push(Yaml::one("from", Yaml::text(path)));
                    continue;
                }
            };
            self.here.push(format!("branch{}", at + 1));
            all.push(match branch.is_empty() {
                true => Yaml::text("identity"),
                false => match self.list(branch, false) {
                    Yaml::List(mut items) if items.len() == 1 && matches!(items[0], Yaml::Text(_)) => items.remove(0),
                    list => list,
                },
            });
            self.here.pop();
        }
        Yaml::List(all)
    }

    /// Whether a shortcut is the 1×1 conv that `project` stands for.
    fn is_projection(&self, items: &[Item]) -> bool {
        let Some(Item::Layer(value)) = items.first() else { return false };
        let unit = Unit::of(self.net, items, 0, Some(self.usual.norm), &self.read_by_name);
        let Some(Operation::Conv { window, groups: 1, bias }) = self.net.operation(*value) else { return false };
        let usual = self.usual.conv;
        let Some(Item::Layer(last)) = items.last() else { return false };
        let arrives = self.net.only_input(*value).map(|input| self.net.shape(input));
        // Where shapes are equal, nothing is projected.
        arrives.is_some_and(|arrives| arrives != self.net.shape(*last))
            && items.len() == unit.length
            && unit.activation.is_none()
            && unit.norm.is_some() == usual.norm
            && *bias == usual.bias
            && window.kernel == Pair::square(1)
            && window.padding == Sides::NONE
    }

    /// The layers of a block with every stride taken for 1, and the convs that have another.
    fn evened(&mut self, items: &[Item]) -> Option<(Yaml, Vec<(usize, Yaml)>)> {
        let (mut list, mut strides, mut convs, mut at) = (Vec::new(), Vec::new(), 0, 0);
        let kept = self.order.len();
        while at < items.len() {
            let Item::Layer(value) = items[at] else {
                let (entry, length) = self.entry(items, at);
                list.push(entry.yaml);
                at += length;
                continue;
            };
            let unit = Unit::of(self.net, items, at, Some(self.usual.norm), &self.read_by_name);
            match self.net.operation(value) {
                Some(Operation::Conv { window, groups, bias }) => {
                    convs += 1;
                    if window.stride != Pair::square(1) {
                        strides.push((convs, pair(window.stride)));
                    }
                    let even = Window { stride: Pair::square(1), ..*window };
                    list.push(self.layers().conv(value, even, *groups, *bias, &unit));
                }
                _ => list.push(self.layers().layer(value, &unit)),
            }
            at += unit.length;
        }
        // It is written again; its values have been counted.
        self.order.truncate(kept);
        Some((Yaml::List(list), strides))
    }

    /// Entries that stand several times in a row, said once.
    fn folded(&mut self, entries: Vec<Entry>, named: bool) -> Vec<Yaml> {
        let mut out = Vec::new();
        let mut at = 0;
        while at < entries.len() {
            let same = entries[at..].iter().take_while(|own| own.yaml == entries[at].yaml).count();
            let varied = varied(&entries[at..]);
            let (yaml, length) = match (&entries[at].yaml, varied) {
                (_, Some((yaml, count))) if count > same => (repeated(yaml, count), count),
                (Yaml::Text(text), _) if same > 1 => (Yaml::text(format!("{text} x{same}")), same),
                (own @ Yaml::Map(fields), _) if same > 1 && is_container(fields) => (repeated(own.clone(), same), same),
                (own, _) => match period(&entries[at..]).filter(|found| !begins_later(&entries[at..], *found)) {
                    Some((length, count)) => {
                        let inside: Vec<Yaml> = entries[at..at + length].iter().map(|own| own.yaml.clone()).collect();
                        let fields =
                            vec![("repeat".to_string(), Yaml::text(count)), ("layers".to_string(), Yaml::List(inside))];
                        (Yaml::one("block", Yaml::Map(fields)), length * count)
                    }
                    None => (own.clone(), 1),
                },
            };
            let called = common(entries[at..at + length].iter().map(|own| own.called.as_deref()));
            out.push(match called.filter(|_| named) {
                Some(called) => self.named(yaml, &called),
                None => yaml,
            });
            at += length;
        }
        out
    }

    /// A container under the name that its weights have in the file, where that is one that a block can have.
    fn named(&mut self, yaml: Yaml, called: &str) -> Yaml {
        let is_name = |text: &str| {
            text.starts_with(|letter: char| letter.is_ascii_alphabetic())
                && text.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
        };
        let Yaml::Map(mut fields) = yaml else { return yaml };
        let parts: Vec<&str> = called.split('.').collect();
        let name = match parts.as_slice() {
            [.., before, last] if last.bytes().all(|byte| byte.is_ascii_digit()) => format!("{before}_{last}"),
            [.., last] => last.to_string(),
            [] => String::new(),
        };
        let repeats = match fields.first() {
            Some((_, Yaml::Map(inside))) => inside.iter().find(|(key, _)| key == "repeat").map(|(_, own)| own.flow()),
            _ => None,
        };
        // A block that is repeated is called by its name with a number.
        let repeats: usize = repeats.and_then(|own| own.parse().ok()).unwrap_or(0);
        let claimed: Vec<String> =
            std::iter::once(name.clone()).chain((1..=repeats).map(|at| format!("{name}_{at}"))).collect();
        if is_container(&fields)
            && is_name(&name)
            && !taken_by_kinds(&name)
            && !claimed.iter().any(|own| self.names.contains_key(own))
        {
            self.names.extend(claimed.into_iter().map(|own| (own, 1)));
            let (kind, inside) = fields.remove(0);
            let main = if matches!(kind.as_str(), "concat" | "split") { "branches" } else { "layers" };
            let mut inside = match inside {
                Yaml::Map(inside) => inside,
                list => vec![(main.to_string(), list)],
            };
            inside.insert(0, ("name".into(), Yaml::text(name)));
            fields.insert(0, (kind, Yaml::Map(inside)));
        }
        Yaml::Map(fields)
    }
}

/// Every layer inside.
fn values_in(items: &[Item], into: &mut HashSet<Value>) {
    for item in items {
        match item {
            Item::Layer(value) => {
                into.insert(*value);
            }
            Item::Residual { layers, shortcut, .. } => {
                values_in(layers, into);
                if let Shortcut::Layers(own) = shortcut {
                    values_in(own, into);
                }
            }
            Item::Concat(branches) => {
                for branch in branches {
                    if let Branch::Items(own) = branch {
                        values_in(own, into);
                    }
                }
            }
            Item::Split(branches) => branches.iter().for_each(|own| values_in(own, into)),
            Item::Gate(own) => values_in(own, into),
        }
    }
}

fn kind_of(item: &Item) -> &'static str {
    match item {
        Item::Layer(_) => "block",
        Item::Residual { .. } => "residual",
        Item::Concat(_) => "concat",
        Item::Split(_) => "split",
        Item::Gate(_) => "gate",
    }
}
