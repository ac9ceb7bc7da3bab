//! The overview of all keys.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::popup;
use crate::tui::keys::table::Overlay as OverlayAction;
use crate::tui::screens::text::left;
use crate::tui::state::{Overlay, State};

pub fn act(state: &mut State, offset: usize, action: OverlayAction) {
    let most = state.keys.overview().len().saturating_sub(usize::from(state.height.saturating_sub(2)));
    let page = usize::from(state.height.saturating_sub(3)).max(1);
    let offset = match action {
        OverlayAction::Up => offset.saturating_sub(1),
        OverlayAction::Down => (offset + 1).min(most),
        OverlayAction::PageUp => offset.saturating_sub(page),
        OverlayAction::PageDown => (offset + page).min(most),
        _ => return,
    };
    state.overlay = Some(Overlay::Help(offset));
}

pub fn draw(state: &State, offset: usize, frame_: &mut Frame, area: Rect) {
    let theme = &state.theme;
    let lines = state.keys.overview();
    let height = u16::try_from(lines.len() + 2).unwrap_or(u16::MAX);
    let inside = popup(frame_, area, (72, height), "All keys", theme);
    let shown =
        lines.into_iter().skip(offset).take(usize::from(inside.height)).map(|(keys, words)| match words.as_str() {
            "" => Line::styled(keys, theme.accent),
            _ => Line::from(vec![Span::styled(left(&keys, 18), theme.key), Span::styled(words, theme.text)]),
        });
    frame_.render_widget(Paragraph::new(shown.collect::<Vec<_>>()), inside);
}
