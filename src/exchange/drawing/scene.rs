//! The network taken apart into what is drawn: blocks, ways that end in a join, lines that lead past others.

use std::collections::BTreeSet;
use std::ops::Range;

use super::fold;
use super::label::Label;
use super::parts::{Fork, Group, Node, Part, Way};
use crate::graph::{Block, Graph, Source, Wiring};

/// What a network's picture shows, from its input down.
pub fn of(network: &Graph) -> Vec<Part> {
    let mut builder = Builder { network, touched: BTreeSet::new() };
    let mut current = Source::Input;
    let parts = builder.series("", 0..network.layers.len(), &mut current);
    fold::folded(network, parts, &builder.touched)
}

struct Builder<'n> {
    network: &'n Graph,
    /// Layers at an end of a line that leads past others: what holds one cannot stand for several.
    touched: BTreeSet<usize>,
}

impl<'n> Builder<'n> {
    /// What stands in a block, one below the other; `current` is what arrives, and then what leaves.
    fn series(&mut self, path: &str, range: Range<usize>, current: &mut Source) -> Vec<Part> {
        let network = self.network;
        let (mut parts, mut at) = (Vec::new(), range.start);
        while at < range.end {
            let inside =
                |block: &&Block| parent(&block.path) == path && block.layers.start == at && !block.layers.is_empty();
            match network.blocks.iter().find(inside) {
                Some(block) => {
                    parts.push(self.block(block, current));
                    at = block.layers.end;
                }
                None => {
                    let end = self.brought(at, range.end);
                    parts.push(Part::Node(self.node(at..end, *current)));
                    at = end;
                }
            }
            *current = Source::Layer(at - 1);
        }
        parts
    }

    /// The end of a layer and what it brings along.
    fn brought(&self, at: usize, end: usize) -> usize {
        let follows = |next: &usize| self.network.layers[*next].brought;
        (at + 1..end).take_while(follows).last().map_or(at + 1, |last| last + 1)
    }

    fn node(&mut self, layers: Range<usize>, current: Source) -> Node {
        let reads = self.network.layers[layers.start].inputs.clone();
        let far: Vec<Source> = reads.iter().copied().filter(|source| *source != current).collect();
        self.touch(&far, layers.start);
        Node { label: Label::of(self.network, layers.clone()), near: reads.contains(&current), far, layers }
    }

    fn touch(&mut self, far: &[Source], reader: usize) {
        for source in far {
            self.touched.insert(reader);
            if let Source::Layer(at) = source {
                self.touched.insert(*at);
            }
        }
    }

    fn block(&mut self, block: &'n Block, current: &mut Source) -> Part {
        let layers = block.layers.clone();
        let own = block.path.rsplit('.').next().unwrap_or(&block.path);
        let parts = match self.join(block) {
            Some(join) => vec![self.fork(block, join, *current)],
            None => self.series(&block.path, layers.clone(), current),
        };
        Part::Group(Group { title: own.to_string(), times: 1, differ: None, parts, layers })
    }

    /// The layer in which the ways of a block end, if it has some.
    fn join(&self, block: &Block) -> Option<usize> {
        let is_own = |at: &usize| self.network.layers[*at].block() == Some(block.path.as_str());
        let wired = !matches!(block.wiring, Wiring::Sequence | Wiring::Branch);
        let joins = |at: &usize| is_own(at) && self.network.layers[*at].operation.is_join();
        block.layers.clone().rev().find(joins).filter(|_| wired)
    }

    fn fork(&mut self, block: &'n Block, join: usize, arrives: Source) -> Part {
        let network = self.network;
        // In a concat or a split each block is a way; beside a shortcut or a gate all else is one.
        let apart = matches!(block.wiring, Wiring::Concat | Wiring::Split);
        let mut ways: Vec<(Range<usize>, Way)> = Vec::new();
        let mut at = block.layers.start;
        while at < join {
            let child = network.blocks.iter().find(|own| {
                (apart || own.wiring == Wiring::Branch)
                    && parent(&own.path) == block.path
                    && own.layers.start == at
                    && !own.layers.is_empty()
            });
            let end = match child {
                Some(child) => child.layers.end,
                None => {
                    let others = network.blocks.iter().filter(|own| {
                        own.wiring == Wiring::Branch && parent(&own.path) == block.path && own.layers.start > at
                    });
                    others.map(|own| own.layers.start).min().unwrap_or(join).min(join)
                }
            };
            let path = child.map_or(block.path.as_str(), |child| child.path.as_str());
            let mut current = arrives;
            ways.push((at..end, Way { parts: self.series(path, at..end, &mut current) }));
            at = end;
        }
        let end = self.brought(join, block.layers.end);
        let (mut ordered, mut far) = (Vec::new(), Vec::new());
        for source in &network.layers[join].inputs {
            let inside = |layers: &Range<usize>| matches!(source, Source::Layer(at) if layers.contains(at));
            match ways.iter().position(|(layers, _)| inside(layers)) {
                Some(way) => ordered.push(ways.remove(way).1),
                None if *source == arrives => ordered.push(Way { parts: Vec::new() }),
                None => far.push(*source),
            }
        }
        // What the join does not read is drawn all the same.
        ordered.extend(ways.into_iter().map(|(_, way)| way));
        self.touch(&far, join);
        let label = Label::of(network, join..end);
        let join = Node { label, near: true, far, layers: join..end };
        Part::Fork(Fork { ways: ordered, join, layers: block.layers.start..end })
    }
}

/// The block around one.
fn parent(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(parent, _)| parent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph;
    use crate::spec::Library;

    /// A scene in a line: nodes by name, blocks in brackets, ways in braces.
    fn line(network: &Graph, parts: &[Part]) -> String {
        let name = |node: &Node| {
            let own = network.layers[node.layers.start].name.rsplit('.').next().unwrap_or_default().to_string();
            let far: Vec<&str> = node.far.iter().map(|source| network.name_of(*source)).collect();
            if far.is_empty() { own } else { format!("{own}<{}>", far.join(",")) }
        };
        let words = parts.iter().map(|part| match part {
            Part::Node(node) => name(node),
            Part::Group(group) => {
                let times = if group.times > 1 { format!("×{}", group.times) } else { String::new() };
                let differ = if group.differ.is_some() { "~" } else { "" };
                format!("{}{times}{differ}[{}]", group.title, line(network, &group.parts))
            }
            Part::Fork(fork) => {
                let ways: Vec<String> = fork.ways.iter().map(|way| line(network, &way.parts)).collect();
                format!("{{{}}} {}", ways.join(" | "), name(&fork.join))
            }
        });
        words.collect::<Vec<_>>().join(" ")
    }

    fn drawn(id: &str) -> String {
        let network = graph::analyse(&Library::new(None).load(id, &[]).expect("bundled")).expect("bundled");
        line(&network, &of(&network))
    }

    #[test]
    fn blocks_ways_and_repetitions_are_what_a_person_would_draw() {
        let resnet = drawn("resnet50");
        assert!(resnet.starts_with(
            "conv1 maxpool1 layer1_1[{conv1 conv2 conv3 | conv1} add] layer1_2 to layer1_3×2[{conv1 conv2 conv3 | } add]"
        ));
        assert!(resnet.contains("layer3_2 to layer3_6×5[{conv1 conv2 conv3 | } add]"), "{resnet}");
        let inception = drawn("googlenet");
        assert!(
            inception.contains("inception3a[{conv1 | conv1 conv2 | conv1 conv2 | maxpool1 conv1} concat]"),
            "{inception}"
        );
        let unet = drawn("unet");
        assert!(unet.contains("up4[{conv_transpose1} concat<enc4.conv2.relu>]"), "{unet}");
        let gated = drawn("mobilenet_v3_small");
        assert!(gated.contains("squeeze_excite1[{ | global_avgpool1 conv1 conv2} multiply]"), "{gated}");
        let dense = drawn("densenet121");
        assert!(dense.contains("×6~["), "{dense}");
    }
}
