//! What comes in and what goes out.

use ratatui::layout::Rect;

use super::keys::Key;
use super::state::Opened;
use crate::spec::Origin;

/// Something happened.
#[derive(Debug)]
pub enum Msg {
    Key(Key),
    /// A click on something that was drawn.
    Click(Target),
    /// The wheel, in rows; down is positive.
    Wheel(i32),
    Resize(u16, u16),
    /// An architecture was read again.
    Loaded(Origin, Box<Opened>),
    /// Something to tell the user.
    Tell(String),
    /// The process is asked to end.
    Terminate,
}

/// What is to be done outside the state.
#[derive(Debug, PartialEq)]
pub enum Effect {
    /// Read an architecture.
    Load(Origin),
    Copy(String),
    /// Switch the mouse on or off.
    Mouse(bool),
    /// Give the terminal back and stop until resumed.
    Suspend,
    /// Paint everything again.
    Repaint,
    Quit,
}

/// What can be clicked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    Architecture(usize),
    Row(usize),
    /// A layer by index, in the growth of the field.
    Layer(usize),
    /// A unit by row and column, on the input's picture.
    Unit(u64, u64),
}

/// Where something landed on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Region {
    pub area: Rect,
    pub target: Target,
}
