//! The layer table as a tree of blocks: which rows are visible, and what each stands for.

use std::collections::HashSet;

use super::columns::Sort;
use crate::graph::{Graph, Layer};

/// One visible row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub depth: usize,
    pub kind: RowKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowKind {
    /// A block and the layers in it, as a range of indexes; or so many repetitions of one (`layer2_1` to `layer2_4`), under the name
    /// that they share.
    Block { path: String, layers: std::ops::Range<usize>, open: bool, repeats: Option<usize> },
    /// A layer, and those it brings along that are folded into its row.
    Layer { layers: std::ops::Range<usize>, folds: bool, open: bool },
}

impl Row {
    /// The layers whose numbers the row sums.
    pub fn layers(&self) -> std::ops::Range<usize> {
        match &self.kind {
            RowKind::Block { layers, .. } => layers.clone(),
            RowKind::Layer { layers, open: false, .. } => layers.clone(),
            RowKind::Layer { layers, .. } => layers.start..layers.start + 1,
        }
    }

    /// What opening and closing it is remembered under.
    pub fn path<'a>(&'a self, network: &'a Graph) -> &'a str {
        match &self.kind {
            RowKind::Block { path, .. } => path,
            RowKind::Layer { layers, .. } => &network.layers[layers.start].name,
        }
    }

    pub fn can_open(&self) -> bool {
        matches!(self.kind, RowKind::Block { open: false, .. } | RowKind::Layer { folds: true, open: false, .. })
    }

    pub fn can_close(&self) -> bool {
        matches!(self.kind, RowKind::Block { open: true, .. } | RowKind::Layer { folds: true, open: true, .. })
    }
}

/// Which blocks and layers are not as they are at first: blocks open, repetitions closed, layers closed over what they bring along.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Folds {
    pub closed_blocks: HashSet<String>,
    pub open_layers: HashSet<String>,
    pub open_repeats: HashSet<String>,
}

impl Folds {
    pub fn set(&mut self, row: &Row, network: &Graph, open: bool) {
        let path = row.path(network).to_string();
        let (set, insert) = match row.kind {
            RowKind::Block { repeats: Some(_), .. } => (&mut self.open_repeats, open),
            RowKind::Block { .. } => (&mut self.closed_blocks, !open),
            RowKind::Layer { .. } => (&mut self.open_layers, open),
        };
        if insert {
            set.insert(path);
        } else {
            set.remove(&path);
        }
    }

    pub fn close_all(&mut self, network: &Graph) {
        self.open_layers.clear();
        self.open_repeats.clear();
        self.closed_blocks = network.layers.iter().flat_map(|layer| layer.blocks.clone()).collect();
    }

    pub fn open_all(&mut self, network: &Graph) {
        self.closed_blocks.clear();
        let bases = network.blocks.iter().filter_map(|block| repeated(&block.path).map(|(base, _)| base.to_string()));
        self.open_repeats = bases.collect();
        self.open_layers =
            network.layers.iter().filter(|layer| !layer.brought).map(|layer| layer.name.clone()).collect();
    }

    /// Opens everything around a layer, so that its row is visible.
    pub fn reveal(&mut self, network: &Graph, layer: &Layer) {
        for block in &layer.blocks {
            self.closed_blocks.remove(block);
            if let Some((base, _)) = repeated(block) {
                self.open_repeats.insert(base.to_string());
            }
        }
        let owner = network.layers[..layer.index].iter().rev().find(|own| !own.brought);
        if let Some(owner) = owner.filter(|_| layer.brought) {
            self.open_layers.insert(owner.name.clone());
        }
    }
}

/// What a repetition is called without its number, and the number: `layer2`, 4.
fn repeated(path: &str) -> Option<(&str, usize)> {
    let (base, number) = path.rsplit_once('_')?;
    Some((base, number.parse().ok()?))
}

/// Where the repetitions that begin with a block end, and how many they are; nothing where it is not the first of several.
fn repetitions(network: &Graph, path: &str, depth: usize, mut end: usize) -> Option<(usize, usize)> {
    let (base, 1) = repeated(path)? else { return None };
    let mut count = 1;
    while let Some(block) = network.layers.get(end).and_then(|layer| layer.blocks.get(depth))
        && repeated(block) == Some((base, count + 1))
    {
        let inside = |layer: &&Layer| layer.blocks.get(depth) == Some(block);
        end += network.layers[end..].iter().take_while(inside).count();
        count += 1;
    }
    (count > 1).then_some((end, count))
}

/// The visible rows, top to bottom.
pub fn rows(network: &Graph, folds: &Folds) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut index = 0;
    let mut around: Vec<String> = Vec::new();
    // Where the repetitions end that are shown one by one; their rows stand one deeper.
    let mut shown: Vec<usize> = Vec::new();
    while index < network.layers.len() {
        let layer = &network.layers[index];
        let common = around.iter().zip(&layer.blocks).take_while(|(one, other)| one == other).count();
        around.truncate(common);
        shown.retain(|end| index < *end);
        let mut hidden = false;
        for block in &layer.blocks[common..] {
            let inside = |layer: &Layer| layer.blocks.get(around.len()) == Some(block);
            let length = network.layers[index..].iter().take_while(|layer| inside(layer)).count();
            if let Some((end, count)) = repetitions(network, block, around.len(), index + length) {
                let base = repeated(block).map_or(block.as_str(), |(base, _)| base).to_string();
                let open = folds.open_repeats.contains(&base);
                let kind = RowKind::Block { path: base, layers: index..end, open, repeats: Some(count) };
                rows.push(Row { depth: around.len() + shown.len(), kind });
                if !open {
                    index = end;
                    hidden = true;
                    break;
                }
                shown.push(end);
            }
            let open = !folds.closed_blocks.contains(block);
            let kind = RowKind::Block { path: block.clone(), layers: index..index + length, open, repeats: None };
            rows.push(Row { depth: around.len() + shown.len(), kind });
            if !open {
                index += length;
                hidden = true;
                break;
            }
            around.push(block.clone());
        }
        if hidden {
            continue;
        }
        let brought = network.layers[index + 1..].iter().take_while(|next| next.brought).count();
        let open = folds.open_layers.contains(&layer.name);
        let kind = RowKind::Layer { layers: index..index + 1 + brought, folds: brought > 0, open };
        let depth = around.len() + shown.len();
        rows.push(Row { depth, kind });
        if open {
            for own in index + 1..=index + brought {
                let kind = RowKind::Layer { layers: own..own + 1, folds: false, open: false };
                rows.push(Row { depth: depth + 1, kind });
            }
        }
        index += 1 + brought;
    }
    rows
}

/// Every layer with what it brings along, in another order than the network's; equal ones stay in its order.
pub fn sorted(network: &Graph, sort: Sort) -> Vec<Row> {
    let mut flat = Folds::default();
    flat.open_all(network);
    flat.open_layers.clear();
    let mut rows = rows(network, &flat);
    rows.retain(|row| matches!(row.kind, RowKind::Layer { .. }));
    rows.iter_mut().for_each(|row| row.depth = 0);
    rows.sort_by_cached_key(|row| {
        let key = sort.key(network, row.layers());
        if sort.smallest_first { key } else { u128::MAX - key }
    });
    rows
}
