//! Keys: what is pressed ([`Key`]), what it stands for ([`bindings`]), and the table as a user has changed it ([`keymap`]). The
//! footer, the overview of all keys, the palette, `convlens keys` and the tests read that table.

pub mod bindings;
pub mod keymap;

pub use bindings::{Binding, Group, Motion, Together, bind, moved, scrolled};
pub use keymap::KeyMap;

use std::fmt;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// A key press, as the table writes it: `j`, `ctrl-c`, `enter`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    pub code: KeyCode,
    pub ctrl: bool,
    pub alt: bool,
    /// Of keys that are no characters; a character carries it in itself.
    pub shift: bool,
}

const NAMED: &[(&str, KeyCode, &str)] = &[
    ("up", KeyCode::Up, "↑"),
    ("down", KeyCode::Down, "↓"),
    ("left", KeyCode::Left, "←"),
    ("right", KeyCode::Right, "→"),
    ("enter", KeyCode::Enter, "⏎"),
    ("esc", KeyCode::Esc, "Esc"),
    ("tab", KeyCode::Tab, "Tab"),
    ("backtab", KeyCode::BackTab, "⇧Tab"),
    ("space", KeyCode::Char(' '), "Space"),
    ("backspace", KeyCode::Backspace, "⌫"),
    ("delete", KeyCode::Delete, "Del"),
    ("pageup", KeyCode::PageUp, "PgUp"),
    ("pagedown", KeyCode::PageDown, "PgDn"),
    ("home", KeyCode::Home, "Home"),
    ("end", KeyCode::End, "End"),
];

impl Key {
    pub fn from_event(event: KeyEvent) -> Self {
        let has = |modifier| event.modifiers.contains(modifier);
        let (ctrl, alt) = (has(KeyModifiers::CONTROL), has(KeyModifiers::ALT));
        let code = match event.code {
            KeyCode::Char(character) if ctrl => KeyCode::Char(character.to_ascii_lowercase()),
            code => code,
        };
        let shift = has(KeyModifiers::SHIFT) && !matches!(code, KeyCode::Char(_) | KeyCode::BackTab);
        Key { code, ctrl, alt, shift }
    }

    /// Reads the table's notation.
    pub fn parse(text: &str) -> Option<Self> {
        let mut key = Key { code: KeyCode::Null, ctrl: false, alt: false, shift: false };
        let mut rest = text;
        loop {
            let (flag, after) = match rest.split_once('-') {
                Some(("ctrl", after)) => (&mut key.ctrl, after),
                Some(("alt", after)) => (&mut key.alt, after),
                Some(("shift", after)) => (&mut key.shift, after),
                _ => break,
            };
            *flag = true;
            rest = after;
        }
        let mut characters = rest.chars();
        key.code = match (NAMED.iter().find(|(name, ..)| *name == rest), characters.next(), characters.next()) {
            (Some((_, code, _)), ..) => *code,
            (None, Some(character), None) => KeyCode::Char(character),
            _ => return None,
        };
        Some(key)
    }

    /// In the notation that [`Key::parse`] reads.
    pub fn written(self) -> String {
        let name = match (NAMED.iter().find(|(_, code, _)| *code == self.code), self.code) {
            (Some((name, ..)), _) => (*name).to_string(),
            (None, KeyCode::Char(character)) => character.to_string(),
            (None, other) => other.to_string().to_lowercase(),
        };
        let marks = [(self.ctrl, "ctrl-"), (self.alt, "alt-"), (self.shift, "shift-")];
        marks.into_iter().filter(|(set, _)| *set).map(|(_, mark)| mark).collect::<String>() + &name
    }

    /// The character it types, if it types one.
    pub fn character(self) -> Option<char> {
        match self.code {
            KeyCode::Char(character) if !self.ctrl && !self.alt => Some(character),
            _ => None,
        }
    }
}

impl fmt::Display for Key {
    /// As a person reads it: `↓`, `⏎`, `^C`.
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let named = NAMED.iter().find(|(_, code, _)| *code == self.code).map(|(.., shown)| *shown);
        let name = match (named, self.code) {
            (Some(shown), _) => shown.to_string(),
            (None, KeyCode::Char(character)) if self.ctrl => character.to_uppercase().to_string(),
            (None, KeyCode::Char(character)) => character.to_string(),
            (None, other) => other.to_string(),
        };
        let marks = [(self.ctrl, "^"), (self.alt, "⌥"), (self.shift, "⇧")];
        let marks: String = marks.into_iter().filter(|(set, _)| *set).map(|(_, mark)| mark).collect();
        write!(formatter, "{marks}{name}")
    }
}

/// Splits a script such as `"jj<enter>/conv<esc>"` into keys; what stands in `<…>` is a name of [`Key::parse`].
pub fn script(text: &str) -> Option<Vec<Key>> {
    let mut keys = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let named = rest.strip_prefix('<').and_then(|after| after.split_once('>'));
        let (name, after) = match named {
            Some((name, after)) => (name.to_string(), after),
            None => (first.to_string(), &rest[first.len_utf8()..]),
        };
        keys.push(if name == " " { Key::parse("space")? } else { Key::parse(&name)? });
        rest = after;
    }
    Some(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_written_as_a_person_reads_it() {
        for (text, shown) in [("ctrl-c", "^C"), ("shift-left", "⇧←"), ("alt-x", "⌥x"), ("-", "-"), ("Z", "Z")] {
            let key = Key::parse(text).expect("a key");
            assert_eq!((key.to_string().as_str(), key.written().as_str()), (shown, text));
        }
        assert_eq!(Key::parse("ctrl-nothing"), None);
        assert_eq!(Key::parse(""), None);
    }
}
