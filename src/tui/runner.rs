//! The loop: events become messages, effects are carried out, the state is painted when it changed.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::time::{Duration, Instant};

use ratatui::crossterm::event::{self, Event, KeyEventKind, MouseButton, MouseEventKind};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{BeginSynchronizedUpdate, EndSynchronizedUpdate};
use ratatui::layout::Position;
use rayon::prelude::*;

use super::background::{self, Taken};
use super::disk::{self, Disk};
use super::draw::draw;
use super::jobs::{self, Analyse, Job};
use super::keys::{Key, KeyMap};
use super::msg::{Effect, Msg, Region, Training, Usable};
use super::remembered::Remembered;
use super::screens::{self, train};
use super::state::{Entry, Opened, State};
use super::terminal::{self, Session, out};
use super::theme::Theme;
use super::trainer::{self, Trainer};
use super::update::update;
use super::watch;
use super::work::Worker;
use crate::files::read;
use crate::run::runs;
use crate::spec::problem::Report;
use crate::spec::{Library, LoadError, Origin, variant};

/// Why the explorer did not open, or broke off.
#[derive(Debug, thiserror::Error)]
pub enum ExploreError {
    #[error("the explorer needs a terminal; `convlens show vgg16` prints the same table anywhere")]
    NoTerminal,
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error("the terminal failed: {0}")]
    Terminal(#[from] io::Error),
    #[error("cannot read the keys in {path}: {reason}")]
    KeysUnreadable { path: String, reason: String },
    #[error("the keys are not as they should be\n{0}")]
    Keys(Report),
}

/// What the loop waits for.
pub(super) enum Input {
    Event(Event),
    Msg(Msg),
    Resized,
    Terminate,
    /// The terminal has gone.
    Closed,
}

/// Fewest milliseconds between two paintings.
const FRAME: Duration = Duration::from_millis(33);

/// How the explorer is opened.
pub struct Opening<'a> {
    pub library: &'a Library,
    /// An architecture by name; without it the one of last time.
    pub arch: Option<&'a str>,
    /// `--set` changes, made to all that is shown.
    pub sets: &'a [(String, String)],
    /// The colours; without them what the terminal says of itself decides.
    pub theme: Option<Theme>,
}

/// Opens the explorer.
pub fn run(opening: &Opening) -> Result<(), ExploreError> {
    let Opening { library, arch, sets, theme } = *opening;
    let mut origins = library.list();
    origins.sort_by_key(|origin| !matches!(origin, Origin::Bundled(_)));
    let mut outside = None;
    let named = arch.map(|name| library.find(name)).transpose()?;
    if let Some(named) = named.as_ref().filter(|named| !origins.contains(named)) {
        // A path outside the folders that are listed; that it cannot be read is told at once.
        if let Err(
            error @ (LoadError::Unreadable { .. }
            | LoadError::Foreign { .. }
            | LoadError::TooLarge { .. }
            | LoadError::NotText { .. }),
        ) = library.load_origin(named, sets)
        {
            return Err(error.into());
        }
        origins.push(named.clone());
        outside = Some(named.clone());
    }
    let dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
    if dumb || !terminal::is_there() {
        return Err(ExploreError::NoTerminal);
    }
    let keys = keys()?;
    let disk = Disk::new();
    let remembered = disk.remembered();
    let position = |origin: &Origin| origins.iter().position(|own| own == origin);
    let by_id = |id: &str| origins.iter().position(|origin| origin.id() == id);
    let selected = match &named {
        Some(named) => position(named),
        None => remembered.architecture.as_deref().and_then(by_id).or(by_id("vgg16")),
    };
    // Side by side, so that one that takes long does not delay the others.
    let open = |origin: &Origin| match named.as_ref() == Some(origin) {
        true => jobs::open(library, origin, sets),
        false => jobs::open_quickly(library, origin, sets),
    };
    let read: Vec<_> = origins.par_iter().map(open).collect();
    let waits = read.iter().any(|(_, opened)| matches!(opened, Opened::Unreadable(why) if why == jobs::LARGE));
    let entries = origins.iter().zip(read).map(|(origin, (text, opened))| {
        let mut entry = Entry::new(origin.clone(), text, opened);
        entry.left_over = disk.left_over(origin);
        entry
    });
    let follows = theme.is_none();
    let variable = |name: &str| std::env::var(name).ok();
    let theme = theme.unwrap_or_else(|| super::theme::detect(variable));
    let mut state = State::new(entries.collect(), selected.unwrap_or(0), theme);
    state.keys = keys;
    state.follows_background = follows;
    state.home = etcetera::home_dir().ok();
    state.depth = super::theme::depth(variable).unwrap_or(state.depth);
    state.new_files = library.place_for("x").parent().map_or_else(PathBuf::new, PathBuf::from);
    remembered.restore(&mut state);
    let left: Vec<&str> =
        state.entries.iter().filter(|entry| entry.left_over.is_some()).map(|entry| entry.id.as_str()).collect();
    if !left.is_empty() {
        let words = format!("a text of {} was not saved last time; it is offered in its editor (4)", left.join(", "));
        state.complain(words);
    }
    let (sender, inputs) = sync_channel(256);
    let session = Session::start(state.mouse)?;
    let next_key = listen(&sender)?;
    let analysis = jobs::analysis(library, sets, sender.clone())?;
    let work = jobs::work(sender.clone())?;
    let reader = jobs::reader(sender.clone())?;
    let lister = jobs::lister(sender.clone())?;
    let listing = jobs::listing(library, outside, sets, sender.clone())?;
    if waits {
        // In its thread, after the first frame.
        listing.give(());
    }
    // Without a watcher (no more handles, a file system that has none) `r` still reads again.
    let files = state.entries.iter().filter_map(|entry| match &entry.origin {
        Origin::File(path) | Origin::Foreign(path) => Some(path.clone()),
        Origin::Bundled(_) => None,
    });
    let _watch = watch::start(library, files.collect(), listing);
    let runner = Runner {
        library,
        sets,
        session,
        disk,
        state,
        regions: Vec::new(),
        answer: background::Answer::default(),
        next_key,
        analysis,
        work,
        trainer: None,
        reader,
        lister,
        sender,
        changed: true,
    };
    runner.run(inputs)
}

/// A run that could not begin.
fn refused(why: String) -> Msg {
    Msg::Training(Training::Ended(Err(why)))
}

/// The table of keys with the user's changes.
pub fn keys() -> Result<KeyMap, ExploreError> {
    let Some(path) = disk::keys_file().filter(|path| path.exists()) else { return Ok(KeyMap::default()) };
    let text = read::text(&path, read::SMALL);
    let path = path.display().to_string();
    let text = text.map_err(|error| ExploreError::KeysUnreadable { path: path.clone(), reason: error.to_string() })?;
    KeyMap::read(&text, &path).map_err(ExploreError::Keys)
}

/// From here on an interrupt, and a request to end, ends the process at once: checkpoints are whole at any instant.
fn interrupts_end_it() {
    #[cfg(unix)]
    {
        use signal_hook::consts::{SIGINT, SIGTERM};
        let at_once = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
        for signal in [SIGINT, SIGTERM] {
            // Where it cannot be heard, the run is waited for.
            let _ = signal_hook::flag::register_conditional_shutdown(signal, 130, std::sync::Arc::clone(&at_once));
        }
    }
}

/// Threads that wait for the keyboard and for signals. The keyboard's reads its next event only when it is told to, so
/// that another program can have the keyboard meanwhile.
fn listen(sender: &SyncSender<Input>) -> io::Result<Sender<()>> {
    #[cfg(unix)]
    {
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGWINCH};
        // crossterm tells of a new size too, but can miss one that comes together with a key.
        let mut signals = signal_hook::iterator::Signals::new([SIGTERM, SIGHUP, SIGINT, SIGWINCH])?;
        let sender = sender.clone();
        std::thread::spawn(move || {
            for signal in signals.forever() {
                // An interrupt from the keyboard is the other program's while it has the terminal.
                if signal == SIGINT && super::terminal::is_lent() {
                    continue;
                }
                let input = if signal == SIGWINCH { Input::Resized } else { Input::Terminate };
                if sender.send(input).is_err() {
                    break;
                }
            }
        });
    }
    let (next_key, told) = channel();
    let sender = sender.clone();
    std::thread::spawn(move || {
        while let Ok(()) = told.recv() {
            let input = event::read().map_or(Input::Closed, Input::Event);
            let closed = matches!(input, Input::Closed);
            if sender.send(input).is_err() || closed {
                break;
            }
        }
    });
    Ok(next_key)
}

struct Runner<'a> {
    library: &'a Library,
    sets: &'a [(String, String)],
    session: Session,
    disk: Disk,
    state: State,
    regions: Vec<Region>,
    answer: background::Answer,
    /// Tells the keyboard's thread to read on.
    next_key: Sender<()>,
    analysis: Worker<Analyse>,
    work: Worker<Job>,
    trainer: Option<Trainer>,
    /// Reads runs from their folders.
    reader: Worker<trainer::Read>,
    /// Reads which runs there are.
    lister: Worker<()>,
    sender: SyncSender<Input>,
    /// Whether there is something to paint.
    changed: bool,
}

impl Runner<'_> {
    fn run(mut self, inputs: Receiver<Input>) -> Result<(), ExploreError> {
        let ended = self.until_it_ends(&inputs);
        self.disk.remember(&Remembered::of(&self.state));
        // Nobody listens any more; the run ends after its step and is kept, with the terminal given back meanwhile.
        drop(inputs);
        let trainer = self.trainer.take();
        // Before the terminal is given back, after which Ctrl-C is an interrupt.
        if trainer.is_some() {
            interrupts_end_it();
        }
        drop(self);
        if let Some(trainer) = trainer {
            if !trainer.is_over() {
                terminal::say(
                    "stopping after this step and saving the run; Ctrl-C ends at once and keeps the last checkpoint",
                );
            }
            trainer.finish();
        }
        ended
    }

    fn until_it_ends(&mut self, inputs: &Receiver<Input>) -> Result<(), ExploreError> {
        let size = self.session.terminal.size()?;
        self.carry_out(Msg::Resize(size.width, size.height))?;
        let effects = (self.state.face().enter)(&mut self.state);
        self.effects(effects)?;
        self.paint()?;
        // A virtual console takes the question for colours of its own.
        if self.state.theme != super::theme::PLAIN && std::env::var("TERM").is_ok_and(|term| term != "linux") {
            out().write_all(background::QUESTION.as_bytes())?;
            out().flush()?;
        }
        let _ = self.next_key.send(());
        let mut ticked = Instant::now();
        loop {
            let painted = Instant::now();
            self.changed = false;
            let Some(mut input) = self.wait(inputs, &mut ticked) else { return Ok(()) };
            loop {
                if self.take(input)? {
                    return Ok(());
                }
                // What comes within a frame is painted together; the first key after a pause at once.
                let wait = FRAME.saturating_sub(painted.elapsed());
                match inputs.recv_timeout(wait) {
                    Ok(next) => input = next,
                    Err(_) => break,
                }
            }
            // The mouse moving over the window changes nothing.
            if self.changed {
                self.paint()?;
            }
        }
    }

    /// The next input; while something is shown that ends with time, a tick each second.
    fn wait(&self, inputs: &Receiver<Input>, ticked: &mut Instant) -> Option<Input> {
        const SECOND: Duration = Duration::from_secs(1);
        if self.state.toasts.is_empty() && !train::watches_runs(&self.state) {
            *ticked = Instant::now();
            return inputs.recv().ok();
        }
        match inputs.recv_timeout(SECOND.saturating_sub(ticked.elapsed())) {
            Ok(input) => Some(input),
            Err(RecvTimeoutError::Timeout) => {
                *ticked = Instant::now();
                Some(Input::Msg(Msg::Tick))
            }
            Err(RecvTimeoutError::Disconnected) => None,
        }
    }

    fn paint(&mut self) -> io::Result<()> {
        screens::prepare(&mut self.state);
        execute!(out(), BeginSynchronizedUpdate)?;
        let (state, regions) = (&self.state, &mut self.regions);
        self.session.terminal.draw(|frame| *regions = draw(state, frame))?;
        execute!(out(), EndSynchronizedUpdate)
    }

    /// True when the loop is to end.
    fn take(&mut self, input: Input) -> Result<bool, ExploreError> {
        let from_keyboard = matches!(input, Input::Event(_));
        let msg = match input {
            Input::Terminate => Some(Msg::Terminate),
            Input::Closed => return Ok(true),
            Input::Resized => {
                let size = self.session.terminal.size()?;
                Some(Msg::Resize(size.width, size.height))
            }
            Input::Msg(msg) => Some(msg),
            Input::Event(event) => self.msg(event),
        };
        let ends = match msg {
            Some(msg) => self.carry_out(msg)?,
            None => false,
        };
        if from_keyboard && !ends {
            let _ = self.next_key.send(());
        }
        Ok(ends)
    }

    fn carry_out(&mut self, msg: Msg) -> Result<bool, ExploreError> {
        self.changed = true;
        let effects = update(&mut self.state, msg);
        self.effects(effects)
    }

    fn effects(&mut self, effects: Vec<Effect>) -> Result<bool, ExploreError> {
        for effect in effects {
            let msg = match effect {
                Effect::Quit => return Ok(true),
                Effect::Load(origin) => {
                    let (text, opened) = jobs::open(self.library, &origin, self.sets);
                    Some(Msg::Loaded(origin, text, Box::new(opened)))
                }
                Effect::Analyse { origin, version, text, saved } => {
                    self.analysis.give(Analyse { origin, version, text, saved });
                    None
                }
                Effect::Save { origin, path, text, expected, extending } => {
                    let text = match self.shortened(&origin, &path, &text, extending) {
                        Ok(text) => text,
                        Err(words) => {
                            self.carry_out(Msg::Complain(words))?;
                            text
                        }
                    };
                    Some(match disk::save(&path, &text, &expected) {
                        Ok(()) => Msg::Saved { origin, path, text },
                        Err(why) => Msg::NotSaved { path, why },
                    })
                }
                Effect::Keep(origin, text) => {
                    let kept = self.disk.keep(&origin, text.as_ref());
                    kept.err().map(|error| Msg::NotKept(error.to_string()))
                }
                Effect::External { origin, text } => {
                    let edited = self.session.edit(&origin.id(), &text, self.state.mouse);
                    let size = self.session.terminal.size()?;
                    self.carry_out(Msg::Resize(size.width, size.height))?;
                    Some(match edited {
                        Ok(text) => Msg::Edited { origin, text },
                        Err(why) => Msg::Complain(why),
                    })
                }
                Effect::Export { network, origin, format, path } => {
                    Some(match super::export::write(&network, &origin, format, &path) {
                        Ok(words) => Msg::Tell(words),
                        Err(why) => Msg::Complain(why),
                    })
                }
                Effect::Photo(path) => {
                    self.work.give(Job::Photo(path));
                    None
                }
                Effect::Forward(request) => {
                    self.work.give(Job::Forward(request));
                    None
                }
                Effect::Look { ran, class, method } => {
                    self.work.give(Job::Look { ran, class, method });
                    None
                }
                Effect::Effective { request, layer, unit } => {
                    self.work.give(Job::Effective { request, layer, unit });
                    None
                }
                Effect::AskPublished(origin, published) => {
                    self.work.give(Job::AskPublished(origin, published));
                    None
                }
                Effect::Fetch(origin, published) => {
                    self.work.give(Job::Fetch(origin, published));
                    None
                }
                Effect::UseRun(listed, folder) => Some(match runs::weights_of(&folder.display().to_string()) {
                    Ok(weights) => {
                        let run = folder.file_name().map_or_else(String::new, |name| name.display().to_string());
                        let origin = Origin::File(folder.join(runs::ARCHITECTURE));
                        let (text, opened) = jobs::open(self.library, &origin, &[]);
                        let usable = Usable { run, listed, origin, text, opened, weights };
                        Msg::Training(Training::Usable(Box::new(usable)))
                    }
                    Err(error) => Msg::Complain(error.to_string()),
                }),
                Effect::Judge(folder) => {
                    self.work.give(Job::Judge(folder));
                    None
                }
                Effect::FindPhotos(path) => {
                    self.work.give(Job::FindPhotos(path));
                    None
                }
                Effect::LookUp { of, path } => Some(Msg::LookedUp { of, stands: disk::what_stands_at(&path) }),
                Effect::CompletePath(of) => {
                    let completion = super::paths::complete(&of);
                    Some(Msg::Completed { of, completion })
                }
                // The keyboard's thread waits meanwhile, so that the answer is not taken for keys.
                Effect::AskPictures => super::pictures::ask().map(Msg::Pictures),
                Effect::Train(mut wanted) => {
                    if let trainer::Wanted::Begin(begin) = &mut wanted {
                        begin.sets = self.sets.to_vec();
                    }
                    if self.trainer.as_ref().is_some_and(|trainer| !trainer.is_over()) {
                        Some(refused("the run before is still being kept".into()))
                    } else {
                        let started = Trainer::start(self.library, wanted, self.sender.clone());
                        started.map(|trainer| self.trainer = Some(trainer)).err().map(|why| refused(why.to_string()))
                    }
                }
                Effect::TellTrainer(command) => {
                    self.trainer.iter().for_each(|trainer| trainer.tell(command));
                    None
                }
                Effect::StopTraining => {
                    self.trainer.iter().for_each(Trainer::stop);
                    None
                }
                Effect::ListRuns => {
                    self.lister.give(());
                    None
                }
                Effect::ReadRun { folder, over } => {
                    self.reader.give(trainer::Read { folder, over });
                    None
                }
                Effect::Time(what, networks) => {
                    self.work.give(Job::Time(what, networks));
                    None
                }
                Effect::Sweep { origin, text, varies } => {
                    let sets = self.sets.to_vec();
                    self.work.give(Job::Sweep { library: self.library.clone(), sets, origin, text, varies });
                    None
                }
                Effect::StopWork => {
                    self.work.stop();
                    None
                }
                Effect::Copy(text) => {
                    terminal::copy(&text)?;
                    Some(Msg::Tell("copied".into()))
                }
                Effect::Mouse(on) => {
                    self.session.mouse(on)?;
                    None
                }
                Effect::Suspend => {
                    self.session.suspend(self.state.mouse)?;
                    let size = self.session.terminal.size()?;
                    Some(Msg::Resize(size.width, size.height))
                }
                Effect::Repaint => {
                    self.session.repaint()?;
                    None
                }
            };
            if let Some(msg) = msg
                && self.carry_out(msg)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The text as a variant that names what it extends, if that is wanted and can be.
    fn shortened(
        &self,
        origin: &Origin,
        path: &std::path::Path,
        text: &str,
        extending: Option<String>,
    ) -> Result<String, String> {
        let Some(base) = extending else { return Ok(text.to_string()) };
        let target = Origin::File(path.to_path_buf());
        variant::extending(self.library, origin, &base, &target, text)
            .ok_or_else(|| "`extends` cannot say what was taken away here, so the whole text is written".to_string())
    }

    fn msg(&mut self, event: Event) -> Option<Msg> {
        match event {
            // Windows sends releases too; holding a key repeats it.
            Event::Key(key) if key.kind != KeyEventKind::Release => match self.answer.take(key) {
                Taken::No => Some(Msg::Key(Key::from_event(key))),
                Taken::Part => None,
                Taken::Whole { light } => Some(Msg::Background { light }),
            },
            Event::Paste(text) => Some(Msg::Paste(text)),
            Event::Resize(width, height) => Some(Msg::Resize(width, height)),
            Event::Mouse(mouse) => match mouse.kind {
                MouseEventKind::ScrollDown => Some(Msg::Wheel(3)),
                MouseEventKind::ScrollUp => Some(Msg::Wheel(-3)),
                MouseEventKind::Down(MouseButton::Left) => {
                    let at = Position::new(mouse.column, mouse.row);
                    // What was drawn last lies on top.
                    let region = self.regions.iter().rev().find(|region| region.area.contains(at))?;
                    Some(Msg::Click(region.target.moved(at.x - region.area.x)))
                }
                _ => None,
            },
            _ => None,
        }
    }
}
