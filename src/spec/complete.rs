//! Words that the schema allows at a place of a text that is being typed and need not be sound yet.

use super::budget;
use super::bundled::BUNDLED;
use super::kinds::{
    ACTIVATIONS, CONTAINER_KEYS, CONTAINERS, KINDS, Kind, SHORTCUTS, TOP_LEVEL, Takes, container, kind,
};
use super::recipe;

/// One word on offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    pub text: String,
    /// What it is, or what it is without being said.
    pub words: String,
}

fn candidate(text: impl Into<String>, words: impl Into<String>) -> Candidate {
    Candidate { text: text.into(), words: words.into() }
}

/// What may stand at a column (in characters) of a line, for the word begun there; and where that word begins. `layers` are the names
/// that the network's layers have, for what changes them.
pub fn complete(lines: &[String], line: usize, column: usize, layers: &[&str]) -> (usize, Vec<Candidate>) {
    let before: String = lines.get(line).map_or(String::new(), |text| text.chars().take(column).collect());
    let overrides = |before: &str| around(lines, line, before).first().is_some_and(|key| key == "override");
    // Paths have points in them.
    let in_path =
        overrides(before.trim_end_matches(|own: char| own.is_alphanumeric() || matches!(own, '_' | '-' | '.')));
    let is_word =
        |character: char| character.is_alphanumeric() || matches!(character, '_' | '-') || in_path && character == '.';
    let mut word: String = before.chars().rev().take_while(|&character| is_word(character)).collect();
    word = word.chars().rev().collect();
    // The dash of a list is no part of the word.
    let dashes = word.chars().take_while(|&character| character == '-').count();
    let word: String = word.chars().skip(dashes).collect();
    let start = column.saturating_sub(word.chars().count());
    let rest: String = before.chars().take(start).collect();
    let around = around(lines, line, &rest);
    let is_key = key_before(&rest).is_none();
    let mut offered = match (around.first().map(String::as_str), around.get(1).map(String::as_str)) {
        (Some("override"), _) if is_key => {
            layers.iter().map(|name| candidate(format!("{name}: "), "a layer of the network")).collect()
        }
        // Of which kind the layer is, only the network knows.
        (Some(_), Some("override")) if is_key => kind("conv").map_or_else(Vec::new, |kind| fields(kind).collect()),
        _ => offered(&rest, &around),
    };
    let typed = word.to_lowercase();
    offered.retain(|own| own.text.to_lowercase().starts_with(&typed) && own.text.trim_end_matches([':', ' ']) != word);
    (start, offered)
}

/// The keys around a place, the innermost first: of open brackets on the line, then of the lines above that are indented
/// less.
fn around(lines: &[String], line: usize, before: &str) -> Vec<String> {
    let mut keys = open_brackets(before);
    let mut indent = indentation(before);
    for above in lines[..line.min(lines.len())].iter().rev() {
        let content = above.trim_start().trim_start_matches("- ");
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let own = indentation(above);
        // `- conv:` opens a map whose keys stand deeper than the dash.
        let starts = own + if above.trim_start().starts_with("- ") && own + 2 <= indent { 0 } else { 1 };
        if starts <= indent
            && let Some(key) = content.split(':').next().filter(|_| content.trim_end().ends_with(':'))
        {
            keys.push(key.trim().to_string());
            indent = own;
        } else if content.matches(['[', '{']).count() > content.matches([']', '}']).count() {
            // A bracket left open above.
            keys.extend(open_brackets(above));
            indent = own;
        }
        if indent == 0 {
            break;
        }
    }
    keys
}

fn indentation(line: &str) -> usize {
    line.chars().take_while(|character| *character == ' ').count()
}

/// The keys whose brackets are open at the end of a text, the innermost first.
fn open_brackets(text: &str) -> Vec<String> {
    let mut open: Vec<String> = Vec::new();
    let mut at_key = String::new();
    for character in text.chars() {
        match character {
            '{' | '[' => open.push(std::mem::take(&mut at_key)),
            '}' | ']' => drop(open.pop()),
            ',' => at_key.clear(),
            ':' | ' ' => {}
            '-' if at_key.is_empty() => {}
            other => at_key.push(other),
        }
    }
    open.retain(|key| !key.is_empty());
    open.reverse();
    open
}

/// The key whose value is being typed: `activation: re`.
fn key_before(before: &str) -> Option<&str> {
    let trimmed = before.trim_end().strip_suffix(':')?;
    trimmed.rsplit(|character: char| !(character.is_alphanumeric() || character == '_')).next()
}

fn plain(words: &[&str]) -> Vec<Candidate> {
    words.iter().map(|word| candidate(*word, "")).collect()
}

fn offered(before: &str, around: &[String]) -> Vec<Candidate> {
    if let Some(key) = key_before(before) {
        return values(key);
    }
    let inside = around.first().map(String::as_str);
    let keys = |names: &[&str]| names.iter().map(|name| candidate(format!("{name}: "), "")).collect::<Vec<_>>();
    match inside {
        None => keys(TOP_LEVEL),
        Some("layers" | "branches" | "shortcut") => layers(),
        Some("defaults") => {
            let kinds = KINDS.iter().chain(CONTAINERS).filter(|kind| !kind.fields.is_empty());
            kinds.map(|kind| candidate(format!("{}: ", kind.name), kind.about)).collect()
        }
        Some("train") => keys(recipe::KEYS),
        Some("budget") => keys(budget::KEYS),
        Some("augment") => plain(recipe::AUGMENTS),
        Some("preprocess") => keys(super::kinds::PREPROCESS),
        Some("weights") => keys(super::kinds::WEIGHTS),
        Some(name) => {
            let is_default = around.get(1).is_some_and(|key| key == "defaults");
            match (kind(name), container(name)) {
                (Some(kind), _) => {
                    let name = (!is_default).then(|| candidate("name: ", "its own name"));
                    fields(kind).chain(name).collect()
                }
                // A list right behind a container holds layers; a map its keys.
                (None, Some(_)) if !is_default && before.trim_end().ends_with('[') => layers(),
                (None, Some(container)) if is_default => fields(container).collect(),
                (None, Some(container)) => {
                    let main = container.main.filter(|main| container.field(main).is_none());
                    let common = main.into_iter().chain(CONTAINER_KEYS.iter().copied());
                    let common = common.map(|key| candidate(format!("{key}: "), ""));
                    fields(container).chain(common).collect()
                }
                (None, None) => Vec::new(),
            }
        }
    }
}

fn fields(kind: &'static Kind) -> impl Iterator<Item = Candidate> {
    kind.fields.iter().map(|field| {
        let words = match field.default {
            "" => "required".into(),
            default => format!("default {default}"),
        };
        candidate(format!("{}: ", field.name), words)
    })
}

fn layers() -> Vec<Candidate> {
    let short = [
        ("conv3-", "a 3×3 conv with so many channels"),
        ("conv1-", "a 1×1 conv"),
        ("dw3", "a depthwise 3×3 conv"),
        ("up2-", "a 2×2 transposed conv with stride 2"),
        ("fc-", "fully connected"),
        ("fc-classes", "one output a class"),
    ];
    let short = short.into_iter().map(|(text, words)| candidate(text, words));
    let kinds = KINDS.iter().map(|kind| {
        let needs = kind.fields.iter().any(|field| field.default.is_empty());
        candidate(if needs { format!("{}: ", kind.name) } else { kind.name.to_string() }, kind.about)
    });
    let containers = CONTAINERS.iter().map(|kind| candidate(format!("{}: ", kind.name), kind.about));
    let rest = [
        candidate("stack: ", "torchvision's list: [64, M, 128, A]"),
        candidate("identity", "what arrives, as a branch"),
        candidate("from: ", "a branch that begins with the output of a layer or block before"),
    ];
    short.chain(kinds).chain(containers).chain(rest).collect()
}

fn values(key: &str) -> Vec<Candidate> {
    let takes = KINDS
        .iter()
        .chain(CONTAINERS)
        .flat_map(|kind| kind.fields)
        .find(|field| field.name == key)
        .map(|field| field.takes);
    match (key, takes) {
        ("extends", _) => BUNDLED.iter().map(|(id, _)| candidate(*id, "bundled")).collect(),
        ("optimizer", _) => plain(recipe::OPTIMIZERS),
        ("schedule", _) => plain(recipe::SCHEDULES),
        ("init", _) => plain(recipe::INITS),
        ("augment", _) => plain(recipe::AUGMENTS),
        ("shuffle" | "nesterov" | "flip_test", _) | (_, Some(Takes::Bool)) => plain(&["true", "false"]),
        (_, Some(Takes::Activation)) => plain(&ACTIVATIONS.iter().chain(&["none"]).copied().collect::<Vec<_>>()),
        (_, Some(Takes::Shortcut)) => plain(SHORTCUTS),
        (_, Some(takes @ (Takes::Norm | Takes::Padding | Takes::Word(_)))) => plain(&takes.words()),
        (_, Some(Takes::Groups)) => plain(&["depthwise"]),
        ("out", _) => plain(&["classes"]),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is offered where `|` stands.
    fn at(text: &str) -> Vec<String> {
        let lines: Vec<String> = text.split('\n').map(str::to_string).collect();
        let (line, column) = lines
            .iter()
            .enumerate()
            .find_map(|(at, line)| line.chars().position(|character| character == '|').map(|column| (at, column)))
            .expect("a place");
        let lines: Vec<String> = lines.iter().map(|line| line.replace('|', "")).collect();
        complete(&lines, line, column, &["block1.conv1", "block1.conv2", "linear1"])
            .1
            .into_iter()
            .map(|own| own.text)
            .collect()
    }

    #[test]
    fn fields_are_those_of_the_kind_around() {
        assert_eq!(at("layers:\n  - conv: {out: 64, ke|}"), ["kernel: "]);
        assert_eq!(at("layers:\n  - conv:\n      str|"), ["stride: "]);
        assert_eq!(at("layers: [linear: {bi|}]"), ["bias: "]);
        assert_eq!(at("defaults:\n  conv: {act|"), ["activation: "]);
        assert_eq!(at("train: {epochs: 3, we|"), ["weight_decay: "]);
    }

    #[test]
    fn values_are_those_of_the_key() {
        assert_eq!(at("layers:\n  - conv: {out: 8, norm: b|}"), ["batch"]);
        assert_eq!(at("layers:\n  - conv: {out: 8, activation: le|}"), ["leaky_relu"]);
        assert_eq!(at("extends: vgg16_|"), ["vgg16_bn"]);
        assert_eq!(at("layers:\n  - conv: {padding: |}"), ["same", "same_upper", "valid"]);
        assert_eq!(at("layers:\n  - residual: {shortcut: p|}"), ["project", "pad"]);
        assert_eq!(at("layers:\n  - upsample: {mode: b|}"), ["bilinear"]);
    }

    #[test]
    fn layers_are_offered_in_lists_of_layers_and_keys_at_the_top() {
        assert_eq!(at("layers:\n  - maxp|"), ["maxpool"]);
        assert_eq!(at("layers: [conv3-64, glo|"), ["global_avgpool"]);
        assert_eq!(at("layers:\n  - block: {name: a, layers: [dro|"), ["dropout"]);
        assert_eq!(at("name: x\nprep|"), ["preprocess: "]);
        assert_eq!(at("layers:\n  - block:\n      rep|"), ["repeat: "]);
        assert_eq!(at("layers:\n  - residual:\n      fir|"), ["first: "]);
        assert_eq!(at("layers:\n  - concat: [conv1-64, [maxp|"), ["maxpool"]);
        assert_eq!(at("layers: [squeeze_excite: {ga|"), ["gate: "]);
        assert_eq!(at("defaults:\n  residual: {sh|"), ["shortcut: "]);
        assert!(at("layers:\n  - |").contains(&"conv3-".to_string()));
    }

    #[test]
    fn overrides_know_the_layers_and_their_fields() {
        assert_eq!(at("override:\n  block1.co|"), ["block1.conv1: ", "block1.conv2: "]);
        assert_eq!(at("override: {lin|"), ["linear1: "]);
        assert_eq!(at("override:\n  block1.conv1: {ke|"), ["kernel: "]);
        assert_eq!(at("override:\n  block1.conv1: {norm: b|"), ["batch"]);
    }

    #[test]
    fn nothing_breaks_it() {
        let text = "a: [}{]{{::\n - - -\n\t{\n層: 層\n}}}]]]\n# 3×3: “x”: \n".to_string();
        let lines: Vec<String> = text.split('\n').map(str::to_string).collect();
        for line in 0..9 {
            for column in 0..20 {
                complete(&lines, line, column, &["層"]);
            }
        }
    }
}
