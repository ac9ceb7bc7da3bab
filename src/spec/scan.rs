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

/// Looks at a text once. The time is in proportion to its length.
pub fn scan(text: &str) -> Result<(), Refusal> {
    let bytes = text.as_bytes();
    let mut values = 0;
    let (mut start, mut line) = (0, 1);
    // How far a line that opens brackets has been followed: the lines within are looked at all the same, but a text is not
    // followed to its end from every one of them.
    while start < bytes.len() {
        let end = bytes[start..].iter().position(|&byte| byte == b'\n').map_or(bytes.len(), |at| start + at + 1);
        if depth_from(bytes, start, end) > limits::DEPTH {
            return Err(Refusal::TooDeep { line });
        }
        values += values_in(&bytes[start..end]);
        if values > limits::VALUES {
            return Err(Refusal::TooMany);
        }
        (start, line) = (end, line + 1);
    }
    Ok(())
}

/// About how many values a line holds: what follows a comma, a colon or a dash.
fn values_in(line: &[u8]) -> usize {
    let ends = |next: Option<&u8>| next.is_none_or(|next| next.is_ascii_whitespace());
    let marks = line.iter().enumerate().filter(|(at, byte)| match byte {
        b',' | b'[' | b'{' | b'*' => true,
        b':' | b'?' | b'-' => ends(line.get(at + 1)),
        _ => false,
    });
    marks.count()
}

/// The deepest that brackets and dashes stand within one another from a line on: to the line's end, or where brackets are open
/// then, to where they are closed.
fn depth_from(bytes: &[u8], start: usize, end: usize) -> usize {
    let blank = |at: usize| bytes.get(at).is_none_or(|byte| byte.is_ascii_whitespace());
    let (mut at, mut open, mut dashes, mut deepest) = (start, 0usize, 0usize, 0usize);
    // Whether a value may begin here; within a word nothing does.
    let mut begins = true;
    while at < bytes.len() && (at < end || open > 0) && deepest <= limits::DEPTH {
        let byte = bytes[at];
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => {}
            b'#' if at == start || blank(at - 1) => {
                while at < bytes.len() && bytes[at] != b'\n' {
                    at += 1;
                }
                continue;
            }
            b'-' if open == 0 && at == start && bytes[at..].starts_with(b"---") && blank(at + 3) => at += 2,
            b'-' | b'?' if begins && blank(at + 1) => {
                dashes += 1;
                deepest = deepest.max(open + dashes);
            }
            // In brackets a colon ends a word also before another bracket.
            b':' if blank(at + 1) || open > 0 && matches!(bytes[at + 1], b',' | b'[' | b']' | b'{' | b'}') => {
                begins = true
            }
            b':' if open > 0 && begins => {}
            b'[' | b'{' if begins || open > 0 => {
                open += 1;
                deepest = deepest.max(open + dashes);
                begins = true;
            }
            b']' | b'}' if open > 0 => {
                open -= 1;
                begins = false;
            }
            b',' if open > 0 => begins = true,
            b'"' | b'\'' if begins => {
                at = after_quote(bytes, at);
                // A colon right after it makes it a key.
                begins = open > 0 && bytes.get(at) == Some(&b':');
                continue;
            }
            // A name for what follows.
            b'&' | b'!' | b'*' if begins => {
                while !(blank(at) || open > 0 && matches!(bytes[at], b',' | b'[' | b']' | b'{' | b'}')) {
                    at += 1;
                }
                continue;
            }
            _ => begins = false,
        }
        at += 1;
    }
    deepest
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
        for between in ["[\"]\", ", "[ # ]\n", "[']', ", "{\"]\": ", "{a: \"\\\"]\", b: "] {
            assert!(is_deep(&between.repeat(DEEP)), "{between}");
        }
        assert!(is_deep(&"- ".repeat(DEEP)));
        assert!(is_deep(&format!("{}{}", "- ".repeat(DEEP / 2), "[".repeat(DEEP / 2 + 2))));
    }

    #[test]
    fn what_is_ordinary_passes() {
        let flat = "[[1], {a: [2]}], ".repeat(1000);
        assert_eq!(scan(&format!("layers: [{flat}]")), Ok(()));
        assert_eq!(scan(&format!("# {}\nname: {}", "[".repeat(500), "a [".repeat(500))), Ok(()));
        assert_eq!(scan(&format!("name: \"{}\"", "[{".repeat(500))), Ok(()));
        assert_eq!(scan(&"- [conv3-64, maxpool]\n".repeat(1000)), Ok(()));
        assert_eq!(scan(&"1,".repeat(limits::VALUES + 1)), Err(Refusal::TooMany));
        assert_eq!(scan(&format!("a: 1\nb: {}", "[".repeat(DEEP))), Err(Refusal::TooDeep { line: 2 }));
    }
}
