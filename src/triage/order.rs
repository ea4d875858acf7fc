//! In which order images are listed.

use std::cmp::Ordering;

use super::{Change, Entry};

/// An order of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// As they were found: by name.
    #[default]
    Found,
    /// Mistakes, the most confident first; then what is right, the least confident first.
    Confident,
    /// By the loss (the cross-entropy with the true class), the highest first: what the model is most wrong about.
    HighestLoss,
    /// By the probability of the best class, the lowest first.
    LeastSure,
    /// What a second model breaks, and then the rest: by how much the probability of what is true falls, the most first.
    /// Where nothing is known to be true, what the models do not agree on.
    Broken,
}

impl Order {
    /// The next one, around; one of them is for two models.
    #[must_use]
    pub fn next(self, is_pair: bool) -> Order {
        match self {
            Order::Found => Order::Confident,
            Order::Confident => Order::HighestLoss,
            Order::HighestLoss => Order::LeastSure,
            Order::LeastSure if is_pair => Order::Broken,
            Order::LeastSure | Order::Broken => Order::Found,
        }
    }

    /// Whether it puts mistakes first, and means nothing where nobody knows what is true.
    pub fn needs_truth(self) -> bool {
        matches!(self, Order::Confident | Order::HighestLoss)
    }

    /// What comes first, in words; none for the order in which they were found.
    pub fn words(self) -> Option<&'static str> {
        match self {
            Order::Found => None,
            Order::Confident => Some("sure but wrong first"),
            Order::HighestLoss => Some("highest loss first"),
            Order::LeastSure => Some("least sure first"),
            Order::Broken => Some("broken first"),
        }
    }

    /// Which of two images comes first. Those of which the deciding number is not known come last.
    pub fn compare(self, one: &Entry, other: &Entry) -> Ordering {
        let value = |entry: &Entry| match self {
            Order::Found => None,
            Order::Confident => {
                let confidence = entry.confidence()?;
                Some(if entry.is_right()? { (1, confidence) } else { (0, -confidence) })
            }
            Order::HighestLoss => entry.loss.map(|loss| (0, -loss)),
            Order::LeastSure => entry.best().map(|best| (0, best.probability)),
            Order::Broken => match entry.change()? {
                Change::Broken => Some((0, -entry.fall()?)),
                Change::Disagree => Some((1, 0.0)),
                Change::Fixed | Change::BothRight | Change::BothWrong => Some((2, -entry.fall()?)),
                Change::Agree => Some((3, 0.0)),
            },
        };
        let value = |entry| value(entry).filter(|(_, value)| !value.is_nan());
        match (value(one), value(other)) {
            (Some(one), Some(other)) => one.0.cmp(&other.0).then(one.1.total_cmp(&other.1)),
            (one, other) => one.is_none().cmp(&other.is_none()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Outcome;
    use super::super::entry::tests::{classified, pending, tagged};
    use super::*;
    use crate::network::Prediction;

    fn sorted(order: Order) -> Vec<String> {
        let mut entries = [
            pending("pending"),
            classified("unlabelled", None, 0, 0.2),
            classified("right", Some(1), 1, 0.9),
            classified("doubtful", Some(1), 1, 0.4),
            classified("sure and wrong", Some(0), 1, 0.95),
            classified("wrong", Some(0), 1, 0.5),
        ];
        entries.sort_by(|a, b| order.compare(a, b));
        entries.map(|entry| entry.name).to_vec()
    }

    #[test]
    fn the_highest_losses_come_first_and_what_is_unknown_last() {
        let order = ["sure and wrong", "wrong", "doubtful", "right", "pending", "unlabelled"];
        assert_eq!(sorted(Order::HighestLoss), order);
    }

    #[test]
    fn what_is_not_a_number_is_unknown() {
        for order in [Order::HighestLoss, Order::LeastSure] {
            for nan in [f32::NAN, -f32::NAN] {
                let broken = Entry { loss: Some(nan), ..classified("broken", None, 0, nan) };
                assert_eq!(order.compare(&broken, &classified("a", Some(0), 0, 0.9)), Ordering::Greater);
                assert_eq!(order.compare(&broken, &pending("b")), Ordering::Equal);
            }
        }
    }

    #[test]
    fn mistakes_come_first_the_most_confident_before_others_and_last_what_is_surely_right() {
        let order = ["sure and wrong", "wrong", "doubtful", "right", "pending", "unlabelled"];
        assert_eq!(sorted(Order::Confident), order);
        let mut several = [
            tagged("one is said that is not there", &[0], &[0, 1]),
            tagged("one is missed", &[0, 2], &[0]),
            tagged("right", &[0], &[0]),
        ];
        for entry in &mut several {
            let Outcome::Classified(answer) = &mut entry.outcome else { continue };
            answer.top = [0.9, 0.7, 0.1]
                .into_iter()
                .enumerate()
                .map(|(index, probability)| Prediction { index, logit: 0.0, probability })
                .collect();
        }
        several.sort_by(|a, b| Order::Confident.compare(a, b));
        assert_eq!(several.map(|entry| entry.name), ["one is missed", "one is said that is not there", "right"]);
    }

    #[test]
    fn the_least_sure_come_first_whatever_is_true() {
        let order = ["unlabelled", "doubtful", "wrong", "right", "sure and wrong", "pending"];
        assert_eq!(sorted(Order::LeastSure), order);
    }

    #[test]
    fn what_the_second_breaks_comes_first_the_largest_fall_of_what_is_true_before_others() {
        let pair = |name: &str, truth: Option<usize>, [first, second]: [(usize, f32); 2]| {
            let second = classified(name, truth, second.0, second.1);
            let answer = second.answer().cloned();
            Entry { second: answer, second_loss: second.loss, ..classified(name, truth, first.0, first.1) }
        };
        let mut entries = [
            classified("not asked yet", Some(1), 1, 0.9),
            pair("agreed", None, [(0, 0.2), (0, 0.9)]),
            pair("disputed", None, [(0, 0.2), (1, 0.9)]),
            pair("less sure", Some(1), [(1, 0.9), (1, 0.3)]),
            pair("fixed", Some(1), [(0, 0.9), (1, 0.9)]),
            pair("broken a little", Some(1), [(1, 0.5), (0, 0.5)]),
            pair("broken", Some(1), [(1, 0.9), (0, 0.9)]),
        ];
        entries.sort_by(|a, b| Order::Broken.compare(a, b));
        let names = entries.map(|entry| entry.name);
        let expected = ["broken", "broken a little", "disputed", "less sure", "fixed", "agreed", "not asked yet"];
        assert_eq!(names, expected);
    }

    #[test]
    fn the_orders_follow_each_other_around() {
        let mut order = Order::default();
        let names = [(); 4].map(|()| {
            order = order.next(false);
            order.words()
        });
        assert_eq!(names, [Some("sure but wrong first"), Some("highest loss first"), Some("least sure first"), None]);
    }
}
