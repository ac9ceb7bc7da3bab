//! The list of architectures.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use super::action::{Action, List};
use super::state::{ListLine, State};
use crate::graph::figures::short;
use crate::tui::model::Opened;
use crate::tui::screen::Place;
use crate::tui::widgets::panes::Pane;
use crate::tui::widgets::panes::visible_rows;
use crate::tui::widgets::text::{frame, left, right, styled_span};

pub fn draw(state: &State, frame_: &mut Frame, area: Rect, places: &mut Vec<Place<Action>>) {
    if area.is_empty() {
        return;
    }
    let theme = &state.theme;
    let has_keys = state.pane == Pane::Architectures;
    let block = frame(" Architectures ", theme, has_keys);
    let inside = block.inner(area);
    let width = usize::from(inside.width);
    let visible = state.list_lines().into_iter().skip(state.list_offset).take(visible_rows(area, 0));
    let mut lines = Vec::new();
    for (at, line) in visible.enumerate() {
        let index = match line {
            ListLine::Heading(words, count) => {
                let count = count.to_string();
                let name = left(&words, width.saturating_sub(count.len() + 1));
                lines.push(Line::from(vec![styled_span(name, theme.accent), styled_span(count, theme.dim)]));
                continue;
            }
            ListLine::Entry(index) => index,
        };
        let entry = &state.entries[index];
        let (figure, style) = match &entry.opened {
            Opened::Graph(network) if !entry.is_edited() => (short(network.totals.params).replace(' ', ""), theme.dim),
            _ if entry.is_edited() => ("edited".to_string(), theme.warn),
            Opened::Unread { .. } => ("…".to_string(), theme.dim),
            _ => ("broken".to_string(), theme.bad),
        };
        let (mark, mark_style) = match state.marked.iter().position(|origin| *origin == entry.origin) {
            Some(at) => ((at + 1).to_string(), theme.good),
            None if entry.left_over.is_some() => ("*".to_string(), theme.warn),
            None => (" ".to_string(), theme.dim),
        };
        let name = left(&entry.id, width.saturating_sub(10));
        let row = theme.row(index == state.selected, has_keys);
        let spans = vec![
            styled_span(mark, mark_style),
            styled_span(format!(" {name}"), theme.text),
            styled_span(right(&figure, 8.min(width)), style),
        ];
        lines.push(Line::from(spans).style(row));
        let area = Rect { y: inside.y + at as u16, height: 1, ..inside };
        places.push(Place { area, action: Action::List(List::At(index)) });
    }
    frame_.render_widget(Paragraph::new(lines).block(block), area);
}
