//! A line to type: where to save, what to search, which photo.

use std::path::{Path, PathBuf};

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Paragraph, Wrap};

use super::popup;
use crate::tui::export;
use crate::tui::keys::table::Overlay as OverlayAction;
use crate::tui::msg::{Effect, Standing};
use crate::tui::paths::Completion;
use crate::tui::screens::text::{plain_line, styled_line, styled_span, tail, wrapped};
use crate::tui::screens::{edit, forward, sweep, train};
use crate::tui::state::overlay::{Prompt, Purpose};
use crate::tui::state::{Overlay, State};

/// Asks for a path or a text, with a first answer to change.
pub fn ask_path(state: &mut State, purpose: Purpose, text: String) {
    state.overlay = Some(Overlay::Prompt(Prompt { purpose, text, refused: None, names: Vec::new() }));
}

pub fn act(state: &mut State, mut prompt: Prompt, action: OverlayAction) -> Vec<Effect> {
    match action {
        OverlayAction::Accept => return accept(state, prompt),
        OverlayAction::Cancel => return Vec::new(),
        OverlayAction::DeleteLast => {
            prompt.text.pop();
        }
        OverlayAction::DeleteAll => prompt.text.clear(),
        OverlayAction::Switch if prompt.purpose.is_path() => {
            let text = prompt.text.clone();
            state.overlay = Some(Overlay::Prompt(prompt));
            return vec![Effect::CompletePath(text)];
        }
        OverlayAction::Switch => {
            if let Purpose::SaveAs { extends: Some(extends) } = &mut prompt.purpose {
                *extends = !*extends;
            }
        }
        OverlayAction::Up | OverlayAction::Down | OverlayAction::PageUp | OverlayAction::PageDown => {}
    }
    prompt.refused = None;
    prompt.names.clear();
    state.overlay = Some(Overlay::Prompt(prompt));
    Vec::new()
}

/// Takes what a path can go on with, if it is still the one that was typed.
pub fn completed(state: &mut State, of: &str, completion: Completion) {
    if let Some(Overlay::Prompt(prompt)) = &mut state.overlay
        && prompt.text == of
    {
        prompt.text = completion.text;
        prompt.names = completion.names;
    }
}

/// Takes what was typed; where it must be a file that is there, once it is known what stands there.
fn accept(state: &mut State, prompt: Prompt) -> Vec<Effect> {
    let text = prompt.text.trim();
    let typed = (!text.is_empty()).then(|| match &prompt.purpose {
        Purpose::Setting(setting) => forward::file_of(*setting, text),
        Purpose::Train(setting) => train::file_of(*setting, text),
        _ => None,
    });
    let Some(typed) = typed.flatten() else { return settle(state, prompt, Standing::Nothing) };
    let (of, path) = (prompt.text.clone(), expanded(&typed, state.home.as_deref()));
    state.overlay = Some(Overlay::Prompt(prompt));
    vec![Effect::LookUp { of, path }]
}

/// Hears what stands at the path that was typed, if it still is what is typed.
pub fn looked_up(state: &mut State, of: &str, stands: Standing) -> Vec<Effect> {
    match state.overlay.take() {
        Some(Overlay::Prompt(prompt)) if prompt.text == of => settle(state, prompt, stands),
        other => {
            state.overlay = other;
            Vec::new()
        }
    }
}

fn settle(state: &mut State, mut prompt: Prompt, stands: Standing) -> Vec<Effect> {
    let text = prompt.text.trim().to_string();
    let home = state.home.clone();
    let refused = match &prompt.purpose {
        Purpose::SaveAs { .. } | Purpose::Photo | Purpose::Export if text.is_empty() => {
            Some("expected a file's name".to_string())
        }
        Purpose::SaveAs { extends } => {
            let path = named(&text, home.as_deref());
            match path.file_stem() {
                Some(stem) if !stem.to_string_lossy().starts_with('.') => {
                    return edit::save_as(state, path, *extends == Some(true));
                }
                _ => Some("expected a file's name, such as architectures/mine.yaml".to_string()),
            }
        }
        Purpose::Search => match edit::search(state, &text) {
            Ok(()) => return Vec::new(),
            Err(why) => Some(why),
        },
        Purpose::Vary => match sweep::ask(state, &text) {
            Ok(effects) => return effects,
            Err(why) => Some(why),
        },
        Purpose::Export => match export::to(state, expanded(&text, home.as_deref())) {
            Ok(effects) => return effects,
            Err(why) => Some(why),
        },
        Purpose::Photo => return vec![Effect::Photo(expanded(&text, home.as_deref()))],
        Purpose::Train(setting) => match train::set(state, *setting, &text, stands) {
            Ok(()) => return Vec::new(),
            Err(why) => Some(why),
        },
        Purpose::Setting(setting) => match forward::set(state, *setting, &text, stands) {
            Ok(effects) => return effects,
            Err(why) => Some(why),
        },
    };
    prompt.refused = refused;
    state.overlay = Some(Overlay::Prompt(prompt));
    Vec::new()
}

/// A path typed, with `~` as the user's home folder.
pub fn expanded(text: &str, home: Option<&Path>) -> PathBuf {
    match (text.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(text),
    }
}

/// The path typed, with `.yaml` if it has no ending that says what it is.
fn named(text: &str, home: Option<&Path>) -> PathBuf {
    let path = expanded(text, home);
    let is_yaml =
        path.extension().is_some_and(|own| own.eq_ignore_ascii_case("yaml") || own.eq_ignore_ascii_case("yml"));
    if is_yaml { path } else { expanded(&format!("{text}.yaml"), home) }
}

pub fn draw(state: &State, prompt: &Prompt, frame_: &mut Frame, area: Rect) {
    let theme = &state.theme;
    let names = wrapped(&prompt.names.join("  "), 66);
    let height = 6 + names.len().min(6) as u16;
    let inside = popup(frame_, area, (70, height), prompt.purpose.title(), theme);
    // The end of a long path is where it is being typed.
    let shown = tail(&prompt.text, usize::from(inside.width).saturating_sub(3));
    let mut lines =
        vec![Line::from(vec![styled_span(format!(" {shown}"), theme.text), styled_span("▏", theme.accent)])];
    if let Purpose::SaveAs { extends: Some(extends) } = prompt.purpose {
        let mark = if extends { "x" } else { " " };
        lines
            .push(styled_line(format!(" [{mark}] write only what differs, with `extends:` (Tab switches)"), theme.dim));
    }
    if prompt.purpose.is_path() && prompt.names.is_empty() && prompt.refused.is_none() {
        lines.push(styled_line(" Tab completes", theme.dim));
    }
    if let Some(why) = &prompt.refused {
        lines.push(styled_line(format!(" {why}"), theme.bad));
    }
    if !prompt.names.is_empty() {
        lines.extend(names.into_iter().take(6).map(|line| plain_line(format!(" {line}")).style(theme.dim)));
    }
    frame_.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }), inside);
}
