//! What the keys of the editor stand for, and what it hears.

use std::path::PathBuf;

use crate::spec::Origin;
use crate::tui::model::Analysis;
use crate::tui::screen::SaveError;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    Leave,
    Save,
    SaveVariant,
    Undo,
    Redo,
    Cut,
    /// Copies what is selected; without a selection asks to quit.
    CopyOrQuit,
    Paste,
    SelectAll,
    Search,
    SearchNext,
    Complete,
    /// Completes a word that was begun, indents elsewhere.
    Indent,
    External,
    /// Asks before it goes back to what was saved.
    Discard,
    /// Goes back to it.
    DiscardNow,
    GoToProblem,
    NextProblem,
    WordLeft,
    WordRight,
    TextStart,
    TextEnd,
    /// Copies the changed numbers.
    Copy,
    Offer(Offer),
    /// A place in the text that was clicked.
    Text {
        line: usize,
        column: usize,
    },
    /// A problem that was clicked.
    Problem(usize),
    /// Goes on with what an earlier run left, or drops it.
    LeftOver(bool),
    /// Saves over what is on disk.
    Overwrite(PathBuf),
    /// Takes what is on disk in place of what was typed.
    TakeFromDisk,
    Palette,
    Suspend,
    Repaint,
    Quit,
}

/// While words are offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offer {
    Take,
    Cancel,
    Up,
    Down,
}

impl Action {
    /// The place in the text so many columns further right.
    pub fn moved(self, columns: u16) -> Self {
        match self {
            Action::Text { line, column } => Action::Text { line, column: column + usize::from(columns) },
            other => other,
        }
    }
}

#[derive(Debug)]
pub enum News {
    /// What a text came to.
    Analysed {
        origin: Origin,
        version: u64,
        analysis: Box<Analysis>,
    },
    /// A text was written.
    Saved {
        origin: Origin,
        path: PathBuf,
        text: String,
    },
    NotSaved {
        path: PathBuf,
        why: SaveError,
    },
    /// The text as another program left it.
    Edited {
        origin: Origin,
        text: String,
    },
}

/// What a line is typed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// The file a copy or a variant is saved in.
    SaveAs,
    /// What to look for in the text.
    Search,
}

/// The editor's screen; texts are the architectures' own.
#[derive(Debug, Clone, Copy, Default)]
pub struct Edit;
