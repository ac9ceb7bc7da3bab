//! A YAML text as a tree of nodes that remember where they came from.
//!
//! serde_yaml keeps no spans, but it numbers nothing away either: every node is numbered here in document order
//! (keys too), and [`super::locate`] finds the line and column of a number by reading the text once more.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::limits;
use super::scan::{Refusal, scan};
use crate::visible::{must_be_escaped, visible};

/// Where a node stands: which source text, and which node of it in document order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mark {
    /// Index into [`super::Sources`].
    pub source: u16,
    /// The node's number in document order; 0 is the document itself.
    pub node: u32,
}

#[derive(Debug, Clone)]
pub struct Node {
    pub mark: Mark,
    pub value: Value,
}

#[derive(Debug, Clone)]
pub struct Entry {
    pub key: String,
    pub key_mark: Mark,
    pub value: Node,
}

#[derive(Debug, Clone)]
pub enum Value {
    Null,
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

impl Value {
    /// What the value is, in the words of an error message: ``the text `same` ``, `a list of 3`.
    pub fn describe(&self) -> String {
        match self {
            Value::Null => "nothing".into(),
            Value::Bool(value) => format!("`{value}`"),
            Value::Integer(value) => format!("`{value}`"),
            // With its point: 8.0 is no whole number.
            Value::Float(value) => format!("`{value:?}`"),
            Value::Text(value) => format!("the text `{}`", shorten(value)),
            Value::List(items) => format!("a list of {}", items.len()),
            Value::Map(entries) if entries.is_empty() => "an empty map".into(),
            Value::Map(entries) => format!("a map with `{}`", shorten(&entries[0].key)),
        }
    }
}

/// Cuts long user text, and makes it one line that can be shown, so that a message stays a sentence.
pub fn shorten(text: &str) -> String {
    const LONGEST: usize = 40;
    match text.char_indices().nth(LONGEST) {
        None => visible(text).into_owned(),
        Some((end, _)) => format!("{}…", visible(&text[..end])),
    }
}

/// Why a text is not YAML that can be read.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    #[error("lists and maps are nested too deeply")]
    TooDeep { line: usize },
    #[error("there are more than {} values", limits::VALUES)]
    TooMany,
    /// A character that is not seen, or turns what is, on a line and at a column from 1.
    #[error("there is a character that cannot be seen, U+{:04X}", u32::from(*.character))]
    Hidden { character: char, line: usize, column: usize },
    #[error("{0}")]
    Syntax(#[from] serde_yaml::Error),
}

impl From<Refusal> for ParseError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::TooDeep { line } => ParseError::TooDeep { line },
            Refusal::TooMany => ParseError::TooMany,
        }
    }
}

/// Reads `text` into a tree. `source` is the number its marks carry.
pub fn parse(text: &str, source: u16) -> Result<Node, ParseError> {
    if let Some(at) = text.find(|c| must_be_escaped(c) && !matches!(c, '\n' | '\r' | '\t')) {
        let before = &text[..at];
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let (line, column) = (before.matches('\n').count() + 1, before[start..].chars().count() + 1);
        return Err(ParseError::Hidden { character: text[at..].chars().next().unwrap_or_default(), line, column });
    }
    scan(text)?;
    let (counter, letters) = (Cell::new(0), Cell::new(0));
    let numbering = Numbering { counter: &counter, letters: &letters, source };
    Ok(NodeSeed(numbering).deserialize(serde_yaml::Deserializer::from_str(text))?)
}

/// Hands out node numbers in document order. Shared by reading and locating, so that both count alike.
#[derive(Clone, Copy)]
pub(super) struct Numbering<'a> {
    pub counter: &'a Cell<u32>,
    /// Bytes of all texts so far; an alias brings its text once more.
    pub letters: &'a Cell<usize>,
    pub source: u16,
}

impl Numbering<'_> {
    pub fn next<E: Error>(&self) -> Result<Mark, E> {
        let node = self.counter.get();
        if node >= limits::NODES {
            return Err(E::custom(format!("more than {} values once aliases are followed", limits::NODES)));
        }
        self.counter.set(node + 1);
        Ok(Mark { source: self.source, node })
    }

    /// Counts a text that is taken over.
    pub fn text<E: Error>(&self, text: &str) -> Result<String, E> {
        self.letters.set(self.letters.get().saturating_add(text.len()));
        match self.letters.get() > limits::LETTERS {
            true => Err(E::custom("too much text once aliases are followed")),
            false => Ok(text.to_string()),
        }
    }
}

struct NodeSeed<'a>(Numbering<'a>);

impl<'de> DeserializeSeed<'de> for NodeSeed<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        let mark = self.0.next()?;
        let value = deserializer.deserialize_any(ValueVisitor(self.0))?;
        Ok(Node { mark, value })
    }
}

struct ValueVisitor<'a>(Numbering<'a>);

impl<'de> Visitor<'de> for ValueVisitor<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a number, a word, a list or a map")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Value, E> {
        Ok(Value::Integer(value))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Value, E> {
        Ok(i128::try_from(value).map_or(Value::Float(value as f64), Value::Integer))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(self.0.text(value)?))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(NodeSeed(self.0))? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Vec::new();
        while let Some((key_mark, key)) = entries.next_key_seed(KeySeed(self.0))? {
            let value = entries.next_value_seed(NodeSeed(self.0))?;
            map.push(Entry { key, key_mark, value });
        }
        Ok(Value::Map(map))
    }

    fn visit_enum<A: serde::de::EnumAccess<'de>>(self, _: A) -> Result<Value, A::Error> {
        Err(Error::custom("tags such as `!name` have no meaning here"))
    }
}

pub(super) struct KeySeed<'a>(pub Numbering<'a>);

impl<'de> DeserializeSeed<'de> for KeySeed<'_> {
    type Value = (Mark, String);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        let mark = self.0.next()?;
        Ok((mark, deserializer.deserialize_any(KeyVisitor(self.0))?))
    }
}

struct KeyVisitor<'a>(Numbering<'a>);

impl<'de> Visitor<'de> for KeyVisitor<'_> {
    type Value = String;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a word as key")
    }

    fn visit_bool<E>(self, value: bool) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_i64<E>(self, value: i64) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_u64<E>(self, value: u64) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_f64<E>(self, value: f64) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<String, E> {
        self.0.text(value)
    }

    fn visit_unit<E>(self) -> Result<String, E> {
        Ok("~".to_string())
    }
}
