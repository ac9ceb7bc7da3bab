//! What the explorer finds again at its next start: the architecture, the screen, what is folded, columns and order.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::state::State;
use crate::tui::screens::Which;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Remembered {
    /// The selected architecture, by id.
    pub architecture: Option<String>,
    pub screen: Option<Which>,
    /// What is folded in each architecture, by id.
    pub folds: BTreeMap<String, Folded>,
    pub mouse: Option<bool>,
    /// What each screen remembers, by its name.
    pub screens: Map<String, Value>,
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
                cursor: entry.cursor_as_built(),
            };
            (folded != Folded::default()).then(|| (entry.id.clone(), folded))
        });
        Remembered {
            architecture: state.entry().map(|entry| entry.id.clone()),
            screen: Some(state.screen),
            folds: folds.collect(),
            mouse: Some(state.mouse),
            screens: state.screens.remember(),
        }
    }

    /// Puts everything back but the architecture, which the command line may have named.
    pub fn restore(&self, state: &mut State) {
        state.screen = self.screen.unwrap_or(state.screen);
        state.mouse = self.mouse.unwrap_or(state.mouse);
        state.screens.restore(self.screens.clone());
        for entry in &mut state.model.entries {
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
