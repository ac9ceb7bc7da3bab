//! Screen 4: the YAML of the selected architecture, and what it comes to while it is typed.

mod numbers;
mod view;

use std::path::PathBuf;

use ratatui::crossterm::event::KeyCode;
use ratatui_textarea::{CursorMove, DataCursor, Input, Key as AreaKey};

use crate::spec::Origin;
use crate::spec::complete::complete;
use crate::tui::keys::table::{Edit, Overlay as OverlayAction};
use crate::tui::keys::{Action, Context, Key};
use crate::tui::msg::{Effect, Expected};
use crate::tui::overlays;
use crate::tui::state::editor::{Analysis, Completion, LeftOver};
use crate::tui::state::overlay::{Answer, Purpose, Question};
use crate::tui::state::{Editor, Overlay, Pane, State};
use crate::tui::update::moved;

pub use view::draw;

/// Longest text that is edited here, in lines: the editor counts them in sixteen bits.
const LINES: usize = 60_000;

pub fn context(state: &State) -> Context {
    match state.editor() {
        Some(editor) if editor.typing && editor.completion.is_some() => Context::Completing,
        Some(editor) if editor.typing => Context::Typing,
        _ => Context::Edit,
    }
}

/// Opens the selected architecture's text, and offers what an earlier run left of it.
pub fn enter(state: &mut State) -> Vec<Effect> {
    let (theme, selected) = (state.theme, state.selected);
    let Some(entry) = state.entry_mut() else { return Vec::new() };
    if entry.left_over.is_some() {
        state.overlay = Some(Overlay::Question(Question {
            words: "A text of this architecture was not saved when the program ended.".into(),
            answers: vec![
                ("go on with it".into(), Answer::TakeLeftOver(true)),
                ("drop it".into(), Answer::TakeLeftOver(false)),
            ],
            cursor: 0,
        }));
        return Vec::new();
    }
    if let Some(editor) = &entry.editor {
        // Another text may have taken its turn.
        return if editor.analysed == editor.version { Vec::new() } else { analyse(state, selected) };
    }
    match &entry.text {
        Some(text) if text.lines().count() <= LINES => {
            entry.editor = Some(Box::new(Editor::new(text, &theme)));
            analyse(state, selected)
        }
        Some(_) => {
            state.complain(format!("more than {LINES} lines are not edited here"));
            Vec::new()
        }
        None => Vec::new(),
    }
}

/// Asks for the analysis of an entry's text as it stands.
pub fn analyse(state: &State, at: usize) -> Vec<Effect> {
    let Some(entry) = state.entries.get(at) else { return Vec::new() };
    let Some(editor) = &entry.editor else { return Vec::new() };
    vec![Effect::Analyse {
        origin: entry.origin.clone(),
        version: editor.version,
        text: editor.text(),
        saved: entry.saved_network().cloned(),
    }]
}

/// What follows a change of the text: it is analysed, and kept in case the program ends.
fn changed(state: &mut State) -> Vec<Effect> {
    let selected = state.selected;
    let Some(entry) = state.entry_mut() else { return Vec::new() };
    let origin = entry.origin.clone();
    let Some(editor) = entry.editor.as_deref_mut() else { return Vec::new() };
    editor.touched();
    let kept = editor.is_changed().then(|| LeftOver { text: editor.text(), base: editor.saved().to_string() });
    let mut effects = analyse(state, selected);
    effects.push(Effect::Keep(origin, kept));
    effects
}

/// Takes an analysis, unless the text has changed since.
pub fn analysed(state: &mut State, origin: &Origin, version: u64, analysis: Analysis) {
    let Some(entry) = state.position(origin).and_then(|at| state.entries.get_mut(at)) else { return };
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

pub fn step(state: &mut State, by: isize) {
    let Some(editor) = state.editor_mut() else { return };
    if editor.typing {
        let rows = i16::try_from(by).unwrap_or(if by < 0 { i16::MIN } else { i16::MAX });
        editor.area.scroll((rows, 0));
    } else if editor.is_sound() {
        editor.scroll = moved(editor.scroll, by, editor.rows.len());
    } else {
        editor.problem = moved(editor.problem, by, editor.problems.len());
    }
}

pub fn act(state: &mut State, action: Action) -> Option<Vec<Effect>> {
    match action {
        Action::Edit(edit) => {
            let mut effects = if state.editor().is_none() { enter(state) } else { Vec::new() };
            if state.editor().is_some() {
                effects.extend(act_on_text(state, edit));
            } else if state.overlay.is_none() {
                state.complain("there is no text that can be edited here");
            }
            Some(effects)
        }
        Action::Copy => Some(vec![Effect::Copy(numbers::as_text(state))]),
        _ => None,
    }
}

fn act_on_text(state: &mut State, edit: Edit) -> Vec<Effect> {
    match edit {
        Edit::Save => return save(state),
        Edit::SaveVariant => {
            ask_where(state, Some(true));
            return Vec::new();
        }
        Edit::External => {
            let origin = state.entry().map(|entry| entry.origin.clone());
            let text = state.editor().map(Editor::text);
            return origin.zip(text).map(|(origin, text)| Effect::External { origin, text }).into_iter().collect();
        }
        Edit::Discard => {
            if state.entry().is_some_and(|entry| entry.is_edited()) {
                state.overlay = Some(Overlay::Question(Question {
                    words: "Go back to the text as it was saved?".into(),
                    answers: vec![
                        ("go on with this text".into(), Answer::Nothing),
                        ("go back".into(), Answer::Discard),
                    ],
                    cursor: 0,
                }));
            }
            return Vec::new();
        }
        Edit::Search => {
            overlays::ask_path(state, Purpose::Search, String::new());
            return Vec::new();
        }
        Edit::CopyOrQuit if state.editor().is_some_and(|editor| !editor.area.is_selecting()) => {
            return crate::tui::update::act(state, Action::Window(crate::tui::keys::table::Window::Quit));
        }
        _ => {}
    }
    let Some(editor) = state.editor_mut() else { return Vec::new() };
    editor.completion = None;
    let edited = match edit {
        Edit::Undo => editor.undo(),
        Edit::Redo => editor.redo(),
        Edit::Cut => editor.area.cut(),
        Edit::Paste => editor.area.paste(),
        Edit::Indent => match before_cursor(editor).chars().next_back() {
            Some(character) if !character.is_whitespace() => return offer(state),
            _ => editor.area.insert_tab(),
        },
        Edit::Complete => return offer(state),
        Edit::Type => {
            editor.typing = true;
            false
        }
        Edit::Leave => {
            editor.typing = false;
            editor.area.cancel_selection();
            false
        }
        Edit::CopyOrQuit => {
            editor.area.copy();
            let copied = editor.area.yank_text();
            return vec![Effect::Copy(copied)];
        }
        Edit::GoToProblem => {
            editor.typing = true;
            let at = editor.problem;
            return go_to_problem(state, at);
        }
        Edit::NextProblem => {
            let at = next_problem(editor);
            return go_to_problem(state, at);
        }
        other => {
            move_in(editor, other);
            false
        }
    };
    if edited { changed(state) } else { Vec::new() }
}

fn move_in(editor: &mut Editor, edit: Edit) {
    let area = &mut editor.area;
    match edit {
        Edit::SelectAll => area.select_all(),
        Edit::SearchNext => {
            area.search_forward(false);
        }
        Edit::WordLeft => area.move_cursor(CursorMove::WordBack),
        Edit::WordRight => area.move_cursor(CursorMove::WordForward),
        Edit::TextStart => area.move_cursor(CursorMove::Top),
        Edit::TextEnd => {
            area.move_cursor(CursorMove::Bottom);
            area.move_cursor(CursorMove::End);
        }
        _ => {}
    }
}

fn before_cursor(editor: &Editor) -> String {
    let DataCursor(line, column) = editor.area.cursor();
    editor.area.lines().get(line).map_or(String::new(), |text| text.chars().take(column).collect())
}

/// A key that the table does not have: text, and moving in it. Shift selects.
pub fn typed(state: &mut State, key: Key) -> Vec<Effect> {
    let Some(editor) = state.editor_mut() else { return Vec::new() };
    let was_offering = editor.completion.take().is_some();
    if was_offering && let Some(action) = state.keys.action(key, Context::Typing.together()) {
        return crate::tui::update::act(state, action);
    }
    let Some(editor) = state.editor_mut() else { return Vec::new() };
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
        match key.code {
            KeyCode::PageUp => editor.area.scroll(ratatui_textarea::Scrolling::PageUp),
            KeyCode::PageDown => editor.area.scroll(ratatui_textarea::Scrolling::PageDown),
            _ => editor.area.move_cursor(moving),
        }
        return Vec::new();
    }
    let own = match (key.code, key.character()) {
        (KeyCode::Enter, _) => AreaKey::Enter,
        (KeyCode::Backspace, _) => AreaKey::Backspace,
        (KeyCode::Delete, _) => AreaKey::Delete,
        (_, Some(character)) if !character.is_control() => AreaKey::Char(character),
        _ => return Vec::new(),
    };
    let indent = indent_of_next(editor);
    let edited = editor.area.input_without_shortcuts(Input { key: own, ctrl: false, alt: false, shift: false });
    if own == AreaKey::Enter {
        editor.area.insert_str(indent);
    }
    let mut effects = if edited { changed(state) } else { Vec::new() };
    if was_offering && key.character().is_some() {
        effects.extend(offer_quietly(state));
    }
    effects
}

/// A new line stands as deep as the one before it, or deeper after a colon at its end.
fn indent_of_next(editor: &Editor) -> String {
    let before = before_cursor(editor);
    let own: String = before.chars().take_while(|character| *character == ' ').collect();
    let deeper = if before.trim_end().ends_with(':') { "  " } else { "" };
    own + deeper
}

pub fn pasted(state: &mut State, text: &str) -> Vec<Effect> {
    let Some(editor) = state.editor_mut() else { return Vec::new() };
    editor.completion = None;
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    if editor.area.insert_str(text) { changed(state) } else { Vec::new() }
}

/// Puts the cursor at a place of the window that was clicked.
pub fn clicked(state: &mut State, line: usize, column: usize) {
    state.pane = Pane::Main;
    let Some(editor) = state.editor_mut() else { return };
    let DataCursor(line, column) = editor.area.screen_to_data(line, column);
    editor.typing = true;
    editor.completion = None;
    editor.go_to(line, column);
}

fn candidates(editor: &Editor) -> Option<Completion> {
    let DataCursor(line, column) = editor.area.cursor();
    let (start, candidates) = complete(editor.area.lines(), line, column);
    (!candidates.is_empty()).then_some(Completion { start, candidates, at: 0 })
}

/// Offers what may stand here; the only word that can is taken at once.
fn offer(state: &mut State) -> Vec<Effect> {
    let Some(editor) = state.editor_mut() else { return Vec::new() };
    editor.typing = true;
    editor.completion = candidates(editor);
    match &editor.completion {
        None => state.tell("nothing to complete here"),
        Some(own) if own.candidates.len() == 1 => return completing(state, OverlayAction::Accept),
        Some(_) => {}
    }
    Vec::new()
}

fn offer_quietly(state: &mut State) -> Vec<Effect> {
    if let Some(editor) = state.editor_mut() {
        editor.completion = candidates(editor);
    }
    Vec::new()
}

/// The keys while words are offered.
pub fn completing(state: &mut State, action: OverlayAction) -> Vec<Effect> {
    let Some(editor) = state.editor_mut() else { return Vec::new() };
    let Some(mut completion) = editor.completion.take() else { return Vec::new() };
    match action {
        OverlayAction::Accept => {
            let DataCursor(_, column) = editor.area.cursor();
            let typed = column.saturating_sub(completion.start);
            let Some(candidate) = completion.candidates.get(completion.at) else { return Vec::new() };
            for _ in 0..typed {
                editor.area.delete_char();
            }
            editor.area.insert_str(&candidate.text);
            return changed(state);
        }
        OverlayAction::Up => completion.at = completion.at.saturating_sub(1),
        OverlayAction::Down => completion.at = moved(completion.at, 1, completion.candidates.len()),
        _ => return Vec::new(),
    }
    editor.completion = Some(completion);
    Vec::new()
}

/// The first problem behind the cursor, or the first of all.
fn next_problem(editor: &Editor) -> usize {
    let DataCursor(line, column) = editor.area.cursor();
    let behind = |place: (usize, usize)| place > (line + 1, column + 1);
    let places = editor.problems.iter().map(|problem| (problem.place.line, problem.place.column));
    places.into_iter().position(behind).unwrap_or(0)
}

/// Puts the cursor at a problem of this text.
pub fn go_to_problem(state: &mut State, at: usize) -> Vec<Effect> {
    let Some(own) = state.entry().map(|entry| entry.origin.display()) else { return Vec::new() };
    let Some(editor) = state.editor_mut() else { return Vec::new() };
    editor.typing = true;
    if let Some(problem) = editor.problems.get(at).cloned() {
        editor.problem = at;
        if problem.file == own {
            editor.go_to(problem.place.line.saturating_sub(1), problem.place.column.saturating_sub(1));
        } else {
            state.tell(format!("that is in {}", problem.file));
        }
    }
    Vec::new()
}

/// Looks for a regular expression from the cursor on.
pub fn search(state: &mut State, pattern: &str) -> Result<(), String> {
    let Some(editor) = state.editor_mut() else { return Ok(()) };
    let refused = |error: &dyn std::fmt::Display| error.to_string().lines().last().unwrap_or_default().to_string();
    editor.area.set_search_pattern(pattern).map_err(|error| refused(&error))?;
    if pattern.is_empty() || editor.area.search_forward(true) { Ok(()) } else { Err("nothing fits".into()) }
}

fn save(state: &mut State) -> Vec<Effect> {
    let Some(entry) = state.entry() else { return Vec::new() };
    let Some(editor) = entry.editor.as_deref() else { return Vec::new() };
    let path = match &entry.origin {
        Origin::File(path) if !entry.is_of_run => path,
        // What comes with the program is not changed, nor what a run trained: a copy is.
        _ => {
            ask_where(state, if editor.is_changed() { Some(false) } else { None });
            return Vec::new();
        }
    };
    if !editor.is_changed() && editor.on_disk.is_none() {
        state.tell("nothing to save");
        return Vec::new();
    }
    vec![Effect::Save {
        origin: entry.origin.clone(),
        path: path.clone(),
        text: editor.text(),
        expected: Expected::Text(editor.saved().to_string()),
        extending: None,
    }]
}

/// Asks for the file of a copy or a variant.
fn ask_where(state: &mut State, extends: Option<bool>) {
    let Some(entry) = state.entry() else { return };
    let taken = |id: &str| state.entries.iter().any(|entry| entry.id == id);
    // What was read from another format gets its own name, without the other ending.
    let (own, first) = match &entry.origin {
        Origin::Foreign(_) => (entry.id.rsplit_once('.').map_or(entry.id.as_str(), |(stem, _)| stem), true),
        _ => (entry.id.as_str(), false),
    };
    let plain = first.then(|| own.to_string()).filter(|id| !taken(id));
    let id = plain.or_else(|| (2..).map(|count| format!("{own}-{count}")).find(|id| !taken(id))).unwrap_or_default();
    let path = state.new_files.join(format!("{id}.yaml"));
    overlays::ask_path(state, Purpose::SaveAs { extends }, path.display().to_string());
}

/// Saves the text in another file; `extends` writes only what differs from this one.
pub fn save_as(state: &mut State, path: PathBuf, extends: bool) -> Vec<Effect> {
    save_to(state, path, extends, Expected::Nothing)
}

fn save_to(state: &mut State, path: PathBuf, extends: bool, expected: Expected) -> Vec<Effect> {
    let Some(entry) = state.entry() else { return Vec::new() };
    let Some(editor) = entry.editor.as_deref() else { return Vec::new() };
    let origin = entry.origin.clone();
    let extending = extends.then(|| editor.saved().to_string());
    let expected =
        if origin == Origin::File(path.clone()) { Expected::Text(editor.saved().to_string()) } else { expected };
    vec![Effect::Save { origin, path, text: editor.text(), expected, extending }]
}

/// The answer to a file that is there, or that another program changed.
pub fn overwrite(state: &mut State, path: PathBuf) -> Vec<Effect> {
    let mut effects = save_to(state, path, false, Expected::Anything);
    if let Some(Effect::Save { expected, .. }) = effects.first_mut() {
        *expected = Expected::Anything;
    }
    effects
}

/// What another program made of the file takes the place of the text, as a step that can be undone.
pub fn take_from_disk(state: &mut State) -> Vec<Effect> {
    let Some(entry) = state.entry_mut() else { return Vec::new() };
    let text = entry.text.clone();
    if let (Some(editor), Some(text)) = (entry.editor.as_deref_mut(), text) {
        editor.replace(&text);
        editor.saved_as(text);
    }
    changed(state)
}

pub fn discard(state: &mut State) -> Vec<Effect> {
    if let Some(editor) = state.editor_mut() {
        let saved = editor.saved().to_string();
        editor.replace(&saved);
    }
    changed(state)
}

/// The answer to the text that an earlier run left.
pub fn left_over(state: &mut State, take: bool) -> Vec<Effect> {
    let Some(entry) = state.entry_mut() else { return Vec::new() };
    let (origin, left) = (entry.origin.clone(), entry.left_over.take());
    let mut effects = enter(state);
    match (take, left, state.editor_mut()) {
        (true, Some(left), Some(editor)) => {
            editor.replace(&left.text);
            // What it was typed on top of: if the file is another now, saving asks.
            editor.saved_as(left.base);
            effects.extend(changed(state));
        }
        (true, left, _) => {
            if let Some(entry) = state.entry_mut() {
                entry.left_over = left;
            }
            state.complain("the file cannot be read, so its unsaved text is still kept");
        }
        (false, ..) => effects.push(Effect::Keep(origin, None)),
    }
    effects
}

/// The text as the user's own editor left it.
pub fn edited_outside(state: &mut State, origin: &Origin, text: &str) -> Vec<Effect> {
    if state.entry().is_none_or(|entry| entry.origin != *origin) {
        return Vec::new();
    }
    let Some(editor) = state.editor_mut() else { return Vec::new() };
    if editor.text() == text {
        return Vec::new();
    }
    editor.replace(text);
    changed(state)
}
