//! Figures of a classifier on labelled images: accuracy, classes one by one, what is taken for what, the worst mistakes.

use image::{Rgb, RgbImage};

use super::accuracy::best_class;
use super::each;
use crate::network::Compiled;
use crate::run::data::DataSet;
use crate::run::paint::heat_colour;

/// Images of the worst mistakes that are kept.
const WORST: usize = 20;
/// Most classes whose confusion is counted pair by pair: four thousand take 128 MB.
const MOST_CLASSES: usize = 4096;

/// A class by itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Class {
    /// Its images.
    pub count: u64,
    /// Of the images that were taken for it, the part that are its; none where none was.
    pub precision: Option<f64>,
    /// Of its images, the part that were taken for it; none where it has none.
    pub recall: Option<f64>,
}

/// Images of one class that were taken for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confused {
    pub from: usize,
    pub to: usize,
    pub count: u64,
}

/// An image whose own class got little.
#[derive(Debug, Clone, PartialEq)]
pub struct Mistake {
    /// Its place in the set.
    pub at: usize,
    pub image: String,
    pub label: usize,
    pub class: usize,
    /// That it is what it was taken for, by the network.
    pub probability: f64,
    /// That it is what it is.
    pub of_label: f64,
}

/// What a network is worth on a set.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    pub images: u64,
    pub top1: f64,
    /// The part of the images whose class is among the five most probable.
    pub top5: f64,
    /// Likewise among so many.
    pub top: (usize, f64),
    /// Mean cross-entropy.
    pub loss: f64,
    pub classes: Vec<Class>,
    /// Rows are true classes, columns what they were taken for; none where there are too many.
    pub confusion: Option<Vec<Vec<u64>>>,
    /// Wrong ones whose own class got the least, the worst first.
    pub worst: Vec<Mistake>,
    /// Why images were left out.
    pub broken: Vec<String>,
    /// Images whose outputs are no numbers; they count as wrong.
    pub unsound: u64,
}

/// How a set is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judging {
    pub batch: usize,
    /// Judges an image and its mirror image together.
    pub flip: bool,
    /// Among how many of the most probable classes the true one has to be.
    pub top: usize,
}

/// Judges a network on a set. None if `go_on` says no, which hears before each mini-batch how many images are done, or where no
/// image could be read.
pub fn judge(network: &mut Compiled, set: &DataSet, how: Judging, go_on: impl FnMut(usize) -> bool) -> Option<Figures> {
    let classes = network.outputs();
    let mut counts = Counts::new(classes);
    let row = |at: usize, row: &[f64]| counts.take(set, at, row, how.top);
    let broken = each(network, set, how.batch, how.flip, row, go_on)?;
    counts.figures(how.top, broken)
}

struct Counts {
    classes: usize,
    images: u64,
    right: u64,
    in_five: u64,
    in_top: u64,
    loss: f64,
    /// By true class, and by what was said, and where both are the same.
    of_class: Vec<u64>,
    said: Vec<u64>,
    both: Vec<u64>,
    confusion: Option<Vec<Vec<u64>>>,
    worst: Vec<Mistake>,
    /// Images whose outputs are no numbers.
    unsound: u64,
}

impl Counts {
    fn new(classes: usize) -> Self {
        let confusion = (classes <= MOST_CLASSES).then(|| vec![vec![0; classes]; classes]);
        let none = vec![0; classes];
        Counts {
            classes,
            images: 0,
            right: 0,
            in_five: 0,
            in_top: 0,
            loss: 0.0,
            of_class: none.clone(),
            said: none.clone(),
            both: none,
            confusion,
            worst: Vec::new(),
            unsound: 0,
        }
    }

    fn take(&mut self, set: &DataSet, at: usize, row: &[f64], top: usize) {
        let (label, class) = (set.label(at), best_class(row));
        self.images += 1;
        self.loss -= row[label];
        // Classes before it: more probable, or as probable and of a smaller number, as the first of equal ones is taken.
        let ahead = |other: usize, value: f64| value > row[label] || value == row[label] && other < label;
        let rank = row.iter().enumerate().filter(|(other, value)| ahead(*other, **value)).count();
        // What is no number is no answer. −∞ is one: a class that is ruled out.
        let is_sound = row.iter().all(|value| !value.is_nan() && *value < f64::INFINITY);
        self.unsound += u64::from(!is_sound);
        self.in_five += u64::from(is_sound && rank < 5);
        self.in_top += u64::from(is_sound && rank < top);
        self.right += u64::from(is_sound && class == label);
        self.of_class[label] += 1;
        self.said[class] += u64::from(is_sound);
        self.both[label] += u64::from(is_sound && class == label);
        if let Some(confusion) = self.confusion.as_mut().filter(|_| is_sound) {
            confusion[label][class] += 1;
        }
        let of_label = row[label].exp();
        let is_worse = self.worst.len() < WORST || self.worst.last().is_some_and(|last| of_label < last.of_label);
        if is_sound && class != label && is_worse {
            let place = self.worst.partition_point(|own| own.of_label <= of_label);
            let (image, probability) = (set.name(at), row[class].exp());
            self.worst.insert(place, Mistake { at, image, label, class, probability, of_label });
            self.worst.truncate(WORST);
        }
    }

    fn figures(self, top: usize, broken: Vec<String>) -> Option<Figures> {
        let images = self.images as f64;
        let part = |of: u64, all: u64| (all > 0).then(|| of as f64 / all as f64);
        let classes = (0..self.classes).map(|class| Class {
            count: self.of_class[class],
            precision: part(self.both[class], self.said[class]),
            recall: part(self.both[class], self.of_class[class]),
        });
        (self.images > 0).then(|| Figures {
            images: self.images,
            top1: self.right as f64 / images,
            top5: self.in_five as f64 / images,
            top: (top, self.in_top as f64 / images),
            loss: self.loss / images,
            classes: classes.collect(),
            confusion: self.confusion,
            worst: self.worst,
            unsound: self.unsound,
            broken,
        })
    }
}

impl Figures {
    /// The pairs that are confused most, the most first.
    pub fn confused(&self, most: usize) -> Vec<Confused> {
        let rows = self.confusion.iter().flatten().enumerate();
        let mut pairs: Vec<Confused> = rows
            .flat_map(|(from, row)| row.iter().enumerate().map(move |(to, &count)| Confused { from, to, count }))
            .filter(|pair| pair.from != pair.to && pair.count > 0)
            .collect();
        pairs.sort_by_key(|pair| (std::cmp::Reverse(pair.count), pair.from, pair.to));
        pairs.truncate(most);
        pairs
    }
}

/// Pixels of a confusion's longest side.
const SIDE: u32 = 960;

/// The confusion as a picture: a square for each pair, the lighter the larger its part of the true class's images. Rows are true
/// classes, columns what they were taken for; lines between every class where there is room.
pub fn picture(confusion: &[Vec<u64>]) -> RgbImage {
    let classes = confusion.len().max(1) as u32;
    let cell = (SIDE / classes).clamp(1, 48);
    let line = u32::from(cell >= 8);
    let side = classes * (cell + line) + line;
    RgbImage::from_fn(side, side, |x, y| {
        let (column, row) = (x / (cell + line), y / (cell + line));
        let is_line = line == 1 && (x % (cell + line) == 0 || y % (cell + line) == 0);
        let own = confusion.get(row as usize).filter(|_| !is_line);
        let share = own.and_then(|own| {
            let count = own.get(column as usize)?;
            Some(*count as f64 / own.iter().sum::<u64>().max(1) as f64)
        });
        // The root shows the few that are mistaken beside the many that are not.
        Rgb(share.map_or([64, 68, 80], |share| heat_colour(share.sqrt())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::data::Images;
    use crate::spec::Library;

    /// Five images of three classes with made-up probabilities.
    fn figures() -> Figures {
        let loaded = Library::new(None).load("vgg-mini", &[]).expect("bundled");
        let labels = vec![0, 0, 1, 1, 2];
        let set = DataSet::new(Images::Ready(vec![0.0; 5 * 28 * 28]), labels, &loaded.architecture);
        let mut counts = Counts::new(3);
        for (at, row) in
            [[0.7, 0.2, 0.1], [0.3, 0.6, 0.1], [0.1, 0.8, 0.1], [0.05, 0.05, 0.9], [0.4, 0.4, 0.2]].iter().enumerate()
        {
            counts.take(&set, at, &row.map(f64::ln), 2);
        }
        counts.figures(2, Vec::new()).expect("images")
    }

    #[test]
    fn classes_and_mistakes_are_counted_by_hand() {
        let own = figures();
        assert_eq!((own.images, own.top1, own.top5), (5, 0.4, 1.0));
        // The second image's class is its second best; of equal ones the first counts, so the fourth's and the fifth's are third.
        assert_eq!(own.top, (2, 0.6));
        assert_eq!(own.confusion, Some(vec![vec![1, 1, 0], vec![0, 1, 1], vec![1, 0, 0]]));
        let class = |count, precision, recall| Class { count, precision: Some(precision), recall: Some(recall) };
        assert_eq!(own.classes, [class(2, 0.5, 0.5), class(2, 0.5, 0.5), class(1, 0.0, 0.0)]);
        let expected = -(0.7f64.ln() + 0.3f64.ln() + 0.8f64.ln() + 0.05f64.ln() + 0.2f64.ln()) / 5.0;
        assert!((own.loss - expected).abs() < 1e-12);
        let worst: Vec<(&str, usize, usize)> =
            own.worst.iter().map(|own| (own.image.as_str(), own.label, own.class)).collect();
        assert_eq!(worst, [("image 3", 1, 2), ("image 4", 2, 0), ("image 1", 0, 1)]);
        assert!((own.worst[0].probability - 0.9).abs() < 1e-12 && (own.worst[0].of_label - 0.05).abs() < 1e-12);
        let pairs: Vec<(usize, usize)> = own.confused(2).iter().map(|pair| (pair.from, pair.to)).collect();
        assert_eq!(pairs, [(0, 1), (1, 2)]);
    }

    #[test]
    fn a_confusion_is_drawn_with_a_square_for_each_pair() {
        let picture = picture(&figures().confusion.expect("three classes"));
        assert_eq!(picture.dimensions(), (3 * 49 + 1, 3 * 49 + 1));
        let at = |row: u32, column: u32| picture.get_pixel(49 * column + 20, 49 * row + 20).0;
        assert_eq!((at(0, 0), at(0, 2)), (heat_colour(0.5f64.sqrt()), heat_colour(0.0)));
        assert_eq!((at(2, 0), at(2, 2)), (heat_colour(1.0), heat_colour(0.0)));
        assert_eq!(picture.get_pixel(49, 10).0, [64, 68, 80]);
    }
}
