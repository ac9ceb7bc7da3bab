//! `convlens check FILE...`: whether files are sound, and whether networks keep to their budgets.

use std::ops::ControlFlow;
use std::path::Path;

use clap::Args;
use serde_json::{Value, json};

use super::budget::BudgetArgs;
use super::{Context, Failure, Format, output};
use crate::graph::budget::{Gauge, gauges};
use crate::graph::figures::grouped;
use crate::graph::{self, Graph};
use crate::report::{Cell, Column, Table};
use crate::run::measure;
use crate::spec::problem::Diagnostic;
use crate::spec::{LoadError, Loaded};

/// A budget in a file, `budget: {params: 20M, macs: 5G, train_memory: 16GB, batch: 32, field: 100..224, ms: 150}`, is looked at too;
/// what is said here goes before it.
#[derive(Args)]
pub struct CheckArgs {
    /// Files, folders (their .yaml files), ids, or `-` for standard input
    #[arg(required = true)]
    files: Vec<String>,
    #[command(flatten)]
    budget: BudgetArgs,
}

/// What one file came to.
struct Checked {
    file: String,
    result: Result<(Graph, Vec<Judged>), LoadError>,
}

/// An allowance that was looked at.
struct Judged {
    key: &'static str,
    taken: f64,
    least: Option<f64>,
    most: Option<f64>,
    /// By how much it is out.
    over: Option<String>,
    costs: Option<String>,
    way: Option<String>,
}

impl From<Gauge> for Judged {
    fn from(gauge: Gauge) -> Judged {
        let float = |count: Option<u64>| count.map(|count| count as f64);
        Judged {
            key: gauge.measure.key(),
            taken: gauge.taken as f64,
            least: float(gauge.allowed.least),
            most: float(gauge.allowed.most),
            over: gauge.sentence(),
            costs: gauge.costs_in_words(),
            way: gauge.way,
        }
    }
}

impl Judged {
    fn json(&self) -> Value {
        // Counts are whole, for programs too; only what was measured is not.
        let number = |value: f64| if self.key == "ms" { json!(value) } else { json!(value as u64) };
        let (least, most) = (self.least.map(number), self.most.map(number));
        json!({"key": self.key, "taken": number(self.taken), "least": least, "most": most, "ok": self.over.is_none(),
            "message": self.over, "costs": self.costs, "way": self.way})
    }

    /// What is wrong, where most of it goes, and what would help.
    fn lines(&self) -> Vec<String> {
        let Some(over) = &self.over else { return Vec::new() };
        let more = [self.costs.as_ref().map(|costs| format!("most of it: {costs}")), self.way.clone()];
        std::iter::once(format!("{}: {over}", self.key)).chain(more.into_iter().flatten()).collect()
    }
}

impl Checked {
    fn is_over(&self) -> bool {
        self.result.as_ref().is_ok_and(|(_, judged)| judged.iter().any(|own| own.over.is_some()))
    }
}

pub fn run(context: &Context, args: &CheckArgs) -> Result<(), Failure> {
    let mut bad = false;
    let mut all = Vec::new();
    for file in files(&args.files)? {
        let checked = check(context, args, file)?;
        bad |= checked.result.is_err() || checked.is_over();
        match context.common.format {
            Format::Table | Format::Jsonl => tell(context, &checked)?,
            Format::Github => annotate(&checked)?,
            _ => {}
        }
        all.push(checked);
    }
    if !matches!(context.common.format, Format::Table | Format::Jsonl | Format::Github) {
        let columns = [
            Column::words("file"),
            Column::words("result"),
            Column::number("layers"),
            Column::number("params"),
            Column::words("problems"),
        ];
        let results: Vec<Value> = all.iter().map(json_of).collect();
        output::print(context, &Table::new(columns, all.iter().map(row)), || json!({"files": results}), &[])?;
    }
    if bad { Err(Failure::Said) } else { Ok(()) }
}

/// Folders as their files.
fn files(named: &[String]) -> Result<Vec<String>, Failure> {
    let mut files = Vec::new();
    for name in named {
        if !Path::new(name).is_dir() {
            files.push(name.clone());
            continue;
        }
        let unreadable = |error| Failure::Message(format!("cannot read {name}: {}", crate::files::reason(&error)));
        let mut found = Vec::new();
        for entry in std::fs::read_dir(name).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            let is_yaml = path.extension().is_some_and(|own| own == "yaml" || own == "yml");
            found.extend((is_yaml && path.is_file()).then(|| path.display().to_string()));
        }
        if found.is_empty() {
            return Err(Failure::Message(format!("there is no .yaml file in {name}")));
        }
        found.sort();
        files.append(&mut found);
    }
    Ok(files)
}

fn check(context: &Context, args: &CheckArgs, file: String) -> Result<Checked, Failure> {
    let load = |sets: &[(String, String)]| context.library.load(&file, sets);
    let loaded = context.load(&file);
    let analysed = |loaded: Loaded| {
        let network = graph::analyse(&loaded).map_err(LoadError::Invalid)?;
        Ok((loaded, network))
    };
    let (loaded, network) = match loaded.and_then(analysed) {
        Ok(sound) => sound,
        Err(error) => return Ok(Checked { file, result: Err(error) }),
    };
    context.warn(&network);
    let said = args.budget.said();
    let budget = said.over(loaded.architecture.budget);
    let at = |height: u64, width: u64| {
        let input = format!("[{},{height},{width}]", network.architecture.input.channels);
        let sets = [&context.common.sets[..], &[("input".to_string(), input)]].concat();
        graph::analyse(&load(&sets).ok()?).ok()
    };
    let explained = gauges(&network, &budget).into_iter().map(|own| own.explained(&network, &at));
    let mut judged: Vec<Judged> = explained.map(Judged::from).collect();
    if let Some(most) = budget.ms {
        judged.push(timed(&network, most)?);
    }
    Ok(Checked { file, result: Ok((network, judged)) })
}

/// The median of some forward runs.
fn timed(network: &Graph, most: f64) -> Result<Judged, Failure> {
    const RUNS: usize = 5;
    measure::check_memory(&[network], 1).map_err(Failure::because)?;
    let times = measure::interleaved(&[network], 1, RUNS, 0, |_| ControlFlow::Continue(())).unwrap_or_default();
    let timing = times.into_iter().next().unwrap_or_default();
    let taken = timing.median.as_secs_f64() * 1e3;
    let is_over = taken > most;
    let mut layers: Vec<(&str, f64)> = (network.layers.iter().zip(&timing.layers))
        .map(|(layer, time)| (layer.name.as_str(), time.as_secs_f64() * 1e3))
        .collect();
    layers.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    let costs = layers.iter().take(3).map(|(name, ms)| format!("{name} {ms:.1} ms")).collect::<Vec<_>>().join(", ");
    Ok(Judged {
        key: "ms",
        taken,
        least: None,
        most: Some(most),
        over: is_over.then(|| format!("{taken:.1} ms of {most} allowed: {:.1} ms too many", taken - most)),
        costs: is_over.then_some(costs),
        way: None,
    })
}

/// For a person at a terminal; with `--quiet` only what is wrong.
fn tell(context: &Context, checked: &Checked) -> Result<(), Failure> {
    let file = &checked.file;
    match &checked.result {
        Ok((network, judged)) if !checked.is_over() => {
            if !context.common.quiet {
                let kept = if judged.is_empty() { "" } else { ", within its budget" };
                let (layers, params) = (network.totals.layers, grouped(network.totals.params));
                output::page().line(&format!("{file}: ok, {layers} layers, {params} parameters{kept}"))?;
            }
        }
        Ok((_, judged)) => {
            let mut page = output::page();
            page.line(&format!("{file}: over its budget"))?;
            for own in judged {
                let lines = own.lines();
                for (at, line) in lines.iter().enumerate() {
                    page.line(&format!("  {}{line}", if at > 0 { "  " } else { "" }))?;
                }
            }
        }
        Err(error) => {
            if let LoadError::Invalid(report) = error {
                let count = report.count();
                output::page().line(&format!("{file}: {count} problem{}", if count == 1 { "" } else { "s" }))?;
            }
            context.say_problem(error);
        }
    }
    Ok(())
}

/// As GitHub's workflow commands put it beside the lines of a change.
fn annotate(checked: &Checked) -> Result<(), Failure> {
    // docs.github.com, "Workflow commands": what is escaped in messages, and more in properties.
    let message = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |text: &str| message(text).replace(':', "%3A").replace(',', "%2C");
    let mut page = output::page();
    match &checked.result {
        Ok((_, judged)) => {
            for own in judged.iter().filter(|own| own.over.is_some()) {
                let text = message(&own.lines().join("\n"));
                page.line(&format!("::error file={},title=over budget::{text}", property(&checked.file)))?;
            }
        }
        Err(LoadError::Invalid(report)) => {
            for own in &report.diagnostics {
                let place = format!("line={},col={}", own.place.line, own.place.column);
                let expected = if own.expected.is_empty() { String::new() } else { format!("; {}", own.expected) };
                let help = own.help.as_ref().map_or_else(String::new, |help| format!("; {help}"));
                let text = message(&format!("{}{expected}{help}", own.message));
                page.line(&format!("::error file={},{place}::{text}", property(&own.file)))?;
            }
        }
        Err(other) => {
            page.line(&format!("::error file={}::{}", property(&checked.file), message(&other.to_string())))?;
        }
    }
    Ok(())
}

fn row(checked: &Checked) -> Vec<Cell> {
    let file = checked.file.as_str();
    match &checked.result {
        Ok((network, judged)) => {
            let over: Vec<String> = judged.iter().flat_map(Judged::lines).collect();
            let result = if over.is_empty() { "ok" } else { "over" };
            let problems = if over.is_empty() { Cell::Blank } else { over.join("; ").into() };
            let totals = network.totals;
            vec![file.into(), result.into(), Cell::count(totals.layers), Cell::count(totals.params), problems]
        }
        Err(error) => vec![file.into(), "bad".into(), Cell::Blank, Cell::Blank, error.to_string().into()],
    }
}

fn json_of(checked: &Checked) -> Value {
    let file = &checked.file;
    match &checked.result {
        Ok((network, judged)) => {
            let budget: Vec<Value> = judged.iter().map(Judged::json).collect();
            let totals = network.totals;
            json!({"file": file, "ok": !checked.is_over(), "params": totals.params, "macs": totals.macs, "problems": [],
                "budget": budget})
        }
        Err(error) => json!({"file": file, "ok": false, "problems": problems(file, error)}),
    }
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
