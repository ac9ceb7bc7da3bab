//! `convlens export ARCH --to FORMAT`: the network handed to others.

mod drawing;

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::trained::{Names, Trained};
use super::{Context, Failure, output};
use crate::exchange::drawing::Format;
use crate::exchange::pytorch::{self, Told};
use crate::exchange::{onnx, weights};
use crate::files::name::safe;
use crate::files::{Inputs, Kind};
use crate::graph::{self, Graph};
use crate::network::Compiled;
use crate::network::init::Init;
use crate::run::train::Recipe;
use crate::spec::{LoadError, Loaded};
use drawing::ShadeName;

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
    /// What colours say, in dot, svg and html [kind]
    #[arg(long, value_enum, value_name = "WHAT")]
    shade: Option<ShadeName>,
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
    /// For Graphviz: blocks as clusters
    Dot,
    /// A picture
    Svg,
    /// Tables for a paper: as the VGG and ResNet papers' Table 1, and all numbers
    Latex,
    /// A page that stands alone: the picture, charts, every number with its working
    Html,
}

pub fn run(context: &Context, args: &ExportArgs) -> Result<(), Failure> {
    match args.to {
        FormatName::Onnx => to_onnx(context, args),
        FormatName::Pytorch => to_pytorch(context, args),
        FormatName::Dot => drawing::draw(context, args, Format::Dot),
        FormatName::Svg => drawing::draw(context, args, Format::Svg),
        FormatName::Latex => drawing::draw(context, args, Format::Latex),
        FormatName::Html => drawing::draw(context, args, Format::Html),
    }
}

/// What both kinds of networks to be run begin with.
struct Begun {
    loaded: Loaded,
    network: Graph,
    inputs: Inputs,
    /// The weights that were asked for.
    file: Option<PathBuf>,
}

impl Begun {
    fn new(context: &Context, args: &ExportArgs) -> Result<Begun, Failure> {
        if args.shade.is_some() {
            return Err(Failure::Message("`--shade` is for pictures: `--to dot`, `svg` or `html`".into()));
        }
        if args.seed.is_some() && args.trained.is_given() && !args.trained.partial {
            return Err(Failure::Message("`--seed` has nothing to draw: weights are given".into()));
        }
        let loaded = context.load(&args.arch)?;
        let network = graph::analyse(&loaded).map_err(LoadError::Invalid)?;
        context.warn(&network);
        let mut inputs = super::inputs_of(&loaded);
        let file = args.trained.file_of(context, &loaded, &network)?;
        file.iter().for_each(|path| inputs.add(path, "the weights"));
        Ok(Begun { loaded, network, inputs, file })
    }

    fn out(&self, args: &ExportArgs, ending: &str) -> PathBuf {
        args.out.clone().unwrap_or_else(|| format!("{}{ending}", safe(&self.loaded.origin.id())).into())
    }
}

fn to_onnx(context: &Context, args: &ExportArgs) -> Result<(), Failure> {
    let begun = Begun::new(context, args)?;
    let path = begun.out(args, ".onnx");
    begun.inputs.check(&path, Kind::Onnx, args.force).map_err(super::unwritable(&path))?;
    let parameters = parameters(context, args, &begun)?;
    onnx::write::write(&begun.network, parameters.as_ref(), &path).map_err(Failure::because)?;
    if parameters.is_none() {
        context.say(
            "without weights: they are inputs of the graph (`--weights`, `--pretrained`, or `--seed` to draw some)",
        );
    }
    Ok(output::page().line(&path.display().to_string())?)
}

fn to_pytorch(context: &Context, args: &ExportArgs) -> Result<(), Failure> {
    let begun = Begun::new(context, args)?;
    let folder = begun.out(args, "-pytorch");
    begun.inputs.spare_folder(&folder).map_err(super::unwritable(&folder))?;
    if let Some(there) = pytorch::files().map(|name| folder.join(name)).find(|path| path.exists())
        && !args.force
    {
        return Err(Failure::Message(format!("{} is there already; `--force` replaces it", there.display())));
    }
    let parameters = parameters(context, args, &begun)?;
    let told = Told {
        architecture: &context.library.resolved(&begun.loaded.origin, &context.common.sets)?,
        recipe: &Recipe::new(&begun.loaded.architecture.train).given(),
    };
    let written = pytorch::write(&begun.network, parameters.as_ref(), told, &folder).map_err(Failure::because)?;
    if parameters.is_none() {
        context.say("without weights (`--weights`, `--pretrained`, or `--seed` to draw some)");
    }
    let mut page = output::page();
    Ok(written.iter().try_for_each(|path| page.line(&path.display().to_string()))?)
}

/// The parameters that go with the network, if any do.
fn parameters(context: &Context, args: &ExportArgs, begun: &Begun) -> Result<Option<Compiled>, Failure> {
    let (network, seed) = (&begun.network, args.seed.unwrap_or(0));
    Ok(match &begun.file {
        Some(path) => {
            let rules = args.names.rules()?;
            let read = weights::read_by(network, path, args.trained.rest(seed), rules.as_ref());
            let read = read.map_err(Failure::weights)?;
            args.trained.say_parts(context, &read);
            Some(read.compiled)
        }
        None => args.seed.map(|seed| Compiled::initialised(network, Init::Kaiming, seed)),
    })
}
