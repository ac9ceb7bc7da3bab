//! What reading, saving and changes on disk do to the entries.

use std::path::PathBuf;

use crate::spec::Origin;
use crate::tui::msg::{Effect, SaveError};
use crate::tui::screens::edit;
use crate::tui::state::overlay::{Answer, Question};
use crate::tui::state::{Entry, Opened, Overlay, State};

pub fn loaded(state: &mut State, origin: &Origin, text: Option<String>, opened: Opened) -> Vec<Effect> {
    let Some(at) = state.position(origin) else { return Vec::new() };
    take(state, at, text, opened)
}

/// Gives an entry what is on disk now. A text being edited stays; that it has another beside it is said when it is saved.
fn take(state: &mut State, at: usize, text: Option<String>, opened: Opened) -> Vec<Effect> {
    let theme = state.theme;
    let entry = &mut state.entries[at];
    let changed = entry.text != text;
    entry.reopen(text.clone(), opened);
    let Some(editor) = entry.editor.as_deref_mut() else { return Vec::new() };
    if !changed {
        // The saved network may be another: of what was just saved, or because what the file extends changed.
        return edit::analyse(state, at);
    }
    if editor.is_changed() {
        // What this program saved itself comes back as a change on disk too.
        if text.as_deref() != Some(editor.saved()) {
            editor.on_disk = text;
            let id = entry.id.clone();
            state.complain(format!("{id} was changed by another program; what you typed is still here"));
        }
        return Vec::new();
    }
    let typing = editor.typing;
    match text {
        Some(text) => {
            if editor.text() != text {
                editor.replace(&text);
            }
            editor.saved_as(text);
            editor.dress(&theme);
            editor.typing = typing;
            edit::analyse(state, at)
        }
        None => Vec::new(),
    }
}

/// Every file that is in the folders now: new ones appear, those that are gone leave unless they are being edited.
pub fn listed(state: &mut State, found: Vec<(Origin, Option<String>, Opened)>) -> Vec<Effect> {
    let selected = state.entry().map(|entry| entry.origin.clone());
    let there: Vec<Origin> = found.iter().map(|(origin, ..)| origin.clone()).collect();
    let mut effects = Vec::new();
    for (origin, text, opened) in found {
        match state.position(&origin) {
            // A file may be sound now because the one it extends is.
            Some(at) => {
                // One that was too large to be read at once is read now for the first time.
                let changed = state.entries[at].text.as_ref().is_some_and(|own| Some(own) != text.as_ref());
                effects.extend(take(state, at, text, opened));
                if changed && !state.entries[at].is_edited() {
                    let id = state.entries[at].id.clone();
                    state.tell(format!("{id} changed on disk, read again"));
                }
            }
            None => {
                // The bundled one of this name is hidden by the file, as on the command line.
                let id = origin.id();
                state.entries.retain(|entry| {
                    !(entry.id == id && matches!(entry.origin, Origin::Bundled(_)) && !entry.is_edited())
                });
                state.tell(format!("{id} is new"));
                state.entries.push(Entry::new(origin, text, opened));
            }
        }
    }
    // One that is looked at or edited stays: many editors move a file away for a moment while they save it.
    let stays = |entry: &Entry| entry.editor.is_some() || entry.is_of_run || Some(&entry.origin) == selected.as_ref();
    let gone = |entry: &Entry| !there.contains(&entry.origin) && !stays(entry);
    state.entries.retain(|entry| !gone(entry));
    state.entries.sort_by_key(|entry| !matches!(entry.origin, Origin::Bundled(_)));
    let at = selected.and_then(|origin| state.position(&origin));
    state.selected = at.unwrap_or(state.selected).min(state.entries.len().saturating_sub(1));
    effects
}

/// A text was written: to its own file, or to a new one, which is then the one selected.
pub fn saved(state: &mut State, origin: &Origin, path: PathBuf, text: String) -> Vec<Effect> {
    let target = match origin {
        Origin::File(own) if *own == path => origin.clone(),
        _ => Origin::File(path.clone()),
    };
    let theme = state.theme;
    let mut effects = vec![Effect::Keep(origin.clone(), None)];
    if target == *origin {
        if let Some(entry) = state.position(origin).and_then(|at| state.entries.get_mut(at)) {
            entry.text = Some(text.clone());
            if let Some(editor) = entry.editor.as_deref_mut() {
                editor.saved_as(text);
                if editor.is_changed() {
                    effects.clear();
                }
            }
        }
    } else {
        // The file that was started from stays as it was.
        let typing = state.editor().is_some_and(|editor| editor.typing);
        if let Some(entry) = state.position(origin).and_then(|at| state.entries.get_mut(at)) {
            entry.close_editor();
        }
        let opened = Opened::Unreadable("being read".into());
        let at = match state.position(&target) {
            Some(at) => at,
            None => {
                state.entries.push(Entry::new(target.clone(), Some(text.clone()), opened));
                state.entries.len() - 1
            }
        };
        let mut editor = crate::tui::state::Editor::new(&text, &theme);
        editor.typing = typing;
        let entry = &mut state.entries[at];
        (entry.text, entry.editor) = (Some(text), Some(Box::new(editor)));
        state.selected = at;
        effects.extend(edit::analyse(state, at));
    }
    let hides = |entry: &Entry| matches!(entry.origin, Origin::Bundled(_)) && entry.id == target.id();
    if target != *origin && state.entries.iter().any(hides) {
        state.complain(format!("{} is now found before the bundled {}", path.display(), target.id()));
    }
    state.tell(format!("saved {}", path.display()));
    effects.push(Effect::Load(target));
    effects
}

pub fn not_saved(state: &mut State, path: PathBuf, why: &SaveError) -> Vec<Effect> {
    let overwrite = |words: &str| (words.to_string(), Answer::Overwrite(path.clone()));
    let answers = match why {
        SaveError::Failed { .. } => {
            state.complain(format!("{why}; the text is still here"));
            return Vec::new();
        }
        SaveError::Changed(_) => vec![
            ("go on typing".to_string(), Answer::Nothing),
            overwrite("save what is here over it"),
            ("take what is there, and drop what is here".to_string(), Answer::TakeFromDisk),
        ],
        SaveError::Exists(_) => vec![("leave it".to_string(), Answer::Nothing), overwrite("write over it")],
    };
    state.overlay = Some(Overlay::Question(Question { words: format!("{why}."), answers, cursor: 0 }));
    Vec::new()
}
