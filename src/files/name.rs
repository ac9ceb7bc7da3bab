//! Names of files made out of text that others wrote: a photo's name, a layer's, an architecture's.

/// Longest name made, in bytes; file systems take 255, and something may be added.
const LONGEST: usize = 120;

/// A name that stays in its folder, shows as what it is, and can be typed: separators, control characters, characters that turn
/// the direction of writing and those that Windows forbids become `_`; so do a leading dot or dash and an empty name.
pub fn safe(text: &str) -> String {
    let forbidden = |c: char| {
        crate::visible::must_be_escaped(c) || matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|')
    };
    let mut name: String = text.chars().map(|c| if forbidden(c) { '_' } else { c }).collect();
    if name.starts_with(['.', '-']) {
        name.replace_range(..1, "_");
    }
    if name.len() > LONGEST {
        let end = (0..=LONGEST).rev().find(|&at| name.is_char_boundary(at)).unwrap_or(0);
        name.truncate(end);
    }
    if name.is_empty() { "_".into() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_in_its_folder_and_shows_what_it_is() {
        assert_eq!(safe("koala_1"), "koala_1");
        assert_eq!(safe("../../etc/passwd"), "_._.._etc_passwd");
        assert_eq!(safe("a\u{1b}]0;x\u{7}b\u{202e}c\u{9b}"), "a_]0;x_b_c_");
        assert_eq!(safe(""), "_");
        assert_eq!(safe("-rf"), "_rf");
        assert_eq!(safe(&"ü".repeat(200)).len(), 120);
    }
}
