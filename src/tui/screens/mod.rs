//! The screens, one file and one row of the table each. A screen draws `&State` and says where its rows landed; what its
//! keys do is in the same file.

pub mod compare;
pub mod edit;
pub mod field;
pub mod forward;
mod gauges;
pub mod kernels;
pub mod layers;
pub mod list;
pub mod plane;
pub mod sweep;
pub mod text;
pub mod train;

use ratatui::Frame;

use super::keys::{Action, Context};
use super::layout::Panes;
use super::msg::{Effect, Region};
use super::state::State;

/// What the window shows of the selected architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Screen {
    Layers,
    Field,
    Compare,
    Edit,
    Forward,
    Train,
}

/// A screen: its name, its keys, how it draws and what it does.
pub struct Face {
    pub screen: Screen,
    pub name: &'static str,
    /// The context of its keys.
    pub context: fn(&State) -> Context,
    pub draw: fn(&State, &mut Frame, &Panes, &mut Vec<Region>),
    /// Moves its cursor by rows.
    pub step: fn(&mut State, isize),
    /// What an action of its own keys does; nothing if the action is none of its.
    pub act: fn(&mut State, Action) -> Option<Vec<Effect>>,
    /// What is to be done when it is turned to.
    pub enter: fn(&mut State) -> Vec<Effect>,
}

/// Every screen, in the order of the keys from 1 on.
pub const SCREENS: [Face; 6] = [
    Face {
        screen: Screen::Layers,
        name: "Layers",
        context: |_| Context::Layers,
        draw: layers::draw,
        step: layers::step,
        act: layers::act,
        enter: |_| Vec::new(),
    },
    Face {
        screen: Screen::Field,
        name: "Field",
        context: |_| Context::Field,
        draw: field::draw,
        step: layers::step,
        act: field::act,
        enter: |_| Vec::new(),
    },
    Face {
        screen: Screen::Compare,
        name: "Compare",
        context: compare::context,
        draw: compare::draw,
        step: compare::step,
        act: compare::act,
        enter: |_| Vec::new(),
    },
    Face {
        screen: Screen::Edit,
        name: "Edit",
        context: edit::context,
        draw: edit::draw,
        step: edit::step,
        act: edit::act,
        enter: edit::enter,
    },
    Face {
        screen: Screen::Forward,
        name: "Forward",
        context: |_| Context::Forward,
        draw: forward::draw,
        step: layers::step,
        act: forward::act,
        enter: forward::enter,
    },
    Face {
        screen: Screen::Train,
        name: "Train",
        context: train::context,
        draw: train::draw,
        step: train::step,
        act: train::act,
        enter: train::enter,
    },
];

impl Screen {
    pub fn face(self) -> &'static Face {
        SCREENS.iter().find(|face| face.screen == self).unwrap_or(&SCREENS[0])
    }
}

/// Makes what is drawn next and takes long to make: pictures at the size of their pane. Asked for before each painting, apart
/// from what decides.
pub fn prepare(state: &mut State) {
    field::refresh(state);
    forward::refresh(state);
}
