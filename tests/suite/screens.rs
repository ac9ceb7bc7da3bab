//! Pictures of the explorer for the README and `docs/`: drawn from the test backend, and held true by this test.
//! `INSTA_UPDATE=always cargo test --test suite screens` writes them anew.

use std::fmt::Write;
use std::path::Path;

use convlens::tui::shell::State;
use convlens::tui::theme::{self, Theme};
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

use crate::explorer::{painted, press, run, spawned, state};
use crate::training_screen::training;

/// Width and height of a cell.
const CELL: (f64, f64) = (8.4, 17.0);

struct Paper {
    ground: &'static str,
    ink: &'static str,
}

const DARK: Paper = Paper { ground: "#16181d", ink: "#d4d8e0" };
const LIGHT: Paper = Paper { ground: "#ffffff", ink: "#1d2026" };

/// The sixteen as xterm paints them.
fn colour(color: Color) -> Option<String> {
    let name = match color {
        Color::Rgb(red, green, blue) => return Some(format!("#{red:02x}{green:02x}{blue:02x}")),
        Color::Black => "#000000",
        Color::Red => "#cd0000",
        Color::Green => "#00cd00",
        Color::Yellow => "#cdcd00",
        Color::Blue => "#0000ee",
        Color::Magenta => "#cd00cd",
        Color::Cyan => "#00cdcd",
        Color::Gray => "#e5e5e5",
        Color::DarkGray => "#7f7f7f",
        Color::LightRed => "#ff0000",
        Color::LightGreen => "#00ff00",
        Color::LightYellow => "#ffff00",
        Color::LightBlue => "#5c5cff",
        Color::LightMagenta => "#ff00ff",
        Color::LightCyan => "#00ffff",
        Color::White => "#ffffff",
        Color::Reset | Color::Indexed(_) => return None,
    };
    Some(name.into())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// What of a cell is filled, in parts of it from its upper left corner: block elements are drawn, since fonts leave gaps.
fn block(symbol: &str) -> Option<(f64, f64, f64, f64)> {
    const EIGHTHS: [&str; 8] = ["▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"];
    match symbol {
        "▀" => Some((0.0, 0.0, 1.0, 0.5)),
        "▄" => Some((0.0, 0.5, 1.0, 0.5)),
        _ => EIGHTHS.iter().position(|own| *own == symbol).map(|at| (0.0, 0.0, (at + 1) as f64 / 8.0, 1.0)),
    }
}

/// The dots of a Braille cell, as columns and rows: two by four, which Unicode numbers down and then across.
fn dots(symbol: &str) -> Option<Vec<(u8, u8)>> {
    const PLACES: [(u8, u8); 8] = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3)];
    let bits = u32::from(symbol.chars().next()?).checked_sub(0x2800).filter(|bits| *bits < 256)?;
    Some(PLACES.into_iter().enumerate().filter(|(at, _)| bits >> at & 1 == 1).map(|(_, place)| place).collect())
}

/// A painted window as SVG.
pub fn svg(buffer: &Buffer, is_light: bool) -> String {
    let paper = if is_light { LIGHT } else { DARK };
    let (wide, tall) = CELL;
    let (width, height) = (f64::from(buffer.area.width) * wide, f64::from(buffer.area.height) * tall);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.1} {1:.1}\" width=\"{0:.1}\" height=\"{1:.1}\" \
         font-family=\"'DejaVu Sans Mono','Menlo','Consolas',monospace\" font-size=\"14\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"{2}\"/>\n",
        width + 16.0,
        height + 16.0,
        paper.ground
    );
    let _ = writeln!(text, "<g transform=\"translate(8 8)\">");
    let inks = |cell: &Cell| {
        let (ink, ground) = (colour(cell.fg), colour(cell.bg));
        match cell.modifier.contains(Modifier::REVERSED) {
            true => (ground.unwrap_or(paper.ground.into()), Some(ink.unwrap_or(paper.ink.into()))),
            false => (ink.unwrap_or(paper.ink.into()), ground),
        }
    };
    for y in 0..buffer.area.height {
        let top = f64::from(y) * tall;
        let mut x = 0;
        while x < buffer.area.width {
            let first = &buffer[(x, y)];
            let alike = |at: u16| {
                let cell = &buffer[(at, y)];
                (inks(cell), cell.modifier) == (inks(first), first.modifier)
                    && block(cell.symbol()).is_none()
                    && dots(cell.symbol()).is_some() == dots(first.symbol()).is_some()
            };
            let end = if block(first.symbol()).is_some() {
                x + 1
            } else {
                (x + 1..buffer.area.width).find(|at| !alike(*at)).unwrap_or(buffer.area.width)
            };
            let (ink, ground) = inks(first);
            let (left, length) = (f64::from(x) * wide, f64::from(end - x) * wide);
            if let Some(ground) = ground {
                let _ = writeln!(
                    text,
                    "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{tall:.1}\" fill=\"{ground}\"/>",
                    length + 0.3
                );
            }
            if let Some((across, down, part, deep)) = block(first.symbol()) {
                let _ = writeln!(
                    text,
                    "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.2}\" height=\"{:.1}\" fill=\"{ink}\"/>",
                    left + across * wide,
                    top + down * tall,
                    part * wide + 0.3,
                    deep * tall
                );
            } else if dots(first.symbol()).is_some() {
                let mut path = String::new();
                for at in x..end {
                    for (column, row) in dots(buffer[(at, y)].symbol()).unwrap_or_default() {
                        let across = f64::from(at) * wide + (f64::from(column) + 0.5) * wide / 2.0 - 0.9;
                        let down = top + (f64::from(row) + 0.5) * tall / 4.0 - 0.9;
                        let _ = write!(path, "M{across:.1} {down:.1}h1.8v1.8h-1.8z");
                    }
                }
                let _ = writeln!(text, "<path fill=\"{ink}\" d=\"{path}\"/>");
            } else {
                let words: String = (x..end).map(|at| buffer[(at, y)].symbol()).collect();
                if !words.trim().is_empty() {
                    let bold = if first.modifier.contains(Modifier::BOLD) { " font-weight=\"bold\"" } else { "" };
                    let faint = if first.modifier.contains(Modifier::DIM) { " opacity=\"0.6\"" } else { "" };
                    let line = match first.modifier.contains(Modifier::UNDERLINED) {
                        true => " text-decoration=\"underline\"",
                        false => "",
                    };
                    let _ = writeln!(
                        text,
                        "<text x=\"{left:.1}\" y=\"{:.1}\" textLength=\"{length:.1}\" lengthAdjust=\"spacingAndGlyphs\" \
                         fill=\"{ink}\"{bold}{faint}{line} xml:space=\"preserve\">{}</text>",
                        top + 13.0,
                        escaped(&words)
                    );
                }
            }
            x = end;
        }
    }
    text + "</g>\n</svg>\n"
}

/// The pictures, by name.
pub const PICTURES: [&str; 8] = ["layers", "branches", "field", "compare", "kernels", "edit", "train", "glossary"];

/// What a picture shows: a size, and the keys that lead there.
fn scene(name: &str, theme: Theme) -> State {
    let keys = |height: u16, script: &str| after((120, height), script, theme);
    match name {
        "layers" => keys(34, "jj"),
        "branches" => keys(34, "/resnet18<enter>l/layer1_2.add<enter>"),
        "field" => keys(34, "/block4.conv3<enter>2KKKKhhhhhhhhhhh"),
        "compare" => keys(34, "/vgg13<enter>c/vgg13-5x5<enter>c3"),
        "kernels" => keys(30, "3v"),
        "edit" => keys(34, "e<ctrl-f>conv3-64<enter><right><right><right><right><delete>5"),
        "train" => training(120, 34, theme, 400),
        "glossary" => keys(30, "/block3.conv2<enter>!jjjjj"),
        other => panic!("{other} is no picture"),
    }
}

/// The explorer after the keys of a script, where `<run>` does what they spawned.
fn after((width, height): (u16, u16), script: &str, theme: Theme) -> State {
    let mut state = state(width, height, theme);
    let mut parts = script.split("<run>").peekable();
    while let Some(part) = parts.next() {
        let tasks = press(&mut state, part);
        if parts.peek().is_some() {
            let spawn = spawned(tasks);
            run(&mut state, spawn);
        }
    }
    state
}

#[test]
fn the_pictures_in_docs_are_what_the_explorer_shows() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/screens");
    let writes = std::env::var("INSTA_UPDATE").is_ok_and(|how| how == "always");
    for name in PICTURES {
        for theme in [theme::dark(), theme::light()] {
            let path = folder.join(format!("{name}-{}.svg", theme.name));
            let mut state = scene(name, theme);
            // What was told goes away by itself.
            state.toasts.clear();
            let now = svg(&painted(&state), theme.name == "light");
            if writes {
                std::fs::create_dir_all(&folder).expect("a folder");
                std::fs::write(&path, &now).expect("written");
            }
            let kept = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(kept == now, "{} is not what the explorer shows now", path.display());
        }
    }
}

/// Any screen as a picture, to be looked at: `CONVLENS_LOOK="WIDTHxHEIGHT THEME OUT.svg KEYS"`, where `<run>` in the keys does
/// what was spawned.
#[test]
#[ignore = "by hand"]
fn look() {
    let wanted = std::env::var("CONVLENS_LOOK").expect("what is to be looked at");
    let mut words = wanted.splitn(4, ' ');
    let mut next = || words.next().unwrap_or_default().to_string();
    let (size, theme, out, script) = (next(), next(), next(), next());
    let (width, height) = size.split_once('x').expect("a size");
    let theme = theme::bundled(&theme).expect("a theme");
    let size = (width.parse().expect("a width"), height.parse().expect("a height"));
    std::fs::write(out, svg(&painted(&after(size, &script, theme)), theme.name == "light")).expect("written");
}
