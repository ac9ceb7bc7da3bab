//! Opening and closing rows of the layer table.

use super::entry::Entry;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fold {
    /// Open what is selected, or close it.
    Toggle,
    Open,
    Close,
    CloseAll,
    OpenAll,
}

/// Folds at the cursor. False where there is nothing left to close around it.
pub fn fold(entry: &mut Entry, fold: Fold) -> bool {
    let Some(row) = entry.row().cloned() else { return true };
    match fold {
        Fold::Toggle => entry.fold(|folds, network| folds.set(&row, network, row.can_open())),
        Fold::Open => entry.fold(|folds, network| folds.set(&row, network, true)),
        // Closes the row, or goes to the block around it.
        Fold::Close if row.can_close() => entry.fold(|folds, network| folds.set(&row, network, false)),
        Fold::Close if row.depth > 0 => {
            let above = entry.rows()[..entry.cursor].iter().rposition(|other| other.depth < row.depth);
            entry.cursor = above.unwrap_or(entry.cursor);
        }
        Fold::Close => return false,
        Fold::CloseAll | Fold::OpenAll => {
            entry.fold(|folds, network| match fold {
                Fold::CloseAll => folds.close_all(network),
                _ => folds.open_all(network),
            });
            // The cursor stays at the same layer, or at the block that now hides it.
            entry.stay_at(row.layers().start);
        }
    }
    true
}
