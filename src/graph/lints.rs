//! Advice: what is legal but rarely meant, each with a way out.

use std::collections::HashMap;

use super::figures::grouped;
use super::{Graph, Layer, Operation, Shape, Source, Wiring};
use crate::spec::describe::{Activation, Norm};

/// One piece of advice about one layer or block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lint {
    /// A stable name, for scripts to switch on.
    pub code: &'static str,
    /// The path of the layer or block it is about.
    pub layer: String,
    /// What is the case, as a sentence.
    pub message: String,
    /// What could be done.
    pub advice: &'static str,
}

/// All advice, in the order of the layers.
pub fn lints(network: &Graph) -> Vec<Lint> {
    let mut found = Vec::new();
    let readers = only_readers(network);
    for (index, layer) in network.layers.iter().enumerate() {
        let next = readers[index].map(|reader| &network.layers[reader]);
        found.extend(bias_before_batch_norm(layer, next));
        found.extend(adaptive_upsamples(layer, || next_linear(network, index)));
        found.extend(pool_drops(layer));
        found.extend(most_parameters(network, layer));
    }
    found.extend(field_outgrows_input(network));
    found.extend(relu_on_logits(network));
    found.extend(classes_differ(network));
    found.extend(channels_last(network));
    found.extend(only_shrinks(network));
    found.extend(deep_plain(network));
    found.extend(nobody_reads(network));
    found.extend(never_identity(network));
    found.extend(misaligned(network));
    let mut places: HashMap<&str, usize> = HashMap::new();
    for layer in &network.layers {
        for name in layer.blocks.iter().chain([&layer.name]) {
            places.entry(name).or_insert(layer.index);
        }
    }
    found.sort_by_key(|lint| places.get(lint.layer.as_str()).copied());
    found
}

/// What is nearly always a slip, for those who did not ask for advice.
pub fn slip(network: &Graph) -> Option<Lint> {
    channels_last(network)
}

/// For each layer the one that reads it, if only one does.
fn only_readers(network: &Graph) -> Vec<Option<usize>> {
    let mut readers: Vec<(usize, Option<usize>)> = vec![(0, None); network.layers.len()];
    for layer in &network.layers {
        for source in &layer.inputs {
            if let Source::Layer(from) = source {
                readers[*from] = (readers[*from].0 + 1, Some(layer.index));
            }
        }
    }
    readers.into_iter().map(|(count, reader)| reader.filter(|_| count == 1)).collect()
}

fn next_linear(network: &Graph, index: usize) -> Option<&Layer> {
    network.layers[index..].iter().find(|layer| matches!(layer.operation, Operation::Linear { .. }))
}

fn bias_before_batch_norm(layer: &Layer, next: Option<&Layer>) -> Option<Lint> {
    let normed = matches!(next?.operation, Operation::Norm(Norm::Batch(_)));
    (normed && layer.biases > 0 && layer.has_weights()).then(|| Lint {
        code: "bias-before-batch-norm",
        layer: layer.name.clone(),
        message: format!("the {} biases do nothing: batch norm subtracts the mean they add to", grouped(layer.biases)),
        advice: "`bias: false`",
    })
}

fn adaptive_upsamples<'n>(layer: &Layer, linear: impl FnOnce() -> Option<&'n Layer>) -> Option<Lint> {
    let (
        Operation::AdaptiveAvgPool,
        Shape::Map { height, width, .. },
        Shape::Map { channels, height: rows, width: columns },
    ) = (&layer.operation, layer.input, layer.output)
    else {
        return None;
    };
    if rows < height || columns < width || (rows, columns) == (height, width) {
        return None;
    }
    let copies = (rows * columns) as f64 / (height * width) as f64;
    let fed = linear().map_or_else(String::new, |linear| {
        let wide = channels * rows * columns;
        format!(", feeding `{}` {} values, {copies:.0} copies of each", linear.name, grouped(wide))
    });
    Some(Lint {
        code: "adaptive-pool-copies",
        layer: layer.name.clone(),
        message: format!("a {rows}×{columns} adaptive pool on a {height}×{width} map only repeats values{fed}"),
        advice: "a smaller `adaptive_avgpool`, or `global_avgpool`",
    })
}

fn pool_drops(layer: &Layer) -> Option<Lint> {
    let (Operation::MaxPool { window, ceil } | Operation::AvgPool { window, ceil, .. }) = &layer.operation else {
        return None;
    };
    let (Shape::Map { height, width, .. }, Shape::Map { height: rows, width: columns, .. }) =
        (layer.input, layer.output)
    else {
        return None;
    };
    let left = |size: u64, outputs: u64, kernel: u64, stride: u64, padding: u64| {
        (size + padding).saturating_sub((outputs - 1) * stride + kernel)
    };
    let below = left(height, rows, window.kernel.height, window.stride.height, window.padding.top);
    let right = left(width, columns, window.kernel.width, window.stride.width, window.padding.left);
    (below > 0 || right > 0).then(|| Lint {
        code: "pool-drops-rows",
        layer: layer.name.clone(),
        message: format!("the pool drops the last {below} rows and {right} columns of the {height}×{width} map"),
        advice: match ceil {
            true => "a smaller stride, or an input whose size divides",
            false => "`ceil: true`, padding, or an input whose size divides",
        },
    })
}

fn most_parameters(network: &Graph, layer: &Layer) -> Option<Lint> {
    let (own, all) = (layer.params(), network.totals.params);
    (2 * u128::from(own) > u128::from(all) && network.totals.weight_layers > 2).then(|| Lint {
        code: "most-parameters-in-one-layer",
        layer: layer.name.clone(),
        message: format!(
            "{:.0}% of all parameters are in this layer ({} of {})",
            100.0 * own as f64 / all as f64,
            grouped(own),
            grouped(all)
        ),
        advice: "`global_avgpool` before it, or fewer outputs",
    })
}

fn field_outgrows_input(network: &Graph) -> Option<Lint> {
    let input = network.architecture.input;
    let sizes = [input.height, input.width];
    let outgrown = |layer: &&Layer| {
        layer.field.as_ref().is_some_and(|field| {
            (0..2).any(|axis| field[axis].jump().is_some() && field[axis].size() > sizes[axis].into())
        })
    };
    let layer = network.layers.iter().find(outgrown)?;
    let field = layer.field_size()?;
    Some(Lint {
        code: "field-outgrows-input",
        layer: layer.name.clone(),
        message: format!(
            "from here on a unit's field ({}×{}) is larger than the {}×{} input; the rest of it is padding",
            field[0], field[1], input.height, input.width
        ),
        advice: "a larger input, less pooling, or fewer layers",
    })
}

/// Only where there are logits: as many values as classes, from a layer with weights.
fn relu_on_logits(network: &Graph) -> Option<Lint> {
    let last = network.logits()?;
    let cut = matches!(last.operation, Operation::Activation(Activation::Relu | Activation::Relu6));
    let mut before = last.inputs.first();
    while let Some(Source::Layer(index)) = before {
        let layer = &network.layers[*index];
        if layer.has_weights() || matches!(layer.operation, Operation::Norm(_)) {
            break;
        }
        before = layer.inputs.first();
    }
    let of_weights = matches!(before, Some(Source::Layer(_)));
    let classes = network.architecture.classes.is_none_or(|classes| u128::from(classes) == last.output.elements());
    (cut && last.output.is_flat() && of_weights && classes).then(|| Lint {
        code: "relu-on-logits",
        layer: last.name.clone(),
        message: "a ReLU on the logits: classes below 0 are told apart no more and get no gradient".into(),
        advice: "`activation: none` on the last layer",
    })
}

/// Layers that are run for nothing.
fn nobody_reads(network: &Graph) -> Vec<Lint> {
    let mut is_read = vec![false; network.layers.len()];
    for layer in &network.layers {
        for source in &layer.inputs {
            if let Source::Layer(from) = source {
                is_read[*from] = true;
            }
        }
    }
    let last = network.layers.len().saturating_sub(1);
    let unread = network.layers.iter().filter(|layer| !is_read[layer.index] && layer.index != last);
    unread
        .map(|layer| Lint {
            code: "output-unread",
            layer: layer.name.clone(),
            message: "nobody reads what this layer gives, though it is counted and run".into(),
            advice: "a branch that begins with `from:` it, or no such layer",
        })
        .collect()
}

/// Residual stages in which no shortcut leaves what arrives as it is: what He et al. found to help is then not there.
fn never_identity(network: &Graph) -> Option<Lint> {
    let residuals: Vec<_> = network.blocks.iter().filter(|block| block.wiring == Wiring::Residual).collect();
    let first = residuals.first()?;
    let arrives_unchanged = |block: &&super::Block| {
        let mut added = network.layers[block.layers.clone()].iter().rev();
        let add = added.find(|layer| matches!(layer.operation, Operation::Add));
        let Some(mut over) = add.and_then(|add| add.inputs.last()) else { return false };
        // A norm alone, or zeros around, still hands on what arrives.
        while let Source::Layer(from) = over {
            let layer = &network.layers[*from];
            if !block.layers.contains(from) {
                return true;
            }
            match layer.inputs.as_slice() {
                [one] if !layer.has_weights() => over = one,
                _ => return false,
            }
        }
        true
    };
    (residuals.len() > 1 && !residuals.iter().any(arrives_unchanged)).then(|| Lint {
        code: "no-identity-shortcut",
        layer: first.path.clone(),
        message: format!("none of the {} residual blocks adds what arrives as it is", residuals.len()),
        advice: "layers that keep the shape after the first block of a stage (`repeat` with `first`)",
    })
}

/// Joins of paths whose units look at different places.
fn misaligned(network: &Graph) -> Option<Lint> {
    let joins = network.layers.iter().filter(|layer| matches!(layer.operation, Operation::Add | Operation::Concat));
    let mut found = joins.filter_map(|layer| {
        let fields: Vec<_> = layer.inputs.iter().map(|source| network.field_of(*source)).collect::<Option<_>>()?;
        let centers = |field: &super::Field| Some([field[0].mean_center()?, field[1].mean_center()?]);
        let first = centers(fields.first()?)?;
        let differs = |own: &[f64; 2]| (0..2).any(|axis| (own[axis] - first[axis]).abs() > 0.01);
        let other = fields.iter().filter_map(centers).find(differs)?;
        let axis = usize::from((other[0] - first[0]).abs() <= 0.01);
        Some(Lint {
            code: "misaligned-join",
            layer: layer.name.clone(),
            message: format!(
                "its paths look at different places: unit 0 of one is centred on pixel {}, of another on {}",
                first[axis], other[axis]
            ),
            advice: "the same padding on both paths",
        })
    });
    // What one join has moved is moved in all behind it: the first says it.
    found.next()
}

/// `[28, 28, 1]` for `[1, 28, 28]`: legal, since maps one pixel wide are, and nearly always a slip.
fn channels_last(network: &Graph) -> Option<Lint> {
    let (input, first) = (network.architecture.input, network.layers.first()?);
    input.looks_channels_last().then(|| Lint {
        code: "channels-last",
        layer: first.name.clone(),
        message: format!(
            "the input is {} channels of {}×{} pixels; channels come first here",
            input.channels, input.height, input.width
        ),
        advice: "`input: [channels, height, width]`",
    })
}

fn classes_differ(network: &Graph) -> Option<Lint> {
    let (classes, last) = (network.architecture.classes?, network.layers.last()?);
    let outputs = last.output.elements();
    (last.output.is_flat() && outputs != u128::from(classes)).then(|| Lint {
        code: "classes-differ",
        layer: last.name.clone(),
        message: format!("the file says {classes} classes, but {outputs} values come out"),
        advice: "`out: classes` in the last layer",
    })
}

/// Blocks that make the map smaller and learn nothing.
fn only_shrinks(network: &Graph) -> Vec<Lint> {
    // Path, whether the map gets smaller inside, whether anything inside has parameters.
    let mut blocks: Vec<(&str, bool, bool)> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for layer in &network.layers {
        for block in &layer.blocks {
            let place = *places.entry(block).or_insert_with(|| {
                blocks.push((block, false, false));
                blocks.len() - 1
            });
            blocks[place].1 |= !layer.output.is_flat() && layer.output.elements() < layer.input.elements();
            blocks[place].2 |= layer.params() > 0;
        }
    }
    // A pool as a branch, or on a shortcut, is there for what it joins.
    let wired: HashMap<&str, Wiring> = network.blocks.iter().map(|block| (block.path.as_str(), block.wiring)).collect();
    let stands_alone = |path: &str| {
        let around = path.rsplit_once('.').and_then(|(around, _)| wired.get(around));
        wired.get(path) == Some(&Wiring::Sequence) && around.is_none_or(|wiring| *wiring == Wiring::Sequence)
    };
    let shrinking = blocks.into_iter().filter(|(path, smaller, learns)| *smaller && !learns && stands_alone(path));
    shrinking
        .map(|(block, ..)| Lint {
            code: "block-only-shrinks",
            layer: block.to_string(),
            message: "this block makes the map smaller and learns nothing".into(),
            advice: "a conv in it, or the pool in the block before",
        })
        .collect()
}

/// Weight layers above which the paper could not train from small random weights: configuration A has 11.
const SHALLOW: u64 = 11;

fn deep_plain(network: &Graph) -> Option<Lint> {
    let normed = network.layers.iter().any(|layer| matches!(layer.operation, Operation::Norm(_)));
    let unscaled = network.architecture.train.init.as_deref() == Some("paper");
    let layers = network.totals.weight_layers;
    (layers > SHALLOW && !normed && unscaled).then(|| Lint {
        code: "deep-plain-stack",
        layer: network.layers.first().map_or_else(String::new, |layer| layer.name.clone()),
        message: format!(
            "{layers} weight layers without normalisation, drawn as `init: paper` does: training may stall (the paper itself began with A's weights)"
        ),
        advice: "`defaults: {conv: {norm: batch}}`, or `train: {init: kaiming}`",
    })
}
