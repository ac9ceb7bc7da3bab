//! Layers compiled into a dfdx network: parameters, initialisation, weight files, forward, backward.
//!
//! [`Compiled`] holds the parameters and walks the layers; [`ops`] are the operations on dfdx's tape, [`kernels`] their
//! arithmetic on plain slices; [`init`] draws parameters, [`optimizer`] moves them; [`crate::exchange`] reads and writes them.

pub mod average;
mod compiled;
pub mod compress;
mod fold;
pub mod init;
pub mod kernels;
pub mod ops;
pub mod optimizer;
pub mod parameters;
pub mod random;

pub use compiled::{Compiled, Mode};
pub use ops::{Dims, Values};
