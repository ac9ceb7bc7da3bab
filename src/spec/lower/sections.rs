//! The smaller sections of a file: `input`, `preprocess`, `weights`, `train`, `budget`.

use super::operation::check_doubles;
use super::values;
use crate::spec::budget::{self, Budget};
use crate::spec::describe::{ChannelOrder, Input, Preprocess, Published};
use crate::spec::kinds::{PREPROCESS, WEIGHTS};
use crate::spec::limits;
use crate::spec::node::{Entry, Node, Value, shorten};
use crate::spec::problem::{Problem, Problems};
use crate::spec::recipe::{self, Recipe};
use crate::spec::renaming::Renaming;

/// `[channels, height, width]`.
pub fn input(node: &Node, problems: &mut Problems) -> Option<Input> {
    match &node.value {
        Value::List(items) if items.len() == 3 => {
            let sizes: Vec<Option<u64>> = items.iter().map(|item| values::count(item, problems)).collect();
            let input = Input { channels: sizes[0]?, height: sizes[1]?, width: sizes[2]? };
            let (height, width) = (input.channels, input.height);
            // One pixel wide may be meant; three of a square are a photo.
            if input.looks_channels_last() && height == width && input.width == 3 {
                problems.push(
                    Problem::new(
                        node.mark,
                        format!("this is {height} channels of {width}×3 pixels; channels come first here"),
                        "expected `[channels, height, width]`",
                    )
                    .help(Some(format!("did you mean `[3, {height}, {width}]`?"))),
                );
                return None;
            }
            Some(input)
        }
        other => {
            problems.push(Problem::new(
                node.mark,
                format!("{} is not an input size", other.describe()),
                "expected `[channels, height, width]`, such as `[3, 224, 224]`",
            ));
            None
        }
    }
}

/// The entries of a section, with unknown and doubled keys reported.
pub fn entries<'a>(section: &str, node: &'a Node, keys: &[&str], problems: &mut Problems) -> &'a [Entry] {
    let entries: &[Entry] = match &node.value {
        Value::Map(entries) => entries,
        other => {
            problems.push(Problem::new(
                node.mark,
                format!("{} does not fit `{section}`", other.describe()),
                format!("expected a map of {}", values::one_of(keys)),
            ));
            &[]
        }
    };
    check_doubles(entries, problems);
    for entry in entries {
        if !keys.contains(&entry.key.as_str()) && problems.wants() {
            problems.push(
                Problem::new(
                    entry.key_mark,
                    format!("`{section}` has no key `{}`", shorten(&entry.key)),
                    format!("expected {}", values::one_of(keys)),
                )
                .help(problems.suggest(&entry.key, keys)),
            );
        }
    }
    entries
}

pub fn preprocess(node: &Node, channels: Option<u64>, problems: &mut Problems) -> Preprocess {
    let mut preprocess = Preprocess::default();
    for entry in entries("preprocess", node, PREPROCESS, problems) {
        let value = &entry.value;
        match entry.key.as_str() {
            "resize" => preprocess.resize = values::count(value, problems),
            "scale" => {
                let scale = values::number(value, "a number other than 0", |s| s != 0.0, problems);
                preprocess.scale = scale.unwrap_or(1.0);
            }
            "channels" => match values::word(value, &["rgb", "bgr"], problems) {
                Some("bgr") if channels.is_some_and(|channels| channels != 3) => problems.push(Problem::new(
                    value.mark,
                    format!("`bgr` is for 3 channels, and the input has {}", channels.unwrap_or(0)),
                    "expected no `channels`",
                )),
                Some("bgr") => preprocess.channels = ChannelOrder::Bgr,
                _ => {}
            },
            "mean" => {
                if let Some(mean) = per_channel(value, channels, "a number", |_| true, problems) {
                    preprocess.mean = mean;
                }
            }
            "std" => {
                let std = per_channel(value, channels, "a number above 0", |s| s > 0.0, problems);
                if let Some(std) = std {
                    preprocess.std = std;
                }
            }
            _ => {}
        }
    }
    preprocess
}

/// What the network may cost.
pub fn budget(node: &Node, problems: &mut Problems) -> Budget {
    let mut own = Budget::default();
    for entry in entries("budget", node, budget::KEYS, problems) {
        let value = &entry.value;
        let text = match &value.value {
            Value::Integer(count) => count.to_string(),
            Value::Float(count) => count.to_string(),
            Value::Text(text) => text.clone(),
            _ => String::new(),
        };
        let mut fitting = |is_read: bool, expected: &str| {
            if !is_read {
                let problem = format!("{} does not fit here", value.value.describe());
                problems.push(Problem::new(value.mark, problem, format!("expected {expected}")));
            }
        };
        let amount = budget::amount(&text);
        match entry.key.as_str() {
            "params" => (own.params, _) = (amount, fitting(amount.is_some(), budget::AMOUNT)),
            "macs" => (own.macs, _) = (amount, fitting(amount.is_some(), budget::AMOUNT)),
            "train_memory" => (own.train_memory, _) = (amount, fitting(amount.is_some(), budget::AMOUNT)),
            "batch" => own.batch = values::count(value, problems),
            "ms" => own.ms = values::number(value, "a number above 0", |ms| ms > 0.0, problems),
            "field" => {
                let bounds = budget::bounds(&text);
                (own.field, _) = (bounds, fitting(bounds.is_some(), budget::BOUNDS));
            }
            _ => {}
        }
    }
    own
}

/// One number for all channels, or a list with one for each.
fn per_channel(
    node: &Node,
    channels: Option<u64>,
    expected: &str,
    fits: impl Fn(f64) -> bool + Copy,
    problems: &mut Problems,
) -> Option<Vec<f64>> {
    let Value::List(items) = &node.value else {
        return values::number(node, expected, fits, problems).map(|value| vec![value]);
    };
    if let Some(channels) = channels
        && items.len() as u64 != channels
        && items.len() != 1
    {
        problems.push(Problem::new(
            node.mark,
            format!("{} values for {channels} channels", items.len()),
            format!("expected one value, or {channels}"),
        ));
        return None;
    }
    items.iter().map(|item| values::number(item, expected, fits, problems)).collect()
}

/// Published weights. What is said here becomes a part of addresses and of paths in a cache, so only plain words pass.
pub fn weights(node: &Node, problems: &mut Problems) -> Published {
    let names = Renaming::default();
    let (revision, file) = ("main".to_string(), "model.safetensors".to_string());
    let mut published = Published { hub: None, revision, file, sha256: None, names };
    for entry in entries("weights", node, WEIGHTS, problems) {
        let value = &entry.value;
        let mut fitting = |fits: fn(&str) -> bool, expected: &str| {
            let text = values::text(value, problems)?;
            if fits(&text) {
                return Some(text);
            }
            problems.push(Problem::new(value.mark, format!("`{}` does not fit here", shorten(&text)), expected));
            None
        };
        match entry.key.as_str() {
            "hub" => {
                let fits = |text: &str| text.split('/').count() == 2 && is_plain_path(text);
                published.hub = fitting(fits, "expected a repository, such as `timm/resnet18.tv_in1k`");
            }
            "revision" => {
                let given = fitting(is_plain_path, "expected a commit, a branch or a tag");
                published.revision = given.unwrap_or(published.revision);
            }
            "file" => {
                let given = fitting(is_plain_path, "expected a file of the repository, such as `model.safetensors`");
                published.file = given.unwrap_or(published.file);
            }
            "sha256" => {
                let fits = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
                let given = fitting(fits, "expected 64 hexadecimal digits");
                published.sha256 = given.map(|digits| digits.to_lowercase());
            }
            "names" => renaming(value, &mut published.names, problems),
            _ => {}
        }
    }
    published
}

/// Whether a text is of segments that lead nowhere else: letters, digits, `.`, `_`, `-` between slashes, and no `..`.
fn is_plain_path(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    text.len() <= 200
        && text.split('/').all(|part| !part.is_empty() && !part.starts_with('.') && part.chars().all(plain))
}

fn renaming(node: &Node, names: &mut Renaming, problems: &mut Problems) {
    let Value::Map(rules) = &node.value else {
        problems.push(Problem::new(
            node.mark,
            format!("{} does not fit `names`", node.value.describe()),
            "expected a map of patterns and what takes their place: `{'^block(\\d+)': 'stage{1-1}'}`",
        ));
        return;
    };
    check_doubles(rules, problems);
    for rule in rules {
        let Some(replacement) = values::text(&rule.value, problems) else { continue };
        if let Err(why) = names.add(&rule.key, &replacement) {
            problems.push(Problem::new(rule.key_mark, why.0, "expected a pattern and what takes its place"));
        }
    }
}

pub fn train(node: &Node, problems: &mut Problems) -> Recipe {
    let mut recipe = Recipe::default();
    for entry in entries("train", node, recipe::KEYS, problems) {
        let value = &entry.value;
        let positive = |problems: &mut Problems| values::whole(value, 1..=u64::MAX, problems);
        let words = |words, problems: &mut Problems| values::word(value, words, problems).map(str::to_string);
        let fraction = |problems: &mut Problems| {
            values::number(value, "a number from 0 to below 1", |v| (0.0..1.0).contains(&v), problems)
        };
        match entry.key.as_str() {
            "epochs" => recipe.epochs = positive(problems),
            "steps" => recipe.steps = positive(problems),
            "batch" => recipe.batch = values::whole(value, 1..=limits::DIMENSION, problems),
            "micro_batch" => recipe.micro_batch = values::whole(value, 1..=limits::DIMENSION, problems),
            "optimizer" => recipe.optimizer = words(recipe::OPTIMIZERS, problems),
            "lr" => recipe.lr = values::number(value, "a number above 0", |v| v > 0.0, problems),
            "momentum" => recipe.momentum = fraction(problems),
            "nesterov" => recipe.nesterov = values::boolean(value, problems),
            "clip" => recipe.clip = values::number(value, "a number above 0", |v| v > 0.0, problems),
            "patience" => recipe.patience = positive(problems),
            "label_smoothing" => recipe.label_smoothing = fraction(problems),
            "flip_test" => recipe.flip_test = values::boolean(value, problems),
            "weight_decay" => {
                recipe.weight_decay = values::number(value, "a number of at least 0", |v| v >= 0.0, problems);
            }
            "schedule" => recipe.schedule = words(recipe::SCHEDULES, problems),
            "warmup" => recipe.warmup = values::whole(value, 0..=u64::MAX, problems),
            "init" => recipe.init = words(recipe::INITS, problems),
            "augment" => {
                let items = match &value.value {
                    Value::List(items) => items.as_slice(),
                    _ => std::slice::from_ref(value),
                };
                let words = items.iter().filter_map(|item| values::word(item, recipe::AUGMENTS, problems));
                recipe.augment = Some(words.filter(|word| *word != "none").map(str::to_string).collect());
            }
            "shuffle" => recipe.shuffle = values::boolean(value, problems),
            "val_split" => recipe.val_split = fraction(problems),
            "seed" => recipe.seed = values::whole(value, 0..=u64::MAX, problems),
            "limit" => recipe.limit = positive(problems),
            "checkpoint_every" => recipe.checkpoint_every = positive(problems),
            "freeze" => {
                let items = match &value.value {
                    Value::List(items) => items.as_slice(),
                    _ => std::slice::from_ref(value),
                };
                recipe.freeze = Some(items.iter().filter_map(|item| values::text(item, problems)).collect());
            }
            "patience_stop" => recipe.patience_stop = positive(problems),
            "ema" => recipe.ema = fraction(problems),
            "mixup" => recipe.mixup = values::number(value, "a number above 0", |v| v > 0.0, problems),
            "cutmix" => recipe.cutmix = values::number(value, "a number above 0", |v| v > 0.0, problems),
            _ => {}
        }
    }
    recipe
}
