//! Receptive fields as intervals of pixels, kept exactly along each axis.
//!
//! Unit i of a map sees pixels `first + i·jump` to `last + i·jump`. A window moves the ends: first −= p·jump, last += (d(k−1) −
//! p)·jump, jump *= s; where paths are aligned this is the recurrence of Araujo, Norris & Sim, "Computing Receptive Fields of
//! Convolutional Neural Networks" (Distill 2019). A join takes the hull of its inputs' intervals, which stays true where paths
//! are not aligned. Behind upsampling neighbouring units no longer move by a whole step each: then the intervals of a whole
//! period of units are kept, and the period moves by a step.

use super::reach::Reach;

/// What one unit sees of the input, along one axis, in pixels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Axis {
    /// First and last pixel of the first units, as many as it takes until the pattern repeats.
    spans: Vec<(i128, i128)>,
    /// How many pixels further so many units lie; unknown from `flatten` on, where no map is left.
    step: Option<u128>,
}

/// The receptive field: rows, then columns.
pub type Field = [Axis; 2];

/// How far apart the fields of neighbouring units are: `pixels` for every `units`, in lowest terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Jump {
    pub pixels: u128,
    pub units: u128,
}

impl std::fmt::Display for Jump {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self.units {
            1 => formatter.pad(&super::figures::grouped(self.pixels)),
            units => formatter.pad(&format!("{}/{units}", super::figures::grouped(self.pixels))),
        }
    }
}

/// Longest period of intervals that is kept; beyond it a field is undefined.
const LONGEST: u64 = 1 << 10;

/// A number outgrew 128 bits.
#[derive(Debug)]
pub struct TooLarge;

fn pixel_axis() -> Axis {
    Axis { spans: vec![(0, 0)], step: Some(1) }
}

/// The field of an input pixel: itself.
pub fn pixel() -> Field {
    [pixel_axis(), pixel_axis()]
}

impl Axis {
    /// Pixels that the unit that sees most sees.
    pub fn size(&self) -> u128 {
        self.spans.iter().map(|(first, last)| last.abs_diff(*first) + 1).max().unwrap_or(1)
    }

    /// Pixels between the fields of neighbouring units; none where no map is left.
    pub fn jump(&self) -> Option<Jump> {
        let (pixels, units) = (self.step?, self.spans.len() as u128);
        let common = greatest_common_divisor(pixels, units);
        Some(Jump { pixels: pixels / common, units: units / common })
    }

    /// Twice the centre of unit 0's field (pixel 0's centre is 0), so that halves stay whole numbers.
    pub fn twice_center(&self) -> Option<i128> {
        let (first, last) = self.spans[0];
        self.step.map(|_| first + last)
    }

    /// Where unit 0's field is centred, as the mean of all units of a period says; none where no map is left.
    pub fn mean_center(&self) -> Option<f64> {
        let step = self.step? as f64 / self.spans.len() as f64;
        let center = |(unit, (first, last)): (usize, &(i128, i128))| (first + last) as f64 / 2.0 - unit as f64 * step;
        Some(self.spans.iter().enumerate().map(center).sum::<f64>() / self.spans.len() as f64)
    }

    /// First and last pixel that a unit sees, inside the input or not.
    pub fn span(&self, unit: i128) -> Option<(i128, i128)> {
        let period = self.spans.len() as i128;
        let (first, last) = self.spans[usize::try_from(unit.rem_euclid(period)).ok()?];
        match self.step {
            None => Some((first, last)),
            Some(step) => {
                let moved = i128::try_from(step).ok()?.checked_mul(unit.div_euclid(period))?;
                Some((first.checked_add(moved)?, last.checked_add(moved)?))
            }
        }
    }

    /// First and last pixel that units `first` to `last` see together.
    fn hull(&self, first: i128, last: i128) -> Option<(i128, i128)> {
        // Intervals move on by a step each period, so the first period has the first pixel and the last the last.
        let period = self.spans.len() as i128;
        let low = (first..=last.min(first + period - 1)).map(|unit| self.span(unit));
        let high = (first.max(last - period + 1)..=last).map(|unit| self.span(unit));
        let low = low.collect::<Option<Vec<_>>>()?.into_iter().map(|(first, _)| first).min()?;
        let high = high.collect::<Option<Vec<_>>>()?.into_iter().map(|(_, last)| last).max()?;
        Some((low, high))
    }

    /// The axis behind an operation; nothing where it is undefined.
    fn behind(&self, reach: Reach) -> Result<Option<Axis>, TooLarge> {
        if self.step.is_none() {
            // What sees everything goes on doing so.
            return Ok(Some(self.clone()));
        }
        let period = self.spans.len() as u64;
        match reach {
            Reach::Same => Ok(Some(self.clone())),
            Reach::All { size } => {
                let (first, last) = self.hull(0, i128::from(size) - 1).ok_or(TooLarge)?;
                Ok(Some(Axis { spans: vec![(first, last)], step: None }))
            }
            Reach::Adaptive { from, to } if from.is_multiple_of(to) => {
                let kernel = from / to;
                self.behind(Reach::Window { kernel, stride: kernel, before: 0, dilation: 1 })
            }
            Reach::Adaptive { .. } => Ok(None),
            Reach::Window { stride, .. } => {
                // So many units of the output lie as far apart as a whole number of periods of the input.
                let units = period / greatest_common_divisor(period.into(), stride.into()) as u64;
                self.sampled(reach, units, u128::from(units) * u128::from(stride) / u128::from(period))
            }
            Reach::Transposed { stride: scale, .. } | Reach::Nearest { scale } | Reach::Bilinear { scale } => {
                match period.checked_mul(scale).filter(|&units| units <= LONGEST) {
                    Some(units) => self.sampled(reach, units, 1),
                    None => Ok(None),
                }
            }
        }
    }

    /// The intervals of `units` units of the output, which lie `periods` periods of the input apart.
    fn sampled(&self, reach: Reach, units: u64, periods: u128) -> Result<Option<Axis>, TooLarge> {
        let step = self.step.and_then(|step| step.checked_mul(periods)).ok_or(TooLarge)?;
        i128::try_from(step).map_err(|_| TooLarge)?;
        let mut spans = Vec::with_capacity(units as usize);
        for unit in 0..i128::from(units) {
            // A transposed conv with gaps between its kernels makes units that see nothing.
            let Some((first, last)) = reach.of(unit) else { return Ok(None) };
            let span = match self.spans.len() {
                1 => self.span(first).zip(self.span(last)).map(|((low, _), (_, high))| (low, high)),
                _ => self.hull(first, last),
            };
            let span = span.filter(|(low, high)| high.checked_sub(*low).and_then(|size| size.checked_mul(4)).is_some());
            spans.push(span.ok_or(TooLarge)?);
        }
        Ok(Some(Axis { spans, step: Some(step) }.in_lowest_terms()))
    }

    /// With the shortest period that says the same.
    fn in_lowest_terms(self) -> Axis {
        let Some(step) = self.step else { return self };
        let length = self.spans.len();
        let says_all = |period: &usize| {
            let parts = (length / period) as u128;
            length.is_multiple_of(*period) && step.is_multiple_of(parts) && {
                let short = Axis { spans: self.spans[..*period].to_vec(), step: Some(step / parts) };
                (0..length).all(|unit| short.span(unit as i128) == Some(self.spans[unit]))
            }
        };
        match (1..length).find(says_all) {
            Some(period) => {
                let step = Some(step / (length / period) as u128);
                Axis { spans: self.spans[..period].to_vec(), step }
            }
            None => self,
        }
    }

    /// The hull of two fields; nothing where their units move by different steps.
    fn joined(&self, other: &Axis) -> Option<Axis> {
        if self.jump() != other.jump() {
            return None;
        }
        let (one, two) = (self.spans.len() as u128, other.spans.len() as u128);
        let units = one / greatest_common_divisor(one, two) * two;
        let step = match self.step {
            None => None,
            Some(step) => Some(step.checked_mul(units / one)?),
        };
        if units > u128::from(LONGEST) {
            return None;
        }
        let spans = (0..units as i128).map(|unit| {
            let (first, last) = self.span(unit)?;
            let (other_first, other_last) = other.span(unit)?;
            Some((first.min(other_first), last.max(other_last)))
        });
        Some(Axis { spans: spans.collect::<Option<_>>()?, step }.in_lowest_terms())
    }
}

/// The field behind an operation with one input; nothing where it is undefined.
pub fn behind(before: Option<&Field>, reach: [Reach; 2]) -> Result<Option<Field>, TooLarge> {
    let Some([rows, columns]) = before else { return Ok(None) };
    let (rows, columns) = (rows.behind(reach[0])?, columns.behind(reach[1])?);
    Ok(rows.zip(columns).map(<[Axis; 2]>::from))
}

/// The hull of the fields that come together at a join; nothing where one is undefined or they are not of one jump.
pub fn hull(fields: &[Option<&Field>]) -> Option<Field> {
    let (first, others) = fields.split_first()?;
    let mut hull = (*first)?.clone();
    for other in others {
        let other = (*other)?;
        hull = [hull[0].joined(&other[0])?, hull[1].joined(&other[1])?];
    }
    Some(hull)
}

fn greatest_common_divisor(mut one: u128, mut other: u128) -> u128 {
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(reaches: &[Reach]) -> Axis {
        reaches.iter().fold(pixel_axis(), |axis, reach| axis.behind(*reach).expect("small").expect("defined"))
    }

    const fn window(kernel: u64, stride: u64, before: u64) -> Reach {
        Reach::Window { kernel, stride, before, dilation: 1 }
    }

    #[test]
    fn windows_follow_the_recurrence() {
        // r += d(k−1)·j, c += (d(k−1)/2 − p)·j, j *= s, by hand: 3×3, then 3×3/2 with padding 1, then 5×5.
        let axis = through(&[window(3, 1, 1), window(3, 2, 1), window(5, 1, 2)]);
        assert_eq!((axis.size(), axis.jump()), (13, Some(Jump { pixels: 2, units: 1 })));
        assert_eq!(axis.twice_center(), Some(0));
    }

    #[test]
    fn paths_that_are_not_aligned_are_seen_from_end_to_end() {
        // A 3×3/2 conv padded by 1 sees −1…1, a 3×3/2 pool without padding 0…2.
        let (conv, pool) = (through(&[window(3, 2, 1)]), through(&[window(3, 2, 0)]));
        let joined = conv.joined(&pool).expect("one jump");
        assert_eq!((joined.size(), joined.span(1)), (4, Some((1, 4))));
        assert_eq!(through(&[window(3, 1, 1)]).joined(&conv), None, "their units move apart");
    }

    #[test]
    fn behind_upsampling_units_differ_by_their_phase() {
        // Two units of a nearest ×2 see the same pixel; a 3×3 on them two or, at no place, three input units.
        let up = through(&[Reach::Nearest { scale: 2 }]);
        assert_eq!((up.span(0), up.span(1), up.span(2)), (Some((0, 0)), Some((0, 0)), Some((1, 1))));
        assert_eq!(up.jump(), Some(Jump { pixels: 1, units: 2 }));
        let conv = up.behind(window(3, 1, 1)).expect("small").expect("defined");
        assert_eq!((conv.span(0), conv.span(1), conv.size()), (Some((-1, 0)), Some((0, 1)), 2));
        // A pool and its inverse, a transposed 2×2 with stride 2: each unit sees its own window of two pixels.
        let back = through(&[window(2, 2, 0), Reach::Transposed { kernel: 2, stride: 2, padding: 0, dilation: 1 }]);
        assert_eq!((back.span(0), back.span(1), back.span(2)), (Some((0, 1)), Some((0, 1)), Some((2, 3))));
        // Taking every second of them gives whole steps again.
        let sampled = back.behind(window(1, 2, 0)).expect("small").expect("defined");
        assert_eq!((sampled.spans.len(), sampled.jump()), (1, Some(Jump { pixels: 2, units: 1 })));
    }

    #[test]
    fn bilinear_upsampling_reads_the_neighbours() {
        // PyTorch, scale 2: output 1 lies at 0.25, between inputs 0 and 1; output 0 at −0.25.
        let up = through(&[Reach::Bilinear { scale: 2 }]);
        assert_eq!((up.span(0), up.span(1), up.span(2)), (Some((-1, 0)), Some((0, 1)), Some((0, 1))));
        // Scale 3: output 1 lies on input 0.
        assert_eq!(through(&[Reach::Bilinear { scale: 3 }]).span(1), Some((0, 0)));
    }
}
