//! Layers in the paper's notation: `conv3-64`, `fc-4096`, `maxpool`, each with an optional ` xN`.

use crate::spec::kinds;
use crate::spec::limits;

/// A short form taken apart.
#[derive(Debug, PartialEq, Eq, Clone)]
pub struct Short {
    pub kind: &'static str,
    pub kernel: Option<u64>,
    pub out: Option<Out>,
    pub repeat: u64,
}

#[derive(Debug, PartialEq, Eq, Clone)]
pub enum Out {
    Number(u64),
    Classes,
}

/// Why a short form could not be read.
#[derive(Debug, PartialEq, Eq)]
pub enum ShortError {
    /// The kind is unknown; what it may have been meant to be is left to the caller.
    Kind(String),
    /// The kind is fine, the rest is not: what would be right.
    Form(&'static str),
}

const CONV_FORM: &str = "a conv is written `conv3-64`: kernel, then output channels, each 1 to 2^24";
const FC_FORM: &str = "a fully connected layer is written `fc-4096` or `fc-classes`";
const REPEAT_FORM: &str = "a repetition is written ` x3`, with a number of at least 1";

/// Reads a short form; letters may be upper or lower case.
pub fn parse(text: &str) -> Result<Short, ShortError> {
    let lower = text.to_lowercase();
    let mut words = lower.split_whitespace();
    let head = words.next().unwrap_or_default();
    let repeat = match words.next() {
        None => 1,
        Some(times) => times
            .strip_prefix(['x', '×'])
            .and_then(|number| number.parse().ok())
            .filter(|&number| number >= 1)
            .ok_or(ShortError::Form(REPEAT_FORM))?,
    };
    if words.next().is_some() {
        return Err(ShortError::Form(REPEAT_FORM));
    }
    let plain = |kind| Short { kind, kernel: None, out: None, repeat };
    if let Some(kind) = kinds::kind(head) {
        return Ok(plain(kind.name));
    }
    if let Some(out) = head.strip_prefix("fc-") {
        let out = match out {
            "classes" => Out::Classes,
            digits => Out::Number(dimension(digits).ok_or(ShortError::Form(FC_FORM))?),
        };
        return Ok(Short { out: Some(out), ..plain("linear") });
    }
    if head == "fc" {
        return Err(ShortError::Form(FC_FORM));
    }
    let conv = head.strip_prefix("conv").filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit() || c == '-'));
    if let Some(rest) = conv {
        let (kernel, out) = rest
            .split_once('-')
            .and_then(|(kernel, out)| Some((dimension(kernel)?, dimension(out)?)))
            .ok_or(ShortError::Form(CONV_FORM))?;
        return Ok(Short { kernel: Some(kernel), out: Some(Out::Number(out)), ..plain("conv") });
    }
    Err(ShortError::Kind(head.to_string()))
}

fn dimension(digits: &str) -> Option<u64> {
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().filter(|value| (1..=limits::DIMENSION).contains(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_papers_notation_is_read_in_either_case() {
        let conv = parse("Conv3-64 X2").unwrap();
        assert_eq!((conv.kind, conv.kernel, conv.out, conv.repeat), ("conv", Some(3), Some(Out::Number(64)), 2));
        assert_eq!(parse("FC-4096").unwrap().out, Some(Out::Number(4096)));
        assert_eq!(parse("fc-classes").unwrap().out, Some(Out::Classes));
        assert_eq!(parse("maxpool").unwrap().repeat, 1);
    }

    #[test]
    fn a_form_that_is_nearly_right_says_what_would_be() {
        for text in ["conv3", "conv-64", "conv3-", "conv3-0", "conv3-99999999", "conv+3-64"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert_eq!(parse("maxpool x0"), Err(ShortError::Form(REPEAT_FORM)));
        assert_eq!(parse("maxpool 2"), Err(ShortError::Form(REPEAT_FORM)));
        assert_eq!(parse("maxpol"), Err(ShortError::Kind("maxpol".into())));
    }
}
