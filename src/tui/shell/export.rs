//! The selected network as a picture, a page or tables, in a file.

use std::path::Path;
use std::sync::Arc;

use super::msg::{Spawn, Task};
use super::state::State;
use crate::exchange::drawing::{self, Format, Shade};
use crate::files::Inputs;
use crate::files::name::safe;
use crate::graph::Graph;
use crate::spec::Origin;
use crate::tui::work::{Done, Lane};

/// What the path begins with that is asked for; nothing where there is no network to write.
pub fn proposed(state: &State) -> Option<String> {
    let entry = state.entry().filter(|entry| entry.network().is_some())?;
    Some(format!("{}{}", safe(&entry.id), Format::Svg.ending()))
}

/// Has it written to a path whose ending says as what; the error says what would do.
pub fn to(state: &State, text: &str) -> Result<Vec<Task>, String> {
    if text.is_empty() {
        return Err("expected a file's name".into());
    }
    let path = state.expanded(text);
    let Some(format) = Format::of(&path) else {
        return Err("expected a name that ends in .svg, .html, .tex (LaTeX) or .dot (Graphviz)".into());
    };
    let entry = state.entry().ok_or("nothing is selected")?;
    let network = Arc::clone(entry.shared_network().ok_or("its file has problems")?);
    let origin = entry.origin.clone();
    let job =
        Box::new(move |_: &crate::tui::work::Cancel, outlet: &crate::tui::work::Outlet<crate::tui::screens::News>| {
            outlet.tell(write(&network, &origin, format, &path)?);
            Ok(Done::Silent)
        });
    Ok(vec![Task::Spawn(Spawn { of: None, lane: Lane::Work, what: "exporting", job })])
}

/// Does it. What was read is not written over, nor a file of another kind.
fn write(network: &Graph, origin: &Origin, format: Format, path: &Path) -> Result<String, String> {
    let mut inputs = Inputs::default();
    if let Origin::File(own) | Origin::Foreign(own) = origin {
        inputs.add(own, "the architecture");
    }
    inputs.check(path, format.kind(), false).map_err(|why| format!("cannot write {}: {why}", path.display()))?;
    drawing::write(network, format, &Shade::Kind, path).map_err(|reason| reason.to_string())?;
    Ok(format!("Wrote {}", path.display()))
}
