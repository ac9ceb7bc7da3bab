//! What the compare screen has done in a thread: timing networks in turn, counting variants.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::state::{News, Timed};
use crate::graph::Graph;
use crate::run::measure;
use crate::run::sweep::{Base, Plan, Sweep, SweepError, Vary};
use crate::spec::{Library, Origin};
use crate::tui::work::{Done, Job};

/// Runs of each network that count.
const RUNS: usize = 5;

/// Times networks in turn; those of a study are made here.
pub fn time(what: Timed, networks: Vec<Arc<Graph>>) -> Job<News> {
    Box::new(move |cancel, outlet| {
        let of_study = match &what {
            Timed::Study(study) => study.candidates().map(|candidates| measure::of_study(study, &candidates)),
            Timed::Designs(_) => Ok(Ok(Vec::new())),
        };
        let Ok(Ok(of_study)) = of_study else {
            return Err("a network of this study is too large to run; make the map or channels smaller".into());
        };
        let networks: Vec<&Graph> = networks.iter().map(|network| &**network).chain(&of_study).collect();
        measure::check_memory(&networks, 1).map_err(|error| error.to_string())?;
        let of = measure::total_runs(networks.len(), RUNS);
        let mut told = None;
        let times = measure::interleaved(&networks, 1, RUNS, 0, |done| {
            if told != Some(done) {
                told = Some(done);
                outlet.progress("timing", done, of);
            }
            if cancel.is_asked() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        Ok(times.map_or(Done::Stopped, |times| Done::News(News::Timed(what, times))))
    })
}

/// Counts every variant.
pub fn sweep(
    library: Library,
    sets: Vec<(String, String)>,
    origin: Origin,
    text: String,
    varies: Vec<Vary>,
) -> Job<News> {
    Box::new(move |cancel, outlet| {
        let made = || -> Result<Option<Sweep>, SweepError> {
            let text = library.resolved_text(&origin, text, &sets)?;
            let base = Base { id: origin.id(), origin: origin.clone(), text };
            let (budget, bases) = (Default::default(), vec![base]);
            let plan = Plan { bases, varies, random: None, seed: 0, budget, measure: None, train: None };
            let of = usize::try_from(plan.count()?).unwrap_or(usize::MAX);
            let tell = |done: usize| outlet.progress("counting variants", done, of);
            tell(0);
            Sweep::new(&library, plan, |done| {
                if done.is_multiple_of(128) {
                    tell(done);
                }
                !cancel.is_asked()
            })
        };
        let swept = made().map_err(|error| error.to_string())?;
        Ok(swept.map_or(Done::Stopped, |sweep| Done::News(News::Swept(Arc::new(sweep)))))
    })
}
