//! Where the parts of the forward screen are.

use ratatui::layout::Rect;

use crate::tui::widgets::panes::{Panes, SizeClass};

/// Columns of the pictures beside the table.
const PICTURES_WIDTH: u16 = 48;

/// Where table, pictures and words are.
pub struct Areas {
    pub table: Rect,
    pub pictures: Rect,
    pub words: Rect,
}

/// In a tiny window the pictures take the table's place when they are turned to.
pub fn areas(panes: &Panes, turned: bool) -> Areas {
    let table = panes.table;
    let width = match panes.class {
        SizeClass::Tiny if turned => table.width,
        SizeClass::Tiny => 0,
        SizeClass::Compact => (table.width / 2).saturating_sub(4),
        SizeClass::Full => PICTURES_WIDTH.max(table.width / 2).min(table.width),
    };
    Areas {
        table: panes.given(0, Rect { width: table.width - width, ..table }),
        pictures: panes.given(1, Rect { x: table.x + table.width - width, width, ..table }),
        words: panes.working,
    }
}
