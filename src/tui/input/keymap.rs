//! The keys as a user has them: every row of every screen, with what the user's file changes.

use std::collections::HashMap;

use super::Key;
use super::bindings::{Binding, Group, Together};
use crate::spec::node::{Mark, Node, Value, parse};
use crate::spec::problem::{Problem, Problems, Report, Sources, did_you_mean};

/// A row with the keys it has now, and what it does.
#[derive(Debug, Clone)]
pub struct Bound<A> {
    pub group: &'static str,
    pub name: &'static str,
    pub words: &'static str,
    /// The short form for the footer; empty where it is not shown there.
    pub footer: &'static str,
    pub keys: Vec<Key>,
    pub action: A,
}

impl<A> Bound<A> {
    /// A row of a screen, whose actions are a part of all.
    pub fn of<Own: Clone>(binding: &'static Binding<Own>, wrap: impl Fn(Own) -> A) -> Self {
        let Binding { group, name, words, footer, .. } = *binding;
        Bound { group, name, words, footer, keys: binding.keys().collect(), action: wrap(binding.action.clone()) }
    }

    /// Its keys as a person reads them.
    pub fn shown(&self) -> String {
        self.keys.iter().map(Key::to_string).collect::<Vec<_>>().join(" ")
    }
}

/// Every row, the groups that they are in, and which of these apply together.
#[derive(Debug, Clone)]
pub struct KeyMap<A> {
    rows: Vec<Bound<A>>,
    groups: Vec<Group>,
    together: Vec<Together>,
    /// Names that there were, by group, and where what they did is now.
    gone: &'static [Gone],
}

/// A name that a user's file may still have: its group, and where what it did is now.
pub type Gone = (&'static str, &'static str, &'static str);

impl<A: Clone> KeyMap<A> {
    pub fn new(rows: Vec<Bound<A>>, groups: Vec<Group>, together: Vec<Together>, gone: &'static [Gone]) -> Self {
        KeyMap { rows, groups, together, gone }
    }

    /// The table changed by a user's text, called `name` in what is said about it:
    ///
    /// ```yaml
    /// everywhere: {quit: [q, ctrl-q]}
    /// layers: {sort: t, mark: M}
    /// ```
    pub fn changed(mut self, text: &str, name: &str) -> Result<Self, Report> {
        let mut sources = Sources::default();
        let source = sources.add(name.to_string(), text.to_string(), None);
        let mut problems = Problems::default();
        if text.lines().all(|line| line.trim_start().is_empty() || line.trim_start().starts_with('#')) {
            return Ok(self);
        }
        let node = match parse(text, source) {
            Ok(node) => node,
            Err(error) => {
                let mark = Mark { source, node: 0 };
                problems.push(Problem::new(
                    mark,
                    format!("this is not YAML: {error}"),
                    "expected `context: {name: key}`",
                ));
                return Err(problems.into_report(&sources));
            }
        };
        let changed = self.change(&node, &mut problems);
        self.conflicts(&changed, node.mark, &mut problems);
        if problems.is_empty() { Ok(self) } else { Err(problems.into_report(&sources)) }
    }

    /// Takes the keys that the file gives, and says where each row got them.
    fn change(&mut self, node: &Node, problems: &mut Problems) -> HashMap<usize, Mark> {
        let mut changed = HashMap::new();
        let Value::Map(contexts) = &node.value else {
            let words = format!("{} is not a table of keys", node.value.describe());
            problems.push(Problem::new(node.mark, words, "expected `context: {name: key}`"));
            return changed;
        };
        for own in contexts {
            let Some(group) = self.groups.iter().find(|group| group.name == own.key).copied() else {
                let names: Vec<&str> = self.groups.iter().map(|group| group.name).collect();
                let words = format!("there is no context `{}`", own.key);
                let problem = Problem::new(own.key_mark, words, format!("expected one of {}", names.join(", ")));
                problems.push(problem.help(did_you_mean(&own.key, names)));
                continue;
            };
            let Value::Map(rows) = &own.value.value else {
                let words = format!("{} is not a table of keys", own.value.value.describe());
                problems.push(Problem::new(own.value.mark, words, "expected `{name: key}`"));
                continue;
            };
            for row in rows {
                let named = |bound: &Bound<A>| bound.group == group.name && bound.name == row.key;
                let Some(at) = self.rows.iter().position(named) else {
                    let names: Vec<&str> = self.rows(group.name).map(|own| own.name).collect();
                    let words = format!("there is no `{}` in {}", row.key, group.name);
                    let problem = Problem::new(row.key_mark, words, format!("expected one of {}", names.join(", ")));
                    let elsewhere = self.rows.iter().find(|own| own.name == row.key);
                    let gone = self.gone.iter().find(|(of, name, _)| (*of, *name) == (group.name, row.key.as_str()));
                    let elsewhere = gone
                        .map(|(.., place)| format!("it is {place} now"))
                        .or_else(|| elsewhere.map(|own| format!("`{}` is in `{}`", own.name, own.group)));
                    problems.push(problem.help(elsewhere.or_else(|| did_you_mean(&row.key, names))));
                    continue;
                };
                if let Some(keys) = keys(&row.value, problems) {
                    let letter = keys.iter().find(|key| key.character().is_some());
                    if let Some(letter) = letter.filter(|_| group.is_typed_in) {
                        let words = format!("{letter} is text where `{}` applies", group.name);
                        let expected = "expected a key that types nothing, such as ctrl-s";
                        problems.push(Problem::new(row.value.mark, words, expected));
                        continue;
                    }
                    self.rows[at].keys = keys;
                    changed.insert(at, row.value.mark);
                }
            }
        }
        changed
    }

    /// Refuses a key that would mean two things at once, by both names.
    fn conflicts(&self, changed: &HashMap<usize, Mark>, root: Mark, problems: &mut Problems) {
        for (one, other, key) in self.twice() {
            let (here, there) = if changed.contains_key(&other) { (other, one) } else { (one, other) };
            let mark = changed.get(&here).copied().unwrap_or(root);
            let [own, theirs] = [here, there].map(|at| &self.rows[at]);
            let name = |row: &Bound<A>| format!("`{}.{}`", row.group, row.name);
            let words = format!("{key} would be both {} and {}", name(own), name(theirs));
            problems.push(Problem::new(
                mark,
                words,
                format!("expected a key that is free, or another one for {}", name(theirs)),
            ));
        }
    }

    /// Pairs of rows that share a key in groups that apply together.
    pub fn twice(&self) -> Vec<(usize, usize, Key)> {
        let meet = |one: &str, other: &str| self.together.iter().any(|all| all.contains(&one) && all.contains(&other));
        let mut found = Vec::new();
        for (at, bound) in self.rows.iter().enumerate() {
            for (beside, other) in
                self.rows.iter().enumerate().skip(at + 1).filter(|(_, own)| meet(bound.group, own.group))
            {
                found.extend(bound.keys.iter().filter(|key| other.keys.contains(key)).map(|key| (at, beside, *key)));
            }
        }
        found
    }

    /// What a key does where groups apply, the narrowest first.
    pub fn action(&self, key: Key, groups: &[&str]) -> Option<A> {
        let bound = groups.iter().find_map(|group| self.rows(group).find(|bound| bound.keys.contains(&key)));
        bound.map(|bound| bound.action.clone())
    }

    /// The rows of a group, in the order of its table.
    pub fn rows<'a>(&'a self, group: &'a str) -> impl Iterator<Item = &'a Bound<A>> {
        self.rows.iter().filter(move |bound| bound.group == group)
    }

    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    pub fn together(&self) -> &[Together] {
        &self.together
    }

    /// Whether characters are text in a group.
    pub fn is_typed_in(&self, group: &str) -> bool {
        self.groups.iter().any(|own| own.name == group && own.is_typed_in)
    }
}

/// One key or a list of them; an empty list takes every key away.
fn keys(node: &Node, problems: &mut Problems) -> Option<Vec<Key>> {
    let nodes = match &node.value {
        Value::List(nodes) => nodes.iter().collect(),
        _ => vec![node],
    };
    let mut keys = Vec::new();
    for node in nodes {
        let text = match &node.value {
            Value::Text(text) => text.clone(),
            Value::Integer(digit) => digit.to_string(),
            other => other.describe(),
        };
        match Key::parse(&text) {
            Some(key) => keys.push(key),
            None => {
                let expected = "expected a character or one of up, down, left, right, enter, esc, tab, backtab, space, \
                    backspace, delete, pageup, pagedown, home, end, with ctrl-, alt- or shift- before it";
                problems.push(Problem::new(node.mark, format!("`{text}` is not a key"), expected));
                return None;
            }
        }
    }
    Some(keys)
}
