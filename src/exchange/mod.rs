//! Files of others and for others: [`weights`] reads and writes safetensors, whatever their tensors are called.

pub mod weights;
