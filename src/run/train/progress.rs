//! Where a run stands: all that has to be known beside parameters and the optimizer's state to go on with the same bits.
//! Everything random is drawn from the recipe's seed and the step, epoch or image, so that there is no generator to keep.

use serde::{Deserialize, Serialize};

use crate::run::evaluate::Evaluation;

/// How often the learning rate may be divided on a plateau.
pub const MOST_DROPS: u64 = 3;

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Progress {
    /// Updates done.
    pub step: u64,
    /// The epoch that is under way, from 1.
    pub epoch: u64,
    /// Images of its order that have been taken.
    pub place: u64,
    /// Sums over the images of this epoch so far.
    pub loss_sum: f64,
    pub right: f64,
    pub seen: u64,
    /// What the schedule's learning rate is multiplied by: a tenth for each plateau or each time a user asked for it.
    pub rate: f64,
    /// The best validation accuracy so far, and its epoch.
    pub best: Option<(f64, u64)>,
    /// Accuracy and loss of the weights that are kept as the best: of equal accuracy those of the least loss.
    pub kept: Option<(f64, f64)>,
    /// Epochs since then, or since the learning rate was divided.
    pub waited: u64,
    /// How often a plateau has divided the learning rate.
    pub drops: u64,
    /// Training time so far, and of this epoch; pauses do not count.
    pub seconds: f64,
    pub epoch_seconds: f64,
    /// Whether the recipe's end was reached.
    pub finished: bool,
}

impl Default for Progress {
    fn default() -> Self {
        Progress {
            step: 0,
            epoch: 1,
            place: 0,
            loss_sum: 0.0,
            right: 0.0,
            seen: 0,
            rate: 1.0,
            best: None,
            kept: None,
            waited: 0,
            drops: 0,
            seconds: 0.0,
            epoch_seconds: 0.0,
            finished: false,
        }
    }
}

impl Progress {
    /// Counts a step's images.
    pub fn count(&mut self, loss: f32, accuracy: f64, images: usize) {
        self.loss_sum += f64::from(loss) * images as f64;
        self.right += accuracy * images as f64;
        self.seen += images as u64;
    }

    /// Means over this epoch's images so far.
    pub fn means(&self) -> (f64, f64) {
        let seen = self.seen.max(1) as f64;
        (self.loss_sum / seen, self.right / seen)
    }

    /// Takes an epoch's validation accuracy. True if it has not been better for `patience` epochs and the learning rate is
    /// to be divided by 10, which then is done.
    pub fn judge(&mut self, accuracy: f64, patience: Option<u64>) -> bool {
        if self.best.is_none_or(|(best, _)| accuracy > best) {
            self.best = Some((accuracy, self.epoch));
            self.waited = 0;
            return false;
        }
        self.waited += 1;
        let is_over = patience.is_some_and(|patience| self.waited >= patience) && self.drops < MOST_DROPS;
        if is_over {
            self.drops += 1;
            self.waited = 0;
            self.rate /= 10.0;
        }
        is_over
    }

    /// Whether weights of this validation are better than those that are kept; they are taken for kept from then on.
    pub fn is_best(&mut self, own: Evaluation) -> bool {
        let kept = self.kept.or(self.best.map(|(accuracy, _)| (accuracy, f64::MAX)));
        let now = if own.loss.is_finite() { own.loss } else { f64::MAX };
        let is_best = kept.is_none_or(|(best, loss)| own.accuracy > best || own.accuracy == best && now < loss);
        if is_best {
            self.kept = Some((own.accuracy, now));
        }
        is_best
    }

    /// Begins the next epoch.
    pub fn next_epoch(&mut self) {
        *self = Progress {
            epoch: self.epoch + 1,
            place: 0,
            loss_sum: 0.0,
            right: 0.0,
            seen: 0,
            epoch_seconds: 0.0,
            ..self.clone()
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plateau_divides_the_rate_at_most_three_times() {
        let mut progress = Progress::default();
        let mut dropped = Vec::new();
        for epoch in 1..=12 {
            progress.epoch = epoch;
            let accuracy = if epoch <= 2 { epoch as f64 / 10.0 } else { 0.2 };
            if progress.judge(accuracy, Some(2)) {
                dropped.push(epoch);
            }
        }
        assert_eq!(dropped, [4, 6, 8]);
        assert!((progress.rate - 1e-3).abs() < 1e-18);
        assert_eq!(progress.best, Some((0.2, 2)));
    }

    #[test]
    fn of_equal_accuracy_the_weights_of_less_loss_are_kept() {
        let mut progress = Progress::default();
        let told = [(0.5, 0.9), (0.5, 0.4), (0.5, 0.6), (0.4, 0.1), (0.6, 2.0)];
        let kept = told.map(|(accuracy, loss)| progress.is_best(Evaluation { accuracy, loss }));
        assert_eq!(kept, [true, true, false, false, true]);
    }

    #[test]
    fn it_survives_being_written_down() {
        let progress =
            Progress { loss_sum: 0.1 + 0.2, seconds: 1.0 / 3.0, best: Some((2.0 / 3.0, 7)), ..Progress::default() };
        let text = serde_json::to_string(&progress).expect("numbers");
        assert_eq!(serde_json::from_str::<Progress>(&text).expect("the same"), progress);
    }
}
