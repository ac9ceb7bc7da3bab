//! `convlens compare ARCH ARCH...`: totals, and rows aligned block by block.

use clap::Args;
use serde_json::{Value, json};

use super::output;
use super::show::{totals_json, whole};
use super::{Context, Failure, Format};
use crate::graph::Graph;
use crate::graph::compare::{self, Cell, Row};
use crate::report::comparison::{aligned, totals};

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
