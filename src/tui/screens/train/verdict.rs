//! What a run is worth: its confusion as a picture, the pairs that are confused most, the worst images.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Color;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use super::state::Verdict;
use crate::graph::figures::grouped;
use crate::run::paint::heat_colour;
use crate::tui::widgets::text::{left, plain_line, styled_line, tail};
use crate::tui::widgets::theme::{Theme, Tones};

/// `of` names the run where it is not the one on the charts.
pub fn draw(verdict: &Verdict, of: Option<&str>, theme: &Theme, frame_: &mut Frame, area: Rect) {
    let classes = verdict.figures.classes.len();
    let picture = match &verdict.figures.confusion {
        Some(confusion) if area.width >= 40 => draw_confusion(confusion, theme, frame_, area),
        _ => 0,
    };
    let room = Rect { x: area.x + picture, width: area.width - picture, ..area };
    let width = usize::from(room.width);
    let figures = &verdict.figures;
    let name = |class: usize| verdict.names.get(class).cloned().unwrap_or_else(|| class.to_string());
    let of = of.map_or_else(String::new, |name| format!("{name}: "));
    let mut lines = vec![plain_line(left(
        &format!(
            " {of}{} images: top-1 {:.2}%, top-{} {:.2}%, loss {:.4}",
            grouped(figures.images),
            100.0 * figures.top1,
            figures.top.0.min(classes.max(1)),
            100.0 * figures.top.1,
            figures.loss
        ),
        width,
    ))];
    let rows = usize::from(area.height).saturating_sub(2);
    let pairs = figures.confused(rows.div_ceil(2));
    let columns = if width >= 84 { 2 } else { 1 };
    let half = width / columns;
    let confused: Vec<String> = pairs
        .iter()
        .map(|pair| format!(" {:>4} {} taken for {}", pair.count, name(pair.from), name(pair.to)))
        .collect();
    let worst: Vec<String> = (figures.worst.iter())
        .map(|own| {
            let image = tail(&own.image, half.saturating_sub(32).clamp(8, 30));
            format!(" {image}: {} taken for {} ({:.0}%)", name(own.label), name(own.class), 100.0 * own.probability)
        })
        .collect();
    if columns == 2 {
        let heading = left(" most confused", half) + " worst images";
        lines.push(styled_line(heading, theme.dim));
        for at in 0..rows {
            let of = |texts: &[String]| left(texts.get(at).map_or("", String::as_str), half);
            lines.push(plain_line(of(&confused) + &of(&worst)));
        }
    } else {
        lines.push(styled_line(" most confused, worst images", theme.dim));
        let texts = confused.iter().chain(&worst).take(rows);
        lines.extend(texts.map(|text| plain_line(left(text, width))));
    }
    let lines: Vec<Line> = lines.into_iter().take(usize::from(area.height)).collect();
    frame_.render_widget(Paragraph::new(lines), room);
}

/// The confusion, two rows of classes to a row of cells: the lighter, the more of the true class (down) is taken for the other
/// (across). Gives the columns it takes.
fn draw_confusion(confusion: &[Vec<u64>], theme: &Theme, frame_: &mut Frame, area: Rect) -> u16 {
    let classes = confusion.len();
    let side = (usize::from(area.height) * 2).min(usize::from(area.width) / 3);
    if classes == 0 || side < 2 {
        return 0;
    }
    // Where there are more classes than dots, each dot stands for several.
    let dots = if classes <= side { classes * (side / classes) } else { side };
    let share = |row: usize, column: usize| -> f64 {
        let range = |at: usize| at * classes / dots..((at + 1) * classes).div_ceil(dots).min(classes);
        let rows = &confusion[range(row)];
        let all: u64 = rows.iter().flatten().sum();
        let own: u64 = rows.iter().map(|row| row[range(column)].iter().sum::<u64>()).sum();
        (own as f64 / all.max(1) as f64).sqrt()
    };
    for y in 0..dots.div_ceil(2) {
        for x in 0..dots {
            let Some(cell) = frame_.buffer_mut().cell_mut((area.x + x as u16, area.y + y as u16)) else { continue };
            let halves = [2 * y, 2 * y + 1].map(|row| (row < dots).then(|| share(row, x)));
            match theme.tones {
                Tones::All => {
                    let colour = |share: Option<f64>| {
                        share.map_or(Color::Reset, |share| {
                            let [red, green, blue] = heat_colour(share);
                            Color::Rgb(red, green, blue)
                        })
                    };
                    cell.set_symbol("▀").set_fg(colour(halves[0])).set_bg(colour(halves[1]));
                }
                Tones::Few => {
                    let most = halves.into_iter().flatten().fold(0.0, f64::max);
                    cell.set_symbol([" ", "░", "▒", "▓", "█"][((most * 5.0) as usize).min(4)]);
                }
            }
        }
    }
    dots as u16 + 1
}
