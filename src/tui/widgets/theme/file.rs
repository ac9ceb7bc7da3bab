//! Themes as files: what each role looks like, in YAML. Five come with the program; a user's stand beside the file of keys.

use ratatui::style::{Color, Modifier, Style};

use super::{Theme, Tones};
use crate::spec::node::{Mark, Node, Value, parse};
use crate::spec::problem::{Problem, Problems, Report, Sources, did_you_mean};

const ROLES: [&str; 12] =
    ["text", "dim", "accent", "good", "bad", "warn", "key", "bar", "border", "focus", "selected", "marked"];
/// In the order of [`crate::graph::family::Family::ALL`].
const KINDS: [&str; 7] = ["conv", "linear", "pool", "norm", "activation", "join", "other"];
const NAMES: [(&str, Color); 17] = [
    ("default", Color::Reset),
    ("black", Color::Black),
    ("red", Color::Red),
    ("green", Color::Green),
    ("yellow", Color::Yellow),
    ("blue", Color::Blue),
    ("magenta", Color::Magenta),
    ("cyan", Color::Cyan),
    ("white", Color::Gray),
    ("bright-black", Color::DarkGray),
    ("bright-red", Color::LightRed),
    ("bright-green", Color::LightGreen),
    ("bright-yellow", Color::LightYellow),
    ("bright-blue", Color::LightBlue),
    ("bright-magenta", Color::LightMagenta),
    ("bright-cyan", Color::LightCyan),
    ("bright-white", Color::White),
];

/// Themes that a file may start from, by name.
pub type Named = fn(&str) -> Option<Theme>;

/// Reads a theme that changes `base`, or the one of `named` that its `base:` says; `place` is what its file is called where
/// something is wrong with it.
pub fn read(text: &str, name: &'static str, place: &str, base: Theme, named: Named) -> Result<Theme, Report> {
    let mut sources = Sources::default();
    let source = sources.add(place.to_string(), text.to_string(), None);
    let mut problems = Problems::default();
    let mut theme = Theme { name, ..base };
    match parse(text, source) {
        Ok(node) => {
            start(&mut theme, &node, named, &mut problems);
            change(&mut theme, &node, &mut problems);
        }
        Err(error) => {
            let mark = Mark { source, node: 0 };
            problems.push(Problem::new(mark, format!("this is not YAML: {error}"), "expected `role: colour`"));
        }
    }
    if problems.is_empty() { Ok(theme) } else { Err(problems.into_report(&sources)) }
}

/// Starts from the theme that is named.
fn start(theme: &mut Theme, node: &Node, named: Named, problems: &mut Problems) {
    let Value::Map(entries) = &node.value else { return };
    let Some(entry) = entries.iter().find(|entry| entry.key == BASE) else { return };
    let own = match &entry.value.value {
        Value::Text(word) => named(word),
        _ => None,
    };
    match own {
        Some(own) => *theme = Theme { name: theme.name, ..own },
        None => {
            let words = format!("{} is not a theme to start from", entry.value.value.describe());
            problems.push(Problem::new(entry.value.mark, words, "expected dark, light, high-contrast, 16 or plain"));
        }
    }
}

const BASE: &str = "base";

fn change(theme: &mut Theme, node: &Node, problems: &mut Problems) {
    let Value::Map(entries) = &node.value else {
        let words = format!("{} is not a theme", node.value.describe());
        problems.push(Problem::new(node.mark, words, "expected `role: colour`"));
        return;
    };
    for entry in entries {
        match entry.key.as_str() {
            BASE => {}
            "tones" => match &entry.value.value {
                Value::Text(word) if word == "all" => theme.tones = Tones::All,
                Value::Text(word) if word == "few" => theme.tones = Tones::Few,
                other => {
                    let words = format!("{} is not a number of tones", other.describe());
                    problems.push(Problem::new(entry.value.mark, words, "expected all or few"));
                }
            },
            "bar_end" => theme.bar_end = style(&entry.value, problems).and_then(|style| style.fg),
            "kinds" => kinds(theme, &entry.value, problems),
            role => match ROLES.iter().position(|own| *own == role) {
                Some(at) => {
                    if let Some(style) = style(&entry.value, problems) {
                        *roles(theme)[at] = style;
                    }
                }
                None => {
                    let known = || ROLES.into_iter().chain([BASE, "tones", "bar_end", "kinds"]);
                    let words = format!("there is no role `{role}`");
                    let expected = format!("expected one of {}", known().collect::<Vec<_>>().join(", "));
                    problems.push(Problem::new(entry.key_mark, words, expected).help(did_you_mean(role, known())));
                }
            },
        }
    }
    // A full block that is reversed is an empty one, and a reversed row has one colour.
    theme.bar = theme.bar.remove_modifier(Modifier::REVERSED);
}

fn roles(theme: &mut Theme) -> [&mut Style; 12] {
    let Theme { text, dim, accent, good, bad, warn, key, bar, border, focus, selected, marked, .. } = theme;
    [text, dim, accent, good, bad, warn, key, bar, border, focus, selected, marked]
}

fn kinds(theme: &mut Theme, node: &Node, problems: &mut Problems) {
    let Value::Map(entries) = &node.value else {
        let words = format!("{} is not a table of kinds", node.value.describe());
        problems.push(Problem::new(node.mark, words, "expected `{conv: colour, pool: colour}`"));
        return;
    };
    for entry in entries {
        match KINDS.iter().position(|own| *own == entry.key) {
            Some(at) => {
                if let Some(style) = style(&entry.value, problems) {
                    theme.kinds[at] = style;
                }
            }
            None => {
                let words = format!("there is no kind `{}`", entry.key);
                let expected = format!("expected one of {}", KINDS.join(", "));
                problems.push(Problem::new(entry.key_mark, words, expected).help(did_you_mean(&entry.key, KINDS)));
            }
        }
    }
}

/// A colour, or a table of what there is to say.
fn style(node: &Node, problems: &mut Problems) -> Option<Style> {
    let Value::Map(entries) = &node.value else { return colour(node, problems).map(|fg| Style::new().fg(fg)) };
    let mut style = Style::new();
    for entry in entries {
        let modifier = match entry.key.as_str() {
            "fg" => {
                style = style.fg(colour(&entry.value, problems)?);
                continue;
            }
            "bg" => {
                style = style.bg(colour(&entry.value, problems)?);
                continue;
            }
            "bold" => Modifier::BOLD,
            "dim" => Modifier::DIM,
            "underline" => Modifier::UNDERLINED,
            "reverse" => Modifier::REVERSED,
            "italic" => Modifier::ITALIC,
            other => {
                let known = ["fg", "bg", "bold", "dim", "underline", "reverse", "italic"];
                let words = format!("a style has no `{other}`");
                let expected = format!("expected {}", known.join(", "));
                problems.push(Problem::new(entry.key_mark, words, expected).help(did_you_mean(other, known)));
                return None;
            }
        };
        match &entry.value.value {
            Value::Bool(true) => style = style.add_modifier(modifier),
            Value::Bool(false) => {}
            other => {
                let words = format!("{} is neither true nor false", other.describe());
                problems.push(Problem::new(entry.value.mark, words, "expected true or false"));
                return None;
            }
        }
    }
    Some(style)
}

fn colour(node: &Node, problems: &mut Problems) -> Option<Color> {
    let found = match &node.value {
        Value::Integer(index) => u8::try_from(*index).ok().map(Color::Indexed),
        Value::Text(text) => hex(text).or_else(|| NAMES.iter().find(|(name, _)| name == text).map(|(_, own)| *own)),
        _ => None,
    };
    if found.is_none() {
        let words = format!("{} is not a colour", node.value.describe());
        let near = match &node.value {
            Value::Text(text) => did_you_mean(text, NAMES.map(|(name, _)| name)),
            _ => None,
        };
        let expected = "expected \"#rrggbb\" in quotes, a number from 0 to 255, or a name such as red or bright-blue";
        problems.push(Problem::new(node.mark, words, expected).help(near));
    }
    found
}

fn hex(text: &str) -> Option<Color> {
    let digits =
        text.strip_prefix('#').filter(|own| own.len() == 6 && own.bytes().all(|own| own.is_ascii_hexdigit()))?;
    let part = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).ok();
    Some(Color::Rgb(part(0)?, part(2)?, part(4)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_changes_what_it_names_and_says_what_is_wrong_and_where() {
        let own = read(
            "accent: \"#ff0000\"\nselected: {bg: 4, bold: true}\n",
            "own",
            "own.yaml",
            super::super::dark(),
            super::super::bundled,
        );
        let own = own.expect("sound");
        assert_eq!((own.accent.fg, own.selected.bg), (Some(Color::Rgb(255, 0, 0)), Some(Color::Indexed(4))));
        assert_eq!(own.dim, super::super::dark().dim);
        let light =
            read("base: light\n", "own", "own.yaml", super::super::dark(), super::super::bundled).expect("sound");
        assert_eq!((light.name, light.text), ("own", super::super::light().text));
        let said = |text: &str| {
            read(text, "own", "own.yaml", super::super::plain(), super::super::bundled)
                .expect_err("refused")
                .to_string()
        };
        assert!(said("acent: red\n").starts_with("own.yaml:1:1: ") && said("acent: red\n").contains("`accent`"));
        assert!(said("text: #ff0000\n").contains("nothing is not a colour"), "a comment: {}", said("text: #ff0000\n"));
        assert!(said("text: rde\n").contains("did you mean `red`?"));
        assert!(said("text: 300\n").contains("is not a colour"));
        assert!(said("kinds: {konv: red}\n").contains("did you mean `conv`?"));
        assert!(said("text: {bold: 3}\n").contains("neither true nor false"));
        assert!(said("base: lihgt\n").contains("not a theme to start from"));
        assert!(said("- a\n").contains("is not a theme"));
        assert!(said("a: [\n").contains("this is not YAML"));
    }
}
