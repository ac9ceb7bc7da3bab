//! An axis: what stands where along it, and where its numbers stand.

/// What is measured along an axis.
#[derive(Debug, Clone)]
pub struct Axis {
    pub name: String,
    pub is_logarithmic: bool,
    /// How a number is written at a tick.
    pub write: fn(f64) -> String,
}

impl Axis {
    /// Whether a number has a place here.
    pub fn can_show(&self, value: f64) -> bool {
        value.is_finite() && (!self.is_logarithmic || value > 0.0)
    }

    /// From below the least to above the most of some numbers, at round ones; none where there are no numbers.
    pub fn scale(&self, values: impl Iterator<Item = f64>) -> Option<Scale> {
        let values: Vec<f64> = values.filter(|value| self.can_show(*value)).collect();
        let (least, most) = values.iter().fold(None, |ends: Option<(f64, f64)>, value| {
            Some(ends.map_or((*value, *value), |(least, most)| (least.min(*value), most.max(*value))))
        })?;
        Some(if self.is_logarithmic { logarithmic(least, most) } else { linear(least, most) })
    }
}

/// The two ends of an axis, and the numbers that stand along it.
#[derive(Debug, Clone, PartialEq)]
pub struct Scale {
    first: f64,
    last: f64,
    is_logarithmic: bool,
    pub ticks: Vec<f64>,
}

impl Scale {
    /// What stands at the ends.
    pub fn ends(&self) -> [f64; 2] {
        [self.first, self.last]
    }

    /// 0 at the first end, 1 at the last.
    pub fn place(&self, value: f64) -> f64 {
        let own = |value: f64| if self.is_logarithmic { value.log10() } else { value };
        (own(value) - own(self.first)) / (own(self.last) - own(self.first))
    }
}

impl Axis {
    /// What stands at each tick: with all digits where those that are usual do not tell one from another.
    pub fn labels(&self, scale: &Scale) -> Vec<String> {
        let usual: Vec<String> = scale.ticks.iter().map(|tick| (self.write)(*tick)).collect();
        let is_told = usual.windows(2).all(|pair| pair[0] != pair[1]);
        if is_told {
            return usual;
        }
        // Ten digits tell ticks apart that were made of round steps.
        let whole = |tick: &f64| format!("{tick:.9e}").parse::<f64>().unwrap_or(*tick).to_string();
        scale.ticks.iter().map(whole).collect()
    }
}

/// At most so many numbers along an axis.
const TICKS: f64 = 6.0;

fn linear(least: f64, most: f64) -> Scale {
    // All at one place: some room around it.
    let room = if most > least { 0.0 } else { (0.1 * least.abs()).max(1e-9) };
    let (least, most) = (least - room, most + room);
    let rough = (most - least) / TICKS;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|times| times * power).find(|step| *step >= rough);
    let step = step.unwrap_or(rough);
    let (first, last) = ((least / step).floor() * step, (most / step).ceil() * step);
    let count = ((last - first) / step).round() as usize;
    let ticks = (0..=count).map(|at| first + at as f64 * step);
    // What should be 0 is 0.
    let ticks = ticks.map(|tick| if tick.abs() < 1e-9 * step { 0.0 } else { tick }).collect();
    Scale { first, last, is_logarithmic: false, ticks }
}

fn logarithmic(least: f64, most: f64) -> Scale {
    let decades = most.log10() - least.log10();
    // Few decades have 1, 2 and 5 of each, many have each as often as there is room.
    let times: &[f64] = if decades < 3.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
    let (low, high) = (least.log10().floor() as i32, most.log10().ceil() as i32);
    let all = (low..=high).flat_map(|power| times.iter().map(move |times| times * 10f64.powi(power)));
    let all: Vec<f64> = all.collect();
    let from = all.iter().rposition(|tick| *tick <= least * (1.0 + 1e-12)).unwrap_or(0);
    let to = all.iter().position(|tick| *tick >= most * (1.0 - 1e-12)).unwrap_or(all.len() - 1).max(from + 1);
    let mut ticks: Vec<f64> = all.iter().copied().skip(from).take(to.min(all.len() - 1) - from + 1).collect();
    if ticks.len() < 2 {
        ticks = vec![ticks[0], 10.0 * ticks[0]];
    }
    let (first, last) = (ticks[0], ticks[ticks.len() - 1]);
    let every = (ticks.len() as f64 / (TICKS + 1.0)).ceil().max(1.0) as usize;
    let ticks = ticks.into_iter().step_by(every).collect();
    Scale { first, last, is_logarithmic: true, ticks }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(is_logarithmic: bool) -> Axis {
        Axis { name: String::new(), is_logarithmic, write: |value| value.to_string() }
    }

    #[test]
    fn ends_are_round_and_hold_everything() {
        let scale = axis(false).scale([3.0, 97.0].into_iter()).expect("numbers");
        assert_eq!(scale.ticks, [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]);
        assert_eq!([0.0, 50.0, 100.0].map(|value| scale.place(value)), [0.0, 0.5, 1.0]);
        let scale = axis(true).scale([3.0, 97_000.0].into_iter()).expect("numbers");
        assert_eq!((scale.ticks[0], scale.place(1.0), scale.place(100_000.0)), (1.0, 0.0, 1.0));
        let scale = axis(true).scale([3.0, 40.0].into_iter()).expect("numbers");
        assert_eq!(scale.ticks, [2.0, 5.0, 10.0, 20.0, 50.0]);
    }

    #[test]
    fn numbers_without_a_place_are_left_out() {
        assert_eq!(axis(true).scale([0.0, -1.0, f64::NAN].into_iter()), None);
        for is_logarithmic in [false, true] {
            for values in [[5.0, 5.0], [1e-300, 1e300], [1e15, 1e15 + 1.0], [0.1, 0.1], [1.0, 1.0]] {
                let scale = axis(is_logarithmic).scale(values.into_iter()).expect("numbers");
                for value in values {
                    let place = scale.place(value);
                    assert!((-1e-9..=1.0 + 1e-9).contains(&place), "{values:?}: {scale:?} puts {value} at {place}");
                }
                assert!(scale.ticks.len() >= 2 && scale.ticks.len() < 12, "{scale:?}");
            }
        }
        let zero = axis(false).scale([0.0, 0.0].into_iter()).expect("numbers");
        assert!((0.0..=1.0).contains(&zero.place(0.0)));
    }
}
