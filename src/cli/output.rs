//! Tables in four formats, and problems as text with carets.

use std::io::Write;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use comfy_table::{CellAlignment, ContentArrangement, Table};
use unicode_width::UnicodeWidthStr;

use super::{Context, Failure, Format};
use crate::spec::problem::Report;

/// A table: headers with whether the column holds numbers, and rows of text.
pub struct Rows<H = &'static str> {
    pub headers: Vec<(H, bool)>,
    pub rows: Vec<Vec<String>>,
}

impl Rows {
    /// Leaves columns out, the first named first, until the table fits the terminal it is printed on.
    pub fn narrow(&mut self, order: &[&str]) {
        let Some(width) = terminal_width() else { return };
        for name in order {
            let of = |column: usize| self.rows.iter().map(move |row| row[column].width());
            let widest = |column: usize| of(column).max().unwrap_or(0).max(self.headers[column].0.width());
            // A space on either side.
            let taken: usize = (0..self.headers.len()).map(|column| widest(column) + 2).sum();
            if taken <= width {
                return;
            }
            if let Some(at) = self.headers.iter().position(|(own, _)| own == name) {
                self.headers.remove(at);
                self.rows.iter_mut().for_each(|row| drop(row.remove(at)));
            }
        }
    }
}

/// Columns of the terminal that stdout is, if it is one.
fn terminal_width() -> Option<usize> {
    let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stdout());
    let size = is_terminal.then(crossterm::terminal::size)?.ok();
    size.map(|(width, _)| usize::from(width.max(20)))
}

/// An empty line between two tables.
pub fn blank_line() -> Result<(), Failure> {
    Ok(writeln!(std::io::stdout())?)
}

/// Prints rows as a table, CSV or Markdown, or the JSON that stands for them.
pub fn print<H: AsRef<str>>(
    context: &Context,
    rows: &Rows<H>,
    json: impl FnOnce() -> serde_json::Value,
    footer: &[String],
) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    match context.common.format {
        Format::Json => {
            let text = serde_json::to_string_pretty(&json()).map_err(|error| Failure::Message(error.to_string()))?;
            writeln!(stdout, "{text}")?;
        }
        Format::Csv => {
            let mut writer = csv::Writer::from_writer(Vec::new());
            let message = |error: csv::Error| Failure::Message(error.to_string());
            writer.write_record(rows.headers.iter().map(|(name, _)| name.as_ref())).map_err(message)?;
            for row in &rows.rows {
                let cells = row.iter().zip(&rows.headers).map(|(cell, (_, number))| match number {
                    true => bare(cell),
                    false => cell.clone(),
                });
                writer.write_record(cells).map_err(message)?;
            }
            let bytes = writer.into_inner().map_err(|error| Failure::Message(error.to_string()))?;
            stdout.write_all(&bytes)?;
        }
        Format::Markdown => {
            let line = |cells: Vec<&str>| format!("| {} |", cells.join(" | "));
            writeln!(stdout, "{}", line(rows.headers.iter().map(|(name, _)| name.as_ref()).collect()))?;
            let rules = rows.headers.iter().map(|(_, number)| if *number { "---:" } else { "---" });
            writeln!(stdout, "{}", line(rules.collect()))?;
            for row in &rows.rows {
                let escaped: Vec<String> = row.iter().map(|cell| cell.replace('|', "\\|")).collect();
                writeln!(stdout, "{}", line(escaped.iter().map(String::as_str).collect()))?;
            }
        }
        // Refused before any work for all but the commands that print them themselves.
        Format::Table | Format::Jsonl | Format::Png => {
            let mut table = Table::new();
            table.load_style(comfy_table::presets::NOTHING);
            table.set_header(rows.headers.iter().map(|(name, _)| name.as_ref()));
            table.add_rows(rows.rows.iter());
            for (index, (_, number)) in rows.headers.iter().enumerate() {
                if let Some(column) = table.column_mut(index).filter(|_| *number) {
                    column.set_cell_alignment(CellAlignment::Right);
                }
            }
            if let Some(width) = terminal_width() {
                table.set_content_arrangement(ContentArrangement::Dynamic);
                table.set_width(u16::try_from(width).unwrap_or(u16::MAX));
            }
            for line in table.lines() {
                writeln!(stdout, "{}", line.trim_end())?;
            }
            for line in footer {
                writeln!(stdout, "{line}")?;
            }
        }
    }
    Ok(())
}

/// A figure as programs read it: no thousands' commas, an ASCII minus, nothing for "none".
fn bare(cell: &str) -> String {
    match cell {
        "–" => String::new(),
        cell => cell.replace(',', "").replace('−', "-"),
    }
}

/// All problems of a report, each with its source line and a caret.
pub fn render(report: &Report, colours: bool) -> String {
    let renderer = if colours { Renderer::styled() } else { Renderer::plain() };
    let mut texts = Vec::new();
    for diagnostic in &report.diagnostics {
        let byte = |column: usize| {
            let indices = diagnostic.source_line.char_indices();
            indices.map(|(index, _)| index).nth(column).unwrap_or(diagnostic.source_line.len())
        };
        let from = diagnostic.place.column.saturating_sub(1);
        let span = byte(from)..byte(from + diagnostic.width);
        let title = match diagnostic.place.path.as_str() {
            "" => diagnostic.message.clone(),
            path => format!("{path}: {}", diagnostic.message),
        };
        let snippet = Snippet::source(diagnostic.source_line.as_str())
            .line_start(diagnostic.place.line)
            .path(diagnostic.file.as_str())
            .annotation(AnnotationKind::Primary.span(span).label(diagnostic.expected.as_str()));
        let mut group = Level::ERROR.primary_title(title).element(snippet);
        if let Some(help) = &diagnostic.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        texts.push(renderer.render(&[group]).to_string());
    }
    if report.unlisted > 0 {
        texts.push(format!("… and {} more problems", report.unlisted));
    }
    texts.join("\n\n")
}
