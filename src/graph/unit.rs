//! What a single unit sees of the input.

use super::{Axis, Graph, Layer, Shape};

/// Rows or columns of the input, first and last, counted from 0. Outside the input lies padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub first: i128,
    pub last: i128,
    /// Length of the input along this axis.
    pub input: u64,
}

impl Span {
    pub fn size(&self) -> i128 {
        self.last - self.first + 1
    }

    /// The part inside the input, unless the unit sees padding alone.
    pub fn clipped(&self) -> Option<(u64, u64)> {
        let first = self.first.max(0);
        let last = self.last.min(i128::from(self.input) - 1);
        (first <= last).then_some((first as u64, last as u64))
    }

    pub fn is_inside(&self) -> bool {
        self.first >= 0 && self.last < i128::from(self.input)
    }
}

/// Why a unit has no field.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    #[error("`{layer}` has {height}×{width} units (rows 0 to {}, columns 0 to {}); there is no unit {y},{x}", .height - 1, .width - 1)]
    Outside { layer: String, height: u64, width: u64, y: u64, x: u64 },
    #[error(
        "the field of `{0}` is undefined: an adaptive pool before it does not divide its input, or it outgrows 128 bits"
    )]
    Undefined(String),
}

/// Rows, then columns, that unit (y, x) of a layer sees, before clipping to the input.
pub fn seen(network: &Graph, layer: &Layer, y: u64, x: u64) -> Result<[Span; 2], UnitError> {
    let (height, width) = match layer.output {
        Shape::Map { height, width, .. } => (height, width),
        Shape::Flat(_) => (1, 1),
    };
    if y >= height || x >= width {
        return Err(UnitError::Outside { layer: layer.name.clone(), height, width, y, x });
    }
    let undefined = || UnitError::Undefined(layer.name.clone());
    let field = layer.field.ok_or_else(undefined)?;
    let input = network.architecture.input;
    let spans = [(0, y, input.height), (1, x, input.width)].map(|(axis, unit, length)| {
        let start = match field[axis] {
            Axis { jump: Some(jump), twice_center: Some(twice), size } => {
                let moved = i128::try_from(jump).ok()?.checked_mul(2 * i128::from(unit))?;
                let center = twice.checked_add(moved)?;
                (center - (i128::try_from(size).ok()? - 1)) / 2
            }
            // From flatten or a global pool on a unit sees what all units of the map before it see together.
            _ => first_of_all(network, layer, axis)?,
        };
        Some(Span { first: start, last: start + i128::try_from(field[axis].size).ok()? - 1, input: length })
    });
    match spans {
        [Some(rows), Some(columns)] => Ok([rows, columns]),
        _ => Err(undefined()),
    }
}

/// Where the field of unit 0 of the last map before `layer` begins.
fn first_of_all(network: &Graph, layer: &Layer, axis: usize) -> Option<i128> {
    let before = network.layers[..layer.index].iter().rev().find_map(|layer| {
        let axis = layer.field?[axis];
        Some((axis.twice_center?, axis.size))
    });
    let (twice_center, size) = before.unwrap_or((0, 1));
    Some((twice_center - (i128::try_from(size).ok()? - 1)) / 2)
}
