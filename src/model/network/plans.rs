//! Plans: parts of the network, optimised and ready to run.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;
use tract_onnx::prelude::*;

use super::NetworkError;

/// An optimised graph that runs. Shared between threads: every run has its own state.
pub(super) struct Plan {
    runnable: Arc<TypedRunnableModel>,
    purpose: String,
}

impl Plan {
    /// Optimises `graph`. `purpose` completes "could not ...", for messages.
    pub(super) fn build(purpose: String, graph: TypedModel) -> Result<Plan, NetworkError> {
        let built = graph.into_optimized().and_then(TypedRunnableModel::new);
        match built {
            Ok(runnable) => Ok(Plan { runnable, purpose }),
            Err(source) => Err(NetworkError::Tract { attempt: format!("could not prepare to {purpose}"), source }),
        }
    }

    /// Runs the plan.
    pub(super) fn run(&self, inputs: TVec<TValue>) -> Result<TVec<TValue>, NetworkError> {
        let failed = |source| NetworkError::Tract { attempt: format!("could not {}", self.purpose), source };
        self.runnable.run(inputs).map_err(failed)
    }
}

/// A plan that is built when first asked for. Only one thread builds; others wait for it.
#[derive(Default)]
pub(super) struct Lazy(Mutex<Option<Arc<Plan>>>);

impl Lazy {
    /// The plan, built by `build` unless it is there already.
    pub(super) fn get(&self, build: impl FnOnce() -> Result<Plan, NetworkError>) -> Result<Arc<Plan>, NetworkError> {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(plan) = &*slot {
            return Ok(Arc::clone(plan));
        }
        let plan = Arc::new(build()?);
        *slot = Some(Arc::clone(&plan));
        Ok(plan)
    }
}

/// What a plan of one layer computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// The layer's value, from a kept one before it.
    Activation,
    /// Logits, the layer's value and its gradient, from a kept one before it and a cotangent.
    Gradient,
    /// Logits, from a replaced value of the layer.
    Tail,
}

/// The plans of single layers: each holds its own packed copy of the weights behind its layer, so only the last few used
/// are kept.
pub(super) struct LayerPlans(Mutex<LruCache<(Kind, usize), Arc<Lazy>>>);

impl LayerPlans {
    /// Room for `count` plans.
    pub(super) fn new(count: NonZeroUsize) -> LayerPlans {
        LayerPlans(Mutex::new(LruCache::new(count)))
    }

    /// The plan of a layer, built by `build` unless it is there already. Building one does not hold up the others.
    pub(super) fn get(
        &self,
        kind: Kind,
        layer: usize,
        build: impl FnOnce() -> Result<Plan, NetworkError>,
    ) -> Result<Arc<Plan>, NetworkError> {
        let lazy = {
            let mut plans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(plans.get_or_insert((kind, layer), Arc::default))
        };
        lazy.get(build)
    }

    /// How many plans are kept.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}
