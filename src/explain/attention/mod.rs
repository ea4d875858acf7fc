//! What the methods share that follow a transformer's attention, from what the head reads back to the patches.
//!
//! Each block passes tokens on through a matrix `[N, N]`: how much each token after it has of each one before it. The product
//! of all of them, from the last block down, says how much the tokens that the head reads have of each patch. Only rows of
//! it are needed, so that vectors are multiplied and no matrices.

pub(super) mod heads;
pub(super) mod relevance;
pub(super) mod rollout;

use ndarray::{Array1, Array2, ArrayView3, Axis};

use crate::explain::cam::postprocess;
use crate::explain::{Attribution, ExplainError, Sign};
use crate::network::{Network, Patches, Readout};

/// Why attention cannot be followed through a network, in words, where it cannot.
fn obstacle(network: &Network) -> Option<String> {
    network.attention().patches().err().map(|reason| reason.to_string())
}

/// How the tokens of a network are followed.
struct Tokens {
    patches: Patches,
    /// How much of each token the head reads after the last block, `[N]`.
    read: Array1<f64>,
}

impl Tokens {
    /// Of a network in which they can be.
    fn of(network: &Network) -> Result<Tokens, ExplainError> {
        let attention = network.attention();
        let patches = attention.patches().map_err(|reason| ExplainError::Unsuitable(reason.to_string()))?;
        let count = attention.blocks.first().map_or(0, |block| block.tokens.0);
        let rows = match &attention.readout {
            Readout::Tokens(tokens) => tokens.clone(),
            Readout::Patches => (patches.prefix..patches.prefix + patches.rows * patches.columns).collect(),
        };
        let mut read = Array1::zeros(count);
        for row in &rows {
            read[*row] = 1.0 / rows.len() as f64;
        }
        Ok(Tokens { patches, read })
    }

    /// The map of how much the head reads of each patch, when each block passes tokens on as `blocks` say, from the first
    /// to the last.
    fn attribution(&self, network: &Network, blocks: impl DoubleEndedIterator<Item = Array2<f64>>) -> Attribution {
        let row = blocks.rev().fold(self.read.clone(), |row, block| row.dot(&block));
        let Patches { prefix, rows, columns } = self.patches;
        let raw = Array2::from_shape_fn((rows, columns), |(y, x)| row[prefix + y * columns + x] as f32);
        let (height, width) = network.input_extent();
        let map = postprocess(std::slice::from_ref(&raw), height, width);
        Attribution { flatness: flatness(&raw), raw: raw.into_dyn(), ..Attribution::new(map, Sign::Positive) }
    }
}

/// The mean over the heads of `[heads, N, N]`.
fn mean(heads: ArrayView3<'_, f32>) -> Array2<f64> {
    let mut sum = Array2::zeros((heads.len_of(Axis(1)), heads.len_of(Axis(2))));
    for head in heads.axis_iter(Axis(0)) {
        sum.zip_mut_with(&head, |sum: &mut f64, value| *sum += f64::from(*value));
    }
    sum / heads.len_of(Axis(0)).max(1) as f64
}

/// Why all patches count the same, where they do.
fn flatness(raw: &Array2<f32>) -> Option<String> {
    let (low, high) =
        raw.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), value| (low.min(*value), high.max(*value)));
    if !(low.is_finite() && high.is_finite()) {
        return Some("the attention holds values that are not finite".into());
    }
    (high - low <= f32::EPSILON * high.abs()).then(|| "the map is flat: all patches count the same".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn heads_are_averaged() {
        let heads = array![[[1.0_f32, 0.0], [0.0, 1.0]], [[0.0, 1.0], [0.0, 1.0]]];
        assert_eq!(mean(heads.view()), array![[0.5, 0.5], [0.0, 1.0]]);
    }

    #[test]
    fn patches_that_count_the_same_make_a_flat_map() {
        assert!(flatness(&array![[0.25, 0.25]]).is_some() && flatness(&array![[f32::NAN, 0.0]]).is_some());
        assert_eq!(flatness(&array![[0.25, 0.5]]), None);
    }
}
