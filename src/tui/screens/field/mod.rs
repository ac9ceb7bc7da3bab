//! Screen 2: what one unit of the selected layer sees, drawn to scale on the input, and how the field grows with depth.

mod plane;
mod state;
mod unit;
mod view;
mod work;

pub use state::{Action, Asked, Field, Measured, News, Photo};

use std::sync::Arc;

use state::Fitted;
use unit::{Along, Place, in_words, numbers, unit_at, units};

use crate::run::live;
use crate::run::preprocess::fitted;
use crate::spec::describe::Input;
use crate::tui::input::{Binding, Group, Together, bind};
use crate::tui::model::{Entry, Model};
use crate::tui::screen::{Canvas, Context, Prompt, Screen, Typed, View};
use crate::tui::widgets::panes::Panes;
use crate::tui::work::Lane;

use Action as A;

/// Largest input that a photo is scaled to while keys wait.
const MOST_PIXELS: u64 = 1 << 22;

const BINDINGS: &[Binding<Action>] = &[
    bind("field", "unit-right", "right l", A::By(0, 1), "unit to the right", "unit"),
    bind("field", "unit-left", "left h", A::By(0, -1), "unit to the left", ""),
    bind("field", "unit-below", "J", A::By(1, 0), "unit below", ""),
    bind("field", "unit-above", "K", A::By(-1, 0), "unit above", ""),
    bind("field", "middle", "0", A::Middle, "unit in the middle", "middle"),
    bind("field", "photo", "i", A::Photo, "choose the photo, the same as screen 5's", "photo"),
    bind("field", "under", "v", A::Under, "next view: the plane, or the photo", "view"),
    bind("field", "effective", "f", A::Effective, "measure the effective field of the unit", "measure"),
    bind("field", "forget", "x", A::Forget, "close what was measured", ""),
    bind("field", "mark", "c", A::Mark, "mark the architecture to compare, or unmark it", ""),
    bind("field", "copy", "y", A::Copy, "copy what the unit sees", "copy"),
];

impl Screen for Field {
    type Action = Action;
    type News = News;
    type Asked = Asked;

    const ABOUT: &'static str = "what one unit sees of the input";
    const GROUPS: &'static [Group] = &[Group::of("field")];
    const TOGETHER: &'static [Together] = &[&["field", "moving", "everywhere"]];

    fn bindings() -> &'static [Binding<Action>] {
        BINDINGS
    }

    fn groups(&self, _: &Model) -> Together {
        Self::TOGETHER[0]
    }

    fn impossible(&self, action: &Action, _: &Model) -> Option<String> {
        match action {
            A::Under if self.photo.is_none() => Some("no photo is chosen".into()),
            A::Forget if self.effective.is_none() => Some("nothing was measured yet".into()),
            _ => None,
        }
    }

    fn act(&mut self, action: Action, cx: &mut Context<Self>) {
        match action {
            A::By(rows, columns) => self.move_unit(cx.model, rows.into(), columns.into()),
            A::Unit(row, column) => self.go_to_unit(cx.model, row, column),
            A::Middle => self.place = Place::MIDDLE,
            A::Photo => {
                let text = match &cx.model.setup.input {
                    live::Input::Photo(path) => path.display().to_string(),
                    _ => String::new(),
                };
                let prompt = Prompt::new(Asked::Photo, "Photo: PNG, JPEG, WebP, …", text);
                cx.ask(Prompt { is_path: true, ..prompt });
            }
            A::Under if self.photo.is_none() => cx.tell("Press i to choose a photo first."),
            A::Under => self.is_bare = !self.is_bare,
            A::Mark => cx.model.mark(),
            A::Effective => self.measure(cx),
            A::Forget => self.effective = None,
            A::Copy => self.as_text(cx.model).into_iter().for_each(|text| cx.copy(text)),
            A::Layer(index) => {
                if let Some(entry) = cx.model.entry_mut() {
                    entry.reveal(index);
                }
            }
        }
    }

    fn step(&mut self, by: isize, cx: &mut Context<Self>) {
        cx.model.step(by);
    }

    fn answer(&mut self, Asked::Photo: Asked, typed: &Typed, cx: &mut Context<Self>) -> Result<(), String> {
        if typed.text.is_empty() {
            return Err("expected a file's name".into());
        }
        let path = cx.model.expanded(&typed.text);
        cx.spawn(Lane::Work, "reading the photo", work::photo(path));
        Ok(())
    }

    fn receive(&mut self, news: News, cx: &mut Context<Self>) {
        match news {
            News::Photo(photo) => {
                let setup = &mut cx.model.setup;
                if setup.input != live::Input::Photo(photo.path.clone()) {
                    (setup.input, setup.photos) = (live::Input::Photo(photo.path.clone()), Vec::new());
                }
                (self.photo, self.is_bare) = (Some(photo), false);
            }
            News::Effective(measured) => self.effective = Some(measured),
        }
    }

    /// The photo that was chosen on another screen is shown here too.
    fn enter(&mut self, cx: &mut Context<Self>) {
        match &cx.model.setup.input {
            live::Input::Photo(path) if self.photo.as_ref().is_none_or(|photo| photo.path != *path) => {
                let path = path.clone();
                cx.spawn(Lane::Work, "reading the photo", work::photo(path));
            }
            live::Input::Photo(_) => {}
            _ => self.photo = None,
        }
    }

    fn prepare(&mut self, model: &mut Model, _: &Panes) {
        self.fit(model);
    }

    fn zooms(&self) -> &'static [&'static str] {
        &["the input plane", "the field by depth"]
    }

    fn draw(&self, view: &View, canvas: &mut Canvas<Action>) {
        view::draw(self, view, canvas);
    }
}

impl Field {
    /// Asks for the effective field of the unit, with what is set up for forward runs.
    fn measure(&self, cx: &mut Context<Self>) {
        let shown = cx.model.entry().and_then(Entry::layer).zip(cx.model.request());
        let Some((layer, mut request)) = shown else { return };
        // On the photo that is shown, else on noise.
        request.input = match self.photo.as_ref().filter(|_| !self.is_bare) {
            Some(photo) => live::Input::Photo(photo.path.clone()),
            None => live::Input::Noise(0),
        };
        let (index, unit) = (layer.index, unit_at(self.place, layer));
        let live = cx.model.live.clone();
        cx.spawn(Lane::Work, "measuring", work::effective(live, request, index, unit));
    }

    fn move_unit(&mut self, model: &Model, rows: i64, columns: i64) {
        let Some(layer) = model.entry().and_then(Entry::layer) else { return };
        let (height, width) = units(layer);
        self.place.row = self.place.row.moved(rows, height);
        self.place.column = self.place.column.moved(columns, width);
    }

    /// Takes the unit at a row and column of the selected layer.
    fn go_to_unit(&mut self, model: &Model, row: u64, column: u64) {
        let Some(layer) = model.entry().and_then(Entry::layer) else { return };
        let (height, width) = units(layer);
        let unit = |along: Along, to: u64, units: u64| along.moved(to as i64 - along.of(units) as i64, units);
        self.place.row = unit(self.place.row, row, height);
        self.place.column = unit(self.place.column, column, width);
    }

    /// Scales the photo to the network's input when either is another.
    fn fit(&mut self, model: &mut Model) {
        let (Some(photo), Some(entry)) = (&self.photo, model.entry()) else { return };
        let Some(network) = entry.shared_network() else { return };
        let same = |fitted: &Fitted| Arc::ptr_eq(&fitted.network, network) && Arc::ptr_eq(&fitted.of, &photo.picture);
        if self.fitted.as_ref().is_some_and(same) {
            return;
        }
        let architecture = &network.architecture;
        if architecture.input.height * architecture.input.width > MOST_PIXELS {
            self.photo = None;
            model.complain("The input is too large for a photo to be scaled to it here.");
            return;
        }
        // Only how it is cropped counts here: a picture has three channels whatever the network takes.
        let input = Input { channels: 3, ..architecture.input };
        match fitted(&photo.picture, input, &architecture.preprocess) {
            Ok(picture) => {
                let (network, of) = (Arc::clone(network), Arc::clone(&photo.picture));
                self.fitted = Some(Fitted { network, of, picture: Arc::new(picture) });
            }
            Err(error) => {
                self.photo = None;
                model.complain(error.to_string());
            }
        }
    }

    /// What is copied: the layer and the numbers of its unit.
    fn as_text(&self, model: &Model) -> Option<String> {
        let entry = model.entry()?;
        let (network, layer) = (entry.network()?, entry.layer()?);
        let mut lines = vec![layer.name.clone()];
        lines.extend(numbers(network, layer, self.place).into_iter().map(|(label, text)| format!("{label}  {text}")));
        lines.extend(self.measured(network, layer).map(|effective| format!("effective  {}", in_words(effective))));
        Some(lines.join("\n"))
    }
}
