//! What a row of the table comes to, its working, and all that is copied of it.

use super::state::Layers;
use crate::graph::figures::{self, bytes, grouped};
use crate::graph::formulas;
use crate::graph::{Graph, Layer};
use crate::tui::model::Model;
use crate::tui::model::columns::{self, Column};
use crate::tui::model::tree::{Row, RowKind};
use crate::visible::visible;

/// The numbers of a row: of one layer, or summed over a block or a layer with what it brings along.
pub struct Figures<'a> {
    pub last: &'a Layer,
    pub params: u64,
    pub macs: u64,
    pub bytes: u64,
    pub share: f64,
}

pub fn figures<'a>(network: &'a Graph, row: &Row) -> Option<Figures<'a>> {
    let layers = network.layers.get(row.layers())?;
    let last = layers.last()?;
    let (params, macs) = (layers.iter().map(Layer::params).sum(), layers.iter().map(|layer| layer.macs).sum());
    let share = if network.totals.macs == 0 { 0.0 } else { macs as f64 / network.totals.macs as f64 };
    let bytes = layers.iter().map(Layer::output_bytes).sum();
    Some(Figures { last, params, macs, bytes, share })
}

/// A line of working: symbols, numbers and what else there is to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Working {
    pub label: &'static str,
    /// The formula before numbers are put in.
    pub symbols: Option<&'static str>,
    pub numbers: String,
    pub more: String,
}

impl Working {
    fn of(label: &'static str, numbers: impl Into<String>) -> Self {
        Working { label, symbols: None, numbers: numbers.into(), more: String::new() }
    }

    fn with(self, symbols: Option<&'static str>, more: impl Into<String>) -> Self {
        Working { symbols, more: more.into(), ..self }
    }

    /// All of it, or as much as there is room for: what else there is goes first, then the symbols.
    pub fn text(&self, room: usize) -> String {
        let Working { symbols, numbers, more, .. } = self;
        let both = symbols.map_or_else(|| numbers.clone(), |symbols| format!("{symbols} = {numbers}"));
        let beside = |text: &str| if more.is_empty() { text.to_string() } else { format!("{text}   {more}") };
        let forms = [beside(&both), both, beside(numbers)];
        forms.into_iter().find(|form| form.chars().count() <= room).unwrap_or_else(|| numbers.clone())
    }
}

/// Every line of working of a row.
pub fn working(network: &Graph, row: &Row) -> Vec<Working> {
    let layers = &network.layers[row.layers()];
    let (Some(first), Some(figures)) = (layers.first(), figures(network, row)) else { return Vec::new() };
    let share = format!("{:.1}% of all MACs", 100.0 * figures.share);
    let of_params = 100.0 * figures.params as f64 / network.totals.params.max(1) as f64;
    if let RowKind::Block { .. } = row.kind {
        let all: Vec<&Layer> = layers.iter().collect();
        let size: u64 = layers.iter().map(Layer::output_bytes).sum();
        let convs = formulas::block_output(&all).map_or_else(String::new, |convs| format!("convs {convs}"));
        return vec![
            Working::of("output", format!("{} → {}", first.input, figures.last.output)).with(None, convs),
            Working::of("params", formulas::block_params(&all)).with(None, format!("{of_params:.1}% of all")),
            Working::of("MACs", grouped(figures.macs)).with(None, share),
            Working::of("field", formulas::of(network, figures.last).receptive_field),
            Working::of("memory", format!("{} of activations", bytes(size))),
        ];
    }
    let (own, symbols) = (formulas::of(network, first), formulas::symbols(first));
    let mut lines =
        vec![Working::of("output", own.output).with(symbols.output, format!("{} → {}", first.input, first.output))];
    if figures.params > 0 {
        let share = format!("{of_params:.1}% of all");
        let brought = layers[1..].iter().filter(|layer| layer.params() > 0);
        let brought: Vec<String> = brought
            .map(|layer| format!("{} {}", layer.operation.kind(), formulas::of(network, layer).params))
            .collect();
        let mut params = own.params;
        if !brought.is_empty() {
            params += &format!("   {}", brought.join("   "));
        }
        lines.push(Working::of("params", params).with(symbols.params, share));
    }
    if figures.macs > 0 {
        lines.push(Working::of("MACs", own.macs).with(symbols.macs, share));
    }
    lines.push(Working::of("field", own.receptive_field).with(symbols.receptive_field, ""));
    let buffers = match first.buffers {
        0 => String::new(),
        buffers => format!(", {} buffers", grouped(buffers)),
    };
    lines.push(Working::of("memory", format!("{} of output{buffers}", bytes(first.output_bytes()))));
    lines
}

/// A network's total in what its rows are sorted by, or in parameters, with its working: the outermost blocks and layers.
pub fn total(network: &Graph, sort: Option<columns::Sort>, room: usize) -> (&'static str, String) {
    let by_macs = sort.is_some_and(|sort| matches!(sort.column, Column::Macs | Column::Share | Column::Bar));
    let mut parts: Vec<(&str, u64)> = Vec::new();
    for layer in &network.layers {
        let (own, name) = (if by_macs { layer.macs } else { layer.params() }, layer.blocks.first());
        match (parts.last_mut(), name) {
            (Some((last, sum)), Some(name)) if *last == name.as_str() => *sum += own,
            (_, name) => parts.push((name.map_or("", String::as_str), own)),
        }
    }
    let parts: Vec<u64> = parts.into_iter().map(|(_, part)| part).collect();
    (if by_macs { "MACs" } else { "params" }, formulas::sum(&parts, room))
}

/// What a row is: a layer's kind, or how a block is wired.
pub fn kind(network: &Graph, row: &Row) -> &'static str {
    match &row.kind {
        RowKind::Layer { layers, .. } => network.layers[layers.start].operation.kind(),
        RowKind::Block { path, layers, repeats, .. } => {
            // Repetitions are what the first of them is.
            let first = repeats.map_or_else(|| path.clone(), |_| format!("{path}_1"));
            let block = network.blocks.iter().find(|block| block.path == first && block.layers.start == layers.start);
            block.map_or("block", |block| block.wiring.word())
        }
    }
}

/// What is copied: the row and its working.
pub fn as_text(model: &Model) -> String {
    let row = model.entry().and_then(|entry| Some((entry.network()?, entry.row()?)));
    let Some((network, row)) = row else { return totals_as_text(model) };
    let mut lines = vec![row.path(network).to_string()];
    lines.extend(working(network, row).iter().map(|own| format!("{}  {}", own.label, own.text(usize::MAX))));
    lines.join("\n")
}

/// The row's number in the column that the table is sorted by, or its parameters.
pub fn number_as_text(layers: &Layers, model: &Model) -> Option<String> {
    let entry = model.entry()?;
    let (network, row) = (entry.network()?, entry.row()?);
    let sort = layers.sort.unwrap_or(columns::Sort { column: Column::Params, smallest_first: false });
    Some(sort.key(network, row.layers()).to_string())
}

/// The architecture's name and totals.
pub fn totals_as_text(model: &Model) -> String {
    let Some(entry) = model.entry() else { return String::new() };
    let Some(network) = entry.network() else { return visible(&entry.id).into_owned() };
    let (name, totals) = (visible(&network.architecture.name), network.totals);
    format!("{name}: {} parameters, {} MACs", grouped(totals.params), grouped(totals.macs))
}

/// The table as it is folded, in full numbers, as Markdown.
pub fn as_markdown(model: &Model) -> Option<String> {
    let entry = model.entry()?;
    let network = entry.network()?;
    let mut lines = vec![
        "| name | kind | output | params | MACs | field |".to_string(),
        "|---|---|---|---:|---:|---:|".to_string(),
    ];
    for row in entry.rows() {
        let Some(figures) = figures(network, row) else { continue };
        let cells = [
            row.path(network).to_string(),
            kind(network, row).to_string(),
            figures.last.output.to_string(),
            grouped(figures.params),
            grouped(figures.macs),
            figures::field(figures.last),
        ];
        lines.push(format!("| {} |", cells.join(" | ")));
    }
    let totals = network.totals;
    lines.push(format!("| total | | | {} | {} | |", grouped(totals.params), grouped(totals.macs)));
    Some(lines.join("\n") + "\n")
}
