//! From the description to resolved layers: walks the tree, works out every shape, and refuses what cannot run.

use super::field::{self, PIXEL};
use super::layer::{Field, Layer, Operation, Shape, Source, Window};
use crate::spec::describe::{self, Architecture, Groups, Item, Norm, Pair};
use crate::spec::limits;
use crate::spec::problem::{Problem, Problems};

/// Resolves all layers; the first shape that does not fit ends the walk, since nothing after it is known.
pub fn resolve(architecture: &Architecture, root: crate::spec::node::Mark, problems: &mut Problems) -> Vec<Layer> {
    let input = architecture.input;
    let mut walk = Walk {
        layers: Vec::new(),
        shape: Shape::Map { channels: input.channels, height: input.height, width: input.width },
        field: Some(PIXEL),
        blocks: Vec::new(),
        problems,
    };
    if walk.shape.elements() > LARGEST {
        walk.problems.push(Problem::new(
            root,
            format!("the input {} has more than 2^40 values", walk.shape),
            "expected a smaller input",
        ));
    } else {
        walk.items(&architecture.items);
    }
    walk.layers
}

/// Most values of one layer's output: 2^40, 4 TiB in f32. Keeps every count within 64 bits.
const LARGEST: u128 = 1 << 40;
/// Most parameters and MACs of one layer, so that sums over 30,000 layers stay within 64 bits.
const LARGEST_PARAMS: u128 = 1 << 44;
const LARGEST_MACS: u128 = 1 << 47;

struct Walk<'p> {
    layers: Vec<Layer>,
    shape: Shape,
    field: Option<Field>,
    blocks: Vec<String>,
    problems: &'p mut Problems,
}

impl Walk<'_> {
    /// False when the walk has to end.
    fn items(&mut self, items: &[Item]) -> bool {
        for item in items {
            let go_on = match item {
                Item::Layer(layer) => self.layer(layer),
                Item::Block(block) => {
                    self.blocks.push(self.path(&block.name));
                    let go_on = self.items(&block.items);
                    self.blocks.pop();
                    go_on
                }
            };
            if !go_on {
                return false;
            }
        }
        true
    }

    fn path(&self, name: &str) -> String {
        self.blocks.last().map_or_else(|| name.to_string(), |block| format!("{block}.{name}"))
    }

    fn layer(&mut self, layer: &describe::Layer) -> bool {
        let path = self.path(&layer.name);
        let (norm, activation) = match &layer.operation {
            describe::Operation::Conv(conv) => (conv.norm, conv.activation),
            describe::Operation::Linear(linear) => (None, linear.activation),
            _ => (None, None),
        };
        let Some((operation, output)) = self.output(layer, &path) else {
            return false;
        };
        if !self.push(layer, path.clone(), operation, output, false) {
            return false;
        }
        if let Some(norm) = norm {
            let operation = match norm {
                Norm::Batch(norm) => Operation::BatchNorm(norm),
                Norm::Lrn(lrn) => Operation::Lrn(lrn),
            };
            if !self.push(layer, format!("{path}.{}", norm.kind()), operation, output, true) {
                return false;
            }
        }
        match activation {
            Some(activation) => {
                let name = format!("{path}.{}", activation.kind());
                self.push(layer, name, Operation::Activation(activation), output, true)
            }
            None => true,
        }
    }

    fn refuse(&mut self, layer: &describe::Layer, field: &str, message: String, expected: &str) {
        self.problems.push(Problem::new(layer.mark_of(field), message, expected));
    }

    /// The operation with its sizes known, and the shape it makes.
    fn output(&mut self, layer: &describe::Layer, path: &str) -> Option<(Operation, Shape)> {
        let input = self.shape;
        let (channels, height, width) = match (input, &layer.operation) {
            (Shape::Map { channels, height, width }, _) => (channels, height, width),
            (Shape::Flat(_), describe::Operation::Linear(linear)) => {
                return Some((Operation::Linear { bias: linear.bias }, Shape::Flat(linear.out)));
            }
            (Shape::Flat(_), operation) => return self.flat(operation, layer, path),
        };
        let pool = |walk: &mut Self, pool: &describe::Pool| {
            let window =
                Window { kernel: pool.kernel, stride: pool.stride, padding: pool.padding, dilation: Pair::square(1) };
            let size = walk.slide(layer, path, window, [height, width], pool.ceil)?;
            Some((window, Shape::Map { channels, height: size[0], width: size[1] }))
        };
        Some(match &layer.operation {
            describe::Operation::Conv(conv) => {
                let window =
                    Window { kernel: conv.kernel, stride: conv.stride, padding: conv.padding, dilation: conv.dilation };
                let mut groups = match conv.groups {
                    Groups::Count(groups) => groups,
                    Groups::Depthwise => channels,
                };
                if channels % groups != 0 || conv.out % groups != 0 {
                    self.refuse(layer, "groups", format!(
                        "`{path}` has {groups} groups, which do not divide its {channels} input and {} output channels", conv.out),
                        "expected a number that divides both");
                    // Its output is known all the same, so what follows can be judged too.
                    groups = 1;
                }
                let size = self.slide(layer, path, window, [height, width], false)?;
                let output = Shape::Map { channels: conv.out, height: size[0], width: size[1] };
                (Operation::Conv { window, groups, bias: conv.bias }, output)
            }
            describe::Operation::Linear(linear) => {
                self.refuse(
                    layer,
                    "",
                    format!("`{path}` needs a flat input, but {input} arrives"),
                    "expected `flatten` (or `global_avgpool` and `flatten`) before it",
                );
                // Its output is known all the same, so what follows can be judged too.
                (Operation::Linear { bias: linear.bias }, Shape::Flat(linear.out))
            }
            describe::Operation::MaxPool(max) => {
                let (window, output) = pool(self, max)?;
                (Operation::MaxPool { window, ceil: max.ceil }, output)
            }
            describe::Operation::AvgPool(average) => {
                let (window, output) = pool(self, average)?;
                (Operation::AvgPool { window, ceil: average.ceil }, output)
            }
            describe::Operation::AdaptiveAvgPool { out } => {
                (Operation::AdaptiveAvgPool, Shape::Map { channels, height: out.height, width: out.width })
            }
            describe::Operation::GlobalAvgPool => {
                (Operation::GlobalAvgPool, Shape::Map { channels, height: 1, width: 1 })
            }
            describe::Operation::Flatten => {
                let features = input.elements();
                (Operation::Flatten, Shape::Flat(u64::try_from(features).unwrap_or(u64::MAX)))
            }
            operation => (same_shape(operation)?, input),
        })
    }

    /// What may follow `flatten`.
    fn flat(
        &mut self,
        operation: &describe::Operation,
        layer: &describe::Layer,
        path: &str,
    ) -> Option<(Operation, Shape)> {
        let shape = self.shape;
        if let describe::Operation::Flatten = operation {
            return Some((Operation::Flatten, shape));
        }
        let fits = !matches!(operation, describe::Operation::Lrn(_));
        if let Some(operation) = same_shape(operation).filter(|_| fits) {
            return Some((operation, shape));
        }
        self.refuse(
            layer,
            "",
            format!("`{path}` needs channels, rows and columns, but {shape} flat features arrive"),
            "expected it before `flatten`",
        );
        None
    }

    /// Output rows and columns of a sliding window (PyTorch's formula).
    fn slide(
        &mut self,
        layer: &describe::Layer,
        path: &str,
        window: Window,
        input: [u64; 2],
        ceil: bool,
    ) -> Option<[u64; 2]> {
        let [kernel, stride, padding, dilation] =
            [window.kernel, window.stride, window.padding, window.dilation].map(Pair::to_array);
        let mut output = [0; 2];
        for axis in 0..2 {
            let size = output_size(input[axis], kernel[axis], stride[axis], padding[axis], dilation[axis], ceil);
            let Some(size) = size else {
                let span = dilation[axis] * (kernel[axis] - 1) + 1;
                self.refuse(
                    layer,
                    "kernel",
                    format!(
                        "the window of `{path}` spans {span}, but only {}×{} arrives (and {} of padding on each side)",
                        input[0], input[1], padding[axis]
                    ),
                    "expected a smaller kernel, more padding, or less pooling before it",
                );
                return None;
            };
            if size > limits::DIMENSION {
                let message = format!("`{path}` makes a map {size} wide or high");
                self.refuse(layer, "padding", message, "expected at most 2^24");
                return None;
            }
            output[axis] = size;
        }
        Some(output)
    }

    fn push(
        &mut self,
        layer: &describe::Layer,
        name: String,
        operation: Operation,
        output: Shape,
        brought: bool,
    ) -> bool {
        let input = self.shape;
        let (weights, biases, buffers, macs) = counts(&operation, input, output);
        if output.elements() > LARGEST || weights > LARGEST_PARAMS || macs > LARGEST_MACS {
            self.refuse(
                layer,
                "out",
                format!("`{name}` is larger than can be counted: it makes {output} from {input}"),
                "expected at most 2^40 values, 2^44 parameters and 2^47 MACs a layer",
            );
            return false;
        }
        let Ok(field) = field::behind(&operation, self.field, input, output) else {
            self.refuse(
                layer,
                "stride",
                format!("the receptive field of `{name}` outgrows 128 bits"),
                "expected smaller strides",
            );
            return false;
        };
        let index = self.layers.len();
        self.layers.push(Layer {
            index,
            name,
            operation,
            blocks: self.blocks.clone(),
            brought,
            inputs: vec![index.checked_sub(1).map_or(Source::Input, Source::Layer)],
            input,
            output,
            weights: weights as u64,
            biases,
            buffers,
            macs: macs as u64,
            field,
            field_before: self.field,
            mark: layer.mark,
        });
        self.shape = output;
        self.field = field;
        true
    }
}

fn same_shape(operation: &describe::Operation) -> Option<Operation> {
    Some(match operation {
        describe::Operation::Softmax => Operation::Softmax,
        describe::Operation::BatchNorm(norm) => Operation::BatchNorm(*norm),
        describe::Operation::Lrn(lrn) => Operation::Lrn(*lrn),
        describe::Operation::Dropout { p } => Operation::Dropout { p: *p },
        describe::Operation::Activation(activation) => Operation::Activation(*activation),
        _ => return None,
    })
}

/// floor((n + 2p − d(k−1) − 1)/s) + 1, or with `ceil` rounded up as long as the last window starts inside the input
/// or its left padding. `None` when no window fits.
pub fn output_size(input: u64, kernel: u64, stride: u64, padding: u64, dilation: u64, ceil: bool) -> Option<u64> {
    let room = (input + 2 * padding).checked_sub(dilation * (kernel - 1) + 1)?;
    let mut size = if ceil { room.div_ceil(stride) } else { room / stride } + 1;
    if ceil && (size - 1) * stride >= input + padding {
        size -= 1;
    }
    Some(size)
}

/// Weights, biases, buffers and MACs of a layer.
fn counts(operation: &Operation, input: Shape, output: Shape) -> (u128, u64, u64, u128) {
    match (operation, input, output) {
        (
            Operation::Conv { window, groups, bias },
            Shape::Map { channels, .. },
            Shape::Map { channels: out, height, width },
        ) => {
            let weights = u128::from(window.kernel.height) * u128::from(window.kernel.width);
            // At most 2^96; the channels are at most 2^24 each, so nothing below leaves u128 but the product with
            // the positions, which is therefore saturated.
            let weights = weights * u128::from(channels / groups) * u128::from(out);
            let macs = weights.saturating_mul(u128::from(height) * u128::from(width));
            (weights, if *bias { out } else { 0 }, 0, macs)
        }
        (Operation::Linear { bias }, _, Shape::Flat(out)) => {
            let weights = input.elements() * u128::from(out);
            (weights, if *bias { out } else { 0 }, 0, weights)
        }
        (Operation::BatchNorm(_), _, _) => {
            let channels = match input {
                Shape::Map { channels, .. } => channels,
                Shape::Flat(features) => features,
            };
            (channels.into(), channels, 2 * channels, 0)
        }
        _ => (0, 0, 0, 0),
    }
}
