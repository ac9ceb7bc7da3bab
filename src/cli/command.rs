//! The commands as clap has them, and what they have in common: of the flags that all share each shows those that it understands,
//! and the shell completes names wherever one is meant.

use clap::{Arg, Command, CommandFactory, FromArgMatches};

use super::completing;
use super::{Cli, Format};

/// Flags of an architecture, which a command that reads none has no use for.
const OF_ARCHITECTURES: [&str; 2] = ["dir", "sets"];
/// Commands that read no architecture.
const READ_NONE: [&str; 7] = ["kernels", "runs", "kinds", "keys", "completions", "schema", "man"];
/// Commands that print no table.
const PRINT_NONE: [&str; 6] = ["explore", "export", "import", "completions", "schema", "man"];

/// Whether a command, by the first word of its name, reads no architecture.
pub fn reads_none(name: &str) -> bool {
    READ_NONE.contains(&first(name))
}

/// Whether a command prints no table.
pub fn prints_none(name: &str) -> bool {
    PRINT_NONE.contains(&first(name))
}

fn first(name: &str) -> &str {
    name.split(' ').next().unwrap_or(name)
}

/// The whole command line.
pub fn command() -> Command {
    // Behind a command's own flags.
    let behind = ["dir", "sets", "format", "color", "quiet", "verbose"];
    let mut command = Cli::command();
    for (at, id) in behind.into_iter().enumerate() {
        command = command.mut_arg(id, |arg| arg.display_order(1000 + at));
    }
    let shared: Vec<Arg> = command.get_arguments().filter(|arg| arg.is_global_set()).cloned().collect();
    completing::with_names(command).mut_subcommands(|own| fitted(own, &shared))
}

/// What was typed, and the names of the command and of the one in it: `runs show`.
pub fn parse_from(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> Result<(Cli, String), clap::Error> {
    let mut command = command();
    let mut matches = command.try_get_matches_from_mut(arguments)?;
    let (mut names, mut inside) = (Vec::new(), &matches);
    while let Some((name, own)) = inside.subcommand() {
        names.push(name.to_string());
        inside = own;
    }
    let cli = Cli::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))?;
    Ok((cli, names.join(" ")))
}

/// A flag that is said at a command itself goes before the one that all share: it is read the same, and shown as fits here.
fn fitted(own: Command, shared: &[Arg]) -> Command {
    let name = own.get_name().to_string();
    // Whatever reads a file reads what arrives, too; the explorer's keys come from there.
    let reads = |id: &str| matches!(id, "arch" | "archs" | "before" | "after") && name != "explore";
    let dash = |arg: Arg| {
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        arg.help(format!("{help}; `-` is standard input"))
    };
    let mut own = own.mut_args(|arg| if reads(arg.get_id().as_str()) { dash(arg) } else { arg });
    for arg in shared {
        let id = arg.get_id().as_str();
        let is_vain = OF_ARCHITECTURES.contains(&id) && reads_none(&name) || id == "format" && prints_none(&name);
        if is_vain {
            own = own.arg(arg.clone().hide(true));
        } else if let Some((format, words)) = only_here(&name).filter(|_| id == "format") {
            let also =
                clap::ValueEnum::to_possible_value(&format).map_or_else(String::new, |own| own.get_name().into());
            own = own.arg(arg.clone().help(format!("How tables are printed; `{also}`: {words}")));
        }
    }
    own
}

/// A format that one command alone prints.
fn only_here(name: &str) -> Option<(Format, &'static str)> {
    match name {
        "train" => Some((Format::Jsonl, "one event a line, as it comes")),
        "field" => Some((Format::Png, "a picture")),
        "check" => Some((Format::Github, "annotations of a workflow")),
        _ => None,
    }
}
