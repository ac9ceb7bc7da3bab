//! The pane below the charts: norms of each layer, validation images, past runs, notes.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};
use ratatui::text::Line;
use ratatui::widgets::{Paragraph, Wrap};

use super::state::{Action, Below, Shown, Train};
use super::verdict;
use crate::graph::figures::grouped;
use crate::run::evaluate::Judged;
use crate::run::runs;
use crate::run::runs::norms::NormLines;
use crate::tui::screen::{Canvas, View};
use crate::tui::widgets::panes::visible_rows;
use crate::tui::widgets::text::{frame, left, plain_line, plain_span, right, styled_line, styled_span, tail, wrapped};
use crate::tui::widgets::theme::{Theme, Tones};

/// Rows of the pane below, for scrolling.
pub fn rows(view: &Train) -> usize {
    match view.below {
        Below::Layers => view.shown.as_ref().map_or(0, |shown| shown.history.norms.0.len()),
        Below::Notes => 4 * notes(view).len(),
        Below::Runs => view.runs.len(),
        Below::Samples | Below::Judged => 1,
    }
}

/// Colours of curves that lie over the one shown.
pub fn laid_styles(theme: &Theme) -> [Style; 3] {
    [theme.good, theme.bad, theme.accent]
}

pub fn draw(train: &Train, view: &View, canvas: &mut Canvas<Action>, area: Rect) {
    if area.is_empty() {
        return;
    }
    let (theme, has_keys, view) = (&view.theme, view.has_keys, train);
    let names = [
        (Below::Layers, "Layers"),
        (Below::Samples, "Images"),
        (Below::Runs, "Runs"),
        (Below::Notes, "Notes"),
        (Below::Judged, "Judged"),
    ];
    let mut titles = vec![plain_span(" ")];
    let count = notes(view).len();
    for (below, name) in names {
        // That there is something to note is seen from the other panes.
        let number = if below == Below::Notes && count > 0 { format!(" {count}") } else { String::new() };
        let style = if below == view.below { theme.marked.patch(theme.accent) } else { theme.dim };
        titles.extend([styled_span(name, style), styled_span(number, theme.warn), plain_span(" ")]);
    }
    let block = frame(Line::from(titles), theme, has_keys);
    let inside = block.inner(area);
    canvas.frame.render_widget(block, area);
    let room = visible_rows(area, 0);
    let say = |frame_: &mut Frame, words: &str| {
        frame_.render_widget(Paragraph::new(plain_line(words)).style(theme.dim).wrap(Wrap { trim: true }), inside);
    };
    match (view.below, &view.shown) {
        (Below::Runs, _) if view.runs.is_empty() => say(canvas.frame, "No runs yet. Press ⏎ to start one."),
        (Below::Runs, _) => draw_runs(view, theme, has_keys, canvas, inside),
        (Below::Layers, Some(shown)) if !shown.history.norms.is_empty() => {
            draw_layers(&shown.history.norms, view.offset, theme, canvas.frame, inside)
        }
        (Below::Layers, _) => say(
            canvas.frame,
            "The norms of each layer's weights and gradients, and its updates against its weights, once a run is on the charts.",
        ),
        (Below::Samples, Some(shown)) if !shown.samples.is_empty() => draw_samples(shown, theme, canvas.frame, inside),
        (Below::Samples, _) => {
            say(canvas.frame, "Images of the validation set with what they are taken for, after each epoch.")
        }
        (Below::Judged, _) => match &view.judged {
            Some((folder, verdict)) => {
                let is_shown = view.shown.as_ref().is_none_or(|shown| shown.folder == *folder);
                let of = folder.file_name().filter(|_| !is_shown).map(|name| name.to_string_lossy().into_owned());
                verdict::draw(verdict, of.as_deref(), theme, canvas.frame, inside);
            }
            None => say(
                canvas.frame,
                "Press f to judge the run's best weights on images it did not learn from: class by class, what is taken for what, the worst images.",
            ),
        },
        (Below::Notes, _) => match notes(view) {
            notes if notes.is_empty() => say(canvas.frame, "Nothing to note."),
            notes => {
                let lines = notes.iter().flat_map(|words| wrapped(words, inside.width));
                let lines: Vec<Line> = lines.skip(view.offset).take(room).collect();
                canvas.frame.render_widget(Paragraph::new(lines).style(theme.text), inside);
            }
        },
    }
}

/// What there is to note, the newest first.
pub fn notes(view: &Train) -> Vec<String> {
    let mut notes: Vec<String> = view.refused.iter().map(|why| format!("refused: {why}")).collect();
    if let Some(shown) = &view.shown {
        notes.extend(shown.ended.iter().filter(|words| words.starts_with("failed")).cloned());
        let on_the_way = shown.history.notes.iter().rev();
        notes.extend(on_the_way.map(|(step, words)| format!("step {}: {words}", grouped(*step))));
        notes.extend(shown.about.notes.iter().map(|words| format!("at the start: {words}")));
    }
    notes
}

/// A line of bars, each value against the largest; on a logarithmic scale, as norms spread over powers of ten.
fn sparkline(values: impl Iterator<Item = f64> + Clone, width: usize) -> String {
    const LEVELS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
    let all = values.map(|value| value.max(1e-30).log10()).collect::<Vec<f64>>();
    // Where there are more than have room, as many as have, spread over all, with the last.
    let shown = all.len().min(width);
    let logs: Vec<f64> = (1..=shown).map(|at| all[at * all.len() / shown - 1]).collect();
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

fn draw_layers(norms: &NormLines, offset: usize, theme: &Theme, frame_: &mut Frame, area: Rect) {
    let width = usize::from(area.width);
    // Where there is little room, the norm of the weights and the line go first.
    let line = if width >= 84 {
        26
    } else if width >= 64 {
        14
    } else {
        0
    };
    let weights = if width >= 46 { 11 } else { 0 };
    let name = width.saturating_sub(weights + 11 * 2 + line).min(28);
    let room = usize::from(area.height).saturating_sub(1);
    let count = norms.0.len();
    let offset = offset.min(count.saturating_sub(room.max(1)));
    let which = if count > room && room > 0 {
        format!(" {}–{} of {count}", offset + 1, offset + room)
    } else {
        " layer".into()
    };
    let heading = left(&which, name)
        + &right(if weights > 0 { "|weight|" } else { "" }, weights)
        + &right("|gradient|", 11)
        + &right("Δ/weight", 11)
        + if line > 0 { "  gradient" } else { "" };
    let mut lines = vec![styled_line(heading, theme.dim)];
    for own in norms.0.iter().skip(offset).take(room) {
        let Some(last) = own.norms.last() else { continue };
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
        let gradients = own.norms.iter().map(|own| own.gradient);
        lines.push(Line::from(vec![
            styled_span(left(&format!(" {}", tail(&own.layer, name.saturating_sub(2))), name), theme.text),
            styled_span(if weights > 0 { number(last.weight) } else { String::new() }, theme.text),
            styled_span(number(last.gradient), theme.text),
            styled_span(number(ratio), style),
            styled_span(format!("  {}", sparkline(gradients, line.saturating_sub(2))), theme.bar),
        ]));
    }
    frame_.render_widget(Paragraph::new(lines), area);
}

fn draw_runs(view: &Train, theme: &Theme, has_keys: bool, canvas: &mut Canvas<Action>, area: Rect) {
    let name = usize::from(area.width / 3).clamp(12, 28);
    let heading = format!(
        "   {}{}{}{}  {}",
        left("run", name),
        left("state", 10),
        right("step", 9),
        right("accuracy", 10),
        "data"
    );
    let head = Rect { height: 1.min(area.height), ..area };
    canvas.frame.render_widget(Paragraph::new(styled_line(left(&heading, usize::from(area.width)), theme.dim)), head);
    let area = Rect { y: area.y + head.height, height: area.height - head.height, ..area };
    let height = usize::from(area.height);
    let offset = (view.run_cursor + 1).saturating_sub(height);
    let styles = laid_styles(theme);
    let mut lines = Vec::new();
    for (at, run) in view.runs.iter().enumerate().skip(offset).take(height) {
        let laid = view.laid.iter().position(|(id, _)| *id == run.id);
        let is_shown = view.shown.as_ref().is_some_and(|shown| shown.id == run.id);
        let mark = match (laid, is_shown) {
            (Some(at), _) => styled_span(format!("━{} ", at + 1), styles[at.min(2)]),
            (None, true) => styled_span(" ━ ", theme.bar),
            (None, false) => plain_span("   "),
        };
        let percent = |value: Option<f64>| value.map_or_else(|| "–".into(), |value| format!("{:.2}%", 100.0 * value));
        let words = match &run.summary {
            Ok(own) => {
                right(&grouped(own.step), 9)
                    + &right(&percent(own.val_accuracy), 10)
                    + "  "
                    + &runs::short_data(&own.data)
            }
            Err(why) => format!("  {why}"),
        };
        let style = theme.row(at == view.run_cursor, has_keys);
        lines.push(
            Line::from(vec![
                mark,
                plain_span(left(&run.id, name)),
                plain_span(left(run.status(), 10)),
                plain_span(words),
            ])
            .style(style),
        );
        let y = area.y + (at - offset) as u16;
        canvas.click(Rect { y, height: 1, ..area }, Action::Run(at));
    }
    canvas.frame.render_widget(Paragraph::new(lines), area);
}

/// Rows of a picture in the grid at the least; twice as many columns.
const LEAST: u16 = 3;
/// Rows beneath it for what it is taken for, and what it is.
const CAPTION: u16 = 2;

fn draw_samples(shown: &Shown, theme: &Theme, frame_: &mut Frame, area: Rect) {
    // As large as lets all of them be seen, and otherwise as small as can be made out.
    let largest = area.height.saturating_sub(CAPTION).max(LEAST);
    let grid = |tall: u16| ((area.width / (2 * tall + 2)).max(1), (area.height / (tall + CAPTION)).max(1));
    let holds_all = |tall: &u16| usize::from(grid(*tall).0 * grid(*tall).1) >= shown.samples.len();
    let tall = (LEAST..=largest).rev().find(holds_all).unwrap_or(LEAST.max(largest.min(2 * LEAST)));
    let (across, down) = grid(tall);
    let wide = 2 * tall;
    let input = shown.network.as_ref().map(|network| network.architecture.input);
    for (at, judged) in shown.samples.iter().take(usize::from(across * down)).enumerate() {
        let (x, y) = (area.x + (at as u16 % across) * (wide + 2), area.y + (at as u16 / across) * (tall + CAPTION));
        let tile = Rect { x, y, width: wide, height: tall }.intersection(area);
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
        let mut words = vec![format!("{mark}{}", name(judged.class))];
        words.extend((!is_right).then(|| format!(" is {}", name(judged.label))));
        let lines: Vec<Line> =
            words.iter().map(|own| styled_line(tail_cut(own, usize::from(wide) + 1), style)).collect();
        let under = Rect { y: tile.y + tile.height, width: wide + 1, height: CAPTION, ..tile }.intersection(area);
        frame_.render_widget(Paragraph::new(lines), under);
    }
}

/// A text without what has no room at its end.
fn tail_cut(text: &str, room: usize) -> String {
    left(text, room).trim_end().to_string()
}

/// An image in half blocks, two pixels a cell, or in shades.
fn picture(judged: &Judged, sizes: (usize, usize, usize), theme: &Theme, frame_: &mut Frame, tile: Rect) {
    let (channels, height, width) = sizes;
    let (columns, rows) = (usize::from(tile.width), 2 * usize::from(tile.height));
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
}
