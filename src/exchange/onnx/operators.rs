//! Each of our operations as ONNX operators. Where ONNX has no such operator, or none as old as the version that we write, it is
//! made of several, called `layer/part`.

use super::build::{float, int, ints, text};
use super::proto::AttributeProto;
use super::writer::Writer;
use crate::graph::{Layer, Operation, Source, Window};
use crate::network::parameters::Role;
use crate::spec::describe::{Activation, Lrn, Norm, Pair, Sides, UpsampleMode};

/// Adds the nodes of one layer.
pub fn write(writer: &mut Writer, layer: &Layer) {
    let arrive: Vec<String> = layer.inputs.iter().map(|source| writer.name_of(*source)).collect();
    let arrive: Vec<&str> = arrive.iter().map(String::as_str).collect();
    let name = writer.name_of(Source::Layer(layer.index));
    Nodes { writer, layer, name, arrive: &arrive }.write();
}

/// The nodes that one layer becomes.
struct Nodes<'w, 'a> {
    writer: &'w mut Writer<'a>,
    layer: &'w Layer,
    /// Of the value that comes out.
    name: String,
    /// Of those that arrive.
    arrive: &'w [&'w str],
}

impl Nodes<'_, '_> {
    fn write(mut self) {
        let (layer, x) = (self.layer, self.arrive.first().copied().unwrap_or_default());
        let channels = layer.input.channels();
        match &layer.operation {
            Operation::Conv { window, groups, .. } => {
                let dims = [layer.output.channels(), channels / groups, window.kernel.height, window.kernel.width];
                let mut attributes = sliding(*window);
                attributes.extend([dilations(*window), int("group", *groups as i64)]);
                self.weighed("Conv", &dims, attributes);
            }
            Operation::ConvTranspose { window, output_padding, groups, .. } => {
                let outputs = layer.output.channels() / groups;
                let dims = [channels, outputs, window.kernel.height, window.kernel.width];
                let mut attributes = sliding(*window);
                attributes.extend([dilations(*window), int("group", *groups as i64)]);
                attributes.push(ints("output_padding", output_padding.to_array()));
                self.weighed("ConvTranspose", &dims, attributes);
            }
            Operation::Linear { .. } => {
                let dims = [layer.output.channels(), channels];
                self.weighed("Gemm", &dims, vec![int("transB", 1)]);
            }
            Operation::MaxPool { window, .. } => {
                self.pool("MaxPool", *window, f64::NEG_INFINITY, Vec::new());
            }
            Operation::AvgPool { window, counts_padding, .. } => self.average(*window, *counts_padding),
            Operation::AdaptiveAvgPool => self.adaptive(),
            Operation::GlobalAvgPool => self.node("GlobalAveragePool", &[x], Vec::new()),
            Operation::Upsample { scale, mode } => self.upsample(*scale, *mode),
            Operation::ChannelShuffle { groups } => self.shuffle(*groups),
            Operation::Flatten => self.node("Flatten", &[x], vec![int("axis", 1)]),
            Operation::Softmax => self.node("Softmax", &[x], vec![int("axis", 1)]),
            Operation::Norm(norm) => self.norm(*norm),
            Operation::Scale { .. } => {
                let factors = self.per_channel(Role::Weight);
                self.node("Mul", &[x, &factors], Vec::new());
            }
            Operation::Dropout { p } => {
                let ratio = self.scalar("ratio", *p);
                self.node("Dropout", &[x, &ratio], Vec::new());
            }
            Operation::Activation(activation) => self.activation(*activation),
            Operation::Prelu { per_channel, .. } => {
                let slopes = match per_channel {
                    true => self.per_channel(Role::Weight),
                    false => self.writer.parameter(layer, Role::Weight, &[1]),
                };
                self.node("PRelu", &[x, &slopes], Vec::new());
            }
            Operation::Slice { first } => {
                let end = (first + layer.output.channels()) as i64;
                let bounds = [("starts", *first as i64), ("ends", end), ("axes", 1)];
                let bounds = bounds.map(|(part, value)| self.whole(part, &[value]));
                self.node("Slice", &[x, &bounds[0], &bounds[1], &bounds[2]], Vec::new());
            }
            Operation::PadChannels { stride, before } => self.pad_channels(*stride, *before),
            Operation::Add => match self.arrive {
                [_, _] => self.node("Add", self.arrive, Vec::new()),
                all => self.node("Sum", all, Vec::new()),
            },
            Operation::Concat => self.node("Concat", self.arrive, vec![int("axis", 1)]),
            Operation::Multiply => self.node("Mul", self.arrive, Vec::new()),
        }
    }

    /// The operator that gives what the layer gives.
    fn node(&mut self, op_type: &str, inputs: &[&str], attributes: Vec<AttributeProto>) {
        let name = self.name.clone();
        self.writer.builder.node(op_type, inputs, &name, attributes);
    }

    /// An operator on the way there.
    fn part(&mut self, part: &str, op_type: &str, inputs: &[&str], attributes: Vec<AttributeProto>) -> String {
        let name = self.named(part);
        self.writer.builder.node(op_type, inputs, &name, attributes)
    }

    fn named(&self, part: &str) -> String {
        format!("{}/{part}", self.layer.name)
    }

    fn scalar(&mut self, part: &str, value: f64) -> String {
        let name = self.named(part);
        self.writer.builder.scalar(&name, value)
    }

    fn whole(&mut self, part: &str, values: &[i64]) -> String {
        let name = self.named(part);
        self.writer.builder.whole(&name, values)
    }

    fn floats(&mut self, part: &str, dims: &[u64], values: impl IntoIterator<Item = f32>) -> String {
        let name = self.named(part);
        self.writer.builder.floats(&name, dims, values)
    }

    /// An operator with weights, and biases where the layer has some.
    fn weighed(&mut self, op_type: &str, dims: &[u64], attributes: Vec<AttributeProto>) {
        let weight = self.writer.parameter(self.layer, Role::Weight, dims);
        let bias = self.layer.biases;
        let bias = (bias > 0).then(|| self.writer.parameter(self.layer, Role::Bias, &[bias]));
        let inputs: Vec<&str> = [self.arrive[0], &weight].into_iter().chain(bias.iter().map(String::as_str)).collect();
        self.node(op_type, &inputs, attributes);
    }

    /// A parameter with a value for each channel, which stands before rows and columns.
    fn per_channel(&mut self, role: Role) -> String {
        let channels = self.layer.input.channels();
        match self.layer.input.is_flat() {
            true => self.writer.parameter(self.layer, role, &[channels]),
            false => self.writer.parameter(self.layer, role, &[channels, 1, 1]),
        }
    }

    /// Where the last windows end when there are as many as come out: what lies behind the map, at least its padding.
    fn ends(&self, window: Window) -> [u64; 2] {
        let (rows, before) = (self.layer.input.sides(), window.padding.before().to_array());
        let after = window.padding.after().to_array();
        let (out, kernel, stride) = (self.layer.output.sides(), window.kernel.to_array(), window.stride.to_array());
        [0, 1].map(|axis| {
            let end = out[axis].saturating_sub(1) * stride[axis] + kernel[axis];
            end.saturating_sub(rows[axis] + before[axis]).max(after[axis])
        })
    }

    /// A pool whose padding says how many windows there are: what runs ONNX differs in how it rounds up. Padding as wide as the
    /// window, which an operator does not take, becomes a node of its own.
    fn pool(&mut self, op_type: &str, window: Window, filled: f64, mut attributes: Vec<AttributeProto>) {
        let (before, after) = (window.padding.before().to_array(), self.ends(window));
        let kernel = window.kernel.to_array();
        let pads = [before[0], before[1], after[0], after[1]];
        let fits = (0..4).all(|at| pads[at] < kernel[at % 2]);
        let mut x = self.arrive[0].to_string();
        attributes.extend([ints("kernel_shape", kernel), ints("strides", window.stride.to_array())]);
        match fits {
            true => attributes.push(ints("pads", pads)),
            false => x = self.padded("padded", &x, pads, filled),
        }
        self.node(op_type, &[&x], attributes);
    }

    /// Rows and columns of one value around a map.
    fn padded(&mut self, part: &str, x: &str, [top, left, bottom, right]: [u64; 4], value: f64) -> String {
        let sizes = [0, 0, top, left, 0, 0, bottom, right].map(|size| size as i64);
        let sizes = self.whole(&format!("{part}.pads"), &sizes);
        let value = self.scalar(&format!("{part}.value"), value);
        self.part(part, "Pad", &[x, &sizes, &value], Vec::new())
    }

    fn average(&mut self, window: Window, counts_padding: bool) {
        let sides = window.padding;
        let ends = self.ends(window);
        if !counts_padding || sides == Sides::NONE {
            // What lies outside is left out of the mean, as PyTorch leaves out what lies behind the padding.
            return self.pool("AveragePool", window, 0.0, vec![int("count_include_pad", 0)]);
        }
        if ends[0] <= sides.bottom && ends[1] <= sides.right {
            return self.pool("AveragePool", window, 0.0, vec![int("count_include_pad", 1)]);
        }
        // The padding counts and what lies behind it does not: zeros of its own, and a pool that leaves the rest out.
        let x = self.arrive[0].to_string();
        let padded = self.padded("padded", &x, [sides.top, sides.left, sides.bottom, sides.right], 0.0);
        let behind = [ends[0].saturating_sub(sides.bottom), ends[1].saturating_sub(sides.right)];
        let attributes = vec![
            int("count_include_pad", 0),
            ints("kernel_shape", window.kernel.to_array()),
            ints("strides", window.stride.to_array()),
            ints("pads", [0, 0, behind[0], behind[1]]),
        ];
        self.node("AveragePool", &[&padded], attributes);
    }

    /// Means over PyTorch's windows, ⌊i·n/out⌋ to ⌈(i + 1)·n/out⌉: an ordinary pool where they are all alike, else two matrices of
    /// shares, one for the columns and one for the rows.
    fn adaptive(&mut self) {
        let (from, to) = (self.layer.input.sides(), self.layer.output.sides());
        let x = self.arrive[0].to_string();
        if (0..2).all(|axis| from[axis].is_multiple_of(to[axis])) {
            let step = [from[0] / to[0], from[1] / to[1]];
            return self.node("AveragePool", &[&x], vec![ints("kernel_shape", step), ints("strides", step)]);
        }
        let share = |axis: usize, at: u64, pixel: u64| {
            let (n, out) = (from[axis], to[axis]);
            let (first, end) = (at * n / out, ((at + 1) * n).div_ceil(out));
            if (first..end).contains(&pixel) { 1.0 / (end - first) as f32 } else { 0.0 }
        };
        let columns = (0..from[1]).flat_map(|pixel| (0..to[1]).map(move |at| share(1, at, pixel)));
        let columns = self.floats("columns", &[from[1], to[1]], columns.collect::<Vec<_>>());
        let rows = (0..to[0]).flat_map(|at| (0..from[0]).map(move |pixel| share(0, at, pixel)));
        let rows = self.floats("rows", &[to[0], from[0]], rows.collect::<Vec<_>>());
        let narrow = self.part("narrow", "MatMul", &[&x, &columns], Vec::new());
        self.node("MatMul", &[&rows, &narrow], Vec::new());
    }

    fn upsample(&mut self, scale: Pair, mode: UpsampleMode) {
        let scales = self.floats("scales", &[4], [1.0, 1.0, scale.height as f32, scale.width as f32]);
        let attributes = match mode {
            UpsampleMode::Nearest => vec![
                text("mode", "nearest"),
                text("coordinate_transformation_mode", "asymmetric"),
                text("nearest_mode", "floor"),
            ],
            UpsampleMode::Bilinear => {
                vec![text("mode", "linear"), text("coordinate_transformation_mode", "half_pixel")]
            }
        };
        self.node("Resize", &[self.arrive[0], "", &scales], attributes);
    }

    /// Channels laid out as groups × channels of a group, and read the other way round.
    fn shuffle(&mut self, groups: u64) {
        let (channels, [height, width]) = (self.layer.input.channels(), self.layer.input.sides());
        // A 0 keeps the number of images.
        let apart = self.whole("apart", &[0, groups, channels / groups, height * width].map(|size| size as i64));
        let whole = self.whole("whole", &[0, channels, height, width].map(|size| size as i64));
        let x = self.arrive[0].to_string();
        let grouped = self.part("grouped", "Reshape", &[&x, &apart], Vec::new());
        let turned = self.part("turned", "Transpose", &[&grouped], vec![ints("perm", [0, 2, 1, 3])]);
        self.node("Reshape", &[&turned, &whole], Vec::new());
    }

    fn norm(&mut self, norm: Norm) {
        let (x, channels) = (self.arrive[0].to_string(), self.layer.input.channels());
        match norm {
            Norm::Batch(norm) => {
                let [weight, bias] = self.affine(norm.affine, channels);
                let [mean, variance] = self.writer.statistics(self.layer, channels);
                // ONNX's momentum is the share of what was there.
                let attributes = vec![float("epsilon", norm.eps), float("momentum", 1.0 - norm.momentum)];
                self.node("BatchNormalization", &[&x, &weight, &bias, &mean, &variance], attributes);
            }
            Norm::Instance { eps, affine } => {
                let [weight, bias] = self.affine(affine, channels);
                self.node("InstanceNormalization", &[&x, &weight, &bias], vec![float("epsilon", eps)]);
            }
            Norm::Group { groups, eps } => {
                let apart = self.whole("apart", &[0, groups as i64, -1]);
                let whole: Vec<i64> =
                    std::iter::once(0).chain(self.layer.input.to_vec().into_iter().map(|size| size as i64)).collect();
                let whole = self.whole("whole", &whole);
                let ones = self.floats("ones", &[groups], vec![1.0; groups as usize]);
                let zeros = self.floats("zeros", &[groups], vec![0.0; groups as usize]);
                let grouped = self.part("grouped", "Reshape", &[&x, &apart], Vec::new());
                let normed = vec![float("epsilon", eps)];
                let normed = self.part("normed", "InstanceNormalization", &[&grouped, &ones, &zeros], normed);
                let normed = self.part("joined", "Reshape", &[&normed, &whole], Vec::new());
                let (weight, bias) = (self.per_channel(Role::Weight), self.per_channel(Role::Bias));
                let scaled = self.part("scaled", "Mul", &[&normed, &weight], Vec::new());
                self.node("Add", &[&scaled, &bias], Vec::new());
            }
            Norm::Layer { eps } => {
                let [weight, bias] = self.affine(true, channels);
                let attributes = vec![int("axis", -1), float("epsilon", eps)];
                if self.layer.input.is_flat() {
                    return self.node("LayerNormalization", &[&x, &weight, &bias], attributes);
                }
                let turned = self.part("turned", "Transpose", &[&x], vec![ints("perm", [0, 2, 3, 1])]);
                let normed = self.part("normed", "LayerNormalization", &[&turned, &weight, &bias], attributes);
                self.node("Transpose", &[&normed], vec![ints("perm", [0, 3, 1, 2])]);
            }
            Norm::Lrn(lrn) => self.lrn(&x, lrn),
        }
    }

    /// Factors and shifts; ones and zeros where there are none to learn.
    fn affine(&mut self, affine: bool, channels: u64) -> [String; 2] {
        match affine {
            true => [Role::Weight, Role::Bias].map(|role| self.writer.parameter(self.layer, role, &[channels])),
            false => [("ones", 1.0), ("zeros", 0.0)]
                .map(|(part, value)| self.floats(part, &[channels], vec![value; channels as usize])),
        }
    }

    /// ONNX's neighbours are those of PyTorch where their number is odd. Where it is even, PyTorch's begin one channel earlier,
    /// and the mean of squares is taken as a pool over channels.
    fn lrn(&mut self, x: &str, lrn: Lrn) {
        let Lrn { size, alpha, beta, k } = lrn;
        if !size.is_multiple_of(2) {
            let attributes =
                vec![float("alpha", alpha), float("beta", beta), float("bias", k), int("size", size as i64)];
            return self.node("LRN", &[x], attributes);
        }
        let (channels, [height, width]) = (self.layer.input.channels(), self.layer.input.sides());
        let squares = self.part("squares", "Mul", &[x, x], Vec::new());
        let apart = self.whole("apart", &[0, 1, channels as i64, (height * width) as i64]);
        let flat = self.part("flat", "Reshape", &[&squares, &apart], Vec::new());
        let padded = self.padded("padded", &flat, [size / 2, 0, size / 2 - 1, 0], 0.0);
        let pool = vec![ints("kernel_shape", [size, 1]), ints("strides", [1, 1])];
        let mean = self.part("mean", "AveragePool", &[&padded], pool);
        let whole = self.whole("whole", &[0, channels as i64, height as i64, width as i64]);
        let mean = self.part("mean_map", "Reshape", &[&mean, &whole], Vec::new());
        let [alpha, beta, k] = [("alpha", alpha), ("beta", beta), ("k", k)].map(|(part, own)| self.scalar(part, own));
        let scaled = self.part("scaled", "Mul", &[&mean, &alpha], Vec::new());
        let shifted = self.part("shifted", "Add", &[&scaled, &k], Vec::new());
        let divisor = self.part("divisor", "Pow", &[&shifted, &beta], Vec::new());
        self.node("Div", &[x, &divisor], Vec::new());
    }

    fn activation(&mut self, activation: Activation) {
        let x = self.arrive[0].to_string();
        let x = x.as_str();
        match activation {
            Activation::Relu => self.node("Relu", &[x], Vec::new()),
            Activation::Relu6 => {
                let (least, most) = (self.scalar("min", 0.0), self.scalar("max", 6.0));
                self.node("Clip", &[x, &least, &most], Vec::new());
            }
            Activation::LeakyRelu { slope } => self.node("LeakyRelu", &[x], vec![float("alpha", slope)]),
            Activation::Elu => self.node("Elu", &[x], vec![float("alpha", 1.0)]),
            Activation::Sigmoid => self.node("Sigmoid", &[x], Vec::new()),
            Activation::Tanh => self.node("Tanh", &[x], Vec::new()),
            Activation::Silu => {
                let gate = self.part("sigmoid", "Sigmoid", &[x], Vec::new());
                self.node("Mul", &[x, &gate], Vec::new());
            }
            Activation::Mish => {
                let softplus = self.part("softplus", "Softplus", &[x], Vec::new());
                let gate = self.part("tanh", "Tanh", &[&softplus], Vec::new());
                self.node("Mul", &[x, &gate], Vec::new());
            }
            Activation::HardSwish => self.node("HardSwish", &[x], Vec::new()),
            Activation::HardSigmoid => {
                self.node("HardSigmoid", &[x], vec![float("alpha", 1.0 / 6.0), float("beta", 0.5)]);
            }
            // x · (1 + erf(x/√2)) / 2.
            Activation::Gelu => {
                let root = self.scalar("root_of_2", std::f64::consts::SQRT_2);
                let divided = self.part("divided", "Div", &[x, &root], Vec::new());
                let erf = self.part("erf", "Erf", &[&divided], Vec::new());
                self.half_of_one_more(x, &erf);
            }
            // x · (1 + tanh(√(2/π)·(x + 0.044715·x³))) / 2.
            Activation::GeluTanh => {
                let three = self.scalar("three", 3.0);
                let share = self.scalar("share", 0.044715);
                let root = self.scalar("root", (2.0 / std::f64::consts::PI).sqrt());
                let cube = self.part("cube", "Pow", &[x, &three], Vec::new());
                let small = self.part("small", "Mul", &[&cube, &share], Vec::new());
                let sum = self.part("sum", "Add", &[x, &small], Vec::new());
                let inside = self.part("inside", "Mul", &[&sum, &root], Vec::new());
                let tanh = self.part("tanh", "Tanh", &[&inside], Vec::new());
                self.half_of_one_more(x, &tanh);
            }
        }
    }

    /// x · (1 + y) / 2.
    fn half_of_one_more(&mut self, x: &str, y: &str) {
        let (one, half) = (self.scalar("one", 1.0), self.scalar("half", 0.5));
        let more = self.part("more", "Add", &[y, &one], Vec::new());
        let product = self.part("product", "Mul", &[x, &more], Vec::new());
        self.node("Mul", &[&product, &half], Vec::new());
    }

    fn pad_channels(&mut self, stride: Pair, before: u64) {
        let x = self.arrive[0].to_string();
        let starts = self.whole("starts", &[0, 0]);
        let ends = self.whole("ends", &[i64::MAX, i64::MAX]);
        let axes = self.whole("axes", &[2, 3]);
        let steps = self.whole("steps", &stride.to_array().map(|step| step as i64));
        let fewer = self.part("fewer", "Slice", &[&x, &starts, &ends, &axes, &steps], Vec::new());
        let behind = self.layer.output.channels() - self.layer.input.channels() - before;
        let pads = self.whole("pads", &[0, before as i64, 0, 0, 0, behind as i64, 0, 0]);
        let zero = self.scalar("zero", 0.0);
        self.node("Pad", &[&fewer, &pads, &zero], Vec::new());
    }
}

fn dilations(window: Window) -> AttributeProto {
    ints("dilations", window.dilation.to_array())
}

/// Kernel, stride and padding as ONNX names them.
fn sliding(window: Window) -> Vec<AttributeProto> {
    let (before, after) = (window.padding.before(), window.padding.after());
    vec![
        ints("kernel_shape", window.kernel.to_array()),
        ints("strides", window.stride.to_array()),
        ints("pads", [before.height, before.width, after.height, after.width]),
    ]
}
