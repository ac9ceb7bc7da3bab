//! `convlens man`: pages for `man`, one for the program and one for each command.

use std::path::PathBuf;

use clap::{Args, Command};
use clap_mangen::Man;

use super::command::command;
use super::{Failure, output};
use crate::files::{Inputs, Kind, write};

#[derive(Args)]
pub struct ManArgs {
    /// The page of this command, such as `show`; the program's own without it
    page: Option<String>,
    /// Write all pages to this folder: convlens.1, convlens-show.1, …
    #[arg(long, value_name = "DIR", conflicts_with = "page")]
    out: Option<PathBuf>,
    /// Replace files of another kind
    #[arg(long, requires = "out")]
    force: bool,
}

/// What our pages begin with, by which they are told from others'.
const MARK: &str = ".\\\" convlens\n";

pub fn run(args: &ManArgs) -> Result<(), Failure> {
    let mut whole = command().disable_help_subcommand(true);
    whole.build();
    let Some(folder) = &args.out else {
        let named = |page: &String| {
            // `runs show` as `man` would have it, or as one types it.
            let wanted = format!("convlens-{}", page.replace(' ', "-"));
            let none = || Failure::Message(format!("there is no command `{page}`; `convlens --help` lists them"));
            pages(&whole).into_iter().find(|(name, _)| *name == wanted).map(|(_, own)| own).ok_or_else(none)
        };
        let own = args.page.as_ref().map_or_else(|| Ok(whole.clone()), named)?;
        return Ok(output::write_bytes(rendered(own)?.as_bytes())?);
    };
    Inputs::default().spare_folder(folder).map_err(super::unwritable(folder))?;
    std::fs::create_dir_all(folder).map_err(|error| {
        Failure::Message(format!("cannot write {}: {}", folder.display(), crate::files::reason(&error)))
    })?;
    let pages = pages(&whole);
    let kind = Kind::Text { ending: ".1", begins: MARK };
    for (name, _) in &pages {
        let path = folder.join(format!("{name}.1"));
        Inputs::default().check(&path, kind, args.force).map_err(super::unwritable(&path))?;
    }
    for (name, own) in pages {
        let path = folder.join(format!("{name}.1"));
        let text = rendered(own)?;
        write::write_text(&path, &text).map_err(|error| {
            Failure::Message(format!("cannot write {}: {}", path.display(), crate::files::reason(&error)))
        })?;
        output::page().line(&path.display().to_string())?;
    }
    Ok(())
}

/// A command and all in it, by their pages' names.
fn pages(own: &Command) -> Vec<(String, Command)> {
    let name = own.get_display_name().unwrap_or(own.get_name()).to_string();
    let inside = own.get_subcommands().filter(|own| own.get_name() != "help").flat_map(pages);
    std::iter::once((name, own.clone())).chain(inside).collect()
}

fn rendered(own: Command) -> Result<String, Failure> {
    let mut bytes = MARK.as_bytes().to_vec();
    let version = env!("CARGO_PKG_VERSION");
    // Built, a command goes by its whole name: convlens-show.
    let man = Man::new(own.version(version)).manual("convlens");
    man.render(&mut bytes)?;
    String::from_utf8(bytes).map_err(Failure::because)
}
