//! The first minute: a card that says what the program is, and a tour of five stops over the real screens.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Clear, Paragraph};

use crate::tui::screens::Which;
use crate::tui::shell::action::{Action, Overlay as OverlayAction, Window};
use crate::tui::shell::overlay::Then;
use crate::tui::shell::state::State;
use crate::tui::widgets::popup::popup;
use crate::tui::widgets::text::{frame, left, styled_line, styled_span, wrapped};

/// The stops: the screen, a heading, and what there is to see.
const STOPS: [(Which, &str, &str); 5] = [
    (
        Which::Layers,
        "Where the numbers come from",
        "Every row is a layer, every block the sum of its layers. k s p are kernel, stride and padding; share is the part of all work; field is \
         how many pixels a unit sees. The pane below works the selected row out, symbols first, and the last row adds up the total. \
         ↑↓ move, ⏎ expands, s sorts.",
    ),
    (
        Which::Field,
        "What a layer sees",
        "The square is the part of the input that one unit of the selected layer can see; ↑↓ walk through the layers and it grows. i puts a \
         photo under it, f measures which of these pixels really count.",
    ),
    (
        Which::Compare,
        "What a change costs",
        "Mark architectures with c and they stand here side by side, aligned block by block. v turns to the kernel study (one 5×5 against two \
         3×3, with every number under the arrow keys), and to sweeps over hundreds of variants.",
    ),
    (
        Which::Edit,
        "Your own network",
        "A network is one short YAML file. Press i and type: the numbers beside it change with every key, old → new. Tab completes what may \
         stand there, mistakes are underlined, ^T saves it as a variant.",
    ),
    (
        Which::Forward,
        "And really run",
        "⏎ runs the network layer by layer and shows its feature maps; i chooses a photo, P downloads published weights. Screen 6 trains it, \
         live. : has every command by name, ? every key, ! every word.",
    ),
];

/// The screen of a stop; none behind the last.
pub fn screen_of(stop: usize) -> Option<Which> {
    STOPS.get(stop).map(|(which, ..)| *which)
}

pub fn act(stop: usize, action: OverlayAction) -> Then {
    let to = |stop: usize| Then::Act(Action::Window(Window::Tour(stop)));
    match action {
        OverlayAction::Down if stop + 1 < STOPS.len() => to(stop + 1),
        OverlayAction::Up => to(stop.saturating_sub(1)),
        _ => Then::Nothing,
    }
}

pub fn draw(state: &State, stop: usize, frame_: &mut Frame, area: Rect) -> Vec<(Rect, usize)> {
    let Some((_, heading, text)) = STOPS.get(stop) else { return Vec::new() };
    let theme = &state.theme;
    let width = 68.min(area.width);
    let mut lines = wrapped(text, width.saturating_sub(4));
    // The footer has these keys, too.
    let more = if stop + 1 < STOPS.len() { "⏎ next · ← back · any other key leaves" } else { "⏎ explore" };
    lines.push(Line::default());
    lines.push(styled_line(more, theme.key));
    let height = (lines.len() as u16 + 2).min(area.height);
    // Above the footer; the first stop speaks of the working and the total, which lie there, and stands over the table's first rows.
    let y = if stop == 0 { 3.min(area.height.saturating_sub(height)) } else { area.height.saturating_sub(height + 1) };
    let place = Rect { x: area.width.saturating_sub(width + 1), y, width, height };
    let title = format!(" {}/{} {heading} ", stop + 1, STOPS.len());
    let block = frame(title, theme, true).padding(ratatui::widgets::Padding::horizontal(1));
    frame_.render_widget(Clear, place);
    frame_.render_widget(Paragraph::new(lines).style(theme.text).block(block), place);
    Vec::new()
}

/// The card where there is little room: the screens by their names alone.
fn draw_small_welcome(state: &State, frame_: &mut Frame, area: Rect) -> Vec<(Rect, usize)> {
    let theme = &state.theme;
    let width = 56.min(area.width);
    let names: Vec<String> =
        Which::tabs().enumerate().map(|(at, which)| format!("{} {}", at + 1, which.name())).collect();
    let mut lines = vec![styled_line("⏎ tour  Esc explore  ? keys  ! words", theme.key)];
    lines.extend(wrapped("A lens on convolutional networks.", width.saturating_sub(4)));
    lines.extend(wrapped(&names.join("  "), width.saturating_sub(4)));
    let inside = popup(frame_, area, (width, lines.len() as u16 + 2), "convlens", theme);
    let inside = Rect { x: inside.x + 1, width: inside.width.saturating_sub(2), ..inside };
    frame_.render_widget(Paragraph::new(lines).style(theme.text), inside);
    Vec::new()
}

pub fn draw_welcome(state: &State, frame_: &mut Frame, area: Rect) -> Vec<(Rect, usize)> {
    let theme = &state.theme;
    let width = 74.min(area.width);
    let tabs = Which::tabs().count() as u16;
    // Three lines of what it is, one for each screen, the keys, and what lies between.
    if area.width < 60 || area.height < tabs + 8 {
        return draw_small_welcome(state, frame_, area);
    }
    let about = "A lens on convolutional networks: what every layer costs, where the numbers come from, and what it sees. Nothing here can \
                 change a file unless you save it.";
    let mut lines = wrapped(about, width.saturating_sub(4));
    lines.push(Line::default());
    for (at, which) in Which::tabs().enumerate() {
        lines.push(Line::from(vec![
            styled_span(format!(" {} ", at + 1), theme.key),
            styled_span(left(which.name(), 9), theme.accent),
            styled_span(which.about(), theme.text),
        ]));
    }
    lines.push(Line::default());
    lines.push(Line::from(vec![
        styled_span("⏎", theme.key),
        styled_span(" tour (2 minutes)   ", theme.text),
        styled_span("Esc", theme.key),
        styled_span(" explore   ", theme.text),
        styled_span("?", theme.key),
        styled_span(" keys   ", theme.text),
        styled_span("!", theme.key),
        styled_span(" words", theme.text),
    ]));
    let inside = popup(frame_, area, (width, lines.len() as u16 + 2), "convlens", theme);
    let inside = Rect { x: inside.x + 1, width: inside.width.saturating_sub(2), ..inside };
    frame_.render_widget(Paragraph::new(lines).style(theme.text), inside);
    Vec::new()
}
