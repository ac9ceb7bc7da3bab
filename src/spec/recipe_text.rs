//! Recipes read from text: words as someone types them, and the file that a run keeps.

use super::lower;
use super::node::{self, Value};
use super::problem::{Problems, Sources};
use super::recipe::{NAMED, Recipe, RunRecipe, VERSION};
use crate::reason::Reason;

impl Recipe {
    /// Reads `epochs=3 lr=0.01 augment=flip,crop` or `paper batch=64`: words as someone types them into a line. The error is
    /// a sentence.
    pub fn from_words(text: &str) -> Result<Recipe, Reason> {
        let mut named = Recipe::default();
        let mut own = Vec::new();
        for word in text.split_whitespace() {
            match word.split_once('=') {
                Some((key, value)) if value.contains(',') => own.push(format!("{key}: [{value}]")),
                Some((key, value)) => own.push(format!("{key}: {value}")),
                None => {
                    named = Recipe::named(word)
                        .ok_or_else(|| format!("`{word}` is no recipe; expected KEY=VALUE, or {}", NAMED.join(", ")))?;
                }
            }
        }
        let text = format!("{{{}}}", own.join(", "));
        let node = node::parse(&text, 0).map_err(|_| format!("`{text}` cannot be read; expected KEY=VALUE"))?;
        let mut problems = Problems::default();
        let recipe = lower::train(&node, &mut problems);
        if !problems.is_empty() {
            let mut sources = Sources::default();
            sources.add("recipe".into(), text, None);
            let report = problems.into_report(&sources);
            let first = report.diagnostics.first();
            return Err(first
                .map_or_else(String::new, |one| {
                    format!("{}: {}; {}", word_at(&one.source_line, one.place.column), one.message, one.expected)
                })
                .into());
        }
        Ok(recipe.over(&named))
    }
}

/// The `KEY=VALUE` that a column of `{KEY: VALUE, …}` lies in, as it was typed.
fn word_at(line: &str, column: usize) -> String {
    let at = line.char_indices().nth(column.saturating_sub(1)).map_or(line.len(), |(at, _)| at);
    let start = line[..at].rfind(['{', ',']).map_or(0, |before| before + 1);
    let end = line[at..].find([',', '}']).map_or(line.len(), |after| at + after);
    line[start..end].trim().replacen(": ", "=", 1)
}

impl RunRecipe {
    /// Reads what [`RunRecipe::to_text`] wrote. The error is a sentence without the file's name.
    pub fn read(text: &str) -> Result<RunRecipe, Reason> {
        let mut sources = Sources::default();
        sources.add("recipe.yaml".into(), text.to_string(), None);
        let node = node::parse(text, 0).map_err(|error| format!("it is not YAML: {error}"))?;
        let Value::Map(entries) = &node.value else { return Err(format!("it is {}", node.value.describe()).into()) };
        let find = |key: &str| entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value);
        let word = |key: &str| -> Result<Option<String>, Reason> {
            match find(key).map(|node| &node.value) {
                Some(Value::Text(text)) => Ok(Some(text.clone())),
                Some(Value::Integer(number)) => Ok(Some(number.to_string())),
                Some(other) => Err(format!("`{key}` is {}, not a text", other.describe()).into()),
                None => Ok(None),
            }
        };
        let missing = |key: &str| format!("`{key}` is missing");
        match find("version").map(|node| &node.value) {
            Some(Value::Integer(version)) if *version == i128::from(VERSION) => {}
            Some(Value::Integer(version)) if *version > i128::from(VERSION) => {
                return Err(
                    format!("it was written by a newer convlens (format {version}; this one knows {VERSION})").into()
                );
            }
            _ => return Err(format!("`version` is not {VERSION}").into()),
        }
        let mut problems = Problems::default();
        let train = lower::train(find("train").ok_or_else(|| missing("train"))?, &mut problems);
        if !problems.is_empty() {
            let report = problems.into_report(&sources);
            return Err(report.diagnostics.first().map_or_else(String::new, |problem| problem.message.clone()).into());
        }
        Ok(RunRecipe {
            version: VERSION,
            architecture: word("architecture")?.ok_or_else(|| missing("architecture"))?,
            data: word("data")?.ok_or_else(|| missing("data"))?,
            weights: word("weights")?,
            partial: matches!(find("partial").map(|node| &node.value), Some(Value::Bool(true))),
            train,
        })
    }
}
