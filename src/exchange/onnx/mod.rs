//! ONNX, the format in which networks go between programs: written by [`fn@write::write`], read by [`read::open`].

mod build;
mod operators;
pub mod proto;
pub mod read;
pub mod write;
mod writer;
