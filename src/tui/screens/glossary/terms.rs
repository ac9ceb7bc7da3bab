//! What the words and marks of the screens mean, and what they come to at the selected layer.

use crate::graph::figures::{bytes, field_text, grouped};
use crate::graph::{Graph, Layer, formulas};

pub struct Term {
    pub name: &'static str,
    /// In one line.
    pub short: &'static str,
    pub long: &'static str,
    /// The formula, where there is one.
    pub formula: &'static str,
    /// What it is at a layer.
    pub here: fn(&Graph, &Layer) -> Option<String>,
}

const fn term(
    name: &'static str,
    short: &'static str,
    long: &'static str,
    formula: &'static str,
    here: fn(&Graph, &Layer) -> Option<String>,
) -> Term {
    Term { name, short, long, formula, here }
}

fn nothing(_: &Graph, _: &Layer) -> Option<String> {
    None
}

pub const TERMS: [Term; 19] = [
    term(
        "k s p",
        "kernel, stride, padding",
        "The side of the window that slides over the map, by how many pixels it moves, and how many rows of zeros are put around the map \
         first. 3 1 1 is a 3×3 window that moves by one pixel and keeps the map's size.",
        "",
        |_, layer| {
            let window = layer.operation.window()?;
            let [kernel, stride] = [window.kernel, window.stride].map(crate::graph::figures::pair);
            let padding = crate::graph::figures::padding(window.padding);
            Some(format!("kernel {kernel}, stride {stride}, padding {padding}"))
        },
    ),
    term(
        "output",
        "channels×height×width that come out",
        "Each channel is a map of the image, made by one filter. Without maps it is a number of features.",
        "(in − kernel + 2·padding)/stride + 1",
        |graph, layer| Some(formulas::of(graph, layer).output),
    ),
    term(
        "params",
        "numbers that are learned",
        "Weights and biases. A conv has one weight for each place of its window, each channel that comes in and each that goes out.",
        "kernel·kernel·in·out + out",
        |graph, layer| Some(formulas::of(graph, layer).params),
    ),
    term(
        "MACs",
        "multiply-adds for one image",
        "One multiplication and one addition. Papers that count FLOPs count two for each. Biases, norms and activations are not counted, as \
         in the papers.",
        "kernel·kernel·in·out·height·width",
        |graph, layer| Some(formulas::of(graph, layer).macs),
    ),
    term(
        "share",
        "part of all MACs",
        "How much of the network's work this row is. The bar beside it is the same; sorted by another column it is the part of that.",
        "",
        |graph, layer| Some(format!("{:.1}% of all MACs", 100.0 * layer.macs as f64 / graph.totals.macs.max(1) as f64)),
    ),
    term(
        "field",
        "receptive field: the pixels a unit sees",
        "The side of the square of the input that can change one unit of the output. It grows with every window behind a stride. Screen 2 \
         draws it on the image.",
        "before + (kernel − 1)·jump",
        |graph, layer| Some(formulas::of(graph, layer).receptive_field),
    ),
    term(
        "jump",
        "pixels from one unit's field to the next",
        "The product of all strides so far. A window behind a jump of 8 reaches 8 pixels further with each of its rows.",
        "before·stride",
        |graph, layer| Some(formulas::of(graph, layer).jump),
    ),
    term(
        "effective field",
        "what a unit is really changed by",
        "The gradient of a unit with respect to the image, measured with the weights at hand. It is a blob in the middle of the field, and \
         far smaller (Luo et al. 2016). Press f on screen 2.",
        "",
        nothing,
    ),
    term(
        "memory",
        "bytes of the output of one image",
        "Four bytes a value. Training keeps every output until its gradient is known; `convlens show --memory` adds it all up.",
        "channels·height·width·4",
        |_, layer| Some(bytes(layer.output_bytes())),
    ),
    term(
        "!",
        "worth a look",
        "A layer that holds most parameters, a map that loses a row to its stride, a bias in front of a norm: what often is a slip. The \
         working below the table says what, and what to try.",
        "",
        nothing,
    ),
    term(
        "+relu +bn",
        "what a conv brings along",
        "Its norm and activation are layers of their own, folded into its row. ⏎ expands them.",
        "",
        nothing,
    ),
    term(
        "▾ ▸ ×4",
        "blocks, expanded or not, and how often",
        "A block's numbers are the sums of its layers. Repetitions of one block are one row until they are expanded.",
        "",
        nothing,
    ),
    term(
        "╭ │ ╰ ●",
        "lanes: which row feeds which",
        "A line leaves beside the row that gives (╭) and ends beside the row that reads (╰). At a join, ● marks the rows that come together.",
        "",
        nothing,
    ),
    term(
        "join",
        "add, concat, multiply",
        "Where branches come together. An add needs equal shapes, a concat stacks channels; its field is the hull of the paths.",
        "",
        nothing,
    ),
    term(
        "dead channel",
        "one that is 0 everywhere",
        "Behind a ReLU a channel that no image makes positive gives no gradient and learns no more. Screen 5 counts those of one photo, \
         `convlens weights FILE --stats` those of the weights.",
        "",
        nothing,
    ),
    term(
        "break-even",
        "when two 3×3 beat one 5×5",
        "Both see 5 pixels. The stack needs 9·in·out + 9·out·out weights, the one 25·in·out: the stack is cheaper only while \
         in > 0.5625·out. Screen 3, v, has every field from 3 to 15.",
        "9·in·out + 9·out² < 25·in·out",
        nothing,
    ),
    term(
        "front",
        "variants that none beats in both figures",
        "The Pareto front of a sweep: with any other variant one of its two figures is worse.",
        "",
        nothing,
    ),
    term(
        "Δ and ×",
        "difference and ratio to the first",
        "On screen 3 each architecture is compared with the first one that was marked.",
        "",
        nothing,
    ),
    term(
        "field of the last map",
        "how far the network sees",
        "Beside the input's side it says whether the last units can see a whole object.",
        "",
        |graph, _| {
            Some(format!("{} of {} pixels", field_text(graph.map_field()), grouped(graph.architecture.input.height)))
        },
    ),
];
