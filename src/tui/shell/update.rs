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
    let unread = state.entry().filter(|entry| entry.is_unread()).map(|entry| entry.origin.clone());
    let mut tasks = match msg {
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
        Msg::Read(found) => {
            files::read(state, found);
            Vec::new()
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
            state.complain(format!("Unsaved edits cannot be backed up: {why}"));
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
    // A screen that was entered before there was anything to show is entered now.
    let is_read = state.entry().is_some_and(|entry| !entry.is_unread() && Some(&entry.origin) == unread.as_ref());
    if is_read && state.pane == Pane::Main {
        let screen = state.screen;
        tasks.extend(ask(state, |screens, setting| screens.enter(screen, setting)));
    }
    // What comes next may be asked of it, so nothing waits for the thread that reads all.
    if let Some(unread) = state.entry().filter(|entry| entry.waits()) {
        tasks.push(Task::Do(Effect::LoadQuickly(unread.origin.clone())));
    }
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
        Then::ActOn(which, action) => {
            let mut tasks = show(state, which);
            tasks.extend(act(state, action));
            tasks
        }
        Then::Select(at) => {
            state.selected = at;
            show(state, state.screen)
        }
        Then::Do(effect) => vec![Task::Do(effect)],
        Then::Export(asking, path) => export::to(state, &path).unwrap_or_else(|why| {
            overlays::refuse(state, asking, why);
            Vec::new()
        }),
        Then::Answer(asking, asked, typed) => {
            let (screens, setting) = state.parts();
            match screens.answer(asked, &typed, setting) {
                Ok(wanted) => carry(state, wanted),
                Err(why) => {
                    overlays::refuse(state, asking, why);
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
            Request::Menu(menu) => state.overlay = Some(Overlay::Menu(menu.map(Action::Screen))),
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
        Go::Back => show(state, state.before),
        Go::Palette => act_on_window(state, Window::Palette),
        Go::Quit => act_on_window(state, Window::Quit),
        Go::Edit(text) => {
            (state.screen, state.pane) = (Which::Edit, Pane::Main);
            ask(state, |screens, setting| screens.with_editor(setting, |edit, cx| edit.begin_with(&text, cx)))
        }
        Go::Retype(text) => {
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
    // These are left by any key, which does what it does anyway.
    if let Some(Overlay::Tour(_) | Overlay::Welcome) = &state.overlay {
        state.overlay = None;
        return key_pressed(state, key);
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
        Window::Tour(stop) => {
            let Some(screen) = overlays::screen_of(stop) else { return Vec::new() };
            let tasks = show(state, screen);
            state.overlay = Some(Overlay::Tour(stop));
            return tasks;
        }
        Window::Themes => overlays::open_themes(state),
        Window::Zoom => zoom(state),
        Window::HideList => {
            state.hides_list = !state.hides_list;
            if state.hides_list {
                state.pane = Pane::Main;
            }
        }
        Window::Mouse => {
            state.mouse = !state.mouse;
            let mouse = state.mouse;
            state.tell(if mouse { "Mouse on." } else { "Mouse off: text can be selected." });
            return vec![Task::Do(Effect::Mouse(mouse))];
        }
        Window::Stop => return stop(state),
        Window::Reload => {
            let origin = state.entry().map(|entry| entry.origin.clone());
            return origin.map(|origin| Task::Do(Effect::Load(origin))).into_iter().collect();
        }
        Window::Export => match export::proposed(state) {
            Some(path) => overlays::ask_export(state, path),
            None => state.tell("Nothing to export: the file has problems."),
        },
        Window::Help => overlays::open_help(state),
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

fn zoom(state: &mut State) {
    let names = state.screens.zooms(state.screen);
    state.pane = Pane::Main;
    state.zoomed = match state.zoomed {
        None => Some(0),
        Some(at) => Some(at + 1).filter(|at| *at < names.len()),
    };
    match state.zoomed {
        Some(at) => {
            let next = names.get(at + 1).map_or("back to all panes".to_string(), |next| next.to_string());
            state.tell(format!("Zoomed: {}. z: {next} · Esc: all panes", names[at]));
        }
        None => state.toasts.retain(|toast| !toast.text.starts_with("Zoomed")),
    }
}

/// Turns to a screen.
pub fn show(state: &mut State, screen: Which) -> Vec<Task> {
    if screen != state.screen {
        (state.zoomed, state.before) = (None, state.screen);
    }
    (state.screen, state.pane) = (screen, Pane::Main);
    ask(state, |screens, setting| screens.enter(screen, setting))
}

/// Asks the work under way to stop, and says so: a layer may still take its time.
fn stop(state: &mut State) -> Vec<Task> {
    let Some(working) = &mut state.model.working else {
        let was_zoomed = state.zoomed.take().is_some();
        return match was_zoomed || state.screen.is_tab() {
            true => Vec::new(),
            false => show(state, state.before),
        };
    };
    working.what = "stopping".into();
    vec![Task::Do(Effect::Stop(Lane::Work))]
}

fn quit(state: &mut State) -> Vec<Task> {
    let edited: Vec<&str> =
        state.entries.iter().filter(|entry| entry.is_edited()).map(|entry| entry.id.as_str()).collect();
    let training = state.screens.train.live.as_ref().map(|live| live.id.clone());
    let answer = |words: &str, window: Window| (words.to_string(), Some(Action::Window(window)));
    let stay = ("Stay".to_string(), None);
    let (words, answers) = match (edited.is_empty(), training) {
        (true, None) => return vec![Task::Do(Effect::Quit)],
        (true, Some(id)) => {
            let leave = answer("Stop, save and quit", Window::QuitNow);
            (format!("{id} is training."), vec![stay, leave])
        }
        (false, training) => {
            let edited = edited.join(", ");
            let words = match training {
                Some(id) => format!(
                    "Your edits to {edited} are not saved. {id} is training; it stops after its step and is saved."
                ),
                None => format!("Your edits to {edited} are not saved."),
            };
            let keep = state.keeps.then(|| answer("Quit; they are recovered at the next start", Window::QuitNow));
            let drop = answer("Quit and discard them", Window::QuitDropping);
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
            state.tell("Stopped.");
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
    let theme = match (light, state.model.theme.name) {
        _ if !state.follows_background => state.model.theme,
        (true, "dark") => theme::light(),
        (false, "light") => theme::dark(),
        _ => state.model.theme,
    };
    state.dress(theme);
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
    let is_of_overlay = matches!(action, Action::Overlay(_)) || state.overlay_has(&action);
    if state.overlay.is_some() && !is_of_overlay {
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
}
