//! Attention relevance: rollout of the attention that raises the target (Chefer et al., Generic attention-model
//! explainability, ICCV 2021).

use ndarray::{Array2, Zip};

use super::{Tokens, mean};
use crate::explain::{Attribution, ExplainError, Family, Method, MethodInfo, Monitor, Needs, Request, Subject};
use crate::network::{AttentionGradient, Network};

/// In each block the identity plus the mean over the heads of attention times gradient, positive parts only.
pub(in crate::explain) static ATTENTION_RELEVANCE: MethodInfo = MethodInfo {
    name: "attention-relevance",
    family: Family::Attention,
    help: "attention that raises the score, followed from the class token to the patches",
    reference: "Chefer et al., Generic Attention-model Explainability, ICCV 2021",
    needs: Needs { gradient: true, attention: true, ..Needs::NOTHING },
    own_params: &[],
    caution: None,
    method: &Relevance,
};

struct Relevance;

impl Method for Relevance {
    fn explain(
        &self,
        subject: Subject<'_>,
        request: &Request,
        monitor: &Monitor<'_>,
    ) -> Result<Attribution, ExplainError> {
        monitor.check()?;
        let tokens = Tokens::of(subject.network)?;
        let cotangent = request.target.cotangent(&subject.pass.logits)?;
        let blocks = subject.network.attention_gradients(subject.pass, &cotangent)?;
        Ok(tokens.attribution(subject.network, blocks.iter().map(passed_on)))
    }

    fn obstacle(&self, network: &Network) -> Option<String> {
        super::obstacle(network)
    }
}

fn passed_on(block: &AttentionGradient) -> Array2<f64> {
    let raising = Zip::from(&block.attention)
        .and(&block.gradient)
        .map_collect(|attention, gradient| (attention * gradient).max(0.0));
    let mut relevance = mean(raising.view());
    relevance.diag_mut().mapv_inplace(|own| own + 1.0);
    relevance
}
