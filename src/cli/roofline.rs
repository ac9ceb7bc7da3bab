//! `convlens roofline ARCH`: each layer against what this machine could do.

use std::ops::ControlFlow;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::{Context, Failure, Format, output, plots};
use crate::graph::Graph;
use crate::graph::figures::grouped;
use crate::report::plot::Plot;
use crate::report::roofline::{self as page, Ceilings, Dot};
use crate::report::{Cell, Column, Table};
use crate::run::measure;
use crate::run::peak::Peak;
use crate::run::roofline::{Reached, roofline};

/// The ceilings are measured once on a machine, for so many threads, in two seconds, and kept in the cache folder: products of
/// matrices in the caches, and copying and comparing in memory. A layer's bytes are its weights, inputs and output, moved once each; FLOPs are
/// two for each MAC. "At least" is the longer of both at the machine's best. Above 100% a layer got by with fewer multiplications
/// than are counted, as Winograd's convolutions do, or read what caches still held.
#[derive(Args)]
pub struct RooflineArgs {
    /// An id, an alias or a file
    arch: String,
    /// Images in a mini-batch
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    batch: u32,
    /// How often it is run; times are medians
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Threads; all cores without it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    threads: Option<u32>,
    /// Measure the machine's ceilings again
    #[arg(long)]
    again: bool,
    /// Write the plot as a picture
    #[arg(long, value_name = "FILE.svg")]
    svg: Option<PathBuf>,
    /// Go on although memory may not suffice; replace a file of another kind
    #[arg(long)]
    force: bool,
}

/// Layers that are named as those that take longest.
const LONGEST: usize = 5;

pub fn run(context: &Context, args: &RooflineArgs) -> Result<(), Failure> {
    let loaded = context.load(&args.arch)?;
    let network = context.analysed(&loaded)?;
    plots::check(&super::inputs_of(&loaded), args.svg.as_deref(), args.force)?;
    if !args.force {
        measure::check_memory(&[&network], args.batch.into()).map_err(super::too_large)?;
    }
    super::on_threads(args.threads, || {
        let peak = Peak::of_machine(args.again);
        let bar = context.progress(measure::total_runs(1, args.runs as usize) as u64, "runs");
        let on = |done: usize| {
            bar.set_position(done as u64);
            ControlFlow::Continue(())
        };
        let reached = roofline(&network, args.batch as usize, args.runs as usize, &peak, on).unwrap_or_default();
        bar.finish_and_clear();
        Told { network: &network, args, peak: &peak, reached: &reached }.print(context)
    })
}

struct Told<'a> {
    network: &'a Graph,
    args: &'a RooflineArgs,
    peak: &'a Peak,
    reached: &'a [Reached],
}

impl Told<'_> {
    fn print(&self, context: &Context) -> Result<(), Failure> {
        let plot = self.plot();
        if let Some(path) = &self.args.svg {
            plots::write_picture(&plot, path)?;
            context.say(&format!("wrote {}", path.display()));
        }
        output::print(context, &self.table(), || self.json(), &self.words())?;
        if context.common.format == Format::Table {
            plots::print(&plot)?;
        }
        Ok(())
    }

    /// Those that take longest first.
    fn longest(&self) -> Vec<&Reached> {
        let mut all: Vec<&Reached> = self.reached.iter().collect();
        all.sort_by(|one, other| other.taken.total_cmp(&one.taken));
        all
    }

    fn plot(&self) -> Plot {
        let computing = self.longest().into_iter().filter(|own| own.flops > 0.0);
        let longest: Vec<usize> = computing.take(LONGEST).map(|own| own.index).collect();
        let computing = self.reached.iter().filter(|own| own.flops > 0.0);
        let dots: Vec<Dot> = computing
            .map(|own| Dot {
                intensity: own.intensity(),
                gflops: own.gflops(),
                name: self.network.layers[own.index].name.clone(),
                is_long: longest.contains(&own.index),
            })
            .collect();
        let title = format!(
            "{} on this machine: ● of these layers the {} that take longest",
            self.network.architecture.name,
            longest.len()
        );
        let ceilings = Ceilings { gflops: self.peak.gflops, bandwidth_gb_s: self.peak.bandwidth_gb_s };
        page::plot(title, ceilings, &dots)
    }

    fn table(&self) -> Table {
        let columns = [
            Column::words("name"),
            Column::words("kind"),
            Column::number("FLOPs/byte"),
            Column::words("limit"),
            Column::number("could reach"),
            Column::number("GFLOP/s"),
            Column::number("ms at least"),
            Column::number("ms"),
            Column::number("reached"),
        ];
        let rows = self.reached.iter().map(|own| {
            let layer = &self.network.layers[own.index];
            let computes = own.flops > 0.0;
            let of_computing = |value: f64| if computes { Cell::Decimal(value, 1) } else { Cell::None };
            vec![
                layer.name.as_str().into(),
                layer.operation.kind().into(),
                of_computing(own.intensity()),
                self.limit(own).into(),
                of_computing(self.peak.attainable(own.intensity())),
                of_computing(own.gflops()),
                Cell::Decimal(own.least * 1e3, 3),
                Cell::Decimal(own.taken * 1e3, 3),
                Cell::Share(own.part(), 0),
            ]
        });
        Table::new(columns, rows)
    }

    fn limit(&self, own: &Reached) -> &'static str {
        if own.intensity() >= self.peak.ridge() { "cores" } else { "memory" }
    }

    fn words(&self) -> Vec<String> {
        let peak = self.peak;
        let (least, taken) = self.sums();
        let mut lines = vec![
            String::new(),
            format!(
                "{} on {} thread{}: {:.0} GFLOP/s, {:.1} GB/s{}; from {:.1} FLOPs per byte on the cores are the limit",
                peak.processor,
                peak.threads,
                if peak.threads == 1 { "" } else { "s" },
                peak.gflops,
                peak.bandwidth_gb_s,
                match peak.days_old() {
                    0 => " (measured today; `--again` measures anew)".to_string(),
                    days => format!(
                        " (measured {days} day{} ago; `--again` measures anew)",
                        if days == 1 { "" } else { "s" }
                    ),
                },
                peak.ridge()
            ),
            format!(
                "{}: {:.2} ms for {} image{}, {:.2} ms at least ({:.0}% reached)",
                self.network.architecture.name,
                taken * 1e3,
                grouped(self.args.batch),
                if self.args.batch == 1 { "" } else { "s" },
                least * 1e3,
                100.0 * least / taken.max(1e-12)
            ),
        ];
        let mut lost: Vec<&Reached> = self.reached.iter().filter(|own| own.lost() > 0.0).collect();
        lost.sort_by(|one, other| other.lost().total_cmp(&one.lost()));
        let lost: Vec<String> = (lost.iter().take(3))
            .map(|own| format!("{} ({:.2} ms)", self.network.layers[own.index].name, own.lost() * 1e3))
            .collect();
        if !lost.is_empty() {
            lines.push(format!("most might be gained in {}", lost.join(", ")));
        }
        if self.reached.iter().any(|own| own.part() > 1.0) {
            let reasons = "fewer multiplications than are counted (Winograd), or data that caches still held";
            lines.push(format!("above 100%: {reasons}"));
        }
        lines
    }

    fn sums(&self) -> (f64, f64) {
        self.reached.iter().fold((0.0, 0.0), |(least, taken), own| (least + own.least, taken + own.taken))
    }

    fn json(&self) -> Value {
        let layers = self.reached.iter().map(|own| {
            let layer = &self.network.layers[own.index];
            json!({"name": layer.name, "kind": layer.operation.kind(), "macs": layer.macs, "bytes": own.bytes as u64,
                "intensity": own.intensity(), "limit": self.limit(own),
                "attainable_gflops": self.peak.attainable(own.intensity()), "measured_gflops": own.gflops(),
                "least_ms": own.least * 1e3, "ms": own.taken * 1e3, "reached": own.part()})
        });
        let (least, taken) = self.sums();
        json!({"arch": self.network.architecture.id, "batch": self.args.batch, "runs": self.args.runs,
            "processor": self.peak.processor, "threads": self.peak.threads, "peak_gflops": self.peak.gflops,
            "bandwidth_gb_s": self.peak.bandwidth_gb_s, "ridge": self.peak.ridge(), "least_ms": least * 1e3,
            "ms": taken * 1e3, "layers": layers.collect::<Vec<_>>()})
    }
}
