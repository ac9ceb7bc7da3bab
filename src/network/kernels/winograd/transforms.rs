//! The small matrices of Winograd's transforms, applied to many tiles (or kernels) side by side in the processor's registers.
//!
//! Both filterings here have tiles of 6×6 inputs and the points 0, ±1, ±2 and ∞, and so share Bᵀ: F(4×4, 3×3) makes 4×4
//! outputs with 3×3 kernels, F(2×2, 5×5) makes 2×2 with 5×5.

use std::marker::PhantomData;

use pulp::{Arch, Simd, WithSimd};

/// Tiles (or kernels) transformed at once: their values and what becomes of them fit the first-level cache.
pub const ABREAST: usize = 64;
/// Inputs of a tile along one axis, and in all; the places of its transform are as many.
pub const IN: usize = 6;
pub const PLACES: usize = IN * IN;

/// Values of each of [`ABREAST`] tiles, value by value, row by row of a tile; as many as it has, at most [`PLACES`].
pub type Values = [[f32; ABREAST]; PLACES];
/// Nothing gathered yet.
pub const EMPTY: Values = [[0.0; ABREAST]; PLACES];
/// Transforms the first tiles of `from`, as many as the last argument says.
pub type Transform = fn(&Values, &mut Values, usize);

/// One of the filterings.
pub struct Filtering {
    /// Outputs of a tile along one axis.
    pub out: usize,
    /// Kernel size along one axis.
    pub kernel: usize,
    /// Aᵀ·m·A: places to outputs.
    pub output: Transform,
    /// A·dy·Aᵀ: gradients of outputs to places.
    pub gradient: Transform,
    /// G·g·Gᵀ: taps to places.
    pub taps: Transform,
    /// Gᵀ·u·G: places to gradients of taps.
    pub taps_gradient: Transform,
}

pub static F4X4_3X3: Filtering = Filtering {
    out: 4,
    kernel: 3,
    output: apply::<Output, IN, 4, PLACES, 16>,
    gradient: apply::<Gradient, 4, IN, 16, PLACES>,
    taps: apply::<Taps, 3, IN, 9, PLACES>,
    taps_gradient: apply::<TapsGradient, IN, 3, PLACES, 9>,
};

pub static F2X2_5X5: Filtering = Filtering {
    out: 2,
    kernel: 5,
    output: apply::<Output, IN, 2, PLACES, 4>,
    gradient: apply::<Gradient, 2, IN, 4, PLACES>,
    taps: apply::<Taps, 5, IN, 25, PLACES>,
    taps_gradient: apply::<TapsGradient, IN, 5, PLACES, 25>,
};

/// Bᵀ·d·B: inputs to places, for every filtering.
pub const INPUT: Transform = apply::<Input, IN, IN, PLACES, PLACES>;

/// A linear map along one axis.
pub trait Axis<const FROM: usize, const TO: usize> {
    fn apply<S: Simd>(simd: S, values: [S::f32s; FROM]) -> [S::f32s; TO];
}

/// A map applied along both axes, register by register. `FROM2` and `TO2` are the squares of `FROM` and `TO`.
struct Applied<'a, A, const FROM: usize, const TO: usize, const FROM2: usize, const TO2: usize> {
    axis: PhantomData<A>,
    from: &'a Values,
    to: &'a mut Values,
    count: usize,
}

fn apply<A: Axis<FROM, TO>, const FROM: usize, const TO: usize, const FROM2: usize, const TO2: usize>(
    from: &Values,
    to: &mut Values,
    count: usize,
) {
    Arch::new().dispatch(Applied::<A, FROM, TO, FROM2, TO2> { axis: PhantomData, from, to, count });
}

// Plain loops below: the closures of `from_fn` and `map` would be compiled apart, for the plain registers.
#[allow(clippy::needless_range_loop, clippy::manual_memcpy)]
impl<A: Axis<FROM, TO>, const FROM: usize, const TO: usize, const FROM2: usize, const TO2: usize> WithSimd
    for Applied<'_, A, FROM, TO, FROM2, TO2>
{
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Applied { axis: _, from, to, count } = self;
        let nothing = simd.splat_f32s(0.0);
        for register in 0..count.min(ABREAST).div_ceil(S::F32_LANES) {
            let mut half = [[nothing; FROM]; TO];
            for x in 0..FROM {
                let mut column = [nothing; FROM];
                for y in 0..FROM {
                    column[y] = S::as_simd_f32s(&from[y * FROM + x]).0[register];
                }
                let column = A::apply(simd, column);
                for y in 0..TO {
                    half[y][x] = column[y];
                }
            }
            for y in 0..TO {
                let row = A::apply(simd, half[y]);
                for x in 0..TO {
                    S::as_mut_simd_f32s(&mut to[y * TO + x]).0[register] = row[x];
                }
            }
        }
    }
}

/// a·x + b·y + …; factors are constants, and those that are 1 or −1 cost no product.
#[inline(always)]
#[allow(clippy::needless_range_loop)]
fn mix<S: Simd, const N: usize>(simd: S, terms: [(f32, S::f32s); N]) -> S::f32s {
    let (factor, value) = terms[0];
    let mut sum = if factor == 1.0 { value } else { simd.mul_f32s(simd.splat_f32s(factor), value) };
    for term in 1..N {
        let (factor, value) = terms[term];
        sum = if factor == 1.0 {
            simd.add_f32s(sum, value)
        } else if factor == -1.0 {
            simd.sub_f32s(sum, value)
        } else {
            simd.mul_add_e_f32s(simd.splat_f32s(factor), value, sum)
        };
    }
    sum
}

/// Bᵀ.
pub struct Input;

impl Axis<6, 6> for Input {
    #[inline(always)]
    fn apply<S: Simd>(simd: S, v: [S::f32s; 6]) -> [S::f32s; 6] {
        [
            mix(simd, [(4.0, v[0]), (-5.0, v[2]), (1.0, v[4])]),
            mix(simd, [(-4.0, v[1]), (-4.0, v[2]), (1.0, v[3]), (1.0, v[4])]),
            mix(simd, [(4.0, v[1]), (-4.0, v[2]), (-1.0, v[3]), (1.0, v[4])]),
            mix(simd, [(-2.0, v[1]), (-1.0, v[2]), (2.0, v[3]), (1.0, v[4])]),
            mix(simd, [(2.0, v[1]), (-1.0, v[2]), (-2.0, v[3]), (1.0, v[4])]),
            mix(simd, [(4.0, v[1]), (-5.0, v[3]), (1.0, v[5])]),
        ]
    }
}

/// Aᵀ: the powers of the points, 0 to one less than the outputs; ∞ in the last.
pub struct Output;

impl Axis<6, 4> for Output {
    #[inline(always)]
    fn apply<S: Simd>(simd: S, v: [S::f32s; 6]) -> [S::f32s; 4] {
        [
            mix(simd, [(1.0, v[0]), (1.0, v[1]), (1.0, v[2]), (1.0, v[3]), (1.0, v[4])]),
            mix(simd, [(1.0, v[1]), (-1.0, v[2]), (2.0, v[3]), (-2.0, v[4])]),
            mix(simd, [(1.0, v[1]), (1.0, v[2]), (4.0, v[3]), (4.0, v[4])]),
            mix(simd, [(1.0, v[1]), (-1.0, v[2]), (8.0, v[3]), (-8.0, v[4]), (1.0, v[5])]),
        ]
    }
}

impl Axis<6, 2> for Output {
    #[inline(always)]
    fn apply<S: Simd>(simd: S, v: [S::f32s; 6]) -> [S::f32s; 2] {
        [
            mix(simd, [(1.0, v[0]), (1.0, v[1]), (1.0, v[2]), (1.0, v[3]), (1.0, v[4])]),
            mix(simd, [(1.0, v[1]), (-1.0, v[2]), (2.0, v[3]), (-2.0, v[4]), (1.0, v[5])]),
        ]
    }
}

/// A.
struct Gradient;

impl Axis<4, 6> for Gradient {
    #[inline(always)]
    fn apply<S: Simd>(simd: S, v: [S::f32s; 4]) -> [S::f32s; 6] {
        [
            v[0],
            mix(simd, [(1.0, v[0]), (1.0, v[1]), (1.0, v[2]), (1.0, v[3])]),
            mix(simd, [(1.0, v[0]), (-1.0, v[1]), (1.0, v[2]), (-1.0, v[3])]),
            mix(simd, [(1.0, v[0]), (2.0, v[1]), (4.0, v[2]), (8.0, v[3])]),
            mix(simd, [(1.0, v[0]), (-2.0, v[1]), (4.0, v[2]), (-8.0, v[3])]),
            v[3],
        ]
    }
}

impl Axis<2, 6> for Gradient {
    #[inline(always)]
    fn apply<S: Simd>(simd: S, v: [S::f32s; 2]) -> [S::f32s; 6] {
        [
            v[0],
            mix(simd, [(1.0, v[0]), (1.0, v[1])]),
            mix(simd, [(1.0, v[0]), (-1.0, v[1])]),
            mix(simd, [(1.0, v[0]), (2.0, v[1])]),
            mix(simd, [(1.0, v[0]), (-2.0, v[1])]),
            v[1],
        ]
    }
}

/// G: the powers of each point, divided by the product of its distances from the others; and ∞.
struct Taps;

impl Axis<3, 6> for Taps {
    #[inline(always)]
    fn apply<S: Simd>(simd: S, v: [S::f32s; 3]) -> [S::f32s; 6] {
        [
            mix(simd, [(1.0 / 4.0, v[0])]),
            mix(simd, [(-1.0 / 6.0, v[0]), (-1.0 / 6.0, v[1]), (-1.0 / 6.0, v[2])]),
            mix(simd, [(-1.0 / 6.0, v[0]), (1.0 / 6.0, v[1]), (-1.0 / 6.0, v[2])]),
            mix(simd, [(1.0 / 24.0, v[0]), (1.0 / 12.0, v[1]), (1.0 / 6.0, v[2])]),
            mix(simd, [(1.0 / 24.0, v[0]), (-1.0 / 12.0, v[1]), (1.0 / 6.0, v[2])]),
            v[2],
        ]
    }
}

impl Axis<5, 6> for Taps {
    #[inline(always)]
    fn apply<S: Simd>(simd: S, v: [S::f32s; 5]) -> [S::f32s; 6] {
        [
            mix(simd, [(1.0 / 4.0, v[0])]),
            mix(
                simd,
                [(-1.0 / 6.0, v[0]), (-1.0 / 6.0, v[1]), (-1.0 / 6.0, v[2]), (-1.0 / 6.0, v[3]), (-1.0 / 6.0, v[4])],
            ),
            mix(
                simd,
                [(-1.0 / 6.0, v[0]), (1.0 / 6.0, v[1]), (-1.0 / 6.0, v[2]), (1.0 / 6.0, v[3]), (-1.0 / 6.0, v[4])],
            ),
            mix(
                simd,
                [(1.0 / 24.0, v[0]), (1.0 / 12.0, v[1]), (1.0 / 6.0, v[2]), (1.0 / 3.0, v[3]), (2.0 / 3.0, v[4])],
            ),
            mix(
                simd,
                [(1.0 / 24.0, v[0]), (-1.0 / 12.0, v[1]), (1.0 / 6.0, v[2]), (-1.0 / 3.0, v[3]), (2.0 / 3.0, v[4])],
            ),
            v[4],
        ]
    }
}

/// Gᵀ.
struct TapsGradient;

impl Axis<6, 3> for TapsGradient {
    #[inline(always)]
    fn apply<S: Simd>(simd: S, v: [S::f32s; 6]) -> [S::f32s; 3] {
        [
            mix(
                simd,
                [(1.0 / 4.0, v[0]), (-1.0 / 6.0, v[1]), (-1.0 / 6.0, v[2]), (1.0 / 24.0, v[3]), (1.0 / 24.0, v[4])],
            ),
            mix(simd, [(-1.0 / 6.0, v[1]), (1.0 / 6.0, v[2]), (1.0 / 12.0, v[3]), (-1.0 / 12.0, v[4])]),
            mix(simd, [(-1.0 / 6.0, v[1]), (-1.0 / 6.0, v[2]), (1.0 / 6.0, v[3]), (1.0 / 6.0, v[4]), (1.0, v[5])]),
        ]
    }
}

impl Axis<6, 5> for TapsGradient {
    #[inline(always)]
    fn apply<S: Simd>(simd: S, v: [S::f32s; 6]) -> [S::f32s; 5] {
        [
            mix(
                simd,
                [(1.0 / 4.0, v[0]), (-1.0 / 6.0, v[1]), (-1.0 / 6.0, v[2]), (1.0 / 24.0, v[3]), (1.0 / 24.0, v[4])],
            ),
            mix(simd, [(-1.0 / 6.0, v[1]), (1.0 / 6.0, v[2]), (1.0 / 12.0, v[3]), (-1.0 / 12.0, v[4])]),
            mix(simd, [(-1.0 / 6.0, v[1]), (-1.0 / 6.0, v[2]), (1.0 / 6.0, v[3]), (1.0 / 6.0, v[4])]),
            mix(simd, [(-1.0 / 6.0, v[1]), (1.0 / 6.0, v[2]), (1.0 / 3.0, v[3]), (-1.0 / 3.0, v[4])]),
            mix(simd, [(-1.0 / 6.0, v[1]), (-1.0 / 6.0, v[2]), (2.0 / 3.0, v[3]), (2.0 / 3.0, v[4]), (1.0, v[5])]),
        ]
    }
}
