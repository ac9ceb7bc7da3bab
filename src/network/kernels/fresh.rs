//! New values, written once. What is asked for as zeros is written twice, the first time by one thread alone: of DenseNet's training
//! step that was a tenth.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::simd::widest;

/// Values that a thread works on at least.
const TASK: usize = 1 << 14;

/// `length` values in pieces of `piece` (the last may be shorter). `of` gives the values of the piece of an index, as many as it has;
/// `then` may change them while they are at hand.
///
/// # Panics
/// Where `of` gives fewer values than its piece has.
pub fn fresh<I: Iterator<Item = f32>>(
    length: usize,
    piece: usize,
    of: impl Fn(usize) -> I + Sync,
    then: impl Fn(&mut [f32]) + Sync,
) -> Vec<f32> {
    let mut values: Vec<f32> = Vec::with_capacity(length);
    let places = &mut values.spare_capacity_mut()[..length];
    let pieces = places.par_chunks_mut(piece.max(1)).with_min_len((TASK / piece.max(1)).max(1)).enumerate();
    pieces.for_each(|(at, places)| {
        let mut written = 0;
        widest(
            #[inline(always)]
            || {
                for (place, value) in places.iter_mut().zip(of(at)) {
                    place.write(value);
                    written += 1;
                }
            },
        );
        assert_eq!(written, places.len(), "each value of a piece is given");
        then(initialised(places));
    });
    // SAFETY: the capacity is `length` at least, and the pieces, which cover all of its first `length` places, were each counted to
    // be written whole; had one not been, the panic would have gone past this.
    unsafe { values.set_len(length) };
    values
}

/// `length` zeros, written by all threads.
pub fn zeros(length: usize) -> Vec<f32> {
    fresh(length, TASK, |_| std::iter::repeat(0.0), |_| ())
}

/// Places that have all been written.
fn initialised(places: &mut [MaybeUninit<f32>]) -> &mut [f32] {
    // SAFETY: only called above, once each of the places was counted to be written; `MaybeUninit<f32>` lies as `f32` does.
    unsafe { &mut *(std::ptr::from_mut(places) as *mut [f32]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_written_whatever_the_pieces() {
        for (length, piece) in [(0, 4), (1, 4), (10, 4), (12, 4), (100_000, 7), (70_000, 1 << 14), (5, 1)] {
            let of = |at: usize| (at * piece..).map(|value| value as f32);
            let values = fresh(length, piece, of, |piece| piece.iter_mut().for_each(|value| *value += 0.5));
            let expected: Vec<f32> = (0..length).map(|value| value as f32 + 0.5).collect();
            assert_eq!(values, expected, "{length} in pieces of {piece}");
        }
        assert!(zeros(40_000).iter().all(|&value| value == 0.0));
    }

    #[test]
    #[should_panic(expected = "each value of a piece is given")]
    fn values_that_are_not_given_are_no_values() {
        fresh(10, 4, |_| [1.0; 3].into_iter(), |_| ());
    }
}
