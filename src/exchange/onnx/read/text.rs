//! A network's blocks as the text of an architecture file, in the words that a person would take.

use std::collections::{HashMap, HashSet};

use super::blocks::{Branch, Item, Join, Shortcut};
use super::folding::{Entry, begins_later, common, is_container, main_field, period, repeated, taken_by_kinds, varied};
use super::layers::{Layers, pair};
use super::net::{Net, Value};
use super::usual::{Squeeze, Unit, Usual, activation_word, squeeze};
use super::yaml::Yaml;
use crate::graph::{Operation, Window};
use crate::spec::describe::{Pair, Sides};

/// An architecture's text, with what its rows are.
pub struct Written {
    pub text: String,
    /// The value of each row and what it is made of, in the order of the rows.
    pub rows: Vec<Join>,
}

/// Writes a network's blocks. The error is a concat that reads by name what has no name yet.
pub fn write(net: &Net, items: &[Item], name: &str) -> Result<Written, Value> {
    let mut read_by_name = HashSet::new();
    gather(items, &mut read_by_name);
    let usual = Usual::of(net, items, &read_by_name);
    let (names, paths) = (HashSet::new(), HashMap::new());
    let (rows, here) = (Vec::new(), Vec::new());
    let mut writer = Writer { net, usual, rows, names, parts: 0, read_by_name, paths, here, nameless: None };
    let layers = writer.list(items, true);
    if let Some(value) = writer.nameless {
        return Err(value);
    }
    let mut entries = vec![("name".to_string(), Yaml::text(quoted(name)))];
    entries.push(("input".into(), Yaml::List(net.input[1..].iter().map(Yaml::text).collect())));
    entries.extend(writer.usual.classes.map(|classes| ("classes".to_string(), Yaml::text(classes))));
    entries.extend(writer.usual.defaults().map(|defaults| ("defaults".to_string(), defaults)));
    entries.push(("layers".into(), layers));
    Ok(Written { text: Yaml::lines(&entries, 0), rows: writer.rows })
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
            Item::Concat { branches, .. } => {
                for branch in branches {
                    match branch {
                        Branch::Items(own) => gather(own, into),
                        Branch::From(value, own) => {
                            into.insert(*value);
                            gather(own, into);
                        }
                    }
                }
            }
            Item::Split { branches, .. } => branches.iter().for_each(|own| gather(own, into)),
            Item::Gate { layers, .. } => gather(layers, into),
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
    rows: Vec<Join>,
    /// Names that blocks have been given.
    names: HashSet<String>,
    /// How many blocks stand around values that are read by name.
    parts: usize,
    /// Values that concats read by name, the paths that they have, and that of the blocks around what is written.
    read_by_name: HashSet<Value>,
    paths: HashMap<Value, String>,
    here: Vec<String>,
    /// A value that is read by name before it has one.
    nameless: Option<Value>,
}

impl Writer<'_> {
    fn layers(&self) -> Layers<'_> {
        Layers { net: self.net, usual: &self.usual }
    }

    fn list(&mut self, items: &[Item], named: bool) -> Yaml {
        let entries = self.entries(items);
        Yaml::List(self.folded(&entries, named))
    }

    fn entries(&mut self, items: &[Item]) -> Vec<Entry> {
        let mut entries = Vec::new();
        let mut at = 0;
        while at < items.len() {
            let (entry, length) = self.entry(items, at);
            entries.push(entry);
            at += length;
        }
        entries
    }

    fn row(&mut self, value: Value, inputs: Vec<Value>) {
        self.rows.push(Join { value, inputs });
    }

    /// The rows of layers, each of which reads one value.
    fn layer_rows(&mut self, values: &[Value]) {
        for &value in values {
            let input = self.net.only_input(value);
            self.row(value, input.into_iter().collect());
        }
    }

    fn entry(&mut self, items: &[Item], at: usize) -> (Entry, usize) {
        // What holds a value that is read by name gets a block of its own around it, and so a path that is known.
        let holds = !matches!(items[at], Item::Layer(_)) && {
            let mut inside = HashSet::new();
            values_in(&items[at], &mut inside);
            inside.iter().any(|value| self.read_by_name.contains(value))
        };
        let depth = self.here.len();
        if holds {
            self.enter();
            self.here.push(format!("{}1", kind_of(&items[at])));
        }
        let (mut entry, length) = self.bare_entry(items, at);
        self.here.truncate(depth + usize::from(holds));
        // What it gives is what its last row gives.
        let read = self.rows.last().map(|row| row.value).filter(|value| self.read_by_name.contains(value));
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
            entry = Entry::plain(Yaml::one("block", Yaml::Map(fields)));
        }
        self.here.truncate(depth);
        (entry, length)
    }

    /// Goes into a block with a name of its own.
    fn enter(&mut self) {
        self.parts += 1;
        self.here.push(format!("part{}", self.parts));
    }

    fn bare_entry(&mut self, items: &[Item], at: usize) -> (Entry, usize) {
        let (net, usual) = (self.net, self.usual.norm);
        let first = self.rows.len();
        let (mut entry, length) = match &items[at] {
            Item::Layer(value) => {
                let unit = Unit::of(net, items, at, Some(usual), &self.read_by_name);
                let values = items[at..at + unit.length].iter().filter_map(|item| match item {
                    Item::Layer(value) => Some(*value),
                    _ => None,
                });
                self.layer_rows(&values.collect::<Vec<_>>());
                let mut entry = Entry::plain(self.layers().layer(*value, &unit));
                if let Some(Operation::Conv { window, groups, bias }) = net.operation(*value) {
                    let even = Window { stride: Pair::square(1), ..*window };
                    let even = self.layers().conv(*value, even, *groups, *bias, &unit);
                    entry.conv = Some((even, (window.stride != Pair::square(1)).then(|| pair(window.stride))));
                }
                (entry, unit.length)
            }
            Item::Residual { layers, shortcut, join } => {
                let inside = self.entries(layers);
                let even = evened(&inside);
                let layers = Yaml::List(self.folded(&inside, false));
                let is_projected = !matches!(shortcut, Shortcut::Identity);
                let shortcut = self.shortcut(shortcut);
                self.row(join.value, join.inputs.clone());
                let is_text = shortcut.as_ref().is_none_or(|own| matches!(own, Yaml::Text(_)));
                // Said once for all.
                let project = Yaml::text("project");
                let shortcut = shortcut.filter(|own| !(self.usual.projects && *own == project));
                let mut fields: Vec<(String, Yaml)> =
                    shortcut.map(|own| ("shortcut".to_string(), own)).into_iter().collect();
                let is_read = self.read_by_name.contains(&join.value);
                let activation = match items.get(at + 1) {
                    Some(Item::Layer(value)) if !is_read => activation_word(net, *value).map(|word| (*value, word)),
                    _ => None,
                };
                if let Some((value, _)) = activation {
                    self.layer_rows(&[value]);
                }
                match (activation.map(|(_, word)| word), self.usual.residual) {
                    (own, usual) if own == usual => {}
                    (own, _) => fields.push(("activation".into(), Yaml::text(own.unwrap_or("none")))),
                }
                let whole = |layers: Yaml, mut fields: Vec<(String, Yaml)>| match fields.is_empty() {
                    true => Yaml::one("residual", layers),
                    false => {
                        fields.insert(0, ("layers".into(), layers));
                        Yaml::one("residual", Yaml::Map(fields))
                    }
                };
                let mut entry = Entry::plain(whole(layers, fields.clone()));
                if is_text {
                    let fields = fields.into_iter().filter(|(key, _)| key != "shortcut").collect();
                    entry.even = Some((whole(even.0, fields), even.1));
                    entry.projected = is_projected;
                }
                (entry, 1 + usize::from(activation.is_some()))
            }
            Item::Concat { branches, join } => {
                let branches = self.branches(branches, &[]);
                self.row(join.value, join.inputs.clone());
                (Entry::plain(Yaml::one("concat", branches)), 1)
            }
            Item::Split { branches, shares, join } => {
                let branches: Vec<Branch> = branches.iter().cloned().map(Branch::Items).collect();
                let branches = self.branches(&branches, shares);
                self.row(join.value, join.inputs.clone());
                (Entry::plain(Yaml::one("split", branches)), 1)
            }
            Item::Gate { layers, join } => {
                let yaml = self.gate(layers);
                self.row(join.value, join.inputs.clone());
                (Entry::plain(yaml), 1)
            }
        };
        // What the file calls the block that all of it lies in.
        let weighed =
            self.rows[first..].iter().filter_map(|row| net.step(row.value)).filter(|own| !own.tensors.is_empty());
        let parents: Option<Vec<&str>> =
            weighed.map(|own| own.called.as_deref()?.rsplit_once('.').map(|(parent, _)| parent)).collect();
        entry.called = parents.and_then(|parents| common(parents.into_iter().map(Some)));
        (entry, length)
    }

    fn shortcut(&mut self, shortcut: &Shortcut) -> Option<Yaml> {
        match shortcut {
            Shortcut::Identity => None,
            Shortcut::Pad(value) => {
                let from = self.net.step(*value).and_then(|step| step.inputs.first().copied());
                self.row(*value, from.into_iter().collect());
                Some(Yaml::text("pad"))
            }
            Shortcut::Layers(own) => {
                let is_projection = self.is_projection(own);
                self.here.push("shortcut".into());
                let list = self.list(own, false);
                self.here.pop();
                Some(if is_projection { Yaml::text("project") } else { list })
            }
        }
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

    /// Branches; those of a split begin with their shares.
    fn branches(&mut self, branches: &[Branch], shares: &[Value]) -> Yaml {
        let mut all = Vec::new();
        for (at, branch) in branches.iter().enumerate() {
            let (branch, begins) = match branch {
                Branch::Items(items) => (items, None),
                Branch::From(value, items) => {
                    let path = self.paths.get(value).cloned().unwrap_or_default();
                    if path.is_empty() {
                        self.nameless = self.nameless.or(Some(*value));
                    }
                    (items, Some(Yaml::one("from", Yaml::text(path))))
                }
            };
            if let (Some(begins), true) = (&begins, branch.is_empty()) {
                all.push(begins.clone());
                continue;
            }
            self.here.push(format!("branch{}", at + 1));
            if let Some(&share) = shares.get(at) {
                self.layer_rows(&[share]);
            }
            all.push(match branch.is_empty() {
                true => Yaml::text("identity"),
                false => match self.list(branch, false) {
                    Yaml::List(mut items)
                        if begins.is_none() && items.len() == 1 && matches!(items[0], Yaml::Text(_)) =>
                    {
                        items.remove(0)
                    }
                    Yaml::List(items) => Yaml::List(begins.into_iter().chain(items).collect()),
                    other => other,
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

    /// Entries that stand several times in a row, said once.
    fn folded(&mut self, entries: &[Entry], named: bool) -> Vec<Yaml> {
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
            && !claimed.iter().any(|own| self.names.contains(own))
        {
            self.names.extend(claimed);
            let (kind, inside) = fields.remove(0);
            let main = main_field(&kind);
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

/// The layers of a block with every stride taken for 1, and the convs that have another.
fn evened(entries: &[Entry]) -> (Yaml, Vec<(usize, Yaml)>) {
    let mut convs = 0;
    let mut strides = Vec::new();
    let mut one = |entry: &Entry| match &entry.conv {
        Some((even, stride)) => {
            convs += 1;
            strides.extend(stride.clone().map(|stride| (convs, stride)));
            even.clone()
        }
        None => entry.yaml.clone(),
    };
    let list = entries.iter().map(&mut one).collect();
    (Yaml::List(list), strides)
}

/// Every value inside a container, but what it gives itself.
fn values_in(item: &Item, into: &mut HashSet<Value>) {
    let all = |items: &[Item], into: &mut HashSet<Value>| {
        for item in items {
            match item {
                Item::Layer(value) => {
                    into.insert(*value);
                }
                Item::Residual { join, .. }
                | Item::Concat { join, .. }
                | Item::Split { join, .. }
                | Item::Gate { join, .. } => {
                    into.insert(join.value);
                    values_in(item, into);
                }
            }
        }
    };
    match item {
        Item::Layer(_) => {}
        Item::Residual { layers, shortcut, .. } => {
            all(layers, into);
            if let Shortcut::Layers(own) = shortcut {
                all(own, into);
            }
        }
        Item::Concat { branches, .. } => {
            for branch in branches {
                let (Branch::Items(own) | Branch::From(_, own)) = branch;
                all(own, into);
            }
        }
        Item::Split { branches, .. } => branches.iter().for_each(|own| all(own, into)),
        Item::Gate { layers, .. } => all(layers, into),
    }
}

fn kind_of(item: &Item) -> &'static str {
    match item {
        Item::Layer(_) => "block",
        Item::Residual { .. } => "residual",
        Item::Concat { .. } => "concat",
        Item::Split { .. } => "split",
        Item::Gate { .. } => "gate",
    }
}
