//! How names of others follow from ours: patterns and what stands in place of what they find.

use crate::reason::Reason;
use regex::{Captures, Regex, RegexBuilder};

/// Rules that are applied one after the other, each to all that its pattern finds in a tensor's name.
///
/// A pattern is a regular expression. In what takes its place `{1}` is what the first group found, and `{1-1}` or `{1+2}` the
/// number that it found, less or more: `^layer(\\d+)_(\\d+)\\.` and `layer{1}.{2-1}.` make `layer2.0.` of `layer2_1.`.
#[derive(Debug, Clone, Default)]
pub struct Renaming(Vec<Rule>);

#[derive(Debug, Clone)]
struct Rule {
    pattern: Regex,
    parts: Vec<Part>,
    /// As they were written.
    written: (String, String),
}

#[derive(Debug, Clone, PartialEq)]
enum Part {
    Text(String),
    Group(usize),
    /// A group's number with so much added to it.
    Number(usize, i64),
}

/// Most bytes that a compiled pattern takes.
const PATTERN_BYTES: usize = 1 << 20;
/// Longest name that is made.
const NAME_BYTES: usize = 1 << 12;

impl PartialEq for Renaming {
    fn eq(&self, other: &Self) -> bool {
        self.0.iter().map(|rule| &rule.written).eq(other.0.iter().map(|rule| &rule.written))
    }
}

impl Renaming {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a rule, or says what is wrong with it.
    pub fn add(&mut self, pattern: &str, replacement: &str) -> Result<(), Reason> {
        let compiled = RegexBuilder::new(pattern).size_limit(PATTERN_BYTES).build().map_err(|error| {
            let words = error.to_string();
            let last = words.lines().last().unwrap_or_default().trim_start_matches("error: ").to_string();
            format!("`{pattern}` is not a regular expression: {last}")
        })?;
        let parts = parts(replacement, compiled.captures_len())?;
        self.0.push(Rule { pattern: compiled, parts, written: (pattern.into(), replacement.into()) });
        Ok(())
    }

    /// Reads `PATTERN=REPLACEMENT`.
    pub fn read(rules: &[String]) -> Result<Renaming, Reason> {
        let mut renaming = Renaming::default();
        for rule in rules {
            let (pattern, replacement) = rule.split_once('=').ok_or_else(|| {
                format!("`{rule}` does not fit; expected PATTERN=REPLACEMENT, such as `^block=features.`")
            })?;
            renaming.add(pattern, replacement)?;
        }
        Ok(renaming)
    }

    /// The name that others give to what is called `name` here.
    pub fn apply(&self, name: &str) -> String {
        self.0.iter().fold(name.to_string(), |name, rule| {
            let renamed = rule.pattern.replace_all(&name, |found: &Captures| rule.filled(found)).into_owned();
            if renamed.len() > NAME_BYTES { name } else { renamed }
        })
    }
}

impl Rule {
    fn filled(&self, found: &Captures) -> String {
        let group = |at: usize| found.get(at).map_or("", |group| group.as_str());
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Group(at) => group(*at).to_string(),
            Part::Number(at, more) => {
                // What is no number, or would be less than 0, stays.
                let number = group(*at).parse::<i64>().ok().and_then(|number| number.checked_add(*more));
                number.filter(|number| *number >= 0).map_or_else(|| group(*at).to_string(), |number| number.to_string())
            }
        };
        self.parts.iter().map(part).collect()
    }
}

fn parts(text: &str, groups: usize) -> Result<Vec<Part>, Reason> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let wrong =
            || format!("`{text}` does not fit; expected `{{1}}`, or `{{1-1}}` for one less, for what a group finds");
        let (inside, behind) = after.split_once('}').ok_or_else(wrong)?;
        parts.push(Part::Text(before.to_string()));
        let sign = inside.find(['-', '+']);
        let at: usize = inside[..sign.unwrap_or(inside.len())].parse().map_err(|_| wrong())?;
        if at >= groups {
            return Err(format!("`{text}` speaks of group {at}, and the pattern has {}", groups - 1).into());
        }
        parts.push(match sign {
            Some(sign) => Part::Number(at, inside[sign..].parse().map_err(|_| wrong())?),
            None => Part::Group(at),
        });
        rest = behind;
    }
    parts.push(Part::Text(rest.to_string()));
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(rules: &[(&str, &str)]) -> Renaming {
        let mut renaming = Renaming::default();
        rules.iter().for_each(|(pattern, replacement)| renaming.add(pattern, replacement).expect("sound"));
        renaming
    }

    #[test]
    fn numbers_are_counted_from_elsewhere_and_rules_follow_one_another() {
        let resnet = rules(&[
            (r"^layer(\d+)_(\d+)\.", "layer{1}.{2-1}."),
            (r"conv(\d+)\.batch_norm\.", "bn{1}."),
            ("^linear1", "fc"),
        ]);
        assert_eq!(resnet.apply("layer2_1.conv2.batch_norm.running_var"), "layer2.0.bn2.running_var");
        assert_eq!(resnet.apply("linear1.weight"), "fc.weight");
        assert_eq!(rules(&[("a(.)", "{1+2}{1}")]).apply("a7ax"), "97xx", "what is no number stays");
        assert_eq!(rules(&[("a(0)", "{1-1}")]).apply("a0"), "0", "and what would be less than nothing");
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        let refused =
            |pattern: &str, replacement: &str| Renaming::default().add(pattern, replacement).expect_err("refused").0;
        assert!(refused("(", "a").starts_with("`(` is not a regular expression: "), "{}", refused("(", "a"));
        assert_eq!(refused("a", "{1}"), "`{1}` speaks of group 1, and the pattern has 0");
        assert!(refused("(a)", "{one}").contains("expected `{1}`"));
        assert!(refused("(a)", "{1").contains("expected `{1}`"));
        assert!(refused("(a{1000}){1000}", "b").contains("not a regular expression"));
        // A name that grows with every rule stops growing.
        let mut grows = Renaming::default();
        (0..64).for_each(|_| grows.add("(.)", "{1}{1}").expect("sound"));
        assert!(grows.apply("ab").len() <= NAME_BYTES);
    }
}
