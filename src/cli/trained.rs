//! Flags that say which trained weights a command takes, and what they lead to: a file, a run's, or published ones.

use std::ops::ControlFlow;
use std::path::PathBuf;

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::{Context, Failure, output};
use crate::exchange::hub::{Fetched, Progress};
use crate::exchange::weights::{LoadedWeights, Rest};
use crate::graph::Graph;
use crate::graph::figures::bytes;
use crate::network::init::Init;
use crate::run::{fetch, runs};
use crate::spec::renaming::Renaming;
use crate::spec::{Loaded, Origin};

/// Where trained weights come from.
#[derive(Args, Default)]
pub struct Trained {
    /// Trained weights: .safetensors, PyTorch's .pth, .onnx, or of a run, `run:vgg-mini-1`
    #[arg(long, value_name = "FILE", group = "trained")]
    weights: Option<PathBuf>,
    /// Take the weights that are published for the architecture, fetched if they are not there yet
    #[arg(long, group = "trained")]
    pretrained: bool,
    /// Load of the weights what fits and draw the rest: for another number of classes, or a file without a classifier
    #[arg(long, requires = "trained")]
    pub partial: bool,
}

/// Rules for the names in a file of weights.
#[derive(Args, Default)]
pub struct Names {
    /// How the file's names follow from ours, as the architecture's `weights: {names}`: a regular expression and what takes
    /// its place, with `{1}` for what its first group finds and `{1-1}` for that number less one; several apply in turn
    #[arg(long, value_name = "PATTERN=REPLACEMENT", requires = "trained")]
    names: Vec<String>,
}

impl Names {
    pub fn rules(&self) -> Result<Option<Renaming>, Failure> {
        let rules = Renaming::read(&self.names).map_err(|why| Failure::Message(format!("--names: {why}")))?;
        Ok(Some(rules).filter(|rules| !rules.is_empty()))
    }
}

impl Trained {
    /// What becomes of parameters that the file does not have.
    pub fn rest(&self, seed: u64) -> Rest {
        if self.partial { Rest::Drawn { init: Init::Kaiming, seed } } else { Rest::Refused }
    }

    /// Says what of a file went where, if it was not all of it.
    pub fn say_parts(&self, context: &Context, read: &LoadedWeights) {
        let parts = read.in_part();
        if self.partial && parts.is_empty() {
            context.say("`--partial` changes nothing: all of the file fits");
        }
        parts.iter().for_each(|line| context.say(line));
    }

    /// Whether any are asked for.
    pub fn is_given(&self) -> bool {
        self.weights.is_some() || self.pretrained
    }

    /// The flag that asks for them.
    pub fn flag(&self) -> &'static str {
        if self.pretrained { "--pretrained" } else { "--weights" }
    }

    /// As [`Trained::file`]; an architecture from a file that holds its weights brings them.
    pub fn file_of(&self, context: &Context, loaded: &Loaded, network: &Graph) -> Result<Option<PathBuf>, Failure> {
        match &loaded.origin {
            Origin::Foreign(path) if !self.is_given() => Ok(Some(path.clone())),
            _ => self.file(context, network),
        }
    }

    /// The file of weights, fetched where that is asked for and it is not there; none where they are drawn.
    pub fn file(&self, context: &Context, network: &Graph) -> Result<Option<PathBuf>, Failure> {
        if self.pretrained {
            return fetched(context, network).map(|fetched| Some(fetched.path));
        }
        let Some(path) = &self.weights else { return Ok(None) };
        match path.to_str().and_then(|text| text.strip_prefix("run:")) {
            Some(run) => runs::weights_of(run).map(Some).map_err(Failure::because),
            None => Ok(Some(path.clone())),
        }
    }
}

/// The weights that are published for a network, with progress on stderr.
pub fn fetched(context: &Context, network: &Graph) -> Result<Fetched, Failure> {
    let published = fetch::published(network).map_err(Failure::because)?;
    let bar = bar(context);
    let got = fetch::get(published, |progress| {
        let (done, of, what) = match progress {
            Progress::Asking => (0, 0, "asking the hub"),
            Progress::Fetching { done, of } => (done, of, "fetching"),
            Progress::Checking { done, of } => (done, of, "checking its SHA-256"),
        };
        bar.set_length(of.max(1));
        bar.set_position(done);
        bar.set_message(what);
        ControlFlow::Continue(())
    });
    bar.finish_and_clear();
    let got = got.map_err(Failure::because)?;
    if !got.was_there {
        let hub = published.hub.as_deref().unwrap_or_default();
        context.say(&format!("fetched {} of {hub}, {}", published.file, bytes(got.bytes)));
    }
    Ok(got)
}

fn bar(context: &Context) -> ProgressBar {
    if context.common.quiet || !output::errors_are_seen() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(
        "{bar:30} {decimal_bytes}/{decimal_total_bytes} {msg}  {decimal_bytes_per_sec}, {eta} left",
    );
    let bar = ProgressBar::new(1);
    style.map_or(bar.clone(), |style| bar.with_style(style))
}
