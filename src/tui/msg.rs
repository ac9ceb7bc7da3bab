//! What comes in and what goes out.

use std::path::PathBuf;
use std::sync::Arc;

use ratatui::layout::Rect;
use ratatui_image::picker::Picker;

use super::keys::Key;
use super::paths::Completion;
use super::state::Opened;
use super::state::editor::{Analysis, LeftOver};
use super::state::training::{Shown, Verdict};
use super::state::views::{Measured, Photo, Timed};
use super::trainer::Wanted;
use crate::exchange::drawing::Format;
use crate::graph::Graph;
use crate::run::LayerRun;
use crate::run::attention::{Heat, Method};
use crate::run::live::{Ran, Request};
use crate::run::measure::Timing;
use crate::run::runs::Found;
use crate::run::sweep::{Sweep, Vary};
use crate::run::train::{Command, Event};
use crate::spec::Origin;
use crate::spec::describe::Published;

/// Something happened.
#[derive(Debug)]
pub enum Msg {
    Key(Key),
    Paste(String),
    /// A click on something that was drawn.
    Click(Target),
    /// The wheel, in rows; down is positive.
    Wheel(i32),
    Resize(u16, u16),
    /// An architecture was read again.
    Loaded(Origin, Option<String>, Box<Opened>),
    /// The folders changed: every file that is there now.
    Listed(Vec<(Origin, Option<String>, Opened)>),
    /// What a text came to that is being edited.
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
    /// Unsaved text cannot be kept for a later run.
    NotKept(String),
    /// The text as another program left it.
    Edited {
        origin: Origin,
        text: String,
    },
    Photo(Photo),
    /// How the terminal shows pictures.
    Pictures(Picker),
    /// The photos that were chosen to be run.
    Photos(Result<Vec<PathBuf>, String>),
    /// How many bytes an architecture's published weights have, where that is said, and whether they are there already.
    Published {
        origin: Origin,
        bytes: Option<u64>,
        is_there: bool,
    },
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
    Work(Work),
    Training(Training),
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

/// News of work in its own thread.
#[derive(Debug)]
pub enum Work {
    Progress {
        what: String,
        done: usize,
        of: usize,
    },
    Timed(Timed, Vec<Timing>),
    /// Variants were worked out.
    Swept(Arc<Sweep>),
    /// A layer of a forward run ended; the first of a run says so.
    Layer {
        first: bool,
        layer: LayerRun,
    },
    Ran(Box<Ran>),
    Looked {
        /// The run's number.
        run: u64,
        method: Method,
        class: usize,
        heat: Heat,
    },
    Effective(Measured),
    /// Published weights of an architecture are there.
    Fetched {
        origin: Origin,
        path: PathBuf,
    },
    /// A run was judged.
    Judged {
        folder: PathBuf,
        verdict: Box<Verdict>,
    },
    Stopped,
    Failed(String),
}

/// What comes of training, and of reading runs.
#[derive(Debug, Clone)]
pub enum Training {
    Began(Box<Shown>),
    Events(Vec<Event>),
    /// How the run ended, or why it failed.
    Ended(Result<String, String>),
    Runs(Vec<Found>),
    /// A run read from its folder, to be shown or to be laid over what is shown.
    Read {
        shown: Box<Shown>,
        over: bool,
    },
    Unreadable(String),
    /// A run's best weights, with the architecture that stands beside them.
    Usable(Box<Usable>),
}

/// What a run's folder holds for whoever uses what was learned.
#[derive(Debug, Clone)]
pub struct Usable {
    pub run: String,
    /// The architecture of the list that it was trained from, if it is there.
    pub listed: Option<Origin>,
    /// The run's own.
    pub origin: Origin,
    pub text: Option<String>,
    pub opened: Opened,
    pub weights: PathBuf,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SaveError {
    #[error("{0} was changed or removed by another program since it was read")]
    Changed(String),
    #[error("{0} is there already")]
    Exists(String),
    #[error("cannot write {path}: {reason}")]
    Failed { path: String, reason: String },
}

/// What is to be done outside the state.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Read an architecture.
    Load(Origin),
    /// Work out what a text comes to, beside the network that is saved.
    Analyse {
        origin: Origin,
        version: u64,
        text: String,
        saved: Option<Arc<Graph>>,
    },
    /// Write a text; `expected` is what the file must hold, nothing if it must not exist, unless it may hold anything.
    /// With `extending`, the text started from, only what differs is written.
    Save {
        origin: Origin,
        path: PathBuf,
        text: String,
        expected: Expected,
        extending: Option<String>,
    },
    /// Keep a text that is not saved yet where a later run finds it, or forget it.
    Keep(Origin, Option<LeftOver>),
    /// Hand a text to the user's own editor.
    External {
        origin: Origin,
        text: String,
    },
    /// Write a network for people.
    Export {
        network: Arc<Graph>,
        origin: Origin,
        format: Format,
        path: PathBuf,
    },
    Photo(PathBuf),
    Forward(Request),
    /// Where a run looks for a class.
    Look {
        ran: Arc<Ran>,
        class: usize,
        method: Method,
    },
    /// Measure the effective field of a unit of a layer.
    Effective {
        request: Request,
        layer: usize,
        unit: (u64, u64),
    },
    /// Ask how large an architecture's published weights are.
    AskPublished(Origin, Published),
    /// Fetch them, or check those that are there.
    Fetch(Origin, Published),
    /// Judge a run's best weights.
    Judge(PathBuf),
    /// Find a run's best weights and the architecture beside them; the list's that it was trained from goes with it.
    UseRun(Option<Origin>, PathBuf),
    /// Ask the terminal how it shows pictures.
    AskPictures,
    /// Find the photos that a path means: itself, or those of a folder.
    FindPhotos(PathBuf),
    /// Say what stands at a path that was typed as `of`.
    LookUp {
        of: String,
        path: PathBuf,
    },
    /// Say what a path that is being typed can go on with.
    CompletePath(String),
    Train(Wanted),
    /// Tell the run under way something.
    TellTrainer(Command),
    /// End the run under way after its step.
    StopTraining,
    /// Read which runs there are.
    ListRuns,
    /// Read a run from its folder, to lay it over what is shown if `over`.
    ReadRun {
        folder: PathBuf,
        over: bool,
    },
    /// Time networks, in turn; those of a study are made where they are timed.
    Time(Timed, Vec<Arc<Graph>>),
    /// Work out every variant of an architecture.
    Sweep {
        origin: Origin,
        text: String,
        varies: Vec<Vary>,
    },
    StopWork,
    Copy(String),
    /// Switch the mouse on or off.
    Mouse(bool),
    /// Give the terminal back and stop until resumed.
    Suspend,
    /// Paint everything again.
    Repaint,
    Quit,
}

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Nothing,
    Folder,
    /// A file, or what is read like one.
    File,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    Text(String),
    Nothing,
    Anything,
}

/// What can be clicked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    Architecture(usize),
    Screen(super::screens::Screen),
    Row(usize),
    /// A layer by index, in the growth of the field.
    Layer(usize),
    /// A unit by row and column, on the input's picture.
    Unit(u64, u64),
    /// A place in the text being edited, from the area's left end on.
    Text {
        line: usize,
        column: usize,
    },
    Problem(usize),
    /// A row of compared architectures, or a number of the kernel study.
    Compared(usize),
    Slider(usize),
    /// A run in the list of runs.
    Run(usize),
    /// A line of the overlay.
    Line(usize),
}

impl Target {
    /// The target so many columns further right.
    pub fn moved(self, columns: u16) -> Self {
        match self {
            Target::Text { line, column } => Target::Text { line, column: column + usize::from(columns) },
            other => other,
        }
    }
}

/// Where something landed on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    pub area: Rect,
    pub target: Target,
}
