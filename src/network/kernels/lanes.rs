//! Sixteen values side by side, as a cache line and a 512-bit register hold them.

/// Values of [`Lanes`].
pub const LANES: usize = 16;

/// Sixteen values, at the start of a cache line: read from there a register comes in one piece.
#[derive(Debug, Clone, Copy, PartialEq)]
#[repr(C, align(64))]
pub struct Lanes(pub [f32; LANES]);

impl Lanes {
    pub const ZERO: Lanes = Lanes([0.0; LANES]);

    /// As many lanes as hold `values`, the last of them filled with zeros.
    pub fn of(values: &[f32]) -> Vec<Lanes> {
        let mut lanes = vec![Lanes::ZERO; values.len().div_ceil(LANES)];
        flat_mut(&mut lanes)[..values.len()].copy_from_slice(values);
        lanes
    }
}

/// The values of all lanes, one after the other.
pub fn flat(lanes: &[Lanes]) -> &[f32] {
    // SAFETY: `Lanes` is sixteen f32 and nothing else (C layout, and 64 bytes are a multiple of its alignment), so as many lanes
    // are sixteen times as many f32 in a row, which the borrow keeps alive and unchanged.
    unsafe { std::slice::from_raw_parts(lanes.as_ptr().cast(), lanes.len() * LANES) }
}

/// As [`flat`], to change them.
pub fn flat_mut(lanes: &mut [Lanes]) -> &mut [f32] {
    // SAFETY: as in `flat`; the mutable borrow makes this the only way to them.
    unsafe { std::slice::from_raw_parts_mut(lanes.as_mut_ptr().cast(), lanes.len() * LANES) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_in_lanes_in_their_order_and_each_begins_a_cache_line() {
        let values: Vec<f32> = (0..37).map(|value| value as f32).collect();
        let mut lanes = Lanes::of(&values);
        assert_eq!((lanes.len(), size_of::<Lanes>(), lanes[1].0[3]), (3, 64, 19.0));
        assert_eq!(flat(&lanes)[..37], values);
        assert_eq!(flat(&lanes)[37..], [0.0; 11]);
        flat_mut(&mut lanes)[36] = 7.0;
        assert_eq!(lanes[2].0[4], 7.0);
        assert!(lanes.iter().all(|lanes| std::ptr::from_ref(lanes).addr().is_multiple_of(64)));
        assert!(flat(&[]).is_empty());
    }
}
