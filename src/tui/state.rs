//! All that the explorer knows.

use std::rc::Rc;

use super::keys::Context;
use super::layout::{self, Panes};
use super::theme::Theme;
use super::tree::{self, Folds, Row};
use crate::model::Network;
use crate::spec::Origin;
use crate::spec::problem::Report;

/// What came of reading an architecture.
#[derive(Debug, Clone)]
pub enum Opened {
    Network(Rc<Network>),
    Problems(Report),
    Unreadable(String),
}

/// One line of the list.
#[derive(Debug, Clone)]
pub struct Entry {
    pub origin: Origin,
    pub id: String,
    pub opened: Opened,
    pub folds: Folds,
    /// Cursor and first visible row of its table.
    pub cursor: usize,
    pub offset: usize,
}

impl Entry {
    pub fn new(origin: Origin, opened: Opened) -> Self {
        let id = origin.id();
        Entry { origin, id, opened, folds: Folds::default(), cursor: 0, offset: 0 }
    }

    pub fn network(&self) -> Option<&Network> {
        match &self.opened {
            Opened::Network(network) => Some(network),
            _ => None,
        }
    }

    pub fn rows(&self) -> Vec<Row> {
        self.network().map_or_else(Vec::new, |network| tree::rows(network, &self.folds))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListLine {
    Heading(&'static str),
    Entry(usize),
}

/// Which pane has the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pane {
    Architectures,
    Layers,
}

/// Something being looked for, and where the cursor was before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Find {
    pub text: String,
    /// Whether nothing is called so.
    pub nothing: bool,
    pub from: (Pane, usize, usize),
}

#[derive(Debug, Clone)]
pub struct State {
    pub theme: Theme,
    pub width: u16,
    pub height: u16,
    pub entries: Vec<Entry>,
    pub selected: usize,
    /// First visible line of the list.
    pub list_offset: usize,
    pub pane: Pane,
    /// Open while typing.
    pub find: Option<Find>,
    /// What was looked for last.
    pub found: String,
    /// First visible line of the overlay of all keys, while it is open.
    pub help: Option<usize>,
    pub mouse: bool,
    pub message: Option<String>,
}

impl State {
    pub fn new(entries: Vec<Entry>, selected: usize, theme: Theme) -> Self {
        State {
            theme,
            width: 80,
            height: 24,
            selected: selected.min(entries.len().saturating_sub(1)),
            entries,
            list_offset: 0,
            pane: Pane::Layers,
            find: None,
            found: String::new(),
            help: None,
            mouse: true,
            message: None,
        }
    }

    pub fn entry(&self) -> Option<&Entry> {
        self.entries.get(self.selected)
    }

    pub fn entry_mut(&mut self) -> Option<&mut Entry> {
        self.entries.get_mut(self.selected)
    }

    pub fn panes(&self) -> Panes {
        layout::panes(self.width, self.height, self.pane == Pane::Architectures)
    }

    /// The lines of the list: headings, and entries by index.
    pub fn list_lines(&self) -> Vec<ListLine> {
        let mut lines = Vec::new();
        let mut group = "";
        for (index, entry) in self.entries.iter().enumerate() {
            let own = match entry.origin {
                Origin::Bundled(_) => "Bundled",
                Origin::File(_) => "Yours",
            };
            if own != group {
                lines.push(ListLine::Heading(own));
                group = own;
            }
            lines.push(ListLine::Entry(index));
        }
        lines
    }

    /// Where keys are looked up now, the narrowest first.
    pub fn contexts(&self) -> &'static [Context] {
        match (self.help, &self.find, self.pane) {
            (Some(_), _, _) => &[Context::Help],
            (None, Some(_), _) => &[Context::Find],
            (None, None, Pane::Layers) => &[Context::Layers, Context::Lists, Context::Everywhere],
            (None, None, Pane::Architectures) => &[Context::Architectures, Context::Lists, Context::Everywhere],
        }
    }
}
