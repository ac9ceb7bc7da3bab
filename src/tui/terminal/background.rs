//! Whether the terminal's background is light. The question (OSC 11) is sent after the first frame and its answer taken out
//! of the keys, whenever it comes: waiting for it before would hold the first frame up for as long as a slow link, or a
//! terminal that never answers, takes.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// The question, as bytes for the terminal.
pub const QUESTION: &str = "\x1b]11;?\x1b\\";

/// Takes an answer apart that comes in as keys: `Alt-]`, its characters, and `Alt-\` or Ctrl-G at its end.
#[derive(Debug, Default)]
pub struct Answer {
    reading: Option<String>,
}

/// What became of a key.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is the user's.
    No,
    /// It is a part of an answer.
    Part,
    /// It ended an answer: whether the background is light.
    Whole { light: bool },
}

/// Longest answer; what is longer is none.
const LONGEST: usize = 40;

impl Answer {
    pub fn take(&mut self, key: KeyEvent) -> Taken {
        let alt = key.modifiers.contains(KeyModifiers::ALT);
        let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
        match (&mut self.reading, key.code) {
            (None, KeyCode::Char(']')) if alt => self.reading = Some(String::new()),
            (None, _) => return Taken::No,
            (Some(text), code) => {
                let ends = alt && code == KeyCode::Char('\\') || ctrl && code == KeyCode::Char('g');
                match code {
                    _ if ends => {
                        let text = self.reading.take().unwrap_or_default();
                        return is_light(&text).map_or(Taken::Part, |light| Taken::Whole { light });
                    }
                    KeyCode::Char(character) if text.len() < LONGEST && goes_on(text, character) => {
                        text.push(character)
                    }
                    _ => {
                        self.reading = None;
                        return Taken::No;
                    }
                }
            }
        }
        Taken::Part
    }
}

/// Whether a character can be the next of an answer: what cannot is the user's own typing.
fn goes_on(text: &str, character: char) -> bool {
    const START: &str = "11;";
    match START.chars().nth(text.len()) {
        Some(expected) => character == expected,
        None => character.is_ascii_alphanumeric() || matches!(character, ':' | '/' | '#'),
    }
}

/// `11;rgb:ffff/ffff/dddd`: whether it is nearer to white than to black.
fn is_light(answer: &str) -> Option<bool> {
    let colours = answer.strip_prefix("11;")?.split_once(':')?.1;
    let parts: Vec<f64> = colours
        .split('/')
        .take(3)
        .map(|part| {
            let most = 16f64.powi(part.len() as i32) - 1.0;
            u32::from_str_radix(part, 16).map(|value| f64::from(value) / most)
        })
        .collect::<Result<_, _>>()
        .ok()?;
    let [red, green, blue] = parts.as_slice() else { return None };
    // ITU-R 601 luma.
    Some(0.299 * red + 0.587 * green + 0.114 * blue > 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(text: &str, end: KeyEvent) -> Taken {
        let mut answer = Answer::default();
        assert_eq!(answer.take(KeyEvent::new(KeyCode::Char(']'), KeyModifiers::ALT)), Taken::Part);
        for character in text.chars() {
            assert_eq!(answer.take(KeyEvent::new(KeyCode::Char(character), KeyModifiers::NONE)), Taken::Part);
        }
        answer.take(end)
    }

    #[test]
    fn an_answer_is_taken_out_of_the_keys_with_either_end() {
        let st = KeyEvent::new(KeyCode::Char('\\'), KeyModifiers::ALT);
        let bell = KeyEvent::new(KeyCode::Char('g'), KeyModifiers::CONTROL);
        assert_eq!(feed("11;rgb:fafa/fafa/f0f0", st), Taken::Whole { light: true });
        assert_eq!(feed("11;rgb:1e1e/1e1e/2e2e", bell), Taken::Whole { light: false });
        assert_eq!(feed("11;rgb:ff/ff/ff", st), Taken::Whole { light: true });
        assert_eq!(feed("11;nonsense", st), Taken::Part);
    }

    #[test]
    fn keys_that_are_no_answer_are_the_users() {
        let mut answer = Answer::default();
        assert_eq!(answer.take(KeyEvent::new(KeyCode::Char('j'), KeyModifiers::NONE)), Taken::No);
        assert_eq!(answer.take(KeyEvent::new(KeyCode::Char(']'), KeyModifiers::NONE)), Taken::No);
        answer.take(KeyEvent::new(KeyCode::Char(']'), KeyModifiers::ALT));
        assert_eq!(
            answer.take(KeyEvent::new(KeyCode::Char('h'), KeyModifiers::NONE)),
            Taken::No,
            "typed, not answered"
        );
        answer.take(KeyEvent::new(KeyCode::Char(']'), KeyModifiers::ALT));
        assert_eq!(answer.take(KeyEvent::new(KeyCode::Up, KeyModifiers::NONE)), Taken::No);
        assert_eq!(answer.take(KeyEvent::new(KeyCode::Char('x'), KeyModifiers::NONE)), Taken::No);
    }
}
