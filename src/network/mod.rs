//! The network as plans that run: forward, from a layer to the logits with the gradient, gradient of the input.
//!
//! The graph is kept as tract types it, before decluttering, where nodes are still those of the ONNX file. Each plan is a
//! part of it, cut out, differentiated where gradients are wanted, and then optimised as one graph. A [`Pass`] keeps the
//! values of the layers that every path goes through, so that other targets and other layers need no second forward run:
//! a layer's gradient starts from the nearest kept value before it.

mod affine;
mod attention;
mod backward;
mod dense;
mod digits;
mod error;
mod extract;
mod forward;
mod grid;
mod head;
mod incremental;
mod kernels;
mod layers;
mod layout;
mod modules;
mod names;
mod pass;
mod passes;
mod plans;
mod randomise;
mod scores;
mod stages;
pub(crate) mod tail;
mod tensors;
mod threads;
mod times;
mod values;
mod weights;
mod windows;

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, OnceLock};

use tract_onnx::prelude::*;

use crate::autodiff;
pub use crate::autodiff::Unsupported;
pub use attention::{Attention, AttentionBlock, AttentionGradient, HeadMaps, NotFollowed, Patches, Readout};
pub use backward::{Backward, BackwardKind};
pub use error::NetworkError;
pub(crate) use error::reason;
use error::tract;
use extract::{concrete, without_weights};
use head::Head;
use incremental::RegionalPlans;
pub use incremental::{ChangedRegion, ReceptiveField, ReceptiveFields, RegionalRuns};
use layers::Layers;
pub use layers::{Layer, LayerLayout};
pub use layout::Layout;
pub use names::{NodeNames, OnnxNode};
pub use pass::{Activation, LayerGradient, Pass};
use plans::{Lazy, PlanCache};
pub use scores::{OutputActivation, Prediction, Scores, Scoring, agree};
pub use stages::Stage;
pub use threads::with_threads;
pub use times::{StageTime, StageTimes};
pub use values::NodeValue;
pub use weights::{WeightKind, Weights};
pub use windows::TokenPlaces;

/// The longest layer whose value a pass keeps, in numbers: 4 MB. The gradient at a longer one costs nearly as much as that
/// at the input, and the few steps to it do not count.
const LONGEST_KEPT: usize = 1 << 20;

/// How many plans of single layers and of modified backward passes are kept.
const KEPT_PLANS: NonZeroUsize = NonZeroUsize::new(4).expect("4 is not 0");

/// A loaded classifier network. Plans are built on first use; every method may be called from several threads.
pub struct Network {
    /// The whole graph, with one input and the logits as its only output.
    graph: TypedModel,
    names: NodeNames,
    input: OutletId,
    logits: OutletId,
    input_shape: Vec<usize>,
    /// Whether the channels are the input's last axis.
    layout: Layout,
    classes: usize,
    scoring: Arc<Scoring>,
    layers: Layers,
    attention: OnceLock<Attention>,
    unsupported: Vec<Unsupported>,
    unsupported_by: Mutex<HashMap<BackwardKind, Arc<[Unsupported]>>>,
    /// The way back to the layer that `auto` picks, where it is short.
    head: Option<Head>,
    /// The outlets whose values a [`Pass`] keeps.
    kept: Vec<OutletId>,
    forward: Lazy,
    logits_only: Lazy,
    input_gradient: Lazy,
    way_back: Lazy,
    plans: PlanCache,
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
    /// scores are (`[1, K]`, or with further axes of 1), the input of a final softmax; `layout` is the order of the input's
    /// axes.
    ///
    /// # Errors
    /// When the graph is malformed or its shapes are symbolic.
    pub fn new(
        mut graph: TypedModel,
        logits: OutletId,
        names: NodeNames,
        layout: Layout,
    ) -> Result<Network, NetworkError> {
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
            layout,
            input_shape,
            classes,
            scoring: Arc::default(),
            layers,
            attention: OnceLock::new(),
            unsupported: vec![],
            unsupported_by: Mutex::default(),
            head,
            kept,
            forward: Lazy::default(),
            logits_only: Lazy::default(),
            input_gradient: Lazy::default(),
            way_back: Lazy::default(),
            plans: PlanCache::new(KEPT_PLANS),
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
        match (self.layout, &self.input_shape[..]) {
            (Layout::Nchw, [_, _, height, width]) | (Layout::Nhwc, [_, height, width, _]) => (*height, *width),
            _ => (1, 1),
        }
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

    /// The index of the layer with this name: of its node or its tensor; of a module, the last layer inside it.
    ///
    /// # Errors
    /// [`NetworkError::NoSuchLayer`], or [`NetworkError::NoGrid`].
    pub fn find_layer(&self, name: &str) -> Result<usize, NetworkError> {
        let places = self.names.find(name);
        let found = places.iter().rev().find_map(|place| self.layers.outlets.iter().position(|outlet| outlet == place));
        found.ok_or_else(|| match &places[..] {
            [] => self.no_such_layer(name, self.layers.outlets.iter().copied()),
            _ => NetworkError::NoGrid { name: name.to_owned() },
        })
    }

    /// The names that [`Network::find_layer`] finds a layer by: its node's, its tensor's, and the path of its module, which
    /// later layers may share.
    pub fn names_of_layer(&self, layer: usize) -> Vec<String> {
        let Layer { name, tensor, .. } = &self.layers.list[layer];
        let node = self.names.output(self.layers.outlets[layer]).map(|(node, _)| node);
        let mut names = vec![name.clone(), tensor.clone()];
        names.extend(node.and_then(modules::module));
        names.dedup();
        names
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
}

/// Whether a pass keeps the value of a layer.
fn is_kept(layers: &Layers, layer: usize) -> bool {
    let length: usize = layers.list[layer].shape.iter().product();
    layers.list[layer].trunk && length <= LONGEST_KEPT
}
