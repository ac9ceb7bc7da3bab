//! The text that is being edited: opened, typed in, completed, and worked out as it changes.

use ratatui::crossterm::event::KeyCode;
use ratatui_textarea::{CursorMove, DataCursor, Input, Key as AreaKey};

use super::state::{Action, Edit, News, Offer};
use crate::spec::Origin;
use crate::spec::complete::complete;
use crate::tui::input::{Key, moved};
use crate::tui::model::editor::Completion;
use crate::tui::model::open::{Analyse, analyse as analysis_of};
use crate::tui::model::{Analysis, Editor, LeftOver};
use crate::tui::screen::{Context, Effect};
use crate::tui::work::{Done, Lane};

/// Longest text that is edited here, in lines: the editor counts them in sixteen bits.
const LINES: usize = 60_000;

/// Opens the selected architecture's text, and offers what an earlier run left of it.
pub fn open(cx: &mut Context<Edit>) {
    let (theme, selected) = (cx.model.theme, cx.model.selected);
    let Some(entry) = cx.model.entry_mut() else { return };
    if entry.left_over.is_some() {
        cx.question(
            "Unsaved edits to this architecture were recovered.",
            vec![
                ("Keep editing them".into(), Some(Action::LeftOver(true))),
                ("Discard them".into(), Some(Action::LeftOver(false))),
            ],
        );
        return;
    }
    if let Some(editor) = &entry.editor {
        // Another text may have taken its turn.
        if editor.analysed != editor.version {
            analyse(cx, selected);
        }
        return;
    }
    match &entry.text {
        Some(text) if text.lines().count() <= LINES => {
            entry.editor = Some(Box::new(Editor::new(text, &theme)));
            analyse(cx, selected);
        }
        Some(_) => cx.complain(format!("A text of more than {LINES} lines cannot be edited here.")),
        None => {}
    }
}

/// Asks for the analysis of an entry's text as it stands.
pub fn analyse(cx: &mut Context<Edit>, at: usize) {
    let Some(entry) = cx.model.entries.get(at) else { return };
    let Some(editor) = &entry.editor else { return };
    let (library, sets) = (cx.model.library.clone(), cx.model.sets.clone());
    let work = Analyse {
        origin: entry.origin.clone(),
        version: editor.version,
        text: editor.text(),
        saved: entry.saved_network().cloned(),
    };
    let job = move || {
        let analysis = Box::new(analysis_of(&library, &sets, &work));
        News::Analysed { origin: work.origin, version: work.version, analysis }
    };
    cx.spawn(Lane::Analysis, "analysing the text", Box::new(move |_, _| Ok(Done::News(job()))));
}

/// What follows a change of the text: it is analysed, and kept in case the program ends.
pub fn changed(cx: &mut Context<Edit>) {
    let selected = cx.model.selected;
    let Some(entry) = cx.model.entry_mut() else { return };
    let origin = entry.origin.clone();
    let Some(editor) = entry.editor.as_deref_mut() else { return };
    editor.touched();
    let kept = editor.is_changed().then(|| LeftOver { text: editor.text(), base: editor.saved().to_string() });
    analyse(cx, selected);
    cx.effect(Effect::Keep(origin, kept));
}

/// Takes an analysis, unless the text has changed since.
pub fn analysed(cx: &mut Context<Edit>, origin: &Origin, version: u64, analysis: Analysis) {
    let Some(entry) = cx.model.position(origin).and_then(|at| cx.model.entries.get_mut(at)) else { return };
    let Some(editor) =
        entry.editor.as_deref_mut().filter(|editor| version > editor.analysed || version == editor.version)
    else {
        return;
    };
    let shown = analysis.shown.clone();
    editor.take(version, analysis);
    if let Some(shown) = shown {
        entry.show(shown);
    }
}

/// Another text in place of this one, as a step that can be undone.
pub fn replace(cx: &mut Context<Edit>, text: &str) {
    let Some(editor) = cx.model.editor_mut() else { return };
    if editor.text() != text {
        editor.replace(text);
        changed(cx);
    }
}

pub fn move_in(editor: &mut Editor, action: &Action) {
    let area = &mut editor.area;
    match action {
        Action::SelectAll => area.select_all(),
        Action::SearchNext => {
            area.search_forward(false);
        }
        Action::WordLeft => area.move_cursor(CursorMove::WordBack),
        Action::WordRight => area.move_cursor(CursorMove::WordForward),
        Action::TextStart => area.move_cursor(CursorMove::Top),
        Action::TextEnd => {
            area.move_cursor(CursorMove::Bottom);
            area.move_cursor(CursorMove::End);
        }
        _ => {}
    }
}

pub fn before_cursor(editor: &Editor) -> String {
    let DataCursor(line, column) = editor.area.cursor();
    editor.area.lines().get(line).map_or(String::new(), |text| text.chars().take(column).collect())
}

/// A new line stands as deep as the one before it, or deeper after a colon at its end.
fn indent_of_next(editor: &Editor) -> String {
    let before = before_cursor(editor);
    let own: String = before.chars().take_while(|character| *character == ' ').collect();
    let deeper = if before.trim_end().ends_with(':') { "  " } else { "" };
    own + deeper
}

fn candidates(editor: &Editor) -> Option<Completion> {
    let DataCursor(line, column) = editor.area.cursor();
    let network = editor.network.as_deref();
    let layers = network.map_or(&[][..], |network| &network.layers).iter().filter(|layer| !layer.brought);
    let layers: Vec<&str> = layers.map(|layer| layer.name.as_str()).collect();
    let (start, candidates) = complete(editor.area.lines(), line, column, &layers);
    (!candidates.is_empty()).then_some(Completion { start, candidates, at: 0 })
}

/// The first problem behind the cursor, or the first of all.
pub fn next_problem(editor: &Editor) -> usize {
    let DataCursor(line, column) = editor.area.cursor();
    let behind = |place: (usize, usize)| place > (line + 1, column + 1);
    let places = editor.problems.iter().map(|problem| (problem.place.line, problem.place.column));
    places.into_iter().position(behind).unwrap_or(0)
}

/// A key that the table does not have: text, and moving in it. Shift selects.
pub fn typed(cx: &mut Context<Edit>, key: Key) {
    let Some(editor) = cx.model.editor_mut() else { return };
    let was_offering = editor.completion.take().is_some();
    let moving = match key.code {
        KeyCode::Up => Some(CursorMove::Up),
        KeyCode::Down => Some(CursorMove::Down),
        KeyCode::Left => Some(CursorMove::Back),
        KeyCode::Right => Some(CursorMove::Forward),
        KeyCode::Home => Some(CursorMove::Head),
        KeyCode::End => Some(CursorMove::End),
        KeyCode::PageUp => Some(CursorMove::ParagraphBack),
        KeyCode::PageDown => Some(CursorMove::ParagraphForward),
        _ => None,
    };
    if let Some(moving) = moving.filter(|_| !key.ctrl && !key.alt) {
        match (key.shift, editor.area.is_selecting()) {
            (true, false) => editor.area.start_selection(),
            (false, true) => editor.area.cancel_selection(),
            _ => {}
        }
        editor.word_ends();
        match key.code {
            KeyCode::PageUp => editor.area.scroll(ratatui_textarea::Scrolling::PageUp),
            KeyCode::PageDown => editor.area.scroll(ratatui_textarea::Scrolling::PageDown),
            _ => editor.area.move_cursor(moving),
        }
        return;
    }
    let own = match (key.code, key.character()) {
        (KeyCode::Enter, _) => AreaKey::Enter,
        (KeyCode::Backspace, _) => AreaKey::Backspace,
        (KeyCode::Delete, _) => AreaKey::Delete,
        (_, Some(character)) if !character.is_control() => AreaKey::Char(character),
        _ => return,
    };
    let indent = indent_of_next(editor);
    let edited = editor.area.input_without_shortcuts(Input { key: own, ctrl: false, alt: false, shift: false });
    let indented = own == AreaKey::Enter && editor.area.insert_str(indent);
    let is_letter = matches!(own, AreaKey::Char(letter) if letter.is_alphanumeric() || letter == '_');
    editor.note(usize::from(edited) + usize::from(indented), is_letter);
    if was_offering && key.character().is_some() {
        editor.completion = candidates(editor);
    }
    if edited {
        changed(cx);
    }
}

pub fn pasted(cx: &mut Context<Edit>, text: &str) {
    let Some(editor) = cx.model.editor_mut() else { return };
    editor.completion = None;
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    if editor.area.insert_str(text) {
        editor.note(1, false);
        changed(cx);
    }
}

/// Puts the cursor at a place of the window that was clicked.
pub fn clicked(editor: &mut Editor, line: usize, column: usize) {
    let DataCursor(line, column) = editor.area.screen_to_data(line, column);
    editor.typing = true;
    editor.completion = None;
    editor.go_to(line, column);
}

/// Offers what may stand here; the only word that can is taken at once.
pub fn offer(cx: &mut Context<Edit>) {
    let Some(editor) = cx.model.editor_mut() else { return };
    editor.typing = true;
    editor.completion = candidates(editor);
    match &editor.completion {
        None => cx.tell("Nothing to complete here."),
        Some(own) if own.candidates.len() == 1 => choose(cx, Offer::Take),
        Some(_) => {}
    }
}

/// The keys while words are offered.
pub fn choose(cx: &mut Context<Edit>, action: Offer) {
    let Some(editor) = cx.model.editor_mut() else { return };
    let Some(mut completion) = editor.completion.take() else { return };
    match action {
        Offer::Take => {
            let DataCursor(_, column) = editor.area.cursor();
            let typed = column.saturating_sub(completion.start);
            let Some(candidate) = completion.candidates.get(completion.at) else { return };
            let deleted = (0..typed).filter(|_| editor.area.delete_char()).count();
            let inserted = editor.area.insert_str(&candidate.text);
            editor.note(deleted + usize::from(inserted), false);
            changed(cx);
            return;
        }
        Offer::Cancel => return,
        Offer::Up => completion.at = completion.at.saturating_sub(1),
        Offer::Down => completion.at = moved(completion.at, 1, completion.candidates.len()),
    }
    editor.completion = Some(completion);
}

/// Puts the cursor at a problem of this text.
pub fn go_to_problem(cx: &mut Context<Edit>, at: usize) {
    let Some(own) = cx.model.entry().map(|entry| entry.origin.display()) else { return };
    let Some(editor) = cx.model.editor_mut() else { return };
    editor.typing = true;
    if let Some(problem) = editor.problems.get(at).cloned() {
        editor.problem = at;
        if problem.file == own {
            editor.go_to(problem.place.line.saturating_sub(1), problem.place.column.saturating_sub(1));
        } else {
            cx.tell(format!("That is in {}.", problem.file));
        }
    }
}

/// Looks for a regular expression from the cursor on.
pub fn search(editor: &mut Editor, pattern: &str) -> Result<(), String> {
    let refused = |error: &dyn std::fmt::Display| error.to_string().lines().last().unwrap_or_default().to_string();
    editor.area.set_search_pattern(pattern).map_err(|error| refused(&error))?;
    if pattern.is_empty() || editor.area.search_forward(true) { Ok(()) } else { Err("no match".into()) }
}
