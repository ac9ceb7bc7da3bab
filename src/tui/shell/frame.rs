//! The frame that the screens share: header, footer, toasts, and what lies over the screen.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph};
use unicode_width::UnicodeWidthStr;

use super::action::{Action, Window};
use super::list;
use super::overlay::Overlay;
use super::overlays;
use super::state::State;
use crate::graph::figures::short;
use crate::tui::screen::{Place, View};
use crate::tui::screens::Which;
use crate::tui::widgets::panes::{Panes, SizeClass};
use crate::tui::widgets::text::{frame, left, plain_span, styled_span, wrapped};
use crate::tui::widgets::theme::{Depth, even_out, to_cube};
use crate::visible::must_be_escaped;

/// Paints everything, and says where what can be clicked landed.
pub fn draw(state: &State, frame_: &mut Frame) -> Vec<Place<Action>> {
    let mut places = Vec::new();
    let area = frame_.area();
    if area.is_empty() {
        return places;
    }
    let panes = state.panes();
    // The state hears of a new size a moment after the terminal has it.
    let within = |pane: Rect| pane.intersection(area);
    list::draw(state, frame_, within(panes.list), &mut places);
    let main = Panes { table: within(panes.table), working: within(panes.working), ..panes };
    let view = View { panes: main, ..state.view() };
    let drawn = state.screens.draw(state.screen, &view, frame_);
    places.extend(drawn.into_iter().map(|Place { area, action }| Place { area, action: Action::Screen(action) }));
    let mut foot = Vec::new();
    if panes.class != SizeClass::Tiny {
        header(state, frame_, within(panes.header), &mut places);
        footer(state, frame_, within(panes.footer), &mut foot);
    } else if matches!(state.overlay, Some(Overlay::Find(_))) {
        let last = Rect { y: area.height - 1, height: 1, ..area };
        frame_.render_widget(Clear, last);
        footer(state, frame_, last, &mut foot);
    }
    if state.overlay.is_some() && !matches!(state.overlay, Some(Overlay::Find(_))) {
        places.clear();
    }
    // The footer's keys are those of what lies on top.
    places.extend(foot);
    toasts(state, frame_, area);
    places.extend(overlays::draw(state, frame_, area));
    show_the_hidden(frame_.buffer_mut());
    if state.theme.selected.add_modifier.contains(Modifier::REVERSED) {
        even_out(frame_.buffer_mut());
    }
    if state.depth == Depth::Cube {
        to_cube(frame_.buffer_mut());
    }
    places
}

/// The last word before the terminal: what of a text it would obey, or would not show, has a place of its own, also where a widget of
/// others drew it.
fn show_the_hidden(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        if cell.symbol().chars().any(must_be_escaped) {
            cell.set_symbol("�");
        }
    }
}

fn header(state: &State, frame_: &mut Frame, area: Rect, places: &mut Vec<Place<Action>>) {
    let theme = &state.theme;
    let mut spans = vec![styled_span(" convlens", theme.accent)];
    let mut x = area.x + spans[0].width() as u16;
    // Where not all names have room, the others are numbers.
    let all: usize = Which::tabs().map(|which| which.name().len() + 4).sum();
    let is_narrow = usize::from(area.width) < usize::from(x) + all;
    for (at, which) in Which::tabs().enumerate() {
        let style = if which == state.screen { theme.marked } else { theme.dim };
        let name = match is_narrow && which != state.screen {
            true => format!("{}", at + 1),
            false => format!("{} {}", at + 1, which.name()),
        };
        let place = Rect { x: x + 2, width: name.len() as u16, ..area }.intersection(area);
        places.push(Place { area: place, action: Action::Window(Window::Show(which)) });
        x += 2 + name.len() as u16;
        spans.extend([plain_span("  "), styled_span(name, style)]);
    }
    let taken = spans.iter().map(Span::width).sum::<usize>();
    let mut room = usize::from(area.width).saturating_sub(taken + 1);
    let totals = state.entry().and_then(|entry| entry.network()).map_or_else(String::new, |network| {
        let (name, totals) = (&network.architecture.name, network.totals);
        let (params, macs) = (short(totals.params), short(totals.macs));
        let forms = [format!("{name} · {params} · {macs} "), format!("{name} · {params} "), format!("{name} ")];
        // The fullest that has room.
        forms.iter().find(|form| form.width() <= room).unwrap_or(&forms[2]).clone()
    });
    // What is under way on another screen counts for more than the totals.
    let others = Which::tabs().enumerate().filter(|(_, which)| *which != state.screen);
    let mut badges = others.filter_map(|(at, which)| Some((at + 1, which, state.screens.badge(which)?)));
    let badge = badges.next().map(|(key, which, words)| (which, format!("● {words} ({key}) ")));
    let badge = badge.map(|(which, words)| (which, left(&words, words.width().min(room))));
    let width = badge.as_ref().map_or(0, |(_, words)| words.width());
    room -= width;
    // A long name is cut, and says so; a few letters say nothing.
    let totals = match totals.width() <= room {
        true => totals,
        false if room > 5 => left(&totals, room),
        false => String::new(),
    };
    spans.push(plain_span(" ".repeat((room + 1).saturating_sub(totals.width()))));
    if let Some((which, words)) = badge {
        let x = area.x + spans.iter().map(Span::width).sum::<usize>() as u16;
        let place = Rect { x, width: width as u16, ..area }.intersection(area);
        places.push(Place { area: place, action: Action::Window(Window::Show(which)) });
        spans.push(styled_span(words, theme.warn));
    }
    spans.push(styled_span(totals, theme.dim));
    frame_.render_widget(Paragraph::new(Line::from(spans)), area);
}

/// What there is to tell, above the footer at the right, the newest lowest.
fn toasts(state: &State, frame_: &mut Frame, area: Rect) {
    let theme = &state.theme;
    let mut bottom = area.height.saturating_sub(1);
    for toast in state.toasts.iter().rev() {
        let width = (toast.text.width() as u16 + 4).min(60).min(area.width);
        let text = wrapped(&toast.text, width.saturating_sub(4));
        let height = (text.len() as u16 + 2).min(8);
        let Some(y) = bottom.checked_sub(height) else { break };
        let place = Rect { x: area.width - width, y, width, height };
        let style = if toast.bad { theme.bad } else { theme.good };
        let block = frame("", theme, false).border_style(style).padding(ratatui::widgets::Padding::horizontal(1));
        frame_.render_widget(Clear, place);
        frame_.render_widget(Paragraph::new(text).style(style).block(block), place);
        bottom = y;
    }
}

fn footer(state: &State, frame_: &mut Frame, area: Rect, places: &mut Vec<Place<Action>>) {
    let theme = &state.theme;
    let mut spans = vec![plain_span(" ")];
    if let Some(Overlay::Find(find)) = &state.overlay {
        spans.push(styled_span("/", theme.accent));
        spans.extend(find.line.spans(40, theme));
        spans.push(styled_span(if find.nothing { "  no match  " } else { "  " }, theme.bad));
    } else if let Some(working) = &state.working {
        let words = format!("{} {}/{} · Esc stops  ", working.what, working.done, working.of);
        spans.push(styled_span(words, theme.warn));
    }
    let groups = state.groups();
    let shown = |everywhere: bool| {
        let groups = groups.iter().filter(move |group| (**group == "everywhere") == everywhere);
        let rows = groups.flat_map(|group| state.keys.rows(group));
        rows.filter(|bound| !bound.footer.is_empty() && !bound.keys.is_empty()).map(|bound| {
            let key = bound.keys.first().map_or_else(String::new, |key| key.to_string());
            // What would do nothing now stays, and is dim.
            let style = if state.impossible(&bound.action).is_some() { theme.dim } else { theme.key };
            let words = styled_span(format!(" {}  ", bound.footer), theme.dim);
            ([styled_span(key, style), words], bound.action.clone())
        })
    };
    let width = |spans: &[Span]| spans.iter().map(Span::width).sum::<usize>();
    let mut put = |spans: &mut Vec<Span<'static>>, pair: [Span<'static>; 2], action: Action| {
        let x = area.x + width(spans) as u16;
        let place = Rect { x, width: width(&pair) as u16, ..area }.intersection(area);
        places.push(Place { area: place, action });
        spans.extend(pair);
    };
    // The ways out stand at the right end whatever the pane offers.
    let always: Vec<([Span<'static>; 2], Action)> = shown(true).collect();
    let taken: usize = always.iter().map(|(pair, _)| width(pair)).sum();
    let room = usize::from(area.width).saturating_sub(taken);
    for (pair, action) in shown(false) {
        if width(&spans) + width(&pair) <= room {
            put(&mut spans, pair, action);
        }
    }
    spans.push(plain_span(" ".repeat(room.saturating_sub(width(&spans)))));
    for (pair, action) in always {
        put(&mut spans, pair, action);
    }
    frame_.render_widget(Paragraph::new(Line::from(spans)), area);
}
