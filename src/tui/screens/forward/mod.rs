//! Screen 5: the network run for real: layers light up as they end, and the selected one's feature maps are looked at.

mod areas;
mod pictures;
mod settings;
mod state;
mod view;
mod work;

pub use state::{Action, Forward, News, Setting, Shows};

use std::sync::Arc;

use state::{Dreamt, Look};
use view::statistics;

use crate::graph::figures::{bytes, grouped};
use crate::run::live::{Input, Ran};
use crate::spec::Origin;
use crate::spec::describe::Published;
use crate::tui::input::{Binding, Group, Together, bind};
use crate::tui::model::{Fold, Model, fold};
use crate::tui::screen::{Canvas, Context, Effect, Go, Screen, Typed, View};
use crate::tui::widgets::panes::{Panes, SizeClass};
use crate::tui::widgets::theme;
use crate::tui::work::Lane;

use Action as A;

/// Runs that are kept to be gone back to, the newest of each network.
const KEPT: usize = 4;

/// Inputs made for channels that are kept to be gone back to.
const DREAMS: usize = 64;

const BINDINGS: &[Binding<Action>] = &[
    bind("forward", "run", "enter", A::Run, "run the network", "run"),
    bind(
        "forward",
        "input",
        "i",
        A::Ask(Setting::Input),
        "choose a photo, a folder of photos, tensors, or noise",
        "photo",
    ),
    bind("forward", "weights", "w", A::Ask(Setting::Weights), "choose a file of weights, or random ones", "weights"),
    bind("forward", "published", "P", A::Published, "use its published weights, downloaded if need be", "pretrained"),
    bind(
        "forward",
        "pictures",
        "v",
        A::Shows,
        "next pictures: maps, filters, patches, dream, input, where it looks",
        "pictures",
    ),
    bind("forward", "next-photo", "]", A::Photo(1), "next photo of the folder", ""),
    bind("forward", "previous-photo", "[", A::Photo(-1), "previous photo", ""),
    bind("forward", "next-page", "right l", A::NextPage, "next page of maps", "page"),
    bind("forward", "previous-page", "left h", A::PreviousPage, "previous page", ""),
    bind("forward", "fold", "space", A::Fold(Fold::Toggle), "expand or collapse a block or layer", ""),
    bind("forward", "order", "s", A::Order, "sort maps: most active first, or in order", ""),
    bind("forward", "enlarge", "Z", A::Enlarge, "one map as large as it can be, or many", ""),
    bind("forward", "options", "o", A::Options, "batch, runs, threads, seed, class, class names", "options"),
    bind("forward", "copy", "y", A::Copy, "copy the layer's numbers", ""),
    bind("forward", "copy-table", "Y", A::CopyTable, "copy every layer's times as Markdown", ""),
];

impl Screen for Forward {
    type Action = Action;
    type News = News;
    type Asked = Setting;

    const ABOUT: &'static str = "the network run on a photo, layer by layer";
    const GROUPS: &'static [Group] = &[Group::of("forward")];
    const TOGETHER: &'static [Together] = &[&["forward", "moving", "everywhere"]];

    fn bindings() -> &'static [Binding<Action>] {
        BINDINGS
    }

    fn groups(&self, _: &Model) -> Together {
        Self::TOGETHER[0]
    }

    fn impossible(&self, action: &Action, model: &Model) -> Option<String> {
        let of_a_run =
            matches!(action, A::Shows | A::NextPage | A::PreviousPage | A::Order | A::Enlarge | A::CopyTable);
        match action {
            A::Photo(_) if model.setup.photos.len() < 2 => Some("no folder of photos is chosen".into()),
            _ if of_a_run && self.ran(model).is_none() => Some("the network has not run yet".into()),
            _ => None,
        }
    }

    fn act(&mut self, action: Action, cx: &mut Context<Self>) {
        match action {
            A::Run => self.run(cx),
            A::Ask(setting) => settings::ask(self, setting, cx),
            A::Options => settings::options(self, 0, cx),
            A::Published => ask_published(cx),
            A::Fetch(origin) => fetch(&origin, cx),
            A::Photo(by) => {
                let setup = &mut cx.model.setup;
                if setup.photos.len() < 2 {
                    cx.tell("Press i to choose a folder of photos; ] and [ then go through them.");
                    return;
                }
                setup.photo = (setup.photo as isize + by).rem_euclid(setup.photos.len() as isize) as usize;
                setup.input = Input::Photo(setup.photos[setup.photo].clone());
                self.run(cx);
            }
            A::Shows => self.turn(cx),
            A::NextPage => {
                let pages = match self.shows {
                    Shows::Dream => self.dreamable(cx.model).map_or(1, |(_, _, channels)| channels),
                    _ => self.picture.as_ref().map_or(1, |drawn| drawn.pages),
                };
                self.page = (self.page + 1).min(pages.saturating_sub(1));
                self.look(cx);
            }
            A::PreviousPage => {
                self.page = self.page.saturating_sub(1);
                self.look(cx);
            }
            A::Order => {
                self.by_activation = !self.by_activation;
                cx.tell(if self.by_activation { "Most active maps first." } else { "Maps in order." });
            }
            A::Enlarge => {
                self.enlarged = !self.enlarged;
                self.page = 0;
            }
            A::Fold(own) => {
                if cx.model.entry_mut().is_some_and(|entry| !fold(entry, own)) {
                    cx.go(Go::List);
                }
            }
            A::Copy => as_text(self, cx.model).into_iter().for_each(|text| cx.copy(text)),
            A::CopyTable => as_markdown(self, cx.model).into_iter().for_each(|text| cx.copy(text)),
            A::Row(at) => {
                if let Some(entry) = cx.model.entry_mut() {
                    entry.cursor = at.min(entry.rows().len().saturating_sub(1));
                }
            }
        }
    }

    fn step(&mut self, by: isize, cx: &mut Context<Self>) {
        cx.model.step(by);
        if self.shows == Shows::Dream {
            self.dream(cx);
        }
    }

    /// Asks the terminal, once, how it shows pictures. One that answers nothing shows none, and would have to be waited for.
    fn enter(&mut self, cx: &mut Context<Self>) {
        if !self.asked_pictures && cx.model.answers && cx.model.theme != theme::plain() {
            self.asked_pictures = true;
            cx.effect(Effect::AskPictures);
        }
    }

    fn answer(&mut self, setting: Setting, typed: &Typed, cx: &mut Context<Self>) -> Result<(), String> {
        settings::set(self, setting, typed, cx)
    }

    fn receive(&mut self, news: News, cx: &mut Context<Self>) {
        match news {
            News::Layer { first, layer } => {
                if first {
                    self.ending.clear();
                }
                self.ending.push(layer);
            }
            News::Ran(ran) => self.took(*ran, cx),
            News::Looked { run, method, class, heat } => {
                if self.looking == Some((method, class)) {
                    self.looking = None;
                }
                self.looks.push(Look { run, method, class, heat });
            }
            News::Dreamed { run, layer, channel, dream } => {
                self.dreaming = None;
                self.dreams.push(Dreamt { run, layer, channel, dream });
                let surplus = self.dreams.len().saturating_sub(DREAMS);
                self.dreams.drain(..surplus);
            }
            News::Photos(photos) => {
                let Some(first) = photos.first().cloned() else { return };
                if photos.len() > 1 {
                    cx.tell(format!("{} photos: ] and [ go through them.", photos.len()));
                }
                let setup = &mut cx.model.setup;
                (setup.input, setup.photos, setup.photo) = (Input::Photo(first), photos, 0);
                self.run(cx);
            }
            News::Published { origin, bytes, is_there } => published(origin, bytes, is_there, cx),
            News::Fetched { origin, path } => {
                let is_selected = cx.model.entry().is_some_and(|entry| entry.origin == origin);
                cx.model.setup.weights.set(origin, Some(path));
                if is_selected {
                    self.run(cx);
                }
            }
        }
    }

    /// What is shown is of the run before again.
    fn broke_off(&mut self) {
        (self.ending, self.running, self.looking, self.dreaming) = (Vec::new(), None, None, None);
    }

    fn prepare(&mut self, model: &mut Model, panes: &Panes) {
        pictures::refresh(self, model, panes);
    }

    fn zooms(&self) -> &'static [&'static str] {
        &["the layers", "the pictures"]
    }

    fn draw(&self, view: &View, canvas: &mut Canvas<Action>) {
        view::draw(self, view, canvas);
    }
}

impl Forward {
    /// Runs the selected architecture with what is set up.
    pub fn run(&mut self, cx: &mut Context<Self>) {
        let Some(request) = cx.model.request() else { return };
        if cx.model.editor().is_some_and(|editor| !editor.is_sound()) {
            cx.tell("The file has problems; running the last valid network.");
        } else if cx.model.entry().is_some_and(|entry| entry.is_edited()) {
            cx.tell("Running your unsaved edits.");
        }
        self.ending.clear();
        self.running = Some(Arc::clone(&request.network));
        let live = cx.model.live.clone();
        cx.spawn(Lane::Work, "running", work::run(live, request));
    }

    /// Another kind of picture; in a tiny window pictures take the table's place first.
    fn turn(&mut self, cx: &mut Context<Self>) {
        let is_tiny = cx.panes.class == SizeClass::Tiny;
        match is_tiny && !self.turned {
            true => self.turned = true,
            false => {
                self.shows = self.shows.next();
                // Once around, the table is there again.
                self.turned = is_tiny && self.shows != Shows::Maps;
            }
        }
        self.page = 0;
        self.look(cx);
    }

    /// Takes a run that went through.
    fn took(&mut self, ran: Ran, cx: &mut Context<Self>) {
        cx.model.forget_complaints();
        let (done, wanted) = (ran.forward.times.len(), ran.request.runs);
        if done < wanted {
            cx.tell(format!("Stopped after {done} of {wanted} runs."));
        }
        if let Some(why) = &ran.labels_missing {
            cx.complain(why.clone());
        }
        (self.ending, self.running) = (Vec::new(), None);
        self.rans.retain(|own| !Arc::ptr_eq(&own.network, &ran.network));
        self.rans.push(Arc::new(ran));
        let surplus = self.rans.len().saturating_sub(KEPT);
        self.rans.drain(..surplus);
        let kept: Vec<u64> = self.rans.iter().map(|ran| ran.number).collect();
        self.looks.retain(|look| kept.contains(&look.run));
        self.look(cx);
    }

    /// The layer whose channels can be maximised, the channel that is, and how many there are.
    fn dreamable(&self, model: &Model) -> Option<(usize, usize, usize)> {
        let (ran, layer) = (self.ran(model)?, model.entry()?.last_layer()?.index);
        let channels = ran.outputs.get(layer)?.sizes.0;
        Some((layer, self.page.min(channels.saturating_sub(1)), channels))
    }

    /// Asks for an input that maximises the channel, if that is shown and not known.
    fn dream(&mut self, cx: &mut Context<Self>) {
        let Some((layer, channel, _)) = self.dreamable(cx.model) else { return };
        let Some(ran) = self.ran(cx.model).cloned() else { return };
        let wanted = (ran.number, layer, channel);
        let is_known = self.dreams.iter().any(|own| (own.run, own.layer, own.channel) == wanted);
        if is_known || self.dreaming == Some(wanted) {
            return;
        }
        self.dreaming = Some(wanted);
        let live = cx.model.live.clone();
        cx.spawn(Lane::Work, "maximising a channel", work::dream(live, ran, layer, channel));
    }

    /// Asks where the run looks, if that is shown and not known.
    fn look(&mut self, cx: &mut Context<Self>) {
        if self.shows == Shows::Dream {
            return self.dream(cx);
        }
        let Shows::Looks(method) = self.shows else { return };
        let Some(ran) = self.ran(cx.model).cloned() else { return };
        let Some(class) = self.class(&ran) else {
            cx.tell("The network does not end in classes, so there is no class to look for.");
            return;
        };
        if self.looks.iter().any(|look| (look.run, look.method, look.class) == (ran.number, method, class)) {
            return;
        }
        self.looking = Some((method, class));
        let live = cx.model.live.clone();
        cx.spawn(Lane::Work, "computing where it looks", work::look(live, ran, class, method));
    }
}

/// The weights that are published for an architecture in the list.
fn published_for(model: &Model, origin: &Origin) -> Option<Published> {
    let entry = model.position(origin).and_then(|at| model.entries.get(at))?;
    let published = entry.network()?.architecture.weights.clone();
    published.filter(|published| published.hub.is_some())
}

/// Asks how large the published weights are, before any of them is fetched.
fn ask_published(cx: &mut Context<Forward>) {
    let Some((origin, id)) = cx.model.entry().map(|entry| (entry.origin.clone(), entry.id.clone())) else { return };
    match published_for(cx.model, &origin) {
        Some(published) => {
            cx.tell("Asking the hub for its size");
            cx.spawn(Lane::Work, "asking the hub", work::ask_published(origin, published));
        }
        None => {
            cx.tell(format!("There are no published weights for {id}. `weights: {{hub: …}}` in its file names some."));
        }
    }
}

/// Asks whether to fetch weights of a size; those that are there are taken at once.
fn published(origin: Origin, size: Option<u64>, is_there: bool, cx: &mut Context<Forward>) {
    if is_there {
        fetch(&origin, cx);
        return;
    }
    let Some(published) = published_for(cx.model, &origin) else { return };
    let size = size.map_or_else(|| "of unknown size".to_string(), bytes);
    let words = format!("Fetch {} of {} ({size})?", published.file, published.hub.unwrap_or_default());
    cx.question(words, vec![(format!("fetch {size}"), Some(A::Fetch(origin))), ("no".into(), None)]);
}

/// Fetches published weights, or checks those that are there.
fn fetch(origin: &Origin, cx: &mut Context<Forward>) {
    if let Some(published) = published_for(cx.model, origin) {
        cx.spawn(Lane::Work, "fetching", work::fetch(origin.clone(), published));
    }
}

fn as_text(forward: &Forward, model: &Model) -> Option<String> {
    let (ran, layer) = (forward.ran(model)?, model.entry()?.last_layer()?);
    let mut lines = vec![layer.name.clone()];
    lines.extend(statistics(ran, layer.index).into_iter().map(|(label, text)| format!("{label}  {text}")));
    Some(lines.join("\n"))
}

fn as_markdown(forward: &Forward, model: &Model) -> Option<String> {
    let ran = forward.ran(model)?;
    let mut text =
        String::from("| layer | ms | MACs | by | mean | std | zeros |\n|---|---:|---:|---|---:|---:|---:|\n");
    for run in &ran.forward.layers {
        let (layer, own) = (&ran.network.layers[run.index], run.statistics);
        text += &format!(
            "| {} | {:.3} | {} | {} | {:.4} | {:.4} | {:.1}% |\n",
            layer.name,
            run.time.as_secs_f64() * 1e3,
            grouped(layer.macs),
            ran.algorithms[run.index].unwrap_or_default(),
            own.mean,
            own.std,
            100.0 * own.zero_fraction
        );
    }
    Some(text)
}
