//! Running averages of what a network learns: θ̄ ← d·θ̄ + (1 − d)·θ after every step (Polyak & Juditsky 1992, with a constant
//! step; "EMA"), of parameters and running statistics alike.
//!
//! So that the first steps do not weigh for long, step t takes d = min(decay, (1 + t)/(10 + t)), as TensorFlow's
//! `ExponentialMovingAverage` does when it is told the step.

use rayon::prelude::*;

use super::compiled::Compiled;
use super::kernels::view;
use super::ops::Row;
use super::ops::batch_norm::Statistics;
use super::parameters::row;
use crate::reason::Reason;

/// Averages of one network. What is frozen is not averaged.
pub struct Average {
    decay: f64,
    steps: u64,
    /// Of each parameter that is learned.
    parameters: Vec<Option<Row>>,
    statistics: Vec<Statistics>,
}

/// What is averaged by its name.
pub type Named<'a> = (String, std::borrow::Cow<'a, [f32]>);

impl Average {
    /// Begins at what the network is now.
    pub fn new(decay: f64, network: &Compiled) -> Average {
        let copy = |values: &Row| row(&network.device, view::values(values).to_vec());
        let own = network.parameters.iter().map(|own| network.learns(own).then(|| copy(&own.values)));
        let statistics = network.running.iter().map(|running| running.statistics.clone());
        Average { decay, steps: 0, parameters: own.collect(), statistics: statistics.collect() }
    }

    /// Follows a step of the network.
    pub fn follow(&mut self, network: &Compiled) {
        self.steps += 1;
        let steps = self.steps as f64;
        let stays = self.decay.min((1.0 + steps) / (10.0 + steps));
        let toward = |average: &mut [f32], now: &[f32]| {
            average.par_iter_mut().zip(now).with_min_len(1 << 14).for_each(|(average, now)| {
                *average = (stays * f64::from(*average) + (1.0 - stays) * f64::from(*now)) as f32;
            });
        };
        for (average, parameter) in self.parameters.iter_mut().zip(&network.parameters) {
            if let Some(average) = average.as_mut().and_then(view::values_mut) {
                toward(average, &view::values(&parameter.values));
            }
        }
        for (average, running) in self.statistics.iter_mut().zip(&network.running) {
            toward(&mut average.mean, &running.statistics.mean);
            toward(&mut average.variance, &running.statistics.variance);
        }
    }

    /// Puts the averages in the network's place and what it had in theirs. Twice is as never.
    pub fn swap(&mut self, network: &mut Compiled) {
        for (average, parameter) in self.parameters.iter_mut().zip(&mut network.parameters) {
            if let Some(average) = average {
                std::mem::swap(average, &mut parameter.values);
            }
        }
        for (average, running) in self.statistics.iter_mut().zip(&mut network.running) {
            std::mem::swap(average, &mut running.statistics);
        }
        network.parameters_changed();
    }

    /// Steps followed, and every average under the name of what it is the average of.
    pub fn state<'a>(&'a self, network: &'a Compiled) -> (u64, Vec<Named<'a>>) {
        let parameters = self.parameters.iter().zip(&network.parameters);
        let mut all: Vec<_> =
            parameters.filter_map(|(average, own)| Some((own.name.clone(), view::values(average.as_ref()?)))).collect();
        for (average, running) in self.statistics.iter().zip(&network.running) {
            all.push((format!("{}.running_mean", running.name), average.mean.as_slice().into()));
            all.push((format!("{}.running_var", running.name), average.variance.as_slice().into()));
        }
        (self.steps, all)
    }

    /// Goes on from what [`Average::state`] gave; `read` finds the values of a name. The error is the name of what does not fit.
    pub fn restored(
        decay: f64,
        steps: u64,
        network: &Compiled,
        mut read: impl FnMut(&str) -> Option<Vec<f32>>,
    ) -> Result<Average, Reason> {
        let mut average = Average::new(decay, network);
        average.steps = steps;
        let mut fitting = |name: String, length: usize| read(&name).filter(|values| values.len() == length).ok_or(name);
        for (own, parameter) in average.parameters.iter_mut().zip(&network.parameters) {
            if let Some(own) = own {
                *own = row(&network.device, fitting(parameter.name.clone(), parameter.len())?);
            }
        }
        for (own, running) in average.statistics.iter_mut().zip(&network.running) {
            own.mean = fitting(format!("{}.running_mean", running.name), own.mean.len())?;
            own.variance = fitting(format!("{}.running_var", running.name), own.variance.len())?;
        }
        Ok(average)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph;
    use crate::network::init::Init;
    use crate::spec::{Library, Origin};

    fn network() -> Compiled {
        let text = "input: [1, 1, 1]\nlayers: [batch_norm, flatten, linear: {out: 1, bias: false}]".to_string();
        let loaded = Library::new(None).load_text(&Origin::File("small.yaml".into()), text, &[]).expect("sound");
        Compiled::initialised(&graph::analyse(&loaded).expect("fits"), Init::Kaiming, 1)
    }

    fn set(network: &mut Compiled, value: f32) {
        let last = network.parameters.len() - 1;
        network.parameters[last].values = row(&network.device, vec![value]);
        network.running[0].statistics.mean = vec![value];
    }

    fn weight(network: &Compiled) -> (f32, f32) {
        let last = network.parameters.last().expect("a weight");
        (view::values(&last.values)[0], network.running[0].statistics.mean[0])
    }

    #[test]
    fn averages_follow_by_hand() {
        let mut network = network();
        set(&mut network, 1.0);
        let mut average = Average::new(0.5, &network);
        // (1 + 1)/(10 + 1) and (1 + 2)/(10 + 2) are below one half.
        let (first, second) = (2.0 / 11.0, 0.25);
        set(&mut network, 3.0);
        average.follow(&network);
        set(&mut network, 5.0);
        average.follow(&network);
        let by_hand = second * (first * 1.0 + (1.0 - first) * 3.0) + (1.0 - second) * 5.0;
        average.swap(&mut network);
        let (own, mean) = weight(&network);
        assert!((f64::from(own) - by_hand).abs() < 1e-6 && own == mean, "{own} {mean} {by_hand}");
        average.swap(&mut network);
        assert_eq!(weight(&network), (5.0, 5.0));
        // Far on, the decay counts.
        average.steps = 1000;
        let before = f64::from(by_hand as f32);
        average.follow(&network);
        average.swap(&mut network);
        assert!((f64::from(weight(&network).0) - (0.5 * before + 2.5)).abs() < 1e-6);
    }

    #[test]
    fn averages_are_saved_and_taken_up_and_frozen_layers_have_none() {
        let mut network = network();
        network.frozen[0] = true;
        let mut average = Average::new(0.9, &network);
        set(&mut network, 7.0);
        average.follow(&network);
        let (steps, saved) = average.state(&network);
        let saved: Vec<(String, Vec<f32>)> = saved.into_iter().map(|(name, own)| (name, own.into_owned())).collect();
        let names: Vec<&str> = saved.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["linear1.weight", "batch_norm1.running_mean", "batch_norm1.running_var"]);
        let find = |name: &str| saved.iter().find(|(own, _)| own == name).map(|(_, values)| values.clone());
        let again = Average::restored(0.9, steps, &network, find).expect("fits");
        assert_eq!(again.state(&network).1.len(), 3);
        assert_eq!(again.steps, 1);
        let absent = |name: &str| find(name).filter(|_| name != "linear1.weight");
        assert_eq!(Average::restored(0.9, steps, &network, absent).err(), Some("linear1.weight".into()));
    }
}
