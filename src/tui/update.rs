//! What a message changes. No I/O here: what is to be done outside comes back as effects.

use ratatui::crossterm::event::KeyCode;

use super::keys::{self, Action, Key};
use super::layout::visible_rows;
use super::msg::{Effect, Msg, Target};
use super::screens::{field, layers};
use super::state::{Along, Entry, Find, ListLine, Opened, Pane, Place as UnitPlace, Screen, State};
use super::tree::{Row, RowKind};

pub fn update(state: &mut State, msg: Msg) -> Vec<Effect> {
    let effects = match msg {
        Msg::Key(key) => key_pressed(state, key),
        Msg::Click(target) => {
            click(state, target);
            Vec::new()
        }
        Msg::Wheel(rows) => {
            move_by(state, rows as isize);
            Vec::new()
        }
        Msg::Resize(width, height) => {
            (state.width, state.height) = (width, height);
            Vec::new()
        }
        Msg::Loaded(origin, opened) => {
            if let Some(entry) = state.entries.iter_mut().find(|entry| entry.origin == origin) {
                entry.reopen(*opened);
            }
            Vec::new()
        }
        Msg::Tell(message) => {
            state.message = Some(message);
            Vec::new()
        }
        Msg::Terminate => vec![Effect::Quit],
    };
    keep_in_view(state);
    effects
}

fn key_pressed(state: &mut State, key: Key) -> Vec<Effect> {
    state.message = None;
    if let Some(action) = keys::action(key, state.contexts()) {
        return act(state, action);
    }
    if let (Some(find), KeyCode::Char(character), false) = (&mut state.find, key.code, key.ctrl) {
        find.text.push(character);
        find_from_start(state);
    }
    Vec::new()
}

fn act(state: &mut State, action: Action) -> Vec<Effect> {
    let page = page(state) as isize;
    match action {
        Action::Up => move_by(state, -1),
        Action::Down => move_by(state, 1),
        Action::PageUp => move_by(state, -page),
        Action::PageDown => move_by(state, page),
        Action::First => move_by(state, isize::MIN),
        Action::Last => move_by(state, isize::MAX),
        Action::Toggle => toggle(state),
        Action::Open => match state.pane {
            Pane::Architectures => state.pane = Pane::Layers,
            Pane::Layers => set_open(state, true),
        },
        Action::Close => match state.pane {
            Pane::Architectures => state.pane = Pane::Layers,
            Pane::Layers => close_or_leave(state),
        },
        Action::FoldAll | Action::UnfoldAll => fold_all(state, action == Action::FoldAll),
        Action::SwitchPane => {
            state.pane = if state.pane == Pane::Layers { Pane::Architectures } else { Pane::Layers };
        }
        Action::Show(screen) => {
            (state.screen, state.pane) = (screen, Pane::Layers);
        }
        Action::Unit(rows, columns) => move_unit(state, rows.into(), columns.into()),
        Action::Middle => state.place = UnitPlace::MIDDLE,
        Action::Find => {
            let cursor = state.entry().map_or(0, |entry| entry.cursor);
            state.find = Some(Find { text: String::new(), nothing: false, from: (state.pane, state.selected, cursor) });
        }
        Action::FindNext => find_again(state, true),
        Action::FindPrevious => find_again(state, false),
        Action::Accept => {
            if let Some(find) = state.find.take() {
                state.found = find.text;
            }
        }
        Action::DeleteLast => {
            if let Some(find) = &mut state.find {
                find.text.pop();
                find_from_start(state);
            }
        }
        Action::Cancel => cancel(state),
        Action::Copy => {
            let of_unit = if state.screen == Screen::Field { field::as_text(state) } else { None };
            return vec![Effect::Copy(of_unit.unwrap_or_else(|| layers::as_text(state)))];
        }
        Action::CopyTable => return layers::as_markdown(state).map(Effect::Copy).into_iter().collect(),
        Action::Reload => return state.entry().map(|entry| Effect::Load(entry.origin.clone())).into_iter().collect(),
        Action::Mouse => {
            state.mouse = !state.mouse;
            state.message = Some(if state.mouse { "mouse on" } else { "mouse off: text can be selected" }.into());
            return vec![Effect::Mouse(state.mouse)];
        }
        Action::Help => state.help = Some(0),
        Action::Suspend => return vec![Effect::Suspend],
        Action::Repaint => return vec![Effect::Repaint],
        Action::Quit => return vec![Effect::Quit],
    }
    Vec::new()
}

fn cancel(state: &mut State) {
    if state.help.take().is_some() {
        return;
    }
    if let Some(find) = state.find.take() {
        let (pane, selected, cursor) = find.from;
        (state.pane, state.selected) = (pane, selected);
        if let Some(entry) = state.entry_mut() {
            entry.cursor = cursor;
        }
    }
}

/// Rows that a page key moves by.
fn page(state: &State) -> usize {
    let panes = state.panes();
    match state.pane {
        Pane::Architectures => visible_rows(panes.list, 0),
        Pane::Layers => visible_rows(panes.table, 1),
    }
    .max(1)
}

fn move_by(state: &mut State, by: isize) {
    let moved = |at: usize, count: usize| at.saturating_add_signed(by).min(count.saturating_sub(1));
    if let Some(offset) = &mut state.help {
        *offset = moved(*offset, keys::overview().len());
        return;
    }
    match state.pane {
        Pane::Architectures => state.selected = moved(state.selected, state.entries.len()),
        Pane::Layers => {
            if let Some(entry) = state.entry_mut() {
                entry.cursor = moved(entry.cursor, entry.rows().len());
            }
        }
    }
}

fn move_unit(state: &mut State, rows: i64, columns: i64) {
    let Some(layer) = state.entry().and_then(Entry::layer) else { return };
    let (height, width) = field::units(layer);
    state.place.row = state.place.row.moved(rows, height);
    state.place.column = state.place.column.moved(columns, width);
}

fn toggle(state: &mut State) {
    let open = state.entry().and_then(|entry| entry.rows().get(entry.cursor).map(Row::can_open));
    if let Some(open) = open {
        set_open(state, open);
    }
}

fn set_open(state: &mut State, open: bool) {
    if let Some(entry) = state.entry_mut()
        && let Some(row) = entry.rows().get(entry.cursor)
    {
        let Entry { opened: Opened::Network(network), folds, .. } = entry else { return };
        folds.set(row, network, open);
    }
}

/// Closes the row, or goes to the block around it, or from the outermost rows to the list.
fn close_or_leave(state: &mut State) {
    let Some(entry) = state.entry_mut() else { return };
    let rows = entry.rows();
    match rows.get(entry.cursor) {
        Some(row) if row.can_close() => set_open(state, false),
        Some(row) if row.depth > 0 => {
            let above = rows[..entry.cursor].iter().rposition(|other| other.depth < row.depth);
            entry.cursor = above.unwrap_or(entry.cursor);
        }
        _ => state.pane = Pane::Architectures,
    }
}

fn fold_all(state: &mut State, close: bool) {
    let Some(entry) = state.entry_mut() else { return };
    let layer = entry.rows().get(entry.cursor).map(|row| row.layers().start);
    let Opened::Network(network) = &entry.opened else { return };
    match close {
        true => entry.folds.close_all(network),
        false => entry.folds.open_all(network),
    }
    // The cursor stays at the same layer, or at the block that now hides it.
    if let Some(layer) = layer {
        let rows = entry.rows();
        let holds = |row: &Row| match &row.kind {
            RowKind::Block { layers, open, .. } => !open && layers.contains(&layer),
            RowKind::Layer { layers, .. } => layers.contains(&layer),
        };
        entry.cursor = rows.iter().position(holds).unwrap_or(0);
    }
}

fn click(state: &mut State, target: Target) {
    state.help = None;
    match target {
        Target::Architecture(index) => {
            state.selected = index.min(state.entries.len().saturating_sub(1));
            state.pane = Pane::Architectures;
        }
        Target::Layer(index) => go_to(state, Place::Layer(index)),
        Target::Unit(row, column) => {
            let Some(layer) = state.entry().and_then(Entry::layer) else { return };
            let (height, width) = field::units(layer);
            let unit = |along: Along, to: u64, units: u64| along.moved(to as i64 - along.of(units) as i64, units);
            state.place.row = unit(state.place.row, row, height);
            state.place.column = unit(state.place.column, column, width);
            state.pane = Pane::Layers;
        }
        Target::Row(index) => {
            let again = state.pane == Pane::Layers && state.entry().is_some_and(|entry| entry.cursor == index);
            state.pane = Pane::Layers;
            if let Some(entry) = state.entry_mut() {
                entry.cursor = index.min(entry.rows().len().saturating_sub(1));
            }
            if again {
                toggle(state);
            }
        }
    }
}

/// A place that can be found: an architecture, or a layer of the selected one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Layer(usize),
    Architecture(usize),
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
    layers.map(|layer| Place::Layer(layer.index)).chain(entries.map(|(index, _)| Place::Architecture(index))).collect()
}

fn go_to(state: &mut State, place: Place) {
    match place {
        Place::Architecture(index) => {
            state.selected = index;
            state.pane = Pane::Architectures;
        }
        Place::Layer(index) => {
            state.pane = Pane::Layers;
            let Some(entry) = state.entry_mut() else { return };
            let Opened::Network(network) = &entry.opened else { return };
            entry.folds.reveal(&network.layers[index]);
            entry.cursor = entry
                .rows()
                .iter()
                .position(|row| matches!(&row.kind, RowKind::Layer { layers, .. } if layers.start == index))
                .unwrap_or(entry.cursor);
        }
    }
}

/// While typing: the first place from where the search began.
fn find_from_start(state: &mut State) {
    let Some(find) = state.find.clone() else { return };
    let (pane, selected, cursor) = find.from;
    (state.pane, state.selected) = (pane, selected);
    if let Some(entry) = state.entry_mut() {
        entry.cursor = cursor;
    }
    let first = places(state, selected, &find.text).first().copied();
    if let Some(find) = &mut state.find {
        find.nothing = first.is_none() && !find.text.is_empty();
    }
    if let Some(place) = first {
        go_to(state, place);
    }
}

fn find_again(state: &mut State, forward: bool) {
    let places = places(state, state.selected, &state.found);
    if places.is_empty() {
        let text = &state.found;
        state.message =
            Some(if text.is_empty() { "press / to find".into() } else { format!("nothing called `{text}`") });
        return;
    }
    let here = match state.pane {
        Pane::Architectures => Some(Place::Architecture(state.selected)),
        Pane::Layers => {
            state.entry().and_then(|entry| entry.rows().get(entry.cursor).map(|row| Place::Layer(row.layers().start)))
        }
    };
    let at = here.and_then(|here| places.iter().position(|place| *place == here));
    let next = match (at, forward) {
        (Some(at), true) => (at + 1) % places.len(),
        (Some(at), false) => (at + places.len() - 1) % places.len(),
        (None, _) => 0,
    };
    go_to(state, places[next]);
}

/// Scrolls so that the cursors are visible.
fn keep_in_view(state: &mut State) {
    let panes = state.panes();
    let scrolled = |offset: usize, cursor: usize, height: usize, count: usize| {
        let height = height.max(1);
        let offset = offset.min(cursor).max((cursor + 1).saturating_sub(height));
        offset.min(count.saturating_sub(height))
    };
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
