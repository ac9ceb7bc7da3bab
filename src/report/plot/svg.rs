//! A plot as an SVG picture: no scripts, no fonts or files of others; a point says its name where a pointer rests on it.

use std::fmt::Write;

use super::{Mark, Plot};
use crate::visible::xml;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 480.0;
const LEFT: f64 = 86.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 52.0;
const BOTTOM: f64 = 58.0;
/// Of the series, in turn; told apart by those who see no red and green too (Okabe & Ito).
const COLOURS: [&str; 8] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#f0e442", "#000000"];
/// What our pictures begin with, by which they are told from others'.
pub const MARK: &str = "<!-- convlens -->\n";
const STYLE: &str = "text{font-family:Helvetica,Arial,'Liberation Sans','DejaVu Sans',sans-serif;fill:#1b1f24;font-size:11px}\
.t{font-size:16px;font-weight:700}.x{text-anchor:middle}.y{text-anchor:end}.n{font-size:12px;fill:#57606a}\
.g{stroke:#d8dee4;stroke-width:1}.l{fill:none;stroke:#57606a;stroke-width:1.5}\
.s{fill-opacity:0.35}.p{stroke:#ffffff;stroke-width:1}";

impl Plot {
    /// The whole file.
    pub fn svg(&self) -> String {
        let mut text = format!(
            "{MARK}<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
             role=\"img\" aria-label=\"{0}\">\n<style>{STYLE}</style>\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n\
             <text class=\"t\" x=\"{LEFT}\" y=\"28\">{0}</text>\n",
            xml(&self.title)
        );
        if let Some((x, y)) = self.fitted() {
            let across = |value: f64| LEFT + x.place(value) * (WIDTH - LEFT - RIGHT);
            let up = |value: f64| HEIGHT - BOTTOM - y.place(value) * (HEIGHT - TOP - BOTTOM);
            for (tick, label) in x.ticks.iter().zip(self.x.labels(&x)) {
                let at = across(*tick);
                let (low, words) = (HEIGHT - BOTTOM, HEIGHT - BOTTOM + 18.0);
                let _ = writeln!(text, "<line class=\"g\" x1=\"{at:.1}\" y1=\"{TOP}\" x2=\"{at:.1}\" y2=\"{low}\"/>");
                let _ = writeln!(text, "<text class=\"x\" x=\"{at:.1}\" y=\"{words}\">{}</text>", xml(&label));
            }
            for (tick, label) in y.ticks.iter().zip(self.y.labels(&y)) {
                let at = up(*tick);
                let right = WIDTH - RIGHT;
                let _ =
                    writeln!(text, "<line class=\"g\" x1=\"{LEFT}\" y1=\"{at:.1}\" x2=\"{right}\" y2=\"{at:.1}\"/>");
                let _ = writeln!(
                    text,
                    "<text class=\"y\" x=\"{}\" y=\"{:.1}\">{}</text>",
                    LEFT - 8.0,
                    at + 4.0,
                    xml(&label)
                );
            }
            for line in &self.lines {
                let shown = line.points.iter().filter(|(x, y)| self.x.can_show(*x) && self.y.can_show(*y));
                let points: Vec<String> = shown.map(|(x, y)| format!("{:.1},{:.1}", across(*x), up(*y))).collect();
                let (points, name) = (points.join(" "), xml(&line.name));
                let _ = writeln!(text, "<polyline class=\"l\" points=\"{points}\"><title>{name}</title></polyline>");
            }
            let mut points: Vec<_> =
                self.points.iter().filter(|own| self.x.can_show(own.x) && self.y.can_show(own.y)).collect();
            points.sort_by_key(|own| own.mark);
            for own in points {
                let (class, radius) = if own.mark == Mark::Large { ("p", 5.0) } else { ("s", 3.0) };
                let (x, y, name) = (across(own.x), up(own.y), xml(&own.name));
                let colour = COLOURS[own.series % COLOURS.len()];
                let _ = writeln!(
                    text,
                    "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" fill=\"{colour}\"><title>{name}</title></circle>"
                );
            }
        }
        // Names one after the other, as far as there is room.
        let mut x = LEFT + 180.0;
        for (at, name) in self.series.iter().enumerate() {
            let colour = COLOURS[at % COLOURS.len()];
            let width = 28.0 + 7.0 * name.chars().count() as f64;
            if x + width > WIDTH - RIGHT {
                let _ = writeln!(text, "<text class=\"n\" x=\"{x}\" y=\"44\">…</text>");
                break;
            }
            let _ = writeln!(text, "<circle class=\"p\" cx=\"{x}\" cy=\"40\" r=\"5\" fill=\"{colour}\"/>");
            let _ = writeln!(text, "<text class=\"n\" x=\"{}\" y=\"44\">{}</text>", x + 10.0, xml(name));
            x += width;
        }
        let (middle, low) = ((LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 14.0);
        let _ = writeln!(text, "<text class=\"x n\" x=\"{middle}\" y=\"{low}\">{}</text>", xml(&self.x.name));
        let _ = writeln!(text, "<text class=\"n\" x=\"{LEFT}\" y=\"44\">{}</text>", xml(&self.y.name));
        text + "</svg>\n"
    }
}
