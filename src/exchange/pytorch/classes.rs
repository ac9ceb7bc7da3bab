//! The blocks of a network as classes of PyTorch.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;

use super::names::{attribute, class, numbered};
use super::operations::{expression, module};
use super::shared::{PARAMETERS, Shared, call};
use crate::graph::{Block, Graph, Layer, Source, Wiring};

/// The classes, those that others need first, and what each layer's module is called in the whole network.
pub struct Classes {
    pub texts: Vec<String>,
    /// By layer.
    pub keys: BTreeMap<usize, String>,
    pub network: String,
}

/// What a class consists of.
#[derive(Clone, Copy)]
enum Part<'n> {
    Layer(&'n Layer),
    Block(&'n Block),
}

impl Part<'_> {
    fn layers(self) -> Range<usize> {
        match self {
            Part::Layer(layer) => layer.index..layer.index + 1,
            Part::Block(block) => block.layers.clone(),
        }
    }

    /// The value that it gives.
    fn output(self) -> Source {
        Source::Layer(self.layers().end - 1)
    }
}

struct Writer<'n> {
    network: &'n Graph,
    /// Classes that blocks share which differ in their numbers of channels alone.
    shared: Shared,
}

pub fn classes(network: &Graph, about: &str) -> Classes {
    let name = class(&network.architecture.name);
    let mut writer = Writer { network, shared: Shared::new(&name) };
    let parts = writer.parts("", 0..network.layers.len());
    let (body, keys) = writer.body("", &parts, &[Source::Input]);
    let texts = writer.shared.texts(&name, about, &body);
    Classes { texts, keys, network: name }
}

impl<'n> Writer<'n> {
    /// Layers and blocks inside a block, in order. What only leads to a join is written into the class of its block, and so is a block
    /// of which others read more than it gives.
    fn parts(&self, path: &str, range: Range<usize>) -> Vec<Part<'n>> {
        let inside = |block: &&Block| match path {
            "" => !block.path.contains('.'),
            path => block.path.rsplit_once('.').is_some_and(|(parent, _)| parent == path),
        };
        let blocks: Vec<&Block> = self.network.blocks.iter().filter(inside).collect();
        let (mut parts, mut at) = (Vec::new(), range.start);
        while at < range.end {
            match blocks.iter().find(|block| block.layers.start == at && !block.layers.is_empty()) {
                Some(block) => {
                    match self.stands_alone(block) {
                        true => parts.push(Part::Block(block)),
                        false => parts.extend(self.parts(&block.path, block.layers.clone())),
                    }
                    at = block.layers.end;
                }
                None => {
                    parts.push(Part::Layer(&self.network.layers[at]));
                    at += 1;
                }
            }
        }
        parts
    }

    fn stands_alone(&self, block: &Block) -> bool {
        let is_way = block.wiring == Wiring::Branch;
        let is_read_inside = |at: usize| self.network.readers(at).any(|reader| !block.layers.contains(&reader.index));
        let leaks = (block.layers.start..block.layers.end - 1).any(is_read_inside);
        !is_way && !leaks
    }

    /// What a part reads of what comes before it, in order.
    fn read(&self, part: Part) -> Vec<Source> {
        let layers = part.layers();
        let mut sources = Vec::new();
        for layer in &self.network.layers[layers.clone()] {
            for source in &layer.inputs {
                let is_inside = matches!(source, Source::Layer(at) if layers.contains(at));
                if !is_inside && !sources.contains(source) {
                    sources.push(*source);
                }
            }
        }
        sources
    }

    /// The call that makes the module of a block, and its layers' keys within it.
    fn block(&mut self, block: &'n Block) -> (String, BTreeMap<usize, String>) {
        let parts = self.parts(&block.path, block.layers.clone());
        let (body, keys) = self.body(&block.path, &parts, &self.read(Part::Block(block)));
        let own = block.path.rsplit('.').next().unwrap_or(&block.path);
        let base = numbered(own).map_or(own, |(base, _)| base);
        let name = class(base.trim_end_matches(|last: char| last.is_ascii_digit()));
        let (kind, about) = match block.wiring {
            Wiring::Residual => ("Residual", "Its layers beside a shortcut, added up."),
            Wiring::Concat => ("Branches", "Branches beside one another, their channels joined."),
            Wiring::Split => ("Shares", "Channels shared out among branches, and joined again."),
            Wiring::Gate => ("Gated", "What arrives, times a gate that is made of it."),
            Wiring::Sequence | Wiring::Branch => ("Layers", "Layers one after the other."),
        };
        (call(self.shared.add(&name, kind, about, &body), &body), keys)
    }

    /// `__init__` and `forward` of a class.
    fn body(&mut self, path: &str, parts: &[Part<'n>], arrive: &[Source]) -> (String, BTreeMap<usize, String>) {
        let (mut init, mut keys, mut taken) = (Vec::new(), BTreeMap::new(), HashSet::new());
        let relative = |whole: &str| match path {
            "" => whole.to_string(),
            path => whole.strip_prefix(path).map_or(whole, |rest| rest.trim_start_matches('.')).to_string(),
        };
        let mut forward = Forward::new(self.network, parts, arrive);
        let mut at = 0;
        while at < parts.len() {
            let count = self.alike(&parts[at..]);
            match parts[at] {
                Part::Layer(layer) => {
                    let name = relative(&layer.name);
                    let own = match module(layer) {
                        Some(module) => {
                            let own = attribute(&name, &mut taken);
                            init.push(format!("self.{own} = {module}"));
                            keys.insert(layer.index, own.clone());
                            own
                        }
                        None => String::new(),
                    };
                    forward.layer(at, layer, &own);
                }
                Part::Block(block) if count > 1 => {
                    let name = relative(&block.path);
                    let own = attribute(numbered(&name).map_or(name.as_str(), |(base, _)| base), &mut taken);
                    let mut classes: Vec<(String, usize)> = Vec::new();
                    for (place, part) in parts[at..at + count].iter().enumerate() {
                        let Part::Block(block) = part else { continue };
                        let (class, inside) = self.block(block);
                        keys.extend(inside.into_iter().map(|(layer, key)| (layer, format!("{own}.{place}.{key}"))));
                        match classes.last_mut().filter(|(last, _)| *last == class) {
                            Some((_, times)) => *times += 1,
                            None => classes.push((class, 1)),
                        }
                    }
                    let words = classes.iter().map(|(class, times)| match times {
                        1 => class.clone(),
                        times => format!("*({class} for _ in range({times}))"),
                    });
                    init.push(format!("self.{own} = nn.Sequential({})", words.collect::<Vec<_>>().join(", ")));
                    let sources = self.read(parts[at]);
                    forward.call(at + count - 1, &own, &sources, parts[at + count - 1].output());
                }
                Part::Block(block) => {
                    let (class, inside) = self.block(block);
                    let own = attribute(&relative(&block.path), &mut taken);
                    init.push(format!("self.{own} = {class}"));
                    keys.extend(inside.into_iter().map(|(layer, key)| (layer, format!("{own}.{key}"))));
                    forward.call(at, &own, &self.read(parts[at]), parts[at].output());
                }
            }
            at += count;
        }
        let init: String = init.iter().map(|line| format!("        {line}\n")).collect();
        let (arguments, lines) = forward.end();
        let constructor = match init.is_empty() {
            true => String::new(),
            false => format!("    def __init__(self{PARAMETERS}):\n        super().__init__()\n{init}\n"),
        };
        (format!("{constructor}    def forward(self, {arguments}):\n{lines}"), keys)
    }

    /// How many repetitions of one block stand here, each reading the one before and nothing else.
    fn alike(&self, parts: &[Part<'n>]) -> usize {
        let name = |part: &Part<'n>| match part {
            Part::Block(block) => numbered(&block.path),
            Part::Layer(_) => None,
        };
        let Some((base, first)) = parts.first().and_then(name) else { return 1 };
        let reads_one = |at: usize| match at {
            0 => self.read(parts[0]).len() == 1,
            at => self.read(parts[at]) == [parts[at - 1].output()],
        };
        let is_read_by_next = |at: usize| match parts[at].output() {
            Source::Layer(own) => parts
                .get(at + 1)
                .is_some_and(|next| self.network.readers(own).all(|reader| next.layers().contains(&reader.index))),
            Source::Input => false,
        };
        let mut count = 1;
        while reads_one(count - 1)
            && count < parts.len()
            && name(&parts[count]) == Some((base, first + count))
            && reads_one(count)
            && is_read_by_next(count - 1)
        {
            count += 1;
        }
        count
    }
}

/// The statements of `forward`: what each value is called as long as it is needed.
struct Forward<'n> {
    network: &'n Graph,
    /// The last part that reads each value, counted as the parts are.
    last_read: HashMap<Source, usize>,
    names: HashMap<Source, String>,
    arguments: Vec<String>,
    lines: Vec<String>,
    parts: Vec<Range<usize>>,
    output: Option<Source>,
}

/// Longest expression that goes into another.
const LONGEST: usize = 70;

impl<'n> Forward<'n> {
    fn new(network: &'n Graph, parts: &[Part<'n>], arrive: &[Source]) -> Self {
        let mut last_read = HashMap::new();
        for (at, part) in parts.iter().enumerate() {
            for layer in &network.layers[part.layers()] {
                last_read.extend(layer.inputs.iter().map(|source| (*source, at)));
            }
        }
        let argument = |at: usize| match at {
            0 => "x".to_string(),
            1 => "skip".to_string(),
            at => format!("skip{at}"),
        };
        let arguments: Vec<String> = (0..arrive.len().max(1)).map(argument).collect();
        let names = arrive.iter().copied().zip(arguments.iter().cloned()).collect();
        let output = parts.last().map(|part| part.output());
        let parts = parts.iter().map(|part| part.layers()).collect();
        Forward { network, last_read, names, arguments, lines: Vec::new(), parts, output }
    }

    fn layer(&mut self, at: usize, layer: &Layer, own: &str) {
        let arrive: Vec<String> = layer.inputs.iter().map(|source| self.name(*source)).collect();
        let said = expression(layer, own, &arrive);
        let source = Source::Layer(layer.index);
        // What a layer brings along is applied on the same line.
        let next =
            self.parts.get(at + 1).filter(|range| range.len() == 1).map(|range| &self.network.layers[range.start]);
        let goes_on = next.is_some_and(|next| {
            next.brought && next.inputs == [source] && self.network.only_reader(layer.index).is_some()
        });
        match goes_on && said.chars().count() <= LONGEST {
            true => {
                self.names.insert(source, said);
            }
            false => self.assign(at, &layer.inputs, source, said),
        }
    }

    /// A module called on values, after which those are needed that parts behind `at` read.
    fn call(&mut self, at: usize, own: &str, sources: &[Source], output: Source) {
        let arguments: Vec<String> = sources.iter().map(|source| self.name(*source)).collect();
        let said = format!("self.{own}({})", arguments.join(", "));
        self.assign(at, sources, output, said);
    }

    fn name(&self, source: Source) -> String {
        self.names.get(&source).cloned().unwrap_or_else(|| "x".into())
    }

    fn assign(&mut self, at: usize, sources: &[Source], output: Source, said: String) {
        if self.output == Some(output) {
            self.lines.push(format!("return {said}"));
            return;
        }
        let is_dead = |source: &Source| self.last_read.get(source).is_none_or(|last| *last <= at);
        let live: HashSet<String> =
            self.names.iter().filter(|(source, _)| !is_dead(source)).map(|(_, name)| name.clone()).collect();
        let of_inputs = sources.iter().filter(|source| is_dead(source)).map(|source| self.name(*source));
        let free = ["x", "y", "z", "u", "v", "w"].map(String::from).into_iter();
        let more = (1..).map(|number| format!("x{number}"));
        let is_name = |name: &String| name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let name = of_inputs.filter(is_name).chain(free).chain(more).find(|name| !live.contains(name));
        let name = name.unwrap_or_else(|| "x".into());
        self.lines.push(format!("{name} = {said}"));
        self.names.insert(output, name);
    }

    fn end(self) -> (String, String) {
        let mut lines: String = self.lines.iter().map(|line| format!("        {line}\n")).collect();
        if !self.lines.last().is_some_and(|line| line.starts_with("return")) {
            lines.push_str("        return x\n");
        }
        (self.arguments.join(", "), lines)
    }
}
