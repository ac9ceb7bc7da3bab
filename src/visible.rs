//! Text of others made safe to show: what a terminal would obey, or a reader could not see, stands as a visible escape.
//!
//! A file can hold anything: sequences that write to the clipboard (OSC 52), retitle the window or clear the screen, C1
//! controls that do the same in one character, and marks that turn the direction of writing so that a name shows as another
//! ("Trojan Source", CVE-2021-42574). All that people read passes through here on its way out; JSON has [`json`].

use std::borrow::Cow;

/// Whether a character is shown as an escape: controls (C0, DEL, C1), line and paragraph separators, marks of direction, and
/// what is invisible. Joiners stay, since scripts and emoji are written with them.
pub fn must_be_escaped(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// One line: `\n`, `\t` and `\r` as they are written in a program, all else as `\u{1b}`.
pub fn visible(text: &str) -> Cow<'_, str> {
    escaped(text, |_| false)
}

/// Lines: line breaks stay.
pub fn visible_lines(text: &str) -> Cow<'_, str> {
    escaped(text, |c| c == '\n')
}

/// Lines with colours of our own: line breaks and what sets colours (`ESC [ … m`) stay.
pub fn visible_styled(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\u{1b}') {
        safe += &visible_lines(&rest[..at]);
        let sequence = &rest[at..];
        let end = sequence.find('m').filter(|&end| {
            let inner = sequence[1..end].strip_prefix('[');
            inner.is_some_and(|inner| inner.chars().all(|c| c.is_ascii_digit() || c == ';'))
        });
        let (kept, after) = sequence.split_at(end.map_or(1, |end| end + 1));
        match end {
            Some(_) => safe += kept,
            None => safe += &visible(kept),
        }
        rest = after;
    }
    safe + &visible_lines(rest)
}

/// One line for XML and HTML, with their signs as entities.
pub fn xml(text: &str) -> String {
    let mut own = String::with_capacity(text.len());
    for letter in visible(text).chars() {
        match letter {
            '&' => own.push_str("&amp;"),
            '<' => own.push_str("&lt;"),
            '>' => own.push_str("&gt;"),
            '"' => own.push_str("&quot;"),
            letter => own.push(letter),
        }
    }
    own
}

/// JSON text that holds the same values in characters that can be shown: what the format lets stand raw is written `\u009b`.
pub fn json(text: &str) -> Cow<'_, str> {
    // Outside of strings JSON has line breaks alone, so every other such character stands in one.
    let raw = |c: char| c != '\n' && must_be_escaped(c);
    if !text.contains(raw) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match raw(c) {
            true => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| safe += &format!("\\u{unit:04x}")),
            false => safe.push(c),
        }
    }
    Cow::Owned(safe)
}

/// A name of others within a sentence: visible, and cut where it is longer than any name.
pub fn visible_name(text: &str) -> String {
    const LONGEST: usize = 120;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", visible(&text[..end])),
        None => visible(text).into_owned(),
    }
}

/// The first of some names of others, and how many more there are.
pub fn visible_names(names: &[String]) -> String {
    const MOST: usize = 8;
    let shown: Vec<String> = names.iter().take(MOST).map(|name| format!("`{}`", visible_name(name))).collect();
    match names.len().saturating_sub(MOST) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn escaped(text: &str, stays: impl Fn(char) -> bool) -> Cow<'_, str> {
    let hides = |c: char| must_be_escaped(c) && !stays(c);
    if !text.contains(hides) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            c if !hides(c) => safe.push(c),
            '\n' | '\t' | '\r' => safe.extend(c.escape_default()),
            c => safe.extend(c.escape_unicode()),
        }
    }
    Cow::Owned(safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown() {
        assert_eq!(visible("a\u{1b}]52;c;eA==\u{7}b"), r"a\u{1b}]52;c;eA==\u{7}b");
        assert_eq!(visible("a\u{9b}2J\u{7f}\u{202e}b\n"), r"a\u{9b}2J\u{7f}\u{202e}b\n");
        assert_eq!(visible_lines("one\ntwo\r"), "one\ntwo\\r");
        assert!(matches!(visible("Käfer 甲虫 👩‍🔬"), Cow::Borrowed(_)), "ordinary text is not touched");
    }

    #[test]
    fn colours_pass_and_nothing_else_does() {
        assert_eq!(visible_styled("\u{1b}[1;31merror\u{1b}[0m\n"), "\u{1b}[1;31merror\u{1b}[0m\n");
        assert_eq!(visible_styled("\u{1b}[2Jm\u{1b}"), r"\u{1b}[2Jm\u{1b}");
        assert_eq!(visible_styled("\u{1b}]0;title m\u{9b}1m"), r"\u{1b}]0;title m\u{9b}1m");
    }

    #[test]
    fn json_keeps_every_value_in_safe_characters() {
        let value = serde_json::json!({"name": "a\u{1b}\u{9b}\u{7f}\u{202e}\u{e0041}\"\\ü"});
        let text = serde_json::to_string_pretty(&value).expect("text");
        let safe = json(&text);
        assert!(!safe.chars().any(|c| c != '\n' && must_be_escaped(c)), "{safe}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).expect("JSON"), value);
    }
}
