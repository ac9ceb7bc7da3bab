//! What ONNX says in several nodes, found again as one operation: activations, norms, shuffles, padding.

use super::activations;
use super::constant::Constant;
use super::net::{Net, Part, Value, What};
use super::turned::{channels_first, flattened_last, squeezed};
use crate::graph::{Operation, Window, output_size};
use crate::spec::describe::{BatchNorm, Norm, Pair, Sides};

/// What a value becomes.
struct Rewritten {
    operation: Operation,
    inputs: Vec<Value>,
    tensors: Vec<(&'static str, Constant)>,
}

impl Rewritten {
    fn plain(operation: Operation, input: Value) -> Option<Rewritten> {
        Some(Rewritten { operation, inputs: vec![input], tensors: Vec::new() })
    }
}

/// Rewrites all that is found, until nothing more is.
pub fn simplify(net: &mut Net) {
    loop {
        let mut changed = false;
        for value in 1..=net.steps.len() {
            changed |= merged_shape(net, value)
                || spread(net, value)
                || rewrite(net, value, &[activation, norm, shuffle, flatten, padded, adaptive]);
        }
        changed |= squeezed(net) || channels_first(net) || flattened_last(net);
        if changed {
            continue;
        }
        // Only what nothing else explains is a factor or a shift of its own.
        let users = net.users();
        for value in 1..=net.steps.len() {
            changed |= biased(net, value, &users) || rewrite(net, value, &[affine]);
        }
        if !changed {
            return;
        }
    }
}

fn rewrite(net: &mut Net, value: Value, rules: &[fn(&Net, Value) -> Option<Rewritten>]) -> bool {
    let Some(new) = rules.iter().find_map(|rule| rule(net, value)) else { return false };
    let step = &mut net.steps[value - 1];
    (step.what, step.inputs, step.tensors) = (What::Is(new.operation), new.inputs, new.tensors);
    true
}

fn activation(net: &Net, value: Value) -> Option<Rewritten> {
    let (found, x) = activations::found(net, value)?;
    Rewritten::plain(Operation::Activation(found), x)
}

fn norm(net: &Net, value: Value) -> Option<Rewritten> {
    layer_norm(net, value).or_else(|| group_norm(net, value))
}

/// A norm over the last axis, with channels turned there and back.
fn layer_norm(net: &Net, value: Value) -> Option<Rewritten> {
    let turned = |value: Value, wanted: [usize; 4]| match net.part(value)? {
        Part::Transpose(perm) if *perm == wanted => net.only_input(value),
        _ => None,
    };
    let normed = turned(value, [0, 3, 1, 2])?;
    let Some(Part::LastNorm { eps }) = net.part(normed) else { return None };
    let x = turned(net.only_input(normed)?, [0, 2, 3, 1])?;
    let tensors = net.step(normed)?.tensors.clone();
    Some(Rewritten { operation: Operation::Norm(Norm::Layer { eps: *eps }), inputs: vec![x], tensors })
}

/// Channels laid out by groups, each group normalised, then a factor and a shift for each channel.
fn group_norm(net: &Net, value: Value) -> Option<Rewritten> {
    let Some(Part::Add(bias)) = net.part(value) else { return None };
    let scaled = net.only_input(value)?;
    let Some(Part::Multiply(weight)) = net.part(scaled) else { return None };
    let joined = net.only_input(scaled)?;
    let Some(Part::Reshape) = net.part(joined) else { return None };
    let normed = net.only_input(joined)?;
    let Some(Operation::Norm(Norm::Instance { eps, affine: false })) = net.operation(normed) else { return None };
    let grouped = net.only_input(normed)?;
    let Some(Part::Reshape) = net.part(grouped) else { return None };
    let x = net.only_input(grouped)?;
    let &[_, groups, _] = net.shape(grouped) else { return None };
    let shape = net.shape(x);
    let channels = *shape.get(1)?;
    if shape != net.shape(value) || !channels.is_multiple_of(groups) {
        return None;
    }
    let tensors = vec![("weight", per_channel(weight, shape)?), ("bias", per_channel(bias, shape)?)];
    Some(Rewritten { operation: Operation::Norm(Norm::Group { groups, eps: *eps }), inputs: vec![x], tensors })
}

/// A known value for each channel, where it is spread over all positions: one number too.
fn per_channel(own: &Constant, shape: &[u64]) -> Option<Constant> {
    let channels = *shape.get(1)?;
    let count = own.count();
    let behind = shape.len().saturating_sub(2);
    // Right-aligned as NumPy spreads: as many ones behind as there are rows and columns.
    let placed = match own.dims.len().checked_sub(behind) {
        Some(front) => {
            own.dims[front..].iter().all(|&size| size == 1)
                && own.dims[..front.saturating_sub(1)].iter().all(|&size| size == 1)
        }
        None => count == 1,
    };
    match count {
        1 if channels != 1 || placed => {
            if own.is_missing() {
                return None;
            }
            let value = own.floats()?[0];
            Some(Constant::floats_of(vec![channels], vec![value; channels as usize]))
        }
        _ if count == channels && placed => Some(own.clone().shaped(vec![channels])),
        _ => None,
    }
}

/// A shift behind a conv or linear layer without one.
fn biased(net: &mut Net, value: Value, users: &[Vec<Value>]) -> bool {
    let found = || {
        let Some(Part::Add(bias)) = net.part(value) else { return None };
        let input = net.only_input(value)?;
        let bias = per_channel(bias, net.shape(value))?;
        let takes = match net.operation(input)? {
            Operation::Conv { bias, .. } | Operation::ConvTranspose { bias, .. } | Operation::Linear { bias } => !bias,
            _ => false,
        };
        (takes && users[input].len() == 1).then_some((input, bias))
    };
    let Some((input, own)) = found() else { return false };
    let mut step = net.steps[input - 1].clone();
    if let What::Is(Operation::Conv { bias, .. } | Operation::ConvTranspose { bias, .. } | Operation::Linear { bias }) =
        &mut step.what
    {
        *bias = true;
    }
    step.tensors.push(("bias", own));
    net.steps[value - 1] = step;
    true
}

/// Factors and shifts that are known: a scale, or a batch norm that has nothing to subtract.
fn affine(net: &Net, value: Value) -> Option<Rewritten> {
    let shape = net.shape(value);
    if !matches!(shape.len(), 2 | 4) {
        return None;
    }
    let channels = *shape.get(1)?;
    let normed = |input: Value, weight: Constant, bias: Constant| {
        // Variance 1 with eps in it: x / √(1 − eps + eps).
        let eps = 1e-5;
        let filled = |value: f32| Constant::floats_of(vec![channels], vec![value; channels as usize]);
        let tensors = vec![
            ("weight", weight),
            ("bias", bias),
            ("running_mean", filled(0.0)),
            ("running_var", filled(1.0 - eps as f32)),
        ];
        let operation = Operation::Norm(Norm::Batch(BatchNorm { eps, momentum: 0.1, affine: true }));
        Some(Rewritten { operation, inputs: vec![input], tensors })
    };
    let input = net.only_input(value)?;
    match net.part(value)? {
        Part::Add(bias) => {
            let bias = per_channel(bias, shape)?;
            let scaled = match net.operation(input) {
                Some(Operation::Scale { .. }) => net.step(input)?.tensors.first().map(|(_, own)| own.clone()),
                _ => None,
            };
            match scaled {
                Some(weight) => normed(net.only_input(input)?, weight, bias),
                None => normed(input, Constant::floats_of(vec![channels], vec![1.0; channels as usize]), bias),
            }
        }
        Part::Multiply(weight) => {
            let tensors = vec![("weight", per_channel(weight, shape)?)];
            Some(Rewritten { operation: Operation::Scale { init: 1.0 }, inputs: vec![input], tensors })
        }
        _ => None,
    }
}

/// Channels laid out as groups × channels of a group and read the other way round.
fn shuffle(net: &Net, value: Value) -> Option<Rewritten> {
    let reshape = |value: Value| matches!(net.part(value), Some(Part::Reshape)).then(|| net.only_input(value))?;
    let turned = reshape(value)?;
    let Some(Part::Transpose(perm)) = net.part(turned) else { return None };
    let apart = net.only_input(turned)?;
    let x = reshape(apart)?;
    let (from, shape) = (net.shape(apart), net.shape(x));
    let &[_, channels, height, width] = shape else { return None };
    let groups = *from.get(1)?;
    let fits = match (from, perm.as_slice()) {
        ([_, _, each, h, w], [0, 2, 1, 3, 4]) => groups * each == channels && (*h, *w) == (height, width),
        ([_, _, each, positions], [0, 2, 1, 3]) => groups * each == channels && *positions == height * width,
        _ => false,
    };
    (fits && shape == net.shape(value)).then(|| Rewritten::plain(Operation::ChannelShuffle { groups }, x))?
}

/// A map in one row.
fn flatten(net: &Net, value: Value) -> Option<Rewritten> {
    let Some(Part::Reshape) = net.part(value) else { return None };
    let x = net.only_input(value)?;
    match (net.shape(x), net.shape(value)) {
        ([n, c, h, w], [images, features]) if n == images && c * h * w == *features => {
            Rewritten::plain(Operation::Flatten, x)
        }
        _ => None,
    }
}

/// A reshape of what was reshaped, and one that changes nothing.
fn merged_shape(net: &mut Net, value: Value) -> bool {
    let is_reshape = |value: Value| {
        matches!(net.part(value), Some(Part::Reshape)) || matches!(net.operation(value), Some(Operation::Flatten))
    };
    if !is_reshape(value) {
        return false;
    }
    let Some(mut input) = net.only_input(value) else { return false };
    let before = input;
    while is_reshape(input)
        && let Some(inner) = net.only_input(input)
    {
        input = inner;
    }
    if net.shape(input) == net.shape(value) {
        let is_read = net.output == value || net.steps.iter().any(|step| step.inputs.contains(&value));
        net.replace(value, input);
        return is_read;
    }
    net.steps[value - 1].inputs = vec![input];
    input != before
}

/// Padding that stands before the window that slides over it.
fn padded(net: &Net, value: Value) -> Option<Rewritten> {
    if let Some(found) = padded_channels(net, value) {
        return Some(found);
    }
    let input = net.only_input(value)?;
    let Some(&Part::Pad { sides: [top, left, bottom, right], channels: [0, 0], value: with }) = net.part(input) else {
        return None;
    };
    let mut operation = net.operation(value)?.clone();
    let more = |window: &mut Window| {
        let own = window.padding;
        window.padding =
            Sides { top: own.top + top, left: own.left + left, bottom: own.bottom + bottom, right: own.right + right };
    };
    match &mut operation {
        Operation::Conv { window, .. } if with == 0.0 => more(window),
        Operation::MaxPool { window, ceil: false } if with <= f64::from(f32::MIN) => more(window),
        Operation::AvgPool { window, counts_padding: true, .. } if with == 0.0 && window.padding == Sides::NONE => {
            more(window);
        }
        _ => return None,
    }
    let x = net.only_input(input)?;
    let window = match &operation {
        Operation::AvgPool { window, ceil, .. } => Some((*window, *ceil)),
        _ => None,
    };
    // Rounded up, the padding may lead to other windows than what was padded before.
    if let Some((window, ceil)) = window {
        let (from, to) = (net.shape(x), net.shape(value));
        let size = |axis: usize, pick: fn(Pair) -> u64| {
            let around = (pick(window.padding.before()), pick(window.padding.after()));
            output_size(from[axis], pick(window.kernel), pick(window.stride), around, 1, ceil)
        };
        if size(2, |pair| pair.height) != Some(to[2]) || size(3, |pair| pair.width) != Some(to[3]) {
            return None;
        }
    }
    let step = net.step(value)?;
    Some(Rewritten { operation, inputs: vec![x], tensors: step.tensors.clone() })
}

/// Channels of zeros around those of every so many rows and columns (He et al. 2015, option A).
fn padded_channels(net: &Net, value: Value) -> Option<Rewritten> {
    let Some(&Part::Pad { sides: [0, 0, 0, 0], channels: [before, _], value: 0.0 }) = net.part(value) else {
        return None;
    };
    let input = net.only_input(value)?;
    let (stride, x) = match net.part(input) {
        Some(&Part::Strided([height, width])) => (Pair { height, width }, net.only_input(input)?),
        _ => (Pair::square(1), input),
    };
    Rewritten::plain(Operation::PadChannels { stride, before }, x)
}

/// Two matrices of shares that are PyTorch's windows.
fn adaptive(net: &Net, value: Value) -> Option<Rewritten> {
    let inside = net.only_input(value)?;
    let (rows, columns) = match (net.part(value)?, net.part(inside)?) {
        (Part::Rows(rows), Part::Columns(columns)) | (Part::Columns(columns), Part::Rows(rows)) => (rows, columns),
        _ => return None,
    };
    let x = net.only_input(inside)?;
    let (from, to) = (net.shape(x), net.shape(value));
    let is_share = |shares: &Constant, n: u64, out: u64, by_column: bool| {
        let values = shares.floats()?;
        let wanted = |at: u64, pixel: u64| {
            let (first, end) = (at * n / out, ((at + 1) * n).div_ceil(out));
            if (first..end).contains(&pixel) { 1.0 / (end - first) as f32 } else { 0.0 }
        };
        let all = (0..out).all(|at| {
            (0..n).all(|pixel| {
                let place = if by_column { pixel * out + at } else { at * n + pixel };
                values.get(place as usize).is_some_and(|value| (value - wanted(at, pixel)).abs() < 1e-6)
            })
        });
        all.then_some(())
    };
    is_share(rows, from[2], to[2], false)?;
    is_share(columns, from[3], to[3], true)?;
    Rewritten::plain(Operation::AdaptiveAvgPool, x)
}

/// A product takes what was spread over all positions as it was before.
fn spread(net: &mut Net, value: Value) -> bool {
    if !matches!(net.operation(value), Some(Operation::Multiply)) {
        return false;
    }
    let shape = net.shape(value).to_vec();
    let before = |input: Value| {
        let Some(Part::Expand) = net.part(input) else { return None };
        let own = net.only_input(input)?;
        match (net.shape(own), shape.as_slice()) {
            ([_, c, 1, 1], [_, channels, _, _]) if c == channels || *c == 1 => Some(own),
            ([_, 1, h, w], [_, _, height, width]) if (h, w) == (height, width) => Some(own),
            _ => None,
        }
    };
    let inputs: Vec<Value> = net.steps[value - 1].inputs.clone();
    let Some((at, own)) = inputs.iter().enumerate().find_map(|(at, &input)| Some((at, before(input)?))) else {
        return false;
    };
    let step = &mut net.steps[value - 1];
    step.inputs[at] = own;
    // The value comes first, what scales it second.
    if at == 0 {
        step.inputs.swap(0, 1);
    }
    true
}
