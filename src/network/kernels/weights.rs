//! What a convolution's weights are made of, and one packed copy of them for all plans.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

use tract_onnx::prelude::*;

use super::constant;
use crate::kernels::{Algorithm, Geometry, InstructionSet, PackedConv, to_planes};

/// How one number a channel changes what a convolution gives: a normalisation that the exporter left beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Change {
    Times,
    Plus,
    Minus,
    Over,
}

/// Constants of the graph, and what to do with them.
pub(super) struct Recipe {
    /// Weights, then one for each change.
    constants: Vec<Arc<Tensor>>,
    changes: Vec<Change>,
    /// Whether the weights are a matrix [inputs, outputs].
    turned: bool,
}

/// Packed weights that are in use, by what they are made of.
static PACKED: LazyLock<Mutex<HashMap<Key, Entry>>> = LazyLock::new(Mutex::default);

#[derive(PartialEq, Eq, Hash)]
struct Key {
    geometry: Geometry,
    algorithm: Algorithm,
    /// Where the constants lie, which stays theirs alone while an entry points there.
    addresses: Vec<usize>,
    changes: Vec<Change>,
    turned: bool,
}

struct Entry {
    constants: Vec<Weak<Tensor>>,
    packed: Weak<PackedConv>,
}

impl Entry {
    fn is_in_use(&self) -> bool {
        self.packed.strong_count() > 0 && self.constants.iter().all(|constant| constant.strong_count() > 0)
    }
}

impl Recipe {
    /// The weights and the bias of a convolution; nothing where they are not constant.
    pub(super) fn of(graph: &TypedModel, conv: &TypedNode) -> Option<Recipe> {
        let constants: Vec<Arc<Tensor>> =
            conv.inputs[1..].iter().map(|input| constant(graph, *input)).collect::<Option<_>>()?;
        let is_float = |tensor: &Arc<Tensor>| tensor.datum_type() == f32::datum_type();
        let changes = vec![Change::Plus];
        (constants.len() == 2 && constants.iter().all(is_float)).then(|| Recipe { constants, changes, turned: false })
    }

    /// A matrix, [outputs, inputs], or [inputs, outputs] where it is `turned`, without a bias.
    pub(super) fn of_matrix(weights: Arc<Tensor>, turned: bool) -> Recipe {
        Recipe { constants: vec![weights], changes: vec![], turned }
    }

    /// Adds a change that `constant` holds: one number, or one for each channel of the result.
    pub(super) fn change(&mut self, change: Change, constant: Arc<Tensor>) {
        self.changes.push(change);
        self.constants.push(constant);
    }

    /// The weights as the kernel for images of `size` wants them: those that another plan has, or new ones.
    pub(super) fn packed(&self, geometry: Geometry, size: [usize; 2]) -> TractResult<Arc<PackedConv>> {
        let addresses = self.constants.iter().map(|constant| Arc::as_ptr(constant).addr()).collect();
        let algorithm = Algorithm::quickest(&geometry, size, InstructionSet::best());
        let key = Key { geometry, algorithm, addresses, changes: self.changes.clone(), turned: self.turned };
        let mut known = PACKED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(packed) = known.get(&key).and_then(|entry| entry.packed.upgrade()) {
            return Ok(packed);
        }
        let packed = Arc::new(self.pack(geometry, algorithm)?);
        known.retain(|_, entry| entry.is_in_use());
        let constants = self.constants.iter().map(Arc::downgrade).collect();
        known.insert(key, Entry { constants, packed: Arc::downgrade(&packed) });
        Ok(packed)
    }

    fn pack(&self, geometry: Geometry, algorithm: Algorithm) -> TractResult<PackedConv> {
        let mut weights = numbers(&self.constants[0])?;
        if self.turned {
            let rows = std::mem::take(&mut weights);
            weights = vec![0.0; rows.len()];
            to_planes(geometry.outputs, &rows, &mut weights);
        }
        let mut bias = vec![0.0; geometry.outputs];
        let each = weights.len() / geometry.outputs;
        for (change, constant) in self.changes.iter().zip(&self.constants[1..]) {
            let by = spread(constant, geometry.outputs)?;
            for (channel, by) in by.into_iter().enumerate() {
                let row = &mut weights[channel * each..][..each];
                match change {
                    Change::Plus => bias[channel] += by,
                    Change::Minus => bias[channel] -= by,
                    Change::Times => {
                        row.iter_mut().for_each(|weight| *weight *= by);
                        bias[channel] *= by;
                    }
                    Change::Over => {
                        row.iter_mut().for_each(|weight| *weight /= by);
                        bias[channel] /= by;
                    }
                }
            }
        }
        Ok(PackedConv::new(geometry, &weights, &bias, InstructionSet::best(), algorithm))
    }
}

fn numbers(tensor: &Tensor) -> TractResult<Vec<f32>> {
    Ok(tensor.try_as_plain_ram()?.as_slice::<f32>()?.to_vec())
}

/// One number for each channel.
fn spread(tensor: &Tensor, channels: usize) -> TractResult<Vec<f32>> {
    let numbers = numbers(tensor)?;
    Ok(if numbers.len() == 1 { vec![numbers[0]; channels] } else { numbers })
}
