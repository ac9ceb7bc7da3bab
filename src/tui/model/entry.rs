//! One architecture of the list, as it is opened.

use std::sync::Arc;

use super::columns::Sort;
use super::editor::{Editor, LeftOver};
use super::lanes::Lanes;
use super::shown::Shown;
use super::tree::{self, Folds, Row, RowKind};
use crate::graph::lints::Lint;
use crate::graph::{Graph, Layer};
use crate::spec::Origin;
use crate::spec::bundled;
use crate::spec::problem::Report;
use crate::tui::input::scrolled;

/// What came of reading an architecture.
#[derive(Debug, Clone)]
pub enum Opened {
    Graph(Arc<Graph>),
    Problems(Report),
    Unreadable(String),
    /// Not read yet; one that takes long, or that was asked for already, comes by itself.
    Unread {
        is_coming: bool,
    },
}

/// One line of the list.
#[derive(Debug, Clone)]
pub struct Entry {
    pub origin: Origin,
    pub id: String,
    /// The file as it is on disk; none where it cannot be read.
    pub text: Option<String>,
    pub opened: Opened,
    /// What the screens show: the text being edited, else the file; where that is broken the last that was sound.
    shown: Option<Shown>,
    folds: Folds,
    sort: Option<Sort>,
    rows: Arc<Vec<Row>>,
    lanes: Arc<Lanes>,
    /// Cursor and first visible row of its table.
    pub cursor: usize,
    pub offset: usize,
    /// Text being edited.
    pub editor: Option<Box<Editor>>,
    /// Unsaved text that an earlier run of the program left.
    pub left_over: Option<LeftOver>,
    /// What a run trained, read from its folder, which is none of those that are listed.
    pub is_of_run: bool,
}

impl Entry {
    pub fn new(origin: Origin, text: Option<String>, opened: Opened) -> Self {
        let id = origin.id();
        let mut entry = Entry {
            origin,
            id,
            text,
            opened: Opened::Unread { is_coming: false },
            shown: None,
            folds: Folds::default(),
            sort: None,
            rows: Arc::default(),
            lanes: Arc::default(),
            cursor: 0,
            offset: 0,
            editor: None,
            left_over: None,
            is_of_run: false,
        };
        entry.reopen(entry.text.clone(), opened);
        entry
    }

    /// The architecture in a run's folder, called as the run.
    pub fn of_run(run: String, origin: Origin, text: Option<String>, opened: Opened) -> Self {
        Entry { id: run, is_of_run: true, ..Entry::new(origin, text, opened) }
    }

    /// Takes what came of reading it again.
    pub fn reopen(&mut self, text: Option<String>, opened: Opened) {
        if let Opened::Graph(network) = &opened
            && !self.is_edited()
        {
            self.shown = Some(Shown::of(Arc::clone(network)));
        }
        (self.text, self.opened) = (text, opened);
        self.arrange();
    }

    /// Takes what the text being edited came to.
    pub fn show(&mut self, shown: Shown) {
        self.shown = Some(shown);
        self.arrange();
    }

    /// Stops editing: what is shown is what was saved.
    pub fn close_editor(&mut self) {
        self.editor = None;
        if let Opened::Graph(network) = &self.opened {
            self.shown = Some(Shown::of(Arc::clone(network)));
        }
        self.arrange();
    }

    pub fn is_edited(&self) -> bool {
        self.editor.as_ref().is_some_and(|editor| editor.is_changed())
    }

    /// Whether the file has problems or cannot be read; what is being typed has the editor for that.
    pub fn is_broken(&self) -> bool {
        matches!(self.opened, Opened::Problems(_) | Opened::Unreadable(_))
    }

    pub fn is_unread(&self) -> bool {
        matches!(self.opened, Opened::Unread { .. })
    }

    /// Whether it is to be read as soon as somebody looks at it.
    pub fn waits(&self) -> bool {
        matches!(self.opened, Opened::Unread { is_coming: false })
    }

    /// The family that it is listed under.
    pub fn family(&self) -> Option<&str> {
        match (self.network(), &self.origin) {
            (Some(network), _) => network.architecture.family.as_deref(),
            (None, Origin::Bundled(id)) => bundled::family(id),
            (None, Origin::File(_) | Origin::Foreign(_)) => None,
        }
    }

    /// The network as it was saved last and read without problems.
    pub fn saved_network(&self) -> Option<&Arc<Graph>> {
        match &self.opened {
            Opened::Graph(network) => Some(network),
            _ => None,
        }
    }

    pub fn network(&self) -> Option<&Graph> {
        self.shown.as_ref().map(|shown| &*shown.network)
    }

    pub fn shared_network(&self) -> Option<&Arc<Graph>> {
        self.shown.as_ref().map(|shown| &shown.network)
    }

    fn arrange(&mut self) {
        let rows = self.network().map_or_else(Vec::new, |network| match self.sort {
            Some(sort) => tree::sorted(network, sort),
            None => tree::rows(network, &self.folds),
        });
        // In another order rows do not follow one another.
        let lanes = self.network().filter(|_| self.sort.is_none()).map(|network| Lanes::of(network, &rows));
        self.lanes = Arc::new(lanes.unwrap_or_default());
        self.rows = Arc::new(rows);
        self.cursor = self.cursor.min(self.rows.len().saturating_sub(1));
    }

    pub fn folds(&self) -> &Folds {
        &self.folds
    }

    /// Takes what was open and where the cursor was, also of one that is not read yet.
    pub fn restore(&mut self, folds: Folds, cursor: usize) {
        (self.folds, self.cursor) = (folds, cursor);
        if self.shown.is_some() {
            self.arrange();
        }
    }

    /// Opens and closes rows; a sorted table has nothing to fold.
    pub fn fold(&mut self, change: impl FnOnce(&mut Folds, &Graph)) {
        let Some(shown) = &self.shown else { return };
        change(&mut self.folds, &shown.network);
        self.arrange();
    }

    /// Puts the rows in another order and stays at the same layer.
    pub fn sort(&mut self, sort: Option<Sort>) {
        if self.sort == sort {
            return;
        }
        let layer = self.row().map(|row| row.layers().start);
        self.sort = sort;
        self.arrange();
        if let Some(layer) = layer {
            self.stay_at(layer);
        }
    }

    /// The cursor in the network's own order; places in another mean nothing there.
    pub fn cursor_as_built(&self) -> usize {
        if self.sort.is_none() { self.cursor } else { 0 }
    }

    /// Which row feeds which.
    pub fn lanes(&self) -> &Lanes {
        &self.lanes
    }

    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    pub fn row(&self) -> Option<&Row> {
        self.rows.get(self.cursor)
    }

    /// Scrolls so that the cursor is seen among so many rows.
    pub fn keep_in_view(&mut self, visible: usize) {
        let count = self.rows.len();
        self.cursor = self.cursor.min(count.saturating_sub(1));
        self.offset = scrolled(self.offset, self.cursor, visible, count);
    }

    /// Moves the cursor to the row of a layer, or to the block that hides it.
    pub fn stay_at(&mut self, layer: usize) {
        let holds = |row: &Row| match &row.kind {
            RowKind::Block { layers, open, .. } => !open && layers.contains(&layer),
            RowKind::Layer { layers, .. } => layers.contains(&layer),
        };
        self.cursor = self.rows.iter().position(holds).unwrap_or(0);
    }

    /// Opens what is around a layer, and moves the cursor to it.
    pub fn reveal(&mut self, index: usize) {
        self.fold(|folds, network| {
            if let Some(layer) = network.layers.get(index) {
                folds.reveal(network, layer);
            }
        });
        let own = |row: &Row| matches!(&row.kind, RowKind::Layer { layers, .. } if layers.start == index);
        match self.rows.iter().position(own) {
            Some(row) => self.cursor = row,
            None => self.stay_at(index),
        }
    }

    /// The selected layer (of one with what it brings along, the layer itself), or the last of the selected block.
    pub fn layer(&self) -> Option<&Layer> {
        let index = match &self.row()?.kind {
            RowKind::Block { layers, .. } => layers.end.checked_sub(1)?,
            RowKind::Layer { layers, .. } => layers.start,
        };
        self.network()?.layers.get(index)
    }

    /// The layer whose output leaves the selected row: behind what a layer brings along, as long as that is folded away.
    pub fn last_layer(&self) -> Option<&Layer> {
        let last = self.row()?.layers().end.checked_sub(1)?;
        self.network()?.layers.get(last)
    }

    /// Whether a row, or what a closed block hides, is worth a look.
    pub fn has_lints(&self, row: &Row) -> bool {
        let Some(shown) = &self.shown else { return false };
        let path = row.path(&shown.network);
        let of_block = |open: bool| {
            let block = shown.lints.iter().any(|lint| lint.layer == path);
            block || !open && shown.has_lints(row.layers())
        };
        match row.kind {
            RowKind::Block { open, .. } => of_block(open),
            RowKind::Layer { .. } => shown.has_lints(row.layers()),
        }
    }

    /// The lints about a row's layers, or about what a closed block hides.
    pub fn lints_at<'a>(&'a self, row: &'a Row) -> impl Iterator<Item = &'a Lint> {
        self.shown.iter().flat_map(move |shown| {
            let hides = matches!(row.kind, RowKind::Block { open: false, .. } | RowKind::Layer { .. });
            let path = row.path(&shown.network);
            let inside = row.layers();
            let about = move |(lint, layer): &(&Lint, &Option<usize>)| {
                lint.layer == path || hides && layer.is_some_and(|layer| inside.contains(&layer))
            };
            shown.lints.iter().zip(&shown.layers).filter(about).map(|(lint, _)| lint)
        })
    }
}
