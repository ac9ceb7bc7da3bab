//! `convlens check FILE...`.

use serde_json::{Value, json};

use super::output;
use super::{Context, Failure, Format};
use crate::graph;
use crate::graph::figures::grouped;
use crate::report::{Cell, Column, Table};
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
                    file.as_str().into(),
                    "ok".into(),
                    Cell::count(totals.layers),
                    Cell::count(totals.params),
                    Cell::Blank,
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
                rows.push(vec![file.as_str().into(), "bad".into(), Cell::Blank, Cell::Blank, error.to_string().into()]);
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
        let columns = [
            Column::words("file"),
            Column::words("result"),
            Column::number("layers"),
            Column::number("params"),
            Column::words("problems"),
        ];
        output::print(context, &Table::new(columns, rows), || json!({"files": results}), &[])?;
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
