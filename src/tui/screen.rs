//! What a screen is: its state, the keys it answers, what they do, what it hears of its work, how it is drawn and what it
//! remembers. The shell around it has the rest.
//!
//! A screen changes itself and what all screens share (the [`Model`]) and does nothing else: what is to be done outside it
//! asks of its [`Context`], in the order in which it is to happen.

use std::ops::Deref;
use std::path::PathBuf;

use ratatui::Frame;
use ratatui::layout::Rect;
use serde_json::Value;

use super::input::{Binding, Group, Key, Together};
use super::model::{LeftOver, Model};
use super::widgets::panes::{Panes, visible_rows};
use super::work::{Job, Lane};
use crate::spec::Origin;

/// One screen. `'static` and owned throughout, so that news can cross threads.
pub trait Screen: Sized {
    /// What its keys and clicks stand for.
    type Action: Clone + std::fmt::Debug + PartialEq + 'static;
    /// What its work tells.
    type News: std::fmt::Debug + Send + 'static;
    /// What a line that the user types is for.
    type Asked: Clone + std::fmt::Debug + PartialEq + 'static;

    /// Whether it has a number and a place in the header.
    const IS_TAB: bool = true;
    /// What it is for, beside its key.
    const ABOUT: &'static str;
    const GROUPS: &'static [Group];
    /// Every set of groups that can apply at once; those of the shell are named in them too.
    const TOGETHER: &'static [Together];

    fn bindings() -> &'static [Binding<Self::Action>];

    /// The groups that apply now, one of [`Screen::TOGETHER`].
    fn groups(&self, model: &Model) -> Together;

    /// Groups whose keys are looked up where these have none for a key.
    fn beneath(&self, _: &Model) -> Together {
        &[]
    }

    fn act(&mut self, action: Self::Action, cx: &mut Context<Self>);

    /// Why an action would do nothing now, if it would; it is offered dimmed then.
    fn impossible(&self, _: &Self::Action, _: &Model) -> Option<String> {
        None
    }

    /// What a click does so many columns from the left end of its place, where that counts.
    fn along(action: Self::Action, _: u16) -> Self::Action {
        action
    }

    /// Moves its cursor by rows.
    fn step(&mut self, by: isize, cx: &mut Context<Self>);

    /// It is turned to.
    fn enter(&mut self, _: &mut Context<Self>) {}

    /// A key that stands for nothing in the table.
    fn typed(&mut self, _: Key, _: &mut Context<Self>) {}

    fn pasted(&mut self, _: &str, _: &mut Context<Self>) {}

    fn receive(&mut self, news: Self::News, cx: &mut Context<Self>);

    /// A piece of its work was stopped, or failed; the user has been told.
    fn broke_off(&mut self) {}

    /// A line was typed that it had asked for. The error says what would be right.
    fn answer(&mut self, _: Self::Asked, _: &Typed, _: &mut Context<Self>) -> Result<(), String> {
        Ok(())
    }

    /// After every change while it is shown: what follows from the model, and cursors that must be seen.
    fn refresh(&mut self, model: &mut Model, panes: &Panes) {
        // Only the layer table has another order than the network's.
        if let Some(entry) = model.entry_mut() {
            entry.sort(None);
            entry.keep_in_view(visible_rows(panes.table, 1));
        }
    }

    /// Before a painting: what takes long to make, such as pictures at the size of their pane.
    fn prepare(&mut self, _: &mut Model, _: &Panes) {}

    /// What is under way on it that is to be seen from every other screen.
    fn badge(&self) -> Option<String> {
        None
    }

    /// Its panes that can have all the room, by what they show; the first is the one that has the keys.
    fn zooms(&self) -> &'static [&'static str] {
        &["the table"]
    }

    /// Whether it wants to hear a tick each second, and what it does then.
    fn watches(&self) -> bool {
        false
    }

    fn tick(&mut self, _: &mut Context<Self>) {}

    fn draw(&self, view: &View, canvas: &mut Canvas<Self::Action>);

    /// What is found again at the next start.
    fn remember(&self) -> Value {
        Value::Null
    }

    fn restore(&mut self, _: Value) {}
}

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Nothing,
    Folder,
    /// A file, or what is read like one.
    File,
}

/// A line as it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Typed {
    /// Without spaces around it.
    pub text: String,
    /// What is at the path in it, where that was asked for.
    pub stands: Standing,
    /// Whether what Tab switches is on.
    pub switched: bool,
}

/// A line to be typed.
#[derive(Debug, Clone)]
pub struct Prompt<K> {
    pub asked: K,
    pub title: String,
    /// What it begins with.
    pub text: String,
    /// Whether a path is typed, which can be completed.
    pub is_path: bool,
    /// The path in it that must be looked up before it is taken, if there is one.
    pub path: fn(&str) -> Option<String>,
    /// What Tab switches: its words, and whether it is on.
    pub switch: Option<(String, bool)>,
}

impl<K> Prompt<K> {
    pub fn new(asked: K, title: impl Into<String>, text: impl Into<String>) -> Self {
        let (title, text) = (title.into(), text.into());
        Prompt { asked, title, text, is_path: false, path: |_| None, switch: None }
    }
}

/// A question whose answers are a list; the first is the harmless one.
#[derive(Debug, Clone, PartialEq)]
pub struct Question<A> {
    pub words: String,
    /// Each with what it does, if anything.
    pub answers: Vec<(String, Option<A>)>,
    pub cursor: usize,
}

/// A list of things to choose from or to change, with what they are now.
#[derive(Debug, Clone, PartialEq)]
pub struct Menu<A> {
    pub title: String,
    pub rows: Vec<Row<A>>,
    pub cursor: usize,
}

impl<A> Menu<A> {
    /// The same with actions of another type.
    pub fn map<B>(self, wrap: impl Fn(A) -> B) -> Menu<B> {
        let Menu { title, rows, cursor } = self;
        let rows = rows.into_iter().map(|Row { name, value, differs, words, action }| {
            let action = wrap(action);
            Row { name, value, differs, words, action }
        });
        Menu { title, rows: rows.collect(), cursor }
    }
}

/// A line of a menu.
#[derive(Debug, Clone, PartialEq)]
pub struct Row<A> {
    pub name: String,
    pub value: String,
    /// Whether the value is another than the usual one.
    pub differs: bool,
    pub words: String,
    /// What choosing it does.
    pub action: A,
}

impl<A> Row<A> {
    pub fn of(name: &str, value: impl Into<String>, words: &str, action: A) -> Self {
        Row { name: name.into(), value: value.into(), differs: false, words: words.into(), action }
    }

    /// Marked where it is not the usual one.
    pub fn usual(self, is_usual: bool) -> Self {
        Row { differs: !is_usual, ..self }
    }
}

/// What is to be done outside, one of a few things that touch the disk or the terminal.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Read an architecture.
    Load(Origin),
    /// Read one that is looked at for the first time, unless it is large.
    LoadQuickly(Origin),
    Save(Save),
    /// Keep a text that is not saved yet where a later run finds it, or forget it.
    Keep(Origin, Option<LeftOver>),
    /// Hand a text to the user's own editor.
    External {
        origin: Origin,
        text: String,
    },
    Copy(String),
    /// Ask the terminal how it shows pictures.
    AskPictures,
    /// Say what stands at a path that was typed as `of`.
    LookUp {
        of: String,
        path: PathBuf,
    },
    /// Say what a path that is being typed can go on with.
    CompletePath(String),
    /// Stop what is under way in a lane.
    Stop(Lane),
    /// Switch the mouse on or off.
    Mouse(bool),
    /// Give the terminal back and stop until resumed.
    Suspend,
    /// Paint everything again.
    Repaint,
    Quit,
}

/// A text to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Save {
    pub origin: Origin,
    pub path: PathBuf,
    pub text: String,
    /// What the file must hold.
    pub expected: Expected,
    /// The text started from, where only what differs is to be written.
    pub extending: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    Text(String),
    Nothing,
    Anything,
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

/// Another screen with something for it.
#[derive(Debug, Clone, PartialEq)]
pub enum Go {
    /// The selected architecture's text in the editor, replaced by this.
    Edit(String),
    /// The selected architecture's text replaced by this, without turning to the editor.
    Retype(String),
    /// The selected architecture run forward.
    Forward,
    /// To the list of architectures.
    List,
    /// To the screen before.
    Back,
    /// To every command by name.
    Palette,
    Quit,
}

/// What a screen asks of the shell; generic, so that the shell has the same of all screens.
pub enum Request<N, A, K> {
    Spawn(Lane, &'static str, Job<N>),
    Ask(Prompt<K>),
    Question(Question<A>),
    Menu(Menu<A>),
    Do(Effect),
    Go(Go),
}

impl<N, A: std::fmt::Debug, K: std::fmt::Debug> std::fmt::Debug for Request<N, A, K> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Request::Spawn(lane, what, _) => write!(formatter, "Spawn({lane:?}, {what})"),
            Request::Ask(prompt) => write!(formatter, "{prompt:?}"),
            Request::Question(question) => write!(formatter, "{question:?}"),
            Request::Menu(menu) => write!(formatter, "{menu:?}"),
            Request::Do(effect) => write!(formatter, "{effect:?}"),
            Request::Go(go) => write!(formatter, "{go:?}"),
        }
    }
}

/// What a screen acts in: what all screens share, and the way to ask for more.
pub struct Context<'a, S: Screen> {
    pub model: &'a mut Model,
    pub panes: Panes,
    /// Whether the keys were the screen's before, and not the list's.
    pub had_keys: bool,
    requests: Vec<Request<S::News, S::Action, S::Asked>>,
}

impl<'a, S: Screen> Context<'a, S> {
    pub fn new(model: &'a mut Model, panes: Panes, had_keys: bool) -> Self {
        Context { model, panes, had_keys, requests: Vec::new() }
    }

    pub fn into_requests(self) -> Vec<Request<S::News, S::Action, S::Asked>> {
        self.requests
    }

    /// Has work done in a lane; `what` names it where something is said about it.
    pub fn spawn(&mut self, lane: Lane, what: &'static str, job: Job<S::News>) {
        self.requests.push(Request::Spawn(lane, what, job));
    }

    pub fn ask(&mut self, prompt: Prompt<S::Asked>) {
        self.requests.push(Request::Ask(prompt));
    }

    /// Asks a question.
    pub fn question(&mut self, words: impl Into<String>, answers: Vec<(String, Option<S::Action>)>) {
        self.requests.push(Request::Question(Question { words: words.into(), answers, cursor: 0 }));
    }

    /// Opens a list to choose from, or to change things in.
    pub fn menu(&mut self, title: impl Into<String>, rows: Vec<Row<S::Action>>, cursor: usize) {
        self.requests.push(Request::Menu(Menu { title: title.into(), rows, cursor }));
    }

    pub fn effect(&mut self, effect: Effect) {
        self.requests.push(Request::Do(effect));
    }

    pub fn copy(&mut self, text: impl Into<String>) {
        self.effect(Effect::Copy(text.into()));
    }

    pub fn go(&mut self, go: Go) {
        self.requests.push(Request::Go(go));
    }

    pub fn tell(&mut self, text: impl Into<String>) {
        self.model.tell(text);
    }

    /// Says what went wrong; it stays longer.
    pub fn complain(&mut self, text: impl Into<String>) {
        self.model.complain(text);
    }
}

/// What a screen is drawn from.
pub struct View<'a> {
    pub model: &'a Model,
    pub panes: Panes,
    /// Whether the keys are the screen's, and not the list's.
    pub has_keys: bool,
}

impl Deref for View<'_> {
    type Target = Model;

    fn deref(&self) -> &Model {
        self.model
    }
}

/// A place that can be clicked.
#[derive(Debug, Clone, PartialEq)]
pub struct Place<A> {
    pub area: Rect,
    pub action: A,
}

/// Where a screen is drawn.
pub struct Canvas<'a, 'b, A> {
    pub frame: &'a mut Frame<'b>,
    pub places: Vec<Place<A>>,
}

impl<'a, 'b, A> Canvas<'a, 'b, A> {
    pub fn new(frame: &'a mut Frame<'b>) -> Self {
        Canvas { frame, places: Vec::new() }
    }

    /// A place does something when it is clicked.
    pub fn click(&mut self, area: Rect, action: A) {
        self.places.push(Place { area, action });
    }
}
