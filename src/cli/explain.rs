//! `convlens explain ARCH [LAYER]`: the working behind every number.

use std::collections::HashMap;
use std::io::Write;

use clap::Args;
use serde_json::{Value, json};

use super::output;
use super::show::layer_json;
use super::{Context, Failure, Format};
use crate::graph::figures::{bytes, grouped};
use crate::graph::unit::{self, Span};
use crate::graph::{Graph, Layer, formulas, lints, memory};
use crate::report::{Cell, Column, Table};
use crate::spec::problem::did_you_mean;

#[derive(Args)]
pub struct ExplainArgs {
    /// An id, an alias or a file
    arch: String,
    /// A layer or a block by its path: `block3.conv2`, `classifier`
    layer: Option<String>,
    /// Which input rows and columns one unit of the layer sees
    #[arg(long, value_name = "Y,X", requires = "layer", value_parser = unit_position)]
    unit: Option<(u64, u64)>,
}

pub fn unit_position(text: &str) -> Result<(u64, u64), String> {
    let parsed = text.split_once(',').and_then(|(y, x)| Some((y.trim().parse().ok()?, x.trim().parse().ok()?)));
    parsed.ok_or_else(|| "expected row and column, counted from 0: `3,3`".to_string())
}

pub fn run(context: &Context, args: &ExplainArgs) -> Result<(), Failure> {
    let network = context.network(&args.arch)?;
    let chosen = choose(&network, args.layer.as_deref())?;
    if let Some((y, x)) = args.unit {
        return explain_unit(context, &network, &chosen, y, x);
    }
    if context.common.format == Format::Table {
        return walk(&network, &chosen, args.layer.is_none());
    }
    let names = ["name", "output", "params", "macs", "receptive_field", "jump", "center", "memory"];
    let rows = chosen.iter().map(|layer| {
        let own = formulas::of(&network, layer);
        let texts = [own.output, own.params, own.macs, own.receptive_field, own.jump, own.center, own.memory];
        std::iter::once(layer.name.clone()).chain(texts).map(Cell::from).collect()
    });
    let table = Table::new(names.map(Column::words), rows);
    let json = || {
        let layers: Vec<Value> = chosen.iter().map(|layer| layer_json(&network, layer)).collect();
        json!({"id": network.architecture.id, "layers": layers, "blocks": blocks_json(&network, &chosen)})
    };
    output::print(context, &table, json, &[])
}

/// All layers, those of one block, or one.
fn choose<'a>(network: &'a Graph, name: Option<&str>) -> Result<Vec<&'a Layer>, Failure> {
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

/// The layers of every block among the chosen, those of inner blocks too, in order of the blocks' beginnings.
fn blocks<'a>(chosen: &[&'a Layer]) -> Vec<(&'a str, Vec<&'a Layer>)> {
    let mut blocks: Vec<(&str, Vec<&Layer>)> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for layer in chosen {
        for block in &layer.blocks {
            let place = *places.entry(block).or_insert_with(|| {
                blocks.push((block, Vec::new()));
                blocks.len() - 1
            });
            blocks[place].1.push(layer);
        }
    }
    blocks
}

fn blocks_json(network: &Graph, chosen: &[&Layer]) -> Vec<Value> {
    let of = |(name, layers): (&str, Vec<&Layer>)| {
        let macs: u64 = layers.iter().map(|layer| layer.macs).sum();
        json!({"name": name, "params": layers.iter().map(|layer| layer.params()).sum::<u64>(), "macs": macs,
            "macs_share": macs as f64 / network.totals.macs.max(1) as f64,
            "formulas": {"output": formulas::block_output(&layers), "params": formulas::block_params(&layers)}})
    };
    blocks(chosen).into_iter().map(of).collect()
}

/// The lecture: layer by layer, each block closed with its sum.
fn walk(network: &Graph, layers: &[&Layer], whole: bool) -> Result<(), Failure> {
    let mut stdout = output::page();
    if whole {
        let input = network.architecture.input;
        writeln!(
            stdout,
            "{}: the input is {}×{}×{}",
            network.architecture.name, input.channels, input.height, input.width
        )?;
        writeln!(stdout)?;
    }
    let alone = layers.len() == 1;
    let blocks = blocks(layers);
    for layer in layers {
        explain_layer(&mut stdout, network, layer, alone)?;
        // Blocks that end here, the innermost first.
        for name in layer.blocks.iter().rev().filter(|_| !alone) {
            let Some((_, inside)) = blocks.iter().find(|(block, _)| block == name) else { continue };
            if inside.last().map(|last| last.index) != Some(layer.index) {
                continue;
            }
            let macs: u64 = inside.iter().map(|layer| layer.macs).sum();
            writeln!(stdout, "{name} together")?;
            if let Some(output) = formulas::block_output(inside) {
                writeln!(stdout, "  convs   {output}")?;
            }
            writeln!(stdout, "  params  {}", formulas::block_params(inside))?;
            let share = 100.0 * macs as f64 / network.totals.macs.max(1) as f64;
            writeln!(stdout, "  MACs    {} ({share:.1}% of all)", grouped(macs))?;
            writeln!(stdout)?;
        }
    }
    if whole {
        let totals = network.totals;
        writeln!(stdout, "{} together", network.architecture.name)?;
        writeln!(stdout, "  params  {}", sum_of_parts(network, Layer::params, totals.params))?;
        writeln!(stdout, "  MACs    {}", sum_of_parts(network, |layer| layer.macs, totals.macs))?;
        writeln!(
            stdout,
            "  memory  {} of parameters, {} of activations",
            bytes(4 * totals.params),
            bytes(totals.activation_bytes)
        )?;
        for line in super::show::advice(&lints::lints(network)) {
            writeln!(stdout, "{line}")?;
        }
    }
    Ok(())
}

fn explain_layer(stdout: &mut impl Write, network: &Graph, layer: &Layer, alone: bool) -> Result<(), Failure> {
    let own = formulas::of(network, layer);
    writeln!(stdout, "{}  {}  {} → {}", layer.name, layer.operation.kind(), layer.input, layer.output)?;
    let working = alone || !layer.brought && layer.operation.kind() != "dropout";
    if working {
        writeln!(stdout, "  output  {}", own.output)?;
    }
    if layer.params() > 0 {
        writeln!(stdout, "  params  {}", own.params)?;
    }
    if layer.macs > 0 {
        writeln!(stdout, "  MACs    {}", own.macs)?;
    }
    if working {
        writeln!(stdout, "  field   {}", own.receptive_field)?;
    }
    if working && (alone || layer.operation.window().is_some()) {
        writeln!(stdout, "  jump    {}", own.jump)?;
        writeln!(stdout, "  centre  {}", own.center)?;
    }
    if alone {
        writeln!(stdout, "  memory  {}", own.memory)?;
        if layer.macs > 0 {
            writeln!(
                stdout,
                "  work    {:.1} FLOPs for each byte of weights, input and output",
                memory::intensity(network, layer)
            )?;
        }
    }
    Ok(())
}

/// `38,720 + 221,440 + … = 138,357,544`: a term for each block, in a linear block one for each layer.
fn sum_of_parts(network: &Graph, count: impl Fn(&Layer) -> u64, total: u64) -> String {
    let mut terms: Vec<(Option<&str>, u64)> = Vec::new();
    for layer in network.layers.iter().filter(|layer| count(layer) > 0) {
        let block = layer.block().filter(|_| !layer.output.is_flat());
        match terms.last_mut() {
            Some((last, sum)) if block.is_some() && *last == block => *sum += count(layer),
            _ => terms.push((block, count(layer))),
        }
    }
    let terms: Vec<String> = terms.into_iter().map(|(_, sum)| grouped(sum)).collect();
    match terms.len() {
        0 | 1 => grouped(total),
        _ => format!("{} = {}", terms.join(" + "), grouped(total)),
    }
}

fn explain_unit(context: &Context, network: &Graph, chosen: &[&Layer], y: u64, x: u64) -> Result<(), Failure> {
    let [layer] = chosen else {
        return Err(Failure::Message("`--unit` wants one layer, not a block".into()));
    };
    let spans = unit::seen(network, layer, y, x).map_err(Failure::because)?;
    let clipped = |span: Span| {
        span.clipped()
            .map_or_else(|| "nothing".to_string(), |(first, last)| format!("{first} to {last} ({})", last - first + 1))
    };
    let columns =
        [Column::words("axis"), Column::number("sees"), Column::number("pixels"), Column::number("inside the input")];
    let rows = ["rows", "columns"].into_iter().zip(spans).map(|(axis, span)| {
        vec![axis.into(), Cell::Range(span.first, span.last), Cell::count(span.size() as u128), clipped(span).into()]
    });
    let table = Table::new(columns, rows);
    let inside = spans.iter().all(Span::is_inside);
    let json = || {
        let span_json = |span: Span| {
            json!({"first": signed_json(span.first), "last": signed_json(span.last),
                "clipped": span.clipped().map(|(first, last)| [first, last])})
        };
        json!({"id": network.architecture.id, "layer": layer.name, "unit": [y, x], "rows": span_json(spans[0]),
            "columns": span_json(spans[1]), "inside": inside})
    };
    let footer = [
        String::new(),
        format!(
            "unit {y},{x} of {} sees {}×{} pixels of the {}×{} input, {}",
            layer.name,
            grouped(spans[0].size() as u128),
            grouped(spans[1].size() as u128),
            network.architecture.input.height,
            network.architecture.input.width,
            match (inside, spans.iter().all(|span| span.clipped().is_some())) {
                (true, _) => "all inside it",
                (false, true) => "in part padding",
                (false, false) => "padding alone",
            }
        ),
    ];
    output::print(context, &table, json, &footer)
}

fn signed_json(value: i128) -> Value {
    i64::try_from(value).map_or_else(|_| json!(value as f64), |value| json!(value))
}
