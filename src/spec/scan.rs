//! A look at a text before it is parsed: is it nested so deeply, or does it hold so much, that parsing would take long?
//!
//! The YAML reader's time grows with the depth of brackets times what follows them: forty kilobytes of `{a: {a: …` take it six
//! seconds, and it says that they are too deep only then. So brackets are counted here first, line by line: wherever deep
//! brackets begin, they begin on a line that stands for itself, so each line is read as if it did. What is within quotes,
//! comments and plain words does not count. A text that this refuses is one that the reader would refuse as well, or a very
//! odd comment.

use super::limits;

/// Why a text is not parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Brackets or dashes within one another, on this line (from 1).
    TooDeep {
        line: usize,
    },
    TooMany,
}

/// Looks at a text, and says about how many values it holds. No more than [`limits::SCANNED`] bytes are gone through in all, its own and those that follow a line with
/// open brackets.
pub fn scan(text: &str) -> Result<usize, Refusal> {
    let bytes = text.as_bytes();
    let (mut values, mut left) = (0, limits::SCANNED);
    let (mut start, mut line) = (0, 1);
    while start < bytes.len() {
        let end = bytes[start..].iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |at| start + at + 1);
        let seen = follow(bytes, start, end, left);
        if seen.deepest > limits::DEPTH || seen.steps > left {
            return Err(Refusal::TooDeep { line });
        }
        (values, left) = (values + seen.values, left - seen.steps);
        if values > limits::VALUES {
            return Err(Refusal::TooMany);
        }
        (start, line) = (end, line + 1);
    }
    Ok(values)
}

/// What was seen from a line on.
struct Seen {
    deepest: usize,
    /// About how many values the line itself holds: what follows a comma, a colon, a dash or a bracket.
    values: usize,
    /// Bytes gone through.
    steps: usize,
}

/// Whether a byte means nothing within a word.
const fn is_plain(byte: u8) -> bool {
    !matches!(
        byte,
        b' ' | b'\t'
            | b'\n'
            | b'\r'
            | b'#'
            | b'-'
            | b'?'
            | b':'
            | b'['
            | b']'
            | b'{'
            | b'}'
            | b','
            | b'"'
            | b'\''
            | b'&'
            | b'!'
            | b'*'
    )
}

/// How deep brackets and dashes stand within one another from a line on: to the line's end, or where brackets are open then, to
/// where they are closed.
fn follow(bytes: &[u8], start: usize, end: usize, most: usize) -> Seen {
    let blank = |at: usize| bytes.get(at).is_none_or(|byte| byte.is_ascii_whitespace());
    let (mut at, mut open, mut dashes, mut deepest, mut values) = (start, 0usize, 0usize, 0usize, 0usize);
    // Whether a value may begin here; within a word nothing does.
    let mut begins = true;
    while at < bytes.len() && (at < end || open > 0) && deepest <= limits::DEPTH && at - start <= most {
        let byte = bytes[at];
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => {}
            b'#' if at == start || blank(at - 1) => {
                at += bytes[at..].iter().position(|&byte| byte == b'\n').unwrap_or(bytes.len() - at);
                continue;
            }
            b'-' if open == 0 && at == start && bytes[at..].starts_with(b"---") && blank(at + 3) => at += 2,
            b'-' | b'?' if begins && blank(at + 1) => {
                dashes += 1;
                values += usize::from(at < end);
                deepest = deepest.max(open + dashes);
            }
            // In brackets a colon ends a word also before another bracket.
            b':' if blank(at + 1) || open > 0 && matches!(bytes[at + 1], b',' | b'[' | b']' | b'{' | b'}') => {
                values += usize::from(at < end);
                begins = true;
            }
            b':' if open > 0 && begins => {}
            b'[' | b'{' if begins || open > 0 => {
                open += 1;
                values += usize::from(at < end);
                deepest = deepest.max(open + dashes);
                begins = true;
            }
            b']' | b'}' if open > 0 => {
                open -= 1;
                begins = false;
            }
            // A line within brackets does not show that it is.
            b',' => {
                values += usize::from(at < end);
                begins |= open > 0;
            }
            b'"' | b'\'' if begins => {
                at = after_quote(bytes, at);
                // A colon right after it makes it a key.
                begins = open > 0 && bytes.get(at) == Some(&b':');
                continue;
            }
            // A name for what follows, or for what was named before.
            b'&' | b'!' | b'*' if begins => {
                values += usize::from(byte == b'*' && at < end);
                while !(blank(at) || open > 0 && matches!(bytes[at], b',' | b'[' | b']' | b'{' | b'}')) {
                    at += 1;
                }
                continue;
            }
            _ => {
                begins = false;
                at += bytes[at + 1..].iter().position(|&byte| !is_plain(byte)).unwrap_or(bytes.len() - at - 1);
            }
        }
        at += 1;
    }
    Seen { deepest, values, steps: at - start }
}

/// The place after a quoted text that begins at `at`.
fn after_quote(bytes: &[u8], at: usize) -> usize {
    let quote = bytes[at];
    let mut at = at + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if quote == b'"' => at += 1,
            // Two single quotes stand for one.
            b'\'' if quote == b'\'' && bytes.get(at + 1) == Some(&b'\'') => at += 1,
            byte if byte == quote => return at + 1,
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEEP: usize = limits::DEPTH + 1;

    fn is_deep(text: &str) -> bool {
        matches!(scan(text), Err(Refusal::TooDeep { .. }))
    }

    #[test]
    fn deep_brackets_are_found_wherever_they_begin() {
        let brackets = "[".repeat(DEEP);
        let beginnings = [
            "",
            "a: ",
            "- ",
            "? ",
            "--- ",
            "&a ",
            "!t ",
            "\"k\": ",
            "'[': ",
            "a [b \"c: ",
            "x: y\nb: ",
            "a: x [\"\nb: ",
            "a: x\n  [\"\nb: ",
            "# [\"\na: ",
            "{a: 1}: ",
            "a: |\n  [\"\nb: ",
            "it's: ",
        ];
        for beginning in beginnings {
            assert!(is_deep(&format!("{beginning}{brackets}")), "{beginning}");
            assert!(is_deep(&format!("{beginning}{}", "{a: ".repeat(DEEP))), "{beginning}");
        }
        // Closing brackets that are only text close nothing.
        for between in ["[ [1], {a: [2]}, ", "[\"]\", ", "[ # ]\n", "[']', ", "{\"]\": ", "{a: \"\\\"]\", b: "] {
            assert!(is_deep(&between.repeat(DEEP)), "{between}");
        }
        assert!(is_deep(&"- ".repeat(DEEP)));
        assert!(is_deep(&format!("{}{}", "- ".repeat(DEEP / 2), "[".repeat(DEEP / 2 + 2))));
    }

    #[test]
    fn no_text_is_gone_through_again_and_again() {
        // Lines whose brackets stay open, each of which would be followed to the end.
        for end in ["a ".repeat(1 << 18), "x\n \n".repeat(1 << 17), "a".repeat(1 << 19), "\"".repeat(1 << 19)] {
            let text = " [\n".repeat(limits::DEPTH - 1) + &end;
            let work: usize = {
                let (mut left, mut total, mut start) = (limits::SCANNED, 0, 0);
                while start < text.len() {
                    let end = text[start..].find('\n').map_or(text.len(), |at| start + at + 1);
                    let seen = follow(text.as_bytes(), start, end, left);
                    total += seen.steps;
                    if seen.steps > left || seen.deepest > limits::DEPTH {
                        break;
                    }
                    (left, start) = (left - seen.steps, end);
                }
                total
            };
            assert!(work <= limits::SCANNED + text.len(), "{work} steps for {} bytes", text.len());
        }
    }

    #[test]
    fn what_is_ordinary_passes() {
        let flat = "[[1], {a: [2]}], ".repeat(1000);
        assert!(scan(&format!("layers: [{flat}]")).is_ok());
        assert!(scan(&format!("# {}\nname: {}", "[".repeat(500), "a [".repeat(500))).is_ok());
        assert!(scan(&format!("name: \"{}\"", "[{".repeat(500))).is_ok());
        assert!(scan(&"- [conv3-64, maxpool]\n".repeat(1000)).is_ok());
        assert_eq!(scan(&"1,".repeat(limits::VALUES + 1)), Err(Refusal::TooMany));
        // Marks in quotes and comments are no values.
        let marks = ",".repeat(limits::VALUES + 1);
        assert!(scan(&format!("# {marks}\nname: \"{marks}\"")).is_ok());
        // A megabyte in brackets, each line of which opens and closes some.
        let rows = "  {conv: {out: 64, kernel: [3, 3]}},\n".repeat(1 << 14);
        assert!(scan(&format!("layers: [\n{rows}]")).is_ok());
        let nested = "{\"layers\": [\n".repeat(12) + &"\"conv3-64\",\n".repeat(1 << 14) + &"]}\n".repeat(12);
        assert!(scan(&nested).is_ok());
        assert_eq!(scan(&format!("a: 1\nb: {}", "[".repeat(DEEP))), Err(Refusal::TooDeep { line: 2 }));
    }
}
