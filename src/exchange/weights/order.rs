//! Tensors whose names are nobody's: which goes where is believed only where something says so.
//!
//! A safetensors file comes sorted by name, so the order of its bytes says nothing. What counts as evidence: an order that the
//! file's own header gives, shapes that leave one way, and names that count (`0.weight`, `conv12.weight`).

use std::collections::HashMap;

use super::file::{Entry, dims};
use super::names::{Slot, layer_groups, shape_fits};
use super::parts::{fits_group, grouped, known_part, layer_name, part_name, part_of, skeleton};
use super::tree;
use crate::graph::Graph;
use crate::visible::visible;

/// Index of a slot with its tensor.
pub type Pairs<'a> = Vec<(usize, &'a Entry)>;

/// Gives every slot a tensor, or says why not. Whether the header's order said so, too.
pub fn by_evidence<'a>(
    network: &Graph,
    slots: &[Slot],
    entries: &[&'a Entry],
    order: Option<&str>,
) -> Result<(Pairs<'a>, bool), String> {
    if let Some(entry) = entries.iter().find(|entry| part_name(entry) == "kernel") {
        // Keras and Flax keep kernels as (height, width, in, out) and matrices as (in, out); squares do not show it.
        return Err(format!(
            "`{}` is called as Keras calls it, whose kernels stand in another order of axes",
            entry.name
        ));
    }
    // An order by the alphabet is what a file has that nobody ordered.
    let given = order.and_then(|order| in_the_order_of(order, entries));
    let given = given.filter(|given| !given.is_sorted_by_key(|entry| &entry.name) && counts_up(given));
    if let Some(pairs) =
        given.and_then(|given| pair_up(network, slots, &grouped(&given)).ok().or_else(|| one_by_one(slots, &given)))
    {
        return Ok((pairs, true));
    }
    by_numbers_and_shapes(network, slots, entries).map(|pairs| (pairs, false))
}

fn by_numbers_and_shapes<'a>(network: &Graph, slots: &[Slot], entries: &[&'a Entry]) -> Result<Pairs<'a>, String> {
    let groups = grouped(entries);
    let places: Vec<Vec<&Slot>> = layer_groups(slots).map(|layer| layer.iter().collect()).collect();
    let names = |place: usize| network.layers[places[place][0].layer].name.clone();
    if places.len() != groups.len() {
        // Names that do not say which tensors belong to one layer: tensor by tensor.
        let single: Vec<Vec<&Entry>> = entries.iter().map(|entry| vec![*entry]).collect();
        let alone: Vec<Vec<&Slot>> = slots.iter().map(|slot| vec![slot]).collect();
        if single.len() == alone.len()
            && let Ok(order) = assigned(&alone, &single, |place| slots[place].name_in(network))
        {
            return Ok(order.into_iter().enumerate().map(|(slot, entry)| (slot, single[entry][0])).collect());
        }
        let (there, wanted) = (groups.len(), places.len());
        return Err(format!("{there} layers in the file, {wanted} with parameters in the network"));
    }
    let order = assigned(&places, &groups, names).or_else(|reason| {
        let names: Vec<&str> = groups.iter().map(|group| layer_name(group[0])).collect();
        tree::counted(&places, &groups, &names).ok_or(reason)
    })?;
    let ordered: Vec<Vec<&Entry>> = order.into_iter().map(|group| groups[group].clone()).collect();
    pair_up(network, slots, &ordered)
}

/// The tensors in an order that the header gives as a JSON list of all names.
fn in_the_order_of<'a>(order: &str, entries: &[&'a Entry]) -> Option<Vec<&'a Entry>> {
    let names: Vec<String> = serde_json::from_str(order).ok()?;
    let places: HashMap<&str, usize> = names.iter().enumerate().map(|(at, name)| (name.as_str(), at)).collect();
    let ordered = entries.iter().map(|entry| Some((*places.get(entry.name.as_str())?, *entry)));
    let mut ordered = ordered.collect::<Option<Vec<_>>>()?;
    ordered.sort_by_key(|(at, _)| *at);
    Some(ordered.into_iter().map(|(_, entry)| entry).collect())
}

/// Whether the numbers in names that are alike rise along an order.
fn counts_up(ordered: &[&Entry]) -> bool {
    let mut last: HashMap<Vec<String>, Vec<u64>> = HashMap::new();
    ordered.iter().all(|entry| {
        let (words, numbers) = skeleton(layer_name(entry));
        last.insert(words, numbers.clone()).is_none_or(|before| before <= numbers)
    })
}

/// For each place the group of tensors that goes there. Places of the same shapes get theirs by number; places whose shapes
/// are their own need none.
fn assigned(
    places: &[Vec<&Slot>],
    groups: &[Vec<&Entry>],
    name_of: impl Fn(usize) -> String,
) -> Result<Vec<usize>, String> {
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
            return Err(format!("`{}` ({}) fits no layer of the network", visible(&first.name), dims(&first.shape)));
        };
        found[class].push(index);
    }
    let mut given = vec![usize::MAX; places.len()];
    for ((_, members), found) in classes.iter().zip(&found) {
        let of = name_of(members[0]);
        if members.len() != found.len() {
            let (there, wanted) = (found.len(), members.len());
            return Err(format!("{there} layers of the file have the shapes of {of}, {wanted} of the network"));
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
                let (one, other) = (visible(layer_name(groups[found[0]][0])), visible(layer_name(groups[found[1]][0])));
                return Err(format!(
                    "`{one}` and `{other}` have the same shapes, and neither their names nor numbers say which is {of}"
                ));
            }
            counted.push((numbers, group));
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
            let (one, other) = (visible(layer_name(groups[other][0])), visible(layer_name(groups[group][0])));
            return Err(format!("`{one}` would come before `{other}`, so their numbers do not count the layers"));
        }
    }
    Ok(given)
}

/// Tensor by tensor, for names that do not say which belong to one layer.
fn one_by_one<'a>(slots: &[Slot], entries: &[&'a Entry]) -> Option<Pairs<'a>> {
    let says = |slot: &Slot, entry: &Entry| known_part(entry).is_empty() || known_part(entry) == slot.part;
    let goes = |(slot, entry): (&Slot, &&Entry)| shape_fits(entry, slot) && says(slot, entry);
    let fit = slots.len() == entries.len() && slots.iter().zip(entries).all(goes);
    fit.then(|| entries.iter().copied().enumerate().collect())
}

/// Layers of the file given to layers of the network one after the other.
fn pair_up<'a>(network: &Graph, slots: &[Slot], groups: &[Vec<&'a Entry>]) -> Result<Pairs<'a>, String> {
    let layers: Vec<&[Slot]> = layer_groups(slots).collect();
    if layers.len() != groups.len() {
        return Err(format!("{} layers in the file, {} with parameters in the network", groups.len(), layers.len()));
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
                    return Err(format!("`{}` is {found}, but {layer} wants {wanted}", visible(&entry.name)));
                }
                None => return Err(format!("`{}` has no {} for {layer}", visible(&group[0].name), slot.part)),
            }
            next += 1;
        }
        if group.len() != own.len() {
            return Err(format!(
                "{layer} has {} tensors, the file's `{}` {}",
                own.len(),
                visible(&group[0].name),
                group.len()
            ));
        }
    }
    Ok(pairs)
}
