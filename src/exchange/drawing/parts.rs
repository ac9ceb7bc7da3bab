//! What a picture is made of: a tree of what stands below and beside one another.

use std::ops::Range;

use super::label::Label;
use crate::graph::Source;

/// A layer with its norm and activation, or a join with its activation.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub layers: Range<usize>,
    pub label: Label,
    /// Layers elsewhere that it reads, not the one above it.
    pub far: Vec<Source>,
    /// Whether it reads what is above it.
    pub near: bool,
}

/// Something drawn.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    Node(Node),
    Group(Group),
    Fork(Fork),
}

impl Part {
    pub fn layers(&self) -> Range<usize> {
        match self {
            Part::Node(node) => node.layers.clone(),
            Part::Group(group) => group.layers.clone(),
            Part::Fork(fork) => fork.layers.clone(),
        }
    }
}

/// A block: a box with a name.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    pub title: String,
    /// How many of it stand one after the other.
    pub times: usize,
    /// What differs between them, in words; nothing where they are alike.
    pub differ: Option<String>,
    pub parts: Vec<Part>,
    pub layers: Range<usize>,
}

impl Group {
    /// `layer1_2 to layer1_3 × 2`, and what differs between them.
    pub fn heading(&self) -> String {
        let times = if self.times > 1 { format!(" × {}", self.times) } else { String::new() };
        let differ =
            self.differ.as_ref().map_or_else(String::new, |differ| format!(" ({differ}; numbers of the first)"));
        format!("{}{times}{differ}", self.title)
    }
}

/// Ways beside one another that end in a join.
#[derive(Debug, Clone, PartialEq)]
pub struct Fork {
    pub ways: Vec<Way>,
    pub join: Node,
    pub layers: Range<usize>,
}

/// One of them; without parts what arrives goes on as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Way {
    pub parts: Vec<Part>,
}
