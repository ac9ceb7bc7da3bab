//! `convlens keys`: every key of the explorer, and the names that a user's file of keys changes them by.

use serde_json::{Value, json};

use super::output;
use super::{Context, Failure};
use crate::report::{Column, Table};
use crate::tui::{keys_file, users_keys};

pub fn run(context: &Context) -> Result<(), Failure> {
    let keys = users_keys().map_err(Failure::because)?;
    let rows = || keys.groups().iter().flat_map(|group| keys.rows(group.name));
    let cells = rows().map(|bound| {
        let written: Vec<String> = bound.keys.iter().map(|key| key.written()).collect();
        vec![bound.group.into(), bound.name.into(), written.join(" ").into(), bound.words.into()]
    });
    let table = Table::new(["context", "name", "keys", "what it does"].map(Column::words), cells);
    let json = || {
        let keys = rows().map(|bound| {
            let written: Vec<String> = bound.keys.iter().map(|key| key.written()).collect();
            json!({"context": bound.group, "name": bound.name, "keys": written, "words": bound.words})
        });
        json!({"file": keys_file().map(|path| path.display().to_string()), "keys": keys.collect::<Vec<Value>>()})
    };
    let place = keys_file().map_or_else(String::new, |path| path.display().to_string());
    let words = [
        "".to_string(),
        format!("{place} changes them: `context: {{name: key}}`, a list for several keys, [] for none"),
    ];
    output::print(context, &table, json, &words)
}
