//! What a message changes. No I/O here: what is to be done outside comes back as effects.

mod files;
pub mod find;

use super::export;
use super::keys::table::{Edit, Fold, Window};
use super::keys::{Action, Context, Key};
use super::layout::visible_rows;
use super::msg::{Effect, Msg, Target, Work};
use super::overlays;
use super::screens::{Screen, compare, edit, field, forward, kernels, layers, sweep, train};
use super::state::overlay::{Answer, Palette, Purpose, Question};
use super::state::training::Below;
use super::state::views::{Look, Timed};
use super::state::{ListLine, Overlay, Pane, State, Working};
use super::theme;
use find::{Place, go_to};

pub fn update(state: &mut State, msg: Msg) -> Vec<Effect> {
    let effects = match msg {
        Msg::Key(key) => key_pressed(state, key),
        Msg::Paste(text) => pasted(state, &text),
        Msg::Click(target) => click(state, target),
        Msg::Wheel(rows) => {
            step(state, rows as isize);
            Vec::new()
        }
        Msg::Resize(width, height) => {
            (state.width, state.height) = (width, height);
            Vec::new()
        }
        Msg::Loaded(origin, text, opened) => files::loaded(state, &origin, text, *opened),
        Msg::Listed(found) => files::listed(state, found),
        Msg::Analysed { origin, version, analysis } => {
            edit::analysed(state, &origin, version, *analysis);
            Vec::new()
        }
        Msg::Saved { origin, path, text } => files::saved(state, &origin, path, text),
        Msg::NotSaved { path, why } => files::not_saved(state, path, &why),
        Msg::Edited { origin, text } => edit::edited_outside(state, &origin, &text),
        Msg::Photo(photo) => {
            state.field.last_photo = photo.path.display().to_string();
            state.field.photo = Some(photo);
            Vec::new()
        }
        Msg::Pictures(picker) => {
            state.picker = picker;
            state.forward.picture = None;
            Vec::new()
        }
        Msg::Photos(photos) => forward::chosen(state, photos),
        Msg::LookedUp { of, stands } => overlays::looked_up(state, &of, stands),
        Msg::Completed { of, completion } => {
            overlays::completed(state, &of, completion);
            Vec::new()
        }
        Msg::Published { origin, bytes, is_there } => forward::published(state, origin, bytes, is_there),
        Msg::Work(work) => worked(state, work),
        Msg::Training(news) => train::took(state, news),
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
        Msg::Background { light } => {
            state.answers = true;
            state.theme = match (light, state.theme.name) {
                _ if !state.follows_background => state.theme,
                (true, "dark") => theme::LIGHT,
                (false, "light") => theme::DARK,
                _ => state.theme,
            };
            let theme = state.theme;
            state.entries.iter_mut().filter_map(|entry| entry.editor.as_mut()).for_each(|editor| editor.dress(&theme));
            // Pictures are asked for of a terminal that answers, if they are looked at already.
            if state.screen == Screen::Forward { forward::enter(state) } else { Vec::new() }
        }
        Msg::Tick => {
            state.toasts.iter_mut().for_each(|toast| toast.left = toast.left.saturating_sub(1));
            state.toasts.retain(|toast| toast.left > 0);
            if train::watches_runs(state) { vec![Effect::ListRuns] } else { Vec::new() }
        }
        Msg::Terminate => vec![Effect::Quit],
    };
    let sort = state.table.sort;
    if let Some(entry) = state.entry_mut() {
        entry.sort(sort);
    }
    compare::refresh(state);
    keep_in_view(state);
    effects
}

fn key_pressed(state: &mut State, key: Key) -> Vec<Effect> {
    let context = state.context();
    // What went well has been read when the next key is pressed; what went wrong stays its time.
    state.toasts.retain(|toast| toast.bad && key.code != ratatui::crossterm::event::KeyCode::Esc);
    if let Some(action) = state.keys.action(key, context.together()) {
        return act(state, action);
    }
    match (context, key.character()) {
        (Context::Typing | Context::Completing, _) => edit::typed(state, key),
        (_, Some(character)) => overlays::typed(state, &character.to_string()),
        _ => Vec::new(),
    }
}

fn pasted(state: &mut State, text: &str) -> Vec<Effect> {
    match state.context() {
        Context::Typing | Context::Completing => edit::pasted(state, text),
        _ => overlays::typed(state, &text.replace(['\n', '\r'], " ")),
    }
}

/// Does what a key, or a command chosen by name, stands for.
pub fn act(state: &mut State, action: Action) -> Vec<Effect> {
    if let Action::Overlay(own) = action {
        return match state.overlay {
            Some(_) => overlays::act(state, own),
            None => edit::completing(state, own),
        };
    }
    if state.pane == Pane::Main
        && let Some(effects) = (state.face().act)(state, action)
    {
        return effects;
    }
    match action {
        Action::Move(motion) => {
            let rows = motion.rows(page(state));
            step(state, rows);
        }
        Action::Fold(Fold::Open | Fold::Close) => state.pane = Pane::Main,
        Action::Window(window) => return act_on_window(state, window),
        Action::Edit(Edit::Type) => {
            let effects = show(state, Screen::Edit);
            if let Some(editor) = state.editor_mut() {
                editor.typing = true;
            }
            return effects;
        }
        Action::Find => find::open(state),
        Action::FindNext => find::again(state, true),
        Action::FindPrevious => find::again(state, false),
        Action::Mark => compare::mark(state),
        Action::Export => match export::proposed(state) {
            Some(path) => overlays::ask_path(state, Purpose::Export, path),
            None => state.tell("there is no network to export: its text is not sound"),
        },
        Action::Copy => return vec![Effect::Copy(layers::totals_as_text(state))],
        Action::CopyTable => return layers::as_markdown(state).map(Effect::Copy).into_iter().collect(),
        Action::Reload => return state.entry().map(|entry| Effect::Load(entry.origin.clone())).into_iter().collect(),
        _ => {}
    }
    Vec::new()
}

fn act_on_window(state: &mut State, window: Window) -> Vec<Effect> {
    match window {
        Window::Show(screen) => return show(state, screen),
        Window::SwitchPane => {
            state.pane = if state.pane == Pane::Main { Pane::Architectures } else { Pane::Main };
        }
        Window::Palette => {
            let of = Some(state.context());
            state.overlay = Some(Overlay::Palette(Palette { of, ..Palette::default() }));
        }
        Window::Mouse => {
            state.mouse = !state.mouse;
            state.tell(if state.mouse { "mouse on" } else { "mouse off: text can be selected" });
            return vec![Effect::Mouse(state.mouse)];
        }
        Window::Stop => return if state.working.is_some() { state.stop_work() } else { Vec::new() },
        Window::Help => state.overlay = Some(Overlay::Help(0)),
        Window::Suspend => return vec![Effect::Suspend],
        Window::Repaint => return vec![Effect::Repaint],
        Window::Quit => return quit(state),
    }
    Vec::new()
}

/// Turns to a screen.
pub fn show(state: &mut State, screen: Screen) -> Vec<Effect> {
    (state.screen, state.pane) = (screen, Pane::Main);
    (state.face().enter)(state)
}

fn quit(state: &mut State) -> Vec<Effect> {
    let edited: Vec<&str> =
        state.entries.iter().filter(|entry| entry.is_edited()).map(|entry| entry.id.as_str()).collect();
    let training = state.train.live.as_ref().map(|live| live.id.clone());
    if edited.is_empty() {
        let Some(id) = training else { return vec![Effect::Quit] };
        state.overlay = Some(Overlay::Question(Question {
            words: format!("{id} is being trained."),
            answers: vec![
                ("stay".into(), Answer::Nothing),
                ("stop after this step, keep the run, and leave".into(), Answer::QuitStopping),
            ],
            cursor: 0,
        }));
        return Vec::new();
    }
    state.overlay = Some(Overlay::Question(Question {
        words: match training {
            Some(id) => format!(
                "The text of {} is not saved. {id} is being trained; it stops after its step and is kept.",
                edited.join(", ")
            ),
            None => format!("The text of {} is not saved.", edited.join(", ")),
        },
        answers: [
            Some(("stay".into(), Answer::Nothing)),
            state.keeps.then(|| ("leave; it is kept and offered at the next start".into(), Answer::QuitKeeping)),
            Some(("leave and drop it".into(), Answer::QuitDropping)),
        ]
        .into_iter()
        .flatten()
        .collect(),
        cursor: 0,
    }));
    Vec::new()
}

fn worked(state: &mut State, work: Work) -> Vec<Effect> {
    let effects = Vec::new();
    match work {
        Work::Progress { what, done, of } => {
            state.working = Some(Working { what, done, of });
            return effects;
        }
        Work::Layer { first, layer } => {
            forward::layer_ended(state, first, layer);
            return effects;
        }
        Work::Ran(ran) => {
            state.working = None;
            return forward::took(state, *ran);
        }
        Work::Looked { run, method, class, heat } => {
            if state.forward.looking == Some((method, class)) {
                state.forward.looking = None;
            }
            state.forward.looks.push(Look { run, method, class, heat });
        }
        Work::Effective(measured) => state.field.effective = Some(measured),
        Work::Fetched { origin, path } => {
            state.working = None;
            return forward::take_weights(state, &origin, path);
        }
        Work::Judged { folder, verdict } => {
            state.train.judged = Some((folder, (*verdict).into()));
            state.train.below = Below::Judged;
        }
        Work::Timed(what, times) => {
            if let Timed::Study(study) = &what
                && *study != state.compare.study
            {
                state.tell("timed; the study has been changed since");
            }
            state.compare.times = Some((what, times));
        }
        Work::Swept(swept) => sweep::take(state, swept),
        Work::Stopped => {
            forward::broke_off(state);
            state.tell("stopped");
        }
        Work::Failed(why) => {
            forward::broke_off(state);
            state.forward.looking = None;
            state.complain(why);
        }
    }
    state.working = None;
    effects
}

/// Rows that a page key moves by.
fn page(state: &State) -> usize {
    let panes = state.panes();
    match state.pane {
        Pane::Architectures => visible_rows(panes.list, 0),
        Pane::Main => visible_rows(panes.table, 1),
    }
}

/// `at` moved by rows within a list.
pub fn moved(at: usize, by: isize, count: usize) -> usize {
    at.saturating_add_signed(by).min(count.saturating_sub(1))
}

fn step(state: &mut State, by: isize) {
    if state.overlay.is_some() {
        overlays::step(state, by);
        return;
    }
    match state.pane {
        Pane::Architectures => state.selected = moved(state.selected, by, state.entries.len()),
        Pane::Main => (state.face().step)(state, by),
    }
}

fn click(state: &mut State, target: Target) -> Vec<Effect> {
    if let (Some(_), Target::Line(line)) = (&state.overlay, target) {
        return overlays::click(state, line);
    }
    // A click beside an overlay closes it.
    if state.overlay.take().is_some() {
        return Vec::new();
    }
    match target {
        Target::Architecture(index) => {
            state.selected = index.min(state.entries.len().saturating_sub(1));
            state.pane = Pane::Architectures;
        }
        Target::Screen(screen) => return show(state, screen),
        Target::Layer(index) => go_to(state, Place::Layer(index)),
        Target::Unit(row, column) => field::go_to_unit(state, row, column),
        Target::Text { line, column } => edit::clicked(state, line, column),
        Target::Problem(at) => return edit::go_to_problem(state, at),
        Target::Compared(row) if state.compare.sweep.is_shown => {
            (state.compare.sweep.cursor, state.pane) = (row, Pane::Main);
        }
        Target::Compared(row) => {
            (state.compare.cursor, state.pane) = (row, Pane::Main);
        }
        Target::Slider(at) => {
            (state.compare.slider, state.pane) = (at.min(kernels::SLIDERS - 1), Pane::Main);
        }
        Target::Run(at) => train::clicked(state, at),
        Target::Line(_) => {}
        Target::Row(index) => {
            let again = state.pane == Pane::Main && state.entry().is_some_and(|entry| entry.cursor == index);
            state.pane = Pane::Main;
            if let Some(entry) = state.entry_mut() {
                entry.cursor = index.min(entry.rows().len().saturating_sub(1));
            }
            if again {
                layers::act(state, Action::Fold(Fold::Toggle));
            }
        }
    }
    Vec::new()
}

/// First visible row of `count` in a pane of `height` rows, so that the cursor is seen.
pub fn scrolled(offset: usize, cursor: usize, height: usize, count: usize) -> usize {
    let height = height.max(1);
    let offset = offset.min(cursor).max((cursor + 1).saturating_sub(height));
    offset.min(count.saturating_sub(height))
}

/// Scrolls so that the cursors are visible.
fn keep_in_view(state: &mut State) {
    let panes = state.panes();
    let lines = state.list_lines();
    let line = lines.iter().position(|line| *line == ListLine::Entry(state.selected)).unwrap_or(0);
    // The heading above the first entry stays with it.
    let offset = if line == 1 { 0 } else { state.list_offset };
    state.list_offset = scrolled(offset, line, visible_rows(panes.list, 0), lines.len());
    compare::keep_in_view(state, panes.table);
    if let Some(entry) = state.entry_mut() {
        let count = entry.rows().len();
        entry.cursor = entry.cursor.min(count.saturating_sub(1));
        entry.offset = scrolled(entry.offset, entry.cursor, visible_rows(panes.table, 1), count);
    }
}
