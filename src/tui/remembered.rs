//! What the explorer finds again at its next start: the architecture, the screen, what is folded, columns and order.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::columns::{Column, Sort};
use super::screens::Screen;
use super::state::State;
use super::state::views::Number;
use crate::spec::recipe::Recipe;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Remembered {
    /// The selected architecture, by id.
    pub architecture: Option<String>,
    pub screen: Option<Screen>,
    /// What is folded in each architecture, by id.
    pub folds: BTreeMap<String, Folded>,
    pub columns: Option<Vec<Column>>,
    pub sort: Option<Sort>,
    pub number: Option<Number>,
    pub mouse: Option<bool>,
    /// What was trained on last, and the recipe, as they were typed.
    pub data: Option<String>,
    pub recipe: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Folded {
    pub closed: Vec<String>,
    pub open: Vec<String>,
    pub repeats: Vec<String>,
    pub cursor: usize,
}

impl Remembered {
    pub fn of(state: &State) -> Self {
        let folds = state.entries.iter().filter_map(|entry| {
            let sorted = |set: &std::collections::HashSet<String>| {
                let mut all: Vec<String> = set.iter().cloned().collect();
                all.sort();
                all
            };
            let folds = entry.folds();
            let folded = Folded {
                closed: sorted(&folds.closed_blocks),
                open: sorted(&folds.open_layers),
                repeats: sorted(&folds.open_repeats),
                // A sorted table's places mean nothing in another order.
                cursor: if state.table.sort.is_none() { entry.cursor } else { 0 },
            };
            (folded != Folded::default()).then(|| (entry.id.clone(), folded))
        });
        Remembered {
            architecture: state.entry().map(|entry| entry.id.clone()),
            screen: Some(state.screen),
            folds: folds.collect(),
            columns: Some(state.table.columns.clone()),
            sort: state.table.sort,
            number: Some(state.compare.number),
            mouse: Some(state.mouse),
            data: Some(state.train.data.absolute().to_string()),
            recipe: Some(state.train.words.clone()),
        }
    }

    /// Puts everything back but the architecture, which the command line may have named.
    pub fn restore(&self, state: &mut State) {
        state.screen = self.screen.unwrap_or(state.screen);
        state.mouse = self.mouse.unwrap_or(state.mouse);
        state.compare.number = self.number.unwrap_or(state.compare.number);
        if let Some(columns) = &self.columns {
            state.table.columns.clone_from(columns);
        }
        state.table.sort = self.sort;
        if let Some(data) = self.data.as_ref().and_then(|text| text.parse().ok()) {
            state.train.data = data;
        }
        if let Some((words, recipe)) =
            self.recipe.as_ref().and_then(|text| Some((text, Recipe::from_words(text).ok()?)))
        {
            (state.train.words, state.train.recipe) = (words.clone(), recipe);
        }
        for entry in &mut state.entries {
            let Some(folded) = self.folds.get(&entry.id) else { continue };
            entry.fold(|folds, _| {
                folds.closed_blocks = folded.closed.iter().cloned().collect();
                folds.open_layers = folded.open.iter().cloned().collect();
                folds.open_repeats = folded.repeats.iter().cloned().collect();
            });
            entry.cursor = folded.cursor.min(entry.rows().len().saturating_sub(1));
        }
    }
}
