//! `convlens export ARCH --to FORMAT`: the network handed to others.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::trained::{Names, Trained};
use super::{Context, Failure, output};
use crate::exchange::pytorch::{self, Told};
use crate::exchange::{onnx, weights};
use crate::files::Kind;
use crate::files::name::safe;
use crate::graph::{self, Graph};
use crate::network::Compiled;
use crate::network::init::Init;
use crate::run::train::Recipe;
use crate::spec::LoadError;

#[derive(Args)]
pub struct ExportArgs {
    /// An id, an alias or a file
    arch: String,
    /// The format
    #[arg(long, value_enum)]
    to: FormatName,
    #[command(flatten)]
    trained: Trained,
    #[command(flatten)]
    names: Names,
    /// Draw weights by this seed; without it and without weights their places stay empty
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Where to write [the network's name]
    #[arg(long, value_name = "PATH")]
    out: Option<PathBuf>,
    /// Replace what is there, of another kind too
    #[arg(long)]
    force: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FormatName {
    /// For ONNX Runtime, TensorRT, Netron: operators of version 17, any number of images
    Onnx,
    /// A folder: `model.py`, a module that a person can read, its weights, and `train.py` for one GPU or many
    Pytorch,
}

pub fn run(context: &Context, args: &ExportArgs) -> Result<(), Failure> {
    if args.seed.is_some() && args.trained.is_given() && !args.trained.partial {
        return Err(Failure::Message("`--seed` has nothing to draw: weights are given".into()));
    }
    let loaded = context.load(&args.arch)?;
    let network = graph::analyse(&loaded).map_err(LoadError::Invalid)?;
    context.warn(&network);
    let mut inputs = super::inputs_of(&loaded);
    let file = args.trained.file_of(context, &loaded, &network)?;
    file.iter().for_each(|path| inputs.add(path, "the weights"));
    let name = safe(&loaded.origin.id());
    let out = |ending: &str| args.out.clone().unwrap_or_else(|| format!("{name}{ending}").into());
    let mut page = output::page();
    match args.to {
        FormatName::Onnx => {
            let path = out(".onnx");
            inputs.check(&path, Kind::Onnx, args.force).map_err(super::unwritable(&path))?;
            let parameters = parameters(context, args, &network, file)?;
            onnx::write::write(&network, parameters.as_ref(), &path).map_err(Failure::because)?;
            if parameters.is_none() {
                context.say("without weights: they are inputs of the graph (`--weights`, `--pretrained`, or `--seed` to draw some)");
            }
            page.line(&path.display().to_string())?;
        }
        FormatName::Pytorch => {
            let folder = out("-pytorch");
            inputs.spare_folder(&folder).map_err(super::unwritable(&folder))?;
            if let Some(there) = pytorch::files().map(|name| folder.join(name)).find(|path| path.exists())
                && !args.force
            {
                return Err(Failure::Message(format!("{} is there already; `--force` replaces it", there.display())));
            }
            let parameters = parameters(context, args, &network, file)?;
            let told = Told {
                architecture: &context.library.resolved(&loaded.origin, &context.common.sets)?,
                recipe: &Recipe::new(&loaded.architecture.train).given(),
            };
            let written = pytorch::write(&network, parameters.as_ref(), told, &folder).map_err(Failure::because)?;
            if parameters.is_none() {
                context.say("without weights (`--weights`, `--pretrained`, or `--seed` to draw some)");
            }
            written.iter().try_for_each(|path| page.line(&path.display().to_string()))?;
        }
    }
    Ok(())
}

/// The parameters that go with the network, if any do.
fn parameters(
    context: &Context,
    args: &ExportArgs,
    network: &Graph,
    file: Option<PathBuf>,
) -> Result<Option<Compiled>, Failure> {
    let seed = args.seed.unwrap_or(0);
    Ok(match file {
        Some(path) => {
            let rules = args.names.rules()?;
            let read = weights::read_by(network, &path, args.trained.rest(seed), rules.as_ref());
            let read = read.map_err(Failure::weights)?;
            args.trained.say_parts(context, &read);
            Some(read.compiled)
        }
        None => args.seed.map(|seed| Compiled::initialised(network, Init::Kaiming, seed)),
    })
}
