//! From an output of the graph back to the raw scores that it is made of.
//!
//! People export networks with a softmax or a sigmoid at the end, and with more behind it: a cast, a clip against zeros, a
//! factor that makes percent of shares. What is explained is the input of that softmax, so it is looked for through
//! everything that keeps the classes apart. What these operators do to the numbers is not read here but tried out
//! afterwards (`network::tail`), so that nothing depends on having understood each of them.

use tract_onnx::pb::{GraphProto, NodeProto};

use super::constants::Constants;

/// The function that makes probabilities at the end of a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Softmax,
    /// Its logarithm.
    LogSoftmax,
    Sigmoid,
    /// A sigmoid of straight lines, which has no raw scores worth explaining.
    HardSigmoid,
}

/// An output of the graph, and where its raw scores are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OutputSpec {
    /// The tensor's name.
    pub(super) name: String,
    /// The tensor that holds the raw scores: the input of what makes the output, or the output itself.
    pub(super) logits: String,
    /// What makes probabilities of the raw scores.
    pub(super) ending: Option<Ending>,
    /// What its values are made of, where no single function makes all of them: averages or products of the results of
    /// several softmaxes or sigmoids.
    pub(super) made_of: Option<Ending>,
    /// Why it holds no scores of classes, where that is certain: the operator that made it.
    pub(super) no_scores: Option<&'static str>,
}

/// Operators after which it is not known any more which value belongs to which class.
const NO_SCORES: &[&str] = &[
    "TopK",
    "ArgMax",
    "ArgMin",
    "ReduceMax",
    "ReduceMin",
    "NonMaxSuppression",
    "NonZero",
    "OneHot",
    "Hardmax",
    "Greater",
    "GreaterOrEqual",
    "Less",
    "LessOrEqual",
    "Equal",
];

/// Operators that keep the classes apart, whatever else they do to their first input.
const KEEPS_CLASSES: &[&str] = &[
    "Identity",
    "Flatten",
    "Reshape",
    "Squeeze",
    "Unsqueeze",
    "Transpose",
    "Dropout",
    "Cast",
    "CastLike",
    "Clip",
    "Round",
    "Slice",
    "Gather",
    "GatherND",
    "Split",
    "Neg",
    "QuantizeLinear",
    "DequantizeLinear",
];

/// Operators that do so where their other input is a constant.
const KEEPS_CLASSES_WITH_CONSTANT: &[&str] = &["Mul", "Add", "Sub", "Div", "Max", "Min"];

/// Operators that make shares of shares, class by class.
const COMBINES_SHARES: &[&str] = &["Add", "Sub", "Mul", "Max", "Min", "Mean", "Sum", "Concat", "ReduceMean"];

/// Reads backwards from a tensor.
pub(super) fn output(graph: &GraphProto, name: &str) -> OutputSpec {
    let reader = Reader::new(graph);
    let found = reader.find(name);
    let (logits, ending) = found.map_or((name, None), |(logits, ending)| (logits, Some(ending)));
    let no_scores = if ending.is_none() { reader.no_scores(name) } else { None };
    let made_of = reader.made_of(name, &mut reader.longest.saturating_add(1));
    OutputSpec { name: name.to_owned(), logits: logits.to_owned(), ending, made_of, no_scores }
}

struct Reader<'a> {
    constants: Constants<'a>,
    /// A broken file may go round in circles.
    longest: usize,
}

impl<'a> Reader<'a> {
    fn new(graph: &'a GraphProto) -> Reader<'a> {
        Reader { constants: Constants::of(graph, None), longest: graph.node.len() }
    }

    fn operator(&self, tensor: &str) -> Option<(&'a str, &'a NodeProto)> {
        self.constants.maker(tensor).map(|node| (node.op_type.as_str(), node))
    }

    /// The inputs of a tensor's node, if it is of this kind.
    fn inputs_of(&self, tensor: &str, operator: &str) -> Option<&'a [String]> {
        self.operator(tensor).filter(|(found, _)| *found == operator).map(|(_, node)| &node.input[..])
    }

    fn input_of(&self, tensor: &str, operator: &str) -> Option<&'a str> {
        self.inputs_of(tensor, operator)?.first().map(String::as_str)
    }

    /// The tensor that a node passes on class by class.
    fn through(&self, tensor: &str) -> Option<&'a str> {
        let (operator, node) = self.operator(tensor)?;
        let first = node.input.first()?;
        if KEEPS_CLASSES.contains(&operator) {
            return Some(first);
        }
        if !KEEPS_CLASSES_WITH_CONSTANT.contains(&operator) {
            return None;
        }
        match &node.input[..] {
            [a, b] if self.constants.holds(b) => Some(a),
            [a, b] if self.constants.holds(a) && operator != "Div" => Some(b),
            _ => None,
        }
    }

    /// The raw scores and what is done to them.
    fn find(&self, name: &str) -> Option<(&'a str, Ending)> {
        let mut tensor: &str = name;
        let (mut logarithm, mut exponential) = (false, false);
        for _ in 0..=self.longest {
            let found = self.ending(tensor);
            match found {
                Some((logits, Ending::Softmax)) if logarithm => return Some((logits, Ending::LogSoftmax)),
                Some((logits, Ending::LogSoftmax)) if exponential => return Some((logits, Ending::Softmax)),
                Some(_) if logarithm || exponential => return None,
                Some(found) => return Some(found),
                None => {}
            }
            if let Some(input) = self.input_of(tensor, "Log") {
                (logarithm, tensor) = (true, input);
            } else if let Some(input) = self.input_of(tensor, "Exp") {
                (exponential, tensor) = (true, input);
            } else {
                tensor = self.through(tensor)?;
            }
        }
        None
    }

    /// The raw scores, where this very tensor is the result of a softmax or sigmoid, be it written out.
    fn ending(&self, tensor: &str) -> Option<(&'a str, Ending)> {
        let (operator, node) = self.operator(tensor)?;
        let first = node.input.first()?.as_str();
        match operator {
            "Softmax" => Some((first, Ending::Softmax)),
            "LogSoftmax" => Some((first, Ending::LogSoftmax)),
            "Sigmoid" => Some((first, Ending::Sigmoid)),
            "HardSigmoid" => Some((tensor_of(node), Ending::HardSigmoid)),
            "Div" => {
                let second = node.input.get(1)?;
                self.softmax(first, second).map(|scores| (scores, Ending::Softmax)).or_else(|| {
                    self.sigmoid(second).filter(|_| self.constants.holds(first)).map(|s| (s, Ending::Sigmoid))
                })
            }
            "Mul" => {
                let second = node.input.get(1)?;
                let one_way = |a: &str, b: &str| self.softmax(a, self.input_of(b, "Reciprocal")?);
                one_way(first, second).or_else(|| one_way(second, first)).map(|scores| (scores, Ending::Softmax))
            }
            "Reciprocal" => self.sigmoid(first).map(|scores| (scores, Ending::Sigmoid)),
            "Sub" => {
                // x - log(sum(exp(x)))
                let sum = self.kept(node.input.get(1)?);
                let whole = self.input_of(sum, "ReduceLogSumExp").or_else(|| {
                    self.input_of(self.kept(self.input_of(self.input_of(sum, "Log")?, "ReduceSum")?), "Exp")
                });
                (self.kept(whole?) == self.kept(first)).then_some((first, Ending::LogSoftmax))
            }
            _ => None,
        }
    }

    /// The scores `x` where the tensors are `exp(x)` and the sum of that, with or without the largest subtracted before.
    fn softmax(&self, share: &str, sum: &str) -> Option<&'a str> {
        let scores = self.input_of(self.kept(share), "Exp")?;
        let summed = self.input_of(self.kept(self.input_of(self.kept(sum), "ReduceSum")?), "Exp")?;
        if self.kept(scores) != self.kept(summed) {
            return None;
        }
        let less = self.inputs_of(scores, "Sub").and_then(|inputs| {
            let [whole, largest] = inputs else { return None };
            let of = self.input_of(self.kept(largest), "ReduceMax")?;
            (self.kept(of) == self.kept(whole)).then_some(whole.as_str())
        });
        Some(less.unwrap_or(scores))
    }

    /// The score `x` where the tensor is `1 + exp(-x)`.
    fn sigmoid(&self, tensor: &str) -> Option<&'a str> {
        let inputs = self.inputs_of(tensor, "Add")?;
        let exponential = inputs.iter().find_map(|input| self.input_of(input, "Exp"))?;
        inputs.iter().any(|input| self.constants.holds(input)).then(|| self.input_of(exponential, "Neg"))?
    }

    /// The tensor before operators that change nothing but its shape or type, or keep it from 0.
    fn kept<'t>(&self, tensor: &'t str) -> &'t str
    where
        'a: 't,
    {
        let mut tensor: &'t str = tensor;
        for _ in 0..=self.longest {
            let Some((operator, node)) = self.operator(tensor) else { break };
            let shape_only =
                ["Identity", "Cast", "Unsqueeze", "Squeeze", "Reshape", "Expand", "Clip"].contains(&operator);
            let (Some(first), true) = (node.input.first(), shape_only) else { break };
            tensor = first;
        }
        tensor
    }

    /// The function whose results a tensor is made of. `steps` are how many nodes may still be looked at.
    fn made_of(&self, tensor: &str, steps: &mut usize) -> Option<Ending> {
        *steps = steps.checked_sub(1)?;
        match self.ending(tensor) {
            Some((_, Ending::LogSoftmax)) => return None,
            Some((_, Ending::Softmax)) => return Some(Ending::Softmax),
            Some((_, Ending::Sigmoid | Ending::HardSigmoid)) => return Some(Ending::Sigmoid),
            None => {}
        }
        if let Some(input) = self.through(tensor) {
            return self.made_of(input, steps);
        }
        let (_, node) = self.operator(tensor).filter(|(operator, _)| COMBINES_SHARES.contains(operator))?;
        let inputs = if node.op_type == "ReduceMean" { node.input.get(..1)? } else { &node.input[..] };
        let varying = inputs.iter().filter(|input| !self.constants.holds(input));
        let parts: Option<Vec<Ending>> = varying.map(|input| self.made_of(input, steps)).collect();
        let parts = parts.filter(|parts| !parts.is_empty())?;
        Some(if parts.contains(&Ending::Sigmoid) { Ending::Sigmoid } else { Ending::Softmax })
    }

    /// The operator that took the classes away, where one did.
    fn no_scores(&self, name: &str) -> Option<&'static str> {
        let mut tensor: &str = name;
        for _ in 0..=self.longest {
            let (operator, _) = self.operator(tensor)?;
            if let Some(found) = NO_SCORES.iter().find(|known| **known == operator) {
                return Some(found);
            }
            tensor = self.through(tensor)?;
        }
        None
    }
}

fn tensor_of(node: &NodeProto) -> &str {
    node.output.first().map_or("", String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A graph of nodes written `output = Operator(input, ...)`; `c` and `one` are constants.
    fn read(nodes: &[&str]) -> OutputSpec {
        let node = |text: &&str| {
            let (output, call) = text.split_once(" = ").unwrap();
            let (operator, inputs) = call.trim_end_matches(')').split_once('(').unwrap();
            NodeProto {
                op_type: operator.into(),
                input: inputs.split(", ").map(Into::into).collect(),
                output: vec![output.into()],
                ..NodeProto::default()
            }
        };
        let mut graph = GraphProto { node: nodes.iter().map(node).collect(), ..GraphProto::default() };
        for name in ["c", "one"] {
            let constant = tract_onnx::pb::TensorProto { name: name.into(), ..Default::default() };
            graph.initializer.push(constant);
        }
        output(&graph, "y")
    }

    #[test]
    fn raw_scores_are_found_behind_whatever_keeps_the_classes_apart() {
        for (nodes, ending) in [
            (&["y = Softmax(x)"][..], Ending::Softmax),
            (&["p = Softmax(x)", "y = Clip(p, c, one)"], Ending::Softmax),
            (&["p = Softmax(x)", "q = Cast(p)", "y = Mul(c, q)"], Ending::Softmax),
            (&["p = Softmax(x)", "q = QuantizeLinear(p, c, c)", "y = DequantizeLinear(q, c, c)"], Ending::Softmax),
            (&["p = Softmax(x)", "y = Log(p)"], Ending::LogSoftmax),
            (&["p = LogSoftmax(x)", "y = Exp(p)"], Ending::Softmax),
            (&["p = Sigmoid(x)", "y = Slice(p, c, c)"], Ending::Sigmoid),
            (&["e = Exp(x)", "s = ReduceSum(e)", "y = Div(e, s)"], Ending::Softmax),
            (
                &["m = ReduceMax(x)", "z = Sub(x, m)", "e = Exp(z)", "s = ReduceSum(e)", "y = Div(e, s)"],
                Ending::Softmax,
            ),
            (&["e = Exp(x)", "s = ReduceSum(e)", "r = Reciprocal(s)", "y = Mul(r, e)"], Ending::Softmax),
            (&["s = ReduceLogSumExp(x)", "y = Sub(x, s)"], Ending::LogSoftmax),
            (&["n = Neg(x)", "e = Exp(n)", "d = Add(e, one)", "y = Div(one, d)"], Ending::Sigmoid),
            (&["n = Neg(x)", "e = Exp(n)", "d = Add(one, e)", "y = Reciprocal(d)"], Ending::Sigmoid),
        ] {
            let found = read(nodes);
            assert_eq!((found.logits.as_str(), found.ending), ("x", Some(ending)), "{nodes:?}");
        }
    }

    #[test]
    fn what_mixes_classes_is_not_looked_through() {
        for nodes in [
            &["p = Softmax(x)", "q = Softmax(z)", "y = Add(p, q)"][..],
            &["p = Softmax(x)", "y = MatMul(p, c)"],
            &["p = Softmax(x)", "y = Div(c, p)"],
            &["e = Exp(x)", "f = Exp(z)", "s = ReduceSum(f)", "y = Div(e, s)"],
            &["y = Gemm(x, c)"],
            &["y = Identity(y)"],
        ] {
            let found = read(nodes);
            assert_eq!((found.logits.as_str(), found.ending, found.no_scores), ("y", None, None), "{nodes:?}");
        }
    }

    #[test]
    fn averages_are_known_by_what_they_are_made_of() {
        for (nodes, made_of) in [
            (&["p = Sigmoid(x)", "q = Sigmoid(z)", "s = Add(p, q)", "y = Div(s, c)"][..], Some(Ending::Sigmoid)),
            (&["p = Softmax(x)", "q = Softmax(z)", "s = Concat(p, q)", "y = ReduceMean(s)"], Some(Ending::Softmax)),
            (&["p = Softmax(x)", "q = Sigmoid(z)", "y = Mul(p, q)"], Some(Ending::Sigmoid)),
            (&["p = Softmax(x)", "y = Sub(one, p)"], Some(Ending::Softmax)),
            (&["p = Sigmoid(x)", "y = Mul(x, p)"], None),
            (&["p = Softmax(x)", "y = MatMul(p, z)"], None),
            (&["y = Add(y, y)"], None),
        ] {
            assert_eq!(read(nodes).made_of, made_of, "{nodes:?}");
        }
    }

    #[test]
    fn sorted_values_and_indices_are_no_scores() {
        assert_eq!(read(&["p = Softmax(x)", "y = TopK(p, c)"]).no_scores, Some("TopK"));
        assert_eq!(read(&["a = ArgMax(x)", "y = Cast(a)"]).no_scores, Some("ArgMax"));
    }
}
