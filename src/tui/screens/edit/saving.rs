//! Saving a text, and what is on disk meanwhile.

use std::path::{Path, PathBuf};

use super::state::{Action, Asked, Edit};
use super::text::{analyse, changed, open};
use crate::spec::{Origin, variant};
use crate::tui::model::{Editor, Entry, Opened, expanded};
use crate::tui::screen::{Context, Effect, Expected, Prompt, Save, SaveError, Typed};

pub fn save(cx: &mut Context<Edit>) {
    let Some(entry) = cx.model.entry() else { return };
    let Some(editor) = entry.editor.as_deref() else { return };
    let path = match &entry.origin {
        Origin::File(path) if !entry.is_of_run => path,
        // What comes with the program is not changed, nor what a run trained: a copy is.
        _ => {
            let extends = if editor.is_changed() { Some(false) } else { None };
            ask_where(cx, extends);
            return;
        }
    };
    if !editor.is_changed() && editor.on_disk.is_none() {
        cx.tell("Nothing to save.");
        return;
    }
    let save = Save {
        origin: entry.origin.clone(),
        path: path.clone(),
        text: editor.text(),
        expected: Expected::Text(editor.saved().to_string()),
        extending: None,
    };
    cx.effect(Effect::Save(save));
}

/// Asks for the file of a copy or a variant; `extends` says whether only what differs is written, where that can be.
pub fn ask_where(cx: &mut Context<Edit>, extends: Option<bool>) {
    let Some(entry) = cx.model.entry() else { return };
    let taken = |id: &str| cx.model.entries.iter().any(|entry| entry.id == id);
    // What was read from another format gets its own name, without the other ending.
    let (own, first) = match &entry.origin {
        Origin::Foreign(_) => (entry.id.rsplit_once('.').map_or(entry.id.as_str(), |(stem, _)| stem), true),
        _ => (entry.id.as_str(), false),
    };
    let plain = first.then(|| own.to_string()).filter(|id| !taken(id));
    let id = plain.or_else(|| (2..).map(|count| format!("{own}-{count}")).find(|id| !taken(id))).unwrap_or_default();
    // Beside the file it is made of, where that is one of the user's.
    let folder = match &entry.origin {
        Origin::File(path) | Origin::Foreign(path) if !entry.is_of_run => path.parent().map(PathBuf::from),
        _ => None,
    };
    let path = folder.unwrap_or_else(|| cx.model.new_files.clone()).join(format!("{id}.yaml"));
    let switch = extends.map(|on| ("write only what differs, with `extends:`".to_string(), on));
    cx.ask(Prompt { switch, ..Prompt::new(Asked::SaveAs, "Save as", path.display().to_string()) });
}

/// Takes the file that was typed.
pub fn save_as(cx: &mut Context<Edit>, typed: &Typed) -> Result<(), String> {
    if typed.text.is_empty() {
        return Err("expected a file name".into());
    }
    let path = named(&typed.text, cx.model.home.as_deref());
    match path.file_stem() {
        Some(stem) if !stem.to_string_lossy().starts_with('.') => {
            save_to(cx, path, typed.switched, Expected::Nothing);
            Ok(())
        }
        _ => Err("expected a file name, such as architectures/mine.yaml".into()),
    }
}

/// The path typed, with `.yaml` if it has no ending that says what it is.
fn named(text: &str, home: Option<&Path>) -> PathBuf {
    let path = expanded(text, home);
    let is_yaml =
        path.extension().is_some_and(|own| own.eq_ignore_ascii_case("yaml") || own.eq_ignore_ascii_case("yml"));
    if is_yaml { path } else { expanded(&format!("{text}.yaml"), home) }
}

fn save_to(cx: &mut Context<Edit>, path: PathBuf, extends: bool, expected: Expected) {
    let Some(entry) = cx.model.entry() else { return };
    let Some(editor) = entry.editor.as_deref() else { return };
    let origin = entry.origin.clone();
    let extending = extends.then(|| editor.saved().to_string());
    let expected = match expected {
        Expected::Nothing if origin == Origin::File(path.clone()) => Expected::Text(editor.saved().to_string()),
        other => other,
    };
    // A copy has a name of its own.
    let text = match &origin {
        Origin::File(own) if *own == path => editor.text(),
        _ => {
            let stem = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
            variant::renamed(&editor.text(), editor.saved(), &stem)
        }
    };
    cx.effect(Effect::Save(Save { origin, path, text, expected, extending }));
}

/// The answer to a file that is there, or that another program changed.
pub fn overwrite(cx: &mut Context<Edit>, path: PathBuf) {
    save_to(cx, path, false, Expected::Anything);
}

/// What another program made of the file takes the place of the text, as a step that can be undone.
pub fn take_from_disk(cx: &mut Context<Edit>) {
    let Some(entry) = cx.model.entry_mut() else { return };
    let text = entry.text.clone();
    if let (Some(editor), Some(text)) = (entry.editor.as_deref_mut(), text) {
        editor.replace(&text);
        editor.saved_as(text);
    }
    changed(cx);
}

/// The answer to the text that an earlier run left.
pub fn left_over(cx: &mut Context<Edit>, take: bool) {
    let Some(entry) = cx.model.entry_mut() else { return };
    let (origin, left) = (entry.origin.clone(), entry.left_over.take());
    open(cx);
    match (take, left, cx.model.editor_mut()) {
        (true, Some(left), Some(editor)) => {
            editor.replace(&left.text);
            // What it was typed on top of: if the file is another now, saving asks.
            editor.saved_as(left.base);
            changed(cx);
        }
        (true, left, _) => {
            if let Some(entry) = cx.model.entry_mut() {
                entry.left_over = left;
            }
            cx.complain("The file cannot be read, so its unsaved edits are still kept.");
        }
        (false, ..) => cx.effect(Effect::Keep(origin, None)),
    }
}

/// A text was written: to its own file, or to a new one, which is then the one selected.
pub fn saved(cx: &mut Context<Edit>, origin: &Origin, path: &Path, text: String) {
    let target = match origin {
        Origin::File(own) if *own == path => origin.clone(),
        _ => Origin::File(path.to_path_buf()),
    };
    if target == *origin {
        saved_in_place(cx, origin, text);
    } else {
        cx.effect(Effect::Keep(origin.clone(), None));
        saved_as_copy(cx, origin, &target, text);
        let hides = |entry: &Entry| matches!(entry.origin, Origin::Bundled(_)) && entry.id == target.id();
        let is_looked_in = cx.model.library.folders().iter().any(|folder| path.parent() == Some(folder.as_path()));
        if is_looked_in && cx.model.entries.iter().any(hides) {
            cx.complain(format!("{} is now used in place of the bundled {}.", path.display(), target.id()));
        }
    }
    cx.tell(format!("Saved {}", path.display()));
    cx.effect(Effect::Load(target));
}

fn saved_in_place(cx: &mut Context<Edit>, origin: &Origin, text: String) {
    let mut is_forgotten = true;
    if let Some(entry) = cx.model.position(origin).and_then(|at| cx.model.entries.get_mut(at)) {
        entry.text = Some(text.clone());
        if let Some(editor) = entry.editor.as_deref_mut() {
            editor.saved_as(text);
            is_forgotten = !editor.is_changed();
        }
    }
    if is_forgotten {
        cx.effect(Effect::Keep(origin.clone(), None));
    }
}

/// The file that was started from stays as it was.
fn saved_as_copy(cx: &mut Context<Edit>, origin: &Origin, target: &Origin, text: String) {
    let theme = cx.model.theme;
    let typing = cx.model.editor().is_some_and(|editor| editor.typing);
    if let Some(entry) = cx.model.position(origin).and_then(|at| cx.model.entries.get_mut(at)) {
        entry.close_editor();
    }
    let opened = Opened::Unread { is_coming: true };
    let at = match cx.model.position(target) {
        Some(at) => at,
        None => {
            cx.model.entries.push(Entry::new(target.clone(), Some(text.clone()), opened));
            cx.model.entries.len() - 1
        }
    };
    let mut editor = Editor::new(&text, &theme);
    editor.typing = typing;
    let entry = &mut cx.model.entries[at];
    (entry.text, entry.editor) = (Some(text), Some(Box::new(editor)));
    cx.model.selected = at;
    analyse(cx, at);
}

pub fn not_saved(cx: &mut Context<Edit>, path: PathBuf, why: &SaveError) {
    let overwrite = |words: &str| (words.to_string(), Some(Action::Overwrite(path.clone())));
    let answers = match why {
        SaveError::Failed { .. } => {
            cx.complain(format!("{why}. Your edits are still here."));
            return;
        }
        SaveError::Changed(_) => vec![
            ("Keep editing".to_string(), None),
            overwrite("Overwrite it with your edits"),
            ("Reload the file and discard your edits".to_string(), Some(Action::TakeFromDisk)),
        ],
        SaveError::Exists(_) => vec![("Cancel".to_string(), None), overwrite("Overwrite it")],
    };
    cx.question(format!("{why}."), answers);
}
