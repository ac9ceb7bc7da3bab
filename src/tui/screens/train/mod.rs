//! Screen 6: the network trained live. Charts of loss and accuracy, what happens in each layer, past runs beside them.

mod below;
mod chart;
mod settings;
mod state;
mod verdict;
mod view;
pub mod work;

pub use state::{About, Action, Asked, Below, Live, News, Shown, Train, Turn, Usable, Verdict};

use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;

use serde_json::{Value, json};

use work::Wanted;

use crate::graph::Graph;
use crate::graph::figures::{bytes, grouped};
use crate::graph::memory::{self, OptimizerState};
use crate::run::runs;
use crate::run::runs::history::Along;
use crate::run::session::{Begin, Change, Out};
use crate::run::train::{Command, Event};
use crate::spec::recipe::Recipe;
use crate::tui::input::{Binding, Group, Together, bind, moved};
use crate::tui::model::{Entry, Model, Opened};
use crate::tui::screen::{Canvas, Context, Effect, Go, Screen, Typed, View};
use crate::tui::work::Lane;

use Action as A;

/// Parameters from which on training asks first.
const LARGE: u64 = 20_000_000;
/// Images of a step where no recipe says.
const DEFAULT_BATCH: u64 = 32;

/// Most runs whose curves lie over the one shown.
const LAID: usize = 3;

const BINDINGS: &[Binding<Action>] = &[
    bind("train", "pane", "v", A::Below, "next pane below: layers, images, runs, notes, judged", "pane"),
    bind("train", "lay-over", "a", A::LayOver, "overlay a run's curves on the charts, or remove them", "overlay"),
    bind("train", "use", "w", A::Use, "use its best weights on a photo (5)", ""),
    bind("train", "judge", "f", A::Judge, "measure its best weights, class by class", "judge"),
    bind("train", "cursor-left", "left h", A::CursorLeft, "read the values one column earlier", ""),
    bind(
        "train",
        "cursor-right",
        "right l",
        A::CursorRight,
        "one column later; past the last one hides the cursor",
        "",
    ),
    bind("train", "copy", "y", A::Copy, "copy where the run stands", ""),
    bind("train", "copy-table", "Y", A::CopyTable, "copy its epochs as Markdown", ""),
    bind("begin", "begin", "enter", A::Begin, "start a run", "start"),
    bind("begin", "resume", "space", A::Resume, "resume the run on the charts", "resume"),
    bind("next", "data", "i", A::Ask(Asked::Data), "choose the training data", "data"),
    bind("next", "options", "o", A::Options, "recipe and charts: every setting with its default", "recipe"),
    bind("running", "enter", "enter", A::Begin, "say what to do before another run can start", ""),
    bind("running", "pause", "space", A::Pause, "pause or resume", "pause"),
    bind("running", "step", ".", A::Step, "run one step, then pause", "step"),
    bind("running", "stop", "x", A::Stop, "stop after this step and save the run (asks)", "stop"),
    bind("running", "lower-rate", "t", A::Rate(Turn::Down), "divide the learning rate by 10 (asks)", "lr÷10"),
    bind("running", "raise-rate", "T", A::Rate(Turn::Up), "take that back: multiply it by 10 (asks)", ""),
    bind("running", "checkpoint", "ctrl-s", A::Checkpoint, "save a checkpoint now", ""),
    bind("runs", "open", "enter", A::Begin, "open the selected run", "open"),
    bind("runs", "resume", "space", A::Resume, "resume the selected run", "resume"),
];

impl Screen for Train {
    type Action = Action;
    type News = News;
    type Asked = Asked;

    const ABOUT: &'static str = "the network trained, live";
    const GROUPS: &'static [Group] =
        &[Group::of("train"), Group::of("begin"), Group::of("next"), Group::of("running"), Group::of("runs")];
    // The same keys, those that count just now first.
    const TOGETHER: &'static [Together] = &[
        &["begin", "next", "train", "moving", "everywhere"],
        &["running", "train", "next", "moving", "everywhere"],
        &["runs", "train", "next", "moving", "everywhere"],
    ];

    fn bindings() -> &'static [Binding<Action>] {
        BINDINGS
    }

    /// While a run is under way those that steer it come first.
    fn groups(&self, _: &Model) -> Together {
        Self::TOGETHER[match (&self.live, self.below) {
            (Some(_), _) => 1,
            (None, Below::Runs) => 2,
            (None, _) => 0,
        }]
    }

    fn impossible(&self, action: &Action, _: &Model) -> Option<String> {
        let steers = matches!(action, A::Pause | A::Step | A::Stop | A::Rate(_) | A::Checkpoint);
        (steers && self.live.is_none()).then(|| "no run is training".into())
    }

    fn act(&mut self, action: Action, cx: &mut Context<Self>) {
        match action {
            A::Begin => self.enter_pressed(cx),
            A::Pause => self.tell(cx, |live| if live.paused { Command::Resume } else { Command::Pause }),
            A::Step => self.tell(cx, |_| Command::Step),
            A::Rate(turn) => self.ask_rate(turn, cx),
            A::RateNow(Turn::Down) => self.tell(cx, |_| Command::LowerRate),
            A::RateNow(Turn::Up) => self.tell(cx, |_| Command::RaiseRate),
            A::Checkpoint => self.tell(cx, |_| Command::Checkpoint),
            A::Stop => {
                if let Some(live) = self.live.as_ref().filter(|live| !live.stopping) {
                    let words = format!("Stop {} after this step? It is saved and can be resumed.", live.id);
                    cx.question(
                        words,
                        vec![("Stop and save".into(), Some(A::StopNow)), ("Keep training".into(), None)],
                    );
                }
            }
            A::StopNow => {
                if let Some(live) = &mut self.live {
                    live.stopping = true;
                    cx.effect(Effect::Stop(Lane::Training));
                }
            }
            A::Ask(asked) => settings::ask(self, asked, cx),
            A::Options => settings::options(self, 0, cx),
            A::Resume => self.ask_resume(cx),
            A::ResumeNow => self.resume(cx),
            A::BeginNow => self.begin_now(cx),
            A::LayOver => self.lay_over(cx),
            A::Below => {
                self.below = self.below.next();
                self.offset = 0;
                if self.below == Below::Runs {
                    list(cx);
                }
            }
            A::Use => self.use_weights(cx),
            A::Judge => self.judge(cx),
            A::LogScale => {
                self.log_scale = !self.log_scale;
                settings::options(self, 2, cx);
            }
            A::Smooth => {
                self.smooth = !self.smooth;
                settings::options(self, 3, cx);
            }
            A::WholeAxis => {
                self.whole_axis = !self.whole_axis;
                settings::options(self, 4, cx);
            }
            A::Along => {
                self.along = match self.along {
                    Along::Steps => Along::Epochs,
                    Along::Epochs => Along::Time,
                    Along::Time => Along::Steps,
                };
                settings::options(self, 5, cx);
            }
            A::CursorLeft | A::CursorRight => self.move_cursor(cx, action == A::CursorRight),
            A::Copy => self.shown.iter().for_each(|shown| cx.copy(view::as_text(shown))),
            A::CopyTable => self.shown.iter().for_each(|shown| cx.copy(as_markdown(shown))),
            A::Run(at) => self.run_cursor = at.min(self.runs.len().saturating_sub(1)),
        }
    }

    /// Rows of the pane below that the cursor moves by.
    fn step(&mut self, by: isize, _: &mut Context<Self>) {
        match self.below {
            Below::Runs => self.run_cursor = moved(self.run_cursor, by, self.runs.len()),
            _ => self.offset = moved(self.offset, by, below::rows(self).max(1)),
        }
    }

    fn enter(&mut self, cx: &mut Context<Self>) {
        list(cx);
    }

    fn answer(&mut self, asked: Asked, typed: &Typed, cx: &mut Context<Self>) -> Result<(), String> {
        settings::set(self, asked, typed, cx)
    }

    fn receive(&mut self, news: News, cx: &mut Context<Self>) {
        match news {
            News::Began(shown) => {
                if let Some(live) = &mut self.live {
                    live.id = shown.id.clone();
                }
                self.laid.retain(|(id, _)| *id != shown.id);
                self.run_wanted = Some(shown.id.clone());
                self.shown = Some(*shown);
                self.refused = None;
                cx.model.forget_complaints();
                list(cx);
            }
            News::Events(events) => events.into_iter().for_each(|event| self.follow(event, cx)),
            News::Ended(ended) => self.ended(ended, cx),
            News::Runs(runs) => {
                let own = self.runs.get(self.run_cursor).map(|run| run.id.clone());
                let is_there = |id: &String| runs.iter().any(|run| run.id == *id);
                let own = self.run_wanted.take_if(|wanted| is_there(wanted)).or(own);
                self.runs = runs;
                let same = own.and_then(|own| self.runs.iter().position(|run| run.id == own));
                self.run_cursor = same.unwrap_or(0);
            }
            News::Read { shown, over: false } => {
                // A run that began meanwhile keeps the charts.
                if self.live.is_none() {
                    self.laid.retain(|(id, _)| *id != shown.id);
                    let same = self.shown.as_ref().is_some_and(|own| own.id == shown.id);
                    if !same {
                        self.cursor = None;
                    }
                    self.shown = Some(*shown);
                }
            }
            News::Read { shown, over: true } => self.lay(*shown, cx),
            News::Unreadable(why) => cx.complain(why),
            News::Usable(usable) => use_run(*usable, cx),
            News::Judged { folder, verdict } => {
                self.judged = Some((folder, (*verdict).into()));
                self.below = Below::Judged;
            }
        }
    }

    /// Whether the list of runs is on the screen, where other processes' runs come and go.
    fn watches(&self) -> bool {
        self.below == Below::Runs
    }

    fn tick(&mut self, cx: &mut Context<Self>) {
        list(cx);
    }

    fn badge(&self) -> Option<String> {
        let live = self.live.as_ref()?;
        let shown = self.shown.as_ref().filter(|shown| shown.id == live.id);
        let share = shown.map(|shown| {
            let share = shown.history.loss.last_step() as f64 / shown.about.total_steps.max(1) as f64;
            format!(" {:.0}%", 100.0 * share)
        });
        let what = if live.paused { "paused" } else { "training" };
        Some(format!("{what} {}{}", live.id, share.unwrap_or_default()))
    }

    fn zooms(&self) -> &'static [&'static str] {
        &["both charts", "the loss", "the accuracy", "the pane below"]
    }

    fn draw(&self, view: &View, canvas: &mut Canvas<Action>) {
        view::draw(self, view, canvas);
    }

    /// What was trained on last, and the recipe, as they were typed.
    fn remember(&self) -> Value {
        json!({"data": self.data.absolute().to_string(), "recipe": self.words})
    }

    fn restore(&mut self, value: Value) {
        if let Some(data) = value["data"].as_str().and_then(|text| text.parse().ok()) {
            self.data = data;
        }
        let recipe = value["recipe"].as_str().and_then(|text| Some((text, Recipe::from_words(text).ok()?)));
        if let Some((words, recipe)) = recipe {
            (self.words, self.recipe) = (words.to_string(), recipe);
        }
    }
}

/// Asks which runs there are.
fn list(cx: &mut Context<Train>) {
    cx.spawn(Lane::Listing, "listing runs", work::listing());
}

impl Train {
    /// What the run would start with.
    pub fn begin(&self, model: &Model) -> Option<Begin> {
        let entry = model.entry()?;
        let network = entry.shared_network()?;
        let recipe = self.recipe.clone().over(&network.architecture.train);
        Some(Begin {
            origin: entry.origin.clone(),
            sets: model.sets.clone(),
            data: self.data.clone(),
            recipe,
            weights: None,
            partial: false,
            out: Out::Next(runs::FOLDER.into()),
            id: None,
            force: false,
            processes: 1,
        })
    }

    fn enter_pressed(&mut self, cx: &mut Context<Self>) {
        if self.below == Below::Runs
            && let Some(run) = self.runs.get(self.run_cursor)
        {
            if self.live.is_some() {
                cx.tell("A run is training. Press a to overlay this one on it.");
            } else if let Err(why) = &run.summary {
                cx.complain(format!("{}: {why}", run.id));
            } else {
                cx.tell(format!("Reading {}", run.id));
                cx.spawn(Lane::Reading, "reading the run", work::reading(run.folder.clone(), false));
            }
            return;
        }
        if self.live.is_some() {
            cx.tell("A run is training already. Press x to stop and save it.");
            return;
        }
        let Some(begin) = self.begin(cx.model) else {
            cx.tell("Nothing to train: the file has problems.");
            return;
        };
        let network = cx.model.entry().and_then(Entry::network);
        if let Some(network) = network.filter(|network| network.totals.params >= LARGE) {
            let batch = begin.recipe.batch.unwrap_or(DEFAULT_BATCH);
            let words = format!(
                "Train {} with {} parameters on {}? It takes about {} of memory, and hours on a processor.",
                begin.origin.id(),
                grouped(network.totals.params),
                view::data_words(&begin.data),
                bytes(memory::training(network, batch, OptimizerState::Momentum).total() + memory::scratch(network))
            );
            cx.question(words, vec![("Cancel".into(), None), ("Start training".into(), Some(A::BeginNow))]);
            return;
        }
        self.begin_now(cx);
    }

    fn begin_now(&mut self, cx: &mut Context<Self>) {
        let Some(begin) = self.begin(cx.model).filter(|_| self.live.is_none()) else { return };
        if cx.model.entry().is_some_and(|entry| entry.is_edited()) {
            cx.tell("The saved text is trained, not your unsaved edits.");
        }
        self.start(Wanted::Begin(Box::new(begin)), "starting", cx);
    }

    /// Asks before the learning rate is changed from the next step on.
    fn ask_rate(&self, turn: Turn, cx: &mut Context<Self>) {
        if self.live.as_ref().is_none_or(|live| live.stopping) {
            cx.tell("No run is training. Press ⏎ to start one.");
            return;
        }
        // What was told since the last step counts from the next one on.
        let turned = 10f64.powi(self.live.as_ref().map_or(0, |live| live.turned));
        let last = self.shown.as_ref().and_then(|shown| shown.history.lr.buckets().last()?.mean());
        let now = last.map(|last| last * turned);
        let then = |now: f64| if turn == Turn::Down { now / 10.0 } else { now * 10.0 };
        let rate = now.map_or_else(String::new, |now| format!(" {now:.0e} → {:.0e}", then(now)));
        let words = match turn {
            Turn::Down => format!("Learning rate{rate} from the next step? T takes it back."),
            Turn::Up => format!("Learning rate{rate} from the next step, up to the schedule's own?"),
        };
        cx.question(words, vec![("Change it".into(), Some(A::RateNow(turn))), ("Leave it".into(), None)]);
    }

    fn ask_resume(&mut self, cx: &mut Context<Self>) {
        if self.live.is_some() {
            cx.tell("A run is training already. Press x to stop and save it.");
            return;
        }
        let Some(folder) = self.chosen() else {
            cx.tell("There is no run to resume. Press ⏎ to start one.");
            return;
        };
        let name = folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        if self.is_over(&folder) && self.recipe.epochs.is_none() && self.recipe.steps.is_none() {
            cx.tell(format!(
                "{name} has finished. Set more epochs under o to train it further; f judges it, w uses its weights."
            ));
            return;
        }
        cx.question(format!("Resume {name}?"), vec![("Resume".into(), Some(A::ResumeNow)), ("Cancel".into(), None)]);
    }

    /// Whether a run has come to its end.
    fn is_over(&self, folder: &Path) -> bool {
        self.runs.iter().any(|run| run.folder == folder && run.status() == "finished")
    }

    fn start(&mut self, wanted: Wanted, words: &str, cx: &mut Context<Self>) {
        let (steering, told) = channel();
        self.live =
            Some(Live { id: words.to_string(), paused: false, stopping: false, told: None, turned: 0, steering });
        self.cursor = None;
        cx.spawn(Lane::Training, "training", work::training(cx.model.library.clone(), wanted, told));
    }

    /// Tells the run under way something.
    fn tell(&mut self, cx: &mut Context<Self>, command: impl Fn(&Live) -> Command) {
        match &mut self.live {
            Some(live) if !live.stopping => {
                let command = command(live);
                live.told = Some(command);
                live.turned += match command {
                    Command::LowerRate => -1,
                    Command::RaiseRate => 1,
                    _ => 0,
                };
                // One that has just ended hears nothing more.
                let _ = live.steering.send(command);
            }
            Some(_) => {}
            None if self.shown.as_ref().is_some_and(|shown| shown.ended.is_none()) => {
                cx.tell("Another process is training this run. It can only be controlled there.");
            }
            None => cx.tell("No run is training. Press ⏎ to start one."),
        }
    }

    fn resume(&mut self, cx: &mut Context<Self>) {
        let Some(folder) = self.chosen().filter(|_| self.live.is_none()) else { return };
        // A length that was typed is meant for the next run, unless this one has come to its end.
        let own = &self.recipe;
        let change = match self.is_over(&folder) {
            true => Change { epochs: own.epochs, steps: own.steps, ..Change::default() },
            false => Change::default(),
        };
        self.start(Wanted::Resume(folder, change), "resuming", cx);
    }

    fn lay_over(&mut self, cx: &mut Context<Self>) {
        let Some(run) = self.runs.get(self.run_cursor).filter(|_| self.below == Below::Runs) else {
            self.below = Below::Runs;
            cx.tell("Select a run and press a again.");
            list(cx);
            return;
        };
        if let Some(at) = self.laid.iter().position(|(id, _)| *id == run.id) {
            self.laid.remove(at);
            return;
        }
        cx.spawn(Lane::Reading, "reading the run", work::reading(run.folder.clone(), true));
    }

    /// Lays a run's curves over what is shown.
    fn lay(&mut self, shown: Shown, cx: &mut Context<Self>) {
        if self.shown.as_ref().is_none_or(|own| own.id != shown.id) {
            self.laid.retain(|(id, _)| *id != shown.id);
            self.laid.push((shown.id, shown.history));
            let surplus = self.laid.len().saturating_sub(LAID);
            let gone: Vec<String> = self.laid.drain(..surplus).map(|(id, _)| id).collect();
            if !gone.is_empty() {
                cx.tell(format!("Removed {}: at most {LAID} runs can be overlaid.", gone.join(", ")));
            }
        }
        // Reading this one ended following the other.
        if let Some(shown) = self.shown.as_ref().filter(|shown| shown.ended.is_none() && self.live.is_none()) {
            cx.spawn(Lane::Reading, "reading the run", work::reading(shown.folder.clone(), false));
        }
    }

    /// The run that the cursor is on where runs are listed, else the one on the charts.
    fn chosen(&self) -> Option<PathBuf> {
        match (self.below, self.runs.get(self.run_cursor), &self.shown) {
            (Below::Runs, Some(run), _) => Some(run.folder.clone()),
            (_, _, Some(shown)) => Some(shown.folder.clone()),
            _ => None,
        }
    }

    /// Takes a run's best weights to the forward screen, for the architecture that it trained.
    fn use_weights(&self, cx: &mut Context<Self>) {
        let Some(folder) = self.chosen() else {
            cx.tell("There is no run whose weights could be used.");
            return;
        };
        let run = self.runs.iter().find(|run| run.folder == folder);
        let trained = run.and_then(|run| run.summary.as_ref().ok()).map(|summary| summary.architecture.clone());
        let shown = self.shown.as_ref().filter(|shown| shown.folder == folder);
        let shown = shown.and_then(|shown| shown.network.as_ref());
        let id = trained.or_else(|| shown.map(|network| network.architecture.id.clone()));
        let listed = id.and_then(|id| cx.model.entries.iter().find(|entry| entry.id == id && !entry.is_of_run));
        let listed = listed.map(|entry| entry.origin.clone());
        cx.spawn(Lane::Work, "reading the run", work::using(cx.model.library.clone(), listed, folder));
    }

    fn judge(&self, cx: &mut Context<Self>) {
        match self.chosen() {
            Some(_) if self.live.is_some() => cx.tell("A run is training. It can be judged once it has ended."),
            Some(folder) => cx.spawn(Lane::Work, "judging", work::judging(folder)),
            None => cx.tell("There is no run to judge."),
        }
    }

    /// Moves the reading cursor by a column of the chart; past the last step there is none.
    fn move_cursor(&mut self, cx: &Context<Self>, right: bool) {
        let columns = view::chart_columns(&cx.panes) as u64;
        let Some(shown) = &self.shown else { return };
        let last = shown.history.loss.last_step();
        let by = (last / columns.max(1)).max(1);
        self.cursor = match (self.cursor, right) {
            (None, true) => None,
            (None, false) => Some(last),
            (Some(at), true) => Some(at + by).filter(|at| *at <= last),
            (Some(at), false) => Some(at.saturating_sub(by).max(1)),
        };
    }

    /// A run of this process ended, or could not begin.
    fn ended(&mut self, ended: Result<String, String>, cx: &mut Context<Self>) {
        self.live = None;
        let words = match &ended {
            Ok(words) => words.clone(),
            Err(why) => format!("failed: {why}"),
        };
        let is_own = self.shown.as_ref().is_some_and(|shown| shown.about.began.is_some() && shown.ended.is_none());
        // A run that never began is on no chart.
        self.refused = ended.as_ref().err().filter(|_| !is_own).cloned();
        if let Some(shown) = self.shown.as_mut().filter(|_| is_own) {
            shown.ended = Some(words.clone());
        }
        match ended {
            Ok(_) => cx.tell(words),
            Err(why) => cx.complain(why),
        }
        list(cx);
    }

    fn follow(&mut self, event: Event, cx: &mut Context<Self>) {
        match &event {
            Event::Paused(paused) => {
                if let Some(live) = &mut self.live {
                    live.paused = *paused;
                }
            }
            Event::Step(_) => self.live.iter_mut().for_each(|live| live.turned = 0),
            Event::Warning { text, .. } => cx.complain(text.clone()),
            Event::Rate { rate, by, .. } => cx.tell(runs::rate_words(*rate, by)),
            Event::Checkpoint { step, .. } => {
                // Those that nobody asked for are no news.
                let asked = |told: &mut Command| *told == Command::Checkpoint;
                if self.live.as_mut().is_some_and(|live| live.told.take_if(asked).is_some()) {
                    cx.tell(format!("Saved a checkpoint at step {}.", grouped(*step)));
                }
            }
            _ => {}
        }
        if let Some(shown) = &mut self.shown {
            shown.take(event);
        }
    }
}

/// Takes a run's weights to the forward screen: for the architecture of the list that it was trained from, or, where that has other
/// layers now or had other classes, for the run's own.
fn use_run(usable: Usable, cx: &mut Context<Train>) {
    let Usable { run, listed, origin, text, opened, weights } = usable;
    let Opened::Graph(own) = &opened else {
        cx.complain(format!("The architecture in the folder of {run} cannot be read. `convlens check` says why."));
        return;
    };
    let is_alike = |network: &Graph| {
        let mut layers = network.layers.iter().zip(&own.layers);
        network.architecture.input == own.architecture.input
            && network.layers.len() == own.layers.len()
            && layers.all(|(one, other)| {
                (&one.name, &one.operation, one.output) == (&other.name, &other.operation, other.output)
            })
    };
    let listed = listed.and_then(|listed| cx.model.position(&listed));
    let listed = listed.filter(|&at| cx.model.entries[at].network().is_some_and(is_alike));
    let at = match (listed, cx.model.position(&origin)) {
        (Some(at), _) => at,
        (None, Some(at)) => {
            // A run of the same name may have been made since.
            cx.model.entries[at].reopen(text, opened);
            at
        }
        (None, None) => {
            cx.model.entries.push(Entry::of_run(run, origin, text, opened));
            cx.model.entries.len() - 1
        }
    };
    cx.model.selected = at;
    let origin = cx.model.entries[at].origin.clone();
    cx.model.setup.weights.set(origin, Some(weights));
    cx.go(Go::Forward);
}

fn as_markdown(shown: &Shown) -> String {
    let mut text = String::from(
        "| epoch | step | train loss | train accuracy | val loss | val accuracy |\n|---:|---:|---:|---:|---:|---:|\n",
    );
    for epoch in &shown.history.epochs {
        let of = |value: Option<f64>| value.map_or_else(|| "–".to_string(), |value| format!("{value:.4}"));
        text += &format!(
            "| {} | {} | {:.4} | {:.4} | {} | {} |\n",
            epoch.epoch,
            epoch.step,
            epoch.train_loss,
            epoch.train_accuracy,
            of(epoch.val_loss),
            of(epoch.val_accuracy)
        );
    }
    text
}
