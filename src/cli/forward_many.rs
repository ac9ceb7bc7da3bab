//! `convlens forward ARCH ARCH...`: several networks on the same noise, run in turn, block by block.

use serde_json::json;

use super::forward::args::ForwardArgs;
use super::output;
use super::{Context, Failure};
use crate::graph::{Graph, Layer};
use crate::report::{Cell, Column, Table};
use crate::run::measure::{self, Timing};

/// Runs of each without `--runs`.
const RUNS: u32 = 5;

/// A block, or a layer outside blocks, of one network.
struct Part {
    name: String,
    seconds: f64,
    macs: u64,
}

pub fn run(context: &Context, args: &ForwardArgs) -> Result<(), Failure> {
    let networks: Vec<Graph> = args.archs.iter().map(|arch| context.network(arch)).collect::<Result<_, _>>()?;
    let networks: Vec<&Graph> = networks.iter().collect();
    let images = args.batch.unwrap_or(1) as usize;
    if !args.force {
        measure::check_memory(&networks, images as u64).map_err(super::too_large)?;
    }
    let runs = args.runs.unwrap_or(RUNS) as usize;
    let bar = context.progress(measure::total_runs(networks.len(), runs) as u64, "runs");
    let timings = super::on_threads(args.threads, || {
        let timings = measure::interleaved(&networks, images, runs, args.seed(), |done| {
            bar.set_position(done as u64);
            std::ops::ControlFlow::Continue(())
        });
        timings.ok_or(Failure::Interrupted)
    })?;
    bar.finish_and_clear();
    let parts: Vec<Vec<Part>> = networks.iter().zip(&timings).map(|(network, timing)| parts(network, timing)).collect();
    let threads = args.threads.map_or_else(rayon::current_num_threads, |threads| threads as usize);
    let milliseconds = |time: std::time::Duration| time.as_secs_f64() * 1e3;
    let json = || {
        let entry = |((network, timing), parts): ((&&Graph, &Timing), &Vec<Part>)| {
            let blocks =
                parts.iter().map(|part| json!({"name": part.name, "ms": part.seconds * 1e3, "macs": part.macs}));
            let layers = network.layers.iter().zip(&timing.layers);
            let layers =
                layers.map(|(layer, time)| json!({"name": layer.name, "ms": milliseconds(*time), "macs": layer.macs}));
            json!({"arch": network.architecture.id, "median_ms": milliseconds(timing.median),
                "min_ms": milliseconds(timing.fastest), "max_ms": milliseconds(timing.slowest), "macs": network.totals.macs,
                "ratio": milliseconds(timing.median) / milliseconds(timings[0].median).max(1e-9),
                "blocks": blocks.collect::<Vec<_>>(), "layers": layers.collect::<Vec<_>>()})
        };
        let all = networks.iter().zip(&timings).zip(&parts).map(entry);
        json!({"batch": images, "runs": runs, "threads": threads, "architectures": all.collect::<Vec<_>>()})
    };
    let footer = [
        String::new(),
        format!(
            "medians of {runs} runs in turn, batch {images}, {threads} threads, random weights; blocks are sums of their layers' medians"
        ),
    ];
    output::print(context, &table(&networks, &timings, &parts), json, &footer)
}

fn parts(network: &Graph, timing: &Timing) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for (layer, time) in network.layers.iter().zip(&timing.layers) {
        let name = layer.blocks.first().cloned().unwrap_or_else(|| owner(layer));
        match parts.last_mut() {
            Some(part) if part.name == name => {
                part.seconds += time.as_secs_f64();
                part.macs += layer.macs;
            }
            _ => parts.push(Part { name, seconds: time.as_secs_f64(), macs: layer.macs }),
        }
    }
    parts
}

/// A layer's own name, of what a conv brings along the conv's.
fn owner(layer: &Layer) -> String {
    match layer.name.rsplit_once('.') {
        Some((owner, _)) if layer.brought => owner.to_string(),
        _ => layer.name.clone(),
    }
}

/// Blocks of the same name stand in one row, in the first network's order.
fn table(networks: &[&Graph], timings: &[Timing], parts: &[Vec<Part>]) -> Table {
    let mut columns = vec![Column::words("block")];
    for (at, network) in networks.iter().enumerate() {
        let id = &network.architecture.id;
        columns.extend([Column::number(format!("{id} ms")), Column::number(format!("{id} MACs"))]);
        if at > 0 {
            columns.push(Column::number(format!("{id} time")));
        }
    }
    let mut names: Vec<&str> = Vec::new();
    for part in parts.iter().flatten() {
        if !names.contains(&part.name.as_str()) {
            names.push(&part.name);
        }
    }
    let ratio = |own: f64, first: f64| if first > 0.0 { Cell::Ratio(own / first) } else { Cell::Blank };
    let mut rows = Vec::new();
    for name in names {
        let find = |parts: &[Part]| parts.iter().find(|part| part.name == name).map(|part| (part.seconds, part.macs));
        let first = find(&parts[0]);
        let mut row = vec![name.into()];
        for (at, own) in parts.iter().enumerate() {
            let own = find(own);
            row.push(own.map_or(Cell::Blank, |(seconds, _)| Cell::Decimal(seconds * 1e3, 2)));
            row.push(own.map_or(Cell::Blank, |(_, macs)| if macs == 0 { Cell::None } else { Cell::Short(macs) }));
            if at > 0 {
                let both = own.zip(first);
                row.push(both.map_or(Cell::Blank, |((own, _), (first, _))| ratio(own, first)));
            }
        }
        rows.push(row);
    }
    let first = timings[0].median.as_secs_f64();
    let line = |words: &str, of: &dyn Fn(&Timing) -> Cell, last: bool| {
        let mut row = vec![words.into()];
        for (at, (network, timing)) in networks.iter().zip(timings).enumerate() {
            row.push(of(timing));
            row.push(if last { Cell::Short(network.totals.macs) } else { Cell::Blank });
            if at > 0 {
                row.push(if last { ratio(timing.median.as_secs_f64(), first) } else { Cell::Blank });
            }
        }
        row
    };
    let milliseconds = |time: std::time::Duration| Cell::Decimal(time.as_secs_f64() * 1e3, 2);
    rows.push(line("whole network", &|timing| milliseconds(timing.median), true));
    rows.push(line("fastest", &|timing| milliseconds(timing.fastest), false));
    rows.push(line("slowest", &|timing| milliseconds(timing.slowest), false));
    Table::new(columns, rows)
}
