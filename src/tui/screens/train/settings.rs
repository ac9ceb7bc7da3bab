//! What a run is begun with, as it is typed.

use super::state::{Asked, Train};
use crate::reason::Reason;
use crate::run::data::Source;
use crate::spec::recipe::Recipe;
use crate::tui::screen::{Context, Prompt, Standing, Typed};

pub fn ask(train: &Train, asked: Asked, cx: &mut Context<Train>) {
    let (title, text) = match asked {
        Asked::Data => {
            let text = match &train.data {
                Source::Synthetic(None) => String::new(),
                other => other.to_string(),
            };
            ("idx:DIR, cifar10:DIR, folder:DIR, tensors:FILE; empty: synthetic", text)
        }
        Asked::Recipe => ("Recipe: epochs=10 batch=64 lr=0.03 schedule=cosine, or paper", train.words.clone()),
    };
    let prompt = Prompt::new(asked, title, text);
    cx.ask(match asked {
        Asked::Data => Prompt { is_path: true, path: file_of, ..prompt },
        Asked::Recipe => prompt,
    });
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
        Asked::Recipe => {
            train.recipe = Recipe::from_words(text).map_err(|reason| reason.to_string())?;
            train.words = text.to_string();
        }
    }
    Ok(())
}
