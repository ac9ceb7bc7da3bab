//! Choosing the columns of the layer table.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use super::{list, popup};
use crate::tui::columns::COLUMNS;
use crate::tui::keys::table::Overlay as OverlayAction;
use crate::tui::msg::Region;
use crate::tui::screens::text::{left, styled_span};
use crate::tui::state::{Overlay, State};
use crate::tui::update;

pub fn act(state: &mut State, cursor: usize, action: OverlayAction) {
    let cursor = match action {
        OverlayAction::Up => cursor.saturating_sub(1),
        OverlayAction::Down => update::moved(cursor, 1, COLUMNS.len()),
        OverlayAction::Switch => {
            let column = COLUMNS[cursor.min(COLUMNS.len() - 1)].column;
            let chosen = &mut state.table.columns;
            match chosen.iter().position(|own| *own == column) {
                Some(at) => drop(chosen.remove(at)),
                None => chosen.push(column),
            }
            cursor
        }
        _ => return,
    };
    state.overlay = Some(Overlay::Columns(cursor));
}

pub fn draw(state: &State, cursor: usize, frame_: &mut Frame, area: Rect, regions: &mut Vec<Region>) {
    let theme = &state.theme;
    let inside = popup(frame_, area, (56, COLUMNS.len() as u16 + 2), "Columns", theme);
    let lines = COLUMNS.iter().map(|look| {
        let mark = if state.table.columns.contains(&look.column) { "x" } else { " " };
        Line::from(vec![
            styled_span(format!(" [{mark}] {}", left(look.heading, 8)), theme.text),
            styled_span(look.words, theme.dim),
        ])
    });
    list(frame_, inside, lines.collect(), Some(cursor), theme, regions);
}
