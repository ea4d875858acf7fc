//! In which order images are listed.

use std::cmp::Ordering;

use super::{Change, Entry};

/// An order of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// As they were found: by name.
    #[default]
    Found,
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
            Order::Found => Order::HighestLoss,
            Order::HighestLoss => Order::LeastSure,
            Order::LeastSure if is_pair => Order::Broken,
            Order::LeastSure | Order::Broken => Order::Found,
        }
    }

    /// What comes first, in words; none for the order in which they were found.
    pub fn words(self) -> Option<&'static str> {
        match self {
            Order::Found => None,
            Order::HighestLoss => Some("highest loss first"),
            Order::LeastSure => Some("least sure first"),
            Order::Broken => Some("broken first"),
        }
    }

    /// Which of two images comes first. Those of which the deciding number is not known come last.
    pub fn compare(self, one: &Entry, other: &Entry) -> Ordering {
        let value = |entry: &Entry| match self {
            Order::Found => None,
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
    use super::super::entry::tests::{classified, pending};
    use super::*;

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
        let names = [(); 3].map(|()| {
            order = order.next(false);
            order.words()
        });
        assert_eq!(names, [Some("highest loss first"), Some("least sure first"), None]);
    }
}
