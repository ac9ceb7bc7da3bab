//! Convolution, and the windows that pools share with it.

use super::{Arriving, Cost, Operation, Refusal, Window};
use crate::graph::shape::Shape;
use crate::spec::describe::{Conv, Groups, Padding, Pair, Sides};
use crate::spec::limits;

pub fn resolve(conv: &Conv, arriving: &Arriving) -> Result<(Operation, Shape), Refusal> {
    let (channels, height, width) = arriving.map()?;
    let out = arriving.width(conv.out)?;
    let stride = arriving.join.map_or(conv.stride, |(_, stride)| stride);
    let window = window((conv.kernel, stride, conv.dilation), conv.padding, [height, width]);
    let groups = match conv.groups {
        Groups::Count(groups) => groups,
        Groups::Depthwise => channels,
    };
    let side = slide(arriving.path, window, [height, width], false)?;
    let output = Shape::Map { channels: out, height: side[0], width: side[1] };
    divided(groups, channels, out, arriving.path).map_err(|refusal| Refusal {
        gives: Some(Box::new((Operation::Conv { window, groups: 1, bias: conv.bias }, output))),
        ..refusal
    })?;
    Ok((Operation::Conv { window, groups, bias: conv.bias }, output))
}

/// Refuses groups that do not divide the channels.
pub fn divided(groups: u64, channels: u64, out: u64, path: &str) -> Result<(), Refusal> {
    match channels.is_multiple_of(groups) && out.is_multiple_of(groups) {
        true => Ok(()),
        false => Err(Refusal::new(
            "groups",
            format!("`{path}` has {groups} groups, which do not divide its {channels} input and {out} output channels"),
            "expected a number that divides both",
        )),
    }
}

/// The window with its padding in numbers. `same_upper` gives ⌈n/stride⌉ outputs, an odd row or column of zeros at the end.
pub fn window((kernel, stride, dilation): (Pair, Pair, Pair), padding: Padding, input: [u64; 2]) -> Window {
    let sides = match padding {
        Padding::Sides(sides) => sides,
        Padding::SameUpper => {
            let total = [0, 1].map(|axis| {
                let [kernel, stride, dilation] = [kernel, stride, dilation].map(|pair| pair.to_array()[axis]);
                let outputs = input[axis].div_ceil(stride);
                ((outputs - 1) * stride + dilation * (kernel - 1) + 1).saturating_sub(input[axis])
            });
            let [(top, bottom), (left, right)] = total.map(|total| (total / 2, total - total / 2));
            Sides { top, bottom, left, right }
        }
    };
    Window { kernel, stride, padding: sides, dilation }
}

/// Output rows and columns of a sliding window (PyTorch's formula).
pub fn slide(path: &str, window: Window, input: [u64; 2], ceil: bool) -> Result<[u64; 2], Refusal> {
    let Window { kernel, stride, padding, dilation } = window;
    let [kernel, stride, before, after, dilation] =
        [kernel, stride, padding.before(), padding.after(), dilation].map(Pair::to_array);
    let mut output = [0; 2];
    for axis in 0..2 {
        let padding = (before[axis], after[axis]);
        let size = output_size(input[axis], kernel[axis], stride[axis], padding, dilation[axis], ceil);
        let Some(size) = size else {
            let span = dilation[axis] * (kernel[axis] - 1) + 1;
            let padded = match padding {
                (before, after) if before == after => format!("{before} of padding on each side"),
                (before, after) => format!("{before} and {after} of padding"),
            };
            return Err(Refusal::new(
                "kernel",
                format!(
                    "the window of `{path}` spans {span}, but only {}×{} arrives (and {padded})",
                    input[0], input[1]
                ),
                "expected a smaller kernel, more padding, or less pooling before it",
            ));
        };
        if size > limits::DIMENSION {
            let message = format!("`{path}` makes a map {size} wide or high");
            return Err(Refusal::new("padding", message, "expected at most 2^24"));
        }
        output[axis] = size;
    }
    Ok(output)
}

/// floor((n + p − d(k−1) − 1)/s) + 1, p being the padding before and after together, or with `ceil` rounded up as long as the
/// last window starts inside the input or the padding before it. `None` when no window fits.
pub fn output_size(
    input: u64,
    kernel: u64,
    stride: u64,
    (before, after): (u64, u64),
    dilation: u64,
    ceil: bool,
) -> Option<u64> {
    let room = (input + before + after).checked_sub(dilation * (kernel - 1) + 1)?;
    let mut size = if ceil { room.div_ceil(stride) } else { room / stride } + 1;
    if ceil && (size - 1) * stride >= input + before {
        size -= 1;
    }
    Some(size)
}

pub fn cost(window: &Window, groups: u64, bias: bool, input: Shape, output: Shape) -> Cost {
    let (channels, out, [height, width]) = (input.channels(), output.channels(), output.sides());
    // At most 2^96; the channels are at most 2^24 each, so nothing below leaves u128 but the product with the positions, which
    // is therefore saturated.
    let weights = u128::from(window.kernel.height) * u128::from(window.kernel.width);
    let weights = weights * u128::from(channels / groups) * u128::from(out);
    let macs = weights.saturating_mul(u128::from(height) * u128::from(width));
    Cost { weights, biases: if bias { out } else { 0 }, buffers: 0, macs }
}
