//! Pieces that every screen draws with: spans and lines, cells of a width, framed panes. All text that is drawn passes through
//! one of them, where what others wrote is made visible; `clippy.toml` keeps the screens from ratatui's own.

#![allow(clippy::disallowed_methods, reason = "this is the place that the others are sent to")]

use std::borrow::Cow;

use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::theme::{Theme, Tones};
use crate::visible::{visible, visible_lines};

/// What a text looks like where it can be obeyed by a terminal.
fn safe<'a>(text: impl Into<Cow<'a, str>>) -> Cow<'a, str> {
    match text.into() {
        Cow::Borrowed(text) => visible(text),
        Cow::Owned(text) => match visible(&text) {
            Cow::Owned(safe) => Cow::Owned(safe),
            Cow::Borrowed(_) => Cow::Owned(text),
        },
    }
}

pub fn plain_span<'a>(text: impl Into<Cow<'a, str>>) -> Span<'a> {
    Span::raw(safe(text))
}

pub fn styled_span<'a>(text: impl Into<Cow<'a, str>>, style: impl Into<Style>) -> Span<'a> {
    Span::styled(safe(text), style)
}

pub fn plain_line<'a>(text: impl Into<Cow<'a, str>>) -> Line<'a> {
    Line::from(plain_span(text))
}

/// A line whose style reaches to the end of the pane.
pub fn styled_line<'a>(text: impl Into<Cow<'a, str>>, style: impl Into<Style>) -> Line<'a> {
    Line::from(plain_span(text)).style(style)
}

/// Cut to `width` columns with `…`, or filled up with spaces on the right.
pub fn left(text: &str, width: usize) -> String {
    let cut = cut(text, width);
    let fill = width.saturating_sub(cut.width());
    cut + &" ".repeat(fill)
}

/// As [`left`], filled up on the left.
pub fn right(text: &str, width: usize) -> String {
    let cut = cut(text, width);
    let fill = width.saturating_sub(cut.width());
    " ".repeat(fill) + &cut
}

fn cut(text: &str, width: usize) -> String {
    let text = &*visible(text);
    if text.width() <= width {
        return text.to_string();
    }
    let mut kept = String::new();
    let mut used = 0;
    for character in text.chars() {
        let own = character.width().unwrap_or(0);
        if used + own + 1 > width {
            break;
        }
        used += own;
        kept.push(character);
    }
    if width > 0 { kept + "…" } else { kept }
}

/// The end of a text that fits into `width` columns, with `…` before it if something is cut: of a path its own name.
pub fn tail(text: &str, width: usize) -> String {
    let text = &*visible(text);
    let mut kept = text;
    while kept.width() + usize::from(kept.len() < text.len()) > width {
        let Some(first) = kept.chars().next() else { return String::new() };
        kept = &kept[first.len_utf8()..];
    }
    if kept.len() < text.len() { format!("…{kept}") } else { kept.to_string() }
}

/// A text broken into lines of at most `width` columns.
pub fn wrapped(text: &str, width: u16) -> Vec<Line<'static>> {
    let text = visible_lines(text);
    textwrap::wrap(&text, usize::from(width.max(1))).into_iter().map(|line| Line::from(line.into_owned())).collect()
}

/// A bar of `share` (0 to 1) in eighths of a column.
pub fn bar(share: f64, width: usize) -> String {
    const EIGHTHS: [&str; 9] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"];
    if !share.is_finite() {
        return " ".repeat(width);
    }
    let eighths = (share.clamp(0.0, 1.0) * width as f64 * 8.0).round() as usize;
    left(&("█".repeat(eighths / 8) + EIGHTHS[eighths % 8]), width)
}

/// A bar that runs through the theme's colours, one span to a column.
pub fn gradient(share: f64, width: usize, theme: &Theme) -> Vec<Span<'static>> {
    let text = bar(share, width);
    if theme.bar_end.is_none() || theme.tones == Tones::Few {
        return vec![styled_span(text, theme.bar)];
    }
    let colour = |at: usize| theme.along(at as f64 / width.saturating_sub(1).max(1) as f64);
    text.chars().enumerate().map(|(at, letter)| styled_span(letter.to_string(), colour(at))).collect()
}

/// A title cut to what a pane's upper border has room for.
pub fn fitting_title(title: &str, pane: Rect) -> String {
    left(title, title.width().min(usize::from(pane.width.saturating_sub(2))))
}

/// A pane's frame with its title: bright where the keys are, quiet elsewhere.
pub fn frame<'a>(title: impl Into<Line<'a>>, theme: &Theme, has_keys: bool) -> Block<'a> {
    let (border, title_style) = if has_keys { (theme.focus, theme.accent) } else { (theme.border, theme.dim) };
    let mut title = title.into();
    for span in &mut title.spans {
        span.content = safe(std::mem::take(&mut span.content));
    }
    Block::bordered().border_type(BorderType::Rounded).border_style(border).title(title.style(title_style))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_have_their_width_whatever_is_in_them() {
        for text in ["", "a", "conv2", "64×112×112", "層層層", "a long name indeed"] {
            for width in 0..12 {
                assert_eq!(left(text, width).width(), width, "{text} in {width}");
                assert_eq!(right(text, width).width(), width, "{text} in {width}");
            }
        }
        assert_eq!(tail("block1.conv2", 6), "…conv2");
        assert!((0..20).all(|width| tail("層層 block", width).width() <= width));
        assert_eq!(bar(0.5, 4), "██  ");
        assert_eq!(bar(f64::NAN, 3), "   ");
        assert_eq!(bar(2.0, 3), "███");
    }
}
