//! `convlens evaluate ARCH`: what trained weights are worth on labelled images.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::trained::{Names, Trained};
use super::{Context, Failure, Format, output};
use crate::exchange::weights as exchange;
use crate::files::Kind;
use crate::graph::figures::grouped;
use crate::graph::{self, Graph, memory};
use crate::network::Compiled;
use crate::network::compress::{self, Changed, Precision};
use crate::report::{Cell, Column, Table};
use crate::run::data::{self, DataSet, Sets, Source, Wanted};
use crate::run::evaluate::figures::{Figures, Judging, judge, picture};
use crate::run::evaluate::of_run::{LoadOrReason, RunToJudge};
use crate::run::labels::{self, LabelFiles};
use crate::run::train::Recipe;
use crate::run::{machine, paint};
use crate::spec::{LoadError, Loaded};

#[derive(Args)]
pub struct EvaluateArgs {
    /// An id, an alias or a file; not with `--run`
    #[arg(required_unless_present = "run", conflicts_with = "run")]
    arch: Option<String>,
    /// A run: its architecture, its best weights, its data, unless `--data` names other
    #[arg(long, value_name = "RUN", conflicts_with = "trained")]
    run: Option<String>,
    #[command(flatten)]
    trained: Trained,
    #[command(flatten)]
    names: Names,
    /// `idx:DIR`, `cifar10:DIR`, `folder:DIR`, `tensors:FILE.safetensors` or `synthetic`, as for `train`
    #[arg(long, value_name = "SPEC", required_unless_present = "run")]
    data: Option<Source>,
    /// Which part of the data [what was kept aside or is the data's second part; all of it where there is none]
    #[arg(long, value_enum)]
    split: Option<Split>,
    /// Also count images whose class is among the N most probable
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    top: u32,
    /// Images that go through the network at once
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..))]
    batch: u32,
    /// Use the first N images only
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    /// Judge an image and its mirror image together
    #[arg(long)]
    flip_test: bool,
    /// Class names: one a line, a JSON list, or ImageNet's class index; without it those of the run, the weights or the data
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Write what is taken for what, as a picture (.png) or a table (.csv): rows are true classes
    #[arg(long, value_name = "FILE")]
    confusion: Option<PathBuf>,
    /// Judge the weights of convs and linear layers also as this format would hold them: `int8` with a factor for each output
    /// channel; arithmetic stays in f32
    #[arg(long, value_name = "FORMAT", value_enum)]
    quantise: Option<Precision>,
    /// Judge also without the smallest of those weights, so large a part of all of them together: 0.5
    #[arg(long, value_name = "PART", allow_negative_numbers = true, value_parser = super::numbers::below_one)]
    prune: Option<f64>,
    /// Threads; all cores without it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    threads: Option<u32>,
    /// Go on although memory may not suffice; replace a file of another kind
    #[arg(long)]
    force: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Split {
    /// What was kept aside of the training images, or the data's second part
    Val,
    /// The data's second part
    Test,
    /// The images that are learned from
    Train,
}

/// What is judged, and on what.
struct Work {
    loaded: Loaded,
    network: Graph,
    weights: PathBuf,
    data: Source,
    /// What a run's recipe says of its data.
    recipe: Recipe,
    /// Names of the classes that a run keeps.
    of_run: Vec<String>,
}

impl EvaluateArgs {
    /// A run's best weights on its own data.
    fn of_run(folder: &Path) -> Self {
        EvaluateArgs {
            arch: None,
            run: Some(folder.display().to_string()),
            trained: Trained::default(),
            names: Names::default(),
            data: None,
            split: None,
            top: 5,
            batch: 32,
            limit: None,
            flip_test: false,
            labels: None,
            confusion: None,
            quantise: None,
            prune: None,
            threads: None,
            force: true,
        }
    }
}

/// Judges a run that has just ended, on the threads that it was trained on.
pub fn of_finished(context: &Context, folder: &Path) -> Result<(), Failure> {
    let args = EvaluateArgs::of_run(folder);
    let work = of_run(&args, &folder.display().to_string())?;
    evaluate(context, &args, &work)
}

pub fn run(context: &Context, args: &EvaluateArgs) -> Result<(), Failure> {
    super::on_threads(args.threads, || {
        let work = match &args.run {
            Some(_) if !context.common.sets.is_empty() => {
                return Err(Failure::Message("`--set` cannot change a run: its architecture is in its folder".into()));
            }
            Some(run) => of_run(args, run)?,
            None => of_weights(context, args)?,
        };
        evaluate(context, args, &work)
    })
}

fn of_weights(context: &Context, args: &EvaluateArgs) -> Result<Work, Failure> {
    let loaded = context.load(args.arch.as_deref().unwrap_or_default())?;
    let network = graph::analyse(&loaded).map_err(LoadError::Invalid)?;
    let Some(weights) = args.trained.file_of(context, &loaded, &network)? else {
        return Err(Failure::Message(
            "drawn weights are worth nothing: `--weights FILE`, `--pretrained` or `--run RUN`".into(),
        ));
    };
    let data = args.data.clone().unwrap_or(Source::Synthetic(None));
    let recipe = Recipe::new(&Default::default());
    Ok(Work { loaded, network, weights, data, recipe, of_run: Vec::new() })
}

fn of_run(args: &EvaluateArgs, run: &str) -> Result<Work, Failure> {
    let RunToJudge { loaded, network, weights, data, mut recipe, classes } =
        RunToJudge::open(run).map_err(|error| match error {
            LoadOrReason::Load(error) => Failure::Load(error),
            LoadOrReason::Reason(words) => Failure::Message(words),
        })?;
    if args.data.is_some() {
        // What was kept aside of its own data says nothing of other.
        (recipe.val_split, recipe.limit) = (0.0, None);
    }
    let data = args.data.clone().unwrap_or(data);
    Ok(Work { loaded, network, weights, data, recipe, of_run: classes })
}

fn evaluate(context: &Context, args: &EvaluateArgs, work: &Work) -> Result<(), Failure> {
    let network = &work.network;
    let classes = network.layers.last().map_or(0, |layer| layer.output.elements() as usize);
    if network.layers.last().is_none_or(|layer| !layer.output.is_flat()) {
        return Err(Failure::Message(format!("{} ends in a map, not in classes", network.architecture.name)));
    }
    let mut inputs = super::inputs_of(&work.loaded);
    inputs.add(&work.weights, "the weights");
    work.data.path().iter().for_each(|path| inputs.add(path, "the data"));
    let label_files = LabelFiles { chosen: args.labels.clone(), own: labels::of(&work.loaded, true) };
    label_files.files().for_each(|path| inputs.add(path, "the labels"));
    if let Some(path) = &args.confusion {
        let kind = match path.extension().and_then(|own| own.to_str()) {
            Some("png") => Kind::Png,
            Some("csv") => Kind::Csv(TRUE_CLASS),
            _ => return Err(Failure::Message(format!("--confusion {}: expected a .png or a .csv", path.display()))),
        };
        inputs.check(path, kind, args.force).map_err(super::unwritable(path))?;
    }
    if !args.force {
        machine::check(memory::inference(network, args.batch.into())).map_err(super::too_large)?;
    }
    let rules = args.names.rules()?;
    let rest = args.trained.rest(0);
    let read = exchange::read_by(network, &work.weights, rest, rules.as_ref()).map_err(Failure::weights)?;
    args.trained.say_parts(context, &read);
    let of_weights = read.classes.clone().unwrap_or_else(|| work.of_run.clone());
    let known = labels::names(&label_files, Some(&of_weights), classes).map_err(Failure::because)?;
    let wanted = Wanted {
        architecture: &network.architecture,
        classes,
        known: known.as_deref(),
        seed: work.recipe.seed,
        limit: work.recipe.limit,
        val_split: work.recipe.val_split,
    };
    let sets = data::open(&work.data, &wanted).map_err(Failure::because)?;
    let (split, set) = part(&sets, args.split)?;
    let set = match args.limit {
        Some(limit) => set.first(usize::try_from(limit).unwrap_or(usize::MAX)),
        None => set,
    };
    if known.is_none() && !sets.names.is_empty() {
        context.say(
            "what the network's classes are called is not known (`--labels` says it): the data's are taken in order",
        );
    }
    if let Some(known) = known.as_ref().filter(|known| !sets.names.is_empty() && **known != sets.names) {
        let (first, other) = (&known[0], &sets.names[0]);
        context.say(&format!(
            "the data's classes have other names than the network's (`{other}`, `{first}`); they are taken in order"
        ));
    }
    let names = known.or_else(|| (!sets.names.is_empty()).then(|| sets.names.clone()));
    let mut compiled = read.compiled;
    let bar = context.progress(set.len() as u64, "images");
    let how =
        Judging { batch: args.batch as usize, flip: args.flip_test || work.recipe.flip_test, top: args.top as usize };
    let began = Instant::now();
    let judged = judge(&mut compiled, &set, how, |done| {
        bar.set_position(done as u64);
        true
    });
    let seconds = began.elapsed().as_secs_f64();
    bar.finish_and_clear();
    let judged = judged.ok_or_else(|| Failure::Message("no image could be read".into()))?;
    for why in &judged.broken {
        context.say(&format!("{why}; it is left out"));
    }
    if judged.unsound > 0 {
        let words = "outputs are no numbers, and count as wrong; `convlens forward … --trace` says where that begins";
        context.say(&format!(
            "warning: for {} of {} images the {words}",
            grouped(judged.unsound),
            grouped(judged.images)
        ));
    }
    let name = |class: usize| {
        let named = names.as_ref().and_then(|names| names.get(class));
        named.map_or_else(|| format!("class {class}"), Clone::clone)
    };
    if let Some(path) = &args.confusion {
        write_confusion(path, &judged, &name)?;
        context.say(&format!("wrote {}", path.display()));
    }
    let mut what_ifs = Vec::new();
    let mut what_if = |words: String, changed: Changed, compiled: &mut Compiled| {
        let again = judge(compiled, &set, how, |_| true);
        what_ifs.extend(again.map(|judged| WhatIf { words, changed, judged }));
    };
    // Each alone, then both: pruned first, as what is kept is what is then rounded.
    if let (Some(precision), Some(_)) = (args.quantise, args.prune) {
        let mut alone = compiled.clone();
        let changed = compress::quantise(&mut alone, precision);
        what_if(format!("in {}", precision.name()), changed, &mut alone);
    }
    let mut pruned = Changed::default();
    if let Some(part) = args.prune {
        pruned = compress::prune(&mut compiled, part);
        what_if(format!("{part} pruned"), pruned, &mut compiled);
    }
    if let Some(precision) = args.quantise {
        let changed = compress::quantise(&mut compiled, precision).after(pruned);
        let words = match args.prune {
            Some(part) => format!("{part} pruned, in {}", precision.name()),
            None => format!("in {}", precision.name()),
        };
        what_if(words, changed, &mut compiled);
    }
    let told = Told { network, data: &work.data, split, judged: &judged, seconds, name: &name, what_ifs };
    if matches!(context.common.format, Format::Csv | Format::Markdown) {
        // Their one table is of the classes.
        told.what_ifs().iter().for_each(|line| context.say(line));
    }
    told.print(context)
}

/// What the first column of a confusion is called.
const TRUE_CLASS: &str = "true class";

/// The part of the data that is asked for, and what it is called.
fn part(sets: &Sets, split: Option<Split>) -> Result<(&'static str, DataSet), Failure> {
    let second = sets.test.as_ref().or(sets.validation.as_ref());
    let found = match split {
        Some(Split::Train) => Some(("train", &sets.train)),
        Some(Split::Val) => sets.validation.as_ref().map(|set| ("val", set)),
        Some(Split::Test) => second.map(|set| ("test", set)),
        None => Some(sets.validation.as_ref().map_or(("train", &sets.train), |set| ("val", set))),
    };
    let none = "the data has one part only; without `--split` all of it is judged";
    found.map(|(name, set)| (name, set.clone())).ok_or_else(|| Failure::Message(none.into()))
}

fn write_confusion(path: &Path, judged: &Figures, name: &dyn Fn(usize) -> String) -> Result<(), Failure> {
    let Some(confusion) = &judged.confusion else {
        return Err(Failure::Message(format!("{} classes are too many for a confusion", judged.classes.len())));
    };
    if path.extension().is_some_and(|own| own == "png") {
        return paint::save(&picture(confusion), path).map_err(Failure::because);
    }
    let columns =
        std::iter::once(Column::words(TRUE_CLASS)).chain((0..confusion.len()).map(|class| Column::number(name(class))));
    let rows = confusion.iter().enumerate().map(|(class, row)| {
        std::iter::once(name(class).into()).chain(row.iter().map(|&count| Cell::count(count))).collect()
    });
    let text = Table::new(columns, rows).csv().map_err(Failure::because)?;
    crate::files::write::write_text(path, &text)
        .map_err(|error| Failure::Message(format!("cannot write {}: {}", path.display(), crate::files::reason(&error))))
}

/// The same images judged by changed weights.
struct WhatIf {
    words: String,
    changed: Changed,
    judged: Figures,
}

impl ValueEnum for Precision {
    fn value_variants<'a>() -> &'a [Self] {
        &Precision::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()))
    }
}

/// What was found, to be told.
struct Told<'a> {
    network: &'a Graph,
    data: &'a Source,
    split: &'static str,
    judged: &'a Figures,
    seconds: f64,
    name: &'a dyn Fn(usize) -> String,
    what_ifs: Vec<WhatIf>,
}

/// Pairs that JSON has.
const MOST_PAIRS: usize = 1000;
/// Pairs and images that are listed.
const LISTED: usize = 10;

impl Told<'_> {
    fn print(&self, context: &Context) -> Result<(), Failure> {
        let judged = self.judged;
        let columns =
            [Column::words("class"), Column::number("images"), Column::number("precision"), Column::number("recall")];
        let rows = judged.classes.iter().enumerate().filter(|(_, own)| own.count > 0 || own.precision.is_some()).map(
            |(class, own)| {
                vec![
                    (self.name)(class).into(),
                    Cell::count(own.count),
                    Cell::or_none(own.precision, |share| Cell::Share(share, 1)),
                    Cell::or_none(own.recall, |share| Cell::Share(share, 1)),
                ]
            },
        );
        let table = Table::new(columns, rows);
        if context.common.format == Format::Jsonl {
            let mut event = json!({"event": "evaluation"});
            if let (Value::Object(event), Value::Object(own)) = (&mut event, self.json()) {
                event.extend(own);
            }
            return Ok(output::json_line(&event)?);
        }
        output::print(context, &table, || self.json(), &self.words())
    }

    /// The same images by changed weights, a line for each change.
    fn what_ifs(&self) -> Vec<String> {
        let (judged, percent) = (self.judged, |share: f64| format!("{:.2}%", 100.0 * share));
        let top = judged.top.0;
        let line = |own: &WhatIf| {
            format!(
                "{}: top-1 {} ({} points), top-{top} {}, loss {:.4}; weights off by {:.2}%, {} of {} are 0",
                own.words,
                percent(own.judged.top1),
                format!("{:+.2}", 100.0 * (own.judged.top1 - judged.top1)).replace('-', "−"),
                percent(own.judged.top.1),
                own.judged.loss,
                100.0 * own.changed.relative_error,
                grouped(own.changed.zeros),
                grouped(own.changed.weights)
            )
        };
        self.what_ifs.iter().map(line).collect()
    }

    fn words(&self) -> Vec<String> {
        let (judged, percent) = (self.judged, |share: f64| format!("{:.2}%", 100.0 * share));
        let (top, in_top) = judged.top;
        let mut lines = vec![
            String::new(),
            format!(
                "{} on {} images of {} ({}): top-1 {}, top-{top} {}, loss {:.4}",
                self.network.architecture.name,
                grouped(judged.images),
                self.data,
                self.split,
                percent(judged.top1),
                percent(in_top),
                judged.loss
            ),
            format!("{:.1} s, {:.0} images/s", self.seconds, judged.images as f64 / self.seconds.max(1e-9)),
        ];
        lines.extend(self.what_ifs());
        let pairs = judged.confused(LISTED);
        if !pairs.is_empty() {
            lines.push(String::new());
            lines.push("most confused:".into());
            lines.extend(pairs.iter().map(|pair| {
                format!("  {:>5} of {} taken for {}", grouped(pair.count), (self.name)(pair.from), (self.name)(pair.to))
            }));
        }
        if !judged.worst.is_empty() {
            lines.push(String::new());
            lines.push("worst mistakes:".into());
            lines.extend(judged.worst.iter().take(LISTED).map(|own| {
                format!(
                    "  {}: {}, taken for {} ({})",
                    own.image,
                    (self.name)(own.label),
                    (self.name)(own.class),
                    percent(own.probability)
                )
            }));
        }
        lines
    }

    fn json(&self) -> Value {
        let judged = self.judged;
        let classes = judged.classes.iter().enumerate().map(|(class, own)| {
            json!({"name": (self.name)(class), "count": own.count, "precision": own.precision, "recall": own.recall})
        });
        let what_ifs = self.what_ifs.iter().map(|own| {
            json!({"what": own.words, "top1": own.judged.top1, "top5": own.judged.top5, "loss": own.judged.loss,
                "relative_error": own.changed.relative_error, "weights": own.changed.weights, "zeros": own.changed.zeros})
        });
        let confused = judged.confused(MOST_PAIRS);
        let confused = confused
            .iter()
            .map(|pair| json!({"from": (self.name)(pair.from), "to": (self.name)(pair.to), "count": pair.count}));
        let worst = judged.worst.iter().map(|own| {
            json!({"image": own.image, "true": (self.name)(own.label), "predicted": (self.name)(own.class),
                "probability": own.probability})
        });
        json!({"arch": self.network.architecture.id, "data": self.data.to_string(), "split": self.split,
            "images": judged.images, "top1": judged.top1, "top5": judged.top5,
            "top_n": {"n": judged.top.0, "accuracy": judged.top.1}, "loss": judged.loss, "seconds": self.seconds,
            "classes": classes.collect::<Vec<_>>(), "confusion": judged.confusion,
            "what_ifs": what_ifs.collect::<Vec<_>>(), "confused": confused.collect::<Vec<_>>(), "worst": worst.collect::<Vec<_>>(), "left_out": judged.broken.len(), "not_numbers": judged.unsound})
    }
}
