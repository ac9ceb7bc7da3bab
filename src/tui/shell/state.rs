//! All that the explorer knows: what the screens share, the screens, and the window around them.

use std::ops::{Deref, DerefMut};

use super::action::{Action, IN_LIST, table};
use super::overlay::Overlay;
use crate::spec::Origin;
use crate::tui::input::{KeyMap, Together};
use crate::tui::model::{Entry, Model};
use crate::tui::screen::View;
use crate::tui::screens::{Screens, Setting, Which};
use crate::tui::widgets::panes::{self, Pane, Panes};
use crate::tui::widgets::theme::{Depth, Theme};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListLine {
    /// What the entries below have in common: their family, or whose they are.
    Heading(String),
    Entry(usize),
}

#[derive(Debug)]
pub struct State {
    pub model: Model,
    pub screens: Screens,
    pub screen: Which,
    pub pane: Pane,
    pub keys: KeyMap<Action>,
    /// Which colours the terminal has.
    pub depth: Depth,
    /// Whether the theme follows the terminal's background; not where the user has chosen one.
    pub follows_background: bool,
    pub width: u16,
    pub height: u16,
    /// First visible line of the list.
    pub list_offset: usize,
    /// What lies over the screen and has the keys.
    pub overlay: Option<Overlay>,
    /// What was looked for last.
    pub found: String,
    pub mouse: bool,
    /// Whether unsaved text can be kept for a later start.
    pub keeps: bool,
}

impl State {
    pub fn new(entries: Vec<Entry>, selected: usize, theme: Theme) -> Self {
        State {
            model: Model::new(entries, selected, theme),
            screens: Screens::default(),
            screen: Which::Layers,
            pane: Pane::Main,
            keys: table(),
            depth: Depth::True,
            follows_background: true,
            width: 80,
            height: 24,
            list_offset: 0,
            overlay: None,
            found: String::new(),
            mouse: true,
            keeps: true,
        }
    }

    pub fn panes(&self) -> Panes {
        panes::panes(self.width, self.height, self.pane == Pane::Architectures)
    }

    pub fn view(&self) -> View<'_> {
        View { model: &self.model, panes: self.panes(), has_keys: self.pane == Pane::Main }
    }

    /// The screens, and what they act in.
    pub fn parts(&mut self) -> (&mut Screens, Setting<'_>) {
        let (panes, has_keys) = (self.panes(), self.pane == Pane::Main);
        (&mut self.screens, Setting { model: &mut self.model, panes, has_keys })
    }

    /// The groups of keys that apply now, the narrowest first.
    pub fn groups(&self) -> Together {
        self.overlay.as_ref().map_or_else(|| self.groups_beneath(), Overlay::groups)
    }

    /// Those of the pane that has the keys when nothing lies over it.
    pub fn groups_beneath(&self) -> Together {
        match self.pane {
            Pane::Architectures => IN_LIST,
            Pane::Main => self.screens.groups(self.screen, &self.model),
        }
    }

    /// Whether the keys are typed into a text of the screen.
    pub fn is_typed_in(&self) -> bool {
        self.groups().first().is_some_and(|group| self.keys.is_typed_in(group))
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
}

impl Deref for State {
    type Target = Model;

    fn deref(&self) -> &Model {
        &self.model
    }
}

impl DerefMut for State {
    fn deref_mut(&mut self) -> &mut Model {
        &mut self.model
    }
}
