//! `convlens check FILE...`.

use std::io::Write;

use serde_json::json;

use super::{Context, Failure, Format, output};
use crate::model;
use crate::model::figures::grouped;
use crate::spec::LoadError;

pub fn run(context: &Context, files: &[String]) -> Result<(), Failure> {
    let mut bad = false;
    let mut results = Vec::new();
    let mut stdout = std::io::stdout().lock();
    for file in files {
        let network = context.load(file).and_then(|loaded| model::analyse(&loaded).map_err(LoadError::Invalid));
        match network {
            Ok(network) => {
                let totals = network.totals;
                if context.common.format == Format::Json {
                    results.push(
                        json!({"file": file, "ok": true, "params": totals.params, "macs": totals.macs, "problems": []}),
                    );
                } else {
                    writeln!(stdout, "{file}: ok, {} layers, {} parameters", totals.layers, grouped(totals.params))?;
                }
            }
            Err(error) => {
                bad = true;
                let problems = match &error {
                    LoadError::Invalid(report) => report
                        .diagnostics
                        .iter()
                        .map(|diagnostic| {
                            json!({
                        "file": diagnostic.file, "line": diagnostic.place.line, "column": diagnostic.place.column,
                        "path": diagnostic.place.path, "message": diagnostic.message,
                        "expected": diagnostic.expected, "help": diagnostic.help})
                        })
                        .collect(),
                    other => vec![json!({"file": file, "message": other.to_string()})],
                };
                if context.common.format == Format::Json {
                    results.push(json!({"file": file, "ok": false, "problems": problems}));
                } else {
                    match &error {
                        LoadError::Invalid(report) => {
                            let count = report.count();
                            writeln!(stdout, "{file}: {count} problem{}", if count == 1 { "" } else { "s" })?;
                            let text = output::render(report, context.colours(&std::io::stderr()));
                            writeln!(std::io::stderr(), "{text}")?;
                        }
                        other => writeln!(std::io::stderr(), "error: {other}")?,
                    }
                }
            }
        }
    }
    if context.common.format == Format::Json {
        let text = serde_json::to_string_pretty(&json!({"files": results}))
            .map_err(|error| Failure::Message(error.to_string()))?;
        writeln!(stdout, "{text}")?;
    }
    if bad { Err(Failure::Said) } else { Ok(()) }
}
