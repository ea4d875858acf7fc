//! How far a model's predictions can be relied on, counted over many images.

use std::array;

use super::Answer;
use super::confusion::{Confusion, Mistakes};
use crate::gallery::Truth;
use crate::network::{Network, agree};

/// Bins of equal width over the probability of the best class, for [`Tally::calibration_error`].
const BINS: usize = Bin::COUNT;

/// The normal distribution's quantile for an interval of 95 %.
const Z: f64 = 1.959_963_984_540_054;

/// Counts over the images of one model.
#[derive(Debug, Clone)]
pub struct Tally {
    images: usize,
    known: usize,
    right: usize,
    among_few: usize,
    classes: Vec<ClassTally>,
    mistakes: Mistakes,
    /// None where the best class has no probability that could be held against anything.
    bins: Option<[Bin; BINS]>,
}

/// Counts over the images of one class, or that the model takes for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ClassTally {
    /// Images that are of it.
    pub images: usize,
    /// Images of which it is said and whose class is known.
    pub said: usize,
    /// Images that are of it and of which it is said.
    pub right: usize,
}

impl ClassTally {
    /// The part of those said that are; none where none is said.
    pub fn precision(&self) -> Option<f64> {
        part(self.right, self.said)
    }

    /// The part of those that are that is said; none where there is none.
    pub fn recall(&self) -> Option<f64> {
        part(self.right, self.images)
    }
}

/// The images whose best class has a probability in a range.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bin {
    images: usize,
    right: usize,
    probability: f64,
}

impl Bin {
    /// How many there are, of equal width.
    pub const COUNT: usize = 15;

    /// Between which probabilities the images of a bin lie; the upper end belongs to it.
    pub fn range(bin: usize) -> (f64, f64) {
        (bin as f64 / Bin::COUNT as f64, (bin + 1) as f64 / Bin::COUNT as f64)
    }

    /// How many images are in it.
    pub fn images(&self) -> usize {
        self.images
    }

    /// The part of them that is right.
    pub fn accuracy(&self) -> Option<f64> {
        part(self.right, self.images)
    }

    /// The mean probability of their best classes.
    pub fn confidence(&self) -> Option<f64> {
        (self.images > 0).then(|| self.probability / self.images as f64)
    }
}

impl Tally {
    /// How many of an answer's best classes are looked at, for [`Tally::top5`].
    pub const LOOKS_AT: usize = 5;

    /// Nothing counted yet, for what a network says.
    pub fn of(network: &Network) -> Tally {
        Tally::new(network.classes(), network.scoring().is_probable())
    }

    /// Nothing counted yet, for a model of `classes` classes. `is_probable` is whether exactly one class is right and what
    /// the model gives of it is a probability.
    pub fn new(classes: usize, is_probable: bool) -> Tally {
        Tally {
            images: 0,
            known: 0,
            right: 0,
            among_few: 0,
            classes: vec![ClassTally::default(); classes],
            mistakes: Mistakes::default(),
            bins: is_probable.then(|| array::from_fn(|_| Bin::default())),
        }
    }

    /// Counts an image; `answer` has its [`Tally::LOOKS_AT`] best classes at least, where there are as many.
    pub fn add(&mut self, answer: &Answer, truth: Option<&Truth>) {
        self.images += 1;
        let Some(truth) = truth else { return };
        let is_right = agree(&answer.said, truth.indices(), answer.exclusive);
        self.known += 1;
        self.right += usize::from(is_right);
        self.among_few += usize::from(answer.top.iter().take(Tally::LOOKS_AT).any(|class| truth.contains(class.index)));
        self.mistakes.add(answer, truth);
        for class in truth.indices() {
            if let Some(tally) = self.classes.get_mut(*class) {
                tally.images += 1;
                tally.right += usize::from(answer.said.contains(class));
            }
        }
        for class in &answer.said {
            if let Some(tally) = self.classes.get_mut(*class) {
                tally.said += 1;
            }
        }
        if let (Some(bins), Some(best)) = (&mut self.bins, answer.top.first()) {
            let bin = &mut bins[bin(best.probability)];
            bin.images += 1;
            bin.right += usize::from(is_right);
            bin.probability += f64::from(best.probability);
        }
    }

    /// How many images were counted.
    pub fn images(&self) -> usize {
        self.images
    }

    /// How many of them have a class that is known.
    pub fn known(&self) -> usize {
        self.known
    }

    /// How many of those are right.
    pub fn right(&self) -> usize {
        self.right
    }

    /// The part that is right of those whose class is known.
    pub fn accuracy(&self) -> Option<f64> {
        part(self.right, self.known)
    }

    /// Between which values the accuracy lies with a confidence of 95 %, were the images drawn by chance: Wilson's score
    /// interval (1927), which also holds near 0 and 1 and for few images.
    pub fn interval(&self) -> Option<[f64; 2]> {
        let (accuracy, count) = (self.accuracy()?, self.known as f64);
        let middle = (accuracy + Z * Z / (2.0 * count)) / (1.0 + Z * Z / count);
        let spread = accuracy * (1.0 - accuracy) / count + Z * Z / (4.0 * count * count);
        let half = Z * spread.sqrt() / (1.0 + Z * Z / count);
        Some([(middle - half).max(0.0), (middle + half).min(1.0)])
    }

    /// The part whose class is among the five best.
    pub fn top5(&self) -> Option<f64> {
        part(self.among_few, self.known)
    }

    /// How far probabilities are from the part that is right, on average, in `[0, 1]`: the expected calibration error over
    /// 15 bins of equal width (Guo et al., "On Calibration of Modern Neural Networks", 2017).
    pub fn calibration_error(&self) -> Option<f64> {
        let bins = self.bins.as_ref().filter(|_| self.known > 0)?;
        Some(bins.iter().map(|bin| (bin.right as f64 - bin.probability).abs()).sum::<f64>() / self.known as f64)
    }

    /// The bins by rising probability; none where the best class has no probability.
    pub fn bins(&self) -> Option<&[Bin]> {
        self.bins.as_ref().map(|bins| &bins[..])
    }

    /// The mean probability of the best class, over the images whose class is known.
    pub fn confidence(&self) -> Option<f64> {
        let bins = self.bins.as_ref().filter(|_| self.known > 0)?;
        Some(bins.iter().map(|bin| bin.probability).sum::<f64>() / self.known as f64)
    }

    /// The counts of each class, by its index.
    pub fn classes(&self) -> &[ClassTally] {
        &self.classes
    }

    /// Every mistake by its kind, the most frequent first.
    pub fn confusions(&self) -> Vec<Confusion> {
        self.mistakes.list()
    }
}

/// The bin of a probability. Upper ends belong to their bins, as in the paper; so 0 is in the first with what follows.
fn bin(probability: f32) -> usize {
    let upper = (probability * BINS as f32).ceil();
    (upper.clamp(1.0, BINS as f32) as usize) - 1
}

fn part(of: usize, all: usize) -> Option<f64> {
    (all > 0).then(|| of as f64 / all as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Prediction;

    fn answer(best: &[(usize, f32)]) -> Answer {
        let top = best.iter().map(|(index, probability)| Prediction {
            index: *index,
            logit: probability.ln(),
            probability: *probability,
        });
        Answer { top: top.collect(), said: vec![best[0].0], exclusive: true }
    }

    /// The best classes of an image with their probabilities, and the class that it is of.
    type Image<'a> = (&'a [(usize, f32)], Option<usize>);

    fn counted(images: &[Image<'_>]) -> Tally {
        let mut tally = Tally::new(3, true);
        images.iter().for_each(|(best, truth)| tally.add(&answer(best), truth.map(Truth::from).as_ref()));
        tally
    }

    #[test]
    fn images_without_a_class_count_as_images_alone() {
        let tally = counted(&[(&[(0, 0.9)], Some(0)), (&[(1, 0.8)], Some(0)), (&[(1, 0.8)], None)]);
        assert_eq!((tally.images(), tally.known(), tally.right(), tally.accuracy()), (3, 2, 1, Some(0.5)));
        let nothing = counted(&[(&[(1, 0.8)], None)]);
        assert_eq!((nothing.accuracy(), nothing.interval(), nothing.calibration_error()), (None, None, None));
    }

    #[test]
    fn precision_counts_what_is_said_and_recall_what_is() {
        let tally =
            counted(&[(&[(0, 0.9)], Some(0)), (&[(0, 0.9)], Some(0)), (&[(0, 0.9)], Some(1)), (&[(2, 0.9)], Some(0))]);
        let [zero, one, two] = tally.classes() else { panic!("three classes") };
        assert_eq!((zero.precision(), zero.recall()), (Some(2.0 / 3.0), Some(2.0 / 3.0)));
        assert_eq!((one.precision(), one.recall()), (None, Some(0.0)));
        assert_eq!((two.precision(), two.recall()), (Some(0.0), None));
        assert_eq!(tally.confusions().len(), 2);
    }

    #[test]
    fn the_true_class_among_the_five_best_is_enough_for_top5() {
        let best = [(0, 0.5), (1, 0.2), (2, 0.1), (3, 0.06), (4, 0.05), (5, 0.04)];
        assert_eq!(counted(&[(&best, Some(4)), (&best, Some(5))]).top5(), Some(0.5));
    }

    #[test]
    fn wilsons_interval_is_that_of_the_tables() {
        // 81 of 263: 0.2553 to 0.3662 (Newcombe, "Two-sided confidence intervals for the single proportion", 1998).
        let images: Vec<_> = (0..263).map(|i| (&[(0, 0.9)][..], Some(usize::from(i >= 81)))).collect();
        let [low, high] = counted(&images).interval().unwrap();
        assert!((low - 0.2553).abs() < 5e-5 && (high - 0.3662).abs() < 5e-5, "{low} {high}");
        let [low, high] = counted(&[(&[(0, 0.9)], Some(0))]).interval().unwrap();
        assert!(low > 0.0 && low < 0.5 && (high - 1.0).abs() < 1e-12, "{low} {high}");
    }

    #[test]
    fn calibration_weighs_each_bin_by_its_images() {
        // 3 at 0.9, of which 2 are right: |2 - 2.7|; 1 at 0.5, right: |1 - 0.5|; of 4.
        let tally =
            counted(&[(&[(0, 0.9)], Some(0)), (&[(0, 0.9)], Some(0)), (&[(0, 0.9)], Some(1)), (&[(1, 0.5)], Some(1))]);
        assert!((tally.calibration_error().unwrap() - 1.2 / 4.0).abs() < 1e-7);
        assert!((tally.confidence().unwrap() - 3.2 / 4.0).abs() < 1e-7);
        let [.., sure, _] = tally.bins().unwrap() else { panic!("bins") };
        assert_eq!((sure.images(), sure.accuracy()), (3, Some(2.0 / 3.0)));
        assert_eq!((bin(0.0), bin(1.0 / 15.0), bin(0.07), bin(1.0)), (0, 0, 1, 14));
    }
}
