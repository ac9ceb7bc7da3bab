//! Names that Python takes.

use std::collections::HashSet;

/// Words that mean something in Python, and what every module has already.
const TAKEN: [&str; 62] = [
    "False",
    "None",
    "True",
    "and",
    "as",
    "assert",
    "async",
    "await",
    "break",
    "class",
    "continue",
    "def",
    "del",
    "elif",
    "else",
    "except",
    "finally",
    "for",
    "from",
    "global",
    "if",
    "import",
    "in",
    "is",
    "lambda",
    "nonlocal",
    "not",
    "or",
    "pass",
    "raise",
    "return",
    "try",
    "while",
    "with",
    "yield",
    "self",
    "add_module",
    "apply",
    "bfloat16",
    "buffers",
    "children",
    "compile",
    "cpu",
    "cuda",
    "double",
    "eval",
    "float",
    "forward",
    "get_parameter",
    "half",
    "modules",
    "named_children",
    "parameters",
    "register_buffer",
    "share_memory",
    "state_dict",
    "to",
    "train",
    "training",
    "type",
    "xpu",
    "zero_grad",
];

/// An attribute's name made of a path, and no other's.
pub fn attribute(path: &str, taken: &mut HashSet<String>) -> String {
    let mut name: String = path.chars().map(|own| if own.is_ascii_alphanumeric() { own } else { '_' }).collect();
    if !name.starts_with(|first: char| first.is_ascii_alphabetic()) {
        name.insert(0, 'n');
    }
    while TAKEN.contains(&name.as_str()) || !taken.insert(name.clone()) {
        name.push('_');
    }
    name
}

/// `InvertedResidual` for `inverted_residual`, `ResNet18` for "ResNet-18".
pub fn class(text: &str) -> String {
    let words = text.split(|own: char| !own.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let camel = |word: &str| {
        let (first, rest) = word.split_at(1);
        format!("{}{rest}", first.to_uppercase())
    };
    let name: String = words.map(camel).collect();
    match name.starts_with(|first: char| first.is_ascii_alphabetic()) {
        true => name,
        false => format!("Network{name}"),
    }
}

/// What a repeated block is called without its number, and the number.
pub fn numbered(name: &str) -> Option<(&str, usize)> {
    let (base, number) = name.rsplit_once('_')?;
    Some((base, number.parse().ok()?)).filter(|(base, _)| !base.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_pythons_and_no_two_are_one() {
        let mut taken = HashSet::new();
        let mut name = |path: &str| attribute(path, &mut taken);
        assert_eq!(
            ["conv1.batch_norm", "3x3", "lambda", "train", "a-b", "a.b"].map(&mut name),
            ["conv1_batch_norm", "n3x3", "lambda_", "train_", "a_b", "a_b_"]
        );
        assert_eq!(["squeeze_excite", "VGG-16 (D)", "16"].map(class), ["SqueezeExcite", "VGG16D", "Network16"]);
        assert_eq!(numbered("layer1_12"), Some(("layer1", 12)));
        assert_eq!(numbered("layer1"), None);
    }
}
