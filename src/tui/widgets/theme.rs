//! Colours by role. The default background is the terminal's own; nothing is painted behind text but the selection.

use anstyle::RgbColor;
use anstyle_lossy::rgb_to_xterm;
use ratatui::buffer::Buffer;
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
    selected: fg(rgb(228, 232, 240)).bg(rgb(45, 63, 100)).add_modifier(Modifier::BOLD),
    marked: fg(rgb(212, 216, 224)).bg(rgb(38, 42, 54)),
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
    selected: fg(rgb(24, 28, 36)).bg(rgb(196, 214, 246)).add_modifier(Modifier::BOLD),
    marked: fg(rgb(24, 28, 36)).bg(rgb(228, 230, 235)),
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
    // A full block that is reversed is an empty one.
    bar: fg(Color::Cyan).remove_modifier(Modifier::REVERSED),
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
    bar: Style::new().remove_modifier(Modifier::REVERSED),
    selected: Style::new().add_modifier(Modifier::REVERSED),
    marked: Style::new().add_modifier(Modifier::UNDERLINED),
    key: Style::new().add_modifier(Modifier::BOLD),
};

pub const ALL: [Theme; 4] = [DARK, LIGHT, SIXTEEN, PLAIN];

/// Which colours a terminal has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    True,
    /// The 256 of xterm: sixteen of the terminal's own, a cube of 6×6×6, and 24 grays.
    Cube,
}

/// Whether a terminal has all colours, 256 or, with none, sixteen, from what its environment says of it.
pub fn depth(variable: impl Fn(&str) -> Option<String>) -> Option<Depth> {
    let colours = variable("COLORTERM").unwrap_or_default();
    let term = variable("TERM").unwrap_or_default();
    // These name themselves, and have all colours; over ssh nothing else says so.
    let known = ["kitty", "ghostty", "alacritty", "foot", "wezterm", "contour", "direct"];
    if ["truecolor", "24bit"].iter().any(|word| colours.contains(word)) || known.iter().any(|name| term.contains(name))
    {
        return Some(Depth::True);
    }
    term.contains("256color").then_some(Depth::Cube)
}

/// Lets a row in reverse be of one colour: what is dim there would be a block of gray.
pub fn even_out(buffer: &mut Buffer) {
    for cell in buffer.content.iter_mut().filter(|cell| cell.modifier.contains(Modifier::REVERSED)) {
        (cell.fg, cell.bg) = (Color::Reset, Color::Reset);
    }
}

/// Turns every colour of a frame into the nearest of the 256.
pub fn to_cube(buffer: &mut Buffer) {
    // Neighbours mostly are alike.
    let mut last = (Color::Reset, Color::Reset);
    let mut nearest = |color: Color| match color {
        Color::Rgb(red, green, blue) => {
            if last.0 != color {
                last = (color, Color::Indexed(rgb_to_xterm(RgbColor(red, green, blue)).0));
            }
            last.1
        }
        _ => color,
    };
    for cell in &mut buffer.content {
        (cell.fg, cell.bg) = (nearest(cell.fg), nearest(cell.bg));
    }
}

/// The theme that a terminal can show, from what its environment says of it.
pub fn detect(variable: impl Fn(&str) -> Option<String>) -> Theme {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    if set("NO_COLOR").is_some() || set("TERM").as_deref() == Some("dumb") {
        return PLAIN;
    }
    // "15;0": foreground, background. 7 and 15 are the two whites.
    let light = set("COLORFGBG").is_some_and(|value| matches!(value.rsplit(';').next(), Some("7" | "15")));
    match (depth(set), light) {
        (None, _) => SIXTEEN,
        (Some(_), true) => LIGHT,
        (Some(_), false) => DARK,
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
        assert_eq!(with(&[("TERM", "xterm")]), "16");
        assert_eq!(with(&[("TERM", "xterm-256color")]), "dark");
        assert_eq!(with(&[("TERM", "tmux-256color"), ("COLORFGBG", "0;15")]), "light");
    }

    #[test]
    fn colours_are_turned_into_the_nearest_that_a_terminal_has() {
        let of = |pairs: &[(&str, &str)]| {
            depth(|name| pairs.iter().find(|(own, _)| *own == name).map(|(_, value)| value.to_string()))
        };
        assert_eq!(of(&[("TERM", "xterm-256color")]), Some(Depth::Cube));
        assert_eq!(of(&[("TERM", "xterm-256color"), ("COLORTERM", "24bit")]), Some(Depth::True));
        assert_eq!(of(&[("TERM", "xterm-kitty")]), Some(Depth::True));
        assert_eq!(of(&[("TERM", "vt100")]), None);
        let mut buffer = Buffer::empty(ratatui::layout::Rect::new(0, 0, 3, 1));
        // xterm's table: 196 is (255, 0, 0), 231 is white, 244 is (128, 128, 128).
        let wanted = [(rgb(255, 0, 0), 196), (rgb(254, 255, 255), 231), (rgb(128, 128, 128), 244)];
        for (cell, (color, _)) in buffer.content.iter_mut().zip(wanted) {
            cell.set_bg(color);
        }
        to_cube(&mut buffer);
        for (cell, (_, index)) in buffer.content.iter().zip(wanted) {
            assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Indexed(index)));
        }
    }

    #[test]
    fn the_plain_theme_has_no_colour() {
        let Theme { text, dim, accent, good, bad, warn, bar, selected, marked, key, .. } = PLAIN;
        for style in [text, dim, accent, good, bad, warn, bar, selected, marked, key] {
            assert_eq!((style.fg, style.bg), (None, None));
        }
    }
}
