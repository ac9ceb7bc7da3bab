//! Receptive fields, by the recurrence of Araujo, Norris & Sim, "Computing Receptive Fields of Convolutional Neural
//! Networks" (Distill 2019): r += d(k−1)·j, c += (d(k−1)/2 − p)·j, j *= s.

use super::layer::{Axis, Field, Operation, Shape, Window};
use crate::spec::describe::Pair;

/// The field of an input pixel: itself.
pub const PIXEL: Field = [Axis { size: 1, jump: Some(1), twice_center: Some(0) }; 2];

/// The field behind a layer, or `Err` when it outgrows 128 bits.
pub fn behind(operation: &Operation, before: Option<Field>, input: Shape, output: Shape) -> Result<Option<Field>, ()> {
    let Some(before) = before else {
        return Ok(None);
    };
    if let Some(window) = operation.window().or_else(|| adaptive_window(operation, input, output)) {
        return slide(before, window).map(Some).ok_or(());
    }
    let Shape::Map { height, width, .. } = input else {
        return Ok(Some(before));
    };
    match (operation, output) {
        (Operation::AdaptiveAvgPool, _) => Ok(None),
        (Operation::GlobalAvgPool | Operation::Flatten, _) => {
            let all = |axis: Axis, size: u64| {
                let span = u128::from(size - 1).checked_mul(axis.jump.unwrap_or(0))?;
                Some(Axis { size: axis.size.checked_add(span)?, jump: None, twice_center: None })
            };
            match (all(before[0], height), all(before[1], width)) {
                (Some(rows), Some(columns)) => Ok(Some([rows, columns])),
                _ => Err(()),
            }
        }
        _ => Ok(Some(before)),
    }
}

/// The pool that an adaptive pool amounts to, where its output divides its input.
pub fn adaptive_window(operation: &Operation, input: Shape, output: Shape) -> Option<Window> {
    let (Operation::AdaptiveAvgPool, Shape::Map { height, width, .. }, Shape::Map { height: rows, width: columns, .. }) =
        (operation, input, output)
    else {
        return None;
    };
    (height % rows == 0 && width % columns == 0).then(|| {
        let kernel = Pair { height: height / rows, width: width / columns };
        Window { kernel, stride: kernel, padding: Pair::square(0), dilation: Pair::square(1) }
    })
}

fn slide(before: Field, window: Window) -> Option<Field> {
    let [kernel, stride, padding, dilation] =
        [window.kernel, window.stride, window.padding, window.dilation].map(Pair::to_array);
    let axis = |index: usize| slide_axis(before[index], kernel[index], stride[index], padding[index], dilation[index]);
    Some([axis(0)?, axis(1)?])
}

fn slide_axis(before: Axis, kernel: u64, stride: u64, padding: u64, dilation: u64) -> Option<Axis> {
    let span = u128::from(dilation) * u128::from(kernel - 1);
    let Some(jump) = before.jump else {
        // Behind a global pool the map is 1×1: a window on it sees the same pixels.
        return Some(before);
    };
    let shift = i128::try_from(span).ok()? - 2 * i128::from(padding);
    let twice_center = before.twice_center?.checked_add(shift.checked_mul(i128::try_from(jump).ok()?)?)?;
    Some(Axis {
        size: before.size.checked_add(span.checked_mul(jump)?)?,
        jump: Some(jump.checked_mul(stride.into())?),
        twice_center: Some(twice_center),
    })
}
