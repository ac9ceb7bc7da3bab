//! What a user sees: numbers against references, commands, screens.

mod common;
mod fixtures;
mod forward;
mod numbers;
