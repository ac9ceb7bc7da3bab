//! `convlens weights FILE [ARCH]`: what a weights file holds, and how it fits an architecture.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::output;
use super::{Context, Failure, Format};
use crate::exchange::weights::names::slots;
use crate::exchange::weights::{Plan, TensorFile, dims, plan};
use crate::graph::figures::{bytes, grouped};
use crate::report::{Cell, Column, Table};

#[derive(Args)]
pub struct WeightsArgs {
    /// A safetensors file; only its header is read
    file: PathBuf,
    /// Say what of it fits this architecture, what is missing, extra or of another shape
    pub arch: Option<String>,
}

pub fn run(context: &Context, args: &WeightsArgs) -> Result<(), Failure> {
    let file = TensorFile::open(&args.file).map_err(Failure::weights)?;
    let network = args.arch.as_ref().map(|arch| context.network(arch)).transpose()?;
    let slots = network.as_ref().map(slots).unwrap_or_default();
    let plan = network.as_ref().map(|network| plan::plan(network, &slots, &file));
    let goes_to = |entry: usize| -> Option<String> {
        let (network, plan) = (network.as_ref()?, plan.as_ref()?);
        let (slot, _) = plan.pairs.iter().find(|(_, index)| *index == entry)?;
        Some(format!("{}.{}", network.layers[slots[*slot].layer].name, slots[*slot].part))
    };
    let mut columns =
        vec![Column::words("tensor"), Column::words("type"), Column::words("shape"), Column::number("values")];
    if plan.is_some() {
        columns.push(Column::words("goes to"));
    }
    let rows = file.entries.iter().enumerate().map(|(index, entry)| {
        let (name, dtype) = (entry.name.as_str().into(), format!("{:?}", entry.dtype).into());
        let mut row = vec![name, dtype, dims(&entry.shape).into(), Cell::count(entry.elements() as u64)];
        if plan.is_some() {
            row.push(Cell::or_none(goes_to(index), Cell::Text));
        }
        row
    });
    let table = Table::new(columns, rows);
    let json = || {
        let tensors = file.entries.iter().enumerate().map(|(index, entry)| {
            json!({"name": entry.name, "dtype": format!("{:?}", entry.dtype), "shape": entry.shape, "goes_to": goes_to(index)})
        });
        let fit = plan.as_ref().map(|plan| {
            let misshapen = plan.misshapen.iter().map(|tensor| {
                json!({"name": tensor.name, "layer": tensor.layer, "found": tensor.found, "wanted": tensor.wanted})
            });
            json!({"fits": plan.fits(), "matched": plan.describe(), "missing": plan.missing, "extra": plan.extra,
                "misshapen": misshapen.collect::<Vec<_>>(), "disorder": plan.disorder})
        });
        json!({"file": file.path, "tensors": tensors.collect::<Vec<_>>(), "fit": fit})
    };
    output::print(context, &table, json, &words(&file, plan.as_ref(), args.arch.as_deref()))?;
    match (plan, &args.arch) {
        (Some(plan), Some(arch)) if !plan.fits() => {
            // Only a table has room for the reasons; JSON has them as values.
            if matches!(context.common.format, Format::Csv | Format::Markdown) {
                return Err(Failure::Lines(format!("does not fit {arch}:\n{}", plan.problems().join("\n"))));
            }
            Err(Failure::Said)
        }
        _ => Ok(()),
    }
}

fn words(file: &TensorFile, plan: Option<&Plan>, arch: Option<&str>) -> Vec<String> {
    let values: u64 = file.entries.iter().map(|entry| entry.elements() as u64).sum();
    let size: u64 = file.entries.iter().map(|entry| entry.bytes() as u64).sum();
    let mut lines =
        vec![String::new(), format!("{} tensors, {} values, {}", file.entries.len(), grouped(values), bytes(size))];
    if let (Some(plan), Some(arch)) = (plan, arch) {
        match plan.fits() {
            true => lines.push(format!("all of {arch} is there, matched {}", plan.describe())),
            false => {
                lines.push(format!("does not fit {arch}:"));
                lines.extend(plan.problems());
            }
        }
    }
    lines
}
