//! The innermost loop: a strip of output positions times a group of output channels, its sums in registers from the first
//! product to the last.

// Plain loops: closures of `from_fn` and `map` would be compiled apart, for the plain registers.
#![allow(clippy::needless_range_loop)]

use pulp::{Arch, NullaryFnOnce, Simd, WithSimd};

use super::{Bound, bounded};
use crate::network::kernels::lanes::{LANES, Lanes};

/// What the padding reads.
static ZERO: Lanes = Lanes::ZERO;

/// Where a tap finds the value for an output position.
#[derive(Clone, Copy)]
pub enum Places<'a> {
    /// At the output's own place, from this one on.
    Straight(usize),
    /// At the place that a table has, tap by tap, as many as there are outputs; outside the plane is zero.
    Table(&'a [u32]),
}

/// Blocks of output channels that are made together: two with AVX-512, where twelve positions of them take 24 of the 32
/// registers.
pub fn group() -> usize {
    struct Width;
    impl WithSimd for Width {
        type Output = usize;

        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) -> usize {
            S::F32_LANES
        }
    }
    if Arch::new().dispatch(Width) == LANES { 2 } else { 1 }
}

/// Output positions of a group of channels: out = bias + Σ weights · inputs (+ add), bounded.
pub struct Strips<'a, 'o> {
    /// A plane for each block of input channels.
    pub inputs: &'a [&'a [Lanes]],
    /// How many channels the last of them has.
    pub last: usize,
    pub places: Places<'a>,
    pub taps: usize,
    /// By input block, tap and input channel: as many lanes as there are output blocks.
    pub weights: &'a [Lanes],
    /// For each output block.
    pub bias: Option<&'a [Lanes]>,
    /// For each output block the same positions, which are added.
    pub add: Option<&'a [&'a [Lanes]]>,
    pub bound: Bound,
    /// For each output block, one or as many as [`group`] says.
    pub out: &'a mut [&'o mut [Lanes]],
}

impl Strips<'_, '_> {
    pub fn run(self) {
        Arch::new().dispatch(self);
    }

    /// All positions, `P` at a time. `R` registers hold the channels of one, `B` blocks.
    #[inline(always)]
    fn sweep<S: Simd, const P: usize, const R: usize, const B: usize>(mut self, simd: S) {
        let count = self.out[0].len();
        let mut at = 0;
        while count - at >= P {
            self.strip::<S, P, R, B>(simd, at);
            at += P;
        }
        if P > 7 && count - at >= 7 {
            self.strip::<S, 7, R, B>(simd, at);
            at += 7;
        }
        while count - at >= 4 {
            self.strip::<S, 4, R, B>(simd, at);
            at += 4;
        }
        while count - at >= 2 {
            self.strip::<S, 2, R, B>(simd, at);
            at += 2;
        }
        if count > at {
            self.strip::<S, 1, R, B>(simd, at);
        }
    }

    /// `P` positions from `at` on.
    #[inline(always)]
    fn strip<S: Simd, const P: usize, const R: usize, const B: usize>(&mut self, simd: S, at: usize) {
        // Each kind by itself, so that no register is kept for the other.
        match self.places {
            Places::Straight(first) => simd.vectorize(Straight::<S, P, R, B> { simd, strips: self, first, at }),
            Places::Table(table) => simd.vectorize(Scattered::<S, P, R, B> { simd, strips: self, table, at }),
        }
        if self.add.is_some() || self.bound != Bound::Open {
            self.finish::<S>(simd, at, P);
        }
    }

    /// What the sums begin from.
    #[inline(always)]
    fn start<S: Simd, const P: usize, const R: usize>(&self, simd: S) -> [[S::f32s; R]; P] {
        let each = LANES / S::F32_LANES;
        let mut sums = [[simd.splat_f32s(0.0); R]; P];
        if let Some(bias) = self.bias {
            for r in 0..R {
                let bias = S::as_simd_f32s(&bias[r / each].0).0[r % each];
                for p in 0..P {
                    sums[p][r] = bias;
                }
            }
        }
        sums
    }

    /// Puts sums away as they are: with more than a store to each, they would not stay in registers until then.
    #[inline(always)]
    fn put<S: Simd, const P: usize, const R: usize>(&mut self, at: usize, sums: [[S::f32s; R]; P]) {
        let each = LANES / S::F32_LANES;
        for r in 0..R {
            let out = self.out[r / each][at..].first_chunk_mut::<P>().expect("as many as outputs");
            for p in 0..P {
                S::as_mut_simd_f32s(&mut out[p].0).0[r % each] = sums[p][r];
            }
        }
    }

    /// Adds what is to be added to `count` positions, and bounds them.
    #[inline(always)]
    fn finish<S: Simd>(&mut self, simd: S, at: usize, count: usize) {
        for (block, out) in self.out.iter_mut().enumerate() {
            let add = self.add.map(|add| &add[block][at..at + count]);
            for (p, lanes) in out[at..at + count].iter_mut().enumerate() {
                for (register, value) in S::as_mut_simd_f32s(&mut lanes.0).0.iter_mut().enumerate() {
                    let mut sum = *value;
                    if let Some(add) = add {
                        sum = simd.add_f32s(sum, S::as_simd_f32s(&add[p].0).0[register]);
                    }
                    *value = bounded(simd, sum, self.bound);
                }
            }
        }
    }
}

/// Adds to the sums of `P` positions the products of a tap's channels, as many as there are weights.
#[inline(always)]
fn accumulate<S: Simd, const P: usize, const R: usize, const B: usize>(
    simd: S,
    mut sums: [[S::f32s; R]; P],
    lines: &[Lanes; P],
    weights: &[[Lanes; B]],
) -> [[S::f32s; R]; P] {
    let each = LANES / S::F32_LANES;
    for (channel, weights) in weights.iter().enumerate() {
        let mut factors = [simd.splat_f32s(0.0); R];
        for r in 0..R {
            factors[r] = S::as_simd_f32s(&weights[r / each].0).0[r % each];
        }
        for p in 0..P {
            let value = simd.splat_f32s(lines[p].0[channel % LANES]);
            for r in 0..R {
                sums[p][r] = simd.mul_add_e_f32s(value, factors[r], sums[p][r]);
            }
        }
    }
    sums
}

/// A strip whose positions stand in the inputs as in the outputs.
struct Straight<'s, 'a, 'o, S, const P: usize, const R: usize, const B: usize> {
    simd: S,
    strips: &'s mut Strips<'a, 'o>,
    first: usize,
    at: usize,
}

impl<S: Simd, const P: usize, const R: usize, const B: usize> NullaryFnOnce for Straight<'_, '_, '_, S, P, R, B> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Straight { simd, strips, first, at } = self;
        let mut sums = strips.start::<S, P, R>(simd);
        let mut weights = strips.weights.as_chunks::<B>().0;
        for (block, plane) in strips.inputs.iter().enumerate() {
            let depth = if block + 1 == strips.inputs.len() { strips.last } else { LANES };
            let lines = plane[first + at..].first_chunk::<P>().expect("as many as outputs");
            for _ in 0..strips.taps {
                let (own, rest) = weights.split_at(depth);
                weights = rest;
                sums = accumulate(simd, sums, lines, own);
            }
        }
        strips.put::<S, P, R>(at, sums);
    }
}

/// A strip whose positions stand where a table says.
struct Scattered<'s, 'a, 'o, S, const P: usize, const R: usize, const B: usize> {
    simd: S,
    strips: &'s mut Strips<'a, 'o>,
    table: &'a [u32],
    at: usize,
}

impl<S: Simd, const P: usize, const R: usize, const B: usize> NullaryFnOnce for Scattered<'_, '_, '_, S, P, R, B> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Scattered { simd, strips, table, at } = self;
        let mut sums = strips.start::<S, P, R>(simd);
        let mut weights = strips.weights.as_chunks::<B>().0;
        let count = strips.out[0].len();
        for (block, plane) in strips.inputs.iter().enumerate() {
            let depth = if block + 1 == strips.inputs.len() { strips.last } else { LANES };
            for tap in 0..strips.taps {
                let places = table[tap * count + at..].first_chunk::<P>().expect("as many as outputs");
                // Put side by side, since so many addresses do not fit the registers.
                let mut lines = [Lanes::ZERO; P];
                for p in 0..P {
                    lines[p] = *plane.get(places[p] as usize).unwrap_or(&ZERO);
                }
                let (own, rest) = weights.split_at(depth);
                weights = rest;
                sums = accumulate(simd, sums, &lines, own);
            }
        }
        strips.put::<S, P, R>(at, sums);
    }
}

impl WithSimd for Strips<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match (S::F32_LANES, self.out.len()) {
            (16, 2) => self.sweep::<S, 12, 2, 2>(simd),
            (16, _) => self.sweep::<S, 12, 1, 1>(simd),
            (8, _) => self.sweep::<S, 6, 2, 1>(simd),
            (4, _) => self.sweep::<S, 6, 4, 1>(simd),
            _ => self.sweep::<S, 4, 16, 1>(simd),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lanes(count: usize, seed: usize) -> Vec<Lanes> {
        let value = |at: usize| ((at * 7 + seed * 13) % 11) as f32 - 5.0;
        (0..count).map(|at| Lanes(std::array::from_fn(|lane| value(at * LANES + lane)))).collect()
    }

    /// Whole numbers, so that sums are exact in any order.
    #[test]
    fn every_width_of_registers_gives_the_sums_of_the_definition() {
        for count in [1, 2, 3, 5, 7, 11, 12, 13, 19, 26] {
            let (planes, weights, bias, add) =
                (lanes(2 * count, 1), lanes(2 * (LANES + 5), 2), lanes(1, 3), lanes(count, 4));
            // Each tap reads one further, the second tap past the end: zero.
            let table: Vec<u32> = (0..2).flat_map(|tap| (0..count as u32).map(move |at| at + tap)).collect();
            let inputs = [&planes[..count], &planes[count..]];
            for (places, taps) in [(Places::Straight(0), 1), (Places::Table(&table), 2)] {
                let weights = &weights[..taps * (LANES + 5)];
                let expected = |position: usize, lane: usize| {
                    let mut sum = bias[0].0[lane] + add[position].0[lane];
                    let mut row = 0;
                    for (block, depth) in [(0, LANES), (1, 5)] {
                        for tap in 0..taps {
                            for channel in 0..depth {
                                let value = inputs[block].get(position + tap).map_or(0.0, |lanes| lanes.0[channel]);
                                sum += weights[row].0[lane] * value;
                                row += 1;
                            }
                        }
                    }
                    sum.max(0.0)
                };
                let check = |run: &dyn Fn(Strips)| {
                    let mut out = vec![Lanes([f32::NAN; LANES]); count];
                    run(Strips {
                        inputs: &inputs,
                        last: 5,
                        places,
                        taps,
                        weights,
                        bias: Some(&bias),
                        add: Some(&[&add]),
                        bound: Bound::Relu,
                        out: &mut [&mut out],
                    });
                    for (position, lanes) in out.iter().enumerate() {
                        for lane in 0..LANES {
                            assert_eq!(lanes.0[lane], expected(position, lane), "position {position} of {count}");
                        }
                    }
                };
                check(&|strips| strips.with_simd(pulp::Scalar));
                check(&|strips| strips.run());
                #[cfg(target_arch = "x86_64")]
                if let Some(simd) = pulp::x86::V3::try_new() {
                    check(&|strips| Simd::vectorize(simd, strips));
                }
            }
        }
    }

    #[test]
    fn what_is_not_a_number_is_not_bounded_away() {
        let planes = [Lanes([f32::NAN; LANES])];
        let mut out = [Lanes::ZERO];
        let strips = Strips {
            inputs: &[&planes],
            last: 1,
            places: Places::Straight(0),
            taps: 1,
            weights: &lanes(1, 1),
            bias: None,
            add: None,
            bound: Bound::Relu6,
            out: &mut [&mut out],
        };
        strips.run();
        assert!(out[0].0.iter().all(|value| value.is_nan()));
    }
}
