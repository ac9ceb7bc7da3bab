//! What the explorer's threads do: reading architectures again, analysing a text that is typed, timing, photos.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

use super::msg::{Msg, Training, Work};
use super::runner::Input;
use super::state::editor::Analysis;
use super::state::training::Verdict;
use super::state::views::{Measured, Photo, Timed};
use super::state::{Opened, Shown};
use super::trainer;
use super::work::{Cancel, Worker};
use crate::exchange::hub::{Hub, HubError, Progress};
use crate::graph::{self, Graph, compare};
use crate::run::attention::Method;
use crate::run::evaluate::of_run::judge_run;
use crate::run::live::{Live, Ran, Request};
use crate::run::sweep::{Base, Plan, Sweep, SweepError, Vary};
use crate::run::{fetch, measure, picture, runs};
use crate::spec::describe::Published;
use crate::spec::{Library, LoadError, Loaded, Origin};

/// An architecture's text and what it comes to.
pub fn open(library: &Library, origin: &Origin, sets: &[(String, String)]) -> (Option<String>, Opened) {
    opened(origin.read_with(sets), |text| library.load_text(origin, text, sets))
}

/// As [`open`], where others wait for it: one that would take longer than a moment is not read yet.
pub fn open_quickly(library: &Library, origin: &Origin, sets: &[(String, String)]) -> (Option<String>, Opened) {
    opened(origin.read_quickly(sets), |text| library.load_listed(origin, text, sets))
}

fn opened(
    text: Result<String, LoadError>,
    load: impl FnOnce(String) -> Result<Loaded, LoadError>,
) -> (Option<String>, Opened) {
    let text = match text {
        Ok(text) => text,
        Err(LoadError::Large { .. }) => return (None, Opened::Unreadable(LARGE.into())),
        Err(error) => return (None, Opened::Unreadable(error.to_string())),
    };
    let opened = match analysed(load(text.clone())) {
        Ok(network) => Opened::Graph(Arc::new(network)),
        Err(LoadError::Invalid(report)) => Opened::Problems(report),
        Err(LoadError::Large { .. }) => Opened::Unreadable(LARGE.into()),
        Err(error) => Opened::Unreadable(error.to_string()),
    };
    (Some(text), opened)
}

/// What stands in place of a large architecture until it is read.
pub const LARGE: &str = "It is large, and is being read.";

fn analysed(loaded: Result<Loaded, LoadError>) -> Result<Graph, LoadError> {
    loaded.and_then(|loaded| graph::analyse(&loaded).map_err(LoadError::Invalid))
}

/// A text to analyse, and the network that is saved.
pub struct Analyse {
    pub origin: Origin,
    pub version: u64,
    pub text: String,
    pub saved: Option<Arc<Graph>>,
}

/// What a text comes to, beside what is saved.
pub fn analyse(library: &Library, sets: &[(String, String)], work: &Analyse) -> Analysis {
    match analysed(library.load_text(&work.origin, work.text.clone(), sets)) {
        Ok(network) => {
            let network = Arc::new(network);
            let rows = match &work.saved {
                Some(saved) => compare::rows(&[saved, &network]),
                None => compare::rows(&[&network]),
            };
            let (shown, rows) = (Some(Shown::of(network)), Arc::new(rows));
            Analysis { shown, problems: Vec::new(), unreadable: None, rows }
        }
        Err(error) => {
            let (problems, unreadable) = match error {
                LoadError::Invalid(report) => (report.diagnostics, None),
                other => (Vec::new(), Some(other.to_string())),
            };
            Analysis { shown: None, problems, unreadable, rows: Arc::default() }
        }
    }
}

/// The thread that analyses what is typed.
pub(super) fn analysis(
    library: &Library,
    sets: &[(String, String)],
    sender: SyncSender<Input>,
) -> std::io::Result<Worker<Analyse>> {
    let (library, sets) = (library.clone(), sets.to_vec());
    let broke_off = complains("the text could not be analysed", &sender);
    let run = move |work: Analyse, _: &Cancel| {
        let analysis = Box::new(analyse(&library, &sets, &work));
        let _ = sender.send(Input::Msg(Msg::Analysed { origin: work.origin, version: work.version, analysis }));
    };
    Worker::start("analysis", run, broke_off)
}

/// The thread that reads every file again when something changed in the folders.
pub(super) fn listing(
    library: &Library,
    outside: Option<Origin>,
    sets: &[(String, String)],
    sender: SyncSender<Input>,
) -> std::io::Result<Worker<()>> {
    let (library, sets) = (library.clone(), sets.to_vec());
    let broke_off = complains("the architectures could not be read", &sender);
    let run = move |(), _: &Cancel| {
        // An editor that saves through a new name leaves the old one gone for a moment.
        std::thread::sleep(std::time::Duration::from_millis(50));
        let mut origins = library.list();
        origins.extend(outside.clone().filter(|outside| !origins.contains(outside)));
        let found = origins.into_iter().map(|origin| {
            let (text, opened) = open(&library, &origin, &sets);
            (origin, text, opened)
        });
        let _ = sender.send(Input::Msg(Msg::Listed(found.collect())));
    };
    Worker::start("files", run, broke_off)
}

/// The thread that lists runs.
pub(super) fn lister(sender: SyncSender<Input>) -> std::io::Result<Worker<()>> {
    let broke_off = complains("the runs could not be listed", &sender);
    let run = move |(), _: &Cancel| {
        let _ = sender.send(Input::Msg(Msg::Training(Training::Runs(runs::list(Path::new(runs::FOLDER))))));
    };
    Worker::start("run list", run, broke_off)
}

/// The thread that reads runs from their folders.
pub(super) fn reader(sender: SyncSender<Input>) -> std::io::Result<Worker<trainer::Read>> {
    let broke_off = complains("the run could not be read", &sender);
    let run = move |work: trainer::Read, cancel: &Cancel| trainer::read(work, || cancel.is_asked(), &sender);
    Worker::start("runs", run, broke_off)
}

/// Work that takes long enough to be watched and stopped.
pub enum Job {
    Photo(PathBuf),
    FindPhotos(PathBuf),
    Time(Timed, Vec<Arc<Graph>>),
    Forward(Request),
    Look { ran: Arc<Ran>, class: usize, method: Method },
    Effective { request: Request, layer: usize, unit: (u64, u64) },
    AskPublished(Origin, Published),
    Fetch(Origin, Published),
    Judge(PathBuf),
    Sweep { library: Library, sets: Vec<(String, String)>, origin: Origin, text: String, varies: Vec<Vary> },
}

pub(super) fn work(sender: SyncSender<Input>) -> std::io::Result<Worker<Job>> {
    // The network of the last run is kept here while its weights and architecture stay.
    let mut live = Live::default();
    let told = sender.clone();
    let broke_off = move |why| drop(told.send(Input::Msg(Msg::Work(Work::Failed(why)))));
    let run = move |job: Job, cancel: &Cancel| {
        // News in between may be dropped, results never.
        let progress = |work: Work| drop(sender.try_send(Input::Msg(Msg::Work(work))));
        let msg = match job {
            Job::Photo(path) => photo(path),
            Job::FindPhotos(path) => Msg::Photos(match path.exists() {
                true => picture::found(&[path]).map_err(|why| why.to_string()).map(|(found, left_out)| {
                    if let Some(words) = left_out.words() {
                        let _ = sender.send(Input::Msg(Msg::Tell(words)));
                    }
                    found
                }),
                false => Err(format!("there is no {}", path.display())),
            }),
            Job::Time(what, networks) => Msg::Work(time(what, &networks, cancel, progress)),
            Job::Forward(request) => Msg::Work(forward(&mut live, &request, cancel, &progress)),
            Job::Look { ran, class, method } => {
                let run = ran.number;
                Msg::Work(match live.look(&ran.request, ran.input.clone(), class, method) {
                    Ok(heat) => Work::Looked { run, method, class, heat },
                    Err(why) => Work::Failed(why.to_string()),
                })
            }
            Job::Effective { request, layer, unit } => {
                Msg::Work(effective(&mut live, request, layer, unit, cancel, &progress))
            }
            Job::AskPublished(origin, published) => ask_published(origin, &published),
            Job::Fetch(origin, published) => Msg::Work(fetched(origin, &published, cancel, &progress)),
            Job::Judge(folder) => Msg::Work(judged(folder, cancel, &progress)),
            Job::Sweep { library, sets, origin, text, varies } => {
                Msg::Work(swept((&library, &sets), &origin, text, varies, cancel, &progress))
            }
        };
        let _ = sender.send(Input::Msg(msg));
    };
    Worker::start("work", run, broke_off)
}

/// Every variant, counted.
fn swept(
    (library, sets): (&Library, &[(String, String)]),
    origin: &Origin,
    text: String,
    varies: Vec<Vary>,
    cancel: &Cancel,
    progress: &(impl Fn(Work) + Sync),
) -> Work {
    let made = || -> Result<Option<Sweep>, SweepError> {
        let text = library.resolved_text(origin, text, sets)?;
        let base = Base { id: origin.id(), origin: origin.clone(), text };
        let (budget, bases) = (Default::default(), vec![base]);
        let plan = Plan { bases, varies, random: None, seed: 0, budget, measure: None, train: None };
        let of = usize::try_from(plan.count()?).unwrap_or(usize::MAX);
        let tell = |done: usize| progress(Work::Progress { what: "counting variants".into(), done, of });
        tell(0);
        Sweep::new(library, plan, |done| {
            if done.is_multiple_of(128) {
                tell(done);
            }
            !cancel.is_asked()
        })
    };
    match made() {
        Ok(Some(sweep)) => Work::Swept(Arc::new(sweep)),
        Ok(None) => Work::Stopped,
        Err(error) => Work::Failed(error.to_string()),
    }
}

/// Tells that work of a kind broke off, and why.
fn complains(what: &'static str, sender: &SyncSender<Input>) -> impl Fn(String) + Send + use<> {
    let sender = sender.clone();
    move |why| drop(sender.send(Input::Msg(Msg::Complain(format!("{what}; {why}")))))
}

/// The shorter side of a photo under a field: more than a terminal has pixels.
const SHOWN: u64 = 512;

fn photo(path: PathBuf) -> Msg {
    match picture::read(&path, SHOWN) {
        Ok(picture) => Msg::Photo(Photo { path, picture: Arc::new(picture) }),
        Err(error) => Msg::Complain(error.to_string()),
    }
}

fn go_on(cancel: &Cancel) -> ControlFlow<()> {
    if cancel.is_asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

fn forward(live: &mut Live, request: &Request, cancel: &Cancel, progress: &(impl Fn(Work) + Sync)) -> Work {
    let count = request.network.layers.len();
    let mut ended = 0;
    let what = format!("running {}", request.network.architecture.id);
    progress(Work::Progress { what: what.clone(), done: 0, of: request.runs });
    let ran = live.run(request, |layer| {
        progress(Work::Layer { first: ended % count.max(1) == 0, layer: *layer });
        ended += 1;
        if ended % count.max(1) == 0 {
            progress(Work::Progress { what: what.clone(), done: ended / count.max(1), of: request.runs });
        }
        go_on(cancel)
    });
    match ran {
        Ok(Some(ran)) => Work::Ran(Box::new(ran)),
        Ok(None) => Work::Stopped,
        Err(why) => Work::Failed(why.to_string()),
    }
}

fn ask_published(origin: Origin, published: &Published) -> Msg {
    let asked = Hub::from_environment().and_then(|hub| Ok((hub.size(published)?, hub.cached(published).is_some())));
    match asked {
        Ok((bytes, is_there)) => Msg::Published { origin, bytes, is_there },
        Err(error) => Msg::Complain(error.to_string()),
    }
}

fn fetched(origin: Origin, published: &Published, cancel: &Cancel, progress: &impl Fn(Work)) -> Work {
    const MEGABYTE: u64 = 1_000_000;
    let got = fetch::get(published, |now| {
        let (what, done, of) = match now {
            Progress::Asking => ("asking the hub", 0, 0),
            Progress::Fetching { done, of } => ("fetching, MB", done, of),
            Progress::Checking { done, of } => ("checking, MB", done, of),
        };
        let whole = |bytes: u64| (bytes / MEGABYTE) as usize;
        progress(Work::Progress { what: what.into(), done: whole(done), of: whole(of) });
        go_on(cancel)
    });
    match got {
        Ok(got) => Work::Fetched { origin, path: got.path },
        Err(HubError::Stopped) => Work::Stopped,
        Err(error) => Work::Failed(error.to_string()),
    }
}

fn judged(folder: PathBuf, cancel: &Cancel, progress: &impl Fn(Work)) -> Work {
    let found = judge_run(&folder, |done, of| {
        progress(Work::Progress { what: "judging, images".into(), done, of });
        !cancel.is_asked()
    });
    match found {
        Ok(Some(figures)) => {
            let names = runs::classes(&folder);
            Work::Judged { folder, verdict: Box::new(Verdict { figures, names }) }
        }
        Ok(None) => Work::Stopped,
        Err(why) => Work::Failed(why.to_string()),
    }
}

/// Samples of noise that an effective field is averaged over.
const SAMPLES: usize = 8;

fn effective(
    live: &mut Live,
    request: Request,
    layer: usize,
    unit: (u64, u64),
    cancel: &Cancel,
    progress: &(impl Fn(Work) + Sync),
) -> Work {
    let found = live.effective(&request, layer, unit, SAMPLES, |done| {
        progress(Work::Progress { what: "measuring".into(), done, of: SAMPLES });
        go_on(cancel)
    });
    match found {
        Ok(Some(found)) => {
            Work::Effective(Measured { network: request.network, layer, unit, effective: Arc::new(found) })
        }
        Ok(None) => Work::Stopped,
        Err(why) => Work::Failed(why.to_string()),
    }
}

/// Runs of each network that count.
const RUNS: usize = 5;

fn time(what: Timed, networks: &[Arc<Graph>], cancel: &Cancel, progress: impl Fn(Work)) -> Work {
    let of_study = match &what {
        Timed::Study(study) => study.candidates().map(|candidates| measure::of_study(study, &candidates)),
        Timed::Designs(_) => Ok(Ok(Vec::new())),
    };
    let Ok(Ok(of_study)) = of_study else {
        return Work::Failed(
            "a network of this study has more values than can be run; make the map or channels smaller".into(),
        );
    };
    let networks: Vec<&Graph> = networks.iter().map(|network| &**network).chain(&of_study).collect();
    if let Err(error) = measure::check_memory(&networks, 1) {
        return Work::Failed(error.to_string());
    }
    let of = measure::total_runs(networks.len(), RUNS);
    let mut told = None;
    let times = measure::interleaved(&networks, 1, RUNS, 0, |done| {
        if told != Some(done) {
            told = Some(done);
            progress(Work::Progress { what: "timing".into(), done, of });
        }
        go_on(cancel)
    });
    times.map_or(Work::Stopped, |times| Work::Timed(what, times))
}
