//! `convlens import FILE.onnx`: a network of others as an architecture file and weights.

use std::path::PathBuf;

use clap::Args;

use super::{Context, Failure, output};
use crate::exchange::onnx::read;
use crate::exchange::weights;
use crate::files::name::safe;
use crate::files::{self, Kind};
use crate::graph;
use crate::spec::foreign::sizes;
use crate::spec::{LoadError, Origin};
use crate::visible::visible;

#[derive(Args)]
pub struct ImportArgs {
    /// The .onnx file
    file: PathBuf,
    /// The folder to write NAME.yaml and NAME.safetensors to
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// Pass by the nodes that no layer says
    #[arg(long)]
    partial: bool,
    /// Replace files that are there
    #[arg(long)]
    force: bool,
}

pub fn run(context: &Context, args: &ImportArgs) -> Result<(), Failure> {
    let foreign = |error: read::OnnxReadError| LoadError::Foreign {
        path: visible(&args.file.display().to_string()).into_owned(),
        reason: error.to_string(),
    };
    let imported = read::open(&args.file, sizes(&context.common.sets), args.partial).map_err(foreign)?;
    let origin = Origin::Foreign(args.file.clone());
    let loaded = context.library.load_text(&origin, imported.text.clone(), &context.common.sets)?;
    let network = graph::analyse(&loaded).map_err(LoadError::Invalid)?;
    context.warn(&network);
    let stem = match files::read::is_standard_input(&args.file) {
        true => "stdin".to_string(),
        false => args.file.file_stem().map_or_else(|| "network".into(), |stem| stem.to_string_lossy().into_owned()),
    };
    let at = |ending: &str| args.out.join(format!("{}.{ending}", safe(&stem)));
    let (text, tensors) = (at("yaml"), at("safetensors"));
    let mut inputs = files::Inputs::default();
    inputs.add(&args.file, "the file");
    for path in [&text, &tensors] {
        if std::fs::symlink_metadata(path).is_ok() && !args.force {
            return Err(Failure::Message(format!("{} is there already; `--force` replaces it", path.display())));
        }
        inputs.spare(path).map_err(super::unwritable(path))?;
    }
    std::fs::create_dir_all(&args.out).map_err(|error| {
        Failure::Message(format!("cannot write to {}: {}", args.out.display(), files::reason(&error)))
    })?;
    inputs.check(&tensors, Kind::Safetensors, args.force).map_err(super::unwritable(&tensors))?;
    if !imported.left_out.is_empty() {
        context.say("left out:");
        read::lines(&imported.left_out).lines().for_each(|line| context.say(line));
    }
    if imported.has_weights() {
        let compiled = imported.compiled(&network).map_err(Failure::because)?;
        weights::write(&compiled, Default::default(), &tensors).map_err(Failure::because)?;
    } else {
        context.say("the file holds no weights, only their places");
    }
    let written = files::write::write_text(&text, &imported.text);
    written.map_err(|error| Failure::Message(format!("cannot write {}: {}", text.display(), files::reason(&error))))?;
    let mut page = output::page();
    page.line(&text.display().to_string())?;
    if imported.has_weights() {
        page.line(&tensors.display().to_string())?;
    }
    Ok(())
}
