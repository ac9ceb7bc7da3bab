//! Points and lines over two axes: drawn with characters for a terminal, or as an SVG picture. What is drawn is typed here, so that
//! both, and the explorer, show the same.

mod axis;
mod svg;
mod text;

pub use axis::{Axis, Scale};
pub use svg::MARK;

/// A plot without a place to stand yet.
#[derive(Debug, Clone)]
pub struct Plot {
    pub title: String,
    pub x: Axis,
    pub y: Axis,
    /// Drawn below the points.
    pub lines: Vec<Line>,
    pub points: Vec<Point>,
    /// What the points' series are called; none where there is one.
    pub series: Vec<String>,
}

/// A line through points, in their order.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    pub name: String,
    pub points: Vec<(f64, f64)>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    pub x: f64,
    pub y: f64,
    pub name: String,
    pub mark: Mark,
    /// Which series it belongs to, with a sign and a colour of its own.
    pub series: usize,
}

/// How much a point is meant to be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    /// One of many.
    Small,
    /// One that is looked for.
    Large,
}

impl Plot {
    /// The axes with room for all that is drawn; none where nothing can be.
    pub fn fitted(&self) -> Option<(Scale, Scale)> {
        let all = || {
            let of_lines = self.lines.iter().flat_map(|line| line.points.iter().copied());
            let all = of_lines.chain(self.points.iter().map(|point| (point.x, point.y)));
            all.filter(|(x, y)| self.x.can_show(*x) && self.y.can_show(*y))
        };
        Some((self.x.scale(all().map(|(x, _)| x))?, self.y.scale(all().map(|(_, y)| y))?))
    }
}
