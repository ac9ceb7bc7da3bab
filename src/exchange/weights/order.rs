//! Tensors whose names are nobody's: which goes where is believed only where something says so.
//!
//! A safetensors file comes sorted by name, so the order of its bytes says nothing, and the order in which a file's maker defined
//! layers need not be the one in which they run. What counts as evidence: shapes that leave one way, and names that count
//! (`0.weight`, `conv12.weight`).

use std::collections::HashMap;

use super::entry::{Entry, dims};
use super::names::{Slot, layer_groups, shape_fits};
use super::parts::{counts_layers, fits_group, grouped, layer_name, part_name, part_of, skeleton};
use super::tree;
use crate::graph::Graph;
use crate::reason::Reason;
use crate::visible::visible_name;

/// Index of a slot with its tensor.
pub type Pairs<'a> = Vec<(usize, &'a Entry)>;

/// Gives every slot a tensor, or says why not; and how many layers got theirs by nothing but the numbers in names.
pub fn by_evidence<'a>(network: &Graph, slots: &[Slot], entries: &[&'a Entry]) -> Result<(Pairs<'a>, usize), Reason> {
    if let Some(entry) = entries.iter().find(|entry| part_name(entry) == "kernel") {
        // Keras and Flax keep kernels as (height, width, in, out) and matrices as (in, out); squares do not show it.
        return Err(format!(
            "`{}` is called as Keras calls it, whose kernels stand in another order of axes",
            entry.name
        )
        .into());
    }
    by_numbers_and_shapes(network, slots, entries)
}

fn by_numbers_and_shapes<'a>(
    network: &Graph,
    slots: &[Slot],
    entries: &[&'a Entry],
) -> Result<(Pairs<'a>, usize), Reason> {
    let groups = grouped(entries);
    let places: Vec<Vec<&Slot>> = layer_groups(slots).map(|layer| layer.iter().collect()).collect();
    let names = |place: usize| network.layers[places[place][0].layer].name.clone();
    if places.len() != groups.len() {
        // Names that do not say which tensors belong to one layer: tensor by tensor.
        let single: Vec<Vec<&Entry>> = entries.iter().map(|entry| vec![*entry]).collect();
        let alone: Vec<Vec<&Slot>> = slots.iter().map(|slot| vec![slot]).collect();
        // Which part of a layer a tensor is no number says: not where two parts have one shape.
        let is_told_apart = places.iter().all(|parts| {
            parts.iter().enumerate().all(|(at, part)| parts[..at].iter().all(|other| other.shape != part.shape))
        });
        if single.len() == alone.len()
            && is_told_apart
            && let Ok(order) = assigned(&alone, &single, |place| slots[place].name_in(network))
        {
            let counted = by_number_alone(&alone);
            let pairs = order.into_iter().enumerate().map(|(slot, entry)| (slot, single[entry][0]));
            return Ok((pairs.collect(), counted));
        }
        let (there, wanted) = (groups.len(), places.len());
        return Err(format!("{there} layers in the file, {wanted} with parameters in the network").into());
    }
    let order = assigned(&places, &groups, names).or_else(|reason| {
        let names: Vec<&str> = groups.iter().map(|group| layer_name(group[0])).collect();
        tree::counted(&places, &groups, &names).ok_or(reason)
    })?;
    let ordered: Vec<Vec<&Entry>> = order.into_iter().map(|group| groups[group].clone()).collect();
    Ok((pair_up(network, slots, &ordered)?, by_number_alone(&places)))
}

/// The tensors of those layers of a file that fit some layer of the network.
pub fn fitting<'a>(slots: &[Slot], entries: &[&'a Entry]) -> Vec<&'a Entry> {
    let places: Vec<Vec<&Slot>> = layer_groups(slots).map(|layer| layer.iter().collect()).collect();
    let groups =
        grouped(entries).into_iter().filter(|group| places.iter().any(|place| fits_group(place, group, false)));
    groups.flatten().collect()
}

/// Places whose shapes others have too: what tells them apart are names and their numbers.
fn by_number_alone(places: &[Vec<&Slot>]) -> usize {
    let mut shapes: HashMap<Vec<&[usize]>, usize> = HashMap::new();
    for place in places {
        *shapes.entry(place.iter().map(|slot| slot.shape.as_slice()).collect()).or_default() += 1;
    }
    shapes.values().filter(|count| **count > 1).sum()
}

/// For each place the group of tensors that goes there. Places of the same shapes get theirs by number; places whose shapes
/// are their own need none.
fn assigned(
    places: &[Vec<&Slot>],
    groups: &[Vec<&Entry>],
    name_of: impl Fn(usize) -> String,
) -> Result<Vec<usize>, Reason> {
    let shapes = |place: usize| places[place].iter().map(|slot| slot.shape.clone()).collect::<Vec<_>>();
    let mut classes: Vec<(Vec<Vec<usize>>, Vec<usize>)> = Vec::new();
    for place in 0..places.len() {
        let own = shapes(place);
        match classes.iter_mut().find(|(shapes, _)| *shapes == own) {
            Some((_, members)) => members.push(place),
            None => classes.push((own, vec![place])),
        }
    }
    let mut found: Vec<Vec<usize>> = vec![Vec::new(); classes.len()];
    for (index, group) in groups.iter().enumerate() {
        let fits = |class: usize, exactly: bool| fits_group(&places[classes[class].1[0]], group, exactly);
        let class = (0..classes.len())
            .find(|&class| fits(class, true))
            .or_else(|| (0..classes.len()).find(|&class| fits(class, false)));
        let Some(class) = class else {
            let first = group[0];
            return Err(format!(
                "`{}` ({}) fits no layer of the network",
                visible_name(&first.name),
                dims(&first.shape)
            )
            .into());
        };
        found[class].push(index);
    }
    let mut given = vec![usize::MAX; places.len()];
    for ((_, members), found) in classes.iter().zip(&found) {
        let of = name_of(members[0]);
        if members.len() != found.len() {
            let (there, wanted) = (found.len(), members.len());
            return Err(format!("{there} layers of the file have the shapes of {of}, {wanted} of the network").into());
        }
        if members.len() == 1 {
            given[members[0]] = found[0];
            continue;
        }
        let mut counted: Vec<(Vec<u64>, usize)> = Vec::new();
        let words = skeleton(layer_name(groups[found[0]][0])).0;
        for &group in found {
            let (own, numbers) = skeleton(layer_name(groups[group][0]));
            if own != words || numbers.is_empty() || counted.iter().any(|(other, _)| *other == numbers) {
                let (one, other) =
                    (visible_name(layer_name(groups[found[0]][0])), visible_name(layer_name(groups[found[1]][0])));
                return Err(format!(
                    "`{one}` and `{other}` have the same shapes, and neither their names nor numbers say which is {of}"
                )
                .into());
            }
            counted.push((numbers, group));
        }
        let numbers: Vec<Vec<u64>> = counted.iter().map(|(numbers, _)| numbers.clone()).collect();
        if !counts_layers(&words, &numbers) {
            let (one, other) =
                (visible_name(layer_name(groups[found[0]][0])), visible_name(layer_name(groups[found[1]][0])));
            return Err(format!(
                "`{one}` and `{other}` have the same shapes, and their numbers are no count of layers"
            )
            .into());
        }
        counted.sort();
        for (&place, (_, group)) in members.iter().zip(counted) {
            given[place] = group;
        }
    }
    // Names that count, and count another way than the network, are evidence against what the shapes of a few say.
    let is_needed = classes.iter().any(|(_, members)| members.len() > 1);
    let mut last: HashMap<Vec<String>, (Vec<u64>, usize)> = HashMap::new();
    for &group in given.iter().filter(|_| is_needed) {
        let (words, numbers) = skeleton(layer_name(groups[group][0]));
        if let Some((before, other)) = last.insert(words, (numbers.clone(), group))
            && before > numbers
        {
            let (one, other) = (visible_name(layer_name(groups[other][0])), visible_name(layer_name(groups[group][0])));
            return Err(format!("`{one}` would come before `{other}`, so their numbers do not count the layers").into());
        }
    }
    Ok(given)
}

/// Layers of the file given to layers of the network one after the other.
fn pair_up<'a>(network: &Graph, slots: &[Slot], groups: &[Vec<&'a Entry>]) -> Result<Pairs<'a>, Reason> {
    let layers: Vec<&[Slot]> = layer_groups(slots).collect();
    if layers.len() != groups.len() {
        return Err(
            format!("{} layers in the file, {} with parameters in the network", groups.len(), layers.len()).into()
        );
    }
    let mut pairs = Vec::new();
    let mut next = 0;
    for (own, group) in layers.iter().zip(groups) {
        let layer = &network.layers[own[0].layer].name;
        for slot in *own {
            match part_of(slot, group) {
                Some(entry) if shape_fits(entry, slot) => pairs.push((next, entry)),
                Some(entry) => {
                    let (found, wanted) = (dims(&entry.shape), dims(&slot.shape));
                    return Err(
                        format!("`{}` is {found}, but {layer} wants {wanted}", visible_name(&entry.name)).into()
                    );
                }
                None => {
                    return Err(format!("`{}` has no {} for {layer}", visible_name(&group[0].name), slot.part).into());
                }
            }
            next += 1;
        }
        if group.len() != own.len() {
            return Err(format!(
                "{layer} has {} tensors, the file's `{}` {}",
                own.len(),
                visible_name(&group[0].name),
                group.len()
            )
            .into());
        }
    }
    Ok(pairs)
}
