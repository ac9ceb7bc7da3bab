//! Colours by role. The default background is the terminal's own; nothing is painted behind text but the selection.

use ratatui::style::{Color, Modifier, Style};

/// How many tones a picture can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tones {
    All,
    /// Shades of one colour.
    Few,
}

/// What a piece of text is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Theme {
    pub name: &'static str,
    pub tones: Tones,
    pub text: Style,
    /// Less important: units, borders, activations.
    pub dim: Style,
    /// Names of blocks, titles, the program's own.
    pub accent: Style,
    pub good: Style,
    pub bad: Style,
    /// Worth a look: lints.
    pub warn: Style,
    pub bar: Style,
    /// The row the cursor is on, in the pane that has the keys.
    pub selected: Style,
    /// The row the cursor is on, in the other pane.
    pub marked: Style,
    /// A key in the footer.
    pub key: Style,
}

impl Theme {
    /// How a row of a list looks, with the cursor on it or not, in the pane that has the keys or another.
    pub fn row(&self, has_cursor: bool, has_keys: bool) -> Style {
        match (has_cursor, has_keys) {
            (true, true) => self.selected,
            (true, false) => self.marked,
            (false, _) => Style::new(),
        }
    }
}

const fn fg(color: Color) -> Style {
    Style::new().fg(color)
}

const fn rgb(red: u8, green: u8, blue: u8) -> Color {
    Color::Rgb(red, green, blue)
}

pub const DARK: Theme = Theme {
    name: "dark",
    tones: Tones::All,
    text: Style::new(),
    dim: fg(rgb(138, 143, 152)),
    accent: fg(rgb(122, 162, 247)),
    good: fg(rgb(158, 206, 106)),
    bad: fg(rgb(247, 118, 142)),
    warn: fg(rgb(224, 175, 104)),
    bar: fg(rgb(86, 182, 194)),
    selected: Style::new().bg(rgb(45, 63, 100)).add_modifier(Modifier::BOLD),
    marked: Style::new().bg(rgb(38, 42, 54)),
    key: fg(rgb(224, 175, 104)),
};

pub const LIGHT: Theme = Theme {
    name: "light",
    tones: Tones::All,
    text: Style::new(),
    dim: fg(rgb(104, 108, 116)),
    accent: fg(rgb(28, 78, 160)),
    good: fg(rgb(42, 112, 42)),
    bad: fg(rgb(176, 32, 52)),
    warn: fg(rgb(140, 90, 0)),
    bar: fg(rgb(0, 110, 125)),
    selected: Style::new().bg(rgb(196, 214, 246)).add_modifier(Modifier::BOLD),
    marked: Style::new().bg(rgb(228, 230, 235)),
    key: fg(rgb(140, 90, 0)),
};

/// The terminal's own sixteen colours, whatever they are.
pub const SIXTEEN: Theme = Theme {
    name: "16",
    tones: Tones::Few,
    text: Style::new(),
    dim: fg(Color::DarkGray),
    accent: fg(Color::Blue).add_modifier(Modifier::BOLD),
    good: fg(Color::Green),
    bad: fg(Color::Red),
    warn: fg(Color::Yellow),
    bar: fg(Color::Cyan),
    selected: Style::new().add_modifier(Modifier::REVERSED),
    marked: Style::new().add_modifier(Modifier::UNDERLINED),
    key: fg(Color::Yellow),
};

/// No colour at all.
pub const PLAIN: Theme = Theme {
    name: "plain",
    tones: Tones::Few,
    text: Style::new(),
    dim: Style::new(),
    accent: Style::new().add_modifier(Modifier::BOLD),
    good: Style::new(),
    bad: Style::new().add_modifier(Modifier::BOLD),
    warn: Style::new().add_modifier(Modifier::BOLD),
    bar: Style::new(),
    selected: Style::new().add_modifier(Modifier::REVERSED),
    marked: Style::new().add_modifier(Modifier::UNDERLINED),
    key: Style::new().add_modifier(Modifier::BOLD),
};

pub const ALL: [Theme; 4] = [DARK, LIGHT, SIXTEEN, PLAIN];

/// The theme that a terminal can show, from what its environment says of it.
pub fn detect(variable: impl Fn(&str) -> Option<String>) -> Theme {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    if set("NO_COLOR").is_some() || set("TERM").as_deref() == Some("dumb") {
        return PLAIN;
    }
    // "15;0": foreground, background. 7 and 15 are the two whites.
    let light = set("COLORFGBG").is_some_and(|value| matches!(value.rsplit(';').next(), Some("7" | "15")));
    let truecolor = set("COLORTERM").is_some_and(|value| value.contains("truecolor") || value.contains("24bit"));
    match (truecolor, light) {
        (false, _) => SIXTEEN,
        (true, true) => LIGHT,
        (true, false) => DARK,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &[(&str, &str)]) -> &'static str {
        detect(|name| pairs.iter().find(|(own, _)| *own == name).map(|(_, value)| value.to_string())).name
    }

    #[test]
    fn the_theme_follows_what_the_environment_says() {
        assert_eq!(with(&[]), "16");
        assert_eq!(with(&[("COLORTERM", "truecolor")]), "dark");
        assert_eq!(with(&[("COLORTERM", "truecolor"), ("COLORFGBG", "0;15")]), "light");
        assert_eq!(with(&[("COLORTERM", "truecolor"), ("NO_COLOR", "1")]), "plain");
        assert_eq!(with(&[("NO_COLOR", "")]), "16");
        assert_eq!(with(&[("TERM", "dumb")]), "plain");
    }

    #[test]
    fn the_plain_theme_has_no_colour() {
        let Theme { text, dim, accent, good, bad, warn, bar, selected, marked, key, .. } = PLAIN;
        for style in [text, dim, accent, good, bad, warn, bar, selected, marked, key] {
            assert_eq!((style.fg, style.bg), (None, None));
        }
    }
}
