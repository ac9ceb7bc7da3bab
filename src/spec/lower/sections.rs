//! The smaller sections of a file: `input`, `preprocess`, `train`.

use super::operation::check_doubles;
use super::values;
use crate::spec::describe::{ChannelOrder, Input, Preprocess};
use crate::spec::kinds::PREPROCESS;
use crate::spec::limits;
use crate::spec::node::{Entry, Node, Value, shorten};
use crate::spec::problem::{Problem, Problems};
use crate::spec::recipe::{self, Recipe};

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
            _ => {}
        }
    }
    recipe
}
