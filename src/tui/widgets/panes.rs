//! Where the panes are, decided once from the size of the screen. Both drawing and paging ask here.

use ratatui::layout::Rect;

/// Which pane has the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pane {
    Architectures,
    /// What the screen is about.
    Main,
}

/// How much room there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SizeClass {
    /// The list beside the table.
    Full,
    /// One of both at a time.
    Compact,
    /// One pane and nothing else.
    Tiny,
}

/// The panes; an area without rows or columns is not drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Panes {
    pub class: SizeClass,
    pub header: Rect,
    pub list: Rect,
    pub table: Rect,
    /// The working of the selected row.
    pub working: Rect,
    pub footer: Rect,
    /// The one of the screen's panes that has all the room, if it was given that.
    pub zoomed: Option<usize>,
}

impl Panes {
    /// What a screen's pane gets of `area`, its usual place: all the room, none because another has it, or just that.
    pub fn given(&self, pane: usize, area: Rect) -> Rect {
        match self.zoomed {
            None => area,
            Some(own) if own == pane => self.table,
            Some(_) => Rect { width: 0, height: 0, ..area },
        }
    }
}

/// How the room is shared out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sharing {
    /// Whether the list has the keys; a screen too narrow for both shows the pane that has.
    pub list_has_keys: bool,
    pub hides_list: bool,
    /// The pane of the screen that has all the room.
    pub zoomed: Option<usize>,
}

const LIST_WIDTH: u16 = 23;
const WORKING_HEIGHT: u16 = 7;

pub fn size_class(width: u16, height: u16) -> SizeClass {
    match (width, height) {
        (100.., 20..) => SizeClass::Full,
        (60.., 16..) => SizeClass::Compact,
        _ => SizeClass::Tiny,
    }
}

pub fn panes(width: u16, height: u16, sharing: Sharing) -> Panes {
    let Sharing { list_has_keys, hides_list, zoomed } = sharing;
    let class = size_class(width, height);
    let none = Rect::new(0, 0, 0, 0);
    let bar = |y: u16| Rect::new(0, y, width, 1.min(height.saturating_sub(y)));
    let (header, footer, top, bottom) = match class {
        SizeClass::Tiny => (none, none, 0, height),
        _ => (bar(0), bar(height - 1), 1, height - 1),
    };
    let body = Rect::new(0, top, width, bottom.saturating_sub(top));
    let zoomed = zoomed.filter(|_| !list_has_keys);
    let (list, table, working) = match class {
        SizeClass::Tiny | SizeClass::Compact if list_has_keys => (body, none, none),
        _ if zoomed.is_some() => (none, body, none),
        SizeClass::Tiny => (none, body, none),
        SizeClass::Compact => {
            let (table, working) = split(body);
            (none, table, working)
        }
        SizeClass::Full if hides_list && !list_has_keys => {
            let (table, working) = split(body);
            (none, table, working)
        }
        SizeClass::Full => {
            let (top, working) = split(body);
            let list = Rect { width: LIST_WIDTH, ..top };
            (list, Rect { x: LIST_WIDTH, width: width - LIST_WIDTH, ..top }, working)
        }
    };
    Panes { class, header, list, table, working, footer, zoomed }
}

fn split(body: Rect) -> (Rect, Rect) {
    let upper = body.height - WORKING_HEIGHT.min(body.height);
    let below = Rect { y: body.y + upper, height: body.height - upper, ..body };
    (Rect { height: upper, ..body }, below)
}

/// Rows of a list inside its border, without the header line of a table.
pub fn visible_rows(area: Rect, headings: u16) -> usize {
    usize::from(area.height.saturating_sub(2 + headings))
}
