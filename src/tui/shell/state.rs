//! All that the explorer knows: what the screens share, the screens, and the window around them.

use std::ops::{Deref, DerefMut};

use super::action::{Action, IN_LIST, Window, table};
use super::overlay::Overlay;
use crate::spec::Origin;
use crate::tui::input::{KeyMap, Together};
use crate::tui::model::{Entry, Model};
use crate::tui::screen::View;
use crate::tui::screens::{Screens, Setting, Which};
use crate::tui::widgets::panes::{self, Pane, Panes, Sharing};
use crate::tui::widgets::theme::{Depth, Theme};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListLine {
    /// What the entries below have in common: their family, or whose they are; and how many they are.
    Heading(String, usize),
    Entry(usize),
}

#[derive(Debug)]
pub struct State {
    pub model: Model,
    pub screens: Screens,
    pub screen: Which,
    pub pane: Pane,
    pub keys: KeyMap<Action>,
    /// The user's own themes, and the name of the one that was chosen.
    pub own_themes: Vec<Theme>,
    pub chosen_theme: Option<String>,
    /// The screen before this one.
    pub before: Which,
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
    /// Lines that were typed, by what they were asked for with; the newest last.
    pub typed: Vec<(String, String)>,
    pub mouse: bool,
    pub hides_list: bool,
    /// The pane of the screen that has all the room.
    pub zoomed: Option<usize>,
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
            own_themes: Vec::new(),
            chosen_theme: None,
            before: Which::Layers,
            depth: Depth::True,
            follows_background: true,
            width: 80,
            height: 24,
            list_offset: 0,
            overlay: None,
            found: String::new(),
            typed: Vec::new(),
            mouse: true,
            hides_list: false,
            zoomed: None,
            keeps: true,
        }
    }

    pub fn panes(&self) -> Panes {
        let list_has_keys = self.pane == Pane::Architectures;
        let sharing = Sharing { list_has_keys, hides_list: self.hides_list, zoomed: self.zoomed };
        panes::panes(self.width, self.height, sharing)
    }

    pub fn view(&self) -> View<'_> {
        View { model: &self.model, panes: self.panes(), has_keys: self.pane == Pane::Main }
    }

    /// Takes other colours.
    pub fn dress(&mut self, theme: Theme) {
        self.model.theme = theme;
        self.model.entries.iter_mut().filter_map(|entry| entry.editor.as_mut()).for_each(|own| own.dress(&theme));
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

    /// Whether a key of what lies over the screen does this.
    pub fn overlay_has(&self, action: &Action) -> bool {
        let groups = self.overlay.as_ref().map_or(&[][..], Overlay::groups);
        groups.iter().any(|group| self.keys.rows(group).any(|row| row.action == *action))
    }

    /// Why an action would do nothing now.
    pub fn impossible(&self, action: &Action) -> Option<String> {
        match action {
            Action::Screen(own) => self.screens.impossible(own, &self.model),
            Action::Window(Window::Stop) if self.working.is_none() => Some("nothing is running".into()),
            Action::Window(Window::FindNext | Window::FindPrevious) if self.found.is_empty() => {
                Some("nothing was searched for yet".into())
            }
            Action::Window(Window::Export) if self.entry().and_then(Entry::network).is_none() => {
                Some("its file has problems".into())
            }
            _ => None,
        }
    }

    /// The lines of the list: headings, and entries by index.
    pub fn list_lines(&self) -> Vec<ListLine> {
        let mut lines = Vec::new();
        let mut heading: Option<usize> = None;
        for (index, entry) in self.entries.iter().enumerate() {
            let own = match entry.origin {
                Origin::Bundled(_) => entry.family().unwrap_or("Bundled").to_string(),
                Origin::File(_) | Origin::Foreign(_) => "Yours".into(),
            };
            match heading.and_then(|at| lines.get_mut(at)) {
                Some(ListLine::Heading(group, count)) if *group == own => *count += 1,
                _ => {
                    heading = Some(lines.len());
                    lines.push(ListLine::Heading(own, 1));
                }
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
