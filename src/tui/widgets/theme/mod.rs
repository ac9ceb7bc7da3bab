//! Colours by role. The default background is the terminal's own; nothing is painted behind text but the selection.

mod file;

pub use file::read;

use std::sync::OnceLock;

use anstyle::RgbColor;
use anstyle_lossy::rgb_to_xterm;
use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier, Style};

use crate::graph::family::Family;

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
    /// The frame of a pane, and of the one that has the keys.
    pub border: Style,
    pub focus: Style,
    /// The colour that bars and curves run to from that of `bar`, where there are tones enough.
    pub bar_end: Option<Color>,
    /// Layers by the family of their kind, in the order of [`Family::ALL`].
    pub kinds: [Style; 7],
}

impl Theme {
    /// Nothing but the terminal's own.
    pub const EMPTY: Theme = Theme {
        name: "",
        tones: Tones::Few,
        text: Style::new(),
        dim: Style::new(),
        accent: Style::new(),
        good: Style::new(),
        bad: Style::new(),
        warn: Style::new(),
        bar: Style::new(),
        selected: Style::new(),
        marked: Style::new(),
        key: Style::new(),
        border: Style::new(),
        focus: Style::new(),
        bar_end: None,
        kinds: [Style::new(); 7],
    };

    /// The colour of a family of kinds.
    pub fn kind(&self, family: Family) -> Style {
        let at = Family::ALL.iter().position(|own| *own == family).unwrap_or(Family::ALL.len() - 1);
        self.kinds[at]
    }

    /// The colour so far along a bar, from 0 to 1.
    pub fn along(&self, part: f64) -> Style {
        match (self.tones, self.bar.fg, self.bar_end) {
            (Tones::All, Some(Color::Rgb(red, green, blue)), Some(Color::Rgb(other_red, other_green, other_blue))) => {
                let between = |from: u8, to: u8| {
                    (f64::from(from) + (f64::from(to) - f64::from(from)) * part.clamp(0.0, 1.0)).round() as u8
                };
                self.bar.fg(rgb(between(red, other_red), between(green, other_green), between(blue, other_blue)))
            }
            _ => self.bar,
        }
    }

    /// How a row of a list looks, with the cursor on it or not, in the pane that has the keys or another.
    pub fn row(&self, has_cursor: bool, has_keys: bool) -> Style {
        match (has_cursor, has_keys) {
            (true, true) => self.selected,
            (true, false) => self.marked,
            (false, _) => Style::new(),
        }
    }
}

/// Themes that come with the program, by name.
const BUNDLED: [(&str, &str); 5] = [
    ("dark", include_str!("bundled/dark.yaml")),
    ("light", include_str!("bundled/light.yaml")),
    ("high-contrast", include_str!("bundled/high-contrast.yaml")),
    ("16", include_str!("bundled/16.yaml")),
    ("plain", include_str!("bundled/plain.yaml")),
];

pub fn names() -> impl Iterator<Item = &'static str> {
    BUNDLED.into_iter().map(|(name, _)| name)
}

/// One of those that come with the program; each is read once, when it is first wanted.
pub fn bundled(name: &str) -> Option<Theme> {
    static READ: [OnceLock<Theme>; BUNDLED.len()] = [const { OnceLock::new() }; BUNDLED.len()];
    let at = BUNDLED.iter().position(|(own, _)| *own == name)?;
    let (name, text) = BUNDLED[at];
    // Every one of them is read by a test.
    Some(
        *READ[at].get_or_init(|| {
            file::read(text, name, name, Theme::EMPTY, |_| None).unwrap_or(Theme { name, ..Theme::EMPTY })
        }),
    )
}

fn named(name: &str) -> Theme {
    bundled(name).unwrap_or(Theme::EMPTY)
}

pub fn dark() -> Theme {
    named("dark")
}

pub fn light() -> Theme {
    named("light")
}

pub fn sixteen() -> Theme {
    named("16")
}

pub fn plain() -> Theme {
    named("plain")
}

/// Every one that comes with the program.
pub fn all() -> Vec<Theme> {
    names().map(named).collect()
}

const fn rgb(red: u8, green: u8, blue: u8) -> Color {
    Color::Rgb(red, green, blue)
}

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
        return plain();
    }
    // "15;0": foreground, background. 7 and 15 are the two whites.
    let is_light = set("COLORFGBG").is_some_and(|value| matches!(value.rsplit(';').next(), Some("7" | "15")));
    match (depth(set), is_light) {
        (None, _) => sixteen(),
        (Some(_), true) => light(),
        (Some(_), false) => dark(),
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
    fn every_theme_that_comes_along_is_sound() {
        for (name, text) in BUNDLED {
            assert!(file::read(text, name, name, Theme::EMPTY, |_| None).is_ok_and(|own| own == named(name)), "{name}");
        }
        let Theme { text, dim, accent, good, bad, warn, bar, selected, marked, key, border, focus, .. } = plain();
        for style in [text, dim, accent, good, bad, warn, bar, selected, marked, key, border, focus] {
            assert_eq!((style.fg, style.bg), (None, None));
        }
        assert!(plain().kinds.iter().all(|style| style.fg.is_none()));
    }

    /// Contrast of two colours, from 1 to 21 (WCAG 2.2).
    fn contrast(one: [u8; 3], other: [u8; 3]) -> f64 {
        let light = |colour: [u8; 3]| {
            let [red, green, blue] = colour.map(|part| {
                let part = f64::from(part) / 255.0;
                if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
            });
            0.2126 * red + 0.7152 * green + 0.0722 * blue
        };
        let (one, other) = (light(one), light(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    #[test]
    fn what_is_read_has_contrast_on_the_backgrounds_it_is_made_for() {
        // xterm's, Solarized's and what terminals come with.
        let darks = [[0, 0, 0], [30, 30, 30], [0, 43, 54]];
        let lights = [[255, 255, 255], [253, 246, 227]];
        for (theme, backgrounds, least) in
            [(dark(), &darks[..], 4.5), (light(), &lights[..], 4.5), (named("high-contrast"), &darks[..], 7.0)]
        {
            let Theme { dim, accent, good, bad, warn, key, kinds, .. } = theme;
            for style in [dim, accent, good, bad, warn, key].iter().chain(&kinds) {
                let Some(Color::Rgb(red, green, blue)) = style.fg else { panic!("{} {style:?}", theme.name) };
                for background in backgrounds {
                    let own = contrast([red, green, blue], *background);
                    assert!(own >= least, "{}: {style:?} on {background:?}: {own:.1}", theme.name);
                }
            }
        }
        // Sixteen colours are whatever the terminal has: those of xterm on black and of Solarized on both of its backgrounds.
        let xterm = |colour| match colour {
            Color::Red => [205, 0, 0],
            Color::Green => [0, 205, 0],
            Color::Yellow => [205, 205, 0],
            Color::Magenta => [205, 0, 205],
            Color::Cyan => [0, 205, 205],
            other => panic!("{other:?} is not read everywhere"),
        };
        let solarized = |colour| match colour {
            Color::Red => [220, 50, 47],
            Color::Green => [133, 153, 0],
            Color::Yellow => [181, 137, 0],
            Color::Magenta => [211, 54, 130],
            Color::Cyan => [42, 161, 152],
            other => panic!("{other:?} is not read everywhere"),
        };
        let Theme { text, dim, accent, good, bad, warn, key, bar, border, focus, kinds, .. } = sixteen();
        let styles = [text, dim, accent, good, bad, warn, key, bar, border, focus];
        for colour in styles.iter().chain(&kinds).filter_map(|style| style.fg) {
            assert!(contrast(xterm(colour), [0, 0, 0]) >= 3.0, "{colour:?} on black");
            for background in [[0, 43, 54], [253, 246, 227]] {
                assert!(contrast(solarized(colour), background) >= 2.8, "{colour:?} in Solarized's palette");
            }
        }
    }
}
