//! What a second model changes, image by image and on the whole.

use serde::{Serialize, Serializer};

use super::Answer;
use crate::gallery::Truth;
use crate::network::agree;

/// What becomes of an image with the second model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    /// The first is wrong and the second right.
    Fixed,
    /// The first is right and the second wrong.
    Broken,
    /// Both are right.
    BothRight,
    /// Both are wrong, with the same class or another.
    BothWrong,
    /// Nothing is known to be true; they say the same.
    Agree,
    /// Nothing is known to be true; they don't say the same.
    Disagree,
}

impl Serialize for Change {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl Change {
    /// What it is called, in lines and in filters.
    pub fn name(self) -> &'static str {
        match self {
            Change::Fixed => "fixed",
            Change::Broken => "broken",
            Change::BothRight => "both-right",
            Change::BothWrong => "both-wrong",
            Change::Agree => "agree",
            Change::Disagree => "disagree",
        }
    }

    /// The change from the first answer to the second, both in the classes of one of the models. `truth` likewise.
    pub fn of(first: &Answer, second: &Answer, truth: Option<&Truth>) -> Change {
        let Some(truth) = truth else {
            return if same(first, second) { Change::Agree } else { Change::Disagree };
        };
        let is_right = |answer: &Answer| agree(&answer.said, truth.indices(), answer.exclusive);
        match (is_right(first), is_right(second)) {
            (false, true) => Change::Fixed,
            (true, false) => Change::Broken,
            (true, true) => Change::BothRight,
            (false, false) => Change::BothWrong,
        }
    }
}

/// Whether two answers name the same classes, in whatever order.
pub fn same(first: &Answer, second: &Answer) -> bool {
    let within = |these: &[usize], those: &[usize]| these.iter().all(|class| those.contains(class));
    within(&first.said, &second.said) && within(&second.said, &first.said)
}

/// The probability that two models that are equally good differ as much as this or more: McNemar's exact test, two-sided.
/// Of `fixed + broken` images each is either with probability one half. 1 where nothing changed.
///
/// McNemar, "Note on the sampling error of the difference between correlated proportions or percentages", 1947.
pub fn mcnemar(fixed: usize, broken: usize) -> f64 {
    let count = fixed + broken;
    // The terms C(n, k) / 2^n from k = 0 on, as logarithms: the first underflows from n = 1075 on.
    let mut term = -(count as f64) * std::f64::consts::LN_2;
    let mut tail = 0.0;
    for k in 0..=fixed.min(broken) {
        tail += term.exp();
        term += ((count - k) as f64).ln() - ((k + 1) as f64).ln();
    }
    (2.0 * tail).min(1.0)
}

/// Counts over the images of two models.
#[derive(Debug, Clone)]
pub struct Comparison {
    images: usize,
    known: usize,
    right: [usize; 2],
    fixed: usize,
    broken: usize,
    same: usize,
    classes: Vec<Rights>,
}

/// How many images of a class there are, and how many of them each model gets right.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rights {
    /// Images that are of it.
    pub images: usize,
    /// Those that the first and the second model get right.
    pub right: [usize; 2],
}

impl Comparison {
    /// Nothing counted yet, over so many classes of both models.
    pub fn new(classes: usize) -> Comparison {
        Comparison {
            images: 0,
            known: 0,
            right: [0; 2],
            fixed: 0,
            broken: 0,
            same: 0,
            classes: vec![Rights::default(); classes],
        }
    }

    /// Counts an image, as [`Change::of`] looks at it.
    pub fn add(&mut self, first: &Answer, second: &Answer, truth: Option<&Truth>) -> Change {
        let change = Change::of(first, second, truth);
        self.images += 1;
        self.same += usize::from(same(first, second));
        self.fixed += usize::from(change == Change::Fixed);
        self.broken += usize::from(change == Change::Broken);
        let Some(truth) = truth else { return change };
        let both = change == Change::BothRight;
        let right = [both || change == Change::Broken, both || change == Change::Fixed].map(usize::from);
        let add = |counts: &mut [usize; 2]| counts.iter_mut().zip(right).for_each(|(count, right)| *count += right);
        self.known += 1;
        add(&mut self.right);
        for class in truth.indices() {
            if let Some(rights) = self.classes.get_mut(*class) {
                rights.images += 1;
                add(&mut rights.right);
            }
        }
        change
    }

    /// How many images were counted.
    pub fn images(&self) -> usize {
        self.images
    }

    /// How many of them have a class that is known.
    pub fn known(&self) -> usize {
        self.known
    }

    /// The part that the first and the second model get right of those whose class is known.
    pub fn accuracies(&self) -> Option<[f64; 2]> {
        (self.known > 0).then(|| self.right.map(|right| right as f64 / self.known as f64))
    }

    /// How many the first gets wrong and the second right.
    pub fn fixed(&self) -> usize {
        self.fixed
    }

    /// How many the first gets right and the second wrong.
    pub fn broken(&self) -> usize {
        self.broken
    }

    /// The part of all images of which both say the same.
    pub fn agreement(&self) -> Option<f64> {
        (self.images > 0).then(|| self.same as f64 / self.images as f64)
    }

    /// See [`mcnemar`]; none where no class is known.
    pub fn p(&self) -> Option<f64> {
        (self.known > 0).then(|| mcnemar(self.fixed, self.broken))
    }

    /// The counts of each class, by its index.
    pub fn classes(&self) -> &[Rights] {
        &self.classes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(classes: &[usize]) -> Answer {
        Answer { top: vec![], said: classes.to_vec(), exclusive: classes.len() == 1 }
    }

    #[test]
    fn a_change_is_named_by_who_is_right() {
        let change = |first, second, truth: Option<usize>| {
            Change::of(&says(&[first]), &says(&[second]), truth.map(Truth::from).as_ref())
        };
        assert_eq!(change(1, 2, Some(2)), Change::Fixed);
        assert_eq!(change(1, 2, Some(1)), Change::Broken);
        assert_eq!(change(1, 1, Some(1)), Change::BothRight);
        assert_eq!(change(1, 2, Some(3)), Change::BothWrong);
        assert_eq!(change(1, 1, None), Change::Agree);
        assert_eq!(change(1, 2, None), Change::Disagree);
        assert_eq!(Change::of(&says(&[1, 2]), &says(&[2, 1]), None), Change::Agree);
        assert_eq!(Change::of(&says(&[1, 2]), &says(&[2]), None), Change::Disagree);
    }

    #[test]
    fn a_comparison_adds_up_changes_and_rights() {
        let mut comparison = Comparison::new(3);
        for (first, second, truth) in [(0, 0, Some(0)), (0, 1, Some(0)), (2, 1, Some(1)), (2, 2, Some(1)), (1, 2, None)]
        {
            comparison.add(&says(&[first]), &says(&[second]), truth.map(Truth::from).as_ref());
        }
        assert_eq!((comparison.images(), comparison.known()), (5, 4));
        assert_eq!((comparison.fixed(), comparison.broken()), (1, 1));
        assert_eq!(comparison.accuracies(), Some([0.5, 0.5]));
        assert_eq!((comparison.agreement(), comparison.p()), (Some(0.4), Some(1.0)));
        let rights = [([2, 1], 2), ([0, 1], 2), ([0, 0], 0)].map(|(right, images)| Rights { images, right });
        assert_eq!(comparison.classes(), rights);
    }

    #[test]
    fn the_exact_test_adds_up_the_binomial_distribution() {
        // By hand: of 8 with 1 or fewer, 9 of 256 on one side; of 2, everything.
        assert!((mcnemar(7, 1) - 18.0 / 256.0).abs() < 1e-15 && (mcnemar(1, 7) - 18.0 / 256.0).abs() < 1e-15);
        assert!((mcnemar(5, 0) - 2.0 / 32.0).abs() < 1e-15);
        assert_eq!((mcnemar(0, 0), mcnemar(1, 1), mcnemar(3, 3)), (1.0, 1.0, 1.0));
        // Far beyond what 2^-n can hold by itself: near the normal distribution's 2 (1 - phi(z)), z = 99 / sqrt(2100).
        let many = mcnemar(1100, 1000);
        assert!((many - 0.0307).abs() < 3e-4, "{many}");
        let more = mcnemar(5100, 4900);
        assert!((more - 0.0466).abs() < 3e-4, "{more}");
    }
}
