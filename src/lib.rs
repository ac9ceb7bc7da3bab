//! A lens on convolutional networks.

pub mod model;
pub mod network;
pub mod spec;
