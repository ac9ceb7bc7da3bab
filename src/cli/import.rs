//! `convlens import FILE.onnx`: a network of others as an architecture file and weights. And what other commands do with such a
//! file.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{Context, Failure, output};
use crate::exchange::onnx::read::{self, Imported};
use crate::exchange::weights;
use crate::files::name::safe;
use crate::files::{self, Kind};
use crate::graph;
use crate::spec::{LoadError, Loaded, Origin};
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

/// Whether a command's architecture is such a file.
pub fn is_onnx(path: &Path) -> bool {
    path.extension().is_some_and(|own| own.eq_ignore_ascii_case("onnx"))
}

/// Refuses such a file where an architecture is read again later.
pub fn refuse(name: &str) -> Result<(), Failure> {
    match is_onnx(Path::new(name)) {
        true => Err(Failure::Message(format!(
            "a run keeps its architecture file: `convlens import {name}` makes one, and its weights for `--weights`"
        ))),
        false => Ok(()),
    }
}

/// The sizes that `--set input=[3,32,32]` gives.
fn sizes(context: &Context) -> Option<[u64; 3]> {
    let (_, value) = context.common.sets.iter().rev().find(|(key, _)| key == "input")?;
    let inside = value.trim().strip_prefix('[')?.strip_suffix(']')?;
    let sizes: Vec<u64> = inside.split(',').map(|size| size.trim().parse().ok()).collect::<Option<_>>()?;
    sizes.try_into().ok()
}

/// The architecture that an .onnx file says, and what was read of it.
pub fn opened(context: &Context, path: &Path, partial: bool) -> Result<(Loaded, Imported), LoadError> {
    let foreign = |error: read::OnnxReadError| LoadError::Foreign {
        path: visible(&path.display().to_string()).into_owned(),
        reason: error.to_string(),
    };
    let imported = read::open(path, sizes(context), partial).map_err(foreign)?;
    let origin = Origin::File(path.to_path_buf());
    let loaded = context.library.load_text(&origin, imported.text.clone(), &context.common.sets)?;
    Ok((loaded, imported))
}

pub fn run(context: &Context, args: &ImportArgs) -> Result<(), Failure> {
    let (loaded, imported) = opened(context, &args.file, args.partial)?;
    let network = graph::analyse(&loaded).map_err(LoadError::Invalid)?;
    context.warn(&network);
    let stem = args.file.file_stem().map_or_else(|| "network".to_string(), |stem| stem.to_string_lossy().into_owned());
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
        context.say(&format!("left out:\n{}", read::lines(&imported.left_out)));
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
