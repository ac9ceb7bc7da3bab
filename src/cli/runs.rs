//! `convlens runs`: what training has left behind, listed, looked at, compared and exported.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::output;
use super::{Context, Failure, Format};
use crate::graph::figures::grouped;
use crate::report::{Cell, Column, Table};
use crate::run::runs::history::{self, History};
use crate::run::runs::{self, Found, Summary, tensorboard};
use crate::spec::recipe::RunRecipe;

#[derive(Args)]
pub struct RunsArgs {
    /// The folder with the runs
    #[arg(long = "runs", id = "runs_folder", global = true, value_name = "PATH", default_value = runs::FOLDER)]
    folder: PathBuf,
    #[command(subcommand)]
    command: RunsCommand,
}

#[derive(Subcommand)]
enum RunsCommand {
    /// List the runs, the latest first
    List,
    /// Show a run's epochs, or with `--steps` every step
    Show {
        /// A run's name, or its folder
        run: String,
        /// Every step instead of every epoch
        #[arg(long)]
        steps: bool,
    },
    /// Put runs side by side: their figures, and where their recipes differ
    Compare {
        /// Names or folders
        #[arg(required = true, num_args = 2..)]
        runs: Vec<String>,
    },
    /// Write a run's curves as TensorBoard's event files
    Tensorboard {
        /// A run's name, or its folder
        run: String,
        /// Where to [tensorboard/RUN]
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

impl RunsArgs {
    /// Whether it writes files instead of printing a table.
    pub fn writes_files(&self) -> bool {
        matches!(self.command, RunsCommand::Tensorboard { .. })
    }
}

pub fn run(context: &Context, args: &RunsArgs) -> Result<(), Failure> {
    let find = |name: &str| runs::find(&args.folder, name).map_err(Failure::because);
    match &args.command {
        RunsCommand::List => list(context, &args.folder),
        RunsCommand::Show { run, steps: false } => show(context, &find(run)?),
        RunsCommand::Show { run, steps: true } => steps(context, &find(run)?),
        RunsCommand::Compare { runs } => {
            compare(context, &runs.iter().map(|name| find(name)).collect::<Result<Vec<_>, _>>()?)
        }
        RunsCommand::Tensorboard { run, out } => {
            let run = find(run)?;
            let folder = out.clone().unwrap_or_else(|| Path::new("tensorboard").join(&run.id));
            let mut inputs = crate::files::Inputs::default();
            inputs.add(&run.folder, "the run");
            inputs.spare_folder(&folder).map_err(super::unwritable(&folder))?;
            let path = tensorboard::export(&run, &folder).map_err(Failure::because)?;
            Ok(output::page().line(&path.display().to_string())?)
        }
    }
}

/// A part of one that may not be known.
fn share(value: Option<f64>) -> Cell {
    Cell::or_none(value, |value| Cell::Share(value, 2))
}

fn figure(value: Option<f64>) -> Cell {
    Cell::or_none(value, Cell::Figure)
}

/// `3.2 s`, `12 min`, `2 h 5 min`.
fn duration(seconds: f64) -> String {
    let minutes = (seconds / 60.0).round() as u64;
    match seconds {
        _ if seconds < 100.0 => format!("{seconds:.1} s"),
        _ if minutes < 60 => format!("{minutes} min"),
        _ => format!("{} h {} min", minutes / 60, minutes % 60),
    }
}

/// `3 min ago`.
fn ago(then: u64) -> String {
    let seconds = runs::now().saturating_sub(then);
    match seconds {
        0..60 => format!("{seconds} s ago"),
        60..3600 => format!("{} min ago", seconds / 60),
        3600..86_400 => format!("{} h ago", seconds / 3600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

fn found_json(run: &Found) -> Value {
    let mut value = match &run.summary {
        Ok(summary) => serde_json::to_value(summary).unwrap_or_default(),
        Err(reason) => json!({"reason": reason}),
    };
    value["id"] = run.id.clone().into();
    value["folder"] = run.folder.display().to_string().into();
    value["status"] = run.status().into();
    value
}

/// The list for programs: whole figures under plain names.
fn list_as_csv(context: &Context, found: &[Found]) -> Result<(), Failure> {
    let names = [
        "id",
        "architecture",
        "data",
        "status",
        "step",
        "total_steps",
        "train_loss",
        "val_loss",
        "val_accuracy",
        "best_val_accuracy",
        "seconds",
        "updated",
    ];
    let rows = found.iter().map(|run| {
        let value = found_json(run);
        let text = |name: &&str| match &value[*name] {
            Value::Null => Cell::Blank,
            Value::String(text) => text.as_str().into(),
            other => other.to_string().into(),
        };
        names.iter().map(text).collect()
    });
    output::print(context, &Table::new(names.map(Column::words), rows), || Value::Null, &[])
}

fn list(context: &Context, parent: &Path) -> Result<(), Failure> {
    let found = runs::list(parent);
    if context.common.format == Format::Csv {
        return list_as_csv(context, &found);
    }
    let words = ["run", "architecture", "data", "status"].map(Column::words);
    let numbers = ["step", "of", "train loss", "val accuracy", "best", "took", "when"].map(Column::number);
    let rows = found.iter().map(|run| match &run.summary {
        Ok(own) => vec![
            run.id.as_str().into(),
            own.architecture.as_str().into(),
            runs::short_data(&own.data).into(),
            run.status().into(),
            Cell::count(own.step),
            Cell::count(own.total_steps),
            figure(own.train_loss),
            share(own.val_accuracy),
            share(own.best_val_accuracy),
            duration(own.seconds).into(),
            ago(own.updated).into(),
        ],
        Err(_) => {
            let mut row = vec![run.id.as_str().into(), Cell::None, Cell::None, run.status().into()];
            row.resize(words.len() + numbers.len(), Cell::None);
            row
        }
    });
    let rows: Vec<Vec<Cell>> = rows.collect();
    let table = Table::new(words.into_iter().chain(numbers), rows);
    output::print(context, &table, || json!({"runs": found.iter().map(found_json).collect::<Vec<_>>()}), &[])?;
    if found.is_empty() {
        context.say(&format!("no runs in {}; `convlens train ARCH` makes one", parent.display()));
    }
    for run in &found {
        if let Err(reason) = &run.summary {
            context.say(&format!("{}: {reason}", run.id));
        }
    }
    Ok(())
}

fn summary_of(run: &Found) -> Result<&Summary, Failure> {
    run.summary.as_ref().map_err(Failure::because)
}

fn recipe_of(run: &Found) -> Result<RunRecipe, Failure> {
    runs::recipe(&run.folder).map_err(Failure::because)
}

/// The recipe's keys with their values as texts.
fn recipe_rows(recipe: &RunRecipe) -> Vec<(String, String)> {
    let value = serde_json::to_value(recipe).unwrap_or_default();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_string);
    let top = ["architecture", "data", "weights"].map(|key| (key.to_string(), text(&value[key])));
    let train = value["train"].as_object().into_iter().flatten().map(|(key, value)| (key.clone(), text(value)));
    top.into_iter().filter(|(_, value)| value != "null").chain(train).collect()
}

fn show(context: &Context, run: &Found) -> Result<(), Failure> {
    let (summary, recipe) = (summary_of(run)?, recipe_of(run)?);
    let history = History::read(&run.folder).map_err(Failure::because)?;
    let names = ["epoch", "step", "train_loss", "train_accuracy", "val_loss", "val_accuracy", "seconds"];
    let rows = history.epochs.iter().map(|epoch| {
        vec![
            Cell::count(epoch.epoch),
            Cell::count(epoch.step),
            Cell::Figure(epoch.train_loss),
            Cell::Figure(epoch.train_accuracy),
            figure(epoch.val_loss),
            figure(epoch.val_accuracy),
            Cell::Decimal(epoch.seconds, 1),
        ]
    });
    let table = Table::new(names.map(Column::number), rows);
    let words = recipe_rows(&recipe).into_iter().map(|(key, value)| format!("{key} {value}")).collect::<Vec<_>>();
    let mut footer = vec![
        String::new(),
        format!(
            "{}  {}  step {} of {}, {}",
            run.id,
            run.status(),
            grouped(summary.step),
            grouped(summary.total_steps),
            duration(summary.seconds)
        ),
        words.join(" · "),
    ];
    // A run that ended within an epoch was looked at once more.
    let last = history.epochs.last().and_then(|epoch| epoch.val_accuracy);
    let at_the_end = summary.val_accuracy.filter(|accuracy| Some(*accuracy) != last).zip(summary.val_loss);
    if let Some((accuracy, loss)) = at_the_end {
        footer.push(format!("at the end: validation loss {loss:.4} accuracy {:.2}%", 100.0 * accuracy));
    }
    if let (Some(loss), Some(accuracy)) = (summary.test_loss, summary.test_accuracy) {
        footer.push(format!("test loss {loss:.4} accuracy {:.2}%", 100.0 * accuracy));
    }
    footer.extend(summary.reason.iter().map(|reason| format!("why: {reason}")));
    footer.extend(history.notes.iter().map(|(step, words)| format!("step {step}: {words}")));
    let json = || {
        let notes = history.notes.iter().map(|(step, text)| json!({"step": step, "text": text}));
        let mut value = found_json(run);
        value["recipe"] = serde_json::to_value(&recipe).unwrap_or_default();
        value["classes"] = runs::classes(&run.folder).into();
        value["epochs_done"] = serde_json::to_value(&history.epochs).unwrap_or_default();
        value["notes"] = notes.collect::<Vec<_>>().into();
        value
    };
    output::print(context, &table, json, &footer)
}

fn steps(context: &Context, run: &Found) -> Result<(), Failure> {
    let steps = history::read_all(&run.folder).map_err(Failure::because)?.steps;
    let names = ["step", "epoch", "loss", "accuracy", "lr", "images_per_second"];
    let rows = steps.iter().map(|own| {
        let figures = [own.loss, own.accuracy, own.lr, own.images_per_second];
        [own.step.to_string(), own.epoch.to_string()]
            .into_iter()
            .chain(figures.map(|figure| figure.to_string()))
            .map(Cell::from)
            .collect()
    });
    let table = Table::new(names.map(Column::number), rows);
    output::print(context, &table, || json!({"steps": steps}), &[])
}

fn compare(context: &Context, found: &[Found]) -> Result<(), Failure> {
    let summaries = found.iter().map(summary_of).collect::<Result<Vec<_>, _>>()?;
    let recipes = found.iter().map(|run| Ok(recipe_rows(&recipe_of(run)?))).collect::<Result<Vec<_>, Failure>>()?;
    let columns = std::iter::once(Column::words("")).chain(found.iter().map(|run| Column::number(&run.id)));
    let line = |name: &str, of: &dyn Fn(&Summary) -> Cell| {
        std::iter::once(name.into()).chain(summaries.iter().map(|own| of(own))).collect::<Vec<Cell>>()
    };
    let mut rows = vec![
        std::iter::once("status".into()).chain(found.iter().map(|run| run.status().into())).collect(),
        line("params", &|own| Cell::count(own.params)),
        line("step", &|own| Cell::count(own.step)),
        line("train loss", &|own| figure(own.train_loss)),
        line("train accuracy", &|own| share(own.train_accuracy)),
        line("val loss", &|own| figure(own.val_loss)),
        line("val accuracy", &|own| share(own.val_accuracy)),
        line("best val accuracy", &|own| share(own.best_val_accuracy)),
        line("test loss", &|own| figure(own.test_loss)),
        line("test accuracy", &|own| share(own.test_accuracy)),
        line("seconds", &|own| Cell::Decimal(own.seconds, 1)),
    ];
    // Of the recipes only what is not the same everywhere.
    let mut keys: Vec<&String> = recipes.iter().flatten().map(|(key, _)| key).collect();
    let mut seen = std::collections::HashSet::new();
    keys.retain(|key| seen.insert(*key));
    for key in keys {
        let of = |recipe: &Vec<(String, String)>| {
            Cell::or_none(recipe.iter().find(|(own, _)| own == key), |(_, value)| value.as_str().into())
        };
        let values: Vec<Cell> = recipes.iter().map(of).collect();
        if values.iter().any(|value| *value != values[0]) {
            rows.push(std::iter::once(key.as_str().into()).chain(values).collect());
        }
    }
    let json = || {
        let runs = found.iter().map(|run| {
            let mut value = found_json(run);
            value["recipe"] =
                recipe_of(run).ok().and_then(|recipe| serde_json::to_value(recipe).ok()).unwrap_or_default();
            value
        });
        json!({"runs": runs.collect::<Vec<_>>()})
    };
    output::print(context, &Table::new(columns, rows), json, &[])
}
