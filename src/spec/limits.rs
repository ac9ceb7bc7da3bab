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
/// Deepest nesting of brackets and dashes in a text; the YAML reader itself stops there.
pub const DEPTH: usize = 128;
/// Most bytes gone through to see how deep a text is nested: a large file once for each bracket that is open over all of it.
pub const SCANNED: usize = 8 << 20;
/// Most values in one text, counted by its commas, colons and dashes. Ten thousand layers with ten fields each have 220,000.
pub const VALUES: usize = 250_000;
/// Bytes and values of the largest text that is read only because it lies in a folder: what takes longer than a moment is read
/// when it is named.
pub const LISTED_BYTES: usize = 1 << 18;
pub const LISTED_VALUES: usize = 40_000;
/// Most YAML nodes in one file once aliases are followed; a text of [`VALUES`] has fewer unless it is an alias bomb.
pub const NODES: u32 = 600_000;
/// Most bytes of text once aliases are followed.
pub const LETTERS: usize = 4 << 20;
/// Most bytes of a file and all that it extends together.
pub const EXTENDED_BYTES: usize = 2 << 20;
/// Longest part of a source line that is quoted, in characters.
pub const QUOTED: usize = 2000;
/// Bytes that are read once more to find the places of problems; of a large file only the first problems are placed.
pub const PLACED_BYTES: usize = 1 << 19;
/// Longest word that a suggestion is looked for.
pub const SUGGESTED: usize = 80;
/// Longest chain of `extends`.
pub const EXTENDS: usize = 32;
/// Most problems listed for one file; the rest are counted.
pub const PROBLEMS: usize = 50;
