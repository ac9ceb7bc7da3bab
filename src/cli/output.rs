//! The way out to people and scripts: tables in four formats, lines, problems as text with carets. Text of others is made
//! visible here, whatever it holds, so nothing else of the command line writes to stdout or stderr.

#![allow(clippy::disallowed_methods, reason = "this is the way out")]

use std::io::{self, StdoutLock, Write};

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use comfy_table::{CellAlignment, ContentArrangement, Table};
use unicode_width::UnicodeWidthStr;

use super::{Context, Failure, Format};
use crate::spec::problem::Report;
use crate::visible::{self, visible, visible_lines, visible_styled};

/// Stdout as a page that a person reads. What is formatted onto it at once is a line or a part of one and is made visible: only a
/// line break at its end is one.
pub struct Page(StdoutLock<'static>);

pub fn page() -> Page {
    Page(io::stdout().lock())
}

impl Page {
    pub fn line(&mut self, line: &str) -> io::Result<()> {
        writeln!(self, "{line}")
    }
}

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_all(visible_lines(&String::from_utf8_lossy(bytes)).as_bytes())?;
        Ok(bytes.len())
    }

    fn write_fmt(&mut self, words: std::fmt::Arguments) -> io::Result<()> {
        let words = words.to_string();
        let (line, end) = words.strip_suffix('\n').map_or((words.as_str(), ""), |line| (line, "\n"));
        self.0.write_all(visible(line).as_bytes())?;
        self.0.write_all(end.as_bytes())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Bytes for a program: a picture, a script.
pub fn write_bytes(bytes: &[u8]) -> io::Result<()> {
    io::stdout().write_all(bytes)
}

/// A value for programs, on one line.
pub fn json_line(value: &serde_json::Value) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{}", visible::json(&value.to_string()))?;
    stdout.flush()
}

/// A line on stderr. Whoever has closed it does not read it.
pub fn message(text: &str) {
    let _ = writeln!(io::stderr(), "{}", visible(text));
}

/// Several lines on stderr, whose parts are visible already where others wrote them.
pub fn lines(text: &str) {
    let _ = writeln!(io::stderr(), "{}", visible_lines(text));
}

/// What clap says of the arguments, or its help. A closed pipe while help is printed is no error.
pub fn usage(error: &clap::Error) {
    use std::io::IsTerminal;
    let text = error.render();
    let is_plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let shown = |is_terminal: bool| match is_terminal && !is_plain {
        true => visible_styled(&text.ansi().to_string()),
        false => visible_lines(&text.to_string()).into_owned(),
    };
    let _ = match error.use_stderr() {
        true => write!(io::stderr(), "{}", shown(io::stderr().is_terminal())),
        false => write!(io::stdout(), "{}", shown(io::stdout().is_terminal())),
    };
}

/// Whether stderr is a terminal, where progress is shown.
pub fn errors_are_seen() -> bool {
    io::IsTerminal::is_terminal(&io::stderr())
}

/// Whether stdout is a terminal, which takes no pictures.
pub fn is_terminal() -> bool {
    io::IsTerminal::is_terminal(&io::stdout())
}

/// Lines on stderr in colours of our own.
pub fn styled_message(text: &str) {
    let _ = writeln!(io::stderr(), "{}", visible_styled(text));
}

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
    let is_terminal = io::IsTerminal::is_terminal(&io::stdout());
    let size = is_terminal.then(crossterm::terminal::size)?.ok();
    size.map(|(width, _)| usize::from(width.max(20)))
}

/// An empty line between two tables.
pub fn blank_line() -> Result<(), Failure> {
    Ok(page().line("")?)
}

/// Prints rows as a table, CSV or Markdown, or the JSON that stands for them.
pub fn print<H: AsRef<str>>(
    context: &Context,
    Rows { headers, rows }: &Rows<H>,
    json: impl FnOnce() -> serde_json::Value,
    footer: &[String],
) -> Result<(), Failure> {
    // Cells are made visible one by one, so that a line break in one breaks no line.
    let rows = rows.iter().map(|row| row.iter().map(|cell| visible(cell).into_owned()).collect());
    let rows =
        Rows { headers: headers.iter().map(|(name, number)| (name.as_ref(), *number)).collect(), rows: rows.collect() };
    let mut stdout = page();
    match context.common.format {
        Format::Json => {
            let text = serde_json::to_string_pretty(&json()).map_err(|error| Failure::Message(error.to_string()))?;
            stdout.write_all(visible::json(&text).as_bytes())?;
            writeln!(stdout)?;
        }
        Format::Csv => {
            let mut writer = csv::Writer::from_writer(Vec::new());
            let message = |error: csv::Error| Failure::Message(error.to_string());
            writer.write_record(rows.headers.iter().map(|(name, _)| *name)).map_err(message)?;
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
            writeln!(stdout, "{}", line(rows.headers.iter().map(|(name, _)| *name).collect()))?;
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
            table.set_header(rows.headers.iter().map(|(name, _)| *name));
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

/// All problems of a report, each with its source line and a caret. What is quoted is made visible before the caret is placed
/// below it.
pub fn render(report: &Report, colours: bool) -> String {
    let renderer = if colours { Renderer::styled() } else { Renderer::plain() };
    let mut texts = Vec::new();
    for diagnostic in &report.diagnostics {
        let byte = |column: usize| {
            let indices = diagnostic.source_line.char_indices();
            indices.map(|(index, _)| index).nth(column).unwrap_or(diagnostic.source_line.len())
        };
        let column = diagnostic.place.column.saturating_sub(1);
        let (from, to) = (byte(column), byte(column + diagnostic.width));
        // Tabs stay: the renderer sets them.
        let shown = |part: &str| part.split('\t').map(visible).collect::<Vec<_>>().join("\t");
        let (before, word, after) = (
            shown(&diagnostic.source_line[..from]),
            shown(&diagnostic.source_line[from..to]),
            shown(&diagnostic.source_line[to..]),
        );
        let source = format!("{before}{word}{after}");
        let span = before.len()..before.len() + word.len();
        let message = visible(&diagnostic.message);
        let title = match visible(&diagnostic.place.path) {
            path if path.is_empty() => message.into_owned(),
            path => format!("{path}: {message}"),
        };
        let (file, expected) = (visible(&diagnostic.file), visible(&diagnostic.expected));
        let snippet = Snippet::source(source.as_str())
            .line_start(diagnostic.place.line)
            .path(file.as_ref())
            .annotation(AnnotationKind::Primary.span(span).label(expected.as_ref()));
        let mut group = Level::ERROR.primary_title(title).element(snippet);
        let help = diagnostic.help.as_deref().map(visible);
        if let Some(help) = &help {
            group = group.element(Level::HELP.message(help.as_ref()));
        }
        texts.push(renderer.render(&[group]).to_string());
    }
    if report.unlisted > 0 {
        texts.push(format!("… and {} more problems", report.unlisted));
    }
    texts.join("\n\n")
}
