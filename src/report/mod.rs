//! What is known of a network or a run as typed rows, and the ways such rows are written: text for a terminal, CSV, Markdown.
//!
//! A [`Cell`] holds a value, not its spelling. A person reads it with thousands' commas, rounded, in percent; a program reads the
//! same cell of a CSV file as a bare, exact number. All text passes through [`crate::visible`] here, cell by cell, so that nothing
//! that a file holds reaches a terminal raw.

pub mod cell;
pub mod comparison;
pub mod difference;
pub mod layers;
pub mod plot;
pub mod roofline;
pub mod sweep;
pub mod table;

pub use cell::Cell;
pub use table::{Column, Table};
