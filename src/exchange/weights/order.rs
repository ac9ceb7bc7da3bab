//! Tensors whose names are nobody's: which goes where is believed only where something says so.
//!
//! A safetensors file comes sorted by name, so the order of its bytes says nothing. What counts as evidence: an order that the
//! file's own header gives, shapes that leave one way, and names that count (`0.weight`, `conv12.weight`).

use std::collections::HashMap;

use super::file::{Entry, dims};
use super::names::{Slot, layer_groups, shape_fits};
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
    let order = assigned(&places, &groups, names)?;
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

/// Whether a layer of a file has what a layer of the network needs. `exactly` leaves no conv for a linear layer.
fn fits_group(place: &[&Slot], group: &[&Entry], exactly: bool) -> bool {
    place.len() == group.len()
        && place.iter().all(|slot| {
            part_of(slot, group).is_some_and(|entry| match exactly {
                true => entry.shape == slot.shape,
                false => shape_fits(entry, slot),
            })
        })
}

/// The tensor of a group that a slot's part names, or the only one of its shape.
fn part_of<'a>(slot: &Slot, group: &[&'a Entry]) -> Option<&'a Entry> {
    let named = group.iter().find(|entry| known_part(entry) == slot.part);
    let mut of_shape = group.iter().filter(|entry| known_part(entry).is_empty() && shape_fits(entry, slot));
    named.or_else(|| of_shape.next().filter(|_| of_shape.next().is_none())).copied()
}

/// What frameworks call the parts of a layer, and what they are here.
const PARTS: [(&str, &str); 11] = [
    ("running_mean", "running_mean"),
    ("running_var", "running_var"),
    ("moving_mean", "running_mean"),
    ("moving_variance", "running_var"),
    ("moving_var", "running_var"),
    ("weight", "weight"),
    ("bias", "bias"),
    ("gamma", "weight"),
    ("beta", "bias"),
    ("kernel", "weight"),
    ("scale", "weight"),
];

/// A name split before the part of the layer that it names: at its last dot, or where the part is known also at `_` or `/`.
fn split(name: &str) -> (&str, &str) {
    let known = PARTS.iter().find_map(|(part, _)| {
        let layer = name.strip_suffix(part)?;
        layer.strip_suffix(['.', '_', '/']).map(|layer| (layer, *part))
    });
    known.or_else(|| name.rsplit_once('.')).unwrap_or((name, ""))
}

fn part_name(entry: &Entry) -> &str {
    split(&entry.name).1
}

/// The part that a tensor is of its layer, in our words; nothing where its name does not say.
fn known_part(entry: &Entry) -> &'static str {
    let name = part_name(entry);
    PARTS.iter().find(|(part, _)| *part == name).map_or("", |(_, part)| part)
}

/// What stands before the part of the layer.
fn layer_name(entry: &Entry) -> &str {
    split(&entry.name).0
}

/// The words of a name and the numbers between them.
fn skeleton(name: &str) -> (Vec<String>, Vec<u64>) {
    let (mut words, mut numbers) = (vec![String::new()], Vec::new());
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        if digits > 0 {
            numbers.push(rest[..digits].parse().unwrap_or(u64::MAX));
            words.push(String::new());
            rest = &rest[digits..];
        } else {
            if let Some(word) = words.last_mut() {
                word.push(first);
            }
            rest = &rest[first.len_utf8()..];
        }
    }
    (words, numbers)
}

/// A file's tensors grouped by the layer that their names begin with, in a given order of their names.
fn grouped<'a>(entries: &[&'a Entry]) -> Vec<Vec<&'a Entry>> {
    let mut groups: Vec<Vec<&Entry>> = Vec::new();
    let mut places: HashMap<&str, usize> = HashMap::new();
    for entry in entries {
        let layer = (!part_name(entry).is_empty()).then(|| layer_name(entry));
        match layer.and_then(|layer| places.get(layer)) {
            Some(&at) => groups[at].push(entry),
            None => {
                if let Some(layer) = layer {
                    places.insert(layer, groups.len());
                }
                groups.push(vec![entry]);
            }
        }
    }
    groups
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_words_with_numbers_between() {
        let words = |name: &str| skeleton(name).0.join("#");
        assert_eq!((words("conv12"), skeleton("conv12").1), ("conv#".into(), vec![12]));
        assert_eq!((words("block3_conv1"), skeleton("block3_conv1").1), ("block#_conv#".into(), vec![3, 1]));
        assert_eq!(skeleton("head").1, Vec::<u64>::new());
        assert_eq!(skeleton("99999999999999999999999").1, [u64::MAX]);
    }
}
