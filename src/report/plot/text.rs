//! A plot with characters: lines of dots (2×4 to a character, as Braille has them), points as marks on top.

use unicode_width::UnicodeWidthStr;

use super::{Axis, Mark, Plot, Scale};
use crate::visible::visible;

/// Rows and columns of the field that is drawn on, without the axes.
#[derive(Debug, Clone, Copy)]
struct Size {
    rows: usize,
    columns: usize,
}

impl Plot {
    /// Lines of at most `width` columns, of which `height` hold the field itself.
    pub fn text(&self, width: usize, height: usize) -> Vec<String> {
        let title = visible(&self.title).into_owned();
        let Some((x, y)) = self.fitted() else {
            return vec![title, "  there is nothing to show".into()];
        };
        let labels: Vec<(usize, String)> = (y.ticks.iter().zip(self.y.labels(&y)))
            .map(|(tick, label)| (row_of(&y, *tick, height), label))
            .filter(|(row, _)| *row < height)
            .collect();
        let left = labels.iter().map(|(_, label)| label.width()).max().unwrap_or(0);
        let size = Size { rows: height.max(2), columns: width.saturating_sub(left + 3).max(10) };
        let mut field = Field::new(size);
        for line in &self.lines {
            for ends in line.points.windows(2) {
                field.line(ends, (&self.x, &x), (&self.y, &y));
            }
        }
        let mut points: Vec<_> = self.points.iter().collect();
        // What is looked for stands on top of the rest.
        points.sort_by_key(|point| point.mark);
        for point in points {
            if self.x.can_show(point.x) && self.y.can_show(point.y) {
                field.mark(x.place(point.x), y.place(point.y), (point.mark, point.series));
            }
        }
        let signs = self
            .series
            .iter()
            .enumerate()
            .map(|(at, name)| format!("   {}{} {}", sign(Mark::Large, at), sign(Mark::Small, at), visible(name)));
        let mut lines = vec![title + &signs.collect::<String>(), format!(" {}", visible(&self.y.name))];
        for (row, text) in field.rows().into_iter().enumerate() {
            let label = labels.iter().find(|(own, _)| *own == row).map_or("", |(_, label)| label.as_str());
            let sign = if label.is_empty() { '│' } else { '┤' };
            let pad = " ".repeat(left - label.width());
            lines.push(format!(" {pad}{label}{sign}{}", text.trim_end()));
        }
        lines.push(format!(" {}└{}", " ".repeat(left), "─".repeat(size.columns)));
        lines.push(format!(" {}{}", " ".repeat(left + 1), self.below(&x, size.columns)));
        let name = visible(&self.x.name).into_owned();
        lines.push(format!("{}{name}", " ".repeat((left + 2 + size.columns).saturating_sub(name.width()))));
        lines
    }

    /// The numbers along the horizontal axis, each centred below its place where there is room.
    fn below(&self, scale: &Scale, columns: usize) -> String {
        let mut line = String::new();
        for (tick, label) in scale.ticks.iter().zip(self.x.labels(scale)) {
            let at = (scale.place(*tick) * (columns - 1) as f64).round() as usize;
            let start = at.saturating_sub(label.width() / 2).min(columns.saturating_sub(label.width()));
            let taken = line.width();
            if start >= taken + usize::from(taken > 0) {
                line += &" ".repeat(start - taken);
                line += &label;
            }
        }
        line
    }
}

/// The row in which a number stands, the first on top.
fn row_of(scale: &Scale, value: f64, rows: usize) -> usize {
    ((1.0 - scale.place(value)) * (rows.max(2) - 1) as f64).round().max(0.0) as usize
}

/// The sign of a series, for what is looked for and for the rest.
fn sign(mark: Mark, series: usize) -> char {
    const LARGE: [char; 8] = ['●', '▲', '■', '◆', '▼', '◉', '▣', '◈'];
    const SMALL: [char; 8] = ['∙', '▵', '▫', '◇', '▿', '◌', '▪', '⋄'];
    match mark {
        Mark::Large => LARGE[series % LARGE.len()],
        Mark::Small => SMALL[series % SMALL.len()],
    }
}

/// The dots of a Braille character, by row and column (Unicode, block U+2800).
const DOTS: [[u8; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];

struct Field {
    size: Size,
    dots: Vec<u8>,
    marks: Vec<Option<(Mark, usize)>>,
}

impl Field {
    fn new(size: Size) -> Field {
        let cells = size.rows * size.columns;
        Field { size, dots: vec![0; cells], marks: vec![None; cells] }
    }

    fn line(&mut self, ends: &[(f64, f64)], (x_axis, x): (&Axis, &Scale), (y_axis, y): (&Axis, &Scale)) {
        let [(x0, y0), (x1, y1)] = ends else { return };
        if ![x0, x1].iter().all(|own| x_axis.can_show(**own)) || ![y0, y1].iter().all(|own| y_axis.can_show(**own)) {
            return;
        }
        let (from, to) = ((x.place(*x0), y.place(*y0)), (x.place(*x1), y.place(*y1)));
        let steps = 4 * (self.size.rows + self.size.columns);
        for step in 0..=steps {
            let part = step as f64 / steps as f64;
            self.dot(from.0 + part * (to.0 - from.0), from.1 + part * (to.1 - from.1));
        }
    }

    fn dot(&mut self, x: f64, y: f64) {
        if !(0.0..=1.0).contains(&x) || !(0.0..=1.0).contains(&y) {
            return;
        }
        let column = (x * (2 * self.size.columns - 1) as f64).round() as usize;
        let row = ((1.0 - y) * (4 * self.size.rows - 1) as f64).round() as usize;
        self.dots[row / 4 * self.size.columns + column / 2] |= DOTS[row % 4][column % 2];
    }

    fn mark(&mut self, x: f64, y: f64, mark: (Mark, usize)) {
        if !(-1e-9..=1.0 + 1e-9).contains(&x) || !(-1e-9..=1.0 + 1e-9).contains(&y) {
            return;
        }
        let column = (x * (self.size.columns - 1) as f64).round().max(0.0) as usize;
        let row = ((1.0 - y) * (self.size.rows - 1) as f64).round().max(0.0) as usize;
        let cell = &mut self.marks[row * self.size.columns + column];
        *cell = (*cell).max(Some(mark));
    }

    fn rows(&self) -> Vec<String> {
        let cell = |at: usize| match (self.marks[at], self.dots[at]) {
            (Some((mark, series)), _) => sign(mark, series),
            (None, 0) => ' ',
            (None, dots) => char::from_u32(0x2800 + u32::from(dots)).unwrap_or(' '),
        };
        let columns = self.size.columns;
        (0..self.size.rows).map(|row| (0..columns).map(|column| cell(row * columns + column)).collect()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Line, Point};
    use super::*;

    #[test]
    fn points_stand_where_their_numbers_say() {
        let axis = |name: &str| Axis { name: name.into(), is_logarithmic: false, write: |value| value.to_string() };
        let point = |x: f64, y: f64, mark| Point { x, y, name: String::new(), mark, series: 0 };
        let plot = Plot {
            title: "a plot".into(),
            x: axis("across"),
            y: axis("up"),
            lines: vec![Line { name: String::new(), points: vec![(0.0, 0.0), (100.0, 100.0)] }],
            points: vec![
                point(0.0, 0.0, Mark::Large),
                point(100.0, 100.0, Mark::Small),
                point(0.0, 100.0, Mark::Large),
                point(f64::NAN, 3.0, Mark::Large),
            ],
            series: Vec::new(),
        };
        let lines = plot.text(28, 6);
        assert_eq!(
            lines,
            [
                "a plot",
                " up",
                " 100┤●                 ⣀⡤⠖∙",
                "  80┤              ⢀⣠⠴⠚⠁",
                "  60┤           ⣠⠴⠚⠉",
                "  40┤       ⣀⡤⠖⠋⠁",
                "  20┤   ⢀⡤⠖⠋⠁",
                "   0┤●⠴⠚⠉",
                "    └──────────────────────",
                "     0  20  40   60  80 100",
                "                     across"
            ]
        );
        assert!(lines.iter().all(|line| line.width() <= 28));
        let empty = Plot { points: Vec::new(), lines: Vec::new(), ..plot };
        assert_eq!(empty.text(20, 5), ["a plot", "  there is nothing to show"]);
    }
}
