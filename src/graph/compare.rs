//! Two to four designs side by side: totals, and rows aligned block by block.
//!
//! Rows are aligned by edit distance (Needleman & Wunsch 1970), first the blocks, then the layers inside two blocks that
//! were matched, so that a layer more or less does not shift the rest.

use super::align::{Step, align};
use super::family::Family;
use super::figures::field_text;
use super::{Graph, Layer, Shape};

/// A layer with what it brings along (norm, activation), as one row.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    pub name: String,
    pub kind: &'static str,
    pub family: Family,
    /// The kernel, where there is one.
    pub kernel: Option<[u64; 2]>,
    pub output: Shape,
    pub params: u64,
    pub macs: u64,
    pub field: Option<[u128; 2]>,
}

/// One row: what each design has at this place.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The outermost block; empty for a layer outside blocks.
    pub block: String,
    pub cells: Vec<Option<Cell>>,
}

impl Row {
    /// How many more of something the `index`-th design has than the first; what is absent counts 0.
    pub fn difference(&self, index: usize, of: impl Fn(&Cell) -> u64) -> i128 {
        let value =
            |index: usize| self.cells.get(index).and_then(Option::as_ref).map_or(0, |cell| i128::from(of(cell)));
        value(index) - value(0)
    }

    pub fn is_same(&self) -> bool {
        let bare = |cell: &Option<Cell>| {
            cell.as_ref().map(|cell| (cell.kind, cell.kernel, cell.output, cell.params, cell.macs))
        };
        self.cells.iter().all(|cell| bare(cell) == bare(&self.cells[0]))
    }
}

/// A block, or a run of layers outside blocks.
#[derive(Clone)]
struct Section {
    block: String,
    rows: Vec<Vec<Option<Cell>>>,
}

/// Rows of all designs, those of the first in its order.
pub fn rows(networks: &[&Graph]) -> Vec<Row> {
    let Some((first, others)) = networks.split_first() else { return Vec::new() };
    let mut merged = sections(first);
    for (count, network) in others.iter().enumerate() {
        merged = merge_sections(merged, sections(network), count + 1);
    }
    let rows = merged.into_iter().flat_map(|section| {
        let Section { block, rows } = section;
        rows.into_iter().map(move |cells| Row { block: block.clone(), cells })
    });
    rows.collect()
}

fn sections(network: &Graph) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let mut index = 0;
    while index < network.layers.len() {
        let layer = &network.layers[index];
        let brought = network.layers[index + 1..].iter().take_while(|next| next.brought).count();
        let cell = cell(&network.layers[index..=index + brought]);
        index += 1 + brought;
        let block = layer.blocks.first().cloned().unwrap_or_default();
        match sections.last_mut() {
            Some(section) if section.block == block => section.rows.push(vec![cell]),
            _ => sections.push(Section { block, rows: vec![vec![cell]] }),
        }
    }
    sections
}

fn cell(layers: &[Layer]) -> Option<Cell> {
    let (first, last) = (layers.first()?, layers.last()?);
    Some(Cell {
        name: first.name.clone(),
        kind: first.operation.kind(),
        family: Family::of(&first.operation),
        kernel: first.operation.window().map(|window| window.kernel.to_array()),
        output: last.output,
        params: layers.iter().map(Layer::params).sum(),
        macs: layers.iter().map(|layer| layer.macs).sum(),
        field: last.field_size(),
    })
}

fn merge_sections(left: Vec<Section>, right: Vec<Section>, count: usize) -> Vec<Section> {
    let cost = |left: &Section, right: &Section| match (
        left.block == right.block,
        left.block.is_empty() || right.block.is_empty(),
    ) {
        (true, _) => Some(0),
        (false, true) => None,
        (false, false) => Some(1),
    };
    let steps = align(&left, &right, cost);
    let mut merged = Vec::new();
    for step in steps {
        match step {
            Step::Both(i, j) => merged
                .push(Section { block: left[i].block.clone(), rows: merge_rows(&left[i].rows, &right[j].rows, count) }),
            Step::Left(i) => {
                let rows = left[i].rows.iter().map(|row| with(row.clone(), None)).collect();
                merged.push(Section { block: left[i].block.clone(), rows });
            }
            Step::Right(j) => {
                let rows = right[j].rows.iter().map(|row| with(vec![None; count], row[0].clone())).collect();
                merged.push(Section { block: right[j].block.clone(), rows });
            }
        }
    }
    merged
}

fn with(mut row: Vec<Option<Cell>>, cell: Option<Cell>) -> Vec<Option<Cell>> {
    row.push(cell);
    row
}

fn merge_rows(left: &[Vec<Option<Cell>>], right: &[Vec<Option<Cell>>], count: usize) -> Vec<Vec<Option<Cell>>> {
    let cost = |left: &Vec<Option<Cell>>, right: &Vec<Option<Cell>>| {
        let own = left.iter().flatten().next()?;
        let other = right[0].as_ref()?;
        if own.kind != other.kind {
            return None;
        }
        // A point for each thing that differs: the nearest of several candidates is taken, before leaving both alone.
        let differs = [own.kernel != other.kernel, own.output != other.output, own.params != other.params];
        Some(differs.into_iter().filter(|&differs| differs).count() as u64)
    };
    let steps = align(left, right, cost);
    steps
        .into_iter()
        .map(|step| match step {
            Step::Both(i, j) => with(left[i].clone(), right[j][0].clone()),
            Step::Left(i) => with(left[i].clone(), None),
            Step::Right(j) => with(vec![None; count], right[j][0].clone()),
        })
        .collect()
}

/// Which sees more and which costs more, in sentences.
pub fn verdict(networks: &[&Graph]) -> Vec<String> {
    let Some((first, others)) = networks.split_first() else { return Vec::new() };
    let mut lines = Vec::new();
    for other in others {
        let (one, two) = (&first.architecture.name, &other.architecture.name);
        let sight = match (first.map_field(), other.map_field()) {
            (Some(own), Some(theirs)) if own == theirs => {
                format!("{one} and {two} see equally far: {}", field_text(Some(own)))
            }
            (Some(own), Some(theirs)) if own[0].saturating_mul(own[1]) > theirs[0].saturating_mul(theirs[1]) => {
                format!("{one} sees more: {} against {}", field_text(Some(own)), field_text(Some(theirs)))
            }
            (Some(own), Some(theirs)) => {
                format!("{two} sees more: {} against {}", field_text(Some(theirs)), field_text(Some(own)))
            }
            _ => "what one of them sees is undefined".to_string(),
        };
        let more = |what: &str, own: u64, theirs: u64| {
            let (larger, smaller, name) = if own >= theirs { (own, theirs, one) } else { (theirs, own, two) };
            let words = match larger as f64 / smaller.max(1) as f64 {
                ratio if ratio >= 10.0 => format!("{ratio:.0} times as many {what}"),
                ratio => format!("{:.1}% more {what}", 100.0 * (ratio - 1.0)),
            };
            (own != theirs).then_some((name, words))
        };
        let params = more("parameters", first.totals.params, other.totals.params);
        let macs = more("MACs", first.totals.macs, other.totals.macs);
        lines.push(match (params, macs) {
            (Some((name, params)), Some((same, macs))) if name == same => {
                format!("{sight}; {name} has {params} and {macs}")
            }
            (Some((name, params)), Some((own, macs))) => format!("{sight}; {name} has {params} and {own} {macs}"),
            (Some((name, params)), None) => format!("{sight}; {name} has {params}, MACs are equal"),
            (None, Some((name, macs))) => format!("{sight}; {name} has {macs}, parameters are equal"),
            (None, None) => format!("{sight}, and cost the same"),
        });
    }
    lines
}
