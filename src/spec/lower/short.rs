//! Layers in the paper's notation: `conv3-64`, `conv7-64/2`, `fc-4096 relu`, `maxpool3/2`, each with an optional ` xN`.

use crate::spec::kinds::{self, ACTIVATIONS};
use crate::spec::limits;

/// A short form taken apart: `KIND[kernel][-OUT][/STRIDE] [activation|none] [xN]`.
#[derive(Debug, PartialEq, Eq, Clone)]
pub struct Short {
    pub kind: &'static str,
    pub kernel: Option<u64>,
    pub stride: Option<u64>,
    pub out: Option<Out>,
    /// Whether each channel is convolved by itself (`dw3`), as many coming out as arrive.
    pub depthwise: bool,
    /// An activation's name, or `none`.
    pub activation: Option<&'static str>,
    pub repeat: u64,
}

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum Out {
    Number(u64),
    /// So many times what arrives.
    Times(u64),
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

const CONV_FORM: &str =
    "a conv is written `conv3-64` or `conv3-64/2`: kernel, output channels (or `x6`), stride, each 1 to 2^24";
const FC_FORM: &str = "a fully connected layer is written `fc-4096` or `fc-classes`";
const POOL_FORM: &str = "a pool is written `maxpool`, `maxpool3` or `maxpool3/2`: kernel, stride, each 1 to 2^24";
const DEPTHWISE_FORM: &str = "a depthwise conv is written `dw3` or `dw3/2`: kernel, stride";
const UP_FORM: &str = "a transposed conv is written `up2-64`: kernel and stride, output channels";
const REPEAT_FORM: &str = "a repetition is written ` x3`, with a number of at least 1";
const WORDS_FORM: &str = "expected an activation such as `relu` or `none`, then ` x3` to repeat it";
const ACTIVATION_FORM: &str = "only conv, conv_transpose and linear layers bring an activation along";

/// Words that short forms begin with: the word, the kind, what may follow, what would be right.
struct Head {
    word: &'static str,
    kind: &'static str,
    takes_kernel: bool,
    takes_out: bool,
    form: &'static str,
}

const fn head(word: &'static str, kind: &'static str, takes_kernel: bool, takes_out: bool, form: &'static str) -> Head {
    Head { word, kind, takes_kernel, takes_out, form }
}

const HEADS: [Head; 6] = [
    head("conv", "conv", true, true, CONV_FORM),
    head("fc", "linear", false, true, FC_FORM),
    head("maxpool", "maxpool", true, false, POOL_FORM),
    head("avgpool", "avgpool", true, false, POOL_FORM),
    head("dw", "conv", true, false, DEPTHWISE_FORM),
    head("up", "conv_transpose", true, true, UP_FORM),
];

impl Short {
    /// A bare kind.
    pub fn plain(kind: &'static str) -> Short {
        Short { kind, kernel: None, stride: None, out: None, depthwise: false, activation: None, repeat: 1 }
    }
}

/// Reads a short form; letters may be upper or lower case.
pub fn parse(text: &str) -> Result<Short, ShortError> {
    let lower = text.to_lowercase();
    let mut words = lower.split_whitespace().peekable();
    let first = words.next().unwrap_or_default();
    let mut short = one_word(first)?;
    if let Some(word) = words.peek().copied()
        && let Some(name) = ["none"].iter().chain(ACTIVATIONS).find(|name| **name == word)
    {
        words.next();
        if kinds::kind(short.kind).is_none_or(|kind| kind.field("activation").is_none()) {
            return Err(ShortError::Form(ACTIVATION_FORM));
        }
        short.activation = Some(name);
    }
    if let Some(times) = words.next() {
        let number = times.strip_prefix(['x', '×']).ok_or(ShortError::Form(WORDS_FORM))?;
        short.repeat = number.parse().ok().filter(|&number| number >= 1).ok_or(ShortError::Form(REPEAT_FORM))?;
    }
    match words.next() {
        Some(_) => Err(ShortError::Form(WORDS_FORM)),
        None => Ok(short),
    }
}

fn one_word(word: &str) -> Result<Short, ShortError> {
    if let Some(kind) = kinds::kind(word) {
        return Ok(Short::plain(kind.name));
    }
    let is_rest = |rest: &str| rest.is_empty() || rest.starts_with(|c: char| c.is_ascii_digit() || "-/".contains(c));
    let known = HEADS.iter().find_map(|head| Some((head, word.strip_prefix(head.word).filter(|rest| is_rest(rest))?)));
    let Some((head, rest)) = known else { return Err(ShortError::Kind(word.to_string())) };
    let wrong = ShortError::Form(head.form);
    parts(head, rest).ok_or(wrong)
}

/// `3-64/2` behind a word.
fn parts(head: &Head, rest: &str) -> Option<Short> {
    let mut short = Short { depthwise: head.word == "dw", ..Short::plain(head.kind) };
    let (rest, stride) = match rest.split_once('/') {
        Some((rest, stride)) if head.takes_kernel => (rest, Some(dimension(stride)?)),
        Some(_) => return None,
        None => (rest, None),
    };
    let (kernel, out) = match rest.split_once('-') {
        Some((kernel, out)) if head.takes_out => (kernel, Some(width(out)?)),
        Some(_) => return None,
        None => (rest, None),
    };
    (short.stride, short.out) = (stride, out);
    if !kernel.is_empty() {
        short.kernel = Some(dimension(kernel).filter(|_| head.takes_kernel)?);
    }
    // `fc` alone, `up`, `dw`, and `conv` behind which nothing but a stride stands say too little.
    let says = match head.word {
        "fc" => short.out.is_some(),
        "up" => short.kernel.is_some() && short.out.is_some(),
        "dw" => short.kernel.is_some(),
        _ => true,
    };
    says.then_some(short)
}

fn width(text: &str) -> Option<Out> {
    match text {
        "classes" => Some(Out::Classes),
        text => match text.strip_prefix(['x', '×']) {
            Some(times) => dimension(times).map(Out::Times),
            None => dimension(text).map(Out::Number),
        },
    }
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
    fn strides_activations_and_relative_widths_have_their_places() {
        let conv = parse("conv7-64/2 none x3").unwrap();
        assert_eq!((conv.kernel, conv.stride, conv.activation, conv.repeat), (Some(7), Some(2), Some("none"), 3));
        assert_eq!(parse("conv1-x6").unwrap().out, Some(Out::Times(6)));
        assert_eq!(parse("conv1-classes").unwrap().out, Some(Out::Classes));
        let pool = parse("maxpool3/2").unwrap();
        assert_eq!((pool.kind, pool.kernel, pool.stride), ("maxpool", Some(3), Some(2)));
        let depthwise = parse("dw5/2 relu6").unwrap();
        assert_eq!((depthwise.kind, depthwise.depthwise, depthwise.activation), ("conv", true, Some("relu6")));
        let up = parse("up2-64").unwrap();
        assert_eq!((up.kind, up.kernel, up.stride), ("conv_transpose", Some(2), None));
        assert_eq!(parse("fc-10 hardswish").unwrap().activation, Some("hardswish"));
        // What is not said is left to the defaults.
        assert_eq!(parse("conv3").unwrap().out, None);
        assert_eq!(parse("conv-64").unwrap().kernel, None);
    }

    #[test]
    fn a_form_that_is_nearly_right_says_what_would_be() {
        for text in ["conv3-", "conv3-0", "conv3-99999999", "conv+3-64", "conv3-64/", "conv3-64/0", "dw", "dw3-8"] {
            assert!(parse(text).is_err(), "{text}");
        }
        for text in ["up2", "fc", "fc3-8", "fc-8/2", "maxpool-3", "conv3-64 x2 relu", "conv3-x"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert_eq!(parse("maxpool x0"), Err(ShortError::Form(REPEAT_FORM)));
        assert_eq!(parse("maxpool 2"), Err(ShortError::Form(WORDS_FORM)));
        assert_eq!(parse("maxpool relu"), Err(ShortError::Form(ACTIVATION_FORM)));
        assert_eq!(parse("maxpol"), Err(ShortError::Kind("maxpol".into())));
    }
}
