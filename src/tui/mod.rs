//! The explorer.
//!
//! One owner of state: a [`msg::Msg`] comes in, [`update::update`] changes the [`state::State`] and says what is to be
//! done outside ([`msg::Effect`]), and [`draw::draw`] paints `&State`. Keys are rows of the table in [`keys`]; a screen
//! is one file in [`screens`]. The private `runner` is the only part that touches the terminal or the disk.

pub mod draw;
pub mod keys;
pub mod layout;
pub mod msg;
mod runner;
pub mod screens;
pub mod state;
mod terminal;
pub mod theme;
pub mod tree;
pub mod update;

pub use runner::{ExploreError, run};
