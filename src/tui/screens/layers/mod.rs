//! Screen 1: the layer table as a tree, and the working of the selected row below it.

mod choose;
pub mod rows;
mod state;
mod view;

pub use state::{Action, Choose, Layers};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::tui::input::{Binding, Group, Together, bind};
use crate::tui::model::columns::{self, Column, Sort};
use crate::tui::model::{Fold, Model, fold};
use crate::tui::screen::{Canvas, Context, Go, Screen, View};
use crate::tui::widgets::panes::Panes;

use Action as A;

const BINDINGS: &[Binding<Action>] = &[
    bind(
        "layers",
        "toggle",
        "enter space",
        A::Fold(Fold::Toggle),
        "open or close a block, or a layer's activation",
        "open",
    ),
    bind("layers", "open", "right l", A::Fold(Fold::Open), "open", ""),
    bind("layers", "close", "left h", A::Fold(Fold::Close), "close, then to the block around it, then to the list", ""),
    bind("layers", "close-all", "z", A::Fold(Fold::CloseAll), "close every block", ""),
    bind("layers", "open-all", "Z", A::Fold(Fold::OpenAll), "open everything", ""),
    bind("layers", "sort", "s", A::Sort, "sort by the next column, then as built", "sort"),
    bind("layers", "reverse", "S", A::Reverse, "smallest first, or largest first", ""),
    bind("layers", "columns", "o", A::Columns, "choose columns", "columns"),
    bind("layers", "mark", "c", A::Mark, "mark the architecture to compare it, or take the mark away", "mark"),
    bind("layers", "copy", "y", A::Copy, "copy the row and its working", ""),
    bind("layers", "copy-number", "x", A::CopyCell, "copy its number: what is sorted by, or the parameters", ""),
    bind("layers", "copy-table", "Y", A::CopyTable, "copy the table as it is folded, as Markdown", ""),
    bind("columns", "switch", "space enter", A::Choose(Choose::Switch), "show the column, or not", "show or hide"),
    bind("columns", "up", "up k", A::Choose(Choose::Up), "the one above", ""),
    bind("columns", "down", "down j", A::Choose(Choose::Down), "the one below", "choose"),
    bind("columns", "close", "esc q o ctrl-c", A::Choose(Choose::Close), "close", "close"),
];

/// What is found again at the next start.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    columns: Option<Vec<Column>>,
    sort: Option<Sort>,
}

impl Screen for Layers {
    type Action = Action;
    type News = ();
    type Asked = ();

    const GROUPS: &'static [Group] = &[Group::of("layers"), Group::of("columns")];
    const TOGETHER: &'static [Together] = &[&["layers", "moving", "everywhere"], &["columns"]];

    fn bindings() -> &'static [Binding<Action>] {
        BINDINGS
    }

    fn groups(&self, _: &Model) -> Together {
        Self::TOGETHER[usize::from(self.choosing.is_some())]
    }

    fn act(&mut self, action: Action, cx: &mut Context<Self>) {
        match action {
            A::Fold(Fold::CloseAll | Fold::OpenAll) if self.sort.is_some() => {
                cx.tell("sorted, the table has no blocks; s goes on to the order as built");
            }
            A::Fold(own) => {
                if cx.model.entry_mut().is_some_and(|entry| !fold(entry, own)) {
                    cx.go(Go::List);
                }
            }
            A::Columns => self.choosing = Some(0),
            A::Choose(own) => choose::act(self, own),
            A::Sort => self.sort = columns::next(self.sort, &self.columns),
            A::Reverse => match &mut self.sort {
                Some(sort) => sort.smallest_first = !sort.smallest_first,
                None => cx.tell("s sorts the table first"),
            },
            A::Mark => cx.model.mark(),
            A::Copy => cx.copy(rows::as_text(cx.model)),
            A::CopyTable => rows::as_markdown(cx.model).into_iter().for_each(|text| cx.copy(text)),
            A::CopyCell => rows::number_as_text(self, cx.model).into_iter().for_each(|text| cx.copy(text)),
            A::Row(at) => {
                let had_keys = cx.had_keys;
                let Some(entry) = cx.model.entry_mut() else { return };
                let again = had_keys && entry.cursor == at;
                entry.cursor = at.min(entry.rows().len().saturating_sub(1));
                if again {
                    fold(entry, Fold::Toggle);
                }
            }
        }
    }

    fn step(&mut self, by: isize, cx: &mut Context<Self>) {
        match self.choosing {
            Some(_) => choose::act(self, if by < 0 { Choose::Up } else { Choose::Down }),
            None => cx.model.step(by),
        }
    }

    fn receive(&mut self, (): (), _: &mut Context<Self>) {}

    fn refresh(&mut self, model: &mut Model, _: &Panes) {
        if let Some(entry) = model.entry_mut() {
            entry.sort(self.sort);
        }
    }

    fn draw(&self, view: &View, canvas: &mut Canvas<Action>) {
        view::draw(self, view, canvas);
        if let Some(cursor) = self.choosing {
            choose::draw(self, cursor, view, canvas);
        }
    }

    fn remember(&self) -> Value {
        serde_json::to_value(Kept { columns: Some(self.columns.clone()), sort: self.sort }).unwrap_or_default()
    }

    fn restore(&mut self, value: Value) {
        let kept: Kept = serde_json::from_value(value).unwrap_or_default();
        self.columns = kept.columns.unwrap_or_else(|| self.columns.clone());
        self.sort = kept.sort;
    }
}
