//! The kernel study: one k×k against other ways to see as far, with its four numbers under the arrow keys.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::symbols::Marker;
use ratatui::text::Line;
use ratatui::widgets::{Axis, Chart, Dataset, GraphType, Paragraph, Wrap};

use super::state::{Action, Compare, Timed};
use crate::graph::figures::{grouped, short};
use crate::graph::kernel_study::{Candidate, Study};
use crate::run::measure::Timing;
use crate::tui::screen::{Canvas, View};
use crate::tui::widgets::panes::{Panes, SizeClass};
use crate::tui::widgets::text::{bar, frame, gradient, left, plain_span, right, styled_line, styled_span};

/// The numbers that can be changed.
pub const SLIDERS: usize = 4;
const NAMES: [&str; SLIDERS] = ["field", "channels", "in-channels", "map size"];

fn numbers(study: &Study) -> [u64; SLIDERS] {
    [study.field, study.channels, study.in_channels, study.size]
}

/// The study with one number changed, if it can still be made.
fn changed(study: Study, slider: usize, to: u64) -> Option<Study> {
    let mut next = study;
    match slider {
        0 => next.field = to,
        1 => {
            next.channels = to;
            // Channels go together until they are parted.
            if study.in_channels == study.channels {
                next.in_channels = to;
            }
        }
        2 => next.in_channels = to,
        _ => next.size = to,
    }
    next.candidates().is_ok().then_some(next)
}

/// Changes the number the keys are at.
pub fn change(own: &mut Compare, action: Action) {
    let (study, slider) = (own.study, own.slider);
    let now = numbers(&study)[slider.min(SLIDERS - 1)];
    // Fields are odd; channels go by eights, or by ones below.
    let by = match slider {
        0 => 2,
        1 | 2 if now >= 16 => 8,
        _ => 1,
    };
    let to = match action {
        Action::Less => now.saturating_sub(by),
        Action::More => now + by,
        Action::MuchLess if slider == 0 => now.saturating_sub(4),
        Action::MuchMore if slider == 0 => now + 4,
        Action::MuchLess => now / 2,
        Action::MuchMore => now * 2,
        _ => return,
    };
    if let Some(next) = changed(study, slider, to) {
        own.study = next;
    }
}

/// The times of the study as it stands, if it was timed.
fn times(own: &Compare) -> Option<&[Timing]> {
    let (what, times) = own.times.as_ref()?;
    (*what == Timed::Study(own.study)).then_some(times)
}

pub fn draw(own: &Compare, view: &View, canvas: &mut Canvas<Action>) {
    let Ok(candidates) = own.study.candidates() else { return };
    let (area, words) = areas(&view.panes);
    if area.is_empty() {
        return;
    }
    let block = frame(" Kernel study: same receptive field, different kernels ", &view.theme, view.has_keys);
    let theme = &view.theme;
    // Beside the curves it would lie over them.
    let legend = Line::from(vec![
        styled_span(" MACs by field: ", theme.dim),
        styled_span("━ one k×k", theme.bad),
        styled_span("  ━ stack of 3×3 ", theme.good),
    ]);
    let block = block.title_bottom(legend);
    let inside = block.inner(area);
    canvas.frame.render_widget(block, area);
    let sliders = Rect { height: (SLIDERS as u16).min(inside.height), ..inside };
    draw_sliders(own, view, canvas, sliders);
    let table_height = (candidates.len() as u16 + 1).min(inside.height.saturating_sub(sliders.height));
    let table = Rect { y: sliders.bottom(), height: table_height, ..inside };
    draw_table(own, view, &candidates, canvas.frame, table);
    let rest =
        Rect { y: table.bottom(), height: inside.height.saturating_sub(sliders.height + table_height), ..inside };
    if rest.height >= 5 && view.panes.class != SizeClass::Tiny {
        draw_curves(own, view, canvas.frame, rest);
    }
    draw_words(own, view, &candidates, canvas.frame, words);
}

/// The study and its words; on a small screen the words get less, so that the curves have room.
fn areas(panes: &Panes) -> (Rect, Rect) {
    let (upper, below) = (panes.table, panes.working);
    let given = if panes.class == SizeClass::Compact { below.height.min(1) } else { 0 };
    let upper = Rect { height: upper.height + given, ..upper };
    (upper, Rect { y: below.y + given, height: below.height.saturating_sub(given), ..below })
}

fn draw_sliders(own: &Compare, view: &View, canvas: &mut Canvas<Action>, area: Rect) {
    let theme = &view.theme;
    let study = own.study;
    // A slider's end is what is usual, not what is possible.
    let most = [15.0, 1024.0, 1024.0, 224.0];
    let lines = numbers(&study).into_iter().zip(NAMES).enumerate().map(|(at, (number, name))| {
        let style = theme.row(at == own.slider, view.has_keys);
        let width = usize::from(area.width).saturating_sub(26).min(40);
        Line::from(vec![
            styled_span(left(&format!(" {name}"), 14), theme.text),
            styled_span(right(&grouped(number), 8), theme.text),
            plain_span("  "),
            styled_span(bar(number as f64 / most[at], width), theme.bar),
        ])
        .style(style)
    });
    let lines: Vec<Line> = lines.collect();
    for (at, y) in (area.y..area.bottom()).enumerate() {
        canvas.click(Rect { y, height: 1, ..area }, Action::Row(at));
    }
    canvas.frame.render_widget(Paragraph::new(lines), area);
}

fn draw_table(own: &Compare, view: &View, candidates: &[Candidate], frame_: &mut Frame, area: Rect) {
    let theme = &view.theme;
    let times = times(own);
    let cells = |texts: [String; 7]| {
        let widths = [23, 11, 8, 9, 9, 6, 9];
        let cells = texts.into_iter().zip(widths).enumerate();
        cells
            .map(|(at, (text, width))| if at == 0 { left(&format!(" {text}"), width) } else { right(&text, width) })
            .collect::<String>()
    };
    let heading = ["", "weights", "", "MACs", "values", "ReLUs", if times.is_some() { "ms" } else { "" }];
    let mut lines = vec![styled_line(cells(heading.map(str::to_string)), theme.dim)];
    let first = &candidates[0];
    let largest = candidates.iter().map(|candidate| candidate.macs).max().unwrap_or(1);
    for (at, candidate) in candidates.iter().enumerate() {
        let ratio = candidate.params as f64 / first.params as f64;
        let timed = times.and_then(|times| times.get(at));
        let text = cells([
            candidate.label.clone(),
            if candidate.params < 100_000_000 { grouped(candidate.params) } else { short(candidate.params) },
            format!("{:.0}%", 100.0 * ratio),
            short(candidate.macs),
            short(candidate.activations),
            candidate.relu_layers.to_string(),
            timed.map_or(String::new(), |timing| format!("{:.2}", timing.median.as_secs_f64() * 1e3)),
        ]);
        let room = match usize::from(area.width).saturating_sub(77) {
            room @ 6.. => room.min(30),
            _ => 0,
        };
        let share = candidate.macs as f64 / largest as f64;
        let words = [styled_span(text, theme.text), plain_span("  ")];
        lines.push(Line::from(words.into_iter().chain(gradient(share, room, theme)).collect::<Vec<_>>()));
    }
    frame_.render_widget(Paragraph::new(lines), area);
}

/// MACs of the single kernel and of the stack of 3×3 for every field from 3 to 15.
fn draw_curves(own: &Compare, view: &View, frame_: &mut Frame, area: Rect) {
    let theme = &view.theme;
    let study = own.study;
    let points = |at: usize| -> Vec<(f64, f64)> {
        let fields = (3..=15).step_by(2);
        fields
            .filter_map(|field| {
                let candidates = Study { field, ..study }.candidates().ok()?;
                // A field of 3 has no stack: both are the one kernel.
                let own = candidates.get(if field == 3 { 0 } else { at })?;
                Some((field as f64, own.macs as f64))
            })
            .collect()
    };
    let (single, stack) = (points(0), points(1));
    let top = single.iter().chain(&stack).map(|point| point.1).fold(1.0, f64::max);
    let here = study.field as f64;
    let marked = [(here, 0.0), (here, top)];
    let line = |data, name, style: Style| {
        Dataset::default().name(name).marker(Marker::Braille).graph_type(GraphType::Line).style(style).data(data)
    };
    let datasets = vec![
        line(&marked[..], "", theme.dim),
        line(&single, "one k×k", theme.bad),
        line(&stack, "stack of 3×3", theme.good),
    ];
    let labels = [0.0, 0.5, 1.0].map(|share| short((share * top) as u64));
    let chart = Chart::new(datasets)
        .x_axis(Axis::default().title("field").style(theme.dim).bounds([3.0, 15.0]).labels(["3", "9", "15"]))
        .y_axis(Axis::default().title("MACs").style(theme.dim).bounds([0.0, top]).labels(labels));
    frame_.render_widget(chart.legend_position(None), area);
}

/// What the numbers say, in sentences.
fn sentences(study: &Study) -> Vec<String> {
    let mut lines: Vec<String> = study.sentence().into_iter().collect();
    let alone = || "a field of 3 is one 3×3 already; a larger one can be stacked".to_string();
    lines.push(study.break_even_sentence().unwrap_or_else(alone));
    lines
}

fn draw_words(own: &Compare, view: &View, candidates: &[Candidate], frame_: &mut Frame, area: Rect) {
    if area.is_empty() {
        return;
    }
    let theme = &view.theme;
    let block = frame(" Working ", theme, false);
    let mut lines: Vec<Line> = sentences(&own.study).into_iter().map(|text| Line::from(format!(" {text}"))).collect();
    for candidate in candidates {
        lines.push(styled_line(format!(" {}  {}", left(&candidate.label, 22), candidate.formula), theme.dim));
    }
    frame_.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }).block(block), area);
}

pub fn as_markdown(compare: &Compare) -> String {
    let study = compare.study;
    let Ok(candidates) = study.candidates() else { return String::new() };
    let mut text =
        String::from("| kernels | weights | MACs | activations | ReLUs | working |\n|---|---:|---:|---:|---:|---|\n");
    for own in &candidates {
        let cells = [
            own.label.clone(),
            grouped(own.params),
            grouped(own.macs),
            grouped(own.activations),
            own.relu_layers.to_string(),
            own.formula.clone(),
        ];
        text += &format!("| {} |\n", cells.join(" | "));
    }
    text + "\n" + &sentences(&study).join("\n\n") + "\n"
}
