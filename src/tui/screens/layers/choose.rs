//! Choosing the columns of the layer table.

use ratatui::text::Line;

use super::state::{Action, Choose, Layers};
use crate::tui::input::moved;
use crate::tui::model::columns::COLUMNS;
use crate::tui::screen::{Canvas, View};
use crate::tui::widgets::popup::{list, popup};
use crate::tui::widgets::text::{left, styled_span};

pub fn act(layers: &mut Layers, action: Choose) {
    let Some(cursor) = layers.choosing else { return };
    let cursor = match action {
        Choose::Up => cursor.saturating_sub(1),
        Choose::Down => moved(cursor, 1, COLUMNS.len()),
        Choose::At(at) => at.min(COLUMNS.len() - 1),
        Choose::Switch => cursor,
        Choose::Close => {
            layers.choosing = None;
            return;
        }
    };
    if matches!(action, Choose::Switch | Choose::At(_)) {
        let column = COLUMNS[cursor.min(COLUMNS.len() - 1)].column;
        match layers.columns.iter().position(|own| *own == column) {
            Some(at) => drop(layers.columns.remove(at)),
            None => layers.columns.push(column),
        }
    }
    layers.choosing = Some(cursor);
}

pub fn draw(layers: &Layers, cursor: usize, view: &View, canvas: &mut Canvas<Action>) {
    let theme = &view.theme;
    let area = canvas.frame.area();
    let inside = popup(canvas.frame, area, (56, COLUMNS.len() as u16 + 2), "Columns", theme);
    let lines = COLUMNS.iter().map(|look| {
        let mark = if layers.columns.contains(&look.column) { "x" } else { " " };
        Line::from(vec![
            styled_span(format!(" [{mark}] {}", left(look.heading, 8)), theme.text),
            styled_span(look.words, theme.dim),
        ])
    });
    let places = list(canvas.frame, inside, lines.collect(), Some(cursor), theme);
    // What lies beneath can be clicked no more.
    canvas.places.clear();
    for (area, at) in places {
        canvas.click(area, Action::Choose(Choose::At(at)));
    }
}
