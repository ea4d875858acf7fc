//! Who makes the maps that are measured.

use crate::explain::{Attribution, ExplainError, LayerChoice, Method, MethodInfo, Monitor, Request, Subject, Values};
use crate::model::Target;

/// A method with its settings, or a baseline.
#[derive(Clone)]
pub struct Explainer {
    /// As reports call it.
    pub name: &'static str,
    /// Whether it knows nothing of the network.
    pub is_baseline: bool,
    method: &'static dyn Method,
    values: Values,
    layer: LayerChoice,
}

impl Explainer {
    /// A method of the registry.
    pub fn method(method: &'static MethodInfo, values: Values, layer: &LayerChoice) -> Explainer {
        let layer = if method.needs.layer { layer.clone() } else { LayerChoice::Auto };
        Explainer { name: method.name, is_baseline: false, method: method.method, values, layer }
    }

    pub(super) const fn baseline(name: &'static str, method: &'static dyn Method) -> Explainer {
        Explainer { name, is_baseline: true, method, values: Values::new(), layer: LayerChoice::Auto }
    }

    /// The map of a class.
    ///
    /// # Errors
    /// As the method's.
    pub fn explain(
        &self,
        subject: Subject<'_>,
        class: usize,
        seed: u64,
        monitor: &Monitor<'_>,
    ) -> Result<Attribution, ExplainError> {
        let (layer, values) = (self.layer.clone(), self.values.clone());
        let request = Request { target: Target::Class(class), layer, values, seed, tolerance: None };
        self.method.explain(subject, &request, monitor)
    }
}
