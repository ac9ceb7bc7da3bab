//! Single values: a node read as the type a field wants, or a problem that says what was expected.

use crate::spec::describe::{Groups, Padding, Pair, Sides, Width};
use crate::spec::limits;
use crate::spec::node::{Node, Value, shorten};
use crate::spec::problem::{Problem, Problems};

/// A whole number within `range`.
pub fn whole(node: &Node, range: std::ops::RangeInclusive<u64>, problems: &mut Problems) -> Option<u64> {
    let value = match node.value {
        Value::Integer(value) => u64::try_from(value).ok(),
        _ => None,
    };
    if let Some(value) = value.filter(|value| range.contains(value)) {
        return Some(value);
    }
    let expected = format!("expected {}", range_in_words(&range));
    problems.push(Problem::new(node.mark, format!("{} does not fit here", node.value.describe()), expected));
    None
}

fn range_in_words(range: &std::ops::RangeInclusive<u64>) -> String {
    match (*range.start(), *range.end()) {
        (0, u64::MAX) => "a whole number of at least 0".to_string(),
        (1, u64::MAX) => "a whole number of at least 1".to_string(),
        (from, limits::DIMENSION) => format!("a whole number from {from} to 2^24"),
        (from, to) => format!("a whole number from {from} to {to}"),
    }
}

/// A size: 1 to the largest dimension allowed.
pub fn count(node: &Node, problems: &mut Problems) -> Option<u64> {
    whole(node, 1..=limits::DIMENSION, problems)
}

/// A number, or `[height, width]`, each at least `least`.
pub fn pair(node: &Node, least: u64, problems: &mut Problems) -> Option<Pair> {
    let range = least..=limits::DIMENSION;
    match &node.value {
        Value::List(items) if items.len() == 2 => {
            let height = whole(&items[0], range.clone(), problems);
            let width = whole(&items[1], range, problems);
            Some(Pair { height: height?, width: width? })
        }
        Value::Integer(_) => whole(node, range, problems).map(Pair::square),
        other => {
            problems.push(Problem::new(
                node.mark,
                format!("{} does not fit here", other.describe()),
                format!("expected {}, or two as `[height, width]`", range_in_words(&range)),
            ));
            None
        }
    }
}

/// What a `padding` says, before `same` is worked out.
pub enum PaddingWord {
    Same,
    Known(Padding),
}

const PADDING: &str =
    "expected `same`, `same_upper`, `valid`, a whole number, `[height, width]` or `[top, bottom, left, right]`";

pub fn padding(node: &Node, problems: &mut Problems) -> Option<PaddingWord> {
    match &node.value {
        Value::Text(word) => match word.as_str() {
            "same" => Some(PaddingWord::Same),
            "same_upper" => Some(PaddingWord::Known(Padding::SameUpper)),
            "valid" => Some(PaddingWord::Known(Padding::Sides(Sides::NONE))),
            _ => {
                problems.push(
                    Problem::new(node.mark, format!("no padding is called `{}`", shorten(word)), PADDING)
                        .help(problems.suggest(word, ["same", "same_upper", "valid"])),
                );
                None
            }
        },
        Value::List(items) if items.len() == 4 => {
            let sides: Vec<Option<u64>> =
                items.iter().map(|item| whole(item, 0..=limits::DIMENSION, problems)).collect();
            let [top, bottom, left, right] = sides[..] else { return None };
            let sides = Sides { top: top?, bottom: bottom?, left: left?, right: right? };
            Some(PaddingWord::Known(Padding::Sides(sides)))
        }
        Value::List(items) if items.len() != 2 => {
            problems.push(Problem::new(node.mark, format!("a list of {} is no padding", items.len()), PADDING));
            None
        }
        _ => {
            let pair = pair(node, 0, problems)?;
            Some(PaddingWord::Known(Padding::Sides(Sides::around(pair))))
        }
    }
}

/// A number of channels or features, or one that follows from what arrives: `x6`, `/4`.
pub fn width(node: &Node, unit: &str, words: &[&str], problems: &mut Problems) -> Option<Width> {
    let Value::Text(word) = &node.value else { return count(node, problems).map(Width::Count) };
    let relative = |start: &[char]| {
        let number = word.strip_prefix(start)?;
        let digits = number.bytes().all(|byte| byte.is_ascii_digit());
        number.parse::<u64>().ok().filter(|value| digits && (1..=limits::DIMENSION).contains(value))
    };
    if let Some(times) = relative(&['x', '×']) {
        return Some(Width::Times(times));
    }
    if let Some(part) = relative(&['/']) {
        return Some(Width::Part(part));
    }
    let also = words.iter().map(|word| format!(", or `{word}`")).collect::<String>();
    problems.push(
        Problem::new(
            node.mark,
            format!("`{}` is not a number of {unit}", shorten(word)),
            format!("expected a whole number from 1 to 2^24, `x6` or `/4` of what arrives{also}"),
        )
        .help(problems.suggest(word, words)),
    );
    None
}

pub fn groups(node: &Node, problems: &mut Problems) -> Option<Groups> {
    match &node.value {
        Value::Text(word) if word == "depthwise" => Some(Groups::Depthwise),
        Value::Text(word) => {
            problems.push(
                Problem::new(
                    node.mark,
                    format!("`{word}` is not a number of groups"),
                    "expected a whole number of at least 1, or `depthwise`",
                )
                .help(problems.suggest(word, ["depthwise"])),
            );
            None
        }
        _ => count(node, problems).map(Groups::Count),
    }
}

pub fn boolean(node: &Node, problems: &mut Problems) -> Option<bool> {
    if let Value::Bool(value) = node.value {
        return Some(value);
    }
    problems.push(Problem::new(
        node.mark,
        format!("{} does not fit here", node.value.describe()),
        "expected `true` or `false`",
    ));
    None
}

/// A finite number for which `fits` holds; `expected` says which those are.
pub fn number(node: &Node, expected: &str, fits: impl Fn(f64) -> bool, problems: &mut Problems) -> Option<f64> {
    let value = match &node.value {
        Value::Integer(value) => Some(*value as f64),
        Value::Float(value) => Some(*value),
        // YAML 1.2 calls `1e-5` a number; serde_yaml wants a dot and reads a word.
        Value::Text(text) if text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) => text.parse().ok(),
        _ => None,
    };
    if let Some(value) = value.filter(|value| value.is_finite() && fits(*value)) {
        return Some(value);
    }
    problems.push(Problem::new(
        node.mark,
        format!("{} does not fit here", node.value.describe()),
        format!("expected {expected}"),
    ));
    None
}

pub fn text(node: &Node, problems: &mut Problems) -> Option<String> {
    match &node.value {
        Value::Text(text) => Some(text.clone()),
        // A name such as `2024` or `true` is a text for whoever wrote it.
        Value::Integer(value) => Some(value.to_string()),
        Value::Float(value) => Some(value.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        other => {
            problems.push(Problem::new(
                node.mark,
                format!("{} does not fit here", other.describe()),
                "expected a text",
            ));
            None
        }
    }
}

/// One of a few words.
pub fn word(node: &Node, words: &[&'static str], problems: &mut Problems) -> Option<&'static str> {
    let given = match &node.value {
        Value::Text(text) => text.as_str(),
        _ => "",
    };
    if let Some(word) = words.iter().find(|word| **word == given) {
        return Some(word);
    }
    problems.push(
        Problem::new(
            node.mark,
            format!("{} does not fit here", node.value.describe()),
            format!("expected {}", one_of(words)),
        )
        .help(problems.suggest(given, words)),
    );
    None
}

/// "one of `a`, `b`, `c`".
pub fn one_of(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.as_slice() {
        [only] => only.clone(),
        several => format!("one of {}", several.join(", ")),
    }
}
