//! How the training screen looks: charts above, what happens in layers, images, runs or notes below, where the run stands.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Paragraph, Wrap};

use super::below;
use super::chart::{self, MARGIN, Plot, clock};
use super::state::{Action, Below, Shown, Train};
use crate::graph::figures::{grouped, short};
use crate::run::data::Source;
use crate::run::runs::history::Curve;
use crate::run::runs::{self, History};
use crate::tui::screen::{Canvas, View};
use crate::tui::widgets::panes::{Panes, SizeClass};
use crate::tui::widgets::text::{
    fitting_title, frame, gradient, left, plain_line, plain_span, styled_line, styled_span, tail, wrapped,
};
use crate::tui::widgets::theme::Theme;
use unicode_width::UnicodeWidthStr;

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

/// Where there is no room below, another pane than the first takes the place of the accuracy.
fn areas(panes: &Panes, shown: Below) -> Areas {
    let table = panes.table;
    let wanted = if panes.class == SizeClass::Full { BELOW } else { BELOW_COMPACT };
    let below = if table.height >= wanted + 8 { wanted } else { 0 };
    let below = if panes.zoomed.is_some() { 0 } else { below };
    let legend = Rect { height: 1.min(table.height), ..table };
    let charts =
        Rect { y: table.y + legend.height, height: table.height.saturating_sub(legend.height + below), ..table };
    let half = charts.width / 2;
    let accuracy = Rect { x: charts.x + half, width: charts.width - half, ..charts };
    let loss = Rect { width: half, ..charts };
    let none = Rect { width: 0, height: 0, ..charts };
    let (loss, accuracy, pane) = match panes.zoomed {
        Some(0) => (loss, accuracy, none),
        Some(1) => (charts, none, none),
        Some(2) => (none, charts, none),
        Some(_) => (none, none, charts),
        None => {
            let has_room = below > 0 || shown == Below::Layers;
            let place = if has_room { Rect { y: charts.y + charts.height, height: below, ..table } } else { accuracy };
            (loss, accuracy, place)
        }
    };
    Areas { legend, loss, accuracy, below: pane, words: panes.working }
}

/// Columns of a chart that steps are spread over.
pub fn chart_columns(panes: &Panes) -> u16 {
    areas(panes, Below::Layers).loss.width.saturating_sub(MARGIN + 2)
}

pub fn draw(train: &Train, outer: &View, canvas: &mut Canvas<Action>) {
    let areas = areas(&outer.panes, train.below);
    let (theme, view) = (&outer.theme, train);
    let empty = History::default();
    let history = view.shown.as_ref().map_or(&empty, |shown| &shown.history);
    if history.loss.is_empty() && view.laid.is_empty() {
        let height = areas.legend.height + areas.loss.height.max(areas.accuracy.height);
        draw_nothing_yet(train, outer, canvas.frame, Rect { height, ..outer.panes.table });
    } else {
        let styles = below::laid_styles(theme);
        let laid = || view.laid.iter().zip(styles).map(|((id, history), style)| (id.as_str(), &**history, style));
        let legend = match (&view.shown, areas.words.is_empty()) {
            // Where there is no room for where the run stands, that counts for more.
            (Some(shown), true) => in_a_line(shown, view, usize::from(areas.legend.width)),
            _ => chart::legend(theme, laid().map(|(id, _, style)| (id, style))),
        };
        canvas.frame.render_widget(Paragraph::new(legend), areas.legend);
        for (curve, area) in [(Curve::Loss, areas.loss), (Curve::Accuracy, areas.accuracy)] {
            if area == areas.below || area.is_empty() {
                continue;
            }
            let plot = Plot {
                title: title(history, curve, view),
                curve,
                history,
                laid: laid().map(|(_, history, style)| (history, style)).collect(),
                log_scale: view.log_scale && curve == Curve::Loss,
                smooth: view.smooth,
                cursor: view.cursor,
                whole_axis: view.whole_axis,
                along: view.along,
            };
            plot.draw(theme, canvas.frame, area);
        }
    }
    below::draw(train, outer, canvas, areas.below);
    draw_words(train, theme, canvas.frame, areas.words);
}

fn title(history: &History, curve: Curve, view: &Train) -> String {
    let number = |value: f64| match curve {
        Curve::Loss if value.abs() >= 1e5 || value != 0.0 && value.abs() < 1e-3 => format!("{value:.3e}"),
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
                false => format!("steps {}–{}", grouped(bucket.from), grouped(bucket.to)),
            };
            let value = bucket.mean().map_or_else(|| "not finite".into(), number);
            let before = history.validation(curve).take_while(|(step, _)| *step <= bucket.to).last();
            let validation = before.map_or_else(String::new, |(_, value)| format!(" · val {}", number(value)));
            return format!(" {steps}  {value}{validation} ");
        }
        None => {
            let last = series.buckets().last().and_then(|bucket| bucket.mean());
            let validation = history.validation(curve).last().map(|(_, value)| value);
            let words = [last.map(number), validation.map(|value| format!("validation {}", number(value)))];
            words.into_iter().flatten().collect::<Vec<_>>().join(" · ")
        }
    };
    if text.is_empty() { format!(" {name} ") } else { format!(" {name}  {text} ") }
}

/// Data as a sentence names it.
pub fn data_words(data: &Source) -> String {
    match data {
        Source::Synthetic(_) => "synthetic data".to_string(),
        other => other.to_string(),
    }
}

fn draw_nothing_yet(train: &Train, view: &View, frame_: &mut Frame, area: Rect) {
    let theme = &view.theme;
    let block = frame(" Train ", theme, view.has_keys);
    let name = view.entry().map_or("", |entry| entry.id.as_str());
    let words = match &train.live {
        Some(_) if train.shown.as_ref().is_some_and(|shown| shown.ended.is_none()) => {
            "The first step is under way.".to_string()
        }
        Some(_) => "Reading the data; the first step comes after it.".to_string(),
        None => format!(
            "Press ⏎ to train {name} on {}. i chooses other data: MNIST's family, CIFAR-10, a folder of images, a tensor file. o shows the \
             recipe, every setting with its default. v turns to past runs. Runs are saved in runs/ and can be resumed.",
            data_words(&train.data)
        ),
    };
    let words = plain_line(words);
    frame_.render_widget(Paragraph::new(words).style(theme.dim).wrap(Wrap { trim: true }).block(block), area);
}

/// The first of some forms, the fullest first, that has room.
fn fitting(forms: impl IntoIterator<Item = String>, room: usize) -> String {
    let forms: Vec<String> = forms.into_iter().collect();
    let fits = forms.iter().find(|form| form.width() <= room).or(forms.last());
    fits.cloned().unwrap_or_default()
}

/// Where a run stands, in lines of so many columns: label and words.
/// `elsewhere` is what became of a run that another process trained, if it ended.
fn standing(
    shown: &Shown,
    live: Option<(bool, bool)>,
    elsewhere: Option<&str>,
    room: usize,
) -> Vec<(&'static str, String)> {
    let history = &shown.history;
    let step = history.loss.last_step();
    let total = shown.about.total_steps.max(1);
    let how = match (live, &shown.ended) {
        (Some((_, true)), _) => "stopping after this step".to_string(),
        (Some((true, _)), _) => "paused · Space resumes · . one step".to_string(),
        (Some(_), _) => match shown.validating {
            Some((done, of)) => format!("validating {} of {}", grouped(done as u64), grouped(of as u64)),
            None => "training · Space pauses".to_string(),
        },
        // Its reason is too long for a line.
        (None, Some(ended)) if ended.starts_with("failed") => "failed · v shows why".into(),
        (None, Some(ended)) => ended.clone(),
        (None, None) => elsewhere.map_or_else(|| "trained by another process".to_string(), str::to_string),
    };
    let epochs = shown.about.epochs.map_or_else(String::new, |epochs| format!(" of {epochs}"));
    let lr = history.lr.buckets().last().and_then(|bucket| bucket.mean());
    let lr = lr.map_or_else(String::new, |lr| format!(" · lr {lr:.2e}"));
    let epoch = history.epoch.max(1);
    let (done, all) = (grouped(step), grouped(total));
    let step_forms = [
        format!("{done} of {all} · epoch {epoch}{epochs}{lr}"),
        format!("{done}/{all} · epoch {epoch}{}{lr}", epochs.replace(" of ", "/")),
        format!("{step}/{total} · epoch {epoch}{lr}"),
        format!("{step}/{total}{lr}"),
        format!("{step}/{total}"),
    ];
    let run_forms = [format!("{}  {how}", shown.id), format!("{}  {how}", tail(&shown.id, 10)), how.clone()];
    let mut lines = vec![("run", fitting(run_forms, room)), ("step", fitting(step_forms, room))];
    let speed = history.images_per_second.buckets().iter().rev().take(20).filter_map(|bucket| bucket.mean());
    let speeds: Vec<f64> = speed.collect();
    if !speeds.is_empty() {
        let mean = speeds.iter().sum::<f64>() / speeds.len() as f64;
        // What is left takes as long a step as what was done.
        let times = shown.about.began.filter(|from| live.is_some() && step > *from).map(|from| {
            let each = shown.seconds / (step - from) as f64;
            (clock(shown.seconds), clock(each * (total - step.min(total)) as f64))
        });
        let speed_forms = match times {
            Some((passed, left)) => vec![
                format!("{mean:.0} images/s · {passed} elapsed, {left} left"),
                format!("{mean:.0} images/s · {left} left"),
                format!("{left} left"),
            ],
            None => vec![format!("{mean:.0} images/s")],
        };
        lines.push(("speed", fitting(speed_forms, room)));
    }
    if let Some((best, epoch)) = best(history) {
        lines.push(("best", format!("{:.2}% on validation, epoch {epoch}", 100.0 * best)));
    }
    lines
}

/// How a run that another process trained ended, as the list of runs has it.
fn elsewhere<'a>(view: &'a Train, shown: &Shown) -> Option<&'a str> {
    let found = view.runs.iter().find(|run| run.id == shown.id)?;
    Some(found.status()).filter(|status| *status != "running")
}

/// Where a run stands, in one line.
fn in_a_line<'a>(shown: &Shown, view: &Train, room: usize) -> Line<'a> {
    let live = view.live.as_ref().map(|live| (live.paused, live.stopping));
    let word = |lines: &[(&str, String)], name: &str| {
        lines.iter().find(|(own, _)| *own == name).map_or_else(String::new, |(_, words)| words.clone())
    };
    let lines = standing(shown, live, elsewhere(view, shown), room / 2);
    let (step, run, speed) = (word(&lines, "step"), word(&lines, "run"), word(&lines, "speed"));
    plain_line(fitting([format!(" {step} · {run} · {speed}"), format!(" {step} · {run}"), format!(" {step}")], room))
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
    standing(shown, None, None, usize::MAX)
        .into_iter()
        .map(|(label, words)| format!("{label}  {words}"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn draw_words(view: &Train, theme: &Theme, frame_: &mut Frame, area: Rect) {
    if area.is_empty() {
        return;
    }
    let half = Rect { width: area.width * 3 / 5, ..area };
    let rest = Rect { x: area.x + half.width, width: area.width - half.width, ..area };
    let live = view.live.as_ref().map(|live| (live.paused, live.stopping));
    let label = |label: &str| styled_span(left(&format!(" {label}"), 8), theme.dim);
    let lines: Vec<Line> = match &view.shown {
        Some(shown) => {
            let width = usize::from(half.width.saturating_sub(3));
            let share = shown.history.loss.last_step() as f64 / shown.about.total_steps.max(1) as f64;
            let mut lines: Vec<Line> = standing(shown, live, elsewhere(view, shown), width.saturating_sub(7))
                .into_iter()
                .map(|(name, words)| Line::from(vec![label(name), styled_span(words, theme.text)]))
                .collect();
            let spans = [plain_span(" ")].into_iter().chain(gradient(share, width, theme));
            lines.push(Line::from(spans.collect::<Vec<_>>()));
            lines
        }
        None => vec![styled_line(" No run on the charts.", theme.dim)],
    };
    let title = match &view.live {
        Some(live) if live.paused => " Paused ",
        Some(_) => " Training ",
        None => " Run ",
    };
    frame_.render_widget(Paragraph::new(lines).block(frame(title, theme, false)), half);
    let (data, recipe, title) = match (&view.shown, &view.live) {
        (Some(shown), _) if view.live.is_some() || view.below == Below::Runs => {
            let recipe = format!("{} · {} images", shown.about.recipe, short(shown.about.images));
            (runs::short_data(&shown.about.data), recipe, " Its data and recipe ")
        }
        _ => {
            let own =
                if view.words.is_empty() { "as the file says, or the default".to_string() } else { view.words.clone() };
            (view.data.to_string(), own, " The next run ")
        }
    };
    let width = rest.width.saturating_sub(2);
    let mut lines = vec![Line::from(vec![
        label("data"),
        styled_span(tail(&data, usize::from(width).saturating_sub(9)), theme.text),
    ])];
    lines.extend(wrapped(&format!(" recipe {recipe}"), width));
    frame_.render_widget(Paragraph::new(lines).block(frame(fitting_title(title, rest), theme, false)), rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_clocks_do() {
        assert_eq!((clock(67.4), clock(3723.0), clock(f64::NAN)), ("1:07".into(), "1:02:03".into(), "0:00".into()));
    }
}
