//! The glossary: what the words and marks of the other screens mean, each with what it comes to at the selected layer.

mod terms;

use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use terms::TERMS;

use crate::tui::input::{Binding, Group, Together, bind, moved, scrolled};
use crate::tui::model::{Entry, Model};
use crate::tui::screen::{Canvas, Context, Go, Screen, View};
use crate::tui::widgets::panes::{Panes, SizeClass, visible_rows};
use crate::tui::widgets::text::{frame, left, styled_line, styled_span, wrapped};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Back,
    Copy,
    /// A term that was clicked.
    Term(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nothing {}

#[derive(Debug, Clone, Default)]
pub struct Glossary {
    cursor: usize,
    offset: usize,
}

const BINDINGS: &[Binding<Action>] = &[
    bind("glossary", "back", "backspace left h", Action::Back, "back to the screen before", "back"),
    bind("glossary", "copy", "y", Action::Copy, "copy the explanation", "copy"),
];

impl Screen for Glossary {
    type Action = Action;
    type News = Nothing;
    type Asked = Nothing;

    const IS_TAB: bool = false;
    const ABOUT: &'static str = "what the words and marks mean, at the selected layer";
    const GROUPS: &'static [Group] = &[Group::of("glossary")];
    const TOGETHER: &'static [Together] = &[&["glossary", "moving", "everywhere"]];

    fn bindings() -> &'static [Binding<Action>] {
        BINDINGS
    }

    fn groups(&self, _: &Model) -> Together {
        Self::TOGETHER[0]
    }

    fn act(&mut self, action: Action, cx: &mut Context<Self>) {
        match action {
            Action::Back => cx.go(Go::Back),
            Action::Copy => cx.copy(self.text(cx.model).join("\n")),
            Action::Term(at) => self.cursor = at.min(TERMS.len() - 1),
        }
    }

    fn step(&mut self, by: isize, _: &mut Context<Self>) {
        self.cursor = moved(self.cursor, by, TERMS.len());
    }

    fn receive(&mut self, news: Nothing, _: &mut Context<Self>) {
        match news {}
    }

    fn refresh(&mut self, _: &mut Model, panes: &Panes) {
        self.offset = scrolled(self.offset, self.cursor, visible_rows(panes.table, 0), TERMS.len());
    }

    fn zooms(&self) -> &'static [&'static str] {
        &["the terms"]
    }

    fn draw(&self, view: &View, canvas: &mut Canvas<Action>) {
        let (theme, area) = (&view.theme, view.panes.table);
        let block = frame(" Glossary ", theme, view.has_keys);
        let inside = block.inner(area);
        canvas.frame.render_widget(block, area);
        let mut lines = Vec::new();
        for (at, term) in TERMS.iter().enumerate().skip(self.offset).take(usize::from(inside.height)) {
            let words = vec![
                styled_span(format!(" {}", left(term.name, 23)), theme.accent),
                styled_span(left(term.short, usize::from(inside.width).saturating_sub(24)), theme.text),
            ];
            lines.push(Line::from(words).style(theme.row(at == self.cursor, view.has_keys)));
            let y = inside.y + (at - self.offset) as u16;
            canvas.click(Rect { y, height: 1, ..inside }, Action::Term(at));
        }
        canvas.frame.render_widget(Paragraph::new(lines), inside);
        let below = view.panes.working;
        if below.is_empty() || view.panes.class == SizeClass::Tiny {
            return;
        }
        let title = format!(" {} ", TERMS[self.cursor.min(TERMS.len() - 1)].name);
        let text = self.text(view).into_iter().skip(1);
        let lines: Vec<Line> = text
            .flat_map(|line| wrapped(&format!(" {line}"), below.width.saturating_sub(3)))
            .map(|line| line.style(theme.text))
            .collect();
        canvas.frame.render_widget(Paragraph::new(lines).block(frame(title, theme, false)), below);
        if self.cursor == 0 && below.height > 6 {
            let hint = styled_line(" ↑↓ terms · ⌫ back ", theme.dim).right_aligned();
            let place = Rect { y: below.bottom() - 1, height: 1, width: below.width.saturating_sub(1), ..below };
            canvas.frame.render_widget(Paragraph::new(hint), place);
        }
    }
}

impl Glossary {
    /// The selected term's name, what it means, its formula, and what it is at the selected layer.
    fn text(&self, model: &Model) -> Vec<String> {
        let term = &TERMS[self.cursor.min(TERMS.len() - 1)];
        let mut lines = vec![term.name.to_string(), term.long.to_string()];
        let shown = model.entry().and_then(|entry| Some((entry.network()?, Entry::layer(entry)?)));
        let here = shown.and_then(|(network, layer)| Some(format!("{}: {}", layer.name, (term.here)(network, layer)?)));
        match (term.formula.is_empty(), here) {
            (true, None) => {}
            (true, Some(here)) => lines.push(here),
            (false, None) => lines.push(term.formula.to_string()),
            (false, Some(here)) => lines.push(format!("{}   {here}", term.formula)),
        }
        lines
    }
}
