//! `convlens sweep ARCH --vary KEY=VALUES`: many variants, what each costs, and which nothing betters.

use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use clap::Args;
use serde_json::{Value, json};

use super::budget::Counted;
use super::{Context, Failure, Format, output, plots};
use crate::files::Inputs;
use crate::graph::figures::{counted, grouped};
use crate::report::plot::Plot;
use crate::report::sweep as page;
use crate::report::{Cell, Column, Table};
use crate::run::data::Source;
use crate::run::sweep::book::FOLDER;
use crate::run::sweep::{
    self, Base, Book, Figure, Figures, How, Measuring, News, Plan, Sweep, SweepError, Variant, Vary,
};
use crate::run::train::until;
use crate::spec::recipe::{self, Recipe, RunRecipe};

/// A key is one that `--set` knows; a kind's field, `conv.kernel`, is that of every layer of the kind; a path may hold `*` for any
/// text, `block*.conv1.out`; keys with a plus between them take the same value. Values have commas between them, and ranges:
/// `64..256/64`, `32..256*2`. Several keys give every combination.
///
/// Without `--measure` and `--train` nothing is run, and ten thousand variants take seconds. With them, results are kept in a
/// folder as they come, and `--resume` goes on with what is missing.
#[derive(Args)]
pub struct SweepArgs {
    /// One or more networks to vary: ids, aliases or files
    #[arg(required_unless_present = "resume", conflicts_with = "resume")]
    archs: Vec<String>,
    /// What is varied: `conv.kernel=3,5`, `block3.*.out=64..256/64`, `input.1+input.2=14..56*2`
    #[arg(long, value_name = "KEY=VALUES", conflicts_with = "resume")]
    vary: Vec<Vary>,
    /// Take so many of the variants, drawn by the seed
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), conflicts_with = "resume")]
    random: Option<u64>,
    /// Seed of what is drawn, and of training [0]
    #[arg(long, conflicts_with = "resume")]
    seed: Option<u64>,
    #[command(flatten)]
    budget: Counted,
    /// Run each variant forward on one image of noise and take the median time
    #[arg(long, conflicts_with = "resume")]
    measure: bool,
    /// Runs of each with `--measure` [3]
    #[arg(long, value_name = "N", requires = "measure", value_parser = clap::value_parser!(u32).range(1..))]
    runs: Option<u32>,
    /// Train each variant, by its own recipe and what is said here
    #[arg(long, conflicts_with = "resume")]
    train: bool,
    /// What they are trained on, as `convlens train --data` takes it [synthetic]
    #[arg(long, value_name = "SPEC", requires = "train")]
    data: Option<Source>,
    /// Passes over the data [what the network's own recipe says, else 1]
    #[arg(long, value_name = "N", requires = "train", value_parser = clap::value_parser!(u64).range(1..))]
    epochs: Option<u64>,
    /// Steps after which each ends, even within an epoch
    #[arg(long, value_name = "N", requires = "train", value_parser = clap::value_parser!(u64).range(1..))]
    steps: Option<u64>,
    /// More of the recipe, as words: `"batch=64 lr=0.05 optimizer=adam"`
    #[arg(long, value_name = "WORDS", requires = "train", value_parser = words)]
    recipe: Option<Recipe>,
    /// Trainings at a time, each on its share of the threads [1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    jobs: Option<u32>,
    /// End after so many minutes and keep what there is; a training is taken up again where it was
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = super::numbers::positive)]
    max_minutes: Option<f64>,
    /// Keep results in this folder [sweeps/ARCH-N with `--measure` or `--train`, else nowhere]
    #[arg(long, value_name = "DIR", conflicts_with = "resume")]
    out: Option<PathBuf>,
    /// Go on with a sweep that was ended, or look at one
    #[arg(long, value_name = "DIR", conflicts_with_all = OF_A_NEW_ONE)]
    resume: Option<PathBuf>,
    /// Two figures, of which no variant on the front is bettered in both [what it costs and what is found out: macs with accuracy, ms or field]
    #[arg(long, value_name = "X,Y", value_parser = two_figures)]
    front: Option<[Figure; 2]>,
    /// List every variant, not only the front of many
    #[arg(long)]
    all: bool,
    /// Write the plot as a picture
    #[arg(long, value_name = "FILE.svg")]
    svg: Option<PathBuf>,
    /// Print one variant as an architecture file, by its number, instead of the table
    #[arg(long, value_name = "NUMBER")]
    yaml: Option<u64>,
    /// Threads; all cores without it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    threads: Option<u32>,
    /// Go on although memory may not suffice; replace a file of another kind
    #[arg(long)]
    force: bool,
}

fn two_figures(text: &str) -> Result<[Figure; 2], String> {
    let names = Figure::ALL.map(Figure::name).join(", ");
    let figure = |name: &str| Figure::ALL.into_iter().find(|own| own.name() == name.trim());
    let found = text.split_once(',').and_then(|(one, other)| Some([figure(one)?, figure(other)?]));
    found.filter(|[one, other]| one != other).ok_or_else(|| format!("expected two of {names}, such as `macs,accuracy`"))
}

/// What a sweep that goes on has already.
const OF_A_NEW_ONE: [&str; 10] =
    ["runs", "data", "epochs", "steps", "recipe", "max_params", "max_macs", "max_train_memory", "batch", "field"];

fn words(text: &str) -> Result<Recipe, String> {
    Recipe::from_words(text).map_err(|reason| reason.to_string())
}

/// Rows that are listed without being asked for.
const LISTED: usize = 40;

impl From<SweepError> for Failure {
    fn from(error: SweepError) -> Failure {
        match error {
            SweepError::Load(error) => Failure::Load(error),
            other => Failure::because(other),
        }
    }
}

pub fn run(context: &Context, args: &SweepArgs) -> Result<(), Failure> {
    super::on_threads(args.threads, || sweep(context, args))
}

fn sweep(context: &Context, args: &SweepArgs) -> Result<(), Failure> {
    plots::check(&Inputs::default(), args.svg.as_deref(), args.force)?;
    let (known, plan) = match &args.resume {
        Some(_) if !context.common.sets.is_empty() => {
            return Err(Failure::Message(
                "`--set` cannot change a sweep that goes on: its networks are in its folder".into(),
            ));
        }
        Some(folder) => Book::look(folder)?,
        None => (Default::default(), plan(context, args)?),
    };
    check_front(args, &plan)?;
    let works = plan.measure.is_some() || plan.train.is_some();
    if args.jobs.is_some() && plan.train.is_none() {
        return Err(Failure::Message("`--jobs` is for trainings, and nothing is trained without `--train`".into()));
    }
    if args.max_minutes.is_some() && !works {
        return Err(Failure::Message(
            "`--max-minutes` is for `--measure` and `--train`; counting takes seconds".into(),
        ));
    }
    let count = plan.count()?;
    let wanted = plan.random.map_or(count, |some| some.min(count));
    let bar = context.progress(wanted, "variants");
    let stop = super::train::interrupts()?;
    let on = |done: usize| {
        if done.is_multiple_of(64) {
            bar.set_position(done as u64);
        }
        !stop.load(Ordering::Relaxed)
    };
    let made = Sweep::new(&context.library, plan, on)?;
    bar.finish_and_clear();
    let Some(mut sweep) = made else { return Err(Failure::Interrupted) };
    if let Some(number) = args.yaml {
        return print_yaml(&sweep, number);
    }
    for key in sweep.idle_keys() {
        let way = match key.strip_prefix("defaults.") {
            Some(own) => format!("; layers that say their own keep it, and `{own}` sets it at every layer"),
            None => String::new(),
        };
        context.say(&format!("note: no value of `{key}` changes a figure{way}"));
    }
    sweep.take_over(&known);
    let sound = sweep.variants.iter().filter(|own| own.result.is_ok()).count();
    let mut book = match (&args.resume, &args.out) {
        // What is complete is only looked at.
        (Some(_), _) if sweep.is_complete() => None,
        (Some(folder), _) => match Book::reopen(folder) {
            Ok((book, _)) => Some(book),
            // What there is so far can be looked at meanwhile.
            Err(error @ SweepError::Busy { .. }) => {
                context.say(&format!("{error}; this is what it has found so far"));
                None
            }
            Err(error) => return Err(error.into()),
        },
        // Of what are no networks nothing is kept.
        _ if sound == 0 => None,
        (None, Some(folder)) => {
            Inputs::default().spare_folder(folder).map_err(super::unwritable(folder))?;
            Some(Book::create(folder, &sweep.plan)?)
        }
        (None, None) if works => Some(Book::create_next(FOLDER.as_ref(), &sweep.plan)?),
        (None, None) => None,
    };
    if let (Some(book), true) = (&mut book, works) {
        work(context, args, &mut sweep, book, &stop)?;
    }
    let told = Told { sweep: &sweep, front: args.figures(&sweep) };
    told.print(context, args)?;
    if sound == 0 {
        return Err(Failure::Message("none of the variants is a network".into()));
    }
    if stop.load(Ordering::Relaxed) {
        return Err(Failure::Interrupted);
    }
    let mut wanted = sweep.variants.iter().filter(|own| own.result.as_ref().is_ok_and(|own| own.is_within)).peekable();
    if sweep.plan.train.is_some() && wanted.peek().is_some() && wanted.all(|own| own.trouble.is_some()) {
        return Err(Failure::Message("none of the variants could be trained".into()));
    }
    Ok(())
}

/// A front of figures that nobody finds out would be empty.
fn check_front(args: &SweepArgs, plan: &Plan) -> Result<(), Failure> {
    for figure in args.front.iter().flatten() {
        let needs = match figure {
            Figure::Ms if plan.measure.is_none() => "--measure",
            Figure::Accuracy if plan.train.is_none() => "--train",
            _ => continue,
        };
        return Err(Failure::Message(format!("`--front {}` needs `{needs}`", figure.name())));
    }
    Ok(())
}

fn plan(context: &Context, args: &SweepArgs) -> Result<Plan, Failure> {
    let mut bases: Vec<Base> = Vec::new();
    for name in &args.archs {
        let loaded = context.load(name)?;
        context.analysed(&loaded)?;
        let base = Base::read(&context.library, &loaded.origin, &context.common.sets)?;
        if bases.iter().any(|own| own.id == base.id) {
            let words = format!("two networks are called `{}`; give one of the files another name", base.id);
            return Err(Failure::Message(words));
        }
        bases.push(base);
    }
    for key in args.vary.iter().flat_map(|own| &own.keys) {
        if context.common.sets.iter().any(|(own, _)| own == key) {
            return Err(SweepError::SaidTwice { key: key.clone(), said: "`--set`" }.into());
        }
    }
    if args.vary.is_empty() && bases.len() == 1 {
        return Err(Failure::Message("there is nothing to vary: `--vary conv.kernel=3,5`, or several networks".into()));
    }
    let seed = args.seed.unwrap_or(0);
    let train = args.train.then(|| {
        let said = Recipe { epochs: args.epochs, steps: args.steps, seed: args.seed, ..Recipe::default() };
        let recipe = said.over(&args.recipe.clone().unwrap_or_default());
        RunRecipe {
            version: recipe::VERSION,
            architecture: bases.first().map_or_else(String::new, |base| base.id.clone()),
            data: args.data.clone().unwrap_or(Source::Synthetic(None)).absolute().to_string(),
            weights: None,
            partial: false,
            train: recipe,
        }
    });
    Ok(Plan {
        bases,
        varies: args.vary.clone(),
        random: args.random,
        seed,
        budget: args.budget.said(),
        measure: args.measure.then(|| Measuring { runs: args.runs.unwrap_or(3) }),
        train,
    })
}

impl SweepArgs {
    /// The two figures of the front: those that are asked for, else what was found out beside what it costs.
    fn figures(&self, sweep: &Sweep) -> [Figure; 2] {
        if let Some(front) = self.front {
            return front;
        }
        let plan = &sweep.plan;
        match (plan.train.is_some(), plan.measure.is_some()) {
            (true, true) => [Figure::Ms, Figure::Accuracy],
            (true, false) => [Figure::Macs, Figure::Accuracy],
            (false, true) => [Figure::Macs, Figure::Ms],
            (false, false) => {
                let fields = sweep.variants.iter().filter_map(|own| own.result.as_ref().ok()).map(|own| own.field);
                let seen: std::collections::HashSet<Option<u64>> = fields.collect();
                // What it costs and what it sees, where that differs.
                if seen.len() > 1 { [Figure::Macs, Figure::Field] } else { [Figure::Params, Figure::Macs] }
            }
        }
    }
}

fn print_yaml(sweep: &Sweep, number: u64) -> Result<(), Failure> {
    let variant = sweep.variants.iter().find(|own| own.number == number);
    let variant = variant.ok_or_else(|| Failure::Message(format!("there is no variant {number} in this sweep")))?;
    if let Err(why) = &variant.result {
        return Err(Failure::Message(format!("variant {number} is no network: {why}")));
    }
    let text = sweep.yaml(variant)?;
    Ok(output::page().write_all(text.as_bytes())?)
}

fn work(
    context: &Context,
    args: &SweepArgs,
    sweep: &mut Sweep,
    book: &mut Book,
    stop: &std::sync::Arc<std::sync::atomic::AtomicBool>,
) -> Result<(), Failure> {
    let folder = book.folder().map(|folder| folder.display().to_string());
    if let Some(folder) = &folder {
        context.say(&format!("kept in {folder}"));
    }
    let of = sweep.variants.iter().filter(|own| own.result.as_ref().is_ok_and(|own| own.is_within)).count() as u64;
    let each = u64::from(sweep.plan.measure.is_some()) + u64::from(sweep.plan.train.is_some());
    let bar = context.progress(of * each, "variants");
    let mut done = 0;
    let how = How {
        jobs: args.jobs.unwrap_or(1) as usize,
        stop: std::sync::Arc::clone(stop),
        until: until(args.max_minutes),
        force: args.force,
    };
    let names: Vec<String> = sweep.plan.varies.iter().map(Vary::name).collect();
    let told: Vec<String> = sweep.plan.bases.iter().map(|base| base.id.clone()).collect();
    let mut on = |news: News| match news {
        News::Done { variant, was_known } => {
            done += 1;
            bar.set_position(done);
            if !was_known && let Ok(figures) = &variant.result {
                let line = page::line(&told[variant.base], &names, variant_row(variant, figures));
                let trouble = variant.trouble.as_ref().map_or_else(String::new, |why| format!(": {why}"));
                bar.suspend(|| context.say(&format!("{line}{trouble}")));
            }
        }
        News::Note(note) => bar.suspend(|| context.say(&note)),
    };
    let worked = sweep.work(book, &how, &mut on);
    bar.finish_and_clear();
    worked?;
    if let (Some(folder), true) = (&folder, done < of * each) {
        context.say(&format!(
            "{} of {} are done; `convlens sweep --resume {folder}` goes on",
            grouped(done),
            grouped(of * each)
        ));
    }
    Ok(())
}

fn variant_row<'a>(variant: &'a Variant, figures: &Figures) -> page::Row<'a> {
    page::Row { number: variant.number, values: &variant.values, ms: figures.ms, accuracy: figures.accuracy }
}

struct Told<'a> {
    sweep: &'a Sweep,
    front: [Figure; 2],
}

impl Told<'_> {
    fn print(&self, context: &Context, args: &SweepArgs) -> Result<(), Failure> {
        let figures: Vec<Option<Figures>> = self.sweep.variants.iter().map(|own| own.result.clone().ok()).collect();
        let front = sweep::front(&figures, self.front);
        let plot = self.plot(&front);
        if let Some(path) = &args.svg {
            plots::write_picture(&plot, path)?;
            context.say(&format!("wrote {}", path.display()));
        }
        let is_for_people = matches!(context.common.format, Format::Table | Format::Markdown);
        let lists_all = args.all || !is_for_people || self.sweep.variants.len() <= LISTED;
        // What the front is of stays.
        let axes = self.front.map(Figure::name);
        let order = [("training memory", "train_memory"), ("field", "field"), ("MACs", "macs"), ("params", "params")];
        let order: Vec<&str> =
            order.into_iter().filter(|(_, figure)| !axes.contains(figure)).map(|(column, _)| column).collect();
        let table = self.table(&front, lists_all).may_drop(&order);
        let footer = self.words(&front, lists_all);
        output::print(context, &table, || self.json(&front), &footer)?;
        if context.common.format == Format::Table && self.sweep.variants.len() > 1 {
            plots::print(&plot)?;
        }
        Ok(())
    }

    fn table(&self, front: &[bool], lists_all: bool) -> Table {
        let plan = &self.sweep.plan;
        let mut columns = vec![Column::number("variant")];
        if plan.bases.len() > 1 {
            columns.push(Column::words("network"));
        }
        columns.extend(plan.varies.iter().map(|own| Column::number(own.name())));
        columns.extend(["params", "MACs", "training memory", "field"].map(Column::number));
        columns.extend(plan.measure.map(|_| Column::number("ms")));
        columns.extend(plan.train.as_ref().map(|_| Column::number("accuracy")));
        columns.push(Column::words("front"));
        let rows = self.sweep.variants.iter().zip(front).filter(|(_, on_front)| lists_all || **on_front);
        let rows = rows.map(|(own, on_front)| {
            let mut row = vec![Cell::count(own.number)];
            if plan.bases.len() > 1 {
                row.push(plan.bases[own.base].id.as_str().into());
            }
            row.extend(own.values.iter().map(|value| Cell::text(value.as_str())));
            let figure = |of: &dyn Fn(&Figures) -> Cell| own.result.as_ref().map_or(Cell::None, of);
            row.push(figure(&|own| Cell::count(own.params)));
            row.push(figure(&|own| Cell::count(own.macs)));
            row.push(figure(&|own| Cell::count(own.train_memory)));
            row.push(figure(&|own| Cell::or_none(own.field, Cell::count)));
            row.extend(plan.measure.map(|_| figure(&|own| Cell::or_none(own.ms, |ms| Cell::Decimal(ms, 3)))));
            let accuracy = |own: &Figures| Cell::or_none(own.accuracy, |part| Cell::Share(part, 2));
            row.extend(plan.train.as_ref().map(|_| figure(&accuracy)));
            row.push(match &own.result {
                Ok(_) if own.trouble.is_some() => own.trouble.clone().unwrap_or_default().into(),
                Ok(figures) if !figures.is_within => "over its budget".into(),
                Ok(_) if *on_front => "●".into(),
                Ok(_) => Cell::Blank,
                Err(reason) => reason.to_string().into(),
            });
            row
        });
        Table::new(columns, rows)
    }

    fn words(&self, front: &[bool], lists_all: bool) -> Vec<String> {
        let all = &self.sweep.variants;
        let count = |of: &dyn Fn(&Variant) -> bool| all.iter().filter(|own| of(own)).count();
        let bad = count(&|own| own.result.is_err());
        let over = count(&|own| own.result.as_ref().is_ok_and(|own| !own.is_within));
        let on_front = front.iter().filter(|own| **own).count();
        let [first, second] = self.front.map(Figure::words);
        let mut lines = vec![
            String::new(),
            format!(
                "{}; {} on the front of {first} and {second} (●): none is better in both",
                counted(all.len() as u64, "variant"),
                grouped(on_front as u64)
            ),
        ];
        if !lists_all {
            lines.push("only the front is listed; `--all` lists every variant, `--format csv` too".into());
        }
        if over > 0 {
            lines.push(format!("{} over budget, and left out of the front", counted(over as u64, "variant")));
        }
        let troubled = count(&|own| own.trouble.is_some());
        if troubled > 0 {
            lines.push(format!("{} could not be trained", counted(troubled as u64, "variant")));
        }
        if bad > 0 {
            let why = all.iter().find_map(|own| own.result.as_ref().err());
            let why = why.map_or_else(String::new, |why| format!(": {why}"));
            lines.push(format!("{} cannot be{why}", counted(bad as u64, "variant")));
        }
        lines
    }

    fn plot(&self, front: &[bool]) -> Plot {
        let plan = &self.sweep.plan;
        let names: Vec<String> = plan.varies.iter().map(Vary::name).collect();
        let points = self.sweep.variants.iter().zip(front).filter_map(|(own, on_front)| {
            let figures = own.result.as_ref().ok().filter(|own| own.is_within)?;
            let [x, y] = [figures.get(self.front[0])?, figures.get(self.front[1])?];
            let name = page::line(&plan.bases[own.base].id, &names, variant_row(own, figures));
            Some(page::Dot { x, y, name, on_front: *on_front, base: own.base })
        });
        let ids: Vec<&str> = plan.bases.iter().map(|base| base.id.as_str()).collect();
        let axes = self.front.map(|own| page::AxisOf { words: own.words(), is_share: own == Figure::Accuracy });
        page::plot(&ids, axes, points.collect())
    }

    fn json(&self, front: &[bool]) -> Value {
        let plan = &self.sweep.plan;
        let rows = self.sweep.variants.iter().zip(front).map(|(own, on_front)| {
            let set: serde_json::Map<String, Value> = (plan.varies.iter().zip(&own.values))
                .map(|(vary, value)| {
                    let typed = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.clone()));
                    (vary.name(), typed)
                })
                .collect();
            let figures = own.result.as_ref().ok();
            json!({"id": own.number, "arch": plan.bases[own.base].id, "set": set, "params": figures.map(|own| own.params),
                "macs": figures.map(|own| own.macs), "train_memory": figures.map(|own| own.train_memory),
                "receptive_field": figures.and_then(|own| own.field), "ms": figures.and_then(|own| own.ms),
                "accuracy": figures.and_then(|own| own.accuracy), "within_budget": figures.map(|own| own.is_within),
                "pareto": on_front, "problem": own.result.as_ref().err().map(|why| why.to_string()).or(own.trouble.clone())})
        });
        json!({"front": self.front.map(Figure::name), "rows": rows.collect::<Vec<_>>()})
    }
}
