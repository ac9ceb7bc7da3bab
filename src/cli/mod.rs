//! The command line: results on stdout, messages on stderr, an exit code for scripts.

mod budget;
mod check;
mod command;
mod compare;
mod completing;
mod diff;
mod evaluate;
mod explain;
mod export;
mod field;
mod forward;
mod forward_many;
mod import;
mod kernels;
mod keys;
mod kinds;
mod list;
mod lr_find;
mod man;
mod numbers;
mod output;
mod plots;
mod roofline;
mod runs;
mod schema;
mod show;
mod sweep;
mod train;
mod trained;
mod weights;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};

use crate::exchange::weights::WeightsError;
use crate::files::{Inputs, OutputError};
use crate::graph::{self, Graph, lints};
use crate::spec::problem::did_you_mean;
use crate::spec::{Library, LoadError, Loaded, Origin, foreign};
use crate::tui::{ExploreError, Opening};
use crate::visible::visible;

#[derive(Parser)]
#[command(name = "convlens", version, about = "A lens on convolutional networks in the terminal", long_about = None)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    common: Common,
}

#[derive(Args)]
struct Common {
    /// Look for architectures in this folder first
    #[arg(long, global = true, value_name = "PATH")]
    dir: Option<PathBuf>,
    /// Change a key of the architecture: `input=[3,32,32]`, `defaults.conv.kernel=5`, `block1.conv1.out=32`
    #[arg(long = "set", global = true, value_name = "KEY=VALUE", value_parser = key_value)]
    sets: Vec<(String, String)>,
    /// Output format
    #[arg(long, global = true, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// When to use colour
    #[arg(long, global = true, value_enum, default_value_t = When::Auto)]
    color: When,
    /// No messages on stderr but errors
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Say on stderr what was read from where
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    verbose: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
    Csv,
    Markdown,
    // Of one command each, which says so itself.
    #[value(hide = true)]
    Jsonl,
    #[value(hide = true)]
    Png,
    #[value(hide = true)]
    Github,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum When {
    Auto,
    Always,
    Never,
}

#[derive(Subcommand)]
enum Command {
    /// Open the explorer
    Explore {
        /// An id, an alias or a file; default: the last one opened
        arch: Option<String>,
        /// Theme: auto, dark, light, high-contrast, 16, plain, or one of yours (themes/NAME.yaml beside keys.yaml)
        #[arg(long, default_value = "auto")]
        theme: String,
    },
    /// List the architectures found, with totals
    List,
    /// Show an architecture's layers
    Show(show::ShowArgs),
    /// Validate files and judge budgets; exit 1 if any is bad or over
    Check(check::CheckArgs),
    /// Show the working behind every number, of a network, a block or a layer
    Explain(explain::ExplainArgs),
    /// Put two to four architectures side by side
    Compare(compare::CompareArgs),
    /// What changed from one architecture to another, files or revisions of git: layer by layer, in words and numbers
    Diff(diff::DiffArgs),
    /// Many variants of a network: what each costs, takes or learns, and which nothing betters
    Sweep(Box<sweep::SweepArgs>),
    /// Compare one large kernel with small ones of the same receptive field
    Kernels(kernels::KernelsArgs),
    /// What a unit depends on: its theoretical field beside the gradient's
    Field(field::FieldArgs),
    /// Run the network on images or on noise; several networks in turn, to compare their times
    Forward(forward::args::ForwardArgs),
    /// Each layer against what this machine could do: FLOPs per byte, the time it needs at least, the time it took
    Roofline(roofline::RooflineArgs),
    /// Judge trained weights on labelled images: accuracy, classes one by one, what is taken for what
    Evaluate(evaluate::EvaluateArgs),
    /// Train the network, or go on with a run
    Train(Box<train::TrainArgs>),
    /// Find a learning rate by a short ramp of rising ones
    LrFind(Box<lr_find::LrFindArgs>),
    /// What training has left behind: list, show, compare, hand to TensorBoard
    Runs(runs::RunsArgs),
    /// List the tensors of a weights file, and how they fit an architecture; fetch published ones
    Weights(weights::WeightsArgs),
    /// Hand the network to others: as ONNX, PyTorch code, a picture, a page, tables for a paper
    Export(export::ExportArgs),
    /// Take a network from another format: an architecture file and its weights from an .onnx
    Import(import::ImportArgs),
    /// List every kind of layer and container of an architecture file, with its fields
    Kinds,
    /// List every key of the explorer, and how to change them
    Keys,
    /// Print the architecture file as JSON Schema, for editors
    Schema,
    /// Print a page for `man`, or write all of them
    Man(man::ManArgs),
    /// Print a script that makes a shell complete commands, flags, and names of architectures, layers and runs
    Completions { shell: clap_complete::Shell },
}

fn key_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_string(), value.to_string())),
        _ => Err("expected KEY=VALUE, such as `classes=10`".to_string()),
    }
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("{0}")]
    Load(#[from] LoadError),
    #[error("{0}")]
    Output(#[from] std::io::Error),
    /// A line.
    #[error("{0}")]
    Message(String),
    /// Several; what others wrote in them is visible already.
    #[error("{0}")]
    Lines(String),
    #[error("interrupted")]
    Interrupted,
    /// What is wrong has been said already.
    #[error("")]
    Said,
}

impl Failure {
    fn because(error: impl std::fmt::Display) -> Self {
        Failure::Message(error.to_string())
    }

    /// Weights tell of all that does not fit, or how to convert them, line by line.
    fn weights(error: WeightsError) -> Self {
        Failure::Lines(error.to_string())
    }
}

/// The folder that `--dir` names, before the arguments are parsed.
fn folder_in(arguments: &[OsString]) -> Option<PathBuf> {
    let behind = arguments.windows(2).find(|two| two[0] == "--dir").map(|two| PathBuf::from(&two[1]));
    let within = || arguments.iter().filter_map(|own| own.to_str()).find_map(|own| own.strip_prefix("--dir="));
    behind.or_else(|| within().map(PathBuf::from))
}

/// `convlens vgg16` and `convlens my-net.yaml` open the explorer on it: what stands where a command does and is the name of an
/// architecture, or a file of one, gets the command before it.
fn with_explore(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let command = command::command();
    let Some(first) = arguments.get(1).and_then(|first| first.to_str()) else { return arguments };
    let names: Vec<&str> = command.get_subcommands().map(|own| own.get_name()).chain(["help"]).collect();
    if names.contains(&first) || first.starts_with('-') && first != "--theme" && !first.starts_with("--theme=") {
        return arguments;
    }
    // A word that is nearly a command is one that was mistyped; one that is nearly an architecture is told which.
    let looks_like_a_file = Path::new(first).extension().is_some() || first.contains('/');
    let library = Library::new(folder_in(&arguments));
    let is_known = library.find(first).is_ok();
    let is_nearly = || {
        let ids: Vec<String> = library.list().iter().map(|origin| origin.id()).collect();
        did_you_mean(first, names.iter().copied()).is_none()
            && did_you_mean(first, ids.iter().map(String::as_str)).is_some()
    };
    if first.starts_with('-') || looks_like_a_file || is_known || is_nearly() {
        arguments.insert(1, "explore".into());
    }
    arguments
}

/// Parses the arguments, runs the command and turns its end into an exit code.
pub fn main() -> ExitCode {
    completing::answer(command::command);
    let arguments = with_explore(std::env::args_os().collect());
    let (cli, name) = match command::parse_from(arguments.iter().cloned()) {
        Ok(parsed) => parsed,
        Err(error) => {
            // What was typed stands in the message among its colours: told of arguments that no terminal obeys.
            let shown = arguments.iter().map(|argument| visible(&argument.to_string_lossy()).into_owned().into());
            let error = command::parse_from(shown).err().unwrap_or(error);
            output::usage(&error);
            return ExitCode::from(error.exit_code() as u8);
        }
    };
    let misused = match (&cli.command, cli.common.format) {
        (Some(Command::Train(_)), Format::Jsonl)
        | (Some(Command::Field(_)), Format::Png)
        | (Some(Command::Check(_)), Format::Github) => None,
        (_, Format::Jsonl) => Some("`--format jsonl` is for `train`; elsewhere there is `--format json`"),
        (_, Format::Png) => Some("`--format png` is for `field`"),
        (_, Format::Github) => Some("`--format github` is for `check`"),
        _ => None,
    };
    // What reads no architecture has nothing to change.
    let reads_none = match &cli.command {
        Some(Command::Weights(args)) if args.reads_none() => Some("weights FILE"),
        _ => Some(name.split(' ').next().unwrap_or_default()).filter(|_| command::reads_none(&name)),
    };
    let in_vain = reads_none.and_then(|name| {
        let changes = !cli.common.sets.is_empty();
        let says =
            if changes { "`--set` changes an architecture" } else { "`--dir` says where architectures are looked for" };
        (changes || cli.common.dir.is_some()).then(|| format!("{says}, and `{name}` reads none"))
    });
    let prints_none = match &cli.command {
        None | Some(Command::Explore { .. }) => Some("the explorer".to_string()),
        Some(Command::Runs(args)) if args.writes_files() => Some("`runs tensorboard`".into()),
        Some(Command::Diff(args)) if args.is_textconv() => Some("`diff --textconv`".into()),
        Some(_) => command::prints_none(&name).then(|| format!("`{name}`")),
    };
    let format_in_vain = prints_none.filter(|_| cli.common.format != Format::Table);
    let format_in_vain = format_in_vain.map(|name| format!("`--format` is for tables, and {name} prints none"));
    let misused = misused.map(str::to_string).or(in_vain).or(format_in_vain);
    if let Some(words) = misused {
        output::message(&format!("error: {words}"));
        return ExitCode::from(2);
    }
    if let Some(folder) = cli.common.dir.as_ref().filter(|folder| !folder.is_dir()) {
        output::message(&format!("error: --dir {}: there is no such folder", folder.display()));
        return ExitCode::FAILURE;
    }
    foreign::read_by(crate::exchange::onnx::read::text);
    let context = Context { library: Library::new(cli.common.dir.clone()), common: cli.common, command: name };
    let ended = match cli.command {
        None => context.explore(None, "auto"),
        Some(Command::Explore { arch, theme }) => context.explore(arch, &theme),
        Some(Command::List) => list::run(&context),
        Some(Command::Show(args)) => show::run(&context, &args),
        Some(Command::Check(args)) => check::run(&context, &args),
        Some(Command::Explain(args)) => explain::run(&context, &args),
        Some(Command::Compare(args)) => compare::run(&context, &args),
        Some(Command::Diff(args)) => diff::run(&context, &args),
        Some(Command::Sweep(args)) => sweep::run(&context, &args),
        Some(Command::Kernels(args)) => kernels::run(&context, &args),
        Some(Command::Field(args)) => field::run(&context, &args),
        Some(Command::Forward(args)) => forward::run(&context, &args),
        Some(Command::Roofline(args)) => roofline::run(&context, &args),
        Some(Command::Evaluate(args)) => evaluate::run(&context, &args),
        Some(Command::Train(args)) => train::run(&context, &args),
        Some(Command::LrFind(args)) => lr_find::run(&context, &args),
        Some(Command::Runs(args)) => runs::run(&context, &args),
        Some(Command::Weights(args)) => weights::run(&context, &args),
        Some(Command::Export(args)) => export::run(&context, &args),
        Some(Command::Import(args)) => import::run(&context, &args),
        Some(Command::Kinds) => kinds::run(&context),
        Some(Command::Keys) => keys::run(&context),
        Some(Command::Completions { shell }) => completions(shell),
        Some(Command::Schema) => schema::run(),
        Some(Command::Man(args)) => man::run(&args),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(Failure::Said) => ExitCode::FAILURE,
        Err(Failure::Interrupted) => ExitCode::from(130),
        Err(error) => {
            context.say_failure(&error);
            ExitCode::FAILURE
        }
    }
}

/// Why work that does not fit into memory is refused, and the way round it.
fn too_large(error: crate::run::machine::TooLarge) -> Failure {
    Failure::Message(format!("{error}, or `--force` to go on"))
}

/// What a command reads of an architecture, so that nothing is written over it.
fn inputs_of(loaded: &Loaded) -> Inputs {
    let mut inputs = Inputs::default();
    for source in &loaded.sources.texts {
        if let Some(Origin::File(path) | Origin::Foreign(path)) = &source.origin {
            inputs.add(path, "the architecture");
        }
    }
    inputs
}

fn unwritable(path: &Path) -> impl Fn(OutputError) -> Failure + '_ {
    |error| Failure::Message(format!("cannot write {}: {error}", path.display()))
}

/// Does work on so many threads, or on all cores.
fn on_threads<T: Send>(threads: Option<u32>, work: impl FnOnce() -> Result<T, Failure> + Send) -> Result<T, Failure> {
    let threads = threads.map_or(0, |threads| threads as usize);
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().map_err(Failure::because)?.install(work)
}

fn completions(shell: clap_complete::Shell) -> Result<(), Failure> {
    Ok(output::write_bytes(&completing::script(shell)?)?)
}

/// What every command needs.
struct Context {
    library: Library,
    common: Common,
    /// The command's name, `runs show`.
    command: String,
}

impl Context {
    fn load(&self, name: &str) -> Result<Loaded, LoadError> {
        let loaded = self.library.load(name, &self.common.sets)?;
        self.tell_sources(&loaded);
        Ok(loaded)
    }

    fn tell_sources(&self, loaded: &Loaded) {
        if self.common.verbose {
            for source in &loaded.sources.texts {
                self.say(&format!("read {}", source.name));
            }
        }
    }

    /// The network of what was read.
    fn analysed(&self, loaded: &Loaded) -> Result<Graph, LoadError> {
        let network = graph::analyse(loaded).map_err(LoadError::Invalid)?;
        self.warn(&network);
        Ok(network)
    }

    /// A network of which nothing is needed but its numbers, so that it may be named at a revision of git too.
    fn network(&self, name: &str) -> Result<Graph, LoadError> {
        let loaded = self.library.load_at(name, &self.common.sets)?;
        self.tell_sources(&loaded);
        self.analysed(&loaded)
    }

    /// What is legal and nearly always a slip is told whatever was asked for.
    fn warn(&self, network: &Graph) {
        if let Some(lint) = lints::slip(network) {
            self.say(&format!("warning: {}: {}; {}", lint.layer, lint.message, lint.advice));
        }
    }

    fn explore(&self, arch: Option<String>, theme: &str) -> Result<(), Failure> {
        if arch.as_deref() == Some("-") {
            return Err(Failure::Message("the explorer's keys come from standard input, so no file can".into()));
        }
        let theme = Some(theme).filter(|name| *name != "auto");
        let opening = Opening { library: &self.library, arch: arch.as_deref(), sets: &self.common.sets, theme };
        crate::tui::run(&opening).map_err(|error| match error {
            ExploreError::Load(error) => Failure::Load(error),
            ExploreError::Keys(_) | ExploreError::Themes(_) => Failure::Lines(error.to_string()),
            other => Failure::because(other),
        })
    }

    /// Whether to colour what goes to stderr.
    fn colours(&self) -> bool {
        match self.common.color {
            When::Always => true,
            When::Never => false,
            When::Auto => {
                output::errors_are_seen() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            }
        }
    }

    /// A message for people, not part of the result.
    fn say(&self, message: &str) {
        if !self.common.quiet {
            output::message(message);
        }
    }

    /// Progress on stderr while it is a terminal and nothing keeps quiet; nothing elsewhere.
    fn progress(&self, of: u64, what: &'static str) -> ProgressBar {
        if self.common.quiet || !output::errors_are_seen() {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}  {elapsed}, {eta} left");
        let bar = ProgressBar::new(of).with_message(what);
        style.map_or(bar.clone(), |style| bar.with_style(style))
    }

    /// What keeps an architecture from being read.
    fn say_problem(&self, error: &LoadError) {
        match error {
            LoadError::Invalid(report) => output::styled_message(&output::render(report, self.colours())),
            error @ LoadError::Foreign { .. } => output::lines(&format!("error: {error}")),
            other => output::message(&format!("error: {other}")),
        }
    }

    fn say_failure(&self, failure: &Failure) {
        match failure {
            Failure::Load(error) => self.say_problem(error),
            Failure::Lines(lines) => output::lines(&format!("error: {lines}")),
            other => output::message(&format!("error: {other}")),
        }
    }
}
