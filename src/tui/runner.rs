//! The loop: events become messages, effects are carried out, the state is painted when it changed.

use std::io::{self, IsTerminal, stdout};
use std::rc::Rc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use ratatui::crossterm::clipboard::CopyToClipboard;
use ratatui::crossterm::event::{self, Event, KeyEventKind, MouseButton, MouseEventKind};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{BeginSynchronizedUpdate, EndSynchronizedUpdate};
use ratatui::layout::Position;

use super::draw::draw;
use super::keys::Key;
use super::msg::{Effect, Msg, Region};
use super::state::{Entry, Opened, State};
use super::terminal::Session;
use super::theme::Theme;
use super::update::update;
use crate::model;
use crate::spec::{Library, LoadError, Origin};

/// Why the explorer did not open, or broke off.
#[derive(Debug, thiserror::Error)]
pub enum ExploreError {
    #[error("the explorer needs a terminal; `convlens show vgg16` prints the same table anywhere")]
    NoTerminal,
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error("the terminal failed: {0}")]
    Terminal(#[from] io::Error),
}

/// What the loop waits for.
enum Input {
    Event(Event),
    Resized,
    Terminate,
    /// The terminal has gone.
    Closed,
}

/// Fewest milliseconds between two paintings.
const FRAME: Duration = Duration::from_millis(33);

/// Opens the explorer at an architecture, with `--set` changes made to all that is shown.
pub fn run(library: &Library, arch: Option<&str>, sets: &[(String, String)], theme: Theme) -> Result<(), ExploreError> {
    let mut origins = library.list();
    origins.sort_by_key(|origin| matches!(origin, Origin::File(_)));
    let wanted = match arch {
        Some(name) => library.find(name)?,
        None => library.find("vgg16")?,
    };
    if !origins.contains(&wanted) {
        // A path outside the folders that are listed; that it cannot be read is told at once.
        if let Err(error @ (LoadError::Unreadable { .. } | LoadError::TooLarge { .. } | LoadError::NotText { .. })) =
            library.load_origin(&wanted, sets)
        {
            return Err(error.into());
        }
        origins.push(wanted.clone());
    }
    let dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
    if dumb || !stdout().is_terminal() || !io::stdin().is_terminal() {
        return Err(ExploreError::NoTerminal);
    }
    let selected = origins.iter().position(|origin| *origin == wanted).unwrap_or(0);
    let entries = origins.into_iter().map(|origin| {
        let opened = open(library, &origin, sets);
        Entry::new(origin, opened)
    });
    let state = State::new(entries.collect(), selected, theme);
    let (sender, inputs) = channel();
    let session = Session::start(state.mouse)?;
    listen(sender)?;
    Runner { library, sets, session, state, regions: Vec::new() }.run(&inputs)
}

fn open(library: &Library, origin: &Origin, sets: &[(String, String)]) -> Opened {
    let network =
        library.load_origin(origin, sets).and_then(|loaded| model::analyse(&loaded).map_err(LoadError::Invalid));
    match network {
        Ok(network) => Opened::Network(Rc::new(network)),
        Err(LoadError::Invalid(report)) => Opened::Problems(report),
        Err(error) => Opened::Unreadable(error.to_string()),
    }
}

/// Threads that wait for the keyboard and for signals.
fn listen(sender: Sender<Input>) -> io::Result<()> {
    #[cfg(unix)]
    {
        use signal_hook::consts::{SIGHUP, SIGTERM, SIGWINCH};
        // crossterm tells of a new size too, but can miss one that comes together with a key.
        let mut signals = signal_hook::iterator::Signals::new([SIGTERM, SIGHUP, SIGWINCH])?;
        let sender = sender.clone();
        std::thread::spawn(move || {
            for signal in signals.forever() {
                let input = if signal == SIGWINCH { Input::Resized } else { Input::Terminate };
                if sender.send(input).is_err() {
                    break;
                }
            }
        });
    }
    std::thread::spawn(move || {
        loop {
            let input = event::read().map_or(Input::Closed, Input::Event);
            let closed = matches!(input, Input::Closed);
            if sender.send(input).is_err() || closed {
                break;
            }
        }
    });
    Ok(())
}

struct Runner<'a> {
    library: &'a Library,
    sets: &'a [(String, String)],
    session: Session,
    state: State,
    regions: Vec<Region>,
}

impl Runner<'_> {
    fn run(mut self, inputs: &Receiver<Input>) -> Result<(), ExploreError> {
        let size = self.session.terminal.size()?;
        update(&mut self.state, Msg::Resize(size.width, size.height));
        loop {
            self.paint()?;
            let painted = Instant::now();
            let Ok(mut input) = inputs.recv() else { return Ok(()) };
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
        }
    }

    fn paint(&mut self) -> io::Result<()> {
        execute!(stdout(), BeginSynchronizedUpdate)?;
        let (state, regions) = (&self.state, &mut self.regions);
        self.session.terminal.draw(|frame| *regions = draw(state, frame))?;
        execute!(stdout(), EndSynchronizedUpdate)
    }

    /// True when the loop is to end.
    fn take(&mut self, input: Input) -> Result<bool, ExploreError> {
        let msg = match input {
            Input::Terminate => Some(Msg::Terminate),
            Input::Closed => return Ok(true),
            Input::Resized => {
                let size = self.session.terminal.size()?;
                Some(Msg::Resize(size.width, size.height))
            }
            Input::Event(event) => self.msg(event),
        };
        let mut queue: Vec<Msg> = msg.into_iter().collect();
        while let Some(msg) = queue.pop() {
            for effect in update(&mut self.state, msg) {
                match effect {
                    Effect::Quit => return Ok(true),
                    Effect::Load(origin) => {
                        let opened = open(self.library, &origin, self.sets);
                        if matches!(opened, Opened::Network(_)) {
                            queue.push(Msg::Tell(format!("read {} again", origin.display())));
                        }
                        queue.push(Msg::Loaded(origin, Box::new(opened)));
                    }
                    Effect::Copy(text) => {
                        execute!(stdout(), CopyToClipboard::to_clipboard_from(text))?;
                        queue.push(Msg::Tell("copied".into()));
                    }
                    Effect::Mouse(on) => self.session.mouse(on)?,
                    Effect::Suspend => {
                        self.session.suspend(self.state.mouse)?;
                        let size = self.session.terminal.size()?;
                        queue.push(Msg::Resize(size.width, size.height));
                    }
                    Effect::Repaint => self.session.repaint()?,
                }
            }
        }
        Ok(false)
    }

    fn msg(&self, event: Event) -> Option<Msg> {
        match event {
            // Windows sends releases too; holding a key repeats it.
            Event::Key(key) if key.kind != KeyEventKind::Release => Some(Msg::Key(Key::from_event(key))),
            Event::Resize(width, height) => Some(Msg::Resize(width, height)),
            Event::Mouse(mouse) => match mouse.kind {
                MouseEventKind::ScrollDown => Some(Msg::Wheel(3)),
                MouseEventKind::ScrollUp => Some(Msg::Wheel(-3)),
                MouseEventKind::Down(MouseButton::Left) => {
                    let at = Position::new(mouse.column, mouse.row);
                    self.regions.iter().find(|region| region.area.contains(at)).map(|region| Msg::Click(region.target))
                }
                _ => None,
            },
            _ => None,
        }
    }
}
