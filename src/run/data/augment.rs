//! Changes to training images that keep their class, drawn from a seed and the image's number alone.
//!
//! * `flip`: half of the images mirrored left to right.
//! * `crop`: black pixels around, an eighth of the side, and a window of the input's size out of it; on 32×32 the
//!   usual 4 pixels.
//! * `jitter`: VGG's scale jitter (Simonyan & Zisserman 2014, section 3.1). The shorter side is scaled to between 256/224 and
//!   512/224 of the input's, and a window of the input's size is cut out anywhere.
//! * `colour`: Krizhevsky et al. 2012, section 4.1: along each principal component of the training set's colours the image is
//!   shifted by N(0, 0.1) times the component's eigenvalue. With covariance C = P·Λ·Pᵀ and z three normal numbers, C·z has
//!   the distribution of P·Λ·z, so no eigenvector is needed.
//! * `erase`: random erasing (Zhong et al. 2017, algorithm 1): in half of the images a rectangle of 2 to 33 in 100 of the area and a
//!   ratio of sides from 0.3 to 1/0.3 becomes the mean that preprocessing takes off, as torchvision's `RandomErasing`.

use rand::{RngExt, SeedableRng};
use rand_distr::StandardNormal;
use rand_xoshiro::Xoshiro256PlusPlus;

use super::DataSet;
use crate::spec::describe::Input;

/// Which changes are made.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Augment {
    pub flip: bool,
    pub crop: bool,
    pub jitter: bool,
    /// Covariance of the channels over the training set, a row for each channel.
    pub colour: Option<Vec<Vec<f32>>>,
    /// What an erased part becomes, channel by channel.
    pub erase: Option<Vec<f32>>,
}

/// What [`Augment::jitter`] takes of a picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cut {
    /// What the shorter side is scaled to, as a multiple of the input's shorter side.
    pub side: f64,
    /// Where the window lies in what is left over below and to the right, 0 to 1.
    pub down: f64,
    pub right: f64,
}

/// Images whose colours are looked at for `colour`.
const LOOKED_AT: usize = 200;

impl Augment {
    /// From the words of a recipe. The changes that only images can have are left out for ready values, which is said.
    pub fn new(words: &[String], train: &DataSet) -> (Self, Option<String>) {
        let has = |word: &str| words.iter().any(|own| own == word);
        let for_images = |word: &str| has(word) && !train.is_ready();
        let left_out: Vec<&str> =
            ["jitter", "colour"].into_iter().filter(|word| has(word) && train.is_ready()).collect();
        let note = (!left_out.is_empty())
            .then(|| format!("{} left out: the data is ready values, not images", left_out.join(" and ")));
        let colour = for_images("colour").then(|| covariance(train));
        let erase = has("erase").then(|| train.mean_pixel());
        (Augment { flip: has("flip"), crop: has("crop"), jitter: for_images("jitter"), colour, erase }, note)
    }

    pub fn is_nothing(&self) -> bool {
        *self == Augment::default()
    }

    /// The changes of one image.
    pub fn draw(&self, seed: u64) -> Draw<'_> {
        Draw { augment: self, generator: Xoshiro256PlusPlus::seed_from_u64(seed) }
    }
}

/// A generator of one image's changes.
pub struct Draw<'a> {
    augment: &'a Augment,
    generator: Xoshiro256PlusPlus,
}

impl Draw<'_> {
    /// Where to cut the image out of its picture. To be asked before [`Draw::apply`].
    pub fn cut(&mut self) -> Option<Cut> {
        self.augment.jitter.then(|| {
            let mut next = || self.generator.random::<f64>();
            Cut { side: (256.0 + 256.0 * next()) / 224.0, down: next(), right: next() }
        })
    }

    /// Changes pixels, `[C, H, W]`.
    pub fn apply(&mut self, values: &mut [f32], input: Input) {
        let (height, width) = (input.height as usize, input.width as usize);
        let area = (height * width).max(1);
        if self.augment.flip && self.generator.random::<bool>() {
            values.chunks_mut(width.max(1)).for_each(<[f32]>::reverse);
        }
        if self.augment.crop {
            let mut shift = |side: usize| {
                let most = (side / 8) as i64;
                self.generator.random_range(-most..=most)
            };
            let (down, right) = (shift(height), shift(width));
            for plane in values.chunks_mut(area) {
                let from = plane.to_vec();
                for (at, value) in plane.iter_mut().enumerate() {
                    let (y, x) = ((at / width) as i64 + down, (at % width) as i64 + right);
                    let is_inside = (0..height as i64).contains(&y) && (0..width as i64).contains(&x);
                    *value = if is_inside { from[y as usize * width + x as usize] } else { 0.0 };
                }
            }
        }
        if let Some(covariance) = &self.augment.colour {
            let z: Vec<f32> = covariance.iter().map(|_| self.generator.sample(StandardNormal)).collect();
            for (row, plane) in covariance.iter().zip(values.chunks_mut(area)) {
                let shift = 0.1 * row.iter().zip(&z).map(|(c, z)| c * z).sum::<f32>();
                plane.iter_mut().for_each(|value| *value += shift);
            }
        }
        if let Some(fill) = &self.augment.erase
            && self.generator.random::<bool>()
            && let Some([rows, columns]) = self.erased(height, width)
        {
            for (plane, fill) in values.chunks_mut(area).zip(fill) {
                for row in rows.0..rows.1 {
                    plane[row * width + columns.0..row * width + columns.1].fill(*fill);
                }
            }
        }
    }

    /// A rectangle to erase, as rows and columns from one up to before another; none where ten draws do not fit.
    fn erased(&mut self, height: usize, width: usize) -> Option<[(usize, usize); 2]> {
        (0..10).find_map(|_| {
            let area = (height * width) as f64 * (0.02 + 0.31 * self.generator.random::<f64>());
            let (least, most) = (0.3f64.ln(), (1.0f64 / 0.3).ln());
            let ratio = (least + (most - least) * self.generator.random::<f64>()).exp();
            let (rows, columns) = ((area * ratio).sqrt().round() as usize, (area / ratio).sqrt().round() as usize);
            if rows == 0 || columns == 0 || rows >= height || columns >= width {
                return None;
            }
            let top = self.generator.random_range(0..=height - rows);
            let left = self.generator.random_range(0..=width - columns);
            Some([(top, top + rows), (left, left + columns)])
        })
    }
}

/// Covariance of the channels of some images of a set, spread evenly over it. What cannot be read does not count.
fn covariance(set: &DataSet) -> Vec<Vec<f32>> {
    let step = set.len().div_ceil(LOOKED_AT).max(1);
    let (mut count, mut sums, mut products) = (0.0f64, Vec::new(), Vec::new());
    for values in (0..set.len()).step_by(step).filter_map(|at| set.plain(at).ok()) {
        let planes: Vec<&[f32]> = set.planes(&values);
        sums.resize(planes.len(), 0.0);
        products.resize(planes.len() * planes.len(), 0.0);
        count += planes.first().map_or(0, |plane| plane.len()) as f64;
        for (a, one) in planes.iter().enumerate() {
            sums[a] += one.iter().map(|&x| f64::from(x)).sum::<f64>();
            for (b, other) in planes.iter().enumerate() {
                let product = one.iter().zip(*other).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum::<f64>();
                products[a * planes.len() + b] += product;
            }
        }
    }
    let channels = sums.len();
    let of = |a: usize, b: usize| products[a * channels + b] / count - sums[a] / count * (sums[b] / count);
    (0..channels).map(|a| (0..channels).map(|b| of(a, b) as f32).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const INPUT: Input = Input { channels: 2, height: 8, width: 16 };

    fn image() -> Vec<f32> {
        (1..=256).map(|value| value as f32).collect()
    }

    fn changed(augment: &Augment, seed: u64) -> Vec<f32> {
        let mut values = image();
        augment.draw(seed).apply(&mut values, INPUT);
        values
    }

    #[test]
    fn half_of_the_images_are_mirrored_and_the_others_stay() {
        let augment = Augment { flip: true, ..Augment::default() };
        let mirrored: Vec<f32> = image().chunks(16).flat_map(|row| row.iter().rev().copied()).collect();
        let flips = (0..400).filter(|&seed| {
            let values = changed(&augment, seed);
            assert!(values == image() || values == mirrored);
            values == mirrored
        });
        // Five standard deviations of a binomial with n = 400, p = 1/2.
        assert!((flips.count() as f64 - 200.0).abs() < 50.0);
        assert_eq!(changed(&augment, 7), changed(&augment, 7));
    }

    #[test]
    fn a_crop_moves_the_image_by_at_most_an_eighth_and_fills_with_black() {
        let augment = Augment { crop: true, ..Augment::default() };
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let values = changed(&augment, seed);
            // The place of one pixel, row 4 and column 8 of the first channel, tells the shift of all.
            let at = values.iter().position(|&value| value == 73.0).expect("still inside") as i64;
            let (down, right) = (4 - at / 16, 8 - at % 16);
            assert!(down.abs() <= 1 && right.abs() <= 2);
            for (at, value) in values.iter().enumerate() {
                let (channel, y, x) = (at / 128, (at / 16 % 8) as i64 + down, (at % 16) as i64 + right);
                let inside = (0..8).contains(&y) && (0..16).contains(&x);
                assert_eq!(*value, if inside { (channel as i64 * 128 + y * 16 + x + 1) as f32 } else { 0.0 });
            }
            seen.insert((down, right));
        }
        assert_eq!(seen.len(), 15, "every shift occurs");
    }

    #[test]
    fn colours_are_shifted_as_their_principal_components_say() {
        // Eigenvalues 3 and 1 along (1, 1)/√2 and (1, −1)/√2.
        let augment = Augment { colour: Some(vec![vec![2.0, 1.0], vec![1.0, 2.0]]), ..Augment::default() };
        let (mut along, mut across) = (0.0, 0.0);
        const DRAWS: u64 = 4000;
        for seed in 0..DRAWS {
            let values = changed(&augment, seed);
            let (a, b) = (f64::from(values[0] - 1.0), f64::from(values[128] - 129.0));
            along += (a + b).powi(2) / 2.0;
            across += (a - b).powi(2) / 2.0;
        }
        let std = |sum: f64| (sum / DRAWS as f64).sqrt();
        assert!((std(along) - 0.3).abs() < 0.02, "{}", std(along));
        assert!((std(across) - 0.1).abs() < 0.01, "{}", std(across));
    }
}
