//! Arithmetic on plain slices, and the one window from a dfdx tensor to its slice. The only room with `unsafe`.

pub mod block;
mod columns;
pub mod conv;
pub mod direct;
pub mod heap;
pub mod im2col;
pub mod joined;
pub mod matmul;
pub mod scratch;
pub mod simd;
pub mod view;
pub mod winograd;
