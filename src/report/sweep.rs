//! Variants as lines and as a plot of two figures.

use super::plot::{Axis, Mark, Plot, Point};
use crate::graph::figures::short;

/// A variant with what took work to find out.
pub struct Row<'a> {
    pub number: u64,
    pub values: &'a [String],
    pub ms: Option<f64>,
    pub accuracy: Option<f64>,
}

/// `vgg16 12: conv.kernel 5, block1.conv1.out 64: 12.3 ms, 71.25%`.
pub fn line(network: &str, keys: &[String], row: Row) -> String {
    let set: Vec<String> = keys.iter().zip(row.values).map(|(key, value)| format!("{key} {value}")).collect();
    let ms = row.ms.map(|ms| format!("{ms:.2} ms"));
    let accuracy = row.accuracy.map(|part| format!("{:.2}%", 100.0 * part));
    let found: Vec<String> = ms.into_iter().chain(accuracy).collect();
    let parts = [set.join(", "), found.join(", ")];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    let colon = if parts.is_empty() { "" } else { ": " };
    format!("{network} {}{colon}{}", row.number, parts.join(": "))
}

/// A variant as a point.
pub struct Dot {
    pub x: f64,
    pub y: f64,
    pub name: String,
    pub on_front: bool,
    /// Which of the networks it is a variant of.
    pub base: usize,
}

/// A figure along an axis.
#[derive(Debug, Clone, Copy)]
pub struct AxisOf {
    pub words: &'static str,
    /// A part of 1, read in percent.
    pub is_share: bool,
}

/// One figure over another: by powers of ten where it spans many.
pub fn plot(networks: &[&str], [x, y]: [AxisOf; 2], dots: Vec<Dot>) -> Plot {
    let axis = |of: AxisOf, value: fn(&Dot) -> f64| {
        let ends =
            dots.iter().map(value).fold((f64::INFINITY, 0.0f64), |(least, most), own| (least.min(own), most.max(own)));
        let is_logarithmic = !of.is_share && ends.0 > 0.0 && ends.1 / ends.0 > 20.0;
        Axis { name: of.words.into(), is_logarithmic, write: if of.is_share { percent } else { amount } }
    };
    let title = format!("{} over {}: ● on the front", y.words, x.words);
    let (x, y) = (axis(x, |dot| dot.x), axis(y, |dot| dot.y));
    let points = dots.into_iter().map(|dot| Point {
        x: dot.x,
        y: dot.y,
        name: dot.name,
        mark: if dot.on_front { Mark::Large } else { Mark::Small },
        series: dot.base,
    });
    let series = if networks.len() > 1 { networks.iter().map(|id| id.to_string()).collect() } else { Vec::new() };
    Plot { title, x, y, lines: Vec::new(), points: points.collect(), series }
}

fn percent(value: f64) -> String {
    format!("{:.0}%", 100.0 * value)
}

/// `0.05`, `200`, `1.5 M`.
pub fn amount(value: f64) -> String {
    match value.abs() {
        size if size >= 10_000.0 => {
            let text = short(value.abs() as u64);
            let (number, unit) = text.split_once(' ').unwrap_or((&text, ""));
            let number = if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number };
            format!("{}{number}{unit}", if value < 0.0 { "−" } else { "" })
        }
        0.0 => "0".into(),
        size if size >= 1.0 => format!("{}", (value * 100.0).round() / 100.0),
        size => {
            let text = format!("{value:.*}", (-size.log10()).ceil().max(1.0) as usize + 1);
            text.trim_end_matches('0').to_string()
        }
    }
}
