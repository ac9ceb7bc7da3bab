//! Which values the windows of pools cover along one axis.

use std::ops::Range;

/// The inputs of `size` that window `index` covers, `padding` values in front of them.
pub fn inside(index: usize, kernel: u64, stride: u64, padding: u64, size: usize) -> Range<usize> {
    let start = index as i64 * stride as i64 - padding as i64;
    let end = (start + kernel as i64).clamp(0, size as i64);
    start.max(0).min(end) as usize..end as usize
}

/// How many values a window has for a mean's divisor where the padding counts: those of the input and of the padding, but not what
/// a last window in ceil mode reaches beyond the padding.
pub fn counted(index: usize, kernel: u64, stride: u64, padding: (u64, u64), size: usize) -> u64 {
    let start = index as u64 * stride;
    (start + kernel).min(size as u64 + padding.0 + padding.1) - start
}

/// The inputs that output `index` of an adaptive pool averages: ⌊i·n/m⌋ to ⌈(i+1)·n/m⌉ − 1, as PyTorch's.
pub fn share(index: usize, outputs: usize, inputs: usize) -> Range<usize> {
    index * inputs / outputs..((index + 1) * inputs).div_ceil(outputs)
}
