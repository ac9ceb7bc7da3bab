//! How the training screen looks: charts above, what happens in layers, images, runs or notes below, where the run stands.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

use super::chart::{self, MARGIN, Plot};
use crate::model::figures::{grouped, short};
use crate::run::runs::History;
use crate::run::runs::history::Curve;
use crate::run::train::LayerNorms;
use crate::run::train::evaluate::Judged;
use crate::tui::layout::{Panes, SizeClass, visible_rows};
use crate::tui::msg::{Region, Target};
use crate::tui::screens::text::{bar, fitting_title, frame, left, right, tail, wrapped};
use crate::tui::state::training::{Below, Shown, TrainView};
use crate::tui::state::{Pane, State};
use crate::tui::theme::{Theme, Tones};

/// Where charts, the pane below and the words are.
struct Areas {
    legend: Rect,
    loss: Rect,
    accuracy: Rect,
    below: Rect,
    words: Rect,
}

/// Rows that the pane below takes of a table's, frame and all.
const BELOW: u16 = 12;
const BELOW_COMPACT: u16 = 6;

fn areas(panes: &Panes) -> Areas {
    let table = panes.table;
    let wanted = if panes.class == SizeClass::Full { BELOW } else { BELOW_COMPACT };
    let below = if table.height >= wanted + 8 { wanted } else { 0 };
    let legend = Rect { height: 1.min(table.height), ..table };
    let charts = Rect { y: table.y + legend.height, height: table.height - legend.height - below, ..table };
    let half = charts.width / 2;
    Areas {
        legend,
        loss: Rect { width: half, ..charts },
        accuracy: Rect { x: charts.x + half, width: charts.width - half, ..charts },
        below: Rect { y: charts.y + charts.height, height: below, ..table },
        words: panes.working,
    }
}

/// Columns of a chart that steps are spread over.
pub fn chart_columns(panes: &Panes) -> u16 {
    areas(panes).loss.width.saturating_sub(MARGIN + 2)
}

/// Rows of the pane below, for scrolling.
pub fn rows(view: &TrainView) -> usize {
    match view.below {
        Below::Layers => view.shown.as_ref().map_or(0, |shown| shown.norms.len()),
        Below::Notes => view.shown.as_ref().map_or(0, |shown| shown.history.notes.len()),
        Below::Runs => view.runs.len(),
        Below::Samples => 1,
    }
}

/// Colours of curves that lie over the one shown.
fn laid_styles(theme: &Theme) -> [Style; 3] {
    [theme.good, theme.bad, theme.accent]
}

pub fn draw(state: &State, frame_: &mut Frame, panes: &Panes, regions: &mut Vec<Region>) {
    let areas = areas(panes);
    let (theme, view) = (&state.theme, &state.train);
    let empty = History::default();
    let history = view.shown.as_ref().map_or(&empty, |shown| &shown.history);
    if history.loss.is_empty() && view.laid.is_empty() {
        draw_nothing_yet(state, frame_, Rect { height: areas.legend.height + areas.loss.height, ..panes.table });
    } else {
        let styles = laid_styles(theme);
        let laid = || view.laid.iter().zip(styles).map(|((id, history), style)| (id.as_str(), &**history, style));
        let legend = chart::legend(theme, laid().map(|(id, _, style)| (id, style)));
        frame_.render_widget(Paragraph::new(legend), areas.legend);
        for (curve, area) in [(Curve::Loss, areas.loss), (Curve::Accuracy, areas.accuracy)] {
            let plot = Plot {
                title: title(history, curve, view),
                curve,
                history,
                laid: laid().map(|(_, history, style)| (history, style)).collect(),
                log_scale: view.log_scale && curve == Curve::Loss,
                smooth: view.smooth,
                cursor: view.cursor,
            };
            plot.draw(theme, frame_, area);
        }
    }
    draw_below(state, frame_, areas.below, regions);
    draw_words(state, frame_, areas.words);
}

fn title(history: &History, curve: Curve, view: &TrainView) -> String {
    let number = |value: f64| match curve {
        Curve::Loss => format!("{value:.4}"),
        Curve::Accuracy => format!("{:.1}%", 100.0 * value),
    };
    let name = match (curve, view.log_scale) {
        (Curve::Loss, true) => "Loss, log scale",
        (Curve::Loss, false) => "Loss",
        (Curve::Accuracy, _) => "Accuracy",
    };
    let series = history.series(curve);
    let at = view.cursor.and_then(|step| series.at(step));
    let text = match at {
        Some(bucket) => {
            let steps = match bucket.from == bucket.to {
                true => format!("step {}", grouped(bucket.from)),
                false => format!("steps {} to {}", grouped(bucket.from), grouped(bucket.to)),
            };
            let value = bucket.mean().map_or_else(|| "not finite".into(), number);
            let before = history.validation(curve).take_while(|(step, _)| *step <= bucket.to).last();
            let validation = before.map_or_else(String::new, |(_, value)| format!(", validation {}", number(value)));
            format!("{steps}: {value}{validation}")
        }
        None => {
            let last = series.buckets().last().and_then(|bucket| bucket.mean());
            let validation = history.validation(curve).last().map(|(_, value)| value);
            let words = [last.map(number), validation.map(|value| format!("validation {}", number(value)))];
            words.into_iter().flatten().collect::<Vec<_>>().join(" · ")
        }
    };
    format!(" {name}  {text} ")
}

fn draw_nothing_yet(state: &State, frame_: &mut Frame, area: Rect) {
    let theme = &state.theme;
    let block = frame(" Train ", theme, state.pane == Pane::Main);
    let name = state.entry().map_or("", |entry| entry.id.as_str());
    let words = match &state.train.live {
        Some(_) => "Reading the data; the first step comes after it.".to_string(),
        None => format!(
            "⏎ trains {name} on {}. i chooses other data: MNIST's family, CIFAR-10, a folder of images, a tensor file. o \
             changes the recipe, such as `epochs=10 batch=64 lr=0.03 schedule=cosine augment=flip`, or `paper`. v turns to \
             past runs. Runs are kept in runs/, and go on after anything that ends them.",
            state.train.data
        ),
    };
    frame_.render_widget(Paragraph::new(words).style(theme.dim).wrap(Wrap { trim: true }).block(block), area);
}

fn draw_below(state: &State, frame_: &mut Frame, area: Rect, regions: &mut Vec<Region>) {
    if area.is_empty() {
        return;
    }
    let (theme, view) = (&state.theme, &state.train);
    let names = [(Below::Layers, "Layers"), (Below::Samples, "Images"), (Below::Runs, "Runs"), (Below::Notes, "Notes")];
    let mut titles = vec![Span::raw(" ")];
    for (below, name) in names {
        let style = if below == view.below { theme.marked.patch(theme.accent) } else { theme.dim };
        titles.extend([Span::styled(name, style), Span::raw(" ")]);
    }
    let block = frame(Line::from(titles), theme, state.pane == Pane::Main);
    let inside = block.inner(area);
    frame_.render_widget(block, area);
    let room = visible_rows(area, 0);
    let say = |frame_: &mut Frame, words: &str| {
        frame_.render_widget(Paragraph::new(words.to_string()).style(theme.dim).wrap(Wrap { trim: true }), inside);
    };
    match (view.below, &view.shown) {
        (Below::Runs, _) if view.runs.is_empty() => say(frame_, "no runs yet"),
        (Below::Runs, _) => draw_runs(state, frame_, inside, regions),
        (Below::Layers, Some(shown)) if !shown.norms.is_empty() => {
            draw_layers(shown, view.offset, theme, frame_, inside)
        }
        (Below::Layers, _) => say(frame_, "norms of weights, gradients and updates, while a run goes on here"),
        (Below::Samples, Some(shown)) if !shown.samples.is_empty() => draw_samples(shown, theme, frame_, inside),
        (Below::Samples, _) => say(frame_, "images of the validation set with what they are taken for, after an epoch"),
        (Below::Notes, Some(shown)) if !shown.history.notes.is_empty() => {
            let notes = shown
                .history
                .notes
                .iter()
                .rev()
                .flat_map(|(step, words)| wrapped(&format!("step {}: {words}", grouped(*step)), inside.width));
            let lines: Vec<Line> = notes.skip(view.offset).take(room).collect();
            frame_.render_widget(Paragraph::new(lines).style(theme.text), inside);
        }
        (Below::Notes, _) => say(frame_, "nothing to note"),
    }
}

/// A line of bars, each value against the largest; on a logarithmic scale, as norms spread over powers of ten.
fn sparkline(values: impl Iterator<Item = f64> + Clone, width: usize) -> String {
    const LEVELS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
    let logs = values.map(|value| value.max(1e-30).log10()).collect::<Vec<f64>>();
    let logs = &logs[logs.len().saturating_sub(width)..];
    let finite = || logs.iter().copied().filter(|value| value.is_finite());
    let (least, most) = (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
    // A change below a tenth of a power of ten is none worth a picture.
    let span = (most - least).max(0.1);
    let level = |value: &f64| match value.is_finite() {
        true => LEVELS[(((value - least) / span * 7.0).round() as usize).min(7)],
        false => "✗",
    };
    logs.iter().map(level).collect()
}

fn draw_layers(shown: &Shown, offset: usize, theme: &Theme, frame_: &mut Frame, area: Rect) {
    let width = usize::from(area.width);
    let line = if width >= 84 { 24 } else { 12 };
    let name = width.saturating_sub(11 * 3 + line + 2).min(28);
    let heading =
        left(" layer", name) + &right("|weight|", 11) + &right("|gradient|", 11) + &right("update", 11) + "  gradient";
    let mut lines = vec![Line::styled(heading, theme.dim)];
    let layers = shown.norms.iter().skip(offset).take(usize::from(area.height).saturating_sub(1));
    for (index, norms) in layers {
        let Some(last) = norms.last() else { continue };
        let path =
            shown.network.as_ref().and_then(|network| network.layers.get(*index)).map_or("", |layer| &layer.name);
        let ratio = last.update / last.weight.max(1e-30);
        // Steps of about a thousandth of the weights are usual; far from it something is wrong.
        let style = if ratio > 0.1 || !ratio.is_finite() {
            theme.bad
        } else if ratio < 1e-6 {
            theme.warn
        } else {
            theme.text
        };
        let number = |value: f64| right(&format!("{value:.2e}"), 11);
        let gradients = norms.iter().map(|own: &LayerNorms| own.gradient);
        lines.push(Line::from(vec![
            Span::styled(left(&format!(" {}", tail(path, name.saturating_sub(2))), name), theme.text),
            Span::styled(number(last.weight) + &number(last.gradient), theme.text),
            Span::styled(number(ratio), style),
            Span::styled(format!("  {}", sparkline(gradients, line)), theme.bar),
        ]));
    }
    frame_.render_widget(Paragraph::new(lines), area);
}

fn draw_runs(state: &State, frame_: &mut Frame, area: Rect, regions: &mut Vec<Region>) {
    let (theme, view) = (&state.theme, &state.train);
    let height = usize::from(area.height);
    let offset = (view.run_cursor + 1).saturating_sub(height);
    let styles = laid_styles(theme);
    let mut lines = Vec::new();
    for (at, run) in view.runs.iter().enumerate().skip(offset).take(height) {
        let laid = view.laid.iter().position(|(id, _)| *id == run.id);
        let is_shown = view.shown.as_ref().is_some_and(|shown| shown.id == run.id);
        let mark = match (laid, is_shown) {
            (Some(at), _) => Span::styled(" ━ ", styles[at.min(2)]),
            (None, true) => Span::styled(" ━ ", theme.bar),
            (None, false) => Span::raw("   "),
        };
        let percent = |value: Option<f64>| value.map_or_else(|| "–".into(), |value| format!("{:.2}%", 100.0 * value));
        let words = match &run.summary {
            Ok(own) => {
                right(&grouped(own.step), 9) + &right(&percent(own.val_accuracy), 9) + "  " + &tail(&own.data, 24)
            }
            Err(why) => format!("  {why}"),
        };
        let style = theme.row(at == view.run_cursor, state.pane == Pane::Main);
        let name = usize::from(area.width / 3).clamp(12, 28);
        lines.push(
            Line::from(vec![mark, Span::raw(left(&run.id, name)), Span::raw(left(run.status(), 9)), Span::raw(words)])
                .style(style),
        );
        let y = area.y + (at - offset) as u16;
        regions.push(Region { area: Rect { y, height: 1, ..area }, target: Target::Run(at) });
    }
    frame_.render_widget(Paragraph::new(lines), area);
}

/// Columns of a picture in the grid; half as many rows.
const TILE: u16 = 10;

fn draw_samples(shown: &Shown, theme: &Theme, frame_: &mut Frame, area: Rect) {
    let tall = if area.height >= 6 { TILE / 2 } else { area.height.saturating_sub(1) };
    let across = (area.width / (TILE + 2)).max(1);
    let down = (area.height / (tall + 1)).max(1);
    let input = shown.network.as_ref().map(|network| network.architecture.input);
    for (at, judged) in shown.samples.iter().take(usize::from(across * down)).enumerate() {
        let (x, y) = (area.x + (at as u16 % across) * (TILE + 2), area.y + (at as u16 / across) * (tall + 1));
        let tile = Rect { x, y, width: TILE, height: tall + 1 }.intersection(area);
        if let Some(input) = input {
            picture(
                judged,
                (input.channels as usize, input.height as usize, input.width as usize),
                theme,
                frame_,
                tile,
            );
        }
        let name = |class: usize| shown.about.names.get(class).cloned().unwrap_or_else(|| class.to_string());
        let is_right = judged.class == judged.label;
        let (mark, style) = if is_right { ("✓", theme.good) } else { ("✗", theme.bad) };
        let words = match is_right {
            true => format!("{mark}{}", name(judged.class)),
            false => format!("{mark}{}, is {}", name(judged.class), name(judged.label)),
        };
        let line = Rect { y: tile.y + tile.height.saturating_sub(1), height: 1.min(tile.height), ..tile };
        frame_.render_widget(Paragraph::new(left(&words, usize::from(TILE))).style(style), line);
    }
}

/// An image in half blocks, two pixels a cell, or in shades.
fn picture(judged: &Judged, sizes: (usize, usize, usize), theme: &Theme, frame_: &mut Frame, tile: Rect) {
    let (channels, height, width) = sizes;
    let (columns, rows) = (usize::from(tile.width), 2 * usize::from(tile.height.saturating_sub(1)));
    if judged.pixels.len() < channels * height * width || columns == 0 || rows == 0 {
        return;
    }
    // Ready values are of no known scale.
    let (least, most) =
        judged.pixels.iter().fold((0.0f32, 1.0f32), |(least, most), value| (least.min(*value), most.max(*value)));
    let pixel = |row: usize, column: usize| -> [u8; 3] {
        let at = (row * height / rows) * width + column * width / columns;
        [0, 1, 2].map(|colour| {
            let value = judged.pixels[(colour % channels.min(3)) * height * width + at];
            ((value - least) / (most - least) * 255.0) as u8
        })
    };
    for y in 0..rows / 2 {
        for x in 0..columns {
            let Some(cell) = frame_.buffer_mut().cell_mut((tile.x + x as u16, tile.y + y as u16)) else { continue };
            let halves = [pixel(2 * y, x), pixel(2 * y + 1, x)];
            match theme.tones {
                Tones::All => {
                    let [upper, lower] = halves.map(|[red, green, blue]| Color::Rgb(red, green, blue));
                    cell.set_symbol("▀").set_fg(upper).set_bg(lower);
                }
                Tones::Few => {
                    let light: u32 = halves.iter().flatten().map(|value| u32::from(*value)).sum();
                    cell.set_symbol([" ", "░", "▒", "▓", "█"][(light / 307).min(4) as usize]);
                }
            }
        }
    }
}

/// `3:07`, `1:02:03`.
fn clock(seconds: f64) -> String {
    let seconds = seconds.clamp(0.0, 1e9) as u64;
    match seconds {
        0..3600 => format!("{}:{:02}", seconds / 60, seconds % 60),
        _ => format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60),
    }
}

/// Where a run stands, in lines: label and words.
fn standing(shown: &Shown, live: Option<(bool, bool)>) -> Vec<(&'static str, String)> {
    let history = &shown.history;
    let step = history.loss.last_step();
    let total = shown.about.total_steps.max(1);
    let how = match (live, &shown.ended) {
        (Some((_, true)), _) => "stopping after this step".to_string(),
        (Some((true, _)), _) => "paused; space goes on, s takes one step".to_string(),
        (Some(_), _) => "training".to_string(),
        (None, Some(ended)) => ended.clone(),
        (None, None) => "trained by another process".to_string(),
    };
    let epochs = shown.about.epochs.map_or_else(String::new, |epochs| format!(" of {epochs}"));
    let lr = history.lr.buckets().last().and_then(|bucket| bucket.mean());
    let lr = lr.map_or_else(String::new, |lr| format!(" · lr {lr:.2e}"));
    let mut lines = vec![
        ("run", format!("{}  {how}", shown.id)),
        ("step", format!("{} of {} · epoch {}{epochs}{lr}", grouped(step), grouped(total), history.epoch.max(1))),
    ];
    let speed = history.images_per_second.buckets().iter().rev().take(20).filter_map(|bucket| bucket.mean());
    let speeds: Vec<f64> = speed.collect();
    if !speeds.is_empty() {
        let mean = speeds.iter().sum::<f64>() / speeds.len() as f64;
        // What is left takes as long a step as what was done, validation and all.
        let left = shown.about.began.filter(|(from, _)| live.is_some() && step > *from).map(|(from, since)| {
            let each = since.elapsed().as_secs_f64() / (step - from) as f64;
            format!(
                " · {} passed, {} left",
                clock(since.elapsed().as_secs_f64()),
                clock(each * (total - step.min(total)) as f64)
            )
        });
        lines.push(("speed", format!("{mean:.0} images/s{}", left.unwrap_or_default())));
    }
    if let Some((best, epoch)) = best(history) {
        lines.push(("best", format!("{:.2}% on validation, epoch {epoch}", 100.0 * best)));
    }
    lines
}

fn best(history: &History) -> Option<(f64, u64)> {
    let all = history.epochs.iter().filter_map(|epoch| Some((epoch.val_accuracy?, epoch.epoch)));
    all.fold(None, |best, own| match best {
        Some((value, _)) if value >= own.0 => best,
        _ => Some(own),
    })
}

/// Where a run stands, as text to copy.
pub fn as_text(shown: &Shown) -> String {
    standing(shown, None).into_iter().map(|(label, words)| format!("{label}  {words}")).collect::<Vec<_>>().join("\n")
}

fn draw_words(state: &State, frame_: &mut Frame, area: Rect) {
    if area.is_empty() {
        return;
    }
    let (theme, view) = (&state.theme, &state.train);
    let half = Rect { width: area.width * 3 / 5, ..area };
    let rest = Rect { x: area.x + half.width, width: area.width - half.width, ..area };
    let live = view.live.as_ref().map(|live| (live.paused, live.stopping));
    let label = |label: &str| Span::styled(left(&format!(" {label}"), 8), theme.dim);
    let lines: Vec<Line> = match &view.shown {
        Some(shown) => {
            let width = usize::from(half.width.saturating_sub(3));
            let share = shown.history.loss.last_step() as f64 / shown.about.total_steps.max(1) as f64;
            let mut lines: Vec<Line> = standing(shown, live)
                .into_iter()
                .map(|(name, words)| Line::from(vec![label(name), Span::styled(words, theme.text)]))
                .collect();
            lines.push(Line::styled(format!(" {}", bar(share, width)), theme.bar));
            lines
        }
        None => vec![Line::styled(" no run on the charts", theme.dim)],
    };
    let title = if view.live.is_some() { " Training " } else { " Run " };
    frame_.render_widget(Paragraph::new(lines).block(frame(title, theme, false)), half);
    let (data, recipe, title) = match (&view.shown, &view.live) {
        (Some(shown), _) if view.live.is_some() || view.below == Below::Runs => {
            let images =
                if shown.about.images > 0 { format!(", {} images", short(shown.about.images)) } else { String::new() };
            (format!("{}{images}", shown.about.data), shown.about.recipe.clone(), " Its data and recipe ")
        }
        _ => {
            let own =
                if view.words.is_empty() { "as the file says, or the usual".to_string() } else { view.words.clone() };
            (view.data.to_string(), own, " The next run ")
        }
    };
    let width = rest.width.saturating_sub(2);
    let mut lines = vec![Line::from(vec![
        label("data"),
        Span::styled(tail(&data, usize::from(width).saturating_sub(9)), theme.text),
    ])];
    lines.extend(wrapped(&format!(" recipe {recipe}"), width));
    frame_.render_widget(Paragraph::new(lines).block(frame(fitting_title(title, rest), theme, false)), rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_norms_shows_powers_of_ten() {
        assert_eq!(sparkline([1.0, 10.0, 100.0].into_iter(), 8), "▁▅█");
        assert_eq!(sparkline([1.0, f64::NAN].into_iter().chain([f64::INFINITY]), 8).chars().last(), Some('✗'));
        assert_eq!(sparkline([5.0, 5.0].into_iter(), 1), "▁");
        assert_eq!(sparkline([].into_iter(), 4), "");
    }

    #[test]
    fn times_are_written_as_clocks_do() {
        assert_eq!((clock(67.4), clock(3723.0), clock(f64::NAN)), ("1:07".into(), "1:02:03".into(), "0:00".into()));
    }
}
