//! A question with its answers, the harmless one first.

use ratatui::Frame;
use ratatui::layout::{Margin, Rect};
use ratatui::widgets::Paragraph;

use crate::tui::input::moved;
use crate::tui::screen::Question;
use crate::tui::shell::action::{Action, Overlay as OverlayAction};
use crate::tui::shell::overlay::{Overlay, Then};
use crate::tui::shell::state::State;
use crate::tui::widgets::popup::{list, popup};
use crate::tui::widgets::text::{styled_line, wrapped};

pub fn act(state: &mut State, mut question: Question<Action>, action: OverlayAction) -> Then {
    match action {
        OverlayAction::Accept => return answered(&question, question.cursor),
        OverlayAction::Line(line) => return answered(&question, line),
        OverlayAction::Up => question.cursor = question.cursor.saturating_sub(1),
        OverlayAction::Down => question.cursor = moved(question.cursor, 1, question.answers.len()),
        _ => return Then::Nothing,
    }
    state.overlay = Some(Overlay::Question(question));
    Then::Nothing
}

fn answered(question: &Question<Action>, at: usize) -> Then {
    let action = question.answers.get(at).and_then(|(_, action)| action.clone());
    action.map_or(Then::Nothing, Then::Act)
}

pub fn draw(state: &State, question: &Question<Action>, frame_: &mut Frame, area: Rect) -> Vec<(Rect, usize)> {
    let theme = &state.theme;
    let width = 64.min(area.width);
    let text = wrapped(&question.words, width.saturating_sub(4));
    let tall = text.len() as u16;
    let inside = popup(frame_, area, (width, tall + question.answers.len() as u16 + 3), "Question", theme);
    let words = Rect { height: tall.min(inside.height), ..inside }.inner(Margin::new(1, 0));
    frame_.render_widget(Paragraph::new(text), words);
    let from = (tall + 1).min(inside.height);
    let answers = Rect { y: inside.y + from, height: inside.height.saturating_sub(from), ..inside };
    let lines = question.answers.iter().map(|(words, _)| styled_line(format!("  {words}"), theme.text));
    list(frame_, answers, lines.collect(), Some(question.cursor), theme)
}
