//! Attention rollout: what the head reads, followed back through the attention of all blocks (Abnar and Zuidema, 2020).

use ndarray::{Array2, Axis};

use super::{Tokens, mean};
use crate::explain::{Attribution, ExplainError, Family, Method, MethodInfo, Monitor, Needs, Request, Subject};
use crate::network::Network;

/// In each block the mean over the heads, half of it and half of the token itself, which goes around the attention.
pub(in crate::explain) static ATTENTION_ROLLOUT: MethodInfo = MethodInfo {
    name: "attention-rollout",
    family: Family::Attention,
    help: "attention followed from the class token to the patches, through all blocks",
    reference: "Abnar and Zuidema, Quantifying Attention Flow in Transformers, ACL 2020",
    needs: Needs { attention: true, ..Needs::NOTHING },
    own_params: &[],
    caution: Some("does not depend on the target: it shows what the network attends to, not why this class"),
    method: &Rollout,
};

struct Rollout;

impl Method for Rollout {
    fn explain(
        &self,
        subject: Subject<'_>,
        request: &Request,
        monitor: &Monitor<'_>,
    ) -> Result<Attribution, ExplainError> {
        monitor.check()?;
        request.target.resolve(&subject.pass.logits)?;
        let tokens = Tokens::of(subject.network)?;
        let maps = subject.network.attention_maps(subject.pass)?;
        Ok(tokens.attribution(subject.network, maps.iter().map(|heads| passed_on(mean(heads.view())))))
    }

    fn obstacle(&self, network: &Network) -> Option<String> {
        super::obstacle(network)
    }
}

/// The attention with the way around it, each row adding up to 1.
fn passed_on(attention: Array2<f64>) -> Array2<f64> {
    let mut both = attention;
    both.diag_mut().mapv_inplace(|own| own + 1.0);
    for mut row in both.axis_iter_mut(Axis(0)) {
        let sum = row.sum();
        row /= sum;
    }
    both
}
