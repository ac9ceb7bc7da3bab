//! The frame that the screens share: header, footer, the overlay of all keys.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph};
use unicode_width::UnicodeWidthStr;

use super::keys::{self, BINDINGS, Context};
use super::layout::SizeClass;
use super::msg::Region;
use super::screens::text::{frame, left};
use super::screens::{field, layers, list};
use super::state::{Screen, State};
use crate::model::figures::short;

/// Paints everything, and says where what can be clicked landed.
pub fn draw(state: &State, frame_: &mut Frame) -> Vec<Region> {
    let mut regions = Vec::new();
    let area = frame_.area();
    if area.is_empty() {
        return regions;
    }
    let panes = state.panes();
    // The state hears of a new size a moment after the terminal has it.
    let within = |pane: Rect| pane.intersection(area);
    list::draw(state, frame_, within(panes.list), &mut regions);
    let (table, working) = (within(panes.table), within(panes.working));
    match (state.screen, state.entry().and_then(|entry| Some((entry, entry.network()?)))) {
        (Screen::Field, Some(shown)) => field::draw(state, shown, frame_, (table, working), &mut regions),
        _ => layers::draw(state, frame_, table, working, &mut regions),
    }
    if panes.class != SizeClass::Tiny {
        header(state, frame_, within(panes.header));
        footer(state, frame_, within(panes.footer));
    }
    if panes.class == SizeClass::Tiny && (state.find.is_some() || state.message.is_some()) {
        let last = Rect { y: area.height - 1, height: 1, ..area };
        frame_.render_widget(Clear, last);
        footer(state, frame_, last);
    }
    if state.help.is_some() {
        regions.clear();
        help(state, frame_, area);
    }
    regions
}

fn header(state: &State, frame_: &mut Frame, area: Rect) {
    let theme = &state.theme;
    let totals = state.entry().and_then(|entry| entry.network()).map_or_else(String::new, |network| {
        let (params, macs) = (short(network.totals.params), short(network.totals.macs));
        format!("{} · {params} parameters · {macs} MACs ", network.architecture.name)
    });
    let mut spans = vec![Span::styled(" convlens", theme.accent)];
    for (at, screen) in Screen::ALL.into_iter().enumerate() {
        let style = if screen == state.screen { theme.marked } else { theme.dim };
        spans.extend([Span::raw("  "), Span::styled(format!("{} {}", at + 1, screen.name()), style)]);
    }
    let taken = spans.iter().map(Span::width).sum::<usize>() + totals.width();
    spans.push(Span::raw(" ".repeat(usize::from(area.width).saturating_sub(taken).max(1))));
    spans.push(Span::styled(totals, theme.dim));
    frame_.render_widget(Paragraph::new(Line::from(spans)), area);
}

fn footer(state: &State, frame_: &mut Frame, area: Rect) {
    let theme = &state.theme;
    let mut spans = vec![Span::raw(" ")];
    if let Some(find) = &state.find {
        spans.push(Span::styled(format!("/{}", find.text), theme.accent));
        spans.push(Span::styled("▏  ", theme.accent));
        if find.nothing {
            spans.push(Span::styled("nothing is called so  ", theme.bad));
        }
    } else if let Some(message) = &state.message {
        spans.push(Span::styled(message.clone(), theme.good));
        frame_.render_widget(Paragraph::new(Line::from(spans)), area);
        return;
    }
    let shown = |everywhere: bool| {
        let contexts = state.contexts().iter().filter(move |context| (**context == Context::Everywhere) == everywhere);
        let bindings = contexts.flat_map(|context| BINDINGS.iter().filter(move |own| own.context == *context));
        bindings.filter(|binding| !binding.footer.is_empty()).flat_map(|binding| {
            let key = binding.keys().next().map_or_else(String::new, |key| key.to_string());
            [Span::styled(key, theme.key), Span::styled(format!(" {}  ", binding.footer), theme.dim)]
        })
    };
    // The ways out stand at the right end whatever the pane offers.
    let always: Vec<Span> = shown(true).collect();
    let width = |spans: &[Span]| spans.iter().map(Span::width).sum::<usize>();
    let room = usize::from(area.width).saturating_sub(width(&always));
    for pair in shown(false).collect::<Vec<_>>().chunks(2) {
        if width(&spans) + width(pair) <= room {
            spans.extend(pair.iter().cloned());
        }
    }
    spans.push(Span::raw(" ".repeat(room.saturating_sub(width(&spans)))));
    spans.extend(always);
    frame_.render_widget(Paragraph::new(Line::from(spans)), area);
}

fn help(state: &State, frame_: &mut Frame, area: Rect) {
    let theme = &state.theme;
    let lines = keys::overview();
    let width = 66.min(area.width);
    let height = (lines.len() as u16 + 2).min(area.height);
    let overlay = Rect { x: (area.width - width) / 2, y: (area.height - height) / 2, width, height };
    let room = usize::from(height.saturating_sub(2));
    let offset = state.help.unwrap_or(0).min(lines.len().saturating_sub(room));
    let shown = lines.into_iter().skip(offset).take(room).map(|(keys, words)| match words.as_str() {
        "" => Line::styled(keys, theme.accent),
        _ => Line::from(vec![Span::styled(left(&keys, 16), theme.key), Span::styled(words, theme.text)]),
    });
    frame_.render_widget(Clear, overlay);
    frame_.render_widget(Paragraph::new(shown.collect::<Vec<_>>()).block(frame(" All keys ", theme, true)), overlay);
}
