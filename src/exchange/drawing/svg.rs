//! A picture of its own, for browsers, slides and papers: SVG 1.1 without scripts, fonts or files of others.

use std::fmt::Write;

use super::layout::{Drawing, Shape, Style, drawing, width_of};
use super::parts::Part;
use super::shade::{Painter, Shade, colour, heat};
use crate::graph::Graph;
use crate::graph::family::Family;
use crate::graph::figures::short;
use crate::visible::xml;

const MARGIN: f64 = 20.0;
const HEADING: f64 = 46.0;
const LEGEND: f64 = 34.0;
const STYLE: &str = "text{font-family:Helvetica,Arial,'Liberation Sans','DejaVu Sans',sans-serif;fill:#1b1f24;text-anchor:middle}\
.h{font-size:11px;font-weight:600}.s{font-size:9.5px;fill:#3c444d}.t{font-size:16px;font-weight:700;text-anchor:start}\
.g{font-size:9.5px;font-weight:600;fill:#57606a;text-anchor:start}.l{fill:none;stroke:#57606a;stroke-width:1.2}\
.p{fill:none;stroke:#8250df;stroke-width:1.2;stroke-dasharray:4 3}";

/// The whole file.
pub fn text(network: &Graph, parts: &[Part], shade: &Shade) -> String {
    let paint = shade.over(parts);
    let own = drawing(parts, &format!("input {}", network.input()), &paint);
    let title = &network.architecture.name;
    let totals = format!(
        "{} parameters · {} MACs · {} layers",
        short(network.totals.params),
        short(network.totals.macs),
        network.totals.layers
    );
    let (legend, legend_width) = legend(parts, &paint);
    let least = [width_of(title, 16.0), width_of(&totals, 9.5), legend_width].into_iter().fold(0.0, f64::max);
    let width = own.width.max(least) + 2.0 * MARGIN;
    let height = HEADING + own.height + LEGEND + 2.0 * MARGIN;
    let left = (width - own.width) / 2.0;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" \
         role=\"img\" aria-label=\"{}\">\n<style>{STYLE}</style>\n<defs><marker id=\"a\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" \
         markerWidth=\"6\" markerHeight=\"6\" orient=\"auto-start-reverse\"><path d=\"M0,0.5L7.5,4L0,7.5z\" fill=\"#57606a\"/></marker></defs>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n",
        xml(title)
    );
    let _ = writeln!(text, "<text class=\"t\" x=\"{MARGIN}\" y=\"{}\">{}</text>", MARGIN + 10.0, xml(title));
    let _ = writeln!(text, "<text class=\"g\" x=\"{MARGIN}\" y=\"{}\">{totals}</text>", MARGIN + 26.0);
    let _ = writeln!(text, "<g transform=\"translate({left:.1},{:.1})\">", MARGIN + HEADING);
    shapes(network, &own, &mut text);
    let _ = writeln!(text, "</g>\n<g transform=\"translate({MARGIN},{:.1})\">\n{legend}</g>", height - MARGIN - 14.0);
    text + "</svg>\n"
}

fn shapes(network: &Graph, drawing: &Drawing, text: &mut String) {
    for shape in &drawing.shapes {
        let _ = match shape {
            Shape::Box { x, y, width, height, fill, layers, round } => {
                let radius = if *round { 11 } else { 5 };
                let title =
                    network.layers.get(layers.0..layers.1.min(network.layers.len()).max(layers.0)).unwrap_or(&[]);
                let names: Vec<&str> = title.iter().map(|layer| layer.name.as_str()).collect();
                // What stands there by name, where a pointer rests on it.
                let names =
                    if names.is_empty() { String::new() } else { format!("<title>{}</title>", xml(&names.join(", "))) };
                writeln!(
                    text,
                    "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"{radius}\" fill=\"{fill}\" stroke=\"#57606a\" \
                     stroke-width=\"0.8\">{names}</rect>"
                )
            }
            Shape::Frame { x, y, width, height } => writeln!(
                text,
                "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"8\" fill=\"#57606a\" fill-opacity=\"0.05\" \
                 stroke=\"#afb8c1\"/>"
            ),
            Shape::Text { x, y, text: own, style } => {
                let class = match style {
                    Style::Head => "h",
                    Style::Small => "s",
                    Style::Group => "g",
                };
                writeln!(text, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", xml(own))
            }
            Shape::Line { from: (x, y), to: (to_x, to_y), arrow } => {
                let end = if *arrow { " marker-end=\"url(#a)\"" } else { "" };
                let path = match (x - to_x).abs() < 0.05 {
                    true => format!("M{x:.1},{y:.1}L{to_x:.1},{to_y:.1}"),
                    false => {
                        let middle = (y + to_y) / 2.0;
                        format!("M{x:.1},{y:.1}C{x:.1},{middle:.1} {to_x:.1},{middle:.1} {to_x:.1},{to_y:.1}")
                    }
                };
                writeln!(text, "<path class=\"l\" d=\"{path}\"{end}/>")
            }
            Shape::Past { from: (x, y), to: (to_x, to_y), x: by } => {
                let bend = 8.0_f64.min((to_y - y).abs() / 2.0) * (to_y - y).signum();
                writeln!(
                    text,
                    "<path class=\"p\" d=\"M{x:.1},{y:.1}L{:.1},{y:.1}Q{by:.1},{y:.1} {by:.1},{:.1}L{by:.1},{:.1}Q{by:.1},{to_y:.1} \
                     {:.1},{to_y:.1}L{to_x:.1},{to_y:.1}\" marker-end=\"url(#a)\"/>",
                    by - 8.0,
                    y + bend,
                    to_y - bend,
                    by - 8.0
                )
            }
        };
    }
}

/// What the colours say, and how wide that is.
fn legend(parts: &[Part], paint: &Painter) -> (String, f64) {
    let (mut text, mut x) = (String::new(), 0.0);
    let mut entry = |fill: &str, words: &str| {
        let _ = writeln!(
            text,
            "<rect x=\"{x:.1}\" y=\"0\" width=\"14\" height=\"12\" rx=\"3\" fill=\"{fill}\" stroke=\"#57606a\" stroke-width=\"0.8\"/>\
             <text class=\"g\" x=\"{:.1}\" y=\"10\">{words}</text>",
            x + 19.0
        );
        x += 19.0 + width_of(words, 9.5) + 16.0;
    };
    match paint.shade {
        Shade::Kind => {
            let mut families = Vec::new();
            collect(parts, &mut families);
            for family in Family::ALL.into_iter().filter(|family| families.contains(family)) {
                entry(colour(family), family.word());
            }
        }
        Shade::Cost { measure, .. } => {
            for (at, part) in [0.0, 0.25, 0.5, 1.0].into_iter().enumerate() {
                let share = format!("{:.1} %", 100.0 * paint.most * part);
                let words = if at == 0 { format!("share of the {}: {share}", measure.word()) } else { share };
                entry(&heat(part), &words);
            }
        }
    }
    (text, x)
}

fn collect(parts: &[Part], into: &mut Vec<Family>) {
    for part in parts {
        match part {
            Part::Node(node) => into.push(node.label.family),
            Part::Group(group) => collect(&group.parts, into),
            Part::Fork(fork) => {
                into.push(fork.join.label.family);
                fork.ways.iter().for_each(|way| collect(&way.parts, into));
            }
        }
    }
}
