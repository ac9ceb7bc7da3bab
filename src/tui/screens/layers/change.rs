//! Changing a layer's fields from the table: what is typed becomes a line of `override:` in the architecture's text.

use super::state::{Asked, Layers, News};
use crate::graph::diff::fields;
use crate::graph::{self, Graph, Layer};
use crate::spec::{LoadError, Loaded, amend};
use crate::tui::screen::{Context, Go, Prompt};
use crate::tui::work::{Done, Lane};

/// A layer's fields as they are typed: `out=64 kernel=3 stride=1 padding=1`; of two numbers as `3x5`.
fn typed(layer: &Layer) -> Vec<(String, String)> {
    let plain = |value: String| value.trim_matches(['[', ']']).replace(", ", "x");
    fields(layer).into_iter().map(|(field, value)| (field, plain(value))).collect()
}

/// Asks for the selected layer's fields.
pub fn ask(cx: &mut Context<Layers>) {
    let Some(layer) = cx.model.entry().and_then(|entry| entry.layer()) else { return };
    let own = typed(layer);
    if own.is_empty() || layer.brought {
        let name = layer.name.clone();
        cx.tell(format!("{name} has no fields to change. Press e to edit the YAML."));
        return;
    }
    let text: Vec<String> = own.iter().map(|(field, value)| format!("{field}={value}")).collect();
    let title = format!("Change {}", layer.name);
    cx.ask(Prompt::new(Asked::Change(layer.name.clone()), title, text.join(" ")));
}

/// What was typed as `field=value`, whether it was written so, as in YAML (`kernel: 5, out: 64`) or with a space between.
fn words(text: &str) -> Vec<String> {
    // What stands in brackets is one value: `[3, 5]` is 3x5.
    let mut plain = String::new();
    let mut is_inside = false;
    for letter in text.chars() {
        match letter {
            '[' => is_inside = true,
            ']' => is_inside = false,
            ' ' if is_inside => {}
            ',' if is_inside => plain.push('x'),
            ',' | ';' => plain.push(' '),
            ':' | '=' => plain.push_str("= "),
            other => plain.push(other),
        }
    }
    let text = plain;
    let mut words: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match words.last_mut() {
            Some(last) if last.ends_with('=') => last.push_str(word),
            // A field that waits for its value.
            Some(last) if !last.contains('=') => {
                *last = if word == "=" { format!("{last}=") } else { format!("{last}={word}") }
            }
            _ => words.push(word.to_string()),
        }
    }
    words
}

/// Takes what was typed. The text stays unsaved, and undo has it.
pub fn take(name: &str, text: &str, cx: &mut Context<Layers>) -> Result<(), String> {
    let layer = cx.model.entry().and_then(|entry| entry.network()?.layers.iter().find(|layer| layer.name == name));
    let before = typed(layer.ok_or("the layer is gone")?);
    let mut changed = Vec::new();
    for word in words(text) {
        let (field, value) = word.split_once('=').ok_or_else(|| format!("expected field=value, not `{word}`"))?;
        if value.is_empty() {
            return Err(format!("`{field}` needs a value"));
        }
        if before.iter().any(|(own, there)| own == field && *there == value) {
            continue;
        }
        let sides: Vec<&str> = value.split(['x', '×']).collect();
        let value = match sides.len() > 1 && sides.iter().all(|side| side.parse::<u64>().is_ok()) {
            true => format!("[{}]", sides.join(", ")),
            false => value.to_string(),
        };
        changed.push((field.to_string(), value));
    }
    if changed.is_empty() {
        return Ok(());
    }
    let entry = cx.model.entry().ok_or("nothing is selected")?;
    let text = entry.editor.as_ref().map(|editor| editor.text()).or_else(|| entry.text.clone());
    let changes = vec![(name.to_string(), changed)];
    let amended = text.and_then(|text| amend::with(&text, &changes));
    let amended = amended.ok_or("the text's `override:` is not a line for each layer; press e to edit it there")?;
    let (library, sets, origin) = (cx.model.library.clone(), cx.model.sets.clone(), entry.origin.clone());
    let name = name.to_string();
    // What gives no network is refused, with what would be right.
    let job = move || match library.load_text(&origin, amended.clone(), &sets).and_then(analysed) {
        Ok(_) => Ok(Done::News(News { origin, layer: name, text: amended })),
        Err(LoadError::Invalid(report)) => {
            let first = report.diagnostics.first().map(|own| format!("{}; {}", own.message, own.expected));
            Err(format!("{name} stays as it is: {}", first.unwrap_or_default()))
        }
        Err(error) => Err(error.to_string()),
    };
    cx.spawn(Lane::Work, "changing the layer", Box::new(move |_, _| job()));
    Ok(())
}

fn analysed(loaded: Loaded) -> Result<Graph, LoadError> {
    graph::analyse(&loaded).map_err(LoadError::Invalid)
}

/// Takes a text that was found to be sound.
pub fn took(News { origin, layer, text }: News, cx: &mut Context<Layers>) {
    if cx.model.entry().is_some_and(|entry| entry.origin == origin) {
        cx.go(Go::Retype(text));
        cx.tell(format!("Changed {layer}. Press 4 to see the YAML and save it."));
    }
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn fields_are_taken_as_they_are_written() {
        for text in
            ["kernel=5 out=64", "kernel 5, out 64", "kernel: 5, out: 64", "kernel = 5 out= 64", "kernel =5,out=64"]
        {
            assert_eq!(words(text), ["kernel=5", "out=64"], "{text}");
        }
        assert_eq!(words("kernel: [3, 5], padding: [1, 2, 1,2]"), ["kernel=3x5", "padding=1x2x1x2"]);
        assert_eq!(words("kernel"), ["kernel"]);
        assert_eq!(words("kernel="), ["kernel="]);
        assert!(words(" , ").is_empty());
    }
}
