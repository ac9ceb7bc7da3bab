//! A text being edited: the editor of ratatui-textarea, what the text comes to, and what it was.

use std::sync::Arc;

use ratatui::style::Style;
use ratatui_textarea::{CursorMove, DataCursor, TextArea, WrapMode};

use super::shown::Shown;
use crate::graph::{Graph, compare};
use crate::spec::complete::Candidate;
use crate::spec::problem::Diagnostic;
use crate::tui::widgets::theme::Theme;

/// What a text came to.
#[derive(Debug, Clone)]
pub struct Analysis {
    /// The network; none where the text has problems.
    pub shown: Option<Shown>,
    pub problems: Vec<Diagnostic>,
    /// Why it could not be read at all.
    pub unreadable: Option<String>,
    /// The saved network's rows beside those of the text.
    pub rows: Arc<Vec<compare::Row>>,
}

/// A text that was not saved, and what it was typed on top of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOver {
    pub text: String,
    pub base: String,
}

/// Words offered for the one being typed.
#[derive(Debug, Clone)]
pub struct Completion {
    /// Where in its line the word begins, in characters.
    pub start: usize,
    pub candidates: Vec<Candidate>,
    pub at: usize,
}

#[derive(Debug, Clone)]
pub struct Editor {
    pub area: TextArea<'static>,
    saved: String,
    /// Whether lines end as on Windows.
    crlf: bool,
    changed: bool,
    /// Counts the changes, so that an old text's analysis is known.
    pub version: u64,
    pub analysed: u64,
    pub problems: Vec<Diagnostic>,
    pub unreadable: Option<String>,
    /// The last sound network's rows against the saved ones.
    pub rows: Arc<Vec<compare::Row>>,
    /// The last sound network.
    pub network: Option<Arc<Graph>>,
    /// Cursor in the problems.
    pub problem: usize,
    /// Rows that the numbers are scrolled by.
    pub scroll: usize,
    pub completion: Option<Completion>,
    /// What another program made of the file meanwhile.
    pub on_disk: Option<String>,
    /// Whether keys type.
    pub typing: bool,
    /// How many changes of the area each step is that undo takes back: a word is one.
    steps: Vec<usize>,
    undone: Vec<usize>,
    in_word: bool,
}

impl Editor {
    pub fn new(text: &str, theme: &Theme) -> Self {
        let crlf = text.contains("\r\n");
        let mut editor = Editor {
            area: area(text, crlf),
            saved: text.to_string(),
            crlf,
            changed: false,
            version: 0,
            analysed: 0,
            problems: Vec::new(),
            unreadable: None,
            rows: Arc::default(),
            network: None,
            problem: 0,
            scroll: 0,
            completion: None,
            on_disk: None,
            typing: false,
            steps: Vec::new(),
            undone: Vec::new(),
            in_word: false,
        };
        editor.dress(theme);
        editor
    }

    /// Colours of the theme.
    pub fn dress(&mut self, theme: &Theme) {
        self.area.set_cursor_line_style(Style::new());
        self.area.set_line_number_style(theme.dim);
        self.area.set_selection_style(theme.selected);
        self.area.set_search_style(theme.marked);
    }

    /// The text with its own line ends.
    pub fn text(&self) -> String {
        self.area.lines().join(if self.crlf { "\r\n" } else { "\n" })
    }

    pub fn is_changed(&self) -> bool {
        self.changed
    }

    pub fn saved(&self) -> &str {
        &self.saved
    }

    /// To be called after a change of the text.
    pub fn touched(&mut self) {
        self.version += 1;
        self.changed = self.text() != self.saved;
    }

    /// Takes another text as the one saved.
    pub fn saved_as(&mut self, text: String) {
        self.saved = text;
        self.on_disk = None;
        self.changed = self.text() != self.saved;
    }

    /// Notes changes that were made to the area, as one step; letters that follow each other are one together. True, for whoever
    /// goes on with that there was a change.
    pub fn note(&mut self, changes: usize, is_letter: bool) -> bool {
        if changes > 0 {
            self.undone.clear();
            match self.steps.last_mut().filter(|_| is_letter && self.in_word) {
                Some(last) => *last += changes,
                None => self.steps.push(changes),
            }
            self.in_word = is_letter;
        }
        true
    }

    /// The cursor went elsewhere: what is typed there is another word.
    pub fn word_ends(&mut self) {
        self.in_word = false;
    }

    /// Undoes a step; true if there was one.
    pub fn undo(&mut self) -> bool {
        self.in_word = false;
        let Some(count) = self.steps.pop() else { return false };
        let undone = (0..count).filter(|_| self.area.undo()).count();
        self.undone.push(count);
        undone > 0
    }

    /// The step undone last, again.
    pub fn redo(&mut self) -> bool {
        self.in_word = false;
        let Some(count) = self.undone.pop() else { return false };
        let redone = (0..count).filter(|_| self.area.redo()).count();
        self.steps.push(count);
        redone > 0
    }

    /// Another text in place of this one, as one step that can be undone.
    pub fn replace(&mut self, text: &str) {
        let yank = self.area.yank_text();
        let DataCursor(row, column) = self.area.cursor();
        self.area.select_all();
        let cut = self.area.cut();
        let inserted = self.area.insert_str(text.replace("\r\n", "\n"));
        self.note(usize::from(cut) + usize::from(inserted), false);
        self.area.set_yank_text(yank);
        self.go_to(row, column);
        self.touched();
    }

    /// Puts the cursor at a line and column, from 0, as near as the text allows.
    pub fn go_to(&mut self, line: usize, column: usize) {
        let line = line.min(self.area.lines().len().saturating_sub(1));
        let small = |at: usize| u16::try_from(at).unwrap_or(u16::MAX);
        self.area.cancel_selection();
        self.area.move_cursor(CursorMove::Jump(small(line), small(column)));
    }

    pub fn take(&mut self, version: u64, analysis: Analysis) {
        self.analysed = version;
        self.problems = analysis.problems;
        self.unreadable = analysis.unreadable;
        self.problem = self.problem.min(self.problems.len().saturating_sub(1));
        if let Some(shown) = analysis.shown {
            self.network = Some(shown.network);
            self.rows = analysis.rows;
        }
    }

    pub fn is_sound(&self) -> bool {
        self.problems.is_empty() && self.unreadable.is_none()
    }
}

fn area(text: &str, crlf: bool) -> TextArea<'static> {
    let lines = text.split('\n').map(|line| match crlf {
        true => line.strip_suffix('\r').unwrap_or(line).to_string(),
        false => line.to_string(),
    });
    let mut area = TextArea::new(lines.collect());
    area.set_tab_length(2);
    area.set_wrap_mode(WrapMode::WordOrGlyph);
    area.set_max_histories(1000);
    area
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::widgets::theme;

    #[test]
    fn a_text_comes_back_byte_for_byte() {
        for text in ["", "a: 1", "a: 1\n", "a: 1\r\nb: 2\r\n", "\n\n", "ünïcode: 層\n"] {
            let editor = Editor::new(text, &theme::plain());
            assert_eq!(editor.text(), text);
            assert!(!editor.is_changed());
        }
    }

    #[test]
    fn replacing_the_text_can_be_undone() {
        let mut editor = Editor::new("a: 1\n", &theme::plain());
        editor.replace("b: 2\nc: 3\n");
        assert_eq!((editor.text().as_str(), editor.is_changed()), ("b: 2\nc: 3\n", true));
        assert!(editor.undo());
        editor.touched();
        assert_eq!((editor.text().as_str(), editor.is_changed()), ("a: 1\n", false));
        assert!(editor.redo());
        editor.touched();
        assert_eq!((editor.text().as_str(), editor.is_changed()), ("b: 2\nc: 3\n", true));
        let mut untouched = Editor::new("", &theme::plain());
        assert!(!untouched.undo() && !untouched.redo());
    }
}
