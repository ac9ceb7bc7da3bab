//! Many variants of a network, each worked out, and if it is asked for timed or trained a little: what can be had for what.
//!
//! [`Vary`] says what is varied; [`Plan`] is all that was asked for, and [`Sweep`] the variants with what they came to. Static
//! figures are worked out anew each time, in parallel; what takes long is kept in a [`book`], so that a sweep that was
//! ended goes on where it was.

pub mod book;
pub mod figures;
mod training;
mod vary;

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use rayon::prelude::*;

pub use book::{Book, Known};
pub use figures::{Figure, Figures, front};
pub use vary::Vary;

use super::measure;
use super::runs::RunError;
use crate::graph::{self, Graph};
use crate::reason::Reason;
use crate::spec::budget::Budget;
use crate::spec::recipe::RunRecipe;
use crate::spec::{Library, LoadError, Origin, variant};
use training::{Trained, Trainer};

/// Why a sweep cannot be made, or go on.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    #[error(
        "`{text}`: {reason}; expected KEY=VALUES such as `conv.kernel=3,5`, `block3.*.out=64..256/64` or `input.1+input.2=14..56*2`"
    )]
    Vary { text: String, reason: String },
    #[error("`{key}` names no layer of {network} that has this field")]
    NoLayer { key: String, network: String },
    #[error("`{key}` is varied twice")]
    Twice { key: String },
    #[error("there are {0} variants, more than a million; `--random N` takes some of them")]
    TooMany(String),
    #[error("there are more than 10^19 variants, too many to number; vary fewer keys, or fewer values")]
    Endless,
    #[error("another convlens works on {folder}; a sweep belongs to one process at a time")]
    Busy { folder: String },
    #[error("{folder} holds a sweep already; `--resume {folder}` goes on with it, or choose another `--out`")]
    Taken { folder: String },
    #[error("{folder} is not empty and holds no sweep; choose another `--out`")]
    NotEmpty { folder: String },
    #[error("{folder} is no sweep: {reason}")]
    NoSweep { folder: String, reason: String },
    #[error("{0}")]
    Load(#[from] LoadError),
    #[error("{0}")]
    Run(#[from] RunError),
    #[error("`{key}` is varied, and {said} says it too{}", if key.ends_with("epochs") || key.ends_with("steps") { " (`epochs` and `steps` are both its length)" } else { "" })]
    SaidTwice { key: String, said: &'static str },
}

/// Most variants of one sweep.
pub const MOST: u64 = 1_000_000;

/// A network that is varied.
#[derive(Debug, Clone)]
pub struct Base {
    pub id: String,
    pub origin: Origin,
    /// Its whole text, which needs no other file.
    pub text: String,
}

impl Base {
    pub fn read(library: &Library, origin: &Origin, sets: &[(String, String)]) -> Result<Base, SweepError> {
        Ok(Base { id: origin.id(), origin: origin.clone(), text: library.resolved(origin, sets)? })
    }
}

/// What is measured of each variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Measuring {
    pub runs: u32,
}

/// All that a sweep was asked for.
#[derive(Debug, Clone)]
pub struct Plan {
    pub bases: Vec<Base>,
    pub varies: Vec<Vary>,
    /// So many of all variants, drawn by the seed.
    pub random: Option<u64>,
    pub seed: u64,
    /// Goes before that of a file.
    pub budget: Budget,
    pub measure: Option<Measuring>,
    pub train: Option<RunRecipe>,
}

/// A variant with what it came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// From 1, its place among all that there could be.
    pub number: u64,
    /// Which of the plan's bases it is one of.
    pub base: usize,
    /// The value of each of the plan's keys.
    pub values: Vec<String>,
    /// What keeps it from being a network.
    pub result: Result<Figures, Reason>,
    /// Why it could not be measured or trained.
    pub trouble: Option<String>,
}

/// The variants of a plan.
#[derive(Debug)]
pub struct Sweep {
    pub plan: Plan,
    pub variants: Vec<Variant>,
    /// Keys of each base that each of the plan's stands for.
    keys: Vec<Vec<Vec<String>>>,
    library: Library,
}

/// How a sweep's work is done.
pub struct How {
    /// Trainings at a time.
    pub jobs: usize,
    /// Ends the sweep after the step or the variant that is under way.
    pub stop: Arc<AtomicBool>,
    pub until: Option<Instant>,
    /// Go on although memory may not suffice.
    pub force: bool,
}

impl How {
    /// Whether nothing new is to be begun.
    fn ends(&self) -> bool {
        self.stop.load(Ordering::Relaxed) || self.until.is_some_and(|until| Instant::now() >= until)
    }
}

/// What a sweep tells while it works.
pub enum News<'a> {
    /// A variant is measured or trained, or was before; with what went wrong.
    Done {
        variant: &'a Variant,
        was_known: bool,
    },
    Note(String),
}

impl Plan {
    /// Variants that there are, drawn or not.
    pub fn count(&self) -> Result<u64, SweepError> {
        if let Some(some) = self.random.filter(|some| *some > MOST) {
            return Err(SweepError::TooMany(graph::figures::grouped(some)));
        }
        let mut counts = self.varies.iter().map(|own| own.values.len() as u64);
        let all = counts.try_fold(self.bases.len() as u64, |all, own| all.checked_mul(own));
        match (all, self.random) {
            (Some(all), None) if all > MOST => Err(SweepError::TooMany(graph::figures::grouped(all))),
            (Some(all), _) => Ok(all),
            (None, _) => Err(SweepError::Endless),
        }
    }

    /// The numbers of the variants that are wanted, from 0.
    fn numbers(&self) -> Result<Vec<u64>, SweepError> {
        let all = self.count()?;
        Ok(match self.random {
            Some(some) => vary::drawn(all, some, self.seed),
            None => (0..all).collect(),
        })
    }
}

impl Sweep {
    /// Works out every variant, on all threads. `go_on` hears how many are done.
    pub fn new(
        library: &Library,
        plan: Plan,
        go_on: impl Fn(usize) -> bool + Sync,
    ) -> Result<Option<Sweep>, SweepError> {
        for (at, own) in plan.varies.iter().flat_map(|own| &own.keys).enumerate() {
            if plan.varies.iter().flat_map(|own| &own.keys).skip(at + 1).any(|other| other == own) {
                return Err(SweepError::Twice { key: own.clone() });
            }
        }
        let said = plan.train.as_ref().map(|recipe| serde_json::to_value(&recipe.train).unwrap_or_default());
        for key in plan.varies.iter().flat_map(|own| &own.keys).filter_map(|key| key.strip_prefix("train.")) {
            let is_length = |key: &str| matches!(key, "epochs" | "steps");
            let same = |own: &str| own == key || is_length(own) && is_length(key);
            let is_said =
                said.as_ref().and_then(|own| own.as_object()).is_some_and(|own| own.keys().any(|own| same(own)));
            if is_said {
                return Err(SweepError::SaidTwice { key: format!("train.{key}"), said: "the recipe" });
            }
        }
        let numbers = plan.numbers()?;
        let mut keys = Vec::new();
        for base in &plan.bases {
            let network = worked_out(library, base, &[])?;
            let of = |own: &Vary| -> Result<Vec<String>, SweepError> {
                let all: Result<Vec<_>, _> = own.keys.iter().map(|key| vary::expanded(&network, key)).collect();
                Ok(all?.concat())
            };
            keys.push(plan.varies.iter().map(of).collect::<Result<Vec<_>, _>>()?);
        }
        let mut sweep = Sweep { plan, variants: Vec::new(), keys, library: library.clone() };
        let counts: Vec<usize> = std::iter::once(sweep.plan.bases.len())
            .chain(sweep.plan.varies.iter().map(|own| own.values.len()))
            .collect();
        let done = AtomicUsize::new(0);
        let variants: Option<Vec<Variant>> = numbers
            .into_par_iter()
            .map(|number| {
                let places = vary::places(number, &counts);
                let values = sweep.plan.varies.iter().zip(&places[1..]).map(|(own, at)| own.values[*at].clone());
                let mut own = Variant {
                    number: number + 1,
                    base: places[0],
                    values: values.collect(),
                    result: Err(String::new().into()),
                    trouble: None,
                };
                own.result = sweep.figures(&own);
                go_on(done.fetch_add(1, Ordering::Relaxed) + 1).then_some(own)
            })
            .collect();
        let Some(variants) = variants else { return Ok(None) };
        sweep.variants = variants;
        Ok(Some(sweep))
    }

    /// `--set` changes that make a variant of its base.
    pub fn sets(&self, variant: &Variant) -> Vec<(String, String)> {
        let keys = &self.keys[variant.base];
        let each = keys.iter().zip(&variant.values);
        each.flat_map(|(keys, value)| keys.iter().map(move |key| (key.clone(), value.clone()))).collect()
    }

    /// The variant as a network.
    pub fn network(&self, variant: &Variant) -> Result<Graph, LoadError> {
        worked_out(&self.library, &self.plan.bases[variant.base], &self.sets(variant))
    }

    /// The variant as a file that needs no other.
    pub fn whole_yaml(&self, variant: &Variant) -> Result<String, LoadError> {
        let base = &self.plan.bases[variant.base];
        let mut sets = self.sets(variant);
        // A name of its own, as a text that holds whatever the base's name does.
        let name = worked_out(&self.library, base, &[])?.architecture.name;
        let name = serde_json::Value::String(format!("{name}, variant {}", variant.number)).to_string();
        if !sets.iter().any(|(key, _)| key == "name") {
            sets.push(("name".into(), name));
        }
        self.library.variant_text(&base.origin, base.text.clone(), &sets)
    }

    /// The variant as a file: one that extends its base where that can be named, else whole.
    pub fn yaml(&self, variant: &Variant) -> Result<String, LoadError> {
        let base = &self.plan.bases[variant.base];
        let named = self.library.find(&base.id).ok();
        let target = Origin::File(PathBuf::from(format!("{}-{}.yaml", base.id, variant.number)));
        let text = self.whole_yaml(variant)?;
        let short = named
            .filter(|named| *named == base.origin)
            .and_then(|named| variant::extending(&self.library, &named, &base.text, &target, &text));
        Ok(short.unwrap_or(text))
    }

    fn figures(&self, variant: &Variant) -> Result<Figures, Reason> {
        let network = self.network(variant).map_err(|error| first_problem(&error))?;
        Ok(Figures::of(&network, &self.plan.budget.over(network.architecture.budget)))
    }

    /// Keys whose values change nothing that is counted, where every variant is there to see it.
    pub fn idle_keys(&self) -> Vec<String> {
        if self.plan.random.is_some() {
            return Vec::new();
        }
        let mut stride = 1;
        let mut idle = Vec::new();
        for (at, vary) in self.plan.varies.iter().enumerate().rev() {
            let count = vary.values.len();
            let is_same = |one: &Variant, other: &Variant| match (&one.result, &other.result) {
                (Ok(one), Ok(other)) => one == other,
                _ => false,
            };
            let is_first = |variant: &&Variant| variant.values[at] == vary.values[0];
            let firsts = self.variants.iter().enumerate().filter(|(_, own)| is_first(own));
            let all_same = |(place, first): (usize, &Variant)| {
                (1..count).all(|step| self.variants.get(place + step * stride).is_some_and(|own| is_same(first, own)))
            };
            if count > 1 && firsts.into_iter().all(all_same) && !vary.keys.iter().any(|key| key.starts_with("train.")) {
                idle.push(vary.name());
            }
            stride *= count;
        }
        idle.reverse();
        idle
    }

    /// Takes what a book knows already.
    pub fn take_over(&mut self, known: &HashMap<u64, Known>) {
        for variant in &mut self.variants {
            if let (Some(own), Ok(figures)) = (known.get(&variant.number), &mut variant.result) {
                (figures.ms, figures.accuracy) = (own.ms, own.accuracy.filter(|part| (0.0..=1.0).contains(part)));
                variant.trouble = own.trouble.clone();
            }
        }
    }

    /// Whether all that the plan asks for has been found out.
    pub fn is_complete(&self) -> bool {
        let is_done = |own: &Variant| match &own.result {
            Ok(figures) if figures.is_within => {
                let is_measured = self.plan.measure.is_none() || figures.ms.is_some();
                is_measured && (self.plan.train.is_none() || figures.accuracy.is_some() || own.trouble.is_some())
            }
            _ => true,
        };
        self.variants.iter().all(is_done)
    }

    /// Measures and trains what the plan asks for and the book does not have yet, as far as the control lets it. What does not fit the
    /// budget is left out.
    pub fn work(&mut self, book: &mut Book, how: &How, on: &mut (dyn FnMut(News) + Send)) -> Result<(), SweepError> {
        self.take_over(book.known());
        if let Some(measuring) = self.plan.measure {
            self.measure(book, how, measuring, on)?;
        }
        if let Some(recipe) = self.plan.train.clone() {
            self.train(book, how, &recipe, on)?;
        }
        Ok(())
    }

    fn wanted(&self, is_known: impl Fn(&Variant, &Figures) -> bool) -> Vec<(usize, bool)> {
        let all = self.variants.iter().enumerate();
        let of = |(at, own): (usize, &Variant)| {
            own.result.as_ref().ok().filter(|own| own.is_within).map(|figures| (at, is_known(own, figures)))
        };
        all.filter_map(of).collect()
    }

    fn measure(
        &mut self,
        book: &mut Book,
        how: &How,
        measuring: Measuring,
        on: &mut (dyn FnMut(News) + Send),
    ) -> Result<(), SweepError> {
        for (at, was_known) in self.wanted(|_, figures| figures.ms.is_some()) {
            if how.ends() {
                break;
            }
            if !was_known {
                let network = self.network(&self.variants[at])?;
                let stops = |_| match how.stop.load(Ordering::Relaxed) {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                };
                let timed = match how.force || measure::check_memory(&[&network], 1).is_ok() {
                    true => measure::interleaved(&[&network], 1, measuring.runs as usize, 0, stops),
                    false => {
                        on(News::Note(format!("variant {} does not fit into memory", self.variants[at].number)));
                        continue;
                    }
                };
                let Some(timed) = timed else { break };
                let ms = timed.first().map(|own| own.median.as_secs_f64() * 1e3);
                if let Ok(figures) = &mut self.variants[at].result {
                    figures.ms = ms;
                }
                book.add(&self.variants[at])?;
            }
            on(News::Done { variant: &self.variants[at], was_known });
        }
        Ok(())
    }

    /// Several at a time, each on its share of the threads: how many there are changes no bit of what is learned.
    fn train(
        &mut self,
        book: &mut Book,
        how: &How,
        recipe: &RunRecipe,
        on: &mut (dyn FnMut(News) + Send),
    ) -> Result<(), SweepError> {
        let wanted = self.wanted(|own, figures| figures.accuracy.is_some() || own.trouble.is_some());
        let next = AtomicUsize::new(0);
        let jobs = how.jobs.clamp(1, wanted.len().max(1));
        let threads = (rayon::current_num_threads() / jobs).max(1);
        let folder = book.folder().map(Path::to_path_buf);
        let trainer = Trainer { library: &self.library, recipe, how, folder: folder.as_deref() };
        let (variants, failed) = (Mutex::new(std::mem::take(&mut self.variants)), Mutex::new(None));
        let shared = Mutex::new((book, on));
        let sets: Vec<_> = {
            let variants = locked(&variants);
            wanted.iter().map(|(at, _)| self.sets(&variants[*at])).collect()
        };
        let bases = &self.plan.bases;
        let work = || {
            while !how.ends() && locked(&failed).is_none() {
                let turn = next.fetch_add(1, Ordering::Relaxed);
                let Some((at, was_known)) = wanted.get(turn).copied() else { break };
                let variant = locked(&variants)[at].clone();
                let mut now = variant.clone();
                if !was_known {
                    let own = trainer.train(&bases[variant.base], &variant, &sets[turn]);
                    let Trained { accuracy, trouble, notes } = match own {
                        Ok(Some(own)) => own,
                        Ok(None) => break,
                        Err(error) => {
                            *locked(&failed) = Some(error);
                            break;
                        }
                    };
                    if let Ok(figures) = &mut now.result {
                        figures.accuracy = accuracy;
                    }
                    now.trouble = trouble;
                    let mut shared = locked(&shared);
                    notes.into_iter().for_each(|note| (shared.1)(News::Note(note)));
                    if let Err(error) = shared.0.add(&now) {
                        *locked(&failed) = Some(error);
                        break;
                    }
                    locked(&variants)[at] = now.clone();
                }
                (locked(&shared).1)(News::Done { variant: &now, was_known });
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..jobs {
                scope.spawn(|| match rayon::ThreadPoolBuilder::new().num_threads(threads).build() {
                    Ok(pool) => pool.install(work),
                    // On the threads that are there.
                    Err(_) => work(),
                });
            }
        });
        self.variants = variants.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        failed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).map_or(Ok(()), Err)
    }
}

/// What another thread left behind is whole whatever became of that one.
fn locked<T>(own: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    own.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn worked_out(library: &Library, base: &Base, sets: &[(String, String)]) -> Result<Graph, LoadError> {
    let loaded = library.load_text(&base.origin, base.text.clone(), sets)?;
    graph::analyse(&loaded).map_err(LoadError::Invalid)
}

/// The first thing that is wrong.
fn first_problem(error: &LoadError) -> String {
    let LoadError::Invalid(report) = error else { return error.to_string() };
    let Some(first) = report.diagnostics.first() else { return String::new() };
    let place = if first.place.path.is_empty() { String::new() } else { format!("{}: ", first.place.path) };
    let of = first.file.strip_prefix("--set ").map_or(place, |key| format!("{key}: "));
    let expected = if first.expected.is_empty() { String::new() } else { format!("; {}", first.expected) };
    format!("{of}{}{expected}", first.message)
}
