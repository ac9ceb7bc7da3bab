//! The kernel study of screen 3: one k×k against other ways to see as far, with its four numbers under the arrow keys.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::symbols::Marker;
use ratatui::text::Line;
use ratatui::widgets::{Axis, Chart, Dataset, GraphType, Paragraph, Wrap};

use super::text::{bar, frame, left, plain_span, right, styled_line, styled_span};
use crate::graph::figures::{grouped, short};
use crate::graph::kernel_study::{Candidate, Study};
use crate::run::measure::Timing;
use crate::tui::keys::Action;
use crate::tui::keys::table::Compare;
use crate::tui::layout::{Panes, SizeClass};
use crate::tui::msg::{Effect, Region, Target};
use crate::tui::state::views::Timed;
use crate::tui::state::{Pane, State};

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

pub fn act(state: &mut State, action: Action) -> Option<Vec<Effect>> {
    let (study, slider) = (state.compare.study, state.compare.slider);
    let now = numbers(&study)[slider.min(SLIDERS - 1)];
    // Fields are odd; channels go by eights, or by ones below.
    let by = match slider {
        0 => 2,
        1 | 2 if now >= 16 => 8,
        _ => 1,
    };
    let to = match action {
        Action::Compare(Compare::Less) => now.saturating_sub(by),
        Action::Compare(Compare::More) => now + by,
        Action::Compare(Compare::MuchLess) if slider == 0 => now.saturating_sub(4),
        Action::Compare(Compare::MuchMore) if slider == 0 => now + 4,
        Action::Compare(Compare::MuchLess) => now / 2,
        Action::Compare(Compare::MuchMore) => now * 2,
        Action::Compare(Compare::Time) => return Some(vec![Effect::Time(Timed::Study(study), Vec::new())]),
        Action::Copy => return Some(vec![Effect::Copy(as_markdown(state))]),
        _ => return None,
    };
    if let Some(next) = changed(study, slider, to) {
        state.compare.study = next;
    }
    Some(Vec::new())
}

/// The times of the study as it stands, if it was timed.
fn times(state: &State) -> Option<&[Timing]> {
    let (what, times) = state.compare.times.as_ref()?;
    (*what == Timed::Study(state.compare.study)).then_some(times)
}

pub fn draw(state: &State, frame_: &mut Frame, panes: &Panes, regions: &mut Vec<Region>) {
    let Ok(candidates) = state.compare.study.candidates() else { return };
    let (area, words) = areas(panes);
    if area.is_empty() {
        return;
    }
    let block = frame(" Kernel study: ways to see as far ", &state.theme, state.pane == Pane::Main);
    let inside = block.inner(area);
    frame_.render_widget(block, area);
    let sliders = Rect { height: (SLIDERS as u16).min(inside.height), ..inside };
    draw_sliders(state, frame_, sliders, regions);
    let table_height = (candidates.len() as u16 + 1).min(inside.height.saturating_sub(sliders.height));
    let table = Rect { y: sliders.bottom(), height: table_height, ..inside };
    draw_table(state, &candidates, frame_, table);
    let rest =
        Rect { y: table.bottom(), height: inside.height.saturating_sub(sliders.height + table_height), ..inside };
    if rest.height >= 5 && panes.class != SizeClass::Tiny {
        draw_curves(state, frame_, rest);
    }
    draw_words(state, &candidates, frame_, words);
}

/// The study and its words; on a small screen the words get less, so that the curves have room.
fn areas(panes: &Panes) -> (Rect, Rect) {
    let (upper, below) = (panes.table, panes.working);
    let given = if panes.class == SizeClass::Compact { below.height.min(1) } else { 0 };
    let upper = Rect { height: upper.height + given, ..upper };
    (upper, Rect { y: below.y + given, height: below.height.saturating_sub(given), ..below })
}

fn draw_sliders(state: &State, frame_: &mut Frame, area: Rect, regions: &mut Vec<Region>) {
    let theme = &state.theme;
    let study = state.compare.study;
    // A slider's end is what is usual, not what is possible.
    let most = [15.0, 1024.0, 1024.0, 224.0];
    let lines = numbers(&study).into_iter().zip(NAMES).enumerate().map(|(at, (number, name))| {
        let style = theme.row(at == state.compare.slider, state.pane == Pane::Main);
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
        regions.push(Region { area: Rect { y, height: 1, ..area }, target: Target::Slider(at) });
    }
    frame_.render_widget(Paragraph::new(lines), area);
}

fn draw_table(state: &State, candidates: &[Candidate], frame_: &mut Frame, area: Rect) {
    let theme = &state.theme;
    let times = times(state);
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
        lines.push(Line::from(vec![
            styled_span(text, theme.text),
            styled_span(format!("  {}", bar(share, room)), theme.bar),
        ]));
    }
    frame_.render_widget(Paragraph::new(lines), area);
}

/// MACs of the single kernel and of the stack of 3×3 for every field from 3 to 15.
fn draw_curves(state: &State, frame_: &mut Frame, area: Rect) {
    let theme = &state.theme;
    let study = state.compare.study;
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
    frame_.render_widget(chart, area);
}

/// What the numbers say, in sentences.
fn sentences(study: &Study) -> Vec<String> {
    let mut lines: Vec<String> = study.sentence().into_iter().collect();
    let alone = || "a field of 3 is one 3×3 already; a larger one can be stacked".to_string();
    lines.push(study.break_even_sentence().unwrap_or_else(alone));
    lines
}

fn draw_words(state: &State, candidates: &[Candidate], frame_: &mut Frame, area: Rect) {
    if area.is_empty() {
        return;
    }
    let theme = &state.theme;
    let block = frame(" Working ", theme, false);
    let mut lines: Vec<Line> =
        sentences(&state.compare.study).into_iter().map(|text| Line::from(format!(" {text}"))).collect();
    for candidate in candidates {
        lines.push(styled_line(format!(" {}  {}", left(&candidate.label, 22), candidate.formula), theme.dim));
    }
    frame_.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }).block(block), area);
}

fn as_markdown(state: &State) -> String {
    let study = state.compare.study;
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
