//! What a single unit sees of the input.

use super::layer::{Layer, Source};
use super::shape::Shape;
use super::{Graph, Operation};

/// Rows or columns of the input, first and last, counted from 0. Outside the input lies padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    pub first: i128,
    pub last: i128,
    /// First and last that the unit really reads: those of padding, and of rows that a layer on the way drops, are not.
    pub read: Option<(u64, u64)>,
    /// Length of the input along this axis.
    pub input: u64,
}

impl Span {
    pub fn size(&self) -> i128 {
        self.last - self.first + 1
    }

    /// The part that is read, unless the unit sees padding alone.
    pub fn clipped(&self) -> Option<(u64, u64)> {
        self.read
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
}

/// Rows, then columns, that unit (y, x) of a layer sees, before clipping to the input, and those of them that it reads.
pub fn seen(graph: &Graph, layer: &Layer, y: u64, x: u64) -> Result<[Span; 2], UnitError> {
    let [height, width] = layer.output.sides();
    if y >= height || x >= width {
        return Err(UnitError::Outside { layer: layer.name.clone(), height, width, y, x });
    }
    let input = graph.architecture.input;
    let read = [read(graph, layer, 0, y), read(graph, layer, 1, x)];
    Ok([(0, y, input.height), (1, x, input.width)].map(|(axis, unit, length)| {
        let read = read[axis];
        let span = layer.field.as_ref().and_then(|field| field[axis].span(unit.into()));
        // Where the field follows no rule, what is read is known all the same.
        let known = span.or(read.map(|(first, last)| (first.into(), last.into())));
        let (first, last) = known.unwrap_or((0, -1));
        Span { first, last, read, input: length }
    }))
}

/// First and last row (or column) of the input that a unit reads, walking back through the graph: every layer is left through
/// the units that are there, so padding and dropped rows count for nothing.
fn read(graph: &Graph, layer: &Layer, axis: usize, unit: u64) -> Option<(u64, u64)> {
    let mut wanted: Vec<Option<(u64, u64)>> = vec![None; layer.index + 1];
    wanted[layer.index] = Some((unit, unit));
    let mut pixels: Option<(u64, u64)> = None;
    for layer in graph.layers[..=layer.index].iter().rev() {
        let Some(units) = wanted[layer.index] else { continue };
        // A gate leaves the field of what it scales.
        let sources = match layer.operation {
            Operation::Multiply => &layer.inputs[..1],
            _ => &layer.inputs[..],
        };
        for source in sources {
            let shape = graph.shape_of(*source);
            let reach = layer.operation.reach(shape, layer.output)[axis];
            let Some(inside) = reach.inside(units, shape.sides()[axis]) else { continue };
            let place = match source {
                Source::Input => &mut pixels,
                Source::Layer(index) => &mut wanted[*index],
            };
            *place = Some(match *place {
                Some((first, last)) => (first.min(inside.0), last.max(inside.1)),
                None => inside,
            });
        }
    }
    pixels
}

/// Whether a layer's units can be told apart by place.
pub fn has_units(layer: &Layer) -> bool {
    matches!(layer.output, Shape::Map { .. })
}
