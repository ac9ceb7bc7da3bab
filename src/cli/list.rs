//! `convlens list`.

use rayon::prelude::*;
use serde_json::json;

use super::output::{self, Rows};
use super::{Context, Failure};
use crate::graph;
use crate::graph::figures::grouped;
use crate::spec::LoadError;

pub fn run(context: &Context) -> Result<(), Failure> {
    let mut rows = Vec::new();
    let mut items = Vec::new();
    let origins = context.library.list();
    // Side by side, so that one that takes long does not delay the others.
    let networks: Vec<_> = (origins.par_iter())
        .map(|origin| {
            let loaded = context.library.load_listed(origin, origin.read()?, &context.common.sets)?;
            graph::analyse(&loaded).map_err(LoadError::Invalid)
        })
        .collect();
    for (origin, network) in origins.iter().zip(networks) {
        let id = origin.id();
        match network {
            Ok(network) => {
                let architecture = &network.architecture;
                let totals = network.totals;
                rows.push(vec![
                    id.clone(),
                    architecture.aliases.join(" "),
                    grouped(totals.params),
                    grouped(totals.macs),
                    totals.weight_layers.to_string(),
                    architecture.summary.clone().unwrap_or_default(),
                ]);
                items.push(json!({"id": id, "name": architecture.name, "aliases": architecture.aliases,
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
    let headers =
        vec![("id", false), ("alias", false), ("params", true), ("MACs", true), ("layers", true), ("summary", false)];
    output::print(context, &Rows { headers, rows }, || json!({"architectures": items}), &[])
}
