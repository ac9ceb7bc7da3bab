//! A box over a screen, and a list in it.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Clear, Paragraph};

use super::text::{fitting_title, frame};
use super::theme::Theme;

/// A box in the middle of `area` with a title, and the room inside it.
pub fn popup(frame_: &mut Frame, area: Rect, (width, height): (u16, u16), title: &str, theme: &Theme) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    let place = Rect { x: (area.width - width) / 2, y: (area.height - height) / 3, width, height };
    let block = frame(fitting_title(&format!(" {title} "), place), theme, true);
    let inside = block.inner(place);
    frame_.render_widget(Clear, place);
    frame_.render_widget(block, place);
    inside
}

/// Lines of a list, with a cursor where there is something to choose, scrolled so that it is seen. Gives where each line landed.
pub fn list(
    frame_: &mut Frame,
    inside: Rect,
    lines: Vec<Line<'static>>,
    cursor: Option<usize>,
    theme: &Theme,
) -> Vec<(Rect, usize)> {
    let room = usize::from(inside.height);
    let offset = cursor.map_or(0, |cursor| (cursor + 1).saturating_sub(room));
    let shown = lines.into_iter().enumerate().skip(offset).take(room);
    let shown: Vec<Line> =
        shown.map(|(at, line)| if Some(at) == cursor { line.style(theme.selected) } else { line }).collect();
    let places = (inside.y..inside.bottom()).take(shown.len()).enumerate();
    let places = places.map(|(at, y)| (Rect { y, height: 1, ..inside }, offset + at)).collect();
    frame_.render_widget(Paragraph::new(shown), inside);
    places
}
