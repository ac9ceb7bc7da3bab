//! How a network is evaluated where nobody looks at what lies between its layers: norms folded into the convs before them,
//! activations and sums done while their values are in registers, channels in blocks of sixteen from the first conv to the last
//! map, weights packed once.

use std::sync::OnceLock;

use dfdx::prelude::*;

use super::fold;
use super::kernels::blocked::conv::{Conv, Feed, Sizes};
use super::kernels::blocked::depthwise::Depthwise;
use super::kernels::blocked::map::Map;
use super::kernels::blocked::winograd::Tiled;
use super::kernels::blocked::{Bound, pointwise, pool};
use super::kernels::im2col::is_straight;
use super::kernels::lanes::{LANES, Lanes};
use super::kernels::view;
use super::kernels::winograd::Winograd;
use super::ops::Values;
use super::ops::activation;
use super::ops::conv::ConvShape;
use super::ops::tape::Wants;
use super::parameters::{Parameter, Running};
use super::step::{Extras, Mode, Step, apply, dims};
use crate::graph::{Layer, Source};
use crate::spec::describe::Activation;

/// The steps of an evaluation, each of one layer or of several that are done at once.
pub struct Plan {
    nodes: Vec<Node>,
    /// The node that reads each layer's values last; its own where none does.
    last_use: Vec<usize>,
    /// Images for which the ways of its convs were chosen.
    images: usize,
}

struct Node {
    /// The last of its layers, whose values it gives.
    layer: usize,
    /// What it reads; of a conv the second is added to its sums.
    inputs: Vec<Source>,
    work: Work,
    bound: Bound,
    /// An activation that is not a bound.
    then: Option<Activation>,
}

impl Node {
    fn of(layer: usize, inputs: Vec<Source>, work: Work) -> Node {
        Node { layer, inputs, work, bound: Bound::Open, then: None }
    }
}

enum Work {
    Conv(Conv),
    Tiled(Tiled),
    Depthwise(Depthwise),
    Affine(pointwise::Affine),
    Add,
    /// These three as `Other` where they do not go by whole blocks.
    Multiply,
    Concat,
    Slice,
    MaxPool,
    AvgPool,
    AdaptiveAvgPool,
    /// What evaluation leaves as it is: dropout, and the flattening of maps of one position.
    Pass,
    /// A layer as it is walked otherwise.
    Other(OnceLock<bool>),
}

/// Values of a layer as blocks, as plain values, or both.
#[derive(Default, Clone)]
struct Held {
    map: Option<Map>,
    plain: Option<Values>,
}

impl Held {
    fn map(&mut self) -> Map {
        let plain = &self.plain;
        let make = || {
            let plain = plain.as_ref().expect("held in one way at least");
            Map::from_values(&view::values(plain), *plain.shape())
        };
        self.map.get_or_insert_with(make).clone()
    }

    fn plain(&mut self, device: &Cpu) -> Values {
        let map = &self.map;
        let make = || {
            let map = map.as_ref().expect("held in one way at least");
            view::tensor(device, map.to_values(), (map.images, map.channels, map.height, map.width))
        };
        self.plain.get_or_insert_with(make).clone()
    }
}

/// What is known of the layers while steps are made of them.
struct Making<'a> {
    layers: &'a [Layer],
    steps: &'a [Step],
    parameters: &'a [Parameter],
    running: &'a [Running],
    images: usize,
    /// The layer that alone reads each layer.
    only_reader: Vec<Option<usize>>,
    /// Layers that are done with one before them.
    taken: Vec<bool>,
}

impl Plan {
    /// For mini-batches of about `images`.
    pub fn new(layers: &[Layer], steps: &[Step], parameters: &[Parameter], running: &[Running], images: usize) -> Plan {
        let mut readers: Vec<Vec<usize>> = vec![Vec::new(); layers.len()];
        for layer in layers {
            for source in &layer.inputs {
                if let Source::Layer(from) = source {
                    readers[*from].push(layer.index);
                }
            }
        }
        let only = |readers: &Vec<usize>| (readers.len() == 1).then(|| readers[0]);
        let only_reader = readers.iter().map(only).collect();
        let taken = vec![false; layers.len()];
        let mut making = Making { layers, steps, parameters, running, images, only_reader, taken };
        let mut nodes: Vec<Node> = Vec::new();
        for index in 0..layers.len() {
            if !making.taken[index] {
                nodes.push(making.node(index));
            }
        }
        // A sum is done when its last summand is there, which may be behind layers that come after its conv.
        nodes.sort_by_key(|node| node.layer);
        let mut last_use: Vec<usize> = vec![0; layers.len()];
        for (at, node) in nodes.iter().enumerate() {
            last_use[node.layer] = at;
            for source in &node.inputs {
                if let Source::Layer(from) = source {
                    last_use[*from] = at;
                }
            }
        }
        Plan { nodes, last_use, images }
    }

    /// Whether maps and weights in blocks take about as much memory as they are: those of few channels take up to sixteen times of
    /// it, which may be more than there is.
    pub fn is_thrifty(layers: &[Layer], images: usize) -> bool {
        let blocked = |channels: u64| channels.next_multiple_of(LANES as u64);
        let map = |layer: &Layer, channels: u64| {
            let [height, width] = layer.output.sides();
            channels.saturating_mul(height).saturating_mul(width).saturating_mul(4 * images as u64)
        };
        let most = |of: &dyn Fn(u64) -> u64| {
            layers.iter().map(|layer| map(layer, of(layer.output.channels()))).max().unwrap_or(0)
        };
        let weights = |of: &dyn Fn(u64) -> u64| {
            let convs = layers.iter().filter(|layer| layer.is_conv());
            let bytes = |layer: &Layer| {
                (4 * layer.weights / layer.output.channels()).saturating_mul(of(layer.output.channels()))
            };
            convs.map(bytes).fold(0, u64::saturating_add)
        };
        let is_fine = |in_blocks: u64, plain: u64| in_blocks <= SMALL_BYTES || in_blocks <= 2 * plain;
        is_fine(most(&blocked), most(&|channels| channels)) && is_fine(weights(&blocked), weights(&|channels| channels))
    }

    /// Whether it is made for mini-batches of about this size.
    pub fn suits(&self, images: usize) -> bool {
        images < 4 * self.images
    }

    /// What the last layer gives.
    pub fn run(&self, input: Values, steps: &[Step], parameters: &[Parameter], device: &Cpu) -> Values {
        // On one of the pool's own threads, so that none is woken and waited for at each layer.
        let mut output = None;
        rayon::scope(|_| output = Some(self.walk(input, steps, parameters, device)));
        output.expect("the walk gives one")
    }

    fn walk(&self, input: Values, steps: &[Step], parameters: &[Parameter], device: &Cpu) -> Values {
        let mut held: Vec<Held> = vec![Held::default(); steps.len()];
        held.push(Held { plain: Some(input), map: None });
        let place = |source: Source| match source {
            Source::Input => steps.len(),
            Source::Layer(from) => from,
        };
        for (at, node) in self.nodes.iter().enumerate() {
            let then = node.then;
            let each = move |values: &mut [f32]| then.into_iter().for_each(|then| activation::in_place(then, values));
            let finish: super::kernels::blocked::Finish = if then.is_some() { Some(&each) } else { None };
            let other = |index: usize, inputs: Vec<Values>, finite: &OnceLock<bool>| {
                let extras = Extras {
                    mode: Mode::Evaluate,
                    wants: Wants { input: false, parameters: false },
                    algorithm: None,
                    transformed: None,
                    finite: Some(finite),
                };
                Held { plain: Some(apply(&steps[index], inputs, NoneTape, parameters, &mut [], extras)), map: None }
            };
            let own = node.layer;
            let bound = node.bound;
            let output = match &node.work {
                Work::Conv(conv) => {
                    let add = node.inputs.get(1).map(|source| held[place(*source)].map());
                    let input = &mut held[place(node.inputs[0])];
                    match conv.reads_plain() {
                        true => {
                            let plain = input.plain(device);
                            conv.run(Feed::Plain(&view::values(&plain)), add.as_ref(), bound, finish).into()
                        }
                        false => conv.run(Feed::Blocks(&input.map()), add.as_ref(), bound, finish).into(),
                    }
                }
                Work::Tiled(tiled) => {
                    let add = node.inputs.get(1).map(|source| held[place(*source)].map());
                    tiled.run(&held[place(node.inputs[0])].map(), add.as_ref(), bound, finish).into()
                }
                Work::Depthwise(depthwise) => depthwise.run(&held[place(node.inputs[0])].map(), bound, finish).into(),
                Work::Affine(affine) => affine.run(&held[place(node.inputs[0])].map(), bound, finish).into(),
                Work::Add => {
                    let inputs: Vec<Map> = node.inputs.iter().map(|source| held[place(*source)].map()).collect();
                    pointwise::add(&inputs.iter().collect::<Vec<_>>(), finish).into()
                }
                Work::Multiply | Work::Concat | Work::Slice => {
                    let inputs: Vec<Map> = node.inputs.iter().map(|source| held[place(*source)].map()).collect();
                    let made = match (&steps[own], &inputs[..]) {
                        (Step::Multiply, [value, gate]) => pointwise::multiply(value, gate, None),
                        (Step::Slice { first, channels }, [input]) => input.part(*first, *channels),
                        (_, inputs) => Map::joined(inputs),
                    };
                    match made {
                        Some(made) => made.into(),
                        None => {
                            let inputs = node.inputs.iter().map(|source| held[place(*source)].plain(device)).collect();
                            other(own, inputs, &OnceLock::new())
                        }
                    }
                }
                Work::MaxPool | Work::AvgPool | Work::AdaptiveAvgPool => {
                    let input = held[place(node.inputs[0])].map();
                    match steps[own] {
                        Step::MaxPool { window, out } => pool::max(&input, window, out).into(),
                        Step::AvgPool { window, out, counts_padding } => {
                            pool::mean(&input, window, out, counts_padding).into()
                        }
                        Step::AdaptiveAvgPool { out } => pool::adaptive_mean(&input, out).into(),
                        _ => unreachable!("made of a pool"),
                    }
                }
                Work::Pass => held[place(node.inputs[0])].clone(),
                Work::Other(finite) => {
                    let inputs = node.inputs.iter().map(|source| held[place(*source)].plain(device)).collect();
                    other(own, inputs, finite)
                }
            };
            held[own] = output;
            for source in &node.inputs {
                if let Source::Layer(from) = source
                    && self.last_use[*from] == at
                {
                    held[*from] = Held::default();
                }
            }
        }
        held[steps.len() - 1].plain(device)
    }
}

impl From<Map> for Held {
    fn from(map: Map) -> Held {
        Held { map: Some(map), plain: None }
    }
}

impl Making<'_> {
    /// The step that begins with a layer, with what can be done at once with it.
    fn node(&mut self, index: usize) -> Node {
        let layer = &self.layers[index];
        let of = |work: Work| Node::of(index, layer.inputs.clone(), work);
        let is_map = layer.output.sides() != [1, 1] || layer.input.sides() != [1, 1];
        match &self.steps[index] {
            Step::Conv { .. } => match self.conv(index) {
                Some((work, norm)) => self.joined(of(work), norm),
                None => of(Work::Other(OnceLock::new())),
            },
            Step::BatchNorm { .. } => {
                let affine = self.affine(index);
                let lanes = |values: &[f64]| Lanes::of(&values.iter().map(|value| *value as f32).collect::<Vec<_>>());
                let affine = pointwise::Affine { scale: lanes(&affine.scale), shift: lanes(&affine.shift) };
                let node = self.finished(of(Work::Affine(affine)));
                self.before_a_conv(node)
            }
            Step::Add => self.finished(of(Work::Add)),
            Step::Activation(activation) => Node { then: Some(*activation), ..of(Work::Add) },
            Step::Multiply => of(Work::Multiply),
            Step::Concat => of(Work::Concat),
            Step::Slice { .. } => of(Work::Slice),
            Step::MaxPool { .. } => of(Work::MaxPool),
            Step::AvgPool { .. } => of(Work::AvgPool),
            Step::AdaptiveAvgPool { .. } => of(Work::AdaptiveAvgPool),
            Step::Dropout { .. } => of(Work::Pass),
            Step::Flatten if !is_map => of(Work::Pass),
            _ => of(Work::Other(OnceLock::new())),
        }
    }

    fn row(&self, index: usize) -> std::borrow::Cow<'_, [f32]> {
        view::values(&self.parameters[index].values)
    }

    fn affine(&self, norm: usize) -> fold::Affine {
        let Step::BatchNorm { affine, running, norm, .. } = &self.steps[norm] else { unreachable!("a batch norm") };
        let own = affine.map(|(gamma, beta)| (self.row(gamma), self.row(beta)));
        let own = own.as_ref().map(|(gamma, beta)| (gamma.as_ref(), beta.as_ref()));
        fold::Affine::of(own, &self.running[*running].statistics, norm.eps)
    }

    /// The layer that alone reads a layer, if it is such a one and not yet taken.
    fn follows(&self, layer: usize, is_such: impl Fn(&Step) -> bool) -> Option<usize> {
        self.only_reader[layer].filter(|&reader| is_such(&self.steps[reader]) && !self.taken[reader])
    }

    fn sizes(&self, index: usize, shape: &ConvShape) -> Sizes {
        let (inputs, height, width) = dims(self.layers[index].input);
        Sizes {
            window: shape.window,
            groups: shape.groups,
            inputs,
            outputs: shape.out_channels,
            height,
            width,
            out_height: shape.out_height,
            out_width: shape.out_width,
        }
    }

    /// How a conv is done, with the norm that is folded into it; `None` where it is walked. Nothing is taken yet.
    fn conv(&self, index: usize) -> Option<(Work, Option<usize>)> {
        let Step::Conv { weight, bias, shape } = &self.steps[index] else { return None };
        let sizes = self.sizes(index, shape);
        let norm = self.follows(index, |step| matches!(step, Step::BatchNorm { .. }));
        let (weight, bias) = (self.row(*weight), bias.map(|bias| self.row(bias)));
        let (weights, biases) = match norm {
            Some(norm) => {
                let (weights, biases) = self.affine(norm).folded(&weight, bias.as_deref());
                (weights.into(), Some(biases.into()))
            }
            None => (weight, bias),
        };
        let depthwise = Depthwise::new(sizes, &weights, biases.as_deref()).map(Work::Depthwise);
        let tiled = || {
            let winograd = shape.over((self.images, sizes.inputs, sizes.height, sizes.width)).winograd()?;
            is_cheaper(&winograd, &sizes, self.images)
                .then(|| Work::Tiled(Tiled::new(winograd, &weights, biases.as_deref())))
        };
        let work = depthwise.or_else(tiled).or_else(|| Conv::new(sizes, &weights, biases.as_deref()).map(Work::Conv));
        Some((work?, norm))
    }

    /// A conv with the norm that was folded into it, the sum behind both, and its activation.
    fn joined(&mut self, mut node: Node, norm: Option<usize>) -> Node {
        if let Some(norm) = norm {
            self.taken[norm] = true;
            node.layer = norm;
        }
        // The other summand comes from before the sum, and so is there when the sum is made.
        let adds = !matches!(node.work, Work::Depthwise(_));
        let sum = self.follows(node.layer, |step| matches!(step, Step::Add));
        if let Some(sum) = sum.filter(|sum| adds && self.layers[*sum].inputs.len() == 2) {
            let own = Source::Layer(node.layer);
            let other = self.layers[sum].inputs.iter().find(|source| **source != own);
            if let Some(other) = other {
                node.inputs.push(*other);
                node.layer = sum;
                self.taken[sum] = true;
            }
        }
        self.finished(node)
    }

    /// A norm, done while the conv behind it reads its values, if it can be.
    fn before_a_conv(&mut self, norm: Node) -> Node {
        let straight = |step: &Step| matches!(step, Step::Conv { shape, .. } if is_straight(shape.window));
        let Some(index) = self.follows(norm.layer, straight).filter(|_| norm.then.is_none()) else { return norm };
        match (self.conv(index), norm) {
            (Some((Work::Conv(mut conv), behind)), Node { work: Work::Affine(affine), bound, inputs, .. })
                if !conv.reads_plain() =>
            {
                self.taken[index] = true;
                conv.before = Some((affine, bound));
                self.joined(Node { inputs, ..Node::of(index, Vec::new(), Work::Conv(conv)) }, behind)
            }
            (_, norm) => norm,
        }
    }

    /// With the activation behind it.
    fn finished(&mut self, mut node: Node) -> Node {
        let Some(next) = self.follows(node.layer, |step| matches!(step, Step::Activation(_))) else { return node };
        let Step::Activation(activation) = self.steps[next] else { return node };
        self.taken[next] = true;
        node.layer = next;
        let in_register = matches!(node.work, Work::Conv(_) | Work::Tiled(_) | Work::Depthwise(_) | Work::Affine(_));
        match activation {
            Activation::Relu if in_register => node.bound = Bound::Relu,
            Activation::Relu6 if in_register => node.bound = Bound::Relu6,
            _ => node.then = Some(activation),
        }
        node
    }
}

/// Bytes in blocks of which any machine has enough.
const SMALL_BYTES: u64 = 64 << 20;

/// Cycles in which a tile's inputs of a block of channels are transformed, and its products turned into outputs.
const INPUT_CYCLES: usize = 300;
const OUTPUT_CYCLES: usize = 220;
/// Bytes of weights that memory gives in the time of a multiplication of sixteen values.
const BYTES_PER_CYCLE: usize = 3;

/// Whether tiles are cheaper than the definition: by their products, transforms, and by the weights, which are four times as many
/// and have to come from memory.
fn is_cheaper(winograd: &Winograd, sizes: &Sizes, images: usize) -> bool {
    let (in_blocks, out_blocks) = (sizes.inputs.div_ceil(LANES), sizes.outputs.div_ceil(LANES));
    let weights = |places: usize| places * sizes.inputs * out_blocks * 4 * LANES / BYTES_PER_CYCLE;
    let direct = images * sizes.positions() * sizes.taps() * sizes.inputs * out_blocks + weights(sizes.taps());
    let places = winograd.places();
    let transforms = winograd.tiles() * (INPUT_CYCLES * in_blocks + OUTPUT_CYCLES * out_blocks);
    let tiled = winograd.tiles() * places * sizes.inputs * out_blocks + transforms + weights(places);
    tiled < direct
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph;
    use crate::spec::{Library, Origin};

    #[test]
    fn maps_of_few_channels_are_not_blown_up_to_blocks() {
        let is_thrifty = |text: &str, images: usize| {
            let origin = Origin::File("net.yaml".into());
            let loaded = Library::new(None).load_text(&origin, text.to_string(), &[]).expect("sound");
            Plan::is_thrifty(&graph::analyse(&loaded).expect("fits").layers, images)
        };
        // A 64 MB map of one channel would be a gigabyte.
        assert!(!is_thrifty("input: [1, 4096, 4096]\nlayers: [conv1-1]\n", 1));
        assert!(!is_thrifty("input: [4096, 64, 64]\nlayers: [conv31-1]\n", 1));
        assert!(is_thrifty("input: [1, 28, 28]\nlayers: [conv1-1]\n", 32));
        assert!(is_thrifty("input: [3, 2048, 2048]\nlayers: [conv3-24]\n", 1));
        let vgg16 = Library::new(None).load("vgg16", &[]).expect("bundled");
        assert!(Plan::is_thrifty(&graph::analyse(&vgg16).expect("bundled").layers, 256));
    }
}
