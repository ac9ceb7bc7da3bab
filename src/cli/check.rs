//! `convlens check FILE...`.

use serde_json::{Value, json};

use super::output::{self, Rows};
use super::{Context, Failure, Format};
use crate::graph;
use crate::graph::figures::grouped;
use crate::spec::LoadError;
use crate::spec::problem::Diagnostic;

pub fn run(context: &Context, files: &[String]) -> Result<(), Failure> {
    let mut bad = false;
    let mut results = Vec::new();
    let mut rows = Vec::new();
    let plain = matches!(context.common.format, Format::Table | Format::Jsonl);
    for file in files {
        let network = context.load(file).and_then(|loaded| graph::analyse(&loaded).map_err(LoadError::Invalid));
        match network {
            Ok(network) => {
                context.warn(&network);
                let totals = network.totals;
                results.push(
                    json!({"file": file, "ok": true, "params": totals.params, "macs": totals.macs, "problems": []}),
                );
                rows.push(vec![
                    file.clone(),
                    "ok".into(),
                    grouped(totals.layers),
                    grouped(totals.params),
                    String::new(),
                ]);
                if plain {
                    output::page().line(&format!(
                        "{file}: ok, {} layers, {} parameters",
                        totals.layers,
                        grouped(totals.params)
                    ))?;
                }
            }
            Err(error) => {
                bad = true;
                let problems = problems(file, &error);
                rows.push(vec![file.clone(), "bad".into(), String::new(), String::new(), error.to_string()]);
                results.push(json!({"file": file, "ok": false, "problems": problems}));
                if plain {
                    if let LoadError::Invalid(report) = &error {
                        let count = report.count();
                        output::page()
                            .line(&format!("{file}: {count} problem{}", if count == 1 { "" } else { "s" }))?;
                    }
                    context.say_failure(&Failure::Load(error));
                }
            }
        }
    }
    if !plain {
        let names = [("file", false), ("result", false), ("layers", true), ("params", true), ("problems", false)];
        let rows = Rows { headers: names.to_vec(), rows };
        output::print(context, &rows, || json!({"files": results}), &[])?;
    }
    if bad { Err(Failure::Said) } else { Ok(()) }
}

fn problems(file: &str, error: &LoadError) -> Vec<Value> {
    let LoadError::Invalid(report) = error else {
        return vec![json!({"file": file, "message": error.to_string()})];
    };
    let of = |diagnostic: &Diagnostic| {
        json!({"file": diagnostic.file, "line": diagnostic.place.line, "column": diagnostic.place.column,
            "path": diagnostic.place.path, "message": diagnostic.message, "expected": diagnostic.expected,
            "help": diagnostic.help})
    };
    report.diagnostics.iter().map(of).collect()
}
