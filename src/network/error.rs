//! What can go wrong with a network.

use thiserror::Error;
use tract_onnx::prelude::TractError;

use crate::autodiff;
use crate::text::escape;

/// Why a network could not be built or run.
#[derive(Debug, Error)]
pub enum NetworkError {
    /// NaN or infinite scores, with which nothing can be said of the image.
    #[error("the scores are not finite: the first is {value} for class {class}{}", if *.all { ", and no other is finite" } else { "" })]
    NotFinite {
        /// The first class whose score is not finite.
        class: usize,
        /// NaN or an infinity.
        value: f32,
        /// Whether that holds for every class.
        all: bool,
    },
    /// tract refused.
    #[error("{attempt}: {}", reason(problem))]
    Tract {
        /// What was attempted, on which node.
        attempt: String,
        /// tract's account.
        problem: TractError,
    },
    /// No gradient.
    #[error(transparent)]
    Gradient(#[from] autodiff::Error),
    /// The layer named does not exist.
    #[error("no layer {name:?}; {}`seewhy model -v` lists all", did_you_mean(nearest.as_deref()))]
    NoSuchLayer {
        /// The name asked for.
        name: String,
        /// A layer that was meant perhaps.
        nearest: Option<String>,
    },
    /// What is called so is no layer.
    #[error(
        "{name:?} has no rows and columns that belong to the image's; `seewhy model -v` lists the layers that have"
    )]
    NoGrid {
        /// The name asked for.
        name: String,
    },
    /// No layer at all.
    #[error("no layer between input and logits has spatial extent")]
    NoLayers,
    /// No node of that name has weights.
    #[error("no weights at {name:?}; {}without --layer, `seewhy weights` lists all", did_you_mean(nearest.as_deref()))]
    NoSuchWeights {
        /// The name asked for.
        name: String,
        /// A node that was meant perhaps.
        nearest: Option<String>,
    },
    /// The input has another shape than the network's.
    #[error("the input has shape {found:?}, the network expects {expected:?}")]
    InputShape {
        /// What was given.
        found: Vec<usize>,
        /// What the network takes.
        expected: Vec<usize>,
    },
    /// A replaced activation or a cotangent has another shape than the value that it stands for.
    #[error("{what} has shape {found:?}, expected {expected:?}")]
    Shape {
        /// What was given.
        what: &'static str,
        /// Its shape.
        found: Vec<usize>,
        /// The shape of what it stands for.
        expected: Vec<usize>,
    },
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |nearest| format!("did you mean {nearest:?}? "))
}

/// For `map_err`: what was attempted.
pub(super) fn tract(attempt: impl Into<String>) -> impl FnOnce(TractError) -> NetworkError {
    |problem| NetworkError::Tract { attempt: attempt.into(), problem }
}

/// tract's error with its causes, on one line. It quotes whole nodes, weights and all, and the cause comes last: so each link
/// of the chain is shortened, and where there are too many, those in the middle go.
pub(crate) fn reason(error: &TractError) -> String {
    /// The most characters of a link, of the last one, and the most links.
    const LONGEST: usize = 120;
    const LONGEST_CAUSE: usize = 300;
    const MOST: usize = 4;
    let mut links: Vec<String> = error.chain().map(|link| without_dumps(&link.to_string())).collect();
    links.retain(|link| !link.is_empty());
    links.dedup();
    let count = links.len();
    if count > MOST {
        links.drain(2..count - (MOST - 2));
    }
    let last = links.len().saturating_sub(1);
    let shorten = |(at, link): (usize, &String)| shortened(link, if at == last { LONGEST_CAUSE } else { LONGEST });
    escape(&links.iter().enumerate().map(shorten).collect::<Vec<_>>().join(": ")).into_owned()
}

/// A message on one line, up to the first value that is printed with all its fields.
fn without_dumps(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let Some(start) = text.find(" { ") else { return text };
    let before = &text[..start];
    let kept = before.rfind(' ').map_or("", |word| &before[..word]);
    kept.trim_end_matches([':', ' ']).to_owned()
}

fn shortened(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn the_cause_is_kept_and_dumps_are_not() {
        let chain = |links: usize| {
            let mut error = Err::<(), _>(anyhow::anyhow!("Clashing resolution for expression. 3=5"));
            for link in 0..links {
                error =
                    error.context(format!("Translating node #{link} \"/f/If\" If Recorder {{ record: [\n 1, 2 ] }}"));
            }
            reason(&error.unwrap_err())
        };
        assert_eq!(chain(1), "Translating node #0 \"/f/If\" If: Clashing resolution for expression. 3=5");
        let long = chain(40);
        assert!(long.ends_with("Clashing resolution for expression. 3=5") && long.len() < 400, "{long}");
        let dump = anyhow::anyhow!("x".repeat(5000)).context("reading");
        assert!(reason(&dump).starts_with("reading: xxx") && reason(&dump).len() < 400);
    }
}
