//! From the described tree to the graph: walks it, works out every shape, and refuses what cannot run.

use std::collections::HashMap;

use super::field::{self, Field};
use super::layer::{Layer, Source};
use super::ops::{self, Arriving, Operation};
use super::shape::Shape;
use super::{Block, Wiring};
use crate::spec::describe::{self, Architecture, Branch, Item, Pair, Shortcut};
use crate::spec::node::Mark;
use crate::spec::problem::{Problem, Problems};

/// Works out all layers; the first shape that does not fit ends the walk, since nothing after it is known.
pub fn build(architecture: &Architecture, root: Mark, problems: &mut Problems) -> (Vec<Layer>, Vec<Block>) {
    let input = architecture.input;
    let mut walk = Walk {
        layers: Vec::new(),
        blocks: Vec::new(),
        input: Shape::Map { channels: input.channels, height: input.height, width: input.width },
        pixel: field::pixel(),
        here: Source::Input,
        around: Vec::new(),
        gate: None,
        join: None,
        outputs: HashMap::new(),
        problems,
    };
    if walk.input.elements() > LARGEST {
        walk.problems.push(Problem::new(
            root,
            format!("the input {} has more than 2^40 values", walk.input),
            "expected a smaller input",
        ));
    } else {
        walk.items(&architecture.items);
    }
    (walk.layers, walk.blocks)
}

/// Most values of one layer's output: 2^40, 4 TiB in f32. Keeps every count within 64 bits.
const LARGEST: u128 = 1 << 40;
/// Most parameters and MACs of one layer, so that sums over 30,000 layers stay within 64 bits.
const LARGEST_PARAMS: u128 = 1 << 44;
const LARGEST_MACS: u128 = 1 << 47;

struct Walk<'p> {
    layers: Vec<Layer>,
    blocks: Vec<Block>,
    input: Shape,
    pixel: Field,
    /// What the next layer reads.
    here: Source,
    /// Paths of the blocks around it.
    around: Vec<String>,
    /// Channels that arrive at the gate around it.
    gate: Option<u64>,
    /// What a projecting shortcut has to come to.
    join: Option<(u64, Pair)>,
    /// The output of every layer and block so far, by path.
    outputs: HashMap<String, Source>,
    problems: &'p mut Problems,
}

/// `None` where the walk has to end; the problem has been told.
type Walked<T = ()> = Option<T>;

impl Walk<'_> {
    fn shape(&self, source: Source) -> Shape {
        match source {
            Source::Input => self.input,
            Source::Layer(index) => self.layers[index].output,
        }
    }

    fn field(&self, source: Source) -> Option<&Field> {
        match source {
            Source::Input => Some(&self.pixel),
            Source::Layer(index) => self.layers[index].field.as_ref(),
        }
    }

    /// ``64×56×56 (of `layer1.conv2`)``, for messages.
    fn describe(&self, source: Source) -> String {
        match source {
            Source::Input => format!("{} (the input)", self.input),
            Source::Layer(index) => format!("{} (of `{}`)", self.layers[index].output, self.layers[index].name),
        }
    }

    fn path(&self, name: &str) -> String {
        self.around.last().map_or_else(|| name.to_string(), |block| format!("{block}.{name}"))
    }

    fn items(&mut self, items: &[Item]) -> Walked {
        for item in items {
            match item {
                Item::Layer(layer) => self.layer(layer)?,
                Item::Block(block) => self.block(block)?,
            }
        }
        Some(())
    }

    /// Walks what lies inside a block of the given name.
    fn inside(&mut self, name: &str, wiring: Wiring, walk: impl FnOnce(&mut Self) -> Walked) -> Walked {
        let path = self.path(name);
        let (first, place) = (self.layers.len(), self.blocks.len());
        self.blocks.push(Block { path: path.clone(), wiring, layers: first..first });
        self.around.push(path.clone());
        walk(self)?;
        self.around.pop();
        self.blocks[place].layers.end = self.layers.len();
        self.outputs.insert(path, self.here);
        Some(())
    }

    fn block(&mut self, block: &describe::Block) -> Walked {
        let arrived = self.here;
        match &block.wiring {
            describe::Wiring::Sequence(items) => {
                self.inside(&block.name, Wiring::Sequence, |walk| walk.items(items))
            }
            describe::Wiring::Residual { layers, shortcut, shortcut_mark, activation } => {
                self.inside(&block.name, Wiring::Residual, |walk| {
                    walk.items(layers)?;
                    walk.shortcut(arrived, shortcut, (block.mark, *shortcut_mark))?;
                    activation.as_ref().map_or(Some(()), |activation| walk.layer(activation))
                })
            }
            describe::Wiring::Concat(branches) => {
                self.inside(&block.name, Wiring::Concat, |walk| walk.concat(arrived, branches, block.mark))
            }
            describe::Wiring::Split(branches) => {
                self.inside(&block.name, Wiring::Split, |walk| walk.split(arrived, branches, block.mark))
            }
            describe::Wiring::Gate(items) => self.inside(&block.name, Wiring::Gate, |walk| {
                let outer = walk.gate.replace(walk.shape(arrived).channels());
                walk.items(items)?;
                walk.gate = outer;
                let (value, gate) = (walk.shape(arrived), walk.shape(walk.here));
                if !ops::multiplied(value, gate) {
                    let (path, value_from, gate_from) =
                        (walk.path("multiply"), walk.describe(arrived), walk.describe(walk.here));
                    let channels = value.channels();
                    return walk.refuse(
                        block.mark,
                        format!("`{path}` cannot multiply {value_from} with {gate_from}"),
                        format!("expected the gate to give {channels}×1×1 or 1×1×1, 1 channel of the same rows and columns, or {value}"),
                    );
                }
                walk.join_row("multiply", Operation::Multiply, vec![arrived, walk.here], value, block.mark)
            }),
        }
    }

    fn refuse(&mut self, mark: Mark, message: String, expected: impl Into<String>) -> Walked {
        self.problems.push(Problem::new(mark, message, expected));
        None
    }

    /// Adds the shortcut from what `arrived` to what the layers have given.
    fn shortcut(&mut self, arrived: Source, shortcut: &Shortcut, (mark, said): (Mark, Mark)) -> Walked {
        let given = self.here;
        let (from, to) = (self.shape(arrived), self.shape(given));
        let added = match shortcut {
            Shortcut::Layers(items) => {
                self.here = arrived;
                self.inside("shortcut", Wiring::Branch, |walk| walk.items(items))?;
                self.here
            }
            _ if from == to => arrived,
            Shortcut::Identity => arrived,
            Shortcut::Drop => return Some(()),
            Shortcut::Project(layers) => {
                let stride = self.stride_between(arrived, given, said)?;
                self.here = arrived;
                let outer = self.join.replace((to.channels(), stride));
                self.inside("shortcut", Wiring::Branch, |walk| layers.iter().try_for_each(|own| walk.layer(own)))?;
                self.join = outer;
                self.here
            }
            Shortcut::Pad => {
                let stride = self.stride_between(arrived, given, said)?;
                let Some(more) = to.channels().checked_sub(from.channels()) else {
                    let (path, from) = (self.path("shortcut"), self.describe(arrived));
                    return self.refuse(
                        said,
                        format!("`{path}` can add channels of zeros, but {from} has more than {}", to.channels()),
                        "expected `shortcut: project`, or layers that give at least as many channels",
                    );
                };
                let operation = Operation::PadChannels { stride, before: more / 2 };
                self.here = arrived;
                let name = "pad_channels1";
                self.inside("shortcut", Wiring::Branch, |walk| {
                    walk.join_row(name, operation, vec![arrived], to, mark)
                })?;
                self.here
            }
        };
        let Some(sum) = ops::added(&[to, self.shape(added)]) else {
            let (path, layers, shortcut) = (self.path("add"), self.describe(given), self.describe(added));
            return self.refuse(
                said,
                format!("`{path}` cannot add {layers} and, over the shortcut, {shortcut}"),
                "expected layers that keep the shape, or a `shortcut`: project, drop, pad or a list of layers",
            );
        };
        self.join_row("add", Operation::Add, vec![given, added], sum, mark)
    }

    /// The stride that leads a 1×1 window from one map's rows and columns to another's.
    fn stride_between(&mut self, from: Source, to: Source, mark: Mark) -> Walked<Pair> {
        // The path's own stride where it fits, so that both look at the same pixels; else the smallest that does.
        let jumps = |axis: usize| {
            let (one, other) = (self.field(from)?[axis].jump()?, self.field(to)?[axis].jump()?);
            let (pixels, units) = (other.pixels.checked_mul(one.units)?, other.units.checked_mul(one.pixels)?);
            u64::try_from(pixels / units).ok().filter(|_| pixels.is_multiple_of(units))
        };
        let stride = |axis: usize, from: u64, to: u64| {
            let leads = |stride: &u64| *stride > 0 && (from - 1) / stride + 1 == to;
            jumps(axis).filter(leads).or(Some((from - 1) / to + 1).filter(leads))
        };
        let (one, other) = (self.shape(from), self.shape(to));
        let ([height, width], [rows, columns]) = (one.sides(), other.sides());
        match (stride(0, height, rows), stride(1, width, columns)) {
            (Some(height), Some(width)) if !one.is_flat() && !other.is_flat() => Some(Pair { height, width }),
            _ if one.is_flat() || other.is_flat() => {
                let (path, from, to) = (self.path("shortcut"), self.describe(from), self.describe(to));
                self.problems.push(Problem::new(
                    mark,
                    format!("`{path}` leads from {from} to {to}, and only maps are projected or padded"),
                    "expected layers that keep the shape, or a `shortcut` as a list of layers: `[fc-10]`",
                ));
                None
            }
            _ => {
                let (path, from, to) = (self.path("shortcut"), self.describe(from), self.describe(to));
                self.problems.push(Problem::new(
                    mark,
                    format!("no 1×1 window with a stride leads `{path}` from {from} to {to}"),
                    "expected a `shortcut` as a list of layers, or other strides",
                ));
                None
            }
        }
    }

    fn branch(&mut self, branch: &Branch, arrived: Source) -> Walked<Source> {
        self.here = match &branch.from {
            None => arrived,
            Some(from) => match self.outputs.get(&from.path) {
                Some(output) => *output,
                None => {
                    self.problems.push(Problem::new(
                        from.mark,
                        format!("there is no row `{}`: the shapes around it leave it out", from.path),
                        "expected the name of a layer or block that is there",
                    ));
                    return None;
                }
            },
        };
        if branch.items.is_empty() {
            let path = self.path(&branch.name);
            self.outputs.insert(path, self.here);
        } else {
            self.inside(&branch.name, Wiring::Branch, |walk| walk.items(&branch.items))?;
        }
        Some(self.here)
    }

    fn concat(&mut self, arrived: Source, branches: &[Branch], mark: Mark) -> Walked {
        let ends = branches.iter().map(|branch| self.branch(branch, arrived)).collect::<Walked<Vec<Source>>>()?;
        self.concat_of(ends, branches, mark)
    }

    fn concat_of(&mut self, ends: Vec<Source>, branches: &[Branch], mark: Mark) -> Walked {
        let shapes: Vec<Shape> = ends.iter().map(|&end| self.shape(end)).collect();
        match ops::concatenated(&shapes) {
            Ok(shape) => self.join_row("concat", Operation::Concat, ends, shape, mark),
            Err(other) => {
                let (path, one, two) = (self.path("concat"), self.describe(ends[0]), self.describe(ends[other]));
                let (first, second) = (&branches[0].name, &branches[other].name);
                self.refuse(
                    branches[other].mark,
                    format!("`{path}` cannot put {two} of {second} behind {one} of {first}"),
                    "expected branches that give the same rows and columns",
                )
            }
        }
    }

    fn split(&mut self, arrived: Source, branches: &[Branch], mark: Mark) -> Walked {
        let (shape, parts) = (self.shape(arrived), branches.len() as u64);
        let (channels, [height, width]) = (shape.channels(), shape.sides());
        if channels % parts != 0 || shape.is_flat() {
            let (path, arrives) = (self.path("concat"), self.describe(arrived));
            let path = path.trim_end_matches(".concat");
            if shape.is_flat() {
                let message = format!("`{path}` shares out the channels of a map, but {arrives} arrives");
                self.problems.push(Problem::new(mark, message, "expected it before `flatten`"));
                return None;
            }
            return self.refuse(
                mark,
                format!("`{path}` has {parts} branches, which do not divide the channels of {arrives}"),
                "expected a number of branches that divides the channels of a map",
            );
        }
        let share = channels / parts;
        let mut ends = Vec::new();
        for (index, branch) in branches.iter().enumerate() {
            let share_of = Shape::Map { channels: share, height, width };
            if branch.from.is_some() {
                ends.push(self.branch(branch, arrived)?);
                continue;
            }
            let first = share * index as u64;
            self.inside(&branch.name, Wiring::Branch, |walk| {
                walk.join_row("slice", Operation::Slice { first }, vec![arrived], share_of, branch.mark)?;
                walk.items(&branch.items)
            })?;
            ends.push(self.here);
        }
        self.concat_of(ends, branches, mark)
    }

    /// A row that nobody wrote: a join, or what leads to one.
    fn join_row(&mut self, name: &str, operation: Operation, inputs: Vec<Source>, output: Shape, mark: Mark) -> Walked {
        let layer = describe::Layer {
            name: name.to_string(),
            operation: describe::Operation::Flatten,
            brought: false,
            mark,
            fields: Vec::new(),
        };
        self.push(&layer, operation, inputs, output)
    }

    fn layer(&mut self, layer: &describe::Layer) -> Walked {
        let path = self.path(&layer.name);
        let arriving = Arriving { path: &path, shape: self.shape(self.here), gate: self.gate, join: self.join };
        let (operation, output) = match ops::resolve(&layer.operation, &arriving) {
            Ok(resolved) => resolved,
            Err(refusal) => {
                self.problems.push(Problem::new(layer.mark_of(refusal.field), refusal.message, refusal.expected));
                *refusal.gives?
            }
        };
        self.push(layer, operation, vec![self.here], output)
    }

    fn push(&mut self, layer: &describe::Layer, operation: Operation, inputs: Vec<Source>, output: Shape) -> Walked {
        let name = self.path(&layer.name);
        let input = inputs.first().map_or(self.input, |source| self.shape(*source));
        let cost = operation.cost(input, output);
        if output.elements() > LARGEST || cost.weights > LARGEST_PARAMS || cost.macs > LARGEST_MACS {
            return self.refuse(
                layer.mark_of("out"),
                format!("`{name}` is larger than can be counted: it makes {output} from {input}"),
                "expected at most 2^40 values, 2^44 parameters and 2^47 MACs a layer",
            );
        }
        let fields: Vec<Option<&Field>> = inputs.iter().map(|source| self.field(*source)).collect();
        let field = match (&operation, fields.as_slice()) {
            // What scales it sees more, and the row says so.
            (Operation::Multiply, [value, ..]) => Ok((*value).cloned()),
            (_, [one]) => field::behind(*one, operation.reach(input, output)),
            (_, fields) => Ok(field::hull(fields)),
        };
        let Ok(field) = field else {
            return self.refuse(
                layer.mark_of("stride"),
                format!("the receptive field of `{name}` outgrows 128 bits"),
                "expected smaller strides",
            );
        };
        let index = self.layers.len();
        self.here = Source::Layer(index);
        // What a layer brings along is part of its output: `from: conv1` means what comes after its activation.
        if layer.brought
            && let Some((base, _)) = name.rsplit_once('.')
            && let Some(output) = self.outputs.get_mut(base)
        {
            *output = self.here;
        }
        self.outputs.insert(name.clone(), self.here);
        self.layers.push(Layer {
            index,
            name,
            operation,
            blocks: self.around.clone(),
            brought: layer.brought,
            inputs,
            input,
            output,
            weights: cost.weights as u64,
            biases: cost.biases,
            buffers: cost.buffers,
            macs: cost.macs as u64,
            field,
            mark: layer.mark,
        });
        Some(())
    }
}
