//! Everything that is wrong with a file, each problem with its place, collected before anything is said.

use std::collections::HashSet;
use std::fmt;

use super::limits;
use super::locate::{Place, locate};
use super::node::Mark;
use super::origin::Origin;

/// A text that was read: an architecture file, a bundled one, or the value of a `--set`.
#[derive(Debug, Clone)]
pub struct SourceText {
    /// As the user wrote it: a path, `vgg16 (bundled)`, `--set input`.
    pub name: String,
    pub text: String,
    /// The file it is; none for a `--set`.
    pub origin: Option<Origin>,
}

/// The texts that one architecture was made from, by the numbers in their [`Mark`]s.
#[derive(Debug, Clone)]
pub struct Sources {
    pub texts: Vec<SourceText>,
    /// Most bytes of all of them together.
    pub most: usize,
}

impl Default for Sources {
    fn default() -> Self {
        Sources { texts: Vec::new(), most: limits::EXTENDED_BYTES }
    }
}

impl Sources {
    pub fn add(&mut self, name: String, text: String, origin: Option<Origin>) -> u16 {
        self.texts.push(SourceText { name, text, origin });
        (self.texts.len() - 1) as u16
    }
}

/// One thing wrong, at one node.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    pub mark: Mark,
    /// What is wrong, as a sentence without a full stop.
    pub message: String,
    /// What would be right; printed beside the caret.
    pub expected: String,
    /// A way out: "did you mean …".
    pub help: Option<String>,
}

impl Problem {
    pub fn new(mark: Mark, message: impl Into<String>, expected: impl Into<String>) -> Self {
        Problem { mark, message: message.into(), expected: expected.into(), help: None }
    }

    pub fn help(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }
}

/// Collects problems; the same words about the same node (a layer repeated, a default used often) count once.
///
/// No more are kept than are listed: a file of a megabyte may have a hundred thousand.
#[derive(Debug, Default)]
pub struct Problems {
    list: Vec<Problem>,
    seen: HashSet<(Mark, String)>,
    /// How many more there are.
    beyond: usize,
}

impl Problems {
    pub fn push(&mut self, problem: Problem) {
        if self.is_full() {
            self.beyond += 1;
        } else if self.seen.insert((problem.mark, problem.message.clone())) {
            self.list.push(problem);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether one more would be listed; if not, it is counted, and its words need not be made.
    pub fn wants(&mut self) -> bool {
        self.beyond += usize::from(self.is_full());
        !self.is_full()
    }

    /// Whether there are as many as are listed.
    fn is_full(&self) -> bool {
        self.list.len() >= limits::PROBLEMS
    }

    /// "did you mean …", as long as there is room for it: nobody reads a hundredth suggestion.
    pub fn suggest<'a>(&self, given: &str, known: impl IntoIterator<Item = impl AsRef<str> + 'a>) -> Option<String> {
        if self.is_full() { None } else { did_you_mean(given, known) }
    }

    /// Looks up the places and puts the problems in the order of the files.
    pub fn into_report(mut self, sources: &Sources) -> Report {
        self.list.sort_by_key(|problem| problem.mark);
        let (mut diagnostics, mut unlisted, mut read) = (Vec::new(), self.beyond, 0);
        for problem in self.list {
            let Some(source) = sources.texts.get(usize::from(problem.mark.source)) else { continue };
            if read > limits::PLACED_BYTES {
                unlisted += 1;
                continue;
            }
            let place = locate(&source.text, problem.mark.node, &mut read);
            diagnostics.push(Diagnostic::new(source, place, problem));
        }
        Report { diagnostics, unlisted }
    }
}

/// A problem with its place, ready to be shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagnostic {
    pub file: String,
    pub place: Place,
    /// The source line at the place, without its line break; of a very long one the part around the place, behind spaces.
    pub source_line: String,
    /// How many characters from the column on the problem is about.
    pub width: usize,
    pub message: String,
    pub expected: String,
    pub help: Option<String>,
}

impl Diagnostic {
    fn new(source: &SourceText, place: Place, problem: Problem) -> Self {
        let mut diagnostic = Self::at(source, place, problem.message, problem.expected);
        diagnostic.help = problem.help;
        diagnostic
    }

    /// A diagnostic at a known place, for what the YAML reader itself reports.
    pub fn at(source: &SourceText, place: Place, message: String, expected: String) -> Self {
        let line = source.text.lines().nth(place.line.saturating_sub(1)).unwrap_or_default();
        // Of a line without end what stands around the place, at its own columns.
        let source_line = match line.chars().nth(limits::QUOTED) {
            None => line.to_string(),
            Some(_) => {
                let from = place.column.saturating_sub(limits::QUOTED / 4);
                " ".repeat(from) + &line.chars().skip(from).take(limits::QUOTED).collect::<String>()
            }
        };
        let width = token_width(&source_line, place.column);
        Diagnostic { file: source.name.clone(), place, source_line, width, message, expected, help: None }
    }
}

impl fmt::Display for Diagnostic {
    /// One line: `file:line:column: path: message; expected`.
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{}:{}:{}: ", self.file, self.place.line, self.place.column)?;
        if !self.place.path.is_empty() {
            write!(formatter, "{}: ", self.place.path)?;
        }
        write!(formatter, "{}", self.message)?;
        if !self.expected.is_empty() {
            write!(formatter, "; {}", self.expected)?;
        }
        match &self.help {
            Some(help) => write!(formatter, " ({help})"),
            None => Ok(()),
        }
    }
}

/// All that is wrong with one architecture.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Report {
    pub diagnostics: Vec<Diagnostic>,
    /// How many more there are than are listed.
    pub unlisted: usize,
}

impl Report {
    pub fn count(&self) -> usize {
        self.diagnostics.len() + self.unlisted
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        for (index, diagnostic) in self.diagnostics.iter().enumerate() {
            if index > 0 {
                writeln!(formatter)?;
            }
            write!(formatter, "{diagnostic}")?;
        }
        if self.unlisted > 0 {
            write!(formatter, "\n… and {} more", self.unlisted)?;
        }
        Ok(())
    }
}

impl std::error::Error for Report {}

/// How many characters the word, number or quoted text at `column` (from 1) takes; 1 for a list or map.
fn token_width(line: &str, column: usize) -> usize {
    let rest: Vec<char> = line.chars().skip(column.saturating_sub(1)).collect();
    let width = match rest.first() {
        Some(&quote @ ('"' | '\'')) => {
            rest.iter().skip(1).position(|&character| character == quote).map_or(rest.len(), |end| end + 2)
        }
        Some('[' | '{' | '-' | '|' | '>') => 1,
        _ => {
            let ends_at = |index: usize| {
                let next = rest.get(index + 1);
                match rest[index] {
                    ',' | ']' | '}' => true,
                    ':' => next.is_none_or(|next| next.is_whitespace()),
                    '#' => index > 0 && rest[index - 1].is_whitespace(),
                    _ => false,
                }
            };
            let end = (0..rest.len()).find(|&index| ends_at(index)).unwrap_or(rest.len());
            rest[..end].iter().rposition(|character| !character.is_whitespace()).map_or(0, |last| last + 1)
        }
    };
    width.max(1)
}

/// "did you mean `maxpool`?", if one of `known` is near enough to `given`.
pub fn did_you_mean<'a>(given: &str, known: impl IntoIterator<Item = impl AsRef<str> + 'a>) -> Option<String> {
    nearest(given, known).map(|name| format!("did you mean `{name}`?"))
}

/// The nearest of `known` to `given`, or nothing if none is near.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = impl AsRef<str> + 'a>) -> Option<String> {
    if given.len() > limits::SUGGESTED {
        return None;
    }
    // Two slips in a word of six letters are a typing error; four are another word.
    let given = given.to_lowercase();
    let allowed = (given.chars().count() / 3).clamp(1, 4);
    let letters = |word: &str| {
        let mut letters: Vec<char> = word.to_lowercase().chars().collect();
        letters.sort_unstable();
        letters
    };
    let own = letters(&given);
    // Of several equally near ones the one with the same letters is meant: `vgg61` is `vgg16`, not `vgg11`.
    let candidates = known.into_iter().map(|name| {
        let name = name.as_ref().to_string();
        let distance = strsim::damerau_levenshtein(&given, &name.to_lowercase());
        (distance, letters(&name) != own, name)
    });
    candidates.filter(|(distance, ..)| *distance <= allowed).min().map(|(.., name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caret_covers_the_word_it_is_about() {
        let line = r#"  - conv: {out: 64, kernel: "five"} # note"#;
        assert_eq!(token_width(line, 5), 4, "a key");
        assert_eq!(token_width(line, 17), 2, "a number up to its comma");
        assert_eq!(token_width(line, 29), 6, "a quoted text");
        assert_eq!(token_width(line, 11), 1, "a map");
    }

    #[test]
    fn only_a_near_word_is_suggested() {
        let kinds = ["maxpool", "avgpool", "conv"];
        assert_eq!(nearest("maxpol", kinds).as_deref(), Some("maxpool"));
        assert_eq!(nearest("Conf", kinds).as_deref(), Some("conv"));
        assert_eq!(nearest("transformer", kinds), None);
    }
}
