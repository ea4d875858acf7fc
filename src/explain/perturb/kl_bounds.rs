//! Confidence bounds of a share that was counted, as KL-LUCB uses them (Kaufmann and Kalyanakrishnan, COLT 2013).

/// The Kullback-Leibler divergence of two coins, in nats.
fn divergence(p: f64, q: f64) -> f64 {
    let term = |p: f64, q: f64| if p > 0.0 { p * (p / q.max(1e-300)).ln() } else { 0.0 };
    term(p, q) + term(1.0 - p, 1.0 - q)
}

/// The highest share that `count` trials with a mean of `mean` leave credible at exploration level `level`.
pub(super) fn upper(mean: f64, count: usize, level: f64) -> f64 {
    bound(mean, 1.0, count, level)
}

/// The lowest one.
pub(super) fn lower(mean: f64, count: usize, level: f64) -> f64 {
    bound(mean, 0.0, count, level)
}

/// The share furthest from the mean towards `end` with `count * divergence <= level`, by bisection.
fn bound(mean: f64, end: f64, count: usize, level: f64) -> f64 {
    if count == 0 {
        return end;
    }
    let most = level / count as f64;
    let (mut credible, mut beyond) = (mean, end);
    for _ in 0..40 {
        let middle = f64::midpoint(credible, beyond);
        if divergence(mean, middle) <= most { credible = middle } else { beyond = middle }
    }
    credible
}

/// The exploration level after `rounds` rounds with `arms` candidates, so that all bounds hold with probability
/// `1 - delta`; constants of the anchors paper's implementation.
pub(super) fn exploration(arms: usize, rounds: usize, delta: f64) -> f64 {
    let level = (405.5 * arms.max(1) as f64 * (rounds.max(1) as f64).powf(1.1) / delta).ln();
    level + level.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_close_in_on_the_mean() {
        let mut width = 1.0;
        for count in [1, 10, 100, 1000] {
            let (low, high) = (lower(0.9, count, 3.0), upper(0.9, count, 3.0));
            assert!(low <= 0.9 && 0.9 <= high && high - low <= width, "{count}: {low} {high}");
            width = high - low;
        }
        assert!(width < 0.1);
        assert_eq!((lower(0.5, 0, 3.0), upper(0.5, 0, 3.0)), (0.0, 1.0));
    }

    /// For a share of 1 the lower bound has a closed form: exp(-level / count).
    #[test]
    fn a_share_of_one_has_the_bound_of_its_closed_form() {
        assert!((lower(1.0, 50, 3.0) - (-3.0_f64 / 50.0).exp()).abs() < 1e-9);
    }
}
