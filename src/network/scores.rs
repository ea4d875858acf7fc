//! What a network says of one input: raw scores, and how they become what is shown.
//!
//! Methods explain raw scores, people read probabilities. Which function lies between the two is the model's business: a
//! softmax over classes of which one is right, a sigmoid of each where several may be, or nothing. [`Scoring`] holds that
//! once for a model, and [`Scores`] carries it with the numbers, so that nobody can put a softmax on top by habit.

use std::ops::Deref;
use std::sync::Arc;

use crate::text::words;

/// The least probability that counts in the loss of independent scores.
const LEAST_LIKELY: f32 = 1e-7;

/// The function from raw scores to probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OutputActivation {
    /// One of the classes is right: the probabilities add up to 1.
    Softmax,
    /// Each score by itself.
    Sigmoid,
    /// The scores are shown as they are.
    None,
}

words!(OutputActivation, "activation": "softmax" = OutputActivation::Softmax, "sigmoid" = OutputActivation::Sigmoid,
    "none" = OutputActivation::None);

/// What the graph does to each probability after the activation: `scale * p + shift`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rescaled {
    /// One a class.
    pub(crate) scale: Vec<f32>,
    /// One a class.
    pub(crate) shift: Vec<f32>,
}

/// How raw scores become probabilities, and which classes they then name.
#[derive(Debug, Clone, PartialEq)]
pub struct Scoring {
    /// The function.
    pub activation: OutputActivation,
    /// Whether exactly one class is right; otherwise any number of them may be.
    pub exclusive: bool,
    /// From which probability on a class is said, where several may be; in `[0, 1]`.
    pub threshold: f32,
    pub(crate) rescaled: Option<Rescaled>,
    /// Which raw scores belong to the classes, where the graph drops some after its softmax.
    pub(crate) selection: Option<Vec<usize>>,
}

/// The probability from which on a class is said, where nobody sets another.
pub(crate) const THRESHOLD: f32 = 0.5;

impl Default for Scoring {
    /// Raw scores of classes of which one is right, as most classifiers give them.
    fn default() -> Self {
        Scoring::new(OutputActivation::Softmax)
    }
}

impl Scoring {
    /// The usual meaning of an activation: scores that go through a sigmoid are independent of each other.
    pub fn new(activation: OutputActivation) -> Scoring {
        let exclusive = activation != OutputActivation::Sigmoid;
        Scoring { activation, exclusive, threshold: THRESHOLD, rescaled: None, selection: None }
    }

    /// Whether exactly one class is right and what is given of it is a probability.
    pub fn is_probable(&self) -> bool {
        self.exclusive && self.activation != OutputActivation::None
    }

    /// Puts raw scores into the order of the classes; those that belong to none come after.
    pub(crate) fn arrange(&self, raw: Vec<f32>) -> Vec<f32> {
        let Some(selection) = &self.selection else { return raw };
        let rest = (0..raw.len()).filter(|index| !selection.contains(index));
        selection.iter().copied().chain(rest).filter_map(|index| raw.get(index).copied()).collect()
    }

    /// The way back of [`Scoring::arrange`], for `length` raw scores; what is missing is 0.
    pub(crate) fn disarrange(&self, arranged: &[f32], length: usize) -> Vec<f32> {
        let Some(selection) = &self.selection else { return arranged.to_vec() };
        let rest = (0..length).filter(|index| !selection.contains(index));
        let mut raw = vec![0.0; length];
        for (index, value) in selection.iter().copied().chain(rest).zip(arranged) {
            raw[index] = *value;
        }
        raw
    }
}

/// The raw scores of one input, one a class, as the slice that it derefs to.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// Those of the classes first, then those that only take part in the softmax.
    raw: Vec<f32>,
    classes: usize,
    scoring: Arc<Scoring>,
}

impl Deref for Scores {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.raw[..self.classes]
    }
}

/// One class with its score, as the network gave it.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// Output index, from 0.
    pub index: usize,
    /// Raw score, before the activation.
    pub logit: f32,
    /// What the activation makes of it, in `[0, 1]`.
    pub probability: f32,
}

impl Scores {
    /// Scores as the network gives them.
    pub fn new(raw: Vec<f32>, scoring: &Arc<Scoring>) -> Scores {
        let classes = scoring.selection.as_ref().map_or(raw.len(), |selection| selection.len().min(raw.len()));
        Scores { raw: scoring.arrange(raw), classes, scoring: Arc::clone(scoring) }
    }

    /// Raw scores of classes of which one is right.
    pub fn softmax(raw: &[f32]) -> Scores {
        Scores::new(raw.to_vec(), &Arc::new(Scoring::default()))
    }

    /// How they become probabilities.
    pub fn scoring(&self) -> &Scoring {
        &self.scoring
    }

    /// How many numbers a cotangent has: one a class, and one for each further score in the softmax.
    pub(crate) fn degrees(&self) -> usize {
        self.raw.len()
    }

    /// The memory that they take, in bytes; what is shared by all scores of a model is not counted.
    pub fn bytes(&self) -> usize {
        size_of::<Scores>() + self.raw.len() * size_of::<f32>()
    }

    /// Whether every score is a number that can be reckoned with.
    pub fn are_finite(&self) -> bool {
        self.raw.iter().all(|score| score.is_finite())
    }

    /// What is shown of each class, by index: the network's own outputs where it has them.
    pub fn probabilities(&self) -> Vec<f32> {
        let mut values = match self.scoring.activation {
            OutputActivation::Softmax => softmax(&self.raw),
            OutputActivation::Sigmoid => self.raw.iter().copied().map(sigmoid).collect(),
            OutputActivation::None => self.raw.clone(),
        };
        values.truncate(self.classes);
        if let Some(Rescaled { scale, shift }) = &self.scoring.rescaled {
            for ((value, scale), shift) in values.iter_mut().zip(scale).zip(shift) {
                *value = *value * scale + shift;
            }
            let sum: f32 = values.iter().sum();
            if self.scoring.activation == OutputActivation::Softmax && sum > 0.0 {
                values.iter_mut().for_each(|value| *value /= sum);
            }
        }
        values
    }

    /// How undecided the probabilities are, in bits: 0 where one class has all of it; none where they do not add up to 1.
    pub fn entropy(&self) -> Option<f32> {
        let bits = |share: f32| if share > 0.0 { -share * share.log2() } else { 0.0 };
        let found = self.scoring.is_probable().then(|| self.probabilities().into_iter().map(bits).sum::<f32>());
        // The sum of one certainty is -0.
        found.map(|entropy| entropy.max(0.0))
    }

    /// By how much the probability of the best class exceeds that of the second; none where they are no probabilities.
    pub fn margin(&self) -> Option<f32> {
        let best = self.top(2);
        let [first, second] = &best[..] else { return None };
        self.scoring.is_probable().then_some(first.probability - second.probability)
    }

    /// The `count` best classes, best first; ties by index, NaN last.
    pub fn top(&self, count: usize) -> Vec<Prediction> {
        let probabilities = self.probabilities();
        let best = self.best_by(&probabilities, count).into_iter();
        best.map(|index| Prediction { index, logit: self[index], probability: probabilities[index] }).collect()
    }

    /// Class indices from the best to the worst.
    pub(crate) fn ranking(&self) -> Vec<usize> {
        self.best(self.classes)
    }

    /// The indices of the `count` best classes, best first.
    fn best(&self, count: usize) -> Vec<usize> {
        // The activation keeps the order; what the graph does to its result may not.
        if self.scoring.rescaled.is_none() {
            self.best_by(self, count)
        } else {
            self.best_by(&self.probabilities(), count)
        }
    }

    fn best_by(&self, probabilities: &[f32], count: usize) -> Vec<usize> {
        let by = if self.scoring.rescaled.is_none() { &**self } else { probabilities };
        let key = |index: &usize| if by[*index].is_nan() { f32::NEG_INFINITY } else { by[*index] };
        let compare = |a: &usize, b: &usize| key(b).total_cmp(&key(a)).then(a.cmp(b));
        let mut order: Vec<usize> = (0..self.classes).collect();
        if count < order.len() {
            order.select_nth_unstable_by(count, compare);
            order.truncate(count);
        }
        order.sort_unstable_by(compare);
        order
    }

    /// The classes that the model says are there: the best, or all whose probability reaches the threshold.
    pub fn said(&self) -> Vec<usize> {
        if self.scoring.exclusive {
            return self.best(1);
        }
        let probabilities = self.probabilities();
        (0..self.classes).filter(|class| probabilities[*class] >= self.scoring.threshold).collect()
    }

    /// Whether what is said is true: the class is one of those, or, where several may be said, they are the same.
    pub fn agree_with(&self, truth: &[usize]) -> bool {
        agree(&self.said(), truth, self.scoring.exclusive)
    }

    /// The cross-entropy with what is true, in nats: of the best of the true classes where one is said, the mean over all
    /// classes where several may be. None where nothing is known to be true, or a class does not exist.
    pub fn loss(&self, truth: &[usize]) -> Option<f32> {
        if truth.is_empty() || truth.iter().any(|class| *class >= self.classes) {
            return None;
        }
        let probabilities = self.probabilities();
        if self.scoring.exclusive {
            return truth.iter().map(|class| -probabilities[*class].ln()).reduce(f32::min);
        }
        // Bounded, so that one class that is certain and wrong does not drown the others.
        let each = probabilities.iter().enumerate().map(|(class, probability)| {
            let right = if truth.contains(&class) { *probability } else { 1.0 - probability };
            -right.max(LEAST_LIKELY).ln()
        });
        Some(each.sum::<f32>() / self.classes as f32)
    }

    /// The gradient of a class's probability with respect to the raw scores. Length: [`Scores::degrees`].
    pub(crate) fn probability_gradient(&self, class: usize) -> Vec<f32> {
        let mut gradient = vec![0.0; self.raw.len()];
        match self.scoring.activation {
            OutputActivation::Softmax => {
                // A factor a class before the division by the sum is a constant added to its score.
                let shifted = match &self.scoring.rescaled {
                    Some(Rescaled { scale, shift }) if shift.iter().all(|shift| *shift == 0.0) => {
                        let scaled = self.raw.iter().zip(scale.iter().copied().chain(std::iter::repeat(1.0)));
                        scaled.map(|(score, scale)| score + scale.max(f32::MIN_POSITIVE).ln()).collect()
                    }
                    _ => self.raw.clone(),
                };
                let probabilities = softmax(&shifted);
                for (other, value) in gradient.iter_mut().enumerate() {
                    let same = if other == class { 1.0 } else { 0.0 };
                    *value = probabilities[class] * (same - probabilities[other]);
                }
            }
            OutputActivation::Sigmoid => {
                let probability = sigmoid(self.raw[class]);
                gradient[class] = probability * (1.0 - probability);
            }
            OutputActivation::None => gradient[class] = 1.0,
        }
        gradient
    }
}

/// Whether the classes that are said are true: one of them where they exclude each other, else all of them and no other.
pub fn agree(said: &[usize], truth: &[usize], exclusive: bool) -> bool {
    let holds = |class: &usize| truth.contains(class);
    if exclusive { said.iter().any(holds) } else { said.iter().all(holds) && truth.iter().all(|c| said.contains(c)) }
}

/// Softmax, computed without overflow.
pub(crate) fn softmax(logits: &[f32]) -> Vec<f32> {
    let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exponentials: Vec<f32> = logits.iter().map(|logit| (logit - max).exp()).collect();
    let sum: f32 = exponentials.iter().sum();
    exponentials.iter().map(|e| e / sum).collect()
}

/// The logistic function.
pub(crate) fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(raw: &[f32], scoring: Scoring) -> Scores {
        Scores::new(raw.to_vec(), &Arc::new(scoring))
    }

    #[test]
    fn probabilities_of_huge_logits_are_finite_and_sum_to_one() {
        let top = Scores::softmax(&[1000.0, 999.0, -1000.0]).top(3);
        assert_eq!(top.iter().map(|p| p.index).collect::<Vec<_>>(), [0, 1, 2]);
        assert!((top.iter().map(|p| p.probability).sum::<f32>() - 1.0).abs() < 1e-6);
    }

    #[test]
    fn independent_scores_say_every_class_over_the_threshold_and_none_of_the_others() {
        let mut scoring = Scoring::new(OutputActivation::Sigmoid);
        let raw = [2.0, -1.0, 0.5, -3.0];
        assert_eq!(scores(&raw, scoring.clone()).said(), [0, 2]);
        scoring.threshold = 0.9;
        assert_eq!(scores(&raw, scoring.clone()).said(), [0; 0]);
        assert!((scores(&raw, scoring).probabilities()[0] - 0.880_797).abs() < 1e-6);
        assert_eq!(Scores::softmax(&raw).said(), [0], "of classes that exclude each other one is said");
    }

    #[test]
    fn the_loss_counts_what_is_missing_and_what_is_too_much() {
        let independent = |raw: &[f32]| scores(raw, Scoring::new(OutputActivation::Sigmoid)).loss(&[0, 1]).unwrap();
        assert!(independent(&[5.0, 5.0, -5.0]) < independent(&[5.0, -5.0, -5.0]));
        assert!(independent(&[5.0, 5.0, -5.0]) < independent(&[5.0, 5.0, 5.0]));
        let one = Scores::softmax(&[0.0, 0.0]);
        assert!(one.agree_with(&[0]) && one.agree_with(&[1, 0]) && !one.agree_with(&[1]));
        let several = scores(&[5.0, 5.0, -5.0], Scoring::new(OutputActivation::Sigmoid));
        assert!(several.agree_with(&[1, 0]) && !several.agree_with(&[0]) && !several.agree_with(&[0, 1, 2]));
        assert!((one.loss(&[1]).unwrap() - 2_f32.ln()).abs() < 1e-6);
        assert_eq!((one.loss(&[]), one.loss(&[2])), (None, None));
    }

    #[test]
    fn scores_that_the_graph_drops_still_take_part_in_the_softmax() {
        let scoring = Scoring { selection: Some(vec![2, 1]), ..Scoring::default() };
        let scores = scores(&[3.0, 1.0, 2.0], scoring);
        assert_eq!(&*scores, [2.0, 1.0]);
        let all = softmax(&[3.0, 1.0, 2.0]);
        let found = scores.probabilities();
        assert!((found[0] - all[2]).abs() < 1e-6 && (found[1] - all[1]).abs() < 1e-6, "{found:?}");
        // By differences: what the dropped score takes away counts too.
        let gradient = scores.probability_gradient(0);
        assert!((gradient[2] + all[2] * all[0]).abs() < 1e-6);
        assert_eq!(scores.scoring().disarrange(&[10.0, 20.0, 30.0], 3), [30.0, 20.0, 10.0]);
        assert_eq!(scores.scoring().disarrange(&[10.0, 20.0], 3), [0.0, 20.0, 10.0]);
    }

    #[test]
    fn weights_of_classes_after_a_softmax_change_shares_and_order() {
        let rescaled = Some(Rescaled { scale: vec![1.0, 4.0], shift: vec![0.0; 2] });
        let scoring = Scoring { rescaled, ..Scoring::default() };
        let scores = scores(&[0.5, 0.0], scoring);
        let found = scores.probabilities();
        assert!((found.iter().sum::<f32>() - 1.0).abs() < 1e-6 && found[1] > found[0]);
        assert_eq!(scores.ranking(), [1, 0]);
    }
}
