//! What lies over a screen and takes the keys.

use crate::tui::input::Together;
use crate::tui::screen::{Effect, Prompt, Question, Typed};
use crate::tui::screens;
use crate::tui::shell::action::Action;
use crate::tui::widgets::panes::Pane;

#[derive(Debug, Clone)]
pub enum Overlay {
    /// The overview of all keys, from this line on.
    Help(usize),
    Find(Find),
    Prompt(Line),
    Palette(Palette),
    Question(Question<Action>),
}

impl Overlay {
    pub fn groups(&self) -> Together {
        match self {
            Overlay::Help(_) => &["overview"],
            Overlay::Find(_) => &["finding"],
            Overlay::Prompt(_) => &["prompt"],
            Overlay::Palette(_) => &["commands"],
            Overlay::Question(_) => &["question"],
        }
    }
}

/// What is to follow from a key of an overlay.
#[derive(Debug)]
pub enum Then {
    Nothing,
    /// A command that was chosen.
    Act(Action),
    /// An architecture that was chosen, by its place in the list.
    Select(usize),
    /// A line that was typed for a screen; it comes back where it will not do.
    Answer(Line, screens::Asked, Typed),
    /// A line for the shell.
    Export(Line, String),
    /// Something outside.
    Do(Effect),
}

/// Something being looked for, and where the cursor was before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Find {
    pub text: String,
    /// Whether nothing is called so.
    pub nothing: bool,
    pub from: (Pane, usize, usize),
}

/// Who asked for a line.
#[derive(Debug, Clone, PartialEq)]
pub enum Asked {
    Screen(screens::Asked),
    /// The file that the network is written to for people; its ending says as what.
    Export,
}

/// A line being typed.
#[derive(Debug, Clone)]
pub struct Line {
    pub prompt: Prompt<Asked>,
    /// Why what was typed last will not do.
    pub refused: Option<String>,
    /// What can follow the path typed.
    pub names: Vec<String>,
}

/// The list of commands, narrowed by what is typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Palette {
    pub text: String,
    pub cursor: usize,
    /// The groups that the commands are of.
    pub of: Together,
}
