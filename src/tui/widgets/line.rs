//! A line that is typed, edited as readline does: a cursor, words, and what was there at first selected, so that typing replaces it.

use ratatui::text::Span;
use unicode_width::UnicodeWidthChar;

use super::text::styled_span;
use super::theme::Theme;

/// What a key does to a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edit {
    Left,
    Right,
    WordLeft,
    WordRight,
    Start,
    End,
    DeleteLeft,
    DeleteRight,
    DeleteWordLeft,
    DeleteWordRight,
    DeleteToEnd,
    DeleteAll,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Line {
    letters: Vec<char>,
    cursor: usize,
    /// Whether all of it is selected, as what is offered first is.
    is_selected: bool,
}

impl Line {
    /// Selected as a whole, with the cursor behind it.
    pub fn offered(text: &str) -> Self {
        let letters: Vec<char> = text.chars().collect();
        Line { cursor: letters.len(), is_selected: !letters.is_empty(), letters }
    }

    /// With the cursor behind it.
    pub fn of(text: &str) -> Self {
        Line { is_selected: false, ..Line::offered(text) }
    }

    pub fn text(&self) -> String {
        self.letters.iter().collect()
    }

    pub fn is_empty(&self) -> bool {
        self.letters.is_empty()
    }

    /// Types a text; what is selected gives way.
    pub fn insert(&mut self, text: &str) {
        if std::mem::take(&mut self.is_selected) {
            self.letters.clear();
            self.cursor = 0;
        }
        let typed: Vec<char> = text.chars().collect();
        let count = typed.len();
        self.letters.splice(self.cursor..self.cursor, typed);
        self.cursor += count;
    }

    /// Where the word before the cursor begins. A path's parts are words too.
    fn word_left(&self) -> usize {
        let is_word = |at: &usize| self.letters[*at].is_alphanumeric();
        let end = (0..self.cursor).rev().find(is_word).map_or(0, |at| at + 1);
        (0..end).rev().find(|at| !is_word(at)).map_or(0, |at| at + 1)
    }

    fn word_right(&self) -> usize {
        let is_word = |at: &usize| self.letters[*at].is_alphanumeric();
        let count = self.letters.len();
        let start = (self.cursor..count).find(is_word).unwrap_or(count);
        (start..count).find(|at| !is_word(at)).unwrap_or(count)
    }

    pub fn edit(&mut self, edit: Edit) {
        let count = self.letters.len();
        let deletes_all = self.is_selected && matches!(edit, Edit::DeleteLeft | Edit::DeleteRight);
        self.is_selected = false;
        match edit {
            _ if deletes_all => self.delete(0, count),
            Edit::Left => self.cursor = self.cursor.saturating_sub(1),
            Edit::Right => self.cursor = (self.cursor + 1).min(count),
            Edit::WordLeft => self.cursor = self.word_left(),
            Edit::WordRight => self.cursor = self.word_right(),
            Edit::Start => self.cursor = 0,
            Edit::End => self.cursor = count,
            Edit::DeleteLeft => self.delete(self.cursor.saturating_sub(1), self.cursor),
            Edit::DeleteRight => self.delete(self.cursor, (self.cursor + 1).min(count)),
            Edit::DeleteWordLeft => self.delete(self.word_left(), self.cursor),
            Edit::DeleteWordRight => self.delete(self.cursor, self.word_right()),
            Edit::DeleteToEnd => self.delete(self.cursor, count),
            Edit::DeleteAll => self.delete(0, count),
        }
    }

    fn delete(&mut self, from: usize, to: usize) {
        self.letters.drain(from..to);
        self.cursor = from;
    }

    /// As much of it around the cursor as `width` columns hold, with the cursor as a bar between the letters.
    pub fn spans(&self, width: usize, theme: &Theme) -> Vec<Span<'static>> {
        let wide = |letters: &[char]| letters.iter().map(|own| own.width().unwrap_or(0)).sum::<usize>();
        let room = width.saturating_sub(1);
        let mut first = 0;
        while wide(&self.letters[first..self.cursor]) > room {
            first += 1;
        }
        let mut end = self.letters.len();
        while end > self.cursor && wide(&self.letters[first..end]) > room {
            end -= 1;
        }
        let style = if self.is_selected { theme.selected } else { theme.text };
        let part = |from: usize, to: usize| self.letters[from..to].iter().collect::<String>();
        vec![
            styled_span(part(first, self.cursor), style),
            styled_span("▏", theme.accent),
            styled_span(part(self.cursor, end), style),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_edited_as_readline_does() {
        let mut line = Line::offered("runs/vgg-mini-1");
        line.edit(Edit::WordLeft);
        line.edit(Edit::DeleteWordLeft);
        assert_eq!(line.text(), "runs/vgg-1");
        line.edit(Edit::Start);
        line.edit(Edit::WordRight);
        line.insert("s");
        line.edit(Edit::DeleteToEnd);
        assert_eq!(line.text(), "runss");
        line.edit(Edit::Left);
        line.edit(Edit::DeleteRight);
        line.edit(Edit::DeleteLeft);
        assert_eq!(line.text(), "run");
        line.edit(Edit::DeleteAll);
        line.edit(Edit::DeleteLeft);
        line.edit(Edit::WordLeft);
        assert!(line.is_empty());
    }

    #[test]
    fn what_is_offered_gives_way_to_what_is_typed_but_not_to_moving() {
        let mut line = Line::offered("64");
        line.insert("3");
        line.insert("2");
        assert_eq!(line.text(), "32");
        let mut line = Line::offered("64");
        line.edit(Edit::End);
        line.insert("0");
        assert_eq!(line.text(), "640");
        let mut line = Line::offered("64");
        line.edit(Edit::DeleteLeft);
        assert_eq!(line.text(), "");
    }

    #[test]
    fn the_cursor_is_always_seen() {
        let theme = super::super::theme::plain();
        for width in 1..12 {
            for at in 0..=10 {
                let mut line = Line::of("層ab層cdefgh");
                line.edit(Edit::Start);
                (0..at).for_each(|_| line.edit(Edit::Right));
                let shown: String = line.spans(width, &theme).iter().map(|span| span.content.to_string()).collect();
                assert!(shown.contains('▏'), "{width} {at}");
                assert!(unicode_width::UnicodeWidthStr::width(shown.as_str()) <= width.max(1), "{shown} in {width}");
            }
        }
    }
}
