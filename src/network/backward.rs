//! Backward: gradients at layers and at the input, and passes by rules that a method brings along.

use std::sync::{Arc, PoisonError};

use ndarray::{Array2, ArrayD, ArrayViewD, Axis};
use tract_onnx::prelude::*;

use super::error::tract;
use super::extract::{concrete, extract, without_weights};
use super::pass::{Activation, LayerGradient, Pass};
use super::plans::{Plan, PlanKind};
use super::scores::Scores;
use super::{Layout, Network, NetworkError, tensors};
use crate::autodiff::{self, Rules, Unsupported};

/// Whose rules a backward pass follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BackwardKind {
    /// Guided backpropagation's.
    Guided,
    /// DeepLIFT's.
    Rescale,
    /// Those of layer-wise relevance propagation.
    Relevance,
}

impl BackwardKind {
    /// What such a pass is for; completes "could not ...".
    fn purpose(self) -> &'static str {
        match self {
            BackwardKind::Guided => "compute the modified gradient at the input",
            BackwardKind::Rescale => "compute the multipliers at the input",
            BackwardKind::Relevance => "propagate relevance to the input",
        }
    }
}

/// A backward pass by rules of a method's own. Its plan is kept by `kind` and `settings`, so the same two must always come
/// with the same rules.
pub struct Backward<'a> {
    /// Whose rules they are.
    pub kind: BackwardKind,
    /// The numbers that the rules depend on, by their bits.
    pub settings: Vec<u64>,
    /// The rules.
    pub rules: Rules<'a>,
    /// What is done to the graph before.
    pub prepare: fn(&mut TypedModel) -> TractResult<()>,
}

impl<'a> Backward<'a> {
    /// A pass whose rules depend on nothing, through the graph as it is.
    pub fn new(kind: BackwardKind, rules: Rules<'a>) -> Backward<'a> {
        Backward { kind, settings: vec![], rules, prepare: |_| Ok(()) }
    }
}

impl Network {
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
        let plan = self.plans.get(PlanKind::Gradient(layer), || {
            let purpose = format!("compute the gradient at {:?}", self.layers.list[layer].name);
            self.gradient_plan(purpose, base, outlet)
        })?;
        let base_value = self.kept_value(pass, base)?;
        // What is fused differs between plans, and with it the last bits: the value is the one that everybody else sees.
        let value = if base == outlet { base_value.clone() } else { self.layer_value(pass, layer)? };
        let outputs = plan.run(tvec![base_value, self.cotangent(cotangent)?])?;
        let gradient = &outputs[outputs.len() - 1];
        Ok(LayerGradient { activation: self.read_layer(layer, &value)?, gradient: self.read_layer(layer, gradient)? })
    }

    /// The gradient of one number of a layer, at `[channel, row, column]`, with respect to the input, of the input's shape.
    ///
    /// # Errors
    /// When there is no such number, and as [`Network::activation_gradient`].
    pub fn unit_gradient(
        &self,
        input: ArrayViewD<'_, f32>,
        layer: usize,
        at: [usize; 3],
    ) -> Result<ArrayD<f32>, NetworkError> {
        let shape = self.layers.list[layer].shape;
        let mut unit = Activation::zeros(shape);
        let Some(one) = unit.get_mut(at) else {
            let (found, expected) = (at.to_vec(), shape.to_vec());
            return Err(NetworkError::Shape { what: "the place of a unit", found, expected });
        };
        *one = 1.0;
        self.activation_gradient(input, layer, &unit)
    }

    /// The gradient of `<weights, layer>` with respect to the input, of the input's shape; `weights` are `[C, h, w]` as the
    /// layer is.
    ///
    /// # Errors
    /// When an operator before the layer has no gradient, the input has another shape than the network's, or tract fails.
    #[allow(clippy::needless_pass_by_value, reason = "a view is a reference already")]
    pub fn activation_gradient(
        &self,
        input: ArrayViewD<'_, f32>,
        layer: usize,
        weights: &Activation,
    ) -> Result<ArrayD<f32>, NetworkError> {
        let (outlet, description) = (self.layers.outlets[layer], &self.layers.list[layer]);
        let purpose = || format!("compute the gradient of {:?} at the input", description.name);
        let plan = self.plans.get(PlanKind::Unit(layer), || {
            let attempt = || format!("could not prepare to {}", purpose());
            let part = extract(&self.graph, &[self.input], &[outlet]).map_err(tract(attempt()))?;
            let mut graph = autodiff::vjp(&part.graph, part.places[&outlet], &[part.places[&self.input]])?;
            let gradient = graph.outputs[graph.outputs.len() - 1];
            graph.select_output_outlets(&[gradient]).map_err(tract(attempt()))?;
            Plan::build(purpose(), graph)
        })?;
        let cotangent = || {
            let nothing = Tensor::zero::<f32>(&concrete(&self.graph, outlet)?)?;
            tensors::from_activation(description, weights, &nothing)
        };
        let cotangent = cotangent().map_err(tract(format!("could not {}", purpose())))?;
        let gradient = plan.run(tvec![self.input_tensor(&input)?, cotangent.into_tvalue()])?.remove(0);
        let gradient = gradient.into_tensor().into_plain_array::<f32>();
        gradient.map_err(tract("could not read the gradient at the input"))
    }

    /// The energy of a gradient at the input: for each pixel the sum of its squares over the channels, `[H, W]`.
    pub fn energy_of_pixels(&self, gradient: &ArrayD<f32>) -> Array2<f32> {
        let channels = match self.layout {
            Layout::Nchw => 1,
            Layout::Nhwc => 3,
        };
        let (height, width) = self.input_extent();
        let squares = gradient.mapv(|value| value * value);
        let sums = if squares.ndim() == 4 { squares.sum_axis(Axis(channels)) } else { squares };
        let sums = sums.into_iter().collect();
        Array2::from_shape_vec((height, width), sums).unwrap_or_else(|_| Array2::zeros((height, width)))
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
            self.gradient_plan(purpose, self.input, self.input)
        })?;
        self.run_input_gradient(&plan, &input, cotangent)
    }

    /// The logits, and what arrives at the input when `start` is sent back from them by rules of a method's own; of the
    /// input's shape.
    ///
    /// # Errors
    /// As [`Network::input_gradient`].
    #[allow(clippy::needless_pass_by_value, reason = "a view is a reference already")]
    pub fn backward(
        &self,
        backward: &Backward<'_>,
        input: ArrayViewD<'_, f32>,
        start: &[f32],
    ) -> Result<(Scores, ArrayD<f32>), NetworkError> {
        let plan = self.backward_plan(backward, autodiff::vjp_with)?;
        self.run_input_gradient(&plan, &input, start)
    }

    /// [`Network::backward`] where the rules see a second forward pass too, that of `other`; the logits are those of
    /// `other`.
    ///
    /// # Errors
    /// As [`Network::input_gradient`].
    #[allow(clippy::needless_pass_by_value, reason = "a view is a reference already")]
    pub fn backward_between(
        &self,
        backward: &Backward<'_>,
        input: ArrayViewD<'_, f32>,
        other: ArrayViewD<'_, f32>,
        start: &[f32],
    ) -> Result<(Scores, ArrayD<f32>), NetworkError> {
        let plan = self.backward_plan(backward, autodiff::vjp_between)?;
        let mut outputs =
            plan.run(tvec![self.input_tensor(&input)?, self.input_tensor(&other)?, self.cotangent(start)?])?;
        let values = outputs.remove(2).into_tensor().into_plain_array::<f32>();
        Ok((self.read_logits(&outputs[1])?, values.map_err(tract("could not read what arrived at the input"))?))
    }

    /// The operators that stop a backward pass by `rules`, found once for each kind.
    pub fn unsupported_by(&self, kind: BackwardKind, rules: Rules<'_>) -> Arc<[Unsupported]> {
        let mut found = self.unsupported_by.lock().unwrap_or_else(PoisonError::into_inner);
        let list = found.entry(kind).or_insert_with(|| {
            let graph = without_weights(&self.graph);
            let found = autodiff::unsupported_with(rules, &graph, self.logits, &[self.input]);
            self.under_their_own_names(found.unwrap_or_default()).into()
        });
        Arc::clone(list)
    }

    fn backward_plan(
        &self,
        backward: &Backward<'_>,
        differentiate: impl FnOnce(Rules<'_>, &TypedModel, OutletId, &[OutletId]) -> Result<TypedModel, autodiff::Error>,
    ) -> Result<Arc<Plan>, NetworkError> {
        let key = PlanKind::Backward(backward.kind, backward.settings.clone());
        self.plans.get(key, || {
            let purpose = backward.kind.purpose();
            let attempt = || format!("could not prepare to {purpose}");
            let mut graph = extract(&self.graph, &[self.input], &[self.logits]).map_err(tract(attempt()))?.graph;
            (backward.prepare)(&mut graph).map_err(tract(attempt()))?;
            let (input, logits) = (graph.inputs[0], graph.outputs[0]);
            Plan::build(purpose.into(), differentiate(backward.rules, &graph, logits, &[input])?)
        })
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

    /// A plan from the value of `base` and a cotangent to the logits, the value of `wanted` where that is another outlet,
    /// and the gradient at `wanted`.
    fn gradient_plan(&self, purpose: String, base: OutletId, wanted: OutletId) -> Result<Plan, NetworkError> {
        let outputs = if base == wanted { vec![self.logits] } else { vec![self.logits, wanted] };
        let part = extract(&self.graph, &[base], &outputs).map_err(tract(format!("could not prepare to {purpose}")))?;
        let graph = autodiff::vjp(&part.graph, part.places[&self.logits], &[part.places[&wanted]])?;
        Plan::build(purpose, graph)
    }
}
