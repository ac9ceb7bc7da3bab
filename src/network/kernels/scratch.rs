//! Buffers kept between calls: mapping tens of megabytes anew for every layer costs more than filling them.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

use super::lanes::{LANES, Lanes, flat, flat_mut};

static KEPT: Mutex<Vec<Vec<Lanes>>> = Mutex::new(Vec::new());

/// Most lanes kept while nobody uses them: 256 MiB.
const MOST_KEPT: usize = 4 << 20;

/// A buffer for the time of a call, with whatever values were left in it.
pub struct Scratch(Vec<Lanes>);

impl Scratch {
    /// `length` values at least, none of them meaningful.
    pub fn new(length: usize) -> Self {
        Scratch::of_lanes(length.div_ceil(LANES))
    }

    /// `length` lanes at least, none of them meaningful.
    pub fn of_lanes(length: usize) -> Self {
        let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        // The smallest that is large enough.
        let fitting = kept.iter().enumerate().filter(|(_, buffer)| buffer.len() >= length);
        let best = fitting.min_by_key(|(_, buffer)| buffer.len()).map(|(at, _)| at);
        match best {
            Some(at) => {
                let buffer = kept.swap_remove(at);
                drop(kept);
                Scratch(buffer).cut(length)
            }
            None => {
                drop(kept);
                Scratch(vec![Lanes::ZERO; length])
            }
        }
    }

    pub fn lanes(&self) -> &[Lanes] {
        &self.0
    }

    pub fn lanes_mut(&mut self) -> &mut [Lanes] {
        &mut self.0
    }

    fn cut(mut self, length: usize) -> Self {
        // A buffer far larger than what is asked for would keep others from it.
        if self.0.len() > 2 * length {
            self.0.truncate(length);
            self.0.shrink_to_fit();
        }
        self
    }
}

impl Deref for Scratch {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        flat(&self.0)
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [f32] {
        flat_mut(&mut self.0)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        let total: usize = kept.iter().map(Vec::len).sum();
        if total + self.0.len() <= MOST_KEPT {
            kept.push(std::mem::take(&mut self.0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_has_at_least_its_length_whatever_was_kept() {
        let mut first = Scratch::new(1000);
        first.fill(7.0);
        drop(first);
        let second = Scratch::new(900);
        assert!(second.len() >= 900);
    }
}
