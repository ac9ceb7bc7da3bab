//! How the forward screen looks: times beside pictures, the layer's statistics beside the answer.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Paragraph, Wrap};
use ratatui_image::Image;
use unicode_width::UnicodeWidthStr as _;

use super::areas::areas;
use super::pictures::{label, shades};
use super::state::{Action, Forward, Shows};
use crate::graph::Graph;
use crate::graph::figures::{bytes, decimal, grouped};
use crate::run::LayerRun;
use crate::run::live::{self, BINS, Output, Ran};
use crate::tui::model::tree::Row;
use crate::tui::model::{Entry, Model};
use crate::tui::screen::{Canvas, View};
use crate::tui::screens::unreadable;
use crate::tui::widgets::panes::visible_rows;
use crate::tui::widgets::text::{bar, fitting_title, frame, left, right, styled_line, styled_span, tail};

/// Columns of a time.
const MS: usize = 8;

pub fn draw(forward: &Forward, view: &View, canvas: &mut Canvas<Action>) {
    let shown = view.entry().and_then(|entry| Some((entry, entry.network()?)));
    let Some((entry, network)) = shown else {
        unreadable::draw(view, canvas.frame);
        return;
    };
    let areas = areas(&view.panes, forward.turned);
    draw_table(forward, view, (entry, network), canvas, areas.table);
    draw_pictures(forward, view, canvas.frame, areas.pictures);
    draw_words(forward, view, entry, canvas.frame, areas.words);
}

/// What a row's layers came to, of the run under way or the last one.
#[derive(Clone, Copy, Default)]
struct RowRun {
    seconds: f64,
    /// Whether every layer of it has ended.
    ended: bool,
    non_finite: usize,
}

fn row_run(runs: &[LayerRun], row: &Row) -> RowRun {
    let own = runs.iter().filter(|run| row.layers().contains(&run.index));
    let mut sum = RowRun::default();
    let mut count = 0;
    for run in own {
        sum.seconds += run.time.as_secs_f64();
        sum.non_finite += run.statistics.non_finite;
        count += 1;
    }
    sum.ended = count == row.layers().len();
    sum
}

fn draw_table(
    forward: &Forward,
    view: &View,
    (entry, network): (&Entry, &Graph),
    canvas: &mut Canvas<Action>,
    area: Rect,
) {
    if area.is_empty() {
        return;
    }
    let theme = &view.theme;
    let has_keys = view.has_keys;
    let last = forward.ran(view);
    let ending = forward.ending(view);
    let under_way = !ending.is_empty();
    let runs: &[LayerRun] = match (under_way, last) {
        (true, _) => ending,
        (false, Some(ran)) => &ran.forward.layers,
        (false, None) => &[],
    };
    let images = last.map_or(1, |ran| ran.forward.images);
    let total = runs.iter().map(|run| run.time.as_secs_f64()).sum::<f64>().max(1e-12);
    let title = match last {
        Some(ran) if !under_way => {
            let median = ran.forward.time().as_secs_f64();
            format!(
                " {} · {:.1} ms, {:.1} images/s ",
                network.architecture.name,
                1e3 * median,
                images as f64 / median.max(1e-12)
            )
        }
        _ => format!(" {} ", network.architecture.name),
    };
    let next = fitting_title(&next_run(view), area);
    let block = frame(fitting_title(&title, area), theme, has_keys).title_bottom(styled_line(next, theme.dim));
    let inside = block.inner(area);
    let width = usize::from(inside.width);
    let given = |from: usize, columns: usize| if width >= from { columns } else { 0 };
    let (share, speed, by, bars) = (given(24, 5), given(32, 8), given(41, 9), given(56, 9));
    let name = width.saturating_sub(MS + speed + by + share + bars);
    let heading = left("  name", name)
        + &right("ms", MS)
        + &right(if share > 0 { "%" } else { "" }, share)
        + &left("", bars)
        + &right(if speed > 0 { "GFLOP/s" } else { "" }, speed)
        + &left(if by > 0 { " by" } else { "" }, by);
    let mut lines = vec![styled_line(heading, theme.dim)];
    let first_broken = runs.iter().filter(|run| run.statistics.non_finite > 0).map(|run| run.index).min();
    for (at, row) in entry.rows().iter().enumerate().skip(entry.offset).take(visible_rows(area, 1)) {
        let style = theme.row(at == entry.cursor, has_keys);
        let run = row_run(runs, row);
        let path = row.path(network);
        let own = path.rsplit('.').next().unwrap_or(path);
        // Where values stop being finite; what comes after cannot help it.
        let mark = if first_broken.is_some_and(|index| row.layers().contains(&index)) { "!" } else { " " };
        let words = format!("{mark}{} {}", "  ".repeat(row.depth), tail(own, name.saturating_sub(2 * row.depth + 2)));
        // Layers light up as they end.
        let lit = if run.ended { theme.text } else { theme.dim };
        let macs: u64 = network.layers[row.layers()].iter().map(|layer| layer.macs).sum();
        let gflops = 2.0 * macs as f64 * images as f64 / run.seconds.max(1e-12) / 1e9;
        let algorithm = last.and_then(|ran| ran.algorithms.get(row.layers().start).copied().flatten());
        let mut spans = vec![
            styled_span(left(&words, name), if run.non_finite > 0 { theme.bad } else { lit }),
            styled_span(right(&if run.ended { format!("{:.3}", 1e3 * run.seconds) } else { "·".into() }, MS), lit),
        ];
        let part = if run.ended { run.seconds / total } else { 0.0 };
        if share > 0 {
            let text = if run.ended { format!("{:.0}%", 100.0 * part) } else { String::new() };
            spans.push(styled_span(right(&text, share), lit));
        }
        if bars > 0 {
            spans.push(styled_span(format!(" {}", bar(part, bars.saturating_sub(1))), theme.bar));
        }
        if speed > 0 {
            let text = if run.ended && macs > 0 { format!("{gflops:.1}") } else { String::new() };
            spans.push(styled_span(right(&text, speed), lit));
        }
        if by > 0 {
            let text = algorithm.filter(|_| run.ended && row.layers().len() <= 3).unwrap_or_default();
            spans.push(styled_span(left(&format!(" {text}"), by), theme.dim));
        }
        lines.push(Line::from(spans).style(style));
        let y = inside.y + (at - entry.offset) as u16 + 1;
        canvas.click(Rect { y, height: 1, ..inside }, Action::Row(at));
    }
    canvas.frame.render_widget(Paragraph::new(lines).block(block), area);
}

/// What ⏎ runs, in short.
fn next_run(model: &Model) -> String {
    let Some(request) = model.request() else { return String::new() };
    let mut made = live::made(&request, 1);
    if model.setup.photos.len() > 1 {
        made.input += &format!(" ({} of {})", model.setup.photo + 1, model.setup.photos.len());
    }
    let threads = request.threads.map_or(String::new(), |count| format!(" · {count} threads"));
    format!(" ⏎ {} · {} · batch {} · {} runs{threads} ", made.input, made.weights, made.batch, request.runs)
}

fn draw_pictures(forward: &Forward, view: &View, frame_: &mut Frame, area: Rect) {
    if area.is_empty() {
        return;
    }
    let theme = &view.theme;
    let Some(drawn) = &forward.picture else {
        let block = frame(" Pictures ", theme, false);
        let words = match (forward.ran(view), forward.shows) {
            (None, _) => {
                "Press ⏎ to run the network. i chooses a photo, w a file of weights, P downloads published ones; without them it runs on noise with random weights."
            }
            (Some(_), Shows::Filters) => "The first conv takes too many channels to be shown as pictures.",
            (Some(_), Shows::Looks(_)) if forward.looking.is_some() => "Computing where the network looks.",
            (Some(_), Shows::Looks(_)) => "The network does not end in classes, so there is no class to look for.",
            (Some(_), Shows::Dream) if forward.dreaming.is_some() => {
                "Looking for an input that pleases this channel most."
            }
            (Some(_), Shows::Dream) => "Press → and ← to choose a channel.",
            (Some(_), _) => "Nothing to show for this layer.",
        };
        frame_.render_widget(Paragraph::new(words).style(theme.dim).wrap(Wrap { trim: true }).block(block), area);
        return;
    };
    let pages = if drawn.pages > 1 {
        format!(" · {}/{}", forward.page.min(drawn.pages.saturating_sub(1)) + 1, drawn.pages)
    } else {
        String::new()
    };
    let whole = format!(" {}{pages} ", drawn.title);
    // A deep layer's name may be long, and stands below too: what the picture is goes before it.
    let room = usize::from(area.width.saturating_sub(2));
    let title = match drawn.title.split_once(": ") {
        Some((what, _)) if whole.width() > room && matches!(drawn.subject.shows, Shows::Looks(_)) => {
            format!(" {what} ")
        }
        Some((_, what)) if whole.width() > room => format!(" {what}{pages} "),
        _ => whole,
    };
    let block = frame(fitting_title(&title, area), theme, false);
    let inside = block.inner(area);
    frame_.render_widget(block, area);
    match &drawn.protocol {
        Some(protocol) => frame_.render_widget(Image::new(protocol).allow_clipping(true), inside),
        None => shades(&drawn.image, inside, frame_),
    }
}

/// Numbers of the selected layer's output.
pub(super) fn statistics(ran: &Ran, index: usize) -> Vec<(&'static str, String)> {
    let (Some(output), Some(layer)) = (ran.outputs.get(index), ran.network.layers.get(index)) else {
        return Vec::new();
    };
    let run = ran.forward.layers.iter().find(|run| run.index == index);
    let mut lines = Vec::new();
    let channels = output.sizes.0 as u64;
    let word = if output.sizes.1 * output.sizes.2 == 1 { "features" } else { "channels" };
    if let Some(run) = run {
        let own = run.statistics;
        lines.push(("values", format!("mean {}, std {}", decimal(own.mean), decimal(own.std))));
        let finite = match own.non_finite {
            0 => String::new(),
            count => format!(", {} not finite", grouped(count as u64)),
        };
        let (least, most) = (decimal(own.min.into()), decimal(own.max.into()));
        lines.push(("range", format!("{least} to {most}{finite}")));
        let zeros = 100.0 * own.zero_fraction;
        lines.push(("zeros", format!("{zeros:.1}%; {} of {} {word} dead", output.dead, grouped(channels))));
        let moved = ran.network.bytes_moved(layer, ran.forward.images as u64);
        lines.push(("moved", format!("{} in {:.3} ms", bytes(moved), run.time.as_secs_f64() * 1e3)));
    }
    lines.push(("spread", histogram(output)));
    lines
}

/// A histogram in one line.
fn histogram(output: &Output) -> String {
    const LEVELS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
    let most = output.histogram.iter().copied().max().unwrap_or(1).max(1) as f64;
    // The root lets the rare values be seen beside the zeros.
    let level = |count: &usize| LEVELS[((*count as f64 / most).sqrt() * 8.0).ceil() as usize];
    output.histogram[..BINS].iter().map(level).collect()
}

fn draw_words(forward: &Forward, view: &View, entry: &Entry, frame_: &mut Frame, area: Rect) {
    if area.is_empty() {
        return;
    }
    let theme = &view.theme;
    let half = Rect { width: area.width / 2, ..area };
    let rest = Rect { x: area.x + half.width, width: area.width - half.width, ..area };
    let title = entry.last_layer().map_or(String::new(), |layer| format!(" {} ", layer.name));
    let lines = match (forward.ran(view), entry.last_layer()) {
        (Some(ran), Some(layer)) => statistics(ran, layer.index),
        _ => Vec::new(),
    };
    let lines: Vec<Line> = lines
        .into_iter()
        .map(|(label, text)| {
            Line::from(vec![styled_span(left(&format!(" {label}"), 9), theme.dim), styled_span(text, theme.text)])
        })
        .collect();
    frame_.render_widget(Paragraph::new(lines).block(frame(fitting_title(&title, half), theme, false)), half);
    // What the numbers were made of, whatever was chosen since.
    let title = forward.ran(view).map_or_else(
        || " Answer ".to_string(),
        |ran| format!(" {} · {} · batch {} ", ran.made.input, ran.made.weights, ran.made.batch),
    );
    let mut lines = Vec::new();
    if let Some(ran) = forward.ran(view) {
        let width = usize::from(rest.width.saturating_sub(2));
        for &(class, probability) in &ran.top {
            let name = left(&format!(" {}", label(ran, class)), (width / 2).min(28));
            let bar_width = width.saturating_sub((width / 2).min(28) + 9);
            lines.push(Line::from(vec![
                styled_span(name, theme.text),
                styled_span(right(&format!("{:.1}%", 100.0 * probability), 8), theme.text),
                styled_span(format!(" {}", bar(probability, bar_width)), theme.bar),
            ]));
        }
        if let Some(broken) = ran.forward.layers.iter().find(|run| run.statistics.non_finite > 0) {
            let name = &ran.network.layers[broken.index].name;
            lines = vec![styled_line(format!(" No answer: values stop being finite at {name}."), theme.bad)];
        } else if ran.made.is_random && !ran.top.is_empty() {
            lines.truncate(4);
            lines.push(styled_line(" Random weights: no real answer.", theme.dim));
        }
    }
    frame_.render_widget(Paragraph::new(lines).block(frame(fitting_title(&title, rest), theme, false)), rest);
}
