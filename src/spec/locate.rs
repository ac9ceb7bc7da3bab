//! From a node's number to its line, column and path.
//!
//! serde_yaml reports the position of the node at which a `Deserialize` fails. So the text is read again and made to
//! fail on purpose at the wanted node. Only files with problems pay for it, once per problem.

use std::cell::{Cell, RefCell};
use std::fmt::{self, Write};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::node::{KeySeed, Numbering};

/// A place in a source text. Line and column count from 1, the column in characters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    pub line: usize,
    pub column: usize,
    /// `layers[3].block.layers[1].conv.kernel`; empty for the document itself.
    pub path: String,
}

/// Finds node number `node` of `text`, and adds to `read` how many bytes were read for it. The reader takes in all it is
/// given before the first node, so it is given the beginning alone where the node stands there.
pub fn locate(text: &str, node: u32, read: &mut usize) -> Place {
    const FIRST: usize = 1 << 14;
    let mut length = FIRST;
    loop {
        let end = (0..=length.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        *read += end;
        let (place, is_found) = locate_in(&text[..end], node);
        if is_found || end == text.len() {
            return place;
        }
        length *= 4;
    }
}

/// The place of a node, and whether it is there.
fn locate_in(text: &str, node: u32) -> (Place, bool) {
    let (counter, letters) = (Cell::new(0), Cell::new(0));
    let numbering = Numbering { counter: &counter, letters: &letters, source: 0 };
    let walk = Walk { numbering, target: node, steps: &RefCell::new(Vec::new()) };
    let failure = LocateSeed(walk).deserialize(serde_yaml::Deserializer::from_str(text)).err();
    let is_found = failure.as_ref().is_some_and(|failure| failure.to_string().contains(HERE));
    let location = failure.and_then(|error| error.location());
    let place = Place {
        line: location.as_ref().map_or(1, |location| location.line()),
        column: location.as_ref().map_or(1, |location| location.column()),
        path: render_path(&walk.steps.borrow()),
    };
    (place, is_found)
}

/// What reading fails with on purpose.
const HERE: &str = "the node that is looked for";

enum Step {
    Index(usize),
    Key(String),
}

fn render_path(steps: &[Step]) -> String {
    let mut path = String::new();
    for step in steps {
        match step {
            Step::Index(index) => {
                let _ = write!(path, "[{index}]");
            }
            Step::Key(key) => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(key);
            }
        }
    }
    path
}

#[derive(Clone, Copy)]
struct Walk<'a> {
    numbering: Numbering<'a>,
    target: u32,
    /// The way from the document to the node being read; left as it is when the target fails.
    steps: &'a RefCell<Vec<Step>>,
}

impl Walk<'_> {
    fn reached(&self) -> bool {
        self.numbering.counter.get() == self.target
    }

    fn enter(&self, step: Step) {
        self.steps.borrow_mut().push(step);
    }

    fn leave(&self) {
        self.steps.borrow_mut().pop();
    }
}

struct LocateSeed<'a>(Walk<'a>);

impl<'de> DeserializeSeed<'de> for LocateSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let reached = self.0.reached();
        self.0.numbering.next::<D::Error>()?;
        deserializer.deserialize_any(LocateVisitor { walk: self.0, fail: reached })
    }
}

struct LocateVisitor<'a> {
    walk: Walk<'a>,
    fail: bool,
}

impl LocateVisitor<'_> {
    fn here<E: Error>(&self) -> Result<(), E> {
        if self.fail { Err(E::custom(HERE)) } else { Ok(()) }
    }
}

impl<'de> Visitor<'de> for LocateVisitor<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a number, a word, a list or a map")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        self.here()
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        self.here()
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        self.here()
    }

    fn visit_i128<E: Error>(self, _: i128) -> Result<(), E> {
        self.here()
    }

    fn visit_u128<E: Error>(self, _: u128) -> Result<(), E> {
        self.here()
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        self.here()
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        self.here()
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.here()
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        self.here()
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        self.here()?;
        for index in 0.. {
            self.walk.enter(Step::Index(index));
            if items.next_element_seed(LocateSeed(self.walk))?.is_none() {
                self.walk.leave();
                break;
            }
            self.walk.leave();
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        self.here()?;
        loop {
            let wanted = self.walk.reached();
            let Some(key) = entries.next_key_seed(LocateKey(self.walk, wanted))? else {
                return Ok(());
            };
            self.walk.enter(Step::Key(key));
            entries.next_value_seed(LocateSeed(self.walk))?;
            self.walk.leave();
        }
    }
}

/// A key: the path of a key is that of its value.
struct LocateKey<'a>(Walk<'a>, bool);

impl<'de> DeserializeSeed<'de> for LocateKey<'_> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        if !self.1 {
            return Ok(KeySeed(self.0.numbering).deserialize(deserializer)?.1);
        }
        deserializer.deserialize_any(FailAtKey(self.0))?;
        Ok(String::new())
    }
}

struct FailAtKey<'a>(Walk<'a>);

impl FailAtKey<'_> {
    fn at<E: Error>(&self, key: String) -> Result<(), E> {
        self.0.enter(Step::Key(key));
        Err(E::custom(HERE))
    }
}

impl<'de> Visitor<'de> for FailAtKey<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a word as key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<(), E> {
        self.at(key.to_string())
    }

    fn visit_bool<E: Error>(self, key: bool) -> Result<(), E> {
        self.at(key.to_string())
    }

    fn visit_i64<E: Error>(self, key: i64) -> Result<(), E> {
        self.at(key.to_string())
    }

    fn visit_u64<E: Error>(self, key: u64) -> Result<(), E> {
        self.at(key.to_string())
    }

    fn visit_f64<E: Error>(self, key: f64) -> Result<(), E> {
        self.at(key.to_string())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.at("~".to_string())
    }
}
