//! What a user sees: numbers against references, commands, screens.

#![allow(clippy::disallowed_methods, reason = "tests make the files they read")]

mod arithmetic;
mod commands;
mod common;
mod explorer;
mod files;
mod fixtures;
mod forward;
mod mended;
mod numbers;
mod pseudo_terminal;
mod readme;
mod runs;
mod train;
mod training_screen;
mod weights;
