//! `convlens runs`: what training has left behind, listed, looked at, compared and exported.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::output::{self, Rows};
use super::{Context, Failure, Format};
use crate::graph::figures::grouped;
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
            let path = tensorboard::export(&run, &folder).map_err(Failure::because)?;
            Ok(output::page().line(&path.display().to_string())?)
        }
    }
}

fn percent(value: Option<f64>) -> String {
    value.map_or_else(|| "–".into(), |value| format!("{:.2}%", 100.0 * value))
}

/// Four places, or powers of ten for what has exploded.
fn loss(value: Option<f64>) -> String {
    match value {
        None => "–".into(),
        Some(value) if value.abs() >= 1e4 => format!("{value:.2e}"),
        Some(value) => format!("{value:.4}"),
    }
}

/// A value as programs read it: all its digits.
fn exact(value: Option<f64>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
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
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        names.iter().map(text).collect()
    });
    let rows = Rows { headers: names.map(|name| (name, false)).to_vec(), rows: rows.collect() };
    output::print(context, &rows, || Value::Null, &[])
}

fn list(context: &Context, parent: &Path) -> Result<(), Failure> {
    let found = runs::list(parent);
    if context.common.format == Format::Csv {
        return list_as_csv(context, &found);
    }
    let headers = [
        ("run", false),
        ("architecture", false),
        ("data", false),
        ("status", false),
        ("step", true),
        ("of", true),
        ("train loss", true),
        ("val accuracy", true),
        ("best", true),
        ("took", true),
        ("when", true),
    ];
    let rows = found.iter().map(|run| match &run.summary {
        Ok(own) => vec![
            run.id.clone(),
            own.architecture.clone(),
            runs::short_data(&own.data),
            run.status().into(),
            grouped(own.step),
            grouped(own.total_steps),
            loss(own.train_loss),
            percent(own.val_accuracy),
            percent(own.best_val_accuracy),
            duration(own.seconds),
            ago(own.updated),
        ],
        Err(_) => {
            let mut row = vec![run.id.clone(), "–".into(), "–".into(), run.status().into()];
            row.resize(headers.len(), "–".into());
            row
        }
    });
    let rows = Rows { headers: headers.to_vec(), rows: rows.collect() };
    output::print(context, &rows, || found.iter().map(found_json).collect::<Vec<_>>().into(), &[])?;
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
    run.summary.as_ref().map_err(|reason| Failure::Message(reason.clone()))
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
    let headers = [
        ("epoch", true),
        ("step", true),
        ("train_loss", true),
        ("train_accuracy", true),
        ("val_loss", true),
        ("val_accuracy", true),
        ("seconds", true),
    ];
    let number = if context.common.format == Format::Csv { exact } else { loss };
    let rows = history.epochs.iter().map(|epoch| {
        vec![
            epoch.epoch.to_string(),
            grouped(epoch.step),
            number(Some(epoch.train_loss)),
            number(Some(epoch.train_accuracy)),
            number(epoch.val_loss),
            number(epoch.val_accuracy),
            format!("{:.1}", epoch.seconds),
        ]
    });
    let rows = Rows { headers: headers.to_vec(), rows: rows.collect() };
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
    output::print(context, &rows, json, &footer)
}

fn steps(context: &Context, run: &Found) -> Result<(), Failure> {
    let steps = history::read_all(&run.folder).map_err(Failure::because)?.steps;
    let names = ["step", "epoch", "loss", "accuracy", "lr", "images_per_second"];
    let rows = steps.iter().map(|own| {
        let figures = [own.loss, own.accuracy, own.lr, own.images_per_second];
        [own.step.to_string(), own.epoch.to_string()]
            .into_iter()
            .chain(figures.map(|figure| figure.to_string()))
            .collect()
    });
    let rows = Rows { headers: names.map(|name| (name, true)).to_vec(), rows: rows.collect() };
    let json = || serde_json::to_value(&steps).unwrap_or_default();
    output::print(context, &rows, json, &[])
}

fn compare(context: &Context, found: &[Found]) -> Result<(), Failure> {
    let summaries = found.iter().map(summary_of).collect::<Result<Vec<_>, _>>()?;
    let recipes = found.iter().map(|run| Ok(recipe_rows(&recipe_of(run)?))).collect::<Result<Vec<_>, Failure>>()?;
    let headers: Vec<(String, bool)> =
        std::iter::once((String::new(), false)).chain(found.iter().map(|run| (run.id.clone(), true))).collect();
    let figure = |name: &str, of: &dyn Fn(&Summary) -> String| {
        std::iter::once(name.to_string()).chain(summaries.iter().map(|own| of(own))).collect::<Vec<String>>()
    };
    // Whoever reads CSV reckons with it.
    let is_csv = context.common.format == Format::Csv;
    let number = |value: Option<f64>| if is_csv { exact(value) } else { loss(value) };
    let share = |value: Option<f64>| if is_csv { exact(value) } else { percent(value) };
    let count = |value: u64| if is_csv { value.to_string() } else { grouped(value) };
    let mut rows = vec![
        std::iter::once("status".to_string()).chain(found.iter().map(|run| run.status().to_string())).collect(),
        figure("params", &|own| count(own.params)),
        figure("step", &|own| count(own.step)),
        figure("train loss", &|own| number(own.train_loss)),
        figure("train accuracy", &|own| share(own.train_accuracy)),
        figure("val loss", &|own| number(own.val_loss)),
        figure("val accuracy", &|own| share(own.val_accuracy)),
        figure("best val accuracy", &|own| share(own.best_val_accuracy)),
        figure("test loss", &|own| number(own.test_loss)),
        figure("test accuracy", &|own| share(own.test_accuracy)),
        figure("seconds", &|own| format!("{:.1}", own.seconds)),
    ];
    // Of the recipes only what is not the same everywhere.
    let mut keys: Vec<&String> = recipes.iter().flatten().map(|(key, _)| key).collect();
    let mut seen = std::collections::HashSet::new();
    keys.retain(|key| seen.insert(*key));
    for key in keys {
        let of = |recipe: &Vec<(String, String)>| {
            recipe.iter().find(|(own, _)| own == key).map_or_else(|| "–".to_string(), |(_, value)| value.clone())
        };
        let values: Vec<String> = recipes.iter().map(of).collect();
        if values.iter().any(|value| *value != values[0]) {
            rows.push(std::iter::once(key.clone()).chain(values).collect());
        }
    }
    let json = || {
        let runs = found.iter().map(|run| {
            let mut value = found_json(run);
            value["recipe"] =
                recipe_of(run).ok().and_then(|recipe| serde_json::to_value(recipe).ok()).unwrap_or_default();
            value
        });
        runs.collect::<Vec<_>>().into()
    };
    output::print(context, &Rows { headers, rows }, json, &[])
}
