//! Work that takes time: images and tensors read, networks run. Reports through events and never prints.

pub mod forward;
pub mod labels;
pub mod machine;
pub mod measure;
pub mod picture;
pub mod preprocess;
pub mod tensors;

pub use forward::{Forward, LayerRun, Statistics};
