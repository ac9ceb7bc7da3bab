//! `convlens train ARCH`: the network trained, step by step.

use std::io::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::output::{self, Rows};
use super::{Context, Failure, Format};
use crate::model::figures::{bytes, grouped};
use crate::model::memory::{self, OptimizerState};
use crate::model::{self, Network};
use crate::network::init::Init;
use crate::network::optimizer::Algorithm;
use crate::network::{Compiled, weights};
use crate::run::data::{self, Source};
use crate::run::machine;
use crate::run::train::{self, Epoch, Event, Recipe, Step};
use crate::spec::LoadError;

/// What a flag does not say comes from the file's `train:`, then from the defaults in brackets.
#[derive(Args)]
pub struct TrainArgs {
    /// An id, an alias or a file
    arch: String,
    /// `synthetic[:CLASSES]`, generated patterns, or `tensors:FILE.safetensors` with `input` [N,C,H,W] and `labels` [N]
    #[arg(long, value_name = "SPEC", default_value = "synthetic")]
    data: Source,
    /// Passes over the data [1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    epochs: Option<u64>,
    /// Steps after which training ends, even within an epoch
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    steps: Option<u64>,
    /// Images in a mini-batch [32]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1 << 24))]
    batch: Option<u64>,
    /// How a step follows from gradients [sgd]
    #[arg(long, value_enum)]
    optimizer: Option<OptimizerName>,
    /// Learning rate [0.01; 0.001 for adam and adamw]
    #[arg(long, allow_negative_numbers = true, value_parser = positive)]
    lr: Option<f64>,
    /// Momentum of sgd, below 1 [0.9]
    #[arg(long, allow_negative_numbers = true, value_parser = below_one)]
    momentum: Option<f64>,
    /// Nesterov's momentum
    #[arg(long)]
    nesterov: bool,
    /// L2 penalty on every parameter; with adamw decoupled [5e-4]
    #[arg(long, allow_negative_numbers = true, value_parser = not_negative)]
    weight_decay: Option<f64>,
    /// Scale gradients down to this norm of all together
    #[arg(long, value_name = "NORM", value_parser = positive)]
    clip: Option<f64>,
    /// How weights are drawn [kaiming]
    #[arg(long, value_enum)]
    init: Option<InitName>,
    /// Start from these weights (.safetensors)
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Write the trained weights (.safetensors)
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Seed of weights, data, order and dropout [0]
    #[arg(long)]
    seed: Option<u64>,
    /// Take the images in their own order
    #[arg(long)]
    no_shuffle: bool,
    /// Threads; all cores without it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    threads: Option<u32>,
    /// Go on although memory may not suffice
    #[arg(long)]
    force: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OptimizerName {
    Sgd,
    Adam,
    Adamw,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum InitName {
    /// torchvision's: conv N(0, 2/fan-out), linear N(0, 0.01²)
    Kaiming,
    /// the VGG paper's: N(0, variance 0.01)
    Paper,
    /// uniform by fan-in and fan-out
    Xavier,
}

fn number(text: &str, words: &str, fits: impl Fn(f64) -> bool) -> Result<f64, String> {
    text.parse().ok().filter(|value: &f64| value.is_finite() && fits(*value)).ok_or_else(|| format!("expected {words}"))
}

fn positive(text: &str) -> Result<f64, String> {
    number(text, "a number above 0", |value| value > 0.0)
}

fn not_negative(text: &str) -> Result<f64, String> {
    number(text, "a number of at least 0", |value| value >= 0.0)
}

fn below_one(text: &str) -> Result<f64, String> {
    number(text, "a number from 0 to below 1", |value| (0.0..1.0).contains(&value))
}

impl TrainArgs {
    /// Flags over the file's recipe over the defaults.
    fn recipe(&self, file: &crate::spec::recipe::Recipe) -> Recipe {
        let optimizer = self.optimizer.unwrap_or(match file.optimizer.as_deref() {
            Some("adam") => OptimizerName::Adam,
            Some("adamw") => OptimizerName::Adamw,
            _ => OptimizerName::Sgd,
        });
        const ADAM: ([f64; 2], f64) = ([0.9, 0.999], 1e-8);
        let momentum = self.momentum.or(file.momentum).unwrap_or(0.9);
        let algorithm = match optimizer {
            OptimizerName::Sgd => Algorithm::Sgd { momentum, nesterov: self.nesterov },
            OptimizerName::Adam => Algorithm::Adam { betas: ADAM.0, eps: ADAM.1 },
            OptimizerName::Adamw => Algorithm::AdamW { betas: ADAM.0, eps: ADAM.1 },
        };
        let default_lr = if optimizer == OptimizerName::Sgd { 0.01 } else { 0.001 };
        // A length given here replaces the file's, whichever of both it is.
        let (epochs, steps) = match (self.epochs, self.steps) {
            (None, None) => (file.epochs, file.steps),
            own => own,
        };
        // Steps without epochs mean: as many passes as they take.
        let default_epochs = if steps.is_some() { u64::MAX } else { 1 };
        Recipe {
            epochs: epochs.unwrap_or(default_epochs),
            steps,
            batch: self.batch.or(file.batch).unwrap_or(32) as usize,
            algorithm,
            lr: self.lr.or(file.lr).unwrap_or(default_lr),
            weight_decay: self.weight_decay.or(file.weight_decay).unwrap_or(5e-4),
            clip: self.clip,
            shuffle: !self.no_shuffle && file.shuffle.unwrap_or(true),
            seed: self.seed.or(file.seed).unwrap_or(0),
        }
    }

    fn init(&self, file: &crate::spec::recipe::Recipe) -> Init {
        match (self.init, file.init.as_deref()) {
            (Some(InitName::Kaiming), _) => Init::Kaiming,
            (Some(InitName::Paper), _) | (None, Some("paper")) => Init::Paper,
            (Some(InitName::Xavier), _) | (None, Some("xavier")) => Init::Xavier,
            (None, _) => Init::Kaiming,
        }
    }
}

pub fn run(context: &Context, args: &TrainArgs) -> Result<(), Failure> {
    let loaded = context.load(&args.arch)?;
    let network = model::analyse(&loaded).map_err(LoadError::Invalid)?;
    super::on_threads(args.threads, || train(context, args, &network))
}

fn train(context: &Context, args: &TrainArgs, network: &Network) -> Result<(), Failure> {
    let file = &network.architecture.train;
    let recipe = args.recipe(file);
    let classes = network.layers.last().map_or(0, |layer| layer.output.elements() as usize);
    let (images, data_bytes) = data::size(&args.data, network.architecture.input).map_err(Failure::because)?;
    let state = match recipe.algorithm.moments() {
        2 => OptimizerState::Adam,
        _ => OptimizerState::Momentum,
    };
    let estimate =
        memory::training(network, (recipe.batch as u64).min(images), state).total().saturating_add(data_bytes);
    if !args.force {
        machine::check(estimate).map_err(super::too_large)?;
    }
    if let Some(path) = &args.save {
        weights::check_writable(path).map_err(Failure::because)?;
    }
    let ends_in_softmax = network.layers.last().is_some_and(|layer| layer.operation.kind() == "softmax");
    if ends_in_softmax {
        return Err(Failure::Message(
            "the network ends in softmax, which the loss applies itself; leave it out to train (weights stay the same)"
                .into(),
        ));
    }
    for (key, given) in file.unused() {
        if given {
            context.say(&format!("`train: {{{key}: …}}` is not used yet"));
        }
    }
    let data = data::load(&args.data, network.architecture.input, classes, recipe.seed).map_err(Failure::because)?;
    let mut compiled = match &args.weights {
        Some(path) => {
            let (compiled, scheme) = weights::read(network, path).map_err(Failure::because)?;
            context.say(&format!("weights {} matched {}", path.display(), scheme.describe()));
            compiled
        }
        None => Compiled::initialised(network, args.init(file), recipe.seed),
    };
    if recipe.batch as u64 > images {
        context.say(&format!("there are only {images} images, so a mini-batch has no more"));
    }
    let start = json!({"event": "start", "arch": network.architecture.id, "images": data.len(),
        "params": network.totals.params, "batch": recipe.batch, "lr": recipe.lr, "weight_decay": recipe.weight_decay,
        "seed": recipe.seed, "shuffle": recipe.shuffle, "threads": rayon::current_num_threads(), "estimated_bytes": estimate});
    let mut report = Report { context, steps: Vec::new(), failed: None };
    report.start(&start);
    let interrupted = interrupts()?;
    let ended = train::train(&mut compiled, &data, &recipe, |event| match interrupted.load(Ordering::Relaxed) {
        true => ControlFlow::Break(()),
        false => report.event(event),
    });
    let steps = ended.map_err(Failure::because)?;
    // What was learned until the reader went away is kept all the same.
    if let Some(path) = &args.save {
        weights::write(&compiled, path).map_err(Failure::because)?;
    }
    if let Some(failure) = report.failed.take() {
        return Err(failure);
    }
    let saved = args.save.as_ref().map(|path| path.display().to_string());
    report.finish(
        &json!({"event": "finish", "steps": steps, "weights": saved, "peak_rss_bytes": machine::peak_bytes()}),
    )?;
    let used = machine::peak_bytes()
        .map_or_else(String::new, |peak| format!(" ({} estimated, {} used at most)", bytes(estimate), bytes(peak)));
    context.say(&format!("{} steps on {} images{used}", grouped(steps), grouped(data.len() as u64)));
    if interrupted.load(Ordering::Relaxed) { Err(Failure::Interrupted) } else { Ok(()) }
}

/// Set by the first Ctrl-C, which ends training after its step and keeps what was learned; the second ends at once.
fn interrupts() -> Result<Arc<AtomicBool>, Failure> {
    let flag = Arc::new(AtomicBool::new(false));
    let signal = signal_hook::consts::SIGINT;
    signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&flag)).map_err(Failure::because)?;
    signal_hook::flag::register(signal, Arc::clone(&flag)).map_err(Failure::because)?;
    Ok(flag)
}

/// Tells of events in the format that was asked for.
struct Report<'a> {
    context: &'a Context,
    steps: Vec<Step>,
    /// Why telling failed; a closed pipe ends training.
    failed: Option<Failure>,
}

fn step_json(step: &Step) -> Value {
    json!({"event": "step", "step": step.step, "epoch": step.epoch, "loss": step.loss, "accuracy": step.accuracy,
        "lr": step.lr, "images_per_second": step.images as f64 / step.time.as_secs_f64().max(1e-9)})
}

fn epoch_json(epoch: &Epoch) -> Value {
    json!({"event": "epoch", "epoch": epoch.epoch, "train_loss": epoch.loss, "train_accuracy": epoch.accuracy,
        "val_loss": null, "val_accuracy": null, "seconds": epoch.time.as_secs_f64()})
}

impl Report<'_> {
    fn line(&mut self, line: &str) -> ControlFlow<()> {
        let mut stdout = std::io::stdout().lock();
        match writeln!(stdout, "{line}").and_then(|()| stdout.flush()) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                self.failed = Some(Failure::Output(error));
                ControlFlow::Break(())
            }
        }
    }

    fn start(&mut self, start: &Value) {
        if self.context.common.format == Format::Jsonl {
            let _ = self.line(&start.to_string());
        }
    }

    fn event(&mut self, event: Event) -> ControlFlow<()> {
        // A closed pipe at the start ends training too.
        if self.failed.is_some() {
            return ControlFlow::Break(());
        }
        match (self.context.common.format, event) {
            (Format::Jsonl, Event::Step(step)) => self.line(&step_json(&step).to_string()),
            (Format::Jsonl, Event::Epoch(epoch)) => self.line(&epoch_json(&epoch).to_string()),
            (Format::Table, Event::Step(step)) if worth_a_line(step.step) => self.line(&format!(
                "step {:>6}  epoch {:>3}  loss {:<9.6}  accuracy {:>5.1}%  {:.1} images/s",
                step.step,
                step.epoch,
                step.loss,
                100.0 * step.accuracy,
                step.images as f64 / step.time.as_secs_f64().max(1e-9)
            )),
            (Format::Table, Event::Epoch(epoch)) => self.line(&format!(
                "epoch {:>5}             loss {:<9.6}  accuracy {:>5.1}%  {:.1} s",
                epoch.epoch,
                epoch.loss,
                100.0 * epoch.accuracy,
                epoch.time.as_secs_f64()
            )),
            (Format::Json | Format::Csv | Format::Markdown, Event::Step(step)) => {
                self.steps.push(step);
                ControlFlow::Continue(())
            }
            _ => ControlFlow::Continue(()),
        }
    }

    fn finish(&mut self, finish: &Value) -> Result<(), Failure> {
        match self.context.common.format {
            Format::Jsonl => {
                let _ = self.line(&finish.to_string());
                self.failed.take().map_or(Ok(()), Err)
            }
            Format::Table => Ok(()),
            _ => {
                let names = ["step", "epoch", "loss", "accuracy", "lr", "images_per_second"];
                let rows = self.steps.iter().map(|step| {
                    let value = step_json(step);
                    names.iter().map(|name| value[*name].to_string()).collect()
                });
                let rows = Rows { headers: names.map(|name| (name, true)).to_vec(), rows: rows.collect() };
                let json = || json!({"steps": self.steps.iter().map(step_json).collect::<Vec<_>>(), "finish": finish});
                output::print(self.context, &rows, json, &[])
            }
        }
    }
}

/// The first ten steps, then every tenth, then every hundredth.
fn worth_a_line(step: u64) -> bool {
    step <= 10 || step <= 100 && step.is_multiple_of(10) || step.is_multiple_of(100)
}
