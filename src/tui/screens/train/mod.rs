//! Screen 6: the network trained live. Charts of loss and accuracy, what happens in each layer, past runs beside them.

mod below;
mod chart;
mod verdict;
mod view;

use std::path::PathBuf;

use crate::graph::Graph;
use crate::graph::figures::grouped;
use crate::reason::Reason;
use crate::run::data::Source;
use crate::run::runs;
use crate::run::session::{Begin, Change, Out};
use crate::run::train::Command;
use crate::spec::recipe::Recipe;
use crate::tui::keys::table::{Train, TrainSetting};
use crate::tui::keys::{Action, Context};
use crate::tui::msg::{Effect, Standing, Training, Usable};
use crate::tui::overlays;
use crate::tui::screens::{Screen, forward};
use crate::tui::state::overlay::Purpose;
use crate::tui::state::training::{Below, Live, Shown};
use crate::tui::state::{Entry, Opened};
use crate::tui::state::{Pane, State};
use crate::tui::trainer::Wanted;
use crate::tui::update::moved;

pub use view::draw;

/// Most runs whose curves lie over the one shown.
const LAID: usize = 3;

pub fn enter(_: &mut State) -> Vec<Effect> {
    vec![Effect::ListRuns]
}

/// Its keys: while a run is under way those that steer it come first.
pub fn context(state: &State) -> Context {
    match (&state.train.live, state.train.below) {
        (Some(_), _) => Context::Running,
        (None, Below::Runs) => Context::Runs,
        (None, _) => Context::Begin,
    }
}

/// Whether the list of runs is on the screen, where other processes' runs come and go.
pub fn watches_runs(state: &State) -> bool {
    state.screen == Screen::Train && state.train.below == Below::Runs
}

/// What the run would start with.
fn begin(state: &State) -> Option<Begin> {
    let entry = state.entry()?;
    let network = entry.shared_network()?;
    let recipe = state.train.recipe.clone().over(&network.architecture.train);
    Some(Begin {
        origin: entry.origin.clone(),
        // The ones the explorer was opened with are added where effects are carried out.
        sets: Vec::new(),
        data: state.train.data.clone(),
        recipe,
        weights: None,
        partial: false,
        out: Out::Next(runs::FOLDER.into()),
        id: None,
        force: false,
        processes: 1,
    })
}

/// Rows of the pane below that the cursor moves by.
pub fn step(state: &mut State, by: isize) {
    let view = &mut state.train;
    match view.below {
        Below::Runs => view.run_cursor = moved(view.run_cursor, by, view.runs.len()),
        _ => view.offset = moved(view.offset, by, below::rows(view).max(1)),
    }
}

pub fn clicked(state: &mut State, at: usize) {
    state.pane = Pane::Main;
    state.train.run_cursor = at.min(state.train.runs.len().saturating_sub(1));
}

pub fn act(state: &mut State, action: Action) -> Option<Vec<Effect>> {
    let Action::Train(own) = action else {
        let shown = state.train.shown.as_ref();
        return match action {
            Action::Copy => shown.map(|shown| vec![Effect::Copy(view::as_text(shown))]),
            Action::CopyTable => shown.map(|shown| vec![Effect::Copy(as_markdown(shown))]),
            _ => None,
        };
    };
    Some(match own {
        Train::Begin => enter_pressed(state),
        Train::Pause => tell(state, |live| if live.paused { Command::Resume } else { Command::Pause }),
        Train::Step => tell(state, |_| Command::Step),
        Train::LowerRate => tell(state, |_| Command::LowerRate),
        Train::Checkpoint => {
            if let Some(live) = &mut state.train.live {
                live.asked_to_keep = true;
            }
            tell(state, |_| Command::Checkpoint)
        }
        Train::Stop => stop(state),
        Train::Ask(setting) => {
            let text = match setting {
                TrainSetting::Data => match &state.train.data {
                    Source::Synthetic(None) => String::new(),
                    other => other.to_string(),
                },
                TrainSetting::Recipe => state.train.words.clone(),
            };
            overlays::ask_path(state, Purpose::Train(setting), text);
            Vec::new()
        }
        Train::Resume => resume(state),
        Train::LayOver => lay_over(state),
        Train::Below => {
            state.train.below = state.train.below.next();
            state.train.offset = 0;
            if state.train.below == Below::Runs { vec![Effect::ListRuns] } else { Vec::new() }
        }
        Train::Use => use_weights(state),
        Train::Judge => judge(state),
        Train::LogScale => {
            state.train.log_scale = !state.train.log_scale;
            Vec::new()
        }
        Train::Smooth => {
            state.train.smooth = !state.train.smooth;
            Vec::new()
        }
        Train::CursorLeft | Train::CursorRight => {
            move_cursor(state, own == Train::CursorRight);
            Vec::new()
        }
    })
}

/// The file or folder that a setting needs to be there, as it was typed.
pub fn file_of(setting: TrainSetting, text: &str) -> Option<String> {
    let (_, path) = text.split_once(':').filter(|_| setting == TrainSetting::Data)?;
    // Whether the kind is known is said when it is set.
    let source: Source = text.parse().ok()?;
    source.path().map(|_| path.to_string())
}

/// Takes a setting that was typed, or says what would be right.
pub fn set(state: &mut State, setting: TrainSetting, text: &str, stands: Standing) -> Result<(), String> {
    match setting {
        TrainSetting::Data if text.is_empty() => state.train.data = Source::Synthetic(None),
        TrainSetting::Data => {
            // A path after the kind may begin at the user's home folder.
            let text = match text.split_once(':') {
                Some((kind, path)) => {
                    format!("{kind}:{}", overlays::expanded(path, state.home.as_deref()).display())
                }
                None => text.to_string(),
            };
            let source: Source = text.parse().map_err(|reason: Reason| reason.to_string())?;
            if let Some(path) = source.path().filter(|_| stands == Standing::Nothing) {
                return Err(format!("there is no {}", path.display()));
            }
            state.train.data = source;
        }
        TrainSetting::Recipe => {
            state.train.recipe = Recipe::from_words(text).map_err(|reason| reason.to_string())?;
            state.train.words = text.to_string();
        }
    }
    Ok(())
}

fn enter_pressed(state: &mut State) -> Vec<Effect> {
    let view = &state.train;
    if view.below == Below::Runs
        && let Some(run) = view.runs.get(view.run_cursor)
    {
        if view.live.is_some() {
            state.tell("a run is on the charts that is being trained; a lays another one over it");
            return Vec::new();
        }
        if let Err(why) = &run.summary {
            let words = format!("{}: {why}", run.id);
            state.complain(words);
            return Vec::new();
        }
        let (folder, words) = (run.folder.clone(), format!("reading {}", run.id));
        state.tell(words);
        return vec![Effect::ReadRun { folder, over: false }];
    }
    if view.live.is_some() {
        state.tell("a run is under way; x stops and keeps it");
        return Vec::new();
    }
    let Some(begin) = begin(state) else {
        state.tell("there is no sound network to train");
        return Vec::new();
    };
    if state.entry().is_some_and(|entry| entry.is_edited()) {
        state.tell("what is saved is trained, not what is being edited");
    }
    began_soon(state, "beginning");
    vec![Effect::Train(Wanted::Begin(Box::new(begin)))]
}

fn began_soon(state: &mut State, words: &str) {
    state.train.live = Some(Live { id: words.to_string(), paused: false, stopping: false, asked_to_keep: false });
    state.train.cursor = None;
}

fn tell(state: &mut State, command: impl Fn(&Live) -> Command) -> Vec<Effect> {
    match &state.train.live {
        Some(live) if !live.stopping => vec![Effect::TellTrainer(command(live))],
        Some(_) => Vec::new(),
        None if state.train.shown.as_ref().is_some_and(|shown| shown.ended.is_none()) => {
            state.tell("another process trains this run; only there it can be steered");
            Vec::new()
        }
        None => {
            state.tell("no run is under way; ⏎ begins one");
            Vec::new()
        }
    }
}

fn stop(state: &mut State) -> Vec<Effect> {
    match &mut state.train.live {
        Some(live) => {
            live.stopping = true;
            vec![Effect::StopTraining]
        }
        None => Vec::new(),
    }
}

fn resume(state: &mut State) -> Vec<Effect> {
    if state.train.live.is_some() {
        state.tell("a run is under way; x stops and keeps it");
        return Vec::new();
    }
    let view = &state.train;
    let folder = match (view.below, view.runs.get(view.run_cursor), &view.shown) {
        (Below::Runs, Some(run), _) => run.folder.clone(),
        (_, _, Some(shown)) => shown.folder.clone(),
        _ => {
            state.tell("there is no run to go on with");
            return Vec::new();
        }
    };
    began_soon(state, "going on");
    // A length that was typed is meant for the next run, unless this one has come to its end.
    let is_over = state.train.runs.iter().any(|run| run.folder == folder && run.status() == "finished");
    let own = &state.train.recipe;
    let change = match is_over {
        true => Change { epochs: own.epochs, steps: own.steps, ..Change::default() },
        false => Change::default(),
    };
    vec![Effect::Train(Wanted::Resume(folder, change))]
}

fn lay_over(state: &mut State) -> Vec<Effect> {
    let view = &mut state.train;
    let Some(run) = view.runs.get(view.run_cursor).filter(|_| view.below == Below::Runs) else {
        view.below = Below::Runs;
        state.tell("choose a run and press a again");
        return vec![Effect::ListRuns];
    };
    if let Some(at) = view.laid.iter().position(|(id, _)| *id == run.id) {
        view.laid.remove(at);
        return Vec::new();
    }
    vec![Effect::ReadRun { folder: run.folder.clone(), over: true }]
}

/// The run that the cursor is on where runs are listed, else the one on the charts.
fn chosen(state: &State) -> Option<PathBuf> {
    let view = &state.train;
    match (view.below, view.runs.get(view.run_cursor), &view.shown) {
        (Below::Runs, Some(run), _) => Some(run.folder.clone()),
        (_, _, Some(shown)) => Some(shown.folder.clone()),
        _ => None,
    }
}

/// Takes a run's best weights to the forward screen, for the architecture that it trained.
fn use_weights(state: &mut State) -> Vec<Effect> {
    let Some(folder) = chosen(state) else {
        state.tell("there is no run whose weights could be used");
        return Vec::new();
    };
    let run = state.train.runs.iter().find(|run| run.folder == folder);
    let trained = run.and_then(|run| run.summary.as_ref().ok()).map(|summary| summary.architecture.clone());
    let shown =
        state.train.shown.as_ref().filter(|shown| shown.folder == folder).and_then(|shown| shown.network.as_ref());
    let id = trained.or_else(|| shown.map(|network| network.architecture.id.clone()));
    let listed = id.and_then(|id| state.entries.iter().find(|entry| entry.id == id && !entry.is_of_run));
    vec![Effect::UseRun(listed.map(|entry| entry.origin.clone()), folder)]
}

/// Takes a run's weights to the forward screen: for the architecture of the list that it was trained from, or, where that has other
/// layers now or had other classes, for the run's own.
fn use_run(state: &mut State, usable: Usable) -> Vec<Effect> {
    let Usable { run, listed, origin, text, opened, weights } = usable;
    let Opened::Graph(own) = &opened else {
        state.complain(format!("the architecture in the folder of {run} cannot be read; `convlens check` says why"));
        return Vec::new();
    };
    let is_alike = |network: &Graph| {
        let mut layers = network.layers.iter().zip(&own.layers);
        network.architecture.input == own.architecture.input
            && network.layers.len() == own.layers.len()
            && layers.all(|(one, other)| {
                (&one.name, &one.operation, one.output) == (&other.name, &other.operation, other.output)
            })
    };
    let listed = listed.and_then(|listed| state.position(&listed));
    let listed = listed.filter(|&at| state.entries[at].network().is_some_and(is_alike));
    let at = match (listed, state.position(&origin)) {
        (Some(at), _) => at,
        (None, Some(at)) => {
            // A run of the same name may have been made since.
            state.entries[at].reopen(text, opened);
            at
        }
        (None, None) => {
            state.entries.push(Entry::of_run(run, origin, text, opened));
            state.entries.len() - 1
        }
    };
    state.selected = at;
    let origin = state.entries[at].origin.clone();
    let mut effects = crate::tui::update::show(state, Screen::Forward);
    effects.extend(forward::take_weights(state, &origin, weights));
    effects
}

fn judge(state: &mut State) -> Vec<Effect> {
    match chosen(state) {
        Some(_) if state.train.live.is_some() => {
            state.tell("a run is under way; it can be judged once it has ended");
            Vec::new()
        }
        Some(folder) => vec![Effect::Judge(folder)],
        None => {
            state.tell("there is no run to judge");
            Vec::new()
        }
    }
}

/// Moves the reading cursor by a column of the chart; past the last step there is none.
fn move_cursor(state: &mut State, right: bool) {
    let columns = view::chart_columns(&state.panes()) as u64;
    let Some(shown) = &state.train.shown else { return };
    let last = shown.history.loss.last_step();
    let by = (last / columns.max(1)).max(1);
    state.train.cursor = match (state.train.cursor, right) {
        (None, true) => None,
        (None, false) => Some(last),
        (Some(at), true) => Some(at + by).filter(|at| *at <= last),
        (Some(at), false) => Some(at.saturating_sub(by).max(1)),
    };
}

/// Takes what comes of training, and of reading runs.
pub fn took(state: &mut State, news: Training) -> Vec<Effect> {
    match news {
        Training::Began(shown) => {
            if let Some(live) = &mut state.train.live {
                live.id = shown.id.clone();
            }
            state.train.laid.retain(|(id, _)| *id != shown.id);
            state.train.run_wanted = Some(shown.id.clone());
            state.train.shown = Some(*shown);
            state.train.refused = None;
            // What went wrong before has been seen.
            state.toasts.retain(|toast| !toast.bad);
            return vec![Effect::ListRuns];
        }
        Training::Events(events) => {
            for event in events {
                follow(state, event);
            }
        }
        Training::Ended(ended) => {
            state.train.live = None;
            let words = match &ended {
                Ok(words) => words.clone(),
                Err(why) => format!("failed: {why}"),
            };
            let is_own =
                state.train.shown.as_ref().is_some_and(|shown| shown.about.began.is_some() && shown.ended.is_none());
            // A run that never began is on no chart.
            state.train.refused = ended.as_ref().err().filter(|_| !is_own).cloned();
            if let Some(shown) = state.train.shown.as_mut().filter(|_| is_own) {
                shown.ended = Some(words.clone());
            }
            match ended {
                Ok(_) => state.tell(words),
                Err(why) => state.complain(why),
            }
            return vec![Effect::ListRuns];
        }
        Training::Runs(runs) => {
            let view = &mut state.train;
            let own = view.runs.get(view.run_cursor).map(|run| run.id.clone());
            let is_there = |id: &String| runs.iter().any(|run| run.id == *id);
            let own = view.run_wanted.take_if(|wanted| is_there(wanted)).or(own);
            view.runs = runs;
            let same = own.and_then(|own| view.runs.iter().position(|run| run.id == own));
            view.run_cursor = same.unwrap_or(0);
        }
        Training::Read { shown, over: false } => {
            // A run that began meanwhile keeps the charts.
            if state.train.live.is_none() {
                state.train.laid.retain(|(id, _)| *id != shown.id);
                let same = state.train.shown.as_ref().is_some_and(|own| own.id == shown.id);
                if !same {
                    state.train.cursor = None;
                }
                state.train.shown = Some(*shown);
            }
        }
        Training::Read { shown, over: true } => {
            let view = &mut state.train;
            if view.shown.as_ref().is_none_or(|own| own.id != shown.id) {
                view.laid.retain(|(id, _)| *id != shown.id);
                view.laid.push((shown.id, shown.history));
                let surplus = view.laid.len().saturating_sub(LAID);
                let gone: Vec<String> = view.laid.drain(..surplus).map(|(id, _)| id).collect();
                if !gone.is_empty() {
                    let words = format!("{} is taken away: {LAID} at most lie over a run", gone.join(", "));
                    state.tell(words);
                }
            }
            // Reading this one ended following the other.
            let view = &state.train;
            if let Some(shown) = view.shown.as_ref().filter(|shown| shown.ended.is_none() && view.live.is_none()) {
                return vec![Effect::ReadRun { folder: shown.folder.clone(), over: false }];
            }
        }
        Training::Unreadable(why) => state.complain(why),
        Training::Usable(usable) => return use_run(state, *usable),
    }
    Vec::new()
}

fn follow(state: &mut State, event: crate::run::train::Event) {
    use crate::run::train::Event;
    match &event {
        Event::Paused(paused) => {
            if let Some(live) = &mut state.train.live {
                live.paused = *paused;
            }
        }
        Event::Warning { text, .. } => state.complain(text.clone()),
        Event::Rate { rate, by, .. } => {
            state.tell(runs::rate_words(*rate, by));
        }
        Event::Checkpoint { step, .. } => {
            // Those that nobody asked for are no news.
            let asked = state.train.live.as_mut().is_some_and(|live| std::mem::take(&mut live.asked_to_keep));
            if asked {
                state.tell(format!("kept at step {}", grouped(*step)));
            }
        }
        _ => {}
    }
    if let Some(shown) = &mut state.train.shown {
        shown.take(event);
    }
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
