//! What lies over a screen and takes the keys, one file each: how it draws and what its keys do.

mod columns;
mod help;
mod palette;
mod prompt;
mod question;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Clear, Paragraph};

use super::keys::table::Overlay as OverlayAction;
use super::msg::{Effect, Region, Target};
use super::screens::text::{fitting_title, frame};
use super::state::{Overlay, State};
use super::theme::Theme;
use super::update::find;

pub use prompt::{ask_path, completed, expanded, looked_up};

pub fn draw(state: &State, frame_: &mut Frame, area: Rect, regions: &mut Vec<Region>) {
    match &state.overlay {
        Some(Overlay::Help(offset)) => help::draw(state, *offset, frame_, area),
        Some(Overlay::Palette(own)) => palette::draw(state, own, frame_, area, regions),
        Some(Overlay::Prompt(own)) => prompt::draw(state, own, frame_, area),
        Some(Overlay::Columns(cursor)) => columns::draw(state, *cursor, frame_, area, regions),
        Some(Overlay::Question(own)) => question::draw(state, own, frame_, area, regions),
        // What is looked for stands in the footer.
        Some(Overlay::Find(_)) | None => {}
    }
}

/// What an overlay's key does. It is taken from the state, and puts itself back if it stays.
pub fn act(state: &mut State, action: OverlayAction) -> Vec<Effect> {
    match state.overlay.take() {
        Some(Overlay::Help(offset)) => help::act(state, offset, action),
        Some(Overlay::Find(own)) => find::act(state, own, action),
        Some(Overlay::Palette(own)) => return palette::act(state, own, action),
        Some(Overlay::Prompt(own)) => return prompt::act(state, own, action),
        Some(Overlay::Columns(cursor)) => columns::act(state, cursor, action),
        Some(Overlay::Question(own)) => return question::act(state, own, action),
        None => {}
    }
    Vec::new()
}

/// Text typed into an overlay that has a line for it.
pub fn typed(state: &mut State, text: &str) -> Vec<Effect> {
    match state.overlay.take() {
        Some(Overlay::Find(own)) => find::typed(state, own, text),
        Some(Overlay::Palette(mut own)) => {
            own.text.push_str(text);
            own.cursor = 0;
            state.overlay = Some(Overlay::Palette(own));
        }
        Some(Overlay::Prompt(mut own)) => {
            own.text.push_str(text);
            own.refused = None;
            state.overlay = Some(Overlay::Prompt(own));
        }
        other => state.overlay = other,
    }
    Vec::new()
}

/// The wheel over an overlay.
pub fn step(state: &mut State, by: isize) {
    let action = if by < 0 { OverlayAction::Up } else { OverlayAction::Down };
    for _ in 0..by.unsigned_abs().min(100) {
        act(state, action);
    }
}

/// A click on a line of a list.
pub fn click(state: &mut State, line: usize) -> Vec<Effect> {
    match &mut state.overlay {
        Some(Overlay::Palette(own)) => own.cursor = line,
        Some(Overlay::Question(own)) => own.cursor = line,
        Some(Overlay::Columns(cursor)) => {
            *cursor = line;
            return act(state, OverlayAction::Switch);
        }
        _ => return Vec::new(),
    }
    act(state, OverlayAction::Accept)
}

/// A box in the middle of `area` with a title, and the room inside it.
fn popup(frame_: &mut Frame, area: Rect, (width, height): (u16, u16), title: &str, theme: &Theme) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    let place = Rect { x: (area.width - width) / 2, y: (area.height - height) / 3, width, height };
    let block = frame(fitting_title(&format!(" {title} "), place), theme, true);
    let inside = block.inner(place);
    frame_.render_widget(Clear, place);
    frame_.render_widget(block, place);
    inside
}

/// Lines of a list, with a cursor where there is something to choose, scrolled so that it is seen; each line can be clicked.
fn list(
    frame_: &mut Frame,
    inside: Rect,
    lines: Vec<Line<'static>>,
    cursor: Option<usize>,
    theme: &Theme,
    regions: &mut Vec<Region>,
) {
    let room = usize::from(inside.height);
    let offset = cursor.map_or(0, |cursor| (cursor + 1).saturating_sub(room));
    let shown = lines.into_iter().enumerate().skip(offset).take(room);
    let shown: Vec<Line> =
        shown.map(|(at, line)| if Some(at) == cursor { line.style(theme.selected) } else { line }).collect();
    for (at, y) in (inside.y..inside.bottom()).take(shown.len()).enumerate() {
        regions.push(Region { area: Rect { y, height: 1, ..inside }, target: Target::Line(offset + at) });
    }
    frame_.render_widget(Paragraph::new(shown), inside);
}
