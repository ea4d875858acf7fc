//! Forward: from the input to the logits, to a layer, and from a layer to the logits.

use std::sync::Arc;

use ndarray::{ArrayD, ArrayViewD};
use rand::RngExt as _;
use tract_onnx::prelude::*;

use super::error::tract;
use super::extract::{concrete, extract};
use super::kernels::Free;
use super::pass::{Activation, Pass};
use super::plans::{Plan, PlanKind};
use super::scores::Scores;
use super::threads::with_threads;
use super::{Network, NetworkError, is_kept, tensors};
use crate::random::random;

impl Network {
    /// Runs the network on one input, and keeps the values that other targets and layers will need.
    ///
    /// # Errors
    /// When the input has another shape than the network's, tract fails, or a score is not finite.
    pub fn forward(&self, input: Arc<ArrayD<f32>>) -> Result<Pass, NetworkError> {
        let tensor = self.input_tensor(&input.view())?;
        let plan = self.forward_plan()?;
        let mut outputs = plan.run(tvec![tensor])?.into_iter();
        let logits = outputs.next().map(|logits| self.read_logits(&logits)).transpose()?;
        let logits = logits.ok_or_else(|| tract("could not run the network")(anyhow::anyhow!("it has no output")))?;
        let kept = outputs.enumerate().map(|(slot, value)| plan.as_computed(1 + slot, value));
        let kept = self.kept.iter().copied().zip(kept).collect();
        finite(&logits)?;
        Ok(Pass { input, logits, kept })
    }

    /// Logits and kept values, from the input.
    pub(super) fn forward_plan(&self) -> Result<Arc<Plan>, NetworkError> {
        self.forward.get(|| {
            let outputs: Vec<OutletId> = std::iter::once(self.logits).chain(self.kept.iter().copied()).collect();
            self.plan("run the network".into(), &[self.input], &outputs, Free { outputs_from: 1, ..Free::NONE })
        })
    }

    /// The scores of one input, and nothing that could be explained: quicker than [`Network::forward`], which puts values
    /// aside.
    ///
    /// # Errors
    /// As [`Network::forward`].
    #[allow(clippy::needless_pass_by_value, reason = "a view is a reference already")]
    pub fn scores(&self, input: ArrayViewD<'_, f32>) -> Result<Scores, NetworkError> {
        let scores = self.raw_scores(&input)?;
        finite(&scores)?;
        Ok(scores)
    }

    fn raw_scores(&self, input: &ArrayViewD<'_, f32>) -> Result<Scores, NetworkError> {
        let tensor = self.input_tensor(input)?;
        let plan =
            self.logits_only.get(|| self.plan("run the network".into(), &[self.input], &[self.logits], Free::NONE))?;
        self.read_logits(&plan.run(tvec![tensor])?[0])
    }

    /// Runs the network once, on noise between 0 and 1 that is always the same: what fails at an image fails here already.
    /// The scores need not be finite.
    ///
    /// # Errors
    /// When tract fails.
    pub fn first_run(&self) -> Result<Scores, NetworkError> {
        self.raw_scores(&self.noise().view())
    }

    /// An input between 0 and 1 that is always the same.
    pub(super) fn noise(&self) -> ArrayD<f32> {
        let mut random = random(0, 0);
        ArrayD::from_shape_simple_fn(self.input_shape.clone(), || random.random::<f32>())
    }

    /// The logits of one input, and nothing else: for methods that ask about many inputs, on one thread for each call.
    ///
    /// # Errors
    /// When the input has another shape than the network's, or tract fails. The scores need not be finite.
    #[allow(clippy::needless_pass_by_value, reason = "a view is a reference already")]
    pub fn logits(&self, input: ArrayViewD<'_, f32>) -> Result<Scores, NetworkError> {
        with_threads(1, || self.raw_scores(&input))
    }

    /// The output of a layer.
    ///
    /// # Errors
    /// When tract fails.
    pub fn activation(&self, pass: &Pass, layer: usize) -> Result<Activation, NetworkError> {
        self.read_layer(layer, &*self.layer_value(pass, layer)?)
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
        let plan = self.plans.get(PlanKind::Tail(layer), || {
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

    /// The nearest kept outlet at or before a layer; the input where there is none. All that the layer computes, and all
    /// that bypasses it, can be computed from there.
    pub(super) fn base(&self, layer: usize) -> OutletId {
        let before = (0..=layer).rev().find(|index| is_kept(&self.layers, *index));
        before.map_or(self.input, |index| self.layers.outlets[index])
    }

    pub(super) fn kept_value(&self, pass: &Pass, outlet: OutletId) -> Result<TValue, NetworkError> {
        match pass.kept.get(&outlet) {
            Some(value) => Ok(value.read().map_err(tract("could not read a layer's value"))?.into_tvalue()),
            None => self.input_tensor(&pass.input.view()),
        }
    }

    /// The tensor that a layer outputs.
    pub(super) fn layer_value(&self, pass: &Pass, layer: usize) -> Result<TValue, NetworkError> {
        let (base, outlet) = (self.base(layer), self.layers.outlets[layer]);
        let value = self.kept_value(pass, base)?;
        if base == outlet {
            return Ok(value);
        }
        let plan = self.plans.get(PlanKind::Activation(layer), || {
            self.plan(
                format!("compute the value of {:?}", self.layers.list[layer].name),
                &[base],
                &[outlet],
                Free::NONE,
            )
        })?;
        Ok(plan.run(tvec![value])?.remove(0))
    }

    pub(super) fn read_layer(&self, layer: usize, tensor: &Tensor) -> Result<Activation, NetworkError> {
        let layer = &self.layers.list[layer];
        tensors::to_activation(layer, tensor).map_err(tract(format!("could not read the value of {:?}", layer.name)))
    }

    pub(super) fn input_tensor(&self, input: &ArrayViewD<'_, f32>) -> Result<TValue, NetworkError> {
        if input.shape() != self.input_shape {
            return Err(NetworkError::InputShape { found: input.shape().to_vec(), expected: self.input_shape.clone() });
        }
        let values = input.as_standard_layout();
        let tensor = Tensor::from_shape(&self.input_shape, values.as_slice().unwrap_or_default());
        Ok(tensor.map_err(tract("could not read the input"))?.into_tvalue())
    }

    pub(super) fn cotangent(&self, cotangent: &[f32]) -> Result<TValue, NetworkError> {
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

    pub(super) fn read_logits(&self, tensor: &Tensor) -> Result<Scores, NetworkError> {
        let raw = tensors::values(tensor).map_err(tract("could not read the logits"))?;
        Ok(Scores::new(raw, &self.scoring))
    }

    /// A plan from values of `inputs` to values of `outputs`.
    pub(super) fn plan(
        &self,
        purpose: String,
        inputs: &[OutletId],
        outputs: &[OutletId],
        free: Free,
    ) -> Result<Plan, NetworkError> {
        let part = extract(&self.graph, inputs, outputs).map_err(tract(format!("could not prepare to {purpose}")))?;
        Plan::build_free(purpose, part.graph, free)
    }
}

/// Scores with which something can be said of an image.
fn finite(scores: &Scores) -> Result<(), NetworkError> {
    if scores.are_finite() {
        return Ok(());
    }
    let class = scores.iter().position(|score| !score.is_finite()).unwrap_or(0);
    let all = scores.iter().all(|score| !score.is_finite());
    Err(NetworkError::NotFinite { class, value: scores[class], all })
}
