//! The window around the screens: what comes in is decided here, drawn with header, list and footer, and what lies over a
//! screen has its place. The explorer's own files are here too.

pub mod action;
pub mod disk;
mod export;
mod files;
mod find;
pub mod frame;
mod list;
pub mod msg;
pub mod overlay;
pub mod overlays;
pub mod paths;
pub mod remembered;
pub mod state;
pub mod update;
pub mod watch;

pub use action::Action;
pub use frame::draw;
pub use msg::{Msg, Spawn, Task};
pub use state::State;
pub use update::{prepare, update};
