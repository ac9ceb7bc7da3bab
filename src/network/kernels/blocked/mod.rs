//! Evaluation on maps whose channels stand in blocks of sixteen, position by position ("NCHW16c"): a register holds sixteen
//! channels of one position, whatever the size of the map.
//!
//! Weights are packed once, in the order in which they are read; norms and activations are applied while a value is in a
//! register. Georganas et al. 2018 ("Anatomy of high-performance deep learning convolutions on SIMD architectures") and ONNX
//! Runtime's NCHWc lay values out in the same way.
//!
//! Tried, and not worth it: fourteen positions of two blocks at a time, whose sums and factors LLVM does not fit into 32 registers;
//! the addresses of a strip's values instead of copies of them, for the same reason; half as many tasks, no difference.
//!
//! Work is cut into tasks by sizes alone and every sum is made in one order, so the number of threads changes no bit.

pub mod conv;
pub mod depthwise;
pub mod map;
pub mod pointwise;
pub mod pool;
mod strip;
pub mod winograd;

use pulp::Simd;

/// What is done to a sum while it is in a register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    Open,
    Relu,
    Relu6,
}

/// What is done to values that were made, while they are in the cache.
pub type Finish<'a> = Option<&'a (dyn Fn(&mut [f32]) + Sync)>;

/// By choices, not by `max`: what is not a number stays so.
#[inline(always)]
fn bounded<S: Simd>(simd: S, value: S::f32s, bound: Bound) -> S::f32s {
    let (zero, six) = (simd.splat_f32s(0.0), simd.splat_f32s(6.0));
    let value = match bound {
        Bound::Open => value,
        _ => simd.select_f32s(simd.less_than_f32s(value, zero), zero, value),
    };
    match bound {
        Bound::Relu6 => simd.select_f32s(simd.less_than_f32s(six, value), six, value),
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::conv::{Conv, Feed, Sizes};
    use super::depthwise::Depthwise;
    use super::map::Map;
    use super::winograd::Tiled;
    use super::*;
    use crate::graph::{Window, output_size};
    use crate::network::kernels::conv::{Algorithm, Convolution};
    use crate::network::kernels::im2col::Plane;
    use crate::spec::describe::{Pair, Sides};
    use proptest::prelude::*;

    /// Between −1 and 1.
    fn numbers(count: usize, seed: u64) -> Vec<f32> {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..count).map(|_| next()).collect()
    }

    fn bounded(value: f32, bound: Bound) -> f32 {
        match bound {
            Bound::Open => value,
            Bound::Relu => value.max(0.0),
            Bound::Relu6 => value.clamp(0.0, 6.0),
        }
    }

    /// Every way that can do it against the definition, which has its own test in f64.
    fn check(sizes: Sizes, images: usize, bound: Bound) {
        let Sizes { window, groups, inputs, outputs, height, width, out_height, out_width } = sizes;
        let plane = Plane { channels: inputs / groups, height, width, out_height, out_width, window };
        let plain = Convolution { images, groups, plane, out_channels: outputs / groups };
        let input = numbers(images * inputs * height * width, 1);
        let weight = numbers(outputs * plane.depth(), 2);
        let bias = numbers(outputs, 3);
        let add = numbers(images * outputs * sizes.positions(), 4);
        let mut sums = vec![0.0; add.len()];
        plain.forward(Algorithm::Direct, &input, &weight, None, Some(&bias), &mut sums);
        let map = Map::from_values(&input, (images, inputs, height, width));
        let added = Map::from_values(&add, (images, outputs, out_height, out_width));
        // Sums of values that are not 1 but 1/3 in size; tiles round more, in proportion to all of a sum's products.
        let error = 3e-5 * (plane.depth() as f32).sqrt();
        let same = |way: &str, values: Vec<f32>, adds: bool| {
            for ((value, sum), add) in values.iter().zip(&sums).zip(&add) {
                let exact = bounded(if adds { sum + add } else { *sum }, bound);
                assert!((value - exact).abs() < error, "{way}, {sizes:?}: {value} for {exact}");
            }
        };
        if let Some(conv) = Conv::new(sizes, &weight, Some(&bias)) {
            let feed = if conv.reads_plain() { Feed::Plain(&input) } else { Feed::Blocks(&map) };
            same("conv", conv.run(feed, Some(&added), bound, None).to_values(), true);
            same("conv", conv.run(feed, None, bound, None).to_values(), false);
        }
        if let Some(depthwise) = Depthwise::new(sizes, &weight, Some(&bias)) {
            same("depthwise", depthwise.run(&map, bound, None).to_values(), false);
        }
        if let Some(winograd) = plain.winograd() {
            let tiled = Tiled::new(winograd, &weight, Some(&bias));
            same("tiled", tiled.run(&map, Some(&added), bound, None).to_values(), true);
            same("tiled", tiled.run(&map, None, bound, None).to_values(), false);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(150))]
        #[test]
        fn every_way_is_the_definition(
            images in 1usize..4, kind in 0usize..5, (inputs, outputs) in (1usize..40, 1usize..40),
            (height, width) in (1usize..14, 1usize..30), (kernel, square) in ((1u64..5, 1u64..6), any::<bool>()),
            stride in (1u64..3, 1u64..4), padding in (0u64..3, 0u64..3), after in (0u64..3, 0u64..3),
            dilation in (1u64..3, 1u64..3), bound in 0usize..3,
        ) {
            let pair = |(height, width)| Pair { height, width };
            // Square, with stride 1 and as much padding on both sides, is what tiles can do.
            let (kernel, stride, dilation, after) = match square {
                true => ([(3, 3), (5, 5), (1, 1)][outputs % 3], (1, 1), (1, 1), padding),
                false => (kernel, stride, dilation, after),
            };
            let (groups, inputs, outputs) = match kind {
                0 | 1 => (1, inputs, outputs),
                // Each channel by itself; whole groups to a block; whole blocks to a group.
                2 => (inputs, inputs, inputs),
                3 => (inputs, 4 * inputs, 4 * inputs),
                _ => (2, 32, 64),
            };
            let sides = Sides { top: padding.0, bottom: after.0, left: padding.1, right: after.1 };
            let window = Window { kernel: pair(kernel), stride: pair(stride), padding: sides, dilation: pair(dilation) };
            let rows = output_size(height as u64, kernel.0, stride.0, (padding.0, after.0), dilation.0, false);
            let columns = output_size(width as u64, kernel.1, stride.1, (padding.1, after.1), dilation.1, false);
            let (Some(rows), Some(columns)) = (rows, columns) else { return Ok(()) };
            let (out_height, out_width) = (rows as usize, columns as usize);
            let sizes = Sizes { window, groups, inputs, outputs, height, width, out_height, out_width };
            check(sizes, images, [Bound::Open, Bound::Relu, Bound::Relu6][bound]);
        }
    }

    #[test]
    fn maps_of_many_tasks_and_many_rows_of_tiles_are_the_definition() {
        let window = Window {
            kernel: Pair::square(3),
            stride: Pair::square(1),
            padding: Sides::around(Pair::square(1)),
            dilation: Pair::square(1),
        };
        let (height, width) = (61, 45);
        for (inputs, outputs) in [(3, 70), (48, 33), (200, 16)] {
            let sizes =
                Sizes { window, groups: 1, inputs, outputs, height, width, out_height: height, out_width: width };
            check(sizes, 2, Bound::Relu);
        }
    }
}
