//! Bounds that keep a hostile or mistyped file from exhausting the machine.

/// Largest architecture file read, in bytes.
pub const FILE_BYTES: u64 = 1 << 20;
/// Most layers after `repeat`, ` xN` and `stack` are expanded (norms and activations that a layer brings along not counted).
pub const LAYERS: usize = 10_000;
/// Deepest nesting of blocks. The YAML reader itself stops at 128 levels of lists and maps, which written one in the other
/// is 42 blocks; aliases may nest deeper.
pub const NESTING: usize = 64;
/// Blocks that can be written one in the other before the YAML reader stops.
pub const WRITTEN_NESTING: usize = 42;
/// Largest dimension, kernel, stride, padding or channel count.
pub const DIMENSION: u64 = 1 << 24;
/// Most YAML nodes in one file once aliases are followed; a file within [`FILE_BYTES`] needs fewer unless it is an alias bomb.
pub const NODES: u32 = 1_200_000;
/// Longest chain of `extends`.
pub const EXTENDS: usize = 32;
/// Most problems listed for one file; the rest are counted.
pub const PROBLEMS: usize = 50;
