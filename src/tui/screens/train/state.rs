//! What the training screen knows: what a run would be started with, the run on its charts, and past runs.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use crate::graph::Graph;
use crate::run::data::Source;
use crate::run::evaluate::Judged;
use crate::run::evaluate::figures::Figures;
use crate::run::runs::history::Along;
use crate::run::runs::{Found, History};
use crate::run::train::{Command, Event};
use crate::spec::Origin;
use crate::spec::recipe::Recipe;
use crate::tui::model::Opened;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Begins a run, or opens the run the cursor is on.
    Begin,
    /// Pauses, or goes on.
    Pause,
    /// One step, then pause.
    Step,
    /// Asks before it ends the run after its step and keeps it.
    Stop,
    StopNow,
    /// Asks before it divides the learning rate by 10, or takes that back.
    Rate(Turn),
    RateNow(Turn),
    Checkpoint,
    Ask(Asked),
    /// The recipe as a form, and how the charts look.
    Options,
    /// Asks before it goes on with the run the cursor is on.
    Resume,
    ResumeNow,
    /// Begins although it is large.
    BeginNow,
    /// Lays the run the cursor is on over the charts, or takes it away.
    LayOver,
    /// Another pane below the charts.
    Below,
    /// Takes a run's best weights to the forward screen.
    Use,
    /// Judges a run's best weights.
    Judge,
    LogScale,
    Smooth,
    WholeAxis,
    /// What the charts run along next.
    Along,
    CursorLeft,
    CursorRight,
    Copy,
    CopyTable,
    /// A run that was clicked.
    Run(usize),
}

/// Which way the learning rate goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    Down,
    Up,
}

/// What a training run is started with; a line is typed for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    Data,
    /// The whole recipe in a line.
    Recipe,
    /// One field of it.
    Field(&'static str),
}

/// What comes of training, and of reading runs.
#[derive(Debug, Clone)]
pub enum News {
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
    /// A run was judged.
    Judged {
        folder: PathBuf,
        verdict: Box<Verdict>,
    },
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

/// What the pane below the charts shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Below {
    Layers,
    Samples,
    Runs,
    Notes,
    /// What the run's best weights are worth, class by class.
    Judged,
}

impl Below {
    pub fn next(self) -> Self {
        match self {
            Below::Layers => Below::Samples,
            Below::Samples => Below::Runs,
            Below::Runs => Below::Notes,
            Below::Notes => Below::Judged,
            Below::Judged => Below::Layers,
        }
    }
}

/// The training screen.
#[derive(Debug, Clone)]
pub struct Train {
    pub data: Source,
    /// What the user has changed of the architecture's own recipe, as it was typed.
    pub words: String,
    pub recipe: Recipe,
    /// The run that is trained here.
    pub live: Option<Live>,
    /// The run on the charts.
    pub shown: Option<Shown>,
    /// Other runs' curves laid over it.
    pub laid: Vec<(String, Arc<History>)>,
    pub runs: Vec<Found>,
    /// The run the cursor is on.
    pub run_cursor: usize,
    /// The run that the cursor goes to once it is in the list.
    pub run_wanted: Option<String>,
    /// First visible row of the pane below.
    pub offset: usize,
    pub below: Below,
    pub log_scale: bool,
    pub smooth: bool,
    /// Whether the loss axis reaches lone spikes too.
    pub whole_axis: bool,
    pub along: Along,
    /// The step whose values are read off.
    pub cursor: Option<u64>,
    /// Why the last run could not begin or go on.
    pub refused: Option<String>,
    /// The run that was judged last, by its folder, and what it is worth.
    pub judged: Option<(PathBuf, Arc<Verdict>)>,
}

/// What a run is worth, with the names of its classes.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    pub figures: Figures,
    pub names: Vec<String>,
}

impl Default for Train {
    fn default() -> Self {
        Train {
            data: Source::Synthetic(None),
            words: String::new(),
            recipe: Recipe::default(),
            live: None,
            shown: None,
            laid: Vec::new(),
            runs: Vec::new(),
            run_cursor: 0,
            run_wanted: None,
            offset: 0,
            below: Below::Layers,
            log_scale: false,
            smooth: true,
            whole_axis: false,
            along: Along::Steps,
            cursor: None,
            refused: None,
            judged: None,
        }
    }
}

/// A run under way in this process.
#[derive(Debug, Clone)]
pub struct Live {
    pub id: String,
    pub paused: bool,
    pub stopping: bool,
    /// What the run was told last by key.
    pub told: Option<Command>,
    /// By how many powers of ten the next step's rate was told to differ from the last one's.
    pub turned: i32,
    /// The way to tell it.
    pub steering: Sender<Command>,
}

/// A run whose curves are shown.
#[derive(Debug, Clone)]
pub struct Shown {
    pub id: String,
    pub folder: PathBuf,
    /// What it trains, for a run of this process.
    pub network: Option<Arc<Graph>>,
    pub history: Arc<History>,
    pub about: About,
    pub samples: Vec<Judged>,
    /// Seconds that this process's steps and validations took.
    pub seconds: f64,
    /// Of these, the ones of this epoch's steps.
    pub epoch_seconds: f64,
    /// Images of the validation set looked at, while they are.
    pub validating: Option<(usize, usize)>,
    /// How it ended, once it has.
    pub ended: Option<String>,
}

/// What is known of a run beside its curves.
#[derive(Debug, Clone, Default)]
pub struct About {
    pub data: String,
    pub recipe: String,
    pub total_steps: u64,
    pub epochs: Option<u64>,
    pub images: u64,
    /// Names of the classes, where the data has some.
    pub names: Vec<String>,
    /// Steps that were done before this process went on with it.
    pub began: Option<u64>,
    /// What was to be known before it started.
    pub notes: Vec<String>,
}

impl Shown {
    /// A run's curves, with nothing yet of what only a run of this process tells.
    pub fn new(folder: PathBuf, history: History, about: About) -> Self {
        let id = folder.file_name().map_or_else(|| "run".into(), |name| name.to_string_lossy().into_owned());
        Shown {
            id,
            folder,
            network: None,
            history: Arc::new(history),
            about,
            samples: Vec::new(),
            seconds: 0.0,
            epoch_seconds: 0.0,
            validating: None,
            ended: None,
        }
    }

    /// Follows what the run tells.
    pub fn take(&mut self, event: Event) {
        // The only owner while the run is on the charts alone; a laid-over copy stays as it was.
        Arc::make_mut(&mut self.history).take(&event);
        match &event {
            Event::Validating { done, of } => self.validating = Some((*done, *of)),
            Event::Samples { .. } => {}
            _ => self.validating = None,
        }
        match event {
            Event::Step(own) => {
                self.seconds += own.time.as_secs_f64();
                self.epoch_seconds += own.time.as_secs_f64();
            }
            // What an epoch took beside its steps is its validation.
            Event::Epoch(own) => {
                let beside = own.time.as_secs_f64() - self.epoch_seconds;
                self.seconds += if self.epoch_seconds > 0.0 { beside.max(0.0) } else { 0.0 };
                self.epoch_seconds = 0.0;
            }
            Event::Samples { images, .. } => self.samples = images,
            _ => {}
        }
    }
}
