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

/// Label and text of every line of working.
pub fn working(network: &Graph, row: &Row) -> Vec<(&'static str, String)> {
    let layers = &network.layers[row.layers()];
    let (Some(first), Some(figures)) = (layers.first(), figures(network, row)) else { return Vec::new() };
    let share = format!("{:.1}% of all MACs", 100.0 * figures.share);
    let of_params = 100.0 * figures.params as f64 / network.totals.params.max(1) as f64;
    if let RowKind::Block { .. } = row.kind {
        let all: Vec<&Layer> = layers.iter().collect();
        let size: u64 = layers.iter().map(Layer::output_bytes).sum();
        let convs = formulas::block_output(&all).map_or_else(String::new, |convs| format!("   convs {convs}"));
        return vec![
            ("output", format!("{} → {}{convs}", first.input, figures.last.output)),
            ("params", formulas::block_params(&all)),
            ("MACs", format!("{}   {share}, {of_params:.1}% of all parameters", grouped(figures.macs))),
            ("field", formulas::of(network, figures.last).receptive_field),
            ("memory", format!("{} of activations", bytes(size))),
        ];
    }
    let own = formulas::of(network, first);
    let mut params = own.params;
    for brought in &layers[1..] {
        if brought.params() > 0 {
            params += &format!("   {} {}", brought.operation.kind(), formulas::of(network, brought).params);
        }
    }
    let mut lines = vec![("output", format!("{}   {} → {}", own.output, first.input, first.output))];
    if figures.params > 0 {
        lines.push(("params", format!("{params}   {of_params:.1}% of all")));
    }
    if figures.macs > 0 {
        lines.push(("MACs", format!("{}   {share}", own.macs)));
    }
    lines.push(("field", own.receptive_field));
    lines.push((
        "memory",
        format!(
            "{} of output{}",
            bytes(first.output_bytes()),
            match first.buffers {
                0 => String::new(),
                buffers => format!(", {} buffers", grouped(buffers)),
            }
        ),
    ));
    lines
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
    lines.extend(working(network, row).into_iter().map(|(label, text)| format!("{label}  {text}")));
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
