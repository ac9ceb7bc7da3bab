//! What a shell offers where a name is meant: architectures, layers of the one that was named, runs. The shell asks the program
//! itself, so that what was added since is known too.

use std::ffi::OsStr;
use std::io;
use std::path::Path;

use clap::Command;
use clap_complete::Shell;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter};
use clap_complete::env::{CompleteEnv, Shells};

use crate::graph;
use crate::run::runs;
use crate::spec::{Library, Origin, foreign};
use crate::visible::visible;

/// Set by the scripts below where the shell asks.
const VARIABLE: &str = "CONVLENS_COMPLETE";

/// Answers a shell, and ends there; goes on where none asks.
pub fn answer(command: fn() -> Command) {
    if std::env::var_os(VARIABLE).is_some() {
        foreign::read_by(crate::exchange::onnx::read::text);
        CompleteEnv::with_factory(command).var(VARIABLE).bin("convlens").complete();
    }
}

/// The script that makes a shell ask.
pub fn script(shell: Shell) -> io::Result<Vec<u8>> {
    let mut script = Vec::new();
    let shells = Shells::builtins();
    if let Some(own) = shells.completer(&shell.to_string()) {
        own.write_registration(VARIABLE, "convlens", "convlens", "convlens", &mut script)?;
    }
    Ok(script)
}

/// Arguments by what they are called: wherever one is called `arch`, an architecture is meant.
pub fn with_names(command: Command) -> Command {
    let named = command.mut_args(|arg| match arg.get_id().as_str() {
        "arch" | "archs" | "before" | "after" | "files" => arg.add(ArgValueCompleter::new(architectures)),
        "layer" | "freeze" => arg.add(ArgValueCompleter::new(layers)),
        "run" | "runs" => arg.add(ArgValueCompleter::new(run_ids)),
        "page" => arg.add(ArgValueCompleter::new(pages)),
        "resume" => arg.add(ArgValueCompleter::new(run_folders)),
        _ => arg,
    });
    named.mut_subcommands(with_names)
}

fn architectures(current: &OsStr) -> Vec<CompletionCandidate> {
    let library = Library::new(None);
    let origins = library.list();
    let ids = origins.iter().filter_map(|origin| {
        let about = match origin {
            Origin::Bundled(_) => summary(&library, origin),
            _ => Some(origin.display()),
        };
        candidate(origin.id(), &about.unwrap_or_default())
    });
    let is_file = |path: &Path| {
        path.is_dir() || path.extension().is_some_and(|own| own == "yaml" || own == "yml" || own == "onnx")
    };
    let files = PathCompleter::file().filter(is_file).complete(current);
    ids.filter(|own| begins(own, current)).chain(files.into_iter().filter(can_be_typed)).collect()
}

/// Bundled ones are read in no time; a user's file may be anything.
fn summary(library: &Library, origin: &Origin) -> Option<String> {
    library.load_origin(origin, &[]).ok()?.architecture.summary
}

/// A name that can be typed: one with letters that no terminal shows is not offered.
fn candidate(name: String, about: &str) -> Option<CompletionCandidate> {
    Some(CompletionCandidate::new(name).help(Some(visible(about).into_owned().into()))).filter(can_be_typed)
}

fn can_be_typed(own: &CompletionCandidate) -> bool {
    own.get_value().to_str().is_some_and(|name| visible(name) == name)
}

fn begins(own: &CompletionCandidate, current: &OsStr) -> bool {
    current.to_str().is_none_or(|current| own.get_value().to_str().is_some_and(|own| own.starts_with(current)))
}

/// Layers and blocks of the first architecture on the line.
fn layers(current: &OsStr) -> Vec<CompletionCandidate> {
    let library = Library::new(None);
    let words = std::env::args().skip_while(|word| word != "--").skip(2);
    let words: Vec<String> = words.filter(|word| !word.is_empty() && Some(word.as_str()) != current.to_str()).collect();
    let known = |word: &String| library.load(word, &[]).ok().and_then(|loaded| graph::analyse(&loaded).ok());
    let Some(network) = words.iter().find_map(known) else { return Vec::new() };
    let blocks = network.blocks.iter().map(|block| (block.path.clone(), "a block".to_string()));
    let layers = network.layers.iter().map(|layer| (layer.name.clone(), layer.operation.kind().to_string()));
    let all = blocks.chain(layers).filter_map(|(name, about)| candidate(name, &about));
    all.filter(|own| begins(own, current)).collect()
}

fn pages(current: &OsStr) -> Vec<CompletionCandidate> {
    let mut whole = <super::Cli as clap::CommandFactory>::command();
    whole.build();
    let all = whole.get_subcommands().filter_map(|own| {
        candidate(own.get_name().to_string(), &own.get_about().map(ToString::to_string).unwrap_or_default())
    });
    all.filter(|own| begins(own, current)).collect()
}

fn found() -> Vec<runs::Found> {
    runs::list(Path::new(runs::FOLDER))
}

fn run_ids(current: &OsStr) -> Vec<CompletionCandidate> {
    let all = found().into_iter().filter_map(|own| {
        let about = own.status();
        candidate(own.id, about)
    });
    all.filter(|own| begins(own, current)).collect()
}

fn run_folders(current: &OsStr) -> Vec<CompletionCandidate> {
    let unfinished = found().into_iter().filter(|own| !own.is_live && own.status() != "finished");
    let all = unfinished.filter_map(|own| {
        let about = own.status();
        candidate(own.folder.display().to_string(), about)
    });
    let folders = PathCompleter::dir().complete(current);
    all.filter(|own| begins(own, current)).chain(folders.into_iter().filter(can_be_typed)).collect()
}
