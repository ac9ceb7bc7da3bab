//! Networks beside each other: their totals, and their rows aligned block by block.

use super::{Cell, Column, Table};
use crate::graph::Graph;
use crate::graph::compare::{self, Row};
use crate::graph::figures::grouped;

/// `+12,345 (1.20×)` against the first.
fn against(value: u64, first: u64) -> Cell {
    let sign = if value >= first { "+" } else { "−" };
    let ratio = if first == 0 { String::new() } else { format!(" ({:.2}×)", value as f64 / first as f64) };
    match value == first {
        true => "=".into(),
        false => Cell::Against(format!("{sign}{}{ratio}", grouped(value.abs_diff(first))), ratio.trim().into()),
    }
}

/// A line of the totals: its words and its figure.
type Total = (&'static str, fn(&Graph) -> u64);

/// A figure a row, a network a column, each but the first with its difference from it.
pub fn totals(networks: &[Graph]) -> Table {
    let lines: [Total; 9] = [
        ("weight layers", |network| network.totals.weight_layers),
        ("parameters", |network| network.totals.params),
        ("  of convs", |network| network.totals.conv_params),
        ("MACs", |network| network.totals.macs),
        ("  of convs", |network| network.totals.conv_macs),
        ("activations, bytes", |network| network.totals.activation_bytes),
        ("inference peak, bytes", |network| network.totals.inference_peak_bytes),
        ("training, bytes", |network| network.totals.training_bytes),
        ("buffers", |network| network.totals.buffers),
    ];
    let mut columns = vec![Column::words("total")];
    for (index, network) in networks.iter().enumerate() {
        columns.push(Column::number(&network.architecture.id));
        if index > 0 {
            columns.push(Column::number("difference"));
        }
    }
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    for (words, count) in lines {
        let mut row = vec![words.into()];
        for (index, network) in networks.iter().enumerate() {
            row.push(Cell::count(count(network)));
            if index > 0 {
                row.push(against(count(network), count(&networks[0])));
            }
        }
        rows.push(row);
    }
    let mut field = vec!["field of the last map".into()];
    for (index, network) in networks.iter().enumerate() {
        field.push(Cell::Field(network.map_field()));
        if index > 0 {
            field.push(if network.map_field() == networks[0].map_field() { "=".into() } else { Cell::Blank });
        }
    }
    rows.push(field);
    Table::new(columns, rows).alike()
}

/// `for_reading` names a block once; for a program every row does, and the totals stand in the last row.
pub fn aligned(networks: &[Graph], rows: &[Row], for_reading: bool) -> Table {
    let mut columns = vec![Column::words("block")];
    for network in networks {
        let id = &network.architecture.id;
        // Programs want every column's name once.
        let name = |column: &str| if for_reading { column.to_string() } else { format!("{id} {column}") };
        columns.extend([Column::words(id), Column::words(name("output"))]);
        columns.extend(["params", "MACs", "field"].map(|column| Column::number(name(column))));
    }
    for network in &networks[1..] {
        let of = if networks.len() == 2 { String::new() } else { format!(" {}", network.architecture.id) };
        columns.extend([Column::number(format!("Δ params{of}")), Column::number(format!("Δ MACs{of}"))]);
    }
    let mut block = None;
    let rows = rows.iter().map(|row| {
        let is_told = for_reading && block == Some(&row.block);
        block = Some(&row.block);
        let mut cells = vec![if is_told { Cell::Blank } else { row.block.as_str().into() }];
        for cell in &row.cells {
            match cell {
                None => cells.extend(std::iter::repeat_n(Cell::Blank, 5)),
                Some(cell) => cells.extend(side(cell, &row.block)),
            }
        }
        for index in 1..networks.len() {
            cells.push(Cell::Difference(row.difference(index, |cell| cell.params)));
            cells.push(Cell::Difference(row.difference(index, |cell| cell.macs)));
        }
        cells
    });
    let mut rows: Vec<Vec<Cell>> = rows.collect();
    if !for_reading {
        rows.push(last_row(networks));
    }
    Table::new(columns, rows).may_drop(&["output", "field", "Δ params", "Δ MACs", "params"])
}

/// A layer of one of the networks.
fn side(cell: &compare::Cell, block: &str) -> [Cell; 5] {
    let own = cell.name.strip_prefix(&format!("{block}.")).unwrap_or(&cell.name);
    let kernel = match cell.kernel {
        Some([height, width]) if cell.kind == "conv" => format!(" {height}×{width}"),
        _ => String::new(),
    };
    [
        format!("{own}{kernel}").into(),
        cell.output.to_string().into(),
        Cell::count_or_none(cell.params),
        Cell::count_or_none(cell.macs),
        Cell::Field(cell.field),
    ]
}

fn last_row(networks: &[Graph]) -> Vec<Cell> {
    let mut last = vec!["total".into()];
    for network in networks {
        let totals = network.totals;
        last.extend([
            format!("{} weight layers", totals.weight_layers).into(),
            Cell::Blank,
            Cell::count(totals.params),
            Cell::count(totals.macs),
            Cell::Field(network.map_field()),
        ]);
    }
    for network in &networks[1..] {
        let (own, first) = (network.totals, networks[0].totals);
        last.push(Cell::Difference(i128::from(own.params) - i128::from(first.params)));
        last.push(Cell::Difference(i128::from(own.macs) - i128::from(first.macs)));
    }
    last
}
