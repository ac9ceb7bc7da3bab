//! Screen 3: two to four architectures side by side (`designs`), the kernel study (`kernels`), variants of one architecture
//! (`sweep`).

mod designs;
mod kernels;
mod state;
mod sweep;
mod work;

pub use state::{Action, Asked, Compare, News, Number, Shows, Timed};
pub use sweep::varies;

use serde_json::{Value, json};

use crate::tui::input::{Binding, Group, Together, bind, moved};
use crate::tui::model::Model;
use crate::tui::screen::{Canvas, Context, Go, Prompt, Screen, Typed, View};
use crate::tui::widgets::panes::Panes;
use crate::tui::work::Lane;

use Action as A;

const BINDINGS: &[Binding<Action>] = &[
    bind("compare", "number", "o", A::Number, "compare parameters, MACs, output or field", "number"),
    bind("compare", "changes", "d", A::Changes, "only rows that differ, or all", "differences"),
    bind("compare", "kernels", "v", A::Switch, "next view: the kernel study", "kernels"),
    bind("compare", "time", "f", A::Time, "measure their times, run in turn", "time"),
    bind("compare", "mark", "c", A::Mark, "mark or unmark the selected architecture", "mark"),
    bind("compare", "clear", "x", A::Clear, "unmark all (asks)", ""),
    bind("compare", "copy", "y", A::Copy, "copy the row", ""),
    bind("compare", "copy-table", "Y", A::CopyTable, "copy the table as Markdown", ""),
    bind("kernels", "less", "left h", A::Less, "decrease the selected number", ""),
    bind("kernels", "more", "right l", A::More, "increase it", "change"),
    bind("kernels", "half", "H", A::MuchLess, "halve it", ""),
    bind("kernels", "double", "L", A::MuchMore, "double it", "double"),
    bind("kernels", "designs", "v", A::Switch, "next view: sweeps over variants", "sweeps"),
    bind("kernels", "time", "f", A::Time, "measure every way, run in turn", "time"),
    bind("kernels", "copy", "y", A::Copy, "copy the study as Markdown", "copy"),
    bind("sweep", "previous", "left h", A::Less, "previous variant", ""),
    bind("sweep", "next", "right l", A::More, "next variant", "walk"),
    bind("sweep", "vary", "i", A::Vary, "say what to vary", "vary"),
    bind("sweep", "open", "enter", A::Open, "open the variant in the editor", "open"),
    bind("sweep", "number", "o", A::Number, "compare another two figures", "figures"),
    bind("sweep", "changes", "d", A::Changes, "the front alone, or all", "front"),
    bind("sweep", "designs", "v", A::Switch, "next view: architectures side by side", "architectures"),
    bind("sweep", "copy", "y", A::Copy, "copy the variant as an architecture file", "copy"),
];

impl Screen for Compare {
    type Action = Action;
    type News = News;
    type Asked = Asked;

    const ABOUT: &'static str = "architectures side by side, kernel study, sweeps";
    const GROUPS: &'static [Group] = &[Group::of("compare"), Group::of("kernels"), Group::of("sweep")];
    const TOGETHER: &'static [Together] = &[
        &["compare", "moving", "everywhere"],
        &["kernels", "moving", "everywhere"],
        &["sweep", "moving", "everywhere"],
    ];

    fn bindings() -> &'static [Binding<Action>] {
        BINDINGS
    }

    fn groups(&self, _: &Model) -> Together {
        Self::TOGETHER[self.shows as usize]
    }

    fn impossible(&self, action: &Action, model: &Model) -> Option<String> {
        (*action == A::Clear && model.marked.is_empty()).then(|| "nothing is marked".into())
    }

    fn act(&mut self, action: Action, cx: &mut Context<Self>) {
        match (action, self.shows) {
            (A::Switch, shown) => {
                self.shows = match shown {
                    Shows::Designs => Shows::Kernels,
                    Shows::Kernels => Shows::Sweep,
                    Shows::Sweep => Shows::Designs,
                }
            }
            (A::Number, Shows::Sweep) => sweep::next_pair(&mut self.sweep),
            (A::Number, _) => self.number = self.number.next(),
            (A::Changes, Shows::Sweep) => sweep::narrow(&mut self.sweep),
            (A::Changes, _) => self.only_changes = !self.only_changes,
            (A::Mark, _) => cx.model.mark(),
            (A::Clear, _) => {
                let count = cx.model.marked.len();
                if count > 0 {
                    let answers = vec![("Unmark".into(), Some(A::ClearNow)), ("Cancel".into(), None)];
                    cx.question(format!("Unmark all {count} architectures?"), answers);
                }
            }
            (A::ClearNow, _) => cx.model.marked.clear(),
            (A::Time, Shows::Kernels) => {
                cx.spawn(Lane::Work, "timing", work::time(Timed::Study(self.study), Vec::new()));
            }
            (A::Time, _) => self.time(cx),
            (A::Less | A::More, Shows::Sweep) => {
                let by = if action == A::More { 1 } else { -1 };
                self.sweep.cursor = moved(self.sweep.cursor, by, self.sweep.order.len());
            }
            (A::Less | A::More | A::MuchLess | A::MuchMore, _) => kernels::change(self, action),
            (A::Vary, _) => {
                let title = "Vary: conv.kernel=3,5 block3.*.out=64..256/64";
                cx.ask(Prompt::new(Asked::Vary, title, self.sweep.typed.clone()));
            }
            (A::Open, _) => self.open(cx),
            (A::Copy, Shows::Designs) => {
                designs::as_text(self, cx.model).into_iter().for_each(|text| cx.copy(text));
            }
            (A::Copy, Shows::Kernels) => cx.copy(kernels::as_markdown(self)),
            (A::Copy, Shows::Sweep) => sweep::as_text(&self.sweep).into_iter().for_each(|text| cx.copy(text)),
            (A::CopyTable, _) => cx.copy(designs::as_markdown(self, cx.model)),
            (A::Row(at), Shows::Designs) => self.cursor = at,
            (A::Row(at), Shows::Kernels) => self.slider = at.min(kernels::SLIDERS - 1),
            (A::Row(at), Shows::Sweep) => self.sweep.cursor = at,
        }
    }

    fn step(&mut self, by: isize, _: &mut Context<Self>) {
        match self.shows {
            Shows::Sweep => self.sweep.cursor = moved(self.sweep.cursor, by, self.sweep.order.len()),
            Shows::Kernels => self.slider = moved(self.slider, by, kernels::SLIDERS),
            Shows::Designs => self.cursor = moved(self.cursor, by, designs::count(self)),
        }
    }

    fn answer(&mut self, Asked::Vary: Asked, typed: &Typed, cx: &mut Context<Self>) -> Result<(), String> {
        let (origin, text, varies) = sweep::ask(&mut self.sweep, cx.model, &typed.text)?;
        let (library, sets) = (cx.model.library.clone(), cx.model.sets.clone());
        cx.spawn(Lane::Work, "counting variants", work::sweep(library, sets, origin, text, varies));
        Ok(())
    }

    fn receive(&mut self, news: News, cx: &mut Context<Self>) {
        match news {
            News::Timed(what, times) => {
                if let Timed::Study(study) = &what
                    && *study != self.study
                {
                    cx.tell("Timed, but the study has changed since.");
                }
                self.times = Some((what, times));
            }
            News::Swept(swept) => sweep::take(&mut self.sweep, cx.model, swept),
        }
    }

    fn refresh(&mut self, model: &mut Model, panes: &Panes) {
        if self.shows == Shows::Designs {
            designs::refresh(self, model, panes.table);
        }
        sweep::refresh(&mut self.sweep, panes.table);
    }

    fn draw(&self, view: &View, canvas: &mut Canvas<Action>) {
        match self.shows {
            Shows::Designs => designs::draw(self, view, canvas),
            Shows::Kernels => kernels::draw(self, view, canvas),
            Shows::Sweep => sweep::draw(&self.sweep, view, canvas),
        }
    }

    fn remember(&self) -> Value {
        json!({"number": self.number})
    }

    fn restore(&mut self, value: Value) {
        self.number = serde_json::from_value(value["number"].clone()).unwrap_or(self.number);
    }
}

impl Compare {
    /// Times what is compared.
    fn time(&self, cx: &mut Context<Self>) {
        let shown = designs::compared(cx.model);
        if shown.len() < 2 {
            cx.tell("Press c on another architecture to mark it first.");
            return;
        }
        let what = Timed::Designs(shown.iter().map(|entry| entry.origin.clone()).collect());
        let networks = shown.iter().filter_map(|entry| entry.shared_network().cloned()).collect();
        cx.spawn(Lane::Work, "timing", work::time(what, networks));
    }

    fn open(&self, cx: &mut Context<Self>) {
        match sweep::open(&self.sweep, cx.model) {
            Ok((number, text)) => {
                cx.go(Go::Edit(text));
                cx.tell(format!(
                    "Variant {number}: its changes are at the end of the text. ^T saves it as a file of its own."
                ));
            }
            Err(why) => cx.complain(why),
        }
    }
}
