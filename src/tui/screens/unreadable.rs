//! What is wrong with an architecture that gives no network.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Paragraph, Wrap};

use crate::tui::model::{Entry, Opened};
use crate::tui::screen::View;
use crate::tui::widgets::text::{frame, plain_line, styled_line};

/// What is wrong with a file.
fn words(view: &View, entry: &Entry) -> Vec<Line<'static>> {
    let theme = &view.theme;
    match &entry.opened {
        Opened::Graph(_) => Vec::new(),
        Opened::Unread { is_coming: false } => Vec::new(),
        Opened::Unread { is_coming: true } => vec![styled_line("It is being read.", theme.dim)],
        Opened::Unreadable(reason) => vec![styled_line(reason.clone(), theme.bad)],
        Opened::Problems(report) => {
            let plural = if report.count() == 1 { "" } else { "s" };
            let count = format!("{} problem{plural}. Press e to fix the file here.", report.count());
            let mut lines = vec![styled_line(count, theme.bad)];
            for diagnostic in &report.diagnostics {
                lines.push(Line::default());
                lines.push(plain_line(diagnostic.to_string()));
                lines.push(styled_line(format!("    {}", diagnostic.source_line.trim_end()), theme.dim));
                let caret = " ".repeat(diagnostic.place.column.saturating_sub(1)) + &"^".repeat(diagnostic.width);
                lines.push(styled_line(format!("    {caret}"), theme.bad));
            }
            lines
        }
    }
}

/// In place of a screen of which there is nothing to show; the list beside it is left alone.
pub fn draw(view: &View, frame_: &mut Frame) {
    let (table, below) = (view.panes.table, view.panes.working);
    let area = match below.width == table.width {
        true => Rect { height: table.height + below.height, ..table },
        false => table,
    };
    draw_in(view, frame_, area);
}

pub fn draw_in(view: &View, frame_: &mut Frame, area: Rect) {
    let Some(entry) = view.entry() else {
        frame_.render_widget(Paragraph::new("no architectures").style(view.theme.dim), area);
        return;
    };
    let (title, lines) = (&entry.id, words(view, entry));
    if area.is_empty() {
        return;
    }
    let block = frame(format!(" {title} "), &view.theme, view.has_keys);
    frame_.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }).block(block), area);
}
