//! A line to type: where to save, what to search, which photo.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line as Row;
use ratatui::widgets::{Paragraph, Wrap};

use crate::tui::screen::{Effect, Prompt, Standing, Typed};
use crate::tui::screens;
use crate::tui::shell::action::Overlay as OverlayAction;
use crate::tui::shell::overlay::{Asked, Line, Overlay, Then};
use crate::tui::shell::paths::Completion;
use crate::tui::shell::state::State;
use crate::tui::widgets::popup::popup;
use crate::tui::widgets::text::{plain_line, styled_line, styled_span, tail, wrapped};

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
    state.overlay = Some(Overlay::Prompt(Line { prompt, refused: None, names: Vec::new() }));
}

pub fn act(state: &mut State, mut line: Line, action: OverlayAction) -> Then {
    let prompt = &mut line.prompt;
    match action {
        OverlayAction::Accept => return accept(state, line),
        OverlayAction::Cancel => return Then::Nothing,
        OverlayAction::DeleteLast => {
            prompt.text.pop();
        }
        OverlayAction::DeleteAll => prompt.text.clear(),
        OverlayAction::Switch if prompt.is_path => {
            let text = prompt.text.clone();
            state.overlay = Some(Overlay::Prompt(line));
            return Then::Do(Effect::CompletePath(text));
        }
        OverlayAction::Switch => {
            if let Some((_, on)) = &mut prompt.switch {
                *on = !*on;
            }
        }
        _ => {}
    }
    line.refused = None;
    line.names.clear();
    state.overlay = Some(Overlay::Prompt(line));
    Then::Nothing
}

/// Takes what a path can go on with, if it is still the one that was typed.
pub fn completed(state: &mut State, of: &str, completion: Completion) {
    if let Some(Overlay::Prompt(line)) = &mut state.overlay
        && line.prompt.text == of
    {
        line.prompt.text = completion.text;
        line.names = completion.names;
    }
}

/// Takes what was typed; where it must be a file that is there, once it is known what stands there.
fn accept(state: &mut State, line: Line) -> Then {
    let text = line.prompt.text.trim();
    let path = (!text.is_empty()).then(|| (line.prompt.path)(text)).flatten();
    let Some(path) = path else { return settle(line, Standing::Nothing) };
    let (of, path) = (line.prompt.text.clone(), state.expanded(&path));
    state.overlay = Some(Overlay::Prompt(line));
    Then::Do(Effect::LookUp { of, path })
}

/// Hears what stands at the path that was typed, if it still is what is typed.
pub fn looked_up(state: &mut State, of: &str, stands: Standing) -> Then {
    match state.overlay.take() {
        Some(Overlay::Prompt(line)) if line.prompt.text == of => settle(line, stands),
        other => {
            state.overlay = other;
            Then::Nothing
        }
    }
}

fn settle(line: Line, stands: Standing) -> Then {
    let text = line.prompt.text.trim().to_string();
    let switched = line.prompt.switch.as_ref().is_some_and(|(_, on)| *on);
    match line.prompt.asked.clone() {
        Asked::Export => Then::Export(line, text),
        Asked::Screen(asked) => Then::Answer(line, asked, Typed { text, stands, switched }),
    }
}

/// Shows a line again that will not do, and why.
pub fn refuse(state: &mut State, mut line: Line, why: String) {
    line.refused = Some(why);
    state.overlay = Some(Overlay::Prompt(line));
}

pub fn draw(state: &State, line: &Line, frame_: &mut Frame, area: Rect) -> Vec<(Rect, usize)> {
    let (theme, prompt) = (&state.theme, &line.prompt);
    let names = wrapped(&line.names.join("  "), 66);
    let height = 6 + names.len().min(6) as u16;
    let inside = popup(frame_, area, (70, height), &prompt.title, theme);
    // The end of a long path is where it is being typed.
    let shown = tail(&prompt.text, usize::from(inside.width).saturating_sub(3));
    let mut lines = vec![Row::from(vec![styled_span(format!(" {shown}"), theme.text), styled_span("▏", theme.accent)])];
    if let Some((words, on)) = &prompt.switch {
        let mark = if *on { "x" } else { " " };
        lines.push(styled_line(format!(" [{mark}] {words} (Tab switches)"), theme.dim));
    }
    if prompt.is_path && line.names.is_empty() && line.refused.is_none() {
        lines.push(styled_line(" Tab completes", theme.dim));
    }
    if let Some(why) = &line.refused {
        lines.push(styled_line(format!(" {why}"), theme.bad));
    }
    if !line.names.is_empty() {
        lines.extend(names.into_iter().take(6).map(|line| plain_line(format!(" {line}")).style(theme.dim)));
    }
    frame_.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }), inside);
    Vec::new()
}
