//! Transposed convolution, as PyTorch's `ConvTranspose2d`: what a conv of the same window would read, this writes.

use super::conv::divided;
use super::{Arriving, Cost, Operation, Refusal, Window};
use crate::graph::reach::Reach;
use crate::graph::shape::Shape;
use crate::spec::describe::{ConvTranspose, Groups, Pair, Sides};
use crate::spec::limits;

pub fn resolve(conv: &ConvTranspose, arriving: &Arriving) -> Result<(Operation, Shape), Refusal> {
    let (channels, height, width) = arriving.map()?;
    let out = arriving.width(conv.out)?;
    let window = Window {
        kernel: conv.kernel,
        stride: conv.stride,
        padding: Sides::around(conv.padding),
        dilation: conv.dilation,
    };
    let groups = match conv.groups {
        Groups::Count(groups) => groups,
        Groups::Depthwise => channels,
    };
    let [kernel, stride, padding, more, dilation] =
        [conv.kernel, conv.stride, conv.padding, conv.output_padding, conv.dilation].map(Pair::to_array);
    let input = [height, width];
    let mut side = [0; 2];
    for axis in 0..2 {
        // (n − 1)·s − 2p + d(k − 1) + output_padding + 1; each term is below 2^49.
        let grown = (input[axis] - 1) * stride[axis] + dilation[axis] * (kernel[axis] - 1) + more[axis] + 1;
        side[axis] = match grown.checked_sub(2 * padding[axis]) {
            Some(size) if (1..=limits::DIMENSION).contains(&size) => size,
            Some(size) if size > 0 => {
                let message = format!("`{}` makes a map {size} wide or high", arriving.path);
                return Err(Refusal::new("stride", message, "expected at most 2^24"));
            }
            _ => {
                let message =
                    format!("the padding of `{}` takes away all that it makes of {height}×{width}", arriving.path);
                return Err(Refusal::new("padding", message, "expected less padding"));
            }
        };
    }
    let output = Shape::Map { channels: out, height: side[0], width: side[1] };
    divided(groups, channels, out, arriving.path)?;
    Ok((Operation::ConvTranspose { window, output_padding: conv.output_padding, groups, bias: conv.bias }, output))
}

/// Each input value is multiplied with a whole kernel: k·k·in·out/groups at every position of the input.
pub fn cost(window: &Window, groups: u64, bias: bool, input: Shape, output: Shape) -> Cost {
    let (channels, out, [height, width]) = (input.channels(), output.channels(), input.sides());
    let weights = u128::from(window.kernel.height) * u128::from(window.kernel.width);
    let weights = weights * u128::from(channels) * u128::from(out / groups);
    let macs = weights.saturating_mul(u128::from(height) * u128::from(width));
    Cost { weights, biases: if bias { out } else { 0 }, buffers: 0, macs }
}

pub fn reach(window: &Window) -> [Reach; 2] {
    let [kernel, stride, padding, dilation] =
        [window.kernel, window.stride, window.padding.before(), window.dilation].map(Pair::to_array);
    [0, 1].map(|axis| Reach::Transposed {
        kernel: kernel[axis],
        stride: stride[axis],
        padding: padding[axis],
        dilation: dilation[axis],
    })
}
