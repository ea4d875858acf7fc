//! The network as plans that run: forward, from a layer to the logits with the gradient, gradient of the input.
//!
//! The graph is kept as tract types it, before decluttering, where nodes are still those of the ONNX file. Each plan is a
//! part of it, cut out, differentiated where gradients are wanted, and then optimised as one graph. A [`Pass`] keeps the
//! values of the layers that every path goes through, so that other targets and other layers need no second forward run:
//! a layer's gradient starts from the nearest kept value before it.

mod dense;
mod digits;
mod error;
mod extract;
mod grid;
mod guided;
mod head;
mod incremental;
mod kernels;
mod layers;
mod layout;
mod moves;
mod names;
mod pass;
mod plans;
mod randomise;
mod relevance;
mod rescale;
mod scores;
pub(crate) mod tail;
mod tensors;
mod threads;

use std::num::NonZeroUsize;
use std::sync::{Arc, OnceLock};

use ndarray::{ArrayD, ArrayViewD};
use rand::RngExt as _;
use tract_onnx::prelude::*;

pub use crate::autodiff::Unsupported;
use crate::autodiff::{self, Rules};
use crate::random::random;
pub use error::NetworkError;
pub(crate) use error::reason;
use error::tract;
use extract::{concrete, extract, without_weights};
use head::Head;
use incremental::RegionalPlans;
pub use incremental::{ChangedRegion, RegionalRuns};
use kernels::Free;
use layers::Layers;
pub use layers::{Layer, LayerLayout};
pub use layout::Layout;
pub use names::{NodeNames, OnnxNode};
pub use pass::{Activation, LayerGradient, Pass};
use plans::{Kind, LayerPlans, Lazy, Plan};
pub use relevance::{Composite, Propagation};
pub use rescale::Multipliers;
pub use scores::{OutputActivation, Prediction, Scores, Scoring, agree};
pub use threads::with_threads;

/// The longest layer whose value a pass keeps, in numbers: 4 MB. The gradient at a longer one costs nearly as much as that
/// at the input, and the few steps to it do not count.
const LONGEST_KEPT: usize = 1 << 20;

/// How many plans of single layers are kept.
const LAYER_PLANS: NonZeroUsize = NonZeroUsize::new(4).expect("4 is not 0");

/// A loaded classifier network. Plans are built on first use; every method may be called from several threads.
pub struct Network {
    /// The whole graph, with one input and the logits as its only output.
    graph: TypedModel,
    names: NodeNames,
    input: OutletId,
    logits: OutletId,
    input_shape: Vec<usize>,
    /// Whether the channels are the input's last axis.
    channels_last: bool,
    classes: usize,
    scoring: Arc<Scoring>,
    layers: Layers,
    unsupported: Vec<Unsupported>,
    relevance_obstacles: OnceLock<Vec<Unsupported>>,
    rescale_exceptions: OnceLock<Vec<Unsupported>>,
    /// The way back to the layer that `auto` picks, where it is short.
    head: Option<Head>,
    /// The outlets whose values a [`Pass`] keeps.
    kept: Vec<OutletId>,
    forward: Lazy,
    logits_only: Lazy,
    input_gradient: Lazy,
    way_back: Lazy,
    layer_plans: LayerPlans,
    regional_plans: RegionalPlans,
}

impl std::fmt::Debug for Network {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Network")
            .field("input", &self.input_shape)
            .field("classes", &self.classes)
            .finish_non_exhaustive()
    }
}

impl Network {
    /// A network from its graph as `into_typed()` leaves it: one input, batch 1, concrete shapes. `logits` is where the raw
    /// scores are (`[1, K]`, or with further axes of 1), the input of a final softmax.
    ///
    /// # Errors
    /// When the graph is malformed or its shapes are symbolic.
    pub fn new(mut graph: TypedModel, logits: OutletId, names: NodeNames) -> Result<Network, NetworkError> {
        let attempt = "could not read the network's graph";
        let prepared = (|| {
            let &[input] = graph.input_outlets()? else { anyhow::bail!("it has {} inputs", graph.inputs.len()) };
            graph.select_output_outlets(&[logits])?;
            let input_shape = concrete(&graph, input)?;
            let classes = concrete(&graph, logits)?.iter().product();
            let layers = layers::find(&graph, input, &names)?;
            Ok((input, input_shape, classes, layers))
        })();
        let (input, input_shape, classes, layers) = prepared.map_err(tract(attempt))?;
        let unsupported = autodiff::unsupported(&without_weights(&graph), logits, &[input])?;
        let mut kept: Vec<OutletId> = (0..layers.list.len())
            .filter(|layer| is_kept(&layers, *layer))
            .map(|layer| layers.outlets[layer])
            .collect();
        let auto = layers.auto.filter(|auto| is_kept(&layers, *auto));
        let head = auto.and_then(|auto| head::head(&graph, logits, layers.outlets[auto]));
        let others = head.iter().flat_map(|head| &head.values).filter(|value| !kept.contains(value));
        kept.extend(others.copied().collect::<Vec<_>>());
        let mut network = Network {
            graph,
            names,
            input,
            logits,
            channels_last: matches!(input_shape[..], [_, first, _, last] if first > 4 && last <= 4),
            input_shape,
            classes,
            scoring: Arc::default(),
            layers,
            unsupported: vec![],
            relevance_obstacles: OnceLock::new(),
            rescale_exceptions: OnceLock::new(),
            head,
            kept,
            forward: Lazy::default(),
            logits_only: Lazy::default(),
            input_gradient: Lazy::default(),
            way_back: Lazy::default(),
            layer_plans: LayerPlans::new(LAYER_PLANS),
            regional_plans: RegionalPlans::default(),
        };
        network.unsupported = network.under_their_own_names(unsupported);
        Ok(network)
    }

    /// The operators with the names that the model's file gives their nodes.
    fn under_their_own_names(&self, mut operators: Vec<Unsupported>) -> Vec<Unsupported> {
        for operator in &mut operators {
            if let Some(node) = self.graph.node_id_by_name(&operator.node).ok().and_then(|id| self.names.owner(id)) {
                operator.node.clone_from(&node.name);
            }
        }
        operators
    }

    /// The shape of the input, `[1, C, H, W]` or `[1, H, W, C]`.
    pub fn input_shape(&self) -> &[usize] {
        &self.input_shape
    }

    /// Height and width of the input, in pixels.
    pub fn input_extent(&self) -> (usize, usize) {
        match self.input_shape[..] {
            [_, height, width, _] if self.channels_last => (height, width),
            [_, _, height, width] => (height, width),
            _ => (1, 1),
        }
    }

    /// The same network, whose input has its axes in this order. Without a word, the channels are last where there are 4 at
    /// most, and first otherwise.
    #[must_use]
    pub fn laid_out(mut self, layout: Layout) -> Network {
        self.channels_last = layout == Layout::Nhwc;
        self
    }

    /// The same network, whose raw scores mean what `scoring` says.
    #[must_use]
    pub fn scored_by(mut self, scoring: Scoring) -> Network {
        if let Some(selection) = &scoring.selection {
            self.classes = selection.len();
        }
        self.scoring = Arc::new(scoring);
        self
    }

    /// What the raw scores mean.
    pub fn scoring(&self) -> &Scoring {
        &self.scoring
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The layers that a class activation map can use, from the input to the logits.
    pub fn layers(&self) -> &[Layer] {
        &self.layers.list
    }

    /// The layer to use when nobody says which: the last with spatial extent before the head. An index into
    /// [`Network::layers`]; none where no layer has spatial extent.
    pub fn auto_layer(&self) -> Option<usize> {
        self.layers.auto
    }

    /// The layers to step through, as indices into [`Network::layers`]: those of the trunk, and the one that `auto` picks.
    pub fn strip(&self) -> Vec<usize> {
        let auto = self.layers.auto;
        (0..self.layers.list.len()).filter(|index| self.layers.list[*index].trunk || Some(*index) == auto).collect()
    }

    /// The index of the layer with this name: of its node, its tensor or its module's path (the last node of the module).
    ///
    /// # Errors
    /// [`NetworkError::NoSuchLayer`].
    pub fn find_layer(&self, name: &str) -> Result<usize, NetworkError> {
        let places = self.names.find(name);
        let found = places.iter().rev().find_map(|place| self.layers.outlets.iter().position(|outlet| outlet == place));
        found.ok_or_else(|| NetworkError::NoSuchLayer(name.to_string()))
    }

    /// The operators that stop the gradient on its way to the input; empty when every gradient method works.
    pub fn unsupported(&self) -> &[Unsupported] {
        &self.unsupported
    }

    /// The operators that stop the gradient on its way to a layer; empty when every class activation map of it works.
    pub fn unsupported_from(&self, layer: usize) -> Vec<Unsupported> {
        if self.unsupported.is_empty() {
            return vec![];
        }
        autodiff::unsupported(&without_weights(&self.graph), self.logits, &[self.layers.outlets[layer]])
            .unwrap_or_default()
    }

    /// Runs the network on one input, and keeps the values that other targets and layers will need.
    ///
    /// # Errors
    /// When the input has another shape than the network's, tract fails, or a score is not finite.
    pub fn forward(&self, input: Arc<ArrayD<f32>>) -> Result<Pass, NetworkError> {
        let pass = self.run(input)?;
        if !pass.logits.are_finite() {
            let class = pass.logits.iter().position(|score| !score.is_finite()).unwrap_or(0);
            let all = pass.logits.iter().all(|score| !score.is_finite());
            return Err(NetworkError::NotFinite { class, value: pass.logits[class], all });
        }
        Ok(pass)
    }

    fn run(&self, input: Arc<ArrayD<f32>>) -> Result<Pass, NetworkError> {
        let tensor = self.input_tensor(&input.view())?;
        let plan = self.forward.get(|| {
            let outputs: Vec<OutletId> = std::iter::once(self.logits).chain(self.kept.iter().copied()).collect();
            self.plan("run the network".into(), &[self.input], &outputs, Free { outputs_from: 1, ..Free::NONE })
        })?;
        let mut outputs = plan.run(tvec![tensor])?.into_iter();
        let logits = outputs.next().map(|logits| self.read_logits(&logits)).transpose()?;
        let logits = logits.ok_or_else(|| tract("could not run the network")(anyhow::anyhow!("it has no output")))?;
        let kept = outputs.enumerate().map(|(slot, value)| plan.as_computed(1 + slot, value));
        let kept = self.kept.iter().copied().zip(kept).collect();
        Ok(Pass { input, logits, kept })
    }

    /// Runs the network once, on noise between 0 and 1 that is always the same, with the plan that every image will need:
    /// what fails at an image fails here already. The scores need not be finite.
    ///
    /// # Errors
    /// When tract fails.
    pub fn first_run(&self) -> Result<Scores, NetworkError> {
        let mut random = random(0, 0);
        let noise = ArrayD::from_shape_simple_fn(self.input_shape.clone(), || random.random::<f32>());
        Ok(self.run(Arc::new(noise))?.logits)
    }

    /// The logits of one input, and nothing else: for methods that ask about many inputs, on one thread for each call.
    ///
    /// # Errors
    /// As [`Network::forward`].
    #[allow(clippy::needless_pass_by_value, reason = "a view is a reference already")]
    pub fn logits(&self, input: ArrayViewD<'_, f32>) -> Result<Scores, NetworkError> {
        let tensor = self.input_tensor(&input)?;
        let plan =
            self.logits_only.get(|| self.plan("run the network".into(), &[self.input], &[self.logits], Free::NONE))?;
        let outputs = with_threads(1, || plan.run(tvec![tensor]))?;
        self.read_logits(&outputs[0])
    }

    /// The output of a layer.
    ///
    /// # Errors
    /// When tract fails.
    pub fn activation(&self, pass: &Pass, layer: usize) -> Result<Activation, NetworkError> {
        self.read_layer(layer, &*self.layer_value(pass, layer)?)
    }

    /// The output of a layer and the gradient of `<cotangent, logits>` with respect to it. Runs only what lies between the
    /// nearest kept value before the layer and the logits.
    ///
    /// # Errors
    /// When an operator behind the layer has no gradient, or tract fails.
    pub fn layer_gradient(&self, pass: &Pass, layer: usize, cotangent: &[f32]) -> Result<LayerGradient, NetworkError> {
        let (base, outlet) = (self.base(layer), self.layers.outlets[layer]);
        if let Some(head) = self.head.as_ref().filter(|_| self.layers.auto == Some(layer)) {
            let plan = self.way_back.get(|| {
                let purpose = format!("compute the gradient at {:?}", self.layers.list[layer].name);
                Plan::build(purpose, head.graph.clone())
            })?;
            let mut inputs = tvec![self.cotangent(cotangent)?];
            for value in &head.values {
                inputs.push(self.kept_value(pass, *value)?);
            }
            let activation = self.read_layer(layer, &*self.kept_value(pass, outlet)?)?;
            return Ok(LayerGradient { activation, gradient: self.read_layer(layer, &plan.run(inputs)?[0])? });
        }
        let plan = self.layer_plans.get(Kind::Gradient, layer, || {
            let purpose = format!("compute the gradient at {:?}", self.layers.list[layer].name);
            self.gradient_plan(Rules::default(), purpose, base, outlet)
        })?;
        let base_value = self.kept_value(pass, base)?;
        let outputs = plan.run(tvec![base_value.clone(), self.cotangent(cotangent)?])?;
        let value = if base == outlet { &base_value } else { &outputs[1] };
        let gradient = &outputs[outputs.len() - 1];
        Ok(LayerGradient { activation: self.read_layer(layer, value)?, gradient: self.read_layer(layer, gradient)? })
    }

    /// The logits when the output of a layer is replaced by `activation`.
    ///
    /// # Errors
    /// When `activation` has another shape than the layer, or tract fails.
    pub fn logits_from(&self, pass: &Pass, layer: usize, activation: &Activation) -> Result<Scores, NetworkError> {
        let description = &self.layers.list[layer];
        if activation.shape() != description.shape {
            let (found, expected) = (activation.shape().to_vec(), description.shape.to_vec());
            return Err(NetworkError::Shape { what: "the activation", found, expected });
        }
        let (base, outlet) = (self.base(layer), self.layers.outlets[layer]);
        let plan = self.layer_plans.get(Kind::Tail, layer, || {
            let inputs = if base == outlet { vec![outlet] } else { vec![outlet, base] };
            self.plan(format!("run the network from {:?}", description.name), &inputs, &[self.logits], Free::NONE)
        })?;
        let original = self.layer_value(pass, layer)?;
        let replaced = tensors::from_activation(description, activation, &original)
            .map_err(tract(format!("could not replace the value of {:?}", description.name)))?;
        let mut inputs = tvec![replaced.into_tvalue()];
        if base != outlet {
            inputs.push(self.kept_value(pass, base)?);
        }
        self.read_logits(&plan.run(inputs)?[0])
    }

    /// The logits, and the gradient of `<cotangent, logits>` with respect to the input, of the input's shape.
    ///
    /// # Errors
    /// When an operator has no gradient, the input has another shape than the network's, or tract fails.
    #[allow(clippy::needless_pass_by_value, reason = "a view is a reference already")]
    pub fn input_gradient(
        &self,
        input: ArrayViewD<'_, f32>,
        cotangent: &[f32],
    ) -> Result<(Scores, ArrayD<f32>), NetworkError> {
        let plan = self.input_gradient.get(|| {
            let purpose = "compute the gradient at the input".into();
            self.gradient_plan(Rules::default(), purpose, self.input, self.input)
        })?;
        self.run_input_gradient(&plan, &input, cotangent)
    }

    /// [`Network::input_gradient`] with modified rules, for methods that change the way back. A plan is built for each
    /// slice of rules, known by its address, and only the last few are kept.
    ///
    /// # Errors
    /// As [`Network::input_gradient`].
    #[allow(clippy::needless_pass_by_value, reason = "a view is a reference already")]
    pub fn input_gradient_with(
        &self,
        rules: Rules<'static>,
        input: ArrayViewD<'_, f32>,
        cotangent: &[f32],
    ) -> Result<(Scores, ArrayD<f32>), NetworkError> {
        let plan = self.layer_plans.get(Kind::Modified, rules.overrides.as_ptr().addr(), || {
            let purpose = "compute the modified gradient at the input".into();
            self.gradient_plan(rules, purpose, self.input, self.input)
        })?;
        self.run_input_gradient(&plan, &input, cotangent)
    }

    fn run_input_gradient(
        &self,
        plan: &Plan,
        input: &ArrayViewD<'_, f32>,
        cotangent: &[f32],
    ) -> Result<(Scores, ArrayD<f32>), NetworkError> {
        let mut outputs = plan.run(tvec![self.input_tensor(input)?, self.cotangent(cotangent)?])?;
        let gradient = outputs.remove(1).into_tensor().into_plain_array::<f32>();
        Ok((self.read_logits(&outputs[0])?, gradient.map_err(tract("could not read the gradient at the input"))?))
    }

    /// As [`Network::input_gradient`], but each ReLU passes on only what is positive: guided backpropagation.
    ///
    /// # Errors
    /// As [`Network::input_gradient`].
    pub fn guided_gradient(&self, input: ArrayViewD<'_, f32>, cotangent: &[f32]) -> Result<ArrayD<f32>, NetworkError> {
        Ok(self.input_gradient_with(guided::RULES, input, cotangent)?.1)
    }

    /// The nearest kept outlet at or before a layer; the input where there is none. All that the layer computes, and all
    /// that bypasses it, can be computed from there.
    fn base(&self, layer: usize) -> OutletId {
        let before = (0..=layer).rev().find(|index| is_kept(&self.layers, *index));
        before.map_or(self.input, |index| self.layers.outlets[index])
    }

    fn kept_value(&self, pass: &Pass, outlet: OutletId) -> Result<TValue, NetworkError> {
        match pass.kept.get(&outlet) {
            Some(value) => Ok(value.read().map_err(tract("could not read a layer's value"))?.into_tvalue()),
            None => self.input_tensor(&pass.input.view()),
        }
    }

    /// The tensor that a layer outputs.
    fn layer_value(&self, pass: &Pass, layer: usize) -> Result<TValue, NetworkError> {
        let (base, outlet) = (self.base(layer), self.layers.outlets[layer]);
        let value = self.kept_value(pass, base)?;
        if base == outlet {
            return Ok(value);
        }
        let plan = self.layer_plans.get(Kind::Activation, layer, || {
            self.plan(
                format!("compute the value of {:?}", self.layers.list[layer].name),
                &[base],
                &[outlet],
                Free::NONE,
            )
        })?;
        Ok(plan.run(tvec![value])?.remove(0))
    }

    fn read_layer(&self, layer: usize, tensor: &Tensor) -> Result<Activation, NetworkError> {
        let layer = &self.layers.list[layer];
        tensors::to_activation(layer, tensor).map_err(tract(format!("could not read the value of {:?}", layer.name)))
    }

    fn input_tensor(&self, input: &ArrayViewD<'_, f32>) -> Result<TValue, NetworkError> {
        if input.shape() != self.input_shape {
            return Err(NetworkError::InputShape { found: input.shape().to_vec(), expected: self.input_shape.clone() });
        }
        let values = input.as_standard_layout();
        let tensor = Tensor::from_shape(&self.input_shape, values.as_slice().unwrap_or_default());
        Ok(tensor.map_err(tract("could not read the input"))?.into_tvalue())
    }

    fn cotangent(&self, cotangent: &[f32]) -> Result<TValue, NetworkError> {
        let attempt = "could not prepare the target";
        let shape = concrete(&self.graph, self.logits).map_err(tract(attempt))?;
        let raw: usize = shape.iter().product();
        if ![raw, self.classes].contains(&cotangent.len()) {
            let (found, expected) = (vec![cotangent.len()], vec![self.classes]);
            return Err(NetworkError::Shape { what: "the cotangent", found, expected });
        }
        let cotangent = self.scoring.disarrange(cotangent, raw);
        Ok(Tensor::from_shape(&shape, &cotangent).map_err(tract(attempt))?.into_tvalue())
    }

    fn read_logits(&self, tensor: &Tensor) -> Result<Scores, NetworkError> {
        let raw = tensors::values(tensor).map_err(tract("could not read the logits"))?;
        Ok(Scores::new(raw, &self.scoring))
    }

    /// A plan from values of `inputs` to values of `outputs`.
    fn plan(
        &self,
        purpose: String,
        inputs: &[OutletId],
        outputs: &[OutletId],
        free: Free,
    ) -> Result<Plan, NetworkError> {
        let part = extract(&self.graph, inputs, outputs).map_err(tract(format!("could not prepare to {purpose}")))?;
        Plan::build_free(purpose, part.graph, free)
    }

    /// A plan from the value of `base` and a cotangent to the logits, the value of `wanted` where that is another outlet,
    /// and the gradient at `wanted`.
    fn gradient_plan(
        &self,
        rules: Rules<'_>,
        purpose: String,
        base: OutletId,
        wanted: OutletId,
    ) -> Result<Plan, NetworkError> {
        let outputs = if base == wanted { vec![self.logits] } else { vec![self.logits, wanted] };
        let part = extract(&self.graph, &[base], &outputs).map_err(tract(format!("could not prepare to {purpose}")))?;
        let graph = autodiff::vjp_with(rules, &part.graph, part.places[&self.logits], &[part.places[&wanted]])?;
        Plan::build(purpose, graph)
    }
}

/// Whether a pass keeps the value of a layer.
fn is_kept(layers: &Layers, layer: usize) -> bool {
    let length: usize = layers.list[layer].shape.iter().product();
    layers.list[layer].trunk && length <= LONGEST_KEPT
}
