//! Taking the terminal and giving it back: on leaving, on a panic, on suspending. All that the explorer sends to it goes
//! through here.

#![allow(clippy::disallowed_methods, reason = "this is the way out")]

pub mod background;
pub mod pictures;

use std::io::{self, IsTerminal, Stdout, Write};
use std::mem::ManuallyDrop;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::clipboard::CopyToClipboard;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::event::{DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};

use crate::files::name::safe;
use crate::files::{read, write};
use crate::visible::visible_lines;

/// Whether another program has the terminal.
static LENT: AtomicBool = AtomicBool::new(false);

/// Where the terminal is written to.
pub fn out() -> Stdout {
    io::stdout()
}

/// Whether there is a terminal to be taken.
pub fn is_there() -> bool {
    io::stdout().is_terminal() && io::stdin().is_terminal()
}

/// Asks the terminal to keep a text in its clipboard (OSC 52, also over ssh). It may be pasted into a terminal again, so what
/// that would obey is made visible; tabs and line breaks stay.
pub fn copy(text: &str) -> io::Result<()> {
    let cells: Vec<_> = text.split('\t').map(visible_lines).collect();
    execute!(out(), CopyToClipboard::to_clipboard_from(cells.join("\t")))
}

/// Says something once the terminal is given back.
pub fn say(words: &str) {
    let _ = writeln!(io::stderr(), "{}", visible_lines(words));
}

pub fn is_lent() -> bool {
    LENT.load(Ordering::SeqCst)
}

/// The terminal while the explorer has it; dropping gives it back.
pub struct Session {
    /// Never dropped: where the terminal has gone away ratatui would say so on an error stream that has gone too, and
    /// panic. `restore` does what dropping does.
    pub terminal: ManuallyDrop<Terminal<CrosstermBackend<Stdout>>>,
}

impl Session {
    pub fn start(mouse: bool) -> io::Result<Self> {
        static HOOK: Once = Once::new();
        // A panic's message would be lost on the alternate screen.
        HOOK.call_once(|| {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                // A thread that works beside the terminal's leaves it alone: the explorer goes on.
                if std::thread::current().name() == Some("main") {
                    restore();
                    before(panic);
                }
            }));
        });
        take(mouse)?;
        let terminal = Terminal::new(CrosstermBackend::new(out())).inspect_err(|_| restore())?;
        Ok(Session { terminal: ManuallyDrop::new(terminal) })
    }

    /// Switches the mouse on or off.
    pub fn mouse(&mut self, on: bool) -> io::Result<()> {
        match on {
            true => execute!(out(), EnableMouseCapture),
            false => execute!(out(), DisableMouseCapture),
        }
    }

    /// Gives the terminal back, stops the process until it is continued, and takes the terminal again.
    pub fn suspend(&mut self, mouse: bool) -> io::Result<()> {
        restore();
        #[cfg(unix)]
        signal_hook::low_level::emulate_default_handler(signal_hook::consts::SIGTSTP)?;
        take(mouse)?;
        self.repaint()
    }

    /// Hands a text to the user's editor (`$VISUAL`, `$EDITOR`, else vi) and comes back with what it left, or why not.
    pub fn edit(&mut self, name: &str, text: &str, mouse: bool) -> Result<String, String> {
        let failed = |error: io::Error| format!("cannot hand the text to the editor: {error}");
        let folder = tempfile::tempdir().map_err(failed)?;
        let path = folder.path().join(format!("{}.yaml", safe(name)));
        write::fill(&path, text.as_bytes()).map_err(failed)?;
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
        let editor = set("VISUAL").or_else(|| set("EDITOR")).unwrap_or_else(|| "vi".into());
        // `code --wait`: a program with arguments.
        let mut words = editor.split_whitespace();
        let program = words.next().unwrap_or("vi");
        restore();
        LENT.store(true, Ordering::SeqCst);
        let ended = std::process::Command::new(program).args(words).arg(&path).status();
        LENT.store(false, Ordering::SeqCst);
        take(mouse).and_then(|()| self.repaint()).map_err(failed)?;
        match ended {
            Ok(status) if status.success() => read::text(&path, crate::spec::limits::FILE_BYTES)
                .map_err(|error| format!("cannot read what `{editor}` saved: {error}")),
            Ok(status) => Err(format!("`{editor}` ended with {status}; the text is as it was")),
            Err(error) => Err(format!("`{editor}` cannot be started: {error}; set $EDITOR to another one")),
        }
    }

    /// Forgets what is on the screen, so that everything is painted again. (`Terminal::clear` would ask for the
    /// cursor's position and wait for an answer that the keyboard's thread takes.)
    pub fn repaint(&mut self) -> io::Result<()> {
        execute!(out(), Clear(ClearType::All))?;
        self.terminal = ManuallyDrop::new(Terminal::new(CrosstermBackend::new(out()))?);
        Ok(())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        restore();
    }
}

fn take(mouse: bool) -> io::Result<()> {
    enable_raw_mode()?;
    let taken = match mouse {
        true => execute!(out(), EnterAlternateScreen, EnableBracketedPaste, EnableMouseCapture),
        false => execute!(out(), EnterAlternateScreen, EnableBracketedPaste),
    };
    taken.inspect_err(|_| restore())
}

/// Best effort: a terminal that has gone away needs nothing back.
fn restore() {
    let _ = execute!(out(), DisableMouseCapture, DisableBracketedPaste, LeaveAlternateScreen, Show);
    let _ = disable_raw_mode();
    let _ = out().flush();
}
