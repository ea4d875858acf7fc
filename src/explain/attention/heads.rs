//! What every head attends to, for an image: no map of a method, but what such maps are made of.

use std::sync::Arc;

use ndarray::{Array3, Axis};

use crate::explain::{ExplainError, Monitor, Subject};
use crate::network::{AttentionBlock, HeadMaps, Readout, TokenPlaces};

/// Whose attention is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Asking {
    /// That of the tokens that the classifier reads: the class token, or all patches on average.
    #[default]
    Read,
    /// That of a patch, by its number in the grid, row after row.
    Patch(usize),
}

/// The attention of one block, for an image.
#[derive(Debug, Clone)]
pub struct BlockHeads {
    /// The block.
    pub block: AttentionBlock,
    /// Every attention as the network has it, `[heads of all windows, asking, asked]`; each row adds up to 1.
    pub attention: HeadMaps,
    /// Where its tokens are in the image; none where that cannot be told.
    pub places: Option<Arc<TokenPlaces>>,
    readout: Readout,
}

impl BlockHeads {
    /// How much each head takes of each patch, `[heads, rows, columns]`, windows put back in place. What is missing to a sum of
    /// 1 is taken of class tokens and padding. None where it cannot be told where the tokens are, or there is no such patch.
    pub fn maps(&self, asking: Asking) -> Option<Array3<f32>> {
        let places = self.places.as_deref()?;
        let mut maps = Array3::zeros((places.heads, places.rows, places.columns));
        let rows = self.rows(places, asking)?;
        let share = 1.0 / rows.len() as f32;
        for (attention, (window, head)) in self.attention.axis_iter(Axis(0)).zip(&places.of) {
            for (_, row) in rows.iter().filter(|(asking, _)| asking == window) {
                for (taken, patch) in attention.row(*row).iter().zip(&places.windows[*window]) {
                    if let Some(patch) = patch {
                        maps[[*head, patch / places.columns, patch % places.columns]] += share * taken;
                    }
                }
            }
        }
        Some(maps)
    }

    /// The windows and rows of those who ask.
    fn rows(&self, places: &TokenPlaces, asking: Asking) -> Option<Vec<(usize, usize)>> {
        match (asking, &self.readout) {
            (Asking::Patch(patch), _) => Some(vec![places.of_patch(patch)?]),
            (Asking::Read, Readout::Tokens(tokens)) if places.windows.len() == 1 => {
                Some(tokens.iter().map(|token| (0, *token)).collect())
            }
            (Asking::Read, _) => {
                let windows = places.windows.iter().enumerate();
                let rows = windows.flat_map(|(window, tokens)| {
                    let patches = tokens.iter().enumerate().filter(|(_, patch)| patch.is_some());
                    patches.map(move |(row, _)| (window, row))
                });
                Some(rows.collect())
            }
        }
    }
}

/// Reads the attention of every block.
///
/// # Errors
/// When the network has none or cannot be run, or the monitor's user changed their mind.
pub fn attention_heads(subject: Subject<'_>, monitor: &Monitor<'_>) -> Result<Vec<BlockHeads>, ExplainError> {
    monitor.check()?;
    let attention = subject.network.attention();
    if attention.blocks.is_empty() {
        return Err(ExplainError::Unsuitable("it has no attention to look at".into()));
    }
    let maps = subject.network.attention_maps(subject.pass)?;
    let block = |(index, (block, attention_maps)): (usize, (&AttentionBlock, HeadMaps))| BlockHeads {
        block: block.clone(),
        attention: attention_maps,
        places: subject.network.token_places(index),
        readout: attention.readout.clone(),
    };
    Ok(attention.blocks.iter().zip(maps).enumerate().map(block).collect())
}
