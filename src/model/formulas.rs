//! The working behind a number, with the numbers put in, as a person would write it.

use super::{Layer, Operation, Shape};
use crate::spec::describe::Pair;

/// The formulas of one layer.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Formulas {
    pub output: String,
    pub params: String,
    pub macs: String,
    pub receptive_field: String,
}

/// `1792` as `1,792`.
pub fn grouped(number: impl Into<u128>) -> String {
    let digits = number.into().to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `3`, or `3×5` where rows and columns differ.
pub fn pair(pair: Pair) -> String {
    match pair.height == pair.width {
        true => pair.height.to_string(),
        false => format!("{}×{}", pair.height, pair.width),
    }
}

/// The receptive field's size: `76`, `76×40`, or `?` where it is undefined.
pub fn field(layer: &Layer) -> String {
    match layer.field {
        None => "?".to_string(),
        Some([rows, columns]) if rows.size == columns.size => rows.size.to_string(),
        Some([rows, columns]) => format!("{}×{}", rows.size, columns.size),
    }
}

/// `138.4 M`, `15.47 G`, four figures; counts below 10,000 in full.
pub fn short(count: u64) -> String {
    const UNITS: [&str; 5] = ["k", "M", "G", "T", "P"];
    if count < 10_000 {
        return grouped(count);
    }
    let mut value = count as f64 / 1e3;
    let mut unit = 0;
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1e3;
        unit += 1;
    }
    let decimals = if value < 9.9995 {
        3
    } else if value < 99.995 {
        2
    } else {
        1
    };
    format!("{value:.decimals$} {}", UNITS[unit])
}

/// `553.4 MB`: decimal units, as disks and PyTorch's tools count.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if count < 1000 {
        return format!("{count} B");
    }
    let mut value = count as f64 / 1e3;
    let mut unit = 0;
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1e3;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

pub fn of(layer: &Layer) -> Formulas {
    Formulas {
        output: output(layer),
        params: params(layer),
        macs: macs(layer),
        receptive_field: receptive_field(layer),
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
