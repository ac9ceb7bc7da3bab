//! From the merged YAML tree to the checked description.

mod containers;
mod layers;
mod operation;
mod sections;
mod short;
mod values;

pub use sections::train;

use super::budget::Budget;
use super::describe::{Architecture, Preprocess};
use super::extend::Document;
use super::kinds::{self, CONTAINERS, KINDS, TOP_LEVEL};
use super::node::{Entry, Node, Value, shorten};
use super::problem::{Problem, Problems};
use super::recipe::Recipe;
use operation::{Defaults, check_doubles, check_keys};

/// Reads the description. `None` when a part of it could not be said at all; the problems tell why.
pub fn lower(document: &Document, id: &str, problems: &mut Problems) -> Option<Architecture> {
    for entry in &document.entries {
        if !TOP_LEVEL.contains(&entry.key.as_str()) && problems.wants() {
            problems.push(
                Problem::new(
                    entry.key_mark,
                    format!("a file has no key `{}`", shorten(&entry.key)),
                    format!("expected {}", values::one_of(TOP_LEVEL)),
                )
                .help(problems.suggest(&entry.key, TOP_LEVEL)),
            );
        }
    }
    let find = |key: &str| document.find(key);
    let text = |key: &str, problems: &mut Problems| {
        find(key).and_then(|node| values::text(node, problems)).map(|text| text.trim().to_string())
    };
    let name = text("name", problems).unwrap_or_else(|| id.to_string());
    let summary = text("summary", problems);
    let source = text("source", problems);
    let family = text("family", problems).filter(|family| !family.is_empty());
    let labels = find("labels").and_then(|node| values::text(node, problems));
    let aliases = find("aliases").map_or(Vec::new(), |node| aliases(node, problems));
    let input = match find("input") {
        Some(node) => sections::input(node, problems),
        None if document.incomplete => None,
        None => {
            problems.push(Problem::new(
                document.root,
                "the file does not say its input",
                "expected `input: [channels, height, width]`",
            ));
            None
        }
    };
    // A wrong number is told where it stands, once: what uses it is read as if it were set.
    let classes = find("classes").map(|node| values::count(node, problems).unwrap_or(1));
    let channels = input.map(|input| input.channels);
    let preprocess =
        find("preprocess").map_or_else(Preprocess::default, |node| sections::preprocess(node, channels, problems));
    let weights = find("weights").map(|node| sections::weights(node, problems));
    let train = find("train").map_or_else(Recipe::default, |node| train(node, problems));
    let budget = find("budget").map_or_else(Budget::default, |node| sections::budget(node, problems));
    let defaults = defaults(find("defaults"), problems);
    let items = match find("layers") {
        Some(node) => layers::LayerReader::new(defaults, classes, &document.overrides, problems).read(node),
        None if document.incomplete => Vec::new(),
        None => {
            problems.push(Problem::new(
                document.root,
                "the file has no layers",
                "expected `layers: [...]`, or `extends: vgg16` to start from another",
            ));
            Vec::new()
        }
    };
    Some(Architecture {
        id: id.to_string(),
        name,
        summary,
        source,
        family,
        aliases,
        input: input?,
        classes,
        items,
        preprocess,
        labels,
        labels_mark: find("labels").map(|node| node.mark),
        weights,
        train,
        budget,
    })
}

/// The aliases of a file: a list of words, or one.
pub fn aliases(node: &Node, problems: &mut Problems) -> Vec<String> {
    match &node.value {
        Value::List(items) => items.iter().filter_map(|item| values::text(item, problems)).collect(),
        _ => values::text(node, problems).into_iter().collect(),
    }
}

fn defaults<'a>(node: Option<&'a Node>, problems: &mut Problems) -> Defaults<'a> {
    let mut defaults = Defaults::default();
    let Some(node) = node else {
        return defaults;
    };
    let with_fields = KINDS.iter().chain(CONTAINERS).filter(|kind| !kind.fields.is_empty());
    let names: Vec<&str> = with_fields.map(|kind| kind.name).collect();
    let Value::Map(entries) = &node.value else {
        problems.push(Problem::new(
            node.mark,
            format!("{} does not fit `defaults`", node.value.describe()),
            "expected a map of kinds: `{conv: {activation: relu}}`",
        ));
        return defaults;
    };
    check_doubles(entries, problems);
    for entry in entries {
        let known = kinds::kind(&entry.key).or_else(|| kinds::container(&entry.key));
        let Some(kind) = known else {
            problems.push(
                Problem::new(
                    entry.key_mark,
                    format!("there is no layer kind `{}`", shorten(&entry.key)),
                    format!("expected {}", values::one_of(&names)),
                )
                .help(problems.suggest(&entry.key, &names)),
            );
            continue;
        };
        let Value::Map(fields) = &entry.value.value else {
            problems.push(Problem::new(
                entry.value.mark,
                format!("{} does not fit here", entry.value.value.describe()),
                "expected a map of fields: `{activation: relu}`",
            ));
            continue;
        };
        check_doubles(fields, problems);
        check_keys(kind, &fields.iter().collect::<Vec<&Entry>>(), problems);
        // What is more than its fields is told of already, and would be gone through for every layer.
        if fields.len() <= 2 * kind.fields.len() {
            defaults.add(kind.name, fields);
        }
    }
    defaults
}
