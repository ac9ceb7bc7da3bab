//! Which units of its input a unit of a layer reads, along one axis.

/// What an operation reads along one axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Unit i reads unit i.
    Same,
    /// Unit i reads i·stride − before + t·dilation for t below the kernel's size.
    Window { kernel: u64, stride: u64, before: u64, dilation: u64 },
    /// Unit i reads every j for which a t below the kernel's size gives i = j·stride − padding + t·dilation.
    Transposed { kernel: u64, stride: u64, padding: u64, dilation: u64 },
    /// Unit i reads ⌊i/scale⌋.
    Nearest { scale: u64 },
    /// Unit i reads the neighbours of (i + 0.5)/scale − 0.5.
    Bilinear { scale: u64 },
    /// Unit i of `to` reads ⌊i·from/to⌋ to ⌈(i + 1)·from/to⌉ − 1.
    Adaptive { from: u64, to: u64 },
    /// Every unit reads all.
    All { size: u64 },
}

/// Units, or taps, that are looked at one by one where no formula gives the first and last; beyond them the answer is that of
/// the formula, which may be wider.
const LOOKED_AT: u64 = 1 << 12;

impl Reach {
    /// The first and last unit that unit `unit` reads, whether there are such units or not; none where it reads none.
    pub fn of(self, unit: i128) -> Option<(i128, i128)> {
        let wide = i128::from;
        match self {
            Reach::Same => Some((unit, unit)),
            Reach::Window { kernel, stride, before, dilation } => {
                let first = unit.checked_mul(wide(stride))? - wide(before);
                Some((first, first + wide(dilation) * wide(kernel - 1)))
            }
            Reach::Transposed { kernel, stride, padding, dilation } => {
                let taps = |from_end: bool| {
                    let tap = move |at: u64| wide(if from_end { kernel - 1 - at } else { at });
                    (0..kernel.min(LOOKED_AT)).map(tap).find_map(|tap| {
                        let place = unit + wide(padding) - tap * wide(dilation);
                        (place.rem_euclid(wide(stride)) == 0).then(|| place.div_euclid(wide(stride)))
                    })
                };
                // The first tap reads the last unit.
                Some((taps(true)?, taps(false)?))
            }
            Reach::Nearest { scale } => Some((unit.div_euclid(wide(scale)), unit.div_euclid(wide(scale)))),
            Reach::Bilinear { scale } => {
                let twice = 2 * unit + 1 - wide(scale);
                let first = twice.div_euclid(2 * wide(scale));
                let between = twice.rem_euclid(2 * wide(scale)) != 0;
                Some((first, first + i128::from(between)))
            }
            Reach::Adaptive { from, to } => {
                let (from, to) = (wide(from), wide(to));
                Some(((unit * from).div_euclid(to), ((unit + 1) * from + to - 1).div_euclid(to) - 1))
            }
            Reach::All { size } => Some((0, wide(size) - 1)),
        }
    }

    /// The first and last of `size` units that units `first` to `last` read together; none where they read padding alone.
    pub fn inside(self, (first, last): (u64, u64), size: u64) -> Option<(u64, u64)> {
        let end = i128::from(size) - 1;
        let low = (first..=last).take(LOOKED_AT as usize).filter_map(|unit| self.first_inside(unit, end)).min();
        let high = (first..=last).rev().take(LOOKED_AT as usize).filter_map(|unit| self.last_inside(unit, end)).max();
        Some((low?, high?))
    }

    fn first_inside(self, unit: u64, end: i128) -> Option<u64> {
        let (first, last) = self.of(unit.into())?;
        let first = match self {
            // Of a dilated window the first tap that lies inside.
            Reach::Window { dilation, .. } if first < 0 => {
                first + i128::from(dilation) * (-first + i128::from(dilation) - 1).div_euclid(i128::from(dilation))
            }
            Reach::Transposed { .. } if last < 0 => return None,
            // Beyond the edge the value at the edge counts.
            Reach::Bilinear { .. } => first.clamp(0, end),
            _ => first.max(0),
        };
        (first <= end && first <= last.max(0)).then_some(first as u64)
    }

    fn last_inside(self, unit: u64, end: i128) -> Option<u64> {
        let (first, last) = self.of(unit.into())?;
        let last = match self {
            Reach::Window { dilation, .. } if last > end => {
                last - i128::from(dilation) * (last - end + i128::from(dilation) - 1).div_euclid(i128::from(dilation))
            }
            Reach::Bilinear { .. } if first < 0 => 0,
            Reach::Bilinear { .. } => last.clamp(0, end),
            _ => last.min(end),
        };
        (last >= 0 && last >= first.min(end)).then_some(last as u64)
    }
}
