//! What all screens share: the architectures and which of them is selected, what they are run with, how the terminal looks,
//! what there is to tell.

pub mod columns;
pub mod editor;
pub mod entry;
pub mod folding;
pub mod lanes;
pub mod open;
pub mod setup;
pub mod shown;
pub mod tree;

pub use editor::{Analysis, Editor, LeftOver};
pub use entry::{Entry, Opened};
pub use folding::{Fold, fold};
pub use setup::Setup;
pub use shown::Shown;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ratatui_image::picker::Picker;

use super::input::moved;
use super::widgets::theme::Theme;
use crate::run::live::{Live, Request};
use crate::spec::{Library, Origin};

/// Most architectures side by side.
pub const MOST_MARKED: usize = 4;

/// Something to tell, for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toast {
    pub text: String,
    pub bad: bool,
    /// Seconds it stays.
    pub left: u8,
}

/// Work that is under way in its own thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Working {
    pub what: String,
    pub done: usize,
    pub of: usize,
}

/// The network of the last run, kept while its weights and architecture stay; of one thread at a time.
#[derive(Clone, Default)]
pub struct SharedLive(Arc<Mutex<Live>>);

impl SharedLive {
    /// A panic in a run leaves nothing half done that the next would take: it is made anew where anything differs.
    pub fn lock(&self) -> MutexGuard<'_, Live> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for SharedLive {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        formatter.write_str("SharedLive")
    }
}

#[derive(Debug, Clone)]
pub struct Model {
    pub theme: Theme,
    /// Whether the terminal has answered a question.
    pub answers: bool,
    /// How the terminal shows pictures.
    pub picker: Picker,
    pub library: Library,
    /// `--set` changes, made to all that is shown.
    pub sets: Vec<(String, String)>,
    pub entries: Vec<Entry>,
    pub selected: usize,
    /// Marked to be compared, in the order of the columns.
    pub marked: Vec<Origin>,
    /// What networks are run with.
    pub setup: Setup,
    pub live: SharedLive,
    /// The folder that new architectures are offered to be saved in.
    pub new_files: PathBuf,
    /// The user's home folder, for paths that begin with `~`.
    pub home: Option<PathBuf>,
    pub toasts: Vec<Toast>,
    pub working: Option<Working>,
}

impl Model {
    pub fn new(entries: Vec<Entry>, selected: usize, theme: Theme) -> Self {
        Model {
            theme,
            answers: false,
            picker: Picker::halfblocks(),
            library: Library::new(None),
            sets: Vec::new(),
            selected: selected.min(entries.len().saturating_sub(1)),
            entries,
            marked: Vec::new(),
            setup: Setup::default(),
            live: SharedLive::default(),
            new_files: PathBuf::from("architectures"),
            home: None,
            toasts: Vec::new(),
            working: None,
        }
    }

    pub fn entry(&self) -> Option<&Entry> {
        self.entries.get(self.selected)
    }

    pub fn entry_mut(&mut self) -> Option<&mut Entry> {
        self.entries.get_mut(self.selected)
    }

    pub fn position(&self, origin: &Origin) -> Option<usize> {
        self.entries.iter().position(|entry| entry.origin == *origin)
    }

    /// The selected architecture's text, if it is open.
    pub fn editor(&self) -> Option<&Editor> {
        self.entry()?.editor.as_deref()
    }

    pub fn editor_mut(&mut self) -> Option<&mut Editor> {
        self.entry_mut()?.editor.as_deref_mut()
    }

    /// A run of the selected architecture with what is set up.
    pub fn request(&self) -> Option<Request> {
        self.setup.request(self.entry()?)
    }

    /// The path typed, with `~` as the user's home folder.
    pub fn expanded(&self, text: &str) -> PathBuf {
        expanded(text, self.home.as_deref())
    }

    pub fn tell(&mut self, text: impl Into<String>) {
        self.toast(text.into(), false, 4);
    }

    /// Says what went wrong; it stays longer.
    pub fn complain(&mut self, text: impl Into<String>) {
        self.toast(text.into(), true, 8);
    }

    fn toast(&mut self, text: String, bad: bool, left: u8) {
        const MOST: usize = 2;
        self.toasts.retain(|toast| toast.text != text);
        self.toasts.push(Toast { text, bad, left });
        let surplus = self.toasts.len().saturating_sub(MOST);
        self.toasts.drain(..surplus);
    }

    /// Moves the cursor in the selected architecture's rows.
    pub fn step(&mut self, by: isize) {
        if let Some(entry) = self.entry_mut() {
            entry.cursor = moved(entry.cursor, by, entry.rows().len());
        }
    }

    /// Adds the selected architecture to those compared, or takes it away.
    pub fn mark(&mut self) {
        let Some(entry) = self.entry() else { return };
        let (origin, id) = (entry.origin.clone(), entry.id.clone());
        let words = match self.marked.iter().position(|own| *own == origin) {
            Some(at) => {
                self.marked.remove(at);
                format!("Unmarked {id}.")
            }
            None if self.marked.len() == MOST_MARKED => {
                format!("At most {MOST_MARKED} can be compared. Unmark one first.")
            }
            None => {
                self.marked.push(origin);
                match self.marked.len() {
                    1 => format!("Marked {id}. Mark another, then press 3 to compare."),
                    count => format!("Marked {id}, {count} in all. Press 3 to compare."),
                }
            }
        };
        self.tell(words);
    }

    /// What went wrong before was seen to.
    pub fn forget_complaints(&mut self) {
        self.toasts.retain(|toast| !toast.bad);
    }
}

/// A path typed, with `~` as the user's home folder.
pub fn expanded(text: &str, home: Option<&std::path::Path>) -> PathBuf {
    match (text.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(text),
    }
}
