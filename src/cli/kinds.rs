//! `convlens kinds`: every kind of layer and container that an architecture file may use, with its fields.

use serde_json::{Value, json};

use super::output;
use super::{Context, Failure};
use crate::report::{Column, Table};
use crate::spec::kinds::{CONTAINER_KEYS, CONTAINERS, Field, KINDS, Kind};

pub fn run(context: &Context) -> Result<(), Failure> {
    let kinds = || KINDS.iter().map(|kind| (kind, false)).chain(CONTAINERS.iter().map(|kind| (kind, true)));
    let rows = kinds().map(|(kind, is_container)| {
        let mut fields: Vec<String> = kind.fields.iter().map(in_words).collect();
        if is_container {
            // What holds its layers comes first, then what all containers take.
            fields.splice(0..0, kind.main.filter(|main| kind.field(main).is_none()).map(str::to_string));
            fields.extend(CONTAINER_KEYS.iter().map(|key| key.to_string()));
        }
        vec![kind.name.into(), fields.join(", ").into(), kind.about.into()]
    });
    let table = Table::new(["kind", "fields (default)", "what it does"].map(Column::words), rows);
    let json = || json!({"kinds": kinds().map(|(kind, container)| kind_json(kind, container)).collect::<Vec<Value>>()});
    output::print(context, &table, json, &[])
}

/// `kernel (3)`, `out` where it must be given, `mode (nearest, or bilinear)`.
fn in_words(field: &Field) -> String {
    let others: Vec<&str> = field.takes.words().into_iter().filter(|word| *word != field.default).collect();
    let or = if others.is_empty() { String::new() } else { format!(", or {}", others.join(", ")) };
    match (field.default, others.as_slice()) {
        ("", []) => field.name.to_string(),
        ("", _) => format!("{} (a number{or})", field.name),
        (default, _) => format!("{} ({default}{or})", field.name),
    }
}

fn kind_json(kind: &Kind, is_container: bool) -> Value {
    let fields = kind.fields.iter().map(|field| {
        let default = Some(field.default).filter(|default| !default.is_empty());
        json!({"name": field.name, "default": default, "words": field.takes.words()})
    });
    json!({"name": kind.name, "container": is_container, "main": kind.main, "about": kind.about,
        "fields": fields.collect::<Vec<Value>>()})
}
