//! Convolution and its two gradients on plain slices: by Winograd's tiles, directly, or as matrix products over im2col
//! columns, whichever a small cost model takes for the shape.
//!
//! The work is cut into tasks by shape alone, so the number of threads changes no bit of the result.

use rayon::prelude::*;

use super::direct::Direct;
use super::im2col::Plane;
use super::start::Start;
use super::sums;
use super::winograd::{Transformed, Winograd};
use crate::spec::describe::Pair;

/// The sizes of a convolution over a batch.
#[derive(Clone, Copy)]
pub struct Convolution {
    pub images: usize,
    pub groups: usize,
    /// One group of one image.
    pub plane: Plane,
    /// Output channels of one group.
    pub out_channels: usize,
}

/// How a convolution is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// Tiles of 4×4 (2×2) outputs with 36 products instead of 144 (100); only 3×3 (5×5) with stride 1.
    Winograd,
    /// The windows side by side as columns, then one matrix product.
    Im2col,
    /// The definition, row by row.
    Direct,
}

impl Algorithm {
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Winograd => "winograd",
            Algorithm::Im2col => "im2col",
            Algorithm::Direct => "direct",
        }
    }
}

impl Convolution {
    /// The same sizes for Winograd's tiles, where these can be used: 3×3 or 5×5, stride and dilation 1, one group, as much padding
    /// after as before.
    pub fn winograd(&self) -> Option<Winograd> {
        let window = self.plane.window;
        let padding = window.padding.symmetric()?;
        let square = window.kernel.height == window.kernel.width;
        let plain = square && window.stride == Pair::square(1) && window.dilation == Pair::square(1);
        let winograd = Winograd {
            images: self.images,
            inputs: self.plane.channels,
            outputs: self.out_channels,
            kernel: window.kernel.height as usize,
            height: self.plane.height,
            width: self.plane.width,
            padding: (padding.height as usize, padding.width as usize),
        };
        (plain && self.groups == 1 && winograd.applies()).then_some(winograd)
    }

    fn direct(&self) -> Direct {
        let Convolution { images, groups, plane, out_channels } = *self;
        Direct { images, groups, plane, out_channels }
    }

    /// What is used: what is wanted where it can be, else the cheapest by multiplications (see [`Winograd::cost`]). Columns
    /// cost what the definition does: putting them together is a small part of the product.
    pub fn algorithm(&self, wanted: Option<Algorithm>) -> Algorithm {
        let winograd = self.winograd();
        match (wanted, winograd) {
            (Some(Algorithm::Winograd), None) => Algorithm::Im2col,
            (Some(wanted), _) => wanted,
            (None, _) if self.plane.channels == 1 && self.out_channels == 1 => Algorithm::Direct,
            (None, Some(winograd)) => {
                let columns = self.images * self.plane.positions() * self.plane.depth() * self.out_channels;
                if winograd.cost() < columns { Algorithm::Winograd } else { Algorithm::Im2col }
            }
            (None, None) => Algorithm::Im2col,
        }
    }

    /// Y = W∗X + b. `out` is `[images, groups·out_channels, positions]`. Transformed weights, if there are any, are those
    /// of `weight`.
    pub fn forward(
        &self,
        algorithm: Algorithm,
        input: &[f32],
        weight: &[f32],
        transformed: Option<&Transformed>,
        bias: Option<&[f32]>,
        out: &mut [f32],
    ) {
        match (algorithm, self.winograd(), transformed) {
            (Algorithm::Winograd, Some(winograd), Some(weight)) => winograd.forward(input, weight, bias, out),
            (Algorithm::Winograd, Some(winograd), None) => winograd.forward_once(input, weight, bias, out),
            (Algorithm::Direct, ..) => self.direct().forward(input, weight, bias, out),
            _ => self.forward_im2col(input, weight, Start::of(bias), out),
        }
    }

    /// Adds dX to `to_input`, which has the input's layout.
    pub fn backward_input(&self, algorithm: Algorithm, upstream: &[f32], weight: &[f32], to_input: &mut [f32]) {
        match (algorithm, self.winograd()) {
            (Algorithm::Winograd, Some(winograd)) => winograd.backward_input(upstream, weight, to_input),
            (Algorithm::Direct, _) => self.direct().backward_input(upstream, weight, to_input),
            _ => self.backward_input_im2col(upstream, weight, to_input),
        }
    }

    /// Adds dW to `to_weight`.
    pub fn backward_weight(&self, algorithm: Algorithm, upstream: &[f32], input: &[f32], to_weight: &mut [f32]) {
        match (algorithm, self.winograd()) {
            (Algorithm::Winograd, Some(winograd)) => winograd.backward_weight(upstream, input, to_weight),
            (Algorithm::Direct, _) => self.direct().backward_weight(upstream, input, to_weight),
            _ => self.backward_weight_im2col(upstream, input, to_weight),
        }
    }

    /// Adds db, the upstream gradient summed over images and positions.
    pub fn backward_bias(&self, upstream: &[f32], to_bias: &mut [f32]) {
        add_channel_sums(upstream, self.plane.positions(), to_bias);
    }
}

/// Adds to every channel's place the sum of its values in `images × channels × positions`: what a bias gets of the gradient
/// above it. Summed in f64, image by image, so that the number of threads changes no bit.
pub fn add_channel_sums(upstream: &[f32], positions: usize, to_channels: &mut [f32]) {
    let channels = to_channels.len();
    to_channels.par_iter_mut().enumerate().for_each(|(channel, sum)| {
        for image in upstream.chunks_exact((channels * positions).max(1)) {
            let values = &image[channel * positions..][..positions];
            *sum += sums::sum(values) as f32;
        }
    });
}
