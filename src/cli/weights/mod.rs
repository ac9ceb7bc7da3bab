//! `convlens weights FILE [ARCH]`: what a weights file holds, and how it fits an architecture; `convlens weights get ARCH`: those
//! that are published.

mod stats;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;

use super::trained::{Names, fetched};
use super::{Context, Failure, Format, output};
use crate::exchange::hub::VerifiedBy;
use crate::exchange::weights::names::slots;
use crate::exchange::weights::{Plan, TensorFile, dims, plan};
use crate::files::{Inputs, Kind};
use crate::graph::figures::{bytes, grouped};
use crate::report::{Cell, Column, Table};
use crate::run::weight_figures::picture_filters;
use crate::run::{paint, runs};

#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct WeightsArgs {
    #[command(subcommand)]
    command: Option<WeightsCommand>,
    /// A .safetensors or PyTorch's .pth, of which names and shapes are listed, or a run's: `run:vgg-mini-1`
    #[arg(required = true, group = "trained")]
    file: Option<PathBuf>,
    /// Say what of it fits this architecture, what is missing, extra or of another shape
    #[arg(requires = "file")]
    arch: Option<String>,
    #[command(flatten)]
    names: Names,
    /// Look into the values: mean, deviation, extremes, zeros, a histogram, dead channels, what is no number; sizes in other formats
    #[arg(long, requires = "file", conflicts_with_all = ["arch", "names"])]
    stats: bool,
    /// Also write the filters of the first conv, the one that reads the picture, as a picture
    #[arg(long, value_name = "FILE.png", requires = "file")]
    filters: Option<PathBuf>,
    /// Replace a file of another kind
    #[arg(long, requires = "filters")]
    force: bool,
}

#[derive(Subcommand)]
enum WeightsCommand {
    /// Fetch the weights that are published for an architecture, into the Hugging Face hub's own cache
    Get {
        /// An id, an alias or a file
        arch: String,
    },
}

impl WeightsArgs {
    /// Whether no architecture is read.
    pub fn reads_none(&self) -> bool {
        self.command.is_none() && self.arch.is_none()
    }
}

pub fn run(context: &Context, args: &WeightsArgs) -> Result<(), Failure> {
    match (&args.command, &args.file) {
        (Some(WeightsCommand::Get { arch }), _) => get(context, arch),
        (None, Some(file)) => show(context, args, file),
        (None, None) => Ok(()),
    }
}

fn get(context: &Context, arch: &str) -> Result<(), Failure> {
    let got = fetched(context, &context.network(arch)?)?;
    let file = got.path.display().to_string();
    let columns =
        vec![Column::words("file"), Column::number("bytes"), Column::words("SHA-256"), Column::words("said by")];
    let said_by = match got.verified_by {
        VerifiedBy::File => "the architecture",
        VerifiedBy::Server => "the server",
    };
    let row = vec![file.as_str().into(), Cell::count(got.bytes), got.sha256.as_str().into(), said_by.into()];
    let json =
        || json!({"file": file, "bytes": got.bytes, "sha256": got.sha256, "verified_by": got.verified_by.word()});
    output::print(context, &Table::new(columns, [row]), json, &[])
}

fn show(context: &Context, args: &WeightsArgs, path: &Path) -> Result<(), Failure> {
    let path = match path.to_str().and_then(|text| text.strip_prefix("run:")) {
        Some(run) => runs::weights_of(run).map_err(Failure::because)?,
        None => path.to_path_buf(),
    };
    if path.extension().is_some_and(|own| own.eq_ignore_ascii_case("onnx")) {
        let path = path.display();
        let words =
            format!("{path} is a network with its weights; `convlens import {path}` writes both, `show` shows it");
        return Err(Failure::Message(words));
    }
    let file = TensorFile::open(&path).map_err(Failure::weights)?;
    if let Some(picture) = &args.filters {
        write_filters(context, args, &file, &path, picture)?;
    }
    if args.stats {
        return stats::print(context, &file);
    }
    let network = args.arch.as_ref().map(|arch| context.network(arch)).transpose()?;
    let rules = args.names.rules()?;
    if rules.is_some() && network.is_none() {
        return Err(Failure::Message(
            "`--names` is for how a file fits an architecture: `convlens weights FILE ARCH`".into(),
        ));
    }
    let slots = network.as_ref().map(slots).unwrap_or_default();
    let plan = network.as_ref().map(|network| plan::plan(network, &slots, &file, rules.as_ref()));
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

/// The filters of the conv that reads the picture.
fn write_filters(
    context: &Context,
    args: &WeightsArgs,
    file: &TensorFile,
    path: &Path,
    to: &Path,
) -> Result<(), Failure> {
    let mut inputs = Inputs::default();
    inputs.add(path, "the weights");
    inputs.check(to, Kind::Png, args.force).map_err(super::unwritable(to))?;
    let none = "no tensor is a conv on a picture: four axes, of which the second is 1 or 3";
    let found = picture_filters(file);
    let entry = *found.first().ok_or_else(|| Failure::Message(none.into()))?;
    if let [_, other, ..] = found.as_slice() {
        let (taken, other, count) = (&entry.name, &other.name, found.len());
        context.say(&format!("{count} tensors could be the first conv; `{taken}` is taken, and not `{other}`"));
    }
    let &[outputs, channels, height, width] = entry.shape.as_slice() else { return Err(Failure::Message(none.into())) };
    let values = file.read(entry).map_err(Failure::weights)?;
    let picture = paint::filter_grid(&values, [outputs, channels, height, width]);
    paint::save(&picture, to).map_err(Failure::because)?;
    context.say(&format!("wrote {}: {} filters of `{}`", to.display(), grouped(outputs as u64), entry.name));
    Ok(())
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
