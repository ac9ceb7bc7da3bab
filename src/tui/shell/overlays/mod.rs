//! What lies over a screen and takes the keys, one file each: how it draws and what its keys do.

mod help;
mod menu;
mod palette;
mod prompt;
mod question;
mod themes;
mod tour;

use ratatui::Frame;
use ratatui::layout::Rect;

use super::action::{Action, Overlay as OverlayAction};
use super::find;
use super::overlay::{Overlay, Then};
use super::state::State;
use crate::tui::screen::Place;

pub use help::open as open_help;
pub use palette::open as open_palette;
pub use prompt::{ask, ask_export, completed, looked_up, refuse};
pub use themes::open as open_themes;
pub use tour::screen_of;

/// Draws it, and says where its lines landed.
pub fn draw(state: &State, frame_: &mut Frame, area: Rect) -> Vec<Place<Action>> {
    let lines = match &state.overlay {
        Some(Overlay::Help(own)) => help::draw(state, own, frame_, area),
        Some(Overlay::Palette(own)) => palette::draw(state, own, frame_, area),
        Some(Overlay::Prompt(own)) => prompt::draw(state, own, frame_, area),
        Some(Overlay::Question(own)) => question::draw(state, own, frame_, area),
        Some(Overlay::Menu(own)) => menu::draw(state, own, frame_, area),
        Some(Overlay::Welcome) => tour::draw_welcome(state, frame_, area),
        Some(Overlay::Tour(stop)) => tour::draw(state, *stop, frame_, area),
        Some(Overlay::Themes(own)) => themes::draw(state, own, frame_, area),
        // What is looked for stands in the footer.
        Some(Overlay::Find(_)) | None => Vec::new(),
    };
    let place = |(area, line): (Rect, usize)| Place { area, action: Action::Overlay(OverlayAction::Line(line)) };
    lines.into_iter().map(place).collect()
}

/// What an overlay's key does. It is taken from the state, and puts itself back if it stays.
pub fn act(state: &mut State, action: OverlayAction) -> Then {
    match state.overlay.take() {
        Some(Overlay::Help(own)) => return help::act(state, own, action),
        Some(Overlay::Find(own)) => find::act(state, own, action),
        Some(Overlay::Palette(own)) => return palette::act(state, own, action),
        Some(Overlay::Prompt(own)) => return prompt::act(state, own, action),
        Some(Overlay::Question(own)) => return question::act(state, own, action),
        Some(Overlay::Menu(own)) => return menu::act(state, own, action),
        Some(Overlay::Tour(stop)) => return tour::act(stop, action),
        Some(Overlay::Themes(own)) => themes::act(state, own, action),
        Some(Overlay::Welcome) => {}
        None => {}
    }
    Then::Nothing
}

/// Text typed into an overlay that has a line for it.
pub fn typed(state: &mut State, text: &str) {
    match state.overlay.take() {
        Some(Overlay::Find(own)) => find::typed(state, own, text),
        Some(Overlay::Help(mut own)) => {
            own.line.insert(text);
            own.cursor = 0;
            state.overlay = Some(Overlay::Help(own));
        }
        Some(Overlay::Palette(mut own)) => {
            own.line.insert(text);
            own.cursor = 0;
            state.overlay = Some(Overlay::Palette(own));
        }
        Some(Overlay::Prompt(mut own)) => {
            own.line.insert(text);
            own.refused = None;
            state.overlay = Some(Overlay::Prompt(own));
        }
        other => state.overlay = other,
    }
}

/// The wheel over an overlay.
pub fn step(state: &mut State, by: isize) {
    let action = if by < 0 { OverlayAction::Up } else { OverlayAction::Down };
    for _ in 0..by.unsigned_abs().min(100) {
        act(state, action);
    }
}
