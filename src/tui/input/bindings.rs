//! What keys stand for, as rows: a screen has a table of them, and the shell one for what goes everywhere.

use super::Key;

/// Rows that apply at the same time, by the name that a user's file of keys calls them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    pub name: &'static str,
    /// Whether characters are text in it.
    pub is_typed_in: bool,
}

impl Group {
    pub const fn of(name: &'static str) -> Group {
        Group { name, is_typed_in: false }
    }

    pub const fn typed(name: &'static str) -> Group {
        Group { name, is_typed_in: true }
    }
}

/// Groups that apply together, the narrowest first. No key may mean two things in them.
pub type Together = &'static [&'static str];

/// One row.
#[derive(Debug)]
pub struct Binding<A: 'static> {
    pub group: &'static str,
    /// What a user's file calls it.
    pub name: &'static str,
    /// In the notation of [`Key::parse`], several separated by spaces.
    pub keys: &'static str,
    pub action: A,
    pub words: &'static str,
    /// The short form for the footer; empty where it is not shown there.
    pub footer: &'static str,
}

impl<A> Binding<A> {
    pub fn keys(&self) -> impl Iterator<Item = Key> + use<A> {
        self.keys.split(' ').filter_map(Key::parse)
    }
}

pub const fn bind<A>(
    group: &'static str,
    name: &'static str,
    keys: &'static str,
    action: A,
    words: &'static str,
    footer: &'static str,
) -> Binding<A> {
    Binding { group, name, keys, action, words, footer }
}

/// A way through a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Motion {
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
}

impl Motion {
    /// In rows, when a page has so many.
    pub fn rows(self, page: usize) -> isize {
        let page = isize::try_from(page.max(1)).unwrap_or(isize::MAX);
        match self {
            Motion::Up => -1,
            Motion::Down => 1,
            Motion::PageUp => -page,
            Motion::PageDown => page,
            Motion::First => isize::MIN,
            Motion::Last => isize::MAX,
        }
    }
}

/// `at` moved by rows within a list.
pub fn moved(at: usize, by: isize, count: usize) -> usize {
    at.saturating_add_signed(by).min(count.saturating_sub(1))
}

/// First visible row of `count` in a pane of `height` rows, so that the cursor is seen.
pub fn scrolled(offset: usize, cursor: usize, height: usize, count: usize) -> usize {
    // What is hidden behind another pane stays as it was.
    if height == 0 {
        return offset;
    }
    let offset = offset.min(cursor).max((cursor + 1).saturating_sub(height));
    offset.min(count.saturating_sub(height))
}
