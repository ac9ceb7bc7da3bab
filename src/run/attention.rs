//! What in the input an output depends on, through dfdx's backward pass: the effective receptive field of a unit, and where a
//! decision looks.

use std::ops::ControlFlow;

use dfdx::prelude::*;

use crate::graph::Source;
use crate::graph::unit::Span;
use crate::network::kernels::conv::Algorithm;
use crate::network::kernels::view;
use crate::network::{Compiled, Mode, Values};

/// A non-negative value for every pixel of a plane, row by row.
#[derive(Debug, Clone, PartialEq)]
pub struct Heat {
    pub height: usize,
    pub width: usize,
    pub values: Vec<f64>,
}

impl Heat {
    pub fn total(&self) -> f64 {
        self.values.iter().sum()
    }

    pub fn largest(&self) -> f64 {
        self.values.iter().copied().fold(0.0, f64::max)
    }

    /// Part of the heat between two rows and two columns; 0 where there is none at all. Pixel n goes from n to n + 1; of one
    /// that lies within only in part, that part counts.
    pub fn share_within(&self, rows: (f64, f64), columns: (f64, f64)) -> f64 {
        let total = self.total();
        let parts = |(from, to): (f64, f64), length: usize| -> Vec<(usize, f64)> {
            let part = |at: usize| (to.min(at as f64 + 1.0) - from.max(at as f64)).clamp(0.0, 1.0);
            (0..length).map(|at| (at, part(at))).filter(|(_, part)| *part > 0.0).collect()
        };
        let (rows, columns) = (parts(rows, self.height), parts(columns, self.width));
        let row_sum = |row: usize| -> f64 {
            let values = &self.values[row * self.width..][..self.width];
            columns.iter().map(|(column, part)| values[*column] * part).sum()
        };
        let inside: f64 = rows.iter().map(|(row, part)| row_sum(*row) * part).sum();
        if total > 0.0 { inside / total } else { 0.0 }
    }
}

/// The gradient of a unit with respect to the input, beside the field that the arithmetic gives it.
#[derive(Debug, Clone, PartialEq)]
pub struct Effective {
    /// Mean over the samples of Σ over input channels of |∂ unit / ∂ pixel|.
    pub heat: Heat,
    pub samples: usize,
    /// The theoretical field: rows, columns.
    pub spans: [Span; 2],
}

impl Effective {
    /// Part of the gradient in the box of half the sides in the middle of what the unit sees of the input: a quarter, if every
    /// pixel mattered alike.
    pub fn share_in_central_half(&self) -> f64 {
        let half = |span: &Span| {
            let (first, last) = span.clipped().unwrap_or((0, 0));
            let (first, length) = (first as f64, (last - first + 1) as f64);
            (first + length / 4.0, first + length * 3.0 / 4.0)
        };
        self.heat.share_within(half(&self.spans[0]), half(&self.spans[1]))
    }

    /// Rows and columns of the smallest box of the field's proportions around its middle that holds `share` of the gradient,
    /// as far as it lies on the input; none where there is no gradient, or one that is not finite.
    pub fn box_that_holds(&self, share: f64) -> Option<[u64; 2]> {
        let total = self.heat.total();
        if total <= 0.0 || !total.is_finite() {
            return None;
        }
        let lengths = [0, 1].map(|axis| self.spans[axis].last - self.spans[axis].first + 1);
        let longest = lengths[0].max(lengths[1]).max(1);
        let around = |axis: usize, side: i128| {
            let own = (lengths[axis] * side + longest - 1) / longest;
            let first = self.spans[axis].first + (lengths[axis] - own) / 2;
            (first, first + own - 1)
        };
        let edges = |(first, last): (i128, i128)| (first as f64, last as f64 + 1.0);
        let holds = |side: i128| self.heat.share_within(edges(around(0, side)), edges(around(1, side))) >= share;
        // The share grows with the box, so the first that holds enough is found by halving.
        let (mut small, mut large) = (0, longest);
        while large - small > 1 {
            let middle = (small + large) / 2;
            if holds(middle) { large = middle } else { small = middle }
        }
        Some([0, 1].map(|axis| {
            let (first, last) = around(axis, large);
            let most = self.spans[axis].input as i128 - 1;
            u64::try_from(last.min(most) - first.max(0) + 1).unwrap_or(0)
        }))
    }

    /// The side of a square as large as the pixels above 4.55% of the largest gradient: what Luo et al. (2016), section 3,
    /// call the size of the effective field (two standard deviations of a Gaussian).
    pub fn size_above_two_sigma(&self) -> f64 {
        let limit = 0.0455 * self.heat.largest();
        let count = self.heat.values.iter().filter(|&&value| value > limit).count();
        (count as f64).sqrt()
    }
}

/// The effective receptive field of unit (`row`, `column`) of a layer, all its channels added up, as Luo et al. (2016) measure
/// it: the mean over inputs of the absolute gradient. `inputs` makes the values of the n-th; `after` hears how many are done
/// and may stop the work, which then gives `None`.
pub fn effective(
    network: &mut Compiled,
    layer: usize,
    (row, column): (usize, usize),
    spans: [Span; 2],
    samples: usize,
    inputs: impl Fn(usize) -> Vec<f32>,
    mut after: impl FnMut(usize) -> ControlFlow<()>,
) -> Option<Effective> {
    let (channels, height, width) = network.input_dims();
    let mut heat = Heat { height, width, values: vec![0.0; height * width] };
    // Winograd's rounding would leave traces beside the field, where the gradient is 0.
    let algorithm = network.conv_algorithm.replace(Algorithm::Im2col);
    let whole = (0..samples.max(1)).try_for_each(|sample| {
        let input = network.batch(inputs(sample));
        let output = frozen(network, |network| {
            network.forward_to(layer + 1, input.leaky_trace(), Mode::Evaluate, true, |_, _| after(sample))
        })?;
        let (_, maps, rows, columns) = *output.shape();
        let mut chosen = vec![0.0; maps * rows * columns];
        for map in 0..maps {
            chosen[(map * rows + row) * columns + column] = 1.0;
        }
        let gradient = gradient_of(output, chosen, &input);
        for plane in gradient.chunks(height * width).take(channels) {
            let sums = heat.values.iter_mut().zip(plane);
            sums.for_each(|(sum, value)| *sum += f64::from(value.abs()) / samples.max(1) as f64);
        }
        Some(())
    });
    network.conv_algorithm = algorithm;
    whole?;
    Some(Effective { heat, samples: samples.max(1), spans })
}

/// Does work with no gradients of parameters: they would take as much memory as the parameters.
fn frozen<T>(network: &mut Compiled, work: impl FnOnce(&mut Compiled) -> T) -> T {
    let all = vec![true; network.layers.len()];
    let before = std::mem::replace(&mut network.frozen, all);
    let done = work(network);
    network.frozen = before;
    done
}

/// The gradient of Σ `weights`·output with respect to `input`.
fn gradient_of(output: Values<OwnedTape<f32, Cpu>>, weights: Vec<f32>, input: &Values) -> Vec<f32> {
    let shape = *output.shape();
    let weights = view::tensor(output.device(), weights, shape);
    let gradients = (output * weights).sum::<Rank0, _>().backward();
    gradients.get(input).as_vec()
}

/// How it is told where a decision looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Selvaraju et al. (2017): the last map's channels, weighted by the mean gradient of the class with respect to each,
    /// where they speak for it.
    GradCam,
    /// Σ over channels of |gradient of the class · input|, pixel by pixel.
    GradientInput,
}

impl Method {
    pub fn name(self) -> &'static str {
        match self {
            Method::GradCam => "Grad-CAM",
            Method::GradientInput => "gradient × input",
        }
    }
}

/// Why there is nothing to look at.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LookError {
    #[error("class {class} is not one of the network's {classes} (0 to {})", .classes.saturating_sub(1))]
    Class { class: usize, classes: usize },
    #[error("the network has no map with more than one place before its classes, so there is nowhere to look")]
    NoMap,
}

/// Where in one image the network looks for a class, over the input's rows and columns.
pub fn look(network: &mut Compiled, input: Vec<f32>, class: usize, method: Method) -> Result<Heat, LookError> {
    let classes = network.outputs();
    if class >= classes {
        return Err(LookError::Class { class, classes });
    }
    let input = network.batch(input);
    match method {
        Method::GradCam => grad_cam(network, input, class),
        Method::GradientInput => Ok(gradient_input(network, input, class)),
    }
}

/// The layers whose output is the class scores: a softmax at the end is left out, as the paper does.
fn scores(network: &Compiled) -> usize {
    let ends = network.layers.last().is_some_and(|layer| layer.operation.kind() == "softmax");
    network.layers.len() - usize::from(ends)
}

fn one_hot(classes: usize, class: usize) -> Vec<f32> {
    (0..classes).map(|own| f32::from(u8::from(own == class))).collect()
}

fn gradient_input(network: &mut Compiled, input: Values, class: usize) -> Heat {
    let (_, height, width) = network.input_dims();
    let mut heat = Heat { height, width, values: vec![0.0; height * width] };
    let (end, go_on) = (scores(network), |_: usize, _: &_| ControlFlow::Continue(()));
    let output = frozen(network, |network| network.forward_to(end, input.leaky_trace(), Mode::Evaluate, true, go_on));
    let Some(output) = output else { return heat };
    let weights = one_hot(network.outputs(), class);
    let gradient = gradient_of(output, weights, &input);
    let values = view::values(&input);
    for (plane, values) in gradient.chunks(height * width).zip(values.chunks(height * width)) {
        let sums = heat.values.iter_mut().zip(plane.iter().zip(values));
        sums.for_each(|(sum, (gradient, value))| *sum += f64::from((gradient * value).abs()));
    }
    heat
}

fn grad_cam(network: &mut Compiled, input: Values, class: usize) -> Result<Heat, LookError> {
    let is_map = |index: &usize| {
        let sizes = network.layers[*index].output.to_vec();
        sizes.len() == 3 && sizes[1] * sizes[2] > 1
    };
    let end = scores(network);
    // The last layer that still has places, pooled as little as can be: the one before the last pooling.
    let last_map = (0..end).rev().find(is_map).ok_or(LookError::NoMap)?;
    let is_passed = |index: usize| {
        let kind = network.layers[index].operation.kind();
        kind.ends_with("pool") || kind == "dropout"
    };
    let mut target = last_map;
    while is_passed(target)
        && let Some(Source::Layer(before)) = network.layers[target].inputs.first()
    {
        target = *before;
    }
    let target = if is_map(&target) { target } else { last_map };
    let go_on = |_: usize, _: &_| ControlFlow::Continue(());
    let ran = frozen(network, |network| network.forward_from(target, end, input, Mode::Evaluate, go_on));
    let Some((map, output)) = ran else { return Err(LookError::NoMap) };
    let (_, channels, rows, columns) = *map.shape();
    let gradient = gradient_of(output, one_hot(network.outputs(), class), &map);
    let values = view::values(&map);
    let area = rows * columns;
    let mut coarse = vec![0.0; area];
    for channel in 0..channels {
        let of = channel * area..(channel + 1) * area;
        let weight = gradient[of.clone()].iter().map(|&value| f64::from(value)).sum::<f64>() / area as f64;
        coarse.iter_mut().zip(&values[of]).for_each(|(sum, &value)| *sum += weight * f64::from(value));
    }
    coarse.iter_mut().for_each(|value| *value = value.max(0.0));
    let (_, height, width) = network.input_dims();
    Ok(enlarged(&Heat { height: rows, width: columns, values: coarse }, height, width))
}

/// A coarse map over more rows and columns, bilinear with half-pixel centres, as PyTorch's `align_corners=False`.
fn enlarged(heat: &Heat, height: usize, width: usize) -> Heat {
    let axis = |length: usize, from: usize| {
        (0..length).map(move |at| {
            let place = ((at as f64 + 0.5) * from as f64 / length as f64 - 0.5).clamp(0.0, (from - 1) as f64);
            let low = place.floor() as usize;
            (low, (low + 1).min(from - 1), place - low as f64)
        })
    };
    let mut values = Vec::with_capacity(height * width);
    for (top, bottom, down) in axis(height, heat.height) {
        for (left, right, across) in axis(width, heat.width) {
            let at = |row: usize, column: usize| heat.values[row * heat.width + column];
            let upper = at(top, left) * (1.0 - across) + at(top, right) * across;
            let lower = at(bottom, left) * (1.0 - across) + at(bottom, right) * across;
            values.push(upper * (1.0 - down) + lower * down);
        }
    }
    Heat { height, width, values }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{self, Graph, unit};
    use crate::network::init::Init;
    use crate::run::forward::noise;
    use crate::spec::{Library, Origin};

    fn network(text: &str) -> Graph {
        let loaded = Library::new(None).load_text(&Origin::File("net.yaml".into()), text.into(), &[]).expect("sound");
        graph::analyse(&loaded).expect("shapes that fit")
    }

    const NET: &str = "input: [2, 17, 13]\nclasses: 3\nlayers:\n  - conv: {out: 4, kernel: [3, 5], norm: batch, activation: gelu}\n  \
        - maxpool\n  - conv: {out: 3, dilation: 2, activation: relu}\n  - avgpool: 2\n  - flatten\n  - fc-classes\n";

    #[test]
    fn the_theoretical_field_contains_the_effective_one() {
        let network = network(NET);
        let mut compiled = Compiled::initialised(&network, Init::Kaiming, 3);
        let layer = network.layers.iter().position(|layer| layer.name == "conv2").expect("there");
        for (row, column) in [(0, 0), (4, 3), (7, 5)] {
            let spans = unit::seen(&network, &network.layers[layer], row, column).expect("defined");
            let inputs = |sample: usize| noise(2 * 17 * 13, sample as u64);
            let place = (row as usize, column as usize);
            let go_on = |_| ControlFlow::Continue(());
            let found = effective(&mut compiled, layer, place, spans, 3, inputs, go_on).expect("not stopped");
            let [rows, columns] = spans;
            assert!(found.heat.total() > 0.0);
            let edges = |span: Span| (span.first as f64, span.last as f64 + 1.0);
            let within = found.heat.share_within(edges(rows), edges(columns));
            assert!((within - 1.0).abs() < 1e-12, "{within} of the gradient is inside");
            let held = found.box_that_holds(0.95).expect("a gradient");
            let lengths = [0, 1].map(|axis| (spans[axis].last - spans[axis].first + 1) as u64);
            assert!(held[0] <= lengths[0] && held[1] <= lengths[1] && held[0] > 0);
        }
    }

    #[test]
    fn the_gradient_is_the_difference_that_a_pixel_makes() {
        let network = network(NET);
        let mut compiled = Compiled::initialised(&network, Init::Kaiming, 5);
        let input = noise(2 * 17 * 13, 1);
        let heat = look(&mut compiled, input.clone(), 1, Method::GradientInput).expect("classes");
        let mut score = |values: Vec<f32>| {
            let batch = compiled.batch(values);
            let output = compiled.forward(batch, Mode::Evaluate, false, |_, _| ControlFlow::Continue(()));
            f64::from(view::values(&output.expect("not stopped"))[1])
        };
        for at in [40, 100, 170] {
            let by_difference: f64 = (0..2)
                .map(|channel| {
                    let place = channel * 17 * 13 + at;
                    let moved = |by: f32| {
                        let mut values = input.clone();
                        values[place] += by;
                        values
                    };
                    let slope = (score(moved(1e-2)) - score(moved(-1e-2))) / 2e-2;
                    (slope * f64::from(input[place])).abs()
                })
                .sum();
            let found = heat.values[at];
            assert!((found - by_difference).abs() < 2e-3 + 0.02 * by_difference, "{at}: {found} and {by_difference}");
        }
    }

    #[test]
    fn grad_cam_is_hot_where_the_class_is_decided() {
        // The class is the mean of one channel that passes the input on: what is bright there decides.
        let text = "input: [1, 8, 8]\nclasses: 2\nlayers: [conv: {out: 1, kernel: 1, bias: false, activation: relu}, global_avgpool, flatten, \
             linear: {out: 2, bias: false}]\n";
        let network = network(text);
        let mut compiled = Compiled::initialised(&network, Init::Kaiming, 0);
        for parameter in &mut compiled.parameters {
            let ones = vec![1.0; parameter.len()];
            parameter.values = crate::network::parameters::row(&compiled.device, ones);
        }
        let mut input = vec![0.0; 64];
        input[3 * 8 + 6] = 5.0;
        let heat = look(&mut compiled, input.clone(), 0, Method::GradCam).expect("a map");
        let hottest = heat.values.iter().enumerate().max_by(|one, other| one.1.total_cmp(other.1)).map(|(at, _)| at);
        assert_eq!((hottest, (heat.height, heat.width)), (Some(3 * 8 + 6), (8, 8)));
        assert_eq!(look(&mut compiled, input, 2, Method::GradCam), Err(LookError::Class { class: 2, classes: 2 }));
    }

    #[test]
    fn the_share_and_the_box_follow_the_heat() {
        let span = Span { first: 0, last: 8, read: Some((0, 8)), input: 9 };
        let mut values = vec![0.0; 81];
        values[4 * 9 + 4] = 1.0;
        let heat = Heat { height: 9, width: 9, values };
        let point = Effective { heat, samples: 1, spans: [span, span] };
        assert_eq!((point.share_in_central_half(), point.box_that_holds(0.95)), (1.0, Some([1, 1])));
        let even = Effective { heat: Heat { height: 9, width: 9, values: vec![1.0; 81] }, ..point };
        // Half of 9 is 4.5 on each side; a side of 9 holds all, one of 8 only 64/81.
        assert!((even.share_in_central_half() - 0.25).abs() < 1e-12);
        assert_eq!(even.box_that_holds(0.95), Some([9, 9]));
        assert_eq!(even.size_above_two_sigma(), 9.0);
        // At a corner only what lies on the input counts: 6 of 9 rows and columns, of which 3 are the middle half.
        let corner = Span { first: -3, last: 5, read: Some((0, 5)), input: 6 };
        let heat = |value: f64| Heat { height: 6, width: 6, values: vec![value; 36] };
        let clipped = Effective { heat: heat(1.0), samples: 1, spans: [corner, corner] };
        assert!((clipped.share_in_central_half() - 0.25).abs() < 1e-12);
        assert_eq!(clipped.box_that_holds(0.95), Some([6, 6]));
        for nothing in [0.0, f64::NAN] {
            let none = Effective { heat: heat(nothing), ..clipped.clone() };
            assert_eq!(none.box_that_holds(0.95), None);
        }
    }
}
