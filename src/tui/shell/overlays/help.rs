//! The overview of all keys: those of the screen beneath first, narrowed by what is typed; ⏎ does what the cursor is on.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line as Row;
use ratatui::widgets::Paragraph;

use crate::tui::input::moved;
use crate::tui::screens::Which;
use crate::tui::shell::action::{Action, Overlay as OverlayAction, Window};
use crate::tui::shell::overlay::{Help, Overlay, Then};
use crate::tui::shell::state::State;
use crate::tui::widgets::popup::popup;
use crate::tui::widgets::text::{left, plain_span, styled_line, styled_span};

const WIDTH: u16 = 78;
/// Columns of the keys, before what they do.
const KEYS: usize = 18;

/// A line: a heading, or a key with what it does.
enum Entry {
    Heading(&'static str),
    Key {
        keys: String,
        words: &'static str,
        action: Action,
        group: &'static str,
        /// Whether its group has the keys just now.
        applies: bool,
        /// Why it would do nothing here.
        impossible: Option<String>,
    },
}

fn entries(state: &State, help: &Help) -> Vec<Entry> {
    let here = state.groups_beneath();
    let typed = help.line.text().trim().to_lowercase();
    let others = state.keys.groups().iter().map(|group| group.name).filter(|name| !here.contains(name));
    let mut all = Vec::new();
    for group in here.iter().copied().chain(others) {
        let applies = here.contains(&group);
        let rows = state.keys.rows(group).filter(|bound| {
            typed.is_empty()
                || [bound.words, bound.name, group].iter().any(|words| words.to_lowercase().contains(&typed))
                || bound.keys.iter().any(|key| key.to_string() == typed)
        });
        let mut rows = rows.peekable();
        if rows.peek().is_none() {
            continue;
        }
        all.push(Entry::Heading(group));
        all.extend(rows.map(|bound| Entry::Key {
            keys: bound.shown(),
            words: bound.words,
            action: bound.action.clone(),
            group,
            applies,
            impossible: state.impossible(&bound.action).filter(|_| applies),
        }));
    }
    all
}

fn is_key(entry: &Entry) -> bool {
    matches!(entry, Entry::Key { .. })
}

pub fn open(state: &mut State) {
    state.overlay = Some(Overlay::Help(Help::default()));
}

pub fn act(state: &mut State, mut help: Help, action: OverlayAction) -> Then {
    let entries = entries(state, &help);
    let count = entries.iter().filter(|entry| is_key(entry)).count();
    let page = isize::try_from(state.height.saturating_sub(5)).unwrap_or(1).max(1);
    match action {
        OverlayAction::Accept | OverlayAction::Line(_) => {
            let chosen = match action {
                OverlayAction::Line(line) => entries.get(line).filter(|entry| is_key(entry)),
                _ => entries.iter().filter(|entry| is_key(entry)).nth(help.cursor),
            };
            match chosen {
                Some(Entry::Key { group, applies: false, .. }) => {
                    state.tell(format!("Not possible here: a key of `{group}`."));
                }
                Some(Entry::Key { impossible: Some(why), .. }) => state.tell(format!("Not possible now: {why}.")),
                Some(Entry::Key { action, .. }) => return Then::Act(action.clone()),
                _ => {}
            }
        }
        OverlayAction::Switch => return Then::Act(Action::Window(Window::Show(Which::Glossary))),
        OverlayAction::Edit(edit) => {
            help.line.edit(edit);
            help.cursor = 0;
        }
        OverlayAction::Up => help.cursor = help.cursor.saturating_sub(1),
        OverlayAction::Down => help.cursor = moved(help.cursor, 1, count),
        OverlayAction::PageUp => help.cursor = moved(help.cursor, -page, count),
        OverlayAction::PageDown => help.cursor = moved(help.cursor, page, count),
        OverlayAction::Cancel => return Then::Nothing,
    }
    state.overlay = Some(Overlay::Help(help));
    Then::Nothing
}

pub fn draw(state: &State, help: &Help, frame_: &mut Frame, area: Rect) -> Vec<(Rect, usize)> {
    let theme = &state.theme;
    let inside = popup(frame_, area, (WIDTH, area.height.saturating_sub(2)), "Keys (type to filter)", theme);
    let typed = Rect { height: 1.min(inside.height), ..inside };
    let mut spans = vec![styled_span(" ? ", theme.accent)];
    spans.extend(help.line.spans(usize::from(inside.width).saturating_sub(34), theme));
    if inside.width > 60 {
        spans.push(plain_span("   "));
        spans.push(styled_span("⏎ do it · Tab glossary", theme.dim));
    }
    frame_.render_widget(Paragraph::new(Row::from(spans)), typed);
    let inside = Rect { y: inside.y + typed.height, height: inside.height - typed.height, ..inside };
    let (width, room) = (usize::from(inside.width), usize::from(inside.height));
    let entries = entries(state, help);
    let line = entries.iter().enumerate().filter(|(_, entry)| is_key(entry)).nth(help.cursor).map_or(0, |(at, _)| at);
    // A heading above the first key stays with it.
    let offset = (line + 1).saturating_sub(room.saturating_sub(1));
    let mut rows = Vec::new();
    let mut places = Vec::new();
    for (at, entry) in entries.iter().enumerate().skip(offset).take(room) {
        match entry {
            Entry::Heading(name) => rows.push(styled_line(format!(" {name}"), theme.accent)),
            Entry::Key { keys, words, applies, impossible, .. } => {
                let style = if *applies && impossible.is_none() { theme.text } else { theme.dim };
                let words = impossible.as_ref().map_or(words.to_string(), |why| format!("{words} ({why})"));
                let row = Row::from(vec![
                    styled_span(left(&format!("   {keys}"), KEYS), theme.key),
                    styled_span(left(&words, width.saturating_sub(KEYS)), style),
                ]);
                rows.push(if at == line { row.style(theme.selected) } else { row });
                let y = inside.y + (at - offset) as u16;
                places.push((Rect { y, height: 1, ..inside }, at));
            }
        }
    }
    if rows.is_empty() {
        rows.push(styled_line(" no match", theme.bad));
    }
    frame_.render_widget(Paragraph::new(rows), inside);
    places
}
