//! Screen 4: the YAML of the selected architecture, and what it comes to while it is typed.

mod numbers;
mod saving;
mod state;
mod text;
mod view;

pub use state::{Action, Asked, Edit, News, Offer};
pub use text::analyse;

use crate::tui::input::{Binding, Group, Key, Together, bind, moved};
use crate::tui::model::{Editor, Model};
use crate::tui::screen::{Canvas, Context, Effect, Go, Prompt, Screen, Typed, View};

use Action as A;

const BINDINGS: &[Binding<Action>] = &[
    bind("edit", "type", "enter i", A::GoToProblem, "start typing, at the selected problem if there is one", "type"),
    bind("edit", "save", "ctrl-s", A::Save, "save", "save"),
    bind("edit", "save-variant", "ctrl-t", A::SaveVariant, "save as a new variant", "variant"),
    bind("edit", "undo", "u ctrl-u", A::Undo, "undo", ""),
    bind("edit", "redo", "ctrl-r", A::Redo, "redo", ""),
    bind("edit", "external", "E ctrl-e", A::External, "open in $EDITOR", "$EDITOR"),
    bind("edit", "discard", "D", A::Discard, "discard edits (asks)", ""),
    bind("edit", "copy", "y", A::Copy, "copy the changed numbers", ""),
    bind("typing", "leave", "esc", A::Leave, "stop typing; 1 to 6 then change the screen", "keys"),
    bind("typing", "save", "ctrl-s", A::Save, "save", "save"),
    bind("typing", "save-variant", "ctrl-t", A::SaveVariant, "save as a new variant", "variant"),
    bind("typing", "undo", "ctrl-u", A::Undo, "undo", "undo"),
    bind("typing", "redo", "ctrl-r", A::Redo, "redo", ""),
    bind("typing", "indent", "tab", A::Indent, "complete the word, or indent", "complete"),
    bind("typing", "complete", "ctrl-space", A::Complete, "complete: what is valid here", ""),
    bind("typing", "next-problem", "ctrl-n", A::NextProblem, "next problem", "problem"),
    bind("typing", "cut", "ctrl-x", A::Cut, "cut the selection (shift and arrows select)", ""),
    bind("typing", "copy", "ctrl-c", A::CopyOrQuit, "copy the selection, or quit if there is none", ""),
    bind("typing", "paste", "ctrl-v", A::Paste, "paste what was cut or copied", ""),
    bind("typing", "select-all", "ctrl-a", A::SelectAll, "select everything", ""),
    bind("typing", "search", "ctrl-f", A::Search, "search in the text", ""),
    bind("typing", "search-next", "ctrl-g", A::SearchNext, "next match", ""),
    bind("typing", "external", "ctrl-e", A::External, "open in $EDITOR", ""),
    bind("typing", "word-left", "ctrl-left alt-b", A::WordLeft, "a word to the left", ""),
    bind("typing", "word-right", "ctrl-right alt-f", A::WordRight, "a word to the right", ""),
    bind("typing", "text-start", "ctrl-home", A::TextStart, "start of the text", ""),
    bind("typing", "text-end", "ctrl-end", A::TextEnd, "end of the text", ""),
    bind("typing", "commands", "ctrl-p", A::Palette, "commands by name", "commands"),
    bind("typing", "suspend", "ctrl-z", A::Suspend, "suspend", ""),
    bind("typing", "quit", "ctrl-q", A::Quit, "quit", ""),
    bind("typing", "repaint", "ctrl-l", A::Repaint, "repaint", ""),
    bind("completing", "take", "enter tab", A::Offer(Offer::Take), "accept", "accept"),
    bind("completing", "cancel", "esc ctrl-c", A::Offer(Offer::Cancel), "close the list", "close"),
    bind("completing", "up", "up", A::Offer(Offer::Up), "previous", ""),
    bind("completing", "down", "down ctrl-n", A::Offer(Offer::Down), "next", "choose"),
];

impl Screen for Edit {
    type Action = Action;
    type News = News;
    type Asked = Asked;

    const ABOUT: &'static str = "the YAML, with its numbers as you type";
    const GROUPS: &'static [Group] = &[Group::of("edit"), Group::typed("typing"), Group::typed("completing")];
    const TOGETHER: &'static [Together] = &[&["edit", "moving", "everywhere"], &["typing"], &["completing"]];

    fn bindings() -> &'static [Binding<Action>] {
        BINDINGS
    }

    fn groups(&self, model: &Model) -> Together {
        Self::TOGETHER[match model.editor() {
            Some(editor) if editor.typing && editor.completion.is_some() => 2,
            Some(editor) if editor.typing => 1,
            _ => 0,
        }]
    }

    fn beneath(&self, model: &Model) -> Together {
        let is_offering = model.editor().is_some_and(|editor| editor.typing && editor.completion.is_some());
        if is_offering { &["typing"] } else { &[] }
    }

    fn act(&mut self, action: Action, cx: &mut Context<Self>) {
        if let A::LeftOver(take) = action {
            saving::left_over(cx, take);
            return;
        }
        if cx.model.editor().is_none() {
            text::open(cx);
        }
        match cx.model.editor() {
            Some(_) => act_on_text(action, cx),
            None if cx.model.entry().is_some_and(|entry| entry.left_over.is_some()) => {}
            None => cx.complain("There is no text to edit here."),
        }
    }

    fn along(action: Action, columns: u16) -> Action {
        action.moved(columns)
    }

    fn step(&mut self, by: isize, cx: &mut Context<Self>) {
        let Some(editor) = cx.model.editor_mut() else { return };
        if editor.typing {
            let rows = i16::try_from(by).unwrap_or(if by < 0 { i16::MIN } else { i16::MAX });
            editor.area.scroll((rows, 0));
        } else if editor.is_sound() {
            editor.scroll = moved(editor.scroll, by, editor.rows.len());
        } else {
            editor.problem = moved(editor.problem, by, editor.problems.len());
        }
    }

    fn enter(&mut self, cx: &mut Context<Self>) {
        text::open(cx);
    }

    fn typed(&mut self, key: Key, cx: &mut Context<Self>) {
        text::typed(cx, key);
    }

    fn pasted(&mut self, pasted: &str, cx: &mut Context<Self>) {
        text::pasted(cx, pasted);
    }

    fn answer(&mut self, asked: Asked, typed: &Typed, cx: &mut Context<Self>) -> Result<(), String> {
        match asked {
            Asked::SaveAs => saving::save_as(cx, typed),
            Asked::Search => cx.model.editor_mut().map_or(Ok(()), |editor| text::search(editor, &typed.text)),
        }
    }

    fn receive(&mut self, news: News, cx: &mut Context<Self>) {
        match news {
            News::Analysed { origin, version, analysis } => text::analysed(cx, &origin, version, *analysis),
            News::Saved { origin, path, text } => saving::saved(cx, &origin, &path, text),
            News::NotSaved { path, why } => saving::not_saved(cx, path, &why),
            News::Edited { origin, text } => {
                if cx.model.entry().is_some_and(|entry| entry.origin == origin) {
                    text::replace(cx, &text);
                }
            }
        }
    }

    fn zooms(&self) -> &'static [&'static str] {
        &["the text", "the numbers"]
    }

    fn draw(&self, view: &View, canvas: &mut Canvas<Action>) {
        view::draw(view, canvas);
    }
}

impl Edit {
    /// Opens the selected architecture's text to be typed in.
    pub fn begin(&mut self, cx: &mut Context<Self>) {
        text::open(cx);
        if let Some(editor) = cx.model.editor_mut() {
            editor.typing = true;
        }
    }

    /// Opens it with another text in its place.
    pub fn begin_with(&mut self, text: &str, cx: &mut Context<Self>) {
        text::open(cx);
        let before = cx.model.editor().map(Editor::text).unwrap_or_default();
        text::replace(cx, text);
        // To the last line that is another one now.
        let same = before.lines().rev().zip(text.lines().rev()).take_while(|(old, new)| old == new).count();
        if let Some(editor) = cx.model.entry_mut().and_then(|entry| entry.editor.as_mut()) {
            editor.go_to(text.lines().count().saturating_sub(same + 1), 0);
        }
    }
}

fn act_on_text(action: Action, cx: &mut Context<Edit>) {
    match action {
        A::Save => return saving::save(cx),
        A::SaveVariant => return saving::ask_where(cx, Some(true)),
        A::Overwrite(path) => return saving::overwrite(cx, path),
        A::TakeFromDisk => return saving::take_from_disk(cx),
        A::External => {
            let origin = cx.model.entry().map(|entry| entry.origin.clone());
            let text = cx.model.editor().map(Editor::text);
            if let Some((origin, text)) = origin.zip(text) {
                cx.effect(Effect::External { origin, text });
            }
            return;
        }
        A::Discard => {
            if cx.model.entry().is_some_and(|entry| entry.is_edited()) {
                cx.question(
                    "Discard your edits and go back to the saved text?",
                    vec![("Keep editing".into(), None), ("Discard edits".into(), Some(A::DiscardNow))],
                );
            }
            return;
        }
        A::Search => {
            return cx.ask(Prompt::new(Asked::Search, "Search in the text (a regular expression)", ""));
        }
        A::Palette => return cx.go(Go::Palette),
        A::Suspend => return cx.effect(Effect::Suspend),
        A::Repaint => return cx.effect(Effect::Repaint),
        A::Quit => return cx.go(Go::Quit),
        A::CopyOrQuit if cx.model.editor().is_some_and(|editor| !editor.area.is_selecting()) => {
            return cx.go(Go::Quit);
        }
        A::Copy => return cx.copy(numbers::as_text(cx.model)),
        A::Offer(own) => return text::choose(cx, own),
        _ => {}
    }
    let Some(editor) = cx.model.editor_mut() else { return };
    editor.completion = None;
    let edited = match action {
        A::Undo => editor.undo(),
        A::Redo => editor.redo(),
        A::Cut => editor.area.cut() && editor.note(1, false),
        A::Paste => editor.area.paste() && editor.note(1, false),
        A::DiscardNow => {
            let saved = editor.saved().to_string();
            editor.replace(&saved);
            true
        }
        // A word that was begun is completed, and what may follow `- `, `activation: ` or `out: 64, ` is offered.
        A::Indent => match text::before_cursor(editor) {
            before if before.trim_end().ends_with(['-', ':', ',', '{', '[']) => return text::offer(cx),
            before if before.chars().next_back().is_some_and(|last| !last.is_whitespace()) => return text::offer(cx),
            _ => editor.area.insert_tab() && editor.note(1, false),
        },
        A::Complete => return text::offer(cx),
        A::Leave => {
            editor.typing = false;
            editor.area.cancel_selection();
            false
        }
        A::CopyOrQuit => {
            editor.area.copy();
            let copied = editor.area.yank_text();
            return cx.copy(copied);
        }
        A::GoToProblem => {
            let at = editor.problem;
            return text::go_to_problem(cx, at);
        }
        A::Problem(at) => return text::go_to_problem(cx, at),
        A::NextProblem => {
            let at = text::next_problem(editor);
            return text::go_to_problem(cx, at);
        }
        A::Text { line, column } => {
            text::clicked(editor, line, column);
            false
        }
        other => {
            text::move_in(editor, &other);
            false
        }
    };
    if edited {
        text::changed(cx);
    }
}
