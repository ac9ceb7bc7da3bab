//! The network as a picture, as tables, as a page.

use std::ops::ControlFlow;
use std::time::Duration;

use clap::ValueEnum;

use super::ExportArgs;
use crate::cli::{Context, Failure, inputs_of, output, too_large, unwritable};
use crate::exchange::drawing::{self, Measure, Shade};
use crate::files::name::safe;
use crate::graph::{self, Graph};
use crate::run::measure;
use crate::spec::LoadError;

/// What the boxes' colours say.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ShadeName {
    /// What a layer is
    Kind,
    /// Its share of the multiply-adds
    Macs,
    /// Its share of the parameters
    Params,
    /// Its share of all outputs' bytes
    Memory,
    /// Its share of a forward run's time, measured here
    Time,
}

/// A picture, tables or a page.
pub fn draw(context: &Context, args: &ExportArgs, format: drawing::Format) -> Result<(), Failure> {
    if args.trained.is_given() || args.seed.is_some() {
        let words = "has no weights in it; leave out `--weights`, `--pretrained` and `--seed`";
        return Err(Failure::Message(format!("what `--to {}` gives {words}", format.name())));
    }
    if format == drawing::Format::Latex && args.shade.is_some() {
        return Err(Failure::Message("`--shade` is for pictures: `--to dot`, `svg` or `html`".into()));
    }
    let loaded = context.load(&args.arch)?;
    let network = graph::analyse(&loaded).map_err(LoadError::Invalid)?;
    context.warn(&network);
    let path = args.out.clone().unwrap_or_else(|| format!("{}{}", safe(&loaded.origin.id()), format.ending()).into());
    inputs_of(&loaded).check(&path, format.kind(), args.force).map_err(unwritable(&path))?;
    let shade = match args.shade.unwrap_or(ShadeName::Kind) {
        ShadeName::Kind => Shade::Kind,
        ShadeName::Macs => Shade::counted(&network, Measure::Macs),
        ShadeName::Params => Shade::counted(&network, Measure::Params),
        ShadeName::Memory => Shade::counted(&network, Measure::Memory),
        ShadeName::Time => Shade::costs(Measure::Time, measured(args, &network)?),
    };
    drawing::write(&network, format, &shade, &path).map_err(Failure::because)?;
    let mut page = output::page();
    page.line(&path.display().to_string())?;
    Ok(())
}

/// Seconds of each layer, the median of some runs on noise.
fn measured(args: &ExportArgs, network: &Graph) -> Result<Vec<f64>, Failure> {
    const RUNS: usize = 5;
    if !args.force {
        measure::check_memory(&[network], 1).map_err(too_large)?;
    }
    let timed = measure::interleaved(&[network], 1, RUNS, 0, |_| ControlFlow::Continue(())).unwrap_or_default();
    Ok(timed.first().map_or_else(Vec::new, |timing| timing.layers.iter().map(Duration::as_secs_f64).collect()))
}
