//! Work that takes time: images and tensors read, networks run and trained. Reports through events and never prints.

pub mod attention;
pub mod data;
pub mod dream;
pub mod evaluate;
pub mod fetch;
pub mod forward;
pub mod keep;
pub mod labels;
pub mod live;
pub mod machine;
pub mod measure;
pub mod npy;
pub mod paint;
pub mod peak;
pub mod picture;
pub mod preprocess;
pub mod roofline;
pub mod runs;
pub mod session;
pub mod sweep;
pub mod tensors;
pub mod torchrun;
pub mod trace;
pub mod train;
pub mod weight_figures;

pub use forward::{Forward, LayerRun, Statistics};
