//! The processor's widest registers, chosen when the program runs.

use pulp::{Arch, Simd, WithSimd};

struct Work<F>(F);

impl<R, F: FnMut() -> R> WithSimd for Work<F> {
    type Output = R;

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, _: S) -> R {
        (self.0)()
    }
}

/// Runs `work` as compiled for the widest registers this processor has (AVX-512, AVX2, NEON, else the plain ones). `work` has to
/// be a closure marked `#[inline(always)]`, and so has what it calls.
///
/// It is taken as `FnMut`: called as `FnOnce`, a closure goes through a shim that is never inlined, and would be
/// compiled for the plain registers after all.
#[inline(always)]
pub fn widest<R>(work: impl FnMut() -> R) -> R {
    Arch::new().dispatch(Work(work))
}
