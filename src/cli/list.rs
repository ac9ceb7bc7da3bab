//! `convlens list`.

use rayon::prelude::*;
use serde_json::json;

use super::output;
use super::{Context, Failure};
use crate::graph;
use crate::report::{Cell, Column, Table};
use crate::spec::LoadError;

pub fn run(context: &Context) -> Result<(), Failure> {
    let mut rows = Vec::new();
    let mut items = Vec::new();
    let origins = context.library.list();
    // Side by side, so that one that takes long does not delay the others.
    let networks: Vec<_> = (origins.par_iter())
        .map(|origin| {
            let loaded = context.library.load_listed(
                origin,
                origin.read_quickly(&context.common.sets)?,
                &context.common.sets,
            )?;
            graph::analyse(&loaded).map_err(LoadError::Invalid)
        })
        .collect();
    // Those of a family together, families in the order in which they come; what has none comes last.
    let mut found: Vec<_> = origins.iter().zip(networks).collect();
    let family = |network: &Result<graph::Graph, LoadError>| {
        network.as_ref().ok().and_then(|network| network.architecture.family.clone())
    };
    let mut families: Vec<String> = Vec::new();
    for family in found.iter().filter_map(|(_, network)| family(network)) {
        if !families.contains(&family) {
            families.push(family);
        }
    }
    found.sort_by_key(|(_, network)| {
        family(network).and_then(|own| families.iter().position(|family| *family == own)).unwrap_or(usize::MAX)
    });
    for (origin, network) in found {
        let id = origin.id();
        match network {
            Ok(network) => {
                let architecture = &network.architecture;
                let totals = network.totals;
                rows.push(vec![
                    architecture.family.clone().unwrap_or_default().into(),
                    id.as_str().into(),
                    architecture.aliases.join(" ").into(),
                    Cell::count(totals.params),
                    Cell::count(totals.macs),
                    Cell::count(totals.weight_layers),
                    architecture.summary.clone().unwrap_or_default().into(),
                ]);
                items.push(json!({"id": id, "name": architecture.name, "aliases": architecture.aliases,
                    "family": architecture.family,
                    "summary": architecture.summary, "source": architecture.source, "file": origin.display(),
                    "params": totals.params, "macs": totals.macs, "weight_layers": totals.weight_layers}));
            }
            Err(error) => {
                context.say(&match &error {
                    LoadError::Invalid(_) if !context.common.sets.is_empty() => {
                        format!("{}: has problems with what `--set` changes", origin.display())
                    }
                    LoadError::Invalid(_) => format!("{}: has problems; `convlens check` shows them", origin.display()),
                    other => other.to_string(),
                });
                items.push(json!({"id": id, "file": origin.display(), "error": error.to_string()}));
            }
        }
    }
    let columns = [
        Column::words("family"),
        Column::words("id"),
        Column::words("alias"),
        Column::number("params"),
        Column::number("MACs"),
        Column::number("layers"),
        Column::words("summary"),
    ];
    output::print(context, &Table::new(columns, rows), || json!({"architectures": items}), &[])
}
