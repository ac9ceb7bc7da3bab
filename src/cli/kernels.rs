//! `convlens kernels`: one large kernel against small ones of the same receptive field.

use clap::Args;
use serde_json::{Value, json};

use super::output;
use super::{Context, Failure};
use crate::graph::Graph;
use crate::graph::kernel_study::{Candidate, Study};
use crate::report::{Cell, Column, Table};
use crate::run::measure::{self, Timing};

/// Weights and MACs are counted without biases, as section 2.3 of the VGG paper counts; activations are the values that
/// all layers of a candidate put out.
#[derive(Args)]
pub struct KernelsArgs {
    /// Side of the receptive field: odd, 3 to 15
    #[arg(long, default_value_t = 5)]
    field: u64,
    /// Output channels, and those between stacked layers
    #[arg(long, default_value_t = 256)]
    channels: u64,
    /// Input channels; as many as output channels without it
    #[arg(long, value_name = "N")]
    in_channels: Option<u64>,
    /// Rows and columns of the map
    #[arg(long, default_value_t = 56)]
    size: u64,
    /// Run every candidate forward and add its median time
    #[arg(long)]
    measure: bool,
    /// Runs of each candidate with --measure
    #[arg(long, default_value_t = 7, requires = "measure", value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Measure although memory may not suffice
    #[arg(long, requires = "measure")]
    force: bool,
    /// Threads with --measure; all cores without it
    #[arg(long, value_name = "N", requires = "measure", value_parser = clap::value_parser!(u32).range(1..=1024))]
    threads: Option<u32>,
}

pub fn run(context: &Context, args: &KernelsArgs) -> Result<(), Failure> {
    let study = Study {
        field: args.field,
        in_channels: args.in_channels.unwrap_or(args.channels),
        channels: args.channels,
        size: args.size,
    };
    let candidates = study.candidates().map_err(Failure::because)?;
    let times = if args.measure { Some(times(args, &study, &candidates)?) } else { None };
    let mut columns = vec![Column::words("kernels")];
    columns.extend(["field", "weights", "against first", "MACs", "activations", "ReLUs"].map(Column::number));
    if times.is_some() {
        columns.extend(["ms", "GFLOP/s"].map(Column::number));
    }
    let first = &candidates[0];
    let rows = candidates.iter().enumerate().map(|(index, candidate)| {
        let mut row = vec![
            candidate.label.as_str().into(),
            Cell::count(candidate.receptive_field),
            Cell::count(candidate.params),
            Cell::Share(candidate.params as f64 / first.params as f64, 0),
            Cell::count(candidate.macs),
            Cell::count(candidate.activations),
            Cell::count(candidate.relu_layers),
        ];
        if let Some(timing) = times.as_ref().and_then(|times| times.get(index)) {
            let seconds = timing.median.as_secs_f64();
            row.push(Cell::Decimal(seconds * 1e3, 2));
            row.push(Cell::Decimal(2.0 * candidate.macs as f64 / seconds.max(1e-9) / 1e9, 1));
        }
        row
    });
    let table = Table::new(columns, rows);
    let json = || {
        json!({"field": study.field, "channels": study.channels, "in_channels": study.in_channels,
        "size": study.size, "break_even": study.break_even(), "rows": candidates.iter().enumerate()
            .map(|(index, candidate)| row_json(candidate, times.as_ref().and_then(|times| times.get(index)))).collect::<Vec<_>>()})
    };
    output::print(context, &table, json, &words(&study, &candidates))
}

fn row_json(candidate: &Candidate, timing: Option<&Timing>) -> Value {
    let kernels = candidate.kernels.iter().map(|kernel| {
        json!({"kernel": [kernel.height, kernel.width], "in": kernel.input, "out": kernel.output, "groups": kernel.groups})
    });
    let mut row = json!({"label": candidate.label, "kernels": kernels.collect::<Vec<_>>(),
        "receptive_field": candidate.receptive_field, "params": candidate.params, "macs": candidate.macs,
        "activations": candidate.activations, "relu_layers": candidate.relu_layers, "formula": candidate.formula});
    if let Some(timing) = timing {
        row["forward_ms"] = json!(timing.median.as_secs_f64() * 1e3);
        row["min_ms"] = json!(timing.fastest.as_secs_f64() * 1e3);
    }
    row
}

fn words(study: &Study, candidates: &[Candidate]) -> Vec<String> {
    let mut lines = vec![String::new()];
    let widest = candidates.iter().map(|candidate| candidate.label.chars().count()).max().unwrap_or(0);
    for candidate in candidates {
        let pad = " ".repeat(widest - candidate.label.chars().count());
        lines.push(format!("{}{pad}  {}", candidate.label, candidate.formula));
    }
    lines.push(String::new());
    lines.extend(study.sentence());
    lines.extend(study.break_even_sentence());
    lines
}

/// Median times of all candidates through the network's own code.
fn times(args: &KernelsArgs, study: &Study, candidates: &[Candidate]) -> Result<Vec<Timing>, Failure> {
    let networks = measure::of_study(study, candidates)?;
    let networks: Vec<&Graph> = networks.iter().collect();
    if !args.force {
        measure::check_memory(&networks, 1).map_err(super::too_large)?;
    }
    let go_on = |_| std::ops::ControlFlow::Continue(());
    super::on_threads(args.threads, || {
        Ok(measure::interleaved(&networks, 1, args.runs as usize, 0, go_on).unwrap_or_default())
    })
}
