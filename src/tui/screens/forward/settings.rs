//! What a forward run is made with, as it is typed.

use std::path::{Path, PathBuf};

use super::state::{Action, Forward, Setting};
use super::work;
use crate::graph::figures::grouped;
use crate::run::live::Input;
use crate::tui::screen::{Context, Prompt, Row, Standing, Typed};
use crate::tui::work::Lane;

fn title(setting: Setting) -> &'static str {
    match setting {
        Setting::Input => "A photo, a folder of photos, .npy or .safetensors; empty: noise",
        Setting::Weights => "Weights: .safetensors, .pth, or run:NAME; empty: random",
        Setting::Batch => "Images in the mini-batch",
        Setting::Runs => "Runs; the median counts",
        Setting::Threads => "Threads; empty: all cores",
        Setting::Seed => "Seed of random weights and of noise",
        Setting::Labels => "Class names: a file with one per line; empty: the architecture's",
        Setting::Class => "Class to look for; empty: the most probable",
    }
}

fn is_tensors(path: &Path) -> bool {
    let ending = path.extension().unwrap_or_default();
    ["npy", "safetensors"].iter().any(|known| ending.eq_ignore_ascii_case(known))
}

/// A file that was typed, if there is one.
fn file(path: PathBuf, stands: Standing) -> Result<PathBuf, String> {
    match stands {
        Standing::Folder => Err(format!("{} is a folder", path.display())),
        Standing::Nothing => Err(format!("there is no {}", path.display())),
        Standing::File => Ok(path),
    }
}

pub fn ask(forward: &Forward, setting: Setting, cx: &mut Context<Forward>) {
    let setup = &cx.model.setup;
    let path = |path: &Path| path.display().to_string();
    let origin = cx.model.entry().map(|entry| &entry.origin);
    let text = match setting {
        Setting::Input => match &setup.input {
            Input::Photo(own) | Input::Tensors(own) => path(own),
            Input::Noise(_) => String::new(),
        },
        Setting::Labels => origin.and_then(|origin| setup.labels.of(origin)).map_or(String::new(), |own| path(own)),
        Setting::Weights => origin.and_then(|origin| setup.weights.of(origin)).map_or(String::new(), |own| path(own)),
        Setting::Batch => setup.batch.to_string(),
        Setting::Runs => setup.runs.to_string(),
        Setting::Threads => setup.threads.map_or(String::new(), |threads| threads.to_string()),
        Setting::Seed => setup.seed.to_string(),
        Setting::Class => forward.class.map_or(String::new(), |class| class.to_string()),
    };
    let prompt = Prompt::new(setting, title(setting), text);
    cx.ask(match setting {
        // Photos are found, one or a folder of them; tensors must be a file.
        Setting::Input => {
            Prompt { is_path: true, path: |text| is_tensors(Path::new(text)).then(|| text.into()), ..prompt }
        }
        Setting::Weights | Setting::Labels => Prompt { is_path: true, path: |text| Some(text.into()), ..prompt },
        _ => prompt,
    });
}

/// What is changed seldom, in a list.
pub fn options(forward: &Forward, cursor: usize, cx: &mut Context<Forward>) {
    let setup = &cx.model.setup;
    let labels = cx.model.entry().and_then(|entry| setup.labels.of(&entry.origin));
    let names = labels.map_or("the architecture's".to_string(), |path| path.display().to_string());
    let row = |name, value: String, setting, is_usual| {
        Row::of(name, value, title(setting), Action::Ask(setting)).usual(is_usual)
    };
    let or = |value: Option<usize>, usual: &str| value.map_or(usual.to_string(), |own| own.to_string());
    let rows = vec![
        row("batch", setup.batch.to_string(), Setting::Batch, setup.batch == 1),
        row("runs", setup.runs.to_string(), Setting::Runs, setup.runs == 3),
        row("threads", or(setup.threads, "all"), Setting::Threads, setup.threads.is_none()),
        row("seed", setup.seed.to_string(), Setting::Seed, setup.seed == 0),
        row("class", or(forward.class, "most probable"), Setting::Class, forward.class.is_none()),
        row("class names", names, Setting::Labels, labels.is_none()),
    ];
    cx.menu("Forward run", rows, cursor);
}

/// Takes a setting that was typed, or says what would be right. A new photo or new weights are run at once.
pub fn set(forward: &mut Forward, setting: Setting, typed: &Typed, cx: &mut Context<Forward>) -> Result<(), String> {
    let (text, stands) = (typed.text.as_str(), typed.stands);
    let count = |most: usize| match text.parse::<usize>() {
        Ok(count) if (1..=most).contains(&count) => Ok(count),
        _ => Err(format!("expected a number from 1 to {most}")),
    };
    let origin = cx.model.entry().map(|entry| entry.origin.clone());
    let path = cx.model.expanded(text);
    let chosen = || (!text.is_empty()).then(|| file(path.clone(), stands)).transpose();
    let setup = &mut cx.model.setup;
    match setting {
        Setting::Input if text.is_empty() => {
            setup.photos.clear();
            setup.input = Input::Noise(setup.seed);
        }
        Setting::Input => {
            if !is_tensors(&path) {
                cx.spawn(Lane::Work, "looking for photos", work::find_photos(path));
                return Ok(());
            }
            setup.input = Input::Tensors(file(path, stands)?);
            setup.photos.clear();
        }
        Setting::Labels => {
            let chosen = chosen()?;
            origin.into_iter().for_each(|origin| setup.labels.set(origin, chosen.clone()));
        }
        Setting::Weights => {
            let chosen = chosen()?;
            origin.into_iter().for_each(|origin| setup.weights.set(origin, chosen.clone()));
        }
        Setting::Batch => setup.batch = count(4096)?,
        Setting::Runs => setup.runs = count(10_000)?,
        Setting::Threads if text.is_empty() => setup.threads = None,
        Setting::Threads => setup.threads = Some(count(1024)?),
        Setting::Seed => {
            let seed = text.parse::<u64>().map_err(|_| "expected a whole number".to_string())?;
            setup.seed = seed;
            if let Input::Noise(own) = &mut setup.input {
                *own = seed;
            }
        }
        Setting::Class if text.is_empty() => forward.class = None,
        Setting::Class => {
            forward.class = Some(class(forward, text, cx)?);
            forward.look(cx);
            return Ok(());
        }
    }
    forward.run(cx);
    Ok(())
}

/// A class by number or name.
fn class(forward: &Forward, text: &str, cx: &Context<Forward>) -> Result<usize, String> {
    let classes = cx.model.entry().and_then(|entry| entry.network()?.layers.last()).map(|last| last.output.elements());
    let names = forward.ran(cx.model).and_then(|ran| ran.labels.clone());
    let named = names.iter().flatten().position(|name| name.eq_ignore_ascii_case(text));
    let class = text.parse::<usize>().ok().or(named);
    let class = class.ok_or("expected the number of a class, or its name where names are known")?;
    match classes.filter(|classes| class as u128 >= *classes) {
        Some(classes) => Err(format!("the network has {} classes, from 0 on", grouped(classes))),
        None => Ok(class),
    }
}
