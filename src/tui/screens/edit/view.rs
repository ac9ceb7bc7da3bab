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
use crate::spec::problem::Diagnostic;
use crate::tui::model::editor::Completion;
use crate::tui::model::{Editor, Entry};
use crate::tui::screen::{Canvas, View};
use crate::tui::screens::unreadable;
use crate::tui::widgets::panes::SizeClass;
use crate::tui::widgets::text::{fitting_title, frame, left, plain_line, styled_line, styled_span, wrapped};
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
    draw_text(view, entry, editor, canvas, view.panes.given(0, text));
    numbers::draw(view, entry, editor, canvas.frame, view.panes.given(1, beside));
    draw_problems(view, editor, canvas, view.panes.working);
}

fn draw_text(view: &View, entry: &Entry, editor: &Editor, canvas: &mut Canvas<Action>, area: Rect) {
    if area.is_empty() {
        return;
    }
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
        // The word begins so many columns before the cursor, as far as it is on this row of the screen.
        let typed = editor.area.cursor().1.saturating_sub(completion.start);
        let column = cursor.col.saturating_sub(typed + usize::from(first_column));
        draw_offer(view, completion, (row, column), text, canvas.frame);
    }
}

fn cell(area: Rect, row: usize, column: usize, buffer: &mut Buffer) -> Option<&mut ratatui::buffer::Cell> {
    let (x, y) = (usize::from(area.x) + column, usize::from(area.y) + row);
    let inside = x < usize::from(area.right()) && y < usize::from(area.bottom());
    inside.then(|| buffer.cell_mut((x as u16, y as u16))).flatten()
}

/// Comments dim, keys in colour, problems underlined, also where a line is wrapped.
fn dress(editor: &Editor, own: &str, (top, first): (usize, usize), area: Rect, buffer: &mut Buffer, theme: &Theme) {
    let mut before = None;
    let mut known: Option<(usize, Vec<Option<Style>>)> = None;
    for row in 0..usize::from(area.height) {
        let start = editor.area.screen_to_data(top + row, 0);
        // Behind the last line its place is given again.
        if before == Some((start.0, start.1)) {
            break;
        }
        before = Some((start.0, start.1));
        if known.as_ref().is_none_or(|(line, _)| *line != start.0) {
            known = Some((start.0, styles(editor, own, start.0, theme)));
        }
        let Some((line, styles)) = &known else { break };
        let mut last = None;
        for column in 0..usize::from(area.width) {
            let place = editor.area.screen_to_data(top + row, first + column);
            if place.0 != *line || last == Some(place.1) && place.1 + 1 >= styles.len() {
                break;
            }
            last = Some(place.1);
            if let Some(style) = styles.get(place.1).copied().flatten()
                && let Some(cell) = cell(area, row, column, buffer)
            {
                cell.set_style(style);
            }
        }
    }
}

/// The style of each character of a line, and of the place behind it, where it has one of its own.
fn styles(editor: &Editor, own: &str, line: usize, theme: &Theme) -> Vec<Option<Style>> {
    let Some(text) = editor.area.lines().get(line) else { return Vec::new() };
    let mut styles = vec![None; text.chars().count() + 1];
    let characters = |bytes: usize| text[..bytes].chars().count();
    let end = comment(text).unwrap_or(text.len());
    for (from, to) in keys(&text[..end]) {
        styles[characters(from)..characters(to)].fill(Some(theme.accent));
    }
    let length = styles.len();
    styles[characters(end)..length - 1].fill(Some(theme.dim));
    let here = |problem: &&Diagnostic| problem.file == own && problem.place.line == line + 1;
    for problem in editor.problems.iter().filter(here) {
        let from = problem.place.column.saturating_sub(1).min(length - 1);
        let to = (from + problem.width.max(1)).min(length);
        styles[from..to].fill(Some(theme.bad.add_modifier(Modifier::UNDERLINED)));
    }
    styles
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
    let more = completion.candidates.len() > MOST;
    let width = ((widest + words + 4) as u16).min(screen.width);
    // Below the word, or above it where there is no room.
    let below = area.y + row as u16 + 1;
    let height = shown as u16 + u16::from(more);
    // Not over the footer either.
    let y = if below + height < screen.height { below } else { (area.y + row as u16).saturating_sub(height) };
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
    let mut lines: Vec<Line> = lines.collect();
    if more {
        let place = format!(" {} of {}, ↓ more", completion.at + 1, completion.candidates.len());
        lines.push(styled_line(left(&place, usize::from(width)), theme.dim).style(theme.marked));
    }
    frame_.render_widget(Clear, place);
    frame_.render_widget(Paragraph::new(lines), place);
}

/// The problems, or what the text comes to where there are none.
fn draw_problems(view: &View, editor: &Editor, canvas: &mut Canvas<Action>, area: Rect) {
    if area.is_empty() {
        return;
    }
    let theme = &view.theme;
    if let Some(reason) = &editor.unreadable {
        let block = frame(" Cannot be read ", theme, false);
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
        // The selected one is told whole, the others as far as there is room.
        let room = usize::from(inside.width).saturating_sub(place.width());
        let mut parts = match at == editor.problem {
            true => wrapped(&problem.message, room as u16).iter().map(Line::to_string).collect(),
            false => vec![left(&problem.message, problem.message.width().min(room))],
        }
        .into_iter();
        let indent = " ".repeat(place.width());
        let first = styled_span(parts.next().unwrap_or_default(), theme.bad);
        lines.push(Line::from(vec![styled_span(place, theme.dim), first]).style(style));
        lines.extend(parts.map(|part| styled_line(format!("{indent}{part}"), theme.bad).style(style)));
        if at == editor.problem {
            let help = problem.help.as_ref().map_or(String::new(), |help| format!(" ({help})"));
            let help = format!("{}{help}", problem.expected);
            let wrapped = wrapped(&help, inside.width.saturating_sub(4)).into_iter();
            lines.extend(wrapped.map(|line| styled_line(format!("    {line}"), theme.text)));
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
