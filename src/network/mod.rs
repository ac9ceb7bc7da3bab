//! Layers compiled into a dfdx network: parameters, initialisation, weight files, forward, backward.
//!
//! [`Compiled`] holds the parameters and walks the layers, or evaluates them at once by a plan; [`ops`] are the operations on dfdx's
//! tape, [`kernels`] their arithmetic on plain slices; [`init`] draws parameters, [`optimizer`] moves them; [`crate::exchange`] reads and writes them.

pub mod average;
mod compiled;
pub mod compress;
mod fold;
pub mod init;
pub mod kernels;
pub mod ops;
pub mod optimizer;
pub mod parameters;
mod plan;
pub mod random;
mod step;

pub use compiled::Compiled;
pub use ops::{Dims, Values};
pub use step::Mode;
