//! The keys as a user has them: the table, with what the user's file changes.

use std::collections::HashMap;

use super::table::{Action, BINDINGS, Binding};
use super::{Context, Key};
use crate::spec::node::{Mark, Node, Value, parse};
use crate::spec::problem::{Problem, Problems, Report, Sources, did_you_mean};

/// A row of the table with the keys it has now.
#[derive(Debug, Clone)]
pub struct Bound {
    pub binding: &'static Binding,
    pub keys: Vec<Key>,
}

/// Every row.
#[derive(Debug, Clone)]
pub struct KeyMap(Vec<Bound>);

impl Default for KeyMap {
    fn default() -> Self {
        KeyMap(BINDINGS.iter().map(|binding| Bound { binding, keys: binding.keys().collect() }).collect())
    }
}

impl KeyMap {
    /// The table changed by a user's text, called `name` in what is said about it:
    ///
    /// ```yaml
    /// everywhere: {quit: [q, ctrl-q]}
    /// layers: {sort: t, mark: M}
    /// ```
    pub fn read(text: &str, name: &str) -> Result<KeyMap, Report> {
        let mut sources = Sources::default();
        let source = sources.add(name.to_string(), text.to_string(), None);
        let mut map = KeyMap::default();
        let mut problems = Problems::default();
        if text.lines().all(|line| line.trim_start().is_empty() || line.trim_start().starts_with('#')) {
            return Ok(map);
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
        let changed = map.change(&node, &mut problems);
        map.conflicts(&changed, node.mark, &mut problems);
        if problems.is_empty() { Ok(map) } else { Err(problems.into_report(&sources)) }
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
            let Some(context) = Context::ALL.into_iter().find(|context| context.name() == own.key) else {
                let names = Context::ALL.map(Context::name);
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
                let named = |bound: &Bound| bound.binding.context == context && bound.binding.name == row.key;
                let Some(at) = self.0.iter().position(named) else {
                    let names: Vec<&str> =
                        BINDINGS.iter().filter(|own| own.context == context).map(|own| own.name).collect();
                    let words = format!("nothing is called `{}` in {}", row.key, context.name());
                    let problem = Problem::new(row.key_mark, words, format!("expected one of {}", names.join(", ")));
                    let elsewhere = BINDINGS.iter().find(|own| own.name == row.key);
                    let elsewhere = elsewhere.map(|own| format!("`{}` is in `{}`", own.name, own.context.name()));
                    problems.push(problem.help(elsewhere.or_else(|| did_you_mean(&row.key, names))));
                    continue;
                };
                if let Some(keys) = keys(&row.value, problems) {
                    let letter = keys.iter().find(|key| key.character().is_some());
                    if let Some(letter) = letter.filter(|_| context.is_typed_in()) {
                        let words = format!("{letter} is text where `{}` applies", context.name());
                        let expected = "expected a key that types nothing, such as ctrl-s";
                        problems.push(Problem::new(row.value.mark, words, expected));
                        continue;
                    }
                    self.0[at].keys = keys;
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
            let [own, theirs] = [here, there].map(|at| self.0[at].binding);
            let name = |binding: &Binding| format!("`{}.{}`", binding.context.name(), binding.name);
            let words = format!("{key} would be both {} and {}", name(own), name(theirs));
            problems.push(Problem::new(
                mark,
                words,
                format!("expected a key that is free, or another one for {}", name(theirs)),
            ));
        }
    }

    /// Pairs of rows that share a key in contexts that apply together.
    pub fn twice(&self) -> Vec<(usize, usize, Key)> {
        let mut found = Vec::new();
        for (at, bound) in self.0.iter().enumerate() {
            for (beside, other) in self.0.iter().enumerate() {
                let (own, theirs) = (bound.binding.context, other.binding.context);
                // A pair is met once: by its narrower side, and where none is narrower by the earlier row.
                let is_narrower = own.together().contains(&theirs) && !theirs.together().contains(&own);
                let mutual = own.together().contains(&theirs) && theirs.together().contains(&own);
                let together = is_narrower || mutual && at < beside;
                if together {
                    found
                        .extend(bound.keys.iter().filter(|key| other.keys.contains(key)).map(|key| (at, beside, *key)));
                }
            }
        }
        found
    }

    /// What a key does where `contexts` apply, the narrowest first.
    pub fn action(&self, key: Key, contexts: &[Context]) -> Option<Action> {
        let rows = |context: Context| self.0.iter().filter(move |bound| bound.binding.context == context);
        let bound = contexts.iter().find_map(|context| rows(*context).find(|bound| bound.keys.contains(&key)));
        bound.map(|bound| bound.binding.action)
    }

    /// The rows of a context, in the order of the table.
    pub fn rows(&self, context: Context) -> impl Iterator<Item = &Bound> {
        self.0.iter().filter(move |bound| bound.binding.context == context)
    }

    /// Every line of the overlay: headings, and keys with what they do.
    pub fn overview(&self, here: Context) -> Vec<(String, String)> {
        let mut lines = Vec::new();
        let own = here.together();
        let others = Context::ALL.into_iter().filter(|context| !own.contains(context));
        for context in own.iter().copied().chain(others) {
            if !lines.is_empty() {
                lines.push((String::new(), String::new()));
            }
            lines.push((context.name().to_string(), String::new()));
            for bound in self.rows(context) {
                lines.push((format!("  {}", bound.shown()), bound.binding.words.to_string()));
            }
        }
        lines
    }
}

impl Bound {
    /// Its keys as a person reads them.
    pub fn shown(&self) -> String {
        self.keys.iter().map(Key::to_string).collect::<Vec<_>>().join(" ")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_can_be_read_and_means_one_thing_where_it_applies() {
        for binding in BINDINGS {
            assert_eq!(binding.keys().count(), binding.keys.split(' ').count(), "{}", binding.keys);
        }
        let map = KeyMap::default();
        let twice = map
            .twice()
            .into_iter()
            .map(|(one, other, key)| format!("{key}: {} and {}", map.0[one].binding.words, map.0[other].binding.words));
        assert_eq!(twice.collect::<Vec<_>>(), [""; 0]);
    }

    #[test]
    fn every_row_has_a_name_of_its_own_in_its_context() {
        for context in Context::ALL {
            let map = KeyMap::default();
            let mut names: Vec<&str> = map.rows(context).map(|bound| bound.binding.name).collect();
            let count = names.len();
            names.sort_unstable();
            names.dedup();
            assert!(count > 0 && names.len() == count, "{context:?}");
        }
    }

    #[test]
    fn a_users_file_changes_keys_and_frees_the_old_ones() {
        let map =
            KeyMap::read("everywhere:\n  quit: [ctrl-q]\nlayers: {sort: q, copy: []}\n", "keys.yaml").expect("sound");
        let action = |key: &str, contexts| map.action(Key::parse(key).expect("a key"), contexts);
        let layers = Context::Layers.together();
        assert_eq!(action("q", layers), Some(Action::Table(super::super::table::Table::Sort)));
        assert_eq!(action("ctrl-q", layers), Some(Action::Window(super::super::table::Window::Quit)));
        assert_eq!(action("y", layers), None);
        assert_eq!(KeyMap::read("# nothing yet\n", "keys.yaml").expect("sound").twice(), []);
    }

    #[test]
    fn a_conflict_is_refused_by_both_names_and_its_place() {
        let said = |text: &str| KeyMap::read(text, "keys.yaml").expect_err("refused").to_string();
        let conflict = said("layers:\n  sort: q\n");
        assert!(conflict.starts_with("keys.yaml:2:9: "), "{conflict}");
        assert!(conflict.contains("q would be both `layers.sort` and `everywhere.quit`"), "{conflict}");
        assert!(said("layer: {}\n").contains("did you mean `layers`?"));
        assert!(said("layers: {srot: a}\n").contains("did you mean `sort`?"));
        assert!(said("layers: {sort: ctrl-alt-nothing}\n").contains("is not a key"));
        assert!(said("typing: {save: s}\n").contains("s is text where `typing` applies"));
        assert!(said("- a\n").contains("is not a table of keys"));
        assert!(said("a: [\n").contains("this is not YAML"));
    }
}
