//! Where branches come together.

use crate::graph::shape::Shape;

/// The shape of a sum; nothing where two differ.
pub fn added(shapes: &[Shape]) -> Option<Shape> {
    let first = *shapes.first()?;
    shapes.iter().all(|shape| *shape == first).then_some(first)
}

/// All channels one after the other; `Err` with the index of the first shape that has other rows and columns than the first.
pub fn concatenated(shapes: &[Shape]) -> Result<Shape, usize> {
    let Some(first) = shapes.first() else { return Err(0) };
    let fits = |shape: &Shape| shape.is_flat() == first.is_flat() && shape.sides() == first.sides();
    if let Some(other) = shapes.iter().position(|shape| !fits(shape)) {
        return Err(other);
    }
    let channels = shapes.iter().map(|shape| shape.channels()).fold(0, u64::saturating_add);
    Ok(match *first {
        Shape::Map { height, width, .. } => Shape::Map { channels, height, width },
        Shape::Flat(_) => Shape::Flat(channels),
    })
}

/// Whether `gate` can scale `value`: one factor for each value, for each channel, for each position, or for all.
pub fn multiplied(value: Shape, gate: Shape) -> bool {
    match (value, gate) {
        (Shape::Map { channels, .. }, Shape::Map { channels: own, height: 1, width: 1 }) => own == channels || own == 1,
        (Shape::Map { height, width, .. }, Shape::Map { channels: 1, height: rows, width: columns }) => {
            (rows, columns) == (height, width)
        }
        (value, gate) => value == gate,
    }
}
