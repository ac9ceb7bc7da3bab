//! All that the explorer knows.

use std::rc::Rc;

use super::keys::Context;
use super::layout::{self, Panes};
use super::theme::Theme;
use super::tree::{self, Folds, Row, RowKind};
use crate::model::lints::{Lint, lints};
use crate::model::{Layer, Network};
use crate::spec::Origin;
use crate::spec::problem::Report;

/// What came of reading an architecture.
#[derive(Debug, Clone)]
pub enum Opened {
    Network(Rc<Network>),
    Problems(Report),
    Unreadable(String),
}

fn lints_of(opened: &Opened) -> Vec<Lint> {
    match opened {
        Opened::Network(network) => lints(network),
        _ => Vec::new(),
    }
}

/// One line of the list.
#[derive(Debug, Clone)]
pub struct Entry {
    pub origin: Origin,
    pub id: String,
    pub opened: Opened,
    /// What is worth a look in it.
    pub lints: Vec<Lint>,
    pub folds: Folds,
    /// Cursor and first visible row of its table.
    pub cursor: usize,
    pub offset: usize,
}

impl Entry {
    pub fn new(origin: Origin, opened: Opened) -> Self {
        let id = origin.id();
        let lints = lints_of(&opened);
        Entry { origin, id, opened, lints, folds: Folds::default(), cursor: 0, offset: 0 }
    }

    /// Takes what came of reading it again.
    pub fn reopen(&mut self, opened: Opened) {
        self.lints = lints_of(&opened);
        self.opened = opened;
    }

    /// The lints about a row's layers, or about what a closed block hides.
    pub fn lints_at<'a>(&'a self, network: &'a Network, row: &'a Row) -> impl Iterator<Item = &'a Lint> {
        let layers = &network.layers[row.layers()];
        let hides = matches!(row.kind, RowKind::Block { open: false, .. } | RowKind::Layer { .. });
        let path = row.path(network);
        self.lints
            .iter()
            .filter(move |lint| lint.layer == path || hides && layers.iter().any(|layer| layer.name == lint.layer))
    }

    pub fn network(&self) -> Option<&Network> {
        match &self.opened {
            Opened::Network(network) => Some(network),
            _ => None,
        }
    }

    /// The selected layer (of one with what it brings along, the layer itself), or the last of the selected block.
    pub fn layer(&self) -> Option<&Layer> {
        let index = match &self.rows().get(self.cursor)?.kind {
            RowKind::Block { layers, .. } => layers.end.checked_sub(1)?,
            RowKind::Layer { layers, .. } => layers.start,
        };
        self.network()?.layers.get(index)
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

/// What the window shows of the selected architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Screen {
    Layers,
    Field,
}

impl Screen {
    /// In the order of their keys, from 1 on.
    pub const ALL: [Screen; 2] = [Screen::Layers, Screen::Field];

    pub fn name(self) -> &'static str {
        match self {
            Screen::Layers => "Layers",
            Screen::Field => "Field",
        }
    }
}

/// A place along one axis of any map: unit `at` of `of`, so that it stays where it is from layer to layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Along {
    at: u64,
    of: u64,
}

impl Along {
    const MIDDLE: Along = Along { at: 0, of: 1 };

    /// The unit at this place of a map with `units` units: where the middle of unit `at` of `of` falls.
    pub fn of(self, units: u64) -> u64 {
        let at = (2 * u128::from(self.at) + 1) * u128::from(units) / (2 * u128::from(self.of.max(1)));
        u64::try_from(at).unwrap_or(u64::MAX).min(units.saturating_sub(1))
    }

    /// Moved by units of a map with so many.
    pub fn moved(self, by: i64, units: u64) -> Self {
        Along { at: self.of(units).saturating_add_signed(by).min(units.saturating_sub(1)), of: units }
    }
}

/// Which unit of a map the field is shown of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub row: Along,
    pub column: Along,
}

impl Place {
    pub const MIDDLE: Place = Place { row: Along::MIDDLE, column: Along::MIDDLE };
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
    pub screen: Screen,
    pub pane: Pane,
    /// The unit that the field is shown of.
    pub place: Place,
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
            screen: Screen::Layers,
            pane: Pane::Layers,
            place: Place::MIDDLE,
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
            (None, None, Pane::Layers) if self.screen == Screen::Field => {
                &[Context::Field, Context::Lists, Context::Everywhere]
            }
            (None, None, Pane::Layers) => &[Context::Layers, Context::Lists, Context::Everywhere],
            (None, None, Pane::Architectures) => &[Context::Architectures, Context::Lists, Context::Everywhere],
        }
    }
}
