//! The overview of all keys, those of the screen beneath first.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use crate::tui::shell::action::Overlay as OverlayAction;
use crate::tui::shell::overlay::Overlay;
use crate::tui::shell::state::State;
use crate::tui::widgets::popup::popup;
use crate::tui::widgets::text::{left, styled_line, styled_span, wrapped};

const WIDTH: u16 = 72;
/// Columns of the keys, before what they do.
const KEYS: usize = 18;

pub fn act(state: &mut State, offset: usize, action: OverlayAction) {
    let most = lines(state).len().saturating_sub(usize::from(state.height.saturating_sub(2)));
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

fn lines(state: &State) -> Vec<Line<'static>> {
    let theme = &state.theme;
    let room = WIDTH.min(state.width).saturating_sub(2).saturating_sub(KEYS as u16);
    let mut lines = Vec::new();
    for (keys, words) in state.keys.overview(state.groups_beneath()) {
        if words.is_empty() {
            lines.push(styled_line(keys, theme.accent));
            continue;
        }
        let mut keys = keys;
        for part in wrapped(&words, room) {
            let part = part.spans.into_iter().map(|span| span.content.into_owned()).collect::<String>();
            let own = left(&std::mem::take(&mut keys), KEYS);
            lines.push(Line::from(vec![styled_span(own, theme.key), styled_span(part, theme.text)]));
        }
    }
    lines
}

pub fn draw(state: &State, offset: usize, frame_: &mut Frame, area: Rect) -> Vec<(Rect, usize)> {
    let lines = lines(state);
    let height = u16::try_from(lines.len() + 2).unwrap_or(u16::MAX);
    let inside = popup(frame_, area, (WIDTH, height), "All keys", &state.theme);
    let shown = lines.into_iter().skip(offset).take(usize::from(inside.height));
    frame_.render_widget(Paragraph::new(shown.collect::<Vec<_>>()), inside);
    Vec::new()
}
