//! The explorer.
//!
//! One owner of state: a message comes in, [`shell::update()`] changes the [`shell::State`] and says what is to be done outside, and
//! [`shell::draw()`] paints `&State`. A screen ([`screen`] says what one is) is one folder of [`screens`]; all of them share the
//! [`model`]. Keys ([`input`]) are rows of each screen's table. [`work`] that takes time is done in lanes of threads. Screens are
//! drawn with [`widgets`]. The private `runner` is the only part that touches the [`terminal`]; the private `reading` has the threads
//! that read architectures.

pub mod input;
pub mod model;
mod reading;
mod runner;
pub mod screen;
pub mod screens;
pub mod shell;
pub mod terminal;
pub mod widgets;
pub mod work;

pub use runner::{ExploreError, Opening, keys as users_keys, run};
pub use shell::disk::keys_file;
pub use widgets::theme;
