//! What the names of a file's tensors say: which layer, and which part of it.

use std::collections::HashMap;

use super::entry::Entry;
use super::names::{Slot, shape_fits};

/// Whether a layer of a file has what a layer of the network needs. `exactly` leaves no conv for a linear layer.
pub fn fits_group(place: &[&Slot], group: &[&Entry], exactly: bool) -> bool {
    place.len() == group.len()
        && place.iter().all(|slot| {
            part_of(slot, group).is_some_and(|entry| match exactly {
                true => entry.shape == slot.shape,
                false => shape_fits(entry, slot),
            })
        })
}

/// The tensor of a group that a slot's part names, or the only one of its shape.
pub fn part_of<'a>(slot: &Slot, group: &[&'a Entry]) -> Option<&'a Entry> {
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
pub fn split(name: &str) -> (&str, &str) {
    let known = PARTS.iter().find_map(|(part, _)| {
        let layer = name.strip_suffix(part)?;
        layer.strip_suffix(['.', '_', '/']).map(|layer| (layer, *part))
    });
    known.or_else(|| name.rsplit_once('.')).unwrap_or((name, ""))
}

pub fn part_name(entry: &Entry) -> &str {
    split(&entry.name).1
}

/// The part that a tensor is of its layer, in our words; nothing where its name does not say.
pub fn known_part(entry: &Entry) -> &'static str {
    let name = part_name(entry);
    PARTS.iter().find(|(part, _)| *part == name).map_or("", |(_, part)| part)
}

/// What stands before the part of the layer.
pub fn layer_name(entry: &Entry) -> &str {
    split(&entry.name).0
}

/// The words of a name and the numbers between them.
pub fn skeleton(name: &str) -> (Vec<String>, Vec<u64>) {
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
pub fn grouped<'a>(entries: &[&'a Entry]) -> Vec<Vec<&'a Entry>> {
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

/// Words that number the way back: `up3` may come before `up1`, or behind it.
const BACKWARDS: [&str; 4] = ["up", "dec", "deconv", "rev"];

/// Whether the numbers of names that are alike count layers, as far as that can be seen: they begin near 0, no two steps between them
/// are far, and the words before them are none that are counted backwards.
pub fn counts_layers(words: &[String], numbers: &[Vec<u64>]) -> bool {
    const FIRST: u64 = 3;
    const FARTHEST: u64 = 8;
    let is_backwards = words.iter().flat_map(|word| word.split(|c: char| !c.is_alphabetic())).any(|word| {
        let word = word.to_lowercase();
        BACKWARDS.iter().any(|own| word == *own || word.starts_with(own) && own.len() > 2)
    });
    let places = numbers.first().map_or(0, Vec::len);
    let near = (0..places).all(|place| {
        let mut own: Vec<u64> = numbers.iter().filter_map(|numbers| numbers.get(place).copied()).collect();
        own.sort_unstable();
        own.dedup();
        // What is the same in all is no count.
        own.len() < 2 || own[0] <= FIRST && own.windows(2).all(|pair| pair[1] - pair[0] <= FARTHEST)
    });
    !is_backwards && near
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
