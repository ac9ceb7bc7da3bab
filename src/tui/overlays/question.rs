//! A question with its answers, the harmless one first.

use ratatui::Frame;
use ratatui::layout::{Margin, Rect};
use ratatui::widgets::Paragraph;

use super::{list, popup};
use crate::tui::keys::table::Overlay as OverlayAction;
use crate::tui::msg::{Effect, Region};
use crate::tui::screens::text::{styled_line, wrapped};
use crate::tui::screens::{edit, forward};
use crate::tui::state::overlay::{Answer, Question};
use crate::tui::state::{Overlay, State};
use crate::tui::update;

pub fn act(state: &mut State, mut question: Question, action: OverlayAction) -> Vec<Effect> {
    match action {
        OverlayAction::Accept => {
            let answer = question.answers.get(question.cursor).map(|(_, answer)| answer.clone());
            return answered(state, answer.unwrap_or(Answer::Nothing));
        }
        OverlayAction::Up => question.cursor = question.cursor.saturating_sub(1),
        OverlayAction::Down => question.cursor = update::moved(question.cursor, 1, question.answers.len()),
        _ => return Vec::new(),
    }
    state.overlay = Some(Overlay::Question(question));
    Vec::new()
}

fn answered(state: &mut State, answer: Answer) -> Vec<Effect> {
    match answer {
        Answer::Nothing => Vec::new(),
        Answer::QuitKeeping | Answer::QuitStopping => vec![Effect::Quit],
        Answer::QuitDropping => {
            let edited = state.entries.iter().filter(|entry| entry.is_edited());
            let mut effects: Vec<Effect> = edited.map(|entry| Effect::Keep(entry.origin.clone(), None)).collect();
            effects.push(Effect::Quit);
            effects
        }
        Answer::TakeLeftOver(take) => edit::left_over(state, take),
        Answer::Overwrite(path) => edit::overwrite(state, path),
        Answer::TakeFromDisk => edit::take_from_disk(state),
        Answer::Discard => edit::discard(state),
        Answer::Fetch(origin) => forward::fetch(state, &origin),
    }
}

pub fn draw(state: &State, question: &Question, frame_: &mut Frame, area: Rect, regions: &mut Vec<Region>) {
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
    list(frame_, answers, lines.collect(), Some(question.cursor), theme, regions);
}
