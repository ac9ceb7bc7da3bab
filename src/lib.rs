//! A lens on convolutional networks.
//!
//! What flows where: [`spec`] reads a short YAML file into a checked tree of blocks, each with its wiring (one after the other,
//! a sum, branches, a gate), with every problem located. [`graph`] makes of it layers with explicit inputs, in an order in which
//! each comes after all that it reads, and works out all that can be counted without running anything: shapes, parameters, MACs,
//! receptive fields, what is alive when, the formulas behind them, comparisons, advice. [`report`] writes such figures as tables for people and for
//! programs. [`network`] walks the same layers on
//! dfdx's tensors, with parameters, forward and backward; [`exchange`] reads and writes their files. [`run`] does the work that takes time, on photos, tensors and data sets,
//! and reports it through events. [`cli`] prints and [`tui`] shows. Below all of them [`files`] opens and writes what is on the
//! disk, and [`visible`] makes text of others safe to show.
//!
//! The arrows go one way: `spec <- graph <- {report, network} <- exchange <- run <- {cli, tui}`; `tests/rooms.rs` holds them. A new kind of layer is a row
//! of `spec/kinds.rs`, a file in `graph/ops` (its shape, its costs, what of its input it reads) and one in `network/ops` (its
//! arithmetic, forward and backward).

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests make the files they read"))]

pub mod cli;
pub mod exchange;
pub mod files;
pub mod graph;
pub mod network;
pub mod report;
pub mod run;
pub mod spec;
pub mod tui;
pub mod visible;
