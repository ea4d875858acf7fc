//! What stages of the network are called in a list: shortly, and each by a name of its own.

use std::collections::HashMap;

use super::strip::short;
use crate::app::StageRow;

/// The stages' names. Where several are parts of one module they have their operator too, and a number where that is the
/// same.
pub(super) fn stage_names(stages: &[StageRow]) -> Vec<String> {
    let operator = |at: usize| stages[at].operators.split(',').next().filter(|operator| !operator.is_empty());
    let short: Vec<String> = stages.iter().map(|stage| short(&stage.name)).collect();
    let counts = counts(&short);
    let told: Vec<String> = short
        .iter()
        .enumerate()
        .map(|(at, name)| match operator(at).filter(|_| counts[name.as_str()] > 1) {
            Some(operator) => format!("{name} {operator}"),
            None => name.clone(),
        })
        .collect();
    let mut seen: HashMap<&str, usize> = HashMap::new();
    let mut names = Vec::with_capacity(told.len());
    for name in &told {
        let count = seen.entry(name).or_default();
        *count += 1;
        names.push(if *count > 1 { format!("{name} {count}") } else { name.clone() });
    }
    names
}

fn counts(names: &[String]) -> HashMap<&str, usize> {
    let mut counts = HashMap::new();
    for name in names {
        *counts.entry(name.as_str()).or_default() += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_one_module_are_told_apart() {
        let named = |name: &str, operators: &str| StageRow {
            name: name.to_owned(),
            operators: operators.to_owned(),
            shape: vec![],
            layer: None,
            layers: vec![],
            weighted: vec![],
            weights: 0,
            work: 0,
            from: vec![],
            trunk: true,
        };
        let stages = [
            named("input", ""),
            named("layers.0.attn", "MatMul, Add"),
            named("layers.0.attn", "Softmax"),
            named("layers.0.attn", "MatMul"),
            named("/head/Gemm", "Gemm"),
        ];
        let expected = ["input", "layers.0.attn MatMul", "layers.0.attn Softmax", "layers.0.attn MatMul 2", "head"];
        assert_eq!(stage_names(&stages), expected);
    }
}
