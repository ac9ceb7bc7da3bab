//! ONNX, the format in which networks go between programs: written by [`fn@write::write`].

mod build;
mod operators;
pub mod proto;
pub mod write;
mod writer;
