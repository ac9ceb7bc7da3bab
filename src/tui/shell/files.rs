//! What reading again and changes on disk do to the entries.

use super::state::State;
use crate::spec::Origin;
use crate::tui::model::{Entry, Opened};

/// An architecture was read again. The texts that are to be worked out anew come back, here and below.
pub fn loaded(state: &mut State, origin: &Origin, text: Option<String>, opened: Opened) -> Vec<Origin> {
    let Some(at) = state.position(origin) else { return Vec::new() };
    take(state, at, text, opened)
}

/// Architectures were read for the first time; one that was looked at meanwhile has been read already.
pub fn read(state: &mut State, found: Vec<(Origin, Option<String>, Opened)>) {
    for (origin, text, opened) in found {
        let unread = state.position(&origin).filter(|&at| state.entries[at].is_unread());
        if let Some(at) = unread {
            state.model.entries[at].reopen(text, opened);
        }
    }
}

/// Gives an entry what is on disk now. A text being edited stays; that it has another beside it is said when it is saved.
fn take(state: &mut State, at: usize, text: Option<String>, opened: Opened) -> Vec<Origin> {
    let theme = state.model.theme;
    let entry = &mut state.model.entries[at];
    let changed = entry.text != text;
    entry.reopen(text.clone(), opened);
    let Some(editor) = entry.editor.as_deref_mut() else { return Vec::new() };
    if !changed {
        // The saved network may be another: of what was just saved, or because what the file extends changed.
        return vec![entry.origin.clone()];
    }
    if editor.is_changed() {
        // What this program saved itself comes back as a change on disk too.
        if text.as_deref() != Some(editor.saved()) {
            editor.on_disk = text;
            let id = entry.id.clone();
            state.complain(format!("{id} was changed by another program. Your edits are still here."));
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
            vec![entry.origin.clone()]
        }
        None => Vec::new(),
    }
}

/// Every file that is in the folders now: new ones appear, those that are gone leave unless they are being edited.
pub fn listed(state: &mut State, found: Vec<(Origin, Option<String>, Opened)>) -> Vec<Origin> {
    let selected = state.entry().map(|entry| entry.origin.clone());
    let there: Vec<Origin> = found.iter().map(|(origin, ..)| origin.clone()).collect();
    let mut texts = Vec::new();
    for (origin, text, opened) in found {
        match state.position(&origin) {
            // A file may be sound now because the one it extends is.
            Some(at) => {
                // One that was too large to be read at once is read now for the first time.
                let changed = state.entries[at].text.as_ref().is_some_and(|own| Some(own) != text.as_ref());
                texts.extend(take(state, at, text, opened));
                if changed && !state.entries[at].is_edited() {
                    let id = state.entries[at].id.clone();
                    state.tell(format!("{id} changed on disk and was reloaded."));
                }
            }
            None => {
                // The bundled one of this name is hidden by the file, as on the command line.
                let id = origin.id();
                state.entries.retain(|entry| {
                    !(entry.id == id && matches!(entry.origin, Origin::Bundled(_)) && !entry.is_edited())
                });
                state.tell(format!("New: {id}"));
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
    let last = state.entries.len().saturating_sub(1);
    state.selected = at.unwrap_or(state.selected).min(last);
    texts
}
