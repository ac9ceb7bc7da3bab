//! `convlens compare ARCH ARCH...`: totals, and rows aligned block by block.

use clap::Args;
use serde_json::{Value, json};

use super::output::{self, Rows};
use super::show::{totals_json, whole};
use super::{Context, Failure, Format};
use crate::graph::Graph;
use crate::graph::compare::{self, Cell, Row};
use crate::graph::figures::{field_text, grouped, signed};

#[derive(Args)]
pub struct CompareArgs {
    /// Two to four architectures; differences are from the first
    #[arg(required = true, num_args = 2..=4)]
    archs: Vec<String>,
    /// Only rows that differ
    #[arg(long)]
    changes: bool,
}

pub fn run(context: &Context, args: &CompareArgs) -> Result<(), Failure> {
    let networks: Vec<Graph> = args.archs.iter().map(|arch| context.network(arch)).collect::<Result<_, _>>()?;
    let references: Vec<&Graph> = networks.iter().collect();
    let mut rows = compare::rows(&references);
    if args.changes {
        rows.retain(|row| !row.is_same());
    }
    let json = || {
        let architectures: Vec<Value> = (networks.iter())
            .map(|network| {
                let (own, first) = (&network.totals, &networks[0].totals);
                let ratio = |own: u64, first: u64| own as f64 / first.max(1) as f64;
                json!({"id": network.architecture.id, "name": network.architecture.name, "totals": totals_json(network),
                    "against_first": {"params": own.params as i64 - first.params as i64, "params_ratio": ratio(own.params, first.params),
                        "macs": own.macs as i64 - first.macs as i64, "macs_ratio": ratio(own.macs, first.macs)}})
            })
            .collect();
        json!({"architectures": architectures, "rows": rows.iter().map(row_json).collect::<Vec<_>>(),
            "verdict": compare::verdict(&references)})
    };
    if context.common.format == Format::Table {
        output::print(context, &totals(&networks), json, &[])?;
        output::blank_line()?;
        return output::print(
            context,
            &aligned(&networks, &rows, true),
            || Value::Null,
            &[vec![String::new()], compare::verdict(&references)].concat(),
        );
    }
    output::print(context, &aligned(&networks, &rows, false), json, &[])
}

fn row_json(row: &Row) -> Value {
    let cell = |cell: &Option<Cell>| {
        cell.as_ref().map(|cell| {
            let field = cell.field.map(whole);
            json!({"name": cell.name, "kind": cell.kind, "kernel": cell.kernel, "output": cell.output.to_vec(),
                "params": cell.params, "macs": cell.macs, "receptive_field": field})
        })
    };
    let differences = (1..row.cells.len()).map(|index| {
        json!({"params": row.difference(index, |cell| cell.params) as i64, "macs": row.difference(index, |cell| cell.macs) as i64})
    });
    json!({"block": row.block, "same": row.is_same(), "cells": row.cells.iter().map(cell).collect::<Vec<_>>(),
        "differences": differences.collect::<Vec<_>>()})
}

/// `+12,345 (1.20×)` against the first.
fn against(value: u64, first: u64) -> String {
    let sign = if value >= first { "+" } else { "−" };
    let ratio = if first == 0 { String::new() } else { format!(" ({:.2}×)", value as f64 / first as f64) };
    match value == first {
        true => "=".to_string(),
        false => format!("{sign}{}{ratio}", grouped(value.abs_diff(first))),
    }
}

/// A line of the totals: its words and its figure.
type Total = (&'static str, fn(&Graph) -> u64);

fn totals(networks: &[Graph]) -> Rows<String> {
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
    let mut headers = vec![("total".to_string(), false)];
    for (index, network) in networks.iter().enumerate() {
        headers.push((network.architecture.id.clone(), true));
        if index > 0 {
            headers.push(("difference".to_string(), true));
        }
    }
    let mut rows: Vec<Vec<String>> = Vec::new();
    for (words, count) in lines {
        let mut row = vec![words.to_string()];
        for (index, network) in networks.iter().enumerate() {
            row.push(grouped(count(network)));
            if index > 0 {
                row.push(against(count(network), count(&networks[0])));
            }
        }
        rows.push(row);
    }
    let mut field = vec!["field of the last map".to_string()];
    for (index, network) in networks.iter().enumerate() {
        field.push(field_text(network.map_field()));
        if index > 0 {
            field.push(if network.map_field() == networks[0].map_field() { "=".into() } else { String::new() });
        }
    }
    rows.push(field);
    Rows { headers, rows }
}

/// `for_reading` names a block once; for a program every row does, and the totals stand in the last row.
fn aligned(networks: &[Graph], rows: &[Row], for_reading: bool) -> Rows<String> {
    let mut headers = vec![("block".to_string(), false)];
    for network in networks {
        let id = &network.architecture.id;
        // Programs want every column's name once.
        let name = |column: &str| if for_reading { column.to_string() } else { format!("{id} {column}") };
        headers.push((id.clone(), false));
        headers.extend([(name("output"), false), (name("params"), true), (name("MACs"), true), (name("field"), true)]);
    }
    for network in &networks[1..] {
        let of = if networks.len() == 2 { String::new() } else { format!(" {}", network.architecture.id) };
        headers.extend([(format!("Δ params{of}"), true), (format!("Δ MACs{of}"), true)]);
    }
    let count = |count: u64| if count == 0 { "–".to_string() } else { grouped(count) };
    let mut block = None;
    let rows = rows.iter().map(|row| {
        let shown = if for_reading && block == Some(&row.block) { String::new() } else { row.block.clone() };
        block = Some(&row.block);
        let mut cells = vec![shown];
        for cell in &row.cells {
            match cell {
                None => cells.extend(std::iter::repeat_n(String::new(), 5)),
                Some(cell) => {
                    let own = cell.name.strip_prefix(&format!("{}.", row.block)).unwrap_or(&cell.name);
                    let kernel = match cell.kernel {
                        Some([height, width]) if cell.kind == "conv" => format!(" {height}×{width}"),
                        _ => String::new(),
                    };
                    let (params, macs) = (count(cell.params), count(cell.macs));
                    cells.extend([
                        format!("{own}{kernel}"),
                        cell.output.to_string(),
                        params,
                        macs,
                        field_text(cell.field),
                    ]);
                }
            }
        }
        for index in 1..networks.len() {
            cells.push(signed(row.difference(index, |cell| cell.params)));
            cells.push(signed(row.difference(index, |cell| cell.macs)));
        }
        cells
    });
    let mut rows: Vec<Vec<String>> = rows.collect();
    if !for_reading {
        let mut last = vec!["total".to_string()];
        for network in networks {
            let totals = network.totals;
            let weights = format!("{} weight layers", totals.weight_layers);
            last.extend([
                weights,
                String::new(),
                grouped(totals.params),
                grouped(totals.macs),
                field_text(network.map_field()),
            ]);
        }
        for network in &networks[1..] {
            let (own, first) = (network.totals, networks[0].totals);
            last.push(signed(i128::from(own.params) - i128::from(first.params)));
            last.push(signed(i128::from(own.macs) - i128::from(first.macs)));
        }
        rows.push(last);
    }
    Rows { headers, rows }
}
