//! `convlens train ARCH` and `convlens train --resume DIR`: the network trained, step by step.

mod engine;
mod report;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use clap::builder::PossibleValuesParser;
use indicatif::ProgressBar;

use super::numbers::{below_one, not_negative, positive};
use super::trained::Trained;
use super::{Context, Failure, Format, output};
use crate::exchange::weights;
use crate::files::{Inputs, Kind};
use crate::graph;
use crate::graph::figures::{bytes, grouped};
use crate::run::data::Source;
use crate::run::machine;
use crate::run::runs::{self};
use crate::run::session::{self, Begin, Change, Out, Session, SessionError};
use crate::run::torchrun::{self, Launch};
use crate::run::train::{Control, End, Observed, until};
use crate::spec::recipe::{self, Recipe};
use crate::spec::{LoadError, Origin};
use engine::EngineArgs;
use report::Report;

/// What a flag does not say comes from `--recipe`, then from the file's `train:`, then from the defaults in brackets.
#[derive(Args)]
pub struct TrainArgs {
    /// An id, an alias or a file; not with `--resume`
    #[arg(required_unless_present = "resume", conflicts_with = "resume")]
    arch: Option<String>,
    /// `synthetic[:CLASSES]`, `idx:DIR` (MNIST's family), `cifar10:DIR`, `folder:DIR` (`train/<class>/*`, `val/<class>/*`) or
    /// `tensors:FILE.safetensors` (`input` [N,C,H,W], `labels` [N]) [synthetic]
    #[arg(long, value_name = "SPEC")]
    data: Option<Source>,
    /// Go on with a run where its last checkpoint left it
    #[arg(long, value_name = "DIR", conflicts_with = "trained")]
    resume: Option<PathBuf>,
    /// Keep the run in this folder [runs/ARCH-N]
    #[arg(long, value_name = "DIR", conflicts_with = "resume")]
    out: Option<PathBuf>,
    /// Leave no run folder behind
    #[arg(long, conflicts_with_all = ["out", "resume"])]
    no_out: bool,
    /// A recipe by name: `paper` is Simonyan & Zisserman's
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(recipe::NAMED), conflicts_with = "resume")]
    recipe: Option<String>,
    /// Passes over the data [5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    epochs: Option<u64>,
    /// Steps after which training ends, even within an epoch
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    steps: Option<u64>,
    /// Minutes after which training ends and keeps what it has
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = positive)]
    max_minutes: Option<f64>,
    /// Write the state every so many steps too; it is written now and then anyway
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    checkpoint_every: Option<u64>,
    /// Learning rate [0.01; 0.001 for adam and adamw]; with `--resume` from there on
    #[arg(long, allow_negative_numbers = true, value_parser = positive)]
    lr: Option<f64>,
    #[command(flatten)]
    own: Own,
    #[command(flatten)]
    trained: Trained,
    /// Write the trained weights (.safetensors)
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Judge the run's best weights when training has ended, as `convlens evaluate --run RUN` does
    #[arg(long, conflicts_with = "no_out")]
    evaluate: bool,
    #[command(flatten)]
    engine: EngineArgs,
    /// Threads; all cores without it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    threads: Option<u32>,
    /// Go on although memory may not suffice; replace a file of another kind
    #[arg(long)]
    force: bool,
}

/// What a run that goes on has already.
#[derive(Args)]
#[group(id = "own", multiple = true, conflicts_with = "resume")]
struct Own {
    /// Images in a mini-batch [32]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1 << 24))]
    batch: Option<u64>,
    /// Images that go through the network at once, their gradients added up [the whole mini-batch, or what fits memory]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1 << 24))]
    micro_batch: Option<u64>,
    /// How a step follows from gradients [sgd]
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(recipe::OPTIMIZERS))]
    optimizer: Option<String>,
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
    #[arg(long, value_name = "NORM", allow_negative_numbers = true, value_parser = positive)]
    clip: Option<f64>,
    /// How the learning rate falls: `step` at 1/2 and 3/4 of the steps, `plateau` of the validation accuracy [constant]
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(recipe::SCHEDULES))]
    schedule: Option<String>,
    /// Epochs without a better validation accuracy before `plateau` divides the learning rate by 10 [2]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    patience: Option<u64>,
    /// Steps over which the learning rate rises to its value [0]
    #[arg(long, value_name = "N")]
    warmup: Option<u64>,
    /// Part of a label's weight spread over all classes, below 1 [0]
    #[arg(long, value_name = "PART", allow_negative_numbers = true, value_parser = below_one)]
    label_smoothing: Option<f64>,
    /// How weights are drawn: torchvision's, the VGG paper's N(0, variance 0.01), or Glorot's [kaiming]
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(recipe::INITS))]
    init: Option<String>,
    /// How training images are changed, several with commas: `flip,crop` [none]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = PossibleValuesParser::new(recipe::AUGMENTS))]
    augment: Option<Vec<String>>,
    /// Take the images in their own order
    #[arg(long)]
    no_shuffle: bool,
    /// Part of the training images kept aside for validation, below 1 [0]
    #[arg(long, value_name = "PART", allow_negative_numbers = true, value_parser = below_one)]
    val_split: Option<f64>,
    /// Judge an image and its mirror image together
    #[arg(long)]
    flip_test: bool,
    /// Seed of weights, generated data, order, changes and dropout [0]
    #[arg(long)]
    seed: Option<u64>,
    /// Keep layers as they are: their path or a block's, `*` for any text; several with commas: `block*,classifier.linear1`
    #[arg(long, value_name = "PATTERNS", value_delimiter = ',')]
    freeze: Option<Vec<String>>,
    /// End training after so many epochs without a better validation accuracy
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    patience_stop: Option<u64>,
    /// Judge and keep running averages of the weights, of which so much stays at each step: 0.999
    #[arg(long, value_name = "DECAY", allow_negative_numbers = true, value_parser = below_one)]
    ema: Option<f64>,
    /// Mix two images and their labels, by a part drawn from Beta(α, α): 0.2
    #[arg(long, value_name = "ALPHA", allow_negative_numbers = true, value_parser = positive)]
    mixup: Option<f64>,
    /// Put a part of one image into another, and of its label, by Beta(α, α): 1; with `--mixup` one of both for each mini-batch
    #[arg(long, value_name = "ALPHA", allow_negative_numbers = true, value_parser = positive)]
    cutmix: Option<f64>,
    /// Use the first N training images only
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
}

impl TrainArgs {
    /// What the flags say.
    fn flags(&self) -> Recipe {
        let own = &self.own;
        let changes = own.augment.clone().map(|words| words.into_iter().filter(|word| word != "none").collect());
        Recipe {
            epochs: self.epochs,
            steps: self.steps,
            batch: own.batch,
            micro_batch: own.micro_batch,
            optimizer: own.optimizer.clone(),
            lr: self.lr,
            momentum: own.momentum,
            nesterov: own.nesterov.then_some(true),
            weight_decay: own.weight_decay,
            clip: own.clip,
            schedule: own.schedule.clone(),
            patience: own.patience,
            warmup: own.warmup,
            label_smoothing: own.label_smoothing,
            init: own.init.clone(),
            augment: changes,
            shuffle: own.no_shuffle.then_some(false),
            val_split: own.val_split,
            flip_test: own.flip_test.then_some(true),
            seed: own.seed,
            limit: own.limit,
            checkpoint_every: self.checkpoint_every,
            freeze: own.freeze.clone(),
            patience_stop: own.patience_stop,
            ema: own.ema,
            mixup: own.mixup,
            cutmix: own.cutmix,
        }
    }
}

pub fn run(context: &Context, args: &TrainArgs) -> Result<(), Failure> {
    if args.evaluate && !matches!(context.common.format, Format::Table | Format::Jsonl) {
        return Err(Failure::Message(
            "`--evaluate` prints a second table; `convlens evaluate --run RUN` prints it alone".into(),
        ));
    }
    let launch = args.engine.launch(args.threads)?;
    if let (Some(launch), true) = (&launch, args.no_out) {
        let words = "`--no-out`: the run's folder is what PyTorch's processes are told by".to_string();
        return if launch.is_first() { Err(Failure::Message(words)) } else { Ok(()) };
    }
    super::on_threads(args.threads, || {
        let launch = launch.as_ref();
        let session = match (&args.resume, &args.arch) {
            (Some(folder), _) if launch.is_some_and(|launch| !launch.is_first()) => beside(context, args, folder),
            (Some(folder), _) => resume(context, args, folder, launch),
            (None, arch) => begin(context, args, arch.as_deref().unwrap_or_default(), launch),
        };
        train(context, args, session?, launch)
    })
}

pub(super) fn failure(error: SessionError) -> Failure {
    match error {
        SessionError::Load(error) => Failure::Load(error),
        SessionError::TooLarge(error) => super::too_large(error),
        SessionError::Weights(error) => Failure::weights(error),
        other => Failure::because(other),
    }
}

fn begin(context: &Context, args: &TrainArgs, arch: &str, launch: Option<&Launch>) -> Result<Session, Failure> {
    let loaded = context.load(arch)?;
    if let (Origin::Foreign(path), false) = (&loaded.origin, args.trained.is_given()) {
        context.say(&format!("weights are drawn; `--weights {}` goes on from those in the file", path.display()));
    }
    let named = args.recipe.as_deref().and_then(Recipe::named).unwrap_or_default();
    let recipe = args.flags().over(&named).over(&loaded.architecture.train);
    let data = args.data.clone().unwrap_or(Source::Synthetic(None));
    let mut inputs = super::inputs_of(&loaded);
    let weights = match args.trained.is_given() {
        true => args.trained.file(context, &graph::analyse(&loaded).map_err(LoadError::Invalid)?)?,
        false => None,
    };
    weights.iter().for_each(|path| inputs.add(path, "the weights"));
    check_save(args, &data, inputs)?;
    let out = match (&args.out, args.no_out) {
        _ if launch.is_some_and(|launch| !launch.is_first()) => Out::Nowhere,
        (Some(folder), _) => {
            let mut read = Inputs::default();
            data.path().iter().for_each(|path| read.add(path, "in the data"));
            read.spare_folder(folder).map_err(super::unwritable(folder))?;
            Out::Folder(folder.clone())
        }
        (None, true) => Out::Nowhere,
        (None, false) => Out::Next(runs::FOLDER.into()),
    };
    let wanted = Begin {
        origin: loaded.origin,
        sets: context.common.sets.clone(),
        data,
        recipe,
        weights,
        partial: args.trained.partial,
        out,
        id: None,
        // What PyTorch takes of which memory is not known here.
        force: args.force || launch.is_some(),
        processes: launch.map_or(1, Launch::all_processes),
    };
    launch.map_or(Ok(()), |launch| launch.check_pictures(&wanted.data, &wanted.recipe)).map_err(Failure::because)?;
    session::begin(&context.library, &wanted).map_err(failure)
}

/// A machine beside the one that goes on with a run: it needs the network and the data, and takes the rest from there.
fn beside(context: &Context, args: &TrainArgs, folder: &Path) -> Result<Session, Failure> {
    let own = runs::recipe(folder).map_err(Failure::because)?;
    let wanted = Begin {
        origin: Origin::File(folder.join(runs::ARCHITECTURE)),
        sets: Vec::new(),
        data: args.data.clone().map_or_else(|| own.data.parse().map_err(Failure::because), Ok)?,
        recipe: own.train,
        weights: None,
        partial: false,
        out: Out::Nowhere,
        id: Some(own.architecture),
        force: true,
        processes: 1,
    };
    session::begin(&context.library, &wanted).map_err(failure)
}

fn resume(context: &Context, args: &TrainArgs, folder: &Path, launch: Option<&Launch>) -> Result<Session, Failure> {
    if !context.common.sets.is_empty() {
        return Err(Failure::Message(
            "`--set` cannot change a run that goes on: its architecture is in its folder".into(),
        ));
    }
    let change = Change {
        epochs: args.epochs,
        steps: args.steps,
        checkpoint_every: args.checkpoint_every,
        lr: args.lr,
        data: args.data.clone(),
        force: args.force || launch.is_some(),
        processes: launch.map_or(1, Launch::all_processes),
    };
    let mut inputs = Inputs::default();
    inputs.add(folder, "the run");
    let data = args.data.clone().or_else(|| runs::recipe(folder).ok()?.data.parse().ok());
    let data = data.unwrap_or(Source::Synthetic(None));
    check_save(args, &data, inputs)?;
    if let (Some(launch), Ok(own)) = (launch, runs::recipe(folder)) {
        launch.check_pictures(&data, &own.train).map_err(Failure::because)?;
    }
    session::resume(folder, &change).map_err(|error| match error {
        SessionError::Data(error) => {
            Failure::Message(format!("{error}; if the data has moved, `--data KIND:PATH` says where it is now"))
        }
        other => failure(other),
    })
}

/// Whether what `--save` names can be written, and is nothing that is read.
fn check_save(args: &TrainArgs, data: &Source, mut inputs: Inputs) -> Result<(), Failure> {
    let Some(path) = &args.save else { return Ok(()) };
    if let Some(data) = data.path() {
        inputs.add(data, "the data");
    }
    inputs.check(path, Kind::Safetensors, args.force).map_err(super::unwritable(path))
}

fn train(context: &Context, args: &TrainArgs, session: Session, launch: Option<&Launch>) -> Result<(), Failure> {
    if let Some(launch) = launch {
        context.say(&launch.words());
    }
    for note in &session.notes {
        context.say(note);
    }
    if let Some(folder) = session.folder() {
        context.say(&format!("kept in {}", folder.display()));
    }
    let (images, estimate, start) = (session.sets.train.len() as u64, session.estimate, session.start.clone());
    // Before anybody hears that it has begun: who then interrupts it means the run.
    let stop = interrupts()?;
    let mut report = Report::new(context, &session);
    report.start(&start);
    let control = Control { stop, commands: None, until: until(args.max_minutes) };
    let texts: HashMap<String, String> = (!session.sets.names.is_empty())
        .then(|| runs::class_names(&session.sets.names))
        .into_iter()
        .flatten()
        .collect();
    let mut save = |network: &crate::network::Compiled| match &args.save {
        Some(path) => Ok(weights::write(network, texts.clone(), path)?),
        None => Ok(()),
    };
    let told = tell_of_interrupt(context, &control, &report.bar, session.folder().is_some());
    let mut on = |event| report.event(event);
    let over = match launch {
        None => session.run(&control, Observed::default(), &mut on, &mut save),
        Some(launch) => {
            let save: torchrun::Trained = &mut save;
            torchrun::run(session, launch, &control, &mut on, args.save.is_some().then_some(save))
        }
    };
    told.store(true, Ordering::Relaxed);
    report.bar.finish_and_clear();
    let over = over.map_err(|error| {
        report.failed_because(&error);
        failure(error)
    })?;
    if launch.is_some_and(|launch| !launch.is_first()) {
        context.say("the processes of this machine are done; machine 0 keeps the run");
        return if control.stops() { Err(Failure::Interrupted) } else { Ok(()) };
    }
    if let Some(failure) = report.failed.take() {
        if let Some(folder) = &over.folder {
            let (step, folder) = (grouped(over.steps), folder.display());
            context
                .say(&format!("nobody reads on: stopped at step {step}; `convlens train --resume {folder}` goes on"));
        }
        return Err(failure);
    }
    let saved = args.save.as_ref().map(|path| path.display().to_string());
    report.finish(&over, saved)?;
    let used = machine::peak_bytes()
        .filter(|_| launch.is_none())
        .map_or_else(String::new, |peak| format!(" ({} estimated, {} used at most)", bytes(estimate), bytes(peak)));
    let left_out = match over.left_out {
        0 => String::new(),
        count => format!(", {} of them left out", grouped(count as u64)),
    };
    let steps = if over.steps == 1 { "step" } else { "steps" };
    context.say(&format!("{} {steps} on {} images{left_out}{used}", grouped(over.steps), grouped(images)));
    if let Some(why) = over.reason() {
        context.say(&format!("training ended early: {why}"));
    }
    if over.end == End::Late {
        context.say("its time (`--max-minutes`) was over");
    }
    if let (End::Stopped | End::Late, Some(folder)) = (over.end, &over.folder) {
        context.say(&format!("`convlens train --resume {}` goes on", folder.display()));
    }
    match (&over.folder, over.end.is_finished()) {
        (Some(folder), true) if args.evaluate => super::evaluate::of_finished(context, folder)?,
        _ => {}
    }
    if control.stops() { Err(Failure::Interrupted) } else { Ok(()) }
}

/// Set by the first Ctrl-C, which ends training after its step and keeps what was learned; the second ends at once. So do
/// a request to end and a terminal that is closed.
pub(super) fn interrupts() -> Result<Arc<AtomicBool>, Failure> {
    use signal_hook::consts::SIGINT;
    let flag = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register_conditional_shutdown(SIGINT, 130, Arc::clone(&flag)).map_err(Failure::because)?;
    signal_hook::flag::register(SIGINT, Arc::clone(&flag)).map_err(Failure::because)?;
    #[cfg(unix)]
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&flag)).map_err(Failure::because)?;
    }
    Ok(flag)
}

/// How often it is looked whether training was asked to end.
const LOOK: Duration = Duration::from_millis(100);

/// Says at once, while a step may still take long, that a request to end was heard. Set what it gives once training is over.
fn tell_of_interrupt(context: &Context, control: &Control, bar: &ProgressBar, keeps: bool) -> Arc<AtomicBool> {
    let over = Arc::new(AtomicBool::new(context.common.quiet));
    let (ended, stop, bar) = (Arc::clone(&over), Arc::clone(&control.stop), bar.clone());
    let kept = if keeps { " and keeps the run" } else { "" };
    std::thread::spawn(move || {
        while !ended.load(Ordering::Relaxed) {
            if stop.load(Ordering::Relaxed) {
                let words = format!("stops after this step{kept}; Ctrl-C again ends it at once");
                bar.suspend(|| output::message(&words));
                return;
            }
            std::thread::sleep(LOOK);
        }
    });
    over
}
