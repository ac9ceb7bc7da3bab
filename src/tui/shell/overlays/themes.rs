//! Choosing a theme: each is seen as the cursor comes to it.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::tui::input::moved;
use crate::tui::shell::action::Overlay as OverlayAction;
use crate::tui::shell::overlay::{Overlay, Themes};
use crate::tui::shell::state::State;
use crate::tui::widgets::popup::{list, popup};
use crate::tui::widgets::text::{left, styled_span};
use crate::tui::widgets::theme;

pub fn open(state: &mut State) {
    let before = state.model.theme;
    let all: Vec<_> = theme::all().into_iter().chain(state.own_themes.iter().copied()).collect();
    let cursor = all.iter().position(|own| own.name == before.name).unwrap_or(0);
    state.overlay = Some(Overlay::Themes(Themes { all, cursor, before }));
}

pub fn act(state: &mut State, mut own: Themes, action: OverlayAction) {
    match action {
        OverlayAction::Accept => {
            let name = state.model.theme.name;
            // It is the user's choice now, whatever the background.
            (state.chosen_theme, state.follows_background) = (Some(name.to_string()), false);
            state.tell(format!("Theme {name}, kept for the next start."));
            return;
        }
        OverlayAction::Line(line) => own.cursor = line.min(own.all.len().saturating_sub(1)),
        OverlayAction::Up => own.cursor = own.cursor.saturating_sub(1),
        OverlayAction::Down => own.cursor = moved(own.cursor, 1, own.all.len()),
        _ => {
            state.dress(own.before);
            return;
        }
    }
    if let Some(theme) = own.all.get(own.cursor) {
        state.dress(*theme);
    }
    state.overlay = Some(Overlay::Themes(own));
}

pub fn draw(state: &State, own: &Themes, frame_: &mut Frame, area: Rect) -> Vec<(Rect, usize)> {
    let theme = &state.theme;
    let inside = popup(frame_, area, (46, own.all.len() as u16 + 2), "Theme (⏎ keep, Esc cancel)", theme);
    let lines = own.all.iter().map(|own| {
        let mut spans = vec![styled_span(left(&format!(" {}", own.name), 20), theme.text)];
        let samples = [("text ", own.text), ("good ", own.good), ("bad ", own.bad), ("▇▇▇", own.bar)];
        spans.extend(samples.into_iter().map(|(words, style)| styled_span(words, style)));
        Line::from(spans)
    });
    list(frame_, inside, lines.collect(), Some(own.cursor), theme)
}
