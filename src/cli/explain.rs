//! `convlens explain ARCH [LAYER]`: the working behind every number.

use std::io::Write;

use serde_json::json;

use super::output::{self, Rows};
use super::show::layer_json;
use super::{Context, Failure, Format};
use crate::model::formulas::{self, grouped};
use crate::model::{Layer, Network};
use crate::spec::problem::did_you_mean;

pub fn run(context: &Context, arch: &str, layer: Option<&str>) -> Result<(), Failure> {
    let network = context.network(arch)?;
    let chosen = choose(&network, layer)?;
    if context.common.format == Format::Table {
        return walk(&network, &chosen, layer.is_none());
    }
    let headers =
        vec![("name", false), ("output", false), ("params", false), ("macs", false), ("receptive_field", false)];
    let rows = chosen
        .iter()
        .map(|layer| {
            let formulas = formulas::of(layer);
            vec![layer.name.clone(), formulas.output, formulas.params, formulas.macs, formulas.receptive_field]
        })
        .collect();
    let json = || json!({"id": network.architecture.id, "layers": chosen.iter().map(|layer| layer_json(layer)).collect::<Vec<_>>()});
    output::print(context, &Rows { headers, rows }, json, &[])
}

/// All layers, those of one block, or one.
fn choose<'a>(network: &'a Network, name: Option<&str>) -> Result<Vec<&'a Layer>, Failure> {
    let Some(name) = name else {
        return Ok(network.layers.iter().collect());
    };
    let fits = |layer: &&Layer| layer.name == name || layer.blocks.iter().any(|block| block == name);
    let chosen: Vec<&Layer> = network.layers.iter().filter(fits).collect();
    if chosen.is_empty() {
        let names = network.layers.iter().flat_map(|layer| layer.blocks.iter().chain([&layer.name]));
        let help = did_you_mean(name, names).map_or_else(String::new, |help| format!("; {help}"));
        return Err(Failure::Message(format!("{} has no layer or block `{name}`{help}", network.architecture.id)));
    }
    Ok(chosen)
}

/// The lecture: layer by layer, each block closed with its sum.
fn walk(network: &Network, layers: &[&Layer], whole: bool) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    for (index, layer) in layers.iter().enumerate() {
        let formulas = formulas::of(layer);
        writeln!(stdout, "{}  {}  {} → {}", layer.name, layer.operation.kind(), layer.input, layer.output)?;
        let working = !layer.brought && layer.operation.kind() != "dropout";
        if working {
            writeln!(stdout, "  output  {}", formulas.output)?;
        }
        if layer.params() > 0 {
            writeln!(stdout, "  params  {}", formulas.params)?;
        }
        if layer.macs > 0 {
            writeln!(stdout, "  MACs    {}", formulas.macs)?;
        }
        if working {
            writeln!(stdout, "  field   {}", formulas.receptive_field)?;
        }
        let next = layers.get(index + 1).and_then(|next| next.block());
        if let Some(block) = layer.block().filter(|block| Some(*block) != next) {
            let inside: Vec<&Layer> = layers.iter().copied().filter(|layer| layer.block() == Some(block)).collect();
            writeln!(stdout, "{block} together")?;
            writeln!(stdout, "  params  {}", formulas::block_params(&inside))?;
            writeln!(stdout)?;
        }
    }
    if whole {
        let totals = network.totals;
        writeln!(
            stdout,
            "{} together: {} parameters, {} MACs",
            network.architecture.name,
            grouped(totals.params),
            grouped(totals.macs)
        )?;
    }
    Ok(())
}
