//! What is done value by value, on blocks of channels.

use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use super::map::Map;
use super::{Bound, Finish, bounded};
use crate::network::kernels::lanes::{LANES, Lanes, flat_mut};
use crate::network::kernels::scratch::Scratch;
use crate::network::kernels::simd::widest;

/// Lanes of a task.
const TASK: usize = 1024;

/// Each piece of each plane of a fresh map, made of the pieces of `inputs` at the same place.
fn make(inputs: &[&Map], each: impl Fn(usize, usize, &[&[Lanes]], &mut [Lanes]) + Sync) -> Map {
    let first = inputs[0];
    let (blocks, area) = (first.blocks(), first.area());
    let mut buffer = Scratch::of_lanes(first.images * blocks * area);
    let planes = buffer.lanes_mut()[..first.images * blocks * area].par_chunks_exact_mut(area).enumerate();
    planes.for_each(|(plane, out)| {
        out.par_chunks_mut(TASK).enumerate().for_each(|(piece, out)| {
            let (image, block) = (plane / blocks, plane % blocks);
            let piece = piece * TASK..piece * TASK + out.len();
            let own: Vec<&[Lanes]> = inputs.iter().map(|map| &map.plane(image, block)[piece.clone()]).collect();
            each(image, block, &own, out);
        });
    });
    Map::of(buffer, first.images, first.channels, (first.height, first.width))
}

/// A factor and a summand for each channel: what a batch norm with running statistics is.
pub struct Affine {
    pub scale: Vec<Lanes>,
    pub shift: Vec<Lanes>,
}

impl Affine {
    /// x·scale + shift, bounded, finished.
    pub fn run(&self, input: &Map, bound: Bound, finish: Finish) -> Map {
        make(&[input], |_, block, inputs, out| {
            self.apply(block, inputs[0], bound, out);
            finish.iter().for_each(|finish| finish(flat_mut(out)));
        })
    }

    /// The same of some positions of a block.
    pub fn apply(&self, block: usize, input: &[Lanes], bound: Bound, out: &mut [Lanes]) {
        let (scale, shift) = (&self.scale[block], &self.shift[block]);
        Arch::new().dispatch(Scaled { scale, shift, bound, input, out });
    }
}

struct Scaled<'a> {
    scale: &'a Lanes,
    shift: &'a Lanes,
    bound: Bound,
    input: &'a [Lanes],
    out: &'a mut [Lanes],
}

impl WithSimd for Scaled<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let registers = |lanes: &Lanes, register: usize| S::as_simd_f32s(&lanes.0).0[register];
        for register in 0..LANES / S::F32_LANES {
            let (scale, shift) = (registers(self.scale, register), registers(self.shift, register));
            for (out, input) in self.out.iter_mut().zip(self.input) {
                let value = simd.mul_add_e_f32s(S::as_simd_f32s(&input.0).0[register], scale, shift);
                S::as_mut_simd_f32s(&mut out.0).0[register] = bounded(simd, value, self.bound);
            }
        }
    }
}

/// The sum of maps of one size, finished; of a single one, that one finished.
pub fn add(inputs: &[&Map], finish: Finish) -> Map {
    make(inputs, |_, _, inputs, out| {
        out.copy_from_slice(inputs[0]);
        for input in &inputs[1..] {
            widest(
                #[inline(always)]
                || {
                    for (out, value) in out.iter_mut().zip(*input) {
                        out.0.iter_mut().zip(&value.0).for_each(|(sum, value)| *sum += value);
                    }
                },
            );
        }
        finish.iter().for_each(|finish| finish(flat_mut(out)));
    })
}

/// A map times a gate: of its size, or one factor for each channel. `None` for any other.
pub fn multiply(input: &Map, gate: &Map, finish: Finish) -> Option<Map> {
    if gate.channels != input.channels {
        return None;
    }
    if (gate.height, gate.width) == (input.height, input.width) {
        return Some(make(&[input, gate], |_, _, inputs, out| {
            for ((out, value), gate) in out.iter_mut().zip(inputs[0]).zip(inputs[1]) {
                let values = value.0.iter().zip(&gate.0);
                out.0.iter_mut().zip(values).for_each(|(out, (value, factor))| *out = value * factor);
            }
            finish.iter().for_each(|finish| finish(flat_mut(out)));
        }));
    }
    (gate.area() == 1).then(|| {
        make(&[input], |image, block, inputs, out| {
            let factors = &gate.plane(image, block)[0].0;
            widest(
                #[inline(always)]
                || {
                    for (out, value) in out.iter_mut().zip(inputs[0]) {
                        let values = value.0.iter().zip(factors);
                        out.0.iter_mut().zip(values).for_each(|(out, (value, factor))| *out = value * factor);
                    }
                },
            );
            finish.iter().for_each(|finish| finish(flat_mut(out)));
        })
    })
}
