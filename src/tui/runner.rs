//! The loop: events become messages, effects are carried out, the state is painted when it changed.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, TrySendError, channel, sync_channel};
use std::time::{Duration, Instant};

use ratatui::crossterm::event::{self, Event, KeyEventKind, MouseButton, MouseEventKind};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{BeginSynchronizedUpdate, EndSynchronizedUpdate};
use ratatui::layout::Position;

use super::input::{Key, KeyMap};
use super::model::{Entry, Opened, open};
use super::reading;
use super::screen::{Effect, Place, Save};
use super::screens::{News, edit};
use super::shell::action::{Action, table};
use super::shell::disk::{self, Disk};
use super::shell::overlay::Overlay;
use super::shell::remembered::Remembered;
use super::shell::{Msg, Spawn, State, Task, draw, paths, prepare, update, watch};
use super::terminal::background::{self, Taken};
use super::terminal::{self, Session, out, pictures};
use super::widgets::theme::{self, Theme};
use super::work::{Cancel, Lane, Note, Outlet, Worker};
use crate::files::read;
use crate::graph::diff::overrides;
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
    #[error("keys.yaml has problems\n{0}")]
    Keys(Report),
    #[error("{0}")]
    Themes(String),
    #[error("there is no theme `{0}`; expected auto, {1}, or one of the files in themes/ beside keys.yaml")]
    Theme(String, String),
}

/// What the loop waits for.
enum Input {
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
    /// A theme by name; without it the one chosen last, or what the terminal says of itself, decides.
    pub theme: Option<&'a str>,
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
    let disk = Disk::of_user();
    let remembered = disk.remembered();
    // A file that was saved elsewhere is found again, where the one named is not it.
    let whole = |origin: &Origin| match origin {
        Origin::File(path) | Origin::Foreign(path) => std::path::absolute(path).ok(),
        Origin::Bundled(_) => None,
    };
    for path in remembered.outside.iter().filter(|path| path.is_file()) {
        if !origins.iter().any(|origin| whole(origin).as_ref() == Some(path)) {
            let shown = std::env::current_dir().ok().and_then(|here| Some(path.strip_prefix(here).ok()?.to_path_buf()));
            origins.push(
                library
                    .find(&shown.unwrap_or_else(|| path.clone()).display().to_string())
                    .unwrap_or_else(|_| Origin::File(path.clone())),
            );
        }
    }
    let position = |origin: &Origin| origins.iter().position(|own| own == origin);
    let by_id = |id: &str| origins.iter().position(|origin| origin.id() == id);
    let selected = match &named {
        Some(named) => position(named),
        None => remembered.architecture.as_deref().and_then(by_id).or(by_id("vgg16")),
    };
    // The first frame waits for what it shows alone; the others are read behind it.
    let left_over = disk.left_over(&origins);
    let entries = origins.iter().zip(left_over).enumerate().map(|(at, (origin, left_over))| {
        let (text, opened) = match named.as_ref() == Some(origin) {
            true => open::open(library, origin, sets),
            false if selected == Some(at) || left_over.is_some() => open::open_quickly(library, origin, sets),
            false => (None, Opened::Unread { is_coming: false }),
        };
        let mut entry = Entry::new(origin.clone(), text, opened);
        entry.left_over = left_over;
        entry
    });
    let variable = |name: &str| std::env::var(name).ok();
    let mut own_themes = Vec::new();
    let mut bad_themes = Vec::new();
    for (name, read) in disk::themes() {
        match read {
            Ok(own) => own_themes.push(own),
            // One that is asked for and cannot be had ends it; any other waits to be mended.
            Err(why) if theme == Some(name.as_str()) => return Err(ExploreError::Themes(why)),
            Err(why) => bad_themes.push(why),
        }
    }
    let (colours, follows) = colours(theme, remembered.theme.as_deref(), &own_themes)?;
    let mut state = State::new(entries.collect(), selected.unwrap_or(0), colours);
    (state.library, state.sets) = (library.clone(), sets.to_vec());
    state.keys = keys;
    state.own_themes = own_themes;
    state.follows_background = follows;
    state.home = etcetera::home_dir().ok();
    state.depth = theme::depth(variable).unwrap_or(state.depth);
    state.new_files = library.place_for("x").parent().map_or_else(PathBuf::new, PathBuf::from);
    remembered.restore(&mut state);
    if !disk.is_known() {
        state.overlay = Some(Overlay::Welcome);
    }
    for why in bad_themes {
        let first = why.lines().take(2).collect::<Vec<_>>().join(": ");
        state.complain(first);
    }
    let first_left = state.entries.iter().position(|entry| entry.left_over.is_some());
    if let Some(at) = first_left.filter(|_| named.is_none()) {
        state.selected = at;
    }
    let left: Vec<&str> =
        state.entries.iter().filter(|entry| entry.left_over.is_some()).map(|entry| entry.id.as_str()).collect();
    if !left.is_empty() {
        let words = format!("Unsaved edits to {} were recovered. Press 4 to review.", left.join(" and "));
        state.complain(words);
    }
    let (sender, inputs) = sync_channel(256);
    let session = Session::start(state.mouse)?;
    let next_key = listen(&sender)?;
    let lanes = lanes(&sender)?;
    let send = {
        let sender = sender.clone();
        move |msg| drop(sender.send(Input::Msg(msg)))
    };
    let first_read = reading::first(library, sets, send.clone())?;
    let listing = reading::again(library, outside, sets, send)?;
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
        places: Vec::new(),
        answer: background::Answer::default(),
        next_key,
        lanes,
        first_read,
        changed: true,
    };
    runner.run(inputs)
}

/// A thread for each lane, in the order of [`Lane::ALL`].
fn lanes(sender: &SyncSender<Input>) -> io::Result<Vec<Worker<Spawn>>> {
    let start = |lane: Lane| {
        let (sender, told) = (sender.clone(), sender.clone());
        let run = move |Spawn { of, what, job, .. }: Spawn, cancel: &Cancel| {
            let send = |note: Note<News>, must: bool| {
                let input = Input::Msg(Msg::Note(note));
                match must {
                    true => drop(sender.send(input)),
                    false => match sender.try_send(input) {
                        Err(TrySendError::Full(Input::Msg(Msg::Note(note)))) => return Some(note),
                        _ => return None,
                    },
                }
                None
            };
            let job = std::panic::AssertUnwindSafe(|| job(cancel, &Outlet::new(&send)));
            let ended = std::panic::catch_unwind(job);
            let ended = ended.unwrap_or_else(|panic| Err(format!("{what} failed; {}", super::work::reason(&*panic))));
            let _ = sender.send(Input::Msg(Msg::Ended { of, lane, ended }));
        };
        Worker::start(lane.name(), run, move |why| drop(told.send(Input::Msg(Msg::Complain(why)))))
    };
    Lane::ALL.into_iter().map(start).collect()
}

/// The theme to begin with, and whether it follows the terminal's background: where nobody has chosen one.
fn colours(named: Option<&str>, kept: Option<&str>, own: &[Theme]) -> Result<(Theme, bool), ExploreError> {
    let find = |name: &str| theme::bundled(name).or_else(|| own.iter().find(|theme| theme.name == name).copied());
    if let Some(name) = named {
        let all = theme::names().collect::<Vec<_>>().join(", ");
        return find(name).map(|theme| (theme, false)).ok_or_else(|| ExploreError::Theme(name.into(), all));
    }
    let detected = theme::detect(|name| std::env::var(name).ok());
    // NO_COLOR and a terminal without colours count for more than what was chosen on another.
    match kept.and_then(find).filter(|_| detected.name != "plain") {
        Some(theme) => Ok((theme, false)),
        None => Ok((detected, true)),
    }
}

/// The table of keys with the user's changes.
pub fn keys() -> Result<KeyMap<Action>, ExploreError> {
    let Some(path) = disk::keys_file().filter(|path| path.exists()) else { return Ok(table()) };
    let text = read::text(&path, read::SMALL);
    let path = path.display().to_string();
    let text = text.map_err(|error| ExploreError::KeysUnreadable { path: path.clone(), reason: error.to_string() })?;
    table().changed(&text, &path).map_err(ExploreError::Keys)
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
                if signal == SIGINT && terminal::is_lent() {
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
    places: Vec<Place<Action>>,
    answer: background::Answer,
    /// Tells the keyboard's thread to read on.
    next_key: Sender<()>,
    /// In the order of [`Lane::ALL`].
    lanes: Vec<Worker<Spawn>>,
    first_read: Worker<Vec<Origin>>,
    /// Whether there is something to paint.
    changed: bool,
}

impl Runner<'_> {
    fn run(mut self, inputs: Receiver<Input>) -> Result<(), ExploreError> {
        let ended = self.until_it_ends(&inputs);
        self.disk.remember(&Remembered::of(&self.state));
        // Nobody listens any more; a run ends after its step and is kept, with the terminal given back meanwhile.
        drop(inputs);
        let at = Lane::ALL.iter().position(|lane| *lane == Lane::Training).unwrap_or(0);
        let training = self.lanes.swap_remove(at);
        let is_training = training.is_busy();
        // Before the terminal is given back, after which Ctrl-C is an interrupt.
        if is_training {
            interrupts_end_it();
        }
        drop(self);
        if is_training {
            terminal::say(
                "Stopping after this step and saving the run. Ctrl-C ends at once and keeps the last checkpoint.",
            );
            training.finish();
        }
        ended
    }

    fn until_it_ends(&mut self, inputs: &Receiver<Input>) -> Result<(), ExploreError> {
        let size = self.session.terminal.size()?;
        self.carry_out(Msg::Resize(size.width, size.height))?;
        let screen = self.state.screen;
        let tasks = super::shell::update::show(&mut self.state, screen);
        self.carry(tasks)?;
        self.paint()?;
        let unread = self.state.entries.iter().filter(|entry| entry.is_unread());
        self.first_read.give(unread.map(|entry| entry.origin.clone()).collect());
        // A virtual console takes the question for colours of its own.
        if self.state.theme != theme::plain() && std::env::var("TERM").is_ok_and(|term| term != "linux") {
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
        if self.state.toasts.is_empty() && !self.state.screens.watches(self.state.screen) {
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
        prepare(&mut self.state);
        execute!(out(), BeginSynchronizedUpdate)?;
        let (state, places) = (&self.state, &mut self.places);
        self.session.terminal.draw(|frame| *places = draw(state, frame))?;
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
        let tasks = update(&mut self.state, msg);
        self.carry(tasks)
    }

    fn carry(&mut self, tasks: Vec<Task>) -> Result<bool, ExploreError> {
        for task in tasks {
            let ends = match task {
                Task::Spawn(spawn) => {
                    if let Some(lane) = self.lane(spawn.lane) {
                        lane.give(spawn);
                    }
                    false
                }
                Task::Do(Effect::Quit) => true,
                Task::Do(effect) => match self.effect(effect)? {
                    Some(msg) => self.carry_out(msg)?,
                    None => false,
                },
            };
            if ends {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn lane(&self, lane: Lane) -> Option<&Worker<Spawn>> {
        let at = Lane::ALL.iter().position(|own| *own == lane)?;
        self.lanes.get(at)
    }

    /// Does what touches the disk or the terminal, and says what came of it.
    fn effect(&mut self, effect: Effect) -> Result<Option<Msg>, ExploreError> {
        Ok(match effect {
            Effect::Quit => None,
            Effect::Load(origin) => {
                let (text, opened) = open::open(self.library, &origin, self.sets);
                Some(Msg::Loaded(origin, text, Box::new(opened)))
            }
            Effect::LoadQuickly(origin) => {
                let (text, opened) = open::open_quickly(self.library, &origin, self.sets);
                Some(Msg::Read(vec![(origin, text, opened)]))
            }
            Effect::Save(save) => Some(self.save(save)?),
            Effect::Keep(origin, text) => {
                let kept = self.disk.keep(&origin, text.as_ref());
                kept.err().map(|error| Msg::NotKept(error.to_string()))
            }
            Effect::External { origin, text } => {
                let edited = self.session.edit(&origin.id(), &text, self.state.mouse);
                let size = self.session.terminal.size()?;
                self.carry_out(Msg::Resize(size.width, size.height))?;
                Some(match edited {
                    Ok(text) => Msg::News(News::Edit(edit::News::Edited { origin, text })),
                    Err(why) => Msg::Complain(why),
                })
            }
            Effect::LookUp { of, path } => Some(Msg::LookedUp { of, stands: disk::what_stands_at(&path) }),
            Effect::CompletePath(of) => {
                let completion = paths::complete(&of);
                Some(Msg::Completed { of, completion })
            }
            // The keyboard's thread waits meanwhile, so that the answer is not taken for keys.
            Effect::AskPictures => pictures::ask().map(Msg::Pictures),
            Effect::Stop(lane) => {
                self.lane(lane).into_iter().for_each(Worker::stop);
                None
            }
            Effect::Copy(text) => {
                terminal::copy(&text)?;
                Some(Msg::Tell("Copied.".into()))
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
        })
    }

    fn save(&mut self, save: Save) -> Result<Msg, ExploreError> {
        let Save { origin, path, text, expected, extending } = save;
        let text = match self.shortened(&origin, &path, &text, extending) {
            Ok(text) => text,
            Err(words) => {
                self.carry_out(Msg::Complain(words))?;
                text
            }
        };
        Ok(Msg::News(News::Edit(match disk::save(&path, &text, &expected) {
            Ok(()) => edit::News::Saved { origin, path, text },
            Err(why) => edit::News::NotSaved { path, why },
        })))
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
        let graph = |origin: &Origin, text: &str| {
            let loaded = self.library.load_text(origin, text.to_string(), &[]).ok()?;
            crate::graph::analyse(&loaded).ok()
        };
        let changes = graph(origin, &base).zip(graph(&target, text));
        let changes = changes.and_then(|(before, after)| overrides(&before, &after));
        let short = changes.and_then(|own| variant::overriding(self.library, origin, &base, &target, text, &own));
        short
            .or_else(|| variant::extending(self.library, origin, &base, &target, text))
            .ok_or_else(|| "`extends` cannot remove layers, so the whole text was written.".to_string())
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
                    let place = self.places.iter().rev().find(|place| place.area.contains(at))?;
                    let columns = at.x - place.area.x;
                    Some(Msg::Click(match place.action.clone() {
                        Action::Screen(own) => Action::Screen(own.along(columns)),
                        other => other,
                    }))
                }
                _ => None,
            },
            _ => None,
        }
    }
}
