//! A line to type: where to save, what to search, which photo.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line as Row;
use ratatui::widgets::{Paragraph, Wrap};

use crate::tui::screen::{Effect, Prompt, Standing, Typed};
use crate::tui::screens;
use crate::tui::shell::action::Overlay as OverlayAction;
use crate::tui::shell::overlay::{Asked, Asking, Overlay, Then};
use crate::tui::shell::paths::Completion;
use crate::tui::shell::state::State;
use crate::tui::widgets::line::Line;
use crate::tui::widgets::popup::popup;
use crate::tui::widgets::text::{plain_line, plain_span, styled_line, wrapped};

/// Opens a line that a screen asks for.
pub fn ask(state: &mut State, prompt: Prompt<screens::Asked>) {
    let Prompt { asked, title, text, is_path, path, switch } = prompt;
    open(state, Prompt { asked: Asked::Screen(asked), title, text, is_path, path, switch });
}

/// Asks where the network is written to for people.
pub fn ask_export(state: &mut State, path: String) {
    let prompt = Prompt::new(Asked::Export, "Export as .svg, .html, .tex or .dot", path);
    open(state, Prompt { is_path: true, ..prompt });
}

fn open(state: &mut State, prompt: Prompt<Asked>) {
    let line = Line::offered(&prompt.text);
    state.overlay = Some(Overlay::Prompt(Asking { prompt, line, back: None, refused: None, names: Vec::new() }));
}

pub fn act(state: &mut State, mut asking: Asking, action: OverlayAction) -> Then {
    match action {
        OverlayAction::Accept => return accept(state, asking),
        OverlayAction::Cancel => return Then::Nothing,
        OverlayAction::Edit(edit) => asking.line.edit(edit),
        OverlayAction::Up | OverlayAction::Down => remembered(state, &mut asking, action == OverlayAction::Up),
        OverlayAction::Switch if asking.prompt.is_path => {
            let text = asking.line.text();
            state.overlay = Some(Overlay::Prompt(asking));
            return Then::Do(Effect::CompletePath(text));
        }
        OverlayAction::Switch => {
            if let Some((_, on)) = &mut asking.prompt.switch {
                *on = !*on;
            }
        }
        _ => {}
    }
    asking.refused = None;
    asking.names.clear();
    state.overlay = Some(Overlay::Prompt(asking));
    Then::Nothing
}

/// Goes through what was typed for the same purpose before.
fn remembered(state: &State, asking: &mut Asking, earlier: bool) {
    let title = &asking.prompt.title;
    let own: Vec<&String> = state.typed.iter().rev().filter(|(of, _)| of == title).map(|(_, text)| text).collect();
    let at = match (&asking.back, earlier) {
        (None, true) => Some(0),
        (None, false) => return,
        (Some((at, _)), true) => Some((at + 1).min(own.len().saturating_sub(1))),
        (Some((at, _)), false) => at.checked_sub(1),
    };
    let draft = asking.back.take().map_or_else(|| asking.line.clone(), |(_, draft)| draft);
    match at.and_then(|at| Some((at, own.get(at)?))) {
        Some((at, text)) => (asking.line, asking.back) = (Line::of(text), Some((at, draft))),
        None => asking.line = draft,
    }
}

/// Takes what a path can go on with, if it is still the one that was typed.
pub fn completed(state: &mut State, of: &str, completion: Completion) {
    if let Some(Overlay::Prompt(asking)) = &mut state.overlay
        && asking.line.text() == of
    {
        asking.line = Line::of(&completion.text);
        asking.names = completion.names;
    }
}

/// Takes what was typed; where it must be a file that is there, once it is known what stands there.
fn accept(state: &mut State, asking: Asking) -> Then {
    const MOST: usize = 200;
    let whole = asking.line.text();
    let text = whole.trim();
    if !text.is_empty() {
        let own = (asking.prompt.title.clone(), text.to_string());
        state.typed.retain(|there| *there != own);
        state.typed.push(own);
        let surplus = state.typed.len().saturating_sub(MOST);
        state.typed.drain(..surplus);
    }
    let path = (!text.is_empty()).then(|| (asking.prompt.path)(text)).flatten();
    let Some(path) = path else { return settle(asking, Standing::Nothing) };
    let path = state.expanded(&path);
    state.overlay = Some(Overlay::Prompt(asking));
    Then::Do(Effect::LookUp { of: whole, path })
}

/// Hears what stands at the path that was typed, if it still is what is typed.
pub fn looked_up(state: &mut State, of: &str, stands: Standing) -> Then {
    match state.overlay.take() {
        Some(Overlay::Prompt(asking)) if asking.line.text() == of => settle(asking, stands),
        other => {
            state.overlay = other;
            Then::Nothing
        }
    }
}

fn settle(asking: Asking, stands: Standing) -> Then {
    let text = asking.line.text().trim().to_string();
    let switched = asking.prompt.switch.as_ref().is_some_and(|(_, on)| *on);
    match asking.prompt.asked.clone() {
        Asked::Export => Then::Export(asking, text),
        Asked::Screen(asked) => Then::Answer(asking, asked, Typed { text, stands, switched }),
    }
}

/// Shows a line again that will not do, to be mended, and why.
pub fn refuse(state: &mut State, mut asking: Asking, why: String) {
    asking.refused = Some(why);
    asking.line = Line::of(&asking.line.text());
    state.overlay = Some(Overlay::Prompt(asking));
}

pub fn draw(state: &State, asking: &Asking, frame_: &mut Frame, area: Rect) -> Vec<(Rect, usize)> {
    let (theme, prompt) = (&state.theme, &asking.prompt);
    let names = wrapped(&asking.names.join("  "), 66);
    let height = 6 + names.len().min(6) as u16;
    let inside = popup(frame_, area, (70, height), &prompt.title, theme);
    let mut typed = vec![plain_span(" ")];
    typed.extend(asking.line.spans(usize::from(inside.width).saturating_sub(3), theme));
    let mut lines = vec![Row::from(typed)];
    if let Some((words, on)) = &prompt.switch {
        let mark = if *on { "x" } else { " " };
        lines.push(styled_line(format!(" [{mark}] {words} (Tab)"), theme.dim));
    }
    if prompt.is_path && asking.names.is_empty() && asking.refused.is_none() {
        lines.push(styled_line(" Tab completes · ↑ earlier", theme.dim));
    }
    if let Some(why) = &asking.refused {
        lines.push(styled_line(format!(" {why}"), theme.bad));
    }
    if !asking.names.is_empty() {
        lines.extend(names.into_iter().take(6).map(|line| plain_line(format!(" {line}")).style(theme.dim)));
    }
    frame_.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }), inside);
    Vec::new()
}
