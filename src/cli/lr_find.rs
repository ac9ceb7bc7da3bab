//! `convlens lr-find ARCH`: a learning rate found by a short ramp of rising ones.

use std::cell::RefCell;

use clap::Args;
use clap::builder::PossibleValuesParser;
use serde_json::json;

use super::numbers::{not_negative, positive};
use super::train::failure;
use super::trained::Trained;
use super::{Context, Failure, output};
use crate::graph;
use crate::report::{Cell, Column, Table};
use crate::run::data::Source;
use crate::run::session::{self, Begin, Out};
use crate::run::train::rate_finder::Ramp;
use crate::spec::LoadError;
use crate::spec::recipe::{self, Recipe};

#[derive(Args)]
pub struct LrFindArgs {
    /// An id, an alias or a file
    arch: String,
    /// The data, as for `train`
    #[arg(long, value_name = "SPEC")]
    data: Option<Source>,
    /// Images in a mini-batch [32]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1 << 24))]
    batch: Option<u64>,
    /// How a step follows from gradients [sgd]
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(recipe::OPTIMIZERS))]
    optimizer: Option<String>,
    /// L2 penalty on every parameter; with adamw decoupled [5e-4]
    #[arg(long, allow_negative_numbers = true, value_parser = not_negative)]
    weight_decay: Option<f64>,
    /// How training images are changed, several with commas: `flip,crop` [none]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = PossibleValuesParser::new(recipe::AUGMENTS))]
    augment: Option<Vec<String>>,
    /// Keep layers as they are: `block*`
    #[arg(long, value_name = "PATTERNS", value_delimiter = ',')]
    freeze: Option<Vec<String>>,
    /// Seed of weights, order and changes [0]
    #[arg(long)]
    seed: Option<u64>,
    #[command(flatten)]
    trained: Trained,
    /// The first rate
    #[arg(long, value_name = "LR", default_value_t = 1e-6, value_parser = positive)]
    from: f64,
    /// The last rate; the ramp ends before it where the loss explodes
    #[arg(long, value_name = "LR", default_value_t = 1.0, value_parser = positive)]
    to: f64,
    /// Steps of the ramp
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(2..=100_000))]
    steps: u64,
    /// Threads; all cores without it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    threads: Option<u32>,
    /// Go on although memory may not suffice
    #[arg(long)]
    force: bool,
}

/// Columns of the bars that stand for the curve.
const BAR: usize = 24;
/// Rows of a table that a person reads.
const ROWS: usize = 25;

pub fn run(context: &Context, args: &LrFindArgs) -> Result<(), Failure> {
    if args.from >= args.to {
        return Err(Failure::Message("`--from` is to be below `--to`".into()));
    }
    super::on_threads(args.threads, || ramp(context, args))
}

fn ramp(context: &Context, args: &LrFindArgs) -> Result<(), Failure> {
    let loaded = context.load(&args.arch)?;
    let weights = match args.trained.is_given() {
        true => args.trained.file(context, &graph::analyse(&loaded).map_err(LoadError::Invalid)?)?,
        false => None,
    };
    let given = Recipe {
        batch: args.batch,
        optimizer: args.optimizer.clone(),
        weight_decay: args.weight_decay,
        augment: args.augment.clone().map(|words| words.into_iter().filter(|word| word != "none").collect()),
        freeze: args.freeze.clone(),
        seed: args.seed,
        ..Recipe::default()
    };
    let wanted = Begin {
        origin: loaded.origin.clone(),
        sets: context.common.sets.clone(),
        data: args.data.clone().unwrap_or(Source::Synthetic(None)),
        // A plateau's validation is not needed here.
        recipe: Recipe {
            schedule: Some("constant".into()),
            patience_stop: None,
            patience: None,
            ..given.over(&loaded.architecture.train)
        },
        weights,
        partial: args.trained.partial,
        out: Out::Nowhere,
        id: None,
        force: args.force,
        processes: 1,
    };
    let session = session::begin(&context.library, &wanted).map_err(failure)?;
    for note in session.notes.iter().filter(|note| !note.contains("validation")) {
        context.say(note);
    }
    let bar = context.progress(args.steps, "steps");
    let ramp = Ramp { from: args.from, to: args.to, steps: args.steps };
    let last = RefCell::new(0);
    let curve = session.find_rate(ramp, |curve| {
        *last.borrow_mut() = curve.points.len();
        bar.set_position(curve.points.len() as u64);
        true
    });
    bar.finish_and_clear();
    let curve = curve.map_err(failure)?;
    let most = curve.points.iter().map(|point| point.smoothed).fold(f64::MIN_POSITIVE, f64::max);
    let columns = [Column::number("lr"), Column::number("loss"), Column::number("smoothed"), Column::words("")];
    let is_table = context.common.format == super::Format::Table;
    // A person reads a part of a long ramp; its last row is where it ended.
    let every = if is_table { curve.points.len().div_ceil(ROWS).max(1) } else { 1 };
    let count = curve.points.len();
    let shown = curve.points.iter().enumerate().filter(|(at, _)| at % every == 0 || at + 1 == count);
    let rows = shown.map(|(_, point)| {
        let share = point.smoothed / most;
        let bar = "▇".repeat((share * BAR as f64).round() as usize);
        let curve = if is_table { Cell::text(bar) } else { Cell::Blank };
        vec![
            Cell::text(format!("{:.2e}", point.lr)),
            Cell::Decimal(point.loss, 4),
            Cell::Decimal(point.smoothed, 4),
            curve,
        ]
    });
    let table = Table::new(columns, rows);
    let suggestion = curve.suggestion();
    let words = match suggestion {
        Some(lr) => format!(
            "suggested: --lr {lr:.1e}, a tenth of the rate at the least loss{}",
            curve.steepest().map_or_else(String::new, |lr| format!("; it falls fastest at {lr:.1e}"))
        ),
        None => "the loss never fell: nothing is suggested; try other rates (`--from`, `--to`)".to_string(),
    };
    let json = || {
        let points = curve.points.iter().map(|own| json!({"lr": own.lr, "loss": own.loss, "smoothed": own.smoothed}));
        json!({"suggestion": suggestion, "steepest": curve.steepest(), "points": points.collect::<Vec<_>>()})
    };
    output::print(context, &table, json, &[String::new(), words])
}
