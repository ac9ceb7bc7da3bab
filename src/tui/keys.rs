//! Keys as data: one table of context, key, action and words. The footer, the overlay of all keys and the tests read it.

use std::fmt;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::state::Screen;

/// A key press, as the table writes it: `j`, `ctrl-c`, `enter`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    pub code: KeyCode,
    pub ctrl: bool,
}

impl Key {
    pub fn from_event(event: KeyEvent) -> Self {
        let ctrl = event.modifiers.contains(KeyModifiers::CONTROL);
        Key { code: event.code, ctrl }
    }

    /// Reads the table's notation.
    pub fn parse(text: &str) -> Option<Self> {
        let (ctrl, name) = match text.strip_prefix("ctrl-") {
            Some(name) => (true, name),
            None => (false, text),
        };
        let mut characters = name.chars();
        let code = match (name, characters.next(), characters.next()) {
            ("up", ..) => KeyCode::Up,
            ("down", ..) => KeyCode::Down,
            ("left", ..) => KeyCode::Left,
            ("right", ..) => KeyCode::Right,
            ("enter", ..) => KeyCode::Enter,
            ("esc", ..) => KeyCode::Esc,
            ("tab", ..) => KeyCode::Tab,
            ("backtab", ..) => KeyCode::BackTab,
            ("space", ..) => KeyCode::Char(' '),
            ("backspace", ..) => KeyCode::Backspace,
            ("pageup", ..) => KeyCode::PageUp,
            ("pagedown", ..) => KeyCode::PageDown,
            ("home", ..) => KeyCode::Home,
            ("end", ..) => KeyCode::End,
            (_, Some(character), None) => KeyCode::Char(character),
            _ => return None,
        };
        Some(Key { code, ctrl })
    }
}

impl fmt::Display for Key {
    /// As a person reads it: `↓`, `⏎`, `^C`.
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let name = match self.code {
            KeyCode::Up => "↑".into(),
            KeyCode::Down => "↓".into(),
            KeyCode::Left => "←".into(),
            KeyCode::Right => "→".into(),
            KeyCode::Enter => "⏎".into(),
            KeyCode::Esc => "Esc".into(),
            KeyCode::Tab => "Tab".into(),
            KeyCode::BackTab => "⇧Tab".into(),
            KeyCode::Char(' ') => "Space".into(),
            KeyCode::Char(character) if self.ctrl => format!("^{}", character.to_uppercase()),
            KeyCode::Char(character) => character.to_string(),
            KeyCode::PageUp => "PgUp".into(),
            KeyCode::PageDown => "PgDn".into(),
            KeyCode::Home => "Home".into(),
            KeyCode::End => "End".into(),
            KeyCode::Backspace => "⌫".into(),
            other => format!("{other}"),
        };
        formatter.write_str(&name)
    }
}

/// Where a key means something. A key of a narrower context wins over the same key in [`Context::Everywhere`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Context {
    Everywhere,
    /// Moving in any list.
    Lists,
    /// The layer table.
    Layers,
    /// The field of a unit.
    Field,
    /// The list of architectures.
    Architectures,
    /// Typing what to find.
    Find,
    /// The overlay of all keys.
    Help,
}

impl Context {
    pub fn title(self) -> &'static str {
        match self {
            Context::Everywhere => "everywhere",
            Context::Lists => "moving",
            Context::Layers => "layers",
            Context::Field => "field",
            Context::Architectures => "architectures",
            Context::Find => "while finding",
            Context::Help => "this overview",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
    /// Open what is selected, or close it.
    Toggle,
    Open,
    Close,
    FoldAll,
    UnfoldAll,
    SwitchPane,
    Show(Screen),
    /// Moves the unit by rows and columns.
    Unit(i8, i8),
    Middle,
    Find,
    FindNext,
    FindPrevious,
    Accept,
    Cancel,
    DeleteLast,
    Copy,
    CopyTable,
    Reload,
    Mouse,
    Help,
    Suspend,
    Repaint,
    Quit,
}

/// One row of the table.
pub struct Binding {
    pub context: Context,
    /// In the notation of [`Key::parse`], several separated by spaces.
    pub keys: &'static str,
    pub action: Action,
    pub words: &'static str,
    /// The short form for the footer; empty where it is not shown there.
    pub footer: &'static str,
}

const fn bind(
    context: Context,
    keys: &'static str,
    action: Action,
    words: &'static str,
    footer: &'static str,
) -> Binding {
    Binding { context, keys, action, words, footer }
}

/// Every key of the explorer.
pub const BINDINGS: &[Binding] = &[
    bind(Context::Lists, "up k", Action::Up, "one up", ""),
    bind(Context::Lists, "down j", Action::Down, "one down", "move"),
    bind(Context::Lists, "pageup ctrl-b", Action::PageUp, "a page up", ""),
    bind(Context::Lists, "pagedown ctrl-f", Action::PageDown, "a page down", ""),
    bind(Context::Lists, "home g", Action::First, "to the first", ""),
    bind(Context::Lists, "end G", Action::Last, "to the last", ""),
    bind(Context::Layers, "enter space", Action::Toggle, "open or close a block, or a layer's activation", "open"),
    bind(Context::Layers, "right l", Action::Open, "open", ""),
    bind(Context::Layers, "left h", Action::Close, "close, then to the block around it, then to the list", ""),
    bind(Context::Layers, "z", Action::FoldAll, "close every block", "close all"),
    bind(Context::Layers, "Z", Action::UnfoldAll, "open everything", "open all"),
    bind(Context::Layers, "y", Action::Copy, "copy the row and its working", "copy"),
    bind(Context::Layers, "Y", Action::CopyTable, "copy the table as it is folded, as Markdown", ""),
    bind(Context::Field, "right l", Action::Unit(0, 1), "the unit to the right", "unit"),
    bind(Context::Field, "left h", Action::Unit(0, -1), "the unit to the left", ""),
    bind(Context::Field, "J", Action::Unit(1, 0), "the unit below", ""),
    bind(Context::Field, "K", Action::Unit(-1, 0), "the unit above", ""),
    bind(Context::Field, "c", Action::Middle, "the unit in the middle", "middle"),
    bind(Context::Field, "y", Action::Copy, "copy what the unit sees", "copy"),
    bind(Context::Architectures, "enter right l", Action::Open, "look at its layers", "layers"),
    bind(Context::Architectures, "left h", Action::Close, "back to the layers", ""),
    bind(Context::Architectures, "y", Action::Copy, "copy the name and totals", "copy"),
    bind(Context::Everywhere, "1", Action::Show(Screen::Layers), "the layer table", ""),
    bind(Context::Everywhere, "2", Action::Show(Screen::Field), "what a unit sees of the input", ""),
    bind(Context::Everywhere, "tab backtab", Action::SwitchPane, "between architectures and layers", "list"),
    bind(Context::Everywhere, "/", Action::Find, "find a layer or an architecture", "find"),
    bind(Context::Everywhere, "n", Action::FindNext, "find the next", ""),
    bind(Context::Everywhere, "N", Action::FindPrevious, "find the one before", ""),
    bind(Context::Everywhere, "r", Action::Reload, "read the file again", ""),
    bind(Context::Everywhere, "m", Action::Mouse, "mouse off, to select text, and on again", ""),
    bind(Context::Everywhere, "?", Action::Help, "all keys", "all keys"),
    bind(Context::Everywhere, "ctrl-l", Action::Repaint, "paint again", ""),
    bind(Context::Everywhere, "ctrl-z", Action::Suspend, "suspend", ""),
    bind(Context::Everywhere, "q ctrl-c", Action::Quit, "quit", "quit"),
    bind(Context::Find, "enter down", Action::Accept, "stay at what was found", "stay there"),
    bind(Context::Find, "esc ctrl-c", Action::Cancel, "go back", "back"),
    bind(Context::Find, "backspace", Action::DeleteLast, "delete a letter", ""),
    bind(Context::Help, "esc q ? enter ctrl-c", Action::Cancel, "close", "close"),
    bind(Context::Help, "down j", Action::Down, "scroll down", "scroll"),
    bind(Context::Help, "up k", Action::Up, "scroll up", ""),
    bind(Context::Help, "ctrl-z", Action::Suspend, "suspend", ""),
];

impl Binding {
    pub fn keys(&self) -> impl Iterator<Item = Key> {
        self.keys.split(' ').filter_map(Key::parse)
    }
}

/// What a key does where `contexts` apply, the narrowest first.
pub fn action(key: Key, contexts: &[Context]) -> Option<Action> {
    contexts.iter().find_map(|context| {
        let own = BINDINGS.iter().filter(|binding| binding.context == *context);
        own.into_iter().find(|binding| binding.keys().any(|own| own == key)).map(|binding| binding.action)
    })
}

/// Every line of the overlay: headings, and keys with what they do.
pub fn overview() -> Vec<(String, String)> {
    let contexts = [
        Context::Lists,
        Context::Layers,
        Context::Field,
        Context::Architectures,
        Context::Everywhere,
        Context::Find,
        Context::Help,
    ];
    let mut lines = Vec::new();
    for context in contexts {
        if !lines.is_empty() {
            lines.push((String::new(), String::new()));
        }
        lines.push((context.title().to_string(), String::new()));
        for binding in BINDINGS.iter().filter(|binding| binding.context == context) {
            let keys: Vec<String> = binding.keys().map(|key: Key| key.to_string()).collect();
            lines.push((format!("  {}", keys.join(" ")), binding.words.to_string()));
        }
    }
    lines
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
    use std::collections::HashMap;

    #[test]
    fn every_key_can_be_read_and_means_one_thing_in_its_context() {
        let mut seen: HashMap<(Context, Key), &str> = HashMap::new();
        for binding in BINDINGS {
            assert_eq!(binding.keys().count(), binding.keys.split(' ').count(), "{}", binding.keys);
            for key in binding.keys() {
                let other = seen.insert((binding.context, key), binding.words);
                assert_eq!(other, None, "{key} in {:?}", binding.context);
                // `Lists` applies together with these, so a key of both would hide one of them.
                for beside in [Context::Layers, Context::Field, Context::Architectures] {
                    if binding.context == Context::Lists {
                        assert!(action(key, &[beside]).is_none(), "{key} is in {beside:?} too");
                    }
                }
            }
        }
    }
}
