//! The working behind a number, with the numbers put in, as a person would write it.

use super::figures::grouped;
use super::{Axis, Layer, Operation, Shape, Window};

/// The formulas of one layer.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Formulas {
    pub output: String,
    pub params: String,
    pub macs: String,
    pub receptive_field: String,
    pub jump: String,
    pub center: String,
    pub memory: String,
}

pub fn of(layer: &Layer) -> Formulas {
    Formulas {
        output: output(layer),
        params: params(layer),
        macs: macs(layer),
        receptive_field: receptive_field(layer),
        jump: jump(layer),
        center: center(layer),
        memory: memory(layer),
    }
}

/// Rows and columns in one formula where they are alike, else one after the other.
fn per_axis(line: impl Fn(usize) -> String) -> String {
    let (rows, columns) = (line(0), line(1));
    match rows == columns {
        true => rows,
        false => format!("rows {rows}; columns {columns}"),
    }
}

fn sides(shape: Shape) -> Option<[u64; 2]> {
    match shape {
        Shape::Map { height, width, .. } => Some([height, width]),
        Shape::Flat(_) => None,
    }
}

fn output(layer: &Layer) -> String {
    let (Some(window), Some(input), Some(output)) = (layer.operation.window(), sides(layer.input), sides(layer.output))
    else {
        return match (&layer.operation, layer.input) {
            (Operation::Flatten, Shape::Map { channels, height, width }) => {
                format!("{channels}·{height}·{width} = {}", grouped(layer.output.elements()))
            }
            (Operation::AdaptiveAvgPool, _) => adaptive_output(layer),
            (Operation::GlobalAvgPool, input) => format!("1, the mean of all of {input}"),
            _ => layer.output.to_string(),
        };
    };
    let ceil = matches!(layer.operation, Operation::MaxPool { ceil: true, .. } | Operation::AvgPool { ceil: true, .. });
    per_axis(|axis| {
        let [kernel, stride, padding, dilation] =
            [window.kernel, window.stride, window.padding, window.dilation].map(|pair| pair.to_array()[axis]);
        let span = match dilation {
            1 => kernel.to_string(),
            _ => format!("({dilation}·({kernel} − 1) + 1)"),
        };
        let room = (input[axis] + 2 * padding).saturating_sub(dilation * (kernel - 1) + 1);
        let fraction = format!("({} − {span} + 2·{padding})/{stride}", input[axis]);
        let fraction = match (room % stride == 0, ceil) {
            (true, _) => fraction,
            (false, false) => format!("⌊{fraction}⌋"),
            (false, true) => format!("⌈{fraction}⌉"),
        };
        let dropped = room.div_ceil(stride) + 1 != output[axis] && ceil && room % stride != 0;
        let note = if dropped { " − 1 (a window wholly in the padding)" } else { "" };
        format!("{fraction} + 1{note} = {}", output[axis])
    })
}

fn adaptive_output(layer: &Layer) -> String {
    let (Some(input), Some(output)) = (sides(layer.input), sides(layer.output)) else {
        return layer.output.to_string();
    };
    per_axis(|axis| {
        let (from, to) = (input[axis], output[axis]);
        match from % to {
            0 => format!("{to}, windows of {from}/{to} = {}", from / to),
            _ => format!("{to}, window i from ⌊i·{from}/{to}⌋ to ⌈(i+1)·{from}/{to}⌉"),
        }
    })
}

fn params(layer: &Layer) -> String {
    let total = grouped(layer.params());
    let bias = if layer.biases > 0 { format!(" + {}", layer.biases) } else { String::new() };
    match weight_factors(layer) {
        Some(factors) => format!("{factors}{bias} = {total}"),
        None if layer.params() > 0 => format!("{}{bias} = {total}", layer.weights),
        None => "0".to_string(),
    }
}

/// `3·3·64·128`, `25088·4096`.
fn weight_factors(layer: &Layer) -> Option<String> {
    match (&layer.operation, layer.input, layer.output) {
        (Operation::Conv { window, groups, .. }, Shape::Map { channels, .. }, Shape::Map { channels: out, .. }) => {
            let inputs = match groups {
                1 => channels.to_string(),
                _ => format!("({channels}/{groups})"),
            };
            Some(format!("{}·{}·{inputs}·{out}", window.kernel.height, window.kernel.width))
        }
        (Operation::Linear { .. }, input, output) => Some(format!("{input}·{output}")),
        _ => None,
    }
}

fn macs(layer: &Layer) -> String {
    match (weight_factors(layer), sides(layer.output)) {
        (Some(factors), Some([height, width])) => format!("{factors}·{height}·{width} = {}", grouped(layer.macs)),
        (Some(factors), None) => format!("{factors} = {}", grouped(layer.macs)),
        _ => "0".to_string(),
    }
}

fn receptive_field(layer: &Layer) -> String {
    let (Some(before), Some(after)) = (layer.field_before, layer.field) else {
        return "undefined".to_string();
    };
    let input = sides(layer.input);
    per_axis(|axis| {
        let (size, from) = (grouped(after[axis].size), before[axis].size);
        let jump = before[axis].jump.unwrap_or(0);
        let steps = match (&layer.operation, layer.operation.window(), input) {
            (_, Some(window), _) => {
                let (kernel, dilation) = (window.kernel.to_array()[axis], window.dilation.to_array()[axis]);
                match dilation {
                    1 => format!("({kernel}−1)"),
                    _ => format!("{dilation}·({kernel}−1)"),
                }
            }
            (Operation::Flatten | Operation::GlobalAvgPool, _, Some(input)) => format!("({}−1)", input[axis]),
            (Operation::AdaptiveAvgPool, _, Some(input)) => {
                let output = sides(layer.output).map_or(1, |output| output[axis]);
                format!("({}/{output}−1)", input[axis])
            }
            _ => return size,
        };
        if jump == 0 { size } else { format!("{from} + {steps}·{jump} = {size}") }
    })
}

/// The window that moves the field: a layer's own, or that of an adaptive pool that divides its input.
fn moving_window(layer: &Layer) -> Option<Window> {
    layer.operation.window().or_else(|| super::field::adaptive_window(&layer.operation, layer.input, layer.output))
}

fn jump(layer: &Layer) -> String {
    let (Some(before), Some(after)) = (layer.field_before, layer.field) else { return "undefined".to_string() };
    per_axis(|axis| match (before[axis].jump, after[axis].jump, moving_window(layer)) {
        (Some(from), Some(to), Some(window)) => {
            format!("{from}·{} = {}", window.stride.to_array()[axis], grouped(to))
        }
        (_, Some(same), _) => grouped(same),
        (_, None, _) => "undefined: no map is left".to_string(),
    })
}

/// `15.5` from twice its value.
fn half(twice: i128) -> String {
    let sign = if twice < 0 { "−" } else { "" };
    let fraction = if twice % 2 == 0 { "" } else { ".5" };
    format!("{sign}{}{fraction}", twice.unsigned_abs() / 2)
}

fn center(layer: &Layer) -> String {
    let (Some(before), Some(after)) = (layer.field_before, layer.field) else { return "undefined".to_string() };
    per_axis(|axis| match (before[axis], after[axis].twice_center, moving_window(layer)) {
        (Axis { jump: Some(jump), twice_center: Some(from), .. }, Some(to), Some(window)) => {
            let [kernel, padding, dilation] =
                [window.kernel, window.padding, window.dilation].map(|pair| pair.to_array()[axis]);
            let span = match dilation {
                1 => format!("({kernel}−1)"),
                _ => format!("{dilation}·({kernel}−1)"),
            };
            format!("{} + ({span}/2 − {padding})·{jump} = {}", half(from), half(to))
        }
        (_, Some(same), _) => half(same),
        (_, None, _) => "undefined: no map is left".to_string(),
    })
}

fn memory(layer: &Layer) -> String {
    let sizes: Vec<String> = layer.output.to_vec().iter().map(u64::to_string).collect();
    format!("{}·4 = {} bytes", sizes.join("·"), grouped(layer.output_bytes()))
}

/// The side of a block's convs in one formula, where all have one kernel and padding and stride 1:
/// `(224 − 2·3 + 2·2·1) + 2 = 224`. Nothing where they differ.
pub fn block_output(layers: &[&Layer]) -> Option<String> {
    let convs: Vec<&&Layer> = layers.iter().filter(|layer| layer.is_conv()).collect();
    let (first, last) = (convs.first()?, convs.last()?);
    let window = first.operation.window()?;
    let alike = |layer: &&&Layer| layer.operation.window() == Some(window);
    // Nothing between them may change the side.
    let between = layers.iter().filter(|layer| layer.index >= first.index && layer.index <= last.index);
    let kept = |layer: &&&Layer| layer.is_conv() || sides(layer.input) == sides(layer.output);
    let plain = window.stride.to_array() == [1, 1] && window.dilation.to_array() == [1, 1];
    let (input, output) = (sides(first.input)?, sides(last.output)?);
    (plain && convs.iter().all(alike) && between.into_iter().all(|layer| kept(&layer))).then(|| {
        let count = convs.len();
        per_axis(|axis| {
            let [kernel, padding] = [window.kernel, window.padding].map(|pair| pair.to_array()[axis]);
            match count {
                1 => format!("({} − {kernel} + 2·{padding}) + 1 = {}", input[axis], output[axis]),
                _ => {
                    format!("({} − {count}·{kernel} + 2·{count}·{padding}) + {count} = {}", input[axis], output[axis])
                }
            }
        })
    })
}

/// A block's parameters summed conv by conv: `(3·3·3·64) + 64 + (3·3·64·64) + 64 = 38,720`.
pub fn block_params(layers: &[&Layer]) -> String {
    let terms: Vec<String> = layers
        .iter()
        .filter(|layer| layer.params() > 0)
        .map(|layer| {
            let weights =
                weight_factors(layer).map_or_else(|| layer.weights.to_string(), |factors| format!("({factors})"));
            match layer.biases {
                0 => weights,
                biases => format!("{weights} + {biases}"),
            }
        })
        .collect();
    let total: u64 = layers.iter().map(|layer| layer.params()).sum();
    match terms.is_empty() {
        true => "0".to_string(),
        false => format!("{} = {}", terms.join(" + "), grouped(total)),
    }
}
