//! A lens on convolutional networks.
//!
//! A network is a short YAML file. [`spec`] reads it into a checked description, [`model`] works out every layer's
//! shape, parameters, MACs and receptive field, and [`cli`] and [`tui`] show them. The arrows go one way:
//! `spec <- model <- network <- run <- {cli, tui}`.

pub mod cli;
pub mod model;
pub mod network;
pub mod run;
pub mod spec;
pub mod tui;
