//! How the editor looks: the text with its problems underlined, words on offer, the problems below.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Clear, Paragraph, Wrap};
use unicode_width::UnicodeWidthStr;

use super::numbers;
use super::state::Action;
use crate::tui::model::editor::Completion;
use crate::tui::model::{Editor, Entry};
use crate::tui::screen::{Canvas, View};
use crate::tui::screens::unreadable;
use crate::tui::widgets::panes::SizeClass;
use crate::tui::widgets::text::{fitting_title, frame, left, plain_line, styled_line, styled_span};
use crate::tui::widgets::theme::Theme;

pub fn draw(view: &View, canvas: &mut Canvas<Action>) {
    let Some((entry, editor)) = view.entry().and_then(|entry| Some((entry, view.editor()?))) else {
        unreadable::draw(view, canvas.frame);
        return;
    };
    let area = view.panes.table;
    if area.is_empty() {
        return;
    }
    let numbers_width = if view.panes.class == SizeClass::Tiny { 0 } else { (area.width * 9 / 20).min(64) };
    let text = Rect { width: area.width.saturating_sub(numbers_width), ..area };
    let beside = Rect { x: text.right(), width: numbers_width, ..area };
    draw_text(view, entry, editor, canvas, text);
    numbers::draw(view, entry, editor, canvas.frame, beside);
    draw_problems(view, editor, canvas, view.panes.working);
}

fn draw_text(view: &View, entry: &Entry, editor: &Editor, canvas: &mut Canvas<Action>, area: Rect) {
    let theme = &view.theme;
    let mark = match (editor.is_changed(), &editor.on_disk) {
        (true, Some(_)) => " * changed on disk too",
        (true, None) => " *",
        (false, _) => "",
    };
    let title = format!(" {}{mark} ", entry.origin.display());
    let block = frame(fitting_title(&title, area), theme, view.has_keys && editor.typing);
    let inside = block.inner(area);
    canvas.frame.render_widget(block, area);
    if inside.is_empty() {
        return;
    }
    canvas.frame.render_widget(&editor.area, inside);
    let (top, first_column) = editor.area.scroll_offset();
    let gutter = editor.area.line_number_width().min(inside.width);
    let text = Rect { x: inside.x + gutter, width: inside.width.saturating_sub(gutter), ..inside };
    let own = entry.origin.display();
    dress(editor, &own, (usize::from(top), usize::from(first_column)), text, canvas.frame.buffer_mut(), theme);
    for (at, y) in (text.y..text.bottom()).enumerate() {
        let place = Action::Text { line: usize::from(top) + at, column: usize::from(first_column) };
        canvas.click(Rect { y, height: 1, ..text }, place);
    }
    if !editor.typing {
        // The cursor shows where typing would go on, but not as if it did.
        let cursor = editor.area.screen_cursor();
        let (row, column) =
            (cursor.row.saturating_sub(usize::from(top)), cursor.col.saturating_sub(usize::from(first_column)));
        if let Some(cell) = cell(text, row, column, canvas.frame.buffer_mut()) {
            cell.modifier.remove(Modifier::REVERSED);
        }
    }
    if let Some(completion) = &editor.completion {
        let cursor = editor.area.screen_cursor();
        let row = cursor.row.saturating_sub(usize::from(top));
        let column = completion.start.saturating_sub(usize::from(first_column));
        draw_offer(view, completion, (row, column), text, canvas.frame);
    }
}

fn cell(area: Rect, row: usize, column: usize, buffer: &mut Buffer) -> Option<&mut ratatui::buffer::Cell> {
    let (x, y) = (usize::from(area.x) + column, usize::from(area.y) + row);
    let inside = x < usize::from(area.right()) && y < usize::from(area.bottom());
    inside.then(|| buffer.cell_mut((x as u16, y as u16))).flatten()
}

/// Comments dim, keys in colour, problems underlined.
fn dress(editor: &Editor, own: &str, (top, first): (usize, usize), area: Rect, buffer: &mut Buffer, theme: &Theme) {
    let mut paint = |line: usize, from: usize, to: usize, style: Style| {
        for column in from.max(first)..to {
            if let Some(cell) = cell(area, line.saturating_sub(top), column - first, buffer) {
                cell.set_style(style);
            }
        }
    };
    let visible = editor.area.lines().iter().enumerate().skip(top).take(usize::from(area.height));
    for (at, line) in visible {
        if let Some(start) = comment(line) {
            paint(at, line[..start].width(), line.width(), theme.dim);
        }
        for (start, end) in keys(&line[..comment(line).unwrap_or(line.len())]) {
            paint(at, line[..start].width(), line[..end].width(), theme.accent);
        }
    }
    for problem in editor.problems.iter().filter(|problem| problem.file == own) {
        let line = problem.place.line.saturating_sub(1);
        if !(top..top + usize::from(area.height)).contains(&line) {
            continue;
        }
        let Some(text) = editor.area.lines().get(line) else { continue };
        let before: String = text.chars().take(problem.place.column.saturating_sub(1)).collect();
        let about: String = text.chars().skip(problem.place.column.saturating_sub(1)).take(problem.width).collect();
        let from = before.width();
        paint(line, from, from + about.width().max(1), theme.bad.add_modifier(Modifier::UNDERLINED));
    }
}

/// Where a line's comment begins, in bytes.
fn comment(line: &str) -> Option<usize> {
    let found = line
        .char_indices()
        .find(|(at, character)| *character == '#' && (*at == 0 || line[..*at].ends_with([' ', '\t'])));
    found.map(|(at, _)| at)
}

/// Words that a colon follows, as ranges of bytes.
fn keys(line: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut start = None;
    for (at, character) in line.char_indices() {
        match character {
            ':' => {
                let ends = line[at + 1..].chars().next().is_none_or(char::is_whitespace);
                if let Some(start) = start.take().filter(|_| ends) {
                    found.push((start, at));
                }
            }
            _ if character.is_alphanumeric() || matches!(character, '_' | '.' | '-') => {
                start = start.or(Some(at));
            }
            _ => start = None,
        }
    }
    found
}

fn draw_offer(view: &View, completion: &Completion, (row, column): (usize, usize), area: Rect, frame_: &mut Frame) {
    const MOST: usize = 8;
    let theme = &view.theme;
    let shown = completion.candidates.len().min(MOST);
    let widest = completion.candidates.iter().map(|own| own.text.width()).max().unwrap_or(0);
    let words = completion.candidates.iter().map(|own| own.words.width()).max().unwrap_or(0);
    let screen = frame_.area();
    let width = ((widest + words + 4) as u16).min(screen.width);
    // Below the word, or above it where there is no room.
    let below = area.y + row as u16 + 1;
    let height = shown as u16;
    let y = if below + height <= screen.height { below } else { (area.y + row as u16).saturating_sub(height) };
    let x = (area.x + column as u16).min(screen.width.saturating_sub(width));
    let place = Rect { x, y, width, height }.intersection(screen);
    let offset = (completion.at + 1).saturating_sub(MOST);
    let lines = completion.candidates.iter().enumerate().skip(offset).take(shown).map(|(at, own)| {
        let style = if at == completion.at { theme.selected } else { theme.marked };
        Line::from(vec![
            styled_span(left(&format!(" {}", own.text), widest + 2), theme.text),
            styled_span(left(&own.words, words + 2), theme.dim),
        ])
        .style(style)
    });
    frame_.render_widget(Clear, place);
    frame_.render_widget(Paragraph::new(lines.collect::<Vec<_>>()), place);
}

/// The problems, or what the text comes to where there are none.
fn draw_problems(view: &View, editor: &Editor, canvas: &mut Canvas<Action>, area: Rect) {
    if area.is_empty() {
        return;
    }
    let theme = &view.theme;
    if let Some(reason) = &editor.unreadable {
        let block = frame(" It cannot be read ", theme, false);
        canvas.frame.render_widget(
            Paragraph::new(plain_line(reason.as_str())).style(theme.bad).wrap(Wrap { trim: false }).block(block),
            area,
        );
        return;
    }
    if editor.problems.is_empty() {
        numbers::draw_totals(view, editor, canvas.frame, area);
        return;
    }
    let count = editor.problems.len();
    let title = format!(" {count} problem{} ", if count == 1 { "" } else { "s" });
    let has_keys = view.has_keys && !editor.typing;
    let block = frame(title, theme, has_keys);
    let inside = block.inner(area);
    // The selected problem takes two lines: what is wrong, and what would be right.
    let room = usize::from(inside.height).saturating_sub(1).max(1);
    let offset = (editor.problem + 1).saturating_sub(room);
    let mut lines = Vec::new();
    for (at, problem) in editor.problems.iter().enumerate().skip(offset).take(room) {
        let place = format!(" {}:{} ", problem.place.line, problem.place.column);
        let style = theme.row(at == editor.problem, has_keys);
        let y = inside.y + lines.len() as u16;
        canvas.click(Rect { y, height: 1, ..inside }, Action::Problem(at));
        let words = vec![styled_span(place, theme.dim), styled_span(problem.message.clone(), theme.bad)];
        lines.push(Line::from(words).style(style));
        if at == editor.problem {
            let help = problem.help.as_ref().map_or(String::new(), |help| format!(" ({help})"));
            lines.push(styled_line(format!("    {}{help}", problem.expected), theme.text));
        }
    }
    canvas.frame.render_widget(Paragraph::new(lines).block(block), area);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_comments_are_found() {
        let line = "  - conv: {out: 64, kernel: 3} # note: why";
        let found: Vec<&str> =
            keys(&line[..comment(line).expect("a comment")]).into_iter().map(|(from, to)| &line[from..to]).collect();
        assert_eq!(found, ["conv", "out", "kernel"]);
        assert_eq!(comment("a#b"), None);
        assert_eq!(comment("# all"), Some(0));
    }
}
