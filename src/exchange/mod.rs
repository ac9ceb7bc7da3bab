//! Files of others: weights read and matched, those that are published fetched, networks handed on in other formats.

pub mod drawing;
pub mod hub;
pub mod onnx;
pub mod pytorch;
pub mod weights;
