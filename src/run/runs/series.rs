//! A curve over steps in bounded memory: neighbouring steps share a bucket, which keeps the least, the largest and the mean, so
//! that no spike is lost however long a run goes on.

/// Most buckets of a series. Far more than a screen has columns.
const MOST: usize = 4096;

/// Some steps in a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bucket {
    /// The first and the last step in it.
    pub from: u64,
    pub to: u64,
    pub count: u64,
    /// Over the values that are finite; `least > most` if there are none.
    pub least: f64,
    pub most: f64,
    pub sum: f64,
    /// Values that are not a number or infinite.
    pub not_finite: u64,
}

impl Bucket {
    fn new(step: u64, value: f64) -> Self {
        let finite = value.is_finite();
        Bucket {
            from: step,
            to: step,
            count: u64::from(finite),
            least: if finite { value } else { f64::INFINITY },
            most: if finite { value } else { f64::NEG_INFINITY },
            sum: if finite { value } else { 0.0 },
            not_finite: u64::from(!finite),
        }
    }

    fn join(&mut self, other: &Bucket) {
        self.to = other.to;
        self.count += other.count;
        self.least = self.least.min(other.least);
        self.most = self.most.max(other.most);
        self.sum += other.sum;
        self.not_finite += other.not_finite;
    }

    /// Of the finite values; none if there are none.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }
}

/// A curve over steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    buckets: Vec<Bucket>,
    /// Steps that share a bucket.
    stride: u64,
}

impl Default for Series {
    fn default() -> Self {
        Series { buckets: Vec::new(), stride: 1 }
    }
}

impl Series {
    /// Steps come in rising order.
    pub fn push(&mut self, step: u64, value: f64) {
        let new = Bucket::new(step, value);
        match self.buckets.last_mut() {
            Some(last) if last.from / self.stride == step / self.stride => last.join(&new),
            _ => self.buckets.push(new),
        }
        if self.buckets.len() > MOST {
            self.stride *= 2;
            let mut joined: Vec<Bucket> = Vec::with_capacity(MOST);
            for bucket in &self.buckets {
                match joined.last_mut() {
                    Some(last) if last.from / self.stride == bucket.from / self.stride => last.join(bucket),
                    _ => joined.push(*bucket),
                }
            }
            self.buckets = joined;
        }
    }

    pub fn buckets(&self) -> &[Bucket] {
        &self.buckets
    }

    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    pub fn last_step(&self) -> u64 {
        self.buckets.last().map_or(0, |bucket| bucket.to)
    }

    /// The bucket that a step lies in, or the nearest before it.
    pub fn at(&self, step: u64) -> Option<&Bucket> {
        let after = self.buckets.partition_point(|bucket| bucket.from <= step);
        self.buckets.get(after.checked_sub(1)?)
    }

    /// The steps from `from` to `to` in `columns` equal parts: what lies in each, or nothing.
    pub fn columns(&self, from: u64, to: u64, columns: usize) -> Vec<Option<Bucket>> {
        let mut parts: Vec<Option<Bucket>> = vec![None; columns];
        let span = (to.saturating_sub(from) + 1) as f64;
        for bucket in self.buckets.iter().filter(|bucket| bucket.from >= from && bucket.from <= to) {
            let at = ((bucket.from - from) as f64 / span * columns as f64) as usize;
            match parts.get_mut(at) {
                Some(Some(part)) => part.join(bucket),
                Some(part) => *part = Some(*bucket),
                None => {}
            }
        }
        parts
    }

    /// A mean over the steps before, each `span` steps back counting a factor e less. It starts as the first value, not as 0.
    pub fn smoothed(&self, span: f64) -> Vec<(u64, f64)> {
        let mut mean: Option<f64> = None;
        let mut line = Vec::with_capacity(self.buckets.len());
        for bucket in &self.buckets {
            let Some(value) = bucket.mean() else { continue };
            let keep = (-((bucket.to - bucket.from + 1) as f64) / span.max(1e-9)).exp();
            let next = mean.map_or(value, |mean| keep * mean + (1.0 - keep) * value);
            mean = Some(next);
            line.push((bucket.to, next));
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_steps_keep_every_spike_in_bounded_memory() {
        let mut series = Series::default();
        for step in 1..=1_000_000 {
            series.push(step, if step == 777_777 { 1000.0 } else { (step % 7) as f64 });
        }
        assert!(series.buckets().len() <= MOST);
        assert_eq!(series.buckets().iter().map(|bucket| bucket.count).sum::<u64>(), 1_000_000);
        let columns = series.columns(1, 1_000_000, 80);
        let spikes: Vec<usize> = columns
            .iter()
            .enumerate()
            .filter(|(_, part)| part.is_some_and(|part| part.most == 1000.0))
            .map(|(at, _)| at)
            .collect();
        assert_eq!(spikes, [62], "777,777 of a million in the 63rd of 80 columns");
        assert!(columns.iter().all(|part| part.is_some_and(|part| part.least == 0.0)));
        assert_eq!(series.last_step(), 1_000_000);
    }

    #[test]
    fn what_is_not_finite_is_counted_apart() {
        let mut series = Series::default();
        for (step, value) in [(1, 1.0), (2, f64::NAN), (3, f64::INFINITY), (4, 3.0)] {
            series.push(step, value);
        }
        let column = series.columns(1, 4, 1)[0].expect("four steps");
        assert_eq!((column.least, column.most, column.mean(), column.not_finite), (1.0, 3.0, Some(2.0), 2));
        assert_eq!(series.at(2).expect("a bucket").mean(), None);
        assert!(series.smoothed(10.0).iter().all(|(_, value)| value.is_finite()));
    }

    #[test]
    fn a_smoothed_line_follows_and_ends_where_a_constant_is() {
        let mut series = Series::default();
        (1..=500).for_each(|step| series.push(step, if step <= 100 { 10.0 } else { 2.0 }));
        let line = series.smoothed(20.0);
        assert_eq!(line[0], (1, 10.0));
        assert!(line[110].1 > 4.0 && (line[499].1 - 2.0).abs() < 1e-6);
    }
}
