//! Screen 1: the layer table as a tree, and the working of the selected row below it.

mod change;
mod choose;
pub mod rows;
mod state;
mod view;

pub use state::{Action, Asked, Choose, Layers, News};

use state::TOTALS;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::tui::input::{Binding, Group, Together, bind};
use crate::tui::model::columns::{self, Column};
use crate::tui::model::{Fold, Model, fold};
use crate::tui::screen::{Canvas, Context, Go, Screen, Typed, View};
use crate::tui::widgets::panes::{Panes, visible_rows};

use Action as A;

const BINDINGS: &[Binding<Action>] = &[
    bind("layers", "toggle", "enter space", A::Fold(Fold::Toggle), "expand or collapse a block or layer", "expand"),
    bind("layers", "open", "right l", A::Fold(Fold::Open), "expand", ""),
    bind(
        "layers",
        "close",
        "left h",
        A::Fold(Fold::Close),
        "collapse; then go to the block around it, then to the list",
        "",
    ),
    bind("layers", "close-all", "-", A::Fold(Fold::CloseAll), "collapse every block", ""),
    bind("layers", "open-all", "+", A::Fold(Fold::OpenAll), "expand everything", ""),
    bind("layers", "change", "=", A::Change, "change the layer's fields (out, kernel, stride, …)", "change"),
    bind("layers", "sort", "s", A::Sort, "sort by the next column, then in network order", "sort"),
    bind("layers", "reverse", "S", A::Reverse, "reverse the order", ""),
    bind("layers", "columns", "o", A::Columns, "choose columns", "columns"),
    bind("layers", "mark", "c", A::Mark, "mark the architecture to compare, or unmark it", "mark"),
    bind("layers", "details-down", "J", A::Details(1), "scroll the working down", ""),
    bind("layers", "details-up", "K", A::Details(-1), "scroll the working up", ""),
    bind("layers", "copy", "y", A::Copy, "copy the row and its working", ""),
    bind("layers", "copy-number", "ctrl-y", A::CopyCell, "copy its number: what is sorted by, or the parameters", ""),
    bind("layers", "copy-table", "Y", A::CopyTable, "copy the table as Markdown", ""),
    bind("columns", "switch", "space enter", A::Choose(Choose::Switch), "show or hide the column", "show or hide"),
    bind("columns", "up", "up k", A::Choose(Choose::Up), "previous column", ""),
    bind("columns", "down", "down j", A::Choose(Choose::Down), "next column", "choose"),
    bind("columns", "close", "esc q o ctrl-c", A::Choose(Choose::Close), "close", "close"),
];

/// What is found again at the next start; in which order rows stood is not.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    columns: Option<Vec<Column>>,
}

impl Screen for Layers {
    type Action = Action;
    type News = News;
    type Asked = Asked;

    const ABOUT: &'static str = "every layer: shapes, parameters, MACs and their working";
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
                cx.tell("A sorted table has no blocks. Press s until it is in network order.");
            }
            A::Fold(own) => {
                if cx.model.entry_mut().is_some_and(|entry| !fold(entry, own)) {
                    cx.go(Go::List);
                }
            }
            A::Columns => self.choosing = Some(0),
            A::Choose(own) => choose::act(self, own),
            A::Sort => self.sort = columns::next(self.sort, &self.columns),
            A::SortBy(column) => self.sort = columns::by(self.sort, column),
            A::Details(by) => self.scrolled = self.scrolled.saturating_add_signed(by),
            A::Change => change::ask(cx),
            A::Reverse => match &mut self.sort {
                Some(sort) => sort.smallest_first = !sort.smallest_first,
                None => cx.tell("Press s to sort the table first."),
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

    fn receive(&mut self, news: News, cx: &mut Context<Self>) {
        change::took(news, cx);
    }

    fn answer(&mut self, Asked::Change(layer): Asked, typed: &Typed, cx: &mut Context<Self>) -> Result<(), String> {
        change::take(&layer, &typed.text, cx)
    }

    fn refresh(&mut self, model: &mut Model, panes: &Panes) {
        let Some(entry) = model.entry_mut() else { return };
        entry.sort(self.sort);
        entry.keep_in_view(visible_rows(panes.table, 1 + TOTALS));
        // Another row's working is read from its beginning.
        let cursor = entry.cursor;
        let at = (model.selected, cursor);
        if self.scrolled_at != at {
            (self.scrolled, self.scrolled_at) = (0, at);
        }
    }

    fn draw(&self, view: &View, canvas: &mut Canvas<Action>) {
        view::draw(self, view, canvas);
        if let Some(cursor) = self.choosing {
            choose::draw(self, cursor, view, canvas);
        }
    }

    fn remember(&self) -> Value {
        serde_json::to_value(Kept { columns: Some(self.columns.clone()) }).unwrap_or_default()
    }

    fn restore(&mut self, value: Value) {
        let kept: Kept = serde_json::from_value(value).unwrap_or_default();
        self.columns = kept.columns.unwrap_or_else(|| self.columns.clone());
    }
}
