//! A chart over steps: every step's values as a band from least to largest in each column, a smoothed line, the
//! validation's points, and other runs' lines, all on one axis.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::symbols::Marker;
use ratatui::text::Line;
use ratatui::widgets::{Axis, Chart, Clear, Dataset, GraphType, Paragraph};

use crate::graph::figures::grouped;
use crate::run::runs::History;
use crate::run::runs::history::{Along, Curve};
use crate::run::runs::series::Series;
use crate::tui::widgets::text::{fitting_title, frame, right, styled_line, styled_span};
use crate::tui::widgets::theme::Theme;

/// What a chart is drawn of.
pub struct Plot<'a> {
    pub title: String,
    pub curve: Curve,
    pub history: &'a History,
    pub laid: Vec<(&'a History, Style)>,
    pub log_scale: bool,
    pub smooth: bool,
    pub cursor: Option<u64>,
    /// Whether the axis reaches lone spikes too.
    pub whole_axis: bool,
    /// What it runs along; along steps where another axis is not known of all runs yet.
    pub along: Along,
}

/// Columns at the left that the numbers beside the axis take, with the frame.
pub const MARGIN: u16 = 7;

type Points = Vec<(f64, f64)>;

/// The value as it is drawn; what has no place on a logarithmic scale is left out.
fn place(value: f64, log_scale: bool) -> Option<f64> {
    match log_scale {
        false => Some(value).filter(|value| value.is_finite()),
        true => (value > 0.0 && value.is_finite()).then(|| value.log10()),
    }
}

/// Steps that a smoothed line looks back over: a fiftieth of the run.
fn span(series: &Series) -> f64 {
    (series.last_step() as f64 / 50.0).max(5.0)
}

fn line(series: &Series, smooth: bool, log_scale: bool, columns: usize) -> Points {
    let last = series.last_step().max(1);
    let points: Points = match smooth {
        true => series.smoothed(span(series)).into_iter().map(|(step, value)| (step as f64, value)).collect(),
        false => {
            let columns = series.columns(1, last, columns);
            let steps = columns.into_iter().flatten();
            steps.filter_map(|bucket| Some((bucket.to as f64, bucket.mean()?))).collect()
        }
    };
    points.into_iter().filter_map(|(step, value)| Some((step, place(value, log_scale)?))).collect()
}

impl Plot<'_> {
    pub fn draw(&self, theme: &Theme, frame_: &mut Frame, area: Rect) {
        let block = frame(fitting_title(&self.title, area), theme, false);
        let inside = block.inner(area);
        if inside.width <= MARGIN || inside.height < 3 {
            frame_.render_widget(block, area);
            return;
        }
        // Braille has two points in a column.
        let columns = 2 * usize::from(inside.width.saturating_sub(MARGIN));
        let own = self.history.series(self.curve);
        let along = self.along();
        let at = |history: &History, step: f64| history.place(step, along).unwrap_or(step);
        let ends = self.laid.iter().map(|(other, _)| *other).chain([self.history]);
        let last = ends.map(|one| at(one, one.series(self.curve).last_step() as f64)).fold(0.0, f64::max);
        // Steps are counted from one, and an axis has some length.
        let span = if along == Along::Steps { (1.0, last.max(2.0)) } else { (0.0, last.max(1e-9)) };
        let place = |value: f64| place(value, self.log_scale);
        let mut band: Points = Vec::new();
        // As many steps in a column as the axis has there.
        let own_columns = (columns as f64 * at(self.history, own.last_step() as f64) / span.1).ceil().max(1.0) as usize;
        for bucket in own.columns(1, own.last_step().max(2), own_columns).into_iter().flatten() {
            if bucket.count == 0 {
                continue;
            }
            let x = at(self.history, (bucket.from + bucket.to) as f64 / 2.0);
            let (Some(least), Some(most)) = (place(bucket.least), place(bucket.most)) else { continue };
            band.push((x, least));
            band.push((x, most));
        }
        let validation: Points = self
            .history
            .validation(self.curve)
            .filter_map(|(step, value)| Some((at(self.history, step as f64), place(value)?)))
            .collect();
        let moved = |history: &History, points: Points| -> Points {
            points.into_iter().map(|(step, value)| (at(history, step), value)).collect()
        };
        let smoothed = moved(self.history, line(own, self.smooth, self.log_scale, columns));
        let others: Vec<(Points, Style)> = self
            .laid
            .iter()
            .map(|(other, style)| (moved(other, line(other.series(self.curve), true, self.log_scale, columns)), *style))
            .collect();
        let all = band.iter().chain(&validation).chain(others.iter().flat_map(|(points, _)| points));
        let (least, most) =
            all.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), (_, y)| (least.min(*y), most.max(*y)));
        if least > most {
            frame_.render_widget(block, area);
            return;
        }
        // A lone spike does not flatten the rest: it is cut, and a mark says so.
        let robust = match self.whole_axis || self.curve == Curve::Accuracy {
            true => most,
            false => without_spikes(&band, &smoothed, &validation, most),
        };
        let (low, high) = bounds(least, robust, self.curve, self.log_scale);
        let is_cut = most > high;
        let cursor = self.cursor.map(|step| at(self.history, step as f64)).map(|x| vec![(x, low), (x, high)]);
        let mut sets = Vec::new();
        let set = |points, style, graph| {
            Dataset::default().marker(Marker::Braille).graph_type(graph).style(style).data(points)
        };
        let within: Points = band.iter().map(|(x, y)| (*x, y.min(high))).collect();
        let stems = stems(&within, low, high, usize::from(inside.height) * 4);
        sets.push(set(&stems, theme.dim, GraphType::Scatter));
        for (points, style) in &others {
            sets.push(set(points, *style, GraphType::Line));
        }
        // In parts, so that the line runs through the theme's colours.
        let parts = if theme.bar_end.is_some() { 12 } else { 1 };
        for part in 0..parts {
            let length = smoothed.len().saturating_sub(1);
            let own = smoothed.get(part * length / parts..=(part + 1) * length / parts).unwrap_or_default();
            sets.push(set(own, theme.along(part as f64 / 11.0), GraphType::Line));
        }
        sets.push(set(&validation, theme.warn, GraphType::Line));
        let marks =
            Dataset::default().marker(Marker::Dot).graph_type(GraphType::Scatter).style(theme.warn).data(&validation);
        sets.push(marks);
        if let Some(points) = &cursor {
            sets.push(set(points, theme.accent, GraphType::Line));
        }
        let label = |value: f64| {
            let value = if self.log_scale { 10f64.powf(value) } else { value };
            styled_span(format!("{:>6}", self.number(value)), theme.dim)
        };
        let x_label = |value: f64| styled_span(said(value, along), theme.dim);
        let longest = said(span.1, along).len();
        let chart = Chart::new(sets)
            .block(block)
            .x_axis(Axis::default().style(theme.dim).bounds([span.0, span.1]).labels(
                // Numbers that touch would be read as one.
                match (along != Along::Steps || last > 3.0)
                    && usize::from(inside.width.saturating_sub(MARGIN)) > 5 * longest
                {
                    true => vec![x_label(span.0), x_label((span.1 / 2.0).max(span.0)), x_label(span.1)],
                    false => vec![x_label(span.0), x_label(span.1)],
                },
            ))
            // Their place is kept; round values are written over it.
            .y_axis(Axis::default().style(theme.dim).bounds([low, high]).labels(vec![label(low), label(high)]))
            .legend_position(None);
        frame_.render_widget(chart, area);
        self.write_ticks((low, high), theme, frame_, inside);
        // Numbers tell other runs' lines apart where colours do not.
        let plane = Rect {
            x: inside.x + MARGIN,
            width: inside.width.saturating_sub(MARGIN),
            height: inside.height.saturating_sub(2),
            ..inside
        };
        for (number, (points, style)) in others.iter().enumerate() {
            let cell = points.last().map(|point| cell_of(*point, span, (low, high), plane));
            if let Some(cell) = cell.and_then(|cell| frame_.buffer_mut().cell_mut(cell)) {
                cell.set_symbol(NUMBERS[number.min(NUMBERS.len() - 1)]).set_style(*style);
            }
        }
        self.mark_not_finite(own, span, theme, frame_, inside);
        if is_cut {
            mark_cut(&band, high, span, theme, frame_, inside);
        }
    }

    /// Round values beside the axis, each in the row that it is nearest to.
    fn write_ticks(&self, (low, high): (f64, f64), theme: &Theme, frame_: &mut Frame, inside: Rect) {
        // The axis and its labels take the last two rows.
        let rows = inside.height.saturating_sub(2);
        let place = Rect { width: MARGIN.saturating_sub(1), height: rows, ..inside };
        frame_.render_widget(Clear, place);
        let most = usize::from(rows / 3).clamp(2, 8);
        let values = match self.log_scale && high - low >= 1.0 {
            // Powers of ten.
            true => (low.ceil() as i32..=high.floor() as i32).map(f64::from).collect(),
            // One value alone says nothing of the others: finer ones, then.
            false => {
                (most..most + 4).map(|most| ticks(low, high, most)).find(|ticks| ticks.len() > 1).unwrap_or_default()
            }
        };
        for value in values {
            let part = ((high - value) / (high - low)).clamp(0.0, 1.0);
            let row = (part * f64::from(rows.saturating_sub(1))).round() as u16;
            let shown = if self.log_scale { 10f64.powf(value) } else { value };
            let text = right(&self.number(shown), usize::from(place.width));
            let at = Rect { y: inside.y + row, height: 1, ..place }.intersection(place);
            frame_.render_widget(Paragraph::new(styled_line(text, theme.dim)), at);
        }
    }

    fn number(&self, value: f64) -> String {
        match self.curve {
            Curve::Accuracy => format!("{:.0}%", 100.0 * value),
            Curve::Loss if value != 0.0 && (value.abs() < 0.01 || value.abs() >= 1000.0) => format!("{value:.0e}"),
            Curve::Loss => format!("{value:.2}"),
        }
    }

    /// A red mark at the top of each column with a loss that is no number.
    fn mark_not_finite(&self, own: &Series, span: (f64, f64), theme: &Theme, frame_: &mut Frame, inside: Rect) {
        let width = inside.width.saturating_sub(MARGIN);
        for bucket in own.columns(1, own.last_step().max(1), usize::from(width)).into_iter().flatten() {
            let step = (bucket.from + bucket.to) as f64 / 2.0;
            let at = column_of(self.history.place(step, self.along()).unwrap_or(step), span, width);
            if bucket.not_finite > 0
                && let Some(cell) = frame_.buffer_mut().cell_mut((inside.x + MARGIN + at, inside.y))
            {
                cell.set_symbol("✗").set_style(theme.bad);
            }
        }
    }

    /// What is really drawn along: an epoch of each run must have ended for anything but steps.
    fn along(&self) -> Along {
        let mut all = self.laid.iter().map(|(other, _)| *other).chain([self.history]);
        match all.all(|one| one.loss.is_empty() || one.place(1.0, self.along).is_some()) {
            true => self.along,
            false => Along::Steps,
        }
    }
}

/// `3:07`, `1:02:03`.
pub fn clock(seconds: f64) -> String {
    let seconds = seconds.clamp(0.0, 1e9) as u64;
    match seconds {
        0..3600 => format!("{}:{:02}", seconds / 60, seconds % 60),
        _ => format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60),
    }
}

/// A place on an axis in words.
fn said(value: f64, along: Along) -> String {
    match along {
        Along::Steps => grouped(value.round() as u64),
        Along::Epochs if value.fract() < 0.05 => format!("{value:.0}"),
        Along::Epochs => format!("{value:.1}"),
        Along::Time => clock(value),
    }
}

/// The largest value that an axis must hold: all of the smoothed line and of the validation, and of single steps what is not far above the
/// rest of them.
fn without_spikes(band: &[(f64, f64)], smoothed: &[(f64, f64)], validation: &[(f64, f64)], most: f64) -> f64 {
    let mut values: Vec<f64> = band.iter().map(|(_, y)| *y).collect();
    if values.len() < 20 {
        return most;
    }
    values.sort_by(f64::total_cmp);
    let at = |part: f64| values[((values.len() - 1) as f64 * part) as usize];
    // Three times as far above the middle as nearly all of them.
    let usual = at(0.5) + 3.0 * (at(0.98) - at(0.5));
    let largest = |points: &[(f64, f64)]| points.iter().map(|(_, y)| *y).fold(f64::NEG_INFINITY, f64::max);
    // The line itself begins high, as losses do; where a spike moved it for a moment it does not count.
    let line = largest(&smoothed[..smoothed.len().min(2)]).max(median(smoothed));
    let needed = usual.max(line.min(2.0 * usual.abs().max(f64::MIN_POSITIVE))).max(largest(validation));
    if needed < most { needed } else { most }
}

fn median(points: &[(f64, f64)]) -> f64 {
    let mut values: Vec<f64> = points.iter().map(|(_, y)| *y).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NEG_INFINITY)
}

/// A mark at the top of each column whose values go on above the axis.
fn mark_cut(band: &[(f64, f64)], high: f64, span: (f64, f64), theme: &Theme, frame_: &mut Frame, inside: Rect) {
    let width = inside.width.saturating_sub(MARGIN);
    for (x, _) in band.iter().filter(|(_, y)| *y > high) {
        let column = column_of(*x, span, width);
        if let Some(cell) = frame_.buffer_mut().cell_mut((inside.x + MARGIN + column, inside.y))
            && cell.symbol() != "✗"
        {
            cell.set_symbol("▲").set_style(theme.warn);
        }
    }
}

/// Round values along an axis, in their order: one, two or five times a power of ten apart, as many as have room.
fn ticks(low: f64, high: f64, most: usize) -> Vec<f64> {
    let span = high - low;
    if !(span.is_finite() && span > 0.0) || most < 2 {
        return vec![low, high];
    }
    let rough = span / (most - 1) as f64;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|own| own * power).find(|step| *step >= rough).unwrap_or(rough);
    let first = (low / step).ceil();
    let count = ((high / step + 1e-9).floor() - first).max(0.0) as usize;
    (0..=count.min(20)).map(|at| (first + at as f64) * step).collect()
}

/// What runs laid over a chart are marked with, at the end of their lines and in the legend.
const NUMBERS: [&str; 9] = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];

/// The part of so many cells that a value from 0 to 1 lies in.
fn cell(part: f64, cells: u16) -> u16 {
    ((part * f64::from(cells)) as u16).min(cells.saturating_sub(1))
}

/// The column that a place on an axis from `first` to `last` lies in.
fn column_of(x: f64, (first, last): (f64, f64), width: u16) -> u16 {
    cell((x - first) / (last - first), width)
}

/// The cell of the plane that a point lies in.
fn cell_of((x, y): (f64, f64), span: (f64, f64), (low, high): (f64, f64), plane: Rect) -> (u16, u16) {
    (plane.x + column_of(x, span, plane.width), plane.y + cell((high - y) / (high - low), plane.height))
}

/// The band's pairs of least and largest as upright strokes of points, so that a spike is seen as one.
fn stems(band: &[(f64, f64)], low: f64, high: f64, rows: usize) -> Points {
    let step = (high - low) / rows.max(1) as f64;
    let mut points = Vec::new();
    for pair in band.chunks_exact(2) {
        let ((x, least), (_, most)) = (pair[0], pair[1]);
        let strokes = (((most - least) / step.max(1e-12)).ceil() as usize).min(rows);
        points.extend((0..=strokes).map(|at| (x, least + (most - least) * at as f64 / strokes.max(1) as f64)));
    }
    points
}

/// From where to where an axis goes: accuracy from 0 to 1, a loss from 0 to a little above its largest, powers of ten whole.
fn bounds(least: f64, most: f64, curve: Curve, log_scale: bool) -> (f64, f64) {
    match curve {
        Curve::Accuracy => (0.0, 1.0),
        Curve::Loss if log_scale => {
            // Within a power of ten whole ones would make a flat line of it.
            match most - least < 1.0 {
                true => (least - 0.02, most + 0.02),
                false => (least.floor(), most.ceil()),
            }
        }
        Curve::Loss => (least.min(0.0), if most > 0.0 { most * 1.05 } else { 1.0 }),
    }
}

/// The line above the charts: what each colour is.
pub fn legend<'a>(theme: &Theme, laid: impl Iterator<Item = (&'a str, Style)>) -> Line<'a> {
    let mut spans = vec![
        styled_span(" ░", theme.dim),
        styled_span(" each step  ", theme.dim),
        styled_span("━", theme.bar),
        styled_span(" smoothed  ", theme.dim),
        styled_span("•", theme.warn),
        styled_span(" validation", theme.dim),
    ];
    for ((id, style), number) in laid.zip(NUMBERS) {
        spans.extend([styled_span(format!("  ━{number} "), style), styled_span(id, theme.dim)]);
    }
    Line::from(spans)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_holds_all_values_and_never_has_no_length() {
        assert_eq!(bounds(0.2, 0.9, Curve::Accuracy, false), (0.0, 1.0));
        assert_eq!(bounds(-2.0, -2.0, Curve::Loss, true), (-2.02, -1.98));
        assert_eq!(bounds(-1.3, 0.4, Curve::Loss, true), (-2.0, 1.0));
        assert_eq!(bounds(0.0, 0.0, Curve::Loss, false), (0.0, 1.0));
        assert_eq!(place(0.0, true), None);
        assert_eq!(place(f64::NAN, false), None);
    }

    #[test]
    fn a_lone_spike_does_not_stretch_the_axis_and_ticks_are_round() {
        let mut band: Vec<(f64, f64)> = (0..200).map(|at| (f64::from(at), 2.0 - f64::from(at) / 200.0)).collect();
        let line = band.clone();
        assert!((without_spikes(&band, &line, &[], 2.0) - 2.0).abs() < 1e-9, "a falling loss is no spike");
        band[3].1 = 900.0;
        let cut = without_spikes(&band, &line, &[], 900.0);
        assert!((2.0..5.0).contains(&cut), "{cut}");
        assert_eq!(without_spikes(&band, &line, &[(5.0, 40.0)], 900.0), 40.0, "validation is always seen");
        assert_eq!(ticks(0.0, 2.4, 6), [0.0, 0.5, 1.0, 1.5, 2.0]);
        assert_eq!(ticks(0.0, 1.0, 3), [0.0, 0.5, 1.0]);
        assert_eq!(ticks(1.0, 1.0, 3), [1.0, 1.0]);
    }

    #[test]
    fn a_point_lies_in_a_cell_of_its_plane() {
        let plane = Rect::new(7, 2, 20, 10);
        assert_eq!(cell_of((1.0, 1.0), (1.0, 100.0), (0.0, 1.0), plane), (7, 2));
        assert_eq!(cell_of((100.0, 0.0), (1.0, 100.0), (0.0, 1.0), plane), (26, 11));
        assert_eq!(cell_of((1.0, f64::NAN), (1.0, 2.0), (0.0, 1.0), plane), (7, 2));
    }

    #[test]
    fn a_spike_is_a_stroke_from_its_least_to_its_largest() {
        let stroke = stems(&[(3.0, 0.0), (3.0, 10.0)], 0.0, 10.0, 8);
        assert_eq!(stroke.len(), 9);
        assert_eq!((stroke[0], stroke[8]), ((3.0, 0.0), (3.0, 10.0)));
    }
}
