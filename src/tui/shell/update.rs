//! What a message changes. No I/O here: what is to be done outside comes back as tasks.

use ratatui::crossterm::event::KeyCode;

use super::action::{Action, List, Window};
use super::msg::{Msg, Spawn, Task};
use super::overlay::{Overlay, Then};
use super::overlays;
use super::state::{ListLine, State};
use super::{export, files, find};
use crate::graph::figures::grouped;
use crate::spec::Origin;
use crate::tui::input::{Key, moved, scrolled};
use crate::tui::model::Working;
use crate::tui::screen::{Effect, Go, Question, Request};
use crate::tui::screens::{Asking, News, Screens, Setting, Which, edit};
use crate::tui::widgets::panes::Pane;
use crate::tui::widgets::panes::visible_rows;
use crate::tui::widgets::theme;
use crate::tui::work::{Done, Lane, Note};
use crate::visible::visible;

pub fn update(state: &mut State, msg: Msg) -> Vec<Task> {
    let tasks = match msg {
        Msg::Key(key) => key_pressed(state, key),
        Msg::Paste(text) => pasted(state, &text),
        Msg::Click(action) => click(state, action),
        Msg::Wheel(rows) => step(state, rows as isize),
        Msg::Resize(width, height) => {
            (state.width, state.height) = (width, height);
            Vec::new()
        }
        Msg::Note(note) => noted(state, note),
        Msg::Ended { of, lane, ended } => over(state, of, lane, ended),
        Msg::News(news) => ask(state, |screens, setting| screens.receive(news, setting)),
        Msg::Loaded(origin, text, opened) => {
            let texts = files::loaded(state, &origin, text, *opened);
            analyse(state, texts)
        }
        Msg::Listed(found) => {
            let texts = files::listed(state, found);
            analyse(state, texts)
        }
        Msg::Pictures(picker) => {
            state.picker = picker;
            Vec::new()
        }
        Msg::LookedUp { of, stands } => {
            let then = overlays::looked_up(state, &of, stands);
            go_on(state, then)
        }
        Msg::Completed { of, completion } => {
            overlays::completed(state, &of, completion);
            Vec::new()
        }
        Msg::NotKept(why) => {
            state.keeps = false;
            state.complain(format!("text that is not saved cannot be kept for a later start: {why}"));
            Vec::new()
        }
        Msg::Tell(text) => {
            state.tell(text);
            Vec::new()
        }
        Msg::Complain(text) => {
            state.complain(text);
            Vec::new()
        }
        Msg::Background { light } => background(state, light),
        Msg::Tick => {
            state.toasts.iter_mut().for_each(|toast| toast.left = toast.left.saturating_sub(1));
            state.toasts.retain(|toast| toast.left > 0);
            let screen = state.screen;
            match state.screens.watches(screen) {
                true => ask(state, |screens, setting| screens.tick(screen, setting)),
                false => Vec::new(),
            }
        }
        Msg::Terminate => vec![Task::Do(Effect::Quit)],
    };
    let panes = state.panes();
    state.screens.refresh(state.screen, &mut state.model, &panes);
    keep_in_view(state);
    tasks
}

/// Makes what is drawn next and takes long to make. Asked for before each painting, apart from what decides.
pub fn prepare(state: &mut State) {
    let panes = state.panes();
    state.screens.prepare(state.screen, &mut state.model, &panes);
}

/// Lets screens act, and does what they ask for.
pub fn ask(state: &mut State, act: impl FnOnce(&mut Screens, Setting) -> Vec<Asking>) -> Vec<Task> {
    let (screens, setting) = state.parts();
    let asking = act(screens, setting);
    carry(state, asking)
}

/// Has texts worked out anew.
fn analyse(state: &mut State, texts: Vec<Origin>) -> Vec<Task> {
    let at: Vec<usize> = texts.iter().filter_map(|origin| state.position(origin)).collect();
    ask(state, |screens, setting| {
        screens.with_editor(setting, |_, cx| at.into_iter().for_each(|at| edit::analyse(cx, at)))
    })
}

/// Does what follows from a key of an overlay.
fn go_on(state: &mut State, then: Then) -> Vec<Task> {
    match then {
        Then::Nothing => Vec::new(),
        Then::Act(action) => act(state, action),
        Then::Select(at) => {
            state.selected = at;
            show(state, state.screen)
        }
        Then::Do(effect) => vec![Task::Do(effect)],
        Then::Export(line, path) => export::to(state, &path).unwrap_or_else(|why| {
            overlays::refuse(state, line, why);
            Vec::new()
        }),
        Then::Answer(line, asked, typed) => {
            let (screens, setting) = state.parts();
            match screens.answer(asked, &typed, setting) {
                Ok(asking) => carry(state, asking),
                Err(why) => {
                    overlays::refuse(state, line, why);
                    Vec::new()
                }
            }
        }
    }
}

fn carry(state: &mut State, asking: Vec<Asking>) -> Vec<Task> {
    let mut tasks = Vec::new();
    for (which, request) in asking {
        match request {
            Request::Spawn(lane, what, job) => tasks.push(Task::Spawn(Spawn { of: Some(which), lane, what, job })),
            Request::Do(effect) => tasks.push(Task::Do(effect)),
            Request::Ask(prompt) => overlays::ask(state, prompt),
            Request::Question(Question { words, answers, cursor }) => {
                let answers = answers.into_iter().map(|(words, action)| (words, action.map(Action::Screen)));
                state.overlay = Some(Overlay::Question(Question { words, answers: answers.collect(), cursor }));
            }
            Request::Go(go) => tasks.extend(follow(state, go)),
        }
    }
    tasks
}

fn follow(state: &mut State, go: Go) -> Vec<Task> {
    match go {
        Go::List => {
            state.pane = Pane::Architectures;
            Vec::new()
        }
        Go::Palette => act_on_window(state, Window::Palette),
        Go::Quit => act_on_window(state, Window::Quit),
        Go::Edit(text) => {
            (state.screen, state.pane) = (Which::Edit, Pane::Main);
            ask(state, |screens, setting| screens.with_editor(setting, |edit, cx| edit.begin_with(&text, cx)))
        }
        Go::Forward => {
            let mut tasks = show(state, Which::Forward);
            tasks.extend(ask(state, Screens::run_forward));
            tasks
        }
    }
}

fn key_pressed(state: &mut State, key: Key) -> Vec<Task> {
    let groups = state.groups();
    // What went well has been read when the next key is pressed; what went wrong stays its time.
    state.toasts.retain(|toast| toast.bad && key.code != KeyCode::Esc);
    let found = state.keys.action(key, groups).or_else(|| match (&state.overlay, state.pane) {
        (None, Pane::Main) => state.keys.action(key, state.screens.beneath(state.screen, &state.model)),
        _ => None,
    });
    if let Some(action) = found {
        return act(state, action);
    }
    if state.overlay.is_some() {
        if let Some(character) = key.character() {
            overlays::typed(state, &character.to_string());
        }
        return Vec::new();
    }
    let screen = state.screen;
    match state.is_typed_in() {
        true => ask(state, |screens, setting| screens.typed(screen, key, setting)),
        false => Vec::new(),
    }
}

fn pasted(state: &mut State, text: &str) -> Vec<Task> {
    if state.overlay.is_some() {
        overlays::typed(state, &text.replace(['\n', '\r'], " "));
        return Vec::new();
    }
    let screen = state.screen;
    match state.is_typed_in() {
        true => ask(state, |screens, setting| screens.pasted(screen, text, setting)),
        false => Vec::new(),
    }
}

/// Does what a key, or a command chosen by name, stands for.
pub fn act(state: &mut State, action: Action) -> Vec<Task> {
    match action {
        Action::Screen(own) => ask(state, |screens, setting| screens.act(own, setting)),
        Action::Overlay(own) => {
            let then = overlays::act(state, own);
            go_on(state, then)
        }
        Action::Move(motion) => {
            let rows = motion.rows(page(state));
            step(state, rows)
        }
        Action::Window(window) => act_on_window(state, window),
        Action::List(own) => act_on_list(state, own),
    }
}

fn act_on_list(state: &mut State, action: List) -> Vec<Task> {
    match action {
        List::Look | List::Back => state.pane = Pane::Main,
        List::Mark => state.model.mark(),
        List::Copy => return vec![Task::Do(Effect::Copy(totals_as_text(state)))],
        List::At(at) => {
            state.selected = at.min(state.entries.len().saturating_sub(1));
            state.pane = Pane::Architectures;
        }
    }
    Vec::new()
}

fn act_on_window(state: &mut State, window: Window) -> Vec<Task> {
    match window {
        Window::Show(screen) => return show(state, screen),
        Window::Edit => {
            (state.screen, state.pane) = (Which::Edit, Pane::Main);
            return ask(state, |screens, setting| screens.with_editor(setting, |edit, cx| edit.begin(cx)));
        }
        Window::SwitchPane => {
            state.pane = if state.pane == Pane::Main { Pane::Architectures } else { Pane::Main };
        }
        Window::Find => find::open(state),
        Window::FindNext => find::again(state, true),
        Window::FindPrevious => find::again(state, false),
        Window::Palette => overlays::open_palette(state),
        Window::Mouse => {
            state.mouse = !state.mouse;
            let mouse = state.mouse;
            state.tell(if mouse { "mouse on" } else { "mouse off: text can be selected" });
            return vec![Task::Do(Effect::Mouse(mouse))];
        }
        Window::Stop => return stop(state),
        Window::Reload => {
            let origin = state.entry().map(|entry| entry.origin.clone());
            return origin.map(|origin| Task::Do(Effect::Load(origin))).into_iter().collect();
        }
        Window::Export => match export::proposed(state) {
            Some(path) => overlays::ask_export(state, path),
            None => state.tell("there is no network to export: its text is not sound"),
        },
        Window::Help => state.overlay = Some(Overlay::Help(0)),
        Window::Suspend => return vec![Task::Do(Effect::Suspend)],
        Window::Repaint => return vec![Task::Do(Effect::Repaint)],
        Window::Quit => return quit(state),
        Window::QuitNow => return vec![Task::Do(Effect::Quit)],
        Window::QuitDropping => {
            let edited = state.entries.iter().filter(|entry| entry.is_edited());
            let forgotten = edited.map(|entry| Effect::Keep(entry.origin.clone(), None));
            return forgotten.chain([Effect::Quit]).map(Task::Do).collect();
        }
    }
    Vec::new()
}

/// Turns to a screen.
pub fn show(state: &mut State, screen: Which) -> Vec<Task> {
    (state.screen, state.pane) = (screen, Pane::Main);
    ask(state, |screens, setting| screens.enter(screen, setting))
}

/// Asks the work under way to stop, and says so: a layer may still take its time.
fn stop(state: &mut State) -> Vec<Task> {
    let Some(working) = &mut state.model.working else { return Vec::new() };
    working.what = "stopping:".into();
    vec![Task::Do(Effect::Stop(Lane::Work))]
}

fn quit(state: &mut State) -> Vec<Task> {
    let edited: Vec<&str> =
        state.entries.iter().filter(|entry| entry.is_edited()).map(|entry| entry.id.as_str()).collect();
    let training = state.screens.train.live.as_ref().map(|live| live.id.clone());
    let answer = |words: &str, window: Window| (words.to_string(), Some(Action::Window(window)));
    let stay = ("stay".to_string(), None);
    let (words, answers) = match (edited.is_empty(), training) {
        (true, None) => return vec![Task::Do(Effect::Quit)],
        (true, Some(id)) => {
            let leave = answer("stop after this step, keep the run, and leave", Window::QuitNow);
            (format!("{id} is being trained."), vec![stay, leave])
        }
        (false, training) => {
            let edited = edited.join(", ");
            let words = match training {
                Some(id) => format!(
                    "The text of {edited} is not saved. {id} is being trained; it stops after its step and is kept."
                ),
                None => format!("The text of {edited} is not saved."),
            };
            let keep = state.keeps.then(|| answer("leave; it is kept and offered at the next start", Window::QuitNow));
            let drop = answer("leave and drop it", Window::QuitDropping);
            (words, [Some(stay), keep, Some(drop)].into_iter().flatten().collect())
        }
    };
    state.overlay = Some(Overlay::Question(Question { words, answers, cursor: 0 }));
    Vec::new()
}

/// The architecture's name and totals.
fn totals_as_text(state: &State) -> String {
    let Some(entry) = state.entry() else { return String::new() };
    let Some(network) = entry.network() else { return visible(&entry.id).into_owned() };
    let (name, totals) = (visible(&network.architecture.name), network.totals);
    format!("{name}: {} parameters, {} MACs", grouped(totals.params), grouped(totals.macs))
}

fn noted(state: &mut State, note: Note<News>) -> Vec<Task> {
    match note {
        Note::News(news) => return ask(state, |screens, setting| screens.receive(news, setting)),
        Note::Progress { what, done, of } => state.working = Some(Working { what, done, of }),
        Note::Tell(text) => state.tell(text),
    }
    Vec::new()
}

fn over(state: &mut State, of: Option<Which>, lane: Lane, ended: Result<Done<News>, String>) -> Vec<Task> {
    if lane == Lane::Work {
        state.working = None;
    }
    let broke_off = |state: &mut State| of.into_iter().for_each(|which| state.screens.broke_off(which));
    match ended {
        Ok(Done::News(news)) => return ask(state, |screens, setting| screens.receive(news, setting)),
        Ok(Done::Silent) => {}
        Ok(Done::Stopped) => {
            broke_off(state);
            state.tell("stopped");
        }
        Err(why) => {
            broke_off(state);
            state.complain(why);
        }
    }
    Vec::new()
}

fn background(state: &mut State, light: bool) -> Vec<Task> {
    state.answers = true;
    state.model.theme = match (light, state.model.theme.name) {
        _ if !state.follows_background => state.model.theme,
        (true, "dark") => theme::LIGHT,
        (false, "light") => theme::DARK,
        _ => state.model.theme,
    };
    let theme = state.model.theme;
    state.entries.iter_mut().filter_map(|entry| entry.editor.as_mut()).for_each(|editor| editor.dress(&theme));
    // Pictures are asked for of a terminal that answers, if they are looked at already.
    match state.screen {
        Which::Forward => ask(state, |screens, setting| screens.enter(Which::Forward, setting)),
        _ => Vec::new(),
    }
}

/// Rows that a page key moves by.
fn page(state: &State) -> usize {
    let panes = state.panes();
    match state.pane {
        Pane::Architectures => visible_rows(panes.list, 0),
        Pane::Main => visible_rows(panes.table, 1),
    }
}

fn step(state: &mut State, by: isize) -> Vec<Task> {
    if state.overlay.is_some() {
        overlays::step(state, by);
        return Vec::new();
    }
    match state.pane {
        Pane::Architectures => {
            state.selected = moved(state.selected, by, state.entries.len());
            Vec::new()
        }
        Pane::Main => {
            let screen = state.screen;
            ask(state, |screens, setting| screens.step(screen, by, setting))
        }
    }
}

fn click(state: &mut State, action: Action) -> Vec<Task> {
    if state.overlay.is_some() && !matches!(action, Action::Overlay(_)) {
        // A click beside an overlay closes it.
        state.overlay = None;
        return Vec::new();
    }
    let is_of_screen = matches!(action, Action::Screen(_));
    let tasks = act(state, action);
    if is_of_screen {
        state.pane = Pane::Main;
    }
    tasks
}

/// Scrolls so that the cursors are visible.
fn keep_in_view(state: &mut State) {
    let panes = state.panes();
    let lines = state.list_lines();
    let line = lines.iter().position(|line| *line == ListLine::Entry(state.selected)).unwrap_or(0);
    // The heading above the first entry stays with it.
    let offset = if line == 1 { 0 } else { state.list_offset };
    state.list_offset = scrolled(offset, line, visible_rows(panes.list, 0), lines.len());
    if let Some(entry) = state.entry_mut() {
        let count = entry.rows().len();
        entry.cursor = entry.cursor.min(count.saturating_sub(1));
        entry.offset = scrolled(entry.offset, entry.cursor, visible_rows(panes.table, 1), count);
    }
}
