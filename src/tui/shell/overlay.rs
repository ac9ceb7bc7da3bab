//! What lies over a screen and takes the keys.

use crate::tui::input::Together;
use crate::tui::screen::{Effect, Menu, Prompt, Question, Typed};
use crate::tui::screens::{self, Which};
use crate::tui::shell::action::Action;
use crate::tui::widgets::line::Line;
use crate::tui::widgets::panes::Pane;
use crate::tui::widgets::theme::Theme;

#[derive(Debug, Clone)]
pub enum Overlay {
    /// The overview of all keys.
    Help(Help),
    Find(Find),
    Prompt(Asking),
    Palette(Palette),
    Question(Question<Action>),
    Menu(Menu<Action>),
    /// What the program is, at the first start.
    Welcome,
    /// A stop of the guided tour.
    Tour(usize),
    /// Themes to choose from, and the one before.
    Themes(Themes),
}

impl Overlay {
    pub fn groups(&self) -> Together {
        match self {
            Overlay::Help(_) => &["overview", "line"],
            Overlay::Find(_) => &["finding", "line"],
            Overlay::Prompt(_) => &["prompt", "line"],
            Overlay::Palette(_) => &["commands", "line"],
            Overlay::Question(_) => &["question"],
            Overlay::Menu(_) | Overlay::Themes(_) => &["menu"],
            Overlay::Welcome => &["welcome"],
            Overlay::Tour(_) => &["tour"],
        }
    }
}

/// All keys, narrowed by what is typed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Help {
    pub line: Line,
    /// The key that the cursor is on, of those that are shown.
    pub cursor: usize,
}

/// Themes to choose from.
#[derive(Debug, Clone, PartialEq)]
pub struct Themes {
    pub all: Vec<Theme>,
    pub cursor: usize,
    pub before: Theme,
}

/// What is to follow from a key of an overlay.
#[derive(Debug)]
pub enum Then {
    Nothing,
    /// A command that was chosen.
    Act(Action),
    /// One of another screen, which is shown first.
    ActOn(Which, Action),
    /// An architecture that was chosen, by its place in the list.
    Select(usize),
    /// A line that was typed for a screen; it comes back where it will not do.
    Answer(Asking, screens::Asked, Typed),
    /// A line for the shell.
    Export(Asking, String),
    /// Something outside.
    Do(Effect),
}

/// Something being looked for, and where the cursor was before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Find {
    pub line: Line,
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

/// A line being typed for somebody.
#[derive(Debug, Clone)]
pub struct Asking {
    pub prompt: Prompt<Asked>,
    pub line: Line,
    /// How far back in what was typed before, and what was typed until then.
    pub back: Option<(usize, Line)>,
    /// Why what was typed last will not do.
    pub refused: Option<String>,
    /// What can follow the path typed.
    pub names: Vec<String>,
}

/// The list of commands, narrowed by what is typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Palette {
    pub line: Line,
    pub cursor: usize,
    /// The groups that the commands are of.
    pub of: Together,
}
