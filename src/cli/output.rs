//! The way out to people and scripts: tables of [`crate::report`] in four formats, lines, problems as text with carets. Text of
//! others is made visible here, whatever it holds, so nothing else of the command line writes to stdout or stderr.

#![allow(clippy::disallowed_methods, reason = "this is the way out")]

use std::io::{self, StdoutLock, Write};

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use serde_json::Value;

use super::{Context, Failure, Format};
use crate::report::Table;
use crate::spec::problem::Report;
use crate::visible::{self, visible, visible_lines, visible_styled};
use unicode_width::UnicodeWidthStr;

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
pub fn json_line(value: &Value) -> io::Result<()> {
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

/// Columns of the terminal that stdout is, if it is one.
pub fn terminal_width() -> Option<usize> {
    let is_terminal = io::IsTerminal::is_terminal(&io::stdout());
    let size = is_terminal.then(crossterm::terminal::size)?.ok();
    size.map(|(width, _)| usize::from(width.max(20)))
}

/// A line in as many as the terminal needs, so that no word and no number is broken at its edge; under its text, where a label goes
/// before it.
fn wrapped(line: &str, width: Option<usize>) -> Vec<String> {
    let Some(width) = width.filter(|width| line.width() > *width) else { return vec![line.to_string()] };
    let text = line.trim_start();
    let leading = line.len() - text.len();
    // A label and its text stand at least two columns apart.
    let label = text.find("  ").map_or(0, |at| at + text[at..].len() - text[at..].trim_start().len());
    let indent = leading + if label <= width / 4 { label.max(2) } else { 2 };
    let options = textwrap::Options::new(width.max(1)).break_words(false);
    let indent = " ".repeat(indent.min(width / 2));
    // A number stays with its unit.
    let held =
        UNITS.iter().fold(line.to_string(), |line, unit| line.replace(&format!(" {unit}"), &format!("\u{a0}{unit}")));
    let lines = textwrap::wrap(&held, options.subsequent_indent(&indent)).into_iter();
    lines.map(|line| line.replace('\u{a0}', " ")).collect()
}

const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];

/// An empty line between two tables.
pub fn blank_line() -> Result<(), Failure> {
    Ok(page().line("")?)
}

/// Prints a table as text with lines below it, as CSV or Markdown, or the JSON that stands for it.
pub fn print(context: &Context, table: &Table, json: impl FnOnce() -> Value, footer: &[String]) -> Result<(), Failure> {
    let mut stdout = page();
    match context.common.format {
        Format::Json => {
            let text = serde_json::to_string_pretty(&enveloped(context, json())).map_err(Failure::because)?;
            stdout.write_all(visible::json(&text).as_bytes())?;
            writeln!(stdout)?;
        }
        Format::Csv => {
            let text = table.csv().map_err(|error| Failure::Message(error.to_string()))?;
            stdout.write_all(text.as_bytes())?;
        }
        Format::Markdown => {
            for line in table.markdown() {
                writeln!(stdout, "{line}")?;
            }
        }
        // Refused before any work for all but the commands that print them themselves.
        Format::Table | Format::Jsonl | Format::Png | Format::Github => {
            let width = terminal_width();
            for line in table.text(width).into_iter().chain(footer.iter().flat_map(|line| wrapped(line, width))) {
                writeln!(stdout, "{line}")?;
            }
        }
    }
    Ok(())
}

/// The version of what JSON's keys mean: keys are added, and none is renamed or taken away within one.
const JSON_VERSION: u64 = 1;

/// What every command's JSON begins with: whose it is, and of which command.
fn enveloped(context: &Context, own: Value) -> Value {
    let mut all = serde_json::Map::new();
    all.insert("convlens".into(), JSON_VERSION.into());
    all.insert("command".into(), context.command.as_str().into());
    if let Value::Object(own) = own {
        all.extend(own);
    } else {
        debug_assert!(false, "a command's JSON has keys");
    }
    Value::Object(all)
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

#[cfg(test)]
mod tests {
    use super::wrapped;

    #[test]
    fn lines_break_between_words_under_their_text_and_never_in_a_number() {
        let line = "memory     553.4 MB of parameters, 114.8 MB of activations";
        assert_eq!(wrapped(line, None), [line]);
        assert_eq!(wrapped(line, Some(80)), [line]);
        let narrow = wrapped(line, Some(48));
        assert_eq!(narrow, ["memory     553.4 MB of parameters, 114.8 MB of", "           activations"]);
        for width in 20..70 {
            let all = wrapped(line, Some(width));
            assert!(all.iter().all(|line| line.chars().count() <= width.max(25)), "{width}: {all:?}");
            let words: Vec<&str> = all.iter().flat_map(|line| line.split_whitespace()).collect();
            assert_eq!(words, line.split_whitespace().collect::<Vec<_>>(), "{width}");
            assert!(!all.iter().any(|line| line.trim_start().starts_with("MB")), "{width}: {all:?}");
        }
        assert_eq!(wrapped("A sentence that is long", Some(14)), ["A sentence", "  that is long"]);
    }
}
