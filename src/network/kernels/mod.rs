//! Arithmetic on plain slices, and the one window from a dfdx tensor to its slice. The only room with `unsafe`.
//!
//! Tried, and not worth it (VGG-16 and VGG-11 on 32×32, two cores with AVX-512): matrices of Winograd's places set apart by
//! a few cache lines, no difference; 2×2 maps tap by tap without the products with padding, as many bytes moved as products
//! saved; explicit lanes for depthwise rows, slower than what the compiler makes of a zip.

pub mod block;
pub mod blocked;
mod columns;
pub mod conv;
pub mod direct;
pub mod exp;
pub mod fresh;
pub mod heap;
pub mod im2col;
pub mod joined;
pub mod lanes;
pub mod matmul;
mod pitched;
pub mod scratch;
pub mod simd;
mod start;
pub mod sums;
pub mod view;
pub mod windows;
pub mod winograd;
