//! Files on the disk, for every room: the one place that opens what a user or a file names ([`mod@read`]), that writes files
//! whole or not at all ([`mod@write`]), that keeps outputs away from inputs ([`outputs`]), and that makes names of files out of
//! text of others ([`name`]). Files of a repository's past are asked of [`git`].
//!
//! Everybody else goes through here; `clippy.toml` names what the others may not call.

#![allow(clippy::disallowed_methods, reason = "this is the place that the others are sent to")]

pub mod git;
pub mod name;
pub mod outputs;
pub mod read;
pub mod write;

pub use outputs::{Inputs, Kind, OutputError};
pub use read::{ReadError, reason};
