//! The explorer.
//!
//! One owner of state: a [`msg::Msg`] comes in, [`update::update`] changes the [`state::State`] and says what is to be
//! done outside ([`msg::Effect`]), and [`draw::draw`] paints `&State`. Keys are rows of the table in [`keys`]; a screen
//! is one file and one row of the table in [`screens`], what lies over it one file in `overlays`. Work that takes time is in
//! [`jobs`], each kind on a thread of its own with one slot (`work`). The private `runner` is the only part that touches the
//! terminal; `disk` keeps the explorer's own files.

mod background;
pub mod columns;
mod disk;
pub mod draw;
mod export;
pub mod jobs;
pub mod keys;
pub mod lanes;
mod layout;
pub mod msg;
mod overlays;
pub mod paths;
mod pictures;
pub mod remembered;
mod runner;
pub mod screens;
pub mod state;
mod terminal;
pub mod theme;
pub mod trainer;
pub mod tree;
pub mod update;
mod watch;
mod work;

pub use disk::keys_file;
pub use runner::{ExploreError, Opening, keys as users_keys, run};
