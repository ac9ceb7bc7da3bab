//! Repetitions: blocks one after the other that are alike are drawn once.

use std::collections::BTreeSet;
use std::ops::Range;

use super::parts::{Fork, Group, Node, Part, Way};
use crate::graph::{Graph, Layer, Operation};

/// Fewest repetitions of one block with different numbers of channels that are drawn as one.
const GROWING: usize = 4;

/// Parts with what repeats folded; what holds a `touched` layer stays.
pub fn folded(network: &Graph, parts: Vec<Part>, touched: &BTreeSet<usize>) -> Vec<Part> {
    let parts: Vec<Part> = parts.into_iter().map(|part| inside(network, part, touched)).collect();
    let mut folded: Vec<Part> = Vec::new();
    let mut at = 0;
    while at < parts.len() {
        let alike = run(&parts[at..], |a, b| text(network, a, true) == text(network, b, true), touched);
        let is_repeated = |a: &Part, b: &Part| base(a).is_some() && base(a) == base(b);
        let is_as = |a: &Part, b: &Part| is_repeated(a, b) && text(network, a, false) == text(network, b, false);
        let growing = steadily(network, &parts[at..], run(&parts[at..], is_as, touched));
        let (count, differ) = match () {
            _ if growing >= GROWING && growing > alike => (growing, true),
            _ => (alike, false),
        };
        match (&parts[at], &parts[at + count - 1]) {
            (Part::Group(first), Part::Group(last)) if count > 1 => {
                let channels = |group: &Group| network.layers[group.layers.end - 1].output.channels();
                folded.push(Part::Group(Group {
                    title: format!("{} to {}", first.title, last.title),
                    times: count,
                    differ: differ.then(|| format!("{} to {} channels", channels(first), channels(last))),
                    parts: first.parts.clone(),
                    layers: first.layers.start..last.layers.end,
                }));
            }
            (part, _) => folded.push(part.clone()),
        }
        at += count;
    }
    folded
}

/// How many of so many blocks give the same number of channels more than the one before, each.
fn steadily(network: &Graph, parts: &[Part], count: usize) -> usize {
    let channels = |part: &Part| network.layers[part.layers().end - 1].output.channels() as i128;
    let steps: Vec<i128> = parts[..count].windows(2).map(|two| channels(&two[1]) - channels(&two[0])).collect();
    match steps.first() {
        Some(first) if *first > 0 => 1 + steps.iter().take_while(|step| *step == first).count(),
        _ => 1,
    }
}

/// What a repeated block is called without its number.
fn base(part: &Part) -> Option<&str> {
    let Part::Group(group) = part else { return None };
    let (base, number) = group.title.rsplit_once('_')?;
    number.parse::<u64>().ok().map(|_| base)
}

fn inside(network: &Graph, part: Part, touched: &BTreeSet<usize>) -> Part {
    match part {
        Part::Node(node) => Part::Node(node),
        Part::Group(group) => Part::Group(Group { parts: folded(network, group.parts, touched), ..group }),
        Part::Fork(Fork { ways, join, layers }) => {
            let ways = ways.into_iter().map(|way| Way { parts: folded(network, way.parts, touched) });
            Part::Fork(Fork { ways: ways.collect(), join, layers })
        }
    }
}

/// How many blocks from the first on are as it is.
fn run(parts: &[Part], is_as: impl Fn(&Part, &Part) -> bool, touched: &BTreeSet<usize>) -> usize {
    let may = |part: &Part| matches!(part, Part::Group(_)) && !holds(touched, part.layers());
    match parts.first() {
        Some(first) if may(first) => 1 + parts[1..].iter().take_while(|part| may(part) && is_as(first, part)).count(),
        _ => 1,
    }
}

fn holds(touched: &BTreeSet<usize>, layers: Range<usize>) -> bool {
    touched.range(layers).next().is_some()
}

/// A part without its names: with all its numbers, or with those of channels left out.
fn text(network: &Graph, part: &Part, numbers: bool) -> String {
    let layer = |layer: &Layer| match numbers {
        true => {
            let counts = (layer.weights, layer.biases, layer.buffers, layer.input, layer.output);
            format!("{:?} {counts:?}", layer.operation)
        }
        false => {
            let groups =
                layer.operation.groups().map(|groups| if groups == layer.input.channels() { 0 } else { groups });
            let biased = layer.biases > 0;
            let plain = match &layer.operation {
                Operation::Conv { window, .. } => format!("{window:?}"),
                Operation::ConvTranspose { window, output_padding, .. } => format!("{window:?} {output_padding:?}"),
                Operation::Slice { .. } | Operation::PadChannels { .. } => String::new(),
                operation => format!("{operation:?}"),
            };
            format!("{} {plain} {groups:?} {biased} {:?}", layer.operation.kind(), layer.output.sides())
        }
    };
    let node = |node: &Node| network.layers[node.layers.clone()].iter().map(layer).collect::<Vec<_>>().join(",");
    let all = |parts: &[Part]| parts.iter().map(|part| text(network, part, numbers)).collect::<Vec<_>>().join(";");
    match part {
        Part::Node(own) => node(own),
        Part::Group(group) => format!("[{}×{}]", group.times, all(&group.parts)),
        Part::Fork(fork) => {
            let ways: Vec<String> = fork.ways.iter().map(|way| all(&way.parts)).collect();
            format!("{{{}}}{}", ways.join("|"), node(&fork.join))
        }
    }
}
