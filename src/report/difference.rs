//! What changed from one network to another, as tables.

use super::{Cell, Column, Table};
use crate::graph::diff::{Key, Kind, Row};

/// The keys of the file that differ.
pub fn keys(keys: &[Key]) -> Table {
    let value = |value: &Option<String>| Cell::or_none(value.as_deref(), Cell::text);
    let rows = keys.iter().map(|own| vec![own.key.as_str().into(), value(&own.before), value(&own.after)]);
    Table::new(["key", "before", "after"].map(Column::words), rows)
}

/// Layers that are not what they were, a row each.
pub fn layers(rows: &[Row]) -> Table {
    let columns = [
        Column::words("change"),
        Column::words("layer"),
        Column::words("what"),
        Column::number("Δ params"),
        Column::number("Δ MACs"),
    ];
    let row = |row: &Row| {
        let change = if row.kind == Kind::Follows { "follows" } else { row.kind.word() };
        vec![
            change.into(),
            row.layer().into(),
            words(row).into(),
            Cell::Difference(row.difference(|side| side.params)),
            Cell::Difference(row.difference(|side| side.macs)),
        ]
    };
    Table::new(columns, rows.iter().map(row))
}

/// What happened to a layer: what a new one is, what an old one was, what of one differs.
pub fn words(row: &Row) -> String {
    match (&row.before, &row.after) {
        (Some(side), None) | (None, Some(side)) => side.words.clone(),
        (Some(_), Some(_)) => row.changes.join("; "),
        (None, None) => String::new(),
    }
}
