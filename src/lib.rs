//! A lens on convolutional networks.
//!
//! What flows where: [`spec`] reads a short YAML file into a checked description, with every problem located.
//! [`graph`] resolves it into layers and works out all that can be counted without running anything: shapes, parameters,
//! MACs, memory, receptive fields, the formulas behind them, comparisons, advice. [`network`] compiles the layers into
//! a dfdx network with parameters, forward and backward. [`run`] does the work that takes time, on photos, tensors and data
//! sets, and reports it through events. [`cli`] prints and [`tui`] shows. Below all of them [`files`] opens and writes what is on
//! the disk, and [`visible`] makes text of others safe to show.
//!
//! The arrows go one way: `spec <- graph <- network <- run <- {cli, tui}`. A new kind of layer begins in
//! `spec/kinds.rs`, gets its shape in `graph/resolve.rs`, and its arithmetic in a file of its own in `network/ops`.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests make the files they read"))]

pub mod cli;
pub mod files;
pub mod graph;
pub mod network;
pub mod run;
pub mod spec;
pub mod tui;
pub mod visible;
