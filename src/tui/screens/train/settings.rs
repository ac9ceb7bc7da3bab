//! What a run is begun with, as it is typed.

use serde_json::Value;

use super::state::{Action, Asked, Train};
use crate::reason::Reason;
use crate::run::data::Source;
use crate::run::runs::history::Along;
use crate::spec::recipe::Recipe;
use crate::tui::screen::{Context, Prompt, Row, Standing, Typed};

/// The fields of a recipe that the form shows, with what they mean.
const FIELDS: [(&str, &str); 16] = [
    ("epochs", "passes over the training data"),
    ("steps", "or so many steps"),
    ("batch", "images a step"),
    ("optimizer", "sgd, adam or adamw"),
    ("lr", "learning rate"),
    ("momentum", "of sgd"),
    ("weight_decay", "pulls weights towards 0"),
    ("schedule", "constant, cosine, step, plateau, …"),
    ("warmup", "steps over which the rate rises"),
    ("augment", "none, or flip,crop,…"),
    ("val_split", "part set aside for validation"),
    ("label_smoothing", "weight spread over all classes"),
    ("clip", "largest norm of the gradients"),
    ("init", "how weights begin"),
    ("patience_stop", "epochs without a better accuracy that end it"),
    ("seed", "of weights, order and augmentation"),
];

/// Lines of the form before the recipe's fields.
const BEFORE: usize = 7;

fn shown(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "–".into(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) if items.is_empty() => "none".into(),
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(","),
        Some(other) => other.to_string(),
    }
}

/// What the next run would be trained with, every field said.
fn whole(train: &Train, cx: &Context<Train>) -> Value {
    let own = train.begin(cx.model).map_or_else(|| train.recipe.clone(), |begin| begin.recipe);
    serde_json::to_value(crate::run::train::Recipe::new(&own).given()).unwrap_or_default()
}

/// The recipe as a form, with how the charts look; what is not as usual is marked.
pub fn options(train: &Train, cursor: usize, cx: &mut Context<Train>) {
    let along = match train.along {
        Along::Steps => "steps",
        Along::Epochs => "epochs",
        Along::Time => "time",
    };
    let on = |on: bool| if on { "on" } else { "off" };
    let data = Row::of("data", train.data.to_string(), "what is trained on", Action::Ask(Asked::Data));
    let line = Row::of("recipe", train.words.clone(), "all of it in a line, or paper", Action::Ask(Asked::Recipe));
    let mut rows = vec![
        data.usual(train.data == Source::Synthetic(None)),
        line.usual(train.words.is_empty()),
        Row::of("log scale", on(train.log_scale), "the loss on a logarithmic axis", Action::LogScale)
            .usual(!train.log_scale),
        Row::of("smoothing", on(train.smooth), "a smoothed line over every step", Action::Smooth).usual(train.smooth),
        Row::of("spikes", on(train.whole_axis), "an axis that reaches lone spikes", Action::WholeAxis)
            .usual(!train.whole_axis),
        Row::of("along", along, "what the charts run along: steps, epochs or time", Action::Along)
            .usual(train.along == Along::Steps),
        Row::of("", "", "", Action::Options),
    ];
    let (now, usual) = (whole(train, cx), crate::run::train::Recipe::new(&Recipe::default()).given());
    let usual = serde_json::to_value(usual).unwrap_or_default();
    for (name, words) in FIELDS {
        let words = match now.get(name) == usual.get(name) {
            true => format!("{words} (default)"),
            false => format!("{words} (default {})", shown(usual.get(name))),
        };
        let row = Row::of(name, shown(now.get(name)), &words, Action::Ask(Asked::Field(name)));
        rows.push(row.usual(now.get(name) == usual.get(name)));
    }
    cx.menu("Recipe and charts (● differs from the default)", rows, cursor);
}

pub fn ask(train: &Train, asked: Asked, cx: &mut Context<Train>) {
    let (title, text) = match asked {
        Asked::Data => {
            let text = match &train.data {
                Source::Synthetic(None) => String::new(),
                other => other.to_string(),
            };
            ("Data: idx:DIR, cifar10:DIR, folder:DIR, tensors:FILE; empty: synthetic".to_string(), text)
        }
        Asked::Recipe => {
            ("Recipe: epochs=10 batch=64 lr=0.03 schedule=cosine, or paper".to_string(), train.words.clone())
        }
        Asked::Field(name) => {
            let words = FIELDS.iter().find(|(own, _)| *own == name).map_or("", |(_, words)| words);
            let now = shown(whole(train, cx).get(name)).replace('–', "");
            (format!("{name}: {words}; empty: default"), now)
        }
    };
    let prompt = Prompt::new(asked, title, text);
    cx.ask(match asked {
        Asked::Data => Prompt { is_path: true, path: file_of, ..prompt },
        Asked::Recipe | Asked::Field(_) => prompt,
    });
}

/// The recipe's line with another value of a field, or without it.
fn with_field(words: &str, name: &str, value: &str) -> String {
    let is_other = |word: &&str| word.split_once('=').is_none_or(|(own, _)| own != name);
    let mut kept: Vec<String> = words.split_whitespace().filter(is_other).map(str::to_string).collect();
    if !value.is_empty() {
        kept.push(format!("{name}={}", value.replace(' ', "")));
    }
    kept.join(" ")
}

/// The file or folder that a setting needs to be there, as it was typed.
fn file_of(text: &str) -> Option<String> {
    let (_, path) = text.split_once(':')?;
    // Whether the kind is known is said when it is set.
    let source: Source = text.parse().ok()?;
    source.path().map(|_| path.to_string())
}

/// Takes what was typed, or says what would be right.
pub fn set(train: &mut Train, asked: Asked, typed: &Typed, cx: &mut Context<Train>) -> Result<(), String> {
    let text = typed.text.as_str();
    match asked {
        Asked::Data if text.is_empty() => train.data = Source::Synthetic(None),
        Asked::Data => {
            // A path after the kind may begin at the user's home folder.
            let text = match text.split_once(':') {
                Some((kind, path)) => format!("{kind}:{}", cx.model.expanded(path).display()),
                None => text.to_string(),
            };
            let source: Source = text.parse().map_err(|reason: Reason| reason.to_string())?;
            if let Some(path) = source.path().filter(|_| typed.stands == Standing::Nothing) {
                return Err(format!("there is no {}", path.display()));
            }
            train.data = source;
        }
        Asked::Recipe => take(train, text.to_string())?,
        Asked::Field(name) => {
            take(train, with_field(&train.words, name, text))?;
            let at = FIELDS.iter().position(|(own, _)| *own == name).unwrap_or(0);
            options(train, BEFORE + at, cx);
        }
    }
    Ok(())
}

fn take(train: &mut Train, words: String) -> Result<(), String> {
    train.recipe = Recipe::from_words(&words).map_err(|reason| reason.to_string())?;
    train.words = words;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_changes_its_word_of_the_line() {
        assert_eq!(with_field("epochs=2 lr=0.1", "lr", "0.5"), "epochs=2 lr=0.5");
        assert_eq!(with_field("epochs=2 lr=0.1", "lr", ""), "epochs=2");
        assert_eq!(with_field("paper", "augment", "flip, crop"), "paper augment=flip,crop");
    }
}
