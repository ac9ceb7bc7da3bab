//! The working behind a number, with the numbers put in, as a person would write it.

use super::figures::{grouped, signed_whole};
use super::{Axis, Field, Graph, Layer, Operation, Reach, Shape};

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

pub fn of(graph: &Graph, layer: &Layer) -> Formulas {
    let before = layer.inputs.first().and_then(|source| graph.field_of(*source));
    Formulas {
        output: output(graph, layer),
        params: params(layer),
        macs: macs(layer),
        receptive_field: receptive_field(graph, layer, before.as_ref()),
        jump: jump(layer, before.as_ref()),
        center: center(layer, before.as_ref()),
        memory: memory(layer),
    }
}

/// The formulas of a kind of layer before numbers are put in; none where there is nothing to put in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Symbols {
    pub output: Option<&'static str>,
    pub params: Option<&'static str>,
    pub macs: Option<&'static str>,
    pub receptive_field: Option<&'static str>,
}

/// In the order in which [`of`] puts the numbers in.
pub fn symbols(layer: &Layer) -> Symbols {
    let window = layer.operation.window();
    let dilated = window.is_some_and(|window| window.dilation.to_array() != [1, 1]);
    let slid = match dilated {
        true => "(in − (dilation·(kernel − 1) + 1) + 2·padding)/stride + 1",
        false => "(in − kernel + 2·padding)/stride + 1",
    };
    let seen = match dilated {
        true => "before + dilation·(kernel − 1)·jump",
        false => "before + (kernel − 1)·jump",
    };
    let has_bias = layer.biases > 0;
    match &layer.operation {
        Operation::Conv { groups, .. } => Symbols {
            output: Some(slid),
            params: Some(match (*groups, has_bias) {
                (1, true) => "kernel·kernel·in·out + out",
                (1, false) => "kernel·kernel·in·out",
                (_, true) => "kernel·kernel·(in/groups)·out + out",
                (_, false) => "kernel·kernel·(in/groups)·out",
            }),
            macs: Some(match *groups {
                1 => "kernel·kernel·in·out·height·width",
                _ => "kernel·kernel·(in/groups)·out·height·width",
            }),
            receptive_field: Some(seen),
        },
        Operation::MaxPool { .. } | Operation::AvgPool { .. } => {
            Symbols { output: Some(slid), receptive_field: Some(seen), ..Symbols::default() }
        }
        Operation::Linear { .. } => Symbols {
            params: Some(if has_bias { "in·out + out" } else { "in·out" }),
            macs: Some("in·out"),
            ..Symbols::default()
        },
        Operation::Flatten => Symbols { output: Some("channels·height·width"), ..Symbols::default() },
        _ => Symbols::default(),
    }
}

/// A sum written out, as many of its parts as there is room for: `38,720 + 221,440 + … = 138,357,544`. What is 0 is left out.
pub fn sum(parts: &[u64], room: usize) -> String {
    let counted: Vec<u64> = parts.iter().copied().filter(|part| *part > 0).collect();
    let total = grouped(counted.iter().map(|part| u128::from(*part)).sum::<u128>());
    if counted.len() < 2 {
        return total;
    }
    let of = |first: usize, last: usize| {
        let (head, tail) = (&counted[..first], &counted[counted.len() - last..]);
        let words = |own: &[u64]| own.iter().map(|part| grouped(*part)).collect::<Vec<_>>();
        let middle = if first + last < counted.len() { vec!["…".to_string()] } else { Vec::new() };
        format!("{} = {total}", [words(head), middle, words(tail)].concat().join(" + "))
    };
    let fits = |text: &String| text.chars().count() <= room;
    // The first ones and the last one say most; what lies between goes first.
    // A part takes four columns with its sign, at least: more of them need not be tried.
    let most = (room / 4).min(counted.len() - 1);
    (0..=most).rev().map(|first| of(first, 1)).find(fits).unwrap_or(total)
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

fn output(graph: &Graph, layer: &Layer) -> String {
    let inputs = || layer.inputs.iter().map(|source| graph.shape_of(*source));
    let sum = |numbers: Vec<u64>| numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(" + ");
    match (&layer.operation, layer.input) {
        (Operation::Flatten, Shape::Map { channels, height, width }) => {
            format!("{channels}·{height}·{width} = {}", grouped(layer.output.elements()))
        }
        (Operation::AdaptiveAvgPool, _) => adaptive_output(layer),
        (Operation::GlobalAvgPool, input) => format!("1, the mean of all of {input}"),
        (Operation::Conv { .. } | Operation::MaxPool { .. } | Operation::AvgPool { .. }, _) => slid_output(layer),
        (Operation::ConvTranspose { .. }, _) => grown_output(layer),
        (Operation::Upsample { scale, .. }, input) => per_axis(|axis| {
            let (scale, input) = (scale.to_array()[axis], input.sides()[axis]);
            format!("{input}·{scale} = {}", input * scale)
        }),
        (Operation::Concat, _) => {
            let channels: Vec<u64> = inputs().map(Shape::channels).collect();
            format!("{} = {} channels", sum(channels), layer.output.channels())
        }
        (Operation::Add, _) => {
            let names: Vec<&str> = layer.inputs.iter().map(|source| graph.name_of(*source)).collect();
            format!("{}, the sum of {}", layer.output, names.join(" and "))
        }
        (Operation::Multiply, _) => {
            let shapes: Vec<String> = inputs().map(|shape| shape.to_string()).collect();
            format!("{} = {}", shapes.join(" · "), layer.output)
        }
        (Operation::Slice { first }, input) => {
            let last = first + layer.output.channels() - 1;
            format!("channels {first} to {last} of {}", input.channels())
        }
        (Operation::PadChannels { before, .. }, input) => {
            let after = layer.output.channels() - input.channels() - before;
            format!("{before} + {} + {after} = {} channels", input.channels(), layer.output.channels())
        }
        _ => layer.output.to_string(),
    }
}

/// The working of a sliding window's output.
fn slid_output(layer: &Layer) -> String {
    let Some(window) = layer.operation.window() else { return layer.output.to_string() };
    let (input, output) = (layer.input.sides(), layer.output.sides());
    let ceil = matches!(layer.operation, Operation::MaxPool { ceil: true, .. } | Operation::AvgPool { ceil: true, .. });
    per_axis(|axis| {
        let [kernel, stride, before, after, dilation] =
            [window.kernel, window.stride, window.padding.before(), window.padding.after(), window.dilation]
                .map(|pair| pair.to_array()[axis]);
        let span = match dilation {
            1 => kernel.to_string(),
            _ => format!("({dilation}·({kernel} − 1) + 1)"),
        };
        let padded = match before == after {
            true => format!("2·{before}"),
            false => format!("{before} + {after}"),
        };
        let room = (input[axis] + before + after).saturating_sub(dilation * (kernel - 1) + 1);
        let fraction = format!("({} − {span} + {padded})/{stride}", input[axis]);
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

/// The working of a transposed conv's output.
fn grown_output(layer: &Layer) -> String {
    let Operation::ConvTranspose { window, output_padding, .. } = &layer.operation else {
        return layer.output.to_string();
    };
    let (input, output) = (layer.input.sides(), layer.output.sides());
    per_axis(|axis| {
        let [kernel, stride, padding, more, dilation] =
            [window.kernel, window.stride, window.padding.before(), *output_padding, window.dilation]
                .map(|pair| pair.to_array()[axis]);
        let span = match dilation {
            1 => kernel.to_string(),
            _ => format!("({dilation}·({kernel} − 1) + 1)"),
        };
        let more = if more == 0 { String::new() } else { format!(" + {more}") };
        format!("({} − 1)·{stride} + {span} − 2·{padding}{more} = {}", input[axis], output[axis])
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
        None if layer.params() > 0 && layer.biases > 0 => format!("{}{bias} = {total}", layer.weights),
        None if layer.params() > 0 => total,
        None => "0".to_string(),
    }
}

/// `3·3·64·128`, `25088·4096`.
fn weight_factors(layer: &Layer) -> Option<String> {
    let divided = |channels: u64, groups: u64| match groups {
        1 => channels.to_string(),
        _ => format!("({channels}/{groups})"),
    };
    match (&layer.operation, layer.input, layer.output) {
        (Operation::Conv { window, groups, .. }, Shape::Map { channels, .. }, Shape::Map { channels: out, .. }) => {
            let inputs = divided(channels, *groups);
            Some(format!("{}·{}·{inputs}·{out}", window.kernel.height, window.kernel.width))
        }
        (Operation::ConvTranspose { window, groups, .. }, input, output) => {
            let outputs = divided(output.channels(), *groups);
            Some(format!("{}·{}·{}·{outputs}", window.kernel.height, window.kernel.width, input.channels()))
        }
        (Operation::Linear { .. }, input, output) => Some(format!("{input}·{output}")),
        _ => None,
    }
}

fn macs(layer: &Layer) -> String {
    // A transposed conv multiplies at each position of its input.
    let positions = match layer.operation {
        Operation::ConvTranspose { .. } => sides(layer.input),
        _ => sides(layer.output),
    };
    match (weight_factors(layer), positions) {
        (Some(factors), Some([height, width])) => format!("{factors}·{height}·{width} = {}", grouped(layer.macs)),
        (Some(factors), None) => format!("{factors} = {}", grouped(layer.macs)),
        _ => "0".to_string(),
    }
}

/// `−5…21`, the first and last pixel.
fn interval(axis: &Axis) -> String {
    let (first, last) = axis.span(0).unwrap_or_default();
    format!("{}…{}", signed_whole(first), signed_whole(last))
}

/// The hull of the paths that come together, each with its first and last pixel.
fn hull(graph: &Graph, layer: &Layer, after: &Field) -> String {
    let fields: Vec<(&str, Option<Field>)> =
        layer.inputs.iter().map(|source| (graph.name_of(*source), graph.field_of(*source))).collect();
    per_axis(|axis| {
        let paths = fields.iter().map(|(name, field)| match field {
            Some(field) => format!("{} of {name}", interval(&field[axis])),
            None => format!("? of {name}"),
        });
        let paths: Vec<String> = paths.collect();
        format!("hull of {} = {}, {}", paths.join(", "), interval(&after[axis]), grouped(after[axis].size()))
    })
}

fn receptive_field(graph: &Graph, layer: &Layer, before: Option<&Field>) -> String {
    let Some(after) = layer.field.as_ref() else {
        return match layer.inputs.len() {
            2.. => "undefined: the paths move by different steps".to_string(),
            _ => "undefined".to_string(),
        };
    };
    let sizes = per_axis(|axis| grouped(after[axis].size()));
    match (&layer.operation, before) {
        (Operation::Multiply, _) => {
            let gate = layer.inputs.get(1).map_or("", |source| graph.name_of(*source));
            let sees = match layer.inputs.get(1).and_then(|source| graph.field_of(*source)) {
                Some([rows, _]) if rows.jump().is_some() => format!("{} pixels", grouped(rows.size())),
                _ => "the whole map".to_string(),
            };
            format!("{sizes} of what is scaled; through the gate ({gate}) {sees}")
        }
        (operation, _) if operation.is_join() => hull(graph, layer, after),
        (_, Some(before)) => {
            let reach = layer.operation.reach(layer.input, layer.output);
            per_axis(|axis| field_along(&before[axis], &after[axis], reach[axis]))
        }
        (_, None) => sizes,
    }
}

/// `60 + (3−1)·8 = 76`.
fn field_along(before: &Axis, after: &Axis, reach: Reach) -> String {
    let (size, from) = (grouped(after.size()), before.size());
    let Some(jump) = before.jump() else { return size };
    let steps = match reach {
        Reach::Window { kernel, dilation: 1, .. } => format!("({kernel}−1)"),
        Reach::Window { kernel, dilation, .. } => format!("{dilation}·({kernel}−1)"),
        Reach::All { size } => format!("({size}−1)"),
        Reach::Adaptive { from, to } => format!("({from}/{to}−1)"),
        Reach::Transposed { .. } | Reach::Bilinear { .. } => {
            return format!("{size}, of the unit that sees most");
        }
        Reach::Same | Reach::Nearest { .. } => return size,
    };
    // Behind upsampling neighbours do not move by whole steps, and the widest of them counts.
    match jump.units {
        1 => format!("{from} + {steps}·{jump} = {size}"),
        _ => format!("{size}, of the unit that sees most"),
    }
}

fn jump(layer: &Layer, before: Option<&Field>) -> String {
    let (Some(before), Some(after)) = (before, layer.field.as_ref()) else { return "undefined".to_string() };
    let reach = layer.operation.reach(layer.input, layer.output);
    per_axis(|axis| match (before[axis].jump(), after[axis].jump(), reach[axis]) {
        (Some(from), Some(to), Reach::Window { stride, .. }) => format!("{from}·{stride} = {to}"),
        (Some(from), Some(to), Reach::Adaptive { from: rows, to: out }) => format!("{from}·{} = {to}", rows / out),
        (
            Some(from),
            Some(to),
            Reach::Transposed { stride: scale, .. } | Reach::Nearest { scale } | Reach::Bilinear { scale },
        ) => {
            format!("{from}/{scale} = {to}")
        }
        (_, Some(same), _) => same.to_string(),
        (_, None, _) => "undefined: no map is left".to_string(),
    })
}

/// `15.5` from twice its value.
fn half(twice: i128) -> String {
    let sign = if twice < 0 { "−" } else { "" };
    let fraction = if twice % 2 == 0 { "" } else { ".5" };
    format!("{sign}{}{fraction}", twice.unsigned_abs() / 2)
}

fn center(layer: &Layer, before: Option<&Field>) -> String {
    let (Some(before), Some(after)) = (before, layer.field.as_ref()) else { return "undefined".to_string() };
    let reach = layer.operation.reach(layer.input, layer.output);
    let window = |axis: usize| match reach[axis] {
        Reach::Window { kernel, before, dilation, .. } => Some((kernel, before, dilation)),
        Reach::Adaptive { from, to } => Some((from / to, 0, 1)),
        _ => None,
    };
    per_axis(|axis| {
        match (before[axis].twice_center(), after[axis].twice_center(), window(axis), before[axis].jump()) {
            (Some(from), Some(to), Some((kernel, padding, dilation)), Some(jump)) if jump.units == 1 => {
                let span = match dilation {
                    1 => format!("({kernel}−1)"),
                    _ => format!("{dilation}·({kernel}−1)"),
                };
                format!("{} + ({span}/2 − {padding})·{jump} = {}", half(from), half(to))
            }
            (_, Some(same), ..) => half(same),
            (_, None, ..) => "undefined: no map is left".to_string(),
        }
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
    // Side by side, convs are not a chain.
    let chain = layers.iter().all(|layer| !layer.operation.is_join());
    let padding = window.padding.symmetric()?;
    let plain = chain && window.stride.to_array() == [1, 1] && window.dilation.to_array() == [1, 1];
    let (input, output) = (sides(first.input)?, sides(last.output)?);
    (plain && convs.iter().all(alike) && between.into_iter().all(|layer| kept(&layer))).then(|| {
        let count = convs.len();
        per_axis(|axis| {
            let [kernel, padding] = [window.kernel, padding].map(|pair| pair.to_array()[axis]);
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
    let parts = parts(layers);
    match terms.len() {
        0 => "0".to_string(),
        1..=LONGEST_SUM => format!("{} = {}", terms.join(" + "), grouped(total)),
        _ if parts.len() > 1 => format!("{} = {}", parts.join(" + "), grouped(total)),
        _ => grouped(total),
    }
}

/// Terms of a sum that is still read; beyond, a block's parts are summed.
const LONGEST_SUM: usize = 8;

/// The parameters of each part of a block (a block in it, or a layer with what it brings along), equal neighbours together:
/// `1,512,448`, `5·1,117,184`.
fn parts(layers: &[&Layer]) -> Vec<String> {
    let (Some(first), Some(last)) = (layers.first(), layers.last()) else { return Vec::new() };
    let depth = first.blocks.iter().zip(&last.blocks).take_while(|(one, other)| one == other).count();
    let mut sums: Vec<(&str, u64)> = Vec::new();
    for layer in layers {
        let part = layer.blocks.get(depth).map_or(layer.name.as_str(), String::as_str);
        match sums.last_mut() {
            Some((own, sum)) if layer.brought || *own == part => *sum += layer.params(),
            _ => sums.push((part, layer.params())),
        }
    }
    let mut counted: Vec<(u64, u64)> = Vec::new();
    for (_, sum) in sums.into_iter().filter(|(_, sum)| *sum > 0) {
        match counted.last_mut() {
            Some((own, count)) if *own == sum => *count += 1,
            _ => counted.push((sum, 1)),
        }
    }
    let text = |(sum, count): (u64, u64)| match count {
        1 => grouped(sum),
        count => format!("{count}·{}", grouped(sum)),
    };
    counted.into_iter().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_written_out_as_far_as_there_is_room() {
        // VGG-16's blocks and classifier (Simonyan & Zisserman 2015, configuration D).
        let parts = [38_720, 221_440, 1_475_328, 5_899_776, 7_079_424, 0, 123_642_856];
        let whole = "38,720 + 221,440 + 1,475,328 + 5,899,776 + 7,079,424 + 123,642,856 = 138,357,544";
        assert_eq!(sum(&parts, 200), whole);
        assert_eq!(sum(&parts, 50), "38,720 + 221,440 + … + 123,642,856 = 138,357,544");
        assert_eq!(sum(&parts, 20), "138,357,544");
        assert_eq!((sum(&[7], 80), sum(&[], 80)), ("7".into(), "0".into()));
        for room in 12..90 {
            assert!(sum(&parts, room).chars().count() <= room, "{room}");
        }
    }
}
