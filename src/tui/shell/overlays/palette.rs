//! Every command by name, and every architecture: type a part of what is wanted.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line as Line_;
use ratatui::widgets::Paragraph;

use crate::tui::input::moved;
use crate::tui::screens::Which;
use crate::tui::shell::action::{Action, Overlay as OverlayAction, Window};
use crate::tui::shell::overlay::{Overlay, Palette, Then};
use crate::tui::shell::state::State;
use crate::tui::widgets::line::Line;
use crate::tui::widgets::popup::{list, popup};
use crate::tui::widgets::text::{left, right, styled_line, styled_span};

/// Opens it over the keys that apply now.
pub fn open(state: &mut State) {
    let of = state.groups();
    state.overlay = Some(Overlay::Palette(Palette { line: Line::default(), cursor: 0, of }));
}

/// What can be chosen.
#[derive(Debug, Clone)]
enum Choice {
    Command(Action),
    /// One of another screen.
    Elsewhere(Which, Action),
    /// An architecture by its place in the list.
    Open(usize),
}

struct Offer {
    words: String,
    /// The keys it has, or what kind of thing it is.
    beside: String,
    /// Why it would do nothing now.
    impossible: Option<String>,
    choice: Choice,
}

/// How well an offer fits what was typed: its name itself, then names that begin so, then what only holds it.
fn rank(offer: &Offer, typed: &str) -> u8 {
    let words = offer.words.to_lowercase();
    let own = words.strip_prefix("go to ").unwrap_or(&words);
    let name = own.split([':', ',']).next().unwrap_or(own);
    match () {
        _ if name == typed => 0,
        _ if name.starts_with(typed) => 1,
        _ if words.split(|letter: char| !letter.is_alphanumeric()).any(|word| word.starts_with(typed)) => 2,
        _ => 3,
    }
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
    let mut commands: Vec<Offer> = commands
        .map(|bound| Offer {
            words: format!("{}: {}", bound.name.replace('-', " "), bound.words),
            beside: bound.shown(),
            impossible: state.impossible(&bound.action),
            choice: Choice::Command(bound.action.clone()),
        })
        .collect();
    commands.extend(others(state, palette.of));
    let entries = state.entries.iter().enumerate().map(|(index, entry)| {
        let name = entry.network().map_or("", |network| &network.architecture.name);
        let words = format!("go to {}, {name}", entry.id);
        Offer { words, beside: String::new(), impossible: None, choice: Choice::Open(index) }
    });
    let mut all: Vec<Offer> = commands.into_iter().chain(entries).collect();
    let typed = palette.line.text().trim().to_lowercase();
    if typed.is_empty() {
        return all;
    }
    let pattern = Pattern::parse(&typed, CaseMatching::Smart, Normalization::Smart);
    let mut matcher = Matcher::new(Config::DEFAULT);
    let mut buffer = Vec::new();
    let mut score = |offer: &Offer| {
        let text = nucleo_matcher::Utf32Str::new(&offer.words, &mut buffer);
        pattern.score(text, &mut matcher)
    };
    let scored = all.drain(..).filter_map(|offer| score(&offer).map(|score| (score, offer)));
    let mut scored: Vec<((u8, std::cmp::Reverse<u32>), Offer)> =
        scored.map(|(score, offer)| ((rank(&offer, &typed), std::cmp::Reverse(score)), offer)).collect();
    scored.sort_by_key(|(place, _)| *place);
    scored.into_iter().map(|(_, offer)| offer).collect()
}

/// Keys of lists that a screen opens over itself: they mean nothing by name.
const LISTS: [&str; 2] = ["columns", "completing"];

/// What the screens can do that the keys of just now do not: of this one, which says why it is not possible, and of the others.
fn others(state: &State, now: &[&str]) -> Vec<Offer> {
    let here: Vec<&Action> = now.iter().flat_map(|group| state.keys.rows(group)).map(|bound| &bound.action).collect();
    let groups = state.keys.groups().iter().map(|group| group.name);
    let groups = groups.filter(|name| !now.contains(name) && !LISTS.contains(name) && !state.keys.is_typed_in(name));
    let mut all: Vec<Offer> = Vec::new();
    for bound in groups.flat_map(|group| state.keys.rows(group)) {
        let Action::Screen(own) = &bound.action else { continue };
        let which = own.which();
        let name = bound.name.replace('-', " ");
        let (words, choice) = match which == state.screen {
            true => (format!("{name}: {}", bound.words), Choice::Command(bound.action.clone())),
            false => {
                let choice = Choice::Elsewhere(which, bound.action.clone());
                (format!("{} {name}: {}", which.name().to_lowercase(), bound.words), choice)
            }
        };
        if !here.contains(&&bound.action) && !all.iter().any(|own| own.words == words) {
            all.push(Offer { words, beside: String::new(), impossible: state.impossible(&bound.action), choice });
        }
    }
    all
}

pub fn act(state: &mut State, mut palette: Palette, action: OverlayAction) -> Then {
    let offers = offers(state, &palette);
    match action {
        OverlayAction::Accept | OverlayAction::Line(_) => {
            let at = if let OverlayAction::Line(line) = action { line } else { palette.cursor };
            if let Some(why) = offers.get(at).and_then(|offer| offer.impossible.clone()) {
                state.tell(why);
                state.overlay = Some(Overlay::Palette(palette));
                return Then::Nothing;
            }
            return match offers.get(at).map(|offer| offer.choice.clone()) {
                Some(Choice::Command(action)) => Then::Act(action),
                Some(Choice::Elsewhere(which, action)) => Then::ActOn(which, action),
                Some(Choice::Open(index)) => Then::Select(index),
                None => Then::Nothing,
            };
        }
        OverlayAction::Cancel => return Then::Nothing,
        OverlayAction::Up => palette.cursor = palette.cursor.saturating_sub(1),
        OverlayAction::Down => palette.cursor = moved(palette.cursor, 1, offers.len()),
        OverlayAction::Edit(edit) => {
            palette.line.edit(edit);
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
    // As tall whatever is typed, so that nothing jumps.
    let inside = popup(frame_, area, (80, 19), "Commands and architectures", theme);
    let typed = Rect { height: 1.min(inside.height), ..inside };
    let mut spans = vec![styled_span(" : ", theme.accent)];
    spans.extend(palette.line.spans(usize::from(inside.width).saturating_sub(4), theme));
    frame_.render_widget(Paragraph::new(Line_::from(spans)), typed);
    let inside = Rect { y: inside.y + typed.height, height: inside.height - typed.height, ..inside };
    let width = usize::from(inside.width);
    if offers.is_empty() {
        list(frame_, inside, vec![styled_line(" no match", theme.bad)], None, theme);
        return Vec::new();
    }
    let lines = offers.iter().map(|offer| {
        let (words, style) = match &offer.impossible {
            Some(why) => (format!(" {} · {why}", offer.words.split(':').next().unwrap_or_default()), theme.dim),
            None => (format!(" {}", offer.words), theme.text),
        };
        let words = left(&words, width.saturating_sub(13));
        Line_::from(vec![styled_span(words, style), styled_span(right(&offer.beside, 12), theme.key)])
    });
    list(frame_, inside, lines.collect(), Some(palette.cursor), theme)
}
