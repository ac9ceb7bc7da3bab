//! Seeds for independent streams, so that parallel work draws the same numbers for any number of threads.

/// A seed for stream `stream` of `seed`, by the finaliser of SplitMix64 (Steele, Lea & Flood 2014).
pub fn mix(seed: u64, stream: u64) -> u64 {
    let mut z = seed.wrapping_add(stream.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
