//! A list of things to change, with what they are now; what is not as usual is marked.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use unicode_width::UnicodeWidthStr;

use crate::tui::input::moved;
use crate::tui::screen::Menu;
use crate::tui::shell::action::{Action, Overlay as OverlayAction};
use crate::tui::shell::overlay::{Overlay, Then};
use crate::tui::shell::state::State;
use crate::tui::widgets::popup::{list, popup};
use crate::tui::widgets::text::{left, styled_span};

pub fn act(state: &mut State, mut menu: Menu<Action>, action: OverlayAction) -> Then {
    let chosen = |at: usize| menu.rows.get(at).map_or(Then::Nothing, |row| Then::Act(row.action.clone()));
    match action {
        OverlayAction::Accept => return chosen(menu.cursor),
        OverlayAction::Line(line) => return chosen(line),
        OverlayAction::Up => menu.cursor = menu.cursor.saturating_sub(1),
        OverlayAction::Down => menu.cursor = moved(menu.cursor, 1, menu.rows.len()),
        _ => return Then::Nothing,
    }
    state.overlay = Some(Overlay::Menu(menu));
    Then::Nothing
}

pub fn draw(state: &State, menu: &Menu<Action>, frame_: &mut Frame, area: Rect) -> Vec<(Rect, usize)> {
    let theme = &state.theme;
    let widest = |of: fn(&crate::tui::screen::Row<Action>) -> &str, least: usize, most: usize| {
        menu.rows.iter().map(|row| of(row).width()).max().unwrap_or(0).clamp(least, most)
    };
    let (name, value) = (widest(|row| &row.name, 8, 24), widest(|row| &row.value, 4, 24));
    let words = widest(|row| &row.words, 0, 60);
    let wide = (name + value + words + 9).max(menu.title.width() + 6);
    let inside = popup(frame_, area, (wide as u16, menu.rows.len() as u16 + 2), &menu.title, theme);
    let rest = usize::from(inside.width).saturating_sub(name + value + 5);
    let lines = menu.rows.iter().map(|row| {
        let (mark, style) = if row.differs { ("●", theme.warn) } else { (" ", theme.text) };
        Line::from(vec![
            styled_span(format!(" {mark} "), theme.warn),
            styled_span(left(&row.name, name), theme.text),
            styled_span(format!("  {}", left(&row.value, value)), style),
            styled_span(left(&format!("  {}", row.words), rest), theme.dim),
        ])
    });
    list(frame_, inside, lines.collect(), Some(menu.cursor), theme)
}
