//! In which order images are listed.

use std::cmp::Ordering;

use super::Entry;

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
}

impl Order {
    /// The next one, around.
    #[must_use]
    pub fn next(self) -> Order {
        match self {
            Order::Found => Order::HighestLoss,
            Order::HighestLoss => Order::LeastSure,
            Order::LeastSure => Order::Found,
        }
    }

    /// What comes first, in words; none for the order in which they were found.
    pub fn words(self) -> Option<&'static str> {
        match self {
            Order::Found => None,
            Order::HighestLoss => Some("highest loss first"),
            Order::LeastSure => Some("least sure first"),
        }
    }

    /// Which of two images comes first. Those of which the deciding number is not known come last.
    pub fn compare(self, one: &Entry, other: &Entry) -> Ordering {
        let value = |entry: &Entry| match self {
            Order::Found => None,
            Order::HighestLoss => entry.loss.map(|loss| -loss),
            Order::LeastSure => entry.best().map(|best| best.probability),
        };
        let value = |entry| value(entry).filter(|value| !value.is_nan());
        match (value(one), value(other)) {
            (Some(one), Some(other)) => one.total_cmp(&other),
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
    fn the_orders_follow_each_other_around() {
        let mut order = Order::default();
        let names = [(); 3].map(|()| {
            order = order.next();
            order.words()
        });
        assert_eq!(names, [Some("highest loss first"), Some("least sure first"), None]);
    }
}
