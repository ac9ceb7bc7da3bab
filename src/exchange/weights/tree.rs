//! Layers of a file in the order that their names count in, as a tree: `features.0.0`, `features.0.1`, `features.1.conv.0.0`.
//!
//! Among brothers that share their words (`conv1`, `conv2`; `0`, `1`) the numbers say which comes first. How those of different
//! words mix (`conv1, bn1, conv2` or `conv1, conv2, bn1`) no name says: every way is tried against the network's shapes, and the
//! order is believed where exactly one way fits.

use super::entry::Entry;
use super::names::Slot;
use super::parts::{counts_layers, fits_group, skeleton};

/// A part of the names: one layer of the file, or what stands below a segment.
enum Tree {
    Layer(usize),
    /// For each word its parts, in the order of their numbers.
    Parts(Vec<Vec<Tree>>),
}

/// Most layers of a file that is looked at this way; the search nests as deep.
const MOST_LAYERS: usize = 600;
/// Places that are tried before it is given up.
const MOST_TRIED: usize = 200_000;

/// For each place the group of tensors that goes there, where names and shapes leave one way.
pub fn counted(places: &[Vec<&Slot>], groups: &[Vec<&Entry>], names: &[&str]) -> Option<Vec<usize>> {
    if places.len() != groups.len() || groups.len() > MOST_LAYERS {
        return None;
    }
    let segments: Vec<Member> = names.iter().enumerate().map(|(at, name)| (at, name.split('.').collect())).collect();
    let tree = tree(&segments, 0)?;
    let fits = |place: usize, group: usize| fits_group(&places[place], &groups[group], false);
    let mut search = Search { fits: &fits, given: Vec::new(), found: Vec::new(), tried: 0, places: places.len() };
    search.walk(&tree, &mut |search| {
        if search.given.len() == search.places {
            search.found.push(search.given.clone());
        }
    });
    match (search.tried < MOST_TRIED, search.found.as_slice()) {
        (true, [only]) => Some(only.clone()),
        _ => None,
    }
}

/// A single letter behind a number, and what stands before it.
fn lettered(segment: &str) -> Option<(&str, char)> {
    let letter = segment.chars().next_back().filter(|last| last.is_ascii_lowercase())?;
    let before = &segment[..segment.len() - 1];
    before.ends_with(|c: char| c.is_ascii_digit()).then_some((before, letter))
}

/// The words of a segment, and its numbers. A single letter behind them counts too (`inception4a`), where the letters behind that
/// number are the first of the alphabet; `1k, 1q, 1v` are words.
fn key(segment: &str, beside: &[&str]) -> (Vec<String>, Vec<u64>) {
    let counting = lettered(segment).filter(|(before, _)| {
        let own = beside.iter().filter_map(|other| lettered(other)).filter(|(other, _)| other == before);
        let letters: std::collections::BTreeSet<char> = own.map(|(_, letter)| letter).collect();
        letters.iter().copied().eq(('a'..='z').take(letters.len()))
    });
    match counting {
        Some((before, letter)) => {
            let (words, mut numbers) = skeleton(before);
            numbers.push(u64::from(u32::from(letter) - u32::from('a')));
            (words, numbers)
        }
        None => skeleton(segment),
    }
}

/// A layer of the file by its place, and the segments of its name.
type Member<'n> = (usize, Vec<&'n str>);

/// None where numbers of brothers are no count.
fn tree(members: &[Member], depth: usize) -> Option<Tree> {
    if let [(only, _)] = members {
        return Some(Tree::Layer(*only));
    }
    // Segments in the order in which they are met; what ends here comes before what goes on.
    let mut parts: Vec<(Vec<String>, Vec<u64>, Vec<Member>)> = Vec::new();
    let beside: Vec<&str> = members.iter().filter_map(|(_, segments)| segments.get(depth).copied()).collect();
    for (index, segments) in members {
        let (words, numbers) = segments.get(depth).map_or_else(Default::default, |segment| key(segment, &beside));
        match parts.iter_mut().find(|(own, count, _)| *own == words && *count == numbers) {
            Some((.., inside)) => inside.push((*index, segments.clone())),
            None => parts.push((words, numbers, vec![(*index, segments.clone())])),
        }
    }
    parts.sort_by(|one, other| one.1.cmp(&other.1));
    for (words, ..) in &parts {
        let brothers = parts.iter().filter(|(own, ..)| own == words).map(|(_, numbers, _)| numbers.clone());
        if !counts_layers(words, &brothers.collect::<Vec<_>>()) {
            return None;
        }
    }
    let mut by_word: Vec<(Vec<String>, Vec<Tree>)> = Vec::new();
    for (words, _, inside) in parts {
        // Two layers of one name cannot be told apart further down.
        let ends = inside.len() > 1 && inside.iter().all(|(_, segments)| segments.len() <= depth + 1);
        let part = match ends {
            true => Tree::Parts(inside.iter().map(|(index, _)| vec![Tree::Layer(*index)]).collect()),
            false => tree(&inside, depth + 1)?,
        };
        match by_word.iter_mut().find(|(own, _)| *own == words) {
            Some((_, parts)) => parts.push(part),
            None => by_word.push((words, vec![part])),
        }
    }
    Some(Tree::Parts(by_word.into_iter().map(|(_, parts)| parts).collect()))
}

struct Search<'a> {
    fits: &'a dyn Fn(usize, usize) -> bool,
    given: Vec<usize>,
    found: Vec<Vec<usize>>,
    tried: usize,
    places: usize,
}

impl Search<'_> {
    fn is_over(&self) -> bool {
        self.found.len() > 1 || self.tried >= MOST_TRIED
    }

    /// Every way through a tree that fits, and behind each of them `then`.
    fn walk(&mut self, tree: &Tree, then: &mut dyn FnMut(&mut Self)) {
        match tree {
            Tree::Layer(index) => {
                self.tried += 1;
                if !self.is_over() && self.given.len() < self.places && (self.fits)(self.given.len(), *index) {
                    self.given.push(*index);
                    then(self);
                    self.given.pop();
                }
            }
            Tree::Parts(words) => self.mix(words, &mut vec![0; words.len()], then),
        }
    }

    /// Goes on with the next part of any word.
    fn mix(&mut self, words: &[Vec<Tree>], done: &mut [usize], then: &mut dyn FnMut(&mut Self)) {
        if words.iter().zip(done.iter()).all(|(parts, done)| parts.len() == *done) {
            return then(self);
        }
        for word in 0..words.len() {
            let Some(part) = words[word].get(done[word]) else { continue };
            if self.is_over() {
                return;
            }
            done[word] += 1;
            let mut now = done.to_vec();
            self.walk(part, &mut |search| search.mix(words, &mut now, then));
            done[word] -= 1;
        }
    }
}
