//! What the training screen has done in threads: training itself, which tells of steps a few times a second and is told to pause
//! or to keep; reading, listing and judging runs.
//!
//! Training never waits for the window: news that finds no room is told with the next. What ends a run is told without fail.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::state::{About, News, Shown, Usable, Verdict};
use crate::files::read;
use crate::run::evaluate::of_run::judge_run;
use crate::run::runs::{self, Found, History};
use crate::run::session::{self, Begin, Change, Session};
use crate::run::train::{Command, Control, End, Event, Observed};
use crate::spec::{Library, Origin};
use crate::tui::model::open::open;
use crate::tui::work::{Done, Job, Outlet};

/// What is to be trained.
#[derive(Debug, Clone)]
pub enum Wanted {
    Begin(Box<Begin>),
    /// With the length that is wanted now, if another is.
    Resume(PathBuf, Change),
}

/// Between two tellings. The window paints no more often for that, which keeps painting below a hundredth of the time.
const TELL: Duration = Duration::from_millis(200);
/// Images of the validation set that are shown.
const SAMPLES: usize = 24;

/// Trains until the run's end, or until it is asked to stop; commands come through `told`.
pub fn training(library: Library, wanted: Wanted, told: Receiver<Command>) -> Job<News> {
    Box::new(move |cancel, outlet| {
        let control = Control { stop: cancel.flag(), commands: Some(told), until: None };
        let run = || train(&library, &wanted, &control, outlet);
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
        let ended = ended.unwrap_or_else(|panic| {
            let why = crate::tui::work::reason(&*panic);
            Err(format!("training failed; its folder has what was saved; {why}"))
        });
        Ok(Done::News(News::Ended(ended)))
    })
}

/// Which runs there are.
pub fn listing() -> Job<News> {
    Box::new(|_, _| Ok(Done::News(News::Runs(runs::list(Path::new(runs::FOLDER))))))
}

/// What a run's best weights are worth.
pub fn judging(folder: PathBuf) -> Job<News> {
    Box::new(move |cancel, outlet| {
        let found = judge_run(&folder, |done, of| {
            outlet.progress("judging, images", done, of);
            !cancel.is_asked()
        });
        Ok(match found.map_err(|why| why.to_string())? {
            Some(figures) => {
                let names = runs::classes(&folder);
                Done::News(News::Judged { folder, verdict: Box::new(Verdict { figures, names }) })
            }
            None => Done::Stopped,
        })
    })
}

/// A run's best weights and the architecture beside them; the list's that it was trained from goes with it.
pub fn using(library: Library, listed: Option<Origin>, folder: PathBuf) -> Job<News> {
    Box::new(move |_, _| {
        let weights = runs::weights_of(&folder.display().to_string()).map_err(|error| error.to_string())?;
        let run = folder.file_name().map_or_else(String::new, |name| name.display().to_string());
        let origin = Origin::File(folder.join(runs::ARCHITECTURE));
        let (text, opened) = open(&library, &origin, &[]);
        Ok(Done::News(News::Usable(Box::new(Usable { run, listed, origin, text, opened, weights }))))
    })
}

/// A sentence that names flags, in the words of the recipe that is typed here: `--lr` as `lr`, `--clip 1` as `clip=1`.
fn in_recipe_words(text: &str) -> String {
    let mut parts = text.split('`');
    let mut words = parts.next().unwrap_or_default().to_string();
    for (at, part) in parts.enumerate() {
        words.push('`');
        match part.strip_prefix("--").filter(|_| at % 2 == 0) {
            Some(flag) => {
                let (key, value) = flag.split_once(' ').map_or((flag, None), |(key, value)| (key, Some(value)));
                match (key, value.and_then(|value| value.split_once('='))) {
                    ("set", Some((key, value))) => words += &format!("{key}: {value}"),
                    _ => {
                        words += &value.map_or(key.replace('-', "_"), |own| format!("{}={own}", key.replace('-', "_")))
                    }
                }
            }
            None => words += part,
        }
    }
    words
}

fn train(library: &Library, wanted: &Wanted, control: &Control, outlet: &Outlet<News>) -> Result<String, String> {
    let session = match wanted {
        Wanted::Begin(begin) => session::begin(library, begin),
        Wanted::Resume(folder, change) => session::resume(folder, change),
    };
    let session = session.map_err(|error| in_recipe_words(&error.to_string()))?;
    let began = shown(&session).map_err(|error| error.to_string())?;
    for note in &session.notes {
        outlet.tell(in_recipe_words(note));
    }
    outlet.news(News::Began(Box::new(began)));
    let teller = Mutex::new(Teller { waiting: Vec::new(), told: Instant::now(), paused: false, outlet });
    let observed = Observed { norms: true, samples: SAMPLES };
    let mut on = |event: Event| {
        let event = match event {
            Event::Warning { step, text } => Event::Warning { step, text: in_recipe_words(&text) },
            other => other,
        };
        teller.lock().unwrap_or_else(PoisonError::into_inner).take(event);
        ControlFlow::Continue(())
    };
    let over = session.run(control, observed, &mut on, &mut |_| Ok(()));
    teller.into_inner().unwrap_or_else(PoisonError::into_inner).flush();
    let over = over.map_err(|error| in_recipe_words(&error.to_string()))?;
    let accuracy = over.summary.as_ref().and_then(|own| own.test_accuracy.or(own.val_accuracy));
    let accuracy = accuracy.map_or_else(String::new, |accuracy| format!(", accuracy {:.2}%", 100.0 * accuracy));
    let early = over.reason();
    Ok(match over.end {
        End::Finished => format!("finished{accuracy}"),
        End::Early => format!("finished early{accuracy}: {}", early.unwrap_or_default()),
        End::Stopped | End::Late => format!("stopped at step {}{accuracy}", over.steps),
    })
}

fn shown(session: &Session) -> Result<Shown, runs::RunError> {
    let folder = session.folder().map_or_else(PathBuf::new, PathBuf::from);
    let history = match session.done() {
        0 => History::default(),
        _ => History::read(&folder)?,
    };
    let about = About {
        data: session.start["data"].as_str().unwrap_or_default().to_string(),
        recipe: recipe_words(&session.recipe.given()),
        total_steps: session.total_steps(),
        epochs: session.recipe.given().epochs,
        images: session.sets.train.len() as u64,
        names: session.sets.names.clone(),
        began: Some(session.done()),
        notes: session.notes.iter().map(|note| in_recipe_words(note)).collect(),
    };
    Ok(Shown { network: Some(Arc::new(session.network.clone())), ..Shown::new(folder, history, about) })
}

/// A recipe in a line: what is usual is left out.
fn recipe_words(recipe: &crate::spec::recipe::Recipe) -> String {
    let value = serde_json::to_value(recipe).unwrap_or_default();
    let usual = crate::run::train::Recipe::new(&Default::default()).given();
    let usual = serde_json::to_value(usual).unwrap_or_default();
    let always = ["batch", "optimizer", "lr"];
    let own = value.as_object().into_iter().flatten().filter(|(key, value)| {
        always.contains(&key.as_str()) || usual.get(key.as_str()) != Some(value) && *key != "micro_batch"
    });
    let text = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Array(items) => items.iter().filter_map(|item| item.as_str()).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    };
    own.map(|(key, value)| format!("{key} {}", text(value))).collect::<Vec<_>>().join(" · ")
}

/// Collects events and tells them together.
struct Teller<'a, 'b> {
    waiting: Vec<Event>,
    told: Instant,
    /// Then every step is told at once.
    paused: bool,
    outlet: &'a Outlet<'b, News>,
}

impl Teller<'_, '_> {
    fn take(&mut self, event: Event) {
        let waits = matches!(event, Event::Step(_) | Event::Norms { .. } | Event::Validating { .. }) && !self.paused;
        if let Event::Paused(paused) = event {
            self.paused = paused;
        }
        self.waiting.push(event);
        if !waits || self.told.elapsed() >= TELL {
            self.try_flush();
        }
    }

    fn try_flush(&mut self) {
        self.told = Instant::now();
        if let Some(News::Events(events)) = self.outlet.try_news(News::Events(std::mem::take(&mut self.waiting))) {
            self.waiting = events;
            self.thin();
        }
    }

    /// While the window is away, as in another program, no more waits than can be drawn: every second step goes.
    fn thin(&mut self) {
        const MOST: usize = 20_000;
        if self.waiting.len() <= MOST {
            return;
        }
        let mut at = 0;
        self.waiting.retain(|event| {
            at += 1;
            match event {
                Event::Norms { .. } | Event::Validating { .. } => false,
                Event::Step(_) => at % 2 == 0,
                _ => true,
            }
        });
    }

    fn flush(self) {
        self.outlet.news(News::Events(self.waiting));
    }
}

/// Reads a run, to be shown or to be laid `over` what is shown; one that another process trains is read again as it goes on, until
/// something else is asked for.
pub fn reading(folder: PathBuf, over: bool) -> Job<News> {
    Box::new(move |cancel, outlet| {
        let mut length = None;
        loop {
            let found = Found::open(&folder);
            let metrics = folder.join("metrics.jsonl");
            let now = std::fs::metadata(&metrics).ok().map(|metadata| metadata.len());
            let began = Instant::now();
            if now != length {
                length = now;
                outlet.news(match History::read(&folder) {
                    Ok(history) => News::Read { shown: Box::new(of_folder(&found, history)), over },
                    Err(error) => News::Unreadable(error.to_string()),
                });
            }
            if !found.is_live || over {
                return Ok(Done::Silent);
            }
            // Reading takes no more than a tenth of the time.
            let until = Instant::now() + (began.elapsed() * 10).max(Duration::from_secs(1));
            while Instant::now() < until {
                if cancel.is_asked() {
                    return Ok(Done::Silent);
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    })
}

fn of_folder(found: &Found, history: History) -> Shown {
    let text = read::text(&found.folder.join("recipe.yaml"), read::SMALL).unwrap_or_default();
    let recipe =
        crate::spec::recipe::RunRecipe::read(&text).map_or_else(|_| String::new(), |own| recipe_words(&own.train));
    let about = match &found.summary {
        Ok(own) => About {
            notes: Vec::new(),
            data: own.data.clone(),
            recipe,
            total_steps: own.total_steps,
            epochs: own.epochs,
            images: own.images,
            names: Vec::new(),
            began: None,
        },
        Err(_) => About { recipe, ..About::default() },
    };
    let ended = (!found.is_live).then(|| found.status().to_string());
    Shown { ended, ..Shown::new(found.folder.clone(), history, about) }
}

#[cfg(test)]
mod tests {
    use super::in_recipe_words;

    #[test]
    fn advice_is_given_in_the_words_that_can_be_typed() {
        let said = in_recipe_words("at `block1.conv1`; try a lower `--lr`, or gradient clipping (`--clip 1`)");
        assert_eq!(said, "at `block1.conv1`; try a lower `lr`, or gradient clipping (`clip=1`)");
        assert_eq!(in_recipe_words("`--val-split 0.1` keeps some"), "`val_split=0.1` keeps some");
        assert_eq!(in_recipe_words("`--set classes=10` makes them fit"), "`classes: 10` makes them fit");
        assert_eq!(in_recipe_words("no flags -- at all"), "no flags -- at all");
        assert_eq!(in_recipe_words("one ` alone --lr"), "one ` alone --lr");
    }
}
