//! How long each stage takes in a forward pass, by a clock around the steps of the pass that predictions are made with.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tract_onnx::prelude::*;

use super::error::tract;
use super::plans::Clocked;
use super::{Network, NetworkError};

/// The smallest of so many passes counts: what else the machine does only ever adds.
const PASSES: usize = 15;

/// From the second pass on, none is begun later than that.
const LONGEST: Duration = Duration::from_secs(1);

/// What the endings begin with that tract and the kernels give the names of nodes.
const ENDINGS: [char; 4] = ['.', '/', '#', '-'];

/// How long the stages take in a forward pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageTimes {
    /// Of each stage, in the order of [`Network::stages`].
    pub stages: Vec<StageTime>,
    /// Of the whole pass, with what belongs to no stage.
    pub whole: Duration,
}

/// How long a stage takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StageTime {
    /// Its steps together.
    Own(Duration),
    /// It has no step of its own: what it does is done in a step of that stage, by its place in the list.
    Fused(usize),
    /// It has none, since nothing has to be done, or other steps do it.
    None,
}

impl StageTimes {
    /// Which part of the pass a stage takes, in `[0, 1]`; all of them together at most 1.
    pub fn share(&self, stage: usize) -> Option<f64> {
        let StageTime::Own(time) = self.stages.get(stage)? else { return None };
        Some(time.as_secs_f64() / self.whole.as_secs_f64().max(f64::MIN_POSITIVE))
    }
}

impl Network {
    /// How long each stage takes in [`Network::forward`], on noise, as the smallest of a few passes; none where `is_cancelled`
    /// says so before they are done. A step that does several things at once, as a convolution with the sum behind it,
    /// belongs to the stage of what it begins with.
    ///
    /// # Errors
    /// When a shape of the graph is symbolic, or tract fails.
    pub fn stage_times(&self, is_cancelled: impl Fn() -> bool) -> Result<Option<StageTimes>, NetworkError> {
        let (stages, places) = self.stages_of_nodes().map_err(tract("could not read the network's graph"))?;
        let by_name: HashMap<&str, usize> = places.iter().map(|(id, at)| (&*self.graph.node(*id).name, *at)).collect();
        let plan = self.forward_plan()?;
        let input = self.input_tensor(&self.noise().view())?;
        let begun = Instant::now();
        let mut passes: Vec<Clocked> = vec![];
        while passes.len() < 2 || passes.len() < PASSES && begun.elapsed() < LONGEST {
            if is_cancelled() {
                return Ok(None);
            }
            passes.push(plan.run_clocked(tvec![input.clone()])?);
        }
        let Clocked { steps, whole } = smallest(passes);
        let (mut own, mut others) = (vec![None; stages.len()], vec![None; stages.len()]);
        for (name, time) in steps {
            if let Some(at) = stage_of(&name, &by_name) {
                *own[at].get_or_insert(Duration::ZERO) += time;
            }
        }
        for (node, step) in &plan.fused {
            if let Some((at, by)) = by_name.get(node.as_str()).zip(by_name.get(step.as_str())) {
                others[*at] = others[*at].max(Some(*by).filter(|by| by != at));
            }
        }
        let time = |(own, other): (Option<Duration>, Option<usize>)| {
            own.map(StageTime::Own).or(other.map(StageTime::Fused)).unwrap_or(StageTime::None)
        };
        Ok(Some(StageTimes { stages: own.into_iter().zip(others).map(time).collect(), whole }))
    }
}

/// The smallest time of each step, and with the smallest time between steps the whole.
fn smallest(passes: Vec<Clocked>) -> Clocked {
    let between = |pass: &Clocked| pass.whole.saturating_sub(sum(pass));
    let least = passes.iter().map(between).min().unwrap_or_default();
    let smaller = |mut one: Clocked, other: Clocked| {
        for ((_, time), (_, other)) in one.steps.iter_mut().zip(other.steps) {
            *time = other.min(*time);
        }
        one
    };
    let found = passes.into_iter().reduce(smaller).unwrap_or(Clocked { steps: vec![], whole: Duration::ZERO });
    Clocked { whole: sum(&found) + least, ..found }
}

fn sum(pass: &Clocked) -> Duration {
    pass.steps.iter().map(|(_, time)| time).sum()
}

/// The stage of a step: that of the node with its name, or with what is left of it without endings.
fn stage_of(step: &str, by_name: &HashMap<&str, usize>) -> Option<usize> {
    let mut name = step;
    loop {
        if let Some(at) = by_name.get(name) {
            return Some(*at);
        }
        name = &name[..name.rfind(ENDINGS)?];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clocked(whole: u64, steps: [u64; 2]) -> Clocked {
        let steps = ["a", "b"].iter().zip(steps).map(|(name, time)| ((*name).to_owned(), Duration::from_millis(time)));
        Clocked { steps: steps.collect(), whole: Duration::from_millis(whole) }
    }

    #[test]
    fn what_disturbs_a_pass_does_not_count() {
        let found = smallest(vec![clocked(20, [9, 5]), clocked(30, [4, 6]), clocked(14, [5, 7])]);
        assert_eq!((found.whole, found.steps), (Duration::from_millis(4 + 5 + 2), clocked(0, [4, 5]).steps));
    }

    #[test]
    fn a_step_belongs_to_the_node_that_it_is_named_after() {
        let by_name = HashMap::from([("input", 0), ("/conv1/Conv", 1), ("/conv1/Conv.1", 2)]);
        let cases = [
            ("/conv1/Conv", Some(1)),
            ("/conv1/Conv.planes", Some(1)),
            ("/conv1/Conv.1", Some(2)),
            ("input.given.lanes", Some(0)),
            ("/conv2/Conv", None),
            ("other", None),
        ];
        for (step, stage) in cases {
            assert_eq!(stage_of(step, &by_name), stage, "{step}");
        }
    }
}
