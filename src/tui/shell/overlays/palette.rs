//! Every command by name, and every architecture: type a part of what is wanted.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;

use crate::tui::input::moved;
use crate::tui::shell::action::{Action, Overlay as OverlayAction, Window};
use crate::tui::shell::overlay::{Overlay, Palette, Then};
use crate::tui::shell::state::State;
use crate::tui::widgets::popup::{list, popup};
use crate::tui::widgets::text::{left, right, styled_line, styled_span};

/// Opens it over the keys that apply now.
pub fn open(state: &mut State) {
    let of = state.groups();
    state.overlay = Some(Overlay::Palette(Palette { text: String::new(), cursor: 0, of }));
}

/// What can be chosen.
#[derive(Debug, Clone)]
enum Choice {
    Command(Action),
    /// An architecture by its place in the list.
    Open(usize),
}

struct Offer {
    words: String,
    /// The keys it has, or what kind of thing it is.
    beside: String,
    choice: Choice,
}

fn offers(state: &State, palette: &Palette) -> Vec<Offer> {
    let mut groups = palette.of.to_vec();
    if !groups.contains(&"everywhere") {
        groups.push("everywhere");
    }
    let rows = groups.into_iter().flat_map(|group| state.keys.rows(group));
    let commands = rows.filter(|bound| {
        let itself = Action::Window(Window::Palette);
        bound.action != itself && !matches!(bound.action, Action::Move(_) | Action::Overlay(_))
    });
    let commands = commands.map(|bound| Offer {
        words: format!("{}: {}", bound.name.replace('-', " "), bound.words),
        beside: bound.shown(),
        choice: Choice::Command(bound.action.clone()),
    });
    let entries = state.entries.iter().enumerate().map(|(index, entry)| {
        let name = entry.network().map_or("", |network| &network.architecture.name);
        Offer { words: format!("go to {}, {name}", entry.id), beside: String::new(), choice: Choice::Open(index) }
    });
    let mut all: Vec<Offer> = commands.chain(entries).collect();
    if palette.text.trim().is_empty() {
        return all;
    }
    // The best match first; equal ones in the order of the table.
    let pattern = Pattern::parse(&palette.text, CaseMatching::Smart, Normalization::Smart);
    let mut matcher = Matcher::new(Config::DEFAULT);
    let mut buffer = Vec::new();
    let mut score = |offer: &Offer| {
        let text = nucleo_matcher::Utf32Str::new(&offer.words, &mut buffer);
        pattern.score(text, &mut matcher)
    };
    let mut scored: Vec<(u32, Offer)> =
        all.drain(..).filter_map(|offer| score(&offer).map(|score| (score, offer))).collect();
    scored.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    scored.into_iter().map(|(_, offer)| offer).collect()
}

pub fn act(state: &mut State, mut palette: Palette, action: OverlayAction) -> Then {
    let offers = offers(state, &palette);
    match action {
        OverlayAction::Accept | OverlayAction::Line(_) => {
            let at = if let OverlayAction::Line(line) = action { line } else { palette.cursor };
            return match offers.get(at).map(|offer| offer.choice.clone()) {
                Some(Choice::Command(action)) => Then::Act(action),
                Some(Choice::Open(index)) => Then::Select(index),
                None => Then::Nothing,
            };
        }
        OverlayAction::Cancel => return Then::Nothing,
        OverlayAction::Up => palette.cursor = palette.cursor.saturating_sub(1),
        OverlayAction::Down => palette.cursor = moved(palette.cursor, 1, offers.len()),
        OverlayAction::DeleteLast => {
            palette.text.pop();
            palette.cursor = 0;
        }
        OverlayAction::DeleteAll => {
            palette.text.clear();
            palette.cursor = 0;
        }
        OverlayAction::Switch | OverlayAction::PageUp | OverlayAction::PageDown => {}
    }
    state.overlay = Some(Overlay::Palette(palette));
    Then::Nothing
}

pub fn draw(state: &State, palette: &Palette, frame_: &mut Frame, area: Rect) -> Vec<(Rect, usize)> {
    let theme = &state.theme;
    let offers = offers(state, palette);
    let title = format!("Commands: {}▏", palette.text);
    // As tall whatever is typed, so that nothing jumps.
    let inside = popup(frame_, area, (76, 18), &title, theme);
    let width = usize::from(inside.width);
    if offers.is_empty() {
        list(frame_, inside, vec![styled_line(" nothing is called so", theme.bad)], None, theme);
        return Vec::new();
    }
    let lines = offers.iter().map(|offer| {
        let words = left(&format!(" {}", offer.words), width.saturating_sub(13));
        Line::from(vec![styled_span(words, theme.text), styled_span(right(&offer.beside, 12), theme.key)])
    });
    list(frame_, inside, lines.collect(), Some(palette.cursor), theme)
}
