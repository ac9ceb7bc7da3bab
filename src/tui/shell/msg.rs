//! What comes in, and what is to be done outside.

use crate::spec::Origin;
use crate::tui::input::Key;
use crate::tui::model::Opened;
use crate::tui::screen::{Effect, Standing};
use crate::tui::screens::{News, Which};
use crate::tui::work::{Done, Job, Lane, Note};
use ratatui_image::picker::Picker;

use super::action::Action;
use super::paths::Completion;

/// Something happened.
#[derive(Debug)]
pub enum Msg {
    Key(Key),
    Paste(String),
    /// A click on something that was drawn.
    Click(Action),
    /// The wheel, in rows; down is positive.
    Wheel(i32),
    Resize(u16, u16),
    /// Work tells something.
    Note(Note<News>),
    /// Work ended, of this screen or of the shell.
    Ended {
        of: Option<Which>,
        lane: Lane,
        ended: Result<Done<News>, String>,
    },
    /// News for a screen that no thread brings.
    News(News),
    /// An architecture was read again.
    Loaded(Origin, Option<String>, Box<Opened>),
    /// These were read for the first time.
    Read(Vec<(Origin, Option<String>, Opened)>),
    /// The folders changed: every file that is there now.
    Listed(Vec<(Origin, Option<String>, Opened)>),
    /// Unsaved text cannot be kept for a later run.
    NotKept(String),
    /// How the terminal shows pictures.
    Pictures(Picker),
    /// What the path `of` can go on with.
    Completed {
        of: String,
        completion: Completion,
    },
    /// What stands at the path that was typed as `of`.
    LookedUp {
        of: String,
        stands: Standing,
    },
    /// Something to tell the user.
    Tell(String),
    Complain(String),
    /// The terminal's background is light, or dark.
    Background {
        light: bool,
    },
    /// A second has passed, while there is something that ends with time.
    Tick,
    /// The process is asked to end.
    Terminate,
}

/// What is to be done.
pub enum Task {
    Do(Effect),
    Spawn(Spawn),
}

/// Work for a lane's thread.
pub struct Spawn {
    /// The screen it is of; none for the shell's own.
    pub of: Option<Which>,
    pub lane: Lane,
    /// What it is, where something is said about it.
    pub what: &'static str,
    pub job: Job<News>,
}

impl std::fmt::Debug for Task {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Task::Do(effect) => write!(formatter, "{effect:?}"),
            Task::Spawn(Spawn { of, lane, what, .. }) => write!(formatter, "Spawn({of:?}, {lane:?}, {what})"),
        }
    }
}
