//! A learning rate found by a short ramp: the range test of Smith 2017 (section 3.3), with rates that grow by a factor and the
//! smoothed loss of Gugger's fastai.
//!
//! Of n steps, step i (from 0) takes from·(to/from)^(i/(n − 1)). The loss is smoothed by s ← β·s + (1 − β)·loss, divided by 1 − βⁱ⁺¹
//! so that the first steps are not drawn to 0. The ramp ends where the smoothed loss is four times its least, or no number. What is
//! suggested is a tenth of the rate at the least smoothed loss: below it the loss still falls, and safely.

/// How much of the smoothed loss stays at a step.
const BETA: f64 = 0.9;
/// A loss of so many times the least ends the ramp.
const EXPLODED: f64 = 4.0;

/// Which rates are tried.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ramp {
    pub from: f64,
    pub to: f64,
    pub steps: u64,
}

impl Ramp {
    /// The rate of a step, from 0.
    pub fn rate(&self, step: u64) -> f64 {
        let part = step as f64 / (self.steps.max(2) - 1) as f64;
        self.from * (self.to / self.from).powf(part)
    }
}

/// One step of a ramp.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    pub lr: f64,
    /// Of its mini-batch, before the step.
    pub loss: f64,
    pub smoothed: f64,
}

/// The losses along a ramp.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Curve {
    pub points: Vec<Point>,
    sum: f64,
    least: f64,
}

impl Curve {
    /// Takes a step's loss. False where the ramp is over.
    pub fn take(&mut self, lr: f64, loss: f64) -> bool {
        self.sum = BETA * self.sum + (1.0 - BETA) * loss;
        let smoothed = self.sum / (1.0 - BETA.powi(self.points.len() as i32 + 1));
        if !smoothed.is_finite() {
            return false;
        }
        self.least = if self.points.is_empty() { smoothed } else { self.least.min(smoothed) };
        self.points.push(Point { lr, loss, smoothed });
        smoothed <= EXPLODED * self.least
    }

    /// The rate to begin with: a tenth of the one at the least smoothed loss. None where the loss never fell.
    pub fn suggestion(&self) -> Option<f64> {
        let first = self.points.first()?;
        let least = self.points.iter().min_by(|one, other| one.smoothed.total_cmp(&other.smoothed))?;
        (least.smoothed < first.smoothed).then_some(least.lr / 10.0)
    }

    /// Where the smoothed loss falls fastest along the logarithm of the rate.
    pub fn steepest(&self) -> Option<f64> {
        let slope = |pair: &[Point]| (pair[1].smoothed - pair[0].smoothed) / (pair[1].lr / pair[0].lr).ln();
        let pair = self.points.windows(2).min_by(|one, other| slope(one).total_cmp(&slope(other)))?;
        (slope(pair) < 0.0).then(|| (pair[0].lr * pair[1].lr).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_grow_by_a_factor() {
        let ramp = Ramp { from: 1e-4, to: 1.0, steps: 5 };
        let rates: Vec<f64> = (0..5).map(|step| ramp.rate(step)).collect();
        for (own, expected) in rates.iter().zip([1e-4, 1e-3, 1e-2, 1e-1, 1.0]) {
            assert!((own / expected - 1.0).abs() < 1e-12, "{own} {expected}");
        }
    }

    #[test]
    fn losses_are_smoothed_by_hand_and_a_tenth_of_the_best_rate_is_suggested() {
        let mut curve = Curve::default();
        // 0.1·4/0.1; (0.9·0.4 + 0.1·2)/0.19; (0.9·0.56 + 0.1·1)/0.271; (0.9·0.604 + 0.1·9)/0.3439.
        let expected = [4.0, 0.56 / 0.19, 0.604 / 0.271, 1.4436 / 0.3439];
        for (at, loss) in [4.0, 2.0, 1.0, 9.0].into_iter().enumerate() {
            assert!(curve.take(10f64.powi(at as i32 - 4), loss));
            assert!((curve.points[at].smoothed - expected[at]).abs() < 1e-12, "{:?}", curve.points);
        }
        assert!((curve.suggestion().expect("it fell") - 1e-3).abs() < 1e-15);
        // From 4 to 2.95 is a longer way than from 2.95 to 2.23.
        assert!((curve.steepest().expect("it fell") - 10f64.powf(-3.5)).abs() < 1e-12);
        // 0.9·1.4436 + 0.1·100 = 11.3, over 0.41: more than four times 2.23.
        assert!(!curve.take(1.0, 100.0));
        assert!(!curve.take(2.0, f64::NAN));
        assert_eq!(curve.points.len(), 5, "what is no number is no point");
        let mut rising = Curve::default();
        rising.take(0.1, 1.0);
        rising.take(0.2, 2.0);
        assert_eq!((rising.suggestion(), rising.steepest()), (None, None));
        assert_eq!(Curve::default().suggestion(), None);
    }
}
