//! Screen 5: the network run for real: layers light up as they end, and the selected one's feature maps are looked at.

mod pictures;
mod view;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::graph::figures::{bytes, grouped};
use crate::run::LayerRun;
use crate::run::labels::{self, LabelFiles};
use crate::run::live::{Input, Ran, Request, Weights};
use crate::spec::Origin;
use crate::spec::describe::Published;
use crate::tui::keys::Action;
use crate::tui::keys::table::{Forward, Setting};
use crate::tui::layout::SizeClass;
use crate::tui::msg::{Effect, Standing};
use crate::tui::overlays;
use crate::tui::screens::layers;
use crate::tui::state::overlay::{Answer, Purpose, Question};
use crate::tui::state::views::Shows;
use crate::tui::state::{Overlay, State};
use crate::tui::theme::PLAIN;

pub use pictures::refresh;
pub use view::draw;

use view::statistics;

/// Asks the terminal, once, how it shows pictures. One that answers nothing shows none, and would have to be waited for.
pub fn enter(state: &mut State) -> Vec<Effect> {
    if state.asked_pictures || !state.answers || state.theme == PLAIN {
        return Vec::new();
    }
    state.asked_pictures = true;
    vec![Effect::AskPictures]
}

/// Runs that are kept to be gone back to, the newest of each network.
const KEPT: usize = 4;

/// The last run of the selected architecture as it stands.
fn ran(state: &State) -> Option<&Arc<Ran>> {
    let network = state.entry()?.shared_network()?;
    state.forward.rans.iter().rev().find(|ran| Arc::ptr_eq(&ran.network, network))
}

/// Layers of the run under way, if it is of the selected architecture.
fn ending(state: &State) -> &[LayerRun] {
    let network = state.entry().and_then(|entry| entry.shared_network());
    let is_own = network.zip(state.forward.running.as_ref()).is_some_and(|(own, running)| Arc::ptr_eq(own, running));
    if is_own { &state.forward.ending } else { &[] }
}

/// The file that was chosen for an architecture.
fn chosen_for<'a>(files: &'a [(Origin, PathBuf)], origin: &Origin) -> Option<&'a PathBuf> {
    files.iter().find(|(own, _)| own == origin).map(|(_, path)| path)
}

/// Takes another file for an architecture, or none.
fn choose(
    files: &mut Vec<(Origin, PathBuf)>,
    origin: Option<Origin>,
    path: Option<Result<PathBuf, String>>,
) -> Result<(), String> {
    let Some(origin) = origin else { return Ok(()) };
    let path = path.transpose()?;
    files.retain(|(own, _)| *own != origin);
    files.extend(path.map(|path| (origin, path)));
    Ok(())
}

/// The file that a setting needs to be there, as it was typed.
pub fn file_of(setting: Setting, text: &str) -> Option<String> {
    let is_file = match setting {
        Setting::Weights | Setting::Labels => true,
        // Photos are found, one or a folder of them.
        Setting::Input => is_tensors(Path::new(text)),
        _ => false,
    };
    is_file.then(|| text.to_string())
}

fn is_tensors(path: &Path) -> bool {
    let ending = path.extension().unwrap_or_default();
    ["npy", "safetensors"].iter().any(|known| ending.eq_ignore_ascii_case(known))
}

/// A file that was typed, if there is one.
fn file(path: PathBuf, stands: Standing) -> Result<PathBuf, String> {
    match stands {
        Standing::Folder => Err(format!("{} is a folder", path.display())),
        Standing::Nothing => Err(format!("there is no {}", path.display())),
        Standing::File => Ok(path),
    }
}

/// The weights that an architecture runs with: those that were chosen, or that its own file holds.
fn weights_of<'s>(state: &'s State, origin: &'s Origin) -> Option<&'s PathBuf> {
    chosen_for(&state.forward.weights, origin).or(match origin {
        Origin::Foreign(path) => Some(path),
        _ => None,
    })
}

/// A request with the settings of the screen.
pub fn request(state: &State) -> Option<Request> {
    let entry = state.entry()?;
    let network = Arc::clone(entry.shared_network()?);
    let view = &state.forward;
    let weights = weights_of(state, &entry.origin);
    let file = |labels: &str| match &entry.origin {
        Origin::File(file) | Origin::Foreign(file) => {
            file.parent().map_or_else(|| labels.into(), |folder| folder.join(labels))
        }
        Origin::Bundled(_) => labels.into(),
    };
    let own = labels::own(&network.architecture, file, weights.is_some());
    let labels = LabelFiles { chosen: chosen_for(&view.labels, &entry.origin).cloned(), own };
    Some(Request {
        network,
        weights: weights.map_or(Weights::Random(view.seed), |path| Weights::File(path.clone())),
        input: view.input.clone(),
        batch: view.batch,
        runs: view.runs,
        threads: view.threads,
        labels,
    })
}

pub fn act(state: &mut State, action: Action) -> Option<Vec<Effect>> {
    let Action::Forward(own) = action else {
        return match action {
            Action::Copy => as_text(state).map(|text| vec![Effect::Copy(text)]),
            Action::CopyTable => as_markdown(state).map(|text| vec![Effect::Copy(text)]),
            Action::Fold(_) => layers::act(state, action),
            _ => None,
        };
    };
    match own {
        Forward::Run => {
            let Some(request) = request(state) else { return Some(Vec::new()) };
            if state.entry().is_some_and(|entry| entry.editor.as_ref().is_some_and(|editor| !editor.is_sound())) {
                state.tell("the text has problems; what runs is the network as it was before them");
            }
            state.forward.ending.clear();
            state.forward.running = Some(Arc::clone(&request.network));
            return Some(vec![Effect::Forward(request)]);
        }
        Forward::Ask(setting) => ask(state, setting),
        Forward::Published => return Some(ask_published(state)),
        Forward::Photo(by) => {
            let view = &mut state.forward;
            if view.photos.len() < 2 {
                state.tell("i chooses a folder of photos; ] and [ then go through them");
                return Some(Vec::new());
            }
            view.photo = (view.photo as isize + by).rem_euclid(view.photos.len() as isize) as usize;
            view.input = Input::Photo(view.photos[view.photo].clone());
            return act(state, Action::Forward(Forward::Run));
        }
        Forward::Shows => {
            let is_tiny = state.panes().class == SizeClass::Tiny;
            let view = &mut state.forward;
            match is_tiny && !view.turned {
                true => view.turned = true,
                false => {
                    view.shows = view.shows.next();
                    // Once around, the table is there again.
                    view.turned = is_tiny && view.shows != Shows::Maps;
                }
            }
            view.page = 0;
            return Some(look(state));
        }
        Forward::NextPage | Forward::PreviousPage => {
            let pages = state.forward.picture.as_ref().map_or(1, |drawn| drawn.pages);
            let page = &mut state.forward.page;
            *page = if own == Forward::NextPage {
                (*page + 1).min(pages.saturating_sub(1))
            } else {
                page.saturating_sub(1)
            };
        }
        Forward::Order => {
            state.forward.by_activation = !state.forward.by_activation;
            state.tell(if state.forward.by_activation { "the most active maps first" } else { "maps in order" });
        }
        Forward::Enlarge => {
            state.forward.enlarged = !state.forward.enlarged;
            state.forward.page = 0;
        }
    }
    Some(Vec::new())
}

/// The weights that are published for an architecture in the list.
fn published_for(state: &State, origin: &Origin) -> Option<Published> {
    let entry = state.position(origin).and_then(|at| state.entries.get(at))?;
    let published = entry.network()?.architecture.weights.clone();
    published.filter(|published| published.hub.is_some())
}

/// Asks how large the published weights are, before any of them is fetched.
fn ask_published(state: &mut State) -> Vec<Effect> {
    let Some((origin, id)) = state.entry().map(|entry| (entry.origin.clone(), entry.id.clone())) else {
        return Vec::new();
    };
    match published_for(state, &origin) {
        Some(published) => {
            state.tell("asking the hub for its size");
            vec![Effect::AskPublished(origin, published)]
        }
        None => {
            state
                .tell(format!("no published weights are known for {id}; `weights: {{hub: …}}` in its file names some"));
            Vec::new()
        }
    }
}

/// Asks whether to fetch weights of a size; those that are there are taken at once.
pub fn published(state: &mut State, origin: Origin, size: Option<u64>, is_there: bool) -> Vec<Effect> {
    if is_there {
        return fetch(state, &origin);
    }
    let Some(published) = published_for(state, &origin) else { return Vec::new() };
    let size = size.map_or_else(|| "of unknown size".to_string(), bytes);
    state.overlay = Some(Overlay::Question(Question {
        words: format!("Fetch {} of {} ({size})?", published.file, published.hub.unwrap_or_default()),
        answers: vec![("no".into(), Answer::Nothing), (format!("fetch {size}"), Answer::Fetch(origin))],
        cursor: 1,
    }));
    Vec::new()
}

/// Fetches published weights, or checks those that are there.
pub fn fetch(state: &mut State, origin: &Origin) -> Vec<Effect> {
    let published = published_for(state, origin);
    published.map(|published| Effect::Fetch(origin.clone(), published)).into_iter().collect()
}

/// Takes a file of weights for an architecture, and runs it if that one is selected.
pub fn take_weights(state: &mut State, origin: &Origin, path: PathBuf) -> Vec<Effect> {
    let weights = &mut state.forward.weights;
    weights.retain(|(own, _)| own != origin);
    weights.push((origin.clone(), path));
    match state.entry().is_some_and(|entry| entry.origin == *origin) {
        true => act(state, Action::Forward(Forward::Run)).unwrap_or_default(),
        false => Vec::new(),
    }
}

fn ask(state: &mut State, setting: Setting) {
    let view = &state.forward;
    let path = |path: &std::path::Path| path.display().to_string();
    let chosen = |files: &[(Origin, PathBuf)]| {
        let own = state.entry().and_then(|entry| chosen_for(files, &entry.origin));
        own.map_or(String::new(), |own| path(own))
    };
    let text = match setting {
        Setting::Input => match &view.input {
            Input::Photo(own) | Input::Tensors(own) => path(own),
            Input::Noise(_) => String::new(),
        },
        Setting::Labels => chosen(&view.labels),
        Setting::Weights => chosen(&view.weights),
        Setting::Batch => view.batch.to_string(),
        Setting::Runs => view.runs.to_string(),
        Setting::Threads => view.threads.map_or(String::new(), |threads| threads.to_string()),
        Setting::Seed => view.seed.to_string(),
        Setting::Class => view.class.map_or(String::new(), |class| class.to_string()),
    };
    overlays::ask_path(state, Purpose::Setting(setting), text);
}

/// Takes a setting that was typed, or says what would be right. A new photo or new weights are run at once.
pub fn set(state: &mut State, setting: Setting, text: &str, stands: Standing) -> Result<Vec<Effect>, String> {
    let count = |most: usize| match text.parse::<usize>() {
        Ok(count) if (1..=most).contains(&count) => Ok(count),
        _ => Err(format!("expected a number from 1 to {most}")),
    };
    let classes = state.entry().and_then(|entry| entry.network()?.layers.last()).map(|last| last.output.elements());
    let origin = state.entry().map(|entry| entry.origin.clone());
    let names = ran(state).and_then(|ran| ran.labels.clone());
    let path = overlays::expanded(text, state.home.as_deref());
    let chosen = (!text.is_empty()).then(|| file(path.clone(), stands));
    let view = &mut state.forward;
    match setting {
        Setting::Input if text.is_empty() => {
            view.photos.clear();
            view.input = Input::Noise(view.seed);
        }
        Setting::Input => {
            if !is_tensors(&path) {
                return Ok(vec![Effect::FindPhotos(path)]);
            }
            view.input = Input::Tensors(file(path, stands)?);
            view.photos.clear();
        }
        Setting::Labels => choose(&mut view.labels, origin, chosen)?,
        Setting::Weights => choose(&mut view.weights, origin, chosen)?,
        Setting::Batch => view.batch = count(4096)?,
        Setting::Runs => view.runs = count(10_000)?,
        Setting::Threads if text.is_empty() => view.threads = None,
        Setting::Threads => view.threads = Some(count(1024)?),
        Setting::Seed => {
            let seed = text.parse::<u64>().map_err(|_| "expected a whole number".to_string())?;
            view.seed = seed;
            if let Input::Noise(own) = &mut view.input {
                *own = seed;
            }
        }
        Setting::Class if text.is_empty() => view.class = None,
        Setting::Class => {
            let named = names.iter().flatten().position(|name| name.eq_ignore_ascii_case(text));
            let class = text.parse::<usize>().ok().or(named);
            let class = class.ok_or("expected the number of a class, or its name where names are known")?;
            if let Some(classes) = classes.filter(|classes| class as u128 >= *classes) {
                return Err(format!("the network has {} classes, from 0 on", grouped(classes)));
            }
            view.class = Some(class);
            return Ok(look(state));
        }
    }
    Ok(act(state, Action::Forward(Forward::Run)).unwrap_or_default())
}

/// Takes the photos that were chosen, and runs the first. A folder without any leaves the choice as it was.
pub fn chosen(state: &mut State, photos: Result<Vec<PathBuf>, String>) -> Vec<Effect> {
    match photos {
        Ok(photos) => {
            let Some(first) = photos.first().cloned() else { return Vec::new() };
            if photos.len() > 1 {
                state.tell(format!("{} photos; ] and [ go through them", photos.len()));
            }
            let view = &mut state.forward;
            (view.input, view.photos, view.photo) = (Input::Photo(first), photos, 0);
            act(state, Action::Forward(Forward::Run)).unwrap_or_default()
        }
        Err(why) => {
            state.complain(why);
            Vec::new()
        }
    }
}

/// A run ended with nothing: what is shown is of the run before again.
pub fn broke_off(state: &mut State) {
    (state.forward.ending, state.forward.running) = (Vec::new(), None);
}

/// A layer of the run under way ended.
pub fn layer_ended(state: &mut State, first: bool, layer: LayerRun) {
    if first {
        state.forward.ending.clear();
    }
    state.forward.ending.push(layer);
}

/// Takes a run that went through.
pub fn took(state: &mut State, ran: Ran) -> Vec<Effect> {
    // What went wrong before was seen to.
    state.toasts.retain(|toast| !toast.bad);
    let (done, wanted) = (ran.forward.times.len(), ran.request.runs);
    if done < wanted {
        state.tell(format!("stopped after {done} of {wanted} runs"));
    }
    if let Some(why) = &ran.labels_missing {
        state.complain(why.clone());
    }
    let view = &mut state.forward;
    (view.ending, view.running) = (Vec::new(), None);
    view.rans.retain(|own| !Arc::ptr_eq(&own.network, &ran.network));
    view.rans.push(Arc::new(ran));
    let surplus = view.rans.len().saturating_sub(KEPT);
    view.rans.drain(..surplus);
    let kept: Vec<u64> = view.rans.iter().map(|ran| ran.number).collect();
    view.looks.retain(|look| kept.contains(&look.run));
    look(state)
}

/// The class that is looked for.
fn class(state: &State, ran: &Ran) -> Option<usize> {
    state.forward.class.or(ran.top.first().map(|(class, _)| *class))
}

/// Asks where the run looks, if that is shown and not known.
fn look(state: &mut State) -> Vec<Effect> {
    let Shows::Looks(method) = state.forward.shows else { return Vec::new() };
    let Some(ran) = ran(state) else { return Vec::new() };
    let Some(class) = class(state, ran) else {
        state.tell("the network does not end in classes, so there is nothing it looks for");
        return Vec::new();
    };
    let run = ran.number;
    if state.forward.looks.iter().any(|look| (look.run, look.method, look.class) == (run, method, class)) {
        return Vec::new();
    }
    let effect = Effect::Look { ran: Arc::clone(ran), class, method };
    state.forward.looking = Some((method, class));
    vec![effect]
}

fn as_text(state: &State) -> Option<String> {
    let (ran, layer) = (ran(state)?, state.entry()?.last_layer()?);
    let mut lines = vec![layer.name.clone()];
    lines.extend(statistics(ran, layer.index).into_iter().map(|(label, text)| format!("{label}  {text}")));
    Some(lines.join("\n"))
}

fn as_markdown(state: &State) -> Option<String> {
    let ran = ran(state)?;
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
