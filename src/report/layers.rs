//! A network's layers, a row each.

use super::{Cell, Column, Table};
use crate::graph::conventions::Convention;
use crate::graph::{Graph, Layer, Window, figures};
use crate::spec::describe::Pair;

/// Name, kind, output, window, parameters, operations as `convention` counts them, receptive field.
pub fn layers(network: &Graph, convention: Convention) -> Table {
    let operations = if convention == Convention::Plain { "MACs" } else { convention.name() };
    let columns = [
        Column::words("name"),
        Column::words("kind"),
        Column::words("output"),
        Column::number("k"),
        Column::number("s"),
        Column::number("p"),
        Column::number("params"),
        Column::number(operations),
        Column::number("field"),
    ];
    Table::new(columns, network.layers.iter().map(|layer| row(layer, convention))).may_drop(&["kind", "p", "s"])
}

fn row(layer: &Layer, convention: Convention) -> Vec<Cell> {
    let window = layer.operation.window();
    let pair = |pick: fn(Window) -> Pair| window.map_or(Cell::Blank, |window| figures::pair(pick(window)).into());
    vec![
        layer.name.as_str().into(),
        layer.operation.kind().into(),
        layer.output.to_string().into(),
        pair(|window| window.kernel),
        pair(|window| window.stride),
        window.map_or(Cell::Blank, |window| figures::padding(window.padding).into()),
        Cell::count_or_none(layer.params()),
        convention.count(layer).map_or_else(|| "unknown".into(), Cell::count_or_none),
        Cell::Field(layer.field_size()),
    ]
}
