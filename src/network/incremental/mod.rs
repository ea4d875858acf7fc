//! Runs on inputs that differ from a known one in a small region: only what the region can reach is computed anew, layer by
//! layer, with the same result as a full run (Nakandala et al., SIGMOD 2019).
//!
//! The other way round, [`ReceptiveFields`] says what part of the image a place of a layer depends on.
//!
//! `reach` says which positions of each layer a region can change, `rules` how an operator computes a part of its output,
//! `tile` is the operator that puts new values among old ones, and `rewrite` makes a graph of it. All regions share one
//! graph: a tile has the same size for each of them, and where it lies is an input.

mod reach;
mod receptive;
mod rewrite;
mod rules;
mod tile;

use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;
use ndarray::ArrayViewD;
use tract_onnx::prelude::*;
use tract_onnx::tract_core::internal::DimLike;
use tract_onnx::tract_core::ops::Cost;

use super::error::tract;
use super::extract::{extract, needed};
use super::kernels::Free;
use super::plans::{Lazy, Plan};
use super::scores::Scores;
use super::{Network, NetworkError, Pass, with_threads};
use reach::Reach;
pub use receptive::{ReceptiveField, ReceptiveFields};

/// The most memory that the values of the unchanged image may take, in bytes. A VGG-16 needs a quarter of it at 224 x 224
/// pixels; networks that need more run in full.
const MOST_KEPT: usize = 256 << 20;

/// How much of the multiplications must go before a rewritten graph is worth its copies.
const LARGEST_SHARE: f64 = 0.9;

/// How many sets of regions have their plans kept: each plan holds a packed copy of the weights.
const KEPT_SETS: NonZeroUsize = NonZeroUsize::new(2).expect("2 is not 0");

/// The first input of a plan that is a kept value; before it are the image and the places.
const FIRST_KEPT: usize = 2;

/// A part of the image that changes, in pixels of the network's input.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ChangedRegion {
    /// From the top.
    pub rows: Range<usize>,
    /// From the left.
    pub columns: Range<usize>,
}

/// Runs of a network on one image that is changed in one region at a time. Every method may be called from several threads.
pub struct RegionalRuns<'a> {
    network: &'a Network,
    pass: &'a Pass,
    regions: Vec<ChangedRegion>,
    /// Prepared at the first run; nothing where runs are full ones.
    parts: Lazy<Option<Parts>>,
}

/// What it takes to run in part.
struct Parts {
    plans: Arc<Plans>,
    /// The values of the unchanged image.
    kept: Vec<Arc<Tensor>>,
}

/// What does not depend on the image.
struct Plans {
    plan: Plan,
    /// From the image to the values that are kept.
    before: Lazy,
    kept: Vec<OutletId>,
    /// For each region, where the tiles lie.
    places: Vec<Arc<Tensor>>,
    share: f64,
}

/// Plans of the sets of regions asked for last; none for a set that is better run in full.
pub(super) struct RegionalPlans(Mutex<LruCache<Vec<ChangedRegion>, Option<Arc<Plans>>>>);

impl Default for RegionalPlans {
    fn default() -> Self {
        RegionalPlans(Mutex::new(LruCache::new(KEPT_SETS)))
    }
}

impl Network {
    /// Runs on the image of `pass` with one of `regions` changed. Where little would be saved, or too much memory be needed,
    /// they are full runs. The first run prepares what all need.
    pub fn regional_runs<'a>(&'a self, pass: &'a Pass, regions: Vec<ChangedRegion>) -> RegionalRuns<'a> {
        RegionalRuns { network: self, pass, regions, parts: Lazy::default() }
    }

    fn plan_regions(&self, regions: &[ChangedRegion]) -> Result<Option<Plans>, NetworkError> {
        let purpose = "run the network on a changed region";
        let attempt = || format!("could not prepare to {purpose}");
        let Some(row) = rows_axis(&self.input_shape) else { return Ok(None) };
        let (height, width) = (self.input_shape[row], self.input_shape[row + 1]);
        let reach = [
            Reach { length: height, spans: regions.iter().map(|region| region.rows.clone()).collect() },
            Reach { length: width, spans: regions.iter().map(|region| region.columns.clone()).collect() },
        ];
        let whole = extract(&self.graph, &[self.input], &[self.logits]).map_err(tract(attempt()))?.graph;
        let needed = needed(&self.graph, &[self.input], &[self.logits]);
        let order = self.graph.eval_order().map_err(tract(attempt()))?;
        let nodes: Vec<usize> = order.into_iter().filter(|id| needed.contains(id)).collect();
        let rewritten = rewrite::rewrite(&self.graph, &nodes, self.input, self.logits, row, reach);
        let rewritten = rewritten.map_err(tract(attempt()))?;
        let length = |value: &OutletId| {
            self.graph.outlet_fact(*value).ok()?.shape.as_concrete().map(|shape| shape.iter().product::<usize>())
        };
        let bytes: Option<usize> = rewritten.kept.iter().map(length).sum();
        let bytes = bytes.unwrap_or(usize::MAX).saturating_mul(size_of::<f32>());
        let share = multiplications(&rewritten.graph) / multiplications(&whole);
        if !rewritten.has_tiles || bytes > MOST_KEPT || share > LARGEST_SHARE {
            return Ok(None);
        }
        let table = |region: usize| {
            let starts = rewritten.places.iter().flat_map(|place| [place[0].starts[region], place[1].starts[region]]);
            Tensor::from_shape(&[rewritten.places.len(), 2], &starts.collect::<Vec<i64>>()).map(Arc::new)
        };
        let places = (0..regions.len()).map(table).collect::<TractResult<_>>().map_err(tract(attempt()))?;
        let plan = Plan::build_free(purpose.into(), rewritten.graph, Free { inputs_from: FIRST_KEPT, ..Free::NONE })?;
        Ok(Some(Plans { plan, before: Lazy::default(), kept: rewritten.kept, places, share }))
    }
}

impl RegionalRuns<'_> {
    /// The logits of `input`, which must be the image but for region number `region`; on one thread for each call.
    ///
    /// # Errors
    /// When the input has another shape than the network's, or tract fails.
    #[allow(clippy::needless_pass_by_value, reason = "a view is a reference already")]
    pub fn logits(&self, region: usize, input: ArrayViewD<'_, f32>) -> Result<Scores, NetworkError> {
        let parts = self.parts()?;
        let Some(Parts { plans, kept }) = &*parts else { return self.network.logits(input) };
        let mut inputs = tvec![self.network.input_tensor(&input)?, Arc::clone(&plans.places[region]).into_tvalue()];
        inputs.extend(kept.iter().map(|value| Arc::clone(value).into_tvalue()));
        let outputs = with_threads(1, || plans.plan.run(inputs))?;
        self.network.read_logits(&outputs[0])
    }

    /// The multiplications of a run, relative to those of a full one; 1 where runs are full.
    ///
    /// # Errors
    /// When tract fails.
    pub fn share(&self) -> Result<f64, NetworkError> {
        Ok(self.parts()?.as_ref().as_ref().map_or(1.0, |parts| parts.plans.share))
    }

    fn parts(&self) -> Result<Arc<Option<Parts>>, NetworkError> {
        // On one thread: one that waits for others takes up other work meanwhile, which may be another run, which waits here.
        self.parts.get(|| with_threads(1, || self.prepare()))
    }

    fn prepare(&self) -> Result<Option<Parts>, NetworkError> {
        let network = self.network;
        let plans = {
            let mut cache = network.regional_plans.0.lock().unwrap_or_else(PoisonError::into_inner);
            match cache.get(&self.regions) {
                Some(known) => known.clone(),
                None => {
                    let plans = network.plan_regions(&self.regions)?.map(Arc::new);
                    cache.put(self.regions.clone(), plans.clone());
                    plans
                }
            }
        };
        let Some(plans) = plans else { return Ok(None) };
        let before =
            plans.before.get(|| network.plan("run the network".into(), &[network.input], &plans.kept, Free::NONE))?;
        let kept = before.run(tvec![network.input_tensor(&self.pass.input.view())?])?;
        let laid_out = |(slot, value): (usize, TValue)| plans.plan.laid_out(FIRST_KEPT + slot, value.into_arc_tensor());
        let kept = kept.into_iter().enumerate().map(laid_out).collect::<Result<_, _>>()?;
        Ok(Some(Parts { plans, kept }))
    }
}

/// The axis of the image's rows in an input of this shape.
fn rows_axis(shape: &[usize]) -> Option<usize> {
    match shape {
        [1, channels, _, _] if *channels <= 4 => Some(2),
        [1, _, _, _] => Some(1),
        _ => None,
    }
}

/// The multiplications of one run, by tract's account.
fn multiplications(graph: &TypedModel) -> f64 {
    let of_node = |node: &TypedNode| -> Option<f64> {
        let facts = graph.node_input_facts(node.id).ok()?;
        let costs = node.op.cost(&facts).ok()?;
        let count = |(cost, count): &(Cost, TDim)| match cost {
            Cost::FMA(_) => count.to_usize().map_or(0.0, |count| count as f64),
            _ => 0.0,
        };
        Some(costs.iter().map(count).sum())
    };
    graph.nodes().iter().filter_map(of_node).sum()
}
