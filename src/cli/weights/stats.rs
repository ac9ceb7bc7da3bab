//! `convlens weights FILE --stats`: what the values are like.

use serde_json::{Value, json};

use crate::cli::{Context, Failure, output};
use crate::exchange::weights::{TensorFile, dims};
use crate::graph::figures::{bytes, counted, decimal, grouped};
use crate::network::compress::Precision;
use crate::report::{Cell, Column, Table};
use crate::run::weight_figures::{TensorFigures, bytes_in};

/// Bars from nothing to the most, for the share of values in each part.
const LEVELS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Names of dead channels that are listed of one tensor.
const NAMED: usize = 6;

pub fn print(context: &Context, file: &TensorFile) -> Result<(), Failure> {
    let bar = context.progress(file.entries.len() as u64, "tensors");
    let mut rows = Vec::new();
    for entry in file.entries.iter().filter(|entry| entry.is_float()) {
        rows.push((entry, TensorFigures::read(file, entry).map_err(Failure::weights)?));
        bar.inc(1);
    }
    bar.finish_and_clear();
    let columns = [
        Column::words("tensor"),
        Column::words("shape"),
        Column::number("mean"),
        Column::number("std"),
        Column::number("min"),
        Column::number("max"),
        Column::number("zeros"),
        Column::words("histogram"),
        Column::words("notes"),
    ];
    let table = Table::new(
        columns,
        rows.iter().map(|(entry, own)| {
            let statistics = own.statistics;
            let figure = |value: f64| if value.is_finite() { Cell::text(small(value)) } else { Cell::None };
            vec![
                entry.name.as_str().into(),
                dims(&entry.shape).into(),
                figure(statistics.mean),
                figure(statistics.std),
                figure(statistics.min.into()),
                figure(statistics.max.into()),
                if statistics.zero_fraction.is_finite() {
                    Cell::Share(statistics.zero_fraction, 1)
                } else {
                    Cell::None
                },
                histogram(own).into(),
                notes(own).join(", ").into(),
            ]
        }),
    );
    let json = || {
        let tensors = rows.iter().map(|(entry, own)| {
            let statistics = own.statistics;
            json!({"name": entry.name, "dtype": format!("{:?}", entry.dtype), "shape": entry.shape, "mean": statistics.mean,
                "std": statistics.std, "min": statistics.min, "max": statistics.max, "zero_fraction": statistics.zero_fraction,
                "nan": own.not_numbers, "infinite": own.infinite, "histogram": own.histogram, "dead": own.dead})
        });
        let sizes: serde_json::Map<String, Value> = std::iter::once(("f32".to_string(), bytes_in(file, None).into()))
            .chain(Precision::ALL.map(|own| (own.name().to_string(), bytes_in(file, Some(own)).into())))
            .collect();
        json!({"file": file.path, "tensors": tensors.collect::<Vec<_>>(), "bytes": sizes})
    };
    let sizes = Precision::ALL.map(|own| format!("{} in {}", bytes(bytes_in(file, Some(own))), own.name()));
    let bad = rows.iter().filter(|(_, own)| own.not_numbers + own.infinite > 0).count();
    let dead: usize = rows.iter().map(|(_, own)| own.dead.len()).sum();
    let mut footer = vec![String::new(), format!("{} in f32, {}", bytes(bytes_in(file, None)), sizes.join(", "))];
    let left_out = file.entries.len() - rows.len();
    if left_out > 0 {
        let what = if left_out == 1 { "tensor holds" } else { "tensors hold" };
        footer.push(format!("{} {what} no fractions of 16, 32 or 64 bits, and are left out", grouped(left_out as u64)));
    }
    if rows.iter().any(|(entry, _)| entry.is_double()) {
        footer.push("values of F64 are looked at as f32, as the network takes them".into());
    }
    if bad > 0 {
        footer.push(format!("{} with values that are not finite", counted(bad as u64, "tensor")));
    }
    if dead > 0 {
        footer.push(format!("{} dead: weights that are 0, or next to it", counted(dead as u64, "output channel")));
    }
    output::print(context, &table, json, &footer)
}

/// Four places, or a power of ten where that would be nothing.
fn small(value: f64) -> String {
    if value != 0.0 && value.abs() < 1e-3 { format!("{value:.1e}") } else { decimal(value) }
}

fn histogram(own: &TensorFigures) -> String {
    let most = own.histogram.iter().copied().max().unwrap_or(0).max(1);
    let level = |count: &u64| match *count {
        0 => LEVELS[0],
        // What is there is seen.
        count => LEVELS[((count as f64 / most as f64 * 8.0).round() as usize).clamp(1, 8)],
    };
    own.histogram.iter().map(level).collect()
}

fn notes(own: &TensorFigures) -> Vec<String> {
    let mut notes = Vec::new();
    if own.not_numbers > 0 {
        notes.push(format!("{} NaN", grouped(own.not_numbers)));
    }
    if own.infinite > 0 {
        notes.push(format!("{} infinite", grouped(own.infinite)));
    }
    if !own.dead.is_empty() {
        let names: Vec<String> = own.dead.iter().take(NAMED).map(usize::to_string).collect();
        let more = if own.dead.len() > NAMED { ", …" } else { "" };
        notes.push(format!("{} dead: {}{more}", grouped(own.dead.len() as u64), names.join(", ")));
    }
    notes
}
