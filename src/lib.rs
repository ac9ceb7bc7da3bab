//! A lens on convolutional networks: every number of every layer with its working, and the network run and trained for real.
//!
//! As a library it offers what stands below, in plain types; see the folder `examples` too.
//!
//! ```
//! let network = convlens::Network::load("vgg16")?;
//! for layer in network.layers().iter().filter(|layer| layer.kind == "conv") {
//!     println!("{}: {}", layer.name, layer.working.params);
//! }
//! assert_eq!(network.totals().params, 138_357_544);
//! # Ok::<(), convlens::Error>(())
//! ```
//!
//! # The house, for those who carry it on
//!
//! What flows where: `spec` reads a short YAML file into a checked tree of blocks, each with its wiring (one after the other,
//! a sum, branches, a gate), with every problem located. `graph` makes of it layers with explicit inputs, in an order in which
//! each comes after all that it reads, and works out all that can be counted without running anything: shapes, parameters, MACs,
//! receptive fields, what is alive when, the formulas behind them, comparisons, advice. `report` writes such figures as tables for people and for
//! programs. `network` walks the same layers on
//! dfdx's tensors, with parameters, forward and backward; `exchange` reads and writes their files. `run` does the work that takes time, on photos, tensors and data sets,
//! and reports it through events. `cli` prints and `tui` shows. Below all of them `files` opens and writes what is on the
//! disk, and `visible` makes text of others safe to show.
//!
//! The arrows go one way: `spec <- graph <- {report, network} <- exchange <- run <- {cli, tui}`; `tests/rooms.rs` holds them. A new kind of layer is a row
//! of `spec/kinds.rs`, a file in `graph/ops` (its shape, its costs, what of its input it reads) and one in `network/ops` (its
//! arithmetic, forward and backward). Their own pages are built by `RUSTDOCFLAGS="--cfg doc_all" cargo doc`.

#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests make the files they read"))]

mod api;
#[cfg_attr(not(doc_all), doc(hidden))]
pub mod cli;
#[cfg_attr(not(doc_all), doc(hidden))]
pub mod exchange;
#[cfg_attr(not(doc_all), doc(hidden))]
pub mod files;
#[cfg_attr(not(doc_all), doc(hidden))]
pub mod graph;
#[cfg_attr(not(doc_all), doc(hidden))]
pub mod network;
#[cfg_attr(not(doc_all), doc(hidden))]
pub mod reason;
#[cfg_attr(not(doc_all), doc(hidden))]
pub mod report;
#[cfg_attr(not(doc_all), doc(hidden))]
pub mod run;
#[cfg_attr(not(doc_all), doc(hidden))]
pub mod spec;
#[cfg_attr(not(doc_all), doc(hidden))]
pub mod tui;
#[cfg_attr(not(doc_all), doc(hidden))]
pub mod visible;

pub use api::{Error, Layer, Model, Network, Outcome, Step, Totals, Training, Working};
