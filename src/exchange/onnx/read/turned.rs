//! What is done between two changes of sizes or axes that take one another back: the same on maps as they are.

use super::constant::Constant;
use super::net::{Net, Part, Step, Value, What};
use crate::graph::{Operation, Window};
use crate::spec::describe::{Norm, Pair, Sides};

/// Linear layers between a map of one position made flat and made a map again, as gates are often written: 1×1 convs.
pub fn squeezed(net: &mut Net) -> bool {
    let users = net.users();
    for value in 1..=net.steps.len() {
        if users[value].is_empty() && net.output != value {
            continue;
        }
        if let Some(chain) = flat_chain(net, value, &users) {
            unflatten(net, value, &chain);
            return true;
        }
    }
    false
}

/// The values between, first to last, where a reshape makes flat features a map of one position and all before it up to where they
/// were made flat can be done on maps.
fn flat_chain(net: &Net, value: Value, users: &[Vec<Value>]) -> Option<Vec<Value>> {
    let Some(Part::Reshape) = net.part(value) else { return None };
    let (&[_, _, 1, 1], mut at) = (net.shape(value), net.only_input(value)?) else { return None };
    let mut chain = Vec::new();
    loop {
        if users[at].len() != 1 {
            return None;
        }
        match net.operation(at)? {
            Operation::Linear { .. } | Operation::Activation(_) | Operation::Dropout { .. } => chain.push(at),
            Operation::Flatten => break,
            _ => return None,
        }
        at = net.only_input(at)?;
    }
    let &[_, _, 1, 1] = net.shape(net.only_input(at)?) else { return None };
    chain.push(at);
    chain.reverse();
    Some(chain)
}

fn unflatten(net: &mut Net, value: Value, chain: &[Value]) {
    let [flat, rest @ ..] = chain else { return };
    if let Some(x) = net.only_input(*flat) {
        net.replace(*flat, x);
    }
    for &own in rest {
        let step: &mut Step = &mut net.steps[own - 1];
        step.shape = vec![step.shape[0], step.shape[1], 1, 1];
        if let What::Is(Operation::Linear { bias }) = step.what {
            let window = Window {
                kernel: Pair::square(1),
                stride: Pair::square(1),
                padding: Sides::NONE,
                dilation: Pair::square(1),
            };
            step.what = What::Is(Operation::Conv { window, groups: 1, bias });
            for (_, tensor) in step.tensors.iter_mut().filter(|(part, _)| *part == "weight") {
                let mut dims = tensor.dims.clone();
                dims.extend([1, 1]);
                *tensor = tensor.clone().shaped(dims);
            }
        }
    }
    if let Some(&last) = rest.last() {
        net.replace(value, last);
    }
}

/// What is done to the channels of each position with channels turned to the end and back, as ConvNeXt's blocks are written: the
/// same on maps as they are, matrices as 1×1 convs.
pub fn channels_first(net: &mut Net) -> bool {
    let users = net.users();
    for value in 1..=net.steps.len() {
        if users[value].is_empty() && net.output != value {
            continue;
        }
        if let Some(chain) = turned_chain(net, value, &users) {
            turn_back(net, value, &chain);
            return true;
        }
    }
    false
}

/// The values between two turns of the axes, first to last, beginning with the first turn.
fn turned_chain(net: &Net, value: Value, users: &[Vec<Value>]) -> Option<Vec<Value>> {
    let is_turn =
        |value: Value, wanted: [usize; 4]| matches!(net.part(value), Some(Part::Transpose(perm)) if *perm == wanted);
    if !is_turn(value, [0, 3, 1, 2]) {
        return None;
    }
    let (mut at, mut chain) = (net.only_input(value)?, Vec::new());
    loop {
        if users[at].len() != 1 {
            return None;
        }
        if is_turn(at, [0, 2, 3, 1]) {
            break;
        }
        let is_per_position = match (net.part(at), net.operation(at)) {
            (Some(Part::LastNorm { .. } | Part::Columns(_)), _) => true,
            (Some(Part::Add(own) | Part::Multiply(own)), _) => {
                let channels = net.shape(at).last().copied();
                own.count() == 1 || own.dims.last().copied() == channels && Some(own.count()) == channels
            }
            (_, Some(Operation::Activation(_) | Operation::Dropout { .. })) => true,
            _ => false,
        };
        if !is_per_position {
            return None;
        }
        chain.push(at);
        at = net.only_input(at)?;
    }
    chain.push(at);
    chain.reverse();
    // A norm alone is found by itself.
    (chain.len() > 2).then_some(chain)
}

fn turn_back(net: &mut Net, value: Value, chain: &[Value]) {
    let [turn, rest @ ..] = chain else { return };
    if let Some(x) = net.only_input(*turn) {
        net.replace(*turn, x);
    }
    for &own in rest {
        let step = &mut net.steps[own - 1];
        let &[images, height, width, channels] = &step.shape[..] else { continue };
        step.shape = vec![images, channels, height, width];
        let new = match &step.what {
            What::Part(Part::LastNorm { eps }) => Some(What::Is(Operation::Norm(Norm::Layer { eps: *eps }))),
            What::Part(Part::Columns(matrix)) => {
                if let Some(turned) = matrix.turned() {
                    let mut dims = turned.dims.clone();
                    dims.extend([1, 1]);
                    step.tensors = vec![("weight", turned.shaped(dims))];
                }
                let (kernel, dilation) = (Pair::square(1), Pair::square(1));
                let window = Window { kernel, stride: Pair::square(1), padding: Sides::NONE, dilation };
                Some(What::Is(Operation::Conv { window, groups: 1, bias: false }))
            }
            What::Part(part @ (Part::Add(own) | Part::Multiply(own))) => {
                let count = own.count();
                let own = own.clone().shaped(if count == 1 { Vec::new() } else { vec![count, 1, 1] });
                Some(What::Part(if matches!(part, Part::Add(_)) { Part::Add(own) } else { Part::Multiply(own) }))
            }
            _ => None,
        };
        if let Some(new) = new {
            step.what = new;
        }
    }
    if let Some(&last) = rest.last() {
        net.replace(value, last);
    }
}

/// Maps that are made flat with their channels last, as Keras' are: made flat as they are, with the columns of the matrix behind them
/// in our order.
pub fn flattened_last(net: &mut Net) -> bool {
    let users = net.users();
    for value in 1..=net.steps.len() {
        if users[value].is_empty() && net.output != value {
            continue;
        }
        let Some((flat, x)) = flat_of_turned(net, value, &users) else { continue };
        let &[_, channels, height, width] = net.shape(x) else { continue };
        let Some((_, matrix)) = net.steps[value - 1].tensors.iter_mut().find(|(part, _)| *part == "weight") else {
            continue;
        };
        let Some(turned) = reordered(matrix, [channels, height, width].map(|size| size as usize)) else { continue };
        *matrix = turned;
        net.steps[flat - 1].inputs = vec![x];
        return true;
    }
    false
}

/// What is made flat, and of what, before a linear layer that alone reads it.
fn flat_of_turned(net: &Net, value: Value, users: &[Vec<Value>]) -> Option<(Value, Value)> {
    let Some(Operation::Linear { .. }) = net.operation(value) else { return None };
    let mut at = net.only_input(value)?;
    while let Some(Operation::Activation(_) | Operation::Dropout { .. }) = net.operation(at) {
        at = (users[at].len() == 1).then(|| net.only_input(at))??;
    }
    let is_flat = matches!(net.part(at), Some(Part::Reshape)) || matches!(net.operation(at), Some(Operation::Flatten));
    if users[at].len() != 1 || !is_flat {
        return None;
    }
    let turned = net.only_input(at)?;
    let is_turned = matches!(net.part(turned), Some(Part::Transpose(perm)) if *perm == [0, 2, 3, 1]);
    let (shape, whole) = (net.shape(turned), net.shape(at));
    let fits = whole.len() == 2 && shape.first() == whole.first();
    (is_turned && fits).then(|| Some((at, net.only_input(turned)?)))?
}

/// A matrix whose columns stand by rows, columns and channels of a map, with them by channels, rows and columns.
fn reordered(matrix: &Constant, [channels, height, width]: [usize; 3]) -> Option<Constant> {
    if matrix.is_missing() {
        return Some(matrix.clone());
    }
    let values = matrix.floats()?;
    let features = channels * height * width;
    let row = |row: &[f32]| -> Vec<f32> {
        let place = |at: usize| {
            let (channel, position) = (at / (height * width), at % (height * width));
            position * channels + channel
        };
        (0..features).map(|at| row[place(at)]).collect()
    };
    let turned = values.chunks_exact(features).flat_map(row).collect();
    Some(Constant::floats_of(matrix.dims.clone(), turned))
}
