//! What the explorer finds again at its next start: the architecture, the screen, what is folded, columns and order.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::state::State;
use crate::spec::Origin;
use crate::tui::model::tree::Folds;
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
    pub hides_list: bool,
    /// Files of architectures that are in none of the folders that are looked in.
    pub outside: Vec<PathBuf>,
    /// The theme that was chosen in the explorer.
    pub theme: Option<String>,
    /// Lines that were typed, by what they were asked for with.
    pub typed: Vec<(String, String)>,
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

/// Most files that are remembered.
const OUTSIDE: usize = 50;

/// The user's files that are in none of the library's folders, by their whole paths.
fn outside(state: &State) -> Vec<PathBuf> {
    let folders = state.library.folders();
    let is_outside = |path: &&PathBuf| !folders.iter().any(|folder| path.parent() == Some(folder.as_path()));
    let files = state.entries.iter().filter(|entry| !entry.is_of_run).filter_map(|entry| match &entry.origin {
        Origin::File(path) | Origin::Foreign(path) => Some(path),
        Origin::Bundled(_) => None,
    });
    files.filter(is_outside).filter_map(|path| std::path::absolute(path).ok()).take(OUTSIDE).collect()
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
            hides_list: state.hides_list,
            outside: outside(state),
            theme: state.chosen_theme.clone(),
            typed: state.typed.clone(),
            screens: state.screens.remember(),
        }
    }

    /// Puts everything back but the architecture, which the command line may have named.
    pub fn restore(&self, state: &mut State) {
        state.screen = self.screen.unwrap_or(state.screen);
        // Not to where ⏎ would train a network it was not meant for.
        if state.screen == Which::Train {
            state.screen = Which::Layers;
        }
        state.mouse = self.mouse.unwrap_or(state.mouse);
        (state.hides_list, state.typed) = (self.hides_list, self.typed.clone());
        state.chosen_theme.clone_from(&self.theme);
        state.screens.restore(self.screens.clone());
        for entry in &mut state.model.entries {
            let Some(folded) = self.folds.get(&entry.id) else { continue };
            let folds = Folds {
                closed_blocks: folded.closed.iter().cloned().collect(),
                open_layers: folded.open.iter().cloned().collect(),
                open_repeats: folded.repeats.iter().cloned().collect(),
            };
            entry.restore(folds, folded.cursor);
        }
    }
}
