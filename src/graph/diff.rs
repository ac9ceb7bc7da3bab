//! What changed from one network to another, layer by layer, in words.

use crate::spec::amend::Changes;
use std::collections::HashMap;

use super::align::{Step, align};
use super::figures::{field_text, grouped, padding, pair, signed};
use super::{Graph, Layer, Operation, Source};
use crate::spec::Architecture;
use crate::spec::describe::{Activation, ChannelOrder, Norm, UpsampleMode};

/// What became of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Added,
    Removed,
    Changed,
    /// It is written as it was; what arrives is of another shape, or from elsewhere further off, so its numbers differ.
    Follows,
}

impl Kind {
    pub fn word(self) -> &'static str {
        match self {
            Kind::Added => "added",
            Kind::Removed => "removed",
            Kind::Changed | Kind::Follows => "changed",
        }
    }
}

/// A layer's figures.
#[derive(Debug, Clone, PartialEq)]
pub struct Side {
    pub name: String,
    /// `conv, kernel 3, stride 1, …`
    pub words: String,
    pub output: Vec<u64>,
    pub params: u64,
    pub macs: u64,
    pub field: Option<[u128; 2]>,
}

/// A layer that is not what it was.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub kind: Kind,
    pub before: Option<Side>,
    pub after: Option<Side>,
    /// `kernel 3 → 5`, one for each thing that differs; of what follows its shape and costs.
    pub changes: Vec<String>,
}

impl Row {
    /// The layer's name, the later one where it has two.
    pub fn layer(&self) -> &str {
        self.after.as_ref().or(self.before.as_ref()).map_or("", |side| side.name.as_str())
    }

    /// How much more there is of something.
    pub fn difference(&self, of: impl Fn(&Side) -> u64) -> i128 {
        let count = |side: &Option<Side>| side.as_ref().map_or(0, |side| i128::from(of(side)));
        count(&self.after) - count(&self.before)
    }
}

/// Every layer with what it brings along, as it was written and as it came out: lines that a text diff can set side by side.
pub fn sides(graph: &Graph) -> Vec<Side> {
    written(graph).iter().map(|own| own.side(graph)).collect()
}

/// Layers that are not what they were, in order, those that are gone where they stood.
pub fn layers(before: &Graph, after: &Graph) -> Vec<Row> {
    let (old, new) = (written(before), written(after));
    let steps = align(&old, &new, cost);
    // What a layer reads is the same where both were found to be one.
    let mut now: HashMap<Source, Source> = HashMap::from([(Source::Input, Source::Input)]);
    for step in &steps {
        if let Step::Both(i, j) = *step {
            // With what they brought along, as far as both have it.
            let last = |written: &Written, graph: &Graph| Source::Layer(written.last(graph));
            now.insert(Source::Layer(old[i].layer), Source::Layer(new[j].layer));
            now.insert(last(&old[i], before), last(&new[j], after));
        }
    }
    let row = |step: &Step| match *step {
        Step::Left(i) => {
            Some(Row { kind: Kind::Removed, before: Some(old[i].side(before)), after: None, changes: Vec::new() })
        }
        Step::Right(j) => {
            Some(Row { kind: Kind::Added, before: None, after: Some(new[j].side(after)), changes: Vec::new() })
        }
        Step::Both(i, j) => pair_row((before, &old[i]), (after, &new[j]), &now),
    };
    steps.iter().filter_map(row).collect()
}

/// A layer as it was written, with the norm and activation that it brings along.
struct Written {
    layer: usize,
    brought: usize,
    kind: &'static str,
    name: String,
    attributes: Vec<(&'static str, String)>,
}

impl Written {
    fn last(&self, graph: &Graph) -> usize {
        (self.layer + self.brought).min(graph.layers.len().saturating_sub(1))
    }

    fn side(&self, graph: &Graph) -> Side {
        let all = &graph.layers[self.layer..=self.last(graph)];
        let (layer, last) = (&graph.layers[self.layer], &graph.layers[self.last(graph)]);
        Side {
            name: layer.name.clone(),
            words: self.words(),
            output: last.output.to_vec(),
            params: all.iter().map(Layer::params).sum(),
            macs: all.iter().map(|own| own.macs).sum(),
            field: last.field_size(),
        }
    }

    fn words(&self) -> String {
        let parts = self.attributes.iter().map(|(name, value)| format!(", {name} {value}"));
        std::iter::once(self.kind.to_string()).chain(parts).collect()
    }
}

fn written(graph: &Graph) -> Vec<Written> {
    let mut all = Vec::new();
    let mut index = 0;
    while index < graph.layers.len() {
        let layer = &graph.layers[index];
        let brought = graph.layers[index + 1..].iter().take_while(|next| next.brought).count();
        let mut attributes = attributes(layer);
        for own in &graph.layers[index + 1..=index + brought] {
            let role = if own.operation.is_activation() { "activation" } else { "norm" };
            let more: String = self::attributes(own).iter().map(|(name, value)| format!(" {name} {value}")).collect();
            attributes.push((role, format!("{}{more}", own.operation.kind())));
        }
        let (kind, name) = (layer.operation.kind(), layer.name.clone());
        all.push(Written { layer: index, brought, kind, name, attributes });
        index += 1 + brought;
    }
    all
}

/// A layer's fields that can be changed, in the words of a file.
pub fn fields(layer: &Layer) -> Vec<(String, String)> {
    let all = attributes(layer).into_iter().filter(|(name, _)| FIELDS.contains(name));
    all.map(|(name, value)| (name.to_string(), in_a_file(value))).collect()
}

/// `3×5` as `[3, 5]`.
fn in_a_file(value: String) -> String {
    match value.split_once('×') {
        Some((rows, columns)) => format!("[{rows}, {columns}]"),
        None => value,
    }
}

const FIELDS: [&str; 7] = ["out", "kernel", "stride", "padding", "dilation", "groups", "bias"];

/// What of the second network's layers differs from the first's, as fields of a file; nothing where they are not the same layers by
/// name and kind, or something differs that is no field.
pub fn overrides(before: &Graph, after: &Graph) -> Option<Changes> {
    let (one, other) = (written(before), written(after));
    let is_alike = |(one, other): (&Written, &Written)| (one.kind, &one.name) == (other.kind, &other.name);
    if one.len() != other.len() || !one.iter().zip(&other).all(is_alike) {
        return None;
    }
    let mut changes = Vec::new();
    for (old, new) in one.iter().zip(&other).filter(|(old, new)| old.attributes != new.attributes) {
        let value =
            |all: &Written, name: &str| all.attributes.iter().find(|(own, _)| *own == name).map(|(_, own)| own.clone());
        let names = old.attributes.iter().chain(&new.attributes).map(|(name, _)| *name);
        if names.clone().any(|name| value(old, name) != value(new, name) && !FIELDS.contains(&name)) {
            return None;
        }
        let changed = FIELDS.iter().filter(|name| value(old, name) != value(new, name)).map(|name| {
            let now = value(new, name).unwrap_or_else(|| unsaid(name).to_string());
            (name.to_string(), in_a_file(now))
        });
        changes.push((new.name.clone(), changed.collect()));
    }
    Some(changes)
}

/// Leaving a layer alone on each side costs 4: it is never dearer to put two of a kind together.
fn cost(one: &Written, other: &Written) -> Option<u64> {
    let is_same = one.attributes == other.attributes;
    (one.kind == other.kind).then(|| u64::from(!is_same) + u64::from(one.name != other.name))
}

fn pair_row(
    (before, old): (&Graph, &Written),
    (after, new): (&Graph, &Written),
    now: &HashMap<Source, Source>,
) -> Option<Row> {
    let mut changes = Vec::new();
    for (name, value) in &old.attributes {
        let later = new.attributes.iter().find(|(own, _)| own == name);
        match later {
            Some((_, later)) if later == value => {}
            Some((_, later)) => changes.push(format!("{name} {value} → {later}")),
            None => changes.push(format!("{name} {value} → {}", unsaid(name))),
        }
    }
    for (name, value) in &new.attributes {
        if !old.attributes.iter().any(|(own, _)| own == name) {
            changes.push(format!("{name} {} → {value}", unsaid(name)));
        }
    }
    let (one, other) = (old.side(before), new.side(after));
    let (reads, reads_now) = (&before.layers[old.layer].inputs, &after.layers[new.layer].inputs);
    let is_moved = reads.len() != reads_now.len()
        || reads.iter().zip(reads_now).any(|(own, later)| {
            // Of what is gone nothing can be said but that something else stands there.
            now.get(own).is_some_and(|there| there != later)
        });
    if is_moved {
        let names = |graph: &Graph, sources: &[Source]| {
            let names: Vec<&str> = sources.iter().map(|source| graph.name_of(*source)).collect();
            names.join(" and ")
        };
        // What stands behind a layer that came or went is told by that one.
        let is_told = reads.len() == 1 && reads_now.len() == 1;
        if !is_told {
            changes.push(format!("reads {} → {}", names(before, reads), names(after, reads_now)));
        }
    }
    // Of names that count, others follow from a layer more or less before.
    let letters = |name: &str| name.chars().filter(|letter| !letter.is_ascii_digit()).collect::<String>();
    let is_renamed = letters(&one.name) != letters(&other.name);
    let kind = if changes.is_empty() && !is_renamed { Kind::Follows } else { Kind::Changed };
    // Weights and changes by path go by it.
    if one.name != other.name {
        changes.insert(0, format!("name {} → {}", one.name, other.name));
    }
    let shape = |side: &Side| side.output.iter().map(u64::to_string).collect::<Vec<_>>().join("×");
    if one.output != other.output {
        changes.push(format!("output {} → {}", shape(&one), shape(&other)));
    }
    for (name, count) in [("parameters", (one.params, other.params)), ("MACs", (one.macs, other.macs))] {
        if count.0 != count.1 {
            let more = signed(i128::from(count.1) - i128::from(count.0));
            changes.push(format!("{name} {} → {} ({more})", grouped(count.0), grouped(count.1)));
        }
    }
    if one.field != other.field {
        changes.push(format!("field {} → {}", field_text(one.field), field_text(other.field)));
    }
    (!changes.is_empty()).then_some(Row { kind, before: Some(one), after: Some(other), changes })
}

/// What holds where nothing is told.
fn unsaid(attribute: &str) -> &'static str {
    match attribute {
        "bias" | "padding counted" => "true",
        "ceil" => "false",
        "groups" | "dilation" => "1",
        _ => "none",
    }
}

/// What a layer was told, in the words of a file, without what is as PyTorch has it anyway.
fn attributes(layer: &Layer) -> Vec<(&'static str, String)> {
    let mut all: Vec<(&'static str, String)> = Vec::new();
    let operation = &layer.operation;
    if matches!(operation, Operation::Conv { .. } | Operation::ConvTranspose { .. } | Operation::Linear { .. }) {
        all.push(("out", layer.output.channels().to_string()));
    }
    if let Some(window) = operation.window() {
        all.push(("kernel", pair(window.kernel)));
        all.push(("stride", pair(window.stride)));
        all.push(("padding", padding(window.padding)));
        if window.dilation.to_array() != [1, 1] {
            all.push(("dilation", pair(window.dilation)));
        }
    }
    if let Some(groups) = operation.groups().filter(|groups| *groups != 1) {
        all.push(("groups", groups.to_string()));
    }
    match operation {
        Operation::Conv { bias, .. } | Operation::ConvTranspose { bias, .. } | Operation::Linear { bias } if !bias => {
            all.push(("bias", "false".into()));
        }
        Operation::MaxPool { ceil: true, .. } => all.push(("ceil", "true".into())),
        Operation::AvgPool { ceil, counts_padding, .. } => {
            all.extend(ceil.then(|| ("ceil", "true".to_string())));
            all.extend((!counts_padding).then(|| ("padding counted", "false".to_string())));
        }
        Operation::AdaptiveAvgPool => {
            let [rows, columns] = layer.output.sides();
            all.push(("to", format!("{rows}×{columns}")));
        }
        Operation::Upsample { scale, mode } => {
            let mode = if *mode == UpsampleMode::Nearest { "nearest" } else { "bilinear" };
            all.extend([("scale", pair(*scale)), ("mode", mode.to_string())]);
        }
        Operation::ChannelShuffle { groups } => all.push(("groups", groups.to_string())),
        Operation::Dropout { p } => all.push(("p", p.to_string())),
        Operation::Scale { init } => all.push(("init", init.to_string())),
        Operation::Prelu { init, per_channel } => {
            all.extend([("init", init.to_string()), ("per_channel", per_channel.to_string())]);
        }
        Operation::Slice { first } => all.push(("first channel", first.to_string())),
        Operation::PadChannels { stride, before } => {
            all.extend([("stride", pair(*stride)), ("zeros before", before.to_string())]);
        }
        Operation::Activation(Activation::LeakyRelu { slope }) => all.push(("slope", slope.to_string())),
        Operation::Norm(norm) => all.extend(of_norm(*norm)),
        _ => {}
    }
    all
}

/// The settings of a norm that are not PyTorch's defaults.
fn of_norm(norm: Norm) -> Vec<(&'static str, String)> {
    let eps = |eps: f64| (eps != 1e-5).then(|| ("eps", format!("{eps:e}")));
    let other = |name: &'static str, value: bool, usual: bool| (value != usual).then(|| (name, value.to_string()));
    match norm {
        Norm::Batch(own) => {
            let momentum = (own.momentum != 0.1).then(|| ("momentum", own.momentum.to_string()));
            [eps(own.eps), momentum, other("affine", own.affine, true)].into_iter().flatten().collect()
        }
        Norm::Group { groups, eps: own } => std::iter::once(("groups", groups.to_string())).chain(eps(own)).collect(),
        Norm::Layer { eps: own } => eps(own).into_iter().collect(),
        Norm::Instance { eps: own, affine } => {
            [eps(own), other("affine", affine, false)].into_iter().flatten().collect()
        }
        Norm::Lrn(own) => vec![
            ("size", own.size.to_string()),
            ("alpha", format!("{:e}", own.alpha)),
            ("beta", own.beta.to_string()),
            ("k", own.k.to_string()),
        ],
    }
}

/// A key of a file beside its layers, `train.lr`, with what it was and what it is; none where it is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    pub key: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// What differs beside the layers.
pub fn keys(before: &Architecture, after: &Architecture) -> Vec<Key> {
    let (old, new) = (said(before), said(after));
    let value =
        |all: &[(String, String)], key: &str| all.iter().find(|(own, _)| own == key).map(|(_, value)| value.clone());
    let gone = old.iter().filter(|(key, _)| value(&new, key).is_none());
    let all = new.iter().chain(gone).map(|(key, _)| Key {
        key: key.clone(),
        before: value(&old, key),
        after: value(&new, key),
    });
    all.filter(|own| own.before != own.after).collect()
}

/// The keys of a file beside its layers that say something, as text.
pub fn said(own: &Architecture) -> Vec<(String, String)> {
    let input = own.input;
    let mut all = vec![
        ("name".to_string(), own.name.clone()),
        ("input".into(), format!("{}×{}×{}", input.channels, input.height, input.width)),
    ];
    let mut add = |key: &str, value: Option<String>| all.extend(value.map(|value| (key.to_string(), value)));
    let texts = [("summary", &own.summary), ("source", &own.source), ("family", &own.family), ("labels", &own.labels)];
    texts.into_iter().for_each(|(key, text)| add(key, text.clone()));
    add("classes", own.classes.map(|classes| classes.to_string()));
    let list = |values: &[f64]| values.iter().map(f64::to_string).collect::<Vec<_>>().join(", ");
    let how = &own.preprocess;
    add("preprocess.resize", how.resize.map(|side| side.to_string()));
    add("preprocess.mean", Some(list(&how.mean)));
    add("preprocess.std", Some(list(&how.std)));
    add("preprocess.scale", Some(how.scale.to_string()));
    add("preprocess.channels", Some(if how.channels == ChannelOrder::Rgb { "rgb" } else { "bgr" }.into()));
    if let Ok(serde_json::Value::Object(recipe)) = serde_json::to_value(&own.train) {
        for (key, value) in recipe {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_string);
            add(&format!("train.{key}"), Some(text));
        }
    }
    let budget = own.budget;
    let counts = [
        ("params", budget.params),
        ("macs", budget.macs),
        ("train_memory", budget.train_memory),
        ("batch", budget.batch),
    ];
    counts.into_iter().for_each(|(key, count)| add(&format!("budget.{key}"), count.map(grouped)));
    let side = |side: Option<u64>| side.map_or_else(String::new, grouped);
    add("budget.field", budget.field.map(|own| format!("{}..{}", side(own.least), side(own.most))));
    add("budget.ms", budget.ms.map(|ms| ms.to_string()));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::analyse;
    use crate::spec::{Library, Origin};

    fn graph(layers: &str) -> Graph {
        let text = format!("input: [3, 32, 32]\nclasses: 10\nlayers: [{layers}, flatten, linear: classes]\n");
        let loaded = Library::new(None).load_text(&Origin::File("net.yaml".into()), text, &[]).expect("sound");
        analyse(&loaded).expect("fits")
    }

    /// `+name`, `-name`, `~name: changes`, and `>name` of what follows.
    fn told(before: &str, after: &str) -> Vec<String> {
        let rows = layers(&graph(before), &graph(after));
        let line = |row: &Row| match row.kind {
            Kind::Added => format!("+{}", row.layer()),
            Kind::Removed => format!("-{}", row.layer()),
            Kind::Changed => format!("~{}: {}", row.layer(), row.changes.join("; ")),
            Kind::Follows => format!(">{}", row.layer()),
        };
        rows.iter().map(line).collect()
    }

    #[test]
    fn what_is_the_same_is_not_told() {
        assert!(told("conv3-8, relu, maxpool", "conv3-8, relu, maxpool").is_empty());
    }

    #[test]
    fn one_change_is_told_where_it_was_made_and_what_follows_as_that() {
        assert_eq!(
            told("conv3-8, conv3-16, maxpool", "conv5-8, conv3-16, maxpool"),
            [
                // 3·3·3·8 + 8, 5·5·3·8 + 8; times 32·32 without the biases.
                "~conv1: kernel 3 → 5; padding 1 → 2; parameters 224 → 608 (+384); MACs 221,184 → 614,400 (+393,216); field 3 → 5",
                ">conv2",
                ">maxpool1",
                ">flatten1",
                ">linear1"
            ]
        );
    }

    #[test]
    fn a_layer_more_shifts_nothing_and_what_it_brings_is_its_own() {
        assert_eq!(
            told("conv3-8, maxpool", "conv3-8, conv3-8 relu, maxpool"),
            ["+conv2", ">maxpool1", ">flatten1", ">linear1"]
        );
        assert_eq!(told("conv3-8, conv3-8 relu, maxpool", "conv3-8, maxpool")[..1], ["-conv2"]);
        let norm =
            told("conv: {out: 8, norm: batch, activation: relu}", "conv: {out: 8, norm: batch, activation: silu}");
        assert_eq!(norm, ["~conv1: activation relu → silu"]);
    }

    #[test]
    fn another_name_is_told_and_what_was_not_said_has_its_value() {
        let named = told("conv: {out: 8, name: a}", "conv: {out: 8, name: b}");
        assert!(named[0].starts_with("~b: name a → b"), "{named:?}");
        assert_eq!(told("conv3-8, conv3-8", "maxpool, conv3-8, conv3-8")[..1], ["+maxpool1"], "numbers are no names");
        let rows = layers(&graph("conv: {out: 8, name: a}"), &graph("conv: {out: 8, name: b}"));
        assert_eq!(rows[0].changes, ["name a → b"]);
        let bias = told("conv: {out: 8}", "conv: {out: 8, bias: false, groups: 1}");
        assert!(bias[0].starts_with("~conv1: bias true → false; parameters 224 → 216 (−8)"), "{bias:?}");
    }

    #[test]
    fn a_way_that_leads_elsewhere_is_told() {
        let (before, after) = (
            "conv3-8, residual: {layers: [conv3-8, conv3-8]}",
            "conv3-8, concat: {branches: [[conv3-8, conv3-8], identity]}",
        );
        let lines = told(before, after);
        assert!(
            lines.iter().any(|line| line.contains("-residual1.add") || line.starts_with("-residual1")),
            "{lines:?}"
        );
        assert!(lines.iter().any(|line| line.starts_with("+concat1")), "{lines:?}");
    }

    #[test]
    fn keys_beside_the_layers_are_told_with_both_values() {
        let library = Library::new(None);
        let load = |sets: &[(&str, &str)]| {
            let sets: Vec<_> = sets.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
            library.load("vgg16", &sets).expect("bundled").architecture
        };
        let told = keys(&load(&[("train.lr", "0.1")]), &load(&[("classes", "10"), ("budget", "{params: 20M}")]));
        let told: Vec<_> =
            told.iter().map(|own| (own.key.as_str(), own.before.as_deref(), own.after.as_deref())).collect();
        assert_eq!(
            told,
            [
                ("classes", Some("1000"), Some("10")),
                ("budget.params", None, Some("20,000,000")),
                ("train.lr", Some("0.1"), None)
            ]
        );
    }
}
