//! Finding layers and architectures by a part of their name.

use super::action::Overlay as OverlayAction;
use super::overlay::{Find, Overlay};
use super::state::State;
use crate::tui::model::Entry;
use crate::tui::widgets::line::Line;
use crate::tui::widgets::panes::Pane;

/// A place that can be found: an architecture, or a layer of the selected one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Layer(usize),
    Architecture(usize),
}

pub fn open(state: &mut State) {
    let cursor = state.entry().map_or(0, |entry| entry.cursor);
    let from = (state.pane, state.selected, cursor);
    state.overlay = Some(Overlay::Find(Find { line: Line::default(), nothing: false, from }));
}

/// What the keys do while finding.
pub fn act(state: &mut State, mut find: Find, action: OverlayAction) {
    match action {
        OverlayAction::Accept => {
            state.found = find.line.text();
            return;
        }
        OverlayAction::Cancel => {
            back(state, &find);
            return;
        }
        OverlayAction::Edit(edit) => find.line.edit(edit),
        _ => {}
    }
    from_start(state, find);
}

pub fn typed(state: &mut State, mut find: Find, text: &str) {
    find.line.insert(text);
    from_start(state, find);
}

fn back(state: &mut State, find: &Find) {
    let (pane, selected, cursor) = find.from;
    state.pane = pane;
    state.selected = selected;
    if let Some(entry) = state.entry_mut() {
        entry.cursor = cursor;
    }
}

/// Layers of the selected architecture that hold the text, then architectures.
fn places(state: &State, selected: usize, text: &str) -> Vec<Place> {
    let text = text.to_lowercase();
    if text.is_empty() {
        return Vec::new();
    }
    let network = state.entries.get(selected).and_then(Entry::network);
    let layers = network.map_or(&[][..], |network| &network.layers);
    let layers = layers.iter().filter(|layer| layer.name.to_lowercase().contains(&text));
    let entries = state.entries.iter().enumerate().filter(|(_, entry)| {
        let name = entry.network().map_or("", |network| &network.architecture.name).to_lowercase();
        entry.id.to_lowercase().contains(&text) || name.contains(&text)
    });
    let mut entries: Vec<usize> = entries.map(|(index, _)| index).collect();
    // `vgg16` is that one, not vgg16-c.
    entries.sort_by_key(|&index| state.entries[index].id.to_lowercase() != text);
    layers.map(|layer| Place::Layer(layer.index)).chain(entries.into_iter().map(Place::Architecture)).collect()
}

fn go_to(state: &mut State, place: Place) {
    match place {
        Place::Architecture(index) => {
            state.selected = index;
            state.pane = Pane::Architectures;
        }
        Place::Layer(index) => {
            state.pane = Pane::Main;
            if let Some(entry) = state.entry_mut() {
                entry.reveal(index);
            }
        }
    }
}

/// While typing: the first place from where the search began.
fn from_start(state: &mut State, mut find: Find) {
    back(state, &find);
    let text = find.line.text();
    let first = places(state, state.selected, &text).first().copied();
    find.nothing = first.is_none() && !text.is_empty();
    state.overlay = Some(Overlay::Find(find));
    if let Some(place) = first {
        go_to(state, place);
    }
}

pub fn again(state: &mut State, forward: bool) {
    let places = places(state, state.selected, &state.found);
    if places.is_empty() {
        let text = &state.found;
        let words = if text.is_empty() { "Press / to search.".into() } else { format!("No match for `{text}`.") };
        state.tell(words);
        return;
    }
    let here = match state.pane {
        Pane::Architectures => Some(Place::Architecture(state.selected)),
        Pane::Main => state.entry().and_then(|entry| entry.row()).map(|row| Place::Layer(row.layers().start)),
    };
    let at = here.and_then(|here| places.iter().position(|place| *place == here));
    let next = match (at, forward) {
        (Some(at), true) => (at + 1) % places.len(),
        (Some(at), false) => (at + places.len() - 1) % places.len(),
        (None, _) => 0,
    };
    go_to(state, places[next]);
}
