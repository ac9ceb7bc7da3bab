//! All that the explorer knows.

pub mod editor;
pub mod entry;
pub mod overlay;
pub mod training;
pub mod views;

pub use editor::Editor;
pub use entry::{Entry, Opened, Shown};
pub use overlay::Overlay;
pub use training::TrainView;
pub use views::{Along, CompareView, FieldView, ForwardView, Place, TableView};

use std::path::PathBuf;

use ratatui_image::picker::Picker;

use super::keys::{Context, KeyMap};
use super::layout::{self, Panes};
use super::msg::Effect;
use super::screens::{Face, Screen};
use super::theme::{Depth, Theme};
use crate::spec::Origin;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListLine {
    /// What the entries below have in common: their family, or whose they are.
    Heading(String),
    Entry(usize),
}

/// Which pane has the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pane {
    Architectures,
    /// What the screen is about.
    Main,
}

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

#[derive(Debug, Clone)]
pub struct State {
    pub theme: Theme,
    /// Which colours the terminal has.
    pub depth: Depth,
    /// Whether the theme follows the terminal's background; not where the user has chosen one.
    pub follows_background: bool,
    /// Whether the terminal has answered a question.
    pub answers: bool,
    pub keys: KeyMap,
    pub width: u16,
    pub height: u16,
    pub entries: Vec<Entry>,
    pub selected: usize,
    /// First visible line of the list.
    pub list_offset: usize,
    pub screen: Screen,
    pub pane: Pane,
    pub table: TableView,
    pub field: FieldView,
    pub compare: CompareView,
    pub forward: ForwardView,
    pub train: TrainView,
    /// How the terminal shows pictures.
    pub picker: Picker,
    /// Whether the terminal was asked for that.
    pub asked_pictures: bool,
    /// What lies over the screen and has the keys.
    pub overlay: Option<Overlay>,
    /// What was looked for last.
    pub found: String,
    pub mouse: bool,
    /// The folder that new architectures are offered to be saved in.
    pub new_files: PathBuf,
    /// The user's home folder, for paths that begin with `~`.
    pub home: Option<PathBuf>,
    /// Whether unsaved text can be kept for a later start.
    pub keeps: bool,
    pub toasts: Vec<Toast>,
    pub working: Option<Working>,
}

impl State {
    pub fn new(entries: Vec<Entry>, selected: usize, theme: Theme) -> Self {
        State {
            theme,
            depth: Depth::True,
            follows_background: true,
            answers: false,
            keys: KeyMap::default(),
            width: 80,
            height: 24,
            selected: selected.min(entries.len().saturating_sub(1)),
            entries,
            list_offset: 0,
            screen: Screen::Layers,
            pane: Pane::Main,
            table: TableView::default(),
            field: FieldView::default(),
            compare: CompareView::default(),
            forward: ForwardView::default(),
            train: TrainView::default(),
            picker: Picker::halfblocks(),
            asked_pictures: false,
            overlay: None,
            found: String::new(),
            mouse: true,
            new_files: PathBuf::from("architectures"),
            home: None,
            keeps: true,
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

    /// The editor that the screen shows.
    pub fn editor(&self) -> Option<&Editor> {
        self.entry().filter(|_| self.screen == Screen::Edit)?.editor.as_deref()
    }

    pub fn editor_mut(&mut self) -> Option<&mut Editor> {
        if self.screen != Screen::Edit {
            return None;
        }
        self.entry_mut()?.editor.as_deref_mut()
    }

    pub fn face(&self) -> &'static Face {
        self.screen.face()
    }

    pub fn panes(&self) -> Panes {
        layout::panes(self.width, self.height, self.pane == Pane::Architectures)
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

    /// Asks the work under way to stop, and says so: a layer may still take its time.
    pub fn stop_work(&mut self) -> Vec<Effect> {
        if let Some(working) = &mut self.working {
            working.what = "stopping:".into();
        }
        vec![Effect::StopWork]
    }

    /// The lines of the list: headings, and entries by index.
    pub fn list_lines(&self) -> Vec<ListLine> {
        let mut lines = Vec::new();
        let mut group = None;
        for (index, entry) in self.entries.iter().enumerate() {
            let family = || entry.network().and_then(|network| network.architecture.family.clone());
            let own = match entry.origin {
                Origin::Bundled(_) => family().unwrap_or_else(|| "Bundled".into()),
                Origin::File(_) | Origin::Foreign(_) => "Yours".into(),
            };
            if group.as_ref() != Some(&own) {
                lines.push(ListLine::Heading(own.clone()));
                group = Some(own);
            }
            lines.push(ListLine::Entry(index));
        }
        lines
    }

    /// The narrowest context that keys are looked up in now; it names those that apply with it.
    pub fn context(&self) -> Context {
        self.overlay.as_ref().map_or_else(|| self.context_beneath(), Overlay::context)
    }

    /// The context of the pane that has the keys when nothing lies over it.
    pub fn context_beneath(&self) -> Context {
        match self.pane {
            Pane::Architectures => Context::Architectures,
            Pane::Main => (self.face().context)(self),
        }
    }
}
