//! `convlens field ARCH LAYER`: what a unit depends on, by the arithmetic and by the gradient, side by side.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::explain::unit_position;
use super::output;
use super::trained::{Names, Trained};
use super::{Context, Failure, Format};
use crate::exchange::weights as exchange;
use crate::files::Kind;
use crate::graph::figures::grouped;
use crate::graph::unit::{Span, seen};
use crate::graph::{self, Graph, Layer, Shape, memory};
use crate::network::Compiled;
use crate::network::init::Init;
use crate::report::{Cell, Column, Table};
use crate::run::attention::{self, Effective};
use crate::run::picture::Picture;
use crate::run::{forward, machine, paint, picture, preprocess};
use crate::spec::LoadError;

/// The effective field is the mean absolute gradient of the unit, all channels added up, with respect to the input (Luo
/// et al. 2016).
#[derive(Args)]
pub struct FieldArgs {
    /// An id, an alias or a file
    arch: String,
    /// A layer's path: `block5.conv3`
    layer: String,
    /// The unit by row and column; the one in the middle without it
    #[arg(long, value_name = "Y,X", value_parser = unit_position)]
    unit: Option<(u64, u64)>,
    /// A photograph as input, in place of noise
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,
    /// Inputs of noise that are averaged over
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=10_000), conflicts_with = "image")]
    samples: u32,
    #[command(flatten)]
    trained: Trained,
    #[command(flatten)]
    names: Names,
    /// Seed of random weights and of noise [0]
    #[arg(long)]
    seed: Option<u64>,
    /// Threads; all cores without it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    threads: Option<u32>,
    /// Write both as a picture (PNG)
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Go on although memory may not suffice; replace a file of another kind
    #[arg(long)]
    force: bool,
}

impl FieldArgs {
    fn seed(&self) -> u64 {
        self.seed.unwrap_or(0)
    }
}

pub fn run(context: &Context, args: &FieldArgs) -> Result<(), Failure> {
    if context.common.format == Format::Png && args.out.is_none() && output::is_terminal() {
        return Err(Failure::Message("a picture is not for a terminal: `--out FILE`, or redirect it".into()));
    }
    let loaded = context.load(&args.arch)?;
    let network = graph::analyse(&loaded).map_err(LoadError::Invalid)?;
    if args.seed.is_some() && args.trained.is_given() && !args.trained.partial && args.image.is_some() {
        return Err(Failure::Message("`--seed` has nothing to draw: weights and image are given".into()));
    }
    let weights = args.trained.file_of(context, &loaded, &network)?;
    if let Some(path) = &args.out {
        let mut inputs = super::inputs_of(&loaded);
        args.image.iter().for_each(|path| inputs.add(path, "the image"));
        weights.iter().for_each(|path| inputs.add(path, "the weights"));
        inputs.check(path, Kind::Png, args.force).map_err(super::unwritable(path))?;
    }
    let layer = network.layers.iter().find(|layer| layer.name == args.layer).ok_or_else(|| unknown(&network, args))?;
    let (height, width) = match layer.output {
        Shape::Map { height, width, .. } => (height, width),
        Shape::Flat(_) => (1, 1),
    };
    let (y, x) = args.unit.unwrap_or((height / 2, width / 2));
    let theory = match seen(&network, layer, y, x) {
        // The gradient is there although the arithmetic says nothing; it is measured over the whole input.
        Ok(spans) => layer.field.is_some().then_some(spans),
        Err(outside) => return Err(Failure::because(outside)),
    };
    if !args.force {
        // The backward pass keeps what training keeps, but for the parameters' gradients.
        let kept = memory::training(&network, 1, memory::OptimizerState::Momentum).total();
        let bare = kept.saturating_sub(8 * network.totals.params);
        machine::check(bare).map_err(super::too_large)?;
    }
    super::on_threads(args.threads, || {
        let found = measure(context, args, &network, weights.as_deref(), layer, (y, x), theory)?;
        report(context, args, &network, weights.as_deref(), layer, (y, x), &found)
    })
}

fn unknown(network: &Graph, args: &FieldArgs) -> Failure {
    let names = network.layers.iter().map(|layer| layer.name.as_str());
    let help = crate::spec::problem::did_you_mean(&args.layer, names);
    let help = help.unwrap_or_else(|| format!("`convlens show {}` lists them", args.arch));
    Failure::Message(format!("{} has no layer `{}`; {help}", network.architecture.name, args.layer))
}

/// The field, and the photo it was measured on.
struct Found {
    effective: Effective,
    /// Whether the field's sides follow from the arithmetic; otherwise they are the input's.
    has_theory: bool,
    photo: Option<Picture>,
}

fn measure(
    context: &Context,
    args: &FieldArgs,
    network: &Graph,
    weights: Option<&Path>,
    layer: &Layer,
    (y, x): (u64, u64),
    theory: Option<[Span; 2]>,
) -> Result<Found, Failure> {
    let whole =
        |length: u64| Span { first: 0, last: i128::from(length) - 1, read: Some((0, length - 1)), input: length };
    let spans = theory.unwrap_or([network.architecture.input.height, network.architecture.input.width].map(whole));
    let mut compiled = match weights {
        Some(path) => {
            let rest = args.trained.rest(args.seed());
            let read =
                exchange::read_by(network, path, rest, args.names.rules()?.as_ref()).map_err(Failure::weights)?;
            args.trained.say_parts(context, &read);
            read.compiled
        }
        None => Compiled::initialised(network, Init::Kaiming, args.seed()),
    };
    let (input, how) = (network.architecture.input, &network.architecture.preprocess);
    let asked = preprocess::asked_side(input, how);
    let picture = args.image.as_ref().map(|path| picture::read(path, asked)).transpose().map_err(Failure::because)?;
    let values = picture.as_ref().map(|picture| preprocess::preprocess(picture, input, how)).transpose();
    let values = values.map_err(Failure::because)?;
    let photo = picture.as_ref().map(|picture| preprocess::fitted(picture, input, how)).transpose();
    let (channels, height, width) = compiled.input_dims();
    let inputs = |sample: usize| match &values {
        Some(values) => values.clone(),
        None => forward::noise(channels * height * width, args.seed().wrapping_add(sample as u64)),
    };
    let samples = if values.is_some() { 1 } else { args.samples as usize };
    let bar = context.progress(samples as u64, "samples");
    let place = (y as usize, x as usize);
    let found = attention::effective(&mut compiled, layer.index, place, spans, samples, inputs, |done| {
        bar.set_position(done as u64);
        ControlFlow::Continue(())
    });
    bar.finish_and_clear();
    let effective = found.ok_or(Failure::Interrupted)?;
    Ok(Found { effective, has_theory: theory.is_some(), photo: photo.map_err(Failure::because)? })
}

fn report(
    context: &Context,
    args: &FieldArgs,
    network: &Graph,
    weights: Option<&Path>,
    layer: &Layer,
    (y, x): (u64, u64),
    found: &Found,
) -> Result<(), Failure> {
    let effective = &found.effective;
    let spans = &effective.spans;
    let picture = || paint::fields(found.photo.as_ref(), &effective.heat, spans);
    if let Some(path) = &args.out {
        paint::save(&picture(), path).map_err(Failure::because)?;
        context.say(&format!("wrote {}", path.display()));
    }
    if context.common.format == Format::Png {
        if args.out.is_none() {
            let bytes = paint::png(&picture()).map_err(Failure::because)?;
            output::write_bytes(&bytes)?;
        }
        return Ok(());
    }
    let source = args.image.as_ref().map_or_else(|| "noise".to_string(), |path| path.display().to_string());
    let weights = weights.map_or_else(|| format!("random, seed {}", args.seed()), |path| path.display().to_string());
    let sizes = [spans[0].size(), spans[1].size()];
    let box_95 = effective.box_that_holds(0.95);
    let range = |span: &Span| match (found.has_theory, span.clipped()) {
        (false, _) => "undefined".into(),
        (true, None) => "none".into(),
        (true, Some((first, last))) => Cell::Range(first.into(), last.into()),
    };
    let theory: Cell = if found.has_theory { pair(sizes).into() } else { "undefined".into() };
    let holds = |[rows, columns]: [u64; 2]| format!("{rows}×{columns} hold 95% of the gradient");
    // Of no gradient, or one that is not finite, there are no parts.
    let figure = |cell: Cell| if box_95.is_some() { cell } else { Cell::None };
    let columns = [Column::words("of the unit"), Column::number("theoretical"), Column::number("effective")];
    let middle = Cell::Share(effective.share_in_central_half(), 1);
    let above = format!("as much as {0:.1}×{0:.1}", effective.size_above_two_sigma());
    let rows = [
        vec!["rows × columns".into(), theory, Cell::or_none(box_95, |sides| holds(sides).into())],
        vec!["rows of the input".into(), range(&spans[0]), Cell::Blank],
        vec!["columns of the input".into(), range(&spans[1]), Cell::Blank],
        vec!["in the middle half of what it sees".into(), Cell::Share(0.25, 1), figure(middle)],
        vec!["above 4.55% of the largest".into(), Cell::Blank, figure(above.into())],
    ];
    let table = Table::new(columns, rows);
    let json = || {
        let heat = &effective.heat;
        let lines: Vec<Vec<f32>> =
            heat.values.chunks(heat.width.max(1)).map(|row| row.iter().map(|&value| value as f32).collect()).collect();
        let ends = |span: &Span| json!([span.first as i64, span.last as i64]);
        let input = network.architecture.input;
        json!({"arch": network.architecture.id, "layer": layer.name, "kind": layer.operation.kind(), "unit": [y, x],
            "input": [input.channels, input.height, input.width], "source": source, "weights": weights,
            "samples": effective.samples,
            "receptive_field": found.has_theory.then(|| sizes.map(|size| size as i64)),
            "rows": found.has_theory.then(|| ends(&spans[0])), "columns": found.has_theory.then(|| ends(&spans[1])),
            "share_in_central_half": effective.share_in_central_half(), "box_95": box_95,
            "size_two_sigma": effective.size_above_two_sigma(), "heat": lines})
    };
    let mut footer = vec![
        String::new(),
        format!(
            "{} · {} · unit {y},{x}; weights {weights}, {} of {source}",
            network.architecture.name, layer.name, effective.samples
        ),
    ];
    let total = effective.heat.total();
    if total == 0.0 {
        footer.push("the gradient is 0 everywhere: the unit does not react to this input".into());
    } else if !total.is_finite() {
        footer.push(
            "the gradient is not finite; `convlens forward` shows the layer where values stop being finite".into(),
        );
    }
    if layer.operation.kind() == "softmax" {
        footer.push("all channels are added up, and those of a softmax always sum to 1: only rounding is left".into());
    }
    output::print(context, &table, json, &footer)
}

fn pair([rows, columns]: [i128; 2]) -> String {
    format!("{}×{}", grouped(rows.unsigned_abs()), grouped(columns.unsigned_abs()))
}
