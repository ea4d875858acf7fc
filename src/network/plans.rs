//! Plans: parts of the network, optimised and ready to run.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use lru::LruCache;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::plan::eval;

use super::NetworkError;
use super::backward::BackwardKind;
use super::kernels::{Free, Program};
use super::passes::{Draft, PASSES};
use super::threads::among_threads;
use crate::guard;

/// An optimised graph that runs. Shared between threads: every run has its own state.
pub(super) struct Plan {
    runnable: Arc<TypedRunnableModel>,
    purpose: String,
    /// Which inputs and outputs have their channels last, whatever the network has.
    inputs_in_lanes: Vec<bool>,
    outputs_in_lanes: Vec<bool>,
    /// Nodes of the network that are done inside of another operator, and its name.
    pub(super) fused: HashMap<String, String>,
}

/// How long a run took.
pub(super) struct Clocked {
    /// Each step, by its name, in the order of evaluation.
    pub(super) steps: Vec<(String, Duration)>,
    /// All of it.
    pub(super) whole: Duration,
}

impl Plan {
    /// Optimises `graph`. `purpose` completes "could not ...", for messages.
    pub(super) fn build(purpose: String, graph: TypedModel) -> Result<Plan, NetworkError> {
        Plan::build_free(purpose, graph, Free::NONE)
    }

    /// [`Plan::build`], where `free` inputs are to be given as [`Plan::laid_out`] has them, once for many runs, and `free`
    /// outputs are values that [`Plan::as_computed`] knows how to read.
    pub(super) fn build_free(purpose: String, graph: TypedModel, free: Free) -> Result<Plan, NetworkError> {
        let optimised = guarded(|| {
            let draft = PASSES
                .iter()
                .try_fold(Draft::new(graph, free), |draft, pass| (pass.apply)(draft).context(pass.name))?;
            let Draft { graph, inputs_in_lanes, outputs_in_lanes, fused, .. } = draft;
            let runnable = TypedRunnableModel::new(graph)?;
            Ok(Plan { runnable, purpose: purpose.clone(), inputs_in_lanes, outputs_in_lanes, fused })
        });
        let attempt = || format!("could not prepare to {purpose}");
        optimised.map_err(|problem| NetworkError::Tract { attempt: attempt(), problem })
    }

    /// The value of input number `slot`, as [`Plan::build_free`] wants it.
    pub(super) fn laid_out(&self, slot: usize, value: Arc<Tensor>) -> Result<Arc<Tensor>, NetworkError> {
        if !self.inputs_in_lanes[slot] {
            return Ok(value);
        }
        let moved = value.moved_axis(1, 3).map(Arc::new);
        moved.map_err(|problem| NetworkError::Tract {
            attempt: format!("could not prepare to {}", self.purpose),
            problem,
        })
    }

    /// What the plan gave as output number `slot`.
    pub(super) fn as_computed(&self, slot: usize, value: TValue) -> Computed {
        Computed { value: value.into_arc_tensor(), in_lanes: self.outputs_in_lanes[slot] }
    }

    /// Runs the plan.
    pub(super) fn run(&self, inputs: TVec<TValue>) -> Result<TVec<TValue>, NetworkError> {
        let failed = |problem| NetworkError::Tract { attempt: format!("could not {}", self.purpose), problem };
        among_threads(|| guarded(|| self.runnable.run(inputs))).map_err(failed)
    }

    /// [`Plan::run`], with a clock around each step.
    pub(super) fn run_clocked(&self, inputs: TVec<TValue>) -> Result<Clocked, NetworkError> {
        let failed = |problem| NetworkError::Tract { attempt: format!("could not {}", self.purpose), problem };
        among_threads(|| guarded(|| self.clocked(inputs))).map_err(failed)
    }

    fn clocked(&self, inputs: TVec<TValue>) -> TractResult<Clocked> {
        let (begun, mut steps) = (Instant::now(), vec![]);
        self.runnable.spawn()?.run_plan_with_eval(inputs, |context, state, node, inputs| {
            let mut last = Instant::now();
            let mut done = |name: &str| {
                steps.push((name.to_owned(), last.elapsed()));
                last = Instant::now();
            };
            if let Some(program) = node.op_as::<Program>() {
                return program.run(&inputs, done);
            }
            let outputs = eval(context, state, node, inputs);
            done(&node.name);
            outputs
        })?;
        Ok(Clocked { steps, whole: begun.elapsed() })
    }
}

/// A value of the network, as a plan left it.
#[derive(Debug, Clone)]
pub(super) struct Computed {
    value: Arc<Tensor>,
    /// Whether its channels are last where the network has them first.
    in_lanes: bool,
}

impl Computed {
    /// The value as the network has it.
    pub(super) fn read(&self) -> TractResult<Arc<Tensor>> {
        if self.in_lanes { self.value.moved_axis(3, 1).map(Arc::new) } else { Ok(Arc::clone(&self.value)) }
    }

    /// How many numbers it holds.
    pub(super) fn len(&self) -> usize {
        self.value.len()
    }
}

/// Does what tract might panic at.
fn guarded<T>(work: impl FnOnce() -> TractResult<T>) -> TractResult<T> {
    guard::quietly(work).unwrap_or_else(|panic| Err(anyhow::anyhow!("tract gave up: {panic}")))
}

/// A plan, or what else takes a while, that is built when first asked for. Only one thread builds; others wait for it.
pub(super) struct Lazy<T = Plan>(Mutex<Option<Arc<T>>>);

impl<T> Default for Lazy<T> {
    fn default() -> Self {
        Lazy(Mutex::new(None))
    }
}

impl<T> Lazy<T> {
    /// What is asked for, built by `build` unless it is there already.
    pub(super) fn get(&self, build: impl FnOnce() -> Result<T, NetworkError>) -> Result<Arc<T>, NetworkError> {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(plan) = &*slot {
            return Ok(Arc::clone(plan));
        }
        let plan = Arc::new(build()?);
        *slot = Some(Arc::clone(&plan));
        Ok(plan)
    }
}

/// What a plan computes that is kept for a while. Layers are indices into [`super::Network::layers`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum PlanKind {
    /// The layer's value, from a kept one before it.
    Activation(usize),
    /// Logits, the layer's value and its gradient, from a kept one before it and a cotangent.
    Gradient(usize),
    /// Logits, from a replaced value of the layer.
    Tail(usize),
    /// The attention of every block, from the input.
    Attention,
    /// Logits, the attention of every block and its gradient, from the input and a cotangent.
    AttentionGradient,
    /// The values at these outlets, from the input.
    Values(Vec<OutletId>),
    /// The gradient of one number of the layer at the input.
    Unit(usize),
    /// Logits and what arrives at the input by a method's own rules, with these settings.
    Backward(BackwardKind, Vec<u64>),
}

/// The last few plans used: each holds its own packed copy of the weights that it needs.
pub(super) struct PlanCache(Mutex<LruCache<PlanKind, Arc<Lazy>>>);

impl PlanCache {
    /// Room for `count` plans.
    pub(super) fn new(count: NonZeroUsize) -> PlanCache {
        PlanCache(Mutex::new(LruCache::new(count)))
    }

    /// The plan of that kind, built by `build` unless it is there already. Building one does not hold up the others.
    pub(super) fn get(
        &self,
        kind: PlanKind,
        build: impl FnOnce() -> Result<Plan, NetworkError>,
    ) -> Result<Arc<Plan>, NetworkError> {
        let lazy = {
            let mut plans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(plans.get_or_insert(kind, Arc::default))
        };
        lazy.get(build)
    }

    /// How many plans are kept.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_built_once_and_only_the_last_few_are_kept() {
        let identity = || {
            let mut graph = TypedModel::default();
            let input = graph.add_source("input", f32::fact([1])).unwrap();
            graph.select_output_outlets(&[input]).unwrap();
            Plan::build("pass it on".into(), graph)
        };
        let plans = PlanCache::new(NonZeroUsize::new(2).unwrap());
        for layer in 0..5 {
            plans.get(PlanKind::Tail(layer), identity).unwrap();
            plans.get(PlanKind::Tail(layer), || panic!("it is there already")).unwrap();
            assert!(plans.count() <= 2);
        }
        let failed =
            plans.get(PlanKind::Tail(9), || Err(NetworkError::NoSuchLayer { name: "9".into(), nearest: None }));
        assert!(failed.is_err() && plans.get(PlanKind::Tail(9), identity).is_ok());
    }
}
